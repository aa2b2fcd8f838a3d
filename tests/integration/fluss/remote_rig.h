/* remote_rig.h: a table server with small segments and a short interval, and how its remote rows are read, for tests. */
#ifndef TEST_REMOTE_RIG_H
#define TEST_REMOTE_RIG_H

#include "wire_peer.h"

#include "../../unit/fluss/server/batches.h"
#include "base/file.h"
#include "fluss/record/log_batch.h"
#include "fluss/remote/manifest.h"
#include "fluss/remote/store.h"
#include "fluss/server/server.h"

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

static fluss_store rig_store; /* where remote files are read */

/* With settings (KEY, VALUE, ..., NULL) over those that every test has. */
static slu_status
rig_open(const char *const *settings, fluss_store_opener open_store, slu_error *out_err)
{
    slu_error err = {0};
    fluss_config *config = NULL;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", SEGMENT, "test", &err));
    CHECK_OK(fluss_config_set(config, "remote.log.task-interval-duration", "50 ms", "test", &err));
    for (; *settings != NULL; settings += 2)
        CHECK_OK(fluss_config_set(config, settings[0], settings[1], "test", &err));
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = root, .open_store = open_store};
    slu_status status = fluss_server_open(&env, &options, &server, &err);
    if (status == SLU_OK)
        status = fluss_server_start(server, &err);
    fluss_config_free(&config);
    *out_err = err;
    return status;
}

static int
rig_root(void)
{
    (void)snprintf(root, sizeof root, "/tmp/slu_remote_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
rig_down(void **state)
{
    (void)state;
    fluss_server_close(&server);
    fluss_store_close(&rig_store);
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
            const char *dir = info->remote_log_tablet_dir;
            const Fluss__PbRemoteLogSegment *segment = info->remote_log_segments[i];
            const size_t before = bytes.bytes;
            assert_false(part->has_records);
            if (rig_store.local)
                CHECK_OK(fluss_remote_local_path(dir, &dir, &err));
            CHECK_OK(fluss_remote_segment_file(dir, segment->remote_log_segment_id, segment->remote_log_start_offset, ".log", file,
                                               &err));
            CHECK_OK(rig_store.ops->get(rig_store.self, file, 64 << 20, &bytes, &err));
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
            left = slu_view_of(left.data + head.batch_bytes, left.bytes - head.batch_bytes);
            if (!rig_store.local && fluss_log_next_offset(&head) <= offset)
                continue; /* the place is one that is not behind the offset */
            assert_true(head.base_offset == offset || (head.base_offset < offset && offset < fluss_log_next_offset(&head)));
            offset = fluss_log_next_offset(&head);
        }
        assert_true(offset > from);
        if (info != NULL)
            remote += offset - from;
    }
    assert_int_equal(offset, end);
    slu_buf_fini(&bytes);
    return remote;
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

#endif
