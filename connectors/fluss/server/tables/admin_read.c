/* admin_read.c: what there is: databases, tables, schemas, partitions. */
#include "fluss/record/descriptor.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/reply.h"

#include <inttypes.h>

slu_status
fluss_handle_list_databases(fluss_request *r, slu_error *err)
{
    const Fluss__ListDatabasesRequest *request = (const Fluss__ListDatabasesRequest *)r->message;
    Fluss__ListDatabasesResponse response = FLUSS__LIST_DATABASES_RESPONSE__INIT;
    fluss_database_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_databases(r->server->catalogue, r->arena, &rows, &count, err));
    Fluss__PbDatabaseSummary **list = (Fluss__PbDatabaseSummary **)fluss_reply_list(r->arena, count, sizeof **list);
    char **names = slu_arena_array(r->arena, count + 1, sizeof *names);
    size_t shown = 0;
    for (size_t i = 0; list != NULL && names != NULL && i < count; i++) {
        if (!fluss_may_database(r, FLUSS_OPERATION_DESCRIBE, rows[i].name))
            continue;
        fluss__pb_database_summary__init(list[shown]);
        list[shown]->database_name = names[shown] = fluss_reply_text(rows[i].name);
        list[shown]->created_time = rows[i].created_ms;
        list[shown++]->table_count = rows[i].table_count;
    }
    if (request->has_include_summary && request->include_summary) {
        response.n_database_summary = shown;
        response.database_summary = list;
    } else {
        response.n_database_name = shown;
        response.database_name = names;
    }
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_database_exists(fluss_request *r, slu_error *err)
{
    const Fluss__DatabaseExistsRequest *request = (const Fluss__DatabaseExistsRequest *)r->message;
    Fluss__DatabaseExistsResponse response = FLUSS__DATABASE_EXISTS_RESPONSE__INIT;
    fluss_database_row row;
    const slu_status status = fluss_catalogue_get_database(r->server->catalogue, request->database_name, r->arena, &row, err);
    if (status != SLU_NOTFOUND)
        SLU_TRY(status);
    response.exists = status == SLU_OK; /* 0.9.1 tells everybody */
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_get_database_info(fluss_request *r, slu_error *err)
{
    const Fluss__GetDatabaseInfoRequest *request = (const Fluss__GetDatabaseInfoRequest *)r->message;
    Fluss__GetDatabaseInfoResponse response = FLUSS__GET_DATABASE_INFO_RESPONSE__INIT;
    fluss_database_row row;
    SLU_TRY(fluss_catalogue_get_database(r->server->catalogue, request->database_name, r->arena, &row, err));
    response.database_json = fluss_reply_json(row.json);
    response.created_time = row.created_ms;
    response.modified_time = row.modified_ms;
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_list_tables(fluss_request *r, slu_error *err)
{
    const Fluss__ListTablesRequest *request = (const Fluss__ListTablesRequest *)r->message;
    Fluss__ListTablesResponse response = FLUSS__LIST_TABLES_RESPONSE__INIT;
    fluss_table_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_tables(r->server->catalogue, request->database_name, r->arena, &rows, &count, err));
    char **names = slu_arena_array(r->arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        if (fluss_may_table(r, FLUSS_OPERATION_DESCRIBE, request->database_name, rows[i].name))
            names[response.n_table_name++] = fluss_reply_text(rows[i].name);
    response.table_name = names;
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_table_exists(fluss_request *r, slu_error *err)
{
    const Fluss__TableExistsRequest *request = (const Fluss__TableExistsRequest *)r->message;
    Fluss__TableExistsResponse response = FLUSS__TABLE_EXISTS_RESPONSE__INIT;
    fluss_served *table = NULL;
    const slu_status status =
        fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err);
    if (status != SLU_NOTFOUND)
        SLU_TRY(status);
    response.exists = status == SLU_OK; /* 0.9.1 tells everybody */
    return fluss_request_answer(r, &response.base, err);
}

/* The descriptor as clients see it: that of a lake table also says where the lake is. */
static slu_status
table_json(const fluss_request *r, const fluss_served *table, const char **out, slu_error *err)
{
    *out = table->row.json;
    if (!r->server->has_lake || !table->table.lake_enabled || r->server->lake.property_count == 0)
        return SLU_OK;
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    fluss_descriptor descriptor;
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(table->row.json), r->arena, &descriptor, err));
    for (size_t i = 0; i < r->server->lake.property_count; i++)
        SLU_TRY(fluss_descriptor_set(&descriptor, r->arena, r->server->lake.properties[i].key, r->server->lake.properties[i].value,
                                     err));
    SLU_TRY(fluss_descriptor_encode(&descriptor, &json, err));
    *out = slu_arena_strndup(r->arena, (const char *)json.data, json.bytes);
    return slu_arena_status(r->arena, err);
}

slu_status
fluss_handle_get_table_info(fluss_request *r, slu_error *err)
{
    const Fluss__GetTableInfoRequest *request = (const Fluss__GetTableInfoRequest *)r->message;
    Fluss__GetTableInfoResponse response = FLUSS__GET_TABLE_INFO_RESPONSE__INIT;
    fluss_served *table = NULL;
    const char *json = NULL;
    SLU_TRY(fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err));
    SLU_TRY(table_json(r, table, &json, err));
    response.table_id = table->row.id;
    response.schema_id = table->row.schema_id;
    response.table_json = fluss_reply_json(json);
    response.created_time = table->row.created_ms;
    response.modified_time = table->row.modified_ms;
    return fluss_request_answer(r, &response.base, err);
}

