/*
 * join.h: what the parts of the lookup join share. plan.c reads options and makes schemas; cache.c remembers answers; lookup_join.c moves
 * batches.
 */
#ifndef LOOKUP_JOIN_JOIN_H
#define LOOKUP_JOIN_JOIN_H

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/keys.h>
#include <sluice/sdk/map.h>

#include <sluice/plugin.h>

#define JOIN_COLUMNS_MAX 256
#define JOIN_IN_FLIGHT_MAX 64

typedef struct join_options {
    const slu_value *lookup;
    const slu_value *on;
    const slu_value *take;
    const char *type;
    int64_t cache_rows;
    int64_t cache_ttl_ms;
    uint32_t cache_missing;
    int64_t in_flight;
} join_options;

/* The join as planned: which columns ask, which come back. */
typedef struct join_plan {
    uint32_t key_count;
    const char *key_columns[SDK_KEY_COLUMNS_MAX]; /* of the input */
    struct ArrowSchema keys;                      /* by the lookup's names */
    struct ArrowSchema values;                    /* the taken columns, by the lookup's names */
    const char *names[JOIN_COLUMNS_MAX];          /* of the taken columns in the output */
} join_plan;

/* Asks the lookup, through the host, what it can return. */
SLU_CHECK slu_status join_plan_read(slu_host *host, const join_options *options, const struct ArrowSchema *input, join_plan *out,
                                    slu_error *err);
/* The same in a worker, from the planned output: nothing is asked, so nothing blocks. */
SLU_CHECK slu_status join_plan_reopen(const join_options *options, const struct ArrowSchema *input,
                                      const struct ArrowSchema *output, join_plan *out, slu_error *err);
void join_plan_fini(join_plan *plan);
SLU_CHECK slu_status join_output(const join_options *options, const join_plan *plan, const struct ArrowSchema *input,
                                 struct ArrowSchema *out, slu_error *err);

/* ---- The cache ---- */

/*
 * Two generations, each a table of columns that only grows. When the young one is full, the old one is dropped whole and the young one
 * becomes old; a hit in the old one is copied into the young one. So at most `rows` answers are held, the ones in use stay, and nothing is
 * allocated or freed per row.
 */
typedef struct generation {
    sdk_map map;     /* key to number */
    int32_t *row_of; /* by number: the newest row of the key */
    sdk_builder *columns;
    slu_column *views; /* of the columns, while `viewed` */
    sdk_builder_look *looks;
    bool viewed;
    uint8_t *found;
    int64_t *expires_ms;
    int32_t rows, capacity;
    uint8_t **chunks; /* of key bytes */
    uint32_t chunk_count, chunk_capacity;
    uint32_t chunk_used;
} generation;

typedef struct cache {
    uint32_t column_count;
    int32_t rows_max; /* of one generation; 0: no cache */
    int64_t ttl_ms;
    bool missing; /* that a key is not there is remembered too */
    generation young, old;
} cache;

SLU_CHECK slu_status cache_init(cache *c, const join_options *options, const struct ArrowSchema *values, slu_error *err);
void cache_fini(cache *c);
/* Tells the cache which key will be asked for soon: `near` 0 a dozen keys ahead, 1 half a dozen. */
void cache_prefetch(const cache *c, uint32_t hash, int near);
/* Copies a cached answer into `to` (one builder per column). Answers 1: found, 0: known to be missing, -1: not known. */
int cache_get(cache *c, uint32_t hash, const uint8_t *key, uint32_t key_bytes, int64_t now_ms, sdk_builder *to);
/* Remembers row `row` of an answer. No memory: it is not remembered. */
void cache_put(cache *c, uint32_t hash, const uint8_t *key, uint32_t key_bytes, int64_t now_ms, const slu_column *columns,
               int64_t row, bool found);

#endif
