/*
 * heap.c: the heap backend of keyed.h.
 *
 * Table    slots of one stride: u32 tag (the hash; 0 is empty, hash 0 is stored as 1), the key (in place, or pointer and length), an
 *          i64 stamp where there is a TTL, the value. Linear probing from a multiplicative hash of the tag; erase shifts back, so there
 *          are no graves. At most 5/8 full.
 * Blob     of a key group: u8 version 1, u8 flags (1: stamps), u16 zero, u32 key bytes, u32 value bytes (0: BYTES), u32 count,
 *          then per entry [u32 key length when variable] key [i64 wall time of the last write when stamped] ([u32 length] value).
 */
#include "keyed.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <sys/mman.h>

#define PREFETCH_AHEAD 16
#define BLOB_VERSION 1u
#define BLOB_STAMPED 1u

typedef struct run {
    uint8_t *data;
    uint32_t bytes;
    uint32_t capacity;
} run;

struct slu_state {
    slu_state_spec spec;
    char *name;
    uint32_t max_parallelism;
    slu_account *account;
    uint8_t *slots;
    uint64_t capacity; /* a power of two, or 0 */
    unsigned shift;    /* 64 - log2(capacity) */
    uint64_t count;
    uint64_t stride;
    uint32_t key_at;
    uint32_t stamp_at; /* 0: none */
    uint32_t value_at;
    uint32_t value_bytes; /* in the slot */
    int64_t run_bytes;    /* of keys and values outside the table */
    uint64_t sweep;
};

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

slu_status
slu_state_new(const slu_state_spec *spec, uint32_t max_parallelism, slu_account *account, slu_state **out, slu_error *err)
{
    SLU_TRY(spec_check(spec, err));
    SLU_AUTO(slu_state_free) slu_state *state = slu_alloc_zero(1, sizeof *state);
    if (state == NULL || (state->name = slu_strdup(spec->name)) == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for state %s", spec->name);
    state->spec = *spec;
    state->spec.name = state->name;
    state->max_parallelism = max_parallelism;
    state->account = account;
    state->key_at = spec->key_bytes != 0 ? 4 : 8;
    const uint32_t key_end = state->key_at + (spec->key_bytes != 0 ? spec->key_bytes : (uint32_t)sizeof(run));
    state->stamp_at = spec->ttl_ms != 0 ? (uint32_t)slu_size_align(key_end, 8) : 0;
    state->value_at = spec->ttl_ms != 0 ? state->stamp_at + 8 : (uint32_t)slu_size_align(key_end, 8);
    state->value_bytes = spec->kind == SLU_STATE_FIXED ? spec->value_bytes : (uint32_t)sizeof(run);
    state->stride = slu_size_align(state->value_at + state->value_bytes, 8);
    *out = slu_take(&state);
    return SLU_OK;
}

/* ---- Slots */

static inline uint8_t *
slot_at(const slu_state *state, uint64_t index)
{
    return state->slots + index * state->stride;
}

static inline uint32_t
slot_tag(const uint8_t *slot)
{
    uint32_t tag;
    memcpy(&tag, slot, sizeof tag);
    return tag;
}

static inline uint32_t
tag_of(uint32_t hash)
{
    return hash == 0 ? 1 : hash;
}

static inline uint64_t
home_of(const slu_state *state, uint32_t tag)
{
    return (uint64_t)tag * UINT64_C(0x9E3779B97F4A7C15) >> state->shift;
}

static inline run *
slot_key_run(const slu_state *state, uint8_t *slot)
{
    return (run *)(void *)(slot + state->key_at);
}

static inline run *
slot_value_run(const slu_state *state, uint8_t *slot)
{
    return (run *)(void *)(slot + state->value_at);
}

static inline int64_t *
slot_stamp(const slu_state *state, uint8_t *slot)
{
    return (int64_t *)(void *)(slot + state->stamp_at);
}

static inline slu_view
slot_key(const slu_state *state, uint8_t *slot)
{
    if (state->spec.key_bytes != 0)
        return slu_view_of(slot + state->key_at, state->spec.key_bytes);
    return slu_view_of(slot_key_run(state, slot)->data, slot_key_run(state, slot)->bytes);
}

static inline slu_view
keys_at(const slu_keys *keys, int64_t i)
{
    if (keys->key_bytes != 0)
        return slu_view_of(keys->data + (size_t)i * keys->key_bytes, keys->key_bytes);
    return slu_view_of(keys->data + keys->offsets[i], (size_t)(keys->offsets[i + 1] - keys->offsets[i]));
}

static inline uint64_t
word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline bool
bytes_equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    if (bytes < 8)
        return memcmp(a, b, bytes) == 0;
    if (word_at(a) != word_at(b) || word_at(a + bytes - 8) != word_at(b + bytes - 8))
        return false;
    return bytes <= 16 || memcmp(a + 8, b + 8, bytes - 16) == 0;
}

