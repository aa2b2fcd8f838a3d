/* own.c: SHOW TABLES | DATABASES | PARTITIONS t | CREATE TABLE t, DESCRIBE t; and names, for a shell. */
#include "session_internal.h"

#include "base/alloc.h"
#include "tokens.h"

#include <string.h>

#include <sluice/sdk/types.h>

#define OWN_ARENA_BYTES_MAX ((size_t)1 << 20)

/* ---- Names ----------------------------------------------------------------------------------------------------------------------- */

static slu_status
name_take(const slu_sql_session *session, sql_tokens *in, slu_sql_name *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    const char *database = session->catalog->database;
    const char *table = sql_take_name(in);
    if (table == NULL)
        return sql_tokens_fail(in, "a table's name", err);
    if (*in->at == '.') {
        in->at++;
        database = table;
        if ((table = sql_take_name(in)) == NULL)
            return sql_tokens_fail(in, "a table's name", err);
    }
    /* A suffix belongs to a plain word and to a quoted one alike. */
    const char *suffix = strchr(table, '$');
    const size_t table_bytes = suffix == NULL ? strlen(table) : (size_t)(suffix - table);
    size_t suffix_bytes = 0;
    if (suffix == NULL && *in->at == '$') {
        suffix = in->at;
        suffix_bytes = strcspn(suffix + 1, " \t\r\n;,)");
        in->at += 1 + suffix_bytes;
    } else if (suffix != NULL) {
        suffix_bytes = strlen(suffix + 1);
    }
    if (table_bytes == 0 || table_bytes >= sizeof out->table || strlen(database) >= sizeof out->database ||
        suffix_bytes >= sizeof out->suffix)
        return slu_error_set(err, SLU_INVALID, "\"%.100s\" is no table", table);
    (void)snprintf(out->database, sizeof out->database, "%s", database);
    (void)snprintf(out->table, sizeof out->table, "%.*s", (int)table_bytes, table);
    (void)snprintf(out->suffix, sizeof out->suffix, "%.*s", (int)suffix_bytes, suffix == NULL ? "" : suffix + 1);
    return SLU_OK;
}

slu_status
sql_name_read(const slu_sql_session *session, const char *text, slu_sql_name *out, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    sql_tokens in = {text, text, &arena};
    slu_arena_init(&arena, OWN_ARENA_BYTES_MAX);
    SLU_TRY(name_take(session, &in, out, err));
    return sql_at_end(&in) ? SLU_OK : sql_tokens_fail(&in, "the end", err);
}

static bool
name_known(const slu_sql_session *session, const slu_sql_name *name)
{
    for (size_t i = 0; i < session->table_count; i++)
        if (strcmp(session->tables[i].database, name->database) == 0 && strcmp(session->tables[i].table, name->table) == 0)
            return true;
    return false;
}

slu_status
slu_sql_tables(slu_sql_session *session, slu_sql_name_found found, void *to, slu_error *err)
{
    char name[2 * SLU_SQL_NAME_BYTES_MAX];
    SLU_TRY(sql_tables_list(session, err));
    for (size_t i = 0; i < session->table_count; i++) {
        const bool own = strcmp(session->tables[i].database, session->catalog->database) == 0;
        (void)snprintf(name, sizeof name, "%s%s%s", own ? "" : session->tables[i].database, own ? "" : ".",
                       session->tables[i].table);
        found(to, name);
    }
    return SLU_OK;
}

slu_status
slu_sql_columns(slu_sql_session *session, const char *name, slu_sql_name_found found, void *to, slu_error *err)
{
    slu_sql_name of;
    slu_sql_table *table = NULL;
    SLU_TRY(sql_name_read(session, name, &of, err));
    if (!name_known(session, &of))
        return slu_error_set(err, SLU_NOTFOUND, "no such table: %s", name);
    SLU_TRY(session->catalog->open(session->catalog, of.database, of.table, of.suffix, &table, err));
    for (int64_t i = 0; i < table->schema->n_children; i++)
        found(to, table->schema->children[i]->name);
    table->close(table);
    return SLU_OK;
}

slu_status
slu_sql_schema(slu_sql_session *session, const char *name, slu_buf *out, slu_error *err)
{
    slu_sql_name of;
    SLU_TRY(sql_name_read(session, name, &of, err));
    if (session->catalog->schema == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "this catalog has no statement for a table");
    return session->catalog->schema(session->catalog, of.database, of.table, out, err);
}

