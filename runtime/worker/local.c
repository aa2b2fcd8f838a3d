#include "local.h"

#include "base/alloc.h"
#include "base/file.h"
#include "plan/restart.h"
#include "restore/restore.h"

#include <inttypes.h>
#include <poll.h>

#define KEPT_MAX 1024u
#define JITTER_PERCENT 10

/*
 *   [starting] --attempt opened--> [running] --every task finished--> [over]
 *       ^                             |  a task, a checkpoint failed
 *       +------- delay passed --- [delayed]      (no restart left: [over])
 */
#define STARTING 0
#define RUNNING 1
#define DELAYED 2
#define OVER 3

struct slu_local {
    const slu_graph *graph;
    slu_registry *registry;
    const slu_env *env;
    const slu_stores *stores;
    slu_layout *layout;
    char job_id[33];
    char dir[SLU_PATH_BYTES_MAX];
    char restore_from[SLU_PATH_BYTES_MAX];
    bool non_restored;
    bool no_threads;
    int64_t memory_max;

    uint32_t phase;
    uint32_t attempt;
    uint64_t nonce;
    uint32_t restarts;
    slu_restart restart;        /* what the strategy goes by */
    int64_t began_ms;           /* of the present attempt */
    uint32_t running, finished; /* tasks of this attempt */
    bool ever_ran;
    int64_t restart_at_ms;
    slu_worker *worker;
    slu_coordinator *coordinator;
    slu_manifest *restore;
    slu_bell bell;
    _Atomic uint32_t cancelled;
    int64_t kept[KEPT_MAX];
    uint32_t kept_count;
    int64_t newest_stranger; /* -1: none */
    int64_t triggered_ms, triggered_wall_ms;
    slu_local_status status;
    slu_status result;
    slu_error error;
};

/* ---- Attempts */

/* Checkpoints that an earlier run left under our job id: with a restore our numbers go on after them; without, they are somebody's. */
static slu_status
look_for_strangers(slu_local *local, slu_error *err)
{
    slu_manifest *stranger = NULL;
    if (local->dir[0] == 0)
        return SLU_OK;
    slu_error none;
    const slu_status status = slu_manifest_load_latest(local->stores, local->dir, local->job_id, &stranger, &none);
    if (status == SLU_NOTFOUND)
        return SLU_OK;
    if (status != SLU_OK)
        return slu_error_set(err, status, "%s", none.message);
    local->newest_stranger = stranger->checkpoint;
    slu_manifest_free(&stranger);
    if (local->restore_from[0] != 0)
        return SLU_OK;
    return slu_error_set(err, SLU_CONFLICT,
                         "%s/%s holds checkpoints of an earlier run (the newest is %" PRId64
                         "): restore from one of them, or choose another job id",
                         local->dir, local->job_id, local->newest_stranger);
}

/* What this attempt starts from: the newest of our own checkpoints, else what the caller named, else nothing. */
static slu_status
find_restore(slu_local *local, slu_error *err)
{
    slu_manifest_free(&local->restore);
    if (local->attempt == 1)
        SLU_TRY(look_for_strangers(local, err));
    if (local->dir[0] != 0 && local->kept_count > 0) /* gone: an error, not a beginning from nothing */
        return slu_manifest_load_latest(local->stores, local->dir, local->job_id, &local->restore, err);
    if (local->restore_from[0] == 0)
        return SLU_OK;
    SLU_TRY(slu_manifest_load(local->stores, local->restore_from, &local->restore, err));
    return slu_error_in(err, slu_restore_check(local->restore, local->graph, local->non_restored, err), "restore from %s",
                        local->restore_from);
}

