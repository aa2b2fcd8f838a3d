#include "key_map.h"

#include "base/alloc.h"
#include "base/hash.h"

#define KEY_BYTES_MAX ((size_t)1 << 31)

typedef struct entry {
    uint64_t hash;
    size_t key_at;
    int64_t value;
    uint32_t key_bytes;
} entry;

struct cli_key_map {
    slu_buf keys;
    entry *entries;
    uint32_t entry_count;
    uint32_t entry_capacity;
    uint32_t *slots; /* entry number + 1; 0: free */
    uint32_t slot_count;
};

slu_status
cli_key_map_new(cli_key_map **out, slu_error *err)
{
    cli_key_map *map = slu_alloc_zero(1, sizeof *map);
    if (map == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    slu_buf_init(&map->keys, KEY_BYTES_MAX);
    *out = map;
    return SLU_OK;
}

void
cli_key_map_free(cli_key_map **pointer)
{
    cli_key_map *map = slu_take(pointer);
    if (map == NULL)
        return;
    slu_buf_fini(&map->keys);
    slu_free(map->entries);
    slu_free(map->slots);
    slu_free(map);
}

/* The slot of a key, or the free one where it belongs. */
static uint32_t
slot_find(const cli_key_map *map, uint64_t hash, slu_view key)
{
    uint32_t slot = (uint32_t)hash & (map->slot_count - 1);
    while (map->slots[slot] != 0) {
        const entry *at = &map->entries[map->slots[slot] - 1];
        if (at->hash == hash && slu_view_equal(slu_view_of(map->keys.data + at->key_at, at->key_bytes), key))
            break;
        slot = (slot + 1) & (map->slot_count - 1);
    }
    return slot;
}

static bool
slots_grow(cli_key_map *map)
{
    const uint32_t count = map->slot_count == 0 ? 1024 : map->slot_count * 2;
    uint32_t *slots = slu_alloc_zero(count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < map->entry_count; i++) {
        uint32_t slot = (uint32_t)map->entries[i].hash & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    slu_free(map->slots);
    map->slots = slots;
    map->slot_count = count;
    return true;
}

static bool
entries_grow(cli_key_map *map)
{
    const uint32_t capacity = map->entry_capacity == 0 ? 1024 : map->entry_capacity * 2;
    entry *entries = slu_realloc(map->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return false;
    map->entries = entries;
    map->entry_capacity = capacity;
    return true;
}

slu_status
cli_key_map_set(cli_key_map *map, slu_view key, int64_t value, slu_error *err)
{
    const uint64_t hash = slu_hash64(key.data, key.bytes);
    if ((map->entry_count + 1) * 2 > map->slot_count && !slots_grow(map))
        return slu_error_set(err, SLU_NOMEM, "no memory for %u keys", map->entry_count);
    const uint32_t slot = slot_find(map, hash, key);
    if (map->slots[slot] == 0) {
        if (map->entry_count == map->entry_capacity && !entries_grow(map))
            return slu_error_set(err, SLU_NOMEM, "no memory for %u keys", map->entry_count);
        map->entries[map->entry_count] = (entry){.hash = hash, .key_at = map->keys.bytes, .key_bytes = (uint32_t)key.bytes};
        slu_buf_append(&map->keys, key.data, key.bytes);
        SLU_TRY(slu_buf_status(&map->keys, err));
        map->slots[slot] = ++map->entry_count;
    }
    map->entries[map->slots[slot] - 1].value = value;
    return SLU_OK;
}

bool
cli_key_map_get(const cli_key_map *map, slu_view key, int64_t *out)
{
    if (map->slot_count == 0)
        return false;
    const uint32_t number = map->slots[slot_find(map, slu_hash64(key.data, key.bytes), key)];
    if (number != 0)
        *out = map->entries[number - 1].value;
    return number != 0;
}

uint32_t
cli_key_map_count(const cli_key_map *map)
{
    return map->entry_count;
}

int64_t
cli_key_map_value(const cli_key_map *map, uint32_t at)
{
    return map->entries[at].value;
}
