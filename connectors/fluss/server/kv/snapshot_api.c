/* snapshot_api.c: what clients ask about kv snapshots, and the leases that keep them. */
#include "fluss/server/kv/snapshots.h"
#include "base/fail.h"
#include "fluss/server/reply.h"

#include <inttypes.h>

/* ---- the newest ---- */

/* The table of the request, and its partition's id. */
static slu_status
latest_place(const fluss_request *r, const Fluss__GetLatestKvSnapshotsRequest *request, fluss_served **out_table,
             int64_t *out_partition_id, slu_error *err)
{
    const Fluss__PbTablePath *path = request->table_path;
    fluss_served *table = NULL;
    SLU_TRY(fluss_tables_get(r->server->tables, path->database_name, path->table_name, &table, err));
    const bool partitioned = table->table.partition_column_count != 0;
    if (table->table.key_column_count == 0)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID,
                                             "Table '%s.%s' is not a primary key table, so it doesn't have any kv snapshots.",
                                             path->database_name, path->table_name),
                               FLUSS_ERROR_NON_PRIMARY_KEY_TABLE_EXCEPTION);
    if (request->partition_name != NULL && !partitioned)
        return slu_error_coded(
            err,
            slu_error_set(err, SLU_INVALID, "Table '%s.%s' is not a partitioned table.", path->database_name, path->table_name),
            FLUSS_ERROR_TABLE_NOT_PARTITIONED_EXCEPTION);
    if (request->partition_name == NULL && partitioned)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID,
                                             "Table '%s.%s' is a partitioned table, but partition name is not provided.",
                                             path->database_name, path->table_name),
                               FLUSS_ERROR_PARTITION_NOT_EXISTS);
    *out_table = table;
    *out_partition_id = FLUSS_NO_PARTITION;
    if (!partitioned)
        return SLU_OK;
    const slu_status found =
        fluss_catalogue_get_partition(r->server->catalogue, table->row.id, request->partition_name, out_partition_id, err);
    if (found == SLU_NOTFOUND)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND, "The partition '%s' of table '%s.%s' does not exist.",
                                             request->partition_name, path->database_name, path->table_name),
                               FLUSS_ERROR_PARTITION_NOT_EXISTS);
    return found;
}

static slu_status
latest_bucket(const fluss_request *r, const fluss_kv_bucket *of, Fluss__PbKvSnapshot *out, fluss_kv_snapshot_row *row,
              slu_error *err)
{
    fluss__pb_kv_snapshot__init(out);
    out->bucket_id = of->bucket;
    const slu_status status = fluss_kv_snapshots_newest(r->server, of, r->arena, row, err);
    if (status == SLU_NOTFOUND)
        return SLU_OK; /* the changelog has all rows */
    SLU_TRY(status);
    out->has_snapshot_id = true;
    out->snapshot_id = row->snapshot_id;
    out->has_log_offset = true;
    out->log_offset = row->log_offset;
    return SLU_OK;
}

