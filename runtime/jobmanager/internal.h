/* internal.h: what the files of this room share. */
#ifndef SLU_JOBMANAGER_INTERNAL_H
#define SLU_JOBMANAGER_INTERNAL_H

#include "jobmanager/jobmanager.h"

#include "checkpoint/coordinator.h"
#include "checkpoint/manifest.h"
#include "control/message.h"
#include "plan/layout.h"
#include "plan/restart.h"

#include <pthread.h>
#include <stdatomic.h>

#define ID_BYTES 33
#define HOST_BYTES 256
#define BOOT_BYTES 64
#define ADDRESS_BYTES SLU_LINK_ADDRESS_BYTES_MAX

typedef struct job job;

/* A task manager. Stays in the list after it is gone until no job needs it. */
typedef struct node {
    struct node *next;
    char id[ID_BYTES];
    char host[HOST_BYTES];
    char boot[BOOT_BYTES];
    uint64_t peer; /* 0: gone */
    int64_t gone_ms;
    uint32_t slots;
    uint64_t pid;
    bool draining; /* no job is placed there */
} node;

/* A worker of a job's attempt. */
typedef struct member {
    char node[ID_BYTES];
    char host[HOST_BYTES];
    char boot[BOOT_BYTES];
    char address[ADDRESS_BYTES];
    uint64_t peer; /* 0: no link now */
    int64_t gone_ms;
    uint64_t pid;
    uint64_t born; /* of that process, when it is one of this machine */
    uint32_t slots;
    bool hello;
    bool dead;
} member;

#define JOB_CREATED 0
#define JOB_RUNNING 1
#define JOB_FAILING 2
#define JOB_RESTARTING 3
#define JOB_CANCELLING 4
#define JOB_RECONCILING 5
#define JOB_FINISHED 6
#define JOB_CANCELED 7
#define JOB_FAILED 8

#define TASK_CREATED 0
#define TASK_DEPLOYING 1
#define TASK_RUNNING 2
#define TASK_ENDED 3
#define TASK_FINISHED 4
#define TASK_FAILED 5
#define TASK_CANCELED 6

typedef struct waiter {
    struct waiter *next;
    uint64_t peer;
    uint64_t request;
    int64_t deadline;
} waiter;

typedef struct savepoint savepoint;       /* savepoints.c */
typedef struct rescale rescale;           /* rescale.c */
typedef struct rules_change rules_change; /* rules.c */
typedef struct drain drain;               /* drain.c */

/* What a job wants from the place of its checkpoints (errands.c). `run` is on a thread of its own if that is a store, and touches
 * nothing but the errand; `done` is on the loop. */
typedef struct errand errand;
typedef void errand_run(errand *e);
typedef void errand_done(slu_jobmanager *jm, job *j, errand *e);

struct errand {
    errand *next;
    errand_run *run;
    errand_done *done;
    bool background; /* a removal: nothing waits for it */
    bool begun, threaded;
    atomic_bool over;
    pthread_t thread;
    slu_status status;
    slu_error error;
    const slu_stores *stores;
    char job_id[ID_BYTES];
    uint64_t attempt_id;
    char dir[SLU_PATH_BYTES_MAX];   /* of the job's checkpoints */
    char place[SLU_PATH_BYTES_MAX]; /* what it is about, where that is more than a place in `dir`; "": it is not */
    int64_t checkpoint;
    bool final;
    int64_t bytes;
    slu_buf data;           /* to be written */
    const slu_graph *graph; /* to be restored: no plan changes between two attempts */
    bool non_restored;
    slu_manifest *manifest; /* what was found; NULL: nothing */
    savepoint *savepoint;   /* that asked */
};

#define LOOK_NONE 0
#define LOOK_UNDER_WAY 1
#define LOOK_DONE 2

/* What a new attempt would begin from, as the place of the checkpoints answered. */
typedef struct look {
    uint32_t state;
    slu_status status;
    slu_error error;
    slu_manifest *manifest;
    int64_t again_ms; /* it did not answer: not before */
    bool refused;     /* whoever submitted the job was told so: it is not tried again */
} look;

typedef struct metric {
    uint32_t task;
    char name[96];
    int64_t value;
} metric;

