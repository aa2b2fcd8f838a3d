/*
 * my_plugin.c: keeps every n-th row. Replace what it does by what yours does; the shape stays.
 *
 * A plugin is a table of functions over an instance whose memory the host allocates, zeroed. Everything it may use arrives in slu_host.
 * <sluice/plugin.h> is the whole contract; <sluice/sdk/...> is a small library that is linked into your module.
 */
#include <sluice/sdk/host.h>

typedef struct my_options {
    int64_t every;
} my_options;

typedef struct my_plugin {
    slu_host *host;
    const my_options *options;
    int64_t seen;  /* rows so far: the state, saved at every checkpoint */
    int32_t *rows; /* scratch: the rows of a batch that go on */
    int64_t capacity;
} my_plugin;

/* Options are one table: it parses, checks, and answers `sluice plugins show my_plugin`. */
static const slu_option my_option_table[] = {
    SLU_OPTION("every", I64, my_options, every, "2", "keep one row in so many", .min = 1, .max = 1000000)};

/* Called when a job is submitted, in a process of its own: from the inputs' schemas to the outputs'. A wrong column name fails here. */
static slu_status
my_plan(slu_plan_call *call, slu_error *err)
{
    return slu_schema_copy(call->inputs[0], &call->outputs[0], err);
}

static slu_status
my_open(void *instance, const slu_open *open, slu_error *err)
{
    my_plugin *self = instance;
    (void)err;
    self->host = open->host;
    self->options = open->options;
    return SLU_OK;
}

/* A batch is immutable: rows are dropped by emitting it with a shorter selection. */
static slu_status
my_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    my_plugin *self = instance;
    int64_t kept = 0;
    (void)input;
    if (batch->rows > self->capacity) {
        free(self->rows);
        self->rows = malloc((size_t)batch->rows * sizeof *self->rows);
        self->capacity = self->rows == NULL ? 0 : batch->rows;
        if (self->rows == NULL)
            return slu_error_set(err, SLU_NOMEM, "my_plugin: no memory for %lld rows", (long long)batch->rows);
    }
    for (int64_t i = 0; i < batch->rows; i++)
        if (self->seen++ % self->options->every == 0)
            self->rows[kept++] = (int32_t)slu_batch_row(batch, i);
    return sdk_emit_rows(self->host, batch, self->rows, kept, err);
}

/* At a checkpoint: everything a new instance needs to go on exactly here. State by key is better kept in the host (state_open). */
static slu_status
my_snapshot(void *instance, slu_snapshot *snapshot, slu_error *err)
{
    const my_plugin *self = instance;
    return snapshot->write(snapshot, SLU_KEY_GROUP_NONE, &self->seen, sizeof self->seen, err);
}

static slu_status
my_restore(void *instance, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    my_plugin *self = instance;
    (void)key_group;
    if (state_version != 1 || bytes != sizeof self->seen)
        return slu_error_set(err, SLU_CORRUPT, "my_plugin: a state of version %u with %llu bytes", state_version,
                             (unsigned long long)bytes);
    memcpy(&self->seen, data, sizeof self->seen);
    return SLU_OK;
}

static void
my_close(void *instance)
{
    my_plugin *self = instance;
    free(self->rows);
}

static const slu_operator_ops my_ops = {.size = sizeof my_ops,
                                        .open = my_open,
                                        .restore = my_restore,
                                        .process = my_process,
                                        .snapshot = my_snapshot,
                                        .close = my_close};

static const slu_plugin my_plugin_table = {.size = sizeof my_plugin_table,
                                           .kind = SLU_KIND_OPERATOR,
                                           .name = "my_plugin",
                                           .help = "Keeps every n-th row",
                                           .options = my_option_table,
                                           .option_count = sizeof my_option_table / sizeof *my_option_table,
                                           .options_bytes = sizeof(my_options),
                                           .instance_bytes = sizeof(my_plugin),
                                           .state_version = 1,
                                           .input_min = 1,
                                           .input_max = 1,
                                           .output_count = 1,
                                           .plan = my_plan,
                                           .ops = &my_ops};

static const slu_plugin *const my_plugins[] = {&my_plugin_table};

/* The one function that the module exports. */
const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {
        .size = sizeof module, .abi = SLU_ABI, .name = "my_plugin", .version = "0.1.0", .plugins = my_plugins, .plugin_count = 1};
    return &module;
}
