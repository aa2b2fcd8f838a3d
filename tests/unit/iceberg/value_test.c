/* Values and transforms against the specification's own test values. */
#include "iceberg/partition.h"
#include "support/check.h"

static const iceberg_type INT = {.kind = ICEBERG_INT};
static const iceberg_type LONG = {.kind = ICEBERG_LONG};
static const iceberg_type DATE = {.kind = ICEBERG_DATE};
static const iceberg_type STAMP = {.kind = ICEBERG_TIMESTAMP};
static const iceberg_type STRING = {.kind = ICEBERG_STRING};
static const iceberg_type BINARY = {.kind = ICEBERG_BINARY};
static const iceberg_type UUID = {.kind = ICEBERG_UUID};
static const iceberg_type DECIMAL = {.kind = ICEBERG_DECIMAL, .precision = 9, .scale = 2};
static const iceberg_type DOUBLE = {.kind = ICEBERG_DOUBLE};

static iceberg_value
applied(const char *text, const iceberg_type *type, iceberg_value value, iceberg_scalar *room)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_transform transform;
    iceberg_value out;
    slu_arena_init(&arena, 1000);
    CHECK_OK(iceberg_transform_parse(text, &arena, &transform, &err));
    CHECK_OK(iceberg_transform_apply(&transform, type, value, room, &out, &err));
    slu_arena_fini(&arena);
    return out;
}

static int64_t
applied_int(const char *text, const iceberg_type *type, iceberg_value value)
{
    iceberg_scalar room;
    int64_t number = 0;
    const iceberg_value out = applied(text, type, value, &room);
    assert_true(iceberg_value_i64(out.bytes.bytes == 8 ? &LONG : &INT, out.bytes, &number));
    return number;
}

/* bucket[2^31-1] shows the whole hash but for its sign. */
static void
check_hash(const iceberg_type *type, iceberg_value value, int32_t hash)
{
    assert_int_equal(applied_int("bucket[2147483647]", type, value), (hash & INT32_MAX) % INT32_MAX);
}

static void
bucket_hashes(void **state)
{
    static const uint8_t uuid[] = {0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd, 0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7};
    iceberg_scalar room;
    check_hash(&INT, iceberg_value_of_i32(34, &room), 2017239379);
    check_hash(&LONG, iceberg_value_of_i64(34, &room), 2017239379);
    check_hash(&DATE, iceberg_value_of_i32(17486, &room), -653330422);
    check_hash(&STAMP, iceberg_value_of_i64(INT64_C(1510871468000000), &room), -2047944441);
    check_hash(&STRING, iceberg_value_of(slu_view_of_text("iceberg")), 1210000089);
    check_hash(&UUID, iceberg_value_of(slu_view_of(uuid, 16)), 1488055340);
    check_hash(&BINARY, iceberg_value_of(slu_view_of("\0\1\2\3", 4)), -188683207);
    check_hash(&DECIMAL, iceberg_value_of_decimal(1420, &room), -500754589);
}

static void
truncates_floor(void **state)
{
    iceberg_scalar room;
    iceberg_scalar out;
    assert_int_equal(applied_int("truncate[10]", &INT, iceberg_value_of_i32(-1, &room)), -10);
    assert_int_equal(applied_int("truncate[10]", &LONG, iceberg_value_of_i64(19, &room)), 10);
    assert_true(
        slu_view_is(applied("truncate[3]", &STRING, iceberg_value_of(slu_view_of_text("\xc3\xa4\xc3\xb6\xc3\xbcx")), &out).bytes,
                    "\xc3\xa4\xc3\xb6\xc3\xbc"));
    assert_int_equal(iceberg_value_decimal(applied("truncate[50]", &DECIMAL, iceberg_value_of_decimal(-1, &room), &out).bytes),
                     -50);
    assert_int_equal(applied("truncate[2]", &BINARY, iceberg_value_of(slu_view_of("abc", 3)), &out).bytes.bytes, 2);
}

static void
times_floor(void **state)
{
    iceberg_scalar room;
    assert_int_equal(applied_int("year", &DATE, iceberg_value_of_i32(-1, &room)), -1);
    assert_int_equal(applied_int("month", &DATE, iceberg_value_of_i32(-1, &room)), -1);
    assert_int_equal(applied_int("month", &DATE, iceberg_value_of_i32(59, &room)), 2); /* 1970-03-01 */
    assert_int_equal(applied_int("day", &STAMP, iceberg_value_of_i64(-1, &room)), -1);
    assert_int_equal(applied_int("hour", &STAMP, iceberg_value_of_i64(-1, &room)), -1);
    assert_int_equal(applied_int("hour", &STAMP, iceberg_value_of_i64(INT64_C(3600000000), &room)), 1);
    assert_int_equal(applied_int("year", &STAMP, iceberg_value_of_i64(INT64_C(1510871468000000), &room)), 47);
}

