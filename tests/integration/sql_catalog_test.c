/*
 * SQL over the tables of a Fluss server: log tables, primary-key tables folded to their last state, names, columns.
 */
#include "support/check.h"

#include "base/env.h"
#include "cli/catalog/catalog.h"
#include "fluss/client/admin.h"
#include "fluss/client/target.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "integration/fluss_rows.h"
#include "integration/fluss_server.h"
#include "sql/session.h"

#define WAIT_MS 20000
#define COLUMNS                                                                                                                    \
    "\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},\"id\":0},"                              \
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"                            \
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],"
#define REST "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{},\"custom_properties\":{}}"

static slu_env env;
static cli_catalog *catalog;
static slu_sql_session *session;

static void
fill(const char *table, const char *json, int64_t count, const uint8_t *kinds, int64_t kind_rows)
{
    slu_error err = {0};
    fluss_client *client = cli_catalog_client(catalog);
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    test_rows rows;
    CHECK_OK(fluss_admin_create_database(client, "sluice_test", true, &err));
    CHECK_OK(fluss_admin_drop_table(client, "sluice_test", table, true, &err));
    CHECK_OK(fluss_admin_create_table(client, "sluice_test", table, slu_view_of_text(json), false, &err));
    CHECK_OK(fluss_target_open(client, "sluice_test", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    for (int i = 0; i < 1000 && fluss_writer_poll(writer, &err) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    for (int pass = 0; pass < (kinds == NULL ? 1 : 2); pass++) {
        const int64_t n = pass == 0 ? count : kind_rows;
        test_rows_init(&rows, 0, n);
        int32_t *buckets = malloc((size_t)n * 4);
        int32_t *selection = malloc((size_t)n * 4);
        CHECK_OK(fluss_table_buckets(fluss_target_table(target), &rows.schema, &rows.array, NULL, n, buckets, &err));
        for (int32_t bucket = 0; bucket < 3; bucket++) {
            int64_t selected = 0;
            for (int64_t i = 0; i < n; i++)
                if (buckets[i] == bucket)
                    selection[selected++] = (int32_t)i;
            CHECK_OK(
                fluss_writer_write(writer, bucket, &rows.schema, &rows.array, selection, selected, pass == 0 ? NULL : kinds, &err));
        }
        CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
        test_rows_fini(&rows);
        free(buckets);
        free(selection);
    }
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

static void
check_csv(const char *sql, const char *expected)
{
    char out[4000] = "";
    slu_error err = {0};
    FILE *to = fmemopen(out, sizeof out, "w");
    const slu_status status = slu_sql_run(session, sql, SLU_SQL_FORMAT_CSV, to, NULL, &err);
    (void)fclose(to);
    CHECK_OK(status);
    CHECK_TEXT(out, expected);
}

static void
a_log_table_is_read_whole(void **state)
{
    (void)state;
    fill("rows", "{\"version\":1,\"schema\":{\"version\":1," COLUMNS "\"highest_field_id\":2}," REST, 5000, NULL, 0);
    check_csv("select count(*) n, sum(id) i, sum(amount) a, max(name) m from rows", "n,i,a,m\n5000,12497500,124975.00,name999\n");
    check_csv("select name from sluice_test.rows$log where amount = 12.34", "name\nname1234\n");
    check_csv("select count(*) n from rows a join rows b on a.id = b.id where a.id < 10", "n\n10\n");
    check_csv("describe rows", "name,type,null\nid,BIGINT,FALSE\namount,\"DECIMAL(10,2)\",TRUE\nname,STRING,TRUE\n");
}

static void
a_primary_key_table_is_its_last_state(void **state)
{
    (void)state;
    static const uint8_t kinds[4] = {SLU_ROW_DELETE, SLU_ROW_UPDATE_AFTER, SLU_ROW_DELETE, SLU_ROW_UPDATE_AFTER};
    fill("keyed", "{\"version\":1,\"schema\":{\"version\":1," COLUMNS "\"primary_key\":[\"id\"],\"highest_field_id\":2}," REST,
         1000, kinds, 4);
    check_csv("select count(*) n, min(id) i, sum(id) s from keyed", "n,i,s\n998,1,499498\n");
    check_csv("select amount from keyed where id in (0, 1, 2, 3) order by id", "amount\n0.01\n0.03\n");
}

static void
what_is_missing_is_named(void **state)
{
    (void)state;
    slu_error err = {0};
    CHECK_STATUS(slu_sql_run(session, "select * from rowz", SLU_SQL_FORMAT_CSV, stderr, NULL, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "did you mean rows?");
    assert_true(slu_sql_run(session, "select * from rows$lake", SLU_SQL_FORMAT_CSV, stderr, NULL, &err) < 0);
    CHECK_MESSAGE(err, "rows");
    CHECK_STATUS(slu_sql_run(session, "select * from \"rows$lake@12abc\"", SLU_SQL_FORMAT_CSV, stderr, NULL, &err),
                 SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "$lake@SNAPSHOT");
}

static void
run_sql(const char *sql)
{
    slu_error err = {0};
    FILE *to = fopen("/dev/null", "w");
    const slu_status status = slu_sql_run(session, sql, SLU_SQL_FORMAT_CSV, to, NULL, &err);
    (void)fclose(to);
    if (status != SLU_OK)
        print_error("%s\n", err.message);
    CHECK_OK(status);
}

static void
check_said(const char *sql, const char *expected, const char *said)
{
    check_csv(sql, expected);
    if (strstr(slu_sql_said(session), said) == NULL)
        fail_msg("%s: said '%s', not '%s'", sql, slu_sql_said(session), said);
}

static void
a_key_is_looked_up_and_a_bucket_is_enough(void **state)
{
    (void)state;
    run_sql(
        "drop table if exists people; create table people (id BIGINT, day STRING, name STRING, PRIMARY KEY (id, day) NOT ENFORCED) "
        "PARTITIONED BY (day) WITH ('bucket.num' = '3');"
        "insert into people with recursive n(i) as (select 0 union all select i + 1 from n where i < 299) "
        "select i, 'd' || (i % 3), 'name' || i from n;"
        "insert into people values (4, 'd1', 'changed')");
    check_said("select name from people where id = 4 and day = 'd1'", "name\nchanged\n", "looked up by key");
    check_said("select name, day from people where id in (3, 4, 5, 1000) and day in ('d0', 'd1') order by id",
               "name,day\nname3,d0\nchanged,d1\n", "looked up by key");
    check_said("select count(*) n from people where id = 4 and day = 'never'", "n\n0\n", "looked up by key");
    check_csv("select name from people where id = 4 and day = 'D1' collate nocase", "name\nchanged\n");
    check_csv("select count(*) n, sum(id) s, min(name) m from people", "n,s,m\n300,44850,changed\n");
    check_said("select count(*) n from (select id from people limit 7)", "n\n7\n", "limit scan");
    check_csv("select count(*) n from (select id from people limit 400)", "n\n300\n");
    check_csv("select count(*) n from people where day = 'd2'", "n\n100\n");
    run_sql(
        "drop table if exists events; create table events (id BIGINT, name STRING) WITH ('bucket.num' = '4', 'bucket.key' = 'id');"
        "insert into events with recursive n(i) as (select 0 union all select i + 1 from n where i < 3999) select i, 'e' || i from "
        "n");
    check_said("select count(*) from events", "count(*)\n4000\n", "counted from metadata");
    check_said("select count(*) as n from events$log;", "n\n4000\n", "counted from metadata");
    check_csv("select name from events where id = 1234", "name\ne1234\n");
    const long one = strtol(slu_sql_said(session), NULL, 10);
    assert_true(one > 0 && one < 2000); /* rows of its bucket alone */
}

static void
a_changelog_shows_every_change(void **state)
{
    (void)state;
    run_sql(
        "drop table if exists counted; create table counted (id INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('bucket.num' = '1')");
    run_sql("insert into counted values (1, 10), (2, 20)");
    run_sql("insert into counted values (1, 11)");
    check_csv("select _change_type, _log_offset, id, n from counted$changelog order by _log_offset",
              "_change_type,_log_offset,id,n\ninsert,0,1,10\ninsert,1,2,20\nupdate_before,2,1,10\nupdate_after,3,1,11\n");
    check_csv("select n, _commit_timestamp > '2020' x from counted$changelog where id = 2", "n,x\n20,1\n");
    check_csv("select count(*) n from counted$changelog", "n\n4\n");
    check_csv("select id, n from counted order by id", "id,n\n1,11\n2,20\n");
}

static void
what_was_made_is_said_again(void **state)
{
    (void)state;
    slu_error err = {0};
    run_sql("create table if not exists said (`a b` DECIMAL(10, 2) COMMENT 'it''s', c CHAR(3), t TIMESTAMP(3), PRIMARY KEY (c) NOT "
            "ENFORCED) "
            "COMMENT 'x' WITH ('bucket.num' = '2', 'table.log.ttl' = '1 d', 'mine' = 'y')");
    SLU_AUTO(slu_buf_fini) slu_buf first = {0};
    SLU_AUTO(slu_buf_fini) slu_buf second = {0};
    slu_buf_init(&first, 1 << 16);
    slu_buf_init(&second, 1 << 16);
    CHECK_OK(slu_sql_schema(session, "said", &first, &err));
    run_sql("drop table said");
    run_sql(slu_buf_cstr(&first));
    CHECK_OK(slu_sql_schema(session, "sluice_test.said", &second, &err));
    CHECK_TEXT(slu_buf_cstr(&first), slu_buf_cstr(&second));
    assert_non_null(strstr(slu_buf_cstr(&first), "`c` CHAR(3) NOT NULL"));
    assert_true(slu_sql_run(session, "create table no (a CHAR(0))", SLU_SQL_FORMAT_CSV, stderr, NULL, &err) < 0);
    CHECK_MESSAGE(err, "Character string length must be between 1 and 2147483647 (both inclusive).");
    assert_true(slu_sql_run(session, "drop database nowhere", SLU_SQL_FORMAT_CSV, stderr, NULL, &err) < 0);
    run_sql("create database d9; drop database if exists d9 cascade; drop database if exists d9");
}

static int
setup(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_env_init_system(&env, SLU_LOG_WARN);
    const cli_catalog_options options = {.bootstrap_servers = test_server_start(&env), .database = "sluice_test"};
    CHECK_OK(cli_catalog_open(&env, &options, &catalog, &err));
    CHECK_OK(slu_sql_open(cli_catalog_sql(catalog), &session, &err));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    slu_sql_close(&session);
    cli_catalog_close(&catalog);
    test_server_stop();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_table_is_read_whole),
        cmocka_unit_test(a_primary_key_table_is_its_last_state),
        cmocka_unit_test(a_key_is_looked_up_and_a_bucket_is_enough),
        cmocka_unit_test(a_changelog_shows_every_change),
        cmocka_unit_test(what_was_made_is_said_again),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests_name("sql.catalog", tests, setup, teardown);
}
