#include "task.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "control/message.h"

#include <inttypes.h>

#define COMMANDS_MAX 64u
#define INPUTS_PER_STEP 8  /* batches between two looks at commands, descriptors and deadlines */
#define SLEEP_MS_MAX 60000 /* a guard only: bells and descriptors wake */
#define BUSY_TELL_MS 100

/* How one output that leaves by `bucket` asks the receiving plugin where rows go. */
typedef struct bucketer {
    struct bucketer *next;
    const slu_partitioner_ops *ops;
    void *self;
    bool open;
    slu_services *services;
    slu_arena arena;
} bucketer;

struct slu_task_loop {
    slu_task_spec spec;
    const slu_layout *layout;
    const slu_graph *graph;
    const slu_vertex *vertex;
    uint32_t subtask;
    uint32_t node_count;
    slu_node **nodes;
    bucketer *bucketers;
    const struct ArrowSchema ***input_schemas; /* [node][input] */
    slu_inbox *inbox;                          /* NULL: a source */
    slu_align *align;
    uint32_t *channel_inputs; /* input of the head, per inbox channel */
    slu_watches *watches;

    pthread_mutex_t lock; /* commands */
    slu_worker_command commands[COMMANDS_MAX];
    uint32_t command_first, command_count;
    _Atomic uint32_t command_hint;
    _Atomic uint32_t cancelled;

    /* The checkpoint that passes through the chain. */
    slu_snapshot_writer *writer;
    int64_t checkpoint; /* -1: none */
    uint32_t nodes_done;
    bool abandoned;
    int64_t alignment_ms;
    int64_t sync_began_ms;
    /* Sources. */
    bool held;
    bool poll_waits; /* poll said that it waits for a callback */
    bool source_ended;
    bool source_idle;
    slu_item trigger; /* kind 0: none waits */
    int64_t last_trigger;
    int64_t stopped; /* it waits for the end of this checkpoint, and gives nothing meanwhile; -1: it does not */
    bool draining;   /* it is to end as if its data had ended */

    uint32_t nodes_ended;
    bool ended_told;
    bool final; /* COMPLETE of the final checkpoint came */
    bool finished;

    _Atomic int64_t rows_in, bytes_in, batches_in, busy_ms, idle_ms, backpressured_ms, watermark_ms, state_bytes;
    int64_t last_ms;
    char failed_operator[SLU_NAME_BYTES_MAX];
};

static int64_t
now_of(const slu_task_loop *task)
{
    return slu_now_ms(task->spec.worker->env);
}

static void
tell(slu_task_loop *task, uint32_t kind, int64_t checkpoint, const slu_error *error)
{
    slu_worker_event event = {.kind = kind, .task = task->spec.task, .checkpoint = checkpoint};
    if (error != NULL)
        event.error = *error;
    task->spec.event(task->spec.owner, &event);
}

/* ---- Snapshot files */

