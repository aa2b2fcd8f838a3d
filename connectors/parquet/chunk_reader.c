#include "chunk_parts.h"

#include "column_out.h"
#include "delta.h"

#include "base/alloc.h"
#include "base/sizes.h"

#define WINDOW_BYTES ((size_t)256 << 10)
#define PAGE_HEADER_BYTES_MAX ((size_t)16 << 20) /* a header can carry statistics of long strings */

void
parquet_chunk_reader_init(parquet_chunk_reader *reader, const parquet_source *source, const parquet_element *element,
                          const parquet_leaf_levels *shape, bool nested)
{
    memset(reader, 0, sizeof *reader);
    reader->source = source;
    reader->element = *element;
    reader->shape = *shape;
    reader->nested = nested;
    slu_buf_init(&reader->packed_levels, (size_t)PARQUET_PAGE_BYTES_MAX);
    slu_buf_init(&reader->page_defs, (size_t)PAGE_VALUES_MAX);
    slu_buf_init(&reader->page_reps, (size_t)PAGE_VALUES_MAX);
    slu_buf_init(&reader->defs, PARQUET_BATCH_ENTRIES_MAX);
    slu_buf_init(&reader->reps, PARQUET_BATCH_ENTRIES_MAX);
    slu_buf_init(&reader->window, (size_t)PARQUET_PAGE_BYTES_MAX * 2);
    slu_buf_init(&reader->dictionary_body, (size_t)PARQUET_PAGE_BYTES_MAX);
    slu_buf_init(&reader->dictionary, (size_t)PARQUET_PAGE_BYTES_MAX * 4);
    slu_buf_init(&reader->body, (size_t)PARQUET_PAGE_BYTES_MAX);
    slu_buf_init(&reader->plain, (size_t)PARQUET_PAGE_BYTES_MAX);
    slu_buf_init(&reader->numbers, (size_t)PAGE_VALUES_MAX * 16);
}

void
parquet_chunk_reader_fini(parquet_chunk_reader *reader)
{
    slu_buf_fini(&reader->window);
    slu_buf_fini(&reader->dictionary_body);
    slu_buf_fini(&reader->dictionary);
    slu_buf_fini(&reader->body);
    slu_buf_fini(&reader->plain);
    slu_buf_fini(&reader->numbers);
    slu_buf_fini(&reader->packed_levels);
    slu_buf_fini(&reader->page_defs);
    slu_buf_fini(&reader->page_reps);
    slu_buf_fini(&reader->defs);
    slu_buf_fini(&reader->reps);
    slu_free(reader->scratch_numbers);
    slu_free(reader->scratch_views);
    slu_free(reader->scratch_indices);
    if (reader->opened)
        parquet_codec_fini(&reader->codec);
    memset(reader, 0, sizeof *reader);
}

int64_t
parquet_chunk_start(const parquet_chunk *chunk)
{
    return chunk->dictionary_offset > 0 && chunk->dictionary_offset < chunk->data_offset ? chunk->dictionary_offset
                                                                                         : chunk->data_offset;
}

slu_status
parquet_page_corrupt(const parquet_chunk_reader *reader, const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "page at file position %lld of column %.*s: %s", (long long)reader->page_at,
                         (int)SLU_MIN(reader->element.name.bytes, (size_t)100), (const char *)reader->element.name.data, what);
}

static slu_status
chunk_scratch(parquet_chunk_reader *reader, slu_error *err)
{
    if (reader->scratch_indices != NULL)
        return SLU_OK;
    if (chunk_is_bytes(reader))
        reader->scratch_views = slu_alloc_zero(PARQUET_BATCH_ROWS_MAX, sizeof *reader->scratch_views);
    else
        reader->scratch_numbers = slu_alloc_zero(PARQUET_BATCH_ROWS_MAX, sizeof *reader->scratch_numbers);
    reader->scratch_indices = slu_alloc_zero((size_t)PARQUET_BATCH_ROWS_MAX * 2, sizeof *reader->scratch_indices);
    if (reader->scratch_indices == NULL || (reader->scratch_views == NULL && reader->scratch_numbers == NULL))
        return slu_error_set(err, SLU_NOMEM, "no memory to decode a column");
    return SLU_OK;
}

