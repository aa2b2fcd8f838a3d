/* local.h: whole jobs of small plugins in this process, on threads and in one thread on a false clock. */
#include "test_plugins.h"

#include "base/file.h"
#include "checkpoint/manifest.h"

#include <glob.h>
#include <unistd.h>

static slu_error err;

/* What was synced, in place of the disk: this fsync stands before the C library's. */
static struct {
    atomic_uint states, manifests, checkpoints, above, beside;
} synced;

int
fsync(int fd)
{
    char link[64], path[512];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t bytes = readlink(link, path, sizeof path - 1);
    if (bytes <= 0)
        return -1;
    path[bytes] = 0;
    const char *name = strrchr(path, '/') + 1;
    if (strstr(name, ".state") != NULL) {
        char thread[16] = "";
        (void)pthread_getname_np(pthread_self(), thread, sizeof thread);
        synced.states++;
        synced.beside += strcmp(thread, "snapshots") == 0;
    } else if (strstr(name, SLU_MANIFEST_NAME) != NULL)
        synced.manifests++;
    else if (strncmp(name, "chk-", 4) == 0)
        synced.checkpoints++;
    else
        synced.above++;
    return 0;
}

static void
check_each_even_once(int64_t ids)
{
    for (int64_t i = 0; i < ids; i++)
        if (world.committed[i] != (i % 2 == 0))
            fail_msg("id %lld came %u times", (long long)i, world.committed[i]);
}

/* Called between the rounds of run_by_hand. */
static void (*each_round)(slu_local *local);

static void
run_threads(const slu_graph *graph, const slu_local_options *options, slu_local_status *status)
{
    slu_env env;
    slu_env_init_system(&env, getenv("SLUICE_TEST_LOG") != NULL ? SLU_LOG_DEBUG : SLU_LOG_ERROR);
    slu_registry *registry = test_registry();
    CHECK_OK(slu_local_run(graph, registry, &env, options, status, &err));
    slu_registry_free(&registry);
}

/* Drives a job by hand; the clock moves only when nothing else does. */
static slu_status
run_by_hand(const slu_graph *graph, const slu_local_options *options, slu_local_status *status, int64_t rounds_max)
{
    slu_env_fake fake;
    slu_env_init_fake(&fake, 7);
    slu_registry *registry = test_registry();
    slu_local_options mine = *options;
    mine.no_threads = true;
    slu_local *local = NULL;
    CHECK_OK(slu_local_open(graph, registry, &fake.env, &mine, &local, &err));
    slu_status result = SLU_MORE;
    for (int64_t round = 0; (result == SLU_MORE || result == SLU_AGAIN) && round < rounds_max; round++) {
        int64_t deadline;
        result = slu_local_step(local, &deadline, &err);
        if (each_round != NULL)
            each_round(local);
        if (result == SLU_AGAIN) {
            if (deadline == INT64_MAX)
                fail_msg("the job waits for nothing");
            slu_env_fake_advance(&fake, deadline > fake.now_ms ? deadline - fake.now_ms : 1);
        } else if (round % 64 == 0) {
            slu_env_fake_advance(&fake, 1);
        }
    }
    slu_local_get_status(local, status);
    slu_local_close(&local);
    slu_registry_free(&registry);
    return result;
}

static void
source_filter_sink_in_one_chain(void **state)
{
    (void)state;
    const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1, .rows = 10000},
                           {.id = "e", .use = "even", .parallelism = 1},
                           {.id = "t", .use = "tally", .parallelism = 1}};
    slu_graph *graph = test_graph(ops, 3);
    slu_local_status status;
    test_world_reset();
    run_threads(graph, NULL, &status);
    check_each_even_once(10000);
    assert_true(status.finished);
    assert_int_equal(status.rows_out, 10000);
    assert_int_equal(status.rows_in, 5000);
    assert_int_equal(world.opens, 3);
    assert_int_equal(world.closes, 3);
    test_world_reset();
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){0}, &status, 100000), SLU_END);
    check_each_even_once(10000);
    slu_graph_free(&graph);
}

