/*
 * lake_table.h: a table of the lake as an SQL table: its rows at a snapshot, or its listings.
 *
 * Owns     the table owns the moment of the Iceberg table it was opened at; it borrows the lake.
 * Threads  owner; scans block.
 */
#ifndef SLU_CLI_CATALOG_LAKE_TABLE_H
#define SLU_CLI_CATALOG_LAKE_TABLE_H

#include "lake.h"
#include "sql/table.h"

/* Rows, the system columns included. snapshot_id -1: the current one. NOTFOUND: no such table, or snapshot. */
SLU_CHECK slu_status cli_lake_table_new(const cli_lake *lake, const char *database, const char *table, int64_t snapshot_id,
                                        slu_sql_table **out, slu_error *err);
/* `what`: "snapshots" or "files". */
SLU_CHECK slu_status cli_lake_list_new(const cli_lake *lake, const char *database, const char *table, const char *what,
                                       slu_sql_table **out, slu_error *err);

#endif
