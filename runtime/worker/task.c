/* task.c: the loop of a task. */
#include "task_internal.h"

#define INPUTS_PER_STEP 8  /* batches between two looks at commands, descriptors and deadlines */
#define SLEEP_MS_MAX 60000 /* a guard only: bells and descriptors wake */
#define BUSY_TELL_MS 100

void
task_tell(slu_task_loop *task, uint32_t kind, int64_t checkpoint, const slu_error *error)
{
    slu_worker_event event = {.kind = kind, .task = task->spec.task, .checkpoint = checkpoint};
    if (error != NULL)
        event.error = *error;
    task->spec.event(task->spec.owner, &event);
}

void
task_note_failed(slu_task_loop *task, const slu_node *node)
{
    (void)snprintf(task->failed_operator, sizeof task->failed_operator, "%s", slu_node_id(node));
}

/* ---- The loop */

static bool
chain_clear(slu_task_loop *task)
{
    for (uint32_t i = 0; i < task->node_count; i++)
        if (!slu_node_clear(task->nodes[i]))
            return false;
    return true;
}

static bool
outputs_room(slu_task_loop *task)
{
    bool room = true;
    for (uint32_t i = 0; i < task->node_count; i++)
        room = slu_node_room(task->nodes[i]) && room;
    return room;
}

static slu_status
pump(slu_task_loop *task, bool *did, slu_error *err)
{
    for (uint32_t i = task->node_count; i-- > 0;) {
        const slu_status status = slu_node_pump(task->nodes[i], did, err);
        if (status != SLU_OK) {
            task_note_failed(task, task->nodes[i]);
            return status;
        }
    }
    return SLU_OK;
}

static slu_status
callbacks(slu_task_loop *task, bool *did, slu_error *err)
{
    bool called = false;
    const int64_t now = task_now(task);
    SLU_TRY(slu_watches_dispatch(task->watches, &called, err));
    for (uint32_t i = 0; i < task->node_count; i++) {
        bool one = false;
        const slu_status status = slu_node_step(task->nodes[i], now, &one, err);
        if (status != SLU_OK) {
            task_note_failed(task, task->nodes[i]);
            return status;
        }
        called = called || one;
    }
    if (!called)
        return SLU_OK;
    task->poll_waits = false;
    for (uint32_t i = 0; i < task->node_count; i++)
        slu_node_retry(task->nodes[i]);
    *did = true;
    return SLU_OK;
}

static slu_status
source_end(slu_task_loop *task, slu_error *err)
{
    task->source_ended = true;
    SLU_TRY(slu_node_forward(task->nodes[0], &(slu_item){.kind = SLU_ITEM_WATERMARK, .value = INT64_MAX}, err));
    SLU_TRY(slu_node_forward(task->nodes[0], &(slu_item){.kind = SLU_ITEM_END}, err));
    task_node_ended(task);
    return SLU_OK;
}

/* OK: it did something; AGAIN: it waits. */
static slu_status
poll_source(slu_task_loop *task, slu_error *err)
{
    if (task->held || task->source_ended || task->stopped >= 0)
        return SLU_AGAIN;
    if (task->draining)
        return source_end(task, err);
    if (task->poll_waits)
        return SLU_AGAIN;
    const slu_status status = slu_node_poll(task->nodes[0], err);
    if (status < 0)
        return status;
    if (status == SLU_END)
        return source_end(task, err);
    task->poll_waits = status != SLU_MORE;
    return SLU_OK;
}

/* Rules that were switched to go back, here and below: once, whichever input says so first, since none has rows behind the barrier. */
static slu_status
cancel_rules(slu_task_loop *task, slu_item *item, slu_error *err)
{
    if (item->value <= task->rules_cancelled)
        return SLU_OK;
    task->rules_cancelled = item->value;
    return slu_node_input(task->nodes[0], 0, item, err);
}

