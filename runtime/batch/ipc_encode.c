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

/* A column is written from the rows of one or several arrays, one behind the other. */
typedef struct ipc_part {
    const struct ArrowArray *array;
    ipc_rows rows;
    int32_t *owned; /* what rows.from points at, where it was made for this level */
} ipc_part;

typedef struct ipc_parts {
    ipc_part *items;
    size_t count;
    int64_t rows; /* of all of them */
} ipc_parts;

typedef struct ipc_encoder {
    ipc_writer writer;
    slu_ipc_codec *codec;
    uint8_t compression;
    bool validity_always;
    int32_t level;
} ipc_encoder;

static slu_status encode_field(ipc_encoder *encoder, const struct ArrowSchema *field, const ipc_parts *parts, slu_error *err);

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

/* ---- Bits ---- */

/* Ones from bit `at` on, in memory that is zero there. */
static void
bits_fill(uint8_t *to, int64_t at, int64_t count)
{
    for (; count > 0 && at % 8 != 0; at++, count--)
        slu_bit_set(to, at);
    memset(to + at / 8, 0xff, (size_t)(count / 8));
    for (int64_t i = count - count % 8; i < count; i++)
        slu_bit_set(to, at + i);
}

static void
bits_copy(const uint8_t *bits, int64_t offset, ipc_rows rows, uint8_t *to, int64_t at)
{
    const int64_t start = offset + rows.start;
    int64_t i = 0;
    if (rows.from == NULL && start % 8 == 0 && at % 8 == 0) {
        memcpy(to + at / 8, bits + start / 8, (size_t)(rows.count / 8));
        i = rows.count - rows.count % 8;
    }
    for (; i < rows.count; i++) {
        const int64_t row = rows.from == NULL ? start + i : offset + rows.from[i];
        const int64_t bit = at + i;
        to[bit >> 3] = (uint8_t)(to[bit >> 3] | (unsigned)slu_bit(bits, row) << (bit & 7));
    }
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

static const uint8_t *
part_validity(const ipc_part *part)
{
    return part->array->null_count == 0 || part->array->n_buffers == 0 ? NULL : part->array->buffers[0];
}

/* The validity bitmap, and with it the node. */
static slu_status
encode_validity(ipc_encoder *encoder, const ipc_parts *parts, slu_error *err)
{
    bool needed = encoder->validity_always;
    for (size_t i = 0; i < parts->count; i++)
        needed = needed || part_validity(&parts->items[i]) != NULL;
    const size_t bytes = needed ? (size_t)((parts->rows + 7) / 8) : 0;
    uint8_t *to = buffer_begin(encoder, bytes);
    int64_t at = 0;
    if (to == NULL)
        return no_memory(err);
    memset(to, 0, bytes);
    for (size_t i = 0; needed && i < parts->count; i++) {
        const ipc_part *part = &parts->items[i];
        if (part_validity(part) == NULL)
            bits_fill(to, at, part->rows.count);
        else
            bits_copy(part_validity(part), part->array->offset, part->rows, to, at);
        at += part->rows.count;
    }
    ipc_writer_node(&encoder->writer, parts->rows, needed ? parts->rows - bits_count(to, bytes) : 0);
    return buffer_end(encoder, to, bytes, err);
}

static slu_status
encode_bools(ipc_encoder *encoder, const ipc_parts *parts, slu_error *err)
{
    const size_t bytes = (size_t)((parts->rows + 7) / 8);
    uint8_t *to = buffer_begin(encoder, bytes);
    int64_t at = 0;
    if (to == NULL)
        return no_memory(err);
    memset(to, 0, bytes);
    for (size_t i = 0; i < parts->count; i++) {
        const ipc_part *part = &parts->items[i];
        if (part->rows.count > 0)
            bits_copy(part->array->buffers[1], part->array->offset, part->rows, to, at);
        at += part->rows.count;
    }
    return buffer_end(encoder, to, bytes, err);
}

/* ---- Values ---- */

#define GATHER(type)                                                                                                               \
    for (int64_t i = 0; i < rows.count; i++)                                                                                       \
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

static const uint8_t *
part_values(const ipc_part *part, size_t width)
{
    return (const uint8_t *)part->array->buffers[1] + (size_t)part->array->offset * width;
}

static slu_status
encode_values(ipc_encoder *encoder, size_t width, const ipc_parts *parts, slu_error *err)
{
    const size_t bytes = (size_t)parts->rows * width;
    const ipc_part *first = &parts->items[0];
    if (bytes == 0)
        return buffer_direct(encoder, "", 0, err);
    if (parts->count == 1 && first->rows.from == NULL)
        return buffer_direct(encoder, part_values(first, width) + (size_t)first->rows.start * width, bytes, err);
    uint8_t *to = buffer_begin(encoder, bytes);
    uint8_t *at = to;
    if (to == NULL)
        return no_memory(err);
    for (size_t i = 0; i < parts->count; i++) {
        const ipc_part *part = &parts->items[i];
        const size_t part_bytes = (size_t)part->rows.count * width;
        if (part_bytes == 0)
            continue;
        if (part->rows.from == NULL)
            memcpy(at, part_values(part, width) + (size_t)part->rows.start * width, part_bytes);
        else
            values_gather(part_values(part, width), width, part->rows, at);
        at += part_bytes;
    }
    return buffer_end(encoder, to, bytes, err);
}

/* ---- Offsets ---- */

/* Empty arrays may come without an offsets buffer. */
static const int32_t *
part_offsets(const ipc_part *part)
{
    static const int32_t nothing[1];
    return part->array->buffers[1] == NULL ? nothing : (const int32_t *)part->array->buffers[1] + part->array->offset;
}

static int64_t
part_row(const ipc_part *part, int64_t i)
{
    return part->rows.from == NULL ? part->rows.start + i : part->rows.from[i];
}

/* Offsets that begin at 0, and how many items they span. */
static slu_status
encode_offsets(ipc_encoder *encoder, const ipc_parts *parts, int64_t *out_items, slu_error *err)
{
    const size_t bytes = ((size_t)parts->rows + 1) * sizeof(int32_t);
    const ipc_part *first = &parts->items[0];
    int64_t at = 0;
    if (parts->count == 1 && first->rows.from == NULL && part_offsets(first)[first->rows.start] == 0) {
        *out_items = part_offsets(first)[first->rows.start + parts->rows];
        return buffer_direct(encoder, part_offsets(first) + first->rows.start, bytes, err);
    }
    uint8_t *to = buffer_begin(encoder, bytes);
    size_t filled = 0;
    if (to == NULL)
        return no_memory(err);
    memset(to, 0, sizeof(int32_t));
    for (size_t p = 0; p < parts->count; p++) {
        const ipc_part *part = &parts->items[p];
        const int32_t *offsets = part_offsets(part);
        for (int64_t i = 0; i < part->rows.count; i++) {
            const int64_t row = part_row(part, i);
            at += offsets[row + 1] - offsets[row];
            const int32_t narrow = (int32_t)at;
            filled += sizeof narrow;
            memcpy(to + filled, &narrow, sizeof narrow);
        }
    }
    if (at > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "a column of %lld bytes does not fit one arrow message", (long long)at);
    *out_items = at;
    return buffer_end(encoder, to, bytes, err);
}

static uint8_t *
text_copy(const ipc_part *part, uint8_t *at)
{
    const int32_t *offsets = part_offsets(part);
    const uint8_t *data = part->array->buffers[2];
    if (part->rows.from == NULL) {
        const size_t bytes = (size_t)(offsets[part->rows.start + part->rows.count] - offsets[part->rows.start]);
        if (bytes != 0)
            memcpy(at, data + offsets[part->rows.start], bytes);
        return at + bytes;
    }
    for (int64_t i = 0; i < part->rows.count; i++) {
        const int32_t row = part->rows.from[i];
        const size_t bytes = (size_t)(offsets[row + 1] - offsets[row]);
        if (bytes != 0)
            memcpy(at, data + offsets[row], bytes);
        at += bytes;
    }
    return at;
}

static slu_status
encode_text(ipc_encoder *encoder, const ipc_parts *parts, slu_error *err)
{
    int64_t items = 0;
    const ipc_part *first = &parts->items[0];
    SLU_TRY(encode_offsets(encoder, parts, &items, err));
    if (items == 0)
        return buffer_direct(encoder, "", 0, err);
    if (parts->count == 1 && first->rows.from == NULL)
        return buffer_direct(encoder, (const uint8_t *)first->array->buffers[2] + part_offsets(first)[first->rows.start],
                             (size_t)items, err);
    uint8_t *to = buffer_begin(encoder, (size_t)items);
    if (to == NULL)
        return no_memory(err);
    uint8_t *at = to;
    for (size_t i = 0; i < parts->count; i++)
        at = text_copy(&parts->items[i], at);
    return buffer_end(encoder, to, (size_t)items, err);
}

/* ---- Nested ---- */

static void
parts_fini(ipc_parts *parts)
{
    for (size_t i = 0; parts->items != NULL && i < parts->count; i++)
        slu_free(parts->items[i].owned);
    slu_free(parts->items);
    parts->items = NULL;
}

static slu_status
parts_init(ipc_parts *parts, size_t count, slu_error *err)
{
    parts->items = slu_alloc_zero(count, sizeof *parts->items);
    parts->count = count;
    parts->rows = 0;
    return parts->items == NULL ? no_memory(err) : SLU_OK;
}

/* The items of a part's lists: a range, or named one by one. */
static slu_status
list_items(const ipc_part *part, ipc_part *out, slu_error *err)
{
    const int32_t *offsets = part_offsets(part);
    out->array = part->array->children[0];
    if (part->rows.count == 0)
        return SLU_OK;
    if (part->rows.from == NULL) {
        out->rows.start = offsets[part->rows.start];
        out->rows.count = offsets[part->rows.start + part->rows.count] - out->rows.start;
        return SLU_OK;
    }
    for (int64_t i = 0; i < part->rows.count; i++)
        out->rows.count += offsets[part->rows.from[i] + 1] - offsets[part->rows.from[i]];
    int32_t *from = slu_alloc(SLU_MAX((size_t)out->rows.count, 1) * sizeof *from);
    int64_t at = 0;
    if (from == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < part->rows.count; i++)
        for (int32_t item = offsets[part->rows.from[i]]; item < offsets[part->rows.from[i] + 1]; item++)
            from[at++] = item;
    out->rows.from = out->owned = from;
    return SLU_OK;
}

static slu_status
encode_list(ipc_encoder *encoder, const struct ArrowSchema *field, const ipc_parts *parts, slu_error *err)
{
    SLU_AUTO(parts_fini) ipc_parts items = {0};
    int64_t count = 0;
    SLU_TRY(encode_offsets(encoder, parts, &count, err));
    SLU_TRY(parts_init(&items, parts->count, err));
    for (size_t i = 0; i < parts->count; i++) {
        SLU_TRY(list_items(&parts->items[i], &items.items[i], err));
        items.rows += items.items[i].rows.count;
    }
    return encode_field(encoder, field->children[0], &items, err);
}

/* A struct's children share its rows, its offset included. */
static slu_status
struct_rows(const ipc_part *part, ipc_part *out, slu_error *err)
{
    const int64_t offset = part->array->offset;
    out->rows = part->rows;
    if (part->rows.from == NULL) {
        out->rows.start += offset;
    } else if (offset != 0) {
        int32_t *shifted = slu_alloc(SLU_MAX((size_t)part->rows.count, 1) * sizeof *shifted);
        if (shifted == NULL)
            return no_memory(err);
        for (int64_t i = 0; i < part->rows.count; i++)
            shifted[i] = (int32_t)(part->rows.from[i] + offset);
        out->rows.from = out->owned = shifted;
    }
    return SLU_OK;
}

static slu_status
encode_children(ipc_encoder *encoder, const struct ArrowSchema *field, const ipc_parts *parts, slu_error *err)
{
    SLU_AUTO(parts_fini) ipc_parts below = {0};
    SLU_TRY(parts_init(&below, parts->count, err));
    below.rows = parts->rows;
    for (size_t i = 0; i < parts->count; i++)
        SLU_TRY(struct_rows(&parts->items[i], &below.items[i], err));
    for (int64_t c = 0; c < field->n_children; c++) {
        for (size_t i = 0; i < parts->count; i++)
            below.items[i].array = parts->items[i].array->children[c];
        SLU_TRY(encode_field(encoder, field->children[c], &below, err));
    }
    return SLU_OK;
}

static slu_status
buffers_check(const struct ArrowSchema *field, slu_type type, const ipc_parts *parts, slu_error *err)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct ArrowArray *array = parts->items[i].array;
        if (array->n_buffers != slu_type_buffers(type) || (slu_type_is_nested(type) && array->n_children != field->n_children))
            return slu_error_set(err, SLU_INVALID, "column %s does not have the buffers of its format %s",
                                 field->name == NULL ? "" : field->name, field->format);
    }
    return SLU_OK;
}

