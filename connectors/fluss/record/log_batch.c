/* log_batch.c: see the map in log_batch.h. */
#include "log_batch.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "row.h"

#define MAGIC_MAX 2
#define MAGIC_AT 12
#define TIMESTAMP_AT 13
#define EMPTY_MESSAGE_BYTES_MAX ((size_t)1 << 20)
#define CRC_AT 21 /* of magic 0 and 1; 4 later with a leader epoch */

static size_t
header_bytes(uint8_t magic)
{
    return magic == 0 ? 48 : magic == 1 ? 52 : 56;
}

/* ---- Reading headers ---- */

static void
header_read(slu_cursor *c, fluss_log_header *out)
{
    out->commit_timestamp = (int64_t)slu_cursor_u64le(c);
    out->leader_epoch = out->magic == 2 ? (int32_t)slu_cursor_u32le(c) : -1;
    out->crc = slu_cursor_u32le(c);
    out->schema_id = (int16_t)slu_cursor_u16le(c);
    out->attributes = slu_cursor_u8(c);
    out->last_offset_delta = (int32_t)slu_cursor_u32le(c);
    out->writer_id = (int64_t)slu_cursor_u64le(c);
    out->sequence = (int32_t)slu_cursor_u32le(c);
    out->record_count = (int32_t)slu_cursor_u32le(c);
    out->statistics_bytes = out->magic >= 1 ? (int32_t)slu_cursor_u32le(c) : 0;
}

static slu_status
header_check(const fluss_log_header *header, slu_error *err)
{
    const size_t fixed = header_bytes(header->magic);
    if (header->record_count < 0 || header->record_count > SLU_BATCH_ROWS_MAX || header->last_offset_delta < 0 ||
        header->last_offset_delta < header->record_count - 1)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: %d records, last offset +%d", (long long)header->base_offset,
                             header->record_count, header->last_offset_delta);
    if (header->statistics_bytes < 0 || (size_t)header->statistics_bytes > header->batch_bytes - fixed)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: %d bytes of statistics in a batch of %zu",
                             (long long)header->base_offset, header->statistics_bytes, header->batch_bytes);
    return SLU_OK;
}

slu_status
fluss_log_peek(slu_view in, fluss_log_header *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(in);
    memset(out, 0, sizeof *out);
    if (in.bytes <= MAGIC_AT)
        return SLU_MORE;
    out->base_offset = (int64_t)slu_cursor_u64le(&c);
    const uint32_t length = slu_cursor_u32le(&c);
    out->magic = slu_cursor_u8(&c);
    if (out->magic > MAGIC_MAX)
        return slu_error_set(err, SLU_UNSUPPORTED, "log batch at %lld: magic %u is not known", (long long)out->base_offset,
                             out->magic);
    const size_t fixed = header_bytes(out->magic);
    if (length > (uint64_t)SLU_BATCH_BYTES_MAX || length + FLUSS_LOG_PREFIX_BYTES < fixed)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: a length of %u bytes", (long long)out->base_offset, length);
    out->batch_bytes = FLUSS_LOG_PREFIX_BYTES + (size_t)length;
    if (in.bytes < fixed)
        return SLU_MORE;
    header_read(&c, out);
    SLU_TRY(header_check(out, err));
    out->body_at = fixed + (size_t)out->statistics_bytes;
    return in.bytes < out->batch_bytes ? SLU_MORE : SLU_OK;
}

slu_status
fluss_log_verify(slu_view batch, fluss_log_header *out, slu_error *err)
{
    const slu_status status = fluss_log_peek(batch, out, err);
    if (status == SLU_MORE || (status == SLU_OK && batch.bytes != out->batch_bytes))
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: %zu bytes where %zu are announced", (long long)out->base_offset,
                             batch.bytes, out->batch_bytes);
    SLU_TRY(status);
    const size_t from = (out->magic == 2 ? CRC_AT + 4 : CRC_AT) + 4;
    const uint32_t crc = slu_crc32c(0, batch.data + from, batch.bytes - from);
    if (crc != out->crc)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: CRC %08x, computed %08x", (long long)out->base_offset, out->crc,
                             crc);
    return SLU_OK;
}

