#include "delta.h"

#include "rle.h"

#define DELTA_BLOCK 128
#define DELTA_MINI 32
#define DELTA_MINIS (DELTA_BLOCK / DELTA_MINI)
#define DELTA_BLOCK_MAX 65536

/* Packs 32 values of `width` bits (0..64), LSB first. */
static void
delta_pack(slu_buf *out, const uint64_t *values, unsigned width)
{
    uint8_t *at = slu_buf_extend(out, DELTA_MINI / 8 * (size_t)width);
    if (at == NULL || width == 0)
        return;
    unsigned __int128 bits = 0;
    unsigned held = 0;
    for (int i = 0; i < DELTA_MINI; i++) {
        bits |= (unsigned __int128)values[i] << held;
        held += width;
        while (held >= 8) {
            *at++ = (uint8_t)bits;
            bits >>= 8;
            held -= 8;
        }
    }
}

/* One block of at most 128 deltas between values[0..count]. */
static void
delta_put_block(slu_buf *out, const int64_t *values, size_t count, bool wide)
{
    uint64_t deltas[DELTA_BLOCK] = {0};
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const uint64_t d = (uint64_t)values[i + 1] - (uint64_t)values[i];
        deltas[i] = wide ? d : (uint64_t)(int64_t)(int32_t)(uint32_t)d;
        least = (int64_t)deltas[i] < least ? (int64_t)deltas[i] : least;
    }
    uint8_t widths[DELTA_MINIS] = {0};
    for (size_t i = 0; i < count; i++) {
        deltas[i] -= (uint64_t)least;
        if (!wide)
            deltas[i] &= UINT32_MAX;
        const unsigned w = parquet_bit_width(deltas[i]);
        widths[i / DELTA_MINI] = w > widths[i / DELTA_MINI] ? (uint8_t)w : widths[i / DELTA_MINI];
    }
    slu_buf_zigzag(out, least);
    slu_buf_append(out, widths, sizeof widths);
    for (size_t m = 0; m * DELTA_MINI < count; m++)
        delta_pack(out, deltas + m * DELTA_MINI, widths[m]);
}

void
parquet_delta_put(slu_buf *out, const int64_t *values, size_t count, bool wide)
{
    slu_buf_varint(out, DELTA_BLOCK);
    slu_buf_varint(out, DELTA_MINIS);
    slu_buf_varint(out, count);
    slu_buf_zigzag(out, count == 0 ? 0 : values[0]);
    for (size_t at = 0; at + 1 < count; at += DELTA_BLOCK)
        delta_put_block(out, values + at, count - 1 - at < DELTA_BLOCK ? count - 1 - at : DELTA_BLOCK, wide);
}

/* One value of `width` bits at bit position `bit`; never reads behind `bytes`. */
static uint64_t
delta_bits(const uint8_t *data, size_t bytes, size_t bit, unsigned width)
{
    unsigned __int128 word = 0;
    const size_t at = bit / 8;
    const size_t left = bytes - at;
    memcpy(&word, data + at, left < sizeof word ? left : sizeof word);
    word >>= bit & 7;
    return width == 64 ? (uint64_t)word : (uint64_t)word & ((UINT64_C(1) << width) - 1);
}

static size_t
delta_get_mini(slu_cursor *c, unsigned width, size_t mini, uint64_t least, uint64_t *last, int64_t *out, size_t left)
{
    const size_t bytes = mini / 8 * width;
    const uint8_t *data = slu_cursor_bytes(c, bytes);
    const size_t n = left < mini ? left : mini;
    for (size_t i = 0; data != NULL && i < n; i++) {
        *last += least + (width == 0 ? 0 : delta_bits(data, bytes, i * width, width));
        out[i] = (int64_t)*last;
    }
    return n;
}

static bool
delta_get_blocks(slu_cursor *c, uint64_t minis, size_t mini, uint64_t last, int64_t *out, size_t count)
{
    size_t done = 0;
    while (done < count && slu_cursor_ok(c)) {
        const uint64_t least = (uint64_t)slu_cursor_zigzag(c);
        const uint8_t *widths = slu_cursor_bytes(c, (size_t)minis);
        for (uint64_t m = 0; widths != NULL && m < minis && done < count; m++) {
            if (widths[m] > 64)
                slu_cursor_fail(c);
            else
                done += delta_get_mini(c, widths[m], mini, least, &last, out + done, count - done);
            if (!slu_cursor_ok(c))
                return false;
        }
    }
    return slu_cursor_ok(c);
}

bool
parquet_delta_get(slu_cursor *cursor, int64_t *out, size_t count)
{
    const uint64_t block = slu_cursor_varint(cursor);
    const uint64_t minis = slu_cursor_varint(cursor);
    const uint64_t total = slu_cursor_varint(cursor);
    const int64_t first = slu_cursor_zigzag(cursor);
    if (!slu_cursor_ok(cursor) || block == 0 || block > DELTA_BLOCK_MAX || block % 128 != 0 || minis == 0 || minis > block / 8 ||
        block % minis != 0 || block / minis % 8 != 0 || total != count) {
        slu_cursor_fail(cursor);
        return false;
    }
    if (count == 0)
        return true;
    out[0] = first;
    return delta_get_blocks(cursor, minis, (size_t)(block / minis), (uint64_t)first, out + 1, count - 1);
}

static bool
delta_put_plain(slu_buf *out, const uint8_t *prefix, size_t prefix_bytes, slu_view rest)
{
    if (prefix_bytes + rest.bytes > INT32_MAX || !slu_buf_reserve(out, 4 + prefix_bytes + rest.bytes))
        return false;
    slu_buf_u32le(out, (uint32_t)(prefix_bytes + rest.bytes));
    slu_buf_append(out, prefix, prefix_bytes);
    slu_buf_append(out, rest.data, rest.bytes);
    return true;
}

bool
parquet_delta_lengths_to_plain(slu_cursor *cursor, int64_t *scratch, size_t count, slu_buf *out)
{
    if (!parquet_delta_get(cursor, scratch, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (scratch[i] < 0 || scratch[i] > INT32_MAX)
            slu_cursor_fail(cursor);
        const slu_view value = slu_cursor_view(cursor, (size_t)scratch[i]);
        if (!slu_cursor_ok(cursor) || !delta_put_plain(out, NULL, 0, value))
            return false;
    }
    return true;
}

bool
parquet_delta_strings_to_plain(slu_cursor *cursor, int64_t *scratch, size_t count, slu_buf *out)
{
    int64_t *prefixes = scratch, *suffixes = scratch + count;
    if (!parquet_delta_get(cursor, prefixes, count) || !parquet_delta_get(cursor, suffixes, count))
        return false;
    size_t before = 0, before_bytes = 0; /* the value before, as an offset: the buffer moves when it grows */
    for (size_t i = 0; i < count; i++) {
        if (prefixes[i] < 0 || (uint64_t)prefixes[i] > before_bytes || suffixes[i] < 0 || suffixes[i] > INT32_MAX)
            slu_cursor_fail(cursor);
        const slu_view rest = slu_cursor_view(cursor, (size_t)suffixes[i]);
        const size_t prefix = (size_t)prefixes[i];
        if (!slu_cursor_ok(cursor) || !slu_buf_reserve(out, 4 + prefix + rest.bytes))
            return false;
        const size_t at = out->bytes + 4;
        if (!delta_put_plain(out, out->data + before, prefix, rest))
            return false;
        before = at;
        before_bytes = prefix + rest.bytes;
    }
    return true;
}
