#include "lake.h"

slu_status
tiering_lake_check(const tiering_lake_options *options, slu_error *err)
{
    if (options->format != NULL && strcmp(options->format, "iceberg") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "lake format %s: this build tiers into iceberg only", options->format);
    if (options->type == NULL || strcmp(options->type, "hadoop") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "Iceberg catalog type %s: tiering serves hadoop (tables in a directory) so far",
                             options->type == NULL ? "(none)" : options->type);
    if (options->warehouse == NULL || options->warehouse[0] == 0)
        return slu_error_set(err, SLU_INVALID, "no warehouse: give datalake.iceberg.warehouse, a directory or file: URI");
    return SLU_OK;
}

slu_status
tiering_lake_open(const slu_env *env, const tiering_lake_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_store store = {0};
    SLU_TRY(tiering_lake_check(options, err));
    SLU_TRY(iceberg_store_local_open(false, &store, err));
    const slu_status status = iceberg_catalog_files_open(env, options->warehouse, &store, out, err);
    if (status != SLU_OK)
        iceberg_store_close(&store);
    return status;
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