static slu_status
start_attempt(slu_local *local, slu_error *err)
{
    local->attempt++;
    local->began_ms = slu_now_ms(local->env);
    local->running = local->finished = 0;
    local->nonce = local->env->random(local->env);
    SLU_TRY(find_restore(local, err));
    const slu_checkpoint_settings *settings = &local->graph->checkpoint;
    const int64_t newest = local->kept_count > 0 ? local->kept[local->kept_count - 1] : local->newest_stranger;
    const int64_t restored = local->restore == NULL ? -1 : local->restore->checkpoint;
    const slu_coordinator_spec coordinator = {.task_count = local->layout->task_count,
                                              .interval_ms = settings->interval_ms,
                                              .timeout_ms = settings->timeout_ms,
                                              .min_pause_ms = settings->min_pause_ms,
                                              .tolerated_failures = settings->tolerated_failures,
                                              .retained = settings->retained,
                                              .next_checkpoint = (restored > newest ? restored : newest) + 1,
                                              .fresh = local->restore == NULL,
                                              .kept = local->kept,
                                              .kept_count = local->kept_count};
    SLU_TRY(slu_coordinator_new(&coordinator, &local->coordinator, err));
    const slu_worker_spec worker = {.env = local->env,
                                    .layout = local->layout,
                                    .registry = local->registry,
                                    .job_id = local->job_id,
                                    .attempt = local->attempt,
                                    .stores = local->stores,
                                    .checkpoint_dir = local->dir,
                                    .restore = local->restore,
                                    .hold_sources = local->restore == NULL,
                                    .threads = !local->no_threads,
                                    .memory_max = local->memory_max,
                                    .event_bell = &local->bell};
    SLU_TRY(slu_worker_open(&worker, &local->worker, err));
    local->phase = RUNNING;
    slu_log_info(local->env, "ATTEMPT", "job %s: attempt %u of %s%s", local->job_id, local->attempt, local->graph->name,
                 local->restore == NULL ? "" : ", restored");
    return SLU_OK;
}

static void
end_attempt(slu_local *local)
{
    if (local->worker != NULL) {
        int64_t emitted = 0, written = 0;
        slu_worker_rows(local->worker, &emitted, &written);
        local->status.rows_out += emitted;
        local->status.rows_in += written;
    }
    slu_worker_close(&local->worker);
    slu_coordinator_free(&local->coordinator);
}

static void
finish(slu_local *local, slu_status result)
{
    end_attempt(local);
    local->phase = OVER;
    local->result = result;
}

/* The graph's restart strategy. A job that never ran fails at once: a wrong option does not get better by waiting. */
static void
fail(slu_local *local, const slu_error *error)
{
    char why[128];
    local->error = *error;
    const slu_restart_failure failure = {.now_ms = slu_now_ms(local->env),
                                         .ran_ms = slu_now_ms(local->env) - local->began_ms,
                                         .position = local->status.completed_checkpoint,
                                         .status = error->status,
                                         .text = error->message};
    why[0] = 0;
    const bool again =
        local->ever_ran && !error->fatal && slu_restart_next(&local->restart, &local->graph->restart, &failure, why, sizeof why);
    if (!again) {
        if (why[0] != 0)
            (void)slu_error_in(&local->error, local->error.status, "%s", why);
        finish(local, local->error.status < 0 ? local->error.status : SLU_IO);
        return;
    }
    end_attempt(local);
    local->restarts++;
    local->restart_at_ms = slu_now_ms(local->env) + local->restart.delay_ms;
    local->phase = DELAYED;
    slu_log_warn(local->env, "RESTART", "job %s: %s; again in %" PRId64 " ms", local->job_id, error->message,
                 local->restart.delay_ms);
}

/* ---- Checkpoints */

static slu_status
fill_files(slu_local *local, slu_manifest *manifest, slu_error *err)
{
    const slu_layout *layout = local->layout;
    const slu_ack *acks = slu_coordinator_acks(local->coordinator);
    manifest->file_count = layout->task_count;
    manifest->files = slu_arena_array(&manifest->arena, layout->task_count, sizeof *manifest->files);
    for (uint32_t i = 0; manifest->files != NULL && i < layout->task_count; i++) {
        const slu_vertex *vertex = &layout->vertices[layout->tasks[i].vertex];
        const char **operators = slu_arena_array(&manifest->arena, vertex->operator_count, sizeof *operators);
        for (uint32_t o = 0; operators != NULL && o < vertex->operator_count; o++)
            operators[o] = local->graph->operators[vertex->operators[o]].id;
        manifest->files[i] = (slu_manifest_file){.task = i,
                                                 .subtask = layout->tasks[i].subtask,
                                                 .parallelism = vertex->parallelism,
                                                 .vertex = vertex->name,
                                                 .path = acks[i].path,
                                                 .bytes = acks[i].bytes,
                                                 .crc32c = acks[i].crc32c,
                                                 .operator_count = vertex->operator_count,
                                                 .operators = operators};
    }
    return slu_arena_status(&manifest->arena, err);
}

