/*
 * The job manager and two task managers in one thread, on a false clock, over memory links; workers are scripts. What a job goes
 * through: deployed, checkpointed, killed, restarted, cancelled, stopped, taken up by the next job manager.
 */
#include "support/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "checkpoint/manifest.h"
#include "control/message.h"
#include "jobmanager/jobmanager.h"
#include "link/memory.h"
#include "memory_store.h"
#include "plan/graph.h"
#include "taskmanager/taskmanager.h"

#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX 16
#define TASKS 4 /* source x2, sink x2, joined by a hash edge */
#define TASKS_MAX 8

/* A worker that does what it is told: acknowledges checkpoints, unless told to be mute. */
typedef struct script {
    bool alive;
    uint64_t pid;
    slu_link *link;
    char job[33];
    uint64_t attempt, attempt_id, worker;
    uint32_t placement[TASKS_MAX];
    uint32_t tasks;
    char restore[256];
    bool begun;
    bool mute;
    bool ended;
    bool deaf; /* neither reads nor dies: a worker that hangs */
    int64_t last_complete;
    uint32_t last_flags;
    uint32_t completes;
} script;

typedef struct world world;

typedef struct machine {
    world *w;
    slu_taskmanager *tm;
} machine;

struct world {
    slu_env_fake fake;
    slu_link_hub *hub;
    slu_link_transport *transport;
    slu_jobstore *store;
    slu_link *listener;
    slu_jobmanager *jm;
    machine machines[2];
    script scripts[WORKERS_MAX];
    uint64_t pids;
    uint64_t sigkills; /* that the job manager sent */
    bool unkillable;
    bool slow_begins;       /* tasks do not say that they run */
    bool slow_ends;         /* what is complete for good is not told at once */
    uint32_t tasks_failing; /* attempts of so many tasks fail at their beginning; 0: none */
    slu_link *client;
    uint64_t request;
    slu_arena arena;
    slu_buf reply;
    slu_message answer;
    bool answered;
    char dir[64];
    char db[96];
};

static void
tell(slu_link *link, const slu_message *message)
{
    slu_buf buf;
    slu_error err = {0};
    slu_buf_init(&buf, 1 << 20);
    slu_message_encode(message, 1, &buf);
    CHECK_OK(slu_link_send(link, 0, slu_buf_view(&buf), NULL, &err));
    slu_buf_fini(&buf);
}

static slu_message
about(const script *s, uint32_t kind)
{
    return (slu_message){.kind = kind, .job = s->job, .attempt = s->attempt, .attempt_id = s->attempt_id, .worker = s->worker};
}

static void
task_tell(const script *s, const char *state)
{
    for (uint32_t t = 0; t < s->tasks; t++) {
        slu_message m = about(s, SLU_MESSAGE_TASK);
        m.task = t;
        m.state = state;
        if (s->placement[t] == s->worker)
            tell(s->link, &m);
    }
}

static void
script_ack(const script *s, int64_t checkpoint, const char *dir)
{
    for (uint32_t t = 0; t < s->tasks; t++) {
        slu_message m = about(s, SLU_MESSAGE_ACK);
        m.task = t;
        m.checkpoint = checkpoint;
        m.path = "nothing.state";
        if (s->placement[t] == s->worker)
            tell(s->link, &m);
    }
}

static void
script_take(world *w, script *s, const slu_message *m)
{
    if (m->kind == SLU_MESSAGE_PEERS && !s->begun) {
        s->begun = true;
        if (w->slow_begins)
            return;
        task_tell(s, w->tasks_failing != 0 && s->tasks == w->tasks_failing ? "FAILED" : "RUNNING");
    } else if (m->kind == SLU_MESSAGE_TRIGGER && !s->mute) {
        if (s->ended)
            task_tell(s, "ENDED");
        script_ack(s, m->checkpoint, w->dir);
    } else if (m->kind == SLU_MESSAGE_COMPLETE) {
        s->last_complete = m->checkpoint;
        s->last_flags = (uint32_t)m->flags;
        s->completes++;
        if (m->flags == 1 && !w->slow_ends)
            task_tell(s, "FINISHED");
    }
}

static void
script_die(world *w, script *s, int status)
{
    s->alive = false;
    slu_link_close(&s->link);
    for (int i = 0; i < 2; i++)
        if (w->machines[i].tm != NULL)
            slu_taskmanager_exited(w->machines[i].tm, s->pid, status, status == 0 ? "exit code 0" : "killed by signal 9");
}

static void
script_step(world *w, script *s)
{
    slu_link_event event;
    while (s->alive && !s->deaf && slu_link_next(s->link, &event) == SLU_OK) {
        slu_message m;
        slu_error err = {0};
        if (event.kind == SLU_LINK_OPENED) {
            m = about(s, SLU_MESSAGE_HELLO);
            m.role = SLU_ROLE_WORKER;
            m.version_min = m.version_max = 1;
            m.address = "worker";
            m.pid = s->pid;
            tell(s->link, &m);
            if (s->begun)
                task_tell(s, s->last_flags == 1 ? "FINISHED" : "RUNNING");
        } else if (event.kind == SLU_LINK_MESSAGE) {
            slu_arena arena;
            slu_arena_init(&arena, 1 << 20);
            CHECK_OK(slu_message_decode(event.head, 1, &arena, &m, &err));
            if (m.kind == SLU_MESSAGE_END || m.kind == SLU_MESSAGE_FAILED)
                script_die(w, s, 0);
            else
                script_take(w, s, &m);
            slu_arena_fini(&arena);
        }
    }
}

