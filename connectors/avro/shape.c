#include "avro/shape.h"

#include "base/alloc.h"
#include "base/arena.h"

#include <avro.h>
#include <jansson.h>

#define SHAPE_NAMES_MAX 256
#define SHAPE_NO_FIELD_ID (-1)

typedef struct shape_type shape_type;

struct shape_type {
    ocf_kind kind;
    uint32_t number; /* names the record or fixed in the schema shown to Avro C */
    size_t fixed_bytes;
    size_t bytes_min; /* of one encoded value */
    size_t child_count;
    shape_type **children;
    int32_t *field_ids;
};

typedef struct shape_name {
    const char *name;
    json_t *json;
} shape_name;

struct ocf_shape {
    slu_arena arena;
    shape_type *root;
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    bool value_ready;
    bool failed;
    size_t nodes;
    shape_name names[SHAPE_NAMES_MAX];
    size_t name_count;
};

/* ---- from JSON to types ---- */

static const struct {
    const char *name;
    ocf_kind kind;
    size_t bytes_min;
} PRIMITIVES[] = {
    {"null", OCF_KIND_NULL, 0},   {"boolean", OCF_KIND_BOOLEAN, 1}, {"int", OCF_KIND_INT, 1},     {"long", OCF_KIND_LONG, 1},
    {"float", OCF_KIND_FLOAT, 4}, {"double", OCF_KIND_DOUBLE, 8},   {"bytes", OCF_KIND_BYTES, 1}, {"string", OCF_KIND_BYTES, 1},
};

static slu_status type_of_json(ocf_shape *shape, json_t *json, unsigned depth, shape_type **out, slu_error *err);

static const char *
name_plain(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static slu_status
shape_name_add(ocf_shape *shape, json_t *json, slu_error *err)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    if (name == NULL)
        return slu_error_set(err, SLU_CORRUPT, "avro schema: a record, fixed or enum without a name");
    if (shape->name_count == SHAPE_NAMES_MAX)
        return slu_error_set(err, SLU_LIMIT, "avro schema: more than %d named types", SHAPE_NAMES_MAX);
    shape->names[shape->name_count++] = (shape_name){name_plain(name), json};
    return SLU_OK;
}

static slu_status
type_children(ocf_shape *shape, shape_type *type, size_t count, slu_error *err)
{
    if (count > OCF_SCHEMA_NODES_MAX)
        return slu_error_set(err, SLU_LIMIT, "avro schema: %zu members in one type", count);
    type->child_count = count;
    type->children = slu_arena_array(&shape->arena, count, sizeof *type->children);
    type->field_ids = slu_arena_array(&shape->arena, count, sizeof *type->field_ids);
    return slu_arena_status(&shape->arena, err);
}

static slu_status
type_of_record(ocf_shape *shape, json_t *json, unsigned depth, shape_type *type, slu_error *err)
{
    json_t *fields = json_object_get(json, "fields");
    if (!json_is_array(fields))
        return slu_error_set(err, SLU_CORRUPT, "avro schema: a record without fields");
    type->kind = OCF_KIND_RECORD;
    SLU_TRY(shape_name_add(shape, json, err));
    SLU_TRY(type_children(shape, type, json_array_size(fields), err));
    for (size_t i = 0; i < type->child_count; i++) {
        json_t *field = json_array_get(fields, i);
        json_t *id = json_object_get(field, "field-id");
        const json_int_t number = json_is_integer(id) ? json_integer_value(id) : SHAPE_NO_FIELD_ID;
        if (number < SHAPE_NO_FIELD_ID || number > INT32_MAX)
            return slu_error_set(err, SLU_CORRUPT, "avro schema: field-id %lld", (long long)number);
        type->field_ids[i] = (int32_t)number;
        for (size_t k = 0; k < i && number != SHAPE_NO_FIELD_ID; k++)
            if (type->field_ids[k] == (int32_t)number)
                return slu_error_set(err, SLU_CORRUPT, "avro schema: field-id %d twice in one record", (int)number);
        SLU_TRY(type_of_json(shape, json_object_get(field, "type"), depth, &type->children[i], err));
        type->bytes_min += type->children[i]->bytes_min;
    }
    return SLU_OK;
}

