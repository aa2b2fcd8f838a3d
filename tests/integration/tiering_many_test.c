/*
 * Many tables at once: one whose lake answers slowly, one whose lake table is gone and one that is dropped on the way touch no other;
 * patterns of names; what is told of freshness.
 */
#include "integration/tiering_model.h"

#include "iceberg/catalog.h"

#define TABLES 10
#define SLOW_MS_MAX 60000

/* The catalog answers for the lake table "slow" only when it is let go. */
static atomic_bool held = true;

slu_status __real_iceberg_catalog_load(const iceberg_catalog *catalog, const char *ns, const char *name, iceberg_table *out,
                                       slu_error *e);
slu_status __wrap_iceberg_catalog_load(const iceberg_catalog *catalog, const char *ns, const char *name, iceberg_table *out,
                                       slu_error *e);
slu_status
__wrap_iceberg_catalog_load(const iceberg_catalog *catalog, const char *ns, const char *name, iceberg_table *out, slu_error *e)
{
    for (int i = 0; strcmp(name, "slow") == 0 && atomic_load(&held) && i < SLOW_MS_MAX; i++)
        (void)usleep(1000);
    return __real_iceberg_catalog_load(catalog, ns, name, out, e);
}

static void
make_tables(model *models, char (*names)[24], const char *prefix)
{
    for (int i = 0; i < TABLES; i++) {
        (void)snprintf(names[i], sizeof names[i], "%s%d", prefix, i);
        models[i] = (model){.table = names[i], .keyed = i % 2 == 0, .partitioned = i % 3 == 0, .random = (uint64_t)i + 50};
        table_create(&models[i], "");
        table_change(&models[i], 50);
    }
}

static void
run_until_all_same(pipeline *p, const model *models)
{
    const int64_t end = slu_now_ms(&env) + WAIT_MS;
    for (int i = 0;; i++) {
        lake_rows lake;
        int same = 0;
        pipeline_step(p);
        if (i % 50 != 0)
            continue;
        for (int t = 0; t < TABLES; t++) {
            lake_look(&models[t], &lake);
            same += lake_same(&lake);
        }
        if (same == TABLES)
            return;
        if (slu_now_ms(&env) > end)
            fail_msg("%d of %d tables are in the lake; source: %s; writer: %s; committer: %s", same, TABLES, p->source.last,
                     p->writer.last, p->committer.last);
    }
}

static void
odd_tables_touch_no_other(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    char names[TABLES][24];
    char path[400];
    model models[TABLES];
    model slow = {.table = "slow", .keyed = true, .random = 1};
    model gone = {.table = "gone", .random = 2};
    model dropped = {.table = "dropped", .partitioned = true, .random = 3};
    model *const odd[] = {&slow, &gone, &dropped};
    for (int i = 0; i < 3; i++) {
        table_create(odd[i], "");
        table_change(odd[i], 50);
    }
    (void)snprintf(path, sizeof path, "%s/lake_test/gone", warehouse);
    CHECK_OK(slu_dir_remove(path, &err));
    make_tables(models, names, "many_");
    pipeline_open(&p);
    for (int i = 0; i < 60; i++)
        pipeline_step(&p);
    CHECK_OK(fluss_admin_drop_table(client, "lake_test", "dropped", false, &err));
    run_until_all_same(&p, models);
    for (int i = 0; i < TABLES; i++)
        table_change(&models[i], 50);
    run_until_all_same(&p, models);
    atomic_store(&held, false);
    run_until_same(&p, &slow, &lake);
    pipeline_close(&p);
}

