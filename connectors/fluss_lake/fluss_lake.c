#include "fluss_lake/fluss_lake.h"

#include "base/alloc.h"

#define DESCRIPTOR_ARENA_BYTES_MAX ((size_t)64 << 20)

struct fluss_lake {
    iceberg_catalog catalog;
};

slu_status
fluss_lake_open(const slu_env *env, const lake_options *options, fluss_lake **out, slu_error *err)
{
    SLU_AUTO(fluss_lake_close) fluss_lake *lake = slu_alloc_zero(1, sizeof *lake);
    if (lake == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    SLU_TRY(lake_open(env, options, &lake->catalog, err));
    *out = slu_take(&lake);
    return SLU_OK;
}

void
fluss_lake_close(fluss_lake **pointer)
{
    fluss_lake *lake = slu_take(pointer);
    if (lake == NULL)
        return;
    iceberg_catalog_close(&lake->catalog);
    slu_free(lake);
}

const iceberg_catalog *
fluss_lake_catalog(const fluss_lake *lake)
{
    return &lake->catalog;
}

static slu_status
describe_properties(const fluss_descriptor *descriptor, slu_arena *arena, iceberg_fluss_table *out, slu_error *err)
{
    const size_t count = descriptor->property_count + descriptor->custom_property_count;
    iceberg_property *items = slu_arena_array(arena, count, sizeof *items);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < descriptor->property_count; i++)
        items[i] = (iceberg_property){descriptor->properties[i].key, descriptor->properties[i].value};
    for (size_t i = 0; i < descriptor->custom_property_count; i++)
        items[descriptor->property_count + i] =
            (iceberg_property){descriptor->custom_properties[i].key, descriptor->custom_properties[i].value};
    out->properties = items;
    out->property_count = count;
    return SLU_OK;
}

static bool
is_partition_key(const fluss_descriptor *descriptor, const char *name)
{
    for (size_t i = 0; i < descriptor->partition_key_count; i++)
        if (strcmp(descriptor->partition_keys[i], name) == 0)
            return true;
    return false;
}

/* A primary-key table that does not name its bucket key is bucketed by its physical key: the key without partition columns. */
static slu_status
describe_keys(const fluss_descriptor *descriptor, slu_arena *arena, iceberg_fluss_table *out, slu_error *err)
{
    const fluss_schema *schema = &descriptor->schema;
    const char **key = slu_arena_array(arena, schema->primary_key_count, sizeof *key);
    const char **bucket = slu_arena_array(arena, schema->primary_key_count, sizeof *bucket);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->primary_key_count; i++) {
        key[i] = schema->columns[schema->primary_key[i]].name;
        if (!is_partition_key(descriptor, key[i]))
            bucket[out->bucket_key_count++] = key[i];
    }
    out->primary_key = key;
    out->primary_key_count = schema->primary_key_count;
    out->bucket_key = bucket;
    if (descriptor->bucket_key_count != 0) {
        out->bucket_key = (const char *const *)descriptor->bucket_keys;
        out->bucket_key_count = descriptor->bucket_key_count;
    }
    return SLU_OK;
}

slu_status
fluss_lake_describe(const fluss_descriptor *descriptor, slu_arena *arena, struct ArrowSchema *arrow, iceberg_fluss_table *out,
                    slu_error *err)
{
    const fluss_schema *schema = &descriptor->schema;
    const char **comments = slu_arena_array(arena, schema->column_count, sizeof *comments);
    memset(out, 0, sizeof *out);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->column_count; i++)
        comments[i] = schema->columns[i].comment;
    out->comments = comments;
    out->partition_keys = (const char *const *)descriptor->partition_keys;
    out->partition_key_count = descriptor->partition_key_count;
    out->bucket_count = descriptor->bucket_count;
    SLU_TRY(describe_keys(descriptor, arena, out, err));
    SLU_TRY(describe_properties(descriptor, arena, out, err));
    SLU_TRY(fluss_schema_to_arrow(schema, arrow, err));
    out->columns = arrow;
    return SLU_OK;
}

#define NO_BUCKET_KEY ": column %s cannot be the bucket key of a lake table; choose another bucket.key, or "

/* What Iceberg has no buckets for, by its name there. */
static slu_status
transform_refuse(const char *type, const iceberg_fluss_table *table, slu_error *err)
{
    return slu_error_set(err, SLU_INVALID, "Invalid source type %s for transform: bucket[%d]" NO_BUCKET_KEY "another type for it",
                         type, table->bucket_count, table->bucket_key[0]);
}

/* A table of which nobody could write a row is not made, in the words of Iceberg's PartitionSpec, and of the key encoder of Fluss's clients.
 * (Fluss makes one by TINYINT and SMALLINT, and its writers fail.) */
static slu_status
bucket_key_check(const fluss_descriptor *descriptor, const iceberg_fluss_table *table, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    const int32_t at = table->bucket_key_count == 1 ? fluss_schema_find(&descriptor->schema, table->bucket_key[0]) : -1;
    if (at < 0)
        return SLU_OK;
    const fluss_type *type = &descriptor->schema.columns[at].type;
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: return transform_refuse("boolean", table, err);
    case FLUSS_TYPE_FLOAT: return transform_refuse("float", table, err);
    case FLUSS_TYPE_DOUBLE: return transform_refuse("double", table, err);
    case FLUSS_TYPE_TINYINT:
    case FLUSS_TYPE_SMALLINT: break;
    default: return SLU_OK;
    }
    slu_buf_init(&text, 256);
    fluss_type_print(type, &text);
    return slu_error_set(err, SLU_INVALID, "Unsupported type for Iceberg binary row writer: %s" NO_BUCKET_KEY "INT for it",
                         slu_buf_cstr(&text), table->bucket_key[0]);
}

static slu_status
create_checked(const iceberg_catalog *catalog, const char *ns, const char *name, const fluss_descriptor *descriptor,
               const iceberg_fluss_table *table, slu_error *err)
{
    SLU_TRY(bucket_key_check(descriptor, table, err));
    return iceberg_lake_create(catalog, ns, name, table, err);
}

static slu_status
alter(const iceberg_catalog *catalog, const char *ns, const char *name, const fluss_descriptor *descriptor,
      const iceberg_fluss_table *table, slu_error *err)
{
    (void)descriptor;
    return iceberg_lake_alter(catalog, ns, name, table, err);
}

typedef slu_status (*lake_deed)(const iceberg_catalog *catalog, const char *ns, const char *name,
                                const fluss_descriptor *descriptor, const iceberg_fluss_table *table, slu_error *err);

static slu_status
with_description(fluss_lake *lake, const char *database, const char *table, const char *descriptor_json, lake_deed deed,
                 slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_descriptor descriptor = {0};
    iceberg_fluss_table described;
    struct ArrowSchema arrow = {0};
    slu_arena_init(&arena, DESCRIPTOR_ARENA_BYTES_MAX);
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(descriptor_json), &arena, &descriptor, err));
    SLU_TRY(fluss_lake_describe(&descriptor, &arena, &arrow, &described, err));
    const slu_status status = deed(&lake->catalog, database, table, &descriptor, &described, err);
    slu_schema_release(&arrow);
    return status;
}

slu_status
fluss_lake_create_table(void *lake, const char *database, const char *table, const char *descriptor_json, slu_error *err)
{
    return with_description(lake, database, table, descriptor_json, create_checked, err);
}

slu_status
fluss_lake_alter_table(void *lake, const char *database, const char *table, const char *descriptor_json, slu_error *err)
{
    return with_description(lake, database, table, descriptor_json, alter, err);
}
