/* attempt.c: one attempt of a job: its beginning, its workers, and what they say. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"
#include "restore/restore.h"

#include <inttypes.h>

#define NUMBERS_TRIED 16

const char *
attempt_checkpoint_dir(const slu_jobmanager *jm, const job *j)
{
    return j->graph->checkpoint.dir != NULL && j->graph->checkpoint.dir[0] != 0 ? j->graph->checkpoint.dir : jm->checkpoint_dir;
}

void
attempt_free(job *j)
{
    slu_coordinator_free(&j->coordinator);
    j->begun = false;
}

/* ---- Beginning --------------------------------------------------------------------------------------------------------------- */

#define LOOK_AGAIN_MS 2000

bool
attempt_is_remote(const slu_jobmanager *jm, const job *j)
{
    return !slu_place_is_local(attempt_checkpoint_dir(jm, j)) || !slu_place_is_local(j->restore);
}

static slu_status
asked_for(const slu_stores *stores, const char *place, const slu_graph *graph, bool non_restored, slu_manifest **out,
          slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    slu_status status = slu_manifest_load(stores, place, &manifest, err);
    if (status == SLU_OK)
        status = slu_restore_check(manifest, graph, non_restored, err);
    if (status == SLU_OK)
        *out = slu_take(&manifest);
    return slu_error_in(err, status, "restore from %s", place);
}

slu_status
attempt_restore_check(slu_jobmanager *jm, const job *j, slu_error *err)
{
    slu_manifest *manifest = NULL;
    if (j->restore[0] == 0 || attempt_is_remote(jm, j))
        return SLU_OK;
    const slu_status status = asked_for(jm->spec.stores, j->restore, j->graph, j->non_restored, &manifest, err);
    slu_manifest_free(&manifest);
    return status;
}

/* The newest whole checkpoint of the job, else what the user asked for; nothing: a fresh start. */
static void
look_run(errand *e)
{
    e->status = slu_manifest_load_latest(e->stores, e->dir, e->job_id, &e->manifest, &e->error);
    if (e->status != SLU_NOTFOUND)
        return;
    memset(&e->error, 0, sizeof e->error);
    e->status = e->place[0] == 0 ? SLU_OK : asked_for(e->stores, e->place, e->graph, e->non_restored, &e->manifest, &e->error);
}

static bool
is_away(const errand *e)
{
    const bool remote = !slu_place_is_local(e->dir) || !slu_place_is_local(e->place);
    return remote && (e->status == SLU_IO || e->status == SLU_TIMEOUT);
}

/* A store that does not answer now is asked again: the job was running, or waits for slots, too. */
static void
look_done(slu_jobmanager *jm, job *j, errand *e)
{
    const bool away = is_away(e) && j->asker == 0;
    j->look.state = away ? LOOK_NONE : LOOK_DONE;
    j->look.again_ms = jm_now(jm) + (away ? LOOK_AGAIN_MS : 0);
    j->look.status = e->status;
    j->look.error = e->error;
    j->look.manifest = slu_take(&e->manifest);
    if (away)
        slu_log_warn(jm->spec.env, "STORE-AWAY", "job %s waits for its checkpoints: %s", j->name, e->error.message);
    if (j->state == JOB_RESTARTING)
        j->deadline = j->look.again_ms;
    j->look.refused = j->asker != 0 && e->status != SLU_OK;
    submit_answer(jm, j, e->status == SLU_OK ? NULL : &e->error);
}

