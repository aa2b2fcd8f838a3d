/* The table server in this process, spoken to in raw frames: what each API answers, and what it answers to nonsense. */
#include "wire_peer.h"

#include "../../unit/fluss/server/batches.h"
#include "base/file.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/server.h"

#define LOG_TABLE                                                                                                                  \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0},"        \
    "{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"id\":1}],\"highest_field_id\":1},\"partition_key\":[],\"bucket_key\":[" \
    "],"                                                                                                                           \
    "\"bucket_count\":2,\"properties\":{%s},\"custom_properties\":{}}"
#define KEY_TABLE                                                                                                                  \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":"      \
    "false}},"                                                                                                                     \
    "{\"name\":\"a\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"b\",\"data_type\":{\"type\":\"BIGINT\"}}],\"primary_key\":[" \
    "\"k\"]},"                                                                                                                     \
    "\"partition_key\":[],\"bucket_key\":[\"k\"],\"bucket_count\":1,\"properties\":{%s},\"custom_properties\":{}}"

static char root[64];
static slu_env env;
static fluss_server *server;
static int lake_calls;
static slu_status lake_answer;

static slu_status
lake_create(void *context, const char *database, const char *table, const char *json, slu_error *err)
{
    (void)context;
    lake_calls++;
    assert_non_null(strstr(json, "table.datalake.format"));
    return lake_answer == SLU_OK ? SLU_OK : slu_error_set(err, lake_answer, "Table %s.%s already exists.", database, table);
}

static void
start(void)
{
    static const fluss_server_property where[] = {{"table.datalake.iceberg.warehouse", "/w"}};
    static const fluss_server_lake lake = {NULL, lake_create, NULL, where, 1};
    slu_error err;
    const fluss_server_options options = {.port = 0, .data_dir = root, .datalake_format = "iceberg", .lake = &lake};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
}

static int
group_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_srv_XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    start();
    return 0;
}

static int
group_down(void **state)
{
    (void)state;
    fluss_server_close(&server);
    return slu_dir_remove(root, NULL);
}

static void
connect_to_server(wire_peer *p)
{
    assert_true(peer_open(p, fluss_server_address(server)));
}

static void
make_table(wire_peer *p, const char *name, const char *format, const char *properties)
{
    char json[2000];
    (void)snprintf(json, sizeof json, format, properties);
    if (!peer_create_table(p, "fluss", name, json))
        fail_msg("create %s: %d %s", name, p->error_code, p->error_message);
}

static void
a_client_finds_its_way(void **state)
{
    (void)state;
    wire_peer p;
    connect_to_server(&p);
    Fluss__ApiVersionsRequest versions = FLUSS__API_VERSIONS_REQUEST__INIT;
    versions.client_software_name = (char *)(uintptr_t) "test";
    versions.client_software_version = (char *)(uintptr_t) "1";
    const Fluss__ApiVersionsResponse *apis = peer_call(&p, FLUSS_API_API_VERSIONS, &versions.base);
    assert_non_null(apis);
    assert_false(apis->has_server_type);
    assert_true(apis->n_api_versions > 25);
    Fluss__MetadataRequest metadata = FLUSS__METADATA_REQUEST__INIT;
    const Fluss__MetadataResponse *nodes = peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base);
    assert_non_null(nodes);
    assert_int_equal(nodes->n_tablet_servers, 1);
    CHECK_TEXT(nodes->tablet_servers[0]->host, "127.0.0.1");
    assert_int_equal(nodes->tablet_servers[0]->port, nodes->coordinator_server->port);
    make_table(&p, "way", LOG_TABLE, "");
    Fluss__PbTablePath path = peer_path("fluss", "way");
    Fluss__PbTablePath *paths[1] = {&path};
    metadata.n_table_path = 1;
    metadata.table_path = paths;
    const Fluss__MetadataResponse *tables = peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base);
    assert_non_null(tables);
    assert_int_equal(tables->n_table_metadata, 1);
    assert_int_equal(tables->table_metadata[0]->n_bucket_metadata, 2);
    assert_true(tables->table_metadata[0]->bucket_metadata[1]->has_leader_id);
    path.table_name = (char *)(uintptr_t) "nowhere";
    assert_null(peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_TABLE_NOT_EXIST);
    peer_close(&p);
}

static void
what_is_not_served_or_not_a_message_is_answered(void **state)
{
    (void)state;
    wire_peer p;
    fluss_response_frame frame;
    connect_to_server(&p);
    static const int16_t keys[] = {0, 999, 1013, 1022, 1065, 32767, -1};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        slu_buf out;
        slu_buf_init(&out, 1000);
        slu_buf_u32be(&out, 8);
        slu_buf_u16be(&out, (uint16_t)keys[i]);
        slu_buf_u16be(&out, 0);
        slu_buf_u32be(&out, 77);
        assert_true(peer_write(&p, out.data, out.bytes));
        slu_buf_fini(&out);
        assert_true(peer_receive(&p, &frame));
        assert_int_equal(frame.type, FLUSS_RESPONSE_ERROR);
        assert_int_equal(frame.request_id, 77);
        (void)peer_decode(&p, &frame, &fluss__error_response__descriptor);
        assert_int_equal(p.error_code, FLUSS_ERROR_UNSUPPORTED_VERSION);
    }
    static const uint8_t version_9[] = {0, 0, 0, 8, 0x03, 0xf4, 0, 9, 0, 0, 0, 6};
    assert_true(peer_write(&p, version_9, sizeof version_9));
    assert_true(peer_receive(&p, &frame));
    (void)peer_decode(&p, &frame, &fluss__error_response__descriptor);
    assert_int_equal(p.error_code, FLUSS_ERROR_UNSUPPORTED_VERSION);
    /* A body that is not the message: an error, and the connection lives. */
    static const uint8_t bad_body[] = {0, 0, 0, 12, 0x03, 0xed, 0, 0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff};
    assert_true(peer_write(&p, bad_body, sizeof bad_body));
    assert_true(peer_receive(&p, &frame));
    assert_int_equal(frame.type, FLUSS_RESPONSE_ERROR);
    (void)peer_decode(&p, &frame, &fluss__error_response__descriptor);
    assert_int_equal(p.error_code, FLUSS_ERROR_CORRUPT_MESSAGE);
    /* A frame that is too short for its header: a failure, and the end. */
    static const uint8_t too_short[] = {0, 0, 0, 3, 1, 2, 3};
    assert_true(peer_write(&p, too_short, sizeof too_short));
    assert_true(peer_receive(&p, &frame));
    assert_int_equal(frame.type, FLUSS_RESPONSE_SERVER_FAILURE);
    assert_false(peer_receive(&p, &frame));
    assert_true(p.closed);
    peer_close(&p);
    /* A frame larger than any: the end. */
    connect_to_server(&p);
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_true(peer_write(&p, huge, sizeof huge));
    assert_false(peer_receive(&p, &frame));
    assert_true(p.closed);
    peer_close(&p);
}

