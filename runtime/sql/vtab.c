#include "vtab.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define SAID_ENOUGH_BYTES 300 /* of one statement */

typedef struct vtab {
    sqlite3_vtab base; /* first */
    slu_sql_vtab_source *source;
    slu_sql_table *table;
} vtab;

typedef struct cursor {
    sqlite3_vtab_cursor base; /* first */
    slu_sql_scan *scan;
    slu_sql_batch batch;
    int64_t row;    /* within batch */
    int64_t number; /* within the scan */
    int end;
    int16_t *position; /* schema column -> child of batch, -1: not read */
} cursor;

/* Hands a failure to SQLite, which keeps its text, and to the session, which keeps all of it. */
static int
failed(vtab *table, const slu_error *err)
{
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = sqlite3_mprintf("%s", err->message);
    table->source->err = *err;
    return err->status == SLU_NOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
}

static void
declare(const struct ArrowSchema *schema, slu_buf *sql)
{
    slu_buf_text(sql, "CREATE TABLE x(");
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *type = slu_sql_type(schema->children[i]->format);
        char *name = sqlite3_mprintf("\"%w\"", schema->children[i]->name);
        slu_buf_printf(sql, "%s%s %s", i > 0 ? "," : "", name == NULL ? "x" : name, type == NULL ? "BLOB" : type);
        sqlite3_free(name);
    }
    slu_buf_text(sql, ")");
}

/* The arguments are quoted in the statement that session.c writes: 'database', 'table', 'suffix'. */
static char *
unquoted(const char *argument)
{
    const size_t bytes = strlen(argument);
    char *text = slu_strndup(argument + 1, bytes < 2 ? 0 : bytes - 2);
    size_t to = 0;
    for (size_t i = 0; text != NULL && text[i] != 0; i++) {
        if (text[i] == '\'' && text[i + 1] == '\'')
            i++;
        text[to++] = text[i];
    }
    if (text != NULL)
        text[to] = 0;
    return text;
}

static int
table_open(slu_sql_vtab_source *source, const char *const *arguments, slu_sql_table **out, char **message)
{
    char *database = unquoted(arguments[3]);
    char *name = unquoted(arguments[4]);
    char *suffix = unquoted(arguments[5]);
    int code = SQLITE_NOMEM;
    slu_error err = {0};
    if (database != NULL && name != NULL && suffix != NULL) {
        code = source->catalog->open(source->catalog, database, name, suffix, out, &err) == SLU_OK ? SQLITE_OK : SQLITE_ERROR;
        if (code != SQLITE_OK) {
            *message = sqlite3_mprintf("%s", err.message);
            source->err = err;
        }
    }
    slu_free(database);
    slu_free(name);
    slu_free(suffix);
    return code;
}

static int
connect(sqlite3 *db, void *source, int count, const char *const *arguments, sqlite3_vtab **out, char **message)
{
    slu_buf sql;
    slu_sql_table *table = NULL;
    if (count < 6)
        return SQLITE_MISUSE;
    int code = table_open(source, arguments, &table, message);
    if (code != SQLITE_OK)
        return code;
    slu_buf_init(&sql, 1 << 20);
    declare(table->schema, &sql);
    vtab *made = sqlite3_malloc(sizeof *made);
    code = made == NULL ? SQLITE_NOMEM : sqlite3_declare_vtab(db, slu_buf_cstr(&sql));
    slu_buf_fini(&sql);
    if (code != SQLITE_OK) {
        sqlite3_free(made);
        table->close(table);
        return code;
    }
    memset(made, 0, sizeof *made);
    made->source = source;
    made->table = table;
    made->source->table = table;
    made->source->connected++;
    *out = &made->base;
    return SQLITE_OK;
}

static int
disconnect(sqlite3_vtab *base)
{
    vtab *table = (vtab *)base;
    table->table->close(table->table);
    sqlite3_free(table);
    return SQLITE_OK;
}

