#include "writer.h"

#include "chunk_writer.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/sizes.h"

#define WRITER_ARENA_BYTES_MAX ((size_t)256 << 20)
#define WRITER_CREATED_BY "sluice version 0.1.0"
#define WRITER_SLICE_ROWS 65536 /* rows between two looks at the row group's size */

struct parquet_writer {
    parquet_writer_options options;
    parquet_sink sink;
    parquet_chunk_shared shared;
    slu_arena arena; /* names, key values, statistics, metrics */
    parquet_layout layout;
    parquet_chunk_writer *chunks; /* one per leaf */
    size_t chunk_count;
    size_t column_count; /* at the top */
    parquet_row_group *groups;
    size_t group_count;
    size_t group_room;
    int64_t group_rows;
    int64_t rows;
    int64_t position;
    slu_status broken; /* the first failure: the file cannot be finished */
    bool finished;
    parquet_file file;
};

void
parquet_writer_options_init(parquet_writer_options *options)
{
    memset(options, 0, sizeof *options);
    options->codec = PARQUET_CODEC_ZSTD;
    options->level = 1;
    options->row_group_bytes = PARQUET_ROW_GROUP_BYTES_DEFAULT;
    options->page_bytes = PARQUET_PAGE_BYTES_DEFAULT;
    options->metrics_truncate = 16;
}

static slu_status
options_check(const parquet_writer_options *options, slu_error *err)
{
    if (options->row_group_bytes < 1024 || options->page_bytes < 64 || options->page_bytes > (256 << 20))
        return slu_error_set(err, SLU_INVALID,
                             "row groups of %lld bytes and pages of %d bytes are out of bounds (1 KiB and more; 64 B to 256 MiB)",
                             (long long)options->row_group_bytes, options->page_bytes);
    if (options->metrics_truncate < PARQUET_BOUNDS_FULL)
        return slu_error_set(err, SLU_INVALID, "bounds cannot be cut at %d", options->metrics_truncate);
    return SLU_OK;
}

static slu_status
writer_copy_pairs(parquet_writer *writer, slu_error *err)
{
    const size_t count = writer->options.key_value_count;
    parquet_key_value *pairs = slu_arena_array(&writer->arena, count == 0 ? 1 : count, sizeof *pairs);
    for (size_t i = 0; pairs != NULL && i < count; i++) {
        pairs[i].key = slu_arena_strdup(&writer->arena, writer->options.key_values[i].key);
        pairs[i].value = slu_arena_strdup(&writer->arena, writer->options.key_values[i].value);
    }
    writer->options.key_values = pairs;
    const char *by = writer->options.created_by;
    writer->options.created_by = slu_arena_strdup(&writer->arena, by == NULL ? WRITER_CREATED_BY : by);
    return slu_arena_status(&writer->arena, err);
}

static slu_status
writer_init_columns(parquet_writer *writer, const parquet_column *columns, const struct ArrowSchema *input, slu_error *err)
{
    SLU_TRY(parquet_layout_build(&writer->layout, columns, writer->column_count, input, &writer->arena, err));
    const size_t count = writer->layout.leaf_count;
    writer->chunks = slu_alloc_zero(count, sizeof *writer->chunks);
    if (writer->chunks == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu Parquet columns", count);
    writer->chunk_count = count;
    for (size_t i = 0; i < count; i++)
        SLU_TRY(parquet_chunk_writer_init(&writer->chunks[i], &writer->layout.leaves[i], &writer->shared, err));
    return SLU_OK;
}

static slu_status
writer_init(parquet_writer *writer, const parquet_column *columns, size_t count, const struct ArrowSchema *input, slu_error *err)
{
    slu_arena_init(&writer->arena, WRITER_ARENA_BYTES_MAX);
    slu_buf_init(&writer->shared.body, PARQUET_SECTION_BYTES_MAX);
    slu_buf_init(&writer->shared.levels, PARQUET_SECTION_BYTES_MAX);
    parquet_shred_init(&writer->shared.shred);
    slu_buf_init(&writer->shared.column_indexes, INT32_MAX);
    slu_buf_init(&writer->shared.offset_indexes, INT32_MAX);
    writer->shared.page_bytes = (size_t)writer->options.page_bytes;
    writer->shared.no_dictionary = writer->options.no_dictionary;
    SLU_TRY(parquet_codec_init(&writer->shared.codec, writer->options.codec, writer->options.level, err));
    SLU_TRY(writer_copy_pairs(writer, err));
    writer->column_count = count;
    SLU_TRY(writer_init_columns(writer, columns, input, err));
    SLU_TRY(writer->sink.write(writer->sink.context, "PAR1", 4, err));
    writer->position = 4;
    return SLU_OK;
}

slu_status
parquet_writer_open(const parquet_writer_options *options, const parquet_column *columns, size_t column_count,
                    const struct ArrowSchema *input, const parquet_sink *sink, parquet_writer **out, slu_error *err)
{
    SLU_TRY(options_check(options, err));
    if (column_count == 0 || column_count > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "a Parquet file of %zu columns: 1 to %d are allowed", column_count,
                             PARQUET_COLUMNS_MAX);
    if (input == NULL || input->n_children != (int64_t)column_count)
        return slu_error_set(err, SLU_INVALID, "%zu Parquet columns, but the Arrow schema has %lld", column_count,
                             input == NULL ? -1LL : (long long)input->n_children);
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a Parquet writer");
    writer->options = *options;
    writer->sink = *sink;
    SLU_TRY(writer_init(writer, columns, column_count, input, err));
    *out = slu_take(&writer);
    return SLU_OK;
}

void
parquet_writer_free(parquet_writer **writer)
{
    parquet_writer *w = *writer;
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->chunk_count; i++)
        parquet_chunk_writer_fini(&w->chunks[i]);
    slu_free(w->chunks);
    slu_free(w->groups);
    slu_buf_fini(&w->shared.body);
    slu_buf_fini(&w->shared.levels);
    parquet_shred_fini(&w->shared.shred);
    slu_buf_fini(&w->shared.column_indexes);
    slu_buf_fini(&w->shared.offset_indexes);
    parquet_codec_fini(&w->shared.codec);
    slu_arena_fini(&w->arena);
    slu_free(w);
    *writer = NULL;
}