/* AGAIN: the store was asked. What it refused is told whether there are slots or not. */
static slu_status
attempt_look(slu_jobmanager *jm, job *j, slu_error *err)
{
    if (j->look.state == LOOK_NONE && jm_now(jm) >= j->look.again_ms) {
        errand *e = errand_new(jm, j, look_run, look_done);
        if (e == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to look for a checkpoint");
        (void)snprintf(e->place, sizeof e->place, "%s", j->restore);
        e->graph = j->graph;
        e->non_restored = j->non_restored;
        j->look.state = LOOK_UNDER_WAY;
        errand_do(jm, j, e);
    }
    if (j->look.state != LOOK_DONE)
        return SLU_AGAIN;
    if (j->look.status == SLU_OK)
        return SLU_OK;
    j->look.state = LOOK_NONE;
    if (err != NULL)
        *err = j->look.error;
    return j->look.status;
}

static slu_status
restore_find(slu_jobmanager *jm, job *j, slu_manifest **out, slu_error *err)
{
    SLU_TRY(attempt_look(jm, j, err));
    j->look.state = LOOK_NONE;
    *out = slu_take(&j->look.manifest);
    return SLU_OK;
}

typedef struct newest_whole {
    int64_t checkpoint; /* -1: none */
    int64_t forgotten;
} newest_whole;

static slu_status
checkpoint_whole(void *context, const slu_checkpoint_record *record, slu_error *err)
{
    newest_whole *newest = context;
    if (record->forgotten)
        newest->forgotten = record->checkpoint;
    if (strcmp(record->state, "COMPLETED") == 0 && record->checkpoint > newest->checkpoint)
        newest->checkpoint = record->checkpoint;
    return SLU_OK;
}

/* The newest checkpoint that the store knows to be whole (-1: none); the newest one there is never dropped. END: the job had finished, and
 * the last job manager died while it forgot the checkpoints. */
static slu_status
whole_find(slu_jobmanager *jm, job *j, int64_t *out, slu_error *err)
{
    newest_whole whole = {.checkpoint = -1, .forgotten = -1};
    SLU_TRY(slu_jobstore_checkpoints(jm->spec.store, j->id, SLU_JOBSTORE_HISTORY, checkpoint_whole, &whole, err));
    *out = whole.checkpoint;
    if (whole.forgotten < 0)
        return SLU_OK;
    j->completed = whole.forgotten;
    return SLU_END;
}

/* Begun anew, or from an older one, the job would write again what its sinks have committed. END: as whole_find. */
static slu_status
restore_check(slu_jobmanager *jm, job *j, slu_error *err)
{
    int64_t whole;
    SLU_TRY(whole_find(jm, j, &whole, err));
    if (whole < 0 || (j->own && j->completed >= whole))
        return SLU_OK;
    return slu_error_set(err, SLU_NOTFOUND,
                         "checkpoint %" PRId64
                         " is gone from %s: run the job again from a checkpoint that is there, or without one",
                         whole, attempt_checkpoint_dir(jm, j));
}

static slu_status
checkpoint_newest(void *context, const slu_checkpoint_record *record, slu_error *err)
{
    int64_t *newest = context;
    if (record->checkpoint > *newest)
        *newest = record->checkpoint;
    return SLU_OK;
}

typedef struct checkpoints_there {
    int64_t newest; /* that was ever triggered */
    int64_t restored;
    int64_t kept[SLU_JOBSTORE_HISTORY + 1]; /* from the end, so that the oldest is the first: the store tells the newest first */
    uint32_t first;
} checkpoints_there;

static slu_status
checkpoint_there(void *context, const slu_checkpoint_record *record, slu_error *err)
{
    checkpoints_there *there = context;
    there->newest = SLU_MAX(there->newest, record->checkpoint);
    if (strcmp(record->state, "COMPLETED") == 0 && !record->dropped && record->checkpoint < there->restored && there->first > 0)
        there->kept[--there->first] = record->checkpoint;
    return SLU_OK;
}

/* What the coordinator of the present attempt starts from: j->completed, the older ones that the attempts before it have left, and every
 * id that was ever triggered. */
slu_status
attempt_coordinator(slu_jobmanager *jm, job *j, slu_error *err)
{
    checkpoints_there there = {.newest = j->completed, .restored = j->own ? j->completed : -1, .first = SLU_JOBSTORE_HISTORY};
    there.kept[SLU_JOBSTORE_HISTORY] = j->completed;
    SLU_TRY(slu_jobstore_checkpoints(jm->spec.store, j->id, SLU_JOBSTORE_HISTORY, checkpoint_there, &there, err));
    const bool fresh = j->completed < 0;
    const slu_coordinator_spec spec = {.task_count = j->layout->task_count,
                                       .interval_ms = j->graph->checkpoint.interval_ms,
                                       .timeout_ms = j->graph->checkpoint.timeout_ms,
                                       .min_pause_ms = j->graph->checkpoint.min_pause_ms,
                                       .tolerated_failures = j->graph->checkpoint.tolerated_failures,
                                       .retained = SLU_MAX(j->graph->checkpoint.retained, 1u),
                                       .next_checkpoint = fresh ? 0 : there.newest + 1,
                                       .fresh = fresh,
                                       .kept = j->own ? &there.kept[there.first] : NULL,
                                       .kept_count = j->own ? SLU_JOBSTORE_HISTORY + 1 - there.first : 0};
    slu_coordinator_free(&j->coordinator);
    return slu_coordinator_new(&spec, &j->coordinator, err);
}

static void
deploy(slu_jobmanager *jm, const job *j, uint32_t worker)
{
    const member *m = &j->members[worker];
    const node *n = node_find(jm, m->node);
    const slu_message message = {.kind = SLU_MESSAGE_DEPLOY,
                                 .job = j->id,
                                 .name = j->name,
                                 .attempt = j->attempt,
                                 .attempt_id = j->attempt_id,
                                 .worker = worker,
                                 .workers = j->member_count,
                                 .slots = m->slots,
                                 .graph = j->graph_bytes,
                                 .placement = slu_view_of(j->placement, j->layout->task_count * sizeof *j->placement),
                                 .path = attempt_checkpoint_dir(jm, j),
                                 .restore = j->restored};
    if (n != NULL)
        peer_send(jm, n->peer, &message);
}

static slu_status
attempt_restore(slu_jobmanager *jm, job *j, slu_error *err)
{
    slu_manifest *manifest = NULL;
    SLU_TRY(restore_find(jm, j, &manifest, err));
    j->completed = manifest == NULL ? -1 : manifest->checkpoint;
    j->own = manifest != NULL && strcmp(manifest->job_id, j->id) == 0;
    j->ended = j->own && manifest->final != 0;
    j->attempt = SLU_MAX(j->attempt, manifest == NULL ? 0 : (uint64_t)manifest->attempt);
    (void)snprintf(j->restored, sizeof j->restored, "%s", manifest == NULL ? "" : manifest->directory);
    slu_manifest_free(&manifest);
    return restore_check(jm, j, err);
}

/* A number nobody used: one may be in the store that this job manager's predecessor did not live to use. */
static slu_status
attempt_number(slu_jobmanager *jm, job *j, slu_error *err)
{
    slu_status status = SLU_CONFLICT;
    for (int i = 0; status == SLU_CONFLICT && i < NUMBERS_TRIED; i++) {
        j->attempt++;
        j->attempt_id = jm->spec.env->random(jm->spec.env);
        status = slu_jobstore_add_attempt(jm->spec.store, j->id, j->attempt, j->attempt_id, slu_wall_ms(jm->spec.env), err);
    }
    return status;
}

static void
attempt_reset(slu_jobmanager *jm, job *j)
{
    j->begun = false;
    j->completed_here = false;
    j->sweep = true;
    j->metric_count = 0;
    j->stop_after = -1;
    j->running_since = jm_now(jm);
    j->deadline = jm_now(jm) + SLU_DEPLOY_MS;
    memset(j->tasks, TASK_DEPLOYING, j->layout->task_count);
    rules_take_up(jm, j);
}

slu_status
attempt_begin(slu_jobmanager *jm, job *j, slu_error *err)
{
    if (attempt_is_remote(jm, j))
        SLU_TRY(attempt_look(jm, j, err));
    SLU_TRY(attempt_place(jm, j, err));
    slu_status status = attempt_restore(jm, j, err);
    if (status == SLU_OK)
        status = attempt_number(jm, j, err);
    if (status == SLU_OK)
        status = attempt_coordinator(jm, j, err);
    if (status == SLU_OK) { /* rule (3): who runs must be known to the next job manager */
        attempt_reset(jm, j);
        status = job_set_state_stored(jm, j, JOB_RUNNING, err);
    }
    if (status != SLU_OK) {
        j->member_count = 0;
        return status;
    }
    slu_log_info(jm->spec.env, "ATTEMPT", "job %s attempt %" PRIu64 " on %" PRIu32 " workers, %s%s", j->name, j->attempt,
                 j->member_count, j->restored[0] == 0 ? "fresh" : "from ", j->restored);
    for (uint32_t i = 0; i < j->member_count; i++)
        deploy(jm, j, i);
    return SLU_OK;
}

static slu_status
members_take_up(slu_jobmanager *jm, job *j, const slu_message *placed, slu_error *err)
{
    j->members = slu_alloc_zero(placed->item_count == 0 ? 1 : placed->item_count, sizeof *j->members);
    if (j->members == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job's workers");
    j->member_count = placed->item_count;
    for (uint32_t i = 0; i < placed->item_count; i++) {
        member *m = &j->members[i];
        (void)snprintf(m->node, sizeof m->node, "%s", placed->items[i].node);
        (void)snprintf(m->host, sizeof m->host, "%s", placed->items[i].host);
        (void)snprintf(m->boot, sizeof m->boot, "%s", placed->items[i].boot);
        m->slots = (uint32_t)placed->items[i].slots;
        m->gone_ms = jm_now(jm);
    }
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        if (j->placement[t] >= j->member_count)
            return slu_error_set(err, SLU_CORRUPT, "task %" PRIu32 " is placed on worker %" PRIu32 " of %" PRIu32, t,
                                 j->placement[t], j->member_count);
    return SLU_OK;
}

/* The same from what the store of jobs knows: the attempt runs on, whether its checkpoints can be reached now or not. END: as whole_find. */
static slu_status
attempt_remember(slu_jobmanager *jm, job *j, const slu_message *placed, slu_error *err)
{
    int64_t whole;
    SLU_TRY(whole_find(jm, j, &whole, err));
    j->own = whole >= 0;
    j->completed = j->own ? whole : placed->checkpoint;
    (void)snprintf(j->restored, sizeof j->restored, "%s", placed->restore);
    return SLU_OK;
}

/* The attempt that ran when the last job manager died. */
slu_status
attempt_take_up(slu_jobmanager *jm, job *j, slu_view bytes, slu_error *err)
{
    slu_arena arena;
    slu_message placed;
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_status status = slu_message_decode(bytes, SLU_CONTROL_VERSION_MAX, &arena, &placed, err);
    const size_t expected = j->layout->task_count * sizeof *j->placement;
    if (status == SLU_OK && (placed.kind != SLU_MESSAGE_PLACED || placed.placement.bytes != expected))
        status = slu_error_set(err, SLU_CORRUPT, "its placement is of another layout");
    if (status == SLU_OK) {
        memcpy(j->placement, placed.placement.data, expected);
        status = members_take_up(jm, j, &placed, err);
    }
    const bool placed_here = status == SLU_OK;
    if (status == SLU_OK)
        status = attempt_is_remote(jm, j) ? attempt_remember(jm, j, &placed, err) : attempt_restore(jm, j, err);
    if (placed_here)
        j->attempt = placed.attempt;
    if (status == SLU_OK)
        rules_take_up(jm, j);
    if (status == SLU_OK)
        status = attempt_coordinator(jm, j, err);
    slu_arena_fini(&arena);
    return status;
}

/* ---- Workers ----------------------------------------------------------------------------------------------------------------- */

/* To every worker that has a link. */
void
attempt_tell(slu_jobmanager *jm, job *j, slu_message message)
{
    message.job = j->id;
    message.attempt = j->attempt;
    message.attempt_id = j->attempt_id;
    for (uint32_t i = 0; i < j->member_count; i++)
        if (j->members[i].peer != 0)
            peer_send(jm, j->members[i].peer, &message);
}

/* A worker of this machine whose task manager cannot be told: it hangs, or nobody finds anybody. Its death is seen at the next look. */
static void
process_kill(const slu_jobmanager *jm, const job *j, const member *m)
{
    const slu_host_processes *processes = jm->spec.processes;
    if (processes == NULL || m->pid == 0 || m->born == 0 || m->born != processes->born(jm->spec.processes_context, m->pid))
        return;
    slu_log_warn(jm->spec.env, "WORKER-KILLED", "process %" PRIu64 " of job %s, whose task manager is gone", m->pid, j->name);
    processes->kill(jm->spec.processes_context, m->pid);
}

void
attempt_kill(slu_jobmanager *jm, job *j)
{
    for (uint32_t i = 0; i < j->member_count; i++) {
        const node *n = node_find(jm, j->members[i].node);
        if (!j->members[i].dead && (n == NULL || n->peer == 0))
            process_kill(jm, j, &j->members[i]);
        const slu_message kill = {
            .kind = SLU_MESSAGE_KILL, .job = j->id, .attempt = j->attempt, .attempt_id = j->attempt_id, .worker = i};
        if (n != NULL && n->peer != 0 && !j->members[i].dead)
            peer_send(jm, n->peer, &kill);
    }
}

static void
peers_tell(slu_jobmanager *jm, job *j)
{
    slu_message *items = slu_alloc_zero(j->member_count, sizeof *items);
    if (items == NULL)
        return;
    for (uint32_t i = 0; i < j->member_count; i++) {
        const member *m = &j->members[i];
        items[i] = (slu_message){.kind = SLU_MESSAGE_PEER, .worker = i, .host = m->host, .boot = m->boot, .address = m->address};
    }
    attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_PEERS, .items = items, .item_count = j->member_count});
    slu_free(items);
}

