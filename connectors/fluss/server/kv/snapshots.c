#include "fluss/server/kv/snapshots_internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "fluss/server/commits.h"

#include <inttypes.h>

/* ---- the pass ---- */

static int64_t
tablet_snapshot_offset(fluss_server *server, fluss_tablet *tablet)
{
    if (!tablet->snapshot_known) {
        slu_error why;
        SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
        fluss_kv_snapshot_row *rows = NULL;
        size_t count = 0;
        const fluss_kv_bucket of = kv_bucket_of(tablet);
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
    snapshots->changed[snapshots->changed_count++] = kv_bucket_of(tablet);
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
            kv_snapshots_warn(snapshots, "KV-LEASES", &why);
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
    kv_snapshot_begin(snapshots, changed);
    if (!snapshots->busy)
        slu_timer_set(snapshots->timer, 0);
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
    SLU_TRY(kv_snapshots_sweep_all(snapshots, err));
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