static slu_status
type_of_union(ocf_shape *shape, json_t *json, unsigned depth, shape_type *type, slu_error *err)
{
    type->kind = OCF_KIND_UNION;
    type->bytes_min = 1;
    if (json_array_size(json) == 0)
        return slu_error_set(err, SLU_CORRUPT, "avro schema: a union of nothing");
    SLU_TRY(type_children(shape, type, json_array_size(json), err));
    for (size_t i = 0; i < type->child_count; i++)
        SLU_TRY(type_of_json(shape, json_array_get(json, i), depth, &type->children[i], err));
    return SLU_OK;
}

static slu_status
type_of_items(ocf_shape *shape, json_t *items, ocf_kind kind, unsigned depth, shape_type *type, slu_error *err)
{
    type->kind = kind;
    type->bytes_min = 1;
    SLU_TRY(type_children(shape, type, 1, err));
    return type_of_json(shape, items, depth, &type->children[0], err);
}

static slu_status
type_of_fixed(ocf_shape *shape, json_t *json, shape_type *type, slu_error *err)
{
    json_t *size = json_object_get(json, "size");
    if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > 1 << 20)
        return slu_error_set(err, SLU_CORRUPT, "avro schema: a fixed without a size from 0 to 1048576");
    type->kind = OCF_KIND_FIXED;
    type->fixed_bytes = (size_t)json_integer_value(size);
    type->bytes_min = type->fixed_bytes;
    return shape_name_add(shape, json, err);
}

static slu_status
type_of_name(ocf_shape *shape, const char *name, unsigned depth, shape_type *type, shape_type **out, slu_error *err)
{
    for (size_t i = 0; i < sizeof PRIMITIVES / sizeof *PRIMITIVES; i++) {
        if (strcmp(name, PRIMITIVES[i].name) != 0)
            continue;
        type->kind = PRIMITIVES[i].kind;
        type->bytes_min = PRIMITIVES[i].bytes_min;
        *out = type;
        return SLU_OK;
    }
    for (size_t i = 0; i < shape->name_count; i++)
        if (strcmp(name_plain(name), shape->names[i].name) == 0)
            return type_of_json(shape, shape->names[i].json, depth, out, err);
    return slu_error_set(err, SLU_CORRUPT, "avro schema: unknown type \"%.64s\"", name);
}

static slu_status
type_of_object(ocf_shape *shape, json_t *json, unsigned depth, shape_type *type, shape_type **out, slu_error *err)
{
    json_t *inner = json_object_get(json, "type");
    *out = type;
    if (!json_is_string(inner))
        return type_of_json(shape, inner, depth, out, err);
    const char *word = json_string_value(inner);
    if (strcmp(word, "record") == 0)
        return type_of_record(shape, json, depth, type, err);
    if (strcmp(word, "array") == 0)
        return type_of_items(shape, json_object_get(json, "items"), OCF_KIND_ARRAY, depth, type, err);
    if (strcmp(word, "map") == 0)
        return type_of_items(shape, json_object_get(json, "values"), OCF_KIND_MAP, depth, type, err);
    if (strcmp(word, "fixed") == 0)
        return type_of_fixed(shape, json, type, err);
    if (strcmp(word, "enum") == 0) {
        type->kind = OCF_KIND_INT;
        type->bytes_min = 1;
        return shape_name_add(shape, json, err);
    }
    return type_of_name(shape, word, depth, type, out, err);
}

