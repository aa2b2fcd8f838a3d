/*
 * ipc.c: the metadata of a RecordBatch message, both ways. Offsets are from the start of the flatbuffer (M).
 *
 *   written   M+0  u32 0x14 (Message table), u32 0
 *             M+8  vtable of Message   {version, header type, header, bodyLength}
 *             M+20 Message table
 *                  vtable and table of RecordBatch {length, nodes, buffers, [compression]}
 *                  [vtable and table of BodyCompression {codec}]
 *                  u32 buffer count, buffers; u32 0; u32 node count, nodes
 *
 * Three templates (none, LZ4, ZSTD) are the bytes before the buffers as Java's flatbuffer builder lays them out; four numbers are
 * patched into each. Reading accepts any layout a flatbuffer builder may choose.
 */
#include "ipc_internal.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "base/sizes.h"

#define MESSAGE_VERSION_V4 3
#define MESSAGE_VERSION_V5 4
#define HEADER_RECORD_BATCH 3
#define METADATA_BYTES_MAX ((size_t)16 << 20)

/* ---- Templates ---- */

typedef struct ipc_template {
    const uint8_t *bytes;
    size_t count;           /* bytes, up to and without the buffer count */
    size_t body_length_at;  /* i64 */
    size_t nodes_offset_at; /* u32, relative to itself */
    size_t rows_at;         /* i64 */
} ipc_template;

static const uint8_t plain_bytes[] = {
    0x14, 0, 0,    0, 0,    0, 0,    0,                      /* root */
    0x0c, 0, 0x16, 0, 0x0e, 0, 0x15, 0, 0x10, 0,    0x04, 0, /* vtable: Message */
    0x0c, 0, 0,    0, 0,    0, 0,    0, 0,    0,    0,    0, /* Message, bodyLength */
    0,    0, 0x04, 0, 0x10, 0, 0,    0, 0,    0x03,          /* version V5, header, header type */
    0x0a, 0, 0x18, 0, 0x0c, 0, 0x08, 0, 0x04, 0,             /* vtable: RecordBatch */
    0x0a, 0, 0,    0, 0x14, 0, 0,    0, 0,    0,    0,    0, /* RecordBatch, buffers, nodes */
    0,    0, 0,    0, 0,    0, 0,    0, 0,    0,    0,    0, /* length */
};

static const uint8_t lz4_bytes[] = {
    0x14, 0, 0,    0, 0,    0, 0,    0,                                  /* root */
    0x0c, 0, 0x18, 0, 0x0e, 0, 0x17, 0, 0x10, 0, 0x04, 0,                /* vtable: Message */
    0x0c, 0, 0,    0, 0,    0, 0,    0, 0,    0, 0,    0,                /* Message, bodyLength */
    0,    0, 0x04, 0, 0x14, 0, 0,    0, 0,    0, 0,    0x03,             /* version V5, header, header type */
    0x0c, 0, 0x1c, 0, 0x10, 0, 0x0c, 0, 0x08, 0, 0x04, 0,                /* vtable: RecordBatch */
    0x0c, 0, 0,    0, 0x1c, 0, 0,    0, 0x1c, 0, 0,    0,    0, 0, 0, 0, /* RecordBatch, compression, buffers, nodes */
    0,    0, 0,    0, 0,    0, 0,    0, 0,    0, 0,    0,                /* length */
    0x04, 0, 0x04, 0, 0x04, 0, 0,    0,                                  /* BodyCompression: all defaults */
};

