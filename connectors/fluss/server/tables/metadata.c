/* metadata.c: GET_METADATA: who serves what. One node is coordinator, tablet server and leader of every bucket. */
#include "fluss/server/access/authorize.h"
#include "fluss/server/reply.h"

#include <inttypes.h>

static int32_t metadata_self[1] = {FLUSS_SERVER_NODE_ID};

static void
metadata_node(const fluss_request *r, Fluss__PbServerNode *out)
{
    fluss__pb_server_node__init(out);
    out->node_id = FLUSS_SERVER_NODE_ID;
    out->host = fluss_reply_text(fluss_session_host(r->session));
    out->port = fluss_session_port(r->session);
}

static void
metadata_buckets(const fluss_request *r, int32_t count, size_t *out_count, Fluss__PbBucketMetadata ***out)
{
    Fluss__PbBucketMetadata **list = (Fluss__PbBucketMetadata **)fluss_reply_list(r->arena, (size_t)count, sizeof **list);
    *out_count = 0;
    *out = list;
    for (int32_t i = 0; list != NULL && i < count; i++) {
        fluss__pb_bucket_metadata__init(list[i]);
        list[i]->bucket_id = i;
        list[i]->has_leader_id = true;
        list[i]->leader_id = FLUSS_SERVER_NODE_ID;
        list[i]->n_replica_id = 1;
        list[i]->replica_id = metadata_self;
        list[i]->has_leader_epoch = true;
        list[i]->leader_epoch = 0;
        *out_count += 1;
    }
}

static slu_status
metadata_table(const fluss_request *r, const Fluss__PbTablePath *path, Fluss__PbTableMetadata *out, slu_error *err)
{
    fluss_served *table = NULL;
    Fluss__PbTablePath *copy = slu_arena_alloc(r->arena, sizeof *copy);
    SLU_TRY(fluss_tables_get(r->server->tables, path->database_name, path->table_name, &table, err));
    if (copy == NULL)
        return slu_arena_status(r->arena, err);
    *copy = *path;
    fluss__pb_table_metadata__init(out);
    out->table_path = copy;
    out->table_id = table->row.id;
    out->schema_id = table->row.schema_id;
    out->table_json = fluss_reply_json(table->row.json);
    out->created_time = table->row.created_ms;
    out->modified_time = table->row.modified_ms;
    if (table->table.partition_column_count == 0)
        metadata_buckets(r, table->table.bucket_count, &out->n_bucket_metadata, &out->bucket_metadata);
    return SLU_OK;
}

static void
metadata_partition(const fluss_request *r, const fluss_served *table, int64_t id, const char *name, Fluss__PbPartitionMetadata *out)
{
    fluss__pb_partition_metadata__init(out);
    out->table_id = table->row.id;
    out->partition_id = id;
    out->partition_name = fluss_reply_text(name);
    metadata_buckets(r, table->table.bucket_count, &out->n_bucket_metadata, &out->bucket_metadata);
}

static slu_status
metadata_partition_by_path(const fluss_request *r, const Fluss__PbPhysicalTablePath *path, Fluss__PbPartitionMetadata *out,
                           slu_error *err)
{
    fluss_served *table = NULL;
    int64_t id = 0;
    SLU_TRY(fluss_tables_get(r->server->tables, path->database_name, path->table_name, &table, err));
    if (path->partition_name == NULL || table->table.partition_column_count == 0) {
        (void)slu_error_set(err, SLU_INVALID, "Table '%s.%s' is not a partitioned table.", path->database_name, path->table_name);
        err->code = FLUSS_ERROR_TABLE_NOT_PARTITIONED_EXCEPTION;
        return SLU_INVALID;
    }
    const slu_status status = fluss_catalogue_get_partition(r->server->catalogue, table->row.id, path->partition_name, &id, err);
    if (status == SLU_NOTFOUND) {
        (void)slu_error_set(err, SLU_NOTFOUND, "Table partition '%s.%s(p=%s)' does not exist.", path->database_name,
                            path->table_name, path->partition_name);
        err->code = FLUSS_ERROR_PARTITION_NOT_EXISTS;
    }
    SLU_TRY(status);
    metadata_partition(r, table, id, path->partition_name, out);
    return SLU_OK;
}

/* An id belongs to one of the tables of the request, or to one that this server knows. */
static slu_status
metadata_partition_by_id(const fluss_request *r, int64_t id, Fluss__PbPartitionMetadata *out, slu_error *err)
{
    fluss_served *table = NULL;
    int64_t table_id = 0;
    fluss_partition_row row;
    SLU_TRY(fluss_catalogue_find_partition(r->server->catalogue, id, &table_id, r->arena, &row, err));
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, table_id, &table, err));
    metadata_partition(r, table, id, row.name, out);
    return SLU_OK;
}

static slu_status
metadata_partitions(const fluss_request *r, const Fluss__MetadataRequest *request, Fluss__MetadataResponse *response,
                    slu_error *err)
{
    const size_t paths = request->n_partitions_path;
    const size_t count = paths + request->n_partitions_id;
    Fluss__PbPartitionMetadata **list = (Fluss__PbPartitionMetadata **)fluss_reply_list(r->arena, count, sizeof **list);
    if (list == NULL)
        return slu_arena_status(r->arena, err);
    size_t shown = 0;
    for (size_t i = 0; i < paths; i++) {
        const Fluss__PbPhysicalTablePath *path = request->partitions_path[i];
        if (fluss_may_table(r, FLUSS_OPERATION_DESCRIBE, path->database_name, path->table_name))
            SLU_TRY(metadata_partition_by_path(r, path, list[shown++], err));
    }
    for (size_t i = 0; i < request->n_partitions_id; i++) {
        SLU_TRY(metadata_partition_by_id(r, request->partitions_id[i], list[shown], err));
        shown += fluss_may_table_id(r, FLUSS_OPERATION_DESCRIBE, list[shown]->table_id);
    }
    response->n_partition_metadata = shown;
    response->partition_metadata = list;
    return SLU_OK;
}

slu_status
fluss_handle_metadata(fluss_request *r, slu_error *err)
{
    const Fluss__MetadataRequest *request = (const Fluss__MetadataRequest *)r->message;
    Fluss__MetadataResponse response = FLUSS__METADATA_RESPONSE__INIT;
    Fluss__PbServerNode node;
    Fluss__PbServerNode *nodes[1] = {&node};
    Fluss__PbTableMetadata **tables = (Fluss__PbTableMetadata **)fluss_reply_list(r->arena, request->n_table_path, sizeof **tables);
    if (tables == NULL)
        return slu_arena_status(r->arena, err);
    metadata_node(r, &node);
    response.coordinator_server = &node;
    response.n_tablet_servers = 1;
    response.tablet_servers = nodes;
    for (size_t i = 0; i < request->n_table_path; i++) {
        const Fluss__PbTablePath *path = request->table_path[i];
        if (fluss_may_table(r, FLUSS_OPERATION_DESCRIBE, path->database_name, path->table_name))
            SLU_TRY(metadata_table(r, path, tables[response.n_table_metadata++], err));
    }
    response.table_metadata = tables;
    SLU_TRY(metadata_partitions(r, request, &response, err));
    return fluss_request_answer(r, &response.base, err);
}
