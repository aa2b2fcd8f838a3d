#include "thrift.h"

bool
parquet_thrift_next(slu_cursor *cursor, parquet_thrift_field *field)
{
    const uint8_t head = slu_cursor_u8(cursor);
    if (cursor->failed || head == THRIFT_STOP)
        return false;
    const uint8_t delta = head >> 4;
    field->type = head & 0x0f;
    int64_t id = delta != 0 ? (int64_t)field->id + delta : slu_cursor_zigzag(cursor);
    if (cursor->failed || id < INT16_MIN || id > INT16_MAX || field->type == THRIFT_STOP || field->type > THRIFT_STRUCT) {
        slu_cursor_fail(cursor);
        return false;
    }
    field->id = (int32_t)id;
    return true;
}

/* Elements of lists and maps: booleans take a byte there, while a boolean field has none. */
static void
thrift_skip_element(slu_cursor *cursor, uint8_t type, unsigned depth)
{
    if (type == THRIFT_TRUE || type == THRIFT_FALSE)
        slu_cursor_skip(cursor, 1);
    else
        parquet_thrift_skip(cursor, type, depth);
}

static void
thrift_skip_list(slu_cursor *cursor, unsigned depth)
{
    const uint8_t head = slu_cursor_u8(cursor);
    const uint64_t count = head >> 4 == 15 ? slu_cursor_varint(cursor) : (uint64_t)(head >> 4);
    const size_t n = slu_cursor_count(cursor, count, 1);
    for (size_t i = 0; i < n && slu_cursor_ok(cursor); i++)
        thrift_skip_element(cursor, head & 0x0f, depth + 1);
}

static void
thrift_skip_map(slu_cursor *cursor, unsigned depth)
{
    const uint64_t count = slu_cursor_varint(cursor);
    if (count == 0)
        return;
    const uint8_t types = slu_cursor_u8(cursor);
    const size_t n = slu_cursor_count(cursor, count, 2);
    for (size_t i = 0; i < n && slu_cursor_ok(cursor); i++) {
        thrift_skip_element(cursor, types >> 4, depth + 1);
        thrift_skip_element(cursor, types & 0x0f, depth + 1);
    }
}

void
parquet_thrift_skip(slu_cursor *cursor, uint8_t type, unsigned depth)
{
    if (depth > PARQUET_THRIFT_DEPTH_MAX) {
        slu_cursor_fail(cursor);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: break;
    case THRIFT_I8: slu_cursor_skip(cursor, 1); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: (void)slu_cursor_varint(cursor); break;
    case THRIFT_DOUBLE: slu_cursor_skip(cursor, 8); break;
    case THRIFT_BINARY: slu_cursor_skip(cursor, slu_cursor_count(cursor, slu_cursor_varint(cursor), 1)); break;
    case THRIFT_LIST:
    case THRIFT_SET: thrift_skip_list(cursor, depth); break;
    case THRIFT_MAP: thrift_skip_map(cursor, depth); break;
    case THRIFT_STRUCT: {
        parquet_thrift_field field = {0, 0};
        while (parquet_thrift_next(cursor, &field))
            parquet_thrift_skip(cursor, field.type, depth + 1);
        break;
    }
    default: slu_cursor_fail(cursor);
    }
}

int64_t
parquet_thrift_i64(slu_cursor *cursor, const parquet_thrift_field *field)
{
    if (field->type == THRIFT_I8)
        return (int8_t)slu_cursor_u8(cursor);
    if (field->type == THRIFT_I16 || field->type == THRIFT_I32 || field->type == THRIFT_I64)
        return slu_cursor_zigzag(cursor);
    slu_cursor_fail(cursor);
    return 0;
}

int32_t
parquet_thrift_i32(slu_cursor *cursor, const parquet_thrift_field *field)
{
    const int64_t value = parquet_thrift_i64(cursor, field);
    if (value < INT32_MIN || value > INT32_MAX) {
        slu_cursor_fail(cursor);
        return 0;
    }
    return (int32_t)value;
}

