#include "iceberg/fluss_spec.h"

#include "base/limits.h"

#define SYSTEM_COLUMNS 3

static const struct {
    const char *name;
    uint8_t kind;
} SYSTEM[SYSTEM_COLUMNS] = {
    {ICEBERG_BUCKET_COLUMN, ICEBERG_INT},
    {ICEBERG_OFFSET_COLUMN, ICEBERG_LONG},
    {ICEBERG_TIMESTAMP_COLUMN, ICEBERG_TIMESTAMPTZ},
};

static slu_status
columns_check(const iceberg_schema *schema, slu_error *err)
{
    for (size_t i = 0; i < SYSTEM_COLUMNS; i++)
        if (iceberg_schema_column(schema, SYSTEM[i].name) != NULL)
            return slu_error_set(err, SLU_INVALID, "column \"%s\" has the name of a system column of lake tables", SYSTEM[i].name);
    return SLU_OK;
}

/* The ids below the top level come after all of the top level: they move up by the three system columns. */
static void
ids_shift(iceberg_type *type, int32_t by)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        type->fields[i].id += by;
        ids_shift(&type->fields[i].type, by);
    }
}

static slu_status
columns_append(iceberg_schema *schema, slu_arena *arena, slu_error *err)
{
    const uint32_t own = schema->root.field_count;
    if (own + SYSTEM_COLUMNS > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%u columns, and a lake table needs %d more", own, SYSTEM_COLUMNS);
    iceberg_field *fields = slu_arena_array(arena, own + SYSTEM_COLUMNS, sizeof *fields);
    SLU_TRY(slu_arena_status(arena, err));
    memcpy(fields, schema->root.fields, own * sizeof *fields);
    for (uint32_t i = 0; i < own; i++)
        ids_shift(&fields[i].type, SYSTEM_COLUMNS);
    for (uint32_t i = 0; i < SYSTEM_COLUMNS; i++)
        fields[own + i] = (iceberg_field){
            .id = (int32_t)(own + i) + 1, .required = true, .name = SYSTEM[i].name, .type = {.kind = SYSTEM[i].kind}};
    schema->root.fields = fields;
    schema->root.field_count = own + SYSTEM_COLUMNS;
    return SLU_OK;
}

static slu_status
columns_comment(iceberg_schema *schema, const iceberg_fluss_table *table, slu_arena *arena, slu_error *err)
{
    for (uint32_t i = 0; table->comments != NULL && i < schema->root.field_count; i++)
        if (table->comments[i] != NULL)
            schema->root.fields[i].doc = slu_arena_strdup(arena, table->comments[i]);
    return slu_arena_status(arena, err);
}

static slu_status
column_named(const iceberg_schema *schema, const char *name, const char *role, iceberg_field **out, slu_error *err)
{
    *out = (iceberg_field *)(uintptr_t)iceberg_schema_column(schema, name);
    return *out == NULL ? slu_error_set(err, SLU_INVALID, "%s column \"%s\" is not in the table", role, name) : SLU_OK;
}

static slu_status
identifiers_make(iceberg_schema *schema, const iceberg_fluss_table *table, slu_arena *arena, slu_error *err)
{
    schema->identifier_ids = slu_arena_array(arena, table->primary_key_count, sizeof *schema->identifier_ids);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < table->primary_key_count; i++) {
        iceberg_field *column = NULL;
        SLU_TRY(column_named(schema, table->primary_key[i], "primary key", &column, err));
        column->required = true; /* a key's columns are not null, said or not */
        schema->identifier_ids[i] = column->id;
    }
    schema->identifier_count = (uint32_t)table->primary_key_count;
    return SLU_OK;
}

static slu_status
schema_make(const iceberg_fluss_table *table, slu_arena *arena, iceberg_schema *schema, slu_error *err)
{
    SLU_TRY(iceberg_schema_of_arrow(table->columns, arena, schema, err));
    SLU_TRY(columns_check(schema, err));
    SLU_TRY(columns_comment(schema, table, arena, err));
    SLU_TRY(columns_append(schema, arena, err));
    return identifiers_make(schema, table, arena, err);
}

