/*
 * change.c: CREATE, ALTER and DROP in Flink's words, as a slu_sql_change for the catalog.
 *
 *   CREATE DATABASE [IF NOT EXISTS] d [COMMENT '..'] [WITH ('k' = 'v', ..)]
 *   DROP DATABASE [IF EXISTS] d [RESTRICT | CASCADE]
 *   CREATE TABLE [IF NOT EXISTS] [d.]t (c TYPE [NOT NULL] [COMMENT '..'], .., [CONSTRAINT n] PRIMARY KEY (c, ..) NOT ENFORCED)
 *       [COMMENT '..'] [PARTITIONED BY (c, ..)] [WITH ('k' = 'v', ..)]
 *   ALTER TABLE [IF EXISTS] [d.]t ADD [COLUMN] c TYPE [COMMENT '..'] | ADD (c TYPE, ..) | SET ('k' = 'v', ..) | RESET ('k', ..)
 *   DROP TABLE [IF EXISTS] [d.]t
 */
#include "session_internal.h"

#include "base/sizes.h"
#include "tokens.h"

#include <string.h>
#include <strings.h>

#define CHANGE_ARENA_BYTES_MAX ((size_t)16 << 20)
#define LIST_MAX 4096

typedef struct change_text {
    sql_tokens in;
    slu_error *err;
    slu_sql_change *to;
    slu_sql_column *columns;
    slu_sql_option *options;
} change_text;

static slu_status
expect(change_text *of, char c)
{
    const char wanted[] = {'\'', c, '\'', 0};
    return sql_take_char(&of->in, c) ? SLU_OK : sql_tokens_fail(&of->in, wanted, of->err);
}

/* "(a, b)" */
static slu_status
names_take(change_text *of, const char ***out, size_t *count)
{
    const char **names = slu_arena_array(of->in.arena, SLU_SQL_COLUMNS_MAX, sizeof *names);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    *count = 0;
    SLU_TRY(expect(of, '('));
    do {
        const char *name = sql_take_name(&of->in);
        if (name == NULL)
            return sql_tokens_fail(&of->in, "a column's name", of->err);
        if (*count == SLU_SQL_COLUMNS_MAX)
            return slu_error_set(of->err, SLU_LIMIT, "more than %d columns in a list", SLU_SQL_COLUMNS_MAX);
        names[(*count)++] = name;
    } while (sql_take_char(&of->in, ','));
    *out = names;
    return expect(of, ')');
}

/* "('k' = 'v', ..)" */
static slu_status
options_take(change_text *of)
{
    of->options = slu_arena_array(of->in.arena, LIST_MAX, sizeof *of->options);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    of->to->options = of->options;
    SLU_TRY(expect(of, '('));
    do {
        slu_sql_option *option = &of->options[of->to->option_count];
        if (of->to->option_count++ == LIST_MAX - 1)
            return slu_error_set(of->err, SLU_LIMIT, "more than %d options", LIST_MAX);
        if ((option->key = sql_take_text(&of->in)) == NULL)
            return sql_tokens_fail(&of->in, "an option as 'key' = 'value'", of->err);
        SLU_TRY(expect(of, '='));
        if ((option->value = sql_take_text(&of->in)) == NULL)
            return sql_tokens_fail(&of->in, "an option's value in quotes", of->err);
    } while (sql_take_char(&of->in, ','));
    return expect(of, ')');
}

static slu_status
comment_take(change_text *of, const char **out)
{
    if (!sql_take_word(&of->in, "comment"))
        return SLU_OK;
    *out = sql_take_text(&of->in);
    return *out != NULL ? SLU_OK : sql_tokens_fail(&of->in, "a text in quotes", of->err);
}

/* Flink asks for NOT ENFORCED, since it checks no key; a table server does keep its keys, so that the words change nothing here. */
static slu_status
primary_key_take(change_text *of)
{
    if (of->to->primary_key_count > 0)
        return slu_error_set(of->err, SLU_INVALID, "a table has one PRIMARY KEY");
    SLU_TRY(names_take(of, &of->to->primary_key, &of->to->primary_key_count));
    if (sql_take_word(&of->in, "enforced"))
        return slu_error_set(of->err, SLU_INVALID, "PRIMARY KEY ... NOT ENFORCED is what Flink and Fluss know");
    (void)sql_take_words(&of->in, "not enforced");
    return SLU_OK;
}

