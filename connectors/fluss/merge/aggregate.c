#include "fluss/merge/aggregate.h"

#include "base/sizes.h"
#include "fluss/merge/decimal.h"
#include "fluss/merge/roaring.h"
#include "fluss/merge/row_cells.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <strings.h>

#define AGG_ERROR_INVALID_CONFIG 39
#define AGG_ERROR_UNKNOWN (-1)
#define AGG_DECIMAL_COMPACT 18
#define AGG_DELIMITER "delimiter"

#define AGG_BIT(type) (UINT32_C(1) << (type))
#define AGG_NUMBERS                                                                                                                \
    (AGG_BIT(FLUSS_TYPE_TINYINT) | AGG_BIT(FLUSS_TYPE_SMALLINT) | AGG_BIT(FLUSS_TYPE_INTEGER) | AGG_BIT(FLUSS_TYPE_BIGINT) |       \
     AGG_BIT(FLUSS_TYPE_FLOAT) | AGG_BIT(FLUSS_TYPE_DOUBLE) | AGG_BIT(FLUSS_TYPE_DECIMAL))
#define AGG_ORDERED                                                                                                                \
    (AGG_NUMBERS | AGG_BIT(FLUSS_TYPE_CHAR) | AGG_BIT(FLUSS_TYPE_STRING) | AGG_BIT(FLUSS_TYPE_DATE) | AGG_BIT(FLUSS_TYPE_TIME) |   \
     AGG_BIT(FLUSS_TYPE_TIMESTAMP) | AGG_BIT(FLUSS_TYPE_TIMESTAMP_LTZ))
#define AGG_NUMBERS_SAID "[TINYINT, SMALLINT, INTEGER, BIGINT, FLOAT, DOUBLE, DECIMAL]"
#define AGG_ORDERED_SAID                                                                                                           \
    "[CHAR, STRING, TINYINT, SMALLINT, INTEGER, BIGINT, FLOAT, DOUBLE, DECIMAL, DATE, TIME_WITHOUT_TIME_ZONE, "                    \
    "TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE]"

static const struct {
    const char *name;
    uint32_t types;   /* 0: all */
    const char *said; /* the types in Fluss's words */
} agg_functions[] = {
    [FLUSS_AGG_SUM] = {"sum", AGG_NUMBERS, AGG_NUMBERS_SAID},
    [FLUSS_AGG_PRODUCT] = {"product", AGG_NUMBERS, AGG_NUMBERS_SAID},
    [FLUSS_AGG_MAX] = {"max", AGG_ORDERED, AGG_ORDERED_SAID},
    [FLUSS_AGG_MIN] = {"min", AGG_ORDERED, AGG_ORDERED_SAID},
    [FLUSS_AGG_LAST_VALUE] = {"last_value", 0, NULL},
    [FLUSS_AGG_LAST_VALUE_IGNORE_NULLS] = {"last_value_ignore_nulls", 0, NULL},
    [FLUSS_AGG_FIRST_VALUE] = {"first_value", 0, NULL},
    [FLUSS_AGG_FIRST_VALUE_IGNORE_NULLS] = {"first_value_ignore_nulls", 0, NULL},
    [FLUSS_AGG_LISTAGG] = {"listagg", AGG_BIT(FLUSS_TYPE_STRING) | AGG_BIT(FLUSS_TYPE_CHAR), "[STRING, CHAR]"},
    [FLUSS_AGG_STRING_AGG] = {"string_agg", AGG_BIT(FLUSS_TYPE_STRING) | AGG_BIT(FLUSS_TYPE_CHAR), "[STRING, CHAR]"},
    [FLUSS_AGG_BOOL_AND] = {"bool_and", AGG_BIT(FLUSS_TYPE_BOOLEAN), "[BOOLEAN]"},
    [FLUSS_AGG_BOOL_OR] = {"bool_or", AGG_BIT(FLUSS_TYPE_BOOLEAN), "[BOOLEAN]"},
    [FLUSS_AGG_RBM32] = {"rbm32", AGG_BIT(FLUSS_TYPE_BYTES), "[BYTES]"},
    [FLUSS_AGG_RBM64] = {"rbm64", AGG_BIT(FLUSS_TYPE_BYTES), "[BYTES]"},
};

