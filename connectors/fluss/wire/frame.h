/*
 * frame.h: how Fluss cuts a TCP stream into requests and responses. Plain integers are big endian.
 *
 *   request   offset 0 i32 length of the rest (8 + body)   4 i16 api key   6 i16 api version   8 i32 request id   12 body
 *   response  offset 0 i32 length of the rest              4 i8 type       5 i32 request id (types 0, 1)          9 body
 *             type 0 success: the API's response message; 1 error: ErrorResponse, the connection stays usable;
 *             type 2 server failure: an ErrorResponse at 5 without a request id, the connection is closed after it.
 *
 * Use      peek until it stops answering MORE, decode that many bytes, consume them.
 * Owns     nothing: bodies are borrowed from the input.
 * Threads  any.
 * Errors   MORE: the frame is not there yet. CORRUPT: a length or type that cannot be.
 */
#ifndef FLUSS_WIRE_FRAME_H
#define FLUSS_WIRE_FRAME_H

#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define FLUSS_FRAME_PREFIX_BYTES 4
#define FLUSS_REQUEST_HEADER_BYTES 8                 /* after the prefix */
#define FLUSS_FRAME_BYTES_MAX ((size_t)100 << 20)    /* netty.server.max-request-size, prefix included */
#define FLUSS_RESPONSE_BYTES_MAX ((size_t)256 << 20) /* a client takes no larger answer */

#define FLUSS_RESPONSE_SUCCESS 0
#define FLUSS_RESPONSE_ERROR 1
#define FLUSS_RESPONSE_SERVER_FAILURE 2

typedef struct fluss_request_frame {
    int16_t api_key;
    int16_t api_version;
    int32_t request_id;
    slu_view body;
} fluss_request_frame;

typedef struct fluss_response_frame {
    uint8_t type;       /* FLUSS_RESPONSE_ */
    int32_t request_id; /* 0 for a server failure */
    slu_view body;
} fluss_response_frame;

/* *out_bytes: how many bytes from the start of `in` the frame takes, prefix included; set with OK (the frame is there) and with
 * MORE once the prefix is known (0 before): a reader may make room for that many. */
SLU_CHECK slu_status fluss_request_peek(slu_view in, size_t frame_bytes_max, size_t *out_bytes, slu_error *err);
SLU_CHECK slu_status fluss_response_peek(slu_view in, size_t frame_bytes_max, size_t *out_bytes, slu_error *err);

/* `frame`: exactly one frame as peek measured it. */
SLU_CHECK slu_status fluss_request_decode(slu_view frame, fluss_request_frame *out, slu_error *err);
SLU_CHECK slu_status fluss_response_decode(slu_view frame, fluss_response_frame *out, slu_error *err);

/* Appenders: a failure shows in the buffer's status. */
void fluss_request_encode(slu_buf *out, int16_t api_key, int16_t api_version, int32_t request_id, const ProtobufCMessage *body);
void fluss_response_encode(slu_buf *out, int32_t request_id, const ProtobufCMessage *body);
/* `message` may be NULL. */
void fluss_response_error_encode(slu_buf *out, int32_t request_id, int32_t code, const char *message);
void fluss_response_failure_encode(slu_buf *out, int32_t code, const char *message);

/* The same for a transport that cuts the frames itself (runtime/net with frame_bytes_max): `rest` is a frame without its length
 * prefix, and the encoders append one without it. */
SLU_CHECK slu_status fluss_request_decode_rest(slu_view rest, fluss_request_frame *out, slu_error *err);
SLU_CHECK slu_status fluss_response_decode_rest(slu_view rest, fluss_response_frame *out, slu_error *err);
void fluss_request_encode_rest(slu_buf *out, int16_t api_key, int16_t api_version, int32_t request_id,
                               const ProtobufCMessage *body);
void fluss_response_encode_rest(slu_buf *out, int32_t request_id, const ProtobufCMessage *body);
void fluss_response_error_encode_rest(slu_buf *out, int32_t request_id, int32_t code, const char *message);
void fluss_response_failure_encode_rest(slu_buf *out, int32_t code, const char *message);

#endif
