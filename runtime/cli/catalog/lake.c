#include "lake.h"

#include "base/alloc.h"
#include "fluss/record/descriptor.h"
#include "iceberg/fluss_spec.h"

#define CREATE_ARENA_BYTES ((size_t)32 << 20)

struct cli_lake {
    iceberg_catalog catalog;
    char *warehouse;
    fluss_server_property properties[2];
};

slu_status
cli_lake_open(const slu_env *env, const char *type, const char *warehouse, cli_lake **out, slu_error *err)
{
    iceberg_store store = {0};
    if (type != NULL && strcmp(type, "hadoop") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "datalake.iceberg.type %s: only hadoop (a directory) is served yet", type);
    if (warehouse == NULL || *warehouse == 0)
        return slu_error_set(err, SLU_INVALID, "datalake.iceberg.warehouse is missing: give the directory of the lake");
    if (strstr(warehouse, "://") != NULL && strncmp(warehouse, "file://", 7) != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "datalake.iceberg.warehouse %s: only a local directory is served yet", warehouse);
    cli_lake *lake = slu_alloc_zero(1, sizeof *lake);
    if (lake != NULL)
        lake->warehouse = slu_strdup(warehouse);
    if (lake == NULL || lake->warehouse == NULL) {
        slu_free(lake);
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    }
    slu_status status = iceberg_store_local_open(false, &store, err);
    if (status == SLU_OK)
        status = iceberg_catalog_files_open(env, warehouse, &store, &lake->catalog, err);
    if (status != SLU_OK) {
        iceberg_store_close(&store);
        cli_lake_close(&lake);
        return status;
    }
    lake->properties[0] = (fluss_server_property){"table.datalake.iceberg.type", "hadoop"};
    lake->properties[1] = (fluss_server_property){"table.datalake.iceberg.warehouse", lake->warehouse};
    *out = lake;
    return SLU_OK;
}

void
cli_lake_close(cli_lake **lake)
{
    cli_lake *mine = slu_take(lake);
    if (mine == NULL)
        return;
    iceberg_catalog_close(&mine->catalog);
    slu_free(mine->warehouse);
    slu_free(mine);
}

const iceberg_catalog *
cli_lake_catalog(const cli_lake *lake)
{
    return &lake->catalog;
}

/* ---- CREATE TABLE ---- */

static slu_status
properties_join(const fluss_descriptor *descriptor, slu_arena *arena, iceberg_fluss_table *out, slu_error *err)
{
    const size_t count = descriptor->property_count + descriptor->custom_property_count;
    iceberg_property *all = slu_arena_array(arena, count, sizeof *all);
    if (all == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < descriptor->property_count; i++)
        all[i] = (iceberg_property){descriptor->properties[i].key, descriptor->properties[i].value};
    for (size_t i = 0; i < descriptor->custom_property_count; i++)
        all[descriptor->property_count + i] =
            (iceberg_property){descriptor->custom_properties[i].key, descriptor->custom_properties[i].value};
    out->properties = all;
    out->property_count = count;
    return SLU_OK;
}

static slu_status
names_of(const fluss_schema *schema, const int32_t *positions, size_t count, slu_arena *arena, const char *const **out, slu_error *err)
{
    const char **names = slu_arena_array(arena, count, sizeof *names);
    if (names == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < count; i++)
        names[i] = schema->columns[positions[i]].name;
    *out = names;
    return SLU_OK;
}

static slu_status
comments_of(const fluss_schema *schema, slu_arena *arena, const char *const **out, slu_error *err)
{
    const char **comments = slu_arena_array(arena, schema->column_count, sizeof *comments);
    if (comments == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < schema->column_count; i++)
        comments[i] = schema->columns[i].comment;
    *out = comments;
    return SLU_OK;
}

/* `columns` is filled and owned by the caller. */
static slu_status
lake_table_of(const fluss_descriptor *descriptor, struct ArrowSchema *columns, slu_arena *arena, iceberg_fluss_table *out, slu_error *err)
{
    SLU_TRY(fluss_schema_to_arrow(&descriptor->schema, columns, err));
    *out = (iceberg_fluss_table){.columns = columns,
                                 .primary_key_count = descriptor->schema.primary_key_count,
                                 .bucket_key = descriptor->bucket_keys,
                                 .bucket_key_count = descriptor->bucket_key_count,
                                 .partition_keys = descriptor->partition_keys,
                                 .partition_key_count = descriptor->partition_key_count,
                                 .bucket_count = descriptor->bucket_count};
    SLU_TRY(names_of(&descriptor->schema, descriptor->schema.primary_key, descriptor->schema.primary_key_count, arena, &out->primary_key, err));
    SLU_TRY(comments_of(&descriptor->schema, arena, &out->comments, err));
    return properties_join(descriptor, arena, out, err);
}

/* A table is there already: ours if it is the same and empty. */
static slu_status
table_adopt(const cli_lake *lake, const char *database, const char *table, const iceberg_create *wanted, slu_error *err)
{
    iceberg_table existing = {0};
    SLU_TRY(iceberg_catalog_load(&lake->catalog, database, table, &existing, err));
    slu_status status = iceberg_fluss_table_same(wanted, existing.metadata, err);
    if (status == SLU_OK && existing.metadata->snapshot_count > 0)
        status = slu_error_set(err, SLU_CONFLICT, "it has snapshots");
    iceberg_table_fini(&existing);
    if (status == SLU_OK)
        return SLU_OK;
    return slu_error_in(err, SLU_CONFLICT, "The table %s.%s already exists in iceberg catalog at %s, please first drop the table in iceberg catalog or use a new table name (an empty table of the same layout would be adopted)",
                        database, table, lake->warehouse);
}

static slu_status
table_create(const cli_lake *lake, const char *database, const char *table, const char *json, slu_arena *arena, struct ArrowSchema *columns,
             slu_error *err)
{
    fluss_descriptor descriptor;
    iceberg_fluss_table lake_table;
    iceberg_create create;
    iceberg_table made = {0};
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(json), arena, &descriptor, err));
    SLU_TRY(lake_table_of(&descriptor, columns, arena, &lake_table, err));
    SLU_TRY(iceberg_fluss_table_spec(&lake_table, arena, &create, err));
    const slu_status status = iceberg_catalog_create(&lake->catalog, database, table, &create, &made, err);
    iceberg_table_fini(&made);
    return status == SLU_CONFLICT ? table_adopt(lake, database, table, &create, err) : status;
}

static slu_status
server_create_table(void *context, const char *database, const char *table, const char *descriptor_json, slu_error *err)
{
    slu_arena arena;
    struct ArrowSchema columns = {0};
    slu_arena_init(&arena, CREATE_ARENA_BYTES);
    const slu_status status = table_create(context, database, table, descriptor_json, &arena, &columns, err);
    slu_schema_release(&columns);
    slu_arena_fini(&arena);
    return status;
}

fluss_server_lake
cli_lake_for_server(cli_lake *lake)
{
    return (fluss_server_lake){
        .context = lake, .create_table = server_create_table, .properties = lake->properties, .property_count = 2};
}
