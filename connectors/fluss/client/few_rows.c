#include "few_rows.h"

#include "fluss/record/key.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"
#include "internal.h"

#define KEY_BYTES_MAX ((size_t)1 << 20)

/* ---- Asking a bucket's leader, again where that may help ---- */

typedef struct question {
    fluss_target *target;
    int32_t bucket;
    int16_t api;
    const ProtobufCMessage *request;
    /* What the answer says of the bucket. */
    slu_status (*verdict)(const ProtobufCMessage *message, slu_error *err);
} question;

static slu_status
ask_once(const question *of, fluss_answer **out, slu_error *err)
{
    const int32_t leader = fluss_target_leader(of->target, of->bucket);
    if (leader < 0)
        return slu_error_set(err, SLU_CLOSED, "bucket %d has no leader at the moment", of->bucket);
    SLU_TRY(fluss_client_ask(fluss_target_client(of->target), leader, of->api, of->request, out, err));
    const slu_status status = of->verdict((*out)->message, err);
    if (status != SLU_OK)
        fluss_answer_unref(out);
    return status;
}

/* Steps the client for a while. */
static void
pause_a_little(fluss_target *target)
{
    const bool never = false;
    const slu_status over = fluss_client_wait(fluss_target_client(target), &never, FLUSS_STALE_PAUSE_MS, "a pause", NULL);
    (void)over; /* TIMEOUT */
}

static slu_status
ask(const question *of, fluss_answer **out, slu_error *err)
{
    slu_error said = {0};
    for (int tries = 0; tries < FLUSS_FEW_TRIES; tries++) {
        said = (slu_error){0};
        if (ask_once(of, out, &said) == SLU_OK)
            return SLU_OK;
        if (!said.retriable && fluss_target_leader(of->target, of->bucket) >= 0)
            break;
        fluss_target_stale(of->target);
        pause_a_little(of->target);
    }
    if (err != NULL)
        *err = said;
    return slu_error_in(err, said.status, "table %s", fluss_target_name(of->target));
}

static int32_t
own_number(const fluss_target *target, int32_t bucket)
{
    return bucket % fluss_target_table(target)->bucket_count;
}

/* ---- Rows of primary-key tables ---- */

static slu_status
value_append(const fluss_target *target, slu_view value, fluss_rows *rows, slu_error *err)
{
    int16_t schema_id;
    slu_view row;
    SLU_TRY(fluss_value_split(value, &schema_id, &row, err));
    const size_t columns = fluss_target_columns_of(target, schema_id);
    if (columns == 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "a row was written with schema %d, which came later: open the table again",
                             schema_id);
    return fluss_rows_append(rows, fluss_target_table(target)->kv_format, row, columns, err);
}

static slu_status
rows_tell(fluss_rows *rows, fluss_few_found found, void *context, slu_error *err)
{
    struct ArrowArray array = {0};
    SLU_TRY(fluss_rows_finish(rows, &array, err));
    found(context, &array, 0, array.length);
    slu_array_release(&array);
    return SLU_OK;
}

static slu_status
values_tell(const fluss_target *target, slu_view records, fluss_few_found found, void *context, slu_error *err)
{
    SLU_AUTO(fluss_rows_free) fluss_rows *rows = NULL;
    fluss_value_reader reader;
    slu_view value;
    SLU_TRY(fluss_rows_new(&fluss_target_table(target)->descriptor->schema, &rows, err));
    SLU_TRY(fluss_value_reader_init(&reader, records, err));
    for (;;) {
        const slu_status status = fluss_value_next(&reader, &value, err);
        if (status == SLU_END)
            return rows_tell(rows, found, context, err);
        SLU_TRY(status);
        SLU_TRY(value_append(target, value, rows, err));
    }
}

/* ---- LIMIT_SCAN ---- */

static slu_status
limit_verdict(const ProtobufCMessage *message, slu_error *err)
{
    const Fluss__LimitScanResponse *answer = (const Fluss__LimitScanResponse *)message;
    return answer->has_error_code && answer->error_code != 0 ? fluss_error_set(err, answer->error_code, answer->error_message)
                                                             : SLU_OK;
}

