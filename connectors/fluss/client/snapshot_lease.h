/*
 * snapshot_lease.h: which kv snapshots a table has, and leases that keep their files while they are read.
 *
 * Shape    list and the lease functions that wait are for planning and tools; those that only send are for a running task: what comes of
 *          them is of no consequence but for how long files live.
 * Threads  the client's owner.
 * Errors   what Fluss says (code set). UNSUPPORTED: a server before 0.9 has no leases; a reader then goes without.
 *
 * A lease is named by a random id that its holders know; acquiring it again renews it. It ends when it is dropped, when its last bucket is
 * released, or when it expires.
 */
#ifndef FLUSS_CLIENT_SNAPSHOT_LEASE_H
#define FLUSS_CLIENT_SNAPSHOT_LEASE_H

#include "target.h"

#define FLUSS_NO_SNAPSHOT (-1)
#define FLUSS_LEASE_ID_BYTES 48
#define FLUSS_LEASE_MS_DEFAULT ((int64_t)24 * 3600 * 1000) /* Flink's scan.kv.snapshot.lease.duration */

typedef struct fluss_snapshot_at {
    int32_t bucket;      /* a bucket number (target.h) */
    int64_t snapshot_id; /* FLUSS_NO_SNAPSHOT: the changelog has all rows */
    int64_t log_offset;  /* where the changelog goes on behind the snapshot */
} fluss_snapshot_at;

/* The newest snapshot of every bucket of a slot: `bucket_count` of them. */
SLU_CHECK slu_status fluss_snapshots_list(fluss_target *target, int32_t slot, fluss_snapshot_at *out, slu_error *err);

/* The same, asked and not waited for: on_answer as client.h says; then take what it gave. */
SLU_CHECK slu_status fluss_snapshots_ask(fluss_target *target, int32_t slot, fluss_on_answer on_answer, void *context,
                                         fluss_call **out, slu_error *err);
SLU_CHECK slu_status fluss_snapshots_take(const fluss_target *target, int32_t slot, const fluss_answer *answer,
                                          fluss_snapshot_at *out, slu_error *err);

/* "sluice-5f3a..." */
void fluss_lease_id_make(fluss_client *client, char out[FLUSS_LEASE_ID_BYTES]);
/* Those of `at` that have a snapshot. One that is gone meanwhile is set to FLUSS_NO_SNAPSHOT. */
SLU_CHECK slu_status fluss_lease_acquire(fluss_target *target, const char *lease_id, int64_t duration_ms, fluss_snapshot_at *at,
                                         size_t count, slu_error *err);
SLU_CHECK slu_status fluss_lease_drop(fluss_client *client, const char *lease_id, slu_error *err);
/* Sent, not waited for. */
void fluss_lease_renew_later(fluss_target *target, const char *lease_id, int64_t duration_ms, const fluss_snapshot_at *at,
                             size_t count);
void fluss_lease_release_later(fluss_target *target, const char *lease_id, const int32_t *buckets, size_t count);

#endif
