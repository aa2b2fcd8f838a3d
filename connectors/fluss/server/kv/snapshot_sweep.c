/* snapshot_sweep.c: jobs for the background thread, and those that remove files; see snapshots_internal.h. */
#include "fluss/server/kv/snapshots_internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

fluss_kv_bucket
kv_bucket_of(const fluss_tablet *tablet)
{
    const fluss_kv_bucket of = {tablet->table->row.id, tablet->partition_id, tablet->bucket};
    return of;
}

bool
kv_bucket_equal(const fluss_kv_bucket *a, const fluss_kv_bucket *b)
{
    return a->table_id == b->table_id && a->partition_id == b->partition_id && a->bucket == b->bucket;
}

kv_job *
kv_job_new(fluss_kv_snapshots *snapshots)
{
    kv_job *job = slu_alloc_zero(1, sizeof *job);
    if (job != NULL) {
        job->owner = snapshots;
        job->store = fluss_remote_store(snapshots->server->remote);
        slu_arena_init(&job->arena, SNAPSHOTS_ARENA_BYTES_MAX);
    }
    return job;
}

void
kv_job_free(kv_job *job)
{
    slu_arena_fini(&job->arena);
    slu_free(job);
}

void
kv_job_submit(kv_job *job, slu_status (*run)(fluss_job *, slu_error *), void (*done)(fluss_job *, slu_status, const slu_error *))
{
    job->job.run = run;
    job->job.done = done;
    fluss_background_submit(job->owner->server->background, &job->job);
}

void
kv_snapshots_warn(const fluss_kv_snapshots *snapshots, const char *event, const slu_error *why)
{
    slu_log_warn(snapshots->server->env, event, "%s", why->message);
}

/* What a sweep or a removal leaves is swept at the next start. */
static void
sweep_done(fluss_job *base, slu_status status, const slu_error *err)
{
    kv_job *job = (kv_job *)base;
    if (status != SLU_OK && status != SLU_CLOSED)
        slu_log_warn(job->owner->server->env, "KV-SNAPSHOT-LEFTOVER", "old snapshot files are left: %s", err->message);
    kv_job_free(job);
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
    if (snapshots->busy && kv_bucket_equal(&snapshots->busy_of, of))
        ids[count++] = snapshots->busy_id;
    job->kept_ids = ids;
    job->kept_count = count;
    return SLU_OK;
}

void
kv_snapshots_sweep(fluss_kv_snapshots *snapshots, const fluss_kv_bucket *of, const char *location)
{
    slu_error why;
    const char *slash = strrchr(location, '/');
    kv_job *job = slash == NULL ? NULL : kv_job_new(snapshots);
    if (job == NULL)
        return; /* the next start sweeps */
    job->dir = slu_arena_strndup(&job->arena, location, (size_t)(slash - location));
    slu_status status = sweep_kept(job, of, &why);
    if (status == SLU_OK)
        status = slu_arena_status(&job->arena, &why);
    if (status == SLU_OK) {
        kv_job_submit(job, sweep_run, sweep_done);
        return;
    }
    kv_snapshots_warn(snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
    kv_job_free(job);
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
        if (i == 0 || !kv_bucket_equal(&rows[i].of, &rows[i - 1].of))
            kv_snapshots_sweep(snapshots, &rows[i].of, rows[i].location);
    return SLU_OK;
}

void
fluss_kv_snapshots_retire(fluss_server *server)
{
    slu_error why;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_arena_init(&arena, SNAPSHOTS_ARENA_BYTES_MAX);
    if (drop_stale(server->kv_snapshots, &arena, &why) != SLU_OK)
        kv_snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
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
        kv_snapshots_warn(snapshots, "KV-SNAPSHOT-LEFTOVER", &why);
        return;
    }
    if (fluss_remote_store(server->remote)->local && !slu_path_exists(dir) && !snapshots->busy)
        return;
    kv_job *job = kv_job_new(snapshots);
    if (job == NULL)
        return;
    job->dir = slu_arena_strdup(&job->arena, dir);
    if (job->dir == NULL)
        kv_job_free(job);
    else
        kv_job_submit(job, remove_run, sweep_done);
}

slu_status
kv_snapshots_sweep_all(fluss_kv_snapshots *snapshots, slu_error *err)
{
    fluss_kv_snapshot_row *rows = NULL;
    kv_job *job = kv_job_new(snapshots);
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
        kv_job_submit(job, sweep_all_run, sweep_done);
    else
        kv_job_free(job);
    return status;
}
