/* Levels: the streams at the head of a data page, and a nested leaf read by entries. */
#include "chunk_parts.h"
#include "column_out.h"

#include "base/sizes.h"

/* ---- the streams ---- */

/* The deprecated encoding: MSB first and without a length. It is turned into one packed run of the hybrid. */
static slu_view
levels_repack(parquet_chunk_reader *reader, slu_cursor *c, size_t count, unsigned width)
{
    const size_t bytes = (count * width + 7) / 8;
    const uint8_t *in = slu_cursor_bytes(c, bytes);
    slu_buf *out = &reader->packed_levels;
    const size_t at = out->bytes;
    const size_t groups = (count + 7) / 8;
    slu_buf_varint(out, (uint64_t)groups << 1 | 1);
    const size_t head = out->bytes;
    slu_buf_zero(out, groups * width);
    if (in == NULL || out->failed != SLU_OK)
        return slu_view_of(NULL, 0);
    uint8_t *to = out->data + head;
    for (size_t bit = 0; bit < count * width; bit++) {
        const size_t value = bit / width;
        const size_t target = value * width + (width - 1 - bit % width);
        to[target / 8] = (uint8_t)(to[target / 8] | (in[bit / 8] >> (7 - bit % 8) & 1) << target % 8);
    }
    return slu_view_of(out->data + at, out->bytes - at);
}

static slu_status
levels_init(parquet_chunk_reader *reader, parquet_rle *rle, uint8_t most, int32_t encoding, size_t count, slu_cursor *c,
            slu_error *err)
{
    const unsigned width = parquet_bit_width(most);
    slu_view bytes = {NULL, 0};
    if (most == 0)
        return SLU_OK;
    if (encoding == PARQUET_ENCODING_BIT_PACKED)
        bytes = levels_repack(reader, c, count, width);
    else if (encoding == PARQUET_ENCODING_RLE)
        bytes = slu_cursor_view(c, slu_cursor_u32le(c));
    else
        return slu_error_set(err, SLU_UNSUPPORTED, "page at file position %lld: levels of encoding %d are not served",
                             (long long)reader->page_at, encoding);
    (void)parquet_rle_init(rle, bytes, width);
    return slu_buf_status(&reader->packed_levels, err);
}

slu_status
parquet_page_levels(parquet_chunk_reader *reader, const parquet_page_header *header, slu_cursor *c, slu_error *err)
{
    const parquet_leaf_levels *shape = &reader->shape;
    reader->has_levels = shape->def != 0;
    slu_buf_reset(&reader->packed_levels);
    if (header->type == PARQUET_PAGE_DATA_V2) {
        (void)parquet_rle_init(&reader->repeats, slu_cursor_view(c, (size_t)header->repetition_bytes),
                               parquet_bit_width(shape->rep));
        (void)parquet_rle_init(&reader->levels, slu_cursor_view(c, (size_t)header->definition_bytes),
                               parquet_bit_width(shape->def));
    } else {
        /* The two views point into one buffer: it must not move between them. */
        const size_t count = (size_t)header->value_count;
        const size_t packed = (count / 8 + 1) * (parquet_bit_width(shape->rep) + parquet_bit_width(shape->def)) + 32;
        const bool old = header->repetition_encoding == PARQUET_ENCODING_BIT_PACKED ||
                         header->definition_encoding == PARQUET_ENCODING_BIT_PACKED;
        if (old && packed > 2 * slu_cursor_left(c) + 64)
            return parquet_page_corrupt(reader, "levels are longer than the page", err);
        if (old && !slu_buf_reserve(&reader->packed_levels, packed))
            return slu_buf_status(&reader->packed_levels, err);
        SLU_TRY(levels_init(reader, &reader->repeats, shape->rep, header->repetition_encoding, count, c, err));
        SLU_TRY(levels_init(reader, &reader->levels, shape->def, header->definition_encoding, count, c, err));
    }
    return slu_cursor_ok(c) ? SLU_OK : parquet_page_corrupt(reader, "levels are longer than the page", err);
}

/* ---- a nested page ---- */

/* All of one stream as bytes; false when it ends early or holds a level above `most`. */
static bool
levels_decode(parquet_chunk_reader *reader, parquet_rle *rle, uint8_t most, size_t count, slu_buf *out)
{
    uint32_t *scratch = reader->scratch_indices;
    if (most == 0) {
        slu_buf_zero(out, count);
        return true;
    }
    uint8_t *to = slu_buf_extend(out, count);
    for (size_t at = 0; to != NULL && at < count;) {
        const size_t n = SLU_MIN(count - at, (size_t)PARQUET_BATCH_ROWS_MAX);
        uint32_t seen = 0;
        if (parquet_rle_get(rle, scratch, n) != n)
            return false;
        for (size_t i = 0; i < n; i++) {
            seen = scratch[i] > seen ? scratch[i] : seen;
            to[at + i] = (uint8_t)scratch[i];
        }
        if (seen > most)
            return false;
        at += n;
    }
    return true;
}

