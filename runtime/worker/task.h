/*
 * task.h: one task: a chain of operators with its inputs and outputs, as a step machine.
 *
 * One step commands; callbacks that are due; what waits in the chain; then, while the chain is clear and every output has room, new
 *          input: an item of the inbox, or a poll of the source.
 * Barrier  at the source: a trigger becomes a snapshot of the source and a barrier below it. At the inbox: alignment decides. Each node
 *          writes its state as the barrier passes; after the last one the file is handed over to be written, and the checkpoint acknowledged when it is.
 * End      a source that ENDs sends the last watermark and END, and still answers triggers; the task is FINISHED after the COMPLETE of
 *          a final checkpoint, once its sinks have committed.
 * Threads  everything but slu_task_command, slu_task_counters_get and the bell: the task's own.
 * Errors   of step: what failed, with the operator's id in front; afterwards only slu_task_close is to be called.
 */
#ifndef SLU_WORKER_TASK_H
#define SLU_WORKER_TASK_H

#include "node.h"
#include "worker.h"
#include "writing.h"

#include "checkpoint/align.h"
#include "exchange/inbox.h"

typedef struct slu_task_loop slu_task_loop;

typedef struct slu_task_spec {
    const slu_worker_spec *worker; /* borrowed */
    uint32_t task;                 /* of the layout */
    slu_bell *bell;                /* the task's own */
    pthread_mutex_t *registry_lock;
    slu_account *account;
    const char *state_dir;             /* of the worker, for RocksDB; NULL: states are on the heap */
    slu_schema *const *const *schemas; /* [operator][output] */
    const slu_plugin *const *plugins;  /* [operator] */
    slu_channel *const *channels;      /* of the layout, NULL where not ours */
    const slu_restore *restore;
    slu_writing *writing; /* NULL: the task writes its snapshots itself */
    void *owner;
    void (*event)(void *owner, const slu_worker_event *event); /* copies; any task's thread */
} slu_task_spec;

SLU_CHECK slu_status slu_task_new(const slu_task_spec *spec, slu_task_loop **out, slu_error *err);
/* Opens and restores every operator, the last first. */
SLU_CHECK slu_status slu_task_open(slu_task_loop *task, slu_error *err);
/* MORE: something was done; AGAIN: it waits; END: it is finished. */
SLU_CHECK slu_status slu_task_step(slu_task_loop *task, slu_error *err);
int64_t slu_task_deadline(const slu_task_loop *task); /* now_ms clock; INT64_MAX: only by bell or descriptor */
/* Arms the bell, looks once more, sleeps; for the thread. */
void slu_task_sleep(slu_task_loop *task);
slu_watches *slu_task_watches(slu_task_loop *task);
void slu_task_close(slu_task_loop *task); /* closes every instance; outputs and services stay */
/* Lets go of every batch under way in the chain: before the services of any task are freed. */
void slu_task_drop_items(slu_task_loop *task);
void slu_task_free(slu_task_loop **task);

SLU_CHECK slu_status slu_task_command(slu_task_loop *task, const slu_worker_command *command, slu_error *err);
bool slu_task_cancelled(const slu_task_loop *task);
slu_task_counters slu_task_counters_get(const slu_task_loop *task);
/* Of the operator that failed last; "" when none. */
const char *slu_task_failed_operator(const slu_task_loop *task);
uint32_t slu_task_node_count(const slu_task_loop *task);
slu_node *slu_task_node(const slu_task_loop *task, uint32_t position);
uint32_t slu_task_subtask(const slu_task_loop *task);

#endif