static slu_status
encode_field(ipc_encoder *encoder, const struct ArrowSchema *field, const ipc_parts *parts, slu_error *err)
{
    const slu_type type = slu_type_of(field->format);
    SLU_TRY(buffers_check(field, type, parts, err));
    SLU_TRY(encode_validity(encoder, parts, err));
    switch (type.id) {
    case SLU_TYPE_BOOL: return encode_bools(encoder, parts, err);
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: return encode_text(encoder, parts, err);
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: return encode_list(encoder, field, parts, err);
    case SLU_TYPE_STRUCT: return encode_children(encoder, field, parts, err);
    default: return encode_values(encoder, (size_t)type.width_bytes, parts, err);
    }
}

/* ---- Messages ---- */

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
pieces_take(const struct ArrowSchema *schema, const slu_ipc_piece *pieces, size_t count, ipc_parts *out, slu_error *err)
{
    SLU_TRY(parts_init(out, count, err));
    for (size_t i = 0; i < count; i++) {
        const slu_ipc_piece *piece = &pieces[i];
        if (piece->array->n_children != schema->n_children || piece->rows < 0 || piece->rows > SLU_BATCH_ROWS_MAX ||
            (piece->selection == NULL && piece->rows > piece->array->length))
            return slu_error_set(err, SLU_INVALID, "%lld rows of a batch of %lld rows and %lld columns under a schema of %lld",
                                 (long long)piece->rows, (long long)piece->array->length, (long long)piece->array->n_children,
                                 (long long)schema->n_children);
        out->items[i] = (ipc_part){.array = piece->array, .rows = {piece->selection, 0, piece->rows}};
        out->rows += piece->rows;
    }
    if (out->rows > SLU_BATCH_ROWS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%lld rows in one arrow message", (long long)out->rows);
    return SLU_OK;
}

static slu_status
encode_batch(ipc_encoder *encoder, const struct ArrowSchema *schema, const slu_ipc_piece *pieces, size_t count, slu_buf *out,
             slu_error *err)
{
    SLU_AUTO(parts_fini) ipc_parts parts = {0};
    ipc_counts counts;
    SLU_TRY(pieces_take(schema, pieces, count, &parts, err));
    SLU_TRY(batch_count(schema, &counts, err));
    ipc_writer_begin(&encoder->writer, out, &counts, encoder->compression, parts.rows);
    SLU_TRY(slu_buf_status(out, err));
    SLU_TRY(encode_children(encoder, schema, &parts, err));
    ipc_writer_end(&encoder->writer);
    return slu_buf_status(out, err);
}

slu_status
slu_ipc_encode_pieces(const struct ArrowSchema *schema, const slu_ipc_piece *pieces, size_t count, const slu_ipc_options *options,
                      slu_buf *out, slu_error *err)
{
    static const slu_ipc_options plain;
    const slu_ipc_options *use = options == NULL ? &plain : options;
    SLU_AUTO(slu_ipc_codec_free) slu_ipc_codec *mine = NULL;
    const size_t before = out->bytes;
    ipc_encoder encoder = {
        .codec = use->codec, .compression = use->compression, .validity_always = use->validity_always != 0, .level = use->level};
    if (count == 0)
        return slu_error_set(err, SLU_INVALID, "an arrow message of no pieces");
    if (use->compression > SLU_IPC_COMPRESSION_ZSTD)
        return slu_error_set(err, SLU_INVALID, "arrow compression %u is not known", use->compression);
    if (encoder.codec == NULL && encoder.compression != SLU_IPC_COMPRESSION_NONE) {
        SLU_TRY(slu_ipc_codec_new(&mine, err));
        encoder.codec = mine;
    }
    const slu_status status = encode_batch(&encoder, schema, pieces, count, out, err);
    if (status != SLU_OK)
        out->bytes = before;
    return status;
}

slu_status
slu_ipc_encode(const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
               const slu_ipc_options *options, slu_buf *out, slu_error *err)
{
    const slu_ipc_piece piece = {array, selection, rows};
    return slu_ipc_encode_pieces(schema, &piece, 1, options, out, err);
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
slu_ipc_project(const struct ArrowSchema *schema, slu_view message, const int32_t *columns, size_t column_count,
                uint8_t compression, slu_buf *out, slu_error *err)
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