static void
store_le(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void
fluss_log_stamp(uint8_t *batch, int64_t base_offset, int64_t commit_timestamp)
{
    store_le(batch, (uint64_t)base_offset, 8);
    store_le(batch + TIMESTAMP_AT, (uint64_t)commit_timestamp, 8);
}

/* ---- Rows out ---- */

void
fluss_log_rows_fini(fluss_log_rows *rows)
{
    slu_array_release(&rows->array);
    slu_free(rows->kinds);
    rows->kinds = NULL;
}

static slu_status
kinds_check(const fluss_log_header *header, const uint8_t *kinds, slu_error *err)
{
    uint8_t worst = 0;
    for (int32_t i = 0; i < header->record_count; i++)
        worst = kinds[i] > worst ? kinds[i] : worst;
    if (worst > SLU_ROW_DELETE)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: change type %u is not known", (long long)header->base_offset,
                             worst);
    return SLU_OK;
}

static slu_status
kinds_new(const fluss_log_header *header, uint8_t **out, slu_error *err)
{
    *out = slu_alloc(SLU_MAX((size_t)header->record_count, 1));
    return *out == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %d change types", header->record_count) : SLU_OK;
}

static slu_status
arrow_decode(const struct ArrowSchema *arrow, bool other, const fluss_log_header *header, slu_cursor *body, slu_ipc_owner owner,
             slu_ipc_codec *codec, fluss_log_rows *out, slu_error *err)
{
    if ((header->attributes & FLUSS_LOG_APPEND_ONLY) == 0) {
        const uint8_t *kinds = slu_cursor_bytes(body, (size_t)header->record_count);
        if (kinds == NULL)
            return slu_error_set(err, SLU_CORRUPT, "log batch at %lld ends within its change types",
                                 (long long)header->base_offset);
        SLU_TRY(kinds_check(header, kinds, err));
        SLU_TRY(kinds_new(header, &out->kinds, err));
        memcpy(out->kinds, kinds, (size_t)header->record_count);
    }
    const slu_view message = slu_cursor_view(body, slu_cursor_left(body));
    int64_t rows = 0;
    SLU_TRY(slu_ipc_peek_rows(message, &rows, err)); /* first, since decoding takes the owner */
    if (rows != header->record_count)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: %d records, but %lld rows", (long long)header->base_offset,
                             header->record_count, (long long)rows);
    return other ? slu_ipc_decode_prefix(arrow, message, owner, codec, &out->array, err)
                 : slu_ipc_decode(arrow, message, owner, codec, &out->array, err);
}

static slu_status
records_decode(uint8_t format, const fluss_log_header *header, slu_cursor *body, size_t columns, const fluss_schema *later,
               fluss_rows *rows, uint8_t *kinds, slu_error *err)
{
    for (int32_t i = 0; i < header->record_count; i++) {
        slu_cursor record = slu_cursor_sub(body, slu_cursor_u32le(body));
        kinds[i] = slu_cursor_u8(&record);
        if (!slu_cursor_ok(&record))
            return slu_error_set(err, SLU_CORRUPT, "log batch at %lld ends within record %d", (long long)header->base_offset, i);
        const slu_view row = slu_cursor_view(&record, slu_cursor_left(&record));
        SLU_TRY_IN(later != NULL ? fluss_rows_append_later(rows, format, row, later, err)
                                 : fluss_rows_append(rows, format, row, columns, err),
                   err, "log batch at %lld: record %d", (long long)header->base_offset, i);
    }
    if (slu_cursor_left(body) != 0)
        return slu_error_set(err, SLU_CORRUPT, "log batch at %lld: bytes behind its records", (long long)header->base_offset);
    return kinds_check(header, kinds, err);
}

static void
owner_done(slu_ipc_owner owner)
{
    if (owner.release != NULL)
        owner.release(owner.context);
}

static slu_status
rows_decode(uint8_t log_format, const fluss_schema *schema, size_t columns, const fluss_schema *later,
            const fluss_log_header *header, slu_cursor *body, fluss_log_rows *out, slu_error *err)
{
    SLU_AUTO(fluss_rows_free) fluss_rows *rows = NULL;
    const uint8_t format = log_format == FLUSS_LOG_INDEXED ? FLUSS_ROW_INDEXED : FLUSS_ROW_COMPACTED;
    SLU_TRY(fluss_rows_new(schema, &rows, err));
    SLU_TRY(kinds_new(header, &out->kinds, err));
    SLU_TRY(records_decode(format, header, body, columns, later, rows, out->kinds, err));
    SLU_TRY(fluss_rows_finish(rows, &out->array, err));
    if ((header->attributes & FLUSS_LOG_APPEND_ONLY) != 0) {
        slu_free(out->kinds);
        out->kinds = NULL;
    }
    return SLU_OK;
}

