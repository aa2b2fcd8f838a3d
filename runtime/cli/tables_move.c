/*
 * tables_move.c: `tables export` and `tables import`: tables with their rows from one cluster to another, or to and from a directory.
 *
 * A directory holds for each table DATABASE.TABLE/ with table.json (Fluss's descriptor), partitions (a name a line), a file of Fluss log
 * batches per bucket (SLOT-BUCKET.log, Arrow; the slot is the partition's line, or 0), and last of all `complete`.
 *
 * Rows of a log table keep their order within each bucket, and their buckets where both tables spread rows alike. Of a primary-key table
 * its rows as they are now are moved, not how they came about: those of its kv snapshot, and behind that of its changelog.
 * Nothing is ever added to a table, or to a table's directory, that is there already.
 */
#include "tables.h"

#include "base/alloc.h"
#include "base/file.h"
#include "catalog/fold.h"
#include "catalog/scan_log.h"
#include "fluss/client/scanner.h"
#include "fluss/client/snapshot_reader.h"
#include "fluss/client/writer.h"
#include "fluss/record/descriptor.h"
#include "fluss/record/key.h"
#include "fluss/record/log_batch.h"
#include "fluss/record/partition.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOVE_ARENA_BYTES_MAX ((size_t)64 << 20)
#define MOVE_BATCH_BYTES_MAX ((size_t)256 << 20)
#define MOVE_TABLES_MAX 4096
#define MOVE_PARTITIONS_MAX 100000
#define MOVE_TIMEOUT_MS 120000

/* One table on its way. What is of the source is set before anything of the destination. */
typedef struct move {
    const slu_args *args;
    slu_table_name name;
    slu_arena arena; /* of this table */
    /* From a cluster or a directory. */
    fluss_client *from;
    const char *from_dir;
    fluss_target *source;        /* of a cluster */
    fluss_descriptor descriptor; /* as it is made at the destination */
    fluss_table table;           /* of the source: how its rows look */
    const char **partitions;     /* by slot of the source; of a table without partitions one that is NULL */
    int32_t partition_count;
    /* To a cluster or a directory. */
    fluss_client *to;
    const char *to_dir;
    fluss_target *target;
    fluss_writer *writer;
    bool same_buckets;
    FILE *file;
    slu_ipc_codec *codec;
    slu_buf bytes;
    int32_t *selection;
    int32_t *buckets;
    int64_t room;
    int64_t rows;
} move;

/* "a/b", "." and whatever has no :PORT is a directory. */
static bool
place_is_directory(const char *place)
{
    const char *colon = strrchr(place, ':');
    return strchr(place, '/') != NULL || colon == NULL || colon[1] == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1);
}

static slu_status
table_dir(const move *m, const char *dir, const char *file, char out[SLU_PATH_BYTES_MAX], slu_error *err)
{
    if (snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s.%s%s%s", dir, m->name.database, m->name.table, file[0] == 0 ? "" : "/", file) >=
        SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
    return SLU_OK;
}

/* ---- What is moved --------------------------------------------------------------------------------------------------------------- */

/* What a server only tells its clients about its lake is no property of a new table. */
static bool
property_is_told(const char *key)
{
    static const char *const told[] = {"table.datalake.iceberg.", "table.datalake.paimon.", "table.datalake.lance.",
                                       "table.datalake.hudi."};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (strncmp(key, told[i], strlen(told[i])) == 0)
            return true;
    return false;
}

/* The command line's settings over the table's own. */
static slu_status
descriptor_clean(move *m, slu_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->descriptor.property_count; i++)
        if (!property_is_told(m->descriptor.properties[i].key))
            m->descriptor.properties[kept++] = m->descriptor.properties[i];
    m->descriptor.property_count = kept;
    for (uint32_t i = 0; i < m->args->setting_count; i++)
        if (strncmp(m->args->settings[i].name, "table.", 6) == 0)
            SLU_TRY(fluss_descriptor_set(&m->descriptor, &m->arena, m->args->settings[i].name, m->args->settings[i].text, err));
    return SLU_OK;
}

