#include "partition.h"

#include "keys.h"

#include "base/alloc.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "plan/graph.h"

struct slu_partition {
    slu_partition_spec spec;
    slu_channel **channels;
    slu_keyer *keyer;
    uint16_t *group_receivers; /* HASH: [max_parallelism] */
    uint32_t next;             /* REBALANCE */
    uint32_t *codes;           /* per row: hash or bucket, then receiver */
    int32_t *rows;             /* row numbers, receiver by receiver */
    int64_t rows_capacity;
    int64_t *counts; /* [receiver_count + 1] */
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
    partition->counts = slu_alloc_zero((size_t)spec->receiver_count + 1, sizeof *partition->counts);
    if (partition->channels == NULL || partition->counts == NULL)
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

static slu_status
partition_rows_room(slu_partition *partition, int64_t rows, slu_error *err)
{
    if (rows <= partition->rows_capacity)
        return SLU_OK;
    slu_free(partition->codes);
    slu_free(partition->rows);
    partition->codes = slu_alloc((size_t)rows * sizeof *partition->codes);
    partition->rows = slu_alloc((size_t)rows * sizeof *partition->rows);
    partition->rows_capacity = partition->codes == NULL || partition->rows == NULL ? 0 : rows;
    return partition->rows_capacity == 0 ? slu_error_set(err, SLU_NOMEM, "no memory to split %lld rows", (long long)rows) : SLU_OK;
}

/* Turns each row's hash or bucket into its receiver, and counts. */
static void
count_receivers(slu_partition *partition, int64_t rows)
{
    uint32_t *codes = partition->codes;
    int64_t *counts = partition->counts;
    const uint32_t receivers = partition->spec.receiver_count;
    const uint32_t groups = partition->spec.max_parallelism;
    memset(counts, 0, ((size_t)receivers + 1) * sizeof *counts);
    if (partition->spec.kind == SLU_PARTITION_HASH) {
        for (int64_t i = 0; i < rows; i++) {
            codes[i] = partition->group_receivers[slu_key_group(codes[i], groups)];
            counts[codes[i] + 1]++;
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        codes[i] %= receivers;
        counts[codes[i] + 1]++;
    }
}

/* Deals the row numbers out, so that receiver r has rows[counts[r-1]..counts[r]) (counts[-1] = 0) in ascending order. */
static void
deal_rows(slu_partition *partition, const slu_batch *batch)
{
    int64_t *next = partition->counts;
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++)
        next[r + 1] += next[r];
    if (batch->selection == NULL)
        for (int64_t i = 0; i < batch->rows; i++)
            partition->rows[next[partition->codes[i]]++] = (int32_t)i;
    else
        for (int64_t i = 0; i < batch->rows; i++)
            partition->rows[next[partition->codes[i]]++] = batch->selection[i];
}

static slu_status
send_parts(slu_partition *partition, const slu_batch *batch, slu_error *err)
{
    int64_t first = 0;
    for (uint32_t r = 0; r < partition->spec.receiver_count; r++) {
        const int64_t last = partition->counts[r];
        if (last - first == batch->rows)
            return send_ref(partition->channels[r], batch, err);
        if (last > first) {
            const slu_batch_spec spec = {.selection = partition->rows + first, .rows = last - first};
            const slu_batch *part = NULL;
            SLU_TRY(slu_batch_select(batch, &spec, &part, err));
            SLU_TRY(send_batch(partition->channels[r], &part, err));
        }
        first = last;
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
    count_receivers(partition, batch->rows);
    deal_rows(partition, batch);
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
