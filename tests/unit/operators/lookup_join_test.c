/* lookup_join: matches, distinct keys, order, the cache, errors; and a model: each row looked up alone. */
#include "harnessed.h"

#include <sluice/sdk/rows.h>

#define ACCOUNTS "id BIGINT NOT NULL, name STRING, level INT"
#define ACCOUNT_ROWS "7 | anna | 1\n8 | ben | NULL\n9 | NULL | 3\n"

static sdk_harness *
prepared(const char *with)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("lookup_join");
    CHECK_OK(sdk_harness_lookup_table(h, "accounts", ACCOUNTS, ACCOUNT_ROWS, &err));
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, "txn BIGINT NOT NULL, accountId BIGINT", &err));
    return h;
}

static sdk_harness *
opened(const char *with)
{
    slu_error err = {0};
    sdk_harness *h = prepared(with);
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
left_join(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: [name, level] }");
    CHECK_TEXT(sdk_harness_schema(h, 0), "txn BIGINT NOT NULL, accountId BIGINT, name STRING, level INT");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7\n2 | 8\n3 | 7\n4 | 99\n5 | NULL\n6 | 9\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "1 | 7 | anna | 1\n2 | 8 | ben | NULL\n3 | 7 | anna | 1\n4 | 99 | NULL | NULL\n"
                                      "5 | NULL | NULL | NULL\n6 | 9 | NULL | 3\n");
    assert_int_equal(sdk_harness_lookups(h), 1);
    assert_int_equal(sdk_harness_lookup_keys(h), 4); /* 7, 8, 99, 9 */
    CHECK_OK(sdk_harness_push(h, 0, "7 | NULL\n", &err));
    assert_int_equal(sdk_harness_lookups(h), 1);
    sdk_harness_free(&h);
}

static void
inner_join_and_renaming(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: { owner: name, id: id }, type: inner }");
    CHECK_TEXT(sdk_harness_schema(h, 0), "txn BIGINT NOT NULL, accountId BIGINT, owner STRING, id BIGINT NOT NULL");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7\n4 | 99\n5 | NULL\n6 | 9\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "1 | 7 | anna | 7\n6 | 9 | NULL | 9\n");
    sdk_harness_clear(h);
    CHECK_OK(sdk_harness_push(h, 0, "4 | 99\n", &err));
    assert_int_equal(sdk_harness_batches(h), 0);
    sdk_harness_free(&h);
}

static void
batches_leave_in_order(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: [name], in-flight: 3 }");
    sdk_harness_hold_answers(h, true);
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "2 | NULL\n", &err)); /* needs no answer, and waits all the same */
    CHECK_OK(sdk_harness_push(h, 0, "3 | 8\n", &err));
    assert_int_equal(sdk_harness_pending(h), 3);
    CHECK_STATUS(sdk_harness_push(h, 0, "4 | 8\n", &err), SLU_AGAIN);
    CHECK_TEXT(sdk_harness_output(h), "");
    CHECK_OK(sdk_harness_answer(h, &err));
    CHECK_TEXT(sdk_harness_output(h), "1 | 7 | anna\n2 | NULL | NULL\n3 | 8 | ben\n");
    assert_int_equal(sdk_harness_pending(h), 0);
    CHECK_OK(sdk_harness_push(h, 0, "4 | 8\n", &err));
    CHECK_OK(sdk_harness_answer(h, &err));
    sdk_harness_free(&h);
}

static void
closes_with_batches_in_flight(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: [name], cache-rows: 10 }");
    sdk_harness_hold_answers(h, true);
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7\n2 | 8\n", &err));
    sdk_harness_free(&h); /* aborts if a batch leaked */
}

