#include "lookup.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/record/key.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/row.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"
#include "internal.h"

#define KEYS_BYTES_MAX ((size_t)64 << 20)

typedef struct asked asked;

/* The keys of one bucket, on their way to its leader. */
typedef struct part {
    asked *of;
    fluss_call *call;
    fluss_answer *answer; /* once it is there: the values point into it */
    int32_t bucket;
    uint32_t retries;
    int32_t *rows; /* key numbers, in the request's order */
    int32_t count;
    bool waiting; /* for the timer */
    int64_t send_after_ms;
    bool absent; /* there is no such partition: no row has a value */
} part;

/* One submitted batch. */
struct asked {
    asked *next;
    fluss_lookup *lookup;
    uint64_t token;
    int64_t row_count;
    slu_buf keys;
    uint32_t *offsets;
    int32_t *row_memory;
    slu_view *values; /* per row; data NULL: not found */
    part *parts;
    int32_t part_count;
    int32_t parts_left;
    int64_t deadline_ms;
    slu_error failure;
};

struct fluss_lookup {
    fluss_target *target;
    fluss_lookup_done on_done;
    void *context;
    asked *first;
    asked *done; /* finished at submit (no keys, or a failure to send): told at the next step */
    uint32_t pending;
    fluss_rows *rows;
    slu_timer *timer;
    bool inserts; /* what is missing */
};

static void part_send(part *mine);

static void
asked_free(asked *gone)
{
    for (int32_t i = 0; i < gone->part_count; i++) {
        fluss_call_cancel(&gone->parts[i].call);
        fluss_answer_unref(&gone->parts[i].answer);
    }
    slu_buf_fini(&gone->keys);
    slu_free(gone->offsets);
    slu_free(gone->row_memory);
    slu_free(gone->values);
    slu_free(gone->parts);
    slu_free(gone);
}

static void
asked_unlink(asked **list, asked *gone)
{
    while (*list != gone)
        list = &(*list)->next;
    *list = gone->next;
}

static slu_status
values_decode(asked *of, uint8_t *found, struct ArrowArray *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(of->lookup->target);
    for (int64_t row = 0; row < of->row_count; row++) {
        int16_t schema_id;
        slu_view bytes;
        found[row] = of->values[row].data != NULL;
        if (!found[row]) {
            fluss_rows_append_null(of->lookup->rows);
            continue;
        }
        SLU_TRY(fluss_value_split(of->values[row], &schema_id, &bytes, err));
        const size_t columns = fluss_target_columns_of(of->lookup->target, schema_id);
        const fluss_schema *later = fluss_target_later(of->lookup->target, schema_id);
        if (later != NULL) {
            SLU_TRY(fluss_rows_append_later(of->lookup->rows, table->kv_format, bytes, later, err));
            continue;
        }
        if (columns == 0)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "a row was written with schema %d, the table was opened with schema %d: open it again", schema_id,
                                 table->schema_id);
        SLU_TRY(fluss_rows_append(of->lookup->rows, table->kv_format, bytes, columns, err));
    }
    return fluss_rows_finish(of->lookup->rows, out, err);
}

/* Every bucket has answered (or one has failed for good). */
static void
asked_finish(asked *of)
{
    fluss_lookup *lookup = of->lookup;
    struct ArrowArray values = {0};
    slu_error err = of->failure;
    uint8_t *found = slu_alloc((size_t)of->row_count);
    if (err.status == SLU_OK && found == NULL)
        (void)slu_error_set(&err, SLU_NOMEM, "no memory for %lld rows", (long long)of->row_count);
    if (err.status == SLU_OK && values_decode(of, found, &values, &err) != SLU_OK) {
        struct ArrowArray rest = {0};
        if (fluss_rows_finish(lookup->rows, &rest, NULL) == SLU_OK && rest.release != NULL)
            rest.release(&rest);
    }
    lookup->pending--;
    if (err.status == SLU_OK) {
        lookup->on_done(lookup->context, of->token, &values, found, NULL);
    } else {
        (void)slu_error_in(&err, err.status, "lookup in table %s", fluss_target_name(lookup->target));
        lookup->on_done(lookup->context, of->token, NULL, NULL, &err);
    }
    slu_free(found);
    asked_free(of);
}

static void
asked_settle(asked *of)
{
    if (of->parts_left > 0 && of->failure.status == SLU_OK)
        return;
    asked_unlink(&of->lookup->first, of);
    asked_finish(of);
}

