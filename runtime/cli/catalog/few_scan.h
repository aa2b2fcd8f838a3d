/*
 * few_scan.h: rows of a primary-key table without its changelog: the one that a query names by its key, or as many as a LIMIT wants.
 *
 * Shape    one batch, read when the scan is opened. What the server's store holds is the table's last state, rows that were tiered included.
 * Threads  owner; open steps the client and blocks.
 * Errors   the client's.
 */
#ifndef CLI_CATALOG_FEW_SCAN_H
#define CLI_CATALOG_FEW_SCAN_H

#include "fluss/client/target.h"
#include "sql/table.h"

/* *out NULL: the scan wants more than few rows can answer (or `lake_too` and the named partition is only in the lake). */
SLU_CHECK slu_status cli_few_scan_new(fluss_target *target, const slu_sql_scan_spec *spec, bool lake_too, slu_sql_scan **out,
                                      slu_error *err);

#endif