static slu_status
fake_spawn(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *err)
{
    world *w = ((machine *)context)->w;
    script *s = NULL;
    const slu_link_options options = {.env = &w->fake.env};
    for (int i = 0; i < WORKERS_MAX && s == NULL; i++)
        if (!w->scripts[i].alive)
            s = &w->scripts[i];
    assert_non_null(s);
    *s = (script){.alive = true,
                  .pid = ++w->pids,
                  .attempt = deploy->attempt,
                  .attempt_id = deploy->attempt_id,
                  .worker = deploy->worker,
                  .last_complete = -1};
    (void)snprintf(s->job, sizeof s->job, "%s", deploy->job);
    (void)snprintf(s->restore, sizeof s->restore, "%s", deploy->restore);
    assert_true(deploy->placement.bytes <= sizeof s->placement);
    memcpy(s->placement, deploy->placement.data, deploy->placement.bytes);
    s->tasks = (uint32_t)(deploy->placement.bytes / sizeof s->placement[0]);
    *out_pid = s->pid;
    return w->transport->dial(w->transport, deploy->address, &options, &s->link, err);
}

static void
fake_kill(void *context, uint64_t pid)
{
    world *w = ((machine *)context)->w;
    for (int i = 0; i < WORKERS_MAX; i++)
        if (w->scripts[i].alive && w->scripts[i].pid == pid && !w->scripts[i].deaf) {
            w->scripts[i].alive = false;
            slu_link_close(&w->scripts[i].link);
            w->scripts[i].last_flags = 9; /* its death is told in the next round */
        }
}

static const slu_process_ops fake_processes = {fake_spawn, fake_kill, NULL};

static uint64_t
fake_born(void *context, uint64_t pid)
{
    const world *w = context;
    for (int i = 0; i < WORKERS_MAX; i++)
        if (w->scripts[i].alive && w->scripts[i].pid == pid)
            return pid + 1000;
    return 0;
}

/* SIGKILL from the job manager itself: takes the deaf ones too. */
static void
fake_sigkill(void *context, uint64_t pid)
{
    world *w = context;
    w->sigkills++;
    for (int i = 0; i < WORKERS_MAX && !w->unkillable; i++)
        if (w->scripts[i].alive && w->scripts[i].pid == pid)
            w->scripts[i].alive = false;
}

static const slu_host_processes fake_host = {fake_born, fake_sigkill};

static void
jm_open(world *w)
{
    slu_error err = {0};
    const slu_link_options options = {.env = &w->fake.env};
    CHECK_OK(slu_jobstore_open(w->db, &w->store, &err));
    CHECK_OK(w->transport->listen(w->transport, "jm", &options, &w->listener, &err));
    const slu_jobmanager_spec spec = {.env = &w->fake.env,
                                      .listener = w->listener,
                                      .store = w->store,
                                      .stores = &memory_stores,
                                      .checkpoint_dir = w->dir,
                                      .boot = "boot",
                                      .build = "test",
                                      .heartbeat_ms = 1000,
                                      .timeout_ms = 5000,
                                      .processes = &fake_host,
                                      .processes_context = w};
    CHECK_OK(slu_jobmanager_new(&spec, &w->jm, &err));
}

static void
jm_close(world *w)
{
    slu_jobmanager_free(&w->jm);
    slu_link_close(&w->listener);
    slu_jobstore_close(&w->store);
}

static void
tm_open(world *w, int i, uint32_t slots)
{
    slu_error err = {0};
    w->machines[i].w = w;
    const slu_taskmanager_spec spec = {.env = &w->fake.env,
                                       .transport = w->transport,
                                       .jobmanager = "jm",
                                       .host = i == 0 ? "a" : "b",
                                       .boot = "boot",
                                       .build = "test",
                                       .slots = slots,
                                       .processes = &fake_processes,
                                       .processes_context = &w->machines[i]};
    CHECK_OK(slu_taskmanager_new(&spec, &w->machines[i].tm, &err));
}

static void
world_open(world *w)
{
    slu_error err = {0};
    memset(w, 0, sizeof *w);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/slu-managers-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->db, sizeof w->db, "%s/jobs.sqlite", w->dir);
    slu_env_init_fake(&w->fake, 7);
    slu_arena_init(&w->arena, 1 << 24);
    slu_buf_init(&w->reply, 1 << 24);
    CHECK_OK(slu_link_hub_new(&w->hub, &err));
    w->transport = slu_link_hub_transport(w->hub);
    jm_open(w);
    tm_open(w, 0, 2);
    tm_open(w, 1, 2);
    const slu_link_options options = {.env = &w->fake.env};
    CHECK_OK(w->transport->dial(w->transport, "jm", &options, &w->client, &err));
}

