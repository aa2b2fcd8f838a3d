/* value.c: see value.h. */
#include "value.h"

#include "base/sizes.h"

#include <sluice/sdk/decimal.h>

bool
value_fits(const fluss_type *type, slu_type arrow)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: return arrow.id == SLU_TYPE_BOOL;
    case FLUSS_TYPE_TINYINT: return arrow.id == SLU_TYPE_INT8;
    case FLUSS_TYPE_SMALLINT: return arrow.id == SLU_TYPE_INT16;
    case FLUSS_TYPE_INTEGER: return arrow.id == SLU_TYPE_INT32;
    case FLUSS_TYPE_BIGINT: return arrow.id == SLU_TYPE_INT64;
    case FLUSS_TYPE_FLOAT: return arrow.id == SLU_TYPE_FLOAT;
    case FLUSS_TYPE_DOUBLE: return arrow.id == SLU_TYPE_DOUBLE;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING: return arrow.id == SLU_TYPE_UTF8;
    case FLUSS_TYPE_BINARY: return arrow.id == SLU_TYPE_BINARY || (arrow.id == SLU_TYPE_FIXED && arrow.width_bytes == type->length);
    case FLUSS_TYPE_BYTES: return arrow.id == SLU_TYPE_BINARY;
    case FLUSS_TYPE_DECIMAL:
        return arrow.id == SLU_TYPE_DECIMAL && arrow.scale == type->scale && arrow.precision <= type->precision;
    case FLUSS_TYPE_DATE: return arrow.id == SLU_TYPE_DATE;
    case FLUSS_TYPE_TIME: return arrow.id == SLU_TYPE_TIME;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return arrow.id == SLU_TYPE_TIMESTAMP;
    default: return false;
    }
}

static int64_t
per_second(slu_type type)
{
    return type.precision == 0 ? 1 : type.precision == 3 ? 1000 : type.precision == 6 ? 1000000 : 1000000000;
}

int32_t
value_time_ms(const slu_column *column, int64_t row)
{
    const int64_t value = slu_column_int(column, row);
    const int64_t units = per_second(column->type);
    return (int32_t)(units >= 1000 ? value / (units / 1000) : value * 1000);
}

int64_t
value_timestamp_ms(const slu_column *column, int64_t row, int32_t *out_nanos)
{
    const int64_t value = slu_column_i64s(column)[row];
    const int64_t units = per_second(column->type);
    *out_nanos = 0;
    if (units <= 1000)
        return (int64_t)((uint64_t)value * (uint64_t)(1000 / units));
    const int64_t per_ms = units / 1000;
    int64_t rest = value % per_ms;
    if (rest < 0)
        rest += per_ms;
    *out_nanos = (int32_t)(rest * (1000000 / per_ms));
    return (value - rest) / per_ms;
}

bool
value_timestamp_from_ms(slu_type arrow, int64_t ms, int32_t nanos, int64_t *out)
{
    const int64_t units = per_second(arrow);
    if (units == 1) {
        *out = ms / 1000 - (ms % 1000 < 0);
        return true;
    }
    return !__builtin_mul_overflow(ms, units / 1000, out) && !__builtin_add_overflow(*out, nanos / (1000000000 / units), out);
}

int64_t
value_time_from_ms(slu_type arrow, int32_t ms)
{
    const int64_t units = per_second(arrow);
    return units == 1 ? ms / 1000 : ms * (units / 1000);
}

size_t
value_decimal_bytes(slu_i128_natural value, uint8_t out[16])
{
    uint8_t all[16];
    size_t skip = 0;
    for (size_t i = 0; i < 16; i++)
        all[i] = (uint8_t)(value >> (8 * (15 - i)));
    while (skip < 15 && ((all[skip] == 0 && all[skip + 1] < 0x80) || (all[skip] == 0xff && all[skip + 1] >= 0x80)))
        skip++;
    memcpy(out, all + skip, 16 - skip);
    return 16 - skip;
}

