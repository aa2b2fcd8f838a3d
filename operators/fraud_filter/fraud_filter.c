/*
 * fraud_filter.c: rows that complete a sequence of conditions for their key: a small amount, then at once a large one, within a minute.
 *
 * Rule     conditions c0 .. cn-1 hold for n events of one key that follow each other directly, the last less than `within` after the
 *          first. A row may end one match and begin another: after every row c0 is tried anew, so no overlapping match is lost.
 * State    per key and rule: a word whose bit k says that c0 .. ck-1 have just matched (and, above, the generation of the rule's slot, see
 *          slots.h), then start[1] .. start[n-1], when the match that is k long began. (1) A key without a match under way has no state: it is erased with the batch that ended it.
 * Batch    conditions are evaluated column-wise, once each; keys are encoded and looked up for the whole batch; then one pass over the
 *          rows touches only fixed-size state. Rows whose key has no state and that do not begin anything are done with one comparison.
 * Output   the completing rows, as a selection of the input batch (nothing copied); with `rule-column` or `version-column`, a new batch
 *          with the rule's id and the version of its set behind the input's columns, one row per rule that matched.
 * Sets     the rules are replaced while running (sets.c): at a barrier, between two rows.
 */
#include "filter.h"

typedef struct fraud_options {
    const slu_value *rules;
    const char *rule_column;
    const char *version_column;
} fraud_options;

