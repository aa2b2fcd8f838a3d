/* The names of partitions, as Fluss's Java client makes them (tests/interop/fluss/partitions.expected has some of these). */
#include "support/check.h"

#include "fluss/record/partition.h"

#include <math.h>

static void
check_one(uint8_t type_id, const char *format, const void *values, const char *expected)
{
    slu_error err;
    slu_buf out;
    const void *buffers[2] = {NULL, values};
    const struct ArrowArray array = {.length = 1, .n_buffers = 2, .buffers = buffers};
    const fluss_type type = {.id = type_id};
    const slu_column column = slu_column_view(format, &array);
    slu_buf_init(&out, 1000);
    CHECK_OK(fluss_partition_value(&type, &column, 0, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), expected);
    slu_buf_fini(&out);
}

#define CHECK_VALUE(id, format, ctype, value, expected) check_one(id, format, &(const ctype){value}, expected)

static void
values_as_java_writes_them(void **state)
{
    (void)state;
    CHECK_VALUE(FLUSS_TYPE_BOOLEAN, "b", uint8_t, 1, "true");
    CHECK_VALUE(FLUSS_TYPE_BOOLEAN, "b", uint8_t, 0, "false");
    CHECK_VALUE(FLUSS_TYPE_TINYINT, "c", int8_t, -3, "-3");
    CHECK_VALUE(FLUSS_TYPE_BIGINT, "l", int64_t, INT64_MIN, "-9223372036854775808");
    CHECK_VALUE(FLUSS_TYPE_FLOAT, "f", float, 1.5f, "1_5");
    CHECK_VALUE(FLUSS_TYPE_FLOAT, "f", float, 0.1f, "0_1");
    CHECK_VALUE(FLUSS_TYPE_FLOAT, "f", float, 16777216.0f, "1_6777216E7");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, 1e10, "1_0E10");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, 100.0, "100_0");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, -0.0, "-0_0");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, 0.001, "0_001");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, 0.00025, "2_5E-4");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, 123456.789, "123456_789");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, (double)NAN, "NaN");
    CHECK_VALUE(FLUSS_TYPE_DOUBLE, "g", double, -(double)INFINITY, "-Inf");
    CHECK_VALUE(FLUSS_TYPE_DATE, "tdD", int32_t, 19000, "2022-01-08");
    CHECK_VALUE(FLUSS_TYPE_DATE, "tdD", int32_t, -1, "1969-12-31");
    CHECK_VALUE(FLUSS_TYPE_TIME, "ttm", int32_t, 3723004, "01-02-03_004");
    CHECK_VALUE(FLUSS_TYPE_TIMESTAMP, "tsm:", int64_t, 1700000000123, "2023-11-14-22-13-20_123");
    CHECK_VALUE(FLUSS_TYPE_TIMESTAMP, "tsm:", int64_t, 1700000000000, "2023-11-14-22-13-20_");
    CHECK_VALUE(FLUSS_TYPE_TIMESTAMP, "tsu:", int64_t, 1700000000120050, "2023-11-14-22-13-20_12005");
    CHECK_VALUE(FLUSS_TYPE_TIMESTAMP_LTZ, "tsm:UTC", int64_t, -1, "1969-12-31-23-59-59_999");
    CHECK_VALUE(FLUSS_TYPE_BINARY, "w:2", uint16_t, 0xff0a, "0aff");
}

static void
dates_go_both_ways(void **state)
{
    (void)state;
    int64_t year;
    int32_t month, day;
    for (int64_t days = -800000; days < 800000; days += 17) {
        fluss_civil_date(days, &year, &month, &day);
        assert_int_equal(fluss_civil_days(year, month, day), days);
        assert_true(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    }
    assert_int_equal(fluss_civil_days(2000, 2, 29), 11016);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_as_java_writes_them), cmocka_unit_test(dates_go_both_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
