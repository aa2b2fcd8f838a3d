/*
 * heap.c: the heap backend of keyed.h.
 *
 * Table    slots of one stride: u32 tag (the hash; 0 is empty, hash 0 is stored as 1), the key (in place, or pointer and length), an
 *          i64 stamp where there is a TTL, the value. Linear probing from a multiplicative hash of the tag; erase shifts back, so there
 *          are no graves. At most 5/8 full.
 */
#include "backend.h"
#include "run.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/key_group.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <sys/mman.h>

#define PREFETCH_AHEAD 16

typedef struct run {
    uint8_t *data;
    uint32_t bytes;
    uint32_t capacity;
} run;

typedef struct heap_state {
    slu_state head;
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
} heap_state;

static heap_state *
heap_of(slu_state *state)
{
    return (heap_state *)(void *)state;
}

static const slu_state_ops heap_ops;

slu_status
slu_state_heap_open(const slu_state_opening *opening, slu_state **out, slu_error *err)
{
    const slu_state_spec *spec = opening->spec;
    SLU_TRY(slu_state_zero(opening, &heap_ops, sizeof(heap_state), out, err));
    heap_state *state = heap_of(*out);
    state->key_at = spec->key_bytes != 0 ? 4 : 8;
    const uint32_t key_end = state->key_at + (spec->key_bytes != 0 ? spec->key_bytes : (uint32_t)sizeof(run));
    state->stamp_at = spec->ttl_ms != 0 ? (uint32_t)slu_size_align(key_end, 8) : 0;
    state->value_at = spec->ttl_ms != 0 ? state->stamp_at + 8 : (uint32_t)slu_size_align(key_end, 8);
    state->value_bytes = spec->kind == SLU_STATE_FIXED ? spec->value_bytes : (uint32_t)sizeof(run);
    state->stride = slu_size_align(state->value_at + state->value_bytes, 8);
    return SLU_OK;
}

/* ---- Slots */

static inline uint8_t *
slot_at(const heap_state *state, uint64_t index)
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
home_of(const heap_state *state, uint32_t tag)
{
    return (uint64_t)tag * UINT64_C(0x9E3779B97F4A7C15) >> state->shift;
}

static inline run *
slot_key_run(const heap_state *state, uint8_t *slot)
{
    return (run *)(void *)(slot + state->key_at);
}

static inline run *
slot_value_run(const heap_state *state, uint8_t *slot)
{
    return (run *)(void *)(slot + state->value_at);
}

static inline int64_t *
slot_stamp(const heap_state *state, uint8_t *slot)
{
    return (int64_t *)(void *)(slot + state->stamp_at);
}

