/*
 * Tiering of what changes and of what is in partitions, against our own server: random upserts and deletes, of which the lake must hold
 * exactly what the table holds, as our reader (which applies row-level deletes) says; DuckDB and Java judge the same files in tests/interop.
 */
#include "integration/tiering_model.h"

#include "fluss/config/config.h"

/* ---- the tests ---- */

static void
run_well(pipeline *p, const model *m, lake_rows *lake)
{
    run_until_same(p, m, lake);
    assert_int_equal(p->source.failed + p->writer.failed + p->committer.failed, 0);
}

static void
rounds_of_changes(model *m, lake_rows *lake)
{
    pipeline p;
    table_change(m, 400);
    table_change(m, 400); /* keys of the first batch change in the same round */
    pipeline_open(&p);
    run_well(&p, m, lake);
    for (int i = 0; i < 4; i++) {
        table_change(m, 100);
        table_change(m, 100);
        run_well(&p, m, lake);
    }
    pipeline_close(&p);
}

static void
a_primary_key_table_is_what_it_holds(void **state)
{
    (void)state;
    lake_rows lake;
    model m = {.table = "keyed", .keyed = true, .random = 1};
    table_create(&m, "");
    rounds_of_changes(&m, &lake);
    assert_true(lake.delete_files > 0);
    assert_false(lake.from_kv);
}

static void
updates_told_by_the_new_row_alone(void **state)
{
    (void)state;
    lake_rows lake;
    model m = {.table = "upserted", .keyed = true, .random = 2};
    table_create(&m, ",\"table.changelog.image\":\"WAL\"");
    rounds_of_changes(&m, &lake);
    assert_true(lake.delete_files > 0);
}

static void
a_partitioned_log_table(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    model m = {.table = "parts", .partitioned = true};
    table_create(&m, "");
    table_change(&m, 200);
    pipeline_open(&p);
    run_well(&p, &m, &lake);
    table_change(&m, 200);
    run_well(&p, &m, &lake);
    assert_int_equal(lake.delete_files, 0);
    pipeline_close(&p);
}

static void
a_partitioned_primary_key_table(void **state)
{
    (void)state;
    lake_rows lake;
    model m = {.table = "keyed_parts", .keyed = true, .partitioned = true, .random = 3};
    table_create(&m, "");
    rounds_of_changes(&m, &lake);
    assert_true(lake.delete_files > 0);
}

/* Rows are in kv snapshots when the table's first round comes. */
static void
a_first_round_reads_kv_snapshots(void **state)
{
    (void)state;
    lake_rows lake;
    model m = {.table = "snapshots", .keyed = true, .partitioned = true, .random = 4};
    table_create(&m, "");
    table_change(&m, 500);
    (void)usleep(1500000); /* snapshots are taken every 100 ms */
    rounds_of_changes(&m, &lake);
    assert_true(lake.from_kv);
}

/* So little memory that hardly a batch of keys fits: splits are cut short, and the next rounds go on. */
static void
keys_beyond_memory_cut_the_round(void **state)
{
    (void)state;
    pipeline p;
    lake_rows lake;
    model m = {.table = "many_keys", .keyed = true, .random = 5};
    table_create(&m, "");
    for (int i = 0; i < 6; i++)
        table_change(&m, 500);
    memory_bytes = 8000;
    pipeline_open(&p);
    memory_bytes = 128 << 20;
    run_well(&p, &m, &lake);
    pipeline_close(&p);
    assert_true(lake.snapshots > 1);
}

static int
set_up_snapshots(void **state)
{
    CHECK_OK(fluss_config_new(&server_config, &err));
    CHECK_OK(fluss_config_set(server_config, "kv.snapshot.interval", "100ms", "test", &err));
    return set_up(state);
}

static int
tear_down_snapshots(void **state)
{
    const int failed = tear_down(state);
    fluss_config_free(&server_config);
    return failed;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_primary_key_table_is_what_it_holds),
        cmocka_unit_test(updates_told_by_the_new_row_alone),
        cmocka_unit_test(a_partitioned_log_table),
        cmocka_unit_test(a_partitioned_primary_key_table),
        cmocka_unit_test(keys_beyond_memory_cut_the_round),
    };
    const struct CMUnitTest with_snapshots[] = {
        cmocka_unit_test(a_first_round_reads_kv_snapshots),
    };
    const int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    return failed + cmocka_run_group_tests(with_snapshots, set_up_snapshots, tear_down_snapshots);
}
