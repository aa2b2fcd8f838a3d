#include "kv/row_cache.h"

#include "base/alloc.h"
#include "base/hash.h"

#define ROW_CACHE_WAYS 4
#define ROW_CACHE_UNIT 16         /* bytes */
#define ROW_CACHE_ROW_PART 64     /* no row may have more than this part of the ring */
#define ROW_CACHE_BYTES_A_SLOT 32 /* of the ring */
#define ROW_CACHE_BYTES_MIN 65536
#define ROW_CACHE_PLACE_BITS 40
#define ROW_CACHE_PLACE_MASK ((UINT64_C(1) << ROW_CACHE_PLACE_BITS) - 1)

typedef struct row_entry {
    uint32_t store;
    uint32_t value_bytes;
    uint32_t key_bytes;
    uint32_t unused;
} row_entry;

struct slu_row_cache {
    uint8_t *ring;
    size_t bytes;
    uint64_t head;   /* place where the next entry goes, in bytes since the beginning; 0 is no place */
    uint64_t *slots; /* 0: empty */
    size_t sets;
};

slu_status
slu_row_cache_new(size_t bytes, slu_row_cache **out, slu_error *err)
{
    *out = NULL;
    if (bytes == 0)
        return SLU_OK;
    slu_row_cache *cache = slu_alloc_zero(1, sizeof *cache);
    if (cache == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a cache of rows");
    for (cache->bytes = ROW_CACHE_BYTES_MIN; cache->bytes * 2 <= bytes;)
        cache->bytes *= 2;
    cache->sets = cache->bytes / ROW_CACHE_BYTES_A_SLOT / ROW_CACHE_WAYS;
    cache->head = cache->bytes;
    cache->ring = slu_alloc(cache->bytes);
    cache->slots = slu_alloc_zero(cache->sets * ROW_CACHE_WAYS, sizeof *cache->slots);
    if (cache->ring == NULL || cache->slots == NULL) {
        slu_row_cache_free(&cache);
        return slu_error_set(err, SLU_NOMEM, "no memory for a cache of rows of %zu bytes", bytes);
    }
    *out = cache;
    return SLU_OK;
}

void
slu_row_cache_free(slu_row_cache **cache)
{
    if (*cache == NULL)
        return;
    slu_free((*cache)->ring);
    slu_free((*cache)->slots);
    slu_free(*cache);
    *cache = NULL;
}

static void
cache_begin(slu_row_cache *cache)
{
    memset(cache->slots, 0, cache->sets * ROW_CACHE_WAYS * sizeof *cache->slots);
    cache->head = cache->bytes;
}

static uint64_t
row_hash(uint32_t store, slu_view key)
{
    return slu_hash64(key.data, key.bytes) ^ (uint64_t)store * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t
slot_place(uint64_t slot)
{
    return (slot & ROW_CACHE_PLACE_MASK) * ROW_CACHE_UNIT;
}

static uint64_t
slot_make(uint64_t hash, uint64_t place)
{
    return (hash & ~ROW_CACHE_PLACE_MASK) | place / ROW_CACHE_UNIT;
}

static uint64_t *
cache_set(const slu_row_cache *cache, uint64_t hash)
{
    return &cache->slots[(hash & (cache->sets - 1)) * ROW_CACHE_WAYS];
}

static bool
cache_has(const slu_row_cache *cache, uint64_t place)
{
    return place != 0 && cache->head - place <= cache->bytes;
}

/* The entry of a slot when it is this key's. */
static const row_entry *
cache_entry(const slu_row_cache *cache, uint64_t slot, uint64_t hash, uint32_t store, slu_view key)
{
    const uint64_t place = slot_place(slot);
    if ((slot ^ hash) >> ROW_CACHE_PLACE_BITS != 0 || !cache_has(cache, place))
        return NULL;
    const row_entry *entry = (const row_entry *)(const void *)(cache->ring + (place & (cache->bytes - 1)));
    if (entry->store != store || entry->key_bytes != key.bytes || memcmp(entry + 1, key.data, key.bytes) != 0)
        return NULL;
    return entry;
}

bool
slu_row_cache_get(slu_row_cache *cache, uint32_t store, slu_view key, slu_view *out_value)
{
    if (cache == NULL)
        return false;
    const uint64_t hash = row_hash(store, key);
    uint64_t *set = cache_set(cache, hash);
    for (int way = 0; way < ROW_CACHE_WAYS; way++) {
        const row_entry *entry = cache_entry(cache, set[way], hash, store, key);
        if (entry == NULL)
            continue;
        *out_value = slu_view_of((const uint8_t *)(entry + 1) + entry->key_bytes, entry->value_bytes);
        return true;
    }
    return false;
}

/* The slot for a key: its own, else one that is free, else the one whose entry is oldest. */
static uint64_t *
cache_slot(const slu_row_cache *cache, uint64_t hash, uint32_t store, slu_view key)
{
    uint64_t *set = cache_set(cache, hash);
    uint64_t *oldest = set;
    for (int way = 0; way < ROW_CACHE_WAYS; way++) {
        if (cache_entry(cache, set[way], hash, store, key) != NULL)
            return &set[way];
        if (slot_place(set[way]) < slot_place(*oldest))
            oldest = &set[way];
    }
    return oldest;
}

/* Where an entry of so many bytes goes: in one piece, so what is left at the ring's end is passed over. */
static uint8_t *
cache_room(slu_row_cache *cache, size_t bytes, uint64_t *out_place)
{
    const size_t units = (bytes + ROW_CACHE_UNIT - 1) / ROW_CACHE_UNIT * ROW_CACHE_UNIT;
    const size_t at = (size_t)(cache->head & (cache->bytes - 1));
    if (at + units > cache->bytes)
        cache->head += cache->bytes - at;
    *out_place = cache->head;
    cache->head += units;
    return cache->ring + (*out_place & (cache->bytes - 1));
}

void
slu_row_cache_put(slu_row_cache *cache, uint32_t store, slu_view key, slu_view head, slu_view tail)
{
    uint64_t place = 0;
    if (cache == NULL)
        return;
    if (cache->head >= (ROW_CACHE_PLACE_MASK - 2 * (cache->bytes / ROW_CACHE_UNIT)) * ROW_CACHE_UNIT)
        cache_begin(cache); /* after 16 TiB the places are used up */
    const size_t bytes = sizeof(row_entry) + key.bytes + head.bytes + tail.bytes;
    if (bytes > cache->bytes / ROW_CACHE_ROW_PART) {
        slu_row_cache_drop(cache, store, key);
        return;
    }
    const uint64_t hash = row_hash(store, key);
    uint64_t *slot = cache_slot(cache, hash, store, key);
    uint8_t *at = cache_room(cache, bytes, &place);
    const row_entry entry = {store, (uint32_t)(head.bytes + tail.bytes), (uint32_t)key.bytes, 0};
    memcpy(at, &entry, sizeof entry);
    memcpy(at + sizeof entry, key.data, key.bytes);
    if (head.bytes != 0)
        memcpy(at + sizeof entry + key.bytes, head.data, head.bytes);
    if (tail.bytes != 0)
        memcpy(at + sizeof entry + key.bytes + head.bytes, tail.data, tail.bytes);
    *slot = slot_make(hash, place);
}

void
slu_row_cache_drop(slu_row_cache *cache, uint32_t store, slu_view key)
{
    if (cache == NULL)
        return;
    const uint64_t hash = row_hash(store, key);
    uint64_t *set = cache_set(cache, hash);
    for (int way = 0; way < ROW_CACHE_WAYS; way++)
        if (cache_entry(cache, set[way], hash, store, key) != NULL)
            set[way] = 0;
}
