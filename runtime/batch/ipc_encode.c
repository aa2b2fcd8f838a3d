/* ipc_encode.c: the rows of an array, gathered column by column into the body; and the projection of a message. */
#include "ipc_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/sizes.h"

/* Which rows of an array: from[i], or start + i where `from` is NULL; the array's offset is still to be added. */
typedef struct ipc_rows {
    const int32_t *from;
    int64_t start;
    int64_t count;
} ipc_rows;

typedef struct ipc_encoder {
    ipc_writer writer;
    slu_ipc_codec *codec;
    uint8_t compression;
    bool validity_always;
    int32_t level;
} ipc_encoder;

static slu_status encode_field(ipc_encoder *encoder, const struct ArrowSchema *field, const struct ArrowArray *array, ipc_rows rows,
                               slu_error *err);

/* Where the next buffer is filled: in the body itself, or beside it when it will be compressed. */
static uint8_t *
buffer_begin(ipc_encoder *encoder, size_t bytes)
{
    if (encoder->compression == SLU_IPC_COMPRESSION_NONE)
        return slu_buf_extend(encoder->writer.out, bytes);
    return slu_buf_extend(ipc_codec_scratch(encoder->codec), bytes);
}

/* A buffer whose bytes lie contiguous somewhere else than the body. */
static slu_status
buffer_direct(ipc_encoder *encoder, const void *data, size_t bytes, slu_error *err)
{
    slu_buf *out = encoder->writer.out;
    const size_t at = out->bytes;
    if (encoder->compression == SLU_IPC_COMPRESSION_NONE)
        slu_buf_append(out, data, bytes);
    else
        SLU_TRY(ipc_compress(encoder->codec, encoder->compression, encoder->level, slu_view_of(data, bytes), out, err));
    ipc_writer_buffer(&encoder->writer, at, out->bytes - at);
    return slu_buf_status(out, err);
}

/* Ends what buffer_begin began; `data` is what it answered. */
static slu_status
buffer_end(ipc_encoder *encoder, const uint8_t *data, size_t bytes, slu_error *err)
{
    slu_buf *out = encoder->writer.out;
    if (encoder->compression != SLU_IPC_COMPRESSION_NONE)
        return buffer_direct(encoder, data, bytes, err);
    ipc_writer_buffer(&encoder->writer, out->bytes - bytes, bytes);
    return slu_buf_status(out, err);
}

static slu_status
no_memory(slu_error *err)
{
    return slu_error_set(err, SLU_NOMEM, "no memory for a column of an arrow message");
}

static void
bits_gather(const uint8_t *bits, int64_t offset, ipc_rows rows, uint8_t *to)
{
    const size_t bytes = (size_t)((rows.count + 7) / 8);
    const int64_t start = offset + rows.start;
    if (rows.from == NULL && start % 8 == 0) {
        memcpy(to, bits + start / 8, bytes);
    } else {
        memset(to, 0, bytes);
        for (int64_t i = 0; i < rows.count; i++) {
            const int64_t row = rows.from == NULL ? start + i : offset + rows.from[i];
            to[i >> 3] = (uint8_t)(to[i >> 3] | (unsigned)slu_bit(bits, row) << (i & 7));
        }
    }
    if (rows.count % 8 != 0)
        to[bytes - 1] = (uint8_t)(to[bytes - 1] & ((1u << (rows.count % 8)) - 1));
}

static int64_t
bits_count(const uint8_t *bits, size_t bytes)
{
    int64_t ones = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, bits + i, sizeof word);
        ones += __builtin_popcountll(word);
    }
    for (; i < bytes; i++)
        ones += __builtin_popcount(bits[i]);
    return ones;
}

static void
bits_fill(uint8_t *to, int64_t rows)
{
    const size_t bytes = (size_t)((rows + 7) / 8);
    memset(to, 0xff, bytes);
    if (rows % 8 != 0)
        to[bytes - 1] = (uint8_t)((1u << (rows % 8)) - 1);
}

/* The validity bitmap, and with it the node. */
static slu_status
encode_validity(ipc_encoder *encoder, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    const uint8_t *bits = array->null_count == 0 || array->n_buffers == 0 ? NULL : array->buffers[0];
    const size_t bytes = bits == NULL && !encoder->validity_always ? 0 : (size_t)((rows.count + 7) / 8);
    int64_t nulls = 0;
    uint8_t *to = buffer_begin(encoder, bytes);
    if (to == NULL)
        return no_memory(err);
    if (bits != NULL) {
        bits_gather(bits, array->offset, rows, to);
        nulls = rows.count - bits_count(to, bytes);
    } else if (bytes != 0) {
        bits_fill(to, rows.count);
    }
    ipc_writer_node(&encoder->writer, rows.count, nulls);
    return buffer_end(encoder, to, bytes, err);
}

