/* checkpoints.c: what the coordinator of an attempt decides, done: triggers, manifests, completions, aborts, removals. */
#include "jobmanager/internal.h"

#include <inttypes.h>

static void
checkpoint_note(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *state, int64_t bytes, const char *text)
{
    slu_error err = {0};
    slu_buf path;
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_checkpoint_path(&path, attempt_checkpoint_dir(jm, j), j->id, checkpoint);
    const slu_checkpoint_record record = {.checkpoint = checkpoint,
                                          .state = state,
                                          .path = slu_buf_cstr(&path),
                                          .text = text,
                                          .trigger_ms = j->trigger_wall_ms,
                                          .duration_ms = jm_now(jm) - j->trigger_ms,
                                          .bytes = bytes,
                                          .tasks = j->layout->task_count};
    if (slu_jobstore_put_checkpoint(jm->spec.store, j->id, &record, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    if (strcmp(state, "COMPLETED") == 0)
        (void)snprintf(j->path, sizeof j->path, "%s", slu_buf_cstr(&path));
    slu_buf_fini(&path);
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

/* Rule of the coordinator: the manifest, made last and exclusively, makes a checkpoint whole. */
static void
finalize(slu_jobmanager *jm, job *j, const slu_action *action)
{
    slu_error err = {0};
    slu_manifest manifest = {0};
    slu_buf directory;
    int64_t bytes = 0;
    slu_buf_init(&directory, SLU_PATH_BYTES_MAX);
    slu_arena_init(&manifest.arena, SLU_MANIFEST_BYTES_MAX);
    slu_checkpoint_path(&directory, attempt_checkpoint_dir(jm, j), j->id, action->checkpoint);
    slu_status status = slu_place_make_dir(jm->spec.stores, slu_buf_cstr(&directory), &err);
    if (status == SLU_OK)
        status = manifest_fill(jm, j, action, &manifest, &bytes, &err);
    if (status == SLU_OK)
        status = slu_manifest_create(jm->spec.stores, &manifest, slu_buf_cstr(&directory), true, &err);
    if (status == SLU_CONFLICT) /* we are the zombie */
        job_fail(jm, j, true, "checkpoint %" PRId64 " was made whole by another job manager: %s", action->checkpoint, err.message);
    checkpoint_note(jm, j, action->checkpoint, status == SLU_OK ? "COMPLETED" : "FAILED", bytes,
                    status == SLU_OK ? "" : err.message);
    if (status == SLU_OK)
        savepoints_whole(jm, j, action->checkpoint, slu_buf_cstr(&directory), bytes);
    if (action->final ||
        !savepoints_stop_writes(j, action->checkpoint)) /* else it is said when the savepoint is there, or is not */
        slu_coordinator_finalized(j->coordinator, action->checkpoint, status == SLU_OK ? NULL : &err);
    slu_arena_fini(&manifest.arena);
    slu_buf_fini(&directory);
}

static void
trigger(slu_jobmanager *jm, job *j, const slu_action *action)
{
    j->trigger_wall_ms = action->wall_ms;
    j->trigger_ms = jm_now(jm);
    if ((action->flags & SLU_BARRIER_STOP) != 0)
        j->stop_after = action->checkpoint;
    savepoints_triggered(j, action);
    checkpoint_note(jm, j, action->checkpoint, "IN_PROGRESS", 0, "");
    attempt_tell(
        jm, j,
        (slu_message){
            .kind = SLU_MESSAGE_TRIGGER, .checkpoint = action->checkpoint, .start_ms = action->wall_ms, .flags = action->flags});
}

/* Every task is beyond the aborted ones when a later one is whole: nobody writes there any more. */
static void
sweep(slu_jobmanager *jm, job *j, int64_t below)
{
    slu_error err = {0};
    if (j->sweep && slu_checkpoint_sweep(jm->spec.stores, attempt_checkpoint_dir(jm, j), j->id, below, &err) != SLU_OK)
        slu_log_warn(jm->spec.env, "CHECKPOINT-KEPT", "job %s: %s", j->name, err.message);
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

void
attempt_forget_checkpoints(slu_jobmanager *jm, job *j)
{
    slu_error err = {0};
    char path[SLU_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%.4000s/%s", attempt_checkpoint_dir(jm, j), j->id);
    if (slu_place_remove_dir(jm->spec.stores, path, &err) != SLU_OK)
        slu_log_warn(jm->spec.env, "CHECKPOINT-KEPT", "job %s: %s", j->name, err.message);
    else if (j->completed >= 0 && slu_jobstore_drop_checkpoint(jm->spec.store, j->id, j->completed, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    j->path[0] = 0;
}

void
attempt_drop(slu_jobmanager *jm, job *j, int64_t checkpoint)
{
    slu_error err = {0};
    if (savepoints_hold(j, checkpoint))
        return;
    if (slu_checkpoint_remove(jm->spec.stores, attempt_checkpoint_dir(jm, j), j->id, checkpoint, &err) != SLU_OK)
        slu_log_warn(jm->spec.env, "CHECKPOINT-KEPT", "job %s: %s", j->name, err.message);
    if (slu_jobstore_drop_checkpoint(jm->spec.store, j->id, checkpoint, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
}

/* A stop that came to nothing is tried again; one that was to leave a savepoint is given up. */
static void
abort_checkpoint(slu_jobmanager *jm, job *j, const slu_action *action)
{
    checkpoint_note(jm, j, action->checkpoint, "FAILED", 0, action->reason);
    attempt_tell(jm, j, (slu_message){.kind = SLU_MESSAGE_ABORT, .checkpoint = action->checkpoint});
    j->sweep = true;
    savepoints_aborted(jm, j, action->checkpoint, action->reason);
    if (j->stop_after != action->checkpoint)
        return;
    j->stop_after = -1;
    rescale_failed(jm, j, action->reason);
    if (j->stopping)
        slu_coordinator_request(j->coordinator, SLU_BARRIER_STOP);
}

static void
act(slu_jobmanager *jm, job *j, const slu_action *action)
{
    switch (action->kind) {
    case SLU_ACTION_TRIGGER: trigger(jm, j, action); break;
    case SLU_ACTION_FINALIZE: finalize(jm, j, action); break;
    case SLU_ACTION_COMPLETE: complete(jm, j, action); break;
    case SLU_ACTION_ABORT: abort_checkpoint(jm, j, action); break;
    case SLU_ACTION_DROP: attempt_drop(jm, j, action->checkpoint); break;
    case SLU_ACTION_FAIL: job_fail(jm, j, false, "checkpoint %" PRId64 ": %s", action->checkpoint, action->reason); break;
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
