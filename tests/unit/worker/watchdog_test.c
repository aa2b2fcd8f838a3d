/*
 * watchdog_test.c: slu_worker_hung on a false clock: a call of a plugin that does not return is found; what the machine does within one is
 * not, nor what stood still while whoever looks was stopped himself.
 *
 * The thread stops at a gate: in the wall clock (a state that is read back, entry by entry), in the clock a plugin asks, in fsync.
 */
#include "test_plugins.h"

#include "base/file.h"
#include "checkpoint/manifest.h"

#include <time.h>
#include <unistd.h>

#define JOB "00000000000000000000000000000009"
#define LIMIT_MS 10000

static slu_error err;

/* ---- The gate */

#define GATE_NONE 0
#define GATE_WALL 1
#define GATE_PLUGIN 2
#define GATE_COPY 3 /* of a copy of RocksDB's files */

static atomic_int gate;       /* which is closed */
static atomic_int waiting;    /* who stands there, on a task's thread */
static pthread_t main_thread; /* is let through */

static void
nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void
gate_pass(int which)
{
    if (atomic_load(&gate) != which || pthread_equal(pthread_self(), main_thread))
        return;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&gate) == which)
        nap();
    atomic_fetch_sub(&waiting, 1);
}

static void
await(void)
{
    for (int i = 0; atomic_load(&waiting) == 0; i++) {
        if (i == 20000)
            fail_msg("nobody came to gate %d", atomic_load(&gate));
        nap();
    }
}

/* In place of the disk: this fsync stands before the C library's. */
int
fsync(int fd)
{
    char link[64], path[512];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t bytes = readlink(link, path, sizeof path - 1);
    path[bytes < 0 ? 0 : bytes] = 0;
    if (strstr(path, "/copy-") != NULL)
        gate_pass(GATE_COPY);
    return 0;
}

static slu_env system_env;

static int64_t
wall_ms(const slu_env *env)
{
    (void)env;
    gate_pass(GATE_WALL);
    return slu_wall_ms(&system_env);
}

static int64_t
now_ms(const slu_env *env)
{
    (void)env;
    if (slu_crash_now.plugin != NULL && strcmp(slu_crash_now.plugin, "slow") == 0)
        gate_pass(GATE_PLUGIN);
    return slu_now_ms(&system_env);
}

/* ---- One worker of one thread: the clock runs faster than threads do, so that another would look as if it stood still */

typedef struct fixture {
    slu_env env;
    slu_graph *graph;
    slu_layout *layout;
    slu_registry *registry;
    slu_worker *worker;
    char dir[64];
} fixture;

static void
begin(fixture *f, const char *middle)
{
    const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1, .rows = 1000, .endless = true},
                           {.id = "m", .use = middle, .parallelism = 1},
                           {.id = "t", .use = "tally", .parallelism = 1}};
    *f = (fixture){.dir = "/tmp/sluice-watchdog-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    main_thread = pthread_self();
    slu_env_init_system(&system_env, SLU_LOG_ERROR);
    f->env = system_env;
    f->env.now_ms = now_ms;
    f->env.wall_ms = wall_ms;
    test_world_reset();
    f->graph = test_graph(ops, 3);
    f->registry = test_registry();
    CHECK_OK(slu_layout_new(f->graph, &f->layout, &err));
}

static void
start(fixture *f, const slu_manifest *restore)
{
    CHECK_OK(slu_worker_open(&(slu_worker_spec){.env = &f->env,
                                                .layout = f->layout,
                                                .registry = f->registry,
                                                .job_id = JOB,
                                                .attempt = 1,
                                                .checkpoint_dir = f->dir,
                                                .restore = restore,
                                                .threads = true},
                             &f->worker, &err));
}

static void
end(fixture *f)
{
    atomic_store(&gate, GATE_NONE);
    slu_worker_close(&f->worker);
    slu_layout_free(&f->layout);
    slu_graph_free(&f->graph);
    slu_registry_free(&f->registry);
    CHECK_OK(slu_dir_remove(f->dir, &err));
}

