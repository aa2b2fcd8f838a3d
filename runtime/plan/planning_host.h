/*
 * planning_host.h: the slu_host that a plugin sees while it plans: log, memory, clocks, random numbers and lookup_plan. All else
 * answers UNSUPPORTED.
 *
 * Owns     the host borrows registry, env, params and arena, which outlive it. Memory of alloc is the plugin's to release.
 */
#ifndef SLU_PLAN_PLANNING_HOST_H
#define SLU_PLAN_PLANNING_HOST_H

#include "base/env.h"
#include "host/options.h"
#include "host/registry.h"

typedef struct slu_planning_host {
    slu_host host;
    slu_registry *registry;
    const slu_env *env;
    slu_params params;
    slu_arena *arena; /* options of lookups */
    const char *operator_id;
    uint32_t parallelism;
    const char *promise; /* what the plugin said of itself ("promise/1"), in the arena; NULL: nothing */
} slu_planning_host;

void slu_planning_host_init(slu_planning_host *planning, slu_registry *registry, const slu_env *env, slu_params params,
                            slu_arena *arena);

#endif
