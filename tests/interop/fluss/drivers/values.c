/* values.c: see values.h. Arrays are built with plain malloc and buffers of their own, apart from the builders of the sdk. */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
zeroed(size_t bytes)
{
    void *memory = calloc(1, bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        abort();
    return memory;
}

static void
array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        slu_array_release(array->children[i]);
        free(array->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        free((void *)(uintptr_t)array->buffers[i]);
    free(array->buffers);
    free(array->children);
    array->release = NULL;
}

static bool
given(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

/* The array with its validity; the other buffers are still missing. */
static void
array_begin(struct ArrowArray *array, json_t *const *values, int64_t count, int64_t buffers, int64_t children)
{
    *array = (struct ArrowArray){.length = count, .n_buffers = buffers, .n_children = children, .release = array_release};
    array->buffers = zeroed((size_t)buffers * sizeof *array->buffers);
    array->children = children == 0 ? NULL : zeroed((size_t)children * sizeof *array->children);
    for (int64_t i = 0; i < children; i++)
        array->children[i] = zeroed(sizeof **array->children);
    uint8_t *validity = zeroed((size_t)count / 8 + 8);
    for (int64_t i = 0; i < count; i++) {
        if (given(values[i]))
            slu_bit_set(validity, i);
        else
            array->null_count++;
    }
    array->buffers[0] = validity;
}

static int
hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static size_t
hex_bytes(const char *text, uint8_t *out)
{
    const size_t bytes = strlen(text) / 2;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return bytes;
}

static slu_i128_natural
decimal_of(const char *text)
{
    const bool negative = text[0] == '-';
    slu_i128_natural value = 0;
    for (const char *at = text + negative; *at != 0; at++)
        value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

static int64_t
in_unit(int32_t precision, int64_t ms, int64_t nanos)
{
    switch (precision) {
    case 0: return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
    case 3: return ms;
    case 6: return ms * 1000 + nanos / 1000;
    default: return ms * 1000000 + nanos;
    }
}

static int64_t
whole_of(slu_type type, const json_t *value)
{
    if (type.id == SLU_TYPE_TIMESTAMP)
        return in_unit(type.precision, json_integer_value(json_array_get(value, 0)), json_integer_value(json_array_get(value, 1)));
    if (type.id == SLU_TYPE_TIME)
        return in_unit(type.precision, json_integer_value(value), 0);
    return json_integer_value(value);
}

/* One value of fixed width to where it lies. */
static void
fixed_put(slu_type type, const json_t *value, uint8_t *at)
{
    if (type.id == SLU_TYPE_FLOAT || type.id == SLU_TYPE_DOUBLE) {
        const uint64_t bits = strtoull(json_string_value(value), NULL, 16);
        memcpy(at, &bits, (size_t)type.width_bytes);
    } else if (type.id == SLU_TYPE_DECIMAL) {
        const slu_i128_natural decimal = decimal_of(json_string_value(value));
        memcpy(at, &decimal, sizeof decimal);
    } else if (type.id == SLU_TYPE_FIXED) {
        (void)hex_bytes(json_string_value(value), at);
    } else {
        const int64_t whole = whole_of(type, value);
        memcpy(at, &whole, (size_t)type.width_bytes);
    }
}

static void
fixed_to_arrow(slu_type type, json_t *const *values, int64_t count, struct ArrowArray *out)
{
    array_begin(out, values, count, 2, 0);
    uint8_t *data = zeroed((size_t)(count * type.width_bytes));
    for (int64_t i = 0; i < count; i++)
        if (given(values[i]))
            fixed_put(type, values[i], data + i * type.width_bytes);
    out->buffers[1] = data;
}

static void
bools_to_arrow(json_t *const *values, int64_t count, struct ArrowArray *out)
{
    array_begin(out, values, count, 2, 0);
    uint8_t *bits = zeroed((size_t)count / 8 + 8);
    for (int64_t i = 0; i < count; i++)
        if (json_is_true(values[i]))
            slu_bit_set(bits, i);
    out->buffers[1] = bits;
}

static void
texts_to_arrow(slu_type type, json_t *const *values, int64_t count, struct ArrowArray *out)
{
    array_begin(out, values, count, 3, 0);
    int32_t *offsets = zeroed((size_t)(count + 1) * sizeof *offsets);
    size_t bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += given(values[i]) ? json_string_length(values[i]) : 0;
    uint8_t *data = zeroed(bytes);
    for (int64_t i = 0; i < count; i++) {
        size_t added = 0;
        if (given(values[i]) && type.id == SLU_TYPE_UTF8) {
            added = json_string_length(values[i]);
            memcpy(data + offsets[i], json_string_value(values[i]), added);
        } else if (given(values[i])) {
            added = hex_bytes(json_string_value(values[i]), data + offsets[i]);
        }
        offsets[i + 1] = offsets[i] + (int32_t)added;
    }
    out->buffers[1] = offsets;
    out->buffers[2] = data;
}

static void
struct_to_arrow(const struct ArrowSchema *field, json_t *const *values, int64_t count, struct ArrowArray *out)
{
    array_begin(out, values, count, 1, field->n_children);
    json_t **column = zeroed((size_t)count * sizeof *column);
    for (int64_t c = 0; c < field->n_children; c++) {
        for (int64_t i = 0; i < count; i++)
            column[i] = given(values[i]) ? json_array_get(values[i], (size_t)c) : NULL;
        values_to_arrow(field->children[c], column, count, out->children[c]);
    }
    free(column);
}

/* LIST and MAP: an entry of a map is a list of two, which is what its struct child expects. */
static void
lists_to_arrow(const struct ArrowSchema *field, json_t *const *values, int64_t count, struct ArrowArray *out)
{
    array_begin(out, values, count, 2, 1);
    int32_t *offsets = zeroed((size_t)(count + 1) * sizeof *offsets);
    for (int64_t i = 0; i < count; i++)
        offsets[i + 1] = offsets[i] + (given(values[i]) ? (int32_t)json_array_size(values[i]) : 0);
    json_t **items = zeroed((size_t)offsets[count] * sizeof(json_t *));
    for (int64_t i = 0; i < count; i++)
        for (int32_t k = offsets[i]; k < offsets[i + 1]; k++)
            items[k] = json_array_get(values[i], (size_t)(k - offsets[i]));
    values_to_arrow(field->children[0], items, offsets[count], out->children[0]);
    free(items);
    out->buffers[1] = offsets;
}

void
values_to_arrow(const struct ArrowSchema *field, json_t *const *values, int64_t count, struct ArrowArray *out)
{
    const slu_type type = slu_type_of(field->format);
    switch (type.id) {
    case SLU_TYPE_BOOL: bools_to_arrow(values, count, out); break;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: texts_to_arrow(type, values, count, out); break;
    case SLU_TYPE_STRUCT: struct_to_arrow(field, values, count, out); break;
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: lists_to_arrow(field, values, count, out); break;
    default: fixed_to_arrow(type, values, count, out); break;
    }
}

void
values_rows_to_arrow(const struct ArrowSchema *schema, json_t *rows, struct ArrowArray *out)
{
    const size_t count = json_array_size(rows);
    json_t **values = zeroed(count * sizeof(json_t *));
    for (size_t i = 0; i < count; i++)
        values[i] = json_array_get(rows, i);
    values_to_arrow(schema, values, (int64_t)count, out);
    free(values);
}

/* ---- From Arrow ---- */

static json_t *
json_hex(const uint8_t *data, size_t bytes)
{
    char *text = zeroed(2 * bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", data[i]);
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *
json_decimal(const uint8_t *at)
{
    char text[48], *to = text + sizeof text - 1;
    slu_i128_natural value;
    memcpy(&value, at, sizeof value);
    const bool negative = value < 0;
    __extension__ unsigned __int128 left = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    *to = 0;
    do
        *--to = (char)('0' + (int)(left % 10));
    while ((left /= 10) != 0);
    if (negative)
        *--to = '-';
    return json_string(to);
}

static json_t *
json_timestamp(int32_t precision, int64_t value)
{
    const int64_t per_second = precision == 0 ? 1 : precision == 3 ? 1000 : precision == 6 ? 1000000 : 1000000000;
    int64_t ms, nanos = 0;
    if (per_second <= 1000) {
        ms = value * (1000 / per_second);
    } else {
        const int64_t per_ms = per_second / 1000;
        int64_t rest = value % per_ms;
        rest += rest < 0 ? per_ms : 0;
        ms = (value - rest) / per_ms;
        nanos = rest * (1000000 / per_ms);
    }
    return json_pack("[I,I]", (json_int_t)ms, (json_int_t)nanos);
}

static json_t *
json_fixed(slu_type type, const uint8_t *at)
{
    char bits[17];
    if (type.id == SLU_TYPE_FLOAT) {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        (void)snprintf(bits, sizeof bits, "%08x", value);
        return json_string(bits);
    }
    if (type.id == SLU_TYPE_DOUBLE) {
        uint64_t value;
        memcpy(&value, at, sizeof value);
        (void)snprintf(bits, sizeof bits, "%016llx", (unsigned long long)value);
        return json_string(bits);
    }
    if (type.id == SLU_TYPE_DECIMAL)
        return json_decimal(at);
    if (type.id == SLU_TYPE_FIXED)
        return json_hex(at, (size_t)type.width_bytes);
    slu_column one = {.type = type, .values = at, .rows = 1};
    const int64_t whole = slu_column_int(&one, 0);
    if (type.id == SLU_TYPE_TIMESTAMP)
        return json_timestamp(type.precision, whole);
    if (type.id == SLU_TYPE_TIME)
        return json_integer(type.precision == 0   ? whole * 1000
                            : type.precision == 3 ? whole
                            : type.precision == 6 ? whole / 1000
                                                  : whole / 1000000);
    return json_integer(whole);
}

static json_t *
json_list(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = (const int32_t *)array->buffers[1] + at;
    json_t *items = json_array();
    for (int32_t i = offsets[0]; i < offsets[1]; i++)
        (void)json_array_append_new(items, values_from_arrow(field->children[0], array->children[0], i));
    return items;
}

static json_t *
json_struct(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t at)
{
    json_t *values = json_array();
    for (int64_t c = 0; c < field->n_children; c++)
        (void)json_array_append_new(values, values_from_arrow(field->children[c], array->children[c], at));
    return values;
}

json_t *
values_from_arrow(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t row)
{
    const slu_type type = slu_type_of(field->format);
    const int64_t at = array->offset + row;
    if (array->null_count != 0 && array->buffers[0] != NULL && !slu_bit(array->buffers[0], at))
        return json_null();
    switch (type.id) {
    case SLU_TYPE_BOOL: return json_boolean(slu_bit(array->buffers[1], at));
    case SLU_TYPE_STRUCT: return json_struct(field, array, at);
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: return json_list(field, array, at);
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: {
        const slu_column column = slu_column_view(field->format, array);
        int32_t bytes;
        const uint8_t *data = slu_column_bytes(&column, row, &bytes);
        return type.id == SLU_TYPE_UTF8 ? json_stringn((const char *)data, (size_t)bytes) : json_hex(data, (size_t)bytes);
    }
    default: return json_fixed(type, (const uint8_t *)array->buffers[1] + at * type.width_bytes);
    }
}
