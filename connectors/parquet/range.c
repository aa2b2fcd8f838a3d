#include "range.h"

#include "footer.h"

#include <math.h>

void
parquet_range_init(parquet_range *range, const parquet_column *column)
{
    memset(range, 0, sizeof *range);
    slu_buf_init(&range->least, PARQUET_SECTION_BYTES_MAX);
    slu_buf_init(&range->most, PARQUET_SECTION_BYTES_MAX);
    switch (column->kind) {
    case PARQUET_KIND_FLOAT: range->order = PARQUET_RANGE_FLOAT; break;
    case PARQUET_KIND_DOUBLE: range->order = PARQUET_RANGE_DOUBLE; break;
    case PARQUET_KIND_STRING:
    case PARQUET_KIND_BINARY:
    case PARQUET_KIND_FIXED:
    case PARQUET_KIND_UUID: range->order = PARQUET_RANGE_BYTES; break;
    case PARQUET_KIND_DECIMAL: range->order = column->precision > 18 ? PARQUET_RANGE_DECIMAL : PARQUET_RANGE_NUMBER; break;
    default: range->order = PARQUET_RANGE_NUMBER;
    }
}

void
parquet_range_fini(parquet_range *range)
{
    slu_buf_fini(&range->least);
    slu_buf_fini(&range->most);
    memset(range, 0, sizeof *range);
}

void
parquet_range_reset(parquet_range *range)
{
    range->some = false;
    range->nan_count = 0;
    slu_buf_reset(&range->least);
    slu_buf_reset(&range->most);
}

static void
range_double(parquet_range *range, double value)
{
    if (isnan(value)) {
        range->nan_count++;
    } else if (!range->some) {
        range->low = range->high = value;
        range->some = true;
    } else {
        range->low = value < range->low ? value : range->low;
        range->high = value > range->high ? value : range->high;
    }
}

static void
range_floats(parquet_range *range, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)values[i];
        float f;
        double d;
        memcpy(&f, &bits, sizeof f);
        memcpy(&d, &values[i], sizeof d);
        range_double(range, range->order == PARQUET_RANGE_FLOAT ? (double)f : d);
    }
}

