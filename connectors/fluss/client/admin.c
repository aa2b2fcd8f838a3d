#include "admin.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/limits.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

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

/* Asks and drops an answer that says nothing but yes. */
static slu_status
ask_done(fluss_client *client, int32_t node, int16_t api, const ProtobufCMessage *request, slu_error *err)
{
    fluss_answer *answer = NULL;
    SLU_TRY(fluss_client_ask(client, node, api, request, &answer, err));
    fluss_answer_unref(&answer);
    return SLU_OK;
}

slu_status
fluss_admin_create_database(fluss_client *client, const char *database, bool ignore_if_exists, slu_error *err)
{
    return fluss_admin_create_database_described(client, database, slu_view_of(NULL, 0), ignore_if_exists, err);
}

slu_status
fluss_admin_create_database_described(fluss_client *client, const char *database, slu_view json, bool ignore_if_exists,
                                      slu_error *err)
{
    Fluss__CreateDatabaseRequest request = FLUSS__CREATE_DATABASE_REQUEST__INIT;
    request.database_name = text(database);
    request.ignore_if_exists = ignore_if_exists;
    request.has_database_json = json.bytes > 0;
    request.database_json = fluss_bytes_of(json);
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_CREATE_DATABASE, &request.base, err);
}

slu_status
fluss_admin_drop_database(fluss_client *client, const char *database, bool ignore_if_missing, bool cascade, slu_error *err)
{
    Fluss__DropDatabaseRequest request = FLUSS__DROP_DATABASE_REQUEST__INIT;
    request.database_name = text(database);
    request.ignore_if_not_exists = ignore_if_missing;
    request.cascade = cascade;
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_DROP_DATABASE, &request.base, err);
}

slu_status
fluss_admin_list_databases(fluss_client *client, fluss_name_found found, void *to, slu_error *err)
{
    Fluss__ListDatabasesRequest request = FLUSS__LIST_DATABASES_REQUEST__INIT;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    SLU_TRY(fluss_client_ask(client, FLUSS_TO_ANY, FLUSS_API_LIST_DATABASES, &request.base, &answer, err));
    const Fluss__ListDatabasesResponse *list = (const Fluss__ListDatabasesResponse *)answer->message;
    for (size_t i = 0; i < list->n_database_name; i++)
        found(to, list->database_name[i]);
    return SLU_OK;
}

slu_status
fluss_admin_create_table(fluss_client *client, const char *database, const char *table, slu_view json, bool ignore_if_exists,
                         slu_error *err)
{
    Fluss__CreateTableRequest request = FLUSS__CREATE_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    request.table_path = &path;
    request.table_json = fluss_bytes_of(json);
    request.ignore_if_exists = ignore_if_exists;
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_CREATE_TABLE, &request.base, err);
}

slu_status
fluss_admin_drop_table(fluss_client *client, const char *database, const char *table, bool ignore_if_missing, slu_error *err)
{
    Fluss__DropTableRequest request = FLUSS__DROP_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    request.table_path = &path;
    request.ignore_if_not_exists = ignore_if_missing;
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_DROP_TABLE, &request.base, err);
}

/* ---- ALTER TABLE ---- */

#define ALTER_SET 0
#define ALTER_RESET 1
#define COLUMN_LAST 0
#define ALTER_ARENA_BYTES_MAX ((size_t)16 << 20)

static slu_status
added_columns(const fluss_alteration *of, slu_arena *arena, slu_buf *types, Fluss__AlterTableRequest *request, slu_error *err)
{
    Fluss__PbAddColumn *columns = slu_arena_array(arena, of->column_count + 1, sizeof *columns);
    request->add_columns = slu_arena_array(arena, of->column_count + 1, sizeof(Fluss__PbAddColumn *));
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < of->column_count; i++) {
        fluss__pb_add_column__init(&columns[i]);
        slu_buf_reset(types);
        SLU_TRY_IN(fluss_type_encode(&of->columns[i].type, types, err), err, "column %s", of->columns[i].name);
        void *json = slu_arena_alloc(arena, types->bytes);
        SLU_TRY(slu_arena_status(arena, err));
        memcpy(json, types->data, types->bytes);
        columns[i].column_name = text(of->columns[i].name);
        columns[i].comment = text(of->columns[i].comment);
        columns[i].data_type_json = fluss_bytes_of(slu_view_of(json, types->bytes));
        columns[i].column_position_type = COLUMN_LAST;
        request->add_columns[i] = &columns[i];
    }
    request->n_add_columns = of->column_count;
    return SLU_OK;
}

