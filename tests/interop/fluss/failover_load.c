/*
 * failover_load.c: our client under load on a cluster whose servers die (failover.py kills them): failover_load BOOTSTRAP [PLAN]. A log
 * table and a primary-key table of three copies; rows are written until a line comes on the input; then everything is acknowledged,
 * read back and compared: each row once, in order, each key's last value. PLAN: bad weather on top (support/fault_proxy.h).
 */
#include "fault/weather.h"

#include <poll.h>

#define COPIES "\"properties\":{\"table.replication.factor\":\"3\"}"
#define KEYS 300 /* a multiple of ROWS_EACH, and of the 100 of a lookup */
#define BATCHES_MAX 400
#define ROWS_EACH 30 /* each 10 ms */

static const char log_copies[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":3," COPIES ",\"custom_properties\":{}}";
static const char key_copies[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3," COPIES ",\"custom_properties\":{}}";

static const char *plan = "calm";

static bool
told_to_stop(void)
{
    struct pollfd input = {0, POLLIN, 0};
    return poll(&input, 1, 0) != 0;
}

static int64_t
acked(const weather *w)
{
    int64_t rows = 0;
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        rows += w->acked_rows[bucket];
    return rows;
}

static void
rows_outlive_servers(void **state)
{
    (void)state;
    static weather logs;
    static weather keys;
    uint64_t round = 0;
    weather_open(&logs, plan, log_copies);
    weather_open(&keys, plan, key_copies);
    for (; !told_to_stop(); round++) {
        /* Not faster than the cluster: what piles up while it has no leader is enough. */
        if (logs.next < WEATHER_ROWS_MAX - 100 &&
            fluss_writer_pending(logs.writer) + fluss_writer_pending(keys.writer) < BATCHES_MAX) {
            weather_write(&logs, logs.next, ROWS_EACH);
            weather_write(&keys, keys.next % KEYS, ROWS_EACH);
        }
        weather_step(&logs, 5);
        weather_step(&keys, 5);
        if (round % 100 == 0) {
            (void)printf("acknowledged %lld %lld of %lld\n", (long long)acked(&logs), (long long)acked(&keys),
                         (long long)logs.next);
            (void)fflush(stdout);
        }
    }
    weather_flush(&logs);
    weather_flush(&keys);
    (void)printf("all acknowledged: %lld rows in each table\n", (long long)logs.next);
    (void)fflush(stdout);
    weather_check_log(&logs);
    for (int64_t key = 0; key < KEYS && key < keys.next; key += 100)
        weather_look_up(&keys, key, 100);
    int64_t ends[WEATHER_BUCKETS];
    weather_ends(&keys, ends);
    weather_compare(&keys, ends);
    assert_int_equal(ends[0] + ends[1] + ends[2], KEYS + 2 * (keys.next - KEYS));
    weather_close(&keys);
    weather_close(&logs);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_outlive_servers)};
    if (argc < 2)
        return 2;
    (void)setenv("FLUSS_BOOTSTRAP", argv[1], 1);
    plan = argc > 2 ? argv[2] : plan;
    weather_timeout_ms = 3000;
    weather_wait_ms = 120000;
    return weather_run("interop.fluss.failover", tests, 1);
}