static slu_status
type_of_json(ocf_shape *shape, json_t *json, unsigned depth, shape_type **out, slu_error *err)
{
    if (depth == OCF_SCHEMA_DEPTH_MAX)
        return slu_error_set(err, SLU_LIMIT, "avro schema: nested deeper than %d", OCF_SCHEMA_DEPTH_MAX);
    if (++shape->nodes > OCF_SCHEMA_NODES_MAX)
        return slu_error_set(err, SLU_LIMIT, "avro schema: more than %d types", OCF_SCHEMA_NODES_MAX);
    shape_type *type = slu_arena_alloc(&shape->arena, sizeof *type);
    if (type == NULL)
        return slu_arena_status(&shape->arena, err);
    type->number = (uint32_t)shape->nodes;
    *out = type;
    if (json_is_string(json))
        return type_of_name(shape, json_string_value(json), depth + 1, type, out, err);
    if (json_is_array(json))
        return type_of_union(shape, json, depth + 1, type, err);
    if (json_is_object(json))
        return type_of_object(shape, json, depth + 1, type, out, err);
    return slu_error_set(err, SLU_CORRUPT, "avro schema: a type that is neither name, union nor object");
}

/* ---- from types to the schema shown to Avro C ---- */

static void
type_print(const shape_type *type, slu_buf *out)
{
    static const char *const WORDS[] = {"null", "boolean", "int", "long", "float", "double", "bytes"};
    switch (type->kind) {
    case OCF_KIND_RECORD:
        slu_buf_printf(out, "{\"type\":\"record\",\"name\":\"t%u\",\"fields\":[", type->number);
        for (size_t i = 0; i < type->child_count; i++) {
            if (type->field_ids[i] == SHAPE_NO_FIELD_ID)
                slu_buf_printf(out, "%s{\"name\":\"x%zu\",\"type\":", i == 0 ? "" : ",", i);
            else
                slu_buf_printf(out, "%s{\"name\":\"f%d\",\"type\":", i == 0 ? "" : ",", (int)type->field_ids[i]);
            type_print(type->children[i], out);
            slu_buf_text(out, "}");
        }
        slu_buf_text(out, "]}");
        break;
    case OCF_KIND_UNION:
        for (size_t i = 0; i < type->child_count; i++) {
            slu_buf_text(out, i == 0 ? "[" : ",");
            type_print(type->children[i], out);
        }
        slu_buf_text(out, "]");
        break;
    case OCF_KIND_ARRAY:
    case OCF_KIND_MAP:
        slu_buf_text(out, type->kind == OCF_KIND_ARRAY ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
        type_print(type->children[0], out);
        slu_buf_text(out, "}");
        break;
    case OCF_KIND_FIXED:
        slu_buf_printf(out, "{\"type\":\"fixed\",\"name\":\"t%u\",\"size\":%zu}", type->number, type->fixed_bytes);
        break;
    default: slu_buf_printf(out, "\"%s\"", WORDS[type->kind]); break;
    }
}

static slu_status
shape_class(ocf_shape *shape, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, OCF_SCHEMA_BYTES_MAX);
    type_print(shape->root, &text);
    SLU_TRY(slu_buf_status(&text, err));
    if (avro_schema_from_json_length((const char *)text.data, text.bytes, &shape->schema) != 0)
        return slu_error_set(err, SLU_CORRUPT, "avro schema: refused by the Avro library: %.200s", avro_strerror());
    shape->iface = avro_generic_class_from_schema(shape->schema);
    if (shape->iface == NULL || avro_generic_value_new(shape->iface, &shape->value) != 0)
        return slu_error_set(err, SLU_NOMEM, "avro schema: no memory for a value");
    shape->value_ready = true;
    return SLU_OK;
}

static slu_status
shape_load(ocf_shape *shape, slu_view schema, slu_error *err)
{
    json_error_t where;
    json_t *json = json_loadb((const char *)schema.data, schema.bytes, 0, &where);
    if (json == NULL)
        return slu_error_set(err, SLU_CORRUPT, "avro schema: not JSON at byte %d: %s", where.position, where.text);
    slu_status status = type_of_json(shape, json, 0, &shape->root, err);
    json_decref(json);
    if (status == SLU_OK && shape->root->kind != OCF_KIND_RECORD)
        status = slu_error_set(err, SLU_CORRUPT, "avro schema: the file's values are not records");
    if (status == SLU_OK && shape->root->bytes_min == 0) /* so that a block's bytes bound the number of its values */
        status = slu_error_set(err, SLU_CORRUPT, "avro schema: the file's values take no bytes");
    return status == SLU_OK ? shape_class(shape, err) : status;
}

