/*
 * value.h: one value of a primitive type, as Iceberg's single-value binary form ("Appendix D"): bounds, partition tuples.
 *
 * Bytes    boolean 1; int, date 4 little-endian; long, time, timestamps 8 little-endian; float 4, double 8 little-endian IEEE;
 *          string UTF-8; uuid 16 big-endian; fixed, binary raw; decimal the unscaled value, two's complement, big-endian, minimal
 *          length.
 * Owns     nothing: a value borrows its bytes.
 * Errors   CORRUPT: bytes of another length than the type has.
 */
#ifndef ICEBERG_VALUE_H
#define ICEBERG_VALUE_H

#include "iceberg/schema.h"

#include <sluice/columns.h>

typedef struct iceberg_value {
    bool is_null;
    slu_view bytes;
} iceberg_value;

#define ICEBERG_SCALAR_BYTES_MAX 16 /* bytes of any value but string, binary and fixed */

/* Room for the bytes of a fixed-width value, for the makers below. */
typedef struct iceberg_scalar {
    uint8_t bytes[ICEBERG_SCALAR_BYTES_MAX];
} iceberg_scalar;

static inline iceberg_value
iceberg_value_null(void)
{
    const iceberg_value value = {true, {NULL, 0}};
    return value;
}

static inline iceberg_value
iceberg_value_of(slu_view bytes)
{
    const iceberg_value value = {false, bytes};
    return value;
}

/* Each writes into *room, which must live as long as the value. */
iceberg_value iceberg_value_of_i32(int32_t number, iceberg_scalar *room);
iceberg_value iceberg_value_of_i64(int64_t number, iceberg_scalar *room);
iceberg_value iceberg_value_of_decimal(slu_i128 unscaled, iceberg_scalar *room);
/* Row `row` of an Arrow column, in the unit and width of `type`; a string borrows from the column. */
SLU_CHECK slu_status iceberg_value_of_column(const iceberg_type *type, const slu_column *column, int64_t row, iceberg_scalar *room,
                                             iceberg_value *out, slu_error *err);

/* Whether the length fits the type. A narrower form is accepted where a column was widened (int to long, float to double). */
bool iceberg_value_fits(const iceberg_type *type, slu_view bytes);
/* Of int, long, date, time, timestamps, boolean; false for others. */
bool iceberg_value_i64(const iceberg_type *type, slu_view bytes, int64_t *out);
bool iceberg_value_double(const iceberg_type *type, slu_view bytes, double *out);
slu_i128 iceberg_value_decimal(slu_view bytes);
/* < 0, 0, > 0 in the order of the type. Both must fit it. Strings by their UTF-8 bytes, which is code point order. */
int iceberg_value_compare(const iceberg_type *type, slu_view a, slu_view b);
bool iceberg_value_equal(iceberg_value a, iceberg_value b);
/* For people and partition paths: "2024-01-05", "7", "abc", "12.30"; null is "null". */
void iceberg_value_print(const iceberg_type *type, iceberg_value value, slu_buf *out);
/* Copies into the arena. */
SLU_CHECK slu_status iceberg_value_copy(iceberg_value value, slu_arena *arena, iceberg_value *out, slu_error *err);

#endif
