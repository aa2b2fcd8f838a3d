/*
 * prune.h: whether a manifest or a file can hold a row for which all predicates of a scan are true. True when in doubt.
 */
#ifndef ICEBERG_PRUNE_H
#define ICEBERG_PRUNE_H

#include "iceberg/scan.h"

bool iceberg_prune_manifest(const iceberg_scan_options *options, const iceberg_schema *schema, const iceberg_partition_spec *spec,
                            const iceberg_type *types, const iceberg_manifest_file *listed);
bool iceberg_prune_file(const iceberg_scan_options *options, const iceberg_schema *schema, const iceberg_partition_spec *spec,
                        const iceberg_type *types, const iceberg_data_file *file);
/* The same from bounds alone: null bounds are absent. `null_count` and `value_count` -1: not known. */
bool iceberg_prune_bounds(const iceberg_predicate *predicate, const iceberg_type *type, const slu_view *lower,
                          const slu_view *upper, int64_t null_count, int64_t value_count);

#endif
