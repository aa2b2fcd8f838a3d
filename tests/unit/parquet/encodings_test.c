/* The small parts: Thrift, RLE, DELTA, codecs, ranges. */
#include "support/check.h"

#include "parquet/codec.h"
#include "parquet/delta.h"
#include "parquet/footer.h"
#include "parquet/range.h"
#include "parquet/rle.h"
#include "parquet/thrift.h"

#include <math.h>

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 11;
}

static void
rle_gives_back_what_was_put(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned width = 1; width <= 32; width++) {
        uint32_t values[1000], got[1000];
        for (size_t i = 0; i < 1000; i++) /* runs of random length between random values */
            values[i] = i > 0 && next_random(&seed) % 10 < 7 ? values[i - 1]
                                                             : (uint32_t)(next_random(&seed) & ((UINT64_C(1) << width) - 1));
        for (size_t count = 0; count <= 1000; count += 37) {
            slu_buf buf;
            slu_buf_init(&buf, 1 << 20);
            parquet_rle_put(&buf, values, count, width);
            uint8_t *copy = guarded_copy(buf.data, buf.bytes);
            parquet_rle rle;
            assert_true(parquet_rle_init(&rle, slu_view_of(copy, buf.bytes), width));
            size_t done = 0;
            while (done < count) { /* in slices of odd sizes */
                const size_t n = count - done < 13 ? count - done : 13;
                assert_int_equal(parquet_rle_get(&rle, got + done, n), n);
                done += n;
            }
            assert_memory_equal(got, values, count * sizeof *values);
            guarded_free(copy, buf.bytes);
            slu_buf_fini(&buf);
        }
    }
}

static void
levels_from_bits_are_the_same_stream(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t count = 1; count < 600; count += 7) {
        uint8_t bits[80] = {0};
        uint32_t want[600], got[600];
        for (size_t i = 0; i < count; i++) {
            want[i] = i > 0 && next_random(&seed) % 50 != 0 ? want[i - 1] : (uint32_t)(next_random(&seed) & 1);
            bits[i / 8] |= (uint8_t)(want[i] << (i % 8));
        }
        slu_buf buf;
        slu_buf_init(&buf, 1 << 20);
        parquet_rle_put_bits(&buf, bits, count);
        parquet_rle rle;
        assert_true(parquet_rle_init(&rle, slu_buf_view(&buf), 1));
        assert_int_equal(parquet_rle_get(&rle, got, count), count);
        assert_memory_equal(got, want, count * sizeof *want);
        slu_buf_fini(&buf);
    }
}

static void
broken_rle_gives_fewer(void **state)
{
    (void)state;
    static const uint8_t empty_run[] = {0x00, 0x01};
    static const uint8_t cut[] = {0x10};
    uint32_t got[8];
    parquet_rle rle;
    assert_false(parquet_rle_init(&rle, slu_view_of(cut, 1), 33));
    assert_true(parquet_rle_init(&rle, slu_view_of(empty_run, 2), 8));
    assert_int_equal(parquet_rle_get(&rle, got, 8), 0);
    assert_true(parquet_rle_init(&rle, slu_view_of(cut, 1), 8));
    assert_int_equal(parquet_rle_get(&rle, got, 8), 0);
    assert_true(parquet_rle_init(&rle, slu_view_of(NULL, 0), 8));
    assert_int_equal(parquet_rle_get(&rle, got, 8), 0);
}

