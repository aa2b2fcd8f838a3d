#include "iceberg/face.h"

slu_status
iceberg_face_catalog(const slu_env *env, const lake_plugin_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_property settings[LAKE_SETTINGS_MAX];
    const size_t count = lake_plugin_settings(options, settings);
    return lake_open(env, &(lake_options){.settings = settings, .setting_count = count}, out, err);
}

slu_status
iceberg_face_name(const char *table, char ns[ICEBERG_FACE_NAME_BYTES], char name[ICEBERG_FACE_NAME_BYTES], slu_error *err)
{
    const char *dot = strrchr(table, '.');
    if (dot == NULL || dot == table || dot[1] == 0 || strlen(table) >= ICEBERG_FACE_NAME_BYTES)
        return slu_error_set(err, SLU_INVALID, "table \"%.64s\": write namespace.table", table);
    (void)snprintf(ns, ICEBERG_FACE_NAME_BYTES, "%.*s", (int)(dot - table), table);
    (void)snprintf(name, ICEBERG_FACE_NAME_BYTES, "%s", dot + 1);
    return SLU_OK;
}

static const slu_plugin *const PLUGINS[] = {&iceberg_sink_plugin, &iceberg_source_plugin};

SLU_EXPORT const slu_module *
slu_plugin_entry(void)
{
    static const slu_module MODULE = {
        .size = sizeof(slu_module),
        .abi = SLU_ABI,
        .name = "iceberg",
        .version = "0.1.0",
        .plugins = PLUGINS,
        .plugin_count = sizeof PLUGINS / sizeof *PLUGINS,
    };
    return &MODULE;
}
