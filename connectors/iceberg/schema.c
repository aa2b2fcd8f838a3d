#include "iceberg/schema.h"

#include "iceberg/default.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "iceberg/json.h"

#include <stdlib.h>
#include <sluice/columns.h>

#define FORMAT_BYTES 32

static const struct {
    const char *name;
    uint8_t kind;
} PRIMITIVES[] = {
    {"boolean", ICEBERG_BOOLEAN},
    {"int", ICEBERG_INT},
    {"long", ICEBERG_LONG},
    {"float", ICEBERG_FLOAT},
    {"double", ICEBERG_DOUBLE},
    {"date", ICEBERG_DATE},
    {"time", ICEBERG_TIME},
    {"timestamp", ICEBERG_TIMESTAMP},
    {"timestamptz", ICEBERG_TIMESTAMPTZ},
    {"timestamp_ns", ICEBERG_TIMESTAMP_NS},
    {"timestamptz_ns", ICEBERG_TIMESTAMPTZ_NS},
    {"string", ICEBERG_STRING},
    {"uuid", ICEBERG_UUID},
    {"binary", ICEBERG_BINARY},
    {"unknown", ICEBERG_UNKNOWN},
    {"variant", ICEBERG_UNKNOWN},
};

/* ---- from JSON ---- */

typedef struct schema_parse {
    slu_arena *arena;
    slu_error *err;
    uint32_t fields;
} schema_parse;

static slu_status type_of_json(schema_parse *parse, const json_t *json, unsigned depth, iceberg_type *out);

