#include "lake.h"

slu_status
tiering_lake_check(const tiering_lake_options *options, slu_error *err)
{
    iceberg_property settings[LAKE_SETTINGS_MAX];
    if (options->format != NULL && strcmp(options->format, "iceberg") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "lake format %s: this build tiers into iceberg only", options->format);
    const size_t count = lake_plugin_settings(&options->iceberg, settings);
    return lake_check(&(lake_options){.settings = settings, .setting_count = count}, err);
}

slu_status
tiering_lake_open(const slu_env *env, const tiering_lake_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_property settings[LAKE_SETTINGS_MAX];
    SLU_TRY(tiering_lake_check(options, err));
    const size_t count = lake_plugin_settings(&options->iceberg, settings);
    return lake_open(env, &(lake_options){.settings = settings, .setting_count = count}, out, err);
}

static void
host_log(const slu_env *env, int level, const char *event, const char *message)
{
    slu_host *host = env->context;
    host->log(host, level, event, message);
}

void
tiering_env_of_host(slu_env *env, slu_host *host)
{
    slu_env_init_system(env, SLU_LOG_INFO);
    env->log = host_log;
    env->context = host;
}

_Static_assert(SLU_LOG_ERROR == SLU_HOST_LOG_ERROR && SLU_LOG_DEBUG == SLU_HOST_LOG_DEBUG, "levels pass unchanged");
