/*
 * row_splice.h: a partial update: some columns of a new row over an old one, on the bytes of compacted rows, without decoding
 * values.
 *
 * Source   Apache Fluss (CompactedRow, PartialUpdater): null bits, then the values that are there, in column order.
 * Threads  any.
 * Errors   CORRUPT: a row that ends too early or has bytes too many.
 */
#ifndef FLUSS_SERVER_ROW_SPLICE_H
#define FLUSS_SERVER_ROW_SPLICE_H

#include "fluss/record/schema.h"

typedef struct fluss_splice_row {
    slu_view row;   /* no data: there is none */
    size_t columns; /* how many it was written with; those behind are null */
} fluss_splice_row;

typedef struct fluss_splice {
    const fluss_schema *schema; /* of what comes out */
    fluss_splice_row old_row;
    fluss_splice_row new_row;      /* without data: the targeted columns become null, keys stay */
    const int32_t *target_columns; /* taken from new_row; the rest from old_row */
    size_t target_count;
} fluss_splice;

/* Appends the row. *out_empty: every column that is neither key nor targeted is null (a delete then removes the row). */
SLU_CHECK slu_status fluss_row_splice(const fluss_splice *splice, slu_buf *out, bool *out_empty, slu_error *err);

/* An INTEGER, BIGINT, TIMESTAMP or TIMESTAMP_LTZ of one row. */
typedef struct fluss_row_number {
    bool null;
    int64_t value; /* of a timestamp: milliseconds */
    int32_t nanos; /* of a timestamp: within the millisecond */
} fluss_row_number;

SLU_CHECK slu_status fluss_row_get_number(const fluss_schema *schema, const fluss_splice_row *row, size_t column,
                                          fluss_row_number *out, slu_error *err);

#endif