static slu_status
changed_properties(const fluss_alteration *of, slu_arena *arena, Fluss__AlterTableRequest *request, slu_error *err)
{
    Fluss__PbAlterConfig *changes = slu_arena_array(arena, of->property_count + 1, sizeof *changes);
    request->config_changes = slu_arena_array(arena, of->property_count + 1, sizeof(Fluss__PbAlterConfig *));
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < of->property_count; i++) {
        fluss__pb_alter_config__init(&changes[i]);
        changes[i].config_key = text(of->properties[i].key);
        changes[i].config_value = text(of->properties[i].value);
        changes[i].op_type = of->properties[i].value != NULL ? ALTER_SET : ALTER_RESET;
        request->config_changes[i] = &changes[i];
    }
    request->n_config_changes = of->property_count;
    return SLU_OK;
}

slu_status
fluss_admin_alter_table(fluss_client *client, const char *database, const char *table, const fluss_alteration *alteration,
                        bool ignore_if_missing, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(slu_buf_fini) slu_buf types = {0};
    Fluss__AlterTableRequest request = FLUSS__ALTER_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    slu_arena_init(&arena, ALTER_ARENA_BYTES_MAX);
    slu_buf_init(&types, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(added_columns(alteration, &arena, &types, &request, err));
    SLU_TRY(changed_properties(alteration, &arena, &request, err));
    request.table_path = &path;
    request.ignore_if_not_exists = ignore_if_missing;
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_ALTER_TABLE, &request.base, err);
}

slu_status
fluss_admin_list_tables(fluss_client *client, const char *database, fluss_name_found found, void *to, slu_error *err)
{
    Fluss__ListTablesRequest request = FLUSS__LIST_TABLES_REQUEST__INIT;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request.database_name = text(database);
    SLU_TRY(fluss_client_ask(client, FLUSS_TO_ANY, FLUSS_API_LIST_TABLES, &request.base, &answer, err));
    const Fluss__ListTablesResponse *list = (const Fluss__ListTablesResponse *)answer->message;
    for (size_t i = 0; i < list->n_table_name; i++)
        found(to, list->table_name[i]);
    return SLU_OK;
}

slu_status
fluss_admin_table_exists(fluss_client *client, const char *database, const char *table, bool *out, slu_error *err)
{
    Fluss__TableExistsRequest request = FLUSS__TABLE_EXISTS_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request.table_path = &path;
    SLU_TRY(fluss_client_ask(client, FLUSS_TO_ANY, FLUSS_API_TABLE_EXISTS, &request.base, &answer, err));
    *out = ((const Fluss__TableExistsResponse *)answer->message)->exists;
    return SLU_OK;
}

/* ---- Partitions ---- */

typedef struct spec_message {
    Fluss__PbPartitionSpec spec;
    Fluss__PbKeyValue values[FLUSS_SPEC_KEYS_MAX];
    Fluss__PbKeyValue *pointers[FLUSS_SPEC_KEYS_MAX];
} spec_message;

static slu_status
spec_fill(const fluss_spec *spec, spec_message *out, slu_error *err)
{
    fluss__pb_partition_spec__init(&out->spec);
    if (spec->count > FLUSS_SPEC_KEYS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu partition keys; %d are served", spec->count, FLUSS_SPEC_KEYS_MAX);
    for (size_t i = 0; i < spec->count; i++) {
        fluss__pb_key_value__init(&out->values[i]);
        out->values[i].key = text(spec->keys[i]);
        out->values[i].value = text(spec->values[i]);
        out->pointers[i] = &out->values[i];
    }
    out->spec.n_partition_key_values = spec->count;
    out->spec.partition_key_values = out->pointers;
    return SLU_OK;
}

slu_status
fluss_admin_create_partition(fluss_client *client, const char *database, const char *table, const fluss_spec *spec,
                             bool ignore_if_exists, slu_error *err)
{
    Fluss__CreatePartitionRequest request = FLUSS__CREATE_PARTITION_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    spec_message message;
    SLU_TRY(spec_fill(spec, &message, err));
    request.table_path = &path;
    request.partition_spec = &message.spec;
    request.ignore_if_not_exists = ignore_if_exists; /* so it is named, and this it means */
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_CREATE_PARTITION, &request.base, err);
}