static slu_status
no_such_schema(const Fluss__GetTableSchemaRequest *request, slu_status status, slu_error *err)
{
    if (status != SLU_NOTFOUND)
        return status;
    (void)slu_error_set(err, status, "Schema for table %s.%s with schema id %d does not exist.", request->table_path->database_name,
                        request->table_path->table_name, request->has_schema_id ? request->schema_id : 0);
    if (err != NULL)
        err->code = FLUSS_ERROR_SCHEMA_NOT_EXIST;
    return status;
}

slu_status
fluss_handle_get_table_schema(fluss_request *r, slu_error *err)
{
    const Fluss__GetTableSchemaRequest *request = (const Fluss__GetTableSchemaRequest *)r->message;
    Fluss__GetTableSchemaResponse response = FLUSS__GET_TABLE_SCHEMA_RESPONSE__INIT;
    fluss_served *table = NULL;
    const char *json = NULL;
    slu_status status =
        fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err);
    if (status == SLU_OK) {
        response.schema_id = request->has_schema_id ? request->schema_id : table->row.schema_id;
        status = fluss_catalogue_get_schema(r->server->catalogue, table->row.id, response.schema_id, r->arena, &json, err);
    }
    SLU_TRY(no_such_schema(request, status, err));
    response.schema_json = fluss_reply_json(json);
    return fluss_request_answer(r, &response.base, err);
}

/* "2024$eu" to key and value of each partition key. */
static void
partition_spec(const fluss_request *r, const fluss_served *table, const char *name, Fluss__PbPartitionSpec *out)
{
    const size_t keys = table->descriptor.partition_key_count;
    Fluss__PbKeyValue **list = (Fluss__PbKeyValue **)fluss_reply_list(r->arena, keys, sizeof **list);
    fluss__pb_partition_spec__init(out);
    for (size_t i = 0; list != NULL && i < keys; i++) {
        const char *end = i + 1 < keys ? strchr(name, '$') : NULL;
        const size_t bytes = end != NULL ? (size_t)(end - name) : strlen(name);
        fluss__pb_key_value__init(list[i]);
        list[i]->key = fluss_reply_text(table->descriptor.partition_keys[i]);
        list[i]->value = slu_arena_strndup(r->arena, name, bytes);
        name += end != NULL ? bytes + 1 : bytes;
    }
    out->n_partition_key_values = list == NULL ? 0 : keys;
    out->partition_key_values = list;
}

static bool
partition_matches(const Fluss__PbPartitionSpec *partial, const Fluss__PbPartitionSpec *spec)
{
    for (size_t p = 0; partial != NULL && p < partial->n_partition_key_values; p++) {
        bool equal = false;
        for (size_t i = 0; i < spec->n_partition_key_values; i++)
            equal = equal || (strcmp(partial->partition_key_values[p]->key, spec->partition_key_values[i]->key) == 0 &&
                              strcmp(partial->partition_key_values[p]->value, spec->partition_key_values[i]->value) == 0);
        if (!equal)
            return false;
    }
    return true;
}

/* Every key of the partial spec is one of the table's; Fluss finds out too late to have words for it. */
static slu_status
partial_check(const fluss_served *table, const Fluss__PbPartitionSpec *partial, slu_error *err)
{
    const fluss_descriptor *d = &table->descriptor;
    for (size_t p = 0; partial != NULL && p < partial->n_partition_key_values; p++) {
        const Fluss__PbKeyValue *pair = partial->partition_key_values[p];
        bool known = false;
        for (size_t k = 0; k < d->partition_key_count; k++)
            known = known || strcmp(d->partition_keys[k], pair->key) == 0;
        if (known)
            continue;
        (void)slu_error_set(err, SLU_INVALID,
                            "org.apache.fluss.exception.FlussRuntimeException: Fail to list partitions for table: %s.%s, "
                            "partitionSpec: %s=%s.",
                            table->row.database, table->row.name, pair->key, pair->value);
        if (err != NULL)
            err->code = FLUSS_ERROR_UNKNOWN_SERVER_ERROR;
        return SLU_INVALID;
    }
    return SLU_OK;
}

slu_status
fluss_handle_list_partition_infos(fluss_request *r, slu_error *err)
{
    const Fluss__ListPartitionInfosRequest *request = (const Fluss__ListPartitionInfosRequest *)r->message;
    Fluss__ListPartitionInfosResponse response = FLUSS__LIST_PARTITION_INFOS_RESPONSE__INIT;
    fluss_served *table = NULL;
    fluss_partition_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err));
    if (table->table.partition_column_count == 0) {
        (void)slu_error_set(err, SLU_INVALID, "Table '%s.%s' is not a partitioned table.", table->row.database, table->row.name);
        err->code = FLUSS_ERROR_TABLE_NOT_PARTITIONED_EXCEPTION;
        return SLU_INVALID;
    }
    SLU_TRY(partial_check(table, request->partial_partition_spec, err));
    SLU_TRY(fluss_catalogue_list_partitions(r->server->catalogue, table->row.id, r->arena, &rows, &count, err));
    Fluss__PbPartitionInfo **list = (Fluss__PbPartitionInfo **)fluss_reply_list(r->arena, count, sizeof **list);
    Fluss__PbPartitionSpec *specs = slu_arena_array(r->arena, count + 1, sizeof *specs);
    for (size_t i = 0; list != NULL && specs != NULL && i < count; i++) {
        partition_spec(r, table, rows[i].name, &specs[i]);
        if (slu_arena_status(r->arena, err) != SLU_OK || !partition_matches(request->partial_partition_spec, &specs[i]))
            continue;
        Fluss__PbPartitionInfo *info = list[response.n_partitions_info++];
        fluss__pb_partition_info__init(info);
        info->partition_id = rows[i].id;
        info->partition_spec = &specs[i];
    }
    response.partitions_info = list;
    return fluss_request_answer(r, &response.base, err);
}
