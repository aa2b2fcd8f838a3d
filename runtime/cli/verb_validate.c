/* verb_validate.c: is this descriptor right? */
#include "job_plan.h"

#include "restore_report.h"
#include "stores.h"

#include <stdlib.h>

/* Prints what the job would take over; the error is why it must not. */
static slu_status
against_print(const slu_args *args, const slu_job_plan *plan, slu_buf *out, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    slu_restore_report report;
    SLU_TRY(slu_manifest_load(slu_cli_stores(), slu_args_get(args, "against"), &manifest, err));
    slu_status status = slu_restore_examine(manifest, plan->graph, slu_cli_plugin_version, plan->registry, &report, err);
    if (status == SLU_OK && args->json) {
        json_t *lines = slu_restore_report_json(&report, true);
        char *text = lines == NULL ? NULL : json_dumps(lines, JSON_INDENT(2));
        slu_buf_printf(out, "%s\n", text == NULL ? "null" : text);
        free(text);
        json_decref(lines);
    } else if (status == SLU_OK) {
        status = slu_restore_report_text(&report, true, out, err);
    }
    if (status == SLU_OK)
        status = slu_restore_allowed(&report, slu_args_has(args, "allow-non-restored-state"), err);
    slu_restore_report_fini(&report);
    return status;
}

static int
validate_against(const slu_args *args, const slu_job_plan *plan)
{
    slu_buf out;
    slu_error err;
    slu_buf_init(&out, (size_t)1 << 20);
    const slu_status status = against_print(args, plan, &out, &err);
    const int printed = slu_cli_print(&out);
    slu_buf_fini(&out);
    return status == SLU_OK ? printed : slu_cli_fail(args, &err);
}

static int
validate(const slu_args *args)
{
    slu_job_plan plan;
    int code = slu_job_plan_make(args, &plan);
    if (code != SLU_EXIT_DONE)
        return code;
    if (slu_args_has(args, "against")) {
        code = validate_against(args, &plan);
        slu_job_plan_fini(&plan);
        return code;
    }
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
    {"against", 0, "DIR", "what of that savepoint or checkpoint it would find again"},
    {"allow-non-restored-state", 'n', NULL, "state of operators that are gone may be left behind"},
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
