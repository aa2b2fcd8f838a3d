/*
 *   LOADING -all answers-> READY -stale-> READY (asking again)
 *   LOADING -a fatal answer, or too many retriable ones-> FAILED
 *   READY -a fatal answer while asking again (no such table, another table)-> FAILED; retriable ones never end it
 */
#include "base/alloc.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"
#include "target_internal.h"

#define LOAD_TRIES_MAX 50
#define SCHEMAS_MAX 1000 /* earlier schemas that are asked for */
#define TARGET_ARENA_BYTES_MAX ((size_t)32 << 20)

static void info_ask(fluss_target *target);
static void schema_ask(fluss_target *target);

static char *
constant(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* A retriable failure while loading or refreshing is tried again after a pause; any other ends the target. What was open once waits
 * for its servers as long as it takes: a node that restarts is no reason to end a job. */
void
target_fail(fluss_target *target, const slu_error *failure)
{
    target->tries += target->tries < UINT32_MAX;
    if (failure->retriable && (target->located || target->tries < LOAD_TRIES_MAX)) {
        const int64_t pause_ms = backoff_ms(target->client, target->tries - 1, FLUSS_STALE_PAUSE_MS, FLUSS_STALE_PAUSE_MS_MAX);
        slu_timer_set(target->timer, target->located ? pause_ms : FLUSS_STALE_PAUSE_MS);
        return;
    }
    target->failure = *failure;
    (void)slu_error_in(&target->failure, failure->status, "table %s", target->name);
}

static slu_status
describe(fluss_target *target, const Fluss__GetTableInfoResponse *info, slu_error *err)
{
    SLU_TRY(fluss_descriptor_decode(fluss_bytes_view(&info->table_json), &target->arena, &target->descriptor, err));
    SLU_TRY(fluss_table_init(&target->table, &target->descriptor, info->table_id, info->schema_id, &target->arena, err));
    if (target->table.bucket_count <= 0)
        return slu_error_set(err, SLU_CORRUPT, "the server says it has %d buckets", target->table.bucket_count);
    if (target->table.partition_column_count == 0) {
        target->leaders = slu_alloc((size_t)target->table.bucket_count * sizeof *target->leaders);
        if (target->leaders == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", target->table.bucket_count);
        for (int32_t bucket = 0; bucket < target->table.bucket_count; bucket++)
            target->leaders[bucket] = -1;
    }
    target->schema_count = target->table.schema_id < 1 || target->table.schema_id > SCHEMAS_MAX ? 0 : target->table.schema_id;
    target->schema_next = 1;
    target->schema_columns = slu_alloc_zero((size_t)target->schema_count + 1, sizeof *target->schema_columns);
    if (target->schema_columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d schemas", target->schema_count);
    target->schema_columns[target->schema_count] = target->descriptor.schema.column_count;
    target->described = true;
    return SLU_OK;
}

static void
info_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_target *target = context;
    slu_error err = {0};
    target->info_call = NULL;
    if (failure != NULL)
        target_fail(target, failure);
    else if (describe(target, (const Fluss__GetTableInfoResponse *)answer->message, &err) != SLU_OK)
        target_fail(target, &err);
    else
        schema_ask(target);
}

static void
info_ask(fluss_target *target)
{
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    slu_error err = {0};
    path.database_name = constant(target->database);
    path.table_name = constant(target->table_name);
    request.table_path = &path;
    if (fluss_client_call(target->client, FLUSS_TO_ANY, FLUSS_API_GET_TABLE_INFO, &request.base, info_answered, target,
                          &target->info_call, &err) != SLU_OK)
        target_fail(target, &err);
}

/* ---- Earlier schemas: each is the first columns of the next ---- */

static void
schema_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_target *target = context;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_schema schema;
    slu_error err = {0};
    target->schema_call = NULL;
    slu_arena_init(&arena, TARGET_ARENA_BYTES_MAX);
    if (failure != NULL) {
        target_fail(target, failure);
    } else if (fluss_schema_decode(fluss_bytes_view(&((const Fluss__GetTableSchemaResponse *)answer->message)->schema_json), &arena,
                                   &schema, &err) != SLU_OK) {
        target_fail(target, &err);
    } else {
        target->schema_columns[target->schema_next++] = schema.column_count;
        schema_ask(target);
    }
}

/* Asks for the next one; behind the last, for the leaders. */
static void
schema_ask(fluss_target *target)
{
    Fluss__GetTableSchemaRequest request = FLUSS__GET_TABLE_SCHEMA_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    slu_error err = {0};
    if (target->schema_next >= target->schema_count) {
        target_metadata_ask(target);
        return;
    }
    path.database_name = constant(target->database);
    path.table_name = constant(target->table_name);
    request.table_path = &path;
    request.has_schema_id = 1;
    request.schema_id = target->schema_next;
    if (target->schema_call == NULL && fluss_client_call(target->client, FLUSS_TO_ANY, FLUSS_API_GET_TABLE_SCHEMA, &request.base,
                                                         schema_answered, target, &target->schema_call, &err) != SLU_OK)
        target_fail(target, &err);
}

size_t
fluss_target_columns_of(const fluss_target *target, int16_t schema_id)
{
    return schema_id < 1 || schema_id > target->schema_count ? 0 : target->schema_columns[schema_id];
}

/* ---- Later schemas: columns that were added since ---- */

static slu_status
later_take(fluss_target *target, const Fluss__GetTableSchemaResponse *response, slu_error *err)
{
    fluss_schema *schema = slu_arena_alloc(&target->arena, sizeof *schema);
    SLU_TRY(slu_arena_status(&target->arena, err));
    SLU_TRY(fluss_schema_decode(fluss_bytes_view(&response->schema_json), &target->arena, schema, err));
    if (!fluss_schema_begins(schema, &target->descriptor.schema))
        return slu_error_set(err, SLU_UNSUPPORTED, "schema %d does not begin with the columns of schema %d: open the table again",
                             target->later_known + 1, target->table.schema_id);
    target->later[++target->later_known] = schema;
    return SLU_OK;
}

static void
later_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_target *target = context;
    slu_error err = {0};
    target->later_call = NULL;
    if (failure != NULL && !failure->retriable) /* else whoever waits asks again */
        target->later_failure = *failure;
    else if (failure == NULL && later_take(target, (const Fluss__GetTableSchemaResponse *)answer->message, &err) != SLU_OK)
        target->later_failure = err;
}