static slu_status
spec_add(iceberg_partition_spec *spec, const iceberg_field *source, const char *name, const char *transform, slu_arena *arena,
         slu_error *err)
{
    iceberg_partition_field *field = &spec->fields[spec->field_count];
    field->source_id = source->id;
    field->field_id = ICEBERG_PARTITION_ID_FIRST + (int32_t)spec->field_count++;
    field->name = name;
    SLU_TRY(slu_arena_status(arena, err));
    return iceberg_transform_parse(transform, arena, &field->transform, err);
}

static slu_status
spec_bucket(const iceberg_fluss_table *table, const iceberg_schema *schema, slu_arena *arena, iceberg_partition_spec *spec,
            slu_error *err)
{
    char transform[32];
    iceberg_field *column = NULL;
    if (table->bucket_key_count == 0) {
        SLU_TRY(column_named(schema, ICEBERG_BUCKET_COLUMN, "bucket", &column, err));
        return spec_add(spec, column, ICEBERG_BUCKET_COLUMN, "identity", arena, err);
    }
    SLU_TRY(column_named(schema, table->bucket_key[0], "bucket key", &column, err));
    (void)snprintf(transform, sizeof transform, "bucket[%d]", (int)table->bucket_count);
    /* The name that Iceberg's Java builder gives a bucket field. */
    return spec_add(spec, column, slu_arena_printf(arena, "%s_bucket", column->name), transform, arena, err);
}

static slu_status
spec_make(const iceberg_fluss_table *table, const iceberg_schema *schema, slu_arena *arena, iceberg_partition_spec *spec,
          slu_error *err)
{
    if (table->bucket_key_count > 1)
        return slu_error_set(err, SLU_INVALID, "a lake table takes one bucket key column, not %zu", table->bucket_key_count);
    if (table->primary_key_count != 0 && table->bucket_key_count == 0)
        return slu_error_set(err, SLU_INVALID, "a primary key table needs a bucket key in the lake");
    if (table->bucket_count < 1 || table->partition_key_count + 1 > ICEBERG_PARTITION_FIELDS_MAX)
        return slu_error_set(err, SLU_INVALID, "%d buckets and %zu partition keys", (int)table->bucket_count,
                             table->partition_key_count);
    memset(spec, 0, sizeof *spec);
    spec->fields = slu_arena_array(arena, table->partition_key_count + 1, sizeof *spec->fields);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < table->partition_key_count; i++) {
        iceberg_field *column = NULL;
        SLU_TRY(column_named(schema, table->partition_keys[i], "partition key", &column, err));
        if (column->type.kind != ICEBERG_STRING)
            return slu_error_set(err, SLU_INVALID, "partition key \"%s\" is not a STRING, which a lake table needs", column->name);
        SLU_TRY(spec_add(spec, column, column->name, "identity", arena, err));
    }
    return spec_bucket(table, schema, arena, spec, err);
}

static slu_status
sort_make(const iceberg_schema *schema, slu_arena *arena, iceberg_sort_order *sort, slu_error *err)
{
    iceberg_field *column = NULL;
    SLU_TRY(column_named(schema, ICEBERG_OFFSET_COLUMN, "sort", &column, err));
    memset(sort, 0, sizeof *sort);
    sort->order_id = 1;
    sort->field_count = 1;
    sort->fields = slu_arena_array(arena, 1, sizeof *sort->fields);
    SLU_TRY(slu_arena_status(arena, err));
    sort->fields[0].source_id = column->id;
    return iceberg_transform_parse("identity", arena, &sort->fields[0].transform, err);
}