static const char *
skip_blanks(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

/* "(9, 2)" or "[ 16 ]" behind the word: up to two numbers of at most nine digits. */
static bool
type_numbers(const char *at, char open, char close, int count, int32_t *out)
{
    at = skip_blanks(at);
    if (*at++ != open)
        return false;
    for (int i = 0; i < count; i++) {
        int digits = 0;
        out[i] = 0;
        for (at = skip_blanks(at); *at >= '0' && *at <= '9' && digits < 9; at++, digits++)
            out[i] = out[i] * 10 + (*at - '0');
        at = skip_blanks(at);
        if (digits == 0 || (i + 1 < count && *at++ != ','))
            return false;
    }
    return *at == close && *skip_blanks(at + 1) == 0;
}

static slu_status
type_of_text(const char *text, iceberg_type *out, slu_error *err)
{
    int32_t numbers[2] = {0, 0};
    for (size_t i = 0; i < sizeof PRIMITIVES / sizeof *PRIMITIVES; i++) {
        if (strcmp(text, PRIMITIVES[i].name) != 0)
            continue;
        out->kind = PRIMITIVES[i].kind;
        return SLU_OK;
    }
    if (strncmp(text, "decimal", 7) == 0 && type_numbers(text + 7, '(', ')', 2, numbers)) {
        out->kind = ICEBERG_DECIMAL;
        out->precision = numbers[0];
        out->scale = numbers[1];
        if (out->precision < 1 || out->precision > 38 || out->scale > out->precision)
            return slu_error_set(err, SLU_CORRUPT, "type \"%.64s\" is out of bounds", text);
        return SLU_OK;
    }
    if (strncmp(text, "fixed", 5) == 0 && type_numbers(text + 5, '[', ']', 1, numbers)) {
        out->kind = ICEBERG_FIXED;
        out->length = numbers[0];
        return SLU_OK;
    }
    if (strncmp(text, "geometry", 8) == 0 || strncmp(text, "geography", 9) == 0) {
        out->kind = ICEBERG_UNKNOWN;
        return SLU_OK;
    }
    return slu_error_set(err, SLU_UNSUPPORTED, "unknown type \"%.64s\"", text);
}

static slu_status
type_fields(schema_parse *parse, iceberg_type *type, size_t count)
{
    if (count > SLU_COLUMNS_MAX || parse->fields + count > ICEBERG_FIELDS_MAX)
        return slu_error_set(parse->err, SLU_LIMIT, "more than %d columns in a struct", SLU_COLUMNS_MAX);
    parse->fields += (uint32_t)count;
    type->field_count = (uint32_t)count;
    type->fields = slu_arena_array(parse->arena, count, sizeof *type->fields);
    return slu_arena_status(parse->arena, parse->err);
}

static slu_status
field_of_json(schema_parse *parse, const json_t *json, unsigned depth, iceberg_field *out)
{
    const json_t *initial = json_object_get(json, "initial-default");
    SLU_TRY(iceberg_json_i32(json, "id", NULL, &out->id, parse->err));
    SLU_TRY(iceberg_json_text(json, "name", false, parse->arena, &out->name, parse->err));
    SLU_TRY(iceberg_json_text(json, "doc", true, parse->arena, &out->doc, parse->err));
    out->required = json_is_true(json_object_get(json, "required"));
    out->has_default = initial != NULL && !json_is_null(initial);
    SLU_TRY_IN(type_of_json(parse, json_object_get(json, "type"), depth, &out->type), parse->err, "column \"%.64s\"", out->name);
    /* A default that is not understood is refused by whoever needs it: most files have the column. */
    slu_error why;
    out->default_known =
        out->has_default && iceberg_default_decode(&out->type, initial, parse->arena, &out->initial_default, &why) == SLU_OK;
    return SLU_OK;
}

static slu_status
struct_of_json(schema_parse *parse, const json_t *json, unsigned depth, iceberg_type *out)
{
    const json_t *fields = json_object_get(json, "fields");
    if (!json_is_array(fields))
        return slu_error_set(parse->err, SLU_CORRUPT, "a struct without \"fields\"");
    out->kind = ICEBERG_STRUCT;
    SLU_TRY(type_fields(parse, out, json_array_size(fields)));
    for (uint32_t i = 0; i < out->field_count; i++)
        SLU_TRY(field_of_json(parse, json_array_get(fields, i), depth, &out->fields[i]));
    return SLU_OK;
}

static slu_status
part_of_json(schema_parse *parse, const json_t *json, const char *part, unsigned depth, iceberg_field *out)
{
    char key[32];
    (void)snprintf(key, sizeof key, "%s-id", part);
    SLU_TRY(iceberg_json_i32(json, key, NULL, &out->id, parse->err));
    (void)snprintf(key, sizeof key, "%s-required", part);
    out->required = strcmp(part, "key") == 0 || json_is_true(json_object_get(json, key));
    out->name = part;
    return type_of_json(parse, json_object_get(json, part), depth, &out->type);
}

static slu_status
nested_of_json(schema_parse *parse, const json_t *json, unsigned depth, iceberg_type *out)
{
    const char *word = json_string_value(json_object_get(json, "type"));
    if (word != NULL && strcmp(word, "struct") == 0)
        return struct_of_json(parse, json, depth, out);
    if (word != NULL && strcmp(word, "list") == 0) {
        out->kind = ICEBERG_LIST;
        SLU_TRY(type_fields(parse, out, 1));
        return part_of_json(parse, json, "element", depth, &out->fields[0]);
    }
    if (word != NULL && strcmp(word, "map") == 0) {
        out->kind = ICEBERG_MAP;
        SLU_TRY(type_fields(parse, out, 2));
        SLU_TRY(part_of_json(parse, json, "key", depth, &out->fields[0]));
        return part_of_json(parse, json, "value", depth, &out->fields[1]);
    }
    return slu_error_set(parse->err, SLU_CORRUPT, "unknown nested type \"%.64s\"", word == NULL ? "" : word);
}

static slu_status
type_of_json(schema_parse *parse, const json_t *json, unsigned depth, iceberg_type *out)
{
    if (depth > SLU_NESTING_MAX)
        return slu_error_set(parse->err, SLU_LIMIT, "types nested deeper than %d", SLU_NESTING_MAX);
    if (json_is_string(json))
        return type_of_text(json_string_value(json), out, parse->err);
    if (json_is_object(json))
        return nested_of_json(parse, json, depth + 1, out);
    return slu_error_set(parse->err, SLU_CORRUPT, "a type that is neither a name nor an object");
}

static slu_status
identifiers_of_json(const json_t *json, slu_arena *arena, iceberg_schema *out, slu_error *err)
{
    const json_t *ids = json_object_get(json, "identifier-field-ids");
    const size_t count = json_array_size(ids); /* 0 for what is no array */
    if (count > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu identifier fields", count);
    out->identifier_ids = slu_arena_array(arena, count, sizeof *out->identifier_ids);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < count; i++) {
        const json_int_t id = json_integer_value(json_array_get(ids, i));
        if (id < 0 || id > INT32_MAX)
            return slu_error_set(err, SLU_CORRUPT, "identifier field id %lld", (long long)id);
        out->identifier_ids[i] = (int32_t)id;
    }
    out->identifier_count = (uint32_t)count;
    return SLU_OK;
}

slu_status
iceberg_schema_of_json(const json_t *json, slu_arena *arena, iceberg_schema *out, slu_error *err)
{
    const int32_t no_id = 0;
    schema_parse parse = {arena, err, 0};
    memset(out, 0, sizeof *out);
    SLU_TRY_IN(iceberg_json_i32(json, "schema-id", &no_id, &out->schema_id, err), err, "schema");
    SLU_TRY_IN(struct_of_json(&parse, json, 0, &out->root), err, "schema %d", (int)out->schema_id);
    return identifiers_of_json(json, arena, out, err);
}

slu_status
iceberg_schema_parse(slu_view text, slu_arena *arena, iceberg_schema *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(iceberg_json_load(text, "schema", &json, err));
    return iceberg_schema_of_json(json, arena, out, err);
}

/* ---- to JSON ---- */

void
iceberg_type_print(const iceberg_type *type, slu_buf *out)
{
    if (type->kind == ICEBERG_DECIMAL) {
        slu_buf_printf(out, "decimal(%d, %d)", (int)type->precision, (int)type->scale);
        return;
    }
    if (type->kind == ICEBERG_FIXED) {
        slu_buf_printf(out, "fixed[%d]", (int)type->length);
        return;
    }
    for (size_t i = 0; i < sizeof PRIMITIVES / sizeof *PRIMITIVES; i++) {
        if (PRIMITIVES[i].kind != type->kind)
            continue;
        slu_buf_text(out, PRIMITIVES[i].name);
        return;
    }
    slu_buf_text(out, type->kind == ICEBERG_STRUCT ? "struct<" : type->kind == ICEBERG_LIST ? "list<" : "map<");
    for (uint32_t i = 0; i < type->field_count; i++) {
        slu_buf_text(out, i == 0 ? "" : ", ");
        iceberg_type_print(&type->fields[i].type, out);
    }
    slu_buf_text(out, ">");
}

static json_t *type_to_json(const iceberg_type *type);

static json_t *
struct_to_json(const iceberg_type *type)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < type->field_count; i++) {
        const iceberg_field *field = &type->fields[i];
        json_t *json = json_pack("{s:i,s:s,s:b,s:o}", "id", (int)field->id, "name", field->name, "required", (int)field->required,
                                 "type", type_to_json(&field->type));
        if (field->doc != NULL)
            (void)json_object_set_new(json, "doc", json_string(field->doc));
        (void)json_array_append_new(fields, json);
    }
    return json_pack("{s:s,s:o}", "type", "struct", "fields", fields);
}

