/* frame.c: see the map in frame.h. */
#include "frame.h"

#include "base/cursor.h"
#include "fluss/wire/fluss_api.pb-c.h"
#include "message.h"

#define RESPONSE_BYTES_MIN 1 /* the type */

static slu_status
frame_peek(slu_view in, size_t rest_min, size_t frame_bytes_max, const char *what, size_t *out_bytes, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(in);
    *out_bytes = 0;
    if (in.bytes < FLUSS_FRAME_PREFIX_BYTES)
        return SLU_MORE;
    const uint32_t rest = slu_cursor_u32be(&cursor);
    if (rest < rest_min)
        return slu_error_set(err, SLU_CORRUPT, "fluss %s: a frame of %u bytes is shorter than its header", what, rest);
    if (rest > frame_bytes_max - FLUSS_FRAME_PREFIX_BYTES)
        return slu_error_set(err, SLU_CORRUPT, "fluss %s: a frame of %u bytes is above the maximum of %zu", what, rest,
                             frame_bytes_max);
    *out_bytes = FLUSS_FRAME_PREFIX_BYTES + (size_t)rest;
    return in.bytes < *out_bytes ? SLU_MORE : SLU_OK;
}

slu_status
fluss_request_peek(slu_view in, size_t frame_bytes_max, size_t *out_bytes, slu_error *err)
{
    return frame_peek(in, FLUSS_REQUEST_HEADER_BYTES, frame_bytes_max, "request", out_bytes, err);
}

slu_status
fluss_response_peek(slu_view in, size_t frame_bytes_max, size_t *out_bytes, slu_error *err)
{
    return frame_peek(in, RESPONSE_BYTES_MIN, frame_bytes_max, "response", out_bytes, err);
}

static slu_status
frame_body(slu_cursor *cursor, const char *what, slu_view *out, slu_error *err)
{
    *out = slu_cursor_view(cursor, slu_cursor_left(cursor));
    if (!slu_cursor_ok(cursor))
        return slu_error_set(err, SLU_CORRUPT, "fluss %s: the frame ends within its header", what);
    return SLU_OK;
}

slu_status
fluss_request_decode_rest(slu_view rest, fluss_request_frame *out, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(rest);
    fluss_request_frame request;
    request.api_key = (int16_t)slu_cursor_u16be(&cursor);
    request.api_version = (int16_t)slu_cursor_u16be(&cursor);
    request.request_id = (int32_t)slu_cursor_u32be(&cursor);
    SLU_TRY(frame_body(&cursor, "request", &request.body, err));
    *out = request;
    return SLU_OK;
}

slu_status
fluss_response_decode_rest(slu_view rest, fluss_response_frame *out, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(rest);
    fluss_response_frame response = {0};
    response.type = slu_cursor_u8(&cursor);
    if (response.type > FLUSS_RESPONSE_SERVER_FAILURE)
        return slu_error_set(err, SLU_CORRUPT, "fluss response: unknown type %u", response.type);
    if (response.type != FLUSS_RESPONSE_SERVER_FAILURE)
        response.request_id = (int32_t)slu_cursor_u32be(&cursor);
    SLU_TRY(frame_body(&cursor, "response", &response.body, err));
    *out = response;
    return SLU_OK;
}

/* What follows the length prefix; a frame too short for one leaves nothing, which the header check then refuses. */
static slu_view
frame_rest(slu_view frame)
{
    const size_t skipped = frame.bytes < FLUSS_FRAME_PREFIX_BYTES ? frame.bytes : FLUSS_FRAME_PREFIX_BYTES;
    return slu_view_of(frame.data + skipped, frame.bytes - skipped);
}

slu_status
fluss_request_decode(slu_view frame, fluss_request_frame *out, slu_error *err)
{
    return fluss_request_decode_rest(frame_rest(frame), out, err);
}

slu_status
fluss_response_decode(slu_view frame, fluss_response_frame *out, slu_error *err)
{
    return fluss_response_decode_rest(frame_rest(frame), out, err);
}

/* Everything after `start` is the rest of the frame that begins there. */
static void
frame_end(slu_buf *out, size_t start)
{
    if (out->failed == SLU_OK)
        slu_buf_patch_u32be(out, start, (uint32_t)(out->bytes - start - FLUSS_FRAME_PREFIX_BYTES));
}

void
fluss_request_encode_rest(slu_buf *out, int16_t api_key, int16_t api_version, int32_t request_id, const ProtobufCMessage *body)
{
    slu_buf_u16be(out, (uint16_t)api_key);
    slu_buf_u16be(out, (uint16_t)api_version);
    slu_buf_u32be(out, (uint32_t)request_id);
    fluss_message_encode(body, out);
}

void
fluss_request_encode(slu_buf *out, int16_t api_key, int16_t api_version, int32_t request_id, const ProtobufCMessage *body)
{
    const size_t start = out->bytes;
    slu_buf_u32be(out, 0);
    fluss_request_encode_rest(out, api_key, api_version, request_id, body);
    frame_end(out, start);
}

void
fluss_response_encode_rest(slu_buf *out, int32_t request_id, const ProtobufCMessage *body)
{
    slu_buf_u8(out, FLUSS_RESPONSE_SUCCESS);
    slu_buf_u32be(out, (uint32_t)request_id);
    fluss_message_encode(body, out);
}

void
fluss_response_encode(slu_buf *out, int32_t request_id, const ProtobufCMessage *body)
{
    const size_t start = out->bytes;
    slu_buf_u32be(out, 0);
    fluss_response_encode_rest(out, request_id, body);
    frame_end(out, start);
}

static void
frame_error_body(slu_buf *out, int32_t code, const char *message)
{
    Fluss__ErrorResponse error = FLUSS__ERROR_RESPONSE__INIT;
    error.error_code = code;
    error.error_message = (char *)(uintptr_t)message;
    fluss_message_encode(&error.base, out);
}

void
fluss_response_error_encode_rest(slu_buf *out, int32_t request_id, int32_t code, const char *message)
{
    slu_buf_u8(out, FLUSS_RESPONSE_ERROR);
    slu_buf_u32be(out, (uint32_t)request_id);
    frame_error_body(out, code, message);
}

void
fluss_response_error_encode(slu_buf *out, int32_t request_id, int32_t code, const char *message)
{
    const size_t start = out->bytes;
    slu_buf_u32be(out, 0);
    fluss_response_error_encode_rest(out, request_id, code, message);
    frame_end(out, start);
}

void
fluss_response_failure_encode_rest(slu_buf *out, int32_t code, const char *message)
{
    slu_buf_u8(out, FLUSS_RESPONSE_SERVER_FAILURE);
    frame_error_body(out, code, message);
}

void
fluss_response_failure_encode(slu_buf *out, int32_t code, const char *message)
{
    const size_t start = out->bytes;
    slu_buf_u32be(out, 0);
    fluss_response_failure_encode_rest(out, code, message);
    frame_end(out, start);
}
