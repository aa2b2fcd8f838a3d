/*
 * iceberg_sink.c: appends rows to an Iceberg table, exactly once.
 *
 * Life     write: rows go to one open data file per partition. prepare, at a barrier: the open files are finished, and what a
 *          commit needs of them becomes the checkpoint's committable. commit, once the checkpoint is whole: one snapshot with these
 *          files. abort: the files go.
 * Once     the snapshot's summary names who made it (sluice.writer = job/operator/subtask) and for which checkpoint
 *          (sluice.checkpoint). A commit that finds its own or a later checkpoint of the same writer in the table's history does
 *          nothing: it was done before a crash. The writer's name is inside the committable, so a job restored under another id
 *          still recognises its old commits.
 * Bytes    of a committable: u32 version (1), u64 checkpoint, u32 + writer's name, u32 + the files (iceberg_data_files_encode);
 *          little-endian.
 * Left     files of an attempt that died between write and prepare belong to no snapshot: orphan removal takes them.
 * Limits   OPEN_FILES_MAX partitions at a time; above that the file with the most rows is closed.
 */
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/host_env.h"
#include "iceberg/commit.h"
#include "iceberg/data_writer.h"
#include "iceberg/face.h"

#include <sluice/columns.h>
#include <sluice/plugin.h>

#include <stdlib.h>

#define OPEN_FILES_MAX 64
#define COMMITTABLE_VERSION 1
#define COMMITTABLE_BYTES_MAX ((size_t)256 << 20)
#define SINK_ARENA_BYTES_MAX ((size_t)256 << 20)
#define KEY_BYTES_MAX ((size_t)1 << 20)

typedef struct sink_options {
    const char *table;
    lake_plugin_options lake;
    uint32_t create;
    int64_t target_bytes;
} sink_options;

/* One partition's open file. */
typedef struct sink_file {
    slu_buf key; /* the tuple's bytes, to find it again */
    iceberg_data_writer *writer;
    int32_t *rows; /* of the batch in hand */
    int64_t row_count;
    int64_t row_capacity;
} sink_file;

typedef struct sink_prepared {
    int64_t checkpoint;
    char *path;
} sink_prepared;

typedef struct iceberg_sink {
    const sink_options *options;
    slu_host *host;
    slu_env env;
    iceberg_catalog catalog;
    iceberg_table table;
    const struct ArrowSchema *input;
    char writer[512]; /* job/operator/subtask */
    uint32_t subtask;
    char ns[256];
    char name[256];
    slu_arena arena; /* finished files, until prepare hands them over */
    iceberg_data_file *finished;
    size_t finished_count;
    size_t finished_capacity;
    iceberg_type *types; /* of the partition spec */
    int64_t *sources;    /* which input column a partition field is of */
    slu_arena table_arena;
    sink_file files[OPEN_FILES_MAX];
    size_t file_count;
    slu_buf key;
    sink_prepared *prepared; /* files of checkpoints that are not whole yet, for abort */
    size_t prepared_count;
    size_t prepared_capacity;
    slu_metric *rows;
    slu_metric *commits;
} iceberg_sink;

static const slu_option SINK_OPTIONS[] = {
    SLU_OPTION("table", STRING, sink_options, table, NULL, "the table to append to, as namespace.table",
               .flags = SLU_OPTION_REQUIRED),
    LAKE_PLUGIN_OPTIONS(sink_options, lake),
    SLU_OPTION("create", BOOL, sink_options, create, "false",
               "make the table from the input's columns, unpartitioned, when it is not there"),
    SLU_OPTION("target-file-size", BYTES, sink_options, target_bytes, NULL,
               "close a data file above this; else the table's setting", .min = 1, .max = INT64_MAX),
};

/* ---- the table ---- */

static slu_status
table_create(const iceberg_catalog *catalog, const char *ns, const char *name, const struct ArrowSchema *input, iceberg_table *out,
             slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_schema schema;
    slu_arena_init(&arena, SINK_ARENA_BYTES_MAX);
    SLU_TRY(iceberg_schema_of_arrow(input, &arena, &schema, err));
    const iceberg_create create = {.schema = &schema};
    const slu_status status = iceberg_catalog_create(catalog, ns, name, &create, out, err);
    /* Another subtask was first. */
    return status == SLU_CONFLICT ? iceberg_catalog_load(catalog, ns, name, out, err) : status;
}

