/* channel.h, inbox.h: bounds, order, bells, spill; and two real threads. */
#include "support/arrays.h"

#include "base/alloc.h"
#include "exchange/credit.h"
#include "exchange/inbox.h"

#include <poll.h>
#include <pthread.h>

static slu_error err;

static slu_item
mark(int64_t value)
{
    return (slu_item){.kind = SLU_ITEM_WATERMARK, .value = value};
}

static void
full_then_drained(void **state)
{
    (void)state;
    SLU_AUTO(slu_channel_free) slu_channel *channel = NULL;
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.items_max = 4}, &channel, &err));
    slu_item item;
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_AGAIN);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(slu_channel_room(channel), i < 4);
        item = mark(i);
        CHECK_OK(slu_channel_push(channel, &item, &err));
        assert_int_equal(item.kind, 0);
    }
    int64_t next = 0;
    while (next < 100) {
        while (slu_channel_pop(channel, &item) == SLU_OK)
            assert_int_equal(item.value, next++);
        assert_int_equal(slu_channel_flush(channel), next >= 96);
    }
    assert_true(slu_channel_room(channel));
    slu_channel_close(channel);
    item = mark(1);
    CHECK_STATUS(slu_channel_push(channel, &item, &err), SLU_CLOSED);
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_CLOSED);
}

static void
bytes_bound_and_are_counted(void **state)
{
    (void)state;
    static const int64_t values[1000];
    const slu_batch *batch = test_batch_make(&(test_column){.name = "v", .format = "l", .values = values}, 1, 1000, NULL);
    slu_channel *channel = NULL;
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.bytes_max = 9000}, &channel, &err));
    for (int i = 0; i < 2; i++) {
        assert_true(slu_channel_room(channel));
        const slu_batch *ref = slu_batch_ref(batch);
        slu_item item = slu_item_of_batch(&ref);
        CHECK_OK(slu_channel_push(channel, &item, &err));
    }
    assert_false(slu_channel_room(channel));
    const int64_t pushed = slu_channel_pushed_bytes(channel);
    slu_item item;
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_OK);
    assert_int_equal(slu_channel_popped_bytes(channel), item.bytes);
    assert_int_equal(pushed, 2 * item.bytes);
    slu_item_drop(&item);
    assert_true(slu_channel_room(channel));
    slu_channel_free(&channel); /* drops the second */
    slu_batch_unref(&batch);
}

static void
a_bell_rings_only_for_a_sleeper(void **state)
{
    (void)state;
    slu_bell bell;
    CHECK_OK(slu_bell_init(&bell, true, &err));
    SLU_AUTO(slu_channel_free) slu_channel *channel = NULL;
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.consumer = &bell}, &channel, &err));
    slu_item item = mark(1);
    CHECK_OK(slu_channel_push(channel, &item, &err));
    assert_int_equal(bell.rung, 0);
    slu_bell_arm(&bell);
    for (int64_t i = 0; i < 3; i++) {
        item = mark(i);
        CHECK_OK(slu_channel_push(channel, &item, &err));
    }
    assert_int_equal(bell.rung, 1);
    struct pollfd pollfd = {.fd = bell.fd, .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 0), 1);
    slu_bell_disarm(&bell);
    assert_int_equal(poll(&pollfd, 1, 0), 0);
    slu_bell_fini(&bell);
}

#define ITEMS 200000

typedef struct pipe_end {
    slu_channel *channel;
    slu_bell *bell;
} pipe_end;

static void *
produce(void *argument)
{
    pipe_end *end = argument;
    for (int64_t i = 0; i < ITEMS;) {
        (void)slu_channel_flush(end->channel);
        if (!slu_channel_room(end->channel)) {
            slu_bell_arm(end->bell);
            if (!slu_channel_flush(end->channel) || !slu_channel_room(end->channel))
                (void)poll(&(struct pollfd){.fd = end->bell->fd, .events = POLLIN}, 1, 5000);
            slu_bell_disarm(end->bell);
            continue;
        }
        for (int burst = 0; burst < 1 + i % 7 && i < ITEMS; burst++) {
            slu_item item = {.kind = SLU_ITEM_WATERMARK, .value = i++, .bytes = 100};
            if (slu_channel_push(end->channel, &item, NULL) != SLU_OK)
                abort();
        }
    }
    while (!slu_channel_flush(end->channel))
        (void)poll(NULL, 0, 1);
    slu_channel_close(end->channel);
    return NULL;
}

static void
two_threads_keep_the_order(void **state)
{
    (void)state;
    slu_bell producer, consumer;
    CHECK_OK(slu_bell_init(&producer, true, &err));
    CHECK_OK(slu_bell_init(&consumer, true, &err));
    slu_channel *channel = NULL;
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.items_max = 16, .bytes_max = 1000, .producer = &producer, .consumer = &consumer},
                             &channel, &err));
    pthread_t thread;
    pipe_end end = {channel, &producer};
    assert_int_equal(pthread_create(&thread, NULL, produce, &end), 0);
    int64_t next = 0;
    for (;;) {
        slu_item item;
        const slu_status status = slu_channel_pop(channel, &item);
        if (status == SLU_CLOSED)
            break;
        if (status == SLU_OK) {
            assert_int_equal(item.value, next++);
            continue;
        }
        slu_bell_arm(&consumer);
        if (slu_channel_peek(channel) == NULL && !slu_channel_is_closed(channel))
            assert_int_equal(poll(&(struct pollfd){.fd = consumer.fd, .events = POLLIN}, 1, 5000), 1);
        slu_bell_disarm(&consumer);
    }
    assert_int_equal(next, ITEMS);
    pthread_join(thread, NULL);
    slu_channel_free(&channel);
    slu_bell_fini(&producer);
    slu_bell_fini(&consumer);
}

