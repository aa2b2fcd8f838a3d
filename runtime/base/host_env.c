#include "host_env.h"

_Static_assert(SLU_LOG_ERROR == SLU_HOST_LOG_ERROR && SLU_LOG_DEBUG == SLU_HOST_LOG_DEBUG, "levels pass unchanged");

static int64_t
host_now_ms(const slu_env *env)
{
    slu_host *host = env->context;
    return host->now_ms(host);
}

static int64_t
host_wall_ms(const slu_env *env)
{
    slu_host *host = env->context;
    return host->wall_ms(host);
}

static uint64_t
host_random(const slu_env *env)
{
    slu_host *host = env->context;
    return host->random(host);
}

static void
host_log(const slu_env *env, int level, const char *event, const char *message)
{
    slu_host *host = env->context;
    host->log(host, level, event, message);
}

void
slu_env_init_host(slu_env *env, slu_host *host)
{
    *env = (slu_env){.now_ms = host_now_ms,
                     .wall_ms = host_wall_ms,
                     .random = host_random,
                     .log = host_log,
                     .log_level = SLU_LOG_INFO,
                     .context = host};
}
