#include "iceberg/partition.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "iceberg/json.h"

#include <stdlib.h>

#define MICROS_PER_HOUR INT64_C(3600000000)
#define MICROS_PER_DAY (24 * MICROS_PER_HOUR)

static const char *const NAMES[] = {
    [ICEBERG_TRANSFORM_IDENTITY] = "identity", [ICEBERG_TRANSFORM_BUCKET] = "bucket", [ICEBERG_TRANSFORM_TRUNCATE] = "truncate",
    [ICEBERG_TRANSFORM_YEAR] = "year",         [ICEBERG_TRANSFORM_MONTH] = "month",   [ICEBERG_TRANSFORM_DAY] = "day",
    [ICEBERG_TRANSFORM_HOUR] = "hour",         [ICEBERG_TRANSFORM_VOID] = "void",
};

/* "[16]" at the end of the text; 0 when it is not that. */
static int32_t
transform_width(const char *at)
{
    char *end = NULL;
    if (*at != '[' || at[1] < '0' || at[1] > '9')
        return 0;
    const long width = strtol(at + 1, &end, 10);
    return strcmp(end, "]") == 0 && width > 0 && width <= INT32_MAX ? (int32_t)width : 0;
}

slu_status
iceberg_transform_parse(const char *text, slu_arena *arena, iceberg_transform *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ICEBERG_TRANSFORM_UNKNOWN;
    out->text = slu_arena_strdup(arena, text);
    for (uint8_t kind = 1; kind < sizeof NAMES / sizeof *NAMES; kind++) {
        const size_t bytes = strlen(NAMES[kind]);
        const bool wide = kind == ICEBERG_TRANSFORM_BUCKET || kind == ICEBERG_TRANSFORM_TRUNCATE;
        if (strncmp(text, NAMES[kind], bytes) != 0 || (wide ? transform_width(text + bytes) == 0 : text[bytes] != 0))
            continue;
        out->kind = kind;
        out->width = wide ? transform_width(text + bytes) : 0;
    }
    return slu_arena_status(arena, err);
}

iceberg_type
iceberg_transform_type(const iceberg_transform *transform, const iceberg_type *source)
{
    iceberg_type type = {0};
    switch (transform->kind) {
    case ICEBERG_TRANSFORM_IDENTITY:
    case ICEBERG_TRANSFORM_TRUNCATE:
    case ICEBERG_TRANSFORM_VOID: return *source;
    case ICEBERG_TRANSFORM_BUCKET:
    case ICEBERG_TRANSFORM_YEAR:
    case ICEBERG_TRANSFORM_MONTH:
    case ICEBERG_TRANSFORM_HOUR: type.kind = ICEBERG_INT; break;
    case ICEBERG_TRANSFORM_DAY: type.kind = ICEBERG_DATE; break;
    default: type.kind = ICEBERG_UNKNOWN; break;
    }
    return type;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static slu_status
transform_refused(const iceberg_transform *transform, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "partition transform \"%.64s\" cannot be computed for this column", transform->text);
}

static slu_status
apply_bucket(const iceberg_transform *transform, const iceberg_type *source, iceberg_value value, iceberg_scalar *room,
             iceberg_value *out, slu_error *err)
{
    int64_t number = 0;
    uint32_t hash = 0;
    if (source->kind == ICEBERG_BOOLEAN || source->kind == ICEBERG_FLOAT || source->kind == ICEBERG_DOUBLE)
        return transform_refused(transform, err);
    if (iceberg_value_i64(source, value.bytes, &number)) {
        iceberg_scalar wide;
        if (source->kind == ICEBERG_TIMESTAMP_NS || source->kind == ICEBERG_TIMESTAMPTZ_NS)
            number = floor_div(number, 1000);
        (void)iceberg_value_of_i64(number, &wide);
        hash = slu_murmur3_32(wide.bytes, 8, 0);
    } else {
        hash = slu_murmur3_32(value.bytes.data, value.bytes.bytes, 0);
    }
    *out = iceberg_value_of_i32((int32_t)((hash & INT32_MAX) % (uint32_t)transform->width), room);
    return SLU_OK;
}

/* The bytes of the first `count` code points. */
static size_t
text_prefix(slu_view text, int32_t count)
{
    size_t at = 0;
    while (at < text.bytes && count > 0) {
        at++;
        while (at < text.bytes && (text.data[at] & 0xc0) == 0x80)
            at++;
        count--;
    }
    return at;
}

