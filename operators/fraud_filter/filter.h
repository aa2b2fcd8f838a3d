/* filter.h: the instance of a fraud filter, as fraud_filter.c (rows) and sets.c (rule sets, one after another) see it. */
#ifndef FRAUD_FILTER_FILTER_H
#define FRAUD_FILTER_FILTER_H

#include "slots.h"

#include <sluice/sdk/host.h>
#include <sluice/sdk/keys.h>

typedef struct ruleset {
    int64_t version;
    rules rules;
    slots slots;
    slu_metric *matched[RULES_MAX];
} ruleset;

typedef struct match {
    int32_t row; /* of the array */
    uint32_t rule;
} match;

typedef struct fraud {
    slu_host *host;
    const struct ArrowSchema *schema;
    ruleset *now;    /* what rows go by */
    ruleset *before; /* of now, while the checkpoint of the switch is not whole */
    ruleset *staged; /* checked, to be switched to */
    bool settled;    /* the rules of `now` have their places, and the states are open */
    slu_state *states[BLOCKS_MAX];
    uint32_t state_count;
    slot_block blocks[BLOCKS_MAX]; /* of the open states */
    bool with_rule, with_version;
    slu_metric *matched;
    sdk_keys keys, some; /* of all rows; of those that begin a match or end without one */
    /* For one batch, by row of the batch. */
    int64_t capacity;
    uint8_t *truth;
    uint8_t *masks;            /* [rules][rows]: bit k: condition k holds */
    void **values[BLOCKS_MAX]; /* per block */
    int32_t *rows;
    match *matches;
    int64_t match_count, match_capacity;
} fraud;

/* ---- fraud_filter.c */
void scratch_fini(fraud *self);

/* ---- sets.c */
SLU_CHECK slu_status ruleset_new(const slu_value *value, const struct ArrowSchema *schema, int64_t version, ruleset **out,
                                 slu_error *err);
void ruleset_free(ruleset **set);
/* Before the first row, snapshot or next set: gives the rules their places, and opens what state they need. */
SLU_CHECK slu_status fraud_settle(fraud *self, slu_error *err);
slu_status fraud_restore(void *instance, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes,
                         slu_error *err);
slu_status fraud_snapshot(void *instance, slu_snapshot *snapshot, slu_error *err);
slu_status fraud_control(void *instance, const void *message, uint64_t bytes, slu_error *err);

#endif
