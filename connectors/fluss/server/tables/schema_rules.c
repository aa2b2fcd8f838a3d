/* schema_rules.c: see schema_rules.h. The JSON of a table is walked in the order in which Fluss reads it, so that of several faults
 * the same one is named. */
#include "fluss/server/tables/schema_rules.h"

#include "base/fail.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/wire/error.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#define LIST_BYTES_MAX ((size_t)1 << 20)

static void
json_release(json_t **json)
{
    json_decref(*json);
}

/* "[a, b]", as Java prints a list of names. */
static const char *
print_names(slu_buf *out, const char *const *names, size_t count)
{
    slu_buf_init(out, LIST_BYTES_MAX);
    slu_buf_text(out, "[");
    for (size_t i = 0; i < count; i++)
        slu_buf_printf(out, "%s%s", i == 0 ? "" : ", ", names[i]);
    slu_buf_text(out, "]");
    return slu_buf_cstr(out);
}

static bool
has_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Moves the names that occur more than once to the front of `names`, each once; how many. */
static size_t
duplicates(const char **names, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = names[i];
        if (has_name(names + i + 1, count - i - 1, name) && !has_name(names, found, name))
            names[found++] = name;
    }
    return found;
}

bool
fluss_name_is_blank(const char *name)
{
    while (isspace((unsigned char)*name))
        name++;
    return *name == 0;
}

/* ---- Types ---- */

/* Ids met on the way, -1 where there is none. */
typedef struct rule_ids {
    slu_buf values; /* int32_t each */
} rule_ids;

static void
ids_add(rule_ids *ids, const json_t *id)
{
    const int32_t value = id == NULL ? -1 : (int32_t)json_integer_value(id);
    slu_buf_append(&ids->values, &value, sizeof value);
}

static slu_status type_rules(const json_t *type, rule_ids *ids, int level, slu_error *err);

static slu_status
integer_of(const json_t *type, const char *key, const char *name, int64_t *out, slu_error *err)
{
    const json_t *value = json_object_get(type, key);
    if (value == NULL)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "Data type %s needs \"%s\".", name, key);
    *out = json_integer_value(value);
    return SLU_OK;
}

static slu_status
length_rules(const json_t *type, const char *name, const char *words, slu_error *err)
{
    int64_t length = 0;
    SLU_TRY(integer_of(type, "length", name, &length, err));
    if (length < 1)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "%s length must be between 1 and 2147483647 (both inclusive).", words);
    return SLU_OK;
}

static slu_status
decimal_rules(const json_t *type, slu_error *err)
{
    int64_t precision = 0, scale = 0;
    SLU_TRY(integer_of(type, "precision", "DECIMAL", &precision, err));
    SLU_TRY(integer_of(type, "scale", "DECIMAL", &scale, err));
    if (precision < 1 || precision > 38)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Decimal precision must be between 1 and 38 (both inclusive).");
    if (scale < 0 || scale > precision)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Decimal scale must be between 0 and the precision %lld (both inclusive).",
                                   (long long)precision);
    return SLU_OK;
}

static slu_status
precision_rules(const json_t *type, const char *name, const char *words, slu_error *err)
{
    int64_t precision = 0;
    SLU_TRY(integer_of(type, "precision", name, &precision, err));
    if (precision < 0 || precision > 9)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "%s precision must be between 0 and 9 (both inclusive).", words);
    return SLU_OK;
}

static slu_status
field_name_rules(const char **names, size_t count, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    for (size_t i = 0; i < count; i++)
        if (fluss_name_is_blank(names[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Field names must contain at least one non-whitespace character.");
    const size_t twice = duplicates(names, count);
    return twice == 0 ? SLU_OK
                      : slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                            "Field names must be unique. Found duplicates: %s", print_names(&text, names, twice));
}

static slu_status
row_rules(const json_t *type, rule_ids *ids, int level, slu_error *err)
{
    const json_t *fields = json_object_get(type, "fields");
    const size_t count = json_array_size(fields);
    if (!json_is_array(fields) || count > SLU_COLUMNS_MAX)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Data type ROW needs \"fields\", at most %d of them.", SLU_COLUMNS_MAX);
    const char **names = calloc(count + 1, sizeof *names);
    slu_status status = names == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a ROW") : SLU_OK;
    for (size_t i = 0; status == SLU_OK && i < count; i++) {
        const json_t *field = json_array_get(fields, i);
        names[i] = json_string_value(json_object_get(field, "name"));
        ids_add(ids, json_object_get(field, "field_id"));
        status = names[i] == NULL ? slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                                        "A field of a ROW has no \"name\".")
                                  : type_rules(json_object_get(field, "field_type"), ids, level + 1, err);
    }
    if (status == SLU_OK)
        status = field_name_rules(names, count, err);
    free(names);
    return status;
}

