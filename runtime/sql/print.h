/*
 * print.h: the rows of a prepared statement as a table, CSV (RFC 4180) or JSON.
 *
 * A table is buffered up to PRINT_ROWS_WIDTH rows to find its widths (display columns, not bytes), then streams. NULL is an empty
 * cell in a table and in CSV, null in JSON.
 */
#ifndef SLU_SQL_PRINT_H
#define SLU_SQL_PRINT_H

#include <sqlite3.h>
#include <sluice/status.h>
#include <stdio.h>

/* Steps the statement to its end. On SQLITE errors returns INVALID and leaves the words to the caller (sqlite3_errmsg). */
SLU_CHECK slu_status slu_sql_print(sqlite3_stmt *statement, int format, FILE *to, int64_t *rows, slu_error *err);

#endif
