/*
 * insert.c: INSERT INTO [d.]t [(columns)] query, the query being VALUES, SELECT or WITH, over any tables.
 *
 * Numbers of VALUES with a fraction or of more than 18 digits travel as text, so that a DECIMAL keeps all its digits; the words DATE, TIME and
 * TIMESTAMP in front of a text, which Flink wants, are left out.
 */
#include "session_internal.h"

#include "base/alloc.h"
#include "tokens.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define INSERT_ARENA_BYTES_MAX ((size_t)1 << 20)
#define EXACT_DIGITS 18 /* what every 64-bit integer holds */

typedef struct insert_text {
    sql_tokens in;
    slu_sql_name name;
    const char *columns[SLU_SQL_COLUMNS_MAX];
    size_t column_count;
} insert_text;

/* ---- The words ------------------------------------------------------------------------------------------------------------------- */

static slu_status
columns_take(insert_text *of, slu_error *err)
{
    do {
        const char *name = sql_take_name(&of->in);
        if (name == NULL)
            return sql_tokens_fail(&of->in, "a column's name", err);
        if (of->column_count == SLU_SQL_COLUMNS_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d columns", SLU_SQL_COLUMNS_MAX);
        of->columns[of->column_count++] = name;
    } while (sql_take_char(&of->in, ','));
    return sql_take_char(&of->in, ')') ? SLU_OK : sql_tokens_fail(&of->in, "')'", err);
}

static bool
begins_query(const char *text)
{
    return strncasecmp(text, "select", 6) == 0 || strncasecmp(text, "values", 6) == 0 || strncasecmp(text, "with", 4) == 0;
}

static slu_status
head_take(const slu_sql_session *session, insert_text *of, slu_error *err)
{
    const char *first = sql_take_name(&of->in);
    const char *second = first != NULL && sql_take_char(&of->in, '.') ? sql_take_name(&of->in) : NULL;
    if (first == NULL)
        return sql_tokens_fail(&of->in, "a table's name", err);
    (void)snprintf(of->name.database, sizeof of->name.database, "%s", second == NULL ? session->catalog->database : first);
    (void)snprintf(of->name.table, sizeof of->name.table, "%s", second == NULL ? first : second);
    if (sql_take_word(&of->in, "partition"))
        return slu_error_set(err, SLU_UNSUPPORTED, "INSERT ... PARTITION: write the partition's values as columns of the rows");
    const char *before = of->in.at;
    if (sql_take_char(&of->in, '(')) {
        of->in.at = slu_sql_first_word(of->in.at);
        if (begins_query(of->in.at))
            of->in.at = before; /* a query in parentheses */
        else
            SLU_TRY(columns_take(of, err));
    }
    of->in.at = slu_sql_first_word(of->in.at);
    return *of->in.at == '(' || begins_query(of->in.at) ? SLU_OK : sql_tokens_fail(&of->in, "VALUES or SELECT", err);
}

/* ---- VALUES, with numbers kept exact --------------------------------------------------------------------------------------------- */

/* Bytes of a number whose digits a double or a 64-bit integer may lose; 0: none stands there. */
static size_t
exact_number(const char *at)
{
    size_t bytes = *at == '-' || *at == '+';
    size_t digits = 0;
    bool fraction = false;
    for (; isdigit((unsigned char)at[bytes]) || (at[bytes] == '.' && !fraction); bytes++) {
        fraction = fraction || at[bytes] == '.';
        digits += at[bytes] != '.';
    }
    const bool alone = !isalnum((unsigned char)at[bytes]) && at[bytes] != '_' && at[bytes] != '.';
    return alone && digits > 0 && (fraction || digits > EXACT_DIGITS) ? bytes : 0;
}

/* A word of Flink's in front of a text: its bytes, blanks included; 0: none. */
static size_t
literal_word(const char *at)
{
    static const char *const words[] = {"DATE", "TIMESTAMP", "TIME"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t bytes = strlen(words[i]);
        const size_t blanks = strncasecmp(at, words[i], bytes) == 0 ? strspn(at + bytes, " \t\r\n") : 0;
        if (blanks > 0 && at[bytes + blanks] == '\'')
            return bytes + blanks;
    }
    return 0;
}

/* What follows a value's beginning: '(' or ','. */
static bool
value_begins(const char *text, const char *at)
{
    while (at > text && isspace((unsigned char)at[-1]))
        at--;
    return at > text && (at[-1] == '(' || at[-1] == ',');
}

static void
literals_rewrite(const char *text, slu_buf *out)
{
    const bool values = strncasecmp(text, "values", 6) == 0;
    for (const char *at = text; *at != 0;) {
        const size_t kept = slu_sql_untouched(at);
        const bool inside = at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_');
        const size_t word = kept == 0 && !inside ? literal_word(at) : 0;
        const size_t number = kept == 0 && word == 0 && values && value_begins(text, at) ? exact_number(at) : 0;
        if (word > 0) {
            at += word;
        } else if (number > 0) {
            slu_buf_printf(out, "'%.*s'", (int)number, at);
            at += number;
        } else {
            slu_buf_append(out, at, kept > 0 ? kept : 1);
            at += kept > 0 ? kept : 1;
        }
    }
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------------ */

static slu_status
cell_put(slu_sql_sink *sink, sqlite3_stmt *query, int k, slu_error *err)
{
    if (sqlite3_column_type(query, k) == SQLITE_NULL)
        return SLU_OK;
    const bool blob = sqlite3_column_type(query, k) == SQLITE_BLOB;
    const char *text = blob ? sqlite3_column_blob(query, k) : (const char *)sqlite3_column_text(query, k);
    return sink->value(sink, (uint32_t)k, text == NULL ? "" : text, (size_t)sqlite3_column_bytes(query, k), err);
}

static slu_status
rows_put(slu_sql_session *session, slu_sql_sink *sink, sqlite3_stmt *query, int64_t *rows, slu_error *err)
{
    int code;
    while ((code = sqlite3_step(query)) == SQLITE_ROW) {
        slu_status status = SLU_OK;
        for (int k = 0; k < sqlite3_column_count(query) && status == SLU_OK; k++)
            status = cell_put(sink, query, k, err);
        if (status == SLU_OK)
            status = sink->row(sink, err);
        if (status != SLU_OK)
            return slu_error_in(err, status, "row %" PRId64, *rows + 1);
        ++*rows;
    }
    return code == SQLITE_DONE ? sink->finish(sink, err) : sql_failure(session, err);
}

/* Rows go in batches, so that a statement that fails may have stored some: whoever sends it again has to know. */
static slu_status
partly_said(slu_sql_sink *sink, slu_status status, slu_error *err)
{
    char before[SLU_ERROR_MESSAGE_BYTES];
    if (status == SLU_OK || sink->stored == NULL)
        return status;
    const int64_t rows = sink->stored(sink);
    (void)snprintf(before, sizeof before, "%s", err->message);
    (void)snprintf(err->message, sizeof err->message, "%.*s; %" PRId64 " row%s of the statement %s stored", (int)sizeof before - 64,
                   before, rows, rows == 1 ? "" : "s", rows == 1 ? "was" : "were");
    return status;
}

static slu_status
query_put(slu_sql_session *session, insert_text *of, sqlite3_stmt *query, int64_t *rows, slu_error *err)
{
    slu_sql_sink *sink = NULL;
    const bool named = of->column_count > 0;
    SLU_TRY(session->catalog->insert(session->catalog, of->name.database, of->name.table, named ? of->columns : NULL,
                                     &of->column_count, &sink, err));
    slu_status status = SLU_OK;
    if ((size_t)sqlite3_column_count(query) != of->column_count)
        status = slu_error_set(err, SLU_INVALID, "the query gives %d columns, and %zu are %s", sqlite3_column_count(query),
                               of->column_count, named ? "named" : "in the table");
    if (status == SLU_OK)
        status = partly_said(sink, rows_put(session, sink, query, rows, err), err);
    sink->close(sink);
    return status;
}

static slu_status
insert_run(slu_sql_session *session, insert_text *of, const sql_output *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf exact = {0};
    SLU_AUTO(slu_buf_fini) slu_buf sql = {0};
    sqlite3_stmt *query = NULL;
    int64_t rows = 0;
    slu_buf_init(&exact, 2 * SQL_STATEMENT_BYTES_MAX);
    slu_buf_init(&sql, 4 * SQL_STATEMENT_BYTES_MAX);
    literals_rewrite(of->in.at, &exact);
    SLU_TRY(slu_buf_status(&exact, err));
    slu_sql_quote_names(slu_buf_cstr(&exact), sql_name_resolve, session, &sql);
    if (session->failed != SLU_OK)
        return sql_failure(session, err);
    SLU_TRY(slu_buf_status(&sql, err));
    SLU_TRY(sql_query_prepare(session, slu_buf_cstr(&sql), NULL, &query, err));
    const slu_status status = query_put(session, of, query, &rows, err);
    (void)sqlite3_finalize(query);
    SLU_TRY(status);
    if (to->format == SLU_SQL_FORMAT_TABLE)
        (void)fprintf(to->to, "%" PRId64 " row%s inserted\n", rows, rows == 1 ? "" : "s");
    return SLU_OK;
}

bool
sql_insert_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    insert_text *of = slu_alloc_zero(1, sizeof *of);
    slu_arena_init(&arena, INSERT_ARENA_BYTES_MAX);
    if (of == NULL) {
        *status = slu_error_set(err, SLU_NOMEM, "no memory for a statement");
        return true;
    }
    of->in = (sql_tokens){text, text, &arena};
    const bool insert = sql_take_words(&of->in, "insert into");
    if (insert && session->catalog->insert == NULL)
        *status = slu_error_set(err, SLU_UNSUPPORTED, "this catalog takes no rows");
    else if (insert)
        *status = head_take(session, of, err);
    if (insert && *status == SLU_OK)
        *status = insert_run(session, of, to, err);
    slu_free(of);
    return insert;
}