void
attempt_stop(slu_jobmanager *jm, job *j)
{
    if (j->draining)
        attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_END, .flags = SLU_END_DRAIN});
    else
        slu_coordinator_request(j->coordinator, SLU_BARRIER_STOP);
}

/* A checkpoint that was under way when the last job manager died: nobody collects its parts, and sources may stand still for it. */
static void
abort_lost(slu_jobmanager *jm, job *j)
{
    slu_error err = {0};
    int64_t newest = -1;
    if (slu_jobstore_checkpoints(jm->spec.store, j->id, 1, checkpoint_newest, &newest, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    else if (newest > j->completed)
        attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_ABORT, .checkpoint = newest});
}

/* Every worker is there: begin, or go on after a restart of the job manager. */
static void
all_there(slu_jobmanager *jm, job *j)
{
    const bool again = j->state == JOB_RECONCILING;
    j->begun = true;
    j->deadline = INT64_MAX;
    peers_tell(jm, j);
    const bool stopped = again && j->stopping && j->stop_after >= 0 && j->stop_after == j->completed; /* only its end is missing */
    if (j->stopping && !stopped)
        attempt_stop(jm, j);
    if (!again)
        return;
    if (j->completed < 0) { /* checkpoint 0 was under way, and cannot be triggered twice */
        job_fail(jm, j, false, "the job manager was restarted before the first checkpoint");
        return;
    }
    job_set_state(jm, j, JOB_RUNNING);
    j->completed_final = stopped;
    j->completed_here = j->completed_here || stopped; /* heartbeats repeat it */
    attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_COMPLETE, .checkpoint = j->completed, .flags = stopped});
    abort_lost(jm, j);
}

