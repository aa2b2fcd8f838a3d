#include "partition.h"

#include "keys.h"

#include "base/alloc.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "batch/concat.h"
#include "plan/graph.h"

#define FEW_RECEIVERS 16u
#define HELD_BYTES_MAX ((int64_t)2 << 20) /* per receiver, by small parts that wait */

/* Small parts on their way to one receiver. */
typedef struct waiting {
    const slu_batch *pieces[SLU_PARTITION_PIECES_MAX];
    uint32_t count;
    int64_t rows;
    int64_t bytes; /* held alive: a part keeps the whole batch it was selected from */
    int64_t since_ms;
} waiting;

struct slu_partition {
    slu_partition_spec spec;
    waiting **waiting;      /* [receiver_count]; made when first needed */
    uint32_t waiting_count; /* receivers for whom something waits */
    int64_t now_ms;
    slu_channel **channels;
    slu_keyer *keyer;
    uint16_t *group_receivers; /* HASH: [max_parallelism] */
    uint32_t next;             /* REBALANCE */
    uint32_t *codes;           /* per row: hash or bucket, then receiver */
    int32_t *rows;             /* row numbers, receiver by receiver */
    int64_t rows_capacity;
    int32_t **lists; /* [receiver_count], into rows */
    int64_t *counts; /* [receiver_count] */
};

