/* Kv snapshots: their metadata against the texts of Fluss's own test, and their files from a checkpoint to a restored directory. */
#include "support/check.h"

#include "base/file.h"
#include "fluss/snapshot/kv_files.h"

#include <stdlib.h>
#include <unistd.h>

/* The two texts of Fluss's CompletedSnapshotJsonSerdeTest. */
#define HANDLES                                                                                                                    \
    "\"kv_snapshot_handle\":{\"shared_file_handles\":[{\"kv_file_handle\":{\"path\":\"oss://bucket/snapshot/shared/t1.sst\","      \
    "\"size\":1},\"local_path\":\"localPath1\"},{\"kv_file_handle\":{\"path\":\"oss://bucket/snapshot/shared/"                     \
    "t2.sst\",\"size\":2},"                                                                                                        \
    "\"local_path\":\"localPath2\"}],\"private_file_handles\":[{\"kv_file_handle\":{\"path\":\"oss://bucket/snapshot/snapshot1/"   \
    "t3\","                                                                                                                        \
    "\"size\":3},\"local_path\":\"localPath3\"},{\"kv_file_handle\":{\"path\":\"oss://bucket/snapshot/snapshot1/t4\",\"size\":4}," \
    "\"local_path\":\"localPath4\"}],\"snapshot_incremental_size\":5},\"log_offset\":10"
static const char plain_json[] =
    "{\"version\":1,\"table_id\":1,\"bucket_id\":1,\"snapshot_id\":1,\"snapshot_location\":\"oss://bucket/snapshot\"," HANDLES "}";
static const char partition_json[] =
    "{\"version\":1,\"table_id\":1,\"partition_id\":10,\"bucket_id\":1,\"snapshot_id\":1,\"snapshot_location\":\"oss://bucket/"
    "snapshot\"," HANDLES ",\"row_count\":1234,\"auto_inc_id_range\":[{\"column_id\":2,\"start\":10000,\"end\":20000}]}";

static char root[64];
static slu_env env;
static fluss_store files;

static int
make_root(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    (void)snprintf(root, sizeof root, "/tmp/slu_snap_XXXXXX");
    return mkdtemp(root) == NULL || fluss_store_dir_open(true, &files, NULL) != SLU_OK;
}

static int
remove_root(void **state)
{
    (void)state;
    fluss_store_close(&files);
    return slu_dir_remove(root, NULL);
}

static void
round_trip(const char *json, int64_t partition_id, int64_t rows, size_t ranges)
{
    slu_error err;
    fluss_kv_snapshot snapshot;
    slu_arena arena;
    slu_buf again;
    slu_arena_init(&arena, 1 << 20);
    slu_buf_init(&again, 1 << 20);
    CHECK_OK(fluss_kv_snapshot_decode(slu_view_of_text(json), &arena, &snapshot, &err));
    assert_int_equal(snapshot.partition_id, partition_id);
    assert_int_equal(snapshot.row_count, rows);
    assert_int_equal(snapshot.id_range_count, ranges);
    assert_int_equal(snapshot.shared_count, 2);
    CHECK_TEXT(snapshot.own[1].local_name, "localPath4");
    assert_int_equal(snapshot.own[1].bytes, 4);
    CHECK_OK(fluss_kv_snapshot_encode(&snapshot, &again, &err));
    CHECK_TEXT(slu_buf_cstr(&again), json);
    slu_buf_fini(&again);
    slu_arena_fini(&arena);
}

static void
metadata_of_fluss(void **state)
{
    (void)state;
    round_trip(plain_json, FLUSS_KV_NO_PARTITION, FLUSS_KV_ROWS_UNKNOWN, 0);
    round_trip(partition_json, 10, 1234, 1);
}

/* The text with `from` replaced by `to` is refused. */
static void
spoilt(const char *from, const char *to)
{
    slu_error err;
    fluss_kv_snapshot snapshot;
    slu_arena arena;
    char json[2000];
    const char *at = strstr(partition_json, from);
    assert_non_null(at);
    (void)snprintf(json, sizeof json, "%.*s%s%s", (int)(at - partition_json), partition_json, to, at + strlen(from));
    slu_arena_init(&arena, 1 << 20);
    CHECK_STATUS(fluss_kv_snapshot_decode(slu_view_of_text(json), &arena, &snapshot, &err), SLU_CORRUPT);
    slu_arena_fini(&arena);
}

