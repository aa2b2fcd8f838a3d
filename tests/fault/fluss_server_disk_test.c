/*
 * A table server on a bad disk: full (a small file system of its own, mounted by root; else skipped), and one that does not sync. What
 * is refused is refused in Fluss's words, what was acknowledged is there, other tables go on, and all goes on once there is room again.
 */
#include "integration/fluss/wire_peer.h"

#include "fault/small_disk.h"
#include "fluss/log/log.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/server.h"
#include "unit/fluss/server/batches.h"

#include <errno.h>

#define TABLE                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0},"        \
    "{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"id\":1}],\"highest_field_id\":1},\"partition_key\":[],\"bucket_key\":[" \
    "],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}"
#define BATCH_ROWS 10
#define BATCH_BODY 3952

static small_disk disk;
static slu_env env;
static fluss_server *server;

static void
start(const char *key, const char *value)
{
    slu_error err;
    fluss_config *config = NULL;
    slu_env_init_system(&env, getenv("SLUICE_TEST_LOG") != NULL ? SLU_LOG_WARN : 0);
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", "64kb", "test", &err));
    CHECK_OK(fluss_config_set(config, "remote.log.task-interval-duration", "100 ms", "test", &err));
    if (key != NULL)
        CHECK_OK(fluss_config_set(config, key, value, "test", &err));
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = disk.root};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    fluss_config_free(&config);
}

static int
up(void **state)
{
    (void)state;
    return !disk_open(&disk, "size=8m");
}

static int
down(void **state)
{
    (void)state;
    fluss_server_close(&server);
    return disk_close(&disk);
}

static int64_t
make_table(wire_peer *p, const char *name)
{
    if (!peer_create_table(p, "fluss", name, TABLE))
        fail_msg("create %s: %d %s", name, p->error_code, p->error_message);
    return peer_table_id(p, "fluss", name);
}

static int32_t
produce(wire_peer *p, int64_t table, int64_t writer, int32_t sequence, int64_t *out_base)
{
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    batch_make(&batch, writer, sequence, BATCH_ROWS, BATCH_BODY);
    const int32_t code = peer_produce(p, table, 0, slu_buf_view(&batch), out_base);
    slu_buf_fini(&batch);
    return code;
}

/* Every batch of the log, in order, whole; their count. Remote segments are read from where they are said to lie. */
static int32_t
count_batches(wire_peer *p, int64_t table)
{
    slu_error err;
    int32_t count = 0;
    int64_t offset = 0;
    const int64_t end = peer_offset(p, table, 0, 1);
    slu_buf bytes;
    slu_buf_init(&bytes, 64 << 20);
    while (offset < end) {
        Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
        Fluss__PbFetchLogReqForTable t = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
        Fluss__PbFetchLogReqForTable *tables[1] = {&t};
        Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
        Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
        request.follower_server_id = -1;
        request.max_bytes = b.max_fetch_bytes = 1 << 20;
        request.n_tables_req = t.n_buckets_req = 1;
        request.tables_req = tables;
        t.table_id = table;
        t.buckets_req = buckets;
        b.fetch_offset = offset;
        const Fluss__FetchLogResponse *response = peer_call(p, FLUSS_API_FETCH_LOG, &request.base);
        assert_non_null(response);
        const Fluss__PbFetchLogRespForBucket *part = response->tables_resp[0]->buckets_resp[0];
        if (part->has_error_code)
            fail_msg("fetch from %lld: %s", (long long)offset, part->error_message);
        slu_buf_reset(&bytes);
        const Fluss__PbRemoteLogFetchInfo *info = part->remote_log_fetch_info;
        if (info != NULL) {
            char path[500];
            (void)snprintf(path, sizeof path, "%s/%s/%020lld.log", info->remote_log_tablet_dir + 7,
                           info->remote_log_segments[0]->remote_log_segment_id,
                           (long long)info->remote_log_segments[0]->remote_log_start_offset);
            CHECK_OK(slu_file_read(path, 1 << 20, &bytes, &err));
        } else {
            slu_buf_append(&bytes, part->records.data, part->records.len);
        }
        for (slu_view left = slu_buf_view(&bytes); left.bytes != 0;) {
            fluss_log_header head;
            CHECK_OK(fluss_log_peek(left, &head, &err));
            CHECK_OK(fluss_log_verify(slu_view_of(left.data, head.batch_bytes), &head, &err));
            assert_int_equal(head.base_offset, offset);
            assert_int_equal(head.sequence, count);
            offset = fluss_log_next_offset(&head);
            count++;
            left = slu_view_of(left.data + head.batch_bytes, left.bytes - head.batch_bytes);
        }
    }
    slu_buf_fini(&bytes);
    return count;
}

