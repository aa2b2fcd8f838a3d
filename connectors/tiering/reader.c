#include "reader.h"

#include "fluss/client/admin.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#include "base/alloc.h"

#define STATE_LOADING 0
#define STATE_ASKED 1
#define STATE_READING 2

/* A call under way; its place in the reader's table tells which. */
typedef struct reader_call {
    tiering_reader *reader;
    fluss_call *call;
} reader_call;

struct tiering_reader {
    fluss_client *client;
    tiering_piece head;
    int state;
    fluss_target *target;
    fluss_scanner *scanner;
    slu_error failure;  /* of a call; status OK: none */
    reader_call *calls; /* [0]: the lake snapshot; the others: offsets of one leader each */
    uint32_t call_count;
    uint32_t calls_open;
    int32_t bucket_count;
    int64_t *latest;
    int64_t *committed;
    tiering_range *ranges; /* split i is ranges[i] */
    size_t range_count;
    bool *ended;   /* its END was given */
    int64_t *next; /* the next offset of a split; starts below any end */
};

slu_status
tiering_reader_open(fluss_client *client, const tiering_piece *head, tiering_reader **out, slu_error *err)
{
    SLU_AUTO(tiering_reader_close) tiering_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a tiering round");
    reader->client = client;
    reader->head = *head;
    reader->head.split_count = 0;
    reader->head.known_snapshot = TIERING_NO_SNAPSHOT;
    SLU_TRY(fluss_target_open(client, head->database, head->table, &reader->target, err));
    *out = slu_take(&reader);
    return SLU_OK;
}

void
tiering_reader_close(tiering_reader **reader)
{
    tiering_reader *r = *reader;
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < r->call_count; i++)
        fluss_call_cancel(&r->calls[i].call);
    fluss_scanner_close(&r->scanner);
    fluss_target_close(&r->target);
    slu_free(r->calls);
    slu_free(r->latest);
    slu_free(r->committed);
    slu_free(r->ranges);
    slu_free(r->ended);
    slu_free(r->next);
    slu_free(r);
    *reader = NULL;
}

const tiering_piece *
tiering_reader_head(const tiering_reader *reader)
{
    return &reader->head;
}

/* ---- asking ---- */

static void
reader_fail(tiering_reader *reader, const slu_error *failure, const char *what)
{
    if (reader->failure.status != SLU_OK)
        return;
    reader->failure = *failure;
    (void)slu_error_in(&reader->failure, failure->status, "%s", what);
}

/* The call's handle is over; its reader. */
static tiering_reader *
call_over(void *context)
{
    reader_call *call = context;
    call->call = NULL;
    call->reader->calls_open--;
    return call->reader;
}

static void
on_snapshot(void *context, fluss_answer *answer, const slu_error *failure)
{
    tiering_reader *reader = call_over(context);
    if (failure != NULL) {
        if (failure->code != FLUSS_ERROR_LAKE_SNAPSHOT_NOT_EXIST)
            reader_fail(reader, failure, "the lake snapshot that Fluss knows");
        return;
    }
    const Fluss__GetLakeSnapshotResponse *snapshot = (const Fluss__GetLakeSnapshotResponse *)answer->message;
    reader->head.known_snapshot = snapshot->snapshot_id;
    for (size_t i = 0; i < snapshot->n_bucket_snapshots; i++) {
        const Fluss__PbLakeSnapshotForBucket *bucket = snapshot->bucket_snapshots[i];
        if (!bucket->has_partition_id && bucket->has_log_offset && bucket->bucket_id >= 0 &&
            bucket->bucket_id < reader->bucket_count)
            reader->committed[bucket->bucket_id] = bucket->log_offset;
    }
}

static void
on_offsets(void *context, fluss_answer *answer, const slu_error *failure)
{
    tiering_reader *reader = call_over(context);
    slu_error err;
    if (failure != NULL) {
        reader_fail(reader, failure, "the latest offsets");
        return;
    }
    const Fluss__ListOffsetsResponse *offsets = (const Fluss__ListOffsetsResponse *)answer->message;
    for (size_t i = 0; i < offsets->n_buckets_resp; i++) {
        const Fluss__PbListOffsetsRespForBucket *bucket = offsets->buckets_resp[i];
        if (bucket->has_error_code && bucket->error_code != 0) {
            (void)fluss_error_set(&err, bucket->error_code, bucket->error_message);
            reader_fail(reader, &err, "the latest offset of a bucket");
        } else if (bucket->bucket_id >= 0 && bucket->bucket_id < reader->bucket_count && bucket->has_offset) {
            reader->latest[bucket->bucket_id] = bucket->offset;
        }
    }
}