static void
metadata_that_is_none(void **state)
{
    (void)state;
    slu_error err;
    fluss_kv_snapshot snapshot;
    slu_arena arena;
    slu_arena_init(&arena, 1 << 20);
    for (size_t bytes = 0; bytes < sizeof plain_json - 1; bytes++)
        CHECK_STATUS(fluss_kv_snapshot_decode(slu_view_of(plain_json, bytes), &arena, &snapshot, &err), SLU_CORRUPT);
    CHECK_STATUS(fluss_kv_snapshot_decode(slu_view_of_text("[]"), &arena, &snapshot, &err), SLU_CORRUPT);
    slu_arena_fini(&arena);
    spoilt("\"table_id\":1", "\"table_id\":-1");
    spoilt("\"size\":2", "\"size\":2.5");
    spoilt("\"local_path\":\"localPath3\"", "\"local_path\":\"../etc\"");
    spoilt("\"local_path\":\"localPath3\"", "\"local_path\":\"..\"");
    spoilt("\"local_path\":\"localPath3\"", "\"local_path\":\"\"");
    spoilt("\"bucket_id\":1", "\"bucket_id\":4294967296");
    spoilt("\"log_offset\":10", "\"log_offset\":\"10\"");
    spoilt("\"shared_file_handles\":[", "\"shared_file_handles\":[7,");
    spoilt("\"start\":10000", "\"begin\":10000");
}

/* ---- files ---- */

static void
make_file(const char *dir, const char *name, const char *text)
{
    slu_error err;
    char path[200];
    CHECK_OK(slu_dir_make(dir, &err));
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_OK(slu_file_write(path, slu_view_of_text(text), false, &err));
}

static void
has_text(const char *dir, const char *name, const char *text)
{
    slu_error err;
    char path[200];
    slu_buf data;
    slu_buf_init(&data, 1000);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_OK(slu_file_read(path, 1000, &data, &err));
    CHECK_TEXT(slu_buf_cstr(&data), text);
    slu_buf_fini(&data);
}

static void
take(const char *checkpoint, const char *tablet, int64_t id, const fluss_kv_snapshot *before, slu_arena *arena,
     fluss_kv_snapshot *out)
{
    slu_error err;
    const fluss_kv_write write = {
        .env = &env, .store = &files, .checkpoint_dir = checkpoint, .tablet_dir = tablet, .before = before};
    const fluss_kv_snapshot facts = {.table_id = 4, .partition_id = 9, .bucket = 2, .snapshot_id = id, .log_offset = 10 + id};
    *out = facts;
    CHECK_OK(fluss_kv_files_write(&write, out, arena, &err));
    CHECK_OK(fluss_kv_files_check(&files, out, &err));
}

