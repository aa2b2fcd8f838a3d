/* Commits through a catalog that fails on purpose: conflicts, lost answers, and what is left behind. */
#include "iceberg/commit.h"

#include "base/alloc.h"
#include "base/file.h"
#include "iceberg/scan.h"
#include "support/check.h"

#include <stdlib.h>

static char folder[64];
static slu_env_fake fake;
static iceberg_catalog real;

/* What the next commits do: 'k' commit, 'c' conflict by another writer, 'l' commit and lose the answer, 'n' lose the request. */
static const char *script;
static int moved_calls;

static slu_status foreign_commit(void);

static slu_status
faulty_load(void *self, const char *ns, const char *name, iceberg_table *out, slu_error *err)
{
    return iceberg_catalog_load(&real, ns, name, out, err);
}

static slu_status
faulty_commit(void *self, const iceberg_table *base, const iceberg_change *change, iceberg_table *out, slu_error *err)
{
    const char step = *script == 0 ? 'k' : *script++;
    if (step == 'n')
        return slu_error_set(err, SLU_TIMEOUT, "no answer");
    if (step == 'c' && foreign_commit() != SLU_OK)
        return slu_error_set(err, SLU_INVALID, "the other writer failed");
    SLU_TRY(real.ops->commit(real.self, base, change, out, err));
    if (step != 'l')
        return SLU_OK;
    iceberg_table_fini(out);
    return slu_error_set(err, SLU_CLOSED, "the connection broke");
}

static const iceberg_store *
faulty_store(void *self, const iceberg_table *table)
{
    return iceberg_catalog_store(&real, table);
}

static const iceberg_catalog_ops FAULTY = {.load = faulty_load, .commit = faulty_commit, .store = faulty_store};
static iceberg_catalog catalog;

static slu_status
append_to(const iceberg_catalog *to, iceberg_table *table, const char *path, const char *user, slu_error *err)
{
    static const iceberg_property nothing = {"commit.retry.min-wait-ms", "0"};
    iceberg_data_file file = {.path = path,
                              .format = "PARQUET",
                              .record_count = 10,
                              .file_bytes = 100,
                              .sort_order_id = -1,
                              .content_offset = -1,
                              .content_bytes = -1,
                              .first_row_id = -1};
    const iceberg_property user_property = {"commit-user", user};
    const iceberg_append append = {
        .files = &file, .file_count = 1, .properties = user == NULL ? &nothing : &user_property, .property_count = 1};
    return iceberg_table_append(to, table, &append, NULL, err);
}

static slu_status
foreign_commit(void)
{
    slu_error err = {0};
    iceberg_table table = {0};
    slu_status status = iceberg_catalog_load(&real, "db", "t", &table, &err);
    if (status == SLU_OK)
        status = append_to(&real, &table, "file:///x/foreign.parquet", "other", &err);
    iceberg_table_fini(&table);
    return status;
}

static int
set_up(void **state)
{
    slu_error err = {0};
    iceberg_store store;
    slu_arena arena;
    iceberg_schema schema;
    iceberg_table table = {0};
    const iceberg_property property = {"commit.retry.min-wait-ms", "1"};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-iceberg-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 42);
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&fake.env, folder, &store, &real, &err));
    slu_arena_init(&arena, 100000);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text("{\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]}"),
                                  &arena, &schema, &err));
    const iceberg_create create = {.schema = &schema, .properties = &property, .property_count = 1};
    CHECK_OK(iceberg_catalog_create(&real, "db", "t", &create, &table, &err));
    CHECK_STATUS(iceberg_catalog_create(&real, "db", "t", &create, &table, &err), SLU_CONFLICT);
    iceberg_table_fini(&table);
    slu_arena_fini(&arena);
    catalog = (iceberg_catalog){&FAULTY, NULL, &fake.env};
    script = "";
    moved_calls = 0;
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    iceberg_catalog_close(&real);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

typedef struct left {
    int lists;
    int manifests;
} left;

static slu_status
count_left(void *to, const iceberg_listed *listed, slu_error *err)
{
    left *counts = to;
    counts->lists += strstr(listed->location, "/snap-") != NULL;
    counts->manifests += strstr(listed->location, "-m0.avro") != NULL;
    return SLU_OK;
}

