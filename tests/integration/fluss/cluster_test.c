/* What the server remembers as a coordinator: producers' offsets, server tags, rebalances; across a restart, on a false wall clock. */
#include "wire_peer.h"

#include "base/file.h"
#include "fluss/server/server.h"

static char root[64];
static slu_env env;
static int64_t wall_ms = 1700000000000;
static fluss_server *server;
static wire_peer peer;

static int64_t
wall(const slu_env *e)
{
    (void)e;
    return wall_ms;
}

static void
start(void)
{
    slu_error err;
    const fluss_server_options options = {.port = 0, .data_dir = root};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    env.wall_ms = wall;
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    assert_true(peer_open(&peer, fluss_server_address(server)));
}

static void
stop(void)
{
    peer_close(&peer);
    fluss_server_close(&server);
}

static int
up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_cluster_XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    start();
    return 0;
}

static int
down(void **state)
{
    (void)state;
    stop();
    return slu_dir_remove(root, NULL);
}

/* Two buckets of table 7 (one of a partition) and one of table 9. The answer's result; -1: an error. */
static int
register_offsets(const char *producer, int64_t ttl_ms)
{
    Fluss__RegisterProducerOffsetsRequest request = FLUSS__REGISTER_PRODUCER_OFFSETS_REQUEST__INIT;
    Fluss__PbProducerTableOffsets tables[2] = {FLUSS__PB_PRODUCER_TABLE_OFFSETS__INIT, FLUSS__PB_PRODUCER_TABLE_OFFSETS__INIT};
    Fluss__PbProducerTableOffsets *table_list[2] = {&tables[0], &tables[1]};
    Fluss__PbBucketOffset buckets[3] = {FLUSS__PB_BUCKET_OFFSET__INIT, FLUSS__PB_BUCKET_OFFSET__INIT,
                                        FLUSS__PB_BUCKET_OFFSET__INIT};
    Fluss__PbBucketOffset *list[3] = {&buckets[0], &buckets[1], &buckets[2]};
    for (int i = 0; i < 3; i++) {
        buckets[i].bucket_id = i;
        buckets[i].has_log_end_offset = true;
        buckets[i].log_end_offset = 100 + i;
    }
    buckets[1].has_partition_id = true;
    buckets[1].partition_id = 3;
    tables[0].table_id = 7;
    tables[0].n_bucket_offsets = 2;
    tables[0].bucket_offsets = list;
    tables[1].table_id = 9;
    tables[1].n_bucket_offsets = 1;
    tables[1].bucket_offsets = &list[2];
    request.producer_id = (char *)(uintptr_t)producer;
    request.n_table_offsets = 2;
    request.table_offsets = table_list;
    request.has_ttl_ms = ttl_ms != 0;
    request.ttl_ms = ttl_ms;
    const Fluss__RegisterProducerOffsetsResponse *response = peer_call(&peer, FLUSS_API_REGISTER_PRODUCER_OFFSETS, &request.base);
    return response == NULL ? -1 : response->result;
}

static const Fluss__GetProducerOffsetsResponse *
get_offsets(const char *producer)
{
    Fluss__GetProducerOffsetsRequest request = FLUSS__GET_PRODUCER_OFFSETS_REQUEST__INIT;
    request.producer_id = (char *)(uintptr_t)producer;
    return peer_call(&peer, FLUSS_API_GET_PRODUCER_OFFSETS, &request.base);
}

static void
producers_keep_the_first_registration_across_restarts_until_its_time_is_over(void **state)
{
    (void)state;
    assert_int_equal(register_offsets("job-1", 60000), 0);
    assert_int_equal(register_offsets("job-1", 60000), 1);
    stop();
    start();
    const Fluss__GetProducerOffsetsResponse *got = get_offsets("job-1");
    assert_string_equal(got->producer_id, "job-1");
    assert_int_equal(got->expiration_time, wall_ms + 60000);
    assert_int_equal(got->n_table_offsets, 2);
    assert_int_equal(got->table_offsets[0]->table_id, 7);
    assert_int_equal(got->table_offsets[0]->n_bucket_offsets, 2);
    assert_false(got->table_offsets[0]->bucket_offsets[0]->has_partition_id);
    assert_int_equal(got->table_offsets[0]->bucket_offsets[1]->partition_id, 3);
    assert_int_equal(got->table_offsets[0]->bucket_offsets[1]->log_end_offset, 101);
    assert_int_equal(got->table_offsets[1]->bucket_offsets[0]->log_end_offset, 102);
    wall_ms += 60000;
    assert_int_equal(register_offsets("job-1", 0), 0);
    assert_int_equal(get_offsets("job-1")->expiration_time, wall_ms + INT64_C(24) * 3600 * 1000);
}

static void
producers_deleted_or_unknown_give_an_empty_answer(void **state)
{
    (void)state;
    Fluss__DeleteProducerOffsetsRequest request = FLUSS__DELETE_PRODUCER_OFFSETS_REQUEST__INIT;
    request.producer_id = (char *)(uintptr_t) "gone";
    assert_int_equal(register_offsets("gone", 0), 0);
    assert_non_null(peer_call(&peer, FLUSS_API_DELETE_PRODUCER_OFFSETS, &request.base));
    assert_null(get_offsets("gone")->producer_id);
    assert_int_equal(get_offsets("gone")->n_table_offsets, 0);
    assert_non_null(peer_call(&peer, FLUSS_API_DELETE_PRODUCER_OFFSETS, &request.base));
}