static const slu_option fraud_option_table[] = {
    SLU_OPTION("rules", VALUE, fraud_options, rules, NULL, "a list of rules: id, sequence, within, time, contiguity",
               .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("rule-column", STRING, fraud_options, rule_column, NULL,
               "adds a STRING column of that name with the id of the rule that matched"),
    SLU_OPTION("version-column", STRING, fraud_options, version_column, NULL,
               "adds a BIGINT column of that name with the version of the rule set: 1, and one more whenever it is replaced")};

/* ---- Planning --------------------------------------------------------------------------------------------------------------- */

static slu_status
column_plan(const slu_plan_call *call, const char *option, const char *name, const char *format, slu_error *err)
{
    if (name == NULL)
        return SLU_OK;
    if (slu_schema_find(&call->outputs[0], name) >= 0)
        return slu_error_at(err, SLU_INVALID, slu_value_get(call->with, option), 0, "%s: '%s' is a column %s", option, name,
                            slu_schema_find(call->inputs[0], name) >= 0 ? "of the input" : "already");
    if (slu_schema_add(&call->outputs[0], format, name, true) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory");
    return SLU_OK;
}

static slu_status
fraud_plan(slu_plan_call *call, slu_error *err)
{
    const fraud_options *options = call->options;
    SLU_AUTO(rules_fini) rules all = {0};
    SLU_AUTO(sdk_keys_fini) sdk_keys keys = {0};
    SLU_TRY(rules_read(options->rules, call->inputs[0], &all, err));
    if (call->key_count == 0)
        return slu_error_set(
            err, SLU_INVALID,
            "fraud_filter looks at the events of one key: say which, with `partition: { hash: [column] }` beside `from`");
    SLU_TRY(sdk_keys_init(&keys, call->inputs[0], call->keys, call->key_count, err));
    SLU_TRY(slu_schema_copy(call->inputs[0], &call->outputs[0], err));
    slu_status status = column_plan(call, "rule-column", options->rule_column, "u", err);
    if (status == SLU_OK)
        status = column_plan(call, "version-column", options->version_column, "l", err);
    if (status != SLU_OK)
        slu_schema_release(&call->outputs[0]);
    return status;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

void
scratch_fini(fraud *self)
{
    free(self->truth);
    free(self->masks);
    for (uint32_t b = 0; b < BLOCKS_MAX; b++) {
        free(self->values[b]);
        self->values[b] = NULL;
    }
    free(self->rows);
    self->truth = self->masks = NULL;
    self->rows = NULL;
    self->capacity = 0;
}

static void
fraud_close(void *instance)
{
    fraud *self = instance;
    scratch_fini(self);
    free(self->matches);
    self->matches = NULL;
    ruleset_free(&self->now);
    ruleset_free(&self->before);
    ruleset_free(&self->staged);
    sdk_keys_fini(&self->keys);
    sdk_keys_fini(&self->some);
}

static slu_status
fraud_open(void *instance, const slu_open *open, slu_error *err)
{
    fraud *self = instance;
    const fraud_options *options = open->options;
    self->host = open->host;
    self->schema = open->inputs[0];
    self->with_rule = options->rule_column != NULL;
    self->with_version = options->version_column != NULL;
    self->matched = self->host->metric(self->host, SLU_METRIC_COUNTER, "matches");
    slu_status status = ruleset_new(options->rules, open->inputs[0], 1, &self->now, err);
    if (status == SLU_OK)
        status = sdk_keys_init(&self->keys, open->inputs[0], open->keys, open->key_count, err);
    if (status == SLU_OK)
        status = sdk_keys_init(&self->some, open->inputs[0], open->keys, open->key_count, err);
    if (status == SLU_OK && open->restored == 0) /* else the checkpoint says where the rules keep their state */
        status = fraud_settle(self, err);
    if (status != SLU_OK)
        fraud_close(self);
    return status;
}

/* ---- One batch -------------------------------------------------------------------------------------------------------------- */

static slu_status
scratch_room(fraud *self, int64_t rows, slu_error *err)
{
    if (rows <= self->capacity)
        return SLU_OK;
    scratch_fini(self);
    self->truth = malloc((size_t)rows);
    self->masks = malloc((size_t)rows * self->now->rules.count);
    self->rows = malloc((size_t)rows * sizeof *self->rows);
    bool all = self->truth != NULL && self->masks != NULL && self->rows != NULL;
    for (uint32_t b = 0; b < self->state_count; b++) {
        self->values[b] = malloc((size_t)rows * sizeof *self->values[b]);
        all = all && self->values[b] != NULL;
    }
    if (!all) {
        scratch_fini(self);
        return slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory for a batch of %lld rows", (long long)rows);
    }
    self->capacity = rows;
    return SLU_OK;
}

static uint8_t *
masks_of(const fraud *self, uint32_t r)
{
    return self->masks + (size_t)self->capacity * r;
}

/* A row without a time belongs to no sequence: no condition holds for it. */
static void
masks_drop_null_times(const slu_batch *batch, const rule *r, uint8_t *masks)
{
    if (r->time_column < 0)
        return;
    const slu_column column = slu_batch_column(batch, r->time_column);
    for (int64_t i = 0; column.validity != NULL && i < batch->rows; i++)
        if (!slu_column_valid(&column, slu_batch_row(batch, i)))
            masks[i] = 0;
}

static slu_status
masks_make(fraud *self, const slu_batch *batch, slu_error *err)
{
    for (uint32_t i = 0; i < self->now->rules.count; i++) {
        const rule *r = &self->now->rules.items[i];
        uint8_t *masks = masks_of(self, i);
        SLU_TRY(sdk_expr_truth(r->conditions[0], batch, masks, err));
        for (uint32_t k = 1; k < r->condition_count; k++) {
            SLU_TRY(sdk_expr_truth(r->conditions[k], batch, self->truth, err));
            for (int64_t row = 0; row < batch->rows; row++)
                masks[row] = (uint8_t)(masks[row] | self->truth[row] << k);
        }
        masks_drop_null_times(batch, r, masks);
    }
    return SLU_OK;
}

/* The rows that begin a match of some rule of the block: only they may need state that is not there yet. */
static int64_t
beginners(fraud *self, const slu_batch *batch, uint32_t block)
{
    const rules *all = &self->now->rules;
    int64_t count = 0;
    if (all->count == 1) {
        for (int64_t i = 0; i < batch->rows; i++) {
            self->rows[count] = (int32_t)slu_batch_row(batch, i);
            count += self->masks[i] & 1;
        }
        return count;
    }
    for (int64_t i = 0; i < batch->rows; i++) {
        uint8_t begins = 0;
        for (uint32_t r = 0; r < all->count; r++)
            begins |= all->items[r].block == block ? masks_of(self, r)[i] : 0;
        self->rows[count] = (int32_t)slu_batch_row(batch, i);
        count += begins & 1;
    }
    return count;
}

/* Whether a rule keeps state there; of a block that only sets before this one used, nobody asks. */
static bool
block_used(const fraud *self, uint32_t block)
{
    for (uint32_t r = 0; r < self->now->rules.count; r++)
        if (self->now->rules.items[r].block == block)
            return true;
    return false;
}

/* Afterwards values[block][i] is the state of row i's key, or NULL where there is none and none is needed. */
static slu_status
states_find(fraud *self, const slu_batch *batch, uint32_t block, slu_error *err)
{
    const int64_t count = beginners(self, batch, block);
    if (count > 0) {
        SLU_TRY(sdk_keys_encode(&self->some, batch, self->rows, count, err));
        SLU_TRY(self->host->state_upsert_many(self->host, self->states[block], &self->some.shown, self->values[block], err));
    }
    return self->host->state_find_many(self->host, self->states[block], &self->keys.shown, self->values[block], err);
}

/* How a rule reads the time of a row: few rows are asked, so it is read when they are. */
typedef struct clock {
    const int64_t *column; /* NULL: processing time */
    int64_t now_ms;
    int64_t times, divided_by; /* to milliseconds */
} clock;

static clock
clock_of(const fraud *self, const slu_batch *batch, const rule *r)
{
    clock c = {NULL, 0, 1, 1};
    if (r->time_column < 0) {
        c.now_ms = self->host->wall_ms(self->host);
        return c;
    }
    const slu_column column = slu_batch_column(batch, r->time_column);
    c.column = slu_column_i64s(&column);
    if (r->time_type.id == SLU_TYPE_TIMESTAMP) {
        c.times = r->time_type.precision == 0 ? 1000 : 1;
        c.divided_by = r->time_type.precision == 6 ? 1000 : r->time_type.precision == 9 ? 1000000 : 1;
    }
    return c;
}

static int64_t
clock_ms(const clock *c, int64_t row)
{
    if (c->column == NULL)
        return c->now_ms;
    const int64_t value = c->column[row] * c->times;
    return c->divided_by == 1 ? value : value / c->divided_by;
}

/* The matches under way, as bits. What another rule left in the slot is none. */
static uint64_t
active_of(int64_t word, const rule *r)
{
    return word >> CONDITIONS_MAX == r->generation ? (uint64_t)word & ((1u << CONDITIONS_MAX) - 1) : 0;
}

/* One event of a key: every match under way goes on or ends. True when one is complete. */
static bool
sequence_step(int64_t *state, const rule *r, uint8_t mask, int64_t at_ms)
{
    const uint64_t active = active_of(state[0], r);
    uint64_t next = 0;
    bool complete = false;
    for (uint32_t k = r->condition_count - 1; active != 0 && k >= 1; k--) {
        int64_t age;
        if ((active >> k & 1) == 0 || (mask >> k & 1) == 0)
            continue;
        if (__builtin_sub_overflow(at_ms, state[k], &age) || age >= r->within_ms)
            continue;
        if (k + 1 == r->condition_count) {
            complete = true;
        } else {
            next |= UINT64_C(1) << (k + 1);
            state[k + 1] = state[k];
        }
    }
    if (mask & 1) {
        next |= 2;
        state[1] = at_ms;
    }
    state[0] = (int64_t)next | r->generation << CONDITIONS_MAX;
    return complete;
}

static slu_status
match_add(fraud *self, int64_t row, uint32_t r, slu_error *err)
{
    if (self->match_count == self->match_capacity) {
        const int64_t capacity = self->match_capacity == 0 ? 1024 : self->match_capacity * 2;
        match *wider = realloc(self->matches, (size_t)capacity * sizeof *wider);
        if (wider == NULL)
            return slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory for %lld matches", (long long)capacity);
        self->matches = wider;
        self->match_capacity = capacity;
    }
    self->matches[self->match_count].row = (int32_t)row;
    self->matches[self->match_count++].rule = r;
    return SLU_OK;
}

static slu_status
rule_run(fraud *self, const slu_batch *batch, uint32_t index, slu_error *err)
{
    const rule *r = &self->now->rules.items[index];
    const uint8_t *masks = masks_of(self, index);
    void *const *values = self->values[r->block];
    const clock c = clock_of(self, batch, r);
    int64_t matched = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        if (values[i] == NULL)
            continue;
        const int64_t row = slu_batch_row(batch, i);
        int64_t *state = (int64_t *)(void *)((uint8_t *)values[i] + r->state_at);
        if (!sequence_step(state, r, masks[i], clock_ms(&c, row)))
            continue;
        matched++;
        if (!r->shadow)
            SLU_TRY(match_add(self, row, index, err));
    }
    if (matched > 0)
        self->host->metric_add(self->host, self->now->matched[index], matched);
    return SLU_OK;
}

static bool
state_is_idle(const fraud *self, uint32_t block, const void *value)
{
    uint64_t active = 0;
    for (uint32_t r = 0; r < self->now->rules.count; r++) {
        const rule *one = &self->now->rules.items[r];
        if (one->block == block)
            active |= active_of(*(const int64_t *)(const void *)((const uint8_t *)value + one->state_at), one);
    }
    return active == 0;
}

/* Keeps (1). A row that begins a match leaves its key busy, so only the others need to be looked at. */
static slu_status
idle_erase(fraud *self, const slu_batch *batch, uint32_t block, slu_error *err)
{
    void *const *values = self->values[block];
    int64_t count = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        if (values[i] == NULL || (self->now->rules.count == 1 && (self->masks[i] & 1) != 0) ||
            !state_is_idle(self, block, values[i]))
            continue;
        self->rows[count++] = (int32_t)slu_batch_row(batch, i);
    }
    if (count == 0)
        return SLU_OK;
    SLU_TRY(sdk_keys_encode(&self->some, batch, self->rows, count, err));
    return self->host->state_erase_many(self->host, self->states[block], &self->some.shown, err);
}

/* ---- Output ----------------------------------------------------------------------------------------------------------------- */

static int
match_order(const void *a, const void *b)
{
    const match *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row) : (x->rule > y->rule) - (x->rule < y->rule);
}

