#include "fluss/server/tables/table_rules.h"

#include "base/fail.h"
#include "base/sizes.h"
#include "fluss/merge/merge.h"
#include "fluss/server/partitions/partition_time.h"
#include "fluss/server/tables/schema_rules.h"
#include "fluss/wire/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#define RULES_NAME_BYTES_MAX 200
#define RULES_INTERNAL_PREFIX "__"
#define ERROR_UNKNOWN (-1)
#define ERROR_INVALID_TABLE 15
#define ERROR_INVALID_REPLICATION 17
#define ERROR_INVALID_DATABASE 16
#define ERROR_INVALID_CONFIG 39
#define ERROR_INVALID_PARTITION 43
#define ERROR_TOO_MANY_BUCKETS 49

/* ---- names ---- */

/* What is wrong with a name, in Fluss's words; false: nothing. */
static bool
name_is_bad(const char *name, bool may_be_internal, char *out, size_t out_bytes)
{
    const size_t bytes = strlen(name);
    bool good = true;
    for (size_t i = 0; i < bytes; i++)
        good = good && (isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-') && (unsigned char)name[i] < 128;
    if (bytes == 0)
        (void)snprintf(out, out_bytes, "the empty string is not allowed");
    else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        (void)snprintf(out, out_bytes, "'%s' is not allowed", name);
    else if (bytes > RULES_NAME_BYTES_MAX)
        (void)snprintf(out, out_bytes, "the length of '%s' is longer than the max allowed length %d", name, RULES_NAME_BYTES_MAX);
    else if (!good)
        (void)snprintf(out, out_bytes, "'%s' contains one or more characters other than ASCII alphanumerics, '_' and '-'", name);
    else if (!may_be_internal && strncmp(name, RULES_INTERNAL_PREFIX, 2) == 0)
        (void)snprintf(out, out_bytes,
                       "'" RULES_INTERNAL_PREFIX "' is not allowed as prefix, since it is reserved for internal "
                       "databases/internal tables/internal partitions in Fluss server");
    else
        return false;
    return true;
}

slu_status
fluss_rules_database_name(const char *name, slu_error *err)
{
    char why[600];
    if (!name_is_bad(name, false, why, sizeof why))
        return SLU_OK;
    return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_DATABASE, "Database name %s is invalid: %s", name, why);
}

slu_status
fluss_rules_producer_id(const char *producer_id, slu_error *err)
{
    char why[600];
    if (!name_is_bad(producer_id, true, why, sizeof why))
        return SLU_OK;
    return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_INVALID_PRODUCER_ID_EXCEPTION, "Invalid producer ID '%.200s': %s",
                               producer_id, why);
}

slu_status
fluss_rules_table_name(const char *name, slu_error *err)
{
    char why[600];
    if (!name_is_bad(name, false, why, sizeof why))
        return SLU_OK;
    return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_TABLE, "Table name %s is invalid: %s", name, why);
}

slu_status
fluss_rules_partition_value(const char *value, bool create, slu_error *err)
{
    char why[600];
    if (!name_is_bad(value, !create, why, sizeof why))
        return SLU_OK;
    return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_PARTITION, "The partition value %s is invalid: %s", value, why);
}

/* ---- properties ---- */

typedef enum rule_kind { RULE_BOOL, RULE_INT, RULE_DURATION, RULE_ENUM, RULE_TEXT } rule_kind;

typedef struct rule_option {
    const char *key;
    rule_kind kind;
    const char *values; /* RULE_ENUM: "|ARROW|INDEXED|" */
} rule_option;

