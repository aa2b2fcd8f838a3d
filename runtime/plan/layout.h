/*
 * layout.h: how a graph runs: chains of operators become vertices, vertices become tasks, edges become channels.
 *
 * Shape    derived from a graph alone and deterministic, so that every process computes the same layout and only the graph
 *          travels. Task numbers run vertex by vertex, subtask by subtask; channel numbers edge by edge, then sender, then receiver.
 * Chain    Flink's rules: one input, forward edge, equal parallelism, no union.
 * Owns     the layout owns its arena and borrows the graph, which outlives it.
 */
#ifndef SLU_PLAN_LAYOUT_H
#define SLU_PLAN_LAYOUT_H

#include "graph.h"

#include "base/key_group.h" /* slu_key_group and its ranges */

typedef struct slu_vertex {
    const char *name; /* "transactions -> suspicious" */
    uint32_t parallelism;
    uint32_t operator_count;
    const uint32_t *operators;    /* head first; a chain may branch: chained_from gives each one's sender */
    const uint32_t *chained_from; /* position in `operators` of the one that feeds it; position 0: unused */
    uint32_t task_first;
    uint32_t input_first; /* into layout->links: links that end here */
    uint32_t input_count;
} slu_vertex;

/* An edge between two vertices. */
typedef struct slu_link_edge {
    uint32_t from_vertex;
    uint32_t from_operator; /* graph index */
    uint32_t from_output;
    uint32_t to_vertex;
    uint32_t to_operator; /* graph index; always the head of to_vertex */
    uint32_t to_input;
    uint32_t partition;
    uint32_t channel_first; /* FORWARD: one channel per subtask; else sender * receivers + receiver */
    uint32_t channel_count;
} slu_link_edge;

typedef struct slu_task {
    uint32_t vertex;
    uint32_t subtask;
} slu_task;

typedef struct slu_channel_plan {
    uint32_t edge; /* into links */
    uint32_t from_task;
    uint32_t to_task;
} slu_channel_plan;

typedef struct slu_layout {
    slu_arena arena;
    const slu_graph *graph;
    uint32_t version; /* rescale gives the next one; the first engine has 1 */
    uint32_t vertex_count;
    const slu_vertex *vertices;
    uint32_t link_count;
    const slu_link_edge *links; /* sorted by to_vertex, to_input */
    uint32_t task_count;
    const slu_task *tasks;
    uint32_t channel_count;
    const slu_channel_plan *channels;
} slu_layout;

SLU_CHECK slu_status slu_layout_new(const slu_graph *graph, slu_layout **out, slu_error *err);
void slu_layout_free(slu_layout **layout);

/* Splits of a source go round robin: subtask of split number i. */
static inline uint32_t
slu_split_subtask(uint32_t split_index, uint32_t parallelism)
{
    return split_index % parallelism;
}

#endif
