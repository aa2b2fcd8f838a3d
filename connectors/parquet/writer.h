/*
 * writer.h: Arrow batches in, one Parquet file out.
 *
 * Shape    open, append*, finish, free. Pages are encoded and compressed as they fill; a row group is written to the sink when it is
 *          full (row_group_bytes) and at finish; then the footer. Nothing is ever rewritten in the sink.
 * Encoding data pages v1; dictionary (RLE_DICTIONARY) while it pays, else PLAIN; DELTA_BINARY_PACKED where a column asks for it.
 * Owns     the writer owns its buffers and copies names and options; the sink's context is the caller's and outlives the writer. The batch
 *          is borrowed for the call. The parquet_file given by finish lives until free.
 * Threads  owner.
 * Errors   INVALID: a null in a required column, an Arrow type that the column cannot take, unsorted selection; UNSUPPORTED: a codec; LIMIT: a value above 64 MiB, too many row groups; IO and others from the sink. After a failure the writer only
 *          accepts free: the file is broken and the caller deletes it.
 * Limits   one row group is held in memory in encoded form (about row_group_bytes at most, compressed), plus one page and one
 *          dictionary (PARQUET_DICTIONARY_BYTES_MAX) per column.
 */
#ifndef PARQUET_WRITER_H
#define PARQUET_WRITER_H

#include "column.h"

#define PARQUET_ROW_GROUP_BYTES_DEFAULT ((int64_t)128 << 20) /* uncompressed bytes, as Iceberg's Java writer */
#define PARQUET_PAGE_BYTES_DEFAULT (1 << 20)                 /* uncompressed bytes */
#define PARQUET_PAGE_ROWS_MAX 20000                          /* rows, as parquet-java */
#define PARQUET_DICTIONARY_BYTES_MAX (1 << 20)               /* bytes of one dictionary page; beyond it the column turns to PLAIN */
#define PARQUET_ROW_GROUPS_MAX 32767                         /* a row group's ordinal is an i16 */
#define PARQUET_BOUNDS_FULL (-1)                             /* metrics_truncate: bounds are never cut */

typedef struct parquet_key_value {
    const char *key;
    const char *value;
} parquet_key_value;

typedef struct parquet_writer_options {
    uint8_t codec; /* PARQUET_CODEC_; zeroed options are completed by parquet_writer_options_init */
    int32_t level; /* zstd and gzip; 0: the default (1 for zstd: tiering is bound by CPU) */
    bool no_dictionary;
    int64_t row_group_bytes;
    int32_t page_bytes;
    int32_t metrics_truncate;            /* string and binary bounds keep this many code points or bytes; Iceberg's default 16 */
    const parquet_key_value *key_values; /* footer metadata: iceberg.schema, delete-type ... */
    size_t key_value_count;
    const char *created_by; /* NULL: "sluice version VERSION" */
} parquet_writer_options;

/* One leaf's numbers for an Iceberg data_file. Views are borrowed from the writer. */
typedef struct parquet_column_metrics {
    int32_t field_id;
    int64_t column_bytes; /* total compressed size over all row groups */
    int64_t value_count;  /* nulls and NaN included; -1 with the other counts inside lists and maps */
    int64_t null_count;
    int64_t nan_count; /* -1 unless FLOAT or DOUBLE */
    bool has_lower;    /* bounds in Iceberg's single-value binary form, truncated by metrics_truncate */
    bool has_upper;
    slu_view lower;
    slu_view upper;
} parquet_column_metrics;

typedef struct parquet_file {
    int64_t rows;
    int64_t file_bytes;
    const int64_t *split_offsets; /* where row groups start */
    size_t split_count;
    const parquet_column_metrics *columns; /* of the leaves, in the order of the columns given at open */
    size_t column_count;
} parquet_file;

typedef struct parquet_writer parquet_writer;

/* zstd level 1, dictionary, default sizes, bounds cut at 16. */
void parquet_writer_options_init(parquet_writer_options *options);

/* `input` is the Arrow struct schema of the batches to come: its children are matched to `columns` by position and must be as many. */
SLU_CHECK slu_status parquet_writer_open(const parquet_writer_options *options, const parquet_column *columns, size_t column_count,
                                         const struct ArrowSchema *input, const parquet_sink *sink, parquet_writer **out,
                                         slu_error *err);
/* Appends `rows` rows: those of `selection` (ascending row numbers) where it is not NULL, else the first `rows` rows of the array. */
SLU_CHECK slu_status parquet_writer_append(parquet_writer *writer, const struct ArrowArray *array, const int32_t *selection,
                                           int64_t rows, slu_error *err);
/* Rows appended so far, and bytes written so far plus bytes held in encoded form: what a caller compares with its target file size. */
int64_t parquet_writer_rows(const parquet_writer *writer);
int64_t parquet_writer_bytes(const parquet_writer *writer);
/* Writes what is left and the footer. A file without rows is valid and has no row group. *out is borrowed until free. */
SLU_CHECK slu_status parquet_writer_finish(parquet_writer *writer, const parquet_file **out, slu_error *err);
void parquet_writer_free(parquet_writer **writer);

#endif
