#include "session_internal.h"

#include "base/alloc.h"
#include "base/suggest.h"
#include "decimal.h"
#include "print.h"

#include <string.h>
#include <strings.h>

#define TABLES_MAX 10000
#define SAID_BYTES_MAX ((size_t)1 << 16)

int
slu_sql_format_named(const char *name)
{
    return strcmp(name, "table") == 0  ? SLU_SQL_FORMAT_TABLE
           : strcmp(name, "csv") == 0  ? SLU_SQL_FORMAT_CSV
           : strcmp(name, "json") == 0 ? SLU_SQL_FORMAT_JSON
                                       : 0;
}

slu_status
slu_sql_open(const slu_sql_catalog *catalog, slu_sql_session **out, slu_error *err)
{
    slu_sql_session *session = slu_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an SQL session");
    session->catalog = catalog;
    session->source.catalog = catalog;
    slu_buf_init(&session->source.said, SAID_BYTES_MAX);
    slu_status status = SLU_OK;
    if (sqlite3_open(":memory:", &session->db) != SQLITE_OK)
        status = slu_error_set(err, SLU_NOMEM, "SQLite: cannot open a database in memory");
    if (status == SLU_OK) /* ATTACH counts as read-only, and creates files */
        (void)sqlite3_limit(session->db, SQLITE_LIMIT_ATTACHED, 0);
    if (status == SLU_OK)
        status = slu_sql_decimal_register(session->db, err);
    if (status == SLU_OK)
        status = slu_sql_vtab_register(session->db, &session->source, err);
    if (status != SLU_OK) {
        slu_sql_close(&session);
        return status;
    }
    *out = session;
    return SLU_OK;
}

static void
tables_forget(slu_sql_session *session)
{
    for (size_t i = 0; i < session->table_count; i++) {
        slu_free(session->tables[i].database);
        slu_free(session->tables[i].table);
    }
    slu_free(session->tables);
    session->tables = NULL;
    session->table_count = 0;
}

void
slu_sql_close(slu_sql_session **session)
{
    slu_sql_session *mine = slu_take(session);
    if (mine == NULL)
        return;
    tables_forget(mine);
    (void)sqlite3_close(mine->db);
    slu_buf_fini(&mine->source.said);
    slu_free(mine);
}

void
slu_sql_interrupt(slu_sql_session *session)
{
    sqlite3_interrupt(session->db);
}

static void
table_found(void *to, const char *database, const char *table)
{
    slu_sql_session *session = to;
    if (session->failed != SLU_OK || session->table_count == TABLES_MAX)
        return;
    known_table *tables = slu_realloc(session->tables, (session->table_count + 1) * sizeof *tables);
    if (tables == NULL) {
        session->failed = SLU_NOMEM;
        return;
    }
    session->tables = tables;
    tables[session->table_count] = (known_table){slu_strdup(database), slu_strdup(table)};
    session->table_count++;
    if (tables[session->table_count - 1].database == NULL || tables[session->table_count - 1].table == NULL)
        session->failed = SLU_NOMEM;
}

slu_status
sql_tables_list(slu_sql_session *session, slu_error *err)
{
    tables_forget(session);
    session->failed = SLU_OK;
    SLU_TRY(session->catalog->list(session->catalog, table_found, session, err));
    return session->failed == SLU_OK ? SLU_OK : slu_error_set(err, session->failed, "no memory for the list of tables");
}

static bool
table_known(const slu_sql_session *session, const char *database, const char *table)
{
    for (size_t i = 0; i < session->table_count; i++)
        if (strcmp(session->tables[i].database, database) == 0 && strcmp(session->tables[i].table, table) == 0)
            return true;
    return false;
}

