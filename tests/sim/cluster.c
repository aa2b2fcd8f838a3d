/* cluster.c: see cluster.h. */
#include "cluster.h"

#include "disk.h"
#include "job.h"
#include "network.h"
#include "planted.h"

#include "base/alloc.h"
#include "support/check.h"

#define JM_STORE "/sim/host0/jobs.sqlite"
#define CHECKPOINTS "/sim/shared/checkpoints"
#define UP_AGAIN_MS 3000

static slu_error err;

static void
boot_name(const sim_cluster *c, uint32_t host, char out[32])
{
    (void)snprintf(out, 32, "boot-%u-%llu", host, (unsigned long long)c->boots[host]);
}

/* ---- Job manager */

static uint64_t
pid_born(void *context, uint64_t pid)
{
    const sim_cluster *c = context;
    if (sim_on->planted == SIM_PLANTED_ZOMBIE)
        return 0;
    for (const sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        if (w->used && !w->dead && w->actor.pid == pid && w->actor.host == 0)
            return pid + 1000000;
    return 0;
}

static void
pid_kill(void *context, uint64_t pid)
{
    sim_cluster *c = context;
    if (!sim_effect(SIM_EFFECT_SPAWN, pid))
        return;
    for (sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        if (w->used && !w->dead && w->actor.pid == pid && w->actor.host == 0)
            sim_cluster_kill_worker(c, w);
}

static const slu_host_processes host_processes = {pid_born, pid_kill};

static void
jm_free(sim_cluster *c)
{
    slu_jobmanager_free(&c->jm);
    slu_link_close(&c->listener);
    slu_jobstore_close(&c->store);
}

static slu_status
jm_new(sim_cluster *c)
{
    const slu_link_options options = {.env = &c->jm_actor.env};
    slu_link_transport *transport = sim_network_host(sim_on->network, 0);
    char boot[32];
    boot_name(c, 0, boot);
    SLU_TRY(slu_jobstore_open(JM_STORE, &c->store, &err));
    SLU_TRY(transport->listen(transport, SIM_JOBMANAGER, &options, &c->listener, &err));
    const slu_jobmanager_spec spec = {.env = &c->jm_actor.env,
                                      .listener = c->listener,
                                      .store = c->store,
                                      .checkpoint_dir = CHECKPOINTS,
                                      .boot = boot,
                                      .build = "sim",
                                      .heartbeat_ms = 1000,
                                      .timeout_ms = 5000,
                                      .processes = &host_processes,
                                      .processes_context = c};
    return slu_jobmanager_new(&spec, &c->jm, &err);
}

/* One that cannot start (its disk) is tried again, as a supervisor would. */
static void
jm_start(sim_cluster *c)
{
    sim_actor_init(&c->jm_actor, SIM_ROLE_JOBMANAGER, 0, ++c->pids, "jobmanager");
    sim_actor *before = sim_enter(&c->jm_actor);
    c->jm_up_ms = INT64_MAX;
    if (jm_new(c) != SLU_OK || c->jm_actor.ghost) {
        slu_log_warn(&c->jm_actor.env, "UNSTARTED", "%s", err.message);
        c->jm_actor.ghost = true;
        jm_free(c);
        c->jm_up_ms = sim_on->now_ms + sim_between(50, UP_AGAIN_MS);
    }
    (void)sim_enter(before);
}

void
sim_cluster_kill_jobmanager(sim_cluster *c)
{
    if (c->jm == NULL)
        return;
    c->jm_actor.ghost = true;
    c->deaths++;
    sim_actor *before = sim_enter(&c->jm_actor);
    jm_free(c);
    (void)sim_enter(before);
    c->jm_up_ms = sim_on->now_ms + sim_between(20, UP_AGAIN_MS);
}

const slu_message *
sim_cluster_ask(sim_cluster *c, const slu_message *question)
{
    if (c->jm == NULL || c->jm_actor.paused_until_ms > sim_on->now_ms)
        return NULL;
    sim_actor *before = sim_enter(&c->jm_actor);
    slu_buf_reset(&c->answer);
    slu_status status = slu_jobmanager_ask(c->jm, question, &c->answer, &err);
    (void)sim_enter(before);
    slu_arena_reset(&c->arena);
    if (status == SLU_OK)
        status = slu_message_decode(slu_buf_view(&c->answer), SLU_CONTROL_VERSION_MAX, &c->arena, &c->said, &err);
    if (c->jm_actor.ghost)
        sim_cluster_kill_jobmanager(c);
    return status == SLU_OK ? &c->said : NULL;
}

/* ---- Workers */

static void
worker_free(sim_cluster *c, sim_worker *w, int status)
{
    sim_actor *before = sim_enter(&w->actor);
    slu_worker_process_free(&w->process);
    slu_buf_fini(&w->deploy);
    (void)sim_enter(before);
    w->dead = true;
    w->status = status;
    w->told_ms = sim_on->now_ms + sim_between(0, 3);
}

void
sim_cluster_kill_worker(sim_cluster *c, sim_worker *w)
{
    if (!w->used || w->dead)
        return;
    w->actor.ghost = true;
    c->deaths++;
    worker_free(c, w, 137);
}

static slu_status
worker_start(sim_cluster *c, sim_worker *w, slu_error *error)
{
    boot_name(c, w->actor.host, w->boot);
    (void)snprintf(w->host, sizeof w->host, "host%u", w->actor.host);
    const slu_worker_process_spec spec = {.env = &w->actor.env,
                                          .control = sim_network_host(sim_on->network, w->actor.host),
                                          .data = sim_network_host(sim_on->network, w->actor.host),
                                          .registry = c->registry,
                                          .deploy = slu_buf_view(&w->deploy),
                                          .listen = w->address,
                                          .host = w->host,
                                          .boot = w->boot};
    sim_actor *before = sim_enter(&w->actor);
    const slu_status status = slu_worker_process_new(&spec, &w->process, error);
    (void)sim_enter(before);
    return status;
}

static slu_status
worker_spawn(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *error)
{
    sim_taskmanager *tm = context;
    sim_cluster *c = tm->cluster;
    sim_worker *w = c->workers;
    char name[24];
    if (!sim_effect(SIM_EFFECT_SPAWN, deploy->attempt))
        return slu_error_set(error, SLU_IO, "a ghost starts nothing");
    while (w < c->workers + SIM_WORKERS_MAX && w->used)
        w++;
    if (w == c->workers + SIM_WORKERS_MAX)
        return slu_error_set(error, SLU_LIMIT, "no room for another worker");
    *w = (sim_worker){
        .used = true, .taskmanager = (uint32_t)(tm - c->taskmanagers), .parent = tm->actor.pid, .attempt = deploy->attempt};
    *out_pid = ++c->pids;
    (void)snprintf(name, sizeof name, "worker-%llu-%llu", (unsigned long long)deploy->attempt, (unsigned long long)deploy->worker);
    sim_actor_init(&w->actor, SIM_ROLE_WORKER, tm->actor.host, *out_pid, name);
    slu_buf_init(&w->deploy, 1 << 24);
    slu_message_encode(deploy, SLU_CONTROL_VERSION_MAX, &w->deploy);
    (void)snprintf(w->address, sizeof w->address, "tcp://10.0.0.%u:%llu", tm->actor.host + 1, 40000 + (unsigned long long)*out_pid);
    sim_planted_deploy(deploy->attempt, deploy->attempt_id);
    const slu_status status = worker_start(c, w, error);
    if (status != SLU_OK) {
        slu_buf_fini(&w->deploy);
        w->used = false;
    }
    return status;
}

static void
worker_kill(void *context, uint64_t pid)
{
    sim_taskmanager *tm = context;
    if (!sim_effect(SIM_EFFECT_SPAWN, pid))
        return;
    for (sim_worker *w = tm->cluster->workers; w < tm->cluster->workers + SIM_WORKERS_MAX; w++)
        if (w->used && !w->dead && w->actor.pid == pid)
            sim_cluster_kill_worker(tm->cluster, w);
}

static const slu_process_ops process_ops = {worker_spawn, worker_kill, NULL};

/* The parent hears of a death, if it lives. */
static bool
worker_bury(sim_cluster *c, sim_worker *w)
{
    sim_taskmanager *tm = &c->taskmanagers[w->taskmanager];
    const bool parent = tm->tm != NULL && tm->actor.pid == w->parent;
    if (w->told_ms > sim_on->now_ms || (parent && tm->actor.paused_until_ms > sim_on->now_ms))
        return false;
    w->used = false;
    if (!parent)
        return true;
    sim_actor *before = sim_enter(&tm->actor);
    slu_taskmanager_exited(tm->tm, w->actor.pid, w->status, w->status == 0 ? "exit code 0" : "killed by signal 9");
    (void)sim_enter(before);
    return true;
}

static bool
worker_step(sim_cluster *c, sim_worker *w)
{
    if (!w->used)
        return false;
    if (w->dead)
        return worker_bury(c, w);
    if (w->actor.paused_until_ms > sim_on->now_ms)
        return false;
    sim_actor *before = sim_enter(&w->actor);
    const slu_status status = slu_worker_process_step(w->process);
    (void)sim_enter(before);
    if (w->actor.ghost)
        sim_cluster_kill_worker(c, w);
    else if (status == SLU_END)
        worker_free(c, w, slu_worker_process_exit_code(w->process));
    return status != SLU_AGAIN;
}

/* ---- Task managers */

static void
tm_start(sim_cluster *c, uint32_t index)
{
    sim_taskmanager *tm = &c->taskmanagers[index];
    const uint32_t host = tm->actor.host;
    char name[24];
    boot_name(c, host, tm->boot);
    (void)snprintf(tm->host, sizeof tm->host, "host%u", host);
    (void)snprintf(name, sizeof name, "taskmanager%u", index);
    sim_actor_init(&tm->actor, SIM_ROLE_TASKMANAGER, host, ++c->pids, name);
    const slu_taskmanager_spec spec = {.env = &tm->actor.env,
                                       .transport = sim_network_host(sim_on->network, host),
                                       .jobmanager = SIM_JOBMANAGER,
                                       .host = tm->host,
                                       .boot = tm->boot,
                                       .build = "sim",
                                       .slots = 2,
                                       .processes = &process_ops,
                                       .processes_context = tm};
    sim_actor *before = sim_enter(&tm->actor);
    CHECK_OK(slu_taskmanager_new(&spec, &tm->tm, &err));
    (void)sim_enter(before);
    tm->up_ms = INT64_MAX;
}

/* Its workers die with it. */
void
sim_cluster_kill_taskmanager(sim_cluster *c, uint32_t index)
{
    sim_taskmanager *tm = &c->taskmanagers[index];
    if (tm->tm == NULL)
        return;
    tm->actor.ghost = true;
    c->deaths++;
    sim_actor *before = sim_enter(&tm->actor);
    slu_taskmanager_free(&tm->tm);
    (void)sim_enter(before);
    for (sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        if (w->used && w->parent == tm->actor.pid)
            sim_cluster_kill_worker(c, w);
    tm->up_ms = sim_on->now_ms + sim_between(20, UP_AGAIN_MS);
}

static void
tm_step(sim_cluster *c, uint32_t index)
{
    sim_taskmanager *tm = &c->taskmanagers[index];
    if (tm->tm == NULL && tm->up_ms <= sim_on->now_ms)
        tm_start(c, index);
    if (tm->tm == NULL || tm->actor.paused_until_ms > sim_on->now_ms)
        return;
    sim_actor *before = sim_enter(&tm->actor);
    slu_taskmanager_step(tm->tm);
    (void)sim_enter(before);
    if (tm->actor.ghost || slu_taskmanager_refused(tm->tm) != NULL)
        sim_cluster_kill_taskmanager(c, index);
}

static void
jm_step(sim_cluster *c)
{
    if (c->jm == NULL && c->jm_up_ms <= sim_on->now_ms)
        jm_start(c);
    if (c->jm == NULL || c->jm_actor.paused_until_ms > sim_on->now_ms)
        return;
    sim_actor *before = sim_enter(&c->jm_actor);
    slu_jobmanager_step(c->jm);
    (void)sim_enter(before);
    if (c->jm_actor.ghost)
        sim_cluster_kill_jobmanager(c);
}

/* ---- Hosts */

void
sim_cluster_power_loss(sim_cluster *c, uint32_t host)
{
    char disk[32];
    (void)snprintf(disk, sizeof disk, "/sim/host%u", host);
    for (uint32_t i = 0; i < SIM_TASKMANAGERS; i++)
        if (c->taskmanagers[i].actor.host == host) {
            c->taskmanagers[i].actor.paused_until_ms = INT64_MAX; /* nobody is left to close its connections */
            sim_cluster_kill_taskmanager(c, i);
        }
    if (host == 0) {
        c->jm_actor.paused_until_ms = INT64_MAX;
        sim_cluster_kill_jobmanager(c);
    }
    sim_disk_power_loss(sim_on->disk, disk);
    c->boots[host]++;
}

void
sim_cluster_freeze(sim_cluster *c, uint32_t host, int64_t until_ms)
{
    for (sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        if (w->used && w->actor.host == host)
            w->actor.paused_until_ms = until_ms;
    for (uint32_t i = 0; i < SIM_TASKMANAGERS; i++)
        if (c->taskmanagers[i].actor.host == host)
            c->taskmanagers[i].actor.paused_until_ms = until_ms;
    if (host == 0)
        c->jm_actor.paused_until_ms = until_ms;
}

/* ---- All of it */

void
sim_cluster_open(sim_cluster *c)
{
    memset(c, 0, sizeof *c);
    slu_arena_init(&c->arena, 1 << 24);
    slu_buf_init(&c->answer, 1 << 24);
    c->registry = sim_job_registry();
    c->pids = 100;
    jm_start(c);
    for (uint32_t i = 0; i < SIM_TASKMANAGERS; i++) {
        c->taskmanagers[i].cluster = c;
        c->taskmanagers[i].actor.host = i == 0 ? 0 : (uint32_t)sim_between(0, SIM_HOSTS - 2);
        tm_start(c, i);
    }
}

void
sim_cluster_close(sim_cluster *c)
{
    for (uint32_t i = 0; i < SIM_TASKMANAGERS; i++)
        sim_cluster_kill_taskmanager(c, i);
    for (sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        sim_cluster_kill_worker(c, w);
    sim_cluster_kill_jobmanager(c);
    slu_registry_free(&c->registry);
    slu_arena_fini(&c->arena);
    slu_buf_fini(&c->answer);
}

bool
sim_cluster_step(sim_cluster *c)
{
    bool did = false;
    uint32_t order[1 + SIM_TASKMANAGERS];
    for (uint32_t i = 0; i <= SIM_TASKMANAGERS; i++)
        order[i] = i;
    for (uint32_t i = SIM_TASKMANAGERS; i > 0; i--) {
        const uint32_t k = (uint32_t)sim_between(0, i), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (uint32_t i = 0; i <= SIM_TASKMANAGERS; i++)
        if (order[i] == SIM_TASKMANAGERS)
            jm_step(c);
        else
            tm_step(c, order[i]);
    const uint32_t first = (uint32_t)sim_between(0, SIM_WORKERS_MAX - 1);
    for (uint32_t i = 0; i < SIM_WORKERS_MAX; i++)
        did = worker_step(c, &c->workers[(first + i) % SIM_WORKERS_MAX]) || did;
    return did;
}

static int64_t
sooner(int64_t next, const sim_actor *actor, int64_t at_ms)
{
    at_ms = at_ms < actor->paused_until_ms ? actor->paused_until_ms : at_ms;
    return at_ms < next ? at_ms : next;
}

int64_t
sim_cluster_next_ms(const sim_cluster *c)
{
    int64_t next = c->jm == NULL ? c->jm_up_ms : sooner(INT64_MAX, &c->jm_actor, slu_jobmanager_deadline(c->jm));
    for (uint32_t i = 0; i < SIM_TASKMANAGERS; i++) {
        const sim_taskmanager *tm = &c->taskmanagers[i];
        if (tm->tm == NULL)
            next = tm->up_ms < next ? tm->up_ms : next;
        else
            next = sooner(next, &tm->actor, slu_taskmanager_deadline(tm->tm));
    }
    for (const sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        if (w->used)
            next = sooner(next, &w->actor, w->dead ? w->told_ms : slu_worker_process_deadline(w->process));
    return next;
}

sim_worker *
sim_cluster_worker(sim_cluster *c, uint64_t nth)
{
    for (uint32_t i = 0; i < SIM_WORKERS_MAX; i++) {
        sim_worker *w = &c->workers[(nth + i) % SIM_WORKERS_MAX];
        if (w->used && !w->dead)
            return w;
    }
    return NULL;
}

uint32_t
sim_cluster_workers(const sim_cluster *c)
{
    uint32_t count = 0;
    for (const sim_worker *w = c->workers; w < c->workers + SIM_WORKERS_MAX; w++)
        count += w->used && !w->dead;
    return count;
}
