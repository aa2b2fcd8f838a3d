/* Types and columns as people write them. */
#include "support/check.h"

#include "fluss/record/type_parse.h"

static slu_arena arena;

static void
prints(const char *text, const char *expected)
{
    slu_error err = {0};
    fluss_type type;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    slu_buf_init(&out, 1 << 16);
    CHECK_OK(fluss_type_parse(text, &arena, &type, &err));
    fluss_type_print(&type, &out);
    CHECK_TEXT(slu_buf_cstr(&out), expected);
}

static void
refuses(const char *text, const char *says)
{
    slu_error err = {0};
    fluss_type type;
    assert_true(fluss_type_parse(text, &arena, &type, &err) < 0);
    CHECK_MESSAGE(err, says);
}

static void
types_are_fluss_own(void **state)
{
    (void)state;
    prints("decimal(10,2) not null", "DECIMAL(10, 2) NOT NULL");
    prints("CHAR(3)", "CHAR(3)");
    prints("CHAR(0)", "CHAR(0)"); /* the server refuses it, in its words */
    prints("varchar(20)", "STRING");
    prints("TIMESTAMP(3)", "TIMESTAMP(3)");
    prints("timestamp", "TIMESTAMP(6)");
    prints("TIMESTAMP(0) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(0)");
    prints("BINARY(8)", "BINARY(8)");
    prints("MAP<STRING, ARRAY<INT NOT NULL>>", "MAP<STRING NOT NULL, ARRAY<INT NOT NULL>>");
    refuses("STRIN", "is no type");
    refuses("DECIMAL(", "a number is expected");
    refuses("CHAR(99999999999)", "a number is expected");
    refuses("INT NOT", "NOT NULL is expected");
    refuses("INT x", "the end is expected");
    refuses("ARRAY<INT", "'>' is expected");
    refuses("ROW<a INT, a INT>", "there twice");
    refuses("ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<INT",
            "nested deeper");
}

static void
columns_have_names(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_schema schema;
    CHECK_OK(fluss_columns_parse("id BIGINT NOT NULL, `a b` CHAR(2), \"c\" ROW<x INT>", &arena, &schema, &err));
    assert_int_equal(schema.column_count, 3);
    CHECK_TEXT(schema.columns[1].name, "a b");
    assert_int_equal(schema.columns[1].type.length, 2);
    assert_false(schema.columns[0].type.nullable);
    assert_int_equal(schema.columns[2].type.child_count, 1);
    CHECK_STATUS(fluss_columns_parse("id BIGINT,", &arena, &schema, &err), SLU_INVALID);
    CHECK_STATUS(fluss_columns_parse("id BIGINT, id INT", &arena, &schema, &err), SLU_INVALID);
}

static int
setup(void **state)
{
    (void)state;
    slu_arena_init(&arena, 1 << 22);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    slu_arena_fini(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_fluss_own),
        cmocka_unit_test(columns_have_names),
    };
    return cmocka_run_group_tests_name("fluss.record.types", tests, setup, teardown);
}
