/* project: computed, renamed and shared columns. */
#include "harnessed.h"

static sdk_harness *
opened(const char *with)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("project");
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL, amount DECIMAL(10,2), name STRING", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
computes_and_renames(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ columns: { key: id, twice: \"amount * 2\", who: \"coalesce(name, 'nobody')\" } }");
    CHECK_TEXT(sdk_harness_schema(h, 0), "key BIGINT NOT NULL, twice DECIMAL(20,2), who STRING NOT NULL");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 0.80 | a\n2 | NULL | NULL\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "1 | 1.60 | a\n2 | NULL | nobody\n");
    sdk_harness_free(&h);
}

static void
shares_bare_columns(void **state)
{
    slu_error err = {0};
    const slu_batch *batch;
    sdk_harness *h = opened("{ columns: [name, id] }");
    CHECK_OK(sdk_harness_batch(h, 0, "1 | 1 | a\n2 | 2 | b\n3 | 3 | c\n", &batch, &err));
    CHECK_OK(sdk_harness_push_batch(h, 0, batch, &err));
    assert_ptr_equal(sdk_harness_batch_at(h, 0)->array->children[1]->buffers[1], batch->array->children[0]->buffers[1]);
    CHECK_TEXT(sdk_harness_output(h), "a | 1\nb | 2\nc | 3\n");
    sdk_harness_drop(h, &batch); /* the emitted batch keeps what it shares */
    CHECK_TEXT(sdk_harness_output(h), "a | 1\nb | 2\nc | 3\n");
    sdk_harness_free(&h);
}

static void
applies_a_selection(void **state)
{
    slu_error err = {0};
    sdk_harness *filter = harnessed_file(FILTER_FILE, "filter"), *h = opened("{ columns: { id: id, n: name, plus: \"id + 1\" } }");
    CHECK_OK(sdk_harness_with(filter, "{ where: \"id <> 2\" }", &err));
    CHECK_OK(sdk_harness_input(filter, "id BIGINT NOT NULL, amount DECIMAL(10,2), name STRING", &err));
    CHECK_OK(sdk_harness_open(filter, &err));
    CHECK_OK(sdk_harness_push(filter, 0, "1 | 1 | a\n2 | 2 | b\n3 | 3 | c\n", &err));
    CHECK_OK(sdk_harness_push_batch(h, 0, sdk_harness_batch_at(filter, 0), &err));
    CHECK_TEXT(sdk_harness_output(h), "1 | a | 2\n3 | c | 4\n");
    sdk_harness_free(&h);
    h = opened("{ columns: [name] }");
    CHECK_OK(sdk_harness_push_batch(h, 0, sdk_harness_batch_at(filter, 0), &err));
    CHECK_TEXT(sdk_harness_output(h), "a\nc\n");
    sdk_harness_free(&h);
    sdk_harness_free(&filter);
}

static void
refused(void **state)
{
    static const struct {
        const char *with, *says;
    } bad[] = {{"{ columns: { a: idd } }", "did you mean 'id'?"},
               {"{ columns: [id, id] }", "'id' is there twice"},
               {"{ columns: id }", "a map of names to expressions is expected"},
               {"{ columns: { a: \"name + 1\" } }", "'+' needs numbers, not STRING"},
               {"{ columns: { a: [1] } }", "an expression is expected"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_harness *h = harnessed("project");
        CHECK_OK(sdk_harness_with(h, bad[i].with, &err));
        CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL, amount DECIMAL(10,2), name STRING", &err));
        CHECK_STATUS(sdk_harness_open(h, &err), SLU_INVALID);
        CHECK_MESSAGE(err, bad[i].says);
        assert_int_equal(err.line, 1);
        sdk_harness_free(&h);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes_and_renames), cmocka_unit_test(shares_bare_columns),
                                       cmocka_unit_test(applies_a_selection), cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("operators.project", tests, NULL, NULL);
}
