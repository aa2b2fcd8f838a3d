/* The module tiering.so. */
#include "tiering/tiering.h"

static const slu_plugin *const plugins[] = {&tiering_source_plugin, &tiering_writer_plugin, &tiering_committer_plugin};

static const slu_module module = {
    .size = sizeof module, .abi = SLU_ABI, .name = "tiering", .version = "0.1.0", .plugins = plugins, .plugin_count = 3};

const slu_module *
slu_plugin_entry(void)
{
    return &module;
}
