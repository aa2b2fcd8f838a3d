/* move_rows.c: the rows of a table, out of a cluster or a directory, into the other; see move.h. */
#include "move.h"
#include "move_last.h"

#include "base/alloc.h"
#include "base/file.h"
#include "catalog/scan_log.h"
#include "fluss/client/scanner.h"
#include "fluss/client/snapshot_reader.h"
#include "fluss/record/key.h"
#include "fluss/record/log_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

/* ---- Rows ------------------------------------------------------------------------------------------------------------------------ */

static slu_status
room_reserve(slu_move *m, int64_t rows, slu_error *err)
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
number_write(slu_move *m, int32_t number, const struct ArrowArray *array, const int32_t *selection, int64_t rows, slu_error *err)
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
rows_spread(slu_move *m, int32_t slot, const struct ArrowArray *array, const int32_t *selection, int64_t rows, slu_error *err)
{
    const fluss_table *there = fluss_target_table(m->target);
    SLU_AUTO(slu_buf_fini) slu_buf memory = {0};
    slu_buf_init(&memory, SLU_MOVE_BATCH_BYTES_MAX);
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
rows_to_cluster(slu_move *m, int32_t source_slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection,
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
rows_to_file(slu_move *m, int32_t slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
             slu_error *err)
{
    char file[64], path[SLU_PATH_BYTES_MAX];
    fluss_log_spec spec = fluss_log_spec_of(&m->table, m->codec);
    spec.log_format = FLUSS_LOG_ARROW;
    spec.writer_id = -1;
    spec.sequence = -1;
    (void)snprintf(file, sizeof file, "%d-%d.log", slot, bucket);
    SLU_TRY(slu_move_path(m, m->to_dir, file, path, err));
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
rows_put(slu_move *m, int32_t slot, int32_t bucket, const struct ArrowArray *array, const int32_t *selection, int64_t first,
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
bucket_end(slu_move *m, slu_error *err)
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

typedef slu_status (*log_take)(slu_move *m, slu_last_rows *last, int32_t number, fluss_scan_batch *batch, slu_error *err);

/* The log of one bucket from start to stop. */
static slu_status
log_each(slu_move *m, slu_last_rows *last, int32_t number, const int64_t span[2], log_take take, slu_error *err)
{
    fluss_scanner *scanner = NULL;
    fluss_scan_batch batch;
    if (span[0] >= span[1])
        return SLU_OK;
    SLU_TRY(fluss_scanner_open(m->source, NULL, &scanner, err));
    slu_status status = fluss_scanner_add(scanner, number, span[0], span[1], err);
    while (status == SLU_OK && (status = cli_scan_log_next(m->source, scanner, &batch, err)) == SLU_OK) {
        status = take(m, last, number, &batch, err);
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
log_all(slu_move *m, slu_last_rows *last, int32_t number, fluss_scan_batch *batch, slu_error *err)
{
    const int32_t buckets = m->table.bucket_count;
    (void)last;
    return rows_put(m, number / buckets, number % buckets, &batch->array, NULL, batch->first, batch->count, err);
}

static slu_status
log_note(slu_move *m, slu_last_rows *last, int32_t number, fluss_scan_batch *batch, slu_error *err)
{
    (void)m;
    (void)number;
    return slu_last_rows_note(last, batch, err);
}

static slu_status
log_last(slu_move *m, slu_last_rows *last, int32_t number, fluss_scan_batch *batch, slu_error *err)
{
    const int32_t *selection = NULL;
    int64_t count = 0;
    const int32_t buckets = m->table.bucket_count;
    SLU_TRY(slu_last_rows_of_log(last, batch, &selection, &count, err));
    return rows_put(m, number / buckets, number % buckets, &batch->array, selection, 0, count, err);
}

/* The rows of the bucket's kv snapshot that are the last of their key. */
static slu_status
snapshot_last(slu_move *m, slu_last_rows *last, int32_t number, const fluss_snapshot_at *at, slu_error *err)
{
    fluss_snapshot_reader *reader = NULL;
    const int32_t buckets = m->table.bucket_count;
    SLU_TRY(fluss_snapshot_reader_open(m->source, at->bucket, at->snapshot_id, NULL, &reader, err));
    slu_status status = SLU_OK;
    while (status >= 0 && status != SLU_END) {
        struct ArrowArray array = {0};
        const int32_t *selection = NULL;
        int64_t count = 0;
        status = fluss_snapshot_reader_poll(reader, &array, err);
        if (status == SLU_AGAIN)
            fluss_client_step(m->from, 100);
        if (status != SLU_OK)
            continue;
        status = slu_last_rows_of_snapshot(last, &array, &selection, &count, err);
        if (status == SLU_OK)
            status = rows_put(m, number / buckets, number % buckets, &array, selection, 0, count, err);
        slu_array_release(&array);
    }
    fluss_snapshot_reader_close(&reader);
    return status == SLU_END ? SLU_OK : status;
}

/* The changelog is read twice, so that of a bucket no more than the keys that it touches are held. */
static slu_status
bucket_fold(slu_move *m, int32_t number, const fluss_snapshot_at *at, const int64_t span[2], slu_error *err)
{
    slu_last_rows *last = NULL;
    SLU_TRY(slu_last_rows_new(fluss_target_table(m->source), &last, err));
    slu_status status = log_each(m, last, number, span, log_note, err);
    if (status == SLU_OK && at->snapshot_id != FLUSS_NO_SNAPSHOT)
        status = snapshot_last(m, last, number, at, err);
    if (status == SLU_OK)
        status = log_each(m, last, number, span, log_last, err);
    slu_last_rows_free(&last);
    return status;
}

/* `at` NULL: a log table's bucket, all of whose rows go on. */
static slu_status
bucket_move(slu_move *m, int32_t number, const fluss_snapshot_at *at, int64_t start, int64_t stop, slu_error *err)
{
    const bool snapshot = at != NULL && at->snapshot_id != FLUSS_NO_SNAPSHOT;
    const int64_t span[2] = {snapshot ? at->log_offset : start, stop};
    if (at != NULL && !snapshot && start > 0)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "bucket %d: its changelog begins at offset %lld and there is no kv snapshot of it",
                             number % m->table.bucket_count, (long long)start);
    SLU_TRY(at == NULL ? log_each(m, NULL, number, span, log_all, err) : bucket_fold(m, number, at, span, err));
    return bucket_end(m, err);
}

static slu_status
slot_move(slu_move *m, int32_t slot, const int64_t *start, const int64_t *stop, slu_error *err)
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
cluster_move(slu_move *m, slu_error *err)
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
file_batch_put(slu_move *m, int32_t slot, int32_t bucket, slu_view bytes, slu_error *err)
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
file_batch_read(slu_move *m, FILE *file, slu_error *err)
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
    if (header.batch_bytes < FLUSS_LOG_HEADER_BYTES || header.batch_bytes > SLU_MOVE_BATCH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a batch of %zu bytes", header.batch_bytes);
    const size_t rest = header.batch_bytes - FLUSS_LOG_HEADER_BYTES;
    uint8_t *body = rest == 0 ? m->bytes.data : slu_buf_extend(&m->bytes, rest);
    if (body == NULL)
        return slu_buf_status(&m->bytes, err);
    return rest == 0 || fread(body, 1, rest, file) == rest ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "it ends inside a batch");
}

static slu_status
file_batch_count(slu_move *m, int32_t slot, int32_t bucket, slu_view bytes, slu_error *err)
{
    fluss_log_header header;
    (void)slot;
    (void)bucket;
    SLU_TRY(fluss_log_verify(bytes, &header, err));
    m->found += header.record_count;
    return SLU_OK;
}

typedef slu_status (*batch_take)(slu_move *m, int32_t slot, int32_t bucket, slu_view bytes, slu_error *err);

static slu_status
file_each(slu_move *m, int32_t slot, int32_t bucket, batch_take take, slu_error *err)
{
    char name[64], path[SLU_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%d-%d.log", slot, bucket);
    SLU_TRY(slu_move_path(m, m->from_dir, name, path, err));
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT ? SLU_OK : slu_errno_set(err, errno, "open", path);
    slu_status status = SLU_OK;
    while (status == SLU_OK) {
        status = file_batch_read(m, file, err);
        if (status == SLU_OK)
            status = take(m, slot, bucket, slu_buf_view(&m->bytes), err);
    }
    (void)fclose(file);
    return status == SLU_END ? SLU_OK : slu_error_in(err, status, "%s", path);
}

static slu_status
dir_each(slu_move *m, batch_take take, slu_error *err)
{
    for (int32_t slot = 0; slot < m->partition_count; slot++)
        for (int32_t bucket = 0; bucket < m->table.bucket_count; bucket++)
            SLU_TRY(file_each(m, slot, bucket, take, err));
    return SLU_OK;
}

/* An empty bucket has no file, so that one is missing shows only in the number of rows. */
slu_status
slu_move_check(slu_move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    int64_t rows = 0;
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(slu_move_path(m, m->from_dir, "complete", path, err));
    SLU_TRY(slu_file_read(path, FLUSS_JSON_BYTES_MAX, &text, err));
    if (sscanf(slu_buf_cstr(&text), "%" SCNd64 " rows", &rows) != 1)
        return slu_error_set(err, SLU_CORRUPT, "%s does not say how many rows there are", path);
    SLU_TRY(dir_each(m, file_batch_count, err));
    return m->found == rows
               ? SLU_OK
               : slu_error_set(err, SLU_CORRUPT, "%s says %" PRId64 " rows, but the files hold %" PRId64 ": nothing is imported",
                               path, rows, m->found);
}

slu_status
slu_move_rows(slu_move *m, slu_error *err)
{
    return m->from_dir != NULL ? dir_each(m, file_batch_put, err) : cluster_move(m, err);
}
