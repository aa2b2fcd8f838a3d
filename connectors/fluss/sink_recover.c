/* sink_recover.c: how a Fluss sink finds out what is stored already, and makes sure that what it writes is what lies there. */
#include "sink.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "fluss/client/admin.h"
#include "fluss/wire/error.h"

#define STATE_PLAIN 1
#define STATE_PARTITIONED 2
#define STATE_BUCKET_BYTES 24
#define STATE_WRITER_BYTES 12
#define BUCKETS_MAX 1048576

/* ---- State ----
 * u8 version 1, i64 table id, u32 buckets, each: i32 bucket, i32 next sequence, i64 writer id, i64 end offset; then sink_replay's.
 * Of a partitioned table, version 2: each bucket has an i64 partition id in front, and before the replay come the writers for
 * partitions that are not listed: u32 count, each: i32 bucket, i64 writer id. */

static bool
bucket_owned(const fluss_sink *sink, int32_t number)
{
    const int32_t bucket = number % fluss_target_table(sink->face.target)->bucket_count;
    return (uint32_t)bucket % sink->parallelism == sink->subtask;
}

static bool
bucket_kept(const fluss_sink *sink, int32_t number)
{
    const fluss_slot slot = fluss_target_slot(sink->face.target, fluss_target_slot_of(sink->face.target, number));
    return sink->buckets[number].owned && !slot.gone && (slot.name == NULL || slot.id >= 0);
}

/* Under which id a partition is written that the next attempt does not find in this state. */
static void
writers_encode(const fluss_sink *sink, slu_buf *out)
{
    const int32_t bucket_count = fluss_target_table(sink->face.target)->bucket_count;
    const size_t count_at = out->bytes;
    uint32_t count = 0;
    slu_buf_u32le(out, 0);
    for (int32_t bucket = 0; bucket < bucket_count; bucket++) {
        if (!bucket_owned(sink, bucket))
            continue;
        slu_buf_u32le(out, (uint32_t)bucket);
        slu_buf_u64le(out, (uint64_t)(sink->writer_ids[bucket] >= 0 ? sink->writer_ids[bucket] : fluss_writer_id(sink->writer)));
        count++;
    }
    if (slu_buf_status(out, NULL) == SLU_OK)
        slu_buf_patch_u32le(out, count_at, count);
}

slu_status
sink_state_encode(const fluss_sink *sink, slu_buf *out, slu_error *err)
{
    const bool partitioned = fluss_target_partitioned(sink->face.target);
    uint32_t owned = 0;
    for (int32_t bucket = 0; bucket < sink->bucket_count; bucket++)
        owned += bucket_kept(sink, bucket);
    slu_buf_u8(out, partitioned ? STATE_PARTITIONED : STATE_PLAIN);
    slu_buf_u64le(out, (uint64_t)fluss_target_table(sink->face.target)->table_id);
    slu_buf_u32le(out, owned);
    for (int32_t bucket = 0; bucket < sink->bucket_count; bucket++) {
        int64_t writer_id;
        int32_t next_sequence;
        if (!bucket_kept(sink, bucket))
            continue;
        if (partitioned)
            slu_buf_u64le(out, (uint64_t)fluss_target_partition_id(sink->face.target, bucket));
        fluss_writer_position(sink->writer, bucket, &writer_id, &next_sequence);
        slu_buf_u32le(out, (uint32_t)(bucket % fluss_target_table(sink->face.target)->bucket_count));
        slu_buf_u32le(out, (uint32_t)next_sequence);
        slu_buf_u64le(out, (uint64_t)writer_id);
        slu_buf_u64le(out, (uint64_t)sink->buckets[bucket].end_offset);
    }
    if (partitioned)
        writers_encode(sink, out);
    sink_replay_encode(&sink->replay, out);
    return slu_buf_status(out, err);
}

