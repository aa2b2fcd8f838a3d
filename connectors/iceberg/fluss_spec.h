/*
 * fluss_spec.h: what the lake table of a streaming table looks like, from a plain description of its columns. This room does not
 * know Fluss; the rules are those that its lake connector applies, so that either side can create
 * the table and the other go on with it.
 *
 * Columns  the table's own, in order, then required __bucket int, __offset long, __timestamp timestamptz.
 * Spec     identity of each partition key (strings only), then bucket[n] of the bucket key, or identity(__bucket) without one.
 * Sort     __offset ascending, nulls first.
 * Ids      identifier fields are the primary key's columns.
 * Props    a primary-key table: write.{delete,update,merge}.mode=merge-on-read; a property "iceberg.X" becomes "X", every other
 *          "fluss.<key>".
 * Owns     everything lives in the arena given.
 * Errors   INVALID, with the rule that is broken.
 */
#ifndef ICEBERG_FLUSS_SPEC_H
#define ICEBERG_FLUSS_SPEC_H

#include "iceberg/metadata.h"

#define ICEBERG_BUCKET_COLUMN "__bucket"
#define ICEBERG_OFFSET_COLUMN "__offset"
#define ICEBERG_TIMESTAMP_COLUMN "__timestamp"

typedef struct iceberg_fluss_table {
    const struct ArrowSchema *columns; /* "+s": the table's own columns */
    const char *const *comments;       /* one per column, NULL entries for none; NULL: none at all */
    const char *const *primary_key;    /* NULL and 0: a log table */
    size_t primary_key_count;
    const char *const *bucket_key;
    size_t bucket_key_count;
    const char *const *partition_keys;
    size_t partition_key_count;
    int32_t bucket_count;
    const iceberg_property *properties; /* the table's properties and custom properties, as given */
    size_t property_count;
} iceberg_fluss_table;

/* Fills *out but for its location. */
SLU_CHECK slu_status iceberg_fluss_table_spec(const iceberg_fluss_table *table, slu_arena *arena, iceberg_create *out,
                                              slu_error *err);

/* Whether an existing table may stand for the wanted one: same columns (names, order, types, nullability, identifier names), spec,
 * sort order and wanted properties. CONFLICT names what differs. */
SLU_CHECK slu_status iceberg_fluss_table_same(const iceberg_create *wanted, const iceberg_metadata *existing, slu_error *err);

#endif
