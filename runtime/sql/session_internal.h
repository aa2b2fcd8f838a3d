/* session_internal.h: what the files of a session share. */
#ifndef SLU_SQL_SESSION_INTERNAL_H
#define SLU_SQL_SESSION_INTERNAL_H

#include "session.h"

#include "vtab.h"
#include "words.h"

#define SQL_STATEMENT_BYTES_MAX ((size_t)4 << 20)

typedef struct known_table {
    char *database;
    char *table;
} known_table;

struct slu_sql_session {
    sqlite3 *db;
    const slu_sql_catalog *catalog;
    slu_sql_vtab_source source;
    known_table *tables; /* as the catalog listed them for the current text */
    size_t table_count;
    slu_status failed; /* of a callback */
};

/* ---- session.c ---- */

/* Where rows of statements go. */
typedef struct sql_output {
    int format;
    FILE *to;
    int64_t *rows; /* may be NULL */
} sql_output;

/* Asks the catalog for the names that statements may mean. */
slu_status sql_tables_list(slu_sql_session *session, slu_error *err);
/* For slu_sql_quote_names: registers a named table as a virtual table under the name that the statement will use. */
bool sql_name_resolve(void *session, const slu_sql_name *name, char *shown, size_t shown_bytes);
/* The first statement of a text that SQLite understands already. */
slu_status sql_query_prepare(slu_sql_session *session, const char *sql, const char **rest, sqlite3_stmt **out, slu_error *err);
/* What SQLite, or a table below it, said last. */
slu_status sql_failure(slu_sql_session *session, slu_error *err);
/* NOTFOUND, with the nearest name there is. */
slu_status sql_table_unknown(slu_sql_session *session, const char *name, slu_error *err);
/* A SELECT over no tables of ours, printed. */
slu_status sql_query_print(slu_sql_session *session, const char *sql, const sql_output *to, slu_error *err);

/* ---- Statements that SQLite does not know. False: it is none of these; else *status says how it went. ---- */

/* own.c: SHOW and DESCRIBE. */
bool sql_own_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err);
/* change.c: CREATE and DROP. */
bool sql_change_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err);
/* insert.c: INSERT INTO. */
bool sql_insert_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err);

/* own.c: SELECT COUNT(*) [AS x] FROM t, whose only table was connected and knows how many rows it has. */
bool sql_count_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err);

/* own.c: "table" or "database.table" as the parts of a name; quotes are taken off. INVALID: it is none. */
slu_status sql_name_read(const slu_sql_session *session, const char *text, slu_sql_name *out, slu_error *err);

#endif
