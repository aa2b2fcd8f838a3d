#include "join.h"

#define CHUNK_BYTES 65536u

/* ---- Generations ------------------------------------------------------------------------------------------------------------ */

static slu_status
generation_init(generation *g, const struct ArrowSchema *values)
{
    memset(g, 0, sizeof *g);
    sdk_map_init(&g->map);
    g->columns = calloc((size_t)values->n_children + 1, sizeof *g->columns);
    g->views = calloc((size_t)values->n_children + 1, sizeof *g->views);
    g->looks = calloc((size_t)values->n_children + 1, sizeof *g->looks);
    if (g->columns == NULL || g->views == NULL || g->looks == NULL)
        return SLU_NOMEM;
    for (int64_t i = 0; i < values->n_children; i++)
        SLU_TRY(sdk_builder_init(&g->columns[i], values->children[i]->format, NULL));
    return SLU_OK;
}

static void
generation_fini(generation *g, uint32_t columns)
{
    for (uint32_t i = 0; g->columns != NULL && i < columns; i++)
        if (g->columns[i].memory.free != NULL)
            sdk_builder_fini(&g->columns[i]);
    for (uint32_t i = 0; i < g->chunk_count; i++)
        free(g->chunks[i]);
    sdk_map_fini(&g->map);
    free(g->columns);
    free(g->views);
    free(g->looks);
    free(g->found);
    free(g->expires_ms);
    free(g->row_of);
    free(g->chunks);
    memset(g, 0, sizeof *g);
}

/* Empty again; its memory serves the next answers. */
static void
generation_reset(generation *g, uint32_t columns)
{
    for (uint32_t i = 0; i < columns; i++)
        sdk_builder_reset(&g->columns[i]);
    for (uint32_t i = 1; i < g->chunk_count; i++)
        free(g->chunks[i]);
    g->chunk_count = g->chunk_count > 0 ? 1 : 0;
    g->chunk_used = 0;
    sdk_map_reset(&g->map);
    g->rows = 0;
    g->viewed = false;
}

/* Key bytes at a place where they stay; NULL: no memory, or a key too long to remember. */
static uint8_t *
generation_key(generation *g, const uint8_t *key, uint32_t bytes)
{
    if (bytes > CHUNK_BYTES)
        return NULL;
    if (g->chunk_count == 0 || g->chunk_used + bytes > CHUNK_BYTES) {
        if (g->chunk_count == g->chunk_capacity) {
            const uint32_t capacity = g->chunk_capacity == 0 ? 8 : g->chunk_capacity * 2;
            uint8_t **wider = realloc(g->chunks, capacity * sizeof(uint8_t *));
            if (wider == NULL)
                return NULL;
            g->chunks = wider;
            g->chunk_capacity = capacity;
        }
        uint8_t *chunk = malloc(CHUNK_BYTES);
        if (chunk == NULL)
            return NULL;
        g->chunks[g->chunk_count++] = chunk;
        g->chunk_used = 0;
    }
    uint8_t *at = g->chunks[g->chunk_count - 1] + g->chunk_used;
    memcpy(at, key, bytes);
    g->chunk_used += bytes;
    return at;
}

static bool
generation_room(generation *g)
{
    if (g->rows < g->capacity)
        return true;
    const int32_t capacity = g->capacity == 0 ? 256 : g->capacity * 2;
    uint8_t *found = realloc(g->found, (size_t)capacity);
    if (found == NULL)
        return false;
    g->found = found;
    int64_t *expires = realloc(g->expires_ms, (size_t)capacity * sizeof *expires);
    if (expires == NULL)
        return false;
    g->expires_ms = expires;
    int32_t *row_of = realloc(g->row_of, (size_t)capacity * sizeof *row_of);
    if (row_of == NULL)
        return false;
    g->row_of = row_of;
    g->capacity = capacity;
    return true;
}

/* The row of a key; -1: unknown or too old. */
static int32_t
generation_find(const generation *g, uint32_t hash, const uint8_t *key, uint32_t bytes, int64_t now_ms)
{
    const int32_t number = sdk_map_find(&g->map, hash, key, bytes);
    return number >= 0 && g->expires_ms[g->row_of[number]] > now_ms ? g->row_of[number] : -1;
}

/* ---- The cache -------------------------------------------------------------------------------------------------------------- */

slu_status
cache_init(cache *c, const join_options *options, const struct ArrowSchema *values, slu_error *err)
{
    memset(c, 0, sizeof *c);
    if (options->cache_rows == 0)
        return SLU_OK;
    c->column_count = (uint32_t)values->n_children;
    c->rows_max = (int32_t)((options->cache_rows + 1) / 2);
    c->ttl_ms = options->cache_ttl_ms;
    c->missing = options->cache_missing != 0;
    slu_status status = generation_init(&c->young, values);
    if (status == SLU_OK)
        status = generation_init(&c->old, values);
    if (status != SLU_OK)
        cache_fini(c);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "lookup_join: no cache for these columns");
}

