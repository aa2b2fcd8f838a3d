/* rocks.c: reading and writing; see rocks.h. */
#include "rocks_internal.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "state/run.h"

#define RESTORE_AT_ONCE 1024u
#define ROWS_MIN 64u
#define KV_BYTES_BATCHES 64u /* between two looks at how much there is */

static rocks_state *
rocks_of(slu_state *state)
{
    return (rocks_state *)(void *)state;
}

/* ---- Values as RocksDB has them */

static int64_t
stamp_of(const uint8_t *value)
{
    int64_t stamp;
    memcpy(&stamp, value, sizeof stamp);
    return stamp;
}

bool
rocks_expired(const rocks_state *state, slu_view value, int64_t now_ms)
{
    return state->head.spec.ttl_ms != 0 && value.bytes >= 8 && now_ms - stamp_of(value.data) >= state->head.spec.ttl_ms;
}

static slu_status
value_corrupt(const rocks_state *state, size_t bytes, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "state %s: RocksDB has a value of %zu bytes", state->head.name, bytes);
}

static void
key_append(const rocks_state *state, slu_buf *to, uint32_t hash, slu_view key)
{
    slu_buf_u16be(to, (uint16_t)slu_key_group(hash, state->head.max_parallelism));
    slu_buf_append(to, key.data, key.bytes);
}

/* ---- Rows lent */

static void
rows_free(rocks_state *state)
{
    lent_rows *rows = &state->rows;
    slu_free(rows->views);
    slu_free(rows->got);
    slu_free(rows->hashes);
    slu_free(rows->flags);
    slu_free(rows->index);
    slu_free(rows->row_of);
    slu_free(rows->values);
    slu_free(rows->originals);
    const slu_buf keys = rows->keys;
    memset(rows, 0, sizeof *rows);
    rows->keys = keys;
    slu_account_give(state->head.account, state->taken);
    state->taken = 0;
}

static slu_status
rows_alloc(rocks_state *state, uint32_t capacity, slu_error *err)
{
    lent_rows *rows = &state->rows;
    const int64_t each = (int64_t)(2 * sizeof(slu_view) + 4 * sizeof(uint32_t) + 1 + 2 * (size_t)state->stride);
    if (!slu_account_take(state->head.account, each * capacity))
        return slu_error_set(err, SLU_NOMEM, "state %s: the memory limit has no room for %u rows", state->head.name, capacity);
    state->taken = each * capacity;
    rows->views = slu_alloc(capacity * sizeof *rows->views);
    rows->got = slu_alloc(capacity * sizeof *rows->got);
    rows->hashes = slu_alloc(capacity * sizeof *rows->hashes);
    rows->flags = slu_alloc(capacity);
    rows->index = slu_alloc_zero(2 * (size_t)capacity, sizeof *rows->index);
    rows->row_of = slu_alloc(capacity * sizeof *rows->row_of);
    rows->values = slu_alloc_aligned((size_t)capacity * state->stride + 1);
    rows->originals = slu_alloc((size_t)capacity * state->stride + 1);
    rows->capacity = capacity;
    if (rows->views != NULL && rows->got != NULL && rows->hashes != NULL && rows->flags != NULL && rows->index != NULL &&
        rows->row_of != NULL && rows->values != NULL && rows->originals != NULL)
        return SLU_OK;
    rows_free(state);
    return slu_error_set(err, SLU_NOMEM, "state %s: no memory for %u rows", state->head.name, capacity);
}

/* Room for a batch of `count` keys; what was lent is written back already. */
static slu_status
rows_room(rocks_state *state, const slu_keys *keys, slu_error *err)
{
    lent_rows *rows = &state->rows;
    uint32_t capacity = ROWS_MIN;
    if (keys->count > INT32_MAX / 4)
        return slu_error_set(err, SLU_LIMIT, "state %s: a batch of %lld keys", state->head.name, (long long)keys->count);
    while (capacity < keys->count)
        capacity *= 2;
    if (capacity > rows->capacity) {
        rows_free(state);
        SLU_TRY(rows_alloc(state, capacity, err));
    } else {
        memset(rows->index, 0, 2 * (size_t)rows->capacity * sizeof *rows->index);
    }
    const size_t key_bytes =
        keys->key_bytes != 0 ? (size_t)keys->count * keys->key_bytes : (size_t)(keys->offsets[keys->count] - keys->offsets[0]);
    rows->count = 0;
    slu_buf_reset(&rows->keys);
    (void)slu_buf_reserve(&rows->keys, key_bytes + (size_t)keys->count * ROCKS_GROUP_BYTES); /* so that views do not move */
    return slu_buf_status(&rows->keys, err);
}