slu_status
fluss_admin_drop_partition(fluss_client *client, const char *database, const char *table, const fluss_spec *spec,
                           bool ignore_if_missing, slu_error *err)
{
    Fluss__DropPartitionRequest request = FLUSS__DROP_PARTITION_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    spec_message message;
    SLU_TRY(spec_fill(spec, &message, err));
    request.table_path = &path;
    request.partition_spec = &message.spec;
    request.ignore_if_not_exists = ignore_if_missing;
    return ask_done(client, FLUSS_TO_COORDINATOR, FLUSS_API_DROP_PARTITION, &request.base, err);
}

slu_status
fluss_admin_list_partitions(fluss_client *client, const char *database, const char *table, const fluss_spec *partial,
                            fluss_partition_found found, void *to, slu_error *err)
{
    Fluss__ListPartitionInfosRequest request = FLUSS__LIST_PARTITION_INFOS_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    spec_message message;
    request.table_path = &path;
    if (partial != NULL) {
        SLU_TRY(spec_fill(partial, &message, err));
        request.partial_partition_spec = &message.spec;
    }
    SLU_TRY(fluss_client_ask(client, FLUSS_TO_ANY, FLUSS_API_LIST_PARTITION_INFOS, &request.base, &answer, err));
    const Fluss__ListPartitionInfosResponse *list = (const Fluss__ListPartitionInfosResponse *)answer->message;
    for (size_t i = 0; i < list->n_partitions_info; i++) {
        const Fluss__PbPartitionSpec *spec = list->partitions_info[i]->partition_spec;
        const char *keys[FLUSS_SPEC_KEYS_MAX], *values[FLUSS_SPEC_KEYS_MAX];
        if (spec->n_partition_key_values > FLUSS_SPEC_KEYS_MAX)
            return slu_error_set(err, SLU_LIMIT, "%zu partition keys; %d are served", spec->n_partition_key_values,
                                 FLUSS_SPEC_KEYS_MAX);
        for (size_t k = 0; k < spec->n_partition_key_values; k++) {
            keys[k] = spec->partition_key_values[k]->key;
            values[k] = spec->partition_key_values[k]->value;
        }
        found(to, list->partitions_info[i]->partition_id, &(fluss_spec){keys, values, spec->n_partition_key_values});
    }
    return SLU_OK;
}

/* ---- Offsets ---- */

static slu_status
offsets_take(const Fluss__ListOffsetsResponse *answer, int32_t bucket_count, int64_t *out, slu_error *err)
{
    for (size_t i = 0; i < answer->n_buckets_resp; i++) {
        const Fluss__PbListOffsetsRespForBucket *bucket = answer->buckets_resp[i];
        if (bucket->has_error_code)
            return slu_error_in(err, fluss_error_set(err, bucket->error_code, bucket->error_message), "offset of bucket %d",
                                bucket->bucket_id);
        if (bucket->bucket_id >= 0 && bucket->bucket_id < bucket_count && bucket->has_offset)
            out[bucket->bucket_id] = bucket->offset;
    }
    return SLU_OK;
}

/* One request for all buckets that `leader` leads. */
static slu_status
offsets_of_leader(fluss_client *client, Fluss__ListOffsetsRequest *request, int32_t leader, const int32_t *leaders,
                  int32_t bucket_count, int64_t *out, slu_error *err)
{
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request->n_bucket_id = 0;
    for (int32_t bucket = 0; bucket < bucket_count; bucket++)
        if (leaders[bucket] == leader)
            request->bucket_id[request->n_bucket_id++] = bucket;
    SLU_TRY(fluss_client_ask(client, leader, FLUSS_API_LIST_OFFSETS, &request->base, &answer, err));
    return offsets_take((const Fluss__ListOffsetsResponse *)answer->message, bucket_count, out, err);
}

static bool
leader_seen(const int32_t *leaders, int32_t bucket)
{
    for (int32_t before = 0; before < bucket; before++)
        if (leaders[before] == leaders[bucket])
            return true;
    return false;
}

slu_status
fluss_admin_list_offsets(fluss_client *client, int64_t table_id, int64_t partition_id, int32_t offset_type, int64_t timestamp_ms,
                         const int32_t *leaders, int32_t bucket_count, int64_t *out, slu_error *err)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    slu_status status = SLU_OK;
    request.follower_server_id = -1;
    request.offset_type = offset_type;
    request.table_id = table_id;
    request.has_partition_id = partition_id >= 0;
    request.partition_id = partition_id;
    request.has_start_timestamp = offset_type == FLUSS_OFFSETS_TIMESTAMP;
    request.start_timestamp = timestamp_ms;
    request.bucket_id = slu_alloc_zero((size_t)bucket_count, sizeof *request.bucket_id);
    if (request.bucket_id == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", bucket_count);
    for (int32_t bucket = 0; bucket < bucket_count; bucket++)
        out[bucket] = -1;
    for (int32_t bucket = 0; bucket < bucket_count && status == SLU_OK; bucket++)
        if (!leader_seen(leaders, bucket))
            status = offsets_of_leader(client, &request, leaders[bucket], leaders, bucket_count, out, err);
    for (int32_t bucket = 0; bucket < bucket_count && status == SLU_OK; bucket++)
        if (out[bucket] < 0)
            status = slu_error_set(err, SLU_CORRUPT, "the server gave no offset for bucket %d", bucket);
    slu_free(request.bucket_id);
    return status;
}

