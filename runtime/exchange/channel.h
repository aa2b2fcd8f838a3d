/*
 * channel.h: a bounded queue of items between exactly two threads.
 *
 * Shape    one producer, one consumer, first in first out. `room` is the bound: at most items_max items and bytes_max bytes; what is
 *          pushed without room (events, the overdraft of one call) is spilled on the producer's side and moves up with `flush`, so
 *          a push fails only when the spill itself passes SLU_CHANNEL_SPILL_MAX.
 * Owns     the items inside. push takes the item, pop gives it, free drops the rest.
 * Bells    the consumer's rings after a push, the producer's when a popped channel is at most half full: each costs a system call
 *          only when its owner sleeps. Both are borrowed and outlive the channel; NULL: none.
 * Threads  push, room, flush: producer. peek, pop: consumer. close, closed, the counters: any. new, free: while neither is running.
 * Errors   push: LIMIT (spill full), NOMEM, CLOSED. pop: AGAIN (empty), CLOSED (closed and drained).
 * Limits   items_max 1..SLU_CHANNEL_ITEMS_MAX, bytes_max, fixed at birth.
 */
#ifndef SLU_EXCHANGE_CHANNEL_H
#define SLU_EXCHANGE_CHANNEL_H

#include "bell.h"
#include "item.h"

#define SLU_CHANNEL_ITEMS_MAX 4096u
#define SLU_CHANNEL_ITEMS_DEFAULT 32u
#define SLU_CHANNEL_BYTES_DEFAULT ((int64_t)2 << 20)
#define SLU_CHANNEL_SPILL_MAX 65536u /* items: a plugin that emits more in one call is broken */

typedef struct slu_channel slu_channel;

typedef struct slu_channel_spec {
    uint32_t items_max; /* 0: default */
    int64_t bytes_max;  /* 0: default */
    slu_bell *producer;
    slu_bell *consumer;
} slu_channel_spec;

SLU_CHECK slu_status slu_channel_new(const slu_channel_spec *spec, slu_channel **out, slu_error *err);
void slu_channel_free(slu_channel **channel);

bool slu_channel_room(const slu_channel *channel);
/* Moves *item in: its kind becomes 0; on failure *item is untouched. */
SLU_CHECK slu_status slu_channel_push(slu_channel *channel, slu_item *item, slu_error *err);
/* Moves spilled items up. True when none is left. */
bool slu_channel_flush(slu_channel *channel);

const slu_item *slu_channel_peek(slu_channel *channel); /* NULL: empty. Borrowed until pop */
SLU_CHECK slu_status slu_channel_pop(slu_channel *channel, slu_item *out);

void slu_channel_close(slu_channel *channel); /* no more pushes; what is inside can still be popped */
bool slu_channel_is_closed(const slu_channel *channel);

/* Cumulative bytes of batches that went in and came out: out is what credit is made of. */
int64_t slu_channel_pushed_bytes(const slu_channel *channel);
int64_t slu_channel_popped_bytes(const slu_channel *channel);

#endif
