#include "iceberg_care/expire.h"

#include "iceberg_care/gc.h"
#include "iceberg_care/reach.h"
#include "iceberg_care/removal.h"

#include <time.h>

#define EXPIRE_ARENA_BYTES_MAX ((size_t)1 << 30)
#define AGE_MS_DEFAULT INT64_C(432000000) /* 5 days, as Java */
#define TRIES 8
#define WAIT_MS 50

/* Snapshots by their place in the metadata, and whether they stay. */
typedef struct retention {
    const iceberg_metadata *metadata;
    int64_t now_ms;
    int64_t age_ms;
    int64_t keep_last;
    bool *stays;
    bool *seen; /* in some branch's history */
} retention;

static void
snapshot_keep(const retention *of, const iceberg_snapshot *snapshot)
{
    of->stays[snapshot - of->metadata->snapshots] = true;
}

static const iceberg_snapshot *
parent_of(const iceberg_metadata *metadata, const iceberg_snapshot *snapshot)
{
    return snapshot->parent_id == -1 ? NULL : iceberg_metadata_snapshot_of(metadata, snapshot->parent_id);
}

static void
branch_keep(const retention *of, int64_t head, int64_t keep_last, int64_t age_ms)
{
    const iceberg_metadata *metadata = of->metadata;
    const iceberg_snapshot *snapshot = iceberg_metadata_snapshot_of(metadata, head);
    bool keeps = true;
    /* A history cannot be longer than the snapshots there are: a circle of parents ends here. */
    for (int64_t steps = 0; snapshot != NULL && steps < (int64_t)metadata->snapshot_count; steps++) {
        keeps = keeps && (steps < (keep_last < 1 ? 1 : keep_last) || of->now_ms - snapshot->timestamp_ms <= age_ms);
        if (keeps)
            snapshot_keep(of, snapshot);
        of->seen[snapshot - metadata->snapshots] = true;
        snapshot = parent_of(metadata, snapshot);
    }
}

/* Main's history down to the newest snapshot of a committer that finds its place by it. */
static void
committer_keep(const retention *of)
{
    const iceberg_metadata *metadata = of->metadata;
    const iceberg_snapshot *newest = iceberg_metadata_snapshot(metadata);
    for (uint32_t steps = 0; newest != NULL && steps < metadata->snapshot_count; steps++) {
        if (iceberg_snapshot_property(newest, "commit-user") != NULL)
            break;
        newest = parent_of(metadata, newest);
    }
    if (newest == NULL || iceberg_snapshot_property(newest, "commit-user") == NULL)
        return;
    for (const iceberg_snapshot *at = iceberg_metadata_snapshot(metadata);; at = parent_of(metadata, at)) {
        snapshot_keep(of, at);
        if (at == newest)
            return;
    }
}

static void
retention_decide(const retention *of, const iceberg_expire_options *options)
{
    const iceberg_metadata *metadata = of->metadata;
    for (uint32_t i = 0; i < metadata->ref_count; i++) {
        const iceberg_ref *ref = &metadata->refs[i];
        const iceberg_snapshot *at = iceberg_metadata_snapshot_of(metadata, ref->snapshot_id);
        if (at != NULL && ref->is_tag)
            snapshot_keep(of, at);
        else
            branch_keep(of, ref->snapshot_id, ref->snapshots_min < 0 ? of->keep_last : ref->snapshots_min,
                        ref->snapshot_age_ms < 0 ? of->age_ms : ref->snapshot_age_ms);
    }
    if (iceberg_metadata_snapshot(metadata) != NULL) /* metadata of version 1 may have no refs */
        branch_keep(of, metadata->current_snapshot_id, of->keep_last, of->age_ms);
    committer_keep(of);
    for (size_t i = 0; i < options->keep_count; i++) {
        const iceberg_snapshot *named = iceberg_metadata_snapshot_of(metadata, options->keep[i]);
        if (named != NULL)
            snapshot_keep(of, named);
    }
    for (uint32_t i = 0; i < metadata->snapshot_count; i++)
        if (!of->seen[i] && of->now_ms - metadata->snapshots[i].timestamp_ms <= of->age_ms)
            of->stays[i] = true;
}

