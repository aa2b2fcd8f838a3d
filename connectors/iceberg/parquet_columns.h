/*
 * parquet_columns.h: a table's columns in Parquet's words: what a data file holds of them, and what a reader wants.
 *
 * Owns     fields of nested columns live in the arena; names are borrowed from the schema.
 * Errors   UNSUPPORTED: a type that is not stored (v3's unknown and variant), at any depth.
 * Threads  any.
 */
#ifndef ICEBERG_PARQUET_COLUMNS_H
#define ICEBERG_PARQUET_COLUMNS_H

#include "iceberg/schema.h"
#include "parquet/reader.h"

SLU_CHECK slu_status iceberg_parquet_column(const iceberg_field *field, slu_arena *arena, parquet_column *out, slu_error *err);
/* By field id, null where a file does not have it. */
SLU_CHECK slu_status iceberg_parquet_want(const iceberg_field *field, slu_arena *arena, parquet_want *out, slu_error *err);

#endif
