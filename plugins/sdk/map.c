#include <sluice/sdk/map.h>

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64
#define ENTRIES_MAX (1 << 30)
#define AHEAD_SLOT 16
#define AHEAD_ENTRY 8

void
sdk_map_init(sdk_map *map)
{
    memset(map, 0, sizeof *map);
    map->dead_first = -1;
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
    if (map->live > 0)
        memset(map->slots, 0xff, ((size_t)map->slot_mask + 1) * sizeof *map->slots);
    map->entry_count = 0;
    map->live = 0;
    map->dead_first = -1;
}

static bool
entry_is(const sdk_map *map, int32_t index, const void *key, uint32_t key_bytes)
{
    const sdk_map_entry *entry = &map->entries[index];
    if (entry->key_bytes != key_bytes)
        return false;
    return memcmp(key_bytes <= SDK_MAP_NEAR_BYTES ? entry->key.near : entry->key.far, key, key_bytes) == 0;
}

int32_t
sdk_map_find(const sdk_map *map, uint32_t hash, const void *key, uint32_t key_bytes)
{
    if (map->live == 0)
        return -1;
    for (uint32_t at = sdk_map_home(map, hash);; at = (at + 1) & map->slot_mask) {
        const sdk_map_slot slot = map->slots[at];
        if (slot.index < 0 || (slot.hash == hash && entry_is(map, slot.index, key, key_bytes)))
            return slot.index;
    }
}

void
sdk_map_find_many(const sdk_map *map, const slu_keys *keys, int32_t *out)
{
    for (int64_t i = 0; i < keys->count; i++) {
        if (i + AHEAD_SLOT < keys->count)
            sdk_map_prefetch_slot(map, keys->hashes[i + AHEAD_SLOT]);
        if (i + AHEAD_ENTRY < keys->count)
            sdk_map_prefetch_entry(map, keys->hashes[i + AHEAD_ENTRY]);
        const int64_t at = keys->key_bytes != 0 ? i * (int64_t)keys->key_bytes : keys->offsets[i];
        const uint32_t bytes = keys->key_bytes != 0 ? keys->key_bytes : (uint32_t)(keys->offsets[i + 1] - keys->offsets[i]);
        out[i] = sdk_map_find(map, keys->hashes[i], keys->data + at, bytes);
    }
}

static void
slot_insert(sdk_map *map, int32_t index)
{
    uint32_t at = sdk_map_home(map, map->entries[index].hash);
    while (map->slots[at].index >= 0)
        at = (at + 1) & map->slot_mask;
    map->slots[at].hash = map->entries[index].hash;
    map->slots[at].index = index;
}

/* At most half of the slots are used, so that a search is short and always ends. */
static bool
slots_room(sdk_map *map)
{
    if (map->slots != NULL && (uint32_t)map->live * 2 < map->slot_mask)
        return true;
    const size_t count = map->slots == NULL ? SLOTS_FIRST : ((size_t)map->slot_mask + 1) * 2;
    sdk_map_slot *slots = malloc(count * sizeof *slots);
    if (slots == NULL || map->live >= ENTRIES_MAX) {
        free(slots);
        return false;
    }
    memset(slots, 0xff, count * sizeof *slots);
    free(map->slots);
    map->slots = slots;
    map->slot_mask = (uint32_t)count - 1;
    for (int32_t i = 0; i < map->entry_count; i++)
        if (sdk_map_is_live(map, i))
            slot_insert(map, i);
    return true;
}

static int32_t
entry_new(sdk_map *map)
{
    if (map->dead_first >= 0) {
        const int32_t index = map->dead_first;
        map->dead_first = (int32_t)map->entries[index].hash;
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
    sdk_map_entry *entry = &map->entries[index];
    if (key_bytes <= SDK_MAP_NEAR_BYTES)
        memcpy(entry->key.near, key, key_bytes);
    else
        entry->key.far = key;
    entry->key_bytes = key_bytes;
    entry->hash = hash;
    map->live++;
    slot_insert(map, index);
    return index;
}

void
sdk_map_rekey(sdk_map *map, int32_t index, const void *key)
{
    if (map->entries[index].key_bytes > SDK_MAP_NEAR_BYTES)
        map->entries[index].key.far = key;
}

/* Closes the gap: later slots of the same run move back where they may. */
static void
slot_remove(sdk_map *map, uint32_t hole)
{
    for (uint32_t next = (hole + 1) & map->slot_mask; map->slots[next].index >= 0; next = (next + 1) & map->slot_mask) {
        const uint32_t home = sdk_map_home(map, map->slots[next].hash);
        if (((next - home) & map->slot_mask) < ((next - hole) & map->slot_mask))
            continue;
        map->slots[hole] = map->slots[next];
        hole = next;
    }
    map->slots[hole].index = -1;
}

void
sdk_map_remove(sdk_map *map, int32_t index)
{
    uint32_t at = sdk_map_home(map, map->entries[index].hash);
    while (map->slots[at].index != index)
        at = (at + 1) & map->slot_mask;
    slot_remove(map, at);
    map->entries[index].key_bytes = SDK_MAP_DEAD;
    map->entries[index].hash = (uint32_t)map->dead_first;
    map->dead_first = index;
    map->live--;
}
