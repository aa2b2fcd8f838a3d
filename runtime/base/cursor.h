/*
 * cursor.h: the only way to read bytes from outside.
 *
 * Shape    a start, an end, and a sticky failure. Read in a straight line; a read past the end yields zero (or an empty view)
 *          and marks the cursor; ask slu_cursor_ok once at the end.
 * Owns     nothing; it borrows the bytes.
 * Limits   a varint has at most 10 bytes; a part gets a sub-cursor, so that a bad part cannot harm its neighbour.
 */
#ifndef SLU_BASE_CURSOR_H
#define SLU_BASE_CURSOR_H

#include "bytes.h"

typedef struct slu_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} slu_cursor;

static inline slu_cursor
slu_cursor_of(const void *data, size_t bytes)
{
    const slu_cursor cursor = {(const uint8_t *)data, data == NULL ? NULL : (const uint8_t *)data + bytes, false};
    return cursor;
}

static inline slu_cursor
slu_cursor_of_view(slu_view view)
{
    return slu_cursor_of(view.data, view.bytes);
}

static inline size_t
slu_cursor_left(const slu_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline bool
slu_cursor_ok(const slu_cursor *cursor)
{
    return !cursor->failed;
}

/* Marks the cursor: what follows reads as zero. For a caller that found a value it cannot accept. */
static inline void
slu_cursor_fail(slu_cursor *cursor)
{
    cursor->failed = true;
    cursor->at = cursor->end;
}

/* The next `bytes` bytes, borrowed; NULL and failed when there are fewer. */
static inline const uint8_t *
slu_cursor_bytes(slu_cursor *cursor, size_t bytes)
{
    if (cursor->failed || bytes > slu_cursor_left(cursor)) {
        slu_cursor_fail(cursor);
        return NULL;
    }
    const uint8_t *at = cursor->at;
    if (bytes != 0)
        cursor->at += bytes;
    return at;
}

static inline slu_view
slu_cursor_view(slu_cursor *cursor, size_t bytes)
{
    const uint8_t *at = slu_cursor_bytes(cursor, bytes);
    return slu_view_of(at, at == NULL ? 0 : bytes);
}

/* A cursor over the next `bytes` bytes; failed when there are fewer. */
static inline slu_cursor
slu_cursor_sub(slu_cursor *cursor, size_t bytes)
{
    const uint8_t *at = slu_cursor_bytes(cursor, bytes);
    slu_cursor sub = slu_cursor_of(at, at == NULL ? 0 : bytes);
    sub.failed = cursor->failed;
    return sub;
}

static inline void
slu_cursor_skip(slu_cursor *cursor, size_t bytes)
{
    (void)slu_cursor_bytes(cursor, bytes);
}

static inline uint64_t
slu_cursor_le(slu_cursor *cursor, size_t bytes)
{
    const uint8_t *at = slu_cursor_bytes(cursor, bytes);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static inline uint64_t
slu_cursor_be(slu_cursor *cursor, size_t bytes)
{
    const uint8_t *at = slu_cursor_bytes(cursor, bytes);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static inline uint8_t
slu_cursor_u8(slu_cursor *cursor)
{
    return (uint8_t)slu_cursor_le(cursor, 1);
}
static inline uint16_t
slu_cursor_u16le(slu_cursor *cursor)
{
    return (uint16_t)slu_cursor_le(cursor, 2);
}
static inline uint32_t
slu_cursor_u32le(slu_cursor *cursor)
{
    return (uint32_t)slu_cursor_le(cursor, 4);
}
static inline uint64_t
slu_cursor_u64le(slu_cursor *cursor)
{
    return slu_cursor_le(cursor, 8);
}
static inline uint16_t
slu_cursor_u16be(slu_cursor *cursor)
{
    return (uint16_t)slu_cursor_be(cursor, 2);
}
static inline uint32_t
slu_cursor_u32be(slu_cursor *cursor)
{
    return (uint32_t)slu_cursor_be(cursor, 4);
}
static inline uint64_t
slu_cursor_u64be(slu_cursor *cursor)
{
    return slu_cursor_be(cursor, 8);
}

/* LEB128. More than 10 bytes, or bits beyond 64, fail the cursor. */
static inline uint64_t
slu_cursor_varint(slu_cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t byte = slu_cursor_u8(cursor);
        if (cursor->failed || (shift == 63 && byte > 1))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    slu_cursor_fail(cursor);
    return 0;
}

/* Zigzag LEB128. */
static inline int64_t
slu_cursor_zigzag(slu_cursor *cursor)
{
    const uint64_t raw = slu_cursor_varint(cursor);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

/* An element count from outside, checked against the bytes that remain: each element takes at least `element_bytes_min`
 * (>= 1) bytes. Fails the cursor and returns 0 when it cannot be true. */
static inline size_t
slu_cursor_count(slu_cursor *cursor, uint64_t count, size_t element_bytes_min)
{
    if (cursor->failed || count > slu_cursor_left(cursor) / element_bytes_min) {
        slu_cursor_fail(cursor);
        return 0;
    }
    return (size_t)count;
}

#endif
