/*
 * A whole cluster in one thread, on a false clock: job manager, two task managers and the real worker processes' machines over memory
 * links, running real jobs of small plugins. What is lost on the way shows in what the ledger holds at the end.
 */
#include "test_plugins.h"

#include "base/file.h"
#include "control/message.h"
#include "jobmanager/jobmanager.h"
#include "link/memory.h"
#include "taskmanager/taskmanager.h"
#include "worker/process.h"

#define PROCESSES_MAX 32

static slu_error err;

typedef struct cluster cluster;

typedef struct process {
    uint64_t pid;
    slu_worker_process *machine;
    slu_buf deploy;
    char address[32];
    int machine_index;
    bool dead; /* not reported yet */
    int status;
    bool used;
} process;

typedef struct machine {
    cluster *c;
    int index;
    slu_taskmanager *tm;
} machine;

struct cluster {
    slu_env_fake fake;
    slu_link_hub *hub;
    slu_link_transport *transport;
    slu_registry *registry;
    slu_jobstore *store;
    slu_link *listener;
    slu_jobmanager *jm;
    machine machines[2];
    process processes[PROCESSES_MAX];
    uint64_t pids;
    slu_link *client;
    slu_arena arena;
    slu_buf reply;
    slu_message answer;
    bool answered;
    char job[33];
    char dir[64];
    char db[96];
    uint64_t frames; /* between workers, of those that are gone */
};

static slu_status
process_spawn(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *error)
{
    machine *m = context;
    process *p = m->c->processes;
    while (p->used)
        p++;
    assert_true(p < m->c->processes + PROCESSES_MAX);
    *p = (process){.pid = ++m->c->pids, .machine_index = m->index, .used = true};
    slu_buf_init(&p->deploy, 1 << 24);
    slu_message_encode(deploy, SLU_CONTROL_VERSION_MAX, &p->deploy);
    (void)snprintf(p->address, sizeof p->address, "worker-%llu", (unsigned long long)p->pid);
    const slu_worker_process_spec spec = {.env = &m->c->fake.env,
                                          .control = m->c->transport,
                                          .data = m->c->transport,
                                          .registry = m->c->registry,
                                          .deploy = slu_buf_view(&p->deploy),
                                          .listen = p->address,
                                          .host = m->index == 0 ? "a" : "b",
                                          .boot = "boot"};
    *out_pid = p->pid;
    return slu_worker_process_new(&spec, &p->machine, error);
}

static void
process_end(cluster *c, process *p, int status)
{
    if (p->machine != NULL)
        c->frames += slu_worker_process_counters(p->machine).frames_in;
    slu_worker_process_free(&p->machine);
    slu_buf_fini(&p->deploy);
    p->dead = true;
    p->status = status;
}

static void
process_kill(void *context, uint64_t pid)
{
    machine *m = context;
    for (process *p = m->c->processes; p < m->c->processes + PROCESSES_MAX; p++)
        if (p->used && !p->dead && p->pid == pid)
            process_end(m->c, p, 137);
}

static const slu_process_ops process_ops = {process_spawn, process_kill, NULL};

static void
jm_open(cluster *c)
{
    const slu_link_options options = {.env = &c->fake.env};
    CHECK_OK(slu_jobstore_open(c->db, &c->store, &err));
    CHECK_OK(c->transport->listen(c->transport, "jm", &options, &c->listener, &err));
    const slu_jobmanager_spec spec = {.env = &c->fake.env,
                                      .listener = c->listener,
                                      .store = c->store,
                                      .checkpoint_dir = c->dir,
                                      .boot = "boot",
                                      .build = "test",
                                      .heartbeat_ms = 1000,
                                      .timeout_ms = 5000};
    CHECK_OK(slu_jobmanager_new(&spec, &c->jm, &err));
}

static void
jm_close(cluster *c)
{
    slu_jobmanager_free(&c->jm);
    slu_link_close(&c->listener);
    slu_jobstore_close(&c->store);
}

