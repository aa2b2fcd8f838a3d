/* value.h: one value of a column, in the encodings that rows and keys share. For the files of this room only. */
#ifndef FLUSS_RECORD_VALUE_H
#define FLUSS_RECORD_VALUE_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "schema.h"

#include <sluice/sdk/columns_build.h>

#define FLUSS_DECIMAL_COMPACT 18  /* digits that travel as a 64-bit integer */
#define FLUSS_TIMESTAMP_COMPACT 3 /* digits that travel as milliseconds alone */

/* Whether a column of this Arrow type can be written as the Fluss type. */
bool value_fits(const fluss_type *type, slu_type arrow);

/* Milliseconds of the day; milliseconds since the epoch and the nanoseconds of that millisecond. */
int32_t value_time_ms(const slu_column *column, int64_t row);
int64_t value_timestamp_ms(const slu_column *column, int64_t row, int32_t *out_nanos);
/* The same instant in a unit: false when 64 bits do not hold it. */
bool value_timestamp_from_ms(slu_type arrow, int64_t ms, int32_t nanos, int64_t *out);
int64_t value_time_from_ms(slu_type arrow, int32_t ms);

/* Big-endian two's complement, as few bytes as hold the value (at least 1). Returns how many of out's 16 are used, from out[0]. */
size_t value_decimal_bytes(slu_i128_natural value, uint8_t out[16]);
/* false: not 1..16 bytes. */
bool value_decimal_from_bytes(slu_view bytes, slu_i128_natural *out);

/* Appends a value (not null) as CompactedRow and CompactedKeyEncoder write it. */
SLU_CHECK slu_status value_put_compacted(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out,
                                         slu_error *err);
/* Reads one into a builder of the type's Arrow column; NULL: only checks. A failure marks the cursor. */
void value_get_compacted(const fluss_type *type, slu_cursor *c, sdk_builder *builder);

/* Slots of 8 bytes, in BinaryRows (Paimon's keys) and arrays: what fits stands in the slot, the rest behind, at offsets from `start`.
 * holds: BOOLEAN to DOUBLE, DATE, TIME always stand in the slot; slot: the value of one of these, or of a compact DECIMAL. */
bool value_slot_holds(const fluss_type *type);
uint64_t value_slot(const fluss_type *type, const slu_column *column, int64_t row);
void value_put_slot(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, size_t start, size_t slot);
void value_slot_patch(slu_buf *out, size_t slot, uint64_t value);

/* Appends to a builder what a decimal, timestamp, time or text of the type is in Arrow; NULL builders do nothing. False: it does
 * not fit the column. */
bool value_add_decimal(const fluss_type *type, slu_i128_natural value, sdk_builder *builder);
bool value_add_timestamp(int64_t ms, int32_t nanos, sdk_builder *builder);
bool value_add_bytes(const fluss_type *type, slu_view bytes, sdk_builder *builder);
void value_add_int(int64_t value, sdk_builder *builder);

#endif
