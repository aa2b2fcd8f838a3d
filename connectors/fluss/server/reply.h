/* reply.h: small things that handlers put into answers; everything lives in the request's arena, whose status is asked at the end.
 * */
#ifndef FLUSS_SERVER_REPLY_H
#define FLUSS_SERVER_REPLY_H

#include "base/cursor.h"
#include "fluss/server/server_internal.h"

/* Room for `count` pointers and as many messages of `bytes` each, the pointers set to them. NULL: the arena failed. */
static inline void **
fluss_reply_list(slu_arena *arena, size_t count, size_t bytes)
{
    void **pointers = slu_arena_array(arena, count + 1, sizeof *pointers);
    uint8_t *messages = slu_arena_array(arena, count + 1, bytes);
    for (size_t i = 0; pointers != NULL && messages != NULL && i < count; i++)
        pointers[i] = messages + i * bytes;
    return messages == NULL ? NULL : pointers;
}

/* Protobuf-c has text fields as char *, though it only reads them. */
static inline char *
fluss_reply_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline ProtobufCBinaryData
fluss_reply_json(const char *text)
{
    return fluss_bytes_of(slu_view_of_text(text));
}

/* What a bucket's entry says when its part failed: code and message, in the arena. */
static inline int32_t
fluss_reply_error(slu_arena *arena, slu_status status, const slu_error *why, char **out_message)
{
    *out_message = slu_arena_strdup(arena, why->message);
    return fluss_server_code(status, why);
}

#endif
