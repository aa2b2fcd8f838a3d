/* table.c: the choices that a table's properties make for its codec. */
#include "descriptor.h"

#include "batch/ipc.h"

#include <stdlib.h>
#include <strings.h>

/* The index of `value` in `words`, compared without regard to case; -1: not among them. NULL: `fallback`. */
static int
choice(const char *value, const char *const *words, int count, int fallback)
{
    if (value == NULL)
        return fallback;
    for (int i = 0; i < count; i++)
        if (strcasecmp(value, words[i]) == 0)
            return i;
    return -1;
}

static slu_status
table_choice(const fluss_descriptor *descriptor, const char *key, const char *const *words, int count, int fallback, uint8_t *out,
             slu_error *err)
{
    const char *value = fluss_descriptor_get(descriptor, key);
    const int got = choice(value, words, count, fallback);
    if (got < 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "%s = %s is not known", key, value);
    *out = (uint8_t)got;
    return SLU_OK;
}

static slu_status
table_formats(fluss_table *table, slu_error *err)
{
    static const char *const logs[] = {"ARROW", "INDEXED", "COMPACTED"};
    static const char *const rows[] = {"COMPACTED", "INDEXED"};
    static const char *const codecs[] = {"NONE", "LZ4_FRAME", "ZSTD"};
    static const char *const lakes[] = {"none", "paimon", "iceberg", "lance", "hudi"};
    static const char *const truths[] = {"false", "true"};
    const fluss_descriptor *descriptor = table->descriptor;
    const char *level = fluss_descriptor_get(descriptor, "table.log.arrow.compression.zstd.level");
    const char *version = fluss_descriptor_get(descriptor, "table.kv.format-version");
    uint8_t lake_enabled;
    SLU_TRY(table_choice(descriptor, "table.log.format", logs, 3, FLUSS_LOG_ARROW, &table->log_format, err));
    SLU_TRY(table_choice(descriptor, "table.kv.format", rows, 2, FLUSS_ROW_COMPACTED, &table->kv_format, err));
    SLU_TRY(table_choice(descriptor, "table.log.arrow.compression.type", codecs, 3, SLU_IPC_COMPRESSION_ZSTD,
                         &table->log_compression, err));
    SLU_TRY(table_choice(descriptor, "table.datalake.format", lakes, 5, FLUSS_LAKE_NONE, &table->lake_format, err));
    SLU_TRY(table_choice(descriptor, "table.datalake.enabled", truths, 2, 0, &lake_enabled, err));
    table->lake_enabled = lake_enabled != 0;
    table->log_zstd_level = level == NULL ? SLU_IPC_ZSTD_LEVEL_DEFAULT : (int32_t)strtol(level, NULL, 10);
    table->kv_format_version = version != NULL && strcmp(version, "2") == 0 ? 2 : 1;
    if (table->log_zstd_level < 1 || table->log_zstd_level > 22)
        return slu_error_set(err, SLU_INVALID, "table.log.arrow.compression.zstd.level = %s is not within 1..22", level);
    return SLU_OK;
}

static slu_status
find_columns(const fluss_table *table, const char *const *names, size_t count, const char *what, slu_arena *arena, int32_t **out,
             slu_error *err)
{
    int32_t *positions = slu_arena_array(arena, count + 1, sizeof *positions);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < count; i++) {
        positions[i] = fluss_schema_find(&table->descriptor->schema, names[i]);
        if (positions[i] < 0)
            return slu_error_set(err, SLU_INVALID, "%s column %s is not a column of the table", what, names[i]);
    }
    *out = positions;
    return SLU_OK;
}

static bool
holds(const int32_t *positions, size_t count, int32_t position)
{
    for (size_t i = 0; i < count; i++)
        if (positions[i] == position)
            return true;
    return false;
}

static slu_status
table_keys(fluss_table *table, slu_arena *arena, slu_error *err)
{
    const fluss_descriptor *descriptor = table->descriptor;
    const fluss_schema *schema = &descriptor->schema;
    table->partition_column_count = descriptor->partition_key_count;
    SLU_TRY(find_columns(table, descriptor->partition_keys, descriptor->partition_key_count, "partition", arena,
                         &table->partition_columns, err));
    table->key_columns = slu_arena_array(arena, schema->primary_key_count + 1, sizeof *table->key_columns);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->primary_key_count; i++)
        if (!holds(table->partition_columns, table->partition_column_count, schema->primary_key[i]))
            table->key_columns[table->key_column_count++] = schema->primary_key[i];
    table->bucket_column_count = descriptor->bucket_key_count;
    SLU_TRY(find_columns(table, descriptor->bucket_keys, descriptor->bucket_key_count, "bucket key", arena, &table->bucket_columns,
                         err));
    if (table->bucket_column_count == 0 && schema->primary_key_count != 0) {
        table->bucket_columns = table->key_columns;
        table->bucket_column_count = table->key_column_count;
    }
    return SLU_OK;
}

static slu_status
table_encodings(fluss_table *table, slu_error *err)
{
    const bool default_bucket_key =
        table->bucket_column_count == table->key_column_count &&
        memcmp(table->bucket_columns, table->key_columns, table->key_column_count * sizeof *table->key_columns) == 0;
    const uint8_t lake = table->lake_format == FLUSS_LAKE_PAIMON    ? FLUSS_KEY_PAIMON
                         : table->lake_format == FLUSS_LAKE_ICEBERG ? FLUSS_KEY_ICEBERG
                                                                    : FLUSS_KEY_COMPACTED;
    if (table->lake_format == FLUSS_LAKE_HUDI)
        return slu_error_set(err, SLU_UNSUPPORTED, "table.datalake.format = hudi: its bucketing is not served");
    table->bucket_encoding = lake;
    table->bucket_function = table->lake_format == FLUSS_LAKE_PAIMON    ? FLUSS_BUCKET_PAIMON
                             : table->lake_format == FLUSS_LAKE_ICEBERG ? FLUSS_BUCKET_ICEBERG
                                                                        : FLUSS_BUCKET_FLUSS;
    table->key_encoding = table->kv_format_version == 2 && !default_bucket_key ? FLUSS_KEY_COMPACTED : lake;
    return SLU_OK;
}

slu_status
fluss_table_init(fluss_table *table, const fluss_descriptor *descriptor, int64_t table_id, int32_t schema_id, slu_arena *arena,
                 slu_error *err)
{
    memset(table, 0, sizeof *table);
    if (schema_id < 0 || schema_id > INT16_MAX)
        return slu_error_set(err, SLU_INVALID, "schema id %d does not fit a batch", schema_id);
    table->descriptor = descriptor;
    table->table_id = table_id;
    table->schema_id = (int16_t)schema_id;
    table->bucket_count = descriptor->bucket_count;
    SLU_TRY(table_formats(table, err));
    SLU_TRY(table_keys(table, arena, err));
    SLU_TRY(table_encodings(table, err));
    return fluss_schema_to_arrow(&descriptor->schema, &table->arrow, err);
}

void
fluss_table_fini(fluss_table *table)
{
    slu_schema_release(&table->arrow);
}
