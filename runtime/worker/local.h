/*
 * local.h: a whole job in this process: `sluice run --local`, the debugger of plugin authors, and every test of the engine.
 *
 * Shape    a worker with every task, the checkpoint coordinator, and the restart strategy of the graph around them. run drives it to
 *          its end on the caller's thread with tasks on threads of their own; open, step, close drive it by hand, on any clock.
 * Restore  from `restore` when given, else, on a restart, from the newest whole checkpoint; with no checkpoint directory only a fresh
 *          start is possible, and a failure after the first rows is final unless the graph's restart strategy says otherwise.
 * Owns     graph, registry, env are borrowed.
 * Threads  owner; slu_local_cancel: any, also from a signal handler.
 * Errors   what the last attempt failed with, with the operator's id; INVALID.
 */
#ifndef SLU_WORKER_LOCAL_H
#define SLU_WORKER_LOCAL_H

#include "worker.h"

typedef struct slu_local slu_local;

typedef struct slu_local_options {
    const char *job_id;         /* 32 hex digits; NULL: a random one */
    const slu_stores *stores;   /* of checkpoints that lie in a store; NULL: none */
    const char *checkpoint_dir; /* NULL: the graph's; both empty: checkpoints live in memory and do not survive a failure */
    const char *restore_from;   /* a chk-N or savepoint directory; NULL: none */
    bool non_restored;          /* state there that no operator asks for may be left behind */
    bool no_threads;            /* for open/step: everything on the caller's thread */
    int64_t memory_max;
} slu_local_options;

typedef struct slu_local_status {
    uint32_t attempt;
    uint32_t restarts;
    int64_t completed_checkpoint; /* -1: none */
    int64_t failed_checkpoints;
    int64_t rows_in, rows_out; /* of sinks; of sources */
    bool finished;
    bool cancelled;
} slu_local_status;

/* From start to end. OK: every task finished; CLOSED: cancelled. `status` may be NULL. */
SLU_CHECK slu_status slu_local_run(const slu_graph *graph, slu_registry *registry, const slu_env *env,
                                   const slu_local_options *options, slu_local_status *status, slu_error *err);

SLU_CHECK slu_status slu_local_open(const slu_graph *graph, slu_registry *registry, const slu_env *env,
                                    const slu_local_options *options, slu_local **out, slu_error *err);
/* MORE: call again at once; AGAIN: nothing to do before *deadline (now_ms clock); END: the job is over; a failure: it failed. */
SLU_CHECK slu_status slu_local_step(slu_local *local, int64_t *deadline, slu_error *err);
/* Sleeps until something happens or the deadline passes (real clocks only). */
void slu_local_wait(slu_local *local, int64_t deadline);
void slu_local_cancel(slu_local *local);
void slu_local_get_status(const slu_local *local, slu_local_status *out);
void slu_local_close(slu_local **local);

#endif
