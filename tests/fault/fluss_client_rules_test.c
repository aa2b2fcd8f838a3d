/*
 * The rules of the Fluss client where a real server cannot be made to break them on demand: two scripted servers (fake_cluster.h).
 */
#include "fake_cluster.h"
#include "integration/fluss_rows.h"

#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"

#include <time.h>

#define TIMEOUT_MS 300
#define WAIT_MS 20000

static const char log_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}";
static const char key_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}";

static slu_env env;
static fluss_client *client;
static fluss_target *target;
static fluss_writer *writer;
static uint64_t steps; /* wake-ups of the client */

static int64_t
now_ms(void)
{
    return slu_now_ms(&env);
}

/* Both sides, until nothing more is to be expected for `ms`, or *done. */
static void
run(int64_t ms, const bool *done)
{
    const int64_t until_ms = now_ms() + ms;
    while (now_ms() < until_ms && (done == NULL || !*done)) {
        fake_step();
        fluss_client_step(client, 1);
    }
}

/* Ready: the writer has its id. */
static void
open_all(const char *json, const fluss_writer_options *options)
{
    slu_error err = {0};
    char servers[64];
    (void)snprintf(servers, sizeof servers, "127.0.0.1:%u", fake.nodes[0].port);
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = servers, .request_timeout_ms = TIMEOUT_MS},
                               &client, &err));
    CHECK_OK(fluss_target_open(client, "d", "t", &target, &err));
    const int64_t until_ms = now_ms() + WAIT_MS;
    while (fluss_target_poll(target, &err) == SLU_AGAIN && now_ms() < until_ms)
        run(5, NULL);
    CHECK_OK(fluss_target_poll(target, &err));
    CHECK_OK(fluss_writer_open(target, options, &writer, &err));
    while (fluss_writer_poll(writer, &err) == SLU_AGAIN && now_ms() < until_ms)
        run(5, NULL);
    CHECK_OK(fluss_writer_poll(writer, &err));
}

static void
close_all(void)
{
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    fluss_client_close(&client);
    fake_close();
}

static slu_status
write_some(int32_t bucket, int64_t rows, slu_error *err)
{
    test_rows of;
    test_rows_init(&of, 0, rows);
    const slu_status status = fluss_writer_write(writer, bucket, &of.schema, &of.array, NULL, rows, NULL, err);
    test_rows_fini(&of);
    return status;
}

/* Until everything is acknowledged, or the writer has failed. */
static slu_status
flush(slu_error *err)
{
    slu_status status = SLU_OK;
    const int64_t until_ms = now_ms() + WAIT_MS;
    while ((status = fluss_writer_poll(writer, err)) == SLU_OK && fluss_writer_pending(writer) > 0) {
        if (now_ms() > until_ms)
            fail_msg("the writer is stuck");
        run(5, NULL);
    }
    return status;
}

/* ---- Leaders ---- */

static void
a_leader_that_moved_is_found(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    fake.misled = true;
    open_all(log_json, NULL);
    for (int i = 0; i < 3; i++)
        CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(flush(&err));
    fake.real[0] = 1; /* and the metadata does not know it yet */
    CHECK_OK(write_some(0, 10, &err));
    run(600, NULL);
    assert_int_equal(fake.stored[0], 30);
    const uint32_t produced = fake.produced;
    assert_in_range(produced, 4, 12); /* paced, not hammered */
    fake.leaders[0] = 1;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 40);
    close_all();
}

static void
a_bucket_without_a_leader_is_waited_for(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    fake.misled = true;
    open_all(log_json, NULL);
    fake.real[0] = 1;
    fake.leaders[0] = -1;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(write_some(1, 10, &err)); /* goes on */
    run(1500, NULL);
    CHECK_OK(fluss_writer_poll(writer, &err));
    assert_int_equal(fake.stored[1], 10);
    assert_in_range(fake.metadata, 3, 30);
    fake.leaders[0] = 1;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 10);
    close_all();
}

static void
a_leader_that_is_no_node_is_waited_for(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.misled = true;
    fake.leaders[0] = 5; /* named before it has registered */
    fake.real[0] = 1;
    CHECK_OK(write_some(0, 10, &err));
    run(1500, NULL);
    CHECK_OK(fluss_writer_poll(writer, &err));
    assert_in_range(fake.metadata, 3, 60);
    fake.leaders[0] = 1;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 10);
    close_all();
}

