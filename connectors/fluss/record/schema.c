/* schema.c: types and columns to and from JSON. Arrow's side is in schema_arrow.c. */
#include "schema.h"

#include "base/limits.h"
#include "base/sizes.h"
#include "json.h"

#include <stdio.h>

typedef struct type_word {
    const char *json;
    const char *print;
} type_word;

static const type_word words[] = {
    [FLUSS_TYPE_BOOLEAN] = {"BOOLEAN", "BOOLEAN"},
    [FLUSS_TYPE_TINYINT] = {"TINYINT", "TINYINT"},
    [FLUSS_TYPE_SMALLINT] = {"SMALLINT", "SMALLINT"},
    [FLUSS_TYPE_INTEGER] = {"INTEGER", "INT"},
    [FLUSS_TYPE_BIGINT] = {"BIGINT", "BIGINT"},
    [FLUSS_TYPE_FLOAT] = {"FLOAT", "FLOAT"},
    [FLUSS_TYPE_DOUBLE] = {"DOUBLE", "DOUBLE"},
    [FLUSS_TYPE_CHAR] = {"CHAR", "CHAR"},
    [FLUSS_TYPE_STRING] = {"STRING", "STRING"},
    [FLUSS_TYPE_BINARY] = {"BINARY", "BINARY"},
    [FLUSS_TYPE_BYTES] = {"BYTES", "BYTES"},
    [FLUSS_TYPE_DECIMAL] = {"DECIMAL", "DECIMAL"},
    [FLUSS_TYPE_DATE] = {"DATE", "DATE"},
    [FLUSS_TYPE_TIME] = {"TIME_WITHOUT_TIME_ZONE", "TIME"},
    [FLUSS_TYPE_TIMESTAMP] = {"TIMESTAMP_WITHOUT_TIME_ZONE", "TIMESTAMP"},
    [FLUSS_TYPE_TIMESTAMP_LTZ] = {"TIMESTAMP_WITH_LOCAL_TIME_ZONE", "TIMESTAMP_LTZ"},
    [FLUSS_TYPE_ARRAY] = {"ARRAY", "ARRAY"},
    [FLUSS_TYPE_MAP] = {"MAP", "MAP"},
    [FLUSS_TYPE_ROW] = {"ROW", "ROW"},
};

#define WORD_COUNT (sizeof words / sizeof words[0])

static slu_status type_from_json(const json_t *object, slu_arena *arena, int level, fluss_type *out, slu_error *err);

/* ---- From JSON ---- */

static slu_status
type_id(const json_t *object, uint8_t *out, slu_error *err)
{
    const char *name = json_string_value(json_object_get(object, "type"));
    if (name == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a data type without \"type\"");
    for (uint8_t id = 1; id < WORD_COUNT; id++) {
        if (strcmp(words[id].json, name) == 0) {
            *out = id;
            return SLU_OK;
        }
    }
    return slu_error_set(err, SLU_UNSUPPORTED, "data type %s is not known", name);
}

static slu_status
type_check(const fluss_type *type, slu_error *err)
{
    const char *name = words[type->id].print;
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_BINARY:
        if (type->length < 1)
            return slu_error_set(err, SLU_INVALID, "%s(%d): the length must be at least 1", name, type->length);
        break;
    case FLUSS_TYPE_DECIMAL:
        if (type->precision < 1 || type->precision > 38 || type->scale < 0 || type->scale > type->precision)
            return slu_error_set(err, SLU_INVALID, "DECIMAL(%d, %d): precision is 1..38, scale 0..precision", type->precision,
                                 type->scale);
        break;
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ:
        if (type->precision < 0 || type->precision > 9)
            return slu_error_set(err, SLU_INVALID, "%s(%d): the precision is 0..9", name, type->precision);
        break;
    default: break;
    }
    return SLU_OK;
}

static slu_status
type_parameters(const json_t *object, fluss_type *type, slu_error *err)
{
    const bool time = type->id == FLUSS_TYPE_TIMESTAMP || type->id == FLUSS_TYPE_TIMESTAMP_LTZ;
    const json_t *nullable = json_object_get(object, "nullable");
    type->nullable = nullable == NULL || !json_is_false(nullable);
    SLU_TRY(json_int(object, "length", 1, &type->length, err));
    SLU_TRY(json_int(object, "precision", type->id == FLUSS_TYPE_DECIMAL ? 10 : time ? 6 : 0, &type->precision, err));
    SLU_TRY(json_int(object, "scale", 0, &type->scale, err));
    return type_check(type, err);
}

