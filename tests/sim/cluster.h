/*
 * cluster.h: the processes of a run: one job manager, task managers on several hosts, the workers they start; and how they die.
 *
 * Shape    the real step machines (jobmanager.h, taskmanager.h, worker/process.h), each stepped as the actor it is. A process dies by
 *          being freed as a ghost: nothing it does on the way out has an effect. Who is dead comes back after a while.
 * Threads  one.
 */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H

#include "stage.h"

#include "host/registry.h"
#include "jobmanager/jobmanager.h"
#include "plan/graph.h"
#include "taskmanager/taskmanager.h"
#include "worker/process.h"

#define SIM_JOBMANAGER "tcp://10.0.0.1:8123" /* its address */
#define SIM_TASKMANAGERS 3
#define SIM_WORKERS_MAX 64

typedef struct sim_cluster sim_cluster;

typedef struct sim_taskmanager {
    sim_cluster *cluster;
    sim_actor actor;
    slu_taskmanager *tm;
    char host[16];
    char boot[32];
    int64_t up_ms; /* when it is started again, while it is down */
} sim_taskmanager;

typedef struct sim_worker {
    bool used;
    bool dead; /* its task manager was not told yet */
    int status;
    sim_actor actor;
    slu_worker_process *process;
    slu_buf deploy;
    char address[64];
    char host[16];
    char boot[32];
    uint32_t taskmanager;
    uint64_t parent; /* pid */
    uint64_t attempt;
    int64_t told_ms; /* when its parent hears of its death */
} sim_worker;

struct sim_cluster {
    slu_registry *registry;
    uint64_t pids;
    uint64_t boots[SIM_HOSTS]; /* starts of each host */
    sim_actor jm_actor;
    slu_jobstore *store;
    slu_link *listener;
    slu_jobmanager *jm;
    int64_t jm_up_ms;
    sim_taskmanager taskmanagers[SIM_TASKMANAGERS];
    sim_worker workers[SIM_WORKERS_MAX];
    slu_arena arena;
    slu_buf answer;
    slu_message said; /* the last answer of sim_cluster_ask */
    uint64_t deaths;
};

void sim_cluster_open(sim_cluster *cluster);
void sim_cluster_close(sim_cluster *cluster);

/* A step of every process that is there and not paused, in an order of the dice; starts who is due. True: a worker did something. */
bool sim_cluster_step(sim_cluster *cluster);
int64_t sim_cluster_next_ms(const sim_cluster *cluster);

/* NULL: the job manager is not there. Otherwise its answer, until the next question. */
const slu_message *sim_cluster_ask(sim_cluster *cluster, const slu_message *question);

/* ---- Deaths: kill -9 and what follows from it */
void sim_cluster_kill_jobmanager(sim_cluster *cluster);
void sim_cluster_kill_taskmanager(sim_cluster *cluster, uint32_t index);
void sim_cluster_kill_worker(sim_cluster *cluster, sim_worker *worker);
/* Everything on a host at once, with what its disk had not synced. */
void sim_cluster_power_loss(sim_cluster *cluster, uint32_t host);
/* SIGSTOP of everything on a host, for a while. */
void sim_cluster_freeze(sim_cluster *cluster, uint32_t host, int64_t until_ms);

sim_worker *sim_cluster_worker(sim_cluster *cluster, uint64_t nth); /* one that lives, counted round; NULL: none */
uint32_t sim_cluster_workers(const sim_cluster *cluster);

#endif
