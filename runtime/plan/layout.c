#include "layout.h"

#include "base/alloc.h"

#define LAYOUT_BYTES_MAX ((size_t)64 << 20)
#define LAYOUT_CHANNELS_MAX (1 << 20) /* 12 MiB of plan; no sum of channels comes near 32 bits */

/* What is known while a layout is being made: which vertex an operator went to, and at which place in its chain. */
typedef struct build {
    const slu_graph *graph;
    slu_layout *layout;
    slu_vertex *vertices;
    slu_link_edge *links;
    uint32_t *vertex_of;   /* by operator */
    uint32_t *position_of; /* by operator */
} build;

/* ---- Chains ------------------------------------------------------------------------------------------------------------------ */

static bool
operator_chains(const slu_graph *graph, const slu_operator *op)
{
    return op->input_count == 1 && op->inputs[0].partition == SLU_PARTITION_FORWARD &&
           graph->operators[op->inputs[0].from].parallelism == op->parallelism;
}

/* Gives every operator a vertex; counts what each vertex will hold. */
static slu_status
vertices_count(build *b, slu_error *err)
{
    const uint32_t count = b->graph->operator_count;
    slu_arena *arena = &b->layout->arena;
    b->vertex_of = slu_arena_array(arena, count, sizeof *b->vertex_of);
    b->position_of = slu_arena_array(arena, count, sizeof *b->position_of);
    b->vertices = slu_arena_array(arena, count, sizeof *b->vertices);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 0; i < count; i++) {
        const slu_operator *op = &b->graph->operators[i];
        b->vertex_of[i] = operator_chains(b->graph, op) ? b->vertex_of[op->inputs[0].from] : b->layout->vertex_count++;
        slu_vertex *vertex = &b->vertices[b->vertex_of[i]];
        vertex->parallelism = op->parallelism;
        b->position_of[i] = vertex->operator_count++;
    }
    return SLU_OK;
}

/* Fills one vertex: its operators in graph order, who feeds whom, its name. */
static slu_status
vertex_fill(build *b, uint32_t index, slu_error *err)
{
    slu_vertex *vertex = &b->vertices[index];
    slu_arena *arena = &b->layout->arena;
    uint32_t *operators = slu_arena_array(arena, vertex->operator_count, sizeof *operators);
    uint32_t *chained_from = slu_arena_array(arena, vertex->operator_count, sizeof *chained_from);
    SLU_TRY(slu_arena_status(arena, err));
    const char *name = NULL;
    for (uint32_t i = 0; i < b->graph->operator_count; i++) {
        const slu_operator *op = &b->graph->operators[i];
        if (b->vertex_of[i] != index)
            continue;
        const uint32_t position = b->position_of[i];
        operators[position] = i;
        chained_from[position] = position == 0 ? 0 : b->position_of[op->inputs[0].from];
        name = name == NULL ? op->id : slu_arena_printf(arena, "%s -> %s", name, op->id);
        SLU_TRY(slu_arena_status(arena, err));
    }
    vertex->operators = operators;
    vertex->chained_from = chained_from;
    vertex->name = name;
    return SLU_OK;
}

/* ---- Links, tasks, channels -------------------------------------------------------------------------------------------------- */

static uint32_t
link_channels(const build *b, const slu_link_edge *link)
{
    const uint32_t senders = b->vertices[link->from_vertex].parallelism;
    const uint32_t receivers = b->vertices[link->to_vertex].parallelism;
    return link->partition == SLU_PARTITION_FORWARD ? senders : senders * receivers;
}

/* Links of one head operator; vertices are made in graph order, so that links come out sorted by (to_vertex, to_input). */
static slu_status
links_of_vertex(build *b, uint32_t index, slu_error *err)
{
    slu_layout *layout = b->layout;
    const uint32_t head = b->vertices[index].operators[0];
    const slu_operator *op = &b->graph->operators[head];
    b->vertices[index].input_first = layout->link_count;
    b->vertices[index].input_count = op->input_count;
    for (uint32_t k = 0; k < op->input_count; k++) {
        const slu_edge *edge = &op->inputs[k];
        slu_link_edge *link = &b->links[layout->link_count++];
        *link = (slu_link_edge){.from_vertex = b->vertex_of[edge->from],
                                .from_operator = edge->from,
                                .from_output = edge->from_output,
                                .to_vertex = index,
                                .to_operator = head,
                                .to_input = k,
                                .partition = edge->partition,
                                .channel_first = layout->channel_count};
        link->channel_count = link_channels(b, link);
        layout->channel_count += link->channel_count;
        if (layout->channel_count > LAYOUT_CHANNELS_MAX)
            return slu_error_set(err, SLU_LIMIT, "the job has more than %d channels", LAYOUT_CHANNELS_MAX);
    }
    return SLU_OK;
}

