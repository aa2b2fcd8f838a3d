/* task_checkpoint.c: what a task is told, and how a checkpoint passes through it. */
#include "task_internal.h"

#include "base/alloc.h"
#include "base/crash.h"

#include <inttypes.h>

/* ---- Snapshot files */

slu_status
task_snapshot_begin(void *owner, int64_t checkpoint, slu_snapshot_writer **writer, slu_error *err)
{
    slu_task_loop *task = owner;
    if (task->checkpoint != checkpoint) {
        slu_snapshot_writer_free(&task->writer);
        task->checkpoint = checkpoint;
        task->nodes_done = 0;
        task->abandoned = false;
        task->sync_began_ms = task_now(task);
        SLU_TRY(slu_snapshot_writer_new(&task->writer, err));
    }
    *writer = task->abandoned ? NULL : task->writer;
    return SLU_OK;
}

static void
acknowledge(slu_task_loop *task)
{
    slu_worker_event event = {.kind = SLU_WORKER_ACK, .task = task->spec.task, .checkpoint = task->checkpoint};
    event.ack.task = task->spec.task;
    event.ack.checkpoint = task->checkpoint;
    event.ack.sync_ms = task_now(task) - task->sync_began_ms;
    event.ack.alignment_ms = task->alignment_ms;
    if (task->spec.writing != NULL && slu_writing_add(task->spec.writing, &task->writer, &event))
        return;
    const slu_crash_note before = slu_crash_enter(NULL, NULL); /* within an operator's barrier, but no plugin waits here */
    slu_writing_write(task->spec.worker, task->writer, &event);
    slu_crash_leave(before);
    task->spec.event(task->spec.owner, &event);
}

void
task_snapshot_end(void *owner, int64_t checkpoint)
{
    slu_task_loop *task = owner;
    if (task->checkpoint != checkpoint || ++task->nodes_done < task->node_count)
        return;
    if (!task->abandoned)
        acknowledge(task);
    slu_snapshot_writer_free(&task->writer);
    task->checkpoint = -1;
}

void
task_node_ended(void *owner)
{
    slu_task_loop *task = owner;
    task->nodes_ended++;
}

slu_status
task_source_barrier(slu_task_loop *task, slu_error *err)
{
    slu_snapshot_writer *writer = NULL;
    const slu_item barrier = task->trigger;
    task->trigger.kind = 0;
    task->alignment_ms = 0;
    SLU_TRY(task_snapshot_begin(task, barrier.value, &writer, err));
    SLU_TRY(slu_node_snapshot(task->nodes[0], barrier.value, writer, err));
    SLU_TRY(slu_node_forward(task->nodes[0], &barrier, err));
    task_snapshot_end(task, barrier.value);
    task->stopped = (barrier.flags & (SLU_BARRIER_STOP | SLU_BARRIER_RULES)) != 0 ? barrier.value : -1;
    task->stopped_for_rules = (barrier.flags & SLU_BARRIER_RULES) != 0;
    return SLU_OK;
}

/* ---- Commands */

slu_status
slu_task_command(slu_task_loop *task, const slu_worker_command *command, slu_error *err)
{
    slu_status status = SLU_OK;
    if (command->kind == SLU_WORKER_CANCEL)
        atomic_store(&task->cancelled, 1);
    (void)pthread_mutex_lock(&task->lock);
    if (task->command_count == COMMANDS_MAX)
        status = slu_error_set(err, SLU_LIMIT, "task %u does not answer: %u commands wait", task->spec.task, COMMANDS_MAX);
    else {
        slu_worker_command *queued = &task->commands[(task->command_first + task->command_count++) % COMMANDS_MAX];
        *queued = *command;
        (void)slu_ruleset_ref(queued->rules);
    }
    (void)pthread_mutex_unlock(&task->lock);
    atomic_store(&task->command_hint, 1);
    slu_bell_ring(task->spec.bell);
    return command->kind == SLU_WORKER_CANCEL ? SLU_OK : status;
}

bool
task_take_command(slu_task_loop *task, slu_worker_command *out)
{
    bool some = false;
    if (atomic_load(&task->command_hint) == 0) /* ordered after arming the bell: see bell.h */
        return false;
    (void)pthread_mutex_lock(&task->lock);
    if (task->command_count > 0) {
        *out = task->commands[task->command_first];
        task->command_first = (task->command_first + 1) % COMMANDS_MAX;
        task->command_count--;
        some = true;
    } else {
        atomic_store(&task->command_hint, 0);
    }
    (void)pthread_mutex_unlock(&task->lock);
    return some;
}