/* The rows that matched, each once, ascending. */
static int64_t
matched_rows(fraud *self)
{
    int64_t count = 0;
    for (int64_t i = 0; i < self->match_count; i++)
        if (count == 0 || self->rows[count - 1] != self->matches[i].row)
            self->rows[count++] = self->matches[i].row;
    return count;
}

static slu_status
rule_column_make(const fraud *self, struct ArrowArray *out, slu_error *err)
{
    SLU_AUTO(sdk_builder_fini) sdk_builder ids;
    if (sdk_builder_init(&ids, "u", NULL) != SLU_OK)
        return slu_error_set(err, SLU_INVALID, "fraud_filter: no column of texts");
    for (int64_t i = 0; i < self->match_count; i++) {
        const rule *one = &self->now->rules.items[self->matches[i].rule];
        if (one->named)
            sdk_builder_text(&ids, one->id);
        else
            sdk_builder_null(&ids);
    }
    return sdk_builder_finish(&ids, out, err);
}

static slu_status
version_column_make(const fraud *self, struct ArrowArray *out, slu_error *err)
{
    SLU_AUTO(sdk_builder_fini) sdk_builder versions;
    if (sdk_builder_init(&versions, "l", NULL) != SLU_OK)
        return slu_error_set(err, SLU_INVALID, "fraud_filter: no column of numbers");
    for (int64_t i = 0; i < self->match_count; i++)
        sdk_builder_int(&versions, self->now->version);
    return sdk_builder_finish(&versions, out, err);
}

