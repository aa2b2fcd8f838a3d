#include "iceberg/value.h"

#include "base/cursor.h"

#define MICROS_PER_DAY INT64_C(86400000000)

static void
put_le(uint8_t *at, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

iceberg_value
iceberg_value_of_i32(int32_t number, iceberg_scalar *room)
{
    put_le(room->bytes, (uint32_t)number, 4);
    return iceberg_value_of(slu_view_of(room->bytes, 4));
}

iceberg_value
iceberg_value_of_i64(int64_t number, iceberg_scalar *room)
{
    put_le(room->bytes, (uint64_t)number, 8);
    return iceberg_value_of(slu_view_of(room->bytes, 8));
}

iceberg_value
iceberg_value_of_decimal(slu_i128 unscaled, iceberg_scalar *room)
{
    slu_i128_natural number = unscaled;
    for (size_t i = 16; i-- > 0; number >>= 8)
        room->bytes[i] = (uint8_t)number;
    size_t first = 0;
    while (first < 15 && ((room->bytes[first] == 0 && room->bytes[first + 1] < 0x80) ||
                          (room->bytes[first] == 0xff && room->bytes[first + 1] >= 0x80)))
        first++;
    return iceberg_value_of(slu_view_of(room->bytes + first, 16 - first));
}

/* A time or timestamp of `precision` digits after the second, in digits `wanted` (6 or 9); floors where digits are dropped. */
static int64_t
rescale_time(int64_t number, int32_t precision, int32_t wanted)
{
    for (; precision < wanted; precision += 3)
        number = (int64_t)((uint64_t)number * 1000);
    for (; precision > wanted; precision -= 3)
        number = number / 1000 - (number % 1000 < 0 ? 1 : 0);
    return number;
}

static slu_status
column_mismatch(const iceberg_type *type, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, 256);
    iceberg_type_print(type, &text);
    return slu_error_set(err, SLU_INVALID, "an Arrow column cannot be read as %s", slu_buf_cstr(&text));
}

static slu_status
value_of_text(const slu_column *column, int64_t row, iceberg_value *out)
{
    int32_t bytes = 0;
    const uint8_t *data = slu_column_bytes(column, row, &bytes);
    *out = iceberg_value_of(slu_view_of(data, (size_t)bytes));
    return SLU_OK;
}

static slu_status
value_of_integer(const iceberg_type *type, const slu_column *column, int64_t row, iceberg_scalar *room, iceberg_value *out)
{
    const int64_t number = slu_column_int(column, row);
    if (type->kind == ICEBERG_BOOLEAN) {
        room->bytes[0] = number != 0;
        *out = iceberg_value_of(slu_view_of(room->bytes, 1));
    } else if (type->kind == ICEBERG_INT || type->kind == ICEBERG_DATE) {
        *out = iceberg_value_of_i32((int32_t)number, room);
    } else {
        *out = iceberg_value_of_i64(number, room);
    }
    return SLU_OK;
}

slu_status
iceberg_value_of_column(const iceberg_type *type, const slu_column *column, int64_t row, iceberg_scalar *room, iceberg_value *out,
                        slu_error *err)
{
    const int32_t id = column->type.id;
    if (!slu_column_valid(column, row)) {
        *out = iceberg_value_null();
        return SLU_OK;
    }
    switch (type->kind) {
    case ICEBERG_BOOLEAN: return id == SLU_TYPE_BOOL ? value_of_integer(type, column, row, room, out) : column_mismatch(type, err);
    case ICEBERG_INT:
    case ICEBERG_LONG:
        return id >= SLU_TYPE_INT8 && id <= SLU_TYPE_INT64 ? value_of_integer(type, column, row, room, out)
                                                           : column_mismatch(type, err);
    case ICEBERG_DATE: return id == SLU_TYPE_DATE ? value_of_integer(type, column, row, room, out) : column_mismatch(type, err);
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
        if (id != SLU_TYPE_TIME && id != SLU_TYPE_TIMESTAMP)
            return column_mismatch(type, err);
        *out = iceberg_value_of_i64(rescale_time(slu_column_int(column, row), column->type.precision, 6), room);
        return SLU_OK;
    case ICEBERG_DECIMAL:
        if (id != SLU_TYPE_DECIMAL || column->type.scale != type->scale)
            return column_mismatch(type, err);
        *out = iceberg_value_of_decimal(slu_column_decimals(column)[row], room);
        return SLU_OK;
    case ICEBERG_STRING:
    case ICEBERG_BINARY:
    case ICEBERG_FIXED:
    case ICEBERG_UUID:
        return slu_type_is_varlen(column->type) || id == SLU_TYPE_FIXED ? value_of_text(column, row, out)
                                                                        : column_mismatch(type, err);
    default: return column_mismatch(type, err);
    }
}

