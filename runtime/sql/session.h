/*
 * session.h: runs SQL statements over lent tables: SQLite with virtual tables, DECIMAL kept exact.
 *
 * Shape    one session, one SQLite connection in memory; nothing of it is stored. Tables are registered from the words of each
 *          statement, so that the catalog is asked only for what is named.
 * Also     SHOW TABLES | DATABASES | PARTITIONS t | CREATE TABLE t, DESCRIBE t; CREATE and DROP TABLE | DATABASE in Flink's words, INSERT
 *          INTO t [(columns)] query (statement.h).
 * DECIMAL  travels as text under the collation DECIMAL; sum, avg and total over such text are exact (avg to scale + 6 digits).
 * Owns     the session borrows the catalog.
 * Threads  owner; slu_sql_interrupt: any (a signal handler too).
 * Errors   INVALID: the statement is wrong, with SQLite's words; others come from the tables.
 */
#ifndef SLU_SQL_SESSION_H
#define SLU_SQL_SESSION_H

#include "table.h"

#include <stdio.h>

typedef struct slu_sql_session slu_sql_session;

#define SLU_SQL_FORMAT_TABLE 1
#define SLU_SQL_FORMAT_CSV 2
#define SLU_SQL_FORMAT_JSON 3 /* an array of objects; BIGINT and DECIMAL exact */

/* "table", "csv" or "json"; 0: none of them. */
int slu_sql_format_named(const char *name);
SLU_CHECK slu_status slu_sql_open(const slu_sql_catalog *catalog, slu_sql_session **out, slu_error *err);
void slu_sql_close(slu_sql_session **session);
/* Runs every statement of `text` in turn and prints what they return; stops at the first that fails. `rows` (may be NULL) counts
 * the rows printed. */
SLU_CHECK slu_status slu_sql_run(slu_sql_session *session, const char *text, int format, FILE *to, int64_t *rows, slu_error *err);
/* The first column of the first row as a number: for summaries. NOTFOUND when there is no row. */
SLU_CHECK slu_status slu_sql_number(slu_sql_session *session, const char *text, int64_t *out, slu_error *err);
void slu_sql_interrupt(slu_sql_session *session);
/* What the scans of the last text read and did not have to read; "": nothing to say. Until the next run. */
const char *slu_sql_said(const slu_sql_session *session);

/* ---- For a shell ---- */

typedef void (*slu_sql_name_found)(void *to, const char *name);

/* Every table, as a statement names it: "table" in the catalog's own database, "database.table" elsewhere. */
SLU_CHECK slu_status slu_sql_tables(slu_sql_session *session, slu_sql_name_found found, void *to, slu_error *err);
/* The columns of a table that slu_sql_tables listed last; NOTFOUND, without asking anybody, for another word. */
SLU_CHECK slu_status slu_sql_columns(slu_sql_session *session, const char *name, slu_sql_name_found found, void *to,
                                     slu_error *err);
/* Appends the CREATE TABLE of a table. */
SLU_CHECK slu_status slu_sql_schema(slu_sql_session *session, const char *name, slu_buf *out, slu_error *err);

#endif
