/*
 * map.h: key bytes to small numbers: de-duplicating a batch's keys, caches, tables in memory.
 *
 * Shape    open addressing; an entry's index is stable until it is removed, and indices of removed entries are used again. Values live in
 *          the caller's own arrays, by index.
 * Owns     its tables, and keys of up to SDK_MAP_NEAR_BYTES bytes. A longer key is pointed to: the pointer given to put must stay valid
 *          while the entry is there (sdk_map_rekey moves it).
 * Threads  owner.
 * Limits   2^30 entries.
 */
#ifndef SLUICE_SDK_MAP_H
#define SLUICE_SDK_MAP_H

#include <sluice/plugin.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_MAP_NEAR_BYTES 16
#define SDK_MAP_DEAD UINT32_MAX

typedef struct sdk_map_entry {
    union {
        const uint8_t *far;
        uint8_t near[SDK_MAP_NEAR_BYTES];
    } key;
    uint32_t key_bytes; /* SDK_MAP_DEAD: not in use */
    uint32_t hash;      /* of a dead one: the next dead one */
} sdk_map_entry;

/* The hash beside the index: a search that does not end here does not touch the entry. */
typedef struct sdk_map_slot {
    uint32_t hash;
    int32_t index; /* -1: empty */
} sdk_map_slot;

typedef struct sdk_map {
    sdk_map_slot *slots;
    uint32_t slot_mask;
    sdk_map_entry *entries;
    int32_t entry_count; /* live and dead ones */
    int32_t entry_capacity;
    int32_t live;
    int32_t dead_first; /* -1: none */
} sdk_map;

static inline bool
sdk_map_is_live(const sdk_map *map, int32_t index)
{
    return map->entries[index].key_bytes != SDK_MAP_DEAD;
}

static inline const uint8_t *
sdk_map_key(const sdk_map *map, int32_t index)
{
    const sdk_map_entry *entry = &map->entries[index];
    return entry->key_bytes <= SDK_MAP_NEAR_BYTES ? entry->key.near : entry->key.far;
}

/* The key hash also chose the key group and the subtask, so its bits are mixed again. */
static inline uint32_t
sdk_map_home(const sdk_map *map, uint32_t hash)
{
    return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & map->slot_mask;
}

/* For loops over many keys: ask for the slot a dozen keys ahead, for the entry half a dozen. */
static inline void
sdk_map_prefetch_slot(const sdk_map *map, uint32_t hash)
{
    if (map->live != 0)
        __builtin_prefetch(&map->slots[sdk_map_home(map, hash)]);
}

static inline void
sdk_map_prefetch_entry(const sdk_map *map, uint32_t hash)
{
    if (map->live == 0)
        return;
    const int32_t index = map->slots[sdk_map_home(map, hash)].index;
    if (index >= 0)
        __builtin_prefetch(&map->entries[index]);
}

void sdk_map_init(sdk_map *map);
void sdk_map_fini(sdk_map *map);  /* safe on a zeroed one, and twice */
void sdk_map_reset(sdk_map *map); /* empty, memory kept */
/* The entry's index; -1: not there. */
int32_t sdk_map_find(const sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes);
/* The index of the entry, made if need be (*added); -1: no memory. */
int32_t sdk_map_put(sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes, bool *added);
/* The index of each key of a batch, -1 where it is not there. */
void sdk_map_find_many(const sdk_map *map, const slu_keys *keys, int32_t *out);
void sdk_map_rekey(sdk_map *map, int32_t index, const void *key); /* the same bytes at another place */
void sdk_map_remove(sdk_map *map, int32_t index);

#ifdef __cplusplus
}
#endif
#endif
