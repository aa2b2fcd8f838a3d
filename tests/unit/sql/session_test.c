/* The SQL room over a table in memory: names, push-down, LIMIT's trap, exact decimals, output formats, errors. */
#include "support/check.h"

#include "sql/session.h"

__extension__ typedef __int128 wide;

#define ROWS 6

static const int64_t ids[ROWS] = {1, 2, 3, 4, 5, INT64_MAX};
static const wide amounts[ROWS] = {10, 80, 100100, -5, 0, 999};
static const uint8_t amount_valid[1] = {0x2f}; /* row 4 is null */
static const char name_bytes[] = "annbobcarlda\"ve,";
static const int32_t name_offsets[ROWS + 1] = {0, 3, 6, 10, 16, 16, 16};

static struct ArrowSchema columns[3] = {
    {.format = "l", .name = "id"}, {.format = "d:10,2", .name = "amount"}, {.format = "u", .name = "name"}};
static struct ArrowSchema *children[3] = {&columns[0], &columns[1], &columns[2]};
static const struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 3, .children = children};

static int scans;
static slu_sql_scan_spec last;
static slu_sql_filter last_filter;

typedef struct scan {
    slu_sql_scan base;
    uint32_t columns[3];
    uint32_t count;
    int at; /* two batches of three rows */
    const void *buffers[3][3];
    struct ArrowArray arrays[3];
    struct ArrowArray *pointers[3];
} scan;

static void
array_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    scan *self = (scan *)base;
    const int first = 3 * self->at++;
    if (first >= ROWS)
        return SLU_END;
    (void)err;
    for (uint32_t i = 0; i < self->count; i++) {
        const uint32_t column = self->columns[i];
        self->arrays[i] =
            (struct ArrowArray){.length = 3, .offset = first, .n_buffers = column == 2 ? 3 : 2, .buffers = self->buffers[i]};
        self->buffers[i][0] = column == 1 ? amount_valid : NULL;
        self->arrays[i].null_count = column == 1 ? -1 : 0;
        self->buffers[i][1] = column == 0 ? (const void *)ids : column == 1 ? (const void *)amounts : (const void *)name_offsets;
        self->buffers[i][2] = name_bytes;
        self->pointers[i] = &self->arrays[i];
    }
    *out = (slu_sql_batch){.array = {.length = 3, .n_children = self->count, .children = self->pointers, .release = array_release},
                           .rows = 3};
    return SLU_OK;
}

static void
scan_close(slu_sql_scan *base)
{
    free(base);
}

static slu_status
table_scan(slu_sql_table *table, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    scan *made = calloc(1, sizeof *made);
    (void)table;
    (void)err;
    scans++;
    last = *spec;
    if (spec->filter_count > 0)
        last_filter = spec->filters[0];
    made->base = (slu_sql_scan){.next = scan_next, .close = scan_close};
    made->count = spec->column_count;
    memcpy(made->columns, spec->columns, spec->column_count * sizeof *spec->columns);
    *out = &made->base;
    return SLU_OK;
}

static slu_status
table_count(slu_sql_table *table, int64_t *rows, slu_error *err)
{
    (void)table;
    (void)err;
    *rows = ROWS;
    return SLU_OK;
}

static void
table_close(slu_sql_table *table)
{
    (void)table;
}

static slu_status
catalog_list(const slu_sql_catalog *catalog, void (*found)(void *, const char *, const char *), void *to, slu_error *err)
{
    (void)catalog;
    (void)err;
    found(to, "fluss", "transaction");
    found(to, "other", "account");
    return SLU_OK;
}

static slu_status
catalog_open(const slu_sql_catalog *catalog, const char *database, const char *table, const char *suffix, slu_sql_table **out,
             slu_error *err)
{
    static slu_sql_table opened = {.schema = &schema, .count = table_count, .scan = table_scan, .close = table_close};
    (void)catalog;
    if (strcmp(suffix, "lake") == 0)
        return slu_error_set(err, SLU_NOTFOUND, "table %s.%s has no lake", database, table);
    *out = &opened;
    return SLU_OK;
}

static const slu_sql_catalog catalog = {.database = "fluss", .list = catalog_list, .open = catalog_open};

/* A cluster that does not answer. */
static slu_status
catalog_away(const slu_sql_catalog *away, void (*found)(void *, const char *, const char *), void *to, slu_error *err)
{
    (void)away;
    (void)found;
    (void)to;
    return slu_error_set(err, SLU_TIMEOUT, "no server answers");
}

