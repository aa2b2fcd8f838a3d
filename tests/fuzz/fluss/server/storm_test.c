/*
 * A table server under attack: connections that speak frames well enough to be heard, and say mad things in every API (make.h), lie
 * about lengths, stop in the middle, never read. Meanwhile an honest client works and must be served; at the end, and again after a
 * restart on the same directory, everything it was told is stored is there. Under sanitizers, no bad access passes.
 *
 * SLUICE_SECONDS=N (default 3), SLUICE_SEED=N. The same seed sends the same frames; how they meet depends on timing. The last frames
 * lie in SLUICE_TRACE, where that names a file, when the process dies.
 */
#include "../../../integration/fluss/wire_peer.h"
#include "make.h"
#include "unit/fluss/server/batches.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#define ATTACKERS 8
#define IDS_MAX 256
#define PIPELINED 16
#define HONEST_EVERY_MS 300
#define HONEST_KEYS 64
#define FRESH_EVERY 20 /* honest rounds: the attacked tables are made anew, so that the disk does not fill */
#define TRACE_BYTES_MAX ((size_t)8 << 20)

typedef struct attacker {
    int fd;
    bool lied;  /* what comes back cannot be checked frame by frame */
    bool reads; /* its answers */
    bool liar;  /* sends frames that are none */
    uint32_t unanswered;
    uint32_t frames_left;
    int32_t next_id;
    int16_t apis[IDS_MAX]; /* of request id modulo IDS_MAX */
    slu_buf out;
    size_t sent;
    slu_buf in;
    bool close_when_sent;
} attacker;

typedef struct honest {
    int64_t log_id;
    int64_t key_id;
    int64_t writer_id;
    int32_t sequence;
    int64_t *base_offsets; /* of each acknowledged sequence */
    int64_t values[HONEST_KEYS];
    uint64_t rounds;
    int64_t slowest_ms;
} honest;

static slu_env env;
static fluss_server *server;
static char dir[64];
static maker m;
static slu_arena arena;
static honest friend;
static uint64_t frames;
static uint64_t answers;
static uint64_t refusals;
static FILE *trace;

static const char log_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"}}]},"
    "\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";
static const char key_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}}"
    ","
    "{\"name\":\"v\",\"data_type\":{\"type\":\"BIGINT\"}}],\"primary_key\":[\"k\"]},\"partition_key\":[],\"bucket_key\":[\"k\"],"
    "\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";

