/* verb_daemons.c: one daemon in the foreground: jobmanager, taskmanager (verb_server.c: the table server); and the worker that a task manager starts. */
#include "verbs.h"

#include "stores.h"

#include "jobmanager/daemon.h"
#include "rest/rest.h"
#include "taskmanager/daemon.h"
#include "worker/process.h"

#include <inttypes.h>

/* ---- jobmanager ---------------------------------------------------------------------------------------------------------------- */

#define HEARTBEAT_MS_MIN 10

/* A beat of zero would be one without a pause, and a time-out below it would write off whoever is on time. */
static slu_status
heartbeats_read(const slu_args *args, slu_jobmanager_options *out, slu_error *err)
{
    SLU_TRY(slu_args_duration(args, "heartbeat", &out->heartbeat_ms, err));
    SLU_TRY(slu_args_duration(args, "heartbeat-timeout", &out->timeout_ms, err));
    const int64_t beat_ms = slu_args_has(args, "heartbeat") ? out->heartbeat_ms : SLU_HEARTBEAT_MS;
    const int64_t timeout_ms = slu_args_has(args, "heartbeat-timeout") ? out->timeout_ms : SLU_HEARTBEAT_TIMEOUT_MS;
    if (beat_ms < HEARTBEAT_MS_MIN)
        return slu_error_set(err, SLU_INVALID, "--heartbeat must be at least %d ms", HEARTBEAT_MS_MIN);
    if (timeout_ms <= beat_ms)
        return slu_error_set(err, SLU_INVALID,
                             "--heartbeat-timeout (%" PRId64 " ms) must be longer than --heartbeat (%" PRId64 " ms)", timeout_ms,
                             beat_ms);
    return SLU_OK;
}

static int
jobmanager(const slu_args *args)
{
    slu_error err;
    slu_jobmanager_options options = {.stores = slu_cli_stores(),
                                      .listen = slu_args_get(args, "listen"),
                                      .rest_listen = slu_args_get(args, "rest-listen"),
                                      .rest = &slu_rest_face,
                                      .data_dir = slu_args_has(args, "data-dir") ? slu_args_get(args, "data-dir")
                                                                                 : "sluice-data/jobmanager",
                                      .insecure = slu_args_has(args, "insecure")};
    if (heartbeats_read(args, &options, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    return slu_jobmanager_run(slu_cli_env(), &options, &err) == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
}

static const slu_flag jobmanager_flags[] = {
    {"listen", 0, "HOST:PORT", "where task managers and clients come (127.0.0.1:6123)"},
    {"rest-listen", 0, "HOST:PORT", "REST and dashboard (127.0.0.1:8081; \"\": none)"},
    {"data-dir", 0, "DIR", "jobs, and checkpoints of jobs that do not say (sluice-data/jobmanager)"},
    {"heartbeat", 0, "TIME", "between two heartbeats (750ms)"},
    {"heartbeat-timeout", 0, "TIME", "a silence as long as this means dead (2500ms)"},
    {"insecure", 0, NULL, "listen beyond loopback without encryption"},
    {"config", 0, "FILE", "options in YAML, under the names they have here"},
};

const slu_verb slu_verb_jobmanager = {.name = "jobmanager",
                                      .summary = "a job manager in the foreground",
                                      .usage = "",
                                      SLU_VERB_FLAGS(jobmanager_flags),
                                      .run = jobmanager};

/* Longer than what our own connectors wait for one answer of a catalog or a store. */
#define WATCHDOG_MS 600000

/* ---- taskmanager --------------------------------------------------------------------------------------------------------------- */

static slu_status
taskmanager_options_read(const slu_args *args, slu_taskmanager_options *out, slu_error *err)
{
    int64_t slots = 0;
    *out = (slu_taskmanager_options){.jobmanager = slu_args_get(args, "jobmanager"),
                                     .listen = slu_args_get(args, "listen"),
                                     .transport = slu_args_get(args, "link.transport"),
                                     .data_dir = slu_args_has(args, "data-dir") ? slu_args_get(args, "data-dir")
                                                                                : "sluice-data/taskmanager",
                                     .insecure = slu_args_has(args, "insecure")};
    SLU_TRY(slu_args_i64(args, "slots", 1, 1024, &slots, err));
    if (slu_args_has(args, "memory"))
        SLU_TRY_IN(slu_bytes_parse(slu_args_get(args, "memory"), &out->memory_max, err), err, "--memory");
    out->watchdog_ms = WATCHDOG_MS;
    if (slu_args_has(args, "watchdog"))
        SLU_TRY_IN(slu_duration_parse(slu_args_get(args, "watchdog"), &out->watchdog_ms, err), err, "--watchdog");
    out->slots = (uint32_t)slots;
    return SLU_OK;
}

static int
taskmanager(const slu_args *args)
{
    slu_error err;
    slu_taskmanager_options options;
    if (taskmanager_options_read(args, &options, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    return slu_taskmanager_run(slu_cli_env(), &options, &err) == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
}

static const slu_flag taskmanager_flags[] = {
    {"jobmanager", 'm', "HOST:PORT", "its job manager (127.0.0.1:6123)"},
    {"listen", 0, "HOST", "where its workers take others' batches (127.0.0.1)"},
    {"link.transport", 0, "NAME", "auto, ipc or tcp between workers (auto)"},
    {"data-dir", 0, "DIR", "logs of workers, sockets (sluice-data/taskmanager)"},
    {"slots", 0, "N", "tasks of one vertex it can run (number of processors)"},
    {"memory", 0, "SIZE", "what the plugins of one worker may hold (no bound)"},
    {"watchdog", 0, "TIME", "a call of a plugin that does not return for so long ends its worker (10min; 0s: never)"},
    {"insecure", 0, NULL, "listen beyond loopback without encryption"},
    {"config", 0, "FILE", "options in YAML, under the names they have here"},
};

const slu_verb slu_verb_taskmanager = {.name = "taskmanager",
                                       .summary = "a task manager in the foreground",
                                       .usage = "",
                                       SLU_VERB_FLAGS(taskmanager_flags),
                                       .run = taskmanager};

/* ---- worker -------------------------------------------------------------------------------------------------------------------- */

static int
worker(const slu_args *args)
{
    (void)args;
    return slu_worker_process_run(slu_cli_env());
}

const slu_verb slu_verb_worker = {
    .name = "worker", .summary = "the tasks of one job: started by a task manager", .usage = "", .hidden = true, .run = worker};
