/*
 * manifest.h: data files, manifests and manifest lists, between Avro containers and C values.
 *
 * Source   Iceberg table specification, "Manifests", "Manifest Lists", Appendix A; field ids and write order as Java has them.
 * Shape    a manifest list names manifests; a manifest holds entries, each a data (or delete) file with a status. All fields are
 *          found by field id.
 * Owns     what is decoded lives in the arena given, strings included.
 * Errors   CORRUPT, with what is missing; LIMIT: a bound below or the arena's ceiling; UNSUPPORTED: encrypted files.
 * Limits   see the constants. -1 stands for a number that is absent.
 */
#ifndef ICEBERG_MANIFEST_H
#define ICEBERG_MANIFEST_H

#include "iceberg/partition.h"
#include "iceberg/schema.h"

#define ICEBERG_MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define ICEBERG_LIST_BYTES_MAX ((size_t)64 << 20)
#define ICEBERG_METRICS_MAX 4096     /* columns with metrics in one file */
#define ICEBERG_SPLITS_MAX 1000000   /* row groups of one file */
#define ICEBERG_ENTRIES_MAX 10000000 /* entries of one manifest, manifests of one list */
#define ICEBERG_ABSENT INT64_C(-1)

#define ICEBERG_CONTENT_DATA 0
#define ICEBERG_CONTENT_POSITION_DELETES 1
#define ICEBERG_CONTENT_EQUALITY_DELETES 2

#define ICEBERG_FIELD_FILE_PATH 2147483546 /* the columns of position deletes */
#define ICEBERG_FIELD_POS 2147483545

#define ICEBERG_MANIFEST_DATA 0
#define ICEBERG_MANIFEST_DELETES 1

#define ICEBERG_STATUS_EXISTING 0
#define ICEBERG_STATUS_ADDED 1
#define ICEBERG_STATUS_DELETED 2

/* One column's numbers in one file; what a writer of data files hands over. */
typedef struct iceberg_column_metrics {
    int32_t field_id;
    int64_t column_bytes; /* each -1: not known */
    int64_t value_count;  /* nulls and NaN included */
    int64_t null_count;
    int64_t nan_count;
    bool has_lower;
    bool has_upper;
    slu_view lower; /* single-value binary form (value.h) */
    slu_view upper;
} iceberg_column_metrics;

typedef struct iceberg_data_file {
    int32_t content;    /* ICEBERG_CONTENT_ */
    const char *path;   /* full location; byte for byte the file's identity */
    const char *format; /* "PARQUET" */
    int64_t record_count;
    int64_t file_bytes;
    iceberg_value *partition; /* one per field of the spec it was written with */
    uint32_t partition_count;
    uint32_t column_count;
    uint32_t split_count;
    uint32_t equality_count;
    iceberg_column_metrics *columns;
    int64_t *splits; /* where row groups start */
    int32_t *equality_ids;
    int64_t sort_order_id;       /* -1: none */
    const char *referenced_file; /* position deletes of one file; NULL: none */
    int64_t content_offset;      /* deletion vectors */
    int64_t content_bytes;
    int64_t first_row_id; /* v3 */
} iceberg_data_file;

typedef struct iceberg_manifest_entry {
    int32_t status;
    int64_t snapshot_id;          /* -1 in a written ADDED entry: inherited; resolved when read */
    int64_t sequence_number;      /* the same */
    int64_t file_sequence_number; /* the same */
    iceberg_data_file file;
} iceberg_manifest_entry;

typedef struct iceberg_partition_summary {
    bool contains_null;
    int8_t contains_nan; /* -1: not known */
    iceberg_value lower; /* null: none */
    iceberg_value upper;
} iceberg_partition_summary;

typedef struct iceberg_manifest_file {
    const char *path;
    int64_t bytes;
    int32_t spec_id;
    int32_t content;             /* ICEBERG_MANIFEST_ */
    int64_t sequence_number;     /* -1 until the commit gives one */
    int64_t min_sequence_number; /* the same */
    int64_t snapshot_id;         /* of the snapshot that added the manifest */
    int64_t added_files;         /* counts: -1 when not known */
    int64_t existing_files;
    int64_t deleted_files;
    int64_t added_rows;
    int64_t existing_rows;
    int64_t deleted_rows;
    iceberg_partition_summary *partitions;
    uint32_t partition_count;
    int64_t first_row_id;
} iceberg_manifest_file;

/* What a manifest is written under. */
typedef struct iceberg_manifest_head {
    int32_t format_version; /* 2 */
    int32_t content;        /* ICEBERG_MANIFEST_ */
    const iceberg_schema *schema;
    const iceberg_partition_spec *spec;
    slu_view codec;   /* write.manifest.compression-codec; empty: gzip */
    uint8_t sync[16]; /* random */
} iceberg_manifest_head;

/* Appends a manifest's bytes, and fills *listed (path, bytes, spec id, content, counts, min sequence number, summaries) but for
 * sequence number and snapshot id. The summaries live in the arena. */
SLU_CHECK slu_status iceberg_manifest_encode(const iceberg_manifest_head *head, const iceberg_manifest_entry *entries, size_t count,
                                             const char *path, slu_arena *arena, slu_buf *out, iceberg_manifest_file *listed,
                                             slu_error *err);

typedef struct iceberg_manifest {
    iceberg_manifest_entry *entries;
    size_t count;
} iceberg_manifest;

/* `listed` gives what entries inherit; `types` are the partition types of its spec (iceberg_spec_types), `field_count` of them.
 * Without `metrics` the columns of the files stay empty. */
SLU_CHECK slu_status iceberg_manifest_decode(slu_view file, const iceberg_manifest_file *listed, const iceberg_partition_spec *spec,
                                             const iceberg_type *types, bool metrics, slu_arena *arena, iceberg_manifest *out,
                                             slu_error *err);

typedef struct iceberg_list_head {
    int32_t format_version;
    int64_t snapshot_id;
    int64_t parent_id; /* -1: none */
    int64_t sequence_number;
    slu_view codec;
    uint8_t sync[16];
} iceberg_list_head;

SLU_CHECK slu_status iceberg_list_encode(const iceberg_list_head *head, const iceberg_manifest_file *manifests, size_t count,
                                         slu_buf *out, slu_error *err);
SLU_CHECK slu_status iceberg_list_decode(slu_view file, slu_arena *arena, iceberg_manifest_file **out, size_t *out_count,
                                         slu_error *err);

/* Data files as bytes of our own (a manifest without header keys that matter): for results that travel between tasks and for
 * committables in a checkpoint. Decode needs the same schema and spec. */
SLU_CHECK slu_status iceberg_data_files_encode(const iceberg_schema *schema, const iceberg_partition_spec *spec,
                                               const iceberg_data_file *files, size_t count, slu_buf *out, slu_error *err);
SLU_CHECK slu_status iceberg_data_files_decode(slu_view bytes, const iceberg_schema *schema, const iceberg_partition_spec *spec,
                                               slu_arena *arena, iceberg_data_file **out, size_t *out_count, slu_error *err);

#endif
