#include "lake_tables.h"

#include "fluss/record/descriptor.h"
#include "iceberg/fluss_spec.h"

#include "base/alloc.h"
#include "base/arena.h"

#define TABLE_ARENA_BYTES_MAX ((size_t)64 << 20)

struct tiering_lake_tables {
    iceberg_catalog catalog;
};

slu_status
tiering_lake_tables_open(const slu_env *env, const tiering_lake_options *options, tiering_lake_tables **out, slu_error *err)
{
    tiering_lake_tables *tables = slu_alloc_zero(1, sizeof *tables);
    if (tables == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake catalog");
    const slu_status status = tiering_lake_open(env, options, &tables->catalog, err);
    if (status != SLU_OK) {
        slu_free(tables);
        return status;
    }
    *out = tables;
    return SLU_OK;
}

void
tiering_lake_tables_close(tiering_lake_tables **tables)
{
    if (*tables == NULL)
        return;
    iceberg_catalog_close(&(*tables)->catalog);
    slu_free(*tables);
    *tables = NULL;
}

/* The names of some columns, in the arena. */
static const char **
column_names(const fluss_schema *schema, const int32_t *positions, size_t count, slu_arena *arena)
{
    const char **names = slu_arena_array(arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = schema->columns[positions[i]].name;
    return names;
}

static iceberg_property *
table_properties(const fluss_descriptor *descriptor, slu_arena *arena)
{
    const size_t count = descriptor->property_count + descriptor->custom_property_count;
    iceberg_property *properties = slu_arena_array(arena, count + 1, sizeof *properties);
    for (size_t i = 0; properties != NULL && i < count; i++) {
        const bool own = i < descriptor->property_count;
        const fluss_property *from = own ? &descriptor->properties[i] : &descriptor->custom_properties[i - descriptor->property_count];
        properties[i] = (iceberg_property){from->key, from->value};
    }
    return properties;
}

static slu_status
table_spec(const fluss_descriptor *descriptor, const struct ArrowSchema *arrow, slu_arena *arena, iceberg_create *out, slu_error *err)
{
    const fluss_schema *schema = &descriptor->schema;
    const char **comments = slu_arena_array(arena, schema->column_count + 1, sizeof *comments);
    const iceberg_fluss_table table = {.columns = arrow,
                                       .comments = comments,
                                       .primary_key = column_names(schema, schema->primary_key, schema->primary_key_count, arena),
                                       .primary_key_count = schema->primary_key_count,
                                       .bucket_key = descriptor->bucket_keys,
                                       .bucket_key_count = descriptor->bucket_key_count,
                                       .partition_keys = descriptor->partition_keys,
                                       .partition_key_count = descriptor->partition_key_count,
                                       .bucket_count = descriptor->bucket_count,
                                       .properties = table_properties(descriptor, arena),
                                       .property_count = descriptor->property_count + descriptor->custom_property_count};
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->column_count; i++)
        comments[i] = schema->columns[i].comment;
    return iceberg_fluss_table_spec(&table, arena, out, err);
}

static slu_status
adopt_table(const iceberg_catalog *catalog, const char *database, const char *table, const iceberg_create *wanted, slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table existing = {0};
    slu_error why;
    SLU_TRY(iceberg_catalog_load(catalog, database, table, &existing, err));
    slu_status status = iceberg_fluss_table_same(wanted, existing.metadata, &why);
    if (status == SLU_OK && iceberg_metadata_snapshot(existing.metadata) != NULL)
        status = slu_error_set(&why, SLU_CONFLICT, "it has snapshots already");
    if (status == SLU_OK)
        return SLU_OK;
    return slu_error_set(err, SLU_CONFLICT,
                         "the lake table %s.%s exists at %.300s and cannot be adopted: %.400s. Drop it in the lake (remove its directory), or "
                         "create the Fluss table under another name",
                         database, table, existing.metadata->location, why.message);
}

slu_status
tiering_lake_tables_create(void *self, const char *database, const char *table, const char *descriptor_json, slu_error *err)
{
    tiering_lake_tables *tables = self;
    SLU_AUTO(slu_arena_fini) slu_arena arena;
    SLU_AUTO(slu_schema_release) struct ArrowSchema arrow = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table made = {0};
    fluss_descriptor descriptor;
    iceberg_create create = {0};
    slu_arena_init(&arena, TABLE_ARENA_BYTES_MAX);
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(descriptor_json), &arena, &descriptor, err));
    SLU_TRY(fluss_schema_to_arrow(&descriptor.schema, &arrow, err));
    SLU_TRY(table_spec(&descriptor, &arrow, &arena, &create, err));
    const slu_status status = iceberg_catalog_create(&tables->catalog, database, table, &create, &made, err);
    if (status == SLU_CONFLICT)
        return adopt_table(&tables->catalog, database, table, &create, err);
    return slu_error_in(err, status, "the lake table %s.%s", database, table);
}
