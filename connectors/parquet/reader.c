#include "reader.h"

#include "assemble.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/sizes.h"

#include <math.h>

#define READER_ARENA_BYTES_MAX ((size_t)1 << 30)
#define READER_TAIL_BYTES ((int64_t)64 << 10) /* the first read from the end usually has the whole footer */
#define READER_BATCH_ROWS 8192

struct parquet_reader {
    parquet_source source;
    parquet_reader_options options;
    slu_arena arena;
    slu_buf footer_bytes;
    parquet_footer footer;
    parquet_node *nodes; /* the columns */
    size_t column_count;
    size_t leaf_count;
    parquet_picks picks;
    bool picked;
    size_t group;     /* the one being read, or the next */
    size_t group_end; /* behind the last one wanted */
    int64_t group_first_row;
    int64_t group_rows_left; /* 0: between row groups */
    bool broken;
};

/* ---- opening ---- */

static slu_status
reader_at(const parquet_reader *reader, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    SLU_TRY_IN(reader->source.read(reader->source.context, offset, out, bytes, err), err, "%zu bytes at file position %lld", bytes,
               (long long)offset);
    return SLU_OK;
}

static slu_status
reader_load_footer(parquet_reader *reader, slu_error *err)
{
    const int64_t size = reader->source.bytes;
    if (size < 12)
        return slu_error_set(err, SLU_CORRUPT, "a Parquet file of %lld bytes is too short", (long long)size);
    int64_t tail = SLU_MIN(size, READER_TAIL_BYTES);
    uint8_t *to = slu_buf_extend(&reader->footer_bytes, (size_t)tail);
    if (to == NULL)
        return slu_buf_status(&reader->footer_bytes, err);
    SLU_TRY(reader_at(reader, size - tail, to, (size_t)tail, err));
    slu_cursor end = slu_cursor_of(to + tail - 8, 8);
    const int64_t footer_bytes = slu_cursor_u32le(&end);
    if (memcmp(end.at, "PARE", 4) == 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "the Parquet footer is encrypted");
    if (memcmp(end.at, "PAR1", 4) != 0)
        return slu_error_set(err, SLU_CORRUPT, "no Parquet file: it does not end with PAR1 at file position %lld",
                             (long long)(size - 4));
    if (footer_bytes > size - 12)
        return slu_error_set(err, SLU_CORRUPT, "the footer of %lld bytes is longer than the file of %lld", (long long)footer_bytes,
                             (long long)size);
    if (footer_bytes > PARQUET_FOOTER_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the footer of %lld bytes is above the limit of %lld", (long long)footer_bytes,
                             (long long)PARQUET_FOOTER_BYTES_MAX);
    if (footer_bytes + 8 > tail) {
        slu_buf_reset(&reader->footer_bytes);
        tail = footer_bytes + 8;
        to = slu_buf_extend(&reader->footer_bytes, (size_t)tail);
        if (to == NULL)
            return slu_buf_status(&reader->footer_bytes, err);
        SLU_TRY(reader_at(reader, size - tail, to, (size_t)tail, err));
    }
    SLU_TRY_IN(parquet_footer_decode(slu_view_of(to + tail - 8 - footer_bytes, (size_t)footer_bytes), &reader->arena,
                                     &reader->footer, err),
               err, "file position %lld", (long long)(size - 8 - footer_bytes));
    return SLU_OK;
}

/* parquet-mr up to 1.2 left the dictionary page's header out of a chunk's size: the pages still tell where they end. */
static void
reader_mend_sizes(parquet_reader *reader)
{
    const slu_view by = reader->footer.created_by;
    const bool old = slu_view_is(by, "parquet-mr") ||
                     (by.bytes > 22 && memcmp(by.data, "parquet-mr version 1.", 21) == 0 && by.data[21] <= '2' && by.data[22] == '.');
    for (size_t i = 0; old && i < reader->footer.group_count; i++)
        for (size_t k = 0; k < reader->footer.groups[i].chunk_count; k++) {
            parquet_chunk *chunk = &reader->footer.groups[i].chunks[k];
            const int64_t start = parquet_chunk_start(chunk), size = reader->source.bytes - 8;
            if (start >= 0 && start <= size && chunk->compressed_bytes >= 0 && chunk->compressed_bytes <= size - start)
                chunk->compressed_bytes += SLU_MIN(size - start - chunk->compressed_bytes, (int64_t)100);
        }
}

static slu_status
reader_check_groups(parquet_reader *reader, slu_error *err)
{
    int64_t rows = 0;
    for (size_t i = 0; i < reader->footer.group_count; i++) {
        const parquet_row_group *group = &reader->footer.groups[i];
        if (group->chunk_count != reader->leaf_count)
            return slu_error_set(err, SLU_CORRUPT, "row group %zu has %zu column chunks, the schema %zu leaves", i,
                                 group->chunk_count, reader->leaf_count);
        if (group->rows < 0 || __builtin_add_overflow(rows, group->rows, &rows))
            return slu_error_set(err, SLU_CORRUPT, "row group %zu has %lld rows", i, (long long)group->rows);
    }
    if (reader->footer.rows == 0) /* parquet-rs 0.3 */
        reader->footer.rows = rows;
    if (rows != reader->footer.rows)
        return slu_error_set(err, SLU_CORRUPT, "the row groups hold %lld rows, the footer says %lld", (long long)rows,
                             (long long)reader->footer.rows);
    return SLU_OK;
}

