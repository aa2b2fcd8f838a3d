/* Exact decimals: text, scales, comparison, arithmetic at the edges. */
#include "support/check.h"

#include <sluice/sdk/decimal.h>

static slu_i128_natural
number(const char *text, int32_t *scale)
{
    slu_error err = {0};
    slu_i128_natural value = 0;
    CHECK_OK(sdk_decimal_parse(text, strlen(text), &value, scale, &err));
    return value;
}

static void
text_both_ways(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {{"0", "0"},
                 {"-0.50", "-0.50"},
                 {"+12.5", "12.5"},
                 {".5", "0.5"},
                 {"5.", "5"},
                 {"1e3", "1000"},
                 {"1.5e-3", "0.0015"},
                 {"007", "7"},
                 {"-1", "-1"},
                 {"0.000", "0.000"},
                 {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
                 {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t scale;
        char text[SDK_DECIMAL_TEXT_BYTES];
        const slu_i128_natural value = number(cases[i].in, &scale);
        assert_int_equal(sdk_decimal_format(value, scale, text), strlen(cases[i].out));
        CHECK_TEXT(text, cases[i].out);
    }
}

static void
text_refused(void **state)
{
    static const char *const bad[] = {"", "-", ".", "1x", "1.2.3", "e5", "1e", " 1", "1 ", "0x10", "nan"};
    slu_error err = {0};
    slu_i128_natural value;
    int32_t scale;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(sdk_decimal_parse(bad[i], strlen(bad[i]), &value, &scale, &err), SLU_INVALID);
    CHECK_STATUS(sdk_decimal_parse("1e39", 4, &value, &scale, &err), SLU_LIMIT);
    CHECK_STATUS(sdk_decimal_parse("999999999999999999999999999999999999999", 39, &value, &scale, &err), SLU_LIMIT);
}

static void
parse_as_rounds(void **state)
{
    static const struct {
        const char *in;
        long long out;
    } cases[] = {{"1.005", 101}, {"1.004", 100}, {"-1.005", -101}, {"12", 1200}, {"1e2", 10000}, {"0.001", 0}, {"1e-60", 0}};
    slu_error err = {0};
    slu_i128_natural value;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(sdk_decimal_parse_as(cases[i].in, strlen(cases[i].in), 10, 2, &value, &err));
        assert_true(value == cases[i].out);
    }
    CHECK_STATUS(sdk_decimal_parse_as("100000000", 9, 10, 2, &value, &err), SLU_LIMIT);
    CHECK_MESSAGE(err, "does not fit DECIMAL(10,2)");
    CHECK_STATUS(sdk_decimal_parse_as("1e100", 5, 10, 2, &value, &err), SLU_LIMIT);
}

static void
compare_over_scales(void **state)
{
    static const struct {
        const char *a, *b;
        int sign;
    } cases[] = {{"1.0", "1.00", 0},
                 {"1.001", "1", 1},
                 {"-1.001", "-1", -1},
                 {"0.8", "1.00", -1},
                 {"99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", 1},
                 {"-99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t a_scale, b_scale;
        const slu_i128_natural a = number(cases[i].a, &a_scale), b = number(cases[i].b, &b_scale);
        assert_int_equal(sdk_decimal_compare(a, a_scale, b, b_scale), cases[i].sign);
        assert_int_equal(sdk_decimal_compare(b, b_scale, a, a_scale), -cases[i].sign);
    }
}

static void
arithmetic_and_overflow(void **state)
{
    const slu_i128_natural most = sdk_decimal_power(38) - 1;
    slu_i128_natural out = 0;
    assert_false(sdk_decimal_add(most, 1, &out));
    assert_true(sdk_decimal_add(most, -1, &out));
    assert_false(sdk_decimal_subtract(-most, 1, &out));
    assert_false(sdk_decimal_multiply(most, 2, &out));
    assert_true(sdk_decimal_multiply(125, -3, &out) && out == -375);
    assert_true(sdk_decimal_divide(10, 0, 3, 0, 4, &out) && out == 33333);
    assert_true(sdk_decimal_divide(-20, 0, 3, 0, 0, &out) && out == -7);
    assert_true(sdk_decimal_divide(100, 2, 8, 1, 3, &out) && out == 1250); /* 1.00 / 0.8 = 1.250 */
    assert_false(sdk_decimal_divide(1, 0, 0, 0, 2, &out));
    assert_true(sdk_decimal_from_double(10.005, 2, &out) && (out == 1000 || out == 1001));
    assert_false(sdk_decimal_from_double(1e40, 0, &out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_both_ways), cmocka_unit_test(text_refused),
                                       cmocka_unit_test(parse_as_rounds), cmocka_unit_test(compare_over_scales),
                                       cmocka_unit_test(arithmetic_and_overflow)};
    return cmocka_run_group_tests_name("sdk.decimal", tests, NULL, NULL);
}
