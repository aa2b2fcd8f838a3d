/*
 * project.c: new columns out of old ones: a map of names to expressions.
 *
 * A column that is only renamed or moved is shared, not copied; where every column is, the batch's selection goes along too.
 */
#include <sluice/sdk/expr.h>
#include <sluice/sdk/host.h>

typedef struct project_options {
    const slu_value *columns;
} project_options;

typedef struct project {
    slu_host *host;
    uint32_t count;
    bool bare; /* every column is one of the input's */
    sdk_expr **columns;
    struct ArrowArray *arrays;
    uint8_t *kinds;
    int64_t kinds_capacity;
} project;

static const slu_option project_option_table[] = {SLU_OPTION(
    "columns", VALUE, project_options, columns, NULL,
    "a map of names to expressions, { total: \"price * amount\", id: id }, or a list of columns", .flags = SLU_OPTION_REQUIRED)};

/* The i-th column's name and expression: a list's item is both. */
static const slu_value *
column_name(const slu_value *columns, uint32_t i)
{
    return columns->kind == SLU_VALUE_MAP ? &columns->keys[i] : &columns->items[i];
}

static slu_status
columns_check(const slu_value *columns, slu_error *err)
{
    if (columns == NULL || (columns->kind != SLU_VALUE_MAP && columns->kind != SLU_VALUE_LIST) || columns->count == 0)
        return slu_error_at(err, SLU_INVALID, columns, 0,
                            "columns: a map of names to expressions is expected, or a list of columns");
    for (uint32_t i = 0; i < columns->count; i++) {
        if (column_name(columns, i)->kind != SLU_VALUE_SCALAR)
            return slu_error_at(err, SLU_INVALID, column_name(columns, i), 0, "columns: a column's name is expected");
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(column_name(columns, i)->text, column_name(columns, k)->text) == 0)
                return slu_error_at(err, SLU_INVALID, column_name(columns, i), 0, "columns: '%s' is there twice",
                                    column_name(columns, i)->text);
    }
    return SLU_OK;
}

static slu_status
project_field(const slu_value *columns, uint32_t i, const struct ArrowSchema *input, struct ArrowSchema *out, slu_error *err)
{
    SLU_AUTO(sdk_expr_free) sdk_expr *expr = NULL;
    const char *name = column_name(columns, i)->text;
    /* A bare column may be of any type, even one that expressions cannot compute with. */
    const int64_t bare = columns->items[i].kind == SLU_VALUE_SCALAR ? slu_schema_find(input, columns->items[i].text) : -1;
    if (bare >= 0)
        return slu_schema_add_copy(out, input->children[bare], name);
    SLU_TRY(sdk_expr_compile_value(&columns->items[i], name, input, &expr, err));
    return slu_schema_add(out, sdk_expr_format(expr), name, sdk_expr_nullable(expr));
}

static slu_status
project_plan(slu_plan_call *call, slu_error *err)
{
    const project_options *options = call->options;
    struct ArrowSchema out;
    SLU_TRY(columns_check(options->columns, err));
    SLU_TRY(slu_schema_init_struct(&out));
    for (uint32_t i = 0; i < options->columns->count; i++) {
        const slu_status status = project_field(options->columns, i, call->inputs[0], &out, err);
        if (status != SLU_OK) {
            slu_schema_release(&out);
            return status == SLU_NOMEM ? slu_error_set(err, SLU_NOMEM, "project: no memory") : status;
        }
    }
    slu_schema_move(&out, &call->outputs[0]);
    return SLU_OK;
}

static void
project_close(void *instance)
{
    project *self = instance;
    for (uint32_t i = 0; self->columns != NULL && i < self->count; i++)
        sdk_expr_free(&self->columns[i]);
    free(self->columns);
    free(self->arrays);
    free(self->kinds);
    memset(self, 0, sizeof *self);
}

