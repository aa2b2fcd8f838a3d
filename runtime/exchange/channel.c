#include "channel.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdalign.h>

/*
 * A ring of items with free-running positions. `tail` is written by the producer alone, `head` by the consumer alone; each side keeps
 * its own variables on its own cache line. Invariants: (1) head <= tail <= head + capacity. (2) The spill holds only items younger
 * than everything in the ring, and nothing enters the ring past a non-empty spill. (3) pushed_bytes counts ring and spill.
 */
struct slu_channel {
    slu_item *ring;
    uint64_t capacity; /* a power of two */
    uint64_t items_max;
    int64_t bytes_max;
    slu_bell *producer;
    slu_bell *consumer;
    alignas(64) _Atomic uint64_t tail;
    _Atomic int64_t pushed_bytes;
    slu_item *spill; /* [spill_first, spill_count) */
    uint32_t spill_first;
    uint32_t spill_count;
    uint32_t spill_capacity;
    alignas(64) _Atomic uint64_t head;
    _Atomic int64_t popped_bytes;
    alignas(64) _Atomic uint32_t closed;
};

slu_status
slu_channel_new(const slu_channel_spec *spec, slu_channel **out, slu_error *err)
{
    const uint32_t items_max = spec->items_max == 0 ? SLU_CHANNEL_ITEMS_DEFAULT : spec->items_max;
    if (items_max > SLU_CHANNEL_ITEMS_MAX)
        return slu_error_set(err, SLU_INVALID, "a channel of %u items; at most %u", items_max, SLU_CHANNEL_ITEMS_MAX);
    slu_channel *channel = slu_alloc_aligned(sizeof *channel);
    if (channel == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a channel");
    memset(channel, 0, sizeof *channel);
    channel->capacity = 4;
    while (channel->capacity < items_max)
        channel->capacity *= 2;
    channel->ring = slu_alloc_zero((size_t)channel->capacity, sizeof *channel->ring);
    if (channel->ring == NULL) {
        slu_free(channel);
        return slu_error_set(err, SLU_NOMEM, "no memory for a channel");
    }
    channel->items_max = items_max;
    channel->bytes_max = spec->bytes_max == 0 ? SLU_CHANNEL_BYTES_DEFAULT : spec->bytes_max;
    channel->producer = spec->producer;
    channel->consumer = spec->consumer;
    *out = channel;
    return SLU_OK;
}

void
slu_channel_free(slu_channel **owned)
{
    slu_channel *channel = slu_take(owned);
    if (channel == NULL)
        return;
    slu_item item;
    /* Nobody is to be woken any more: the bells may be gone already. */
    channel->producer = NULL;
    channel->consumer = NULL;
    while (slu_channel_pop(channel, &item) == SLU_OK)
        slu_item_drop(&item);
    for (uint32_t i = channel->spill_first; i < channel->spill_count; i++)
        slu_item_drop(&channel->spill[i]);
    slu_free(channel->spill);
    slu_free(channel->ring);
    slu_free(channel);
}

static int64_t
channel_bytes(const slu_channel *channel)
{
    return atomic_load_explicit(&channel->pushed_bytes, memory_order_relaxed) -
           atomic_load_explicit(&channel->popped_bytes, memory_order_acquire);
}

static bool
channel_within(const slu_channel *channel, uint64_t tail, uint64_t head, uint64_t items_max, int64_t bytes_max)
{
    return tail - head < items_max && channel_bytes(channel) < bytes_max;
}

bool
slu_channel_room(const slu_channel *channel)
{
    const uint64_t head = atomic_load(&channel->head);
    const uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
    return channel->spill_first == channel->spill_count &&
           channel_within(channel, tail, head, channel->items_max, channel->bytes_max);
}

/* Puts one item into the ring if it is not full. */
static bool
ring_put(slu_channel *channel, const slu_item *item)
{
    const uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&channel->head, memory_order_acquire) >= channel->capacity)
        return false;
    channel->ring[tail & (channel->capacity - 1)] = *item;
    atomic_store(&channel->tail, tail + 1);
    slu_bell_ring(channel->consumer);
    return true;
}