slu_status
fluss_handle_latest_kv_snapshots(fluss_request *r, slu_error *err)
{
    const Fluss__GetLatestKvSnapshotsRequest *request = (const Fluss__GetLatestKvSnapshotsRequest *)r->message;
    Fluss__GetLatestKvSnapshotsResponse response = FLUSS__GET_LATEST_KV_SNAPSHOTS_RESPONSE__INIT;
    fluss_served *table = NULL;
    int64_t partition_id = 0;
    SLU_TRY(latest_place(r, request, &table, &partition_id, err));
    const size_t count = (size_t)table->table.bucket_count;
    Fluss__PbKvSnapshot **list = (Fluss__PbKvSnapshot **)fluss_reply_list(r->arena, count, sizeof **list);
    fluss_kv_snapshot_row *named = slu_arena_array(r->arena, count, sizeof *named);
    size_t named_count = 0;
    SLU_TRY(slu_arena_status(r->arena, err));
    for (size_t i = 0; i < count; i++) {
        const fluss_kv_bucket of = {table->row.id, partition_id, (int32_t)i};
        SLU_TRY(latest_bucket(r, &of, list[i], &named[named_count], err));
        named_count += list[i]->has_snapshot_id ? 1 : 0;
    }
    SLU_TRY(fluss_kv_snapshots_pin(r->server, named, named_count, err));
    response.table_id = table->row.id;
    response.has_partition_id = partition_id != FLUSS_NO_PARTITION;
    response.partition_id = partition_id;
    response.n_latest_snapshots = count;
    response.latest_snapshots = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- the files of one ---- */

static void
bucket_name(const fluss_kv_bucket *of, char *out, size_t room)
{
    if (of->partition_id == FLUSS_NO_PARTITION)
        (void)snprintf(out, room, "TableBucket{tableId=%" PRId64 ", bucket=%" PRId32 "}", of->table_id, of->bucket);
    else
        (void)snprintf(out, room, "TableBucket{tableId=%" PRId64 ", partitionId=%" PRId64 ", bucket=%" PRId32 "}", of->table_id,
                       of->partition_id, of->bucket);
}

static void
files_to_reply(const fluss_kv_file *files, size_t count, Fluss__PbRemotePathAndLocalFile **out)
{
    for (size_t i = 0; i < count; i++) {
        fluss__pb_remote_path_and_local_file__init(out[i]);
        out[i]->remote_path = fluss_reply_text(files[i].path);
        out[i]->local_file_name = fluss_reply_text(files[i].local_name);
    }
}

slu_status
fluss_handle_kv_snapshot_metadata(fluss_request *r, slu_error *err)
{
    const Fluss__GetKvSnapshotMetadataRequest *request = (const Fluss__GetKvSnapshotMetadataRequest *)r->message;
    Fluss__GetKvSnapshotMetadataResponse response = FLUSS__GET_KV_SNAPSHOT_METADATA_RESPONSE__INIT;
    const fluss_kv_bucket of = {request->table_id, request->has_partition_id ? request->partition_id : FLUSS_NO_PARTITION,
                                request->bucket_id};
    fluss_kv_snapshot snapshot;
    slu_error why = {0};
    const slu_status status = fluss_kv_snapshots_get(r->server, &of, request->snapshot_id, r->arena, &snapshot, &why);
    if (status != SLU_OK) {
        char name[128];
        bucket_name(&of, name, sizeof name);
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND,
                                             "Failed to get kv snapshot metadata for table bucket %s and snapshot id %" PRId64
                                             ". Error: %s",
                                             name, request->snapshot_id, why.message),
                               FLUSS_ERROR_KV_SNAPSHOT_NOT_EXIST);
    }
    const size_t count = snapshot.own_count + snapshot.shared_count;
    Fluss__PbRemotePathAndLocalFile **list = (Fluss__PbRemotePathAndLocalFile **)fluss_reply_list(r->arena, count, sizeof **list);
    SLU_TRY(slu_arena_status(r->arena, err));
    files_to_reply(snapshot.own, snapshot.own_count, list);
    files_to_reply(snapshot.shared, snapshot.shared_count, list + snapshot.own_count);
    response.log_offset = snapshot.log_offset;
    response.n_snapshot_files = count;
    response.snapshot_files = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- all that are kept (Fluss 1.0) ---- */

