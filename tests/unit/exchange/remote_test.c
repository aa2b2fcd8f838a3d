/* remote.h: items over memory, byte for byte; loss, repetition, strangers, damage. */
#include "support/arrays.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "control/message.h"
#include "exchange/remote.h"

static slu_error err;
static const slu_remote_address address = {3, 0x1122334455667788u, 9};

typedef struct wire {
    slu_remote_sender *sender;
    slu_remote_receiver *receiver;
    slu_buf header, body;
} wire;

static void
wire_open(wire *w, const struct ArrowSchema *schema, int64_t window)
{
    memset(w, 0, sizeof *w);
    slu_buf_init(&w->header, SLU_REMOTE_HEADER_BYTES_MAX);
    slu_buf_init(&w->body, (size_t)SLU_BATCH_BYTES_MAX);
    CHECK_OK(slu_remote_sender_new(&address, schema, window, &w->sender, &err));
    CHECK_OK(slu_remote_receiver_new(&address, schema, &w->receiver, &err));
}

static void
wire_close(wire *w)
{
    slu_remote_sender_free(&w->sender);
    slu_remote_receiver_free(&w->receiver);
    slu_buf_fini(&w->header);
    slu_buf_fini(&w->body);
}

static int released;

static void
release(void *context)
{
    released++;
    free(context);
}

/* Decodes what is in the buffers, from memory of its own. */
static slu_status
receive(wire *w, slu_item *out)
{
    uint8_t *copy = malloc(w->body.bytes + 1);
    if (w->body.bytes > 0)
        memcpy(copy, w->body.data, w->body.bytes);
    return slu_remote_decode(w->receiver, slu_buf_view(&w->header), slu_view_of(copy, w->body.bytes),
                             (slu_ipc_owner){release, copy}, out, &err);
}

static const slu_batch *
make_batch(void)
{
    static const int64_t ids[] = {10, 11, 12, 13};
    static const char *const names[] = {"a", NULL, "long enough to be seen", ""};
    static const uint8_t kinds[] = {1, 2, 3, 4};
    static const int32_t selection[] = {1, 2, 3};
    static const slu_attr attrs[] = {{"split", "s-1", 3}, {"trace", "", 0}};
    const test_column columns[] = {{.name = "id", .format = "l", .values = ids}, {.name = "name", .format = "u", .texts = names}};
    return test_batch_make(columns, 2, 4,
                           &(slu_batch_spec){.kinds = kinds, .selection = selection, .rows = 3, .attrs = attrs, .attr_count = 2});
}

static void
check_batch(const slu_batch *batch)
{
    assert_int_equal(batch->rows, 3);
    assert_null(batch->selection);
    const slu_column ids = slu_batch_column(batch, 0), names = slu_batch_column(batch, 1);
    assert_int_equal(slu_column_i64s(&ids)[0], 11);
    assert_int_equal(slu_column_i64s(&ids)[2], 13);
    assert_false(slu_column_valid(&names, 0));
    assert_int_equal(names.offsets[2] - names.offsets[1], 22);
    assert_int_equal(batch->kinds[0], 2);
    assert_int_equal(batch->kinds[2], 4);
    assert_int_equal(batch->attr_count, 2);
    CHECK_TEXT(batch->attrs[0].key, "split");
    assert_memory_equal(batch->attrs[0].data, "s-1", 3);
    assert_int_equal(batch->attrs[1].data_bytes, 0);
}

static void
items_arrive_as_they_were_sent(void **state)
{
    (void)state;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        wire w;
        slu_item item, got;
        const slu_batch *batch = make_batch();
        wire_open(&w, dynamic ? NULL : batch->schema, 0);
        item = slu_item_of_batch(&batch);
        released = 0;
        if (dynamic) {
            CHECK_STATUS(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err), SLU_MORE);
            CHECK_STATUS(receive(&w, &got), SLU_MORE);
            assert_int_equal(released, 1);
        }
        for (int i = 0; i < 2; i++) {
            CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
            CHECK_OK(receive(&w, &got));
            check_batch(got.batch);
            assert_int_equal(got.bytes, w.body.bytes);
            slu_item_drop(&got);
        }
        assert_int_equal(released, 2 + dynamic);
        slu_item_drop(&item);
        item = (slu_item){.kind = SLU_ITEM_BARRIER, .flags = SLU_BARRIER_SAVEPOINT, .value = 77, .wall_ms = 123456789};
        CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
        CHECK_OK(receive(&w, &got));
        assert_memory_equal(&got, &item, sizeof item);
        item = (slu_item){.kind = SLU_ITEM_WATERMARK, .value = INT64_MIN + 1};
        CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
        CHECK_OK(receive(&w, &got));
        assert_int_equal(got.value, INT64_MIN + 1);
        assert_int_equal(slu_remote_received(w.receiver), slu_remote_sent(w.sender));
        wire_close(&w);
    }
}

