/*
 * message.h: protobuf messages of fluss_api.proto to and from bytes.
 *
 * Shape    a decoded message lives in an arena and dies with it: never call protobuf-c's free functions on it. A message to be
 *          encoded is built on the stack or in an arena from its FLUSS__..__INIT value.
 * Owns     the arena owns everything a decoded message points at (bytes fields included: they are copied out of the frame to a
 *          16-byte aligned place, so that the Arrow body of an append-only batch is usable where it lies).
 * Threads  owner of the arena.
 * Errors   CORRUPT: not such a message, a required field missing. LIMIT, NOMEM: the arena's.
 * Limits   the arena's ceiling: FLUSS_MESSAGE_ARENA_BYTES(body) is always enough for an honest body of that size.
 */
#ifndef FLUSS_WIRE_MESSAGE_H
#define FLUSS_WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* A miss in a lookup answer takes 2 bytes on the wire and 64 in memory, so honest messages do grow; what is dense and large at the
 * same time is refused. */
#define FLUSS_MESSAGE_DENSE_BYTES_MAX ((size_t)64 << 20)
#define FLUSS_MESSAGE_ARENA_BYTES(body_bytes)                                                                                      \
    ((size_t)(body_bytes)*2 + ((size_t)1 << 20) +                                                                                  \
     ((size_t)(body_bytes) > FLUSS_MESSAGE_DENSE_BYTES_MAX / 64 ? FLUSS_MESSAGE_DENSE_BYTES_MAX : (size_t)(body_bytes)*64))

SLU_CHECK slu_status fluss_message_decode(const ProtobufCMessageDescriptor *type, slu_view body, slu_arena *arena,
                                          ProtobufCMessage **out, slu_error *err);

/* Appends the message; a failure shows in the buffer's status. */
void fluss_message_encode(const ProtobufCMessage *message, slu_buf *out);

/* A bytes field that borrows. */
static inline ProtobufCBinaryData
fluss_bytes_of(slu_view view)
{
    ProtobufCBinaryData data = {view.bytes, (uint8_t *)(uintptr_t)view.data};
    return data;
}

static inline slu_view
fluss_bytes_view(const ProtobufCBinaryData *data)
{
    return slu_view_of(data->data, data->len);
}

#endif