#define GATHER(type)                                                                                                             \
    for (int64_t i = 0; i < rows.count; i++)                                                                                     \
    ((type *)(void *)to)[i] = ((const type *)(const void *)from)[rows.from[i]]

typedef struct ipc_sixteen {
    uint64_t low, high;
} ipc_sixteen;

static void
values_gather(const uint8_t *from, size_t width, ipc_rows rows, uint8_t *to)
{
    switch (width) {
    case 1: GATHER(uint8_t); break;
    case 2: GATHER(uint16_t); break;
    case 4: GATHER(uint32_t); break;
    case 8: GATHER(uint64_t); break;
    case 16: GATHER(ipc_sixteen); break;
    default:
        for (int64_t i = 0; i < rows.count; i++)
            memcpy(to + (size_t)i * width, from + (size_t)rows.from[i] * width, width);
    }
}

static slu_status
encode_values(ipc_encoder *encoder, size_t width, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    const size_t bytes = (size_t)rows.count * width;
    const uint8_t *from = (const uint8_t *)array->buffers[1] + (size_t)array->offset * width;
    if (rows.from == NULL || rows.count == 0)
        return buffer_direct(encoder, from + (size_t)rows.start * width, bytes, err);
    uint8_t *to = buffer_begin(encoder, bytes);
    if (to == NULL)
        return no_memory(err);
    values_gather(from, width, rows, to);
    return buffer_end(encoder, to, bytes, err);
}

static slu_status
encode_bools(ipc_encoder *encoder, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    const size_t bytes = (size_t)((rows.count + 7) / 8);
    uint8_t *to = buffer_begin(encoder, bytes);
    if (to == NULL)
        return no_memory(err);
    if (bytes != 0)
        bits_gather(array->buffers[1], array->offset, rows, to);
    return buffer_end(encoder, to, bytes, err);
}

/* Offsets that begin at 0, and how many items they span. Empty arrays may come without an offsets buffer. */
static slu_status
encode_offsets(ipc_encoder *encoder, const struct ArrowArray *array, ipc_rows rows, int64_t *out_items, slu_error *err)
{
    static const int32_t nothing[1];
    const int32_t *offsets = array->buffers[1] == NULL ? nothing : (const int32_t *)array->buffers[1] + array->offset;
    const size_t bytes = ((size_t)rows.count + 1) * sizeof *offsets;
    int64_t at = 0;
    if (rows.from == NULL && offsets[rows.start] == 0) {
        *out_items = offsets[rows.start + rows.count];
        return buffer_direct(encoder, offsets + rows.start, bytes, err);
    }
    uint8_t *to = buffer_begin(encoder, bytes);
    if (to == NULL)
        return no_memory(err);
    for (int64_t i = 0; i <= rows.count; i++) {
        const int32_t narrow = (int32_t)at;
        memcpy(to + (size_t)i * sizeof narrow, &narrow, sizeof narrow);
        const int64_t row = rows.from == NULL ? rows.start + i : i < rows.count ? rows.from[i] : 0;
        at += i < rows.count ? offsets[row + 1] - offsets[row] : 0;
    }
    if (at > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "a column of %lld bytes does not fit one arrow message", (long long)at);
    *out_items = at;
    return buffer_end(encoder, to, bytes, err);
}

static slu_status
encode_text(ipc_encoder *encoder, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    int64_t items = 0;
    SLU_TRY(encode_offsets(encoder, array, rows, &items, err));
    if (items == 0)
        return buffer_direct(encoder, "", 0, err);
    const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
    const uint8_t *data = array->buffers[2];
    if (rows.from == NULL)
        return buffer_direct(encoder, data + offsets[rows.start], (size_t)items, err);
    uint8_t *to = buffer_begin(encoder, (size_t)items);
    if (to == NULL)
        return no_memory(err);
    uint8_t *at = to;
    for (int64_t i = 0; i < rows.count; i++) {
        const size_t bytes = (size_t)(offsets[rows.from[i] + 1] - offsets[rows.from[i]]);
        if (bytes != 0)
            memcpy(at, data + offsets[rows.from[i]], bytes);
        at += bytes;
    }
    return buffer_end(encoder, to, (size_t)items, err);
}

/* The items of chosen lists, named one by one. */
static slu_status
list_items(const int32_t *offsets, ipc_rows rows, int64_t items, int32_t **out, slu_error *err)
{
    int32_t *from = slu_alloc(SLU_MAX((size_t)items, 1) * sizeof *from);
    int64_t at = 0;
    if (from == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < rows.count; i++)
        for (int32_t item = offsets[rows.from[i]]; item < offsets[rows.from[i] + 1]; item++)
            from[at++] = item;
    *out = from;
    return SLU_OK;
}