/* ---- row groups ---- */

static slu_status
writer_group_room(parquet_writer *writer, slu_error *err)
{
    if (writer->group_count == PARQUET_ROW_GROUPS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a Parquet file has at most %d row groups: start another file",
                             PARQUET_ROW_GROUPS_MAX);
    if (writer->group_count < writer->group_room)
        return SLU_OK;
    const size_t room = writer->group_room == 0 ? 4 : writer->group_room * 2;
    parquet_row_group *groups = slu_realloc(writer->groups, room * sizeof *groups);
    if (groups == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu row groups", room);
    writer->groups = groups;
    writer->group_room = room;
    return SLU_OK;
}

/* Where every chunk is one page, its index would repeat the footer: it is taken back. */
static void
writer_drop_index(parquet_writer *writer, parquet_row_group *group, size_t columns_at, size_t offsets_at)
{
    writer->shared.column_indexes.bytes = columns_at;
    writer->shared.offset_indexes.bytes = offsets_at;
    for (size_t i = 0; i < group->chunk_count; i++)
        group->chunks[i].offset_index_bytes = group->chunks[i].column_index_bytes = 0;
}

static slu_status
writer_flush_group(parquet_writer *writer, slu_error *err)
{
    if (writer->group_rows == 0)
        return SLU_OK;
    SLU_TRY(writer_group_room(writer, err));
    parquet_row_group group = {.rows = writer->group_rows, .file_offset = writer->position, .chunk_count = writer->chunk_count};
    group.chunks = slu_arena_array(&writer->arena, writer->chunk_count, sizeof *group.chunks);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    const size_t columns_at = writer->shared.column_indexes.bytes, offsets_at = writer->shared.offset_indexes.bytes;
    size_t pages = 0;
    for (size_t i = 0; i < writer->chunk_count; i++) {
        pages = SLU_MAX(pages, parquet_chunk_writer_page_count(&writer->chunks[i]));
        SLU_TRY_IN(parquet_chunk_writer_flush(&writer->chunks[i], &writer->shared, &writer->sink, &writer->position, &writer->arena,
                                              &group.chunks[i], err),
                   err, "column %s", writer->chunks[i].column.name);
        SLU_ASSERT(writer->chunks[i].leaf->rep != 0 || group.chunks[i].value_count == group.rows);
        group.plain_bytes += group.chunks[i].plain_bytes;
        group.compressed_bytes += group.chunks[i].compressed_bytes;
    }
    if (pages <= 1)
        writer_drop_index(writer, &group, columns_at, offsets_at);
    writer->groups[writer->group_count++] = group;
    writer->group_rows = 0;
    return SLU_OK;
}

static int64_t
writer_group_bytes(const parquet_writer *writer)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < writer->chunk_count; i++)
        bytes += parquet_chunk_writer_plain_bytes(&writer->chunks[i]);
    return bytes;
}

/* ---- the contract ---- */

