#include "slots.h"

#include <stdlib.h>
#include <string.h>

#define GENERATION_MAX 0xffffffu /* fits beside a word's bits */

static const rule *
rule_of(const rules *set, const char *id)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].id, id) == 0)
            return &set->items[i];
    return NULL;
}

/* Whether the state of a block lives long enough for the rule, and is forgotten when it may be. */
static bool
lifetime_fits(const slot_block *b, const rule *r)
{
    return b->ttl_ms == 0 || (r->time_column < 0 && r->within_ms <= b->ttl_ms);
}

static void
slot_give(rule *r, const slot *s)
{
    r->block = s->block;
    r->state_at = s->at;
    r->generation = s->generation;
}

static void
slots_free_gone(slots *all, const rules *set)
{
    for (uint32_t i = 0; i < all->count; i++) {
        slot *s = &all->items[i];
        const rule *r = s->id[0] == 0 ? NULL : rule_of(set, s->id);
        if (s->id[0] == 0 || (r != NULL && r->condition_count == s->conditions && lifetime_fits(&all->blocks[s->block], r)))
            continue;
        s->id[0] = 0;
        s->generation++;
    }
}

/* Its own slot, or a free one. */
static slot *
slot_find(slots *all, const rule *r)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].id, r->id) == 0)
            return &all->items[i];
    for (uint32_t i = 0; i < all->count; i++) {
        slot *s = &all->items[i];
        if (s->id[0] == 0 && s->width >= r->condition_count && s->generation < GENERATION_MAX &&
            lifetime_fits(&all->blocks[s->block], r))
            return s;
    }
    return NULL;
}

static slot *
slot_new(slots *all, const rule *r, slot_block *b)
{
    slot *s = &all->items[all->count++];
    *s = (slot){.block = all->block_count, .at = b->bytes, .width = r->condition_count};
    if (b->bytes == 0 || b->ttl_ms != 0) /* the longest; 0 as soon as one rule goes by a column */
        b->ttl_ms = r->time_column >= 0 ? 0 : r->within_ms > b->ttl_ms ? r->within_ms : b->ttl_ms;
    b->bytes += (uint32_t)sizeof(int64_t) * r->condition_count;
    return s;
}

slu_status
slots_assign(slots *all, rules *set, slu_error *err)
{
    slot_block fresh = {0};
    slots_free_gone(all, set);
    for (uint32_t i = 0; i < set->count; i++) {
        rule *r = &set->items[i];
        slot *s = slot_find(all, r);
        if (s == NULL && (all->count == SLOTS_MAX || all->block_count == BLOCKS_MAX))
            return slu_error_set(err, SLU_LIMIT,
                                 "no place is left for the state of rule %s among those of sets before: start the job again from a "
                                 "savepoint, with this set in its descriptor",
                                 r->id);
        if (s == NULL)
            s = slot_new(all, r, &fresh);
        memcpy(s->id, r->id, sizeof s->id);
        s->conditions = r->condition_count;
        slot_give(r, s);
    }
    if (fresh.bytes > 0)
        all->blocks[all->block_count++] = fresh;
    return SLU_OK;
}

/* ---- Format ----------------------------------------------------------------------------------------------------------------- */

static uint8_t *
put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

slu_status
slots_encode(const slots *all, uint8_t **out, uint64_t *bytes, slu_error *err)
{
    uint8_t *made = malloc(8 + sizeof all->blocks + sizeof all->items);
    uint8_t *at = made;
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory");
    at = put(at, all->block_count, 4);
    for (uint32_t i = 0; i < all->block_count; i++)
        at = put(put(at, all->blocks[i].bytes, 4), (uint64_t)all->blocks[i].ttl_ms, 8);
    at = put(at, all->count, 4);
    for (uint32_t i = 0; i < all->count; i++) {
        const slot *s = &all->items[i];
        const uint32_t id_bytes = (uint32_t)strlen(s->id);
        at = put(put(put(at, s->block, 4), s->at, 4), s->width, 4);
        at = put(put(put(at, s->conditions, 4), s->generation, 4), id_bytes, 4);
        memcpy(at, s->id, id_bytes);
        at += id_bytes;
    }
    *out = made;
    *bytes = (uint64_t)(at - made);
    return SLU_OK;
}

typedef struct from {
    const uint8_t *at, *end;
    bool bad;
} from;

static uint64_t
get(from *f, unsigned bytes)
{
    uint64_t value = 0;
    if ((size_t)(f->end - f->at) < bytes) {
        f->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)*f->at++ << (8 * i);
    return value;
}

static bool
slot_get(from *f, const slots *all, slot *s)
{
    *s = (slot){.block = (uint32_t)get(f, 4), .at = (uint32_t)get(f, 4), .width = (uint32_t)get(f, 4)};
    s->conditions = (uint32_t)get(f, 4);
    s->generation = (uint32_t)get(f, 4);
    const uint64_t id_bytes = get(f, 4);
    if (f->bad || id_bytes >= sizeof s->id || id_bytes > (uint64_t)(f->end - f->at) || s->block >= all->block_count ||
        s->width > CONDITIONS_MAX || s->conditions > s->width || s->generation > GENERATION_MAX || s->at % 8 != 0 ||
        s->at > all->blocks[s->block].bytes || all->blocks[s->block].bytes - s->at < 8 * s->width)
        return false;
    memcpy(s->id, f->at, (size_t)id_bytes);
    f->at += id_bytes;
    return true;
}

slu_status
slots_decode(const void *data, uint64_t bytes, slots *out, slu_error *err)
{
    from f = {data, (const uint8_t *)data + bytes, false};
    memset(out, 0, sizeof *out);
    const uint64_t block_count = get(&f, 4);
    for (uint32_t i = 0; !f.bad && block_count <= BLOCKS_MAX && i < block_count; i++)
        out->blocks[i] = (slot_block){.bytes = (uint32_t)get(&f, 4), .ttl_ms = (int64_t)get(&f, 8)};
    out->block_count = (uint32_t)block_count;
    const uint64_t count = get(&f, 4);
    bool good = !f.bad && block_count <= BLOCKS_MAX && count <= SLOTS_MAX;
    for (uint32_t i = 0; good && i < count; i++)
        good = slot_get(&f, out, &out->items[i]);
    out->count = (uint32_t)count;
    return good && f.at == f.end ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "fraud_filter: where its rules keep state is damaged");
}