slu_status
parquet_chunk_reader_open(parquet_chunk_reader *reader, const parquet_chunk *chunk, int64_t rows, slu_error *err)
{
    const int64_t start = parquet_chunk_start(chunk);
    reader->page_at = start;
    if (!chunk->has_meta || chunk->foreign_file || chunk->encrypted)
        return slu_error_set(err, SLU_UNSUPPORTED, "column %.*s has its data in another file or encrypted",
                             (int)reader->element.name.bytes, (const char *)reader->element.name.data);
    if (chunk->type != reader->element.type)
        return parquet_page_corrupt(reader, "the chunk's type is not the schema's", err);
    if (start < 4 || chunk->compressed_bytes < 0 || start > reader->source->bytes - 8 ||
        chunk->compressed_bytes > reader->source->bytes - 8 - start)
        return parquet_page_corrupt(reader, "the chunk lies outside the file", err);
    if (reader->shape.rep == 0 ? chunk->value_count != rows : chunk->value_count < rows)
        return parquet_page_corrupt(reader, "the chunk's value count is not the row group's row count", err);
    SLU_TRY(chunk_scratch(reader, err));
    if (reader->opened)
        parquet_codec_fini(&reader->codec);
    reader->opened = false;
    SLU_TRY(parquet_codec_init(&reader->codec, chunk->codec, PARQUET_LEVEL_READ, err));
    reader->opened = true;
    reader->chunk = *chunk;
    reader->at = start;
    reader->end = start + chunk->compressed_bytes;
    reader->rows_left = chunk->value_count;
    reader->group_rows = rows;
    reader->row = 0;
    reader->locations = NULL;
    reader->page_left = 0;
    reader->chunk_begins = true;
    reader->has_dictionary = false;
    slu_buf_reset(&reader->window);
    return SLU_OK;
}

/* ---- file bytes ---- */

/* The window's bytes from `at` on; loads it anew from there when fewer than `bytes` are in it. */
static slu_status
chunk_window(parquet_chunk_reader *reader, size_t bytes, slu_view *out, slu_error *err)
{
    const int64_t from = reader->at - reader->window_at;
    if (from < 0 || (uint64_t)from > reader->window.bytes || reader->window.bytes - (size_t)from < bytes) {
        const size_t left = (size_t)(reader->end - reader->at);
        const size_t wanted = SLU_MIN(left, SLU_MAX(bytes, WINDOW_BYTES));
        slu_buf_reset(&reader->window);
        uint8_t *to = slu_buf_extend(&reader->window, wanted);
        if (to == NULL)
            return slu_buf_status(&reader->window, err);
        const slu_status status = reader->source->read(reader->source->context, reader->at, to, wanted, err);
        if (status != SLU_OK) {
            slu_buf_reset(&reader->window);
            return slu_error_in(err, status, "%zu bytes at file position %lld", wanted, (long long)reader->at);
        }
        reader->window_at = reader->at;
    }
    const size_t skip = (size_t)(reader->at - reader->window_at);
    *out = slu_view_of(reader->window.data + skip, reader->window.bytes - skip);
    return SLU_OK;
}

static slu_status
chunk_page_header(parquet_chunk_reader *reader, parquet_page_header *out, slu_error *err)
{
    const size_t left = (size_t)(reader->end - reader->at);
    size_t tried = SLU_MIN(left, (size_t)64);
    reader->page_at = reader->at;
    if (left == 0)
        return parquet_page_corrupt(reader, "the chunk ends before its rows do", err);
    for (;;) {
        slu_view bytes;
        SLU_TRY(chunk_window(reader, tried, &bytes, err));
        slu_cursor c = slu_cursor_of_view(bytes);
        const slu_status status = parquet_page_header_decode(&c, out, err);
        if (status == SLU_OK) {
            reader->at += (int64_t)(bytes.bytes - slu_cursor_left(&c));
            return SLU_OK;
        }
        if (status != SLU_MORE)
            return slu_error_in(err, status, "file position %lld", (long long)reader->page_at);
        if (bytes.bytes >= left || bytes.bytes >= PAGE_HEADER_BYTES_MAX)
            return parquet_page_corrupt(reader, "the page header does not end", err);
        tried = SLU_MIN(left, bytes.bytes * 4);
    }
}

