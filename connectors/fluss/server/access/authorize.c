#include "fluss/server/access/authorize.h"

#include "base/sizes.h"
#include "fluss/server/catalogue/cluster.h"
#include "fluss/server/catalogue/security.h"

#define AUTHORIZE_NAME_BYTES 512

static const fluss_resource cluster = {FLUSS_RESOURCE_CLUSTER, FLUSS_CLUSTER_NAME};

slu_status
fluss_authorizer_open(fluss_server *server, slu_error *err)
{
    if (!server->config->authorizer_enabled)
        return SLU_OK;
    SLU_TRY(fluss_super_users_check(server->config->super_users, err));
    SLU_TRY(fluss_acls_new(&server->acls, err));
    return fluss_catalogue_load_acls(server->catalogue, server->acls, err);
}

void
fluss_authorizer_close(fluss_server *server)
{
    fluss_acls_free(&server->acls);
}

/* ---- The question --------------------------------------------------------------------------------------------------------------- */

bool
fluss_may(const fluss_request *r, fluss_operation operation, const fluss_resource *resource)
{
    const fluss_config *config = r->server->config;
    const bool ignore_case = config->acl_principal_ignore_case;
    if (r->server->acls == NULL || fluss_session_is_internal(r->session))
        return true;
    return fluss_super_users_have(config->super_users, &r->principal, ignore_case) ||
           fluss_acls_allow(r->server->acls, &r->principal, ignore_case, fluss_session_peer_host(r->session), operation, resource);
}

static const char *
table_name(char out[AUTHORIZE_NAME_BYTES], const char *database, const char *table)
{
    (void)snprintf(out, AUTHORIZE_NAME_BYTES, "%s.%s", database, table);
    return out;
}

bool
fluss_may_table(const fluss_request *r, fluss_operation operation, const char *database, const char *table)
{
    char name[AUTHORIZE_NAME_BYTES];
    if (r->server->acls == NULL)
        return true;
    return fluss_may(r, operation, &(fluss_resource){FLUSS_RESOURCE_TABLE, table_name(name, database, table)});
}

bool
fluss_may_database(const fluss_request *r, fluss_operation operation, const char *database)
{
    return fluss_may(r, operation, &(fluss_resource){FLUSS_RESOURCE_DATABASE, database});
}

bool
fluss_may_table_id(const fluss_request *r, fluss_operation operation, int64_t table_id)
{
    fluss_served *table = NULL;
    slu_error ignored;
    return r->server->acls == NULL || (fluss_tables_get_by_id(r->server->tables, table_id, &table, &ignored) == SLU_OK &&
                                       fluss_may_table(r, operation, table->row.database, table->row.name));
}

/* NULL: nothing is asked for, or there is no such table, which the handler says better. What cannot be looked up is not allowed. */
static slu_status
table_by_id(const fluss_request *r, int64_t table_id, fluss_served **out, slu_error *err)
{
    *out = NULL;
    const slu_status status = r->server->acls == NULL ? SLU_OK : fluss_tables_get_by_id(r->server->tables, table_id, out, err);
    return status == SLU_NOTFOUND ? SLU_OK : status;
}

static slu_status
denied(slu_error *err)
{
    err->code = FLUSS_ERROR_AUTHORIZATION_EXCEPTION;
    return SLU_INVALID;
}

slu_status
fluss_authorize(const fluss_request *r, fluss_operation operation, const fluss_resource *resource, slu_error *err)
{
    if (fluss_may(r, operation, resource))
        return SLU_OK;
    /* The space at the end is Fluss's. */
    (void)slu_error_set(err, SLU_INVALID,
                        "Principal FlussPrincipal{name='%s', type='%s'} have no authorization to operate %s on resource "
                        "Resource{type=%s, name='%s'} ",
                        r->principal.name, r->principal.type, fluss_operation_name(operation),
                        fluss_resource_type_name(resource->type), resource->name);
    return denied(err);
}