static void
what_cannot_be_computed_is_said(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_transform transform;
    iceberg_scalar room;
    iceberg_value out;
    slu_arena_init(&arena, 10000);
    const iceberg_value value = iceberg_value_of_i64(0, &room);
    CHECK_OK(iceberg_transform_parse("zorder[3]", &arena, &transform, &err));
    CHECK_STATUS(iceberg_transform_apply(&transform, &LONG, value, &room, &out, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "zorder[3]");
    CHECK_OK(iceberg_transform_parse("bucket[4]", &arena, &transform, &err));
    CHECK_STATUS(iceberg_transform_apply(&transform, &DOUBLE, value, &room, &out, &err), SLU_UNSUPPORTED);
    CHECK_OK(iceberg_transform_parse("day", &arena, &transform, &err));
    CHECK_STATUS(iceberg_transform_apply(&transform, &LONG, value, &room, &out, &err), SLU_UNSUPPORTED);
    CHECK_OK(iceberg_transform_parse("bucket[0]", &arena, &transform, &err));
    assert_int_equal(transform.kind, ICEBERG_TRANSFORM_UNKNOWN);
    slu_arena_fini(&arena);
}

static void
check_decimal(slu_i128_natural number, const char *bytes, size_t count, const char *text)
{
    iceberg_scalar room;
    slu_buf out;
    slu_buf_init(&out, 100);
    const iceberg_value value = iceberg_value_of_decimal(number, &room);
    assert_true(slu_view_equal(value.bytes, slu_view_of(bytes, count)));
    assert_true(iceberg_value_decimal(value.bytes) == number);
    iceberg_value_print(&DECIMAL, value, &out);
    CHECK_TEXT(slu_buf_cstr(&out), text);
    slu_buf_fini(&out);
}

static void
decimals_are_minimal(void **state)
{
    check_decimal(0, "\0", 1, "0.00");
    check_decimal(-1, "\xff", 1, "-0.01");
    check_decimal(127, "\x7f", 1, "1.27");
    check_decimal(128, "\0\x80", 2, "1.28");
    check_decimal(-128, "\x80", 1, "-1.28");
    check_decimal(-129, "\xff\x7f", 2, "-1.29");
    check_decimal(123456, "\x01\xe2\x40", 3, "1234.56");
}

static void
check_print(const iceberg_type *type, int64_t number, const char *text)
{
    iceberg_scalar room;
    slu_buf out;
    slu_buf_init(&out, 100);
    const bool narrow = type->kind == ICEBERG_DATE;
    iceberg_value_print(type, narrow ? iceberg_value_of_i32((int32_t)number, &room) : iceberg_value_of_i64(number, &room), &out);
    CHECK_TEXT(slu_buf_cstr(&out), text);
    slu_buf_fini(&out);
}

static void
prints(void **state)
{
    check_print(&DATE, 0, "1970-01-01");
    check_print(&DATE, -719162, "0001-01-01");
    check_print(&DATE, 2932896, "9999-12-31");
    check_print(&DATE, 11016, "2000-02-29");
    check_print(&STAMP, -1, "1969-12-31T23:59:59.999999");
    check_print(&LONG, INT64_MIN, "-9223372036854775808");
}

static void
paths(void **state)
{
    static const iceberg_type types[] = {{.kind = ICEBERG_STRING}, {.kind = ICEBERG_DATE}, {.kind = ICEBERG_INT}};
    static iceberg_partition_field fields[] = {
        {1, 1000, "city", {ICEBERG_TRANSFORM_IDENTITY, 0, "identity"}},
        {2, 1001, "at_day", {ICEBERG_TRANSFORM_DAY, 0, "day"}},
        {2, 1002, "at_hour", {ICEBERG_TRANSFORM_HOUR, 0, "hour"}},
    };
    const iceberg_partition_spec spec = {0, 3, fields};
    slu_error err = {0};
    iceberg_scalar rooms[2];
    slu_buf out;
    slu_buf_init(&out, 1000);
    const iceberg_value tuple[] = {iceberg_value_of(slu_view_of_text("a/b=c d+\xc3\xa9")), iceberg_value_null(),
                                   iceberg_value_of_i32(-1, &rooms[1])};
    CHECK_OK(iceberg_spec_path(&spec, types, tuple, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), "city=a%2Fb%3Dc+d%2B%C3%A9/at_day=null/at_hour=1969-12-31-23");
    slu_buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_hashes),
        cmocka_unit_test(truncates_floor),
        cmocka_unit_test(times_floor),
        cmocka_unit_test(what_cannot_be_computed_is_said),
        cmocka_unit_test(decimals_are_minimal),
        cmocka_unit_test(prints),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
