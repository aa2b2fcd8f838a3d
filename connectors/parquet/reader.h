/*
 * reader.h: one Parquet file in, Arrow batches out.
 *
 * Shape    open reads the footer; columns, row groups and statistics can then be looked at; select names what is wanted; next gives
 *          one batch after another, at most `batch_rows` rows each, never across a row group or rows that were dropped.
 * Reads    every type of column.h, nested ones to any depth of PARQUET_NESTING_MAX; PLAIN, dictionary, RLE booleans, DELTA_BINARY_PACKED,
 *          DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT; pages v1 and v2; uncompressed, snappy, gzip, zstd, lz4_raw.
 * Owns     the reader owns its buffers; the source's context is the caller's. A batch given by next is its own (release it).
 * Threads  owner; readers of one source are independent if the source's read is.
 * Errors   CORRUPT names the file position; UNSUPPORTED: an encrypted file, a column of kind UNKNOWN that was selected, an unknown codec or
 *          encoding; NOTFOUND: select of a column that is not there without `optional`; LIMIT: a page or footer beyond the bounds.
 * Limits   footer 64 MiB, page 256 MiB uncompressed, columns PARQUET_COLUMNS_MAX, row groups 1 M.
 */
#ifndef PARQUET_READER_H
#define PARQUET_READER_H

#include "column.h"

#define PARQUET_FOOTER_BYTES_MAX ((int64_t)64 << 20) /* bytes of FileMetaData */
#define PARQUET_PAGE_BYTES_MAX ((int64_t)256 << 20)  /* uncompressed bytes of one page */

/* Statistics of one column in one row group, for pruning: raw Parquet PLAIN bytes without length prefix. */
typedef struct parquet_statistics {
    bool has_null_count;
    bool has_bounds; /* only when min and max can be trusted for this column's order */
    int64_t null_count;
    int64_t value_count; /* nulls included */
    slu_view min;
    slu_view max;
} parquet_statistics;

/* A page of a column, as the page index tells. */
typedef struct parquet_page {
    int64_t first_row; /* in its row group */
    int64_t rows;
    parquet_statistics statistics; /* value_count: rows */
} parquet_page;

typedef struct parquet_reader parquet_reader;

/* Whether a row group can hold wanted rows; called once per row group, in order, by next. Ask parquet_reader_statistics, _bloom and _pages
 * inside, and drop the rows of pages that cannot hold wanted ones. */
typedef bool (*parquet_keep)(void *context, parquet_reader *reader, size_t row_group);

typedef struct parquet_reader_options {
    int64_t batch_rows; /* 0: 8192 */
    parquet_keep keep;  /* NULL: every row group */
    void *keep_context;
} parquet_reader_options;

/* What select wants: by field id where it is not PARQUET_FIELD_ID_NONE and the file has ids, else by name. */
typedef struct parquet_want {
    int32_t field_id;
    const char *name;
    bool optional; /* missing in the file: a column of nulls of `column` type */
    parquet_column
        column; /* kind and numbers wanted: INT->LONG, FLOAT->DOUBLE and wider DECIMAL are promoted; kind UNKNOWN: as the file has it.
                   Fields of a nested one are found like columns; an optional one that is not there is null */
} parquet_want;

SLU_CHECK slu_status parquet_reader_open(const parquet_source *source, const parquet_reader_options *options, parquet_reader **out,
                                         slu_error *err);
void parquet_reader_free(parquet_reader **reader);

int64_t parquet_reader_rows(const parquet_reader *reader);
size_t parquet_reader_row_group_count(const parquet_reader *reader);
int64_t parquet_reader_row_group_rows(const parquet_reader *reader, size_t row_group);
/* The file position where a row group starts (Iceberg's split_offsets). */
int64_t parquet_reader_row_group_offset(const parquet_reader *reader, size_t row_group);
/* Top-level columns in file order, with their fields. Borrowed until free. */
size_t parquet_reader_column_count(const parquet_reader *reader);
const parquet_column *parquet_reader_column(const parquet_reader *reader, size_t column);
/* NOTFOUND when the file carries none for this column (nested ones have none); borrowed until free. */
SLU_CHECK slu_status parquet_reader_statistics(const parquet_reader *reader, size_t row_group, size_t column,
                                               parquet_statistics *out);
/* The pages of a top-level column in the row group that `keep` is asked about, with their bounds; borrowed until keep returns. NOTFOUND: the
 * file has no page index for it, or one that is broken. */
SLU_CHECK slu_status parquet_reader_pages(parquet_reader *reader, size_t row_group, size_t column, const parquet_page **out,
                                          size_t *out_count, slu_error *err);
/* Inside keep: these rows of the row group cannot be wanted, and may be left out of the batches. */
void parquet_reader_drop(parquet_reader *reader, int64_t first_row, int64_t rows);
/* Whether a column's Bloom filter rules out that the row group holds `value` (PLAIN bytes without length). False without a filter. */
bool parquet_reader_excludes(parquet_reader *reader, size_t row_group, size_t column, slu_view value);
/* A value of the footer's key-value metadata; NULL when absent. */
const char *parquet_reader_key_value(const parquet_reader *reader, const char *key);

/* Before the first next; without select every column is read (UNSUPPORTED when one cannot be). */
SLU_CHECK slu_status parquet_reader_select(parquet_reader *reader, const parquet_want *wants, size_t count, slu_error *err);
/* Only these row groups (Iceberg splits): [first, first + count). Before the first next. */
SLU_CHECK slu_status parquet_reader_limit(parquet_reader *reader, size_t first, size_t count, slu_error *err);
/* The schema of the batches, a struct; the receiver releases it. */
SLU_CHECK slu_status parquet_reader_schema(parquet_reader *reader, struct ArrowSchema *out, slu_error *err);
/* One batch (the receiver releases it); END when there are no more. `first_row`, when not NULL, gets the batch's first row number in
 * the file (position deletes need it). */
SLU_CHECK slu_status parquet_reader_next(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err);

#endif