bool
iceberg_value_fits(const iceberg_type *type, slu_view bytes)
{
    switch (type->kind) {
    case ICEBERG_BOOLEAN: return bytes.bytes == 1;
    case ICEBERG_INT:
    case ICEBERG_DATE:
    case ICEBERG_FLOAT: return bytes.bytes == 4;
    case ICEBERG_LONG:
    case ICEBERG_DOUBLE:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
    case ICEBERG_TIMESTAMP_NS:
    case ICEBERG_TIMESTAMPTZ_NS: return bytes.bytes == 8 || bytes.bytes == 4;
    case ICEBERG_TIME: return bytes.bytes == 8;
    case ICEBERG_UUID: return bytes.bytes == 16;
    case ICEBERG_FIXED: return bytes.bytes == (size_t)type->length;
    case ICEBERG_DECIMAL: return bytes.bytes >= 1 && bytes.bytes <= 16;
    case ICEBERG_STRING:
    case ICEBERG_BINARY: return true;
    default: return false;
    }
}

bool
iceberg_value_i64(const iceberg_type *type, slu_view bytes, int64_t *out)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    switch (type->kind) {
    case ICEBERG_BOOLEAN:
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DATE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
    case ICEBERG_TIMESTAMP_NS:
    case ICEBERG_TIMESTAMPTZ_NS: break;
    default: return false;
    }
    if (!iceberg_value_fits(type, bytes))
        return false;
    if (bytes.bytes == 8)
        *out = (int64_t)slu_cursor_u64le(&cursor);
    else
        *out = bytes.bytes == 4 ? (int64_t)(int32_t)slu_cursor_u32le(&cursor) : (int64_t)slu_cursor_u8(&cursor);
    return true;
}

bool
iceberg_value_double(const iceberg_type *type, slu_view bytes, double *out)
{
    if ((type->kind != ICEBERG_FLOAT && type->kind != ICEBERG_DOUBLE) || (bytes.bytes != 4 && bytes.bytes != 8))
        return false;
    if (bytes.bytes == 8) {
        memcpy(out, bytes.data, 8);
    } else {
        float narrow;
        memcpy(&narrow, bytes.data, 4);
        *out = (double)narrow;
    }
    return true;
}

slu_i128
iceberg_value_decimal(slu_view bytes)
{
    slu_i128_natural number = bytes.bytes > 0 && bytes.data[0] >= 0x80 ? -1 : 0;
    for (size_t i = 0; i < bytes.bytes && i < 16; i++)
        number = (slu_i128_natural)((unsigned __int128)number << 8 | bytes.data[i]);
    return (slu_i128)number;
}

