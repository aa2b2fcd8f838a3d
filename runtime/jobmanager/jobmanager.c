/* jobmanager.c: peers and task managers: who is there, who said hello, who fell silent; and the step that drives the rest. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

#define BAD_SAID_EVERY_MS 1000
#define EVENTS_PER_STEP 10000

peer *
peer_find(slu_jobmanager *jm, uint64_t number)
{
    peer *at = jm->peers;
    while (at != NULL && at->number != number)
        at = at->next;
    return at;
}

node *
node_find(slu_jobmanager *jm, const char *id)
{
    node *at = jm->nodes;
    while (at != NULL && strcmp(at->id, id) != 0)
        at = at->next;
    return at;
}

uint32_t
node_slots_used(const slu_jobmanager *jm, const char *id)
{
    uint32_t used = 0;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        for (uint32_t i = 0; i < j->member_count; i++)
            if (!j->members[i].dead && strcmp(j->members[i].node, id) == 0)
                used += j->members[i].slots;
    return used;
}

/* A peer that does not read what it is told is written off: its link says GONE in its own time. */
void
peer_send(slu_jobmanager *jm, uint64_t number, const slu_message *message)
{
    peer *to = peer_find(jm, number);
    slu_error err = {0};
    if (number == PEER_HERE && jm->here != NULL)
        slu_message_encode(message, SLU_CONTROL_VERSION_MAX, jm->here);
    if (number == PEER_TRIGGER)
        trigger_answer(jm, message);
    if (to == NULL || to->lost)
        return;
    slu_buf_reset(&jm->out);
    slu_message_encode(message, to->version == 0 ? SLU_CONTROL_VERSION_MIN : to->version, &jm->out);
    slu_status status = slu_buf_status(&jm->out, &err);
    if (status == SLU_OK)
        status = slu_link_send(jm->spec.listener, number, slu_buf_view(&jm->out), NULL, &err);
    if (status == SLU_AGAIN || status == SLU_IO) {
        slu_log_warn(jm->spec.env, "PEER-STUCK", "a peer does not take %s: written off", slu_message_name(message->kind));
        to->lost = true;
        to->heard_ms = INT64_MIN / 2;
    }
}

static void
refuse(slu_jobmanager *jm, uint64_t number, const slu_error *why)
{
    const slu_message message = {.kind = SLU_MESSAGE_FAILED, .status = why->status, .text = why->message};
    peer_send(jm, number, &message);
}

/* ---- Hello ------------------------------------------------------------------------------------------------------------------- */

static void
welcome(slu_jobmanager *jm, const peer *to)
{
    const slu_message message = {.kind = SLU_MESSAGE_WELCOME,
                                 .version_min = to->version,
                                 .version_max = to->version,
                                 .cluster = slu_jobstore_cluster(jm->spec.store),
                                 .build = jm->spec.build,
                                 .heartbeat_ms = (uint64_t)jm->spec.heartbeat_ms,
                                 .timeout_ms = (uint64_t)jm->spec.timeout_ms};
    peer_send(jm, to->number, &message);
}

/* What a task manager runs is what of its workers still lives: the others of this node are dead. */
static void
node_workers(slu_jobmanager *jm, const node *n, const slu_message *hello)
{
    for (job *j = jm->jobs; j != NULL; j = j->next) {
        for (uint32_t i = 0; i < j->member_count; i++) {
            member *m = &j->members[i];
            const slu_message *found = NULL;
            for (uint32_t k = 0; k < hello->item_count && found == NULL; k++)
                if (strcmp(hello->items[k].job, j->id) == 0 && hello->items[k].attempt_id == j->attempt_id &&
                    hello->items[k].worker == i)
                    found = &hello->items[k];
            if (strcmp(m->node, n->id) != 0)
                continue;
            if (found == NULL)
                m->dead = true;
            else
                member_is_process(jm, m, found->pid);
        }
        job_members_check(jm, j);
    }
}

