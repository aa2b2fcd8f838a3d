#include "lake/plugin_options.h"

#define SETTING_NAME(s, m, field, option, initial, option_flags, text) option
#define SETTING_PLACE(s, m, field, option, initial, option_flags, text) offsetof(lake_plugin_options, field)

static const char *const NAMES[] = {LAKE_SETTINGS(SETTING_NAME, , )};
static const size_t PLACES[] = {LAKE_SETTINGS(SETTING_PLACE, , )};

_Static_assert(sizeof NAMES == offsetof(lake_plugin_options, more), "every field has a name");
_Static_assert(sizeof NAMES / sizeof *NAMES <= LAKE_SETTINGS_MAX, "they fit");

const char *const *
lake_setting_names(size_t *out_count)
{
    *out_count = sizeof NAMES / sizeof *NAMES;
    return NAMES;
}

size_t
lake_plugin_settings(const lake_plugin_options *options, iceberg_property out[LAKE_SETTINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = NULL;
        memcpy(&value, (const char *)options + PLACES[i], sizeof(const char *));
        if (value != NULL && value[0] != 0)
            out[count++] = (iceberg_property){NAMES[i], value};
    }
    for (uint32_t i = 0; options->more != NULL && i < options->more->count && count < LAKE_SETTINGS_MAX; i++)
        if (options->more->items[i].kind == SLU_VALUE_SCALAR)
            out[count++] = (iceberg_property){options->more->keys[i].text, options->more->items[i].text};
    return count;
}