static slu_status
type_rules(const json_t *type, rule_ids *ids, int level, slu_error *err)
{
    static const char *const plain[] = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT",
                                        "FLOAT",   "DOUBLE",  "STRING",   "BYTES",   "DATE"};
    const char *name = json_string_value(json_object_get(type, "type"));
    if (name == NULL)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "A data type without \"type\".");
    if (level > SLU_NESTING_MAX)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "A data type nested more than %d levels deep.", SLU_NESTING_MAX);
    if (has_name(plain, SLU_COUNT_OF(plain), name))
        return SLU_OK;
    if (strcmp(name, "CHAR") == 0)
        return length_rules(type, name, "Character string", err);
    if (strcmp(name, "BINARY") == 0)
        return length_rules(type, name, "Binary string", err);
    if (strcmp(name, "DECIMAL") == 0)
        return decimal_rules(type, err);
    if (strcmp(name, "TIME_WITHOUT_TIME_ZONE") == 0)
        return precision_rules(type, "TIME", "Time", err);
    if (strcmp(name, "TIMESTAMP_WITHOUT_TIME_ZONE") == 0)
        return precision_rules(type, "TIMESTAMP", "Timestamp", err);
    if (strcmp(name, "TIMESTAMP_WITH_LOCAL_TIME_ZONE") == 0)
        return precision_rules(type, "TIMESTAMP_LTZ", "Timestamp with local time zone", err);
    if (strcmp(name, "ARRAY") == 0)
        return type_rules(json_object_get(type, "element_type"), ids, level + 1, err);
    if (strcmp(name, "MAP") == 0) {
        SLU_TRY(type_rules(json_object_get(type, "key_type"), ids, level + 2, err));
        return type_rules(json_object_get(type, "value_type"), ids, level + 2, err);
    }
    if (strcmp(name, "ROW") == 0)
        return row_rules(type, ids, level, err);
    return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                               "No enum constant org.apache.fluss.types.DataTypeRoot.%.200s", name);
}

slu_status
fluss_type_rules(slu_view json, slu_error *err)
{
    SLU_AUTO(json_release) json_t *type = json_loadb((const char *)json.data, json.bytes, 0, NULL);
    rule_ids ids;
    if (type == NULL)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "The data type is no JSON.");
    slu_buf_init(&ids.values, LIST_BYTES_MAX);
    const slu_status status = type_rules(type, &ids, 1, err);
    slu_buf_fini(&ids.values);
    return status;
}

/* ---- Ids ---- */

static int
by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void
print_columns(const json_t *columns, slu_buf *out)
{
    slu_buf_init(out, LIST_BYTES_MAX);
    slu_buf_text(out, "[");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *type = json_object_get(json_array_get(columns, i), "data_type");
        const char *name = json_string_value(json_object_get(type, "type"));
        slu_buf_printf(out, "%s%s %s", i == 0 ? "" : ", ", json_string_value(json_object_get(json_array_get(columns, i), "name")),
                       strcmp(name, "INTEGER") == 0 ? "INT" : name);
    }
    slu_buf_text(out, "]");
}

