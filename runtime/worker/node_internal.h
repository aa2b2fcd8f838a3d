/* node_internal.h: a node as node.c (life and items), node_restore.c, node_snapshot.c and node_commit.c see it; nobody else includes it. */
#ifndef SLU_WORKER_NODE_INTERNAL_H
#define SLU_WORKER_NODE_INTERNAL_H

#include "node.h"

#include "base/key_group.h"
#include "checkpoint/shared.h"

#define OUTPUTS_MAX 16u

#define STAGE_NEW 0u
#define STAGE_CALLED 1u /* watermark or end was called (perhaps MORE), timers and forwarding remain */

typedef struct queued {
    slu_item item;
    uint32_t input;
} queued;

typedef struct child {
    uint32_t output;
    uint32_t input;
    slu_node *node;
} child;

typedef struct exit_edge {
    uint32_t output;
    slu_partition *partition;
} exit_edge;

/* What a sink prepared for a checkpoint, until it is committed. */
typedef struct committable {
    struct committable *next;
    int64_t checkpoint;
    bool whole;    /* its checkpoint is whole: commit it */
    bool restored; /* rows wait for it */
    size_t bytes;
    uint8_t data[];
} committable;

/* What checkpoints stored of a state that is files. */
typedef struct stored_state {
    struct stored_state *next;
    const slu_state *state;
    slu_shared_set *set;
} stored_state;

/* The sets of an operator's rules; NULL in `now`: the descriptor's, version 1. */
typedef struct node_rules {
    slu_ruleset *now, *before, *staged;
    int64_t switched; /* the checkpoint at whose barrier `now` came, while that is not whole; -1: none */
} node_rules;

struct slu_node {
    slu_node_spec spec;
    slu_node_runner runner;
    const slu_source_ops *source;
    const slu_operator_ops *op;
    const slu_sink_ops *sink;
    void *self;
    bool open;
    slu_services *services;
    slu_arena arena;
    const void *options;
    child *children;
    uint32_t child_count;
    exit_edge *exits;
    uint32_t exit_count;
    queued *queue; /* a ring */
    uint32_t queue_first, queue_count, queue_capacity;
    uint32_t stage; /* of the first queued item */
    bool more;
    bool refused;
    bool handling;
    int64_t watermark_ms;
    committable *staged, **staged_last;
    bool commit_refused;
    uint32_t assigned; /* splits of a source */
    bool restore_over; /* the files of the checkpoint may be gone */
    stored_state *stored;
    uint32_t copy_count; /* of its states, so far: their folders' names */
    node_rules rules;
    const char **restorable; /* names of states that the checkpoint holds something of */
    uint32_t restorable_count;
    _Atomic int64_t rows_out, bytes_out, batches_out, state_bytes;
};

/* The key groups of its subtask. */
static inline uint32_t
node_group_first(const slu_node *node)
{
    return slu_key_group_first(node->spec.subtask, node->spec.op->parallelism, node->spec.graph->max_parallelism);
}

static inline uint32_t
node_group_last(const slu_node *node)
{
    return slu_key_group_last(node->spec.subtask, node->spec.op->parallelism, node->spec.graph->max_parallelism);
}

/* ---- node.c */
/* The failure with the operator's name and subtask. */
slu_status node_failed(const slu_node *node, slu_status status, slu_error *err);

/* ---- node_restore.c */
/* Of a slu_services: gives a state, or the timers, what the checkpoint holds for this subtask. */
slu_status node_restore_state(void *owner, slu_state *state, slu_error *err);
slu_status node_restore_timers(void *owner, slu_timers *timers, slu_error *err);
/* What plugin and sink wrote themselves. */
slu_status node_restore(slu_node *node, slu_error *err);
/* A source's splits: those of the checkpoint, else its share of the plan's. */
slu_status node_assign_splits(slu_node *node, slu_error *err);

/* ---- node_files.c */
/* Of a state that has files: a copy now, which is stored later. UNSUPPORTED: it has none. */
slu_status node_snapshot_files(slu_node *node, slu_state *state, const slu_section *section, int64_t checkpoint,
                               slu_snapshot_writer *writer, slu_error *err);
/* Gives a state what a FILES section of a restored file holds for this subtask. */
slu_status node_restore_files(slu_node *node, slu_state *state, uint32_t file, uint32_t section, slu_error *err);
void node_files_free(slu_node *node);

/* ---- node_rules.c */
SLU_CHECK slu_status node_rules_switch(slu_node *node, int64_t checkpoint, slu_error *err); /* at the barrier of that checkpoint */
SLU_CHECK slu_status node_rules_keep(slu_node *node, int64_t checkpoint, slu_error *err);   /* it is whole */
SLU_CHECK slu_status node_rules_back(slu_node *node, int64_t checkpoint, slu_error *err);   /* it will not be */
SLU_CHECK slu_status node_snapshot_rules(slu_node *node, slu_snapshot_writer *writer, slu_error *err);
SLU_CHECK slu_status node_rules_take(slu_node *node, slu_view record, slu_error *err); /* of a checkpoint */
SLU_CHECK slu_status node_rules_restored(slu_node *node, slu_error *err); /* tells the plugin, between open and restore */
void node_rules_free(slu_node *node);

/* ---- node_commit.c */
/* Keeps what a sink prepared until its checkpoint is whole. `restored`: it is. */
slu_status node_stage(slu_node *node, int64_t checkpoint, const void *data, size_t bytes, bool restored, slu_error *err);
/* Lets the sink prepare for a checkpoint; AGAIN: it is not done. */
slu_status node_prepare(slu_node *node, int64_t checkpoint, slu_error *err);
/* Commits, in order, what belongs to whole checkpoints. */
slu_status node_commit(slu_node *node, bool *did, slu_error *err);
slu_status node_snapshot_committables(slu_node *node, slu_snapshot_writer *writer, slu_error *err);

#endif