static slu_status
snapshot_begin(void *owner, int64_t checkpoint, slu_snapshot_writer **writer, slu_error *err)
{
    slu_task_loop *task = owner;
    if (task->checkpoint != checkpoint) {
        slu_snapshot_writer_free(&task->writer);
        task->checkpoint = checkpoint;
        task->nodes_done = 0;
        task->abandoned = false;
        task->sync_began_ms = now_of(task);
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
    event.ack.sync_ms = now_of(task) - task->sync_began_ms;
    event.ack.alignment_ms = task->alignment_ms;
    if (task->spec.writing != NULL && slu_writing_add(task->spec.writing, &task->writer, &event))
        return;
    slu_writing_write(task->spec.worker, task->writer, &event);
    task->spec.event(task->spec.owner, &event);
}

static void
snapshot_end(void *owner, int64_t checkpoint)
{
    slu_task_loop *task = owner;
    if (task->checkpoint != checkpoint || ++task->nodes_done < task->node_count)
        return;
    if (!task->abandoned)
        acknowledge(task);
    slu_snapshot_writer_free(&task->writer);
    task->checkpoint = -1;
}

static void
node_ended(void *owner)
{
    slu_task_loop *task = owner;
    task->nodes_ended++;
}

/* ---- Building */

static slu_status
bucket_of_rows(void *owner, const slu_batch *batch, uint32_t *buckets, slu_error *err)
{
    bucketer *asked = owner;
    return asked->ops->partition(asked->self, batch, buckets, err);
}

static slu_status
bucketer_open(slu_task_loop *task, const slu_link_edge *link, const struct ArrowSchema *schema, bucketer *made, slu_error *err)
{
    const slu_operator *to = &task->graph->operators[link->to_operator];
    const slu_plugin *plugin = task->spec.plugins[link->to_operator];
    const void *options = NULL;
    const slu_worker_spec *worker = task->spec.worker;
    if (plugin->partitioner == NULL)
        return slu_error_set(err, SLU_INVALID, "operator %s: plugin %s has no bucket partition", to->id, plugin->name);
    made->ops = plugin->partitioner;
    const slu_services_spec spec = {.env = worker->env,
                                    .account = task->spec.account,
                                    .params = task->graph->params,
                                    .job_id = worker->job_id,
                                    .job_name = task->graph->name,
                                    .operator_id = to->id,
                                    .subtask = task->subtask,
                                    .parallelism = to->parallelism,
                                    .max_parallelism = task->graph->max_parallelism,
                                    .watches = task->watches,
                                    .wake_owner = task->spec.bell};
    SLU_TRY(slu_services_new(&spec, &made->services, err));
    SLU_TRY(slu_options_parse(plugin, to->with, task->graph->params, &made->arena, &options, err));
    made->self = slu_alloc_zero(1, made->ops->instance_bytes + 1u);
    if (made->self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a partitioner");
    const slu_open open = {.size = sizeof open,
                           .host = slu_services_host(made->services),
                           .options = options,
                           .with = to->with,
                           .job_id = worker->job_id,
                           .job_name = task->graph->name,
                           .operator_id = to->id,
                           .subtask = task->subtask,
                           .parallelism = to->parallelism,
                           .max_parallelism = task->graph->max_parallelism,
                           .attempt = worker->attempt,
                           .inputs = &schema,
                           .input_count = 1};
    SLU_TRY_IN(made->ops->open(made->self, &open, err), err, "%s: its bucket function", to->id);
    made->open = true;
    return SLU_OK;
}

static slu_status
bucketer_new(slu_task_loop *task, const slu_link_edge *link, const struct ArrowSchema *schema, bucketer **out, slu_error *err)
{
    bucketer *made = slu_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a partitioner");
    slu_arena_init(&made->arena, (size_t)1 << 20);
    made->next = task->bucketers; /* the task owns it from here, opened or not */
    task->bucketers = made;
    *out = made;
    return bucketer_open(task, link, schema, made, err);
}

static void
bucketers_close(slu_task_loop *task)
{
    for (bucketer *b = task->bucketers; b != NULL; b = b->next) {
        if (b->open)
            b->ops->close(b->self);
        b->open = false;
    }
}

static uint32_t
node_of_operator(const slu_task_loop *task, uint32_t op)
{
    uint32_t position = 0;
    while (task->vertex->operators[position] != op)
        position++;
    return position;
}

static slu_status
add_output(slu_task_loop *task, const slu_link_edge *link, slu_error *err)
{
    const uint32_t receivers = link->partition == SLU_PARTITION_FORWARD ? 1 : task->layout->vertices[link->to_vertex].parallelism;
    const slu_edge *edge = &task->graph->operators[link->to_operator].inputs[link->to_input];
    slu_schema *schema = task->spec.schemas[link->from_operator][link->from_output];
    const uint32_t first =
        link->channel_first + (link->partition == SLU_PARTITION_FORWARD ? task->subtask : task->subtask * receivers);
    SLU_AUTO(slu_partition_free) slu_partition *partition = NULL;
    slu_partition_spec spec = {.kind = link->partition,
                               .receiver_count = receivers,
                               .channels = task->spec.channels + first,
                               .sender = task->subtask,
                               .max_parallelism = task->graph->max_parallelism,
                               .schema = schema == NULL ? NULL : slu_schema_arrow(schema),
                               .keys = edge->keys,
                               .key_count = edge->key_count,
                               .flush_interval_ms = task->graph->flush_interval_ms,
                               .bucket = bucket_of_rows};
    if (link->partition == SLU_PARTITION_HASH && schema == NULL)
        return slu_error_set(err, SLU_INVALID, "operator %s: a dynamic input cannot be partitioned by hash",
                             task->graph->operators[link->to_operator].id);
    if (link->partition == SLU_PARTITION_BUCKET && receivers > 1) {
        bucketer *made = NULL;
        SLU_TRY(bucketer_new(task, link, spec.schema, &made, err));
        spec.owner = made;
    }
    SLU_TRY(slu_partition_new(&spec, &partition, err));
    return slu_node_add_partition(task->nodes[node_of_operator(task, link->from_operator)], link->from_output, &partition, err);
}

static slu_status
add_outputs(slu_task_loop *task, slu_error *err)
{
    const uint32_t vertex = task->layout->tasks[task->spec.task].vertex;
    for (uint32_t i = 0; i < task->layout->link_count; i++)
        if (task->layout->links[i].from_vertex == vertex)
            SLU_TRY(add_output(task, &task->layout->links[i], err));
    return SLU_OK;
}

static uint32_t
channels_of_link(const slu_task_loop *task, const slu_link_edge *link)
{
    return link->partition == SLU_PARTITION_FORWARD ? 1 : task->layout->vertices[link->from_vertex].parallelism;
}

static slu_status
add_inputs(slu_task_loop *task, slu_error *err)
{
    const slu_link_edge *links = task->layout->links + task->vertex->input_first;
    uint32_t count = 0;
    for (uint32_t i = 0; i < task->vertex->input_count; i++)
        count += channels_of_link(task, &links[i]);
    if (count == 0)
        return SLU_OK;
    slu_channel **channels = slu_alloc_zero(count, sizeof *channels);
    task->channel_inputs = slu_alloc_zero(count, sizeof *task->channel_inputs);
    slu_status status =
        channels == NULL || task->channel_inputs == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %u inputs", count) : SLU_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; status == SLU_OK && i < task->vertex->input_count; i++) {
        const slu_link_edge *link = &links[i];
        for (uint32_t sender = 0; sender < channels_of_link(task, link); sender++) {
            const uint32_t at =
                link->partition == SLU_PARTITION_FORWARD ? task->subtask : sender * task->vertex->parallelism + task->subtask;
            task->channel_inputs[n] = link->to_input;
            channels[n++] = task->spec.channels[link->channel_first + at];
        }
    }
    if (status == SLU_OK)
        status = slu_inbox_new(channels, count, &task->inbox, err);
    if (status == SLU_OK)
        status = slu_align_new(count, &task->align, err);
    slu_free(channels);
    return status;
}

static void
ring_bell(void *owner)
{
    slu_bell_ring(owner);
}

static slu_status
add_node(slu_task_loop *task, uint32_t position, slu_error *err)
{
    const uint32_t index = task->vertex->operators[position];
    const slu_operator *op = &task->graph->operators[index];
    const slu_worker_spec *worker = task->spec.worker;
    const struct ArrowSchema **inputs = slu_alloc_zero(op->input_count + 1u, sizeof *inputs);
    if (inputs == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a chain");
    task->input_schemas[position] = inputs;
    for (uint32_t i = 0; i < op->input_count; i++) {
        slu_schema *schema = task->spec.schemas[op->inputs[i].from][op->inputs[i].from_output];
        inputs[i] = schema == NULL ? NULL : slu_schema_arrow(schema);
    }
    const slu_node_spec spec = {.env = worker->env,
                                .graph = task->graph,
                                .op = op,
                                .plugin = task->spec.plugins[index],
                                .registry = worker->registry,
                                .registry_lock = task->spec.registry_lock,
                                .account = task->spec.account,
                                .watches = task->watches,
                                .job_id = worker->job_id,
                                .attempt = worker->attempt,
                                .subtask = task->subtask,
                                .inputs = inputs,
                                .outputs = task->spec.schemas[index],
                                .restore = task->spec.restore,
                                .wake_owner = task->spec.bell,
                                .wake = ring_bell};
    SLU_TRY(slu_node_new(&spec, &task->nodes[position], err));
    const slu_node_runner runner = {task, snapshot_begin, snapshot_end, node_ended};
    slu_node_set_runner(task->nodes[position], &runner);
    return SLU_OK;
}

/* Ties a chained operator to its sender, once per input edge that comes from it. */
static slu_status
chain_node(slu_task_loop *task, uint32_t position, slu_error *err)
{
    const uint32_t from = task->vertex->chained_from[position];
    const slu_operator *op = &task->graph->operators[task->vertex->operators[position]];
    for (uint32_t i = 0; i < op->input_count; i++)
        if (op->inputs[i].from == task->vertex->operators[from])
            SLU_TRY(slu_node_add_child(task->nodes[from], op->inputs[i].from_output, task->nodes[position], i, err));
    return SLU_OK;
}

static slu_status
build(slu_task_loop *task, slu_error *err)
{
    task->nodes = slu_alloc_zero(task->node_count, sizeof *task->nodes);
    task->input_schemas = slu_alloc_zero(task->node_count, sizeof *task->input_schemas);
    if (task->nodes == NULL || task->input_schemas == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a task");
    SLU_TRY(slu_watches_new(task->spec.bell->fd, &task->watches, err));
    for (uint32_t i = 0; i < task->node_count; i++)
        SLU_TRY(add_node(task, i, err));
    for (uint32_t i = 1; i < task->node_count; i++)
        SLU_TRY(chain_node(task, i, err));
    return add_inputs(task, err);
}

slu_status
slu_task_new(const slu_task_spec *spec, slu_task_loop **out, slu_error *err)
{
    SLU_AUTO(slu_task_free) slu_task_loop *task = slu_alloc_zero(1, sizeof *task);
    if (task == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a task");
    task->spec = *spec;
    task->layout = spec->worker->layout;
    task->graph = task->layout->graph;
    task->vertex = &task->layout->vertices[task->layout->tasks[spec->task].vertex];
    task->subtask = task->layout->tasks[spec->task].subtask;
    task->node_count = task->vertex->operator_count;
    task->checkpoint = task->last_trigger = task->stopped = -1;
    task->held = spec->worker->hold_sources;
    atomic_init(&task->watermark_ms, INT64_MIN);
    (void)pthread_mutex_init(&task->lock, NULL);
    SLU_TRY(build(task, err));
    *out = slu_take(&task);
    return SLU_OK;
}

static void
note_failed(slu_task_loop *task, const slu_node *node)
{
    (void)snprintf(task->failed_operator, sizeof task->failed_operator, "%s", slu_node_id(node));
}

slu_status
slu_task_open(slu_task_loop *task, slu_error *err)
{
    SLU_TRY(add_outputs(task, err)); /* here and not in new: bucket functions belong to this thread */
    for (uint32_t i = task->node_count; i-- > 0;) {
        const slu_status status = slu_node_open(task->nodes[i], err);
        if (status != SLU_OK) {
            note_failed(task, task->nodes[i]);
            return status;
        }
    }
    task->last_ms = now_of(task);
    /* A source without a split will say nothing about time: others must not wait for it. */
    if (task->inbox == NULL && slu_node_without_splits(task->nodes[0]))
        return slu_node_forward(task->nodes[0], &(slu_item){.kind = SLU_ITEM_IDLE, .value = 1}, err);
    return SLU_OK;
}

void
slu_task_close(slu_task_loop *task)
{
    for (uint32_t i = 0; task->nodes != NULL && i < task->node_count; i++)
        if (task->nodes[i] != NULL)
            slu_node_close(task->nodes[i]);
    bucketers_close(task);
}

void
slu_task_drop_items(slu_task_loop *task)
{
    for (uint32_t i = 0; task->nodes != NULL && i < task->node_count; i++)
        if (task->nodes[i] != NULL)
            slu_node_drop_items(task->nodes[i]);
}

void
slu_task_free(slu_task_loop **owned)
{
    slu_task_loop *task = slu_take(owned);
    if (task == NULL)
        return;
    for (uint32_t i = 0; task->nodes != NULL && i < task->node_count; i++)
        slu_node_free(&task->nodes[i]);
    while (task->bucketers != NULL) {
        bucketer *next = task->bucketers->next;
        if (task->bucketers->open)
            task->bucketers->ops->close(task->bucketers->self);
        slu_services_free(&task->bucketers->services);
        slu_arena_fini(&task->bucketers->arena);
        slu_free(task->bucketers->self);
        slu_free(task->bucketers);
        task->bucketers = next;
    }
    for (uint32_t i = 0; task->input_schemas != NULL && i < task->node_count; i++)
        slu_free(task->input_schemas[i]);
    slu_free(task->input_schemas);
    slu_free(task->nodes);
    slu_inbox_free(&task->inbox);
    slu_align_free(&task->align);
    slu_snapshot_writer_free(&task->writer);
    slu_watches_free(&task->watches);
    slu_free(task->channel_inputs);
    (void)pthread_mutex_destroy(&task->lock);
    slu_free(task);
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
    else
        task->commands[(task->command_first + task->command_count++) % COMMANDS_MAX] = *command;
    (void)pthread_mutex_unlock(&task->lock);
    atomic_store(&task->command_hint, 1);
    slu_bell_ring(task->spec.bell);
    return command->kind == SLU_WORKER_CANCEL ? SLU_OK : status;
}

static bool
take_command(slu_task_loop *task, slu_worker_command *out)
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

static slu_status
use_aligned(slu_task_loop *task, const slu_aligned *aligned, slu_error *err)
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
        task->alignment_ms = now_of(task) - aligned->began_ms;
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
    if (task->stopped <= checkpoint)
        task->stopped = -1;
    if (task->align == NULL)
        return SLU_OK;
    slu_align_cancel(task->align, checkpoint, &aligned);
    aligned.aborted = -1; /* everybody is told by the coordinator */
    return use_aligned(task, &aligned, err);
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
            note_failed(task, task->nodes[i]);
            return status;
        }
    }
    return SLU_OK;
}

static slu_status
run_command(slu_task_loop *task, const slu_worker_command *command, slu_error *err)
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
    case SLU_WORKER_DRAIN: task->draining = task->inbox == NULL; return SLU_OK;
    default: return SLU_OK;
    }
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
            note_failed(task, task->nodes[i]);
            return status;
        }
    }
    return SLU_OK;
}