struct job {
    job *next;
    char id[ID_BYTES];
    char *name;
    char *restore; /* what the user asked for */
    uint32_t state;
    uint32_t after; /* once every member is dead: FINISHED, CANCELED, FAILED, RESTARTING */
    slu_buf submit; /* the encoded SUBMIT: the graph's bytes live in it */
    slu_view graph_bytes;
    slu_graph *graph;
    slu_layout *layout;
    uint64_t attempt;
    uint64_t attempt_id;
    uint64_t restarts;
    slu_restart restart;                  /* what the strategy goes by */
    int64_t created_ms, start_ms, end_ms; /* wall */
    int64_t running_since;                /* now_ms clock */
    int64_t deadline;                     /* of the state: delay, deploy, cancel, reconcile, resources; INT64_MAX: none */
    int64_t look_ms;                      /* when a worker that nobody can reach is looked at again; INT64_MAX: there is none */
    int64_t kill_ms;                      /* when KILL is sent again */
    bool begun;                           /* PEERS were sent */
    bool ending;                          /* the attempt is being ended; `after` says what for */
    bool stopping;                        /* a last checkpoint was asked for */
    bool draining;                        /* ... behind the end of the sources */
    bool stop_with_savepoint;             /* ... and to leave one: nobody else can, so that it ends with this job manager */
    bool non_restored;                    /* state that no operator asks for may be left behind */
    int64_t stop_after;                   /* the checkpoint asked for; -1: not triggered yet */
    int64_t completed;                    /* newest whole checkpoint; -1: none */
    bool completed_final;
    bool ended;          /* ... came behind the end of every source: there is nothing to go on from */
    bool sweep;          /* an aborted checkpoint may have left files */
    bool completed_here; /* by this attempt */
    uint64_t completed_count;
    int64_t trigger_wall_ms, trigger_ms;
    bool own; /* `completed` at the beginning was a checkpoint of this job, to be dropped in its turn */
    char failure[512];
    char path[SLU_PATH_BYTES_MAX]; /* of the newest whole checkpoint */
    char restored[SLU_PATH_BYTES_MAX];
    uint32_t *placement; /* per task: its member */
    uint8_t *tasks;      /* per task: TASK_ */
    member *members;
    uint32_t member_count;
    slu_coordinator *coordinator;
    waiter *waiters;
    savepoint *savepoints;
    errand *errands;
    look look;
    uint64_t asker, asked; /* who submitted it and waits for the first look; 0: nobody */
    rescale *rescale;
    rules_change *rules; /* that it is being given */
    metric *metrics;
    uint32_t metric_count, metric_capacity;
};

typedef struct peer {
    struct peer *next;
    uint64_t number;
    uint32_t version; /* 0: no hello yet */
    int64_t heard_ms;
    node *node; /* a task manager */
    job *job;   /* a worker's */
    uint64_t attempt_id;
    uint32_t worker;
    bool lost; /* written off: whatever still comes is ignored */
} peer;

/* A question that a task manager answers for a client. */
typedef struct forward {
    struct forward *next;
    uint64_t request;
    uint64_t client;
    uint64_t client_request;
    int64_t deadline;
} forward;

#define PEER_HERE UINT64_MAX          /* slu_jobmanager_ask */
#define PEER_TRIGGER (UINT64_MAX - 1) /* slu_jobmanager_trigger */

typedef struct operation operation; /* triggers.c */

struct slu_jobmanager {
    slu_jobmanager_spec spec;
    char checkpoint_dir[SLU_PATH_BYTES_MAX];
    char boot[BOOT_BYTES];
    peer *peers;
    node *nodes;
    job *jobs; /* oldest first */
    drain *drains;
    int64_t move_ms; /* when jobs on draining nodes are asked to move again */
    forward *forwards;
    operation *triggers; /* newest first */
    uint64_t trigger_last;
    uint64_t forward_last;
    uint64_t fenced;
    uint64_t bad;        /* messages that could not be decoded */
    int64_t bad_said_ms; /* when that was last logged; 0: never */
    int64_t beat_ms;     /* when the next heartbeat goes out */
    int64_t silence_ms;  /* when the first of those heard least recently is written off, if it stays silent */
    slu_arena arena;     /* of the message at hand */
    slu_arena answer;    /* of the answer being made */
    slu_buf out;
    slu_buf *here; /* what is said to PEER_HERE */
};

static inline int64_t
jm_now(const slu_jobmanager *jm)
{
    return slu_now_ms(jm->spec.env);
}