static void
cluster_open(cluster *c, uint64_t seed)
{
    memset(c, 0, sizeof *c);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/slu-cluster-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    (void)snprintf(c->db, sizeof c->db, "%s/jobs.sqlite", c->dir);
    slu_env_init_fake(&c->fake, seed);
    slu_arena_init(&c->arena, 1 << 24);
    slu_buf_init(&c->reply, 1 << 24);
    c->registry = test_registry();
    CHECK_OK(slu_link_hub_new(&c->hub, &err));
    c->transport = slu_link_hub_transport(c->hub);
    jm_open(c);
    for (int i = 0; i < 2; i++) {
        c->machines[i] = (machine){.c = c, .index = i};
        const slu_taskmanager_spec spec = {.env = &c->fake.env,
                                           .transport = c->transport,
                                           .jobmanager = "jm",
                                           .host = i == 0 ? "a" : "b",
                                           .boot = "boot",
                                           .build = "test",
                                           .slots = 2,
                                           .processes = &process_ops,
                                           .processes_context = &c->machines[i]};
        CHECK_OK(slu_taskmanager_new(&spec, &c->machines[i].tm, &err));
    }
    const slu_link_options options = {.env = &c->fake.env};
    CHECK_OK(c->transport->dial(c->transport, "jm", &options, &c->client, &err));
}

static void
cluster_close(cluster *c)
{
    for (process *p = c->processes; p < c->processes + PROCESSES_MAX; p++)
        if (p->used && !p->dead)
            process_end(c, p, 0);
    slu_link_close(&c->client);
    for (int i = 0; i < 2; i++)
        slu_taskmanager_free(&c->machines[i].tm);
    jm_close(c);
    slu_link_hub_free(&c->hub);
    slu_registry_free(&c->registry);
    slu_arena_fini(&c->arena);
    slu_buf_fini(&c->reply);
    CHECK_OK(slu_dir_remove(c->dir, &err));
}

static void
client_tell(cluster *c, const slu_message *message)
{
    slu_buf buf;
    slu_buf_init(&buf, 1 << 24);
    slu_message_encode(message, 1, &buf);
    const slu_status status = slu_link_send(c->client, 0, slu_buf_view(&buf), NULL, &err);
    if (status != SLU_AGAIN) /* cut: asked again */
        CHECK_OK(status);
    slu_buf_fini(&buf);
}

static void
client_step(cluster *c)
{
    slu_link_event event;
    const slu_message hello = {.kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_CLIENT, .version_min = 1, .version_max = 1};
    while (slu_link_next(c->client, &event) == SLU_OK) {
        if (event.kind == SLU_LINK_OPENED)
            client_tell(c, &hello);
        if (event.kind != SLU_LINK_MESSAGE)
            continue;
        slu_arena_reset(&c->arena);
        slu_buf_reset(&c->reply);
        slu_buf_append(&c->reply, event.head.data, event.head.bytes);
        CHECK_OK(slu_message_decode(slu_buf_view(&c->reply), 1, &c->arena, &c->answer, &err));
        c->answered = c->answered || c->answer.request != 0;
    }
}

static bool
process_step(cluster *c, process *p)
{
    if (p->dead) {
        slu_taskmanager_exited(c->machines[p->machine_index].tm, p->pid, p->status,
                               p->status == 0 ? "exit code 0" : "killed by signal 9");
        p->used = p->dead = false;
        return true;
    }
    const slu_status status = slu_worker_process_step(p->machine);
    if (status == SLU_END)
        process_end(c, p, slu_worker_process_exit_code(p->machine));
    return status != SLU_AGAIN;
}

/* One round of everything; the clock moves a little each, and more when nobody has anything to do. */
static void
cluster_round(cluster *c)
{
    bool did = false;
    if (c->jm != NULL)
        slu_jobmanager_step(c->jm);
    for (int i = 0; i < 2; i++)
        slu_taskmanager_step(c->machines[i].tm);
    for (process *p = c->processes; p < c->processes + PROCESSES_MAX; p++)
        did = (p->used && process_step(c, p)) || did;
    client_step(c);
    slu_env_fake_advance(&c->fake, did ? 1 : 5);
}

static const slu_message *
ask(cluster *c, slu_message message)
{
    message.request = 1;
    c->answered = false;
    client_tell(c, &message);
    for (int i = 0; i < 1000 && !c->answered; i++)
        cluster_round(c);
    assert_true(c->answered);
    return &c->answer;
}