static int
compare_bytes(slu_view a, slu_view b)
{
    const size_t shorter = a.bytes < b.bytes ? a.bytes : b.bytes;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

int
iceberg_value_compare(const iceberg_type *type, slu_view a, slu_view b)
{
    int64_t left = 0;
    int64_t right = 0;
    double real_left = 0;
    double real_right = 0;
    if (iceberg_value_i64(type, a, &left) && iceberg_value_i64(type, b, &right))
        return (left > right) - (left < right);
    if (iceberg_value_double(type, a, &real_left) && iceberg_value_double(type, b, &real_right))
        return (real_left > real_right) - (real_left < real_right);
    if (type->kind == ICEBERG_DECIMAL) {
        const slu_i128_natural x = iceberg_value_decimal(a);
        const slu_i128_natural y = iceberg_value_decimal(b);
        return (x > y) - (x < y);
    }
    return compare_bytes(a, b);
}

bool
iceberg_value_equal(iceberg_value a, iceberg_value b)
{
    return a.is_null == b.is_null && (a.is_null || slu_view_equal(a.bytes, b.bytes));
}

/* Days since 1970-01-01 to a civil date (Howard Hinnant's algorithm), for any 64-bit day that a timestamp can hold. */
static void
civil_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const unsigned of_era = (unsigned)(days - era * 146097);
    const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

static void
print_date(int64_t days, slu_buf *out)
{
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    civil_of_days(days, &year, &month, &day);
    slu_buf_printf(out, "%04lld-%02u-%02u", (long long)year, month, day);
}

static void
print_clock(int64_t micros, slu_buf *out)
{
    const int64_t seconds = micros / 1000000;
    slu_buf_printf(out, "%02d:%02d:%02d.%06d", (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60),
                   (int)(micros % 1000000));
}

static void
print_timestamp(int64_t micros, bool zoned, slu_buf *out)
{
    int64_t days = micros / MICROS_PER_DAY;
    int64_t rest = micros % MICROS_PER_DAY;
    if (rest < 0) {
        rest += MICROS_PER_DAY;
        days--;
    }
    print_date(days, out);
    slu_buf_text(out, "T");
    print_clock(rest, out);
    slu_buf_text(out, zoned ? "Z" : "");
}

static void
print_decimal(slu_i128 unscaled, int32_t scale, slu_buf *out)
{
    char digits[64];
    size_t at = sizeof digits;
    slu_i128_natural number = unscaled;
    const bool negative = number < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)number : (unsigned __int128)number;
    for (int32_t place = 0; rest != 0 || place <= scale; place++, rest /= 10) {
        if (place == scale && scale > 0)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
    }
    if (negative)
        digits[--at] = '-';
    slu_buf_append(out, digits + at, sizeof digits - at);
}

static void
print_hex(slu_view bytes, slu_buf *out)
{
    slu_buf_text(out, "0x");
    for (size_t i = 0; i < bytes.bytes; i++)
        slu_buf_printf(out, "%02x", bytes.data[i]);
}

void
iceberg_value_print(const iceberg_type *type, iceberg_value value, slu_buf *out)
{
    int64_t number = 0;
    double real = 0;
    if (value.is_null) {
        slu_buf_text(out, "null");
    } else if (type->kind == ICEBERG_STRING) {
        slu_buf_append(out, value.bytes.data, value.bytes.bytes);
    } else if (type->kind == ICEBERG_DECIMAL) {
        print_decimal(iceberg_value_decimal(value.bytes), type->scale, out);
    } else if (iceberg_value_double(type, value.bytes, &real)) {
        slu_buf_printf(out, "%.17g", real);
    } else if (!iceberg_value_i64(type, value.bytes, &number)) {
        print_hex(value.bytes, out);
    } else if (type->kind == ICEBERG_BOOLEAN) {
        slu_buf_text(out, number != 0 ? "true" : "false");
    } else if (type->kind == ICEBERG_DATE) {
        print_date(number, out);
    } else if (type->kind == ICEBERG_TIME) {
        print_clock(number, out);
    } else if (type->kind == ICEBERG_TIMESTAMP || type->kind == ICEBERG_TIMESTAMPTZ) {
        print_timestamp(number, type->kind == ICEBERG_TIMESTAMPTZ, out);
    } else {
        slu_buf_printf(out, "%lld", (long long)number);
    }
}

slu_status
iceberg_value_copy(iceberg_value value, slu_arena *arena, iceberg_value *out, slu_error *err)
{
    *out = value;
    if (value.is_null || value.bytes.bytes == 0)
        return SLU_OK;
    out->bytes.data = (uint8_t *)slu_arena_strndup(arena, (const char *)value.bytes.data, value.bytes.bytes);
    return slu_arena_status(arena, err);
}
