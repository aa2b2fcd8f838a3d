/* The catalogue: what it forgets never, what it refuses, and that ids are not given twice. */
#include "support/check.h"

#include "base/file.h"
#include "fluss/server/catalogue/catalogue.h"
#include "fluss/server/catalogue/kv.h"

#include <sqlite3.h>
#include <stdlib.h>

static char root[64];
static slu_env_fake fake;

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_cat_XXXXXX");
    slu_env_init_fake(&fake, 1);
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

static void
databases_and_tables_live_through_a_reopen(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_catalogue *c = NULL;
    int64_t a = -1;
    int64_t b = -1;
    int64_t p = -1;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(fluss_catalogue_open(&fake.env, root, false, &c, &err));
    assert_int_equal(fluss_catalogue_epoch(c), 0);
    CHECK_OK(fluss_catalogue_create_database(c, "fluss", "{}", &err));
    CHECK_STATUS(fluss_catalogue_create_database(c, "fluss", "{}", &err), SLU_CONFLICT);
    assert_int_equal(err.code, 6);
    CHECK_TEXT(err.message, "Database fluss already exists.");
    CHECK_STATUS(fluss_catalogue_create_table(c, "none", "t", "{}", "{}", &a, &err), SLU_NOTFOUND);
    assert_int_equal(err.code, 4);
    CHECK_OK(fluss_catalogue_create_table(c, "fluss", "t", "{\"x\":1}", "{\"s\":1}", &a, &err));
    CHECK_STATUS(fluss_catalogue_create_table(c, "fluss", "t", "{}", "{}", &b, &err), SLU_CONFLICT);
    assert_int_equal(err.code, 8);
    CHECK_STATUS(fluss_catalogue_drop_database(c, "fluss", &err), SLU_CONFLICT);
    assert_int_equal(err.code, 5);
    CHECK_OK(fluss_catalogue_alter_table(c, a, "{\"x\":2}", "{\"s\":2}", &err));
    CHECK_OK(fluss_catalogue_create_partition(c, a, "2024", &p, &err));
    CHECK_STATUS(fluss_catalogue_create_partition(c, a, "2024", &b, &err), SLU_CONFLICT);
    assert_int_equal(err.code, 42);
    const fluss_lake_snapshot_row one = {77, "p1", NULL, 5};
    const fluss_lake_snapshot_row two = {33, "p2", "p2", 6};
    CHECK_OK(fluss_catalogue_add_lake_snapshot(c, a, &one, &err));
    CHECK_OK(fluss_catalogue_add_lake_snapshot(c, a, &two, &err));
    fluss_catalogue_close(&c);

    CHECK_OK(fluss_catalogue_open(&fake.env, root, true, &c, &err));
    assert_int_equal(fluss_catalogue_epoch(c), 1);
    fluss_table_row row;
    CHECK_OK(fluss_catalogue_get_table(c, "fluss", "t", &arena, &row, &err));
    assert_int_equal(row.id, a);
    assert_int_equal(row.schema_id, 2);
    CHECK_TEXT(row.json, "{\"x\":2}");
    CHECK_OK(fluss_catalogue_get_table_by_id(c, a, &arena, &row, &err));
    CHECK_TEXT(row.name, "t");
    const char *json = NULL;
    CHECK_OK(fluss_catalogue_get_schema(c, a, 1, &arena, &json, &err));
    CHECK_TEXT(json, "{\"s\":1}");
    CHECK_STATUS(fluss_catalogue_get_schema(c, a, 3, &arena, &json, &err), SLU_NOTFOUND);
    fluss_partition_row *partitions = NULL;
    size_t count = 0;
    CHECK_OK(fluss_catalogue_list_partitions(c, a, &arena, &partitions, &count, &err));
    assert_int_equal(count, 1);
    CHECK_TEXT(partitions[0].name, "2024");
    fluss_lake_snapshot_row *snapshots = NULL;
    CHECK_OK(fluss_catalogue_list_lake_snapshots(c, a, &arena, &snapshots, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(snapshots[1].snapshot_id, 33);
    assert_null(snapshots[0].readable_path);
    CHECK_OK(fluss_catalogue_drop_table(c, a, &err));
    CHECK_STATUS(fluss_catalogue_drop_table(c, a, &err), SLU_NOTFOUND);
    CHECK_OK(fluss_catalogue_list_lake_snapshots(c, a, &arena, &snapshots, &count, &err));
    assert_int_equal(count, 0);
    CHECK_OK(fluss_catalogue_create_table(c, "fluss", "t", "{}", "{}", &b, &err));
    assert_true(b > a);
    int64_t w1 = 0;
    int64_t w2 = 0;
    CHECK_OK(fluss_catalogue_take_writer_ids(c, 100, &w1, &err));
    fluss_catalogue_close(&c);
    CHECK_OK(fluss_catalogue_open(&fake.env, root, false, &c, &err));
    CHECK_OK(fluss_catalogue_take_writer_ids(c, 100, &w2, &err));
    assert_int_equal(w2, w1 + 100);
    fluss_database_row *databases = NULL;
    CHECK_OK(fluss_catalogue_list_databases(c, &arena, &databases, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(databases[0].table_count, 1);
    fluss_table_row *tables = NULL;
    CHECK_OK(fluss_catalogue_list_tables(c, "fluss", &arena, &tables, &count, &err));
    assert_int_equal(count, 1);
    CHECK_STATUS(fluss_catalogue_list_tables(c, "none", &arena, &tables, &count, &err), SLU_NOTFOUND);
    fluss_catalogue_close(&c);
    slu_arena_fini(&arena);
}

static void
a_newer_data_directory_is_refused(void **state)
{
    (void)state;
    slu_error err;
    fluss_catalogue *c = NULL;
    sqlite3 *db = NULL;
    char path[100];
    (void)snprintf(path, sizeof path, "%s/catalogue.db", root);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    CHECK_STATUS(fluss_catalogue_open(&fake.env, root, false, &c, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "newer");
}

/* A kill after the end of a partition, and before that of its snapshots: the next start knows none of them. */
static void
snapshots_of_what_is_gone_are_forgotten(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_catalogue *c = NULL;
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    int64_t table = -1;
    int64_t partition = -1;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(fluss_catalogue_open(&fake.env, root, false, &c, &err));
    CHECK_OK(fluss_catalogue_kv_open(c, "/r", &err));
    CHECK_OK(fluss_catalogue_create_database(c, "kv", "{}", &err));
    CHECK_OK(fluss_catalogue_create_table(c, "kv", "t", "{}", "{}", &table, &err));
    CHECK_OK(fluss_catalogue_create_partition(c, table, "2024", &partition, &err));
    const fluss_kv_snapshot_row plain = {.of = {table, -1, 0}, .snapshot_id = 1, .location = "/a/snap-1"};
    const fluss_kv_snapshot_row parted = {.of = {table, partition, 0}, .snapshot_id = 2, .location = "/b/snap-2"};
    CHECK_OK(fluss_catalogue_add_kv_snapshot(c, &plain, &err));
    CHECK_OK(fluss_catalogue_add_kv_snapshot(c, &parted, &err));
    CHECK_OK(fluss_catalogue_kv_open(c, "/r", &err));
    CHECK_OK(fluss_catalogue_all_kv_snapshots(c, &arena, &rows, &count, &err));
    assert_int_equal(count, 2);
    CHECK_OK(fluss_catalogue_drop_partition(c, table, partition, &err));
    CHECK_OK(fluss_catalogue_kv_open(c, "/r", &err));
    CHECK_OK(fluss_catalogue_all_kv_snapshots(c, &arena, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].snapshot_id, 1);
    CHECK_OK(fluss_catalogue_drop_table(c, table, &err));
    CHECK_OK(fluss_catalogue_kv_open(c, "/r", &err));
    CHECK_OK(fluss_catalogue_all_kv_snapshots(c, &arena, &rows, &count, &err));
    assert_int_equal(count, 0);
    CHECK_OK(fluss_catalogue_drop_database(c, "kv", &err));
    fluss_catalogue_close(&c);
    slu_arena_fini(&arena);
}

/* A data directory that was moved has another root; one that an older version wrote has whole paths. */
static void
snapshots_below_the_root_move_with_it(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_catalogue *c = NULL;
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    int64_t table = -1;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(fluss_catalogue_open(&fake.env, root, false, &c, &err));
    CHECK_OK(fluss_catalogue_kv_open(c, "/old/r", &err));
    CHECK_OK(fluss_catalogue_create_database(c, "moves", "{}", &err));
    CHECK_OK(fluss_catalogue_create_table(c, "moves", "t", "{}", "{}", &table, &err));
    const fluss_kv_snapshot_row below = {.of = {table, -1, 0}, .snapshot_id = 2, .location = "/old/r/kv/moves/t-1/0/snap-2"};
    const fluss_kv_snapshot_row beside = {.of = {table, -1, 0}, .snapshot_id = 1, .location = "/old/r2/snap-1"};
    CHECK_OK(fluss_catalogue_add_kv_snapshot(c, &below, &err));
    CHECK_OK(fluss_catalogue_add_kv_snapshot(c, &beside, &err));
    CHECK_OK(fluss_catalogue_list_kv_snapshots(c, &below.of, &arena, &rows, &count, &err));
    CHECK_TEXT(rows[0].location, below.location);
    CHECK_OK(fluss_catalogue_kv_open(c, "/new", &err));
    CHECK_OK(fluss_catalogue_list_kv_snapshots(c, &below.of, &arena, &rows, &count, &err));
    assert_int_equal(count, 2);
    CHECK_TEXT(rows[0].location, "/new/kv/moves/t-1/0/snap-2");
    CHECK_TEXT(rows[1].location, "/old/r2/snap-1");
    CHECK_OK(fluss_catalogue_drop_table(c, table, &err));
    CHECK_OK(fluss_catalogue_drop_database(c, "moves", &err));
    fluss_catalogue_close(&c);
    slu_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(databases_and_tables_live_through_a_reopen),
        cmocka_unit_test(snapshots_of_what_is_gone_are_forgotten),
        cmocka_unit_test(snapshots_below_the_root_move_with_it),
        cmocka_unit_test(a_newer_data_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