/* Appends, rolls, indexes, snapshots, manifests and the catalogue meet the end of the disk at whatever place it happens to be. */
static void
a_full_disk_refuses_and_goes_on(void **state)
{
    (void)state;
    wire_peer p;
    int32_t stored = 0;
    int32_t refused = 0;
    disk_need(&disk);
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "full");
    const int64_t other = make_table(&p, "other");
    assert_int_equal(produce(&p, other, 9, 0, NULL), 0);
    for (int round = 0; round < 6; round++) {
        disk_fill(&disk, "filler", (size_t)round * 30000);
        for (int i = 0; i < 60; i++) {
            const int32_t code = produce(&p, table, 7, stored, NULL);
            if (code == 0)
                stored++;
            else
                assert_int_equal(code, FLUSS_ERROR_LOG_STORAGE_EXCEPTION);
            refused += code != 0;
        }
        assert_int_equal(peer_offset(&p, table, 0, 1), stored * BATCH_ROWS);
        assert_int_equal(count_batches(&p, other), round + 1); /* readers of all tables are served on a full disk */
        disk_unfill(&disk, "filler");
        assert_int_equal(produce(&p, table, 7, stored, NULL), 0); /* no restart is needed */
        stored++;
        assert_int_equal(produce(&p, other, 9, round + 1, NULL), 0);
    }
    assert_true(refused > 50 && stored > 20);
    assert_int_equal(count_batches(&p, table), stored);
    peer_close(&p);
    fluss_server_close(&server);
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    assert_int_equal(count_batches(&p, table), stored);
    assert_int_equal(count_batches(&p, other), 7);
    int64_t base = -1;
    assert_int_equal(produce(&p, table, 7, stored - 1, &base), 0); /* known: stored once */
    assert_int_equal(base, (stored - 1) * BATCH_ROWS);
    assert_int_equal(produce(&p, table, 7, stored, NULL), 0);
    peer_close(&p);
}

static void
a_refusal_names_table_and_bucket(void **state)
{
    (void)state;
    wire_peer p;
    disk_need(&disk);
    start(NULL, NULL);
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "named");
    disk_fill(&disk, "filler", 0);
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    batch_make(&batch, -1, -1, BATCH_ROWS, BATCH_BODY);
    Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbProduceLogReqForBucket *list[1] = {&b};
    request.acks = -1;
    request.table_id = table;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    const Fluss__ProduceLogResponse *response = peer_call(&p, FLUSS_API_PRODUCE_LOG, &request.base);
    assert_non_null(response);
    assert_int_equal(response->buckets_resp[0]->error_code, FLUSS_ERROR_LOG_STORAGE_EXCEPTION);
    assert_non_null(strstr(response->buckets_resp[0]->error_message, "fluss.named"));
    assert_non_null(strstr(response->buckets_resp[0]->error_message, "bucket=0"));
    assert_non_null(strstr(response->buckets_resp[0]->error_message, "No space left"));
    assert_false(peer_create_table(&p, "fluss", "late", TABLE)); /* the catalogue says so, too */
    assert_true(p.error_code != 0);
    disk_unfill(&disk, "filler");
    assert_int_equal(produce(&p, table, -1, -1, NULL), 0);
    assert_true(peer_create_table(&p, "fluss", "late", TABLE));
    slu_buf_fini(&batch);
    peer_close(&p);
}