static const rule_option rule_options[] = {
    {"table.replication.factor", RULE_INT, NULL},
    {"table.log.format", RULE_ENUM, "|ARROW|INDEXED|COMPACTED|"},
    {"table.log.arrow.compression.type", RULE_ENUM, "|NONE|LZ4_FRAME|ZSTD|"},
    {"table.log.arrow.compression.zstd.level", RULE_INT, NULL},
    {"table.kv.format", RULE_ENUM, "|INDEXED|COMPACTED|"},
    {"table.kv.format-version", RULE_INT, NULL},
    {"table.auto-partition.enabled", RULE_BOOL, NULL},
    {"table.auto-partition.key", RULE_TEXT, NULL},
    {"table.auto-partition.time-unit", RULE_ENUM, "|HOUR|DAY|MONTH|QUARTER|YEAR|"},
    {"table.auto-partition.time-format", RULE_TEXT, NULL},
    {"table.auto-partition.time-zone", RULE_TEXT, NULL},
    {"table.auto-partition.num-precreate", RULE_INT, NULL},
    {"table.auto-partition.num-retention", RULE_INT, NULL},
    {"table.log.ttl", RULE_DURATION, NULL},
    {"table.log.tiered.local-segments", RULE_INT, NULL},
    {"table.datalake.enabled", RULE_BOOL, NULL},
    {"table.datalake.format", RULE_ENUM, "|PAIMON|LANCE|ICEBERG|"},
    {"table.datalake.freshness", RULE_DURATION, NULL},
    {"table.datalake.auto-compaction", RULE_BOOL, NULL},
    {"table.datalake.auto-expire-snapshot", RULE_BOOL, NULL},
    {"table.merge-engine", RULE_ENUM, "|FIRST_ROW|VERSIONED|AGGREGATION|"},
    {"table.merge-engine.versioned.ver-column", RULE_TEXT, NULL},
    {"table.delete.behavior", RULE_ENUM, "|ALLOW|IGNORE|DISABLE|"},
    {"table.auto-increment.cache-size", RULE_INT, NULL},
    {"table.changelog.image", RULE_ENUM, "|FULL|WAL|"},
    /* Of 1.0, whose clients may set them: kept, and of no effect on this server. */
    {"table.statistics.columns", RULE_TEXT, NULL},
    {"table.log.local-ttl", RULE_DURATION, NULL},
    {"table.kv.standby-replica.enabled", RULE_BOOL, NULL},
    {"table.datalake.historical-partition.enabled", RULE_BOOL, NULL},
};

static bool
integer_parse(const char *text, int64_t *out)
{
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    return *text != 0 && *end == 0 && *out >= INT32_MIN && *out <= INT32_MAX;
}

static bool
option_value_is_good(const rule_option *option, const char *value)
{
    int64_t number = 0;
    char wanted[64];
    switch (option->kind) {
    case RULE_BOOL: return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
    case RULE_INT: return integer_parse(value, &number);
    case RULE_DURATION: return fluss_duration_parse(value, &number);
    case RULE_ENUM:
        if (snprintf(wanted, sizeof wanted, "|%s|", value) >= (int)sizeof wanted || value[0] == 0 || strchr(value, '|') != NULL)
            return false;
        return strcasestr(option->values, wanted) != NULL;
    default: return true;
    }
}

static slu_status
rules_check_property(const fluss_property *property, slu_error *err)
{
    for (size_t i = 0; i < SLU_COUNT_OF(rule_options); i++) {
        if (strcmp(rule_options[i].key, property->key) != 0)
            continue;
        if (option_value_is_good(&rule_options[i], property->value))
            return SLU_OK;
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "Invalid value for config '%s'. Reason: Could not parse value '%s' for key '%s'.", property->key,
                                   property->value, property->key);
    }
    if (strncmp(property->key, "table.", 6) == 0)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_CONFIG,
            "'%s' is not a recognized Fluss table property in the current cluster version. You may be using an older "
            "Fluss cluster that "
            "does not support this property.",
            property->key);
    return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                               "'%s' is not a Fluss table property. Please use '.customProperty(..)' to set custom properties.",
                               property->key);
}

static bool
property_is(const fluss_descriptor *d, const char *key, const char *value)
{
    const char *set = fluss_descriptor_get(d, key);
    return set != NULL && strcasecmp(set, value) == 0;
}

static int64_t
property_int(const fluss_descriptor *d, const char *key, int64_t otherwise)
{
    const char *set = fluss_descriptor_get(d, key);
    int64_t value = otherwise;
    return set != NULL && integer_parse(set, &value) ? value : otherwise;
}

