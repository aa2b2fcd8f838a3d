#include "iceberg_care/removal.h"

#include <stdlib.h>

#define REMOVAL_BYTES_MAX ((size_t)2 << 30)

void
iceberg_removal_init(iceberg_removal *removal)
{
    memset(removal, 0, sizeof *removal);
    slu_arena_init(&removal->arena, REMOVAL_BYTES_MAX);
}

void
iceberg_removal_fini(iceberg_removal *removal)
{
    slu_arena_fini(&removal->arena);
    memset(removal, 0, sizeof *removal);
}

slu_status
iceberg_removal_add(iceberg_removal *removal, const char *location, int order, slu_error *err)
{
    if (removal->count == removal->capacity) {
        const size_t wanted = removal->capacity == 0 ? 64 : removal->capacity * 2;
        iceberg_doomed *grown = slu_arena_array(&removal->arena, wanted, sizeof *grown);
        SLU_TRY(slu_arena_status(&removal->arena, err));
        if (removal->count != 0)
            memcpy(grown, removal->items, removal->count * sizeof *grown);
        removal->items = grown;
        removal->capacity = wanted;
    }
    removal->items[removal->count] = (iceberg_doomed){slu_arena_strdup(&removal->arena, location), order};
    SLU_TRY(slu_arena_status(&removal->arena, err));
    removal->count++;
    return SLU_OK;
}

static int
doomed_compare(const void *a, const void *b)
{
    const iceberg_doomed *left = a;
    const iceberg_doomed *right = b;
    return left->order != right->order ? left->order - right->order : strcmp(left->location, right->location);
}

int64_t
iceberg_removal_run(iceberg_removal *removal, const iceberg_store *store)
{
    int64_t failed = 0;
    if (removal->count != 0)
        qsort(removal->items, removal->count, sizeof *removal->items, doomed_compare);
    for (size_t i = 0; i < removal->count; i++)
        failed += iceberg_store_remove(store, removal->items[i].location, NULL) != SLU_OK;
    return failed;
}