static void
databases_and_tables_come_and_go(void **state)
{
    (void)state;
    wire_peer p;
    connect_to_server(&p);
    Fluss__CreateDatabaseRequest create = FLUSS__CREATE_DATABASE_REQUEST__INIT;
    create.database_name = (char *)(uintptr_t) "shop";
    assert_non_null(peer_call(&p, FLUSS_API_CREATE_DATABASE, &create.base));
    assert_null(peer_call(&p, FLUSS_API_CREATE_DATABASE, &create.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_DATABASE_ALREADY_EXIST);
    create.ignore_if_exists = true;
    assert_non_null(peer_call(&p, FLUSS_API_CREATE_DATABASE, &create.base));
    create.database_name = (char *)(uintptr_t) "__internal";
    assert_null(peer_call(&p, FLUSS_API_CREATE_DATABASE, &create.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_INVALID_DATABASE_EXCEPTION);
    char json[2000];
    (void)snprintf(json, sizeof json, LOG_TABLE, "");
    assert_true(peer_create_table(&p, "shop", "t", json));
    assert_false(peer_create_table(&p, "shop", "t", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_TABLE_ALREADY_EXIST);
    assert_false(peer_create_table(&p, "none", "t", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_DATABASE_NOT_EXIST);
    assert_false(peer_create_table(&p, "shop", "bad name", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    assert_false(peer_create_table(&p, "shop", "t2", "{\"version\":1}"));
    assert_int_equal(p.error_code, FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    (void)snprintf(json, sizeof json, LOG_TABLE, "\"table.log.fromat\":\"ARROW\"");
    assert_false(peer_create_table(&p, "shop", "t2", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_INVALID_CONFIG_EXCEPTION);
    assert_non_null(strstr(p.error_message, "table.log.fromat"));
    (void)snprintf(json, sizeof json, KEY_TABLE, "\"table.merge-engine\":\"aggregation\",\"table.changelog.image\":\"WAL\"");
    assert_false(peer_create_table(&p, "shop", "t2", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_INVALID_CONFIG_EXCEPTION);
    const int64_t first = peer_table_id(&p, "shop", "t");
    Fluss__DropDatabaseRequest drop = FLUSS__DROP_DATABASE_REQUEST__INIT;
    drop.database_name = (char *)(uintptr_t) "shop";
    assert_null(peer_call(&p, FLUSS_API_DROP_DATABASE, &drop.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_DATABASE_NOT_EMPTY);
    Fluss__DropTableRequest drop_table = FLUSS__DROP_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("shop", "t");
    drop_table.table_path = &path;
    assert_non_null(peer_call(&p, FLUSS_API_DROP_TABLE, &drop_table.base));
    assert_null(peer_call(&p, FLUSS_API_DROP_TABLE, &drop_table.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_TABLE_NOT_EXIST);
    assert_int_equal(peer_offset(&p, first, 0, 1), -1);
    (void)snprintf(json, sizeof json, LOG_TABLE, "");
    assert_true(peer_create_table(&p, "shop", "t", json));
    assert_true(peer_table_id(&p, "shop", "t") > first);
    drop.cascade = true;
    assert_non_null(peer_call(&p, FLUSS_API_DROP_DATABASE, &drop.base));
    static const char *const ours[] = {"lock", "remote", "catalogue"}; /* names of the server's own files are no others */
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        create.database_name = drop.database_name = (char *)(uintptr_t)ours[i];
        assert_non_null(peer_call(&p, FLUSS_API_CREATE_DATABASE, &create.base));
        assert_true(peer_create_table(&p, ours[i], "log", json));
        assert_int_equal(peer_offset(&p, peer_table_id(&p, ours[i], "log"), 0, 1), 0);
        assert_non_null(peer_call(&p, FLUSS_API_DROP_DATABASE, &drop.base));
    }
    peer_close(&p);
}

static const Fluss__PbFetchLogRespForBucket *
fetch(wire_peer *p, int64_t table_id, int32_t bucket, int64_t offset, int32_t min_bytes, int32_t wait_ms)
{
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&table};
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.has_min_bytes = request.has_max_wait_ms = min_bytes != 0;
    request.min_bytes = min_bytes;
    request.max_wait_ms = wait_ms;
    request.n_tables_req = 1;
    request.tables_req = tables;
    table.table_id = table_id;
    table.n_buckets_req = 1;
    table.buckets_req = buckets;
    b.bucket_id = bucket;
    b.fetch_offset = offset;
    b.max_fetch_bytes = 1 << 20;
    const Fluss__FetchLogResponse *response = peer_call(p, FLUSS_API_FETCH_LOG, &request.base);
    assert_non_null(response);
    return response->tables_resp[0]->buckets_resp[0];
}

static void
batches_are_stored_as_sent_and_fetched(void **state)
{
    (void)state;
    wire_peer p;
    slu_buf batch;
    int64_t base = -1;
    connect_to_server(&p);
    make_table(&p, "log", LOG_TABLE, "");
    const int64_t id = peer_table_id(&p, "fluss", "log");
    slu_buf_init(&batch, 1 << 20);
    batch_make(&batch, 5, 0, 10, 300);
    assert_int_equal(peer_produce(&p, id, 1, slu_buf_view(&batch), &base), 0);
    assert_int_equal(base, 0);
    assert_int_equal(peer_produce(&p, id, 1, slu_buf_view(&batch), &base), 0); /* again: known */
    assert_int_equal(base, 0);
    assert_int_equal(peer_offset(&p, id, 1, 1), 10);
    assert_int_equal(peer_offset(&p, id, 0, 1), 0);
    const Fluss__PbFetchLogRespForBucket *b = fetch(&p, id, 1, -2, 0, 0);
    assert_false(b->has_error_code);
    assert_int_equal(b->high_watermark, 10);
    assert_int_equal(b->records.len, batch.bytes);
    assert_memory_equal(b->records.data + 21, batch.data + 21, batch.bytes - 21);
    b = fetch(&p, id, 1, 10, 0, 0);
    assert_int_equal(b->records.len, 0);
    b = fetch(&p, id, 1, 11, 0, 0);
    assert_int_equal(b->error_code, FLUSS_ERROR_LOG_OFFSET_OUT_OF_RANGE_EXCEPTION);
    b = fetch(&p, id, 2, 0, 0, 0);
    assert_int_equal(b->error_code, FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION);
    b = fetch(&p, 12345, 0, 0, 0, 0);
    assert_int_equal(b->error_code, FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION);
    batch.data[60] ^= 1;
    assert_int_equal(peer_produce(&p, id, 1, slu_buf_view(&batch), NULL), FLUSS_ERROR_CORRUPT_RECORD_EXCEPTION);
    slu_buf_reset(&batch);
    batch_make(&batch, 5, 7, 1, 10);
    assert_int_equal(peer_produce(&p, id, 1, slu_buf_view(&batch), NULL), FLUSS_ERROR_OUT_OF_ORDER_SEQUENCE_EXCEPTION);
    slu_buf_fini(&batch);
    peer_close(&p);
}

static void
a_fetch_waits_for_rows_and_no_longer_than_it_said(void **state)
{
    (void)state;
    wire_peer reader;
    wire_peer writer;
    slu_buf batch;
    connect_to_server(&reader);
    connect_to_server(&writer);
    make_table(&writer, "poll", LOG_TABLE, "");
    const int64_t id = peer_table_id(&writer, "fluss", "poll");
    int64_t before = slu_now_ms(&env);
    assert_int_equal(fetch(&reader, id, 0, 0, 1, 120)->records.len, 0);
    const int64_t waited = slu_now_ms(&env) - before;
    assert_in_range(waited, 100, 5000);
    /* A request behind a waiting fetch is answered before it. */
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&table};
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.has_min_bytes = request.has_max_wait_ms = true;
    request.min_bytes = 1;
    request.max_wait_ms = 20000;
    request.n_tables_req = 1;
    request.tables_req = tables;
    table.table_id = id;
    table.n_buckets_req = 1;
    table.buckets_req = buckets;
    b.max_fetch_bytes = 1 << 20;
    const int32_t waiting = peer_send(&reader, FLUSS_API_FETCH_LOG, &request.base);
    Fluss__DatabaseExistsRequest exists = FLUSS__DATABASE_EXISTS_REQUEST__INIT;
    exists.database_name = (char *)(uintptr_t) "fluss";
    assert_non_null(peer_call(&reader, FLUSS_API_DATABASE_EXISTS, &exists.base));
    before = slu_now_ms(&env);
    slu_buf_init(&batch, 1 << 20);
    batch_make(&batch, -1, -1, 3, 30);
    assert_int_equal(peer_produce(&writer, id, 0, slu_buf_view(&batch), NULL), 0);
    fluss_response_frame frame;
    assert_true(peer_receive(&reader, &frame));
    assert_int_equal(frame.request_id, waiting);
    assert_true(slu_now_ms(&env) - before < 5000);
    /* A table that goes answers who waits for it; a client that goes is forgotten. */
    b.fetch_offset = 3;
    (void)peer_send(&reader, FLUSS_API_FETCH_LOG, &request.base);
    wire_peer gone;
    connect_to_server(&gone);
    (void)peer_send(&gone, FLUSS_API_FETCH_LOG, &request.base);
    peer_close(&gone);
    Fluss__DropTableRequest drop = FLUSS__DROP_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "poll");
    drop.table_path = &path;
    assert_non_null(peer_call(&writer, FLUSS_API_DROP_TABLE, &drop.base));
    assert_true(peer_receive(&reader, &frame));
    slu_buf_fini(&batch);
    peer_close(&reader);
    peer_close(&writer);
}

#define SAME_BUCKETS 20000

/* It waits on its bucket as often as it names it; an append that looked at all of them each time would hold up everybody for minutes. */
static void
a_fetch_that_names_a_bucket_often_is_looked_at_once(void **state)
{
    (void)state;
    wire_peer reader;
    wire_peer writer;
    slu_buf batch;
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&table};
    Fluss__PbFetchLogReqForBucket **buckets = calloc(SAME_BUCKETS, sizeof *buckets);
    connect_to_server(&reader);
    connect_to_server(&writer);
    make_table(&writer, "often", LOG_TABLE, "");
    table.table_id = peer_table_id(&writer, "fluss", "often");
    for (size_t i = 0; i < SAME_BUCKETS; i++)
        buckets[i] = &b;
    b.max_fetch_bytes = 1 << 20;
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.has_min_bytes = request.has_max_wait_ms = true;
    request.min_bytes = INT32_MAX;
    request.max_wait_ms = 600000;
    request.n_tables_req = 1;
    request.tables_req = tables;
    table.n_buckets_req = SAME_BUCKETS;
    table.buckets_req = buckets;
    (void)peer_send(&reader, FLUSS_API_FETCH_LOG, &request.base);
    Fluss__DatabaseExistsRequest exists = FLUSS__DATABASE_EXISTS_REQUEST__INIT;
    exists.database_name = (char *)(uintptr_t) "fluss";
    assert_non_null(peer_call(&reader, FLUSS_API_DATABASE_EXISTS, &exists.base));
    slu_buf_init(&batch, 1 << 20);
    batch_make(&batch, -1, -1, 3, 30);
    const int64_t before = slu_now_ms(&env);
    for (int i = 0; i < 5; i++)
        assert_int_equal(peer_produce(&writer, table.table_id, 0, slu_buf_view(&batch), NULL), 0);
    assert_true(slu_now_ms(&env) - before < 10000);
    slu_buf_fini(&batch);
    free(buckets);
    peer_close(&reader);
    peer_close(&writer);
}

/* Were it to wait as long as it says, the peer would give up first (20 s). */
static void
a_reader_that_is_behind_in_one_bucket_does_not_wait_for_another(void **state)
{
    (void)state;
    enum { ROWS = 10, BATCHES = 3, ROW_BYTES = 60000 };
    wire_peer p;
    slu_buf batch;
    connect_to_server(&p);
    make_table(&p, "behind", LOG_TABLE, "");
    const int64_t id = peer_table_id(&p, "fluss", "behind");
    slu_buf_init(&batch, 2 << 20);
    for (int32_t i = 0; i < BATCHES; i++) {
        slu_buf_reset(&batch);
        batch_make(&batch, 5, i, ROWS, ROWS * ROW_BYTES);
        assert_int_equal(peer_produce(&p, id, 1, slu_buf_view(&batch), NULL), 0);
    }
    const Fluss__PbFetchLogRespForBucket *some = fetch(&p, id, 1, 0, 1, 60000);
    assert_true(some->records.len > 0 && some->records.len < batch.bytes * BATCHES);
    assert_int_equal(fetch(&p, id, 0, 0, 1, 60000)->records.len, 0);
    slu_buf_fini(&batch);
    peer_close(&p);
}

/* A client asks for 400 MB and reads nothing for a while: the server holds a bounded part of it, reads no more requests, serves
 * others, and when the client reads at last it gets every answer. */
static void
a_client_that_does_not_read_is_not_read_from(void **state)
{
    (void)state;
    enum { REQUESTS = 400 };
    wire_peer lazy;
    wire_peer other;
    slu_buf batch;
    fluss_response_frame frame;
    connect_to_server(&lazy);
    connect_to_server(&other);
    make_table(&other, "lazy", LOG_TABLE, "");
    const int64_t id = peer_table_id(&other, "fluss", "lazy");
    slu_buf_init(&batch, 2 << 20);
    batch_make(&batch, -1, -1, 10, 1000000);
    assert_int_equal(peer_produce(&other, id, 0, slu_buf_view(&batch), NULL), 0);
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&table};
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    request.follower_server_id = -1;
    request.max_bytes = 2 << 20;
    request.n_tables_req = 1;
    request.tables_req = tables;
    table.table_id = id;
    table.n_buckets_req = 1;
    table.buckets_req = buckets;
    b.max_fetch_bytes = 2 << 20;
    for (int i = 0; i < REQUESTS; i++)
        assert_true(peer_send(&lazy, FLUSS_API_FETCH_LOG, &request.base) > 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(peer_offset(&other, id, 0, 1), 10);
        (void)usleep(2000);
    }
    for (int i = 0; i < REQUESTS; i++) {
        assert_true(peer_receive(&lazy, &frame));
        assert_int_equal(frame.request_id, i + 1);
        assert_true(frame.body.bytes > 1000000);
    }
    slu_buf_fini(&batch);
    peer_close(&lazy);
    peer_close(&other);
}

/* ---- primary keys ---- */

static void
compacted_row(slu_buf *row, int32_t k, const char *a, int64_t b)
{
    slu_buf_u8(row, (uint8_t)((a == NULL ? 2 : 0) | (b < 0 ? 4 : 0)));
    slu_buf_varint(row, (uint32_t)k);
    if (a != NULL) {
        slu_buf_varint(row, strlen(a));
        slu_buf_text(row, a);
    }
    if (b >= 0)
        slu_buf_varint(row, (uint64_t)b);
}

/* op: "1=x/5" puts key 1 with a = x, b = 5; "-1" deletes key 1. */
static void
kv_batch_make(slu_buf *out, const char *const *ops, size_t count, int64_t writer, int32_t sequence)
{
    fluss_kv_writer w;
    fluss_kv_writer_begin(&w, out, 1, writer, sequence);
    for (size_t i = 0; i < count; i++) {
        slu_buf key;
        slu_buf row;
        int k = 0;
        char a[20] = "";
        int b = -1;
        slu_buf_init(&key, 100);
        slu_buf_init(&row, 100);
        const bool deletes = sscanf(ops[i], "-%d", &k) == 1;
        if (!deletes)
            (void)sscanf(ops[i], "%d=%19[a-z]/%d", &k, a, &b);
        slu_buf_u64le(&key, (uint64_t)k); /* the cluster has a lake of format iceberg: keys are what Iceberg hashes */
        compacted_row(&row, k, a[0] == 0 ? NULL : a, b);
        fluss_kv_writer_put(&w, slu_buf_view(&key), deletes ? slu_view_of(NULL, 0) : slu_buf_view(&row));
        slu_buf_fini(&key);
        slu_buf_fini(&row);
    }
    fluss_kv_writer_end(&w);
}

static int32_t
put(wire_peer *p, int64_t id, slu_view records, const int32_t *targets, size_t target_count, int64_t *out_end)
{
    Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
    Fluss__PbPutKvReqForBucket b = FLUSS__PB_PUT_KV_REQ_FOR_BUCKET__INIT;
    Fluss__PbPutKvReqForBucket *list[1] = {&b};
    request.acks = -1;
    request.table_id = id;
    request.timeout_ms = 1000;
    request.n_target_columns = target_count;
    request.target_columns = (int32_t *)(uintptr_t)targets;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.records = fluss_bytes_of(records);
    const Fluss__PutKvResponse *response = peer_call(p, FLUSS_API_PUT_KV, &request.base);
    assert_non_null(response);
    if (out_end != NULL)
        *out_end = response->buckets_resp[0]->log_end_offset;
    return response->buckets_resp[0]->has_error_code ? response->buckets_resp[0]->error_code : 0;
}

static int64_t
put_ops(wire_peer *p, int64_t id, const char *const *ops, size_t count, const int32_t *targets, size_t target_count)
{
    slu_buf batch;
    int64_t end = -1;
    slu_buf_init(&batch, 1 << 20);
    kv_batch_make(&batch, ops, count, -1, -1);
    assert_int_equal(put(p, id, slu_buf_view(&batch), targets, target_count, &end), 0);
    slu_buf_fini(&batch);
    return end;
}

/* The stored row of a key as hex after its schema id; "" when there is none. */
static const char *
look_up(wire_peer *p, int64_t id, int32_t k)
{
    static char hex[200];
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket b = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *list[1] = {&b};
    slu_buf key;
    slu_buf_init(&key, 100);
    slu_buf_u64le(&key, (uint64_t)k);
    ProtobufCBinaryData keys[1] = {fluss_bytes_of(slu_buf_view(&key))};
    request.table_id = id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.n_keys = 1;
    b.keys = keys;
    const Fluss__LookupResponse *response = peer_call(p, FLUSS_API_LOOKUP, &request.base);
    assert_non_null(response);
    assert_false(response->buckets_resp[0]->has_error_code);
    assert_int_equal(response->buckets_resp[0]->n_values, 1);
    const Fluss__PbValue *value = response->buckets_resp[0]->values[0];
    hex[0] = 0;
    for (size_t i = 2; value->has_values && i < value->values.len; i++)
        (void)snprintf(hex + 2 * (i - 2), 3, "%02x", value->values.data[i]);
    slu_buf_fini(&key);
    return hex;
}

static const char *
row_hex(int32_t k, const char *a, int64_t b)
{
    static char hex[200];
    slu_buf row;
    slu_buf_init(&row, 100);
    compacted_row(&row, k, a, b);
    hex[0] = 0;
    for (size_t i = 0; i < row.bytes; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", row.data[i]);
    slu_buf_fini(&row);
    return hex;
}

/* The change types of the whole changelog, e.g. "+I -U +U _" (_ an empty batch). */
static void
changelog(wire_peer *p, int64_t id, char *out)
{
    static const char *const names[] = {"+A", "+I", "-U", "+U", "-D"};
    const Fluss__PbFetchLogRespForBucket *b = fetch(p, id, 0, -2, 0, 0);
    assert_false(b->has_error_code);
    out[0] = 0;
    slu_error err;
    for (size_t at = 0; at < b->records.len;) {
        fluss_log_header head;
        CHECK_OK(fluss_log_peek(slu_view_of(b->records.data + at, b->records.len - at), &head, &err));
        CHECK_OK(fluss_log_verify(slu_view_of(b->records.data + at, head.batch_bytes), &head, &err));
        for (int32_t i = 0; i < head.record_count; i++)
            (void)sprintf(out + strlen(out), "%s ", names[b->records.data[at + head.body_at + (size_t)i]]);
        if (head.record_count == 0)
            (void)strcat(out, "_ ");
        at += head.batch_bytes;
    }
}

static void
every_change_leaves_its_changelog(void **state)
{
    (void)state;
    wire_peer p;
    char log[500];
    connect_to_server(&p);
    make_table(&p, "kv", KEY_TABLE, "\"table.log.arrow.compression.type\":\"NONE\"");
    const int64_t id = peer_table_id(&p, "fluss", "kv");
    static const char *const first[] = {"1=x/5", "2=y/6", "1=z/7", "-3"};
    assert_int_equal(put_ops(&p, id, first, 4, NULL, 0), 4);
    changelog(&p, id, log);
    CHECK_TEXT(log, "+I +I -U +U ");
    CHECK_TEXT(look_up(&p, id, 1), row_hex(1, "z", 7));
    CHECK_TEXT(look_up(&p, id, 3), "");
    static const char *const nothing[] = {"-9"};
    assert_int_equal(put_ops(&p, id, nothing, 1, NULL, 0), 5); /* no change: an empty batch takes an offset */
    static const char *const gone[] = {"-2", "2=w/1", "-2"};
    assert_int_equal(put_ops(&p, id, gone, 3, NULL, 0), 8);
    changelog(&p, id, log);
    CHECK_TEXT(log, "+I +I -U +U _ -D +I -D ");
    CHECK_TEXT(look_up(&p, id, 2), "");
    /* Partial updates: columns k and a, then k and b; then a delete of each. */
    static const int32_t with_a[] = {0, 1};
    static const int32_t with_b[] = {2, 0};
    static const char *const a_only[] = {"1=new/99"};
    (void)put_ops(&p, id, a_only, 1, with_a, 2);
    CHECK_TEXT(look_up(&p, id, 1), row_hex(1, "new", 7));
    static const char *const b_only[] = {"1=old/8", "4=old/9"};
    (void)put_ops(&p, id, b_only, 2, with_b, 2);
    CHECK_TEXT(look_up(&p, id, 1), row_hex(1, "new", 8));
    CHECK_TEXT(look_up(&p, id, 4), row_hex(4, NULL, 9));
    static const char *const delete_one[] = {"-1"};
    (void)put_ops(&p, id, delete_one, 1, with_a, 2);
    CHECK_TEXT(look_up(&p, id, 1), row_hex(1, NULL, 8));
    (void)put_ops(&p, id, delete_one, 1, with_b, 2);
    CHECK_TEXT(look_up(&p, id, 1), "");
    changelog(&p, id, log);
    CHECK_TEXT(log, "+I +I -U +U _ -D +I -D -U +U -U +U +I -U +U -D ");
    /* Refused: a target without the key, a column that is not there; a batch that is cut; a log batch to a table with a key. */
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    kv_batch_make(&batch, first, 4, -1, -1);
    static const int32_t no_key[] = {1};
    static const int32_t no_column[] = {0, 3};
    assert_int_equal(put(&p, id, slu_buf_view(&batch), no_key, 1, NULL), FLUSS_ERROR_INVALID_TARGET_COLUMN);
    assert_int_equal(put(&p, id, slu_buf_view(&batch), no_column, 2, NULL), FLUSS_ERROR_INVALID_TARGET_COLUMN);
    for (size_t bytes = 0; bytes < batch.bytes; bytes += 5)
        assert_int_equal(put(&p, id, slu_view_of(batch.data, bytes), NULL, 0, NULL), FLUSS_ERROR_CORRUPT_RECORD_EXCEPTION);
    assert_int_equal(peer_produce(&p, id, 0, slu_buf_view(&batch), NULL), FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    slu_buf_fini(&batch);
    peer_close(&p);
}

static void
kv_writes_are_idempotent_and_survive_a_restart(void **state)
{
    (void)state;
    wire_peer p;
    char log[500];
    char log_again[500];
    connect_to_server(&p);
    make_table(&p, "kvi", KEY_TABLE, "\"table.log.arrow.compression.type\":\"NONE\"");
    const int64_t id = peer_table_id(&p, "fluss", "kvi");
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    static const char *const ops[] = {"1=x/5", "1=y/6"};
    static const char *const more[] = {"2=x/5", "-1"};
    kv_batch_make(&batch, ops, 2, 900, 0);
    const size_t first_bytes = batch.bytes;
    int64_t end = 0;
    assert_int_equal(put(&p, id, slu_buf_view(&batch), NULL, 0, &end), 0);
    assert_int_equal(end, 3);
    assert_int_equal(put(&p, id, slu_buf_view(&batch), NULL, 0, &end), 0);
    assert_int_equal(end, 3);
    kv_batch_make(&batch, more, 2, 900, 1);
    assert_int_equal(put(&p, id, slu_view_of(batch.data + first_bytes, batch.bytes - first_bytes), NULL, 0, &end), 0);
    assert_int_equal(end, 5);
    changelog(&p, id, log);
    peer_close(&p);
    fluss_server_close(&server);
    start();
    connect_to_server(&p);
    assert_int_equal(put(&p, id, slu_view_of(batch.data, first_bytes), NULL, 0, &end), 0);
    assert_int_equal(end, 3);
    changelog(&p, id, log_again);
    CHECK_TEXT(log_again, log);
    CHECK_TEXT(look_up(&p, id, 1), "");
    CHECK_TEXT(look_up(&p, id, 2), row_hex(2, "x", 5));
    peer_close(&p);
    /* A store that was lost, or is ahead of its log, is built anew from the log. */
    char path[200];
    fluss_server_close(&server);
    (void)snprintf(path, sizeof path, "%s/fluss/kvi-%lld/kv-0", root, (long long)id);
    slu_error err;
    CHECK_OK(slu_dir_remove(path, &err));
    start();
    connect_to_server(&p);
    CHECK_TEXT(look_up(&p, id, 2), row_hex(2, "x", 5));
    CHECK_TEXT(look_up(&p, id, 1), "");
    slu_buf_fini(&batch);
    peer_close(&p);
}

/* ---- the lake ---- */

static void
a_lake_table_is_tiered(void **state)
{
    (void)state;
    wire_peer p;
    connect_to_server(&p);
    char json[2000];
    (void)snprintf(json, sizeof json, LOG_TABLE, "\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":\"50ms\"");
    lake_answer = SLU_CONFLICT;
    assert_false(peer_create_table(&p, "fluss", "lake", json));
    assert_int_equal(p.error_code, FLUSS_ERROR_LAKE_TABLE_ALREADY_EXIST);
    lake_answer = SLU_OK;
    assert_true(peer_create_table(&p, "fluss", "lake", json));
    assert_int_equal(lake_calls, 2);
    const int64_t id = peer_table_id(&p, "fluss", "lake");
    Fluss__PbTablePath path = peer_path("fluss", "lake");
    Fluss__GetTableInfoRequest info = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    info.table_path = &path;
    const Fluss__GetTableInfoResponse *got = peer_call(&p, FLUSS_API_GET_TABLE_INFO, &info.base);
    assert_non_null(memmem(got->table_json.data, got->table_json.len, "table.datalake.iceberg.warehouse", 32));
    Fluss__GetLakeSnapshotRequest snapshot = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    snapshot.table_path = &path;
    assert_null(peer_call(&p, FLUSS_API_GET_LAKE_SNAPSHOT, &snapshot.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_LAKE_SNAPSHOT_NOT_EXIST);
    /* The heartbeat gives it out once it is due. */
    Fluss__LakeTieringHeartbeatRequest beat = FLUSS__LAKE_TIERING_HEARTBEAT_REQUEST__INIT;
    beat.has_request_table = true;
    beat.request_table = true;
    Fluss__PbHeartbeatReqForTable mine = FLUSS__PB_HEARTBEAT_REQ_FOR_TABLE__INIT;
    for (int i = 0; i < 100 && mine.tiering_epoch == 0; i++) {
        const Fluss__LakeTieringHeartbeatResponse *answer = peer_call(&p, FLUSS_API_LAKE_TIERING_HEARTBEAT, &beat.base);
        assert_non_null(answer);
        mine.coordinator_epoch = answer->coordinator_epoch;
        if (answer->tiering_table != NULL) {
            assert_int_equal(answer->tiering_table->table_id, id);
            CHECK_TEXT(answer->tiering_table->table_path->table_name, "lake");
            mine.tiering_epoch = answer->tiering_table->tiering_epoch;
        }
        (void)usleep(20000);
    }
    assert_int_equal(mine.tiering_epoch, 1);
    mine.table_id = id;
    Fluss__PbHeartbeatReqForTable *list[1] = {&mine};
    beat.request_table = false;
    beat.n_tiering_tables = 1;
    beat.tiering_tables = list;
    const Fluss__LakeTieringHeartbeatResponse *answer = peer_call(&p, FLUSS_API_LAKE_TIERING_HEARTBEAT, &beat.base);
    assert_null(answer->tiering_table_resp[0]->error);
    mine.tiering_epoch = 7;
    answer = peer_call(&p, FLUSS_API_LAKE_TIERING_HEARTBEAT, &beat.base);
    assert_int_equal(answer->tiering_table_resp[0]->error->error_code, FLUSS_ERROR_FENCED_TIERING_EPOCH_EXCEPTION);
    mine.tiering_epoch = 1;
    mine.coordinator_epoch += 1;
    answer = peer_call(&p, FLUSS_API_LAKE_TIERING_HEARTBEAT, &beat.base);
    assert_int_equal(answer->tiering_table_resp[0]->error->error_code, FLUSS_ERROR_INVALID_COORDINATOR_EXCEPTION);
    mine.coordinator_epoch -= 1;
    /* Two rounds: the second one only knows bucket 1; bucket 0 is remembered. */
    char offsets_path[500] = "";
    for (int round = 0; round < 2; round++) {
        Fluss__PrepareLakeTableSnapshotRequest prepare = FLUSS__PREPARE_LAKE_TABLE_SNAPSHOT_REQUEST__INIT;
        Fluss__PbTableOffsets offsets = FLUSS__PB_TABLE_OFFSETS__INIT;
        Fluss__PbTableOffsets *tables[1] = {&offsets};
        Fluss__PbBucketOffset bucket = FLUSS__PB_BUCKET_OFFSET__INIT;
        Fluss__PbBucketOffset *buckets[1] = {&bucket};
        bucket.bucket_id = round;
        bucket.has_log_end_offset = true;
        bucket.log_end_offset = 100 + round;
        offsets.table_id = id;
        offsets.table_path = &path;
        offsets.n_bucket_offsets = 1;
        offsets.bucket_offsets = buckets;
        prepare.n_bucket_offsets = 1;
        prepare.bucket_offsets = tables;
        const Fluss__PrepareLakeTableSnapshotResponse *prepared =
            peer_call(&p, FLUSS_API_PREPARE_LAKE_TABLE_SNAPSHOT, &prepare.base);
        assert_false(prepared->prepare_lake_table_resp[0]->has_error_code);
        (void)snprintf(offsets_path, sizeof offsets_path, "%s", prepared->prepare_lake_table_resp[0]->lake_table_offsets_path);
        Fluss__CommitLakeTableSnapshotRequest commit = FLUSS__COMMIT_LAKE_TABLE_SNAPSHOT_REQUEST__INIT;
        Fluss__PbLakeTableSnapshotMetadata metadata = FLUSS__PB_LAKE_TABLE_SNAPSHOT_METADATA__INIT;
        Fluss__PbLakeTableSnapshotMetadata *metadatas[1] = {&metadata};
        metadata.table_id = id;
        metadata.snapshot_id = 9000 - round;
        metadata.tiered_bucket_offsets_file_path = offsets_path;
        metadata.readable_bucket_offsets_file_path = offsets_path;
        commit.n_lake_table_snapshot_metadata = 1;
        commit.lake_table_snapshot_metadata = metadatas;
        const Fluss__CommitLakeTableSnapshotResponse *committed = peer_call(&p, FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, &commit.base);
        assert_int_equal(committed->n_table_resp, 1);
        assert_false(committed->table_resp[0]->has_error_code);
        metadata.tiered_bucket_offsets_file_path = (char *)(uintptr_t) "/etc/passwd";
        committed = peer_call(&p, FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, &commit.base);
        assert_true(committed->table_resp[0]->has_error_code);
    }
    const Fluss__GetLakeSnapshotResponse *newest = peer_call(&p, FLUSS_API_GET_LAKE_SNAPSHOT, &snapshot.base);
    assert_int_equal(newest->snapshot_id, 8999);
    assert_int_equal(newest->n_bucket_snapshots, 2);
    assert_int_equal(newest->bucket_snapshots[0]->log_offset, 100);
    assert_int_equal(newest->bucket_snapshots[1]->log_offset, 101);
    /* Finished by force: pending again at once, under a new epoch. */
    beat.n_tiering_tables = 0;
    beat.n_finished_tables = 1;
    beat.finished_tables = list;
    int64_t forced[1] = {id};
    beat.n_force_finished_tables = 1;
    beat.force_finished_tables = forced;
    beat.request_table = true;
    answer = peer_call(&p, FLUSS_API_LAKE_TIERING_HEARTBEAT, &beat.base);
    assert_null(answer->finished_table_resp[0]->error);
    assert_non_null(answer->tiering_table);
    assert_int_equal(answer->tiering_table->tiering_epoch, 2);
    peer_close(&p);
}

static void
partitions_have_buckets_of_their_own(void **state)
{
    (void)state;
    wire_peer p;
    connect_to_server(&p);
    static const char json[] =
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"}},"
        "{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\"}}]},\"partition_key\":[\"day\"],\"bucket_key\":[],\"bucket_count\":2,"
        "\"properties\":{},\"custom_properties\":{}}";
    assert_true(peer_create_table(&p, "fluss", "days", json));
    const int64_t id = peer_table_id(&p, "fluss", "days");
    Fluss__PbTablePath path = peer_path("fluss", "days");
    Fluss__PbKeyValue pair = FLUSS__PB_KEY_VALUE__INIT;
    Fluss__PbKeyValue *pairs[1] = {&pair};
    Fluss__PbPartitionSpec spec = FLUSS__PB_PARTITION_SPEC__INIT;
    pair.key = (char *)(uintptr_t) "day";
    pair.value = (char *)(uintptr_t) "2024-01-01";
    spec.n_partition_key_values = 1;
    spec.partition_key_values = pairs;
    Fluss__CreatePartitionRequest create = FLUSS__CREATE_PARTITION_REQUEST__INIT;
    create.table_path = &path;
    create.partition_spec = &spec;
    assert_non_null(peer_call(&p, FLUSS_API_CREATE_PARTITION, &create.base));
    assert_null(peer_call(&p, FLUSS_API_CREATE_PARTITION, &create.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_PARTITION_ALREADY_EXISTS);
    pair.value = (char *)(uintptr_t) "a/b";
    assert_null(peer_call(&p, FLUSS_API_CREATE_PARTITION, &create.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_PARTITION_SPEC_INVALID_EXCEPTION);
    Fluss__ListPartitionInfosRequest infos = FLUSS__LIST_PARTITION_INFOS_REQUEST__INIT;
    infos.table_path = &path;
    const Fluss__ListPartitionInfosResponse *listed = peer_call(&p, FLUSS_API_LIST_PARTITION_INFOS, &infos.base);
    assert_int_equal(listed->n_partitions_info, 1);
    CHECK_TEXT(listed->partitions_info[0]->partition_spec->partition_key_values[0]->value, "2024-01-01");
    const int64_t partition = listed->partitions_info[0]->partition_id;
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    batch_make(&batch, -1, -1, 4, 50);
    Fluss__ProduceLogRequest produce = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbProduceLogReqForBucket *list[1] = {&b};
    produce.acks = 1;
    produce.table_id = id;
    produce.n_buckets_req = 1;
    produce.buckets_req = list;
    b.has_partition_id = true;
    b.partition_id = partition;
    b.bucket_id = 1;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    const Fluss__ProduceLogResponse *produced = peer_call(&p, FLUSS_API_PRODUCE_LOG, &produce.base);
    assert_false(produced->buckets_resp[0]->has_error_code);
    assert_int_equal(produced->buckets_resp[0]->partition_id, partition);
    b.partition_id = partition + 1;
    produced = peer_call(&p, FLUSS_API_PRODUCE_LOG, &produce.base);
    assert_int_equal(produced->buckets_resp[0]->error_code, FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION);
    assert_int_equal(peer_produce(&p, id, 0, slu_buf_view(&batch), NULL), FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION);
    Fluss__MetadataRequest metadata = FLUSS__METADATA_REQUEST__INIT;
    Fluss__PbPhysicalTablePath physical = FLUSS__PB_PHYSICAL_TABLE_PATH__INIT;
    Fluss__PbPhysicalTablePath *physicals[1] = {&physical};
    physical.database_name = path.database_name;
    physical.table_name = path.table_name;
    physical.partition_name = (char *)(uintptr_t) "2024-01-01";
    metadata.n_partitions_path = 1;
    metadata.partitions_path = physicals;
    metadata.n_partitions_id = 1;
    metadata.partitions_id = (int64_t *)(uintptr_t)&partition;
    const Fluss__MetadataResponse *found = peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base);
    assert_int_equal(found->n_partition_metadata, 2);
    assert_int_equal(found->partition_metadata[0]->n_bucket_metadata, 2);
    CHECK_TEXT(found->partition_metadata[1]->partition_name, "2024-01-01");
    pair.value = (char *)(uintptr_t) "2024-01-01";
    Fluss__DropPartitionRequest drop = FLUSS__DROP_PARTITION_REQUEST__INIT;
    drop.table_path = &path;
    drop.partition_spec = &spec;
    assert_non_null(peer_call(&p, FLUSS_API_DROP_PARTITION, &drop.base));
    assert_null(peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base));
    assert_int_equal(p.error_code, FLUSS_ERROR_PARTITION_NOT_EXISTS);
    slu_buf_fini(&batch);
    peer_close(&p);
}

static void
a_second_server_on_the_directory_is_refused(void **state)
{
    (void)state;
    slu_error err;
    fluss_server *second = NULL;
    const fluss_server_options options = {.port = 0, .data_dir = root};
    CHECK_STATUS(fluss_server_open(&env, &options, &second, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "in use");
    assert_null(second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_finds_its_way),
        cmocka_unit_test(what_is_not_served_or_not_a_message_is_answered),
        cmocka_unit_test(databases_and_tables_come_and_go),
        cmocka_unit_test(batches_are_stored_as_sent_and_fetched),
        cmocka_unit_test(a_fetch_waits_for_rows_and_no_longer_than_it_said),
        cmocka_unit_test(a_fetch_that_names_a_bucket_often_is_looked_at_once),
        cmocka_unit_test(a_reader_that_is_behind_in_one_bucket_does_not_wait_for_another),
        cmocka_unit_test(a_client_that_does_not_read_is_not_read_from),
        cmocka_unit_test(every_change_leaves_its_changelog),
        cmocka_unit_test(kv_writes_are_idempotent_and_survive_a_restart),
        cmocka_unit_test(a_lake_table_is_tiered),
        cmocka_unit_test(partitions_have_buckets_of_their_own),
        cmocka_unit_test(a_second_server_on_the_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, group_up, group_down);
}
