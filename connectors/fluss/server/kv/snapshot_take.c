/* snapshot_take.c: one bucket's rows on their way to storage; see snapshots.h. */
#include "fluss/server/kv/snapshots_internal.h"

#include "base/file.h"
#include "base/limits.h"
#include "fluss/server/commits.h"

#include <inttypes.h>

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
    if (job->before_location != NULL &&
        fluss_kv_files_load(job->store, job->before_location, &job->arena, &before, NULL) == SLU_OK &&
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
        kv_snapshots_sweep(job->owner, &job->owner->busy_of, location);
}

static void
snapshot_done(fluss_job *base, slu_status status, const slu_error *err)
{
    kv_job *job = (kv_job *)base;
    fluss_kv_snapshots *snapshots = job->owner;
    slu_error why = {0};
    if (status == SLU_CLOSED && atomic_load(&snapshots->stopping)) { /* the server ends */
        (void)slu_kv_checkpoint_end(&job->checkpoint);
        kv_job_free(job);
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
    kv_job_free(job);
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
    const fluss_kv_bucket of = kv_bucket_of(tablet);
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    fluss_kv_tablet *kv = NULL;
    SLU_TRY(tablet_dir(snapshots, tablet, &job->arena, &job->dir, err));
    SLU_TRY(fluss_catalogue_next_kv_snapshot(server->catalogue, &of, &job->snapshot.snapshot_id, err));
    SLU_TRY(fluss_catalogue_list_kv_snapshots(server->catalogue, &of, &job->arena, &rows, &count, err));
    const char *local = slu_arena_printf(&job->arena, "%s/%" PRId64 "-%" PRId64 "-%" PRId32, snapshots->local_dir, of.table_id,
                                         of.partition_id, of.bucket);
    SLU_TRY(slu_arena_status(&job->arena, err));
    const fluss_kv_write write = {
        .env = server->env, .checkpoint_dir = local, .tablet_dir = job->dir, .store = job->store, .stop = &snapshots->stopping};
    job->write = write;
    job->snapshot.table_id = of.table_id;
    job->snapshot.partition_id = of.partition_id;
    job->snapshot.bucket = of.bucket;
    SLU_TRY(fluss_tables_kv(server->tables, tablet, &kv, err));
    SLU_TRY(fluss_kv_tablet_checkpoint(kv, &job->checkpoint, &job->state, err));
    job->before_location = count != 0 && rows[0].lineage == job->state.lineage ? rows[0].location : NULL;
    return SLU_OK;
}

void
kv_snapshot_begin(fluss_kv_snapshots *snapshots, fluss_tablet *tablet)
{
    slu_error why;
    kv_job *job = kv_job_new(snapshots);
    if (job == NULL)
        return;
    if (snapshot_prepare(job, tablet, &why) != SLU_OK) {
        slu_log_warn(snapshots->server->env, "KV-SNAPSHOT-FAILED", "no snapshot of bucket %" PRId32 " of table %s.%s: %s",
                     tablet->bucket, tablet->table->row.database, tablet->table->row.name, why.message);
        kv_job_free(job);
        return;
    }
    snapshots->busy = true;
    snapshots->busy_of = kv_bucket_of(tablet);
    snapshots->busy_id = job->snapshot.snapshot_id;
    kv_job_submit(job, snapshot_run, snapshot_done);
}
