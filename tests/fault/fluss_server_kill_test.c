/*
 * The table server dies by kill -9 under load, again and again: every acknowledged batch is there, once, in order; what was sent
 * and not acknowledged may be sent again and is stored once; rows of a primary-key table are those of its changelog, also when their store
 * is lost besides; and a kv snapshot that is named is whole, though the server dies while it takes others.
 */
#include "../integration/fluss/wire_peer.h"
#include "../unit/fluss/server/batches.h"

#include "base/file.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/server.h"
#include "fluss/snapshot/kv_files.h"
#include "kv/kv.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 6
#define WRITERS 4
#define IN_FLIGHT 5

static const char log_table[] = "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":"
                                "\"BIGINT\"}}]},\"partition_key\":[],"
                                "\"bucket_key\":[],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}";
static const char key_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}}"
    ","
    "{\"name\":\"v\",\"data_type\":{\"type\":\"BIGINT\"}}],\"primary_key\":[\"k\"]},\"partition_key\":[],\"bucket_key\":[\"k\"],"
    "\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";

static char root[64];
static char address[64];
static pid_t child;
static uint64_t seed = 42;

static uint64_t
next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return seed >> 33;
}

/* A process of its own; its address comes through a pipe once it answers. */
static void
server_up(void)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        slu_env env;
        slu_error err;
        fluss_server *server = NULL;
        fluss_config *config = NULL;
        slu_env_init_system(&env, SLU_LOG_ERROR);
        /* Small segments, so that it is also killed while it rolls one. */
        if (fluss_config_new(&config, &err) != SLU_OK ||
            fluss_config_set(config, "kv.snapshot.interval", "3ms", "test", &err) != SLU_OK)
            _exit(1);
        const fluss_server_options options = {.config = config, .port = 0, .data_dir = root, .segment_bytes = 200000};
        if (fluss_server_open(&env, &options, &server, &err) != SLU_OK) {
            (void)fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
        const char *text = fluss_server_address(server);
        if (write(pipes[1], text, strlen(text) + 1) < 0)
            _exit(1);
        fluss_server_run(server);
        _exit(0);
    }
    (void)close(pipes[1]);
    size_t bytes = 0;
    for (ssize_t n = 1; n > 0 && (bytes == 0 || address[bytes - 1] != 0); bytes += (size_t)n)
        n = read(pipes[0], address + bytes, sizeof address - bytes);
    (void)close(pipes[0]);
    assert_true(bytes > 1);
}

static void
server_kill(void)
{
    int how = 0;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
}

typedef struct writer {
    wire_peer peer;
    int64_t id;
    int32_t bucket;
    int32_t acked; /* the next sequence that was never acknowledged */
    int32_t sent;  /* the next sequence to send */
} writer;

static void
writer_send(writer *w, int64_t table_id)
{
    Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbProduceLogReqForBucket *list[1] = {&b};
    slu_buf batch;
    slu_buf_init(&batch, 1 << 20);
    batch_make(&batch, w->id, w->sent, 1 + w->sent % 9, (size_t)(w->sent * 37 % 3000));
    request.acks = -1;
    request.table_id = table_id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.bucket_id = w->bucket;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    if (peer_send(&w->peer, FLUSS_API_PRODUCE_LOG, &request.base) >= 0)
        w->sent++;
    slu_buf_fini(&batch);
}

/* One acknowledgement. False: the server is gone. */
static bool
writer_receive(writer *w)
{
    fluss_response_frame frame;
    if (!peer_receive(&w->peer, &frame))
        return false;
    const Fluss__ProduceLogResponse *response = peer_decode(&w->peer, &frame, &fluss__produce_log_response__descriptor);
    if (response == NULL)
        fail_msg("produce: %d %s", w->peer.error_code, w->peer.error_message);
    if (response->buckets_resp[0]->has_error_code)
        fail_msg("produce of writer %lld: %d %s", (long long)w->id, response->buckets_resp[0]->error_code,
                 response->buckets_resp[0]->error_message);
    w->acked++;
    return true;
}

