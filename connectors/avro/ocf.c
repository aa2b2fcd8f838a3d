#include "avro/ocf.h"

#include "avro/codec.h"

static const uint8_t OCF_MAGIC[4] = {'O', 'b', 'j', 1};

/* A string or bytes value: a zigzag length, then the bytes. A negative length fails the cursor. */
static slu_view
cursor_text(slu_cursor *cursor)
{
    const int64_t bytes = slu_cursor_zigzag(cursor);
    if (bytes < 0)
        slu_cursor_fail(cursor);
    return slu_cursor_view(cursor, bytes < 0 ? 0 : (size_t)bytes);
}

static slu_status
reader_metadata_block(ocf_reader *reader, slu_cursor *cursor, int64_t count, slu_error *err)
{
    if (count < 0) {
        (void)slu_cursor_zigzag(cursor); /* the bytes of the block, which we do not skip */
        count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if ((uint64_t)count > OCF_METADATA_MAX - reader->metadata_count)
        return slu_error_set(err, SLU_LIMIT, "avro container: more than %d header keys", OCF_METADATA_MAX);
    for (int64_t i = 0; i < count; i++) {
        ocf_pair *pair = &reader->metadata[reader->metadata_count];
        pair->key = cursor_text(cursor);
        pair->value = cursor_text(cursor);
        if (!slu_cursor_ok(cursor))
            break;
        reader->metadata_count++;
    }
    return SLU_OK;
}

static slu_status
reader_header(ocf_reader *reader, slu_error *err)
{
    slu_cursor *cursor = &reader->cursor;
    const uint8_t *magic = slu_cursor_bytes(cursor, sizeof OCF_MAGIC);
    if (magic == NULL || memcmp(magic, OCF_MAGIC, sizeof OCF_MAGIC) != 0)
        return slu_error_set(err, SLU_CORRUPT, "avro container: the magic bytes \"Obj\\1\" are missing");
    for (;;) {
        const int64_t count = slu_cursor_zigzag(cursor);
        if (count == 0 || !slu_cursor_ok(cursor))
            break;
        SLU_TRY(reader_metadata_block(reader, cursor, count, err));
    }
    const uint8_t *sync = slu_cursor_bytes(cursor, OCF_SYNC_BYTES);
    if (sync == NULL)
        return slu_error_set(err, SLU_CORRUPT, "avro container: the header is cut short");
    memcpy(reader->sync, sync, OCF_SYNC_BYTES);
    return SLU_OK;
}

bool
ocf_reader_metadata(const ocf_reader *reader, const char *key, slu_view *out)
{
    for (size_t i = 0; i < reader->metadata_count; i++) {
        if (!slu_view_is(reader->metadata[i].key, key))
            continue;
        *out = reader->metadata[i].value;
        return true;
    }
    return false;
}

slu_status
ocf_reader_init(ocf_reader *reader, slu_view file, slu_error *err)
{
    memset(reader, 0, sizeof *reader);
    slu_buf_init(&reader->block, OCF_BLOCK_BYTES_MAX);
    reader->cursor = slu_cursor_of_view(file);
    SLU_TRY(reader_header(reader, err));
    if (!ocf_reader_metadata(reader, "avro.schema", &reader->schema))
        return slu_error_set(err, SLU_CORRUPT, "avro container: the header has no avro.schema");
    slu_view codec = slu_view_of_text("null");
    (void)ocf_reader_metadata(reader, "avro.codec", &codec);
    if (!ocf_codec_of(codec, &reader->codec))
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "avro container: codec \"%.*s\" is not built in (null, deflate, snappy and zstandard are)",
                             (int)(codec.bytes > 32 ? 32 : codec.bytes), (const char *)codec.data);
    return SLU_OK;
}

void
ocf_reader_fini(ocf_reader *reader)
{
    slu_buf_fini(&reader->block);
}

