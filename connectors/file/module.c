/* module.c: what file.so offers. */
#include "rows.h"

static const slu_plugin *const file_plugins[] = {&file_source_plugin, &file_lookup_plugin, &file_sink_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {
        .size = sizeof module, .abi = SLU_ABI, .name = "file", .version = "0.1.0", .plugins = file_plugins, .plugin_count = 3};
    return &module;
}
