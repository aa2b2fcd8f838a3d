#include "fluss/merge/decimal.h"

typedef unsigned __int128 u128;

static u128
power_of_ten(int32_t digits)
{
    u128 power = 1;
    for (int32_t i = 0; i < digits && i < 38; i++)
        power *= 10;
    return power;
}

static u128
magnitude(fluss_i128 value)
{
    return value < 0 ? -(u128)value : (u128)value;
}

static bool
decimal_fits(u128 value, int32_t precision)
{
    return value < power_of_ten(precision);
}

bool
fluss_decimal_add(fluss_i128 a, fluss_i128 b, int32_t precision, fluss_i128 *out)
{
    fluss_i128 sum = 0;
    if (__builtin_add_overflow(a, b, &sum) || !decimal_fits(magnitude(sum), precision))
        return false;
    *out = sum;
    return true;
}

/* 256 bits: high and low half of a product. */
static void
multiply_wide(u128 a, u128 b, u128 *out_high, u128 *out_low)
{
    const u128 mask = UINT64_MAX;
    const u128 a0 = a & mask;
    const u128 a1 = a >> 64;
    const u128 b0 = b & mask;
    const u128 b1 = b >> 64;
    const u128 middle = a1 * b0 + (a0 * b0 >> 64);
    const u128 carried = a0 * b1 + (middle & mask);
    *out_low = carried << 64 | (a0 * b0 & mask);
    *out_high = a1 * b1 + (middle >> 64) + (carried >> 64);
}

/* Long division, bit by bit; the divisor has at most 127 bits. False: the quotient has more than 128. */
static bool
divide_wide(u128 high, u128 low, u128 divisor, u128 *out_quotient, u128 *out_rest)
{
    u128 rest = high % divisor;
    u128 quotient = 0;
    if (high / divisor != 0)
        return false;
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (low >> bit & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *out_quotient = quotient;
    *out_rest = rest;
    return true;
}

bool
fluss_decimal_multiply(fluss_i128 a, fluss_i128 b, int32_t precision, int32_t scale, fluss_i128 *out)
{
    const u128 divisor = power_of_ten(scale);
    u128 high = 0;
    u128 low = 0;
    u128 quotient = 0;
    u128 rest = 0;
    multiply_wide(magnitude(a), magnitude(b), &high, &low);
    if (!divide_wide(high, low, divisor, &quotient, &rest))
        return false;
    if (rest >= divisor - rest && rest != 0)
        quotient++;
    if (!decimal_fits(quotient, precision))
        return false;
    *out = (a < 0) != (b < 0) ? -(fluss_i128)quotient : (fluss_i128)quotient;
    return true;
}

bool
fluss_decimal_decode(slu_view bytes, fluss_i128 *out)
{
    if (bytes.bytes == 0 || bytes.bytes > 16)
        return false;
    u128 value = (bytes.data[0] & 0x80) != 0 ? ~(u128)0 : 0;
    for (size_t i = 0; i < bytes.bytes; i++)
        value = value << 8 | bytes.data[i];
    *out = (fluss_i128)value;
    return true;
}

size_t
fluss_decimal_encode(fluss_i128 value, uint8_t out[16])
{
    uint8_t all[16];
    size_t skip = 0;
    for (size_t i = 0; i < 16; i++)
        all[i] = (uint8_t)((u128)value >> (8 * (15 - i)));
    while (skip < 15 && all[skip] == (value < 0 ? 0xff : 0) && ((all[skip + 1] ^ all[skip]) & 0x80) == 0)
        skip++;
    memcpy(out, all + skip, 16 - skip);
    return 16 - skip;
}