/* The descriptor twice: as the source has it (how its rows look follows from that), and as the destination gets it. */
static slu_status
source_describe(move *m, slu_view json, slu_error *err)
{
    fluss_descriptor *own = slu_arena_alloc(&m->arena, sizeof *own);
    SLU_TRY(slu_arena_status(&m->arena, err));
    SLU_TRY(fluss_descriptor_decode(json, &m->arena, own, err));
    SLU_TRY(fluss_descriptor_decode(json, &m->arena, &m->descriptor, err));
    SLU_TRY(fluss_table_init(&m->table, own, 0, 1, &m->arena, err));
    return descriptor_clean(m, err);
}

static slu_status
partitions_of_target(move *m, slu_error *err)
{
    m->partition_count = fluss_target_slot_count(m->source);
    m->partitions = slu_arena_array(&m->arena, (size_t)m->partition_count + 1, sizeof *m->partitions);
    SLU_TRY(slu_arena_status(&m->arena, err));
    for (int32_t slot = 0; slot < m->partition_count; slot++)
        m->partitions[slot] = fluss_target_slot(m->source, slot).name;
    return SLU_OK;
}

static slu_status
source_open_cluster(move *m, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(fluss_target_open(m->from, m->name.database, m->name.table, &m->source, err));
    SLU_TRY(fluss_target_wait(m->source, TABLES_TIMEOUT_MS, err));
    SLU_TRY(fluss_target_slots_wait(m->source, TABLES_TIMEOUT_MS, err));
    SLU_TRY(fluss_descriptor_encode(fluss_target_table(m->source)->descriptor, &json, err));
    SLU_TRY(source_describe(m, slu_buf_view(&json), err));
    return partitions_of_target(m, err);
}