static void
delta_gives_back_what_was_put(void **state)
{
    (void)state;
    static const int64_t extremes[] = {0, INT64_MAX, INT64_MIN, -1, INT64_MIN, INT64_MAX, 1};
    uint64_t seed = 3;
    int64_t values[1000], got[1000];
    for (int shape = 0; shape < 4; shape++) {
        for (size_t i = 0; i < 1000; i++)
            values[i] = shape == 0   ? extremes[i % 7]
                        : shape == 1 ? (int64_t)i * 3
                        : shape == 2 ? (int64_t)next_random(&seed) * (i % 2 == 0 ? 1 : -1)
                                     : (int32_t)next_random(&seed);
        for (size_t count = 0; count <= 1000; count += 31) {
            slu_buf buf;
            slu_buf_init(&buf, 1 << 20);
            parquet_delta_put(&buf, values, count, shape != 3);
            uint8_t *copy = guarded_copy(buf.data, buf.bytes);
            slu_cursor c = slu_cursor_of(copy, buf.bytes);
            assert_true(parquet_delta_get(&c, got, count));
            for (size_t i = 0; i < count; i++)
                assert_true(shape == 3 ? (int32_t)got[i] == (int32_t)values[i] : got[i] == values[i]);
            assert_int_equal(slu_cursor_left(&c), 0);
            for (size_t cut = 0; cut < buf.bytes; cut += 5) { /* every shorter stream is refused, not read past */
                c = slu_cursor_of(copy + buf.bytes - cut, cut);
                (void)parquet_delta_get(&c, got, count);
                c = slu_cursor_of(copy, cut);
                assert_false(parquet_delta_get(&c, got, count));
            }
            guarded_free(copy, buf.bytes);
            slu_buf_fini(&buf);
        }
    }
}

static void
thrift_skips_what_it_does_not_know(void **state)
{
    (void)state;
    slu_buf buf;
    slu_buf_init(&buf, 1000);
    parquet_thrift_out s = parquet_thrift_begin(&buf);
    parquet_thrift_put_bool(&s, 1, true);
    parquet_thrift_put_list(&s, 2, THRIFT_I32, 2);
    slu_buf_zigzag(&buf, 5);
    slu_buf_zigzag(&buf, 6);
    parquet_thrift_out inner = parquet_thrift_put_struct(&s, 40);
    parquet_thrift_put_binary(&inner, 3, slu_view_of_text("hello"));
    parquet_thrift_end(&inner);
    parquet_thrift_put_i64(&s, 41, INT64_MIN);
    parquet_thrift_end(&s);
    slu_cursor c = slu_cursor_of_view(slu_buf_view(&buf));
    parquet_thrift_field field = {0, 0};
    int64_t seen = 0;
    while (parquet_thrift_next(&c, &field)) {
        if (field.id == 41)
            seen = parquet_thrift_i64(&c, &field);
        else
            parquet_thrift_skip(&c, field.type, 0);
    }
    assert_true(slu_cursor_ok(&c));
    assert_true(seen == INT64_MIN);
    assert_int_equal(slu_cursor_left(&c), 0);
    slu_buf_fini(&buf);
}

static void
thrift_nesting_and_counts_are_bounded(void **state)
{
    (void)state;
    uint8_t deep[100];
    memset(deep, 0x1c, sizeof deep); /* a struct in a struct in a struct ... */
    slu_cursor c = slu_cursor_of(deep, sizeof deep);
    parquet_thrift_skip(&c, THRIFT_STRUCT, 0);
    assert_false(slu_cursor_ok(&c));
    static const uint8_t many[] = {0xf8, 0xff, 0xff, 0xff, 0xff, 0x0f}; /* a list of 2^32 binaries */
    c = slu_cursor_of(many, sizeof many);
    parquet_thrift_skip(&c, THRIFT_LIST, 0);
    assert_false(slu_cursor_ok(&c));
}

