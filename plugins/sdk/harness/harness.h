/*
 * harness.h (internal): the parts of the harness and what they share. host.c is the slu_host; state.c keyed state and timers;
 * harness.c the life of the instance and what a test sees.
 */
#ifndef SDK_HARNESS_INTERNAL_H
#define SDK_HARNESS_INTERNAL_H

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/harness.h>
#include <sluice/sdk/keys.h>
#include <sluice/sdk/map.h>
#include <sluice/sdk/rows.h>
#include <sluice/sdk/types.h>
#include <sluice/sdk/values.h>

#include <stdatomic.h>

#define HARNESS_INPUTS_MAX 16
#define HARNESS_OUTPUTS_MAX 16
#define HARNESS_STATES_MAX 16
#define HARNESS_TABLES_MAX 8
#define HARNESS_PORTS_MAX 8
#define HARNESS_WATCHES_MAX 64
#define HARNESS_METRICS_MAX 64
#define HARNESS_KEYS_MAX 16

/* A batch of the harness: counted, with copies of what emit borrows. */
typedef struct held_batch {
    slu_batch shown; /* first: the plugin sees this */
    atomic_long references;
    struct ArrowArray array;
    const struct held_batch *base; /* or the batch whose rows it shows */
    struct ArrowSchema *schema;    /* its own, on a dynamic output */
    int32_t *selection;
    uint8_t *kinds;
    slu_attr *attrs;
    uint32_t output;
} held_batch;

struct slu_state {
    slu_state_spec spec;
    char *name;
    sdk_map map;
    uint8_t **keys; /* by entry: owned copies */
    void **values;  /* by entry: FIXED values, or {u64 bytes, data} */
    int32_t capacity;
};

typedef struct kept_timer {
    slu_timer timer;
    uint8_t *key;
} kept_timer;

typedef struct timers {
    kept_timer *items;
    size_t count, capacity;
} timers;

/* A piece of a checkpoint: what the instance or a split wrote. */
typedef struct piece {
    char *id;
    uint32_t key_group;
    uint8_t *data;
    uint64_t bytes;
} piece;

typedef struct pieces {
    piece *items;
    size_t count, capacity;
} pieces;

typedef struct lookup_table {
    char *use;
    struct ArrowSchema schema;
    struct ArrowArray array;
} lookup_table;

struct slu_lookup_port {
    struct sdk_harness *harness;
    bool open;
    const lookup_table *table;
    struct ArrowSchema keys, values;
    void *owner;
    void (*on_answer)(void *owner, const slu_lookup_answer *answer);
};

typedef struct asked {
    slu_lookup_port *port;
    uint64_t token;
    struct ArrowArray keys;
} asked;

struct slu_metric {
    char *name;
    uint32_t kind;
    int64_t value;
};

typedef struct watched {
    int32_t fd;
    uint32_t events;
    uint64_t cookie;
} watched;

struct sdk_harness {
    slu_host host; /* context points back here */
    const slu_plugin *plugin;
    sdk_values values;
    const slu_value *with;
    const void *options;
    struct ArrowSchema inputs[HARNESS_INPUTS_MAX];
    const struct ArrowSchema *input_pointers[HARNESS_INPUTS_MAX];
    uint32_t input_count;
    struct ArrowSchema outputs[HARNESS_OUTPUTS_MAX];
    const struct ArrowSchema *output_pointers[HARNESS_OUTPUTS_MAX];
    const char *keys[HARNESS_KEYS_MAX];
    uint32_t key_count;
    char *take;
    uint32_t subtask, parallelism, attempt;
    bool planned, opened, dynamic, bounded, discard, hold;
    void *instance;
    int64_t now_ms, deadline_ms;
    atomic_bool woken;
    uint64_t random;
    /* What it emitted. */
    held_batch **kept;
    uint32_t kept_count, kept_capacity;
    int64_t rows;
    atomic_long batches_alive;
    atomic_long memory_alive;
    sdk_text texts[HARNESS_OUTPUTS_MAX];
    sdk_text schema_text;
    /* Services. */
    slu_state *states[HARNESS_STATES_MAX];
    uint32_t state_count;
    timers timers;
    slu_lookup_port ports[HARNESS_PORTS_MAX];
    lookup_table tables[HARNESS_TABLES_MAX];
    uint32_t table_count;
    asked *asked;
    size_t asked_count, asked_capacity;
    uint32_t lookups;
    int64_t lookup_keys;
    slu_metric metrics[HARNESS_METRICS_MAX];
    watched watches[HARNESS_WATCHES_MAX];
    uint32_t watch_count;
    /* The last checkpoint. */
    int64_t checkpoint;
    bool saved;
    pieces saved_pieces, saved_splits, saved_commits;
    slu_state *saved_states[HARNESS_STATES_MAX];
    uint32_t saved_state_count;
    timers saved_timers;
};

static inline sdk_harness *
harness_of(slu_host *host)
{
    return host->context;
}

/* host.c */
void harness_host_init(sdk_harness *h);
SLU_CHECK slu_status harness_batch_new(sdk_harness *h, const struct ArrowSchema *schema, struct ArrowArray *array, held_batch **out,
                                       slu_error *err);
void harness_batch_unref(sdk_harness *h, held_batch *batch);
SLU_CHECK slu_status harness_keep(sdk_harness *h, held_batch *batch, slu_error *err); /* takes the reference */
SLU_CHECK slu_status harness_answers(sdk_harness *h, slu_error *err);
void harness_lookups_reset(sdk_harness *h);

/* state.c */
void harness_states_free(slu_state **states, uint32_t *count);
SLU_CHECK slu_status harness_states_copy(slu_state *const *from, uint32_t count, slu_state **out, slu_error *err);
slu_status harness_state_open(slu_host *host, const slu_state_spec *spec, slu_state **out, slu_error *err);
slu_status harness_state_find(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err);
slu_status harness_state_upsert(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err);
slu_status harness_state_erase(slu_host *host, slu_state *state, const slu_keys *keys, slu_error *err);
slu_status harness_state_get(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *err);
slu_status harness_state_put(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *err);
slu_status harness_timer_set(slu_host *host, const slu_timer *timer, slu_error *err);
slu_status harness_timer_clear(slu_host *host, const slu_timer *timer, slu_error *err);
void timers_fini(timers *t);
SLU_CHECK slu_status timers_copy(const timers *from, timers *to, slu_error *err);
/* Takes the earliest timer of a domain that is due; false: none. The caller frees out->key. */
bool timers_take(timers *t, uint32_t domain, int64_t until_ms, kept_timer *out);

#endif
