/*
 * source_snapshots.h: the first phase of a source's bucket of a primary-key table: its rows as the newest kv snapshot has them; then the
 * changelog from the snapshot's offset on.
 *
 *   planned: a snapshot, leased --rows, counted--> its end --split in the scanner--> changelog
 *                               \-- nothing read yet and the files cannot be had: the changelog from offset 0, where it still is
 *
 * Shape    one snapshot at a time in a source, before its log. A checkpoint in between remembers how many rows are behind.
 * Lease    one of the plan, named in every split that needs it and renewed by whoever has those. A bucket is released when the first
 *          checkpoint after its snapshot's end is whole, for until then a restart reads it again; at the end of a source that no
 *          checkpoint was ever taken of, at once.
 * Threads  the task's; plan in planning, where waiting is fine.
 * Errors   IO, UNSUPPORTED, NOTFOUND: the files of a snapshot cannot be had and the changelog does not begin at 0 any more: the message
 *          names both, and the option `start`.
 */
#ifndef FLUSS_SOURCE_SNAPSHOTS_H
#define FLUSS_SOURCE_SNAPSHOTS_H

#include "source_splits.h"

#include "fluss/client/snapshot_reader.h"

/* What the slots of a plan share. */
typedef struct source_lease {
    char id[FLUSS_LEASE_ID_BYTES]; /* "": the server has no leases */
    int64_t duration_ms;
    bool asked;
} source_lease;

/* `at`: one per bucket of the slot; FLUSS_NO_SNAPSHOT where the changelog alone is read. */
SLU_CHECK slu_status source_snapshots_plan(fluss_face *face, int32_t slot, source_lease *lease, fluss_snapshot_at *at,
                                           slu_error *err);

typedef struct source_snapshots {
    fluss_snapshot_reader *reader;
    bucket_split *reading;
    uint8_t *kinds; /* all SLU_ROW_INSERT */
    int64_t kinds_rows;
    int64_t renew_at_ms;
    bool checkpointed; /* one was begun */
} source_snapshots;

typedef struct source_reading {
    const int32_t *columns; /* NULL: all */
    uint32_t column_count;
    size_t buffer_bytes; /* a batch has at most an eighth */
    int64_t lease_ms;
} source_reading;

void source_snapshots_fini(source_snapshots *snapshots);
/* The split is assigned anew, or goes. */
void source_snapshots_forget(source_snapshots *snapshots, const bucket_split *split);
/* MORE: a batch was emitted, or *out_ended is a split whose changelog begins now. AGAIN: on the way. END: no split has a snapshot before
 * it. The target is open, and the splits are placed. */
SLU_CHECK slu_status source_snapshots_poll(source_snapshots *snapshots, fluss_face *face, const source_splits *splits,
                                           const source_reading *plan, bucket_split **out_ended, slu_error *err);
void source_snapshots_checkpoint(source_snapshots *snapshots, source_splits *splits, int64_t checkpoint);
void source_snapshots_complete(source_snapshots *snapshots, fluss_face *face, source_splits *splits, int64_t checkpoint);
/* The source is over. */
void source_snapshots_end(source_snapshots *snapshots, fluss_face *face, source_splits *splits);

#endif
