/* pack.c: the shortest form out, any form in. */
#include "control/pack.h"

#include <inttypes.h>

/* One byte of type, then `bytes` bytes of the value, big endian. */
static void
pack_sized(slu_buf *out, uint8_t type, uint64_t value, unsigned bytes)
{
    slu_buf_u8(out, type);
    for (unsigned i = bytes; i-- > 0;)
        slu_buf_u8(out, (uint8_t)(value >> (8 * i)));
}

void
slu_pack_nil(slu_buf *out)
{
    slu_buf_u8(out, 0xc0);
}

void
slu_pack_bool(slu_buf *out, bool value)
{
    slu_buf_u8(out, value ? 0xc3 : 0xc2);
}

void
slu_pack_u64(slu_buf *out, uint64_t value)
{
    if (value < 0x80)
        slu_buf_u8(out, (uint8_t)value);
    else if (value <= UINT8_MAX)
        pack_sized(out, 0xcc, value, 1);
    else if (value <= UINT16_MAX)
        pack_sized(out, 0xcd, value, 2);
    else if (value <= UINT32_MAX)
        pack_sized(out, 0xce, value, 4);
    else
        pack_sized(out, 0xcf, value, 8);
}

void
slu_pack_i64(slu_buf *out, int64_t value)
{
    if (value >= 0)
        slu_pack_u64(out, (uint64_t)value);
    else if (value >= -32)
        slu_buf_u8(out, (uint8_t)value);
    else if (value >= INT8_MIN)
        pack_sized(out, 0xd0, (uint64_t)value, 1);
    else if (value >= INT16_MIN)
        pack_sized(out, 0xd1, (uint64_t)value, 2);
    else if (value >= INT32_MIN)
        pack_sized(out, 0xd2, (uint64_t)value, 4);
    else
        pack_sized(out, 0xd3, (uint64_t)value, 8);
}

void
slu_pack_text(slu_buf *out, slu_view text)
{
    if (text.bytes < 32)
        slu_buf_u8(out, (uint8_t)(0xa0 | text.bytes));
    else if (text.bytes <= UINT8_MAX)
        pack_sized(out, 0xd9, text.bytes, 1);
    else if (text.bytes <= UINT16_MAX)
        pack_sized(out, 0xda, text.bytes, 2);
    else
        pack_sized(out, 0xdb, text.bytes, 4);
    slu_buf_append(out, text.data, text.bytes);
}

void
slu_pack_cstr(slu_buf *out, const char *text)
{
    slu_pack_text(out, slu_view_of_text(text == NULL ? "" : text));
}

void
slu_pack_bytes(slu_buf *out, slu_view bytes)
{
    if (bytes.bytes <= UINT8_MAX)
        pack_sized(out, 0xc4, bytes.bytes, 1);
    else if (bytes.bytes <= UINT16_MAX)
        pack_sized(out, 0xc5, bytes.bytes, 2);
    else
        pack_sized(out, 0xc6, bytes.bytes, 4);
    slu_buf_append(out, bytes.data, bytes.bytes);
}

void
slu_pack_array(slu_buf *out, uint32_t count)
{
    if (count < 16)
        slu_buf_u8(out, (uint8_t)(0x90 | count));
    else if (count <= UINT16_MAX)
        pack_sized(out, 0xdc, count, 2);
    else
        pack_sized(out, 0xdd, count, 4);
}

void
slu_pack_map(slu_buf *out, uint32_t count)
{
    if (count < 16)
        slu_buf_u8(out, (uint8_t)(0x80 | count));
    else if (count <= UINT16_MAX)
        pack_sized(out, 0xde, count, 2);
    else
        pack_sized(out, 0xdf, count, 4);
}

/* The next type byte without taking it; 0xc1, which the format never uses, at the end. */
static uint8_t
peek_type(const slu_cursor *in)
{
    return in->failed || slu_cursor_left(in) == 0 ? 0xc1 : *in->at;
}

bool
slu_unpack_bool(slu_cursor *in)
{
    const uint8_t type = slu_cursor_u8(in);
    if (type != 0xc2 && type != 0xc3)
        slu_cursor_fail(in);
    return !in->failed && type == 0xc3;
}

uint64_t
slu_unpack_u64(slu_cursor *in)
{
    const uint8_t type = slu_cursor_u8(in);
    if (type < 0x80)
        return type;
    if (type >= 0xcc && type <= 0xcf)
        return slu_cursor_be(in, (size_t)1 << (type - 0xcc));
    if (type >= 0xd0 && type <= 0xd3) {
        const size_t bytes = (size_t)1 << (type - 0xd0);
        const uint64_t raw = slu_cursor_be(in, bytes);
        if (raw >> (8 * bytes - 1) == 0)
            return raw;
    }
    slu_cursor_fail(in);
    return 0;
}

