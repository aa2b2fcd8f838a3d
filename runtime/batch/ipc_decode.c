/*
 * ipc_decode.c: a struct array over the body of a message.
 *
 * All arrays of a message lie in one allocation, the holder, which also keeps the bytes. Each array (root and descendants) holds one
 * reference, because a consumer of the C data interface may move any child out and release it later than the root.
 */
#include "ipc_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <stdatomic.h>

typedef struct ipc_holder {
    _Atomic uint32_t references;
    slu_ipc_owner owner;
    void *memory; /* copied or decompressed bytes; NULL when borrowed */
    void *zeros;  /* validity, values and offsets of columns that the message lacks */
    struct ArrowArray *arrays;
    struct ArrowArray **children;
    const void **pointers;
    slu_view *buffers; /* what the pointers are made from, in the order of the message */
    size_t arrays_used, children_used, pointers_used, buffers_used;
} ipc_holder;

/* What a buffer without bytes points at: offsets of nothing, and values of no row. */
static const uint64_t nothing[2];

static void
holder_free(ipc_holder *holder)
{
    slu_free(holder->memory);
    slu_free(holder->zeros);
    slu_free(holder);
}

static void
holder_unref(ipc_holder *holder)
{
    const uint32_t before = atomic_fetch_sub_explicit(&holder->references, 1, memory_order_acq_rel);
    SLU_ASSERT(before != 0);
    if (before != 1)
        return;
    if (holder->owner.release != NULL)
        holder->owner.release(holder->owner.context);
    holder_free(holder);
}

static void
array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    array->release = NULL;
    holder_unref(array->private_data);
}

/* One allocation: the holder, then views, arrays and pointers (all of them 8-byte aligned). */
static ipc_holder *
holder_new(const ipc_counts *counts)
{
    const size_t arrays = counts->nodes + 1, pointers = counts->buffers + 1;
    ipc_holder *holder =
        slu_alloc_zero(1, sizeof *holder + counts->buffers * sizeof(slu_view) + arrays * sizeof(struct ArrowArray) +
                              arrays * sizeof(void *) + pointers * sizeof(void *));
    if (holder == NULL)
        return NULL;
    holder->buffers = (slu_view *)(holder + 1);
    holder->arrays = (struct ArrowArray *)(holder->buffers + counts->buffers);
    holder->children = (struct ArrowArray **)(holder->arrays + arrays);
    holder->pointers = (const void **)(holder->children + arrays);
    return holder;
}

/* ---- Bytes of the buffers ---- */

static slu_status
compressed_bytes(slu_view buffer, size_t *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(buffer);
    *out = 0;
    if (buffer.bytes == 0)
        return SLU_OK;
    const int64_t length = (int64_t)slu_cursor_u64le(&c);
    if (!slu_cursor_ok(&c) || length < IPC_LENGTH_RAW || length > SLU_BATCH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: a compressed buffer of %zu bytes says it holds %lld", buffer.bytes,
                             (long long)length);
    *out = length == IPC_LENGTH_RAW ? slu_cursor_left(&c) : (size_t)length;
    return SLU_OK;
}

static slu_status
buffer_inflate(const ipc_reader *reader, slu_ipc_codec *codec, slu_view buffer, uint8_t *to, size_t bytes, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(buffer);
    if (bytes == 0)
        return SLU_OK;
    const int64_t length = (int64_t)slu_cursor_u64le(&c);
    const slu_view frame = slu_cursor_view(&c, slu_cursor_left(&c));
    if (length == IPC_LENGTH_RAW) {
        memcpy(to, frame.data, bytes);
        return SLU_OK;
    }
    return ipc_decompress(codec, reader->compression, frame, to, bytes, err);
}

/* Decompresses all buffers into one piece of memory. */
static slu_status
buffers_inflate(ipc_holder *holder, const ipc_reader *reader, slu_ipc_codec *codec, size_t count, slu_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        SLU_TRY(compressed_bytes(holder->buffers[i], &bytes, err));
        total += slu_size_align(bytes, IPC_ALIGN); /* at most count * BYTES_MAX, checked on the way */
        if (total > (size_t)SLU_BATCH_BYTES_MAX)
            return slu_error_set(err, SLU_LIMIT, "arrow message: more than %lld bytes after decompression",
                                 (long long)SLU_BATCH_BYTES_MAX);
    }
    uint8_t *to = holder->memory = slu_alloc_aligned(SLU_MAX(total, 1));
    if (to == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu bytes of an arrow message", total);
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        SLU_TRY(compressed_bytes(holder->buffers[i], &bytes, err));
        SLU_TRY(buffer_inflate(reader, codec, holder->buffers[i], to, bytes, err));
        holder->buffers[i] = slu_view_of(to, bytes);
        to += slu_size_align(bytes, IPC_ALIGN);
    }
    return SLU_OK;
}