static slu_status
reader_init(parquet_reader *reader, slu_error *err)
{
    slu_arena_init(&reader->arena, READER_ARENA_BYTES_MAX);
    slu_buf_init(&reader->footer_bytes, (size_t)PARQUET_FOOTER_BYTES_MAX + 8);
    SLU_TRY(reader_load_footer(reader, err));
    SLU_TRY(parquet_tree_build(&reader->footer, &reader->arena, &reader->nodes, &reader->column_count, &reader->leaf_count, err));
    SLU_TRY(reader_check_groups(reader, err));
    reader_mend_sizes(reader);
    reader->group_end = reader->footer.group_count;
    return SLU_OK;
}

slu_status
parquet_reader_open(const parquet_source *source, const parquet_reader_options *options, parquet_reader **out, slu_error *err)
{
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a Parquet reader");
    reader->source = *source;
    if (options != NULL)
        reader->options = *options;
    if (reader->options.batch_rows == 0)
        reader->options.batch_rows = READER_BATCH_ROWS;
    if (reader->options.batch_rows < 1 || reader->options.batch_rows > PARQUET_BATCH_ROWS_MAX)
        return slu_error_set(err, SLU_INVALID, "batches of %lld rows: 1 to %d are allowed", (long long)reader->options.batch_rows,
                             PARQUET_BATCH_ROWS_MAX);
    SLU_TRY(reader_init(reader, err));
    *out = slu_take(&reader);
    return SLU_OK;
}

void
parquet_reader_free(parquet_reader **reader)
{
    if (*reader == NULL)
        return;
    parquet_picks_fini(&(*reader)->picks);
    slu_buf_fini(&(*reader)->footer_bytes);
    slu_arena_fini(&(*reader)->arena);
    slu_free(*reader);
    *reader = NULL;
}

/* ---- looking ---- */

int64_t
parquet_reader_rows(const parquet_reader *reader)
{
    return reader->footer.rows;
}

size_t
parquet_reader_row_group_count(const parquet_reader *reader)
{
    return reader->footer.group_count;
}

int64_t
parquet_reader_row_group_rows(const parquet_reader *reader, size_t row_group)
{
    return row_group < reader->footer.group_count ? reader->footer.groups[row_group].rows : 0;
}

int64_t
parquet_reader_row_group_offset(const parquet_reader *reader, size_t row_group)
{
    if (row_group >= reader->footer.group_count || reader->leaf_count == 0)
        return 0;
    return parquet_chunk_start(&reader->footer.groups[row_group].chunks[0]);
}

size_t
parquet_reader_column_count(const parquet_reader *reader)
{
    return reader->column_count;
}

const parquet_column *
parquet_reader_column(const parquet_reader *reader, size_t column)
{
    return column < reader->column_count ? &reader->nodes[column].column : NULL;
}

const char *
parquet_reader_key_value(const parquet_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->footer.pair_count; i++) {
        const parquet_pair *pair = &reader->footer.pairs[i];
        if (slu_view_is(pair->key, key))
            return slu_arena_strndup((slu_arena *)(uintptr_t)&reader->arena, (const char *)pair->value.data, pair->value.bytes);
    }
    return NULL;
}

static bool
bound_is_nan(const parquet_element *element, slu_view bound)
{
    float f = 0;
    double d = 0;
    if (element->type == PARQUET_FLOAT)
        memcpy(&f, bound.data, sizeof f);
    else if (element->type == PARQUET_DOUBLE)
        memcpy(&d, bound.data, sizeof d);
    return isnan(f) || isnan(d);
}

static bool
bound_fits(const parquet_element *element, slu_view bound)
{
    switch (element->type) {
    case PARQUET_BOOLEAN: return bound.bytes == 1;
    case PARQUET_INT32:
    case PARQUET_FLOAT: return bound.bytes == 4 && !bound_is_nan(element, bound);
    case PARQUET_INT64:
    case PARQUET_DOUBLE: return bound.bytes == 8 && !bound_is_nan(element, bound);
    case PARQUET_FIXED_LEN_BYTE_ARRAY: return bound.bytes == (size_t)element->type_length;
    default: return element->type == PARQUET_BYTE_ARRAY;
    }
}

