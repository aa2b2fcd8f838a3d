/* api.c: PRODUCE_LOG, INIT_WRITER, LIST_OFFSETS, GET_TABLE_STATS. */
#include "fluss/server/commits.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/reply.h"
#include "fluss/log/segment.h"

#include "base/fail.h"
#include "base/sizes.h"

#include <inttypes.h>

#define WRITER_ID_BLOCK 1000 /* ids taken from the catalogue at once; what is left at the end is never used */

#define OFFSET_EARLIEST 0
#define OFFSET_LATEST 1
#define OFFSET_AT_TIME 2
#define OFFSET_LEADER_END 3

slu_status
fluss_handle_init_writer(fluss_request *r, slu_error *err)
{
    fluss_server *server = r->server;
    Fluss__InitWriterResponse response = FLUSS__INIT_WRITER_RESPONSE__INIT;
    if (server->writer_id_next == server->writer_id_end) {
        SLU_TRY(fluss_catalogue_take_writer_ids(server->catalogue, WRITER_ID_BLOCK, &server->writer_id_next, err));
        server->writer_id_end = server->writer_id_next + WRITER_ID_BLOCK;
    }
    response.writer_id = server->writer_id_next++;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- PRODUCE_LOG ---- */

/* Fluss itself looks at neither of these and stores what breaks its readers. */
static slu_status
produce_check(const fluss_served *table, slu_view batches, slu_error *err)
{
    if (table->table.key_column_count != 0)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID, "Table %s.%s has a primary key: its rows come by PUT_KV",
                                             table->row.database, table->row.name),
                               FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    while (batches.bytes != 0) {
        fluss_log_header head;
        if (fluss_log_head(batches, &head, err) != SLU_OK || head.batch_bytes > batches.bytes)
            return SLU_OK; /* the log says it better */
        if (head.magic > 1)
            return slu_error_coded(
                err,
                slu_error_set(err, SLU_UNSUPPORTED, "a log batch of magic %u: readers of this version know only 0", head.magic),
                FLUSS_ERROR_UNSUPPORTED_VERSION);
        if (head.schema_id < 1 || head.schema_id > table->row.schema_id)
            return slu_error_coded(err,
                                   slu_error_set(err, SLU_INVALID, "Table %s.%s has no schema %d", table->row.database,
                                                 table->row.name, head.schema_id),
                                   FLUSS_ERROR_SCHEMA_NOT_EXIST);
        batches = slu_view_of(batches.data + head.batch_bytes, batches.bytes - head.batch_bytes);
    }
    return SLU_OK;
}

/* Clients of 1.0 send batches with statistics where a table asks for them; readers of 0.9 know none. They are stored without. */
static slu_status
produce_downgrade(slu_view batches, slu_buf *out, slu_error *err)
{
    slu_buf_init(out, (size_t)SLU_BATCH_BYTES_MAX * 2);
    while (batches.bytes != 0) {
        fluss_log_header head;
        SLU_TRY(fluss_log_head(batches, &head, err));
        const slu_view batch = slu_view_of(batches.data, SLU_MIN(head.batch_bytes, batches.bytes));
        if (head.magic == 1) {
            SLU_TRY(fluss_log_verify(batch, &head, err));
            SLU_TRY(fluss_log_downgrade(&head, batch, out, err));
        } else {
            slu_buf_append(out, batch.data, batch.bytes);
        }
        batches = slu_view_of(batches.data + batch.bytes, batches.bytes - batch.bytes);
    }
    return slu_buf_status(out, err);
}

static bool
produce_has_statistics(slu_view batches)
{
    fluss_log_header head;
    slu_error ignored;
    bool found = false;
    while (batches.bytes != 0 && fluss_log_head(batches, &head, &ignored) == SLU_OK && head.batch_bytes <= batches.bytes) {
        found = found || head.magic == 1;
        batches = slu_view_of(batches.data + head.batch_bytes, batches.bytes - head.batch_bytes);
    }
    return found;
}

/* *out_tablet: whose sync the answer waits for. */
static slu_status
produce_bucket(const fluss_request *r, fluss_served *table, const Fluss__PbProduceLogReqForBucket *bucket, int64_t *out_base,
               fluss_tablet **out_tablet, slu_error *err)
{
    fluss_tablet *tablet = NULL;
    fluss_appended appended;
    SLU_AUTO(slu_buf_fini) slu_buf plain = {0};
    slu_view records = fluss_bytes_view(&bucket->records);
    SLU_TRY(fluss_tables_tablet(r->server->tables, table, bucket->has_partition_id ? bucket->partition_id : FLUSS_NO_PARTITION,
                                bucket->bucket_id, &tablet, err));
    SLU_TRY(produce_check(table, records, err));
    if (produce_has_statistics(records)) {
        SLU_TRY(produce_downgrade(records, &plain, err));
        records = slu_buf_view(&plain);
    }
    const int64_t end = fluss_log_end(tablet->log);
    const slu_status status = fluss_log_append(tablet->log, records, &appended, err);
    if (fluss_log_end(tablet->log) != end) /* some of it, perhaps, behind a duplicate or before a bad one */
        (void)fluss_commits_note(r->server->commits, tablet);
    if (status == SLU_IO)
        return slu_error_in(err, status, "table %s.%s", table->row.database, table->row.name);
    SLU_TRY(status);
    *out_base = appended.base_offset;
    *out_tablet = tablet;
    return SLU_OK;
}

