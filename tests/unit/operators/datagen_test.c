/* datagen: the rounds, their division over splits, resumption, the rate. */
#include "harnessed.h"

#include <sluice/columns.h>

static sdk_harness *
opened(const char *with, uint32_t subtask, uint32_t parallelism)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("datagen");
    CHECK_OK(sdk_harness_with(h, with, &err));
    sdk_harness_subtask(h, subtask, parallelism);
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

typedef struct counts {
    int64_t rows, frauds, ids_sum, batches;
    int64_t last_of[4]; /* per fraud account: state of the rule */
} counts;

/* Runs the rule of the main job over everything emitted, per account, in order. */
static void
count(sdk_harness *h, counts *c)
{
    for (uint32_t b = 0; b < sdk_harness_batches(h); b++) {
        const slu_batch *batch = sdk_harness_batch_at(h, b);
        const slu_column ids = slu_batch_column(batch, 0), accounts = slu_batch_column(batch, 1),
                         created = slu_batch_column(batch, 2), amounts = slu_batch_column(batch, 3);
        c->batches++;
        for (int64_t i = 0; i < batch->rows; i++) {
            const int64_t account = slu_column_i64s(&accounts)[i], id = slu_column_i64s(&ids)[i];
            const int64_t cents = (int64_t)slu_column_decimals(&amounts)[i];
            c->rows++;
            c->ids_sum += id;
            assert_int_equal(slu_column_i64s(&created)[i], INT64_C(1700000000000) + id);
            if (account < 1006 || account > 1009) {
                assert_in_range(account, 1000000, INT64_C(10000000000));
                assert_in_range(cents, 1000, 51000);
                continue;
            }
            if (cents == 80)
                c->last_of[account - 1006] = 1;
            else {
                assert_int_equal(cents, 100100);
                c->frauds += c->last_of[account - 1006];
                c->last_of[account - 1006] = 0;
            }
        }
    }
    sdk_harness_clear(h);
}

static void
a_fraud_per_round_at_any_parallelism(void **state)
{
    int64_t sum = 0;
    for (uint32_t parallelism = 1; parallelism <= 6; parallelism++) {
        slu_error err = {0};
        counts c = {0};
        for (uint32_t subtask = 0; subtask < parallelism; subtask++) {
            sdk_harness *h = opened("{ rows: 100000, batch: 1000 }", subtask, parallelism);
            assert_true(sdk_harness_bounded(h));
            CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
            count(h, &c);
            sdk_harness_free(&h);
        }
        assert_int_equal(c.rows, 100000);
        assert_int_equal(c.frauds, 10000);
        sum = INT64_C(100000) * 100001 / 2;
        assert_int_equal(c.ids_sum, sum); /* every row once, whatever the parallelism */
    }
}

static void
batches_hold_whole_rounds(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rows: 95, batch: 37 }", 0, 1);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    assert_int_equal(sdk_harness_batches(h), 4);
    assert_int_equal(sdk_harness_batch_at(h, 0)->rows, 30);
    assert_int_equal(sdk_harness_batch_at(h, 3)->rows, 5);
    sdk_harness_free(&h);
}

static void
resumes_where_it_was(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rows: 200, batch: 20, seed: 7 }", 0, 3);
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    CHECK_OK(sdk_harness_snapshot(h, &err));
    sdk_harness_clear(h);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    char *rest = strdup(sdk_harness_output(h));
    sdk_harness_clear(h);
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), rest);
    free(rest);
    sdk_harness_free(&h);
}

static void
another_seed_other_rows(void **state)
{
    slu_error err = {0};
    sdk_harness *a = opened("{ rows: 50 }", 0, 1), *b = opened("{ rows: 50, seed: 2 }", 0, 1), *c = opened("{ rows: 50 }", 0, 1);
    CHECK_STATUS(sdk_harness_drain(a, &err), SLU_END);
    CHECK_STATUS(sdk_harness_drain(b, &err), SLU_END);
    CHECK_STATUS(sdk_harness_drain(c, &err), SLU_END);
    assert_string_not_equal(sdk_harness_output(a), sdk_harness_output(b));
    CHECK_TEXT(sdk_harness_output(a), sdk_harness_output(c));
    sdk_harness_free(&a);
    sdk_harness_free(&b);
    sdk_harness_free(&c);
}

static void
the_rate_is_kept(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rate: 1000 }", 0, 1);
    assert_false(sdk_harness_bounded(h));
    for (int i = 0; i < 500; i++) {
        CHECK_STATUS(sdk_harness_drain(h, &err), SLU_AGAIN);
        assert_true(sdk_harness_rows(h) <= 10 * i + 20);
        CHECK_OK(sdk_harness_advance(h, 10, &err));
    }
    assert_in_range(sdk_harness_rows(h), 4900, 5020);
    sdk_harness_free(&h);
}

static void
accounts_and_columns(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ kind: accounts, rows: 3 }", 0, 1);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), "1006 | account1006 | 1700000000000\n1007 | account1007 | 1700000000000\n"
                                      "1008 | account1008 | 1700000000000\n");
    sdk_harness_free(&h);
    h = opened("{ kind: columns, columns: \"name STRING, id BIGINT NOT NULL, price DECIMAL(10,2), at TIMESTAMP(3)\", rows: 1000 }",
               1, 2);
    CHECK_TEXT(sdk_harness_schema(h, 0), "name STRING, id BIGINT NOT NULL, price DECIMAL(10,2), at TIMESTAMP(3)");
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    assert_int_equal(sdk_harness_rows(h), 500);
    sdk_harness_free(&h);
}

static void
refused(void **state)
{
    static const struct {
        const char *with, *says;
    } bad[] = {{"{ kind: columns }", "needs the option columns"},
               {"{ columns: \"id BIGINT\" }", "goes with kind columns only"},
               {"{ kind: columns, columns: \"id BIGNIT\" }", "did you mean BIGINT?"},
               {"{ kind: columns, columns: \"id ARRAY<INT>\" }", "nested types are not generated"},
               {"{ rows: -1 }", "option rows"},
               {"{ rwos: 1 }", "did you mean 'rows'?"},
               {"{ kind: transaction }", "transactions|accounts|columns"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_harness *h = harnessed("datagen");
        CHECK_OK(sdk_harness_with(h, bad[i].with, &err));
        assert_true(sdk_harness_open(h, &err) < 0);
        CHECK_MESSAGE(err, bad[i].says);
        assert_int_equal(err.line, strcmp(bad[i].with, "{ kind: columns }") != 0);
        sdk_harness_free(&h);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_fraud_per_round_at_any_parallelism),
                                       cmocka_unit_test(batches_hold_whole_rounds),
                                       cmocka_unit_test(resumes_where_it_was),
                                       cmocka_unit_test(another_seed_other_rows),
                                       cmocka_unit_test(the_rate_is_kept),
                                       cmocka_unit_test(accounts_and_columns),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("operators.datagen", tests, NULL, NULL);
}
