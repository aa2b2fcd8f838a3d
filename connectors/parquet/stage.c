#include "stage.h"

#include "footer.h"

#include <sluice/columns.h>

#define OP_BOOL 1
#define OP_I8 2
#define OP_I16 3
#define OP_I32 4
#define OP_I64 5
#define OP_F32 6
#define OP_F64 7
#define OP_F32_F64 8
#define OP_TIME32 9
#define OP_TIME64 10
#define OP_DECIMAL_NUMBER 11
#define OP_DECIMAL_BYTES 12
#define OP_BYTES32 13
#define OP_BYTES64 14
#define OP_FIXED 15

/* ---- which conversion ---- */

static uint8_t
integer_op(const char *format)
{
    switch (format[0]) {
    case 'c': return OP_I8;
    case 's': return OP_I16;
    case 'i': return OP_I32;
    case 'l': return OP_I64;
    default: return 0;
    }
}

/* Nanoseconds of a unit letter; 0: unknown. */
static int64_t
unit_nanos(char unit)
{
    switch (unit) {
    case 's': return 1000000000;
    case 'm': return 1000000;
    case 'u': return 1000;
    case 'n': return 1;
    default: return 0;
    }
}

static void
convert_time(parquet_convert *convert, const char *format, int64_t target_nanos)
{
    const int64_t nanos = unit_nanos(format[2]);
    if (nanos == 0)
        return;
    convert->factor = nanos >= target_nanos ? nanos / target_nanos : -(target_nanos / nanos);
    if (format[1] == 't' && nanos >= 1000000)
        convert->op = OP_TIME32;
    else
        convert->op = convert->factor == 1 ? OP_I64 : OP_TIME64;
}

static void
convert_decimal(parquet_convert *convert, const parquet_column *column, const char *format)
{
    int precision = 0, scale = 0, bits = 128;
    const int n = sscanf(format, "d:%d,%d,%d", &precision, &scale, &bits);
    if (n < 2 || bits != 128 || scale != column->scale || precision > column->precision)
        return;
    convert->number_max = 1;
    for (int i = 0; i < column->precision && column->precision <= 18; i++)
        convert->number_max *= 10;
    convert->number_max -= 1;
    convert->width = parquet_decimal_bytes(column->precision);
    convert->op = column->precision <= 18 ? OP_DECIMAL_NUMBER : OP_DECIMAL_BYTES;
}

static void
convert_bytes(parquet_convert *convert, const char *format, bool text_only)
{
    if (format[0] == 'u' || (format[0] == 'z' && !text_only))
        convert->op = OP_BYTES32;
    else if (format[0] == 'U' || (format[0] == 'Z' && !text_only))
        convert->op = OP_BYTES64;
}

/* Bytes of a length that Arrow says; 0: any. */
static void
convert_fixed(parquet_convert *convert, const char *format, int32_t length)
{
    const slu_type type = slu_type_of(format);
    if (type.id != SLU_TYPE_FIXED || (length != 0 && type.width_bytes != length))
        return;
    convert->width = type.width_bytes;
    convert->op = OP_FIXED;
}

static void
convert_find(parquet_convert *convert, const parquet_column *column, const char *format)
{
    const uint8_t integer = integer_op(format);
    switch (column->kind) {
    case PARQUET_KIND_BOOLEAN: convert->op = format[0] == 'b' ? OP_BOOL : 0; break;
    case PARQUET_KIND_INT: convert->op = integer == OP_I64 ? 0 : integer; break;
    case PARQUET_KIND_LONG: convert->op = integer; break;
    case PARQUET_KIND_FLOAT: convert->op = format[0] == 'f' ? OP_F32 : 0; break;
    case PARQUET_KIND_DOUBLE: convert->op = format[0] == 'g' ? OP_F64 : format[0] == 'f' ? OP_F32_F64 : 0; break;
    case PARQUET_KIND_DECIMAL: convert_decimal(convert, column, format); break;
    case PARQUET_KIND_DATE: convert->op = strcmp(format, "tdD") == 0 ? OP_I32 : 0; break;
    case PARQUET_KIND_TIME:
        if (strncmp(format, "tt", 2) == 0)
            convert_time(convert, format, 1000);
        break;
    case PARQUET_KIND_TIMESTAMP:
    case PARQUET_KIND_TIMESTAMPTZ:
        if (strncmp(format, "ts", 2) == 0)
            convert_time(convert, format, 1000);
        break;
    case PARQUET_KIND_TIMESTAMP_NS:
    case PARQUET_KIND_TIMESTAMPTZ_NS:
        if (strncmp(format, "ts", 2) == 0)
            convert_time(convert, format, 1);
        break;
    case PARQUET_KIND_STRING: convert_bytes(convert, format, true); break;
    case PARQUET_KIND_BINARY:
        convert_bytes(convert, format, false);
        if (convert->op == 0)
            convert_fixed(convert, format, 0);
        break;
    case PARQUET_KIND_UUID: convert_fixed(convert, format, 16); break;
    case PARQUET_KIND_FIXED: convert_fixed(convert, format, column->length); break;
    default: break;
    }
}

