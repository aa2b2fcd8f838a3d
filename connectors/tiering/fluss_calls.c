#include "fluss_calls.h"

#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#include "base/alloc.h"

/* Generated messages take char * and never write through it. */
static char *
text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static Fluss__PbTablePath
table_path(const char *database, const char *table)
{
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    path.database_name = text(database);
    path.table_name = text(table);
    return path;
}

static slu_status
calls_table_id(void *self, const char *database, const char *table, int64_t *out, slu_error *err)
{
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request.table_path = &path;
    SLU_TRY(fluss_client_ask(self, FLUSS_TO_COORDINATOR, FLUSS_API_GET_TABLE_INFO, &request.base, &answer, err));
    *out = ((const Fluss__GetTableInfoResponse *)answer->message)->table_id;
    return SLU_OK;
}

static slu_status
calls_lake_snapshot(void *self, const char *database, const char *table, int64_t *out, slu_error *err)
{
    Fluss__GetLakeSnapshotRequest request = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    slu_error own;
    request.table_path = &path;
    const slu_status status =
        fluss_client_ask(self, FLUSS_TO_COORDINATOR, FLUSS_API_GET_LAKE_SNAPSHOT, &request.base, &answer, &own);
    if (status != SLU_OK && own.code == FLUSS_ERROR_LAKE_SNAPSHOT_NOT_EXIST) {
        *out = TIERING_NO_SNAPSHOT;
        return SLU_OK;
    }
    if (status != SLU_OK) {
        if (err != NULL)
            *err = own;
        return status;
    }
    *out = ((const Fluss__GetLakeSnapshotResponse *)answer->message)->snapshot_id;
    return SLU_OK;
}

static slu_status
prepared_path(const Fluss__PrepareLakeTableSnapshotResponse *answer, int64_t table_id, char *path, slu_error *err)
{
    for (size_t i = 0; i < answer->n_prepare_lake_table_resp; i++) {
        const Fluss__PbPrepareLakeTableRespForTable *entry = answer->prepare_lake_table_resp[i];
        if (entry->has_table_id && entry->table_id != table_id)
            continue;
        if (entry->has_error_code && entry->error_code != 0)
            return fluss_error_set(err, entry->error_code, entry->error_message);
        if (entry->lake_table_offsets_path == NULL || strlen(entry->lake_table_offsets_path) >= TIERING_PATH_BYTES_MAX)
            return slu_error_set(err, SLU_CORRUPT, "Fluss prepared offsets without a path, or with one of more than %d bytes",
                                 TIERING_PATH_BYTES_MAX);
        memcpy(path, entry->lake_table_offsets_path, strlen(entry->lake_table_offsets_path) + 1);
        return SLU_OK;
    }
    return slu_error_set(err, SLU_CORRUPT, "Fluss prepared nothing for table id %lld", (long long)table_id);
}

static slu_status
calls_prepare(void *self, const tiering_piece *round, const tiering_end_offset *ends, size_t count, char *path, slu_error *err)
{
    Fluss__PrepareLakeTableSnapshotRequest request = FLUSS__PREPARE_LAKE_TABLE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTableOffsets offsets = FLUSS__PB_TABLE_OFFSETS__INIT;
    Fluss__PbTableOffsets *tables[1] = {&offsets};
    Fluss__PbTablePath table = table_path(round->database, round->table);
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    Fluss__PbBucketOffset *buckets = slu_alloc_zero(count, sizeof *buckets);
    Fluss__PbBucketOffset **pointers = slu_alloc_zero(count, sizeof *pointers);
    slu_status status =
        buckets == NULL || pointers == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %zu offsets", count) : SLU_OK;
    for (size_t i = 0; i < count && status == SLU_OK; i++) {
        fluss__pb_bucket_offset__init(&buckets[i]);
        buckets[i].has_partition_id = ends[i].partition_id != TIERING_NO_PARTITION;
        buckets[i].partition_id = ends[i].partition_id;
        buckets[i].bucket_id = ends[i].bucket;
        buckets[i].has_log_end_offset = 1;
        buckets[i].log_end_offset = ends[i].end;
        pointers[i] = &buckets[i];
    }
    offsets.table_id = round->table_id;
    offsets.table_path = &table;
    offsets.n_bucket_offsets = count;
    offsets.bucket_offsets = pointers;
    request.n_bucket_offsets = 1;
    request.bucket_offsets = tables;
    if (status == SLU_OK)
        status = fluss_client_ask(self, FLUSS_TO_COORDINATOR, FLUSS_API_PREPARE_LAKE_TABLE_SNAPSHOT, &request.base, &answer, err);
    slu_free(buckets);
    slu_free(pointers);
    SLU_TRY(status);
    return prepared_path((const Fluss__PrepareLakeTableSnapshotResponse *)answer->message, round->table_id, path, err);
}