/* The batch's column that a leaf lies in. */
static const struct ArrowArray *
append_top(const parquet_writer *writer, const struct ArrowArray *array, size_t leaf)
{
    return array->children[writer->layout.leaves[leaf].top];
}

static slu_status
append_check(const parquet_writer *writer, const struct ArrowArray *array, const int32_t *selection, int64_t rows, slu_error *err)
{
    if (writer->broken != SLU_OK || writer->finished)
        return slu_error_set(err, SLU_INVALID, "the Parquet file is %s: nothing can be appended",
                             writer->finished ? "finished" : "broken");
    if (array->n_children != (int64_t)writer->column_count)
        return slu_error_set(err, SLU_INVALID, "a batch of %lld columns for a Parquet file of %zu", (long long)array->n_children,
                             writer->column_count);
    if (rows < 0 || rows > array->length)
        return slu_error_set(err, SLU_INVALID, "%lld rows of an array of %lld", (long long)rows, (long long)array->length);
    for (int64_t i = 0; selection != NULL && i < rows; i++)
        if (selection[i] < 0 || selection[i] >= array->length || (i > 0 && selection[i] <= selection[i - 1]))
            return slu_error_set(err, SLU_INVALID, "row %lld of the selection is %d: not ascending within %lld rows", (long long)i,
                                 selection[i], (long long)array->length);
    for (size_t i = 0; i < writer->chunk_count; i++)
        if (append_top(writer, array, i)->length < array->offset + array->length)
            return slu_error_set(err, SLU_INVALID, "column %s has %lld rows, its batch %lld", writer->chunks[i].column.name,
                                 (long long)append_top(writer, array, i)->length, (long long)array->length);
    return SLU_OK;
}

static slu_status
writer_append_slice(parquet_writer *writer, const struct ArrowArray *array, const int32_t *selection, int64_t from, int64_t rows,
                    slu_error *err)
{
    for (size_t i = 0; i < writer->chunk_count; i++)
        SLU_TRY(parquet_chunk_writer_append(&writer->chunks[i], &writer->shared, append_top(writer, array, i), array->offset,
                                            selection, from, rows, err));
    writer->group_rows += rows;
    writer->rows += rows;
    if (writer_group_bytes(writer) >= writer->options.row_group_bytes)
        return writer_flush_group(writer, err);
    return SLU_OK;
}

slu_status
parquet_writer_append(parquet_writer *writer, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
                      slu_error *err)
{
    SLU_TRY(append_check(writer, array, selection, rows, err));
    for (int64_t from = 0; from < rows; from += WRITER_SLICE_ROWS) {
        const slu_status status =
            writer_append_slice(writer, array, selection, from, SLU_MIN(rows - from, (int64_t)WRITER_SLICE_ROWS), err);
        if (status != SLU_OK) {
            writer->broken = status;
            return status;
        }
    }
    return SLU_OK;
}

int64_t
parquet_writer_rows(const parquet_writer *writer)
{
    return writer->rows;
}

int64_t
parquet_writer_bytes(const parquet_writer *writer)
{
    int64_t bytes = writer->position;
    for (size_t i = 0; i < writer->chunk_count; i++)
        bytes += parquet_chunk_writer_held_bytes(&writer->chunks[i]);
    return bytes;
}

/* All column indexes, then all offset indexes, as the format wants them; chunks get their places in the file. */
static slu_status
writer_write_index(parquet_writer *writer, slu_error *err)
{
    const slu_buf *columns = &writer->shared.column_indexes, *offsets = &writer->shared.offset_indexes;
    const int64_t columns_at = writer->position, offsets_at = columns_at + (int64_t)columns->bytes;
    if (offsets->bytes == 0)
        return SLU_OK;
    for (size_t i = 0; i < writer->group_count; i++)
        for (size_t k = 0; k < writer->groups[i].chunk_count; k++) {
            writer->groups[i].chunks[k].column_index_offset += columns_at;
            writer->groups[i].chunks[k].offset_index_offset += offsets_at;
        }
    SLU_TRY(writer->sink.write(writer->sink.context, columns->data, columns->bytes, err));
    SLU_TRY(writer->sink.write(writer->sink.context, offsets->data, offsets->bytes, err));
    writer->position = offsets_at + (int64_t)offsets->bytes;
    return SLU_OK;
}

static slu_status
writer_footer_lists(parquet_writer *writer, parquet_footer *footer, slu_error *err)
{
    footer->elements = writer->layout.elements;
    footer->element_count = writer->layout.element_count;
    footer->pair_count = writer->options.key_value_count;
    footer->pairs = slu_arena_array(&writer->arena, footer->pair_count + 1, sizeof *footer->pairs);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    for (size_t i = 0; i < footer->pair_count; i++) {
        footer->pairs[i].key = slu_view_of_text(writer->options.key_values[i].key);
        footer->pairs[i].value = slu_view_of_text(writer->options.key_values[i].value);
    }
    return SLU_OK;
}