static void
world_close(world *w)
{
    slu_error err = {0};
    for (int i = 0; i < WORKERS_MAX; i++)
        slu_link_close(&w->scripts[i].link);
    slu_link_close(&w->client);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < WORKERS_MAX; k++)
            w->scripts[k].alive = false;
        slu_taskmanager_free(&w->machines[i].tm);
    }
    jm_close(w);
    slu_link_hub_free(&w->hub);
    slu_arena_fini(&w->arena);
    slu_buf_fini(&w->reply);
    CHECK_OK(slu_dir_remove(w->dir, &err));
}

static void
client_step(world *w)
{
    slu_link_event event;
    slu_error err = {0};
    while (slu_link_next(w->client, &event) == SLU_OK) {
        const slu_message hello = {.kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_CLIENT, .version_min = 1, .version_max = 1};
        if (event.kind == SLU_LINK_OPENED)
            tell(w->client, &hello);
        if (event.kind != SLU_LINK_MESSAGE)
            continue;
        slu_arena_reset(&w->arena);
        slu_buf_reset(&w->reply);
        slu_buf_append(&w->reply, event.head.data, event.head.bytes);
        CHECK_OK(slu_message_decode(slu_buf_view(&w->reply), 1, &w->arena, &w->answer, &err));
        w->answered = w->answered || w->answer.request == w->request;
    }
}

/* Everything for `ms` of false time, a step each 10 ms. */
static void
run(world *w, int64_t ms)
{
    for (int64_t t = 0; t <= ms; t += 10) {
        for (int round = 0; round < 4; round++) {
            if (w->jm != NULL)
                slu_jobmanager_step(w->jm);
            for (int i = 0; i < 2; i++)
                if (w->machines[i].tm != NULL)
                    slu_taskmanager_step(w->machines[i].tm);
            for (int i = 0; i < WORKERS_MAX; i++) {
                if (!w->scripts[i].alive && w->scripts[i].last_flags == 9) {
                    w->scripts[i].last_flags = 0;
                    script_die(w, &w->scripts[i], 137);
                }
                script_step(w, &w->scripts[i]);
            }
            client_step(w);
        }
        slu_env_fake_advance(&w->fake, 10);
    }
}

static const slu_message *
ask(world *w, slu_message message)
{
    message.request = ++w->request;
    w->answered = false;
    tell(w->client, &message);
    run(w, 20);
    assert_true(w->answered);
    return &w->answer;
}

static uint32_t same_failures;     /* of the next graph */
static const char *checkpoint_dir; /* of the next graph; NULL: the job manager's own */

/* Two sources, a hash edge, two sinks. The graph's strings live in its arena. */
static void
graph_encode(int64_t interval_ms, slu_buf *out)
{
    static const char *const keys[] = {"k"};
    static const slu_edge edge = {.from = 0, .partition = SLU_PARTITION_HASH, .key_count = 1, .keys = keys};
    static const struct ArrowSchema *const none[] = {NULL};
    slu_error err = {0};
    slu_graph *graph = NULL;
    CHECK_OK(slu_graph_new(&graph, &err));
    graph->name = "job";
    graph->parallelism = 2;
    graph->checkpoint.interval_ms = interval_ms;
    graph->checkpoint.timeout_ms = 60000;
    if (checkpoint_dir != NULL)
        graph->checkpoint.dir = checkpoint_dir;
    graph->restart.delay_ms = 1000;
    graph->restart.same_max = same_failures;
    graph->operators = slu_arena_array(&graph->arena, 2, sizeof *graph->operators);
    graph->operator_count = 2;
    graph->operators[0] = (slu_operator){.id = "source",
                                         .use = "s",
                                         .module = "m",
                                         .module_sha256 = "",
                                         .kind = SLU_KIND_SOURCE,
                                         .parallelism = 2,
                                         .output_count = 1,
                                         .outputs = none,
                                         .dynamic = 1};
    graph->operators[1] = (slu_operator){.id = "sink",
                                         .use = "k",
                                         .module = "m",
                                         .module_sha256 = "",
                                         .kind = SLU_KIND_SINK,
                                         .parallelism = 2,
                                         .input_count = 1,
                                         .inputs = &edge};
    CHECK_OK(slu_graph_encode(graph, out, &err));
    slu_graph_free(&graph);
}

static void
submit(world *w, char job[33])
{
    slu_buf graph;
    slu_buf_init(&graph, 1 << 20);
    graph_encode(1000, &graph);
    run(w, 50);
    const slu_message *answer = ask(w, (slu_message){.kind = SLU_MESSAGE_SUBMIT, .name = "job", .graph = slu_buf_view(&graph)});
    if (answer->kind != SLU_MESSAGE_DONE)
        fail_msg("submit: %s", answer->text);
    (void)snprintf(job, 33, "%s", answer->job);
    slu_buf_fini(&graph);
}