static void
producers_with_a_bad_name_are_refused_in_fluss_words(void **state)
{
    (void)state;
    assert_int_equal(register_offsets("a/b", 0), -1);
    assert_int_equal(peer.error_code, FLUSS_ERROR_INVALID_PRODUCER_ID_EXCEPTION);
    assert_string_equal(peer.error_message, "Invalid producer ID 'a/b': 'a/b' contains one or more characters other than ASCII "
                                            "alphanumerics, '_' and '-'");
    assert_null(get_offsets(""));
    assert_string_equal(peer.error_message, "Invalid producer ID '': the empty string is not allowed");
}

static bool
tag(int16_t api, int32_t server_id, int32_t value)
{
    Fluss__AddServerTagRequest request = FLUSS__ADD_SERVER_TAG_REQUEST__INIT; /* REMOVE has the same shape */
    Fluss__RemoveServerTagRequest removal = FLUSS__REMOVE_SERVER_TAG_REQUEST__INIT;
    request.n_server_ids = removal.n_server_ids = 1;
    request.server_ids = removal.server_ids = &server_id;
    request.server_tag = removal.server_tag = value;
    return peer_call(&peer, api, api == FLUSS_API_ADD_SERVER_TAG ? &request.base : &removal.base) != NULL;
}

static void
server_tags_are_kept_and_never_two_at_once(void **state)
{
    (void)state;
    assert_false(tag(FLUSS_API_ADD_SERVER_TAG, 5, 0));
    assert_int_equal(peer.error_code, FLUSS_ERROR_SERVER_NOT_EXIST_EXCEPTION);
    assert_string_equal(peer.error_message, "Server 5 not exists when trying to add server tag.");
    assert_false(tag(FLUSS_API_ADD_SERVER_TAG, 0, 2));
    assert_true(tag(FLUSS_API_ADD_SERVER_TAG, 0, 1));
    stop();
    start();
    assert_true(tag(FLUSS_API_ADD_SERVER_TAG, 0, 1));
    assert_false(tag(FLUSS_API_ADD_SERVER_TAG, 0, 0));
    assert_int_equal(peer.error_code, FLUSS_ERROR_SEVER_TAG_ALREADY_EXIST_EXCEPTION);
    assert_false(tag(FLUSS_API_REMOVE_SERVER_TAG, 0, 0));
    assert_int_equal(peer.error_code, FLUSS_ERROR_SEVER_TAG_NOT_EXIST_EXCEPTION);
    assert_true(tag(FLUSS_API_REMOVE_SERVER_TAG, 0, 1));
    assert_true(tag(FLUSS_API_ADD_SERVER_TAG, 0, 0));
    assert_true(tag(FLUSS_API_REMOVE_SERVER_TAG, 0, 0));
}

static const Fluss__ListRebalanceProgressResponse *
progress(const char *id)
{
    Fluss__ListRebalanceProgressRequest request = FLUSS__LIST_REBALANCE_PROGRESS_REQUEST__INIT;
    request.rebalance_id = (char *)(uintptr_t)id;
    return peer_call(&peer, FLUSS_API_LIST_REBALANCE_PROGRESS, &request.base);
}

static void
rebalances_of_one_node_are_complete_at_once(void **state)
{
    (void)state;
    char id[64];
    int32_t goals[2] = {0, 1};
    Fluss__RebalanceRequest request = FLUSS__REBALANCE_REQUEST__INIT;
    Fluss__CancelRebalanceRequest cancel = FLUSS__CANCEL_REBALANCE_REQUEST__INIT;
    request.n_goals = 2;
    request.goals = goals;
    assert_false(progress(NULL)->has_rebalance_status);
    const Fluss__RebalanceResponse *done = peer_call(&peer, FLUSS_API_REBALANCE, &request.base);
    assert_non_null(done);
    (void)snprintf(id, sizeof id, "%s", done->rebalance_id);
    assert_int_equal(progress(NULL)->rebalance_status, 3);
    assert_string_equal(progress(id)->rebalance_id, id);
    assert_int_equal(progress(id)->n_table_progress, 0);
    assert_null(progress("other"));
    assert_int_equal(peer.error_code, FLUSS_ERROR_NO_REBALANCE_IN_PROGRESS_EXCEPTION);
    assert_non_null(peer_call(&peer, FLUSS_API_CANCEL_REBALANCE, &cancel.base));
    assert_int_equal(progress(id)->rebalance_status, 3);
    goals[1] = 9;
    assert_null(peer_call(&peer, FLUSS_API_REBALANCE, &request.base));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(producers_keep_the_first_registration_across_restarts_until_its_time_is_over),
        cmocka_unit_test(producers_deleted_or_unknown_give_an_empty_answer),
        cmocka_unit_test(producers_with_a_bad_name_are_refused_in_fluss_words),
        cmocka_unit_test(server_tags_are_kept_and_never_two_at_once),
        cmocka_unit_test(rebalances_of_one_node_are_complete_at_once),
    };
    return cmocka_run_group_tests(tests, up, down);
}
