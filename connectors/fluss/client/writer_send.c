/* writer_send.c: batches on their way: sent, acknowledged, sent again or refused.
 *
 * One batch:   QUEUED -request_send-> SENT -acknowledged-> gone
 *              SENT -retriable failure-> QUEUED (the bucket pauses, longer each time, and until nothing of it is under way; then it
 *                                                sends in order)
 *              SENT -fatal failure-> the writer has failed
 */
#include "writer_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#define ACKS_ALL (-1)
#define REQUEST_BYTES_MAX ((size_t)10 << 20)

static void
writer_fail(fluss_writer *writer, const slu_error *failure)
{
    if (writer->failure.status != SLU_OK)
        return;
    writer->failure = *failure;
    (void)slu_error_in(&writer->failure, failure->status, "writing table %s", fluss_target_name(writer->target));
}

/* For who waits too long: what keeps the server from storing. */
void
writer_retried_add(const fluss_writer *writer, slu_error *err)
{
    char waited[sizeof err->message];
    if (err == NULL || writer->retried.status == SLU_OK)
        return;
    memcpy(waited, err->message, sizeof waited);
    (void)slu_error_set(err, err->status, "%s; last said: %s", waited, writer->retried.message);
}

/* ---- The writer id ---- */

static void
writer_id_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_writer *writer = context;
    writer->init_call = NULL;
    if (failure == NULL)
        writer->writer_id = ((const Fluss__InitWriterResponse *)answer->message)->writer_id;
    else if (failure->retriable)
        slu_timer_set(writer->timer, FLUSS_STALE_PAUSE_MS);
    else
        writer_fail(writer, failure);
    if (failure != NULL)
        writer->retried = *failure;
}

void
writer_id_ask(fluss_writer *writer)
{
    Fluss__InitWriterRequest request = FLUSS__INIT_WRITER_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbTablePath *paths[1] = {&path};
    char name[SLU_NAME_BYTES_MAX * 2];
    slu_error err = {0};
    (void)snprintf(name, sizeof name, "%s", fluss_target_name(writer->target));
    char *dot = strchr(name, '.');
    if (dot != NULL) {
        *dot = 0;
        path.database_name = name;
        path.table_name = dot + 1;
        request.n_table_path = 1;
        request.table_path = paths;
    }
    if (fluss_client_call(fluss_target_client(writer->target), FLUSS_TO_ANY, FLUSS_API_INIT_WRITER, &request.base,
                          writer_id_answered, writer, &writer->init_call, &err) != SLU_OK)
        writer_fail(writer, &err);
}

/* ---- Batches ---- */

void
writer_batch_free(batch *gone)
{
    slu_buf_fini(&gone->bytes);
    slu_free(gone);
}

/* The oldest batch of a bucket is stored. */
static void
batch_acknowledge(fluss_writer *writer, int32_t bucket, int64_t base_offset, int64_t next_offset)
{
    bucket_write *of = &writer->buckets[bucket];
    batch *done = of->first;
    const fluss_ack ack = {.bucket = bucket,
                           .sequence = done->sequence,
                           .writer_id = done->writer_id,
                           .base_offset = base_offset,
                           .next_offset = next_offset,
                           .rows = done->rows,
                           .crc = done->crc};
    of->first = done->next;
    if (of->first == NULL)
        of->last = NULL;
    of->sent_count--;
    of->failures = 0;
    writer->retried.status = SLU_OK;
    writer->pending--;
    writer->bytes -= done->bytes.bytes;
    writer_batch_free(done);
    if (writer->options.on_ack != NULL)
        writer->options.on_ack(writer->options.context, &ack);
}

/* What a server said of one batch. */
typedef struct verdict {
    bool answered;
    int32_t code; /* 0: stored */
    const char *message;
    int64_t base_offset;
    int64_t next_offset;
} verdict;

/* One failure of a flight is one, however many batches of the bucket were in the air. */
static void
bucket_pause(fluss_writer *writer, bucket_write *of)
{
    fluss_client *client = fluss_target_client(writer->target);
    if (!of->paused) {
        of->paused_until_ms =
            slu_now_ms(client->env) + backoff_ms(client, of->failures, FLUSS_STALE_PAUSE_MS, FLUSS_STALE_PAUSE_MS_MAX);
        of->failures++;
    }
    of->paused = true;
    if (!slu_timer_is_set(writer->timer))
        slu_timer_set(writer->timer, FLUSS_STALE_PAUSE_MS / 2);
}