static slu_status
authorize_table(const fluss_request *r, fluss_operation operation, const char *database, const char *table, slu_error *err)
{
    char name[AUTHORIZE_NAME_BYTES];
    return fluss_authorize(r, operation, &(fluss_resource){FLUSS_RESOURCE_TABLE, table_name(name, database, table)}, err);
}

slu_status
fluss_authorize_table_id(const fluss_request *r, fluss_operation operation, int64_t table_id, slu_error *err)
{
    fluss_served *table = NULL;
    SLU_TRY(table_by_id(r, table_id, &table, err));
    return table == NULL ? SLU_OK : authorize_table(r, operation, table->row.database, table->row.name, err);
}

slu_status
fluss_authorize_part(const fluss_request *r, fluss_operation operation, int64_t table_id, slu_error *err)
{
    fluss_served *table = NULL;
    SLU_TRY(table_by_id(r, table_id, &table, err));
    if (table == NULL || fluss_may_table(r, operation, table->row.database, table->row.name))
        return SLU_OK;
    (void)slu_error_set(err, SLU_INVALID, "No permission to %s table %s in database %s", fluss_operation_name(operation),
                        table->row.name, table->row.database);
    return denied(err);
}

/* ---- By API --------------------------------------------------------------------------------------------------------------------- */

typedef enum right_of { OF_CLUSTER, OF_DATABASE, OF_DATABASE_OF_PATH, OF_TABLE_PATH, OF_TABLE_ID } right_of;

typedef struct api_right {
    int16_t api;
    fluss_operation operation;
    right_of of;
    size_t at; /* of the field in the request */
} api_right;

#define CLUSTER(api, operation)                                                                                                    \
    {                                                                                                                              \
        FLUSS_API_##api, FLUSS_OPERATION_##operation, OF_CLUSTER, 0                                                                \
    }
#define DATABASE(api, operation, type, field)                                                                                      \
    {                                                                                                                              \
        FLUSS_API_##api, FLUSS_OPERATION_##operation, OF_DATABASE, offsetof(Fluss__##type, field)                                  \
    }
#define PATH(api, operation, type)                                                                                                 \
    {                                                                                                                              \
        FLUSS_API_##api, FLUSS_OPERATION_##operation, OF_TABLE_PATH, offsetof(Fluss__##type, table_path)                           \
    }
#define ID(api, operation, type)                                                                                                   \
    {                                                                                                                              \
        FLUSS_API_##api, FLUSS_OPERATION_##operation, OF_TABLE_ID, offsetof(Fluss__##type, table_id)                               \
    }

/* LAKE_TIERING_HEARTBEAT, PREPARE_ and COMMIT_LAKE_TABLE_SNAPSHOT are not here: Fluss 0.9.1 asks for no right there, either. */
static const api_right rights[] = {
    CLUSTER(CREATE_DATABASE, CREATE),
    DATABASE(DROP_DATABASE, DROP, DropDatabaseRequest, database_name),
    DATABASE(GET_DATABASE_INFO, DESCRIBE, GetDatabaseInfoRequest, database_name),
    {FLUSS_API_CREATE_TABLE, FLUSS_OPERATION_CREATE, OF_DATABASE_OF_PATH, offsetof(Fluss__CreateTableRequest, table_path)},
    PATH(ALTER_TABLE, ALTER, AlterTableRequest),
    PATH(DROP_TABLE, DROP, DropTableRequest),
    PATH(CREATE_PARTITION, WRITE, CreatePartitionRequest),
    PATH(DROP_PARTITION, WRITE, DropPartitionRequest),
    PATH(GET_TABLE_INFO, DESCRIBE, GetTableInfoRequest),
    PATH(GET_TABLE_SCHEMA, DESCRIBE, GetTableSchemaRequest),
    PATH(LIST_PARTITION_INFOS, DESCRIBE, ListPartitionInfosRequest),
    PATH(GET_LATEST_KV_SNAPSHOTS, DESCRIBE, GetLatestKvSnapshotsRequest),
    PATH(GET_LAKE_SNAPSHOT, DESCRIBE, GetLakeSnapshotRequest),
    ID(GET_KV_SNAPSHOT_METADATA, DESCRIBE, GetKvSnapshotMetadataRequest),
    ID(LIST_KV_SNAPSHOTS, DESCRIBE, ListKvSnapshotsRequest),
    ID(LIST_OFFSETS, DESCRIBE, ListOffsetsRequest),
    ID(PRODUCE_LOG, WRITE, ProduceLogRequest),
    ID(PUT_KV, WRITE, PutKvRequest),
    ID(LIMIT_SCAN, READ, LimitScanRequest),
    ID(GET_TABLE_STATS, READ, GetTableStatsRequest),
    CLUSTER(DESCRIBE_CLUSTER_CONFIGS, DESCRIBE),
    CLUSTER(ADD_SERVER_TAG, ALTER),
    CLUSTER(REMOVE_SERVER_TAG, ALTER),
    CLUSTER(REBALANCE, WRITE),
    CLUSTER(LIST_REBALANCE_PROGRESS, DESCRIBE),
    CLUSTER(CANCEL_REBALANCE, WRITE),
};

