/* verb_explain.c: how a descriptor would run, and why. */
#include "job_plan.h"
#include "plan/explain.h"

#define EXPLAIN_BYTES_MAX ((size_t)64 << 20)

static int
explain(const slu_args *args)
{
    slu_error err;
    slu_buf out;
    slu_job_plan plan;
    int code = slu_job_plan_make(args, &plan);
    if (code != SLU_EXIT_DONE)
        return code;
    slu_buf_init(&out, EXPLAIN_BYTES_MAX);
    const slu_status status = args->json ? slu_explain_json(plan.layout, plan.registry, &out, &err)
                                         : slu_explain_text(plan.layout, plan.registry, &out, &err);
    code = status == SLU_OK ? slu_cli_print(&out) : slu_cli_fail(args, &err);
    slu_buf_fini(&out);
    slu_job_plan_fini(&plan);
    return code;
}

static const slu_flag flags[] = {
    {"config", 0, "FILE", "settings in YAML: below the environment, over the descriptor"},
    {"parallelism", 'p', "N", "subtasks of operators that do not say"},
};

const slu_verb slu_verb_explain = {.name = "explain",
                                   .summary = "shows chains, tasks and channels of a descriptor, and why",
                                   .usage = "JOB.yaml",
                                   SLU_VERB_FLAGS(flags),
                                   .words_min = 1,
                                   .words_max = 1,
                                   .settings = true,
                                   .json = true,
                                   .run = explain};