void
attempt_hello(slu_jobmanager *jm, job *j, peer *from, const slu_message *hello)
{
    member *m = &j->members[from->worker];
    bool all = true;
    m->peer = from->number;
    member_is_process(jm, m, hello->pid);
    m->hello = true;
    (void)snprintf(m->address, sizeof m->address, "%s", hello->address);
    if (j->ending) {
        attempt_kill(jm, j);
        return;
    }
    for (uint32_t i = 0; i < j->member_count; i++)
        all = all && j->members[i].hello && j->members[i].peer != 0;
    if (all && (!j->begun || j->state == JOB_RECONCILING))
        all_there(jm, j);
    else if (j->begun)
        peers_tell(jm, j);
}

void
attempt_beat(slu_jobmanager *jm, job *j, const peer *to)
{
    const bool told = j->completed_here && j->attempt_id == to->attempt_id && !j->ending;
    const slu_message message = {
        .kind = SLU_MESSAGE_HEARTBEAT, .checkpoint = told ? j->completed : -1, .flags = told && j->completed_final};
    bool begins = false;
    for (uint32_t t = 0; j->begun && !j->ending && j->attempt_id == to->attempt_id && t < j->layout->task_count; t++)
        begins = begins || (j->placement[t] == to->worker && j->tasks[t] == TASK_DEPLOYING);
    if (begins)
        peers_tell(jm, j);
    peer_send(jm, to->number, &message);
}