static const test_op wide[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = 20000},
                               {.id = "e", .use = "even", .parallelism = 3},
                               {.id = "s", .use = "slow", .parallelism = 3},
                               {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                               {.id = "f", .use = "fail", .parallelism = 2},
                               {.id = "l", .use = "ledger", .parallelism = 1, .partition = SLU_PARTITION_GLOBAL}};
#define WIDE_COUNT (sizeof wide / sizeof wide[0])

/* Every count of a key 1..n exactly once: state neither lost nor doubled anything. */
static void
check_counts(int64_t ids)
{
    static uint8_t seen[100][2000];
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < ids; i += 2) {
        const int64_t count = world.counts[i];
        assert_in_range(count, 1, 1999);
        if (seen[i % 100][count]++ != 0)
            fail_msg("count %lld of key %lld came twice", (long long)count, (long long)(i % 100));
    }
}

static void
shuffles_keyed_state_and_a_two_phase_sink(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    graph->checkpoint.interval_ms = 5;
    test_world_reset();
    world.commit_refusals = 2;
    run_threads(graph, NULL, &status);
    check_each_even_once(40000);
    check_counts(40000);
    assert_int_equal(world.first_write_before_checkpoint_0, 0);
    assert_int_equal(world.opens, world.closes);
    test_world_reset();
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){0}, &status, 1000000), SLU_END);
    check_each_even_once(40000);
    check_counts(40000);
    assert_true(world.watermark > 39000);
    slu_graph_free(&graph);
}

static void
temporary_dir(char *out)
{
    strcpy(out, "/tmp/sluice-local-XXXXXX");
    assert_non_null(mkdtemp(out));
}

/* States in RocksDB are stored as files, the heap's are not. */
static void
check_shared_files(const char *dir)
{
    glob_t found;
    char pattern[128];
    (void)snprintf(pattern, sizeof pattern, "%s/*/shared/*.sst", dir);
    const int answer = glob(pattern, 0, NULL, &found);
    assert_int_equal(answer, test_state_backend == SLU_STATE_ROCKSDB ? 0 : GLOB_NOMATCH);
    globfree(&found);
}

static void
a_failure_restores_the_last_checkpoint(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    graph->checkpoint.interval_ms = 3;
    for (int64_t at = 1; at < 20000; at += 3001) {
        for (int threads = 0; threads < 2; threads++) {
            temporary_dir(dir);
            test_world_reset();
            world.fail_at = at;
            if (threads)
                run_threads(graph, &(slu_local_options){.checkpoint_dir = dir}, &status);
            else
                CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
            assert_int_equal(world.failures, 1);
            assert_int_equal(status.attempt, 2);
            assert_true(world.restored > 0 && status.completed_checkpoint > 1);
            check_each_even_once(40000);
            check_counts(40000);
            assert_int_equal(world.opens, world.closes);
            check_shared_files(dir);
            CHECK_OK(slu_dir_remove(dir, &err));
        }
    }
    slu_graph_free(&graph);
}

/* Files, the folders that name them, and the manifest after them. */
static void
a_whole_checkpoint_survives_a_power_loss(void **state)
{
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    temporary_dir(dir);
    test_world_reset();
    memset(&synced, 0, sizeof synced);
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
    assert_true(synced.manifests >= 1); /* checkpoint 0 at least */
    assert_true(synced.states >= synced.manifests * 2);
    assert_true(synced.checkpoints >= synced.states + synced.manifests); /* after each of them */
    assert_true(synced.above >= 2);                                      /* the job's folder, and the one that names it */
    assert_int_equal(synced.beside, 0);                                  /* this was without threads */
    CHECK_OK(slu_dir_remove(dir, &err));
    /* With them the tasks go on meanwhile. */
    temporary_dir(dir);
    test_world_reset();
    memset(&synced, 0, sizeof synced);
    run_threads(graph, &(slu_local_options){.checkpoint_dir = dir}, &status);
    assert_true(synced.states >= 2);
    assert_int_equal(synced.beside, synced.states);
    slu_graph_free(&graph);
    CHECK_OK(slu_dir_remove(dir, &err));
}

