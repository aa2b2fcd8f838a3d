#include "iceberg_care/locations.h"

#include "base/hash.h"

#include <stdio.h>

void
iceberg_locations_init(iceberg_locations *set)
{
    memset(set, 0, sizeof *set);
    slu_arena_init(&set->arena, ICEBERG_LOCATIONS_BYTES_MAX);
}

void
iceberg_locations_fini(iceberg_locations *set)
{
    slu_arena_fini(&set->arena);
    memset(set, 0, sizeof *set);
}

const char *
iceberg_location_key(const char *location, char *out)
{
    if (strncmp(location, "file:", 5) == 0) {
        const char *path = location + 5;
        while (path[0] == '/' && path[1] == '/')
            path++;
        return path;
    }
    if (strncmp(location, "s3a://", 6) != 0 && strncmp(location, "s3n://", 6) != 0)
        return location;
    const int bytes = snprintf(out, ICEBERG_LOCATION_BYTES_MAX, "s3%s", location + 3);
    return bytes < 0 || bytes >= ICEBERG_LOCATION_BYTES_MAX ? location : out;
}

const char *
iceberg_location_below(const char *location, const char *folder)
{
    char rooms[2][ICEBERG_LOCATION_BYTES_MAX];
    const char *at = iceberg_location_key(location, rooms[0]);
    const char *from = iceberg_location_key(folder, rooms[1]);
    size_t bytes = strlen(from);
    while (bytes > 0 && from[bytes - 1] == '/')
        bytes--;
    if (strncmp(at, from, bytes) != 0 || at[bytes] != '/' || at[bytes + 1] == 0)
        return NULL;
    return location + (strlen(location) - strlen(at + bytes + 1));
}

/* The slot of a key, or the free one where it would be. */
static size_t
slot_of(const iceberg_locations *set, const char *key)
{
    size_t slot = (size_t)slu_hash64(key, strlen(key)) & (set->capacity - 1);
    while (set->slots[slot] != NULL && strcmp(set->slots[slot], key) != 0)
        slot = (slot + 1) & (set->capacity - 1);
    return slot;
}

static slu_status
locations_grow(iceberg_locations *set, slu_error *err)
{
    iceberg_locations larger = *set;
    larger.capacity = set->capacity == 0 ? 256 : set->capacity * 2;
    larger.slots = slu_arena_array(&set->arena, larger.capacity, sizeof *larger.slots);
    SLU_TRY(slu_arena_status(&set->arena, err));
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != NULL)
            larger.slots[slot_of(&larger, set->slots[i])] = set->slots[i];
    set->slots = larger.slots;
    set->capacity = larger.capacity;
    return SLU_OK;
}

slu_status
iceberg_locations_add(iceberg_locations *set, const char *location, bool *out_new, slu_error *err)
{
    char room[ICEBERG_LOCATION_BYTES_MAX];
    const char *key = iceberg_location_key(location, room);
    if (set->count * 2 >= set->capacity)
        SLU_TRY(locations_grow(set, err));
    const size_t slot = slot_of(set, key);
    const bool is_new = set->slots[slot] == NULL;
    if (out_new != NULL)
        *out_new = is_new;
    if (!is_new)
        return SLU_OK;
    set->slots[slot] = slu_arena_strdup(&set->arena, key);
    SLU_TRY(slu_arena_status(&set->arena, err));
    set->count++;
    return SLU_OK;
}

bool
iceberg_locations_have(const iceberg_locations *set, const char *location)
{
    char room[ICEBERG_LOCATION_BYTES_MAX];
    return set->capacity != 0 && set->slots[slot_of(set, iceberg_location_key(location, room))] != NULL;
}
