/* verb_run.c: a job, here in this process (--local) or submitted to a job manager. */
#include "job_plan.h"

#include "worker/local.h"
#include "jobs_client.h"
#include "stores.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

/* ---- --local ------------------------------------------------------------------------------------------------------------------- */

/* Runs it to its end; a signal cancels it. */
static slu_status
local_drive(slu_local *local, bool *cancelled, slu_error *err)
{
    for (;;) {
        int64_t deadline = INT64_MAX;
        const slu_status status = slu_local_step(local, &deadline, err);
        if (status == SLU_END)
            return SLU_OK;
        if (status < 0)
            return status;
        if (slu_cli_interrupted() && !*cancelled) {
            *cancelled = true;
            slu_local_cancel(local);
        } else if (status == SLU_AGAIN) {
            slu_local_wait(local, deadline);
        }
    }
}

/* For scripts: how it ended, as the last line of standard output. */
static void
local_json(const slu_job_plan *plan, const char *state, const slu_local_status *result, const char *failure)
{
    json_t *root = json_pack("{s:s, s:s, s:s?, s:I, s:I, s:I}", "name", plan->graph->name, "state", state, "failure", failure,
                             "rows_from_sources", (json_int_t)result->rows_out, "rows_into_sinks", (json_int_t)result->rows_in,
                             "restarts", (json_int_t)result->restarts);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    (void)printf("%s\n", text == NULL ? "null" : text);
    free(text);
    json_decref(root);
}

static int
run_local(const slu_args *args, const slu_job_plan *plan)
{
    slu_error err;
    slu_local *local = NULL;
    slu_local_status result = {0};
    bool cancelled = false;
    const slu_local_options options = {.stores = slu_cli_stores(),
                                       .restore_from = slu_args_get(args, "from-savepoint"),
                                       .non_restored = slu_args_has(args, "allow-non-restored-state")};
    /* Flink's rule, where it matters most: without checkpoints a failure is shown, not repeated. */
    if (plan->graph->checkpoint.interval_ms == 0)
        plan->graph->restart.strategy = 0;
    slu_cli_catch_signals();
    slu_status status = slu_local_open(plan->graph, plan->registry, slu_cli_env(), &options, &local, &err);
    if (status == SLU_OK)
        status = local_drive(local, &cancelled, &err);
    if (local != NULL)
        slu_local_get_status(local, &result);
    slu_local_close(&local);
    cancelled = cancelled || status == SLU_CLOSED;
    if (args->json)
        local_json(plan,
                   cancelled          ? "CANCELED"
                   : status == SLU_OK ? "FINISHED"
                                      : "FAILED",
                   &result, status == SLU_OK || cancelled ? NULL : err.message);
    if (cancelled) {
        (void)fprintf(stderr, "sluice run: job %s cancelled\n", plan->graph->name);
        return SLU_EXIT_FAILED;
    }
    if (status != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_FAILED;
    }
    (void)fprintf(stderr, "sluice run: job %s finished: %" PRId64 " rows from sources, %" PRId64 " rows into sinks\n",
                  plan->graph->name, result.rows_out, result.rows_in);
    return SLU_EXIT_DONE;
}

/* ---- By a job manager ------------------------------------------------------------------------------------------------------------ */

/* Waits in pieces, so that a signal is heard; a signal leaves the job running, as Flink's attached run does with -d. */
static int
run_attached(const slu_args *args, slu_client *client, const char *job)
{
    slu_error err;
    for (;;) {
        const slu_message *answer = NULL;
        if (slu_client_wait(client, job, 500, &answer, &err) != SLU_OK)
            return slu_cli_fail(args, &err);
        if (slu_job_state_over(answer->state)) {
            (void)fprintf(stderr, "Job with JobID %s: %s%s%s\nJob Runtime: %" PRId64 " ms\n", job, answer->state,
                          answer->text[0] == 0 ? "" : ": ", answer->text, answer->duration_ms);
            return strcmp(answer->state, "FINISHED") == 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
        }
        if (slu_cli_interrupted()) {
            (void)fprintf(stderr, "sluice run: job %s runs on; `sluice cancel %.8s` ends it\n", job, job);
            return SLU_EXIT_FAILED;
        }
    }
}

/* As an absolute path: the job manager runs elsewhere. */
static const char *
restore_path(const slu_args *args)
{
    static char path[PATH_MAX];
    const char *given = slu_args_get(args, "from-savepoint");
    return given == NULL || realpath(given, path) == NULL ? given : path;
}

static int
run_submit(const slu_args *args, const slu_job_plan *plan)
{
    slu_error err;
    slu_buf graph;
    slu_client *client = NULL;
    char job[SLU_JOB_ID_BYTES];
    const char *address = slu_args_get(args, "jobmanager");
    slu_buf_init(&graph, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_status status = slu_graph_encode(plan->graph, &graph, &err);
    if (status == SLU_OK)
        status = slu_jobs_client(slu_cli_env(), address, &client, &err);
    if (status == SLU_OK)
        status = slu_client_submit(client, plan->graph->name, slu_buf_view(&graph), restore_path(args),
                                   slu_args_has(args, "allow-non-restored-state") ? SLU_SUBMIT_NON_RESTORED : 0, job, &err);
    slu_buf_fini(&graph);
    int code = status == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
    if (status == SLU_OK) {
        (void)printf(args->json ? "{\"job\": \"%s\"}\n" : "Job has been submitted with JobID %s\n", job);
        (void)fflush(stdout);
        slu_cli_catch_signals();
        if (!slu_args_has(args, "detached"))
            code = run_attached(args, client, job);
    }
    slu_client_close(&client);
    return code;
}

static int
run(const slu_args *args)
{
    slu_job_plan plan;
    int code = slu_job_plan_make(args, &plan);
    if (code != SLU_EXIT_DONE)
        return code;
    code = slu_args_has(args, "local") ? run_local(args, &plan) : run_submit(args, &plan);
    slu_job_plan_fini(&plan);
    return code;
}

static const slu_flag flags[] = {
    {"config", 0, "FILE", "settings in YAML: below the environment, over the descriptor"},
    {"parallelism", 'p', "N", "subtasks of operators that do not say"},
    {"local", 0, NULL, "the whole job in this process, without daemons"},
    {"detached", 'd', NULL, "returns when the job is accepted"},
    {"from-savepoint", 's', "DIR", "starts from a savepoint or checkpoint"},
    {"allow-non-restored-state", 'n', NULL, "state of operators that are gone is left behind"},
    {"jobmanager", 'm', "HOST:PORT", "whom to ask (127.0.0.1:6123)"},
};

const slu_verb slu_verb_run = {
    .name = "run",
    .summary = "runs a job descriptor",
    .usage = "JOB.yaml",
    SLU_VERB_FLAGS(flags),
    .words_min = 1,
    .words_max = 1,
    .settings = true,
    .json = true,
    .more = "Settings: command line over environment (SLUICE_A_B_C) over --config over the file. An operator's own parallelism\n"
            "wins over -p.\n",
    .run = run};