/* The job fails at every step of a checkpoint, at several checkpoints. */
static void
a_failure_at_any_checkpoint_step_loses_and_doubles_nothing(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    graph->checkpoint.interval_ms = 3;
    for (int64_t kind = 1; kind <= TEST_FAULT_COUNT; kind++)
        for (int64_t at = 1; at <= 5; at++) {
            temporary_dir(dir);
            test_world_reset();
            world.fault_kind = kind;
            world.fault_at = kind == TEST_FAULT_RESTORE ? 1 : at;
            world.fail_at = kind == TEST_FAULT_RESTORE ? 3000 * at : 0;
            CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
            assert_int_equal(world.failures, kind == TEST_FAULT_RESTORE ? 2 : 1);
            check_each_even_once(40000);
            check_counts(40000);
            assert_int_equal(world.opens, world.closes);
            CHECK_OK(slu_dir_remove(dir, &err));
        }
    slu_graph_free(&graph);
}

/* A sink of two subtasks beside a source of three: each restored committable is committed by exactly one of them. */
static void
committables_come_back_to_their_subtask_or_are_dealt_out(void **state)
{
    (void)state;
    static const char job[] = "00000000000000000000000000000004";
    test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 3, .rows = 8000, .batch_rows = 20},
                     {.id = "f", .use = "fail", .parallelism = 2},
                     {.id = "l", .use = "ledger", .parallelism = 2}};
    slu_local_status status;
    char dir[64], from[128];
    for (uint32_t sinks = 1; sinks <= 3; sinks++)
        for (int64_t at = 1; at <= 4; at++) {
            ops[1].parallelism = ops[2].parallelism = 2;
            slu_graph *graph = test_graph(ops, 3);
            graph->checkpoint.interval_ms = 1;
            graph->restart.strategy = 0;
            temporary_dir(dir);
            test_world_reset();
            world.fault_kind = TEST_FAULT_COMMIT; /* the checkpoint is whole, its commit never happened */
            world.fault_at = 2 * at;              /* of the second subtask, after the first has committed */
            CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_IO);
            slu_graph_free(&graph);
            ops[1].parallelism = ops[2].parallelism = sinks;
            graph = test_graph(ops, 3);
            (void)snprintf(from, sizeof from, "%s/%s/chk-%lld", dir, job, (long long)status.completed_checkpoint);
            CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.restore_from = from}, &status, 1000000), SLU_END);
            for (int64_t i = 0; i < 24000; i++)
                if (world.committed[i] == 0 ||
                    (sinks == 2 && world.committed[i] != 1)) /* the ledger knows a commit by its subtask */
                    fail_msg("id %lld was committed %u times (%u sinks, commit %lld)", (long long)i, world.committed[i], sinks,
                             (long long)at);
            slu_graph_free(&graph);
            CHECK_OK(slu_dir_remove(dir, &err));
        }
}

/* The job has another source than the checkpoint: the new one begins at its beginning. */
static void
a_new_source_begins_at_its_beginning(void **state)
{
    (void)state;
    static const char job[] = "00000000000000000000000000000005";
    test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = 4000, .batch_rows = 20},
                     {.id = "f", .use = "fail", .parallelism = 2},
                     {.id = "l", .use = "ledger", .parallelism = 2}};
    slu_local_status status;
    char dir[64], from[128];
    slu_graph *graph = test_graph(ops, 3);
    graph->checkpoint.interval_ms = 1;
    graph->restart.strategy = 0;
    temporary_dir(dir);
    test_world_reset();
    world.fail_at = 3000;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_IO);
    slu_graph_free(&graph);
    (void)snprintf(from, sizeof from, "%s/%s/chk-%lld", dir, job, (long long)status.completed_checkpoint);
    ops[0].id = "other";
    graph = test_graph(ops, 3);
    test_world_reset();
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.restore_from = from}, &status, 1000000), SLU_INVALID);
    assert_non_null(strstr(err.message, "operator \"n\"")); /* its state is left behind only by a wish */
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.restore_from = from, .non_restored = true}, &status, 1000000), SLU_END);
    for (int64_t i = 0; i < 8000; i++)
        assert_true(world.committed[i] >= 1);
    slu_graph_free(&graph);
    CHECK_OK(slu_dir_remove(dir, &err));
}

