/* savepoints.c: savepoints that clients asked for: each waits for its checkpoint, then a thread puts it where it was wanted. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"
#include "checkpoint/savepoint.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#define LOOK_MS 10        /* how often a thread at work is looked at */
#define SAVEPOINTS_MAX 16 /* of one job at a time: each becomes a thread that copies */

/* CHECKING: the store it is to lie in is asked whether it takes anything. WAITING: no checkpoint was triggered for it. PENDING: one was.
 * WRITING: that is whole, and the thread is at work. */
enum { CHECKING, WAITING, PENDING, WRITING };

struct savepoint {
    savepoint *next;
    const slu_stores *stores;
    uint64_t peer, request;
    uint64_t flags; /* SLU_STOP_ */
    uint32_t state;
    int64_t checkpoint;
    int64_t began_ms;
    int64_t bytes;
    bool drop; /* the checkpoint is to be dropped once it is written */
    char from[SLU_PATH_BYTES_MAX], to[SLU_PATH_BYTES_MAX];
    pthread_t thread;
    atomic_bool stop, done;
    slu_status status;
    slu_error error;
};

static void
answer_failed(slu_jobmanager *jm, const job *j, const savepoint *s, slu_status status, const char *why)
{
    char text[600];
    (void)snprintf(text, sizeof text, "no savepoint of job %s: %.500s", j->name, why);
    peer_send(jm, s->peer,
              &(slu_message){.kind = SLU_MESSAGE_FAILED, .request = s->request, .status = (int64_t)status, .text = text});
}

/* Out of the list. */
static void
unlink_one(job *j, savepoint *gone)
{
    savepoint **at = &j->savepoints;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    slu_free(gone);
}

/* A stop that was to leave it is taken back: the job goes on, as Flink's does. */
static void
stop_revoke(job *j, const savepoint *s)
{
    if ((s->flags & SLU_STOP_AFTER) != 0)
        j->stopping = j->draining = j->stop_with_savepoint = false;
}

static uint32_t
count_all(const job *j)
{
    uint32_t count = 0;
    for (const savepoint *s = j->savepoints; s != NULL; s = s->next)
        count++;
    return count;
}

/* A stop cannot be taken back everywhere (a drain has ended the sources), so that a place that takes nothing is found out before. */
static slu_status
place_check(const char *path, slu_error *err)
{
    if (path[0] == 0)
        return SLU_OK;
    SLU_TRY(slu_dir_make(path, err));
    return access(path, W_OK | X_OK) == 0 ? SLU_OK : slu_errno_set(err, errno, "write into", path);
}

static void
savepoint_begin(slu_jobmanager *jm, job *j, savepoint *s)
{
    s->state = WAITING;
    if ((s->flags & SLU_STOP_AFTER) != 0)
        job_stop(jm, j, s->flags);
    if ((s->flags & SLU_STOP_DRAIN) != 0) /* of the state behind the end of every source, not of one on the way there */
        slu_coordinator_request_final(j->coordinator, SLU_BARRIER_SAVEPOINT);
    else
        slu_coordinator_request(j->coordinator, SLU_BARRIER_SAVEPOINT);
}