static slu_status
write_manifest(slu_local *local, const slu_action *action, slu_error *err)
{
    slu_manifest manifest = {.version = SLU_MANIFEST_VERSION,
                             .job_id = local->job_id,
                             .job_name = local->graph->name,
                             .checkpoint = action->checkpoint,
                             .attempt = local->attempt,
                             .attempt_nonce = local->nonce,
                             .wall_ms = local->triggered_wall_ms,
                             .duration_ms = slu_now_ms(local->env) - local->triggered_ms,
                             .final = action->final,
                             .max_parallelism = local->graph->max_parallelism,
                             .layout_version = local->layout->version};
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_checkpoint_path(&path, local->dir, local->job_id, action->checkpoint);
    slu_arena_init(&manifest.arena, (size_t)16 << 20);
    slu_status status = slu_buf_status(&path, err);
    if (status == SLU_OK)
        status = fill_files(local, &manifest, err);
    if (status == SLU_OK)
        status = slu_manifest_create(local->stores, &manifest, slu_buf_cstr(&path), true, err);
    slu_arena_fini(&manifest.arena);
    return status;
}

/* False: another attempt made this checkpoint whole. We are the zombie, and stop for good. */
static bool
finalize(slu_local *local, const slu_action *action)
{
    slu_error err = {0};
    const slu_status status = local->dir[0] == 0 ? SLU_OK : write_manifest(local, action, &err);
    if (status == SLU_CONFLICT) {
        err.fatal = 1;
        fail(local, &err);
        return false;
    }
    slu_coordinator_finalized(local->coordinator, action->checkpoint, status == SLU_OK ? NULL : &err);
    return true;
}

static void
command(slu_local *local, uint32_t kind, const slu_action *action)
{
    slu_error err = {0};
    const slu_worker_command all = {
        .kind = kind, .flags = action->flags, .checkpoint = action->checkpoint, .wall_ms = action->wall_ms, .final = action->final};
    if (slu_worker_command_all(local->worker, &all, &err) != SLU_OK)
        slu_log_warn(local->env, "COMMAND", "job %s: %s", local->job_id, err.message);
}

static void
drop(slu_local *local, int64_t checkpoint)
{
    slu_error err = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < local->kept_count; i++)
        if (local->kept[i] != checkpoint)
            local->kept[n++] = local->kept[i];
    local->kept_count = n;
    if (local->dir[0] != 0 && slu_checkpoint_remove(local->stores, local->dir, local->job_id, checkpoint, &err) != SLU_OK)
        slu_log_warn(local->env, "CHECKPOINT-DROP", "job %s: %s", local->job_id, err.message);
}

static void
completed(slu_local *local, const slu_action *action)
{
    local->status.completed_checkpoint = action->checkpoint;
    if (local->kept_count < KEPT_MAX)
        local->kept[local->kept_count++] = action->checkpoint;
    command(local, SLU_WORKER_COMPLETE, action);
}

/* False: the attempt is over. */
static bool
do_action(slu_local *local, const slu_action *action)
{
    slu_error err = {0};
    switch (action->kind) {
    case SLU_ACTION_TRIGGER:
        local->triggered_ms = slu_now_ms(local->env);
        local->triggered_wall_ms = action->wall_ms;
        command(local, SLU_WORKER_TRIGGER, action);
        return true;
    case SLU_ACTION_FINALIZE: return finalize(local, action);
    case SLU_ACTION_COMPLETE: completed(local, action); return true;
    case SLU_ACTION_ABORT:
        local->status.failed_checkpoints++;
        slu_log_warn(local->env, "CHECKPOINT-ABORT", "job %s: checkpoint %" PRId64 ": %s", local->job_id, action->checkpoint,
                     action->reason);
        command(local, SLU_WORKER_ABORT, action);
        return true;
    case SLU_ACTION_DROP: drop(local, action->checkpoint); return true;
    case SLU_ACTION_FAIL:
        (void)slu_error_set(&err, SLU_IO, "%s", action->reason);
        fail(local, &err);
        return false;
    default: return true;
    }
}

