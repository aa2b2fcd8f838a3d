/*
 * array_scan.h: a scan over rows that are all there already: one batch, then the end.
 *
 * Owns     the array is moved in, also on failure.
 * Threads  owner.
 */
#ifndef CLI_CATALOG_ARRAY_SCAN_H
#define CLI_CATALOG_ARRAY_SCAN_H

#include "sql/table.h"

/* `array`: a struct of the columns that the scan asked for. */
SLU_CHECK slu_status cli_array_scan_new(struct ArrowArray *array, slu_sql_scan **out, slu_error *err);

#endif