static const uint8_t zstd_bytes[] = {
    0x14, 0, 0,    0, 0,    0, 0,    0,                                     /* root */
    0x0c, 0, 0x18, 0, 0x0e, 0, 0x17, 0, 0x10, 0, 0x04, 0,                   /* vtable: Message */
    0x0c, 0, 0,    0, 0,    0, 0,    0, 0,    0, 0,    0,                   /* Message, bodyLength */
    0,    0, 0x04, 0, 0x14, 0, 0,    0, 0,    0, 0,    0x03,                /* version V5, header, header type */
    0x0c, 0, 0x1e, 0, 0x10, 0, 0x0c, 0, 0x08, 0, 0x04, 0,                   /* vtable: RecordBatch */
    0x0c, 0, 0,    0, 0x20, 0, 0,    0, 0x24, 0, 0,    0,    0, 0,    0, 0, /* RecordBatch, compression, buffers, nodes */
    0,    0, 0,    0, 0,    0, 0,    0, 0,    0, 0,    0,    0, 0,          /* length */
    0x06, 0, 0x08, 0, 0x07, 0, 0x06, 0, 0,    0, 0,    0,    0, 0x01,       /* BodyCompression: codec 1 */
};

static const ipc_template templates[] = {
    {plain_bytes, sizeof plain_bytes, 0x18, 0x3c, 0x40},
    {lz4_bytes, sizeof lz4_bytes, 0x18, 0x44, 0x48},
    {zstd_bytes, sizeof zstd_bytes, 0x18, 0x44, 0x48},
};

_Static_assert(sizeof plain_bytes == 0x4c && sizeof lz4_bytes == 0x5c && sizeof zstd_bytes == 0x64, "as Java lays them out");

/* ---- Counting ---- */

slu_status
ipc_count(const struct ArrowSchema *field, int level, ipc_counts *counts, slu_error *err)
{
    const slu_type type = slu_type_of(field->format);
    const char *name = field->name == NULL ? "" : field->name;
    if (type.id == SLU_TYPE_OTHER || field->dictionary != NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "column %s: no Arrow IPC for format %s", name, field->format);
    if (level > SLU_NESTING_MAX)
        return slu_error_set(err, SLU_LIMIT, "column %s is nested more than %d levels deep", name, SLU_NESTING_MAX);
    if ((type.id == SLU_TYPE_LIST || type.id == SLU_TYPE_MAP) && field->n_children != 1)
        return slu_error_set(err, SLU_INVALID, "column %s: a list or map has one child", name);
    counts->nodes++;
    counts->buffers += (size_t)slu_type_buffers(type);
    for (int64_t i = 0; slu_type_is_nested(type) && i < field->n_children; i++)
        SLU_TRY(ipc_count(field->children[i], level + 1, counts, err));
    return SLU_OK;
}

/* ---- Writing ---- */

static void
buf_patch_u64le(slu_buf *out, size_t at, uint64_t value)
{
    if (out->failed != SLU_OK)
        return;
    slu_buf_patch_u32le(out, at, (uint32_t)value);
    slu_buf_patch_u32le(out, at + 4, (uint32_t)(value >> 32));
}

void
ipc_writer_begin(ipc_writer *writer, slu_buf *out, const ipc_counts *counts, uint8_t compression, int64_t rows)
{
    const ipc_template *shape = &templates[compression];
    const size_t start = out->bytes;
    const size_t meta = start + IPC_PREFIX_BYTES;
    const size_t nodes_count_at = shape->count + 4 + counts->buffers * IPC_STRUCT_BYTES + 4;
    const size_t meta_bytes = nodes_count_at + 4 + counts->nodes * IPC_STRUCT_BYTES;
    slu_buf_u32le(out, IPC_CONTINUATION);
    slu_buf_u32le(out, (uint32_t)meta_bytes);
    slu_buf_append(out, shape->bytes, shape->count);
    slu_buf_u32le(out, (uint32_t)counts->buffers);
    slu_buf_zero(out, counts->buffers * IPC_STRUCT_BYTES + 4);
    slu_buf_u32le(out, (uint32_t)counts->nodes);
    slu_buf_zero(out, counts->nodes * IPC_STRUCT_BYTES);
    if (out->failed == SLU_OK)
        slu_buf_patch_u32le(out, meta + shape->nodes_offset_at, (uint32_t)(nodes_count_at - shape->nodes_offset_at));
    buf_patch_u64le(out, meta + shape->rows_at, (uint64_t)rows);
    writer->out = out;
    writer->start = start;
    writer->length_at = meta + shape->body_length_at;
    writer->buffers_at = meta + shape->count + 4;
    writer->nodes_at = meta + nodes_count_at + 4;
    writer->body_at = meta + meta_bytes;
}

