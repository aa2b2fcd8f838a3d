/*
 * fake_cluster.h: servers that do what a test tells them: two nodes on sockets of this process, stepped by the test. They keep no
 * data; they judge the order of batches as Fluss does and say what the script says.
 *
 * Answers  API_VERSIONS, GET_METADATA, GET_TABLE_INFO, INIT_WRITER, PRODUCE_LOG, FETCH_LOG (empty, at once), LOOKUP (nothing found).
 * Script   the fields of `fake`: leaders, the table's id, codes to answer with, silence. Counters say what came.
 */
#ifndef TESTS_FAULT_FAKE_CLUSTER_H
#define TESTS_FAULT_FAKE_CLUSTER_H

#include "support/check.h"

#include "fluss/client/client.h"
#include "fluss/record/log_batch.h"
#include "fluss/wire/error.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define FAKE_NODES 2
#define FAKE_CONNS 64
#define FAKE_BUCKETS 2
#define FAKE_ACCEPT 0
#define FAKE_REFUSE 1 /* accepts and closes at once */

typedef struct fake_node {
    int listener;
    uint16_t port;
    int mode;          /* FAKE_ */
    bool silent;       /* takes requests and says nothing, not even to a handshake */
    bool mute;         /* the same, but for handshakes */
    bool garbage;      /* answers PRODUCE_LOG with bytes that are no message */
    uint32_t accepted; /* connections */
    uint32_t requests;
    int conns[FAKE_CONNS];
    slu_buf input[FAKE_CONNS];
} fake_node;

static struct {
    fake_node nodes[FAKE_NODES];
    const char *json;
    int64_t table_id;
    int32_t leaders[FAKE_BUCKETS]; /* a node; -1: none */
    bool misled;                   /* metadata names leaders as it likes; whoever is asked serves only what it leads in `real` */
    int32_t real[FAKE_BUCKETS];
    int32_t table_error;         /* GET_METADATA with a table is answered with it */
    int32_t codes[FAKE_BUCKETS]; /* the next `code_times` answers of PRODUCE_LOG, FETCH_LOG, LOOKUP of the bucket */
    int32_t code_times[FAKE_BUCKETS];
    bool serial;                    /* batches in their order only: else 31 */
    bool failure;                   /* the next PRODUCE_LOG: SERVER_FAILURE and the connection's end */
    int32_t expected[FAKE_BUCKETS]; /* the next sequence */
    int64_t stored[FAKE_BUCKETS];   /* rows */
    uint32_t produced;              /* batches that came */
    uint32_t unanswered[FAKE_BUCKETS];
    uint32_t unanswered_max; /* of any bucket, ever */
    uint32_t metadata;
    uint32_t fetched;
    uint32_t looked_up;
} fake;

