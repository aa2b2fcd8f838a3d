/* Remote log segments over the wire: copied, named, read from where they are said to lie, expired, swept after a kill. */
#include "remote_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

static void
start(const char *key, const char *value)
{
    slu_error err;
    const char *const settings[] = {key, value, NULL};
    CHECK_OK(rig_open(settings, NULL, &err));
}

static void
stop(void)
{
    fluss_server_close(&server);
}

static int
up(void **state)
{
    (void)state;
    return rig_root() || fluss_store_dir_open(false, &rig_store, NULL) != SLU_OK;
}

static int
count_files(const char *dir)
{
    int count = 0;
    DIR *open = opendir(dir);
    for (struct dirent *e = open == NULL ? NULL : readdir(open); e != NULL; e = readdir(open))
        count += e->d_name[0] != '.';
    if (open != NULL)
        (void)closedir(open);
    return count;
}

static void
old_segments_go_to_remote_storage_and_are_named(void **state)
{
    (void)state;
    wire_peer p;
    start("sync", "true");
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "far", "");
    produce(&p, table, 95); /* nine closed segments of 100 rows and half a one */
    wait_remote(&p, table, 800);
    assert_null(fetch(&p, table, 800)->remote_log_fetch_info); /* two local segments, the open one included */
    assert_int_equal(peer_offset(&p, table, 0, 0), 0);
    assert_int_equal(read_all(&p, table, 0, 950), 800);
    assert_int_equal(read_all(&p, table, 777, 950), 23);
    const Fluss__PbRemoteLogFetchInfo *info = fetch(&p, table, -2)->remote_log_fetch_info;
    assert_non_null(info);
    assert_int_equal(info->n_remote_log_segments, 8);
    assert_int_equal(info->remote_log_segments[3]->remote_log_start_offset, 300);
    assert_int_equal(info->remote_log_segments[3]->remote_log_end_offset, 400);
    assert_int_equal(info->first_start_pos, 0);
    assert_int_equal(fetch(&p, table, 455)->remote_log_fetch_info->first_start_pos, 5000);
    peer_close(&p);
    stop();
    start(NULL, NULL); /* and all that is known again */
    assert_true(peer_open(&p, fluss_server_address(server)));
    assert_int_equal(peer_offset(&p, table, 0, 0), 0);
    assert_int_equal(read_all(&p, table, 0, 950), 800);
    peer_close(&p);
}

static void
half_uploads_are_swept_and_what_is_valid_stays(void **state)
{
    (void)state;
    wire_peer p;
    char dir[200];
    char left[300];
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "half", "");
    produce(&p, table, 35);
    wait_remote(&p, table, 200);
    peer_close(&p);
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/half-%lld/0", root, (long long)table);
    for (int i = 0; i < 200 && count_files(dir) < 4; i++) /* three segments, and the manifests */
        (void)usleep(20000);
    stop();
    const int before = count_files(dir);
    (void)snprintf(left, sizeof left, "%s/a4421366-4a1d-4c3b-a0f8-0be2e77b1368", dir);
    assert_int_equal(mkdir(left, 0755), 0);
    (void)snprintf(left, sizeof left, "%s/metadata/a4421366-4a1d-4c3b-a0f8-0be2e77b1368.manifest", dir);
    assert_int_equal(close(open(left, O_CREAT | O_WRONLY, 0644)), 0);
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    assert_int_equal(read_all(&p, table, 0, 350), 200);
    for (int i = 0; i < 100 && (count_files(dir) != before || access(left, F_OK) == 0); i++)
        (void)usleep(20000);
    assert_int_equal(count_files(dir), before);
    assert_int_not_equal(access(left, F_OK), 0);
    assert_int_equal(read_all(&p, table, 0, 350), 200);
    peer_close(&p);
}

/* ---- commits of the catalogue that fail ---- */

#define COMMIT_PASSES 0
#define COMMIT_FAILS 1   /* and is undone */
#define COMMIT_IS_LOST 2 /* it is done, and its answer is a failure */

static atomic_int commit_does;
static atomic_int commits_failed;

static int
commit_answer(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)context;
    (void)db;
    (void)name;
    (void)frames;
    if (atomic_load(&commit_does) != COMMIT_IS_LOST)
        return SQLITE_OK;
    atomic_fetch_add(&commits_failed, 1);
    return SQLITE_IOERR;
}

/* Non-zero makes of the commit a rollback. SQLite sets its own wal hook when a database is opened: here is after that. */
static int
commit_begins(void *db)
{
    (void)sqlite3_wal_hook(db, commit_answer, NULL);
    if (atomic_load(&commit_does) != COMMIT_FAILS)
        return 0;
    atomic_fetch_add(&commits_failed, 1);
    return 1;
}

static int
database_opened(sqlite3 *db, char **message, const struct sqlite3_api_routines *routines)
{
    (void)message;
    (void)routines;
    (void)sqlite3_commit_hook(db, commit_begins, db);
    return SQLITE_OK;
}