/* How many rows the batches hold; the last one may be cut, and counts for nothing. */
static slu_status
log_count(slu_view records, int64_t *out, slu_error *err)
{
    fluss_log_header header;
    slu_status status;
    *out = 0;
    while ((status = fluss_log_peek(records, &header, err)) == SLU_OK) {
        *out += header.record_count;
        records = slu_view_of(records.data + header.batch_bytes, records.bytes - header.batch_bytes);
        if (records.bytes == 0)
            return SLU_OK;
    }
    return status == SLU_MORE ? SLU_OK : status;
}

static slu_status
log_batch_decode(const fluss_target *target, slu_view batch, const fluss_log_header *header, slu_ipc_codec *codec,
                 fluss_log_rows *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    const fluss_schema *schema = &table->descriptor->schema;
    const slu_ipc_owner copy = {0};
    if (header->schema_id == table->schema_id)
        return fluss_log_decode(table->log_format, schema, &table->arrow, header, batch, copy, codec, out, err);
    return fluss_log_decode_other(table->log_format, schema, &table->arrow, fluss_target_columns_of(target, header->schema_id),
                                  header, batch, copy, codec, out, err);
}

/* The last `limit` rows of what the server sent, which is whole batches. */
static slu_status
log_tell(const fluss_target *target, slu_view records, int32_t limit, slu_ipc_codec *codec, fluss_few_found found, void *context,
         slu_error *err)
{
    int64_t total;
    SLU_TRY(log_count(records, &total, err));
    int64_t pass = total > limit ? total - limit : 0;
    for (int64_t left = total; left > 0;) {
        fluss_log_header header;
        fluss_log_rows rows = {0};
        SLU_TRY(fluss_log_peek(records, &header, err));
        const slu_view batch = slu_view_of(records.data, header.batch_bytes);
        records = slu_view_of(records.data + header.batch_bytes, records.bytes - header.batch_bytes);
        left -= header.record_count;
        if (header.record_count <= pass) {
            pass -= header.record_count;
            continue;
        }
        SLU_TRY(fluss_log_verify(batch, &header, err));
        SLU_TRY(log_batch_decode(target, batch, &header, codec, &rows, err));
        found(context, &rows.array, pass, header.record_count - pass);
        pass = 0;
        fluss_log_rows_fini(&rows);
    }
    return SLU_OK;
}

slu_status
fluss_limit_scan(fluss_target *target, int32_t bucket, int32_t limit, fluss_few_found found, void *context, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    Fluss__LimitScanRequest request = FLUSS__LIMIT_SCAN_REQUEST__INIT;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    request.table_id = table->table_id;
    request.partition_id = fluss_target_partition_id(target, bucket);
    request.has_partition_id = request.partition_id >= 0;
    request.bucket_id = own_number(target, bucket);
    request.limit = limit;
    if (limit < 1)
        return slu_error_set(err, SLU_INVALID, "a limit of %d rows", limit);
    SLU_TRY(ask(&(question){target, bucket, FLUSS_API_LIMIT_SCAN, &request.base, limit_verdict}, &answer, err));
    const Fluss__LimitScanResponse *said = (const Fluss__LimitScanResponse *)answer->message;
    if (!said->has_records || said->records.len == 0)
        return SLU_OK;
    if (table->key_column_count > 0)
        return values_tell(target, fluss_bytes_view(&said->records), found, context, err);
    slu_ipc_codec *codec = NULL;
    SLU_TRY(slu_ipc_codec_new(&codec, err));
    const slu_status status = log_tell(target, fluss_bytes_view(&said->records), limit, codec, found, context, err);
    slu_ipc_codec_free(&codec);
    return status;
}

/* ---- PREFIX_LOOKUP ---- */

static slu_status
prefix_verdict(const ProtobufCMessage *message, slu_error *err)
{
    const Fluss__PrefixLookupResponse *answer = (const Fluss__PrefixLookupResponse *)message;
    if (answer->n_buckets_resp != 1)
        return slu_error_set(err, SLU_CORRUPT, "%zu buckets answered where one was asked", answer->n_buckets_resp);
    const Fluss__PbPrefixLookupRespForBucket *bucket = answer->buckets_resp[0];
    if (bucket->has_error_code && bucket->error_code != 0)
        return fluss_error_set(err, bucket->error_code, bucket->error_message);
    if (bucket->n_value_lists != 1)
        return slu_error_set(err, SLU_CORRUPT, "%zu lists of rows for one prefix", bucket->n_value_lists);
    return SLU_OK;
}