static void
the_cache_remembers_and_forgets(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: [name], cache-rows: 100, cache-ttl: 1m }");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7\n2 | 99\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "3 | 99\n4 | 7\n5 | 7\n", &err));
    assert_int_equal(sdk_harness_lookups(h), 1);
    CHECK_OK(sdk_harness_push(h, 0, "6 | 8\n7 | 7\n8 | NULL\n", &err)); /* one known, one not */
    assert_int_equal(sdk_harness_lookup_keys(h), 3);
    CHECK_TEXT(sdk_harness_output(h),
               "1 | 7 | anna\n2 | 99 | NULL\n3 | 99 | NULL\n4 | 7 | anna\n5 | 7 | anna\n6 | 8 | ben\n7 | 7 | anna\n"
               "8 | NULL | NULL\n");
    CHECK_OK(sdk_harness_advance(h, 60000, &err));
    CHECK_OK(sdk_harness_push(h, 0, "9 | 7\n", &err)); /* out of date: asked for again, then remembered again */
    CHECK_OK(sdk_harness_push(h, 0, "10 | 7\n", &err));
    assert_int_equal(sdk_harness_lookup_keys(h), 4);
    assert_int_equal(sdk_harness_metric(h, "cacheHits"), 4);
    sdk_harness_free(&h);
    h = opened("{ lookup: { use: accounts }, on: { accountId: id }, take: [name], cache-rows: 100, cache-missing: false }");
    CHECK_OK(sdk_harness_push(h, 0, "2 | 99\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "2 | 99\n", &err));
    assert_int_equal(sdk_harness_lookups(h), 2);
    sdk_harness_free(&h);
}

/* Random rows over a table of random keys, with a cache far smaller than the keys, against each row looked up alone. */
static void
as_the_model_says(void **state)
{
    slu_error err = {0};
    uint64_t random = 7;
    SLU_AUTO(sdk_text_fini) sdk_text table = {0};
    SLU_AUTO(sdk_text_fini) sdk_text rows = {0};
    SLU_AUTO(sdk_text_fini) sdk_text expected = {0};
    for (int i = 0; i < 300; i += 2)
        sdk_text_printf(&table, "%d | name of %d | %d\n", i, i, i * i);
    sdk_harness *h = harnessed("lookup_join");
    CHECK_OK(sdk_harness_lookup_table(h, "accounts", ACCOUNTS, sdk_text_cstr(&table), &err));
    CHECK_OK(sdk_harness_with(
        h, "{ lookup: { use: accounts }, on: [id], take: { who: name, n: level }, cache-rows: 20, cache-ttl: 100s }", &err));
    CHECK_OK(sdk_harness_input(h, "row BIGINT NOT NULL, id BIGINT", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    for (int i = 0; i < 5000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        const int id = (int)((random >> 40) % 8 == 0 ? (random >> 45) % 300 : (random >> 45) % 12);
        sdk_text_printf(&rows, "%d | %d\n", i, id);
        if (id % 2 == 0)
            sdk_text_printf(&expected, "%d | %d | name of %d | %d\n", i, id, id, id * id);
        else
            sdk_text_printf(&expected, "%d | %d | NULL | NULL\n", i, id);
        if ((random >> 50) % 40 == 0 || i == 4999) {
            CHECK_OK(sdk_harness_push(h, 0, sdk_text_cstr(&rows), &err));
            CHECK_OK(sdk_harness_advance(h, 1000, &err));
            sdk_text_reset(&rows);
        }
    }
    CHECK_TEXT(sdk_harness_output(h), sdk_text_cstr(&expected));
    assert_true(sdk_harness_lookup_keys(h) < 2000);
    sdk_harness_free(&h);
}

/* Keys too long for the map to keep, through a cache that turns over. */
static void
long_keys(void **state)
{
    slu_error err = {0};
    SLU_AUTO(sdk_text_fini) sdk_text table = {0};
    SLU_AUTO(sdk_text_fini) sdk_text expected = {0};
    for (int i = 0; i < 50; i++)
        sdk_text_printf(&table, "customer with a long name %d | %d\n", i, i);
    sdk_harness *h = harnessed("lookup_join");
    CHECK_OK(sdk_harness_lookup_table(h, "customers", "name STRING NOT NULL, n INT", sdk_text_cstr(&table), &err));
    CHECK_OK(sdk_harness_with(h, "{ lookup: { use: customers }, on: [name], take: [n], cache-rows: 30 }", &err));
    CHECK_OK(sdk_harness_input(h, "name STRING", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    for (int i = 0; i < 1000; i++) {
        char row[64];
        const int n = i % 3 == 0 ? i * 7 % 60 : i % 5;
        (void)snprintf(row, sizeof row, "customer with a long name %d\n", n);
        CHECK_OK(sdk_harness_push(h, 0, row, &err));
        if (n < 50)
            sdk_text_printf(&expected, "customer with a long name %d | %d\n", n, n);
        else
            sdk_text_printf(&expected, "customer with a long name %d | NULL\n", n);
    }
    CHECK_TEXT(sdk_harness_output(h), sdk_text_cstr(&expected));
    assert_true(sdk_harness_lookups(h) < 700);
    sdk_harness_free(&h);
}

static void
refused(void **state)
{
    static const struct {
        const char *with, *says;
    } bad[] = {
        {"{ on: { accountId: id }, take: [name] }", "option lookup is required"},
        {"{ lookup: { use: acounts }, on: { accountId: id }, take: [name] }", "no lookup 'acounts'"},
        {"{ lookup: { use: accounts }, on: { acountId: id }, take: [name] }",
         "the input has no column 'acountId'; did you mean 'accountId'?"},
        {"{ lookup: { use: accounts }, on: { accountId: idd }, take: [name] }", "column 'idd' is not there"},
        {"{ lookup: { use: accounts }, on: { accountId: id }, take: [nam] }",
         "the lookup has no column 'nam'; did you mean 'name'?"},
        {"{ lookup: { use: accounts }, on: { accountId: id }, take: { txn: name } }", "the input has a column 'txn' already"},
        {"{ lookup: { use: accounts }, on: accountId, take: [name] }", "a map of input columns"},
        {"{ lookup: { use: accounts }, on: { accountId: id }, take: [] }", "a list of the lookup's columns"},
        {"{ lookup: { use: accounts }, on: { accountId: id }, take: [name], type: outer }", "left|inner"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_harness *h = prepared(bad[i].with);
        assert_true(sdk_harness_plan(h, &err) < 0);
        CHECK_MESSAGE(err, bad[i].says);
        sdk_harness_free(&h);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(left_join),
                                       cmocka_unit_test(inner_join_and_renaming),
                                       cmocka_unit_test(batches_leave_in_order),
                                       cmocka_unit_test(closes_with_batches_in_flight),
                                       cmocka_unit_test(the_cache_remembers_and_forgets),
                                       cmocka_unit_test(as_the_model_says),
                                       cmocka_unit_test(long_keys),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("operators.lookup_join", tests, NULL, NULL);
}
