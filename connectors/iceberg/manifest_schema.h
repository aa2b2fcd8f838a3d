/*
 * manifest_schema.h: the Avro schemas that we write, as JSON text with field ids, logical types and defaults.
 */
#ifndef ICEBERG_MANIFEST_SCHEMA_H
#define ICEBERG_MANIFEST_SCHEMA_H

#include "iceberg/partition.h"

/* The record manifest_entry over a partition record of these types. UNSUPPORTED: a partition field of unknown type. */
SLU_CHECK slu_status iceberg_entry_schema(const iceberg_partition_spec *spec, const iceberg_type *types, slu_buf *out,
                                          slu_error *err);
/* Bytes of the smallest Avro fixed that holds a decimal of this precision (1..38). */
size_t iceberg_decimal_bytes(int32_t precision);
void iceberg_list_schema(slu_buf *out);

#endif
