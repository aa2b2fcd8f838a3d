/* kv_batch.c: see the map in kv_batch.h. */
#include "kv_batch.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/limits.h"
#include "key.h"

#define KV_CRC_AT 5
#define KV_CRC_FROM 9
#define KV_RECORD_BYTES_MIN 5 /* length, key length */
#define VALUE_HEADER_BYTES 9
#define VALUE_RECORD_BYTES_MIN 6 /* length, schema id */

/* ---- Kv batches ---- */

static slu_status
kv_lengths(slu_cursor *c, slu_view batch, uint32_t *out_crc, slu_error *err)
{
    const uint32_t length = slu_cursor_u32le(c);
    const uint8_t magic = slu_cursor_u8(c);
    *out_crc = slu_cursor_u32le(c);
    if (batch.bytes < FLUSS_KV_HEADER_BYTES || (size_t)length + 4 != batch.bytes)
        return slu_error_set(err, SLU_CORRUPT, "kv batch: %zu bytes where %u are announced", batch.bytes, length);
    if (magic != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "kv batch: magic %u is not known", magic);
    return SLU_OK;
}

slu_status
fluss_kv_reader_init(fluss_kv_reader *reader, slu_view batch, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(batch);
    uint32_t stored = 0;
    SLU_TRY(kv_lengths(&c, batch, &stored, err));
    const uint32_t crc = slu_crc32c(0, batch.data + KV_CRC_FROM, batch.bytes - KV_CRC_FROM);
    if (crc != stored)
        return slu_error_set(err, SLU_CORRUPT, "kv batch: CRC %08x, computed %08x", stored, crc);
    reader->header.schema_id = (int16_t)slu_cursor_u16le(&c);
    reader->header.attributes = slu_cursor_u8(&c);
    reader->header.writer_id = (int64_t)slu_cursor_u64le(&c);
    reader->header.sequence = (int32_t)slu_cursor_u32le(&c);
    reader->header.record_count = (int32_t)slu_cursor_u32le(&c);
    (void)slu_cursor_count(&c, (uint32_t)reader->header.record_count, KV_RECORD_BYTES_MIN);
    if (!slu_cursor_ok(&c) || reader->header.record_count < 0)
        return slu_error_set(err, SLU_CORRUPT, "kv batch: %d records in %zu bytes", reader->header.record_count, batch.bytes);
    reader->records_left = reader->header.record_count;
    reader->left = c;
    return SLU_OK;
}

slu_status
fluss_kv_next(fluss_kv_reader *reader, slu_view *out_key, slu_view *out_row, slu_error *err)
{
    if (reader->records_left == 0 && slu_cursor_left(&reader->left) != 0)
        return slu_error_set(err, SLU_CORRUPT, "kv batch: %zu bytes behind its records", slu_cursor_left(&reader->left));
    if (reader->records_left == 0)
        return SLU_END;
    slu_cursor record = slu_cursor_sub(&reader->left, slu_cursor_u32le(&reader->left));
    const uint64_t key_bytes = slu_cursor_varint(&record);
    const slu_view key = slu_cursor_view(&record, key_bytes > FLUSS_KEY_BYTES_MAX ? SIZE_MAX : (size_t)key_bytes);
    const slu_view row = slu_cursor_view(&record, slu_cursor_left(&record));
    if (!slu_cursor_ok(&record))
        return slu_error_set(err, SLU_CORRUPT, "kv batch: record %d of %d is cut short or has a key of %llu bytes",
                             reader->header.record_count - reader->records_left, reader->header.record_count,
                             (unsigned long long)key_bytes);
    reader->records_left--;
    *out_key = key;
    *out_row = row.bytes == 0 ? slu_view_of(NULL, 0) : row;
    return SLU_OK;
}

