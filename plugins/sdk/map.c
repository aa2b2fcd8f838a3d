#include <sluice/sdk/map.h>

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64
#define ENTRIES_MAX (1 << 30)

void
sdk_map_init(sdk_map *map)
{
    memset(map, 0, sizeof *map);
    map->free_first = -1;
}

void
sdk_map_fini(sdk_map *map)
{
    free(map->slots);
    free(map->entries);
    sdk_map_init(map);
}

void
sdk_map_reset(sdk_map *map)
{
    /* Few entries in a large table: empty their slots alone. */
    if (map->live > 0)
        memset(map->slots, 0xff, ((size_t)map->slot_mask + 1) * sizeof *map->slots);
    map->entry_count = 0;
    map->live = 0;
    map->free_first = -1;
}

/* The key hash also chose the key group and the subtask, so its bits are mixed again. */
static uint32_t
slot_of(const sdk_map *map, uint32_t hash)
{
    return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & map->slot_mask;
}

static bool
entry_is(const sdk_map_entry *entry, uint32_t hash, const void *key, uint32_t key_bytes)
{
    return entry->hash == hash && entry->key_bytes == key_bytes && memcmp(entry->key, key, key_bytes) == 0;
}

int32_t
sdk_map_find(const sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes)
{
    if (map->live == 0)
        return -1;
    for (uint32_t slot = slot_of(map, hash);; slot = (slot + 1) & map->slot_mask) {
        const int32_t index = map->slots[slot];
        if (index < 0 || entry_is(&map->entries[index], hash, key, key_bytes))
            return index;
    }
}

static void
slot_insert(sdk_map *map, int32_t index)
{
    uint32_t slot = slot_of(map, map->entries[index].hash);
    while (map->slots[slot] >= 0)
        slot = (slot + 1) & map->slot_mask;
    map->slots[slot] = index;
}

/* At most half of the slots are used, so that a search is short and always ends. */
static bool
slots_room(sdk_map *map)
{
    if (map->slots != NULL && (uint32_t)map->live * 2 < map->slot_mask)
        return true;
    const size_t count = map->slots == NULL ? SLOTS_FIRST : ((size_t)map->slot_mask + 1) * 2;
    int32_t *slots = malloc(count * sizeof *slots);
    if (slots == NULL || map->live >= ENTRIES_MAX) {
        free(slots);
        return false;
    }
    memset(slots, 0xff, count * sizeof *slots);
    free(map->slots);
    map->slots = slots;
    map->slot_mask = (uint32_t)count - 1;
    for (int32_t i = 0; i < map->entry_count; i++)
        if (map->entries[i].key != NULL)
            slot_insert(map, i);
    return true;
}

static int32_t
entry_new(sdk_map *map)
{
    if (map->free_first >= 0) {
        const int32_t index = map->free_first;
        map->free_first = (int32_t)map->entries[index].key_bytes;
        return index;
    }
    if (map->entry_count == map->entry_capacity) {
        const int32_t capacity = map->entry_capacity == 0 ? 64 : map->entry_capacity * 2;
        sdk_map_entry *wider = realloc(map->entries, (size_t)capacity * sizeof *wider);
        if (wider == NULL)
            return -1;
        map->entries = wider;
        map->entry_capacity = capacity;
    }
    return map->entry_count++;
}

int32_t
sdk_map_put(sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes, bool *added)
{
    int32_t index = sdk_map_find(map, hash, key, key_bytes);
    *added = index < 0;
    if (index >= 0)
        return index;
    if (!slots_room(map) || (index = entry_new(map)) < 0)
        return -1;
    map->entries[index].key = key;
    map->entries[index].key_bytes = key_bytes;
    map->entries[index].hash = hash;
    map->live++;
    slot_insert(map, index);
    return index;
}

void
sdk_map_rekey(sdk_map *map, int32_t index, const void *key)
{
    map->entries[index].key = key;
}

/* Closes the gap: later entries of the same run move back where they may. */
static void
slot_remove(sdk_map *map, uint32_t hole)
{
    for (uint32_t next = (hole + 1) & map->slot_mask; map->slots[next] >= 0; next = (next + 1) & map->slot_mask) {
        const uint32_t home = slot_of(map, map->entries[map->slots[next]].hash);
        if (((next - home) & map->slot_mask) < ((next - hole) & map->slot_mask))
            continue;
        map->slots[hole] = map->slots[next];
        hole = next;
    }
    map->slots[hole] = -1;
}

void
sdk_map_remove(sdk_map *map, int32_t index)
{
    uint32_t slot = slot_of(map, map->entries[index].hash);
    while (map->slots[slot] != index)
        slot = (slot + 1) & map->slot_mask;
    slot_remove(map, slot);
    map->entries[index].key = NULL;
    map->entries[index].key_bytes = (uint32_t)map->free_first;
    map->free_first = index;
    map->live--;
}
