#include "fake_plugins.h"

#include <sluice/columns.h>

/* ---- Functions that only have to be there -------------------------------------------------------------------------------------- */

static slu_status
never_open(void *self, const slu_open *open, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "a fake plugin only plans");
}

static void
never_close(void *self)
{
}

static slu_status
never_assign(void *self, const slu_split *splits, uint32_t count, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_poll(void *self, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_source_snapshot(void *self, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_write(void *self, const slu_batch *batch, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_submit(void *self, uint64_t token, const slu_batch *keys, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

static slu_status
never_partition(void *self, const slu_batch *batch, uint32_t *buckets, slu_error *err)
{
    return SLU_UNSUPPORTED;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

typedef struct rows_options {
    const char *table;
    const char *start;
    const char *servers;
    int64_t idle_ms;
    int64_t buffer_bytes;
    int64_t splits;
    const slu_value *columns;
    const slu_value *lake;
    uint32_t follow;
} rows_options;

static const slu_option rows_option_table[] = {
    SLU_OPTION("table", STRING, rows_options, table, NULL, "the table to read", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("start", CHOICE, rows_options, start, "earliest", "where to begin", .choices = "earliest|latest|timestamp"),
    SLU_OPTION("servers", STRING, rows_options, servers, "127.0.0.1:9123", "addresses", .param = "fluss.bootstrap.servers"),
    SLU_OPTION("idle", DURATION, rows_options, idle_ms, "1s", "when it counts as idle", .min = 10, .max = 60000),
    SLU_OPTION("buffer", BYTES, rows_options, buffer_bytes, "1mib", "how much is fetched"),
    SLU_OPTION("splits", I64, rows_options, splits, "2", "number of splits", .min = 1, .max = 16),
    SLU_OPTION("columns", LIST, rows_options, columns, NULL, "columns to read"),
    SLU_OPTION("lake", MAP, rows_options, lake, NULL, "lake properties", .param = "datalake.iceberg.*"),
    SLU_OPTION("follow", BOOL, rows_options, follow, "true", "whether it goes on at the end"),
};

static slu_status
rows_plan(slu_plan_call *call, slu_error *err)
{
    struct ArrowSchema *out = call->outputs;
    SLU_TRY(slu_schema_init_struct(out));
    SLU_TRY(slu_schema_add(out, "l", "id", false));
    SLU_TRY(slu_schema_add(out, "l", "accountId", false));
    SLU_TRY(slu_schema_add(out, "d:10,2", "amount", true));
    SLU_TRY(slu_schema_add(out, "u", "channel", true));
    SLU_TRY(slu_schema_add(out, "+s", "place", true));
    call->bounded = ((const rows_options *)call->options)->follow == 0;
    return SLU_OK;
}

static slu_status
rows_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    const rows_options *options = call->options;
    for (int64_t i = 0; i < options->splits; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "split-%d", (int)i);
        const slu_split split = {.size = sizeof split, .id = id, .data = &i, .data_bytes = sizeof i};
        SLU_TRY(list->add(list, &split, err));
    }
    return SLU_OK;
}

static const slu_source_ops rows_ops = {.size = sizeof rows_ops,
                                        .list_splits = rows_splits,
                                        .open = never_open,
                                        .assign = never_assign,
                                        .poll = never_poll,
                                        .snapshot = never_source_snapshot,
                                        .close = never_close};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const slu_plugin rows = {.size = sizeof rows,
                                .kind = SLU_KIND_SOURCE,
                                .name = "rows",
                                .help = "Rows that are planned and never come.",
                                .options = rows_option_table,
                                .option_count = COUNT(rows_option_table),
                                .options_bytes = sizeof(rows_options),
                                .instance_bytes = 8,
                                .output_count = 1,
                                .plan = rows_plan,
                                .ops = &rows_ops};

/* ---- pass, rule, join ---------------------------------------------------------------------------------------------------------- */

typedef struct rule_options {
    const char *column;
    const slu_value *lookup;
} rule_options;

static const slu_option rule_option_table[] = {
    SLU_OPTION("column", STRING, rule_options, column, NULL, "a number to look at", .flags = SLU_OPTION_REQUIRED),
};

static const slu_option join_option_table[] = {
    SLU_OPTION("column", STRING, rule_options, column, NULL, "the key", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("lookup", VALUE, rule_options, lookup, NULL, "the lookup", .flags = SLU_OPTION_REQUIRED),
};

static slu_status
pass_plan(slu_plan_call *call, slu_error *err)
{
    for (uint32_t i = 1; i < call->input_count; i++)
        if (!slu_schema_equal(call->inputs[0], call->inputs[i]))
            return slu_error_set(err, SLU_INVALID, "its inputs have different columns");
    return slu_schema_copy(call->inputs[0], call->outputs, err);
}

static slu_status
rule_plan(slu_plan_call *call, slu_error *err)
{
    const rule_options *options = call->options;
    const slu_value *at = slu_value_get(call->with, "column");
    const int64_t column = slu_schema_find(call->inputs[0], options->column);
    if (column < 0)
        return slu_error_at(err, SLU_INVALID, at, 0, "there is no column %s", options->column);
    if (slu_type_of(call->inputs[0]->children[column]->format).id == SLU_TYPE_UTF8)
        return slu_error_at(err, SLU_INVALID, at, 0, "column %s is a STRING, and a number is wanted", options->column);
    if (call->key_count != 1)
        return slu_error_set(err, SLU_INVALID, "one key column is wanted");
    return slu_schema_copy(call->inputs[0], call->outputs, err);
}

static slu_status
join_plan(slu_plan_call *call, slu_error *err)
{
    const rule_options *options = call->options;
    struct ArrowSchema values = {0};
    SLU_TRY(call->host->lookup_plan(call->host, options->lookup, call->inputs[0], &values, err));
    slu_status status = slu_schema_copy(call->inputs[0], call->outputs, err);
    for (int64_t i = 0; status == SLU_OK && i < values.n_children; i++)
        status = slu_schema_add_copy(call->outputs, values.children[i], NULL);
    slu_schema_release(&values);
    return status;
}

static const slu_operator_ops operator_ops = {
    .size = sizeof operator_ops, .open = never_open, .process = never_process, .close = never_close};

static const slu_plugin pass = {.size = sizeof pass,
                                .kind = SLU_KIND_OPERATOR,
                                .name = "pass",
                                .help = "Gives what it takes.",
                                .instance_bytes = 8,
                                .input_min = 1,
                                .input_max = 3,
                                .output_count = 1,
                                .plan = pass_plan,
                                .ops = &operator_ops};

static const slu_plugin rule = {.size = sizeof rule,
                                .kind = SLU_KIND_OPERATOR,
                                .name = "rule",
                                .help = "Keeps state per key.",
                                .options = rule_option_table,
                                .option_count = COUNT(rule_option_table),
                                .options_bytes = sizeof(rule_options),
                                .instance_bytes = 8,
                                .input_min = 1,
                                .input_max = 1,
                                .output_count = 1,
                                .flags = SLU_PLUGIN_KEYED,
                                .plan = rule_plan,
                                .ops = &operator_ops};

static const slu_plugin join = {.size = sizeof join,
                                .kind = SLU_KIND_OPERATOR,
                                .name = "join",
                                .help = "Adds what a lookup knows.",
                                .options = join_option_table,
                                .option_count = COUNT(join_option_table),
                                .options_bytes = sizeof(rule_options),
                                .instance_bytes = 8,
                                .input_min = 1,
                                .input_max = 1,
                                .output_count = 1,
                                .flags = SLU_PLUGIN_NONDETERMINISTIC,
                                .plan = join_plan,
                                .ops = &operator_ops};

/* ---- names --------------------------------------------------------------------------------------------------------------------- */

typedef struct names_options {
    const char *table;
} names_options;

static const slu_option names_option_table[] = {
    SLU_OPTION("table", STRING, names_options, table, NULL, "the table to look in", .flags = SLU_OPTION_REQUIRED,
               .param = "names.table"),
};

static slu_status
names_plan(slu_plan_call *call, slu_error *err)
{
    SLU_TRY(slu_schema_init_struct(call->outputs));
    return slu_schema_add(call->outputs, "u", "name", true);
}

static const slu_lookup_ops names_ops = {
    .size = sizeof names_ops, .open = never_open, .submit = never_submit, .close = never_close};

static const slu_plugin names = {.size = sizeof names,
                                 .kind = SLU_KIND_LOOKUP,
                                 .name = "names",
                                 .help = "Names of accounts.",
                                 .options = names_option_table,
                                 .option_count = COUNT(names_option_table),
                                 .options_bytes = sizeof(names_options),
                                 .instance_bytes = 8,
                                 .plan = names_plan,
                                 .ops = &names_ops};

/* ---- out ----------------------------------------------------------------------------------------------------------------------- */

typedef struct out_options {
    const slu_value *columns;
    const char *password;
} out_options;

static const slu_option out_option_table[] = {
    SLU_OPTION("columns", MAP, out_options, columns, NULL, "which column goes where"),
    SLU_OPTION("password", STRING, out_options, password, NULL, "how to get in", .flags = SLU_OPTION_SECRET,
               .param = "out.password"),
};

static slu_status
out_plan(slu_plan_call *call, slu_error *err)
{
    const out_options *options = call->options;
    for (uint32_t i = 0; options->columns != NULL && i < options->columns->count; i++) {
        const slu_value *from = &options->columns->items[i];
        const int64_t column = slu_schema_find(call->inputs[0], from->text);
        if (column < 0)
            return slu_error_at(err, SLU_INVALID, from, 0, "there is no column %s", from->text);
    }
    slu_promise_say(call->host, "exactly once, as far as a fake can");
    return SLU_OK;
}

static const slu_sink_ops out_ops = {
    .size = sizeof out_ops, .open = never_open, .write = never_write, .prepare = never_prepare, .close = never_close};
static const slu_partitioner_ops out_partitioner = {
    .size = sizeof out_partitioner, .instance_bytes = 8, .open = never_open, .partition = never_partition, .close = never_close};

static const slu_plugin out = {.size = sizeof out,
                               .kind = SLU_KIND_SINK,
                               .name = "out",
                               .help = "Takes rows.",
                               .options = out_option_table,
                               .option_count = COUNT(out_option_table),
                               .options_bytes = sizeof(out_options),
                               .instance_bytes = 8,
                               .input_min = 1,
                               .input_max = 1,
                               .plan = out_plan,
                               .ops = &out_ops,
                               .partitioner = &out_partitioner};

static const slu_plugin *const plugins[] = {&rows, &pass, &rule, &join, &names, &out};

const slu_module fake_module = {.size = sizeof fake_module,
                                .abi = SLU_ABI,
                                .name = "fake",
                                .version = "1.0",
                                .plugins = plugins,
                                .plugin_count = COUNT(plugins)};