/* A worker that no present attempt knows: it must go. */
static void
node_strangers(slu_jobmanager *jm, const node *n, const slu_message *hello)
{
    for (uint32_t k = 0; k < hello->item_count; k++) {
        const slu_message *w = &hello->items[k];
        bool known = false;
        for (const job *j = jm->jobs; j != NULL; j = j->next)
            known = known ||
                    (!job_over(j) && strcmp(j->id, w->job) == 0 && j->attempt_id == w->attempt_id && w->worker < j->member_count);
        if (known)
            continue;
        slu_message kill = {
            .kind = SLU_MESSAGE_KILL, .job = w->job, .attempt = w->attempt, .attempt_id = w->attempt_id, .worker = w->worker};
        peer_send(jm, n->peer, &kill);
    }
}

static void
hello_taskmanager(slu_jobmanager *jm, peer *from, const slu_message *hello)
{
    node *n = node_find(jm, hello->node);
    if (n == NULL) {
        n = slu_alloc_zero(1, sizeof *n);
        if (n == NULL)
            return;
        n->next = jm->nodes;
        jm->nodes = n;
    }
    (void)snprintf(n->id, sizeof n->id, "%s", hello->node);
    (void)snprintf(n->host, sizeof n->host, "%s", hello->host);
    (void)snprintf(n->boot, sizeof n->boot, "%s", hello->boot);
    n->slots = (uint32_t)SLU_MIN(hello->slots, (uint64_t)SLU_PARALLELISM_MAX);
    n->pid = hello->pid;
    n->draining = slu_jobstore_is_draining(jm->spec.store, n->id);
    n->peer = from->number;
    from->node = n;
    welcome(jm, from);
    slu_log_info(jm->spec.env, "NODE-HERE", "task manager %s on %s offers %" PRIu32 " slots", n->id, n->host, n->slots);
    node_strangers(jm, n, hello);
    node_workers(jm, n, hello);
}

static void
hello_worker(slu_jobmanager *jm, peer *from, const slu_message *hello)
{
    slu_error err = {0};
    job *j = jm->jobs;
    while (j != NULL && strcmp(j->id, hello->job) != 0)
        j = j->next;
    const bool present = j != NULL && !job_over(j) && j->attempt == hello->attempt && j->attempt_id == hello->attempt_id &&
                         hello->worker < j->member_count && !j->members[hello->worker].dead;
    if (!present) {
        jm->fenced++;
        (void)slu_error_set(&err, SLU_CONFLICT, "attempt %" PRIu64 " of job %s is not the present one: end", hello->attempt,
                            hello->job);
        refuse(jm, from->number, &err);
        from->lost = true;
        return;
    }
    from->job = j;
    from->attempt_id = hello->attempt_id;
    from->worker = (uint32_t)hello->worker;
    welcome(jm, from);
    attempt_hello(jm, j, from, hello);
}

static void
hello_take(slu_jobmanager *jm, peer *from, const slu_message *hello)
{
    slu_error err = {0};
    const char *cluster = slu_jobstore_cluster(jm->spec.store);
    slu_status status = slu_control_agree(hello->version_min, hello->version_max, &from->version, &err);
    if (status == SLU_OK && hello->cluster[0] != 0 && strcmp(hello->cluster, cluster) != 0)
        status = slu_error_set(&err, SLU_CONFLICT, "this is cluster %s, not %s", cluster, hello->cluster);
    if (status != SLU_OK) {
        slu_log_warn(jm->spec.env, "HELLO-REFUSED", "%s %s: %s", hello->role, hello->host, err.message);
        refuse(jm, from->number, &err);
        from->lost = true;
    } else if (strcmp(hello->role, SLU_ROLE_TASKMANAGER) == 0 && hello->node[0] != 0) {
        hello_taskmanager(jm, from, hello);
    } else if (strcmp(hello->role, SLU_ROLE_WORKER) == 0) {
        hello_worker(jm, from, hello);
    } else {
        welcome(jm, from);
    }
}

