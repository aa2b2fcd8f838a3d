/*
 * Tables are taken care of beside their rounds: a table that asks for it keeps few files and few snapshots while it is tiered into, one
 * that does not is left alone, and both hold exactly what Fluss has.
 */
#include "integration/tiering_model.h"

#include "iceberg/scan.h"
#include "iceberg_care/verify.h"

#define ROUNDS 14
#define EXPIRING "\"iceberg.history.expire.max-snapshot-age-ms\":\"1\""

typedef struct state_of {
    int snapshots;
    int replaced; /* snapshots of compactions */
    size_t files;
    size_t equality_deletes;
    int64_t wrong;
} state_of;

static state_of
look(const char *name)
{
    state_of at = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    iceberg_verified verified;
    const iceberg_scan_options options = {.deletes = true};
    const iceberg_verify_options verify = {0};
    const iceberg_catalog *catalog = cli_lake_catalog(lake_tables);
    CHECK_OK(iceberg_catalog_load(catalog, "lake_test", name, &table, &err));
    const iceberg_store *store = iceberg_catalog_store(catalog, &table);
    CHECK_OK(iceberg_scan_plan(store, table.metadata, iceberg_metadata_snapshot(table.metadata), &options, &scan, &err));
    CHECK_OK(iceberg_verify(store, &table, &verify, &verified, &err));
    at.snapshots = (int)table.metadata->snapshot_count;
    for (uint32_t i = 0; i < table.metadata->snapshot_count; i++) {
        const char *operation = iceberg_snapshot_property(&table.metadata->snapshots[i], "operation");
        at.replaced += operation != NULL && strcmp(operation, "replace") == 0;
    }
    at.files = scan.count;
    for (size_t i = 0; i < scan.delete_count; i++)
        at.equality_deletes += scan.deletes[i].file.content == ICEBERG_CONTENT_EQUALITY_DELETES;
    at.wrong = verified.wrong;
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
    return at;
}

static void
rounds_run(pipeline *p, model *m, int rounds)
{
    lake_rows lake;
    for (int i = 0; i < rounds; i++) {
        table_change(m, 40);
        run_until_same(p, m, &lake);
    }
}

static void
few_files_and_snapshots(void **state)
{
    (void)state;
    pipeline p;
    model keyed = {.table = "keyed", .keyed = true, .random = 1, .custom = EXPIRING};
    model lined = {.table = "lined", .random = 2, .custom = EXPIRING};
    model alone = {.table = "alone", .random = 3};
    static const char care[] = ",\"table.datalake.auto-compaction\":\"true\",\"table.datalake.auto-expire-snapshot\":\"true\"";
    table_create(&keyed, care);
    table_create(&lined, care);
    table_create(&alone, "");
    committer_options.upkeep = (tiering_upkeep_options){.compaction = "auto", .expiry = "auto", .orphans = "auto"};
    pipeline_open(&p);
    rounds_run(&p, &keyed, ROUNDS);
    rounds_run(&p, &lined, ROUNDS);
    rounds_run(&p, &alone, ROUNDS);
    pipeline_close(&p);
    const state_of cared[] = {look("keyed"), look("lined")};
    const state_of left = look("alone");
    for (int i = 0; i < 2; i++) {
        assert_true(cared[i].snapshots < ROUNDS);
        assert_true(cared[i].files < (size_t)ROUNDS * BUCKETS / 2);
        assert_int_equal(cared[i].wrong, 0);
    }
    assert_true(cared[0].equality_deletes < ROUNDS);
    assert_int_equal(left.replaced, 0);
    assert_true(left.snapshots >= ROUNDS);
    assert_int_equal(left.wrong, 0);
}

/* The words are looked at before anything runs. */
static void
words(void **state)
{
    (void)state;
    tiering_upkeep_options options = {.compaction = "on", .expiry = "off", .orphans = "auto"};
    CHECK_OK(tiering_upkeep_check(&options, &err));
    options.expiry = "yes";
    CHECK_STATUS(tiering_upkeep_check(&options, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "expiry: \"yes\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(few_files_and_snapshots, set_up, tear_down),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
