/* Remote log segments and kv snapshots in S3 (a stand-in): copied, named, searched; a store that is away, and one that says no. */
#include "support/s3_stand_in.h"

#include "fluss/s3/fluss_s3.h"
#include "remote_rig.h"

#include <dirent.h>
#include <sys/stat.h>

static s3_stand_in *s3;

static const char *
endpoint_of(const void *of, const char *key)
{
    const char *const *settings = of;
    for (; *settings != NULL; settings += 2)
        if (strcmp(settings[0], key) == 0)
            return settings[1];
    return NULL;
}

static slu_status
try_start(slu_error *err)
{
    const char *const settings[] = {
        "remote.data.dir", "s3://bucket/place/",   "s3.endpoint", s3->endpoint, "s3.access-key", "key", "s3.secret-key",
        "secret",          "s3.path-style-access", "true",        NULL};
    const fluss_store_settings of = {endpoint_of, settings};
    if (rig_store.ops == NULL)
        assert_int_equal(fluss_s3_open("s3://bucket", &of, &env, &rig_store, err), SLU_OK);
    return rig_open(settings, fluss_s3_open, err);
}

static void
start(void)
{
    slu_error err;
    CHECK_OK(try_start(&err));
}

static int
up(void **state)
{
    (void)state;
    s3 = stand_in_open();
    slu_env_init_system(&env, SLU_LOG_ERROR);
    return rig_root();
}

static int
down(void **state)
{
    const int status = rig_down(state);
    stand_in_close(s3);
    return status;
}

static int
local_segments(const char *name, int64_t table)
{
    char dir[200];
    int count = 0;
    (void)snprintf(dir, sizeof dir, "%s/fluss/%s-%lld/log-0", root, name, (long long)table);
    DIR *open = opendir(dir);
    for (struct dirent *e = open == NULL ? NULL : readdir(open); e != NULL; e = readdir(open))
        count += strstr(e->d_name, ".log") != NULL;
    if (open != NULL)
        (void)closedir(open);
    return count;
}

static int64_t
offset_by_time(wire_peer *p, int64_t table, int64_t time_ms)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    int32_t bucket = 0;
    request.follower_server_id = -1;
    request.offset_type = 2;
    request.table_id = table;
    request.n_bucket_id = 1;
    request.bucket_id = &bucket;
    request.has_start_timestamp = true;
    request.start_timestamp = time_ms;
    const Fluss__ListOffsetsResponse *response = peer_call(p, FLUSS_API_LIST_OFFSETS, &request.base);
    assert_non_null(response);
    assert_false(response->buckets_resp[0]->has_error_code);
    return response->buckets_resp[0]->offset;
}

static void
segments_go_to_s3_and_are_found_there(void **state)
{
    (void)state;
    wire_peer p;
    start();
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "far", "");
    const int64_t before = slu_wall_ms(&env);
    produce(&p, table, 95);
    wait_remote(&p, table, 800);
    assert_int_equal(read_all(&p, table, 0, 950), 800);
    assert_int_equal(read_all(&p, table, 455, 950), 345);
    for (int i = 0; i < 100 && local_segments("far", table) > 3; i++)
        (void)usleep(20000);
    assert_true(local_segments("far", table) <= 3);
    assert_true(stand_in_count(s3, ".log") >= 7);
    assert_int_equal(stand_in_count(s3, "/bucket/place/log/fluss/far-"), stand_in_count(s3, "/far-"));
    assert_int_equal(offset_by_time(&p, table, before), 0);
    peer_close(&p);
    fluss_server_close(&server);
    start(); /* and all that is known again */
    assert_true(peer_open(&p, fluss_server_address(server)));
    assert_int_equal(peer_offset(&p, table, 0, 0), 0);
    assert_int_equal(read_all(&p, table, 0, 950), 800);
    assert_int_equal(offset_by_time(&p, table, before), 0);
    peer_close(&p);
}

static void
put_object(const char *key)
{
    slu_error err;
    CHECK_OK(rig_store.ops->put(rig_store.self, key, slu_view_of_text("x"), false, &err));
}