void
ipc_writer_node(ipc_writer *writer, int64_t rows, int64_t nulls)
{
    buf_patch_u64le(writer->out, writer->nodes_at, (uint64_t)rows);
    buf_patch_u64le(writer->out, writer->nodes_at + 8, (uint64_t)nulls);
    writer->nodes_at += IPC_STRUCT_BYTES;
}

void
ipc_writer_buffer(ipc_writer *writer, size_t at, size_t bytes)
{
    buf_patch_u64le(writer->out, writer->buffers_at, at - writer->body_at);
    buf_patch_u64le(writer->out, writer->buffers_at + 8, bytes);
    writer->buffers_at += IPC_STRUCT_BYTES;
    const size_t over = (writer->out->bytes - writer->body_at) % IPC_ALIGN;
    if (over != 0)
        slu_buf_zero(writer->out, IPC_ALIGN - over);
}

void
ipc_writer_end(ipc_writer *writer)
{
    buf_patch_u64le(writer->out, writer->length_at, writer->out->bytes - writer->body_at);
}

/* ---- Reading ---- */

/* A flatbuffer table: `at` is its position, the vtable's entries say where its fields are. Everything is checked against `all`. */
typedef struct flat_table {
    slu_view all;
    size_t at;
    size_t table_bytes;
    const uint8_t *vtable;
    size_t vtable_bytes;
} flat_table;

