/* verb_validate.c: is this descriptor right? */
#include "job_plan.h"

static int
validate(const slu_args *args)
{
    slu_job_plan plan;
    const int code = slu_job_plan_make(args, &plan);
    if (code != SLU_EXIT_DONE)
        return code;
    const slu_graph *graph = plan.graph;
    if (args->json)
        (void)printf("{\"job\": \"%s\", \"valid\": true, \"operators\": %u}\n", graph->name, graph->operator_count);
    else
        (void)printf("%s: job %s is valid: %u operators%s\n", args->words[0], graph->name, graph->operator_count,
                     slu_args_has(args, "offline") ? " (schemas were not asked for)" : "");
    slu_job_plan_fini(&plan);
    return SLU_EXIT_DONE;
}

static const slu_flag flags[] = {
    {"config", 0, "FILE", "settings in YAML: below the environment, over the descriptor"},
    {"parallelism", 'p', "N", "subtasks of operators that do not say"},
    {"offline", 0, NULL, "asks no plugin for columns: needs no table server"},
};

const slu_verb slu_verb_validate = {.name = "validate",
                                    .summary = "checks a job descriptor",
                                    .usage = "JOB.yaml",
                                    SLU_VERB_FLAGS(flags),
                                    .words_min = 1,
                                    .words_max = 1,
                                    .settings = true,
                                    .json = true,
                                    .run = validate};
