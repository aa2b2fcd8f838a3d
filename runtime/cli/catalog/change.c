#include "change.h"

#include "descriptor_words.h"
#include "fluss/client/admin.h"
#include "fluss/record/type_parse.h"

#include <stdlib.h>
#include <string.h>

#define CHANGE_ARENA_BYTES_MAX ((size_t)16 << 20)

/* ---- A descriptor from a statement ----------------------------------------------------------------------------------------------- */

static slu_status
columns_set(const slu_sql_change *change, slu_arena *arena, fluss_schema *schema, slu_error *err)
{
    *schema = (fluss_schema){.highest_field_id = -1};
    schema->columns = slu_arena_array(arena, change->column_count + 1, sizeof *schema->columns);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < change->column_count; i++) {
        fluss_column *column = &schema->columns[i];
        if (fluss_schema_find(schema, change->columns[i].name) >= 0)
            return slu_error_set(err, SLU_INVALID, "column %s is there twice", change->columns[i].name);
        *column = (fluss_column){.name = change->columns[i].name, .comment = change->columns[i].comment, .id = -1};
        SLU_TRY_IN(fluss_type_parse(change->columns[i].type, arena, &column->type, err), err, "column %s", column->name);
        schema->column_count++;
    }
    return cli_primary_key_set("PRIMARY KEY", change->primary_key, change->primary_key_count, arena, schema, err);
}

/* The whole number of 'bucket.num'. */
static slu_status
bucket_count_set(const char *value, fluss_descriptor *out, slu_error *err)
{
    char *end;
    const long count = strtol(value, &end, 10);
    if (*value == 0 || *end != 0 || count < 1 || count > INT32_MAX)
        return slu_error_set(err, SLU_INVALID, "'bucket.num' = '%s': it is a whole number of at least 1", value);
    out->bucket_count = (int32_t)count;
    return SLU_OK;
}

/* 'fields.COLUMN.agg' names its column in the middle. */
static slu_status
aggregate_option(const slu_sql_option *option, slu_arena *arena, fluss_descriptor *out, bool *taken, slu_error *err)
{
    static const char BEFORE[] = "fields.";
    static const char BEHIND[] = ".agg";
    const size_t bytes = strlen(option->key);
    const size_t around = sizeof BEFORE - 1 + sizeof BEHIND - 1;
    *taken = bytes > around && strncmp(option->key, BEFORE, sizeof BEFORE - 1) == 0 &&
             strcmp(option->key + bytes - (sizeof BEHIND - 1), BEHIND) == 0;
    if (!*taken)
        return SLU_OK;
    const char *column = slu_arena_strndup(arena, option->key + sizeof BEFORE - 1, bytes - around);
    SLU_TRY(slu_arena_status(arena, err));
    return cli_aggregate_set(option->key, column, option->value, arena, &out->schema, err);
}

static slu_status
option_set(const slu_sql_option *option, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    bool taken = false;
    if (strcmp(option->key, "connector") == 0 && strcmp(option->value, "fluss") != 0)
        return slu_error_set(err, SLU_INVALID, "'connector' = '%s': tables here are of fluss; leave it out", option->value);
    if (strcmp(option->key, "connector") == 0)
        return SLU_OK;
    if (strcmp(option->key, "bucket.num") == 0)
        return bucket_count_set(option->value, out, err);
    if (strcmp(option->key, "bucket.key") == 0)
        return cli_name_list(option->value, arena, &out->bucket_keys, &out->bucket_key_count, err);
    SLU_TRY(aggregate_option(option, arena, out, &taken, err));
    if (!taken && strcmp(option->key, "auto-increment.fields") == 0)
        SLU_TRY(cli_auto_increment_set("'auto-increment.fields'", option->value, &out->schema, err));
    return taken ? SLU_OK : cli_property_add(option->key, option->value, arena, out, err);
}