/* The table as anybody sees it, and nothing left behind that no snapshot names. */
static void
check_table(int64_t rows, uint32_t snapshots)
{
    slu_error err = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    left counts = {0, 0};
    char location[128];
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    const iceberg_store *store = iceberg_catalog_store(&real, &table);
    assert_int_equal(table.metadata->snapshot_count, snapshots);
    CHECK_OK(iceberg_scan_plan(store, table.metadata, iceberg_metadata_snapshot(table.metadata), NULL, &scan, &err));
    assert_int_equal(scan.row_count, rows);
    for (size_t i = 0; i < scan.count; i++)
        assert_true(scan.files[i].sequence_number >= 1 && scan.files[i].sequence_number <= (int64_t)snapshots);
    (void)snprintf(location, sizeof location, "%s/db/t/metadata", folder);
    CHECK_OK(store->ops->list(store->self, location, count_left, &counts, &err));
    assert_int_equal(counts.lists, snapshots);
    assert_int_equal(counts.manifests, snapshots);
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
}

static slu_status
run(const char *steps, slu_error *err)
{
    iceberg_table table = {0};
    script = steps;
    SLU_TRY(iceberg_catalog_load(&catalog, "db", "t", &table, err));
    const slu_status status = append_to(&catalog, &table, "file:///x/mine.parquet", NULL, err);
    if (status == SLU_OK)
        assert_non_null(iceberg_metadata_snapshot(table.metadata));
    iceberg_table_fini(&table);
    return status;
}

static void
plain(void **state)
{
    slu_error err = {0};
    CHECK_OK(run("k", &err));
    CHECK_OK(run("k", &err));
    check_table(20, 2);
}

static void
conflicts_are_rebased(void **state)
{
    slu_error err = {0};
    CHECK_OK(run("cck", &err));
    check_table(30, 3);
}

static void
conflicts_run_out(void **state)
{
    slu_error err = {0};
    CHECK_STATUS(run("ccccccc", &err), SLU_CONFLICT);
    assert_int_not_equal(err.code, ICEBERG_COMMIT_UNKNOWN);
    check_table(50, 5); /* the other writer's, and nothing of ours left */
}

static void
a_lost_answer_is_looked_up(void **state)
{
    slu_error err = {0};
    CHECK_OK(run("l", &err));
    check_table(10, 1);
}

static void
a_lost_request_is_unknown(void **state)
{
    slu_error err = {0};
    left counts = {0, 0};
    char location[128];
    CHECK_STATUS(run("n", &err), SLU_TIMEOUT);
    assert_int_equal(err.code, ICEBERG_COMMIT_UNKNOWN);
    CHECK_MESSAGE(err, "may have been done");
    iceberg_table table = {0};
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    const iceberg_store *store = iceberg_catalog_store(&real, &table);
    (void)snprintf(location, sizeof location, "%s/db/t/metadata", folder);
    CHECK_OK(store->ops->list(store->self, location, count_left, &counts, &err));
    assert_int_equal(counts.manifests, 1); /* nothing was deleted */
    iceberg_table_fini(&table);
}

static slu_status
refuse_tiering(void *context, const iceberg_metadata *base, const iceberg_metadata *now, slu_error *err)
{
    moved_calls++;
    assert_true(now->snapshot_count > base->snapshot_count);
    if (iceberg_metadata_find(now, "commit-user", "other") != NULL)
        return slu_error_set(err, SLU_CONFLICT, "another tiering round came first");
    return SLU_OK;
}