/* ---- jobmanager.c */
void peer_send(slu_jobmanager *jm, uint64_t number, const slu_message *message);
peer *peer_find(slu_jobmanager *jm, uint64_t number);
node *node_find(slu_jobmanager *jm, const char *id);
uint32_t node_slots_used(const slu_jobmanager *jm, const char *id);

/* ---- job.c */
const char *job_state_name(uint32_t state);
const char *task_state_name(uint32_t state);
bool job_over(const job *j);
SLU_CHECK slu_status job_submit(slu_jobmanager *jm, const slu_message *submit, slu_view bytes, job **out, slu_error *err);
slu_status job_load(void *jm, const slu_job_record *record, slu_error *err);
void job_free(job *j);
/* What a SUBMIT would run: graph, layout and the rest of a plan, in a job that is in no list. Free with job_free. */
SLU_CHECK slu_status job_plan_new(slu_view submit, job **out, slu_error *err);
uint32_t job_slots(const job *j);
void job_store(slu_jobmanager *jm, const job *j); /* a failure is logged */
void job_set_state(slu_jobmanager *jm, job *j, uint32_t state);
/* The same, and the store has it; else nothing has changed. */
SLU_CHECK slu_status job_set_state_stored(slu_jobmanager *jm, job *j, uint32_t state, slu_error *err);
void job_tick(slu_jobmanager *jm, job *j);
int64_t job_deadline(const slu_jobmanager *jm, const job *j);
/* Something of the present attempt failed: the restart strategy decides. */
SLU_PRINTF(4, 5) void job_fail(slu_jobmanager *jm, job *j, bool fatal, const char *format, ...);
/* The same, for a reason with a status. */
SLU_PRINTF(5, 6) void job_fail_with(slu_jobmanager *jm, job *j, slu_status status, bool fatal, const char *format, ...);
void job_cancel(slu_jobmanager *jm, job *j);
void job_stop(slu_jobmanager *jm, job *j, uint64_t flags); /* SLU_STOP_DRAIN */
/* Ends what runs of the attempt; when all is dead, `after`. */
void job_end(slu_jobmanager *jm, job *j, uint32_t state, uint32_t after, bool kill);
void job_members_check(slu_jobmanager *jm, job *j);
/* Its task manager or itself said which process it is. */
void member_is_process(const slu_jobmanager *jm, member *m, uint64_t pid);

/* ---- attempt.c */
/* AGAIN: not enough slots. Both: END: it had finished, and only its checkpoints are still to be forgotten. */
SLU_CHECK slu_status attempt_begin(slu_jobmanager *jm, job *j, slu_error *err);
SLU_CHECK slu_status attempt_take_up(slu_jobmanager *jm, job *j, slu_view placed, slu_error *err);
SLU_CHECK slu_status attempt_coordinator(slu_jobmanager *jm, job *j, slu_error *err);
void attempt_free(job *j);
void attempt_hello(slu_jobmanager *jm, job *j, peer *from, const slu_message *message);
/* A heartbeat to a worker repeats what it must not have missed. */
void attempt_beat(slu_jobmanager *jm, job *j, const peer *to);
void attempt_message(slu_jobmanager *jm, job *j, const slu_message *message);
void attempt_tell(slu_jobmanager *jm, job *j, slu_message message);
void attempt_kill(slu_jobmanager *jm, job *j);
/* Asks for the last checkpoint of a job that is being stopped, or for the end of its sources. */
void attempt_stop(slu_jobmanager *jm, job *j);
const char *attempt_checkpoint_dir(const slu_jobmanager *jm, const job *j);

/* What the user wants it to begin from, when that is at hand: a missing or torn savepoint is refused before the job is accepted. */
SLU_CHECK slu_status attempt_restore_check(slu_jobmanager *jm, const job *j, slu_error *err);
/* The place of its checkpoints, or of what it is restored from, is a store. */
bool attempt_is_remote(const slu_jobmanager *jm, const job *j);

/* ---- placement.c */
/* Fills the job's members and its placement. AGAIN: not enough slots. */
SLU_CHECK slu_status attempt_place(slu_jobmanager *jm, job *j, slu_error *err);

/* ---- checkpoints.c */
void attempt_drain(slu_jobmanager *jm, job *j); /* the coordinator's actions */
/* Removes a checkpoint that is not needed any more. */
void attempt_drop(slu_jobmanager *jm, job *j, int64_t checkpoint);
/* From the store: where the newest whole checkpoint lies. */
SLU_CHECK slu_status attempt_path_load(slu_jobmanager *jm, job *j, slu_error *err);
/* A job that finished by itself has nothing to go on from. */
void attempt_forget_checkpoints(slu_jobmanager *jm, job *j);

