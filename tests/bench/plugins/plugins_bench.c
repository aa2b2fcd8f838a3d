/*
 * plugins_bench.c: rows per CPU second of the shipped operators in the harness, one thread: what the operators themselves can do, without
 * engine, channels and connectors around them.
 *
 *     plugins_bench DIR_OF_PLUGINS [ROWS]
 */
#include <sluice/sdk/expr.h>
#include <sluice/sdk/harness.h>
#include <sluice/sdk/types.h>

#include <time.h>

static double
cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
must(slu_status status, const slu_error *err)
{
    if (status < 0) {
        (void)fprintf(stderr, "%s: %s\n", slu_status_name(status), err->message);
        exit(1);
    }
}

static void
report(const char *what, int64_t rows, double seconds)
{
    (void)printf("%-52s %8.1f M rows per CPU s\n", what, (double)rows / seconds / 1e6);
}

static sdk_harness *
harness_of(const char *dir, const char *name)
{
    char path[4096];
    slu_error err = {0};
    const slu_module *module;
    sdk_harness *h = NULL;
    (void)snprintf(path, sizeof path, "%s/%s.so", dir, name);
    must(sdk_module_load(path, &module, &err), &err);
    must(sdk_harness_new(sdk_module_plugin(module, name), &h), &err);
    return h;
}

#define TRANSACTIONS "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT NOT NULL, amount DECIMAL(10,2) NOT NULL"

static sdk_harness *
generated(const char *dir, int64_t rows)
{
    slu_error err = {0};
    char with[128];
    sdk_harness *h = harness_of(dir, "datagen");
    (void)snprintf(with, sizeof with, "{ rows: %lld }", (long long)rows);
    must(sdk_harness_with(h, with, &err), &err);
    must(sdk_harness_open(h, &err), &err);
    return h;
}

static void
bench_datagen(const char *dir, int64_t rows)
{
    slu_error err = {0};
    sdk_harness *h = generated(dir, rows);
    sdk_harness_discard(h, true);
    const double start = cpu_seconds();
    must(sdk_harness_drain(h, &err), &err);
    report("datagen (transactions)", sdk_harness_rows(h), cpu_seconds() - start);
    sdk_harness_free(&h);
}

/* Pushes the generated batches through an operator again and again. */
static void
bench_operator(const char *what, const char *dir, const char *name, const char *with, const sdk_harness *source, int rounds)
{
    slu_error err = {0};
    int64_t rows = 0;
    sdk_harness *h = harness_of(dir, name);
    must(sdk_harness_with(h, with, &err), &err);
    must(sdk_harness_input(h, TRANSACTIONS, &err), &err);
    must(sdk_harness_keys(h, "accountId", &err), &err);
    must(sdk_harness_open(h, &err), &err);
    sdk_harness_discard(h, true);
    const double start = cpu_seconds();
    for (int round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < sdk_harness_batches(source); i++) {
            const slu_batch *batch = sdk_harness_batch_at(source, i);
            must(sdk_harness_push_batch(h, 0, batch, &err), &err);
            rows += batch->rows;
        }
    }
    report(what, rows, cpu_seconds() - start);
    (void)printf("%-52s %8lld rows out\n", "", (long long)sdk_harness_rows(h));
    sdk_harness_free(&h);
}

/* A million keys under way: every account's last event is small, so that each has state. */
static sdk_harness *
keyed(const char *dir, int64_t keys, int64_t rows, sdk_harness **out_source)
{
    slu_error err = {0};
    char with[256];
    sdk_harness *h = harness_of(dir, "datagen"), *projected = harness_of(dir, "project");
    (void)snprintf(with, sizeof with,
                   "{ kind: columns, columns: \"id BIGINT NOT NULL, a INT NOT NULL, amount DECIMAL(6,2) NOT NULL\", rows: %lld }",
                   (long long)rows);
    must(sdk_harness_with(h, with, &err), &err);
    must(sdk_harness_open(h, &err), &err);
    must(sdk_harness_drain(h, &err), &err);
    (void)snprintf(
        with, sizeof with,
        "{ columns: { id: id, accountId: \"(id * 7919) %% %lld\", createdAt: id, amount: \"cast(amount as decimal(10,2))\" } }",
        (long long)keys);
    must(sdk_harness_with(projected, with, &err), &err);
    must(sdk_harness_input(projected, "id BIGINT NOT NULL, a INT NOT NULL, amount DECIMAL(6,2) NOT NULL", &err), &err);
    must(sdk_harness_open(projected, &err), &err);
    for (uint32_t i = 0; i < sdk_harness_batches(h); i++)
        must(sdk_harness_push_batch(projected, 0, sdk_harness_batch_at(h, i), &err), &err);
    *out_source = h; /* the projected batches share its columns */
    return projected;
}

int
main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "plugins";
    const int64_t rows = argc > 2 ? atoll(argv[2]) : 1000000;
    slu_error err = {0};
    bench_datagen(dir, rows * 20);
    sdk_harness *source = generated(dir, 16380); /* two batches: they stay in the cache, as they do behind a source */
    must(sdk_harness_drain(source, &err), &err);
    const int rounds = (int)(rows * 40 / 16380);
    bench_operator("filter amount > 1000.00 (DECIMAL against a constant)", dir, "filter", "{ where: \"amount > 1000.00\" }", source,
                   rounds);
    bench_operator("filter accountId < 5000000000 (BIGINT)", dir, "filter", "{ where: \"accountId < 5000000000\" }", source,
                   rounds);
    bench_operator("filter amount < 1.00 or amount > 1000.00", dir, "filter", "{ where: \"amount < 1.00 or amount > 1000.00\" }",
                   source, rounds);
    bench_operator("project accountId, amount * 2", dir, "project", "{ columns: { a: accountId, b: \"amount * 2\" } }", source,
                   rounds / 8);
    sdk_harness_free(&source);
    source = generated(dir, rows);
    must(sdk_harness_drain(source, &err), &err);
    bench_operator("fraud_filter, generated transactions", dir, "fraud_filter",
                   "{ rules: [ { sequence: [ \"amount < 1.00\", \"amount > 1000.00\" ], within: 60s, time: createdAt } ] }", source,
                   4);
    sdk_harness_free(&source);
    sdk_harness *shared = NULL;
    source = keyed(dir, 1000000, rows, &shared);
    bench_operator("fraud_filter, 1 M keys, one event in ten is small", dir, "fraud_filter",
                   "{ rules: [ { sequence: [ \"amount < 1000.00\", \"amount > 9900.00\" ], within: 1d, time: createdAt } ] }",
                   source, 4);
    sdk_harness_free(&source);
    sdk_harness_free(&shared);
    return 0;
}