static void
the_caller_may_refuse_to_go_on(void **state)
{
    slu_error err = {0};
    iceberg_table table = {0};
    const iceberg_append append = {.moved = refuse_tiering};
    script = "c";
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", &table, &err));
    CHECK_STATUS(iceberg_table_append(&catalog, &table, &append, NULL, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "another tiering round");
    assert_int_equal(moved_calls, 1);
    iceberg_table_fini(&table);
    check_table(10, 1);
}

static slu_status
replace_with(const char *steps, const char *const *removed, size_t removed_count, int64_t data_sequence, slu_error *err)
{
    iceberg_table table = {0};
    iceberg_data_file file = {.path = "file:///x/merged.parquet",
                              .format = "PARQUET",
                              .record_count = 20,
                              .file_bytes = 150,
                              .sort_order_id = -1,
                              .content_offset = -1,
                              .content_bytes = -1,
                              .first_row_id = -1};
    const iceberg_append replace = {.files = &file,
                                    .file_count = 1,
                                    .operation = "replace",
                                    .removed = removed,
                                    .removed_count = removed_count,
                                    .data_sequence = data_sequence};
    script = steps;
    SLU_TRY(iceberg_catalog_load(&catalog, "db", "t", &table, err));
    const slu_status status = iceberg_table_append(&catalog, &table, &replace, NULL, err);
    iceberg_table_fini(&table);
    return status;
}

/* Two files become one that is as old as the newer of them; an append comes between and stays. */
static void
files_are_replaced(void **state)
{
    slu_error err = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    const char *removed[] = {"file:///x/a.parquet", "file:///x/b.parquet"};
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    CHECK_OK(append_to(&real, &table, removed[0], "me", &err));
    CHECK_OK(append_to(&real, &table, removed[1], "me", &err));
    CHECK_OK(replace_with("ck", removed, 2, 2, &err));
    CHECK_OK(iceberg_catalog_refresh(&real, &table, &err));
    const iceberg_snapshot *now = iceberg_metadata_snapshot(table.metadata);
    assert_string_equal(iceberg_snapshot_property(now, "operation"), "replace");
    assert_string_equal(iceberg_snapshot_property(now, "deleted-data-files"), "2");
    assert_string_equal(iceberg_snapshot_property(now, "deleted-records"), "20");
    assert_string_equal(iceberg_snapshot_property(now, "total-records"), "30");
    assert_string_equal(iceberg_snapshot_property(now, "total-data-files"), "2");
    assert_string_equal(iceberg_snapshot_property(now, "total-files-size"), "250");
    CHECK_OK(iceberg_scan_plan(iceberg_catalog_store(&real, &table), table.metadata, now, NULL, &scan, &err));
    assert_int_equal(scan.count, 2);
    for (size_t i = 0; i < scan.count; i++)
        assert_int_equal(scan.files[i].sequence_number, strstr(scan.files[i].file.path, "merged") != NULL ? 2 : 3);
    iceberg_scan_fini(&scan);
    /* They are gone: whoever planned the same has a conflict, and leaves nothing behind. */
    CHECK_STATUS(replace_with("k", removed, 2, 2, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "2 of 2 files");
    iceberg_table_fini(&table);
    left counts = {0, 0};
    char location[128];
    const iceberg_store *store = iceberg_catalog_store(&real, &table);
    (void)snprintf(location, sizeof location, "%s/db/t/metadata", folder);
    CHECK_OK(store->ops->list(store->self, location, count_left, &counts, &err));
    assert_int_equal(counts.lists, 4);
    assert_int_equal(counts.manifests, 4);
}

/* Readers probe upwards from a hint that lags, and list when there is none. */
static void
the_hint_is_only_a_hint(void **state)
{
    slu_error err = {0};
    char path[128];
    iceberg_table table = {0};
    CHECK_OK(run("k", &err));
    (void)snprintf(path, sizeof path, "%s/db/t/metadata/version-hint.text", folder);
    CHECK_OK(slu_file_write(path, slu_view_of_text("1\n"), false, &err));
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    assert_int_equal(table.metadata->snapshot_count, 1);
    iceberg_table_fini(&table);
    CHECK_OK(slu_file_write(path, slu_view_of_text("rubbish"), false, &err));
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    assert_int_equal(table.metadata->snapshot_count, 1);
    iceberg_table_fini(&table);
    /* No hint, and what a killed writer left: not taken for a version. */
    CHECK_OK(slu_file_remove(path, &err));
    (void)snprintf(path, sizeof path, "%s/db/t/metadata/v9.metadata.json.123-0.tmp", folder);
    CHECK_OK(slu_file_write(path, slu_view_of_text("{"), false, &err));
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    assert_int_equal(table.metadata->snapshot_count, 1);
    iceberg_table_fini(&table);
    CHECK_OK(run("k", &err));
    CHECK_STATUS(iceberg_catalog_load(&real, "db", "nope", &table, &err), SLU_NOTFOUND);
    CHECK_STATUS(iceberg_catalog_load(&real, "../db", "t", &table, &err), SLU_INVALID);
    CHECK_STATUS(iceberg_catalog_load(&real, "db", "..", &table, &err), SLU_INVALID);
}

static slu_status
count_manifests(void *to, const iceberg_listed *listed, slu_error *err)
{
    *(int *)to += strstr(listed->location, "-m0.avro") == NULL && strstr(listed->location, ".avro") != NULL &&
                  strstr(listed->location, "/snap-") == NULL;
    return SLU_OK;
}

/* Ten commits with merging from the third manifest on: the list stays short, and every file keeps its own sequence number. */
static void
manifests_are_merged(void **state)
{
    slu_error err = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    slu_buf raw;
    slu_arena arena;
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    int merged = 0;
    char location[128];
    const iceberg_property property = {"commit.manifest.min-count-to-merge", "4"};
    const iceberg_update update = {.kind = ICEBERG_UPDATE_SET_PROPERTIES, .properties = &property, .property_count = 1};
    const iceberg_change change = {.updates = &update, .update_count = 1};
    CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
    CHECK_OK(iceberg_catalog_commit(&real, &table, &change, &err));
    for (int i = 0; i < 10; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "file:///x/%d.parquet", i);
        CHECK_OK(append_to(&real, &table, path, "me", &err));
    }
    const iceberg_store *store = iceberg_catalog_store(&real, &table);
    slu_buf_init(&raw, 1 << 20);
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(iceberg_store_get(store, iceberg_metadata_snapshot(table.metadata)->manifest_list, 1 << 20, &raw, &err));
    CHECK_OK(iceberg_list_decode(slu_buf_view(&raw), &arena, &manifests, &count, &err));
    assert_int_equal(count, 2); /* merged at commits 4, 6, 8 and 10 */
    CHECK_OK(iceberg_scan_plan(store, table.metadata, iceberg_metadata_snapshot(table.metadata), NULL, &scan, &err));
    assert_int_equal(scan.count, 10);
    int64_t sequences = 0;
    for (size_t i = 0; i < scan.count; i++) {
        int number = -1;
        assert_int_equal(sscanf(scan.files[i].file.path, "file:///x/%d.parquet", &number), 1);
        assert_int_equal(scan.files[i].sequence_number, number + 1);
        sequences += scan.files[i].sequence_number;
    }
    assert_int_equal(sequences, 55);
    (void)snprintf(location, sizeof location, "%s/db/t/metadata", folder);
    CHECK_OK(store->ops->list(store->self, location, count_manifests, &merged, &err));
    assert_int_equal(merged, 4);
    iceberg_scan_fini(&scan);
    slu_arena_fini(&arena);
    slu_buf_fini(&raw);
    iceberg_table_fini(&table);
}

/* Every allocation of a commit fails once: the commit is whole or not there, and nothing is left over. */
static void
memory_runs_out(void **state)
{
    uint32_t done = 0;
    for (uint64_t nth = 1; done == 0; nth += 3) {
        slu_error err = {0};
        iceberg_table table = {0};
        CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
        (void)slu_alloc_fail_from(nth);
        const slu_status status = append_to(&real, &table, "file:///x/mine.parquet", "me", &err);
        (void)slu_alloc_fail_from(0);
        iceberg_table_fini(&table);
        assert_true(status == SLU_OK || status == SLU_NOMEM);
        CHECK_OK(iceberg_catalog_load(&real, "db", "t", &table, &err));
        /* The answer may be lost to memory after the commit was made: then the snapshot is there, whole. */
        assert_true(table.metadata->snapshot_count <= 1);
        done = table.metadata->snapshot_count;
        assert_true(status != SLU_OK || done == 1);
        iceberg_table_fini(&table);
    }
    check_table(10, 1);
}

static slu_status
named(void *to, const char *name, slu_error *err)
{
    (void)snprintf(to, 32, "%s", name);
    return SLU_OK;
}

static void
tables_are_listed(void **state)
{
    slu_error err = {0};
    char name[32] = "";
    CHECK_OK(real.ops->list(real.self, "db", named, name, &err));
    CHECK_TEXT(name, "t");
    name[0] = 0;
    CHECK_OK(real.ops->list(real.self, "empty", named, name, &err));
    CHECK_TEXT(name, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conflicts_are_rebased, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conflicts_run_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_answer_is_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_request_is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_caller_may_refuse_to_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_hint_is_only_a_hint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(manifests_are_merged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_runs_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_are_listed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
