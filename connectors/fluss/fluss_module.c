/* fluss_module.c: what fluss.so lists. */
#include "face.h"

SLU_EXPORT const slu_module *
slu_plugin_entry(void)
{
    static const slu_plugin *const plugins[] = {&fluss_source_plugin, &fluss_sink_plugin, &fluss_lookup_plugin};
    static const slu_module module = {
        .size = sizeof module,
        .abi = SLU_ABI,
        .name = "fluss",
        .version = "0.1.0",
        .plugins = plugins,
        .plugin_count = sizeof plugins / sizeof plugins[0],
    };
    return &module;
}
