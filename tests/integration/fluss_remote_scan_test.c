/*
 * Our client reads logs whose old segments are remote. The server is FLUSS_BOOTSTRAP where that is set: a real cluster, by hand, with
 * small segments (log.segment.file-size 64kb, remote.log.task-interval-duration 1s); else our own.
 */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
#include "fluss/client/remote_reader.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/server/server.h"
#include "integration/fluss_rows.h"
#include "integration/fluss_s3.h"

#include <sluice/columns.h>

#define ROWS 40000
#define PIECE 500
#define WAIT_MS 60000

static slu_env env;
static fluss_client *client;
static fluss_server *server;
static char server_dir[64];

static const char log_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[],\"bucket_count\":2,\"properties\":{%s},\"custom_properties\":{}}";

static void
server_start(void)
{
    slu_error err = {0};
    fluss_config *config = NULL;
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", "64kb", "test", &err));
    CHECK_OK(fluss_config_set(config, "remote.log.task-interval-duration", "50 ms", "test", &err));
    if (s3 != NULL)
        config_s3(config);
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = server_dir, .open_store = fluss_s3_open};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    fluss_config_free(&config);
}

static int
setup(void **state)
{
    slu_error err = {0};
    (void)state;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    const char *bootstrap = getenv("FLUSS_BOOTSTRAP");
    if (bootstrap == NULL) {
        (void)snprintf(server_dir, sizeof server_dir, "/tmp/sluice-test-XXXXXX");
        assert_non_null(mkdtemp(server_dir));
        server_start();
        bootstrap = fluss_server_address(server);
    }
    CHECK_OK(
        fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = bootstrap, .files = client_files()}, &client, &err));
    CHECK_OK(fluss_admin_create_database(client, "sluice_test", true, &err));
    return 0;
}

static int
teardown(void **state)
{
    slu_error err = {0};
    (void)state;
    fluss_client_close(&client);
    if (server == NULL)
        return 0;
    fluss_server_close(&server);
    return slu_dir_remove(server_dir, &err);
}