slu_status
parquet_convert_init(parquet_convert *convert, const parquet_column *column, const char *format, slu_error *err)
{
    memset(convert, 0, sizeof *convert);
    convert->name = column->name;
    convert->required = column->required;
    convert->factor = 1;
    if (format == NULL || format[0] == 0)
        return slu_error_set(err, SLU_INVALID, "column %s: the Arrow schema has no format", column->name);
    convert_find(convert, column, format);
    if (convert->op == 0) {
        char wanted[32];
        parquet_column_format(column, wanted, sizeof wanted);
        return slu_error_set(err, SLU_INVALID, "column %s: Arrow type %s cannot become %s", column->name, format, wanted);
    }
    return SLU_OK;
}

/* ---- filling ---- */

/* The rows of one fill, as absolute positions in the column's buffers. */
typedef struct stage_rows {
    const int32_t *selection; /* already at `from`; NULL: consecutive */
    int64_t first;            /* array offset; plus `from` when consecutive */
} stage_rows;

static inline int64_t
stage_row(const stage_rows *rows, size_t i)
{
    return rows->first + (rows->selection != NULL ? (int64_t)rows->selection[i] : (int64_t)i);
}

static inline bool
bit_at(const uint8_t *bits, int64_t at)
{
    return bits[at >> 3] >> (at & 7) & 1;
}

/* Positions of the rows that are not null, into `at`; sets the validity bits. */
static void
stage_positions(parquet_stage *stage, const stage_rows *rows, const uint8_t *validity, size_t n, int64_t *at)
{
    size_t count = 0;
    memset(stage->valid, 0, sizeof stage->valid);
    if (validity == NULL) {
        memset(stage->valid, 0xff, n / 8);
        if (n % 8 != 0)
            stage->valid[n / 8] = (uint8_t)((1u << n % 8) - 1);
        for (size_t i = 0; i < n; i++)
            at[i] = stage_row(rows, i);
        count = n;
    } else {
        for (size_t i = 0; i < n; i++) {
            const int64_t row = stage_row(rows, i);
            const bool there = bit_at(validity, row);
            stage->valid[i >> 3] |= (uint8_t)(there << (i & 7));
            at[count] = row;
            count += there;
        }
    }
    stage->rows = n;
    stage->count = count;
}

static slu_status
stage_times(parquet_stage *stage, const parquet_convert *convert, const void *data, const int64_t *at, slu_error *err)
{
    int64_t *out = stage->number_store;
    bool overflow = false;
    for (size_t i = 0; i < stage->count; i++) {
        const int64_t v = convert->op == OP_TIME32 ? ((const int32_t *)data)[at[i]] : ((const int64_t *)data)[at[i]];
        if (convert->factor > 0) {
            overflow |= __builtin_mul_overflow(v, convert->factor, &out[i]);
        } else {
            const int64_t divisor = -convert->factor;
            out[i] = v / divisor - (v % divisor < 0);
        }
    }
    if (overflow)
        return slu_error_set(err, SLU_INVALID, "column %s: a time beyond what 64 bits of the target unit hold", convert->name);
    return SLU_OK;
}

static slu_status
stage_decimal_numbers(parquet_stage *stage, const parquet_convert *convert, const void *data, const int64_t *at, slu_error *err)
{
    const int64_t *words = data; /* low, high: little endian two's complement */
    int64_t *out = stage->number_store;
    bool wide = false;
    for (size_t i = 0; i < stage->count; i++) {
        const int64_t low = words[2 * at[i]];
        wide |= words[2 * at[i] + 1] != low >> 63 || low > convert->number_max || low < -convert->number_max;
        out[i] = low;
    }
    if (wide)
        return slu_error_set(err, SLU_INVALID, "column %s: a decimal has more digits than its type", convert->name);
    return SLU_OK;
}

static slu_status
stage_decimal_bytes(parquet_stage *stage, const parquet_convert *convert, const void *data, const int64_t *at, slu_error *err)
{
    const uint8_t *in = data;
    const size_t width = (size_t)convert->width;
    for (size_t i = 0; i < stage->count; i++) {
        const uint8_t *value = in + 16 * at[i];
        uint8_t *out = stage->decimal_store + 16 * i;
        for (size_t b = 0; b < width; b++)
            out[width - 1 - b] = value[b];
        const uint8_t sign = value[width - 1] & 0x80 ? 0xff : 0;
        for (size_t b = width; b < 16; b++)
            if (value[b] != sign)
                return slu_error_set(err, SLU_INVALID, "column %s: a decimal has more digits than its type", convert->name);
        stage->view_store[i] = slu_view_of(out, width);
    }
    return SLU_OK;
}

