/* Statements of ours: CREATE, DROP, INSERT and SHOW as the catalog hears them, and what is wrong with them in words. */
#include "support/check.h"

#include "sql/session.h"
#include "sql/words.h"

static slu_buf heard; /* what the catalog was told */

static slu_status
catalog_list(const slu_sql_catalog *catalog, void (*found)(void *, const char *, const char *), void *to, slu_error *err)
{
    (void)catalog;
    (void)err;
    found(to, "fluss", "t");
    return SLU_OK;
}

static void
names_hear(const char *what, const char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slu_buf_printf(&heard, " %s=%s", what, names[i]);
}

static slu_status
catalog_change(const slu_sql_catalog *catalog, const slu_sql_change *change, slu_error *err)
{
    (void)catalog;
    (void)err;
    slu_buf_printf(&heard, "%u %s.%s%s%s", change->kind, change->database, change->table == NULL ? "" : change->table,
                   change->lenient ? " lenient" : "", change->cascade ? " cascade" : "");
    for (size_t i = 0; i < change->column_count; i++)
        slu_buf_printf(&heard, " [%s|%s|%s]", change->columns[i].name, change->columns[i].type,
                       change->columns[i].comment == NULL ? "" : change->columns[i].comment);
    names_hear("pk", change->primary_key, change->primary_key_count);
    names_hear("part", change->partition_keys, change->partition_key_count);
    for (size_t i = 0; i < change->option_count; i++)
        slu_buf_printf(&heard, " %s:%s", change->options[i].key,
                       change->options[i].value == NULL ? "(null)" : change->options[i].value);
    slu_buf_printf(&heard, "%s%s", change->comment == NULL ? "" : " #", change->comment == NULL ? "" : change->comment);
    return SLU_OK;
}

static slu_status
sink_value(slu_sql_sink *sink, uint32_t k, const char *text, size_t bytes, slu_error *err)
{
    (void)sink;
    if (bytes == 3 && memcmp(text, "bad", 3) == 0)
        return slu_error_set(err, SLU_INVALID, "a bad value");
    slu_buf_printf(&heard, " %u=%.*s", k, (int)bytes, text);
    return SLU_OK;
}

static slu_status
sink_row(slu_sql_sink *sink, slu_error *err)
{
    (void)sink;
    (void)err;
    slu_buf_text(&heard, ";");
    return SLU_OK;
}

static void
sink_close(slu_sql_sink *sink)
{
    (void)sink;
}

static int64_t
sink_stored(slu_sql_sink *sink)
{
    (void)sink;
    return 4096;
}

static slu_status
catalog_insert(const slu_sql_catalog *catalog, const char *database, const char *table, const char *const *columns, size_t *count,
               slu_sql_sink **out, slu_error *err)
{
    static slu_sql_sink sink = {
        .value = sink_value, .row = sink_row, .finish = sink_row, .stored = sink_stored, .close = sink_close};
    (void)catalog;
    (void)err;
    slu_buf_printf(&heard, "%s.%s(", database, table);
    for (size_t i = 0; i < *count; i++)
        slu_buf_printf(&heard, "%s,", columns[i]);
    slu_buf_text(&heard, ")");
    if (columns == NULL)
        *count = 2;
    *out = &sink;
    return SLU_OK;
}

static const slu_sql_catalog catalog = {
    .database = "fluss", .list = catalog_list, .change = catalog_change, .insert = catalog_insert};

static slu_status
run(const char *sql, slu_error *err)
{
    slu_sql_session *session = NULL;
    char out[1000];
    FILE *to = fmemopen(out, sizeof out, "w");
    slu_buf_reset(&heard);
    slu_status status = slu_sql_open(&catalog, &session, err);
    if (status == SLU_OK)
        status = slu_sql_run(session, sql, SLU_SQL_FORMAT_CSV, to, NULL, err);
    (void)fclose(to);
    slu_sql_close(&session);
    return status;
}

static void
hears(const char *sql, const char *expected)
{
    slu_error err = {0};
    CHECK_OK(run(sql, &err));
    CHECK_TEXT(slu_buf_cstr(&heard), expected);
}

static void
refuses(const char *sql, const char *expected)
{
    slu_error err = {0};
    assert_true(run(sql, &err) < 0);
    CHECK_MESSAGE(err, expected);
    assert_int_equal(heard.bytes, 0);
}

