/*
 * expire.h: old snapshots leave a table, and then the files that only they reach.
 *
 * Source   Iceberg table specification, "Snapshot Retention Policy"; Java's RemoveSnapshots.
 * Keeps    what every branch and tag points at; of a branch's history the newest `keep_last` and those not older than `age_ms`;
 *          main's history down to the newest snapshot with a commit-user, since whoever tiers into the table finds its place by it;
 *          the snapshots that the caller names (those that Fluss knows). No ref is removed. Snapshots of no branch stay for `age_ms`.
 * Order    the commit first, the files afterwards: what fails after it leaves orphans, never damage. A file goes only when every
 *          manifest of what is kept could be read.
 * Threads  owner; calls block.
 * Errors   UNSUPPORTED: gc.enabled=false; CONFLICT: the table kept moving; the catalog's and the store's.
 */
#ifndef ICEBERG_EXPIRE_H
#define ICEBERG_EXPIRE_H

#include "iceberg/catalog.h"

#define ICEBERG_DEFAULT INT64_C(-1)

typedef struct iceberg_expire_options {
    int64_t age_ms;      /* ICEBERG_DEFAULT: history.expire.max-snapshot-age-ms (5 days) */
    int64_t keep_last;   /* ICEBERG_DEFAULT: history.expire.min-snapshots-to-keep (1) */
    const int64_t *keep; /* ids */
    size_t keep_count;
    bool dry_run; /* only count */
} iceberg_expire_options;

typedef struct iceberg_expired {
    int64_t snapshots;
    int64_t snapshots_kept;
    int64_t data_files;
    int64_t delete_files;
    int64_t manifests;
    int64_t lists;
    int64_t others; /* statistics */
    int64_t bytes;  /* of all of them, lists left out */
    int64_t failed; /* files that could not be removed: `orphans` finds them */
} iceberg_expired;

SLU_CHECK slu_status iceberg_expire(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_expire_options *options,
                                    iceberg_expired *out, slu_error *err);

#endif
