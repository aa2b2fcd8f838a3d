/*
 * blackhole.c: takes every row and keeps none: for measuring what comes before it. The metric `rows` counts them.
 */
#include <sluice/plugin.h>

typedef struct blackhole {
    slu_host *host;
    slu_metric *rows;
} blackhole;

static slu_status
blackhole_plan(slu_plan_call *call, slu_error *err)
{
    (void)call;
    (void)err;
    return SLU_OK;
}

static slu_status
blackhole_open(void *instance, const slu_open *open, slu_error *err)
{
    blackhole *self = instance;
    (void)err;
    self->host = open->host;
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "rows");
    return SLU_OK;
}

static slu_status
blackhole_write(void *instance, const slu_batch *batch, slu_error *err)
{
    blackhole *self = instance;
    (void)err;
    self->host->metric_add(self->host, self->rows, batch->rows);
    return SLU_OK;
}

static slu_status
blackhole_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    (void)instance;
    (void)committables;
    (void)err;
    return SLU_OK;
}

static void
blackhole_close(void *instance)
{
    (void)instance;
}

static const slu_sink_ops blackhole_ops = {.size = sizeof blackhole_ops,
                                           .open = blackhole_open,
                                           .write = blackhole_write,
                                           .prepare = blackhole_prepare,
                                           .close = blackhole_close};

static const slu_plugin blackhole_plugin = {.size = sizeof blackhole_plugin,
                                            .kind = SLU_KIND_SINK,
                                            .name = "blackhole",
                                            .help = "Takes every row and keeps none",
                                            .instance_bytes = sizeof(blackhole),
                                            .state_version = 1,
                                            .input_min = 1,
                                            .input_max = 64,
                                            .plan = blackhole_plan,
                                            .ops = &blackhole_ops};

static const slu_plugin *const blackhole_plugins[] = {&blackhole_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "blackhole",
                                      .version = "0.1.0",
                                      .plugins = blackhole_plugins,
                                      .plugin_count = 1};
    return &module;
}