static const char *
state_of(world *w, const char *job)
{
    const slu_message *answer = ask(w, (slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = job});
    assert_int_equal(answer->kind, SLU_MESSAGE_DETAILS);
    return answer->state;
}

static uint32_t
alive(world *w)
{
    uint32_t count = 0;
    for (int i = 0; i < WORKERS_MAX; i++)
        count += w->scripts[i].alive;
    return count;
}

static script *
living(world *w, uint64_t worker)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (w->scripts[i].alive && w->scripts[i].worker == worker)
            return &w->scripts[i];
    fail_msg("worker %d does not live", (int)worker);
    return NULL;
}

static void
spread_over_both_and_checkpointed(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 100);
    CHECK_TEXT(state_of(&w, "job"), "RUNNING");
    assert_int_equal(alive(&w), 2); /* one worker a task manager, a slot each */
    assert_int_equal(living(&w, 0)->placement[0] + living(&w, 0)->placement[1], 1);
    const slu_message *cluster = ask(&w, (slu_message){.kind = SLU_MESSAGE_OVERVIEW});
    assert_int_equal(cluster->slots, 4);
    assert_int_equal(cluster->slots_free, 2);
    assert_int_equal(living(&w, 0)->last_complete, 0); /* checkpoint 0 came at once */
    run(&w, 3500);
    assert_true(living(&w, 1)->last_complete >= 3);
    const slu_message *history = ask(&w, (slu_message){.kind = SLU_MESSAGE_HISTORY, .job = job});
    assert_true(history->item_count >= 4);
    CHECK_TEXT(history->items[0].state, "COMPLETED");
    CHECK_TEXT(history->items[history->item_count - 1].state, "DROPPED");
    world_close(&w);
}

static void
a_killed_worker_restarts_the_job(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    script *victim = living(&w, 1);
    script *other = living(&w, 0);
    const uint64_t old_pid = other->pid;
    script_die(&w, victim, 137);
    run(&w, 300);
    assert_int_equal(alive(&w), 0); /* the other one was killed; nothing new before the delay */
    CHECK_TEXT(state_of(&w, job), "RESTARTING");
    run(&w, 1500);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(alive(&w), 2);
    assert_int_equal(living(&w, 0)->attempt, 2);
    assert_true(living(&w, 0)->pid != old_pid);
    assert_non_null(strstr(living(&w, 0)->restore, "/chk-2"));
    assert_int_equal(w.answer.restarts, 1);
    world_close(&w);
}

static void
checkpoint_path(const world *w, const char *job, int64_t checkpoint, slu_buf *out)
{
    slu_buf_init(out, SLU_PATH_BYTES_MAX);
    slu_checkpoint_path(out, w->dir, job, checkpoint);
}

static void
a_job_whose_checkpoints_are_gone_does_not_begin_anew(void **state)
{
    world w;
    char job[33];
    slu_buf path;
    slu_error err = {0};
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    checkpoint_path(&w, job, living(&w, 0)->last_complete, &path);
    CHECK_OK(slu_dir_remove(slu_buf_cstr(&path), &err));
    script_die(&w, living(&w, 1), 137);
    run(&w, 3000);
    CHECK_TEXT(state_of(&w, job), "FAILED");
    assert_non_null(strstr(w.answer.text, "is gone from"));
    assert_int_equal(alive(&w), 0);
    slu_buf_fini(&path);
    world_close(&w);
}

/* The manifest is made exclusively: who finds it there is the zombie, and stops. */
static void
who_loses_a_checkpoint_stops(void **state)
{
    world w;
    char job[33];
    slu_buf path;
    slu_error err = {0};
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    checkpoint_path(&w, job, living(&w, 0)->last_complete + 1, &path);
    CHECK_OK(slu_dir_make(slu_buf_cstr(&path), &err));
    slu_buf_text(&path, "/" SLU_MANIFEST_NAME);
    CHECK_OK(slu_file_write(slu_buf_cstr(&path), slu_view_of_text("another's"), false, &err));
    run(&w, 4000);
    CHECK_TEXT(state_of(&w, job), "FAILED");
    assert_non_null(strstr(w.answer.text, "by another job manager"));
    slu_buf_fini(&path);
    world_close(&w);
}

/* A worker that does not die when it is killed (its disk hangs) holds the next attempt back. */
static void
no_attempt_beside_a_living_one(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 500);
    script *hung = living(&w, 0);
    hung->deaf = true;
    script_die(&w, living(&w, 1), 137);
    run(&w, 5000);
    CHECK_TEXT(state_of(&w, job), "FAILING");
    assert_int_equal(alive(&w), 1);
    hung->deaf = false;
    run(&w, 2500);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