/* ---- a page's bytes ---- */

/* `body` gets `prefix` bytes as they are (v2 levels) and the rest decompressed. */
static slu_status
page_decompress(parquet_chunk_reader *reader, slu_view packed, size_t prefix, size_t plain_bytes, bool compressed, slu_buf *body,
                slu_error *err)
{
    slu_buf_reset(body);
    if (prefix > packed.bytes || prefix > plain_bytes)
        return parquet_page_corrupt(reader, "levels are longer than the page", err);
    const slu_view values = slu_view_of(packed.data + prefix, packed.bytes - prefix);
    const bool raw = !compressed || reader->codec.id == PARQUET_CODEC_UNCOMPRESSED;
    if (raw && values.bytes != plain_bytes - prefix)
        return parquet_page_corrupt(reader, "the uncompressed size is not the page's", err);
    uint8_t *to = slu_buf_extend(body, plain_bytes);
    if (to == NULL)
        return slu_buf_status(body, err);
    if (prefix != 0)
        memcpy(to, packed.data, prefix);
    if (raw) {
        if (values.bytes != 0)
            memcpy(to + prefix, values.data, values.bytes);
        return SLU_OK;
    }
    /* An empty value part may be left out altogether. */
    if (plain_bytes == prefix && values.bytes == 0)
        return SLU_OK;
    const slu_status status = parquet_codec_decompress(&reader->codec, values, to + prefix, plain_bytes - prefix, err);
    return slu_error_in(err, status, "page at file position %lld", (long long)reader->page_at);
}

/* ---- the dictionary ---- */

static int64_t
dictionary_number(const parquet_chunk_reader *reader, slu_cursor *c, size_t width)
{
    if (reader->element.type == PARQUET_INT32)
        return (int32_t)slu_cursor_u32le(c);
    if (reader->element.type != PARQUET_INT96)
        return (int64_t)slu_cursor_le(c, width);
    const uint8_t *in = slu_cursor_bytes(c, width);
    return in == NULL ? 0 : int96_micros(in);
}

static bool
dictionary_decode(parquet_chunk_reader *reader, size_t count)
{
    slu_cursor c = slu_cursor_of_view(slu_buf_view(&reader->dictionary_body));
    const bool bytes = chunk_is_bytes(reader);
    const size_t width = chunk_plain_width(reader);
    if (width == 0 && !bytes)
        return false; /* booleans have no dictionary */
    count = slu_cursor_count(&c, count, width == 0 ? 4 : width);
    slu_buf_reset(&reader->dictionary);
    void *to = slu_buf_extend(&reader->dictionary, count * (bytes ? sizeof(slu_view) : sizeof(int64_t)));
    for (size_t i = 0; to != NULL && i < count; i++) {
        if (bytes)
            ((slu_view *)to)[i] = plain_view(reader, &c);
        else
            ((int64_t *)to)[i] = dictionary_number(reader, &c, width);
    }
    reader->dictionary_count = count;
    return slu_cursor_ok(&c) && to != NULL;
}

static slu_status
chunk_dictionary(parquet_chunk_reader *reader, const parquet_page_header *header, slu_view packed, slu_error *err)
{
    if (reader->has_dictionary)
        return parquet_page_corrupt(reader, "a second dictionary in one chunk", err);
    if (header->encoding != PARQUET_ENCODING_PLAIN && header->encoding != PARQUET_ENCODING_PLAIN_DICTIONARY)
        return parquet_page_corrupt(reader, "a dictionary that is not PLAIN", err);
    SLU_TRY(page_decompress(reader, packed, 0, (size_t)header->plain_bytes, true, &reader->dictionary_body, err));
    const bool decoded = dictionary_decode(reader, (size_t)header->value_count);
    SLU_TRY(slu_buf_status(&reader->dictionary, err));
    if (!decoded || reader->dictionary_count != (size_t)header->value_count)
        return parquet_page_corrupt(reader, "the dictionary is shorter than its count", err);
    reader->has_dictionary = true;
    return SLU_OK;
}