static uint32_t
filter_op(int op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return SLU_SQL_EQ;
    case SQLITE_INDEX_CONSTRAINT_GT: return SLU_SQL_GT;
    case SQLITE_INDEX_CONSTRAINT_LE: return SLU_SQL_LE;
    case SQLITE_INDEX_CONSTRAINT_LT: return SLU_SQL_LT;
    case SQLITE_INDEX_CONSTRAINT_GE: return SLU_SQL_GE;
    default: return 0;
    }
}

/* Whether a constraint compares as tables do: numbers by value, DECIMAL by its collation, texts by bytes; with NOCASE more rows are equal
 * than a table would give. */
static bool
compares_so(const slu_sql_table *table, sqlite3_index_info *info, int constraint)
{
    const char *collation = sqlite3_vtab_collation(info, constraint);
    const char *format = table->schema->children[info->aConstraint[constraint].iColumn]->format;
    return collation == NULL || strcmp(collation, format[0] == 'd' ? "DECIMAL" : "BINARY") == 0;
}

/* Takes the usable comparisons as hints and, if nothing else is left to SQLite, the LIMIT. The plan goes to xFilter as text: the
 * column mask, then "column:op" for each argument in order, or "limit". */
static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    slu_buf plan;
    int arguments = 0;
    int left_to_sqlite = 0;
    int limit = -1;
    slu_buf_init(&plan, 4096);
    slu_buf_printf(&plan, "%llx", (unsigned long long)info->colUsed);
    for (int i = 0; i < info->nConstraint; i++) {
        const uint32_t op = filter_op(info->aConstraint[i].op);
        if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_LIMIT && info->aConstraint[i].usable) {
            limit = i;
            continue;
        }
        left_to_sqlite++;
        if (op == 0 || !info->aConstraint[i].usable || info->aConstraint[i].iColumn < 0 || arguments >= SLU_SQL_FILTERS_MAX)
            continue;
        if (!compares_so(((const vtab *)base)->table, info, i))
            continue;
        info->aConstraintUsage[i].argvIndex = ++arguments;
        slu_buf_printf(&plan, " %d:%u", info->aConstraint[i].iColumn, op);
    }
    if (limit >= 0 && left_to_sqlite == 0 && info->nOrderBy == 0) {
        info->aConstraintUsage[limit].argvIndex = ++arguments;
        slu_buf_text(&plan, " limit");
    }
    info->idxStr = sqlite3_mprintf("%s", slu_buf_cstr(&plan));
    info->needToFreeIdxStr = 1;
    info->estimatedCost = arguments > 0 ? 1e5 : 1e6;
    info->estimatedRows = arguments > 0 ? 100000 : 1000000;
    slu_buf_fini(&plan);
    return info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

static int
cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    const struct ArrowSchema *schema = ((vtab *)base)->table->schema;
    const size_t positions = (size_t)schema->n_children * sizeof(int16_t);
    cursor *made = sqlite3_malloc64(sizeof *made + positions);
    if (made == NULL)
        return SQLITE_NOMEM;
    memset(made, 0, sizeof *made);
    made->position = (int16_t *)(void *)(made + 1);
    *out = &made->base;
    return SQLITE_OK;
}

static void
batch_end(cursor *at)
{
    if (at->batch.array.release != NULL)
        at->batch.array.release(&at->batch.array);
    slu_free(at->batch.selection);
    memset(&at->batch, 0, sizeof at->batch);
}

/* A join may scan a table a thousand times: what no longer fits is left out. */
static void
scan_say(const cursor *at)
{
    slu_buf *said = &((vtab *)at->base.pVtab)->source->said;
    const size_t before = said->bytes;
    if (at->scan->say == NULL || before > SAID_ENOUGH_BYTES)
        return;
    if (before > 0)
        slu_buf_text(said, "; ");
    const size_t from = said->bytes;
    at->scan->say(at->scan, said);
    if (said->bytes == from)
        said->bytes = before;
    (void)slu_buf_cstr(said);
}

static void
scan_end(cursor *at)
{
    batch_end(at);
    if (at->scan != NULL) {
        scan_say(at);
        at->scan->close(at->scan);
    }
    at->scan = NULL;
}