void
fluss_kv_writer_begin(fluss_kv_writer *writer, slu_buf *out, int16_t schema_id, int64_t writer_id, int32_t sequence)
{
    writer->out = out;
    writer->start = out->bytes;
    writer->records = 0;
    slu_buf_zero(out, KV_CRC_FROM); /* length, magic, crc: known at the end */
    slu_buf_u16le(out, (uint16_t)schema_id);
    slu_buf_u8(out, 0);
    slu_buf_u64le(out, (uint64_t)writer_id);
    slu_buf_u32le(out, (uint32_t)sequence);
    slu_buf_u32le(out, 0);
}

/* Fills the length of a record that began at `at`. */
static void
record_end(slu_buf *out, size_t at)
{
    if (out->failed == SLU_OK)
        slu_buf_patch_u32le(out, at, (uint32_t)(out->bytes - at - 4));
}

void
fluss_kv_writer_put(fluss_kv_writer *writer, slu_view key, slu_view row)
{
    const size_t at = writer->out->bytes;
    slu_buf_u32le(writer->out, 0);
    slu_buf_varint(writer->out, key.bytes);
    slu_buf_append(writer->out, key.data, key.bytes);
    slu_buf_append(writer->out, row.data, row.bytes);
    record_end(writer->out, at);
    writer->records++;
}

void
fluss_kv_writer_end(fluss_kv_writer *writer)
{
    slu_buf *out = writer->out;
    if (out->failed != SLU_OK)
        return;
    slu_buf_patch_u32le(out, writer->start, (uint32_t)(out->bytes - writer->start - 4));
    slu_buf_patch_u32le(out, writer->start + FLUSS_KV_HEADER_BYTES - 4, (uint32_t)writer->records);
    const size_t from = writer->start + KV_CRC_FROM;
    slu_buf_patch_u32le(out, writer->start + KV_CRC_AT, slu_crc32c(0, out->data + from, out->bytes - from));
}

typedef struct kv_source {
    const fluss_table *table;
    fluss_row_columns columns;
    slu_buf keys;
    uint32_t *offsets;
} kv_source;

static slu_status
kv_put_row(fluss_kv_writer *writer, const kv_source *source, int64_t i, int64_t row, bool deleted, slu_error *err)
{
    slu_buf *out = writer->out;
    const size_t at = out->bytes;
    const size_t key_bytes = source->offsets[i + 1] - source->offsets[i];
    slu_buf_u32le(out, 0);
    slu_buf_varint(out, key_bytes);
    slu_buf_append(out, source->keys.data + source->offsets[i], key_bytes);
    if (!deleted)
        SLU_TRY(fluss_row_encode(&source->columns, source->table->kv_format, row, out, err));
    record_end(out, at);
    writer->records++;
    return slu_buf_status(out, err);
}

static slu_status
kv_put_rows(fluss_kv_writer *writer, kv_source *source, const struct ArrowSchema *schema, const fluss_piece *piece, slu_error *err)
{
    slu_buf_reset(&source->keys);
    SLU_TRY(
        fluss_table_keys(source->table, schema, piece->array, piece->selection, piece->rows, &source->keys, source->offsets, err));
    for (int64_t i = 0; i < piece->rows; i++) {
        const int64_t row = piece->selection == NULL ? i : piece->selection[i];
        const uint8_t kind = piece->kinds == NULL ? SLU_ROW_INSERT : piece->kinds[row];
        if (kind != SLU_ROW_UPDATE_BEFORE)
            SLU_TRY(kv_put_row(writer, source, i, row, kind == SLU_ROW_DELETE, err));
    }
    return SLU_OK;
}

static slu_status
kv_put_piece(fluss_kv_writer *writer, const fluss_table *table, const struct ArrowSchema *schema, const fluss_piece *piece,
             slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    kv_source source = {.table = table};
    slu_arena_init(&arena, (size_t)1 << 20);
    SLU_TRY(fluss_row_columns_init(&source.columns, &table->descriptor->schema, schema, piece->array, &arena, err));
    slu_buf_init(&source.keys, (size_t)SLU_BATCH_BYTES_MAX);
    source.offsets = slu_alloc(((size_t)piece->rows + 1) * sizeof *source.offsets);
    const slu_status status = source.offsets == NULL
                                  ? slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)piece->rows)
                                  : kv_put_rows(writer, &source, schema, piece, err);
    slu_buf_fini(&source.keys);
    slu_free(source.offsets);
    return status;
}

