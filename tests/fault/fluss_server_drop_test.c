/*
 * Partitions that a clock drops while they are written: with `sync` a write of the same turn of the loop still waits for its log to be
 * synced when its partition ends. Every request is answered, by success or by Fluss's 21; what is freed is looked for under ASan.
 */
#include "integration/fluss/wire_peer.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/record/partition.h"
#include "fluss/server/server.h"
#include "unit/fluss/server/batches.h"

#include <stdatomic.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define ROUNDS 40
#define IN_FLIGHT 30
#define UNKNOWN_TABLE_OR_BUCKET 21

static const char table_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"INTEGER\"}},"
    "{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\"}}]},\"partition_key\":[\"day\"],\"bucket_key\":[\"id\"],"
    "\"bucket_count\":1,\"custom_properties\":{},\"properties\":{\"table.auto-partition.enabled\":\"true\","
    "\"table.auto-partition.time-zone\":\"UTC\",\"table.auto-partition.num-precreate\":\"1\","
    "\"table.auto-partition.num-retention\":\"1\"}}";

static slu_env env;
static _Atomic int64_t wall;
static char dir[64];
static fluss_server *server;

static int64_t
own_wall(const slu_env *of)
{
    (void)of;
    return atomic_load(&wall);
}

static int
up(void **state)
{
    slu_error err;
    fluss_config *config = NULL;
    (void)state;
    slu_env_init_system(&env, 0);
    env.wall_ms = own_wall;
    atomic_store(&wall, fluss_civil_days(2024, 2, 1) * DAY_MS + 3600000);
    (void)snprintf(dir, sizeof dir, "/tmp/slu_drop_XXXXXX");
    assert_non_null(mkdtemp(dir));
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "auto-partition.check.interval", "1ms", "test", &err));
    CHECK_OK(fluss_config_set(config, "sync", "true", "test", &err));
    CHECK_OK(fluss_server_open(&env, &(fluss_server_options){.config = config, .port = 0, .data_dir = dir}, &server, &err));
    fluss_config_free(&config);
    CHECK_OK(fluss_server_start(server, &err));
    return 0;
}

static int
down(void **state)
{
    (void)state;
    fluss_server_close(&server);
    return slu_dir_remove(dir, NULL);
}

/* The newest partition, once there is one that is newer than `before`. */
static int64_t
newest_partition(wire_peer *p, int64_t before)
{
    int64_t newest = before;
    for (int tries = 0; tries < 2000 && newest == before; tries++) {
        Fluss__ListPartitionInfosRequest request = FLUSS__LIST_PARTITION_INFOS_REQUEST__INIT;
        Fluss__PbTablePath path = peer_path("fluss", "days");
        request.table_path = &path;
        const Fluss__ListPartitionInfosResponse *response = peer_call(p, FLUSS_API_LIST_PARTITION_INFOS, &request.base);
        assert_non_null(response);
        for (size_t i = 0; i < response->n_partitions_info; i++)
            if (response->partitions_info[i]->partition_id > newest)
                newest = response->partitions_info[i]->partition_id;
        (void)usleep(newest == before ? 1000 : 0);
    }
    assert_true(newest > before);
    return newest;
}

static void
produce(wire_peer *p, int64_t table, int64_t partition)
{
    Fluss__ProduceLogRequest request = FLUSS__PRODUCE_LOG_REQUEST__INIT;
    Fluss__PbProduceLogReqForBucket b = FLUSS__PB_PRODUCE_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbProduceLogReqForBucket *list[1] = {&b};
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    batch_make(&batch, -1, -1, 3, 100);
    request.acks = -1;
    request.table_id = table;
    request.n_buckets_req = 1;
    request.buckets_req = list;
    b.has_partition_id = true;
    b.partition_id = partition;
    b.records = fluss_bytes_of(slu_buf_view(&batch));
    assert_true(peer_send(p, FLUSS_API_PRODUCE_LOG, &request.base) >= 0);
    slu_buf_fini(&batch);
}

/* 0, or the code of the bucket. */
static int32_t
answer(wire_peer *p)
{
    fluss_response_frame frame;
    assert_true(peer_receive(p, &frame));
    const Fluss__ProduceLogResponse *response = peer_decode(p, &frame, &fluss__produce_log_response__descriptor);
    assert_non_null(response);
    return response->buckets_resp[0]->has_error_code ? response->buckets_resp[0]->error_code : 0;
}

/* Writes without a pause; on the way two days pass, and the partition is too old. */
static void
write_until_dropped(wire_peer *p, int64_t table, int64_t partition)
{
    int32_t code = 0;
    for (int i = 0; i < IN_FLIGHT; i++)
        produce(p, table, partition);
    for (int i = 0; code == 0; i++) {
        if (i == 2 * IN_FLIGHT)
            atomic_fetch_add(&wall, 3 * DAY_MS);
        code = answer(p);
        if (code == 0)
            produce(p, table, partition);
    }
    for (int i = 1; i < IN_FLIGHT; i++)
        assert_int_equal(answer(p), UNKNOWN_TABLE_OR_BUCKET);
    assert_int_equal(code, UNKNOWN_TABLE_OR_BUCKET);
}

static void
a_partition_is_dropped_in_the_turn_in_which_it_is_written(void **state)
{
    (void)state;
    wire_peer p;
    int64_t partition = -1;
    assert_true(peer_open(&p, fluss_server_address(server)));
    if (!peer_create_table(&p, "fluss", "days", table_json))
        fail_msg("create: %d %s", p.error_code, p.error_message);
    const int64_t table = peer_table_id(&p, "fluss", "days");
    for (int round = 0; round < ROUNDS; round++) {
        partition = newest_partition(&p, partition);
        write_until_dropped(&p, table, partition);
    }
    peer_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_partition_is_dropped_in_the_turn_in_which_it_is_written, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