/* ---- what a column says ---- */

static bool
agg_takes_delimiter(fluss_agg_function function)
{
    return function == FLUSS_AGG_LISTAGG || function == FLUSS_AGG_STRING_AGG;
}

bool
fluss_aggregate_find(const char *name, fluss_agg_function *out)
{
    char plain[32];
    size_t bytes = 0;
    while (name[bytes] != 0 && bytes + 1 < sizeof plain) {
        plain[bytes] = name[bytes] == '-' ? '_' : (char)tolower((unsigned char)name[bytes]);
        bytes++;
    }
    plain[bytes] = 0;
    for (size_t i = 0; name[bytes] == 0 && i < SLU_COUNT_OF(agg_functions); i++) {
        if (strcmp(plain, agg_functions[i].name) != 0)
            continue;
        *out = (fluss_agg_function)i;
        return true;
    }
    return false;
}

const char *
fluss_aggregate_name(fluss_agg_function function)
{
    return agg_functions[function].name;
}

static slu_status agg_refuse(slu_error *err, const char *column, const char *format, ...) SLU_PRINTF(3, 4);

static slu_status
agg_refuse(slu_error *err, const char *column, const char *format, ...)
{
    char text[SLU_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const slu_status status = slu_error_set(err, SLU_INVALID, "Invalid aggregation function for column '%s': %s", column, text);
    if (err != NULL)
        err->code = AGG_ERROR_INVALID_CONFIG;
    return status;
}

static slu_status
agg_check_parameter(const fluss_column *column, fluss_agg_function function, const char *key, const json_t *value, slu_error *err)
{
    const char *name = agg_functions[function].name;
    const bool takes = agg_takes_delimiter(function);
    if (!takes || strcmp(key, AGG_DELIMITER) != 0)
        return agg_refuse(err, column->name,
                          "Parameter '%.100s' is not supported for aggregation function '%s'. Supported parameters: %s", key, name,
                          takes ? "[" AGG_DELIMITER "]" : "none");
    if (!json_is_string(value) || json_string_length(value) == 0)
        return agg_refuse(err, column->name, "Parameter '%s' for aggregation function '%s' must be a non-empty string", key, name);
    return SLU_OK;
}

/* Reads the JSON; *out_said: it names a function that there is. Checks the parameters when `check`. */
static slu_status
agg_read(const fluss_column *column, bool check, slu_arena *arena, fluss_aggregate *out, bool *out_said, slu_error *err)
{
    const fluss_aggregate unsaid = {FLUSS_AGG_LAST_VALUE_IGNORE_NULLS, ","};
    json_t *object = column->agg_function == NULL ? NULL : json_loads(column->agg_function, JSON_DECODE_ANY, NULL);
    const char *name = json_string_value(json_object_get(object, "type"));
    json_t *parameters = json_object_get(object, "parameters");
    const char *delimiter = json_string_value(json_object_get(parameters, AGG_DELIMITER));
    const char *key;
    json_t *value;
    slu_status status = SLU_OK;
    *out = unsaid;
    *out_said = name != NULL && fluss_aggregate_find(name, &out->function);
    if (*out_said && delimiter != NULL) {
        out->delimiter = slu_arena_strdup(arena, delimiter);
        status = slu_arena_status(arena, err);
    }
    if (*out_said && check)
        json_object_foreach(parameters, key, value) status =
            status == SLU_OK ? agg_check_parameter(column, out->function, key, value, err) : status;
    json_decref(object);
    return status;
}

slu_status
fluss_aggregate_of(const fluss_column *column, slu_arena *arena, fluss_aggregate *out, slu_error *err)
{
    bool said = false;
    return agg_read(column, false, arena, out, &said, err);
}

slu_status
fluss_aggregate_check(const fluss_column *column, slu_arena *arena, slu_error *err)
{
    fluss_aggregate aggregate;
    bool said = false;
    SLU_TRY(agg_read(column, true, arena, &aggregate, &said, err));
    const uint32_t types = agg_functions[aggregate.function].types;
    const bool fits = !said || types == 0 || (types & AGG_BIT(column->type.id)) != 0;
    if (said && fits && aggregate.function == FLUSS_AGG_RBM64) /* what Fluss refuses as well is refused in its words, below */
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "The aggregation function 'rbm64' of column '%s' is not served by this server yet.", column->name);
    if (fits)
        return SLU_OK;
    SLU_AUTO(slu_buf_fini) slu_buf printed = {0};
    slu_buf_init(&printed, 4096);
    fluss_type_print(&column->type, &printed);
    return agg_refuse(err, column->name, "Data type for %s column must be part of %s but was '%s'.",
                      agg_functions[aggregate.function].name, agg_functions[aggregate.function].said, slu_buf_cstr(&printed));
}

