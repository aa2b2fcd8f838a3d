/*
 * process.h: a worker as a process: the tasks of one attempt (worker.h), its links to other workers (net.h) and its link to the job
 * manager, from which commands come and to which events go.
 *
 *   [listening] --OPENED: HELLO--> [asking] --PEERS: tasks open--> [running] --END, FAILED, or its task manager dies--> [over]
 *
 * Shape    a step machine: slu_worker_process_step on the control thread; with `threads` each task and the net have their own,
 *          without them everything happens inside step (tests, simulation).
 * Lost     while the job manager is away tasks run on; when it is back it hears hello and the state of every task. Away from its
 *          machine for SLU_WORKER_LEASE_MS the worker ends itself, before the job manager would start another one.
 * Owns     env, transports, registry and stores are borrowed.
 * Threads  owner. Errors: what made it impossible to begin is told to the job manager as a failed task, and ends the process.
 */
#ifndef SLU_WORKER_PROCESS_H
#define SLU_WORKER_PROCESS_H

#include "net.h"

#define SLU_WORKER_DEPLOY_FD 3 /* where its task manager leaves the DEPLOY message */
#define SLU_WORKER_LEASE_MS 20000
#define SLU_WORKER_TELL_MS 1000 /* metrics */
#define SLU_WORKER_BEAT_MS 750

typedef struct slu_worker_process slu_worker_process;

typedef struct slu_worker_process_spec {
    const slu_env *env;
    slu_link_transport *control; /* towards the job manager */
    slu_link_transport *data;    /* towards other workers */
    slu_registry *registry;
    const slu_stores *stores; /* of checkpoints that lie in a store; NULL: none */
    slu_view deploy;          /* an encoded DEPLOY message; kept by the caller */
    const char *listen;       /* NULL: an ipc path and a tcp port, as the DEPLOY message says */
    const char *host;
    const char *boot;
    bool threads;
} slu_worker_process_spec;

SLU_CHECK slu_status slu_worker_process_new(const slu_worker_process_spec *spec, slu_worker_process **out, slu_error *err);
void slu_worker_process_free(slu_worker_process **process);
/* MORE: call again at once; AGAIN: wait for its descriptors or the deadline; END: it is over. */
SLU_CHECK slu_status slu_worker_process_step(slu_worker_process *process);
int64_t slu_worker_process_deadline(const slu_worker_process *process);
/* Sleeps until something happens (with threads). */
void slu_worker_process_wait(slu_worker_process *process);
int slu_worker_process_exit_code(const slu_worker_process *process);
slu_net_counters slu_worker_process_counters(const slu_worker_process *process);
slu_worker *slu_worker_process_worker(slu_worker_process *process); /* NULL: not begun */

/* The whole life of `sluice worker`: reads descriptor 3, dies with its parent, loads plugins from the default directories. Its exit
 * code. */
int slu_worker_process_run(const slu_env *env);

#endif
