#include "chunk_writer.h"

#include "delta.h"
#include "rle.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/sizes.h"

#define CHUNK_BYTES_MAX ((size_t)1 << 40)
#define PAGE_PLAIN_BYTES_MAX ((size_t)INT32_MAX)

static size_t
chunk_number_bytes(const parquet_element *element)
{
    switch (element->type) {
    case PARQUET_INT32:
    case PARQUET_FLOAT: return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE: return 8;
    default: return 0;
    }
}

static bool
chunk_is_boolean(const parquet_chunk_writer *chunk)
{
    return chunk->element.type == PARQUET_BOOLEAN;
}

static bool
chunk_has_numbers(const parquet_chunk_writer *chunk)
{
    return chunk->number_bytes != 0 || chunk_is_boolean(chunk);
}

/* How the row group starts: with a dictionary where the column can have one. */
static void
chunk_start(parquet_chunk_writer *chunk, const parquet_chunk_shared *shared)
{
    chunk->dictionary_on = !shared->no_dictionary && !chunk->column.delta && !chunk_is_boolean(chunk);
    chunk->dictionary_tested = false;
    chunk->dictionary_before = 0;
}

slu_status
parquet_chunk_writer_init(parquet_chunk_writer *chunk, const parquet_leaf *leaf, const parquet_chunk_shared *shared, slu_error *err)
{
    const parquet_column *column = &leaf->column;
    chunk->leaf = leaf;
    chunk->column = *column;
    chunk->element = leaf->element;
    chunk->slice_rows = 64;
    chunk->indices_room = PARQUET_PAGE_ROWS_MAX;
    slu_buf_init(&chunk->defs, PARQUET_SHRED_ENTRIES_MAX);
    slu_buf_init(&chunk->reps, PARQUET_SHRED_ENTRIES_MAX);
    chunk->number_bytes = chunk_number_bytes(&chunk->element);
    chunk->with_length = chunk->element.type == PARQUET_BYTE_ARRAY;
    chunk->column.delta = column->delta && (chunk->element.type == PARQUET_INT32 || chunk->element.type == PARQUET_INT64);
    slu_buf_init(&chunk->plain, CHUNK_BYTES_MAX);
    slu_buf_init(&chunk->pages, CHUNK_BYTES_MAX);
    parquet_page_marks_init(&chunk->marks);
    parquet_range_init(&chunk->page_range, column);
    parquet_range_init(&chunk->range, column);
    parquet_range_init(&chunk->file_range, column);
    SLU_TRY(parquet_convert_init(&chunk->convert, column, leaf->format, err));
    SLU_TRY(parquet_dictionary_init(&chunk->dictionary, chunk->number_bytes, chunk->with_length, err));
    chunk->valid = slu_alloc_zero(PARQUET_PAGE_ROWS_MAX / 8 + 9, 1);
    chunk->indices = slu_alloc_zero(PARQUET_PAGE_ROWS_MAX, sizeof *chunk->indices);
    if (chunk->valid == NULL || chunk->indices == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a page of column %s", column->name);
    chunk_start(chunk, shared);
    return SLU_OK;
}

void
parquet_chunk_writer_fini(parquet_chunk_writer *chunk)
{
    parquet_dictionary_fini(&chunk->dictionary);
    slu_free(chunk->valid);
    slu_free(chunk->indices);
    slu_buf_fini(&chunk->plain);
    slu_buf_fini(&chunk->pages);
    slu_buf_fini(&chunk->defs);
    slu_buf_fini(&chunk->reps);
    parquet_page_marks_fini(&chunk->marks);
    parquet_range_fini(&chunk->page_range);
    parquet_range_fini(&chunk->range);
    parquet_range_fini(&chunk->file_range);
    memset(chunk, 0, sizeof *chunk);
}

/* ---- values into the page ---- */

static void
plain_numbers(parquet_chunk_writer *chunk, const int64_t *values, size_t count)
{
    if (chunk->column.delta || chunk->number_bytes == 8) {
        slu_buf_append(&chunk->plain, values, count * sizeof *values);
    } else if (chunk->number_bytes == 4) {
        uint8_t *out = slu_buf_extend(&chunk->plain, count * 4);
        for (size_t i = 0; out != NULL && i < count; i++)
            memcpy(out + 4 * i, &(uint32_t){(uint32_t)values[i]}, 4);
    } else {
        uint8_t *out = slu_buf_extend(&chunk->plain, count);
        for (size_t i = 0; out != NULL && i < count; i++)
            out[i] = (uint8_t)values[i];
    }
}

static size_t
views_plain_bytes(const parquet_chunk_writer *chunk, const slu_view *values, size_t count)
{
    size_t bytes = chunk->with_length ? 4 * count : 0;
    for (size_t i = 0; i < count; i++)
        bytes += values[i].bytes;
    return bytes;
}

static void
plain_views(parquet_chunk_writer *chunk, const slu_view *values, size_t count, size_t bytes)
{
    uint8_t *out = slu_buf_extend(&chunk->plain, bytes);
    if (out == NULL || bytes == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const uint32_t length = (uint32_t)values[i].bytes;
        if (chunk->with_length) {
            memcpy(out, &length, 4);
            out += 4;
        }
        memcpy(out, values[i].data, length);
        out += length;
    }
}

static void
page_add_numbers(parquet_chunk_writer *chunk, const parquet_stage *stage)
{
    parquet_range_numbers(&chunk->page_range, stage->numbers, stage->count);
    if (chunk->dictionary_on)
        parquet_dictionary_numbers(&chunk->dictionary, stage->numbers, stage->count, chunk->indices + chunk->page_values);
    else
        plain_numbers(chunk, stage->numbers, stage->count);
    chunk->page_plain_bytes += chunk->number_bytes != 0 ? stage->count * chunk->number_bytes : (stage->count + 7) / 8;
}

static void
page_add_views(parquet_chunk_writer *chunk, const parquet_stage *stage)
{
    const size_t bytes = views_plain_bytes(chunk, stage->views, stage->count);
    if (chunk->dictionary_on) {
        parquet_dictionary_views(&chunk->dictionary, stage->views, stage->count, chunk->indices + chunk->page_values,
                                 &chunk->page_range);
    } else {
        for (size_t i = 0; i < stage->count; i++)
            parquet_range_bytes(&chunk->page_range, stage->views[i]);
        plain_views(chunk, stage->views, stage->count, bytes);
    }
    chunk->page_plain_bytes += bytes;
}

/* Appends the stage's validity bits behind the page's; the bits beyond both are zero. */
static void
page_add_valid(parquet_chunk_writer *chunk, const parquet_stage *stage)
{
    const size_t shift = chunk->page_rows % 8;
    uint8_t *out = chunk->valid + chunk->page_rows / 8;
    const size_t bytes = (stage->rows + 7) / 8;
    if (shift == 0) {
        memcpy(out, stage->valid, bytes);
        out[bytes] = 0;
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(out[i] | stage->valid[i] << shift);
        out[i + 1] = (uint8_t)(stage->valid[i] >> (8 - shift));
    }
}

/* ---- a page out ---- */

/* The page's values again as PLAIN, from the dictionary. */
static void
page_rebuild_plain(parquet_chunk_writer *chunk)
{
    for (size_t i = 0; i < chunk->page_values; i++) {
        if (chunk->number_bytes != 0) {
            const int64_t value = parquet_dictionary_number(&chunk->dictionary, chunk->indices[i]);
            plain_numbers(chunk, &value, 1);
        } else {
            const slu_view value = parquet_dictionary_view(&chunk->dictionary, chunk->indices[i]);
            plain_views(chunk, &value, 1, views_plain_bytes(chunk, &value, 1));
        }
    }
}

static unsigned
dictionary_width(const parquet_chunk_writer *chunk)
{
    const unsigned width = chunk->dictionary.count <= 1 ? 1 : parquet_bit_width(chunk->dictionary.count - 1);
    return width;
}

/* What the page costs with the dictionary: its indices and the entries it brought. */
static bool
page_pays(const parquet_chunk_writer *chunk)
{
    const size_t entries = chunk->dictionary.bytes - chunk->dictionary_before;
    return entries + chunk->page_values * dictionary_width(chunk) / 8 < chunk->page_plain_bytes;
}

/* Before a page ends: does the dictionary pay? On the first page this is parquet-java's question: if not, the page becomes PLAIN and no
 * dictionary is written. A later page that does not pay is the last one with the dictionary, which would only grow. */
static void
chunk_test_dictionary(parquet_chunk_writer *chunk)
{
    if (!chunk->dictionary_on || chunk->dictionary_tested)
        return;
    chunk->dictionary_tested = page_pays(chunk);
    if (!chunk->dictionary_tested) {
        chunk->dictionary_on = false;
        page_rebuild_plain(chunk);
        parquet_dictionary_shrink(&chunk->dictionary);
    }
}

/* A stream of levels, a byte each, behind its length. */
static void
page_put_stream(slu_view levels, uint8_t most, slu_buf *scratch, slu_buf *body)
{
    if (most == 0)
        return;
    const size_t at = body->bytes;
    slu_buf_reset(scratch);
    uint32_t *wide = (uint32_t *)(void *)slu_buf_extend(scratch, levels.bytes * sizeof *wide);
    for (size_t i = 0; wide != NULL && i < levels.bytes; i++)
        wide[i] = levels.data[i];
    slu_buf_u32le(body, 0);
    if (wide != NULL)
        parquet_rle_put(body, wide, levels.bytes, parquet_bit_width(most));
    if (body->failed == SLU_OK)
        slu_buf_patch_u32le(body, at, (uint32_t)(body->bytes - at - 4));
}

static void
page_put_levels(const parquet_chunk_writer *chunk, slu_buf *scratch, slu_buf *body)
{
    if (chunk->leaf->step_count != 0) {
        page_put_stream(slu_buf_view(&chunk->reps), chunk->leaf->rep, scratch, body);
        page_put_stream(slu_buf_view(&chunk->defs), chunk->leaf->def, scratch, body);
        return;
    }
    if (chunk->column.required)
        return;
    const size_t at = body->bytes;
    slu_buf_u32le(body, 0);
    parquet_rle_put_bits(body, chunk->valid, chunk->page_rows);
    if (body->failed == SLU_OK)
        slu_buf_patch_u32le(body, at, (uint32_t)(body->bytes - at - 4));
}

static void
page_put_booleans(const parquet_chunk_writer *chunk, slu_buf *body)
{
    uint8_t *out = slu_buf_extend(body, (chunk->page_values + 7) / 8);
    if (out == NULL || chunk->page_values == 0)
        return;
    memset(out, 0, (chunk->page_values + 7) / 8);
    for (size_t i = 0; i < chunk->page_values; i++)
        out[i / 8] |= (uint8_t)(chunk->plain.data[i] << (i % 8));
}

/* Returns the encoding of the values. */
static int32_t
page_put_values(const parquet_chunk_writer *chunk, slu_buf *body)
{
    if (chunk->dictionary_on) {
        const unsigned width = dictionary_width(chunk);
        slu_buf_u8(body, (uint8_t)width);
        parquet_rle_put(body, chunk->indices, chunk->page_values, width);
        return PARQUET_ENCODING_RLE_DICTIONARY;
    }
    if (chunk->column.delta) {
        parquet_delta_put(body, (const int64_t *)(const void *)chunk->plain.data, chunk->page_values, chunk->number_bytes == 8);
        return PARQUET_ENCODING_DELTA_BINARY_PACKED;
    }
    if (chunk_is_boolean(chunk))
        page_put_booleans(chunk, body);
    else
        slu_buf_append(body, chunk->plain.data, chunk->plain.bytes);
    return PARQUET_ENCODING_PLAIN;
}

/* Header and compressed body behind `out`; `plain_bytes` counts both as uncompressed. */
static slu_status
page_write(parquet_chunk_shared *shared, slu_view body, parquet_page_header *header, slu_buf *out, int64_t *plain_bytes,
           slu_error *err)
{
    /* The header tells the compressed size, so the body is compressed first, behind the widest header, and moved up. */
    uint8_t head_bytes[64];
    slu_buf head = {head_bytes, 0, sizeof head_bytes, sizeof head_bytes, SLU_OK};
    const size_t at = out->bytes;
    if (body.bytes > PAGE_PLAIN_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a Parquet page of %zu bytes is above the format's limit", body.bytes);
    if (slu_buf_extend(out, sizeof head_bytes) == NULL)
        return slu_buf_status(out, err);
    SLU_TRY(parquet_codec_compress(&shared->codec, body, out, err));
    const size_t packed = out->bytes - at - sizeof head_bytes;
    if (packed > PAGE_PLAIN_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a Parquet page of %zu bytes is above the format's limit", packed);
    header->plain_bytes = (int32_t)body.bytes;
    header->compressed_bytes = (int32_t)packed;
    parquet_page_header_encode(header, &head);
    SLU_ASSERT(head.failed == SLU_OK);
    memcpy(out->data + at, head.data, head.bytes);
    memmove(out->data + at + head.bytes, out->data + at + sizeof head_bytes, packed);
    out->bytes = at + head.bytes + packed;
    *plain_bytes += (int64_t)(head.bytes + body.bytes);
    return SLU_OK;
}

/* ---- the page's place in the index ---- */

/* A page of dictionary indices: each entry that it uses is looked at once. */
static slu_status
page_range_of_entries(const parquet_chunk_writer *chunk, parquet_range *out, slu_error *err)
{
    const size_t bytes = chunk->dictionary.count / 8 + 1;
    uint8_t *used = slu_alloc_zero(bytes, 1);
    if (used == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a page's bounds");
    for (size_t i = 0; i < chunk->page_values; i++)
        used[chunk->indices[i] / 8] |= (uint8_t)(1u << chunk->indices[i] % 8);
    for (uint32_t entry = 0; entry < chunk->dictionary.count; entry++)
        if (used[entry / 8] >> entry % 8 & 1)
            parquet_range_bytes(out, parquet_dictionary_view(&chunk->dictionary, entry));
    slu_free(used);
    return SLU_OK;
}

static slu_status
page_mark_bounds(parquet_chunk_writer *chunk, const parquet_range *range, const parquet_page_mark *mark, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf low;
    SLU_AUTO(slu_buf_fini) slu_buf high;
    bool exact = true;
    slu_buf_init(&low, PARQUET_SECTION_BYTES_MAX);
    slu_buf_init(&high, PARQUET_SECTION_BYTES_MAX);
    const bool has = parquet_range_statistic(range, &chunk->column, false, &low, &exact) &&
                     parquet_range_statistic(range, &chunk->column, true, &high, &exact);
    SLU_TRY(slu_buf_status(&low, err));
    SLU_TRY(slu_buf_status(&high, err));
    const slu_view min = slu_buf_view(&low), max = slu_buf_view(&high);
    parquet_page_marks_add(&chunk->marks, mark, has ? &min : NULL, has ? &max : NULL);
    SLU_TRY(slu_buf_status(&chunk->marks.bounds, err));
    return slu_buf_status(&chunk->marks.marks, err);
}

/* `at`: where the page begins among the chunk's pages. */
static slu_status
page_mark(parquet_chunk_writer *chunk, size_t at, size_t entries, slu_error *err)
{
    const parquet_page_mark mark = {.offset = (int64_t)at,
                                    .first_row = chunk->rows,
                                    .null_count = (int64_t)(entries - chunk->page_values),
                                    .bytes = (int32_t)(chunk->pages.bytes - at),
                                    .null_page = chunk->page_values == 0};
    parquet_range entries_range;
    slu_status status = SLU_OK;
    parquet_range_init(&entries_range, &chunk->column);
    const bool known = chunk->dictionary_on && !chunk_has_numbers(chunk) && chunk->rows != 0;
    if (known)
        status = page_range_of_entries(chunk, &entries_range, err);
    if (status == SLU_OK)
        status = page_mark_bounds(chunk, known ? &entries_range : &chunk->page_range, &mark, err);
    parquet_range_fini(&entries_range);
    SLU_TRY(status);
    chunk->rows += (int64_t)chunk->page_rows;
    return parquet_range_merge(&chunk->range, &chunk->page_range, err);
}

static void
page_reset(parquet_chunk_writer *chunk)
{
    parquet_range_reset(&chunk->page_range);
    chunk->page_rows = 0;
    chunk->page_values = 0;
    chunk->page_plain_bytes = 0;
    chunk->dictionary_before = chunk->dictionary.bytes;
    slu_buf_reset(&chunk->plain);
    slu_buf_reset(&chunk->defs);
    slu_buf_reset(&chunk->reps);
    chunk->valid[0] = 0;
}

static slu_status
page_flush(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, slu_error *err)
{
    if (chunk->page_rows == 0)
        return SLU_OK;
    chunk_test_dictionary(chunk);
    SLU_TRY(slu_buf_status(&chunk->plain, err));
    slu_buf *body = &shared->body;
    slu_buf_reset(body);
    page_put_levels(chunk, &shared->levels, body);
    SLU_TRY(slu_buf_status(&shared->levels, err));
    const size_t entries = chunk->leaf->step_count == 0 ? chunk->page_rows : chunk->defs.bytes;
    parquet_page_header header = {.type = PARQUET_PAGE_DATA, .value_count = (int32_t)entries};
    header.encoding = page_put_values(chunk, body);
    SLU_TRY(slu_buf_status(body, err));
    const size_t at = chunk->pages.bytes;
    SLU_TRY(page_write(shared, slu_buf_view(body), &header, &chunk->pages, &chunk->pages_plain_bytes, err));
    SLU_TRY(page_mark(chunk, at, entries, err));
    chunk->encodings |= UINT32_C(1) << header.encoding;
    if (chunk->dictionary_on && chunk->page_values != 0 && !page_pays(chunk))
        chunk->dictionary_on = false;
    page_reset(chunk);
    return SLU_OK;
}

/* ---- the contract ---- */

static slu_status
page_add(parquet_chunk_writer *chunk, const parquet_stage *stage, slu_error *err)
{
    if (chunk_has_numbers(chunk))
        page_add_numbers(chunk, stage);
    else
        page_add_views(chunk, stage);
    chunk->page_values += stage->count;
    return parquet_dictionary_status(&chunk->dictionary, err);
}

/* Counts rows into the page and ends it when it is full. */
static slu_status
page_grow(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, size_t rows, slu_error *err)
{
    chunk->page_rows += rows;
    if (chunk->dictionary_on && chunk->dictionary.bytes > PARQUET_DICTIONARY_BYTES_MAX) {
        SLU_TRY(page_flush(chunk, shared, err));
        chunk->dictionary_on = false;
    }
    if (chunk->page_rows == PARQUET_PAGE_ROWS_MAX || chunk->page_plain_bytes >= shared->page_bytes)
        return page_flush(chunk, shared, err);
    return SLU_OK;
}

static slu_status
chunk_add_stage(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, slu_error *err)
{
    const parquet_stage *stage = &shared->stage;
    SLU_TRY(page_add(chunk, stage, err));
    if (!chunk->column.required)
        page_add_valid(chunk, stage);
    chunk->value_count += (int64_t)stage->rows;
    chunk->null_count += (int64_t)(stage->rows - stage->count);
    return page_grow(chunk, shared, stage->rows, err);
}

/* ---- nested columns ---- */

#define SLICE_ENTRIES 4096

static slu_status
indices_room(parquet_chunk_writer *chunk, size_t more, slu_error *err)
{
    if (chunk->page_values + more <= chunk->indices_room)
        return SLU_OK;
    const size_t room = SLU_MAX(chunk->page_values + more, chunk->indices_room * 2);
    uint32_t *grown = slu_realloc(chunk->indices, room * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a page of %zu values", room);
    chunk->indices = grown;
    chunk->indices_room = room;
    return SLU_OK;
}

/* The values of a slice that was shredded. */
static slu_status
slice_values(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, slu_error *err)
{
    const parquet_shred *shred = &shared->shred;
    const int32_t *at = (const int32_t *)(const void *)shred->at.data;
    SLU_TRY(indices_room(chunk, shred->values, err));
    for (size_t done = 0; done < shred->values; done += shared->stage.rows) {
        const size_t n = SLU_MIN(shred->values - done, (size_t)PARQUET_STAGE_ROWS);
        SLU_TRY(parquet_stage_fill(&shared->stage, &chunk->convert, shred->leaf, 0, at, (int64_t)done, n, shared->page_bytes, err));
        SLU_TRY(page_add(chunk, &shared->stage, err));
    }
    slu_buf_append(&chunk->defs, shred->defs.data, shred->entries);
    slu_buf_append(&chunk->reps, shred->reps.data, shred->entries);
    SLU_TRY(slu_buf_status(&chunk->defs, err));
    chunk->value_count += (int64_t)shred->entries;
    chunk->null_count += (int64_t)(shred->entries - shred->values);
    return slu_buf_status(&chunk->reps, err);
}

/* So many rows that a slice has some thousand entries and stays well below a page. */
static void
slice_adapt(parquet_chunk_writer *chunk, size_t entries, size_t bytes, size_t page_bytes)
{
    if (entries > SLICE_ENTRIES || bytes > page_bytes / 4)
        chunk->slice_rows = SLU_MAX(chunk->slice_rows / 2, (size_t)1);
    else if (entries < SLICE_ENTRIES / 2 && bytes < page_bytes / 16)
        chunk->slice_rows = SLU_MIN(chunk->slice_rows * 2, (size_t)PARQUET_STAGE_ROWS);
}

static slu_status
chunk_append_nested(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, const struct ArrowArray *array, int64_t base,
                    const int32_t *selection, int64_t from, int64_t rows, slu_error *err)
{
    while (rows > 0) {
        const size_t room = SLU_MIN(chunk->slice_rows, PARQUET_PAGE_ROWS_MAX - chunk->page_rows);
        const size_t n = (size_t)SLU_MIN(rows, (int64_t)room);
        const size_t before = chunk->page_plain_bytes;
        SLU_TRY(parquet_shred_rows(&shared->shred, chunk->leaf, array, base, selection, from, n, err));
        SLU_TRY(slice_values(chunk, shared, err));
        slice_adapt(chunk, shared->shred.entries, chunk->page_plain_bytes - before, shared->page_bytes);
        SLU_TRY(page_grow(chunk, shared, n, err));
        from += (int64_t)n;
        rows -= (int64_t)n;
    }
    return SLU_OK;
}

slu_status
parquet_chunk_writer_append(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, const struct ArrowArray *array, int64_t base,
                            const int32_t *selection, int64_t from, int64_t rows, slu_error *err)
{
    if (chunk->leaf->step_count != 0)
        return chunk_append_nested(chunk, shared, array, base, selection, from, rows, err);
    while (rows > 0) {
        const int64_t room = SLU_MIN((int64_t)PARQUET_STAGE_ROWS, (int64_t)(PARQUET_PAGE_ROWS_MAX - chunk->page_rows));
        SLU_TRY(parquet_stage_fill(&shared->stage, &chunk->convert, array, base, selection, from, (size_t)SLU_MIN(rows, room),
                                   shared->page_bytes, err));
        SLU_TRY(chunk_add_stage(chunk, shared, err));
        from += (int64_t)shared->stage.rows;
        rows -= (int64_t)shared->stage.rows;
    }
    return SLU_OK;
}

int64_t
parquet_chunk_writer_plain_bytes(const parquet_chunk_writer *chunk)
{
    return chunk->pages_plain_bytes + (int64_t)chunk->page_plain_bytes + (int64_t)chunk->dictionary.bytes;
}

int64_t
parquet_chunk_writer_held_bytes(const parquet_chunk_writer *chunk)
{
    return (int64_t)chunk->pages.bytes + (int64_t)chunk->page_plain_bytes + (int64_t)chunk->dictionary.bytes;
}

size_t
parquet_chunk_writer_page_count(const parquet_chunk_writer *chunk)
{
    return parquet_page_marks_count(&chunk->marks) + (chunk->page_rows != 0);
}

/* The dictionary as a PLAIN page body. */
static slu_view
dictionary_body(const parquet_chunk_writer *chunk, slu_buf *body)
{
    const parquet_dictionary *d = &chunk->dictionary;
    if (d->by_bytes)
        return slu_buf_view(&d->blob);
    slu_buf_reset(body);
    uint8_t *out = slu_buf_extend(body, d->count * chunk->number_bytes);
    for (uint32_t i = 0; out != NULL && i < d->count; i++) {
        const int64_t value = parquet_dictionary_number(d, i);
        memcpy(out + i * chunk->number_bytes, &value, chunk->number_bytes);
    }
    return slu_buf_view(body);
}

static slu_status
chunk_write_dictionary(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, const parquet_sink *sink, int64_t *position,
                       parquet_chunk *out, slu_error *err)
{
    if (chunk->dictionary.count == 0 || (chunk->encodings >> PARQUET_ENCODING_RLE_DICTIONARY & 1) == 0)
        return SLU_OK;
    SLU_AUTO(slu_buf_fini) slu_buf page;
    slu_buf_init(&page, CHUNK_BYTES_MAX);
    const slu_view body = dictionary_body(chunk, &shared->body);
    SLU_TRY(slu_buf_status(&shared->body, err));
    parquet_page_header header = {
        .type = PARQUET_PAGE_DICTIONARY, .value_count = (int32_t)chunk->dictionary.count, .encoding = PARQUET_ENCODING_PLAIN};
    SLU_TRY(page_write(shared, body, &header, &page, &chunk->pages_plain_bytes, err));
    SLU_TRY(sink->write(sink->context, page.data, page.bytes, err));
    out->dictionary_offset = *position;
    *position += (int64_t)page.bytes;
    chunk->encodings |= UINT32_C(1) << PARQUET_ENCODING_PLAIN;
    return SLU_OK;
}

static slu_status
chunk_statistic(const parquet_chunk_writer *chunk, bool upper, slu_arena *arena, slu_view *out, bool *has, bool *inexact,
                slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes;
    bool exact = true;
    slu_buf_init(&bytes, PARQUET_SECTION_BYTES_MAX);
    *has = parquet_range_statistic(&chunk->range, &chunk->column, upper, &bytes, &exact);
    *inexact = !exact;
    SLU_TRY(slu_buf_status(&bytes, err));
    if (!*has)
        return SLU_OK;
    uint8_t *copy = slu_arena_alloc(arena, bytes.bytes == 0 ? 1 : bytes.bytes);
    SLU_TRY(slu_arena_status(arena, err));
    if (bytes.bytes != 0)
        memcpy(copy, bytes.data, bytes.bytes);
    *out = slu_view_of(copy, bytes.bytes);
    return SLU_OK;
}

static slu_status
chunk_describe(parquet_chunk_writer *chunk, const parquet_chunk_shared *shared, slu_arena *arena, parquet_chunk *out,
               slu_error *err)
{
    out->has_meta = true;
    out->type = chunk->element.type;
    out->codec = shared->codec.id;
    out->encodings = chunk->encodings | UINT32_C(1) << PARQUET_ENCODING_RLE;
    out->path = chunk->leaf->path;
    out->path_parts = chunk->leaf->path_parts;
    out->value_count = chunk->value_count;
    out->plain_bytes = chunk->pages_plain_bytes;
    out->stats.has_null_count = true;
    out->stats.null_count = chunk->null_count;
    SLU_TRY(chunk_statistic(chunk, false, arena, &out->stats.min, &out->stats.has_min, &out->stats.min_inexact, err));
    return chunk_statistic(chunk, true, arena, &out->stats.max, &out->stats.has_max, &out->stats.max_inexact, err);
}

static slu_status
chunk_index(const parquet_chunk_writer *chunk, parquet_chunk_shared *shared, parquet_chunk *out, slu_error *err)
{
    const size_t columns_at = shared->column_indexes.bytes, offsets_at = shared->offset_indexes.bytes;
    out->offset_index_offset = (int64_t)offsets_at;
    out->column_index_offset = (int64_t)columns_at;
    parquet_offset_index_encode(&chunk->marks, out->data_offset, &shared->offset_indexes);
    if (!chunk->marks.unbounded)
        parquet_column_index_encode(&chunk->marks, &shared->column_indexes);
    SLU_TRY(slu_buf_status(&shared->offset_indexes, err));
    SLU_TRY(slu_buf_status(&shared->column_indexes, err));
    out->offset_index_bytes = (int32_t)(shared->offset_indexes.bytes - offsets_at);
    out->column_index_bytes = (int32_t)(shared->column_indexes.bytes - columns_at);
    return SLU_OK;
}

static void
chunk_reset(parquet_chunk_writer *chunk, const parquet_chunk_shared *shared)
{
    slu_buf_reset(&chunk->pages);
    parquet_dictionary_reset(&chunk->dictionary);
    parquet_range_reset(&chunk->range);
    chunk->pages_plain_bytes = 0;
    chunk->value_count = 0;
    chunk->null_count = 0;
    chunk->encodings = 0;
    chunk->rows = 0;
    parquet_page_marks_reset(&chunk->marks);
    chunk_start(chunk, shared);
}

slu_status
parquet_chunk_writer_flush(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, const parquet_sink *sink, int64_t *position,
                           slu_arena *arena, parquet_chunk *out, slu_error *err)
{
    const int64_t start = *position;
    SLU_TRY(page_flush(chunk, shared, err));
    SLU_TRY(chunk_write_dictionary(chunk, shared, sink, position, out, err));
    out->data_offset = *position;
    SLU_TRY(sink->write(sink->context, chunk->pages.data, chunk->pages.bytes, err));
    *position += (int64_t)chunk->pages.bytes;
    out->compressed_bytes = *position - start;
    SLU_TRY(chunk_describe(chunk, shared, arena, out, err));
    SLU_TRY(chunk_index(chunk, shared, out, err));
    SLU_TRY(parquet_range_merge(&chunk->file_range, &chunk->range, err));
    chunk->file_bytes += out->compressed_bytes;
    chunk->file_values += chunk->value_count;
    chunk->file_nulls += chunk->null_count;
    chunk_reset(chunk, shared);
    return SLU_OK;
}
