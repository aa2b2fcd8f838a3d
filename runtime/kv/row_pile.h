/*
 * row_pile.h: the rows that were written and that RocksDB does not have yet: a hash table over one buffer, the newest of each key.
 *
 *   entry, 8-byte aligned: u32 key bytes, u32 value bytes (all ones: erased), key, value
 *
 * Shape    put and erase by key; then each in key order, once, and reset. In bulk and in order RocksDB takes rows at a third of the cost, and
 *          a key that is written often goes there once.
 * Owns     its memory; reset gives it back.
 * Threads  one.
 * Errors   NOMEM, LIMIT (ROW_PILE_BYTES_MAX).
 */
#ifndef SLU_KV_ROW_PILE_H
#define SLU_KV_ROW_PILE_H

#include "base/bytes.h"

#define SLU_ROW_PILE_BYTES_MAX ((size_t)1 << 30)

typedef struct slu_row_pile {
    slu_buf rows;
    uint32_t *slots; /* place of an entry in units of 8 bytes, and 1; 0: empty */
    size_t slot_count;
    size_t count; /* keys */
} slu_row_pile;

void slu_row_pile_init(slu_row_pile *pile);
/* Contents and memory gone. Safe on a zeroed pile, and twice. */
void slu_row_pile_reset(slu_row_pile *pile);

SLU_CHECK slu_status slu_row_pile_put(slu_row_pile *pile, slu_view key, slu_view value, slu_error *err);
SLU_CHECK slu_status slu_row_pile_erase(slu_row_pile *pile, slu_view key, slu_error *err);
/* False: the pile says nothing of this key. Else *out_value has no data when it was erased. Borrowed until the next put or erase. */
bool slu_row_pile_get(const slu_row_pile *pile, slu_view key, slu_view *out_value);
size_t slu_row_pile_bytes(const slu_row_pile *pile);
/* Every key in order; a value without data: erased. */
SLU_CHECK slu_status slu_row_pile_each(const slu_row_pile *pile, void (*row)(void *context, slu_view key, slu_view value),
                                       void *context, slu_error *err);

#endif
