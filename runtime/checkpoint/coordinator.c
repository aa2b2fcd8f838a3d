#include "coordinator.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

#define ACTIONS_MAX 64u
#define KEPT_MAX 1024u
#define RUNNING 1u
#define ENDED 2u
#define ACKED 4u

#define WAITING 0
#define PENDING 1
#define FINALIZING 2
#define RETRY_MS 500

struct slu_coordinator {
    slu_coordinator_spec spec;
    uint32_t phase;
    int64_t next_checkpoint;
    int64_t pending;
    bool pending_final;
    uint32_t pending_flags;
    int64_t triggered_ms;
    int64_t trigger_at_ms; /* of the next periodic one; INT64_MAX: none */
    int64_t last_end_ms;
    int64_t completed;
    int64_t now_ms;
    bool started;    /* the periodic clock runs */
    bool fresh_done; /* checkpoint 0 is whole, or there is none */
    bool finished;
    bool failed;
    uint32_t requested; /* a user's request waits */
    uint32_t requested_flags;
    uint32_t final_flags;
    uint32_t running, ended, acked;
    uint32_t failures; /* in a row */
    uint8_t *tasks;
    slu_ack *acks;
    char (*paths)[256];
    int64_t kept[KEPT_MAX];
    uint32_t kept_count;
    slu_action actions[ACTIONS_MAX];
    uint32_t action_first, action_count;
};