static slu_status
ask_snapshot(tiering_reader *reader, reader_call *call, slu_error *err)
{
    Fluss__GetLakeSnapshotRequest request = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    path.database_name = reader->head.database;
    path.table_name = reader->head.table;
    request.table_path = &path;
    return fluss_client_call(reader->client, FLUSS_TO_COORDINATOR, FLUSS_API_GET_LAKE_SNAPSHOT, &request.base, on_snapshot, call,
                             &call->call, err);
}

static slu_status
ask_offsets(tiering_reader *reader, reader_call *call, int32_t leader, int32_t *buckets, slu_error *err)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    request.follower_server_id = -1;
    request.offset_type = FLUSS_OFFSETS_LATEST;
    request.table_id = reader->head.table_id;
    request.bucket_id = buckets;
    for (int32_t bucket = 0; bucket < reader->bucket_count; bucket++)
        if (fluss_target_leader(reader->target, bucket) == leader)
            buckets[request.n_bucket_id++] = bucket;
    return fluss_client_call(reader->client, leader, FLUSS_API_LIST_OFFSETS, &request.base, on_offsets, call, &call->call, err);
}

static slu_status
reader_room(tiering_reader *reader, slu_error *err)
{
    const size_t buckets = (size_t)reader->bucket_count;
    reader->calls = slu_alloc_zero(buckets + 1, sizeof *reader->calls);
    reader->latest = slu_alloc_zero(buckets, sizeof *reader->latest);
    reader->committed = slu_alloc_zero(buckets, sizeof *reader->committed);
    reader->ranges = slu_alloc_zero(buckets, sizeof *reader->ranges);
    reader->ended = slu_alloc_zero(buckets, sizeof *reader->ended);
    reader->next = slu_alloc_zero(buckets, sizeof *reader->next);
    if (reader->calls == NULL || reader->latest == NULL || reader->committed == NULL || reader->ranges == NULL ||
        reader->ended == NULL || reader->next == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", reader->bucket_count);
    for (size_t i = 0; i < buckets; i++) {
        reader->latest[i] = TIERING_OFFSET_NONE;
        reader->committed[i] = TIERING_OFFSET_NONE;
        reader->calls[i].reader = reader;
    }
    reader->calls[buckets].reader = reader;
    return SLU_OK;
}

/* One call per leader. */
static slu_status
ask_leaders(tiering_reader *reader, slu_error *err)
{
    int32_t *buckets = slu_alloc_zero((size_t)reader->bucket_count, sizeof *buckets);
    slu_status status = buckets == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", reader->bucket_count) : SLU_OK;
    for (int32_t bucket = 0; bucket < reader->bucket_count && status == SLU_OK; bucket++) {
        const int32_t leader = fluss_target_leader(reader->target, bucket);
        bool seen = false;
        for (int32_t before = 0; before < bucket && !seen; before++)
            seen = fluss_target_leader(reader->target, before) == leader;
        if (seen)
            continue;
        status = ask_offsets(reader, &reader->calls[reader->call_count], leader, buckets, err);
        if (status == SLU_OK) {
            reader->call_count++;
            reader->calls_open++;
        }
    }
    slu_free(buckets);
    return status;
}

static slu_status
reader_check_table(const tiering_reader *reader, const fluss_table *table, slu_error *err)
{
    if (table->table_id != reader->head.table_id)
        return slu_error_set(err, SLU_CONFLICT, "the table was dropped and created anew: its id was %lld and is %lld",
                             (long long)reader->head.table_id, (long long)table->table_id);
    if (table->partition_column_count != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "partitioned tables are not tiered yet by this build");
    if (table->key_column_count != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "primary-key tables are not tiered yet by this build");
    if (table->bucket_count < 1 || table->bucket_count > TIERING_SPLITS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%d buckets: 1 to %d are tiered", table->bucket_count, TIERING_SPLITS_MAX);
    return SLU_OK;
}

static slu_status
reader_ask(tiering_reader *reader, slu_error *err)
{
    SLU_TRY(fluss_target_poll(reader->target, err));
    const fluss_table *table = fluss_target_table(reader->target);
    SLU_TRY(reader_check_table(reader, table, err));
    for (int32_t bucket = 0; bucket < table->bucket_count; bucket++)
        if (fluss_target_leader(reader->target, bucket) < 0)
            return SLU_AGAIN;
    reader->bucket_count = table->bucket_count;
    SLU_TRY(reader_room(reader, err));
    SLU_TRY(ask_snapshot(reader, &reader->calls[0], err));
    reader->call_count = reader->calls_open = 1;
    SLU_TRY(ask_leaders(reader, err));
    reader->state = STATE_ASKED;
    return SLU_AGAIN;
}

/* ---- reading ---- */

static slu_status
reader_start(tiering_reader *reader, slu_error *err)
{
    if (reader->failure.status != SLU_OK) {
        if (err != NULL)
            *err = reader->failure;
        return reader->failure.status;
    }
    if (reader->calls_open != 0)
        return SLU_AGAIN;
    for (int32_t bucket = 0; bucket < reader->bucket_count; bucket++)
        if (reader->latest[bucket] < 0)
            return slu_error_set(err, SLU_CORRUPT, "the server gave no latest offset for bucket %d", bucket);
    reader->range_count = tiering_ranges(reader->latest, reader->committed, reader->bucket_count, reader->ranges);
    reader->head.split_count = (uint16_t)reader->range_count;
    reader->state = STATE_READING;
    if (reader->range_count == 0)
        return SLU_END;
    SLU_TRY(fluss_scanner_open(reader->target, NULL, &reader->scanner, err));
    for (size_t i = 0; i < reader->range_count; i++) {
        const tiering_range *range = &reader->ranges[i];
        reader->next[i] = range->start;
        SLU_TRY(fluss_scanner_add(reader->scanner, range->bucket, range->start, range->end, err));
    }
    return SLU_AGAIN;
}

static void
reader_piece(const tiering_reader *reader, size_t split, uint8_t kind, tiering_piece *out)
{
    *out = reader->head;
    out->kind = kind;
    out->split = (uint16_t)split;
    out->bucket = reader->ranges[split].bucket;
    out->end_offset = reader->ranges[split].end;
}

/* The next split whose end was reached and not yet told. */
static bool
reader_take_end(tiering_reader *reader, tiering_read *out)
{
    for (size_t i = 0; i < reader->range_count; i++) {
        if (reader->ended[i] || reader->next[i] < reader->ranges[i].end)
            continue;
        reader->ended[i] = true;
        reader_piece(reader, i, TIERING_END, &out->piece);
        return true;
    }
    return false;
}

static size_t
reader_split_of(const tiering_reader *reader, int32_t bucket)
{
    size_t i = 0;
    while (i < reader->range_count && reader->ranges[i].bucket != bucket)
        i++;
    return i;
}

/* One batch of the scanner; MORE when it had no rows. */
static slu_status
reader_scan(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    SLU_TRY(fluss_scanner_poll(reader->scanner, &out->batch, err));
    const size_t split = reader_split_of(reader, out->batch.bucket);
    const int32_t bucket = out->batch.bucket;
    if (split == reader->range_count) {
        fluss_scan_batch_fini(&out->batch);
        return slu_error_set(err, SLU_CORRUPT, "a batch of bucket %d, which was not asked for", bucket);
    }
    reader->next[split] = out->batch.next_offset;
    if (out->batch.count == 0) {
        fluss_scan_batch_fini(&out->batch);
        return SLU_MORE;
    }
    reader_piece(reader, split, TIERING_ROWS, &out->piece);
    out->piece.base_offset = out->batch.base_offset;
    out->piece.commit_timestamp = out->batch.commit_timestamp;
    out->schema = fluss_scanner_schema(reader->scanner);
    return SLU_OK;
}

static slu_status
reader_read(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    for (;;) {
        if (reader_take_end(reader, out))
            return SLU_OK;
        const slu_status status = reader->range_count == 0 ? SLU_END : reader_scan(reader, out, err);
        if (status == SLU_MORE)
            continue;
        if (status != SLU_END)
            return status;
        /* Whatever the scanner skipped (a log that now starts behind a range's end) is read. */
        bool more = false;
        for (size_t i = 0; i < reader->range_count; i++) {
            reader->next[i] = reader->ranges[i].end;
            more |= !reader->ended[i];
        }
        if (!more)
            return SLU_END;
    }
}

slu_status
tiering_reader_poll(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    slu_status status = SLU_AGAIN;
    memset(out, 0, sizeof *out);
    if (reader->state == STATE_LOADING)
        status = reader_ask(reader, err);
    else if (reader->state == STATE_ASKED)
        status = reader_start(reader, err);
    if (reader->state == STATE_READING && status != SLU_END && status >= 0)
        status = reader_read(reader, out, err);
    return status;
}
