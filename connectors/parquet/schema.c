/* The table of column.h, both ways: Iceberg kind -> Parquet element, and element -> kind. */
#include "footer.h"

int32_t
parquet_decimal_bytes(int32_t precision)
{
    /* Bytes n needs for p digits: the largest p with 10^p <= 2^(8n-1). */
    static const uint8_t bytes[] = {1, 1, 1,  2,  2,  3,  3,  4,  4,  4,  5,  5,  6,  6,  6,  7,  7,  8,  8, 9,
                                    9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16};
    return precision >= 0 && precision <= 38 ? bytes[precision] : 16;
}

static slu_status column_check_nested(const parquet_column *column, unsigned depth, slu_error *err);

static slu_status
column_check_at(const parquet_column *column, unsigned depth, slu_error *err)
{
    if (column->name == NULL || column->name[0] == 0)
        return slu_error_set(err, SLU_INVALID, "a Parquet column has no name");
    if (parquet_column_is_nested(column))
        return column_check_nested(column, depth, err);
    if (column->kind < PARQUET_KIND_BOOLEAN || column->kind > PARQUET_KIND_BINARY)
        return slu_error_set(err, SLU_UNSUPPORTED, "column %s: kind %d is not a primitive type", column->name, column->kind);
    if (column->kind == PARQUET_KIND_DECIMAL &&
        (column->precision < 1 || column->precision > 38 || column->scale < 0 || column->scale > column->precision))
        return slu_error_set(err, SLU_INVALID, "column %s: DECIMAL(%d,%d) is out of bounds", column->name, column->precision,
                             column->scale);
    if (column->kind == PARQUET_KIND_FIXED && (column->length < 1 || column->length > PARQUET_FIXED_BYTES_MAX))
        return slu_error_set(err, SLU_INVALID, "column %s: FIXED of %d bytes is out of bounds", column->name, column->length);
    return SLU_OK;
}

static slu_status
column_check_nested(const parquet_column *column, unsigned depth, slu_error *err)
{
    const uint32_t count = column->kind == PARQUET_KIND_LIST ? 1 : column->kind == PARQUET_KIND_MAP ? 2 : column->field_count;
    if (column->kind > PARQUET_KIND_MAP || count == 0 || count != column->field_count || count > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "column %s: kind %d with %u fields", column->name, column->kind,
                             column->field_count);
    if (depth >= PARQUET_NESTING_MAX)
        return slu_error_set(err, SLU_LIMIT, "column %s: columns nested deeper than %d", column->name, PARQUET_NESTING_MAX);
    if (column->kind == PARQUET_KIND_MAP && !column->fields[0].required)
        return slu_error_set(err, SLU_INVALID, "column %s: the keys of a map are required", column->name);
    for (uint32_t i = 0; i < count; i++)
        SLU_TRY_IN(column_check_at(&column->fields[i], depth + 1, err), err, "column %s", column->name);
    return SLU_OK;
}

slu_status
parquet_column_check(const parquet_column *column, slu_error *err)
{
    return column_check_at(column, 0, err);
}

void
parquet_column_format(const parquet_column *column, char *out, size_t out_bytes)
{
    static const char *const formats[] = {"n",    "b",       "i",    "l",       "f", "g",    NULL, "tdD", "ttu",
                                          "tsu:", "tsu:UTC", "tsn:", "tsn:UTC", "u", "w:16", NULL, "z"};
    if (parquet_column_is_nested(column))
        (void)snprintf(out, out_bytes, "+%c", "slm"[column->kind - PARQUET_KIND_STRUCT]);
    else if (column->kind == PARQUET_KIND_DECIMAL)
        (void)snprintf(out, out_bytes, "d:%d,%d", column->precision, column->scale);
    else if (column->kind == PARQUET_KIND_FIXED)
        (void)snprintf(out, out_bytes, "w:%d", column->length);
    else
        (void)snprintf(out, out_bytes, "%s", formats[column->kind]);
}

static void
element_logical(parquet_element *e, int32_t logical, int32_t converted)
{
    e->logical = logical;
    e->converted = converted;
}

static void
element_of_decimal(const parquet_column *column, parquet_element *e)
{
    e->type = column->precision <= 9 ? PARQUET_INT32 : column->precision <= 18 ? PARQUET_INT64 : PARQUET_FIXED_LEN_BYTE_ARRAY;
    e->type_length = parquet_decimal_bytes(column->precision);
    e->precision = column->precision;
    e->scale = column->scale;
    element_logical(e, PARQUET_LOGICAL_DECIMAL, PARQUET_CONVERTED_DECIMAL);
}