static slu_status
rules_check_merge_engine(const fluss_descriptor *d, slu_error *err)
{
    const bool first_row = property_is(d, "table.merge-engine", "FIRST_ROW");
    const bool versioned = property_is(d, "table.merge-engine", "VERSIONED");
    const char *column = fluss_descriptor_get(d, "table.merge-engine.versioned.ver-column");
    if ((first_row || versioned) && property_is(d, "table.delete.behavior", "ALLOW"))
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_CONFIG,
            "Table with '%s' merge engine does not support delete operations. The 'table.delete.behavior' config must be set "
            "to 'ignore' or 'disable', but got 'allow'.",
            first_row ? "FIRST_ROW" : "VERSIONED");
    if (!versioned)
        return SLU_OK;
    if (column == NULL)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "'table.merge-engine.versioned.ver-column' must be set for versioned merge engine.");
    const int32_t at = fluss_schema_find(&d->schema, column);
    if (at < 0)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "The version column '%s' for versioned merge engine doesn't exist in schema.", column);
    const uint8_t type = d->schema.columns[at].type.id;
    if (type != FLUSS_TYPE_INTEGER && type != FLUSS_TYPE_BIGINT && type != FLUSS_TYPE_TIMESTAMP &&
        type != FLUSS_TYPE_TIMESTAMP_LTZ) {
        SLU_AUTO(slu_buf_fini) slu_buf printed = {0};
        slu_buf_init(&printed, 4096);
        fluss_type_print(&d->schema.columns[at].type, &printed);
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_CONFIG,
            "The version column '%s' for versioned merge engine must be one type of [INT, BIGINT, TIMESTAMP, "
            "TIMESTAMP_LTZ], but got %s.",
            column, slu_buf_cstr(&printed));
    }
    return SLU_OK;
}

static slu_status
rules_check_properties(int32_t buckets_max, const fluss_descriptor *d, slu_error *err)
{
    const bool keyed = d->schema.primary_key_count != 0;
    for (size_t i = 0; i < d->property_count; i++)
        SLU_TRY(rules_check_property(&d->properties[i], err));
    if (d->bucket_count > buckets_max)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_TOO_MANY_BUCKETS,
                                   "Bucket count %" PRId32 " exceeds the maximum limit %d.", d->bucket_count, buckets_max);
    SLU_TRY(fluss_key_type_rules(d, err));
    if (property_int(d, "table.replication.factor", 0) <= 0)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG, "'table.replication.factor' must be greater than 0.");
    if (keyed && !property_is(d, "table.kv.format", "INDEXED") && property_is(d, "table.log.format", "INDEXED"))
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_CONFIG,
            "Currently, Primary Key Table supports ARROW or COMPACTED log format when kv format is COMPACTED.");
    const int64_t level = property_int(d, "table.log.arrow.compression.zstd.level", 3);
    if (level < 1 || level > 22)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "Invalid ZSTD compression level: %" PRId64 ". Expected a value between 1 and 22.", level);
    if (!keyed && fluss_descriptor_get(d, "table.merge-engine") != NULL)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG, "Merge engine is only supported in primary key table.");
    SLU_TRY(rules_check_merge_engine(d, err));
    if (!keyed && fluss_descriptor_get(d, "table.delete.behavior") != NULL)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "The 'table.delete.behavior' configuration is only supported for primary key tables.");
    if (property_int(d, "table.log.tiered.local-segments", 2) <= 0)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "'table.log.tiered.local-segments' must be greater than 0.");
    SLU_TRY(fluss_partition_type_rules(d, err));
    SLU_TRY(fluss_auto_partition_check(d, err));
    return fluss_column_name_rules(&d->schema, err);
}

/* ---- keys ---- */