int64_t
slu_unpack_i64(slu_cursor *in)
{
    const uint8_t type = peek_type(in);
    if (type >= 0xe0) {
        slu_cursor_skip(in, 1);
        return (int8_t)type;
    }
    if (type >= 0xd0 && type <= 0xd3) {
        slu_cursor_skip(in, 1);
        const unsigned bits = 8u << (type - 0xd0);
        const uint64_t raw = slu_cursor_be(in, bits / 8);
        return (int64_t)(raw << (64 - bits)) >> (64 - bits);
    }
    const uint64_t value = slu_unpack_u64(in);
    if (value > INT64_MAX)
        slu_cursor_fail(in);
    return in->failed ? 0 : (int64_t)value;
}

slu_view
slu_unpack_text(slu_cursor *in)
{
    const uint8_t type = slu_cursor_u8(in);
    if ((type & 0xe0) == 0xa0)
        return slu_cursor_view(in, type & 0x1f);
    if (type < 0xd9 || type > 0xdb)
        slu_cursor_fail(in);
    const size_t bytes = (size_t)slu_cursor_be(in, in->failed ? 1 : (size_t)1 << (type - 0xd9));
    return slu_cursor_view(in, bytes);
}

slu_view
slu_unpack_bytes(slu_cursor *in)
{
    const uint8_t type = slu_cursor_u8(in);
    if (type < 0xc4 || type > 0xc6)
        slu_cursor_fail(in);
    const size_t bytes = (size_t)slu_cursor_be(in, in->failed ? 1 : (size_t)1 << (type - 0xc4));
    return slu_cursor_view(in, bytes);
}

/* A count in fix, 16-bit or 32-bit form. */
static uint32_t
unpack_count(slu_cursor *in, uint8_t fix, uint8_t sized, size_t element_bytes_min)
{
    const uint8_t type = slu_cursor_u8(in);
    uint64_t count = 0;
    if ((type & 0xf0) == fix)
        count = type & 0x0f;
    else if (type == sized)
        count = slu_cursor_u16be(in);
    else if (type == sized + 1)
        count = slu_cursor_u32be(in);
    else
        slu_cursor_fail(in);
    return (uint32_t)slu_cursor_count(in, count, element_bytes_min);
}

uint32_t
slu_unpack_array(slu_cursor *in)
{
    return unpack_count(in, 0x90, 0xdc, 1);
}

uint32_t
slu_unpack_map(slu_cursor *in)
{
    return unpack_count(in, 0x80, 0xde, 2);
}

bool
slu_unpack_is_nil(slu_cursor *in)
{
    if (peek_type(in) != 0xc0)
        return false;
    slu_cursor_skip(in, 1);
    return true;
}

/* Values of a leaf behind its type byte: how many bytes follow. */
static void
skip_leaf(slu_cursor *in, uint8_t type)
{
    static const uint8_t fixed[] = {1, 2, 4, 8, 1, 2, 4, 8}; /* cc..d3 */
    if (type == 0xca || type == 0xcb)
        slu_cursor_skip(in, type == 0xca ? 4 : 8);
    else if (type >= 0xcc && type <= 0xd3)
        slu_cursor_skip(in, fixed[type - 0xcc]);
    else if (type >= 0xd4 && type <= 0xd8)
        slu_cursor_skip(in, 1 + ((size_t)1 << (type - 0xd4)));
    else if (type >= 0xc7 && type <= 0xc9)
        slu_cursor_skip(in, 1 + (size_t)slu_cursor_be(in, (size_t)1 << (type - 0xc7)));
    else if (type == 0xc1)
        slu_cursor_fail(in);
}

void
slu_unpack_skip(slu_cursor *in, uint32_t depth_max)
{
    const uint8_t type = peek_type(in);
    const bool array = (type & 0xf0) == 0x90 || type == 0xdc || type == 0xdd;
    const bool map = (type & 0xf0) == 0x80 || type == 0xde || type == 0xdf;
    if (in->failed || ((array || map) && depth_max == 0)) {
        slu_cursor_fail(in);
    } else if (array || map) {
        const uint64_t count = array ? slu_unpack_array(in) : (uint64_t)slu_unpack_map(in) * 2;
        for (uint64_t i = 0; i < count && !in->failed; i++)
            slu_unpack_skip(in, depth_max - 1);
    } else if ((type & 0xe0) == 0xa0 || (type >= 0xd9 && type <= 0xdb)) {
        (void)slu_unpack_text(in);
    } else if (type >= 0xc4 && type <= 0xc6) {
        (void)slu_unpack_bytes(in);
    } else {
        slu_cursor_skip(in, 1);
        skip_leaf(in, type);
    }
}

slu_status
slu_unpack_scan(slu_view bytes, size_t bytes_max, uint32_t depth_max, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    if (bytes.bytes > bytes_max)
        return slu_error_set(err, SLU_LIMIT, "%zu bytes where %zu are allowed", bytes.bytes, bytes_max);
    slu_unpack_skip(&cursor, depth_max);
    if (!slu_cursor_ok(&cursor))
        return slu_error_set(err, SLU_CORRUPT, "not a MessagePack value of at most %" PRIu32 " levels", depth_max);
    if (slu_cursor_left(&cursor) != 0)
        return slu_error_set(err, SLU_CORRUPT, "%zu bytes behind the MessagePack value", slu_cursor_left(&cursor));
    return SLU_OK;
}
