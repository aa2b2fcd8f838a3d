/*
 * range.h: the smallest and largest value of a column, in the order that Parquet and Iceberg give its type, and their forms on disk.
 *
 * Order    numbers signed; floats without NaN, a zero min as -0.0 and a zero max as +0.0; strings, binary, fixed, uuid by unsigned bytes;
 *          wide decimals as signed big-endian numbers.
 * Forms    statistics: PLAIN bytes without length (a long string cut, and then not exact); bounds: Iceberg's single-value bytes (decimals
 *          minimal big endian; strings cut by code points, binary by bytes, an upper bound incremented after the cut).
 * Owns     the range owns copies of its byte values.
 * Threads  owner.
 */
#ifndef PARQUET_RANGE_H
#define PARQUET_RANGE_H

#include "column.h"

#define PARQUET_STATISTICS_BYTES_MAX 256 /* bytes of a min or max in the footer; longer strings are cut */

#define PARQUET_RANGE_NUMBER 1
#define PARQUET_RANGE_FLOAT 2
#define PARQUET_RANGE_DOUBLE 3
#define PARQUET_RANGE_BYTES 4
#define PARQUET_RANGE_DECIMAL 5 /* signed big endian */

typedef struct parquet_range {
    uint8_t order; /* PARQUET_RANGE_ */
    bool some;
    int64_t nan_count;
    int64_t min, max;    /* NUMBER */
    double low, high;    /* FLOAT, DOUBLE */
    slu_buf least, most; /* BYTES, DECIMAL */
} parquet_range;

void parquet_range_init(parquet_range *range, const parquet_column *column);
void parquet_range_fini(parquet_range *range);
void parquet_range_reset(parquet_range *range);
void parquet_range_numbers(parquet_range *range, const int64_t *values, size_t count);
void parquet_range_bytes(parquet_range *range, slu_view value);
/* NOMEM or LIMIT when a byte value could not be kept. */
SLU_CHECK slu_status parquet_range_merge(parquet_range *into, const parquet_range *from, slu_error *err);

/* The statistics bytes of the footer; false when there are none. `exact` tells whether the value was cut. */
bool parquet_range_statistic(const parquet_range *range, const parquet_column *column, bool upper, slu_buf *out, bool *exact);
/* An Iceberg bound; false when there is none. `truncate`: code points or bytes kept, or PARQUET_BOUNDS_FULL (-1). */
bool parquet_range_bound(const parquet_range *range, const parquet_column *column, bool upper, int32_t truncate, slu_buf *out);

#endif