/* Copies the body to aligned memory and moves the views there. */
static slu_status
buffers_copy(ipc_holder *holder, ipc_reader *reader, size_t count, slu_error *err)
{
    uint8_t *to = holder->memory = slu_alloc_aligned(SLU_MAX(reader->body.bytes, 1));
    if (to == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu bytes of an arrow message", reader->body.bytes);
    if (reader->body.bytes != 0)
        memcpy(to, reader->body.data, reader->body.bytes);
    for (size_t i = 0; i < count; i++)
        holder->buffers[i].data = to + (holder->buffers[i].data - reader->body.data);
    return SLU_OK;
}

static slu_status
buffers_resolve(ipc_holder *holder, ipc_reader *reader, slu_ipc_owner owner, slu_ipc_codec *codec, size_t count, slu_error *err)
{
    SLU_AUTO(slu_ipc_codec_free) slu_ipc_codec *mine = NULL;
    for (size_t i = 0; i < count; i++)
        SLU_TRY(ipc_reader_buffer(reader, &holder->buffers[i], err));
    if (reader->compression != SLU_IPC_COMPRESSION_NONE) {
        if (codec == NULL) {
            SLU_TRY(slu_ipc_codec_new(&mine, err));
            codec = mine;
        }
        return buffers_inflate(holder, reader, codec, count, err);
    }
    if (owner.release == NULL || (uintptr_t)reader->body.data % IPC_ALIGN != 0)
        return buffers_copy(holder, reader, count, err);
    holder->owner = owner;
    return SLU_OK;
}

/* ---- Arrays over the buffers ---- */

static slu_status
short_buffer(const struct ArrowSchema *field, const char *what, size_t bytes, int64_t rows, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "arrow message: column %s: %zu bytes of %s do not hold %lld rows",
                         field->name == NULL ? "" : field->name, bytes, what, (long long)rows);
}

static int64_t
bits_zero(const uint8_t *bits, int64_t rows)
{
    int64_t ones = 0, i = 0;
    for (; i + 64 <= rows; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, sizeof word);
        ones += __builtin_popcountll(word);
    }
    for (; i < rows; i++)
        ones += slu_bit(bits, i);
    return rows - ones;
}

/* Readers trust the bitmap, not the count in the node. */
static slu_status
decode_validity(const struct ArrowSchema *field, slu_view bits, int64_t nulls, struct ArrowArray *array, slu_error *err)
{
    if (bits.bytes == 0 && nulls == 0)
        return SLU_OK;
    if (bits.bytes < (size_t)((array->length + 7) / 8))
        return short_buffer(field, "validity", bits.bytes, array->length, err);
    array->null_count = bits_zero(bits.data, array->length);
    array->buffers[0] = array->null_count == 0 ? NULL : bits.data;
    return SLU_OK;
}

static slu_status
decode_values(const struct ArrowSchema *field, slu_type type, slu_view values, struct ArrowArray *array, slu_error *err)
{
    const size_t wanted =
        type.id == SLU_TYPE_BOOL ? (size_t)((array->length + 7) / 8) : (size_t)array->length * (size_t)type.width_bytes;
    if (values.bytes < wanted)
        return short_buffer(field, "values", values.bytes, array->length, err);
    array->buffers[1] = wanted == 0 ? (const void *)nothing : values.data;
    return SLU_OK;
}

/* Offsets that never fall, from 0 or more to at most `items_max`. */
static slu_status
decode_offsets(const struct ArrowSchema *field, slu_view bytes, int64_t items_max, struct ArrowArray *array, slu_error *err)
{
    array->buffers[1] = nothing;
    if (array->length == 0 && bytes.bytes < sizeof(int32_t))
        return SLU_OK;
    if (bytes.bytes < ((size_t)array->length + 1) * sizeof(int32_t))
        return short_buffer(field, "offsets", bytes.bytes, array->length, err);
    const int32_t *offsets = (const int32_t *)(const void *)bytes.data;
    int32_t falls = offsets[0] < 0;
    for (int64_t i = 0; i < array->length; i++)
        falls |= offsets[i + 1] < offsets[i];
    if (falls || offsets[array->length] > items_max)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: column %s: offsets fall, or leave their %lld items",
                             field->name == NULL ? "" : field->name, (long long)items_max);
    array->buffers[1] = offsets;
    return SLU_OK;
}