static inline bool
slot_has_key(const slu_state *state, uint8_t *slot, slu_view key)
{
    const slu_view mine = slot_key(state, slot);
    return mine.bytes == key.bytes && bytes_equal(mine.data, key.data, key.bytes);
}

/* The slot of a key, or the empty one where it would go. The table has room. */
static inline uint8_t *
slot_find(const slu_state *state, uint32_t tag, slu_view key)
{
    uint64_t index = home_of(state, tag);
    for (;;) {
        uint8_t *slot = slot_at(state, index);
        const uint32_t there = slot_tag(slot);
        if (there == 0 || (there == tag && slot_has_key(state, slot, key)))
            return slot;
        index = (index + 1) & (state->capacity - 1);
    }
}

static bool
slot_expired(const slu_state *state, uint8_t *slot, int64_t now_ms)
{
    return state->stamp_at != 0 && now_ms - *slot_stamp(state, slot) >= state->spec.ttl_ms;
}

static void
run_drop(slu_state *state, run *dropped)
{
    state->run_bytes -= dropped->capacity;
    slu_account_give(state->account, dropped->capacity);
    slu_free(dropped->data);
    memset(dropped, 0, sizeof *dropped);
}

static slu_status
run_set(slu_state *state, run *set, slu_view bytes, slu_error *err)
{
    if (bytes.bytes > (size_t)SLU_ROW_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "state %s: a value of %zu bytes", state->name, bytes.bytes);
    if (bytes.bytes > set->capacity || set->data == NULL) {
        const uint32_t capacity = (uint32_t)slu_size_align(bytes.bytes + 1, 16);
        uint8_t *data =
            slu_account_take(state->account, (int64_t)capacity - set->capacity) ? slu_realloc(set->data, capacity) : NULL;
        if (data == NULL)
            return slu_error_set(err, SLU_NOMEM, "state %s: no memory for a value of %zu bytes", state->name, bytes.bytes);
        state->run_bytes += (int64_t)capacity - set->capacity;
        set->data = data;
        set->capacity = capacity;
    }
    memcpy(set->data, bytes.data == NULL ? (const uint8_t *)"" : bytes.data, bytes.bytes);
    set->bytes = (uint32_t)bytes.bytes;
    return SLU_OK;
}

static void
slot_drop_runs(slu_state *state, uint8_t *slot)
{
    if (state->spec.key_bytes == 0)
        run_drop(state, slot_key_run(state, slot));
    if (state->spec.kind == SLU_STATE_BYTES)
        run_drop(state, slot_value_run(state, slot));
}

void
slu_state_free(slu_state **owned)
{
    slu_state *state = slu_take(owned);
    if (state == NULL)
        return;
    for (uint64_t i = 0; i < state->capacity; i++)
        if (slot_tag(slot_at(state, i)) != 0)
            slot_drop_runs(state, slot_at(state, i));
    slu_account_give(state->account, (int64_t)(state->capacity * state->stride));
    slu_free(state->slots);
    slu_free(state->name);
    slu_free(state);
}

/* ---- Growth and removal */

/* Random slots of a large table miss the TLB more often than the cache: a hint that may be ignored. */
static void
ask_for_huge_pages(uint8_t *memory, size_t bytes)
{
    const size_t page = (size_t)2 << 20;
    const size_t skip = (page - ((uintptr_t)memory & (page - 1))) & (page - 1);
    if (bytes >= skip + page)
        (void)madvise(memory + skip, (bytes - skip) & ~(page - 1), MADV_HUGEPAGE);
}

