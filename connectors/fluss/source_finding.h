/*
 * source_finding.h: the newest kv snapshots of partitions that a running source has just found, asked for without waiting.
 *
 * Shape    add the slots, then poll until it is over. Nothing of it is kept in a checkpoint: until the splits of the partitions are made,
 *          the shards do not know these, and a restart finds them again.
 * Threads  the task's.
 * Errors   poll: AGAIN: not all answers are there. Failures: as fluss_snapshots_list; a partition that is gone is none, and has no snapshot.
 */
#ifndef FLUSS_SOURCE_FINDING_H
#define FLUSS_SOURCE_FINDING_H

#include "fluss/client/snapshot_lease.h"

typedef struct source_found {
    struct source_finding *of;
    int32_t slot;
    fluss_call *call;
    fluss_snapshot_at *at; /* one per bucket */
} source_found;

typedef struct source_finding {
    fluss_target *target;
    source_found **items; /* each stays where it is: its call points to it */
    uint32_t count;
    uint32_t open; /* calls without an answer */
    slu_error failure;
} source_finding;

void source_finding_reset(source_finding *finding); /* cancels what is open; safe on a zeroed one */
SLU_CHECK slu_status source_finding_add(source_finding *finding, fluss_target *target, int32_t slot, slu_error *err);
SLU_CHECK slu_status source_finding_poll(const source_finding *finding, slu_error *err);
/* Of a slot; NULL: it was not asked for. */
const fluss_snapshot_at *source_finding_at(const source_finding *finding, int32_t slot);

#endif
