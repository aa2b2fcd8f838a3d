/*
 * partition.h: partition specs, their transforms and tuples; sort orders.
 *
 * Source   Iceberg table specification, "Partitioning", "Sorting", Appendix C.
 * Shape    a spec is a list of fields, each a transform of one column; a tuple is one iceberg_value per field, in the form of the
 *          transform's result type. An unknown transform is kept by name: it can be read around, not written.
 * Owns     everything lives in the arena given to the maker.
 * Limits   ICEBERG_PARTITION_FIELDS_MAX fields.
 */
#ifndef ICEBERG_PARTITION_H
#define ICEBERG_PARTITION_H

#include "iceberg/schema.h"
#include "iceberg/value.h"

#define ICEBERG_PARTITION_FIELDS_MAX 64
#define ICEBERG_PARTITION_ID_FIRST 1000 /* the first partition field's id; 999 is "none yet" */

#define ICEBERG_TRANSFORM_IDENTITY 1
#define ICEBERG_TRANSFORM_BUCKET 2
#define ICEBERG_TRANSFORM_TRUNCATE 3
#define ICEBERG_TRANSFORM_YEAR 4
#define ICEBERG_TRANSFORM_MONTH 5
#define ICEBERG_TRANSFORM_DAY 6
#define ICEBERG_TRANSFORM_HOUR 7
#define ICEBERG_TRANSFORM_VOID 8
#define ICEBERG_TRANSFORM_UNKNOWN 9

typedef struct iceberg_transform {
    uint8_t kind;
    int32_t width;    /* BUCKET: buckets; TRUNCATE: width */
    const char *text; /* as written in JSON: "bucket[4]" */
} iceberg_transform;

typedef struct iceberg_partition_field {
    int32_t source_id;
    int32_t field_id;
    const char *name;
    iceberg_transform transform;
} iceberg_partition_field;

typedef struct iceberg_partition_spec {
    int32_t spec_id;
    uint32_t field_count;
    iceberg_partition_field *fields;
} iceberg_partition_spec;

typedef struct iceberg_sort_field {
    int32_t source_id;
    bool descending;
    bool nulls_last;
    iceberg_transform transform;
} iceberg_sort_field;

typedef struct iceberg_sort_order {
    int32_t order_id; /* 0: unsorted */
    uint32_t field_count;
    iceberg_sort_field *fields;
} iceberg_sort_order;

/* "identity", "bucket[16]" ...; an unknown name gives TRANSFORM_UNKNOWN. */
SLU_CHECK slu_status iceberg_transform_parse(const char *text, slu_arena *arena, iceberg_transform *out, slu_error *err);
/* The result type over a source type; UNKNOWN transforms and dropped columns give ICEBERG_UNKNOWN. */
iceberg_type iceberg_transform_type(const iceberg_transform *transform, const iceberg_type *source);
/* Null in, null out. Fixed-width results go to *room, others borrow from `value`. UNSUPPORTED: an unknown transform. */
SLU_CHECK slu_status iceberg_transform_apply(const iceberg_transform *transform, const iceberg_type *source, iceberg_value value,
                                             iceberg_scalar *room, iceberg_value *out, slu_error *err);

/* The result type of each field, for `spec->field_count` types in the arena. */
SLU_CHECK slu_status iceberg_spec_types(const iceberg_partition_spec *spec, const iceberg_schema *schema, slu_arena *arena,
                                        iceberg_type **out, slu_error *err);
/* "dt=2024-01-05/__bucket=3": for file names and people; the manifest's tuple is what counts. Empty when unpartitioned. */
SLU_CHECK slu_status iceberg_spec_path(const iceberg_partition_spec *spec, const iceberg_type *types, const iceberg_value *tuple,
                                       slu_buf *out, slu_error *err);
/* Same sources, transforms and names, in order. */
bool iceberg_spec_same(const iceberg_partition_spec *a, const iceberg_partition_spec *b);
void iceberg_spec_fields_print(const iceberg_partition_spec *spec, slu_buf *out);
SLU_CHECK slu_status iceberg_spec_fields_parse(slu_view json, int32_t spec_id, slu_arena *arena, iceberg_partition_spec *out,
                                               slu_error *err);

#endif