static slu_status
table_open(const sink_options *options, const iceberg_catalog *catalog, const char *ns, const char *name,
           const struct ArrowSchema *input, bool may_create, iceberg_table *out, slu_error *err)
{
    const slu_status status = iceberg_catalog_load(catalog, ns, name, out, err);
    if (status != SLU_NOTFOUND || !options->create)
        return status;
    return may_create ? table_create(catalog, ns, name, input, out, err) : SLU_NOTFOUND;
}

/* At submit: is the table there, and do the columns fit? */
static slu_status
sink_plan(slu_plan_call *call, slu_error *err)
{
    const sink_options *options = call->options;
    slu_env env;
    slu_env_init_host(&env, call->host);
    SLU_AUTO(iceberg_catalog_close) iceberg_catalog catalog = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_schema schema;
    char ns[256];
    char name[256];
    slu_promise_say(
        call->host,
        "exactly once: the files of a checkpoint are committed when it is whole, and a commit that is tried again finds "
        "its own snapshot. Needs checkpoints; readers see rows at their pace; snapshots of the last one must not be "
        "expired while the job is down");
    slu_status status = iceberg_face_name(options->table, ns, name, err);
    if (status == SLU_OK)
        status = iceberg_face_catalog(&env, &options->lake, &catalog, err);
    if (status == SLU_OK)
        status = table_open(options, &catalog, ns, name, call->inputs[0], false, &table, err);
    if (status == SLU_OK)
        return iceberg_data_writer_check(table.metadata, call->inputs[0], err);
    if (status != SLU_NOTFOUND)
        return status;
    if (!options->create)
        return slu_error_in(err, status, "table %s.%s (create: true makes it)", ns, name);
    slu_arena_init(&arena, SINK_ARENA_BYTES_MAX);
    return iceberg_schema_of_arrow(call->inputs[0], &arena, &schema, err);
}

static slu_status
partition_sources(iceberg_sink *self, slu_error *err)
{
    const iceberg_schema *schema = iceberg_metadata_schema(self->table.metadata);
    const iceberg_partition_spec *spec = iceberg_metadata_spec(self->table.metadata);
    self->sources = slu_arena_array(&self->table_arena, spec->field_count, sizeof *self->sources);
    SLU_TRY(slu_arena_status(&self->table_arena, err));
    SLU_TRY(iceberg_spec_types(spec, schema, &self->table_arena, &self->types, err));
    for (uint32_t i = 0; i < spec->field_count; i++) {
        const iceberg_field *source = iceberg_schema_field(schema, spec->fields[i].source_id);
        self->sources[i] = source == NULL ? -1 : slu_schema_find(self->input, source->name);
        if (self->sources[i] < 0 && spec->fields[i].transform.kind != ICEBERG_TRANSFORM_VOID)
            return slu_error_set(err, SLU_INVALID, "the table is partitioned by column \"%s\", which the input does not have",
                                 source == NULL ? spec->fields[i].name : source->name);
    }
    return SLU_OK;
}

static slu_status
sink_begin(iceberg_sink *self, slu_error *err)
{
    SLU_TRY(iceberg_face_name(self->options->table, self->ns, self->name, err));
    SLU_TRY(iceberg_face_catalog(&self->env, &self->options->lake, &self->catalog, err));
    SLU_TRY(table_open(self->options, &self->catalog, self->ns, self->name, self->input, true, &self->table, err));
    return partition_sources(self, err);
}

static void sink_close(void *instance);

static slu_status
sink_open(void *instance, const slu_open *open, slu_error *err)
{
    iceberg_sink *self = instance;
    self->options = open->options;
    self->host = open->host;
    slu_env_init_host(&self->env, open->host);
    self->input = open->inputs[0];
    self->subtask = open->subtask;
    (void)snprintf(self->writer, sizeof self->writer, "%s/%s/%u", open->job_id, open->operator_id, open->subtask);
    slu_arena_init(&self->arena, SINK_ARENA_BYTES_MAX);
    slu_arena_init(&self->table_arena, SINK_ARENA_BYTES_MAX);
    slu_buf_init(&self->key, KEY_BYTES_MAX);
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "iceberg.rows");
    self->commits = self->host->metric(self->host, SLU_METRIC_COUNTER, "iceberg.commits");
    const slu_status status = sink_begin(self, err);
    if (status != SLU_OK)
        sink_close(self);
    return status;
}

