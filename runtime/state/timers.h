/*
 * timers.h: the timers of one operator instance: at most one per (domain, key, tag), ordered by time.
 *
 * Owns     copies of the keys, on the account given.
 * Threads  owner.
 * Errors   NOMEM; INVALID: an unknown domain, or a key of more than SLU_STATE_KEY_BYTES_MAX bytes; CORRUPT: restore of foreign bytes.
 * Snapshot one run of bytes per key group: u8 version 1, u32 count, then u8 domain, i64 at, u64 tag, u32 key hash, u32 key bytes, key.
 */
#ifndef SLU_STATE_TIMERS_H
#define SLU_STATE_TIMERS_H

#include "base/account.h"
#include "base/bytes.h"

#include <sluice/plugin.h>

typedef struct slu_timers slu_timers;

SLU_CHECK slu_status slu_timers_new(uint32_t max_parallelism, slu_account *account, slu_timers **out, slu_error *err);
void slu_timers_free(slu_timers **timers);
SLU_CHECK slu_status slu_timers_set(slu_timers *timers, const slu_timer *timer, slu_error *err);
void slu_timers_clear(slu_timers *timers, const slu_timer *timer);
int64_t slu_timers_next(const slu_timers *timers, uint32_t domain); /* INT64_MAX: none */
/* Removes the earliest timer with at_ms <= now_ms. AGAIN: none. out->key is valid until the next call. */
SLU_CHECK slu_status slu_timers_pop(slu_timers *timers, uint32_t domain, int64_t now_ms, slu_timer *out);
uint32_t slu_timers_count(const slu_timers *timers);
SLU_CHECK slu_status slu_timers_snapshot(const slu_timers *timers,
                                         slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err),
                                         void *to, slu_error *err);
SLU_CHECK slu_status slu_timers_restore(slu_timers *timers, slu_view bytes, slu_error *err);

#endif
