/*
 * The same cluster with threads and ZeroMQ, inside one program so that a thread sanitizer sees all of it: every worker has its task
 * threads and its net thread; the managers are stepped here.
 */
#include "test_plugins.h"

#include "base/file.h"
#include "control/message.h"
#include "jobmanager/jobmanager.h"
#include "link/zmq.h"
#include "taskmanager/taskmanager.h"
#include "worker/process.h"

#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 16
#define IDS 40000

static slu_error err;

typedef struct cluster cluster;

typedef struct machine {
    cluster *c;
    slu_taskmanager *tm;
} machine;

typedef struct process {
    slu_worker_process *machine;
    slu_buf deploy;
    uint64_t pid;
    int of;
} process;

struct cluster {
    slu_env env;
    slu_registry *registry;
    slu_jobstore *store;
    slu_link *listener;
    slu_jobmanager *jm;
    machine machines[2];
    process processes[PROCESSES_MAX];
    uint64_t pids;
    slu_link *client;
    char job[33];
    char state[32];
    char dir[64];
    uint64_t frames;
};

static slu_status
process_spawn(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *error)
{
    machine *m = context;
    process *p = m->c->processes;
    slu_message complete = *deploy;
    complete.listen = "127.0.0.1";
    complete.transport = "auto";
    complete.run_dir = m->c->dir;
    while (p->machine != NULL)
        p++;
    assert_true(p < m->c->processes + PROCESSES_MAX);
    *p = (process){.pid = ++m->c->pids, .of = (int)(m - m->c->machines)};
    slu_buf_init(&p->deploy, 1 << 24);
    slu_message_encode(&complete, SLU_CONTROL_VERSION_MAX, &p->deploy);
    const slu_worker_process_spec spec = {.env = &m->c->env,
                                          .control = &slu_link_zmq,
                                          .data = &slu_link_zmq,
                                          .registry = m->c->registry,
                                          .deploy = slu_buf_view(&p->deploy),
                                          .host = "here",
                                          .boot = "boot",
                                          .threads = true};
    *out_pid = p->pid;
    return slu_worker_process_new(&spec, &p->machine, error);
}

static void
process_end(cluster *c, process *p, int status)
{
    c->frames += slu_worker_process_counters(p->machine).frames_in;
    slu_worker_process_free(&p->machine);
    slu_buf_fini(&p->deploy);
    slu_taskmanager_exited(c->machines[p->of].tm, p->pid, status, status == 0 ? "exit code 0" : "killed by signal 9");
}

static void
process_kill(void *context, uint64_t pid)
{
    machine *m = context;
    for (process *p = m->c->processes; p < m->c->processes + PROCESSES_MAX; p++)
        if (p->machine != NULL && p->pid == pid)
            process_end(m->c, p, 137);
}

static const slu_process_ops process_ops = {process_spawn, process_kill, NULL};

static void
cluster_open(cluster *c)
{
    memset(c, 0, sizeof *c);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/slu-process-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    slu_env_init_system(&c->env, getenv("SLUICE_TEST_LOG") != NULL ? SLU_LOG_DEBUG : SLU_LOG_ERROR);
    c->registry = test_registry();
    const slu_link_options options = {.env = &c->env};
    CHECK_OK(slu_jobstore_open(":memory:", &c->store, &err));
    CHECK_OK(slu_link_zmq.listen(&slu_link_zmq, "tcp://127.0.0.1:*", &options, &c->listener, &err));
    const slu_jobmanager_spec spec = {.env = &c->env,
                                      .listener = c->listener,
                                      .store = c->store,
                                      .checkpoint_dir = c->dir,
                                      .boot = "boot",
                                      .build = "test",
                                      .heartbeat_ms = 500,
                                      .timeout_ms = 30000};
    CHECK_OK(slu_jobmanager_new(&spec, &c->jm, &err));
    for (int i = 0; i < 2; i++) {
        c->machines[i].c = c;
        const slu_taskmanager_spec tm = {.env = &c->env,
                                         .transport = &slu_link_zmq,
                                         .jobmanager = slu_link_address(c->listener),
                                         .host = "here",
                                         .boot = "boot",
                                         .build = "test",
                                         .slots = 2,
                                         .processes = &process_ops,
                                         .processes_context = &c->machines[i]};
        CHECK_OK(slu_taskmanager_new(&tm, &c->machines[i].tm, &err));
    }
    CHECK_OK(slu_link_zmq.dial(&slu_link_zmq, slu_link_address(c->listener), &options, &c->client, &err));
}

static void
cluster_close(cluster *c)
{
    for (process *p = c->processes; p < c->processes + PROCESSES_MAX; p++)
        if (p->machine != NULL)
            process_end(c, p, 0);
    slu_link_close(&c->client);
    for (int i = 0; i < 2; i++)
        slu_taskmanager_free(&c->machines[i].tm);
    slu_jobmanager_free(&c->jm);
    slu_link_close(&c->listener);
    slu_jobstore_close(&c->store);
    slu_registry_free(&c->registry);
    CHECK_OK(slu_dir_remove(c->dir, &err));
}

