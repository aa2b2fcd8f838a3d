/*
 * weather.h: a client behind a fault proxy, a table it writes, and what must be in that table afterwards. For tests of bad weather.
 *
 * Truth    every row carries a number that grows with each row written (log tables: id; primary-key tables: amount), so the log of a
 *          bucket must be exactly the numbers written to it, in that order.
 */
#ifndef TESTS_FAULT_WEATHER_H
#define TESTS_FAULT_WEATHER_H

#include "integration/fluss_rows.h"
#include "integration/fluss_server.h"
#include "support/fault_proxy.h"

#include "fluss/client/admin.h"
#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"

#include <sluice/columns.h>

#include <inttypes.h>
#include <time.h>

#define WEATHER_BUCKETS 3
#define WEATHER_ROWS_MAX 65536
#define WEATHER_TIMEOUT_MS 400 /* of a request; real ones wait 30 s, and tests cannot */
#define WEATHER_WAIT_MS 60000

static const char log_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{},\"custom_properties\":{}}";
static const char key_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{},\"custom_properties\":{}}";

typedef struct weather {
    const char *plan;
    fault_proxy *proxy;
    fluss_client *client; /* through the proxy */
    fluss_target *target;
    fluss_writer *writer;
    fluss_lookup *lookup;
    bool keyed;
    int64_t next; /* the next row's number */
    int64_t *written[WEATHER_BUCKETS];
    int64_t written_count[WEATHER_BUCKETS];
    int64_t acked_rows[WEATHER_BUCKETS];
    int32_t acked_sequence[WEATHER_BUCKETS]; /* the next one expected */
    int64_t last_of[WEATHER_ROWS_MAX];       /* primary-key tables: the newest number of a key; -1 */
    bool looked_up;
    int64_t look_first;
    int64_t started_ms;
} weather;

static slu_env weather_env;
static uint64_t weather_seed = 20260;
static int64_t weather_timeout_ms = WEATHER_TIMEOUT_MS;
static int64_t weather_wait_ms = WEATHER_WAIT_MS;
static const char *weather_server; /* "host:port" */
static uint32_t weather_tables;
/* A test that has a server of its own (it sets weather_server); NULL: one in this process, or FLUSS_BOOTSTRAP. */
static void (*weather_server_up)(void);
static void (*weather_server_down)(void);

static inline void
weather_acked(void *context, const fluss_ack *ack)
{
    weather *w = context;
    if (ack->sequence != w->acked_sequence[ack->bucket]++)
        fail_msg("%s: bucket %d: batch %d acknowledged instead of %d", w->plan, ack->bucket, ack->sequence,
                 w->acked_sequence[ack->bucket] - 1);
    if (!w->keyed && ack->base_offset >= 0 && ack->base_offset != w->acked_rows[ack->bucket])
        fail_msg("%s: bucket %d: batch %d is at offset %" PRId64 ", not %" PRId64, w->plan, ack->bucket, ack->sequence,
                 ack->base_offset, w->acked_rows[ack->bucket]);
    if (getenv("WEATHER_TALK") != NULL)
        (void)fprintf(stderr, "%s: bucket %d: batch %d acknowledged: %" PRId64 " rows, up to %" PRId64 "\n", w->plan, ack->bucket,
                      ack->sequence, ack->rows, ack->next_offset);
    w->acked_rows[ack->bucket] += ack->rows;
}

static inline void
weather_looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    weather *w = context;
    w->looked_up = true;
    if (failure != NULL)
        fail_msg("%s: lookup: %s", w->plan, failure->message);
    const test_wide *amounts = values->children[1]->buffers[1];
    for (int64_t i = 0; i < values->length; i++) {
        const int64_t expected = w->last_of[w->look_first + i];
        const int64_t got = found[i] ? (int64_t)amounts[i] : -1;
        if (got != expected)
            fail_msg("%s: key %" PRId64 " is %" PRId64 ", not %" PRId64, w->plan, w->look_first + i, got, expected);
    }
    values->release(values);
    (void)token;
}

static inline void
weather_step(weather *w, int ms)
{
    fluss_client_step(w->client, ms);
}

