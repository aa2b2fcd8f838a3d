/* words_test.c: which words of a statement are names of tables. */
#include "sql/words.h"

#include "support/check.h"

/* There are the tables order, count and fraud. */
static bool
known(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes)
{
    (void)context;
    if (strcmp(name->table, "order") != 0 && strcmp(name->table, "count") != 0 && strcmp(name->table, "fraud") != 0)
        return false;
    (void)snprintf(shown, shown_bytes, "%s%s%s", name->table, name->suffix[0] == 0 ? "" : "$", name->suffix);
    return true;
}

static void
check_quoted(const char *statement, const char *expected)
{
    slu_buf out;
    slu_buf_init(&out, 4096);
    slu_sql_quote_names(statement, known, NULL, &out);
    CHECK_TEXT(slu_buf_cstr(&out), expected);
    slu_buf_fini(&out);
}

static void
a_keyword_is_a_table_only_where_a_table_stands(void **state)
{
    (void)state;
    check_quoted("select id from fraud order by id", "select id from \"fraud\" order by id");
    check_quoted("order", "\"order\"");
    check_quoted("order by", "order by");
    check_quoted("select order.id from order order by id", "select \"order\".id from \"order\" order by id");
    check_quoted("select 1 from fraud f JOIN\n order o on o.id = f.id",
                 "select 1 from \"fraud\" f JOIN\n \"order\" o on o.id = f.id");
    check_quoted("select 1 from `order`", "select 1 from \"order\"");
    check_quoted("select 1 from order$lake", "select 1 from \"order$lake\"");
    check_quoted("select x from (select 1 x) order by x", "select x from (select 1 x) order by x");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keyword_is_a_table_only_where_a_table_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
