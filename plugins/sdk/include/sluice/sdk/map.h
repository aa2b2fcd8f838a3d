/*
 * map.h: key bytes to small numbers: de-duplicating a batch's keys, caches, tables in memory.
 *
 * Shape    open addressing; an entry's index is stable until it is removed, and indices of removed entries are used again. Values live in
 *          the caller's own arrays, by index.
 * Owns     its tables, not the key bytes: the pointer given to put must stay valid while the entry is there (sdk_map_rekey moves it).
 * Threads  owner.
 * Limits   2^30 entries.
 */
#ifndef SLUICE_SDK_MAP_H
#define SLUICE_SDK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sdk_map_entry {
    const uint8_t *key; /* NULL: not in use */
    uint32_t key_bytes;
    uint32_t hash;
} sdk_map_entry;

typedef struct sdk_map {
    int32_t *slots; /* -1: empty */
    uint32_t slot_mask;
    sdk_map_entry *entries;
    int32_t entry_count; /* used and free ones */
    int32_t entry_capacity;
    int32_t live;
    int32_t free_first; /* free entries, chained through key_bytes; -1: none */
} sdk_map;

void sdk_map_init(sdk_map *map);
void sdk_map_fini(sdk_map *map);  /* safe on a zeroed one, and twice */
void sdk_map_reset(sdk_map *map); /* empty, memory kept */
/* The entry's index; -1: not there. */
int32_t sdk_map_find(const sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes);
/* The index of the entry, made if need be (*added); -1: no memory. */
int32_t sdk_map_put(sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes, bool *added);
void sdk_map_rekey(sdk_map *map, int32_t index, const void *key); /* the same bytes at another place */
void sdk_map_remove(sdk_map *map, int32_t index);

#ifdef __cplusplus
}
#endif
#endif