static uint64_t seed;

static uint32_t
below(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % bound;
}

static void
one_random_job(uint64_t number)
{
    static const uint32_t partitions[] = {0, SLU_PARTITION_REBALANCE, SLU_PARTITION_HASH, SLU_PARTITION_GLOBAL};
    seed = number;
    const int64_t rows = 500 + below(6000);
    test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1 + below(4), .rows = rows, .batch_rows = 1 + below(300)},
                     {.id = "e", .use = "even", .parallelism = 1 + below(3), .partition = partitions[below(2)]},
                     {.id = "s", .use = below(2) ? "slow" : "even", .parallelism = 1 + below(3), .partition = partitions[below(4)]},
                     {.id = "c", .use = "count", .parallelism = 1 + below(5), .partition = SLU_PARTITION_HASH},
                     {.id = "f", .use = "fail", .parallelism = 1 + below(3), .partition = partitions[below(4)]},
                     {.id = "l", .use = "ledger", .parallelism = 1 + below(4), .partition = partitions[below(4)]}};
    for (size_t i = 1; i < WIDE_COUNT; i++) /* forward needs equal parallelism */
        if (ops[i].partition == 0 && ops[i].parallelism == ops[i - 1].parallelism && below(3) == 0)
            ops[i].partition = SLU_PARTITION_REBALANCE;
    slu_graph *graph = test_graph(ops, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    graph->checkpoint.interval_ms = 1 + below(8);
    graph->checkpoint.min_pause_ms = below(3);
    graph->checkpoint.tolerated_failures = below(2);
    graph->restart.attempts_max = 0;
    graph->flush_interval_ms = below(2) ? 5 : 0;
    temporary_dir(dir);
    test_world_reset();
    world.fail_at = below(2) ? 1 + below((uint32_t)rows) : 0;
    world.fault_kind = below(TEST_FAULT_COUNT + 1);
    world.fault_at = 1 + below(8);
    world.commit_refusals = below(4);
    if (number % 4 == 0)
        run_threads(graph, &(slu_local_options){.checkpoint_dir = dir}, &status);
    else
        CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 4000000), SLU_END);
    const int64_t ids = rows * ops[0].parallelism;
    for (int64_t i = 0; i < ids; i++)
        if (world.committed[i] != (i % 2 == 0))
            fail_msg("seed %llu: id %lld came %u times (attempts %u)", (unsigned long long)number, (long long)i, world.committed[i],
                     status.attempt);
    check_counts(ids);
    assert_int_equal(world.first_write_before_checkpoint_0, 0);
    assert_int_equal(world.opens, world.closes);
    CHECK_OK(slu_dir_remove(dir, &err));
    slu_graph_free(&graph);
}

/* Random shapes, sizes, intervals and faults; a seed that fails becomes a test with a name. */
static void
random_jobs_are_exactly_once(void **state)
{
    (void)state;
    const char *first = getenv("SLUICE_TEST_SEED");
    const uint64_t from = first == NULL ? 1 : strtoull(first, NULL, 10);
    const char *count = getenv("SLUICE_TEST_SEEDS");
    for (uint64_t number = from; number < from + (count == NULL ? 20 : strtoull(count, NULL, 10)); number++)
        one_random_job(number);
}

/* Nowhere to write: checkpoint 0 is declined, so no row is written, and in the end the job fails and says where. */
static void
without_a_place_for_checkpoints_nothing_is_written(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    graph->restart.attempts_max = 2;
    test_world_reset();
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = "/dev/null/nowhere"}, &status, 1000000), SLU_IO);
    CHECK_MESSAGE(err, "/dev/null/nowhere");
    assert_int_equal(status.attempt, 3);
    assert_int_equal(status.rows_in, 0);
    assert_int_equal(status.rows_out, 0);
    assert_int_equal(world.opens, world.closes);
    slu_graph_free(&graph);
}

static char another_dir[256];