/* The same of a store: it takes something, and removes it. */
static void
probe_run(errand *e)
{
    char name[SLU_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%.4000s/.sluice-%" PRIx64, e->place, (uint64_t)e->checkpoint);
    e->status = slu_place_write(e->stores, name, slu_view_of_text("?"), &e->error);
    if (e->status == SLU_OK)
        e->status = slu_place_remove(e->stores, name, &e->error);
}

static void
probe_done(slu_jobmanager *jm, job *j, errand *e)
{
    savepoint *s = j->savepoints;
    while (s != NULL && s != e->savepoint)
        s = s->next;
    if (s == NULL) /* given up meanwhile */
        return;
    if (e->status == SLU_OK && j->stopping)
        e->status = slu_error_set(&e->error, SLU_CONFLICT, "it is being stopped already");
    if (e->status == SLU_OK) {
        savepoint_begin(jm, j, s);
        return;
    }
    answer_failed(jm, j, s, e->status, e->error.message);
    unlink_one(j, s);
}

static slu_status
probe(slu_jobmanager *jm, job *j, savepoint *s, slu_error *err)
{
    errand *e = errand_new(jm, j, probe_run, probe_done);
    if (e == NULL) {
        unlink_one(j, s);
        return slu_error_set(err, SLU_NOMEM, "a savepoint");
    }
    (void)snprintf(e->place, sizeof e->place, "%s", s->to);
    e->checkpoint = (int64_t)jm->spec.env->random(jm->spec.env);
    e->savepoint = s;
    errand_do(jm, j, e);
    return SLU_OK;
}

slu_status
savepoint_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err)
{
    const bool stop = (message->flags & SLU_STOP_AFTER) != 0;
    if (j->ending || j->coordinator == NULL || j->state != JOB_RUNNING)
        return slu_error_set(err, SLU_INVALID, "job %s is %s: a savepoint needs it RUNNING", j->name, job_state_name(j->state));
    if (j->stopping)
        return slu_error_set(err, SLU_CONFLICT, "job %s is being stopped already", j->name);
    if (count_all(j) >= SAVEPOINTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "job %s has %d savepoints under way: ask again when one is done", j->name,
                             SAVEPOINTS_MAX);
    const char *place = NULL;
    SLU_TRY(slu_place_of(message->path, &place, err));
    SLU_TRY(slu_place_check(jm->spec.stores, place, err));
    if (stop && slu_place_is_local(place) && place_check(place, err) != SLU_OK)
        return slu_error_in(err, err->status, "no savepoint of job %s, which goes on", j->name);
    savepoint *s = slu_alloc_zero(1, sizeof *s);
    if (s == NULL)
        return slu_error_set(err, SLU_NOMEM, "a savepoint");
    *s = (savepoint){.next = j->savepoints,
                     .stores = jm->spec.stores,
                     .peer = from->number,
                     .request = message->request,
                     .flags = message->flags,
                     .checkpoint = -1,
                     .began_ms = jm_now(jm)};
    (void)snprintf(s->to, sizeof s->to, "%s", place);
    j->savepoints = s;
    if (stop && !slu_place_is_local(place))
        return probe(jm, j, s, err);
    savepoint_begin(jm, j, s);
    return SLU_OK;
}

void
savepoints_triggered(job *j, const slu_action *action)
{
    for (savepoint *s = j->savepoints; (action->flags & SLU_BARRIER_SAVEPOINT) != 0 && s != NULL; s = s->next) {
        if (s->state != WAITING || ((s->flags & SLU_STOP_DRAIN) != 0 && !action->final))
            continue;
        s->state = PENDING;
        s->checkpoint = action->checkpoint;
    }
}

void
savepoints_aborted(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *why)
{
    for (savepoint *s = j->savepoints, *next = NULL; s != NULL; s = next) {
        next = s->next;
        if (s->state != PENDING || s->checkpoint != checkpoint)
            continue;
        if ((s->flags & SLU_STOP_DRAIN) != 0) { /* the sources have ended: there will be another one */
            s->state = WAITING;
            continue;
        }
        stop_revoke(j, s);
        answer_failed(jm, j, s, SLU_IO, why);
        unlink_one(j, s);
    }
}

static void *
write_it(void *context)
{
    savepoint *s = context;
    s->status = slu_savepoint_make(s->stores, s->from, s->to, &s->stop, &s->error);
    atomic_store(&s->done, true);
    return NULL;
}

static void
write_begin(slu_jobmanager *jm, job *j, savepoint *s, const char *checkpoint)
{
    slu_buf path;
    slu_buf_init(&path, sizeof s->to);
    if (s->to[0] == 0)
        (void)snprintf(s->to, sizeof s->to, "%.4000s/savepoints", attempt_checkpoint_dir(jm, j));
    slu_savepoint_path(&path, s->to, j->id, jm->spec.env->random(jm->spec.env));
    const slu_status status = slu_buf_status(&path, &s->error);
    (void)snprintf(s->to, sizeof s->to, "%s", slu_buf_cstr(&path));
    (void)snprintf(s->from, sizeof s->from, "%s", checkpoint);
    slu_buf_fini(&path);
    s->state = WRITING;
    if (status == SLU_OK && pthread_create(&s->thread, NULL, write_it, s) == 0)
        return;
    stop_revoke(j, s);
    answer_failed(jm, j, s, SLU_NOMEM, status == SLU_OK ? "no thread for it" : s->error.message);
    unlink_one(j, s);
}

