/*
 * plan.h: what a round reads: asked of Fluss when its table was claimed.
 *
 *   LOADING --target ready--> LISTING (partitions, leaders) --known--> ASKED (lake snapshot, latest offsets)
 *       --a primary-key table's first round--> SNAPSHOTS (kv snapshots) --> READY
 *
 * Splits   of every bucket with something new, by these rules (committed: the lake's offset that Fluss knows):
 *
 *            latest <= 0, or committed >= latest                   none
 *            committed < latest                                    the log [committed, latest)
 *            nothing committed, a primary key and a kv snapshot    the snapshot's rows, up to its log offset
 *            nothing committed, else                               the log [earliest, latest)
 *
 * Owns     the plan owns its calls; the target is borrowed. A partition that is gone has no splits.
 * Threads  the client's owner; nothing blocks.
 * Errors   poll: OK ready; AGAIN (step the client); CONFLICT: another table of that name; LIMIT: too many buckets; and the client's.
 */
#ifndef TIERING_PLAN_H
#define TIERING_PLAN_H

#include "round.h"

#include "fluss/client/snapshot_lease.h"

#define TIERING_OFFSET_EARLIEST INT64_C(-2) /* "from the log's start" */
#define TIERING_OFFSET_NONE INT64_C(-1)     /* no committed offset */

typedef struct tiering_split {
    int32_t number;      /* the bucket's (target.h) */
    int64_t snapshot_id; /* FLUSS_NO_SNAPSHOT: the log */
    int64_t start;
    int64_t end; /* exclusive: what is committed when the split is read */
} tiering_split;

/* What is known of a bucket. */
typedef struct tiering_bucket {
    int64_t latest;    /* -1: not told */
    int64_t committed; /* TIERING_OFFSET_NONE */
    fluss_snapshot_at snapshot;
} tiering_bucket;

/* Fills *out by the rules above; false: nothing to read. */
bool tiering_split_of(const tiering_bucket *bucket, int32_t number, tiering_split *out);

/* Whether a table's name fits one of the patterns ("fluss.*,shop.orders_?"; NULL or empty: all). */
bool tiering_table_wanted(const char *patterns, const char *database, const char *table);

typedef struct tiering_plan tiering_plan;

/* `head`: table id and path; borrowed until close. */
SLU_CHECK slu_status tiering_plan_open(fluss_target *target, const tiering_piece *head, tiering_plan **out, slu_error *err);
void tiering_plan_close(tiering_plan **plan);
SLU_CHECK slu_status tiering_plan_poll(tiering_plan *plan, slu_error *err);
/* When ready; borrowed. */
const tiering_split *tiering_plan_splits(const tiering_plan *plan, size_t *count);
/* The lake snapshot that Fluss named; `none` when there is none. */
int64_t tiering_plan_known_snapshot(const tiering_plan *plan, int64_t none);

#endif