/* As a kill leaves it: half a copy, a table that the catalogue has dropped, a snapshot that it never knew. */
static void
what_a_kill_left_is_swept(void **state)
{
    (void)state;
    wire_peer p;
    char key[200];
    start();
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t gone = make_table(&p, "gone", "");
    const int64_t table = make_table(&p, "kept", "");
    Fluss__DropTableRequest drop = FLUSS__DROP_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "gone");
    drop.table_path = &path;
    assert_non_null(peer_call(&p, FLUSS_API_DROP_TABLE, &drop.base));
    produce(&p, table, 35);
    wait_remote(&p, table, 200);
    peer_close(&p);
    fluss_server_close(&server);
    const int kept = stand_in_count(s3, "/");
    (void)snprintf(key, sizeof key, "s3://bucket/place/log/fluss/kept-%lld/0/a4421366-4a1d-4c3b-a0f8-0be2e77b1368/1.log",
                   (long long)table);
    put_object(key);
    (void)snprintf(key, sizeof key, "s3://bucket/place/log/fluss/was-%lld/0/a4421366-4a1d-4c3b-a0f8-0be2e77b1368/1.log",
                   (long long)gone);
    put_object(key);
    put_object("s3://bucket/place/kv/fluss/was-0/0/snap-3/_METADATA");
    start();
    assert_true(peer_open(&p, fluss_server_address(server)));
    assert_int_equal(read_all(&p, table, 0, 350), 200);
    for (int i = 0; i < 100 && stand_in_count(s3, "/") != kept; i++)
        (void)usleep(20000);
    assert_int_equal(stand_in_count(s3, "/"), kept);
    peer_close(&p);
}

static void
a_store_that_is_away_loses_nothing(void **state)
{
    (void)state;
    wire_peer p;
    start();
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "away", "");
    atomic_store(&s3->mood, 403);
    produce(&p, table, 55);
    (void)usleep(300000);
    assert_int_equal(read_all(&p, table, 0, 550), 0);
    assert_true(local_segments("away", table) >= 6);
    atomic_store(&s3->mood, 0);
    wait_remote(&p, table, 400);
    assert_int_equal(read_all(&p, table, 0, 550), 400);
    peer_close(&p);
}

static void
a_store_that_refuses_us_ends_the_start(void **state)
{
    (void)state;
    slu_error err;
    atomic_store(&s3->mood, 403);
    CHECK_STATUS(try_start(&err), SLU_INVALID);
    CHECK_MESSAGE(err, "remote.data.dir s3://bucket/place");
    CHECK_MESSAGE(err, "AccessDenied");
    fluss_server_close(&server);
    atomic_store(&s3->mood, 404);
    assert_true(try_start(&err) < 0);
    CHECK_MESSAGE(err, "NoSuchBucket");
    fluss_server_close(&server);
    atomic_store(&s3->mood, 0);
    put_object("s3://bucket/place/log/_owner");
    CHECK_STATUS(try_start(&err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "another table server");
}

static void
one_that_cannot_be_reached_is_waited_for(void **state)
{
    (void)state;
    wire_peer p;
    atomic_store(&s3->mood, 503);
    start();
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "late", "");
    produce(&p, table, 35);
    assert_int_equal(read_all(&p, table, 0, 350), 0);
    atomic_store(&s3->mood, 0);
    for (int i = 0; i < 600 && fetch(&p, table, 0)->remote_log_fetch_info == NULL; i++)
        (void)usleep(20000);
    assert_int_equal(read_all(&p, table, 0, 350), 200);
    peer_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(segments_go_to_s3_and_are_found_there, up, down),
                                       cmocka_unit_test_setup_teardown(what_a_kill_left_is_swept, up, down),
                                       cmocka_unit_test_setup_teardown(a_store_that_is_away_loses_nothing, up, down),
                                       cmocka_unit_test_setup_teardown(a_store_that_refuses_us_ends_the_start, up, down),
                                       cmocka_unit_test_setup_teardown(one_that_cannot_be_reached_is_waited_for, up, down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