static void
trigger(fixture *f, int64_t checkpoint)
{
    CHECK_OK(slu_worker_command_all(f->worker, &(slu_worker_command){.kind = SLU_WORKER_TRIGGER, .checkpoint = checkpoint}, &err));
}

/* Looks every second for `seconds`; when it was found, -1: it was not. */
static int64_t
look(fixture *f, int64_t from_ms, int64_t seconds, slu_hung *out)
{
    for (int64_t now = from_ms; now <= from_ms + seconds * 1000; now += 1000)
        if (slu_worker_hung(f->worker, now, LIMIT_MS, out))
            return now;
    return -1;
}

/* ---- Tests */

static void
a_plugin_that_does_not_return_is_found(void **state)
{
    (void)state;
    static fixture f; /* threads of a test that failed go on with it */
    slu_hung hung;
    begin(&f, "slow");
    atomic_store(&gate, GATE_PLUGIN);
    start(&f, NULL);
    await();
    assert_int_equal(look(&f, 1000000, 60, &hung), 1000000 + LIMIT_MS);
    assert_string_equal(hung.plugin, "slow");
    assert_string_equal(hung.operator_id, "m");
    assert_int_equal(hung.subtask, 0);
    end(&f);
}

/* Stopped for a minute: the plugin may have been inside for as long as that because of it, and has the whole limit again. */
static void
whoever_looks_was_stopped_himself(void **state)
{
    (void)state;
    static fixture f; /* threads of a test that failed go on with it */
    slu_hung hung;
    begin(&f, "slow");
    atomic_store(&gate, GATE_PLUGIN);
    start(&f, NULL);
    await();
    assert_int_equal(look(&f, 1000000, 5, &hung), -1);
    assert_int_equal(look(&f, 1065000, 60, &hung), 1065000 + LIMIT_MS);
    end(&f);
}

/* The newest checkpoint of a job that counted. */
static void
leave_checkpoint(fixture *f, slu_manifest **out)
{
    const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1, .rows = 1000},
                           {.id = "m", .use = "count", .parallelism = 1},
                           {.id = "t", .use = "tally", .parallelism = 1}};
    slu_graph *graph = test_graph(ops, 3);
    CHECK_OK(slu_local_run(graph, f->registry, &f->env, &(slu_local_options){.checkpoint_dir = f->dir, .job_id = JOB}, NULL, &err));
    CHECK_OK(slu_manifest_load_latest(NULL, f->dir, JOB, out, &err));
    assert_true((*out)->checkpoint >= 0);
    slu_graph_free(&graph);
}

static void
a_large_state_is_read_back(void **state)
{
    (void)state;
    static fixture f; /* threads of a test that failed go on with it */
    slu_hung hung;
    slu_manifest *restore = NULL;
    begin(&f, "count");
    leave_checkpoint(&f, &restore);
    atomic_store(&gate, GATE_WALL);
    start(&f, restore);
    await();
    assert_int_equal(look(&f, 1000000, 60, &hung), -1);
    end(&f);
    slu_manifest_free(&restore);
}

static void
a_large_state_is_copied(void **state)
{
    (void)state;
    static fixture f; /* threads of a test that failed go on with it */
    slu_hung hung;
    test_state_backend = SLU_STATE_ROCKSDB;
    begin(&f, "count");
    test_state_backend = 0;
    start(&f, NULL);
    while (atomic_load(&world.opens) < 3)
        nap();
    atomic_store(&gate, GATE_COPY);
    trigger(&f, 1);
    await();
    assert_int_equal(look(&f, 1000000, 60, &hung), -1);
    end(&f);
}

/* Behind a failure too: threads that stand at the gate would hold up whatever comes next. */
static int
open_gate(void **state)
{
    (void)state;
    atomic_store(&gate, GATE_NONE);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_plugin_that_does_not_return_is_found, open_gate),
        cmocka_unit_test_teardown(whoever_looks_was_stopped_himself, open_gate),
        cmocka_unit_test_teardown(a_large_state_is_read_back, open_gate),
        cmocka_unit_test_teardown(a_large_state_is_copied, open_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