/* Another attempt makes checkpoint 2 whole while ours runs. */
static void
another_finishes(slu_local *local)
{
    char path[300];
    (void)local;
    (void)snprintf(path, sizeof path, "%s/_metadata", another_dir);
    CHECK_OK(slu_dir_make(another_dir, &err));
    CHECK_OK(slu_file_write(path, slu_view_of_text("another attempt's"), false, &err));
    each_round = NULL;
}

/* Somebody else made our checkpoint whole: we are the zombie, and stop. */
static void
a_zombie_stops(void **state)
{
    (void)state;
    static const char job[] = "00000000000000000000000000000002";
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    graph->checkpoint.interval_ms = 2;
    temporary_dir(dir);
    test_world_reset();
    (void)snprintf(another_dir, sizeof another_dir, "%s/%s/chk-2", dir, job);
    each_round = another_finishes;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_CONFLICT);
    assert_int_equal(status.attempt, 1);
    assert_int_equal(status.completed_checkpoint, 1);
    /* And what it left, no checkpoint of ours, is not begun over. */
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_CORRUPT);
    assert_int_equal(status.completed_checkpoint, -1);
    CHECK_OK(slu_dir_remove(dir, &err));
    slu_graph_free(&graph);
}

static void
stall_from_the_second_checkpoint(slu_local *local)
{
    slu_local_status status;
    slu_local_get_status(local, &status);
    world.stalled = status.completed_checkpoint == 2 && status.failed_checkpoints < 2;
}

/* Two checkpoints take too long; their barriers arrive late, mean nothing any more, and the job goes on without a restart. */
static void
a_late_checkpoint_is_aborted_and_forgotten(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    char dir[64];
    graph->checkpoint.interval_ms = 3;
    graph->checkpoint.timeout_ms = 40;
    graph->checkpoint.tolerated_failures = 2;
    temporary_dir(dir);
    test_world_reset();
    each_round = stall_from_the_second_checkpoint;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
    assert_int_equal(status.attempt, 1);
    assert_int_equal(status.failed_checkpoints, 2);
    assert_true(status.completed_checkpoint > 5);
    check_each_even_once(40000);
    check_counts(40000);
    /* The same job id again (the same seed): its checkpoints are not this job's. */
    each_round = NULL;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_CONFLICT);
    CHECK_OK(slu_dir_remove(dir, &err));
    /* With no failure tolerated the job restarts instead, from the last whole one. */
    graph->checkpoint.tolerated_failures = 0;
    test_world_reset();
    each_round = stall_from_the_second_checkpoint;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
    each_round = NULL;
    assert_int_equal(status.attempt, 1 + status.failed_checkpoints);
    assert_in_range(status.failed_checkpoints, 1, 2);
    check_each_even_once(40000);
    check_counts(40000);
    CHECK_OK(slu_dir_remove(dir, &err));
    slu_graph_free(&graph);
}

static void
a_checkpoint_restores_at_another_parallelism(void **state)
{
    (void)state;
    static const char job[] = "00000000000000000000000000000001";
    slu_local_status status;
    char dir[64], from[128];
    temporary_dir(dir);
    test_world_reset();
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    graph->checkpoint.interval_ms = 2;
    graph->restart.strategy = 0;
    world.fail_at = 9000;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_IO);
    CHECK_MESSAGE(err, "f[");
    assert_true(status.completed_checkpoint > 0);
    slu_graph_free(&graph);

    test_op other[WIDE_COUNT];
    memcpy(other, wide, sizeof wide);
    other[0].parallelism = 1; /* its two splits go to one subtask */
    other[3].parallelism = 3;
    other[4].parallelism = 3;
    graph = test_graph(other, WIDE_COUNT);
    (void)snprintf(from, sizeof from, "%s/%s/chk-%lld", dir, job, (long long)status.completed_checkpoint);
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.restore_from = from}, &status, 1000000), SLU_END);
    check_each_even_once(40000);
    check_counts(40000);
    slu_graph_free(&graph);
    CHECK_OK(slu_dir_remove(dir, &err));
}

