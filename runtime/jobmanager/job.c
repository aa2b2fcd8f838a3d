/* job.c: the life of a job, from SUBMIT to its end; what an attempt does in between is attempt.c. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

#define CHECK_MS 250 /* while an attempt is being ended */
#define KILL_AGAIN_MS 1000
#define LOOK_MS 20 /* how often a worker that nobody can reach is looked at: a process is some ms in dying */

static const char *const job_states[] = {"CREATED",     "RUNNING",  "FAILING",  "RESTARTING", "CANCELLING",
                                         "RECONCILING", "FINISHED", "CANCELED", "FAILED"};
static const char *const task_states[] = {"CREATED", "DEPLOYING", "RUNNING", "ENDED", "FINISHED", "FAILED", "CANCELED"};

const char *
job_state_name(uint32_t state)
{
    return job_states[state];
}

const char *
task_state_name(uint32_t state)
{
    return task_states[state];
}

static uint32_t
job_state_of(const char *name)
{
    uint32_t state = 0;
    while (state < JOB_FAILED && strcmp(job_states[state], name) != 0)
        state++;
    return state;
}

bool
job_over(const job *j)
{
    return j->state >= JOB_FINISHED;
}

/* ---- Store ------------------------------------------------------------------------------------------------------------------- */

/* The PLACED message of the present attempt. */
static void
placed_encode(const job *j, slu_buf *out)
{
    slu_message *items = slu_alloc_zero(j->member_count == 0 ? 1 : j->member_count, sizeof *items);
    if (items == NULL || j->layout == NULL) {
        slu_free(items);
        return;
    }
    for (uint32_t i = 0; i < j->member_count; i++) {
        const member *m = &j->members[i];
        items[i] = (slu_message){
            .kind = SLU_MESSAGE_MEMBER, .worker = i, .node = m->node, .host = m->host, .boot = m->boot, .slots = m->slots};
    }
    const slu_message placed = {
        .kind = SLU_MESSAGE_PLACED,
        .job = j->id,
        .attempt = j->attempt,
        .attempt_id = j->attempt_id,
        .placement = slu_view_of(j->placement, j->placement == NULL ? 0 : j->layout->task_count * sizeof *j->placement),
        .restore = j->restored,
        .checkpoint = j->completed,
        .items = items,
        .item_count = j->member_count};
    slu_message_encode(&placed, SLU_CONTROL_VERSION_MAX, out);
    slu_free(items);
}

/* A stop that was to leave a savepoint is not another job manager's: whoever asked is not answered, and asks again. */
static uint32_t
stopping_of(const job *j)
{
    if (!j->stopping || j->stop_with_savepoint)
        return 0;
    return SLU_JOB_STOPPING | (j->draining ? SLU_JOB_DRAINING : 0);
}

static slu_job_record
record_of(const job *j, slu_view placed)
{
    return (slu_job_record){.id = j->id,
                            .name = j->name,
                            .state = job_states[j->state],
                            .failure = j->failure,
                            .submit = slu_buf_view(&j->submit),
                            .placed = placed,
                            .attempt = j->attempt,
                            .attempt_id = j->attempt_id,
                            .restarts = j->restarts,
                            .stopping = stopping_of(j),
                            .stop_after = j->stop_after,
                            .created_ms = j->created_ms,
                            .start_ms = j->start_ms,
                            .end_ms = j->end_ms};
}