static void
patterns_choose_and_the_rest_is_given_back(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    char names[TABLES][24];
    model models[TABLES];
    model other = {.table = "other", .random = 4};
    table_create(&other, "");
    table_change(&other, 50);
    make_tables(models, names, "chosen_");
    source_options.tables = "nothing.*,lake_test.chosen_?";
    pipeline_open(&p);
    run_until_all_same(&p, models);
    lake_look(&other, &lake);
    assert_int_equal(lake.rows, 0);
    pipeline_close(&p);
    source_options.tables = NULL;
    pipeline_open(&p); /* another service takes it, without a wait for the first one's two minutes */
    run_until_same(&p, &other, &lake);
    pipeline_close(&p);
}

/* It leaves after any number of steps, so with a heartbeat under way, too, whose answer gives it the table. */
static void
a_service_that_leaves_keeps_no_table(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    model m = {.table = "left", .random = 6};
    table_create(&m, "");
    for (int steps = 0; steps < 60; steps++) {
        if (steps % 10 == 0)
            table_change(&m, 5);
        pipeline_open(&p);
        for (int i = 0; i < steps; i++)
            pipeline_step(&p);
        pipeline_close(&p);
    }
    pipeline_open(&p);
    run_until_same(&p, &m, &lake);
    pipeline_close(&p);
}

static void
freshness_is_told_per_table(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    model m = {.table = "fresh", .keyed = true, .random = 5};
    table_create(&m, "");
    table_change(&m, 50);
    (void)usleep(300000);
    pipeline_open(&p);
    run_until_same(&p, &m, &lake);
    const slu_metric *lag = p.committer.host.metric(&p.committer.host, SLU_METRIC_GAUGE, "lagMs.lake_test.fresh");
    assert_true(lag->value >= 300 && lag->value < WAIT_MS);
    pipeline_close(&p);
}

/* Its lake table is away for a while. Each round that was not committed doubles the pause (50 ms here), another table goes on as ever, and
 * once the lake table is back it is as if nothing had been. */
static void
a_failing_table_waits_longer_each_time(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    char path[400], away[400];
    model m = {.table = "failing", .random = 7};
    model other = {.table = "sound", .keyed = true, .random = 8};
    table_create(&m, "");
    table_change(&m, 50);
    table_create(&other, "");
    (void)snprintf(path, sizeof path, "%s/lake_test/failing", warehouse);
    (void)snprintf(away, sizeof away, "%s/failing.away", dir);
    assert_int_equal(rename(path, away), 0);
    source_options.tables = "lake_test.failing,lake_test.sound";
    pipeline_open(&p);
    const slu_metric *failures = p.source.host.metric(&p.source.host, SLU_METRIC_GAUGE, "failures.lake_test.failing");
    for (int64_t end = slu_now_ms(&env) + 3000; slu_now_ms(&env) < end;) {
        table_change(&other, 10);
        run_until_same(&p, &other, &lake);
    }
    assert_in_range(failures->value, 3, 8);
    assert_in_range(p.committer.failed, 3, 8);
    assert_int_equal(rename(away, path), 0);
    run_until_same(&p, &m, &lake);
    table_change(&m, 50);
    run_until_same(&p, &m, &lake);
    assert_int_equal(failures->value, 0);
    pipeline_close(&p);
    source_options.tables = NULL;
}

static void
target_size_rolls_files(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    model m = {.table = "rolled", .keyed = true, .random = 6, .custom = "\"iceberg.write.target-file-size-bytes\":\"1\""};
    table_create(&m, "");
    for (int i = 0; i < 4; i++)
        table_change(&m, 100);
    pipeline_open(&p);
    run_until_same(&p, &m, &lake);
    pipeline_close(&p);
    assert_true(lake.data_files > BUCKETS * lake.snapshots); /* and rows of one are taken back while another is written */
    assert_true(lake.delete_files > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_tables_touch_no_other),
        cmocka_unit_test(patterns_choose_and_the_rest_is_given_back),
        cmocka_unit_test(a_service_that_leaves_keeps_no_table),
        cmocka_unit_test(freshness_is_told_per_table),
        cmocka_unit_test(a_failing_table_waits_longer_each_time),
        cmocka_unit_test(target_size_rolls_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