static void
loss_repetition_and_strangers_are_seen(void **state)
{
    (void)state;
    wire w;
    slu_item got, item = {.kind = SLU_ITEM_WATERMARK, .value = 1};
    wire_open(&w, NULL, 0);
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
    CHECK_OK(receive(&w, &got));
    CHECK_STATUS(receive(&w, &got), SLU_CORRUPT);
    CHECK_MESSAGE(err, "twice");
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
    CHECK_STATUS(receive(&w, &got), SLU_CORRUPT);
    CHECK_MESSAGE(err, "lost");
    CHECK_STATUS(slu_remote_check_sent(w.receiver, slu_remote_sent(w.sender), &err), SLU_CORRUPT);
    slu_remote_receiver *newer = NULL;
    const slu_remote_address next = {4, 5, 9};
    CHECK_OK(slu_remote_receiver_new(&next, NULL, &newer, &err));
    CHECK_STATUS(slu_remote_decode(newer, slu_buf_view(&w.header), (slu_view){0}, (slu_ipc_owner){0}, &got, &err), SLU_AGAIN);
    assert_int_equal(slu_remote_dropped(newer), 1);
    slu_remote_receiver_free(&newer);
    slu_remote_address peeked;
    CHECK_OK(slu_remote_peek(slu_buf_view(&w.header), &peeked, &err));
    assert_int_equal(peeked.channel, 9);
    wire_close(&w);
}

static void
credit_holds_batches_back_but_not_events(void **state)
{
    (void)state;
    wire w;
    const slu_batch *batch = make_batch();
    wire_open(&w, batch->schema, 100);
    slu_item got, item = slu_item_of_batch(&batch), event = {.kind = SLU_ITEM_BARRIER, .value = 1};
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err)); /* larger than the window, but alone */
    CHECK_OK(receive(&w, &got));
    CHECK_STATUS(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err), SLU_AGAIN);
    CHECK_OK(slu_remote_encode(w.sender, &event, &w.header, &w.body, &err));
    CHECK_OK(slu_remote_credit(w.sender, got.bytes, &err));
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
    CHECK_STATUS(slu_remote_credit(w.sender, 1 << 20, &err), SLU_CORRUPT);
    slu_item_drop(&got);
    slu_item_drop(&item);
    wire_close(&w);
}

static void
damaged_messages_are_refused(void **state)
{
    (void)state;
    const slu_batch *batch = make_batch();
    slu_item item = slu_item_of_batch(&batch);
    for (size_t at = 0; at < 400; at++) {
        wire w;
        slu_item got = {0};
        wire_open(&w, item.batch->schema, 0);
        CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
        const size_t body_bytes = w.body.bytes;
        if (at < w.header.bytes)
            w.header.data[at] ^= 0x41;
        else if (at - w.header.bytes < body_bytes)
            w.body.data[at - w.header.bytes] ^= 0xff;
        else
            w.body.bytes = (at * 7) % body_bytes;
        const slu_status status = receive(&w, &got); /* a flipped bit in a value is not seen: links have their own checksums */
        assert_true(status == SLU_OK || status == SLU_CORRUPT || status == SLU_UNSUPPORTED || status == SLU_INVALID ||
                    status == SLU_LIMIT || status == SLU_AGAIN || status == SLU_MORE);
        if (status == SLU_OK)
            slu_item_drop(&got);
        wire_close(&w);
    }
    slu_item_drop(&item);
}

static void
without_memory_it_says_so(void **state)
{
    (void)state;
    const slu_batch *batch = make_batch();
    slu_item got, item = slu_item_of_batch(&batch);
    wire w;
    slu_status status = SLU_NOMEM;
    wire_open(&w, item.batch->schema, 0);
    CHECK_OK(slu_remote_encode(w.sender, &item, &w.header, &w.body, &err));
    for (uint64_t n = 1; status == SLU_NOMEM && n < 100; n++) {
        slu_remote_receiver_free(&w.receiver);
        CHECK_OK(slu_remote_receiver_new(&address, item.batch->schema, &w.receiver, &err));
        uint8_t *copy = malloc(w.body.bytes);
        memcpy(copy, w.body.data, w.body.bytes);
        released = 0;
        (void)slu_alloc_fail_from(n);
        status = slu_remote_decode(w.receiver, slu_buf_view(&w.header), slu_view_of(copy, w.body.bytes),
                                   (slu_ipc_owner){release, copy}, &got, &err);
        (void)slu_alloc_fail_from(0);
        if (status != SLU_OK)
            assert_int_equal(released, 1);
    }
    CHECK_STATUS(status, SLU_OK);
    slu_item_drop(&got);
    slu_item_drop(&item);
    wire_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_arrive_as_they_were_sent),
        cmocka_unit_test(loss_repetition_and_strangers_are_seen),
        cmocka_unit_test(credit_holds_batches_back_but_not_events),
        cmocka_unit_test(damaged_messages_are_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests_name("exchange.remote", tests, NULL, NULL);
}