static slu_status
store_job(slu_jobmanager *jm, const job *j, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf placed = {0};
    SLU_AUTO(slu_buf_fini) slu_buf restart = {0};
    slu_buf_init(&placed, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_buf_init(&restart, sizeof j->restart + 64);
    if (j->member_count != 0)
        placed_encode(j, &placed);
    SLU_TRY(slu_buf_status(&placed, err));
    slu_restart_encode(&j->restart, jm_now(jm), slu_wall_ms(jm->spec.env), &restart);
    slu_job_record record = record_of(j, slu_buf_view(&placed));
    record.restart = slu_buf_view(&restart);
    return slu_jobstore_update_job(jm->spec.store, &record, err);
}

void
job_store(slu_jobmanager *jm, const job *j)
{
    slu_error err = {0};
    if (store_job(jm, j, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
}

static void
state_say(const slu_jobmanager *jm, const job *j, uint32_t from)
{
    slu_log_info(jm->spec.env, "JOB-STATE", "job %s (%s): %s to %s", j->name, j->id, job_states[from], job_states[j->state]);
}

slu_status
job_set_state_stored(slu_jobmanager *jm, job *j, uint32_t state, slu_error *err)
{
    const uint32_t from = j->state;
    j->state = state;
    const slu_status status = store_job(jm, j, err);
    if (status == SLU_OK)
        state_say(jm, j, from);
    else
        j->state = from;
    return status;
}

void
job_set_state(slu_jobmanager *jm, job *j, uint32_t state)
{
    const uint32_t from = j->state;
    if (from == state)
        return;
    j->state = state;
    state_say(jm, j, from);
    if (job_over(j))
        j->end_ms = slu_wall_ms(jm->spec.env);
    job_store(jm, j);
    if (job_over(j))
        rescale_failed(jm, j, j->failure[0] != 0 ? j->failure : "it is over");
    if (job_over(j))
        waiters_answer(jm, j, true);
}

/* ---- Birth and death --------------------------------------------------------------------------------------------------------- */

void
job_free(job *j)
{
    attempt_free(j);
    savepoints_free(j);
    errands_free(j);
    slu_manifest_free(&j->look.manifest);
    rules_free(j);
    rescale_free(j);
    while (j->waiters != NULL) {
        waiter *next = j->waiters->next;
        slu_free(j->waiters);
        j->waiters = next;
    }
    slu_layout_free(&j->layout);
    slu_graph_free(&j->graph);
    slu_buf_fini(&j->submit);
    slu_free(j->members);
    slu_free(j->placement);
    slu_free(j->tasks);
    slu_free(j->metrics);
    slu_free(j->name);
    slu_free(j->restore);
    slu_free(j);
}

/* Decodes the graph inside the kept SUBMIT and lays it out. */
static slu_status
job_plan(job *j, slu_view graph, slu_error *err)
{
    SLU_TRY(slu_graph_decode(graph, &j->graph, err));
    SLU_TRY(slu_layout_new(j->graph, &j->layout, err));
    j->graph_bytes = graph;
    j->placement = slu_alloc_zero(j->layout->task_count, sizeof *j->placement);
    j->tasks = slu_alloc_zero(j->layout->task_count, sizeof *j->tasks);
    return j->placement == NULL || j->tasks == NULL
               ? slu_error_set(err, SLU_NOMEM, "a job of %" PRIu32 " tasks", j->layout->task_count)
               : SLU_OK;
}

/* Fills a job from its SUBMIT message. `plan`: also its graph, which a job that is over does not need. */
static slu_status
job_fill(job *j, slu_view bytes, bool plan, slu_error *err)
{
    slu_arena arena;
    slu_message submit;
    slu_buf_init(&j->submit, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_buf_append(&j->submit, bytes.data, bytes.bytes);
    SLU_TRY(slu_buf_status(&j->submit, err));
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_status status = slu_message_decode(slu_buf_view(&j->submit), SLU_CONTROL_VERSION_MAX, &arena, &submit, err);
    if (status == SLU_OK) {
        j->name = slu_strdup(submit.name);
        j->restore = slu_strdup(submit.restore);
        j->non_restored = (submit.flags & SLU_SUBMIT_NON_RESTORED) != 0;
        if (j->name == NULL || j->restore == NULL)
            status = slu_error_set(err, SLU_NOMEM, "a job");
        else if (plan)
            status = job_plan(j, submit.graph, err);
    }
    slu_arena_fini(&arena);
    return status;
}

static void
job_append(slu_jobmanager *jm, job *j)
{
    job **at = &jm->jobs;
    while (*at != NULL)
        at = &(*at)->next;
    *at = j;
}

static job *
job_new(void)
{
    job *j = slu_alloc_zero(1, sizeof *j);
    if (j != NULL) {
        j->deadline = j->look_ms = INT64_MAX;
        j->completed = -1;
        j->stop_after = -1;
    }
    return j;
}

slu_status
job_plan_new(slu_view submit, job **out, slu_error *err)
{
    job *j = job_new();
    if (j == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job");
    const slu_status status = job_fill(j, submit, true, err);
    if (status == SLU_OK)
        *out = j;
    else
        job_free(j);
    return status;
}

uint32_t
job_slots(const job *j)
{
    uint32_t slots = 1;
    for (uint32_t i = 0; i < j->layout->vertex_count; i++)
        slots = SLU_MAX(slots, j->layout->vertices[i].parallelism);
    return slots;
}

/* Whether a peer still stands for the job: then it must stay. */
static bool
job_has_peer(const slu_jobmanager *jm, const job *j)
{
    for (const peer *p = jm->peers; p != NULL; p = p->next)
        if (p->job == j)
            return true;
    return false;
}

/* Of the jobs that are over the newest SLU_JOBS_OVER_MAX are kept. */
static void
jobs_forget(slu_jobmanager *jm)
{
    uint32_t over = 0;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        over += job_over(j);
    for (job **at = &jm->jobs; over > SLU_JOBS_OVER_MAX && *at != NULL;) {
        job *j = *at;
        slu_error err = {0};
        if (!job_over(j) || job_has_peer(jm, j) || j->errands != NULL) {
            at = &j->next;
            continue;
        }
        if (slu_jobstore_remove_job(jm->spec.store, j->id, &err) != SLU_OK)
            slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
        *at = j->next;
        job_free(j);
        over--;
    }
}

slu_status
job_submit(slu_jobmanager *jm, const slu_message *submit, slu_view bytes, job **out, slu_error *err)
{
    uint32_t count = 0;
    jobs_forget(jm);
    for (const job *other = jm->jobs; other != NULL; other = other->next)
        count += !job_over(other);
    if (count >= SLU_JOBS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%d jobs run or wait, and no more fit", SLU_JOBS_MAX);
    job *j = job_new();
    if (j == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job");
    (void)snprintf(j->id, sizeof j->id, "%016" PRIx64 "%016" PRIx64, jm->spec.env->random(jm->spec.env),
                   jm->spec.env->random(jm->spec.env));
    j->created_ms = j->start_ms = slu_wall_ms(jm->spec.env);
    j->deadline = jm_now(jm) + SLU_RESOURCES_MS;
    slu_status status = job_fill(j, bytes, true, err);
    if (status == SLU_OK)
        status = attempt_restore_check(jm, j, err);
    if (status == SLU_OK) {
        const slu_job_record record = record_of(j, slu_view_of(NULL, 0));
        status = slu_jobstore_add_job(jm->spec.store, &record, err);
    }
    if (status != SLU_OK) {
        job_free(j);
        return slu_error_in(err, status, "job %s", submit->name);
    }
    job_append(jm, j);
    slu_log_info(jm->spec.env, "JOB-NEW", "job %s (%s) of %" PRIu32 " tasks wants %" PRIu32 " slots", j->name, j->id,
                 j->layout->task_count, job_slots(j));
    *out = j;
    return SLU_OK;
}

/* What another try may not meet again: a disk that is full or does not answer. */
static bool
failure_passes(slu_status status)
{
    return status == SLU_IO || status == SLU_NOMEM;
}

static void
job_had_finished(slu_jobmanager *jm, job *j)
{
    attempt_forget_checkpoints(jm, j);
    memset(j->tasks, TASK_FINISHED, j->layout->task_count);
    j->member_count = 0;
    job_set_state(jm, j, JOB_FINISHED);
}

/* What a job of the store that was not over goes through now. */
static slu_status
job_resume(slu_jobmanager *jm, job *j, const slu_job_record *record, slu_error *err)
{
    const uint32_t state = job_state_of(record->state);
    if (record->placed.bytes == 0) {
        j->state = JOB_CREATED;
        j->deadline = jm_now(jm) + SLU_RESOURCES_MS;
        return SLU_OK;
    }
    const slu_status status = attempt_take_up(jm, j, record->placed, err);
    if (status == SLU_END) {
        job_had_finished(jm, j);
        return SLU_OK;
    }
    const bool again = failure_passes(status) && j->member_count != 0;
    if (status != SLU_OK && !again)
        return status;
    if (again)
        (void)snprintf(j->failure, sizeof j->failure, "%.500s", err->message);
    j->stopping = (record->stopping & SLU_JOB_STOPPING) != 0;
    j->draining = (record->stopping & SLU_JOB_DRAINING) != 0;
    j->stop_after = record->stop_after;
    j->running_since = jm_now(jm);
    j->state = JOB_RECONCILING;
    j->deadline = jm_now(jm) + jm->spec.timeout_ms;
    if (state == JOB_CANCELLING)
        job_end(jm, j, JOB_CANCELLING, JOB_CANCELED, true);
    else if (again || (state != JOB_RUNNING && state != JOB_RECONCILING))
        job_end(jm, j, JOB_FAILING, JOB_RESTARTING, true);
    return SLU_OK;
}

slu_status
job_load(void *context, const slu_job_record *record, slu_error *err)
{
    slu_jobmanager *jm = context;
    job *j = job_new();
    if (j == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job");
    (void)snprintf(j->id, sizeof j->id, "%s", record->id);
    (void)snprintf(j->failure, sizeof j->failure, "%s", record->failure);
    j->state = job_state_of(record->state);
    j->attempt = record->attempt;
    j->attempt_id = record->attempt_id;
    j->restarts = record->restarts;
    if (slu_restart_decode(record->restart, jm_now(jm), slu_wall_ms(jm->spec.env), &j->restart, err) != SLU_OK)
        slu_log_warn(jm->spec.env, "RESTARTS-LOST", "job %s: %s: its restarts are counted anew", record->id, err->message);
    j->created_ms = record->created_ms;
    j->start_ms = record->start_ms;
    j->end_ms = record->end_ms;
    slu_status status = job_fill(j, record->submit, !job_over(j), err);
    job_append(jm, j);
    if (status == SLU_OK)
        SLU_TRY(attempt_path_load(jm, j, err)); /* the store itself: nothing can be told of any job */
    if (status == SLU_OK && !job_over(j))
        status = job_resume(jm, j, record, err);
    if (status != SLU_OK) {
        slu_log_error(jm->spec.env, "JOB-LOST", "job %s of the store cannot be taken up: %s", record->id,
                      err == NULL ? "?" : err->message);
        (void)snprintf(j->failure, sizeof j->failure, "cannot be taken up: %.400s", err == NULL ? "?" : err->message);
        if (j->name == NULL)
            j->name = slu_strdup(record->name);
        job_set_state(jm, j, JOB_FAILED);
    }
    return SLU_OK;
}

/* ---- Endings ----------------------------------------------------------------------------------------------------------------- */

void
job_end(slu_jobmanager *jm, job *j, uint32_t state, uint32_t after, bool kill)
{
    j->ending = true;
    j->after = after;
    j->deadline = jm_now(jm) + (kill ? 0 : SLU_CANCEL_MS);
    j->kill_ms = j->deadline;
    job_set_state(jm, j, state);
    if (!kill) {
        attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_END});
    } else {
        attempt_kill(jm, j);
        j->kill_ms = jm_now(jm) + KILL_AGAIN_MS;
    }
}

/* Every worker is dead: on with it. */
static void
job_after(slu_jobmanager *jm, job *j)
{
    j->ending = false;
    j->deadline = INT64_MAX;
    attempt_free(j);
    if (j->after == JOB_RESTARTING) {
        const bool rescaled = rescale_take(jm, j);
        j->restarts += !rescaled;
        memset(j->tasks, TASK_CREATED, j->layout->task_count);
        j->deadline = jm_now(jm) + (rescaled ? 0 : j->restart.delay_ms);
    }
    for (uint32_t i = 0; j->after != JOB_RESTARTING && j->layout != NULL && i < j->layout->task_count; i++)
        if (j->tasks[i] != TASK_FINISHED && j->tasks[i] != TASK_FAILED)
            j->tasks[i] = j->after == JOB_FINISHED ? TASK_FINISHED : TASK_CANCELED;
    if (j->after == JOB_FINISHED && !j->stopping && j->ended)
        attempt_forget_checkpoints(jm, j);
    job_set_state(jm, j, j->after);
}

/* Whether the strategy of the graph allows another attempt. If not, the failure says what of it forbids that. */
static bool
restart_allowed(slu_jobmanager *jm, job *j, slu_status status)
{
    char why[128];
    char text[sizeof j->failure];
    const slu_restart_failure failure = {.now_ms = jm_now(jm),
                                         .ran_ms = j->running_since == 0 ? 0 : jm_now(jm) - j->running_since,
                                         .position = j->completed,
                                         .status = status,
                                         .text = j->failure};
    if (slu_restart_next(&j->restart, &j->graph->restart, &failure, why, sizeof why))
        return true;
    (void)snprintf(text, sizeof text, "%s", j->failure);
    (void)snprintf(j->failure, sizeof j->failure, "%s%s%.380s", why, why[0] == 0 ? "" : ": ", text);
    return false;
}

static void
job_failed(slu_jobmanager *jm, job *j, slu_status status, bool fatal, const char *format, va_list args)
{
    if (j->ending || (j->state != JOB_RUNNING && j->state != JOB_RECONCILING))
        return;
    (void)vsnprintf(j->failure, sizeof j->failure, format, args);
    const bool again = !fatal && restart_allowed(jm, j, status);
    slu_log_warn(jm->spec.env, "ATTEMPT-FAILED", "job %s attempt %" PRIu64 ": %s%s", j->name, j->attempt, j->failure,
                 again ? "" : "; no restart is left");
    rescale_failed(jm, j, j->failure);
    job_end(jm, j, JOB_FAILING, again ? JOB_RESTARTING : JOB_FAILED, true);
    job_members_check(jm, j);
}

void
job_fail(slu_jobmanager *jm, job *j, bool fatal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    job_failed(jm, j, SLU_IO, fatal, format, args);
    va_end(args);
}

void
job_fail_with(slu_jobmanager *jm, job *j, slu_status status, bool fatal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    job_failed(jm, j, status, fatal, format, args);
    va_end(args);
}

void
job_cancel(slu_jobmanager *jm, job *j)
{
    if (j->ending) {
        j->after = JOB_CANCELED;
        job_set_state(jm, j, JOB_CANCELLING);
    } else if (j->state == JOB_CREATED || j->state == JOB_RESTARTING) {
        job_set_state(jm, j, JOB_CANCELED);
    } else {
        job_end(jm, j, JOB_CANCELLING, JOB_CANCELED, false);
    }
}

void
job_stop(slu_jobmanager *jm, job *j, uint64_t flags)
{
    if (j->ending || j->coordinator == NULL) {
        job_cancel(jm, j);
        return;
    }
    j->stop_with_savepoint = (flags & SLU_STOP_AFTER) != 0 && (!j->stopping || j->stop_with_savepoint);
    j->stopping = true;
    j->draining = j->draining || (flags & SLU_STOP_DRAIN) != 0;
    job_store(jm, j);
    if (j->begun)
        attempt_stop(jm, j);
}

/* ---- Watching ---------------------------------------------------------------------------------------------------------------- */

void
member_is_process(const slu_jobmanager *jm, member *m, uint64_t pid)
{
    if (pid == 0 || (pid == m->pid && m->born != 0))
        return;
    m->pid = pid;
    if (jm->spec.processes != NULL && strcmp(m->boot, jm->boot) == 0)
        m->born = jm->spec.processes->born(jm->spec.processes_context, pid);
}

/* Neither itself nor through its task manager; since when. */
static bool
member_is_unreachable(slu_jobmanager *jm, const member *m, int64_t *since)
{
    const node *n = node_find(jm, m->node);
    *since = SLU_MAX(m->gone_ms, n == NULL ? m->gone_ms : n->gone_ms);
    return m->peer == 0 && (n == NULL || n->peer == 0);
}

/* Rule (1) for a worker of this machine. A lost link proves nothing: the process does. */
static bool
process_is_dead(const slu_jobmanager *jm, const member *m, int64_t silent_ms)
{
    const slu_host_processes *processes = jm->spec.processes;
    if (processes == NULL || m->pid == 0)
        return silent_ms >= jm->spec.timeout_ms;
    const uint64_t born = processes->born(jm->spec.processes_context, m->pid);
    return born == 0 || born != m->born;
}

/* Rule (1). */
static bool
member_is_dead(slu_jobmanager *jm, const member *m)
{
    int64_t since = 0;
    if (m->dead || !member_is_unreachable(jm, m, &since))
        return m->dead;
    const int64_t silent_ms = jm_now(jm) - since;
    return strcmp(m->boot, jm->boot) != 0 ? silent_ms >= SLU_LEASE_MS : process_is_dead(jm, m, silent_ms);
}

void
job_members_check(slu_jobmanager *jm, job *j)
{
    uint32_t dead = 0;
    int64_t since = 0;
    j->look_ms = INT64_MAX;
    if (job_over(j) || j->member_count == 0 || (!j->ending && j->state != JOB_RUNNING && j->state != JOB_RECONCILING))
        return;
    for (uint32_t i = 0; i < j->member_count; i++) {
        member *m = &j->members[i];
        m->dead = member_is_dead(jm, m);
        dead += m->dead;
        if (!m->dead && strcmp(m->boot, jm->boot) == 0 && member_is_unreachable(jm, m, &since))
            j->look_ms = jm_now(jm) + LOOK_MS;
        if (!j->ending && m->hello && m->peer == 0 && jm_now(jm) - m->gone_ms > jm->spec.timeout_ms) {
            job_fail(jm, j, false, "worker %" PRIu32 " on %s lost its connection and did not come back", i, m->host);
            return;
        }
        if (m->dead && !j->ending) {
            job_fail(jm, j, false, "worker %" PRIu32 " on %s is gone with its task manager", i, m->host);
            return;
        }
    }
    if (j->ending && dead == j->member_count)
        job_after(jm, j);
}

static void
job_unstarted(slu_jobmanager *jm, job *j, slu_status status, const slu_error *err)
{
    (void)snprintf(j->failure, sizeof j->failure, "%.500s", err->message);
    slu_log_error(jm->spec.env, "JOB-UNSTARTED", "job %s: %s", j->name, err->message);
    const bool again = !j->look.refused && failure_passes(status) && restart_allowed(jm, j, status);
    if (again)
        j->deadline = jm_now(jm) + j->restart.delay_ms;
    job_set_state(jm, j, again ? JOB_RESTARTING : JOB_FAILED);
}

static void
job_start(slu_jobmanager *jm, job *j)
{
    slu_error err = {0};
    const slu_status status = attempt_begin(jm, j, &err);
    if (status == SLU_AGAIN && j->state == JOB_RESTARTING && j->deadline <= jm_now(jm))
        j->deadline = jm_now(jm) + CHECK_MS; /* as long as it takes: it was running */
    if (status == SLU_END)
        job_had_finished(jm, j);
    if (status < 0)
        job_unstarted(jm, j, status, &err);
}

static void
job_late(slu_jobmanager *jm, job *j)
{
    if (j->state == JOB_CREATED && attempt_is_remote(jm, j) && j->look.state != LOOK_DONE) {
        (void)snprintf(j->failure, sizeof j->failure, "the store of its checkpoints gave no answer: %.400s", j->look.error.message);
        job_set_state(jm, j, JOB_FAILED);
    } else if (j->state == JOB_CREATED) {
        (void)snprintf(j->failure, sizeof j->failure, "no %" PRIu32 " free slots within %d s: start another task manager",
                       job_slots(j), SLU_RESOURCES_MS / 1000);
        job_set_state(jm, j, JOB_FAILED);
    } else if (j->state == JOB_RUNNING && !j->begun) {
        job_fail(jm, j, false, "not every worker said hello within %d s", SLU_DEPLOY_MS / 1000);
    } else if (j->state == JOB_RECONCILING) {
        job_fail(jm, j, false, "not every worker came back after the job manager's restart");
    }
}

void
job_tick(slu_jobmanager *jm, job *j)
{
    const int64_t now = jm_now(jm);
    waiters_answer(jm, j, false);
    errands_tick(jm, j);
    savepoints_tick(jm, j);
    rules_tick(jm, j);
    if (job_over(j))
        return;
    if (!j->ending && j->coordinator != NULL && j->begun) {
        slu_coordinator_step(j->coordinator, now, slu_wall_ms(jm->spec.env));
        attempt_drain(jm, j);
    }
    if (j->ending && now >= j->kill_ms) {
        attempt_kill(jm, j);
        j->kill_ms = now + KILL_AGAIN_MS;
    } else if (!j->ending && (j->state == JOB_CREATED || (j->state == JOB_RESTARTING && now >= j->deadline))) {
        job_start(jm, j);
    }
    if (!j->ending && now >= j->deadline)
        job_late(jm, j);
    job_members_check(jm, j);
}

int64_t
job_deadline(const slu_jobmanager *jm, const job *j)
{
    int64_t deadline = job_over(j) ? INT64_MAX : j->deadline;
    for (const waiter *w = j->waiters; w != NULL; w = w->next)
        deadline = SLU_MIN(deadline, w->deadline);
    deadline = SLU_MIN(deadline, savepoints_deadline(jm, j));
    deadline = SLU_MIN(deadline, errands_deadline(jm, j));
    deadline = SLU_MIN(deadline, rules_deadline(j));
    if (job_over(j))
        return deadline;
    deadline = SLU_MIN(deadline, j->look_ms);
    if (j->state == JOB_CREATED && j->look.state == LOOK_NONE && j->look.again_ms > jm_now(jm))
        deadline = SLU_MIN(deadline, j->look.again_ms);
    if (j->ending)
        deadline = SLU_MIN(j->kill_ms, j->look_ms);
    else if (j->coordinator != NULL && j->begun)
        deadline = SLU_MIN(deadline, slu_coordinator_deadline(j->coordinator));
    return deadline;
}