/* ---- Messages ---------------------------------------------------------------------------------------------------------------- */

/* EXITED, REFUSED, DEPLOYED and LOG of a task manager: of workers that are its own, for whom it declares dead is replaced. */
static void
node_message(slu_jobmanager *jm, const node *from, const slu_message *message)
{
    job *j = jm->jobs;
    if (message->kind == SLU_MESSAGE_LOG) {
        forward_answer(jm, message);
        return;
    }
    while (j != NULL && strcmp(j->id, message->job) != 0)
        j = j->next;
    if (j == NULL || j->attempt_id != message->attempt_id || message->worker >= j->member_count ||
        strcmp(j->members[message->worker].node, from->id) != 0) {
        jm->fenced++;
        return;
    }
    member *m = &j->members[message->worker];
    if (message->kind == SLU_MESSAGE_DEPLOYED) {
        member_is_process(jm, m, message->pid);
    } else if (message->kind == SLU_MESSAGE_REFUSED) {
        m->dead = true;
        job_fail(jm, j, message->status == SLU_INVALID, "task manager %s refused: %s", m->node, message->text);
        job_members_check(jm, j);
    } else if (message->kind == SLU_MESSAGE_EXITED) {
        m->dead = true;
        m->peer = 0;
        /* Its neighbours may have told the consequence before this, the cause. */
        if (j->state == JOB_FAILING && message->status != 0)
            (void)snprintf(j->failure, sizeof j->failure, "worker %" PRIu64 " on %s died: %.200s", message->worker, m->host,
                           message->text);
        job_fail(jm, j, false, "worker %" PRIu64 " on %s died: %s", message->worker, m->host, message->text);
        job_members_check(jm, j);
    }
}

/* Anyone on the host can reach the port: at most one line a second says what came. */
static void
bad_say(slu_jobmanager *jm, const slu_error *err)
{
    const int64_t now_ms = jm_now(jm);
    jm->bad++;
    if (jm->bad_said_ms != 0 && now_ms - jm->bad_said_ms < BAD_SAID_EVERY_MS)
        return;
    jm->bad_said_ms = now_ms;
    slu_log_warn(jm->spec.env, "MESSAGE-BAD", "%s (%" PRIu64 " such messages so far)", err->message, jm->bad);
}

static void
message_take(slu_jobmanager *jm, peer *from, slu_view bytes)
{
    slu_error err = {0};
    slu_message message;
    slu_arena_reset(&jm->arena);
    const uint32_t version = from->version == 0 ? SLU_CONTROL_VERSION_MIN : from->version;
    if (slu_message_decode(bytes, version, &jm->arena, &message, &err) != SLU_OK) {
        bad_say(jm, &err);
        refuse(jm, from->number, &err);
        return;
    }
    from->heard_ms = jm_now(jm);
    if (message.kind == SLU_MESSAGE_HELLO) {
        hello_take(jm, from, &message);
    } else if (from->version == 0) {
        (void)slu_error_set(&err, SLU_INVALID, "%s before hello", slu_message_name(message.kind));
        refuse(jm, from->number, &err);
    } else if (message.kind == SLU_MESSAGE_HEARTBEAT) {
        return;
    } else if (from->job != NULL) {
        const job *j = from->job;
        if (message.attempt_id != from->attempt_id || j->attempt_id != from->attempt_id)
            jm->fenced++;
        else
            attempt_message(jm, from->job, &message);
    } else if (from->node != NULL) {
        node_message(jm, from->node, &message);
    } else {
        client_message(jm, from, &message, bytes);
    }
}

/* ---- Gone -------------------------------------------------------------------------------------------------------------------- */

static void
peer_unlink(slu_jobmanager *jm, peer *gone)
{
    peer **at = &jm->peers;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    slu_free(gone);
}

