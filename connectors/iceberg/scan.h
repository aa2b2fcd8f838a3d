/*
 * scan.h: which data files a snapshot holds.
 *
 * Shape    a scan is the list of live data files of one snapshot, in manifest order, with sequence numbers resolved. Predicates
 *          only leave out files that cannot hold a wanted row: the reader still checks rows.
 * Owns     the scan owns everything in it.
 * Errors   UNSUPPORTED, with the file's name, when the snapshot has row-level deletes and `deletes` was not asked for, or of a kind
 *          that we do not know.
 * Limits   ICEBERG_SCAN_BYTES_MAX of memory for the list.
 */
#ifndef ICEBERG_SCAN_H
#define ICEBERG_SCAN_H

#include "base/arena.h"
#include "iceberg/catalog.h"
#include "iceberg/manifest.h"

#define ICEBERG_SCAN_BYTES_MAX ((size_t)1 << 30)

#define ICEBERG_EQUAL 1
#define ICEBERG_LESS 2
#define ICEBERG_LESS_EQUAL 3
#define ICEBERG_GREATER 4
#define ICEBERG_GREATER_EQUAL 5
#define ICEBERG_IS_NULL 6
#define ICEBERG_NOT_NULL 7

/* A column compared with a constant; predicates of a scan are all true at once. */
typedef struct iceberg_predicate {
    int32_t field_id;
    uint8_t compare;
    slu_view value; /* in the column's single-value form; unused for the null tests */
} iceberg_predicate;

typedef struct iceberg_scan_options {
    const iceberg_predicate *predicates;
    size_t predicate_count;
    bool metrics; /* keep the files' column metrics */
    bool deletes; /* list delete files and deletion vectors instead of refusing them */
} iceberg_scan_options;

typedef struct iceberg_scan_file {
    iceberg_data_file file;
    int32_t spec_id;
    int64_t sequence_number;
    int64_t snapshot_id; /* that added it */
    const char *manifest;
} iceberg_scan_file;

typedef struct iceberg_scan {
    slu_arena arena;
    iceberg_scan_file *files;
    size_t count;
    iceberg_scan_file *deletes;
    size_t delete_count;
    int64_t row_count;        /* of the files kept, deleted rows included */
    size_t skipped_manifests; /* by predicates */
    size_t skipped_files;
} iceberg_scan;

/* `snapshot` NULL: an empty scan. `options` NULL: every file, without metrics. */
SLU_CHECK slu_status iceberg_scan_plan(const iceberg_store *store, const iceberg_metadata *metadata,
                                       const iceberg_snapshot *snapshot, const iceberg_scan_options *options, iceberg_scan *out,
                                       slu_error *err);
void iceberg_scan_fini(iceberg_scan *scan); /* safe on a zeroed one and twice */

#endif
