/* hanging_sink.c: a sink whose first call ever never returns; the file of its option `once` says that it was made. */
#include <sluice/plugin.h>

#include <fcntl.h>
#include <unistd.h>

typedef struct hanging_options {
    const char *once;
} hanging_options;

typedef struct hanging {
    const hanging_options *options;
} hanging;

static const slu_option hanging_option_table[] = {
    SLU_OPTION("once", STRING, hanging_options, once, NULL, "the file", .flags = SLU_OPTION_REQUIRED)};

static slu_status
hanging_plan(slu_plan_call *call, slu_error *err)
{
    (void)call;
    (void)err;
    return SLU_OK;
}

static slu_status
hanging_open(void *instance, const slu_open *open, slu_error *err)
{
    (void)err;
    ((hanging *)instance)->options = open->options;
    return SLU_OK;
}

static slu_status
hanging_write(void *instance, const slu_batch *batch, slu_error *err)
{
    const hanging *self = instance;
    (void)batch;
    (void)err;
    const int fd = open(self->options->once, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return SLU_OK;
    (void)close(fd);
    for (;;)
        (void)pause();
}

static slu_status
hanging_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    (void)instance;
    (void)committables;
    (void)err;
    return SLU_OK;
}

static void
hanging_close(void *instance)
{
    (void)instance;
}

static const slu_sink_ops hanging_ops = {
    .size = sizeof hanging_ops, .open = hanging_open, .write = hanging_write, .prepare = hanging_prepare, .close = hanging_close};

static const slu_plugin hanging_plugin = {.size = sizeof hanging_plugin,
                                          .kind = SLU_KIND_SINK,
                                          .name = "hanging",
                                          .help = "Hangs in its first call ever",
                                          .options = hanging_option_table,
                                          .option_count = 1,
                                          .options_bytes = sizeof(hanging_options),
                                          .instance_bytes = sizeof(hanging),
                                          .state_version = 1,
                                          .input_min = 1,
                                          .input_max = 1,
                                          .plan = hanging_plan,
                                          .ops = &hanging_ops};

static const slu_plugin *const hanging_plugins[] = {&hanging_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "hanging",
                                      .version = "0.1.0",
                                      .plugins = hanging_plugins,
                                      .plugin_count = 1};
    return &module;
}
