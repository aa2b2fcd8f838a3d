/*
 * lake_writer.h: the files of one split: a bucket's rows with their system columns, written in the order they come.
 *
 * Shape    open over a loaded lake table, append batches, finish: the files as bytes that the committer decodes.
 * Rows     get __bucket, __offset (base offset + row) and __timestamp (the batch's commit time) behind their own columns.
 * Changes  a table with identifier fields is one with a primary key: rows to delete by their key go, whole, into files of equality
 *          deletes, and at the end those to take back from the split's own data files into files of position deletes (upsert.h). The
 *          rows of a kv snapshot are only written.
 * Files    one of data and one of equality deletes at a time; others begin when the table's target size is reached.
 * Owns     the writer owns files not yet finished: free removes them, and those it finished as well unless finish gave them away.
 * Errors   CONFLICT: the lake table's columns are not the batch's, or its partitions are not those of Fluss; and the data writer's.
 * Threads  owner; calls block on the store.
 */
#ifndef TIERING_LAKE_WRITER_H
#define TIERING_LAKE_WRITER_H

#include "round.h"

#include "iceberg/catalog.h"

#include <sluice/arrow.h>

typedef struct tiering_lake_writer tiering_lake_writer;

typedef struct tiering_lake_writer_options {
    const slu_env *env;
    const iceberg_store *store;
    const iceberg_metadata *metadata; /* borrowed until free */
    const tiering_piece *piece;       /* of the split: bucket, partition, flags; borrowed for open */
    uint32_t subtask;
} tiering_lake_writer_options;

SLU_CHECK slu_status tiering_lake_writer_open(const tiering_lake_writer_options *options, tiering_lake_writer **out,
                                              slu_error *err);
void tiering_lake_writer_free(tiering_lake_writer **writer);
/* The rows of a batch, through its selection. Every batch of a split has the same columns. */
SLU_CHECK slu_status tiering_lake_writer_append(tiering_lake_writer *writer, const slu_batch *batch, int64_t base_offset,
                                                int64_t commit_timestamp, slu_error *err);
/* What the open files hold in memory, at most: rows wait for their row group to be full. */
int64_t tiering_lake_writer_held(const tiering_lake_writer *writer);
/* What is remembered of keys, which only finish lets go. */
int64_t tiering_lake_writer_keys(const tiering_lake_writer *writer);
/* Ends the open files; the next rows begin others. */
SLU_CHECK slu_status tiering_lake_writer_roll(tiering_lake_writer *writer, slu_error *err);
/* Ends the last file and appends them all to `out` (iceberg_data_files_encode): nothing when there were no rows. */
SLU_CHECK slu_status tiering_lake_writer_finish(tiering_lake_writer *writer, slu_buf *out, slu_error *err);

#endif