static slu_status
type_children_new(fluss_type *type, size_t count, slu_arena *arena, slu_error *err)
{
    if (count > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu fields; at most %d", count, SLU_COLUMNS_MAX);
    type->children = slu_arena_array(arena, count == 0 ? 1 : count, sizeof *type->children);
    type->child_count = (uint32_t)count;
    for (size_t i = 0; type->children != NULL && i < count; i++)
        type->children[i].id = -1;
    return slu_arena_status(arena, err);
}

static slu_status
row_field(const json_t *object, slu_arena *arena, int level, fluss_column *out, slu_error *err)
{
    SLU_TRY(json_text(object, "name", arena, &out->name, err));
    SLU_TRY(json_text(object, "description", arena, &out->comment, err));
    SLU_TRY(json_int(object, "field_id", -1, &out->id, err));
    if (out->name == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a field of a ROW without \"name\"");
    return type_from_json(json_object_get(object, "field_type"), arena, level + 1, &out->type, err);
}

static slu_status
type_nested(const json_t *object, slu_arena *arena, int level, fluss_type *type, slu_error *err)
{
    if (type->id == FLUSS_TYPE_ARRAY) {
        SLU_TRY(type_children_new(type, 1, arena, err));
        return type_from_json(json_object_get(object, "element_type"), arena, level + 1, &type->children[0].type, err);
    }
    if (type->id == FLUSS_TYPE_MAP) {
        SLU_TRY(type_children_new(type, 2, arena, err));
        const int below = level + 2; /* Arrow has a struct of entries between */
        SLU_TRY(type_from_json(json_object_get(object, "key_type"), arena, below, &type->children[0].type, err));
        type->children[0].type.nullable = false;
        return type_from_json(json_object_get(object, "value_type"), arena, below, &type->children[1].type, err);
    }
    const json_t *fields = json_object_get(object, "fields");
    SLU_TRY(type_children_new(type, json_array_size(fields), arena, err));
    for (uint32_t i = 0; i < type->child_count; i++)
        SLU_TRY(row_field(json_array_get(fields, i), arena, level, &type->children[i], err));
    return SLU_OK;
}

static slu_status
type_from_json(const json_t *object, slu_arena *arena, int level, fluss_type *out, slu_error *err)
{
    fluss_type type = {0};
    if (level > SLU_NESTING_MAX)
        return slu_error_set(err, SLU_LIMIT, "a data type nested more than %d levels deep", SLU_NESTING_MAX);
    SLU_TRY(type_id(object, &type.id, err));
    SLU_TRY(type_parameters(object, &type, err));
    if (type.id >= FLUSS_TYPE_ARRAY)
        SLU_TRY(type_nested(object, arena, level, &type, err));
    *out = type;
    return SLU_OK;
}

static slu_status
column_from_json(const json_t *object, slu_arena *arena, fluss_column *out, slu_error *err)
{
    const json_t *function = json_object_get(object, "agg_function");
    SLU_TRY(json_text(object, "name", arena, &out->name, err));
    SLU_TRY(json_text(object, "comment", arena, &out->comment, err));
    SLU_TRY(json_int(object, "id", -1, &out->id, err));
    if (out->name == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a column without \"name\"");
    if (function != NULL && !json_is_null(function)) {
        char *text = json_dumps(function, JSON_COMPACT | JSON_ENCODE_ANY);
        out->agg_function = text == NULL ? NULL : slu_arena_strdup(arena, text);
        free(text);
        if (out->agg_function == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for column %s", out->name);
    }
    SLU_TRY_IN(type_from_json(json_object_get(object, "data_type"), arena, 1, &out->type, err), err, "column %s", out->name);
    return SLU_OK;
}

static slu_status
schema_primary_key(const json_t *object, slu_arena *arena, fluss_schema *schema, slu_error *err)
{
    const char **names;
    SLU_TRY(json_texts(object, "primary_key", arena, &names, &schema->primary_key_count, err));
    schema->primary_key = slu_arena_array(arena, schema->primary_key_count + 1, sizeof *schema->primary_key);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->primary_key_count; i++) {
        schema->primary_key[i] = fluss_schema_find(schema, names[i]);
        if (schema->primary_key[i] < 0)
            return slu_error_set(err, SLU_INVALID, "primary key column %s is not a column", names[i]);
    }
    return SLU_OK;
}

slu_status
schema_from_json(const json_t *object, slu_arena *arena, fluss_schema *out, slu_error *err)
{
    fluss_schema schema = {0};
    const char **names;
    size_t count;
    const json_t *columns = json_object_get(object, "columns");
    if (!json_is_array(columns))
        return slu_error_set(err, SLU_CORRUPT, "a schema without \"columns\"");
    schema.column_count = json_array_size(columns);
    if (schema.column_count > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu columns; at most %d", schema.column_count, SLU_COLUMNS_MAX);
    schema.columns = slu_arena_array(arena, schema.column_count + 1, sizeof *schema.columns);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema.column_count; i++)
        SLU_TRY(column_from_json(json_array_get(columns, i), arena, &schema.columns[i], err));
    SLU_TRY(schema_primary_key(object, arena, &schema, err));
    SLU_TRY(json_texts(object, "auto_increment_column", arena, &names, &count, err));
    schema.auto_increment_column = count == 0 ? NULL : names[0];
    SLU_TRY(json_int(object, "highest_field_id", -1, &schema.highest_field_id, err));
    *out = schema;
    return SLU_OK;
}

slu_status
fluss_schema_decode(slu_view json, slu_arena *arena, fluss_schema *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    SLU_TRY(json_parse(json, "schema", &object, err));
    SLU_TRY_IN(schema_from_json(object, arena, out, err), err, "schema");
    return SLU_OK;
}

slu_status
fluss_type_decode(slu_view json, slu_arena *arena, fluss_type *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    SLU_TRY(json_parse(json, "data type", &object, err));
    return type_from_json(object, arena, 1, out, err);
}

/* ---- To JSON ---- */

static slu_status type_to_json(const fluss_type *type, json_t **out, slu_error *err);

static slu_status
put_type(json_t *object, const char *key, const fluss_type *type, slu_error *err)
{
    json_t *value = NULL;
    SLU_TRY(type_to_json(type, &value, err));
    return json_put(object, key, value, err);
}

static slu_status
put_fields(json_t *object, const fluss_type *type, slu_error *err)
{
    json_t *fields = json_array();
    SLU_TRY(json_put(object, "fields", fields, err));
    for (uint32_t i = 0; i < type->child_count; i++) {
        const fluss_column *field = &type->children[i];
        json_t *one = json_object();
        if (json_array_append_new(fields, one) != 0)
            return slu_error_set(err, SLU_NOMEM, "no memory for a ROW's fields");
        SLU_TRY(json_put(one, "name", json_string(field->name), err));
        SLU_TRY(put_type(one, "field_type", &field->type, err));
        if (field->comment != NULL)
            SLU_TRY(json_put(one, "description", json_string(field->comment), err));
        if (field->id >= 0)
            SLU_TRY(json_put(one, "field_id", json_integer(field->id), err));
    }
    return SLU_OK;
}

static slu_status
put_parameters(json_t *object, const fluss_type *type, slu_error *err)
{
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_BINARY: return json_put(object, "length", json_integer(type->length), err);
    case FLUSS_TYPE_DECIMAL:
        SLU_TRY(json_put(object, "precision", json_integer(type->precision), err));
        return json_put(object, "scale", json_integer(type->scale), err);
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return json_put(object, "precision", json_integer(type->precision), err);
    case FLUSS_TYPE_ARRAY: return put_type(object, "element_type", &type->children[0].type, err);
    case FLUSS_TYPE_MAP:
        SLU_TRY(put_type(object, "key_type", &type->children[0].type, err));
        return put_type(object, "value_type", &type->children[1].type, err);
    case FLUSS_TYPE_ROW: return put_fields(object, type, err);
    default: return SLU_OK;
    }
}

