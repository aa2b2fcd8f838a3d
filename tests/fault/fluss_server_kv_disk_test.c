/*
 * Primary-key tables on a disk that is full: RocksDB cannot flush, snapshots cannot be taken, the changelog cannot grow, at whatever
 * place the end of the disk happens to be. What was acknowledged is there, a refusal names table and bucket, other tables are read, and
 * once there is room again all goes on without a restart, and is the same after one.
 */
#include "integration/fluss/wire_peer.h"

#include "fault/small_disk.h"
#include "fluss/record/kv_batch.h"
#include "fluss/server/server.h"

#define TABLE                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":"      \
    "false},\"id\":0},{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"id\":1}],\"primary_key\":[\"k\"],"                     \
    "\"highest_field_id\":1},\"partition_key\":[],\"bucket_key\":[\"k\"],\"bucket_count\":1,\"properties\":{},"                    \
    "\"custom_properties\":{}}"
#define KEYS 60
#define VALUE_BYTES 2000
#define NEVER (-1)

static small_disk disk;
static slu_env env;
static fluss_server *server;
static char refusal[1000]; /* what the last refused write was told */

/* What is known of one table: the last acknowledged number of each key, and the last that was tried since. */
typedef struct known {
    int64_t table;
    int32_t acked[KEYS];
    int32_t tried[KEYS];
} known;

static void
start(const char *snapshot_interval)
{
    slu_error err;
    fluss_config *config = NULL;
    slu_env_init_system(&env, getenv("SLUICE_TEST_LOG") != NULL ? SLU_LOG_WARN : 0);
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", "256kb", "test", &err));
    CHECK_OK(fluss_config_set(config, "kv.snapshot.interval", snapshot_interval, "test", &err));
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = disk.root};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    fluss_config_free(&config);
}

static int
up(void **state)
{
    (void)state;
    return !disk_open(&disk, "size=12m");
}

static int
down(void **state)
{
    (void)state;
    fluss_server_close(&server);
    return disk_close(&disk);
}

static known
make_table(wire_peer *p, const char *name)
{
    known k;
    if (!peer_create_table(p, "fluss", name, TABLE))
        fail_msg("create %s: %d %s", name, p->error_code, p->error_message);
    k.table = peer_table_id(p, "fluss", name);
    for (int i = 0; i < KEYS; i++)
        k.acked[i] = k.tried[i] = NEVER;
    return k;
}

/* A row of some two thousand bytes, none like another, that begins with its number. */
static void
row_make(slu_buf *out, slu_view key, int32_t number)
{
    uint64_t word = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) + 1;
    char head[16];
    (void)snprintf(head, sizeof head, "%010d", number);
    slu_buf_u8(out, 0);
    slu_buf_append(out, key.data, key.bytes);
    slu_buf_varint(out, VALUE_BYTES);
    slu_buf_append(out, head, 10);
    for (int i = 10; i < VALUE_BYTES; i++) {
        word = word * UINT64_C(6364136223846793005) + 1442695040888963407U;
        slu_buf_u8(out, (uint8_t)('a' + (word >> 33) % 26));
    }
}

static bool
put(wire_peer *p, known *k, int32_t key)
{
    Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
    Fluss__PbPutKvReqForBucket b = FLUSS__PB_PUT_KV_REQ_FOR_BUCKET__INIT;
    Fluss__PbPutKvReqForBucket *list[1] = {&b};
    fluss_kv_writer w;
    slu_buf name;
    slu_buf row;
    slu_buf batch;
    slu_buf_init(&name, 10);
    slu_buf_init(&row, 10000);
    slu_buf_init(&batch, 10000);
    slu_buf_varint(&name, (uint64_t)key);
    row_make(&row, slu_buf_view(&name), ++k->tried[key]);
    fluss_kv_writer_begin(&w, &batch, 1, -1, -1);
    fluss_kv_writer_put(&w, slu_buf_view(&name), slu_buf_view(&row));
    fluss_kv_writer_end(&w);
    request.acks = -1;
    request.table_id = k->table;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    const Fluss__PutKvResponse *response = peer_call(p, FLUSS_API_PUT_KV, &request.base);
    assert_non_null(response);
    const bool stored = !response->buckets_resp[0]->has_error_code;
    if (stored)
        k->acked[key] = k->tried[key];
    else
        (void)snprintf(refusal, sizeof refusal, "%d %s", response->buckets_resp[0]->error_code,
                       response->buckets_resp[0]->error_message);
    slu_buf_fini(&name);
    slu_buf_fini(&row);
    slu_buf_fini(&batch);
    return stored;
}

