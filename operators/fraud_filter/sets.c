/* sets.c: rule sets, one after another: checked, switched to at a barrier, kept or taken back; and what is left of them in a snapshot. */
#include "filter.h"

#include <stdio.h>

slu_status
ruleset_new(const slu_value *value, const struct ArrowSchema *schema, int64_t version, ruleset **out, slu_error *err)
{
    ruleset *made = calloc(1, sizeof *made);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory for a set of rules");
    const slu_status status = rules_read(value, schema, &made->rules, err);
    if (status != SLU_OK) {
        free(made);
        return status;
    }
    made->version = version;
    *out = made;
    return SLU_OK;
}

void
ruleset_free(ruleset **set)
{
    if (*set != NULL)
        rules_fini(&(*set)->rules);
    free(*set);
    *set = NULL;
}

static slu_status
states_open(fraud *self, const slots *all, slu_error *err)
{
    for (uint32_t i = self->state_count; i < all->block_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, i == 0 ? "sequences" : "sequences-%u", i + 1);
        const slu_state_spec spec = {.size = sizeof spec,
                                     .kind = SLU_STATE_FIXED,
                                     .name = name,
                                     .key_bytes = self->keys.key_bytes,
                                     .value_bytes = all->blocks[i].bytes,
                                     .ttl_ms = all->blocks[i].ttl_ms};
        SLU_TRY(self->host->state_open(self->host, &spec, &self->states[i], err));
        self->blocks[i] = all->blocks[i];
        self->state_count = i + 1;
    }
    return SLU_OK;
}

static void
metrics_open(fraud *self, ruleset *set)
{
    for (uint32_t r = 0; r < set->rules.count; r++) {
        char name[RULE_ID_BYTES_MAX + 24];
        (void)snprintf(name, sizeof name, "rule.%s.matches", set->rules.items[r].id);
        set->matched[r] = self->host->metric(self->host, SLU_METRIC_COUNTER, name);
    }
}

slu_status
fraud_settle(fraud *self, slu_error *err)
{
    if (self->settled)
        return SLU_OK;
    SLU_TRY(slots_assign(&self->now->slots, &self->now->rules, err));
    SLU_TRY(states_open(self, &self->now->slots, err));
    metrics_open(self, self->now);
    self->settled = true;
    return SLU_OK;
}

/* States that were opened for a set that was taken back stay: their numbers are not given again to blocks of another size. */
static void
blocks_pass_over(const fraud *self, slots *all)
{
    for (uint32_t i = all->block_count; i < self->state_count; i++)
        all->blocks[i] = self->blocks[i];
    all->block_count = all->block_count > self->state_count ? all->block_count : self->state_count;
}

/* ---- Checkpoints ------------------------------------------------------------------------------------------------------------ */

slu_status
fraud_snapshot(void *instance, slu_snapshot *snapshot, slu_error *err)
{
    fraud *self = instance;
    uint8_t *data = NULL;
    uint64_t bytes = 0;
    SLU_TRY(fraud_settle(self, err));
    blocks_pass_over(self, &self->now->slots); /* after a restore they are opened, too: the checkpoint holds them */
    SLU_TRY(slots_encode(&self->now->slots, &data, &bytes, err));
    const slu_status status = snapshot->write(snapshot, SLU_KEY_GROUP_NONE, data, bytes, err);
    free(data);
    return status;
}

/* Every subtask wrote the same: after a rescale the first is as good as the others. */
slu_status
fraud_restore(void *instance, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    fraud *self = instance;
    (void)state_version;
    (void)key_group;
    if (self->settled)
        return SLU_OK;
    SLU_TRY(slots_decode(data, bytes, &self->now->slots, err));
    return fraud_settle(self, err);
}

/* ---- The next set ----------------------------------------------------------------------------------------------------------- */

static slu_status
set_check(fraud *self, const slu_rules *next, slu_error *err)
{
    ruleset *made = NULL;
    SLU_TRY(ruleset_new(next->rules, self->schema, next->version, &made, err));
    slu_status status = SLU_OK;
    if (self->settled) {
        made->slots = self->now->slots;
        blocks_pass_over(self, &made->slots);
        status = slots_assign(&made->slots, &made->rules, err);
    }
    if (status != SLU_OK) {
        ruleset_free(&made);
        return status;
    }
    ruleset_free(&self->staged);
    self->staged = made;
    return SLU_OK;
}

static slu_status
set_switch(fraud *self, const slu_rules *next, slu_error *err)
{
    if (self->staged == NULL || self->staged->version != next->version)
        return slu_error_set(err, SLU_INVALID, "fraud_filter: set %lld of the rules was not checked", (long long)next->version);
    if (self->settled) {
        SLU_TRY(states_open(self, &self->staged->slots, err));
        metrics_open(self, self->staged);
    }
    ruleset_free(&self->before);
    self->before = self->now;
    self->now = self->staged;
    self->staged = NULL;
    scratch_fini(self);
    return SLU_OK;
}

static void
set_back(fraud *self, const slu_rules *gone)
{
    if (self->before == NULL || self->now->version != gone->version)
        return;
    ruleset_free(&self->staged);
    ruleset_free(&self->now);
    self->now = self->before;
    self->before = NULL;
    scratch_fini(self);
}

slu_status
fraud_control(void *instance, const void *message, uint64_t bytes, slu_error *err)
{
    fraud *self = instance;
    const slu_rules *told = message;
    if (bytes < sizeof *told)
        return slu_error_set(err, SLU_INVALID, "fraud_filter: a message of %llu bytes", (unsigned long long)bytes);
    switch (told->step) {
    case SLU_RULES_CHECK: return set_check(self, told, err);
    case SLU_RULES_SWITCH: return set_switch(self, told, err);
    case SLU_RULES_KEEP: ruleset_free(&self->before); return SLU_OK;
    case SLU_RULES_BACK: set_back(self, told); return SLU_OK;
    default: return slu_error_set(err, SLU_UNSUPPORTED, "fraud_filter: step %u with rules", told->step);
    }
}