/* Every column has an id or none; all ids of columns and fields differ; none is above the highest. */
static slu_status
id_rules(const json_t *schema, const json_t *columns, rule_ids *ids, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    const json_t *highest = json_object_get(schema, "highest_field_id");
    int32_t *values = (int32_t *)(void *)ids->values.data;
    const size_t count = ids->values.bytes / sizeof *values;
    size_t unique = 0;
    SLU_TRY(slu_buf_status(&ids->values, err));
    if (count != 0)
        qsort(values, count, sizeof *values, by_number);
    for (size_t i = 0; i < count; i++)
        unique += i == 0 || values[i] != values[i - 1];
    if (unique != count)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "All field IDs (including nested fields) must be unique. Found %zu unique IDs but expected %zu.",
                                   unique, count);
    if (highest == NULL || count == 0 || json_integer_value(highest) >= values[count - 1])
        return SLU_OK;
    print_columns(columns, &text);
    return slu_error_set_coded(
        err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
        "Highest field ID (%lld) must be greater than or equal to the maximum field ID (%d) including nested fields. Current "
        "columns is %s",
        (long long)json_integer_value(highest), values[count - 1], slu_buf_cstr(&text));
}

/* ---- The schema ---- */

typedef struct rule_names {
    const char **columns, **key, **increments, **scratch; /* scratch: room for all of one kind */
    size_t column_count, key_count, increment_count;
} rule_names;

static slu_status
column_rules(const json_t *columns, rule_names *names, rule_ids *ids, slu_error *err)
{
    size_t with_id = 0;
    for (size_t i = 0; i < names->column_count; i++) {
        const json_t *column = json_array_get(columns, i), *type = json_object_get(column, "data_type");
        const json_t *id = json_object_get(column, "id");
        const json_int_t position = (json_int_t)i;
        names->columns[i] = json_string_value(json_object_get(column, "name"));
        if (names->columns[i] == NULL)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "No value for property 'name' of `ObjectNode`");
        if (!json_is_object(type))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Column '%.200s' has no \"data_type\".", names->columns[i]);
        SLU_AUTO(json_release) json_t *number = json_integer(position);
        ids_add(ids, id == NULL ? number : id);
        with_id += id != NULL;
        SLU_TRY(type_rules(type, ids, 1, err));
    }
    if (with_id != 0 && with_id != names->column_count)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "All columns must have columnId or none of them must have columnId.");
    return SLU_OK;
}