static void
a_lost_task_manager_moves_the_job(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 1500);
    /* Its machine's agent dies, and with it (PR_SET_PDEATHSIG) its worker. */
    for (int i = 0; i < WORKERS_MAX; i++)
        if (w.scripts[i].alive && w.scripts[i].worker == 1) {
            w.scripts[i].alive = false;
            slu_link_close(&w.scripts[i].link);
        }
    const slu_message *cluster = ask(&w, (slu_message){.kind = SLU_MESSAGE_OVERVIEW});
    assert_int_equal(cluster->taskmanagers, 2);
    slu_taskmanager_free(&w.machines[0].tm);
    run(&w, 2000);
    slu_taskmanager_free(&w.machines[1].tm);
    run(&w, 200);
    CHECK_TEXT(state_of(&w, job), "RESTARTING"); /* no slots anywhere */
    tm_open(&w, 0, 4);
    run(&w, 1500);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(alive(&w), 1);
    world_close(&w);
}

/* A row that no attempt gets over. */
static void
data_failure_tell(world *w)
{
    slu_message m = about(living(w, 0), SLU_MESSAGE_TASK);
    m.task = UINT32_MAX;
    m.state = "FAILED";
    m.name = "names";
    m.status = SLU_INVALID;
    m.text = "row 7 is no row";
    tell(living(w, 0)->link, &m);
}

static void
the_same_failure_again_and_again_ends_the_job(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    same_failures = 3;
    submit(&w, job);
    same_failures = 0;
    run(&w, 1500);
    for (int i = 0; i < 3; i++) {
        CHECK_TEXT(state_of(&w, job), "RUNNING");
        data_failure_tell(&w);
        run(&w, 50);
        for (int wait = 0; wait < 400 && strcmp(state_of(&w, job), "RESTARTING") == 0; wait++)
            run(&w, 10);
        run(&w, 200); /* less than a checkpoint's interval */
    }
    CHECK_TEXT(state_of(&w, job), "FAILED");
    assert_non_null(strstr(w.answer.text, "the same failure of data 3 times in a row"));
    assert_non_null(strstr(w.answer.text, "names: row 7 is no row"));
    world_close(&w);
}

/* What the strategy counts outlives who counts. */
static void
restarts_are_counted_over_job_managers(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    same_failures = 3;
    submit(&w, job);
    same_failures = 0;
    run(&w, 1500);
    for (int i = 0; i < 3; i++) {
        CHECK_TEXT(state_of(&w, job), "RUNNING");
        data_failure_tell(&w);
        run(&w, 50);
        for (int wait = 0; wait < 400 && strcmp(state_of(&w, job), "RESTARTING") == 0; wait++)
            run(&w, 10);
        run(&w, 100);
        if (i < 2) {
            jm_close(&w);
            jm_open(&w);
            run(&w, 300);
        }
    }
    CHECK_TEXT(state_of(&w, job), "FAILED");
    assert_non_null(strstr(w.answer.text, "the same failure of data 3 times in a row"));
    world_close(&w);
}

/* Asked for, and not triggered or not whole yet when the job manager died. */
static void
the_next_job_manager_carries_a_stop_out(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    (void)ask(&w, (slu_message){.kind = SLU_MESSAGE_STOP, .job = job});
    jm_close(&w);
    jm_open(&w);
    run(&w, 2000);
    CHECK_TEXT(state_of(&w, job), "FINISHED");
    world_close(&w);
}

/* Its last checkpoint was whole, and nobody had heard of it. */
static void
the_next_job_manager_says_that_a_stop_is_whole(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    w.slow_ends = true;
    (void)ask(&w, (slu_message){.kind = SLU_MESSAGE_STOP, .job = job});
    run(&w, 100);
    const int64_t whole = living(&w, 0)->last_complete;
    jm_close(&w);
    for (uint32_t i = 0; i < 2; i++)
        living(&w, i)->last_flags = 0; /* COMPLETE was lost */
    w.slow_ends = false;
    jm_open(&w);
    run(&w, 2000);
    CHECK_TEXT(state_of(&w, job), "FINISHED");
    assert_int_equal(w.answer.checkpoint, whole);
    world_close(&w);
}

/* Nobody can reach the worker or its task manager, on this very machine: only the end of its process is its death. */
static void
a_lost_link_is_no_death(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 1500);
    script *cut = living(&w, 1);
    cut->deaf = true; /* lives on */
    slu_link_close(&cut->link);
    w.unkillable = true;
    for (int i = 0; i < 2; i++) /* both, for either may be its own */
        slu_taskmanager_free(&w.machines[i].tm);
    tm_open(&w, 0, 4);
    run(&w, 1000);
    assert_true(cut->alive);
    CHECK_TEXT(state_of(&w, job), "FAILING"); /* for the other one, which died */
    assert_true(w.sigkills > 0);
    run(&w, 60000); /* nor does time kill it */
    CHECK_TEXT(state_of(&w, job), "FAILING");
    assert_int_equal(alive(&w), 1);
    w.unkillable = false;
    run(&w, 3000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

/* A worker whose connection stands and that says nothing is killed; so is the attempt. */
static void
a_silent_worker_is_replaced(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 500);
    living(&w, 0)->mute = true;
    run(&w, 9000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 2);
    assert_non_null(strstr(w.answer.text, "silent"));
    world_close(&w);
}