/* A table of its own, a client of its own; the storm begins when the writer has its id. */
static inline void
weather_open(weather *w, const char *plan, const char *json)
{
    slu_error err = {0};
    char name[32];
    fluss_client *calm = NULL;
    memset(w, 0, sizeof *w);
    w->plan = plan;
    w->keyed = strstr(json, "primary_key") != NULL;
    w->started_ms = slu_now_ms(&weather_env);
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        w->written[bucket] = malloc(WEATHER_ROWS_MAX * sizeof(int64_t));
    memset(w->last_of, 0xff, sizeof w->last_of);
    (void)snprintf(name, sizeof name, "storm%u", weather_tables++);
    CHECK_OK(fluss_client_open(&weather_env, &(fluss_client_options){.bootstrap_servers = weather_server}, &calm, &err));
    CHECK_OK(fluss_admin_create_database(calm, "weather", true, &err));
    CHECK_OK(fluss_admin_drop_table(calm, "weather", name, true, &err));
    CHECK_OK(fluss_admin_create_table(calm, "weather", name, slu_view_of_text(json), false, &err));
    fluss_client_close(&calm);
    CHECK_OK(fault_proxy_open("127.0.0.1", 0, weather_server, weather_seed, plan, &w->proxy, &err));
    const fluss_client_options options = {.bootstrap_servers = fault_proxy_address(w->proxy),
                                          .request_timeout_ms = weather_timeout_ms};
    CHECK_OK(fluss_client_open(&weather_env, &options, &w->client, &err));
    CHECK_OK(fluss_target_open(w->client, "weather", name, &w->target, &err));
    CHECK_OK(fluss_target_wait(w->target, weather_wait_ms, &err));
    CHECK_OK(fluss_writer_open(w->target, &(fluss_writer_options){.on_ack = weather_acked, .context = w}, &w->writer, &err));
    if (w->keyed)
        CHECK_OK(fluss_lookup_open(w->target, weather_looked_up, w, &w->lookup, &err));
}

static inline void
weather_close(weather *w)
{
    const fault_counts n = fault_proxy_counts(w->proxy);
    (void)printf("  %5" PRId64 " ms  %s  (%" PRIu64 " connections, %" PRIu64 " requests, %" PRIu64 " late, %" PRIu64
                 " split, %" PRIu64 " repeated, %" PRIu64 " dropped, %" PRIu64 " cut)\n",
                 slu_now_ms(&weather_env) - w->started_ms, w->plan, n.connections, n.requests, n.delays, n.splits, n.repeats,
                 n.drops, n.cuts);
    (void)fflush(stdout);
    fluss_lookup_close(&w->lookup);
    fluss_writer_close(&w->writer);
    fluss_target_close(&w->target);
    fluss_client_close(&w->client);
    fault_proxy_close(&w->proxy);
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        free(w->written[bucket]);
}

static inline void
weather_write_bucket(weather *w, int32_t bucket, const test_rows *rows, const int32_t *buckets, int64_t count)
{
    slu_error err = {0};
    int32_t selection[1024];
    int64_t selected = 0;
    for (int64_t i = 0; i < count; i++)
        if (buckets[i] == bucket)
            selection[selected++] = (int32_t)i;
    slu_status status = SLU_AGAIN;
    const int64_t deadline_ms = slu_now_ms(&weather_env) + weather_wait_ms;
    while ((status = fluss_writer_write(w->writer, bucket, &rows->schema, &rows->array, selection, selected, NULL, &err)) ==
           SLU_AGAIN) {
        if (slu_now_ms(&weather_env) > deadline_ms)
            fail_msg("%s: the writer is stuck", w->plan);
        weather_step(w, 20);
    }
    if (status != SLU_OK)
        fail_msg("%s: write: %s", w->plan, err.message);
    for (int64_t i = 0; i < selected; i++)
        w->written[bucket][w->written_count[bucket]++] = (int64_t)rows->amounts[selection[i]];
}