static void
metrics_take(job *j, const slu_message *message)
{
    uint32_t hint = 0;
    for (uint32_t i = 0; i < message->item_count; i++) {
        const slu_message *item = &message->items[i];
        uint32_t at = 0;
        while (at < j->metric_count) {
            const metric *m = &j->metrics[(hint + at) % j->metric_count];
            if (m->task == item->task && strcmp(m->name, item->name) == 0)
                break;
            at++;
        }
        if (at == j->metric_count) {
            if (j->metric_count == j->metric_capacity) {
                const uint32_t capacity = SLU_MAX(j->metric_capacity * 2, 64u);
                metric *grown = capacity > 65536 ? NULL : slu_realloc(j->metrics, capacity * sizeof *grown);
                if (grown == NULL)
                    return;
                j->metrics = grown;
                j->metric_capacity = capacity;
            }
            hint = 0;
            at = j->metric_count++;
            j->metrics[at].task = (uint32_t)item->task;
            (void)snprintf(j->metrics[at].name, sizeof j->metrics[at].name, "%s", item->name);
        }
        hint = (hint + at) % j->metric_count;
        j->metrics[hint].value = item->value;
        hint++;
    }
}

static void
task_take(slu_jobmanager *jm, job *j, const slu_message *message)
{
    const uint32_t task = (uint32_t)message->task;
    uint32_t state = 0;
    bool finished = true;
    while (state < TASK_CANCELED && strcmp(task_state_name(state), message->state) != 0)
        state++;
    if (state == TASK_FAILED) {
        if (message->task < j->layout->task_count)
            j->tasks[task] = TASK_FAILED;
        job_fail_with(jm, j, (slu_status)message->status, message->flags != 0, "%s%s%s", message->name,
                      message->name[0] == 0 ? "" : ": ", message->text);
        return;
    }
    if (message->task >= j->layout->task_count || j->ending || j->coordinator == NULL)
        return;
    j->tasks[task] = (uint8_t)state;
    if (state == TASK_RUNNING || state == TASK_ENDED || state == TASK_FINISHED)
        slu_coordinator_running(j->coordinator, task);
    if (state == TASK_ENDED || state == TASK_FINISHED)
        slu_coordinator_ended(j->coordinator, task);
    rescale_running(jm, j);
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        finished = finished && j->tasks[t] == TASK_FINISHED;
    if (finished)
        job_end(jm, j, JOB_RUNNING, JOB_FINISHED, false);
}

