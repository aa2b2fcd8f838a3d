/* batches.h: log batches made by hand, for tests of the table server. */
#ifndef TESTS_FLUSS_SERVER_BATCHES_H
#define TESTS_FLUSS_SERVER_BATCHES_H

#include "base/bytes.h"
#include "base/hash.h"

/* A batch of magic 0 with `records` records and `body_bytes` bytes of body, as a client would send it. */
static inline void
batch_make(slu_buf *out, int64_t writer_id, int32_t sequence, int32_t records, size_t body_bytes)
{
    const size_t at = out->bytes;
    slu_buf_u64le(out, 0);
    slu_buf_u32le(out, (uint32_t)(48 - 12 + body_bytes));
    slu_buf_u8(out, 0);
    slu_buf_u64le(out, 0);
    slu_buf_u32le(out, 0);
    slu_buf_u16le(out, 1);
    slu_buf_u8(out, 1);
    slu_buf_u32le(out, (uint32_t)(records == 0 ? 0 : records - 1));
    slu_buf_u64le(out, (uint64_t)writer_id);
    slu_buf_u32le(out, (uint32_t)sequence);
    slu_buf_u32le(out, (uint32_t)records);
    for (size_t i = 0; i < body_bytes; i++)
        slu_buf_u8(out, (uint8_t)(i * 31 + (size_t)sequence));
    slu_buf_patch_u32le(out, at + 21, slu_crc32c(0, out->data + at + 25, out->bytes - at - 25));
}

#endif