slu_status
ocf_reader_next(ocf_reader *reader, uint64_t *out_count, slu_view *out_values, slu_error *err)
{
    slu_cursor *cursor = &reader->cursor;
    if (slu_cursor_ok(cursor) && slu_cursor_left(cursor) == 0)
        return SLU_END;
    const int64_t count = slu_cursor_zigzag(cursor);
    const slu_view packed = cursor_text(cursor);
    const uint8_t *sync = slu_cursor_bytes(cursor, OCF_SYNC_BYTES);
    if (sync == NULL || count < 0)
        return slu_error_set(err, SLU_CORRUPT, "avro container: a block is cut short or has a negative count");
    if (memcmp(sync, reader->sync, OCF_SYNC_BYTES) != 0)
        return slu_error_set(err, SLU_CORRUPT, "avro container: a block does not end with the file's sync marker");
    if (reader->codec == OCF_CODEC_NULL) {
        *out_values = packed;
    } else {
        slu_buf_reset(&reader->block);
        SLU_TRY_IN(ocf_unpack(reader->codec, packed, &reader->block, err), err, "avro container");
        *out_values = slu_buf_view(&reader->block);
    }
    *out_count = (uint64_t)count;
    return SLU_OK;
}

static void
buf_text(slu_buf *buf, slu_view text)
{
    slu_buf_zigzag(buf, (int64_t)text.bytes);
    slu_buf_append(buf, text.data, text.bytes);
}

slu_status
ocf_writer_init(ocf_writer *writer, slu_view schema, ocf_codec codec, const ocf_pair *metadata, size_t metadata_count,
                const uint8_t sync[OCF_SYNC_BYTES], slu_error *err)
{
    memset(writer, 0, sizeof *writer);
    slu_buf_init(&writer->file, OCF_FILE_BYTES_MAX);
    slu_buf_init(&writer->block, OCF_BLOCK_BYTES_MAX);
    slu_buf_init(&writer->packed, OCF_FILE_BYTES_MAX);
    writer->codec = codec;
    memcpy(writer->sync, sync, OCF_SYNC_BYTES);
    slu_buf *file = &writer->file;
    slu_buf_append(file, OCF_MAGIC, sizeof OCF_MAGIC);
    slu_buf_zigzag(file, (int64_t)metadata_count + 2);
    buf_text(file, slu_view_of_text("avro.schema"));
    buf_text(file, schema);
    buf_text(file, slu_view_of_text("avro.codec"));
    buf_text(file, slu_view_of_text(ocf_codec_name(codec)));
    for (size_t i = 0; i < metadata_count; i++) {
        buf_text(file, metadata[i].key);
        buf_text(file, metadata[i].value);
    }
    slu_buf_zigzag(file, 0);
    slu_buf_append(file, sync, OCF_SYNC_BYTES);
    return slu_buf_status(file, err);
}

void
ocf_writer_fini(ocf_writer *writer)
{
    slu_buf_fini(&writer->file);
    slu_buf_fini(&writer->block);
    slu_buf_fini(&writer->packed);
}

static slu_status
writer_flush(ocf_writer *writer, slu_error *err)
{
    SLU_TRY(slu_buf_status(&writer->block, err));
    if (writer->block_count == 0)
        return SLU_OK;
    slu_view values = slu_buf_view(&writer->block);
    if (writer->codec != OCF_CODEC_NULL) {
        slu_buf_reset(&writer->packed);
        SLU_TRY(ocf_pack(writer->codec, values, &writer->packed, err));
        values = slu_buf_view(&writer->packed);
    }
    slu_buf_zigzag(&writer->file, (int64_t)writer->block_count);
    buf_text(&writer->file, values);
    slu_buf_append(&writer->file, writer->sync, OCF_SYNC_BYTES);
    slu_buf_reset(&writer->block);
    writer->block_count = 0;
    return slu_buf_status(&writer->file, err);
}

slu_status
ocf_writer_added(ocf_writer *writer, slu_error *err)
{
    writer->block_count++;
    return writer->block.bytes >= OCF_BLOCK_BYTES_TARGET ? writer_flush(writer, err) : slu_buf_status(&writer->block, err);
}

slu_status
ocf_writer_finish(ocf_writer *writer, slu_error *err)
{
    return writer_flush(writer, err);
}