static uint32_t
row_of_key(rocks_state *state, uint32_t hash, slu_view key)
{
    lent_rows *rows = &state->rows;
    const uint32_t mask = 2 * rows->capacity - 1;
    uint32_t at = (uint32_t)(hash * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
    for (; rows->index[at] != 0; at = (at + 1) & mask) {
        const uint32_t row = rows->index[at] - 1;
        const slu_view there = rows->views[row];
        if (rows->hashes[row] == hash && there.bytes == key.bytes + ROCKS_GROUP_BYTES &&
            memcmp(there.data + ROCKS_GROUP_BYTES, key.data, key.bytes) == 0)
            return row;
    }
    const size_t begin = rows->keys.bytes;
    key_append(state, &rows->keys, hash, key);
    rows->views[rows->count] = slu_view_of(rows->keys.data + begin, rows->keys.bytes - begin);
    rows->hashes[rows->count] = hash;
    rows->index[at] = ++rows->count;
    return rows->count - 1;
}

/* The distinct keys of a batch become rows, with what RocksDB has for them. A failure leaves rows that nobody has filled. */
static slu_status
rows_get(rocks_state *state, const slu_keys *keys, slu_error *err)
{
    lent_rows *rows = &state->rows;
    SLU_TRY(rows_room(state, keys, err));
    for (int64_t i = 0; i < keys->count; i++)
        rows->row_of[i] = row_of_key(state, keys->hashes[i], slu_keys_at(keys, i));
    return slu_kv_get_many(state->kv, rows->views, rows->count, rows->got, err);
}

static void
row_create(rocks_state *state, uint32_t row, int64_t now_ms)
{
    uint8_t *value = state->rows.values + (size_t)row * state->stride;
    memset(value, 0, state->stride);
    if (state->value_at != 0)
        memcpy(value, &now_ms, sizeof now_ms);
    state->rows.flags[row] = ROCKS_ROW_THERE | ROCKS_ROW_WRITTEN;
}

static slu_status
row_lend(rocks_state *state, uint32_t row, int64_t now_ms, bool upsert, slu_error *err)
{
    lent_rows *rows = &state->rows;
    const slu_view got = rows->got[row];
    rows->flags[row] = 0;
    if (got.data == NULL || rocks_expired(state, got, now_ms)) {
        if (upsert)
            row_create(state, row, now_ms);
        return SLU_OK;
    }
    if (got.bytes != state->value_at + state->head.spec.value_bytes)
        return value_corrupt(state, got.bytes, err);
    uint8_t *value = rows->values + (size_t)row * state->stride;
    memcpy(value, got.data, got.bytes);
    rows->flags[row] = ROCKS_ROW_THERE;
    if (upsert && state->value_at != 0) {
        memcpy(value, &now_ms, sizeof now_ms);
        rows->flags[row] = ROCKS_ROW_THERE | ROCKS_ROW_WRITTEN;
    }
    memcpy(rows->originals + (size_t)row * state->stride, value, got.bytes);
    return SLU_OK;
}

/* Writes what the batch holds. */
static slu_status
batch_write(rocks_state *state, slu_error *err)
{
    const slu_status status = slu_kv_write(state->kv, state->batch, err);
    slu_kv_batch_reset(state->batch);
    if (state->kv_bytes_age++ % KV_BYTES_BATCHES == 0)
        state->kv_bytes = (int64_t)slu_kv_bytes(state->kv);
    return slu_error_in(err, status, "state %s", state->head.name);
}

/* What was lent and changed goes back; nothing is lent any more. */
static slu_status
rows_settle(rocks_state *state, slu_error *err)
{
    lent_rows *rows = &state->rows;
    const size_t bytes = state->value_at + state->head.spec.value_bytes;
    uint32_t changed = 0;
    for (uint32_t r = 0; r < rows->count; r++) {
        const uint8_t *value = rows->values + (size_t)r * state->stride;
        if (rows->flags[r] == 0 ||
            (rows->flags[r] == ROCKS_ROW_THERE && memcmp(value, rows->originals + (size_t)r * state->stride, bytes) == 0))
            continue;
        slu_kv_batch_put_parts(state->batch, rows->views[r], slu_view_of_text(""), slu_view_of(value, bytes));
        changed++;
    }
    rows->count = 0;
    return changed == 0 ? SLU_OK : batch_write(state, err);
}

static slu_status
rows_fill(rocks_state *state, const slu_keys *keys, int64_t now_ms, bool upsert, slu_error *err)
{
    SLU_TRY_IN(rows_get(state, keys, err), err, "state %s", state->head.name);
    for (uint32_t r = 0; r < state->rows.count; r++)
        SLU_TRY(row_lend(state, r, now_ms, upsert, err));
    return SLU_OK;
}

static slu_status
rows_lend(rocks_state *state, const slu_keys *keys, int64_t now_ms, bool upsert, void **values, slu_error *err)
{
    lent_rows *rows = &state->rows;
    SLU_TRY(rows_settle(state, err));
    atomic_store_explicit(&state->now_ms, now_ms, memory_order_relaxed);
    const slu_status status = rows_fill(state, keys, now_ms, upsert, err);
    if (status != SLU_OK) {
        rows->count = 0; /* nothing is lent, so nothing is written back */
        return status;
    }
    for (int64_t i = 0; i < keys->count; i++) {
        const uint32_t row = rows->row_of[i];
        values[i] = rows->flags[row] == 0 ? NULL : rows->values + (size_t)row * state->stride + state->value_at;
    }
    return SLU_OK;
}

static slu_status
rocks_find_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    return rows_lend(rocks_of(state), keys, now_ms, false, values, err);
}