static inline void
fake_listen(fake_node *node)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(node->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    const int one = 1;
    node->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(node->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(node->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(node->listener, 64), 0);
    assert_int_equal(getsockname(node->listener, (struct sockaddr *)&at, &bytes), 0);
    node->port = ntohs(at.sin_port);
}

static inline void
fake_hang_up(fake_node *node, int i)
{
    if (node->conns[i] >= 0)
        (void)close(node->conns[i]);
    memset(fake.unanswered, 0, sizeof fake.unanswered); /* nobody waits for them any more */
    node->conns[i] = -1;
    slu_buf_reset(&node->input[i]);
}

static inline void
fake_hang_up_all(fake_node *node)
{
    for (int i = 0; i < FAKE_CONNS; i++)
        fake_hang_up(node, i);
}

static inline void
fake_open(const char *json)
{
    memset(&fake, 0, sizeof fake);
    fake.json = json;
    fake.table_id = 7;
    for (int n = 0; n < FAKE_NODES; n++) {
        for (int i = 0; i < FAKE_CONNS; i++) {
            fake.nodes[n].conns[i] = -1;
            slu_buf_init(&fake.nodes[n].input[i], FLUSS_FRAME_BYTES_MAX);
        }
        fake_listen(&fake.nodes[n]);
    }
}

static inline void
fake_close(void)
{
    for (int n = 0; n < FAKE_NODES; n++) {
        fake_hang_up_all(&fake.nodes[n]);
        (void)close(fake.nodes[n].listener);
        for (int i = 0; i < FAKE_CONNS; i++)
            slu_buf_fini(&fake.nodes[n].input[i]);
    }
}

static inline void
fake_send(fake_node *node, int i, slu_buf *frame)
{
    for (size_t at = 0; at < frame->bytes;) {
        const ssize_t n = send(node->conns[i], frame->data + at, frame->bytes - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    slu_buf_fini(frame);
}

static inline void
fake_answer(fake_node *node, int i, int32_t id, const ProtobufCMessage *message)
{
    slu_buf frame;
    slu_buf_init(&frame, 1 << 20);
    fluss_response_encode(&frame, id, message);
    fake_send(node, i, &frame);
}

static inline void
fake_refuse(fake_node *node, int i, int32_t id, int32_t code)
{
    slu_buf frame;
    slu_buf_init(&frame, 1 << 20);
    fluss_response_error_encode(&frame, id, code, "as the test wants it");
    fake_send(node, i, &frame);
}

static inline void
fake_versions(fake_node *node, int i, int32_t id)
{
    Fluss__ApiVersionsResponse response = FLUSS__API_VERSIONS_RESPONSE__INIT;
    Fluss__PbApiVersion versions[100];
    Fluss__PbApiVersion *pointers[100];
    size_t count = 0;
    const fluss_api *apis = fluss_api_list(&count);
    for (size_t at = 0; at < count; at++) {
        fluss__pb_api_version__init(&versions[at]);
        versions[at].api_key = apis[at].key;
        versions[at].min_version = apis[at].version_min;
        versions[at].max_version = apis[at].version_max;
        pointers[at] = &versions[at];
    }
    response.n_api_versions = count;
    response.api_versions = pointers;
    fake_answer(node, i, id, &response.base);
}

static inline void
fake_metadata(fake_node *node, int i, int32_t id, const Fluss__MetadataRequest *request)
{
    Fluss__MetadataResponse response = FLUSS__METADATA_RESPONSE__INIT;
    Fluss__PbServerNode servers[FAKE_NODES];
    Fluss__PbServerNode *server_list[FAKE_NODES];
    Fluss__PbTableMetadata table = FLUSS__PB_TABLE_METADATA__INIT;
    Fluss__PbTableMetadata *tables[1] = {&table};
    Fluss__PbBucketMetadata buckets[FAKE_BUCKETS];
    Fluss__PbBucketMetadata *bucket_list[FAKE_BUCKETS];
    fake.metadata++;
    if (request->n_table_path > 0 && fake.table_error != 0) {
        fake_refuse(node, i, id, fake.table_error);
        return;
    }
    for (int n = 0; n < FAKE_NODES; n++) {
        fluss__pb_server_node__init(&servers[n]);
        servers[n].node_id = n;
        servers[n].host = (char *)(uintptr_t) "127.0.0.1";
        servers[n].port = fake.nodes[n].port;
        server_list[n] = &servers[n];
    }
    for (int b = 0; b < FAKE_BUCKETS; b++) {
        fluss__pb_bucket_metadata__init(&buckets[b]);
        buckets[b].bucket_id = b;
        buckets[b].has_leader_id = fake.leaders[b] >= 0;
        buckets[b].leader_id = fake.leaders[b];
        bucket_list[b] = &buckets[b];
    }
    response.coordinator_server = &servers[0];
    response.n_tablet_servers = FAKE_NODES;
    response.tablet_servers = server_list;
    if (request->n_table_path > 0) {
        table.table_path = request->table_path[0];
        table.table_id = fake.table_id;
        table.schema_id = 1;
        table.table_json = fluss_bytes_of(slu_view_of_text(fake.json));
        table.n_bucket_metadata = FAKE_BUCKETS;
        table.bucket_metadata = bucket_list;
        response.n_table_metadata = 1;
        response.table_metadata = tables;
    }
    fake_answer(node, i, id, &response.base);
}

/* What the bucket says now: the script's code, or that it is not led here. */
static inline int32_t
fake_code(const fake_node *node, int32_t bucket)
{
    if (bucket < 0 || bucket >= FAKE_BUCKETS)
        return FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION;
    if (fake.misled && &fake.nodes[fake.real[bucket]] != node)
        return FLUSS_ERROR_NOT_LEADER_OR_FOLLOWER;
    if (fake.code_times[bucket] == 0)
        return 0;
    fake.code_times[bucket] -= fake.code_times[bucket] > 0;
    return fake.codes[bucket];
}

static inline void
fake_produce(fake_node *node, int i, int32_t id, const Fluss__ProduceLogRequest *request)
{
    Fluss__ProduceLogResponse response = FLUSS__PRODUCE_LOG_RESPONSE__INIT;
    Fluss__PbProduceLogRespForBucket parts[FAKE_BUCKETS];
    Fluss__PbProduceLogRespForBucket *list[FAKE_BUCKETS];
    for (size_t at = 0; at < request->n_buckets_req && at < FAKE_BUCKETS; at++) {
        const Fluss__PbProduceLogReqForBucket *of = request->buckets_req[at];
        fluss_log_header head;
        slu_error err = {0};
        CHECK_OK(fluss_log_verify(fluss_bytes_view(&of->records), &head, &err));
        fluss__pb_produce_log_resp_for_bucket__init(&parts[at]);
        list[at] = &parts[at];
        parts[at].bucket_id = of->bucket_id;
        fake.produced++;
        int32_t code = fake_code(node, of->bucket_id);
        if (code == 0 && fake.serial && head.sequence > fake.expected[of->bucket_id])
            code = FLUSS_ERROR_OUT_OF_ORDER_SEQUENCE_EXCEPTION;
        parts[at].has_error_code = code != 0;
        parts[at].error_code = code;
        if (code != 0)
            continue;
        if (head.sequence == fake.expected[of->bucket_id]) {
            fake.expected[of->bucket_id]++;
            fake.stored[of->bucket_id] += head.record_count;
        }
        parts[at].has_base_offset = 1;
        parts[at].base_offset = fake.stored[of->bucket_id] - head.record_count;
    }
    response.n_buckets_resp = request->n_buckets_req;
    response.buckets_resp = list;
    fake_answer(node, i, id, &response.base);
}

static inline void
fake_fetch(fake_node *node, int i, int32_t id, const Fluss__FetchLogRequest *request)
{
    Fluss__FetchLogResponse response = FLUSS__FETCH_LOG_RESPONSE__INIT;
    Fluss__PbFetchLogRespForTable table = FLUSS__PB_FETCH_LOG_RESP_FOR_TABLE__INIT;
    Fluss__PbFetchLogRespForTable *tables[1] = {&table};
    Fluss__PbFetchLogRespForBucket parts[FAKE_BUCKETS];
    Fluss__PbFetchLogRespForBucket *list[FAKE_BUCKETS];
    const Fluss__PbFetchLogReqForTable *of = request->tables_req[0];
    fake.fetched++;
    for (size_t at = 0; at < of->n_buckets_req && at < FAKE_BUCKETS; at++) {
        fluss__pb_fetch_log_resp_for_bucket__init(&parts[at]);
        list[at] = &parts[at];
        parts[at].bucket_id = of->buckets_req[at]->bucket_id;
        parts[at].error_code = fake_code(node, parts[at].bucket_id);
        parts[at].has_error_code = parts[at].error_code != 0;
        parts[at].has_high_watermark = parts[at].error_code == 0;
    }
    table.table_id = of->table_id;
    table.n_buckets_resp = of->n_buckets_req;
    table.buckets_resp = list;
    response.n_tables_resp = 1;
    response.tables_resp = tables;
    fake_answer(node, i, id, &response.base);
}

static inline void
fake_look_up(fake_node *node, int i, int32_t id, const Fluss__LookupRequest *request)
{
    Fluss__LookupResponse response = FLUSS__LOOKUP_RESPONSE__INIT;
    Fluss__PbLookupRespForBucket part = FLUSS__PB_LOOKUP_RESP_FOR_BUCKET__INIT;
    Fluss__PbLookupRespForBucket *parts[1] = {&part};
    Fluss__PbValue none = FLUSS__PB_VALUE__INIT;
    Fluss__PbValue *values[64];
    fake.looked_up++;
    part.bucket_id = request->buckets_req[0]->bucket_id;
    part.error_code = fake_code(node, part.bucket_id);
    part.has_error_code = part.error_code != 0;
    part.n_values = part.error_code != 0 ? 0 : request->buckets_req[0]->n_keys;
    assert_true(part.n_values <= 64);
    for (size_t at = 0; at < part.n_values; at++)
        values[at] = &none;
    part.values = values;
    response.n_buckets_resp = 1;
    response.buckets_resp = parts;
    fake_answer(node, i, id, &response.base);
}

static inline void
fake_keep_waiting(const Fluss__ProduceLogRequest *request)
{
    for (size_t at = 0; at < request->n_buckets_req; at++) {
        const uint32_t now = ++fake.unanswered[request->buckets_req[at]->bucket_id];
        fake.unanswered_max = now > fake.unanswered_max ? now : fake.unanswered_max;
    }
}

static inline void
fake_request(fake_node *node, int i, const fluss_request_frame *frame)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena;
    ProtobufCMessage *message = NULL;
    slu_error err = {0};
    const fluss_api *api = fluss_api_find(frame->api_key);
    slu_arena_init(&arena, (size_t)256 << 20);
    assert_non_null(api);
    CHECK_OK(fluss_message_decode(api->request, frame->body, &arena, &message, &err));
    node->requests++;
    if (node->silent || (node->mute && frame->api_key != FLUSS_API_API_VERSIONS)) {
        if (frame->api_key == FLUSS_API_PRODUCE_LOG)
            fake_keep_waiting((const Fluss__ProduceLogRequest *)message);
        return;
    }
    slu_buf raw;
    switch (frame->api_key) {
    case FLUSS_API_API_VERSIONS: fake_versions(node, i, frame->request_id); break;
    case FLUSS_API_GET_METADATA: fake_metadata(node, i, frame->request_id, (const Fluss__MetadataRequest *)message); break;
    case FLUSS_API_GET_TABLE_INFO: {
        Fluss__GetTableInfoResponse response = FLUSS__GET_TABLE_INFO_RESPONSE__INIT;
        response.table_id = fake.table_id;
        response.schema_id = 1;
        response.table_json = fluss_bytes_of(slu_view_of_text(fake.json));
        fake_answer(node, i, frame->request_id, &response.base);
        break;
    }
    case FLUSS_API_INIT_WRITER: {
        Fluss__InitWriterResponse response = FLUSS__INIT_WRITER_RESPONSE__INIT;
        response.writer_id = 99;
        fake_answer(node, i, frame->request_id, &response.base);
        break;
    }
    case FLUSS_API_PRODUCE_LOG:
        if (!node->garbage && !fake.failure) {
            fake_produce(node, i, frame->request_id, (const Fluss__ProduceLogRequest *)message);
            break;
        }
        slu_buf_init(&raw, 1000);
        if (fake.failure) {
            fluss_response_failure_encode(&raw, FLUSS_ERROR_UNKNOWN_SERVER_ERROR, "the server fails");
        } else {
            slu_buf_u32be(&raw, 5 + 3);
            slu_buf_u8(&raw, FLUSS_RESPONSE_SUCCESS);
            slu_buf_u32be(&raw, (uint32_t)frame->request_id);
            slu_buf_append(&raw, "\xff\xff\xff", 3);
        }
        fake_send(node, i, &raw);
        if (fake.failure)
            fake_hang_up(node, i);
        fake.failure = false;
        break;
    case FLUSS_API_FETCH_LOG: fake_fetch(node, i, frame->request_id, (const Fluss__FetchLogRequest *)message); break;
    case FLUSS_API_LOOKUP: fake_look_up(node, i, frame->request_id, (const Fluss__LookupRequest *)message); break;
    default: fake_refuse(node, i, frame->request_id, FLUSS_ERROR_UNSUPPORTED_VERSION);
    }
}

static inline void
fake_hear(fake_node *node, int i)
{
    slu_error err = {0};
    size_t bytes = 0;
    slu_buf *in = &node->input[i];
    uint8_t *room = slu_buf_extend(in, 1 << 20);
    const ssize_t n = recv(node->conns[i], room, 1 << 20, 0);
    in->bytes -= (size_t)(1 << 20) - (n > 0 ? (size_t)n : 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        fake_hang_up(node, i);
        return;
    }
    while (node->conns[i] >= 0 && fluss_request_peek(slu_buf_view(in), FLUSS_FRAME_BYTES_MAX, &bytes, &err) == SLU_OK) {
        fluss_request_frame frame;
        slu_buf one;
        slu_buf_init(&one, FLUSS_FRAME_BYTES_MAX);
        slu_buf_append(&one, in->data, bytes);
        memmove(in->data, in->data + bytes, in->bytes - bytes);
        in->bytes -= bytes;
        CHECK_OK(fluss_request_decode(slu_buf_view(&one), &frame, &err));
        fake_request(node, i, &frame);
        slu_buf_fini(&one);
    }
}

/* One round of both nodes. */
static inline void
fake_step(void)
{
    for (int n = 0; n < FAKE_NODES; n++) {
        fake_node *node = &fake.nodes[n];
        const int fd = node->listener < 0 ? -1 : accept4(node->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int at = 0;
        while (fd >= 0 && at < FAKE_CONNS && node->conns[at] >= 0)
            at++;
        if (fd >= 0) {
            node->accepted++;
            assert_true(at < FAKE_CONNS);
            if (node->mode == FAKE_REFUSE)
                (void)close(fd);
            else
                node->conns[at] = fd;
        }
        for (int i = 0; i < FAKE_CONNS; i++)
            if (node->conns[i] >= 0)
                fake_hear(node, i);
    }
}

#endif