/* Rows 0..ROWS, of bucket row / PIECE % 2, in batches of PIECE. */
static fluss_target *
make_table(const char *name, const char *properties)
{
    slu_error err = {0};
    char json[2000];
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    (void)snprintf(json, sizeof json, log_table, properties);
    CHECK_OK(fluss_admin_drop_table(client, "sluice_test", name, true, &err));
    CHECK_OK(fluss_admin_create_table(client, "sluice_test", name, slu_view_of_text(json), false, &err));
    CHECK_OK(fluss_target_open(client, "sluice_test", name, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    for (int64_t first = 0; first < ROWS; first += PIECE) {
        slu_status status = SLU_AGAIN;
        test_rows rows;
        test_rows_init(&rows, first, PIECE);
        const int32_t bucket = (int32_t)(first / PIECE % 2);
        while ((status = fluss_writer_write(writer, bucket, &rows.schema, &rows.array, NULL, PIECE, NULL, &err)) == SLU_AGAIN)
            fluss_client_step(client, 10);
        CHECK_OK(status);
        test_rows_fini(&rows);
    }
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    return target;
}

/* Until the first offset of both buckets is only remote: asked of the server as a reader would. */
static void
wait_remote(fluss_target *target)
{
    slu_error err = {0};
    for (int i = 0; i < 600; i++) {
        size_t remote = 0;
        for (int32_t bucket = 0; bucket < 2; bucket++) {
            Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
            Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
            Fluss__PbFetchLogReqForBucket part = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
            Fluss__PbFetchLogReqForTable *tables[1] = {&table};
            Fluss__PbFetchLogReqForBucket *parts[1] = {&part};
            fluss_answer *answer = NULL;
            request.follower_server_id = -1;
            request.max_bytes = part.max_fetch_bytes = 1;
            request.n_tables_req = table.n_buckets_req = 1;
            request.tables_req = tables;
            table.table_id = fluss_target_table(target)->table_id;
            table.buckets_req = parts;
            part.bucket_id = bucket;
            slu_status asked =
                fluss_client_ask(client, fluss_target_leader(target, bucket), FLUSS_API_FETCH_LOG, &request.base, &answer, &err);
            if (asked == SLU_CLOSED) /* the real server ends a connection that was quiet */
                asked = fluss_client_ask(client, fluss_target_leader(target, bucket), FLUSS_API_FETCH_LOG, &request.base, &answer,
                                         &err);
            if (asked != SLU_OK)
                fail_msg("%s", err.message);
            const Fluss__FetchLogResponse *response = (const Fluss__FetchLogResponse *)answer->message;
            const Fluss__PbRemoteLogFetchInfo *info = response->tables_resp[0]->buckets_resp[0]->remote_log_fetch_info;
            if (info != NULL && i % 50 == 0)
                print_message("bucket %d: %zu segments in %s\n", bucket, info->n_remote_log_segments, info->remote_log_tablet_dir);
            remote += info != NULL && info->n_remote_log_segments >= 3;
            fluss_answer_unref(&answer);
        }
        if (remote == 2)
            return;
        (void)usleep(100000);
    }
    fail_msg("nothing went to remote storage within a minute");
}

static int64_t
row_of(int32_t bucket, int64_t offset)
{
    return offset / PIECE * 2 * PIECE + bucket * PIECE + offset % PIECE;
}

/* Reads both buckets from `from` to their ends and compares every row; `columns` as in the options. */
static void
scan(fluss_target *target, int64_t from, const int32_t *columns, uint32_t column_count)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t next[2] = {from, from};
    const fluss_scanner_options options = {.columns = columns, .column_count = column_count, .wait_ms = 50};
    CHECK_OK(fluss_scanner_open(target, &options, &scanner, &err));
    for (int32_t bucket = 0; bucket < 2; bucket++)
        CHECK_OK(fluss_scanner_add(scanner, bucket, from, ROWS / 2, &err));
    for (;;) {
        fluss_scan_batch batch = {0};
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 20);
            continue;
        }
        CHECK_OK(status);
        const struct ArrowArray *ids = batch.array.children[column_count == 0 ? 0 : 1];
        const struct ArrowArray *amounts = batch.array.children[column_count == 0 ? 1 : 0];
        for (int64_t i = batch.first; i < batch.first + batch.count; i++) {
            assert_int_equal(batch.base_offset + i, next[batch.bucket]);
            const int64_t row = row_of(batch.bucket, next[batch.bucket]++);
            assert_int_equal(((const int64_t *)ids->buffers[1])[ids->offset + i], row);
            assert_int_equal((int64_t)((const slu_i128 *)amounts->buffers[1])[amounts->offset + i], row);
        }
        assert_int_equal(batch.next_offset, next[batch.bucket]);
        fluss_scan_batch_fini(&batch);
    }
    assert_int_equal(next[0], ROWS / 2);
    assert_int_equal(next[1], ROWS / 2);
    fluss_scanner_close(&scanner);
}

static void
read_everything(const char *name, const char *properties)
{
    static const int32_t picked[2] = {1, 0};
    fluss_target *target = make_table(name, properties);
    wait_remote(target);
    scan(target, 0, NULL, 0);
    scan(target, 0, picked, 2);
    scan(target, 7777, NULL, 0);
    scan(target, ROWS / 2 - 1, picked, 2);
    fluss_target_close(&target);
}

static void
remote_arrow_is_read(void **state)
{
    (void)state;
    read_everything("far_none", "\"table.log.arrow.compression.type\":\"NONE\"");
    read_everything("far_lz4", "\"table.log.arrow.compression.type\":\"LZ4_FRAME\"");
}

static void
remote_rows_are_read(void **state)
{
    (void)state;
    read_everything("far_indexed", "\"table.log.format\":\"INDEXED\"");
}

