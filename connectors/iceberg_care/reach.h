/*
 * reach.h: every file that snapshots of a table reach: manifest lists, manifests, data and delete files.
 *
 * Shape    a reach is a set of locations; snapshots are added one by one, and a manifest that several share is read once. `found`,
 *          where given, is called for each file the first time it is met.
 * Owns     the set. `found` borrows.
 * Threads  owner; calls block.
 * Errors   the store's and CORRUPT: then the set is not whole, and nobody may delete by it.
 */
#ifndef ICEBERG_REACH_H
#define ICEBERG_REACH_H

#include "iceberg/catalog.h"
#include "iceberg/manifest.h"
#include "iceberg_care/locations.h"

#define ICEBERG_REACHED_LIST 1
#define ICEBERG_REACHED_MANIFEST 2
#define ICEBERG_REACHED_DATA 3
#define ICEBERG_REACHED_DELETES 4 /* a delete file or a Puffin file with vectors */
#define ICEBERG_REACHED_OTHER 5   /* statistics */

typedef struct iceberg_reached {
    int kind;
    const char *location;
    int64_t bytes; /* -1: not said */
} iceberg_reached;

typedef struct iceberg_reach {
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    iceberg_locations files;
    const struct iceberg_reach *but; /* what is in it is not gone into; NULL: none */
    bool live;                       /* only entries that are live in a manifest */
    slu_status (*found)(void *to, const iceberg_reached *reached, slu_error *err);
    void *to;
} iceberg_reach;

void iceberg_reach_init(iceberg_reach *reach, const iceberg_store *store, const iceberg_metadata *metadata);
void iceberg_reach_fini(iceberg_reach *reach);
SLU_CHECK slu_status iceberg_reach_snapshot(iceberg_reach *reach, const iceberg_snapshot *snapshot, slu_error *err);
/* Every snapshot there is. */
SLU_CHECK slu_status iceberg_reach_snapshots(iceberg_reach *reach, slu_error *err);
/* The statistics of snapshots; `snapshot_id` -1: of all. */
SLU_CHECK slu_status iceberg_reach_statistics(iceberg_reach *reach, int64_t snapshot_id, slu_error *err);
/* What belongs to the table itself: its metadata file and those of its log, the hint beside them, an offsets file a snapshot names. */
SLU_CHECK slu_status iceberg_reach_table(iceberg_reach *reach, const iceberg_table *table, slu_error *err);

#endif
