/*
 * batch_head.h: the fixed head of a log batch, as the log on disk needs it: sizes, offsets, writer, checksum. All little endian.
 *
 *   magic 0           0 i64 base offset   8 i32 length of what follows   12 i8 magic   13 i64 commit time   21 u32 crc
 *                     25 i16 schema   27 i8 attributes   28 i32 last offset delta   32 i64 writer   40 i32 sequence   44 i32 records   48 body
 *   magic 1 (1.0)     the same with 48 i32 bytes of statistics, which lie before the body
 *
 * The checksum covers everything from offset 25, so base offset and commit time may be filled in afterwards.
 */
#ifndef FLUSS_SERVER_BATCH_HEAD_H
#define FLUSS_SERVER_BATCH_HEAD_H

#include "base/bytes.h"

#define FLUSS_BATCH_HEAD_BYTES 48
#define FLUSS_BATCH_PREFIX_BYTES 12 /* base offset and length: how much of a batch tells its size */
#define FLUSS_BATCH_TIME_AT 13
#define FLUSS_BATCH_CRC_AT 21
#define FLUSS_BATCH_CRC_FROM 25

typedef struct fluss_batch_head {
    size_t bytes; /* the whole batch */
    int64_t base_offset;
    int64_t time_ms;
    int64_t writer_id;
    uint32_t crc;
    int32_t last_offset_delta;
    int32_t sequence;
    int32_t record_count;
    int16_t schema_id;
    int8_t magic;
    int8_t attributes;
} fluss_batch_head;

/* Reads the head at the start of `in`, which may end before the batch does. MORE: fewer than FLUSS_BATCH_HEAD_BYTES. CORRUPT: a size,
 * magic or count that cannot be. */
SLU_CHECK slu_status fluss_batch_head_decode(slu_view in, fluss_batch_head *out, slu_error *err);
/* `batch`: the whole batch. CORRUPT when the checksum is another. */
SLU_CHECK slu_status fluss_batch_check_crc(slu_view batch, const fluss_batch_head *head, slu_error *err);

#endif
