/*
 * rules.h: the rules of the fraud filter as the descriptor gives them, checked and compiled.
 *
 *     rules:
 *       - id: small-then-large
 *         sequence: [ "amount < 1.00", "amount > 1000.00" ]     two to eight conditions
 *         within: 60s                                           between the first and the last
 *         time: createdAt                                       a column (BIGINT milliseconds or a TIMESTAMP), or `processing`
 *         contiguity: strict                                    each condition holds for the very next event of the key
 *         shadow: true                                          only counted (metric rule.ID.matches), nothing is emitted
 *
 * Owns     a rule set owns its rules and expressions (rules_fini; safe on a zeroed one).
 * Errors   INVALID with the place in the descriptor.
 * Limits   RULES_MAX rules, CONDITIONS_MAX conditions each.
 */
#ifndef FRAUD_FILTER_RULES_H
#define FRAUD_FILTER_RULES_H

#include <sluice/sdk/expr.h>

#define RULES_MAX 64
#define RULE_ID_BYTES_MAX 64
#define CONDITIONS_MAX 8

typedef struct rule {
    char id[RULE_ID_BYTES_MAX]; /* unique in the set; its number, as "#1", where none was given */
    bool named;
    bool shadow;
    uint32_t condition_count;
    sdk_expr *conditions[CONDITIONS_MAX];
    int64_t within_ms;
    int64_t time_column; /* -1: processing time */
    slu_type time_type;
    /* Where its part of a key's state is: see slots.h. */
    uint32_t block, state_at;
    int64_t generation;
} rule;

typedef struct rules {
    uint32_t count;
    rule items[RULES_MAX];
} rules;

SLU_CHECK slu_status rules_read(const slu_value *value, const struct ArrowSchema *schema, rules *out, slu_error *err);
void rules_fini(rules *all);

#endif
