/* iceberg_sink as the module that ships: rows become snapshots at checkpoints, once each. */
#include "base/file.h"
#include "iceberg/scan.h"
#include "lake/lake.h"
#include "support/check.h"

#include <sluice/sdk/harness.h>
#include <stdlib.h>

static char folder[64];
static char options[256];
static slu_env_fake fake;
static iceberg_catalog catalog;

static int
set_up(void **state)
{
    slu_error err = {0};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-sink-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 7);
    const iceberg_property warehouse = {"warehouse", folder};
    CHECK_OK(lake_open(&fake.env, &(lake_options){.settings = &warehouse, .setting_count = 1}, &catalog, &err));
    (void)snprintf(options, sizeof options, "{ table: db.t, warehouse: \"%s\", create: true }", folder);
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

static sdk_harness *
opened(const char *columns)
{
    slu_error err = {0};
    const slu_module *module;
    sdk_harness *h = NULL;
    CHECK_OK(sdk_module_load(PLUGIN_FILE, &module, &err));
    assert_int_equal(sdk_harness_new(sdk_module_plugin(module, "iceberg_sink"), &h), SLU_OK);
    CHECK_OK(sdk_harness_with(h, options, &err));
    CHECK_OK(sdk_harness_input(h, columns, &err));
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
check_table(int64_t rows, uint32_t snapshots, size_t files)
{
    slu_error err = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", &table, &err));
    CHECK_OK(iceberg_scan_plan(iceberg_catalog_store(&catalog, &table), table.metadata, iceberg_metadata_snapshot(table.metadata),
                               NULL, &scan, &err));
    assert_int_equal(scan.row_count, rows);
    assert_int_equal(table.metadata->snapshot_count, snapshots);
    assert_int_equal(scan.count, files);
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
}

static void
rows_become_snapshots(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("id BIGINT, amount DECIMAL(10,2), name STRING");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 0.80 | a\n2 | NULL | b\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "3 | 5 | NULL\n", &err));
    check_table(0, 0, 0);
    CHECK_OK(sdk_harness_snapshot(h, &err));
    check_table(0, 0, 0);
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(3, 1, 1);
    CHECK_OK(sdk_harness_snapshot(h, &err)); /* nothing came: nothing is committed */
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(3, 1, 1);
    CHECK_OK(sdk_harness_push(h, 0, "4 | 1 | d\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(4, 2, 2);
    sdk_harness_free(&h);
}

/* A crash after the checkpoint was whole, before or after the commit: the commit is repeated, the rows are there once. */
static void
a_commit_is_repeated(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("id BIGINT");
    CHECK_OK(sdk_harness_push(h, 0, "1\n2\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(2, 1, 1);
    CHECK_OK(sdk_harness_complete(h, &err)); /* the same checkpoint again */
    check_table(2, 1, 1);
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(2, 1, 1);
    sdk_harness_free(&h);
}

/* What was written after the last checkpoint is gone with the instance. */
static void
an_unfinished_round_leaves_nothing(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("id BIGINT");
    CHECK_OK(sdk_harness_push(h, 0, "1\n2\n", &err));
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "3\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(1, 1, 1);
    sdk_harness_free(&h);
}

static void
rows_go_to_their_partitions(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    iceberg_table table = {0};
    iceberg_partition_field fields[] = {{1, 1000, "id_bucket", {0}}, {2, 1001, "day", {0}}};
    const iceberg_partition_spec spec = {0, 2, fields};
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text("{\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
                                                   "{\"id\":2,\"name\":\"day\",\"required\":false,\"type\":\"string\"}]}"),
                                  &arena, &schema, &err));
    CHECK_OK(iceberg_transform_parse("bucket[4]", &arena, &fields[0].transform, &err));
    CHECK_OK(iceberg_transform_parse("identity", &arena, &fields[1].transform, &err));
    const iceberg_create create = {.schema = &schema, .spec = &spec};
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    iceberg_table_fini(&table);
    slu_arena_fini(&arena);
    sdk_harness *h = opened("id BIGINT, day STRING");
    CHECK_OK(sdk_harness_push(h, 0, "1 | mon\n1 | tue\n1 | mon\nNULL | mon\n1 | NULL\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "1 | mon\nNULL | NULL\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    check_table(7, 1, 5);
    sdk_harness_free(&h);
}

/* More partitions than files may be open: the fullest gives way. */
static void
many_partitions(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    iceberg_table table = {0};
    iceberg_partition_field field = {1, 1000, "id", {0}};
    const iceberg_partition_spec spec = {0, 1, &field};
    slu_buf rows;
    slu_arena_init(&arena, 1 << 20);
    slu_buf_init(&rows, 1 << 20);
    CHECK_OK(iceberg_schema_parse(
        slu_view_of_text("{\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"}]}"), &arena, &schema, &err));
    CHECK_OK(iceberg_transform_parse("identity", &arena, &field.transform, &err));
    const iceberg_create create = {.schema = &schema, .spec = &spec};
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    iceberg_table_fini(&table);
    slu_arena_fini(&arena);
    sdk_harness *h = opened("id BIGINT");
    for (int i = 0; i < 300; i++)
        slu_buf_printf(&rows, "%d\n", i % 150);
    CHECK_OK(sdk_harness_push(h, 0, slu_buf_cstr(&rows), &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", &table, &err));
    CHECK_TEXT(iceberg_snapshot_property(iceberg_metadata_snapshot(table.metadata), "added-records"), "300");
    CHECK_TEXT(iceberg_snapshot_property(iceberg_metadata_snapshot(table.metadata), "changed-partition-count"), "150");
    iceberg_table_fini(&table);
    slu_buf_fini(&rows);
    sdk_harness_free(&h);
}

static void
refused(const char *with, const char *columns, slu_status status, const char *message)
{
    slu_error err = {0};
    const slu_module *module;
    sdk_harness *h = NULL;
    CHECK_OK(sdk_module_load(PLUGIN_FILE, &module, &err));
    assert_int_equal(sdk_harness_new(sdk_module_plugin(module, "iceberg_sink"), &h), SLU_OK);
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, columns, &err));
    CHECK_STATUS(sdk_harness_plan(h, &err), status);
    CHECK_MESSAGE(err, message);
    sdk_harness_free(&h);
}

static void
a_bad_submit_is_named(void **state)
{
    char with[256];
    sdk_harness *h = opened("id BIGINT, name STRING"); /* makes the table */
    sdk_harness_free(&h);
    (void)snprintf(with, sizeof with, "{ table: db.t, warehouse: \"%s\" }", folder);
    refused(with, "id BIGINT, nope STRING", SLU_INVALID, "\"nope\"");
    refused(with, "id STRING, name STRING", SLU_INVALID, "id");
    (void)snprintf(with, sizeof with, "{ table: db.other, warehouse: \"%s\" }", folder);
    refused(with, "id BIGINT", SLU_NOTFOUND, "create: true");
    (void)snprintf(with, sizeof with, "{ table: t, warehouse: \"%s\" }", folder);
    refused(with, "id BIGINT", SLU_INVALID, "namespace.table");
    refused("{ table: db.t, warehouse: \"gs://bucket/lake\" }", "id BIGINT", SLU_UNSUPPORTED, "local directories");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_become_snapshots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_is_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unfinished_round_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_go_to_their_partitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_partitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_submit_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