static void
batch_retry(fluss_writer *writer, int32_t bucket, batch *again, const slu_error *why)
{
    if (again->deadline_ms <= slu_now_ms(fluss_target_client(writer->target)->env)) {
        writer_fail(writer, why);
        return;
    }
    again->sent = false;
    writer->retried = *why;
    writer->buckets[bucket].sent_count--;
    bucket_pause(writer, &writer->buckets[bucket]);
}

static void
batch_refused(fluss_writer *writer, int32_t bucket, batch *refused, const verdict *said)
{
    slu_error err = {0};
    (void)fluss_error_set(&err, said->code, said->message);
    (void)slu_error_in(&err, err.status, "bucket %d, batch %d", bucket, refused->sequence);
    if ((fluss_error_find(said->code)->flags & FLUSS_ERROR_STALE_METADATA) != 0)
        fluss_target_stale(writer->target);
    /* Behind a batch that has to be sent again, a sequence out of order is only a consequence. */
    if (err.retriable || (said->code == FLUSS_ERROR_OUT_OF_ORDER_SEQUENCE_EXCEPTION && refused != writer->buckets[bucket].first))
        batch_retry(writer, bucket, refused, &err);
    else
        writer_fail(writer, &err);
}

static void
part_settle(fluss_writer *writer, int32_t bucket, batch *of, const verdict *said)
{
    const bool stored = said->code == FLUSS_ERROR_NONE || said->code == FLUSS_ERROR_DUPLICATE_SEQUENCE_EXCEPTION;
    if (!stored) {
        batch_refused(writer, bucket, of, said);
        return;
    }
    /* Acknowledged behind one that is sent again: that one was stored too, or this could not have been; its answer will say
     * "duplicate". Until then this one waits, so that acknowledgements stay in order: it is sent again as well. */
    if (of != writer->buckets[bucket].first) {
        slu_error err;
        (void)slu_error_set(&err, SLU_TIMEOUT, "bucket %d: acknowledged out of order", bucket);
        batch_retry(writer, bucket, of, &err);
        return;
    }
    fluss_target_fresh(writer->target);
    batch_acknowledge(writer, bucket, said->base_offset, said->next_offset);
}

/* Whether an answer's part is that of a bucket number. */
static bool
part_is(const fluss_writer *writer, int32_t bucket, int32_t bucket_id, int has_partition, int64_t partition_id)
{
    return bucket % fluss_target_table(writer->target)->bucket_count == bucket_id &&
           fluss_target_partition_id(writer->target, bucket) == (has_partition ? partition_id : -1);
}

static verdict
verdict_find(const fluss_writer *writer, const fluss_answer *answer, int32_t bucket, const batch *of)
{
    verdict said = {.base_offset = -1, .next_offset = -1};
    if (writer->kv) {
        const Fluss__PutKvResponse *response = (const Fluss__PutKvResponse *)answer->message;
        for (size_t i = 0; i < response->n_buckets_resp; i++) {
            const Fluss__PbPutKvRespForBucket *part = response->buckets_resp[i];
            if (!part_is(writer, bucket, part->bucket_id, part->has_partition_id, part->partition_id))
                continue;
            said = (verdict){true, part->has_error_code ? part->error_code : 0, part->error_message, -1,
                             part->has_log_end_offset ? part->log_end_offset : -1};
        }
        return said;
    }
    const Fluss__ProduceLogResponse *response = (const Fluss__ProduceLogResponse *)answer->message;
    for (size_t i = 0; i < response->n_buckets_resp; i++) {
        const Fluss__PbProduceLogRespForBucket *part = response->buckets_resp[i];
        if (!part_is(writer, bucket, part->bucket_id, part->has_partition_id, part->partition_id))
            continue;
        const int64_t base = part->has_base_offset ? part->base_offset : -1;
        said = (verdict){true, part->has_error_code ? part->error_code : 0, part->error_message, base,
                         base < 0 ? -1 : base + of->rows};
    }
    return said;
}

static void
flight_remove(fluss_writer *writer, flight *gone)
{
    flight **at = &writer->flights;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
}