slu_status
fluss_kv_encode_pieces(const fluss_table *table, const struct ArrowSchema *schema, const fluss_piece *pieces, size_t count,
                       int64_t writer_id, int32_t sequence, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    fluss_kv_writer writer;
    slu_status status = SLU_OK;
    fluss_kv_writer_begin(&writer, out, table->schema_id, writer_id, sequence);
    for (size_t i = 0; i < count && status == SLU_OK; i++)
        status = kv_put_piece(&writer, table, schema, &pieces[i], err);
    fluss_kv_writer_end(&writer);
    if (status == SLU_OK)
        status = slu_buf_status(out, err);
    if (status != SLU_OK)
        out->bytes = start;
    return status;
}

slu_status
fluss_kv_encode(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                const int32_t *selection, int64_t rows, const uint8_t *kinds, int64_t writer_id, int32_t sequence, slu_buf *out,
                slu_error *err)
{
    const fluss_piece piece = {array, selection, rows, kinds};
    return fluss_kv_encode_pieces(table, schema, &piece, 1, writer_id, sequence, out, err);
}

/* ---- Values ---- */

slu_status
fluss_value_split(slu_view value, int16_t *out_schema_id, slu_view *out_row, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(value);
    const int16_t schema_id = (int16_t)slu_cursor_u16le(&c);
    if (!slu_cursor_ok(&c))
        return slu_error_set(err, SLU_CORRUPT, "a value of %zu bytes has no schema id", value.bytes);
    *out_schema_id = schema_id;
    *out_row = slu_cursor_view(&c, slu_cursor_left(&c));
    return SLU_OK;
}

slu_status
fluss_value_reader_init(fluss_value_reader *reader, slu_view batch, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(batch);
    const uint32_t length = slu_cursor_u32le(&c);
    const uint8_t magic = slu_cursor_u8(&c);
    const uint32_t count = slu_cursor_u32le(&c);
    (void)slu_cursor_count(&c, count, VALUE_RECORD_BYTES_MIN);
    if (!slu_cursor_ok(&c) || (size_t)length + 4 != batch.bytes || count > INT32_MAX)
        return slu_error_set(err, SLU_CORRUPT, "value batch: %u records, %u bytes announced, %zu there", count, length,
                             batch.bytes);
    if (magic != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "value batch: magic %u is not known", magic);
    reader->records_left = (int32_t)count;
    reader->left = c;
    return SLU_OK;
}

slu_status
fluss_value_next(fluss_value_reader *reader, slu_view *out_value, slu_error *err)
{
    if (reader->records_left == 0)
        return slu_cursor_left(&reader->left) == 0 ? SLU_END
                                                   : slu_error_set(err, SLU_CORRUPT, "value batch: bytes behind its records");
    const slu_view value = slu_cursor_view(&reader->left, slu_cursor_u32le(&reader->left));
    if (!slu_cursor_ok(&reader->left))
        return slu_error_set(err, SLU_CORRUPT, "value batch: a record is cut short");
    reader->records_left--;
    *out_value = value;
    return SLU_OK;
}

void
fluss_value_writer_begin(fluss_value_writer *writer, slu_buf *out)
{
    writer->out = out;
    writer->start = out->bytes;
    writer->records = 0;
    slu_buf_zero(out, VALUE_HEADER_BYTES);
}

void
fluss_value_writer_put(fluss_value_writer *writer, slu_view value)
{
    slu_buf_u32le(writer->out, (uint32_t)value.bytes);
    slu_buf_append(writer->out, value.data, value.bytes);
    writer->records++;
}

void
fluss_value_writer_end(fluss_value_writer *writer)
{
    slu_buf *out = writer->out;
    if (out->failed != SLU_OK)
        return;
    slu_buf_patch_u32le(out, writer->start, (uint32_t)(out->bytes - writer->start - 4));
    slu_buf_patch_u32le(out, writer->start + 5, (uint32_t)writer->records);
}
