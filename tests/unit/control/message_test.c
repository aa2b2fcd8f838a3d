/* Control messages: every kind there and back, every cut of every kind, hostile counts, versions. */
#include "support/check.h"

#include "base/alloc.h"
#include "control/message.h"
#include "control/pack.h"

/* A message whose every field differs from zero; its items are of `items` kind. */
static slu_message
full(uint32_t kind)
{
    slu_message m = {.kind = kind};
    uint64_t number = UINT64_C(0x8000000000000000) | kind;
#define FILL_U64(name) m.name = number++;
#define FILL_I64(name) m.name = -(int64_t)(number++ >> 3);
#define FILL_TEXT(name) m.name = "text of " #name;
#define FILL_BYTES(name) m.name = slu_view_of("\0\1bytes", 7);
#define X(type, name, meaning) FILL_##type(name)
    SLU_MESSAGE_FIELDS(X)
#undef X
    return m;
}

static uint32_t
item_kind(uint32_t kind)
{
    static const uint32_t kinds[] = {SLU_MESSAGE_NONE,
#define X(name, items, meaning) SLU_MESSAGE_##items,
                                     SLU_MESSAGE_KINDS(X)
#undef X
    };
    return kinds[kind];
}

static void
encode_full(uint32_t kind, slu_buf *out)
{
    slu_message m = full(kind);
    slu_message items[2];
    if (item_kind(kind) != SLU_MESSAGE_NONE) {
        items[0] = full(item_kind(kind));
        items[1] = (slu_message){.kind = item_kind(kind)};
        m.items = items;
        m.item_count = 2;
    }
    slu_message_encode(&m, 1, out);
    assert_int_equal(out->failed, SLU_OK);
}

static void
every_kind_there_and_back(void **state)
{
    for (uint32_t kind = 1; kind < SLU_MESSAGE_KIND_END; kind++) {
        slu_error err = {0};
        slu_arena arena;
        slu_buf once;
        slu_buf twice;
        slu_message got;
        slu_arena_init(&arena, 1 << 20);
        slu_buf_init(&once, 1 << 20);
        slu_buf_init(&twice, 1 << 20);
        encode_full(kind, &once);
        CHECK_OK(slu_message_decode(slu_buf_view(&once), 1, &arena, &got, &err));
        assert_int_equal(got.kind, kind);
        assert_int_equal(got.item_count, item_kind(kind) == SLU_MESSAGE_NONE ? 0 : 2);
        slu_message_encode(&got, 1, &twice);
        assert_true(slu_view_equal(slu_buf_view(&once), slu_buf_view(&twice)));
        slu_buf_fini(&once);
        slu_buf_fini(&twice);
        slu_arena_fini(&arena);
    }
}

static void
values_are_what_was_sent(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    slu_buf buf;
    slu_message got;
    slu_arena_init(&arena, 1 << 20);
    slu_buf_init(&buf, 1 << 20);
    encode_full(SLU_MESSAGE_ACK, &buf);
    CHECK_OK(slu_message_decode(slu_buf_view(&buf), 1, &arena, &got, &err));
    const slu_message sent = full(SLU_MESSAGE_ACK);
    CHECK_TEXT(got.job, "text of job");
    assert_true(got.attempt_id == sent.attempt_id && got.checkpoint == sent.checkpoint && got.task == sent.task &&
                got.crc == sent.crc);
    CHECK_TEXT(got.cluster, ""); /* not carried by ack */
    assert_int_equal(got.pid, 0);
    slu_buf_fini(&buf);
    slu_arena_fini(&arena);
}

/* Each cut is CORRUPT, and no byte beyond the cut is read. */
static void
every_cut_is_refused(void **state)
{
    for (uint32_t kind = 1; kind < SLU_MESSAGE_KIND_END; kind++) {
        slu_buf buf;
        slu_buf_init(&buf, 1 << 20);
        encode_full(kind, &buf);
        for (size_t bytes = 0; bytes < buf.bytes; bytes += bytes < 64 ? 1 : 7) {
            slu_error err = {0};
            slu_arena arena;
            slu_message got;
            slu_arena_init(&arena, 1 << 20);
            uint8_t *cut = guarded_copy(buf.data, bytes);
            CHECK_STATUS(slu_message_decode(slu_view_of(cut, bytes), 1, &arena, &got, &err), SLU_CORRUPT);
            guarded_free(cut, bytes);
            slu_arena_fini(&arena);
        }
        slu_buf_fini(&buf);
    }
}

static slu_status
decode(slu_buf *buf, slu_error *err)
{
    slu_arena arena;
    slu_message got;
    slu_arena_init(&arena, 1 << 20);
    const slu_status status = slu_message_decode(slu_buf_view(buf), 1, &arena, &got, err);
    slu_arena_fini(&arena);
    slu_buf_reset(buf);
    return status;
}

static void
begin(slu_buf *buf, uint32_t pairs, const char *name)
{
    slu_pack_map(buf, pairs);
    slu_pack_cstr(buf, "m");
    slu_pack_cstr(buf, name);
}