static slu_status
properties_make(const iceberg_fluss_table *table, slu_arena *arena, iceberg_create *out, slu_error *err)
{
    static const char *const MERGE_ON_READ[] = {"write.delete.mode", "write.update.mode", "write.merge.mode"};
    iceberg_property *items = slu_arena_array(arena, table->property_count + 3, sizeof *items);
    size_t count = 0;
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < 3 && table->primary_key_count != 0; i++)
        items[count++] = (iceberg_property){MERGE_ON_READ[i], "merge-on-read"};
    for (size_t i = 0; i < table->property_count; i++) {
        const iceberg_property *from = &table->properties[i];
        const bool plain = strncmp(from->key, "iceberg.", 8) == 0;
        items[count++] =
            (iceberg_property){plain ? slu_arena_strdup(arena, from->key + 8) : slu_arena_printf(arena, "fluss.%s", from->key),
                               slu_arena_strdup(arena, from->value)};
    }
    out->properties = items;
    out->property_count = count;
    return slu_arena_status(arena, err);
}

slu_status
iceberg_fluss_table_spec(const iceberg_fluss_table *table, slu_arena *arena, iceberg_create *out, slu_error *err)
{
    iceberg_schema *schema = slu_arena_alloc(arena, sizeof *schema);
    iceberg_partition_spec *spec = slu_arena_alloc(arena, sizeof *spec);
    iceberg_sort_order *sort = slu_arena_alloc(arena, sizeof *sort);
    SLU_TRY(slu_arena_status(arena, err));
    SLU_TRY(schema_make(table, arena, schema, err));
    SLU_TRY(spec_make(table, schema, arena, spec, err));
    SLU_TRY(sort_make(schema, arena, sort, err));
    memset(out, 0, sizeof *out);
    out->schema = schema;
    out->spec = spec;
    out->sort_order = sort;
    return properties_make(table, arena, out, err);
}

static slu_status
differs(const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_CONFLICT, "the existing lake table has %s", what);
}

/* Specs compare by column name, since ids may have been given anew. */
static bool
spec_matches(const iceberg_create *wanted, const iceberg_metadata *existing)
{
    const iceberg_partition_spec *a = wanted->spec;
    const iceberg_partition_spec *b = iceberg_metadata_spec(existing);
    const iceberg_schema *schema = iceberg_metadata_schema(existing);
    if (a->field_count != b->field_count)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        const iceberg_field *left = iceberg_schema_field(wanted->schema, a->fields[i].source_id);
        const iceberg_field *right = iceberg_schema_field(schema, b->fields[i].source_id);
        if (left == NULL || right == NULL || strcmp(left->name, right->name) != 0 ||
            strcmp(a->fields[i].transform.text, b->fields[i].transform.text) != 0)
            return false;
    }
    return true;
}

static bool
sort_matches(const iceberg_create *wanted, const iceberg_metadata *existing)
{
    const iceberg_sort_order *a = wanted->sort_order;
    const iceberg_sort_order *b = iceberg_metadata_sort_order(existing);
    const iceberg_schema *schema = iceberg_metadata_schema(existing);
    if (b == NULL || a->field_count != b->field_count)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        const iceberg_field *left = iceberg_schema_field(wanted->schema, a->fields[i].source_id);
        const iceberg_field *right = iceberg_schema_field(schema, b->fields[i].source_id);
        if (left == NULL || right == NULL || strcmp(left->name, right->name) != 0 ||
            a->fields[i].descending != b->fields[i].descending || a->fields[i].nulls_last != b->fields[i].nulls_last)
            return false;
    }
    return true;
}

slu_status
iceberg_fluss_table_same(const iceberg_create *wanted, const iceberg_metadata *existing, slu_error *err)
{
    if (!iceberg_schema_same(wanted->schema, iceberg_metadata_schema(existing)))
        return differs("other columns (names, order, types, nullability or key)", err);
    if (!spec_matches(wanted, existing))
        return differs("another partition spec", err);
    if (!sort_matches(wanted, existing))
        return differs("another sort order", err);
    for (size_t i = 0; i < wanted->property_count; i++) {
        const char *value = iceberg_metadata_property(existing, wanted->properties[i].key);
        if (value == NULL || strcmp(value, wanted->properties[i].value) != 0)
            return slu_error_set(err, SLU_CONFLICT, "the existing lake table has %s=%s, wanted is %s", wanted->properties[i].key,
                                 value == NULL ? "(not set)" : value, wanted->properties[i].value);
    }
    return SLU_OK;
}