static slu_status
apply_truncate(const iceberg_transform *transform, const iceberg_type *source, iceberg_value value, iceberg_scalar *room,
               iceberg_value *out, slu_error *err)
{
    const int64_t width = transform->width;
    int64_t number = 0;
    *out = value;
    switch (source->kind) {
    case ICEBERG_STRING: out->bytes.bytes = text_prefix(value.bytes, transform->width); return SLU_OK;
    case ICEBERG_BINARY: out->bytes.bytes = value.bytes.bytes < (size_t)width ? value.bytes.bytes : (size_t)width; return SLU_OK;
    case ICEBERG_DECIMAL: {
        const slu_i128_natural unscaled = iceberg_value_decimal(value.bytes);
        *out = iceberg_value_of_decimal(unscaled - ((unscaled % width) + width) % width, room);
        return SLU_OK;
    }
    case ICEBERG_INT:
    case ICEBERG_LONG: break;
    default: return transform_refused(transform, err);
    }
    if (!iceberg_value_i64(source, value.bytes, &number))
        return transform_refused(transform, err);
    number = (int64_t)((uint64_t)number - (uint64_t)(((number % width) + width) % width));
    *out = source->kind == ICEBERG_INT ? iceberg_value_of_i32((int32_t)number, room) : iceberg_value_of_i64(number, room);
    return SLU_OK;
}

/* Months since 1970-01 of a day, floored. */
static int64_t
months_of_days(int64_t days)
{
    days += 719468; /* civil_of_days in value.c, shortened to the month */
    const int64_t era = floor_div(days, 146097);
    const int64_t of_era = days - era * 146097;
    const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * of_year + 2) / 153; /* March is 0 */
    return (year_of_era + era * 400) * 12 + shifted + 2 - 1970 * 12;
}

static slu_status
apply_time(const iceberg_transform *transform, const iceberg_type *source, iceberg_value value, iceberg_scalar *room,
           iceberg_value *out, slu_error *err)
{
    int64_t number = 0;
    const bool date = source->kind == ICEBERG_DATE;
    const bool nanos = source->kind == ICEBERG_TIMESTAMP_NS || source->kind == ICEBERG_TIMESTAMPTZ_NS;
    if (!date && !nanos && source->kind != ICEBERG_TIMESTAMP && source->kind != ICEBERG_TIMESTAMPTZ)
        return transform_refused(transform, err);
    if (!iceberg_value_i64(source, value.bytes, &number) || (date && transform->kind == ICEBERG_TRANSFORM_HOUR))
        return transform_refused(transform, err);
    const int64_t micros = nanos ? floor_div(number, 1000) : number;
    const int64_t days = date ? number : floor_div(micros, MICROS_PER_DAY);
    switch (transform->kind) {
    case ICEBERG_TRANSFORM_YEAR: number = floor_div(months_of_days(days), 12); break;
    case ICEBERG_TRANSFORM_MONTH: number = months_of_days(days); break;
    case ICEBERG_TRANSFORM_DAY: number = days; break;
    default: number = floor_div(micros, MICROS_PER_HOUR); break;
    }
    *out = iceberg_value_of_i32((int32_t)number, room);
    return SLU_OK;
}

slu_status
iceberg_transform_apply(const iceberg_transform *transform, const iceberg_type *source, iceberg_value value, iceberg_scalar *room,
                        iceberg_value *out, slu_error *err)
{
    if (value.is_null || transform->kind == ICEBERG_TRANSFORM_VOID) {
        *out = iceberg_value_null();
        return transform->kind == ICEBERG_TRANSFORM_UNKNOWN ? transform_refused(transform, err) : SLU_OK;
    }
    switch (transform->kind) {
    case ICEBERG_TRANSFORM_IDENTITY: *out = value; return SLU_OK;
    case ICEBERG_TRANSFORM_BUCKET: return apply_bucket(transform, source, value, room, out, err);
    case ICEBERG_TRANSFORM_TRUNCATE: return apply_truncate(transform, source, value, room, out, err);
    case ICEBERG_TRANSFORM_UNKNOWN: return transform_refused(transform, err);
    default: return apply_time(transform, source, value, room, out, err);
    }
}