bool
value_decimal_from_bytes(slu_view bytes, slu_i128_natural *out)
{
    if (bytes.bytes < 1 || bytes.bytes > 16)
        return false;
    __extension__ unsigned __int128 value = bytes.data[0] >= 0x80 ? ~(__extension__(unsigned __int128) 0) : 0;
    for (size_t i = 0; i < bytes.bytes; i++)
        value = value << 8 | bytes.data[i];
    *out = (slu_i128_natural)value;
    return true;
}

/* ---- Compacted ---- */

static void
put_decimal(const fluss_type *type, slu_i128_natural value, slu_buf *out)
{
    uint8_t bytes[16];
    if (type->precision <= FLUSS_DECIMAL_COMPACT) {
        slu_buf_varint(out, (uint64_t)(int64_t)value);
        return;
    }
    const size_t count = value_decimal_bytes(value, bytes);
    slu_buf_varint(out, count);
    slu_buf_append(out, bytes, count);
}

static void
put_timestamp(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t nanos;
    const int64_t ms = value_timestamp_ms(column, row, &nanos);
    slu_buf_varint(out, (uint64_t)ms);
    if (type->precision > FLUSS_TIMESTAMP_COMPACT)
        slu_buf_varint(out, (uint32_t)nanos);
}

static void
put_bytes(const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t bytes;
    const uint8_t *data = slu_column_bytes(column, row, &bytes);
    slu_buf_varint(out, (uint64_t)bytes);
    slu_buf_append(out, data, (size_t)bytes);
}

slu_status
value_put_compacted(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, slu_error *err)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: slu_buf_u8(out, slu_column_bool(column, row)); break;
    case FLUSS_TYPE_TINYINT: slu_buf_u8(out, (uint8_t)slu_column_i8s(column)[row]); break;
    case FLUSS_TYPE_SMALLINT: slu_buf_u16le(out, (uint16_t)slu_column_i16s(column)[row]); break;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE: slu_buf_varint(out, (uint32_t)slu_column_i32s(column)[row]); break;
    case FLUSS_TYPE_TIME: slu_buf_varint(out, (uint32_t)value_time_ms(column, row)); break;
    case FLUSS_TYPE_BIGINT: slu_buf_varint(out, (uint64_t)slu_column_i64s(column)[row]); break;
    case FLUSS_TYPE_FLOAT: slu_buf_append(out, slu_column_f32s(column) + row, 4); break;
    case FLUSS_TYPE_DOUBLE: slu_buf_append(out, slu_column_f64s(column) + row, 8); break;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES: put_bytes(column, row, out); break;
    case FLUSS_TYPE_DECIMAL: put_decimal(type, slu_column_decimals(column)[row], out); break;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: put_timestamp(type, column, row, out); break;
    default: return slu_error_set(err, SLU_UNSUPPORTED, "a nested column cannot be part of a key");
    }
    return SLU_OK;
}

/* ---- Slots ---- */

bool
value_slot_holds(const fluss_type *type)
{
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES:
    case FLUSS_TYPE_DECIMAL:
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return false;
    default: return type->id < FLUSS_TYPE_ARRAY;
    }
}

void
value_slot_patch(slu_buf *out, size_t slot, uint64_t value)
{
    if (out->failed != SLU_OK)
        return;
    slu_buf_patch_u32le(out, slot, (uint32_t)value);
    slu_buf_patch_u32le(out, slot + 4, (uint32_t)(value >> 32));
}

/* Up to 7 bytes stand in the slot itself, longer ones behind it. */
static void
slot_put_bytes(slu_buf *out, size_t start, size_t slot, const uint8_t *data, size_t bytes)
{
    uint64_t value = 0;
    if (bytes <= 7) {
        for (size_t i = 0; i < bytes; i++)
            value |= (uint64_t)data[i] << (8 * i);
        value |= (uint64_t)(0x80 | bytes) << 56;
    } else {
        value = (uint64_t)(out->bytes - start) << 32 | bytes;
        slu_buf_append(out, data, bytes);
        slu_buf_zero(out, slu_size_align(bytes, 8) - bytes);
    }
    value_slot_patch(out, slot, value);
}

