/* verb_drain.c: a task manager hands its tasks over, so that it can be stopped. */
#include "asking.h"

#include "control/message.h"

#define DRAIN_TIMEOUT_MS ((int64_t)3600 * 1000)

static void
drained_print(slu_asking *a, const slu_message *done)
{
    char took[32];
    if (a->args->json)
        slu_asking_json(a, json_pack("{s:s, s:s, s:I}", "node", done->name, "state", done->state, "duration_ms",
                                     (json_int_t)done->duration_ms));
    else if (strcmp(done->state, "DRAINED") == 0)
        slu_buf_printf(&a->out, "Task manager %s runs nothing any more, after %s: it can be stopped\n", done->name,
                       slu_duration_text(done->duration_ms, took));
    else
        slu_buf_printf(&a->out, "Task manager %s takes tasks again\n", done->name);
}

static int
drain(const slu_args *args)
{
    slu_asking a;
    const slu_message *done = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_drain(a.client, args->words[0], slu_args_has(args, "undo") ? SLU_DRAIN_UNDO : 0, DRAIN_TIMEOUT_MS,
                                  &done, &a.err);
    if (status == SLU_OK)
        drained_print(&a, done);
    return slu_asking_close(&a, status);
}

static const slu_flag flags[] = {SLU_JOBMANAGER_FLAG, {"undo", 0, NULL, "it may have tasks again"}};

const slu_verb slu_verb_drain = {
    .name = "drain",
    .summary = "moves all tasks away from a task manager",
    .usage = "TASKMANAGER",
    .more = "TASKMANAGER is its id, the beginning of it, its host or its process id, as sluice status shows\n"
            "them. Each job that has tasks there moves to other task managers, from a barrier on, with\n"
            "nothing lost or done twice; no job is placed there any more. Refused when the others have too\n"
            "few slots.\n",
    SLU_VERB_FLAGS(flags),
    .words_min = 1,
    .words_max = 1,
    .json = true,
    .run = drain};
