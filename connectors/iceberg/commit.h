/*
 * commit.h: appending data files to a table, or putting new ones in the place of others: one snapshot, made against whatever else
 * happens to the table meanwhile.
 *
 * Source   Java's SnapshotProducer (the commit loop) and MergeAppend (manifests and summaries).
 * Loop     prepare once (snapshot id, manifest); then: build a manifest list over the table's newest moment, commit it, and on a
 *          definite CONFLICT refresh, ask `moved`, and try again with a new list and sequence number but the same snapshot id.
 *          After an answer that leaves open what happened, the table is asked first whether the snapshot is there.
 * Owns     data files are the caller's: after a definite failure it may delete them, after an unknown outcome it must not.
 * Threads  owner; calls block.
 * Errors   CONFLICT: retries ran out, or `moved` said so; any failure with err->code ICEBERG_COMMIT_UNKNOWN: the snapshot may be in
 *          the table, nothing was deleted. Every other failure is definite, and our own manifests are gone.
 * Limits   commit.retry.num-retries (4) tries more, within commit.retry.total-timeout-ms (30 min).
 */
#ifndef ICEBERG_COMMIT_H
#define ICEBERG_COMMIT_H

#include "iceberg/catalog.h"
#include "iceberg/manifest.h"

#define ICEBERG_COMMIT_UNKNOWN INT64_C(7001) /* in slu_error.code */

typedef struct iceberg_append {
    const iceberg_data_file *files;   /* of the table's default spec; sorted or not */
    size_t file_count;                /* 0: an empty snapshot that carries properties */
    const iceberg_data_file *deletes; /* delete files, of the same spec */
    size_t delete_count;
    const iceberg_property *properties; /* into the snapshot's summary: commit-user, fluss-offsets ... */
    size_t property_count;
    /* Asked when the table moved since `base`: OK to go on over `now`; any other status ends the commit with it. NULL: go on. */
    slu_status (*moved)(void *context, const iceberg_metadata *base, const iceberg_metadata *now, slu_error *err);
    void *context;
    const char *ref; /* NULL: main */
    /* A rewrite: files leave, and what they held stays. */
    const char *operation;      /* NULL: append, overwrite or delete, by what is added */
    const char *const *removed; /* paths of live data and delete files, ascending, each once; one that is gone is CONFLICT */
    size_t removed_count;
    int64_t data_sequence; /* 0: the commit's own. Else `files` are as old as that, so that equality deletes that came since still
                              count; a position delete that came since against a removed file is CONFLICT */
    bool merge_all;        /* small manifests are merged however few they are */
} iceberg_append;

/* On success the table is at its new moment and *out_snapshot_id (may be NULL) names the snapshot. */
SLU_CHECK slu_status iceberg_table_append(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_append *append,
                                          int64_t *out_snapshot_id, slu_error *err);

#endif
