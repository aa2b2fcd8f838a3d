#include "lake_writer.h"

#include "upsert.h"

#include "iceberg/delete_writer.h"
#include "iceberg/fluss_spec.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/sizes.h"

#include <sluice/columns.h>

#define SYSTEM_COLUMNS 3
#define ROW_GROUP_BYTES                                                                                                            \
    ((int64_t)16 << 20) /* a file per bucket is open at a time: small row groups bound what they hold together */
#define WRITER_ARENA_BYTES_MAX ((size_t)64 << 20)

/* The two kinds of file that rows go into. */
#define KIND_DATA 0
#define KIND_DELETES 1
#define KINDS 2

typedef struct open_file {
    iceberg_data_writer *writer; /* NULL: none is open */
    const char *path;            /* in the writer's arena: rows taken back are named by it */
    int64_t bytes;               /* of the batches that went into it, until a row group's worth */
} open_file;

struct tiering_lake_writer {
    tiering_lake_writer_options options;
    slu_arena arena; /* the finished files' entries, the partition's values */
    int32_t bucket;
    bool at_snapshot; /* all rows have offset -1 */
    iceberg_scalar bucket_room;
    iceberg_value *partition;
    tiering_upsert *upsert;    /* NULL: rows are only written */
    struct ArrowSchema schema; /* the batch's columns and the system's; release NULL before the first batch */
    open_file open[KINDS];
    iceberg_data_file *files;
    size_t file_count;
    size_t file_room;
    bool given; /* the committer's now */
    /* the system columns of one batch */
    int64_t room; /* rows */
    int32_t *buckets;
    int64_t *offsets;
    int64_t *timestamps;
};

/* ---- the partition ---- */

/* identity(each partition key), then identity(__bucket) or bucket[n] of the bucket key, whose value is the Fluss bucket itself. */
static slu_status
check_spec(const iceberg_partition_spec *spec, uint32_t keys, slu_error *err)
{
    bool fits = spec != NULL && spec->field_count == keys + 1;
    for (uint32_t i = 0; fits && i < keys; i++)
        fits = spec->fields[i].transform.kind == ICEBERG_TRANSFORM_IDENTITY;
    if (fits)
        fits = spec->fields[keys].transform.kind == ICEBERG_TRANSFORM_IDENTITY ||
               spec->fields[keys].transform.kind == ICEBERG_TRANSFORM_BUCKET;
    if (fits)
        return SLU_OK;
    return slu_error_set(
        err, SLU_CONFLICT,
        "the lake table is not partitioned by %u partition keys and the bucket (%u partition fields): its spec was "
        "changed",
        keys, spec == NULL ? 0 : spec->field_count);
}

static uint32_t
count_keys(const char *partition)
{
    uint32_t count = partition[0] != 0;
    for (const char *at = partition; *at != 0; at++)
        count += *at == '$';
    return count;
}

static slu_status
writer_partition(tiering_lake_writer *writer, const char *name, slu_error *err)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec(writer->options.metadata);
    const uint32_t keys = count_keys(name);
    SLU_TRY(check_spec(spec, keys, err));
    writer->partition = slu_arena_array(&writer->arena, spec->field_count, sizeof *writer->partition);
    char *values = slu_arena_strdup(&writer->arena, name);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    for (uint32_t i = 0; i < keys; i++) {
        char *end = strchr(values, '$');
        if (end != NULL)
            *end = 0;
        writer->partition[i] = iceberg_value_of(slu_view_of_text(values));
        values = end == NULL ? values : end + 1;
    }
    writer->partition[keys] = iceberg_value_of_i32(writer->bucket, &writer->bucket_room);
    return SLU_OK;
}

slu_status
tiering_lake_writer_open(const tiering_lake_writer_options *options, tiering_lake_writer **out, slu_error *err)
{
    SLU_AUTO(tiering_lake_writer_free) tiering_lake_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake writer");
    writer->options = *options;
    writer->bucket = options->piece->bucket;
    writer->at_snapshot = (options->piece->flags & TIERING_FLAG_SNAPSHOT) != 0;
    slu_arena_init(&writer->arena, WRITER_ARENA_BYTES_MAX);
    SLU_TRY(writer_partition(writer, options->piece->partition, err));
    if (iceberg_metadata_schema(options->metadata)->identifier_count != 0 && !writer->at_snapshot)
        SLU_TRY(tiering_upsert_open(options->metadata, (options->piece->flags & TIERING_FLAG_UPSERTS) != 0, &writer->upsert, err));
    writer->options.piece = NULL;
    *out = slu_take(&writer);
    return SLU_OK;
}