static slu_status
project_open(void *instance, const slu_open *open, slu_error *err)
{
    project *self = instance;
    const project_options *options = open->options;
    self->host = open->host;
    self->count = options->columns->count;
    self->bare = true;
    self->columns = calloc(self->count, sizeof *self->columns);
    self->arrays = calloc(self->count, sizeof *self->arrays);
    slu_status status =
        self->columns == NULL || self->arrays == NULL ? slu_error_set(err, SLU_NOMEM, "project: no memory") : SLU_OK;
    for (uint32_t i = 0; i < self->count && status == SLU_OK; i++) {
        status = sdk_expr_compile_value(&options->columns->items[i], column_name(options->columns, i)->text, open->inputs[0],
                                        &self->columns[i], err);
        self->bare = self->bare && status == SLU_OK && sdk_expr_bare_column(self->columns[i]) >= 0;
    }
    if (status != SLU_OK)
        project_close(self);
    return status;
}

static slu_status
column_make(project *self, uint32_t i, const slu_batch *batch, slu_error *err)
{
    const int64_t bare = sdk_expr_bare_column(self->columns[i]);
    if (bare < 0)
        return sdk_expr_project(self->columns[i], batch, NULL, &self->arrays[i], err);
    return self->bare ? sdk_share_column(self->host, batch, bare, &self->arrays[i], err)
                      : sdk_dense_column(self->host, batch, bare, &self->arrays[i], err);
}

/* The kinds of the rows that stay, when the selection was applied to the columns. */
static slu_status
kinds_make(project *self, const slu_batch *batch, const uint8_t **out, slu_error *err)
{
    *out = batch->kinds;
    if (batch->kinds == NULL || batch->selection == NULL || self->bare)
        return SLU_OK;
    if (batch->rows > self->kinds_capacity) {
        free(self->kinds);
        self->kinds = malloc((size_t)batch->rows);
        self->kinds_capacity = self->kinds == NULL ? 0 : batch->rows;
        if (self->kinds == NULL)
            return slu_error_set(err, SLU_NOMEM, "project: no memory");
    }
    for (int64_t i = 0; i < batch->rows; i++)
        self->kinds[i] = batch->kinds[batch->selection[i]];
    *out = self->kinds;
    return SLU_OK;
}

static slu_status
project_emit(project *self, const slu_batch *batch, slu_error *err)
{
    struct ArrowArray array;
    slu_emit emit = {.size = sizeof emit, .array = &array, .attrs = batch->attrs, .attr_count = batch->attr_count};
    SLU_TRY(kinds_make(self, batch, &emit.kinds, err));
    SLU_TRY(sdk_struct(self->arrays, self->count, self->bare ? batch->array->length : batch->rows, &array, err));
    if (self->bare && batch->selection != NULL) {
        emit.selection = batch->selection;
        emit.rows = batch->rows;
    }
    return self->host->emit(self->host, &emit, err);
}

static slu_status
project_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    project *self = instance;
    slu_status status = SLU_OK;
    (void)input;
    if (batch->rows == 0)
        return SLU_OK;
    for (uint32_t i = 0; i < self->count && status == SLU_OK; i++)
        status = column_make(self, i, batch, err);
    if (status == SLU_OK)
        status = project_emit(self, batch, err);
    for (uint32_t i = 0; i < self->count; i++)
        slu_array_release(&self->arrays[i]);
    return status;
}

static const slu_operator_ops project_ops = {
    .size = sizeof project_ops, .open = project_open, .process = project_process, .close = project_close};

static const slu_plugin project_plugin = {.size = sizeof project_plugin,
                                          .kind = SLU_KIND_OPERATOR,
                                          .name = "project",
                                          .help = "Computes, renames and drops columns",
                                          .options = project_option_table,
                                          .option_count = 1,
                                          .options_bytes = sizeof(project_options),
                                          .instance_bytes = sizeof(project),
                                          .state_version = 1,
                                          .input_min = 1,
                                          .input_max = 1,
                                          .output_count = 1,
                                          .plan = project_plan,
                                          .ops = &project_ops};

static const slu_plugin *const project_plugins[] = {&project_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "project",
                                      .version = "0.1.0",
                                      .plugins = project_plugins,
                                      .plugin_count = 1};
    return &module;
}
