/* Two workers of one job with a net of memory between them: what a net thread does, without sockets. One thread, false clock. */
#include "test_plugins.h"

#include "exchange/remote.h"

static slu_error err;

#define SIDES 2
#define CHANNELS_MAX 256

typedef struct cable {
    slu_channel *from, *to;
    slu_remote_sender *sender;
    slu_remote_receiver *receiver;
} cable;

typedef struct net {
    slu_env_fake fake;
    slu_registry *registry;
    slu_layout *layout;
    slu_worker *workers[SIDES];
    slu_coordinator *coordinator;
    cable cables[CHANNELS_MAX];
    uint32_t cable_count;
    slu_buf header, body;
    int64_t messages;
    uint32_t finished;
} net;

static void
net_open(net *n, const slu_graph *graph)
{
    static uint32_t tasks[SIDES][64];
    uint32_t counts[SIDES] = {0};
    memset(n, 0, sizeof *n);
    slu_env_init_fake(&n->fake, 11);
    slu_buf_init(&n->header, SLU_REMOTE_HEADER_BYTES_MAX);
    slu_buf_init(&n->body, (size_t)SLU_BATCH_BYTES_MAX);
    n->registry = test_registry();
    CHECK_OK(slu_layout_new(graph, &n->layout, &err));
    for (uint32_t i = 0; i < n->layout->task_count; i++)
        tasks[i % SIDES][counts[i % SIDES]++] = i;
    for (uint32_t side = 0; side < SIDES; side++)
        CHECK_OK(slu_worker_open(&(slu_worker_spec){.env = &n->fake.env,
                                                    .layout = n->layout,
                                                    .registry = n->registry,
                                                    .job_id = "00000000000000000000000000000001",
                                                    .attempt = 1,
                                                    .tasks = tasks[side],
                                                    .task_count = counts[side],
                                                    .checkpoint_dir = "",
                                                    .hold_sources = true},
                                 &n->workers[side], &err));
    CHECK_OK(slu_coordinator_new(
        &(slu_coordinator_spec){.task_count = n->layout->task_count, .interval_ms = 1, .timeout_ms = 10000, .fresh = true},
        &n->coordinator, &err));
    for (uint32_t channel = 0; channel < n->layout->channel_count; channel++)
        for (uint32_t side = 0; side < SIDES; side++) {
            slu_channel *from = slu_worker_outbound(n->workers[side], channel);
            if (from == NULL)
                continue;
            const slu_link_edge *edge = &n->layout->links[n->layout->channels[channel].edge];
            const struct ArrowSchema *schema =
                channel % 2 == 0 ? graph->operators[edge->from_operator].outputs[edge->from_output] : NULL;
            const slu_remote_address address = {1, 99, channel};
            cable *made = &n->cables[n->cable_count++];
            made->from = from;
            made->to = slu_worker_inbound(n->workers[1 - side], channel);
            assert_non_null(made->to);
            CHECK_OK(slu_remote_sender_new(&address, schema, 4096, &made->sender, &err));
            CHECK_OK(slu_remote_receiver_new(&address, schema, &made->receiver, &err));
        }
    assert_true(n->cable_count > 4);
}

static void
net_close(net *n)
{
    for (uint32_t side = 0; side < SIDES; side++)
        slu_worker_close(&n->workers[side]);
    for (uint32_t i = 0; i < n->cable_count; i++) {
        slu_remote_sender_free(&n->cables[i].sender);
        slu_remote_receiver_free(&n->cables[i].receiver);
    }
    slu_coordinator_free(&n->coordinator);
    slu_layout_free(&n->layout);
    slu_registry_free(&n->registry);
    slu_buf_fini(&n->header);
    slu_buf_fini(&n->body);
}