void
attempt_message(slu_jobmanager *jm, job *j, const slu_message *message)
{
    slu_error err = {0};
    const bool counted = j->coordinator != NULL && message->task < j->layout->task_count; /* none while the job is being taken up */
    if (job_over(j) || (j->ending && message->kind != SLU_MESSAGE_TASK && message->kind != SLU_MESSAGE_METRICS))
        return;
    switch (message->kind) {
    case SLU_MESSAGE_TASK: task_take(jm, j, message); break;
    case SLU_MESSAGE_METRICS: metrics_take(j, message); break;
    case SLU_MESSAGE_RULED: rules_answered(jm, j, message); break;
    case SLU_MESSAGE_DECLINE:
        if (counted)
            slu_coordinator_decline(j->coordinator, (uint32_t)message->task, message->checkpoint, message->text);
        break;
    case SLU_MESSAGE_ACK: {
        const slu_ack ack = {.task = (uint32_t)message->task,
                             .checkpoint = message->checkpoint,
                             .path = message->path,
                             .bytes = (int64_t)message->size,
                             .crc32c = (uint32_t)message->crc,
                             .sync_ms = message->duration_ms,
                             .alignment_ms = message->alignment_ms};
        if (counted && slu_coordinator_ack(j->coordinator, &ack, &err) < 0)
            job_fail(jm, j, false, "checkpoint %" PRId64 ": %s", message->checkpoint, err.message);
        break;
    }
    default: break;
    }
    if (!j->ending && j->coordinator != NULL && j->begun)
        attempt_drain(jm, j);
}
