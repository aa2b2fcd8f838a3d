/* Restart strategies: who begins again, after how long, and what says no. */
#include "support/check.h"

#include "plan/restart.h"

#include <string.h>

static slu_restart restart;
static char why[128];

static bool
fails(const slu_restart_settings *settings, int64_t now_ms, int64_t ran_ms, int64_t position, slu_status status, const char *text)
{
    const slu_restart_failure failure = {.now_ms = now_ms, .ran_ms = ran_ms, .position = position, .status = status, .text = text};
    return slu_restart_next(&restart, settings, &failure, why, sizeof why);
}

static void
none_and_fixed(void **state)
{
    const slu_restart_settings none = {.strategy = SLU_RESTART_NONE};
    const slu_restart_settings fixed = {.strategy = SLU_RESTART_FIXED, .attempts_max = 3, .delay_ms = 70};
    memset(&restart, 0, sizeof restart);
    assert_false(fails(&none, 0, 0, -1, SLU_IO, "x"));
    for (int i = 0; i < 3; i++) {
        assert_true(fails(&fixed, i, 1 << 30, i, SLU_IO, "x")); /* no run is long enough to count anew, as in Flink */
        assert_int_equal(restart.delay_ms, 70);
    }
    assert_false(fails(&fixed, 4, 0, 5, SLU_IO, "x"));
}

static void
failures_at_a_rate(void **state)
{
    const slu_restart_settings rate = {.strategy = SLU_RESTART_RATE, .failures_max = 2, .interval_ms = 1000, .delay_ms = 5};
    memset(&restart, 0, sizeof restart);
    assert_true(fails(&rate, 100, 0, -1, SLU_IO, "x"));
    assert_true(fails(&rate, 200, 0, -1, SLU_IO, "x"));
    assert_true(fails(&rate, 1101, 0, -1, SLU_IO, "x")); /* the first one is forgotten */
    assert_int_equal(restart.delay_ms, 5);
    assert_false(fails(&rate, 1200, 0, -1, SLU_IO, "x"));
    CHECK_TEXT(why, "more than 2 failures in 1000 ms");
}

static void
delays_grow_and_begin_anew(void **state)
{
    const slu_restart_settings grow = {
        .strategy = SLU_RESTART_EXPONENTIAL, .delay_ms = 100, .delay_max_ms = 300, .reset_ms = 5000, .same_max = 3};
    static const int64_t expected[] = {100, 150, 225, 300, 300};
    memset(&restart, 0, sizeof restart);
    for (int i = 0; i < 5; i++) {
        assert_true(fails(&grow, i, 10, -1, SLU_IO, "a peer is gone")); /* passing: for ever */
        assert_int_equal(restart.delay_ms, expected[i]);
    }
    assert_true(fails(&grow, 9, 5001, -1, SLU_IO, "x"));
    assert_int_equal(restart.delay_ms, 100);
}

static void
the_same_failure_of_data_is_the_end(void **state)
{
    const slu_restart_settings grow = {
        .strategy = SLU_RESTART_EXPONENTIAL, .delay_ms = 100, .delay_max_ms = 300, .reset_ms = 5000, .same_max = 3};
    memset(&restart, 0, sizeof restart);
    assert_true(fails(&grow, 1, 10, 4, SLU_INVALID, "names: row 7"));
    assert_true(fails(&grow, 2, 10, 4, SLU_INVALID, "names: row 7"));
    assert_true(fails(&grow, 3, 10, 5, SLU_INVALID, "names: row 7")); /* it had got on */
    assert_true(fails(&grow, 4, 10, 5, SLU_INVALID, "names: row 8")); /* another one */
    assert_true(fails(&grow, 5, 10, 5, SLU_CLOSED, "sink: a neighbour went"));
    assert_true(fails(&grow, 6, 10, 5, SLU_INVALID, "names: row 8"));
    assert_false(fails(&grow, 7, 10, 5, SLU_INVALID, "names: row 8"));
    CHECK_TEXT(why, "the same failure of data 3 times in a row from checkpoint 5");
}

/* Another process, whose monotonic clock began elsewhere: what lies 5 s back does so there too. */
static void
what_was_counted_goes_over_to_another_process(void **state)
{
    const slu_restart_settings rate = {.strategy = SLU_RESTART_RATE, .failures_max = 2, .interval_ms = 10000, .delay_ms = 50};
    slu_restart other;
    slu_error err;
    slu_buf bytes;
    memset(&restart, 0, sizeof restart);
    slu_buf_init(&bytes, 4096);
    assert_true(fails(&rate, 100000, 10, 4, SLU_IO, "x"));
    assert_true(fails(&rate, 105000, 10, 4, SLU_IO, "x"));
    slu_restart_encode(&restart, 106000, 1700000000000, &bytes);
    CHECK_OK(slu_restart_decode(slu_buf_view(&bytes), 50, 1700000001000, &other, &err));
    restart = other;
    assert_int_equal(restart.failed_ms[0], 50 - 7000);
    assert_false(fails(&rate, 3000, 10, 4, SLU_IO, "x")); /* 10 s after the first: the third within the interval */
    for (size_t n = 1; n < bytes.bytes; n++)
        CHECK_STATUS(slu_restart_decode(slu_view_of(bytes.data, n), 50, 60, &other, &err), SLU_CORRUPT);
    CHECK_OK(slu_restart_decode(slu_view_of(NULL, 0), 50, 60, &other, &err));
    assert_int_equal(other.failures, 0);
    slu_buf_fini(&bytes);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_and_fixed),
        cmocka_unit_test(failures_at_a_rate),
        cmocka_unit_test(delays_grow_and_begin_anew),
        cmocka_unit_test(the_same_failure_of_data_is_the_end),
        cmocka_unit_test(what_was_counted_goes_over_to_another_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