static slu_status
run_on(const slu_sql_catalog *on, const char *sql, int format, char *out, size_t out_bytes, slu_error *err)
{
    slu_sql_session *session = NULL;
    slu_status status = slu_sql_open(on, &session, err);
    FILE *to = fmemopen(out, out_bytes, "w");
    assert_non_null(to);
    if (status == SLU_OK)
        status = slu_sql_run(session, sql, format, to, NULL, err);
    (void)fclose(to);
    slu_sql_close(&session);
    return status;
}

static slu_status
run(const char *sql, int format, char *out, size_t out_bytes, slu_error *err)
{
    return run_on(&catalog, sql, format, out, out_bytes, err);
}

static void
check_csv(const char *sql, const char *expected)
{
    char out[2000] = "";
    slu_error err = {0};
    CHECK_OK(run(sql, SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    CHECK_TEXT(out, expected);
}

static void
a_keyword_table_and_a_foreign_database_are_found(void **state)
{
    (void)state;
    check_csv("select count(*) n from transaction", "n\n6\n");
    check_csv("select count(*) n from fluss.transaction t join other.account a on a.id = t.id", "n\n6\n");
    check_csv("select transaction.id from transaction where id < 2; -- transaction", "id\n1\n");
    check_csv("select 'transaction' x, count(*) n from \"transaction\"", "x,n\ntransaction,6\n");
}

static void
a_query_without_tables_asks_no_cluster(void **state)
{
    static const slu_sql_catalog away = {.database = "fluss", .list = catalog_away, .open = catalog_open};
    char out[2000] = "";
    slu_error err = {0};
    (void)state;
    CHECK_OK(run_on(&away, "select 1 a; -- from\nselect 'from x' b;", SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    CHECK_TEXT(out, "a\n1\nb\nfrom x\n");
    const char *const asking[] = {"select 1; select id from transaction", "show tables", "create table t (id INT)",
                                  "select 1 in account"};
    for (size_t i = 0; i < sizeof asking / sizeof asking[0]; i++) {
        assert_int_equal(run_on(&away, asking[i], SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_TIMEOUT);
        CHECK_TEXT(err.message, "no server answers");
    }
}

static void
decimals_are_exact_and_compared_by_value(void **state)
{
    (void)state;
    check_csv("select amount from transaction where amount > 1.00", "amount\n1001.00\n9.99\n");
    check_csv("select sum(amount) s, avg(amount) a, total(amount) t, max(amount) m from transaction",
              "s,a,t,m\n1011.84,202.36800000,1011.84,1001.00\n");
    check_csv("select id from transaction order by amount desc limit 2", "id\n3\n9223372036854775807\n");
    check_csv("select id from transaction where amount = 0.8", "id\n2\n");
    check_csv("select count(amount) n from transaction where amount is not null", "n\n5\n");
}

static void
columns_filters_and_limits_are_pushed_down(void **state)
{
    (void)state;
    check_csv("select name from transaction where id >= 3 and id < 5", "name\ncarl\n\"da\"\"ve,\"\n");
    assert_int_equal(last.column_count, 2);
    assert_int_equal(last.filter_count, 2);
    assert_int_equal(last_filter.op, SLU_SQL_GE);
    assert_true(last_filter.i64 == 3);
    check_csv("select id from transaction limit 2", "id\n1\n2\n");
    assert_true(last.limit == 2);
    check_csv("select id from transaction order by id desc limit 1", "id\n9223372036854775807\n");
    assert_true(last.limit == -1);
    check_csv("select id from transaction where id > 4 limit 1", "id\n5\n");
    assert_true(last.limit == -1);
}

static void
formats_show_the_same_rows(void **state)
{
    (void)state;
    char out[2000] = "";
    slu_error err = {0};
    CHECK_OK(run("select id, amount, name from transaction where id > 4", SLU_SQL_FORMAT_JSON, out, sizeof out, &err));
    CHECK_TEXT(out, "[\n  {\"id\": 5, \"amount\": null, \"name\": \"\"},\n"
                    "  {\"id\": 9223372036854775807, \"amount\": \"9.99\", \"name\": \"\"}\n]\n");
    memset(out, 0, sizeof out);
    CHECK_OK(run("select id, name from transaction where id < 3", SLU_SQL_FORMAT_TABLE, out, sizeof out, &err));
    CHECK_TEXT(out, "id  name\n--  ----\n 1  ann\n 2  bob\n(2 rows)\n");
    memset(out, 0, sizeof out);
    CHECK_OK(run("describe transaction", SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    CHECK_TEXT(out, "name,type,null\nid,BIGINT,FALSE\namount,\"DECIMAL(10,2)\",FALSE\nname,STRING,FALSE\n");
    memset(out, 0, sizeof out);
    CHECK_OK(run("SHOW TABLES;", SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    CHECK_TEXT(out, "database,table\nfluss,transaction\nother,account\n");
    check_csv("select ';' x; -- a comment;\n show tables; select 2 y",
              "x\n;\ndatabase,table\nfluss,transaction\nother,account\ny\n2\n");
}

static void
a_long_blob_is_whole_for_programs_and_infinity_is_valid_json(void **state)
{
    (void)state;
    char out[8000];
    slu_error err = {0};
    CHECK_OK(run("select zeroblob(2000) x", SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    assert_int_equal(strlen(out), 2 + 2 + 4000 + 1);
    CHECK_OK(run("select zeroblob(2000) x", SLU_SQL_FORMAT_JSON, out, sizeof out, &err));
    assert_true(strstr(out, "00\"}") != NULL && strlen(out) > 4000);
    CHECK_OK(run("select zeroblob(2000) x", SLU_SQL_FORMAT_TABLE, out, sizeof out, &err));
    assert_true(strstr(out, "00...\n") != NULL);
    CHECK_OK(run("select -1e999 x", SLU_SQL_FORMAT_JSON, out, sizeof out, &err));
    CHECK_TEXT(out, "[\n  {\"x\": \"-Inf\"}\n]\n");
}

static void
a_cell_keeps_its_line_and_commands_no_terminal(void **state)
{
    (void)state;
    char out[2000] = "";
    slu_error err = {0};
    CHECK_OK(
        run("select 'a' || char(10) || 'b' || char(27) || '[2J' || char(155) x, 1 y", SLU_SQL_FORMAT_TABLE, out, sizeof out, &err));
    CHECK_TEXT(out, "x                y\n---------------  -\na\\nb\\x1b[2J\\x9b  1\n(1 row)\n");
    CHECK_OK(run("select 'a' || char(10) x", SLU_SQL_FORMAT_CSV, out, sizeof out, &err));
    CHECK_TEXT(out, "x\n\"a\n\"\n");
}

static void
a_transaction_is_refused_since_an_insert_would_stay(void **state)
{
    (void)state;
    char out[2000] = "";
    slu_error err = {0};
    CHECK_STATUS(run("begin", SLU_SQL_FORMAT_TABLE, out, sizeof out, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "only queries, SHOW");
    CHECK_STATUS(run("rollback", SLU_SQL_FORMAT_TABLE, out, sizeof out, &err), SLU_UNSUPPORTED);
}

static void
errors_say_what_is_wrong(void **state)
{
    (void)state;
    char out[2000];
    slu_error err = {0};
    CHECK_STATUS(run("select * from transactoin", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "did you mean transaction?");
    CHECK_STATUS(run("select * from transaction$lake", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_NOTFOUND);
    CHECK_TEXT(err.message, "table fluss.transaction has no lake");
    CHECK_STATUS(run("select nope from transaction", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "no such column: nope");
    CHECK_STATUS(run("delete from transaction", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_INVALID);
    CHECK_STATUS(run("attach 'attached.db' as other", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(run("create table x(a BIGINT)", SLU_SQL_FORMAT_CSV, out, sizeof out, &err), SLU_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keyword_table_and_a_foreign_database_are_found),
        cmocka_unit_test(a_query_without_tables_asks_no_cluster),
        cmocka_unit_test(decimals_are_exact_and_compared_by_value),
        cmocka_unit_test(columns_filters_and_limits_are_pushed_down),
        cmocka_unit_test(formats_show_the_same_rows),
        cmocka_unit_test(a_long_blob_is_whole_for_programs_and_infinity_is_valid_json),
        cmocka_unit_test(a_cell_keeps_its_line_and_commands_no_terminal),
        cmocka_unit_test(a_transaction_is_refused_since_an_insert_would_stay),
        cmocka_unit_test(errors_say_what_is_wrong),
    };
    return cmocka_run_group_tests_name("sql.session", tests, NULL, NULL);
}
