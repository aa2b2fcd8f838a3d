/*
 * rocks.h: the backend for states of more than memory: a RocksDB (kv/kv.h) per state, with a cache and a budget of rows for all of them.
 *
 * Shape    a row's key is u16 key group (big-endian), then the state's key; its value is the time of the last write (i64, little-endian)
 *          where there is a TTL, one zero byte for BYTES without one, then the value. What a call lends lies in memory of the state and
 *          is written back, where it was changed, with the next call.
 * TTL      what has expired is dropped when RocksDB compacts.
 * Owns     its directory, made when the first state is opened and removed with everything in it by free.
 * Threads  owner: a backend per task.
 * Errors   IO and CORRUPT with RocksDB's words; NOMEM where the account has no room for the budget either.
 */
#ifndef SLU_STATE_ROCKS_ROCKS_H
#define SLU_STATE_ROCKS_ROCKS_H

#include "state/keyed.h"

typedef struct slu_rocks_spec {
    const char *dir;
    size_t cache_bytes;   /* of blocks; 0: 8 MiB */
    size_t rows_bytes;    /* of rows written and read lately; 0: 20 MiB */
    slu_account *account; /* pays for both once there is a state; NULL: none */
} slu_rocks_spec;

SLU_CHECK slu_status slu_rocks_new(const slu_rocks_spec *spec, slu_state_backend **out, slu_error *err);
void slu_rocks_free(slu_state_backend **backend);

/* The key groups first..last of a copy (slu_state_copy), as runs (state/run.h) in their order. Any thread; the folder is left as it was. */
SLU_CHECK slu_status slu_rocks_read(const slu_state_spec *spec, const char *dir, uint32_t group_first, uint32_t group_last,
                                    slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err), void *to,
                                    slu_error *err);

#endif