/* A large state takes as long as it takes, but not for ever. */
static void
a_worker_that_restores_may_be_silent(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    w.slow_begins = true;
    submit(&w, job);
    run(&w, 500);
    for (uint32_t i = 0; i < 2; i++)
        living(&w, i)->mute = true;
    run(&w, 20000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 1);
    for (uint32_t i = 0; i < 2; i++) {
        living(&w, i)->mute = false;
        task_tell(living(&w, i), "RUNNING");
    }
    run(&w, 3000);
    assert_true(living(&w, 0)->last_complete >= 0);
    living(&w, 0)->mute = true; /* it runs, and has no reason any more */
    w.slow_begins = false;
    run(&w, 9000);
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

/* A task manager that was stopped for a while is written off, and known again when it goes on. */
static void
a_task_manager_that_slept_comes_back(void **state)
{
    world w;
    world_open(&w);
    run(&w, 100);
    slu_taskmanager *sleeper = w.machines[1].tm;
    w.machines[1].tm = NULL;
    run(&w, 8000);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_OVERVIEW})->taskmanagers, 1);
    w.machines[1].tm = sleeper;
    run(&w, 3000);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_OVERVIEW})->taskmanagers, 2);
    assert_null(slu_taskmanager_refused(sleeper));
    world_close(&w);
}

static void
cancel_and_stop(void **state)
{
    world w;
    char job[33];
    char second[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 500);
    CHECK_TEXT(ask(&w, (slu_message){.kind = SLU_MESSAGE_CANCEL, .job = job})->state, "CANCELLING");
    run(&w, 100);
    CHECK_TEXT(state_of(&w, job), "CANCELED");
    assert_int_equal(alive(&w), 0);
    submit(&w, second);
    run(&w, 500);
    (void)ask(&w, (slu_message){.kind = SLU_MESSAGE_STOP, .job = second});
    run(&w, 200);
    CHECK_TEXT(state_of(&w, second), "FINISHED");
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_LIST})->item_count, 2);
    world_close(&w);
}

static void
waits_are_answered_at_the_end(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    slu_message wait = {.kind = SLU_MESSAGE_WAIT, .job = job, .timeout_ms = 500, .request = ++w.request};
    w.answered = false;
    tell(w.client, &wait);
    run(&w, 100);
    assert_false(w.answered);
    run(&w, 500);
    assert_true(w.answered);
    CHECK_TEXT(w.answer.state, "RUNNING");
    for (int i = 0; i < WORKERS_MAX; i++)
        w.scripts[i].ended = true;
    wait.request = ++w.request;
    wait.timeout_ms = 60000;
    w.answered = false;
    tell(w.client, &wait);
    run(&w, 3000);
    assert_true(w.answered);
    CHECK_TEXT(w.answer.state, "FINISHED");
    world_close(&w);
}