/* Timers fire when their time has come, once, also those that were set before a failure, or at another parallelism. */
static void
event_timers_fire_once_over_a_restore(void **state)
{
    (void)state;
    static const char job[] = "00000000000000000000000000000003";
    test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = 3000},
                     {.id = "a", .use = "alarm", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                     {.id = "f", .use = "fail", .parallelism = 2},
                     {.id = "l", .use = "ledger", .parallelism = 1}};
    slu_local_status status;
    char dir[64], from[128];
    slu_graph *graph = test_graph(ops, 4);
    graph->checkpoint.interval_ms = 2;
    temporary_dir(dir);
    test_world_reset();
    world.fail_at = 2000;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir}, &status, 1000000), SLU_END);
    assert_int_equal(status.attempt, 2);
    for (int64_t i = 0; i < 6000; i++)
        assert_int_equal(world.committed[i], 1);
    test_world_reset();
    world.fail_at = 3000;
    graph->restart.strategy = 0;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.checkpoint_dir = dir, .job_id = job}, &status, 1000000), SLU_IO);
    slu_graph_free(&graph);
    ops[1].parallelism = ops[2].parallelism = 3;
    graph = test_graph(ops, 4);
    (void)snprintf(from, sizeof from, "%s/%s/chk-%lld", dir, job, (long long)status.completed_checkpoint);
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.restore_from = from}, &status, 1000000), SLU_END);
    for (int64_t i = 0; i < 6000; i++)
        assert_int_equal(world.committed[i], 1);
    slu_graph_free(&graph);
    CHECK_OK(slu_dir_remove(dir, &err));
}

static void
errors_name_the_operator_and_a_job_that_never_ran_does_not_restart(void **state)
{
    (void)state;
    const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1, .rows = 10, .batch_rows = 10},
                           {.id = "t", .use = "tally", .parallelism = 1}};
    slu_graph *graph = test_graph(ops, 2);
    slu_local_status status;
    test_world_reset();
    slu_value *broken = (slu_value *)(uintptr_t)&graph->operators[0].with->items[0];
    broken->text = "many";
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){0}, &status, 1000), SLU_INVALID);
    CHECK_MESSAGE(err, "n[0]");
    assert_int_equal(status.attempt, 1);
    slu_graph_free(&graph);
}

/* Memory runs out at the n-th allocation, and stays out: the job fails or ends, and everything is released. */
static void
without_memory_a_job_fails_and_leaves_nothing_behind(void **state)
{
    (void)state;
    static const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 1, .rows = 300},
                                  {.id = "e", .use = "even", .parallelism = 2},
                                  {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                                  {.id = "l", .use = "ledger", .parallelism = 1}};
    slu_graph *graph = test_graph(ops, 4);
    graph->restart.strategy = 0;
    slu_status result = SLU_NOMEM;
    uint64_t n = 1;
    for (; result != SLU_END; n += n < 300 ? 1 : 17) {
        slu_env_fake fake;
        slu_env_init_fake(&fake, n);
        slu_registry *registry = test_registry();
        slu_local *local = NULL;
        int64_t deadline;
        test_world_reset();
        (void)slu_alloc_fail_from(n);
        result = slu_local_open(graph, registry, &fake.env, &(slu_local_options){.no_threads = true}, &local, &err);
        for (int round = 0; result >= 0 && result != SLU_END && round < 100000; round++)
            if ((result = slu_local_step(local, &deadline, &err)) == SLU_AGAIN)
                slu_env_fake_advance(&fake, 1);
        (void)slu_alloc_fail_from(0);
        if (result == SLU_AGAIN || result == SLU_MORE)
            fail_msg("allocation %llu: it neither ends nor fails", (unsigned long long)n);
        slu_local_close(&local);
        slu_registry_free(&registry);
        assert_int_equal(world.opens, world.closes);
        if (n > 20000)
            fail_msg("it never ends well: %s", err.message);
    }
    assert_true(n > 100);
    slu_graph_free(&graph);
}