static void
produce_fail(const ProtobufCMessage *response, size_t bucket, int32_t code, char *message)
{
    Fluss__PbProduceLogRespForBucket *part = ((const Fluss__ProduceLogResponse *)response)->buckets_resp[bucket];
    part->has_base_offset = false;
    part->has_error_code = true;
    part->error_code = code;
    part->error_message = message;
}

slu_status
fluss_handle_produce_log(fluss_request *r, slu_error *err)
{
    const Fluss__ProduceLogRequest *request = (const Fluss__ProduceLogRequest *)r->message;
    fluss_served *table = NULL;
    if (request->acks < -1 || request->acks > 1)
        return slu_error_coded(err, slu_error_set(err, SLU_INVALID, "Invalid required acks: %" PRId32, request->acks),
                               FLUSS_ERROR_INVALID_REQUIRED_ACKS);
    slu_error table_error;
    const slu_status found = fluss_tables_get_by_id(r->server->tables, request->table_id, &table, &table_error);
    Fluss__PbProduceLogRespForBucket **list =
        (Fluss__PbProduceLogRespForBucket **)fluss_reply_list(r->arena, request->n_buckets_req, sizeof **list);
    Fluss__ProduceLogResponse *response = slu_arena_alloc(r->arena, sizeof *response);
    fluss_tablet **tablets = slu_arena_array(r->arena, request->n_buckets_req + 1, sizeof *tablets);
    if (list == NULL || response == NULL || tablets == NULL)
        return slu_arena_status(r->arena, err);
    fluss__produce_log_response__init(response);
    for (size_t i = 0; i < request->n_buckets_req; i++) {
        const Fluss__PbProduceLogReqForBucket *bucket = request->buckets_req[i];
        slu_error why = table_error;
        fluss__pb_produce_log_resp_for_bucket__init(list[i]);
        list[i]->has_partition_id = bucket->has_partition_id;
        list[i]->partition_id = bucket->partition_id;
        list[i]->bucket_id = bucket->bucket_id;
        const slu_status status =
            found != SLU_OK ? found : produce_bucket(r, table, bucket, &list[i]->base_offset, &tablets[i], &why);
        list[i]->has_base_offset = status == SLU_OK;
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response->n_buckets_resp = request->n_buckets_req;
    response->buckets_resp = list;
    return fluss_commits_answer(r->server->commits, r, &response->base, tablets, request->n_buckets_req, produce_fail, err);
}

/* ---- LIST_OFFSETS ---- */

static slu_status
offset_of(const fluss_request *r, const Fluss__ListOffsetsRequest *request, const fluss_tablet *tablet, int64_t *out,
          slu_error *err)
{
    switch (request->offset_type) {
    case OFFSET_EARLIEST: *out = fluss_log_first(tablet->log); return SLU_OK;
    case OFFSET_LATEST:
    case OFFSET_LEADER_END: *out = fluss_log_end(tablet->log); return SLU_OK;
    case OFFSET_AT_TIME: break;
    default: return slu_error_set(err, SLU_INVALID, "Invalid offset type: %" PRId32, request->offset_type);
    }
    if (!request->has_start_timestamp)
        return slu_error_set(err, SLU_INVALID, "an offset by timestamp needs a startTimestamp");
    const int64_t now = slu_wall_ms(r->server->env);
    if (request->start_timestamp > now)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID,
                                             "Get offset error for table bucket: the fetch timestamp %" PRId64
                                             " is larger than the current timestamp %" PRId64,
                                             request->start_timestamp, now),
                               FLUSS_ERROR_INVALID_TIMESTAMP_EXCEPTION);
    if (tablet->remote != NULL) {
        const slu_status found =
            fluss_remote_log_offset_at(tablet->remote, request->start_timestamp, fluss_log_start(tablet->log), out, err);
        if (found != SLU_NOTFOUND)
            return found;
    }
    return fluss_log_offset_at(tablet->log, request->start_timestamp, out, err);
}

static slu_status
offset_of_bucket(const fluss_request *r, const Fluss__ListOffsetsRequest *request, int32_t bucket, int64_t *out, slu_error *err)
{
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, request->table_id, &table, err));
    SLU_TRY(fluss_tables_tablet(r->server->tables, table, request->has_partition_id ? request->partition_id : FLUSS_NO_PARTITION,
                                bucket, &tablet, err));
    return offset_of(r, request, tablet, out, err);
}

slu_status
fluss_handle_list_offsets(fluss_request *r, slu_error *err)
{
    const Fluss__ListOffsetsRequest *request = (const Fluss__ListOffsetsRequest *)r->message;
    Fluss__ListOffsetsResponse response = FLUSS__LIST_OFFSETS_RESPONSE__INIT;
    Fluss__PbListOffsetsRespForBucket **list =
        (Fluss__PbListOffsetsRespForBucket **)fluss_reply_list(r->arena, request->n_bucket_id, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_bucket_id; i++) {
        slu_error why;
        fluss__pb_list_offsets_resp_for_bucket__init(list[i]);
        list[i]->bucket_id = request->bucket_id[i];
        const slu_status status = offset_of_bucket(r, request, request->bucket_id[i], &list[i]->offset, &why);
        list[i]->has_offset = status == SLU_OK;
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_buckets_resp = request->n_bucket_id;
    response.buckets_resp = list;
    return fluss_request_answer(r, &response.base, err);
}
