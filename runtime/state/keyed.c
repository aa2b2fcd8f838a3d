/* keyed.c: what is checked for every backend. */
#include "backend.h"

#include "base/alloc.h"
#include "base/limits.h"

static slu_status
spec_check(const slu_state_spec *spec, slu_error *err)
{
    if (spec->name == NULL || spec->name[0] == 0 || strlen(spec->name) >= SLU_NAME_BYTES_MAX)
        return slu_error_set(err, SLU_INVALID, "a state needs a name of at most %d bytes", SLU_NAME_BYTES_MAX - 1);
    if (spec->kind != SLU_STATE_FIXED && spec->kind != SLU_STATE_BYTES)
        return slu_error_set(err, SLU_INVALID, "state %s: unknown kind %u", spec->name, spec->kind);
    if (spec->kind == SLU_STATE_FIXED && (spec->value_bytes == 0 || spec->value_bytes > SLU_STATE_VALUE_BYTES_MAX))
        return slu_error_set(err, SLU_INVALID, "state %s: values of %u bytes; 1 to %u are possible", spec->name, spec->value_bytes,
                             SLU_STATE_VALUE_BYTES_MAX);
    if (spec->key_bytes > SLU_STATE_KEY_BYTES_MAX || spec->ttl_ms < 0)
        return slu_error_set(err, SLU_INVALID, "state %s: keys of %u bytes, ttl %lld ms", spec->name, spec->key_bytes,
                             (long long)spec->ttl_ms);
    return SLU_OK;
}

static slu_status
keys_check(const slu_state *state, const slu_keys *keys, slu_error *err)
{
    if (keys->key_bytes != state->spec.key_bytes && state->spec.key_bytes != 0)
        return slu_error_set(err, SLU_INVALID, "state %s has keys of %u bytes, not %u", state->name, state->spec.key_bytes,
                             keys->key_bytes);
    if (keys->count > 0 && (keys->hashes == NULL || keys->data == NULL || (keys->key_bytes == 0 && keys->offsets == NULL)))
        return slu_error_set(err, SLU_INVALID, "state %s: keys without bytes, hashes or offsets", state->name);
    return SLU_OK;
}

static slu_status
kind_check(const slu_state *state, uint32_t kind, slu_error *err)
{
    static const char *const names[] = {"", "FIXED", "BYTES"};
    return state->spec.kind == kind
               ? SLU_OK
               : slu_error_set(err, SLU_INVALID, "state %s holds %s values", state->name, names[state->spec.kind]);
}

slu_status
slu_state_zero(const slu_state_opening *opening, const slu_state_ops *ops, size_t bytes, slu_state **out, slu_error *err)
{
    slu_state *state = slu_alloc_zero(1, bytes);
    char *name = slu_strdup(opening->spec->name);
    if (state == NULL || name == NULL) {
        slu_free(state);
        slu_free(name);
        return slu_error_set(err, SLU_NOMEM, "no memory for state %s", opening->spec->name);
    }
    state->ops = ops;
    state->spec = *opening->spec;
    state->spec.name = state->name = name;
    state->max_parallelism = opening->max_parallelism;
    state->account = opening->account;
    *out = state;
    return SLU_OK;
}

slu_status
slu_state_open(slu_state_backend *backend, const slu_state_opening *opening, slu_state **out, slu_error *err)
{
    SLU_TRY(spec_check(opening->spec, err));
    return backend == NULL ? slu_state_heap_open(opening, out, err) : backend->open(backend, opening, out, err);
}

void
slu_state_free(slu_state **owned)
{
    slu_state *state = slu_take(owned);
    if (state == NULL)
        return;
    state->ops->free(state);
    slu_free(state->name);
    slu_free(state);
}

const slu_state_spec *
slu_state_get_spec(const slu_state *state)
{
    return &state->spec;
}

slu_status
slu_state_count(slu_state *state, int64_t *out, slu_error *err)
{
    return state->ops->count(state, out, err);
}

int64_t
slu_state_bytes(const slu_state *state)
{
    return state->ops->bytes(state);
}

slu_status
slu_state_find_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    SLU_TRY(kind_check(state, SLU_STATE_FIXED, err));
    return state->ops->find_many(state, keys, now_ms, values, err);
}

slu_status
slu_state_upsert_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    SLU_TRY(kind_check(state, SLU_STATE_FIXED, err));
    return state->ops->upsert_many(state, keys, now_ms, values, err);
}

slu_status
slu_state_erase_many(slu_state *state, const slu_keys *keys, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    return state->ops->erase_many(state, keys, err);
}

slu_status
slu_state_get_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    SLU_TRY(kind_check(state, SLU_STATE_BYTES, err));
    return state->ops->get_bytes(state, keys, now_ms, views, err);
}

slu_status
slu_state_put_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, const slu_attr *values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    SLU_TRY(kind_check(state, SLU_STATE_BYTES, err));
    return state->ops->put_bytes(state, keys, now_ms, values, err);
}

slu_status
slu_state_snapshot(slu_state *state, slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err), void *to,
                   slu_error *err)
{
    return state->ops->snapshot(state, entry, to, err);
}

slu_status
slu_state_expect(slu_state *state, uint64_t run_bytes, slu_error *err)
{
    return state->ops->expect == NULL || run_bytes == 0 ? SLU_OK : state->ops->expect(state, run_bytes, err);
}

slu_status
slu_state_restore(slu_state *state, slu_view bytes, int64_t now_ms, slu_error *err)
{
    return state->ops->restore(state, bytes, now_ms, err);
}

static slu_status
no_files(const slu_state *state, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "state %s has no files", state->name);
}

slu_status
slu_state_copy(slu_state *state, const char *dir, slu_error *err)
{
    return state->ops->copy == NULL ? no_files(state, err) : state->ops->copy(state, dir, err);
}

slu_status
slu_state_adopt(slu_state *state, const char *dir, slu_error *err)
{
    return state->ops->adopt == NULL ? no_files(state, err) : state->ops->adopt(state, dir, err);
}
