/* wire_peer.h: a client that speaks raw frames over a blocking socket, one request at a time; for tests of the table server. */
#ifndef TESTS_FLUSS_WIRE_PEER_H
#define TESTS_FLUSS_WIRE_PEER_H

#include "support/check.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "fluss/wire/api.h"
#include "fluss/wire/error.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef struct wire_peer {
    int fd;
    int32_t next_id;
    slu_arena arena; /* of the last answer */
    slu_buf frame;
    int32_t error_code; /* of the last answer; 0: it was a success */
    char error_message[1024];
    bool closed; /* the server ended the connection */
    uint8_t last_type;
} wire_peer;

static inline bool
peer_open(wire_peer *p, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    memset(p, 0, sizeof *p);
    slu_arena_init(&p->arena, (size_t)256 << 20);
    slu_buf_init(&p->frame, (size_t)256 << 20);
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0;
}

static inline void
peer_close(wire_peer *p)
{
    (void)close(p->fd);
    slu_arena_fini(&p->arena);
    slu_buf_fini(&p->frame);
}

static inline bool
peer_write(wire_peer *p, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes != 0) {
        const ssize_t n = send(p->fd, at, bytes, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

static inline bool
peer_read(wire_peer *p, void *data, size_t bytes)
{
    uint8_t *at = data;
    while (bytes != 0) {
        struct pollfd ready = {p->fd, POLLIN, 0};
        if (poll(&ready, 1, 20000) <= 0)
            return false;
        const ssize_t n = recv(p->fd, at, bytes, 0);
        if (n <= 0) {
            p->closed = true;
            return false;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

static inline int32_t
peer_send(wire_peer *p, int16_t api, const ProtobufCMessage *body)
{
    slu_buf out;
    slu_buf_init(&out, (size_t)100 << 20);
    fluss_request_encode(&out, api, fluss_api_find(api)->version_max, ++p->next_id, body);
    assert_int_equal(out.failed, SLU_OK);
    const bool sent = peer_write(p, out.data, out.bytes);
    slu_buf_fini(&out);
    return sent ? p->next_id : -1;
}

/* The next answer of any request. False: the connection is over. */
static inline bool
peer_receive(wire_peer *p, fluss_response_frame *out)
{
    uint8_t prefix[4];
    slu_error err;
    if (!peer_read(p, prefix, 4))
        return false;
    const size_t bytes = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    slu_buf_reset(&p->frame);
    if (!peer_read(p, slu_buf_extend(&p->frame, bytes), bytes))
        return false;
    CHECK_OK(fluss_response_decode_rest(slu_buf_view(&p->frame), out, &err));
    p->last_type = out->type;
    return true;
}

/* The message of an answer; NULL for an error, which is then in error_code and error_message. */
static inline const void *
peer_decode(wire_peer *p, const fluss_response_frame *frame, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = NULL;
    slu_error err;
    const bool failed = frame->type != FLUSS_RESPONSE_SUCCESS;
    slu_arena_reset(&p->arena);
    p->error_code = 0;
    CHECK_OK(fluss_message_decode(failed ? &fluss__error_response__descriptor : type, frame->body, &p->arena, &message, &err));
    if (!failed)
        return message;
    const Fluss__ErrorResponse *error = (const Fluss__ErrorResponse *)message;
    p->error_code = error->error_code;
    (void)snprintf(p->error_message, sizeof p->error_message, "%s", error->error_message == NULL ? "" : error->error_message);
    return NULL;
}

/* Sends and waits for the answer. NULL: an error (error_code), or the connection is over (closed). */
static inline const void *
peer_call(wire_peer *p, int16_t api, const ProtobufCMessage *body)
{
    fluss_response_frame frame;
    const int32_t id = peer_send(p, api, body);
    if (id < 0 || !peer_receive(p, &frame))
        return NULL;
    if (frame.type != FLUSS_RESPONSE_SERVER_FAILURE)
        assert_int_equal(frame.request_id, id);
    return peer_decode(p, &frame, fluss_api_find(api)->response);
}

/* ---- the calls that tests make most ---- */

static inline Fluss__PbTablePath
peer_path(const char *database, const char *table)
{
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    path.database_name = (char *)(uintptr_t)database;
    path.table_name = (char *)(uintptr_t)table;
    return path;
}

static inline bool
peer_create_table(wire_peer *p, const char *database, const char *table, const char *json)
{
    Fluss__CreateTableRequest request = FLUSS__CREATE_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path(database, table);
    request.table_path = &path;
    request.table_json = fluss_bytes_of(slu_view_of_text(json));
    return peer_call(p, FLUSS_API_CREATE_TABLE, &request.base) != NULL;
}

static inline int64_t
peer_table_id(wire_peer *p, const char *database, const char *table)
{
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path(database, table);
    request.table_path = &path;
    const Fluss__GetTableInfoResponse *response = peer_call(p, FLUSS_API_GET_TABLE_INFO, &request.base);
    return response == NULL ? -1 : response->table_id;
}

/* One batch to one bucket. The bucket's error code (0: none), or -100 without an answer. */
static inline int32_t
peer_produce(wire_peer *p, int64_t table_id, int32_t bucket, slu_view records, int64_t *out_base)
{
    Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbProduceLogReqForBucket *list[1] = {&b};
    request.acks = -1;
    request.table_id = table_id;
    request.timeout_ms = 1000;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.bucket_id = bucket;
    b.records = fluss_bytes_of(records);
    const Fluss__ProduceLogResponse *response = peer_call(p, FLUSS_API_PRODUCE_LOG, &request.base);
    if (response == NULL)
        return -100;
    assert_int_equal(response->n_buckets_resp, 1);
    if (out_base != NULL)
        *out_base = response->buckets_resp[0]->base_offset;
    return response->buckets_resp[0]->has_error_code ? response->buckets_resp[0]->error_code : 0;
}

static inline int64_t
peer_offset(wire_peer *p, int64_t table_id, int32_t bucket, int32_t type)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    request.follower_server_id = -1;
    request.offset_type = type;
    request.table_id = table_id;
    request.n_bucket_id = 1;
    request.bucket_id = &bucket;
    const Fluss__ListOffsetsResponse *response = peer_call(p, FLUSS_API_LIST_OFFSETS, &request.base);
    return response == NULL || response->buckets_resp[0]->has_error_code ? -1 : response->buckets_resp[0]->offset;
}

#endif
