/*
 * jobmanager.h: which jobs there are, where they run, and what happens when something dies. A step machine: link events and time go
 * in, messages go out; it never waits, and loads no plugin.
 *
 *   a job:
 *     [CREATED] --start: slots found--> [RUNNING] --all tasks FINISHED--> (workers end) --> [FINISHED]
 *                    ^                     |  |  \--cancel--> [CANCELLING] --> (workers dead) --> [CANCELED]
 *                    |                     |  \--stop: last checkpoint, then as FINISHED
 *              delay over                  failure
 *                    |                     v
 *              [RESTARTING] <--(dead)-- [FAILING] --(dead), no restart left--> [FAILED]
 *     at a start of the job manager: [RECONCILING] --every worker said hello--> [RUNNING], else a failure
 *
 * Rules    (1) A new attempt is deployed only when every worker of the old one is known to be dead: EXITED from its task manager; or
 *          both its link and its task manager's are gone, and: on this machine its process is gone (we kill it ourselves when the
 *          attempt ends; without its pid the heartbeat timeout must do), on another machine SLU_LEASE_MS are over (a worker without a job manager ends itself sooner). (2) An attempt is (number, 64 random bits); what comes from another one is dropped and
 *          counted. (3) What must survive a kill is in the job store before anything is sent that depends on it.
 * Owns     its tables; the listener, the store and env are borrowed.
 * Threads  owner.
 */
#ifndef SLU_JOBMANAGER_JOBMANAGER_H
#define SLU_JOBMANAGER_JOBMANAGER_H

#include "control/message.h"
#include "jobmanager/jobstore.h"
#include "plan/graph.h"
#include "store/place.h"
#include "link/link.h"

#define SLU_JOBS_MAX 4096       /* that are not over */
#define SLU_JOBS_OVER_MAX 100   /* that are over and still listed; the oldest is forgotten */
#define SLU_LEASE_MS 30000      /* after a silence as long a worker on another machine has ended itself */
#define SLU_DEPLOY_MS 60000     /* from DEPLOY to the last worker's hello */
#define SLU_CANCEL_MS 5000      /* a cancelled worker that still lives is killed */
#define SLU_RESOURCES_MS 300000 /* how long a job waits for slots, as Flink does */

typedef struct slu_jobmanager slu_jobmanager;

/* The processes of this machine, as the job manager sees them: how it knows that a worker nobody can reach is dead. */
typedef struct slu_host_processes {
    uint64_t (*born)(void *context, uint64_t pid); /* when it began, to tell it from a later one of its number; 0: it is dead */
    void (*kill)(void *context, uint64_t pid);     /* SIGKILL */
} slu_host_processes;

typedef struct slu_jobmanager_spec {
    const slu_env *env;
    slu_link *listener;
    slu_jobstore *store;
    const slu_stores *stores;   /* of checkpoints that lie in a store; NULL: none */
    const char *checkpoint_dir; /* of jobs that do not name one */
    const char *boot;           /* boot id of this machine */
    const char *build;
    int64_t heartbeat_ms;
    int64_t timeout_ms;
    const slu_host_processes *processes; /* NULL: nothing is known of them, and only timeouts tell */
    void *processes_context;
} slu_jobmanager_spec;

/* Takes up the jobs of the store: those that ran are RECONCILING. */
SLU_CHECK slu_status slu_jobmanager_new(const slu_jobmanager_spec *spec, slu_jobmanager **out, slu_error *err);
void slu_jobmanager_free(slu_jobmanager **jobmanager);
/* Takes what the link has, lets time pass. */
void slu_jobmanager_step(slu_jobmanager *jobmanager);
/* When step has something to do without an event (now_ms clock). */
int64_t slu_jobmanager_deadline(const slu_jobmanager *jobmanager);

/* A client's question, asked here: appends the encoded answer (FAILED included). Not for questions that are answered later. */
SLU_CHECK slu_status slu_jobmanager_ask(slu_jobmanager *jobmanager, const slu_message *request, slu_buf *answer, slu_error *err);

/* What a job was planned as, until the next step; NULL: no such job, or one that was over before this job manager began. */
const slu_graph *slu_jobmanager_graph(const slu_jobmanager *jobmanager, const char *job);

/* A savepoint whose outcome is asked for later (REST). */
typedef struct slu_trigger {
    char id[33]; /* 32 hex digits */
    bool over;
    slu_status status;             /* when it is over */
    char text[SLU_PATH_BYTES_MAX]; /* ... OK: where the savepoint is; else why there is none */
} slu_trigger;

/* `flags` SLU_STOP_. Refused at once: as slu_client_savepoint. */
SLU_CHECK slu_status slu_jobmanager_trigger(slu_jobmanager *jobmanager, const char *job, const char *dir, uint64_t flags,
                                            slu_trigger *out, slu_error *err);
/* NOTFOUND: none of that job; the outcomes of old ones are forgotten. */
SLU_CHECK slu_status slu_jobmanager_trigger_find(const slu_jobmanager *jobmanager, const char *job, const char *id,
                                                 slu_trigger *out, slu_error *err);

/* Messages of attempts that were no longer the present one. */
uint64_t slu_jobmanager_fenced(const slu_jobmanager *jobmanager);

#endif