static void
slot_put_decimal(slu_buf *out, size_t start, size_t slot, slu_i128_natural value)
{
    uint8_t bytes[16];
    const size_t count = value_decimal_bytes(value, bytes);
    value_slot_patch(out, slot, (uint64_t)(out->bytes - start) << 32 | count);
    slu_buf_append(out, bytes, count);
    slu_buf_zero(out, 16 - count);
}

static void
slot_put_timestamp(slu_buf *out, size_t start, size_t slot, const fluss_type *type, const slu_column *column, int64_t row)
{
    int32_t nanos;
    const int64_t ms = value_timestamp_ms(column, row, &nanos);
    if (type->precision <= FLUSS_TIMESTAMP_COMPACT) {
        value_slot_patch(out, slot, (uint64_t)ms);
        return;
    }
    value_slot_patch(out, slot, (uint64_t)(out->bytes - start) << 32 | (uint32_t)nanos);
    slu_buf_u64le(out, (uint64_t)ms);
}

uint64_t
value_slot(const fluss_type *type, const slu_column *column, int64_t row)
{
    uint64_t value = 0;
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: return slu_column_bool(column, row);
    case FLUSS_TYPE_TINYINT: return (uint8_t)slu_column_i8s(column)[row];
    case FLUSS_TYPE_SMALLINT: return (uint16_t)slu_column_i16s(column)[row];
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE: return (uint32_t)slu_column_i32s(column)[row];
    case FLUSS_TYPE_TIME: return (uint32_t)value_time_ms(column, row);
    case FLUSS_TYPE_FLOAT: memcpy(&value, slu_column_f32s(column) + row, 4); return value;
    case FLUSS_TYPE_DECIMAL: return (uint64_t)(int64_t)slu_column_decimals(column)[row];
    default: memcpy(&value, slu_column_i64s(column) + row, 8); return value; /* BIGINT, DOUBLE */
    }
}

void
value_put_slot(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, size_t start, size_t slot)
{
    int32_t bytes;
    const uint8_t *data;
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES:
        data = slu_column_bytes(column, row, &bytes);
        slot_put_bytes(out, start, slot, data, (size_t)bytes);
        break;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: slot_put_timestamp(out, start, slot, type, column, row); break;
    case FLUSS_TYPE_DECIMAL:
        if (type->precision > FLUSS_DECIMAL_COMPACT) {
            slot_put_decimal(out, start, slot, slu_column_decimals(column)[row]);
            break;
        }
        value_slot_patch(out, slot, value_slot(type, column, row));
        break;
    default: value_slot_patch(out, slot, value_slot(type, column, row)); break;
    }
}

/* ---- Into builders ---- */

bool
value_add_decimal(const fluss_type *type, slu_i128_natural value, sdk_builder *builder)
{
    if (!sdk_decimal_fits(value, type->precision))
        return false;
    if (builder != NULL)
        sdk_builder_decimal(builder, value);
    return true;
}

bool
value_add_timestamp(int64_t ms, int32_t nanos, sdk_builder *builder)
{
    int64_t value = 0;
    if (nanos < 0 || nanos > 999999)
        return false;
    if (builder == NULL)
        return true;
    if (!value_timestamp_from_ms(builder->type, ms, nanos, &value))
        return false;
    sdk_builder_i64(builder, value);
    return true;
}

