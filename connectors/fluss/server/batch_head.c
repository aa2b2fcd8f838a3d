#include "fluss/server/batch_head.h"

#include "base/cursor.h"
#include "base/hash.h"

#include <inttypes.h>

#define BATCH_MAGIC_MAX 1
#define BATCH_BYTES_MAX ((int64_t)100 << 20) /* no request is larger */

slu_status
fluss_batch_head_decode(slu_view in, fluss_batch_head *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(in);
    if (in.bytes < FLUSS_BATCH_HEAD_BYTES)
        return SLU_MORE;
    out->base_offset = (int64_t)slu_cursor_u64le(&c);
    const int32_t length = (int32_t)slu_cursor_u32le(&c);
    out->magic = (int8_t)slu_cursor_u8(&c);
    out->time_ms = (int64_t)slu_cursor_u64le(&c);
    out->crc = slu_cursor_u32le(&c);
    out->schema_id = (int16_t)slu_cursor_u16le(&c);
    out->attributes = (int8_t)slu_cursor_u8(&c);
    out->last_offset_delta = (int32_t)slu_cursor_u32le(&c);
    out->writer_id = (int64_t)slu_cursor_u64le(&c);
    out->sequence = (int32_t)slu_cursor_u32le(&c);
    out->record_count = (int32_t)slu_cursor_u32le(&c);
    out->bytes = (size_t)length + FLUSS_BATCH_PREFIX_BYTES;
    const int32_t length_min = FLUSS_BATCH_HEAD_BYTES - FLUSS_BATCH_PREFIX_BYTES + (out->magic == 1 ? 4 : 0);
    if (length < length_min || length > BATCH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a log batch of length %" PRId32, length);
    if (out->magic < 0 || out->magic > BATCH_MAGIC_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a log batch of magic %d", out->magic);
    if (out->record_count < 0 || out->last_offset_delta < 0 || out->record_count > out->last_offset_delta + 1LL || out->base_offset < 0)
        return slu_error_set(err, SLU_CORRUPT, "a log batch of %" PRId32 " records over %" PRId32 " offsets from %" PRId64,
            out->record_count, out->last_offset_delta, out->base_offset);
    return SLU_OK;
}

slu_status
fluss_batch_check_crc(slu_view batch, const fluss_batch_head *head, slu_error *err)
{
    const uint32_t crc = slu_crc32c(0, batch.data + FLUSS_BATCH_CRC_FROM, batch.bytes - FLUSS_BATCH_CRC_FROM);
    if (crc != head->crc)
        return slu_error_set(err, SLU_CORRUPT, "Record batch is corrupt (stored crc = %" PRIu32 ", computed crc = %" PRIu32 ")", head->crc, crc);
    return SLU_OK;
}
