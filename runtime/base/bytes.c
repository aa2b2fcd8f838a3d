#include "bytes.h"

#include "alloc.h"
#include "assert.h"

#define BUF_CAPACITY_FIRST 64

void
slu_buf_init(slu_buf *buf, size_t bytes_max)
{
    memset(buf, 0, sizeof *buf);
    buf->bytes_max = bytes_max;
}

void
slu_buf_fini(slu_buf *buf)
{
    slu_free(buf->data);
    memset(buf, 0, sizeof *buf);
}

void
slu_buf_reset(slu_buf *buf)
{
    buf->bytes = 0;
    buf->failed = SLU_OK;
}

slu_status
slu_buf_status(const slu_buf *buf, slu_error *err)
{
    if (buf->failed == SLU_LIMIT)
        return slu_error_set(err, SLU_LIMIT, "buffer would exceed its maximum of %zu bytes", buf->bytes_max);
    if (buf->failed == SLU_NOMEM)
        return slu_error_set(err, SLU_NOMEM, "no memory for a buffer of %zu bytes", buf->bytes);
    return SLU_OK;
}

bool
slu_buf_reserve(slu_buf *buf, size_t bytes)
{
    if (buf->failed != SLU_OK)
        return false;
    if (bytes <= buf->capacity - buf->bytes)
        return true;
    if (bytes > buf->bytes_max || buf->bytes > buf->bytes_max - bytes) {
        buf->failed = SLU_LIMIT;
        return false;
    }
    const size_t wanted = buf->bytes + bytes;
    size_t capacity = buf->capacity < BUF_CAPACITY_FIRST ? BUF_CAPACITY_FIRST : buf->capacity;
    if (capacity > buf->bytes_max)
        capacity = buf->bytes_max;
    while (capacity < wanted)
        capacity = capacity > buf->bytes_max / 2 ? buf->bytes_max : capacity * 2;
    uint8_t *data = slu_realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = SLU_NOMEM;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *
slu_buf_extend(slu_buf *buf, size_t bytes)
{
    if (!slu_buf_reserve(buf, bytes == 0 ? 1 : bytes))
        return NULL;
    uint8_t *at = buf->data + buf->bytes;
    buf->bytes += bytes;
    return at;
}

void
slu_buf_append(slu_buf *buf, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    uint8_t *at = slu_buf_extend(buf, bytes);
    if (at != NULL)
        memcpy(at, data, bytes);
}

void
slu_buf_text(slu_buf *buf, const char *text)
{
    slu_buf_append(buf, text, strlen(text));
}

void
slu_buf_printf(slu_buf *buf, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (wanted < 0)
        return;
    if ((size_t)wanted < sizeof small) {
        slu_buf_append(buf, small, (size_t)wanted);
        return;
    }
    if (!slu_buf_reserve(buf, (size_t)wanted + 1))
        return;
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->bytes, (size_t)wanted + 1, format, args);
    va_end(args);
    buf->bytes += (size_t)wanted;
}

void
slu_buf_zero(slu_buf *buf, size_t bytes)
{
    if (bytes == 0)
        return;
    uint8_t *at = slu_buf_extend(buf, bytes);
    if (at != NULL)
        memset(at, 0, bytes);
}

void
slu_buf_pad(slu_buf *buf, size_t alignment)
{
    const size_t over = buf->bytes & (alignment - 1);
    if (over != 0)
        slu_buf_zero(buf, alignment - over);
}

void
slu_buf_u8(slu_buf *buf, uint8_t value)
{
    slu_buf_append(buf, &value, 1);
}

static void
buf_le(slu_buf *buf, uint64_t value, size_t bytes)
{
    uint8_t *at = slu_buf_extend(buf, bytes);
    for (size_t i = 0; at != NULL && i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void
buf_be(slu_buf *buf, uint64_t value, size_t bytes)
{
    uint8_t *at = slu_buf_extend(buf, bytes);
    for (size_t i = 0; at != NULL && i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

void
slu_buf_u16be(slu_buf *buf, uint16_t value)
{
    buf_be(buf, value, 2);
}
void
slu_buf_u32be(slu_buf *buf, uint32_t value)
{
    buf_be(buf, value, 4);
}
void
slu_buf_u64be(slu_buf *buf, uint64_t value)
{
    buf_be(buf, value, 8);
}
void
slu_buf_u16le(slu_buf *buf, uint16_t value)
{
    buf_le(buf, value, 2);
}
void
slu_buf_u32le(slu_buf *buf, uint32_t value)
{
    buf_le(buf, value, 4);
}
void
slu_buf_u64le(slu_buf *buf, uint64_t value)
{
    buf_le(buf, value, 8);
}

void
slu_buf_varint(slu_buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    while (value >= 0x80) {
        bytes[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[count++] = (uint8_t)value;
    slu_buf_append(buf, bytes, count);
}

void
slu_buf_zigzag(slu_buf *buf, int64_t value)
{
    slu_buf_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void
slu_buf_patch_u32le(slu_buf *buf, size_t at, uint32_t value)
{
    if (buf->failed != SLU_OK)
        return;
    SLU_ASSERT(at + 4 <= buf->bytes);
    for (size_t i = 0; i < 4; i++)
        buf->data[at + i] = (uint8_t)(value >> (8 * i));
}

void
slu_buf_patch_u32be(slu_buf *buf, size_t at, uint32_t value)
{
    slu_buf_patch_u32le(buf, at, __builtin_bswap32(value));
}

const char *
slu_buf_cstr(slu_buf *buf)
{
    if (!slu_buf_reserve(buf, 1))
        return "";
    buf->data[buf->bytes] = 0;
    return (const char *)buf->data;
}

uint8_t *
slu_buf_take(slu_buf *buf, size_t *out_bytes)
{
    const size_t bytes_max = buf->bytes_max;
    if (buf->failed != SLU_OK || buf->data == NULL)
        return NULL;
    uint8_t *data = buf->data;
    *out_bytes = buf->bytes;
    slu_buf_init(buf, bytes_max);
    return data;
}