/* Copies of two segments are made, and their commit ends as said; then it passes again. */
static int64_t
copy_with_commit(wire_peer *p, const char *name, int commit)
{
    (void)sqlite3_auto_extension((void (*)(void))database_opened);
    start(NULL, NULL);
    (void)sqlite3_cancel_auto_extension((void (*)(void))database_opened);
    assert_true(peer_open(p, fluss_server_address(server)));
    const int64_t table = make_table(p, name, "");
    atomic_store(&commits_failed, 0);
    atomic_store(&commit_does, commit);
    produce(p, table, 35);
    for (int i = 0; i < 200 && atomic_load(&commits_failed) == 0; i++)
        (void)usleep(20000);
    assert_true(atomic_load(&commits_failed) != 0);
    (void)usleep(200000); /* whatever is removed then is gone */
    return table;
}

/* The catalogue names them: were they gone, so would be the rows once the local segments are. */
static void
copies_stay_when_the_answer_to_their_commit_is_lost(void **state)
{
    (void)state;
    wire_peer p;
    const int64_t table = copy_with_commit(&p, "doubt", COMMIT_IS_LOST);
    peer_close(&p);
    stop();
    atomic_store(&commit_does, COMMIT_PASSES);
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    produce(&p, table, 30); /* with these the first segments leave this machine */
    wait_remote(&p, table, 300);
    assert_true(read_all(&p, table, 0, 650) >= 300);
    peer_close(&p);
}

static void
copies_go_when_their_commit_is_undone(void **state)
{
    (void)state;
    wire_peer p;
    char dir[200];
    const int64_t table = copy_with_commit(&p, "undone", COMMIT_FAILS);
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/undone-%lld/0", root, (long long)table);
    atomic_store(&commit_does, COMMIT_PASSES);
    wait_remote(&p, table, 200);
    for (int i = 0; i < 200 && count_files(dir) != 4; i++) /* three segments, and the manifests: those of the copy that counts */
        (void)usleep(20000);
    assert_int_equal(count_files(dir), 4);
    assert_true(read_all(&p, table, 0, 350) >= 200);
    peer_close(&p);
}

static void
expired_segments_leave_the_manifest_and_live_on_for_a_while(void **state)
{
    (void)state;
    wire_peer p;
    char dir[200];
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "old", "\"table.log.ttl\":\"3 s\"");
    produce(&p, table, 35);
    wait_remote(&p, table, 200);
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/old-%lld/0", root, (long long)table);
    for (int i = 0; i < 500 && fetch(&p, table, 0)->remote_log_fetch_info != NULL; i++)
        (void)usleep(20000);
    assert_true(fetch(&p, table, 0)->has_error_code);
    assert_int_equal(fetch(&p, table, 0)->error_code, 19);
    assert_true(peer_offset(&p, table, 0, 0) >= 200);
    assert_true(count_files(dir) >= 3); /* a reader may still be in them */
    produce(&p, table, 30);             /* and offsets go on */
    assert_int_equal(peer_offset(&p, table, 0, 1), 650);
    assert_int_equal(read_all(&p, table, 640, 650), 0);
    peer_close(&p);
}

static void
offsets_by_time_are_found_in_remote_segments(void **state)
{
    (void)state;
    wire_peer p;
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "times", "");
    produce(&p, table, 15);
    (void)usleep(30000);
    const int64_t middle = slu_wall_ms(&env);
    (void)usleep(30000);
    produce(&p, table, 30);
    wait_remote(&p, table, 300);
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    int32_t bucket = 0;
    request.follower_server_id = -1;
    request.offset_type = 2;
    request.table_id = table;
    request.n_bucket_id = 1;
    request.bucket_id = &bucket;
    request.has_start_timestamp = true;
    request.start_timestamp = middle;
    const Fluss__ListOffsetsResponse *response = peer_call(&p, FLUSS_API_LIST_OFFSETS, &request.base);
    assert_non_null(response);
    assert_int_equal(response->buckets_resp[0]->offset, 150);
    request.start_timestamp = 1;
    response = peer_call(&p, FLUSS_API_LIST_OFFSETS, &request.base);
    assert_int_equal(response->buckets_resp[0]->offset, 0);
    peer_close(&p);
}

static void
a_dropped_table_leaves_nothing(void **state)
{
    (void)state;
    wire_peer p;
    char dir[200];
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "gone", "");
    produce(&p, table, 35);
    wait_remote(&p, table, 200);
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/gone-%lld", root, (long long)table);
    assert_true(slu_path_exists(dir));
    Fluss__DropTableRequest drop = FLUSS__DROP_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "gone");
    drop.table_path = &path;
    assert_non_null(peer_call(&p, FLUSS_API_DROP_TABLE, &drop.base));
    for (int i = 0; i < 100 && slu_path_exists(dir); i++)
        (void)usleep(20000);
    assert_false(slu_path_exists(dir));
    peer_close(&p);
}