/* ---- a data page ---- */

/* How many values a DELTA run says it has. */
static bool
delta_count(const slu_cursor *values, size_t *out)
{
    slu_cursor c = *values;
    (void)slu_cursor_varint(&c);
    (void)slu_cursor_varint(&c);
    const uint64_t count = slu_cursor_varint(&c);
    *out = (size_t)count;
    return slu_cursor_ok(&c) && count <= (uint64_t)PAGE_VALUES_MAX;
}

/* `pairs`: scratch of two numbers per value. */
static slu_status
page_numbers_room(parquet_chunk_reader *reader, int64_t page_values, size_t per_value, size_t *out_count, slu_error *err)
{
    if (!delta_count(&reader->values, out_count) || *out_count > (uint64_t)page_values)
        return parquet_page_corrupt(reader, "a DELTA run has more values than its page", err);
    slu_buf_reset(&reader->numbers);
    if (slu_buf_extend(&reader->numbers, *out_count * per_value * sizeof(int64_t)) == NULL)
        return slu_buf_status(&reader->numbers, err);
    return SLU_OK;
}

static slu_status
page_delta_numbers(parquet_chunk_reader *reader, int64_t page_values, slu_error *err)
{
    size_t count = 0;
    SLU_TRY(page_numbers_room(reader, page_values, 1, &count, err));
    int64_t *numbers = (int64_t *)(void *)reader->numbers.data;
    if (!parquet_delta_get(&reader->values, numbers, count))
        return parquet_page_corrupt(reader, "a broken DELTA_BINARY_PACKED run", err);
    for (size_t i = 0; reader->element.type == PARQUET_INT32 && i < count; i++)
        numbers[i] = (int32_t)(uint32_t)(uint64_t)numbers[i];
    reader->numbers_at = 0;
    reader->numbers_count = count;
    reader->form = FORM_NUMBERS;
    return SLU_OK;
}

/* FIXED values in PLAIN have no lengths before them. */
static bool
plain_drop_lengths(slu_buf *plain, size_t width, size_t count)
{
    if (plain->bytes != count * (width + 4))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t length;
        memcpy(&length, plain->data + i * (width + 4), sizeof length);
        if (length != width)
            return false;
        memmove(plain->data + i * width, plain->data + i * (width + 4) + 4, width);
    }
    plain->bytes = count * width;
    return true;
}

static slu_status
page_delta_bytes(parquet_chunk_reader *reader, int64_t page_values, bool prefixes, slu_error *err)
{
    size_t count = 0;
    SLU_TRY(page_numbers_room(reader, page_values, 2, &count, err));
    int64_t *scratch = (int64_t *)(void *)reader->numbers.data;
    slu_buf_reset(&reader->plain);
    const bool whole = prefixes ? parquet_delta_strings_to_plain(&reader->values, scratch, count, &reader->plain)
                                : parquet_delta_lengths_to_plain(&reader->values, scratch, count, &reader->plain);
    SLU_TRY(slu_buf_status(&reader->plain, err));
    if (!whole)
        return parquet_page_corrupt(reader, "a broken DELTA byte array run", err);
    if (reader->element.type == PARQUET_FIXED_LEN_BYTE_ARRAY &&
        !plain_drop_lengths(&reader->plain, chunk_plain_width(reader), count))
        return parquet_page_corrupt(reader, "a value that does not have its column's length", err);
    reader->values = slu_cursor_of_view(slu_buf_view(&reader->plain));
    return SLU_OK;
}