static void
codecs_give_back_the_bytes_and_refuse_other_sizes(void **state)
{
    (void)state;
    static const int32_t ids[] = {PARQUET_CODEC_UNCOMPRESSED, PARQUET_CODEC_SNAPPY, PARQUET_CODEC_GZIP, PARQUET_CODEC_ZSTD,
                                  PARQUET_CODEC_LZ4_RAW};
    slu_error err;
    uint8_t in[5000], out[5001];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * i / 7);
    for (size_t k = 0; k < 5; k++) {
        parquet_codec writing, reading;
        slu_buf packed;
        slu_buf_init(&packed, 1 << 20);
        CHECK_OK(parquet_codec_init(&writing, ids[k], 0, &err));
        CHECK_OK(parquet_codec_init(&reading, ids[k], -1, &err));
        CHECK_OK(parquet_codec_compress(&writing, slu_view_of(in, sizeof in), &packed, &err));
        CHECK_OK(parquet_codec_decompress(&reading, slu_buf_view(&packed), out, sizeof in, &err));
        assert_memory_equal(in, out, sizeof in);
        CHECK_STATUS(parquet_codec_decompress(&reading, slu_buf_view(&packed), out, sizeof in + 1, &err), SLU_CORRUPT);
        CHECK_STATUS(parquet_codec_decompress(&reading, slu_buf_view(&packed), out, sizeof in - 1, &err), SLU_CORRUPT);
        CHECK_STATUS(parquet_codec_decompress(&reading, slu_view_of(packed.data, packed.bytes / 2), out, sizeof in, &err),
                     SLU_CORRUPT);
        parquet_codec_fini(&writing);
        parquet_codec_fini(&reading);
        slu_buf_fini(&packed);
    }
    parquet_codec none;
    CHECK_STATUS(parquet_codec_init(&none, 4, 0, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "BROTLI");
}

static void
check_bound(const parquet_range *range, const parquet_column *column, bool upper, int32_t truncate, const char *want, size_t bytes)
{
    slu_buf out;
    slu_buf_init(&out, 1000);
    assert_true(parquet_range_bound(range, column, upper, truncate, &out));
    assert_int_equal(out.bytes, bytes);
    assert_memory_equal(out.data, want, bytes);
    slu_buf_fini(&out);
}

static void
text_bounds_are_cut_by_code_points_and_incremented(void **state)
{
    (void)state;
    const parquet_column column = {.name = "s", .kind = PARQUET_KIND_STRING};
    parquet_range range;
    parquet_range_init(&range, &column);
    parquet_range_bytes(&range, slu_view_of_text("ab\xc3\xa4zzz")); /* U+00E4 is one code point of two bytes */
    check_bound(&range, &column, false, 3, "ab\xc3\xa4", 4);
    check_bound(&range, &column, true, 3, "ab\xc3\xa5", 4);
    check_bound(&range, &column, true, 6, "ab\xc3\xa4zzz", 7); /* it fits: unchanged */
    parquet_range_reset(&range);
    parquet_range_bytes(&range, slu_view_of_text("\xed\x9f\xbfx")); /* U+D7FF: the next is U+E000, not a surrogate */
    check_bound(&range, &column, true, 1, "\xee\x80\x80", 3);
    parquet_range_reset(&range);
    parquet_range_bytes(&range, slu_view_of_text("a\xf4\x8f\xbf\xbfx")); /* U+10FFFF has no next: the one before it grows */
    check_bound(&range, &column, true, 2, "b", 1);
    parquet_range_reset(&range);
    parquet_range_bytes(&range, slu_view_of_text("\xf4\x8f\xbf\xbfx"));
    slu_buf out;
    slu_buf_init(&out, 100);
    assert_false(parquet_range_bound(&range, &column, true, 1, &out));
    slu_buf_fini(&out);
    parquet_range_fini(&range);
}

static void
binary_bounds_are_cut_by_bytes(void **state)
{
    (void)state;
    const parquet_column column = {.name = "z", .kind = PARQUET_KIND_BINARY};
    parquet_range range;
    parquet_range_init(&range, &column);
    parquet_range_bytes(&range, slu_view_of("\x01\xff\x05", 3));
    parquet_range_bytes(&range, slu_view_of("\x80", 1)); /* unsigned order: 0x80 is above 0x01 */
    check_bound(&range, &column, false, 2, "\x01\xff", 2);
    check_bound(&range, &column, true, 2, "\x80", 1);
    parquet_range_reset(&range);
    parquet_range_bytes(&range, slu_view_of("\x01\xff\xff", 3));
    check_bound(&range, &column, true, 2, "\x02", 1);
    parquet_range_fini(&range);
}

