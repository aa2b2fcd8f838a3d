/* Expiry and orphans: what goes, what stays, and who may rely on it. */
#include "care_table.h"

#include "iceberg_care/expire.h"
#include "iceberg_care/locations.h"
#include "iceberg_care/orphans.h"

#include <sys/stat.h>
#include <sys/time.h>

#define MINUTE INT64_C(60000)

static iceberg_expired
expire(int64_t age_ms, int64_t keep_last, const int64_t *keep, size_t keep_count, bool dry_run)
{
    slu_error err = {0};
    iceberg_expired out;
    const iceberg_expire_options options = {age_ms, keep_last, keep, keep_count, dry_run};
    CHECK_OK(iceberg_expire(&catalog, &table, &options, &out, &err));
    return out;
}

static bool
has(int64_t id)
{
    return iceberg_metadata_snapshot_of(table.metadata, id) != NULL;
}

static void
old_snapshots_go_and_their_files(void **state)
{
    const int64_t first = append_file("data/a.parquet", NULL);
    const int64_t second = replace_file("data/a.parquet", "data/b.parquet");
    const int64_t third = append_file("data/c.parquet", NULL);
    const iceberg_expired would = expire(0, 1, NULL, 0, true);
    assert_true(file_there("data/a.parquet") && has(first));
    const iceberg_expired did = expire(0, 1, NULL, 0, false);
    assert_memory_equal(&would, &did, sizeof did);
    assert_int_equal(did.snapshots, 2);
    assert_int_equal(did.snapshots_kept, 1);
    assert_int_equal(did.data_files, 1);
    assert_int_equal(did.lists, 2);
    assert_int_equal(did.failed, 0);
    assert_false(has(first) || has(second));
    assert_true(has(third));
    assert_false(file_there("data/a.parquet"));
    assert_true(file_there("data/b.parquet") && file_there("data/c.parquet"));
    assert_int_equal(expire(0, 1, NULL, 0, false).snapshots, 0);
}

static void
young_and_newest_stay(void **state)
{
    for (int i = 0; i < 6; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "data/%d.parquet", i);
        (void)append_file(name, NULL);
    }
    assert_int_equal(expire(2 * MINUTE, 1, NULL, 0, true).snapshots, 3); /* ages are 0 to 5 minutes */
    assert_int_equal(expire(0, 4, NULL, 0, true).snapshots, 2);
    assert_int_equal(expire(ICEBERG_DEFAULT, ICEBERG_DEFAULT, NULL, 0, true).snapshots, 0); /* 5 days */
    slu_env_fake_advance(&fake, INT64_C(6) * 24 * 60 * MINUTE);
    assert_int_equal(expire(ICEBERG_DEFAULT, ICEBERG_DEFAULT, NULL, 0, false).snapshots, 5);
}

static void
a_tiering_service_finds_its_place(void **state)
{
    const int64_t old = append_file("data/a.parquet", "__fluss_lake_tiering");
    const int64_t newest = append_file("data/b.parquet", "__fluss_lake_tiering");
    const int64_t foreign = append_file("data/c.parquet", NULL);
    const int64_t head = append_file("data/d.parquet", NULL);
    assert_int_equal(expire(0, 1, NULL, 0, false).snapshots, 1);
    assert_true(!has(old) && has(newest) && has(foreign) && has(head));
    assert_ptr_equal(iceberg_metadata_find(table.metadata, "commit-user", "__fluss_lake_tiering"),
                     iceberg_metadata_snapshot_of(table.metadata, newest));
}

static void
what_the_caller_names_stays(void **state)
{
    const int64_t named[] = {append_file("data/a.parquet", NULL), 12345};
    (void)append_file("data/b.parquet", NULL);
    (void)append_file("data/c.parquet", NULL);
    assert_int_equal(expire(0, 1, named, 2, false).snapshots, 1);
    assert_true(has(named[0]));
}

static void
branches_stay(void **state)
{
    slu_error err = {0};
    const int64_t first = append_file("data/a.parquet", NULL);
    const iceberg_update update = {.kind = ICEBERG_UPDATE_SET_REF, .text = "audit", .number = first};
    const iceberg_change change = {.updates = &update, .update_count = 1};
    CHECK_OK(iceberg_catalog_commit(&catalog, &table, &change, &err));
    (void)replace_file("data/a.parquet", "data/b.parquet");
    (void)append_file("data/c.parquet", NULL);
    assert_int_equal(expire(0, 1, NULL, 0, false).snapshots, 1);
    assert_true(has(first) && file_there("data/a.parquet"));
}