/* The part is sent again after a pause that grows. */
static void
part_wait(part *mine)
{
    fluss_lookup *lookup = mine->of->lookup;
    fluss_client *client = fluss_target_client(lookup->target);
    mine->waiting = true;
    mine->send_after_ms =
        slu_now_ms(client->env) + backoff_ms(client, mine->retries++, FLUSS_STALE_PAUSE_MS, FLUSS_STALE_PAUSE_MS_MAX);
    if (!slu_timer_is_set(lookup->timer))
        slu_timer_set(lookup->timer, FLUSS_STALE_PAUSE_MS / 2);
}

static void
part_fail(part *mine, const slu_error *failure)
{
    if (failure->retriable && slu_now_ms(fluss_target_client(mine->of->lookup->target)->env) < mine->of->deadline_ms) {
        part_wait(mine);
        return;
    }
    mine->of->failure = *failure;
    asked_settle(mine->of);
}

/* A row of a later schema: it is asked for, and the keys are looked up again once it is there. */
static slu_status
part_learn(const part *mine, slu_view value, slu_error *err)
{
    int16_t schema_id = 0;
    slu_view row;
    SLU_TRY(fluss_value_split(value, &schema_id, &row, err));
    const slu_status status = fluss_target_learn(mine->of->lookup->target, schema_id, err);
    if (status != SLU_AGAIN)
        return status;
    (void)slu_error_set(err, SLU_TIMEOUT, "schema %d of bucket %d is not known yet", schema_id, mine->bucket);
    if (err != NULL)
        err->retriable = true;
    return SLU_TIMEOUT;
}

static slu_status
part_take(part *mine, const Fluss__PbLookupRespForBucket *bucket, slu_error *err)
{
    if (bucket->has_error_code) {
        if ((fluss_error_find(bucket->error_code)->flags & FLUSS_ERROR_STALE_METADATA) != 0)
            fluss_target_stale(mine->of->lookup->target);
        return fluss_error_set(err, bucket->error_code, bucket->error_message);
    }
    if (bucket->n_values != (size_t)mine->count)
        return slu_error_set(err, SLU_CORRUPT, "bucket %d answered %zu values for %d keys", mine->bucket, bucket->n_values,
                             mine->count);
    for (int32_t i = 0; i < mine->count; i++) {
        const Fluss__PbValue *value = bucket->values[i];
        if (value->has_values)
            SLU_TRY(part_learn(mine, fluss_bytes_view(&value->values), err));
        mine->of->values[mine->rows[i]] = value->has_values ? fluss_bytes_view(&value->values) : slu_view_of(NULL, 0);
    }
    return SLU_OK;
}

/* The bucket's own number in its partition. */
static int32_t
part_bucket(const part *mine)
{
    return mine->bucket % fluss_target_table(mine->of->lookup->target)->bucket_count;
}

static void
part_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    part *mine = context;
    slu_error err = {0};
    slu_status status = SLU_OK;
    mine->call = NULL;
    if (failure != NULL) {
        if (failure->retriable)
            fluss_target_stale(mine->of->lookup->target);
        part_fail(mine, failure);
        return;
    }
    const Fluss__LookupResponse *response = (const Fluss__LookupResponse *)answer->message;
    if (response->n_buckets_resp != 1 || response->buckets_resp[0]->bucket_id != part_bucket(mine))
        status = slu_error_set(&err, SLU_CORRUPT, "the answer to a lookup is of another bucket");
    else
        status = part_take(mine, response->buckets_resp[0], &err);
    if (status != SLU_OK) {
        part_fail(mine, &err);
        return;
    }
    fluss_target_fresh(mine->of->lookup->target);
    mine->answer = fluss_answer_ref(answer);
    mine->of->parts_left--;
    asked_settle(mine->of);
}