void
tiering_lake_writer_free(tiering_lake_writer **writer)
{
    tiering_lake_writer *w = *writer;
    if (w == NULL)
        return;
    for (int kind = 0; kind < KINDS; kind++)
        iceberg_data_writer_free(&w->open[kind].writer);
    for (size_t i = 0; i < w->file_count && !w->given; i++)
        (void)iceberg_store_remove(w->options.store, w->files[i].path, NULL);
    tiering_upsert_free(&w->upsert);
    slu_schema_release(&w->schema);
    slu_arena_fini(&w->arena);
    slu_free(w->files);
    slu_free(w->buckets);
    slu_free(w->offsets);
    slu_free(w->timestamps);
    slu_free(w);
    *writer = NULL;
}

/* ---- columns ---- */

/* The lake has the batch's columns in their order, and the system's behind them: else the table was evolved by one side only. */
static slu_status
writer_check_columns(const tiering_lake_writer *writer, const struct ArrowSchema *columns, slu_error *err)
{
    const iceberg_type *root = &iceberg_metadata_schema(writer->options.metadata)->root;
    if ((int64_t)root->field_count != columns->n_children + SYSTEM_COLUMNS)
        return slu_error_set(err, SLU_CONFLICT, "the lake table has %u columns, the Fluss table %lld and %d system columns",
                             root->field_count, (long long)columns->n_children, SYSTEM_COLUMNS);
    for (int64_t i = 0; i < columns->n_children; i++)
        if (strcmp(root->fields[i].name, columns->children[i]->name) != 0)
            return slu_error_set(err, SLU_CONFLICT, "column %lld is %s in the lake table and %s in the Fluss table", (long long)i,
                                 root->fields[i].name, columns->children[i]->name);
    return SLU_OK;
}

