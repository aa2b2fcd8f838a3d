#include "harness.h"

/* ---- Keyed state ------------------------------------------------------------------------------------------------------------ */

typedef struct byte_value {
    int64_t bytes;
    uint8_t data[];
} byte_value;

static void
state_free(slu_state *state)
{
    for (int32_t i = 0; i < state->map.entry_count; i++) {
        if (!sdk_map_is_live(&state->map, i))
            continue;
        free(state->keys[i]);
        free(state->values[i]);
    }
    sdk_map_fini(&state->map);
    free(state->keys);
    free(state->values);
    free(state->name);
    free(state);
}

void
harness_states_free(slu_state **states, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        state_free(states[i]);
    *count = 0;
}

static slu_status
state_new(const slu_state_spec *spec, slu_state **out)
{
    slu_state *state = calloc(1, sizeof *state);
    if (state == NULL || (state->name = strdup(spec->name)) == NULL) {
        free(state);
        return SLU_NOMEM;
    }
    state->spec = *spec;
    state->spec.name = state->name;
    sdk_map_init(&state->map);
    *out = state;
    return SLU_OK;
}

slu_status
harness_state_open(slu_host *host, const slu_state_spec *spec, slu_state **out, slu_error *err)
{
    sdk_harness *h = harness_of(host);
    if (spec->kind == SLU_STATE_FIXED && (spec->value_bytes == 0 || spec->value_bytes > 65536))
        return slu_error_set(err, SLU_INVALID, "state '%s': a fixed value has 1 to 65536 bytes", spec->name);
    for (uint32_t i = 0; i < h->state_count; i++) {
        if (strcmp(h->states[i]->name, spec->name) == 0) { /* restored, or opened before */
            *out = h->states[i];
            return SLU_OK;
        }
    }
    if (h->state_count == HARNESS_STATES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d states", HARNESS_STATES_MAX);
    if (state_new(spec, &h->states[h->state_count]) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "state '%s': no memory", spec->name);
    *out = h->states[h->state_count++];
    return SLU_OK;
}

static const uint8_t *
key_at(const slu_keys *keys, int64_t i, uint32_t *bytes)
{
    if (keys->key_bytes != 0) {
        *bytes = keys->key_bytes;
        return keys->data + i * (int64_t)keys->key_bytes;
    }
    *bytes = (uint32_t)(keys->offsets[i + 1] - keys->offsets[i]);
    return keys->data + keys->offsets[i];
}

static int32_t
state_find(const slu_state *state, const slu_keys *keys, int64_t i)
{
    uint32_t bytes;
    const uint8_t *key = key_at(keys, i, &bytes);
    return sdk_map_find(&state->map, keys->hashes[i], key, bytes);
}

static bool
state_room(slu_state *state, int32_t index)
{
    if (index < state->capacity)
        return true;
    const int32_t capacity = state->capacity == 0 ? 64 : state->capacity * 2;
    uint8_t **wider_keys = realloc(state->keys, (size_t)capacity * sizeof *wider_keys);
    if (wider_keys == NULL)
        return false;
    state->keys = wider_keys;
    void **wider_values = realloc(state->values, (size_t)capacity * sizeof *wider_values);
    if (wider_values == NULL)
        return false;
    state->values = wider_values;
    state->capacity = capacity;
    return true;
}

/* The entry of a key, made with a zeroed value of that many bytes if need be. */
static int32_t
state_put(slu_state *state, const slu_keys *keys, int64_t i, size_t value_bytes)
{
    uint32_t bytes;
    bool added;
    const uint8_t *key = key_at(keys, i, &bytes);
    const int32_t index = sdk_map_put(&state->map, keys->hashes[i], key, bytes, &added);
    if (index < 0 || !added)
        return index;
    uint8_t *kept = state_room(state, index) ? malloc(bytes + 1) : NULL;
    void *value = kept != NULL ? calloc(1, value_bytes) : NULL;
    if (value == NULL) {
        free(kept);
        sdk_map_remove(&state->map, index);
        return -1;
    }
    state->keys[index] = kept;
    state->values[index] = value;
    memcpy(state->keys[index], key, bytes);
    sdk_map_rekey(&state->map, index, state->keys[index]);
    return index;
}

slu_status
harness_state_find(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err)
{
    (void)host;
    (void)err;
    for (int64_t i = 0; i < keys->count; i++) {
        const int32_t index = state_find(state, keys, i);
        values[i] = index < 0 ? NULL : state->values[index];
    }
    return SLU_OK;
}

slu_status
harness_state_upsert(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err)
{
    (void)host;
    for (int64_t i = 0; i < keys->count; i++) {
        const int32_t index = state_put(state, keys, i, state->spec.value_bytes);
        if (index < 0)
            return slu_error_set(err, SLU_NOMEM, "state '%s': no memory", state->name);
        values[i] = state->values[index];
    }
    return SLU_OK;
}

slu_status
harness_state_erase(slu_host *host, slu_state *state, const slu_keys *keys, slu_error *err)
{
    (void)host;
    (void)err;
    for (int64_t i = 0; i < keys->count; i++) {
        const int32_t index = state_find(state, keys, i);
        if (index < 0)
            continue;
        sdk_map_remove(&state->map, index);
        free(state->keys[index]);
        free(state->values[index]);
    }
    return SLU_OK;
}

slu_status
harness_state_get(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *err)
{
    (void)host;
    (void)err;
    for (int64_t i = 0; i < keys->count; i++) {
        const int32_t index = state_find(state, keys, i);
        const byte_value *value = index < 0 ? NULL : state->values[index];
        views[i].key = NULL;
        views[i].data = value != NULL ? value->data : NULL;
        views[i].data_bytes = value != NULL ? value->bytes : 0;
    }
    return SLU_OK;
}

slu_status
harness_state_put(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *err)
{
    (void)host;
    for (int64_t i = 0; i < keys->count; i++) {
        const int32_t index = state_put(state, keys, i, sizeof(byte_value) + 1);
        byte_value *value = index < 0 ? NULL : realloc(state->values[index], sizeof *value + (size_t)values[i].data_bytes + 1);
        if (value == NULL)
            return slu_error_set(err, SLU_NOMEM, "state '%s': no memory", state->name);
        value->bytes = values[i].data_bytes;
        if (values[i].data_bytes != 0)
            memcpy(value->data, values[i].data, (size_t)values[i].data_bytes);
        state->values[index] = value;
    }
    return SLU_OK;
}

static slu_status
state_copy(const slu_state *from, slu_state *to)
{
    for (int32_t i = 0; i < from->map.entry_count; i++) {
        const sdk_map_entry *entry = &from->map.entries[i];
        if (!sdk_map_is_live(&from->map, i))
            continue;
        const int32_t whole[2] = {0, (int32_t)entry->key_bytes};
        const slu_keys key = {
            .size = sizeof key, .count = 1, .data = sdk_map_key(&from->map, i), .offsets = whole, .hashes = &entry->hash};
        const bool fixed = from->spec.kind == SLU_STATE_FIXED;
        const size_t bytes =
            fixed ? from->spec.value_bytes : sizeof(byte_value) + (size_t)((const byte_value *)from->values[i])->bytes + 1;
        const int32_t index = state_put(to, &key, 0, bytes);
        if (index < 0)
            return SLU_NOMEM;
        memcpy(to->values[index], from->values[i], bytes - !fixed);
    }
    return SLU_OK;
}

slu_status
harness_states_copy(slu_state *const *from, uint32_t count, slu_state **out, slu_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (state_new(&from[i]->spec, &out[i]) != SLU_OK || state_copy(from[i], out[i]) != SLU_OK)
            return slu_error_set(err, SLU_NOMEM, "harness: no memory for a state");
    }
    return SLU_OK;
}

