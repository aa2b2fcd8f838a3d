/*
 * inbox.h: the input channels of one task, read in turn.
 *
 * Shape    next gives one item of some channel that has one and is not blocked, fairly. What the items mean is the task's business;
 *          the inbox keeps per channel whether it is blocked (alignment), idle, ended, and its watermark, and knows their minimum.
 * Watermark the combined watermark is the minimum over channels that are neither idle nor ended; it never goes back.
 * Owns     its table; the channels are borrowed.
 * Threads  owner (the receiving task).
 * Errors   next: AGAIN (nothing readable), CLOSED (a channel was closed before its END: the sender is gone), END (no channels).
 */
#ifndef SLU_EXCHANGE_INBOX_H
#define SLU_EXCHANGE_INBOX_H

#include "channel.h"

typedef struct slu_inbox slu_inbox;

SLU_CHECK slu_status slu_inbox_new(slu_channel *const *channels, uint32_t count, slu_inbox **out, slu_error *err);
void slu_inbox_free(slu_inbox **inbox);

SLU_CHECK slu_status slu_inbox_next(slu_inbox *inbox, slu_item *out, uint32_t *channel, slu_error *err);
/* Whether some unblocked channel holds an item. */
bool slu_inbox_ready(slu_inbox *inbox);

void slu_inbox_block(slu_inbox *inbox, uint32_t channel);
void slu_inbox_unblock_all(slu_inbox *inbox);

/* Each returns true when the combined watermark advanced; then *combined has it. */
bool slu_inbox_watermark(slu_inbox *inbox, uint32_t channel, int64_t event_ms, int64_t *combined);
bool slu_inbox_idle(slu_inbox *inbox, uint32_t channel, bool idle, int64_t *combined);
bool slu_inbox_end(slu_inbox *inbox, uint32_t channel, int64_t *combined);

bool slu_inbox_all_idle(const slu_inbox *inbox); /* every channel is idle or ended, and one is idle */
bool slu_inbox_all_ended(const slu_inbox *inbox);

#endif
