/* task_build.c: the life of a task: its nodes, outputs and inputs. */
#include "task_internal.h"

#include "base/alloc.h"
#include "state/rocks/rocks.h"

struct bucketer {
    struct bucketer *next;
    const slu_partitioner_ops *ops;
    void *self;
    bool open;
    slu_services *services;
    slu_arena arena;
};

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
                                .backend = task->backend,
                                .files = {task->spec.state_dir, worker->stores, worker->checkpoint_dir, task->spec.task},
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
    const slu_node_runner runner = {task, task_snapshot_begin, task_snapshot_end, task_node_ended};
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

/* A backend belongs to one thread: each task has its own, and all its operators share its memory. */
static slu_status
make_backend(slu_task_loop *task, slu_error *err)
{
    char dir[2 * SLU_PATH_BYTES_MAX];
    const size_t memory = (size_t)task->graph->state.memory_bytes;
    if (task->spec.state_dir == NULL)
        return SLU_OK;
    (void)snprintf(dir, sizeof dir, "%s/task-%u", task->spec.state_dir, task->spec.task);
    const slu_rocks_spec spec = {.dir = dir, .cache_bytes = memory / 4, .rows_bytes = memory / 2, .account = task->spec.account};
    return slu_rocks_new(&spec, &task->backend, err);
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
    task->checkpoint = task->last_trigger = task->stopped = task->rules_cancelled = -1;
    task->held = spec->worker->hold_sources;
    atomic_init(&task->watermark_ms, INT64_MIN);
    (void)pthread_mutex_init(&task->lock, NULL);
    SLU_TRY(make_backend(task, err));
    SLU_TRY(build(task, err));
    *out = slu_take(&task);
    return SLU_OK;
}

slu_status
slu_task_open(slu_task_loop *task, slu_error *err)
{
    SLU_TRY(add_outputs(task, err)); /* here and not in new: bucket functions belong to this thread */
    for (uint32_t i = task->node_count; i-- > 0;) {
        const slu_status status = slu_node_open(task->nodes[i], err);
        if (status != SLU_OK) {
            task_note_failed(task, task->nodes[i]);
            return status;
        }
    }
    task->last_ms = task_now(task);
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
    slu_rocks_free(&task->backend);
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
    for (uint32_t i = 0; i < task->command_count; i++)
        slu_ruleset_unref(&task->commands[(task->command_first + i) % COMMANDS_MAX].rules);
    (void)pthread_mutex_destroy(&task->lock);
    slu_free(task);
}