static slu_status
column_key_take(change_text *of, const char *name)
{
    if (!sql_take_words(&of->in, "primary key"))
        return SLU_OK;
    if (of->to->primary_key_count > 0)
        return slu_error_set(of->err, SLU_INVALID, "a table has one PRIMARY KEY");
    of->to->primary_key = slu_arena_array(of->in.arena, 1, sizeof *of->to->primary_key);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    of->to->primary_key[0] = name;
    of->to->primary_key_count = 1;
    (void)sql_take_words(&of->in, "not enforced");
    return SLU_OK;
}

static slu_status
column_take(change_text *of)
{
    slu_sql_column *column = &of->columns[of->to->column_count];
    if (sql_take_word(&of->in, "watermark"))
        return slu_error_set(of->err, SLU_UNSUPPORTED, "WATERMARK is Flink's: a job says here what its event time is");
    if (of->to->column_count++ == SLU_SQL_COLUMNS_MAX - 1)
        return slu_error_set(of->err, SLU_LIMIT, "more than %d columns", SLU_SQL_COLUMNS_MAX);
    if ((column->name = sql_take_name(&of->in)) == NULL)
        return sql_tokens_fail(&of->in, "a column's name", of->err);
    if (sql_take_word(&of->in, "as"))
        return slu_error_set(of->err, SLU_UNSUPPORTED,
                             "column %s: a computed column is Flink's; a table here holds what is written", column->name);
    if ((column->type = sql_take_type(&of->in)) == NULL)
        return sql_tokens_fail(&of->in, "a column's type", of->err);
    if (sql_take_word(&of->in, "metadata"))
        return slu_error_set(of->err, SLU_UNSUPPORTED, "Metadata column %s is not supported.", column->name);
    SLU_TRY(column_key_take(of, column->name));
    SLU_TRY(comment_take(of, &column->comment));
    return column_key_take(of, column->name);
}

static slu_status
columns_take(change_text *of)
{
    of->columns = slu_arena_array(of->in.arena, SLU_SQL_COLUMNS_MAX, sizeof *of->columns);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    of->to->columns = of->columns;
    SLU_TRY(expect(of, '('));
    do {
        const char *before = of->in.at;
        if (sql_take_word(&of->in, "constraint") && sql_take_name(&of->in) != NULL && sql_take_words(&of->in, "primary key"))
            SLU_TRY(primary_key_take(of));
        else if ((of->in.at = before, sql_take_words(&of->in, "primary key")))
            SLU_TRY(primary_key_take(of));
        else
            SLU_TRY(column_take(of));
    } while (sql_take_char(&of->in, ','));
    return expect(of, ')');
}

static slu_status
name_take(change_text *of, bool database)
{
    const char *first = sql_take_name(&of->in);
    if (first == NULL)
        return sql_tokens_fail(&of->in, database ? "a database's name" : "a table's name", of->err);
    if (database) {
        of->to->database = first;
        return SLU_OK;
    }
    of->to->table = first;
    if (!sql_take_char(&of->in, '.'))
        return SLU_OK;
    of->to->database = first;
    of->to->table = sql_take_name(&of->in);
    return of->to->table != NULL ? SLU_OK : sql_tokens_fail(&of->in, "a table's name", of->err);
}

static slu_status
create_rest(change_text *of, bool database)
{
    of->to->lenient = sql_take_words(&of->in, "if not exists");
    SLU_TRY(name_take(of, database));
    if (!database)
        SLU_TRY(columns_take(of));
    SLU_TRY(comment_take(of, &of->to->comment));
    if (!database && sql_take_words(&of->in, "partitioned by"))
        SLU_TRY(names_take(of, &of->to->partition_keys, &of->to->partition_key_count));
    if (sql_take_word(&of->in, "with"))
        SLU_TRY(options_take(of));
    return sql_at_end(&of->in)
               ? SLU_OK
               : sql_tokens_fail(&of->in, database ? "WITH or the end" : "PARTITIONED BY, WITH or the end", of->err);
}

static slu_status
drop_rest(change_text *of, bool database)
{
    of->to->lenient = sql_take_words(&of->in, "if exists");
    SLU_TRY(name_take(of, database));
    if (database && !sql_take_word(&of->in, "restrict"))
        of->to->cascade = sql_take_word(&of->in, "cascade");
    return sql_at_end(&of->in) ? SLU_OK : sql_tokens_fail(&of->in, "the end", of->err);
}