/* A batch without records, as an array of no rows. */
static slu_status
empty_decode(const struct ArrowSchema *arrow, struct ArrowArray *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf message = {0};
    slu_buf_init(&message, EMPTY_MESSAGE_BYTES_MAX);
    SLU_TRY(slu_ipc_encode_empty(arrow, &message, err));
    return slu_ipc_decode(arrow, slu_buf_view(&message), (slu_ipc_owner){NULL, NULL}, NULL, out, err);
}

/* `columns` 0: those of another schema id, not known how many. */
static slu_status
log_decode(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow, bool other, size_t columns,
           const fluss_schema *later, const fluss_log_header *header, slu_view batch, slu_ipc_owner owner, slu_ipc_codec *codec,
           fluss_log_rows *out, slu_error *err)
{
    fluss_log_rows rows;
    slu_status status;
    memset(&rows, 0, sizeof rows);
    if (batch.bytes != header->batch_bytes || header->body_at > batch.bytes)
        return slu_error_set(err, SLU_INVALID, "log batch at %lld: %zu bytes are not the batch of its header",
                             (long long)header->base_offset, batch.bytes);
    slu_cursor body = slu_cursor_of(batch.data + header->body_at, batch.bytes - header->body_at);
    const bool arrow_body = log_format == FLUSS_LOG_ARROW && header->record_count != 0;
    if (arrow_body)
        status = arrow_decode(arrow, other, header, &body, owner, codec, &rows, err);
    else if (header->record_count == 0)
        status = empty_decode(arrow, &rows.array, err);
    else if (later == NULL && (columns == 0 || columns > schema->column_count))
        status = slu_error_set(err, SLU_UNSUPPORTED, "log batch at %lld: rows of schema %d, which is not known or newer",
                               (long long)header->base_offset, header->schema_id);
    else
        status = rows_decode(log_format, schema, columns, later, header, &body, &rows, err);
    if (status != SLU_OK) {
        fluss_log_rows_fini(&rows);
        return status;
    }
    if (!arrow_body)
        owner_done(owner);
    *out = rows;
    return SLU_OK;
}

slu_status
fluss_log_decode(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow, const fluss_log_header *header,
                 slu_view batch, slu_ipc_owner owner, slu_ipc_codec *codec, fluss_log_rows *out, slu_error *err)
{
    return log_decode(log_format, schema, arrow, false, schema->column_count, NULL, header, batch, owner, codec, out, err);
}

slu_status
fluss_log_decode_other(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow, size_t columns,
                       const fluss_log_header *header, slu_view batch, slu_ipc_owner owner, slu_ipc_codec *codec,
                       fluss_log_rows *out, slu_error *err)
{
    return log_decode(log_format, schema, arrow, true, columns, NULL, header, batch, owner, codec, out, err);
}

slu_status
fluss_log_decode_later(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow, const fluss_schema *later,
                       const fluss_log_header *header, slu_view batch, slu_ipc_owner owner, slu_ipc_codec *codec,
                       fluss_log_rows *out, slu_error *err)
{
    return log_decode(log_format, schema, arrow, true, 0, later, header, batch, owner, codec, out, err);
}

/* ---- Rows in ---- */

fluss_log_spec
fluss_log_spec_of(const fluss_table *table, slu_ipc_codec *codec)
{
    fluss_log_spec spec = {.writer_id = -1, .sequence = -1, .schema_id = table->schema_id, .log_format = table->log_format};
    spec.ipc.compression = table->log_compression;
    spec.ipc.level = table->log_zstd_level;
    spec.ipc.validity_always = 1;
    spec.ipc.codec = codec;
    return spec;
}