static bool
is_partition_key(const slu_sql_change *change, const char *name)
{
    for (size_t i = 0; i < change->partition_key_count; i++)
        if (strcmp(change->partition_keys[i], name) == 0)
            return true;
    return false;
}

static slu_status
bucket_key_default(const slu_sql_change *change, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    if (out->bucket_key_count > 0)
        return SLU_OK;
    out->bucket_keys = slu_arena_array(arena, change->primary_key_count + 1, sizeof *out->bucket_keys);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < change->primary_key_count; i++)
        if (!is_partition_key(change, change->primary_key[i]))
            out->bucket_keys[out->bucket_key_count++] = change->primary_key[i];
    return SLU_OK;
}

static slu_status
descriptor_make(const slu_sql_change *change, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    SLU_TRY(columns_set(change, arena, &out->schema, err));
    for (size_t i = 0; i < change->option_count; i++)
        SLU_TRY(option_set(&change->options[i], arena, out, err));
    SLU_TRY(bucket_key_default(change, arena, out, err));
    out->partition_keys = change->partition_keys;
    out->partition_key_count = change->partition_key_count;
    out->comment = change->comment;
    fluss_schema_normalize(&out->schema);
    return SLU_OK;
}

static slu_status
table_create(fluss_client *client, const slu_sql_change *change, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    fluss_descriptor descriptor;
    slu_arena_init(&arena, CHANGE_ARENA_BYTES_MAX);
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(descriptor_make(change, &arena, &descriptor, err));
    SLU_TRY(fluss_descriptor_encode(&descriptor, &json, err));
    SLU_TRY(slu_buf_status(&json, err));
    return fluss_admin_create_table(client, change->database, change->table, slu_buf_view(&json), change->lenient, err);
}

static slu_status
database_create(fluss_client *client, const slu_sql_change *change, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    fluss_database_descriptor descriptor = {.comment = change->comment};
    slu_arena_init(&arena, CHANGE_ARENA_BYTES_MAX);
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    descriptor.custom_properties = slu_arena_array(&arena, change->option_count + 1, sizeof *descriptor.custom_properties);
    SLU_TRY(slu_arena_status(&arena, err));
    for (size_t i = 0; i < change->option_count; i++)
        descriptor.custom_properties[descriptor.custom_property_count++] =
            (fluss_property){change->options[i].key, change->options[i].value};
    SLU_TRY(fluss_database_descriptor_encode(&descriptor, &json, err));
    SLU_TRY(slu_buf_status(&json, err));
    return fluss_admin_create_database_described(client, change->database, slu_buf_view(&json), change->lenient, err);
}

static slu_status
table_alter(fluss_client *client, const slu_sql_change *change, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_schema added;
    slu_arena_init(&arena, CHANGE_ARENA_BYTES_MAX);
    SLU_TRY(columns_set(change, &arena, &added, err));
    fluss_property *properties = slu_arena_array(&arena, change->option_count + 1, sizeof *properties);
    SLU_TRY(slu_arena_status(&arena, err));
    for (size_t i = 0; i < change->option_count; i++)
        properties[i] = (fluss_property){change->options[i].key, change->options[i].value};
    const fluss_alteration alteration = {added.columns, added.column_count, properties, change->option_count};
    return fluss_admin_alter_table(client, change->database, change->table, &alteration, change->lenient, err);
}

slu_status
cli_change(fluss_client *client, const slu_sql_change *change, slu_error *err)
{
    switch (change->kind) {
    case SLU_SQL_CREATE_DATABASE: return database_create(client, change, err);
    case SLU_SQL_DROP_DATABASE: return fluss_admin_drop_database(client, change->database, change->lenient, change->cascade, err);
    case SLU_SQL_CREATE_TABLE: return table_create(client, change, err);
    case SLU_SQL_ALTER_TABLE: return table_alter(client, change, err);
    default: return fluss_admin_drop_table(client, change->database, change->table, change->lenient, err);
    }
}