typedef struct expiring {
    slu_arena arena;
    int64_t *ids;
    size_t count;
} expiring;

static void
expiring_fini(expiring *work)
{
    slu_arena_fini(&work->arena);
}

static slu_status
expiring_find(const iceberg_catalog *catalog, const iceberg_metadata *metadata, const iceberg_expire_options *options,
              expiring *work, slu_error *err)
{
    slu_arena_reset(&work->arena);
    work->count = 0;
    retention of = {.metadata = metadata,
                    .now_ms = slu_wall_ms(catalog->env),
                    .age_ms = options->age_ms,
                    .keep_last = options->keep_last,
                    .stays = slu_arena_array(&work->arena, metadata->snapshot_count, sizeof *of.stays),
                    .seen = slu_arena_array(&work->arena, metadata->snapshot_count, sizeof *of.seen)};
    work->ids = slu_arena_array(&work->arena, metadata->snapshot_count, sizeof *work->ids);
    SLU_TRY(slu_arena_status(&work->arena, err));
    if (of.age_ms < 0)
        of.age_ms = iceberg_metadata_property_i64(metadata, "history.expire.max-snapshot-age-ms", AGE_MS_DEFAULT);
    if (of.keep_last < 0)
        of.keep_last = iceberg_metadata_property_i64(metadata, "history.expire.min-snapshots-to-keep", 1);
    retention_decide(&of, options);
    for (uint32_t i = 0; i < metadata->snapshot_count; i++)
        if (!of.stays[i])
            work->ids[work->count++] = metadata->snapshots[i].id;
    return SLU_OK;
}

/* ---- the commit ---- */

static bool
all_gone(const iceberg_metadata *metadata, const expiring *work)
{
    for (size_t i = 0; i < work->count; i++)
        if (iceberg_metadata_snapshot_of(metadata, work->ids[i]) != NULL)
            return false;
    return true;
}

static slu_status
expiring_commit(const iceberg_catalog *catalog, iceberg_table *table, const expiring *work, slu_error *err)
{
    slu_error again = {0};
    const iceberg_update update = {.kind = ICEBERG_UPDATE_REMOVE_SNAPSHOTS, .ids = work->ids, .id_count = work->count};
    const iceberg_change change = {{.uuid = table->metadata->uuid}, &update, 1};
    const slu_status status = iceberg_catalog_commit(catalog, table, &change, err);
    if (status == SLU_OK)
        return SLU_OK;
    /* Whatever happened, the table knows: without the snapshots it was done. */
    if (iceberg_catalog_refresh(catalog, table, &again) != SLU_OK)
        return status;
    return all_gone(table->metadata, work) ? SLU_OK : status;
}

