/* node.c: the life of a node, and what comes in and goes out. */
#include "node_internal.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/limits.h"
#include "control/message.h"

slu_status
node_failed(const slu_node *node, slu_status status, slu_error *err)
{
    return slu_error_in(err, status, "%s[%u]", node->spec.op->id, node->spec.subtask);
}

/* ---- Where emitted things go */

static slu_status
node_send(slu_node *node, uint32_t output, const slu_item *event, const slu_batch *batch, slu_error *err)
{
    for (uint32_t i = 0; i < node->child_count; i++) {
        const child *below = &node->children[i];
        if (below->output != output)
            continue;
        slu_item item;
        if (batch != NULL) {
            const slu_batch *ref = slu_batch_ref(batch);
            item = slu_item_of_batch(&ref);
        } else {
            item = *event;
        }
        SLU_TRY(slu_node_input(below->node, below->input, &item, err));
    }
    for (uint32_t i = 0; i < node->exit_count; i++) {
        if (node->exits[i].output != output)
            continue;
        const slu_status status = batch != NULL ? slu_partition_write(node->exits[i].partition, batch, err)
                                                : slu_partition_event(node->exits[i].partition, event, err);
        if (status != SLU_OK)
            return status;
    }
    return SLU_OK;
}

slu_status
slu_node_forward(slu_node *node, const slu_item *item, slu_error *err)
{
    for (uint32_t output = 0; output < node->spec.op->output_count; output++)
        SLU_TRY(node_send(node, output, item, NULL, err));
    return SLU_OK;
}

static void
count_out(slu_node *node, const slu_batch *batch)
{
    atomic_fetch_add_explicit(&node->rows_out, batch->rows, memory_order_relaxed);
    atomic_fetch_add_explicit(&node->bytes_out, batch->bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&node->batches_out, 1, memory_order_relaxed);
}

static slu_status
on_emit(void *owner, uint32_t output, const slu_batch **batch, slu_error *err)
{
    slu_node *node = owner;
    count_out(node, *batch);
    const slu_status status = node_send(node, output, NULL, *batch, err);
    slu_batch_unref(batch);
    return status;
}

static slu_status
on_watermark(void *owner, int64_t event_ms, slu_error *err)
{
    slu_node *node = owner;
    if (event_ms <= node->watermark_ms && node->source != NULL)
        return SLU_OK; /* time does not go back */
    node->watermark_ms = event_ms;
    return slu_node_forward(node, &(slu_item){.kind = SLU_ITEM_WATERMARK, .value = event_ms}, err);
}

/* ---- Life */

static slu_status
make_services(slu_node *node, slu_error *err)
{
    const slu_services_spec spec = {.env = node->spec.env,
                                    .registry = node->spec.registry,
                                    .registry_lock = node->spec.registry_lock,
                                    .params = node->spec.graph->params,
                                    .account = node->spec.account,
                                    .backend = node->spec.backend,
                                    .job_id = node->spec.job_id,
                                    .job_name = node->spec.graph->name,
                                    .operator_id = node->spec.op->id,
                                    .subtask = node->spec.subtask,
                                    .parallelism = node->spec.op->parallelism,
                                    .max_parallelism = node->spec.graph->max_parallelism,
                                    .attempt = node->spec.attempt,
                                    .outputs = node->spec.outputs,
                                    .output_count = node->spec.op->output_count,
                                    .watches = node->spec.watches,
                                    .owner = node,
                                    .deliver = on_emit,
                                    .watermark = on_watermark,
                                    .restore_state = node->spec.restore == NULL ? NULL : node_restore_state,
                                    .restore_timers = node->spec.restore == NULL ? NULL : node_restore_timers,
                                    .wake_owner = node->spec.wake_owner,
                                    .wake = node->spec.wake};
    return slu_services_new(&spec, &node->services, err);
}