slu_status
task_use_aligned(slu_task_loop *task, const slu_aligned *aligned, slu_error *err)
{
    if (aligned->unblock)
        slu_inbox_unblock_all(task->inbox);
    if (aligned->aborted >= 0) {
        const slu_item cancel = {.kind = SLU_ITEM_CANCEL, .value = aligned->aborted};
        slu_item item = cancel;
        SLU_TRY(slu_node_input(task->nodes[0], 0, &item, err));
    }
    if (aligned->ready >= 0) {
        slu_item barrier = {
            .kind = SLU_ITEM_BARRIER, .flags = aligned->flags, .value = aligned->ready, .wall_ms = aligned->wall_ms};
        task->alignment_ms = task_now(task) - aligned->began_ms;
        SLU_TRY(slu_node_input(task->nodes[0], 0, &barrier, err));
    }
    return SLU_OK;
}

/* Whom a checkpoint waited for in vain. */
static void
name_the_late(const slu_task_loop *task, int64_t checkpoint)
{
    for (uint32_t i = 0; i < task->node_count; i++)
        if (slu_node_holds_barrier(task->nodes[i]))
            slu_log_warn(task->spec.worker->env, "CHECKPOINT-LATE", "checkpoint %" PRId64 " waited for operator %s[%u]", checkpoint,
                         slu_node_id(task->nodes[i]), task->subtask);
}

static slu_status
abort_checkpoint(slu_task_loop *task, int64_t checkpoint, slu_error *err)
{
    slu_aligned aligned;
    name_the_late(task, checkpoint);
    if (task->checkpoint >= 0 && task->checkpoint <= checkpoint)
        task->abandoned = true;
    if (task->trigger.kind != 0 && task->trigger.value <= checkpoint)
        task->trigger.kind = 0;
    if (task->stopped >= 0 && task->stopped <= checkpoint && task->stopped_for_rules) /* before the next row, on the same way */
        SLU_TRY(slu_node_forward(task->nodes[0],
                                 &(slu_item){.kind = SLU_ITEM_CANCEL, .flags = SLU_BARRIER_RULES, .value = task->stopped}, err));
    if (task->stopped <= checkpoint)
        task->stopped = -1;
    if (task->align == NULL)
        return SLU_OK;
    slu_align_cancel(task->align, checkpoint, &aligned);
    aligned.aborted = -1; /* everybody is told by the coordinator */
    return task_use_aligned(task, &aligned, err);
}

static slu_status
complete_checkpoint(slu_task_loop *task, const slu_worker_command *command, slu_error *err)
{
    task->held = false;
    task->final = task->final || command->final;
    if (!command->final && task->stopped <= command->checkpoint) /* what it stopped for will not be: it goes on */
        task->stopped = -1;
    for (uint32_t i = 0; i < task->node_count; i++) {
        const slu_status status = slu_node_complete(task->nodes[i], command->checkpoint, err);
        if (status != SLU_OK) {
            task_note_failed(task, task->nodes[i]);
            return status;
        }
    }
    return SLU_OK;
}

/* A set that was asked for is answered by every task, also where it is another's: whatever waited is forgotten everywhere. */
static void
check_rules(slu_task_loop *task, slu_ruleset *set)
{
    slu_worker_event event = {.kind = SLU_WORKER_RULED, .task = task->spec.task, .rules_asked = slu_ruleset_version(set)};
    for (uint32_t i = 0; i < task->node_count; i++) {
        slu_node *node = task->nodes[i];
        slu_node_rules_forget(node);
        if (strcmp(slu_node_id(node), slu_ruleset_operator(set)) != 0)
            continue;
        event.error.status = slu_node_rules_check(node, set, &event.error);
        event.rules_version = slu_node_rules_version(node);
    }
    slu_ruleset_unref(&set);
    task->spec.event(task->spec.owner, &event);
}

slu_status
task_run_command(slu_task_loop *task, const slu_worker_command *command, slu_error *err)
{
    switch (command->kind) {
    case SLU_WORKER_TRIGGER:
        if (task->inbox == NULL && command->checkpoint > task->last_trigger) {
            task->trigger = (slu_item){
                .kind = SLU_ITEM_BARRIER, .flags = command->flags, .value = command->checkpoint, .wall_ms = command->wall_ms};
            task->last_trigger = command->checkpoint;
        }
        return SLU_OK;
    case SLU_WORKER_COMPLETE: return complete_checkpoint(task, command, err);
    case SLU_WORKER_ABORT: return abort_checkpoint(task, command->checkpoint, err);
    case SLU_WORKER_RULES: check_rules(task, command->rules); return SLU_OK;
    case SLU_WORKER_DRAIN: task->draining = task->inbox == NULL; return SLU_OK;
    default: return SLU_OK;
    }
}