static void
tables_and_databases_are_made_and_dropped(void **state)
{
    (void)state;
    hears("create table if not exists a.b (`the id` BIGINT NOT NULL COMMENT 'it''s', m MAP<STRING, ROW<x DECIMAL(10, 2), y INT>>,\n"
          "-- a comment, with (\n constraint pk primary key (`the id`, m) not enforced) comment 'c' partitioned by (m)\n"
          "with ('bucket.num' = '4', 'table.log.ttl'='1 d');",
          "3 a.b lenient [the id|BIGINT NOT NULL|it's] [m|MAP<STRING, ROW<x DECIMAL(10, 2), y INT>>|] pk=the id pk=m part=m "
          "bucket.num:4 table.log.ttl:1 d #c");
    hears("CREATE TABLE x (a INT PRIMARY KEY NOT ENFORCED, b STRING)", "3 fluss.x [a|INT|] [b|STRING|] pk=a");
    hears("create database d comment 'x' with ('k'='v')", "1 d. k:v #x");
    hears("drop table if exists \"t\"", "4 fluss.t lenient");
    hears("drop database d cascade", "2 d. cascade");
    refuses("create table x", "'(' is expected at the end");
    refuses("create table x (a int,)", "a column's name is expected at ')'");
    refuses("create table x (a)", "a column's type is expected at ')'");
    refuses("create table x (a int, watermark for a as a)", "WATERMARK is Flink's");
    refuses("create table x (a int, b as a + 1)", "computed column");
    refuses("create table x (a int) with (k = 'v')", "'key' = 'value'");
    refuses("create table x (a int) shards 4", "at 'shards 4'");
    refuses("create table x (a int primary key, primary key (a))", "one PRIMARY KEY");
    refuses("drop table x y", "the end is expected at 'y'");
    refuses("create table 'x' (a int)", "a table's name");
}

static void
tables_are_altered(void **state)
{
    (void)state;
    hears("alter table if exists a.b add column note ROW<x INT, y STRING> comment 'n'",
          "5 a.b lenient [note|ROW<x INT, y STRING>|n]");
    hears("alter table t add (b INT, c STRING)", "5 fluss.t [b|INT|] [c|STRING|]");
    hears("alter table t set ('k' = 'v', 'table.datalake.enabled' = 'true')", "5 fluss.t k:v table.datalake.enabled:true");
    hears("alter table t reset ('k')", "5 fluss.t k:(null)");
    refuses("alter table t rename to u", "ADD, SET or RESET is expected at 'rename to u'");
    refuses("alter table t add b INT PRIMARY KEY", "primary key stays");
    refuses("alter table t reset (k)", "an option's name in quotes");
    refuses("alter table t add (b INT) first", "the end is expected at 'first'");
}

static void
what_a_failed_insert_stored_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    CHECK_STATUS(run("insert into t values (1, 'a'), (2, 'bad')", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "row 2: a bad value; 4096 rows of the statement were stored");
}

static void
rows_are_inserted_exactly(void **state)
{
    (void)state;
    hears("insert into t values (1, 'a'), (2, NULL)", "fluss.t() 0=1 1=a; 0=2;;");
    hears("insert into x.y (b, `a`) values (12345678901234567890.12345678901234567890, -0.50)",
          "x.y(b,a,) 0=12345678901234567890.12345678901234567890 1=-0.50;;");
    hears("insert into t values (123456789012345678901, DATE '2026-01-31')", "fluss.t() 0=123456789012345678901 1=2026-01-31;;");
    hears("insert into t select 1 + 1, timestamp '2026-01-31 10:00:00' ;", "fluss.t() 0=2 1=2026-01-31 10:00:00;;");
    hears("insert into t with n as (select 3 x) select x, x from n", "fluss.t() 0=3 1=3;;");
    slu_error err = {0};
    assert_true(run("insert into t values (1)", &err) < 0);
    CHECK_MESSAGE(err, "the query gives 1 columns, and 2 are in the table");
    refuses("insert into t (a, b", "')' is expected at the end");
    refuses("insert into t set a = 1", "VALUES or SELECT is expected at 'set a = 1'");
    refuses("insert into t partition (d = '1') select 1", "write the partition's values as columns");
}

static void
a_text_is_complete_behind_its_last_semicolon(void **state)
{
    (void)state;
    assert_true(slu_sql_text_complete("select 1;"));
    assert_true(slu_sql_text_complete("select 1; select 2;\n -- done\n"));
    assert_false(slu_sql_text_complete(""));
    assert_false(slu_sql_text_complete("select 1; select 2"));
    assert_false(slu_sql_text_complete("select ';"));
    assert_false(slu_sql_text_complete("select 1 -- ;"));
    assert_false(slu_sql_text_complete("select 1 /* ; "));
}

static int
setup(void **state)
{
    (void)state;
    slu_buf_init(&heard, 1 << 16);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    slu_buf_fini(&heard);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_databases_are_made_and_dropped),    cmocka_unit_test(tables_are_altered),
        cmocka_unit_test(what_a_failed_insert_stored_is_said),          cmocka_unit_test(rows_are_inserted_exactly),
        cmocka_unit_test(a_text_is_complete_behind_its_last_semicolon),
    };
    return cmocka_run_group_tests_name("sql.change", tests, setup, teardown);
}