static slu_status
rocks_upsert_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    return rows_lend(rocks_of(state), keys, now_ms, true, values, err);
}

static slu_status
rocks_erase_many(slu_state *asked, const slu_keys *keys, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    SLU_TRY(rows_settle(state, err));
    for (int64_t i = 0; i < keys->count; i++) {
        slu_buf_reset(&state->rows.keys);
        key_append(state, &state->rows.keys, keys->hashes[i], slu_keys_at(keys, i));
        SLU_TRY(slu_buf_status(&state->rows.keys, err));
        slu_kv_batch_erase(state->batch, slu_buf_view(&state->rows.keys));
    }
    return batch_write(state, err);
}

/* ---- BYTES */

/* What RocksDB lends, only until the next call of any state, is copied to where it stays until the next of this one. */
static slu_status
values_lend(rocks_state *state, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err)
{
    const lent_rows *rows = &state->rows;
    size_t bytes = 0;
    for (int64_t i = 0; i < keys->count; i++)
        bytes += rows->got[rows->row_of[i]].bytes + 1;
    slu_buf_reset(&state->lent);
    if (!slu_buf_reserve(&state->lent, bytes))
        return slu_buf_status(&state->lent, err);
    for (int64_t i = 0; i < keys->count; i++) {
        const slu_view got = rows->got[rows->row_of[i]];
        views[i] = (slu_attr){0};
        if (got.data == NULL || rocks_expired(state, got, now_ms))
            continue;
        if (got.bytes < state->head_bytes)
            return value_corrupt(state, got.bytes, err);
        views[i].data = state->lent.data + state->lent.bytes;
        views[i].data_bytes = (int64_t)(got.bytes - state->head_bytes);
        slu_buf_append(&state->lent, got.data + state->head_bytes, got.bytes - state->head_bytes);
        slu_buf_u8(&state->lent, 0); /* an empty value has a place too */
    }
    return SLU_OK;
}

static slu_status
rocks_get_bytes(slu_state *asked, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    atomic_store_explicit(&state->now_ms, now_ms, memory_order_relaxed);
    const slu_status status = rows_get(state, keys, err);
    state->rows.count = 0; /* of these no row is written back */
    SLU_TRY_IN(status, err, "state %s", state->head.name);
    return values_lend(state, keys, now_ms, views, err);
}

/* A key and the value behind its head are copied into the batch. */
static slu_status
entry_put(rocks_state *state, uint32_t hash, slu_view key, int64_t stamp_ms, slu_view value, slu_error *err)
{
    slu_buf_reset(&state->rows.keys);
    slu_buf_reset(&state->lent);
    key_append(state, &state->rows.keys, hash, key);
    if (state->head.spec.ttl_ms != 0)
        slu_buf_u64le(&state->lent, (uint64_t)stamp_ms);
    else
        slu_buf_zero(&state->lent, state->head_bytes);
    slu_buf_append(&state->lent, value.data, value.bytes);
    SLU_TRY(slu_buf_status(&state->rows.keys, err));
    SLU_TRY(slu_buf_status(&state->lent, err));
    slu_kv_batch_put(state->batch, slu_buf_view(&state->rows.keys), slu_buf_view(&state->lent));
    return SLU_OK;
}