static inline slu_view
slot_key(const heap_state *state, uint8_t *slot)
{
    if (state->head.spec.key_bytes != 0)
        return slu_view_of(slot + state->key_at, state->head.spec.key_bytes);
    return slu_view_of(slot_key_run(state, slot)->data, slot_key_run(state, slot)->bytes);
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
slot_has_key(const heap_state *state, uint8_t *slot, slu_view key)
{
    const slu_view mine = slot_key(state, slot);
    return mine.bytes == key.bytes && bytes_equal(mine.data, key.data, key.bytes);
}

/* The slot of a key, or the empty one where it would go. The table has room. */
static inline uint8_t *
slot_find(const heap_state *state, uint32_t tag, slu_view key)
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
slot_expired(const heap_state *state, uint8_t *slot, int64_t now_ms)
{
    return state->stamp_at != 0 && now_ms - *slot_stamp(state, slot) >= state->head.spec.ttl_ms;
}

static void
run_drop(heap_state *state, run *dropped)
{
    state->run_bytes -= dropped->capacity;
    slu_account_give(state->head.account, dropped->capacity);
    slu_free(dropped->data);
    memset(dropped, 0, sizeof *dropped);
}

static slu_status
run_set(heap_state *state, run *set, slu_view bytes, slu_error *err)
{
    if (bytes.bytes > (size_t)SLU_ROW_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "state %s: a value of %zu bytes", state->head.name, bytes.bytes);
    if (bytes.bytes > set->capacity || set->data == NULL) {
        const uint32_t capacity = (uint32_t)slu_size_align(bytes.bytes + 1, 16);
        uint8_t *data =
            slu_account_take(state->head.account, (int64_t)capacity - set->capacity) ? slu_realloc(set->data, capacity) : NULL;
        if (data == NULL)
            return slu_error_set(err, SLU_NOMEM, "state %s: no memory for a value of %zu bytes", state->head.name, bytes.bytes);
        state->run_bytes += (int64_t)capacity - set->capacity;
        set->data = data;
        set->capacity = capacity;
    }
    memcpy(set->data, bytes.data == NULL ? (const uint8_t *)"" : bytes.data, bytes.bytes);
    set->bytes = (uint32_t)bytes.bytes;
    return SLU_OK;
}

static void
slot_drop_runs(heap_state *state, uint8_t *slot)
{
    if (state->head.spec.key_bytes == 0)
        run_drop(state, slot_key_run(state, slot));
    if (state->head.spec.kind == SLU_STATE_BYTES)
        run_drop(state, slot_value_run(state, slot));
}

static void
heap_free(slu_state *freed)
{
    heap_state *state = heap_of(freed);
    for (uint64_t i = 0; i < state->capacity; i++)
        if (slot_tag(slot_at(state, i)) != 0)
            slot_drop_runs(state, slot_at(state, i));
    slu_account_give(state->head.account, (int64_t)(state->capacity * state->stride));
    slu_free(state->slots);
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
table_resize(heap_state *state, uint64_t capacity, slu_error *err)
{
    const int64_t bytes = (int64_t)(capacity * state->stride);
    uint8_t *slots = slu_account_take(state->head.account, bytes) ? slu_alloc_aligned((size_t)bytes) : NULL;
    if (slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "state %s: no memory for a table of %llu MiB", state->head.name,
                             (unsigned long long)bytes >> 20);
    ask_for_huge_pages(slots, (size_t)bytes);
    memset(slots, 0, (size_t)bytes);
    heap_state old = *state;
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
    slu_account_give(state->head.account, (int64_t)(old.capacity * old.stride));
    slu_free(old.slots);
    return SLU_OK;
}

/* Room for `more` keys. *grown: slots have moved. */
static slu_status
table_room(heap_state *state, uint64_t more, bool *grown, slu_error *err)
{
    uint64_t capacity = state->capacity == 0 ? 16 : state->capacity;
    while ((state->count + more) * 8 > capacity * 5)
        capacity *= 2;
    *grown = capacity != state->capacity;
    if (capacity > (UINT64_C(1) << 32))
        return slu_error_set(err, SLU_LIMIT, "state %s: more than 2^31 keys", state->head.name);
    return *grown ? table_resize(state, capacity, err) : SLU_OK;
}

/* Empties a slot and moves back what was pushed past it. */
static void
slot_erase(heap_state *state, uint8_t *slot)
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
sweep_some(heap_state *state, int64_t slots, int64_t now_ms)
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

static inline void
prefetch_key(const heap_state *state, const slu_keys *keys, int64_t i)
{
    if (i < keys->count)
        __builtin_prefetch(slot_at(state, home_of(state, tag_of(keys->hashes[i]))), 1);
}

/* values[i] becomes the slot (not yet the value) of key i, or NULL; returns how many are missing. */
static int64_t
find_slots(const heap_state *state, const slu_keys *keys, void **values)
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
        uint8_t *slot = slot_find(state, tag_of(keys->hashes[i]), slu_keys_at(keys, i));
        const bool there = slot_tag(slot) != 0;
        values[i] = there ? slot : NULL;
        missing += !there;
    }
    return missing;
}

static slu_status
slot_create(heap_state *state, uint8_t *slot, uint32_t tag, slu_view key, slu_error *err)
{
    if (state->head.spec.key_bytes == 0)
        SLU_TRY(run_set(state, slot_key_run(state, slot), key, err));
    else
        memcpy(slot + state->key_at, key.data, key.bytes);
    memcpy(slot, &tag, sizeof tag);
    state->count++;
    return SLU_OK;
}

/* Makes slots for the keys that have none. */
static slu_status
create_missing(heap_state *state, const slu_keys *keys, int64_t missing, void **values, slu_error *err)
{
    bool grown = false;
    SLU_TRY(table_room(state, (uint64_t)missing, &grown, err));
    if (grown)
        (void)find_slots(state, keys, values);
    for (int64_t i = 0; i < keys->count; i++) {
        if (values[i] != NULL)
            continue;
        const uint32_t tag = tag_of(keys->hashes[i]);
        uint8_t *slot = slot_find(state, tag, slu_keys_at(keys, i));
        if (slot_tag(slot) == 0)
            SLU_TRY(slot_create(state, slot, tag, slu_keys_at(keys, i), err));
        values[i] = slot;
    }
    return SLU_OK;
}

static slu_status
upsert_slots(heap_state *state, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
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
            if (state->head.spec.kind == SLU_STATE_BYTES)
                run_drop(state, slot_value_run(state, slot));
            memset(slot + state->value_at, 0, state->value_bytes);
        }
        *slot_stamp(state, slot) = now_ms;
    }
    return SLU_OK;
}