/* ---- numbers ---- */

static slu_status
agg_corrupt(slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "a cell that is not of its type");
}

static bool
type_is_long_decimal(const fluss_type *type)
{
    return type->id == FLUSS_TYPE_DECIMAL && type->precision > AGG_DECIMAL_COMPACT;
}

static bool
cell_decimal(uint8_t format, const fluss_type *type, slu_view cell, fluss_i128 *out)
{
    if (type_is_long_decimal(type))
        return fluss_decimal_decode(fluss_cell_bytes(format, type, cell), out);
    *out = fluss_cell_int(format, type, cell);
    return true;
}

static void
put_decimal(uint8_t format, const fluss_type *type, fluss_i128 value, slu_buf *out)
{
    uint8_t bytes[16];
    if (!type_is_long_decimal(type)) {
        fluss_cell_put_int(format, type, (int64_t)value, out);
        return;
    }
    const size_t count = fluss_decimal_encode(value, bytes);
    fluss_cell_put_length(format, count, out);
    slu_buf_append(out, bytes, count);
}

static int
decimal_digits(fluss_i128 value)
{
    int digits = 1;
    for (value /= 10; value != 0; value /= 10)
        digits++;
    return digits;
}

/* Fluss adds two short decimals as longs and looks at their digits only when 64 bits overflow; the changelog then does not take what
 * is too long, and the write fails. */
static slu_status
decimal_sum(const fluss_type *type, fluss_i128 a, fluss_i128 b, fluss_i128 *out, bool *out_null, slu_error *err)
{
    const bool short_sum = !type_is_long_decimal(type) && a + b >= INT64_MIN && a + b <= INT64_MAX;
    *out_null = !fluss_decimal_add(a, b, type->precision, out);
    if (!*out_null || !short_sum)
        return SLU_OK;
    const slu_status status =
        slu_error_set(err, SLU_INVALID,
                      "java.lang.UnsupportedOperationException: BigDecimal precision cannot be greater than that "
                      "in the Arrow vector: %d > %d",
                      decimal_digits(a + b), type->precision);
    if (err != NULL)
        err->code = AGG_ERROR_UNKNOWN;
    return status;
}

static slu_status
apply_decimal(bool product, uint8_t format, const fluss_type *type, slu_view old_cell, slu_view new_cell, slu_buf *out,
              bool *out_null, slu_error *err)
{
    fluss_i128 a = 0;
    fluss_i128 b = 0;
    fluss_i128 result = 0;
    if (!cell_decimal(format, type, old_cell, &a) || !cell_decimal(format, type, new_cell, &b))
        return agg_corrupt(err);
    if (product)
        *out_null = !fluss_decimal_multiply(a, b, type->precision, type->scale, &result);
    else
        SLU_TRY(decimal_sum(type, a, b, &result, out_null, err));
    if (!*out_null)
        put_decimal(format, type, result, out);
    return SLU_OK;
}