static slu_status
page_split_bytes(parquet_chunk_reader *reader, slu_error *err)
{
    const size_t width = chunk_plain_width(reader);
    const size_t bytes = slu_cursor_left(&reader->values);
    if (width == 0 || bytes % width != 0)
        return parquet_page_corrupt(reader, "a BYTE_STREAM_SPLIT page of uneven length", err);
    const uint8_t *in = slu_cursor_bytes(&reader->values, bytes);
    slu_buf_reset(&reader->plain);
    uint8_t *to = slu_buf_extend(&reader->plain, bytes);
    if (to == NULL)
        return slu_buf_status(&reader->plain, err);
    const size_t count = bytes / width;
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < width; b++)
            to[i * width + b] = in[b * count + i];
    reader->values = slu_cursor_of(to, bytes);
    return SLU_OK;
}

static slu_status
page_rle_values(parquet_chunk_reader *reader, bool booleans, slu_error *err)
{
    unsigned width = 1;
    slu_view bytes;
    if (booleans) {
        bytes = slu_cursor_view(&reader->values, slu_cursor_u32le(&reader->values));
    } else {
        /* A page without values may be empty. */
        width = slu_cursor_left(&reader->values) == 0 ? 0 : slu_cursor_u8(&reader->values);
        bytes = slu_cursor_view(&reader->values, slu_cursor_left(&reader->values));
    }
    if (!slu_cursor_ok(&reader->values) || !parquet_rle_init(&reader->indices, bytes, width))
        return parquet_page_corrupt(reader, "a broken RLE run", err);
    reader->form = booleans ? FORM_RLE_BITS : FORM_DICTIONARY;
    return SLU_OK;
}

static bool
delta_fits(const parquet_chunk_reader *reader)
{
    return reader->element.type == PARQUET_INT32 || reader->element.type == PARQUET_INT64;
}

/* The values stand at the cursor: decides the form, decoding whole pages where the encoding asks for it. */
static slu_status
page_values(parquet_chunk_reader *reader, int32_t encoding, int64_t page_values_count, slu_error *err)
{
    const bool booleans = reader->element.type == PARQUET_BOOLEAN;
    reader->form = booleans ? FORM_BITS : FORM_PLAIN;
    reader->bit = 0;
    switch (encoding) {
    case PARQUET_ENCODING_PLAIN: return SLU_OK;
    case PARQUET_ENCODING_PLAIN_DICTIONARY:
    case PARQUET_ENCODING_RLE_DICTIONARY:
        if (!reader->has_dictionary)
            return parquet_page_corrupt(reader, "dictionary indices without a dictionary", err);
        return page_rle_values(reader, false, err);
    case PARQUET_ENCODING_RLE:
        if (!booleans)
            break;
        return page_rle_values(reader, true, err);
    case PARQUET_ENCODING_DELTA_BINARY_PACKED:
        if (!delta_fits(reader))
            break;
        return page_delta_numbers(reader, page_values_count, err);
    case PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
    case PARQUET_ENCODING_DELTA_BYTE_ARRAY:
        if (!chunk_is_bytes(reader) ||
            (encoding == PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY && reader->element.type == PARQUET_FIXED_LEN_BYTE_ARRAY))
            break;
        return page_delta_bytes(reader, page_values_count, encoding == PARQUET_ENCODING_DELTA_BYTE_ARRAY, err);
    case PARQUET_ENCODING_BYTE_STREAM_SPLIT: return page_split_bytes(reader, err);
    default: break;
    }
    return slu_error_set(err, SLU_UNSUPPORTED, "page at file position %lld: encoding %d of Parquet type %d is not served",
                         (long long)reader->page_at, encoding, reader->element.type);
}

