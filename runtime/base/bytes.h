/*
 * bytes.h: a run of bytes. slu_view borrows; slu_buf owns and grows up to a maximum given at birth.
 *
 * Owns     a slu_buf owns its memory; a slu_view is valid as long as what it looks at.
 * Threads  owner.
 * Errors   appends never return a status: a failed one (no memory, or `bytes_max` reached) makes the buffer *failed*, later
 *          appends do nothing, and slu_buf_status says so once at the end (NOMEM or LIMIT).
 */
#ifndef SLU_BASE_BYTES_H
#define SLU_BASE_BYTES_H

#include <sluice/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slu_view {
    const uint8_t *data;
    size_t bytes;
} slu_view;

static inline slu_view
slu_view_of(const void *data, size_t bytes)
{
    const slu_view view = {(const uint8_t *)data, bytes};
    return view;
}

static inline slu_view
slu_view_of_text(const char *text)
{
    return slu_view_of(text, strlen(text));
}

static inline bool
slu_view_equal(slu_view a, slu_view b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

static inline bool
slu_view_is(slu_view view, const char *text)
{
    return slu_view_equal(view, slu_view_of_text(text));
}

typedef struct slu_buf {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
    size_t bytes_max;
    slu_status failed; /* SLU_OK, SLU_NOMEM or SLU_LIMIT */
} slu_buf;

void slu_buf_init(slu_buf *buf, size_t bytes_max);
void slu_buf_fini(slu_buf *buf);  /* safe on a zeroed buffer and safe twice */
void slu_buf_reset(slu_buf *buf); /* contents gone, memory and maximum kept */
SLU_CHECK slu_status slu_buf_status(const slu_buf *buf, slu_error *err);

/* Room for `bytes` more, zero-length data included; NULL when failed. The caller fills it; it counts as appended. */
uint8_t *slu_buf_extend(slu_buf *buf, size_t bytes);
/* Makes sure that `bytes` more fit without changing the length. */
bool slu_buf_reserve(slu_buf *buf, size_t bytes);
void slu_buf_append(slu_buf *buf, const void *data, size_t bytes);
void slu_buf_text(slu_buf *buf, const char *text);
void slu_buf_printf(slu_buf *buf, const char *format, ...) SLU_PRINTF(2, 3);
void slu_buf_zero(slu_buf *buf, size_t bytes);
/* Zero bytes until the length is a multiple of alignment (a power of two). */
void slu_buf_pad(slu_buf *buf, size_t alignment);

void slu_buf_u8(slu_buf *buf, uint8_t value);
void slu_buf_u16be(slu_buf *buf, uint16_t value);
void slu_buf_u32be(slu_buf *buf, uint32_t value);
void slu_buf_u64be(slu_buf *buf, uint64_t value);
void slu_buf_u16le(slu_buf *buf, uint16_t value);
void slu_buf_u32le(slu_buf *buf, uint32_t value);
void slu_buf_u64le(slu_buf *buf, uint64_t value);
/* LEB128, as protobuf, Thrift compact and Fluss compacted rows write it. */
void slu_buf_varint(slu_buf *buf, uint64_t value);
/* Zigzag, then LEB128: Avro's long, Thrift's compact integers. */
void slu_buf_zigzag(slu_buf *buf, int64_t value);

/* Overwrites bytes that are already there. */
void slu_buf_patch_u32le(slu_buf *buf, size_t at, uint32_t value);
void slu_buf_patch_u32be(slu_buf *buf, size_t at, uint32_t value);

static inline slu_view
slu_buf_view(const slu_buf *buf)
{
    return slu_view_of(buf->data, buf->bytes);
}

/* The text so far with a final zero that is not counted; "" when failed. Borrowed until the next append. */
const char *slu_buf_cstr(slu_buf *buf);
/* Memory leaves the buffer, which becomes empty: the receiver calls slu_free. NULL when empty or failed. */
SLU_CHECK uint8_t *slu_buf_take(slu_buf *buf, size_t *out_bytes);

#endif