static slu_status
table_resize(slu_state *state, uint64_t capacity, slu_error *err)
{
    const int64_t bytes = (int64_t)(capacity * state->stride);
    uint8_t *slots = slu_account_take(state->account, bytes) ? slu_alloc_aligned((size_t)bytes) : NULL;
    if (slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "state %s: no memory for a table of %llu MiB", state->name,
                             (unsigned long long)bytes >> 20);
    ask_for_huge_pages(slots, (size_t)bytes);
    memset(slots, 0, (size_t)bytes);
    slu_state old = *state;
    state->slots = slots;
    state->capacity = capacity;
    state->shift = 64 - (unsigned)__builtin_ctzll(capacity);
    state->sweep = 0;
    for (uint64_t i = 0; i < old.capacity; i++) {
        const uint8_t *slot = slot_at(&old, i);
        if (slot_tag(slot) == 0)
            continue;
        uint64_t index = home_of(state, slot_tag(slot));
        while (slot_tag(slot_at(state, index)) != 0)
            index = (index + 1) & (capacity - 1);
        memcpy(slot_at(state, index), slot, state->stride);
    }
    slu_account_give(state->account, (int64_t)(old.capacity * old.stride));
    slu_free(old.slots);
    return SLU_OK;
}

/* Room for `more` keys. *grown: slots have moved. */
static slu_status
table_room(slu_state *state, uint64_t more, bool *grown, slu_error *err)
{
    uint64_t capacity = state->capacity == 0 ? 16 : state->capacity;
    while ((state->count + more) * 8 > capacity * 5)
        capacity *= 2;
    *grown = capacity != state->capacity;
    if (capacity > (UINT64_C(1) << 32))
        return slu_error_set(err, SLU_LIMIT, "state %s: more than 2^31 keys", state->name);
    return *grown ? table_resize(state, capacity, err) : SLU_OK;
}

/* Empties a slot and moves back what was pushed past it. */
static void
slot_erase(slu_state *state, uint8_t *slot)
{
    const uint64_t mask = state->capacity - 1;
    uint64_t hole = (uint64_t)(slot - state->slots) / state->stride;
    slot_drop_runs(state, slot);
    for (uint64_t next = (hole + 1) & mask;; next = (next + 1) & mask) {
        uint8_t *other = slot_at(state, next);
        if (slot_tag(other) == 0)
            break;
        const uint64_t home = home_of(state, slot_tag(other));
        if (((next - home) & mask) < ((next - hole) & mask))
            continue; /* it would land before its home */
        memcpy(slot_at(state, hole), other, state->stride);
        hole = next;
    }
    memset(slot_at(state, hole), 0, state->stride);
    state->count--;
}

/* Looks at about `slots` slots and forgets what has expired. */
static void
sweep_some(slu_state *state, int64_t slots, int64_t now_ms)
{
    for (int64_t i = 0; state->stamp_at != 0 && i < slots && state->capacity != 0; i++) {
        state->sweep &= state->capacity - 1;
        uint8_t *slot = slot_at(state, state->sweep);
        if (slot_tag(slot) != 0 && slot_expired(state, slot, now_ms))
            slot_erase(state, slot); /* another may have moved here: look again */
        else
            state->sweep++;
    }
}

/* ---- Batches */

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

static inline void
prefetch_key(const slu_state *state, const slu_keys *keys, int64_t i)
{
    if (i < keys->count)
        __builtin_prefetch(slot_at(state, home_of(state, tag_of(keys->hashes[i]))), 1);
}

/* values[i] becomes the slot (not yet the value) of key i, or NULL; returns how many are missing. */
static int64_t
find_slots(const slu_state *state, const slu_keys *keys, void **values)
{
    int64_t missing = 0;
    if (state->count == 0) {
        memset(values, 0, (size_t)keys->count * sizeof *values);
        return keys->count;
    }
    for (int64_t i = 0; i < PREFETCH_AHEAD; i++)
        prefetch_key(state, keys, i);
    for (int64_t i = 0; i < keys->count; i++) {
        prefetch_key(state, keys, i + PREFETCH_AHEAD);
        uint8_t *slot = slot_find(state, tag_of(keys->hashes[i]), keys_at(keys, i));
        const bool there = slot_tag(slot) != 0;
        values[i] = there ? slot : NULL;
        missing += !there;
    }
    return missing;
}

