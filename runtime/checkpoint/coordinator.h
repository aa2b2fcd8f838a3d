/*
 * coordinator.h: decides when a checkpoint is triggered, whole, late or lost. A pure step machine: events in, actions out.
 *
 *   [waiting] --step: interval, request--> [pending] --every ack--> [finalizing] --finalized(OK)--> [waiting]  (+ COMPLETE, DROP)
 *                                             |  decline, timeout, task lost: ABORT          | finalized(failure): ABORT
 *
 * Rules    (1) at most one pending at a time. (2) The next periodic trigger is interval after the last trigger and at least min_pause
 *          after the last end. (3) Declines, timeouts and failures to finalise count once per id against tolerated_failures; a
 *          success resets the count; one too many is FAIL. (4) COMPLETE goes to every task, and only after the manifest exists.
 *          (5) More than `retained` whole checkpoints: the oldest is dropped. (6) Ids only grow. (7) The first checkpoint of a
 *          fresh job is number 0 and is triggered at once: sources wait for it.
 * Final    once every task has ended its data, a final checkpoint is triggered at once; its completion finishes the job.
 * Threads  owner. Errors: NOMEM.
 */
#ifndef SLU_CHECKPOINT_COORDINATOR_H
#define SLU_CHECKPOINT_COORDINATOR_H

#include <sluice/status.h>

#include <stdbool.h>

typedef struct slu_coordinator slu_coordinator;

typedef struct slu_coordinator_spec {
    uint32_t task_count;
    int64_t interval_ms; /* 0: no periodic ones */
    int64_t timeout_ms;
    int64_t min_pause_ms;
    uint32_t tolerated_failures;
    uint32_t retained;       /* at least 1 */
    int64_t next_checkpoint; /* the first id this attempt may use: 0 for a fresh job, else newest + 1 */
    bool fresh;              /* checkpoint 0 first */
    const int64_t *kept;     /* whole checkpoints that exist already, oldest first */
    uint32_t kept_count;
} slu_coordinator_spec;

/* A subtask's answer to a trigger. */
typedef struct slu_ack {
    uint32_t task;
    int64_t checkpoint;
    const char *path; /* relative to the checkpoint's directory; "" : kept in memory (no directory) */
    int64_t bytes;
    uint32_t crc32c;
    int64_t sync_ms;      /* how long the task was busy with it */
    int64_t alignment_ms; /* first to last barrier */
} slu_ack;

#define SLU_ACTION_TRIGGER 1  /* tell every source task to send the barrier */
#define SLU_ACTION_FINALIZE 2 /* every ack is there: write the manifest, then slu_coordinator_finalized */
#define SLU_ACTION_COMPLETE 3 /* tell every task */
#define SLU_ACTION_ABORT 4    /* tell every task; `reason` says why */
#define SLU_ACTION_DROP 5     /* remove a subsumed checkpoint's files */
#define SLU_ACTION_NO_TASK UINT32_MAX
#define SLU_ACTION_FAIL 6     /* the job has to restart: `reason` */
#define SLU_ACTION_FINISHED 7 /* the final checkpoint is whole: the job is done */

typedef struct slu_action {
    uint32_t kind;
    uint32_t flags; /* TRIGGER: SLU_BARRIER_ flags */
    int64_t checkpoint;
    int64_t wall_ms;
    bool final;
    uint32_t task; /* ABORT, FAIL: which was late or declined; SLU_ACTION_NO_TASK: none */
    char reason[256];
} slu_action;

SLU_CHECK slu_status slu_coordinator_new(const slu_coordinator_spec *spec, slu_coordinator **out, slu_error *err);
void slu_coordinator_free(slu_coordinator **coordinator);

void slu_coordinator_running(slu_coordinator *coordinator, uint32_t task); /* it is open and restored */
void slu_coordinator_ended(slu_coordinator *coordinator, uint32_t task);   /* its data has ended */
SLU_CHECK slu_status slu_coordinator_ack(slu_coordinator *coordinator, const slu_ack *ack,
                                         slu_error *err); /* late ones are ignored */
void slu_coordinator_decline(slu_coordinator *coordinator, uint32_t task, int64_t checkpoint, const char *reason);
/* A user's request: the next checkpoint has these flags, and is triggered as soon as nothing is pending, whatever the interval says. */
void slu_coordinator_request(slu_coordinator *coordinator, uint32_t flags);
/* The final checkpoint, whenever it comes, has these flags. */
void slu_coordinator_request_final(slu_coordinator *coordinator, uint32_t flags);
void slu_coordinator_finalized(slu_coordinator *coordinator, int64_t checkpoint, const slu_error *failure); /* NULL: it is whole */

/* Lets time pass; then drain the actions. */
void slu_coordinator_step(slu_coordinator *coordinator, int64_t now_ms, int64_t wall_ms);
SLU_CHECK slu_status slu_coordinator_action(slu_coordinator *coordinator, slu_action *out); /* AGAIN: none */
int64_t
slu_coordinator_deadline(const slu_coordinator *coordinator); /* when step has something to do; INT64_MAX: only after events */

/* The acks of the pending or finalizing checkpoint, by task; valid until finalized. */
const slu_ack *slu_coordinator_acks(const slu_coordinator *coordinator);
int64_t slu_coordinator_completed(const slu_coordinator *coordinator); /* newest whole; -1: none */

#endif