static slu_status decode_field(ipc_holder *holder, ipc_reader *reader, const struct ArrowSchema *field, int64_t rows_min,
                               struct ArrowArray *array, slu_error *err);

static struct ArrowArray *
holder_array(ipc_holder *holder)
{
    struct ArrowArray *array = &holder->arrays[holder->arrays_used++];
    array->release = array_release;
    array->private_data = holder;
    return array;
}

static void
array_lists(ipc_holder *holder, int64_t buffers, int64_t children, struct ArrowArray *array)
{
    array->n_buffers = buffers;
    array->buffers = holder->pointers + holder->pointers_used;
    array->n_children = children;
    array->children = holder->children + holder->children_used;
    holder->pointers_used += (size_t)buffers;
    holder->children_used += (size_t)children;
}

static slu_status
decode_children(ipc_holder *holder, ipc_reader *reader, const struct ArrowSchema *field, int64_t rows_min, struct ArrowArray *array,
                slu_error *err)
{
    for (int64_t i = 0; i < field->n_children; i++) {
        array->children[i] = holder_array(holder);
        SLU_TRY(decode_field(holder, reader, field->children[i], rows_min, array->children[i], err));
    }
    return SLU_OK;
}

static slu_view
holder_buffer(ipc_holder *holder)
{
    return holder->buffers[holder->buffers_used++];
}

static slu_status
decode_text(ipc_holder *holder, const struct ArrowSchema *field, struct ArrowArray *array, slu_error *err)
{
    const slu_view offsets = holder_buffer(holder);
    const slu_view data = holder_buffer(holder);
    array->buffers[2] = data.bytes == 0 ? (const void *)nothing : data.data;
    return decode_offsets(field, offsets, (int64_t)data.bytes, array, err);
}

static slu_status
decode_list(ipc_holder *holder, ipc_reader *reader, const struct ArrowSchema *field, struct ArrowArray *array, slu_error *err)
{
    const slu_view offsets = holder_buffer(holder);
    SLU_TRY(decode_children(holder, reader, field, 0, array, err));
    return decode_offsets(field, offsets, array->children[0]->length, array, err);
}

static slu_status
decode_field(ipc_holder *holder, ipc_reader *reader, const struct ArrowSchema *field, int64_t rows_min, struct ArrowArray *array,
             slu_error *err)
{
    const slu_type type = slu_type_of(field->format);
    int64_t nulls = 0;
    array_lists(holder, slu_type_buffers(type), slu_type_is_nested(type) ? field->n_children : 0, array);
    SLU_TRY(ipc_reader_node(reader, &array->length, &nulls, err));
    if (array->length < rows_min)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: column %s has %lld rows of %lld",
                             field->name == NULL ? "" : field->name, (long long)array->length, (long long)rows_min);
    SLU_TRY(decode_validity(field, holder_buffer(holder), nulls, array, err));
    switch (type.id) {
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: return decode_text(holder, field, array, err);
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: return decode_list(holder, reader, field, array, err);
    case SLU_TYPE_STRUCT: return decode_children(holder, reader, field, array->length, array, err);
    default: return decode_values(field, type, holder_buffer(holder), array, err);
    }
}

/* ---- Columns that the message lacks ---- */

static size_t
null_bytes(const struct ArrowSchema *field, int64_t rows)
{
    const slu_type type = slu_type_of(field->format);
    size_t bytes = ((size_t)rows + 1) * (size_t)SLU_MAX(type.width_bytes, 4);
    for (int64_t i = 0; slu_type_is_nested(type) && i < field->n_children; i++)
        bytes = SLU_MAX(bytes, null_bytes(field->children[i], rows));
    return bytes;
}

/* Everything a null column points at is zero: no row is valid, every text and list is empty. */
static void
null_field(ipc_holder *holder, const struct ArrowSchema *field, int64_t rows, struct ArrowArray *array)
{
    const slu_type type = slu_type_of(field->format);
    array_lists(holder, slu_type_buffers(type), slu_type_is_nested(type) ? field->n_children : 0, array);
    array->length = array->null_count = rows;
    for (int64_t i = 0; i < array->n_buffers; i++)
        array->buffers[i] = holder->zeros;
    for (int64_t i = 0; i < array->n_children; i++) {
        array->children[i] = holder_array(holder);
        null_field(holder, field->children[i], type.id == SLU_TYPE_STRUCT ? rows : 0, array->children[i]);
    }
}