slu_status
ocf_shape_new(slu_view schema, ocf_shape **out, slu_error *err)
{
    if (schema.bytes > OCF_SCHEMA_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "avro schema of %zu bytes", schema.bytes);
    SLU_AUTO(ocf_shape_free) ocf_shape *shape = slu_alloc_zero(1, sizeof *shape);
    if (shape == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an avro schema");
    slu_arena_init(&shape->arena, OCF_SCHEMA_BYTES_MAX);
    SLU_TRY(shape_load(shape, schema, err));
    *out = slu_take(&shape);
    return SLU_OK;
}

void
ocf_shape_free(ocf_shape **pointer)
{
    ocf_shape *shape = slu_take(pointer);
    if (shape == NULL)
        return;
    if (shape->value_ready)
        avro_value_decref(&shape->value);
    if (shape->iface != NULL)
        avro_value_iface_decref(shape->iface);
    if (shape->schema != NULL)
        (void)avro_schema_decref(shape->schema);
    slu_arena_fini(&shape->arena);
    slu_free(shape);
}

/* ---- decode: walk the bytes first, then let Avro C build the value ---- */

static void type_walk(const shape_type *type, slu_cursor *cursor);

static void
walk_text(slu_cursor *cursor)
{
    const int64_t bytes = slu_cursor_zigzag(cursor);
    if (bytes < 0)
        slu_cursor_fail(cursor);
    else
        slu_cursor_skip(cursor, (size_t)bytes);
}

static void
walk_items(const shape_type *type, slu_cursor *cursor)
{
    const size_t item_bytes_min = type->children[0]->bytes_min + (type->kind == OCF_KIND_MAP ? 1 : 0);
    size_t empty_left = OCF_EMPTY_ITEMS_MAX;
    for (;;) {
        int64_t count = slu_cursor_zigzag(cursor);
        if (count == 0 || !slu_cursor_ok(cursor))
            return;
        if (count < 0) {
            const int64_t bytes = slu_cursor_zigzag(cursor);
            if (bytes < 0 || count == INT64_MIN)
                slu_cursor_fail(cursor);
            count = count == INT64_MIN ? 0 : -count;
        }
        if (item_bytes_min == 0 && (uint64_t)count > empty_left)
            slu_cursor_fail(cursor);
        const size_t items = item_bytes_min == 0 ? (size_t)count : slu_cursor_count(cursor, (uint64_t)count, item_bytes_min);
        empty_left -= item_bytes_min == 0 && slu_cursor_ok(cursor) ? items : 0;
        for (size_t i = 0; i < items && slu_cursor_ok(cursor); i++) {
            if (type->kind == OCF_KIND_MAP)
                walk_text(cursor);
            type_walk(type->children[0], cursor);
        }
    }
}

static void
walk_union(const shape_type *type, slu_cursor *cursor)
{
    const int64_t branch = slu_cursor_zigzag(cursor);
    if (branch < 0 || (uint64_t)branch >= type->child_count)
        slu_cursor_fail(cursor);
    else
        type_walk(type->children[branch], cursor);
}

static void
walk_int(slu_cursor *cursor)
{
    const int64_t value = slu_cursor_zigzag(cursor);
    if (value < INT32_MIN || value > INT32_MAX)
        slu_cursor_fail(cursor);
}

static void
type_walk(const shape_type *type, slu_cursor *cursor)
{
    switch (type->kind) {
    case OCF_KIND_NULL: break;
    case OCF_KIND_BOOLEAN:
        if (slu_cursor_u8(cursor) > 1)
            slu_cursor_fail(cursor);
        break;
    case OCF_KIND_INT: walk_int(cursor); break;
    case OCF_KIND_LONG: (void)slu_cursor_zigzag(cursor); break;
    case OCF_KIND_FLOAT: slu_cursor_skip(cursor, 4); break;
    case OCF_KIND_DOUBLE: slu_cursor_skip(cursor, 8); break;
    case OCF_KIND_BYTES: walk_text(cursor); break;
    case OCF_KIND_FIXED: slu_cursor_skip(cursor, type->fixed_bytes); break;
    case OCF_KIND_RECORD:
        for (size_t i = 0; i < type->child_count && slu_cursor_ok(cursor); i++)
            type_walk(type->children[i], cursor);
        break;
    case OCF_KIND_ARRAY:
    case OCF_KIND_MAP: walk_items(type, cursor); break;
    case OCF_KIND_UNION: walk_union(type, cursor); break;
    }
}

slu_status
ocf_shape_decode(ocf_shape *shape, slu_cursor *values, slu_error *err)
{
    slu_cursor walk = *values;
    type_walk(shape->root, &walk);
    if (!slu_cursor_ok(&walk))
        return slu_error_set(err, SLU_CORRUPT, "avro value: the bytes do not match the schema");
    ocf_shape_reset(shape);
    const size_t bytes = (size_t)(walk.at - values->at);
    avro_reader_t reader = avro_reader_memory(bytes == 0 ? "" : (const char *)values->at, (int64_t)bytes);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "avro value: no memory");
    const int failed = avro_value_read(reader, &shape->value);
    avro_reader_free(reader);
    if (failed != 0)
        return slu_error_set(err, failed == ENOMEM ? SLU_NOMEM : SLU_CORRUPT, "avro value: %.200s", avro_strerror());
    *values = walk;
    return SLU_OK;
}

