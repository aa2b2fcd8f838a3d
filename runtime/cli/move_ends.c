/* move_ends.c: where a table comes from, and where it goes; see move.h. */
#include "move.h"

#include "base/alloc.h"
#include "base/file.h"
#include "fluss/record/partition.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOVE_PARTITIONS_MAX 100000

slu_status
slu_move_path(const slu_move *m, const char *dir, const char *file, char out[SLU_PATH_BYTES_MAX], slu_error *err)
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
descriptor_clean(slu_move *m, slu_error *err)
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
source_describe(slu_move *m, slu_view json, slu_error *err)
{
    fluss_descriptor *own = slu_arena_alloc(&m->arena, sizeof *own);
    SLU_TRY(slu_arena_status(&m->arena, err));
    SLU_TRY(fluss_descriptor_decode(json, &m->arena, own, err));
    SLU_TRY(fluss_descriptor_decode(json, &m->arena, &m->descriptor, err));
    SLU_TRY(fluss_table_init(&m->table, own, 0, 1, &m->arena, err));
    return descriptor_clean(m, err);
}

static slu_status
partitions_of_target(slu_move *m, slu_error *err)
{
    m->partition_count = fluss_target_slot_count(m->source);
    m->partitions = slu_arena_array(&m->arena, (size_t)m->partition_count + 1, sizeof *m->partitions);
    SLU_TRY(slu_arena_status(&m->arena, err));
    for (int32_t slot = 0; slot < m->partition_count; slot++)
        m->partitions[slot] = fluss_target_slot(m->source, slot).name;
    return SLU_OK;
}

static slu_status
source_open_cluster(slu_move *m, slu_error *err)
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
partitions_of_file(slu_move *m, slu_buf *text, slu_error *err)
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
source_open_dir(slu_move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(slu_move_path(m, m->from_dir, "complete", path, err));
    if (access(path, R_OK) != 0)
        return slu_error_set(err, SLU_NOTFOUND, "%s holds no whole export of %s.%s (there is no %s)", m->from_dir, m->name.database,
                             m->name.table, path);
    SLU_TRY(slu_move_path(m, m->from_dir, "table.json", path, err));
    SLU_TRY(slu_file_read(path, FLUSS_JSON_BYTES_MAX, &text, err));
    SLU_TRY(source_describe(m, slu_buf_view(&text), err));
    slu_buf_reset(&text);
    SLU_TRY(slu_move_path(m, m->from_dir, "partitions", path, err));
    SLU_TRY(slu_file_read(path, FLUSS_JSON_BYTES_MAX, &text, err));
    return partitions_of_file(m, &text, err);
}

/* ---- Where it goes --------------------------------------------------------------------------------------------------------------- */

static slu_status
target_open_dir(slu_move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(slu_dir_make(m->to_dir, err));
    SLU_TRY(slu_move_path(m, m->to_dir, "", path, err));
    if (mkdir(path, 0755) != 0)
        return errno == EEXIST
                   ? slu_error_set(err, SLU_CONFLICT, "%s is there already: remove it, or export to another directory", path)
                   : slu_errno_set(err, errno, "mkdir", path);
    SLU_TRY(fluss_descriptor_encode(&m->descriptor, &text, err));
    SLU_TRY(slu_move_path(m, m->to_dir, "table.json", path, err));
    SLU_TRY(slu_file_write(path, slu_buf_view(&text), true, err));
    slu_buf_reset(&text);
    for (int32_t slot = 0; slot < m->partition_count && m->partitions[slot] != NULL; slot++)
        slu_buf_printf(&text, "%s\n", m->partitions[slot]);
    SLU_TRY(slu_buf_status(&text, err));
    SLU_TRY(slu_move_path(m, m->to_dir, "partitions", path, err));
    return slu_file_write(path, slu_buf_view(&text), true, err);
}

/* "a$b" as a spec of the table's keys. */
static slu_status
partition_make(slu_move *m, const char *name, slu_error *err)
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
target_open_cluster(slu_move *m, slu_error *err)
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
    return fluss_writer_open(m->target, &(fluss_writer_options){.delivery_timeout_ms = SLU_MOVE_TIMEOUT_MS}, &m->writer, err);
}

/* ---- Both ------------------------------------------------------------------------------------------------------------------------ */

slu_status
slu_move_open(slu_move *m, slu_error *err)
{
    SLU_TRY(slu_ipc_codec_new(&m->codec, err));
    SLU_TRY(m->from_dir != NULL ? source_open_dir(m, err) : source_open_cluster(m, err));
    if (m->from_dir != NULL)
        SLU_TRY(slu_move_check(m, err));
    return m->to_dir != NULL ? target_open_dir(m, err) : target_open_cluster(m, err);
}

void
slu_move_close(slu_move *m)
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
