/*
 * job_plan.h: what validate, explain and run share: a descriptor file, planned and laid out, its error reported with line and caret.
 *
 * Owns     registry, text, graph, layout; slu_job_plan_fini releases all. Nothing is unloaded.
 */
#ifndef SLU_CLI_JOB_PLAN_H
#define SLU_CLI_JOB_PLAN_H

#include "plan/layout.h"
#include "plan/planner.h"
#include "verbs.h"

typedef struct slu_job_plan {
    slu_registry *registry;
    slu_buf text;
    slu_graph *graph;
    slu_layout *layout; /* NULL when planned offline */
} slu_job_plan;

/* args->words[0] is the file; the flags "parallelism" and "offline" count where the verb has them. Answers DONE, or the exit code
 * of what it has reported on stderr. */
int slu_job_plan_make(const slu_args *args, slu_job_plan *out);
void slu_job_plan_fini(slu_job_plan *plan);

/* A registry over the default directories; on failure NULL and a report. */
slu_registry *slu_cli_registry(const slu_args *args);

#endif