static void
the_next_job_manager_takes_the_job_up(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    const int64_t before = living(&w, 0)->last_complete;
    const uint64_t pid = living(&w, 0)->pid;
    jm_close(&w);
    run(&w, 1000);
    jm_open(&w);
    run(&w, 300);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->pid, pid); /* it ran on */
    run(&w, 3000);
    assert_true(living(&w, 0)->last_complete > before + 1);
    assert_int_equal(living(&w, 0)->attempt, 1);
    /* And once more, with a worker that did not survive the gap. */
    jm_close(&w);
    w.scripts[0].alive = false;
    slu_link_close(&w.scripts[0].link);
    slu_taskmanager_exited(w.machines[0].tm, w.scripts[0].pid, 137, "killed by signal 9");
    slu_taskmanager_exited(w.machines[1].tm, w.scripts[0].pid, 137, "killed by signal 9");
    jm_open(&w);
    run(&w, 3000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

/* The clock is false, but the threads that ask a store are not. */
static void
run_until_complete(world *w, int64_t checkpoint)
{
    for (int i = 0; i < 2000 && (alive(w) < 2 || living(w, 0)->last_complete < checkpoint); i++) {
        run(w, 10);
        (void)usleep(1000);
    }
    assert_true(living(w, 0)->last_complete >= checkpoint);
}

/* It had finished, and its checkpoints were noted as forgotten: whether they are gone from the store or not, nothing is begun again. */
static void
the_next_job_manager_knows_a_forgotten_job_as_finished(void **state)
{
    world w;
    char job[33];
    slu_error err = {0};
    world_open(&w);
    checkpoint_dir = "memory://here/checkpoints";
    submit(&w, job);
    checkpoint_dir = NULL;
    run_until_complete(&w, 2);
    const int64_t newest = living(&w, 0)->last_complete;
    jm_close(&w);
    assert_true(memory_count(job) > 0);
    CHECK_OK(slu_jobstore_open(w.db, &w.store, &err));
    CHECK_OK(slu_jobstore_forget_checkpoints(w.store, job, newest, &err));
    slu_jobstore_close(&w.store);
    jm_open(&w);
    run(&w, 500);
    CHECK_TEXT(state_of(&w, job), "FINISHED");
    for (int i = 0; i < 2000 && memory_count(job) > 0; i++) {
        run(&w, 10);
        (void)usleep(1000);
    }
    assert_int_equal(memory_count(job), 0);
    assert_int_equal(alive(&w), 0);
    world_close(&w);
}

/* A stop whose end the next job manager sees: its checkpoint is what the user goes on from, and its place is known for ever. */
static void
the_next_job_manager_keeps_what_a_stop_left(void **state)
{
    world w;
    char job[33];
    char path[512];
    slu_manifest *manifest = NULL;
    slu_error err = {0};
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    w.slow_ends = true;
    (void)ask(&w, (slu_message){.kind = SLU_MESSAGE_STOP, .job = job});
    run(&w, 100);
    assert_int_equal(living(&w, 0)->last_flags, 1);
    jm_close(&w);
    w.slow_ends = false;
    for (int i = 0; i < 2; i++) {
        jm_open(&w);
        run(&w, 2000);
        CHECK_TEXT(state_of(&w, job), "FINISHED");
        (void)snprintf(path, sizeof path, "%s", w.answer.path);
        CHECK_OK(slu_manifest_load(NULL, path, &manifest, &err));
        slu_manifest_free(&manifest);
        jm_close(&w);
    }
    jm_open(&w);
    world_close(&w);
}

/* The attempt dies over a stop that was to leave a savepoint: the user hears that there is none, and the job runs on. */
static void
a_stop_whose_attempt_dies_is_taken_back(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    living(&w, 0)->mute = living(&w, 1)->mute = true;
    const slu_message mine = {
        .kind = SLU_MESSAGE_SAVEPOINT, .job = job, .path = w.dir, .flags = SLU_STOP_AFTER, .request = ++w.request};
    w.answered = false;
    tell(w.client, &mine);
    run(&w, 500);
    assert_false(w.answered);
    script_die(&w, living(&w, 1), 137);
    run(&w, 500);
    assert_true(w.answered);
    assert_int_equal(w.answer.kind, SLU_MESSAGE_FAILED);
    run(&w, 6000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

/* The new plan is in the store: the next job manager goes on with it. */
static void
a_rescaled_job_keeps_its_new_plan(void **state)
{
    world w;
    char job[33];
    const slu_message want = {.kind = SLU_MESSAGE_WANT, .name = "", .parallelism = 1};
    world_open(&w);
    submit(&w, job);
    run(&w, 2500);
    const slu_message mine = {.kind = SLU_MESSAGE_RESCALE, .job = job, .items = &want, .item_count = 1, .request = ++w.request};
    w.answered = false;
    tell(w.client, &mine);
    run(&w, 500);
    assert_true(w.answered);
    assert_int_equal(w.answer.kind, SLU_MESSAGE_DONE);
    const slu_message *details = ask(&w, (slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = job});
    assert_int_equal(details->tasks, 2);
    assert_int_equal(details->restarts, 0);
    assert_int_equal(living(&w, 0)->tasks, 2);
    assert_int_equal(living(&w, 0)->attempt, 2);
    jm_close(&w);
    run(&w, 500);
    jm_open(&w);
    run(&w, 3000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(w.answer.tasks, 2);
    assert_int_equal(living(&w, 0)->attempt, 2);
    world_close(&w);
}

/* What does not even begin under its new plan goes back to the old one, and the user hears why. */
static void
a_plan_that_does_not_run_is_taken_back(void **state)
{
    world w;
    char job[33];
    const slu_message want = {.kind = SLU_MESSAGE_WANT, .name = "sink", .parallelism = 1};
    world_open(&w);
    w.tasks_failing = 3;
    submit(&w, job);
    run(&w, 2500);
    const slu_message mine = {.kind = SLU_MESSAGE_RESCALE, .job = job, .items = &want, .item_count = 1, .request = ++w.request};
    w.answered = false;
    tell(w.client, &mine);
    run(&w, 3000);
    assert_true(w.answered);
    assert_int_equal(w.answer.kind, SLU_MESSAGE_FAILED);
    assert_non_null(strstr(w.answer.text, "was not rescaled"));
    run(&w, 3000);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(w.answer.tasks, 4);
    assert_int_equal(living(&w, 0)->tasks, 4);
    world_close(&w);
}

static void
old_attempts_are_fenced(void **state)
{
    slu_error err = {0};
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 500);
    const script old = *living(&w, 0);
    script_die(&w, living(&w, 1), 137);
    run(&w, 2500);
    assert_int_equal(living(&w, 0)->attempt, 2);
    slu_link *zombie = NULL;
    const slu_link_options options = {.env = &w.fake.env};
    CHECK_OK(w.transport->dial(w.transport, "jm", &options, &zombie, &err));
    slu_message m = about(&old, SLU_MESSAGE_HELLO);
    m.role = SLU_ROLE_WORKER;
    m.version_min = m.version_max = 1;
    tell(zombie, &m);
    run(&w, 100);
    assert_true(slu_jobmanager_fenced(w.jm) >= 1);
    slu_link_event event;
    CHECK_OK(slu_link_next(zombie, &event));
    CHECK_OK(slu_link_next(zombie, &event));
    slu_message answer;
    slu_arena arena;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(slu_message_decode(event.head, 1, &arena, &answer, &err));
    assert_int_equal(answer.kind, SLU_MESSAGE_FAILED);
    slu_arena_fini(&arena);
    slu_link_close(&zombie);
    world_close(&w);
}

static void
a_death_is_told_by_the_worker_s_own_node(void **state)
{
    slu_error err = {0};
    world w;
    char job[33];
    world_open(&w);
    submit(&w, job);
    run(&w, 500);
    slu_link *stranger = NULL;
    const slu_link_options options = {.env = &w.fake.env};
    CHECK_OK(w.transport->dial(w.transport, "jm", &options, &stranger, &err));
    const slu_message hello = {
        .kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_TASKMANAGER, .node = "stranger", .version_min = 1, .version_max = 1};
    tell(stranger, &hello);
    run(&w, 50);
    const uint64_t fenced = slu_jobmanager_fenced(w.jm);
    const slu_message exited = about(living(&w, 0), SLU_MESSAGE_EXITED);
    tell(stranger, &exited);
    run(&w, 200);
    assert_int_equal(slu_jobmanager_fenced(w.jm), fenced + 1);
    CHECK_TEXT(state_of(&w, job), "RUNNING");
    assert_int_equal(alive(&w), 2);
    slu_link_close(&stranger);
    world_close(&w);
}

/* Of jobs that are over the newest hundred are listed, also by the next job manager. */
static void
old_jobs_are_forgotten(void **state)
{
    world w;
    char job[33];
    world_open(&w);
    run(&w, 50);
    for (int i = 0; i < SLU_JOBS_OVER_MAX + 5; i++) {
        slu_buf graph;
        slu_buf_init(&graph, 1 << 20);
        graph_encode(0, &graph);
        const slu_message *answer =
            ask(&w, (slu_message){.kind = SLU_MESSAGE_SUBMIT, .name = "job", .graph = slu_buf_view(&graph)});
        (void)snprintf(job, sizeof job, "%s", answer->job);
        slu_buf_fini(&graph);
        (void)ask(&w, (slu_message){.kind = SLU_MESSAGE_CANCEL, .job = job});
        run(&w, 50);
    }
    const uint32_t count = ask(&w, (slu_message){.kind = SLU_MESSAGE_LIST})->item_count;
    assert_in_range(count, SLU_JOBS_OVER_MAX, SLU_JOBS_OVER_MAX + 1);
    CHECK_TEXT(state_of(&w, job), "CANCELED");
    jm_close(&w);
    jm_open(&w);
    run(&w, 100);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_LIST})->item_count, count);
    world_close(&w);
}

