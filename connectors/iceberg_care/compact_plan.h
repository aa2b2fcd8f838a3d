/*
 * compact_plan.h: which files of a snapshot a compaction puts together, and which delete files nobody needs afterwards.
 *
 * Owns     the plan owns its scan and everything in it; the store and the metadata outlive it.
 * Threads  owner.
 * Errors   those of scan.h and deletes.h.
 */
#ifndef ICEBERG_COMPACT_PLAN_H
#define ICEBERG_COMPACT_PLAN_H

#include "iceberg/deletes.h"
#include "iceberg/scan.h"

typedef struct iceberg_compact_bin {
    iceberg_scan_file *files; /* of one partition, in order */
    size_t count;
    int64_t bytes;
    int64_t rows;
    bool touched; /* a delete may touch some */
    bool sorted;  /* each is in the table's sort order, and they do not overlap */
} iceberg_compact_bin;

typedef struct iceberg_compact_plan {
    iceberg_scan scan;
    iceberg_deletes *deletes; /* NULL: the snapshot has none */
    iceberg_compact_bin *bins;
    size_t bin_count;
    const iceberg_scan_file **dangling; /* delete files */
    size_t dangling_count;
    size_t left_files;
} iceberg_compact_plan;

/* Into storage that stays where it is: deletes remember where the scan is. To be ended also after a failure. */
SLU_CHECK slu_status iceberg_compact_plan_make(const iceberg_store *store, const iceberg_metadata *metadata, int64_t target_bytes,
                                               int64_t files_min, iceberg_compact_plan *plan, slu_error *err);
void iceberg_compact_plan_fini(iceberg_compact_plan *plan); /* safe on a zeroed one and twice */

#endif