static slu_status
columns_make(fraud *self, const slu_batch *batch, struct ArrowArray *columns, slu_error *err)
{
    const int64_t count = batch->schema->n_children;
    for (int64_t c = 0; c < count; c++) {
        const slu_column column = slu_batch_column(batch, c);
        SLU_TRY(sdk_gather(batch->schema->children[c], &column, self->rows, self->match_count, NULL, &columns[c], err));
    }
    if (self->with_rule)
        SLU_TRY(rule_column_make(self, &columns[count], err));
    return self->with_version ? version_column_make(self, &columns[count + self->with_rule], err) : SLU_OK;
}

/* One row per match, with the rule's id and the version of its set behind the input's columns. */
static slu_status
emit_with_rule(fraud *self, const slu_batch *batch, slu_error *err)
{
    const int64_t count = batch->schema->n_children + self->with_rule + self->with_version;
    struct ArrowArray *columns = calloc((size_t)count, sizeof *columns);
    struct ArrowArray array;
    int32_t *rows =
        realloc(self->rows, (size_t)(self->match_count > self->capacity ? self->match_count : self->capacity) * sizeof *rows);
    slu_status status = columns == NULL || rows == NULL ? slu_error_set(err, SLU_NOMEM, "fraud_filter: no memory") : SLU_OK;
    if (rows != NULL)
        self->rows = rows;
    for (int64_t i = 0; status == SLU_OK && i < self->match_count; i++)
        self->rows[i] = self->matches[i].row;
    if (status == SLU_OK)
        status = columns_make(self, batch, columns, err);
    if (status == SLU_OK)
        status = sdk_struct(columns, count, self->match_count, &array, err);
    if (status == SLU_OK)
        status = sdk_emit_array(self->host, &array, NULL, batch, err);
    for (int64_t c = 0; columns != NULL && c < count; c++)
        slu_array_release(&columns[c]);
    free(columns);
    return status;
}