/* ---- encode ---- */

void
ocf_shape_reset(ocf_shape *shape)
{
    shape->failed = avro_value_reset(&shape->value) != 0;
}

slu_status
ocf_shape_encode(ocf_shape *shape, slu_buf *out, slu_error *err)
{
    size_t bytes = 0;
    if (shape->failed)
        return slu_error_set(err, SLU_INVALID, "avro value: a field could not be set: %.200s", avro_strerror());
    if (avro_value_sizeof(&shape->value, &bytes) != 0)
        return slu_error_set(err, SLU_INVALID, "avro value: incomplete: %.200s", avro_strerror());
    uint8_t *at = slu_buf_extend(out, bytes);
    SLU_TRY(slu_buf_status(out, err));
    avro_writer_t writer = avro_writer_memory((const char *)at, (int64_t)bytes);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "avro value: no memory");
    const int failed = avro_value_write(writer, &shape->value);
    avro_writer_free(writer);
    return failed == 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "avro value: %.200s", avro_strerror());
}

/* ---- access ---- */

static avro_value_t
value_in(ocf_value value)
{
    const avro_value_t in = {value.iface, value.self};
    return in;
}

static ocf_value
value_out(ocf_shape *shape, const shape_type *type, avro_value_t value)
{
    const ocf_value out = {shape, type, value.iface, value.self};
    return out;
}

static const shape_type *
type_in(ocf_value value)
{
    return value.type;
}

static bool
value_is(ocf_value value, ocf_kind kind)
{
    return value.type != NULL && type_in(value)->kind == kind;
}

ocf_value
ocf_shape_value(ocf_shape *shape)
{
    return value_out(shape, shape->root, shape->value);
}

/* The value behind a union; false when it is null. */
static bool
value_unwrap(ocf_shape *shape, const shape_type *type, avro_value_t value, ocf_value *out)
{
    avro_value_t branch = value;
    if (type->kind == OCF_KIND_UNION) {
        int which = 0;
        if (avro_value_get_discriminant(&value, &which) != 0 || which < 0 || (size_t)which >= type->child_count)
            return false;
        type = type->children[which];
        if (type->kind == OCF_KIND_NULL || avro_value_get_current_branch(&value, &branch) != 0)
            return false;
    }
    if (type->kind == OCF_KIND_NULL)
        return false;
    *out = value_out(shape, type, branch);
    return true;
}

static bool
record_at(ocf_value record, size_t index, avro_value_t *out)
{
    avro_value_t in = value_in(record);
    return value_is(record, OCF_KIND_RECORD) && index < type_in(record)->child_count &&
           avro_value_get_by_index(&in, index, out, NULL) == 0;
}