static slu_status
heap_find_many(slu_state *asked, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    heap_state *state = heap_of(asked);
    (void)find_slots(state, keys, values);
    for (int64_t i = 0; i < keys->count; i++) {
        uint8_t *slot = values[i];
        values[i] = slot == NULL || slot_expired(state, slot, now_ms) ? NULL : slot + state->value_at;
    }
    return SLU_OK;
}

static slu_status
heap_upsert_many(slu_state *asked, const slu_keys *keys, int64_t now_ms, void **values, slu_error *err)
{
    heap_state *state = heap_of(asked);
    SLU_TRY(upsert_slots(state, keys, now_ms, values, err));
    for (int64_t i = 0; i < keys->count; i++)
        values[i] = (uint8_t *)values[i] + state->value_at;
    return SLU_OK;
}

static slu_status
heap_erase_many(slu_state *asked, const slu_keys *keys, slu_error *err)
{
    heap_state *state = heap_of(asked);
    for (int64_t i = 0; i < keys->count && state->count > 0; i++) {
        uint8_t *slot = slot_find(state, tag_of(keys->hashes[i]), slu_keys_at(keys, i));
        if (slot_tag(slot) != 0)
            slot_erase(state, slot);
    }
    return SLU_OK;
}

static slu_status
heap_get_bytes(slu_state *asked, const slu_keys *keys, int64_t now_ms, slu_attr *views, slu_error *err)
{
    heap_state *state = heap_of(asked);
    for (int64_t i = 0; i < keys->count; i++) {
        uint8_t *slot = state->count == 0 ? NULL : slot_find(state, tag_of(keys->hashes[i]), slu_keys_at(keys, i));
        memset(&views[i], 0, sizeof views[i]);
        if (slot == NULL || slot_tag(slot) == 0 || slot_expired(state, slot, now_ms))
            continue;
        views[i].data = slot_value_run(state, slot)->data;
        views[i].data_bytes = slot_value_run(state, slot)->bytes;
    }
    return SLU_OK;
}

static slu_status
put_one(heap_state *state, uint32_t hash, slu_view key, int64_t now_ms, slu_view value, slu_error *err)
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

