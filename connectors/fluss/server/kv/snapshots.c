#include "fluss/server/kv/snapshots.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "fluss/server/commits.h"

#include <inttypes.h>

#define SNAPSHOTS_ARENA_BYTES_MAX ((size_t)256 << 20)
#define SNAPSHOTS_PIN_SLACK_MS ((int64_t)60 * 1000) /* the catalogue is written at most this often for a snapshot that is read */

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

static fluss_kv_bucket
bucket_of(const fluss_tablet *tablet)
{
    const fluss_kv_bucket of = {tablet->table->row.id, tablet->partition_id, tablet->bucket};
    return of;
}

static bool
bucket_equal(const fluss_kv_bucket *a, const fluss_kv_bucket *b)
{
    return a->table_id == b->table_id && a->partition_id == b->partition_id && a->bucket == b->bucket;
}

/* ---- work in the background ---- */

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

static kv_job *
job_new(fluss_kv_snapshots *snapshots)
{
    kv_job *job = slu_alloc_zero(1, sizeof *job);
    if (job != NULL) {
        job->owner = snapshots;
        job->store = fluss_remote_store(snapshots->server->remote);
        slu_arena_init(&job->arena, SNAPSHOTS_ARENA_BYTES_MAX);
    }
    return job;
}

static void
job_free(kv_job *job)
{
    slu_arena_fini(&job->arena);
    slu_free(job);
}

static void
job_submit(kv_job *job, slu_status (*run)(fluss_job *, slu_error *), void (*done)(fluss_job *, slu_status, const slu_error *))
{
    job->job.run = run;
    job->job.done = done;
    fluss_background_submit(job->owner->server->background, &job->job);
}

/* What a sweep or a removal leaves is swept at the next start. */
static void
sweep_done(fluss_job *base, slu_status status, const slu_error *err)
{
    kv_job *job = (kv_job *)base;
    if (status != SLU_OK && status != SLU_CLOSED)
        slu_log_warn(job->owner->server->env, "KV-SNAPSHOT-LEFTOVER", "old snapshot files are left: %s", err->message);
    job_free(job);
}

static slu_status
sweep_run(fluss_job *base, slu_error *err)
{
    kv_job *job = (kv_job *)base;
    return fluss_kv_files_sweep(job->store, job->dir, job->kept_ids, job->kept_count, err);
}

static slu_status
remove_run(fluss_job *base, slu_error *err)
{
    kv_job *job = (kv_job *)base;
    return job->store->ops->remove(job->store->self, job->dir, err);
}

static slu_status
sweep_all_run(fluss_job *base, slu_error *err)
{
    kv_job *job = (kv_job *)base;
    return fluss_kv_files_sweep_all(job->store, job->dir, job->kept, job->kept_count, err);
}

static void
snapshots_warn(const fluss_kv_snapshots *snapshots, const char *event, const slu_error *why)
{
    slu_log_warn(snapshots->server->env, event, "%s", why->message);
}

/* Ids that the catalogue has for a bucket, and the one on its way. */
static slu_status
sweep_kept(kv_job *job, const fluss_kv_bucket *of, slu_error *err)
{
    const fluss_kv_snapshots *snapshots = job->owner;
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_kv_snapshots(snapshots->server->catalogue, of, &job->arena, &rows, &count, err));
    int64_t *ids = slu_arena_array(&job->arena, count + 1, sizeof *ids);
    if (ids == NULL)
        return slu_arena_status(&job->arena, err);
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].snapshot_id;
    if (snapshots->busy && bucket_equal(&snapshots->busy_of, of))
        ids[count++] = snapshots->busy_id;
    job->kept_ids = ids;
    job->kept_count = count;
    return SLU_OK;
}

