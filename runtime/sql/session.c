#include "session.h"

#include "base/alloc.h"
#include "base/suggest.h"
#include "decimal.h"
#include "print.h"
#include "value.h"
#include "vtab.h"
#include "words.h"

#include <string.h>
#include <strings.h>

#define STATEMENT_BYTES_MAX ((size_t)1 << 20)
#define TABLES_MAX 10000

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

slu_status
slu_sql_open(const slu_sql_catalog *catalog, slu_sql_session **out, slu_error *err)
{
    slu_sql_session *session = slu_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an SQL session");
    session->catalog = catalog;
    session->source.catalog = catalog;
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

static slu_status
tables_list(slu_sql_session *session, slu_error *err)
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
static bool
name_resolve(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes)
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
    slu_buf_init(&sql, STATEMENT_BYTES_MAX);
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

static slu_status
failure(slu_sql_session *session, slu_error *err)
{
    if (session->source.err.status != SLU_OK) {
        if (err != NULL)
            *err = session->source.err;
        return session->source.err.status;
    }
    return slu_error_set(err, SLU_INVALID, "%s", sqlite3_errmsg(session->db));
}

static bool
read_only(slu_sql_session *session, sqlite3_stmt *statement, slu_error *err)
{
    (void)session;
    if (sqlite3_stmt_readonly(statement))
        return true;
    (void)slu_error_set(err, SLU_UNSUPPORTED, "only queries, SHOW TABLES, SHOW PARTITIONS and DESCRIBE run here: %.60s",
                        sqlite3_sql(statement));
    return false;
}

/* SHOW TABLES, SHOW PARTITIONS name and DESCRIBE name, said in SQL. Returns false when the statement is none of them. */
static bool
own_statement(slu_sql_session *session, const char *text, slu_buf *out)
{
    char word[SLU_SQL_NAME_BYTES_MAX + 8];
    text = slu_sql_first_word(text);
    if (strncasecmp(text, "show tables", 11) == 0 && strspn(text + 11, " \t\r\n;") == strlen(text + 11)) {
        slu_buf_text(out, "SELECT column1 AS \"database\", column2 AS \"table\" FROM (VALUES ");
        for (size_t i = 0; i < session->table_count; i++) {
            char *row = sqlite3_mprintf("%s(%Q,%Q)", i > 0 ? "," : "", session->tables[i].database, session->tables[i].table);
            slu_buf_text(out, row == NULL ? "" : row);
            sqlite3_free(row);
        }
        slu_buf_text(out, session->table_count == 0 ? "(NULL,NULL)) WHERE 0" : ")");
        return true;
    }
    if (strncasecmp(text, "show partitions ", 16) == 0) {
        const char *name = text + 16 + strspn(text + 16, " \t\r\n");
        char *sql = sqlite3_mprintf("SELECT * FROM %.*s$partitions", (int)strcspn(name, " \t\r\n;"), name);
        if (sql != NULL)
            slu_sql_quote_names(sql, name_resolve, session, out);
        sqlite3_free(sql);
        return true;
    }
    if (sscanf(text, "%263s", word) != 1 || (strcasecmp(word, "describe") != 0 && strcasecmp(word, "desc") != 0))
        return false;
    text += strlen(word);
    text += strspn(text, " \t\r\n");
    const size_t length = strcspn(text, " \t\r\n;");
    slu_buf quoted;
    slu_buf_init(&quoted, STATEMENT_BYTES_MAX);
    char *name = sqlite3_mprintf("from %.*s", (int)length, text); /* where a word can only be a table, be it a keyword too */
    if (name != NULL)
        slu_sql_quote_names(name, name_resolve, session, &quoted);
    slu_buf_printf(out, "SELECT name, type FROM pragma_table_info(%s)",
                   length == 0 || quoted.bytes < 5 ? "''" : slu_buf_cstr(&quoted) + 5);
    sqlite3_free(name);
    slu_buf_fini(&quoted);
    return true;
}

static slu_status
unknown_table(slu_sql_session *session, slu_error *err)
{
    const char *names[64];
    const char *message = sqlite3_errmsg(session->db);
    size_t count = 0;
    if (strncmp(message, "no such table: ", 15) != 0)
        return failure(session, err);
    for (size_t i = 0; i < session->table_count && count < 64; i++)
        names[count++] = session->tables[i].table;
    const char *nearest = slu_suggest(message + 15, names, count);
    if (nearest != NULL)
        return slu_error_set(err, SLU_NOTFOUND, "%s; did you mean %s?", message, nearest);
    return slu_error_set(err, SLU_NOTFOUND, "%s; SHOW TABLES lists what there is", message);
}

/* One prepared statement at a time; *rest moves behind it. */
static slu_status
statement_run(slu_sql_session *session, const char *sql, const char **rest, int format, FILE *to, int64_t *rows, slu_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(session->db, sql, -1, &statement, rest) != SQLITE_OK)
        return unknown_table(session, err);
    if (statement == NULL)
        return SLU_OK;
    slu_status status = read_only(session, statement, err) ? SLU_OK : SLU_UNSUPPORTED;
    if (status == SLU_OK)
        status = slu_sql_print(statement, format, to, rows, err);
    if (status == SLU_INVALID)
        status = failure(session, err);
    (void)sqlite3_finalize(statement);
    return status;
}