static void
check_bucket(int64_t table_id, int32_t bucket, const writer *writers)
{
    wire_peer p;
    int32_t seen[WRITERS] = {0};
    int64_t offset = 0;
    slu_error err;
    assert_true(peer_open(&p, address));
    for (int64_t end = peer_offset(&p, table_id, bucket, 1); offset < end;) {
        Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
        Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
        Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
        Fluss__PbFetchLogReqForTable *tables[1] = {&table};
        Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
        request.follower_server_id = -1;
        request.max_bytes = 1 << 20;
        request.n_tables_req = 1;
        request.tables_req = tables;
        table.table_id = table_id;
        table.n_buckets_req = 1;
        table.buckets_req = buckets;
        b.bucket_id = bucket;
        b.fetch_offset = offset;
        b.max_fetch_bytes = 1 << 20;
        const Fluss__FetchLogResponse *response = peer_call(&p, FLUSS_API_FETCH_LOG, &request.base);
        assert_non_null(response);
        const Fluss__PbFetchLogRespForBucket *got = response->tables_resp[0]->buckets_resp[0];
        assert_false(got->has_error_code);
        for (size_t at = 0; at < got->records.len;) {
            fluss_log_header head;
            CHECK_OK(fluss_log_peek(slu_view_of(got->records.data + at, got->records.len - at), &head, &err));
            CHECK_OK(fluss_log_verify(slu_view_of(got->records.data + at, head.batch_bytes), &head, &err));
            assert_int_equal(head.base_offset, offset);
            for (size_t i = 0; i < WRITERS; i++)
                if (writers[i].id == head.writer_id)
                    assert_int_equal(head.sequence, seen[i]++);
            offset = fluss_log_next_offset(&head);
            at += head.batch_bytes;
        }
    }
    for (size_t i = 0; i < WRITERS; i++)
        if (writers[i].bucket == bucket && (seen[i] < writers[i].acked || seen[i] > writers[i].sent))
            fail_msg("writer %zu: %d batches in the log, %d acknowledged, %d sent", i, seen[i], writers[i].acked, writers[i].sent);
    peer_close(&p);
}

/* Sends with several requests in flight until the server is killed on the way. */
static void
load_until_killed(writer *writers, int64_t table_id)
{
    const uint64_t kill_at = 200 + next_random() % 600;
    for (uint64_t step = 0; step < kill_at; step++) {
        for (size_t i = 0; i < WRITERS; i++) {
            while (writers[i].sent - writers[i].acked < IN_FLIGHT)
                writer_send(&writers[i], table_id);
            assert_true(writer_receive(&writers[i]));
        }
    }
    for (size_t i = 0; i < WRITERS; i++)
        while (writers[i].sent - writers[i].acked < IN_FLIGHT)
            writer_send(&writers[i], table_id);
    (void)usleep((useconds_t)(next_random() % 300));
    server_kill();
    for (size_t i = 0; i < WRITERS; i++)
        while (writers[i].acked < writers[i].sent && writer_receive(&writers[i]))
            continue;
}

static void
acknowledged_batches_survive_once_and_in_order(void **state)
{
    (void)state;
    writer writers[WRITERS];
    memset(writers, 0, sizeof writers);
    server_up();
    wire_peer p;
    assert_true(peer_open(&p, address));
    assert_true(peer_create_table(&p, "fluss", "l", log_table));
    const int64_t id = peer_table_id(&p, "fluss", "l");
    for (size_t i = 0; i < WRITERS; i++) {
        Fluss__InitWriterRequest init = FLUSS__INIT_WRITER_REQUEST__INIT;
        const Fluss__InitWriterResponse *response = peer_call(&p, FLUSS_API_INIT_WRITER, &init.base);
        assert_non_null(response);
        writers[i].id = response->writer_id;
        writers[i].bucket = (int32_t)i % 2;
    }
    peer_close(&p);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < WRITERS; i++) {
            assert_true(peer_open(&writers[i].peer, address));
            writers[i].sent = writers[i].acked; /* what was not acknowledged is sent again */
        }
        load_until_killed(writers, id);
        for (size_t i = 0; i < WRITERS; i++)
            peer_close(&writers[i].peer);
        server_up();
        check_bucket(id, 0, writers);
        check_bucket(id, 1, writers);
    }
    assert_true(writers[0].acked > 1000);
    server_kill();
}