static void
flight_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    flight *mine = context;
    fluss_writer *writer = mine->writer;
    flight_remove(writer, mine);
    if (failure != NULL && !failure->retriable)
        writer_fail(writer, failure);
    if (failure != NULL)
        fluss_target_stale(writer->target);
    for (size_t i = 0; i < mine->count && writer->failure.status == SLU_OK; i++) {
        if (failure != NULL) {
            batch_retry(writer, mine->parts[i].bucket, mine->parts[i].batch, failure);
            continue;
        }
        const verdict said = verdict_find(writer, answer, mine->parts[i].bucket, mine->parts[i].batch);
        if (said.answered) {
            part_settle(writer, mine->parts[i].bucket, mine->parts[i].batch, &said);
        } else {
            slu_error err;
            (void)slu_error_set(&err, SLU_CORRUPT, "the server's answer leaves out bucket %d", mine->parts[i].bucket);
            writer_fail(writer, &err);
        }
    }
    slu_free(mine);
    writer_send(writer);
}

/* ---- Sending ---- */

static batch *
bucket_next(const bucket_write *of)
{
    if (of->paused || of->sent_count >= FLUSS_WRITER_FLIGHT_MAX)
        return NULL;
    for (batch *at = of->first; at != NULL; at = at->next)
        if (!at->sent)
            return at;
    return NULL;
}

/* PRODUCE_LOG and PUT_KV say the same of each batch, in generated types of their own: fills `request`, `parts` and `pointers`. */
#define REQUEST_FILL(part_init)                                                                                                    \
    do {                                                                                                                           \
        for (size_t i = 0; i < made->count; i++) {                                                                                 \
            part_init(&parts[i]);                                                                                                  \
            parts[i].bucket_id = made->parts[i].bucket % fluss_target_table(writer->target)->bucket_count;                         \
            parts[i].partition_id = fluss_target_partition_id(writer->target, made->parts[i].bucket);                              \
            parts[i].has_partition_id = parts[i].partition_id >= 0;                                                                \
            parts[i].records = fluss_bytes_of(slu_buf_view(&made->parts[i].batch->bytes));                                         \
            pointers[i] = &parts[i];                                                                                               \
        }                                                                                                                          \
        request.acks = ACKS_ALL;                                                                                                   \
        request.table_id = fluss_target_table(writer->target)->table_id;                                                           \
        request.timeout_ms = (int32_t)fluss_target_client(writer->target)->request_timeout_ms;                                     \
        request.n_buckets_req = made->count;                                                                                       \
        request.buckets_req = pointers;                                                                                            \
    } while (0)

static slu_status
produce_send(fluss_writer *writer, flight *made, int32_t node, slu_error *err)
{
    Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket *parts = slu_alloc(made->count * sizeof *parts);
    Fluss__PbProduceLogReqForBucket **pointers = slu_alloc(made->count * sizeof *pointers);
    slu_status status = parts == NULL || pointers == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a request") : SLU_OK;
    if (status == SLU_OK)
        REQUEST_FILL(fluss__pb_produce_log_req_for_bucket__init);
    if (status == SLU_OK)
        status = fluss_client_call(fluss_target_client(writer->target), node, FLUSS_API_PRODUCE_LOG, &request.base, flight_answered,
                                   made, &made->call, err);
    slu_free(parts);
    slu_free(pointers);
    return status;
}

static slu_status
put_send(fluss_writer *writer, flight *made, int32_t node, slu_error *err)
{
    Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
    Fluss__PbPutKvReqForBucket *parts = slu_alloc(made->count * sizeof *parts);
    Fluss__PbPutKvReqForBucket **pointers = slu_alloc(made->count * sizeof *pointers);
    slu_status status = parts == NULL || pointers == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a request") : SLU_OK;
    if (status == SLU_OK)
        REQUEST_FILL(fluss__pb_put_kv_req_for_bucket__init);
    request.has_agg_mode = writer->options.overwrite;
    request.agg_mode = writer->options.overwrite ? 1 : 0;
    request.n_target_columns = writer->options.target_column_count;
    request.target_columns = (int32_t *)(uintptr_t)writer->options.target_columns;
    if (status == SLU_OK)
        status = fluss_client_call(fluss_target_client(writer->target), node, FLUSS_API_PUT_KV, &request.base, flight_answered,
                                   made, &made->call, err);
    slu_free(parts);
    slu_free(pointers);
    return status;
}

