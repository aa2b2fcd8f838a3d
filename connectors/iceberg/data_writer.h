/*
 * data_writer.h: Arrow batches into one data file of a table (or one file of equality deletes), ready to be committed.
 *
 * Shape    open, append*, finish, free. One writer is one file of one partition; a caller that wants many partitions keeps a writer
 *          for each, and one that wants files of a size rolls by iceberg_data_writer_bytes.
 * Deletes  with `equality_ids` the rows are equality deletes: each deletes the older rows of its partition that have its values in those
 *          columns; the other columns are there for readers that want them. The file's name ends in -deletes.parquet.
 * Columns  matched to the table's current schema by name; what the input does not have is left out of the file when it is optional,
 *          and of equality deletes when it is no key.
 * Names    <data path>/[<partition path>/]<subtask 5>-0-<uuid>-00001.parquet, the data path being write.data.path or
 *          <location>/data.
 * Settings write.parquet.compression-codec, write.parquet.row-group-size-bytes; sluice.parquet.delta-encoding=true: __offset and __timestamp
 *          as DELTA_BINARY_PACKED, which is smaller and which older Spark readers refuse.
 * Owns     the writer owns the file until finish: free before that removes it. Batches are borrowed for the call.
 * Threads  owner; calls block.
 * Errors   INVALID: a required column is missing, a null in one, a type that does not fit; UNSUPPORTED: another file format.
 */
#ifndef ICEBERG_DATA_WRITER_H
#define ICEBERG_DATA_WRITER_H

#include "iceberg/catalog.h"
#include "iceberg/manifest.h"

typedef struct iceberg_data_writer iceberg_data_writer;

typedef struct iceberg_data_writer_options {
    const slu_env *env;
    const iceberg_store *store;
    const iceberg_metadata *metadata; /* borrowed until free */
    const iceberg_value *partition;   /* one per field of the default spec; copied */
    const struct ArrowSchema *input;  /* "+s"; borrowed until free */
    uint32_t subtask;                 /* only for the file's name */
    int64_t row_group_bytes;          /* where the table does not say; 0: 128 MiB. What a writer holds in memory, encoded */
    bool sorted;                      /* the rows come in the table's sort order: recorded in the file's entry */
    const int32_t *equality_ids;      /* NULL: a data file; borrowed until finish */
    uint32_t equality_count;
    const char
        *positions_of; /* NULL; else the file holds deleted rows of that data file (delete_writer.h); borrowed until finish */
} iceberg_data_writer_options;

SLU_CHECK slu_status iceberg_data_writer_open(const iceberg_data_writer_options *options, iceberg_data_writer **out,
                                              slu_error *err);
/* Rows of `selection` (ascending) where it is not NULL, else the first `rows`. */
SLU_CHECK slu_status iceberg_data_writer_append(iceberg_data_writer *writer, const struct ArrowArray *array,
                                                const int32_t *selection, int64_t rows, slu_error *err);
int64_t iceberg_data_writer_rows(const iceberg_data_writer *writer);
int64_t iceberg_data_writer_bytes(const iceberg_data_writer *writer);
/* The location that the file has, or will have; borrowed. */
const char *iceberg_data_writer_location(const iceberg_data_writer *writer);
/* The file is whole and safe; what a commit needs of it goes into the arena. */
SLU_CHECK slu_status iceberg_data_writer_finish(iceberg_data_writer *writer, slu_arena *arena, iceberg_data_file *out,
                                                slu_error *err);
void iceberg_data_writer_free(iceberg_data_writer **writer);

/* Whether batches of this schema can be written to the table; the answer open would give, without a file. */
SLU_CHECK slu_status iceberg_data_writer_check(const iceberg_metadata *metadata, const struct ArrowSchema *input, slu_error *err);

/* write.target-file-size-bytes, 512 MiB by default. */
int64_t iceberg_target_file_bytes(const iceberg_metadata *metadata);

#endif