/* ---- rows ---- */

static bool
put_one(wire_peer *p, int64_t table_id, int32_t k, int64_t v)
{
    Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
    Fluss__PbPutKvReqForBucket b = FLUSS__PB_PUT_KV_REQ_FOR_BUCKET__INIT;
    Fluss__PbPutKvReqForBucket *list[1] = {&b};
    fluss_kv_writer w;
    uint8_t key[5];
    slu_buf row;
    slu_buf batch;
    slu_buf_init(&row, 100);
    slu_buf_init(&batch, 1000);
    slu_buf_varint(&row, (uint64_t)k);
    const size_t key_bytes = row.bytes;
    memcpy(key, row.data, key_bytes);
    slu_buf_reset(&row);
    slu_buf_u8(&row, 0);
    slu_buf_append(&row, key, key_bytes);
    slu_buf_varint(&row, (uint64_t)v);
    fluss_kv_writer_begin(&w, &batch, 1, -1, -1);
    fluss_kv_writer_put(&w, slu_view_of(key, key_bytes), slu_buf_view(&row));
    fluss_kv_writer_end(&w);
    request.acks = -1;
    request.table_id = table_id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    const Fluss__PutKvResponse *response = peer_call(p, FLUSS_API_PUT_KV, &request.base);
    assert_true(response == NULL || !response->buckets_resp[0]->has_error_code);
    slu_buf_fini(&row);
    slu_buf_fini(&batch);
    return response != NULL;
}

static int64_t
look_up(wire_peer *p, int64_t table_id, int32_t k)
{
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket b = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *list[1] = {&b};
    slu_buf key;
    slu_buf_init(&key, 10);
    slu_buf_varint(&key, (uint64_t)k);
    ProtobufCBinaryData keys[1] = {fluss_bytes_of(slu_buf_view(&key))};
    request.table_id = table_id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.n_keys = 1;
    b.keys = keys;
    const Fluss__LookupResponse *response = peer_call(p, FLUSS_API_LOOKUP, &request.base);
    assert_non_null(response);
    const Fluss__PbValue *value = response->buckets_resp[0]->values[0];
    slu_cursor c = slu_cursor_of(value->values.data, value->has_values ? value->values.len : 0);
    slu_cursor_skip(&c, 3);
    (void)slu_cursor_varint(&c);
    const int64_t v = (int64_t)slu_cursor_varint(&c);
    slu_buf_fini(&key);
    return slu_cursor_ok(&c) ? v : -1;
}

/* Whether RocksDB reads as many rows as the snapshot says. */
static bool
snapshot_whole(const char *location, int64_t log_offset)
{
    char dir[200];
    slu_error err;
    slu_arena arena;
    fluss_store store = {0};
    fluss_kv_snapshot snapshot;
    slu_kv_reader *reader = NULL;
    slu_view key;
    slu_view value;
    int64_t rows = 0;
    slu_arena_init(&arena, 1 << 20);
    (void)snprintf(dir, sizeof dir, "%s/looked-at", root);
    if (fluss_store_dir_open(false, &store, &err) != SLU_OK ||
        fluss_kv_files_load(&store, location, &arena, &snapshot, &err) != SLU_OK || snapshot.log_offset != log_offset ||
        fluss_kv_files_restore(&store, &snapshot, dir, &err) != SLU_OK || slu_kv_reader_open(dir, &reader, &err) != SLU_OK)
        return false;
    while (slu_kv_reader_next(reader, &key, &value, &err) == SLU_OK)
        rows++;
    slu_kv_reader_close(&reader);
    fluss_store_close(&store);
    slu_arena_fini(&arena);
    return slu_dir_remove(dir, &err) == SLU_OK && rows == snapshot.row_count;
}