static void
files_are_shared_restored_and_swept(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_kv_snapshot s0;
    fluss_kv_snapshot s1;
    fluss_kv_snapshot loaded;
    char cp[100];
    char store[100];
    char tablet[100];
    char dir[160];
    slu_arena_init(&arena, 1 << 20);
    (void)snprintf(cp, sizeof cp, "%s/cp", root);
    (void)snprintf(store, sizeof store, "%s/r", root);
    (void)snprintf(tablet, sizeof tablet, "%s/r/kv/db/t-4/day-p9/2", root);
    make_file(cp, "000001.sst", "first");
    make_file(cp, "CURRENT", "c0");
    take(cp, tablet, 0, NULL, &arena, &s0);
    assert_int_equal(s0.shared_count, 1);
    assert_int_equal(s0.incremental_bytes, 7);
    make_file(cp, "000002.sst", "second");
    make_file(cp, "CURRENT", "c1");
    take(cp, tablet, 1, &s0, &arena, &s1);
    assert_int_equal(s1.shared_count, 2);
    assert_int_equal(s1.incremental_bytes, 8); /* the first file is only named */
    CHECK_OK(fluss_kv_files_load(&files, s1.location, &arena, &loaded, &err));
    assert_int_equal(loaded.log_offset, 11);

    (void)snprintf(dir, sizeof dir, "%s/r/kv/db/elsewhere", root);
    assert_int_equal(rename(tablet, dir), 0);
    CHECK_STATUS(fluss_kv_files_check(&files, &s1, &err), SLU_NOTFOUND);
    (void)snprintf(dir, sizeof dir, "%s/r/kv/db/elsewhere/snap-1", root);
    CHECK_OK(fluss_kv_files_load(&files, dir, &arena, &loaded, &err));
    CHECK_TEXT(loaded.location, dir);
    CHECK_OK(fluss_kv_files_check(&files, &loaded, &err));
    (void)snprintf(dir, sizeof dir, "%s/r/kv/db/elsewhere", root);
    assert_int_equal(rename(dir, tablet), 0);

    make_file(tablet, "shared/half", "x");
    (void)snprintf(dir, sizeof dir, "%s/snap-2", tablet);
    make_file(dir, "half", "x");
    const int64_t both[] = {0, 1};
    CHECK_OK(fluss_kv_files_sweep(&files, tablet, both, 2, &err));
    assert_false(slu_path_exists(dir));
    CHECK_OK(fluss_kv_files_check(&files, &s0, &err));
    const int64_t newest[] = {1};
    CHECK_OK(fluss_kv_files_sweep(&files, tablet, newest, 1, &err));
    CHECK_STATUS(fluss_kv_files_check(&files, &s0, &err), SLU_NOTFOUND);
    CHECK_OK(fluss_kv_files_check(&files, &s1, &err)); /* with the first file in it */

    (void)snprintf(dir, sizeof dir, "%s/back", root);
    CHECK_OK(fluss_kv_files_restore(&files, &s1, dir, &err));
    has_text(dir, "000001.sst", "first");
    has_text(dir, "CURRENT", "c1");

    const fluss_kv_kept kept = {4, 9, 1, 2};
    CHECK_OK(fluss_kv_files_sweep_all(&files, store, &kept, 1, &err));
    CHECK_OK(fluss_kv_files_check(&files, &s1, &err));
    const fluss_kv_kept another = {4, 8, 1, 2};
    CHECK_OK(fluss_kv_files_sweep_all(&files, store, &another, 1, &err));
    (void)snprintf(dir, sizeof dir, "%s/r/kv/db/t-4", root);
    assert_false(slu_path_exists(dir));
    slu_arena_fini(&arena);
}

static void
damage_is_named(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_kv_snapshot s;
    char cp[100];
    char tablet[100];
    char dir[160];
    slu_arena_init(&arena, 1 << 20);
    (void)snprintf(cp, sizeof cp, "%s/cp2", root);
    (void)snprintf(tablet, sizeof tablet, "%s/r2/kv/db/t-4/2", root);
    (void)snprintf(dir, sizeof dir, "%s/back2", root);
    make_file(cp, "000001.sst", "first");
    take(cp, tablet, 0, NULL, &arena, &s);
    assert_int_equal(truncate(s.shared[0].path, 2), 0);
    CHECK_STATUS(fluss_kv_files_check(&files, &s, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, s.shared[0].path);
    CHECK_STATUS(fluss_kv_files_restore(&files, &s, dir, &err), SLU_CORRUPT);
    assert_false(slu_path_exists(dir));
    make_file(s.location, FLUSS_KV_METADATA_NAME, "{}");
    CHECK_STATUS(fluss_kv_files_load(&files, s.location, &arena, &s, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "_METADATA");
    const int64_t kept[] = {0};
    make_file(tablet, "shared/named-by-nobody-knows-whom", "x");
    CHECK_STATUS(fluss_kv_files_sweep(&files, tablet, kept, 1, &err), SLU_CORRUPT);
    has_text(tablet, "shared/named-by-nobody-knows-whom", "x");
    slu_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_of_fluss),
        cmocka_unit_test(metadata_that_is_none),
        cmocka_unit_test(files_are_shared_restored_and_swept),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
