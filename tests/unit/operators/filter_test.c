/* filter: rows through selections, nothing copied, errors with a place. */
#include "harnessed.h"

static sdk_harness *
opened(const char *with)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("filter");
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL, amount DECIMAL(10,2), name STRING", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
keeps_what_is_true(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ where: \"amount > 1000.00 or name is null\" }");
    CHECK_TEXT(sdk_harness_schema(h, 0), "id BIGINT NOT NULL, amount DECIMAL(10,2), name STRING");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 0.80 | a\n2 | 1001.00 | b\n3 | NULL | c\n4 | 5.00 | NULL\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 1001.00 | b\n4 | 5.00 | NULL\n");
    sdk_harness_clear(h);
    CHECK_OK(sdk_harness_push(h, 0, "1 | 0.80 | a\n", &err));
    assert_int_equal(sdk_harness_batches(h), 0);
    CHECK_OK(sdk_harness_push(h, 0, "", &err));
    sdk_harness_free(&h);
}

static void
passes_the_batch_itself_on(void **state)
{
    slu_error err = {0};
    const slu_batch *batch;
    sdk_harness *h = opened("{ where: \"id > 1\" }");
    CHECK_OK(sdk_harness_batch(h, 0, "1 | 1 | a\n2 | 2 | b\n3 | 3 | c\n", &batch, &err));
    CHECK_OK(sdk_harness_push_batch(h, 0, batch, &err));
    const slu_batch *out = sdk_harness_batch_at(h, 0);
    assert_ptr_equal(out->array->children[0]->buffers[1], batch->array->children[0]->buffers[1]);
    assert_int_equal(out->rows, 2);
    sdk_harness_drop(h, &batch);
    /* and what went through one filter goes through another, selection and all */
    const slu_batch *again = sdk_harness_batch_at(h, 0);
    CHECK_OK(sdk_harness_push_batch(h, 0, again, &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 2.00 | b\n3 | 3.00 | c\n2 | 2.00 | b\n3 | 3.00 | c\n");
    sdk_harness_free(&h);
}

static void
errors_at_plan(void **state)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("filter");
    CHECK_OK(sdk_harness_with(h, "{ where: \"amout > 1\" }", &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT, amount DECIMAL(10,2)", &err));
    CHECK_STATUS(sdk_harness_plan(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "where 'amout > 1': column 'amout' is not there; did you mean 'amount'?");
    assert_int_equal(err.line, 1);
    sdk_harness_free(&h);
    h = harnessed("filter");
    CHECK_OK(sdk_harness_input(h, "id BIGINT", &err));
    CHECK_STATUS(sdk_harness_plan(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "option where is required");
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_is_true), cmocka_unit_test(passes_the_batch_itself_on),
                                       cmocka_unit_test(errors_at_plan)};
    return cmocka_run_group_tests_name("operators.filter", tests, NULL, NULL);
}
