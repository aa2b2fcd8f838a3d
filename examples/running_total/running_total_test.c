/* Sums by key, over batches and over a restart from a checkpoint. */
#include "unit/operators/harnessed.h"

static void
sums_by_key(void **state)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("running_total");
    CHECK_OK(sdk_harness_with(h, "{ sum: points, as: so_far }", &err));
    CHECK_OK(sdk_harness_input(h, "who STRING, points BIGINT", &err));
    CHECK_OK(sdk_harness_keys(h, "who", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_TEXT(sdk_harness_schema(h, 0), "who STRING, points BIGINT, so_far BIGINT NOT NULL");
    CHECK_OK(sdk_harness_push(h, 0, "anna | 1\nben | 10\nanna | 2\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "anna | 1000\n", &err)); /* lost with the crash */
    sdk_harness_clear(h);
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "anna | 4\nben | NULL\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "anna | 4 | 7\nben | NULL | 10\n");
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_by_key)};
    return cmocka_run_group_tests_name("examples.running_total", tests, NULL, NULL);
}
