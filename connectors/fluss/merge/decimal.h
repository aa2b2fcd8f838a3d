/*
 * decimal.h: sums and products of decimals as Java's BigDecimal makes them, in 128 bits.
 *
 * Shape    unscaled values; both sides and the result have one precision (1..38) and one scale (0..38). A result that needs more digits
 *          than the precision is no result (false), as in Fluss: the column becomes null.
 * Threads  any.
 */
#ifndef FLUSS_MERGE_DECIMAL_H
#define FLUSS_MERGE_DECIMAL_H

#include "base/bytes.h"

typedef __int128 fluss_i128;

SLU_CHECK bool fluss_decimal_add(fluss_i128 a, fluss_i128 b, int32_t precision, fluss_i128 *out);
/* Rounded half up (away from zero) to the scale. */
SLU_CHECK bool fluss_decimal_multiply(fluss_i128 a, fluss_i128 b, int32_t precision, int32_t scale, fluss_i128 *out);

/* Big-endian two's complement of 1 to 16 bytes; false: another length. */
SLU_CHECK bool fluss_decimal_decode(slu_view bytes, fluss_i128 *out);
/* As few bytes as hold it; returns how many of out's 16 are used, from out[0]. */
size_t fluss_decimal_encode(fluss_i128 value, uint8_t out[16]);

#endif
