#include "kv/row_pile.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sizes.h"

#include <stdlib.h>

#define PILE_SLOTS_FIRST 64
#define PILE_UNIT 8
#define PILE_CHUNK_BYTES ((size_t)256 << 10)
#define PILE_CHUNK_UNITS (PILE_CHUNK_BYTES / PILE_UNIT) /* a larger entry has a chunk of its own, and is at its beginning */
#define PILE_CHUNKS_MAX (UINT32_MAX / PILE_CHUNK_UNITS)
#define PILE_ERASED UINT32_MAX
#define PILE_DIRTY UINT32_C(0x80000000) /* in key_bytes */
#define PILE_DEAD UINT32_C(0x40000000)  /* its key has another entry */
#define PILE_KEY_BYTES UINT32_C(0x3fffffff)

typedef struct pile_entry {
    uint32_t key_bytes;
    uint32_t value_bytes;
} pile_entry;

void
slu_row_pile_reset(slu_row_pile *pile)
{
    for (size_t i = 0; i < pile->chunk_count; i++)
        slu_free(pile->chunks[i]);
    slu_free(pile->chunks);
    slu_free(pile->slots);
    slu_free(pile->dirty);
    memset(pile, 0, sizeof *pile);
}

uint64_t
slu_row_hash(slu_view key)
{
    return slu_hash64(key.data, key.bytes);
}

static pile_entry *
pile_at(const slu_row_pile *pile, uint32_t place)
{
    return (pile_entry *)(void *)(pile->chunks[place / PILE_CHUNK_UNITS] + (size_t)(place % PILE_CHUNK_UNITS) * PILE_UNIT);
}

static pile_entry *
pile_of_slot(const slu_row_pile *pile, uint64_t slot)
{
    return pile_at(pile, (uint32_t)slot - 1);
}

static slu_view
entry_key(const pile_entry *entry)
{
    return slu_view_of(entry + 1, entry->key_bytes & PILE_KEY_BYTES);
}

static slu_view
entry_value(const pile_entry *entry)
{
    const slu_view erased = {0};
    if (entry->value_bytes == PILE_ERASED)
        return erased;
    return slu_view_of((const uint8_t *)(entry + 1) + (entry->key_bytes & PILE_KEY_BYTES), entry->value_bytes);
}

static size_t
entry_bytes(size_t key_bytes, uint32_t value_bytes)
{
    const size_t bytes = sizeof(pile_entry) + key_bytes + (value_bytes == PILE_ERASED ? 0 : value_bytes);
    return (bytes + PILE_UNIT - 1) / PILE_UNIT * PILE_UNIT;
}

static size_t
slot_at(const slu_row_pile *pile, uint64_t hash)
{
    return (size_t)(hash >> 32) & (pile->slot_count - 1);
}

void
slu_row_pile_prefetch_slot(const slu_row_pile *pile, uint64_t hash)
{
    if (pile->slot_count != 0)
        __builtin_prefetch(&pile->slots[slot_at(pile, hash)]);
}

void
slu_row_pile_prefetch_row(const slu_row_pile *pile, uint64_t hash)
{
    const uint64_t slot = pile->slot_count == 0 ? 0 : pile->slots[slot_at(pile, hash)];
    if (slot == 0)
        return;
    const uint8_t *entry = (const uint8_t *)pile_of_slot(pile, slot);
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
}

/* The slot of a key, or the empty one where it would be. */
static uint64_t *
pile_slot(const slu_row_pile *pile, uint64_t hash, slu_view key)
{
    size_t at = slot_at(pile, hash);
    while (pile->slots[at] != 0 &&
           ((pile->slots[at] ^ hash) >> 32 != 0 || !slu_view_equal(entry_key(pile_of_slot(pile, pile->slots[at])), key)))
        at = (at + 1) & (pile->slot_count - 1);
    return &pile->slots[at];
}