static slu_status
writer_init_schema(tiering_lake_writer *writer, const struct ArrowSchema *columns, slu_error *err)
{
    if (writer->schema.release != NULL)
        return SLU_OK;
    SLU_TRY(writer_check_columns(writer, columns, err));
    SLU_TRY(slu_schema_copy(columns, &writer->schema, err));
    slu_status status = slu_schema_add(&writer->schema, "i", ICEBERG_BUCKET_COLUMN, false);
    if (status == SLU_OK)
        status = slu_schema_add(&writer->schema, "l", ICEBERG_OFFSET_COLUMN, false);
    if (status == SLU_OK)
        status = slu_schema_add(&writer->schema, "tsm:UTC", ICEBERG_TIMESTAMP_COLUMN, false);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

static slu_status
writer_system_room(tiering_lake_writer *writer, int64_t rows, slu_error *err)
{
    if (rows <= writer->room)
        return SLU_OK;
    int32_t *buckets = slu_realloc(writer->buckets, (size_t)rows * sizeof *buckets);
    writer->buckets = buckets != NULL ? buckets : writer->buckets;
    int64_t *offsets = slu_realloc(writer->offsets, (size_t)rows * sizeof *offsets);
    writer->offsets = offsets != NULL ? offsets : writer->offsets;
    int64_t *timestamps = slu_realloc(writer->timestamps, (size_t)rows * sizeof *timestamps);
    writer->timestamps = timestamps != NULL ? timestamps : writer->timestamps;
    if (buckets == NULL || offsets == NULL || timestamps == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the system columns of %lld rows", (long long)rows);
    writer->room = rows;
    return SLU_OK;
}

static void
writer_fill_system(tiering_lake_writer *writer, int64_t rows, int64_t base_offset, int64_t commit_timestamp)
{
    for (int64_t i = 0; i < rows; i++) {
        writer->buckets[i] = writer->bucket;
        writer->offsets[i] = writer->at_snapshot ? base_offset : base_offset + i;
        writer->timestamps[i] = commit_timestamp;
    }
}

/* A batch with the system columns behind its own: only pointers move. */
typedef struct wide_batch {
    const void *buffers[SYSTEM_COLUMNS][2];
    struct ArrowArray system[SYSTEM_COLUMNS];
    struct ArrowArray **children;
    struct ArrowArray array;
} wide_batch;

static slu_status
writer_wide_batch(tiering_lake_writer *writer, const struct ArrowArray *array, wide_batch *out, slu_error *err)
{
    const void *values[SYSTEM_COLUMNS] = {writer->buckets, writer->offsets, writer->timestamps};
    out->children = slu_alloc_zero((size_t)array->n_children + SYSTEM_COLUMNS, sizeof *out->children);
    if (out->children == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the columns of a batch");
    memcpy(out->children, array->children, (size_t)array->n_children * sizeof *out->children);
    for (int i = 0; i < SYSTEM_COLUMNS; i++) {
        out->buffers[i][0] = NULL;
        out->buffers[i][1] = values[i];
        out->system[i] = (struct ArrowArray){.length = array->length, .n_buffers = 2, .buffers = out->buffers[i]};
        out->children[array->n_children + i] = &out->system[i];
    }
    out->array = *array;
    out->array.n_children = array->n_children + SYSTEM_COLUMNS;
    out->array.children = out->children;
    out->array.release = NULL;
    return SLU_OK;
}

/* ---- files ---- */

static iceberg_data_writer_options
file_options(const tiering_lake_writer *writer)
{
    return (iceberg_data_writer_options){.env = writer->options.env,
                                         .store = writer->options.store,
                                         .metadata = writer->options.metadata,
                                         .partition = writer->partition,
                                         .input = &writer->schema,
                                         .subtask = writer->options.subtask,
                                         .row_group_bytes = ROW_GROUP_BYTES};
}

static slu_status
writer_open_file(tiering_lake_writer *writer, int kind, slu_error *err)
{
    open_file *open = &writer->open[kind];
    const iceberg_schema *schema = iceberg_metadata_schema(writer->options.metadata);
    iceberg_data_writer_options options = file_options(writer);
    if (open->writer != NULL)
        return SLU_OK;
    options.sorted = kind == KIND_DATA;
    options.equality_ids = kind == KIND_DATA ? NULL : schema->identifier_ids;
    options.equality_count = kind == KIND_DATA ? 0 : schema->identifier_count;
    SLU_TRY(iceberg_data_writer_open(&options, &open->writer, err));
    open->path = slu_arena_strdup(&writer->arena, iceberg_data_writer_location(open->writer));
    return slu_arena_status(&writer->arena, err);
}

static slu_status
writer_file_room(tiering_lake_writer *writer, slu_error *err)
{
    if (writer->file_count < writer->file_room)
        return SLU_OK;
    const size_t room = writer->file_room == 0 ? 4 : writer->file_room * 2;
    iceberg_data_file *files = slu_realloc(writer->files, room * sizeof *files);
    if (files == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu data files", room);
    writer->files = files;
    writer->file_room = room;
    return SLU_OK;
}

static slu_status
writer_finish_file(tiering_lake_writer *writer, int kind, slu_error *err)
{
    open_file *open = &writer->open[kind];
    if (open->writer == NULL)
        return SLU_OK;
    if (iceberg_data_writer_rows(open->writer) == 0) { /* opened for a batch that only deleted */
        iceberg_data_writer_free(&open->writer);
        return SLU_OK;
    }
    SLU_TRY(writer_file_room(writer, err));
    SLU_TRY(iceberg_data_writer_finish(open->writer, &writer->arena, &writer->files[writer->file_count], err));
    writer->file_count++;
    open->bytes = 0;
    iceberg_data_writer_free(&open->writer);
    return SLU_OK;
}

int64_t
tiering_lake_writer_held(const tiering_lake_writer *writer)
{
    return writer->open[KIND_DATA].bytes + writer->open[KIND_DELETES].bytes;
}

int64_t
tiering_lake_writer_keys(const tiering_lake_writer *writer)
{
    return writer->upsert == NULL ? 0 : tiering_upsert_bytes(writer->upsert);
}

slu_status
tiering_lake_writer_roll(tiering_lake_writer *writer, slu_error *err)
{
    for (int kind = 0; kind < KINDS; kind++)
        SLU_TRY(writer_finish_file(writer, kind, err));
    return SLU_OK;
}

/* ---- batches ---- */

/* Some rows of a batch into the file of a kind; `bytes`: about what they weigh. */
static slu_status
writer_rows(tiering_lake_writer *writer, int kind, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
            int64_t bytes, slu_error *err)
{
    open_file *open = &writer->open[kind];
    if (rows == 0)
        return SLU_OK;
    SLU_TRY(writer_open_file(writer, kind, err));
    SLU_TRY(iceberg_data_writer_append(open->writer, array, selection, rows, err));
    open->bytes = SLU_MIN(open->bytes + bytes, ROW_GROUP_BYTES);
    if (iceberg_data_writer_bytes(open->writer) >= iceberg_target_file_bytes(writer->options.metadata))
        return writer_finish_file(writer, kind, err);
    return SLU_OK;
}

static slu_status
writer_changes(tiering_lake_writer *writer, const slu_batch *batch, const struct ArrowArray *array, slu_error *err)
{
    tiering_changes changes;
    SLU_TRY(writer_open_file(writer, KIND_DATA, err));
    const open_file *data = &writer->open[KIND_DATA];
    SLU_TRY(tiering_upsert_batch(writer->upsert, batch, data->path, iceberg_data_writer_rows(data->writer), &changes, err));
    const int64_t row_bytes = batch->rows == 0 ? 0 : batch->bytes / batch->rows;
    SLU_TRY(writer_rows(writer, KIND_DELETES, array, changes.deletes, changes.delete_count, changes.delete_count * row_bytes, err));
    return writer_rows(writer, KIND_DATA, array, changes.data, changes.data_count, changes.data_count * row_bytes, err);
}

slu_status
tiering_lake_writer_append(tiering_lake_writer *writer, const slu_batch *batch, int64_t base_offset, int64_t commit_timestamp,
                           slu_error *err)
{
    const struct ArrowArray *array = batch->array;
    wide_batch wide;
    if (array->offset != 0)
        return slu_error_set(err, SLU_INVALID, "a sliced batch (offset %lld) cannot be tiered", (long long)array->offset);
    SLU_TRY(writer_init_schema(writer, batch->schema, err));
    SLU_TRY(writer_system_room(writer, array->length, err));
    writer_fill_system(writer, array->length, base_offset, commit_timestamp);
    SLU_TRY(writer_wide_batch(writer, array, &wide, err));
    const slu_status status = writer->upsert != NULL
                                  ? writer_changes(writer, batch, &wide.array, err)
                                  : writer_rows(writer, KIND_DATA, &wide.array, batch->selection, batch->rows, batch->bytes, err);
    slu_free(wide.children);
    return status;
}

/* ---- finishing ---- */

/* The rows of one data file, from *at on, into a file of position deletes. */
static slu_status
writer_take_back(tiering_lake_writer *writer, const tiering_place *places, size_t count, size_t *at, slu_error *err)
{
    const char *path = places[*at].path;
    size_t end = *at;
    while (end < count && places[end].path == path)
        end++;
    int64_t *rows = slu_alloc((end - *at) * sizeof *rows);
    iceberg_data_writer_options options = file_options(writer);
    if (rows == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu rows to take back", end - *at);
    for (size_t i = *at; i < end; i++)
        rows[i - *at] = places[i].row;
    options.positions_of = path;
    slu_status status = writer_file_room(writer, err);
    if (status == SLU_OK)
        status = iceberg_position_deletes_write(&options, rows, end - *at, &writer->arena, &writer->files[writer->file_count], err);
    slu_free(rows);
    SLU_TRY(status);
    writer->file_count++;
    *at = end;
    return SLU_OK;
}

static slu_status
writer_take_all_back(tiering_lake_writer *writer, slu_error *err)
{
    size_t count = 0;
    const tiering_place *places = writer->upsert == NULL ? NULL : tiering_upsert_places(writer->upsert, &count);
    for (size_t at = 0; at < count;)
        SLU_TRY(writer_take_back(writer, places, count, &at, err));
    return SLU_OK;
}

slu_status
tiering_lake_writer_finish(tiering_lake_writer *writer, slu_buf *out, slu_error *err)
{
    SLU_TRY(tiering_lake_writer_roll(writer, err));
    SLU_TRY(writer_take_all_back(writer, err));
    if (writer->file_count == 0)
        return SLU_OK;
    SLU_TRY(iceberg_data_files_encode(iceberg_metadata_schema(writer->options.metadata),
                                      iceberg_metadata_spec(writer->options.metadata), writer->files, writer->file_count, out,
                                      err));
    SLU_TRY(slu_buf_status(out, err));
    writer->given = true;
    return SLU_OK;
}