/* Fills the header of the batch that begins at `start` and ends with the buffer. */
static void
header_write(const fluss_log_spec *spec, size_t start, int64_t rows, bool append_only, slu_buf *out)
{
    if (out->failed != SLU_OK)
        return;
    uint8_t *at = out->data + start;
    const size_t bytes = out->bytes - start;
    memset(at, 0, FLUSS_LOG_HEADER_BYTES);
    store_le(at + 8, bytes - FLUSS_LOG_PREFIX_BYTES, 4);
    store_le(at + 25, (uint16_t)spec->schema_id, 2);
    at[27] = append_only ? FLUSS_LOG_APPEND_ONLY : 0;
    store_le(at + 28, (uint64_t)(rows == 0 ? 0 : rows - 1), 4);
    store_le(at + 32, (uint64_t)spec->writer_id, 8);
    store_le(at + 40, (uint32_t)spec->sequence, 4);
    store_le(at + 44, (uint64_t)rows, 4);
    store_le(at + CRC_AT, slu_crc32c(0, at + CRC_AT + 4, bytes - CRC_AT - 4), 4);
}

void
fluss_log_encode_empty(const fluss_log_spec *spec, slu_buf *out)
{
    const size_t start = out->bytes;
    slu_buf_zero(out, FLUSS_LOG_HEADER_BYTES);
    header_write(spec, start, 0, false, out);
}

static void
kinds_encode(const fluss_piece *piece, slu_buf *out)
{
    uint8_t *to = slu_buf_extend(out, (size_t)piece->rows);
    for (int64_t i = 0; to != NULL && i < piece->rows; i++)
        to[i] = piece->kinds[piece->selection == NULL ? i : piece->selection[i]];
}

static slu_status
arrow_encode(const fluss_log_spec *spec, const struct ArrowSchema *arrow, const fluss_piece *pieces, size_t count, slu_buf *out,
             slu_error *err)
{
    slu_ipc_piece parts[FLUSS_PIECES_MAX];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (slu_ipc_piece){pieces[i].array, pieces[i].selection, pieces[i].rows};
        if (pieces[i].kinds != NULL)
            kinds_encode(&pieces[i], out);
    }
    return slu_ipc_encode_pieces(arrow, parts, count, &spec->ipc, out, err);
}

static slu_status
records_encode(uint8_t format, const fluss_row_columns *columns, const fluss_piece *piece, slu_buf *out, slu_error *err)
{
    for (int64_t i = 0; i < piece->rows; i++) {
        const int64_t row = piece->selection == NULL ? i : piece->selection[i];
        const size_t start = out->bytes;
        slu_buf_u32le(out, 0);
        slu_buf_u8(out, piece->kinds == NULL ? SLU_ROW_APPEND : piece->kinds[row]);
        SLU_TRY(fluss_row_encode(columns, format, row, out, err));
        slu_buf_patch_u32le(out, start, (uint32_t)(out->bytes - start - 4));
    }
    return slu_buf_status(out, err);
}

static slu_status
rows_encode(const fluss_log_spec *spec, const fluss_schema *schema, const struct ArrowSchema *arrow, const fluss_piece *pieces,
            size_t count, slu_buf *out, slu_error *err)
{
    const uint8_t format = spec->log_format == FLUSS_LOG_INDEXED ? FLUSS_ROW_INDEXED : FLUSS_ROW_COMPACTED;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_row_columns columns;
    slu_arena_init(&arena, (size_t)16 << 20);
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(fluss_row_columns_init(&columns, schema, arrow, pieces[i].array, &arena, err));
        SLU_TRY(records_encode(format, &columns, &pieces[i], out, err));
    }
    return SLU_OK;
}

static slu_status
pieces_check(const fluss_piece *pieces, size_t count, int64_t *out_rows, slu_error *err)
{
    int64_t rows = 0;
    if (count == 0 || count > FLUSS_PIECES_MAX)
        return slu_error_set(err, SLU_INVALID, "a log batch of %zu pieces", count);
    for (size_t i = 0; i < count; i++) {
        rows += pieces[i].rows;
        if ((pieces[i].kinds == NULL) != (pieces[0].kinds == NULL))
            return slu_error_set(err, SLU_INVALID, "a log batch of rows with and without change types");
    }
    if (rows < 1 || rows > SLU_BATCH_ROWS_MAX)
        return slu_error_set(err, SLU_INVALID, "a log batch of %lld rows", (long long)rows);
    *out_rows = rows;
    return SLU_OK;
}

