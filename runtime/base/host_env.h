/*
 * host_env.h: a plugin's host as an environment, so that rooms that know only an env run inside a plugin too.
 *
 * Owns     nothing; the host is borrowed and outlives the env.
 * Threads  the task's: of a host only its log may be used elsewhere.
 */
#ifndef SLU_BASE_HOST_ENV_H
#define SLU_BASE_HOST_ENV_H

#include "env.h"

#include <sluice/plugin.h>

void slu_env_init_host(slu_env *env, slu_host *host);

#endif