static slu_status
constraint_rules(const rule_names *names, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf columns = {0};
    SLU_AUTO(slu_buf_fini) slu_buf key = {0};
    SLU_AUTO(slu_buf_fini) slu_buf found = {0};
    SLU_AUTO(slu_buf_fini) slu_buf constraint = {0};
    (void)print_names(&columns, names->columns, names->column_count);
    (void)print_names(&key, names->key, names->key_count);
    memcpy(names->scratch, names->key, names->key_count * sizeof *names->key);
    const size_t twice = duplicates(names->scratch, names->key_count);
    if (twice != 0) {
        slu_buf_init(&constraint, LIST_BYTES_MAX);
        for (size_t i = 0; i < names->key_count; i++)
            slu_buf_printf(&constraint, "_%s", names->key[i]);
        return slu_error_set_coded(
            err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
            "Primary key constraint CONSTRAINT PK%s PRIMARY KEY (%.*s) must not contain duplicate columns. Found: %s",
            slu_buf_cstr(&constraint), (int)key.bytes - 2, slu_buf_cstr(&key) + 1, print_names(&found, names->scratch, twice));
    }
    for (size_t i = 0; i < names->key_count; i++)
        if (!has_name(names->columns, names->column_count, names->key[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Table column %s should include all primary key constraint %s", slu_buf_cstr(&columns),
                                       slu_buf_cstr(&key));
    for (size_t i = 0; i < names->increment_count; i++) {
        if (!has_name(names->columns, names->column_count, names->increments[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Auto increment column %s does not exist in table columns %s.", names->increments[i],
                                       slu_buf_cstr(&columns));
        if (has_name(names->key, names->key_count, names->increments[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Auto increment column can not be used as the primary key.");
    }
    return SLU_OK;
}

static slu_status
key_column_rules(const json_t *columns, const rule_names *names, slu_error *err)
{
    for (size_t i = 0; i < names->column_count; i++) {
        const json_t *column = json_array_get(columns, i);
        const json_t *function = json_object_get(column, "agg_function");
        if (json_is_object(function) && has_name(names->key, names->key_count, names->columns[i]))
            return slu_error_set_coded(
                err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                "Cannot set aggregation function for primary key column '%s'. Primary key columns automatically use "
                "'primary-key' aggregation.",
                names->columns[i]);
    }
    for (size_t i = 0; i < names->column_count; i++) {
        const char *type = json_string_value(json_object_get(json_object_get(json_array_get(columns, i), "data_type"), "type"));
        if (has_name(names->increments, names->increment_count, names->columns[i]) && strcmp(type, "INTEGER") != 0 &&
            strcmp(type, "BIGINT") != 0)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "The data type of auto increment column must be INT or BIGINT.");
    }
    return SLU_OK;
}

static slu_status
schema_rules(const json_t *schema, const json_t *columns, rule_names *names, rule_ids *ids, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf all = {0};
    SLU_AUTO(slu_buf_fini) slu_buf found = {0};
    SLU_TRY(column_rules(columns, names, ids, err));
    if (json_object_get(schema, "primary_key") != NULL && names->key_count == 0)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Primary key constraint must be defined for at least a single column.");
    if (names->increment_count > 1)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Multiple auto increment columns are not supported yet.");
    SLU_TRY(id_rules(schema, columns, ids, err));
    memcpy(names->scratch, names->columns, names->column_count * sizeof *names->columns);
    const size_t twice = duplicates(names->scratch, names->column_count);
    if (twice != 0)
        return slu_error_set_coded(
            err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "Table column %s must not contain duplicate fields. Found: %s",
            print_names(&all, names->columns, names->column_count), print_names(&found, names->scratch, twice));
    if (names->key_count == 0 && names->increment_count != 0)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "Auto increment column can only be used in primary-key table.");
    if (names->key_count != 0) {
        SLU_TRY(constraint_rules(names, err));
        SLU_TRY(key_column_rules(columns, names, err));
    }
    return field_name_rules(names->columns, names->column_count, err);
}

static bool
take_names(const json_t *list, const char **out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((out[i] = json_string_value(json_array_get(list, i))) == NULL)
            return false;
    return true;
}

static slu_status
names_take(const json_t *schema, const json_t *columns, rule_names *names, slu_error *err)
{
    const json_t *key = json_object_get(schema, "primary_key"), *increments = json_object_get(schema, "auto_increment_column");
    names->column_count = json_array_size(columns);
    names->key_count = json_array_size(key);
    names->increment_count = json_array_size(increments);
    if (names->column_count > SLU_COLUMNS_MAX || names->key_count > SLU_COLUMNS_MAX || names->increment_count > SLU_COLUMNS_MAX)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "A table has at most %d columns.",
                                   SLU_COLUMNS_MAX);
    names->columns = calloc((size_t)4 * (SLU_COLUMNS_MAX + 1), sizeof *names->columns);
    if (names->columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a table's names");
    names->key = names->columns + SLU_COLUMNS_MAX + 1;
    names->increments = names->key + SLU_COLUMNS_MAX + 1;
    names->scratch = names->increments + SLU_COLUMNS_MAX + 1;
    if (!take_names(key, names->key, names->key_count) || !take_names(increments, names->increments, names->increment_count))
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "A key column's name is no text.");
    return SLU_OK;
}

static slu_status
part_rules(const json_t *table, slu_error *err)
{
    static const char *const objects[] = {"properties", "custom_properties"};
    const json_t *count = json_object_get(table, "bucket_count");
    if (!json_is_array(json_object_get(table, "partition_key")))
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "The table descriptor has no \"partition_key\" (a list, which may be empty).");
    if (json_object_get(table, "bucket_count") != NULL && !json_is_array(json_object_get(table, "bucket_key")))
        return slu_error_set_coded(
            err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
            "The table descriptor has a \"bucket_count\", but no \"bucket_key\" (a list, which may be empty).");
    for (size_t i = 0; i < SLU_COUNT_OF(objects); i++)
        if (!json_is_object(json_object_get(table, objects[i])))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "The table descriptor has no \"%s\" (an object, which may be empty).", objects[i]);
    if (count == NULL || json_integer_value(count) > 0)
        return SLU_OK;
    (void)slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                              "org.apache.fluss.exception.InvalidBucketsException: Number of buckets must be larger than 0.");
    if (err != NULL)
        err->code = FLUSS_ERROR_UNKNOWN_SERVER_ERROR; /* found only while the buckets are placed */
    return SLU_INVALID;
}

slu_status
fluss_descriptor_rules(slu_view json, slu_error *err)
{
    SLU_AUTO(json_release) json_t *table = json_loadb((const char *)json.data, json.bytes, 0, NULL);
    const json_t *schema = json_object_get(table, "schema"), *columns = json_object_get(schema, "columns");
    rule_names names;
    rule_ids ids;
    if (table == NULL)
        return SLU_OK;
    if (!json_is_array(columns))
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                   "The table descriptor has no \"schema\" with \"columns\".");
    memset(&names, 0, sizeof names);
    slu_buf_init(&ids.values, LIST_BYTES_MAX);
    slu_status status = names_take(schema, columns, &names, err);
    if (status == SLU_OK)
        status = schema_rules(schema, columns, &names, &ids, err);
    if (status == SLU_OK)
        status = part_rules(table, err);
    free(names.columns);
    slu_buf_fini(&ids.values);
    return status;
}

