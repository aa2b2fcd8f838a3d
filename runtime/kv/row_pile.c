#include "kv/row_pile.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sizes.h"

#include <stdlib.h>

#define PILE_SLOTS_FIRST 64
#define PILE_UNIT 8
#define PILE_ERASED UINT32_MAX

typedef struct pile_entry {
    uint32_t key_bytes;
    uint32_t value_bytes;
} pile_entry;

void
slu_row_pile_init(slu_row_pile *pile)
{
    memset(pile, 0, sizeof *pile);
    slu_buf_init(&pile->rows, SLU_ROW_PILE_BYTES_MAX);
}

void
slu_row_pile_reset(slu_row_pile *pile)
{
    slu_buf_fini(&pile->rows);
    slu_free(pile->slots);
    slu_row_pile_init(pile);
}

static pile_entry *
pile_at(const slu_row_pile *pile, uint32_t slot)
{
    return (pile_entry *)(void *)(pile->rows.data + (size_t)(slot - 1) * PILE_UNIT);
}

static slu_view
entry_key(const pile_entry *entry)
{
    return slu_view_of(entry + 1, entry->key_bytes);
}

static slu_view
entry_value(const pile_entry *entry)
{
    const slu_view erased = {0};
    if (entry->value_bytes == PILE_ERASED)
        return erased;
    return slu_view_of((const uint8_t *)(entry + 1) + entry->key_bytes, entry->value_bytes);
}

/* The slot of a key, or the empty one where it would be. */
static uint32_t *
pile_slot(const slu_row_pile *pile, slu_view key)
{
    size_t at = slu_hash64(key.data, key.bytes) & (pile->slot_count - 1);
    while (pile->slots[at] != 0 && !slu_view_equal(entry_key(pile_at(pile, pile->slots[at])), key))
        at = (at + 1) & (pile->slot_count - 1);
    return &pile->slots[at];
}

static slu_status
pile_grow(slu_row_pile *pile, slu_error *err)
{
    slu_row_pile larger = *pile;
    if (pile->count * 2 < pile->slot_count)
        return SLU_OK;
    larger.slot_count = pile->slot_count == 0 ? PILE_SLOTS_FIRST : pile->slot_count * 2;
    larger.slots = slu_alloc_zero(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu rows that are not stored yet", pile->count);
    for (size_t i = 0; i < pile->slot_count; i++)
        if (pile->slots[i] != 0)
            *pile_slot(&larger, entry_key(pile_at(pile, pile->slots[i]))) = pile->slots[i];
    slu_free(pile->slots);
    *pile = larger;
    return SLU_OK;
}

static slu_status
pile_write(slu_row_pile *pile, slu_view key, slu_view value, uint32_t value_bytes, slu_error *err)
{
    SLU_TRY(pile_grow(pile, err));
    uint32_t *slot = pile_slot(pile, key);
    if (*slot != 0 && pile_at(pile, *slot)->value_bytes == value_bytes) {
        pile_entry *same = pile_at(pile, *slot);
        if (value.bytes != 0)
            memcpy((uint8_t *)(same + 1) + same->key_bytes, value.data, value.bytes);
        return SLU_OK;
    }
    const size_t place = pile->rows.bytes;
    const pile_entry entry = {(uint32_t)key.bytes, value_bytes};
    slu_buf_append(&pile->rows, &entry, sizeof entry);
    slu_buf_append(&pile->rows, key.data, key.bytes);
    slu_buf_append(&pile->rows, value.data, value.bytes);
    slu_buf_pad(&pile->rows, PILE_UNIT);
    const slu_status status = slu_buf_status(&pile->rows, err);
    if (status != SLU_OK) { /* as if nothing had been said: there may be memory the next time */
        pile->rows.failed = SLU_OK;
        pile->rows.bytes = place;
        return status;
    }
    pile->count += *slot == 0;
    *slot = (uint32_t)(place / PILE_UNIT) + 1;
    return SLU_OK;
}

slu_status
slu_row_pile_put(slu_row_pile *pile, slu_view key, slu_view value, slu_error *err)
{
    return pile_write(pile, key, value, (uint32_t)value.bytes, err);
}

slu_status
slu_row_pile_erase(slu_row_pile *pile, slu_view key, slu_error *err)
{
    const slu_view nothing = {0};
    return pile_write(pile, key, nothing, PILE_ERASED, err);
}

bool
slu_row_pile_get(const slu_row_pile *pile, slu_view key, slu_view *out_value)
{
    if (pile->count == 0)
        return false;
    const uint32_t slot = *pile_slot(pile, key);
    if (slot == 0)
        return false;
    *out_value = entry_value(pile_at(pile, slot));
    return true;
}

size_t
slu_row_pile_bytes(const slu_row_pile *pile)
{
    return pile->rows.bytes + pile->slot_count * sizeof *pile->slots;
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
slu_row_pile_each(const slu_row_pile *pile, void (*row)(void *context, slu_view key, slu_view value), void *context, slu_error *err)
{
    size_t count = 0;
    pile_order *order = slu_alloc((pile->count + 1) * sizeof *order);
    if (order == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to sort %zu rows", pile->count);
    for (size_t i = 0; i < pile->slot_count; i++) {
        if (pile->slots[i] == 0)
            continue;
        order[count].entry = pile_at(pile, pile->slots[i]);
        order[count].begins = key_begins(entry_key(order[count].entry));
        count++;
    }
    qsort(order, count, sizeof *order, order_of_entries);
    for (size_t i = 0; i < count; i++)
        row(context, entry_key(order[i].entry), entry_value(order[i].entry));
    slu_free(order);
    return SLU_OK;
}
