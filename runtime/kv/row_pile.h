/*
 * row_pile.h: rows of one store in memory, the newest of each key: those that were written and that RocksDB does not have yet (dirty),
 * and those that it has as well (clean), which are kept for readers.
 *
 *   entry, 8-byte aligned: u32 key bytes and two flags, u32 value bytes (all ones: erased), key, value
 *   slot, 64 bits: 32 of the hash, 32 of the entry's place and 1; 0: empty
 *
 * Shape    put and erase by key; then each dirty one in key order. In bulk and in order RocksDB takes rows at a fraction of the cost, and a
 *          key that is written often goes there once. Entries lie in chunks that are never moved.
 * Owns     its memory; reset gives it back.
 * Threads  one; any number while nobody writes.
 * Errors   NOMEM, LIMIT (a row of more than SLU_ROW_PILE_ROW_BYTES_MAX).
 */
#ifndef SLU_KV_ROW_PILE_H
#define SLU_KV_ROW_PILE_H

#include "base/bytes.h"

#define SLU_ROW_PILE_ROW_BYTES_MAX ((size_t)1 << 30)

typedef struct slu_row_pile {
    uint8_t **chunks;
    size_t chunk_count;
    size_t chunk_room; /* pointers that `chunks` has room for */
    size_t used;       /* bytes of the newest chunk */
    size_t left;       /* and what is free in it */
    uint64_t *slots;
    size_t slot_count;
    size_t count;    /* keys */
    uint32_t *dirty; /* places of entries that became dirty; some may be dead by now */
    size_t dirty_count;
    size_t dirty_room;
    size_t dirty_bytes; /* of entries that became dirty */
    size_t bytes;       /* of entries */
} slu_row_pile;

/* A zeroed pile is an empty one. Contents and memory gone; safe twice. */
void slu_row_pile_reset(slu_row_pile *pile);

/* The hash that the functions below want. */
uint64_t slu_row_hash(slu_view key);
/* Fetches what a get or put of this key touches first, and what it touches then: for many keys one after the other. */
void slu_row_pile_prefetch_slot(const slu_row_pile *pile, uint64_t hash);
void slu_row_pile_prefetch_row(const slu_row_pile *pile, uint64_t hash);

/* The value in two parts. */
SLU_CHECK slu_status slu_row_pile_put(slu_row_pile *pile, uint64_t hash, slu_view key, slu_view head, slu_view tail,
                                      slu_error *err);
SLU_CHECK slu_status slu_row_pile_erase(slu_row_pile *pile, uint64_t hash, slu_view key, slu_error *err);
/* A clean row, of a key that the pile says nothing of; *out_kept is its value here. */
SLU_CHECK slu_status slu_row_pile_keep(slu_row_pile *pile, uint64_t hash, slu_view key, slu_view value, slu_view *out_kept,
                                       slu_error *err);
/* False: the pile says nothing of this key. Else *out_value has no data when it was erased. Borrowed until the key is written. */
bool slu_row_pile_get(const slu_row_pile *pile, uint64_t hash, slu_view key, slu_view *out_value);
size_t slu_row_pile_bytes(const slu_row_pile *pile);
/* Every dirty key in order; a value without data: erased. */
SLU_CHECK slu_status slu_row_pile_each_dirty(const slu_row_pile *pile, void (*row)(void *context, slu_view key, slu_view value),
                                             void *context, slu_error *err);
/* RocksDB has them. */
void slu_row_pile_clean(slu_row_pile *pile);

#endif
