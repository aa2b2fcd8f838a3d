/*
 * measures.h: what the tasks of a worker measure, as METRIC items of a message.
 *
 * Shape    rows, bytes, batches, time, watermark and state of each task, and what its plugins count, as OPERATOR.NAME.
 * Owns     items and names live in the arena.
 * Threads  the worker's owner.
 * Limits   SLU_MEASURES_OF_PLUGINS per task; names that are too long for a reader are left out.
 */
#ifndef SLU_WORKER_MEASURES_H
#define SLU_WORKER_MEASURES_H

#include "worker.h"

#include "control/message.h"

#define SLU_MEASURES_OF_PLUGINS 200u

typedef struct slu_measures {
    slu_arena *arena;
    slu_message *items;
    uint32_t count, capacity;
} slu_measures;

/* `more`: room for that many slu_measures_add beyond those of the tasks. NOMEM. */
SLU_CHECK slu_status slu_measures_new(slu_arena *arena, uint32_t tasks, uint32_t more, slu_measures *out, slu_error *err);
void slu_measures_add(slu_measures *m, uint32_t task, const char *name, int64_t value);
/* Of the task at a position of the worker. */
void slu_measures_task(slu_measures *m, const slu_worker *worker, uint32_t position, uint32_t task);

#endif
