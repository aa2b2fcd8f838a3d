/* dispatch.c: which API is answered by which handler; API_VERSIONS lists these and no others. */
#include "base/sizes.h"
#include "fluss/server/server_internal.h"

typedef struct dispatch_entry {
    int16_t key;
    fluss_handler handler;
} dispatch_entry;

static const dispatch_entry dispatch_table[] = {
    {FLUSS_API_API_VERSIONS, fluss_handle_api_versions},
    {FLUSS_API_CREATE_DATABASE, fluss_handle_create_database},
    {FLUSS_API_DROP_DATABASE, fluss_handle_drop_database},
    {FLUSS_API_LIST_DATABASES, fluss_handle_list_databases},
    {FLUSS_API_DATABASE_EXISTS, fluss_handle_database_exists},
    {FLUSS_API_CREATE_TABLE, fluss_handle_create_table},
    {FLUSS_API_DROP_TABLE, fluss_handle_drop_table},
    {FLUSS_API_GET_TABLE_INFO, fluss_handle_get_table_info},
    {FLUSS_API_LIST_TABLES, fluss_handle_list_tables},
    {FLUSS_API_LIST_PARTITION_INFOS, fluss_handle_list_partition_infos},
    {FLUSS_API_TABLE_EXISTS, fluss_handle_table_exists},
    {FLUSS_API_GET_TABLE_SCHEMA, fluss_handle_get_table_schema},
    {FLUSS_API_GET_METADATA, fluss_handle_metadata},
    {FLUSS_API_PRODUCE_LOG, fluss_handle_produce_log},
    {FLUSS_API_FETCH_LOG, fluss_handle_fetch_log},
    {FLUSS_API_PUT_KV, fluss_handle_put_kv},
    {FLUSS_API_LOOKUP, fluss_handle_lookup},
    {FLUSS_API_LIST_OFFSETS, fluss_handle_list_offsets},
    {FLUSS_API_GET_LATEST_KV_SNAPSHOTS, fluss_handle_latest_kv_snapshots},
    {FLUSS_API_GET_KV_SNAPSHOT_METADATA, fluss_handle_kv_snapshot_metadata},
    {FLUSS_API_GET_FILESYSTEM_SECURITY_TOKEN, fluss_handle_security_token},
    {FLUSS_API_INIT_WRITER, fluss_handle_init_writer},
    {FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, fluss_handle_commit_lake_snapshot},
    {FLUSS_API_GET_LAKE_SNAPSHOT, fluss_handle_lake_snapshot},
    {FLUSS_API_LIMIT_SCAN, fluss_handle_limit_scan},
    {FLUSS_API_PREFIX_LOOKUP, fluss_handle_prefix_lookup},
    {FLUSS_API_GET_DATABASE_INFO, fluss_handle_get_database_info},
    {FLUSS_API_CREATE_PARTITION, fluss_handle_create_partition},
    {FLUSS_API_DROP_PARTITION, fluss_handle_drop_partition},
    {FLUSS_API_AUTHENTICATE, fluss_handle_authenticate},
    {FLUSS_API_CREATE_ACLS, fluss_handle_create_acls},
    {FLUSS_API_LIST_ACLS, fluss_handle_list_acls},
    {FLUSS_API_DROP_ACLS, fluss_handle_drop_acls},
    {FLUSS_API_DESCRIBE_CLUSTER_CONFIGS, fluss_handle_describe_configs},
    {FLUSS_API_ALTER_CLUSTER_CONFIGS, fluss_handle_alter_configs},
    {FLUSS_API_LAKE_TIERING_HEARTBEAT, fluss_handle_tiering_heartbeat},
    {FLUSS_API_ALTER_TABLE, fluss_handle_alter_table},
    {FLUSS_API_ADD_SERVER_TAG, fluss_handle_add_server_tag},
    {FLUSS_API_REMOVE_SERVER_TAG, fluss_handle_remove_server_tag},
    {FLUSS_API_REBALANCE, fluss_handle_rebalance},
    {FLUSS_API_LIST_REBALANCE_PROGRESS, fluss_handle_list_rebalance},
    {FLUSS_API_CANCEL_REBALANCE, fluss_handle_cancel_rebalance},
    {FLUSS_API_PREPARE_LAKE_TABLE_SNAPSHOT, fluss_handle_prepare_lake_snapshot},
    {FLUSS_API_REGISTER_PRODUCER_OFFSETS, fluss_handle_register_producer},
    {FLUSS_API_GET_PRODUCER_OFFSETS, fluss_handle_get_producer},
    {FLUSS_API_DELETE_PRODUCER_OFFSETS, fluss_handle_delete_producer},
    {FLUSS_API_LIST_KV_SNAPSHOTS, fluss_handle_list_kv_snapshots},
    {FLUSS_API_ACQUIRE_KV_SNAPSHOT_LEASE, fluss_handle_acquire_kv_snapshot_lease},
    {FLUSS_API_RELEASE_KV_SNAPSHOT_LEASE, fluss_handle_release_kv_snapshot_lease},
    {FLUSS_API_DROP_KV_SNAPSHOT_LEASE, fluss_handle_drop_kv_snapshot_lease},
    {FLUSS_API_GET_TABLE_STATS, fluss_handle_table_stats},
};

fluss_handler
fluss_dispatch_find(int16_t api_key)
{
    for (size_t i = 0; i < SLU_COUNT_OF(dispatch_table); i++)
        if (dispatch_table[i].key == api_key)
            return dispatch_table[i].handler;
    return NULL;
}

slu_status
fluss_handle_api_versions(fluss_request *r, slu_error *err)
{
    /* server_type is left out on purpose: we are both, and clients would hold us to the one we name. */
    Fluss__ApiVersionsResponse response = FLUSS__API_VERSIONS_RESPONSE__INIT;
    Fluss__PbApiVersion versions[SLU_COUNT_OF(dispatch_table)];
    Fluss__PbApiVersion *pointers[SLU_COUNT_OF(dispatch_table)];
    for (size_t i = 0; i < SLU_COUNT_OF(dispatch_table); i++) {
        const fluss_api *api = fluss_api_find(dispatch_table[i].key);
        fluss__pb_api_version__init(&versions[i]);
        versions[i].api_key = api->key;
        versions[i].min_version = api->version_min;
        versions[i].max_version = api->version_max;
        pointers[i] = &versions[i];
    }
    response.n_api_versions = SLU_COUNT_OF(dispatch_table);
    response.api_versions = pointers;
    return fluss_request_answer(r, &response.base, err);
}

int32_t
fluss_server_code(slu_status status, const slu_error *err)
{
    const bool ours = status != SLU_IO && status != SLU_NOMEM; /* those carry the system's errno */
    if (ours && err->code != 0 && err->code == (int32_t)err->code && !(status == SLU_NOTFOUND && err->code == 2))
        return (int32_t)err->code;
    switch (status) {
    case SLU_UNSUPPORTED: return FLUSS_ERROR_UNSUPPORTED_VERSION;
    case SLU_CORRUPT: return FLUSS_ERROR_CORRUPT_MESSAGE;
    case SLU_LIMIT: return FLUSS_ERROR_RECORD_TOO_LARGE_EXCEPTION;
    case SLU_IO: return FLUSS_ERROR_LOG_STORAGE_EXCEPTION;
    case SLU_NOMEM: return FLUSS_ERROR_STORAGE_EXCEPTION;
    default: return FLUSS_ERROR_UNKNOWN_SERVER_ERROR;
    }
}