/* The node that a client was pointed at dies for good: the others are asked. */
static void
metadata_is_asked_of_those_who_live(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(flush(&err));
    fake_hang_up_all(&fake.nodes[0]);
    (void)close(fake.nodes[0].listener);
    fake.nodes[0].listener = -1;
    fake.leaders[0] = fake.leaders[1] = 1;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 20);
    close_all();
}

static void
a_table_made_anew_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.codes[0] = FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION;
    fake.code_times[0] = -1;
    fake.table_id = 8;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_STATUS(flush(&err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "d.t");
    CHECK_MESSAGE(err, "dropped and created anew");
    close_all();
}

static void
a_table_that_is_gone_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.codes[0] = FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION;
    fake.code_times[0] = -1;
    fake.table_error = FLUSS_ERROR_TABLE_NOT_EXIST;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_STATUS(flush(&err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "d.t");
    assert_int_equal(err.code, FLUSS_ERROR_TABLE_NOT_EXIST);
    close_all();
}

/* ---- Codes ---- */

/* Retriable in Fluss's Java client: subclasses of RetriableException, of 0.9.1 and 1.0. */
static bool
java_retries(int32_t code)
{
    static const int32_t retriable[] = {1, 3, 9, 10, 11, 12, 14, 21, 25, 26, 28, 29, 44, 70, 72, 73};
    for (size_t i = 0; i < sizeof retriable / sizeof retriable[0]; i++)
        if (retriable[i] == code)
            return true;
    return false;
}

static void
each_code_is_taken_as_java_takes_it(void **state)
{
    (void)state;
    for (int32_t code = -1; code <= 73; code++) {
        slu_error err = {0};
        if (code == 0)
            continue;
        fake_open(log_json);
        open_all(log_json, NULL);
        fake.codes[0] = code;
        fake.code_times[0] = 1;
        CHECK_OK(write_some(0, 10, &err));
        const slu_status status = flush(&err);
        if (code == FLUSS_ERROR_DUPLICATE_SEQUENCE_EXCEPTION) {
            CHECK_OK(status);
            assert_int_equal(fake.produced, 1);
        } else if (java_retries(code)) {
            if (status != SLU_OK)
                fail_msg("code %d is not tried again: %s", code, err.message);
            assert_int_equal(fake.produced, 2);
            assert_int_equal(fake.stored[0], 10);
        } else {
            if (status == SLU_OK)
                fail_msg("code %d is tried again", code);
            assert_int_equal(err.code, code);
            assert_int_equal(fake.produced, 1);
        }
        close_all();
    }
}

/* The first of five fails, and so the others come out of order (31): all are sent again, in order, and stored once. */
static void
what_is_behind_a_failed_batch_is_sent_again(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    fake.serial = true;
    open_all(log_json, NULL);
    fake.codes[0] = FLUSS_ERROR_NOT_ENOUGH_REPLICAS_EXCEPTION;
    fake.code_times[0] = 1;
    for (int i = 0; i < 8; i++)
        CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 80);
    assert_int_equal(fake.expected[0], 8);
    close_all();
}

static void
scans_and_lookups_take_codes_alike(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    fluss_scan_batch batch;
    fake_open(log_json);
    open_all(log_json, NULL);
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, 0, FLUSS_OFFSET_NEVER, &err));
    fake.codes[0] = FLUSS_ERROR_LEADER_NOT_AVAILABLE_EXCEPTION;
    fake.code_times[0] = 3;
    CHECK_STATUS(fluss_scanner_poll(scanner, &batch, &err), SLU_AGAIN);
    const int64_t until_ms = now_ms() + WAIT_MS;
    while (fluss_scanner_high_watermark(scanner, 0) < 0 && now_ms() < until_ms)
        run(5, NULL);
    CHECK_STATUS(fluss_scanner_poll(scanner, &batch, &err), SLU_AGAIN);
    assert_int_equal(fluss_scanner_high_watermark(scanner, 0), 0);
    /* A server that stumbles is asked again for a while, as Java does. */
    fake.codes[0] = FLUSS_ERROR_UNKNOWN_SERVER_ERROR;
    fake.code_times[0] = 3;
    run(1000, NULL);
    assert_int_equal(fake.code_times[0], 0);
    CHECK_STATUS(fluss_scanner_poll(scanner, &batch, &err), SLU_AGAIN);
    fake.codes[0] = FLUSS_ERROR_LOG_OFFSET_OUT_OF_RANGE_EXCEPTION;
    fake.code_times[0] = 1;
    run(1000, NULL);
    assert_true(fluss_scanner_poll(scanner, &batch, &err) < 0);
    assert_int_equal(err.code, FLUSS_ERROR_LOG_OFFSET_OUT_OF_RANGE_EXCEPTION);
    fluss_scanner_close(&scanner);
    close_all();
}