/* Waits of a client that left are nobody's. */
static void
client_gone(slu_jobmanager *jm, uint64_t number)
{
    for (job *j = jm->jobs; j != NULL; j = j->next) {
        waiter **at = &j->waiters;
        while (*at != NULL) {
            waiter *w = *at;
            if (w->peer == number) {
                *at = w->next;
                slu_free(w);
            } else {
                at = &w->next;
            }
        }
    }
}

static void
peer_gone(slu_jobmanager *jm, peer *gone)
{
    const int64_t now = jm_now(jm);
    if (gone->node != NULL && gone->node->peer == gone->number) {
        slu_log_warn(jm->spec.env, "NODE-GONE", "task manager %s on %s is gone", gone->node->id, gone->node->host);
        gone->node->peer = 0;
        gone->node->gone_ms = now;
    }
    if (gone->job != NULL && gone->job->attempt_id == gone->attempt_id && gone->job->members[gone->worker].peer == gone->number) {
        gone->job->members[gone->worker].peer = 0;
        gone->job->members[gone->worker].gone_ms = now;
    }
    if (gone->job == NULL && gone->node == NULL)
        client_gone(jm, gone->number);
    peer_unlink(jm, gone);
    for (job *j = jm->jobs; j != NULL; j = j->next)
        job_members_check(jm, j);
}

/* Its connection is there and it says nothing: a process that hangs, or a cable that was cut. */
static void
peer_silent(slu_jobmanager *jm, peer *silent)
{
    job *j = silent->job != NULL && silent->job->attempt_id == silent->attempt_id ? silent->job : NULL;
    const uint32_t worker = silent->worker;
    const int64_t silent_ms = silent->lost ? jm->spec.timeout_ms : jm_now(jm) - silent->heard_ms;
    peer_gone(jm, silent);
    if (j != NULL)
        job_fail(jm, j, false, "worker %" PRIu32 " on %s has been silent for %" PRId64 " ms", worker, j->members[worker].host,
                 silent_ms);
}

/* A worker that reads a large state back says nothing meanwhile: as long as its task manager is heard it has the time of a deployment. */
static int64_t
patience_ms(slu_jobmanager *jm, const peer *p)
{
    const job *j = p->job;
    if (j == NULL || j->attempt_id != p->attempt_id || j->ending || !j->begun)
        return jm->spec.timeout_ms;
    const node *n = node_find(jm, j->members[p->worker].node);
    bool begins = false;
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        begins = begins || (j->placement[t] == p->worker && j->tasks[t] == TASK_DEPLOYING);
    return begins && n != NULL && n->peer != 0 ? SLU_MAX(jm->spec.timeout_ms, (int64_t)SLU_DEPLOY_MS) : jm->spec.timeout_ms;
}

/* Task managers and workers that were not heard for too long are written off; clients may be silent. */
static void
silences(slu_jobmanager *jm)
{
    const int64_t now = jm_now(jm);
    jm->silence_ms = INT64_MAX;
    for (peer *p = jm->peers, *next = NULL; p != NULL; p = next) {
        next = p->next;
        if (p->node == NULL && p->job == NULL)
            continue;
        const int64_t patience = patience_ms(jm, p);
        if (now - p->heard_ms > patience)
            peer_silent(jm, p);
        else
            jm->silence_ms = SLU_MIN(jm->silence_ms, p->heard_ms + patience + 1);
    }
}

static void
heartbeats(slu_jobmanager *jm)
{
    const int64_t now = jm_now(jm);
    if (now < jm->beat_ms)
        return;
    jm->beat_ms = now + jm->spec.heartbeat_ms;
    for (const peer *p = jm->peers; p != NULL; p = p->next) {
        if (p->job != NULL)
            attempt_beat(jm, p->job, p);
        else if (p->node != NULL)
            peer_send(jm, p->number, &(slu_message){.kind = SLU_MESSAGE_HEARTBEAT});
    }
}