/* False: the attempt is over. */
static bool
do_event(slu_local *local, const slu_worker_event *event)
{
    slu_error err = {0};
    switch (event->kind) {
    case SLU_WORKER_RUNNING:
        slu_coordinator_running(local->coordinator, event->task);
        local->ever_ran = ++local->running == local->layout->task_count || local->ever_ran;
        return true;
    case SLU_WORKER_ACK:
        if (slu_coordinator_ack(local->coordinator, &event->ack, &err) != SLU_OK)
            slu_coordinator_decline(local->coordinator, event->task, event->checkpoint, err.message);
        return true;
    case SLU_WORKER_DECLINED:
        slu_coordinator_decline(local->coordinator, event->task, event->checkpoint, event->error.message);
        return true;
    case SLU_WORKER_ENDED: slu_coordinator_ended(local->coordinator, event->task); return true;
    case SLU_WORKER_FINISHED:
        if (++local->finished < local->layout->task_count)
            return true;
        local->status.finished = true;
        finish(local, SLU_OK);
        return false;
    default: fail(local, &event->error); return false;
    }
}

static bool
drain(slu_local *local, bool *did)
{
    slu_worker_event event;
    slu_action action;
    while (slu_worker_event_next(local->worker, &event) == SLU_OK) {
        *did = true;
        if (!do_event(local, &event))
            return false;
    }
    slu_coordinator_step(local->coordinator, slu_now_ms(local->env), slu_wall_ms(local->env));
    while (slu_coordinator_action(local->coordinator, &action) == SLU_OK) {
        *did = true;
        if (!do_action(local, &action))
            return false;
    }
    return true;
}

/* ---- The contract */

static slu_status
step_running(slu_local *local, int64_t *deadline)
{
    bool did = false;
    int64_t worker_deadline = INT64_MAX;
    if (local->no_threads)
        did = slu_worker_step(local->worker, &worker_deadline) == SLU_MORE;
    if (!drain(local, &did))
        return SLU_MORE;
    const int64_t coordinator_deadline = slu_coordinator_deadline(local->coordinator);
    *deadline = worker_deadline < coordinator_deadline ? worker_deadline : coordinator_deadline;
    return did ? SLU_MORE : SLU_AGAIN;
}

slu_status
slu_local_step(slu_local *local, int64_t *deadline, slu_error *err)
{
    slu_error failed = {0};
    *deadline = INT64_MAX;
    if (local->phase != OVER && atomic_load(&local->cancelled) != 0) {
        local->status.cancelled = true;
        (void)slu_error_set(&local->error, SLU_CLOSED, "cancelled");
        finish(local, SLU_CLOSED);
    }
    switch (local->phase) {
    case DELAYED:
        *deadline = local->restart_at_ms;
        if (slu_now_ms(local->env) < local->restart_at_ms)
            return SLU_AGAIN;
        local->phase = STARTING;
        return SLU_MORE;
    case STARTING:
        if (start_attempt(local, &failed) != SLU_OK)
            fail(local, &failed);
        return SLU_MORE;
    case RUNNING: return step_running(local, deadline);
    default: break;
    }
    if (local->result == SLU_OK)
        return SLU_END;
    if (err != NULL)
        *err = local->error;
    return local->result;
}