static int
cursor_close(sqlite3_vtab_cursor *base)
{
    scan_end((cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
batch_next(cursor *at)
{
    vtab *table = (vtab *)at->base.pVtab;
    slu_error err = {0};
    at->row = 0;
    do {
        batch_end(at);
        const slu_status status = at->scan->next(at->scan, &at->batch, &err);
        if (status == SLU_END) {
            at->end = 1;
            return SQLITE_OK;
        }
        if (status != SLU_OK)
            return failed(table, &err);
    } while (at->batch.rows == 0);
    return SQLITE_OK;
}

static void
filter_value(slu_sql_filter *filter, sqlite3_value *value)
{
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        filter->type = 1;
        filter->i64 = sqlite3_value_int64(value);
        break;
    case SQLITE_FLOAT:
        filter->type = 2;
        filter->f64 = sqlite3_value_double(value);
        break;
    case SQLITE_TEXT:
        filter->type = 3;
        filter->text = (const char *)sqlite3_value_text(value);
        break;
    default: filter->type = 0; /* NULL and blobs: no hint */
    }
}

/* Reads the plan text of best_index. */
static void
plan_read(const char *plan, sqlite3_value **values, slu_sql_scan_spec *spec, slu_sql_filter *filters, uint64_t *mask)
{
    char *at;
    uint32_t count = 0;
    *mask = strtoull(plan, &at, 16);
    spec->limit = -1;
    for (int argument = 0; *at == ' '; argument++) {
        if (strncmp(at, " limit", 6) == 0) {
            spec->limit = sqlite3_value_int64(values[argument]);
            break;
        }
        slu_sql_filter filter = {.column = (uint32_t)strtoul(at + 1, &at, 10)};
        filter.op = (uint32_t)strtoul(at + 1, &at, 10);
        filter_value(&filter, values[argument]);
        if (filter.type != 0)
            filters[count++] = filter;
    }
    spec->filters = filters;
    spec->filter_count = count;
}

static int
cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
    cursor *at = (cursor *)base;
    vtab *table = (vtab *)base->pVtab;
    const struct ArrowSchema *schema = table->table->schema;
    slu_sql_filter filters[SLU_SQL_FILTERS_MAX + 1];
    uint32_t columns[SLU_SQL_COLUMNS_MAX];
    slu_sql_scan_spec spec = {.columns = columns};
    uint64_t mask;
    slu_error err = {0};
    (void)number;
    (void)count;
    scan_end(at);
    plan_read(plan, values, &spec, filters, &mask);
    for (int64_t i = 0; i < schema->n_children && i < SLU_SQL_COLUMNS_MAX; i++) {
        const bool wanted = (mask >> (i < 63 ? i : 63) & 1) != 0;
        at->position[i] = wanted ? (int16_t)spec.column_count : -1;
        if (wanted)
            columns[spec.column_count++] = (uint32_t)i;
    }
    at->end = 0;
    at->number = 0;
    if (table->table->scan(table->table, &spec, &at->scan, &err) != SLU_OK)
        return failed(table, &err);
    return batch_next(at);
}

static int
cursor_next(sqlite3_vtab_cursor *base)
{
    cursor *at = (cursor *)base;
    at->number++;
    return ++at->row < at->batch.rows ? SQLITE_OK : batch_next(at);
}

static int
cursor_eof(sqlite3_vtab_cursor *base)
{
    return ((cursor *)base)->end;
}

static int
cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const cursor *at = (const cursor *)base;
    const struct ArrowSchema *schema = ((const vtab *)base->pVtab)->table->schema;
    const int64_t row = at->batch.selection == NULL ? at->row : at->batch.selection[at->row];
    if (at->position[column] >= 0)
        slu_sql_result(context, schema->children[column], at->batch.array.children[at->position[column]], row);
    return SQLITE_OK;
}

static int
cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const cursor *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xCreate = connect,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

slu_status
slu_sql_vtab_register(sqlite3 *db, slu_sql_vtab_source *source, slu_error *err)
{
    if (sqlite3_create_module(db, "sluice", &module, source) != SQLITE_OK)
        return slu_error_set(err, SLU_NOMEM, "SQLite: %s", sqlite3_errmsg(db));
    return SLU_OK;
}
