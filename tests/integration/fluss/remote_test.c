/* Remote log segments over the wire: copied, named, read from where they are said to lie, expired, swept after a kill. */
#include "wire_peer.h"

#include "../../unit/fluss/server/batches.h"
#include "base/file.h"
#include "fluss/record/log_batch.h"
#include "fluss/remote/manifest.h"
#include "fluss/server/server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TABLE                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0},"        \
    "{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"id\":1}],\"highest_field_id\":1},\"partition_key\":[],\"bucket_key\":[" \
    "],\"bucket_count\":1,\"properties\":{%s},\"custom_properties\":{}}"
#define BATCH_BODY 952 /* 1000 bytes with the head */
#define BATCH_ROWS 10
#define SEGMENT "10000b" /* ten batches, a hundred rows */

static char root[64];
static slu_env env;
static fluss_server *server;

static void
start(const char *key, const char *value)
{
    slu_error err;
    fluss_config *config = NULL;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", SEGMENT, "test", &err));
    CHECK_OK(fluss_config_set(config, "remote.log.task-interval-duration", "50 ms", "test", &err));
    if (key != NULL)
        CHECK_OK(fluss_config_set(config, key, value, "test", &err));
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = root};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    fluss_config_free(&config);
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
    (void)snprintf(root, sizeof root, "/tmp/slu_remote_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
down(void **state)
{
    (void)state;
    stop();
    return slu_dir_remove(root, NULL);
}

static int64_t
make_table(wire_peer *p, const char *name, const char *properties)
{
    char json[2000];
    (void)snprintf(json, sizeof json, TABLE, properties);
    if (!peer_create_table(p, "fluss", name, json))
        fail_msg("create %s: %d %s", name, p->error_code, p->error_message);
    return peer_table_id(p, "fluss", name);
}

static void
produce(wire_peer *p, int64_t table, int32_t batches)
{
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    for (int32_t i = 0; i < batches; i++) {
        slu_buf_reset(&batch);
        batch_make(&batch, -1, i, BATCH_ROWS, BATCH_BODY);
        assert_int_equal(peer_produce(p, table, 0, slu_buf_view(&batch), NULL), 0);
    }
    slu_buf_fini(&batch);
}

static const Fluss__PbFetchLogRespForBucket *
fetch(wire_peer *p, int64_t table, int64_t offset)
{
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable t = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&t};
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.has_min_bytes = request.has_max_wait_ms = true;
    request.min_bytes = 1;
    request.max_wait_ms = 100;
    request.n_tables_req = 1;
    request.tables_req = tables;
    t.table_id = table;
    t.n_buckets_req = 1;
    t.buckets_req = buckets;
    b.fetch_offset = offset;
    b.max_fetch_bytes = 1 << 20;
    const Fluss__FetchLogResponse *response = peer_call(p, FLUSS_API_FETCH_LOG, &request.base);
    assert_non_null(response);
    return response->tables_resp[0]->buckets_resp[0];
}

/* Reads all rows from `offset`, here or there; how many came from remote storage. */
static int64_t
read_all(wire_peer *p, int64_t table, int64_t offset, int64_t end)
{
    int64_t remote = 0;
    slu_error err;
    slu_buf bytes;
    slu_buf_init(&bytes, 64 << 20);
    while (offset < end) {
        const Fluss__PbFetchLogRespForBucket *part = fetch(p, table, offset);
        if (part->has_error_code)
            fail_msg("fetch from %lld: %s", (long long)offset, part->error_message);
        slu_buf_reset(&bytes);
        const Fluss__PbRemoteLogFetchInfo *info = part->remote_log_fetch_info;
        for (size_t i = 0; info != NULL && i < info->n_remote_log_segments; i++) {
            char file[SLU_PATH_BYTES_MAX];
            const char *dir = NULL;
            const Fluss__PbRemoteLogSegment *segment = info->remote_log_segments[i];
            const size_t before = bytes.bytes;
            assert_false(part->has_records);
            CHECK_OK(fluss_remote_local_path(info->remote_log_tablet_dir, &dir, &err));
            CHECK_OK(fluss_remote_segment_file(dir, segment->remote_log_segment_id, segment->remote_log_start_offset, ".log", file,
                                               &err));
            CHECK_OK(slu_file_read(file, 64 << 20, &bytes, &err));
            assert_int_equal(bytes.bytes - before, segment->segment_size_in_bytes);
            if (i == 0) {
                const size_t skip = (size_t)info->first_start_pos;
                memmove(bytes.data, bytes.data + skip, bytes.bytes - skip);
                bytes.bytes -= skip;
            }
        }
        if (info == NULL)
            slu_buf_append(&bytes, part->records.data, part->records.len);
        const int64_t from = offset;
        for (slu_view left = slu_buf_view(&bytes); left.bytes != 0;) {
            fluss_log_header head;
            CHECK_OK(fluss_log_peek(left, &head, &err));
            CHECK_OK(fluss_log_verify(slu_view_of(left.data, head.batch_bytes), &head, &err));
            assert_true(head.base_offset == offset || (head.base_offset < offset && offset < fluss_log_next_offset(&head)));
            offset = fluss_log_next_offset(&head);
            left = slu_view_of(left.data + head.batch_bytes, left.bytes - head.batch_bytes);
        }
        assert_true(offset > from);
        if (info != NULL)
            remote += offset - from;
    }
    assert_int_equal(offset, end);
    slu_buf_fini(&bytes);
    return remote;
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

/* Until the local log begins at `offset`: then all below it is remote. */
static void
wait_remote(wire_peer *p, int64_t table, int64_t below)
{
    for (int i = 0; i < 200; i++) {
        if (fetch(p, table, below - 1)->remote_log_fetch_info != NULL)
            return;
        (void)usleep(20000);
    }
    fail_msg("nothing below offset %lld went to remote storage", (long long)below);
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
    stop();
    (void)snprintf(dir, sizeof dir, "%s/remote/log/fluss/half-%lld/0", root, (long long)table);
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
        cmocka_unit_test_setup_teardown(old_segments_go_to_remote_storage_and_are_named, up, down),
        cmocka_unit_test_setup_teardown(half_uploads_are_swept_and_what_is_valid_stays, up, down),
        cmocka_unit_test_setup_teardown(expired_segments_leave_the_manifest_and_live_on_for_a_while, up, down),
        cmocka_unit_test_setup_teardown(offsets_by_time_are_found_in_remote_segments, up, down),
        cmocka_unit_test_setup_teardown(a_dropped_table_leaves_nothing, up, down),
        cmocka_unit_test_setup_teardown(a_bad_manifest_is_named_and_the_rest_goes_on, up, down),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_are_refused, up, down),
        cmocka_unit_test_setup_teardown(a_first_start_that_was_cut_short_is_begun_again, up, down),
        cmocka_unit_test_setup_teardown(without_an_interval_nothing_goes, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