/* Registers a named table as a virtual table under the name that the statement will use. */
bool
sql_name_resolve(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes)
{
    slu_sql_session *session = context;
    const bool elsewhere = name->database[0] != 0 && strcmp(name->database, session->catalog->database) != 0;
    const char *database = elsewhere ? name->database : session->catalog->database;
    if (!table_known(session, database, name->table))
        return false;
    (void)snprintf(shown, shown_bytes, "%s%s%s%s%s", elsewhere ? database : "", elsewhere ? "." : "", name->table,
                   name->suffix[0] != 0 ? "$" : "", name->suffix);
    char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE IF NOT EXISTS temp.\"%w\" USING sluice('%q','%q','%q')", shown, database,
                                name->table, name->suffix);
    if (sql == NULL || sqlite3_exec(session->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        session->failed = session->source.err.status != SLU_OK ? session->source.err.status : SLU_INVALID;
    sqlite3_free(sql);
    return true;
}

static void
virtual_tables_drop(slu_sql_session *session)
{
    sqlite3_stmt *list = NULL;
    slu_buf sql;
    slu_buf_init(&sql, SQL_STATEMENT_BYTES_MAX);
    if (sqlite3_prepare_v2(session->db, "SELECT name FROM temp.sqlite_master WHERE type='table'", -1, &list, NULL) == SQLITE_OK)
        while (sqlite3_step(list) == SQLITE_ROW) {
            char *drop = sqlite3_mprintf("DROP TABLE temp.\"%w\";", (const char *)sqlite3_column_text(list, 0));
            slu_buf_text(&sql, drop == NULL ? "" : drop);
            sqlite3_free(drop);
        }
    (void)sqlite3_finalize(list);
    (void)sqlite3_exec(session->db, slu_buf_cstr(&sql), NULL, NULL, NULL);
    slu_buf_fini(&sql);
}

slu_status
sql_failure(slu_sql_session *session, slu_error *err)
{
    if (session->source.err.status != SLU_OK) {
        if (err != NULL)
            *err = session->source.err;
        return session->source.err.status;
    }
    return slu_error_set(err, SLU_INVALID, "%s", sqlite3_errmsg(session->db));
}

/* BEGIN and ROLLBACK are read-only, too, but what they promise of an INSERT would not be so. */
static bool
read_only(sqlite3_stmt *statement, slu_error *err)
{
    if (sqlite3_stmt_readonly(statement) && sqlite3_column_count(statement) > 0)
        return true;
    (void)slu_error_set(err, SLU_UNSUPPORTED,
                        "only queries, SHOW, DESCRIBE, CREATE and DROP of tables and databases, and INSERT run here: %.60s",
                        sqlite3_sql(statement));
    return false;
}

slu_status
sql_table_unknown(slu_sql_session *session, const char *name, slu_error *err)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < session->table_count && count < 64; i++)
        names[count++] = session->tables[i].table;
    const char *nearest = slu_suggest(name, names, count);
    if (nearest != NULL)
        return slu_error_set(err, SLU_NOTFOUND, "no such table: %s; did you mean %s?", name, nearest);
    return slu_error_set(err, SLU_NOTFOUND, "no such table: %s; SHOW TABLES lists what there is", name);
}

/* Why SQLite did not take a statement. */
static slu_status
unprepared(slu_sql_session *session, slu_error *err)
{
    const char *message = sqlite3_errmsg(session->db);
    return strncmp(message, "no such table: ", 15) == 0 ? sql_table_unknown(session, message + 15, err) : sql_failure(session, err);
}

slu_status
sql_query_prepare(slu_sql_session *session, const char *sql, const char **rest, sqlite3_stmt **out, slu_error *err)
{
    return sqlite3_prepare_v2(session->db, sql, -1, out, rest) == SQLITE_OK ? SLU_OK : unprepared(session, err);
}

/* One prepared statement at a time; *rest moves behind it. */
static slu_status
query_run(slu_sql_session *session, const char *sql, const char **rest, const sql_output *to, slu_error *err)
{
    sqlite3_stmt *statement = NULL;
    SLU_TRY(sql_query_prepare(session, sql, rest, &statement, err));
    if (statement == NULL)
        return SLU_OK;
    slu_status status = read_only(statement, err) ? SLU_OK : SLU_UNSUPPORTED;
    if (status == SLU_OK)
        status = slu_sql_print(statement, to->format, to->to, to->rows, err);
    if (status == SLU_INVALID)
        status = sql_failure(session, err);
    (void)sqlite3_finalize(statement);
    return status;
}

slu_status
sql_query_print(slu_sql_session *session, const char *sql, const sql_output *to, slu_error *err)
{
    slu_status status = SLU_OK;
    while (status == SLU_OK && *sql != 0)
        status = query_run(session, sql, &sql, to, err);
    return status;
}