static slu_status
writer_write_footer(parquet_writer *writer, slu_error *err)
{
    parquet_footer footer = {.version = 1,
                             .rows = writer->rows,
                             .groups = writer->groups,
                             .group_count = writer->group_count,
                             .created_by = slu_view_of_text(writer->options.created_by),
                             .has_orders = true};
    SLU_TRY(writer_footer_lists(writer, &footer, err));
    slu_buf *body = &writer->shared.body;
    slu_buf_reset(body);
    parquet_footer_encode(&footer, body);
    const size_t footer_bytes = body->bytes;
    slu_buf_u32le(body, (uint32_t)footer_bytes);
    slu_buf_append(body, "PAR1", 4);
    SLU_TRY(slu_buf_status(body, err));
    if (footer_bytes > UINT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "a Parquet footer of %zu bytes", footer_bytes);
    SLU_TRY(writer->sink.write(writer->sink.context, body->data, body->bytes, err));
    writer->position += (int64_t)body->bytes;
    return SLU_OK;
}

static slu_status
writer_bound(parquet_writer *writer, const parquet_chunk_writer *chunk, bool upper, slu_view *out, bool *has, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bound;
    slu_buf_init(&bound, PARQUET_SECTION_BYTES_MAX);
    *has = parquet_range_bound(&chunk->file_range, &chunk->column, upper, writer->options.metrics_truncate, &bound);
    SLU_TRY(slu_buf_status(&bound, err));
    uint8_t *copy = slu_arena_alloc(&writer->arena, bound.bytes == 0 ? 1 : bound.bytes);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    if (bound.bytes != 0)
        memcpy(copy, bound.data, bound.bytes);
    *out = slu_view_of(copy, *has ? bound.bytes : 0);
    return SLU_OK;
}

static slu_status
writer_metrics(parquet_writer *writer, slu_error *err)
{
    parquet_column_metrics *metrics = slu_arena_array(&writer->arena, writer->chunk_count, sizeof *metrics);
    int64_t *splits = slu_arena_array(&writer->arena, writer->group_count + 1, sizeof *splits);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    for (size_t i = 0; i < writer->chunk_count; i++) {
        const parquet_chunk_writer *chunk = &writer->chunks[i];
        const bool floats = chunk->column.kind == PARQUET_KIND_FLOAT || chunk->column.kind == PARQUET_KIND_DOUBLE;
        metrics[i].field_id = chunk->column.field_id;
        metrics[i].column_bytes = chunk->file_bytes;
        metrics[i].value_count = chunk->file_values;
        metrics[i].null_count = chunk->file_nulls;
        metrics[i].nan_count = floats ? chunk->file_range.nan_count : -1;
        if (chunk->leaf->rep != 0) { /* Iceberg counts and bounds nothing inside lists and maps */
            metrics[i].value_count = metrics[i].null_count = metrics[i].nan_count = -1;
            continue;
        }
        SLU_TRY(writer_bound(writer, chunk, false, &metrics[i].lower, &metrics[i].has_lower, err));
        SLU_TRY(writer_bound(writer, chunk, true, &metrics[i].upper, &metrics[i].has_upper, err));
    }
    for (size_t i = 0; i < writer->group_count; i++)
        splits[i] = writer->groups[i].file_offset;
    writer->file = (parquet_file){.rows = writer->rows,
                                  .file_bytes = writer->position,
                                  .split_offsets = splits,
                                  .split_count = writer->group_count,
                                  .columns = metrics,
                                  .column_count = writer->chunk_count};
    return SLU_OK;
}

static slu_status
writer_finish(parquet_writer *writer, slu_error *err)
{
    SLU_TRY(writer_flush_group(writer, err));
    SLU_TRY(writer_write_index(writer, err));
    SLU_TRY(writer_write_footer(writer, err));
    return writer_metrics(writer, err);
}

slu_status
parquet_writer_finish(parquet_writer *writer, const parquet_file **out, slu_error *err)
{
    if (writer->broken != SLU_OK || writer->finished)
        return slu_error_set(err, SLU_INVALID, "the Parquet file is %s: it cannot be finished",
                             writer->finished ? "finished already" : "broken");
    writer->broken = writer_finish(writer, err);
    if (writer->broken != SLU_OK)
        return writer->broken;
    writer->finished = true;
    *out = &writer->file;
    return SLU_OK;
}