static slu_status
stage_bytes(parquet_stage *stage, const parquet_convert *convert, const struct ArrowArray *array, const int64_t *at, slu_error *err)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = array->buffers[2] != NULL ? array->buffers[2] : nothing;
    for (size_t i = 0; i < stage->count; i++) {
        int64_t from, to;
        if (convert->op == OP_BYTES32) {
            const int32_t *offsets = array->buffers[1];
            from = offsets[at[i]], to = offsets[at[i] + 1];
        } else {
            const int64_t *offsets = array->buffers[1];
            from = offsets[at[i]], to = offsets[at[i] + 1];
        }
        if (from < 0 || to < from)
            return slu_error_set(err, SLU_INVALID, "column %s: Arrow offsets run backwards", convert->name);
        if (to - from > PARQUET_VALUE_BYTES_MAX)
            return slu_error_set(err, SLU_LIMIT, "column %s: a value of %lld bytes is above the limit of %lld", convert->name,
                                 (long long)(to - from), (long long)PARQUET_VALUE_BYTES_MAX);
        stage->view_store[i] = slu_view_of(data + from, (size_t)(to - from));
    }
    return SLU_OK;
}

static void
stage_fixed(parquet_stage *stage, const parquet_convert *convert, const uint8_t *data, const int64_t *at)
{
    for (size_t i = 0; i < stage->count; i++)
        stage->view_store[i] = slu_view_of(data + at[i] * convert->width, (size_t)convert->width);
}

#define STAGE_NUMBERS(TYPE, EXPRESSION)                                                                                            \
    do {                                                                                                                           \
        const TYPE *in_ = data;                                                                                                    \
        for (size_t i = 0; i < stage->count; i++) {                                                                                \
            const TYPE v = in_[at[i]];                                                                                             \
            stage->number_store[i] = (EXPRESSION);                                                                                 \
        }                                                                                                                          \
    } while (0)

static int64_t
double_bits(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static slu_status
stage_values(parquet_stage *stage, const parquet_convert *convert, const struct ArrowArray *array, const int64_t *at,
             slu_error *err)
{
    const void *data = array->buffers[1];
    switch (convert->op) {
    case OP_BOOL:
        for (size_t i = 0; i < stage->count; i++)
            stage->number_store[i] = bit_at(data, at[i]);
        break;
    case OP_I8: STAGE_NUMBERS(int8_t, v); break;
    case OP_I16: STAGE_NUMBERS(int16_t, v); break;
    case OP_I32: STAGE_NUMBERS(int32_t, v); break;
    case OP_I64:
    case OP_F64: STAGE_NUMBERS(int64_t, v); break;
    case OP_F32: STAGE_NUMBERS(uint32_t, (int64_t)v); break;
    case OP_F32_F64: STAGE_NUMBERS(float, double_bits((double)v)); break;
    case OP_TIME32:
    case OP_TIME64: return stage_times(stage, convert, data, at, err);
    case OP_DECIMAL_NUMBER: return stage_decimal_numbers(stage, convert, data, at, err);
    case OP_DECIMAL_BYTES: return stage_decimal_bytes(stage, convert, data, at, err);
    case OP_FIXED: stage_fixed(stage, convert, data, at); break;
    default: return stage_bytes(stage, convert, array, at, err);
    }
    return SLU_OK;
}

/* A slice of large values is cut so that a page stays near its size: keeps the values of the first rows whose bytes reach the maximum. */
static void
stage_cut(parquet_stage *stage, size_t bytes_max)
{
    size_t bytes = 0, value = 0;
    for (size_t row = 0; row < stage->rows; row++) {
        if (bytes >= bytes_max) {
            for (size_t i = row; i < stage->rows; i++)
                stage->valid[i >> 3] &= (uint8_t) ~(1u << (i & 7));
            stage->rows = row;
            stage->count = value;
            return;
        }
        if (bit_at(stage->valid, (int64_t)row))
            bytes += stage->view_store[value++].bytes;
    }
}

slu_status
parquet_stage_fill(parquet_stage *stage, const parquet_convert *convert, const struct ArrowArray *array, int64_t base,
                   const int32_t *selection, int64_t from, size_t rows, size_t bytes_max, slu_error *err)
{
    int64_t at[PARQUET_STAGE_ROWS];
    const int64_t offset = base + array->offset;
    const stage_rows where = {selection != NULL ? selection + from : NULL, selection != NULL ? offset : offset + from};
    const uint8_t *validity = array->null_count == 0 ? NULL : array->buffers[0];
    stage->numbers = stage->number_store;
    stage->views = stage->view_store;
    if (validity == NULL && selection == NULL && (convert->op == OP_I64 || convert->op == OP_F64)) {
        stage->rows = stage->count = rows;
        memset(stage->valid, 0xff, rows / 8);
        if (rows % 8 != 0)
            stage->valid[rows / 8] = (uint8_t)((1u << rows % 8) - 1);
        stage->numbers = (const int64_t *)array->buffers[1] + where.first;
        return SLU_OK;
    }
    stage_positions(stage, &where, validity, rows, at);
    if (convert->required && stage->count != stage->rows)
        return slu_error_set(err, SLU_INVALID, "column %s is required and a row has no value for it", convert->name);
    SLU_TRY(stage_values(stage, convert, array, at, err));
    if (convert->op == OP_BYTES32 || convert->op == OP_BYTES64 || convert->op == OP_FIXED)
        stage_cut(stage, bytes_max);
    return SLU_OK;
}