static slu_status
committed_answer(const Fluss__CommitLakeTableSnapshotResponse *answer, int64_t table_id, slu_error *err)
{
    for (size_t i = 0; i < answer->n_table_resp; i++) {
        const Fluss__PbCommitLakeTableSnapshotRespForTable *entry = answer->table_resp[i];
        if (entry->table_id == table_id)
            return entry->has_error_code && entry->error_code != 0 ? fluss_error_set(err, entry->error_code, entry->error_message)
                                                                   : SLU_OK;
    }
    return slu_error_set(err, SLU_CORRUPT, "Fluss did not answer for table id %lld", (long long)table_id);
}

static slu_status
calls_commit(void *self, const tiering_piece *round, int64_t snapshot, const char *path, bool keep_all, slu_error *err)
{
    Fluss__CommitLakeTableSnapshotRequest request = FLUSS__COMMIT_LAKE_TABLE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbLakeTableSnapshotMetadata metadata = FLUSS__PB_LAKE_TABLE_SNAPSHOT_METADATA__INIT;
    Fluss__PbLakeTableSnapshotMetadata *list[1] = {&metadata};
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    metadata.table_id = round->table_id;
    metadata.snapshot_id = snapshot;
    metadata.tiered_bucket_offsets_file_path = text(path);
    metadata.readable_bucket_offsets_file_path = keep_all ? NULL : text(path);
    metadata.has_earliest_snapshot_id_to_keep = keep_all;
    metadata.earliest_snapshot_id_to_keep = -1;
    request.n_lake_table_snapshot_metadata = 1;
    request.lake_table_snapshot_metadata = list;
    SLU_TRY(fluss_client_ask(self, FLUSS_TO_COORDINATOR, FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, &request.base, &answer, err));
    return committed_answer((const Fluss__CommitLakeTableSnapshotResponse *)answer->message, round->table_id, err);
}

static slu_status
calls_report(void *self, const tiering_piece *round, bool finished, slu_error *err)
{
    Fluss__LakeTieringHeartbeatRequest request = FLUSS__LAKE_TIERING_HEARTBEAT_REQUEST__INIT;
    Fluss__PbHeartbeatReqForTable table = FLUSS__PB_HEARTBEAT_REQ_FOR_TABLE__INIT;
    Fluss__PbHeartbeatReqForTable *list[1] = {&table};
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    table.table_id = round->table_id;
    table.coordinator_epoch = round->coordinator_epoch;
    table.tiering_epoch = round->tiering_epoch;
    request.n_finished_tables = finished;
    request.finished_tables = finished ? list : NULL;
    request.n_failed_tables = !finished;
    request.failed_tables = finished ? NULL : list;
    SLU_TRY(fluss_client_ask(self, FLUSS_TO_COORDINATOR, FLUSS_API_LAKE_TIERING_HEARTBEAT, &request.base, &answer, err));
    const Fluss__LakeTieringHeartbeatResponse *response = (const Fluss__LakeTieringHeartbeatResponse *)answer->message;
    const size_t count = finished ? response->n_finished_table_resp : response->n_failed_table_resp;
    Fluss__PbHeartbeatRespForTable **entries = finished ? response->finished_table_resp : response->failed_table_resp;
    for (size_t i = 0; i < count; i++)
        if (entries[i]->table_id == round->table_id && entries[i]->error != NULL)
            return fluss_error_set(err, entries[i]->error->error_code, entries[i]->error->error_message);
    return SLU_OK;
}

tiering_fluss
tiering_fluss_of(fluss_client *client)
{
    return (tiering_fluss){.self = client,
                           .table_id = calls_table_id,
                           .lake_snapshot = calls_lake_snapshot,
                           .prepare = calls_prepare,
                           .commit = calls_commit,
                           .report = calls_report};
}
