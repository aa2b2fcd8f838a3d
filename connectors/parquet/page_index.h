/*
 * page_index.h: where the pages of a column chunk lie and what they hold, as the file says behind its row groups.
 *
 * Format   OffsetIndex {1: list<PageLocation{1 offset, 2 bytes with header, 3 first row}>}; ColumnIndex {1: null pages, 2: minima, 3: maxima,
 *          4: order, 5: null counts}. Bloom filter: BloomFilterHeader {1: bytes, 2: algorithm, 3: hash, 4: compression}, then blocks of
 *          32 bytes; a value's XXH64 chooses one block and a bit in each of its eight words.
 * Reading  bounded by the bytes given and the row group's rows; CORRUPT when it contradicts itself.
 * Writing  marks are collected as pages end (page_marks), and encoded when the chunk is done.
 * Threads  owner.
 */
#ifndef PARQUET_PAGE_INDEX_H
#define PARQUET_PAGE_INDEX_H

#include "footer.h"

#define PARQUET_INDEX_BYTES_MAX ((int64_t)64 << 20) /* of one chunk */

typedef struct parquet_location {
    int64_t offset; /* file position */
    int64_t first_row;
    int32_t bytes; /* header included */
} parquet_location;

typedef struct parquet_page_bounds {
    bool null_page; /* nothing but nulls: no bounds */
    bool has_null_count;
    int64_t null_count;
    slu_view min; /* borrowed from the bytes decoded */
    slu_view max;
} parquet_page_bounds;

SLU_CHECK slu_status parquet_offset_index_decode(slu_view bytes, int64_t rows, slu_arena *arena, parquet_location **out,
                                                 size_t *out_count, slu_error *err);
/* Of exactly `count` pages. */
SLU_CHECK slu_status parquet_column_index_decode(slu_view bytes, size_t count, slu_arena *arena, parquet_page_bounds **out,
                                                 slu_error *err);

/* The header of a filter: how many bytes follow it, and how many it takes itself. UNSUPPORTED: another kind of filter. */
SLU_CHECK slu_status parquet_bloom_header_decode(slu_view bytes, uint32_t *out_bytes, size_t *out_header_bytes, slu_error *err);
/* Where in the filter the value's block stands. */
uint32_t parquet_bloom_block(slu_view value, uint32_t filter_bytes);
/* Whether that block (32 bytes) may hold the value. */
bool parquet_bloom_may_hold(const uint8_t *block, slu_view value);

/* ---- writing ---- */

typedef struct parquet_page_mark {
    int64_t offset; /* behind the chunk's first data page */
    int64_t first_row;
    int64_t null_count;
    int32_t bytes;
    bool null_page;
    size_t min_at, min_bytes; /* in bounds */
    size_t max_at, max_bytes;
} parquet_page_mark;

typedef struct parquet_page_marks {
    slu_buf marks;
    slu_buf bounds;
    bool unbounded; /* a page with values has no bounds: there is no column index then */
} parquet_page_marks;

void parquet_page_marks_init(parquet_page_marks *marks);
void parquet_page_marks_fini(parquet_page_marks *marks);
void parquet_page_marks_reset(parquet_page_marks *marks);
size_t parquet_page_marks_count(const parquet_page_marks *marks);
/* `min` and `max` NULL: the page has values without bounds, or (null_page) none. */
void parquet_page_marks_add(parquet_page_marks *marks, const parquet_page_mark *mark, const slu_view *min, const slu_view *max);
/* `base`: the file position of the chunk's first data page. */
void parquet_offset_index_encode(const parquet_page_marks *marks, int64_t base, slu_buf *out);
void parquet_column_index_encode(const parquet_page_marks *marks, slu_buf *out);

#endif