/* ---- Keys ---- */

static void
key_names(const fluss_schema *schema, const char **out)
{
    for (size_t i = 0; i < schema->primary_key_count; i++)
        out[i] = schema->columns[schema->primary_key[i]].name;
}

static slu_status
default_bucket_key(fluss_descriptor *d, const char *const *key, slu_arena *arena, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf keys = {0};
    SLU_AUTO(slu_buf_fini) slu_buf partitions = {0};
    d->bucket_keys = slu_arena_array(arena, d->schema.primary_key_count, sizeof *d->bucket_keys);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < d->schema.primary_key_count; i++)
        if (!has_name(d->partition_keys, d->partition_key_count, key[i]))
            d->bucket_keys[d->bucket_key_count++] = key[i];
    if (d->bucket_key_count != 0)
        return SLU_OK;
    return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                               "Primary Key constraint %s should not be same with partition fields %s.",
                               print_names(&keys, key, d->schema.primary_key_count),
                               print_names(&partitions, d->partition_keys, d->partition_key_count));
}

static slu_status
bucket_key_rules(fluss_descriptor *d, const char *const *key, slu_arena *arena, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf keys = {0};
    SLU_AUTO(slu_buf_fini) slu_buf partitions = {0};
    SLU_AUTO(slu_buf_fini) slu_buf buckets = {0};
    (void)print_names(&keys, key, d->schema.primary_key_count);
    (void)print_names(&partitions, d->partition_keys, d->partition_key_count);
    (void)print_names(&buckets, d->bucket_keys, d->bucket_key_count);
    for (size_t i = 0; i < d->bucket_key_count; i++)
        if (has_name(d->partition_keys, d->partition_key_count, d->bucket_keys[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Bucket key %s shouldn't include any column in partition keys %s.", slu_buf_cstr(&buckets),
                                       slu_buf_cstr(&partitions));
    if (d->schema.primary_key_count == 0)
        return SLU_OK;
    if (d->bucket_key_count == 0)
        return default_bucket_key(d, key, arena, err);
    for (size_t i = 0; i < d->bucket_key_count; i++)
        if (!has_name(key, d->schema.primary_key_count, d->bucket_keys[i]))
            return slu_error_set_coded(
                err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                "Bucket keys must be a subset of primary keys excluding partition keys for primary-key tables. The primary "
                "keys are %s, the partition keys are %s, but the user-defined bucket keys are %s.",
                slu_buf_cstr(&keys), slu_buf_cstr(&partitions), slu_buf_cstr(&buckets));
    return SLU_OK;
}

slu_status
fluss_key_rules(fluss_descriptor *d, slu_arena *arena, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf keys = {0};
    SLU_AUTO(slu_buf_fini) slu_buf partitions = {0};
    const char **key = slu_arena_array(arena, d->schema.primary_key_count + 1, sizeof *key);
    SLU_TRY(slu_arena_status(arena, err));
    key_names(&d->schema, key);
    SLU_TRY(bucket_key_rules(d, key, arena, err));
    for (size_t i = 0; i < d->partition_key_count; i++) {
        if (d->schema.primary_key_count != 0 && !has_name(key, d->schema.primary_key_count, d->partition_keys[i]))
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Partitioned Primary Key Table requires partition key %s is a subset of the primary key %s.",
                                       print_names(&partitions, d->partition_keys, d->partition_key_count),
                                       print_names(&keys, key, d->schema.primary_key_count));
        if (fluss_schema_find(&d->schema, d->partition_keys[i]) < 0)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Partition key '%s' does not exist in the schema.", d->partition_keys[i]);
    }
    for (size_t i = 0; i < d->bucket_key_count; i++)
        if (fluss_schema_find(&d->schema, d->bucket_keys[i]) < 0)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
                                       "Bucket key '%s' does not exist in the schema.", d->bucket_keys[i]);
    return SLU_OK;
}