static void
an_inbox_reads_in_turn_and_skips_the_blocked(void **state)
{
    (void)state;
    slu_channel *channels[3] = {0};
    SLU_AUTO(slu_inbox_free) slu_inbox *inbox = NULL;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(slu_channel_new(&(slu_channel_spec){0}, &channels[i], &err));
        for (int64_t n = 0; n < 2; n++) {
            slu_item item = mark(10 * i + n);
            CHECK_OK(slu_channel_push(channels[i], &item, &err));
        }
    }
    CHECK_OK(slu_inbox_new(channels, 3, &inbox, &err));
    slu_item item;
    uint32_t from;
    slu_inbox_block(inbox, 1);
    static const int64_t expected[] = {0, 20, 1, 21};
    for (int i = 0; i < 4; i++) {
        CHECK_STATUS(slu_inbox_next(inbox, &item, &from, &err), SLU_OK);
        assert_int_equal(item.value, expected[i]);
    }
    CHECK_STATUS(slu_inbox_next(inbox, &item, &from, &err), SLU_AGAIN);
    assert_false(slu_inbox_ready(inbox));
    slu_inbox_unblock_all(inbox);
    assert_true(slu_inbox_ready(inbox));
    CHECK_STATUS(slu_inbox_next(inbox, &item, &from, &err), SLU_OK);
    assert_int_equal(from, 1);
    slu_channel_close(channels[2]);
    CHECK_STATUS(slu_inbox_next(inbox, &item, &from, &err), SLU_CLOSED);
    for (int i = 0; i < 3; i++)
        slu_channel_free(&channels[i]);
}

static void
watermarks_are_the_minimum_without_the_idle(void **state)
{
    (void)state;
    slu_channel *channels[3] = {0};
    SLU_AUTO(slu_inbox_free) slu_inbox *inbox = NULL;
    int64_t combined = 0;
    CHECK_OK(slu_inbox_new(channels, 3, &inbox, &err));
    assert_false(slu_inbox_watermark(inbox, 0, 50, &combined));
    assert_false(slu_inbox_watermark(inbox, 1, 70, &combined));
    assert_true(slu_inbox_idle(inbox, 2, true, &combined));
    assert_int_equal(combined, 50);
    assert_false(slu_inbox_watermark(inbox, 2, 20, &combined)); /* back, and behind: time does not go back */
    assert_true(slu_inbox_watermark(inbox, 2, 60, &combined) == false);
    assert_true(slu_inbox_watermark(inbox, 0, 90, &combined));
    assert_int_equal(combined, 60);
    assert_true(slu_inbox_end(inbox, 2, &combined));
    assert_int_equal(combined, 70);
    assert_false(slu_inbox_all_ended(inbox));
    assert_false(slu_inbox_idle(inbox, 0, true, &combined));
    assert_false(slu_inbox_idle(inbox, 1, true, &combined));
    assert_true(slu_inbox_all_idle(inbox));
}

static void
credit_is_cumulative(void **state)
{
    (void)state;
    slu_credit credit;
    slu_credit_init(&credit, 100);
    assert_true(slu_credit_allows(&credit, 1000)); /* alone, when nothing is outstanding */
    slu_credit_send(&credit, 1000);
    assert_false(slu_credit_allows(&credit, 1));
    assert_true(slu_credit_allows(&credit, 0));
    CHECK_OK(slu_credit_consumed(&credit, 950, &err));
    assert_true(slu_credit_allows(&credit, 50));
    assert_false(slu_credit_allows(&credit, 51));
    CHECK_OK(slu_credit_consumed(&credit, 900, &err)); /* an old one, late */
    assert_true(slu_credit_allows(&credit, 50));
    CHECK_STATUS(slu_credit_consumed(&credit, 1001, &err), SLU_CORRUPT);
}

static void
no_memory_leaves_the_item_with_its_owner(void **state)
{
    (void)state;
    slu_channel *channel = NULL;
    for (uint64_t n = 1; n <= 2; n++) {
        (void)slu_alloc_fail_from(n);
        CHECK_STATUS(slu_channel_new(&(slu_channel_spec){0}, &channel, &err), SLU_NOMEM);
        (void)slu_alloc_fail_from(0);
    }
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.items_max = 4}, &channel, &err));
    slu_item item;
    for (int64_t i = 0; i < 4; i++) {
        item = mark(i);
        CHECK_OK(slu_channel_push(channel, &item, &err));
    }
    item = mark(4);
    (void)slu_alloc_fail_from(1);
    CHECK_STATUS(slu_channel_push(channel, &item, &err), SLU_NOMEM);
    (void)slu_alloc_fail_from(0);
    assert_int_equal(item.kind, SLU_ITEM_WATERMARK);
    slu_channel_free(&channel);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_then_drained),
        cmocka_unit_test(bytes_bound_and_are_counted),
        cmocka_unit_test(a_bell_rings_only_for_a_sleeper),
        cmocka_unit_test(two_threads_keep_the_order),
        cmocka_unit_test(an_inbox_reads_in_turn_and_skips_the_blocked),
        cmocka_unit_test(watermarks_are_the_minimum_without_the_idle),
        cmocka_unit_test(credit_is_cumulative),
        cmocka_unit_test(no_memory_leaves_the_item_with_its_owner),
    };
    return cmocka_run_group_tests_name("exchange.channel", tests, NULL, NULL);
}