/* The position of a field; the number of fields when there is none. */
static size_t
record_find(ocf_value record, int32_t field_id)
{
    size_t index = 0;
    if (!value_is(record, OCF_KIND_RECORD))
        return 0;
    const shape_type *type = type_in(record);
    while (index < type->child_count && type->field_ids[index] != field_id)
        index++;
    return index;
}

bool
ocf_field(ocf_value record, int32_t field_id, ocf_value *out)
{
    return ocf_field_at(record, record_find(record, field_id), out);
}

bool
ocf_field_at(ocf_value record, size_t index, ocf_value *out)
{
    avro_value_t field;
    return record_at(record, index, &field) && value_unwrap(record.shape, type_in(record)->children[index], field, out);
}

size_t
ocf_count(ocf_value container)
{
    avro_value_t in = value_in(container);
    size_t count = 0;
    if (value_is(container, OCF_KIND_RECORD))
        return type_in(container)->child_count;
    if (!value_is(container, OCF_KIND_ARRAY) && !value_is(container, OCF_KIND_MAP))
        return 0;
    return avro_value_get_size(&in, &count) == 0 ? count : 0;
}

bool
ocf_item(ocf_value array, size_t index, ocf_value *out)
{
    avro_value_t in = value_in(array);
    avro_value_t item;
    return value_is(array, OCF_KIND_ARRAY) && index < ocf_count(array) && avro_value_get_by_index(&in, index, &item, NULL) == 0 &&
           value_unwrap(array.shape, type_in(array)->children[0], item, out);
}

ocf_kind
ocf_value_kind(ocf_value value)
{
    return value.type == NULL ? OCF_KIND_NULL : type_in(value)->kind;
}

bool
ocf_get_bool(ocf_value value, bool *out)
{
    avro_value_t in = value_in(value);
    int number = 0;
    if (!value_is(value, OCF_KIND_BOOLEAN) || avro_value_get_boolean(&in, &number) != 0)
        return false;
    *out = number != 0;
    return true;
}

bool
ocf_get_i64(ocf_value value, int64_t *out)
{
    avro_value_t in = value_in(value);
    int32_t number = 0;
    if (value_is(value, OCF_KIND_LONG))
        return avro_value_get_long(&in, out) == 0;
    if (!value_is(value, OCF_KIND_INT) || avro_value_get_int(&in, &number) != 0)
        return false;
    *out = number;
    return true;
}

bool
ocf_get_double(ocf_value value, double *out)
{
    avro_value_t in = value_in(value);
    float number = 0;
    if (value_is(value, OCF_KIND_DOUBLE))
        return avro_value_get_double(&in, out) == 0;
    if (!value_is(value, OCF_KIND_FLOAT) || avro_value_get_float(&in, &number) != 0)
        return false;
    *out = (double)number;
    return true;
}

bool
ocf_get_bytes(ocf_value value, slu_view *out)
{
    avro_value_t in = value_in(value);
    const void *data = NULL;
    size_t bytes = 0;
    if (value_is(value, OCF_KIND_BYTES) ? avro_value_get_bytes(&in, &data, &bytes) != 0
                                        : !value_is(value, OCF_KIND_FIXED) || avro_value_get_fixed(&in, &data, &bytes) != 0)
        return false;
    *out = slu_view_of(data, bytes);
    return true;
}

/* ---- setting ---- */

static void
shape_note(ocf_value value, bool set)
{
    if (!set)
        value.shape->failed = true;
}

/* The number of the first branch of a union that is null, or that is not; -1: none. */
static int
union_branch(const shape_type *type, bool null)
{
    for (size_t i = 0; i < type->child_count; i++)
        if ((type->children[i]->kind == OCF_KIND_NULL) == null)
            return (int)i;
    return -1;
}

