#include "iceberg/default.h"

#include "iceberg/value.h"

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/rows.h>

#define TEXT_BYTES_MAX 128 /* of a number or a time */

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Hex digits, the dashes of a UUID left out. */
static slu_status
bytes_decode(const char *text, slu_arena *arena, slu_view *out, slu_error *err)
{
    size_t digits = 0;
    uint8_t *bytes = slu_arena_alloc(arena, strlen(text) / 2 + 1);
    SLU_TRY(slu_arena_status(arena, err));
    for (; *text != 0; text++) {
        const int digit = hex_digit(*text);
        if (*text == '-')
            continue;
        if (digit < 0)
            return slu_error_set(err, SLU_INVALID, "'%c' is no hex digit", *text);
        bytes[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : bytes[digits / 2] | digit);
        digits++;
    }
    *out = slu_view_of(bytes, digits / 2);
    return digits % 2 == 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "half a byte");
}

/* As sdk/rows.h reads values: a space between day and time, and no zone, which is UTC. */
static slu_status
text_of(const iceberg_type *type, const json_t *json, char text[TEXT_BYTES_MAX], slu_error *err)
{
    const char *string = json_string_value(json);
    int length = -1;
    if (type->kind == ICEBERG_BOOLEAN && json_is_boolean(json))
        length = snprintf(text, TEXT_BYTES_MAX, "%s", json_is_true(json) ? "true" : "false");
    else if ((type->kind == ICEBERG_INT || type->kind == ICEBERG_LONG) && json_is_integer(json))
        length = snprintf(text, TEXT_BYTES_MAX, "%lld", (long long)json_integer_value(json));
    else if (string != NULL && type->kind != ICEBERG_BOOLEAN && type->kind != ICEBERG_INT && type->kind != ICEBERG_LONG)
        length = snprintf(text, TEXT_BYTES_MAX, "%s", string);
    if (length < 0 || length >= TEXT_BYTES_MAX)
        return slu_error_set(err, SLU_INVALID, "a default that is no value of the column's type");
    char *zone = type->kind == ICEBERG_TIMESTAMPTZ ? strstr(text, "+00:00") : NULL;
    char *between = type->kind == ICEBERG_TIMESTAMP || type->kind == ICEBERG_TIMESTAMPTZ ? strchr(text, 'T') : NULL;
    if (zone != NULL)
        *zone = 0;
    if (between != NULL)
        *between = ' ';
    return SLU_OK;
}

/* Little endian, as everything in this process is. */
static slu_status
real_decode(const iceberg_type *type, const json_t *json, slu_arena *arena, slu_view *out, slu_error *err)
{
    const double real = json_number_value(json);
    const float narrow = (float)real;
    const size_t bytes = type->kind == ICEBERG_FLOAT ? sizeof narrow : sizeof real;
    void *copy = slu_arena_alloc(arena, bytes);
    if (!json_is_number(json))
        return slu_error_set(err, SLU_INVALID, "a default that is no value of the column's type");
    SLU_TRY(slu_arena_status(arena, err));
    memcpy(copy, type->kind == ICEBERG_FLOAT ? (const void *)&narrow : &real, bytes);
    *out = slu_view_of(copy, bytes);
    return SLU_OK;
}

static slu_status
scalar_decode(const iceberg_type *type, const json_t *json, slu_arena *arena, slu_view *out, slu_error *err)
{
    char format[32];
    char text[TEXT_BYTES_MAX];
    sdk_builder builder = {0};
    sdk_builder_look look;
    iceberg_scalar room;
    iceberg_value value, copy;
    SLU_TRY(text_of(type, json, text, err));
    iceberg_type_format(type, format, sizeof format);
    SLU_TRY(sdk_builder_init(&builder, format, NULL));
    slu_status status = sdk_value_parse(&builder, text, strlen(text), err);
    if (status == SLU_OK) {
        const slu_column column = sdk_builder_view(&builder, &look);
        status = iceberg_value_of_column(type, &column, 0, &room, &value, err);
    }
    if (status == SLU_OK)
        status = iceberg_value_copy(value, arena, &copy, err);
    if (status == SLU_OK)
        *out = copy.bytes;
    sdk_builder_fini(&builder);
    return status;
}

slu_status
iceberg_default_decode(const iceberg_type *type, const json_t *json, slu_arena *arena, slu_view *out, slu_error *err)
{
    const char *string = json_string_value(json);
    switch (type->kind) {
    case ICEBERG_STRING:
        if (string == NULL)
            return slu_error_set(err, SLU_INVALID, "a default of a string that is none");
        *out = slu_view_of(slu_arena_strdup(arena, string), strlen(string));
        return slu_arena_status(arena, err);
    case ICEBERG_BINARY:
    case ICEBERG_FIXED:
    case ICEBERG_UUID:
        if (string == NULL)
            return slu_error_set(err, SLU_INVALID, "a default of bytes that is no text");
        SLU_TRY(bytes_decode(string, arena, out, err));
        return iceberg_value_fits(type, *out) ? SLU_OK : slu_error_set(err, SLU_INVALID, "a default of %zu bytes", out->bytes);
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE: return real_decode(type, json, arena, out, err);
    case ICEBERG_BOOLEAN:
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DECIMAL:
    case ICEBERG_DATE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ: return scalar_decode(type, json, arena, out, err);
    default: return slu_error_set(err, SLU_UNSUPPORTED, "a default of a nested or nanosecond type is not read");
    }
}
