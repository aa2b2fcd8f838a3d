/* producers.c: REGISTER, GET and DELETE_PRODUCER_OFFSETS: where buckets ended when a sink's job began (Fluss 0.9, undo recovery). */
#include "fluss/server/access/authorize.h"
#include "fluss/server/catalogue/cluster.h"
#include "fluss/server/reply.h"
#include "fluss/server/tables/table_rules.h"

static slu_status
bucket_read(const Fluss__PbProducerTableOffsets *table, const Fluss__PbBucketOffset *bucket, fluss_producer_offset *out,
            slu_error *err)
{
    if (!bucket->has_log_end_offset)
        return slu_error_set(err, SLU_INVALID, "bucket %d of table %lld has no offset: set log_end_offset", bucket->bucket_id,
                             (long long)table->table_id);
    *out = (fluss_producer_offset){table->table_id, bucket->has_partition_id ? bucket->partition_id : FLUSS_NO_PARTITION,
                                   bucket->bucket_id, bucket->log_end_offset};
    return SLU_OK;
}

static slu_status
offsets_read(const Fluss__RegisterProducerOffsetsRequest *request, slu_arena *arena, fluss_producer_offset **out, size_t *out_count,
             slu_error *err)
{
    size_t count = 0;
    for (size_t t = 0; t < request->n_table_offsets; t++)
        count += request->table_offsets[t]->n_bucket_offsets;
    fluss_producer_offset *rows = slu_arena_array(arena, count + 1, sizeof *rows);
    SLU_TRY(slu_arena_status(arena, err));
    *out = rows;
    *out_count = count;
    for (size_t t = 0; t < request->n_table_offsets; t++)
        for (size_t b = 0; b < request->table_offsets[t]->n_bucket_offsets; b++)
            SLU_TRY(bucket_read(request->table_offsets[t], request->table_offsets[t]->bucket_offsets[b], rows++, err));
    return SLU_OK;
}

slu_status
fluss_handle_register_producer(fluss_request *r, slu_error *err)
{
    const Fluss__RegisterProducerOffsetsRequest *request = (const Fluss__RegisterProducerOffsetsRequest *)r->message;
    Fluss__RegisterProducerOffsetsResponse response = FLUSS__REGISTER_PRODUCER_OFFSETS_RESPONSE__INIT;
    fluss_producer_offset *offsets = NULL;
    size_t count = 0;
    bool created = false;
    const int64_t now_ms = slu_wall_ms(r->server->env);
    const int64_t ttl_ms = request->has_ttl_ms ? request->ttl_ms : r->server->config->producer_offsets_ttl_ms;
    SLU_TRY(fluss_rules_producer_id(request->producer_id, err));
    SLU_TRY(offsets_read(request, r->arena, &offsets, &count, err));
    const int64_t expires_ms = ttl_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ttl_ms;
    SLU_TRY(fluss_catalogue_register_producer(r->server->catalogue, request->producer_id, offsets, count, now_ms, expires_ms,
                                              &created, err));
    response.has_result = true;
    response.result = created ? 0 : 1;
    return fluss_request_answer(r, &response.base, err);
}

/* Rows are ordered by table: one entry for each run of the same table. */
static Fluss__PbProducerTableOffsets **
tables_write(slu_arena *arena, const fluss_producer_offset *rows, size_t count, size_t *out_tables)
{
    Fluss__PbProducerTableOffsets **tables = (Fluss__PbProducerTableOffsets **)fluss_reply_list(arena, count, sizeof **tables);
    Fluss__PbBucketOffset **buckets = (Fluss__PbBucketOffset **)fluss_reply_list(arena, count, sizeof **buckets);
    size_t n = 0;
    for (size_t i = 0; tables != NULL && buckets != NULL && i < count; i++) {
        if (i == 0 || rows[i].table_id != rows[i - 1].table_id) {
            fluss__pb_producer_table_offsets__init(tables[n]);
            tables[n]->table_id = rows[i].table_id;
            tables[n++]->bucket_offsets = &buckets[i];
        }
        fluss__pb_bucket_offset__init(buckets[i]);
        buckets[i]->has_partition_id = rows[i].partition_id != FLUSS_NO_PARTITION;
        buckets[i]->partition_id = rows[i].partition_id;
        buckets[i]->bucket_id = rows[i].bucket;
        buckets[i]->has_log_end_offset = true;
        buckets[i]->log_end_offset = rows[i].offset;
        tables[n - 1]->n_bucket_offsets++;
    }
    *out_tables = n;
    return tables;
}

/* Tables that the caller may not read are left out, as Fluss does. */
static size_t
rows_readable(const fluss_request *r, fluss_producer_offset *rows, size_t count)
{
    size_t kept = 0;
    bool may = false;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || rows[i].table_id != rows[i - 1].table_id)
            may = fluss_may_table_id(r, FLUSS_OPERATION_READ, rows[i].table_id);
        if (may)
            rows[kept++] = rows[i];
    }
    return kept;
}

slu_status
fluss_handle_get_producer(fluss_request *r, slu_error *err)
{
    const Fluss__GetProducerOffsetsRequest *request = (const Fluss__GetProducerOffsetsRequest *)r->message;
    Fluss__GetProducerOffsetsResponse response = FLUSS__GET_PRODUCER_OFFSETS_RESPONSE__INIT;
    fluss_producer_offset *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_rules_producer_id(request->producer_id, err));
    const slu_status known = fluss_catalogue_get_producer(r->server->catalogue, request->producer_id, r->arena,
                                                          &response.expiration_time, &rows, &count, err);
    if (known != SLU_OK && known != SLU_NOTFOUND)
        return known;
    if (known == SLU_OK) {
        response.producer_id = request->producer_id;
        response.has_expiration_time = true;
        count = rows_readable(r, rows, count);
        response.table_offsets = tables_write(r->arena, rows, count, &response.n_table_offsets);
        SLU_TRY(slu_arena_status(r->arena, err));
    }
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_delete_producer(fluss_request *r, slu_error *err)
{
    const Fluss__DeleteProducerOffsetsRequest *request = (const Fluss__DeleteProducerOffsetsRequest *)r->message;
    const Fluss__DeleteProducerOffsetsResponse response = FLUSS__DELETE_PRODUCER_OFFSETS_RESPONSE__INIT;
    SLU_TRY(fluss_rules_producer_id(request->producer_id, err));
    SLU_TRY(fluss_catalogue_delete_producer(r->server->catalogue, request->producer_id, err));
    return fluss_request_answer(r, &response.base, err);
}