static void
submit(cluster *c, const slu_graph *graph)
{
    slu_buf bytes;
    slu_buf_init(&bytes, 1 << 24);
    CHECK_OK(slu_graph_encode(graph, &bytes, &err));
    for (int i = 0; i < 10; i++)
        cluster_round(c);
    const slu_message *done = ask(c, (slu_message){.kind = SLU_MESSAGE_SUBMIT, .name = "job", .graph = slu_buf_view(&bytes)});
    if (done->kind != SLU_MESSAGE_DONE)
        fail_msg("submit: %s", done->text);
    (void)snprintf(c->job, sizeof c->job, "%s", done->job);
    slu_buf_fini(&bytes);
}

/* Until the job is over; its last state. Asks again and again, for a question may be what is lost. */
static const char *
finish(cluster *c, int rounds_max)
{
    for (int i = 0; i < rounds_max; i++) {
        if (i % 100 == 0)
            client_tell(c, &(slu_message){.kind = SLU_MESSAGE_DESCRIBE, .request = 1, .job = c->job});
        c->answered = false;
        cluster_round(c);
        if (c->answered && (strcmp(c->answer.state, "FINISHED") == 0 || strcmp(c->answer.state, "FAILED") == 0)) {
            if (strcmp(c->answer.state, "FINISHED") != 0)
                (void)fprintf(stderr, "%s: %s\n", c->answer.state, c->answer.text);
            return c->answer.state;
        }
    }
    fail_msg("not over: %s, attempt %d, checkpoint %d: %s", c->answer.state, (int)c->answer.attempt, (int)c->answer.checkpoint,
             c->answer.text);
    return "";
}

#define IDS 8000

static slu_graph *
wide_graph(void)
{
    static const test_op wide[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = IDS / 2},
                                   {.id = "e", .use = "even", .parallelism = 3},
                                   {.id = "s", .use = "slow", .parallelism = 3},
                                   {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                                   {.id = "l", .use = "ledger", .parallelism = 1, .partition = SLU_PARTITION_GLOBAL}};
    slu_graph *graph = test_graph(wide, sizeof wide / sizeof wide[0]);
    graph->name = "wide";
    graph->checkpoint.interval_ms = 20;
    graph->checkpoint.timeout_ms = 5000;
    graph->checkpoint.retained = 2;
    graph->restart.strategy = 2;
    graph->restart.delay_ms = 100;
    graph->restart.delay_max_ms = 1000;
    return graph;
}

static void
check_each_even_once(void)
{
    for (int64_t i = 0; i < IDS; i++)
        if (world.committed[i] != (i % 2 == 0))
            fail_msg("id %lld came %u times", (long long)i, world.committed[i]);
}

/* Every count of a key 1..n exactly once: state neither lost nor doubled anything. */
static void
check_counts(void)
{
    static uint8_t seen[100][2000];
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < IDS; i += 2) {
        const int64_t count = world.counts[i];
        assert_in_range(count, 1, 1999);
        if (seen[i % 100][count]++ != 0)
            fail_msg("count %lld of key %lld came twice", (long long)count, (long long)(i % 100));
    }
}

static void
a_job_over_two_task_managers(void **state)
{
    (void)state;
    cluster c;
    slu_graph *graph = wide_graph();
    test_world_reset();
    cluster_open(&c, 1);
    submit(&c, graph);
    CHECK_TEXT(finish(&c, 200000), "FINISHED");
    check_each_even_once();
    check_counts();
    for (int i = 0; i < 200; i++)
        cluster_round(&c);
    assert_true(c.frames > 100); /* batches went between the workers */
    assert_int_equal(slu_taskmanager_worker_count(c.machines[0].tm) + slu_taskmanager_worker_count(c.machines[1].tm), 0);
    assert_int_equal(world.opens, world.closes);
    assert_int_equal(world.first_write_before_checkpoint_0, 0);
    cluster_close(&c);
    slu_graph_free(&graph);
}

/* A worker of the job that runs; NULL: none now. */
static process *
victim(cluster *c, uint64_t random)
{
    for (int i = 0; i < PROCESSES_MAX; i++) {
        process *p = &c->processes[(random + (uint64_t)i) % PROCESSES_MAX];
        if (p->used && !p->dead)
            return p;
    }
    return NULL;
}