static slu_status
chunk_data_page(parquet_chunk_reader *reader, const parquet_page_header *header, slu_view packed, slu_error *err)
{
    const bool v2 = header->type == PARQUET_PAGE_DATA_V2;
    if (header->value_count > reader->rows_left)
        return parquet_page_corrupt(reader, "more values than the row group has rows", err);
    if (v2 && (header->repetition_bytes < 0 || header->definition_bytes < 0))
        return parquet_page_corrupt(reader, "levels of negative length", err);
    const size_t levels = v2 ? (size_t)header->definition_bytes + (size_t)header->repetition_bytes : 0;
    SLU_TRY(page_decompress(reader, packed, levels, (size_t)header->plain_bytes, !v2 || header->compressed, &reader->body, err));
    slu_cursor c = slu_cursor_of_view(slu_buf_view(&reader->body));
    SLU_TRY(parquet_page_levels(reader, header, &c, err));
    reader->values = c;
    SLU_TRY(page_values(reader, header->encoding, header->value_count, err));
    reader->page_left = header->value_count;
    reader->rows_left -= header->value_count;
    return reader->nested ? parquet_page_entries(reader, err) : SLU_OK;
}

slu_status
parquet_chunk_next_page(parquet_chunk_reader *reader, slu_error *err)
{
    parquet_page_header header;
    slu_view bytes;
    SLU_TRY(chunk_page_header(reader, &header, err));
    if (header.compressed_bytes > reader->end - reader->at)
        return parquet_page_corrupt(reader, "the page is longer than its chunk", err);
    if (header.plain_bytes > PARQUET_PAGE_BYTES_MAX || header.compressed_bytes > PARQUET_PAGE_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "page at file position %lld: %d bytes are above the limit of %lld",
                             (long long)reader->page_at, SLU_MAX(header.plain_bytes, header.compressed_bytes),
                             (long long)PARQUET_PAGE_BYTES_MAX);
    SLU_TRY(chunk_window(reader, (size_t)header.compressed_bytes, &bytes, err));
    bytes.bytes = (size_t)header.compressed_bytes;
    if (header.has_crc && parquet_crc(bytes) != header.crc)
        return parquet_page_corrupt(reader, "the bytes do not have the page's checksum", err);
    slu_status status = SLU_OK;
    if (header.type == PARQUET_PAGE_DICTIONARY)
        status = chunk_dictionary(reader, &header, bytes, err);
    else if (header.type == PARQUET_PAGE_DATA || header.type == PARQUET_PAGE_DATA_V2)
        status = chunk_data_page(reader, &header, bytes, err);
    reader->at += header.compressed_bytes; /* pages of other types are skipped */
    return status;
}

/* ---- rows ---- */

/* Levels of `rows` rows; the number of values, and NULL in *valid where no row is null. */
static bool
chunk_levels(parquet_chunk_reader *reader, size_t rows, const uint32_t **valid, size_t *count)
{
    *valid = NULL;
    *count = rows;
    if (!reader->has_levels)
        return true;
    uint32_t *levels = reader->scratch_indices;
    if (parquet_rle_get(&reader->levels, levels, rows) != rows)
        return false;
    size_t there = 0;
    uint32_t most = 0;
    for (size_t i = 0; i < rows; i++) {
        there += levels[i] & 1;
        most |= levels[i];
    }
    *count = there;
    *valid = there == rows ? NULL : levels;
    return most <= 1;
}

static slu_status
chunk_rows(parquet_chunk_reader *reader, int64_t rows, parquet_column_out *out, slu_error *err)
{
    const uint32_t *valid = NULL;
    size_t count = 0;
    if (!chunk_levels(reader, (size_t)rows, &valid, &count))
        return parquet_page_corrupt(reader, "fewer levels than rows", err);
    SLU_TRY(parquet_chunk_put(reader, count, valid, rows, out, err));
    reader->page_left -= rows;
    return SLU_OK;
}

slu_status
parquet_chunk_reader_read(parquet_chunk_reader *reader, int64_t rows, parquet_column_out *out, slu_error *err)
{
    reader->row += rows;
    while (rows > 0) {
        while (reader->page_left == 0)
            SLU_TRY(parquet_chunk_next_page(reader, err));
        const int64_t n = SLU_MIN(rows, reader->page_left);
        SLU_TRY(chunk_rows(reader, n, out, err));
        rows -= n;
    }
    return SLU_OK;
}