static slu_status
encode_list(ipc_encoder *encoder, const struct ArrowSchema *field, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    int64_t items = 0;
    int32_t *from = NULL;
    ipc_rows below = {0};
    SLU_TRY(encode_offsets(encoder, array, rows, &items, err));
    below.count = items;
    if (items != 0) {
        const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
        below.start = rows.from == NULL ? offsets[rows.start] : 0;
        if (rows.from != NULL)
            SLU_TRY(list_items(offsets, rows, items, &from, err));
        below.from = from;
    }
    const slu_status status = encode_field(encoder, field->children[0], array->children[0], below, err);
    slu_free(from);
    return status;
}

/* A struct's children share its rows, its offset included. */
static slu_status
encode_children(ipc_encoder *encoder, const struct ArrowSchema *field, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    int32_t *shifted = NULL;
    slu_status status = SLU_OK;
    if (rows.from == NULL) {
        rows.start += array->offset;
    } else if (array->offset != 0) {
        shifted = slu_alloc(SLU_MAX((size_t)rows.count, 1) * sizeof *shifted);
        if (shifted == NULL)
            return no_memory(err);
        for (int64_t i = 0; i < rows.count; i++)
            shifted[i] = (int32_t)(rows.from[i] + array->offset);
        rows.from = shifted;
    }
    for (int64_t i = 0; i < field->n_children && status == SLU_OK; i++)
        status = encode_field(encoder, field->children[i], array->children[i], rows, err);
    slu_free(shifted);
    return status;
}

static slu_status
encode_field(ipc_encoder *encoder, const struct ArrowSchema *field, const struct ArrowArray *array, ipc_rows rows, slu_error *err)
{
    const slu_type type = slu_type_of(field->format);
    if (array->n_buffers != slu_type_buffers(type) || (slu_type_is_nested(type) && array->n_children != field->n_children))
        return slu_error_set(err, SLU_INVALID, "column %s does not have the buffers of its format %s",
                             field->name == NULL ? "" : field->name, field->format);
    SLU_TRY(encode_validity(encoder, array, rows, err));
    switch (type.id) {
    case SLU_TYPE_BOOL: return encode_bools(encoder, array, rows, err);
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: return encode_text(encoder, array, rows, err);
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: return encode_list(encoder, field, array, rows, err);
    case SLU_TYPE_STRUCT: return encode_children(encoder, field, array, rows, err);
    default: return encode_values(encoder, (size_t)type.width_bytes, array, rows, err);
    }
}

static slu_status
batch_count(const struct ArrowSchema *schema, ipc_counts *counts, slu_error *err)
{
    memset(counts, 0, sizeof *counts);
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0)
        return slu_error_set(err, SLU_INVALID, "a batch schema is a struct (+s)");
    for (int64_t i = 0; i < schema->n_children; i++)
        SLU_TRY(ipc_count(schema->children[i], 1, counts, err));
    return SLU_OK;
}

static slu_status
encode_batch(ipc_encoder *encoder, const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection,
             int64_t rows, slu_buf *out, slu_error *err)
{
    const ipc_rows all = {selection, 0, rows};
    ipc_counts counts;
    SLU_TRY(batch_count(schema, &counts, err));
    ipc_writer_begin(&encoder->writer, out, &counts, encoder->compression, rows);
    SLU_TRY(slu_buf_status(out, err));
    SLU_TRY(encode_children(encoder, schema, array, all, err));
    ipc_writer_end(&encoder->writer);
    return slu_buf_status(out, err);
}

slu_status
slu_ipc_encode(const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
               const slu_ipc_options *options, slu_buf *out, slu_error *err)
{
    static const slu_ipc_options plain;
    const slu_ipc_options *use = options == NULL ? &plain : options;
    SLU_AUTO(slu_ipc_codec_free) slu_ipc_codec *mine = NULL;
    const size_t before = out->bytes;
    ipc_encoder encoder = {.codec = use->codec, .compression = use->compression, .validity_always = use->validity_always != 0,
                           .level = use->level};
    if (array->n_children != schema->n_children || rows < 0 || rows > SLU_BATCH_ROWS_MAX || (selection == NULL && rows > array->length))
        return slu_error_set(err, SLU_INVALID, "%lld rows of a batch of %lld rows and %lld columns under a schema of %lld",
                             (long long)rows, (long long)array->length, (long long)array->n_children, (long long)schema->n_children);
    if (use->compression > SLU_IPC_COMPRESSION_ZSTD)
        return slu_error_set(err, SLU_INVALID, "arrow compression %u is not known", use->compression);
    if (encoder.codec == NULL && encoder.compression != SLU_IPC_COMPRESSION_NONE) {
        SLU_TRY(slu_ipc_codec_new(&mine, err));
        encoder.codec = mine;
    }
    const slu_status status = encode_batch(&encoder, schema, array, selection, rows, out, err);
    if (status != SLU_OK)
        out->bytes = before;
    return status;
}

