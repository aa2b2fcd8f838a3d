/*
 * delta.h: DELTA_BINARY_PACKED both ways, and the two byte-array encodings built on it, for reading.
 *
 * Bytes    header: block size (values, a multiple of 128), miniblocks per block, total count (all ULEB128), first value (zigzag). Block:
 *          minimum delta (zigzag), one bit width per miniblock, the miniblocks packed LSB first. Arithmetic wraps around. A miniblock
 *          that no value needs has a width byte and no body.
 * Limits   block 128..65536 values; a count above what the caller expects fails the cursor.
 * Threads  owner.
 */
#ifndef PARQUET_DELTA_H
#define PARQUET_DELTA_H

#include "base/bytes.h"
#include "base/cursor.h"

/* Appends `count` values. `wide` says that the column is INT64; for INT32 deltas wrap at 32 bits. */
void parquet_delta_put(slu_buf *out, const int64_t *values, size_t count, bool wide);
/* Reads a stream of exactly `count` values into `out`; false when it is broken. The cursor moves behind the stream. */
bool parquet_delta_get(slu_cursor *cursor, int64_t *out, size_t count);
/* Turn DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY pages into PLAIN ones (u32 length and bytes): appended to `out`, whose maximum
 * bounds the expansion. `scratch` has room for 2 * count integers. */
bool parquet_delta_lengths_to_plain(slu_cursor *cursor, int64_t *scratch, size_t count, slu_buf *out);
bool parquet_delta_strings_to_plain(slu_cursor *cursor, int64_t *scratch, size_t count, slu_buf *out);

#endif