static uint64_t
flat_le(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool
flat_table_at(slu_view all, size_t at, flat_table *out)
{
    if (at > all.bytes || all.bytes - at < 4)
        return false;
    const int64_t vtable_at = (int64_t)at - (int32_t)(uint32_t)flat_le(all.data + at, 4);
    if (vtable_at < 0 || (size_t)vtable_at > all.bytes || all.bytes - (size_t)vtable_at < 4)
        return false;
    out->all = all;
    out->at = at;
    out->vtable = all.data + vtable_at;
    out->vtable_bytes = (size_t)flat_le(out->vtable, 2);
    out->table_bytes = (size_t)flat_le(out->vtable + 2, 2);
    return out->vtable_bytes >= 4 && out->vtable_bytes <= all.bytes - (size_t)vtable_at && out->table_bytes >= 4 &&
           out->table_bytes <= all.bytes - at;
}

/* Position of field `index` of `bytes` bytes; false: absent or outside its table. `*present` tells which. */
static bool
flat_field(const flat_table *table, size_t index, size_t bytes, size_t *out_at, bool *present)
{
    const size_t entry = 4 + index * 2;
    *present = false;
    if (entry + 2 > table->vtable_bytes)
        return false;
    const size_t offset = (size_t)flat_le(table->vtable + entry, 2);
    if (offset == 0)
        return false;
    *present = true;
    *out_at = table->at + offset;
    return offset + bytes <= table->table_bytes;
}

/* A scalar; absent is `missing`. */
static bool
flat_scalar(const flat_table *table, size_t index, size_t bytes, uint64_t missing, uint64_t *out)
{
    size_t at = 0;
    bool present;
    *out = missing;
    if (!flat_field(table, index, bytes, &at, &present))
        return !present;
    *out = flat_le(table->all.data + at, bytes);
    return true;
}

/* Follows an offset field. */
static bool
flat_follow(const flat_table *table, size_t index, size_t *out_at)
{
    size_t at = 0;
    bool present;
    if (!flat_field(table, index, 4, &at, &present))
        return false;
    const size_t offset = (size_t)flat_le(table->all.data + at, 4);
    if (offset > table->all.bytes - at)
        return false;
    *out_at = at + offset;
    return true;
}

/* A vector of 16-byte structs; absent is empty. */
static bool
flat_structs(const flat_table *table, size_t index, const uint8_t **out, size_t *out_count)
{
    size_t at = 0;
    bool present;
    *out = NULL;
    *out_count = 0;
    if (!flat_field(table, index, 4, &at, &present))
        return !present;
    if (!flat_follow(table, index, &at) || table->all.bytes - at < 4)
        return false;
    const size_t count = (size_t)flat_le(table->all.data + at, 4);
    if (count > (table->all.bytes - at - 4) / IPC_STRUCT_BYTES)
        return false;
    *out = table->all.data + at + 4;
    *out_count = count;
    return true;
}

static slu_status
reader_compression(ipc_reader *reader, const flat_table *record, slu_error *err)
{
    flat_table compression;
    size_t at = 0;
    bool present;
    uint64_t codec, method;
    reader->compression = SLU_IPC_COMPRESSION_NONE;
    if (!flat_field(record, 3, 4, &at, &present) && !present)
        return SLU_OK;
    if (!flat_follow(record, 3, &at) || !flat_table_at(record->all, at, &compression) ||
        !flat_scalar(&compression, 0, 1, 0, &codec) || !flat_scalar(&compression, 1, 1, 0, &method))
        return slu_error_set(err, SLU_CORRUPT, "arrow message: compression lies outside the metadata");
    if (codec > 1 || method != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "arrow message: compression codec %u, method %u is not known", (unsigned)codec,
                             (unsigned)method);
    reader->compression = codec == 0 ? SLU_IPC_COMPRESSION_LZ4_FRAME : SLU_IPC_COMPRESSION_ZSTD;
    return SLU_OK;
}

static slu_status
reader_metadata(ipc_reader *reader, slu_view meta, uint64_t *out_body_bytes, slu_error *err)
{
    flat_table message, record;
    uint64_t version, type, rows;
    size_t at = 0;
    if (meta.bytes < 4 || !flat_table_at(meta, (size_t)flat_le(meta.data, 4), &message) ||
        !flat_scalar(&message, 0, 2, 0, &version) || !flat_scalar(&message, 1, 1, 0, &type) ||
        !flat_scalar(&message, 3, 8, 0, out_body_bytes))
        return slu_error_set(err, SLU_CORRUPT, "arrow message: the metadata is no flatbuffer message");
    if (version != MESSAGE_VERSION_V5 && version != MESSAGE_VERSION_V4)
        return slu_error_set(err, SLU_UNSUPPORTED, "arrow message: metadata version %u is not V4 or V5", (unsigned)version + 1);
    if (type != HEADER_RECORD_BATCH)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: header type %u is not a record batch", (unsigned)type);
    if (!flat_follow(&message, 2, &at) || !flat_table_at(meta, at, &record) || !flat_scalar(&record, 0, 8, 0, &rows) ||
        !flat_structs(&record, 1, &reader->nodes, &reader->node_count) ||
        !flat_structs(&record, 2, &reader->buffers, &reader->buffer_count))
        return slu_error_set(err, SLU_CORRUPT, "arrow message: the record batch lies outside the metadata");
    if (rows > (uint64_t)SLU_BATCH_ROWS_MAX)
        return slu_error_set(err, SLU_LIMIT, "arrow message: %lld rows; at most %lld", (long long)rows,
                             (long long)SLU_BATCH_ROWS_MAX);
    reader->rows = (int64_t)rows;
    return reader_compression(reader, &record, err);
}

/* The flatbuffer behind the prefix. */
static slu_status
message_metadata(slu_cursor *c, slu_view *out, slu_error *err)
{
    if (slu_cursor_left(c) < IPC_PREFIX_BYTES)
        return SLU_MORE;
    if (slu_cursor_u32le(c) != IPC_CONTINUATION)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: no continuation marker");
    const uint32_t bytes = slu_cursor_u32le(c);
    if (bytes > METADATA_BYTES_MAX || bytes % IPC_ALIGN != 0)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: metadata of %u bytes", bytes);
    if (slu_cursor_left(c) < bytes)
        return SLU_MORE;
    *out = slu_cursor_view(c, bytes);
    return SLU_OK;
}

static slu_status
body_bytes_check(uint64_t bytes, slu_error *err)
{
    if (bytes > (uint64_t)SLU_BATCH_BYTES_MAX || bytes % IPC_ALIGN != 0)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: a body of %lld bytes", (long long)bytes);
    return SLU_OK;
}

slu_status
slu_ipc_peek(slu_view in, size_t *out_bytes, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(in);
    slu_view meta;
    ipc_reader reader;
    uint64_t body_bytes = 0;
    SLU_TRY(message_metadata(&c, &meta, err));
    SLU_TRY(reader_metadata(&reader, meta, &body_bytes, err));
    SLU_TRY(body_bytes_check(body_bytes, err));
    *out_bytes = IPC_PREFIX_BYTES + meta.bytes + (size_t)body_bytes;
    return SLU_OK;
}

slu_status
slu_ipc_peek_rows(slu_view in, int64_t *out_rows, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(in);
    slu_view meta;
    ipc_reader reader;
    uint64_t body_bytes = 0;
    const slu_status status = message_metadata(&c, &meta, err);
    if (status == SLU_MORE)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: %zu bytes end within the metadata", in.bytes);
    SLU_TRY(status);
    SLU_TRY(reader_metadata(&reader, meta, &body_bytes, err));
    *out_rows = reader.rows;
    return SLU_OK;
}

slu_status
ipc_reader_init(ipc_reader *reader, slu_view message, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(message);
    slu_view meta;
    uint64_t body_bytes = 0;
    memset(reader, 0, sizeof *reader);
    const slu_status status = message_metadata(&c, &meta, err);
    if (status == SLU_MORE)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: %zu bytes end within the metadata", message.bytes);
    SLU_TRY(status);
    SLU_TRY(reader_metadata(reader, meta, &body_bytes, err));
    SLU_TRY(body_bytes_check(body_bytes, err));
    if (body_bytes != slu_cursor_left(&c))
        return slu_error_set(err, SLU_CORRUPT, "arrow message: a body of %llu bytes where %zu remain",
                             (unsigned long long)body_bytes, slu_cursor_left(&c));
    reader->body = slu_cursor_view(&c, slu_cursor_left(&c));
    return SLU_OK;
}

slu_status
ipc_reader_node(ipc_reader *reader, int64_t *rows, int64_t *nulls, slu_error *err)
{
    if (reader->node >= reader->node_count)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: %zu nodes are fewer than the schema's", reader->node_count);
    const uint8_t *at = reader->nodes + reader->node++ * IPC_STRUCT_BYTES;
    *rows = (int64_t)flat_le(at, 8);
    *nulls = (int64_t)flat_le(at + 8, 8);
    if (*rows < 0 || *rows > INT32_MAX || *nulls < 0 || *nulls > *rows)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: a node of %lld rows with %lld nulls", (long long)*rows,
                             (long long)*nulls);
    return SLU_OK;
}

slu_status
ipc_reader_buffer(ipc_reader *reader, slu_view *out, slu_error *err)
{
    if (reader->buffer >= reader->buffer_count)
        return slu_error_set(err, SLU_CORRUPT, "arrow message: %zu buffers are fewer than the schema's", reader->buffer_count);
    const uint8_t *at = reader->buffers + reader->buffer++ * IPC_STRUCT_BYTES;
    const uint64_t offset = flat_le(at, 8);
    const uint64_t bytes = flat_le(at + 8, 8);
    if (offset > reader->body.bytes || bytes > reader->body.bytes - offset || (offset % IPC_ALIGN != 0 && bytes != 0))
        return slu_error_set(err, SLU_CORRUPT, "arrow message: buffer %zu (%llu bytes at %llu) leaves the body of %zu",
                             reader->buffer - 1, (unsigned long long)bytes, (unsigned long long)offset, reader->body.bytes);
    *out = slu_view_of(reader->body.data + offset, (size_t)bytes);
    return SLU_OK;
}
