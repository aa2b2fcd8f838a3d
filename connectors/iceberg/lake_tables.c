#include "iceberg/lake_tables.h"

#include "base/limits.h"

#define LAKE_ARENA_BYTES_MAX ((size_t)64 << 20)

static slu_status
adopt(const iceberg_catalog *catalog, const char *ns, const char *name, const iceberg_create *wanted, slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    SLU_TRY(iceberg_catalog_load(catalog, ns, name, &table, err));
    if (iceberg_metadata_snapshot(table.metadata) != NULL)
        return slu_error_set(err, SLU_CONFLICT,
                             "The table %s.%s already exists in the iceberg catalog and holds data (%s). Please drop it there or "
                             "use a new table name.",
                             ns, name, table.metadata_location);
    const slu_status status = iceberg_fluss_table_same(wanted, table.metadata, err);
    if (status != SLU_OK)
        return slu_error_in(err, status,
                            "The table %s.%s already exists in the iceberg catalog and cannot be adopted (%s); drop it there or "
                            "use a new table name",
                            ns, name, table.metadata_location);
    return SLU_OK;
}

slu_status
iceberg_lake_create(const iceberg_catalog *catalog, const char *ns, const char *name, const iceberg_fluss_table *table,
                    slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table made = {0};
    iceberg_create wanted;
    slu_arena_init(&arena, LAKE_ARENA_BYTES_MAX);
    SLU_TRY_IN(iceberg_fluss_table_spec(table, &arena, &wanted, err), err, "lake table %s.%s", ns, name);
    const slu_status status = iceberg_catalog_create(catalog, ns, name, &wanted, &made, err);
    return status == SLU_CONFLICT ? adopt(catalog, ns, name, &wanted, err) : status;
}

/* ---- altering ---- */

static bool
is_system(const char *name)
{
    return strcmp(name, ICEBERG_BUCKET_COLUMN) == 0 || strcmp(name, ICEBERG_OFFSET_COLUMN) == 0 ||
           strcmp(name, ICEBERG_TIMESTAMP_COLUMN) == 0;
}

/* The fields of `fields` and of all below get the next free ids. */
static void
fresh_ids(iceberg_field *field, int32_t *last)
{
    field->id = ++*last;
    for (uint32_t i = 0; i < field->type.field_count; i++)
        fresh_ids(&field->type.fields[i], last);
}

/* A wanted column keeps the id of the one it is in the table; a new one must be optional and gets a fresh id. */
static slu_status
column_follow(const iceberg_schema *now, iceberg_field *column, int32_t *last_id, uint32_t *added, slu_error *err)
{
    const iceberg_field *old = iceberg_schema_column(now, column->name);
    if (old != NULL) {
        if (!iceberg_type_same(&old->type, &column->type) || old->required != column->required)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "column \"%s\" changes its type or nullability, which the lake table cannot follow", column->name);
        *column = *old;
        return SLU_OK;
    }
    if (column->required)
        return slu_error_set(err, SLU_INVALID, "column \"%s\" is new and NOT NULL, but the lake table has rows without it",
                             column->name);
    ++*added;
    fresh_ids(column, last_id);
    return SLU_OK;
}

/* The schema that the table gets: the wanted one with the ids of what is there already. `added` 0: nothing new. */
static slu_status
schema_follow(const iceberg_metadata *metadata, const iceberg_schema *wanted, slu_arena *arena, iceberg_schema *out,
              uint32_t *added, slu_error *err)
{
    const iceberg_schema *now = iceberg_metadata_schema(metadata);
    int32_t last_id = metadata->last_column_id;
    *out = *now;
    *added = 0;
    out->root = wanted->root;
    out->root.fields = slu_arena_array(arena, wanted->root.field_count, sizeof *out->root.fields);
    SLU_TRY(slu_arena_status(arena, err));
    memcpy(out->root.fields, wanted->root.fields, wanted->root.field_count * sizeof *out->root.fields);
    for (uint32_t i = 0; i < out->root.field_count; i++)
        SLU_TRY(column_follow(now, &out->root.fields[i], &last_id, added, err));
    for (uint32_t i = 0; i < now->root.field_count; i++)
        if (!is_system(now->root.fields[i].name) && iceberg_schema_column(wanted, now->root.fields[i].name) == NULL)
            return slu_error_set(err, SLU_UNSUPPORTED, "column \"%s\" of the lake table is gone, which it cannot follow",
                                 now->root.fields[i].name);
    return SLU_OK;
}

slu_status
iceberg_lake_alter(const iceberg_catalog *catalog, const char *ns, const char *name, const iceberg_fluss_table *table,
                   slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table lake = {0};
    iceberg_create wanted;
    iceberg_schema schema;
    uint32_t added = 0;
    slu_arena_init(&arena, LAKE_ARENA_BYTES_MAX);
    SLU_TRY_IN(iceberg_fluss_table_spec(table, &arena, &wanted, err), err, "lake table %s.%s", ns, name);
    SLU_TRY(iceberg_catalog_load(catalog, ns, name, &lake, err));
    SLU_TRY_IN(schema_follow(lake.metadata, wanted.schema, &arena, &schema, &added, err), err, "lake table %s.%s", ns, name);
    const iceberg_update updates[] = {
        {.kind = ICEBERG_UPDATE_SET_PROPERTIES, .properties = wanted.properties, .property_count = wanted.property_count},
        {.kind = ICEBERG_UPDATE_ADD_SCHEMA, .schema = &schema},
    };
    const iceberg_change change = {{.uuid = lake.metadata->uuid}, updates, added == 0 ? 1 : 2};
    return iceberg_catalog_commit(catalog, &lake, &change, err);
}