slu_status
parquet_reader_statistics(const parquet_reader *reader, size_t row_group, size_t column, parquet_statistics *out)
{
    memset(out, 0, sizeof *out);
    if (row_group >= reader->footer.group_count || column >= reader->column_count ||
        reader->nodes[column].column.kind == PARQUET_KIND_UNKNOWN || reader->nodes[column].element == NULL)
        return SLU_NOTFOUND;
    const parquet_node *c = &reader->nodes[column];
    const parquet_chunk *chunk = &reader->footer.groups[row_group].chunks[c->leaf];
    const parquet_stats *stats = &chunk->stats;
    /* The deprecated fields, and the new ones of a file that names no order, were compared as signed numbers. */
    const bool numbers = c->element->type != PARQUET_BYTE_ARRAY && c->element->type != PARQUET_FIXED_LEN_BYTE_ARRAY;
    const bool both = stats->has_old || (stats->has_min && stats->has_max);
    const bool ordered = numbers || (!stats->has_old && reader->footer.has_orders);
    out->has_null_count = stats->has_null_count;
    out->null_count = stats->null_count;
    out->value_count = chunk->value_count;
    out->has_bounds = both && ordered && bound_fits(c->element, stats->min) && bound_fits(c->element, stats->max);
    if (out->has_bounds) {
        out->min = stats->min;
        out->max = stats->max;
    }
    return out->has_bounds || out->has_null_count ? SLU_OK : SLU_NOTFOUND;
}

/* ---- choosing ---- */

slu_status
parquet_reader_select(parquet_reader *reader, const parquet_want *wants, size_t count, slu_error *err)
{
    if (reader->picked)
        return slu_error_set(err, SLU_INVALID, "columns are selected once, before the first batch");
    if (count == 0 || count > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "%zu selected columns: 1 to %d are allowed", count, PARQUET_COLUMNS_MAX);
    reader->picks.arena = &reader->arena;
    reader->picks.source = &reader->source;
    const slu_status status = parquet_picks_init(&reader->picks, reader->nodes, reader->column_count, wants, count, err);
    if (status != SLU_OK) {
        parquet_picks_fini(&reader->picks);
        return status;
    }
    reader->picked = true;
    return SLU_OK;
}

static slu_status
reader_select_all(parquet_reader *reader, slu_error *err)
{
    if (reader->picked)
        return SLU_OK;
    parquet_want *wants = slu_alloc_zero(reader->column_count + 1, sizeof *wants);
    if (wants == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", reader->column_count);
    for (size_t i = 0; i < reader->column_count; i++) {
        wants[i].field_id = reader->nodes[i].column.field_id;
        wants[i].name = reader->nodes[i].column.name;
    }
    const slu_status status = parquet_reader_select(reader, wants, reader->column_count, err);
    slu_free(wants);
    return status;
}

slu_status
parquet_reader_limit(parquet_reader *reader, size_t first, size_t count, slu_error *err)
{
    if (reader->group != 0 || reader->group_rows_left != 0 || first > reader->footer.group_count ||
        count > reader->footer.group_count - first)
        return slu_error_set(err, SLU_INVALID, "row groups %zu to %zu of %zu", first, first + count, reader->footer.group_count);
    for (; reader->group < first; reader->group++)
        reader->group_first_row += reader->footer.groups[reader->group].rows;
    reader->group_end = first + count;
    return SLU_OK;
}

slu_status
parquet_reader_schema(parquet_reader *reader, struct ArrowSchema *out, slu_error *err)
{
    SLU_TRY(reader_select_all(reader, err));
    return parquet_picks_schema(&reader->picks, out, err);
}

/* ---- batches ---- */

/* Goes to the next row group that is wanted and has rows; END behind the last. */
static slu_status
reader_next_group(parquet_reader *reader, slu_error *err)
{
    for (; reader->group < reader->group_end; reader->group++) {
        const parquet_row_group *group = &reader->footer.groups[reader->group];
        if (group->rows != 0 &&
            (reader->options.keep == NULL || reader->options.keep(reader->options.keep_context, reader, reader->group)))
            break;
        reader->group_first_row += group->rows;
    }
    if (reader->group >= reader->group_end)
        return SLU_END;
    const parquet_row_group *group = &reader->footer.groups[reader->group];
    for (size_t i = 0; i < reader->picks.chunk_count; i++) {
        parquet_pick_chunk *chunk = &reader->picks.chunks[i];
        SLU_TRY_IN(parquet_chunk_reader_open(&chunk->reader, &group->chunks[chunk->leaf], group->rows, err), err, "row group %zu",
                   reader->group);
    }
    reader->group_rows_left = group->rows;
    return SLU_OK;
}

static slu_status
reader_batch(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err)
{
    if (reader->group_rows_left == 0)
        SLU_TRY(reader_next_group(reader, err));
    const int64_t rows = SLU_MIN(reader->group_rows_left, reader->options.batch_rows);
    const int64_t group_rows = reader->footer.groups[reader->group].rows;
    SLU_TRY(parquet_assemble(&reader->picks, rows, out, err));
    if (first_row != NULL)
        *first_row = reader->group_first_row + group_rows - reader->group_rows_left;
    reader->group_rows_left -= rows;
    if (reader->group_rows_left == 0) {
        reader->group_first_row += group_rows;
        reader->group++;
    }
    return SLU_OK;
}

slu_status
parquet_reader_next(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err)
{
    if (reader->broken)
        return slu_error_set(err, SLU_INVALID, "the Parquet reader met an error before");
    SLU_TRY(reader_select_all(reader, err));
    const slu_status status = reader_batch(reader, out, first_row, err);
    reader->broken = status < 0;
    return status;
}
