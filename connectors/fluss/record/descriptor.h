/*
 * descriptor.h: the TableDescriptor JSON (`table_json` of the wire) and what follows from it: formats, key encodings, bucketing.
 *
 * Source   Apache Fluss 0.9 (TableDescriptorJsonSerde, DatabaseDescriptorJsonSerde, KeyEncoder, BucketingFunction).
 * Shape    fluss_descriptor: the JSON as a struct, in an arena. fluss_table: the choices a codec needs, made once per table from the
 *          properties that GET_TABLE_INFO answered, never from the job's.
 * Owns     a descriptor belongs to its arena. A fluss_table borrows its descriptor and owns its Arrow schema (fini).
 * Threads  any for reading.
 * Errors   as schema.h; fluss_table_init: INVALID for keys that do not exist, UNSUPPORTED for a lake format without a codec here.
 */
#ifndef FLUSS_RECORD_DESCRIPTOR_H
#define FLUSS_RECORD_DESCRIPTOR_H

#include "schema.h"

#define FLUSS_PROPERTIES_MAX 4096

typedef struct fluss_property {
    const char *key;
    const char *value;
} fluss_property;

typedef struct fluss_descriptor {
    fluss_schema schema;
    const char *comment; /* NULL: none */
    const char **partition_keys;
    size_t partition_key_count;
    const char **bucket_keys;
    size_t bucket_key_count;
    int32_t bucket_count; /* 0: not said */
    fluss_property *properties;
    size_t property_count;
    fluss_property *custom_properties;
    size_t custom_property_count;
} fluss_descriptor;

SLU_CHECK slu_status fluss_descriptor_decode(slu_view json, slu_arena *arena, fluss_descriptor *out, slu_error *err);
SLU_CHECK slu_status fluss_descriptor_encode(const fluss_descriptor *descriptor, slu_buf *out, slu_error *err);
/* A `table.*` property; NULL: not set. */
const char *fluss_descriptor_get(const fluss_descriptor *descriptor, const char *key);
/* Adds or replaces; NOMEM or LIMIT by the arena's status. */
SLU_CHECK slu_status fluss_descriptor_set(fluss_descriptor *descriptor, slu_arena *arena, const char *key, const char *value,
                                          slu_error *err);

typedef struct fluss_database_descriptor {
    const char *comment; /* NULL: none */
    fluss_property *custom_properties;
    size_t custom_property_count;
} fluss_database_descriptor;

SLU_CHECK slu_status fluss_database_descriptor_decode(slu_view json, slu_arena *arena, fluss_database_descriptor *out,
                                                      slu_error *err);
SLU_CHECK slu_status fluss_database_descriptor_encode(const fluss_database_descriptor *descriptor, slu_buf *out, slu_error *err);

/* ---- What follows from a descriptor ---- */

#define FLUSS_LOG_ARROW 0
#define FLUSS_LOG_INDEXED 1
#define FLUSS_LOG_COMPACTED 2

#define FLUSS_ROW_COMPACTED 0
#define FLUSS_ROW_INDEXED 1

#define FLUSS_LAKE_NONE 0
#define FLUSS_LAKE_PAIMON 1
#define FLUSS_LAKE_ICEBERG 2
#define FLUSS_LAKE_LANCE 3
#define FLUSS_LAKE_HUDI 4

#define FLUSS_KEY_COMPACTED 0 /* CompactedKeyEncoder */
#define FLUSS_KEY_PAIMON 1    /* a BinaryRow */
#define FLUSS_KEY_ICEBERG 2   /* the value of one column, as Iceberg hashes it */

#define FLUSS_BUCKET_FLUSS 0   /* Fluss's own murmur variant, twice */
#define FLUSS_BUCKET_PAIMON 1  /* the same hash once */
#define FLUSS_BUCKET_ICEBERG 2 /* standard murmur3: equals Iceberg's bucket[n] */

typedef struct fluss_table {
    const fluss_descriptor *descriptor;
    struct ArrowSchema arrow; /* of descriptor->schema */
    int64_t table_id;
    int16_t schema_id;
    uint8_t log_format;      /* FLUSS_LOG_ */
    uint8_t log_compression; /* SLU_IPC_COMPRESSION_ */
    int32_t log_zstd_level;
    uint8_t kv_format;         /* FLUSS_ROW_ */
    uint8_t kv_format_version; /* 1, 2 */
    uint8_t lake_format;       /* FLUSS_LAKE_ */
    bool lake_enabled;         /* table.datalake.enabled */
    uint8_t key_encoding;      /* FLUSS_KEY_ of the primary key */
    uint8_t bucket_encoding;   /* FLUSS_KEY_ of the bucket key */
    uint8_t bucket_function;   /* FLUSS_BUCKET_ */
    int32_t bucket_count;
    int32_t *key_columns;    /* the physical primary key: declared order minus partition keys */
    size_t key_column_count; /* 0: a log table */
    int32_t *bucket_columns;
    size_t bucket_column_count; /* 0: any bucket will do */
    int32_t *partition_columns;
    size_t partition_column_count;
} fluss_table;

/* `descriptor` and `arena` must outlive the table. */
SLU_CHECK slu_status fluss_table_init(fluss_table *table, const fluss_descriptor *descriptor, int64_t table_id, int32_t schema_id,
                                      slu_arena *arena, slu_error *err);
void fluss_table_fini(fluss_table *table);

#endif