static float
cell_float(slu_view cell)
{
    float value = 0;
    memcpy(&value, cell.data, SLU_MIN(cell.bytes, sizeof value));
    return value;
}

static double
cell_double(slu_view cell)
{
    double value = 0;
    memcpy(&value, cell.data, SLU_MIN(cell.bytes, sizeof value));
    return value;
}

static slu_status
apply_number(bool product, uint8_t format, const fluss_type *type, slu_view old_cell, slu_view new_cell, slu_buf *out,
             bool *out_null, slu_error *err)
{
    if (type->id == FLUSS_TYPE_DECIMAL)
        return apply_decimal(product, format, type, old_cell, new_cell, out, out_null, err);
    if (type->id == FLUSS_TYPE_FLOAT) {
        const float a = cell_float(old_cell);
        const float result = product ? a * cell_float(new_cell) : a + cell_float(new_cell);
        slu_buf_append(out, &result, sizeof result);
    } else if (type->id == FLUSS_TYPE_DOUBLE) {
        const double a = cell_double(old_cell);
        const double result = product ? a * cell_double(new_cell) : a + cell_double(new_cell);
        slu_buf_append(out, &result, sizeof result);
    } else {
        /* Unsigned arithmetic wraps, and the narrower types take its low bits: so does Java. */
        const uint64_t a = (uint64_t)fluss_cell_int(format, type, old_cell);
        const uint64_t b = (uint64_t)fluss_cell_int(format, type, new_cell);
        fluss_cell_put_int(format, type, (int64_t)(product ? a * b : a + b), out);
    }
    return SLU_OK;
}

/* ---- order ---- */