slu_status
iceberg_spec_types(const iceberg_partition_spec *spec, const iceberg_schema *schema, slu_arena *arena, iceberg_type **out,
                   slu_error *err)
{
    static const iceberg_type DROPPED = {.kind = ICEBERG_UNKNOWN};
    iceberg_type *types = slu_arena_array(arena, spec->field_count, sizeof *types);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 0; i < spec->field_count; i++) {
        const iceberg_field *source = iceberg_schema_field(schema, spec->fields[i].source_id);
        types[i] = iceberg_transform_type(&spec->fields[i].transform, source == NULL ? &DROPPED : &source->type);
    }
    *out = types;
    return SLU_OK;
}

/* Form style: letters, digits and "-_.*" stay, a blank is "+", the rest %XX. */
static void
path_escape(slu_view text, slu_buf *out)
{
    for (size_t i = 0; i < text.bytes; i++) {
        const uint8_t c = text.data[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c != 0 && strchr("-_.*", c) != NULL))
            slu_buf_u8(out, c);
        else if (c == ' ')
            slu_buf_u8(out, '+');
        else
            slu_buf_printf(out, "%%%02X", c);
    }
}

static void
path_value(const iceberg_partition_field *field, const iceberg_type *type, iceberg_value value, slu_buf *out)
{
    int64_t number = 0;
    const uint8_t kind = field->transform.kind;
    if (value.is_null || kind < ICEBERG_TRANSFORM_YEAR || kind > ICEBERG_TRANSFORM_HOUR ||
        !iceberg_value_i64(type, value.bytes, &number)) {
        iceberg_value_print(type, value, out);
        return;
    }
    if (kind == ICEBERG_TRANSFORM_YEAR) {
        slu_buf_printf(out, "%04lld", (long long)(1970 + number));
    } else if (kind == ICEBERG_TRANSFORM_MONTH) {
        const int64_t year = floor_div(number, 12);
        slu_buf_printf(out, "%04lld-%02d", (long long)(1970 + year), (int)(number - year * 12) + 1);
    } else {
        static const iceberg_type DATE = {.kind = ICEBERG_DATE};
        iceberg_scalar room;
        const int64_t days = kind == ICEBERG_TRANSFORM_DAY ? number : floor_div(number, 24);
        iceberg_value_print(&DATE, iceberg_value_of_i32((int32_t)days, &room), out);
        if (kind == ICEBERG_TRANSFORM_HOUR)
            slu_buf_printf(out, "-%02d", (int)(number - days * 24));
    }
}

slu_status
iceberg_spec_path(const iceberg_partition_spec *spec, const iceberg_type *types, const iceberg_value *tuple, slu_buf *out,
                  slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf plain = {0};
    slu_buf_init(&plain, 1 << 20);
    for (uint32_t i = 0; i < spec->field_count; i++) {
        slu_buf_text(out, i == 0 ? "" : "/");
        path_escape(slu_view_of_text(spec->fields[i].name), out);
        slu_buf_text(out, "=");
        slu_buf_reset(&plain);
        path_value(&spec->fields[i], &types[i], tuple[i], &plain);
        path_escape(slu_buf_view(&plain), out);
    }
    SLU_TRY(slu_buf_status(&plain, err));
    return slu_buf_status(out, err);
}

bool
iceberg_spec_same(const iceberg_partition_spec *a, const iceberg_partition_spec *b)
{
    if (a->field_count != b->field_count)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (a->fields[i].source_id != b->fields[i].source_id || strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
            strcmp(a->fields[i].transform.text, b->fields[i].transform.text) != 0)
            return false;
    return true;
}

/* ---- JSON ---- */

static slu_status
source_of_json(const json_t *json, int32_t *out, slu_error *err)
{
    const json_t *many = json_object_get(json, "source-ids");
    const int32_t none = -1;
    if (json_array_size(many) == 1 && json_is_integer(json_array_get(many, 0))) {
        const json_int_t id = json_integer_value(json_array_get(many, 0));
        *out = id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
        return SLU_OK;
    }
    return iceberg_json_i32(json, "source-id", json_is_array(many) ? &none : NULL, out, err);
}

static slu_status
partition_field_of_json(const json_t *json, uint32_t index, slu_arena *arena, iceberg_partition_field *out, slu_error *err)
{
    const int32_t by_position = ICEBERG_PARTITION_ID_FIRST + (int32_t)index; /* v1 files may leave the id out */
    const char *transform = NULL;
    SLU_TRY(source_of_json(json, &out->source_id, err));
    SLU_TRY(iceberg_json_i32(json, "field-id", &by_position, &out->field_id, err));
    SLU_TRY(iceberg_json_text(json, "name", false, arena, &out->name, err));
    SLU_TRY(iceberg_json_text(json, "transform", false, arena, &transform, err));
    return iceberg_transform_parse(transform, arena, &out->transform, err);
}