/* Whether the partition of a bucket is there; it is made when it is not, and the writer fails where it cannot be. */
static bool
slot_is_ready(fluss_writer *writer, int32_t bucket)
{
    slu_error err = {0};
    const int32_t slot = fluss_target_slot_of(writer->target, bucket);
    const slu_status status = fluss_target_slot_ready(writer->target, slot, !writer->options.existing_partitions_only, &err);
    if (status < 0)
        writer_fail(writer, &err);
    return status == SLU_OK;
}

/* Gathers the next batch of every bucket that `node` leads. */
static void
flight_fill(fluss_writer *writer, flight *made, int32_t node)
{
    size_t bytes = 0;
    for (int32_t bucket = 0; bucket < writer->bucket_count; bucket++) {
        batch *next = bucket_next(&writer->buckets[bucket]);
        if (next == NULL || fluss_target_leader(writer->target, bucket) != node || !slot_is_ready(writer, bucket) ||
            (made->count > 0 && bytes + next->bytes.bytes > REQUEST_BYTES_MAX))
            continue;
        bytes += next->bytes.bytes;
        made->parts[made->count].bucket = bucket;
        made->parts[made->count++].batch = next;
        next->sent = true;
        writer->buckets[bucket].sent_count++;
    }
}

static void
request_send(fluss_writer *writer, int32_t node)
{
    slu_error err = {0};
    flight *made = slu_alloc_zero(1, sizeof *made + (size_t)writer->bucket_count * sizeof made->parts[0]);
    if (made == NULL) {
        (void)slu_error_set(&err, SLU_NOMEM, "no memory for a request");
        writer_fail(writer, &err);
        return;
    }
    made->writer = writer;
    flight_fill(writer, made, node);
    made->next = writer->flights;
    writer->flights = made;
    const slu_status status = writer->kv ? put_send(writer, made, node, &err) : produce_send(writer, made, node, &err);
    if (status == SLU_OK)
        return;
    if (!err.retriable)
        writer_fail(writer, &err);
    for (size_t i = 0; i < made->count && err.retriable; i++)
        batch_retry(writer, made->parts[i].bucket, made->parts[i].batch, &err);
    flight_remove(writer, made);
    slu_free(made);
}

void
writer_send(fluss_writer *writer)
{
    for (int32_t bucket = 0; bucket < writer->bucket_count && writer->failure.status == SLU_OK; bucket++) {
        if (bucket_next(&writer->buckets[bucket]) == NULL)
            continue;
        if (!slot_is_ready(writer, bucket))
            continue;
        const int32_t leader = fluss_target_leader(writer->target, bucket);
        if (leader < 0)
            fluss_target_stale(writer->target);
        else
            request_send(writer, leader);
    }
    if (writer->failure.status == SLU_OK && writer->pending > 0 && writer->flights == NULL && !slu_timer_is_set(writer->timer))
        slu_timer_set(writer->timer, FLUSS_STALE_PAUSE_MS);
}

/* What waits for a leader is not under way, so no answer would end it. */
static void
deadlines_check(fluss_writer *writer, int64_t now_ms)
{
    slu_error err;
    for (int32_t bucket = 0; bucket < writer->bucket_count; bucket++) {
        const batch *oldest = writer->buckets[bucket].first;
        if (oldest == NULL || oldest->sent || oldest->deadline_ms > now_ms)
            continue;
        (void)slu_error_set(&err, SLU_TIMEOUT, "bucket %d, batch %d: not stored within %lld ms", bucket, oldest->sequence,
                            (long long)writer->options.delivery_timeout_ms);
        writer_retried_add(writer, &err);
        writer_fail(writer, &err);
    }
}

/* After its pause a bucket goes on once nothing of it is under way. */
void
writer_timer_fired(void *context)
{
    fluss_writer *writer = context;
    bool waiting = false;
    const int64_t now_ms = slu_now_ms(fluss_target_client(writer->target)->env);
    deadlines_check(writer, now_ms);
    if (writer->writer_id < 0 && writer->init_call == NULL && writer->failure.status == SLU_OK)
        writer_id_ask(writer);
    for (int32_t bucket = 0; bucket < writer->bucket_count; bucket++) {
        if (writer->buckets[bucket].sent_count == 0 && writer->buckets[bucket].paused_until_ms <= now_ms)
            writer->buckets[bucket].paused = false;
        waiting = waiting || writer->buckets[bucket].paused;
    }
    if (waiting)
        slu_timer_set(writer->timer, FLUSS_STALE_PAUSE_MS / 2);
    writer_send(writer);
}
