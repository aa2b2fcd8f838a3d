/* checkpoints.c: what the coordinator of an attempt decides, done: triggers, manifests, completions, aborts, removals. */
#include "jobmanager/internal.h"

#include <inttypes.h>

static void
directory_of(const slu_jobmanager *jm, const job *j, int64_t checkpoint, char out[SLU_PATH_BYTES_MAX])
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_checkpoint_path(&path, attempt_checkpoint_dir(jm, j), j->id, checkpoint);
    (void)snprintf(out, SLU_PATH_BYTES_MAX, "%s", slu_buf_cstr(&path));
}

static void
checkpoint_note(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *state, int64_t bytes, const char *text)
{
    slu_error err = {0};
    char path[SLU_PATH_BYTES_MAX];
    directory_of(jm, j, checkpoint, path);
    const slu_checkpoint_record record = {.checkpoint = checkpoint,
                                          .state = state,
                                          .path = path,
                                          .text = text,
                                          .trigger_ms = j->trigger_wall_ms,
                                          .duration_ms = jm_now(jm) - j->trigger_ms,
                                          .bytes = bytes,
                                          .tasks = j->layout->task_count};
    if (slu_jobstore_put_checkpoint(jm->spec.store, j->id, &record, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    if (strcmp(state, "COMPLETED") == 0)
        (void)snprintf(j->path, sizeof j->path, "%s", path);
}

/* What one task's file holds, for the manifest. */
static slu_status
manifest_file(const job *j, slu_manifest *manifest, const slu_ack *ack, slu_error *err)
{
    slu_manifest_file *file = &manifest->files[ack->task];
    const slu_task *task = &j->layout->tasks[ack->task];
    const slu_vertex *vertex = &j->layout->vertices[task->vertex];
    const char **operators = slu_arena_array(&manifest->arena, vertex->operator_count, sizeof *operators);
    *file = (slu_manifest_file){.task = ack->task,
                                .subtask = task->subtask,
                                .parallelism = vertex->parallelism,
                                .vertex = vertex->name,
                                .path = slu_arena_strdup(&manifest->arena, ack->path),
                                .bytes = ack->bytes,
                                .crc32c = ack->crc32c,
                                .operator_count = vertex->operator_count,
                                .operators = operators};
    for (uint32_t i = 0; operators != NULL && i < vertex->operator_count; i++)
        operators[i] = j->graph->operators[vertex->operators[i]].id;
    return slu_arena_status(&manifest->arena, err);
}

static slu_status
manifest_fill(slu_jobmanager *jm, const job *j, const slu_action *action, slu_manifest *manifest, int64_t *bytes, slu_error *err)
{
    const slu_ack *acks = slu_coordinator_acks(j->coordinator);
    manifest->version = SLU_MANIFEST_VERSION;
    manifest->job_id = j->id;
    manifest->job_name = j->name;
    manifest->checkpoint = action->checkpoint;
    manifest->attempt = (uint32_t)j->attempt;
    manifest->attempt_nonce = j->attempt_id;
    manifest->wall_ms = j->trigger_wall_ms;
    manifest->duration_ms = jm_now(jm) - j->trigger_ms;
    manifest->final = action->final;
    manifest->max_parallelism = j->graph->max_parallelism;
    manifest->layout_version = j->layout->version;
    manifest->file_count = j->layout->task_count;
    manifest->files = slu_arena_array(&manifest->arena, j->layout->task_count, sizeof *manifest->files);
    SLU_TRY(slu_arena_status(&manifest->arena, err));
    for (uint32_t t = 0; t < j->layout->task_count; t++) {
        SLU_TRY(manifest_file(j, manifest, &acks[t], err));
        *bytes += acks[t].bytes;
    }
    return SLU_OK;
}

static void
finalize_run(errand *e)
{
    if (e->status == SLU_OK)
        e->status = slu_place_make_dir(e->stores, e->place, &e->error);
    if (e->status == SLU_OK)
        e->status = slu_manifest_put(e->stores, slu_buf_view(&e->data), e->checkpoint, e->place, true, &e->error);
}

static void
finalize_done(slu_jobmanager *jm, job *j, errand *e)
{
    const bool whole = e->status == SLU_OK;
    const bool present = !j->ending && j->coordinator != NULL && j->attempt_id == e->attempt_id;
    if (e->status == SLU_CONFLICT && present) /* we are the zombie */
        job_fail(jm, j, true, "checkpoint %" PRId64 " was made whole by another job manager: %s", e->checkpoint, e->error.message);
    checkpoint_note(jm, j, e->checkpoint, whole ? "COMPLETED" : "FAILED", e->bytes, whole ? "" : e->error.message);
    if (!present || j->coordinator == NULL)
        return;
    if (whole)
        savepoints_whole(jm, j, e->checkpoint, e->place, e->bytes);
    if (whole)
        rules_whole(jm, j, e->checkpoint);
    if (e->final || !savepoints_stop_writes(j, e->checkpoint)) /* else it is said when the savepoint is there, or is not */
        slu_coordinator_finalized(j->coordinator, e->checkpoint, whole ? NULL : &e->error);
}

/* Rule of the coordinator: the manifest, made last and exclusively, makes a checkpoint whole. */
static void
finalize(slu_jobmanager *jm, job *j, const slu_action *action)
{
    slu_manifest manifest = {0};
    errand *e = errand_new(jm, j, finalize_run, finalize_done);
    if (e == NULL) {
        const slu_error none = {.status = SLU_NOMEM, .message = "no memory for its manifest"};
        slu_coordinator_finalized(j->coordinator, action->checkpoint, &none);
        return;
    }
    e->checkpoint = action->checkpoint;
    e->final = action->final;
    directory_of(jm, j, action->checkpoint, e->place);
    slu_arena_init(&manifest.arena, SLU_MANIFEST_BYTES_MAX);
    slu_buf_init(&e->data, SLU_MANIFEST_BYTES_MAX);
    e->status = manifest_fill(jm, j, action, &manifest, &e->bytes, &e->error);
    if (e->status == SLU_OK)
        e->status = slu_manifest_encode(&manifest, &e->data, &e->error);
    slu_arena_fini(&manifest.arena);
    errand_do(jm, j, e);
}

static void
trigger(slu_jobmanager *jm, job *j, const slu_action *action)
{
    j->trigger_wall_ms = action->wall_ms;
    j->trigger_ms = jm_now(jm);
    if ((action->flags & SLU_BARRIER_STOP) != 0) {
        j->stop_after = action->checkpoint;
        job_store(jm, j);
    }
    savepoints_triggered(j, action);
    rules_triggered(j, action);
    checkpoint_note(jm, j, action->checkpoint, "IN_PROGRESS", 0, "");
    attempt_tell(
        jm, j,
        (slu_message){
            .kind = SLU_MESSAGE_TRIGGER, .checkpoint = action->checkpoint, .start_ms = action->wall_ms, .flags = action->flags});
}

/* ---- Removals: what cannot be removed is kept, and told */

static void
removal_done(slu_jobmanager *jm, job *j, errand *e)
{
    slu_error err = {0};
    if (e->status != SLU_OK)
        slu_log_warn(jm->spec.env, "CHECKPOINT-KEPT", "job %s: %s", j->name, e->error.message);
    if (e->status != SLU_OK && e->checkpoint < 0)
        j->sweep = true; /* behind the next whole one */
    if (e->checkpoint >= 0 && slu_jobstore_drop_checkpoint(jm->spec.store, j->id, e->checkpoint, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
}

/* `dropped`: the checkpoint that the store of jobs forgets; -1: none. */
static void
removal(slu_jobmanager *jm, job *j, errand_run *run, int64_t below, int64_t dropped)
{
    errand *e = errand_new(jm, j, run, removal_done);
    if (e == NULL)
        return;
    e->background = true;
    e->bytes = below;
    e->checkpoint = dropped;
    errand_do(jm, j, e);
}

static void
sweep_run(errand *e)
{
    e->status = slu_checkpoint_sweep(e->stores, e->dir, e->job_id, e->bytes, &e->error);
}

/* Every task is beyond the aborted ones when a later one is whole: nobody writes there any more. */
static void
sweep(slu_jobmanager *jm, job *j, int64_t below)
{
    if (j->sweep)
        removal(jm, j, sweep_run, below, -1);
    j->sweep = false;
}

/* The last checkpoint of a job that is being stopped is final: its tasks finish when they have committed. */
static void
complete(slu_jobmanager *jm, job *j, const slu_action *action)
{
    const bool final = action->final || (j->stopping && j->stop_after == action->checkpoint);
    j->completed = action->checkpoint;
    j->completed_final = final;
    j->ended = action->final;
    j->completed_here = true;
    j->completed_count++;
    sweep(jm, j, action->checkpoint);
    if (!final && rescale_cut(jm, j, action->checkpoint))
        return;
    attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_COMPLETE, .checkpoint = action->checkpoint, .flags = final});
}

/* The newest comes first. */
static slu_status
path_take(void *context, const slu_checkpoint_record *record, slu_error *err)
{
    job *j = context;
    if (j->path[0] == 0 && strcmp(record->state, "COMPLETED") == 0 && !record->dropped)
        (void)snprintf(j->path, sizeof j->path, "%s", record->path);
    return SLU_OK;
}

slu_status
attempt_path_load(slu_jobmanager *jm, job *j, slu_error *err)
{
    return slu_jobstore_checkpoints(jm->spec.store, j->id, SLU_JOBSTORE_HISTORY, path_take, j, err);
}

static void
forget_run(errand *e)
{
    char path[SLU_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%.4000s/%s", e->dir, e->job_id);
    e->status = slu_place_remove_dir(e->stores, path, &e->error);
}

/* The record goes first: the next job manager finds the files gone, wholly or in part, and must know why (restore_check). */
void
attempt_forget_checkpoints(slu_jobmanager *jm, job *j)
{
    slu_error err = {0};
    if (j->completed >= 0 && slu_jobstore_forget_checkpoints(jm->spec.store, j->id, j->completed, &err) != SLU_OK) {
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
        return;
    }
    removal(jm, j, forget_run, -1, -1);
    j->path[0] = 0;
}

static void
drop_run(errand *e)
{
    e->status = slu_checkpoint_remove(e->stores, e->dir, e->job_id, e->checkpoint, &e->error);
}

void
attempt_drop(slu_jobmanager *jm, job *j, int64_t checkpoint)
{
    if (!savepoints_hold(j, checkpoint))
        removal(jm, j, drop_run, -1, checkpoint);
}

/* The reason, with the name of the task in it. */
static void
reason_text(const job *j, const slu_action *action, char *out, size_t bytes)
{
    if (action->task >= j->layout->task_count) {
        (void)snprintf(out, bytes, "%s", action->reason);
        return;
    }
    const slu_task *task = &j->layout->tasks[action->task];
    (void)snprintf(out, bytes, "%s (%s[%" PRIu32 "])", action->reason, j->layout->vertices[task->vertex].name, task->subtask);
}

/* A stop that came to nothing is tried again; one that was to leave a savepoint is given up. */
static void
abort_checkpoint(slu_jobmanager *jm, job *j, const slu_action *action)
{
    char reason[512];
    reason_text(j, action, reason, sizeof reason);
    checkpoint_note(jm, j, action->checkpoint, "FAILED", 0, reason);
    slu_log_warn(jm->spec.env, "CHECKPOINT-FAILED", "job %s checkpoint %" PRId64 ": %s", j->name, action->checkpoint, reason);
    attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_ABORT, .checkpoint = action->checkpoint});
    j->sweep = true;
    savepoints_aborted(jm, j, action->checkpoint, reason);
    rules_aborted(jm, j, action->checkpoint, reason);
    if (j->stop_after != action->checkpoint)
        return;
    j->stop_after = -1;
    rescale_failed(jm, j, reason);
    if (j->stopping)
        slu_coordinator_request(j->coordinator, SLU_BARRIER_STOP);
}

static void
act(slu_jobmanager *jm, job *j, const slu_action *action)
{
    char reason[512];
    switch (action->kind) {
    case SLU_ACTION_TRIGGER: trigger(jm, j, action); break;
    case SLU_ACTION_FINALIZE: finalize(jm, j, action); break;
    case SLU_ACTION_COMPLETE: complete(jm, j, action); break;
    case SLU_ACTION_ABORT: abort_checkpoint(jm, j, action); break;
    case SLU_ACTION_DROP: attempt_drop(jm, j, action->checkpoint); break;
    case SLU_ACTION_FAIL:
        reason_text(j, action, reason, sizeof reason);
        job_fail(jm, j, false, "checkpoint %" PRId64 ": %s", action->checkpoint, reason);
        break;
    default: break; /* FINISHED: the tasks say so themselves, once they have committed */
    }
}

void
attempt_drain(slu_jobmanager *jm, job *j)
{
    slu_action action;
    while (!j->ending && j->coordinator != NULL && slu_coordinator_action(j->coordinator, &action) == SLU_OK)
        act(jm, j, &action);
}
