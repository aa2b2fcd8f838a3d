/* harnessed.h: a module's plugin in a harness, ready for options and inputs. */
#ifndef TESTS_OPERATORS_HARNESSED_H
#define TESTS_OPERATORS_HARNESSED_H

#include "support/check.h"

#include <sluice/sdk/harness.h>

static inline sdk_harness *
harnessed_file(const char *file, const char *name)
{
    slu_error err = {0};
    const slu_module *module;
    sdk_harness *h = NULL;
    CHECK_OK(sdk_module_load(file, &module, &err));
    const slu_plugin *plugin = sdk_module_plugin(module, name);
    assert_non_null(plugin);
    assert_int_equal(sdk_harness_new(plugin, &h), SLU_OK);
    return h;
}

static inline sdk_harness *
harnessed(const char *name)
{
    return harnessed_file(PLUGIN_FILE, name);
}

#endif
