/* backend.c: a backend, and how its states begin. */
#include "rocks_internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <errno.h>
#include <stdio.h>

#define CACHE_BYTES_DEFAULT ((size_t)8 << 20)
#define ROWS_BYTES_DEFAULT ((size_t)20 << 20)
#define LENT_BYTES_MAX ((size_t)1 << 30)

static bool
row_forget(void *context, slu_view key, slu_view value)
{
    const rocks_state *state = context;
    (void)key;
    return rocks_expired(state, value, atomic_load_explicit(&state->now_ms, memory_order_relaxed));
}

static slu_status
state_open_kv(rocks_state *state, slu_error *err)
{
    const slu_kv_forget forget = {state, row_forget};
    return slu_kv_open_forgetting(state->backend->pool, state->dir, state->head.spec.ttl_ms != 0 ? &forget : NULL, &state->kv, err);
}

slu_status
rocks_adopt(slu_state *asked, const char *dir, slu_error *err)
{
    rocks_state *state = (rocks_state *)(void *)asked;
    slu_kv_close(&state->kv);
    SLU_TRY(slu_dir_remove(state->dir, err));
    if (rename(dir, state->dir) != 0)
        return slu_errno_set(err, errno, "rename", dir);
    return slu_error_in(err, state_open_kv(state, err), "state %s", asked->name);
}

static slu_status
state_begin(rocks_backend *backend, rocks_state *state, slu_error *err)
{
    const slu_state_spec *spec = &state->head.spec;
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_buf_init(&state->rows.keys, LENT_BYTES_MAX);
    slu_buf_init(&state->lent, LENT_BYTES_MAX);
    state->backend = backend;
    state->head_bytes = rocks_head_bytes(spec);
    state->value_at = spec->ttl_ms != 0 ? 8 : 0;
    state->stride = (uint32_t)slu_size_align(state->value_at + spec->value_bytes, 8);
    slu_buf_printf(&path, "%s/%u", backend->dir, backend->state_count);
    SLU_TRY(slu_buf_status(&path, err));
    state->dir = slu_strdup(slu_buf_cstr(&path));
    if (state->dir == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for state %s", spec->name);
    SLU_TRY(slu_kv_batch_new(&state->batch, err));
    SLU_TRY(state_open_kv(state, err));
    backend->state_count++;
    return SLU_OK;
}

static slu_status
backend_begin(rocks_backend *backend, slu_error *err)
{
    slu_error ignored;
    const slu_kv_pool_options options = {.cache_bytes = backend->spec.cache_bytes, .rows_bytes = backend->spec.rows_bytes};
    const int64_t budget = (int64_t)(options.cache_bytes + options.rows_bytes);
    if (backend->pool != NULL)
        return SLU_OK;
    if (slu_path_exists(backend->dir) && slu_dir_remove(backend->dir, &ignored) != SLU_OK)
        return slu_error_set(err, SLU_IO, "%s is there and cannot be removed: %.200s", backend->dir, ignored.message);
    SLU_TRY(slu_dir_make(backend->dir, err));
    if (!slu_account_take(backend->spec.account, budget))
        return slu_error_set(err, SLU_NOMEM, "the memory limit has no room for RocksDB's %lld MiB", (long long)budget >> 20);
    const slu_status status = slu_kv_pool_open(&options, &backend->pool, err);
    if (status != SLU_OK)
        slu_account_give(backend->spec.account, budget);
    return status;
}

static slu_status
rocks_open(slu_state_backend *shown, const slu_state_opening *opening, slu_state **out, slu_error *err)
{
    rocks_backend *backend = (rocks_backend *)(void *)shown;
    SLU_AUTO(slu_state_free) slu_state *state = NULL;
    SLU_TRY(backend_begin(backend, err));
    SLU_TRY(slu_state_zero(opening, &rocks_ops, sizeof(rocks_state), &state, err));
    SLU_TRY_IN(state_begin(backend, (rocks_state *)(void *)state, err), err, "state %s", opening->spec->name);
    *out = slu_take(&state);
    return SLU_OK;
}

slu_status
slu_rocks_new(const slu_rocks_spec *spec, slu_state_backend **out, slu_error *err)
{
    rocks_backend *backend = slu_alloc_zero(1, sizeof *backend);
    if (backend == NULL || (backend->dir = slu_strdup(spec->dir)) == NULL) {
        slu_free(backend);
        return slu_error_set(err, SLU_NOMEM, "no memory for a state backend");
    }
    backend->shown = (slu_state_backend){"rocksdb", rocks_open};
    backend->spec = *spec;
    if (spec->cache_bytes == 0)
        backend->spec.cache_bytes = CACHE_BYTES_DEFAULT;
    if (spec->rows_bytes == 0)
        backend->spec.rows_bytes = ROWS_BYTES_DEFAULT;
    *out = &backend->shown;
    return SLU_OK;
}

void
slu_rocks_free(slu_state_backend **owned)
{
    rocks_backend *backend = (rocks_backend *)(void *)slu_take(owned);
    slu_error ignored;
    if (backend == NULL)
        return;
    if (backend->pool != NULL) {
        slu_kv_pool_close(&backend->pool);
        slu_account_give(backend->spec.account, (int64_t)(backend->spec.cache_bytes + backend->spec.rows_bytes));
        (void)!slu_dir_remove(backend->dir, &ignored); /* the next attempt's owner tries again */
    }
    slu_free(backend->dir);
    slu_free(backend);
}