static bool
list_has(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* ---- the whole table ---- */

static slu_status
rules_default_lake(const fluss_rules *rules, fluss_descriptor *d, slu_arena *arena, slu_error *err)
{
    if (rules->datalake_format == NULL || rules->lake_off) {
        if (property_is(d, "table.datalake.enabled", "true"))
            return slu_error_set_coded(
                err, SLU_INVALID, ERROR_INVALID_TABLE,
                "'table.datalake.enabled' is enabled for the table, but the Fluss cluster doesn't enable datalake tables.");
        if (rules->datalake_format == NULL)
            return SLU_OK;
    }
    if (fluss_descriptor_get(d, "table.datalake.format") != NULL)
        return SLU_OK;
    return fluss_descriptor_set(d, arena, "table.datalake.format", rules->datalake_format, err);
}

static slu_status
rules_default_properties(const fluss_rules *rules, fluss_descriptor *d, slu_arena *arena, slu_error *err)
{
    if (d->bucket_count == 0)
        d->bucket_count = rules->default_buckets;
    if (fluss_descriptor_get(d, "table.replication.factor") == NULL)
        SLU_TRY(fluss_descriptor_set(d, arena, "table.replication.factor",
                                     slu_arena_printf(arena, "%" PRId64, SLU_MAX(rules->default_replication, (int64_t)1)), err));
    if (d->partition_key_count > 1 && property_is(d, "table.auto-partition.enabled", "true") &&
        fluss_descriptor_get(d, "table.auto-partition.num-precreate") == NULL)
        SLU_TRY(fluss_descriptor_set(d, arena, "table.auto-partition.num-precreate", "0", err));
    SLU_TRY(rules_default_lake(rules, d, arena, err));
    const char *engine = fluss_descriptor_get(d, "table.merge-engine");
    if (engine != NULL && strcasecmp(engine, "first_row") != 0 && strcasecmp(engine, "versioned") != 0 &&
        strcasecmp(engine, "aggregation") != 0)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_UNKNOWN,
                                   "java.lang.IllegalArgumentException: Could not parse value '%s' for key 'table.merge-engine'.",
                                   engine);
    if (d->schema.primary_key_count == 0)
        return SLU_OK;
    if (fluss_descriptor_get(d, "table.merge-engine") != NULL && fluss_descriptor_get(d, "table.delete.behavior") == NULL)
        SLU_TRY(fluss_descriptor_set(d, arena, "table.delete.behavior", "IGNORE", err));
    if (fluss_descriptor_get(d, "table.kv.format-version") == NULL)
        return fluss_descriptor_set(d, arena, "table.kv.format-version", "2", err);
    const int64_t version = property_int(d, "table.kv.format-version", 0);
    if (version < 1 || version > 2)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                   "Unsupported kv format version %" PRId64 ". The maximum supported version is 2.", version);
    return SLU_OK;
}

/* What Fluss finds while it places the buckets of a table on servers, which is before it looks at the properties. */
static slu_status
rules_check_placement(const fluss_descriptor *d, slu_error *err)
{
    const char *factor = fluss_descriptor_get(d, "table.replication.factor");
    int64_t number = 0;
    if (d->partition_key_count != 0)
        return SLU_OK;
    if (!integer_parse(factor, &number))
        return slu_error_set_coded(err, SLU_INVALID, ERROR_UNKNOWN, "java.lang.NumberFormatException: For input string: \"%s\"",
                                   factor);
    if (number < 1)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_REPLICATION, "Replication factor must be larger than 0.");
    return SLU_OK;
}

slu_status
fluss_rules_new_table(const fluss_rules *rules, fluss_descriptor *d, slu_arena *arena, slu_error *err)
{
    SLU_TRY(fluss_key_rules(d, arena, err));
    SLU_TRY(rules_default_properties(rules, d, arena, err));
    SLU_TRY(rules_check_placement(d, err));
    SLU_TRY(rules_check_properties(rules->buckets_max == 0 ? FLUSS_BUCKETS_MAX : rules->buckets_max, d, err));
    return fluss_merge_check(d, arena, err);
}

slu_status
fluss_rules_altered_table(const fluss_descriptor *d, slu_error *err)
{
    return rules_check_properties(INT32_MAX, d, err);
}

bool
fluss_rules_may_alter(const char *key)
{
    static const char *const keys[] = {"table.datalake.enabled", "table.datalake.freshness", "table.log.tiered.local-segments"};
    return list_has(keys, SLU_COUNT_OF(keys), key);
}