/* What is named and not there is asked for again, a while; then the error says what to look at. */
static void
files_that_are_gone_are_an_error_that_names_them(void **state)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    fluss_scan_batch batch = {0};
    char dir[200];
    char away[200];
    slu_status status = SLU_AGAIN;
    (void)state;
    if (server == NULL)
        skip();
    fluss_target *target = make_table("taken", "\"table.log.arrow.compression.type\":\"NONE\"");
    wait_remote(target);
    (void)usleep(500000); /* until all that is to go has gone: a copy makes the directory */
    (void)snprintf(dir, sizeof dir, "%s/remote/log/sluice_test/taken-%lld", server_dir,
                   (long long)fluss_target_table(target)->table_id);
    (void)snprintf(away, sizeof away, "%s/away", server_dir);
    assert_int_equal(rename(dir, away), 0);
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, 0, ROWS / 2, &err));
    for (int i = 0; i < 3000 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_STATUS(status, SLU_NOTFOUND);
    CHECK_MESSAGE(err, "remote.data.dir");
    CHECK_MESSAGE(err, "taken");
    fluss_scanner_close(&scanner);
    /* Back again while another reads: it goes on. */
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, 0, 100, &err));
    for (int i = 0; i < 20 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    assert_int_equal(status, SLU_AGAIN);
    CHECK_OK(slu_dir_remove(dir, &err)); /* the server may have made it again, for a segment that was closed since */
    assert_int_equal(rename(away, dir), 0);
    for (int i = 0; i < 3000 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_OK(status);
    assert_int_equal(batch.count, 100);
    fluss_scan_batch_fini(&batch);
    fluss_scanner_close(&scanner);
    fluss_target_close(&target);
}

static void
other_stores_are_refused_by_name(void **state)
{
    slu_error err = {0};
    fluss_remote_reader *reader = NULL;
    Fluss__PbRemoteLogFetchInfo info = FLUSS__PB_REMOTE_LOG_FETCH_INFO__INIT;
    Fluss__PbRemoteLogSegment segment = FLUSS__PB_REMOTE_LOG_SEGMENT__INIT;
    Fluss__PbRemoteLogSegment *segments[1] = {&segment};
    (void)state;
    if (getenv("FLUSS_S3_ENDPOINT") != NULL) /* then S3 is none of the others */
        skip();
    segment.remote_log_segment_id = (char *)(uintptr_t) "../../../../../../../../etc/passwd00";
    info.remote_log_tablet_dir = (char *)(uintptr_t) "s3://bucket/log/db/t-1/0";
    info.n_remote_log_segments = 1;
    info.remote_log_segments = segments;
    CHECK_STATUS(fluss_remote_reader_open(client, &info, &reader, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "scheme 's3'");
    info.remote_log_tablet_dir = (char *)(uintptr_t) "file:///tmp";
    CHECK_STATUS(fluss_remote_reader_open(client, &info, &reader, &err), SLU_CORRUPT);
}

static int
setup_s3(void **state)
{
    s3 = stand_in_open();
    return setup(state);
}

static int
teardown_s3(void **state)
{
    const int status = teardown(state);
    stand_in_close(s3);
    return status;
}

/* It says no for a while: the scan waits, and goes on; or it does so for ever: the scan ends, with its words. */
static void
a_store_that_says_no_is_asked_again(void **state)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    fluss_scan_batch batch = {0};
    slu_status status = SLU_AGAIN;
    (void)state;
    fluss_target *target = make_table("unwilling", "\"table.log.arrow.compression.type\":\"NONE\"");
    wait_remote(target);
    atomic_store(&s3->mood, 503);
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, 0, ROWS / 2, &err));
    for (int i = 0; i < 20 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    assert_int_equal(status, SLU_AGAIN);
    atomic_store(&s3->mood, 0);
    for (int i = 0; i < 3000 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_OK(status);
    fluss_scan_batch_fini(&batch);
    fluss_scanner_close(&scanner); /* while the next piece is on its way */
    atomic_store(&s3->mood, 403);
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, 0, ROWS / 2, &err));
    for (int i = 0; i < 3000 && (status = fluss_scanner_poll(scanner, &batch, &err)) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_STATUS(status, SLU_INVALID);
    CHECK_MESSAGE(err, "AccessDenied");
    atomic_store(&s3->mood, 0);
    fluss_scanner_close(&scanner);
    fluss_target_close(&target);
}

static int
setup_token(void **state)
{
    by_token = true;
    return setup_s3(state);
}

int
main(void)
{
    const struct CMUnitTest with_token[] = {cmocka_unit_test(remote_arrow_is_read)};
    const struct CMUnitTest in_s3[] = {
        cmocka_unit_test(remote_arrow_is_read),
        cmocka_unit_test(remote_rows_are_read),
        cmocka_unit_test(a_store_that_says_no_is_asked_again),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remote_arrow_is_read),
        cmocka_unit_test(remote_rows_are_read),
        cmocka_unit_test(files_that_are_gone_are_an_error_that_names_them),
        cmocka_unit_test(other_stores_are_refused_by_name),
    };
    const int failed = cmocka_run_group_tests(tests, setup, teardown);
    if (getenv("FLUSS_BOOTSTRAP") != NULL)
        return failed;
    const int failed_s3 = cmocka_run_group_tests(in_s3, setup_s3, teardown_s3);
    return failed + failed_s3 + cmocka_run_group_tests(with_token, setup_token, teardown_s3);
}