static slu_status
part_request(part *mine, int32_t leader, slu_error *err)
{
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket bucket = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *buckets[1] = {&bucket};
    const asked *of = mine->of;
    ProtobufCBinaryData *keys = slu_alloc((size_t)mine->count * sizeof *keys);
    if (keys == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d keys", mine->count);
    for (int32_t i = 0; i < mine->count; i++) {
        const uint32_t at = of->offsets[mine->rows[i]];
        keys[i] = fluss_bytes_of(slu_view_of(of->keys.data + at, of->offsets[mine->rows[i] + 1] - at));
    }
    request.table_id = fluss_target_table(of->lookup->target)->table_id;
    if (of->lookup->inserts) {
        request.has_insert_if_not_exists = request.insert_if_not_exists = true;
        request.has_acks = request.has_timeout_ms = true;
        request.acks = -1;
        request.timeout_ms = (int32_t)fluss_target_client(of->lookup->target)->request_timeout_ms;
    }
    request.n_buckets_req = 1;
    request.buckets_req = buckets;
    bucket.bucket_id = part_bucket(mine);
    bucket.partition_id = fluss_target_partition_id(of->lookup->target, mine->bucket);
    bucket.has_partition_id = bucket.partition_id >= 0;
    bucket.n_keys = (size_t)mine->count;
    bucket.keys = keys;
    const slu_status status = fluss_client_call(fluss_target_client(of->lookup->target), leader, FLUSS_API_LOOKUP, &request.base,
                                                part_answered, mine, &mine->call, err);
    slu_free(keys);
    return status;
}

/* Never finishes the batch: a failure to send waits for the timer, which is outside of submit. */
static void
part_send(part *mine)
{
    slu_error err = {0};
    fluss_target *target = mine->of->lookup->target;
    const slu_status ready = fluss_target_slot_ready(target, fluss_target_slot_of(target, mine->bucket), false, &err);
    const int32_t leader = ready == SLU_OK ? fluss_target_leader(target, mine->bucket) : -1;
    mine->waiting = false;
    mine->absent = ready == SLU_NOTFOUND;
    if (mine->absent || ready == SLU_AGAIN) {
        part_wait(mine);
        return;
    }
    if (ready != SLU_OK) {
        mine->of->failure = err;
        part_wait(mine);
        return;
    }
    if (leader >= 0 && part_request(mine, leader, &err) == SLU_OK)
        return;
    if (leader < 0)
        fluss_target_stale(mine->of->lookup->target);
    else if (!err.retriable)
        mine->of->failure = err;
    part_wait(mine);
}

static bool
asked_retry(asked *of, int64_t now_ms)
{
    const slu_status gone = fluss_target_poll(of->lookup->target, of->failure.status == SLU_OK ? &of->failure : NULL);
    if (gone < 0 || of->failure.status != SLU_OK)
        return false;
    for (int32_t i = 0; i < of->part_count; i++) {
        part *at = &of->parts[i];
        if (at->waiting && at->absent) {
            at->waiting = false;
            if (--of->parts_left == 0)
                return false;
        }
        if (!at->waiting || at->send_after_ms > now_ms)
            continue;
        if (of->deadline_ms <= now_ms) {
            (void)slu_error_set(&of->failure, SLU_TIMEOUT, "bucket %d has no leader that answers", at->bucket);
            return false;
        }
        part_send(at);
    }
    return of->failure.status == SLU_OK;
}

static void
timer_fired(void *context)
{
    fluss_lookup *lookup = context;
    while (lookup->done != NULL) {
        asked *of = lookup->done;
        lookup->done = of->next;
        asked_finish(of);
    }
    const int64_t now_ms = slu_now_ms(fluss_target_client(lookup->target)->env);
    bool waiting = false;
    for (asked *of = lookup->first; of != NULL;) {
        asked *next = of->next;
        if (!asked_retry(of, now_ms))
            asked_settle(of);
        else
            for (int32_t i = 0; i < of->part_count; i++)
                waiting = waiting || of->parts[i].waiting;
        of = next;
    }
    if (waiting && !slu_timer_is_set(lookup->timer))
        slu_timer_set(lookup->timer, FLUSS_STALE_PAUSE_MS / 2);
}

slu_status
fluss_lookup_open(fluss_target *target, fluss_lookup_done on_done, void *context, fluss_lookup **out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    if (table->key_column_count == 0)
        return slu_error_set(err, SLU_INVALID, "table %s has no primary key to look up by", fluss_target_name(target));
    fluss_lookup *lookup = slu_alloc_zero(1, sizeof *lookup);
    if (lookup == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lookup");
    lookup->target = target;
    lookup->on_done = on_done;
    lookup->context = context;
    slu_status status = fluss_rows_new(&table->descriptor->schema, &lookup->rows, err);
    if (status == SLU_OK)
        status = slu_timer_open(fluss_target_client(target)->loop, timer_fired, lookup, &lookup->timer, err);
    if (status != SLU_OK) {
        fluss_lookup_close(&lookup);
        return status;
    }
    *out = lookup;
    return SLU_OK;
}

void
fluss_lookup_close(fluss_lookup **lookup)
{
    fluss_lookup *mine = slu_take(lookup);
    if (mine == NULL)
        return;
    while (mine->first != NULL) {
        asked *gone = mine->first;
        mine->first = gone->next;
        asked_free(gone);
    }
    while (mine->done != NULL) {
        asked *gone = mine->done;
        mine->done = gone->next;
        asked_free(gone);
    }
    slu_timer_close(&mine->timer);
    fluss_rows_free(&mine->rows);
    slu_free(mine);
}

/* Sorts the keys into parts by bucket (counting sort). */
static slu_status
parts_make(asked *of, const int32_t *buckets, slu_error *err)
{
    const int32_t bucket_count = fluss_target_bucket_numbers(of->lookup->target);
    int32_t *counts = slu_alloc_zero((size_t)bucket_count + 1, sizeof *counts);
    of->row_memory = slu_alloc((size_t)of->row_count * sizeof *of->row_memory);
    of->parts = slu_alloc_zero((size_t)(bucket_count < of->row_count ? bucket_count : of->row_count), sizeof *of->parts);
    if (counts == NULL || of->row_memory == NULL || of->parts == NULL) {
        slu_free(counts);
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)of->row_count);
    }
    for (int64_t row = 0; row < of->row_count; row++)
        counts[buckets[row] + 1]++;
    for (int32_t bucket = 0; bucket < bucket_count; bucket++) {
        const int32_t count = counts[bucket + 1];
        if (count > 0)
            of->parts[of->part_count++] =
                (part){.of = of, .bucket = bucket, .rows = of->row_memory + counts[bucket], .count = count};
        counts[bucket + 1] += counts[bucket];
    }
    for (int64_t row = 0; row < of->row_count; row++)
        of->row_memory[counts[buckets[row]]++] = (int32_t)row;
    of->parts_left = of->part_count;
    slu_free(counts);
    return SLU_OK;
}

