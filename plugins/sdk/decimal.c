#include <sluice/sdk/decimal.h>

#include <math.h>

typedef slu_i128_natural i128;
__extension__ typedef unsigned __int128 u128;

#define DIGITS_MAX SLU_DECIMAL_PRECISION_MAX

static const uint64_t power_low[20] = {UINT64_C(1),
                                       UINT64_C(10),
                                       UINT64_C(100),
                                       UINT64_C(1000),
                                       UINT64_C(10000),
                                       UINT64_C(100000),
                                       UINT64_C(1000000),
                                       UINT64_C(10000000),
                                       UINT64_C(100000000),
                                       UINT64_C(1000000000),
                                       UINT64_C(10000000000),
                                       UINT64_C(100000000000),
                                       UINT64_C(1000000000000),
                                       UINT64_C(10000000000000),
                                       UINT64_C(100000000000000),
                                       UINT64_C(1000000000000000),
                                       UINT64_C(10000000000000000),
                                       UINT64_C(100000000000000000),
                                       UINT64_C(1000000000000000000),
                                       UINT64_C(10000000000000000000)};

i128
sdk_decimal_power(int32_t digits)
{
    return digits < 20 ? (i128)power_low[digits] : (i128)power_low[19] * (i128)power_low[digits - 19];
}

static u128
magnitude(i128 value)
{
    return value < 0 ? (u128)0 - (u128)value : (u128)value;
}

bool
sdk_decimal_fits(i128 value, int32_t precision)
{
    return magnitude(value) < (u128)sdk_decimal_power(precision);
}

/* ---- Text ------------------------------------------------------------------------------------------------------------------- */

/* A number as read: digits without leading zeros, the power of ten of the last one. */
typedef struct scanned {
    i128 value;
    int32_t digits;
    int32_t exponent; /* the value is value * 10^exponent */
    bool negative;
    bool any;
    bool inexact_up; /* the first digit that did not fit was 5 or more */
    bool full;
} scanned;

static void
scan_digit(scanned *number, int digit, bool after_point)
{
    number->any = true;
    if (number->digits < DIGITS_MAX) {
        number->value = number->value * 10 + digit;
        number->digits += number->value != 0;
        number->exponent -= after_point;
        return;
    }
    if (!number->full)
        number->inexact_up = digit >= 5;
    number->full = true;
    number->exponent += !after_point;
}

/* The exponent part after 'e'; false when it is no number. */
static bool
scan_exponent(const char *text, size_t bytes, size_t *at, int32_t *out)
{
    bool negative = false;
    int32_t value = 0;
    size_t i = *at;
    if (i < bytes && (text[i] == '-' || text[i] == '+'))
        negative = text[i++] == '-';
    const size_t first = i;
    for (; i < bytes && text[i] >= '0' && text[i] <= '9'; i++)
        value = value < 10000 ? value * 10 + (text[i] - '0') : value;
    *out = negative ? -value : value;
    *at = i;
    return i > first;
}

static bool
scan_number(const char *text, size_t bytes, scanned *number)
{
    memset(number, 0, sizeof *number);
    size_t i = 0;
    bool after_point = false;
    if (i < bytes && (text[i] == '-' || text[i] == '+'))
        number->negative = text[i++] == '-';
    for (; i < bytes; i++) {
        if (text[i] == '.' && !after_point)
            after_point = true;
        else if (text[i] >= '0' && text[i] <= '9')
            scan_digit(number, text[i] - '0', after_point);
        else
            break;
    }
    if (number->any && i < bytes && (text[i] == 'e' || text[i] == 'E')) {
        int32_t exponent;
        i++;
        if (!scan_exponent(text, bytes, &i, &exponent))
            return false;
        number->exponent += exponent;
    }
    return number->any && i == bytes;
}

static int
text_width(size_t bytes)
{
    return bytes > 64 ? 64 : (int)bytes;
}

slu_status
sdk_decimal_parse(const char *text, size_t bytes, i128 *out_value, int32_t *out_scale, slu_error *err)
{
    scanned number;
    if (!scan_number(text, bytes, &number))
        return slu_error_set(err, SLU_INVALID, "'%.*s' is not a number", text_width(bytes), text);
    if (number.value == 0)
        number.exponent = number.exponent > 0 ? 0 : number.exponent < -DIGITS_MAX ? -DIGITS_MAX : number.exponent;
    if (number.full || number.exponent < -DIGITS_MAX || number.digits + number.exponent > DIGITS_MAX)
        return slu_error_set(err, SLU_LIMIT, "'%.*s' has more than %d digits", text_width(bytes), text, DIGITS_MAX);
    if (number.exponent > 0)
        number.value *= sdk_decimal_power(number.exponent);
    *out_scale = number.exponent < 0 ? -number.exponent : 0;
    *out_value = number.negative ? -number.value : number.value;
    return SLU_OK;
}