static slu_status
later_ask(fluss_target *target, slu_error *err)
{
    Fluss__GetTableSchemaRequest request = FLUSS__GET_TABLE_SCHEMA_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    path.database_name = constant(target->database);
    path.table_name = constant(target->table_name);
    request.table_path = &path;
    request.has_schema_id = 1;
    request.schema_id = target->later_known + 1;
    return fluss_client_call(target->client, FLUSS_TO_ANY, FLUSS_API_GET_TABLE_SCHEMA, &request.base, later_answered, target,
                             &target->later_call, err);
}

slu_status
fluss_target_learn(fluss_target *target, int16_t schema_id, slu_error *err)
{
    if (schema_id <= target->table.schema_id || schema_id <= target->later_known)
        return SLU_OK;
    if (schema_id > SCHEMAS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a row was written with schema %d; %d are served", schema_id, SCHEMAS_MAX);
    if (target->later_failure.status != SLU_OK) {
        if (err != NULL)
            *err = target->later_failure;
        return target->later_failure.status;
    }
    if (target->later == NULL) {
        target->later = slu_alloc_zero(SCHEMAS_MAX + 1, sizeof *target->later);
        if (target->later == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %d schemas", SCHEMAS_MAX);
        target->later_known = target->table.schema_id;
    }
    slu_error ignored;
    if (target->later_call == NULL && later_ask(target, &ignored) != SLU_OK && !ignored.retriable) {
        if (err != NULL)
            *err = ignored;
        return ignored.status;
    }
    return SLU_AGAIN;
}

const fluss_schema *
fluss_target_later(const fluss_target *target, int16_t schema_id)
{
    return target->later == NULL || schema_id <= target->table.schema_id || schema_id > target->later_known
               ? NULL
               : target->later[schema_id];
}

static const Fluss__PbTableMetadata *
metadata_find(const fluss_target *target, const Fluss__MetadataResponse *metadata)
{
    for (size_t i = 0; i < metadata->n_table_metadata; i++)
        if (strcmp(metadata->table_metadata[i]->table_path->table_name, target->table_name) == 0)
            return metadata->table_metadata[i];
    return NULL;
}

static void
leaders_take(fluss_target *target, const Fluss__PbTableMetadata *metadata)
{
    bool complete = true;
    if (target->table.partition_column_count != 0) {
        target->stale = false;
        target->located = true;
        target->tries = 0;
        return;
    }
    for (int32_t bucket = 0; bucket < target->table.bucket_count; bucket++)
        target->leaders[bucket] = -1;
    for (size_t i = 0; i < metadata->n_bucket_metadata; i++) {
        const Fluss__PbBucketMetadata *bucket = metadata->bucket_metadata[i];
        if (bucket->bucket_id >= 0 && bucket->bucket_id < target->table.bucket_count)
            target->leaders[bucket->bucket_id] = bucket->has_leader_id ? bucket->leader_id : -1;
    }
    for (int32_t bucket = 0; bucket < target->table.bucket_count; bucket++)
        complete = complete && target->leaders[bucket] >= 0;
    target->stale = !complete;
    if (complete) {
        target->located = true;
        return; /* tries stay until the leaders do their work: fluss_target_fresh */
    }
    slu_error err;
    (void)slu_error_set(&err, SLU_TIMEOUT, "not every bucket has a leader");
    target_fail(target, &err);
}

static void
metadata_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_target *target = context;
    slu_error err = {0};
    target->metadata_call = NULL;
    if (failure != NULL && failure->code == FLUSS_ERROR_PARTITION_NOT_EXISTS) { /* since it was listed */
        target->stale = true;
        slu_timer_set(target->timer, FLUSS_STALE_PAUSE_MS);
        return;
    }
    if (failure != NULL) {
        target_fail(target, failure);
        return;
    }
    const Fluss__PbTableMetadata *metadata = metadata_find(target, (const Fluss__MetadataResponse *)answer->message);
    if (metadata == NULL) {
        (void)slu_error_set(&err, SLU_NOTFOUND, "the server does not show it");
        target_fail(target, &err);
    } else if (metadata->table_id != target->table.table_id) {
        (void)slu_error_set(&err, SLU_CONFLICT, "it was dropped and created anew (id %lld was %lld)", (long long)metadata->table_id,
                            (long long)target->table.table_id);
        target_fail(target, &err);
    } else {
        slots_take(target, (const Fluss__MetadataResponse *)answer->message);
        leaders_take(target, metadata);
    }
}

void
target_metadata_ask(fluss_target *target)
{
    Fluss__MetadataRequest request = FLUSS__METADATA_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbTablePath *paths[1] = {&path};
    slu_error err = {0};
    path.database_name = constant(target->database);
    path.table_name = constant(target->table_name);
    request.n_table_path = 1;
    request.table_path = paths;
    Fluss__PbPhysicalTablePath *partitions = slu_alloc(((size_t)target->slot_count + 1) * sizeof *partitions);
    Fluss__PbPhysicalTablePath **pointers = slu_alloc(((size_t)target->slot_count + 1) * sizeof *pointers);
    if (partitions == NULL || pointers == NULL) {
        (void)slu_error_set(&err, SLU_NOMEM, "no memory for %d partitions", target->slot_count);
        target_fail(target, &err);
    } else {
        slots_paths(target, partitions, pointers, &request.n_partitions_path);
        request.partitions_path = pointers;
    }
    if (err.status == SLU_OK && target->metadata_call == NULL &&
        fluss_client_call(target->client, FLUSS_TO_ANY, FLUSS_API_GET_METADATA, &request.base, metadata_answered, target,
                          &target->metadata_call, &err) != SLU_OK)
        target_fail(target, &err);
    slu_free(partitions);
    slu_free(pointers);
}

static void
timer_fired(void *context)
{
    fluss_target *target = context;
    if (target->failure.status != SLU_OK)
        return;
    if (target->stale)
        fluss_client_cluster_forget(target->client);
    slots_retry(target);
    if (target->stale && target->slot_count > 0 && target->located)
        slots_list(target);
    else if (target->described && (!target->located || target->stale))
        schema_ask(target);
    else if (!target->described && target->info_call == NULL)
        info_ask(target);
}

slu_status
fluss_target_open(fluss_client *client, const char *database, const char *table, fluss_target **out, slu_error *err)
{
    fluss_target *target = slu_alloc_zero(1, sizeof *target);
    if (target == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", database, table);
    target->client = client;
    slu_arena_init(&target->arena, TARGET_ARENA_BYTES_MAX);
    target->database = slu_strdup(database);
    target->table_name = slu_strdup(table);
    target->name = slu_arena_printf(&target->arena, "%s.%s", database, table);
    slu_status status = SLU_OK;
    if (target->database == NULL || target->table_name == NULL || target->name == NULL)
        status = slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", database, table);
    if (status == SLU_OK)
        status = slu_timer_open(client->loop, timer_fired, target, &target->timer, err);
    if (status != SLU_OK) {
        fluss_target_close(&target);
        return status;
    }
    info_ask(target);
    *out = target;
    return SLU_OK;
}

void
fluss_target_close(fluss_target **target)
{
    fluss_target *mine = slu_take(target);
    if (mine == NULL)
        return;
    fluss_call_cancel(&mine->info_call);
    fluss_call_cancel(&mine->schema_call);
    fluss_call_cancel(&mine->later_call);
    fluss_call_cancel(&mine->metadata_call);
    slots_free(mine);
    slu_timer_close(&mine->timer);
    fluss_table_fini(&mine->table);
    slu_arena_fini(&mine->arena);
    slu_free(mine->leaders);
    slu_free(mine->schema_columns);
    slu_free(mine->later);
    slu_free(mine->database);
    slu_free(mine->table_name);
    slu_free(mine);
}

slu_status
fluss_target_poll(const fluss_target *target, slu_error *err)
{
    if (target->failure.status != SLU_OK) {
        if (err != NULL)
            *err = target->failure;
        return target->failure.status;
    }
    return target->located ? SLU_OK : SLU_AGAIN;
}

slu_status
fluss_target_wait(fluss_target *target, int64_t timeout_ms, slu_error *err)
{
    const int64_t deadline_ms = slu_now_ms(target->client->env) + timeout_ms;
    for (;;) {
        const slu_status status = fluss_target_poll(target, err);
        if (status != SLU_AGAIN)
            return status;
        if (slu_now_ms(target->client->env) >= deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "table %s: not opened within %lld ms", target->name, (long long)timeout_ms);
        SLU_TRY(fluss_client_stop_check(target->client, err));
        fluss_client_step(target->client, FLUSS_STALE_PAUSE_MS);
    }
}

fluss_client *
fluss_target_client(const fluss_target *target)
{
    return target->client;
}

const char *
fluss_target_name(const fluss_target *target)
{
    return target->name;
}

const fluss_table *
fluss_target_table(const fluss_target *target)
{
    return &target->table;
}

int32_t
fluss_target_leader(fluss_target *target, int32_t bucket)
{
    return target->leaders[bucket];
}

const int32_t *
fluss_target_leaders(const fluss_target *target)
{
    return target->leaders;
}

const int32_t *
fluss_target_slot_leaders(const fluss_target *target, int32_t slot)
{
    return target->leaders + (size_t)slot * (size_t)target->table.bucket_count;
}

void
fluss_target_stale(fluss_target *target)
{
    if (target->stale)
        return;
    target->stale = true;
    slu_timer_set(target->timer, backoff_ms(target->client, target->tries, FLUSS_STALE_PAUSE_MS, FLUSS_STALE_PAUSE_MS_MAX));
    target->tries += target->tries < UINT32_MAX;
}

void
fluss_target_fresh(fluss_target *target)
{
    if (!target->stale)
        target->tries = 0;
}
