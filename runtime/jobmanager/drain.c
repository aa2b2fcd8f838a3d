/*
 * drain.c: a task manager that is told to hand its tasks over: no job is placed there any more, and each that runs there moves, from a
 * barrier on, as a rescale to the same parallelism does (rescale.c).
 *
 *   DRAIN --room for every job elsewhere--> the node is draining (in the store) --nothing runs there any more--> DONE
 *
 * A job that cannot move now (it restarts, it is being stopped or rescaled) is looked at again until it has gone. What cannot move for want
 * of slots goes on where it is, and is tried again when another task manager comes.
 */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

#define LOOK_MS 50
#define AGAIN_MS 1000 /* after a move that came to nothing */

/* Somebody waits for a node to be empty. */
struct drain {
    drain *next;
    uint64_t peer, request;
    char node[ID_BYTES];
    int64_t began_ms;
};

/* A task manager by id, prefix of an id, host name or process id. */
static slu_status
node_choose(slu_jobmanager *jm, const char *word, node **out, slu_error *err)
{
    char pid[32];
    *out = NULL;
    for (node *n = jm->nodes; n != NULL; n = n->next) {
        (void)snprintf(pid, sizeof pid, "%" PRIu64, n->pid);
        const bool fits =
            strcmp(n->host, word) == 0 || strcmp(pid, word) == 0 || (strlen(word) >= 4 && strncmp(n->id, word, strlen(word)) == 0);
        if (n->peer == 0 || !fits)
            continue;
        if (*out != NULL)
            return slu_error_set(err, SLU_CONFLICT, "more than one task manager fits \"%s\": give its id", word);
        *out = n;
    }
    return *out != NULL ? SLU_OK
                        : slu_error_set(err, SLU_NOTFOUND, "no task manager \"%s\": sluice status shows those there are", word);
}

static bool
job_is_on(const job *j, const char *id)
{
    for (uint32_t i = 0; i < j->member_count; i++)
        if (!j->members[i].dead && strcmp(j->members[i].node, id) == 0)
            return true;
    return false;
}

/* Slots of other task managers that no job has which stays there. */
static slu_status
room_check(const slu_jobmanager *jm, const node *gone, slu_error *err)
{
    uint32_t there = 0, wanted = 0;
    for (const node *n = jm->nodes; n != NULL; n = n->next)
        if (n != gone && n->peer != 0 && !n->draining)
            there += n->slots;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        if (!job_over(j) && j->member_count != 0)
            wanted += job_slots(j);
    return wanted <= there ? SLU_OK
                           : slu_error_set(err, SLU_INVALID,
                                           "the jobs would need %" PRIu32 " slots without task manager %s, and %" PRIu32
                                           " are there: start another one, or rescale a job",
                                           wanted, gone->id, there);
}

static slu_status
draining_set(slu_jobmanager *jm, node *n, bool draining, slu_error *err)
{
    SLU_TRY(slu_jobstore_set_draining(jm->spec.store, n->id, draining, err));
    n->draining = draining;
    slu_log_info(jm->spec.env, draining ? "NODE-DRAINING" : "NODE-BACK", "task manager %s on %s", n->id, n->host);
    return SLU_OK;
}

static void
answer(slu_jobmanager *jm, uint64_t to, uint64_t request, const char *id, const char *state, int64_t took_ms)
{
    peer_send(jm, to,
              &(slu_message){.kind = SLU_MESSAGE_DONE,
                             .request = request,
                             .job = "",
                             .name = id,
                             .state = state,
                             .text = "",
                             .duration_ms = took_ms});
}

static void
jobs_move(slu_jobmanager *jm, const char *id)
{
    for (job *j = jm->jobs; j != NULL; j = j->next) {
        slu_error err = {0};
        if (!job_over(j) && job_is_on(j, id) && rescale_move(jm, j, &err) != SLU_OK)
            slu_log_debug(jm->spec.env, "NOT-NOW", "job %s stays where it is: %s", j->name, err.message);
    }
}

slu_status
drain_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, slu_error *err)
{
    node *n = NULL;
    SLU_TRY(node_choose(jm, message->node, &n, err));
    if ((message->flags & SLU_DRAIN_UNDO) != 0) {
        SLU_TRY(draining_set(jm, n, false, err));
        answer(jm, from->number, message->request, n->id, "BACK", 0);
        return SLU_OK;
    }
    SLU_TRY(room_check(jm, n, err));
    drain *d = slu_alloc_zero(1, sizeof *d);
    if (d == NULL)
        return slu_error_set(err, SLU_NOMEM, "a drain");
    const slu_status status = draining_set(jm, n, true, err);
    if (status != SLU_OK) {
        slu_free(d);
        return status;
    }
    *d = (drain){.next = jm->drains, .peer = from->number, .request = message->request, .began_ms = jm_now(jm)};
    (void)snprintf(d->node, sizeof d->node, "%s", n->id);
    jm->drains = d;
    jm->move_ms = 0;
    return SLU_OK;
}

/* Over: it is empty, or gone, or was taken back. */
static bool
drain_is_over(slu_jobmanager *jm, const drain *d)
{
    const node *n = node_find(jm, d->node);
    const bool back = n != NULL && !n->draining;
    if (!back && node_slots_used(jm, d->node) != 0)
        return false;
    answer(jm, d->peer, d->request, d->node, back ? "BACK" : "DRAINED", jm_now(jm) - d->began_ms);
    return true;
}

/* Of every node that is draining: whoever asked for it may be gone, and so may the job manager that was asked. */
static void
nodes_empty(slu_jobmanager *jm)
{
    if (jm_now(jm) < jm->move_ms)
        return;
    jm->move_ms = jm_now(jm) + AGAIN_MS;
    for (const node *n = jm->nodes; n != NULL; n = n->next)
        if (n->draining && n->peer != 0)
            jobs_move(jm, n->id);
}

void
drains_step(slu_jobmanager *jm)
{
    nodes_empty(jm);
    for (drain **at = &jm->drains; *at != NULL;) {
        drain *d = *at;
        if (drain_is_over(jm, d)) {
            *at = d->next;
            slu_free(d);
            continue;
        }
        at = &d->next;
    }
}

int64_t
drains_deadline(const slu_jobmanager *jm)
{
    return jm->drains == NULL ? INT64_MAX : jm_now(jm) + LOOK_MS;
}

void
drains_free(slu_jobmanager *jm)
{
    while (jm->drains != NULL) {
        drain *next = jm->drains->next;
        slu_free(jm->drains);
        jm->drains = next;
    }
}