/* ---- finished files ---- */

static slu_status
finished_room(iceberg_sink *self, slu_error *err)
{
    if (self->finished_count < self->finished_capacity)
        return SLU_OK;
    const size_t wanted = self->finished_capacity == 0 ? 16 : self->finished_capacity * 2;
    iceberg_data_file *grown = slu_realloc(self->finished, wanted * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu data files", wanted);
    self->finished = grown;
    self->finished_capacity = wanted;
    return SLU_OK;
}

static slu_status
file_finish(iceberg_sink *self, sink_file *file, slu_error *err)
{
    SLU_TRY(finished_room(self, err));
    SLU_TRY(iceberg_data_writer_finish(file->writer, &self->arena, &self->finished[self->finished_count], err));
    self->finished_count++;
    iceberg_data_writer_free(&file->writer);
    return SLU_OK;
}

static void
file_fini(sink_file *file)
{
    iceberg_data_writer_free(&file->writer);
    slu_buf_fini(&file->key);
    slu_free(file->rows);
    memset(file, 0, sizeof *file);
}

static void
files_remove_at(iceberg_sink *self, size_t index)
{
    file_fini(&self->files[index]);
    self->files[index] = self->files[--self->file_count];
    memset(&self->files[self->file_count], 0, sizeof self->files[0]);
}

/* ---- rows to partitions ---- */

static slu_status
tuple_of_row(iceberg_sink *self, const slu_column *columns, int64_t row, iceberg_value *tuple, iceberg_scalar *rooms,
             slu_error *err)
{
    const iceberg_schema *schema = iceberg_metadata_schema(self->table.metadata);
    const iceberg_partition_spec *spec = iceberg_metadata_spec(self->table.metadata);
    for (uint32_t i = 0; i < spec->field_count; i++) {
        const iceberg_field *source = iceberg_schema_field(schema, spec->fields[i].source_id);
        iceberg_value value = iceberg_value_null();
        if (self->sources[i] >= 0)
            SLU_TRY(iceberg_value_of_column(&source->type, &columns[i], row, &rooms[2 * i], &value, err));
        SLU_TRY(iceberg_transform_apply(&spec->fields[i].transform, source == NULL ? &self->types[i] : &source->type, value,
                                        &rooms[2 * i + 1], &tuple[i], err));
    }
    return SLU_OK;
}

static void
tuple_key(const iceberg_value *tuple, uint32_t count, slu_buf *out)
{
    slu_buf_reset(out);
    for (uint32_t i = 0; i < count; i++) {
        slu_buf_u8(out, tuple[i].is_null);
        slu_buf_u32le(out, (uint32_t)tuple[i].bytes.bytes);
        slu_buf_append(out, tuple[i].bytes.data, tuple[i].is_null ? 0 : tuple[i].bytes.bytes);
    }
}

static slu_status
file_open(iceberg_sink *self, const iceberg_value *tuple, sink_file *file, slu_error *err)
{
    const iceberg_data_writer_options options = {.env = &self->env,
                                                 .store = iceberg_catalog_store(&self->catalog, &self->table),
                                                 .metadata = self->table.metadata,
                                                 .partition = tuple,
                                                 .input = self->input,
                                                 .subtask = self->subtask};
    return iceberg_data_writer_open(&options, &file->writer, err);
}

/* Makes room by closing the file with the most rows. Rows of the batch in hand that wait for it are written first by the caller. */
static size_t
fullest_file(const iceberg_sink *self)
{
    size_t at = 0;
    for (size_t i = 1; i < self->file_count; i++)
        if (iceberg_data_writer_rows(self->files[i].writer) > iceberg_data_writer_rows(self->files[at].writer))
            at = i;
    return at;
}

static slu_status
file_write(iceberg_sink *self, sink_file *file, const slu_batch *batch, slu_error *err)
{
    if (file->row_count == 0)
        return SLU_OK;
    SLU_TRY(iceberg_data_writer_append(file->writer, batch->array, file->rows, file->row_count, err));
    file->row_count = 0;
    return SLU_OK;
}

static slu_status
file_for_tuple(iceberg_sink *self, const slu_batch *batch, const iceberg_value *tuple, sink_file **out, slu_error *err)
{
    const uint32_t field_count = iceberg_metadata_spec(self->table.metadata)->field_count;
    tuple_key(tuple, field_count, &self->key);
    SLU_TRY(slu_buf_status(&self->key, err));
    for (size_t i = 0; i < self->file_count; i++) {
        if (!slu_view_equal(slu_buf_view(&self->files[i].key), slu_buf_view(&self->key)))
            continue;
        *out = &self->files[i];
        return SLU_OK;
    }
    if (self->file_count == OPEN_FILES_MAX) {
        const size_t fullest = fullest_file(self);
        SLU_TRY(file_write(self, &self->files[fullest], batch, err));
        SLU_TRY(file_finish(self, &self->files[fullest], err));
        files_remove_at(self, fullest);
    }
    sink_file *file = &self->files[self->file_count];
    slu_buf_init(&file->key, KEY_BYTES_MAX);
    slu_buf_append(&file->key, self->key.data, self->key.bytes);
    SLU_TRY(slu_buf_status(&file->key, err));
    SLU_TRY(file_open(self, tuple, file, err));
    self->file_count++;
    *out = file;
    return SLU_OK;
}

static slu_status
file_row(sink_file *file, int64_t row, slu_error *err)
{
    if (file->row_count == file->row_capacity) {
        const int64_t wanted = file->row_capacity == 0 ? 1024 : file->row_capacity * 2;
        int32_t *grown = slu_realloc(file->rows, (size_t)wanted * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a selection of %lld rows", (long long)wanted);
        file->rows = grown;
        file->row_capacity = wanted;
    }
    file->rows[file->row_count++] = (int32_t)row;
    return SLU_OK;
}

static slu_status
write_partitioned(iceberg_sink *self, const slu_batch *batch, uint32_t field_count, slu_error *err)
{
    slu_column columns[ICEBERG_PARTITION_FIELDS_MAX];
    iceberg_value tuple[ICEBERG_PARTITION_FIELDS_MAX];
    iceberg_scalar rooms[2 * ICEBERG_PARTITION_FIELDS_MAX];
    for (uint32_t i = 0; i < field_count; i++)
        if (self->sources[i] >= 0)
            columns[i] = slu_batch_column(batch, self->sources[i]);
    for (int64_t i = 0; i < batch->rows; i++) {
        sink_file *file = NULL;
        const int64_t row = slu_batch_row(batch, i);
        SLU_TRY(tuple_of_row(self, columns, row, tuple, rooms, err));
        SLU_TRY(file_for_tuple(self, batch, tuple, &file, err));
        SLU_TRY(file_row(file, row, err));
    }
    for (size_t i = 0; i < self->file_count; i++)
        SLU_TRY(file_write(self, &self->files[i], batch, err));
    return SLU_OK;
}

static slu_status
write_whole(iceberg_sink *self, const slu_batch *batch, slu_error *err)
{
    sink_file *file = NULL;
    SLU_TRY(file_for_tuple(self, batch, NULL, &file, err));
    return iceberg_data_writer_append(file->writer, batch->array, batch->selection, batch->rows, err);
}

static slu_status
kinds_check(const slu_batch *batch, slu_error *err)
{
    for (int64_t i = 0; i < batch->rows && batch->kinds != NULL; i++)
        if (batch->kinds[slu_batch_row(batch, i)] > SLU_ROW_INSERT)
            return slu_error_set(err, SLU_UNSUPPORTED, "an update or delete came: iceberg_sink only appends");
    return SLU_OK;
}

static slu_status
sink_write(void *instance, const slu_batch *batch, slu_error *err)
{
    iceberg_sink *self = instance;
    const uint32_t field_count = iceberg_metadata_spec(self->table.metadata)->field_count;
    const int64_t target =
        self->options->target_bytes != 0 ? self->options->target_bytes : iceberg_target_file_bytes(self->table.metadata);
    if (batch->rows == 0)
        return SLU_OK;
    SLU_TRY(kinds_check(batch, err));
    SLU_TRY(field_count == 0 ? write_whole(self, batch, err) : write_partitioned(self, batch, field_count, err));
    for (size_t i = self->file_count; i-- > 0;) {
        if (iceberg_data_writer_bytes(self->files[i].writer) < target)
            continue;
        SLU_TRY(file_finish(self, &self->files[i], err));
        files_remove_at(self, i);
    }
    self->host->metric_add(self->host, self->rows, batch->rows);
    return SLU_OK;
}

/* ---- the checkpoint ---- */

static slu_status
prepared_note(iceberg_sink *self, int64_t checkpoint, const char *path, slu_error *err)
{
    if (self->prepared_count == self->prepared_capacity) {
        const size_t wanted = self->prepared_capacity == 0 ? 16 : self->prepared_capacity * 2;
        sink_prepared *grown = slu_realloc(self->prepared, wanted * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %zu prepared files", wanted);
        self->prepared = grown;
        self->prepared_capacity = wanted;
    }
    char *copy = slu_strdup(path);
    if (copy == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a path");
    self->prepared[self->prepared_count++] = (sink_prepared){checkpoint, copy};
    return SLU_OK;
}

/* Forgets what was prepared up to a checkpoint; removes those of exactly `removed` (-1: none) from the store. */
static void
prepared_forget(iceberg_sink *self, int64_t up_to, int64_t removed)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->prepared_count; i++) {
        sink_prepared *at = &self->prepared[i];
        if (at->checkpoint == removed)
            (void)iceberg_store_remove(iceberg_catalog_store(&self->catalog, &self->table), at->path, NULL);
        if (at->checkpoint != removed && at->checkpoint > up_to) {
            self->prepared[kept++] = *at;
            continue;
        }
        slu_free(at->path);
    }
    self->prepared_count = kept;
}

static slu_status
committable_make(iceberg_sink *self, int64_t checkpoint, slu_buf *out, slu_error *err)
{
    const size_t writer_bytes = strlen(self->writer);
    slu_buf_u32le(out, COMMITTABLE_VERSION);
    slu_buf_u64le(out, (uint64_t)checkpoint);
    slu_buf_u32le(out, (uint32_t)writer_bytes);
    slu_buf_append(out, self->writer, writer_bytes);
    const size_t at = out->bytes;
    slu_buf_u32le(out, 0);
    SLU_TRY(iceberg_data_files_encode(iceberg_metadata_schema(self->table.metadata), iceberg_metadata_spec(self->table.metadata),
                                      self->finished, self->finished_count, out, err));
    slu_buf_patch_u32le(out, at, (uint32_t)(out->bytes - at - 4));
    return slu_buf_status(out, err);
}

static slu_status
sink_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    iceberg_sink *self = instance;
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    while (self->file_count > 0) {
        SLU_TRY(file_finish(self, &self->files[self->file_count - 1], err));
        files_remove_at(self, self->file_count - 1);
    }
    if (self->finished_count == 0)
        return SLU_OK;
    slu_buf_init(&bytes, COMMITTABLE_BYTES_MAX);
    SLU_TRY(committable_make(self, committables->checkpoint, &bytes, err));
    SLU_TRY(committables->write(committables, SLU_KEY_GROUP_NONE, bytes.data, bytes.bytes, err));
    for (size_t i = 0; i < self->finished_count; i++)
        SLU_TRY(prepared_note(self, committables->checkpoint, self->finished[i].path, err));
    self->finished_count = 0;
    slu_arena_reset(&self->arena);
    return SLU_OK;
}

typedef struct committable {
    int64_t checkpoint;
    char writer[512];
    char checkpoint_text[32];
    slu_view files;
} committable;

static slu_status
committable_read(slu_view bytes, committable *out, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    const uint32_t version = slu_cursor_u32le(&cursor);
    out->checkpoint = (int64_t)slu_cursor_u64le(&cursor);
    const slu_view writer = slu_cursor_view(&cursor, slu_cursor_u32le(&cursor));
    out->files = slu_cursor_view(&cursor, slu_cursor_u32le(&cursor));
    if (!slu_cursor_ok(&cursor) || slu_cursor_left(&cursor) != 0 || writer.bytes >= sizeof out->writer)
        return slu_error_set(err, SLU_CORRUPT, "iceberg_sink: a committable of %zu bytes is broken", bytes.bytes);
    if (version != COMMITTABLE_VERSION)
        return slu_error_set(err, SLU_UNSUPPORTED, "iceberg_sink: a committable of version %u", version);
    (void)snprintf(out->writer, sizeof out->writer, "%.*s", (int)writer.bytes, (const char *)writer.data);
    (void)snprintf(out->checkpoint_text, sizeof out->checkpoint_text, "%lld", (long long)out->checkpoint);
    return SLU_OK;
}

/* Whether the table's history has this commit, or a later one of the same writer. */
static bool
commit_done(const iceberg_metadata *metadata, const committable *wanted)
{
    const iceberg_snapshot *newest = iceberg_metadata_find(metadata, "sluice.writer", wanted->writer);
    const char *checkpoint = newest == NULL ? NULL : iceberg_snapshot_property(newest, "sluice.checkpoint");
    return checkpoint != NULL && strtoll(checkpoint, NULL, 10) >= wanted->checkpoint;
}

static slu_status
commit_files(iceberg_sink *self, const committable *wanted, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_data_file *files = NULL;
    size_t count = 0;
    const iceberg_property properties[] = {{"sluice.writer", wanted->writer}, {"sluice.checkpoint", wanted->checkpoint_text}};
    slu_arena_init(&arena, SINK_ARENA_BYTES_MAX);
    SLU_TRY(iceberg_data_files_decode(wanted->files, iceberg_metadata_schema(self->table.metadata),
                                      iceberg_metadata_spec(self->table.metadata), &arena, &files, &count, err));
    const iceberg_append append = {.files = files, .file_count = count, .properties = properties, .property_count = 2};
    return iceberg_table_append(&self->catalog, &self->table, &append, NULL, err);
}

/* The metadata that open files were begun under must outlive them, so a commit works on a table of its own and open files keep
 * theirs. */
static slu_status
sink_commit(void *instance, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    iceberg_sink *self = instance;
    committable wanted = {0};
    SLU_TRY(committable_read(slu_view_of(data, (size_t)bytes), &wanted, err));
    iceberg_table begun = self->table;
    memset(&self->table, 0, sizeof self->table);
    slu_status status = iceberg_catalog_load(&self->catalog, self->ns, self->name, &self->table, err);
    if (status == SLU_OK && !commit_done(self->table.metadata, &wanted)) {
        status = commit_files(self, &wanted, err);
        if (status == SLU_OK)
            self->host->metric_add(self->host, self->commits, 1);
    }
    iceberg_table_fini(&self->table);
    self->table = begun;
    if (status == SLU_OK)
        prepared_forget(self, checkpoint, -1);
    return slu_error_in(err, status, "iceberg_sink: table %s, checkpoint %lld", self->options->table, (long long)checkpoint);
}

static slu_status
sink_abort(void *instance, int64_t checkpoint, slu_error *err)
{
    iceberg_sink *self = instance;
    prepared_forget(self, -1, checkpoint);
    return SLU_OK;
}

static void
sink_close(void *instance)
{
    iceberg_sink *self = instance;
    while (self->file_count > 0)
        files_remove_at(self, self->file_count - 1);
    for (size_t i = 0; i < self->prepared_count; i++)
        slu_free(self->prepared[i].path); /* the files stay: a checkpoint may still commit them */
    slu_free(self->prepared);
    slu_free(self->finished);
    slu_buf_fini(&self->key);
    slu_arena_fini(&self->arena);
    slu_arena_fini(&self->table_arena);
    iceberg_table_fini(&self->table);
    iceberg_catalog_close(&self->catalog);
    memset(self, 0, sizeof *self);
}

static const slu_sink_ops SINK_OPS = {
    .size = sizeof(slu_sink_ops),
    .open = sink_open,
    .write = sink_write,
    .prepare = sink_prepare,
    .commit = sink_commit,
    .abort = sink_abort,
    .close = sink_close,
};

const slu_plugin iceberg_sink_plugin = {
    .size = sizeof(slu_plugin),
    .kind = SLU_KIND_SINK,
    .name = "iceberg_sink",
    .help = "Appends rows to an Iceberg table, exactly once: a snapshot per checkpoint and subtask.",
    .options = SINK_OPTIONS,
    .option_count = sizeof SINK_OPTIONS / sizeof *SINK_OPTIONS,
    .options_bytes = sizeof(sink_options),
    .instance_bytes = sizeof(iceberg_sink),
    .state_version = 1,
    .input_min = 1,
    .input_max = 1,
    .plan = sink_plan,
    .ops = &SINK_OPS,
};