/* ---- Timers ----------------------------------------------------------------------------------------------------------------- */

static bool
timer_same(const slu_timer *a, const slu_timer *b)
{
    return a->domain == b->domain && a->tag == b->tag && a->key_bytes == b->key_bytes && memcmp(a->key, b->key, a->key_bytes) == 0;
}

static void
timers_remove(timers *t, size_t i)
{
    free(t->items[i].key);
    memmove(&t->items[i], &t->items[i + 1], (t->count - i - 1) * sizeof *t->items);
    t->count--;
}

static slu_status
timers_add(timers *t, const slu_timer *timer)
{
    if (t->count == t->capacity) {
        const size_t capacity = t->capacity == 0 ? 16 : t->capacity * 2;
        kept_timer *wider = realloc(t->items, capacity * sizeof *wider);
        if (wider == NULL)
            return SLU_NOMEM;
        t->items = wider;
        t->capacity = capacity;
    }
    kept_timer *kept = &t->items[t->count];
    kept->timer = *timer;
    kept->key = malloc(timer->key_bytes + 1);
    if (kept->key == NULL)
        return SLU_NOMEM;
    if (timer->key_bytes != 0)
        memcpy(kept->key, timer->key, timer->key_bytes);
    kept->timer.key = kept->key;
    t->count++;
    return SLU_OK;
}

slu_status
harness_timer_clear(slu_host *host, const slu_timer *timer, slu_error *err)
{
    timers *t = &harness_of(host)->timers;
    (void)err;
    for (size_t i = 0; i < t->count; i++) {
        if (timer_same(&t->items[i].timer, timer)) {
            timers_remove(t, i);
            break;
        }
    }
    return SLU_OK;
}

slu_status
harness_timer_set(slu_host *host, const slu_timer *timer, slu_error *err)
{
    SLU_TRY(harness_timer_clear(host, timer, err));
    return timers_add(&harness_of(host)->timers, timer) == SLU_OK ? SLU_OK
                                                                  : slu_error_set(err, SLU_NOMEM, "harness: no memory for a timer");
}

void
timers_fini(timers *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i].key);
    free(t->items);
    memset(t, 0, sizeof *t);
}

slu_status
timers_copy(const timers *from, timers *to, slu_error *err)
{
    for (size_t i = 0; i < from->count; i++)
        if (timers_add(to, &from->items[i].timer) != SLU_OK)
            return slu_error_set(err, SLU_NOMEM, "harness: no memory for a timer");
    return SLU_OK;
}

bool
timers_take(timers *t, uint32_t domain, int64_t until_ms, kept_timer *out)
{
    size_t best = t->count;
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].timer.domain == domain && t->items[i].timer.at_ms <= until_ms &&
            (best == t->count || t->items[i].timer.at_ms < t->items[best].timer.at_ms))
            best = i;
    if (best == t->count)
        return false;
    *out = t->items[best];
    memmove(&t->items[best], &t->items[best + 1], (t->count - best - 1) * sizeof *t->items);
    t->count--;
    return true;
}