static slu_status
states_decode(fluss_sink *sink, slu_cursor *c, bool partitioned, slu_error *err)
{
    const size_t count = slu_cursor_count(c, slu_cursor_u32le(c), STATE_BUCKET_BYTES + (partitioned ? 8 : 0));
    sink_restored *states = slu_realloc(sink->states, (sink->state_count + count + 1) * sizeof *states);
    if (states == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets of state", count);
    sink->states = states;
    for (size_t i = 0; i < count; i++) {
        sink_restored *state = &states[sink->state_count + i];
        state->partition_id = partitioned ? (int64_t)slu_cursor_u64le(c) : -1;
        state->bucket = (int32_t)slu_cursor_u32le(c);
        state->next_sequence = (int32_t)slu_cursor_u32le(c);
        state->writer_id = (int64_t)slu_cursor_u64le(c);
        state->end_offset = (int64_t)slu_cursor_u64le(c);
    }
    sink->state_count += count;
    return SLU_OK;
}

static slu_status
writers_decode(fluss_sink *sink, slu_cursor *c, slu_error *err)
{
    const size_t count = slu_cursor_count(c, slu_cursor_u32le(c), STATE_WRITER_BYTES);
    for (size_t i = 0; i < count; i++) {
        const int32_t bucket = (int32_t)slu_cursor_u32le(c);
        const int64_t writer_id = (int64_t)slu_cursor_u64le(c);
        if (bucket < 0 || bucket >= BUCKETS_MAX)
            return slu_error_set(err, SLU_CORRUPT, "the state of a Fluss sink names bucket %d", bucket);
        if (bucket >= sink->state_writer_count) {
            int64_t *grown = slu_realloc(sink->state_writers, ((size_t)bucket + 1) * sizeof *grown);
            if (grown == NULL)
                return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets of state", bucket);
            for (int32_t at = sink->state_writer_count; at <= bucket; at++)
                grown[at] = -1;
            sink->state_writers = grown;
            sink->state_writer_count = bucket + 1;
        }
        sink->state_writers[bucket] = writer_id;
    }
    return SLU_OK;
}

slu_status
sink_state_decode(fluss_sink *sink, slu_view state, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(state);
    const uint8_t version = slu_cursor_u8(&c);
    sink->state_table_id = (int64_t)slu_cursor_u64le(&c);
    if (version != STATE_PLAIN && version != STATE_PARTITIONED)
        return slu_error_set(err, SLU_UNSUPPORTED, "state of a Fluss sink in version %u; this one reads %d and %d", version,
                             STATE_PLAIN, STATE_PARTITIONED);
    SLU_TRY(states_decode(sink, &c, version == STATE_PARTITIONED, err));
    if (version == STATE_PARTITIONED)
        SLU_TRY(writers_decode(sink, &c, err));
    SLU_TRY(sink_replay_decode(&sink->replay, &c, err));
    if (!slu_cursor_ok(&c) || slu_cursor_left(&c) != 0)
        return slu_error_set(err, SLU_CORRUPT, "the state of a Fluss sink (%zu bytes) is damaged", state.bytes);
    sink->restored = true;
    return SLU_OK;
}

/* ---- The table is open ---- */

/* Under which id a bucket that is not in the state was, or would have been, written. */
static int64_t
bucket_writer(const fluss_sink *sink, int32_t number)
{
    return sink->writer_ids == NULL ? -1 : sink->writer_ids[number % fluss_target_table(sink->face.target)->bucket_count];
}

slu_status
sink_buckets_grow(fluss_sink *sink, slu_error *err)
{
    const int32_t count = fluss_target_bucket_numbers(sink->face.target);
    if (count <= sink->bucket_count)
        return SLU_OK;
    sink_bucket *buckets = slu_realloc(sink->buckets, (size_t)count * sizeof *buckets);
    if (buckets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", count);
    sink->buckets = buckets;
    for (; sink->bucket_count < count; sink->bucket_count++) {
        const int32_t number = sink->bucket_count;
        buckets[number] = (sink_bucket){.sink = sink, .owned = bucket_owned(sink, number)};
        if (sink->writer != NULL && buckets[number].owned && bucket_writer(sink, number) >= 0)
            SLU_TRY(fluss_writer_resume(sink->writer, number, bucket_writer(sink, number), 0, err));
    }
    return SLU_OK;
}

static slu_status
writer_ids_make(fluss_sink *sink, slu_error *err)
{
    const int32_t count = fluss_target_table(sink->face.target)->bucket_count;
    sink->writer_ids = slu_alloc((size_t)count * sizeof *sink->writer_ids);
    if (sink->writer_ids == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", count);
    for (int32_t bucket = 0; bucket < count; bucket++)
        sink->writer_ids[bucket] = bucket < sink->state_writer_count ? sink->state_writers[bucket] : -1;
    return SLU_OK;
}

static slu_status
buckets_make(fluss_sink *sink, slu_error *err)
{
    if (fluss_target_partitioned(sink->face.target) && sink->exact)
        SLU_TRY(writer_ids_make(sink, err));
    SLU_TRY(sink_buckets_grow(sink, err));
    sink->check_room = (size_t)sink->bucket_count * SINK_VERIFY_BATCHES + 1;
    sink->checks = slu_alloc_zero(sink->check_room, sizeof *sink->checks);
    return sink->checks != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", sink->bucket_count);
}

/* A partition that is there and not in the state was made since: what lies in it under our ids is ours. */
static void
buckets_restore_unknown(fluss_sink *sink)
{
    for (int32_t number = 0; number < sink->bucket_count; number++) {
        sink_bucket *bucket = &sink->buckets[number];
        if (!bucket->owned || bucket->resumed || bucket_writer(sink, number) < 0)
            continue;
        bucket->resumed = true;
        bucket->writer_id = bucket_writer(sink, number);
        bucket->end_offset = FLUSS_OFFSET_EARLIEST;
        bucket->verify_left = SINK_VERIFY_BATCHES;
    }
}

/* Gives each owned bucket what was restored of it. */
static slu_status
buckets_restore(fluss_sink *sink, slu_error *err)
{
    const fluss_table *table = fluss_target_table(sink->face.target);
    if (!sink->restored || !sink->exact)
        return SLU_OK;
    if (sink->state_table_id != table->table_id)
        return slu_error_set(err, SLU_CONFLICT,
                             "table %s was dropped and created anew: the job wrote table id %lld, it is now %lld",
                             sink->options->face.table, (long long)sink->state_table_id, (long long)table->table_id);
    for (size_t i = 0; i < sink->state_count; i++) {
        const sink_restored *state = &sink->states[i];
        if (state->bucket < 0 || state->bucket >= table->bucket_count || state->writer_id < 0 || state->next_sequence < 0)
            return slu_error_set(err, SLU_CORRUPT, "the state of a Fluss sink names bucket %d", state->bucket);
        const int32_t number = fluss_target_bucket_find(sink->face.target, state->partition_id, state->bucket);
        if (number < 0) /* its partition was dropped, with what was written */
            continue;
        sink_bucket *bucket = &sink->buckets[number];
        if (!bucket->owned)
            continue;
        bucket->resumed = true;
        bucket->writer_id = state->writer_id;
        bucket->next_sequence = state->next_sequence;
        bucket->end_offset = state->end_offset;
        bucket->verify_left = SINK_VERIFY_BATCHES;
    }
    buckets_restore_unknown(sink);
    return SLU_OK;
}

/* ---- Where the log ends ---- */

static void
sink_fail(fluss_sink *sink, const slu_error *failure)
{
    if (sink->failure.status == SLU_OK)
        sink->failure = *failure;
}

static void
offset_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    sink_bucket *bucket = context;
    slu_error err = {0};
    bucket->ask = NULL;
    if (failure != NULL) {
        if (!failure->retriable || ++bucket->ask_tries > SINK_ASK_TRIES_MAX)
            sink_fail(bucket->sink, failure);
        fluss_target_stale(bucket->sink->face.target);
        return;
    }
    const Fluss__ListOffsetsResponse *response = (const Fluss__ListOffsetsResponse *)answer->message;
    const Fluss__PbListOffsetsRespForBucket *part = response->n_buckets_resp == 1 ? response->buckets_resp[0] : NULL;
    if (part != NULL && !part->has_error_code && part->has_offset) {
        bucket->log_end = part->offset;
        bucket->end_known = true;
        return;
    }
    (void)fluss_error_set(&err, part != NULL && part->has_error_code ? part->error_code : FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                          part != NULL ? part->error_message : "no offset in the answer");
    fluss_target_stale(bucket->sink->face.target);
    if (!err.retriable || ++bucket->ask_tries > SINK_ASK_TRIES_MAX)
        sink_fail(bucket->sink, &err);
}

static slu_status
offset_ask(fluss_sink *sink, int32_t bucket, slu_error *err)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    const int32_t leader = fluss_target_leader(sink->face.target, bucket);
    if (leader < 0) {
        fluss_target_stale(sink->face.target);
        return SLU_OK;
    }
    request.follower_server_id = -1;
    request.offset_type = FLUSS_OFFSETS_LATEST;
    request.table_id = fluss_target_table(sink->face.target)->table_id;
    int32_t bucket_id = bucket % fluss_target_table(sink->face.target)->bucket_count;
    request.partition_id = fluss_target_partition_id(sink->face.target, bucket);
    request.has_partition_id = request.partition_id >= 0;
    request.n_bucket_id = 1;
    request.bucket_id = &bucket_id;
    return fluss_client_call(sink->face.client, leader, FLUSS_API_LIST_OFFSETS, &request.base, offset_answered,
                             &sink->buckets[bucket], &sink->buckets[bucket].ask, err);
}

static slu_status
offsets_advance(fluss_sink *sink, slu_error *err)
{
    bool all = true;
    for (int32_t bucket = 0; bucket < sink->bucket_count; bucket++) {
        sink_bucket *of = &sink->buckets[bucket];
        if (!of->owned || of->end_known)
            continue;
        const int32_t slot = fluss_target_slot_of(sink->face.target, bucket);
        const slu_status ready = fluss_target_slot_ready(sink->face.target, slot, false, err);
        if (ready == SLU_NOTFOUND) { /* dropped since it was listed */
            of->end_known = true;
            continue;
        }
        if (ready < 0)
            return ready;
        all = false;
        if (ready == SLU_OK && of->ask == NULL)
            SLU_TRY(offset_ask(sink, bucket, err));
    }
    return all ? SLU_OK : SLU_AGAIN;
}

/* ---- Reading what is stored already ---- */

static slu_status
scan_start(fluss_sink *sink, slu_error *err)
{
    const fluss_scanner_options options = {.columns = sink->identity.columns, .column_count = (uint32_t)sink->identity.count};
    SLU_TRY(fluss_scanner_open(sink->face.target, &options, &sink->scanner, err));
    for (int32_t bucket = 0; bucket < sink->bucket_count; bucket++) {
        const sink_bucket *of = &sink->buckets[bucket];
        if (of->owned && of->resumed && of->end_offset < of->log_end)
            SLU_TRY(fluss_scanner_add(sink->scanner, bucket, of->end_offset, of->log_end, err));
    }
    return SLU_OK;
}

/* Rows of our own writer, and the sequence behind them. */
static slu_status
scan_take(fluss_sink *sink, const fluss_scan_batch *batch, slu_error *err)
{
    sink_bucket *of = &sink->buckets[batch->bucket];
    slu_column columns[SINK_IDENTITY_MAX];
    of->end_offset = batch->next_offset;
    if (batch->writer_id != of->writer_id)
        return SLU_OK;
    of->next_sequence = batch->sequence == INT32_MAX ? 0 : batch->sequence + 1;
    for (size_t i = 0; i < sink->identity.count && batch->count > 0; i++)
        columns[i] = slu_column_child(fluss_scanner_schema(sink->scanner), &batch->array, (int64_t)i);
    for (int64_t i = 0; i < batch->count; i++) {
        SLU_TRY(sink_identity_of(&sink->identity, columns, batch->first + i, err));
        SLU_TRY(sink_replay_add(&sink->replay, slu_buf_view(&sink->identity.key), 1, err));
    }
    return SLU_OK;
}

static slu_status
scan_advance(fluss_sink *sink, slu_error *err)
{
    slu_status status = SLU_OK;
    while (status == SLU_OK) {
        fluss_scan_batch batch = {0};
        status = fluss_scanner_poll(sink->scanner, &batch, err);
        if (status == SLU_OK) {
            status = scan_take(sink, &batch, err);
            fluss_scan_batch_fini(&batch);
        }
    }
    if (status != SLU_END)
        return status < 0 ? slu_error_in(err, status, "looking for rows that the last attempt wrote") : status;
    fluss_scanner_close(&sink->scanner);
    return SLU_OK;
}

/* ---- Phases ---- */

/* "Stored already", without saying where: whose batch that is cannot be compared, so the next attempt reads the log again. */
static void
unnamed_fail(fluss_sink *sink, const fluss_ack *ack)
{
    slu_error err;
    (void)slu_error_set(&err, SLU_CONFLICT,
                        "table %s, bucket %d: batch %d of writer %lld is stored already, and the server does not say where",
                        sink->options->face.table, ack->bucket, ack->sequence, (long long)ack->writer_id);
    err.retriable = 1;
    sink_fail(sink, &err);
}

static void
acknowledged(void *context, const fluss_ack *ack)
{
    fluss_sink *sink = context;
    sink_bucket *of = &sink->buckets[ack->bucket];
    if (of->verify_left > 0 && ack->base_offset < 0) {
        unnamed_fail(sink, ack);
        return;
    }
    if (ack->next_offset > of->end_offset)
        of->end_offset = ack->next_offset;
    if (of->verify_left > 0) {
        of->verify_left--;
        sink_verify_later(sink, ack);
    }
}

static slu_status
writer_start(fluss_sink *sink, slu_error *err)
{
    const fluss_table *table = fluss_target_table(sink->face.target);
    fluss_writer_options options = {
        .on_ack = acknowledged, .context = sink, .existing_partitions_only = sink->options->make_partitions == 0};
    if (table->key_column_count != 0 && sink->map.target_count < (uint32_t)table->arrow.n_children) {
        options.target_columns = sink->map.targets;
        options.target_column_count = sink->map.target_count;
    }
    SLU_TRY(fluss_writer_open(sink->face.target, &options, &sink->writer, err));
    for (int32_t bucket = 0; bucket < sink->bucket_count; bucket++) {
        sink_bucket *of = &sink->buckets[bucket];
        if (of->end_offset == FLUSS_OFFSET_EARLIEST)
            of->end_offset = of->log_end;
        if (of->resumed)
            SLU_TRY(fluss_writer_resume(sink->writer, bucket, of->writer_id, of->next_sequence, err));
        else if (of->end_known)
            of->end_offset = of->log_end;
    }
    sink->phase = SINK_RUNNING;
    if (sink->replay.left > 0) {
        char text[160];
        (void)snprintf(text, sizeof text,
                       "table %s: %llu rows of the last attempt are stored already and will be dropped from the replay",
                       sink->options->face.table, (unsigned long long)sink->replay.left);
        sink->face.host->log(sink->face.host, SLU_HOST_LOG_INFO, "FLUSS-REPLAY", text);
    }
    return SLU_OK;
}

static slu_status
table_opened(fluss_sink *sink, slu_error *err)
{
    SLU_TRY(fluss_target_poll(sink->face.target, err));
    SLU_TRY(face_check(&sink->face, err));
    SLU_TRY(sink_map_init(&sink->map, &sink->face, sink->options->columns, sink->input, err));
    SLU_TRY(sink_identity_init(&sink->identity, &sink->face, sink->options->identity, err));
    sink->exact = sink->identity.count > 0;
    sink->phase = SINK_LISTING;
    if (sink->exact && fluss_target_partitioned(sink->face.target))
        fluss_target_discover(sink->face.target);
    return SLU_OK;
}

/* The partitions that are there are known; in a sink that promises nothing they need not be. */
static slu_status
table_listed(fluss_sink *sink, slu_error *err)
{
    if (sink->exact && fluss_target_partitioned(sink->face.target) && fluss_target_listings(sink->face.target) == 0) {
        SLU_TRY(fluss_target_poll(sink->face.target, err));
        fluss_target_discover(sink->face.target); /* again, where the last one failed */
        return SLU_AGAIN;
    }
    SLU_TRY(buckets_make(sink, err));
    SLU_TRY(buckets_restore(sink, err));
    if (!sink->exact)
        return writer_start(sink, err);
    sink->phase = SINK_OFFSETS;
    return SLU_OK;
}

static slu_status
phase_advance(fluss_sink *sink, slu_error *err)
{
    if (sink->phase == SINK_OPENING)
        SLU_TRY(table_opened(sink, err));
    if (sink->phase == SINK_LISTING)
        SLU_TRY(table_listed(sink, err));
    if (sink->phase == SINK_OFFSETS) {
        SLU_TRY(offsets_advance(sink, err));
        SLU_TRY(scan_start(sink, err));
        sink->phase = SINK_SCANNING;
    }
    if (sink->phase == SINK_SCANNING) {
        SLU_TRY(scan_advance(sink, err));
        SLU_TRY(writer_start(sink, err));
    }
    return fluss_writer_poll(sink->writer, err);
}

slu_status
sink_advance(fluss_sink *sink, slu_error *err)
{
    const slu_status status = sink->failure.status == SLU_OK ? phase_advance(sink, err) : sink->failure.status;
    if (sink->failure.status != SLU_OK && err != NULL)
        *err = sink->failure;
    return sink->failure.status != SLU_OK ? sink->failure.status : status;
}

/* ---- Comparing what lies there with what was sent ---- */

void
sink_verify_later(fluss_sink *sink, const fluss_ack *ack)
{
    const size_t room = sink->check_room;
    SLU_ASSERT(ack->base_offset >= 0 && sink->check_count < room); /* each bucket compares SINK_VERIFY_BATCHES */
    sink->checks[(sink->check_first + sink->check_count++) % room] = (sink_check){ack->bucket, ack->crc, ack->base_offset};
}

static slu_status
check_start(fluss_sink *sink, const sink_check *check, slu_error *err)
{
    const fluss_scanner_options options = {.columns = sink->identity.columns, .column_count = (uint32_t)sink->identity.count};
    fluss_scanner_close(&sink->scanner); /* one range at a time, so that nothing of the last one is left */
    SLU_TRY(fluss_scanner_open(sink->face.target, &options, &sink->scanner, err));
    sink->check_asked = true;
    return fluss_scanner_add(sink->scanner, check->bucket, check->base_offset, check->base_offset + 1, err);
}

static slu_status
check_compare(const fluss_sink *sink, const sink_check *check, const fluss_scan_batch *batch, slu_error *err)
{
    if (batch->base_offset == check->base_offset && batch->crc == check->crc)
        return SLU_OK;
    const slu_status status = slu_error_set(
        err, SLU_CONFLICT, "table %s, bucket %d: at offset %lld lies a batch that an earlier attempt sent (CRC %08x, not %08x)",
        sink->options->face.table, check->bucket, (long long)check->base_offset, batch->crc, check->crc);
    if (err != NULL)
        err->retriable = 1;
    return status;
}

slu_status
sink_verify(fluss_sink *sink, slu_error *err)
{
    while (sink->check_count > 0) {
        const sink_check *check = &sink->checks[sink->check_first];
        fluss_scan_batch batch = {0};
        if (!sink->check_asked)
            SLU_TRY(check_start(sink, check, err));
        SLU_TRY(fluss_scanner_poll(sink->scanner, &batch, err));
        const slu_status status = check_compare(sink, check, &batch, err);
        fluss_scan_batch_fini(&batch);
        SLU_TRY(status);
        sink->check_asked = false;
        sink->check_first = (sink->check_first + 1) % sink->check_room;
        sink->check_count--;
    }
    return SLU_OK;
}

void
sink_recover_fini(fluss_sink *sink)
{
    for (int32_t bucket = 0; sink->buckets != NULL && bucket < sink->bucket_count; bucket++)
        fluss_call_cancel(&sink->buckets[bucket].ask);
    fluss_scanner_close(&sink->scanner);
    sink_replay_fini(&sink->replay);
    sink_identity_fini(&sink->identity);
    slu_free(sink->states);
    slu_free(sink->state_writers);
    slu_free(sink->writer_ids);
    slu_free(sink->buckets);
    slu_free(sink->checks);
}
