/* faults.c: see faults.h. */
#include "faults.h"

#include "disk.h"
#include "fluss_model.h"
#include "lake_model.h"
#include "network.h"

#include <inttypes.h>

#define FAULTS_MAX 6
#define FIRST_MS 1020
#define LAST_MS 1800

typedef void (*fault_fn)(sim_faults *faults, sim_cluster *cluster);

static void
worker_killed(sim_faults *f, sim_cluster *c)
{
    sim_worker *worker = sim_cluster_worker(c, sim_random());
    (void)f;
    if (worker != NULL)
        sim_cluster_kill_worker(c, worker);
}

static void
taskmanager_killed(sim_faults *f, sim_cluster *c)
{
    (void)f;
    sim_cluster_kill_taskmanager(c, (uint32_t)sim_between(0, SIM_TASKMANAGERS - 1));
}

static void
jobmanager_killed(sim_faults *f, sim_cluster *c)
{
    (void)f;
    sim_cluster_kill_jobmanager(c);
}

static void
crash_at_an_effect(sim_faults *f, sim_cluster *c)
{
    (void)f;
    (void)c;
    sim_on->crash_role = (uint32_t)sim_between(SIM_ROLE_JOBMANAGER, SIM_ROLE_WORKER);
    sim_on->crash_in = 1 + sim_random() % (sim_on->crash_role == SIM_ROLE_JOBMANAGER ? 200 : 100);
}

static void
connection_cut(sim_faults *f, sim_cluster *c)
{
    (void)f;
    (void)c;
    sim_network_cut(sim_on->network, sim_random());
}

static void
hosts_split(sim_faults *f, sim_cluster *c)
{
    (void)c;
    sim_network_split(sim_on->network, (uint32_t)sim_between(0, SIM_HOSTS - 1), (uint32_t)sim_between(0, SIM_HOSTS - 1));
    f->network_calm_ms = sim_on->now_ms + (sim_chance(200000) ? sim_between(20000, 60000) : sim_between(50, 8000));
}

static void
messages_lost(sim_faults *f, sim_cluster *c)
{
    (void)c;
    sim_network_set_loss(sim_on->network, (uint32_t)sim_between(1000, 50000));
    f->network_calm_ms = sim_on->now_ms + sim_between(50, 1500);
}

static void
network_slow(sim_faults *f, sim_cluster *c)
{
    (void)c;
    sim_network_set_delay(sim_on->network, sim_between(10, 800));
    f->network_calm_ms = sim_on->now_ms + sim_between(200, 4000);
}

static void
disk_bad(sim_faults *f, sim_cluster *c)
{
    (void)c;
    f->disks_failed = true;
    sim_on->disk_fault_ppm = (uint32_t)sim_between(1000, 300000);
    f->disk_calm_ms = sim_on->now_ms + sim_between(20, 1500);
}

static void
process_paused(sim_faults *f, sim_cluster *c)
{
    sim_worker *worker = sim_cluster_worker(c, sim_random());
    const int64_t until_ms = sim_on->now_ms + sim_between(20, sim_chance(500000) ? 500 : 9000);
    (void)f;
    switch (sim_between(0, 3)) {
    case 0: c->jm_actor.paused_until_ms = until_ms; break;
    case 1: c->taskmanagers[sim_between(0, SIM_TASKMANAGERS - 1)].actor.paused_until_ms = until_ms; break;
    default:
        if (worker != NULL)
            worker->actor.paused_until_ms = until_ms;
        break;
    }
}

static void
host_frozen(sim_faults *f, sim_cluster *c)
{
    (void)f;
    sim_cluster_freeze(c, (uint32_t)sim_between(0, SIM_HOSTS - 2),
                       sim_on->now_ms + (sim_chance(300000) ? sim_between(25000, 50000) : sim_between(100, 8000)));
}

static void
power_lost(sim_faults *f, sim_cluster *c)
{
    (void)f;
    sim_cluster_power_loss(c, (uint32_t)sim_between(0, SIM_HOSTS - 2));
}