/* The place for a field's value: the first branch that is not null of a union, or the field itself. */
static bool
field_for_value(ocf_value record, int32_t field_id, ocf_value *out)
{
    avro_value_t at;
    const size_t index = record_find(record, field_id);
    if (!record_at(record, index, &at))
        return false;
    const shape_type *type = type_in(record)->children[index];
    if (type->kind == OCF_KIND_UNION) {
        avro_value_t branch;
        const int which = union_branch(type, false);
        if (which < 0 || avro_value_set_branch(&at, which, &branch) != 0)
            return false;
        type = type->children[which];
        at = branch;
    }
    *out = value_out(record.shape, type, at);
    return true;
}

void
ocf_set_null(ocf_value record, int32_t field_id)
{
    avro_value_t field;
    avro_value_t branch;
    const size_t index = record_find(record, field_id);
    bool set = record_at(record, index, &field) && type_in(record)->children[index]->kind == OCF_KIND_UNION;
    if (set) {
        const int which = union_branch(type_in(record)->children[index], true);
        set = which >= 0 && avro_value_set_branch(&field, which, &branch) == 0 && avro_value_set_null(&branch) == 0;
    }
    shape_note(record, set);
}

void
ocf_set_bool(ocf_value record, int32_t field_id, bool value)
{
    ocf_value at = {0};
    bool set = field_for_value(record, field_id, &at) && value_is(at, OCF_KIND_BOOLEAN);
    avro_value_t in = value_in(at);
    shape_note(record, set && avro_value_set_boolean(&in, value) == 0);
}

static bool
set_integer(ocf_value at, int64_t value)
{
    avro_value_t in = value_in(at);
    if (value_is(at, OCF_KIND_LONG))
        return avro_value_set_long(&in, value) == 0;
    return value_is(at, OCF_KIND_INT) && value >= INT32_MIN && value <= INT32_MAX && avro_value_set_int(&in, (int32_t)value) == 0;
}

void
ocf_set_i64(ocf_value record, int32_t field_id, int64_t value)
{
    ocf_value at = {0};
    shape_note(record, field_for_value(record, field_id, &at) && set_integer(at, value));
}

static bool
set_real(ocf_value at, double value)
{
    avro_value_t in = value_in(at);
    if (value_is(at, OCF_KIND_DOUBLE))
        return avro_value_set_double(&in, value) == 0;
    return value_is(at, OCF_KIND_FLOAT) && avro_value_set_float(&in, (float)value) == 0;
}

void
ocf_set_double(ocf_value record, int32_t field_id, double value)
{
    ocf_value at = {0};
    shape_note(record, field_for_value(record, field_id, &at) && set_real(at, value));
}

static bool
set_run(ocf_value at, slu_view value)
{
    static char nothing[1];
    avro_value_t in = value_in(at);
    void *data = value.bytes == 0 ? nothing : (void *)(uintptr_t)value.data;
    if (value_is(at, OCF_KIND_FIXED))
        return type_in(at)->fixed_bytes == value.bytes && avro_value_set_fixed(&in, data, value.bytes) == 0;
    return value_is(at, OCF_KIND_BYTES) && avro_value_set_bytes(&in, data, value.bytes) == 0;
}

void
ocf_set_bytes(ocf_value record, int32_t field_id, slu_view value)
{
    ocf_value at = {0};
    shape_note(record, field_for_value(record, field_id, &at) && set_run(at, value));
}

ocf_value
ocf_set_nested(ocf_value record, int32_t field_id)
{
    ocf_value at = {.shape = record.shape};
    shape_note(record, field_for_value(record, field_id, &at));
    return at;
}

static bool
append_item(ocf_value array, ocf_value *out)
{
    avro_value_t in = value_in(array);
    avro_value_t item;
    if (!value_is(array, OCF_KIND_ARRAY) || avro_value_append(&in, &item, NULL) != 0)
        return false;
    *out = value_out(array.shape, type_in(array)->children[0], item);
    return true;
}

ocf_value
ocf_append(ocf_value array)
{
    ocf_value item = {.shape = array.shape};
    shape_note(array, append_item(array, &item));
    return item;
}

void
ocf_append_i64(ocf_value array, int64_t value)
{
    ocf_value item = {0};
    shape_note(array, append_item(array, &item) && set_integer(item, value));
}