static json_t *
type_to_json(const iceberg_type *type)
{
    char text[64] = "";
    slu_buf name;
    switch (type->kind) {
    case ICEBERG_STRUCT: return struct_to_json(type);
    case ICEBERG_LIST:
        return json_pack("{s:s,s:i,s:o,s:b}", "type", "list", "element-id", (int)type->fields[0].id, "element",
                         type_to_json(&type->fields[0].type), "element-required", (int)type->fields[0].required);
    case ICEBERG_MAP:
        return json_pack("{s:s,s:i,s:o,s:i,s:o,s:b}", "type", "map", "key-id", (int)type->fields[0].id, "key",
                         type_to_json(&type->fields[0].type), "value-id", (int)type->fields[1].id, "value",
                         type_to_json(&type->fields[1].type), "value-required", (int)type->fields[1].required);
    default: break;
    }
    slu_buf_init(&name, sizeof text);
    iceberg_type_print(type, &name);
    (void)snprintf(text, sizeof text, "%s", slu_buf_cstr(&name));
    slu_buf_fini(&name);
    return json_string(text);
}

json_t *
iceberg_schema_to_json(const iceberg_schema *schema)
{
    json_t *json = struct_to_json(&schema->root);
    (void)json_object_set_new(json, "schema-id", json_integer(schema->schema_id));
    if (schema->identifier_count == 0)
        return json;
    json_t *ids = json_array();
    for (uint32_t i = 0; i < schema->identifier_count; i++)
        (void)json_array_append_new(ids, json_integer(schema->identifier_ids[i]));
    (void)json_object_set_new(json, "identifier-field-ids", ids);
    return json;
}