static slu_status
slot_create(slu_state *state, uint8_t *slot, uint32_t tag, slu_view key, slu_error *err)
{
    if (state->spec.key_bytes == 0)
        SLU_TRY(run_set(state, slot_key_run(state, slot), key, err));
    else
        memcpy(slot + state->key_at, key.data, key.bytes);
    memcpy(slot, &tag, sizeof tag);
    state->count++;
    return SLU_OK;
}

/* Makes slots for the keys that have none. */
static slu_status
create_missing(slu_state *state, const slu_keys *keys, int64_t missing, void **values, slu_error *err)
{
    bool grown = false;
    SLU_TRY(table_room(state, (uint64_t)missing, &grown, err));
    if (grown)
        (void)find_slots(state, keys, values);
    for (int64_t i = 0; i < keys->count; i++) {
        if (values[i] != NULL)
            continue;
        const uint32_t tag = tag_of(keys->hashes[i]);
        uint8_t *slot = slot_find(state, tag, keys_at(keys, i));
        if (slot_tag(slot) == 0)
            SLU_TRY(slot_create(state, slot, tag, keys_at(keys, i), err));
        values[i] = slot;
    }
    return SLU_OK;
}

static slu_status
upsert_slots(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    sweep_some(state, keys->count, now_ms);
    const int64_t missing = find_slots(state, keys, values);
    if (missing > 0)
        SLU_TRY(create_missing(state, keys, missing, values, err));
    if (state->stamp_at == 0)
        return SLU_OK;
    for (int64_t i = 0; i < keys->count; i++) {
        uint8_t *slot = values[i];
        if (slot_expired(state, slot, now_ms) && *slot_stamp(state, slot) != 0) {
            if (state->spec.kind == SLU_STATE_BYTES)
                run_drop(state, slot_value_run(state, slot));
            memset(slot + state->value_at, 0, state->value_bytes);
        }
        *slot_stamp(state, slot) = now_ms;
    }
    return SLU_OK;
}

slu_status
slu_state_find_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    (void)find_slots(state, keys, values);
    for (int64_t i = 0; i < keys->count; i++) {
        uint8_t *slot = values[i];
        values[i] = slot == NULL || slot_expired(state, slot, now_ms) ? NULL : slot + state->value_at;
    }
    return SLU_OK;
}

slu_status
slu_state_upsert_many(slu_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    SLU_TRY(upsert_slots(state, keys, now_ms, values, err));
    for (int64_t i = 0; i < keys->count; i++)
        values[i] = (uint8_t *)values[i] + state->value_at;
    return SLU_OK;
}

slu_status
slu_state_erase_many(slu_state *state, const slu_keys *keys, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    for (int64_t i = 0; i < keys->count && state->count > 0; i++) {
        uint8_t *slot = slot_find(state, tag_of(keys->hashes[i]), keys_at(keys, i));
        if (slot_tag(slot) != 0)
            slot_erase(state, slot);
    }
    return SLU_OK;
}

slu_status
slu_state_get_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    for (int64_t i = 0; i < keys->count; i++) {
        uint8_t *slot = state->count == 0 ? NULL : slot_find(state, tag_of(keys->hashes[i]), keys_at(keys, i));
        memset(&views[i], 0, sizeof views[i]);
        if (slot == NULL || slot_tag(slot) == 0 || slot_expired(state, slot, now_ms))
            continue;
        views[i].data = slot_value_run(state, slot)->data;
        views[i].data_bytes = slot_value_run(state, slot)->bytes;
    }
    return SLU_OK;
}

static slu_status
put_one(slu_state *state, uint32_t hash, slu_view key, int64_t now_ms, slu_view value, slu_error *err)
{
    bool grown;
    SLU_TRY(table_room(state, 1, &grown, err));
    uint8_t *slot = slot_find(state, tag_of(hash), key);
    if (slot_tag(slot) == 0)
        SLU_TRY(slot_create(state, slot, tag_of(hash), key, err));
    if (state->stamp_at != 0)
        *slot_stamp(state, slot) = now_ms;
    return run_set(state, slot_value_run(state, slot), value, err);
}