static void
tables_bad(sim_faults *f, sim_cluster *c)
{
    (void)c;
    fluss_model_set_loss(sim_on->fluss, (uint32_t)sim_between(10000, 300000), sim_between(3, 1500));
    lake_model_set_faults(sim_on->lake, (uint32_t)sim_between(10000, 500000));
    f->tables_calm_ms = sim_on->now_ms + sim_between(100, 4000);
}

typedef struct fault {
    const char *name;
    fault_fn happen;
} fault;

static const fault faults_known[] = {
    {"a worker is killed", worker_killed},
    {"a task manager is killed", taskmanager_killed},
    {"the job manager is killed", jobmanager_killed},
    {"a crash between two effects", crash_at_an_effect},
    {"a connection is cut", connection_cut},
    {"two hosts are split", hosts_split},
    {"messages are lost", messages_lost},
    {"the network is slow", network_slow},
    {"disks fail", disk_bad},
    {"a process is stopped for a while", process_paused},
    {"a host is frozen for a while", host_frozen},
    {"a host loses its power", power_lost},
    {"tables and lake do not answer", tables_bad},
};

#define KINDS (sizeof faults_known / sizeof faults_known[0])

void
sim_faults_init(sim_faults *f)
{
    *f = (sim_faults){.left = (uint32_t)sim_between(0, FAULTS_MAX),
                      .kinds = (uint32_t)(sim_random() & sim_random() & ((1u << KINDS) - 1)),
                      .network_calm_ms = INT64_MAX,
                      .disk_calm_ms = INT64_MAX,
                      .tables_calm_ms = INT64_MAX,
                      .calm_ms = INT64_MAX};
    if (f->kinds == 0)
        f->kinds = (1u << KINDS) - 1;
    f->next_ms = sim_between(FIRST_MS, LAST_MS);
}

static void
one(sim_faults *f, sim_cluster *c)
{
    uint32_t kind = (uint32_t)(sim_random() % KINDS);
    while ((f->kinds & 1u << kind) == 0)
        kind = (kind + 1) % KINDS;
    const size_t at = strlen(f->told);
    (void)snprintf(f->told + at, sizeof f->told - at, "%s%" PRId64 " ms: %s", at == 0 ? "" : "; ", sim_on->now_ms,
                   faults_known[kind].name);
    if (sim_on->loud)
        (void)fprintf(stderr, "%8" PRId64 " ---- %s\n", sim_on->now_ms, faults_known[kind].name);
    sim_mix(SIM_EFFECT_FAULT << 8 | kind);
    faults_known[kind].happen(f, c);
    f->left--;
    f->next_ms = sim_on->now_ms + sim_between(1, sim_chance(300000) ? 3000 : 500);
}

static void
calm(int64_t *at_ms)
{
    *at_ms = INT64_MAX;
}

static void
spells_end(sim_faults *f)
{
    if (f->network_calm_ms <= sim_on->now_ms) {
        sim_network_heal(sim_on->network);
        sim_network_set_loss(sim_on->network, 0);
        sim_network_set_delay(sim_on->network, 3);
        calm(&f->network_calm_ms);
    }
    if (f->disk_calm_ms <= sim_on->now_ms) {
        sim_on->disk_fault_ppm = 0;
        calm(&f->disk_calm_ms);
    }
    if (f->tables_calm_ms <= sim_on->now_ms) {
        fluss_model_set_loss(sim_on->fluss, 0, 3);
        lake_model_set_faults(sim_on->lake, 0);
        calm(&f->tables_calm_ms);
    }
}

void
sim_faults_step(sim_faults *f, sim_cluster *c)
{
    spells_end(f);
    if (f->left != 0 && f->next_ms <= sim_on->now_ms)
        one(f, c);
    if (f->left == 0 && f->calm_ms == INT64_MAX && f->network_calm_ms == INT64_MAX && f->disk_calm_ms == INT64_MAX &&
        f->tables_calm_ms == INT64_MAX)
        f->calm_ms = sim_on->now_ms;
}

int64_t
sim_faults_next_ms(const sim_faults *f)
{
    int64_t next = f->left != 0 ? f->next_ms : INT64_MAX;
    next = f->network_calm_ms < next ? f->network_calm_ms : next;
    next = f->disk_calm_ms < next ? f->disk_calm_ms : next;
    return f->tables_calm_ms < next ? f->tables_calm_ms : next;
}