bool
value_add_bytes(const fluss_type *type, slu_view bytes, sdk_builder *builder)
{
    const size_t width = (size_t)type->length;
    if (type->id == FLUSS_TYPE_BINARY && bytes.bytes > width)
        return false;
    if (builder == NULL)
        return true;
    if (builder->type.id != SLU_TYPE_FIXED) {
        sdk_builder_bytes(builder, bytes.data == NULL ? (const void *)"" : bytes.data, bytes.bytes);
        return true;
    }
    uint8_t *to = sdk_builder_extend(builder, 1); /* shorter values are padded with zeros */
    if (to != NULL) {
        if (bytes.bytes != 0)
            memcpy(to, bytes.data, bytes.bytes);
        memset(to + bytes.bytes, 0, width - bytes.bytes);
    }
    return true;
}

void
value_add_int(int64_t value, sdk_builder *builder)
{
    if (builder != NULL)
        sdk_builder_int(builder, value);
}

static int32_t
get_varint32(slu_cursor *c)
{
    const uint64_t raw = slu_cursor_varint(c);
    if (raw > UINT32_MAX)
        slu_cursor_fail(c);
    return (int32_t)(uint32_t)raw;
}

static bool
get_decimal(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    slu_i128_natural value = 0;
    if (type->precision <= FLUSS_DECIMAL_COMPACT)
        value = (int64_t)slu_cursor_varint(c);
    else if (!value_decimal_from_bytes(slu_cursor_view(c, slu_cursor_varint(c)), &value))
        return false;
    return slu_cursor_ok(c) && value_add_decimal(type, value, builder);
}

static bool
get_timestamp(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    const int64_t ms = (int64_t)slu_cursor_varint(c);
    const int32_t nanos = type->precision > FLUSS_TIMESTAMP_COMPACT ? get_varint32(c) : 0;
    return slu_cursor_ok(c) && value_add_timestamp(ms, nanos, builder);
}

/* The bits as they are: a NaN may carry some of its own. */
static bool
get_real(slu_cursor *c, size_t width, sdk_builder *builder)
{
    const uint8_t *at = slu_cursor_bytes(c, width);
    uint8_t *to = at == NULL || builder == NULL ? NULL : sdk_builder_extend(builder, 1);
    if (to != NULL)
        memcpy(to, at, width);
    return at != NULL;
}

static bool
get_bool(slu_cursor *c, sdk_builder *builder)
{
    const uint8_t value = slu_cursor_u8(c);
    if (value > 1 || !slu_cursor_ok(c))
        return false;
    if (builder != NULL)
        sdk_builder_bool(builder, value != 0);
    return true;
}

static int64_t
get_int(const fluss_type *type, slu_cursor *c, const sdk_builder *builder)
{
    switch (type->id) {
    case FLUSS_TYPE_TINYINT: return (int8_t)slu_cursor_u8(c);
    case FLUSS_TYPE_SMALLINT: return (int16_t)slu_cursor_u16le(c);
    case FLUSS_TYPE_BIGINT: return (int64_t)slu_cursor_varint(c);
    default: break;
    }
    const int32_t value = get_varint32(c);
    return type->id == FLUSS_TYPE_TIME && builder != NULL ? value_time_from_ms(builder->type, value) : value;
}

void
value_get_compacted(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    bool good = true;
    int64_t number;
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: good = get_bool(c, builder); break;
    case FLUSS_TYPE_FLOAT: good = get_real(c, 4, builder); break;
    case FLUSS_TYPE_DOUBLE: good = get_real(c, 8, builder); break;
    case FLUSS_TYPE_DECIMAL: good = get_decimal(type, c, builder); break;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: good = get_timestamp(type, c, builder); break;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES: {
        const slu_view bytes = slu_cursor_view(c, slu_cursor_varint(c));
        good = slu_cursor_ok(c) && value_add_bytes(type, bytes, builder);
        break;
    }
    case FLUSS_TYPE_ARRAY:
    case FLUSS_TYPE_MAP:
    case FLUSS_TYPE_ROW: good = false; break; /* nested.h's */
    default:
        number = get_int(type, c, builder);
        good = slu_cursor_ok(c);
        if (good)
            value_add_int(number, builder);
    }
    if (!good)
        slu_cursor_fail(c);
}
