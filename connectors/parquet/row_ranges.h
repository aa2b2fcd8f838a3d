/*
 * row_ranges.h: which rows of a row group are wanted, after pages were ruled out.
 *
 * Shape    drop spans in any order, then finish once: what is left, ascending, comes as ranges. A gap that is not worth a jump (fewer than
 *          PARQUET_GAP_ROWS_MIN rows) is read over.
 * Owns     its buffers, kept by reset. Threads  owner. Errors  a failed allocation is told by finish.
 */
#ifndef PARQUET_ROW_RANGES_H
#define PARQUET_ROW_RANGES_H

#include "base/bytes.h"

#define PARQUET_GAP_ROWS_MIN 256

typedef struct parquet_row_range {
    int64_t from;
    int64_t to; /* behind the last */
} parquet_row_range;

typedef struct parquet_row_ranges {
    slu_buf dropped;
    slu_buf kept;
} parquet_row_ranges;

void parquet_row_ranges_init(parquet_row_ranges *ranges);
void parquet_row_ranges_fini(parquet_row_ranges *ranges);
void parquet_row_ranges_reset(parquet_row_ranges *ranges);
void parquet_row_ranges_drop(parquet_row_ranges *ranges, int64_t from, int64_t to);
/* Of [0, rows). */
SLU_CHECK slu_status parquet_row_ranges_finish(parquet_row_ranges *ranges, int64_t rows, slu_error *err);
size_t parquet_row_ranges_count(const parquet_row_ranges *ranges);
parquet_row_range parquet_row_ranges_get(const parquet_row_ranges *ranges, size_t i);

#endif