void
iceberg_schema_print(const iceberg_schema *schema, slu_buf *out)
{
    SLU_AUTO(iceberg_json_free) json_t *json = iceberg_schema_to_json(schema);
    if (json == NULL || iceberg_json_dump(json, out, NULL) != SLU_OK)
        out->failed = out->failed == SLU_OK ? SLU_NOMEM : out->failed;
}

/* ---- Arrow ---- */

static slu_status of_arrow_fields(schema_parse *parse, const struct ArrowSchema *arrow, unsigned depth, iceberg_type *out);

static slu_status
of_arrow_primitive(const struct ArrowSchema *arrow, iceberg_type *out, slu_error *err)
{
    const slu_type type = slu_type_of(arrow->format);
    out->precision = type.precision;
    out->scale = type.scale;
    switch (type.id) {
    case SLU_TYPE_BOOL: out->kind = ICEBERG_BOOLEAN; break;
    case SLU_TYPE_INT8:
    case SLU_TYPE_INT16:
    case SLU_TYPE_INT32: out->kind = ICEBERG_INT; break;
    case SLU_TYPE_INT64: out->kind = ICEBERG_LONG; break;
    case SLU_TYPE_FLOAT: out->kind = ICEBERG_FLOAT; break;
    case SLU_TYPE_DOUBLE: out->kind = ICEBERG_DOUBLE; break;
    case SLU_TYPE_DECIMAL: out->kind = ICEBERG_DECIMAL; break;
    case SLU_TYPE_UTF8: out->kind = ICEBERG_STRING; break;
    case SLU_TYPE_BINARY: out->kind = ICEBERG_BINARY; break;
    case SLU_TYPE_FIXED: out->kind = ICEBERG_BINARY; break; /* Fluss's BINARY(n) is Iceberg's binary (fluss-protocol 12.7) */
    case SLU_TYPE_DATE: out->kind = ICEBERG_DATE; break;
    case SLU_TYPE_TIME: out->kind = ICEBERG_TIME; break;
    case SLU_TYPE_TIMESTAMP: out->kind = type.zoned ? ICEBERG_TIMESTAMPTZ : ICEBERG_TIMESTAMP; break;
    default: return slu_error_set(err, SLU_UNSUPPORTED, "Arrow type \"%.32s\" has no Iceberg type", arrow->format);
    }
    if (out->kind != ICEBERG_DECIMAL)
        out->precision = out->scale = 0;
    return SLU_OK;
}

static slu_status
of_arrow_type(schema_parse *parse, const struct ArrowSchema *arrow, unsigned depth, iceberg_type *out)
{
    if (depth > SLU_NESTING_MAX)
        return slu_error_set(parse->err, SLU_LIMIT, "types nested deeper than %d", SLU_NESTING_MAX);
    const int32_t id = slu_type_of(arrow->format).id;
    if (id == SLU_TYPE_STRUCT) {
        out->kind = ICEBERG_STRUCT;
        return of_arrow_fields(parse, arrow, depth + 1, out);
    }
    if (id == SLU_TYPE_LIST && arrow->n_children == 1) {
        out->kind = ICEBERG_LIST;
        return of_arrow_fields(parse, arrow, depth + 1, out);
    }
    if (id == SLU_TYPE_MAP && arrow->n_children == 1 && arrow->children[0]->n_children == 2) {
        out->kind = ICEBERG_MAP;
        return of_arrow_fields(parse, arrow->children[0], depth + 1, out);
    }
    return of_arrow_primitive(arrow, out, parse->err);
}