static void
empty_field(ipc_encoder *encoder, const struct ArrowSchema *field)
{
    const slu_type type = slu_type_of(field->format);
    ipc_writer_node(&encoder->writer, 0, 0);
    for (int64_t i = 0; i < slu_type_buffers(type); i++)
        ipc_writer_buffer(&encoder->writer, encoder->writer.out->bytes, 0);
    for (int64_t i = 0; slu_type_is_nested(type) && i < field->n_children; i++)
        empty_field(encoder, field->children[i]);
}

slu_status
slu_ipc_encode_empty(const struct ArrowSchema *schema, slu_buf *out, slu_error *err)
{
    ipc_encoder encoder = {.compression = SLU_IPC_COMPRESSION_NONE};
    ipc_counts counts;
    SLU_TRY(batch_count(schema, &counts, err));
    ipc_writer_begin(&encoder.writer, out, &counts, SLU_IPC_COMPRESSION_NONE, 0);
    for (int64_t i = 0; i < schema->n_children; i++)
        empty_field(&encoder, schema->children[i]);
    ipc_writer_end(&encoder.writer);
    return slu_buf_status(out, err);
}

/* ---- Projection ---- */

/* Copies one column's nodes and buffers as they are; `writer` NULL: steps over them. */
static slu_status
project_field(ipc_reader *reader, ipc_writer *writer, const ipc_counts *counts, slu_error *err)
{
    int64_t rows, nulls;
    slu_view buffer;
    for (size_t i = 0; i < counts->nodes; i++) {
        SLU_TRY(ipc_reader_node(reader, &rows, &nulls, err));
        if (writer != NULL)
            ipc_writer_node(writer, rows, nulls);
    }
    for (size_t i = 0; i < counts->buffers; i++) {
        SLU_TRY(ipc_reader_buffer(reader, &buffer, err));
        if (writer == NULL)
            continue;
        const size_t at = writer->out->bytes;
        slu_buf_append(writer->out, buffer.data, buffer.bytes);
        ipc_writer_buffer(writer, at, buffer.bytes);
    }
    return SLU_OK;
}

static slu_status
project_counts(const struct ArrowSchema *schema, const int32_t *columns, size_t column_count, ipc_counts *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    if (column_count == 0)
        return slu_error_set(err, SLU_INVALID, "a projection names no column");
    for (size_t i = 0; i < column_count; i++) {
        if (columns[i] < 0 || columns[i] >= schema->n_children || (i > 0 && columns[i] <= columns[i - 1]))
            return slu_error_set(err, SLU_INVALID, "projected column %d of %lld is out of range or order", columns[i],
                                 (long long)schema->n_children);
        SLU_TRY(ipc_count(schema->children[columns[i]], 1, out, err));
    }
    return SLU_OK;
}

slu_status
slu_ipc_project(const struct ArrowSchema *schema, slu_view message, const int32_t *columns, size_t column_count, uint8_t compression,
                slu_buf *out, slu_error *err)
{
    ipc_counts counts;
    ipc_reader reader;
    ipc_writer writer;
    const size_t before = out->bytes;
    slu_status status = SLU_OK;
    if (compression > SLU_IPC_COMPRESSION_ZSTD)
        return slu_error_set(err, SLU_INVALID, "arrow compression %u is not known", compression);
    SLU_TRY(project_counts(schema, columns, column_count, &counts, err));
    SLU_TRY(ipc_reader_init(&reader, message, err));
    ipc_writer_begin(&writer, out, &counts, compression, reader.rows);
    for (int64_t i = 0, next = 0; i < schema->n_children && status == SLU_OK; i++) {
        const bool wanted = (size_t)next < column_count && columns[next] == i;
        ipc_counts one = {0};
        status = ipc_count(schema->children[i], 1, &one, err);
        if (status == SLU_OK)
            status = project_field(&reader, wanted ? &writer : NULL, &one, err);
        next += wanted;
    }
    ipc_writer_end(&writer);
    if (status == SLU_OK)
        status = slu_buf_status(out, err);
    if (status != SLU_OK)
        out->bytes = before;
    return status;
}
