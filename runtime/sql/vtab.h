/*
 * vtab.h: a lent table (table.h) as an SQLite virtual table.
 *
 * Pushed down: wanted columns, comparisons with constants (as hints; SQLite checks again), LIMIT where SQLite leaves nothing to
 * check (it offers LIMIT together with ORDER BY and with constraints the table did not take; then it is not taken).
 */
#ifndef SLU_SQL_VTAB_H
#define SLU_SQL_VTAB_H

#include "table.h"

#include <sqlite3.h>

/* What `open` is asked for when SQLite connects: the argument of CREATE VIRTUAL TABLE is database, table, suffix. */
typedef struct slu_sql_vtab_source {
    const slu_sql_catalog *catalog;
    slu_error err;        /* the last failure of a table: SQLite keeps only its text */
    slu_buf said;         /* what scans that ended had to say */
    uint32_t connected;   /* tables since somebody set it to 0 */
    slu_sql_table *table; /* that was connected last, until the statement's tables are dropped */
} slu_sql_vtab_source;

SLU_CHECK slu_status slu_sql_vtab_register(sqlite3 *db, slu_sql_vtab_source *source, slu_error *err);

#endif