static void
bad_requests_have_answers(void **state)
{
    world w;
    world_open(&w);
    run(&w, 50);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = "nobody"})->status, SLU_NOTFOUND);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_SUBMIT, .name = "x", .graph = slu_view_of("junk", 4)})->kind,
                     SLU_MESSAGE_FAILED);
    assert_int_equal(ask(&w, (slu_message){.kind = SLU_MESSAGE_LIST})->item_count, 0);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_over_both_and_checkpointed),
        cmocka_unit_test(a_killed_worker_restarts_the_job),
        cmocka_unit_test(a_job_whose_checkpoints_are_gone_does_not_begin_anew),
        cmocka_unit_test(who_loses_a_checkpoint_stops),
        cmocka_unit_test(no_attempt_beside_a_living_one),
        cmocka_unit_test(a_lost_task_manager_moves_the_job),
        cmocka_unit_test(the_same_failure_again_and_again_ends_the_job),
        cmocka_unit_test(a_lost_link_is_no_death),
        cmocka_unit_test(a_silent_worker_is_replaced),
        cmocka_unit_test(a_worker_that_restores_may_be_silent),
        cmocka_unit_test(a_task_manager_that_slept_comes_back),
        cmocka_unit_test(cancel_and_stop),
        cmocka_unit_test(restarts_are_counted_over_job_managers),
        cmocka_unit_test(the_next_job_manager_carries_a_stop_out),
        cmocka_unit_test(the_next_job_manager_says_that_a_stop_is_whole),
        cmocka_unit_test(waits_are_answered_at_the_end),
        cmocka_unit_test(the_next_job_manager_takes_the_job_up),
        cmocka_unit_test(the_next_job_manager_knows_a_forgotten_job_as_finished),
        cmocka_unit_test(the_next_job_manager_keeps_what_a_stop_left),
        cmocka_unit_test(a_stop_whose_attempt_dies_is_taken_back),
        cmocka_unit_test(a_rescaled_job_keeps_its_new_plan),
        cmocka_unit_test(a_plan_that_does_not_run_is_taken_back),
        cmocka_unit_test(old_attempts_are_fenced),
        cmocka_unit_test(a_death_is_told_by_the_worker_s_own_node),
        cmocka_unit_test(old_jobs_are_forgotten),
        cmocka_unit_test(bad_requests_have_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
