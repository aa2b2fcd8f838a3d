/*
 * filter.c: keeps the rows for which an expression is TRUE.
 *
 * The batch goes on as it is, with a shorter selection: no column is copied or even read, but for those in the expression.
 */
#include <sluice/sdk/expr.h>
#include <sluice/sdk/host.h>

typedef struct filter_options {
    const slu_value *where;
} filter_options;

typedef struct filter {
    slu_host *host;
    sdk_expr *where;
    int32_t *rows;
    int64_t rows_capacity;
} filter;

static const slu_option filter_option_table[] = {SLU_OPTION("where", VALUE, filter_options, where, NULL,
                                                            "a condition over the input's columns, as in \"amount > 1000.00\"",
                                                            .flags = SLU_OPTION_REQUIRED)};

static slu_status
filter_plan(slu_plan_call *call, slu_error *err)
{
    const filter_options *options = call->options;
    SLU_AUTO(sdk_expr_free) sdk_expr *where = NULL;
    SLU_TRY(sdk_expr_compile_condition(options->where, "where", call->inputs[0], &where, err));
    return slu_schema_copy(call->inputs[0], &call->outputs[0], err);
}

static void
filter_close(void *instance)
{
    filter *self = instance;
    sdk_expr_free(&self->where);
    free(self->rows);
    self->rows = NULL;
}

static slu_status
filter_open(void *instance, const slu_open *open, slu_error *err)
{
    filter *self = instance;
    const filter_options *options = open->options;
    self->host = open->host;
    return sdk_expr_compile_condition(options->where, "where", open->inputs[0], &self->where, err);
}

static slu_status
filter_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    filter *self = instance;
    int64_t rows = 0;
    (void)input;
    if (batch->rows > self->rows_capacity) {
        free(self->rows);
        self->rows = malloc((size_t)batch->rows * sizeof *self->rows);
        self->rows_capacity = self->rows == NULL ? 0 : batch->rows;
        if (self->rows == NULL)
            return slu_error_set(err, SLU_NOMEM, "filter: no memory for %lld rows", (long long)batch->rows);
    }
    SLU_TRY(sdk_expr_select(self->where, batch, self->rows, &rows, err));
    return sdk_emit_rows(self->host, batch, self->rows, rows, err);
}

static const slu_operator_ops filter_ops = {
    .size = sizeof filter_ops, .open = filter_open, .process = filter_process, .close = filter_close};

static const slu_plugin filter_plugin = {.size = sizeof filter_plugin,
                                         .kind = SLU_KIND_OPERATOR,
                                         .name = "filter",
                                         .help = "Keeps the rows for which a condition is true",
                                         .options = filter_option_table,
                                         .option_count = 1,
                                         .options_bytes = sizeof(filter_options),
                                         .instance_bytes = sizeof(filter),
                                         .state_version = 1,
                                         .input_min = 1,
                                         .input_max = 1,
                                         .output_count = 1,
                                         .plan = filter_plan,
                                         .ops = &filter_ops};

static const slu_plugin *const filter_plugins[] = {&filter_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {
        .size = sizeof module, .abi = SLU_ABI, .name = "filter", .version = "0.1.0", .plugins = filter_plugins, .plugin_count = 1};
    return &module;
}