static slu_status
spill_put(slu_channel *channel, const slu_item *item, slu_error *err)
{
    if (channel->spill_count - channel->spill_first >= SLU_CHANNEL_SPILL_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %u items emitted without waiting for room", SLU_CHANNEL_SPILL_MAX);
    if (channel->spill_count == channel->spill_capacity && channel->spill_first > 0) {
        channel->spill_count -= channel->spill_first;
        memmove(channel->spill, channel->spill + channel->spill_first, channel->spill_count * sizeof *channel->spill);
        channel->spill_first = 0;
    }
    if (channel->spill_count == channel->spill_capacity) {
        const uint32_t capacity = channel->spill_capacity == 0 ? 8 : 2 * channel->spill_capacity;
        slu_item *grown = slu_realloc(channel->spill, capacity * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %u waiting items", capacity);
        channel->spill = grown;
        channel->spill_capacity = capacity;
    }
    channel->spill[channel->spill_count++] = *item;
    return SLU_OK;
}

bool
slu_channel_flush(slu_channel *channel)
{
    while (channel->spill_first < channel->spill_count && ring_put(channel, &channel->spill[channel->spill_first]))
        channel->spill_first++;
    if (channel->spill_first < channel->spill_count)
        return false;
    channel->spill_first = channel->spill_count = 0;
    return true;
}

slu_status
slu_channel_push(slu_channel *channel, slu_item *item, slu_error *err)
{
    if (slu_channel_is_closed(channel))
        return slu_error_set(err, SLU_CLOSED, "the receiver of a channel is gone");
    const slu_item moving = *item;
    atomic_fetch_add_explicit(&channel->pushed_bytes, moving.bytes, memory_order_relaxed);
    if (!slu_channel_flush(channel) || !ring_put(channel, &moving)) {
        const slu_status status = spill_put(channel, &moving, err);
        if (status != SLU_OK) {
            atomic_fetch_sub_explicit(&channel->pushed_bytes, moving.bytes, memory_order_relaxed);
            return status;
        }
    }
    item->kind = 0;
    item->batch = NULL;
    return SLU_OK;
}

const slu_item *
slu_channel_peek(slu_channel *channel)
{
    const uint64_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);
    return head == atomic_load(&channel->tail) ? NULL : &channel->ring[head & (channel->capacity - 1)];
}

slu_status
slu_channel_pop(slu_channel *channel, slu_item *out)
{
    const bool closed = slu_channel_is_closed(channel); /* before looking, so that the last item is not missed */
    const slu_item *first = slu_channel_peek(channel);
    if (first == NULL)
        return closed ? SLU_CLOSED : SLU_AGAIN;
    *out = *first;
    const uint64_t head = atomic_load_explicit(&channel->head, memory_order_relaxed) + 1;
    atomic_fetch_add_explicit(&channel->popped_bytes, out->bytes, memory_order_release);
    atomic_store(&channel->head, head);
    /* The producer is woken at half, so that two threads do not hand over item by item; or when only its spill is left. */
    const uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
    if (tail == head || channel_within(channel, tail, head, channel->items_max / 2 + 1, channel->bytes_max / 2 + 1))
        slu_bell_ring(channel->producer);
    return SLU_OK;
}

void
slu_channel_close(slu_channel *channel)
{
    atomic_store(&channel->closed, 1);
    slu_bell_ring(channel->consumer);
    slu_bell_ring(channel->producer);
}

bool
slu_channel_is_closed(const slu_channel *channel)
{
    return atomic_load(&channel->closed) != 0;
}

int64_t
slu_channel_pushed_bytes(const slu_channel *channel)
{
    return atomic_load_explicit(&channel->pushed_bytes, memory_order_relaxed);
}

int64_t
slu_channel_popped_bytes(const slu_channel *channel)
{
    return atomic_load_explicit(&channel->popped_bytes, memory_order_acquire);
}