static slu_status
right_check(const fluss_request *r, const api_right *right, slu_error *err)
{
    const uint8_t *field = (const uint8_t *)r->message + right->at;
    const char *database;
    const Fluss__PbTablePath *path;
    int64_t id;
    switch (right->of) {
    case OF_CLUSTER: return fluss_authorize(r, right->operation, &cluster, err);
    case OF_TABLE_ID: memcpy(&id, field, sizeof id); return fluss_authorize_table_id(r, right->operation, id, err);
    case OF_DATABASE:
        memcpy(&database, field, sizeof database);
        return fluss_authorize(r, right->operation, &(fluss_resource){FLUSS_RESOURCE_DATABASE, database}, err);
    default: break;
    }
    memcpy(&path, field, sizeof path);
    return right->of == OF_TABLE_PATH
               ? authorize_table(r, right->operation, path->database_name, path->table_name, err)
               : fluss_authorize(r, right->operation, &(fluss_resource){FLUSS_RESOURCE_DATABASE, path->database_name}, err);
}

/* A writer id is for whoever may write one of the tables it names. */
static slu_status
init_writer_check(const fluss_request *r, slu_error *err)
{
    const Fluss__InitWriterRequest *request = (const Fluss__InitWriterRequest *)r->message;
    char names[AUTHORIZE_NAME_BYTES] = "";
    size_t at = 0;
    for (size_t i = 0; i < request->n_table_path; i++) {
        const Fluss__PbTablePath *path = request->table_path[i];
        if (fluss_may_table(r, FLUSS_OPERATION_WRITE, path->database_name, path->table_name))
            return SLU_OK;
        const int n = snprintf(names + at, sizeof names - at, "%s%s.%s", i == 0 ? "" : ", ", path->database_name, path->table_name);
        at = SLU_MIN(sizeof names - 1, at + (size_t)SLU_MAX(n, 0));
    }
    if (request->n_table_path == 0)
        (void)slu_error_set(err, SLU_INVALID, "The request of InitWriter requires non empty table paths for authorization.");
    else
        (void)slu_error_set(err, SLU_INVALID, "No WRITE permission among all the tables: [%s]", names);
    return denied(err);
}

static slu_status
acquire_check(const fluss_request *r, slu_error *err)
{
    const Fluss__AcquireKvSnapshotLeaseRequest *request = (const Fluss__AcquireKvSnapshotLeaseRequest *)r->message;
    for (size_t i = 0; i < request->n_snapshots_to_lease; i++)
        SLU_TRY(fluss_authorize_table_id(r, FLUSS_OPERATION_READ, request->snapshots_to_lease[i]->table_id, err));
    return SLU_OK;
}

