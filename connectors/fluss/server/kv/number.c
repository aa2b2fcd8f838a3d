/* number.c: the ids of an auto-increment column. The catalogue hands out blocks, which are never given twice; a bucket uses its
 * block up in order, and the store remembers how far. What is lost in a crash is found again in the log. */
#include "fluss/server/kv/tablet_internal.h"

#include <stdlib.h>

#define NUMBER_CACHE_DEFAULT 100000

static int64_t
number_cache_size(const fluss_kv_tablet *kv)
{
    const char *set = fluss_descriptor_get(&kv->table->descriptor, "table.auto-increment.cache-size");
    const int64_t size = set == NULL ? 0 : strtoll(set, NULL, 10);
    return size > 0 ? size : NUMBER_CACHE_DEFAULT;
}

slu_status
kv_next_id(fluss_kv_tablet *kv, int64_t *out, slu_error *err)
{
    if (kv->id_next > kv->id_end) {
        const int64_t size = number_cache_size(kv);
        int64_t before = 0;
        SLU_TRY(fluss_tables_take_ids(kv->tables, kv->table, size, &before, err));
        kv->id_next = before + 1; /* ids begin with 1 */
        kv->id_end = before + size;
    }
    *out = kv->id_next++;
    return SLU_OK;
}

void
kv_id_used(fluss_kv_tablet *kv, int64_t id)
{
    const int64_t size = number_cache_size(kv);
    if (id < kv->id_next)
        return;
    kv->id_next = id + 1;
    kv->id_end = ((id - 1) / size + 1) * size; /* a block begins behind a multiple of its size */
}