static const Fluss__PbKvSnapshot *
newest_snapshot(wire_peer *p)
{
    Fluss__GetLatestKvSnapshotsRequest request = FLUSS__GET_LATEST_KV_SNAPSHOTS_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "k");
    request.table_path = &path;
    const Fluss__GetLatestKvSnapshotsResponse *latest = peer_call(p, FLUSS_API_GET_LATEST_KV_SNAPSHOTS, &request.base);
    assert_non_null(latest);
    return latest->latest_snapshots[0]->has_snapshot_id ? latest->latest_snapshots[0] : NULL;
}

/* The newest snapshot is whole. 1 when there is one. In a process of its own, for RocksDB's threads do not live through the fork of the
 * next server. */
static int
check_snapshot(wire_peer *p, int64_t table_id)
{
    char location[200];
    int how = 0;
    const Fluss__PbKvSnapshot *at = newest_snapshot(p);
    if (at == NULL)
        return 0;
    (void)snprintf(location, sizeof location, "%s/remote/kv/fluss/k-%lld/0/snap-%lld", root, (long long)table_id,
                   (long long)at->snapshot_id);
    const pid_t looker = fork();
    assert_true(looker >= 0);
    if (looker == 0)
        _exit(snapshot_whole(location, at->log_offset) ? 0 : 1);
    assert_int_equal(waitpid(looker, &how, 0), looker);
    assert_int_equal(how, 0);
    return 1;
}

static void
lose_store(int64_t table_id)
{
    slu_error err;
    char dir[200];
    (void)snprintf(dir, sizeof dir, "%s/fluss/k-%lld/kv-0", root, (long long)table_id);
    assert_true(slu_path_exists(dir));
    CHECK_OK(slu_dir_remove(dir, &err));
}

static void
rows_are_those_of_the_last_acknowledged_write(void **state)
{
    (void)state;
    enum { KEYS = 50, WRITES_MAX = 100000 }; /* on a slow machine the first snapshot takes its time */
    int64_t acked[KEYS];
    int64_t tried[KEYS];
    wire_peer p;
    server_up();
    assert_true(peer_open(&p, address));
    assert_true(peer_create_table(&p, "fluss", "k", key_table));
    const int64_t id = peer_table_id(&p, "fluss", "k");
    memset(acked, 0xff, sizeof acked);
    memset(tried, 0xff, sizeof tried);
    int snapshots = 0;
    for (int round = 0; round < 8; round++) {
        const int64_t writes = 100 + (int64_t)(next_random() % 400);
        for (int64_t i = 0; i < writes || (round == 0 && i < WRITES_MAX && newest_snapshot(&p) == NULL); i++) {
            const int32_t k = (int32_t)(next_random() % KEYS);
            tried[k] = acked[k] + 1;
            assert_true(put_one(&p, id, k, tried[k]));
            acked[k] = tried[k];
        }
        server_kill();
        peer_close(&p);
        if (round % 3 == 1)
            lose_store(id);
        server_up();
        assert_true(peer_open(&p, address));
        snapshots += check_snapshot(&p, id);
        for (int32_t k = 0; k < KEYS; k++)
            assert_int_equal(look_up(&p, id, k), acked[k]);
    }
    assert_true(snapshots > 0);
    peer_close(&p);
    server_kill();
}

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_kill_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledged_batches_survive_once_and_in_order, make_root, remove_root),
        cmocka_unit_test_setup_teardown(rows_are_those_of_the_last_acknowledged_write, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