/* ---- Statements ------------------------------------------------------------------------------------------------------------------ */

typedef struct rows_text {
    slu_buf sql;
    uint32_t rows;
} rows_text;

/* One more row of VALUES; NULL ends the cells. */
static void
row_add(rows_text *of, const char *a, const char *b, const char *c)
{
    char *row = c != NULL   ? sqlite3_mprintf("%s(%Q,%Q,%Q)", of->rows > 0 ? "," : "", a, b, c)
                : b != NULL ? sqlite3_mprintf("%s(%Q,%Q)", of->rows > 0 ? "," : "", a, b)
                            : sqlite3_mprintf("%s(%Q)", of->rows > 0 ? "," : "", a);
    slu_buf_text(&of->sql, row == NULL ? "" : row);
    sqlite3_free(row);
    of->rows++;
}

/* Prints rows under a heading; `heading`: "SELECT column1 AS ..". */
static slu_status
rows_print(slu_sql_session *session, const char *heading, const rows_text *rows, const sql_output *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf sql = {0};
    slu_buf_init(&sql, 2 * SQL_STATEMENT_BYTES_MAX);
    slu_buf_text(&sql, heading);
    if (rows->rows == 0)
        slu_buf_text(&sql, " FROM (VALUES (NULL,NULL,NULL)) WHERE 0");
    else
        slu_buf_printf(&sql, " FROM (VALUES ");
    slu_buf_append(&sql, rows->sql.data, rows->sql.bytes);
    if (rows->rows > 0)
        slu_buf_text(&sql, ")");
    SLU_TRY(slu_buf_status(&rows->sql, err));
    SLU_TRY(slu_buf_status(&sql, err));
    return sql_query_print(session, slu_buf_cstr(&sql), to, err);
}

static slu_status
show_tables(slu_sql_session *session, const sql_output *to, slu_error *err)
{
    rows_text rows = {0};
    slu_buf_init(&rows.sql, SQL_STATEMENT_BYTES_MAX);
    for (size_t i = 0; i < session->table_count; i++)
        row_add(&rows, session->tables[i].database, session->tables[i].table, NULL);
    const slu_status status = rows_print(session, "SELECT column1 AS \"database\", column2 AS \"table\"", &rows, to, err);
    slu_buf_fini(&rows.sql);
    return status;
}

static void
database_found(void *to, const char *name)
{
    row_add(to, name, NULL, NULL);
}

static slu_status
show_databases(slu_sql_session *session, const sql_output *to, slu_error *err)
{
    rows_text rows = {0};
    if (session->catalog->list_databases == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "this catalog has no list of databases");
    slu_buf_init(&rows.sql, SQL_STATEMENT_BYTES_MAX);
    slu_status status = session->catalog->list_databases(session->catalog, database_found, &rows, err);
    if (status == SLU_OK)
        status = rows_print(session, "SELECT column1 AS \"database\"", &rows, to, err);
    slu_buf_fini(&rows.sql);
    return status;
}

static slu_status
describe(slu_sql_session *session, const slu_sql_name *name, const sql_output *to, slu_error *err)
{
    rows_text rows = {0};
    slu_sql_table *table = NULL;
    SLU_TRY(session->catalog->open(session->catalog, name->database, name->table, name->suffix, &table, err));
    slu_buf_init(&rows.sql, SQL_STATEMENT_BYTES_MAX);
    for (int64_t i = 0; i < table->schema->n_children; i++) {
        const struct ArrowSchema *column = table->schema->children[i];
        char type[SDK_SQL_BYTES_MAX];
        if (sdk_schema_to_sql(column, type, sizeof type, NULL) != SLU_OK)
            (void)snprintf(type, sizeof type, "?");
        row_add(&rows, column->name, type, (column->flags & ARROW_FLAG_NULLABLE) != 0 ? "TRUE" : "FALSE");
    }
    table->close(table);
    const slu_status status = rows_print(session, "SELECT column1 AS name, column2 AS type, column3 AS \"null\"", &rows, to, err);
    slu_buf_fini(&rows.sql);
    return status;
}

static slu_status
show_partitions(slu_sql_session *session, const slu_sql_name *name, const sql_output *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf sql = {0};
    slu_buf_init(&sql, SQL_STATEMENT_BYTES_MAX);
    char *text = sqlite3_mprintf("SELECT * FROM \"%w.%w$partitions\"", name->database, name->table);
    if (text != NULL)
        slu_sql_quote_names(text, sql_name_resolve, session, &sql);
    sqlite3_free(text);
    if (session->failed != SLU_OK)
        return sql_failure(session, err);
    SLU_TRY(slu_buf_status(&sql, err));
    return sql_query_print(session, slu_buf_cstr(&sql), to, err);
}

