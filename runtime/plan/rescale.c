#include "plan/rescale.h"

#include "base/sizes.h"
#include "base/suggest.h"

#include <inttypes.h>
#include <string.h>

static slu_status
operator_unknown(const slu_graph *graph, const char *id, slu_error *err)
{
    const char *known[SLU_OPERATORS_MAX];
    for (uint32_t i = 0; i < graph->operator_count; i++)
        known[i] = graph->operators[i].id;
    const char *near = slu_suggest(id, known, graph->operator_count);
    return slu_error_set(err, SLU_INVALID, "job %s has no operator \"%s\"%s%s%s", graph->name, id,
                         near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static bool
wanted(const slu_operator *op, const slu_rescale_want *want)
{
    return want->operator_id[0] == 0 ? (op->flags & SLU_OPERATOR_OWN_PARALLELISM) == 0 : strcmp(op->id, want->operator_id) == 0;
}

static slu_status
want_apply(slu_graph *graph, const slu_rescale_want *want, bool *changed, slu_error *err)
{
    bool found = false;
    if (want->parallelism < 1 || want->parallelism > SLU_MIN(graph->max_parallelism, (uint32_t)SLU_PARALLELISM_MAX))
        return slu_error_set(
            err, SLU_INVALID,
            "parallelism %" PRIu64 " of %s: the job's max parallelism is %" PRIu32 " (its number of key groups, which is for ever)",
            want->parallelism, want->operator_id[0] == 0 ? graph->name : want->operator_id, graph->max_parallelism);
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        slu_operator *op = &graph->operators[i];
        if (!wanted(op, want))
            continue;
        found = true;
        *changed = *changed || op->parallelism != want->parallelism;
        op->parallelism = (uint32_t)want->parallelism;
    }
    if (want->operator_id[0] != 0)
        return found ? SLU_OK : operator_unknown(graph, want->operator_id, err);
    graph->parallelism = (uint32_t)want->parallelism;
    return SLU_OK;
}

static void
edge_adapt(const slu_graph *graph, const slu_operator *op, slu_edge *edge)
{
    const bool buckets = (op->flags & SLU_OPERATOR_BUCKETS) != 0;
    if (edge->partition != SLU_PARTITION_FORWARD)
        return;
    if (buckets && op->parallelism > 1)
        edge->partition = SLU_PARTITION_BUCKET;
    else if (graph->operators[edge->from].parallelism != op->parallelism)
        edge->partition = SLU_PARTITION_REBALANCE;
}

slu_status
slu_graph_rescale(slu_graph *graph, const slu_rescale_want *wants, uint32_t want_count, slu_error *err)
{
    bool changed = false;
    for (uint32_t i = 0; i < want_count; i++)
        SLU_TRY(want_apply(graph, &wants[i], &changed, err));
    if (!changed)
        return slu_error_set(err, SLU_INVALID, "job %s has that parallelism already", graph->name);
    for (uint32_t i = 0; i < graph->operator_count; i++)
        for (uint32_t k = 0; k < graph->operators[i].input_count;
             k++) /* edges are in the graph's own arena: const only to readers */
            edge_adapt(graph, &graph->operators[i], (slu_edge *)(uintptr_t)&graph->operators[i].inputs[k]);
    return SLU_OK;
}