static slu_status
take_item(slu_task_loop *task, slu_error *err)
{
    slu_item item;
    slu_aligned aligned;
    uint32_t channel = 0;
    int64_t combined = INT64_MIN;
    bool advanced = false;
    SLU_TRY(slu_inbox_next(task->inbox, &item, &channel, err));
    switch (item.kind) {
    case SLU_ITEM_BATCH:
        atomic_fetch_add_explicit(&task->rows_in, item.batch->rows, memory_order_relaxed);
        atomic_fetch_add_explicit(&task->bytes_in, item.bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&task->batches_in, 1, memory_order_relaxed);
        return slu_node_input(task->nodes[0], task->channel_inputs[channel], &item, err);
    case SLU_ITEM_BARRIER:
        SLU_TRY(slu_align_barrier(task->align, channel, item.value, item.flags, item.wall_ms, task_now(task), &aligned, err));
        if (aligned.aborted >= 0)
            task_tell(task, SLU_WORKER_DECLINED, aligned.aborted,
                      &(slu_error){.status = SLU_CONFLICT, .message = "a newer barrier came first"});
        if (aligned.unblock)
            slu_inbox_unblock_all(task->inbox);
        if (aligned.block)
            slu_inbox_block(task->inbox, channel);
        aligned.unblock = aligned.ready >= 0;
        return task_use_aligned(task, &aligned, err);
    case SLU_ITEM_CANCEL:
        if ((item.flags & SLU_BARRIER_RULES) != 0)
            return cancel_rules(task, &item, err);
        slu_align_cancel(task->align, item.value, &aligned);
        return task_use_aligned(task, &aligned, err);
    case SLU_ITEM_WATERMARK: advanced = slu_inbox_watermark(task->inbox, channel, item.value, &combined); break;
    case SLU_ITEM_IDLE:
        advanced = slu_inbox_idle(task->inbox, channel, item.value != 0, &combined);
        if (slu_inbox_all_idle(task->inbox)) {
            item.value = 1;
            return slu_node_input(task->nodes[0], 0, &item, err);
        }
        break;
    case SLU_ITEM_END: advanced = slu_inbox_end(task->inbox, channel, &combined); break;
    default: return slu_error_set(err, SLU_CORRUPT, "an item of unknown kind %u", item.kind);
    }
    if (advanced) {
        slu_item watermark = {.kind = SLU_ITEM_WATERMARK, .value = combined};
        atomic_store_explicit(&task->watermark_ms, combined, memory_order_relaxed);
        SLU_TRY(slu_node_input(task->nodes[0], 0, &watermark, err));
    }
    if (item.kind == SLU_ITEM_END && slu_inbox_all_ended(task->inbox))
        return slu_node_input(task->nodes[0], 0, &item, err);
    return SLU_OK;
}

/* Takes new input while there is room for what it may become. */
static slu_status
take_inputs(slu_task_loop *task, bool *did, slu_error *err)
{
    for (int i = 0; i < INPUTS_PER_STEP && chain_clear(task); i++) {
        if (task->trigger.kind != 0 && task->checkpoint < 0) {
            SLU_TRY(task_source_barrier(task, err));
            *did = true;
            continue;
        }
        if (!outputs_room(task))
            return SLU_OK;
        const slu_status status = task->inbox == NULL ? poll_source(task, err) : take_item(task, err);
        if (status == SLU_AGAIN || status == SLU_END)
            return SLU_OK;
        SLU_TRY(status);
        *did = true;
    }
    return SLU_OK;
}

static slu_status
after_end(slu_task_loop *task)
{
    if (!task->ended_told && task->nodes_ended == task->node_count) {
        task->ended_told = true;
        task_tell(task, SLU_WORKER_ENDED, -1, NULL);
    }
    if (!task->final || task->finished)
        return task->finished ? SLU_END : SLU_OK;
    for (uint32_t i = 0; i < task->node_count; i++)
        if (!slu_node_committed(task->nodes[i]))
            return SLU_OK;
    task->finished = true;
    return SLU_END;
}

static void
publish_counters(slu_task_loop *task)
{
    const int64_t now = task_now(task);
    int64_t bytes = 0;
    if (now - task->last_ms >= BUSY_TELL_MS) { /* one that never sleeps is busy, too */
        atomic_fetch_add_explicit(&task->busy_ms, now - task->last_ms, memory_order_relaxed);
        task->last_ms = now;
    }
    for (uint32_t i = 0; i < task->node_count; i++)
        bytes += slu_node_state_bytes(task->nodes[i]);
    atomic_store_explicit(&task->state_bytes, bytes, memory_order_relaxed);
}