slu_status
fluss_handle_list_kv_snapshots(fluss_request *r, slu_error *err)
{
    const Fluss__ListKvSnapshotsRequest *request = (const Fluss__ListKvSnapshotsRequest *)r->message;
    Fluss__ListKvSnapshotsResponse response = FLUSS__LIST_KV_SNAPSHOTS_RESPONSE__INIT;
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    const int64_t partition_id = request->has_partition_id ? request->partition_id : FLUSS_NO_PARTITION;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, request->table_id, &table, err));
    SLU_TRY(fluss_tables_tablet(r->server->tables, table, partition_id, 0, &tablet, err)); /* is there such a partition? */
    SLU_TRY(fluss_catalogue_kv_snapshots_of(r->server->catalogue, request->table_id, partition_id, r->arena, &rows, &count, err));
    Fluss__PbKvSnapshot **list = (Fluss__PbKvSnapshot **)fluss_reply_list(r->arena, count, sizeof **list);
    SLU_TRY(slu_arena_status(r->arena, err));
    for (size_t i = 0; i < count; i++) {
        fluss__pb_kv_snapshot__init(list[i]);
        list[i]->bucket_id = rows[i].of.bucket;
        list[i]->has_snapshot_id = true;
        list[i]->snapshot_id = rows[i].snapshot_id;
        list[i]->has_log_offset = true;
        list[i]->log_offset = rows[i].log_offset;
    }
    response.table_id = request->table_id;
    response.has_partition_id = request->has_partition_id;
    response.partition_id = request->partition_id;
    response.n_active_snapshots = count;
    response.active_snapshots = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- leases ---- */

static slu_status
lease_table(const fluss_request *r, int64_t table_id, slu_error *err)
{
    fluss_served *table = NULL;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, table_id, &table, err));
    return table->table.key_column_count != 0
               ? SLU_OK
               : slu_error_coded(err,
                                 slu_error_set(err, SLU_INVALID, "Table '%s.%s' is not a primary key table", table->row.database,
                                               table->row.name),
                                 FLUSS_ERROR_NON_PRIMARY_KEY_TABLE_EXCEPTION);
}

static slu_status
lease_buckets(const fluss_request *r, const Fluss__AcquireKvSnapshotLeaseRequest *request, fluss_kv_lease_bucket **out,
              size_t *out_count, slu_error *err)
{
    size_t count = 0;
    for (size_t t = 0; t < request->n_snapshots_to_lease; t++) {
        SLU_TRY(lease_table(r, request->snapshots_to_lease[t]->table_id, err));
        count += request->snapshots_to_lease[t]->n_bucket_snapshots;
    }
    fluss_kv_lease_bucket *buckets = slu_arena_array(r->arena, count + 1, sizeof *buckets);
    if (buckets == NULL)
        return slu_arena_status(r->arena, err);
    *out = buckets;
    *out_count = count;
    for (size_t t = 0; t < request->n_snapshots_to_lease; t++) {
        const Fluss__PbKvSnapshotLeaseForTable *table = request->snapshots_to_lease[t];
        for (size_t b = 0; b < table->n_bucket_snapshots; b++, buckets++) {
            const Fluss__PbKvSnapshotLeaseForBucket *from = table->bucket_snapshots[b];
            buckets->of.table_id = table->table_id;
            buckets->of.partition_id = from->has_partition_id ? from->partition_id : FLUSS_NO_PARTITION;
            buckets->of.bucket = from->bucket_id;
            buckets->snapshot_id = from->snapshot_id;
        }
    }
    return SLU_OK;
}

/* The buckets of request table `t` whose snapshot is gone. *at walks over what acquire answered, in the order of the request. */
static bool
lease_missing(const Fluss__PbKvSnapshotLeaseForTable *table, const fluss_kv_lease_bucket **at,
              Fluss__PbKvSnapshotLeaseForTable *out)
{
    out->table_id = table->table_id;
    for (size_t b = 0; b < table->n_bucket_snapshots; b++, (*at)++)
        if (!(*at)->available)
            out->bucket_snapshots[out->n_bucket_snapshots++] = table->bucket_snapshots[b];
    return out->n_bucket_snapshots != 0;
}