/* `location` is the directory of one of its snapshots. */
static void
snapshots_sweep(fluss_kv_snapshots *snapshots, const fluss_kv_bucket *of, const char *location)
{
    slu_error why;
    kv_job *job = job_new(snapshots);
    const char *slash = strrchr(location, '/');
    if (job == NULL || slash == NULL)
        return; /* the next start sweeps */
    job->dir = slu_arena_strndup(&job->arena, location, (size_t)(slash - location));
    slu_status status = sweep_kept(job, of, &why);
    if (status == SLU_OK)
        status = slu_arena_status(&job->arena, &why);
    if (status == SLU_OK) {
        job_submit(job, sweep_run, sweep_done);
        return;
    }
    snapshots_warn(snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
    job_free(job);
}

static slu_status
drop_stale(fluss_kv_snapshots *snapshots, slu_arena *arena, slu_error *err)
{
    fluss_catalogue *catalogue = snapshots->server->catalogue;
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_stale_kv_snapshots(catalogue, snapshots->server->config->kv_snapshot_num_retained, arena, &rows, &count,
                                               err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(fluss_catalogue_drop_kv_snapshot(catalogue, &rows[i].of, rows[i].snapshot_id, err));
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !bucket_equal(&rows[i].of, &rows[i - 1].of))
            snapshots_sweep(snapshots, &rows[i].of, rows[i].location);
    return SLU_OK;
}

void
fluss_kv_snapshots_retire(fluss_server *server)
{
    slu_error why;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_arena_init(&arena, SNAPSHOTS_ARENA_BYTES_MAX);
    if (drop_stale(server->kv_snapshots, &arena, &why) != SLU_OK)
        snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
}

void
fluss_kv_snapshots_dropped(fluss_server *server, const fluss_table_row *table, int64_t partition_id, const char *partition)
{
    slu_error why;
    char dir[SLU_PATH_BYTES_MAX];
    fluss_kv_snapshots *snapshots = server->kv_snapshots;
    const fluss_remote_place place = {table->database, table->name, table->id, partition, partition_id, -1};
    slu_status status = fluss_catalogue_forget_kv_snapshots(server->catalogue, table->id, partition_id, &why);
    if (status == SLU_OK)
        status = fluss_remote_partition_dir(snapshots->root, FLUSS_REMOTE_KV, &place, dir, &why);
    if (status != SLU_OK) {
        snapshots_warn(snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
        return;
    }
    if (fluss_remote_store(server->remote)->local && !slu_path_exists(dir) && !snapshots->busy)
        return;
    kv_job *job = job_new(snapshots);
    if (job == NULL)
        return;
    job->dir = slu_arena_strdup(&job->arena, dir);
    if (job->dir == NULL)
        job_free(job);
    else
        job_submit(job, remove_run, sweep_done);
}

/* ---- taking one ---- */

static slu_status
snapshot_take(kv_job *job, slu_error *err)
{
    const char *dir = job->write.checkpoint_dir;
    SLU_TRY(slu_dir_make(job->owner->local_dir, err));
    SLU_TRY(slu_dir_remove(dir, err));
    SLU_TRY(slu_kv_checkpoint_take(job->checkpoint, dir, err));
    SLU_TRY(fluss_kv_checkpoint_state(dir, &job->state, err));
    const fluss_kv_id_range ids = {job->state.id_column, job->state.id_next, job->state.id_end};
    job->ids = ids;
    job->snapshot.log_offset = job->state.log_offset;
    job->snapshot.row_count = job->state.row_count;
    job->snapshot.id_ranges = &job->ids;
    job->snapshot.id_range_count = job->state.id_column >= 0;
    return SLU_OK;
}

static slu_status
snapshot_store(kv_job *job, slu_error *err)
{
    fluss_kv_snapshot before;
    job->write.before = NULL;
    if (job->before_location != NULL && fluss_kv_files_load(job->store, job->before_location, &job->arena, &before, NULL) == SLU_OK &&
        fluss_kv_files_check(job->store, &before, NULL) == SLU_OK)
        job->write.before = &before;
    return fluss_kv_files_write(&job->write, &job->snapshot, &job->arena, err);
}

static slu_status
snapshot_run(fluss_job *base, slu_error *err)
{
    kv_job *job = (kv_job *)base;
    slu_error why;
    slu_status status = snapshot_take(job, err);
    if (status == SLU_OK)
        status = snapshot_store(job, err);
    const slu_status removed = slu_dir_remove(job->write.checkpoint_dir, &why);
    if (removed != SLU_OK)
        slu_log_warn(job->write.env, "KV-SNAPSHOT-LEFTOVER", "%s", why.message);
    return status;
}

static slu_status
snapshot_commit(kv_job *job, slu_error *err)
{
    fluss_server *server = job->owner->server;
    const fluss_kv_bucket of = job->owner->busy_of;
    const fluss_kv_snapshot_row row = {.of = of,
                                       .snapshot_id = job->snapshot.snapshot_id,
                                       .log_offset = job->snapshot.log_offset,
                                       .lineage = job->state.lineage,
                                       .location = job->snapshot.location};
    const slu_status status = fluss_catalogue_add_kv_snapshot(server->catalogue, &row, err);
    if (status == SLU_NOTFOUND)
        return SLU_OK; /* dropped meanwhile; its files are removed by the job that the drop submitted */
    SLU_TRY(status);
    fluss_tablet *tablet = fluss_tables_peek(server->tables, of.table_id, of.partition_id, of.bucket);
    if (tablet != NULL) {
        tablet->snapshot_offset = row.log_offset;
        tablet->snapshot_known = true;
    }
    slu_log_debug(server->env, "KV-SNAPSHOT", "%s: rows up to offset %" PRId64 ", %" PRId64 " bytes copied", row.location,
                  row.log_offset, job->snapshot.incremental_bytes);
    return SLU_OK;
}

/* Is everything in it acknowledged, and of the store that goes on? One that was closed may have been cut back meanwhile. */
static bool
snapshot_holds(kv_job *job)
{
    fluss_server *server = job->owner->server;
    const fluss_kv_bucket *of = &job->owner->busy_of;
    fluss_commits_flush(server->commits); /* the copy may have rows of this turn */
    const bool open = slu_kv_checkpoint_end(&job->checkpoint);
    const fluss_tablet *tablet = fluss_tables_peek(server->tables, of->table_id, of->partition_id, of->bucket);
    return open && tablet != NULL && tablet->kv != NULL && fluss_kv_tablet_applied(tablet->kv) >= job->state.log_offset;
}

/* What was copied for nothing, or halfway. */
static void
snapshot_drop_files(kv_job *job)
{
    const char *location = slu_arena_printf(&job->arena, "%s/%s", job->dir, FLUSS_KV_SNAPSHOT_PREFIX);
    if (location != NULL)
        snapshots_sweep(job->owner, &job->owner->busy_of, location);
}

static void
snapshot_done(fluss_job *base, slu_status status, const slu_error *err)
{
    kv_job *job = (kv_job *)base;
    fluss_kv_snapshots *snapshots = job->owner;
    slu_error why = {0};
    if (status == SLU_CLOSED && atomic_load(&snapshots->stopping)) { /* the server ends */
        (void)slu_kv_checkpoint_end(&job->checkpoint);
        job_free(job);
        return;
    }
    const bool holds = snapshot_holds(job);
    if (status != SLU_OK)
        why = *err;
    else if (holds)
        status = snapshot_commit(job, &why);
    snapshots->busy = false;
    if (status != SLU_OK && holds)
        slu_log_warn(snapshots->server->env, "KV-SNAPSHOT-FAILED", "no snapshot of the rows in %s: %s", job->dir, why.message);
    if (status != SLU_OK || !holds)
        snapshot_drop_files(job);
    job_free(job);
    fluss_kv_snapshots_retire(snapshots->server);
    slu_timer_set(snapshots->timer, 0); /* the pass goes on */
}

static slu_status
tablet_dir(const fluss_kv_snapshots *snapshots, const fluss_tablet *tablet, slu_arena *arena, const char **out, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    const fluss_table_row *row = &tablet->table->row;
    fluss_partition_row partition = {0};
    if (tablet->partition_id != FLUSS_NO_PARTITION)
        SLU_TRY(fluss_catalogue_get_partition_by_id(snapshots->server->catalogue, row->id, tablet->partition_id, arena, &partition,
                                                    err));
    const fluss_remote_place place = {row->database, row->name, row->id, partition.name, tablet->partition_id, tablet->bucket};
    SLU_TRY(fluss_remote_bucket_dir(snapshots->root, FLUSS_REMOTE_KV, &place, dir, err));
    *out = slu_arena_strdup(arena, dir);
    return slu_arena_status(arena, err);
}

/* What the job needs to know; the checkpoint is begun last. */
static slu_status
snapshot_prepare(kv_job *job, fluss_tablet *tablet, slu_error *err)
{
    fluss_kv_snapshots *snapshots = job->owner;
    fluss_server *server = snapshots->server;
    const fluss_kv_bucket of = bucket_of(tablet);
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    fluss_kv_tablet *kv = NULL;
    SLU_TRY(tablet_dir(snapshots, tablet, &job->arena, &job->dir, err));
    SLU_TRY(fluss_catalogue_next_kv_snapshot(server->catalogue, &of, &job->snapshot.snapshot_id, err));
    SLU_TRY(fluss_catalogue_list_kv_snapshots(server->catalogue, &of, &job->arena, &rows, &count, err));
    const char *local = slu_arena_printf(&job->arena, "%s/%" PRId64 "-%" PRId64 "-%" PRId32, snapshots->local_dir, of.table_id,
                                         of.partition_id, of.bucket);
    SLU_TRY(slu_arena_status(&job->arena, err));
    const fluss_kv_write write = {.env = server->env,
                                  .checkpoint_dir = local,
                                  .tablet_dir = job->dir,
                                  .store = job->store,
                                  .stop = &snapshots->stopping};
    job->write = write;
    job->snapshot.table_id = of.table_id;
    job->snapshot.partition_id = of.partition_id;
    job->snapshot.bucket = of.bucket;
    SLU_TRY(fluss_tables_kv(server->tables, tablet, &kv, err));
    SLU_TRY(fluss_kv_tablet_checkpoint(kv, &job->checkpoint, &job->state, err));
    job->before_location = count != 0 && rows[0].lineage == job->state.lineage ? rows[0].location : NULL;
    return SLU_OK;
}

static void
snapshot_begin(fluss_kv_snapshots *snapshots, fluss_tablet *tablet)
{
    slu_error why;
    kv_job *job = job_new(snapshots);
    if (job == NULL)
        return;
    if (snapshot_prepare(job, tablet, &why) != SLU_OK) {
        slu_log_warn(snapshots->server->env, "KV-SNAPSHOT-FAILED", "no snapshot of bucket %" PRId32 " of table %s.%s: %s",
                     tablet->bucket, tablet->table->row.database, tablet->table->row.name, why.message);
        job_free(job);
        return;
    }
    snapshots->busy = true;
    snapshots->busy_of = bucket_of(tablet);
    snapshots->busy_id = job->snapshot.snapshot_id;
    job_submit(job, snapshot_run, snapshot_done);
}

/* ---- the pass ---- */

static int64_t
tablet_snapshot_offset(fluss_server *server, fluss_tablet *tablet)
{
    if (!tablet->snapshot_known) {
        slu_error why;
        SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
        fluss_kv_snapshot_row *rows = NULL;
        size_t count = 0;
        const fluss_kv_bucket of = bucket_of(tablet);
        slu_arena_init(&arena, SNAPSHOTS_ARENA_BYTES_MAX);
        if (fluss_catalogue_list_kv_snapshots(server->catalogue, &of, &arena, &rows, &count, &why) != SLU_OK)
            return INT64_MAX; /* next time */
        tablet->snapshot_offset = count == 0 ? 0 : rows[0].log_offset;
        tablet->snapshot_known = true;
    }
    return tablet->snapshot_offset;
}

static bool
tablet_changed(fluss_server *server, fluss_tablet *tablet)
{
    return tablet->kv != NULL && fluss_kv_tablet_applied(tablet->kv) > tablet_snapshot_offset(server, tablet);
}

/* One for which there is no memory is looked at in the next pass. */
static void
pass_look(void *context, fluss_tablet *tablet)
{
    fluss_kv_snapshots *snapshots = context;
    if (!tablet_changed(snapshots->server, tablet))
        return;
    if (snapshots->changed_count == snapshots->changed_room) {
        const size_t room = snapshots->changed_room == 0 ? 64 : 2 * snapshots->changed_room;
        fluss_kv_bucket *changed = slu_realloc(snapshots->changed, room * sizeof *changed);
        if (changed == NULL)
            return;
        snapshots->changed = changed;
        snapshots->changed_room = room;
    }
    snapshots->changed[snapshots->changed_count++] = bucket_of(tablet);
}

static fluss_tablet *
pass_next(fluss_kv_snapshots *snapshots)
{
    while (snapshots->changed_next < snapshots->changed_count) {
        const fluss_kv_bucket *of = &snapshots->changed[snapshots->changed_next++];
        fluss_tablet *tablet = fluss_tables_peek(snapshots->server->tables, of->table_id, of->partition_id, of->bucket);
        if (tablet != NULL && tablet_changed(snapshots->server, tablet))
            return tablet;
    }
    return NULL;
}

static void
pass_begin(fluss_kv_snapshots *snapshots)
{
    slu_error why;
    const fluss_server *server = snapshots->server;
    const int64_t now_ms = slu_now_ms(server->env);
    snapshots->in_pass = true;
    snapshots->changed_count = 0;
    snapshots->changed_next = 0;
    fluss_tables_each(snapshots->server->tables, pass_look, snapshots);
    if (now_ms - snapshots->leases_looked_ms >= server->config->kv_snapshot_lease_check_interval_ms) {
        snapshots->leases_looked_ms = now_ms; /* one that has expired holds nothing in any case: here its rows go */
        if (fluss_catalogue_expire_kv_leases(server->catalogue, &why) != SLU_OK)
            snapshots_warn(snapshots, "KV-LEASES", &why);
    }
    fluss_kv_snapshots_retire(snapshots->server);
}

/* One step of a pass; the next when its snapshot is in storage. */
static void
snapshots_tick(void *context)
{
    fluss_kv_snapshots *snapshots = context;
    if (snapshots->busy)
        return;
    if (!fluss_remote_claimed(snapshots->server->remote)) { /* not to be had yet */
        slu_timer_set(snapshots->timer, snapshots->server->config->kv_snapshot_interval_ms);
        return;
    }
    fluss_commits_flush(snapshots->server->commits); /* a snapshot holds no row that could still be taken back */
    if (!snapshots->in_pass)
        pass_begin(snapshots);
    fluss_tablet *changed = pass_next(snapshots);
    if (changed == NULL) {
        snapshots->in_pass = false;
        slu_timer_set(snapshots->timer, snapshots->server->config->kv_snapshot_interval_ms);
        return;
    }
    snapshot_begin(snapshots, changed);
    if (!snapshots->busy)
        slu_timer_set(snapshots->timer, 0);
}

/* ---- reading ---- */

/* A snapshot that cannot be read any more is no snapshot: the next pass takes another. */
static void
snapshots_forget(fluss_server *server, const fluss_kv_snapshot_row *row, const slu_error *why)
{
    slu_error failed;
    slu_log_warn(server->env, "KV-SNAPSHOT-DAMAGED", "%s is left out, and is forgotten: %s", row->location, why->message);
    fluss_tablet *tablet = fluss_tables_peek(server->tables, row->of.table_id, row->of.partition_id, row->of.bucket);
    if (tablet != NULL)
        tablet->snapshot_known = false;
    if (fluss_catalogue_drop_kv_snapshot(server->catalogue, &row->of, row->snapshot_id, &failed) != SLU_OK)
        snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-LEFTOVER", &failed);
    else
        snapshots_sweep(server->kv_snapshots, &row->of, row->location);
}

/* NOTFOUND: it is damaged, and forgotten now. */
static slu_status
snapshots_load(fluss_server *server, const fluss_kv_snapshot_row *row, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err)
{
    slu_error why = {0};
    const fluss_store *store = fluss_remote_store(server->remote);
    slu_status status = fluss_kv_files_load(store, row->location, arena, out, &why);
    if (status == SLU_OK && store->local) /* what lies beyond the network is looked at by whoever reads it */
        status = fluss_kv_files_check(store, out, &why);
    if (status == SLU_NOTFOUND || status == SLU_CORRUPT) {
        snapshots_forget(server, row, &why);
        return slu_error_set(err, SLU_NOTFOUND, "%s", why.message);
    }
    if (status != SLU_OK && err != NULL)
        *err = why;
    return status;
}

/* A bucket whose snapshot was damaged is put into use, so that the next pass takes another. */
static void
snapshots_replace(fluss_server *server, const fluss_kv_bucket *of)
{
    slu_error why;
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    slu_status status = fluss_tables_get_by_id(server->tables, of->table_id, &table, &why);
    if (status == SLU_OK)
        status = fluss_tables_tablet(server->tables, table, of->partition_id, of->bucket, &tablet, &why);
    if (status == SLU_OK)
        status = fluss_tables_kv(server->tables, tablet, &kv, &why);
    if (status != SLU_OK)
        snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-FAILED", &why);
}

slu_status
fluss_kv_snapshots_newest(fluss_server *server, const fluss_kv_bucket *of, slu_arena *arena, fluss_kv_snapshot_row *out,
                          slu_error *err)
{
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_kv_snapshots(server->catalogue, of, arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        fluss_kv_snapshot files;
        const slu_status status = snapshots_load(server, &rows[i], arena, &files, err);
        if (status == SLU_NOTFOUND) {
            snapshots_replace(server, of);
            continue;
        }
        SLU_TRY(status);
        *out = rows[i];
        return SLU_OK;
    }
    return slu_error_set(err, SLU_NOTFOUND, "there is no kv snapshot");
}

slu_status
fluss_kv_snapshots_get(fluss_server *server, const fluss_kv_bucket *of, int64_t snapshot_id, slu_arena *arena,
                       fluss_kv_snapshot *out, slu_error *err)
{
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_kv_snapshots(server->catalogue, of, arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].snapshot_id != snapshot_id)
            continue;
        const slu_status status = snapshots_load(server, &rows[i], arena, out, err);
        if (status == SLU_NOTFOUND)
            snapshots_replace(server, of);
        SLU_TRY(status);
        return fluss_kv_snapshots_pin(server, &rows[i], 1, err);
    }
    return slu_error_set(err, SLU_NOTFOUND, "Kv snapshot not found");
}