static void
wait_a_little(const slu_env *env, int attempt)
{
    const long ms = WAIT_MS << attempt;
    const long random = (long)(env->random(env) % WAIT_MS);
    const struct timespec pause = {(ms + random) / 1000, (ms + random) % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* ---- the files ---- */

typedef struct cleaning {
    iceberg_expired *out;
    iceberg_removal files;
} cleaning;

static void
cleaning_fini(cleaning *work)
{
    iceberg_removal_fini(&work->files);
}

static slu_status
file_clean(void *to, const iceberg_reached *file, slu_error *err)
{
    static const int ORDER[] = {0, 5, 4, 1, 2, 3}; /* by kind: data first, lists last */
    cleaning *work = to;
    iceberg_expired *out = work->out;
    int64_t *const counts[] = {NULL, &out->lists, &out->manifests, &out->data_files, &out->delete_files, &out->others};
    ++*counts[file->kind];
    out->bytes += file->bytes > 0 ? file->bytes : 0;
    return iceberg_removal_add(&work->files, file->location, ORDER[file->kind], err);
}

static bool
is_expiring(const expiring *work, int64_t id)
{
    for (size_t i = 0; i < work->count; i++)
        if (work->ids[i] == id)
            return true;
    return false;
}

static slu_status
kept_reach(const expiring *work, iceberg_reach *kept, iceberg_expired *out, slu_error *err)
{
    const iceberg_metadata *metadata = kept->metadata;
    for (uint32_t i = 0; i < metadata->snapshot_count; i++) {
        if (is_expiring(work, metadata->snapshots[i].id))
            continue;
        SLU_TRY(iceberg_reach_snapshot(kept, &metadata->snapshots[i], err));
        SLU_TRY(iceberg_reach_statistics(kept, metadata->snapshots[i].id, err));
        out->snapshots_kept++;
    }
    return SLU_OK;
}

/* Files of the expired snapshots (of `before`) that nothing of the table as it is now reaches. */
static slu_status
files_clean(const iceberg_store *store, const iceberg_metadata *before, const iceberg_metadata *now, const expiring *work,
            bool dry_run, iceberg_expired *out, slu_error *err)
{
    SLU_AUTO(iceberg_reach_fini) iceberg_reach kept = {0};
    SLU_AUTO(iceberg_reach_fini) iceberg_reach gone = {0};
    SLU_AUTO(cleaning_fini) cleaning clean = {.out = out};
    iceberg_removal_init(&clean.files);
    iceberg_reach_init(&kept, store, now);
    iceberg_reach_init(&gone, store, before);
    kept.live = true;
    gone.but = &kept;
    gone.found = file_clean;
    gone.to = &clean;
    SLU_TRY_IN(kept_reach(work, &kept, out, err), err, "no file was removed: what stays cannot be read");
    for (size_t i = 0; i < work->count; i++) {
        slu_error one = {0};
        const iceberg_snapshot *snapshot = iceberg_metadata_snapshot_of(before, work->ids[i]);
        if (iceberg_reach_snapshot(&gone, snapshot, &one) != SLU_OK)
            out->failed++; /* its list or a manifest is gone already */
        SLU_TRY(iceberg_reach_statistics(&gone, snapshot->id, err));
    }
    if (!dry_run)
        out->failed += iceberg_removal_run(&clean.files, store);
    return SLU_OK;
}

static slu_status
expire_files(const iceberg_catalog *catalog, const iceberg_table *before, const iceberg_table *now, const expiring *work,
             bool dry_run, iceberg_expired *out, slu_error *err)
{
    out->snapshots = (int64_t)work->count;
    return files_clean(iceberg_catalog_store(catalog, now), before->metadata, now->metadata, work, dry_run, out, err);
}

slu_status
iceberg_expire(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_expire_options *options, iceberg_expired *out,
               slu_error *err)
{
    SLU_AUTO(expiring_fini) expiring work = {0};
    slu_arena_init(&work.arena, EXPIRE_ARENA_BYTES_MAX);
    memset(out, 0, sizeof *out);
    SLU_TRY(iceberg_gc_check(table->metadata, err));
    for (int attempt = 0;; attempt++) {
        SLU_AUTO(iceberg_table_fini) iceberg_table before = {0};
        SLU_TRY(iceberg_catalog_load(catalog, table->ns, table->name, &before, err));
        SLU_TRY(expiring_find(catalog, before.metadata, options, &work, err));
        out->snapshots_kept = work.count == 0 ? (int64_t)before.metadata->snapshot_count : 0;
        if (work.count == 0)
            return SLU_OK;
        if (options->dry_run)
            return expire_files(catalog, &before, &before, &work, true, out, err);
        SLU_TRY(iceberg_catalog_refresh(catalog, table, err));
        const slu_status status = expiring_commit(catalog, table, &work, err);
        if (status == SLU_OK)
            return expire_files(catalog, &before, table, &work, false, out, err);
        if (status != SLU_CONFLICT || attempt == TRIES)
            return status;
        wait_a_little(catalog->env, attempt);
    }
}
