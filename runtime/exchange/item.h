/*
 * item.h: what travels in a channel. A plain value; a BATCH item owns one reference to its batch.
 */
#ifndef SLU_EXCHANGE_ITEM_H
#define SLU_EXCHANGE_ITEM_H

#include "batch/batch.h"

#define SLU_ITEM_BATCH 1
#define SLU_ITEM_WATERMARK 2 /* value: event time in ms; INT64_MAX: no more rows */
#define SLU_ITEM_BARRIER 3   /* value: checkpoint id */
#define SLU_ITEM_IDLE 4      /* value 1: leave this channel out of the watermark; 0: it counts again */
#define SLU_ITEM_END 5       /* no more rows; barriers may still follow (the final checkpoint) */
#define SLU_ITEM_CANCEL 6    /* value: a checkpoint whose barrier will not come on this channel */

typedef struct slu_item {
    uint32_t kind;
    uint32_t flags; /* BARRIER: SLU_BARRIER_ of control/message.h */
    int64_t value;
    int64_t wall_ms; /* BARRIER: when it was triggered */
    int64_t bytes;   /* BATCH: what it weighs for credit and bounds */
    const slu_batch *batch;
} slu_item;

/* Takes *batch into an item. The weight of a selection is its share of the base's buffers. */
static inline slu_item
slu_item_of_batch(const slu_batch **batch)
{
    slu_item item = {.kind = SLU_ITEM_BATCH, .batch = slu_take(batch)};
    item.bytes = item.batch->bytes;
    if (item.batch->selection != NULL && item.batch->array->length > 0)
        item.bytes = item.batch->bytes / item.batch->array->length * item.batch->rows;
    item.bytes += 64;
    return item;
}

static inline void
slu_item_drop(slu_item *item)
{
    slu_batch_unref(&item->batch);
    item->kind = 0;
}

#endif