/* Carries one item, if there is one and credit for it. */
static bool
carry(net *n, cable *c)
{
    (void)slu_channel_flush(c->to);
    CHECK_OK(slu_remote_credit(c->sender, slu_channel_popped_bytes(c->to), &err));
    const slu_item *first = slu_channel_peek(c->from);
    slu_item item, got;
    if (first == NULL)
        return false;
    slu_status status;
    do {
        status = slu_remote_encode(c->sender, first, &n->header, &n->body, &err);
        if (status == SLU_AGAIN)
            return false;
        assert_true(status == SLU_OK || status == SLU_MORE);
        CHECK_STATUS(
            slu_remote_decode(c->receiver, slu_buf_view(&n->header), slu_buf_view(&n->body), (slu_ipc_owner){0}, &got, &err),
            status);
        n->messages++;
    } while (status == SLU_MORE);
    CHECK_STATUS(slu_channel_pop(c->from, &item), SLU_OK);
    slu_item_drop(&item);
    CHECK_OK(slu_channel_push(c->to, &got, &err));
    return true;
}

static void
tell_both(net *n, uint32_t kind, const slu_action *action)
{
    const slu_worker_command command = {.kind = kind, .checkpoint = action->checkpoint, .final = action->final};
    for (uint32_t side = 0; side < SIDES; side++)
        CHECK_OK(slu_worker_command_all(n->workers[side], &command, &err));
}

static void
coordinate(net *n, uint32_t side)
{
    slu_worker_event event;
    slu_action action;
    while (slu_worker_event_next(n->workers[side], &event) == SLU_OK) {
        if (event.kind == SLU_WORKER_FAILED)
            fail_msg("%s", event.error.message);
        if (event.kind == SLU_WORKER_RUNNING)
            slu_coordinator_running(n->coordinator, event.task);
        if (event.kind == SLU_WORKER_ENDED)
            slu_coordinator_ended(n->coordinator, event.task);
        if (event.kind == SLU_WORKER_ACK)
            CHECK_OK(slu_coordinator_ack(n->coordinator, &event.ack, &err));
        n->finished += event.kind == SLU_WORKER_FINISHED;
    }
    slu_coordinator_step(n->coordinator, n->fake.now_ms, n->fake.now_ms);
    while (slu_coordinator_action(n->coordinator, &action) == SLU_OK) {
        if (action.kind == SLU_ACTION_TRIGGER)
            tell_both(n, SLU_WORKER_TRIGGER, &action);
        if (action.kind == SLU_ACTION_FINALIZE)
            slu_coordinator_finalized(n->coordinator, action.checkpoint, NULL);
        if (action.kind == SLU_ACTION_COMPLETE)
            tell_both(n, SLU_WORKER_COMPLETE, &action);
        if (action.kind == SLU_ACTION_FAIL)
            fail_msg("%s", action.reason);
    }
}

static void
a_job_over_two_workers_is_exactly_once(void **state)
{
    (void)state;
    static const test_op ops[] = {{.id = "n", .use = "numbers", .parallelism = 2, .rows = 5000},
                                  {.id = "e", .use = "even", .parallelism = 3},
                                  {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
                                  {.id = "s", .use = "slow", .parallelism = 1},
                                  {.id = "l", .use = "ledger", .parallelism = 2}};
    slu_graph *graph = test_graph(ops, 5);
    static net n;
    test_world_reset();
    net_open(&n, graph);
    for (int round = 0; n.finished < n.layout->task_count; round++) {
        int64_t deadline;
        if (round > 100000)
            fail_msg("it does not end: %u of %u tasks", n.finished, n.layout->task_count);
        for (uint32_t side = 0; side < SIDES; side++) {
            assert_true(slu_worker_step(n.workers[side], &deadline) > 0);
            coordinate(&n, side);
        }
        for (uint32_t i = 0; i < n.cable_count; i++)
            while (carry(&n, &n.cables[i]))
                continue;
        if (round % 2 == 0)
            slu_env_fake_advance(&n.fake, 1);
    }
    for (int64_t i = 0; i < 10000; i++)
        assert_int_equal(world.committed[i], i % 2 == 0);
    assert_true(n.messages > 100);
    assert_true(slu_coordinator_completed(n.coordinator) > 2);
    net_close(&n);
    assert_int_equal(world.opens, world.closes);
    slu_graph_free(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_over_two_workers_is_exactly_once),
    };
    return cmocka_run_group_tests_name("worker.remote", tests, NULL, NULL);
}