static slu_status
heap_put_bytes(slu_state *asked, const slu_keys *keys, int64_t now_ms, const slu_attr *values, slu_error *err)
{
    heap_state *state = heap_of(asked);
    sweep_some(state, keys->count, now_ms);
    for (int64_t i = 0; i < keys->count; i++) {
        const slu_view key = slu_keys_at(keys, i);
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
slot_group(const heap_state *state, uint8_t *slot)
{
    const slu_view key = slot_key(state, slot);
    const uint32_t tag = slot_tag(slot);
    const uint32_t hash = tag != 1 ? tag : (uint32_t)slu_hash64(key.data, key.bytes);
    return slu_key_group(hash, state->head.max_parallelism);
}

static void
run_add_slot(const heap_state *state, uint8_t *slot, slu_buf *out)
{
    slu_run_entry entry = {.key = slot_key(state, slot), .stamp_ms = state->stamp_at != 0 ? *slot_stamp(state, slot) : 0};
    entry.value = state->head.spec.kind == SLU_STATE_FIXED
                      ? slu_view_of(slot + state->value_at, state->value_bytes)
                      : slu_view_of(slot_value_run(state, slot)->data, slot_value_run(state, slot)->bytes);
    slu_run_add(out, &state->head.spec, &entry);
}

/* Slot numbers sorted by key group, in one counting pass. firsts has max_parallelism + 1 entries. */
static void
sort_slots(const heap_state *state, uint32_t *groups, uint64_t *firsts, uint32_t *order)
{
    memset(firsts, 0, (state->head.max_parallelism + 1) * sizeof *firsts);
    uint64_t n = 0;
    for (uint64_t i = 0; i < state->capacity; i++) {
        uint8_t *slot = slot_at(state, i);
        if (slot_tag(slot) == 0)
            continue;
        groups[n] = slot_group(state, slot);
        firsts[groups[n++] + 1]++;
    }
    for (uint32_t g = 0; g < state->head.max_parallelism; g++)
        firsts[g + 1] += firsts[g];
    n = 0;
    for (uint64_t i = 0; i < state->capacity; i++)
        if (slot_tag(slot_at(state, i)) != 0)
            order[firsts[groups[n++]]++] = (uint32_t)i;
}

static slu_status
heap_snapshot(slu_state *asked, slu_state_entry *entry, void *to, slu_error *err)
{
    heap_state *state = heap_of(asked);
    SLU_AUTO(slu_buf_fini) slu_buf blob = {0};
    uint32_t *groups = slu_alloc((size_t)(state->count + 1) * sizeof *groups);
    uint32_t *order = slu_alloc((size_t)(state->count + 1) * sizeof *order);
    uint64_t *firsts = slu_alloc_zero((size_t)state->head.max_parallelism + 1, sizeof *firsts);
    slu_status status =
        groups == NULL || order == NULL || firsts == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a snapshot") : SLU_OK;
    slu_buf_init(&blob, SIZE_MAX / 2);
    if (status == SLU_OK)
        sort_slots(state, groups, firsts, order);
    uint64_t first = 0; /* firsts[g] has become the end of group g */
    for (uint32_t g = 0; status == SLU_OK && g < state->head.max_parallelism; first = firsts[g++]) {
        if (firsts[g] == first)
            continue;
        slu_buf_reset(&blob);
        slu_run_begin(&blob, &state->head.spec);
        for (uint64_t i = first; i < firsts[g]; i++)
            run_add_slot(state, slot_at(state, order[i]), &blob);
        slu_run_end(&blob, (uint32_t)(firsts[g] - first));
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
restore_entry(heap_state *state, const slu_run_entry *entry, uint32_t tag, slu_error *err)
{
    uint8_t *slot = slot_find(state, tag, entry->key);
    if (slot_tag(slot) == 0)
        SLU_TRY(slot_create(state, slot, tag, entry->key, err));
    if (state->stamp_at != 0)
        *slot_stamp(state, slot) = entry->stamp_ms;
    if (state->head.spec.kind == SLU_STATE_BYTES)
        return run_set(state, slot_value_run(state, slot), entry->value, err);
    memcpy(slot + state->value_at, entry->value.data, entry->value.bytes);
    return SLU_OK;
}

/* A few entries, whose slots are on their way from memory when they are looked at. END: there are no more. */
static slu_status
restore_some(heap_state *state, slu_run_reader *reader, slu_error *err)
{
    slu_run_entry entries[2 * PREFETCH_AHEAD];
    uint32_t tags[2 * PREFETCH_AHEAD];
    uint32_t count = 0;
    slu_status status = SLU_OK;
    while (count < SLU_COUNT_OF(tags) && (status = slu_run_next(reader, &entries[count], err)) == SLU_OK) {
        tags[count] = tag_of((uint32_t)slu_hash64(entries[count].key.data, entries[count].key.bytes));
        __builtin_prefetch(slot_at(state, home_of(state, tags[count++])), 1);
    }
    for (uint32_t i = 0; i < count; i++)
        SLU_TRY(restore_entry(state, &entries[i], tags[i], err));
    return status;
}

static slu_status
heap_restore(slu_state *asked, slu_view bytes, int64_t now_ms, slu_error *err)
{
    heap_state *state = heap_of(asked);
    slu_run_reader reader;
    bool grown;
    SLU_TRY(slu_run_open(&reader, &asked->spec, bytes, now_ms, err));
    SLU_TRY(table_room(state, reader.left, &grown, err));
    slu_status status = SLU_OK;
    while (status == SLU_OK)
        status = restore_some(state, &reader, err);
    return status == SLU_END ? SLU_OK : status;
}

/* The table at once in its size, instead of twice the work in doublings. Of keys and values of any length nobody knows how many there are. */
static slu_status
heap_expect(slu_state *asked, uint64_t run_bytes, slu_error *err)
{
    const slu_state_spec *spec = &asked->spec;
    const uint64_t entry_bytes = spec->key_bytes + (spec->ttl_ms != 0 ? 8u : 0u) + spec->value_bytes;
    bool grown;
    if (spec->key_bytes == 0 || spec->kind != SLU_STATE_FIXED)
        return SLU_OK;
    return table_room(heap_of(asked), run_bytes / entry_bytes, &grown, err);
}

static slu_status
heap_count(slu_state *asked, int64_t *out, slu_error *err)
{
    (void)err;
    *out = (int64_t)heap_of(asked)->count;
    return SLU_OK;
}

static int64_t
heap_bytes(const slu_state *asked)
{
    const heap_state *state = (const heap_state *)(const void *)asked;
    return (int64_t)(state->capacity * state->stride) + state->run_bytes;
}

static const slu_state_ops heap_ops = {.find_many = heap_find_many,
                                       .upsert_many = heap_upsert_many,
                                       .erase_many = heap_erase_many,
                                       .get_bytes = heap_get_bytes,
                                       .put_bytes = heap_put_bytes,
                                       .snapshot = heap_snapshot,
                                       .expect = heap_expect,
                                       .restore = heap_restore,
                                       .count = heap_count,
                                       .bytes = heap_bytes,
                                       .free = heap_free};
