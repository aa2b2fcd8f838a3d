#include "rle.h"

/* Appends `groups` groups of eight values, bit-packed. */
static void
rle_put_packed(slu_buf *out, const uint32_t *values, size_t groups, unsigned width)
{
    slu_buf_varint(out, (uint64_t)groups << 1 | 1);
    uint8_t *at = slu_buf_extend(out, groups * width);
    if (at == NULL || width == 0)
        return;
    uint64_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < groups * 8; i++) {
        bits |= (uint64_t)values[i] << held;
        held += width;
        while (held >= 8) {
            *at++ = (uint8_t)bits;
            bits >>= 8;
            held -= 8;
        }
    }
}

static void
rle_put_tail(slu_buf *out, const uint32_t *values, size_t count, unsigned width)
{
    uint32_t padded[8] = {0};
    memcpy(padded, values, count * sizeof *values);
    rle_put_packed(out, padded, 1, width);
}

static void
rle_put_run(slu_buf *out, uint32_t value, size_t count, unsigned width)
{
    slu_buf_varint(out, (uint64_t)count << 1);
    for (unsigned i = 0; i < (width + 7) / 8; i++)
        slu_buf_u8(out, (uint8_t)(value >> (8 * i)));
}

static size_t
rle_run_length(const uint32_t *values, size_t count)
{
    size_t n = 1;
    while (n < count && values[n] == values[0])
        n++;
    return n;
}

static bool
rle_group_equal(const uint32_t *v)
{
    uint32_t differs = 0;
    for (int i = 1; i < 8; i++)
        differs |= v[i] ^ v[0];
    return differs == 0;
}

void
parquet_rle_put(slu_buf *out, const uint32_t *values, size_t count, unsigned width)
{
    size_t at = 0;
    size_t packed_from = 0;
    while (at + 8 <= count) {
        if (!rle_group_equal(values + at)) {
            at += 8;
            continue;
        }
        if (packed_from < at)
            rle_put_packed(out, values + packed_from, (at - packed_from) / 8, width);
        const size_t run = rle_run_length(values + at, count - at);
        rle_put_run(out, values[at], run, width);
        at += run;
        packed_from = at;
    }
    if (packed_from < at)
        rle_put_packed(out, values + packed_from, (at - packed_from) / 8, width);
    if (at < count)
        rle_put_tail(out, values + at, count - at, width);
}

void
parquet_rle_put_bits(slu_buf *out, const uint8_t *bits, size_t count)
{
    const size_t bytes = count / 8;
    size_t at = 0;
    size_t packed_from = 0;
    while (at < bytes) {
        size_t run = 1;
        while ((bits[at] == 0 || bits[at] == 0xff) && at + run < bytes && bits[at + run] == bits[at])
            run++;
        if (run >= 4) {
            if (packed_from < at) {
                slu_buf_varint(out, (uint64_t)(at - packed_from) << 1 | 1);
                slu_buf_append(out, bits + packed_from, at - packed_from);
            }
            rle_put_run(out, bits[at] & 1, run * 8, 1);
            packed_from = at + run;
        }
        at += run;
    }
    const size_t rest = (count + 7) / 8 - packed_from;
    if (rest != 0) {
        slu_buf_varint(out, (uint64_t)rest << 1 | 1);
        slu_buf_append(out, bits + packed_from, rest);
    }
}

bool
parquet_rle_init(parquet_rle *rle, slu_view bytes, unsigned width)
{
    memset(rle, 0, sizeof *rle);
    rle->cursor = slu_cursor_of_view(bytes);
    rle->width = width;
    return width <= 32;
}

static void
rle_next_packed(parquet_rle *rle, uint64_t groups)
{
    rle->packed = true;
    rle->at_bit = 0;
    if (rle->width == 0) {
        rle->packed = false;
        rle->value = 0;
        rle->left = groups * 8;
        return;
    }
    /* Some writers cut the padding of the last group: what is there counts. */
    const size_t left = slu_cursor_left(&rle->cursor);
    rle->at_bytes = groups > left / rle->width ? left : (size_t)groups * rle->width;
    rle->at = slu_cursor_bytes(&rle->cursor, rle->at_bytes);
    rle->left = (uint64_t)rle->at_bytes * 8 / rle->width;
}

static bool
rle_next_run(parquet_rle *rle)
{
    const uint64_t header = slu_cursor_varint(&rle->cursor);
    if (!slu_cursor_ok(&rle->cursor) || header >> 1 == 0 || header >> 1 > INT32_MAX) {
        slu_cursor_fail(&rle->cursor);
        return false;
    }
    if (header & 1) {
        rle_next_packed(rle, header >> 1);
    } else {
        rle->packed = false;
        rle->value = (uint32_t)slu_cursor_le(&rle->cursor, (rle->width + 7) / 8);
        rle->left = header >> 1;
    }
    return slu_cursor_ok(&rle->cursor) && rle->left != 0;
}

/* Eight bytes from `at`, zeroes behind the end. */
static uint64_t
rle_load(const parquet_rle *rle, size_t at)
{
    uint64_t word = 0;
    const size_t left = rle->at_bytes - at;
    memcpy(&word, rle->at + at, left < 8 ? left : 8);
    return word;
}

static void
rle_unpack(parquet_rle *rle, uint32_t *out, size_t count)
{
    const uint64_t mask = (UINT64_C(1) << rle->width) - 1;
    uint64_t bit = rle->at_bit;
    size_t i = 0;
    for (; i < count && bit / 8 + 8 <= rle->at_bytes; i++, bit += rle->width) {
        uint64_t word;
        memcpy(&word, rle->at + bit / 8, 8);
        out[i] = (uint32_t)(word >> (bit & 7) & mask);
    }
    for (; i < count; i++, bit += rle->width)
        out[i] = (uint32_t)(rle_load(rle, (size_t)(bit / 8)) >> (bit & 7) & mask);
    rle->at_bit = bit;
}

size_t
parquet_rle_get(parquet_rle *rle, uint32_t *out, size_t count)
{
    size_t done = 0;
    while (done < count) {
        if (rle->left == 0 && !rle_next_run(rle))
            break;
        const size_t n = rle->left < count - done ? (size_t)rle->left : count - done;
        if (rle->packed) {
            rle_unpack(rle, out + done, n);
        } else {
            for (size_t i = 0; i < n; i++)
                out[done + i] = rle->value;
        }
        rle->left -= n;
        done += n;
    }
    return done;
}
