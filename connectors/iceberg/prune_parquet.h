/*
 * prune_parquet.h: which rows of a Parquet file a predicate rules out: whole row groups by their statistics and Bloom filters, and pages
 * by the page index. For a parquet_keep callback.
 *
 * Errors   none: what cannot be asked or read rules nothing out.
 * Threads  owner of the reader.
 */
#ifndef ICEBERG_PRUNE_PARQUET_H
#define ICEBERG_PRUNE_PARQUET_H

#include "iceberg/scan.h"
#include "iceberg/schema.h"
#include "parquet/reader.h"

/* False: no row of the group can match. Rows of pages that cannot match are dropped from the reader. */
bool iceberg_prune_group(parquet_reader *reader, size_t group, const iceberg_predicate *predicate, const iceberg_field *column);

#endif
