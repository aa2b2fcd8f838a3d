/*
 * orphans.h: files below a table's location that nothing of the table reaches: what was written and never committed, or left by a
 * removal that failed.
 *
 * Rules    the listing comes first and the table's metadata is loaded after it, so that what is committed in between is known. A file
 *          goes only when it is older than `age_ms` (3 days: longer than any round that may still commit it), has a name such as
 *          Iceberg writers give, is not below a hidden folder ("_x", ".x"), and not below the folder of another table (one with a
 *          metadata folder of its own). Files beyond the location are never looked at.
 * Threads  owner; calls block.
 * Errors   UNSUPPORTED: gc.enabled=false; whatever of the table cannot be read: then nothing is removed.
 */
#ifndef ICEBERG_ORPHANS_H
#define ICEBERG_ORPHANS_H

#include "iceberg/catalog.h"

#define ICEBERG_ORPHAN_AGE_MS INT64_C(259200000) /* 3 days, as Java */

typedef struct iceberg_orphans_options {
    int64_t age_ms; /* 0: ICEBERG_ORPHAN_AGE_MS; -1: however young, for tables that nobody writes to */
    bool dry_run;
    iceberg_found found; /* each orphan; NULL: not told */
    void *to;
} iceberg_orphans_options;

typedef struct iceberg_orphans {
    int64_t listed;
    int64_t reached;
    int64_t young;   /* would be orphans if they were older */
    int64_t others;  /* of another table, hidden, or with a name that is not Iceberg's */
    int64_t orphans; /* the rest */
    int64_t bytes;   /* of the orphans */
    int64_t failed;  /* could not be removed */
} iceberg_orphans;

/* Refreshes the table. */
SLU_CHECK slu_status iceberg_orphans_remove(const iceberg_catalog *catalog, iceberg_table *table,
                                            const iceberg_orphans_options *options, iceberg_orphans *out, slu_error *err);

#endif