/* An entry that continues a list must have an item there. */
static bool
entries_agree(const parquet_leaf_levels *shape, const uint8_t *defs, const uint8_t *reps, size_t count)
{
    bool agree = true;
    for (size_t i = 0; i < count; i++)
        agree &= defs[i] >= shape->item_defs[reps[i]];
    return agree;
}

slu_status
parquet_page_entries(parquet_chunk_reader *reader, slu_error *err)
{
    const parquet_leaf_levels *shape = &reader->shape;
    const size_t count = (size_t)reader->page_left;
    slu_buf_reset(&reader->page_defs);
    slu_buf_reset(&reader->page_reps);
    reader->entry_at = 0;
    if (reader->page_left > PAGE_VALUES_MAX)
        return slu_error_set(err, SLU_LIMIT, "page at file position %lld: %lld entries are above the limit of %lld",
                             (long long)reader->page_at, (long long)reader->page_left, (long long)PAGE_VALUES_MAX);
    const bool whole = levels_decode(reader, &reader->levels, shape->def, count, &reader->page_defs) &&
                       (shape->rep == 0 || levels_decode(reader, &reader->repeats, shape->rep, count, &reader->page_reps));
    SLU_TRY(slu_buf_status(&reader->page_defs, err));
    SLU_TRY(slu_buf_status(&reader->page_reps, err));
    if (!whole)
        return parquet_page_corrupt(reader, "fewer levels than values, or a level that the schema does not have", err);
    if (shape->rep != 0 && !entries_agree(shape, reader->page_defs.data, reader->page_reps.data, count))
        return parquet_page_corrupt(reader, "an entry continues a list that has no item", err);
    if (shape->rep != 0 && count != 0 && reader->chunk_begins && reader->page_reps.data[0] != 0)
        return parquet_page_corrupt(reader, "the chunk begins inside a row", err);
    reader->chunk_begins = reader->chunk_begins && count == 0;
    return SLU_OK;
}

/* ---- entries ---- */

/* How many of the page's entries belong to the rows wanted; at most a scratch full. */
static size_t
entries_until(const parquet_chunk_reader *reader, int64_t rows, int64_t *begun)
{
    const size_t most = SLU_MIN((size_t)reader->page_left, (size_t)PARQUET_BATCH_ROWS_MAX);
    if (reader->shape.rep == 0) {
        const size_t n = (size_t)SLU_MIN((int64_t)most, rows - *begun);
        *begun += (int64_t)n;
        return n;
    }
    const uint8_t *reps = reader->page_reps.data + reader->entry_at;
    for (size_t i = 0; i < most; i++) {
        if (reps[i] == 0 && *begun == rows)
            return i;
        *begun += reps[i] == 0;
    }
    return most;
}

static slu_status
entries_put(parquet_chunk_reader *reader, const uint8_t *defs, size_t n, parquet_column_out *out, slu_error *err)
{
    const parquet_leaf_levels *shape = &reader->shape;
    uint32_t *valid = reader->scratch_indices;
    size_t slots = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        valid[slots] = defs[i] == shape->def;
        count += defs[i] == shape->def;
        slots += defs[i] >= shape->slot_def;
    }
    SLU_TRY(parquet_column_out_room(out, (int64_t)slots, err));
    return parquet_chunk_put(reader, count, count == slots ? NULL : valid, (int64_t)slots, out, err);
}

static slu_status
entries_take(parquet_chunk_reader *reader, size_t n, parquet_column_out *out, slu_error *err)
{
    const uint8_t *defs = reader->page_defs.data + reader->entry_at;
    slu_buf_append(&reader->defs, defs, n);
    if (reader->shape.rep == 0)
        slu_buf_zero(&reader->reps, n);
    else
        slu_buf_append(&reader->reps, reader->page_reps.data + reader->entry_at, n);
    SLU_TRY(slu_buf_status(&reader->defs, err));
    SLU_TRY(slu_buf_status(&reader->reps, err));
    if (out != NULL)
        SLU_TRY(entries_put(reader, defs, n, out, err));
    reader->entry_at += n;
    reader->page_left -= (int64_t)n;
    return SLU_OK;
}

slu_status
parquet_chunk_reader_entries(parquet_chunk_reader *reader, int64_t rows, parquet_column_out *out, slu_error *err)
{
    int64_t begun = 0;
    slu_buf_reset(&reader->defs);
    slu_buf_reset(&reader->reps);
    for (;;) {
        if (reader->page_left == 0) {
            const bool over = reader->rows_left == 0 || reader->at >= reader->end;
            if (begun == rows && (over || reader->shape.rep == 0))
                break;
            if (over)
                return parquet_page_corrupt(reader, "the chunk has fewer rows than its row group", err);
            SLU_TRY(parquet_chunk_next_page(reader, err));
            continue;
        }
        const size_t n = entries_until(reader, rows, &begun);
        if (n == 0)
            break;
        SLU_TRY(entries_take(reader, n, out, err));
    }
    reader->row += rows;
    return SLU_OK;
}
