#include "lake_writer.h"

#include "iceberg/data_writer.h"
#include "iceberg/fluss_spec.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/sizes.h"

#include <sluice/columns.h>

#define SYSTEM_COLUMNS 3
#define ROW_GROUP_BYTES                                                                                                            \
    ((int64_t)16 << 20) /* a file per bucket is open at a time: small row groups bound what they hold together */
#define WRITER_ARENA_BYTES_MAX ((size_t)64 << 20)

struct tiering_lake_writer {
    tiering_lake_writer_options options;
    slu_arena arena; /* the finished files' entries */
    iceberg_scalar bucket_room;
    iceberg_value partition;
    struct ArrowSchema schema; /* the batch's columns and the system's; release NULL before the first batch */
    iceberg_data_writer *file; /* being written */
    int64_t file_bytes;        /* of the batches that went into it, until a row group's worth */
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

/* One partition per bucket: identity(__bucket), or bucket[n] of the bucket key, whose value is the Fluss bucket itself. */
static slu_status
writer_partition(tiering_lake_writer *writer, slu_error *err)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec(writer->options.metadata);
    const uint8_t kind = spec != NULL && spec->field_count == 1 ? spec->fields[0].transform.kind : ICEBERG_TRANSFORM_UNKNOWN;
    if (kind != ICEBERG_TRANSFORM_IDENTITY && kind != ICEBERG_TRANSFORM_BUCKET)
        return slu_error_set(err, SLU_CONFLICT,
                             "the lake table is not partitioned by bucket alone (%u partition fields): its spec was changed",
                             spec == NULL ? 0 : spec->field_count);
    writer->partition = iceberg_value_of_i32(writer->options.bucket, &writer->bucket_room);
    return SLU_OK;
}

slu_status
tiering_lake_writer_open(const tiering_lake_writer_options *options, tiering_lake_writer **out, slu_error *err)
{
    SLU_AUTO(tiering_lake_writer_free) tiering_lake_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake writer");
    writer->options = *options;
    slu_arena_init(&writer->arena, WRITER_ARENA_BYTES_MAX);
    SLU_TRY(writer_partition(writer, err));
    *out = slu_take(&writer);
    return SLU_OK;
}

void
tiering_lake_writer_free(tiering_lake_writer **writer)
{
    tiering_lake_writer *w = *writer;
    if (w == NULL)
        return;
    iceberg_data_writer_free(&w->file);
    for (size_t i = 0; i < w->file_count && !w->given; i++)
        (void)iceberg_store_remove(w->options.store, w->files[i].path, NULL);
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
        writer->buckets[i] = writer->options.bucket;
        writer->offsets[i] = base_offset + i;
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

static slu_status
writer_open_file(tiering_lake_writer *writer, slu_error *err)
{
    if (writer->file != NULL)
        return SLU_OK;
    const iceberg_data_writer_options options = {.env = writer->options.env,
                                                 .store = writer->options.store,
                                                 .metadata = writer->options.metadata,
                                                 .partition = &writer->partition,
                                                 .input = &writer->schema,
                                                 .subtask = writer->options.subtask,
                                                 .row_group_bytes = ROW_GROUP_BYTES,
                                                 .sorted = true};
    return iceberg_data_writer_open(&options, &writer->file, err);
}

static slu_status
writer_finish_file(tiering_lake_writer *writer, slu_error *err)
{
    if (writer->file_count == writer->file_room) {
        const size_t room = writer->file_room == 0 ? 4 : writer->file_room * 2;
        iceberg_data_file *files = slu_realloc(writer->files, room * sizeof *files);
        if (files == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %zu data files", room);
        writer->files = files;
        writer->file_room = room;
    }
    SLU_TRY(iceberg_data_writer_finish(writer->file, &writer->arena, &writer->files[writer->file_count], err));
    writer->file_count++;
    writer->file_bytes = 0;
    iceberg_data_writer_free(&writer->file);
    return SLU_OK;
}

int64_t
tiering_lake_writer_held(const tiering_lake_writer *writer)
{
    return writer->file_bytes;
}

slu_status
tiering_lake_writer_roll(tiering_lake_writer *writer, slu_error *err)
{
    return writer->file == NULL ? SLU_OK : writer_finish_file(writer, err);
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
    SLU_TRY(writer_open_file(writer, err));
    SLU_TRY(writer_system_room(writer, array->length, err));
    writer_fill_system(writer, array->length, base_offset, commit_timestamp);
    SLU_TRY(writer_wide_batch(writer, array, &wide, err));
    const slu_status status = iceberg_data_writer_append(writer->file, &wide.array, batch->selection, batch->rows, err);
    slu_free(wide.children);
    SLU_TRY(status);
    writer->file_bytes = SLU_MIN(writer->file_bytes + batch->bytes, ROW_GROUP_BYTES);
    if (iceberg_data_writer_bytes(writer->file) >= iceberg_target_file_bytes(writer->options.metadata))
        return writer_finish_file(writer, err);
    return SLU_OK;
}

slu_status
tiering_lake_writer_finish(tiering_lake_writer *writer, slu_buf *out, slu_error *err)
{
    if (writer->file != NULL)
        SLU_TRY(writer_finish_file(writer, err));
    if (writer->file_count == 0)
        return SLU_OK;
    SLU_TRY(iceberg_data_files_encode(iceberg_metadata_schema(writer->options.metadata),
                                      iceberg_metadata_spec(writer->options.metadata), writer->files, writer->file_count, out,
                                      err));
    SLU_TRY(slu_buf_status(out, err));
    writer->given = true;
    return SLU_OK;
}