static slu_status
partition_init_hash(slu_partition *partition, slu_error *err)
{
    const slu_partition_spec *spec = &partition->spec;
    partition->group_receivers = slu_alloc_zero(spec->max_parallelism, sizeof *partition->group_receivers);
    if (partition->group_receivers == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an output");
    for (uint32_t group = 0; group < spec->max_parallelism; group++)
        partition->group_receivers[group] = (uint16_t)slu_key_group_subtask(group, spec->receiver_count, spec->max_parallelism);
    return slu_keyer_new(spec->schema, spec->keys, spec->key_count, &partition->keyer, err);
}

slu_status
slu_partition_new(const slu_partition_spec *spec, slu_partition **out, slu_error *err)
{
    SLU_AUTO(slu_partition_free) slu_partition *partition = slu_alloc_zero(1, sizeof *partition);
    if (partition == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an output");
    if (spec->receiver_count == 0 || spec->receiver_count > SLU_PARALLELISM_MAX)
        return slu_error_set(err, SLU_INVALID, "an output of %u receivers", spec->receiver_count);
    partition->spec = *spec;
    partition->next = spec->sender % spec->receiver_count;
    partition->channels = slu_alloc_zero(spec->receiver_count, sizeof *partition->channels);
    partition->counts = slu_alloc_zero(spec->receiver_count, sizeof *partition->counts);
    partition->lists = slu_alloc_zero(spec->receiver_count, sizeof *partition->lists);
    partition->waiting = slu_alloc_zero(spec->receiver_count, sizeof *partition->waiting);
    if (partition->channels == NULL || partition->counts == NULL || partition->lists == NULL || partition->waiting == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an output");
    memcpy(partition->channels, spec->channels, spec->receiver_count * sizeof *partition->channels);
    partition->spec.channels = partition->channels;
    if (spec->kind == SLU_PARTITION_HASH)
        SLU_TRY(partition_init_hash(partition, err));
    *out = slu_take(&partition);
    return SLU_OK;
}

void
slu_partition_free(slu_partition **owned)
{
    slu_partition *partition = slu_take(owned);
    if (partition == NULL)
        return;
    slu_keyer_free(&partition->keyer);
    for (uint32_t r = 0; partition->waiting != NULL && r < partition->spec.receiver_count; r++) {
        for (uint32_t p = 0; partition->waiting[r] != NULL && p < partition->waiting[r]->count; p++)
            slu_batch_unref(&partition->waiting[r]->pieces[p]);
        slu_free(partition->waiting[r]);
    }
    slu_free(partition->waiting);
    slu_free(partition->group_receivers);
    slu_free(partition->channels);
    slu_free(partition->counts);
    slu_free(partition->lists);
    slu_free(partition->codes);
    slu_free(partition->rows);
    slu_free(partition);
}

static slu_status
send_now(slu_partition *partition, uint32_t receiver, const slu_batch **batch, slu_error *err)
{
    slu_item item = slu_item_of_batch(batch);
    const slu_status status = slu_channel_push(partition->channels[receiver], &item, err);
    if (status != SLU_OK)
        slu_item_drop(&item);
    return status;
}

/* Makes one piece of all that wait, which lets go of the batches they were selected from. */
static slu_status
put_together(waiting *w, slu_error *err)
{
    const slu_batch *whole = NULL;
    if (w->count == 1 && w->pieces[0]->selection == NULL)
        return SLU_OK;
    SLU_TRY(slu_batch_concat(w->pieces, w->count, &whole, err));
    for (uint32_t p = 0; p < w->count; p++)
        slu_batch_unref(&w->pieces[p]);
    w->pieces[0] = whole;
    w->count = 1;
    w->bytes = whole->bytes;
    return SLU_OK;
}

/* Sends what waits for a receiver: one piece as it is, several put together. */
static slu_status
flush_one(slu_partition *partition, uint32_t receiver, slu_error *err)
{
    waiting *w = partition->waiting[receiver];
    if (w == NULL || w->count == 0)
        return SLU_OK;
    if (w->count > 1)
        SLU_TRY(put_together(w, err));
    const slu_batch *whole = slu_take(&w->pieces[0]);
    w->count = 0;
    w->rows = w->bytes = 0;
    partition->waiting_count--;
    return send_now(partition, receiver, &whole, err);
}

static bool
may_wait(const slu_partition *partition, const slu_batch *batch)
{
    return partition->spec.flush_interval_ms > 0 && batch->rows < SLU_PARTITION_SMALL_ROWS && batch->attr_count == 0 &&
           slu_concat_possible(batch->schema);
}

static slu_status
let_wait(slu_partition *partition, uint32_t receiver, const slu_batch **batch, slu_error *err)
{
    waiting *w = partition->waiting[receiver];
    if (w == NULL && (w = partition->waiting[receiver] = slu_alloc_zero(1, sizeof *w)) == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for small batches");
    if (w->count > 0 && slu_batch_schema(w->pieces[0]) != slu_batch_schema(*batch) &&
        !slu_schema_equal(w->pieces[0]->schema, (*batch)->schema))
        SLU_TRY(flush_one(partition, receiver, err));
    if (w->count == 0) {
        partition->waiting_count++;
        w->since_ms = partition->now_ms;
    }
    w->rows += (*batch)->rows;
    w->bytes += (*batch)->bytes;
    w->pieces[w->count++] = slu_take(batch);
    if (w->rows >= SLU_PARTITION_GOOD_ROWS)
        return flush_one(partition, receiver, err);
    return w->bytes > HELD_BYTES_MAX || w->count == SLU_PARTITION_PIECES_MAX ? put_together(w, err) : SLU_OK;
}

/* Takes the batch, success or not. */
static slu_status
send_batch(slu_partition *partition, uint32_t receiver, const slu_batch **batch, slu_error *err)
{
    slu_status status;
    if (may_wait(partition, *batch)) {
        status = let_wait(partition, receiver, batch, err);
    } else {
        status = flush_one(partition, receiver, err); /* nothing overtakes */
        if (status == SLU_OK)
            return send_now(partition, receiver, batch, err);
    }
    slu_batch_unref(batch);
    return status;
}

static slu_status
send_ref(slu_partition *partition, uint32_t receiver, const slu_batch *batch, slu_error *err)
{
    const slu_batch *ref = slu_batch_ref(batch);
    return send_batch(partition, receiver, &ref, err);
}

/* Few receivers have a list of row numbers each, as long as the batch, filled in one pass; many share one, by counting first. */
static bool
few(const slu_partition *partition)
{
    return partition->spec.receiver_count <= FEW_RECEIVERS;
}

static slu_status
partition_rows_room(slu_partition *partition, int64_t rows, slu_error *err)
{
    if (rows <= partition->rows_capacity)
        return SLU_OK;
    const size_t lists = few(partition) ? partition->spec.receiver_count : 1;
    slu_free(partition->codes);
    slu_free(partition->rows);
    partition->codes = slu_alloc((size_t)rows * sizeof *partition->codes);
    partition->rows = slu_alloc((size_t)rows * lists * sizeof *partition->rows);
    partition->rows_capacity = partition->codes == NULL || partition->rows == NULL ? 0 : rows;
    return partition->rows_capacity == 0 ? slu_error_set(err, SLU_NOMEM, "no memory to split %lld rows", (long long)rows) : SLU_OK;
}

/* Turns each row's hash or bucket into its receiver. */
static void
find_receivers(const slu_partition *partition, int64_t rows)
{
    uint32_t *codes = partition->codes;
    const uint16_t *receivers = partition->group_receivers;
    const uint32_t groups = partition->spec.max_parallelism;
    const uint32_t count = partition->spec.receiver_count;
    if (partition->spec.kind != SLU_PARTITION_HASH)
        for (int64_t i = 0; i < rows; i++)
            codes[i] %= count;
    else if (groups == SLU_KEY_GROUPS_DEFAULT) /* a constant divisor: no division */
        for (int64_t i = 0; i < rows; i++)
            codes[i] = receivers[slu_key_group(codes[i], SLU_KEY_GROUPS_DEFAULT)];
    else
        for (int64_t i = 0; i < rows; i++)
            codes[i] = receivers[slu_key_group(codes[i], groups)];
}

/* The most common case without a branch or a store that is read again: every row is written to both lists, one of which moves on. */
static void
deal_two(slu_partition *partition, const slu_batch *batch)
{
    const uint32_t *codes = partition->codes;
    int32_t *first = partition->rows;
    int32_t *second = partition->rows + partition->rows_capacity;
    int64_t in_second = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        const int32_t row = (int32_t)slu_batch_row(batch, i);
        first[i - in_second] = row;
        second[in_second] = row;
        in_second += codes[i];
    }
    partition->lists[0] = first;
    partition->lists[1] = second;
    partition->counts[0] = batch->rows - in_second;
    partition->counts[1] = in_second;
}

/* Row numbers of receiver r in ascending order: lists[r], counts[r] of them. */
static void
deal_few(slu_partition *partition, const slu_batch *batch)
{
    const uint32_t *codes = partition->codes;
    int32_t *next[FEW_RECEIVERS];
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++)
        next[r] = partition->rows + (size_t)r * (size_t)partition->rows_capacity;
    if (batch->selection == NULL)
        for (int64_t i = 0; i < batch->rows; i++)
            *next[codes[i]]++ = (int32_t)i;
    else
        for (int64_t i = 0; i < batch->rows; i++)
            *next[codes[i]]++ = batch->selection[i];
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        partition->lists[r] = partition->rows + (size_t)r * (size_t)partition->rows_capacity;
        partition->counts[r] = next[r] - partition->lists[r];
    }
}

static void
deal_many(slu_partition *partition, const slu_batch *batch)
{
    const uint32_t receivers = partition->spec.receiver_count;
    memset(partition->counts, 0, receivers * sizeof *partition->counts);
    for (int64_t i = 0; i < batch->rows; i++)
        partition->counts[partition->codes[i]]++;
    int32_t *at = partition->rows;
    for (uint32_t r = 0; r < receivers; at += partition->counts[r++])
        partition->lists[r] = at;
    for (int64_t i = 0; i < batch->rows; i++)
        *partition->lists[partition->codes[i]]++ = (int32_t)slu_batch_row(batch, i);
    for (uint32_t r = 0; r < receivers; r++)
        partition->lists[r] -= partition->counts[r];
}

static slu_status
send_parts(slu_partition *partition, const slu_batch *batch, slu_error *err)
{
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        if (partition->counts[r] == batch->rows)
            return send_ref(partition, r, batch, err);
        if (partition->counts[r] == 0)
            continue;
        const slu_batch_spec spec = {.selection = partition->lists[r], .rows = partition->counts[r]};
        const slu_batch *part = NULL;
        SLU_TRY(slu_batch_select(batch, &spec, &part, err));
        SLU_TRY(send_batch(partition, r, &part, err));
    }
    return SLU_OK;
}