static uint32_t
edges_count(const slu_graph *graph)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->operator_count; i++)
        count += graph->operators[i].input_count;
    return count;
}

static slu_status
tasks_fill(build *b, slu_error *err)
{
    slu_layout *layout = b->layout;
    for (uint32_t v = 0; v < layout->vertex_count; v++) {
        b->vertices[v].task_first = layout->task_count;
        layout->task_count += b->vertices[v].parallelism;
    }
    if (layout->task_count > SLU_TASKS_MAX)
        return slu_error_set(err, SLU_LIMIT, "the job has %u tasks: at most %d are allowed", layout->task_count, SLU_TASKS_MAX);
    slu_task *tasks = slu_arena_array(&layout->arena, layout->task_count, sizeof *tasks);
    SLU_TRY(slu_arena_status(&layout->arena, err));
    for (uint32_t v = 0; v < layout->vertex_count; v++)
        for (uint32_t s = 0; s < b->vertices[v].parallelism; s++)
            tasks[b->vertices[v].task_first + s] = (slu_task){v, s};
    layout->tasks = tasks;
    return SLU_OK;
}

static void
channels_of_link(const build *b, uint32_t index, slu_channel_plan *channels)
{
    const slu_link_edge *link = &b->links[index];
    const slu_vertex *from = &b->vertices[link->from_vertex];
    const slu_vertex *to = &b->vertices[link->to_vertex];
    for (uint32_t i = 0; i < link->channel_count; i++) {
        const bool forward = link->partition == SLU_PARTITION_FORWARD;
        const uint32_t sender = forward ? i : i / to->parallelism;
        const uint32_t receiver = forward ? i : i % to->parallelism;
        channels[link->channel_first + i] = (slu_channel_plan){index, from->task_first + sender, to->task_first + receiver};
    }
}

static slu_status
channels_fill(build *b, slu_error *err)
{
    slu_layout *layout = b->layout;
    slu_channel_plan *channels = slu_arena_array(&layout->arena, layout->channel_count, sizeof *channels);
    SLU_TRY(slu_arena_status(&layout->arena, err));
    for (uint32_t i = 0; i < layout->link_count; i++)
        channels_of_link(b, i, channels);
    layout->channels = channels;
    return SLU_OK;
}

static slu_status
layout_build(build *b, slu_error *err)
{
    slu_layout *layout = b->layout;
    SLU_TRY(vertices_count(b, err));
    SLU_TRY(tasks_fill(b, err));
    b->links = slu_arena_array(&layout->arena, edges_count(b->graph), sizeof *b->links);
    SLU_TRY(slu_arena_status(&layout->arena, err));
    for (uint32_t v = 0; v < layout->vertex_count; v++) {
        SLU_TRY(vertex_fill(b, v, err));
        SLU_TRY(links_of_vertex(b, v, err));
    }
    layout->vertices = b->vertices;
    layout->links = b->links;
    return channels_fill(b, err);
}

slu_status
slu_layout_new(const slu_graph *graph, slu_layout **out, slu_error *err)
{
    SLU_AUTO(slu_layout_free) slu_layout *layout = slu_alloc_zero(1, sizeof *layout);
    if (layout == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a layout");
    slu_arena_init(&layout->arena, LAYOUT_BYTES_MAX);
    layout->graph = graph;
    layout->version = 1;
    build b = {.graph = graph, .layout = layout};
    SLU_TRY(layout_build(&b, err));
    *out = slu_take(&layout);
    return SLU_OK;
}

void
slu_layout_free(slu_layout **layout)
{
    if (*layout == NULL)
        return;
    slu_arena_fini(&(*layout)->arena);
    slu_free(*layout);
    *layout = NULL;
}
