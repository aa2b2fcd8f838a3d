#include "reader.h"

#include "assemble.h"
#include "page_index.h"
#include "row_ranges.h"

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
    int64_t group_row;         /* the next one in it */
    parquet_row_ranges ranges; /* what is wanted of it */
    size_t range;              /* the one being read; behind the last: between row groups */
    slu_arena index_arena;     /* of its page index */
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
    const bool old = slu_view_is(by, "parquet-mr") || (by.bytes > 22 && memcmp(by.data, "parquet-mr version 1.", 21) == 0 &&
                                                       by.data[21] <= '2' && by.data[22] == '.');
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
    slu_arena_init(&reader->index_arena, READER_ARENA_BYTES_MAX);
    parquet_row_ranges_init(&reader->ranges);
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
    slu_arena_fini(&(*reader)->index_arena);
    parquet_row_ranges_fini(&(*reader)->ranges);
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

/* Whether bounds are in the order of the values. The deprecated fields, and the new ones of a file that names no order, were compared as
 * signed numbers; unsigned ones are not ours to compare, and times in milliseconds are given in other units. */
static bool
element_ordered(const parquet_element *element, bool has_orders, bool deprecated)
{
    if (parquet_element_is_unsigned(element) || parquet_element_is_millis(element))
        return false;
    const bool numbers = element->type != PARQUET_BYTE_ARRAY && element->type != PARQUET_FIXED_LEN_BYTE_ARRAY;
    return numbers || (has_orders && !deprecated);
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
    const bool both = stats->has_old || (stats->has_min && stats->has_max);
    const bool ordered = element_ordered(c->element, reader->footer.has_orders, stats->has_old);
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
    if (reader->group != 0 || parquet_row_ranges_count(&reader->ranges) != 0 || first > reader->footer.group_count ||
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

/* ---- pages and filters ---- */

/* Bytes of an index, into the arena of the row group at hand. */
static slu_status
index_bytes(parquet_reader *reader, int64_t offset, int64_t bytes, slu_view *out, slu_error *err)
{
    if (offset < 4 || bytes <= 0 || bytes > PARQUET_INDEX_BYTES_MAX || offset > reader->source.bytes - 8 - bytes)
        return slu_error_set(err, SLU_CORRUPT, "an index of %lld bytes at file position %lld", (long long)bytes, (long long)offset);
    uint8_t *to = slu_arena_alloc(&reader->index_arena, (size_t)bytes);
    SLU_TRY(slu_arena_status(&reader->index_arena, err));
    SLU_TRY(reader_at(reader, offset, to, (size_t)bytes, err));
    *out = slu_view_of(to, (size_t)bytes);
    return SLU_OK;
}

static slu_status
chunk_locations(parquet_reader *reader, size_t row_group, const parquet_chunk *chunk, parquet_location **out, size_t *out_count,
                slu_error *err)
{
    slu_view bytes;
    if (chunk->offset_index_bytes == 0 || chunk->encrypted)
        return SLU_NOTFOUND;
    SLU_TRY(index_bytes(reader, chunk->offset_index_offset, chunk->offset_index_bytes, &bytes, err));
    return parquet_offset_index_decode(bytes, reader->footer.groups[row_group].rows, &reader->index_arena, out, out_count, err);
}

static void
page_fill(const parquet_reader *reader, const parquet_node *node, const parquet_page_bounds *bounds, parquet_page *page)
{
    parquet_statistics *s = &page->statistics;
    s->value_count = page->rows;
    s->has_null_count = bounds->has_null_count || bounds->null_page;
    s->null_count = bounds->null_page ? page->rows : bounds->null_count;
    s->has_bounds = !bounds->null_page && element_ordered(node->element, reader->footer.has_orders, false) &&
                    bound_fits(node->element, bounds->min) && bound_fits(node->element, bounds->max);
    s->min = bounds->min;
    s->max = bounds->max;
}

static slu_status
pages_read(parquet_reader *reader, size_t row_group, const parquet_node *node, const parquet_page **out, size_t *out_count,
           slu_error *err)
{
    const parquet_chunk *chunk = &reader->footer.groups[row_group].chunks[node->leaf];
    const int64_t rows = reader->footer.groups[row_group].rows;
    parquet_location *locations = NULL;
    parquet_page_bounds *bounds = NULL;
    size_t count = 0;
    slu_view bytes;
    SLU_TRY(chunk_locations(reader, row_group, chunk, &locations, &count, err));
    SLU_TRY(index_bytes(reader, chunk->column_index_offset, chunk->column_index_bytes, &bytes, err));
    SLU_TRY(parquet_column_index_decode(bytes, count, &reader->index_arena, &bounds, err));
    parquet_page *pages = slu_arena_array(&reader->index_arena, count, sizeof *pages);
    SLU_TRY(slu_arena_status(&reader->index_arena, err));
    for (size_t i = 0; i < count; i++) {
        pages[i].first_row = locations[i].first_row;
        pages[i].rows = (i + 1 < count ? locations[i + 1].first_row : rows) - locations[i].first_row;
        page_fill(reader, node, &bounds[i], &pages[i]);
    }
    *out = pages;
    *out_count = count;
    return SLU_OK;
}

slu_status
parquet_reader_pages(parquet_reader *reader, size_t row_group, size_t column, const parquet_page **out, size_t *out_count,
                     slu_error *err)
{
    if (row_group >= reader->footer.group_count || column >= reader->column_count || reader->nodes[column].element == NULL ||
        reader->nodes[column].rep != 0 ||
        reader->footer.groups[row_group].chunks[reader->nodes[column].leaf].column_index_bytes == 0)
        return SLU_NOTFOUND;
    const slu_status status = pages_read(reader, row_group, &reader->nodes[column], out, out_count, err);
    return status == SLU_CORRUPT ? SLU_NOTFOUND : status; /* the index only saves work */
}

void
parquet_reader_drop(parquet_reader *reader, int64_t first_row, int64_t rows)
{
    parquet_row_ranges_drop(&reader->ranges, first_row, first_row + rows);
}

static slu_status
bloom_excludes(const parquet_reader *reader, int64_t offset, slu_view value, bool *out)
{
    uint8_t head[64], block[32];
    uint32_t bytes = 0;
    size_t head_bytes = 0;
    const int64_t room = reader->source.bytes - 8 - offset;
    if (offset < 4 || room < (int64_t)sizeof block)
        return SLU_CORRUPT;
    const size_t tried = (size_t)SLU_MIN(room, (int64_t)sizeof head);
    SLU_TRY(reader_at(reader, offset, head, tried, NULL));
    SLU_TRY(parquet_bloom_header_decode(slu_view_of(head, tried), &bytes, &head_bytes, NULL));
    if (room - (int64_t)head_bytes < (int64_t)bytes)
        return SLU_CORRUPT;
    SLU_TRY(reader_at(reader, offset + (int64_t)head_bytes + parquet_bloom_block(value, bytes), block, sizeof block, NULL));
    *out = !parquet_bloom_may_hold(block, value);
    return SLU_OK;
}

bool
parquet_reader_excludes(parquet_reader *reader, size_t row_group, size_t column, slu_view value)
{
    if (row_group >= reader->footer.group_count || column >= reader->column_count || reader->nodes[column].element == NULL)
        return false;
    const parquet_element *element = reader->nodes[column].element;
    const parquet_chunk *chunk = &reader->footer.groups[row_group].chunks[reader->nodes[column].leaf];
    bool excluded = false;
    /* Zero has two signs, and a filter holds only one of them. */
    const bool real = element->type == PARQUET_FLOAT || element->type == PARQUET_DOUBLE;
    if (chunk->bloom_offset == 0 || chunk->encrypted || real || element->type == PARQUET_BOOLEAN ||
        parquet_element_is_millis(element) || !bound_fits(element, value))
        return false;
    return bloom_excludes(reader, chunk->bloom_offset, value, &excluded) == SLU_OK && excluded;
}

/* ---- batches ---- */

/* Whether the row group at hand has wanted rows; which they are stands in the ranges. */
static slu_status
group_wanted(parquet_reader *reader, bool *out, slu_error *err)
{
    const parquet_row_group *group = &reader->footer.groups[reader->group];
    parquet_row_ranges_reset(&reader->ranges);
    slu_arena_reset(&reader->index_arena);
    reader->range = 0;
    reader->group_row = 0;
    *out = false;
    if (group->rows == 0 ||
        (reader->options.keep != NULL && !reader->options.keep(reader->options.keep_context, reader, reader->group)))
        return SLU_OK;
    SLU_TRY(parquet_row_ranges_finish(&reader->ranges, group->rows, err));
    *out = parquet_row_ranges_count(&reader->ranges) != 0;
    return SLU_OK;
}

static slu_status
group_open(parquet_reader *reader, slu_error *err)
{
    const parquet_row_group *group = &reader->footer.groups[reader->group];
    const parquet_row_range first = parquet_row_ranges_get(&reader->ranges, 0);
    const bool whole = first.from == 0 && first.to == group->rows;
    for (size_t i = 0; i < reader->picks.chunk_count; i++) {
        parquet_pick_chunk *pick = &reader->picks.chunks[i];
        const parquet_chunk *chunk = &group->chunks[pick->leaf];
        parquet_location *locations = NULL;
        size_t count = 0;
        SLU_TRY(parquet_chunk_reader_open(&pick->reader, chunk, group->rows, err));
        if (whole)
            continue;
        const slu_status status = chunk_locations(reader, reader->group, chunk, &locations, &count, err);
        if (status == SLU_OK)
            parquet_chunk_reader_locate(&pick->reader, locations, count);
        else if (status != SLU_NOTFOUND && status != SLU_CORRUPT)
            return status;
    }
    return SLU_OK;
}

/* Goes to the next row group that is wanted and has rows; END behind the last. */
static slu_status
reader_next_group(parquet_reader *reader, slu_error *err)
{
    bool wanted = false;
    for (; reader->group < reader->group_end; reader->group++) {
        SLU_TRY(group_wanted(reader, &wanted, err));
        if (wanted)
            break;
        reader->group_first_row += reader->footer.groups[reader->group].rows;
    }
    if (reader->group >= reader->group_end) {
        parquet_row_ranges_reset(&reader->ranges);
        return SLU_END;
    }
    SLU_TRY_IN(group_open(reader, err), err, "row group %zu", reader->group);
    return SLU_OK;
}

static slu_status
reader_skip_to(parquet_reader *reader, int64_t row, slu_error *err)
{
    for (size_t i = 0; i < reader->picks.chunk_count && row != reader->group_row; i++) {
        parquet_pick_chunk *pick = &reader->picks.chunks[i];
        SLU_TRY(parquet_chunk_reader_skip(&pick->reader, row - reader->group_row, &pick->column, err));
    }
    reader->group_row = row;
    return SLU_OK;
}

static slu_status
reader_batch(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err)
{
    if (reader->range == parquet_row_ranges_count(&reader->ranges))
        SLU_TRY(reader_next_group(reader, err));
    const parquet_row_range range = parquet_row_ranges_get(&reader->ranges, reader->range);
    SLU_TRY(reader_skip_to(reader, SLU_MAX(range.from, reader->group_row), err));
    const int64_t rows = SLU_MIN(range.to - reader->group_row, reader->options.batch_rows);
    SLU_TRY(parquet_assemble(&reader->picks, rows, out, err));
    if (first_row != NULL)
        *first_row = reader->group_first_row + reader->group_row;
    reader->group_row += rows;
    reader->range += reader->group_row == range.to;
    if (reader->range == parquet_row_ranges_count(&reader->ranges))
        reader->group_first_row += reader->footer.groups[reader->group++].rows;
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