static slu_status
key_type_rules(const fluss_column *column, const char *What, const char *what, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf type = {0};
    if (column->type.id < FLUSS_TYPE_ARRAY)
        return SLU_OK;
    slu_buf_init(&type, LIST_BYTES_MAX);
    fluss_type_print(&column->type, &type);
    return slu_error_set_coded(
        err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
        "%s key column '%s' has unsupported data type %s. Currently, %s key column does not support types: [ARRAY, MAP, "
        "ROW].",
        What, column->name, slu_buf_cstr(&type), what);
}

slu_status
fluss_key_type_rules(const fluss_descriptor *d, slu_error *err)
{
    const fluss_schema *schema = &d->schema;
    for (size_t i = 0; i < d->bucket_key_count; i++)
        SLU_TRY(key_type_rules(&schema->columns[fluss_schema_find(schema, d->bucket_keys[i])], "Bucket", "bucket", err));
    for (size_t i = 0; i < schema->primary_key_count; i++)
        SLU_TRY(key_type_rules(&schema->columns[schema->primary_key[i]], "Primary", "primary", err));
    return SLU_OK;
}

slu_status
fluss_partition_type_rules(const fluss_descriptor *d, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf type = {0};
    slu_buf_init(&type, LIST_BYTES_MAX);
    for (size_t i = 0; i < d->partition_key_count; i++) {
        const fluss_column *column = &d->schema.columns[fluss_schema_find(&d->schema, d->partition_keys[i])];
        if (column->type.id != FLUSS_TYPE_DECIMAL && column->type.id < FLUSS_TYPE_ARRAY)
            continue;
        fluss_type_print(&column->type, &type);
        return slu_error_set_coded(
            err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
            "Currently, partitioned table supported partition key type are [CHAR, STRING, BOOLEAN, BINARY, BYTES, TINYINT, "
            "SMALLINT, INTEGER, DATE, TIME_WITHOUT_TIME_ZONE, BIGINT, FLOAT, DOUBLE, TIMESTAMP_WITHOUT_TIME_ZONE, "
            "TIMESTAMP_WITH_LOCAL_TIME_ZONE], but got partition key '%s' with data type %s.",
            column->name, slu_buf_cstr(&type));
    }
    return SLU_OK;
}

slu_status
fluss_column_name_rules(const fluss_schema *schema, slu_error *err)
{
    static const char *const system_columns[] = {"__offset",     "__timestamp", "__bucket",
                                                 "_change_type", "_log_offset", "_commit_timestamp"};
    SLU_AUTO(slu_buf_fini) slu_buf found = {0};
    slu_buf_init(&found, LIST_BYTES_MAX);
    if (schema->column_count == 0)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION, "A table needs at least one column.");
    for (size_t i = 0; i < schema->column_count; i++)
        if (has_name(system_columns, SLU_COUNT_OF(system_columns), schema->columns[i].name))
            slu_buf_printf(&found, "%s%s", found.bytes == 0 ? "" : ", ", schema->columns[i].name);
    if (found.bytes == 0)
        return SLU_OK;
    return slu_error_set_coded(
        err, SLU_INVALID, FLUSS_ERROR_INVALID_TABLE_EXCEPTION,
        "%s cannot be used as column names, because they are reserved system columns in Fluss. Please use other names for "
        "these columns. The reserved system columns are: __offset, __timestamp, __bucket, _change_type, _log_offset, "
        "_commit_timestamp",
        slu_buf_cstr(&found));
}