slu_status
slu_state_put_bytes(slu_state *state, const slu_keys *keys, int64_t now_ms, const slu_attr *values, slu_error *err)
{
    SLU_TRY(keys_check(state, keys, err));
    if (state->spec.kind != SLU_STATE_BYTES)
        return slu_error_set(err, SLU_INVALID, "state %s holds FIXED values", state->name);
    sweep_some(state, keys->count, now_ms);
    for (int64_t i = 0; i < keys->count; i++) {
        const slu_view key = keys_at(keys, i);
        if (values[i].data != NULL) {
            SLU_TRY(put_one(state, keys->hashes[i], key, now_ms, slu_view_of(values[i].data, (size_t)values[i].data_bytes), err));
        } else if (state->count > 0) {
            uint8_t *slot = slot_find(state, tag_of(keys->hashes[i]), key);
            if (slot_tag(slot) != 0)
                slot_erase(state, slot);
        }
    }
    return SLU_OK;
}

/* ---- Snapshot and restore */

static uint32_t
slot_group(const slu_state *state, uint8_t *slot)
{
    const slu_view key = slot_key(state, slot);
    const uint32_t tag = slot_tag(slot);
    const uint32_t hash = tag != 1 ? tag : (uint32_t)slu_hash64(key.data, key.bytes);
    return slu_key_group(hash, state->max_parallelism);
}

static void
blob_head(const slu_state *state, uint32_t count, slu_buf *out)
{
    slu_buf_u8(out, BLOB_VERSION);
    slu_buf_u8(out, state->stamp_at != 0 ? BLOB_STAMPED : 0);
    slu_buf_u16le(out, 0);
    slu_buf_u32le(out, state->spec.key_bytes);
    slu_buf_u32le(out, state->spec.kind == SLU_STATE_FIXED ? state->spec.value_bytes : 0);
    slu_buf_u32le(out, count);
}

static void
blob_entry(const slu_state *state, uint8_t *slot, slu_buf *out)
{
    const slu_view key = slot_key(state, slot);
    if (state->spec.key_bytes == 0)
        slu_buf_u32le(out, (uint32_t)key.bytes);
    slu_buf_append(out, key.data, key.bytes);
    if (state->stamp_at != 0)
        slu_buf_u64le(out, (uint64_t)*slot_stamp(state, slot));
    if (state->spec.kind == SLU_STATE_FIXED) {
        slu_buf_append(out, slot + state->value_at, state->value_bytes);
        return;
    }
    const run *value = slot_value_run(state, slot);
    slu_buf_u32le(out, value->bytes);
    slu_buf_append(out, value->data, value->bytes);
}

/* Slot numbers sorted by key group, in one counting pass. firsts has max_parallelism + 1 entries. */
static void
sort_slots(const slu_state *state, uint32_t *groups, uint64_t *firsts, uint32_t *order)
{
    memset(firsts, 0, (state->max_parallelism + 1) * sizeof *firsts);
    uint64_t n = 0;
    for (uint64_t i = 0; i < state->capacity; i++) {
        uint8_t *slot = slot_at(state, i);
        if (slot_tag(slot) == 0)
            continue;
        groups[n] = slot_group(state, slot);
        firsts[groups[n++] + 1]++;
    }
    for (uint32_t g = 0; g < state->max_parallelism; g++)
        firsts[g + 1] += firsts[g];
    n = 0;
    for (uint64_t i = 0; i < state->capacity; i++)
        if (slot_tag(slot_at(state, i)) != 0)
            order[firsts[groups[n++]]++] = (uint32_t)i;
}