static int
order_of(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Java's Double.compare: by bits where == does not tell, and every NaN is one. */
static int
order_doubles(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    if (a < b || a > b)
        return a < b ? -1 : 1;
    return (signbit(b) != 0) - (signbit(a) != 0);
}

static int
order_bytes(slu_view a, slu_view b)
{
    const size_t common = SLU_MIN(a.bytes, b.bytes);
    const int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : order_of((int64_t)a.bytes, (int64_t)b.bytes);
}

static slu_status
order_cells(uint8_t format, const fluss_type *type, slu_view a, slu_view b, int *out, slu_error *err)
{
    int32_t nanos[2];
    fluss_i128 decimals[2];
    switch (type->id) {
    case FLUSS_TYPE_FLOAT: *out = order_doubles((double)cell_float(a), (double)cell_float(b)); return SLU_OK;
    case FLUSS_TYPE_DOUBLE: *out = order_doubles(cell_double(a), cell_double(b)); return SLU_OK;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING: *out = order_bytes(fluss_cell_bytes(format, type, a), fluss_cell_bytes(format, type, b)); return SLU_OK;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ:
        *out = order_of(fluss_cell_timestamp(format, type, a, &nanos[0]), fluss_cell_timestamp(format, type, b, &nanos[1]));
        if (*out == 0)
            *out = order_of(nanos[0], nanos[1]);
        return SLU_OK;
    case FLUSS_TYPE_DECIMAL:
        if (!cell_decimal(format, type, a, &decimals[0]) || !cell_decimal(format, type, b, &decimals[1]))
            return agg_corrupt(err);
        *out = decimals[0] < decimals[1] ? -1 : decimals[0] > decimals[1];
        return SLU_OK;
    default: *out = order_of(fluss_cell_int(format, type, a), fluss_cell_int(format, type, b)); return SLU_OK;
    }
}

/* ---- the rest ---- */

static void
put_cell(slu_view cell, slu_buf *out, bool *out_null)
{
    *out_null = cell.data == NULL;
    slu_buf_append(out, cell.data, cell.bytes);
}

static slu_status
apply_list(const fluss_aggregate *aggregate, uint8_t format, const fluss_type *type, slu_view old_cell, slu_view new_cell,
           slu_buf *out, slu_error *err)
{
    const slu_view a = fluss_cell_bytes(format, type, old_cell);
    const slu_view b = fluss_cell_bytes(format, type, new_cell);
    const size_t delimiter_bytes = strlen(aggregate->delimiter);
    (void)err;
    fluss_cell_put_length(format, a.bytes + delimiter_bytes + b.bytes, out);
    slu_buf_append(out, a.data, a.bytes);
    slu_buf_append(out, aggregate->delimiter, delimiter_bytes);
    slu_buf_append(out, b.data, b.bytes);
    return SLU_OK;
}

static slu_status
apply_bitmap(bool wide, uint8_t format, const fluss_type *type, slu_view old_cell, slu_view new_cell, slu_buf *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf both = {0};
    slu_buf_init(&both, out->bytes_max);
    const slu_view a = fluss_cell_bytes(format, type, old_cell);
    const slu_view b = fluss_cell_bytes(format, type, new_cell);
    SLU_TRY(wide ? fluss_roaring64_union(a, b, &both, err) : fluss_roaring_union(a, b, &both, err));
    fluss_cell_put_length(format, both.bytes, out);
    slu_buf_append(out, both.data, both.bytes);
    return SLU_OK;
}

/* Two values that are there. */
static slu_status
apply_both(const fluss_aggregate *aggregate, uint8_t format, const fluss_type *type, slu_view old_cell, slu_view new_cell,
           slu_buf *out, bool *out_null, slu_error *err)
{
    int order = 0;
    switch (aggregate->function) {
    case FLUSS_AGG_SUM:
    case FLUSS_AGG_PRODUCT:
        return apply_number(aggregate->function == FLUSS_AGG_PRODUCT, format, type, old_cell, new_cell, out, out_null, err);
    case FLUSS_AGG_MAX:
    case FLUSS_AGG_MIN:
        SLU_TRY(order_cells(format, type, old_cell, new_cell, &order, err));
        put_cell((aggregate->function == FLUSS_AGG_MAX) == (order < 0) ? new_cell : old_cell, out, out_null);
        return SLU_OK;
    case FLUSS_AGG_LISTAGG:
    case FLUSS_AGG_STRING_AGG: return apply_list(aggregate, format, type, old_cell, new_cell, out, err);
    case FLUSS_AGG_BOOL_AND: slu_buf_u8(out, old_cell.data[0] != 0 && new_cell.data[0] != 0); return SLU_OK;
    case FLUSS_AGG_BOOL_OR: slu_buf_u8(out, old_cell.data[0] != 0 || new_cell.data[0] != 0); return SLU_OK;
    case FLUSS_AGG_RBM32: return apply_bitmap(false, format, type, old_cell, new_cell, out, err);
    case FLUSS_AGG_RBM64: return apply_bitmap(true, format, type, old_cell, new_cell, out, err);
    case FLUSS_AGG_FIRST_VALUE:
    case FLUSS_AGG_FIRST_VALUE_IGNORE_NULLS: put_cell(old_cell, out, out_null); return SLU_OK;
    default: put_cell(new_cell, out, out_null); return SLU_OK;
    }
}

slu_status
fluss_aggregate_apply(const fluss_aggregate *aggregate, uint8_t format, const fluss_type *type, slu_view old_cell,
                      slu_view new_cell, slu_buf *out, bool *out_null, slu_error *err)
{
    *out_null = false;
    if (aggregate->function == FLUSS_AGG_LAST_VALUE)
        put_cell(new_cell, out, out_null);
    else if (old_cell.data == NULL || new_cell.data == NULL)
        put_cell(old_cell.data == NULL ? new_cell : old_cell, out, out_null);
    else
        return apply_both(aggregate, format, type, old_cell, new_cell, out, out_null, err);
    return SLU_OK;
}