/* The statement as one cell, as Flink answers it. */
static slu_status
show_create(slu_sql_session *session, const slu_sql_name *name, const sql_output *to, slu_error *err)
{
    rows_text rows = {0};
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    if (session->catalog->schema == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "this catalog has no statement for a table");
    slu_buf_init(&text, SQL_STATEMENT_BYTES_MAX);
    slu_buf_init(&rows.sql, SQL_STATEMENT_BYTES_MAX);
    slu_status status = session->catalog->schema(session->catalog, name->database, name->table, &text, err);
    if (status == SLU_OK) {
        row_add(&rows, slu_buf_cstr(&text), NULL, NULL);
        status = rows_print(session, "SELECT column1 AS result", &rows, to, err);
    }
    slu_buf_fini(&rows.sql);
    return status;
}

typedef slu_status (*named_statement)(slu_sql_session *session, const slu_sql_name *name, const sql_output *to, slu_error *err);

static slu_status
named_run(slu_sql_session *session, sql_tokens *in, named_statement statement, const sql_output *to, slu_error *err)
{
    slu_sql_name name;
    SLU_TRY(name_take(session, in, &name, err));
    if (!sql_at_end(in))
        return sql_tokens_fail(in, "the end", err);
    if (!name_known(session, &name))
        return sql_table_unknown(session, name.table, err);
    return statement(session, &name, to, err);
}

static bool
own_run(slu_sql_session *session, sql_tokens *in, const sql_output *to, slu_status *status, slu_error *err)
{
    if (sql_take_words(in, "show tables"))
        *status = sql_at_end(in) ? show_tables(session, to, err) : sql_tokens_fail(in, "the end", err);
    else if (sql_take_words(in, "show databases"))
        *status = sql_at_end(in) ? show_databases(session, to, err) : sql_tokens_fail(in, "the end", err);
    else if (sql_take_words(in, "show partitions"))
        *status = named_run(session, in, show_partitions, to, err);
    else if (sql_take_words(in, "show create table"))
        *status = named_run(session, in, show_create, to, err);
    else if (sql_take_word(in, "describe") || sql_take_word(in, "desc"))
        *status = named_run(session, in, describe, to, err);
    else
        return false;
    return true;
}

bool
sql_own_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    sql_tokens in = {text, text, &arena};
    slu_arena_init(&arena, OWN_ARENA_BYTES_MAX);
    return own_run(session, &in, to, status, err);
}

/* "select count(*) [[as] x] from t": *heading is what the column is called. */
static bool
counts_rows(const slu_sql_session *session, sql_tokens *in, const char **heading)
{
    slu_sql_name name;
    slu_error ignored;
    if (!sql_take_word(in, "select"))
        return false;
    const char *from = slu_sql_first_word(in->at);
    if (!sql_take_word(in, "count") || !sql_take_char(in, '(') || !sql_take_char(in, '*') || !sql_take_char(in, ')'))
        return false;
    *heading = slu_arena_strndup(in->arena, from, (size_t)(in->at - from)); /* as SQLite calls it */
    if (!sql_take_word(in, "from")) {
        (void)sql_take_word(in, "as");
        *heading = sql_take_name(in);
        if (*heading == NULL || !sql_take_word(in, "from"))
            return false;
    }
    return name_take(session, in, &name, &ignored) == SLU_OK && sql_at_end(in);
}

bool
sql_count_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    sql_tokens in = {text, text, &arena};
    const char *heading;
    int64_t rows = 0;
    slu_sql_table *table = session->source.table;
    slu_arena_init(&arena, OWN_ARENA_BYTES_MAX);
    if (table->count == NULL || !counts_rows(session, &in, &heading))
        return false;
    *status = table->count(table, &rows, err);
    if (*status == SLU_UNSUPPORTED)
        return false;
    if (*status != SLU_OK)
        return true;
    char *sql = sqlite3_mprintf("SELECT %lld AS \"%w\"", (long long)rows, heading);
    slu_buf_text(&session->source.said, "counted from metadata");
    (void)slu_buf_cstr(&session->source.said);
    *status = sql == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a statement") : sql_query_print(session, sql, to, err);
    sqlite3_free(sql);
    return true;
}