static slu_status
callbacks(slu_task_loop *task, bool *did, slu_error *err)
{
    bool called = false;
    const int64_t now = now_of(task);
    SLU_TRY(slu_watches_dispatch(task->watches, &called, err));
    for (uint32_t i = 0; i < task->node_count; i++) {
        bool one = false;
        const slu_status status = slu_node_step(task->nodes[i], now, &one, err);
        if (status != SLU_OK) {
            note_failed(task, task->nodes[i]);
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

/* A trigger becomes the source's snapshot and a barrier below it. */
static slu_status
source_barrier(slu_task_loop *task, slu_error *err)
{
    slu_snapshot_writer *writer = NULL;
    const slu_item barrier = task->trigger;
    task->trigger.kind = 0;
    task->alignment_ms = 0;
    SLU_TRY(snapshot_begin(task, barrier.value, &writer, err));
    SLU_TRY(slu_node_snapshot(task->nodes[0], barrier.value, writer, err));
    SLU_TRY(slu_node_forward(task->nodes[0], &barrier, err));
    snapshot_end(task, barrier.value);
    task->stopped = (barrier.flags & SLU_BARRIER_STOP) != 0 ? barrier.value : -1;
    return SLU_OK;
}

static slu_status
source_end(slu_task_loop *task, slu_error *err)
{
    task->source_ended = true;
    SLU_TRY(slu_node_forward(task->nodes[0], &(slu_item){.kind = SLU_ITEM_WATERMARK, .value = INT64_MAX}, err));
    SLU_TRY(slu_node_forward(task->nodes[0], &(slu_item){.kind = SLU_ITEM_END}, err));
    node_ended(task);
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
        SLU_TRY(slu_align_barrier(task->align, channel, item.value, item.flags, item.wall_ms, now_of(task), &aligned, err));
        if (aligned.aborted >= 0)
            tell(task, SLU_WORKER_DECLINED, aligned.aborted,
                 &(slu_error){.status = SLU_CONFLICT, .message = "a newer barrier came first"});
        if (aligned.unblock)
            slu_inbox_unblock_all(task->inbox);
        if (aligned.block)
            slu_inbox_block(task->inbox, channel);
        aligned.unblock = aligned.ready >= 0;
        return use_aligned(task, &aligned, err);
    case SLU_ITEM_CANCEL: slu_align_cancel(task->align, item.value, &aligned); return use_aligned(task, &aligned, err);
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
            SLU_TRY(source_barrier(task, err));
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
        tell(task, SLU_WORKER_ENDED, -1, NULL);
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
    const int64_t now = now_of(task);
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
    const int64_t now = now_of(task);
    for (uint32_t i = 0; i < task->node_count; i++)
        SLU_TRY(slu_node_flush(task->nodes[i], now, all, did, err));
    return SLU_OK;
}

slu_status
slu_task_step(slu_task_loop *task, slu_error *err)
{
    slu_worker_command command;
    bool did = false;
    if (task->finished)
        return SLU_END;
    while (take_command(task, &command)) {
        did = true;
        SLU_TRY(run_command(task, &command, err));
    }
    SLU_TRY(callbacks(task, &did, err));
    SLU_TRY(pump(task, &did, err));
    SLU_TRY(take_inputs(task, &did, err));
    SLU_TRY(pump(task, &did, err));
    SLU_TRY(flush_small(task, &did, err));
    publish_counters(task);
    if (after_end(task) == SLU_END)
        return SLU_END;
    return did ? SLU_MORE : SLU_AGAIN;
}

int64_t
slu_task_deadline(const slu_task_loop *task)
{
    const int64_t now = now_of(task);
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
    const int64_t before = now_of(task);
    const int64_t deadline = slu_task_deadline(task);
    int64_t wait = deadline == INT64_MAX ? SLEEP_MS_MAX : deadline - before;
    wait = wait < 0 ? 0 : wait > SLEEP_MS_MAX ? SLEEP_MS_MAX : wait;
    slu_watches_wait(task->watches, (int)wait);
    const int64_t after = now_of(task);
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
