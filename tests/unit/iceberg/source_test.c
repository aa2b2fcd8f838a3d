/* iceberg_source as the module that ships: a snapshot, what came between two, what comes; a restart gives every row once. */
#include "base/file.h"
#include "lake/lake.h"
#include "support/check.h"

#include <sluice/sdk/harness.h>
#include <stdlib.h>

static char folder[64];
static slu_env_fake fake;
static iceberg_catalog catalog;
static const slu_module *module;
static sdk_harness *sink; /* one for all appends: another would take the same names for its files */

static int
set_up(void **state)
{
    slu_error err = {0};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-source-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 7);
    const iceberg_property warehouse = {"warehouse", folder};
    CHECK_OK(lake_open(&fake.env, &(lake_options){.settings = &warehouse, .setting_count = 1}, &catalog, &err));
    CHECK_OK(sdk_module_load(PLUGIN_FILE, &module, &err));
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    sdk_harness_free(&sink);
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

static void
sink_open(void)
{
    slu_error err = {0};
    char options[256];
    (void)snprintf(options, sizeof options, "{ table: db.t, warehouse: \"%s\", create: true }", folder);
    CHECK_OK(sdk_harness_new(sdk_module_plugin(module, "iceberg_sink"), &sink));
    CHECK_OK(sdk_harness_with(sink, options, &err));
    CHECK_OK(sdk_harness_input(sink, "id BIGINT, name STRING", &err));
    CHECK_OK(sdk_harness_open(sink, &err));
}

/* Rows first .. last as one snapshot; its id. */
static int64_t
append(int first, int last)
{
    slu_error err = {0};
    iceberg_table table = {0};
    if (sink == NULL)
        sink_open();
    char *rows = malloc((size_t)(last - first + 1) * 40);
    size_t at = 0;
    for (int i = first; i <= last; i++)
        at += (size_t)sprintf(rows + at, "%d | n%d\n", i, i);
    CHECK_OK(sdk_harness_push(sink, 0, rows, &err));
    CHECK_OK(sdk_harness_snapshot(sink, &err));
    CHECK_OK(sdk_harness_complete(sink, &err));
    free(rows);
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", &table, &err));
    const int64_t id = iceberg_metadata_snapshot(table.metadata)->id;
    iceberg_table_fini(&table);
    return id;
}

static sdk_harness *
source(const char *more, slu_status expected, slu_error *out)
{
    char options[512];
    slu_error err = {0};
    sdk_harness *h = NULL;
    (void)snprintf(options, sizeof options, "{ table: db.t, warehouse: \"%s\"%s }", folder, more);
    CHECK_OK(sdk_harness_new(sdk_module_plugin(module, "iceberg_source"), &h));
    CHECK_OK(sdk_harness_with(h, options, &err));
    CHECK_STATUS(sdk_harness_open(h, &err), expected);
    *out = err;
    return h;
}

static void
gives(const char *more, const char *rows)
{
    slu_error err = {0};
    sdk_harness *h = source(more, SLU_OK, &err);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), rows);
    sdk_harness_free(&h);
}

static void
a_snapshot_is_read_whole(void **state)
{
    (void)state;
    char more[64];
    slu_error err = {0};
    const int64_t first = append(1, 2);
    (void)append(3, 4);
    gives("", "1 | n1\n2 | n2\n3 | n3\n4 | n4\n");
    gives(", columns: [name]", "n1\nn2\nn3\nn4\n");
    (void)snprintf(more, sizeof more, ", snapshot: %lld", (long long)first);
    gives(more, "1 | n1\n2 | n2\n");
    sdk_harness *h = source(", snapshot: 77", SLU_NOTFOUND, &err);
    CHECK_MESSAGE(err, "snapshot 77 is not in the table");
    sdk_harness_free(&h);
    h = source(", columns: [nope]", SLU_NOTFOUND, &err);
    CHECK_MESSAGE(err, "no column \"nope\"");
    sdk_harness_free(&h);
}

static void
what_came_between_two_snapshots_is_read(void **state)
{
    (void)state;
    char more[128];
    slu_error err = {0};
    const int64_t first = append(1, 2);
    const int64_t second = append(3, 4);
    (void)append(5, 6);
    (void)snprintf(more, sizeof more, ", from-snapshot: %lld", (long long)first);
    gives(more, "3 | n3\n4 | n4\n5 | n5\n6 | n6\n");
    (void)snprintf(more, sizeof more, ", from-snapshot: %lld, to-snapshot: %lld", (long long)first, (long long)second);
    gives(more, "3 | n3\n4 | n4\n");
    (void)snprintf(more, sizeof more, ", from-snapshot: %lld, to-snapshot: %lld", (long long)second, (long long)first);
    sdk_harness *h = source(more, SLU_INVALID, &err);
    CHECK_MESSAGE(err, "is no ancestor of");
    sdk_harness_free(&h);
    h = source(", from-snapshot: 1, snapshot: 2", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "say one of them");
    sdk_harness_free(&h);
}

/* A checkpoint in the middle of a file, and a crash behind it: every row comes once. */
static void
a_restart_goes_on_within_a_file(void **state)
{
    (void)state;
    slu_error err = {0};
    (void)append(1, 20000);
    (void)append(20001, 20010);
    sdk_harness *h = source("", SLU_OK, &err);
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    const int64_t before = sdk_harness_rows(h);
    assert_true(before > 0 && before < 20000);
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE); /* is given again */
    const int64_t lost = sdk_harness_rows(h) - before;
    CHECK_OK(sdk_harness_restart(h, &err));
    sdk_harness_clear(h);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    assert_int_equal(sdk_harness_rows(h), 20010 + lost);
    char first[64];
    (void)snprintf(first, sizeof first, "%lld | n%lld\n", (long long)before + 1, (long long)before + 1);
    assert_memory_equal(sdk_harness_output(h), first, strlen(first));
    CHECK_OK(sdk_harness_snapshot(h, &err)); /* all is read: nothing comes again */
    CHECK_OK(sdk_harness_restart(h, &err));
    sdk_harness_clear(h);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), "");
    sdk_harness_free(&h);
}

static void
new_snapshots_are_watched_for(void **state)
{
    (void)state;
    slu_error err = {0};
    (void)append(1, 2);
    sdk_harness *h = source(", watch: 1s", SLU_OK, &err);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_AGAIN);
    CHECK_TEXT(sdk_harness_output(h), "1 | n1\n2 | n2\n");
    sdk_harness_clear(h);
    (void)append(3, 4);
    (void)append(5, 5);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_AGAIN); /* it is not time */
    CHECK_TEXT(sdk_harness_output(h), "");
    CHECK_OK(sdk_harness_advance(h, 1000, &err));
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    CHECK_OK(sdk_harness_snapshot(h, &err)); /* one of the two is given, the other is found */
    CHECK_OK(sdk_harness_restart(h, &err));
    sdk_harness_clear(h);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_AGAIN);
    CHECK_TEXT(sdk_harness_output(h), "5 | n5\n");
    sdk_harness_clear(h);
    (void)append(6, 6);
    CHECK_OK(sdk_harness_advance(h, 5000, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_AGAIN);
    CHECK_TEXT(sdk_harness_output(h), "6 | n6\n");
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_snapshot_is_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_between_two_snapshots_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_within_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_snapshots_are_watched_for, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("iceberg.source", tests, NULL, NULL);
}