/* The number in the row; NEVER: there is none. False: refused. */
static bool
look_up(wire_peer *p, const known *k, int32_t key, int32_t *out)
{
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket b = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *list[1] = {&b};
    slu_buf name;
    slu_buf_init(&name, 10);
    slu_buf_varint(&name, (uint64_t)key);
    ProtobufCBinaryData keys[1] = {fluss_bytes_of(slu_buf_view(&name))};
    request.table_id = k->table;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.n_keys = 1;
    b.keys = keys;
    const Fluss__LookupResponse *response = peer_call(p, FLUSS_API_LOOKUP, &request.base);
    slu_buf_fini(&name);
    assert_non_null(response);
    if (response->buckets_resp[0]->has_error_code)
        return false;
    const Fluss__PbValue *value = response->buckets_resp[0]->values[0];
    slu_cursor c = slu_cursor_of(value->values.data, value->has_values ? value->values.len : 0);
    *out = NEVER;
    if (!value->has_values)
        return true;
    slu_cursor_skip(&c, 3);
    (void)slu_cursor_varint(&c);
    assert_int_equal(slu_cursor_varint(&c), VALUE_BYTES);
    char head[11] = {0};
    memcpy(head, slu_cursor_view(&c, 10).data, 10);
    *out = atoi(head);
    return true;
}

/* Every row is the acknowledged one, or one that was tried later and refused: a refusal does not say that nothing was stored. */
static void
check_rows(wire_peer *p, const known *k)
{
    for (int32_t i = 0; i < KEYS; i++) {
        int32_t number = NEVER;
        if (!look_up(p, k, i, &number))
            fail_msg("row %d cannot be read", i);
        if (number < k->acked[i] || number > k->tried[i])
            fail_msg("row %d is number %d, acknowledged %d, tried %d", i, number, k->acked[i], k->tried[i]);
    }
}

/* RocksDB flushes again, and snapshots are taken again, up to the last row. */
static void
await_snapshot(wire_peer *p, const known *k)
{
    const int64_t end = peer_offset(p, k->table, 0, 1);
    int64_t offset = -1;
    for (int tries = 0; tries < 1000 && offset < end; tries++) {
        Fluss__GetLatestKvSnapshotsRequest request = FLUSS__GET_LATEST_KV_SNAPSHOTS_REQUEST__INIT;
        Fluss__PbTablePath path = peer_path("fluss", "full");
        request.table_path = &path;
        const Fluss__GetLatestKvSnapshotsResponse *latest = peer_call(p, FLUSS_API_GET_LATEST_KV_SNAPSHOTS, &request.base);
        assert_non_null(latest);
        offset = latest->latest_snapshots[0]->has_snapshot_id ? latest->latest_snapshots[0]->log_offset : -1;
        (void)usleep(offset < end ? 10000 : 0);
    }
    assert_int_equal(offset, end);
}

/* Writes until the disk has refused many, and then with room again. */
static void
full_and_not(wire_peer *p, known *full, known *other, int round)
{
    int refused = 0;
    int32_t number = NEVER;
    disk_fill(&disk, "filler", (size_t)round * 60000);
    for (int i = 0; i < 2000 && refused < 40; i++)
        refused += !put(p, full, i % KEYS);
    assert_int_equal(refused, 40);
    if (strstr(refusal, "fluss.full") == NULL || strstr(refusal, "bucket") == NULL || strstr(refusal, "No space left") == NULL)
        fail_msg("the refusal does not name table, bucket and reason: %s", refusal);
    for (int32_t i = 0; i < KEYS; i++) /* rows of another table are read meanwhile */
        assert_true(look_up(p, other, i, &number) && number == other->acked[i]);
    disk_unfill(&disk, "filler");
    for (int32_t i = 0; i < KEYS; i++) {
        if (!put(p, full, i) || !put(p, other, i))
            fail_msg("round %d, there is room, and yet: %s", round, refusal);
    }
    check_rows(p, full);
    check_rows(p, other);
}

static void
rows_live_through_a_full_disk(const char *snapshot_interval, bool snapshots)
{
    wire_peer p;
    disk_need(&disk);
    start(snapshot_interval);
    assert_true(peer_open(&p, fluss_server_address(server)));
    known full = make_table(&p, "full");
    known other = make_table(&p, "other");
    for (int32_t i = 0; i < KEYS; i++)
        assert_true(put(&p, &other, i));
    for (int round = 0; round < 6; round++)
        full_and_not(&p, &full, &other, round);
    if (snapshots)
        await_snapshot(&p, &full);
    peer_close(&p);
    fluss_server_close(&server);
    start(snapshot_interval);
    assert_true(peer_open(&p, fluss_server_address(server)));
    check_rows(&p, &full);
    check_rows(&p, &other);
    peer_close(&p);
}

static void
the_changelog_finds_no_room(void **state)
{
    (void)state;
    rows_live_through_a_full_disk("10min", false);
}

static void
flushes_and_snapshots_find_no_room(void **state)
{
    (void)state;
    rows_live_through_a_full_disk("5ms", true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_changelog_finds_no_room, up, down),
        cmocka_unit_test_setup_teardown(flushes_and_snapshots_find_no_room, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
