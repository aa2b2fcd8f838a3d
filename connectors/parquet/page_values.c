/* The values of a page in hand, by its form, into the scratch and from there into a column. */
#include "chunk_parts.h"
#include "column_out.h"

static bool
values_plain_numbers(parquet_chunk_reader *reader, size_t count)
{
    const size_t width = chunk_plain_width(reader);
    const uint8_t *in = count == 0 ? NULL : slu_cursor_bytes(&reader->values, count * width);
    if (count == 0)
        return true;
    if (in == NULL)
        return false;
    if (width == 8) {
        memcpy(reader->scratch_numbers, in, count * 8);
    } else if (width == INT96_BYTES) {
        for (size_t i = 0; i < count; i++)
            reader->scratch_numbers[i] = int96_micros(in + INT96_BYTES * i);
    } else if (reader->element.type == PARQUET_INT32) {
        for (size_t i = 0; i < count; i++) {
            int32_t v;
            memcpy(&v, in + 4 * i, 4);
            reader->scratch_numbers[i] = v;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint32_t v;
            memcpy(&v, in + 4 * i, 4);
            reader->scratch_numbers[i] = (int64_t)v;
        }
    }
    return true;
}

static bool
values_bits(parquet_chunk_reader *reader, size_t count)
{
    const uint64_t bits = (uint64_t)slu_cursor_left(&reader->values) * 8;
    if (reader->bit + count > bits)
        return false;
    for (size_t i = 0; i < count; i++, reader->bit++)
        reader->scratch_numbers[i] = reader->values.at[reader->bit / 8] >> (reader->bit % 8) & 1;
    return true;
}

static bool
values_rle_bits(parquet_chunk_reader *reader, size_t count)
{
    uint32_t *bits = reader->scratch_indices + PARQUET_BATCH_ROWS_MAX;
    if (parquet_rle_get(&reader->indices, bits, count) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        reader->scratch_numbers[i] = bits[i] & 1;
    return true;
}

static bool
values_dictionary(parquet_chunk_reader *reader, size_t count)
{
    uint32_t *indices = reader->scratch_indices + PARQUET_BATCH_ROWS_MAX;
    if (parquet_rle_get(&reader->indices, indices, count) != count)
        return false;
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = indices[i] > most ? indices[i] : most;
    if (count != 0 && most >= reader->dictionary_count)
        return false;
    const void *entries = reader->dictionary.data;
    if (chunk_is_bytes(reader)) {
        for (size_t i = 0; i < count; i++)
            reader->scratch_views[i] = ((const slu_view *)entries)[indices[i]];
    } else {
        for (size_t i = 0; i < count; i++)
            reader->scratch_numbers[i] = ((const int64_t *)entries)[indices[i]];
    }
    return true;
}

static bool
values_numbers(parquet_chunk_reader *reader, size_t count)
{
    if (count > reader->numbers_count - reader->numbers_at)
        return false;
    if (count != 0)
        memcpy(reader->scratch_numbers, (const int64_t *)(const void *)reader->numbers.data + reader->numbers_at,
               count * sizeof(int64_t));
    reader->numbers_at += count;
    return true;
}

static bool
values_plain_views(parquet_chunk_reader *reader, size_t count)
{
    for (size_t i = 0; i < count; i++)
        reader->scratch_views[i] = plain_view(reader, &reader->values);
    return slu_cursor_ok(&reader->values);
}

/* The next `count` values of the page into the scratch. */
static bool
chunk_values(parquet_chunk_reader *reader, size_t count)
{
    switch (reader->form) {
    case FORM_DICTIONARY: return values_dictionary(reader, count);
    case FORM_NUMBERS: return values_numbers(reader, count);
    case FORM_BITS: return values_bits(reader, count);
    case FORM_RLE_BITS: return values_rle_bits(reader, count);
    default: return chunk_is_bytes(reader) ? values_plain_views(reader, count) : values_plain_numbers(reader, count);
    }
}

/* Decimals of any length: what does not fit 16 bytes is none. */
static bool
chunk_check_decimals(const parquet_chunk_reader *reader, size_t count)
{
    bool fit = true;
    for (size_t i = 0; i < count; i++)
        fit &= reader->scratch_views[i].bytes >= 1 && reader->scratch_views[i].bytes <= 16;
    return fit;
}

/* Times in milliseconds are given in microseconds, UINT_32 as a longer number. */
static bool
chunk_scale_numbers(parquet_chunk_reader *reader, size_t count)
{
    const bool millis = parquet_element_is_millis(&reader->element);
    bool overflow = false;
    if (reader->element.type == PARQUET_INT32 && parquet_element_is_unsigned(&reader->element))
        for (size_t i = 0; i < count; i++)
            reader->scratch_numbers[i] &= UINT32_MAX;
    for (size_t i = 0; millis && i < count; i++)
        overflow |= __builtin_mul_overflow(reader->scratch_numbers[i], 1000, &reader->scratch_numbers[i]);
    return !overflow;
}

slu_status
parquet_chunk_put(parquet_chunk_reader *reader, size_t count, const uint32_t *valid, int64_t rows, parquet_column_out *out,
                  slu_error *err)
{
    if (!chunk_values(reader, count))
        return parquet_page_corrupt(reader, "fewer values than rows, or an index outside the dictionary", err);
    if (chunk_is_bytes(reader)) {
        if (out->column.kind == PARQUET_KIND_DECIMAL && !chunk_check_decimals(reader, count))
            return parquet_page_corrupt(reader, "a decimal that is not 1 to 16 bytes long", err);
        parquet_column_out_views(out, reader->scratch_views, valid, rows);
    } else {
        if (!chunk_scale_numbers(reader, count))
            return parquet_page_corrupt(reader, "a time beyond 64 bits of microseconds", err);
        parquet_column_out_numbers(out, reader->scratch_numbers, valid, rows, reader->element.type == PARQUET_FLOAT);
    }
    return slu_buf_status(&out->data, err);
}
