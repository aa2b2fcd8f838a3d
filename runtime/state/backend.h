/*
 * backend.h: what keeps a state: a table of functions behind keyed.h. For those who write a backend and those who choose one.
 *
 * Shape    a backend opens states; one of NULL is the heap (heap.c), which needs nothing. Another has its own header (rocks/rocks.h).
 *          A state begins with a slu_state: its table, its spec, whose account it is on. keyed.c has checked spec and keys.
 * Owns     a backend outlives its states and belongs to one thread, as they do.
 */
#ifndef SLU_STATE_BACKEND_H
#define SLU_STATE_BACKEND_H

#include "keyed.h"

typedef slu_status slu_state_entry(void *to, uint32_t key_group, slu_view bytes, slu_error *err);

typedef struct slu_state_ops {
    slu_status (*find_many)(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err);
    slu_status (*upsert_many)(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err);
    slu_status (*erase_many)(slu_state *state, const slu_keys *keys, slu_error *err);
    slu_status (*get_bytes)(slu_state *state, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err);
    slu_status (*put_bytes)(slu_state *state, const slu_keys *keys, int64_t now_ms, const slu_attr *values, slu_error *err);
    slu_status (*snapshot)(slu_state *state, slu_state_entry *entry, void *to, slu_error *err);
    slu_status (*expect)(slu_state *state, uint64_t run_bytes, slu_error *err); /* may be NULL */
    slu_status (*restore)(slu_state *state, slu_view bytes, int64_t now_ms, slu_error *err);
    slu_status (*count)(slu_state *state, int64_t *out, slu_error *err);
    slu_status (*copy)(slu_state *state, const char *dir, slu_error *err);  /* NULL: it has no files */
    slu_status (*adopt)(slu_state *state, const char *dir, slu_error *err); /* the same */
    int64_t (*bytes)(const slu_state *state);
    void (*free)(slu_state *state); /* all but the slu_state's own name */
} slu_state_ops;

struct slu_state {
    const slu_state_ops *ops;
    slu_state_spec spec; /* its name is the state's own */
    char *name;
    uint32_t max_parallelism;
    slu_account *account;
};

struct slu_state_backend {
    const char *name;
    /* Made by slu_state_zero. */
    slu_status (*open)(slu_state_backend *backend, const slu_state_opening *opening, slu_state **out, slu_error *err);
};

/* A zeroed object of `bytes` that begins with a slu_state. */
SLU_CHECK slu_status slu_state_zero(const slu_state_opening *opening, const slu_state_ops *ops, size_t bytes, slu_state **out,
                                    slu_error *err);
SLU_CHECK slu_status slu_state_heap_open(const slu_state_opening *opening, slu_state **out, slu_error *err);

static inline slu_view
slu_keys_at(const slu_keys *keys, int64_t i)
{
    if (keys->key_bytes != 0)
        return slu_view_of(keys->data + (size_t)i * keys->key_bytes, keys->key_bytes);
    return slu_view_of(keys->data + keys->offsets[i], (size_t)(keys->offsets[i + 1] - keys->offsets[i]));
}

#endif