static void
element_of_time(const parquet_column *column, parquet_element *e)
{
    const bool nanos = column->kind == PARQUET_KIND_TIMESTAMP_NS || column->kind == PARQUET_KIND_TIMESTAMPTZ_NS;
    e->type = PARQUET_INT64;
    e->unit = nanos ? PARQUET_UNIT_NANOS : PARQUET_UNIT_MICROS;
    e->utc = column->kind == PARQUET_KIND_TIMESTAMPTZ || column->kind == PARQUET_KIND_TIMESTAMPTZ_NS;
    if (column->kind == PARQUET_KIND_TIME)
        element_logical(e, PARQUET_LOGICAL_TIME, PARQUET_CONVERTED_TIME_MICROS);
    else
        element_logical(e, PARQUET_LOGICAL_TIMESTAMP, nanos ? PARQUET_NONE : PARQUET_CONVERTED_TIMESTAMP_MICROS);
}

void
parquet_element_of_column(const parquet_column *column, parquet_element *out)
{
    memset(out, 0, sizeof *out);
    out->name = slu_view_of_text(column->name);
    out->repetition = column->required ? PARQUET_REQUIRED : PARQUET_OPTIONAL;
    out->converted = PARQUET_NONE;
    out->field_id = column->field_id;
    switch (column->kind) {
    case PARQUET_KIND_BOOLEAN: out->type = PARQUET_BOOLEAN; break;
    case PARQUET_KIND_INT: out->type = PARQUET_INT32; break;
    case PARQUET_KIND_LONG: out->type = PARQUET_INT64; break;
    case PARQUET_KIND_FLOAT: out->type = PARQUET_FLOAT; break;
    case PARQUET_KIND_DOUBLE: out->type = PARQUET_DOUBLE; break;
    case PARQUET_KIND_DECIMAL: element_of_decimal(column, out); break;
    case PARQUET_KIND_DATE:
        out->type = PARQUET_INT32;
        element_logical(out, PARQUET_LOGICAL_DATE, PARQUET_CONVERTED_DATE);
        break;
    case PARQUET_KIND_STRING:
        out->type = PARQUET_BYTE_ARRAY;
        element_logical(out, PARQUET_LOGICAL_STRING, PARQUET_CONVERTED_UTF8);
        break;
    case PARQUET_KIND_BINARY: out->type = PARQUET_BYTE_ARRAY; break;
    case PARQUET_KIND_UUID:
        out->type = PARQUET_FIXED_LEN_BYTE_ARRAY;
        out->type_length = 16;
        element_logical(out, PARQUET_LOGICAL_UUID, PARQUET_NONE);
        break;
    case PARQUET_KIND_FIXED:
        out->type = PARQUET_FIXED_LEN_BYTE_ARRAY;
        out->type_length = column->length;
        break;
    default: element_of_time(column, out);
    }
}

static bool
element_is_decimal(const parquet_element *e)
{
    return e->logical == PARQUET_LOGICAL_DECIMAL || e->converted == PARQUET_CONVERTED_DECIMAL;
}

/* UINT_64 does not fit Iceberg's signed types, UINT_32 the next wider one; the narrower ones do. */
bool
parquet_element_is_unsigned(const parquet_element *e)
{
    return (e->logical == PARQUET_LOGICAL_INTEGER && !e->is_signed && e->bits >= 32) ||
           (e->logical == 0 && (e->converted == PARQUET_CONVERTED_UINT_32 || e->converted == PARQUET_CONVERTED_UINT_64));
}

bool
parquet_element_is_millis(const parquet_element *e)
{
    const bool time = e->logical == PARQUET_LOGICAL_TIMESTAMP || e->logical == PARQUET_LOGICAL_TIME;
    return (time && e->unit == PARQUET_UNIT_MILLIS) || (e->logical == 0 && (e->converted == PARQUET_CONVERTED_TIMESTAMP_MILLIS ||
                                                                            e->converted == PARQUET_CONVERTED_TIME_MILLIS));
}

