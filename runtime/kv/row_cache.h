/*
 * row_cache.h: rows that were read or written lately, before the store: a hash table over a ring of bytes.
 *
 *   entry, 16-byte aligned: u32 store, u32 value bytes, u32 key bytes, u32 0, key, value        slot, 64 bits: 24 of the hash, 40 of the place
 *
 * Shape    put appends to the ring over what is oldest; a slot is one of WAYS of its hash's set. Places count on for ever, so that a slot
 *          tells by its place alone whether the ring still has it.
 * Rule     what is in it is what the store has: a writer puts or drops every key that it writes.
 * Limits   `bytes` of ring (a power of two) and a quarter of it for slots; nothing else. Rows of more than 1/64 of the ring are not kept.
 * Threads  one.
 */
#ifndef SLU_KV_ROW_CACHE_H
#define SLU_KV_ROW_CACHE_H

#include "base/bytes.h"

typedef struct slu_row_cache slu_row_cache;

/* bytes 0: no cache, and *out is NULL, which every function takes as an empty one. */
SLU_CHECK slu_status slu_row_cache_new(size_t bytes, slu_row_cache **out, slu_error *err);
void slu_row_cache_free(slu_row_cache **cache);

/* The value, borrowed until the next put; false: not known. */
bool slu_row_cache_get(slu_row_cache *cache, uint32_t store, slu_view key, slu_view *out_value);
/* The value in two parts; it replaces what the key had. */
void slu_row_cache_put(slu_row_cache *cache, uint32_t store, slu_view key, slu_view head, slu_view tail);
void slu_row_cache_drop(slu_row_cache *cache, uint32_t store, slu_view key);

#endif
