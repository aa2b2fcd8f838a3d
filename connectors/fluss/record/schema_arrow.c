/* schema_arrow.c: Fluss's types as Arrow formats, and back. */
#include "schema.h"

#include "base/limits.h"

#include <stdio.h>

static const char *
unit_of(int32_t precision, const char *const units[4])
{
    return units[precision == 0 ? 0 : precision <= 3 ? 1 : precision <= 6 ? 2 : 3];
}

/* The format of a type without children. TIMESTAMP_LTZ carries a zone here (our own mark); Fluss's bytes have none. */
static const char *
type_format(const fluss_type *type, char room[32])
{
    static const char *const times[4] = {"tts", "ttm", "ttu", "ttn"};
    static const char *const stamps[4] = {"tss:", "tsm:", "tsu:", "tsn:"};
    static const char *const instants[4] = {"tss:UTC", "tsm:UTC", "tsu:UTC", "tsn:UTC"};
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: return "b";
    case FLUSS_TYPE_TINYINT: return "c";
    case FLUSS_TYPE_SMALLINT: return "s";
    case FLUSS_TYPE_INTEGER: return "i";
    case FLUSS_TYPE_BIGINT: return "l";
    case FLUSS_TYPE_FLOAT: return "f";
    case FLUSS_TYPE_DOUBLE: return "g";
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING: return "u";
    case FLUSS_TYPE_BYTES: return "z";
    case FLUSS_TYPE_DATE: return "tdD";
    case FLUSS_TYPE_TIME: return unit_of(type->precision, times);
    case FLUSS_TYPE_TIMESTAMP: return unit_of(type->precision, stamps);
    case FLUSS_TYPE_TIMESTAMP_LTZ: return unit_of(type->precision, instants);
    case FLUSS_TYPE_BINARY: (void)snprintf(room, 32, "w:%d", type->length); return room;
    case FLUSS_TYPE_DECIMAL: (void)snprintf(room, 32, "d:%d,%d", type->precision, type->scale); return room;
    case FLUSS_TYPE_ARRAY: return "+l";
    case FLUSS_TYPE_MAP: return "+m";
    default: return "+s";
    }
}

