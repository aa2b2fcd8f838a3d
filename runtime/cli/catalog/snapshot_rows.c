#include "snapshot_rows.h"

#include "base/alloc.h"
#include "fluss/client/snapshot_reader.h"
#include "log_table.h"

#define STEP_MS 100
#define LEASE_MS ((int64_t)10 * 60 * 1000)

typedef struct rows_reading {
    fluss_target *target;
    int64_t *start;
    int64_t *stop;
    const int32_t *columns;
    uint32_t column_count;
    cli_snapshot_batch batch;
    void *context;
    char lease[FLUSS_LEASE_ID_BYTES]; /* "": none */
} rows_reading;

static slu_status
batch_next(fluss_target *target, fluss_snapshot_reader *reader, struct ArrowArray *out, slu_error *err)
{
    const slu_env *env = fluss_client_env(fluss_target_client(target));
    const int64_t deadline_ms = slu_now_ms(env) + LOG_TABLE_TIMEOUT_MS;
    slu_status status = SLU_AGAIN;
    while ((status = fluss_snapshot_reader_poll(reader, out, err)) == SLU_AGAIN) {
        if (slu_now_ms(env) >= deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "table %s: no answer for %d ms", fluss_target_name(target),
                                 LOG_TABLE_TIMEOUT_MS);
        SLU_TRY(fluss_client_stop_check(fluss_target_client(target), err));
        fluss_client_step(fluss_target_client(target), STEP_MS);
    }
    return status;
}

static slu_status
bucket_rows(const rows_reading *r, const fluss_snapshot_at *at, fluss_snapshot_reader *reader, slu_error *err)
{
    for (;;) {
        fluss_scan_batch batch = {.bucket = at->bucket, .writer_id = -1, .sequence = -1};
        const slu_status status = batch_next(r->target, reader, &batch.array, err);
        if (status == SLU_END)
            return SLU_OK;
        SLU_TRY(status);
        batch.count = batch.array.length;
        SLU_TRY(r->batch(r->context, &batch, err));
    }
}

/* A range that ended before the snapshot was taken is read up to it. */
static slu_status
bucket_read(const rows_reading *r, const fluss_snapshot_at *at, slu_error *err)
{
    fluss_snapshot_reader *reader = NULL;
    const fluss_snapshot_options options = {.columns = r->columns, .column_count = r->column_count};
    SLU_TRY(fluss_snapshot_reader_open(r->target, at->bucket, at->snapshot_id, &options, &reader, err));
    const slu_status status = bucket_rows(r, at, reader, err);
    fluss_snapshot_reader_close(&reader);
    SLU_TRY(status);
    r->start[at->bucket] = at->log_offset;
    if (r->stop[at->bucket] < at->log_offset)
        r->stop[at->bucket] = at->log_offset;
    return SLU_OK;
}

/* Asked before the first row of a bucket is handed out. */
static slu_status
bucket_take(const rows_reading *r, const fluss_snapshot_at *at, slu_error *err)
{
    slu_error why = {0};
    if (at->snapshot_id == FLUSS_NO_SNAPSHOT)
        return SLU_OK;
    const slu_status reachable = fluss_snapshot_reachable(r->target, at, &why);
    if (reachable == SLU_OK)
        return bucket_read(r, at, err);
    const bool other = reachable != SLU_UNSUPPORTED && reachable != SLU_IO && reachable != SLU_NOTFOUND;
    if (!other && r->start[at->bucket] == 0)
        return SLU_OK;
    if (err != NULL)
        *err = why;
    return other ? reachable
                 : slu_error_in(err, reachable,
                                "table %s: its rows are in kv snapshots, and its changelog does not begin at offset 0 any more",
                                fluss_target_name(r->target));
}

static slu_status
slot_lease(rows_reading *r, int32_t slot, fluss_snapshot_at *at, slu_error *err)
{
    const size_t count = (size_t)fluss_target_table(r->target)->bucket_count;
    SLU_TRY(fluss_snapshots_list(r->target, slot, at, err));
    if (r->lease[0] == 0)
        fluss_lease_id_make(fluss_target_client(r->target), r->lease);
    const slu_status status = fluss_lease_acquire(r->target, r->lease, LEASE_MS, at, count, err);
    return status == SLU_UNSUPPORTED ? SLU_OK : status; /* a server without leases: the files live long enough for most */
}

static slu_status
slots_read(rows_reading *r, const bool *wanted, fluss_snapshot_at *at, slu_error *err)
{
    for (int32_t slot = 0; slot < fluss_target_slot_count(r->target); slot++) {
        if ((wanted != NULL && !wanted[slot]) || fluss_target_slot(r->target, slot).gone)
            continue;
        SLU_TRY(slot_lease(r, slot, at, err));
        for (int32_t i = 0; i < fluss_target_table(r->target)->bucket_count; i++)
            SLU_TRY(bucket_take(r, &at[i], err));
    }
    return SLU_OK;
}

slu_status
cli_snapshot_rows(fluss_target *target, int64_t *start, int64_t *stop, const bool *wanted, const int32_t *columns,
                  uint32_t column_count, cli_snapshot_batch batch, void *context, slu_error *err)
{
    rows_reading r = {target, start, stop, columns, column_count, batch, context, {0}};
    slu_error ignored; /* the lease expires by itself */
    fluss_snapshot_at *at = slu_alloc((size_t)fluss_target_table(target)->bucket_count * sizeof *at);
    if (at == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for kv snapshots");
    const slu_status status = slots_read(&r, wanted, at, err);
    if (r.lease[0] != 0 && fluss_lease_drop(fluss_target_client(target), r.lease, &ignored) != SLU_OK)
        r.lease[0] = 0;
    slu_free(at);
    return status;
}