void
parquet_range_numbers(parquet_range *range, const int64_t *values, size_t count)
{
    if (count == 0)
        return;
    if (range->order != PARQUET_RANGE_NUMBER) {
        range_floats(range, values, count);
        return;
    }
    int64_t min = range->some ? range->min : values[0];
    int64_t max = range->some ? range->max : values[0];
    for (size_t i = 0; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    range->min = min;
    range->max = max;
    range->some = true;
}

static int
range_compare(uint8_t order, slu_view a, slu_view b)
{
    if (order == PARQUET_RANGE_DECIMAL && a.bytes == b.bytes && a.bytes != 0 && ((a.data[0] ^ b.data[0]) & 0x80) != 0)
        return a.data[0] & 0x80 ? -1 : 1;
    const size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    const int c = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return c != 0 ? c : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static void
range_keep(slu_buf *buf, slu_view value)
{
    buf->bytes = 0;
    slu_buf_append(buf, value.data, value.bytes);
}

void
parquet_range_bytes(parquet_range *range, slu_view value)
{
    if (!range->some) {
        range_keep(&range->least, value);
        range_keep(&range->most, value);
        range->some = true;
    } else if (range_compare(range->order, value, slu_buf_view(&range->least)) < 0) {
        range_keep(&range->least, value);
    } else if (range_compare(range->order, value, slu_buf_view(&range->most)) > 0) {
        range_keep(&range->most, value);
    }
}

slu_status
parquet_range_merge(parquet_range *into, const parquet_range *from, slu_error *err)
{
    into->nan_count += from->nan_count;
    if (from->some) {
        switch (into->order) {
        case PARQUET_RANGE_NUMBER:
            parquet_range_numbers(into, &from->min, 1);
            parquet_range_numbers(into, &from->max, 1);
            break;
        case PARQUET_RANGE_FLOAT:
        case PARQUET_RANGE_DOUBLE:
            range_double(into, from->low);
            range_double(into, from->high);
            break;
        default: parquet_range_bytes(into, slu_buf_view(&from->least)); parquet_range_bytes(into, slu_buf_view(&from->most));
        }
    }
    SLU_TRY(slu_buf_status(&from->least, err));
    SLU_TRY(slu_buf_status(&from->most, err));
    SLU_TRY(slu_buf_status(&into->least, err));
    return slu_buf_status(&into->most, err);
}

/* ---- cut and incremented ---- */

/* Bytes of the first `points` code points; broken UTF-8 counts byte by byte. */
static size_t
text_prefix(slu_view text, size_t points)
{
    size_t at = 0;
    for (; points > 0 && at < text.bytes; points--) {
        at++;
        while (at < text.bytes && (text.data[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static uint32_t
text_decode(const uint8_t *at, size_t bytes)
{
    if (bytes == 1)
        return at[0];
    uint32_t point = at[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        point = point << 6 | (at[i] & 0x3f);
    return point;
}

static void
text_encode(slu_buf *out, uint32_t point)
{
    if (point < 0x80) {
        slu_buf_u8(out, (uint8_t)point);
    } else if (point < 0x800) {
        slu_buf_u8(out, (uint8_t)(0xc0 | point >> 6));
        slu_buf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        slu_buf_u8(out, (uint8_t)(0xe0 | point >> 12));
        slu_buf_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        slu_buf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else {
        slu_buf_u8(out, (uint8_t)(0xf0 | point >> 18));
        slu_buf_u8(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
        slu_buf_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        slu_buf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    }
}

/* Drops last code points until one can be incremented (skipping the surrogates); false when none can. */
static bool
text_increment(slu_buf *text)
{
    while (text->bytes > 0) {
        size_t at = text->bytes - 1;
        while (at > 0 && (text->data[at] & 0xc0) == 0x80)
            at--;
        const size_t n = text->bytes - at;
        const uint32_t point = n <= 4 ? text_decode(text->data + at, n) : 0x10ffff;
        text->bytes = at;
        if (point < 0x10ffff) {
            text_encode(text, point == 0xd7ff ? 0xe000 : point + 1);
            return true;
        }
    }
    return false;
}

static bool
bytes_increment(slu_buf *bytes)
{
    while (bytes->bytes > 0) {
        if (bytes->data[bytes->bytes - 1] != 0xff) {
            bytes->data[bytes->bytes - 1]++;
            return true;
        }
        bytes->bytes--;
    }
    return false;
}

/* Whole when it fits `prefix` bytes; else cut there and, above, incremented. */
static bool
range_cut(slu_view value, size_t prefix, bool text, bool upper, slu_buf *out)
{
    slu_buf_append(out, value.data, prefix < value.bytes ? prefix : value.bytes);
    if (prefix >= value.bytes || !upper)
        return true;
    return text ? text_increment(out) : bytes_increment(out);
}

static void
range_put_double(const parquet_range *range, bool upper, slu_buf *out)
{
    double d = upper ? range->high : range->low;
    if (d == 0)
        d = upper ? 0.0 : -0.0;
    if (range->order == PARQUET_RANGE_FLOAT) {
        const float f = (float)d;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        slu_buf_u32le(out, bits);
    } else {
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        slu_buf_u64le(out, bits);
    }
}

static bool
column_is_int32(const parquet_column *column)
{
    return column->kind == PARQUET_KIND_INT || column->kind == PARQUET_KIND_DATE ||
           (column->kind == PARQUET_KIND_DECIMAL && column->precision <= 9);
}

static void
range_put_number(const parquet_range *range, const parquet_column *column, bool upper, slu_buf *out)
{
    const int64_t number = upper ? range->max : range->min;
    if (column->kind == PARQUET_KIND_BOOLEAN)
        slu_buf_u8(out, (uint8_t)number);
    else if (column_is_int32(column))
        slu_buf_u32le(out, (uint32_t)number);
    else
        slu_buf_u64le(out, (uint64_t)number);
}

bool
parquet_range_statistic(const parquet_range *range, const parquet_column *column, bool upper, slu_buf *out, bool *exact)
{
    *exact = true;
    if (!range->some)
        return false;
    const slu_view value = slu_buf_view(upper ? &range->most : &range->least);
    switch (range->order) {
    case PARQUET_RANGE_NUMBER: range_put_number(range, column, upper, out); return true;
    case PARQUET_RANGE_FLOAT:
    case PARQUET_RANGE_DOUBLE: range_put_double(range, upper, out); return true;
    case PARQUET_RANGE_DECIMAL: slu_buf_append(out, value.data, value.bytes); return true;
    default: break;
    }
    if (column->kind == PARQUET_KIND_FIXED && value.bytes > PARQUET_STATISTICS_BYTES_MAX)
        return false; /* a cut value would not have the column's length */
    size_t prefix = value.bytes;
    if (prefix > PARQUET_STATISTICS_BYTES_MAX) {
        *exact = false;
        prefix = PARQUET_STATISTICS_BYTES_MAX;
        while (column->kind == PARQUET_KIND_STRING && prefix > 0 && (value.data[prefix] & 0xc0) == 0x80)
            prefix--;
    }
    return range_cut(value, prefix, column->kind == PARQUET_KIND_STRING, upper, out);
}

/* Two's complement, big endian, no more bytes than needed. */
static void
range_put_minimal(slu_view value, slu_buf *out)
{
    size_t at = 0;
    while (at + 1 < value.bytes && ((value.data[at] == 0 && (value.data[at + 1] & 0x80) == 0) ||
                                    (value.data[at] == 0xff && (value.data[at + 1] & 0x80) != 0)))
        at++;
    slu_buf_append(out, value.data + at, value.bytes - at);
}

static void
range_bound_number(const parquet_range *range, const parquet_column *column, bool upper, slu_buf *out)
{
    if (column->kind != PARQUET_KIND_DECIMAL) {
        range_put_number(range, column, upper, out);
        return;
    }
    uint8_t big[8];
    for (int i = 0; i < 8; i++)
        big[i] = (uint8_t)((uint64_t)(upper ? range->max : range->min) >> (56 - 8 * i));
    range_put_minimal(slu_view_of(big, sizeof big), out);
}

bool
parquet_range_bound(const parquet_range *range, const parquet_column *column, bool upper, int32_t truncate, slu_buf *out)
{
    if (!range->some)
        return false;
    const slu_view value = slu_buf_view(upper ? &range->most : &range->least);
    switch (range->order) {
    case PARQUET_RANGE_NUMBER: range_bound_number(range, column, upper, out); return true;
    case PARQUET_RANGE_FLOAT:
    case PARQUET_RANGE_DOUBLE: range_put_double(range, upper, out); return true;
    case PARQUET_RANGE_DECIMAL: range_put_minimal(value, out); return true;
    default: break;
    }
    const bool text = column->kind == PARQUET_KIND_STRING;
    size_t prefix = value.bytes;
    if (truncate >= 0 && (text || column->kind == PARQUET_KIND_BINARY))
        prefix = text ? text_prefix(value, (size_t)truncate) : (size_t)truncate;
    return range_cut(value, prefix, text, upper, out);
}
