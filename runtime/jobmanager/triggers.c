/*
 * triggers.c: savepoints that are asked for over REST, whose client comes back for the outcome: Flink's asynchronous operations.
 *
 *   [under way] --SAVED or FAILED, which would go to a peer, comes here--> [over]
 *
 * Limits   TRIGGERS_MAX are remembered; the oldest of those that are over makes room.
 */
#include "jobmanager/internal.h"

#include "base/alloc.h"

#include <inttypes.h>

#define TRIGGERS_MAX 128

struct operation {
    operation *next; /* older */
    uint64_t request;
    char job[ID_BYTES];
    slu_trigger shown;
};

void
trigger_answer(slu_jobmanager *jm, const slu_message *message)
{
    operation *t = jm->triggers;
    while (t != NULL && t->request != message->request)
        t = t->next;
    if (t == NULL)
        return;
    const bool saved = message->kind == SLU_MESSAGE_SAVED;
    t->shown.over = true;
    t->shown.status = saved ? SLU_OK : (slu_status)message->status;
    (void)snprintf(t->shown.text, sizeof t->shown.text, "%s", saved ? message->path : message->text);
}

/* The oldest that is over, out of the list; false: all are under way. */
static bool
triggers_make_room(slu_jobmanager *jm)
{
    uint32_t count = 0;
    operation **oldest = NULL;
    for (operation **at = &jm->triggers; *at != NULL; at = &(*at)->next) {
        count++;
        if ((*at)->shown.over)
            oldest = at;
    }
    if (count < TRIGGERS_MAX)
        return true;
    if (oldest == NULL)
        return false;
    operation *gone = *oldest;
    *oldest = gone->next;
    slu_free(gone);
    return true;
}

slu_status
slu_jobmanager_trigger(slu_jobmanager *jm, const char *job_id, const char *dir, uint64_t flags, slu_trigger *out, slu_error *err)
{
    peer asking = {.number = PEER_TRIGGER, .version = SLU_CONTROL_VERSION_MAX};
    operation *t = triggers_make_room(jm) ? slu_alloc_zero(1, sizeof *t) : NULL;
    if (t == NULL)
        return slu_error_set(err, SLU_LIMIT, "%d savepoints asked for over REST are under way", TRIGGERS_MAX);
    const slu_message request = {
        .kind = SLU_MESSAGE_SAVEPOINT, .request = ++jm->trigger_last, .job = job_id, .path = dir, .flags = flags};
    t->request = request.request;
    (void)snprintf(t->job, sizeof t->job, "%s", job_id);
    (void)snprintf(t->shown.id, sizeof t->shown.id, "%016" PRIx64 "%016" PRIx64, jm->spec.env->random(jm->spec.env), t->request);
    t->next = jm->triggers;
    jm->triggers = t;
    client_message(jm, &asking, &request, slu_view_of(NULL, 0));
    *out = t->shown;
    if (!out->over || out->status == SLU_OK)
        return SLU_OK;
    return slu_error_set(err, out->status, "%s", out->text);
}

slu_status
slu_jobmanager_trigger_find(const slu_jobmanager *jm, const char *job_id, const char *id, slu_trigger *out, slu_error *err)
{
    for (const operation *t = jm->triggers; t != NULL; t = t->next)
        if (strcmp(t->shown.id, id) == 0 && strcmp(t->job, job_id) == 0) {
            *out = t->shown;
            return SLU_OK;
        }
    return slu_error_set(err, SLU_NOTFOUND, "job %s has no savepoint operation %s", job_id, id);
}

void
triggers_free(slu_jobmanager *jm)
{
    while (jm->triggers != NULL) {
        operation *next = jm->triggers->next;
        slu_free(jm->triggers);
        jm->triggers = next;
    }
}