/* Turns buckets into bucket numbers. */
static slu_status
slots_add(const asked *of, const struct ArrowSchema *schema, const struct ArrowArray *keys, const int32_t *selection,
          int32_t *buckets, slu_error *err)
{
    fluss_target *target = of->lookup->target;
    if (!fluss_target_partitioned(target))
        return SLU_OK;
    int32_t *slots = slu_alloc((size_t)of->row_count * sizeof *slots);
    if (slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)of->row_count);
    const slu_status status = fluss_target_slots(target, schema, keys, selection, of->row_count, slots, err);
    for (int64_t row = 0; row < of->row_count && status == SLU_OK; row++)
        buckets[row] += slots[row] * fluss_target_table(target)->bucket_count;
    slu_free(slots);
    return status;
}

static slu_status
asked_make(asked *of, const struct ArrowSchema *schema, const struct ArrowArray *keys, const int32_t *selection, slu_error *err)
{
    const fluss_table *table = fluss_target_table(of->lookup->target);
    const size_t rows = (size_t)of->row_count;
    int32_t *buckets = slu_alloc(rows * sizeof *buckets);
    of->offsets = slu_alloc((rows + 1) * sizeof *of->offsets);
    of->values = slu_alloc_zero(rows, sizeof *of->values);
    slu_status status = SLU_OK;
    if (buckets == NULL || of->offsets == NULL || of->values == NULL)
        status = slu_error_set(err, SLU_NOMEM, "no memory for %zu keys", rows);
    if (status == SLU_OK)
        status = fluss_table_keys(table, schema, keys, selection, of->row_count, &of->keys, of->offsets, err);
    if (status == SLU_OK)
        status = fluss_table_buckets(table, schema, keys, selection, of->row_count, buckets, err);
    if (status == SLU_OK)
        status = slots_add(of, schema, keys, selection, buckets, err);
    if (status == SLU_OK)
        status = parts_make(of, buckets, err);
    slu_free(buckets);
    return status;
}

void
fluss_lookup_insert_missing(fluss_lookup *lookup)
{
    lookup->inserts = true;
}

slu_status
fluss_lookup_submit(fluss_lookup *lookup, uint64_t token, const struct ArrowSchema *schema, const struct ArrowArray *keys,
                    const int32_t *selection, int64_t rows, slu_error *err)
{
    if (lookup->pending >= FLUSS_LOOKUP_FLIGHT_MAX)
        return SLU_AGAIN;
    if (rows < 0 || rows > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "%lld keys in one lookup", (long long)rows);
    asked *of = slu_alloc_zero(1, sizeof *of);
    if (of == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lookup");
    of->lookup = lookup;
    of->token = token;
    of->row_count = rows;
    of->deadline_ms = slu_now_ms(fluss_target_client(lookup->target)->env) + FLUSS_LOOKUP_TIMEOUT_MS;
    slu_buf_init(&of->keys, KEYS_BYTES_MAX);
    const slu_status status = asked_make(of, schema, keys, selection, err);
    if (status != SLU_OK) {
        asked_free(of);
        return slu_error_in(err, status, "lookup in table %s", fluss_target_name(lookup->target));
    }
    lookup->pending++;
    asked **list = of->part_count == 0 ? &lookup->done : &lookup->first;
    of->next = *list;
    *list = of;
    if (of->part_count == 0)
        slu_timer_set(lookup->timer, 0);
    for (int32_t i = 0; i < of->part_count; i++)
        part_send(&of->parts[i]);
    return SLU_OK;
}

uint32_t
fluss_lookup_pending(const fluss_lookup *lookup)
{
    return lookup->pending;
}
