/* rocks_internal.h: a backend and its states as backend.c (their lives) and rocks.c (reading and writing) see them. */
#ifndef SLU_STATE_ROCKS_ROCKS_INTERNAL_H
#define SLU_STATE_ROCKS_ROCKS_INTERNAL_H

#include "rocks.h"

#include "kv/kv.h"
#include "state/backend.h"

#include <stdatomic.h>

#define ROCKS_GROUP_BYTES 2u

typedef struct rocks_backend {
    slu_state_backend shown;
    slu_rocks_spec spec;
    char *dir;
    slu_kv_pool *pool; /* NULL before the first state */
    uint32_t state_count;
} rocks_backend;

/* What the last call lent: rows of distinct keys. All arrays have room for `capacity` of them. */
typedef struct lent_rows {
    uint32_t count;
    uint32_t capacity;
    slu_buf keys;       /* as RocksDB has them, one after another */
    slu_view *views;    /* of each */
    slu_view *got;      /* what RocksDB had */
    uint32_t *hashes;   /* of each */
    uint8_t *flags;     /* of each: ROCKS_ROW_ */
    uint32_t *index;    /* open addressing, twice as many as capacity: row + 1, or 0 */
    uint32_t *row_of;   /* by position in the batch */
    uint8_t *values;    /* stride bytes of each */
    uint8_t *originals; /* as they were */
} lent_rows;

#define ROCKS_ROW_THERE 1u
#define ROCKS_ROW_WRITTEN 2u /* though its value may be the same */

typedef struct rocks_state {
    slu_state head;
    rocks_backend *backend;
    slu_kv *kv;
    slu_kv_batch *batch;
    char *dir;
    uint32_t head_bytes;    /* before a value */
    uint32_t value_at;      /* in a lent row */
    uint32_t stride;        /* of a lent row */
    _Atomic int64_t now_ms; /* of the last call, for the compaction */
    lent_rows rows;
    slu_buf lent;     /* BYTES: values lent, or on their way in */
    int64_t taken;    /* from the account */
    int64_t kv_bytes; /* as slu_kv_bytes said some batches ago: it asks RocksDB */
    uint32_t kv_bytes_age;
} rocks_state;

extern const slu_state_ops rocks_ops;

static inline uint32_t
rocks_head_bytes(const slu_state_spec *spec)
{
    return spec->ttl_ms != 0 ? 8 : spec->kind == SLU_STATE_BYTES;
}

/* ---- backend.c */
slu_status rocks_adopt(slu_state *asked, const char *dir, slu_error *err);

/* ---- rocks_runs.c: rows in order of their keys become runs, one per key group. */
typedef struct rocks_runs {
    const slu_state_spec *spec;
    slu_state_entry *entry;
    void *to;
    slu_error *err;
    slu_buf run; /* initialised by whoever makes this */
    uint32_t count;
    uint32_t key_group;
} rocks_runs;

slu_status rocks_runs_row(void *runs, slu_view key, slu_view value);
slu_status rocks_runs_end(rocks_runs *runs);

/* ---- rocks.c */
/* Whether a value, as RocksDB has it, has expired. Any thread. */
bool rocks_expired(const rocks_state *state, slu_view value, int64_t now_ms);

#endif