static slu_status
pile_grow_slots(slu_row_pile *pile, slu_error *err)
{
    slu_row_pile larger = *pile;
    if (pile->count * 4 < pile->slot_count * 3)
        return SLU_OK;
    larger.slot_count = pile->slot_count == 0 ? PILE_SLOTS_FIRST : pile->slot_count * 2;
    larger.slots = slu_alloc_zero(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu rows that are not stored yet", pile->count);
    for (size_t i = 0; i < pile->slot_count; i++) {
        size_t at = slot_at(&larger, pile->slots[i]);
        while (larger.slots[at] != 0)
            at = (at + 1) & (larger.slot_count - 1);
        if (pile->slots[i] != 0)
            larger.slots[at] = pile->slots[i];
    }
    slu_free(pile->slots);
    *pile = larger;
    return SLU_OK;
}

/* Room for one more element of an array that doubles. */
static slu_status
pile_array_room(void **array, size_t count, size_t *room, size_t element_bytes, slu_error *err)
{
    if (count < *room)
        return SLU_OK;
    const size_t larger = *room == 0 ? PILE_SLOTS_FIRST : *room * 2;
    void *grown = slu_realloc(*array, larger * element_bytes);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu rows that are not stored yet", count);
    *array = grown;
    *room = larger;
    return SLU_OK;
}

static slu_status
pile_chunk_room(slu_row_pile *pile, size_t bytes, slu_error *err)
{
    void *chunks = pile->chunks;
    if (bytes <= pile->left)
        return SLU_OK;
    if (bytes > SLU_ROW_PILE_ROW_BYTES_MAX || pile->chunk_count >= PILE_CHUNKS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a row of %zu bytes, or too many rows that are not stored yet", bytes);
    SLU_TRY(pile_array_room(&chunks, pile->chunk_count, &pile->chunk_room, sizeof *pile->chunks, err));
    pile->chunks = chunks;
    const size_t chunk_bytes = SLU_MAX(bytes, PILE_CHUNK_BYTES);
    uint8_t *chunk = slu_alloc(chunk_bytes);
    if (chunk == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for rows that are not stored yet");
    pile->chunks[pile->chunk_count++] = chunk;
    pile->used = 0;
    pile->left = chunk_bytes;
    return SLU_OK;
}

/* A row as it is to be written. */
typedef struct pile_row {
    uint64_t hash;
    slu_view key;
    slu_view head;
    slu_view tail;
    uint32_t value_bytes; /* or PILE_ERASED */
    uint32_t flags;
} pile_row;

static void
entry_fill(pile_entry *entry, const pile_row *row)
{
    uint8_t *value = (uint8_t *)(entry + 1) + row->key.bytes;
    entry->key_bytes = (uint32_t)row->key.bytes | row->flags;
    entry->value_bytes = row->value_bytes;
    if (row->head.bytes != 0)
        memcpy(value, row->head.data, row->head.bytes);
    if (row->tail.bytes != 0)
        memcpy(value + row->head.bytes, row->tail.data, row->tail.bytes);
}

/* The entry that a row is written to: its key's own when it is as large, else a new one; with room in the list of dirty ones. */
static slu_status
pile_entry_for(slu_row_pile *pile, uint64_t *slot, const pile_row *row, slu_error *err)
{
    const size_t bytes = entry_bytes(row->key.bytes, row->value_bytes);
    pile_entry *known = *slot == 0 ? NULL : pile_of_slot(pile, *slot);
    if (known != NULL && entry_bytes(row->key.bytes, known->value_bytes) == bytes)
        return SLU_OK;
    SLU_TRY(pile_chunk_room(pile, bytes, err));
    const uint32_t place = (uint32_t)((pile->chunk_count - 1) * PILE_CHUNK_UNITS + pile->used / PILE_UNIT);
    pile_entry *entry = pile_at(pile, place);
    entry->key_bytes = 0;
    if (row->key.bytes != 0)
        memcpy(entry + 1, row->key.data, row->key.bytes);
    if (known != NULL)
        known->key_bytes |= PILE_DEAD;
    pile->used += bytes;
    pile->left -= bytes;
    pile->bytes += bytes;
    pile->count += known == NULL;
    *slot = row->hash >> 32 << 32 | (place + 1);
    return SLU_OK;
}

static slu_status
pile_write(slu_row_pile *pile, const pile_row *row, slu_view *out_kept, slu_error *err)
{
    void *dirty = pile->dirty;
    if (row->key.bytes > PILE_KEY_BYTES || row->head.bytes + row->tail.bytes > SLU_ROW_PILE_ROW_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a row with a key of %zu bytes is too large", row->key.bytes);
    SLU_TRY(pile_array_room(&dirty, pile->dirty_count, &pile->dirty_room, sizeof *pile->dirty, err));
    pile->dirty = dirty;
    SLU_TRY(pile_grow_slots(pile, err));
    uint64_t *slot = pile_slot(pile, row->hash, row->key);
    SLU_TRY(pile_entry_for(pile, slot, row, err));
    pile_entry *entry = pile_of_slot(pile, *slot);
    if (row->flags == PILE_DIRTY && (entry->key_bytes & PILE_DIRTY) == 0) {
        pile->dirty[pile->dirty_count++] = (uint32_t)*slot - 1;
        pile->dirty_bytes += entry_bytes(row->key.bytes, row->value_bytes);
    }
    entry_fill(entry, row);
    if (out_kept != NULL)
        *out_kept = entry_value(entry);
    return SLU_OK;
}

slu_status
slu_row_pile_put(slu_row_pile *pile, uint64_t hash, slu_view key, slu_view head, slu_view tail, slu_error *err)
{
    const pile_row row = {hash, key, head, tail, (uint32_t)(head.bytes + tail.bytes), PILE_DIRTY};
    return pile_write(pile, &row, NULL, err);
}

slu_status
slu_row_pile_erase(slu_row_pile *pile, uint64_t hash, slu_view key, slu_error *err)
{
    const pile_row row = {.hash = hash, .key = key, .value_bytes = PILE_ERASED, .flags = PILE_DIRTY};
    return pile_write(pile, &row, NULL, err);
}

slu_status
slu_row_pile_keep(slu_row_pile *pile, uint64_t hash, slu_view key, slu_view value, slu_view *out_kept, slu_error *err)
{
    const pile_row row = {.hash = hash, .key = key, .tail = value, .value_bytes = (uint32_t)value.bytes};
    return pile_write(pile, &row, out_kept, err);
}

bool
slu_row_pile_get(const slu_row_pile *pile, uint64_t hash, slu_view key, slu_view *out_value)
{
    if (pile->count == 0)
        return false;
    const uint64_t slot = *pile_slot(pile, hash, key);
    if (slot == 0)
        return false;
    *out_value = entry_value(pile_of_slot(pile, slot));
    return true;
}

size_t
slu_row_pile_bytes(const slu_row_pile *pile)
{
    return pile->bytes + pile->slot_count * sizeof *pile->slots + pile->dirty_room * sizeof *pile->dirty;
}

/* ---- in order ---- */

typedef struct pile_order {
    uint64_t begins; /* the key's first 8 bytes, big endian */
    const pile_entry *entry;
} pile_order;

static int
order_of_entries(const void *a, const void *b)
{
    const pile_order *left = a;
    const pile_order *right = b;
    if (left->begins != right->begins)
        return left->begins < right->begins ? -1 : 1;
    const slu_view x = entry_key(left->entry);
    const slu_view y = entry_key(right->entry);
    const int order = memcmp(x.data, y.data, SLU_MIN(x.bytes, y.bytes));
    return order != 0 ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

static uint64_t
key_begins(slu_view key)
{
    uint64_t begins = 0;
    for (size_t i = 0; i < 8; i++)
        begins = begins << 8 | (i < key.bytes ? key.data[i] : 0);
    return begins;
}

slu_status
slu_row_pile_each_dirty(const slu_row_pile *pile, void (*row)(void *context, slu_view key, slu_view value), void *context,
                        slu_error *err)
{
    size_t count = 0;
    pile_order *order = slu_alloc((pile->dirty_count + 1) * sizeof *order);
    if (order == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to sort %zu rows", pile->dirty_count);
    for (size_t i = 0; i < pile->dirty_count; i++) {
        const pile_entry *entry = pile_at(pile, pile->dirty[i]);
        if ((entry->key_bytes & PILE_DEAD) != 0)
            continue;
        order[count].entry = entry;
        order[count++].begins = key_begins(entry_key(entry));
    }
    qsort(order, count, sizeof *order, order_of_entries);
    for (size_t i = 0; i < count; i++)
        row(context, entry_key(order[i].entry), entry_value(order[i].entry));
    slu_free(order);
    return SLU_OK;
}

void
slu_row_pile_clean(slu_row_pile *pile)
{
    for (size_t i = 0; i < pile->dirty_count; i++)
        pile_at(pile, pile->dirty[i])->key_bytes &= ~PILE_DIRTY;
    pile->dirty_count = 0;
    pile->dirty_bytes = 0;
}