/* Fluss's own rule: the bucket key is a proper beginning of the physical primary key. */
static slu_status
prefix_check(const fluss_target *target, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    bool fits = table->bucket_column_count > 0 && table->bucket_column_count < table->key_column_count;
    for (size_t i = 0; fits && i < table->bucket_column_count; i++)
        fits = table->bucket_columns[i] == table->key_columns[i];
    return fits ? SLU_OK
                : slu_error_set(err, SLU_INVALID,
                                "table %s: a prefix lookup needs a bucket key that is the beginning of a longer primary key",
                                fluss_target_name(target));
}

static slu_status
prefix_encode(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *keys, int32_t row, slu_buf *out,
              slu_error *err)
{
    for (size_t i = 0; i < table->bucket_column_count; i++) {
        const fluss_column *column = &table->descriptor->schema.columns[table->bucket_columns[i]];
        const int64_t at = slu_schema_find(schema, column->name);
        if (at < 0)
            return slu_error_set(err, SLU_INVALID, "the keys have no column %s", column->name);
        const slu_column values = slu_column_child(schema, keys, at);
        const fluss_type *type = &column->type;
        SLU_TRY(fluss_key_encode(table->bucket_encoding, &type, &values, 1, row, out, err));
    }
    return SLU_OK;
}

/* The slot of the row's partition, ready; 0 for a table without partitions. */
static slu_status
slot_ready(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *keys, int32_t row, int32_t *out,
           slu_error *err)
{
    SLU_TRY(fluss_target_slots(target, schema, keys, &row, 1, out, err));
    for (int tries = 0; fluss_target_partitioned(target) && tries < FLUSS_FEW_TRIES; tries++) {
        const slu_status status = fluss_target_slot_ready(target, *out, false, err);
        if (status != SLU_AGAIN)
            return status;
        pause_a_little(target);
    }
    return fluss_target_partitioned(target) ? slu_error_set(err, SLU_TIMEOUT, "no word of the partition") : SLU_OK;
}

static slu_status
prefix_tell(const fluss_target *target, const Fluss__PrefixLookupResponse *said, fluss_few_found found, void *context,
            slu_error *err)
{
    const Fluss__PbValueList *list = said->buckets_resp[0]->value_lists[0];
    SLU_AUTO(fluss_rows_free) fluss_rows *rows = NULL;
    SLU_TRY(fluss_rows_new(&fluss_target_table(target)->descriptor->schema, &rows, err));
    for (size_t i = 0; i < list->n_values; i++)
        SLU_TRY(value_append(target, fluss_bytes_view(&list->values[i]), rows, err));
    return rows_tell(rows, found, context, err);
}

slu_status
fluss_prefix_lookup(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *keys, int32_t row,
                    fluss_few_found found, void *context, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    Fluss__PbPrefixLookupReqForBucket part = FLUSS__PB_PREFIX_LOOKUP_REQ_FOR_BUCKET__INIT, *parts = &part;
    Fluss__PrefixLookupRequest request = FLUSS__PREFIX_LOOKUP_REQUEST__INIT;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf key = {0};
    int32_t bucket, slot;
    slu_buf_init(&key, KEY_BYTES_MAX);
    SLU_TRY(prefix_check(target, err));
    SLU_TRY(slot_ready(target, schema, keys, row, &slot, err));
    SLU_TRY(fluss_table_buckets(table, schema, keys, &row, 1, &bucket, err));
    SLU_TRY(prefix_encode(table, schema, keys, row, &key, err));
    bucket += slot * table->bucket_count;
    ProtobufCBinaryData bytes = fluss_bytes_of(slu_buf_view(&key));
    part.partition_id = fluss_target_partition_id(target, bucket);
    part.has_partition_id = part.partition_id >= 0;
    part.bucket_id = own_number(target, bucket);
    part.n_keys = 1;
    part.keys = &bytes;
    request.table_id = table->table_id;
    request.n_buckets_req = 1;
    request.buckets_req = &parts;
    SLU_TRY(ask(&(question){target, bucket, FLUSS_API_PREFIX_LOOKUP, &request.base, prefix_verdict}, &answer, err));
    return prefix_tell(target, (const Fluss__PrefixLookupResponse *)answer->message, found, context, err);
}
