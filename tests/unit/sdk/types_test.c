/* SQL names and Arrow formats, both directions. */
#include "support/check.h"

#include <sluice/sdk/types.h>

static void
check_both(const char *sql, const char *format, const char *back)
{
    slu_error err = {0};
    struct ArrowSchema field;
    char text[SDK_SQL_BYTES_MAX];
    CHECK_OK(sdk_schema_from_sql(sql, "x", &field, &err));
    CHECK_TEXT(field.format, format);
    CHECK_OK(sdk_schema_to_sql(&field, text, sizeof text, &err));
    CHECK_TEXT(text, back);
    slu_schema_release(&field);
}

static void
plain_and_parametric(void **state)
{
    check_both("BIGINT", "l", "BIGINT");
    check_both(" int ", "i", "INT");
    check_both("Integer", "i", "INT");
    check_both("varchar(20)", "u", "STRING");
    check_both("DECIMAL(10, 2)", "d:10,2", "DECIMAL(10,2)");
    check_both("decimal", "d:10,0", "DECIMAL(10,0)");
    check_both("BINARY(16)", "w:16", "BINARY(16)");
    check_both("TIMESTAMP", "tsu:", "TIMESTAMP(6)");
    check_both("TIMESTAMP(3)", "tsm:", "TIMESTAMP(3)");
    check_both("TIMESTAMP_LTZ(9)", "tsn:UTC", "TIMESTAMP_LTZ(9)");
    check_both("TIMESTAMP(3) WITH LOCAL TIME ZONE", "tsm:UTC", "TIMESTAMP_LTZ(3)");
    check_both("DATE", "tdD", "DATE");
    check_both("TIME", "tts", "TIME(0)");
    check_both("time(3)", "ttm", "TIME(3)");
}

static void
nested(void **state)
{
    check_both("ARRAY<STRING>", "+l", "ARRAY<STRING>");
    check_both("MAP<STRING, ARRAY<INT NOT NULL>>", "+m", "MAP<STRING, ARRAY<INT NOT NULL>>");
    check_both("ROW<a INT NOT NULL, b ROW<c DECIMAL(5,1)>>", "+s", "ROW<a INT NOT NULL, b ROW<c DECIMAL(5,1)>>");
}

static void
columns(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    CHECK_OK(sdk_schema_from_columns("id BIGINT NOT NULL, `the name` STRING, amount DECIMAL(10,2)", &schema, &err));
    assert_int_equal(schema.n_children, 3);
    CHECK_TEXT(schema.children[1]->name, "the name");
    assert_false(slu_schema_nullable(schema.children[0]));
    assert_true(slu_schema_nullable(schema.children[2]));
    slu_schema_release(&schema);
}

static void
refused(void **state)
{
    static const struct {
        const char *sql, *says;
    } cases[] = {{"BIGNIT", "did you mean BIGINT?"},
                 {"DECIMAL(40,2)", "precision 1..38"},
                 {"DECIMAL(4,5)", "scale 0..precision"},
                 {"INT INT", "the end is expected"},
                 {"ARRAY<INT", "'>' is expected"},
                 {"", "a type is expected"},
                 {"INT NOT", "NOT NULL"},
                 {"ROW<a INT, a INT>", "twice"},
                 {"DECIMAL(99999999999999,2)", "a number is expected"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slu_error err = {0};
        struct ArrowSchema field;
        CHECK_STATUS(sdk_schema_from_sql(cases[i].sql, "x", &field, &err), SLU_INVALID);
        CHECK_MESSAGE(err, cases[i].says);
    }
}

static void
too_deep(void **state)
{
    char sql[4096] = "";
    slu_error err = {0};
    struct ArrowSchema field;
    for (int i = 0; i < 40; i++)
        strcat(sql, "ARRAY<");
    CHECK_STATUS(sdk_schema_from_sql(sql, "x", &field, &err), SLU_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain_and_parametric), cmocka_unit_test(nested), cmocka_unit_test(columns),
                                       cmocka_unit_test(refused), cmocka_unit_test(too_deep)};
    return cmocka_run_group_tests_name("sdk.types", tests, NULL, NULL);
}