static slu_status
lease_answer(fluss_request *r, const Fluss__AcquireKvSnapshotLeaseRequest *request, const fluss_kv_lease_bucket *buckets,
             slu_error *err)
{
    Fluss__AcquireKvSnapshotLeaseResponse response = FLUSS__ACQUIRE_KV_SNAPSHOT_LEASE_RESPONSE__INIT;
    const size_t count = request->n_snapshots_to_lease;
    Fluss__PbKvSnapshotLeaseForTable **tables =
        (Fluss__PbKvSnapshotLeaseForTable **)fluss_reply_list(r->arena, count, sizeof **tables);
    SLU_TRY(slu_arena_status(r->arena, err));
    response.unavailable_snapshots = tables;
    for (size_t t = 0; t < count; t++) {
        const Fluss__PbKvSnapshotLeaseForTable *table = request->snapshots_to_lease[t];
        Fluss__PbKvSnapshotLeaseForTable *out = tables[response.n_unavailable_snapshots];
        fluss__pb_kv_snapshot_lease_for_table__init(out);
        out->bucket_snapshots = slu_arena_array(r->arena, table->n_bucket_snapshots + 1, sizeof *out->bucket_snapshots);
        SLU_TRY(slu_arena_status(r->arena, err));
        response.n_unavailable_snapshots += lease_missing(table, &buckets, out);
    }
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_acquire_kv_snapshot_lease(fluss_request *r, slu_error *err)
{
    const Fluss__AcquireKvSnapshotLeaseRequest *request = (const Fluss__AcquireKvSnapshotLeaseRequest *)r->message;
    fluss_kv_lease_bucket *buckets = NULL;
    size_t count = 0;
    const int64_t now = slu_wall_ms(r->server->env);
    const int64_t expires = request->lease_duration_ms > INT64_MAX - now ? INT64_MAX : now + request->lease_duration_ms;
    SLU_TRY(lease_buckets(r, request, &buckets, &count, err));
    SLU_TRY_IN(fluss_catalogue_acquire_kv_lease(r->server->catalogue, request->lease_id, expires, buckets, count, err), err,
               "Failed to acquire kv snapshot lease for %s", request->lease_id);
    return lease_answer(r, request, buckets, err);
}

slu_status
fluss_handle_release_kv_snapshot_lease(fluss_request *r, slu_error *err)
{
    const Fluss__ReleaseKvSnapshotLeaseRequest *request = (const Fluss__ReleaseKvSnapshotLeaseRequest *)r->message;
    const Fluss__ReleaseKvSnapshotLeaseResponse response = FLUSS__RELEASE_KV_SNAPSHOT_LEASE_RESPONSE__INIT;
    const size_t count = request->n_buckets_to_release;
    fluss_kv_bucket *buckets = slu_arena_array(r->arena, count + 1, sizeof *buckets);
    if (buckets == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < count; i++) {
        const Fluss__PbTableBucket *from = request->buckets_to_release[i];
        SLU_TRY(lease_table(r, from->table_id, err));
        buckets[i].table_id = from->table_id;
        buckets[i].partition_id = from->has_partition_id ? from->partition_id : FLUSS_NO_PARTITION;
        buckets[i].bucket = from->bucket_id;
    }
    SLU_TRY_IN(fluss_catalogue_release_kv_lease(r->server->catalogue, request->lease_id, buckets, count, err), err,
               "Failed to release kv snapshot lease for %s", request->lease_id);
    fluss_kv_snapshots_retire(r->server);
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_drop_kv_snapshot_lease(fluss_request *r, slu_error *err)
{
    const Fluss__DropKvSnapshotLeaseRequest *request = (const Fluss__DropKvSnapshotLeaseRequest *)r->message;
    const Fluss__DropKvSnapshotLeaseResponse response = FLUSS__DROP_KV_SNAPSHOT_LEASE_RESPONSE__INIT;
    SLU_TRY_IN(fluss_catalogue_drop_kv_lease(r->server->catalogue, request->lease_id, err), err,
               "Failed to drop kv snapshot lease for %s", request->lease_id);
    fluss_kv_snapshots_retire(r->server);
    return fluss_request_answer(r, &response.base, err);
}