static void
nothing_goes_when_what_stays_cannot_be_read(void **state)
{
    slu_error err = {0};
    iceberg_expired out;
    const iceberg_expire_options options = {0, 1, NULL, 0, false};
    (void)append_file("data/a.parquet", NULL);
    (void)replace_file("data/a.parquet", "data/b.parquet");
    CHECK_OK(iceberg_store_remove(iceberg_catalog_store(&catalog, &table), iceberg_metadata_snapshot(table.metadata)->manifest_list,
                                  &err));
    CHECK_STATUS(iceberg_expire(&catalog, &table, &options, &out, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "no file was removed");
    assert_true(file_there("data/a.parquet"));
}

static void
gc_disabled(void **state)
{
    slu_error err = {0};
    iceberg_expired expired;
    iceberg_orphans orphans;
    const iceberg_expire_options options = {0, 1, NULL, 0, false};
    const iceberg_orphans_options orphan_options = {.age_ms = -1};
    const iceberg_property property = {"gc.enabled", "false"};
    const iceberg_update update = {.kind = ICEBERG_UPDATE_SET_PROPERTIES, .properties = &property, .property_count = 1};
    const iceberg_change change = {.updates = &update, .update_count = 1};
    CHECK_OK(iceberg_catalog_commit(&catalog, &table, &change, &err));
    CHECK_STATUS(iceberg_expire(&catalog, &table, &options, &expired, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(iceberg_orphans_remove(&catalog, &table, &orphan_options, &orphans, &err), SLU_UNSUPPORTED);
}

/* ---- orphans ---- */

/* The file's time, in false milliseconds: listings carry the real clock. */
static void
file_age(const char *name, int64_t age_ms)
{
    char path[256];
    path_of(name, path);
    const int64_t at_ms = slu_wall_ms(&fake.env) - age_ms;
    const struct timeval times[2] = {{at_ms / 1000, 0}, {at_ms / 1000, 0}};
    assert_int_equal(utimes(path, times), 0);
}

static void
only_old_orphans_of_this_table_go(void **state)
{
    static const char *const STAY[] = {"data/_tmp/x.parquet", "data/notes.txt", "inner/data/x.parquet",
                                       "inner/metadata/v1.metadata.json", "data/young.parquet"};
    slu_error err = {0};
    iceberg_orphans out;
    iceberg_orphans_options options = {.dry_run = true};
    (void)append_file("data/a.parquet", NULL);
    file_age("data/a.parquet", 100 * 24 * 60 * MINUTE);
    file_make("data/__bucket=3/lost.parquet");
    file_age("data/__bucket=3/lost.parquet", 4 * 24 * 60 * MINUTE);
    file_make("metadata/lost-m0.avro");
    file_age("metadata/lost-m0.avro", 4 * 24 * 60 * MINUTE);
    for (size_t i = 0; i < sizeof STAY / sizeof *STAY; i++) {
        file_make(STAY[i]);
        file_age(STAY[i], i == 4 ? 2 * 24 * 60 * MINUTE : 4 * 24 * 60 * MINUTE);
    }
    CHECK_OK(iceberg_orphans_remove(&catalog, &table, &options, &out, &err));
    assert_int_equal(out.orphans, 2);
    assert_int_equal(out.bytes, 20);
    assert_int_equal(out.others, 4);
    assert_int_equal(out.young, 1);
    assert_true(file_there("metadata/lost-m0.avro"));
    options.dry_run = false;
    CHECK_OK(iceberg_orphans_remove(&catalog, &table, &options, &out, &err));
    assert_false(file_there("metadata/lost-m0.avro") || file_there("data/__bucket=3/lost.parquet"));
    assert_true(file_there("data/a.parquet"));
    for (size_t i = 0; i < sizeof STAY / sizeof *STAY; i++)
        assert_true(file_there(STAY[i]));
}

static void
locations_have_many_names(void **state)
{
    slu_error err = {0};
    iceberg_locations set;
    bool is_new = true;
    iceberg_locations_init(&set);
    CHECK_OK(iceberg_locations_add(&set, "file:///a/b.parquet", &is_new, &err));
    assert_true(is_new);
    CHECK_OK(iceberg_locations_add(&set, "/a/b.parquet", &is_new, &err));
    assert_false(is_new);
    CHECK_OK(iceberg_locations_add(&set, "s3a://bucket/x", NULL, &err));
    assert_true(iceberg_locations_have(&set, "file:/a/b.parquet"));
    assert_true(iceberg_locations_have(&set, "s3://bucket/x"));
    assert_false(iceberg_locations_have(&set, "s3://bucket//x"));
    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "/many/%d", i);
        CHECK_OK(iceberg_locations_add(&set, name, NULL, &err));
    }
    assert_true(iceberg_locations_have(&set, "/many/999") && !iceberg_locations_have(&set, "/many/1000"));
    assert_string_equal(iceberg_location_below("file:///a/b/c.parquet", "/a/b/"), "c.parquet");
    assert_null(iceberg_location_below("/a/bc/c.parquet", "/a/b"));
    iceberg_locations_fini(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_snapshots_go_and_their_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(young_and_newest_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tiering_service_finds_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_caller_names_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(branches_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_goes_when_what_stays_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gc_disabled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_old_orphans_of_this_table_go, set_up, tear_down),
        cmocka_unit_test(locations_have_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
