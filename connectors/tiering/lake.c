#include "lake.h"

#include "iceberg/lake_tables.h"

slu_status
tiering_lake_check(const tiering_lake_options *options, slu_error *err)
{
    if (options->format != NULL && strcmp(options->format, "iceberg") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "lake format %s: this build tiers into iceberg only", options->format);
    const bool is_rest = options->type != NULL && strcmp(options->type, "rest") == 0;
    if (!is_rest && (options->type == NULL || strcmp(options->type, "hadoop") != 0))
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "Iceberg catalog type %s: tiering serves hadoop (tables in a directory) and rest",
                             options->type == NULL ? "(none)" : options->type);
    if (is_rest && (options->uri == NULL || options->uri[0] == 0))
        return slu_error_set(err, SLU_INVALID, "no catalog: give datalake.iceberg.uri, where the REST catalog answers");
    if (!is_rest && (options->warehouse == NULL || options->warehouse[0] == 0))
        return slu_error_set(err, SLU_INVALID, "no warehouse: give datalake.iceberg.warehouse, a directory or file: URI");
    return SLU_OK;
}

slu_status
tiering_lake_open(const slu_env *env, const tiering_lake_options *options, iceberg_catalog *out, slu_error *err)
{
    const iceberg_lake_options lake = {.type = options->type, .warehouse = options->warehouse, .uri = options->uri};
    SLU_TRY(tiering_lake_check(options, err));
    return iceberg_lake_open(env, &lake, out, err);
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