static void
tell(cluster *c, const slu_message *message)
{
    slu_buf buf;
    slu_buf_init(&buf, 1 << 24);
    slu_message_encode(message, 1, &buf);
    CHECK_OK(slu_link_send(c->client, 0, slu_buf_view(&buf), NULL, &err));
    slu_buf_fini(&buf);
}

/* Says hello, submits once there are four slots, asks for the state from then on. */
static void
client_step(cluster *c, slu_view graph)
{
    slu_link_event event;
    while (slu_link_next(c->client, &event) == SLU_OK) {
        slu_message answer;
        slu_arena arena;
        if (event.kind == SLU_LINK_OPENED)
            tell(c, &(slu_message){.kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_CLIENT, .version_min = 1, .version_max = 1});
        if (event.kind != SLU_LINK_MESSAGE)
            continue;
        slu_arena_init(&arena, 1 << 24);
        CHECK_OK(slu_message_decode(event.head, 1, &arena, &answer, &err));
        if (answer.kind == SLU_MESSAGE_WELCOME || (answer.kind == SLU_MESSAGE_CLUSTER && answer.slots < 4))
            tell(c, &(slu_message){.kind = SLU_MESSAGE_OVERVIEW});
        else if (answer.kind == SLU_MESSAGE_CLUSTER)
            tell(c, &(slu_message){.kind = SLU_MESSAGE_SUBMIT, .name = "job", .graph = graph});
        else if (answer.kind == SLU_MESSAGE_DONE || answer.kind == SLU_MESSAGE_DETAILS) {
            (void)snprintf(c->job, sizeof c->job, "%s", answer.job);
            (void)snprintf(c->state, sizeof c->state, "%s", answer.state);
            tell(c, &(slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = c->job});
        } else if (answer.kind == SLU_MESSAGE_FAILED)
            fail_msg("%s", answer.text);
        slu_arena_fini(&arena);
    }
}

static void
cluster_round(cluster *c, slu_view graph)
{
    const struct timespec nap = {0, 500000};
    slu_jobmanager_step(c->jm);
    for (int i = 0; i < 2; i++)
        slu_taskmanager_step(c->machines[i].tm);
    for (process *p = c->processes; p < c->processes + PROCESSES_MAX; p++)
        if (p->machine != NULL && slu_worker_process_step(p->machine) == SLU_END)
            process_end(c, p, slu_worker_process_exit_code(p->machine));
    client_step(c, graph);
    (void)nanosleep(&nap, NULL);
}

static void
run(int kills)
{
    static const test_op wide[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = IDS / 2},
                                   {.id = "e", .use = "even", .parallelism = 3},
                                   {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                                   {.id = "l", .use = "ledger", .parallelism = 1, .partition = SLU_PARTITION_GLOBAL}};
    slu_graph *graph = test_graph(wide, sizeof wide / sizeof wide[0]);
    cluster c;
    slu_buf bytes;
    graph->name = "wide";
    graph->checkpoint.interval_ms = 20;
    graph->checkpoint.timeout_ms = 20000;
    graph->restart.strategy = 2;
    graph->restart.delay_ms = 20;
    slu_buf_init(&bytes, 1 << 24);
    CHECK_OK(slu_graph_encode(graph, &bytes, &err));
    test_world_reset();
    cluster_open(&c);
    for (int i = 0; i < 60000 && strcmp(c.state, "FINISHED") != 0; i++) {
        cluster_round(&c, slu_buf_view(&bytes));
        if (kills > 0 && c.state[0] != 0 && c.processes[0].machine != NULL && world.commits > 1) {
            process_end(&c, &c.processes[0], 137);
            kills--;
            world.commits = 0;
        }
    }
    CHECK_TEXT(c.state, "FINISHED");
    for (int i = 0; i < 100; i++)
        cluster_round(&c, slu_buf_view(&bytes));
    for (int64_t i = 0; i < IDS; i++)
        if (world.committed[i] != (i % 2 == 0))
            fail_msg("id %lld came %u times", (long long)i, world.committed[i]);
    assert_true(c.frames > 50);
    cluster_close(&c);
    slu_buf_fini(&bytes);
    slu_graph_free(&graph);
}

static void
a_job_over_zeromq(void **state)
{
    (void)state;
    run(0);
}

static void
a_job_over_zeromq_with_a_kill(void **state)
{
    (void)state;
    run(1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_over_zeromq),
        cmocka_unit_test(a_job_over_zeromq_with_a_kill),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slu_link_zmq_shutdown();
    return failed;
}