/* Small batches leave after a while, and at once when there is nothing else to do. */
static slu_status
flush_small(slu_task_loop *task, bool *did, slu_error *err)
{
    const bool all = !*did;
    const int64_t now = task_now(task);
    for (uint32_t i = 0; i < task->node_count; i++)
        SLU_TRY(slu_node_flush(task->nodes[i], now, all, did, err));
    return SLU_OK;
}

static slu_status
step(slu_task_loop *task, slu_error *err)
{
    slu_worker_command command;
    bool did = false;
    while (task_take_command(task, &command)) {
        did = true;
        SLU_TRY(task_run_command(task, &command, err));
    }
    SLU_TRY(callbacks(task, &did, err));
    SLU_TRY(pump(task, &did, err));
    SLU_TRY(take_inputs(task, &did, err));
    SLU_TRY(pump(task, &did, err));
    SLU_TRY(flush_small(task, &did, err));
    if (after_end(task) == SLU_END)
        return SLU_END;
    return did ? SLU_MORE : SLU_AGAIN;
}

slu_status
slu_task_step(slu_task_loop *task, slu_error *err)
{
    if (task->finished)
        return SLU_END;
    const slu_status status = step(task, err);
    publish_counters(task); /* after a failure, too: it may have been for memory */
    return status;
}

int64_t
slu_task_deadline(const slu_task_loop *task)
{
    const int64_t now = task_now(task);
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < task->node_count; i++) {
        const int64_t at = slu_node_deadline(task->nodes[i], now);
        least = at < least ? at : least;
    }
    return least;
}

void
slu_task_sleep(slu_task_loop *task)
{
    const bool blocked = !chain_clear(task) || !outputs_room(task);
    const int64_t before = task_now(task);
    const int64_t deadline = slu_task_deadline(task);
    int64_t wait = deadline == INT64_MAX ? SLEEP_MS_MAX : deadline - before;
    wait = wait < 0 ? 0 : wait > SLEEP_MS_MAX ? SLEEP_MS_MAX : wait;
    slu_watches_wait(task->watches, (int)wait);
    const int64_t after = task_now(task);
    atomic_fetch_add_explicit(&task->busy_ms, before - task->last_ms, memory_order_relaxed);
    atomic_fetch_add_explicit(blocked ? &task->backpressured_ms : &task->idle_ms, after - before, memory_order_relaxed);
    task->last_ms = after;
}

slu_watches *
slu_task_watches(slu_task_loop *task)
{
    return task->watches;
}

bool
slu_task_cancelled(const slu_task_loop *task)
{
    return atomic_load_explicit(&task->cancelled, memory_order_relaxed) != 0;
}

slu_task_counters
slu_task_counters_get(const slu_task_loop *task)
{
    slu_task_counters counters = {.rows_in = atomic_load_explicit(&task->rows_in, memory_order_relaxed),
                                  .bytes_in = atomic_load_explicit(&task->bytes_in, memory_order_relaxed),
                                  .batches_in = atomic_load_explicit(&task->batches_in, memory_order_relaxed),
                                  .busy_ms = atomic_load_explicit(&task->busy_ms, memory_order_relaxed),
                                  .idle_ms = atomic_load_explicit(&task->idle_ms, memory_order_relaxed),
                                  .backpressured_ms = atomic_load_explicit(&task->backpressured_ms, memory_order_relaxed),
                                  .watermark_ms = atomic_load_explicit(&task->watermark_ms, memory_order_relaxed),
                                  .state_bytes = atomic_load_explicit(&task->state_bytes, memory_order_relaxed)};
    for (uint32_t i = 0; i < task->node_count; i++) {
        if (!slu_node_leaves(task->nodes[i]))
            continue;
        counters.rows_out += slu_node_rows_out(task->nodes[i]);
        counters.bytes_out += slu_node_bytes_out(task->nodes[i]);
        counters.batches_out += slu_node_batches_out(task->nodes[i]);
    }
    return counters;
}

const char *
slu_task_failed_operator(const slu_task_loop *task)
{
    return task->failed_operator;
}

uint32_t
slu_task_node_count(const slu_task_loop *task)
{
    return task->node_count;
}

slu_node *
slu_task_node(const slu_task_loop *task, uint32_t position)
{
    return task->nodes[position];
}

uint32_t
slu_task_subtask(const slu_task_loop *task)
{
    return task->subtask;
}