/* "('k', ..)" as options without values. */
static slu_status
keys_take(change_text *of)
{
    of->options = slu_arena_array(of->in.arena, LIST_MAX, sizeof *of->options);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    of->to->options = of->options;
    SLU_TRY(expect(of, '('));
    do {
        if (of->to->option_count == LIST_MAX)
            return slu_error_set(of->err, SLU_LIMIT, "more than %d options", LIST_MAX);
        if ((of->options[of->to->option_count++].key = sql_take_text(&of->in)) == NULL)
            return sql_tokens_fail(&of->in, "an option's name in quotes", of->err);
    } while (sql_take_char(&of->in, ','));
    return expect(of, ')');
}

static slu_status
one_column_take(change_text *of)
{
    (void)sql_take_word(&of->in, "column");
    of->columns = slu_arena_array(of->in.arena, 1, sizeof *of->columns);
    SLU_TRY(slu_arena_status(of->in.arena, of->err));
    of->to->columns = of->columns;
    return column_take(of);
}

static slu_status
added_take(change_text *of)
{
    const char *before = of->in.at;
    const bool list = sql_take_char(&of->in, '(');
    of->in.at = before;
    SLU_TRY(list ? columns_take(of) : one_column_take(of));
    if (of->to->primary_key_count > 0)
        return slu_error_set(of->err, SLU_UNSUPPORTED, "a table's primary key stays what it was when the table was created");
    return SLU_OK;
}

static slu_status
alter_rest(change_text *of)
{
    of->to->lenient = sql_take_words(&of->in, "if exists");
    SLU_TRY(name_take(of, false));
    if (sql_take_word(&of->in, "add"))
        SLU_TRY(added_take(of));
    else if (sql_take_word(&of->in, "set"))
        SLU_TRY(options_take(of));
    else if (sql_take_word(&of->in, "reset"))
        SLU_TRY(keys_take(of));
    else
        return sql_tokens_fail(&of->in, "ADD, SET or RESET", of->err);
    return sql_at_end(&of->in) ? SLU_OK : sql_tokens_fail(&of->in, "the end", of->err);
}

static slu_status
change_made(slu_sql_session *session, change_text *of, const sql_output *to)
{
    slu_sql_change *change = of->to;
    if (change->database == NULL)
        change->database = session->catalog->database;
    if (session->catalog->change == NULL)
        return slu_error_set(of->err, SLU_UNSUPPORTED, "this catalog makes, alters and drops nothing");
    SLU_TRY(session->catalog->change(session->catalog, change, of->err));
    if (to->format == SLU_SQL_FORMAT_TABLE)
        (void)fputs("OK\n", to->to);
    return sql_tables_list(session, of->err);
}

/* The words that say what it is; false: no change. */
static bool
change_begun(sql_tokens *in, uint32_t *kind)
{
    const bool create = sql_take_word(in, "create");
    const bool alter = !create && sql_take_word(in, "alter");
    if (!create && !alter && !sql_take_word(in, "drop"))
        return false;
    const bool database = !alter && sql_take_word(in, "database");
    if (!database && !sql_take_word(in, "table"))
        return false;
    if (alter)
        *kind = SLU_SQL_ALTER_TABLE;
    else if (create)
        *kind = database ? SLU_SQL_CREATE_DATABASE : SLU_SQL_CREATE_TABLE;
    else
        *kind = database ? SLU_SQL_DROP_DATABASE : SLU_SQL_DROP_TABLE;
    return true;
}

static slu_status
change_rest(change_text *of)
{
    switch (of->to->kind) {
    case SLU_SQL_CREATE_DATABASE:
    case SLU_SQL_CREATE_TABLE: return create_rest(of, of->to->kind == SLU_SQL_CREATE_DATABASE);
    case SLU_SQL_ALTER_TABLE: return alter_rest(of);
    default: return drop_rest(of, of->to->kind == SLU_SQL_DROP_DATABASE);
    }
}

bool
sql_change_run(slu_sql_session *session, const char *text, const sql_output *to, slu_status *status, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_sql_change change = {0};
    change_text of = {.in = {text, text, &arena}, .err = err, .to = &change};
    slu_arena_init(&arena, CHANGE_ARENA_BYTES_MAX);
    if (!change_begun(&of.in, &change.kind))
        return false;
    *status = change_rest(&of);
    if (*status == SLU_OK)
        *status = slu_arena_status(&arena, err);
    if (*status == SLU_OK)
        *status = change_made(session, &of, to);
    return true;
}