static void
a_job_at_its_memory_limit_says_who_holds_most(void **state)
{
    (void)state;
    slu_graph *graph = test_graph(wide, WIDE_COUNT);
    slu_local_status status;
    graph->restart.strategy = SLU_RESTART_NONE;
    test_world_reset();
    world.value_bytes = 8192;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.memory_max = 768 << 10}, &status, 1000000), SLU_NOMEM);
    CHECK_MESSAGE(err, "memory limit of its worker, 768 KiB (most state: c ");
    assert_int_equal(world.opens, world.closes);
    /* The process goes on: the same job with more room. */
    test_world_reset();
    world.value_bytes = 8192;
    CHECK_STATUS(run_by_hand(graph, &(slu_local_options){.memory_max = 64 << 20}, &status, 1000000), SLU_END);
    check_counts(40000);
    slu_graph_free(&graph);
}

static void *
cancel_soon(void *argument)
{
    while (atomic_load(&world.polls) == 0)
        (void)usleep(100);
    (void)usleep(2000);
    slu_local_cancel(argument);
    return NULL;
}

static void
cancel_ends_an_endless_job(void **state)
{
    (void)state;
    const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = 1000, .endless = true},
                           {.id = "t", .use = "tally", .parallelism = 1}};
    slu_graph *graph = test_graph(ops, 2);
    slu_env env;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    slu_registry *registry = test_registry();
    slu_local *local = NULL;
    pthread_t thread;
    test_world_reset();
    CHECK_OK(slu_local_open(graph, registry, &env, NULL, &local, &err));
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, local), 0);
    slu_status result = SLU_MORE;
    while (result == SLU_MORE || result == SLU_AGAIN) {
        int64_t deadline;
        result = slu_local_step(local, &deadline, &err);
        if (result == SLU_AGAIN)
            slu_local_wait(local, deadline);
    }
    pthread_join(thread, NULL);
    assert_int_equal(result, SLU_CLOSED);
    slu_local_close(&local);
    assert_int_equal(world.opens, world.closes);
    slu_registry_free(&registry);
    slu_graph_free(&graph);
}

int
main(int argc, char **argv)
{
    /* The same jobs with their states in RocksDB: what touches states. */
    const struct CMUnitTest with_rocksdb[] = {
        cmocka_unit_test(shuffles_keyed_state_and_a_two_phase_sink),
        cmocka_unit_test(a_failure_restores_the_last_checkpoint),
        cmocka_unit_test(a_checkpoint_restores_at_another_parallelism),
        cmocka_unit_test(event_timers_fire_once_over_a_restore),
        cmocka_unit_test(cancel_ends_an_endless_job),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_filter_sink_in_one_chain),
        cmocka_unit_test(shuffles_keyed_state_and_a_two_phase_sink),
        cmocka_unit_test(a_failure_restores_the_last_checkpoint),
        cmocka_unit_test(a_whole_checkpoint_survives_a_power_loss),
        cmocka_unit_test(a_failure_at_any_checkpoint_step_loses_and_doubles_nothing),
        cmocka_unit_test(a_job_at_its_memory_limit_says_who_holds_most),
        cmocka_unit_test(committables_come_back_to_their_subtask_or_are_dealt_out),
        cmocka_unit_test(a_new_source_begins_at_its_beginning),
        cmocka_unit_test(random_jobs_are_exactly_once),
        cmocka_unit_test(without_a_place_for_checkpoints_nothing_is_written),
        cmocka_unit_test(a_zombie_stops),
        cmocka_unit_test(a_late_checkpoint_is_aborted_and_forgotten),
        cmocka_unit_test(a_checkpoint_restores_at_another_parallelism),
        cmocka_unit_test(event_timers_fire_once_over_a_restore),
        cmocka_unit_test(errors_name_the_operator_and_a_job_that_never_ran_does_not_restart),
        cmocka_unit_test(without_memory_a_job_fails_and_leaves_nothing_behind),
        cmocka_unit_test(cancel_ends_an_endless_job),
    };
    if (argc > 1 && strcmp(argv[1], "rocksdb") == 0) {
        test_state_backend = SLU_STATE_ROCKSDB;
        return cmocka_run_group_tests_name("worker.local_rocksdb", with_rocksdb, NULL, NULL);
    }
    return cmocka_run_group_tests_name("worker.local", tests, NULL, NULL);
}
