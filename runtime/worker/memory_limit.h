/*
 * memory_limit.h: what a job's failure for want of memory says: the limit, and which operators hold most of it.
 *
 * Owns nothing. Threads: any, while the tasks exist.
 */
#ifndef SLU_WORKER_MEMORY_LIMIT_H
#define SLU_WORKER_MEMORY_LIMIT_H

#include "task.h"

/* Puts it in front of a NOMEM of a job whose account has a bound that was met; else leaves the error alone. */
void slu_memory_limit_explain(const slu_account *account, const slu_graph *graph, slu_task_loop *const *tasks, uint32_t task_count,
                              slu_error *err);

#endif