/* ---- errands.c */
errand *errand_new(slu_jobmanager *jm, const job *j, errand_run *run, errand_done *done); /* NULL: no memory */
/* Takes it. */
void errand_do(slu_jobmanager *jm, job *j, errand *e);
void errands_tick(slu_jobmanager *jm, job *j);
int64_t errands_deadline(const slu_jobmanager *jm, const job *j);
void errands_free(job *j); /* waits for what is under way */

/* ---- savepoints.c */
/* OK: the answer comes later. INVALID, CONFLICT, UNSUPPORTED, NOMEM. */
SLU_CHECK slu_status savepoint_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err);
void savepoints_triggered(job *j, const slu_action *action);
void savepoints_aborted(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *why);
void savepoints_whole(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *path, int64_t bytes);
/* Whether one is being written from that checkpoint, which is dropped when that is done. */
bool savepoints_hold(job *j, int64_t checkpoint);
/* Whether a savepoint that a stop is to leave is being written: only when it is there may the tasks hear that they end. */
bool savepoints_stop_writes(const job *j, int64_t checkpoint);
void savepoints_tick(slu_jobmanager *jm, job *j);
int64_t savepoints_deadline(const slu_jobmanager *jm, const job *j);
void savepoints_free(job *j);

/* ---- triggers.c */
void trigger_answer(slu_jobmanager *jm, const slu_message *message); /* what PEER_TRIGGER is told */
void triggers_free(slu_jobmanager *jm);

/* ---- rescale.c */
/* OK: the answer comes later. INVALID, CONFLICT, NOMEM. */
SLU_CHECK slu_status rescale_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err);
/* To the same parallelism, for nobody who waits: the tasks are placed anew. INVALID, CONFLICT, NOMEM. */
SLU_CHECK slu_status rescale_move(slu_jobmanager *jm, job *j, slu_error *err);
/* The checkpoint it waited for is whole. True: the attempt is being ended for it, and no task hears of the checkpoint. */
bool rescale_cut(slu_jobmanager *jm, job *j, int64_t checkpoint);
/* Every worker is dead. True: the job has its new plan, and begins at once. */
bool rescale_take(slu_jobmanager *jm, job *j);
void rescale_running(slu_jobmanager *jm, job *j); /* a task said something */
void rescale_failed(slu_jobmanager *jm, job *j, const char *why);
void rescale_free(job *j);

/* ---- rules.c */
/* OK: the answer comes later. INVALID, CONFLICT, NOTFOUND, NOMEM. */
SLU_CHECK slu_status rules_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err);
/* From the store, when an attempt begins or is taken up: one that is not in force at the checkpoint it starts from. */
void rules_take_up(slu_jobmanager *jm, job *j);
void rules_answered(slu_jobmanager *jm, job *j, const slu_message *message); /* a task's */
void rules_triggered(job *j, const slu_action *action);
void rules_whole(slu_jobmanager *jm, job *j, int64_t checkpoint);
void rules_aborted(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *why);
void rules_tick(slu_jobmanager *jm, job *j);
int64_t rules_deadline(const job *j);
SLU_CHECK slu_status rules_book_answer(slu_jobmanager *jm, const peer *to, const slu_message *message, const job *j,
                                       slu_error *err);
void rules_free(job *j);

/* ---- drain.c */
/* OK: the answer comes later. NOTFOUND, CONFLICT, INVALID: not enough slots elsewhere. */
SLU_CHECK slu_status drain_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, slu_error *err);
void drains_step(slu_jobmanager *jm);
int64_t drains_deadline(const slu_jobmanager *jm);
void drains_free(slu_jobmanager *jm);

/* ---- requests.c */
void submit_answer(slu_jobmanager *jm, job *j, const slu_error *failure); /* whoever waits for the first look; NULL: it is fine */
void client_message(slu_jobmanager *jm, peer *from, const slu_message *message, slu_view bytes);
void waiters_answer(slu_jobmanager *jm, job *j, bool all);
void forward_answer(slu_jobmanager *jm, const slu_message *message);
void forwards_expire(slu_jobmanager *jm);

#endif