slu_status
sdk_decimal_parse_as(const char *text, size_t bytes, int32_t precision, int32_t scale, i128 *out, slu_error *err)
{
    scanned number;
    if (!scan_number(text, bytes, &number))
        return slu_error_set(err, SLU_INVALID, "'%.*s' is not a number", text_width(bytes), text);
    const int32_t up = number.exponent + scale; /* digits to add to (or, below zero, to take from) the value */
    i128 value = number.value;
    bool fits = true;
    if (value == 0)
        fits = true;
    else if (up >= 0)
        fits = number.digits + up <= DIGITS_MAX && !number.full;
    else if (up < -DIGITS_MAX)
        value = 0;
    if (fits && value != 0)
        fits = sdk_decimal_rescale(value, up < 0 ? -up : 0, up > 0 ? up : 0, &value);
    if (!fits || !sdk_decimal_fits(value, precision))
        return slu_error_set(err, SLU_LIMIT, "'%.*s' does not fit DECIMAL(%d,%d)", text_width(bytes), text, precision, scale);
    *out = number.negative ? -value : value;
    return SLU_OK;
}

size_t
sdk_decimal_format(i128 value, int32_t scale, char out[SDK_DECIMAL_TEXT_BYTES])
{
    char reversed[SDK_DECIMAL_TEXT_BYTES];
    size_t digits = 0, length = 0;
    u128 rest = magnitude(value);
    for (; digits <= (size_t)scale || rest != 0; rest /= 10)
        reversed[digits++] = (char)('0' + (int)(rest % 10));
    if (value < 0)
        out[length++] = '-';
    while (digits > 0) {
        if (digits == (size_t)scale)
            out[length++] = '.';
        out[length++] = reversed[--digits];
    }
    out[length] = 0;
    return length;
}

/* ---- Arithmetic ------------------------------------------------------------------------------------------------------------- */

/* Half away from zero. */
static i128
divide_rounded(i128 value, i128 by)
{
    const i128 quotient = value / by;
    const u128 rest = magnitude(value % by);
    const u128 half = magnitude(by) - rest;
    const bool negative = (value < 0) != (by < 0);
    return rest >= half ? quotient + (negative ? -1 : 1) : quotient;
}

bool
sdk_decimal_rescale(i128 value, int32_t from_scale, int32_t to_scale, i128 *out)
{
    if (to_scale == from_scale) {
        *out = value;
        return true;
    }
    if (to_scale < from_scale) {
        *out = from_scale - to_scale > DIGITS_MAX ? 0 : divide_rounded(value, sdk_decimal_power(from_scale - to_scale));
        return true;
    }
    i128 result;
    if (to_scale - from_scale > DIGITS_MAX)
        return value == 0 ? (*out = 0, true) : false;
    if (__builtin_mul_overflow(value, sdk_decimal_power(to_scale - from_scale), &result) || !sdk_decimal_fits(result, DIGITS_MAX))
        return false;
    *out = result;
    return true;
}

int
sdk_decimal_compare(i128 a, int32_t a_scale, i128 b, int32_t b_scale)
{
    i128 scaled;
    if (a_scale == b_scale)
        return (a > b) - (a < b);
    if (a_scale < b_scale)
        return -sdk_decimal_compare(b, b_scale, a, a_scale);
    /* b has fewer digits after the point. Where b at a's scale does not fit, b is the larger of the two in magnitude. */
    if (__builtin_mul_overflow(b, sdk_decimal_power(a_scale - b_scale), &scaled))
        return b > 0 ? -1 : 1;
    return (a > scaled) - (a < scaled);
}

bool
sdk_decimal_add(i128 a, i128 b, i128 *out)
{
    i128 sum;
    if (__builtin_add_overflow(a, b, &sum) || !sdk_decimal_fits(sum, DIGITS_MAX))
        return false;
    *out = sum;
    return true;
}

bool
sdk_decimal_subtract(i128 a, i128 b, i128 *out)
{
    i128 difference;
    if (__builtin_sub_overflow(a, b, &difference) || !sdk_decimal_fits(difference, DIGITS_MAX))
        return false;
    *out = difference;
    return true;
}

bool
sdk_decimal_multiply(i128 a, i128 b, i128 *out)
{
    i128 product;
    if (__builtin_mul_overflow(a, b, &product) || !sdk_decimal_fits(product, DIGITS_MAX))
        return false;
    *out = product;
    return true;
}

bool
sdk_decimal_divide(i128 a, int32_t a_scale, i128 b, int32_t b_scale, int32_t out_scale, i128 *out)
{
    if (b == 0)
        return false;
    const int32_t shift = out_scale + b_scale - a_scale; /* a * 10^shift / b has out_scale digits after the point */
    i128 numerator = a, denominator = b;
    if (shift > DIGITS_MAX || shift < -DIGITS_MAX)
        return false;
    if (shift >= 0 && __builtin_mul_overflow(a, sdk_decimal_power(shift), &numerator))
        return false;
    if (shift < 0 && __builtin_mul_overflow(b, sdk_decimal_power(-shift), &denominator))
        return false;
    const i128 quotient = divide_rounded(numerator, denominator);
    if (!sdk_decimal_fits(quotient, DIGITS_MAX))
        return false;
    *out = quotient;
    return true;
}

double
sdk_decimal_to_double(i128 value, int32_t scale)
{
    /* Exact when both parts are below 2^53; else the nearest within one unit. */
    return (double)value / (double)sdk_decimal_power(scale);
}

bool
sdk_decimal_from_double(double value, int32_t scale, i128 *out)
{
    const double scaled = value * (double)sdk_decimal_power(scale);
    if (!(fabs(scaled) < 1e38))
        return false;
    *out = (i128)round(scaled);
    return sdk_decimal_fits(*out, DIGITS_MAX);
}
