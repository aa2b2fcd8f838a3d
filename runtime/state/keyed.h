/*
 * keyed.h: one named state of one operator instance: values by key, asked and changed a batch at a time, whatever backend keeps it.
 *
 * Shape    FIXED values are changed in place; BYTES values are runs of bytes. Keys are the canonical bytes of slu_keys, whose hashes are
 *          used as they are. The heap (heap.c) has all in an open-addressing table; another backend (backend.h) may have more than memory.
 * Pointers to FIXED values and views of BYTES values are valid until the next call on the same state. Equal keys, equal pointers.
 * TTL      a value not upserted or put for ttl_ms is missing from then on; it is swept a little at a time by later upserts. now_ms is
 *          wall time, so that stamps keep their meaning over a restart.
 * Snapshot one run of bytes per key group (run.h), of any backend and for any, restored one at a time, so that ranges can move.
 * Owns     its table, on the account given. Threads: owner.
 * Errors   INVALID: a spec or keys that do not fit; NOMEM: no memory or account spent; CORRUPT: restore of foreign bytes.
 * Limits   SLU_STATE_VALUE_BYTES_MAX for FIXED, SLU_ROW_BYTES_MAX for BYTES, 2^31 keys of the heap.
 */
#ifndef SLU_STATE_KEYED_H
#define SLU_STATE_KEYED_H

#include "base/account.h"
#include "base/bytes.h"

#include <sluice/plugin.h>

#define SLU_STATE_VALUE_BYTES_MAX 65536u
#define SLU_STATE_KEY_BYTES_MAX 65536u

typedef struct slu_state_backend slu_state_backend;

typedef struct slu_state_opening {
    const slu_state_spec *spec;
    const char *operator_id; /* whose; "" where nobody asks */
    uint32_t subtask;
    uint32_t max_parallelism;
    slu_account *account; /* NULL: none */
} slu_state_opening;

/* `backend` NULL: the heap. */
SLU_CHECK slu_status slu_state_open(slu_state_backend *backend, const slu_state_opening *opening, slu_state **out, slu_error *err);
void slu_state_free(slu_state **state);
const slu_state_spec *slu_state_get_spec(const slu_state *state);
/* How many keys there are; only the heap knows without reading all of them. */
SLU_CHECK slu_status slu_state_count(slu_state *state, int64_t *out, slu_error *err);
int64_t slu_state_bytes(const slu_state *state);

SLU_CHECK slu_status slu_state_find_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err);
SLU_CHECK slu_status slu_state_upsert_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err);
SLU_CHECK slu_status slu_state_erase_many(slu_state *state, const slu_keys *keys, slu_error *err);
SLU_CHECK slu_status slu_state_get_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err);
/* data NULL erases the key. */
SLU_CHECK slu_status slu_state_put_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, const slu_attr *values,
                                         slu_error *err);

/* Hands out one run of bytes per key group that has keys; the callback copies. */
SLU_CHECK slu_status slu_state_snapshot(slu_state *state,
                                        slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err), void *to,
                                        slu_error *err);
/* Runs of so many bytes together will be restored: room is made for them at once. NOMEM. */
SLU_CHECK slu_status slu_state_expect(slu_state *state, uint64_t run_bytes, slu_error *err);
/* One such run of bytes, into what is there. */
SLU_CHECK slu_status slu_state_restore(slu_state *state, slu_view bytes, int64_t now_ms, slu_error *err);

/*
 * Of a backend that has files (RocksDB): a copy of the state as it is now, by links, in a folder that is made; any thread may read it, and
 * the caller removes it. UNSUPPORTED: the heap.
 */
SLU_CHECK slu_status slu_state_copy(slu_state *state, const char *dir, slu_error *err);
/* The state, just opened, holds what a copy of a state of the same kind and sizes holds. The folder is taken. UNSUPPORTED: the heap. */
SLU_CHECK slu_status slu_state_adopt(slu_state *state, const char *dir, slu_error *err);

#endif