/* Task managers that are gone and run nothing are forgotten. */
static void
nodes_sweep(slu_jobmanager *jm)
{
    node **at = &jm->nodes;
    while (*at != NULL) {
        node *n = *at;
        if (n->peer == 0 && node_slots_used(jm, n->id) == 0) {
            *at = n->next;
            slu_free(n);
        } else {
            at = &n->next;
        }
    }
}

static void
event_take(slu_jobmanager *jm, slu_link_event *event)
{
    peer *from = peer_find(jm, event->peer);
    if (event->kind == SLU_LINK_GONE) {
        if (from != NULL)
            peer_gone(jm, from);
        return;
    }
    slu_link_body_release(&event->body);
    if (from == NULL && event->kind == SLU_LINK_MESSAGE) {
        from = slu_alloc_zero(1, sizeof *from);
        if (from == NULL)
            return;
        *from = (peer){.next = jm->peers, .number = event->peer};
        jm->peers = from;
    }
    if (from != NULL && !from->lost)
        message_take(jm, from, event->head);
}

void
slu_jobmanager_step(slu_jobmanager *jm)
{
    slu_link_event event;
    for (unsigned i = 0; i < EVENTS_PER_STEP && slu_link_next(jm->spec.listener, &event) == SLU_OK; i++)
        event_take(jm, &event);
    silences(jm);
    heartbeats(jm);
    for (job *j = jm->jobs; j != NULL; j = j->next)
        job_tick(jm, j);
    drains_step(jm);
    forwards_expire(jm);
    nodes_sweep(jm);
}

int64_t
slu_jobmanager_deadline(const slu_jobmanager *jm)
{
    int64_t deadline = jm->nodes != NULL || jm->peers != NULL ? SLU_MIN(jm->beat_ms, jm->silence_ms) : INT64_MAX;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        deadline = SLU_MIN(deadline, job_deadline(jm, j));
    deadline = SLU_MIN(deadline, drains_deadline(jm));
    for (const forward *f = jm->forwards; f != NULL; f = f->next)
        deadline = SLU_MIN(deadline, f->deadline);
    return deadline;
}

uint64_t
slu_jobmanager_fenced(const slu_jobmanager *jm)
{
    return jm->fenced;
}

slu_status
slu_jobmanager_new(const slu_jobmanager_spec *spec, slu_jobmanager **out, slu_error *err)
{
    slu_jobmanager *jm = slu_alloc_zero(1, sizeof *jm);
    if (jm == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job manager");
    jm->spec = *spec;
    (void)snprintf(jm->checkpoint_dir, sizeof jm->checkpoint_dir, "%s", spec->checkpoint_dir);
    (void)snprintf(jm->boot, sizeof jm->boot, "%s", spec->boot);
    slu_arena_init(&jm->arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_arena_init(&jm->answer, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&jm->out, (size_t)SLU_CONTROL_BYTES_MAX);
    const slu_status status = slu_jobstore_jobs(spec->store, job_load, jm, err);
    if (status != SLU_OK)
        slu_jobmanager_free(&jm);
    else
        *out = jm;
    return status;
}

void
slu_jobmanager_free(slu_jobmanager **jobmanager)
{
    slu_jobmanager *jm = *jobmanager;
    *jobmanager = NULL;
    if (jm == NULL)
        return;
    while (jm->jobs != NULL) {
        job *next = jm->jobs->next;
        job_free(jm->jobs);
        jm->jobs = next;
    }
    while (jm->peers != NULL)
        peer_unlink(jm, jm->peers);
    while (jm->nodes != NULL) {
        node *next = jm->nodes->next;
        slu_free(jm->nodes);
        jm->nodes = next;
    }
    drains_free(jm);
    while (jm->forwards != NULL) {
        forward *next = jm->forwards->next;
        slu_free(jm->forwards);
        jm->forwards = next;
    }
    triggers_free(jm);
    slu_arena_fini(&jm->arena);
    slu_arena_fini(&jm->answer);
    slu_buf_fini(&jm->out);
    slu_free(jm);
}