static slu_status
rocks_put_bytes(slu_state *asked, const slu_keys *keys, int64_t now_ms, const slu_attr *values, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    atomic_store_explicit(&state->now_ms, now_ms, memory_order_relaxed);
    for (int64_t i = 0; i < keys->count; i++) {
        const slu_view key = slu_keys_at(keys, i);
        const slu_view value = slu_view_of(values[i].data, (size_t)values[i].data_bytes);
        if (value.bytes > (size_t)SLU_ROW_BYTES_MAX)
            return slu_error_set(err, SLU_LIMIT, "state %s: a value of %zu bytes", state->head.name, value.bytes);
        if (value.data != NULL) {
            SLU_TRY(entry_put(state, keys->hashes[i], key, now_ms, value, err));
            continue;
        }
        slu_buf_reset(&state->rows.keys);
        key_append(state, &state->rows.keys, keys->hashes[i], key);
        slu_kv_batch_erase(state->batch, slu_buf_view(&state->rows.keys));
    }
    return batch_write(state, err);
}

/* ---- Snapshot and restore */

static slu_status
rocks_snapshot(slu_state *asked, slu_state_entry *entry, void *to, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    rocks_runs runs = {.spec = &asked->spec, .entry = entry, .to = to, .err = err};
    SLU_TRY(rows_settle(state, err));
    slu_buf_init(&runs.run, SIZE_MAX / 2);
    slu_status status = slu_kv_scan(state->kv, slu_view_of(NULL, 0), rocks_runs_row, &runs, err);
    if (status == SLU_OK)
        status = rocks_runs_end(&runs);
    slu_buf_fini(&runs.run);
    return status;
}

static slu_status
rocks_copy(slu_state *asked, const char *dir, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    slu_kv_checkpoint *checkpoint = NULL;
    SLU_TRY(rows_settle(state, err));
    SLU_TRY(slu_kv_checkpoint_begin(state->kv, &checkpoint, err));
    const slu_status status =
        slu_kv_checkpoint_take(checkpoint, dir, err); /* here and now: of what is written next it has nothing */
    (void)slu_kv_checkpoint_end(&checkpoint);
    return slu_error_in(err, status, "state %s", asked->name);
}

static slu_status
rocks_restore(slu_state *asked, slu_view bytes, int64_t now_ms, slu_error *err)
{
    rocks_state *state = rocks_of(asked);
    slu_run_reader reader;
    slu_run_entry entry;
    SLU_TRY(rows_settle(state, err));
    SLU_TRY(slu_run_open(&reader, &asked->spec, bytes, now_ms, err));
    slu_status status;
    for (uint32_t n = 1; (status = slu_run_next(&reader, &entry, err)) == SLU_OK; n++) {
        const uint32_t hash = (uint32_t)slu_hash64(entry.key.data, entry.key.bytes);
        SLU_TRY(entry_put(state, hash, entry.key, entry.stamp_ms, entry.value, err));
        if (n % RESTORE_AT_ONCE == 0)
            SLU_TRY(batch_write(state, err));
    }
    return status == SLU_END ? batch_write(state, err) : status;
}

static slu_status
row_counted(void *context, slu_view key, slu_view value)
{
    (void)key;
    (void)value;
    ++*(int64_t *)context;
    return SLU_OK;
}

static slu_status
rocks_count(slu_state *asked, int64_t *out, slu_error *err)
{
    SLU_TRY(rows_settle(rocks_of(asked), err));
    *out = 0;
    return slu_kv_scan(rocks_of(asked)->kv, slu_view_of(NULL, 0), row_counted, out, err);
}

static int64_t
rocks_bytes(const slu_state *asked)
{
    const rocks_state *state = (const rocks_state *)(const void *)asked;
    return state->kv_bytes + state->taken;
}

static void
rocks_free_state(slu_state *asked)
{
    rocks_state *state = rocks_of(asked);
    rows_free(state);
    slu_buf_fini(&state->rows.keys);
    slu_buf_fini(&state->lent);
    slu_kv_close(&state->kv);
    slu_kv_batch_free(&state->batch);
    slu_free(state->dir);
}

const slu_state_ops rocks_ops = {.find_many = rocks_find_many,
                                 .upsert_many = rocks_upsert_many,
                                 .erase_many = rocks_erase_many,
                                 .get_bytes = rocks_get_bytes,
                                 .put_bytes = rocks_put_bytes,
                                 .snapshot = rocks_snapshot,
                                 .restore = rocks_restore,
                                 .count = rocks_count,
                                 .copy = rocks_copy,
                                 .adopt = rocks_adopt,
                                 .bytes = rocks_bytes,
                                 .free = rocks_free_state};