slu_status
iceberg_spec_of_json(const json_t *fields, int32_t spec_id, slu_arena *arena, iceberg_partition_spec *out, slu_error *err)
{
    const size_t count = json_array_size(fields);
    memset(out, 0, sizeof *out);
    out->spec_id = spec_id;
    if (!json_is_array(fields))
        return slu_error_set(err, SLU_CORRUPT, "partition spec %d has no fields", (int)spec_id);
    if (count > ICEBERG_PARTITION_FIELDS_MAX)
        return slu_error_set(err, SLU_LIMIT, "partition spec %d has %zu fields", (int)spec_id, count);
    out->fields = slu_arena_array(arena, count, sizeof *out->fields);
    SLU_TRY(slu_arena_status(arena, err));
    out->field_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->field_count; i++)
        SLU_TRY_IN(partition_field_of_json(json_array_get(fields, i), i, arena, &out->fields[i], err), err, "partition spec %d",
                   (int)spec_id);
    return SLU_OK;
}

json_t *
iceberg_spec_fields_to_json(const iceberg_partition_spec *spec)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < spec->field_count; i++) {
        const iceberg_partition_field *field = &spec->fields[i];
        (void)json_array_append_new(fields,
                                    json_pack("{s:i,s:i,s:s,s:s}", "source-id", (int)field->source_id, "field-id",
                                              (int)field->field_id, "name", field->name, "transform", field->transform.text));
    }
    return fields;
}

void
iceberg_spec_fields_print(const iceberg_partition_spec *spec, slu_buf *out)
{
    SLU_AUTO(iceberg_json_free) json_t *json = iceberg_spec_fields_to_json(spec);
    if (json == NULL || iceberg_json_dump(json, out, NULL) != SLU_OK)
        out->failed = out->failed == SLU_OK ? SLU_NOMEM : out->failed;
}

slu_status
iceberg_spec_fields_parse(slu_view text, int32_t spec_id, slu_arena *arena, iceberg_partition_spec *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(iceberg_json_load(text, "partition spec", &json, err));
    return iceberg_spec_of_json(json, spec_id, arena, out, err);
}

static slu_status
sort_field_of_json(const json_t *json, slu_arena *arena, iceberg_sort_field *out, slu_error *err)
{
    const char *text = NULL;
    SLU_TRY(source_of_json(json, &out->source_id, err));
    SLU_TRY(iceberg_json_text(json, "transform", false, arena, &text, err));
    SLU_TRY(iceberg_transform_parse(text, arena, &out->transform, err));
    SLU_TRY(iceberg_json_text(json, "direction", false, arena, &text, err));
    out->descending = strcmp(text, "desc") == 0;
    SLU_TRY(iceberg_json_text(json, "null-order", false, arena, &text, err));
    out->nulls_last = strcmp(text, "nulls-last") == 0;
    return SLU_OK;
}

slu_status
iceberg_sort_of_json(const json_t *order, slu_arena *arena, iceberg_sort_order *out, slu_error *err)
{
    const json_t *fields = json_object_get(order, "fields");
    const size_t count = json_array_size(fields);
    memset(out, 0, sizeof *out);
    SLU_TRY_IN(iceberg_json_i32(order, "order-id", NULL, &out->order_id, err), err, "sort order");
    if (count > ICEBERG_PARTITION_FIELDS_MAX)
        return slu_error_set(err, SLU_LIMIT, "sort order %d has %zu fields", (int)out->order_id, count);
    out->fields = slu_arena_array(arena, count, sizeof *out->fields);
    SLU_TRY(slu_arena_status(arena, err));
    out->field_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->field_count; i++)
        SLU_TRY_IN(sort_field_of_json(json_array_get(fields, i), arena, &out->fields[i], err), err, "sort order %d",
                   (int)out->order_id);
    return SLU_OK;
}

json_t *
iceberg_sort_to_json(const iceberg_sort_order *order)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < order->field_count; i++) {
        const iceberg_sort_field *field = &order->fields[i];
        (void)json_array_append_new(fields, json_pack("{s:s,s:i,s:s,s:s}", "transform", field->transform.text, "source-id",
                                                      (int)field->source_id, "direction", field->descending ? "desc" : "asc",
                                                      "null-order", field->nulls_last ? "nulls-last" : "nulls-first"));
    }
    return json_pack("{s:i,s:o}", "order-id", (int)order->order_id, "fields", fields);
}