static slu_status
write_split(slu_partition *partition, const slu_batch *batch, slu_error *err)
{
    if (partition->spec.receiver_count == 1 || batch->rows == 0)
        return send_ref(partition, 0, batch, err);
    SLU_TRY(partition_rows_room(partition, batch->rows, err));
    if (partition->spec.kind == SLU_PARTITION_HASH)
        SLU_TRY(slu_keyer_hash(partition->keyer, batch, partition->codes, err));
    else
        SLU_TRY(partition->spec.bucket(partition->spec.owner, batch, partition->codes, err));
    find_receivers(partition, batch->rows);
    if (partition->spec.receiver_count == 2)
        deal_two(partition, batch);
    else if (few(partition))
        deal_few(partition, batch);
    else
        deal_many(partition, batch);
    return send_parts(partition, batch, err);
}

slu_status
slu_partition_write(slu_partition *partition, const slu_batch *batch, slu_error *err)
{
    switch (partition->spec.kind) {
    case SLU_PARTITION_HASH:
    case SLU_PARTITION_BUCKET: return write_split(partition, batch, err);
    case SLU_PARTITION_REBALANCE: {
        const uint32_t receiver = partition->next;
        partition->next = (receiver + 1) % partition->spec.receiver_count;
        return send_ref(partition, receiver, batch, err);
    }
    case SLU_PARTITION_BROADCAST:
        for (uint32_t r = 0; r < partition->spec.receiver_count; r++)
            SLU_TRY(send_ref(partition, r, batch, err));
        return SLU_OK;
    default: return send_ref(partition, 0, batch, err);
    }
}

slu_status
slu_partition_event(slu_partition *partition, const slu_item *event, slu_error *err)
{
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        slu_item item = *event;
        SLU_TRY(flush_one(partition, r, err));
        SLU_TRY(slu_channel_push(partition->channels[r], &item, err));
    }
    return SLU_OK;
}

slu_status
slu_partition_flush(slu_partition *partition, int64_t now_ms, bool all, bool *sent, slu_error *err)
{
    partition->now_ms = now_ms;
    for (uint32_t r = 0; partition->waiting_count > 0 && r < partition->spec.receiver_count; r++) {
        const waiting *w = partition->waiting[r];
        if (w == NULL || w->count == 0 || (!all && now_ms - w->since_ms < partition->spec.flush_interval_ms))
            continue;
        *sent = true;
        SLU_TRY(flush_one(partition, r, err));
    }
    return SLU_OK;
}

bool
slu_partition_room(slu_partition *partition)
{
    bool room = true;
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        (void)slu_channel_flush(partition->channels[r]);
        room = slu_channel_room(partition->channels[r]) && room;
    }
    return room;
}
