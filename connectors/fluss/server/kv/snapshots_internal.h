/* snapshots_internal.h: kv snapshots as snapshots.c (the pass), snapshot_take.c, snapshot_sweep.c and snapshot_read.c see them. */
#ifndef FLUSS_SERVER_KV_SNAPSHOTS_INTERNAL_H
#define FLUSS_SERVER_KV_SNAPSHOTS_INTERNAL_H

#include "fluss/server/kv/snapshots.h"

#define SNAPSHOTS_ARENA_BYTES_MAX ((size_t)256 << 20)

struct fluss_kv_snapshots {
    fluss_server *server;
    slu_timer *timer;
    fluss_kv_bucket *changed; /* of this pass: those to be looked at, up to changed_count */
    size_t changed_count;
    size_t changed_room;
    size_t changed_next;
    int64_t leases_looked_ms; /* when leases were looked at last */
    bool in_pass;
    bool busy; /* one snapshot is on its way to storage: this one */
    fluss_kv_bucket busy_of;
    int64_t busy_id;
    atomic_bool stopping;
    const char *root;                   /* absolute: clients are told paths below it */
    char local_dir[SLU_PATH_BYTES_MAX]; /* of checkpoints that are being copied */
};

/* Work for the background thread: the taking of a snapshot, or the removal of files. */
typedef struct kv_job {
    fluss_job job;
    fluss_kv_snapshots *owner;
    const fluss_store *store;
    slu_arena arena;
    const char *dir; /* a tablet's, or what is removed */
    /* a snapshot */
    fluss_kv_write write;
    fluss_kv_snapshot snapshot;
    fluss_kv_id_range ids;
    const char *before_location; /* NULL: nothing is shared */
    slu_kv_checkpoint *checkpoint;
    fluss_kv_state state;
    /* a sweep */
    const int64_t *kept_ids;
    const fluss_kv_kept *kept;
    size_t kept_count;
} kv_job;

fluss_kv_bucket kv_bucket_of(const fluss_tablet *tablet);
bool kv_bucket_equal(const fluss_kv_bucket *a, const fluss_kv_bucket *b);
kv_job *kv_job_new(fluss_kv_snapshots *snapshots);
void kv_job_free(kv_job *job);
void kv_job_submit(kv_job *job, slu_status (*run)(fluss_job *, slu_error *),
                   void (*done)(fluss_job *, slu_status, const slu_error *));
void kv_snapshots_warn(const fluss_kv_snapshots *snapshots, const char *event, const slu_error *why);
/* snapshot_sweep.c: files of a bucket that no snapshot has any more; `location` is the directory of one of its snapshots. */
void kv_snapshots_sweep(fluss_kv_snapshots *snapshots, const fluss_kv_bucket *of, const char *location);
/* What an earlier process left halfway, or dropped and did not remove. */
SLU_CHECK slu_status kv_snapshots_sweep_all(fluss_kv_snapshots *snapshots, slu_error *err);
/* snapshot_take.c: `snapshots->busy` says whether one was begun; the timer is set when it is in storage. */
void kv_snapshot_begin(fluss_kv_snapshots *snapshots, fluss_tablet *tablet);

#endif