void
savepoints_whole(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *path, int64_t bytes)
{
    for (savepoint *s = j->savepoints, *next = NULL; s != NULL; s = next) {
        next = s->next;
        if (s->state != PENDING || s->checkpoint != checkpoint)
            continue;
        s->bytes = bytes;
        write_begin(jm, j, s, path);
    }
}

bool
savepoints_stop_writes(const job *j, int64_t checkpoint)
{
    for (const savepoint *s = j->savepoints; s != NULL; s = s->next)
        if (s->state == WRITING && s->checkpoint == checkpoint && (s->flags & SLU_STOP_AFTER) != 0)
            return true;
    return false;
}

bool
savepoints_hold(job *j, int64_t checkpoint)
{
    bool held = false;
    for (savepoint *s = j->savepoints; s != NULL; s = s->next) {
        if (s->state != WRITING || s->checkpoint != checkpoint)
            continue;
        s->drop = !held; /* one of them has to */
        held = true;
    }
    return held;
}

static void
written(slu_jobmanager *jm, job *j, savepoint *s)
{
    (void)pthread_join(s->thread, NULL);
    if (s->status != SLU_OK) {
        stop_revoke(j, s); /* its sources go on when they hear that the checkpoint is complete, and not the last */
        answer_failed(jm, j, s, s->status, s->error.message);
        slu_log_warn(jm->spec.env, "SAVEPOINT-FAILED", "job %s: %s", j->name, s->error.message);
    } else {
        const slu_message saved = {.kind = SLU_MESSAGE_SAVED,
                                   .request = s->request,
                                   .job = j->id,
                                   .name = j->name,
                                   .path = s->to,
                                   .checkpoint = s->checkpoint,
                                   .size = (uint64_t)s->bytes,
                                   .duration_ms = jm_now(jm) - s->began_ms};
        slu_log_info(jm->spec.env, "SAVEPOINT", "job %s: %s", j->name, s->to);
        peer_send(jm, s->peer, &saved);
    }
    const bool drop = s->drop;
    const int64_t checkpoint = s->checkpoint;
    const bool awaited = savepoints_stop_writes(j, checkpoint);
    unlink_one(j, s);
    if (awaited && !savepoints_stop_writes(j, checkpoint) && j->coordinator != NULL)
        slu_coordinator_finalized(j->coordinator, checkpoint, NULL);
    if (drop && !savepoints_hold(j, checkpoint))
        attempt_drop(jm, j, checkpoint);
}

/* Those of a job that will not come to it. */
static void
give_up(slu_jobmanager *jm, job *j)
{
    for (savepoint *s = j->savepoints, *next = NULL; s != NULL; s = next) {
        next = s->next;
        if (s->state == WRITING)
            continue;
        stop_revoke(j, s);
        answer_failed(jm, j, s, SLU_CLOSED, j->failure[0] != 0 ? j->failure : "its attempt has ended");
        unlink_one(j, s);
    }
}

void
savepoints_tick(slu_jobmanager *jm, job *j)
{
    if (j->coordinator == NULL || j->ending)
        give_up(jm, j);
    for (savepoint *s = j->savepoints, *next = NULL; s != NULL; s = next) {
        next = s->next;
        if (s->state == WRITING && atomic_load(&s->done))
            written(jm, j, s);
    }
}

int64_t
savepoints_deadline(const slu_jobmanager *jm, const job *j)
{
    for (const savepoint *s = j->savepoints; s != NULL; s = s->next)
        if (s->state == WRITING)
            return jm_now(jm) + LOOK_MS;
    return j->savepoints != NULL && j->coordinator == NULL ? 0 : INT64_MAX;
}

void
savepoints_free(job *j)
{
    while (j->savepoints != NULL) {
        savepoint *s = j->savepoints;
        atomic_store(&s->stop, true);
        if (s->state == WRITING)
            (void)pthread_join(s->thread, NULL);
        unlink_one(j, s);
    }
}