static const char *
field_name(const iceberg_type *parent, uint32_t index, const struct ArrowSchema *child)
{
    if (parent->kind == ICEBERG_LIST)
        return "element";
    if (parent->kind == ICEBERG_MAP)
        return index == 0 ? "key" : "value";
    return child->name == NULL ? "" : child->name;
}

/* Shapes and names of a level; ids are given afterwards (fresh_ids), since a level's ids come before those below it. */
static slu_status
of_arrow_fields(schema_parse *parse, const struct ArrowSchema *arrow, unsigned depth, iceberg_type *out)
{
    SLU_TRY(type_fields(parse, out, (size_t)arrow->n_children));
    for (uint32_t i = 0; i < out->field_count; i++) {
        const struct ArrowSchema *child = arrow->children[i];
        iceberg_field *field = &out->fields[i];
        field->name = slu_arena_strdup(parse->arena, field_name(out, i, child));
        field->required = !slu_schema_nullable(child) || (out->kind == ICEBERG_MAP && i == 0);
        SLU_TRY(slu_arena_status(parse->arena, parse->err));
        SLU_TRY_IN(of_arrow_type(parse, child, depth, &field->type), parse->err, "column \"%.64s\"", field->name);
    }
    return SLU_OK;
}

static void
fresh_ids(iceberg_type *type, int32_t *last)
{
    for (uint32_t i = 0; i < type->field_count; i++)
        type->fields[i].id = ++*last;
    for (uint32_t i = 0; i < type->field_count; i++)
        fresh_ids(&type->fields[i].type, last);
}

slu_status
iceberg_schema_of_arrow(const struct ArrowSchema *arrow, slu_arena *arena, iceberg_schema *out, slu_error *err)
{
    schema_parse parse = {arena, err, 0};
    int32_t last = 0;
    memset(out, 0, sizeof *out);
    if (slu_type_of(arrow->format).id != SLU_TYPE_STRUCT)
        return slu_error_set(err, SLU_INVALID, "the schema of a table is a struct, not \"%.32s\"", arrow->format);
    out->root.kind = ICEBERG_STRUCT;
    SLU_TRY(of_arrow_fields(&parse, arrow, 0, &out->root));
    fresh_ids(&out->root, &last);
    return SLU_OK;
}

void
iceberg_type_format(const iceberg_type *type, char *out, size_t out_bytes)
{
    static const char *const FORMATS[] = {
        [ICEBERG_BOOLEAN] = "b",
        [ICEBERG_INT] = "i",
        [ICEBERG_LONG] = "l",
        [ICEBERG_FLOAT] = "f",
        [ICEBERG_DOUBLE] = "g",
        [ICEBERG_DATE] = "tdD",
        [ICEBERG_TIME] = "ttu",
        [ICEBERG_TIMESTAMP] = "tsu:",
        [ICEBERG_TIMESTAMPTZ] = "tsu:UTC",
        [ICEBERG_TIMESTAMP_NS] = "tsn:",
        [ICEBERG_TIMESTAMPTZ_NS] = "tsn:UTC",
        [ICEBERG_STRING] = "u",
        [ICEBERG_UUID] = "w:16",
        [ICEBERG_BINARY] = "z",
        [ICEBERG_UNKNOWN] = "n",
        [ICEBERG_STRUCT] = "+s",
        [ICEBERG_LIST] = "+l",
        [ICEBERG_MAP] = "+m",
    };
    if (type->kind == ICEBERG_DECIMAL)
        (void)snprintf(out, out_bytes, "d:%d,%d", (int)type->precision, (int)type->scale);
    else if (type->kind == ICEBERG_FIXED)
        (void)snprintf(out, out_bytes, "w:%d", (int)type->length);
    else
        (void)snprintf(out, out_bytes, "%s", FORMATS[type->kind]);
}