static slu_status
type_to_json(const fluss_type *type, json_t **out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = json_object();
    SLU_TRY(json_put(object, "type", json_string(words[type->id].json), err));
    if (!type->nullable)
        SLU_TRY(json_put(object, "nullable", json_false(), err));
    SLU_TRY(put_parameters(object, type, err));
    *out = slu_take(&object);
    return SLU_OK;
}

static slu_status
column_to_json(const fluss_column *column, json_t *object, slu_error *err)
{
    SLU_TRY(json_put(object, "name", json_string(column->name), err));
    SLU_TRY(put_type(object, "data_type", &column->type, err));
    if (column->comment != NULL)
        SLU_TRY(json_put(object, "comment", json_string(column->comment), err));
    if (column->agg_function != NULL)
        SLU_TRY(json_put(object, "agg_function", json_loads(column->agg_function, JSON_DECODE_ANY, NULL), err));
    if (column->id >= 0)
        SLU_TRY(json_put(object, "id", json_integer(column->id), err));
    return SLU_OK;
}

static slu_status
put_columns(json_t *object, const fluss_schema *schema, slu_error *err)
{
    json_t *columns = json_array();
    SLU_TRY(json_put(object, "columns", columns, err));
    for (size_t i = 0; i < schema->column_count; i++) {
        json_t *one = json_object();
        if (json_array_append_new(columns, one) != 0)
            return slu_error_set(err, SLU_NOMEM, "no memory for a schema's columns");
        SLU_TRY(column_to_json(&schema->columns[i], one, err));
    }
    return SLU_OK;
}