slu_status
fluss_log_encode_pieces(const fluss_log_spec *spec, const fluss_schema *schema, const struct ArrowSchema *arrow,
                        const fluss_piece *pieces, size_t count, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    int64_t rows = 0;
    SLU_TRY(pieces_check(pieces, count, &rows, err));
    slu_buf_zero(out, FLUSS_LOG_HEADER_BYTES);
    slu_status status = slu_buf_status(out, err);
    if (status == SLU_OK)
        status = spec->log_format == FLUSS_LOG_ARROW ? arrow_encode(spec, arrow, pieces, count, out, err)
                                                     : rows_encode(spec, schema, arrow, pieces, count, out, err);
    if (status == SLU_OK)
        status = slu_buf_status(out, err);
    if (status != SLU_OK) {
        out->bytes = start;
        return status;
    }
    header_write(spec, start, rows, pieces[0].kinds == NULL, out);
    return SLU_OK;
}

slu_status
fluss_log_encode(const fluss_log_spec *spec, const fluss_schema *schema, const struct ArrowSchema *arrow,
                 const struct ArrowArray *array, const int32_t *selection, int64_t rows, const uint8_t *kinds, slu_buf *out,
                 slu_error *err)
{
    const fluss_piece piece = {array, selection, rows, kinds};
    return fluss_log_encode_pieces(spec, schema, arrow, &piece, 1, out, err);
}

/* ---- Projection ---- */

static slu_status
project_body(const struct ArrowSchema *arrow, const fluss_log_header *header, slu_view batch, const int32_t *columns,
             size_t column_count, uint8_t compression, slu_buf *out, slu_error *err)
{
    slu_cursor body = slu_cursor_of(batch.data + header->body_at, batch.bytes - header->body_at);
    if (header->record_count == 0)
        return SLU_OK;
    if ((header->attributes & FLUSS_LOG_APPEND_ONLY) == 0) {
        const slu_view kinds = slu_cursor_view(&body, (size_t)header->record_count);
        if (!slu_cursor_ok(&body))
            return slu_error_set(err, SLU_CORRUPT, "log batch at %lld ends within its change types",
                                 (long long)header->base_offset);
        slu_buf_append(out, kinds.data, kinds.bytes);
    }
    const slu_view message = slu_cursor_view(&body, slu_cursor_left(&body));
    return slu_ipc_project(arrow, message, columns, column_count, compression, out, err);
}

slu_status
fluss_log_project(const struct ArrowSchema *arrow, const fluss_log_header *header, slu_view batch, const int32_t *columns,
                  size_t column_count, uint8_t compression, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    const size_t fixed = header_bytes(header->magic);
    if (batch.bytes != header->batch_bytes || header->body_at > batch.bytes)
        return slu_error_set(err, SLU_INVALID, "log batch at %lld: %zu bytes are not the batch of its header",
                             (long long)header->base_offset, batch.bytes);
    slu_buf_append(out, batch.data, fixed);
    slu_status status = project_body(arrow, header, batch, columns, column_count, compression, out, err);
    if (status == SLU_OK)
        status = slu_buf_status(out, err);
    if (status != SLU_OK) {
        out->bytes = start;
        return status;
    }
    slu_buf_patch_u32le(out, start + 8, (uint32_t)(out->bytes - start - FLUSS_LOG_PREFIX_BYTES));
    if (header->magic >= 1)
        slu_buf_patch_u32le(out, start + fixed - 4, 0);
    return SLU_OK;
}

slu_status
fluss_log_downgrade(const fluss_log_header *header, slu_view batch, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    if (header->magic != 1 || batch.bytes != header->batch_bytes || header->body_at > batch.bytes)
        return slu_error_set(err, SLU_INVALID, "log batch at %lld: magic %u is not what becomes magic 0",
                             (long long)header->base_offset, header->magic);
    slu_buf_append(out, batch.data, header_bytes(0));
    slu_buf_append(out, batch.data + header->body_at, batch.bytes - header->body_at);
    SLU_TRY(slu_buf_status(out, err));
    uint8_t *made = out->data + start;
    const size_t bytes = out->bytes - start;
    made[MAGIC_AT] = 0;
    store_le(made + FLUSS_LOG_PREFIX_BYTES - 4, bytes - FLUSS_LOG_PREFIX_BYTES, 4);
    store_le(made + CRC_AT, slu_crc32c(0, made + CRC_AT + 4, bytes - CRC_AT - 4), 4);
    return SLU_OK;
}
