/* loader_module.c: one small module, and its wrong sisters: compiled several times, with MODULE_ saying what is wrong. */
#include <sluice/plugin.h>

#include <stdlib.h>

#ifndef MODULE_ABI
#define MODULE_ABI SLU_ABI
#endif
#ifndef MODULE_NAME
#define MODULE_NAME "good"
#endif
#ifndef MODULE_PLUGIN
#define MODULE_PLUGIN "good_sink"
#endif

#ifdef MODULE_CRASHES
__attribute__((constructor)) static void
crash(void)
{
    abort();
}
#endif

static slu_status
sink_plan(slu_plan_call *call, slu_error *err)
{
    return SLU_OK;
}

static slu_status
sink_open(void *self, const slu_open *open, slu_error *err)
{
    return SLU_OK;
}

#ifndef MODULE_NO_WRITE
static slu_status
sink_write(void *self, const slu_batch *batch, slu_error *err)
{
    return SLU_OK;
}
#endif

static slu_status
sink_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    return SLU_OK;
}

static void
sink_close(void *self)
{
}

typedef struct options {
    const char *text;
    int64_t number;
} options;

static const slu_option option_table[] = {
    SLU_OPTION("text", STRING, options, text, NULL, "a text"),
#ifdef MODULE_BAD_OFFSET
    {.size = sizeof(slu_option), .type = SLU_OPTION_I64, .name = "number", .help = "a number", .offset = 4096},
#else
    SLU_OPTION("number", I64, options, number, "7", "a number"),
#endif
};

static const slu_sink_ops ops = {
#ifdef MODULE_SHORT_OPS
    .size = 8,
#else
    .size = sizeof ops,
#endif
    .open = sink_open,
#ifndef MODULE_NO_WRITE
    .write = sink_write,
#endif
    .prepare = sink_prepare,
    .close = sink_close};

static const slu_plugin plugin = {.size = sizeof plugin,
                                  .kind = SLU_KIND_SINK,
                                  .name = MODULE_PLUGIN,
                                  .help = "Takes rows.",
                                  .options = option_table,
                                  .option_count = 2,
                                  .options_bytes = sizeof(options),
                                  .instance_bytes = 8,
                                  .input_min = 1,
                                  .input_max = 1,
                                  .plan = sink_plan,
                                  .ops = &ops};
static const slu_plugin *const plugins[] = {&plugin};
static const slu_module module = {
    .size = sizeof module, .abi = MODULE_ABI, .name = MODULE_NAME, .version = "1.0", .plugins = plugins, .plugin_count = 1};

#ifndef MODULE_NO_ENTRY
const slu_module *
slu_plugin_entry(void)
{
    return &module;
}
#else
SLU_EXPORT const slu_module *something_else(void);
const slu_module *
something_else(void)
{
    return &module;
}
#endif
