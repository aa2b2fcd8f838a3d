/*
 * compact.h: many small data files become few, and row-level deletes become rows that are not there: one `replace` snapshot.
 *
 * Source   Java's bin-pack rewrite; Fluss's auto-compaction.
 * Plan     per partition (which for a Fluss table is a bucket of a partition), files in the order of the table's sort column (Fluss:
 *          __offset), else of their age: neighbours below three quarters of the target, and those that a delete may touch, are packed
 *          up to the target. A large file between two small ones parts them, so that offsets of different files never interleave.
 * Commit   the new files are as old as the snapshot that was planned on: an equality delete that came since still counts; a position
 *          delete that came since, or a file that somebody else replaced, is a conflict, and the new files go. Delete files that no
 *          remaining file can need leave with the old ones. The snapshot has no commit-user and no fluss-offsets.
 * Lists    small manifests are merged, also when no data file has to be.
 * Threads  owner; calls block.
 * Errors   CONFLICT: somebody was quicker (nothing is left behind); UNSUPPORTED: a table of format 3, columns that cannot be read or
 *          written; err->code ICEBERG_COMMIT_UNKNOWN: it may have been done, nothing was deleted.
 */
#ifndef ICEBERG_COMPACT_H
#define ICEBERG_COMPACT_H

#include "iceberg/catalog.h"

#include <stdatomic.h>

#define ICEBERG_COMPACT_FILES_MIN 2 /* a bin of fewer files stays, unless a delete touches one */

typedef struct iceberg_compact_options {
    int64_t target_bytes;    /* 0: the smaller of write.target-file-size-bytes and read.split.target-size */
    int64_t files_min;       /* 0: ICEBERG_COMPACT_FILES_MIN */
    int64_t row_group_bytes; /* 0: what the table says */
    const atomic_bool *stop; /* true: end soon, with CLOSED and nothing done; NULL: never */
    bool dry_run;
} iceberg_compact_options;

typedef struct iceberg_compacted {
    int64_t files_before; /* data files that are replaced */
    int64_t files_after;
    int64_t bytes_before;
    int64_t bytes_after; /* of a dry run: the same as before */
    int64_t rows_before;
    int64_t rows_after;
    int64_t delete_files; /* that leave */
    int64_t left_files;   /* of another partition spec than the current one: left as they are */
    int64_t manifests_before;
    int64_t manifests_after; /* of a dry run: as before */
    int64_t snapshot_id;     /* -1: nothing was to be done */
} iceberg_compacted;

/* The table is at its newest moment afterwards. */
SLU_CHECK slu_status iceberg_compact(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_compact_options *options,
                                     iceberg_compacted *out, slu_error *err);

#endif
