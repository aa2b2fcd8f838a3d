/* verb_savepoint.c: savepoint, and stop with or without one. */
#include "asking.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define SAVEPOINT_TIMEOUT_MS ((int64_t)3600 * 1000)

/* As the job manager, which runs elsewhere, understands it. */
static slu_status
absolute(const char *given, char out[PATH_MAX], slu_error *err)
{
    char here[PATH_MAX] = "";
    if (given[0] == 0 || given[0] == '/' || strncmp(given, "file:", 5) == 0 || strstr(given, "://") != NULL)
        here[0] = 0;
    else if (getcwd(here, sizeof here - 1) == NULL)
        return slu_error_set(err, SLU_IO, "the working directory: %s", strerror(errno));
    const int bytes = snprintf(out, PATH_MAX, "%s%s%s", here, here[0] == 0 ? "" : "/", given);
    return bytes >= 0 && bytes < PATH_MAX ? SLU_OK : slu_error_set(err, SLU_LIMIT, "the directory's path is too long");
}

static void
saved_print(slu_asking *a, const slu_message *saved)
{
    if (a->args->json)
        slu_asking_json(a, json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "job", saved->job, "name", saved->name, "checkpoint",
                                     (json_int_t)saved->checkpoint, "path", saved->path, "bytes", (json_int_t)saved->size,
                                     "duration_ms", (json_int_t)saved->duration_ms));
    else
        slu_buf_printf(&a->out, "Savepoint completed. Path: %s\n", saved->path);
}

static int
savepoint_to(const slu_args *args, const char *dir, uint64_t flags)
{
    slu_asking a;
    const slu_message *saved = NULL;
    char path[PATH_MAX];
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = absolute(dir, path, &a.err);
    if (status == SLU_OK)
        status = slu_client_savepoint(a.client, args->words[0], path, flags, SAVEPOINT_TIMEOUT_MS, &saved, &a.err);
    if (status == SLU_OK)
        saved_print(&a, saved);
    return slu_asking_close(&a, status);
}

static int
savepoint(const slu_args *args)
{
    return savepoint_to(args, args->word_count > 1 ? args->words[1] : "", 0);
}

static int
stop(const slu_args *args)
{
    slu_asking a;
    const slu_message *done = NULL;
    const uint64_t drain = slu_args_has(args, "drain") ? SLU_STOP_DRAIN : 0;
    if (slu_args_has(args, "savepoint") || slu_args_has(args, "savepoint-path"))
        return savepoint_to(args, slu_args_has(args, "savepoint-path") ? slu_args_get(args, "savepoint-path") : "",
                            SLU_STOP_AFTER | drain);
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_stop(a.client, args->words[0], drain, &done, &a.err);
    if (status == SLU_OK)
        slu_asking_done(&a, done);
    return slu_asking_close(&a, status);
}

static const slu_flag savepoint_flags[] = {SLU_JOBMANAGER_FLAG};
static const slu_flag stop_flags[] = {
    SLU_JOBMANAGER_FLAG,
    {"savepoint", 's', NULL, "leaves a savepoint, and waits until it is there"},
    {"savepoint-path", 'p', "DIR", "the same, below DIR"},
    {"drain", 'd', NULL, "sources end first: every timer and window fires"},
};

const slu_verb slu_verb_savepoint = {.name = "savepoint",
                                     .summary = "a copy of a job's state that is yours",
                                     .usage = "JOB [DIR]",
                                     .more = "DIR is on the job manager's machine; without it: savepoints/ in the job's\n"
                                             "checkpoint directory. `sluice run -s PATH` starts from it, with another\n"
                                             "parallelism if you like; `sluice checkpoints dispose PATH` removes it.\n",
                                     SLU_VERB_FLAGS(savepoint_flags),
                                     .words_min = 1,
                                     .words_max = 2,
                                     .json = true,
                                     .run = savepoint};
const slu_verb slu_verb_stop = {.name = "stop",
                                .summary = "lets a job end: a last checkpoint, then its tasks",
                                .usage = "JOB",
                                .more = "Behind the last checkpoint its sources give nothing. A stop with a savepoint\n"
                                        "that fails leaves the job running.\n",
                                SLU_VERB_FLAGS(stop_flags),
                                .words_min = 1,
                                .words_max = 1,
                                .json = true,
                                .run = stop};
