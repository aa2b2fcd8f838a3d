/* snapshot_read.c: snapshots for clients, and for stores that begin again; see snapshots.h. */
#include "fluss/server/kv/snapshots_internal.h"

#include <inttypes.h>

#define SNAPSHOTS_PIN_SLACK_MS ((int64_t)60 * 1000) /* the catalogue is written at most this often for a snapshot that is read */

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
        kv_snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-LEFTOVER", &failed);
    else
        kv_snapshots_sweep(server->kv_snapshots, &row->of, row->location);
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
        kv_snapshots_warn(server->kv_snapshots, "KV-SNAPSHOT-FAILED", &why);
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
    const fluss_kv_bucket of = kv_bucket_of(tablet);
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
    const fluss_kv_bucket of = kv_bucket_of(tablet);
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