static void
killed_workers_change_nothing(void **state)
{
    (void)state;
    slu_graph *graph = wide_graph();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        cluster c;
        test_world_reset();
        cluster_open(&c, seed);
        submit(&c, graph);
        for (int kill = 0; kill < 3; kill++) {
            for (uint64_t i = 0, rounds = c.fake.env.random(&c.fake.env) % 200; i < rounds; i++)
                cluster_round(&c);
            process *p = victim(&c, c.fake.env.random(&c.fake.env));
            if (p != NULL)
                process_end(&c, p, 137);
        }
        CHECK_TEXT(finish(&c, 400000), "FINISHED");
        check_each_even_once();
        check_counts();
        cluster_close(&c);
    }
    slu_graph_free(&graph);
}

static void
the_job_manager_dies_and_comes_back(void **state)
{
    (void)state;
    slu_graph *graph = wide_graph();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        cluster c;
        test_world_reset();
        cluster_open(&c, seed);
        submit(&c, graph);
        for (int gap = 0; gap < 2; gap++) {
            for (uint64_t i = 0, rounds = c.fake.env.random(&c.fake.env) % 200; i < rounds; i++)
                cluster_round(&c);
            jm_close(&c);
            for (uint64_t i = 0, rounds = c.fake.env.random(&c.fake.env) % 50; i < rounds; i++)
                cluster_round(&c);
            if (seed % 3 == 0 && victim(&c, seed) != NULL)
                process_end(&c, victim(&c, seed), 137);
            jm_open(&c);
        }
        for (int i = 0; i < 5; i++)
            cluster_round(&c);
        CHECK_TEXT(finish(&c, 400000), "FINISHED");
        check_each_even_once();
        check_counts();
        cluster_close(&c);
    }
    slu_graph_free(&graph);
}

/* Whatever single message is lost, the job ends with the right result. */
static void
a_lost_message_changes_nothing(void **state)
{
    (void)state;
    slu_graph *graph = wide_graph();
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cluster c;
        test_world_reset();
        cluster_open(&c, seed);
        submit(&c, graph);
        for (int i = 0; i < 20; i++)
            cluster_round(&c);
        slu_link_hub_lose(c.hub, 1 + c.fake.env.random(&c.fake.env) % 300);
        CHECK_TEXT(finish(&c, 400000), "FINISHED");
        check_each_even_once();
        check_counts();
        cluster_close(&c);
    }
    slu_graph_free(&graph);
}

/* Any one connection breaks and comes back: control, data, a task manager's, the client's. */
static void
a_cut_connection_changes_nothing(void **state)
{
    (void)state;
    slu_graph *graph = wide_graph();
    for (uint64_t seed = 1; seed <= 30; seed++) {
        cluster c;
        test_world_reset();
        cluster_open(&c, seed);
        submit(&c, graph);
        for (int cut = 0; cut < 3; cut++) {
            for (uint64_t i = 0, rounds = c.fake.env.random(&c.fake.env) % 150; i < rounds; i++)
                cluster_round(&c);
            (void)slu_link_hub_cut_nth(c.hub, c.fake.env.random(&c.fake.env));
            for (uint64_t i = 0, rounds = c.fake.env.random(&c.fake.env) % 300; i < rounds; i++)
                cluster_round(&c);
            slu_link_hub_heal(c.hub);
        }
        CHECK_TEXT(finish(&c, 400000), "FINISHED");
        check_each_even_once();
        check_counts();
        cluster_close(&c);
    }
    slu_graph_free(&graph);
}

/* The planned module is not where the task runs: the job fails at once, naming it, and is not tried again. */
static void
a_missing_module_is_final(void **state)
{
    (void)state;
    slu_graph *graph = wide_graph();
    cluster c;
    test_world_reset();
    cluster_open(&c, 1);
    graph->operators[0].module = "elsewhere";
    graph->operators[0].module_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    submit(&c, graph);
    CHECK_TEXT(finish(&c, 1000), "FAILED");
    assert_non_null(strstr(c.answer.text, "module"));
    assert_int_equal(c.answer.restarts, 0);
    assert_int_equal(world.opens, 0);
    cluster_close(&c);
    slu_graph_free(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_over_two_task_managers),        cmocka_unit_test(killed_workers_change_nothing),
        cmocka_unit_test(the_job_manager_dies_and_comes_back), cmocka_unit_test(a_lost_message_changes_nothing),
        cmocka_unit_test(a_cut_connection_changes_nothing),    cmocka_unit_test(a_missing_module_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