/* ---- a disk that does not sync ---- */

static int sync_failures; /* still to come */

static int
sync_or_fail(int fd)
{
    if (sync_failures > 0) {
        sync_failures--;
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static void
append(fluss_log *log, int32_t sequence, slu_status expected)
{
    slu_error err;
    fluss_appended appended;
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    batch_make(&batch, 5, sequence, BATCH_ROWS, 300);
    CHECK_OK(fluss_log_append(log, slu_buf_view(&batch), &appended, &err));
    const slu_status status = fluss_log_sync(log, &err);
    if (status != expected)
        fail_msg("sync: %d, expected %d", status, expected);
    if (status != SLU_OK)
        CHECK_MESSAGE(err, "bucket here");
    slu_buf_fini(&batch);
}

/* What could not be synced is not there any more: a client that was refused may send it again, to whoever takes it. */
static void
what_was_not_synced_is_taken_back(void **state)
{
    (void)state;
    slu_error err;
    char dir[120];
    fluss_log *log = NULL;
    const fluss_log_options options = {.sync = true, .sync_records = 1, .sync_file = sync_or_fail};
    slu_env_init_system(&env, 0);
    (void)snprintf(dir, sizeof dir, "%s/log", disk.root);
    CHECK_OK(fluss_log_open(&env, dir, "here", &options, &log, &err));
    for (int32_t i = 0; i < 20; i++)
        append(log, i, SLU_OK);
    sync_failures = 1;
    append(log, 20, SLU_IO);
    CHECK_STATUS(fluss_log_sync(log, &err), SLU_IO); /* the disk would say yes now, and not mean what it lost */
    assert_int_equal(fluss_log_committed(log), 200);
    fluss_log_abandon(&log);
    CHECK_OK(fluss_log_open(&env, dir, "here", &options, &log, &err));
    assert_int_equal(fluss_log_end(log), 200);
    append(log, 20, SLU_OK);
    assert_int_equal(fluss_log_committed(log), 210);
    fluss_log_close(&log);
}

/* Answers of many requests wait for one sync; all are given, in order. */
static void
many_requests_share_a_sync(void **state)
{
    (void)state;
    wire_peer p;
    start("sync", "true");
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t table = make_table(&p, "shared");
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    for (int32_t i = 0; i < 200; i++) {
        Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
        Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
        Fluss__PbProduceLogReqForBucket *list[1] = {&b};
        slu_buf_reset(&batch);
        batch_make(&batch, 3, i, BATCH_ROWS, 200);
        request.acks = -1;
        request.table_id = table;
        request.n_buckets_req = 1;
        request.buckets_req = list;
        b.records = fluss_bytes_of(slu_buf_view(&batch));
        assert_true(peer_send(&p, FLUSS_API_PRODUCE_LOG, &request.base) > 0);
    }
    for (int32_t i = 0; i < 200; i++) {
        fluss_response_frame frame;
        assert_true(peer_receive(&p, &frame));
        const Fluss__ProduceLogResponse *response = peer_decode(&p, &frame, &fluss__produce_log_response__descriptor);
        assert_non_null(response);
        assert_false(response->buckets_resp[0]->has_error_code);
        assert_int_equal(response->buckets_resp[0]->base_offset, i * BATCH_ROWS);
    }
    assert_int_equal(peer_offset(&p, table, 0, 1), 200 * BATCH_ROWS);
    assert_int_equal(count_batches(&p, table), 200);
    slu_buf_fini(&batch);
    peer_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_goes_on, up, down),
        cmocka_unit_test_setup_teardown(a_refusal_names_table_and_bucket, up, down),
        cmocka_unit_test_setup_teardown(what_was_not_synced_is_taken_back, up, down),
        cmocka_unit_test_setup_teardown(many_requests_share_a_sync, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
