#include "snapshot_lease.h"

#include "base/alloc.h"
#include "target_internal.h"

#include <inttypes.h>

#define LEASE_BUCKETS_MAX ((size_t)1 << 20)

void
fluss_lease_id_make(fluss_client *client, char out[FLUSS_LEASE_ID_BYTES])
{
    const slu_env *env = fluss_client_env(client);
    const uint64_t a = env->random(env);
    const uint64_t b = env->random(env);
    (void)snprintf(out, FLUSS_LEASE_ID_BYTES, "sluice-%016" PRIx64 "%016" PRIx64, a, b);
}

/* ---- which there are ---- */

slu_status
fluss_snapshots_take(const fluss_target *target, int32_t slot, const fluss_answer *answer, fluss_snapshot_at *out, slu_error *err)
{
    const Fluss__GetLatestKvSnapshotsResponse *response = (const Fluss__GetLatestKvSnapshotsResponse *)answer->message;
    const fluss_table *table = fluss_target_table(target);
    if (response->table_id != table->table_id)
        return slu_error_set(err, SLU_CONFLICT, "table %s was dropped and created anew", fluss_target_name(target));
    for (int32_t i = 0; i < table->bucket_count; i++)
        out[i] = (fluss_snapshot_at){slot * table->bucket_count + i, FLUSS_NO_SNAPSHOT, -1};
    for (size_t i = 0; i < response->n_latest_snapshots; i++) {
        const Fluss__PbKvSnapshot *at = response->latest_snapshots[i];
        if (!at->has_snapshot_id)
            continue;
        if (at->bucket_id < 0 || at->bucket_id >= table->bucket_count || at->snapshot_id < 0 || !at->has_log_offset ||
            at->log_offset < 0)
            return slu_error_set(err, SLU_CORRUPT, "kv snapshot %" PRId64 " of bucket %d, offset %" PRId64, at->snapshot_id,
                                 at->bucket_id, at->log_offset);
        out[at->bucket_id].snapshot_id = at->snapshot_id;
        out[at->bucket_id].log_offset = at->log_offset;
    }
    return SLU_OK;
}

/* `path` holds what the request points to. */
static void
list_request(const fluss_target *target, int32_t slot, Fluss__PbTablePath *path, Fluss__GetLatestKvSnapshotsRequest *request)
{
    *path = (Fluss__PbTablePath)FLUSS__PB_TABLE_PATH__INIT;
    *request = (Fluss__GetLatestKvSnapshotsRequest)FLUSS__GET_LATEST_KV_SNAPSHOTS_REQUEST__INIT;
    path->database_name = target->database;
    path->table_name = target->table_name;
    request->table_path = path;
    request->partition_name = (char *)(uintptr_t)fluss_target_slot(target, slot).name;
}

slu_status
fluss_snapshots_list(fluss_target *target, int32_t slot, fluss_snapshot_at *out, slu_error *err)
{
    Fluss__GetLatestKvSnapshotsRequest request;
    Fluss__PbTablePath path;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    list_request(target, slot, &path, &request);
    SLU_TRY_IN(
        fluss_client_ask(fluss_target_client(target), FLUSS_TO_ANY, FLUSS_API_GET_LATEST_KV_SNAPSHOTS, &request.base, &answer, err),
        err, "kv snapshots of table %s", fluss_target_name(target));
    return fluss_snapshots_take(target, slot, answer, out, err);
}

slu_status
fluss_snapshots_ask(fluss_target *target, int32_t slot, fluss_on_answer on_answer, void *context, fluss_call **out, slu_error *err)
{
    Fluss__GetLatestKvSnapshotsRequest request;
    Fluss__PbTablePath path;
    list_request(target, slot, &path, &request);
    return fluss_client_call(fluss_target_client(target), FLUSS_TO_ANY, FLUSS_API_GET_LATEST_KV_SNAPSHOTS, &request.base, on_answer,
                             context, out, err);
}

/* ---- acquire ---- */

typedef struct lease_request {
    Fluss__AcquireKvSnapshotLeaseRequest request;
    Fluss__PbKvSnapshotLeaseForTable table;
    Fluss__PbKvSnapshotLeaseForTable *tables[1];
    Fluss__PbKvSnapshotLeaseForBucket **pointers;
    Fluss__PbKvSnapshotLeaseForBucket *buckets;
} lease_request;

static void
lease_request_fini(lease_request *r)
{
    slu_free(r->pointers);
    slu_free(r->buckets);
}

