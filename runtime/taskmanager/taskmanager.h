/*
 * taskmanager.h: a small agent of one machine: offers slots, starts and ends one worker process per job, tells the job manager of its
 * death at once. A step machine; processes are made by a table of functions. It loads no plugin.
 *
 *   [dialing] --OPENED: HELLO--> [asking] --WELCOME--> [serving] --GONE--> [dialing] (workers go on)
 *
 * Rules    (1) A deploy whose attempt is not newer than every one seen of that job is refused (REFUSED, CONFLICT). (2) HELLO lists
 *          the workers that live: whatever the job manager missed, it learns from what is not listed. (3) EXITED is said once the
 *          process is certainly gone (status 0 when it was killed because the job manager said so); a KILL for a worker that is
 *          not there is answered with EXITED.
 * Owns     its tables and its link; env, transport and process functions are borrowed.
 * Threads  owner.
 */
#ifndef SLU_TASKMANAGER_TASKMANAGER_H
#define SLU_TASKMANAGER_TASKMANAGER_H

#include "control/message.h"
#include "link/link.h"

typedef struct slu_taskmanager slu_taskmanager;

/* Makes and ends worker processes. */
typedef struct slu_process_ops {
    /* Starts a worker; `deploy` has the job manager's address. */
    slu_status (*spawn)(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *err);
    void (*kill)(void *context, uint64_t pid);
    /* Appends at most `bytes` of the job's log from an offset. NULL: none are kept. */
    slu_status (*log_read)(void *context, const char *job, uint64_t offset, uint64_t bytes, slu_buf *out, slu_error *err);
} slu_process_ops;

typedef struct slu_taskmanager_spec {
    const slu_env *env;
    slu_link_transport *transport;
    const char *jobmanager; /* its address */
    const char *host;
    const char *boot;
    const char *build;
    uint32_t slots;
    const slu_process_ops *processes;
    void *processes_context;
    void (*on_ready)(void *context); /* the job manager's first welcome; may be NULL */
} slu_taskmanager_spec;

SLU_CHECK slu_status slu_taskmanager_new(const slu_taskmanager_spec *spec, slu_taskmanager **out, slu_error *err);
void slu_taskmanager_free(slu_taskmanager **taskmanager); /* kills what runs */
void slu_taskmanager_step(slu_taskmanager *taskmanager);
int64_t slu_taskmanager_deadline(const slu_taskmanager *taskmanager);
int slu_taskmanager_fd(const slu_taskmanager *taskmanager); /* of its link */
/* A process is gone; `how`: "killed by signal 9". */
void slu_taskmanager_exited(slu_taskmanager *taskmanager, uint64_t pid, int status, const char *how);
/* Why it cannot go on ("the job manager refused us ..."); NULL: it can. */
const char *slu_taskmanager_refused(const slu_taskmanager *taskmanager);
uint32_t slu_taskmanager_worker_count(const slu_taskmanager *taskmanager);
uint64_t slu_taskmanager_fenced(const slu_taskmanager *taskmanager); /* deploys refused as old */

#endif
