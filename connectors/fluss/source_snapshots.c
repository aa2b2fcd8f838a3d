#include "source_snapshots.h"

#include "base/alloc.h"
#include "fluss/client/admin.h"

#include <stdio.h>

#define SNAPSHOT_BATCH_BYTES_MAX ((size_t)1 << 20)

/* ---- Planning ---- */

static bool
any_snapshot(const fluss_snapshot_at *at, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (at[i].snapshot_id != FLUSS_NO_SNAPSHOT)
            return true;
    return false;
}

/* A snapshot that went between list and lease is listed again: a newer one took its place. */
static slu_status
lease_take(fluss_face *face, int32_t slot, source_lease *lease, fluss_snapshot_at *at, slu_error *err)
{
    const int32_t count = fluss_target_table(face->target)->bucket_count;
    for (int tries = 0; tries < 3; tries++) {
        bool gone = false;
        SLU_TRY(fluss_snapshots_list(face->target, slot, at, err));
        if (!any_snapshot(at, count) || (lease->asked && lease->id[0] == 0))
            return SLU_OK;
        if (!lease->asked)
            fluss_lease_id_make(face->client, lease->id);
        lease->asked = true;
        fluss_snapshot_at *leased = slu_alloc((size_t)count * sizeof *leased);
        if (leased == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a lease");
        memcpy(leased, at, (size_t)count * sizeof *leased);
        const slu_status status = fluss_lease_acquire(face->target, lease->id, lease->duration_ms, leased, (size_t)count, err);
        for (int32_t i = 0; i < count && status == SLU_OK; i++)
            gone = gone || leased[i].snapshot_id != at[i].snapshot_id;
        slu_free(leased);
        if (status == SLU_UNSUPPORTED) {
            lease->id[0] = 0;
            slu_log_warn(&face->env, "KV-LEASE",
                         "table %s.%s: the server has no leases, so that its kv snapshots may go while they are read",
                         face->database, face->table);
            return SLU_OK;
        }
        SLU_TRY(status);
        if (!gone)
            return SLU_OK;
    }
    return slu_error_set(err, SLU_NOTFOUND, "the kv snapshots of the table go faster than they can be leased");
}

/* The files cannot be had. Where the changelog still has all, it will do. */
static slu_status
fall_back(fluss_face *face, int32_t slot, fluss_snapshot_at *at, const slu_error *why, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    const size_t count = (size_t)table->bucket_count;
    bool whole = true;
    int64_t *earliest = slu_alloc(count * sizeof *earliest);
    if (earliest == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for offsets");
    const slu_status status =
        fluss_admin_list_offsets(face->client, table->table_id, fluss_target_slot(face->target, slot).id, FLUSS_OFFSETS_EARLIEST, 0,
                                 fluss_target_slot_leaders(face->target, slot), table->bucket_count, earliest, err);
    for (size_t i = 0; i < count && status == SLU_OK; i++)
        whole = whole && earliest[i] == 0;
    slu_free(earliest);
    SLU_TRY(status);
    if (!whole) {
        *err = *why;
        return slu_error_in(err, why->status,
                            "the rows are in kv snapshots, and the changelog does not begin at offset 0 any more (start: "
                            "earliest reads what is left of it)");
    }
    slu_log_warn(&face->env, "KV-SNAPSHOT", "table %s.%s is read from the beginning of its changelog: %s", face->database,
                 face->table, why->message);
    for (size_t i = 0; i < count; i++)
        at[i].snapshot_id = FLUSS_NO_SNAPSHOT;
    return SLU_OK;
}

slu_status
source_snapshots_plan(fluss_face *face, int32_t slot, source_lease *lease, fluss_snapshot_at *at, slu_error *err)
{
    const int32_t count = fluss_target_table(face->target)->bucket_count;
    SLU_TRY(lease_take(face, slot, lease, at, err));
    for (int32_t i = 0; i < count; i++) {
        slu_error why = {0};
        if (at[i].snapshot_id == FLUSS_NO_SNAPSHOT)
            continue;
        const slu_status status = fluss_snapshot_reachable(face->target, &at[i], &why);
        if (status == SLU_OK)
            return SLU_OK; /* one tells for all: they lie in the same storage */
        if (status != SLU_UNSUPPORTED && status != SLU_IO) {
            *err = why;
            return status;
        }
        return fall_back(face, slot, at, &why, err);
    }
    return SLU_OK;
}

/* ---- Running ---- */

static void
reader_end(source_snapshots *snapshots)
{
    fluss_snapshot_reader_close(&snapshots->reader);
    snapshots->reading = NULL;
}

void
source_snapshots_fini(source_snapshots *snapshots)
{
    reader_end(snapshots);
    slu_free(snapshots->kinds);
    snapshots->kinds = NULL;
    snapshots->kinds_rows = 0;
}

void
source_snapshots_forget(source_snapshots *snapshots, const bucket_split *split)
{
    if (snapshots->reading == split)
        reader_end(snapshots);
}

static slu_status
kinds_reserve(source_snapshots *snapshots, int64_t rows, slu_error *err)
{
    if (rows <= snapshots->kinds_rows)
        return SLU_OK;
    slu_free(snapshots->kinds);
    snapshots->kinds_rows = 0;
    snapshots->kinds = slu_alloc((size_t)rows);
    if (snapshots->kinds == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld rows", (long long)rows);
    memset(snapshots->kinds, SLU_ROW_INSERT, (size_t)rows);
    snapshots->kinds_rows = rows;
    return SLU_OK;
}

static bucket_split *
next_split(const source_splits *splits)
{
    for (uint32_t i = 0; i < splits->count; i++)
        if (splits->items[i]->snapshot_id != FLUSS_NO_SNAPSHOT)
            return splits->items[i];
    return NULL;
}

static slu_status
reader_begin(source_snapshots *snapshots, fluss_face *face, bucket_split *split, const source_reading *plan, slu_error *err)
{
    const fluss_snapshot_options options = {
        .columns = plan->columns,
        .column_count = plan->column_count,
        .skip_rows = split->snapshot_rows,
        .batch_bytes_max = plan->buffer_bytes / 8 < SNAPSHOT_BATCH_BYTES_MAX ? plan->buffer_bytes / 8 : SNAPSHOT_BATCH_BYTES_MAX};
    SLU_TRY(fluss_snapshot_reader_open(face->target, split->number, split->snapshot_id, &options, &snapshots->reader, err));
    snapshots->reading = split;
    return SLU_OK;
}

static void
renew(source_snapshots *snapshots, fluss_face *face, const source_splits *splits, int64_t lease_ms)
{
    const int64_t now_ms = face->host->now_ms(face->host);
    if (now_ms < snapshots->renew_at_ms)
        return;
    snapshots->renew_at_ms = now_ms + lease_ms / 3;
    for (uint32_t i = 0; i < splits->count; i++) {
        const bucket_split *split = splits->items[i];
        const fluss_snapshot_at at = {split->number, split->snapshot_id, split->offset};
        if (split->snapshot_id != FLUSS_NO_SNAPSHOT && split->lease[0] != 0 && split->number >= 0)
            fluss_lease_renew_later(face->target, split->lease, lease_ms, &at, 1);
    }
}

static slu_status
batch_emit(source_snapshots *snapshots, fluss_face *face, struct ArrowArray *batch, slu_error *err)
{
    slu_status status = kinds_reserve(snapshots, batch->length, err);
    slu_emit emit = {.size = sizeof emit, .array = batch, .kinds = snapshots->kinds};
    if (status == SLU_OK)
        status = face->host->emit(face->host, &emit, err);
    if (batch->release != NULL)
        batch->release(batch);
    if (status == SLU_OK)
        snapshots->reading->snapshot_rows = fluss_snapshot_reader_rows(snapshots->reader);
    return status == SLU_OK ? SLU_MORE : status;
}

static slu_status
split_ended(source_snapshots *snapshots, bucket_split **out_ended)
{
    *out_ended = snapshots->reading;
    snapshots->reading->snapshot_id = FLUSS_NO_SNAPSHOT;
    reader_end(snapshots);
    return SLU_MORE;
}

/* Before the first row the changelog will do, if it still begins at 0; else the scanner says that it does not. */
static slu_status
split_failed(source_snapshots *snapshots, fluss_face *face, slu_status status, bucket_split **out_ended, slu_error *err)
{
    bucket_split *split = snapshots->reading;
    if (status != SLU_NOTFOUND && status != SLU_UNSUPPORTED && status != SLU_IO)
        return status;
    if (split->snapshot_rows != 0)
        return slu_error_in(err, status, "%lld rows of it were read: the job must begin anew", (long long)split->snapshot_rows);
    slu_log_warn(&face->env, "KV-SNAPSHOT", "bucket %d of table %s.%s is read from the beginning of its changelog: %s",
                 split->bucket, face->database, face->table, err->message);
    split->offset = 0;
    return split_ended(snapshots, out_ended);
}

slu_status
source_snapshots_poll(source_snapshots *snapshots, fluss_face *face, const source_splits *splits, const source_reading *plan,
                      bucket_split **out_ended, slu_error *err)
{
    struct ArrowArray batch = {0};
    slu_error why = {0};
    *out_ended = NULL;
    if (snapshots->reader == NULL) {
        bucket_split *split = next_split(splits);
        if (split == NULL)
            return SLU_END;
        const slu_status ready =
            fluss_target_slot_ready(face->target, fluss_target_slot_of(face->target, split->number), false, err);
        if (ready == SLU_NOTFOUND) { /* the partition was dropped: the scanner will find that too */
            split->snapshot_id = FLUSS_NO_SNAPSHOT;
            *out_ended = split;
            return SLU_MORE;
        }
        if (ready != SLU_OK)
            return ready;
        SLU_TRY(reader_begin(snapshots, face, split, plan, err));
    }
    renew(snapshots, face, splits, plan->lease_ms);
    const slu_status status = fluss_snapshot_reader_poll(snapshots->reader, &batch, &why);
    if (status == SLU_OK)
        return batch_emit(snapshots, face, &batch, err);
    if (status == SLU_END)
        return split_ended(snapshots, out_ended);
    if (status == SLU_AGAIN)
        return SLU_AGAIN;
    const slu_status failed = split_failed(snapshots, face, status, out_ended, &why);
    if (failed < 0 && err != NULL)
        *err = why;
    return failed;
}

/* ---- Leases that are not needed any more ---- */

static bool
is_over(const bucket_split *split)
{
    return split->lease[0] != 0 && split->snapshot_id == FLUSS_NO_SNAPSHOT && split->number >= 0;
}

static void
release(fluss_face *face, bucket_split *split)
{
    fluss_lease_release_later(face->target, split->lease, &split->number, 1);
    split->lease[0] = 0;
}

void
source_snapshots_checkpoint(source_snapshots *snapshots, source_splits *splits, int64_t checkpoint)
{
    snapshots->checkpointed = true;
    for (uint32_t i = 0; i < splits->count; i++)
        if (is_over(splits->items[i]) && splits->items[i]->over_at == 0)
            splits->items[i]->over_at = checkpoint + 1;
}

void
source_snapshots_complete(source_snapshots *snapshots, fluss_face *face, source_splits *splits, int64_t checkpoint)
{
    (void)snapshots;
    for (uint32_t i = 0; i < splits->count; i++) {
        bucket_split *split = splits->items[i];
        if (is_over(split) && split->over_at != 0 && split->over_at - 1 <= checkpoint)
            release(face, split);
    }
}

void
source_snapshots_end(source_snapshots *snapshots, fluss_face *face, source_splits *splits)
{
    for (uint32_t i = 0; i < splits->count && !snapshots->checkpointed; i++)
        if (is_over(splits->items[i]))
            release(face, splits->items[i]);
}