static void
decimal_bounds_are_minimal_big_endian(void **state)
{
    (void)state;
    const parquet_column narrow = {.name = "d", .kind = PARQUET_KIND_DECIMAL, .precision = 10, .scale = 2};
    const parquet_column wide = {.name = "d", .kind = PARQUET_KIND_DECIMAL, .precision = 20, .scale = 2};
    static const int64_t numbers[] = {-129, 128};
    parquet_range range;
    parquet_range_init(&range, &narrow);
    parquet_range_numbers(&range, numbers, 2);
    check_bound(&range, &narrow, false, 16, "\xff\x7f", 2);
    check_bound(&range, &narrow, true, 16, "\x00\x80", 2);
    parquet_range_fini(&range);
    parquet_range_init(&range, &wide);
    parquet_range_bytes(&range, slu_view_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9)); /* -1 */
    parquet_range_bytes(&range,
                        slu_view_of("\x00\x00\x00\x00\x00\x00\x00\x00\x01", 9)); /* 1: above, although its first byte is less */
    check_bound(&range, &wide, false, 16, "\xff", 1);
    check_bound(&range, &wide, true, 16, "\x01", 1);
    parquet_range_fini(&range);
}

static void
floats_leave_nan_out_and_widen_zero(void **state)
{
    (void)state;
    const parquet_column column = {.name = "g", .kind = PARQUET_KIND_DOUBLE};
    const double values[] = {NAN, 0.0, NAN};
    int64_t bits[3];
    memcpy(bits, values, sizeof bits);
    parquet_range range;
    parquet_range_init(&range, &column);
    parquet_range_numbers(&range, bits, 1);
    slu_buf out;
    slu_buf_init(&out, 100);
    assert_false(parquet_range_bound(&range, &column, true, 16, &out));
    slu_buf_fini(&out);
    parquet_range_numbers(&range, bits + 1, 2);
    assert_int_equal(range.nan_count, 2);
    check_bound(&range, &column, false, 16, "\0\0\0\0\0\0\0\x80", 8);
    check_bound(&range, &column, true, 16, "\0\0\0\0\0\0\0\0", 8);
    parquet_range_fini(&range);
}

static void
long_statistics_are_cut_and_said_to_be(void **state)
{
    (void)state;
    const parquet_column column = {.name = "s", .kind = PARQUET_KIND_STRING};
    char text[1000];
    memset(text, 'x', sizeof text);
    parquet_range range;
    parquet_range_init(&range, &column);
    parquet_range_bytes(&range, slu_view_of(text, sizeof text));
    slu_buf out;
    bool exact = true;
    slu_buf_init(&out, 1000);
    assert_true(parquet_range_statistic(&range, &column, true, &out, &exact));
    assert_false(exact);
    assert_int_equal(out.bytes, PARQUET_STATISTICS_BYTES_MAX);
    assert_int_equal(out.data[out.bytes - 1], 'y');
    slu_buf_fini(&out);
    parquet_range_fini(&range);
}

static void
decimal_widths_follow_the_format(void **state)
{
    (void)state;
    static const int widths[][2] = {{9, 4},   {18, 8},  {19, 9},  {21, 9},  {22, 10}, {23, 10}, {24, 11}, {26, 11}, {27, 12},
                                    {28, 12}, {29, 13}, {31, 13}, {32, 14}, {33, 14}, {34, 15}, {35, 15}, {36, 16}, {38, 16}};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        assert_int_equal(parquet_decimal_bytes(widths[i][0]), widths[i][1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rle_gives_back_what_was_put),
        cmocka_unit_test(levels_from_bits_are_the_same_stream),
        cmocka_unit_test(broken_rle_gives_fewer),
        cmocka_unit_test(delta_gives_back_what_was_put),
        cmocka_unit_test(thrift_skips_what_it_does_not_know),
        cmocka_unit_test(thrift_nesting_and_counts_are_bounded),
        cmocka_unit_test(codecs_give_back_the_bytes_and_refuse_other_sizes),
        cmocka_unit_test(text_bounds_are_cut_by_code_points_and_incremented),
        cmocka_unit_test(binary_bounds_are_cut_by_bytes),
        cmocka_unit_test(decimal_bounds_are_minimal_big_endian),
        cmocka_unit_test(floats_leave_nan_out_and_widen_zero),
        cmocka_unit_test(long_statistics_are_cut_and_said_to_be),
        cmocka_unit_test(decimal_widths_follow_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