static void
a_bad_manifest_is_named_and_the_rest_goes_on(void **state)
{
    (void)state;
    wire_peer p;
    char dir[200];
    char files[8][500];
    slu_buf was[8];
    size_t count = 0;
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "torn", "");
    const int64_t other = make_table(&p, "whole", "");
    produce(&p, table, 35);
    produce(&p, other, 35);
    wait_remote(&p, table, 200);
    wait_remote(&p, other, 200);
    peer_close(&p);
    stop();
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/torn-%lld/0/metadata", root, (long long)table);
    slu_error err;
    DIR *open = opendir(dir);
    for (struct dirent *e = readdir(open); e != NULL; e = readdir(open)) {
        if (e->d_name[0] == '.' || count == 8)
            continue;
        (void)snprintf(files[count], sizeof files[count], "%s/%s", dir, e->d_name);
        slu_buf_init(&was[count], 1 << 20);
        CHECK_OK(slu_file_read(files[count], 1 << 20, &was[count], &err));
        count++;
    }
    (void)closedir(open);
    for (size_t i = 0; i < count; i++)
        CHECK_OK(slu_file_write(files[i], slu_view_of_text("{\"version\":1,"), false, &err));
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const Fluss__PbFetchLogRespForBucket *part = fetch(&p, table, 0);
    assert_true(part->has_error_code);
    assert_int_equal(part->error_code, FLUSS_ERROR_LOG_STORAGE_EXCEPTION);
    assert_non_null(strstr(part->error_message, "fluss.torn"));
    assert_non_null(strstr(part->error_message, ".manifest"));
    assert_int_equal(read_all(&p, other, 0, 350), 200);
    assert_int_equal(read_all(&p, table, 200, 350), 0);
    produce(&p, table, 30); /* and it is written to */
    assert_int_equal(read_all(&p, table, 200, 650), 0);
    /* Whole again: it is read again, and what came since follows. */
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(slu_file_write(files[i], slu_buf_view(&was[i]), false, &err));
        slu_buf_fini(&was[i]);
    }
    wait_remote(&p, table, 500);
    assert_int_equal(read_all(&p, table, 0, 650), 500);
    peer_close(&p);
}

static void
places_that_cannot_be_are_refused(void **state)
{
    (void)state;
    slu_error err;
    char other[80];
    fluss_config *config = NULL;
    fluss_server *second = NULL;
    start(NULL, NULL);
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "remote.data.dir", "s3://bucket/fluss", "test", &err));
    (void)snprintf(other, sizeof other, "%s/other", root);
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = other};
    CHECK_STATUS(fluss_server_open(&env, &options, &second, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "s3");
    char mine[80];
    (void)snprintf(mine, sizeof mine, "file://%s/remote", root);
    CHECK_OK(fluss_config_set(config, "remote.data.dir", mine, "test", &err));
    CHECK_STATUS(fluss_server_open(&env, &options, &second, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "another table server");
    fluss_config_free(&config);
}

/* Killed between the directory and the file that says whose it is: nothing was there yet, so the next start takes it. */
static void
a_first_start_that_was_cut_short_is_begun_again(void **state)
{
    (void)state;
    char path[100];
    (void)snprintf(path, sizeof path, "%s/remote", root);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/remote/log", root);
    assert_int_equal(mkdir(path, 0755), 0);
    start(NULL, NULL);
    assert_non_null(server);
}

static void
without_an_interval_nothing_goes(void **state)
{
    (void)state;
    wire_peer p;
    start("remote.log.task-interval-duration", "0 ms");
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "near", "");
    produce(&p, table, 35);
    (void)usleep(200000);
    assert_null(fetch(&p, table, 0)->remote_log_fetch_info);
    assert_int_equal(read_all(&p, table, 0, 350), 0);
    peer_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_segments_go_to_remote_storage_and_are_named, up, rig_down),
        cmocka_unit_test_setup_teardown(half_uploads_are_swept_and_what_is_valid_stays, up, rig_down),
        cmocka_unit_test_setup_teardown(copies_stay_when_the_answer_to_their_commit_is_lost, up, rig_down),
        cmocka_unit_test_setup_teardown(copies_go_when_their_commit_is_undone, up, rig_down),
        cmocka_unit_test_setup_teardown(expired_segments_leave_the_manifest_and_live_on_for_a_while, up, rig_down),
        cmocka_unit_test_setup_teardown(offsets_by_time_are_found_in_remote_segments, up, rig_down),
        cmocka_unit_test_setup_teardown(a_dropped_table_leaves_nothing, up, rig_down),
        cmocka_unit_test_setup_teardown(a_bad_manifest_is_named_and_the_rest_goes_on, up, rig_down),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_are_refused, up, rig_down),
        cmocka_unit_test_setup_teardown(a_first_start_that_was_cut_short_is_begun_again, up, rig_down),
        cmocka_unit_test_setup_teardown(without_an_interval_nothing_goes, up, rig_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
