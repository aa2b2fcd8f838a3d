#include "lake_settings.h"

#include "lake/plugin_options.h"
#include "verbs.h"

#include <ctype.h>
#include <stdlib.h>

/* SLUICE_A_B_C */
static const char *
setting_from_environment(const char *prefix, const char *name)
{
    char variable[128];
    const int length = snprintf(variable, sizeof variable, "SLUICE_%s%s", prefix, name);
    if (length < 0 || (size_t)length >= sizeof variable)
        return NULL;
    for (char *at = variable; *at != 0; at++)
        *at = *at == '.' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return getenv(variable);
}

const char *
cli_setting(const slu_args *args, const char *name)
{
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (strcmp(args->settings[i].name, name) == 0)
            return args->settings[i].text;
    return setting_from_environment("", name);
}

/* Only names that begin with "datalake.iceberg." are taken. */
slu_status
cli_lake_settings_add(cli_lake_settings *out, const char *key, const char *value, slu_error *err)
{
    const size_t prefix_bytes = strlen(LAKE_SETTING_PREFIX);
    if (strncmp(key, LAKE_SETTING_PREFIX, prefix_bytes) != 0)
        return SLU_OK;
    if (out->count == LAKE_SETTINGS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d settings of the lake", LAKE_SETTINGS_MAX);
    out->items[out->count++] = (iceberg_property){key + prefix_bytes, value};
    return SLU_OK;
}

void
cli_lake_settings_environment(cli_lake_settings *out)
{
    size_t known_count = 0;
    const char *const *known = lake_setting_names(&known_count);
    out->count = 0;
    for (size_t i = 0; i < known_count; i++) {
        const char *value = setting_from_environment(LAKE_SETTING_PREFIX, known[i]);
        if (value != NULL)
            out->items[out->count++] = (iceberg_property){known[i], value};
    }
}

slu_status
cli_lake_settings_take(const slu_args *args, cli_lake_settings *out, slu_error *err)
{
    cli_lake_settings_environment(out);
    for (uint32_t i = 0; i < args->setting_count; i++)
        SLU_TRY(cli_lake_settings_add(out, args->settings[i].name, args->settings[i].text, err));
    return SLU_OK;
}

slu_status
cli_lake_settings_only(const slu_args *args, cli_lake_settings *out, slu_error *err)
{
    static const char *const known[] = {LAKE_SETTING_PREFIX "type", LAKE_SETTING_PREFIX "warehouse", LAKE_SETTING_PREFIX "uri",
                                        LAKE_SETTING_PREFIX "credential", LAKE_SETTING_PREFIX "s3.endpoint"};
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (strncmp(args->settings[i].name, LAKE_SETTING_PREFIX, strlen(LAKE_SETTING_PREFIX)) != 0 &&
            strcmp(args->settings[i].name, "datalake.format") != 0)
            return slu_cli_unknown_setting(args->settings[i].name, known, sizeof known / sizeof known[0], err);
    return cli_lake_settings_take(args, out, err);
}

lake_options
cli_lake_settings_options(const cli_lake_settings *settings)
{
    return (lake_options){.settings = settings->items, .setting_count = settings->count};
}
