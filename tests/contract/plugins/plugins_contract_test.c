/*
 * What every source and operator that ships promises, one suite over all of them; a new plugin earns it with one line.
 *
 * Source   polled to its end, with a checkpoint after every poll and a crash after every other one (rows since the checkpoint are lost and come
 *          again), it gives the same rows in the same order as without.
 * Operator the same rows come out whether they come in as one batch, in batches of 1, 2, 3 or 7, or in such batches with a checkpoint and a
 *          restart between any two; a batch without rows changes nothing; and close after any number of batches leaks nothing.
 */
#include "unit/operators/harnessed.h"

#include <sluice/sdk/rows.h>

#define TRANSACTIONS "id BIGINT NOT NULL, accountId BIGINT, createdAt BIGINT, amount DECIMAL(10,2), name STRING"

static const char *const rows[] = {"1 | 7 | 1000 | 0.80 | anna",   "2 | 8 | 1001 | 0.99 | NULL",    "3 | 7 | 1002 | 1001.00 | anna",
                                   "4 | 8 | 1003 | 5.00 | ben",    "5 | NULL | 1004 | 0.5 | cy",    "6 | NULL | 1005 | 2000 | cy",
                                   "7 | 8 | NULL | 0.10 | ben",    "8 | 8 | 1007 | 2000 | ben",     "9 | 9 | 1008 | NULL | d",
                                   "10 | 9 | 1009 | 0.10 | d",     "11 | 9 | 61008 | 1000.01 | d",  "12 | 7 | 61009 | 0.01 | anna",
                                   "13 | 99 | 61010 | 0.01 | zoe", "14 | 7 | 121009 | 1001 | anna", "15 | 99 | 61011 | 1001 | zoe"};
#define ROW_COUNT (sizeof rows / sizeof *rows)

typedef struct promised {
    const char *module, *plugin, *options, *keys;
} promised;

static const promised operators[] = {
    {"filter", "filter", "{ where: \"amount > 1 or name is null\" }", "accountId"},
    {"project", "project", "{ columns: { who: \"coalesce(name, 'x')\", id: id, double: \"amount * 2\" } }", "accountId"},
    {"project", "project", "{ columns: [amount, id] }", "accountId"},
    {"fraud_filter", "fraud_filter",
     "{ rules: [ { id: a, sequence: [ \"amount < 1.00\", \"amount > 1000.00\" ], within: 60s, time: createdAt } ] }", "accountId"},
    {"fraud_filter", "fraud_filter",
     "{ rule-column: r, rules: [ { id: a, sequence: [ \"amount < 1.00\", \"amount > 1000.00\" ], within: 60s, time: createdAt }, "
     "{ id: b, sequence: [ \"amount < 1\", \"amount < 2000\", \"amount > 1\" ], within: 1h, time: createdAt } ] }",
     "accountId, name"},
    {"lookup_join", "lookup_join", "{ lookup: { use: accounts }, on: { accountId: id }, take: { owner: name } }", "accountId"},
    {"lookup_join", "lookup_join",
     "{ lookup: { use: accounts }, on: { accountId: id }, take: { owner: name }, type: inner, cache-rows: 3 }", "accountId"}};

static const promised sources[] = {
    {"datagen", "datagen", "{ rows: 1234, batch: 50 }", NULL},
    {"datagen", "datagen", "{ kind: accounts, rows: 300, batch: 13 }", NULL},
    {"datagen", "datagen", "{ kind: columns, columns: \"id BIGINT, x DOUBLE, s STRING\", rows: 300, batch: 10 }", NULL},
    {"file", "file_source", "{ path: \"" CONTRACT_DATA "/*.csv\", columns: \"order BIGINT, amount DECIMAL(10,2)\" }", NULL}};