static slu_status
matches_emit(fraud *self, const slu_batch *batch, slu_error *err)
{
    if (self->match_count == 0)
        return SLU_OK;
    if (self->now->rules.count > 1)
        qsort(self->matches, (size_t)self->match_count, sizeof *self->matches, match_order);
    self->host->metric_add(self->host, self->matched, self->match_count);
    if (self->with_rule || self->with_version)
        return emit_with_rule(self, batch, err);
    const int64_t rows = matched_rows(self);
    return sdk_emit_rows(self->host, batch, self->rows, rows, err);
}

static slu_status
fraud_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    fraud *self = instance;
    (void)input;
    if (batch->rows == 0)
        return SLU_OK;
    self->match_count = 0;
    SLU_TRY(fraud_settle(self, err));
    SLU_TRY(scratch_room(self, batch->rows, err));
    SLU_TRY(masks_make(self, batch, err));
    SLU_TRY(sdk_keys_encode(&self->keys, batch, NULL, 0, err));
    for (uint32_t b = 0; b < self->state_count; b++)
        if (block_used(self, b))
            SLU_TRY(states_find(self, batch, b, err));
    for (uint32_t r = 0; r < self->now->rules.count; r++)
        SLU_TRY(rule_run(self, batch, r, err));
    for (uint32_t b = 0; b < self->state_count; b++)
        if (block_used(self, b))
            SLU_TRY(idle_erase(self, batch, b, err));
    return matches_emit(self, batch, err);
}

static const slu_operator_ops fraud_ops = {.size = sizeof fraud_ops,
                                           .open = fraud_open,
                                           .restore = fraud_restore,
                                           .process = fraud_process,
                                           .snapshot = fraud_snapshot,
                                           .control = fraud_control,
                                           .close = fraud_close};

static const slu_plugin fraud_plugin = {.size = sizeof fraud_plugin,
                                        .kind = SLU_KIND_OPERATOR,
                                        .name = "fraud_filter",
                                        .help = "Finds rows that complete a sequence of conditions for their key",
                                        .options = fraud_option_table,
                                        .option_count = sizeof fraud_option_table / sizeof *fraud_option_table,
                                        .options_bytes = sizeof(fraud_options),
                                        .instance_bytes = sizeof(fraud),
                                        .state_version = 1,
                                        .input_min = 1,
                                        .input_max = 1,
                                        .output_count = 1,
                                        .flags = SLU_PLUGIN_KEYED,
                                        .plan = fraud_plan,
                                        .ops = &fraud_ops};

static const slu_plugin *const fraud_plugins[] = {&fraud_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "fraud_filter",
                                      .version = "0.1.0",
                                      .plugins = fraud_plugins,
                                      .plugin_count = 1};
    return &module;
}
