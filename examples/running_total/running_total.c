/*
 * running_total.c: state by key in one page: adds to each row the sum of a column over all rows of its key so far.
 *
 * The host keeps the state: it is divided by key group, saved with checkpoints and moved when a job is rescaled, and the plugin never sees
 * any of that. A batch's keys are encoded once, their values found or made with one call, and then it is plain C over arrays.
 */
#include <sluice/sdk/host.h>
#include <sluice/sdk/keys.h>
#include <sluice/sdk/suggest.h>

typedef struct total_options {
    const char *sum;
    const char *as;
} total_options;

typedef struct total {
    slu_host *host;
    slu_state *state; /* int64_t by key */
    sdk_keys keys;
    sdk_builder totals;
    int64_t column; /* of the input: what is summed */
    void **values;
    int64_t capacity;
} total;

static const slu_option total_option_table[] = {
    SLU_OPTION("sum", STRING, total_options, sum, NULL, "the BIGINT column to add up", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("as", STRING, total_options, as, "total", "the name of the new column")};

static slu_status
total_plan(slu_plan_call *call, slu_error *err)
{
    const total_options *options = call->options;
    const struct ArrowSchema *input = call->inputs[0];
    const int64_t column = sdk_column_find(input, options->sum, err);
    if (column < 0)
        return SLU_INVALID;
    if (slu_type_of(input->children[column]->format).id != SLU_TYPE_INT64)
        return slu_error_at(err, SLU_INVALID, slu_value_get(call->with, "sum"), 0, "sum: column '%s' is no BIGINT", options->sum);
    if (call->key_count == 0)
        return slu_error_set(err, SLU_INVALID, "running_total adds up by key: give `partition: { hash: [column] }`");
    SLU_TRY(slu_schema_copy(input, &call->outputs[0], err));
    return slu_schema_add(&call->outputs[0], "l", options->as, false);
}

static void
total_close(void *instance)
{
    total *self = instance;
    sdk_keys_fini(&self->keys);
    sdk_builder_fini(&self->totals);
    free(self->values);
}

static slu_status
total_open(void *instance, const slu_open *open, slu_error *err)
{
    total *self = instance;
    const total_options *options = open->options;
    self->host = open->host;
    self->column = sdk_column_find(open->inputs[0], options->sum, err);
    if (sdk_builder_init(&self->totals, "l", NULL) != SLU_OK)
        return slu_error_set(err, SLU_INVALID, "running_total: no BIGINT column");
    SLU_TRY(sdk_keys_init(&self->keys, open->inputs[0], open->keys, open->key_count, err));
    const slu_state_spec spec = {.size = sizeof spec,
                                 .kind = SLU_STATE_FIXED,
                                 .name = "totals",
                                 .key_bytes = self->keys.key_bytes,
                                 .value_bytes = sizeof(int64_t)};
    const slu_status status = self->host->state_open(self->host, &spec, &self->state, err);
    if (status != SLU_OK)
        total_close(self);
    return status;
}

/* One running sum per row, in order; equal keys have equal pointers, so a key that comes twice in a batch adds up too. */
static slu_status
totals_make(total *self, const slu_batch *batch, struct ArrowArray *out, slu_error *err)
{
    const slu_column column = slu_batch_column(batch, self->column);
    int64_t *totals = sdk_builder_extend(&self->totals, batch->rows);
    for (int64_t i = 0; totals != NULL && i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        int64_t *sum = self->values[i];
        if (slu_column_valid(&column, row))
            *sum += slu_column_i64s(&column)[row];
        totals[i] = *sum;
    }
    return sdk_builder_finish(&self->totals, out, err);
}

static slu_status
columns_emit(total *self, const slu_batch *batch, struct ArrowArray *columns, slu_error *err)
{
    const int64_t inputs = batch->schema->n_children;
    struct ArrowArray array;
    for (int64_t c = 0; c < inputs; c++)
        SLU_TRY(sdk_dense_column(self->host, batch, c, &columns[c], err));
    SLU_TRY(totals_make(self, batch, &columns[inputs], err));
    SLU_TRY(sdk_struct(columns, inputs + 1, batch->rows, &array, err));
    return sdk_emit_array(self->host, &array, NULL, batch, err);
}

static slu_status
total_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    total *self = instance;
    (void)input;
    if (batch->rows > self->capacity) {
        free(self->values);
        self->values = malloc((size_t)batch->rows * sizeof *self->values);
        self->capacity = self->values == NULL ? 0 : batch->rows;
        if (self->values == NULL)
            return slu_error_set(err, SLU_NOMEM, "running_total: no memory");
    }
    SLU_TRY(sdk_keys_encode(&self->keys, batch, NULL, 0, err));
    SLU_TRY(self->host->state_upsert_many(self->host, self->state, &self->keys.shown, self->values, err));
    struct ArrowArray *columns = calloc((size_t)batch->schema->n_children + 1, sizeof *columns);
    if (columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "running_total: no memory");
    const slu_status status = columns_emit(self, batch, columns, err);
    for (int64_t c = 0; c <= batch->schema->n_children; c++)
        slu_array_release(&columns[c]);
    free(columns);
    return status;
}

static const slu_operator_ops total_ops = {
    .size = sizeof total_ops, .open = total_open, .process = total_process, .close = total_close};

static const slu_plugin total_plugin = {.size = sizeof total_plugin,
                                        .kind = SLU_KIND_OPERATOR,
                                        .name = "running_total",
                                        .help = "Adds the running sum of a column by key",
                                        .options = total_option_table,
                                        .option_count = sizeof total_option_table / sizeof *total_option_table,
                                        .options_bytes = sizeof(total_options),
                                        .instance_bytes = sizeof(total),
                                        .state_version = 1,
                                        .input_min = 1,
                                        .input_max = 1,
                                        .output_count = 1,
                                        .flags = SLU_PLUGIN_KEYED,
                                        .plan = total_plan,
                                        .ops = &total_ops};

static const slu_plugin *const total_plugins[] = {&total_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "running_total",
                                      .version = "1.0.0",
                                      .plugins = total_plugins,
                                      .plugin_count = 1};
    return &module;
}
