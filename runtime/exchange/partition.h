/*
 * partition.h: one output edge of a task: spreads batches over the channels to its receivers.
 *
 * Shape    FORWARD and GLOBAL move the batch; BROADCAST takes a reference per receiver; REBALANCE deals whole batches out; HASH and
 *          BUCKET split a batch into one selection per receiver, in one counting pass and without copying a column.
 * Small    parts of fewer than SLU_PARTITION_SMALL_ROWS rows wait for others to the same receiver and are put together (batch/concat.h): until
 *          they make a good batch, an event follows, the sender has nothing else to do, or flush_interval_ms has passed.
 * Owns     its scratch and what waits; the channels are borrowed.
 * Threads  owner (the sending task).
 * Errors   what channels and keys answer; INVALID: a bucket function that fails.
 */
#ifndef SLU_EXCHANGE_PARTITION_H
#define SLU_EXCHANGE_PARTITION_H

#include "channel.h"

#include <sluice/plugin.h>

#define SLU_PARTITION_SMALL_ROWS 1024
#define SLU_PARTITION_GOOD_ROWS 4096
#define SLU_PARTITION_PIECES_MAX 64u

typedef struct slu_partition slu_partition;

typedef struct slu_partition_spec {
    uint32_t kind;                    /* SLU_PARTITION_ of plan/graph.h */
    uint32_t receiver_count;          /* FORWARD: 1 */
    slu_channel *const *channels;     /* [receiver_count]; copied */
    uint32_t sender;                  /* subtask, where REBALANCE begins */
    uint32_t max_parallelism;         /* HASH */
    const struct ArrowSchema *schema; /* HASH: of the sender's output */
    const char *const *keys;
    uint32_t key_count;
    int64_t flush_interval_ms; /* 0: small parts do not wait */
    void *owner;               /* BUCKET: fills one bucket per row of the batch */
    slu_status (*bucket)(void *owner, const slu_batch *batch, uint32_t *buckets, slu_error *err);
} slu_partition_spec;

SLU_CHECK slu_status slu_partition_new(const slu_partition_spec *spec, slu_partition **out, slu_error *err);
void slu_partition_free(slu_partition **partition);

/* The batch is borrowed. Never fails for want of room: ask slu_partition_room before the next one. */
SLU_CHECK slu_status slu_partition_write(slu_partition *partition, const slu_batch *batch, slu_error *err);
/* A watermark, barrier, idle, end or cancel to every receiver. */
SLU_CHECK slu_status slu_partition_event(slu_partition *partition, const slu_item *event, slu_error *err);
/* Sends what has waited for flush_interval_ms; all of it when the sender is about to rest. *sent: something was. */
SLU_CHECK slu_status slu_partition_flush(slu_partition *partition, int64_t now_ms, bool all, bool *sent, slu_error *err);
/* Moves spilled items up and says whether every receiver has room. */
bool slu_partition_room(slu_partition *partition);

#endif