static sdk_harness *
opened(const promised *p)
{
    slu_error err = {0};
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s.so", PLUGIN_DIR, p->module);
    sdk_harness *h = harnessed_file(path, p->plugin);
    CHECK_OK(sdk_harness_lookup_table(h, "accounts", "id BIGINT NOT NULL, name STRING", "7 | first\n8 | NULL\n9 | third\n", &err));
    CHECK_OK(sdk_harness_with(h, p->options, &err));
    if (p->keys != NULL) {
        CHECK_OK(sdk_harness_input(h, TRANSACTIONS, &err));
        CHECK_OK(sdk_harness_keys(h, p->keys, &err));
    }
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
push_rows(sdk_harness *h, size_t from, size_t count)
{
    slu_error err = {0};
    SLU_AUTO(sdk_text_fini) sdk_text text = {0};
    for (size_t i = from; i < from + count && i < ROW_COUNT; i++)
        sdk_text_printf(&text, "%s\n", rows[i]);
    CHECK_OK(sdk_harness_push(h, 0, sdk_text_cstr(&text), &err));
}

static char *
output_in_batches(const promised *p, size_t batch_rows, bool restarts)
{
    slu_error err = {0};
    sdk_harness *h = opened(p);
    for (size_t at = 0; at < ROW_COUNT; at += batch_rows) {
        push_rows(h, at, batch_rows);
        push_rows(h, ROW_COUNT, 0);
        assert_int_equal(sdk_harness_pending(h), 0);
        if (restarts) {
            CHECK_OK(sdk_harness_snapshot(h, &err));
            CHECK_OK(sdk_harness_restart(h, &err));
        }
    }
    CHECK_OK(sdk_harness_end(h, &err));
    char *text = strdup(sdk_harness_output(h));
    sdk_harness_free(&h);
    assert_non_null(text);
    return text;
}

static void
operators_do_not_see_batches(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        char *whole = output_in_batches(&operators[i], ROW_COUNT, false);
        assert_true(strlen(whole) > 10);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            char *cut = output_in_batches(&operators[i], sizes[s], false),
                 *again = output_in_batches(&operators[i], sizes[s], true);
            if (strcmp(cut, whole) != 0 || strcmp(again, whole) != 0)
                fail_msg("%s %s in batches of %zu:\n%s\nwith restarts:\n%s\nwhole:\n%s", operators[i].plugin, operators[i].options,
                         sizes[s], cut, again, whole);
            free(cut);
            free(again);
        }
        free(whole);
    }
}

static char *
source_whole(const promised *p)
{
    slu_error err = {0};
    sdk_harness *h = opened(p);
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    char *text = strdup(sdk_harness_output(h));
    sdk_harness_free(&h);
    return text;
}

/* Every second poll's rows are lost with a crash, and come again. */
static char *
source_crashing(const promised *p)
{
    slu_error err = {0};
    slu_status status;
    SLU_AUTO(sdk_text_fini) sdk_text kept = {0};
    sdk_harness *h = opened(p);
    int polls = 0;
    do {
        status = sdk_harness_poll(h, &err);
        assert_true(status == SLU_MORE || status == SLU_END);
        sdk_text_printf(&kept, "%s", sdk_harness_output(h));
        CHECK_OK(sdk_harness_snapshot(h, &err));
        sdk_harness_clear(h);
        if (status == SLU_MORE && sdk_harness_poll(h, &err) >= 0) {
            sdk_harness_clear(h);
            CHECK_OK(sdk_harness_restart(h, &err));
        }
    } while (status == SLU_MORE && ++polls < 10000);
    sdk_harness_free(&h);
    return strdup(sdk_text_cstr(&kept));
}

static void
sources_replay(void **state)
{
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char *whole = source_whole(&sources[i]), *crashing = source_crashing(&sources[i]);
        assert_true(strlen(whole) > 10);
        CHECK_TEXT(crashing, whole);
        free(whole);
        free(crashing);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_do_not_see_batches), cmocka_unit_test(sources_replay)};
    return cmocka_run_group_tests_name("contract.plugins", tests, NULL, NULL);
}