static slu_status
text_prepare(slu_sql_session *session, const char *text, slu_buf *sql, slu_error *err)
{
    memset(&session->source.err, 0, sizeof session->source.err);
    session->failed = SLU_OK;
    slu_buf_reset(sql);
    if (!own_statement(session, text, sql))
        slu_sql_quote_names(text, name_resolve, session, sql);
    if (session->failed != SLU_OK)
        return failure(session, err);
    return slu_buf_status(sql, err);
}

/* The first statement of *text, in the words that SQLite understands; *text moves behind it. */
static slu_status
statement_next(slu_sql_session *session, const char **text, slu_buf *sql, slu_error *err)
{
    const size_t bytes = slu_sql_statement_bytes(*text);
    char *one = slu_strndup(*text, bytes);
    if (one == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a statement of %zu bytes", bytes);
    const slu_status status = text_prepare(session, one, sql, err);
    slu_free(one);
    *text += bytes;
    return status;
}

slu_status
slu_sql_run(slu_sql_session *session, const char *text, int format, FILE *to, int64_t *rows, slu_error *err)
{
    slu_buf sql;
    slu_status status = tables_list(session, err);
    slu_buf_init(&sql, STATEMENT_BYTES_MAX);
    while (status == SLU_OK && *text != 0) {
        status = statement_next(session, &text, &sql, err);
        const char *rest = status == SLU_OK ? slu_buf_cstr(&sql) : "";
        while (status == SLU_OK && *rest != 0)
            status = statement_run(session, rest, &rest, format, to, rows, err);
        virtual_tables_drop(session);
    }
    slu_buf_fini(&sql);
    return status;
}

slu_status
slu_sql_number(slu_sql_session *session, const char *text, int64_t *out, slu_error *err)
{
    slu_buf sql;
    sqlite3_stmt *statement = NULL;
    slu_buf_init(&sql, STATEMENT_BYTES_MAX);
    slu_status status = tables_list(session, err);
    if (status == SLU_OK)
        status = text_prepare(session, text, &sql, err);
    if (status == SLU_OK && sqlite3_prepare_v2(session->db, slu_buf_cstr(&sql), -1, &statement, NULL) != SQLITE_OK)
        status = unknown_table(session, err);
    if (status == SLU_OK) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            *out = sqlite3_column_int64(statement, 0);
        else
            status = code == SQLITE_DONE ? slu_error_set(err, SLU_NOTFOUND, "no row: %s", text) : failure(session, err);
    }
    (void)sqlite3_finalize(statement);
    virtual_tables_drop(session);
    slu_buf_fini(&sql);
    return status;
}