static void
errors_forget(slu_sql_session *session)
{
    memset(&session->source.err, 0, sizeof session->source.err);
    session->failed = SLU_OK;
}

static slu_status
text_prepare(slu_sql_session *session, const char *text, slu_buf *sql, slu_error *err)
{
    errors_forget(session);
    slu_sql_quote_names(text, sql_name_resolve, session, sql);
    if (session->failed != SLU_OK)
        return sql_failure(session, err);
    return slu_buf_status(sql, err);
}

/* A query that names no table, as `select 1`: it has no FROM, and SQLite takes it as it stands. */
static bool
query_without_tables(slu_sql_session *session, const char *text)
{
    sqlite3_stmt *statement = NULL;
    if (slu_sql_word_in(text, "from") || sqlite3_prepare_v2(session->db, text, -1, &statement, NULL) != SQLITE_OK)
        return false;
    const bool query = statement != NULL && sqlite3_stmt_readonly(statement) && sqlite3_column_count(statement) > 0;
    (void)sqlite3_finalize(statement);
    return query;
}

/* The tables are asked for once a text, when a statement comes that may need them. */
static slu_status
statement_run(slu_sql_session *session, const char *text, bool *listed, const sql_output *to, slu_error *err)
{
    slu_status status = SLU_OK;
    SLU_AUTO(slu_buf_fini) slu_buf sql = {0};
    slu_buf_init(&sql, SQL_STATEMENT_BYTES_MAX);
    errors_forget(session);
    const char *word = slu_sql_first_word(text);
    if (*word == 0 || *word == ';') /* behind the last semicolon, between two: no statement, and no reason to ask a server */
        return SLU_OK;
    if (query_without_tables(session, text))
        return sql_query_print(session, text, to, err);
    if (!*listed)
        SLU_TRY(sql_tables_list(session, err));
    *listed = true;
    if (sql_own_run(session, text, to, &status, err) || sql_change_run(session, text, to, &status, err) ||
        sql_insert_run(session, text, to, &status, err))
        return status;
    session->source.connected = 0;
    SLU_TRY(text_prepare(session, text, &sql, err));
    if (session->source.connected == 1 && sql_count_run(session, text, to, &status, err))
        return status;
    return sql_query_print(session, slu_buf_cstr(&sql), to, err);
}

slu_status
slu_sql_run(slu_sql_session *session, const char *text, int format, FILE *to, int64_t *rows, slu_error *err)
{
    const sql_output output = {format, to, rows};
    slu_status status = SLU_OK;
    bool listed = false;
    slu_buf_reset(&session->source.said);
    while (status == SLU_OK && *text != 0) {
        const size_t bytes = slu_sql_statement_bytes(text);
        char *one = slu_strndup(text, bytes);
        status = one == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a statement of %zu bytes", bytes)
                             : statement_run(session, one, &listed, &output, err);
        slu_free(one);
        text += bytes;
        virtual_tables_drop(session);
    }
    return status;
}

const char *
slu_sql_said(const slu_sql_session *session)
{
    return session->source.said.bytes == 0 ? "" : (const char *)session->source.said.data;
}

slu_status
slu_sql_number(slu_sql_session *session, const char *text, int64_t *out, slu_error *err)
{
    slu_buf sql;
    sqlite3_stmt *statement = NULL;
    slu_buf_init(&sql, SQL_STATEMENT_BYTES_MAX);
    slu_status status = sql_tables_list(session, err);
    if (status == SLU_OK)
        status = text_prepare(session, text, &sql, err);
    if (status == SLU_OK && sqlite3_prepare_v2(session->db, slu_buf_cstr(&sql), -1, &statement, NULL) != SQLITE_OK)
        status = unprepared(session, err);
    if (status == SLU_OK) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            *out = sqlite3_column_int64(statement, 0);
        else
            status = code == SQLITE_DONE ? slu_error_set(err, SLU_NOTFOUND, "no row: %s", text) : sql_failure(session, err);
    }
    (void)sqlite3_finalize(statement);
    virtual_tables_drop(session);
    slu_buf_fini(&sql);
    return status;
}
