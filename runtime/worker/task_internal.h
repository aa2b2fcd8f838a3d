/* task_internal.h: a task as task.c (the loop), task_build.c (life) and task_checkpoint.c (commands, barriers) see it; nobody else includes it. */
#ifndef SLU_WORKER_TASK_INTERNAL_H
#define SLU_WORKER_TASK_INTERNAL_H

#include "task.h"

#include "control/message.h"

#define COMMANDS_MAX 64u

/* How one output that leaves by `bucket` asks the receiving plugin where rows go. */
typedef struct bucketer bucketer;

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
    slu_state_backend *backend; /* NULL: the heap */

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
    bool stopped_for_rules;
    int64_t rules_cancelled; /* newest checkpoint whose rules were taken back; -1: none */
    bool draining;           /* it is to end as if its data had ended */

    uint32_t nodes_ended;
    bool ended_told;
    bool final; /* COMPLETE of the final checkpoint came */
    bool finished;

    _Atomic int64_t rows_in, bytes_in, batches_in, busy_ms, idle_ms, backpressured_ms, watermark_ms, state_bytes;
    int64_t last_ms;
    char failed_operator[SLU_NAME_BYTES_MAX];
};

static inline int64_t
task_now(const slu_task_loop *task)
{
    return slu_now_ms(task->spec.worker->env);
}

/* ---- task.c */
void task_tell(slu_task_loop *task, uint32_t kind, int64_t checkpoint, const slu_error *error);
void task_note_failed(slu_task_loop *task, const slu_node *node);

/* ---- task_checkpoint.c */
/* Of a slu_node_runner. */
slu_status task_snapshot_begin(void *owner, int64_t checkpoint, slu_snapshot_writer **writer, slu_error *err);
void task_snapshot_end(void *owner, int64_t checkpoint);
void task_node_ended(void *owner);
/* What alignment decided, done. */
slu_status task_use_aligned(slu_task_loop *task, const slu_aligned *aligned, slu_error *err);
/* A trigger becomes the source's snapshot and a barrier below it. */
slu_status task_source_barrier(slu_task_loop *task, slu_error *err);
bool task_take_command(slu_task_loop *task, slu_worker_command *out);
slu_status task_run_command(slu_task_loop *task, const slu_worker_command *command, slu_error *err);

#endif