static uint8_t
kind_of_int64(const parquet_element *e)
{
    if (parquet_element_is_unsigned(e))
        return PARQUET_KIND_UNKNOWN;
    if (element_is_decimal(e))
        return PARQUET_KIND_DECIMAL;
    if (e->logical == PARQUET_LOGICAL_TIMESTAMP && e->unit == PARQUET_UNIT_NANOS)
        return e->utc ? PARQUET_KIND_TIMESTAMPTZ_NS : PARQUET_KIND_TIMESTAMP_NS;
    if (e->logical == PARQUET_LOGICAL_TIMESTAMP)
        return e->utc ? PARQUET_KIND_TIMESTAMPTZ : PARQUET_KIND_TIMESTAMP;
    if (e->converted == PARQUET_CONVERTED_TIMESTAMP_MILLIS || e->converted == PARQUET_CONVERTED_TIMESTAMP_MICROS)
        return PARQUET_KIND_TIMESTAMPTZ;
    if (e->logical == PARQUET_LOGICAL_TIME)
        return e->unit == PARQUET_UNIT_MICROS ? PARQUET_KIND_TIME : PARQUET_KIND_UNKNOWN;
    return e->converted == PARQUET_CONVERTED_TIME_MICROS ? PARQUET_KIND_TIME : PARQUET_KIND_LONG;
}

static uint8_t
kind_of_int32(const parquet_element *e)
{
    if (parquet_element_is_unsigned(e))
        return PARQUET_KIND_LONG;
    if (element_is_decimal(e))
        return PARQUET_KIND_DECIMAL;
    if (e->logical == PARQUET_LOGICAL_DATE || e->converted == PARQUET_CONVERTED_DATE)
        return PARQUET_KIND_DATE;
    if (e->logical == PARQUET_LOGICAL_TIME || e->converted == PARQUET_CONVERTED_TIME_MILLIS)
        return parquet_element_is_millis(e) ? PARQUET_KIND_TIME : PARQUET_KIND_UNKNOWN;
    return PARQUET_KIND_INT;
}

static uint8_t
kind_of_bytes(const parquet_element *e)
{
    if (element_is_decimal(e))
        return PARQUET_KIND_DECIMAL;
    const bool text = e->logical == PARQUET_LOGICAL_STRING || e->logical == PARQUET_LOGICAL_ENUM ||
                      e->logical == PARQUET_LOGICAL_JSON || e->converted == PARQUET_CONVERTED_UTF8 ||
                      e->converted == PARQUET_CONVERTED_ENUM || e->converted == PARQUET_CONVERTED_JSON;
    return text ? PARQUET_KIND_STRING : PARQUET_KIND_BINARY;
}

static uint8_t
kind_of_fixed(const parquet_element *e)
{
    if (element_is_decimal(e))
        return e->type_length >= 1 && e->type_length <= 16 ? PARQUET_KIND_DECIMAL : PARQUET_KIND_UNKNOWN;
    if (e->type_length < 1 || e->type_length > PARQUET_FIXED_BYTES_MAX)
        return PARQUET_KIND_UNKNOWN;
    return e->logical == PARQUET_LOGICAL_UUID && e->type_length == 16 ? PARQUET_KIND_UUID : PARQUET_KIND_FIXED;
}

static uint8_t
kind_of_element(const parquet_element *e)
{
    if (e->logical == PARQUET_LOGICAL_FLOAT16 || e->logical > PARQUET_LOGICAL_FLOAT16) /* and what came after it */
        return PARQUET_KIND_UNKNOWN;
    switch (e->type) {
    case PARQUET_BOOLEAN: return PARQUET_KIND_BOOLEAN;
    case PARQUET_INT32: return kind_of_int32(e);
    case PARQUET_INT64: return kind_of_int64(e);
    case PARQUET_INT96: return PARQUET_KIND_TIMESTAMPTZ;
    case PARQUET_FLOAT: return PARQUET_KIND_FLOAT;
    case PARQUET_DOUBLE: return PARQUET_KIND_DOUBLE;
    case PARQUET_BYTE_ARRAY: return kind_of_bytes(e);
    case PARQUET_FIXED_LEN_BYTE_ARRAY: return kind_of_fixed(e);
    default: return PARQUET_KIND_UNKNOWN;
    }
}

void
parquet_column_of_element(const parquet_element *element, const char *name, parquet_column *out)
{
    const parquet_column column = {.name = name,
                                   .field_id = element->field_id,
                                   .kind = kind_of_element(element),
                                   .required = element->repetition == PARQUET_REQUIRED,
                                   .precision = element->precision,
                                   .scale = element->scale,
                                   .length = element->type_length};
    *out = column;
    if (column.kind == PARQUET_KIND_DECIMAL && (parquet_column_check(&column, NULL) != SLU_OK))
        out->kind = PARQUET_KIND_UNKNOWN;
}
