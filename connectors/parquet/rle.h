/*
 * rle.h: Parquet's hybrid of run lengths and bit packing: levels, dictionary indices, booleans.
 *
 * Bytes    a run header, ULEB128: even: a run of header >> 1 equal values, the value in ceil(width / 8) little-endian bytes; odd:
 *          (header >> 1) * 8 values, bit-packed LSB first, width * (header >> 1) bytes. The last packed group may be padded.
 * Shape    writing appends to a buffer; reading is a small state that gives values in slices.
 * Limits   width 0..32.
 * Threads  owner.
 */
#ifndef PARQUET_RLE_H
#define PARQUET_RLE_H

#include "base/bytes.h"
#include "base/cursor.h"

/* Bits that hold `value`. */
static inline unsigned
parquet_bit_width(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* `count` values of `width` bits. */
void parquet_rle_put(slu_buf *out, const uint32_t *values, size_t count, unsigned width);
/* The same with width 1, from a bitmap (LSB first) whose bits beyond `count` are zero. */
void parquet_rle_put_bits(slu_buf *out, const uint8_t *bits, size_t count);

typedef struct parquet_rle {
    slu_cursor cursor;
    unsigned width;
    bool packed;
    uint64_t left; /* values of the current run not yet given */
    uint32_t value;
    const uint8_t *at; /* packed: its bytes */
    size_t at_bytes;
    uint64_t at_bit;
} parquet_rle;

/* False when the width is out of bounds. */
bool parquet_rle_init(parquet_rle *rle, slu_view bytes, unsigned width);
/* Fills up to `count` values; fewer only when the bytes end or are broken. */
size_t parquet_rle_get(parquet_rle *rle, uint32_t *out, size_t count);

#endif