static void
server_up(void)
{
    slu_error err = {0};
    CHECK_OK(
        fluss_server_open(&env, &(fluss_server_options){.port = 0, .data_dir = dir, .datalake_format = "iceberg"}, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
}

/* ---- The honest client ---- */

static void
friend_create(wire_peer *p, const char *database, const char *table, const char *json)
{
    if (!peer_create_table(p, database, table, json) && p->error_code != FLUSS_ERROR_TABLE_ALREADY_EXIST)
        fail_msg("create %s.%s: %d %s", database, table, p->error_code, p->error_message);
}

static void
database_create(wire_peer *p, const char *database)
{
    Fluss__CreateDatabaseRequest request = FLUSS__CREATE_DATABASE_REQUEST__INIT;
    request.database_name = (char *)(uintptr_t)database;
    request.ignore_if_exists = 1;
    assert_non_null(peer_call(p, FLUSS_API_CREATE_DATABASE, &request.base));
}

/* The tables that are attacked, new each time: some of them may be refused, as breadth grows and shrinks. */
static void
victims_create(wire_peer *p)
{
    for (int i = 0; i < 2; i++) {
        Fluss__DropDatabaseRequest request = FLUSS__DROP_DATABASE_REQUEST__INIT;
        request.database_name = (char *)(uintptr_t)maker_databases[i];
        request.cascade = request.ignore_if_not_exists = 1;
        (void)peer_call(p, FLUSS_API_DROP_DATABASE, &request.base);
        database_create(p, maker_databases[i]);
    }
    m.table_count = 0;
    for (uint32_t i = 0; maker_descriptors[i] != NULL && m.table_count < MAKE_TABLES_MAX; i++) {
        (void)peer_create_table(p, maker_databases[0], maker_tables[i], maker_descriptors[i]);
        const int64_t id = peer_table_id(p, maker_databases[0], maker_tables[i]);
        if (id >= 0)
            m.table_ids[m.table_count++] = id;
    }
    assert_true(m.table_count > 2);
}

static void
friend_set_up(void)
{
    wire_peer p;
    Fluss__InitWriterRequest init = FLUSS__INIT_WRITER_REQUEST__INIT;
    assert_true(peer_open(&p, fluss_server_address(server)));
    database_create(&p, "honest");
    friend_create(&p, "honest", "l", log_table);
    friend_create(&p, "honest", "k", key_table);
    friend.log_id = peer_table_id(&p, "honest", "l");
    friend.key_id = peer_table_id(&p, "honest", "k");
    const Fluss__InitWriterResponse *response = peer_call(&p, FLUSS_API_INIT_WRITER, &init.base);
    assert_non_null(response);
    friend.writer_id = response->writer_id;
    friend.base_offsets = calloc(1 << 20, sizeof *friend.base_offsets);
    memset(friend.values, 0xff, sizeof friend.values);
    victims_create(&p);
    peer_close(&p);
}

static void
friend_append(wire_peer *p)
{
    slu_buf batch;
    int64_t base = -1;
    slu_buf_init(&batch, 1 << 20);
    batch_make(&batch, friend.writer_id, friend.sequence, 1 + friend.sequence % 5, 100);
    const int32_t code = peer_produce(p, friend.log_id, 0, slu_buf_view(&batch), &base);
    if (code != 0)
        fail_msg("an honest append: %d", code);
    friend.base_offsets[friend.sequence++] = base;
    slu_buf_fini(&batch);
}

static void
friend_put(wire_peer *p, int32_t k, int64_t v)
{
    Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
    Fluss__PbPutKvReqForBucket b = FLUSS__PB_PUT_KV_REQ_FOR_BUCKET__INIT;
    Fluss__PbPutKvReqForBucket *list[1] = {&b};
    fluss_kv_writer w;
    slu_buf key, row, batch;
    slu_buf_init(&key, 100);
    slu_buf_init(&row, 100);
    slu_buf_init(&batch, 1000);
    slu_buf_varint(&key, (uint64_t)k);
    slu_buf_u8(&row, 0);
    slu_buf_append(&row, key.data, key.bytes);
    slu_buf_varint(&row, (uint64_t)v);
    fluss_kv_writer_begin(&w, &batch, 1, -1, -1);
    fluss_kv_writer_put(&w, slu_buf_view(&key), slu_buf_view(&row));
    fluss_kv_writer_end(&w);
    request.acks = -1;
    request.table_id = friend.key_id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    const Fluss__PutKvResponse *response = peer_call(p, FLUSS_API_PUT_KV, &request.base);
    assert_non_null(response);
    if (response->buckets_resp[0]->has_error_code)
        fail_msg("an honest put: %d %s", response->buckets_resp[0]->error_code, response->buckets_resp[0]->error_message);
    friend.values[k] = v;
    slu_buf_fini(&key);
    slu_buf_fini(&row);
    slu_buf_fini(&batch);
}

static void
friend_look_up(wire_peer *p, int32_t k)
{
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket b = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *list[1] = {&b};
    slu_buf key;
    slu_buf_init(&key, 10);
    slu_buf_varint(&key, (uint64_t)k);
    ProtobufCBinaryData keys[1] = {fluss_bytes_of(slu_buf_view(&key))};
    request.table_id = friend.key_id;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.n_keys = 1;
    b.keys = keys;
    const Fluss__LookupResponse *response = peer_call(p, FLUSS_API_LOOKUP, &request.base);
    assert_non_null(response);
    assert_int_equal(response->n_buckets_resp, 1);
    assert_int_equal(response->buckets_resp[0]->n_values, 1);
    const Fluss__PbValue *value = response->buckets_resp[0]->values[0];
    slu_cursor c = slu_cursor_of(value->values.data, value->has_values ? value->values.len : 0);
    slu_cursor_skip(&c, 3);
    (void)slu_cursor_varint(&c);
    const int64_t v = (int64_t)slu_cursor_varint(&c);
    assert_int_equal(slu_cursor_ok(&c) ? v : -1, friend.values[k]);
    slu_buf_fini(&key);
}

/* A new connection each time: a stranger must be let in. */
static void
friend_round(void)
{
    wire_peer p;
    const int64_t from_ms = slu_now_ms(&env);
    assert_true(peer_open(&p, fluss_server_address(server)));
    Fluss__MetadataRequest metadata = FLUSS__METADATA_REQUEST__INIT;
    assert_non_null(peer_call(&p, FLUSS_API_GET_METADATA, &metadata.base));
    for (int i = 0; i < 3; i++)
        friend_append(&p);
    const int32_t k = (int32_t)(friend.rounds % HONEST_KEYS);
    friend_put(&p, k, (int64_t) friend.rounds);
    friend_look_up(&p, k);
    const int64_t took_ms = slu_now_ms(&env) - from_ms;
    friend.slowest_ms = took_ms > friend.slowest_ms ? took_ms : friend.slowest_ms;
    if (++friend.rounds % FRESH_EVERY == 0)
        victims_create(&p);
    peer_close(&p);
}

static int64_t
batches_check(const Fluss__PbFetchLogRespForBucket *got, int64_t offset, int32_t *seen)
{
    slu_error err = {0};
    for (size_t at = 0; at < got->records.len;) {
        fluss_log_header head;
        CHECK_OK(fluss_log_peek(slu_view_of(got->records.data + at, got->records.len - at), &head, &err));
        CHECK_OK(fluss_log_verify(slu_view_of(got->records.data + at, head.batch_bytes), &head, &err));
        assert_int_equal(head.base_offset, offset);
        if (head.writer_id == friend.writer_id) {
            assert_int_equal(head.sequence, *seen);
            assert_int_equal(head.base_offset, friend.base_offsets[(*seen)++]);
        }
        offset = fluss_log_next_offset(&head);
        at += head.batch_bytes;
    }
    return offset;
}

/* Everything that was acknowledged is there. */
static void
friend_check(void)
{
    wire_peer p;
    int32_t seen = 0;
    assert_true(peer_open(&p, fluss_server_address(server)));
    const int64_t end = peer_offset(&p, friend.log_id, 0, 1);
    for (int64_t offset = 0; offset < end;) {
        Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
        Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
        Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
        Fluss__PbFetchLogReqForTable *tables[1] = {&table};
        Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
        request.follower_server_id = -1;
        request.max_bytes = 1 << 20;
        request.n_tables_req = 1;
        request.tables_req = tables;
        table.table_id = friend.log_id;
        table.n_buckets_req = 1;
        table.buckets_req = buckets;
        b.fetch_offset = offset;
        b.max_fetch_bytes = 1 << 20;
        const Fluss__FetchLogResponse *response = peer_call(&p, FLUSS_API_FETCH_LOG, &request.base);
        assert_non_null(response);
        assert_false(response->tables_resp[0]->buckets_resp[0]->has_error_code);
        offset = batches_check(response->tables_resp[0]->buckets_resp[0], offset, &seen);
    }
    assert_int_equal(seen, friend.sequence);
    for (int32_t k = 0; k < HONEST_KEYS; k++)
        friend_look_up(&p, k);
    peer_close(&p);
}

/* ---- The attackers ---- */

static void
attacker_close(attacker *a)
{
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
}

static void
attacker_open(attacker *a)
{
    const char *address = fluss_server_address(server);
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(a->fd >= 0);
    assert_int_equal(connect(a->fd, (struct sockaddr *)&to, sizeof to), 0);
    (void)fcntl(a->fd, F_SETFL, O_NONBLOCK);
    a->lied = a->close_when_sent = false;
    a->reads = maker_below(&m, 10) != 0;
    a->liar = maker_below(&m, 5) == 0;
    a->unanswered = 0;
    a->frames_left = 1 + maker_below(&m, 60);
    a->sent = 0;
    slu_buf_reset(&a->out);
    slu_buf_reset(&a->in);
}

/* A request of any API there is, served or not. */
static void
request_make(attacker *a, slu_buf *out)
{
    size_t count = 0;
    const fluss_api *apis = fluss_api_list(&count);
    const fluss_api *api = &apis[maker_below(&m, (uint32_t)count)];
    slu_buf body;
    slu_arena_reset(&arena);
    const ProtobufCMessage *message = maker_message(&m, api->request);
    if (message == NULL || slu_arena_status(&arena, NULL) != SLU_OK)
        return; /* larger than the arena */
    slu_buf_init(&body, (size_t)64 << 20);
    fluss_message_encode(message, &body);
    const bool mutated = maker_below(&m, 8) == 0;
    if (mutated)
        maker_mutate(&m, &body);
    const int16_t version = maker_below(&m, 40) == 0 ? (int16_t)maker_below(&m, 5) : api->version_max;
    const int32_t id = a->next_id++;
    a->apis[(uint32_t)id % IDS_MAX] = api->key;
    slu_buf_u32be(out, (uint32_t)(FLUSS_REQUEST_HEADER_BYTES + body.bytes));
    slu_buf_u16be(out, (uint16_t)api->key);
    slu_buf_u16be(out, (uint16_t)version);
    slu_buf_u32be(out, (uint32_t)id);
    slu_buf_append(out, body.data, body.bytes);
    slu_buf_fini(&body);
}

static void
attacker_say(attacker *a)
{
    static const uint32_t lengths[] = {0, 1, 7, 8, 9, 100, 1 << 20, (100u << 20) - 4, (100u << 20) - 3, INT32_MAX, UINT32_MAX};
    slu_buf_reset(&a->out);
    a->sent = 0;
    a->frames_left--;
    frames++;
    const uint32_t kind = a->liar ? 50 + maker_below(&m, 50) : 0;
    a->unanswered++;
    if (kind < 92)
        request_make(a, &a->out);
    if (kind >= 88 && kind < 92 && a->out.bytes > 12) { /* a length that lies, or a frame that ends too early */
        a->lied = true;
        slu_buf_patch_u32be(&a->out, 0, lengths[maker_below(&m, sizeof lengths / sizeof lengths[0])]);
        a->close_when_sent = maker_below(&m, 2) == 0;
    }
    if (kind >= 92) {
        a->lied = a->close_when_sent = true;
        for (uint32_t n = maker_below(&m, 64); n > 0; n--)
            slu_buf_u8(&a->out, (uint8_t)(kind < 96 ? 0 : maker_random(&m)));
    }
    if (trace != NULL) {
        if ((size_t)ftell(trace) > TRACE_BYTES_MAX)
            rewind(trace);
        (void)fwrite(a->out.data, 1, a->out.bytes, trace);
        (void)fflush(trace);
    }
}

/* What the server says is always a frame, and a message of its API. */
static void
answer_check(const attacker *a, slu_view frame)
{
    fluss_response_frame response;
    ProtobufCMessage *message = NULL;
    slu_error err = {0};
    CHECK_OK(fluss_response_decode(frame, &response, &err));
    answers++;
    refusals += response.type != FLUSS_RESPONSE_SUCCESS;
    slu_arena_reset(&arena);
    const fluss_api *api = fluss_api_find(a->apis[(uint32_t)response.request_id % IDS_MAX]);
    const ProtobufCMessageDescriptor *type =
        response.type == FLUSS_RESPONSE_SUCCESS ? api->response : &fluss__error_response__descriptor;
    slu_status status = fluss_message_decode(type, response.body, &arena, &message, &err);
    if (status != SLU_OK && type == &fluss__commit_lake_table_snapshot_response__descriptor) /* asked in 0.8's form */
        status =
            fluss_message_decode(&fluss__commit_lake_table_snapshot_response08__descriptor, response.body, &arena, &message, &err);
    if (status != SLU_OK)
        fail_msg("%s", err.message);
}

/* False: the connection is over. */
static bool
attacker_hear(attacker *a)
{
    if (!a->reads)
        return true;
    uint8_t *room = slu_buf_extend(&a->in, 65536);
    assert_non_null(room);
    const ssize_t n = recv(a->fd, room, 65536, 0);
    a->in.bytes -= 65536 - (n > 0 ? (size_t)n : 0);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return false;
    size_t at = 0;
    size_t bytes = 0;
    slu_error err = {0};
    while (!a->lied &&
           fluss_response_peek(slu_view_of(a->in.data + at, a->in.bytes - at), FLUSS_RESPONSE_BYTES_MAX, &bytes, &err) == SLU_OK) {
        answer_check(a, slu_view_of(a->in.data + at, bytes));
        a->unanswered -= a->unanswered > 0;
        at += bytes;
    }
    if (a->lied)
        at = a->in.bytes;
    memmove(a->in.data, a->in.data + at, a->in.bytes - at);
    a->in.bytes -= at;
    return true;
}

static void
attacker_step(attacker *a)
{
    if (a->fd < 0)
        attacker_open(a);
    if (a->sent == a->out.bytes && (a->frames_left == 0 || a->close_when_sent)) {
        if (maker_below(&m, 20) == 0 || a->close_when_sent)
            attacker_close(a); /* most stay a while and listen */
        else
            a->close_when_sent = !attacker_hear(a);
        return;
    }
    if (a->sent == a->out.bytes && a->reads && a->unanswered > PIPELINED && maker_below(&m, 100) != 0) {
        if (!attacker_hear(a))
            attacker_close(a);
        return;
    }
    if (a->sent == a->out.bytes)
        attacker_say(a);
    const ssize_t n = send(a->fd, a->out.data + a->sent, a->out.bytes - a->sent, MSG_NOSIGNAL);
    if (n > 0)
        a->sent += (size_t)n;
    if ((n < 0 && errno != EAGAIN) || !attacker_hear(a) || (n < 0 && maker_below(&m, 50) == 0))
        attacker_close(a);
}

static void
the_server_withstands(void **state)
{
    (void)state;
    attacker attackers[ATTACKERS] = {0};
    const char *seconds = getenv("SLUICE_SECONDS");
    const int64_t until_ms = slu_now_ms(&env) + 1000 * (seconds == NULL ? 3 : atoi(seconds));
    int64_t next_ms = 0;
    for (int i = 0; i < ATTACKERS; i++) {
        attackers[i].fd = -1;
        slu_buf_init(&attackers[i].out, (size_t)256 << 20);
        slu_buf_init(&attackers[i].in, (size_t)300 << 20);
    }
    friend_set_up();
    while (slu_now_ms(&env) < until_ms) {
        for (int i = 0; i < ATTACKERS; i++)
            attacker_step(&attackers[i]);
        if (slu_now_ms(&env) >= next_ms) {
            friend_round();
            next_ms = slu_now_ms(&env) + HONEST_EVERY_MS;
        }
    }
    for (int i = 0; i < ATTACKERS; i++) {
        attacker_close(&attackers[i]);
        slu_buf_fini(&attackers[i].out);
        slu_buf_fini(&attackers[i].in);
    }
    friend_check();
    fluss_server_close(&server);
    server_up();
    friend_check();
    friend_round();
    (void)printf("  %" PRIu64 " frames, %" PRIu64 " answers, %" PRIu64 " of them errors; %" PRIu64
                 " honest rounds, the slowest %" PRId64 " ms\n",
                 frames, answers, refusals, friend.rounds, friend.slowest_ms);
    free(friend.base_offsets);
}

static int
set_up(void **state)
{
    (void)state;
    const char *seed = getenv("SLUICE_SEED");
    slu_env_init_system(&env, SLU_LOG_ERROR);
    m.random = seed == NULL ? 20260 : strtoull(seed, NULL, 10);
    m.arena = &arena;
    slu_arena_init(&arena, (size_t)64 << 20);
    (void)printf("fluss.server.storm: SLUICE_SEED=%" PRIu64 "\n", m.random);
    trace = getenv("SLUICE_TRACE") == NULL ? NULL : fopen(getenv("SLUICE_TRACE"), "wbe");
    (void)snprintf(dir, sizeof dir, "/tmp/slu_attack_XXXXXX");
    assert_non_null(mkdtemp(dir));
    server_up();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_server_close(&server);
    slu_arena_fini(&arena);
    CHECK_OK(slu_dir_remove(dir, &err));
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_server_withstands)};
    return cmocka_run_group_tests_name("fluss.server.storm", tests, set_up, tear_down);
}
