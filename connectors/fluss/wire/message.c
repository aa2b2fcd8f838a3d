/* message.c: protobuf-c with its memory in an arena. */
#include "message.h"

static void *
message_alloc(void *arena, size_t bytes)
{
    return slu_arena_alloc(arena, bytes);
}

/* What is in an arena dies with it. */
static void
message_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

slu_status
fluss_message_decode(const ProtobufCMessageDescriptor *type, slu_view body, slu_arena *arena, ProtobufCMessage **out,
                     slu_error *err)
{
    static const uint8_t nothing[1];
    ProtobufCAllocator allocator = {message_alloc, message_free, arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, body.bytes, body.data == NULL ? nothing : body.data);
    SLU_TRY_IN(slu_arena_status(arena, err), err, "%s of %zu bytes", type->short_name, body.bytes);
    if (message == NULL)
        return slu_error_set(err, SLU_CORRUPT, "%zu bytes are not a %s (or lack a required field)", body.bytes, type->short_name);
    *out = message;
    return SLU_OK;
}

void
fluss_message_encode(const ProtobufCMessage *message, slu_buf *out)
{
    const size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *at = slu_buf_extend(out, bytes);
    if (at != NULL && bytes != 0)
        (void)protobuf_c_message_pack(message, at);
}