/* Rows (or keys) first .. first+count-1, at most 1024; amount: the next numbers. */
static inline void
weather_write(weather *w, int64_t first, int64_t count)
{
    slu_error err = {0};
    test_rows rows;
    int32_t buckets[1024];
    test_rows_init(&rows, first, count);
    for (int64_t i = 0; i < count; i++) {
        rows.amounts[i] = w->next++;
        w->last_of[first + i] = (int64_t)rows.amounts[i];
    }
    CHECK_OK(fluss_table_buckets(fluss_target_table(w->target), &rows.schema, &rows.array, NULL, count, buckets, &err));
    for (int32_t bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        weather_write_bucket(w, bucket, &rows, buckets, count);
    test_rows_fini(&rows);
}

static inline void
weather_flush(weather *w)
{
    slu_error err = {0};
    if (fluss_writer_wait(w->writer, weather_wait_ms, &err) != SLU_OK)
        fail_msg("%s: flush: %s", w->plan, err.message);
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        assert_int_equal(w->acked_rows[bucket], w->written_count[bucket]);
}

static inline void
weather_look_up(weather *w, int64_t first, int64_t count)
{
    slu_error err = {0};
    test_rows rows;
    w->looked_up = false;
    w->look_first = first;
    test_rows_init(&rows, first, count);
    CHECK_OK(fluss_lookup_submit(w->lookup, 1, &rows.schema, &rows.array, NULL, count, &err));
    CHECK_OK(fluss_client_wait(w->client, &w->looked_up, weather_wait_ms, "lookup", &err));
    test_rows_fini(&rows);
}

/* Reads every bucket to `ends` through the weather and compares it with what was written: rows of kind +I and +U, in order. */
static inline void
weather_compare(weather *w, const int64_t *ends)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t seen[WEATHER_BUCKETS] = {0};
    const int64_t deadline_ms = slu_now_ms(&weather_env) + weather_wait_ms;
    /* Small answers: more of them, and each fits between two cuts. */
    const fluss_scanner_options options = {.fetch_bytes_max = 16384, .bucket_bytes_max = 8192};
    CHECK_OK(fluss_scanner_open(w->target, &options, &scanner, &err));
    for (int32_t bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        CHECK_OK(fluss_scanner_add(scanner, bucket, 0, ends[bucket], &err));
    for (;;) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            if (slu_now_ms(&weather_env) > deadline_ms)
                fail_msg("%s: the scan is stuck", w->plan);
            weather_step(w, 20);
            continue;
        }
        if (status != SLU_OK)
            fail_msg("%s: scan: %s", w->plan, err.message);
        const uint8_t *amounts = batch.array.release == NULL ? NULL : batch.array.children[1]->buffers[1];
        for (int64_t row = batch.first; row < batch.first + batch.count; row++) {
            if (batch.kinds != NULL && (batch.kinds[row] == SLU_ROW_UPDATE_BEFORE || batch.kinds[row] == SLU_ROW_DELETE))
                continue;
            const int64_t at = seen[batch.bucket]++;
            int64_t amount = 0;
            memcpy(&amount, amounts + (size_t)row * sizeof(test_wide), sizeof amount); /* the wire aligns to 8 bytes */
            if (at >= w->written_count[batch.bucket] || amount != w->written[batch.bucket][at])
                fail_msg("%s: bucket %d: row %" PRId64 " is %" PRId64 ", not %" PRId64, w->plan, batch.bucket, at, amount,
                         at < w->written_count[batch.bucket] ? w->written[batch.bucket][at] : -1);
        }
        fluss_scan_batch_fini(&batch);
    }
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        assert_int_equal(seen[bucket], w->written_count[bucket]);
    fluss_scanner_close(&scanner);
}

/* The ends as the server says them, asked in calm. */
static inline void
weather_ends(weather *w, int64_t *ends)
{
    slu_error err = {0};
    fluss_client *calm = NULL;
    CHECK_OK(fluss_client_open(&weather_env, &(fluss_client_options){.bootstrap_servers = weather_server}, &calm, &err));
    CHECK_OK(fluss_admin_list_offsets(calm, fluss_target_table(w->target)->table_id, -1, FLUSS_OFFSETS_LATEST, 0,
                                      fluss_target_leaders(w->target), WEATHER_BUCKETS, ends, &err));
    fluss_client_close(&calm);
}

static inline void
weather_check_log(weather *w)
{
    int64_t ends[WEATHER_BUCKETS];
    weather_ends(w, ends);
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        assert_int_equal(ends[bucket], w->written_count[bucket]);
    weather_compare(w, ends);
}

/* `keys` keys, each written `rounds` times: one insert, the rest updates of two rows. */
static inline void
weather_check_changelog(weather *w, int64_t rounds, int64_t keys)
{
    int64_t ends[WEATHER_BUCKETS];
    weather_ends(w, ends);
    assert_int_equal(ends[0] + ends[1] + ends[2], keys + 2 * keys * (rounds - 1));
    weather_compare(w, ends);
}

static inline int
weather_set_up(void **state)
{
    (void)state;
    slu_env_init_system(&weather_env, SLU_LOG_ERROR);
    if (weather_server_up != NULL)
        weather_server_up();
    else
        weather_server = test_server_start(&weather_env);
    return 0;
}

static inline int
weather_tear_down(void **state)
{
    (void)state;
    if (weather_server_down != NULL)
        weather_server_down();
    else
        test_server_stop();
    return 0;
}

/* Runs the tests as often as SLUICE_ROUNDS says, each round with a seed of its own. */
static inline int
weather_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    const char *seed = getenv("SLUICE_SEED");
    const char *rounds = getenv("SLUICE_ROUNDS");
    weather_seed = seed == NULL ? weather_seed : strtoull(seed, NULL, 10);
    int failed = 0;
    for (int round = 0; round < (rounds == NULL ? 1 : atoi(rounds)) && failed == 0; round++, weather_seed++) {
        (void)printf("%s: SLUICE_SEED=%" PRIu64 "\n", name, weather_seed);
        failed = _cmocka_run_group_tests(name, tests, count, weather_set_up, weather_tear_down);
    }
    return failed;
}

#endif