slu_status
fluss_kv_snapshots_pin(fluss_server *server, const fluss_kv_snapshot_row *rows, size_t count, slu_error *err)
{
    const int64_t until = slu_wall_ms(server->env) + FLUSS_KV_PIN_MS + SNAPSHOTS_PIN_SLACK_MS;
    for (size_t i = 0; i < count; i++)
        if (rows[i].pinned_ms + SNAPSHOTS_PIN_SLACK_MS < until)
            return fluss_catalogue_pin_kv_snapshots(server->catalogue, rows, count, until, err);
    return SLU_OK;
}

int64_t
fluss_kv_snapshots_retain(fluss_server *server, const fluss_tablet *tablet)
{
    slu_error why;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    const fluss_kv_bucket of = bucket_of(tablet);
    slu_arena_init(&arena, SNAPSHOTS_ARENA_BYTES_MAX);
    if (fluss_catalogue_list_kv_snapshots(server->catalogue, &of, &arena, &rows, &count, &why) != SLU_OK || count == 0)
        return 0;
    return rows[count - 1].log_offset;
}

slu_status
fluss_kv_snapshots_restore(void *context, const fluss_tablet *tablet, int64_t low, int64_t high, const char *dir, slu_error *err)
{
    fluss_server *server = context;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    const fluss_kv_bucket of = bucket_of(tablet);
    slu_arena_init(&arena, SNAPSHOTS_ARENA_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_kv_snapshots(server->catalogue, &of, &arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        fluss_kv_snapshot files;
        if (rows[i].log_offset < low || rows[i].log_offset > high)
            continue;
        const slu_status status = snapshots_load(server, &rows[i], &arena, &files, err);
        if (status == SLU_NOTFOUND)
            continue;
        SLU_TRY(status);
        SLU_TRY(fluss_kv_files_restore(fluss_remote_store(server->remote), &files, dir, err));
        slu_log_info(server->env, "KV-RESTORED", "%s begins again from %s, at offset %" PRId64, dir, rows[i].location,
                     rows[i].log_offset);
        return SLU_OK;
    }
    return SLU_NOTFOUND;
}

/* ---- life ---- */

static slu_status
snapshots_dirs(fluss_kv_snapshots *snapshots, slu_error *err)
{
    const char *data_dir = snapshots->server->options.data_dir;
    if (snprintf(snapshots->local_dir, sizeof snapshots->local_dir, "%s/.checkpoints", data_dir) >= SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", data_dir);
    snapshots->root = fluss_remote_root(snapshots->server->remote);
    return slu_dir_remove(snapshots->local_dir, err);
}

/* What an earlier process left halfway, or dropped and did not remove. */
static slu_status
snapshots_sweep_all(fluss_kv_snapshots *snapshots, slu_error *err)
{
    fluss_kv_snapshot_row *rows = NULL;
    kv_job *job = job_new(snapshots);
    if (job == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to sweep kv snapshots");
    slu_status status = fluss_catalogue_all_kv_snapshots(snapshots->server->catalogue, &job->arena, &rows, &job->kept_count, err);
    fluss_kv_kept *kept = status == SLU_OK ? slu_arena_array(&job->arena, job->kept_count + 1, sizeof *kept) : NULL;
    for (size_t i = 0; kept != NULL && i < job->kept_count; i++) {
        const fluss_kv_kept one = {rows[i].of.table_id, rows[i].of.partition_id, rows[i].snapshot_id, rows[i].of.bucket};
        kept[i] = one;
    }
    job->kept = kept;
    job->dir = slu_arena_strdup(&job->arena, snapshots->root);
    if (status == SLU_OK)
        status = slu_arena_status(&job->arena, err);
    if (status == SLU_OK && fluss_remote_claimed(snapshots->server->remote))
        job_submit(job, sweep_all_run, sweep_done);
    else
        job_free(job);
    return status;
}

slu_status
fluss_kv_snapshots_open(fluss_server *server, fluss_kv_snapshots **out, slu_error *err)
{
    fluss_kv_snapshots *snapshots = slu_alloc_zero(1, sizeof *snapshots);
    if (snapshots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for kv snapshots");
    snapshots->server = server;
    atomic_init(&snapshots->stopping, false);
    *out = snapshots; /* close frees what there is */
    SLU_TRY(snapshots_dirs(snapshots, err));
    SLU_TRY(slu_timer_open(server->loop, snapshots_tick, snapshots, &snapshots->timer, err));
    SLU_TRY(snapshots_sweep_all(snapshots, err));
    if (server->config->kv_snapshot_interval_ms > 0)
        slu_timer_set(snapshots->timer, server->config->kv_snapshot_interval_ms);
    return SLU_OK;
}

void
fluss_kv_snapshots_stop(fluss_kv_snapshots *snapshots)
{
    if (snapshots != NULL)
        atomic_store(&snapshots->stopping, true);
}

void
fluss_kv_snapshots_close(fluss_kv_snapshots **snapshots)
{
    if (*snapshots == NULL)
        return;
    if ((*snapshots)->timer != NULL)
        slu_timer_close(&(*snapshots)->timer);
    slu_free((*snapshots)->changed);
    slu_free(*snapshots);
    *snapshots = NULL;
}