static slu_status
partitions_of_file(move *m, slu_buf *text, slu_error *err)
{
    m->partitions = slu_arena_array(&m->arena, MOVE_PARTITIONS_MAX, sizeof *m->partitions);
    char *copy = slu_arena_strdup(&m->arena, slu_buf_cstr(text));
    SLU_TRY(slu_arena_status(&m->arena, err));
    if (m->table.partition_column_count == 0) {
        m->partitions[m->partition_count++] = NULL;
        return SLU_OK;
    }
    for (char *save = NULL, *name = strtok_r(copy, "\n", &save); name != NULL; name = strtok_r(NULL, "\n", &save)) {
        if (m->partition_count == MOVE_PARTITIONS_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d partitions", MOVE_PARTITIONS_MAX);
        m->partitions[m->partition_count++] = name;
    }
    return SLU_OK;
}

static slu_status
source_open_dir(move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(table_dir(m, m->from_dir, "complete", path, err));
    if (access(path, R_OK) != 0)
        return slu_error_set(err, SLU_NOTFOUND, "%s holds no whole export of %s.%s (there is no %s)", m->from_dir, m->name.database,
                             m->name.table, path);
    SLU_TRY(table_dir(m, m->from_dir, "table.json", path, err));
    SLU_TRY(slu_file_read(path, FLUSS_JSON_BYTES_MAX, &text, err));
    SLU_TRY(source_describe(m, slu_buf_view(&text), err));
    slu_buf_reset(&text);
    SLU_TRY(table_dir(m, m->from_dir, "partitions", path, err));
    SLU_TRY(slu_file_read(path, FLUSS_JSON_BYTES_MAX, &text, err));
    return partitions_of_file(m, &text, err);
}

/* ---- Where it goes --------------------------------------------------------------------------------------------------------------- */

static slu_status
target_open_dir(move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(slu_dir_make(m->to_dir, err));
    SLU_TRY(table_dir(m, m->to_dir, "", path, err));
    if (mkdir(path, 0755) != 0)
        return errno == EEXIST
                   ? slu_error_set(err, SLU_CONFLICT, "%s is there already: remove it, or export to another directory", path)
                   : slu_errno_set(err, errno, "mkdir", path);
    SLU_TRY(fluss_descriptor_encode(&m->descriptor, &text, err));
    SLU_TRY(table_dir(m, m->to_dir, "table.json", path, err));
    SLU_TRY(slu_file_write(path, slu_buf_view(&text), true, err));
    slu_buf_reset(&text);
    for (int32_t slot = 0; slot < m->partition_count && m->partitions[slot] != NULL; slot++)
        slu_buf_printf(&text, "%s\n", m->partitions[slot]);
    SLU_TRY(slu_buf_status(&text, err));
    SLU_TRY(table_dir(m, m->to_dir, "partitions", path, err));
    return slu_file_write(path, slu_buf_view(&text), true, err);
}

/* "a$b" as a spec of the table's keys. */
static slu_status
partition_make(move *m, const char *name, slu_error *err)
{
    const char *values[FLUSS_SPEC_KEYS_MAX];
    char *copy = slu_arena_strdup(&m->arena, name);
    const size_t count = m->descriptor.partition_key_count;
    SLU_TRY(slu_arena_status(&m->arena, err));
    for (size_t i = 0; i < count; i++) {
        char *end = copy == NULL ? NULL : strchr(copy, '$');
        if (i >= FLUSS_SPEC_KEYS_MAX || copy == NULL || (end == NULL) != (i + 1 == count))
            return slu_error_set(err, SLU_CORRUPT, "\"%s\" names no partition of %zu keys", name, count);
        if (end != NULL)
            *end = 0;
        values[i] = copy;
        copy = end == NULL ? NULL : end + 1;
    }
    const fluss_spec spec = {m->descriptor.partition_keys, values, count};
    return fluss_admin_create_partition(m->to, m->name.database, m->name.table, &spec, true, err);
}

static slu_status
target_open_cluster(move *m, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(fluss_descriptor_encode(&m->descriptor, &json, err));
    SLU_TRY(fluss_admin_create_database(m->to, m->name.database, true, err));
    const slu_status made = fluss_admin_create_table(m->to, m->name.database, m->name.table, slu_buf_view(&json), false, err);
    if (made == SLU_CONFLICT)
        return slu_error_in(err, made, "nothing is added to a table that is there: drop it, or leave it out");
    SLU_TRY(made);
    SLU_TRY(fluss_target_open(m->to, m->name.database, m->name.table, &m->target, err));
    SLU_TRY(fluss_target_wait(m->target, TABLES_TIMEOUT_MS, err));
    for (int32_t slot = 0; slot < m->partition_count && m->partitions[slot] != NULL; slot++)
        SLU_TRY(partition_make(m, m->partitions[slot], err));
    const fluss_table *there = fluss_target_table(m->target);
    m->same_buckets = there->bucket_count == m->table.bucket_count &&
                      (there->bucket_column_count == 0 ||
                       (there->bucket_function == m->table.bucket_function && there->bucket_encoding == m->table.bucket_encoding));
    return fluss_writer_open(m->target, &(fluss_writer_options){.delivery_timeout_ms = MOVE_TIMEOUT_MS}, &m->writer, err);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------------ */

static slu_status
room_reserve(move *m, int64_t rows, slu_error *err)
{
    if (rows <= m->room)
        return SLU_OK;
    slu_free(m->selection);
    slu_free(m->buckets);
    m->selection = slu_alloc((size_t)rows * sizeof *m->selection);
    m->buckets = slu_alloc((size_t)rows * sizeof *m->buckets);
    m->room = m->selection != NULL && m->buckets != NULL ? rows : 0;
    return m->room > 0 ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %lld rows", (long long)rows);
}

static slu_status
number_write(move *m, int32_t number, const struct ArrowArray *array, const int32_t *selection, int64_t rows, slu_error *err)
{
    for (;;) {
        const slu_status status = fluss_writer_write(m->writer, number, &m->table.arrow, array, selection, rows, NULL, err);
        if (status != SLU_AGAIN)
            return status;
        if (slu_cli_interrupted())
            return slu_error_set(err, SLU_CLOSED, "interrupted: the table at the destination is not whole, drop it");
        fluss_client_step(m->to, 100);
    }
}

/* Spreads rows as the destination does. */
static slu_status
rows_spread(move *m, int32_t slot, const struct ArrowArray *array, const int32_t *selection, int64_t rows, slu_error *err)
{
    const fluss_table *there = fluss_target_table(m->target);
    SLU_AUTO(slu_buf_fini) slu_buf memory = {0};
    slu_buf_init(&memory, MOVE_BATCH_BYTES_MAX);
    int32_t *of_bucket = (int32_t *)(void *)slu_buf_extend(&memory, (size_t)rows * sizeof *of_bucket);
    if (of_bucket == NULL)
        return slu_buf_status(&memory, err);
    SLU_TRY(fluss_table_buckets(there, &m->table.arrow, array, selection, rows, m->buckets, err));
    for (int32_t bucket = 0; bucket < there->bucket_count; bucket++) {
        int64_t count = 0;
        for (int64_t i = 0; i < rows; i++)
            if (m->buckets[i] == bucket)
                of_bucket[count++] = selection[i];
        if (count > 0)
            SLU_TRY(number_write(m, slot * there->bucket_count + bucket, array, of_bucket, count, err));
    }
    return SLU_OK;
}

static slu_status
rows_to_cluster(move *m, int32_t source_slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection,
                int64_t rows, slu_error *err)
{
    int32_t slot = 0;
    if (m->partitions[source_slot] != NULL)
        SLU_TRY(fluss_target_slot_named(m->target, m->partitions[source_slot], -1, &slot, err));
    if (!m->same_buckets)
        return rows_spread(m, slot, array, selection, rows, err);
    return number_write(m, slot * m->table.bucket_count + bucket, array, selection, rows, err);
}

static slu_status
rows_to_file(move *m, int32_t slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
             slu_error *err)
{
    char file[64], path[SLU_PATH_BYTES_MAX];
    fluss_log_spec spec = fluss_log_spec_of(&m->table, m->codec);
    spec.log_format = FLUSS_LOG_ARROW;
    spec.writer_id = -1;
    spec.sequence = -1;
    (void)snprintf(file, sizeof file, "%d-%d.log", slot, bucket);
    SLU_TRY(table_dir(m, m->to_dir, file, path, err));
    if (m->file == NULL && (m->file = fopen(path, "wxe")) == NULL)
        return slu_errno_set(err, errno, "create", path);
    slu_buf_reset(&m->bytes);
    SLU_TRY(fluss_log_encode(&spec, &m->table.descriptor->schema, &m->table.arrow, array, selection, rows, NULL, &m->bytes, err));
    if (fwrite(m->bytes.data, 1, m->bytes.bytes, m->file) != m->bytes.bytes)
        return slu_errno_set(err, errno, "write", path);
    return SLU_OK;
}

/* Rows [first, first + count) of an array, or those of a selection. */
static slu_status
rows_put(move *m, int32_t slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection, int64_t first,
         int64_t count, slu_error *err)
{
    if (count == 0)
        return SLU_OK;
    SLU_TRY(room_reserve(m, count, err));
    for (int64_t i = 0; i < count; i++)
        m->selection[i] = selection != NULL ? selection[i] : (int32_t)(first + i);
    m->rows += count;
    return m->to_dir != NULL ? rows_to_file(m, slot, bucket, array, m->selection, count, err)
                             : rows_to_cluster(m, slot, bucket, array, m->selection, count, err);
}

/* A bucket of the source is over. */
static slu_status
bucket_end(move *m, slu_error *err)
{
    FILE *file = m->file;
    m->file = NULL;
    if (file == NULL)
        return SLU_OK;
    const bool flushed = fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (fclose(file) != 0 || !flushed)
        return slu_error_set(err, SLU_IO, "%s: %s", m->to_dir, strerror(errno));
    return SLU_OK;
}

/* ---- Out of a cluster ------------------------------------------------------------------------------------------------------------ */

/* The rows of the bucket's kv snapshot into the fold; *start is where its changelog goes on. */
static slu_status
snapshot_fold(move *m, cli_fold *fold, const fluss_snapshot_at *at, slu_error *err)
{
    fluss_snapshot_reader *reader = NULL;
    SLU_TRY(fluss_snapshot_reader_open(m->source, at->bucket, at->snapshot_id, NULL, &reader, err));
    slu_status status = SLU_OK;
    while (status >= 0 && status != SLU_END) {
        fluss_scan_batch batch = {.bucket = at->bucket};
        status = fluss_snapshot_reader_poll(reader, &batch.array, err);
        batch.count = batch.array.length;
        if (status == SLU_OK)
            status = cli_fold_add(fold, &batch, err);
        else if (status == SLU_AGAIN)
            fluss_client_step(m->from, 100);
    }
    fluss_snapshot_reader_close(&reader);
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
fold_put(move *m, cli_fold *fold, int32_t slot, int32_t bucket, slu_error *err)
{
    slu_sql_batch rows;
    slu_status status;
    while ((status = cli_fold_next(fold, &rows, err)) == SLU_OK) {
        status = rows_put(m, slot, bucket, &rows.array, rows.selection, 0, rows.rows, err);
        slu_array_release(&rows.array);
        slu_free(rows.selection);
        SLU_TRY(status);
    }
    return status == SLU_END ? SLU_OK : status;
}

/* The log of one bucket from start to stop: appended rows go on at once, changes are folded. */
static slu_status
log_put(move *m, cli_fold *fold, int32_t number, int64_t start, int64_t stop, slu_error *err)
{
    fluss_scanner *scanner = NULL;
    fluss_scan_batch batch;
    const int32_t buckets = m->table.bucket_count;
    SLU_TRY(fluss_scanner_open(m->source, NULL, &scanner, err));
    slu_status status = fluss_scanner_add(scanner, number, start, stop, err);
    while (status == SLU_OK && (status = cli_scan_log_next(m->source, scanner, &batch, err)) == SLU_OK) {
        if (fold != NULL) {
            status = cli_fold_add(fold, &batch, err);
            continue;
        }
        status = rows_put(m, number / buckets, number % buckets, &batch.array, NULL, batch.first, batch.count, err);
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
bucket_move(move *m, int32_t number, const fluss_snapshot_at *at, int64_t start, int64_t stop, slu_error *err)
{
    cli_fold *fold = NULL;
    const int32_t buckets = m->table.bucket_count;
    slu_status status = SLU_OK;
    if (at != NULL)
        SLU_TRY(cli_fold_new(fluss_target_table(m->source), &fluss_target_table(m->source)->arrow, &fold, err));
    if (at != NULL && at->snapshot_id != FLUSS_NO_SNAPSHOT) {
        start = at->log_offset;
        status = snapshot_fold(m, fold, at, err);
    } else if (at != NULL && start > 0) {
        status =
            slu_error_set(err, SLU_UNSUPPORTED, "bucket %d: its changelog begins at offset %lld and there is no kv snapshot of it",
                          number % buckets, (long long)start);
    }
    if (status == SLU_OK && start < stop)
        status = log_put(m, fold, number, start, stop, err);
    if (status == SLU_OK && fold != NULL)
        status = fold_put(m, fold, number / buckets, number % buckets, err);
    cli_fold_free(&fold);
    return status == SLU_OK ? bucket_end(m, err) : status;
}

static slu_status
slot_move(move *m, int32_t slot, const int64_t *start, const int64_t *stop, slu_error *err)
{
    const int32_t buckets = m->table.bucket_count;
    const bool keyed = m->table.key_column_count != 0;
    fluss_snapshot_at *at = slu_alloc((size_t)buckets * sizeof *at);
    slu_status status = at == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", buckets) : SLU_OK;
    if (status == SLU_OK && keyed)
        status = fluss_snapshots_list(m->source, slot, at, err);
    for (int32_t bucket = 0; bucket < buckets && status == SLU_OK; bucket++) {
        const int32_t number = slot * buckets + bucket;
        if (slu_cli_interrupted())
            status = slu_error_set(err, SLU_CLOSED, "interrupted: what is at the destination is not whole, drop it");
        else
            status = bucket_move(m, number, keyed ? &at[bucket] : NULL, start[number], stop[number], err);
    }
    slu_free(at);
    return status;
}

static slu_status
cluster_move(move *m, slu_error *err)
{
    const size_t numbers = (size_t)m->partition_count * (size_t)m->table.bucket_count;
    int64_t *offsets = slu_alloc((2 * numbers + 1) * sizeof *offsets);
    slu_status status = offsets == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets", numbers) : SLU_OK;
    if (status == SLU_OK)
        status = fluss_admin_target_offsets(m->source, FLUSS_OFFSETS_EARLIEST, 0, offsets, err);
    if (status == SLU_OK)
        status = fluss_admin_target_offsets(m->source, FLUSS_OFFSETS_LATEST, 0, offsets + numbers, err);
    for (int32_t slot = 0; slot < m->partition_count && status == SLU_OK; slot++)
        if (!fluss_target_slot(m->source, slot).gone)
            status = slot_move(m, slot, offsets, offsets + numbers, err);
    slu_free(offsets);
    return status;
}

/* ---- Out of a directory ---------------------------------------------------------------------------------------------------------- */

static void
bytes_stay(void *context)
{
    (void)context;
}

static slu_status
file_batch_put(move *m, int32_t slot, int32_t bucket, slu_view bytes, slu_error *err)
{
    fluss_log_header header;
    fluss_log_rows rows = {0};
    const slu_ipc_owner owner = {bytes_stay, NULL};
    SLU_TRY(fluss_log_verify(bytes, &header, err));
    SLU_TRY(fluss_log_decode(FLUSS_LOG_ARROW, &m->table.descriptor->schema, &m->table.arrow, &header, bytes, owner, m->codec, &rows,
                             err));
    const slu_status status = rows_put(m, slot, bucket, &rows.array, NULL, 0, rows.array.length, err);
    fluss_log_rows_fini(&rows);
    return status;
}

/* One batch of a file into m->bytes; END at its end. */
static slu_status
file_batch_read(move *m, FILE *file, slu_error *err)
{
    fluss_log_header header = {0};
    slu_buf_reset(&m->bytes);
    uint8_t *head = slu_buf_extend(&m->bytes, FLUSS_LOG_HEADER_BYTES);
    if (head == NULL)
        return slu_buf_status(&m->bytes, err);
    const size_t got = fread(head, 1, FLUSS_LOG_HEADER_BYTES, file);
    if (got == 0 && feof(file))
        return SLU_END;
    if (got != FLUSS_LOG_HEADER_BYTES)
        return slu_error_set(err, SLU_CORRUPT, "it ends inside a batch");
    const slu_status status = fluss_log_peek(slu_buf_view(&m->bytes), &header, err);
    if (status != SLU_MORE && status != SLU_OK)
        return status;
    if (header.batch_bytes < FLUSS_LOG_HEADER_BYTES || header.batch_bytes > MOVE_BATCH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a batch of %zu bytes", header.batch_bytes);
    const size_t rest = header.batch_bytes - FLUSS_LOG_HEADER_BYTES;
    uint8_t *body = rest == 0 ? m->bytes.data : slu_buf_extend(&m->bytes, rest);
    if (body == NULL)
        return slu_buf_status(&m->bytes, err);
    return rest == 0 || fread(body, 1, rest, file) == rest ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "it ends inside a batch");
}

static slu_status
file_move(move *m, int32_t slot, int32_t bucket, slu_error *err)
{
    char name[64], path[SLU_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%d-%d.log", slot, bucket);
    SLU_TRY(table_dir(m, m->from_dir, name, path, err));
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT ? SLU_OK : slu_errno_set(err, errno, "open", path);
    slu_status status = SLU_OK;
    while (status == SLU_OK) {
        status = file_batch_read(m, file, err);
        if (status == SLU_OK)
            status = file_batch_put(m, slot, bucket, slu_buf_view(&m->bytes), err);
    }
    (void)fclose(file);
    return status == SLU_END ? SLU_OK : slu_error_in(err, status, "%s", path);
}

static slu_status
dir_move(move *m, slu_error *err)
{
    for (int32_t slot = 0; slot < m->partition_count; slot++)
        for (int32_t bucket = 0; bucket < m->table.bucket_count; bucket++)
            SLU_TRY(file_move(m, slot, bucket, err));
    return SLU_OK;
}

/* ---- One table ------------------------------------------------------------------------------------------------------------------- */

static slu_status
table_finish(move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX], text[64];
    if (m->to_dir == NULL)
        return fluss_writer_wait(m->writer, MOVE_TIMEOUT_MS, err);
    (void)snprintf(text, sizeof text, "%" PRId64 " rows\n", m->rows);
    SLU_TRY(table_dir(m, m->to_dir, "complete", path, err));
    return slu_file_write(path, slu_view_of_text(text), true, err);
}

static slu_status
table_move(move *m, slu_error *err)
{
    SLU_TRY(slu_ipc_codec_new(&m->codec, err));
    SLU_TRY(m->from_dir != NULL ? source_open_dir(m, err) : source_open_cluster(m, err));
    SLU_TRY(m->to_dir != NULL ? target_open_dir(m, err) : target_open_cluster(m, err));
    SLU_TRY(m->from_dir != NULL ? dir_move(m, err) : cluster_move(m, err));
    return table_finish(m, err);
}

static void
table_close(move *m)
{
    if (m->file != NULL)
        (void)fclose(m->file);
    fluss_writer_close(&m->writer);
    fluss_target_close(&m->target);
    fluss_target_close(&m->source);
    fluss_table_fini(&m->table);
    slu_ipc_codec_free(&m->codec);
    slu_buf_fini(&m->bytes);
    slu_free(m->selection);
    slu_free(m->buckets);
    slu_arena_fini(&m->arena);
}

/* The places stay, the table is another. */
static slu_status
table_run(const move *places, const char *name, slu_error *err)
{
    move m = {.args = places->args, .from = places->from, .from_dir = places->from_dir, .to = places->to, .to_dir = places->to_dir};
    SLU_TRY(slu_table_name_parse(name, &m.name, err));
    slu_arena_init(&m.arena, MOVE_ARENA_BYTES_MAX);
    slu_buf_init(&m.bytes, MOVE_BATCH_BYTES_MAX);
    const slu_status status = table_move(&m, err);
    if (status == SLU_OK) {
        (void)printf("%s.%s: %" PRId64 " rows", m.name.database, m.name.table, m.rows);
        if (m.table.partition_column_count != 0)
            (void)printf(" in %d partitions", m.partition_count);
        (void)printf("\n");
        (void)fflush(stdout);
    }
    table_close(&m);
    return status < 0 ? slu_error_in(err, status, "%s", name) : SLU_OK;
}

/* ---- Which tables ---------------------------------------------------------------------------------------------------------------- */

typedef struct chosen {
    slu_arena arena;
    const char *names[MOVE_TABLES_MAX];
    size_t count;
    const char *database;
    const char *databases[MOVE_TABLES_MAX];
    size_t database_count;
    bool more; /* than there is room for */
} chosen;

static void
table_found(void *to, const char *name)
{
    chosen *c = to;
    const char *full = slu_arena_printf(&c->arena, "%s.%s", c->database, name);
    c->more = c->more || c->count == MOVE_TABLES_MAX;
    if (full != NULL && !c->more)
        c->names[c->count++] = full;
}

static void
database_found(void *to, const char *name)
{
    chosen *c = to;
    const char *copy = slu_arena_strdup(&c->arena, name);
    c->more = c->more || c->database_count == MOVE_TABLES_MAX;
    if (copy != NULL && !c->more)
        c->databases[c->database_count++] = copy;
}

static slu_status
all_of_cluster(fluss_client *from, chosen *c, slu_error *err)
{
    SLU_TRY(fluss_admin_list_databases(from, database_found, c, err));
    for (size_t i = 0; i < c->database_count; i++) {
        c->database = c->databases[i];
        SLU_TRY(fluss_admin_list_tables(from, c->database, table_found, c, err));
    }
    return slu_arena_status(&c->arena, err);
}

static slu_status
all_of_dir(const char *path, chosen *c, slu_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return slu_errno_set(err, errno, "open", path);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *name =
            entry->d_name[0] == '.' || strchr(entry->d_name, '.') == NULL ? NULL : slu_arena_strdup(&c->arena, entry->d_name);
        c->more = c->more || (name != NULL && c->count == MOVE_TABLES_MAX);
        if (name != NULL && !c->more)
            c->names[c->count++] = name;
    }
    (void)closedir(dir);
    return slu_arena_status(&c->arena, err);
}

static slu_status
tables_choose(const move *places, chosen *c, slu_error *err)
{
    for (uint32_t i = 1; i < places->args->word_count; i++)
        c->names[c->count++] = places->args->words[i];
    if (c->count == 0)
        SLU_TRY(places->from_dir != NULL ? all_of_dir(places->from_dir, c, err) : all_of_cluster(places->from, c, err));
    if (c->more) /* none is left behind unsaid */
        return slu_error_set(err, SLU_LIMIT, "there are more than %d tables: name those to move", MOVE_TABLES_MAX);
    return c->count > 0 ? SLU_OK : slu_error_set(err, SLU_NOTFOUND, "there is no table to move");
}

static slu_status
tables_run(const move *places, chosen *c, slu_error *err)
{
    SLU_TRY(tables_choose(places, c, err));
    for (size_t i = 0; i < c->count; i++)
        SLU_TRY(table_run(places, c->names[i], err));
    return SLU_OK;
}

/* A place is a directory, or the address of a cluster. */
static slu_status
place_open(const slu_args *args, const char *place, fluss_client **client, const char **dir, slu_error *err)
{
    *dir = place != NULL && place_is_directory(place) ? place : NULL;
    if (*dir != NULL)
        return SLU_OK;
    return place == NULL ? slu_tables_client(args, client, err) : slu_tables_client_at(args, place, client, err);
}

static int
tables_move(const slu_args *args, const char *from, const char *to)
{
    slu_error err = {0};
    move places = {.args = args};
    chosen *c = slu_alloc_zero(1, sizeof *c);
    if (c == NULL)
        return SLU_EXIT_FAILED;
    slu_arena_init(&c->arena, MOVE_ARENA_BYTES_MAX);
    slu_cli_catch_signals();
    slu_status status = place_open(args, from, &places.from, &places.from_dir, &err);
    if (status == SLU_OK)
        status = place_open(args, to, &places.to, &places.to_dir, &err);
    if (status == SLU_OK)
        status = tables_run(&places, c, &err);
    fluss_client_close(&places.from);
    fluss_client_close(&places.to);
    slu_arena_fini(&c->arena);
    slu_free(c);
    return status == SLU_OK ? SLU_EXIT_DONE : slu_tables_fail(args, &err);
}

static int
tables_export(const slu_args *args)
{
    return tables_move(args, NULL, args->words[0]);
}

static int
tables_import(const slu_args *args)
{
    return tables_move(args, args->words[0], NULL);
}

static const slu_flag move_flags[] = {TABLES_SERVERS_FLAG};

#define MOVE_MORE                                                                                                                  \
    "PLACE is a directory, or HOST:PORT of another cluster. Without a table all are moved. A table that is there already is "      \
    "refused.\n"                                                                                                                   \
    "Rows of a log table keep their order in each bucket; of a primary-key table its rows as they are now are moved. Settings\n"   \
    "change a property on the way: --table.replication.factor 1.\n"

const slu_verb slu_verb_tables_export = {.name = "tables export",
                                         .summary = "tables with their rows to another cluster or a directory",
                                         .usage = "PLACE [DB.TABLE ...]",
                                         SLU_VERB_FLAGS(move_flags),
                                         .words_min = 1,
                                         .words_max = SLU_ARGS_WORDS_MAX,
                                         .settings = true,
                                         .more = MOVE_MORE,
                                         .run = tables_export};
const slu_verb slu_verb_tables_import = {.name = "tables import",
                                         .summary = "tables with their rows from another cluster or a directory",
                                         .usage = "PLACE [DB.TABLE ...]",
                                         SLU_VERB_FLAGS(move_flags),
                                         .words_min = 1,
                                         .words_max = SLU_ARGS_WORDS_MAX,
                                         .settings = true,
                                         .more = MOVE_MORE,
                                         .run = tables_import};
