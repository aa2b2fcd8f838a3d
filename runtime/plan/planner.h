/*
 * planner.h: asks every plugin of a graph what it makes of its inputs, before anything is deployed.
 *
 * Shape    completes the graph in place, in its order: plugin, module and kind; parameters that plugins name; options checked; default
 *          partitions; output schemas by each plugin's plan; splits of sources. The checks that need plugins: unknown plugin or wrong
 *          kind, number of inputs, outputs that nobody takes, no source or sink, hash columns there and hashable, keyed plugins behind
 *          a hash, bucket before a plugin with a partitioner, parameters that nobody knows.
 * Blocks   plugins may call their systems in plan and list_splits: callers that must not wait do this in a child with a deadline.
 * Errors   with the position in the descriptor, as far as the plugin gives one.
 * Threads  owner of the graph and of the registry.
 */
#ifndef SLU_PLAN_PLANNER_H
#define SLU_PLAN_PLANNER_H

#include "base/env.h"
#include "graph.h"
#include "host/registry.h"

typedef struct slu_planner {
    slu_registry *registry;
    const slu_env *env;
    char *const *environment; /* for parameters that only plugins name; NULL: none */
    bool offline;             /* checks plugins, options and edges; asks no plugin for schemas or splits (may need a network) */
} slu_planner;

SLU_CHECK slu_status slu_plan_graph(slu_graph *graph, const slu_planner *planner, slu_error *err);

#endif