static slu_status
put_keys(json_t *object, const fluss_schema *schema, slu_error *err)
{
    json_t *names = json_array();
    SLU_TRY(json_put(object, "primary_key", names, err));
    for (size_t i = 0; i < schema->primary_key_count; i++)
        if (json_array_append_new(names, json_string(schema->columns[schema->primary_key[i]].name)) != 0)
            return slu_error_set(err, SLU_NOMEM, "no memory for a primary key");
    return SLU_OK;
}

slu_status
schema_to_json(const fluss_schema *schema, json_t **out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = json_object();
    SLU_TRY(json_put(object, "version", json_integer(1), err));
    SLU_TRY(put_columns(object, schema, err));
    if (schema->primary_key_count != 0)
        SLU_TRY(put_keys(object, schema, err));
    if (schema->auto_increment_column != NULL)
        SLU_TRY(json_put(object, "auto_increment_column", json_pack("[s]", schema->auto_increment_column), err));
    if (schema->highest_field_id >= 0)
        SLU_TRY(json_put(object, "highest_field_id", json_integer(schema->highest_field_id), err));
    *out = slu_take(&object);
    return SLU_OK;
}

slu_status
fluss_schema_encode(const fluss_schema *schema, slu_buf *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    SLU_TRY(schema_to_json(schema, &object, err));
    return json_print(object, out, err);
}

slu_status
fluss_type_encode(const fluss_type *type, slu_buf *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    SLU_TRY(type_to_json(type, &object, err));
    return json_print(object, out, err);
}

/* ---- Small things ---- */

static void
number_columns(fluss_column *columns, size_t count, bool named, int32_t *next)
{
    for (size_t i = 0; i < count; i++) {
        fluss_type *type = &columns[i].type;
        if (named)
            columns[i].id = (*next)++;
        number_columns(type->children, type->child_count, type->id == FLUSS_TYPE_ROW, next);
    }
}

void
fluss_column_number(fluss_column *column, int32_t *highest)
{
    int32_t next = *highest + 1;
    number_columns(column, 1, true, &next);
    *highest = next - 1;
}

static int32_t
highest_id(const fluss_column *columns, size_t count)
{
    int32_t highest = -1;
    for (size_t i = 0; i < count; i++) {
        const int32_t below = highest_id(columns[i].type.children, columns[i].type.child_count);
        highest = SLU_MAX(highest, SLU_MAX(below, columns[i].id));
    }
    return highest;
}

void
fluss_schema_normalize(fluss_schema *schema)
{
    int32_t next = 0;
    if (schema->column_count != 0 && schema->columns[0].id >= 0) {
        const int32_t highest = highest_id(schema->columns, schema->column_count);
        schema->highest_field_id = SLU_MAX(schema->highest_field_id, highest);
    } else {
        number_columns(schema->columns, schema->column_count, true, &next);
        schema->highest_field_id = next - 1;
    }
    for (size_t i = 0; i < schema->primary_key_count; i++)
        schema->columns[schema->primary_key[i]].type.nullable = false;
}

int32_t
fluss_schema_find(const fluss_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

static void
print_children(const fluss_type *type, slu_buf *out)
{
    slu_buf_text(out, "<");
    for (uint32_t i = 0; i < type->child_count; i++) {
        if (i > 0)
            slu_buf_text(out, ", ");
        if (type->id == FLUSS_TYPE_ROW)
            slu_buf_printf(out, "`%s` ", type->children[i].name);
        fluss_type_print(&type->children[i].type, out);
    }
    slu_buf_text(out, ">");
}

void
fluss_type_print(const fluss_type *type, slu_buf *out)
{
    slu_buf_text(out, words[type->id].print);
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_BINARY: slu_buf_printf(out, "(%d)", type->length); break;
    case FLUSS_TYPE_DECIMAL: slu_buf_printf(out, "(%d, %d)", type->precision, type->scale); break;
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: slu_buf_printf(out, "(%d)", type->precision); break;
    default: break;
    }
    if (type->id >= FLUSS_TYPE_ARRAY)
        print_children(type, out);
    if (!type->nullable)
        slu_buf_text(out, " NOT NULL");
}

bool
fluss_schema_begins(const fluss_schema *later, const fluss_schema *with)
{
    slu_buf a, b;
    bool same = later->column_count >= with->column_count;
    slu_buf_init(&a, FLUSS_JSON_BYTES_MAX);
    slu_buf_init(&b, FLUSS_JSON_BYTES_MAX);
    for (size_t i = 0; same && i < with->column_count; i++) {
        slu_buf_reset(&a);
        slu_buf_reset(&b);
        fluss_type_print(&later->columns[i].type, &a);
        fluss_type_print(&with->columns[i].type, &b);
        same = strcmp(slu_buf_cstr(&a), slu_buf_cstr(&b)) == 0 && slu_buf_status(&a, NULL) == SLU_OK;
    }
    slu_buf_fini(&a);
    slu_buf_fini(&b);
    return same;
}
