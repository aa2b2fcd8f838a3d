/* fraud_filter: the rule of the main job, its edges, restarts, and a model: per key, row at a time. */
#include "harnessed.h"

#include <sluice/columns.h>
#include <sluice/sdk/rows.h>

#define SEED_RULE "{ id: small-then-large, sequence: [ \"amount < 1.00\", \"amount > 1000.00\" ], within: 60s, time: createdAt }"

static sdk_harness *
opened(const char *with)
{
    slu_error err = {0};
    sdk_harness *h = harnessed("fraud_filter");
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT, amount DECIMAL(10,2)", &err));
    CHECK_OK(sdk_harness_keys(h, "accountId", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
small_then_large(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rules: [ " SEED_RULE " ] }");
    CHECK_OK(sdk_harness_push(h, 0,
                              "1 | 7 | 1000 | 0.80\n"
                              "2 | 7 | 1001 | 1001.00\n" /* a fraud */
                              "3 | 7 | 1002 | 1001.00\n" /* not again */
                              "4 | 8 | 1003 | 0.99\n"
                              "5 | 9 | 1004 | 5000.00\n" /* another account */
                              "6 | 8 | 1005 | 50.00\n"   /* breaks the sequence */
                              "7 | 8 | 1006 | 1001.00\n"
                              "8 | 7 | 1007 | 0.99\n", /* goes on in the next batch */
                              &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 7 | 1001 | 1001.00\n");
    assert_int_equal(sdk_harness_state_entries(h, "sequences"), 1); /* account 7 alone is under way */
    CHECK_OK(sdk_harness_push(h, 0,
                              "9 | 7 | 1008 | 0.10\n"      /* small again: starts anew */
                              "10 | 7 | 61007 | 1000.01\n" /* 59,999 ms later */
                              "11 | 7 | 61008 | 0.5\n"
                              "12 | 7 | 121008 | 2000\n" /* exactly 60 s: too late */
                              "13 | 7 | 121009 | 1.00\n" /* not below 1.00 */
                              "14 | 7 | 121010 | 2000\n",
                              &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 7 | 1001 | 1001.00\n10 | 7 | 61007 | 1000.01\n");
    assert_int_equal(sdk_harness_state_entries(h, "sequences"), 0);
    assert_int_equal(sdk_harness_metric(h, "matches"), 2);
    sdk_harness_free(&h);
}

static void
survives_a_restart(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rules: [ " SEED_RULE " ] }");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7 | 1000 | 0.80\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "2 | 7 | 1001 | 5\n", &err));
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "2 | 7 | 1001 | 1001\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 7 | 1001 | 1001.00\n");
    sdk_harness_free(&h);
}

static void
nulls_match_nothing(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rules: [ " SEED_RULE " ] }");
    CHECK_OK(sdk_harness_push(h, 0,
                              "1 | 7 | 1000 | 0.80\n"
                              "2 | 7 | 1001 | NULL\n"
                              "3 | 7 | 1002 | 1001\n"
                              "4 | 7 | NULL | 0.80\n"
                              "5 | 7 | 1004 | 1001\n"
                              "6 | 7 | 1005 | 0.80\n"
                              "7 | 7 | NULL | 1001\n",
                              &err));
    CHECK_TEXT(sdk_harness_output(h), "");
    sdk_harness_free(&h);
}

static void
processing_time(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened("{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1000\" ], within: 1m, time: processing } ] }");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7 | 0 | 0.80\n", &err));
    CHECK_OK(sdk_harness_advance(h, 59999, &err));
    CHECK_OK(sdk_harness_push(h, 0, "2 | 7 | 0 | 1001\n3 | 7 | 0 | 0.5\n", &err));
    CHECK_OK(sdk_harness_advance(h, 60000, &err));
    CHECK_OK(sdk_harness_push(h, 0, "4 | 7 | 0 | 1001\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 7 | 0 | 1001.00\n");
    sdk_harness_free(&h);
}

static void
several_rules_and_their_names(void **state)
{
    slu_error err = {0};
    sdk_harness *h = opened(
        "{ rule-column: rule, rules: [ " SEED_RULE
        ", { id: climbing, sequence: [ \"amount < 1\", \"amount < 10\", \"amount > 10\" ], within: 1h, time: createdAt } ] }");
    CHECK_TEXT(sdk_harness_schema(h, 0),
               "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT, amount DECIMAL(10,2), rule STRING");
    CHECK_OK(sdk_harness_push(h, 0,
                              "1 | 7 | 1 | 0.5\n"
                              "2 | 7 | 2 | 0.6\n"   /* second of one match, first of another */
                              "3 | 7 | 3 | 2000\n", /* ends both rules */
                              &err));
    CHECK_TEXT(sdk_harness_output(h), "3 | 7 | 3 | 2000.00 | small-then-large\n3 | 7 | 3 | 2000.00 | climbing\n");
    sdk_harness_free(&h);
}

static void
overlapping_matches_are_not_lost(void **state)
{
    slu_error err = {0};
    sdk_harness *h =
        opened("{ rules: [ { sequence: [ \"amount < 1\", \"amount < 1\", \"amount > 1\" ], within: 1h, time: createdAt } ] }");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7 | 1 | 0.5\n2 | 7 | 2 | 0.5\n3 | 7 | 3 | 0.5\n4 | 7 | 4 | 5\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "4 | 7 | 4 | 5.00\n");
    sdk_harness_free(&h);
}

/* ---- Sets of rules, one after another */

static slu_value
scalar(const char *text)
{
    return (slu_value){.size = sizeof(slu_value), .kind = SLU_VALUE_SCALAR, .text = text, .line = 3, .column = 5};
}

typedef struct rule_text {
    const char *id, *first, *second, *within, *shadow;
} rule_text;

/* The step with a list of such rules, as the host would read it from a file. */
static slu_status
told(sdk_harness *h, uint32_t step, int64_t version, const rule_text *texts, uint32_t count, slu_error *err)
{
    static const char *const words[] = {"id", "sequence", "within", "time", "shadow"};
    slu_value keys[5], sequences[8][2], items[8][5], all[8];
    for (uint32_t k = 0; k < 5; k++)
        keys[k] = scalar(words[k]);
    for (uint32_t i = 0; i < count; i++) {
        sequences[i][0] = scalar(texts[i].first);
        sequences[i][1] = scalar(texts[i].second);
        items[i][0] = scalar(texts[i].id);
        items[i][1] = (slu_value){.size = sizeof(slu_value), .kind = SLU_VALUE_LIST, .count = 2, .items = sequences[i]};
        items[i][2] = scalar(texts[i].within);
        items[i][3] = scalar("createdAt");
        items[i][4] = scalar(texts[i].shadow == NULL ? "false" : texts[i].shadow);
        all[i] = (slu_value){.size = sizeof(slu_value), .kind = SLU_VALUE_MAP, .count = 5, .keys = keys, .items = items[i]};
    }
    const slu_value list = {.size = sizeof list, .kind = SLU_VALUE_LIST, .count = count, .items = all};
    const slu_rules next = {.size = sizeof next, .step = step, .version = version, .rules = count == 0 ? NULL : &list};
    return sdk_harness_control(h, &next, sizeof next, err);
}

static void
swapped(sdk_harness *h, int64_t version, const rule_text *texts, uint32_t count)
{
    slu_error err = {0};
    CHECK_OK(told(h, SLU_RULES_CHECK, version, texts, count, &err));
    CHECK_OK(told(h, SLU_RULES_SWITCH, version, NULL, 0, &err));
    CHECK_OK(told(h, SLU_RULES_KEEP, version, NULL, 0, &err));
}

#define SMALL_LARGE                                                                                                                \
    {                                                                                                                              \
        .id = "small-then-large", .first = "amount < 1.00", .second = "amount > 1000.00", .within = "60s"                          \
    }

static void
a_set_is_replaced_and_a_rule_that_stays_goes_on(void **state)
{
    static const rule_text two[] = {SMALL_LARGE, {.id = "pair", .first = "amount = 7", .second = "amount = 8", .within = "1h"}};
    static const rule_text other[] = {{.id = "pair", .first = "amount = 7", .second = "amount = 8", .within = "1h"},
                                      {.id = "late", .first = "amount = 7", .second = "amount = 9", .within = "1h"}};
    slu_error err = {0};
    sdk_harness *h = opened("{ rule-column: rule, version-column: version, rules: [ " SEED_RULE " ] }");
    CHECK_TEXT(
        sdk_harness_schema(h, 0),
        "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT, amount DECIMAL(10,2), rule STRING, version BIGINT");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 1 | 1000 | 0.80\n2 | 2 | 1000 | 7\n", &err));
    swapped(h, 2, two, 2);
    CHECK_OK(sdk_harness_push(h, 0, "3 | 1 | 1001 | 1001.00\n4 | 2 | 1001 | 8\n5 | 3 | 1001 | 7\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_TEXT(sdk_harness_output(h), "3 | 1 | 1001 | 1001.00 | small-then-large | 2\n"); /* pair had not begun for account 2 */
    swapped(h, 3, other, 2);
    CHECK_OK(sdk_harness_push(h, 0, "6 | 3 | 1002 | 8\n7 | 4 | 1002 | 0.1\n8 | 4 | 1003 | 2000\n9 | 5 | 1 | 7\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "10 | 5 | 2 | 9\n", &err));
    CHECK_TEXT(sdk_harness_output(h),
               "3 | 1 | 1001 | 1001.00 | small-then-large | 2\n6 | 3 | 1002 | 8.00 | pair | 3\n10 | 5 | 2 | 9.00 | late | 3\n");
    assert_int_equal(sdk_harness_metric(h, "rule.pair.matches"), 1);
    sdk_harness_free(&h);
}

static void
a_shadow_rule_counts_and_says_nothing(void **state)
{
    static const rule_text set[] = {
        {.id = "trial", .first = "amount < 1.00", .second = "amount > 1.00", .within = "60s", .shadow = "true"}, SMALL_LARGE};
    slu_error err = {0};
    sdk_harness *h = opened("{ rule-column: rule, rules: [ " SEED_RULE " ] }");
    swapped(h, 2, set, 2);
    CHECK_OK(sdk_harness_push(h, 0, "1 | 1 | 1 | 0.5\n2 | 1 | 2 | 2\n3 | 1 | 3 | 0.5\n4 | 1 | 4 | 2000\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "4 | 1 | 4 | 2000.00 | small-then-large\n");
    assert_int_equal(sdk_harness_metric(h, "rule.trial.matches"), 2);
    assert_int_equal(sdk_harness_metric(h, "rule.small-then-large.matches"), 1);
    assert_int_equal(sdk_harness_metric(h, "matches"), 1);
    sdk_harness_free(&h);
}

static void
a_bad_set_changes_nothing_and_a_switch_can_be_taken_back(void **state)
{
    static const rule_text bad[] = {{.id = "x", .first = "amuont < 1.00", .second = "amount > 1.00", .within = "60s"}};
    static const rule_text twice[] = {SMALL_LARGE, SMALL_LARGE};
    static const rule_text other[] = {{.id = "x", .first = "amount < 1.00", .second = "amount > 1.00", .within = "60s"}};
    slu_error err = {0};
    sdk_harness *h = opened("{ version-column: version, rules: [ " SEED_RULE " ] }");
    CHECK_OK(sdk_harness_push(h, 0, "1 | 7 | 1000 | 0.80\n", &err));
    CHECK_STATUS(told(h, SLU_RULES_CHECK, 2, bad, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "did you mean 'amount'?");
    assert_int_equal(err.line, 3);
    CHECK_STATUS(told(h, SLU_RULES_CHECK, 2, twice, 2, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "called 'small-then-large' already");
    CHECK_STATUS(told(h, SLU_RULES_SWITCH, 2, NULL, 0, &err), SLU_INVALID); /* nothing was checked */
    CHECK_OK(told(h, SLU_RULES_CHECK, 2, other, 1, &err));
    CHECK_OK(told(h, SLU_RULES_SWITCH, 2, NULL, 0, &err));
    CHECK_OK(told(h, SLU_RULES_BACK, 2, NULL, 0, &err));
    CHECK_OK(told(h, SLU_RULES_BACK, 2, NULL, 0, &err)); /* a second word changes nothing */
    CHECK_OK(sdk_harness_push(h, 0, "2 | 7 | 1001 | 1001\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "2 | 7 | 1001 | 1001.00 | 1\n");
    sdk_harness_free(&h);
}

/* What went must not be found by what came into its place. */
static void
a_place_given_to_another_rule_is_empty(void **state)
{
    static const rule_text a[] = {{.id = "a", .first = "amount = 1", .second = "amount = 2", .within = "1h"}};
    static const rule_text b[] = {{.id = "b", .first = "amount = 5", .second = "amount = 2", .within = "1h"}};
    slu_error err = {0};
    sdk_harness *h = opened("{ rules: [ " SEED_RULE " ] }");
    for (int64_t v = 2; v < 60; v += 2) { /* far more often than there are blocks */
        swapped(h, v, a, 1);
        CHECK_OK(sdk_harness_push(h, 0, "1 | 7 | 1000 | 1\n", &err));
        swapped(h, v + 1, b, 1);
        CHECK_OK(sdk_harness_push(h, 0, "2 | 7 | 1001 | 2\n", &err));
        if (v % 10 == 0) {
            CHECK_OK(sdk_harness_snapshot(h, &err));
            CHECK_OK(sdk_harness_restart(h, &err));
        }
    }
    CHECK_TEXT(sdk_harness_output(h), "");
    sdk_harness_free(&h);
}

/* The obvious program: per account the whole history, each row looked at with the n-1 before it. */
typedef struct event {
    int64_t account, at, cents;
} event;

static bool
model_matches(const event *events, int64_t i)
{
    int64_t before = i - 1;
    while (before >= 0 && events[before].account != events[i].account)
        before--;
    return before >= 0 && events[before].cents < 100 && events[i].cents > 100000 && events[i].at - events[before].at < 60000;
}

static void
as_the_model_says(void **state)
{
    enum { N = 6000 };
    static event events[N];
    slu_error err = {0};
    uint64_t random = 42;
    SLU_AUTO(sdk_text_fini) sdk_text rows = {0};
    SLU_AUTO(sdk_text_fini) sdk_text expected = {0};
    sdk_harness *h = opened("{ rules: [ " SEED_RULE " ] }");
    for (int64_t i = 0; i < N; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        const uint64_t r = random >> 33;
        events[i].account = (int64_t)(r % 23);
        events[i].at = i * 3000 + (int64_t)(r / 23 % 2000);
        events[i].cents = r / 46000 % 3 == 0 ? 50 : r / 46000 % 3 == 1 ? 200000 : 5000;
        sdk_text_printf(&rows, "%lld | %lld | %lld | %lld.%02d\n", (long long)i, (long long)events[i].account,
                        (long long)events[i].at, (long long)events[i].cents / 100, (int)(events[i].cents % 100));
        if (model_matches(events, i))
            sdk_text_printf(&expected, "%lld | %lld | %lld | %lld.%02d\n", (long long)i, (long long)events[i].account,
                            (long long)events[i].at, (long long)events[i].cents / 100, (int)(events[i].cents % 100));
        if (r % 97 == 0 || i == N - 1) { /* batches of any size, with a crash now and then */
            CHECK_OK(sdk_harness_push(h, 0, sdk_text_cstr(&rows), &err));
            sdk_text_reset(&rows);
            if (r % 3 == 0) {
                CHECK_OK(sdk_harness_snapshot(h, &err));
                CHECK_OK(sdk_harness_restart(h, &err));
            }
        }
    }
    assert_true(expected.bytes > 1000);
    CHECK_TEXT(sdk_harness_output(h), sdk_text_cstr(&expected));
    assert_true(sdk_harness_state_entries(h, "sequences") <= 23);
    sdk_harness_free(&h);
}

static void
refused(void **state)
{
    static const struct {
        const char *with, *says;
    } bad[] = {
        {"{}", "option rules is required"},
        {"{ rules: [] }", "a list of 1 to 64 rules"},
        {"{ rules: [ { sequence: [ \"amount < 1\" ], within: 60s } ] }", "a list of 2 to 8 conditions"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amuont > 1\" ], within: 60s } ] }", "did you mean 'amount'?"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount + 1\" ], within: 60s } ] }", "a BOOLEAN is expected"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1\" ] } ] }", "needs `within`"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1\" ], within: 60 } ] }", "a duration with a unit"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1\" ], within: 60s, time: created } ] }", "'created' is not there"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1\" ], within: 60s, time: amount } ] }", "neither BIGINT"},
        {"{ rules: [ { sequence: [ \"amount < 1\", \"amount > 1\" ], within: 60s, contiguity: relaxed } ] }", "only `strict`"},
        {"{ rules: [ { sequenec: [ \"amount < 1\" ], within: 60s } ] }", "did you mean 'sequence'?"},
        {"{ rule-column: id, rules: [ " SEED_RULE " ] }", "is a column of the input"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_harness *h = harnessed("fraud_filter");
        CHECK_OK(sdk_harness_with(h, bad[i].with, &err));
        CHECK_OK(
            sdk_harness_input(h, "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT, amount DECIMAL(10,2)", &err));
        CHECK_OK(sdk_harness_keys(h, "accountId", &err));
        assert_true(sdk_harness_plan(h, &err) < 0);
        CHECK_MESSAGE(err, bad[i].says);
        assert_int_equal(err.line, 1);
        sdk_harness_free(&h);
    }
    slu_error err = {0};
    sdk_harness *h = harnessed("fraud_filter");
    CHECK_OK(sdk_harness_with(h, "{ rules: [ " SEED_RULE " ] }", &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT, amount DECIMAL(10,2)", &err));
    CHECK_STATUS(sdk_harness_plan(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "partition: { hash: [column] }");
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_then_large),
                                       cmocka_unit_test(survives_a_restart),
                                       cmocka_unit_test(nulls_match_nothing),
                                       cmocka_unit_test(processing_time),
                                       cmocka_unit_test(several_rules_and_their_names),
                                       cmocka_unit_test(overlapping_matches_are_not_lost),
                                       cmocka_unit_test(a_set_is_replaced_and_a_rule_that_stays_goes_on),
                                       cmocka_unit_test(a_shadow_rule_counts_and_says_nothing),
                                       cmocka_unit_test(a_bad_set_changes_nothing_and_a_switch_can_be_taken_back),
                                       cmocka_unit_test(a_place_given_to_another_rule_is_empty),
                                       cmocka_unit_test(as_the_model_says),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("operators.fraud_filter", tests, NULL, NULL);
}