typedef struct looked {
    bool done;
    slu_error failure;
} looked;

static void
looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    looked *of = context;
    (void)token;
    (void)found;
    of->done = true;
    if (failure != NULL)
        of->failure = *failure;
    else
        values->release(values);
}

static void
a_lookup_is_sent_again(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_lookup *lookup = NULL;
    looked of = {0};
    test_rows keys;
    fake_open(key_json);
    open_all(key_json, NULL);
    test_rows_init(&keys, 0, 10);
    CHECK_OK(fluss_lookup_open(target, looked_up, &of, &lookup, &err));
    fake.codes[0] = fake.codes[1] = FLUSS_ERROR_NOT_LEADER_OR_FOLLOWER;
    fake.code_times[0] = fake.code_times[1] = 2;
    CHECK_OK(fluss_lookup_submit(lookup, 1, &keys.schema, &keys.array, NULL, 10, &err));
    run(WAIT_MS, &of.done);
    assert_true(of.done);
    assert_int_equal(of.failure.status, SLU_OK);
    assert_int_equal(fake.looked_up, 6);
    /* And where nobody answers: after its timeout. */
    of.done = false;
    fake.nodes[0].mute = true;
    CHECK_OK(fluss_lookup_submit(lookup, 2, &keys.schema, &keys.array, NULL, 10, &err));
    run(2 * TIMEOUT_MS, &of.done);
    assert_false(of.done);
    fake.nodes[0].mute = false;
    run(WAIT_MS, &of.done);
    assert_int_equal(of.failure.status, SLU_OK);
    /* A fatal code is told at once. */
    of.done = false;
    fake.codes[0] = fake.codes[1] = FLUSS_ERROR_NON_PRIMARY_KEY_TABLE_EXCEPTION;
    fake.code_times[0] = fake.code_times[1] = 1;
    CHECK_OK(fluss_lookup_submit(lookup, 3, &keys.schema, &keys.array, NULL, 10, &err));
    run(WAIT_MS, &of.done);
    assert_int_equal(of.failure.code, FLUSS_ERROR_NON_PRIMARY_KEY_TABLE_EXCEPTION);
    test_rows_fini(&keys);
    fluss_lookup_close(&lookup);
    close_all();
}

/* ---- Connections ---- */

static void
a_connection_that_died_silently_is_replaced(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    const uint32_t before = fake.nodes[0].accepted;
    fake.nodes[0].mute = true; /* as if a router had forgotten it: what is sent arrives nowhere */
    CHECK_OK(write_some(0, 10, &err));
    const int64_t until_ms = now_ms() + WAIT_MS;
    while (fake.nodes[0].accepted == before && now_ms() < until_ms)
        run(5, NULL);
    assert_int_equal(fake.nodes[0].accepted, before + 1);
    fake.nodes[0].mute = false;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 10);
    close_all();
}

static void
a_connection_closed_while_idle_is_opened_again(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    for (int i = 0; i < 3; i++) {
        fake_hang_up_all(&fake.nodes[0]);
        fake_hang_up_all(&fake.nodes[1]);
        run(50, NULL);
        CHECK_OK(write_some(0, 10, &err));
        CHECK_OK(flush(&err));
    }
    assert_int_equal(fake.stored[0], 30);
    assert_int_equal(fake.produced, 3);
    close_all();
}