/* One pair, PARQUET:field_id, in the C data interface's metadata form. */
static slu_status
arrow_field_id(struct ArrowSchema *out, int32_t id)
{
    static const char KEY[] = "PARQUET:field_id";
    char value[16];
    const int32_t pairs = 1;
    const int32_t key_bytes = (int32_t)sizeof KEY - 1;
    const int32_t value_bytes = (int32_t)snprintf(value, sizeof value, "%d", (int)id);
    char *at = malloc(3 * sizeof(int32_t) + sizeof KEY - 1 + (size_t)value_bytes);
    if (at == NULL)
        return SLU_NOMEM;
    out->metadata = at;
    memcpy(at, &pairs, sizeof pairs);
    memcpy(at + 4, &key_bytes, sizeof key_bytes);
    memcpy(at + 8, KEY, sizeof KEY - 1);
    memcpy(at + 8 + key_bytes, &value_bytes, sizeof value_bytes);
    memcpy(at + 12 + key_bytes, value, (size_t)value_bytes);
    return SLU_OK;
}

static slu_status
fields_to_arrow(const iceberg_type *type, struct ArrowSchema *out)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        struct ArrowSchema *child = slu_schema_grow(out);
        if (child == NULL)
            return SLU_NOMEM;
        SLU_TRY(iceberg_field_to_arrow(&type->fields[i], child));
    }
    return SLU_OK;
}

slu_status
iceberg_field_to_arrow(const iceberg_field *field, struct ArrowSchema *out)
{
    char format[FORMAT_BYTES];
    iceberg_type_format(&field->type, format, sizeof format);
    SLU_TRY(slu_schema_init(out, format, field->name, !field->required));
    SLU_TRY(arrow_field_id(out, field->id));
    if (field->type.kind != ICEBERG_MAP)
        return fields_to_arrow(&field->type, out);
    SLU_TRY(slu_schema_add(out, "+s", "entries", false));
    return fields_to_arrow(&field->type, out->children[0]);
}

slu_status
iceberg_schema_to_arrow(const iceberg_schema *schema, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema made;
    slu_status status = slu_schema_init_struct(&made);
    if (status == SLU_OK)
        status = fields_to_arrow(&schema->root, &made);
    if (status != SLU_OK) {
        slu_schema_release(&made);
        return slu_error_set(err, status, "no memory for an Arrow schema");
    }
    *out = made;
    return SLU_OK;
}

/* ---- questions ---- */

static const iceberg_field *
type_field(const iceberg_type *type, int32_t id)
{
    const iceberg_field *found = NULL;
    for (uint32_t i = 0; i < type->field_count && found == NULL; i++)
        found = type->fields[i].id == id ? &type->fields[i] : type_field(&type->fields[i].type, id);
    return found;
}

const iceberg_field *
iceberg_schema_field(const iceberg_schema *schema, int32_t id)
{
    return type_field(&schema->root, id);
}

const iceberg_field *
iceberg_schema_column(const iceberg_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->root.field_count; i++)
        if (strcmp(schema->root.fields[i].name, name) == 0)
            return &schema->root.fields[i];
    return NULL;
}

static int32_t
type_max_id(const iceberg_type *type)
{
    int32_t max = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const int32_t below = type_max_id(&type->fields[i].type);
        max = type->fields[i].id > max ? type->fields[i].id : max;
        max = below > max ? below : max;
    }
    return max;
}

int32_t
iceberg_schema_max_id(const iceberg_schema *schema)
{
    return type_max_id(&schema->root);
}

bool
iceberg_type_same(const iceberg_type *a, const iceberg_type *b)
{
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale || a->length != b->length ||
        a->field_count != b->field_count)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 || a->fields[i].required != b->fields[i].required ||
            !iceberg_type_same(&a->fields[i].type, &b->fields[i].type))
            return false;
    return true;
}

static bool
is_identifier(const iceberg_schema *schema, int32_t id)
{
    for (uint32_t i = 0; i < schema->identifier_count; i++)
        if (schema->identifier_ids[i] == id)
            return true;
    return false;
}

bool
iceberg_schema_same(const iceberg_schema *a, const iceberg_schema *b)
{
    if (a->identifier_count != b->identifier_count || !iceberg_type_same(&a->root, &b->root))
        return false;
    for (uint32_t i = 0; i < a->root.field_count; i++)
        if (is_identifier(a, a->root.fields[i].id) != is_identifier(b, b->root.fields[i].id))
            return false;
    return true;
}
