/* api.c: PUT_KV, LOOKUP, PREFIX_LOOKUP, LIMIT_SCAN, GET_TABLE_STATS. */
#include "base/fail.h"
#include "base/sizes.h"
#include "fluss/record/kv_batch.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/commits.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/reply.h"

#include <inttypes.h>
#include <strings.h>

#define KV_VALUES_BYTES_MAX ((size_t)192 << 20) /* of one answer */
#define KV_LIMIT_MAX 1000000                    /* rows of one LIMIT_SCAN or of one prefix */

/* Version 0 of these APIs does not know the second rule of key encoding: where the rules differ, its keys would be other ones. */
static slu_status
kv_check_version(const fluss_request *r, const fluss_served *table, slu_error *err)
{
    const fluss_table *t = &table->table;
    const bool lake_keys = t->lake_format == FLUSS_LAKE_PAIMON || t->lake_format == FLUSS_LAKE_ICEBERG;
    if (r->version != 0 || t->kv_format_version < 2 || !lake_keys || t->bucket_column_count == t->key_column_count)
        return SLU_OK;
    return slu_error_coded(
        err,
        slu_error_set(err, SLU_UNSUPPORTED,
                      "Client API version %d is not supported for table '%s.%s'. This table uses new key "
                      "encoding strategy (kv format version %d). Please upgrade your Fluss client to a newer version.",
                      r->version, table->row.database, table->row.name, t->kv_format_version),
        FLUSS_ERROR_UNSUPPORTED_VERSION);
}

/* A disk that fails is told with the bucket that it fails. */
static slu_status
bucket_named(const fluss_tablet *tablet, slu_status status, slu_error *err)
{
    const fluss_table_row *row = &tablet->table->row;
    return status == SLU_IO ? slu_error_in(err, status, "table %s.%s, bucket=%" PRId32, row->database, row->name, tablet->bucket)
                            : status;
}

static slu_status
kv_bucket(const fluss_request *r, int64_t table_id, bool has_partition, int64_t partition_id, int32_t bucket,
          fluss_tablet **out_tablet, fluss_kv_tablet **out, slu_error *err)
{
    fluss_served *table = NULL;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, table_id, &table, err));
    SLU_TRY(
        fluss_tables_tablet(r->server->tables, table, has_partition ? partition_id : FLUSS_NO_PARTITION, bucket, out_tablet, err));
    SLU_TRY(bucket_named(*out_tablet, fluss_tables_kv(r->server->tables, *out_tablet, out, err), err));
    return kv_check_version(r, table, err);
}

/* ---- PUT_KV ---- */

static slu_status
put_bucket(const fluss_request *r, const Fluss__PutKvRequest *request, const Fluss__PbPutKvReqForBucket *bucket, int64_t *out_end,
           fluss_tablet **out_tablet, slu_error *err)
{
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    fluss_appended appended;
    SLU_TRY(kv_bucket(r, request->table_id, bucket->has_partition_id, bucket->partition_id, bucket->bucket_id, &tablet, &kv, err));
    const fluss_kv_put put = {.batch = fluss_bytes_view(&bucket->records),
                              .target_columns = request->target_columns,
                              .target_count = request->n_target_columns,
                              .overwrite = request->has_agg_mode && request->agg_mode == 1};
    const int64_t end = fluss_log_end(tablet->log);
    const slu_status status = fluss_kv_tablet_put(kv, &put, &appended, err);
    if (fluss_log_end(tablet->log) != end) /* perhaps behind a failure of the store */
        (void)fluss_commits_note(r->server->commits, tablet);
    SLU_TRY(bucket_named(tablet, status, err));
    *out_end = appended.next_offset;
    *out_tablet = tablet;
    return SLU_OK;
}

static void
put_fail(const ProtobufCMessage *response, size_t bucket, int32_t code, char *message)
{
    Fluss__PbPutKvRespForBucket *part = ((const Fluss__PutKvResponse *)response)->buckets_resp[bucket];
    part->has_log_end_offset = false;
    part->has_error_code = true;
    part->error_code = code;
    part->error_message = message;
}

