/*
 * metadata.h: table metadata (vN.metadata.json): what a table is at one moment, and the next moment made from it.
 *
 * Source   Iceberg table specification, "Table Metadata", Appendix C, Appendix E.
 * Shape    an iceberg_metadata is immutable: parsed from JSON, or made by applying updates to another. The JSON document it came
 *          from is kept whole, so that what we do not know survives a rewrite.
 * Owns     everything it shows; pointers into it are valid until it is freed.
 * Threads  any may read.
 * Errors   CORRUPT: not metadata, or metadata that contradicts itself; UNSUPPORTED: a format version above 3, an encrypted table, a
 *          snapshot with inline manifests (version 1); CONFLICT: a requirement does not hold (definite: nothing was done).
 * Limits   ICEBERG_METADATA_BYTES_MAX of JSON; -1 stands for a number that is absent.
 */
#ifndef ICEBERG_METADATA_H
#define ICEBERG_METADATA_H

#include "iceberg/partition.h"
#include "iceberg/schema.h"

#define ICEBERG_METADATA_BYTES_MAX ((size_t)64 << 20)
#define ICEBERG_FORMAT_VERSION_MAX 3

typedef struct iceberg_property {
    const char *key;
    const char *value;
} iceberg_property;

typedef struct iceberg_snapshot {
    int64_t id;
    int64_t parent_id; /* -1: none */
    int64_t sequence_number;
    int64_t timestamp_ms;
    int32_t schema_id; /* -1: not said */
    const char *manifest_list;
    const iceberg_property *summary; /* operation among them */
    uint32_t summary_count;
} iceberg_snapshot;

typedef struct iceberg_ref {
    const char *name;
    int64_t snapshot_id;
    bool is_tag;
    int64_t snapshots_min;   /* -1: not set */
    int64_t snapshot_age_ms; /* -1: not set */
    int64_t ref_age_ms;      /* -1: not set */
} iceberg_ref;

typedef struct iceberg_metadata_log {
    int64_t timestamp_ms;
    const char *file;
} iceberg_metadata_log;

typedef struct iceberg_metadata {
    int32_t format_version;
    int32_t last_column_id;
    int32_t current_schema_id;
    int32_t default_spec_id;
    int32_t last_partition_id;
    int32_t default_sort_order_id;
    int64_t last_sequence_number;
    int64_t last_updated_ms;
    int64_t current_snapshot_id; /* -1: none */
    const char *uuid;
    const char *location; /* without a final slash */
    const iceberg_schema *schemas;
    const iceberg_partition_spec *specs;
    const iceberg_sort_order *sort_orders;
    const iceberg_property *properties;
    const iceberg_snapshot *snapshots;
    const iceberg_ref *refs;
    const iceberg_metadata_log *log;
    uint32_t schema_count;
    uint32_t spec_count;
    uint32_t sort_order_count;
    uint32_t property_count;
    uint32_t snapshot_count;
    uint32_t ref_count;
    uint32_t log_count;
} iceberg_metadata;

SLU_CHECK slu_status iceberg_metadata_parse(slu_view json, iceberg_metadata **out, slu_error *err);
void iceberg_metadata_free(iceberg_metadata **metadata);
/* Appends the JSON, unknown keys included. */
SLU_CHECK slu_status iceberg_metadata_print(const iceberg_metadata *metadata, slu_buf *out, slu_error *err);

const iceberg_schema *iceberg_metadata_schema(const iceberg_metadata *metadata);                           /* the current one */
const iceberg_schema *iceberg_metadata_schema_of(const iceberg_metadata *metadata, int32_t schema_id);     /* NULL: none */
const iceberg_partition_spec *iceberg_metadata_spec(const iceberg_metadata *metadata);                     /* the default one */
const iceberg_partition_spec *iceberg_metadata_spec_of(const iceberg_metadata *metadata, int32_t spec_id); /* NULL: none */
const iceberg_sort_order *iceberg_metadata_sort_order(const iceberg_metadata *metadata); /* the default one; NULL: unsorted */
const iceberg_snapshot *iceberg_metadata_snapshot(const iceberg_metadata *metadata);     /* the current one; NULL: none */
const iceberg_snapshot *iceberg_metadata_snapshot_of(const iceberg_metadata *metadata, int64_t id); /* NULL: none */
const iceberg_ref *iceberg_metadata_ref(const iceberg_metadata *metadata, const char *name);        /* NULL: none */
const char *iceberg_metadata_property(const iceberg_metadata *metadata, const char *key);           /* NULL: not set */
int64_t iceberg_metadata_property_i64(const iceberg_metadata *metadata, const char *key, int64_t missing);
const char *iceberg_snapshot_property(const iceberg_snapshot *snapshot, const char *key); /* NULL: not there */
/* The newest snapshot of main's history whose summary has key = value; NULL: none. */
const iceberg_snapshot *iceberg_metadata_find(const iceberg_metadata *metadata, const char *key, const char *value);

/* ---- a new table ---- */

typedef struct iceberg_create {
    const char *location;
    const iceberg_schema *schema;         /* ids from 1, schema id 0 */
    const iceberg_partition_spec *spec;   /* NULL: unpartitioned; ids from 1000 */
    const iceberg_sort_order *sort_order; /* NULL: unsorted; order id 1 */
    const iceberg_property *properties;
    size_t property_count;
} iceberg_create;

/* write.parquet.compression-codec=zstd is added when not given, as Java does. */
SLU_CHECK slu_status iceberg_metadata_new(const iceberg_create *create, const char *uuid, int64_t now_ms, iceberg_metadata **out,
                                          slu_error *err);

/* ---- updates and requirements: the same words for a REST catalog and for the file-system catalog ---- */

#define ICEBERG_UPDATE_ADD_SNAPSHOT 1
#define ICEBERG_UPDATE_SET_REF 2 /* branch `text` to snapshot `number` */
#define ICEBERG_UPDATE_SET_PROPERTIES 3
#define ICEBERG_UPDATE_REMOVE_PROPERTIES 4 /* keys of properties */
#define ICEBERG_UPDATE_REMOVE_SNAPSHOTS 5  /* ids[id_count] */
#define ICEBERG_UPDATE_ADD_SCHEMA 6        /* and make it current */

typedef struct iceberg_update {
    uint8_t kind;
    const iceberg_snapshot *snapshot;
    const char *text;
    int64_t number;
    const iceberg_property *properties;
    size_t property_count;
    const int64_t *ids;
    size_t id_count;
    const iceberg_schema *schema;
} iceberg_update;

typedef struct iceberg_requirements {
    const char *uuid;     /* NULL: not asked */
    const char *ref;      /* NULL: not asked */
    int64_t ref_snapshot; /* what the ref must point at; -1: must not exist */
} iceberg_requirements;

SLU_CHECK slu_status iceberg_requirements_check(const iceberg_requirements *requirements, const iceberg_metadata *metadata,
                                                slu_error *err);
/* The next metadata: requirements checked, updates applied in order, logs kept. `base_location` is the file of `base`. */
SLU_CHECK slu_status iceberg_metadata_apply(const iceberg_metadata *base, const char *base_location,
                                            const iceberg_requirements *requirements, const iceberg_update *updates,
                                            size_t update_count, int64_t now_ms, iceberg_metadata **out, slu_error *err);

#endif
