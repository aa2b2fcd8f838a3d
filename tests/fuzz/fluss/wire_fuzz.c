/* wire_fuzz.c: a request, then a response, then every message body: nothing from outside may harm. */
#include "fluss/wire/api.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
decode_body(const ProtobufCMessageDescriptor *type, slu_view body)
{
    slu_error err;
    slu_arena arena;
    slu_buf out;
    ProtobufCMessage *message = NULL;
    slu_arena_init(&arena, FLUSS_MESSAGE_ARENA_BYTES(body.bytes));
    slu_buf_init(&out, (size_t)1 << 24);
    if (fluss_message_decode(type, body, &arena, &message, &err) == SLU_OK)
        fluss_message_encode(message, &out);
    slu_buf_fini(&out);
    slu_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_error err;
    size_t frame_bytes = 0;
    const slu_view in = slu_view_of(data, bytes);
    fluss_request_frame request;
    fluss_response_frame response;
    if (fluss_request_peek(in, FLUSS_FRAME_BYTES_MAX, &frame_bytes, &err) == SLU_OK &&
        fluss_request_decode(slu_view_of(data, frame_bytes), &request, &err) == SLU_OK) {
        const fluss_api *api = fluss_api_find(request.api_key);
        if (api != NULL) {
            decode_body(api->request, request.body);
            decode_body(api->response, request.body);
        }
    }
    if (fluss_response_peek(in, FLUSS_RESPONSE_BYTES_MAX, &frame_bytes, &err) == SLU_OK &&
        fluss_response_decode(slu_view_of(data, frame_bytes), &response, &err) == SLU_OK)
        decode_body(&fluss__error_response__descriptor, response.body);
    return 0;
}