/* Servers that close every connection at once: the client goes on knocking, but not in a storm, and it sleeps in between. */
static void
knocking_is_paced(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    for (int n = 0; n < FAKE_NODES; n++) {
        fake.nodes[n].mode = FAKE_REFUSE;
        fake_hang_up_all(&fake.nodes[n]);
    }
    CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(write_some(1, 10, &err));
    const uint32_t before = fake.nodes[0].accepted + fake.nodes[1].accepted;
    struct timespec from;
    struct timespec to;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    const int64_t until_ms = now_ms() + 4000;
    for (steps = 0; now_ms() < until_ms; steps++) {
        fake_step();
        fluss_client_step(client, 100);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    const double cpu_ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    const uint32_t knocks = fake.nodes[0].accepted + fake.nodes[1].accepted - before;
    (void)printf("  %u connects, %llu wake-ups, %.0f ms of CPU in 4 s\n", knocks, (unsigned long long)steps, cpu_ms);
    assert_in_range(knocks, 4, 40);
    assert_in_range(steps, 10, 500);
    for (int n = 0; n < FAKE_NODES; n++)
        fake.nodes[n].mode = FAKE_ACCEPT;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0] + fake.stored[1], 20);
    close_all();
}

static void
a_server_that_fails_is_asked_again(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.failure = true;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], 10);
    close_all();
}

static void
an_answer_that_is_none_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.nodes[0].garbage = true;
    CHECK_OK(write_some(0, 10, &err));
    CHECK_STATUS(flush(&err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "PRODUCE_LOG");
    CHECK_MESSAGE(err, "127.0.0.1");
    close_all();
}

/* ---- Bounds ---- */

static void
a_slow_server_is_not_buried(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, NULL);
    fake.nodes[0].mute = true;
    slu_status status = SLU_OK;
    uint64_t batches = 0;
    while ((status = write_some(0, 20000, &err)) == SLU_OK && batches < 10000) {
        batches++;
        fake_step();
        fluss_client_step(client, 0);
    }
    CHECK_STATUS(status, SLU_AGAIN);
    assert_in_range(fake.unanswered_max, 2, FLUSS_WRITER_FLIGHT_MAX);
    (void)printf("  %llu batches, then AGAIN; %u under way\n", (unsigned long long)batches, fake.unanswered_max);
    fake.nodes[0].mute = false;
    CHECK_OK(flush(&err));
    assert_int_equal(fake.stored[0], (int64_t)batches * 20000);
    CHECK_OK(write_some(0, 10, &err)); /* there is room again */
    CHECK_OK(flush(&err));
    close_all();
}

static void
a_delivery_ends_in_time_where_that_is_wanted(void **state)
{
    (void)state;
    slu_error err = {0};
    fake_open(log_json);
    open_all(log_json, &(fluss_writer_options){.delivery_timeout_ms = 700});
    fake.leaders[0] = -1;
    fake.misled = true;
    fake.real[0] = 1;
    CHECK_OK(write_some(0, 10, &err));
    const int64_t from_ms = now_ms();
    const slu_status status = flush(&err);
    assert_true(status < 0);
    assert_in_range(now_ms() - from_ms, 600, 3000);
    close_all();
}

static int
set_up(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_that_moved_is_found),
        cmocka_unit_test(a_bucket_without_a_leader_is_waited_for),
        cmocka_unit_test(a_leader_that_is_no_node_is_waited_for),
        cmocka_unit_test(metadata_is_asked_of_those_who_live),
        cmocka_unit_test(a_table_made_anew_is_said),
        cmocka_unit_test(a_table_that_is_gone_is_said),
        cmocka_unit_test(each_code_is_taken_as_java_takes_it),
        cmocka_unit_test(what_is_behind_a_failed_batch_is_sent_again),
        cmocka_unit_test(scans_and_lookups_take_codes_alike),
        cmocka_unit_test(a_lookup_is_sent_again),
        cmocka_unit_test(a_connection_that_died_silently_is_replaced),
        cmocka_unit_test(a_connection_closed_while_idle_is_opened_again),
        cmocka_unit_test(knocking_is_paced),
        cmocka_unit_test(a_server_that_fails_is_asked_again),
        cmocka_unit_test(an_answer_that_is_none_is_said),
        cmocka_unit_test(a_slow_server_is_not_buried),
        cmocka_unit_test(a_delivery_ends_in_time_where_that_is_wanted),
    };
    return cmocka_run_group_tests_name("fluss.client_rules", tests, set_up, NULL);
}
