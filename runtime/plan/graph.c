#include "graph.h"

#include "base/alloc.h"
#include "batch/schema.h"

#include <ctype.h>

slu_status
slu_graph_new(slu_graph **out, slu_error *err)
{
    slu_graph *graph = slu_alloc_zero(1, sizeof *graph);
    if (graph == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a job graph");
    slu_arena_init(&graph->arena, SLU_GRAPH_BYTES_MAX);
    graph->name = "";
    graph->source_path = "";
    graph->parallelism = 1;
    graph->max_parallelism = SLU_KEY_GROUPS_DEFAULT;
    graph->flush_interval_ms = 5;
    graph->checkpoint = (slu_checkpoint_settings){.timeout_ms = 600000, .retained = 1, .dir = ""};
    graph->state = (slu_state_settings){.backend = SLU_STATE_HEAP, .incremental = 1, .memory_bytes = 64 << 20, .local_dir = ""};
    graph->restart =
        (slu_restart_settings){.strategy = SLU_RESTART_EXPONENTIAL, .delay_ms = 1000, .delay_max_ms = 60000, .reset_ms = 3600000};
    *out = graph;
    return SLU_OK;
}

void
slu_graph_free(slu_graph **graph)
{
    slu_graph *g = *graph;
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < g->operator_count; i++) {
        const slu_operator *op = &g->operators[i];
        for (uint32_t k = 0; op->outputs != NULL && k < op->output_count; k++)
            if (op->outputs[k] != NULL)
                slu_schema_release((struct ArrowSchema *)(uintptr_t)op->outputs[k]);
    }
    slu_arena_fini(&g->arena);
    slu_free(g);
    *graph = NULL;
}

const char *
slu_partition_name(uint32_t partition)
{
    static const char *const names[] = {"?", "forward", "hash", "bucket", "rebalance", "broadcast", "global"};
    return partition <= SLU_PARTITION_GLOBAL ? names[partition] : "?";
}

/* ---- Checks ------------------------------------------------------------------------------------------------------------------ */

/* An error at the value of one key of an operator, or at the operator itself. */
#define operator_fail(err, op, key, ...)                                                                                           \
    (__extension__({                                                                                                               \
        const slu_value *const fail_at_ = (op)->node == NULL ? NULL : slu_value_get((op)->node, (key));                            \
        const slu_status fail_status_ = slu_error_at((err), SLU_INVALID, fail_at_, 0, __VA_ARGS__);                                \
        if ((err) != NULL && fail_at_ == NULL) {                                                                                   \
            (err)->line = (op)->line;                                                                                              \
            (err)->column = (op)->column;                                                                                          \
        }                                                                                                                          \
        fail_status_;                                                                                                              \
    }))

static slu_status
id_check(const slu_operator *op, slu_error *err)
{
    const size_t bytes = strnlen(op->id, SLU_OPERATOR_ID_BYTES_MAX + 1);
    if (bytes == 0 || bytes > SLU_OPERATOR_ID_BYTES_MAX)
        return operator_fail(err, op, "id", "an operator's id has 1 to %d characters", SLU_OPERATOR_ID_BYTES_MAX);
    if (!isalpha((unsigned char)op->id[0]))
        return operator_fail(err, op, "id", "operator id \"%s\" does not begin with a letter", op->id);
    for (const char *at = op->id; *at != 0; at++)
        if (!isalnum((unsigned char)*at) && *at != '_' && *at != '-')
            return operator_fail(err, op, "id", "operator id \"%s\" has the character '%c': letters, digits, _ and - are allowed",
                                 op->id, *at);
    return SLU_OK;
}

static slu_status
ids_check(const slu_graph *graph, slu_error *err)
{
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        SLU_TRY(id_check(op, err));
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(op->id, graph->operators[k].id) == 0)
                return operator_fail(err, op, "id", "operator id %s is already used in line %u", op->id, graph->operators[k].line);
    }
    return SLU_OK;
}

/* What is left when nothing can be placed any more holds a cycle: follow first unplaced inputs until an operator comes twice. */
static slu_status
cycle_fail(const slu_graph *graph, const uint32_t *place, slu_error *err)
{
    char path[512];
    uint32_t at = 0;
    while (place[at] != UINT32_MAX)
        at++;
    for (uint32_t step = 0, k = 0; step < graph->operator_count; step++, k = 0) {
        while (place[graph->operators[at].inputs[k].from] != UINT32_MAX)
            k++;
        at = graph->operators[at].inputs[k].from;
    }
    const uint32_t first = at;
    size_t bytes = (size_t)snprintf(path, sizeof path, "%s", graph->operators[at].id);
    do {
        uint32_t k = 0;
        while (place[graph->operators[at].inputs[k].from] != UINT32_MAX)
            k++;
        at = graph->operators[at].inputs[k].from;
        if (bytes < sizeof path)
            bytes += (size_t)snprintf(path + bytes, sizeof path - bytes, " <- %s", graph->operators[at].id);
    } while (at != first);
    return operator_fail(err, &graph->operators[first], "from", "operators feed each other in a circle: %s", path);
}

/* Kahn's order, taking the first ready operator of the file each time: place[i] is where operator i goes. */
static slu_status
order_find(const slu_graph *graph, uint32_t *place, slu_error *err)
{
    const uint32_t count = graph->operator_count;
    for (uint32_t i = 0; i < count; i++)
        place[i] = UINT32_MAX;
    for (uint32_t next = 0; next < count; next++) {
        uint32_t ready = UINT32_MAX;
        for (uint32_t i = 0; i < count && ready == UINT32_MAX; i++) {
            bool fed = place[i] == UINT32_MAX;
            for (uint32_t k = 0; k < graph->operators[i].input_count && fed; k++)
                fed = place[graph->operators[i].inputs[k].from] != UINT32_MAX;
            ready = fed ? i : UINT32_MAX;
        }
        if (ready == UINT32_MAX)
            return cycle_fail(graph, place, err);
        place[ready] = next;
    }
    return SLU_OK;
}

static slu_status
order_apply(slu_graph *graph, const uint32_t *place, slu_error *err)
{
    slu_operator *ordered = slu_arena_array(&graph->arena, graph->operator_count, sizeof *ordered);
    SLU_TRY(slu_arena_status(&graph->arena, err));
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        slu_edge *inputs = slu_arena_array(&graph->arena, op->input_count, sizeof *inputs);
        SLU_TRY(slu_arena_status(&graph->arena, err));
        for (uint32_t k = 0; k < op->input_count; k++) {
            inputs[k] = op->inputs[k];
            inputs[k].from = place[op->inputs[k].from];
        }
        ordered[place[i]] = *op;
        ordered[place[i]].inputs = inputs;
    }
    graph->operators = ordered;
    return SLU_OK;
}

slu_status
slu_graph_check(slu_graph *graph, slu_error *err)
{
    uint32_t place[SLU_OPERATORS_MAX];
    if (graph->operator_count == 0)
        return slu_error_set(err, SLU_INVALID, "the job has no operators");
    if (graph->operator_count > SLU_OPERATORS_MAX)
        return slu_error_set(err, SLU_LIMIT, "the job has %u operators: at most %d are allowed", graph->operator_count,
                             SLU_OPERATORS_MAX);
    SLU_TRY(ids_check(graph, err));
    SLU_TRY(order_find(graph, place, err));
    return order_apply(graph, place, err);
}
