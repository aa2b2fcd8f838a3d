#include "partition.h"

#include "keys.h"

#include "base/alloc.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "plan/graph.h"

#define FEW_RECEIVERS 16u

struct slu_partition {
    slu_partition_spec spec;
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
    if (partition->channels == NULL || partition->counts == NULL || partition->lists == NULL)
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
    slu_free(partition->group_receivers);
    slu_free(partition->channels);
    slu_free(partition->counts);
    slu_free(partition->lists);
    slu_free(partition->codes);
    slu_free(partition->rows);
    slu_free(partition);
}

static slu_status
send_batch(slu_channel *channel, const slu_batch **batch, slu_error *err)
{
    slu_item item = slu_item_of_batch(batch);
    const slu_status status = slu_channel_push(channel, &item, err);
    if (status != SLU_OK)
        slu_item_drop(&item);
    return status;
}

static slu_status
send_ref(slu_channel *channel, const slu_batch *batch, slu_error *err)
{
    const slu_batch *ref = slu_batch_ref(batch);
    return send_batch(channel, &ref, err);
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
            return send_ref(partition->channels[r], batch, err);
        if (partition->counts[r] == 0)
            continue;
        const slu_batch_spec spec = {.selection = partition->lists[r], .rows = partition->counts[r]};
        const slu_batch *part = NULL;
        SLU_TRY(slu_batch_select(batch, &spec, &part, err));
        SLU_TRY(send_batch(partition->channels[r], &part, err));
    }
    return SLU_OK;
}

static slu_status
write_split(slu_partition *partition, const slu_batch *batch, slu_error *err)
{
    if (partition->spec.receiver_count == 1 || batch->rows == 0)
        return send_ref(partition->channels[0], batch, err);
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
        slu_channel *channel = partition->channels[partition->next];
        partition->next = (partition->next + 1) % partition->spec.receiver_count;
        return send_ref(channel, batch, err);
    }
    case SLU_PARTITION_BROADCAST:
        for (uint32_t r = 0; r < partition->spec.receiver_count; r++)
            SLU_TRY(send_ref(partition->channels[r], batch, err));
        return SLU_OK;
    default: return send_ref(partition->channels[0], batch, err);
    }
}

slu_status
slu_partition_event(slu_partition *partition, const slu_item *event, slu_error *err)
{
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        slu_item item = *event;
        SLU_TRY(slu_channel_push(partition->channels[r], &item, err));
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
