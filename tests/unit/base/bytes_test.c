/* The base room: buffers, cursors, arenas, hashes, suggestions. */
#include "support/check.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/sizes.h"
#include "base/suggest.h"

static void
integers_survive_a_round_trip(void **state)
{
    (void)state;
    slu_buf buf;
    slu_buf_init(&buf, 1000);
    slu_buf_u8(&buf, 0xab);
    slu_buf_u16be(&buf, 0x1234);
    slu_buf_u32le(&buf, 0xdeadbeef);
    slu_buf_u64be(&buf, UINT64_C(0x0102030405060708));
    slu_buf_varint(&buf, UINT64_MAX);
    slu_buf_zigzag(&buf, INT64_MIN);
    slu_buf_zigzag(&buf, -1);
    CHECK_STATUS(slu_buf_status(&buf, NULL), SLU_OK);
    uint8_t *copy = guarded_copy(buf.data, buf.bytes);
    slu_cursor c = slu_cursor_of(copy, buf.bytes);
    assert_int_equal(slu_cursor_u8(&c), 0xab);
    assert_int_equal(slu_cursor_u16be(&c), 0x1234);
    assert_int_equal(slu_cursor_u32le(&c), 0xdeadbeef);
    assert_true(slu_cursor_u64be(&c) == UINT64_C(0x0102030405060708));
    assert_true(slu_cursor_varint(&c) == UINT64_MAX);
    assert_true(slu_cursor_zigzag(&c) == INT64_MIN);
    assert_true(slu_cursor_zigzag(&c) == -1);
    assert_true(slu_cursor_ok(&c));
    assert_int_equal(slu_cursor_left(&c), 0);
    assert_int_equal(slu_cursor_u32le(&c), 0);
    assert_false(slu_cursor_ok(&c));
    guarded_free(copy, buf.bytes);
    slu_buf_fini(&buf);
    slu_buf_fini(&buf);
}

static void
a_varint_of_eleven_bytes_is_refused(void **state)
{
    (void)state;
    static const uint8_t long_varint[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    static const uint8_t wide_varint[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    slu_cursor c = slu_cursor_of(long_varint, sizeof long_varint);
    assert_true(slu_cursor_varint(&c) == 0);
    assert_false(slu_cursor_ok(&c));
    c = slu_cursor_of(wide_varint, sizeof wide_varint);
    (void)slu_cursor_varint(&c);
    assert_false(slu_cursor_ok(&c));
}

static void
a_huge_count_is_refused_before_allocation(void **state)
{
    (void)state;
    slu_cursor c = slu_cursor_of("12345678", 8);
    assert_int_equal(slu_cursor_count(&c, 2, 4), 2);
    assert_int_equal(slu_cursor_count(&c, UINT64_MAX, 4), 0);
    assert_false(slu_cursor_ok(&c));
}

static void
a_buffer_stops_at_its_maximum_and_stays_failed(void **state)
{
    (void)state;
    slu_buf buf;
    slu_error err = {0};
    slu_buf_init(&buf, 10);
    slu_buf_append(&buf, "12345678", 8);
    slu_buf_append(&buf, "9abc", 4);
    slu_buf_append(&buf, "x", 1);
    assert_int_equal(buf.bytes, 8);
    CHECK_STATUS(slu_buf_status(&buf, &err), SLU_LIMIT);
    CHECK_MESSAGE(err, "10 bytes");
    slu_buf_reset(&buf);
    slu_buf_append(&buf, "9abc", 4);
    CHECK_TEXT(slu_buf_cstr(&buf), "9abc");
    slu_buf_fini(&buf);
}

static void
a_failed_allocation_is_nomem(void **state)
{
    (void)state;
    slu_buf buf;
    slu_buf_init(&buf, 1000);
    (void)slu_alloc_fail_from(1);
    slu_buf_append(&buf, "x", 1);
    assert_int_equal(slu_alloc_fail_from(0), 1);
    CHECK_STATUS(slu_buf_status(&buf, NULL), SLU_NOMEM);
    slu_buf_fini(&buf);
}

static void
an_arena_is_zeroed_aligned_and_bounded(void **state)
{
    (void)state;
    slu_arena arena;
    slu_arena_init(&arena, 10000);
    for (int i = 0; i < 50; i++) {
        uint8_t *at = slu_arena_alloc(&arena, (size_t)i + 1);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % 16, 0);
        assert_int_equal(at[i], 0);
        memset(at, 0xff, (size_t)i + 1);
    }
    CHECK_TEXT(slu_arena_printf(&arena, "%s-%d", "ck", 7), "ck-7");
    assert_null(slu_arena_alloc(&arena, 10000));
    CHECK_STATUS(slu_arena_status(&arena, NULL), SLU_LIMIT);
    slu_arena_reset(&arena);
    assert_non_null(slu_arena_alloc(&arena, 5000));
    slu_arena_fini(&arena);
    slu_arena_fini(&arena);
}

static void
hashes_match_their_published_vectors(void **state)
{
    (void)state;
    assert_int_equal(slu_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(slu_crc32c(slu_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    assert_int_equal(slu_murmur3_32("\x22\0\0\0\0\0\0\0", 8, 0), 2017239379);
    assert_int_equal(slu_murmur3_32("iceberg", 7, 0), 1210000089);
    assert_true(slu_hash64("", 0) == UINT64_C(0xef46db3751d8e999));
}

static void
a_slip_is_suggested_and_another_word_is_not(void **state)
{
    (void)state;
    static const char *const names[] = {"parallelism", "checkpoint", "operators"};
    CHECK_TEXT(slu_suggest("paralelism", names, 3), "parallelism");
    CHECK_TEXT(slu_suggest("operatros", names, 3), "operators");
    assert_null(slu_suggest("table", names, 3));
}

static void
an_error_grows_outward_and_is_cut_at_its_end(void **state)
{
    (void)state;
    slu_error err = {0};
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    (void)slu_error_set(&err, SLU_IO, "GET s3://lake");
    CHECK_STATUS(slu_error_in(&err, SLU_IO, "manifest %s", "ck-7"), SLU_IO);
    CHECK_TEXT(err.message, "manifest ck-7: GET s3://lake");
    CHECK_STATUS(slu_error_in(&err, SLU_IO, "%s", long_text), SLU_IO);
    assert_true(strlen(err.message) < sizeof err.message);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_survive_a_round_trip),
        cmocka_unit_test(a_varint_of_eleven_bytes_is_refused),
        cmocka_unit_test(a_huge_count_is_refused_before_allocation),
        cmocka_unit_test(a_buffer_stops_at_its_maximum_and_stays_failed),
        cmocka_unit_test(a_failed_allocation_is_nomem),
        cmocka_unit_test(an_arena_is_zeroed_aligned_and_bounded),
        cmocka_unit_test(hashes_match_their_published_vectors),
        cmocka_unit_test(a_slip_is_suggested_and_another_word_is_not),
        cmocka_unit_test(an_error_grows_outward_and_is_cut_at_its_end),
    };
    return cmocka_run_group_tests_name("base.bytes", tests, NULL, NULL);
}