static slu_status
lease_request_init(lease_request *r, const fluss_target *target, const char *lease_id, int64_t duration_ms,
                   const fluss_snapshot_at *at, size_t count, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    *r = (lease_request){.request = FLUSS__ACQUIRE_KV_SNAPSHOT_LEASE_REQUEST__INIT,
                         .table = FLUSS__PB_KV_SNAPSHOT_LEASE_FOR_TABLE__INIT};
    r->pointers = slu_alloc_zero(count + 1, sizeof(Fluss__PbKvSnapshotLeaseForBucket *));
    r->buckets = slu_alloc_zero(count + 1, sizeof *r->buckets);
    if (count > LEASE_BUCKETS_MAX || r->pointers == NULL || r->buckets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lease of %zu buckets", count);
    for (size_t i = 0; i < count; i++) {
        if (at[i].snapshot_id == FLUSS_NO_SNAPSHOT)
            continue;
        Fluss__PbKvSnapshotLeaseForBucket *bucket = &r->buckets[r->table.n_bucket_snapshots];
        fluss__pb_kv_snapshot_lease_for_bucket__init(bucket);
        bucket->partition_id = fluss_target_partition_id(target, at[i].bucket);
        bucket->has_partition_id = bucket->partition_id >= 0;
        bucket->bucket_id = at[i].bucket % table->bucket_count;
        bucket->snapshot_id = at[i].snapshot_id;
        r->pointers[r->table.n_bucket_snapshots++] = bucket;
    }
    r->table.table_id = table->table_id;
    r->table.bucket_snapshots = r->pointers;
    r->tables[0] = &r->table;
    r->request.lease_id = (char *)(uintptr_t)lease_id;
    r->request.lease_duration_ms = duration_ms;
    r->request.n_snapshots_to_lease = 1;
    r->request.snapshots_to_lease = r->tables;
    return SLU_OK;
}

static void
lease_gone(const fluss_target *target, const Fluss__PbKvSnapshotLeaseForBucket *gone, fluss_snapshot_at *at, size_t count)
{
    const int32_t bucket = fluss_target_bucket_find(target, gone->has_partition_id ? gone->partition_id : -1, gone->bucket_id);
    for (size_t i = 0; i < count; i++)
        if (at[i].bucket == bucket)
            at[i].snapshot_id = FLUSS_NO_SNAPSHOT;
}

static slu_status
lease_ask(fluss_target *target, lease_request *r, fluss_snapshot_at *at, size_t count, slu_error *err)
{
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    SLU_TRY_IN(fluss_client_ask(fluss_target_client(target), FLUSS_TO_COORDINATOR, FLUSS_API_ACQUIRE_KV_SNAPSHOT_LEASE,
                                &r->request.base, &answer, err),
               err, "lease on kv snapshots of table %s", fluss_target_name(target));
    const Fluss__AcquireKvSnapshotLeaseResponse *response = (const Fluss__AcquireKvSnapshotLeaseResponse *)answer->message;
    for (size_t t = 0; t < response->n_unavailable_snapshots; t++)
        for (size_t b = 0; b < response->unavailable_snapshots[t]->n_bucket_snapshots; b++)
            lease_gone(target, response->unavailable_snapshots[t]->bucket_snapshots[b], at, count);
    return SLU_OK;
}

slu_status
fluss_lease_acquire(fluss_target *target, const char *lease_id, int64_t duration_ms, fluss_snapshot_at *at, size_t count,
                    slu_error *err)
{
    lease_request r;
    slu_status status = lease_request_init(&r, target, lease_id, duration_ms, at, count, err);
    if (status == SLU_OK && r.table.n_bucket_snapshots != 0)
        status = lease_ask(target, &r, at, count, err);
    lease_request_fini(&r);
    return status;
}

slu_status
fluss_lease_drop(fluss_client *client, const char *lease_id, slu_error *err)
{
    Fluss__DropKvSnapshotLeaseRequest request = FLUSS__DROP_KV_SNAPSHOT_LEASE_REQUEST__INIT;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request.lease_id = (char *)(uintptr_t)lease_id;
    return fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_DROP_KV_SNAPSHOT_LEASE, &request.base, &answer, err);
}

/* ---- sent and not waited for ---- */

static void
lease_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_client *client = context;
    (void)answer;
    if (failure != NULL)
        slu_log_debug(client->env, "KV-LEASE", "%s", failure->message);
}

static void
lease_send(fluss_client *client, int16_t api, const ProtobufCMessage *request)
{
    fluss_call *call = NULL;
    slu_error why;
    if (fluss_client_call(client, FLUSS_TO_COORDINATOR, api, request, lease_answered, client, &call, &why) != SLU_OK)
        slu_log_debug(client->env, "KV-LEASE", "%s", why.message);
}

void
fluss_lease_renew_later(fluss_target *target, const char *lease_id, int64_t duration_ms, const fluss_snapshot_at *at, size_t count)
{
    lease_request r;
    if (lease_request_init(&r, target, lease_id, duration_ms, at, count, NULL) == SLU_OK && r.table.n_bucket_snapshots != 0)
        lease_send(fluss_target_client(target), FLUSS_API_ACQUIRE_KV_SNAPSHOT_LEASE, &r.request.base);
    lease_request_fini(&r);
}

void
fluss_lease_release_later(fluss_target *target, const char *lease_id, const int32_t *buckets, size_t count)
{
    Fluss__ReleaseKvSnapshotLeaseRequest request = FLUSS__RELEASE_KV_SNAPSHOT_LEASE_REQUEST__INIT;
    Fluss__PbTableBucket **pointers = slu_alloc_zero(count + 1, sizeof(Fluss__PbTableBucket *));
    Fluss__PbTableBucket *list = slu_alloc_zero(count + 1, sizeof *list);
    for (size_t i = 0; pointers != NULL && list != NULL && i < count; i++) {
        fluss__pb_table_bucket__init(&list[i]);
        list[i].table_id = fluss_target_table(target)->table_id;
        list[i].partition_id = fluss_target_partition_id(target, buckets[i]);
        list[i].has_partition_id = list[i].partition_id >= 0;
        list[i].bucket_id = buckets[i] % fluss_target_table(target)->bucket_count;
        pointers[i] = &list[i];
    }
    request.lease_id = (char *)(uintptr_t)lease_id;
    request.n_buckets_to_release = count;
    request.buckets_to_release = pointers;
    if (pointers != NULL && list != NULL && count != 0)
        lease_send(fluss_target_client(target), FLUSS_API_RELEASE_KV_SNAPSHOT_LEASE, &request.base);
    slu_free(pointers);
    slu_free(list);
}