bool
parquet_thrift_bool(slu_cursor *cursor, const parquet_thrift_field *field)
{
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE)
        slu_cursor_fail(cursor);
    return field->type == THRIFT_TRUE;
}

slu_view
parquet_thrift_binary(slu_cursor *cursor, const parquet_thrift_field *field)
{
    if (field->type != THRIFT_BINARY)
        slu_cursor_fail(cursor);
    return slu_cursor_view(cursor, slu_cursor_count(cursor, slu_cursor_varint(cursor), 1));
}

size_t
parquet_thrift_list(slu_cursor *cursor, const parquet_thrift_field *field, uint8_t element_type)
{
    if (field->type != THRIFT_LIST) {
        slu_cursor_fail(cursor);
        return 0;
    }
    const uint8_t head = slu_cursor_u8(cursor);
    const uint64_t count = head >> 4 == 15 ? slu_cursor_varint(cursor) : (uint64_t)(head >> 4);
    if (count != 0 && (head & 0x0f) != element_type)
        slu_cursor_fail(cursor);
    return slu_cursor_count(cursor, count, 1);
}

bool
parquet_thrift_struct(slu_cursor *cursor, const parquet_thrift_field *field)
{
    if (field->type != THRIFT_STRUCT)
        slu_cursor_fail(cursor);
    return slu_cursor_ok(cursor);
}

static void
thrift_put_field(parquet_thrift_out *out, int32_t id, uint8_t type)
{
    const int32_t delta = id - out->last;
    if (delta > 0 && delta < 16) {
        slu_buf_u8(out->buf, (uint8_t)(delta << 4 | type));
    } else {
        slu_buf_u8(out->buf, type);
        slu_buf_zigzag(out->buf, id);
    }
    out->last = id;
}

void
parquet_thrift_put_i32(parquet_thrift_out *out, int32_t id, int32_t value)
{
    thrift_put_field(out, id, THRIFT_I32);
    slu_buf_zigzag(out->buf, value);
}

void
parquet_thrift_put_i64(parquet_thrift_out *out, int32_t id, int64_t value)
{
    thrift_put_field(out, id, THRIFT_I64);
    slu_buf_zigzag(out->buf, value);
}

void
parquet_thrift_put_i16(parquet_thrift_out *out, int32_t id, int16_t value)
{
    thrift_put_field(out, id, THRIFT_I16);
    slu_buf_zigzag(out->buf, value);
}

void
parquet_thrift_put_i8(parquet_thrift_out *out, int32_t id, int8_t value)
{
    thrift_put_field(out, id, THRIFT_I8);
    slu_buf_u8(out->buf, (uint8_t)value);
}

void
parquet_thrift_put_bool(parquet_thrift_out *out, int32_t id, bool value)
{
    thrift_put_field(out, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void
parquet_thrift_put_binary(parquet_thrift_out *out, int32_t id, slu_view value)
{
    thrift_put_field(out, id, THRIFT_BINARY);
    slu_buf_varint(out->buf, value.bytes);
    slu_buf_append(out->buf, value.data, value.bytes);
}

void
parquet_thrift_put_list(parquet_thrift_out *out, int32_t id, uint8_t element_type, size_t count)
{
    thrift_put_field(out, id, THRIFT_LIST);
    if (count < 15) {
        slu_buf_u8(out->buf, (uint8_t)(count << 4 | element_type));
    } else {
        slu_buf_u8(out->buf, (uint8_t)(0xf0 | element_type));
        slu_buf_varint(out->buf, count);
    }
}

parquet_thrift_out
parquet_thrift_put_struct(parquet_thrift_out *out, int32_t id)
{
    thrift_put_field(out, id, THRIFT_STRUCT);
    return parquet_thrift_begin(out->buf);
}

void
parquet_thrift_end(parquet_thrift_out *out)
{
    slu_buf_u8(out->buf, THRIFT_STOP);
}
