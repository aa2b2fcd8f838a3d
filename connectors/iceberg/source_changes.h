/*
 * source_changes.h: which files hold the rows that a table gained between two snapshots.
 *
 * Rules    those of Iceberg's own incremental append scan: data files that `append` snapshots added; `replace` (compaction) changes no row; what
 *          removes or replaces rows (`overwrite`, `delete`) is refused unless it is to be passed over, which loses what it added.
 * Threads  owner; reads manifests.
 * Errors   INVALID: the older snapshot is no ancestor of the newer one (it was expired, or is of another branch). UNSUPPORTED: an overwrite.
 */
#ifndef ICEBERG_SOURCE_CHANGES_H
#define ICEBERG_SOURCE_CHANGES_H

#include "iceberg/scan.h"

/* `from`: exclusive; -1: from the table's first snapshot on. `to`: inclusive. */
typedef struct iceberg_changes {
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    int64_t from;
    int64_t to;
    bool skip_overwrites;
} iceberg_changes;

/* A file of `snapshot`, oldest snapshot first. */
typedef slu_status (*iceberg_change_found)(void *context, const iceberg_snapshot *snapshot, const iceberg_scan_file *file,
                                           slu_error *err);

SLU_CHECK slu_status iceberg_changes_each(const iceberg_changes *of, iceberg_change_found found, void *context, slu_error *err);

#endif
