/* api.c: the table itself. */
#include "api.h"

#include "base/sizes.h"

#define API(NAME, VERSION_MAX, ROLE, message)                                                                                      \
    {                                                                                                                              \
        FLUSS_API_##NAME, 0, VERSION_MAX, FLUSS_ROLE_##ROLE, #NAME, &fluss__##message##_request__descriptor,                       \
            &fluss__##message##_response__descriptor                                                                               \
    }

static const fluss_api apis[] = {
    API(API_VERSIONS, 0, BOTH, api_versions),
    API(CREATE_DATABASE, 0, COORDINATOR, create_database),
    API(DROP_DATABASE, 0, COORDINATOR, drop_database),
    API(LIST_DATABASES, 0, BOTH, list_databases),
    API(DATABASE_EXISTS, 0, BOTH, database_exists),
    API(CREATE_TABLE, 0, COORDINATOR, create_table),
    API(DROP_TABLE, 0, COORDINATOR, drop_table),
    API(GET_TABLE_INFO, 0, BOTH, get_table_info),
    API(LIST_TABLES, 0, BOTH, list_tables),
    API(LIST_PARTITION_INFOS, 0, BOTH, list_partition_infos),
    API(TABLE_EXISTS, 0, BOTH, table_exists),
    API(GET_TABLE_SCHEMA, 0, BOTH, get_table_schema),
    API(GET_METADATA, 0, BOTH, metadata),
    API(PRODUCE_LOG, 0, TABLET, produce_log),
    API(FETCH_LOG, 0, TABLET, fetch_log),
    API(PUT_KV, 1, TABLET, put_kv),
    API(LOOKUP, 1, TABLET, lookup),
    API(LIST_OFFSETS, 0, TABLET, list_offsets),
    API(GET_LATEST_KV_SNAPSHOTS, 0, BOTH, get_latest_kv_snapshots),
    API(GET_KV_SNAPSHOT_METADATA, 0, BOTH, get_kv_snapshot_metadata),
    API(GET_FILESYSTEM_SECURITY_TOKEN, 0, BOTH, get_file_system_security_token),
    API(INIT_WRITER, 0, TABLET, init_writer),
    API(COMMIT_LAKE_TABLE_SNAPSHOT, 0, COORDINATOR, commit_lake_table_snapshot),
    API(GET_LAKE_SNAPSHOT, 0, BOTH, get_lake_snapshot),
    API(LIMIT_SCAN, 0, TABLET, limit_scan),
    API(PREFIX_LOOKUP, 1, TABLET, prefix_lookup),
    API(GET_DATABASE_INFO, 0, BOTH, get_database_info),
    API(CREATE_PARTITION, 0, COORDINATOR, create_partition),
    API(DROP_PARTITION, 0, COORDINATOR, drop_partition),
    API(AUTHENTICATE, 0, BOTH, authenticate),
    API(CREATE_ACLS, 0, COORDINATOR, create_acls),
    API(LIST_ACLS, 0, BOTH, list_acls),
    API(DROP_ACLS, 0, COORDINATOR, drop_acls),
    API(LAKE_TIERING_HEARTBEAT, 0, COORDINATOR, lake_tiering_heartbeat),
    API(ALTER_TABLE, 0, COORDINATOR, alter_table),
    API(DESCRIBE_CLUSTER_CONFIGS, 0, BOTH, describe_cluster_configs),
    API(ALTER_CLUSTER_CONFIGS, 0, COORDINATOR, alter_cluster_configs),
    API(ADD_SERVER_TAG, 0, COORDINATOR, add_server_tag),
    API(REMOVE_SERVER_TAG, 0, COORDINATOR, remove_server_tag),
    API(REBALANCE, 0, COORDINATOR, rebalance),
    API(LIST_REBALANCE_PROGRESS, 0, COORDINATOR, list_rebalance_progress),
    API(CANCEL_REBALANCE, 0, COORDINATOR, cancel_rebalance),
    API(PREPARE_LAKE_TABLE_SNAPSHOT, 0, COORDINATOR, prepare_lake_table_snapshot),
    API(REGISTER_PRODUCER_OFFSETS, 0, COORDINATOR, register_producer_offsets),
    API(GET_PRODUCER_OFFSETS, 0, COORDINATOR, get_producer_offsets),
    API(DELETE_PRODUCER_OFFSETS, 0, COORDINATOR, delete_producer_offsets),
    API(ACQUIRE_KV_SNAPSHOT_LEASE, 0, COORDINATOR, acquire_kv_snapshot_lease),
    API(RELEASE_KV_SNAPSHOT_LEASE, 0, COORDINATOR, release_kv_snapshot_lease),
    API(DROP_KV_SNAPSHOT_LEASE, 0, COORDINATOR, drop_kv_snapshot_lease),
    API(GET_TABLE_STATS, 0, TABLET, get_table_stats),
    API(ALTER_DATABASE, 0, COORDINATOR, alter_database),
    API(SCAN_KV, 0, TABLET, scan_kv),
    API(GET_CLUSTER_HEALTH, 0, BOTH, get_cluster_health),
    API(LIST_REMOTE_LOG_MANIFESTS, 0, COORDINATOR, list_remote_log_manifests),
    API(LIST_KV_SNAPSHOTS, 0, COORDINATOR, list_kv_snapshots),
};

const fluss_api *
fluss_api_find(int32_t key)
{
    size_t low = 0, high = SLU_COUNT_OF(apis);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (apis[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < SLU_COUNT_OF(apis) && apis[low].key == key ? &apis[low] : NULL;
}

const fluss_api *
fluss_api_list(size_t *out_count)
{
    *out_count = SLU_COUNT_OF(apis);
    return apis;
}
