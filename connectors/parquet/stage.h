/*
 * stage.h: a slice of one Arrow column as dense Parquet values, and which rows are there.
 *
 * Shape    a parquet_convert is decided once per column from its Arrow format and its Parquet kind; fill takes up to PARQUET_STAGE_ROWS
 *          rows (fewer when their bytes reach `bytes_max`). Numbers, booleans and floats (as bits) come as int64; strings, binary, fixed
 *          and wide decimals as views. An Arrow column that already is a dense int64 array is not copied.
 * Owns     views and numbers borrow from the Arrow array or from the stage; valid until the next fill.
 * Errors   INVALID: a null in a required column, a decimal that does not fit, offsets that run backwards; LIMIT: a value too large.
 * Threads  owner.
 */
#ifndef PARQUET_STAGE_H
#define PARQUET_STAGE_H

#include "column.h"

#define PARQUET_STAGE_ROWS 2048
#define PARQUET_VALUE_BYTES_MAX ((int64_t)64 << 20) /* one string or binary (SLU_ROW_BYTES_MAX) */

typedef struct parquet_convert {
    uint8_t op;
    int64_t factor;     /* times: multiply by it, or divide when negative */
    int32_t width;      /* fixed bytes of a value; FIXED decimals: the Parquet width */
    int64_t number_max; /* decimals in 64 bits: largest magnitude that the precision allows */
    const char *name;   /* of the column, for errors */
    bool required;
} parquet_convert;

typedef struct parquet_stage {
    size_t rows;  /* taken from the array */
    size_t count; /* of them not null */
    const int64_t *numbers;
    const slu_view *views;
    uint8_t valid[PARQUET_STAGE_ROWS / 8];
    int64_t number_store[PARQUET_STAGE_ROWS];
    slu_view view_store[PARQUET_STAGE_ROWS];
    uint8_t decimal_store[PARQUET_STAGE_ROWS * 16];
} parquet_stage;

/* INVALID or UNSUPPORTED when the column cannot take this Arrow type. */
SLU_CHECK slu_status parquet_convert_init(parquet_convert *convert, const parquet_column *column, const char *format,
                                          slu_error *err);
/* Rows [from, from + rows) of the selection (or of the array where there is none). `base` is the parent's offset. */
SLU_CHECK slu_status parquet_stage_fill(parquet_stage *stage, const parquet_convert *convert, const struct ArrowArray *array,
                                        int64_t base, const int32_t *selection, int64_t from, size_t rows, size_t bytes_max,
                                        slu_error *err);

#endif