static slu_status
null_columns(ipc_holder *holder, const struct ArrowSchema *schema, int64_t from, struct ArrowArray *root, slu_error *err)
{
    size_t bytes = 0;
    for (int64_t i = from; i < schema->n_children; i++) {
        if (!slu_schema_nullable(schema->children[i]))
            return slu_error_set(err, SLU_INVALID, "arrow message: column %s is NOT NULL and was not written",
                                 schema->children[i]->name);
        bytes = SLU_MAX(bytes, null_bytes(schema->children[i], root->length));
    }
    if (bytes == 0)
        return SLU_OK;
    holder->zeros = slu_alloc_zero(1, bytes);
    if (holder->zeros == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for null columns");
    for (int64_t i = from; i < schema->n_children; i++) {
        root->children[i] = holder_array(holder);
        null_field(holder, schema->children[i], root->length, root->children[i]);
    }
    return SLU_OK;
}

/* ---- Messages ---- */

/* How many of the schema's columns the message has, and what they take of it. */
static slu_status
columns_there(const struct ArrowSchema *schema, const ipc_reader *reader, bool prefix, int64_t *out_columns, ipc_counts *out_there,
              ipc_counts *out_all, slu_error *err)
{
    memset(out_there, 0, sizeof *out_there);
    memset(out_all, 0, sizeof *out_all);
    *out_columns = 0;
    for (int64_t i = 0; i < schema->n_children; i++) {
        SLU_TRY(ipc_count(schema->children[i], 1, out_all, err));
        if (out_all->nodes <= reader->node_count) {
            *out_there = *out_all;
            *out_columns = i + 1;
        }
    }
    const bool same = reader->node_count == out_there->nodes && reader->buffer_count == out_there->buffers;
    if (prefix ? reader->buffer_count < out_there->buffers || (*out_columns < schema->n_children && !same)
               : *out_columns < schema->n_children || !same)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: %zu nodes and %zu buffers where the schema has %zu and %zu",
                             reader->node_count, reader->buffer_count, out_all->nodes, out_all->buffers);
    return SLU_OK;
}

static slu_status
decode_batch(ipc_holder *holder, ipc_reader *reader, const struct ArrowSchema *schema, int64_t columns, struct ArrowArray *root,
             slu_error *err)
{
    array_lists(holder, 1, schema->n_children, root);
    root->length = reader->rows;
    for (int64_t i = 0; i < columns; i++) {
        root->children[i] = holder_array(holder);
        SLU_TRY(decode_field(holder, reader, schema->children[i], reader->rows, root->children[i], err));
    }
    return null_columns(holder, schema, columns, root, err);
}

static slu_status
decode_message(const struct ArrowSchema *schema, slu_view message, bool prefix, slu_ipc_owner owner, slu_ipc_codec *codec,
               struct ArrowArray *out, slu_error *err)
{
    ipc_counts there, all;
    ipc_reader reader;
    int64_t columns;
    SLU_TRY(ipc_reader_init(&reader, message, err));
    SLU_TRY(columns_there(schema, &reader, prefix, &columns, &there, &all, err));
    ipc_holder *holder = holder_new(&all);
    if (holder == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the columns of an arrow message");
    struct ArrowArray *root = holder_array(holder);
    slu_status status = buffers_resolve(holder, &reader, owner, codec, there.buffers, err);
    if (status == SLU_OK)
        status = decode_batch(holder, &reader, schema, columns, root, err);
    if (status != SLU_OK) {
        holder_free(holder);
        return status;
    }
    const bool borrowed = holder->owner.release != NULL;
    atomic_init(&holder->references, (uint32_t)holder->arrays_used);
    *out = *root;
    if (!borrowed && owner.release != NULL)
        owner.release(owner.context);
    return SLU_OK;
}

slu_status
slu_ipc_decode(const struct ArrowSchema *schema, slu_view message, slu_ipc_owner owner, slu_ipc_codec *codec,
               struct ArrowArray *out, slu_error *err)
{
    return decode_message(schema, message, false, owner, codec, out, err);
}

slu_status
slu_ipc_decode_prefix(const struct ArrowSchema *schema, slu_view message, slu_ipc_owner owner, slu_ipc_codec *codec,
                      struct ArrowArray *out, slu_error *err)
{
    return decode_message(schema, message, true, owner, codec, out, err);
}