static slu_status
add_child(struct ArrowSchema *parent, const fluss_type *type, const char *name, slu_error *err)
{
    struct ArrowSchema *child = slu_schema_grow(parent);
    if (child == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    return fluss_type_to_arrow(type, name, child, err);
}

static slu_status
add_map(struct ArrowSchema *map, const fluss_type *type, slu_error *err)
{
    struct ArrowSchema *entries = slu_schema_grow(map);
    if (entries == NULL || slu_schema_init(entries, "+s", "entries", false) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    SLU_TRY(add_child(entries, &type->children[0].type, "key", err));
    return add_child(entries, &type->children[1].type, "value", err);
}

static slu_status
add_children(struct ArrowSchema *schema, const fluss_type *type, slu_error *err)
{
    if (type->id == FLUSS_TYPE_MAP)
        return add_map(schema, type, err);
    for (uint32_t i = 0; i < type->child_count; i++)
        SLU_TRY(add_child(schema, &type->children[i].type, type->id == FLUSS_TYPE_ROW ? type->children[i].name : "element", err));
    return SLU_OK;
}

slu_status
fluss_type_to_arrow(const fluss_type *type, const char *name, struct ArrowSchema *out, slu_error *err)
{
    char room[32];
    if (slu_schema_init(out, type_format(type, room), name, type->nullable) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    const slu_status status = add_children(out, type, err);
    if (status != SLU_OK)
        slu_schema_release(out);
    return status;
}

slu_status
fluss_schema_to_arrow(const fluss_schema *schema, struct ArrowSchema *out, slu_error *err)
{
    slu_status status = slu_schema_init_struct(out);
    if (status != SLU_OK)
        return slu_error_set(err, status, "no memory for a schema");
    for (size_t i = 0; i < schema->column_count && status == SLU_OK; i++)
        status = add_child(out, &schema->columns[i].type, schema->columns[i].name, err);
    if (status != SLU_OK)
        slu_schema_release(out);
    return status;
}

/* ---- From Arrow ---- */

static uint8_t
type_id_of(slu_type type)
{
    switch (type.id) {
    case SLU_TYPE_BOOL: return FLUSS_TYPE_BOOLEAN;
    case SLU_TYPE_INT8: return FLUSS_TYPE_TINYINT;
    case SLU_TYPE_INT16: return FLUSS_TYPE_SMALLINT;
    case SLU_TYPE_INT32: return FLUSS_TYPE_INTEGER;
    case SLU_TYPE_INT64: return FLUSS_TYPE_BIGINT;
    case SLU_TYPE_FLOAT: return FLUSS_TYPE_FLOAT;
    case SLU_TYPE_DOUBLE: return FLUSS_TYPE_DOUBLE;
    case SLU_TYPE_UTF8: return FLUSS_TYPE_STRING;
    case SLU_TYPE_BINARY: return FLUSS_TYPE_BYTES;
    case SLU_TYPE_FIXED: return FLUSS_TYPE_BINARY;
    case SLU_TYPE_DECIMAL: return FLUSS_TYPE_DECIMAL;
    case SLU_TYPE_DATE: return FLUSS_TYPE_DATE;
    case SLU_TYPE_TIME: return FLUSS_TYPE_TIME;
    case SLU_TYPE_TIMESTAMP: return type.zoned ? FLUSS_TYPE_TIMESTAMP_LTZ : FLUSS_TYPE_TIMESTAMP;
    case SLU_TYPE_LIST: return FLUSS_TYPE_ARRAY;
    case SLU_TYPE_MAP: return FLUSS_TYPE_MAP;
    case SLU_TYPE_STRUCT: return FLUSS_TYPE_ROW;
    default: return 0;
    }
}

static slu_status column_from_arrow(const struct ArrowSchema *arrow, slu_arena *arena, int level, fluss_column *out,
                                    slu_error *err);

static slu_status
children_from_arrow(const struct ArrowSchema *arrow, slu_arena *arena, int level, fluss_type *type, slu_error *err)
{
    const struct ArrowSchema *parent = type->id == FLUSS_TYPE_MAP && arrow->n_children == 1 ? arrow->children[0] : arrow;
    const int64_t wanted = type->id == FLUSS_TYPE_MAP ? 2 : type->id == FLUSS_TYPE_ARRAY ? 1 : parent->n_children;
    if (level > SLU_NESTING_MAX || parent->n_children != wanted || wanted > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "column %s: format %s with %lld children", arrow->name, arrow->format,
                             (long long)parent->n_children);
    type->child_count = (uint32_t)wanted;
    type->children = slu_arena_array(arena, (size_t)wanted + 1, sizeof *type->children);
    SLU_TRY(slu_arena_status(arena, err));
    for (int64_t i = 0; i < wanted; i++)
        SLU_TRY(column_from_arrow(parent->children[i], arena, level + 1, &type->children[i], err));
    return SLU_OK;
}

static slu_status
column_from_arrow(const struct ArrowSchema *arrow, slu_arena *arena, int level, fluss_column *out, slu_error *err)
{
    const slu_type type = slu_type_of(arrow->format);
    memset(out, 0, sizeof *out);
    out->id = -1;
    out->name = slu_arena_strdup(arena, arrow->name == NULL ? "" : arrow->name);
    out->type.id = type_id_of(type);
    out->type.nullable = slu_schema_nullable(arrow);
    out->type.precision = type.precision;
    out->type.scale = type.scale;
    out->type.length = type.id == SLU_TYPE_FIXED ? type.width_bytes : 0;
    if (out->type.id == 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "column %s: Fluss has no type for format %s", arrow->name, arrow->format);
    SLU_TRY(slu_arena_status(arena, err));
    return out->type.id >= FLUSS_TYPE_ARRAY ? children_from_arrow(arrow, arena, level, &out->type, err) : SLU_OK;
}

slu_status
fluss_schema_from_arrow(const struct ArrowSchema *arrow, slu_arena *arena, fluss_schema *out, slu_error *err)
{
    fluss_schema schema = {0};
    if (arrow->format == NULL || strcmp(arrow->format, "+s") != 0 || arrow->n_children > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "the schema of a table is a struct (+s) of at most %d columns", SLU_COLUMNS_MAX);
    schema.highest_field_id = -1;
    schema.column_count = (size_t)arrow->n_children;
    schema.columns = slu_arena_array(arena, schema.column_count + 1, sizeof *schema.columns);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema.column_count; i++)
        SLU_TRY(column_from_arrow(arrow->children[i], arena, 1, &schema.columns[i], err));
    *out = schema;
    return SLU_OK;
}
