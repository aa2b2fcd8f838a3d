#include "row_ranges.h"

#include <stdlib.h>

#define RANGES_BYTES_MAX ((size_t)256 << 20)

void
parquet_row_ranges_init(parquet_row_ranges *ranges)
{
    slu_buf_init(&ranges->dropped, RANGES_BYTES_MAX);
    slu_buf_init(&ranges->kept, RANGES_BYTES_MAX);
}

void
parquet_row_ranges_fini(parquet_row_ranges *ranges)
{
    slu_buf_fini(&ranges->dropped);
    slu_buf_fini(&ranges->kept);
}

void
parquet_row_ranges_reset(parquet_row_ranges *ranges)
{
    slu_buf_reset(&ranges->dropped);
    slu_buf_reset(&ranges->kept);
}

void
parquet_row_ranges_drop(parquet_row_ranges *ranges, int64_t from, int64_t to)
{
    const parquet_row_range range = {from, to};
    if (from < to)
        slu_buf_append(&ranges->dropped, &range, sizeof range);
}

static int
range_compare(const void *a, const void *b)
{
    const int64_t x = ((const parquet_row_range *)a)->from, y = ((const parquet_row_range *)b)->from;
    return (x > y) - (x < y);
}

static void
ranges_keep(parquet_row_ranges *ranges, int64_t from, int64_t to)
{
    const parquet_row_range range = {from, to};
    if (from < to)
        slu_buf_append(&ranges->kept, &range, sizeof range);
}

slu_status
parquet_row_ranges_finish(parquet_row_ranges *ranges, int64_t rows, slu_error *err)
{
    const size_t count = ranges->dropped.bytes / sizeof(parquet_row_range);
    parquet_row_range *dropped = (parquet_row_range *)(void *)ranges->dropped.data;
    int64_t kept_from = 0, open_to = 0, open_from = 0; /* [open_from, open_to) is one gap of dropped rows */
    SLU_TRY(slu_buf_status(&ranges->dropped, err));
    if (count > 1)
        qsort(dropped, count, sizeof *dropped, range_compare);
    for (size_t i = 0; i <= count; i++) {
        const int64_t from = i < count ? dropped[i].from : rows;
        if (i < count && from <= open_to) {
            open_to = dropped[i].to > open_to ? dropped[i].to : open_to;
            continue;
        }
        /* The gap before `from` is complete. */
        if (open_to - open_from >= PARQUET_GAP_ROWS_MIN || open_to >= rows) {
            ranges_keep(ranges, kept_from, open_from);
            kept_from = open_to;
        }
        open_from = from;
        open_to = i < count ? dropped[i].to : rows;
    }
    ranges_keep(ranges, kept_from, rows);
    return slu_buf_status(&ranges->kept, err);
}

size_t
parquet_row_ranges_count(const parquet_row_ranges *ranges)
{
    return ranges->kept.bytes / sizeof(parquet_row_range);
}

parquet_row_range
parquet_row_ranges_get(const parquet_row_ranges *ranges, size_t i)
{
    return ((const parquet_row_range *)(const void *)ranges->kept.data)[i];
}