slu_status
fluss_admin_target_offsets(fluss_target *target, int32_t offset_type, int64_t timestamp_ms, int64_t *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++) {
        int64_t *of_slot = out + (size_t)slot * (size_t)table->bucket_count;
        const fluss_slot partition = fluss_target_slot(target, slot);
        slu_status status = partition.gone || fluss_target_slot_ready(target, slot, false, err) != SLU_OK ? SLU_NOTFOUND : SLU_OK;
        if (status == SLU_OK)
            status = fluss_admin_list_offsets(fluss_target_client(target), table->table_id, partition.id, offset_type, timestamp_ms,
                                              fluss_target_slot_leaders(target, slot), table->bucket_count, of_slot, err);
        if (status == SLU_OK)
            continue;
        if (!fluss_target_partitioned(target) || (status != SLU_NOTFOUND && (err == NULL || err->code != 21)))
            return status;
        for (int32_t bucket = 0; bucket < table->bucket_count; bucket++) /* dropped since it was listed */
            of_slot[bucket] = 0;
    }
    return SLU_OK;
}

static slu_status
lake_snapshot_ask(fluss_client *client, const char *database, const char *table, bool readable, fluss_answer **out, slu_error *err)
{
    Fluss__GetLakeSnapshotRequest request = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTablePath path = table_path(database, table);
    request.table_path = &path;
    request.has_readable = readable;
    request.readable = readable;
    return fluss_client_ask(client, FLUSS_TO_ANY, FLUSS_API_GET_LAKE_SNAPSHOT, &request.base, out, err);
}

slu_status
fluss_admin_lake_snapshot(fluss_client *client, const char *database, const char *table, bool readable, int64_t *out_snapshot,
                          int64_t *offsets, int32_t bucket_count, slu_error *err)
{
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    SLU_TRY(lake_snapshot_ask(client, database, table, readable, &answer, err));
    const Fluss__GetLakeSnapshotResponse *snapshot = (const Fluss__GetLakeSnapshotResponse *)answer->message;
    for (int32_t bucket = 0; bucket < bucket_count; bucket++)
        offsets[bucket] = -1;
    for (size_t i = 0; i < snapshot->n_bucket_snapshots; i++) {
        const Fluss__PbLakeSnapshotForBucket *bucket = snapshot->bucket_snapshots[i];
        if (!bucket->has_partition_id && bucket->has_log_offset && bucket->bucket_id >= 0 && bucket->bucket_id < bucket_count)
            offsets[bucket->bucket_id] = bucket->log_offset;
    }
    *out_snapshot = snapshot->snapshot_id;
    return SLU_OK;
}

slu_status
fluss_admin_target_lake_snapshot(fluss_target *target, bool readable, int64_t *out_snapshot, int64_t *offsets, slu_error *err)
{
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    char database[SLU_NAME_BYTES_MAX];
    const char *name = fluss_target_name(target);
    const size_t dot = strcspn(name, ".");
    (void)snprintf(database, sizeof database, "%.*s", (int)dot, name);
    SLU_TRY(lake_snapshot_ask(fluss_target_client(target), database, name + dot + 1, readable, &answer, err));
    const Fluss__GetLakeSnapshotResponse *snapshot = (const Fluss__GetLakeSnapshotResponse *)answer->message;
    for (int32_t number = 0; number < fluss_target_bucket_numbers(target); number++)
        offsets[number] = -1;
    for (size_t i = 0; i < snapshot->n_bucket_snapshots; i++) {
        const Fluss__PbLakeSnapshotForBucket *bucket = snapshot->bucket_snapshots[i];
        const int32_t number =
            fluss_target_bucket_find(target, bucket->has_partition_id ? bucket->partition_id : -1, bucket->bucket_id);
        if (number >= 0 && bucket->has_log_offset)
            offsets[number] = bucket->log_offset;
    }
    *out_snapshot = snapshot->snapshot_id;
    return SLU_OK;
}