slu_status
slu_coordinator_new(const slu_coordinator_spec *spec, slu_coordinator **out, slu_error *err)
{
    SLU_AUTO(slu_coordinator_free) slu_coordinator *made = slu_alloc_zero(1, sizeof *made);
    if (made != NULL) {
        made->tasks = slu_alloc_zero(spec->task_count + 1u, 1);
        made->acks = slu_alloc_zero(spec->task_count + 1u, sizeof *made->acks);
        made->paths = slu_alloc_zero(spec->task_count + 1u, sizeof *made->paths);
    }
    if (made == NULL || made->tasks == NULL || made->acks == NULL || made->paths == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the checkpoints of %u tasks", spec->task_count);
    made->spec = *spec;
    made->spec.kept = NULL;
    made->spec.retained = spec->retained == 0 ? 1 : spec->retained;
    made->next_checkpoint = spec->fresh ? 0 : spec->next_checkpoint;
    made->pending = made->completed = -1;
    made->trigger_at_ms = INT64_MAX;
    made->fresh_done = !spec->fresh;
    for (uint32_t i = spec->kept_count > KEPT_MAX / 2 ? spec->kept_count - KEPT_MAX / 2 : 0; i < spec->kept_count; i++)
        made->kept[made->kept_count++] = made->completed = spec->kept[i];
    *out = slu_take(&made);
    return SLU_OK;
}

void
slu_coordinator_free(slu_coordinator **owned)
{
    slu_coordinator *coordinator = slu_take(owned);
    if (coordinator == NULL)
        return;
    slu_free(coordinator->tasks);
    slu_free(coordinator->acks);
    slu_free(coordinator->paths);
    slu_free(coordinator);
}

static slu_action *
act(slu_coordinator *c, uint32_t kind, int64_t checkpoint)
{
    SLU_ASSERT(c->action_count < ACTIONS_MAX);
    slu_action *action = &c->actions[(c->action_first + c->action_count++) % ACTIONS_MAX];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    action->checkpoint = checkpoint;
    return action;
}

static void
leave(slu_coordinator *c)
{
    c->phase = WAITING;
    c->pending = -1;
    c->last_end_ms = c->now_ms;
    if (c->spec.interval_ms > 0) {
        const int64_t periodic = c->triggered_ms + c->spec.interval_ms;
        const int64_t paused = c->now_ms + c->spec.min_pause_ms;
        c->trigger_at_ms = periodic > paused ? periodic : paused;
    }
}

/* The pending checkpoint will not be. Counts once per id. */
static void
abort_pending(slu_coordinator *c, uint32_t task, const char *reason)
{
    const bool must = !c->fresh_done; /* without checkpoint 0 the sources would wait for ever */
    slu_action *action = act(c, SLU_ACTION_ABORT, c->pending);
    (void)snprintf(action->reason, sizeof action->reason, "%s", reason);
    action->task = task;
    c->failures++;
    if (c->failures > c->spec.tolerated_failures || must) {
        slu_action *fail = act(c, SLU_ACTION_FAIL, c->pending);
        (void)snprintf(fail->reason, sizeof fail->reason, "checkpoint %lld: %s", (long long)c->pending, reason);
        fail->task = task;
        c->failed = true;
    }
    leave(c);
}

static void
trigger(slu_coordinator *c, uint32_t flags, int64_t wall_ms)
{
    c->pending = c->next_checkpoint++;
    c->pending_flags = flags;
    c->pending_final = c->ended == c->spec.task_count && c->fresh_done;
    c->phase = PENDING;
    c->triggered_ms = c->now_ms;
    c->trigger_at_ms = INT64_MAX;
    c->acked = 0;
    for (uint32_t i = 0; i < c->spec.task_count; i++)
        c->tasks[i] &= (uint8_t)~ACKED;
    slu_action *action = act(c, SLU_ACTION_TRIGGER, c->pending);
    action->flags = flags;
    action->wall_ms = wall_ms;
    action->final = c->pending_final;
}

void
slu_coordinator_running(slu_coordinator *c, uint32_t task)
{
    c->running += (c->tasks[task] & RUNNING) == 0;
    c->tasks[task] |= RUNNING;
}

void
slu_coordinator_ended(slu_coordinator *c, uint32_t task)
{
    c->ended += (c->tasks[task] & ENDED) == 0;
    c->tasks[task] |= ENDED;
}

slu_status
slu_coordinator_ack(slu_coordinator *c, const slu_ack *ack, slu_error *err)
{
    if (ack->task >= c->spec.task_count)
        return slu_error_set(err, SLU_INVALID, "an acknowledgement of task %u of %u", ack->task, c->spec.task_count);
    if (c->phase != PENDING || ack->checkpoint != c->pending || (c->tasks[ack->task] & ACKED) != 0)
        return SLU_OK;
    if (strlen(ack->path) >= sizeof c->paths[0])
        return slu_error_set(err, SLU_INVALID, "a state file's name of %zu bytes", strlen(ack->path));
    c->tasks[ack->task] |= ACKED;
    c->acks[ack->task] = *ack;
    (void)snprintf(c->paths[ack->task], sizeof c->paths[0], "%s", ack->path);
    c->acks[ack->task].path = c->paths[ack->task];
    if (++c->acked < c->spec.task_count)
        return SLU_OK;
    c->phase = FINALIZING;
    act(c, SLU_ACTION_FINALIZE, c->pending)->final = c->pending_final;
    return SLU_OK;
}

void
slu_coordinator_decline(slu_coordinator *c, uint32_t task, int64_t checkpoint, const char *reason)
{
    char text[256];
    if (c->phase != PENDING || checkpoint != c->pending)
        return;
    (void)snprintf(text, sizeof text, "declined by task %u: %.200s", task, reason);
    abort_pending(c, task, text);
}

void
slu_coordinator_request(slu_coordinator *c, uint32_t flags)
{
    c->requested = 1;
    c->requested_flags |= flags;
}

void
slu_coordinator_request_final(slu_coordinator *c, uint32_t flags)
{
    c->final_flags |= flags;
}

static void
complete(slu_coordinator *c)
{
    c->completed = c->pending;
    c->failures = 0;
    c->fresh_done = true;
    act(c, SLU_ACTION_COMPLETE, c->pending)->final = c->pending_final;
    if (c->kept_count < KEPT_MAX)
        c->kept[c->kept_count++] = c->pending;
    while (c->kept_count > c->spec.retained && c->action_count < ACTIONS_MAX - 4) {
        act(c, SLU_ACTION_DROP, c->kept[0]);
        memmove(c->kept, c->kept + 1, --c->kept_count * sizeof c->kept[0]);
    }
    if (c->pending_final) {
        act(c, SLU_ACTION_FINISHED, c->pending);
        c->finished = true;
    }
    leave(c);
}

void
slu_coordinator_finalized(slu_coordinator *c, int64_t checkpoint, const slu_error *failure)
{
    char text[256];
    if (c->phase != FINALIZING || checkpoint != c->pending)
        return;
    if (failure == NULL) {
        complete(c);
        return;
    }
    (void)snprintf(text, sizeof text, "not made whole: %.200s", failure->message);
    abort_pending(c, SLU_ACTION_NO_TASK, text);
}

/* Whoever has not acknowledged it is late; the first of them is named. */
static void
late(slu_coordinator *c)
{
    char text[128];
    uint32_t task = 0;
    while (task + 1 < c->spec.task_count && (c->tasks[task] & ACKED) != 0)
        task++;
    (void)snprintf(text, sizeof text, "it took longer than its timeout: late are %u of %u tasks, task %u the first of them",
                   c->spec.task_count - c->acked, c->spec.task_count, task);
    abort_pending(c, task, text);
}

/* One that nobody waits an interval for comes at once; behind one that failed a little later, or a full disk would be asked for ever. */
static int64_t
at_once_ms(const slu_coordinator *c)
{
    return c->failures == 0 ? 0 : c->last_end_ms + RETRY_MS;
}

void
slu_coordinator_step(slu_coordinator *c, int64_t now_ms, int64_t wall_ms)
{
    c->now_ms = now_ms;
    if (c->finished || c->failed)
        return;
    if (c->phase == PENDING && c->spec.timeout_ms > 0 && now_ms - c->triggered_ms >= c->spec.timeout_ms)
        late(c);
    if (c->failed || c->phase != WAITING || c->running < c->spec.task_count)
        return;
    if (!c->started) {
        c->started = true;
        c->trigger_at_ms = c->spec.interval_ms > 0 ? now_ms + c->spec.interval_ms : INT64_MAX;
    }
    const bool all_ended = c->ended == c->spec.task_count;
    if (!c->fresh_done) {
        trigger(c, 0, wall_ms);
    } else if (((all_ended || c->requested != 0) && now_ms >= at_once_ms(c)) || now_ms >= c->trigger_at_ms) {
        trigger(c, c->requested_flags | (all_ended ? c->final_flags : 0), wall_ms);
        c->requested = c->requested_flags = 0;
    }
}

slu_status
slu_coordinator_action(slu_coordinator *c, slu_action *out)
{
    if (c->action_count == 0)
        return SLU_AGAIN;
    *out = c->actions[c->action_first];
    c->action_first = (c->action_first + 1) % ACTIONS_MAX;
    c->action_count--;
    return SLU_OK;
}

int64_t
slu_coordinator_deadline(const slu_coordinator *c)
{
    if (c->finished || c->failed)
        return INT64_MAX;
    if (c->action_count > 0)
        return 0;
    if (c->phase == PENDING)
        return c->spec.timeout_ms > 0 ? c->triggered_ms + c->spec.timeout_ms : INT64_MAX;
    if (c->phase != WAITING || c->running < c->spec.task_count)
        return INT64_MAX;
    if (!c->started || !c->fresh_done)
        return 0;
    const bool at_once = c->requested != 0 || c->ended == c->spec.task_count;
    return at_once && at_once_ms(c) < c->trigger_at_ms ? at_once_ms(c) : c->trigger_at_ms;
}

const slu_ack *
slu_coordinator_acks(const slu_coordinator *c)
{
    return c->acks;
}

int64_t
slu_coordinator_completed(const slu_coordinator *c)
{
    return c->completed;
}
