/* A lake snapshot registered as Fluss 0.8 does it, byte for byte: offsets in the commit, and the answer under 0.8's field numbers. */
#include "wire_peer.h"

#include "base/file.h"
#include "fluss/server/server.h"

#define LAKE_TABLE                                                                                                                 \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0}],"       \
    "\"highest_field_id\":0},\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":2,\"properties\":{"                     \
    "\"table.datalake.enabled\":\"true\"},\"custom_properties\":{}}"

static char root[64];
static slu_env env;
static fluss_server *server;
static wire_peer peer;

static int
up(void **state)
{
    slu_error err;
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_lake08_XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    const fluss_server_options options = {.port = 0, .data_dir = root, .datalake_format = "iceberg"};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    return peer_open(&peer, fluss_server_address(server)) ? 0 : 1;
}

static int
down(void **state)
{
    (void)state;
    peer_close(&peer);
    fluss_server_close(&server);
    return slu_dir_remove(root, NULL);
}

/* Sends a body of bytes as they are; the answer's body. */
static slu_view
exchange(int16_t api, const uint8_t *body, size_t bytes)
{
    slu_buf out;
    fluss_response_frame frame;
    slu_buf_init(&out, 1 << 20);
    slu_buf_u32be(&out, (uint32_t)(8 + bytes));
    slu_buf_u16be(&out, (uint16_t)api);
    slu_buf_u16be(&out, 0);
    slu_buf_u32be(&out, (uint32_t)++peer.next_id);
    slu_buf_append(&out, body, bytes);
    assert_true(peer_write(&peer, out.data, out.bytes));
    slu_buf_fini(&out);
    assert_true(peer_receive(&peer, &frame));
    assert_int_equal(frame.type, FLUSS_RESPONSE_SUCCESS);
    return frame.body;
}

static const Fluss__GetLakeSnapshotResponse *
newest(void)
{
    Fluss__GetLakeSnapshotRequest request = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "old");
    request.table_path = &path;
    return peer_call(&peer, FLUSS_API_GET_LAKE_SNAPSHOT, &request.base);
}

static void
snapshots_of_08_are_registered_and_answered_in_its_numbers(void **state)
{
    (void)state;
    assert_true(peer_create_table(&peer, "fluss", "old", LAKE_TABLE));
    const int64_t id = peer_table_id(&peer, "fluss", "old");
    assert_in_range(id, 0, 127);
    /* tables_req { table_id, snapshot_id 77, buckets_req { bucket 0, log_start_offset 0, log_end_offset 5, partition_name "" } } */
    const uint8_t first[] = {0x0a, 0x0e, 0x08, (uint8_t)id, 0x10, 77, 0x1a, 0x08, 0x10, 0, 0x18, 0, 0x20, 5, 0x2a, 0};
    /* The same table, snapshot 78, bucket 1 at 9: bucket 0 is remembered. */
    const uint8_t second[] = {0x0a, 0x0a, 0x08, (uint8_t)id, 0x10, 78, 0x1a, 0x04, 0x10, 1, 0x20, 9};
    /* A table that is not there. */
    const uint8_t none[] = {0x0a, 0x0a, 0x08, 99, 0x10, 1, 0x1a, 0x04, 0x10, 0, 0x20, 9};
    const uint8_t fine[] = {0x0a, 0x02, 0x08, (uint8_t)id};
    slu_view answer = exchange(FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, first, sizeof first);
    assert_int_equal(answer.bytes, sizeof fine);
    assert_memory_equal(answer.data, fine, sizeof fine);
    answer = exchange(FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, second, sizeof second);
    assert_memory_equal(answer.data, fine, sizeof fine);
    answer = exchange(FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT, none, sizeof none);
    const uint8_t bad[] = {0x08, 99, 0x10, FLUSS_ERROR_UNKNOWN_TABLE_OR_BUCKET_EXCEPTION, 0x1a};
    assert_memory_equal(answer.data + 2, bad, sizeof bad);
    const Fluss__GetLakeSnapshotResponse *snapshot = newest();
    assert_int_equal(snapshot->snapshot_id, 78);
    assert_int_equal(snapshot->n_bucket_snapshots, 2);
    assert_int_equal(snapshot->bucket_snapshots[0]->log_offset, 5);
    assert_int_equal(snapshot->bucket_snapshots[1]->log_offset, 9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(snapshots_of_08_are_registered_and_answered_in_its_numbers)};
    return cmocka_run_group_tests(tests, up, down);
}