static void
bad_input_has_a_name(void **state)
{
    slu_error err = {0};
    slu_buf buf;
    slu_buf_init(&buf, 1 << 20);
    begin(&buf, 1, "sing");
    CHECK_STATUS(decode(&buf, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "\"sing\"");
    begin(&buf, 1, "list");
    CHECK_STATUS(decode(&buf, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "list lacks \"request\"");
    begin(&buf, 2, "list");
    slu_pack_cstr(&buf, "request");
    slu_pack_cstr(&buf, "seven");
    CHECK_STATUS(decode(&buf, &err), SLU_CORRUPT);
    begin(&buf, 3, "list"); /* a field of a later version is skipped */
    slu_pack_cstr(&buf, "later");
    slu_pack_array(&buf, 1);
    slu_pack_bool(&buf, true);
    slu_pack_cstr(&buf, "request");
    slu_pack_u64(&buf, 7);
    CHECK_OK(decode(&buf, &err));
    begin(&buf, 3, "jobs"); /* items of the wrong kind */
    slu_pack_cstr(&buf, "request");
    slu_pack_u64(&buf, 7);
    slu_pack_cstr(&buf, "items");
    slu_pack_array(&buf, 1);
    begin(&buf, 2, "list");
    slu_pack_cstr(&buf, "request");
    slu_pack_u64(&buf, 7);
    CHECK_STATUS(decode(&buf, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "jobs holds a list");
    slu_buf_fini(&buf);
}

static void
hostile_counts_cost_nothing(void **state)
{
    static const uint8_t huge[][6] = {{0xdf, 0xff, 0xff, 0xff, 0xff, 0},
                                      {0xdd, 0x08, 0, 0, 0, 0},
                                      {0xdb, 0xff, 0xff, 0xff, 0xff, 0},
                                      {0xc6, 0x7f, 0xff, 0xff, 0xff, 0},
                                      {0xc9, 0xff, 0xff, 0xff, 0xff, 0}};
    slu_error err = {0};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++)
        CHECK_STATUS(slu_unpack_scan(slu_view_of(huge[i], 6), 100, 32, &err), SLU_CORRUPT);
    uint8_t deep[100];
    memset(deep, 0x91, sizeof deep);
    deep[99] = 0xc0;
    CHECK_STATUS(slu_unpack_scan(slu_view_of(deep, 100), 100, 32, &err), SLU_CORRUPT);
    CHECK_OK(slu_unpack_scan(slu_view_of(deep + 68, 32), 100, 32, &err));
    CHECK_STATUS(slu_unpack_scan(slu_view_of(deep, 100), 99, 200, &err), SLU_LIMIT);
}

static void
numbers_keep_their_value(void **state)
{
    static const int64_t numbers[] = {0,
                                      1,
                                      127,
                                      128,
                                      255,
                                      256,
                                      65535,
                                      65536,
                                      UINT32_MAX,
                                      INT64_MAX,
                                      -1,
                                      -32,
                                      -33,
                                      -128,
                                      -129,
                                      -32768,
                                      -32769,
                                      INT32_MIN,
                                      (int64_t)INT32_MIN - 1,
                                      INT64_MIN};
    slu_buf buf;
    slu_buf_init(&buf, 1 << 10);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        slu_pack_i64(&buf, numbers[i]);
    slu_pack_u64(&buf, UINT64_MAX);
    slu_cursor in = slu_cursor_of_view(slu_buf_view(&buf));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(slu_unpack_i64(&in) == numbers[i]);
    assert_true(slu_unpack_u64(&in) == UINT64_MAX);
    assert_true(slu_cursor_ok(&in) && slu_cursor_left(&in) == 0);
    in = slu_cursor_of_view(slu_buf_view(&buf));
    in.at = in.end - 9;
    (void)slu_unpack_i64(&in);
    assert_false(slu_cursor_ok(&in));
    slu_buf_fini(&buf);
}

/* The n-th allocation fails: NOMEM, and everything is let go of. */
static void
every_allocation_fails_once(void **state)
{
    slu_error err = {0};
    slu_buf buf;
    slu_status status = SLU_NOMEM;
    slu_buf_init(&buf, 1 << 20);
    encode_full(SLU_MESSAGE_HELLO, &buf);
    for (uint64_t nth = 1; status != SLU_OK && nth < 1000; nth++) {
        slu_arena arena;
        slu_message got;
        slu_arena_init(&arena, 1 << 20);
        (void)slu_alloc_fail_from(nth);
        status = slu_message_decode(slu_buf_view(&buf), 1, &arena, &got, &err);
        (void)slu_alloc_fail_from(0);
        slu_arena_fini(&arena);
        if (status != SLU_OK)
            assert_int_equal(status, SLU_NOMEM);
    }
    assert_int_equal(status, SLU_OK);
    slu_buf_fini(&buf);
}

static void
versions_meet_or_say_why(void **state)
{
    slu_error err = {0};
    uint32_t version = 0;
    CHECK_OK(slu_control_agree(1, 9, &version, &err));
    assert_int_equal(version, SLU_CONTROL_VERSION_MAX);
    CHECK_STATUS(slu_control_agree(7, 9, &version, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "7 to 9");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_there_and_back),   cmocka_unit_test(values_are_what_was_sent),
        cmocka_unit_test(every_cut_is_refused),        cmocka_unit_test(bad_input_has_a_name),
        cmocka_unit_test(hostile_counts_cost_nothing), cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(every_allocation_fails_once), cmocka_unit_test(versions_meet_or_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