slu_status
slu_node_new(const slu_node_spec *spec, slu_node **out, slu_error *err)
{
    SLU_AUTO(slu_node_free) slu_node *node = slu_alloc_zero(1, sizeof *node);
    if (node == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for operator %s", spec->op->id);
    node->spec = *spec;
    node->staged_last = &node->staged;
    node->watermark_ms = INT64_MIN;
    node->rules.switched = -1;
    slu_arena_init(&node->arena, (size_t)64 << 20);
    node->source = spec->plugin->kind == SLU_KIND_SOURCE ? spec->plugin->ops : NULL;
    node->op = spec->plugin->kind == SLU_KIND_OPERATOR ? spec->plugin->ops : NULL;
    node->sink = spec->plugin->kind == SLU_KIND_SINK ? spec->plugin->ops : NULL;
    if (node->source == NULL && node->op == NULL && node->sink == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s is no source, operator or sink", spec->op->id, spec->plugin->name);
    if (spec->op->output_count > OUTPUTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: %u outputs; at most %u", spec->op->id, spec->op->output_count, OUTPUTS_MAX);
    SLU_TRY(make_services(node, err));
    *out = slu_take(&node);
    return SLU_OK;
}

slu_status
slu_node_add_child(slu_node *node, uint32_t output, slu_node *below, uint32_t input, slu_error *err)
{
    child *grown = slu_realloc(node->children, (node->child_count + 1) * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a chain");
    node->children = grown;
    node->children[node->child_count++] = (child){output, input, below};
    return SLU_OK;
}

slu_status
slu_node_add_partition(slu_node *node, uint32_t output, slu_partition **partition, slu_error *err)
{
    exit_edge *grown = slu_realloc(node->exits, (node->exit_count + 1) * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an output");
    node->exits = grown;
    node->exits[node->exit_count++] = (exit_edge){output, slu_take(partition)};
    return SLU_OK;
}

static slu_status
call_open(slu_node *node, slu_error *err)
{
    const slu_operator *op = node->spec.op;
    const struct ArrowSchema *outputs[OUTPUTS_MAX] = {0};
    for (uint32_t i = 0; i < op->output_count; i++)
        outputs[i] = node->spec.outputs[i] == NULL ? NULL : slu_schema_arrow(node->spec.outputs[i]);
    const bool keyed = op->input_count > 0 && op->inputs[0].partition == SLU_PARTITION_HASH;
    const slu_open open = {.size = sizeof open,
                           .restored = node->spec.restore != NULL,
                           .host = slu_services_host(node->services),
                           .options = node->options,
                           .with = op->with,
                           .job_id = node->spec.job_id,
                           .job_name = node->spec.graph->name,
                           .operator_id = op->id,
                           .subtask = node->spec.subtask,
                           .parallelism = op->parallelism,
                           .max_parallelism = node->spec.graph->max_parallelism,
                           .keys = keyed ? op->inputs[0].keys : NULL,
                           .key_count = keyed ? op->inputs[0].key_count : 0,
                           .key_group_first = node_group_first(node),
                           .key_group_last = node_group_last(node),
                           .attempt = node->spec.attempt,
                           .inputs = node->spec.inputs,
                           .outputs = outputs,
                           .input_count = op->input_count,
                           .output_count = op->output_count};
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, op->id);
    const slu_status status = node->source != NULL ? node->source->open(node->self, &open, err)
                              : node->op != NULL   ? node->op->open(node->self, &open, err)
                                                   : node->sink->open(node->self, &open, err);
    slu_crash_leave(before);
    return status;
}

static slu_status
open_steps(slu_node *node, slu_error *err)
{
    SLU_TRY(slu_options_parse(node->spec.plugin, node->spec.op->with, node->spec.graph->params, &node->arena, &node->options, err));
    node->self = slu_alloc_aligned(node->spec.plugin->instance_bytes + 1u);
    if (node->self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an instance of %u bytes", node->spec.plugin->instance_bytes);
    memset(node->self, 0, node->spec.plugin->instance_bytes + 1u);
    SLU_TRY(call_open(node, err));
    node->open = true;
    slu_services_bind(node->services, node->self,
                      node->source != NULL ? node->source->ready
                      : node->op != NULL   ? node->op->ready
                                           : node->sink->ready);
    SLU_TRY(node_restore(node, err));
    return node->source != NULL ? node_assign_splits(node, err) : SLU_OK;
}

slu_status
slu_node_open(slu_node *node, slu_error *err)
{
    const slu_status status = open_steps(node, err);
    node->restore_over = true;
    return status == SLU_OK ? SLU_OK : node_failed(node, status, err);
}

void
slu_node_close(slu_node *node)
{
    if (!node->open)
        return;
    node->open = false;
    if (node->source != NULL)
        node->source->close(node->self);
    else if (node->op != NULL)
        node->op->close(node->self);
    else
        node->sink->close(node->self);
    slu_services_bind(node->services, NULL, NULL);
}

void
slu_node_drop_items(slu_node *node)
{
    for (uint32_t i = 0; i < node->queue_count; i++)
        slu_item_drop(&node->queue[(node->queue_first + i) % node->queue_capacity].item);
    node->queue_count = 0;
}

void
slu_node_free(slu_node **owned)
{
    slu_node *node = slu_take(owned);
    if (node == NULL)
        return;
    slu_node_close(node);
    slu_node_drop_items(node);
    for (uint32_t i = 0; i < node->exit_count; i++)
        slu_partition_free(&node->exits[i].partition);
    while (node->staged != NULL) {
        committable *next = node->staged->next;
        slu_free(node->staged);
        node->staged = next;
    }
    node_files_free(node);
    node_rules_free(node);
    slu_services_free(&node->services);
    slu_free(node->queue);
    slu_free(node->children);
    slu_free(node->exits);
    slu_free(node->self);
    slu_arena_fini(&node->arena);
    slu_free(node);
}

void
slu_node_set_runner(slu_node *node, const slu_node_runner *runner)
{
    node->runner = *runner;
}

/* ---- Items */

/* Batches that an operator holds and that what follows must not overtake. A sink has nothing below it: its prepare says when
 * everything is safe. */
static uint32_t
node_pending(const slu_node *node)
{
    return node->op != NULL && node->op->pending != NULL ? node->op->pending(node->self) : 0;
}

/* What a call answered, in the words of the queue: OK (done), AGAIN (stays first), or a failure. */
static slu_status
answered(slu_node *node, slu_status status)
{
    if (status == SLU_MORE) {
        node->more = true;
        return SLU_OK;
    }
    node->refused = status == SLU_AGAIN;
    return status == SLU_END ? SLU_OK : status;
}

static bool
restored_wait(const slu_node *node)
{
    return node->staged != NULL && node->staged->restored;
}

static slu_status
handle_batch(slu_node *node, uint32_t input, const slu_batch *batch, slu_error *err)
{
    if (restored_wait(node))
        return SLU_AGAIN;
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status =
        node->op != NULL ? node->op->process(node->self, input, batch, err) : node->sink->write(node->self, batch, err);
    slu_crash_leave(before);
    if (status == SLU_OK && node->op == NULL)
        count_out(node, batch);
    return answered(node, status);
}

/* Event timers up to the watermark, one call after another, stopping where one has more to emit. */
static slu_status
fire_timers(slu_node *node, uint32_t domain, int64_t now_ms, bool *did, slu_error *err)
{
    slu_timers *timers = slu_services_timers(node->services);
    slu_timer due;
    while (timers != NULL && !node->more && slu_timers_pop(timers, domain, now_ms, &due) == SLU_OK) {
        *did = true;
        if (node->op == NULL || node->op->timer == NULL)
            continue;
        const slu_status status = answered(node, node->op->timer(node->self, &due, err));
        node->refused = false; /* a timer cannot be refused */
        if (status < 0)
            return status;
    }
    return SLU_OK;
}

static slu_status
handle_watermark(slu_node *node, const slu_item *item, slu_error *err)
{
    bool did = false;
    if (node->stage == STAGE_NEW) {
        if (node_pending(node) > 0)
            return SLU_AGAIN;
        node->stage = STAGE_CALLED;
        node->watermark_ms = item->value > node->watermark_ms ? item->value : node->watermark_ms;
        if (node->op != NULL && node->op->watermark != NULL) {
            const slu_status status = answered(node, node->op->watermark(node->self, item->value, err));
            node->refused = false;
            if (status < 0)
                return status;
        }
    }
    SLU_TRY(fire_timers(node, SLU_TIME_EVENT, node->watermark_ms, &did, err));
    if (node->more)
        return SLU_AGAIN;
    return slu_node_forward(node, item, err);
}

static slu_status
handle_barrier(slu_node *node, const slu_item *item, slu_error *err)
{
    slu_snapshot_writer *writer = NULL;
    if (node_pending(node) > 0)
        return SLU_AGAIN;
    if (node->sink != NULL && node->sink->prepare != NULL)
        SLU_TRY(node_prepare(node, item->value, err));
    SLU_TRY(node->runner.snapshot_begin(node->runner.owner, item->value, &writer, err));
    SLU_TRY(slu_node_forward(node, item, err));
    if ((item->flags & SLU_BARRIER_RULES) != 0)
        SLU_TRY(node_rules_switch(node, item->value, err));
    if (writer != NULL)
        SLU_TRY(slu_node_snapshot(node, item->value, writer, err));
    node->runner.snapshot_end(node->runner.owner, item->value);
    return SLU_OK;
}

static slu_status
handle_end(slu_node *node, const slu_item *item, slu_error *err)
{
    if (node->stage == STAGE_NEW) {
        if (node_pending(node) > 0)
            return SLU_AGAIN;
        node->stage = STAGE_CALLED;
        if (node->op != NULL && node->op->end != NULL) {
            const slu_status status = answered(node, node->op->end(node->self, err));
            node->refused = false;
            if (status < 0)
                return status;
        }
    }
    if (node->more || node_pending(node) > 0)
        return SLU_AGAIN;
    SLU_TRY(slu_node_forward(node, item, err));
    node->runner.ended(node->runner.owner);
    return SLU_OK;
}

static slu_status
handle(slu_node *node, const slu_item *item, uint32_t input, slu_error *err)
{
    switch (item->kind) {
    case SLU_ITEM_BATCH: return handle_batch(node, input, item->batch, err);
    case SLU_ITEM_WATERMARK: return handle_watermark(node, item, err);
    case SLU_ITEM_BARRIER: return handle_barrier(node, item, err);
    case SLU_ITEM_END: return handle_end(node, item, err);
    case SLU_ITEM_CANCEL: SLU_TRY(node_rules_back(node, item->value, err)); return slu_node_forward(node, item, err);
    default: return slu_node_forward(node, item, err);
    }
}

static slu_status
queue_push(slu_node *node, uint32_t input, slu_item *item, slu_error *err)
{
    if (node->queue_count == node->queue_capacity) {
        const uint32_t capacity = node->queue_capacity == 0 ? 8 : 2 * node->queue_capacity;
        queued *grown = capacity > SLU_CHANNEL_SPILL_MAX ? NULL : slu_alloc(capacity * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, capacity > SLU_CHANNEL_SPILL_MAX ? SLU_LIMIT : SLU_NOMEM, "%u items wait for %s", capacity,
                                 node->spec.op->id);
        for (uint32_t i = 0; i < node->queue_count; i++)
            grown[i] = node->queue[(node->queue_first + i) % node->queue_capacity];
        slu_free(node->queue);
        node->queue = grown;
        node->queue_first = 0;
        node->queue_capacity = capacity;
    }
    node->queue[(node->queue_first + node->queue_count++) % node->queue_capacity] = (queued){*item, input};
    item->kind = 0;
    item->batch = NULL;
    return SLU_OK;
}

slu_status
slu_node_input(slu_node *node, uint32_t input, slu_item *item, slu_error *err)
{
    slu_status status = SLU_AGAIN;
    if (slu_node_clear(node) && !node->handling) {
        node->handling = true;
        node->stage = STAGE_NEW;
        const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
        status = handle(node, item, input, err);
        slu_crash_leave(before);
        node->handling = false;
    }
    if (status == SLU_AGAIN)
        status = queue_push(node, input, item, err);
    else if (status < 0)
        status = node_failed(node, status, err);
    slu_item_drop(item);
    return status;
}

/* Whether everything below is clear and has room, so that one more batch may be emitted. */
static bool
below_clear(slu_node *node)
{
    if (!slu_node_room(node))
        return false;
    for (uint32_t i = 0; i < node->child_count; i++)
        if (!slu_node_clear(node->children[i].node) || !below_clear(node->children[i].node))
            return false;
    return true;
}

static slu_status
call_more(slu_node *node, slu_error *err)
{
    node->more = false;
    const slu_status status = node->op != NULL && node->op->more != NULL ? node->op->more(node->self, err) : SLU_OK;
    const slu_status answer = answered(node, status);
    node->refused = false;
    node->more = node->more || answer == SLU_AGAIN;
    return answer < 0 ? node_failed(node, answer, err) : SLU_OK;
}

static slu_status
node_pump(slu_node *node, bool *did, slu_error *err)
{
    if (node->sink != NULL)
        SLU_TRY(node_commit(node, did, err));
    while (node->more && below_clear(node)) {
        *did = true;
        SLU_TRY(call_more(node, err));
        if (node->more)
            break; /* once around the loop for each `more`, so that nobody starves */
    }
    while (node->queue_count > 0 && !node->more && !node->refused && below_clear(node)) {
        queued *first = &node->queue[node->queue_first];
        slu_item item = first->item;
        node->handling = true;
        const slu_status status = handle(node, &item, first->input, err);
        node->handling = false;
        if (status < 0)
            return node_failed(node, status, err);
        if (status == SLU_AGAIN)
            break;
        *did = true;
        node->queue_first = (node->queue_first + 1) % node->queue_capacity;
        node->queue_count--;
        node->stage = STAGE_NEW;
        slu_item_drop(&item);
    }
    return SLU_OK;
}

slu_status
slu_node_pump(slu_node *node, bool *did, slu_error *err)
{
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = node_pump(node, did, err);
    slu_crash_leave(before);
    return status;
}

slu_status
slu_node_step(slu_node *node, int64_t now_ms, bool *did, slu_error *err)
{
    bool called = false;
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    slu_status status = slu_services_step(node->services, now_ms, &called, err);
    if (called)
        slu_node_retry(node);
    if (status == SLU_OK && slu_services_timers(node->services) != NULL && slu_node_clear(node))
        status = fire_timers(node, SLU_TIME_PROCESSING, slu_wall_ms(node->spec.env), &called, err);
    slu_crash_leave(before);
    *did = *did || called;
    return status == SLU_OK ? SLU_OK : node_failed(node, status, err);
}

void
slu_node_retry(slu_node *node)
{
    node->refused = false;
    node->commit_refused = false;
}

int64_t
slu_node_deadline(const slu_node *node, int64_t now_ms)
{
    int64_t least = slu_services_deadline(node->services);
    const slu_timers *timers = slu_services_timers(node->services);
    if (timers != NULL && slu_timers_next(timers, SLU_TIME_PROCESSING) != INT64_MAX) {
        const int64_t wait = slu_timers_next(timers, SLU_TIME_PROCESSING) - slu_wall_ms(node->spec.env);
        const int64_t at = now_ms + (wait > 0 ? wait : 0);
        least = at < least ? at : least;
    }
    return least;
}

bool
slu_node_clear(const slu_node *node)
{
    return node->queue_count == 0 && !node->more;
}

bool
slu_node_holds_barrier(const slu_node *node)
{
    for (uint32_t i = 0; i < node->queue_count; i++)
        if (node->queue[(node->queue_first + i) % node->queue_capacity].item.kind == SLU_ITEM_BARRIER)
            return true;
    return false;
}

bool
slu_node_room(slu_node *node)
{
    bool room = true;
    for (uint32_t i = 0; i < node->exit_count; i++)
        room = slu_partition_room(node->exits[i].partition) && room;
    return room;
}

slu_status
slu_node_flush(slu_node *node, int64_t now_ms, bool all, bool *sent, slu_error *err)
{
    for (uint32_t i = 0; i < node->exit_count; i++)
        SLU_TRY(slu_partition_flush(node->exits[i].partition, now_ms, all, sent, err));
    return SLU_OK;
}

bool
slu_node_without_splits(const slu_node *node)
{
    return node->source != NULL && node->spec.op->split_count > 0 && node->assigned == 0;
}

slu_status
slu_node_poll(slu_node *node, slu_error *err)
{
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = node->source->poll(node->self, err);
    slu_crash_leave(before);
    return status < 0 ? node_failed(node, status, err) : status;
}

slu_status
slu_node_complete(slu_node *node, int64_t checkpoint, slu_error *err)
{
    for (committable *c = node->staged; c != NULL; c = c->next)
        c->whole = c->whole || c->checkpoint <= checkpoint;
    SLU_TRY(node_rules_keep(node, checkpoint, err));
    if (node->source == NULL || node->source->complete == NULL)
        return SLU_OK;
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = node->source->complete(node->self, checkpoint, err);
    slu_crash_leave(before);
    return status < 0 ? node_failed(node, status, err) : SLU_OK;
}

uint32_t
slu_node_kind(const slu_node *node)
{
    return node->spec.plugin->kind;
}

const char *
slu_node_id(const slu_node *node)
{
    return node->spec.op->id;
}

slu_services *
slu_node_services(const slu_node *node)
{
    return node->services;
}

bool
slu_node_leaves(const slu_node *node)
{
    return node->exit_count > 0 || node->sink != NULL;
}

int64_t
slu_node_rows_out(const slu_node *node)
{
    return atomic_load_explicit(&node->rows_out, memory_order_relaxed);
}

int64_t
slu_node_bytes_out(const slu_node *node)
{
    return atomic_load_explicit(&node->bytes_out, memory_order_relaxed);
}

int64_t
slu_node_batches_out(const slu_node *node)
{
    return atomic_load_explicit(&node->batches_out, memory_order_relaxed);
}

int64_t
slu_node_state_bytes(slu_node *node)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; node->services != NULL && i < slu_services_state_count(node->services); i++)
        bytes += slu_state_bytes(slu_services_state(node->services, i));
    atomic_store_explicit(&node->state_bytes, bytes, memory_order_relaxed);
    return bytes;
}

int64_t
slu_node_state_bytes_said(const slu_node *node)
{
    return atomic_load_explicit(&node->state_bytes, memory_order_relaxed);
}