static slu_status
release_check(const fluss_request *r, slu_error *err)
{
    const Fluss__ReleaseKvSnapshotLeaseRequest *request = (const Fluss__ReleaseKvSnapshotLeaseRequest *)r->message;
    for (size_t i = 0; i < request->n_buckets_to_release; i++)
        SLU_TRY(fluss_authorize_table_id(r, FLUSS_OPERATION_READ, request->buckets_to_release[i]->table_id, err));
    return SLU_OK;
}

static slu_status
drop_lease_check(const fluss_request *r, slu_error *err)
{
    const Fluss__DropKvSnapshotLeaseRequest *request = (const Fluss__DropKvSnapshotLeaseRequest *)r->message;
    int64_t *ids = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_lease_tables(r->server->catalogue, request->lease_id, r->arena, &ids, &count, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(fluss_authorize_table_id(r, FLUSS_OPERATION_READ, ids[i], err));
    return SLU_OK;
}

static slu_status
register_producer_check(const fluss_request *r, slu_error *err)
{
    const Fluss__RegisterProducerOffsetsRequest *request = (const Fluss__RegisterProducerOffsetsRequest *)r->message;
    for (size_t i = 0; i < request->n_table_offsets; i++)
        SLU_TRY(fluss_authorize_table_id(r, FLUSS_OPERATION_WRITE, request->table_offsets[i]->table_id, err));
    return SLU_OK;
}

static slu_status
delete_producer_check(const fluss_request *r, slu_error *err)
{
    const Fluss__DeleteProducerOffsetsRequest *request = (const Fluss__DeleteProducerOffsetsRequest *)r->message;
    fluss_producer_offset *rows = NULL;
    size_t count = 0;
    int64_t expires_ms;
    const slu_status known =
        fluss_catalogue_get_producer(r->server->catalogue, request->producer_id, r->arena, &expires_ms, &rows, &count, err);
    if (known != SLU_OK)
        return known == SLU_NOTFOUND ? SLU_OK : known;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || rows[i].table_id != rows[i - 1].table_id)
            SLU_TRY(fluss_authorize_table_id(r, FLUSS_OPERATION_WRITE, rows[i].table_id, err));
    return SLU_OK;
}

/* An insert is a write; to read alone is asked for bucket by bucket. */
static slu_status
lookup_check(const fluss_request *r, slu_error *err)
{
    const Fluss__LookupRequest *request = (const Fluss__LookupRequest *)r->message;
    return request->has_insert_if_not_exists && request->insert_if_not_exists
               ? fluss_authorize_table_id(r, FLUSS_OPERATION_WRITE, request->table_id, err)
               : SLU_OK;
}

static slu_status
alter_configs_check(const fluss_request *r, slu_error *err)
{
    const Fluss__AlterClusterConfigsRequest *request = (const Fluss__AlterClusterConfigsRequest *)r->message;
    return request->n_alter_configs == 0 ? SLU_OK : fluss_authorize(r, FLUSS_OPERATION_ALTER, &cluster, err);
}

slu_status
fluss_authorize_request(const fluss_request *r, slu_error *err)
{
    if (r->server->acls == NULL)
        return SLU_OK;
    switch (r->api->key) {
    case FLUSS_API_INIT_WRITER: return init_writer_check(r, err);
    case FLUSS_API_LOOKUP: return lookup_check(r, err);
    case FLUSS_API_ACQUIRE_KV_SNAPSHOT_LEASE: return acquire_check(r, err);
    case FLUSS_API_RELEASE_KV_SNAPSHOT_LEASE: return release_check(r, err);
    case FLUSS_API_DROP_KV_SNAPSHOT_LEASE: return drop_lease_check(r, err);
    case FLUSS_API_REGISTER_PRODUCER_OFFSETS: return register_producer_check(r, err);
    case FLUSS_API_DELETE_PRODUCER_OFFSETS: return delete_producer_check(r, err);
    case FLUSS_API_ALTER_CLUSTER_CONFIGS: return alter_configs_check(r, err);
    default: break;
    }
    for (size_t i = 0; i < SLU_COUNT_OF(rights); i++)
        if (rights[i].api == r->api->key)
            return right_check(r, &rights[i], err);
    return SLU_OK;
}