slu_status
fluss_handle_put_kv(fluss_request *r, slu_error *err)
{
    const Fluss__PutKvRequest *request = (const Fluss__PutKvRequest *)r->message;
    if (request->acks < -1 || request->acks > 1)
        return slu_error_coded(err, slu_error_set(err, SLU_INVALID, "Invalid required acks: %" PRId32, request->acks),
                               FLUSS_ERROR_INVALID_REQUIRED_ACKS);
    if (request->has_agg_mode && (request->agg_mode < 0 || request->agg_mode > 1))
        return slu_error_coded(
            err, slu_error_set(err, SLU_UNSUPPORTED, "PUT_KV with agg_mode %" PRId32 " is not served", request->agg_mode),
            FLUSS_ERROR_UNSUPPORTED_VERSION);
    Fluss__PbPutKvRespForBucket **list =
        (Fluss__PbPutKvRespForBucket **)fluss_reply_list(r->arena, request->n_buckets_req, sizeof **list);
    Fluss__PutKvResponse *response = slu_arena_alloc(r->arena, sizeof *response);
    fluss_tablet **tablets = slu_arena_array(r->arena, request->n_buckets_req + 1, sizeof *tablets);
    if (list == NULL || response == NULL || tablets == NULL)
        return slu_arena_status(r->arena, err);
    fluss__put_kv_response__init(response);
    for (size_t i = 0; i < request->n_buckets_req; i++) {
        const Fluss__PbPutKvReqForBucket *bucket = request->buckets_req[i];
        slu_error why;
        fluss__pb_put_kv_resp_for_bucket__init(list[i]);
        list[i]->has_partition_id = bucket->has_partition_id;
        list[i]->partition_id = bucket->partition_id;
        list[i]->bucket_id = bucket->bucket_id;
        const slu_status status = put_bucket(r, request, bucket, &list[i]->log_end_offset, &tablets[i], &why);
        list[i]->has_log_end_offset = status == SLU_OK;
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response->n_buckets_resp = request->n_buckets_req;
    response->buckets_resp = list;
    return fluss_commits_answer(r->server->commits, r, &response->base, tablets, request->n_buckets_req, put_fail, err);
}

/* ---- LOOKUP ---- */

/* Inserts rows that have nothing but the keys that were not found, and looks again. */
static slu_status
lookup_insert(const fluss_request *r, fluss_tablet *tablet, fluss_kv_tablet *kv, const slu_view *keys, size_t count,
              slu_view *values, slu_error *err)
{
    const fluss_schema *schema = &tablet->table->descriptor.schema;
    fluss_appended appended;
    size_t missing = 0;
    slu_view *absent = slu_arena_array(r->arena, count + 1, sizeof *absent);
    if (absent == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < count; i++)
        if (values[i].data == NULL)
            absent[missing++] = keys[i];
    if (missing == 0)
        return SLU_OK;
    const fluss_kv_put put = {
        .keys = absent, .key_count = missing, .target_columns = schema->primary_key, .target_count = schema->primary_key_count};
    SLU_TRY(fluss_kv_tablet_put(kv, &put, &appended, err));
    SLU_TRY(fluss_log_sync(tablet->log, err));
    fluss_fetches_wake(r->server->fetches, tablet);
    return fluss_kv_tablet_get(kv, keys, count, values, err);
}

/* The rows are the store's, which may not keep them until the answer is sent. */
static slu_status
lookup_copy(slu_arena *arena, const slu_view *values, size_t count, Fluss__PbValue **list, slu_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += values[i].bytes;
    if (bytes > KV_VALUES_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu bytes of rows in one lookup, at most %zu", bytes, KV_VALUES_BYTES_MAX);
    uint8_t *copy = slu_arena_alloc(arena, bytes + 1);
    if (copy == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < count; i++) {
        fluss__pb_value__init(list[i]);
        list[i]->has_values = values[i].data != NULL;
        if (values[i].data == NULL)
            continue;
        memcpy(copy, values[i].data, values[i].bytes);
        list[i]->values = fluss_bytes_of(slu_view_of(copy, values[i].bytes));
        copy += values[i].bytes;
    }
    return SLU_OK;
}

static slu_status
lookup_bucket(const fluss_request *r, const Fluss__LookupRequest *request, const Fluss__PbLookupReqForBucket *bucket,
              Fluss__PbLookupRespForBucket *out, slu_error *err)
{
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    const size_t count = bucket->n_keys;
    if (!(request->has_insert_if_not_exists && request->insert_if_not_exists))
        SLU_TRY(fluss_authorize_part(r, FLUSS_OPERATION_READ, request->table_id, err));
    SLU_TRY(kv_bucket(r, request->table_id, bucket->has_partition_id, bucket->partition_id, bucket->bucket_id, &tablet, &kv, err));
    slu_view *keys = slu_arena_array(r->arena, count + 1, sizeof *keys);
    slu_view *values = slu_arena_array(r->arena, count + 1, sizeof *values);
    Fluss__PbValue **list = (Fluss__PbValue **)fluss_reply_list(r->arena, count, sizeof **list);
    if (keys == NULL || values == NULL || list == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < count; i++)
        keys[i] = fluss_bytes_view(&bucket->keys[i]);
    SLU_TRY(bucket_named(tablet, fluss_kv_tablet_get(kv, keys, count, values, err), err));
    if (request->has_insert_if_not_exists && request->insert_if_not_exists)
        SLU_TRY(lookup_insert(r, tablet, kv, keys, count, values, err));
    SLU_TRY(lookup_copy(r->arena, values, count, list, err));
    out->n_values = count;
    out->values = list;
    return SLU_OK;
}

slu_status
fluss_handle_lookup(fluss_request *r, slu_error *err)
{
    const Fluss__LookupRequest *request = (const Fluss__LookupRequest *)r->message;
    Fluss__LookupResponse response = FLUSS__LOOKUP_RESPONSE__INIT;
    const bool inserts = request->has_insert_if_not_exists && request->insert_if_not_exists;
    if (inserts && (!request->has_acks || !request->has_timeout_ms))
        return slu_error_coded(
            err, slu_error_set(err, SLU_INVALID, "java.lang.IllegalArgumentException: timeoutMs and requiredAcks must be set"),
            FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
    Fluss__PbLookupRespForBucket **list =
        (Fluss__PbLookupRespForBucket **)fluss_reply_list(r->arena, request->n_buckets_req, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_buckets_req; i++) {
        const Fluss__PbLookupReqForBucket *bucket = request->buckets_req[i];
        slu_error why;
        fluss__pb_lookup_resp_for_bucket__init(list[i]);
        list[i]->has_partition_id = bucket->has_partition_id;
        list[i]->partition_id = bucket->partition_id;
        list[i]->bucket_id = bucket->bucket_id;
        const slu_status status = lookup_bucket(r, request, bucket, list[i], &why);
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_buckets_resp = request->n_buckets_req;
    response.buckets_resp = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- PREFIX_LOOKUP ---- */

/* Values of a scan, in the arena, as a list that doubles. */
typedef struct kv_collect {
    slu_arena *arena;
    ProtobufCBinaryData *values;
    size_t count;
} kv_collect;

static slu_status
collect_value(void *context, slu_view value)
{
    kv_collect *collect = context;
    if ((collect->count & (collect->count - 1)) == 0) {
        ProtobufCBinaryData *larger = slu_arena_array(collect->arena, collect->count == 0 ? 1 : collect->count * 2, sizeof *larger);
        if (larger == NULL)
            return SLU_NOMEM;
        if (collect->count != 0)
            memcpy(larger, collect->values, collect->count * sizeof *larger);
        collect->values = larger;
    }
    uint8_t *copy = slu_arena_alloc(collect->arena, value.bytes + 1);
    if (copy == NULL)
        return SLU_NOMEM;
    memcpy(copy, value.data, value.bytes);
    collect->values[collect->count++] = fluss_bytes_of(slu_view_of(copy, value.bytes));
    return SLU_OK;
}

static slu_status
prefix_check(const fluss_served *table, slu_error *err)
{
    const fluss_table *t = &table->table;
    bool good = t->key_encoding == FLUSS_KEY_COMPACTED && t->bucket_column_count < t->key_column_count;
    for (size_t i = 0; good && i < t->bucket_column_count; i++)
        good = t->bucket_columns[i] == t->key_columns[i];
    if (good)
        return SLU_OK;
    return slu_error_coded(err,
                           slu_error_set(err, SLU_INVALID,
                                         "Can not perform prefix lookup on table '%s.%s', because the bucket keys are not a "
                                         "prefix subset of the physical primary keys (excluded partition fields if present).",
                                         table->row.database, table->row.name),
                           FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
}

static slu_status
prefix_bucket(const fluss_request *r, const Fluss__PrefixLookupRequest *request, const Fluss__PbPrefixLookupReqForBucket *bucket,
              Fluss__PbPrefixLookupRespForBucket *out, slu_error *err)
{
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    SLU_TRY(fluss_authorize_part(r, FLUSS_OPERATION_READ, request->table_id, err));
    SLU_TRY(kv_bucket(r, request->table_id, bucket->has_partition_id, bucket->partition_id, bucket->bucket_id, &tablet, &kv, err));
    SLU_TRY(prefix_check(tablet->table, err));
    Fluss__PbValueList **list = (Fluss__PbValueList **)fluss_reply_list(r->arena, bucket->n_keys, sizeof **list);
    if (list == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < bucket->n_keys; i++) {
        kv_collect collect = {r->arena, NULL, 0};
        const slu_status status =
            fluss_kv_tablet_scan(kv, fluss_bytes_view(&bucket->keys[i]), KV_LIMIT_MAX, collect_value, &collect, err);
        if (status != SLU_OK)
            return status == SLU_NOMEM ? slu_arena_status(r->arena, err) : status;
        fluss__pb_value_list__init(list[i]);
        list[i]->n_values = collect.count;
        list[i]->values = collect.values;
    }
    out->n_value_lists = bucket->n_keys;
    out->value_lists = list;
    return SLU_OK;
}

slu_status
fluss_handle_prefix_lookup(fluss_request *r, slu_error *err)
{
    const Fluss__PrefixLookupRequest *request = (const Fluss__PrefixLookupRequest *)r->message;
    Fluss__PrefixLookupResponse response = FLUSS__PREFIX_LOOKUP_RESPONSE__INIT;
    Fluss__PbPrefixLookupRespForBucket **list =
        (Fluss__PbPrefixLookupRespForBucket **)fluss_reply_list(r->arena, request->n_buckets_req, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_buckets_req; i++) {
        const Fluss__PbPrefixLookupReqForBucket *bucket = request->buckets_req[i];
        slu_error why;
        fluss__pb_prefix_lookup_resp_for_bucket__init(list[i]);
        list[i]->has_partition_id = bucket->has_partition_id;
        list[i]->partition_id = bucket->partition_id;
        list[i]->bucket_id = bucket->bucket_id;
        const slu_status status = prefix_bucket(r, request, bucket, list[i], &why);
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_buckets_resp = request->n_buckets_req;
    response.buckets_resp = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- LIMIT_SCAN ---- */

static slu_status
scan_value(void *context, slu_view value)
{
    fluss_value_writer_put(context, value);
    return SLU_OK;
}

static slu_status
scan_rows(const fluss_request *r, fluss_tablet *tablet, size_t limit, slu_buf *out, slu_error *err)
{
    fluss_kv_tablet *kv = NULL;
    fluss_value_writer writer;
    SLU_TRY(fluss_tables_kv(r->server->tables, tablet, &kv, err));
    fluss_value_writer_begin(&writer, out);
    SLU_TRY(fluss_kv_tablet_scan(kv, slu_view_of(NULL, 0), limit, scan_value, &writer, err));
    fluss_value_writer_end(&writer);
    return slu_buf_status(out, err);
}

/* The last batches of a log that hold `limit` rows; the client keeps what it asked for. */
static slu_status
scan_log(const fluss_tablet *tablet, int64_t limit, slu_buf *out, slu_error *err)
{
    const int64_t end = fluss_log_end(tablet->log);
    int64_t next = SLU_MAX(fluss_log_first(tablet->log), end - limit);
    while (next < end) {
        const int64_t before = next;
        if (out->bytes >=
            KV_VALUES_BYTES_MAX) /* what is left out would be the newest rows, which are the ones that are asked for */
            return slu_error_set(err, SLU_LIMIT, "the last %" PRId64 " rows have more than %zu bytes: ask for fewer", limit,
                                 KV_VALUES_BYTES_MAX);
        SLU_TRY(fluss_log_read_any(tablet->log, next, KV_VALUES_BYTES_MAX - out->bytes, true, out, &next, err));
        if (next == before)
            break;
    }
    return slu_buf_status(out, err);
}

static slu_status
limit_scan(const fluss_request *r, const Fluss__LimitScanRequest *request, Fluss__LimitScanResponse *response, slu_buf *records,
           slu_error *err)
{
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, request->table_id, &table, err));
    SLU_TRY(fluss_tables_tablet(r->server->tables, table, request->has_partition_id ? request->partition_id : FLUSS_NO_PARTITION,
                                request->bucket_id, &tablet, err));
    if (request->limit <= 0 || request->limit > KV_LIMIT_MAX)
        return slu_error_set(err, SLU_INVALID, "a limit of %" PRId32 " rows; it must be from 1 to %d", request->limit,
                             KV_LIMIT_MAX);
    response->has_is_log_table = true;
    response->is_log_table = table->table.key_column_count == 0;
    return response->is_log_table ? scan_log(tablet, request->limit, records, err)
                                  : scan_rows(r, tablet, (size_t)request->limit, records, err);
}

slu_status
fluss_handle_limit_scan(fluss_request *r, slu_error *err)
{
    const Fluss__LimitScanRequest *request = (const Fluss__LimitScanRequest *)r->message;
    Fluss__LimitScanResponse response = FLUSS__LIMIT_SCAN_RESPONSE__INIT;
    SLU_AUTO(slu_buf_fini) slu_buf records = {0};
    slu_error why;
    slu_buf_init(&records, KV_VALUES_BYTES_MAX + FLUSS_MESSAGE_DENSE_BYTES_MAX);
    const slu_status status = limit_scan(r, request, &response, &records, &why);
    if (status == SLU_OK) {
        response.has_records = true;
        response.records = fluss_bytes_of(slu_buf_view(&records));
    } else {
        response.has_is_log_table = false;
        response.has_error_code = true;
        response.error_code = fluss_reply_error(r->arena, status, &why, &response.error_message);
    }
    return fluss_request_answer(r, &response.base, err);
}

/* ---- GET_TABLE_STATS ---- */

static slu_status
stats_bucket(const fluss_request *r, const Fluss__GetTableStatsRequest *request, const Fluss__PbTableStatsReqForBucket *bucket,
             int64_t *out_rows, slu_error *err)
{
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, request->table_id, &table, err));
    SLU_TRY(fluss_tables_tablet(r->server->tables, table, bucket->has_partition_id ? bucket->partition_id : FLUSS_NO_PARTITION,
                                bucket->bucket_id, &tablet, err));
    if (table->table.key_column_count == 0) {
        *out_rows = fluss_log_end(tablet->log) - fluss_log_first(tablet->log);
        return SLU_OK;
    }
    SLU_TRY(fluss_tables_kv(r->server->tables, tablet, &kv, err));
    const char *image = fluss_descriptor_get(&table->descriptor, "table.changelog.image");
    if (image != NULL && strcasecmp(image, "WAL") == 0) /* a changelog without inserts cannot be counted after a restart */
        return slu_error_coded(
            err,
            slu_error_set(err, SLU_INVALID,
                          "Row count is disabled for this table '%s.%s'. This usually happens when the table iscreated "
                          "before v0.9 or the changelog image is set to WAL, as maintaining row count in WAL mode is "
                          "costly and not necessary for most use cases. If you want to enable row count, please set "
                          "changelog image to FULL.",
                          table->row.database, table->row.name),
            FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    SLU_TRY(fluss_kv_tablet_rows(kv, out_rows, err));
    return SLU_OK;
}

slu_status
fluss_handle_table_stats(fluss_request *r, slu_error *err)
{
    const Fluss__GetTableStatsRequest *request = (const Fluss__GetTableStatsRequest *)r->message;
    Fluss__GetTableStatsResponse response = FLUSS__GET_TABLE_STATS_RESPONSE__INIT;
    Fluss__PbTableStatsRespForBucket **list =
        (Fluss__PbTableStatsRespForBucket **)fluss_reply_list(r->arena, request->n_buckets_req, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_buckets_req; i++) {
        const Fluss__PbTableStatsReqForBucket *bucket = request->buckets_req[i];
        slu_error why;
        fluss__pb_table_stats_resp_for_bucket__init(list[i]);
        list[i]->has_partition_id = bucket->has_partition_id;
        list[i]->partition_id = bucket->partition_id;
        list[i]->bucket_id = bucket->bucket_id;
        const slu_status status = stats_bucket(r, request, bucket, &list[i]->row_count, &why);
        list[i]->has_row_count = status == SLU_OK;
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_buckets_resp = request->n_buckets_req;
    response.buckets_resp = list;
    return fluss_request_answer(r, &response.base, err);
}