void
slu_local_wait(slu_local *local, int64_t deadline)
{
    const int64_t now = slu_now_ms(local->env);
    int64_t wait = deadline == INT64_MAX ? 60000 : deadline - now;
    wait = wait < 0 ? 0 : wait > 60000 ? 60000 : wait;
    if (local->no_threads && local->worker != NULL) {
        slu_worker_wait(local->worker, wait);
        return;
    }
    slu_bell_arm(&local->bell);
    if (local->worker == NULL || !slu_worker_has_event(local->worker))
        (void)poll(&(struct pollfd){.fd = local->bell.fd, .events = POLLIN}, 1, (int)wait);
    slu_bell_disarm(&local->bell);
}

static void
random_job_id(slu_local *local)
{
    const uint64_t high = local->env->random(local->env);
    const uint64_t low = local->env->random(local->env);
    (void)snprintf(local->job_id, sizeof local->job_id, "%016" PRIx64 "%016" PRIx64, high, low);
}

static slu_status
copy_path(char *to, const char *path, slu_error *err)
{
    if (strlen(path) >= SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a path of %zu bytes", strlen(path));
    memcpy(to, path, strlen(path) + 1);
    return SLU_OK;
}

slu_status
slu_local_open(const slu_graph *graph, slu_registry *registry, const slu_env *env, const slu_local_options *options,
               slu_local **out, slu_error *err)
{
    static const slu_local_options none;
    const slu_local_options *use = options == NULL ? &none : options;
    SLU_AUTO(slu_local_close) slu_local *local = slu_alloc_zero(1, sizeof *local);
    if (local == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a job");
    local->bell.fd = -1;
    local->graph = graph;
    local->registry = registry;
    local->env = env;
    local->stores = use->stores;
    local->no_threads = use->no_threads;
    local->memory_max = use->memory_max;
    local->status.completed_checkpoint = local->newest_stranger = -1;
    random_job_id(local);
    if (use->job_id != NULL && strlen(use->job_id) != 32)
        return slu_error_set(err, SLU_INVALID, "a job id has 32 hex digits, not \"%s\"", use->job_id);
    if (use->job_id != NULL)
        memcpy(local->job_id, use->job_id, 33);
    const char *dir = use->checkpoint_dir != NULL     ? use->checkpoint_dir
                      : graph->checkpoint.dir == NULL ? ""
                                                      : graph->checkpoint.dir;
    SLU_TRY(copy_path(local->dir, dir, err));
    local->non_restored = use->non_restored;
    SLU_TRY(copy_path(local->restore_from, use->restore_from == NULL ? "" : use->restore_from, err));
    SLU_TRY(slu_bell_init(&local->bell, true, err));
    SLU_TRY(slu_layout_new(graph, &local->layout, err));
    *out = slu_take(&local);
    return SLU_OK;
}

void
slu_local_close(slu_local **owned)
{
    slu_local *local = slu_take(owned);
    if (local == NULL)
        return;
    end_attempt(local);
    slu_manifest_free(&local->restore);
    slu_layout_free(&local->layout);
    slu_bell_fini(&local->bell);
    slu_free(local);
}

slu_status
slu_local_run(const slu_graph *graph, slu_registry *registry, const slu_env *env, const slu_local_options *options,
              slu_local_status *status, slu_error *err)
{
    SLU_AUTO(slu_local_close) slu_local *local = NULL;
    SLU_TRY(slu_local_open(graph, registry, env, options, &local, err));
    slu_status result = SLU_MORE;
    while (result == SLU_MORE || result == SLU_AGAIN) {
        int64_t deadline;
        result = slu_local_step(local, &deadline, err);
        if (result == SLU_AGAIN)
            slu_local_wait(local, deadline);
    }
    if (status != NULL)
        slu_local_get_status(local, status);
    return result == SLU_END ? SLU_OK : result;
}

void
slu_local_cancel(slu_local *local)
{
    atomic_store(&local->cancelled, 1);
    slu_bell_ring_always(&local->bell);
}

void
slu_local_get_status(const slu_local *local, slu_local_status *out)
{
    *out = local->status;
    out->attempt = local->attempt;
    out->restarts = local->restarts;
    if (local->worker != NULL) {
        int64_t emitted = 0, written = 0;
        slu_worker_rows(local->worker, &emitted, &written);
        out->rows_out += emitted;
        out->rows_in += written;
    }
}