void
cache_fini(cache *c)
{
    generation_fini(&c->young, c->column_count);
    generation_fini(&c->old, c->column_count);
    memset(c, 0, sizeof *c);
}

static void
cache_age(cache *c)
{
    const generation full = c->young;
    c->young = c->old;
    c->old = full;
    generation_reset(&c->young, c->column_count);
}

static void
row_copy(generation *from, int32_t row, sdk_builder *to, uint32_t columns)
{
    for (uint32_t i = 0; !from->viewed && i < columns; i++)
        from->views[i] = sdk_builder_view(&from->columns[i], &from->looks[i]);
    from->viewed = true;
    for (uint32_t i = 0; i < columns; i++)
        sdk_builder_copy(&to[i], &from->views[i], row);
}

/* The number of a key in a generation, made if need be; -1: no memory. Short keys are kept by the map, longer ones in a chunk. */
static int32_t
generation_number(generation *g, uint32_t hash, const uint8_t *key, uint32_t bytes)
{
    bool added;
    const int32_t number = sdk_map_put(&g->map, hash, key, bytes, &added);
    if (number < 0 || !added || bytes <= SDK_MAP_NEAR_BYTES)
        return number;
    const uint8_t *kept = generation_key(g, key, bytes);
    if (kept == NULL) {
        sdk_map_remove(&g->map, number);
        return -1;
    }
    sdk_map_rekey(&g->map, number, kept);
    return number;
}

/* A new row of the key in the young generation, whose columns the caller fills; false: it is not remembered. */
static bool
young_add(cache *c, uint32_t hash, const uint8_t *key, uint32_t bytes, int64_t expires_ms, bool found)
{
    generation *g = &c->young;
    if (g->rows >= c->rows_max)
        cache_age(c);
    const int32_t number = generation_room(g) ? generation_number(g, hash, key, bytes) : -1;
    if (number < 0)
        return false;
    g->row_of[number] = g->rows;
    g->found[g->rows] = found;
    g->expires_ms[g->rows] = expires_ms;
    g->rows++;
    g->viewed = false;
    return true;
}

/* A column that could not grow leaves its generation out of step: it is forgotten whole. */
static void
young_check(cache *c)
{
    for (uint32_t i = 0; i < c->column_count; i++) {
        if (c->young.columns[i].failed != SLU_OK || c->young.columns[i].rows != c->young.rows) {
            generation_reset(&c->young, c->column_count);
            return;
        }
    }
}

void
cache_prefetch(const cache *c, uint32_t hash, int near)
{
    if (near) {
        sdk_map_prefetch_entry(&c->young.map, hash);
        sdk_map_prefetch_entry(&c->old.map, hash);
    } else {
        sdk_map_prefetch_slot(&c->young.map, hash);
        sdk_map_prefetch_slot(&c->old.map, hash);
    }
}

int
cache_get(cache *c, uint32_t hash, const uint8_t *key, uint32_t bytes, int64_t now_ms, sdk_builder *to)
{
    if (c->rows_max == 0)
        return -1;
    int32_t row = generation_find(&c->young, hash, key, bytes, now_ms);
    if (row >= 0) {
        row_copy(&c->young, row, to, c->column_count);
        return c->young.found[row];
    }
    row = generation_find(&c->old, hash, key, bytes, now_ms);
    if (row < 0)
        return -1;
    const int found = c->old.found[row];
    row_copy(&c->old, row, to, c->column_count);
    /* In use: it moves on, unless its move is what drops the old generation. */
    if (c->young.rows < c->rows_max && young_add(c, hash, key, bytes, c->old.expires_ms[row], found)) {
        row_copy(&c->old, row, c->young.columns, c->column_count);
        young_check(c);
    }
    return found;
}

void
cache_put(cache *c, uint32_t hash, const uint8_t *key, uint32_t bytes, int64_t now_ms, const slu_column *columns, int64_t row,
          bool found)
{
    if (c->rows_max == 0 || (!found && !c->missing))
        return;
    const int64_t expires = c->ttl_ms == 0 ? INT64_MAX : now_ms + c->ttl_ms;
    if (!young_add(c, hash, key, bytes, expires, found))
        return;
    for (uint32_t i = 0; i < c->column_count; i++) {
        if (found)
            sdk_builder_copy(&c->young.columns[i], &columns[i], row);
        else
            sdk_builder_null(&c->young.columns[i]);
    }
    young_check(c);
}