slu_status
slu_state_snapshot(const slu_state *state, slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err),
                   void *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf blob = {0};
    uint32_t *groups = slu_alloc((size_t)(state->count + 1) * sizeof *groups);
    uint32_t *order = slu_alloc((size_t)(state->count + 1) * sizeof *order);
    uint64_t *firsts = slu_alloc_zero((size_t)state->max_parallelism + 1, sizeof *firsts);
    slu_status status =
        groups == NULL || order == NULL || firsts == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a snapshot") : SLU_OK;
    slu_buf_init(&blob, SIZE_MAX / 2);
    if (status == SLU_OK)
        sort_slots(state, groups, firsts, order);
    uint64_t first = 0; /* firsts[g] has become the end of group g */
    for (uint32_t g = 0; status == SLU_OK && g < state->max_parallelism; first = firsts[g++]) {
        if (firsts[g] == first)
            continue;
        slu_buf_reset(&blob);
        blob_head(state, (uint32_t)(firsts[g] - first), &blob);
        for (uint64_t i = first; i < firsts[g]; i++)
            blob_entry(state, slot_at(state, order[i]), &blob);
        status = slu_buf_status(&blob, err);
        if (status == SLU_OK)
            status = entry(to, g, slu_buf_view(&blob), err);
    }
    slu_free(groups);
    slu_free(order);
    slu_free(firsts);
    return status;
}

static slu_status
restore_entry(slu_state *state, slu_cursor *cursor, bool stamped, int64_t now_ms, slu_error *err)
{
    const size_t key_bytes = state->spec.key_bytes != 0 ? state->spec.key_bytes : slu_cursor_u32le(cursor);
    const slu_view key = slu_cursor_view(cursor, key_bytes);
    const int64_t stamp = stamped ? (int64_t)slu_cursor_u64le(cursor) : now_ms;
    const size_t value_bytes = state->spec.kind == SLU_STATE_FIXED ? state->value_bytes : slu_cursor_u32le(cursor);
    const slu_view value = slu_cursor_view(cursor, value_bytes);
    if (!slu_cursor_ok(cursor))
        return slu_error_set(err, SLU_CORRUPT, "state %s: a snapshot ends in the middle of an entry", state->name);
    const uint32_t hash = (uint32_t)slu_hash64(key.data, key.bytes);
    const uint32_t tag = tag_of(hash);
    uint8_t *slot = slot_find(state, tag, key);
    if (slot_tag(slot) == 0)
        SLU_TRY(slot_create(state, slot, tag, key, err));
    if (state->stamp_at != 0)
        *slot_stamp(state, slot) = stamp;
    if (state->spec.kind == SLU_STATE_BYTES)
        return run_set(state, slot_value_run(state, slot), value, err);
    memcpy(slot + state->value_at, value.data, value.bytes);
    return SLU_OK;
}

slu_status
slu_state_restore(slu_state *state, slu_view bytes, int64_t now_ms, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    const uint8_t version = slu_cursor_u8(&cursor);
    const bool stamped = (slu_cursor_u8(&cursor) & BLOB_STAMPED) != 0;
    (void)slu_cursor_u16le(&cursor);
    const uint32_t key_bytes = slu_cursor_u32le(&cursor);
    const uint32_t value_bytes = slu_cursor_u32le(&cursor);
    const uint32_t claimed = slu_cursor_u32le(&cursor);
    const size_t count = slu_cursor_count(&cursor, claimed, 4);
    if (!slu_cursor_ok(&cursor) || version != BLOB_VERSION)
        return slu_error_set(err, SLU_CORRUPT, "state %s: not a snapshot of a state (version %u)", state->name, version);
    if (key_bytes != state->spec.key_bytes || value_bytes != (state->spec.kind == SLU_STATE_FIXED ? state->spec.value_bytes : 0))
        return slu_error_set(err, SLU_INVALID,
                             "state %s: the snapshot has keys of %u and values of %u bytes (0: any), the operator wants %u and %u",
                             state->name, key_bytes, value_bytes, state->spec.key_bytes,
                             state->spec.kind == SLU_STATE_FIXED ? state->spec.value_bytes : 0);
    bool grown;
    SLU_TRY(table_room(state, count, &grown, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(restore_entry(state, &cursor, stamped, now_ms, err));
    return SLU_OK;
}

const slu_state_spec *
slu_state_get_spec(const slu_state *state)
{
    return &state->spec;
}

int64_t
slu_state_count(const slu_state *state)
{
    return (int64_t)state->count;
}

int64_t
slu_state_bytes(const slu_state *state)
{
    return (int64_t)(state->capacity * state->stride) + state->run_bytes;
}
