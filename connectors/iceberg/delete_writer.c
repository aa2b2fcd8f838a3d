#include "iceberg/delete_writer.h"

#include "base/alloc.h"
#include "base/sizes.h"
#include "iceberg/deletes.h"

#define CHUNK_ROWS 8192

/* A batch of the same path again and again: the bytes are there CHUNK_ROWS times, the offsets count them. */
typedef struct path_column {
    int32_t *offsets;
    char *bytes;
} path_column;

static void
path_column_fini(path_column *column)
{
    slu_free(column->offsets);
    slu_free(column->bytes);
}

static slu_status
path_column_init(path_column *column, const char *path, size_t rows, slu_error *err)
{
    const size_t path_bytes = strlen(path);
    column->offsets = slu_alloc((rows + 1) * sizeof *column->offsets);
    column->bytes = slu_alloc(rows * path_bytes + 1);
    if (column->offsets == NULL || column->bytes == NULL || rows * path_bytes > INT32_MAX)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu position deletes", rows);
    column->offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        memcpy(column->bytes + i * path_bytes, path, path_bytes);
        column->offsets[i + 1] = (int32_t)((i + 1) * path_bytes);
    }
    return SLU_OK;
}

static slu_status
rows_append(iceberg_data_writer *writer, const path_column *paths, const int64_t *rows, size_t count, slu_error *err)
{
    const void *path_buffers[3] = {NULL, paths->offsets, paths->bytes};
    const void *row_buffers[2] = {NULL, rows};
    const void *top[1] = {NULL};
    struct ArrowArray path = {.length = (int64_t)count, .n_buffers = 3, .buffers = path_buffers};
    struct ArrowArray row = {.length = (int64_t)count, .n_buffers = 2, .buffers = row_buffers};
    struct ArrowArray *columns[2] = {&path, &row};
    const struct ArrowArray array = {
        .length = (int64_t)count, .n_buffers = 1, .buffers = top, .n_children = 2, .children = columns};
    return iceberg_data_writer_append(writer, &array, NULL, (int64_t)count, err);
}

static slu_status
positions_schema(struct ArrowSchema *out, slu_error *err)
{
    slu_status status = slu_schema_init_struct(out);
    if (status == SLU_OK)
        status = slu_schema_add(out, "u", "file_path", false);
    if (status == SLU_OK)
        status = slu_schema_add(out, "l", "pos", false);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

slu_status
iceberg_position_deletes_write(const iceberg_data_writer_options *options, int64_t *rows, size_t count, slu_arena *arena,
                               iceberg_data_file *out, slu_error *err)
{
    SLU_AUTO(path_column_fini) path_column paths = {0};
    SLU_AUTO(slu_schema_release) struct ArrowSchema schema = {0};
    SLU_AUTO(iceberg_data_writer_free) iceberg_data_writer *writer = NULL;
    iceberg_data_writer_options own = *options;
    if (options->metadata->format_version > 2)
        return slu_error_set(err, SLU_UNSUPPORTED, "the table at %s is of format %d: position deletes are written in format 2",
                             options->metadata->location, options->metadata->format_version);
    iceberg_rows_sort(rows, count);
    SLU_TRY(path_column_init(&paths, options->positions_of, SLU_MIN(count, (size_t)CHUNK_ROWS), err));
    SLU_TRY(positions_schema(&schema, err));
    own.input = &schema;
    SLU_TRY(iceberg_data_writer_open(&own, &writer, err));
    for (size_t at = 0; at < count; at += CHUNK_ROWS)
        SLU_TRY(rows_append(writer, &paths, rows + at, SLU_MIN(count - at, (size_t)CHUNK_ROWS), err));
    return iceberg_data_writer_finish(writer, arena, out, err);
}
