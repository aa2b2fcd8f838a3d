/*
 * decimal.h: exact decimals: an unscaled 128-bit integer and, known from the column's type, a scale.
 *
 * Owns     nothing; plain values.
 * Threads  any.
 * Errors   a result that needs more than 38 digits is LIMIT; a text that is no number is INVALID. Nothing is rounded silently: where
 *          digits must go, the function's name or comment says how (half away from zero, as SQL does).
 */
#ifndef SLUICE_SDK_DECIMAL_H
#define SLUICE_SDK_DECIMAL_H

#include <sluice/columns.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_DECIMAL_TEXT_BYTES 48 /* sign, 38 digits, point, leading zero, final zero */

/* 10^digits for 0..38. */
slu_i128_natural sdk_decimal_power(int32_t digits);
/* Whether the value has at most `precision` digits. */
bool sdk_decimal_fits(slu_i128_natural value, int32_t precision);

/* Reads "-12.50", "+3", ".5", "1e3", at its own scale (digits after the point, never negative). */
SLU_CHECK slu_status sdk_decimal_parse(const char *text, size_t bytes, slu_i128_natural *out_value, int32_t *out_scale,
                                       slu_error *err);
/* Reads a number for DECIMAL(precision, scale); digits beyond the scale are rounded half away from zero; too large is LIMIT. */
SLU_CHECK slu_status sdk_decimal_parse_as(const char *text, size_t bytes, int32_t precision, int32_t scale, slu_i128_natural *out,
                                          slu_error *err);
/* Writes the number with exactly `scale` digits after the point; returns its length without the final zero. */
size_t sdk_decimal_format(slu_i128_natural value, int32_t scale, char out[SDK_DECIMAL_TEXT_BYTES]);

/* From one scale to another, rounding half away from zero where digits go; false: it does not fit 38 digits. */
bool sdk_decimal_rescale(slu_i128_natural value, int32_t from_scale, int32_t to_scale, slu_i128_natural *out);
/* Compares exactly at any two scales: -1, 0, 1. */
int sdk_decimal_compare(slu_i128_natural a, int32_t a_scale, slu_i128_natural b, int32_t b_scale);

/* Both at one scale; the result has that scale. false: overflow of 38 digits. */
bool sdk_decimal_add(slu_i128_natural a, slu_i128_natural b, slu_i128_natural *out);
bool sdk_decimal_subtract(slu_i128_natural a, slu_i128_natural b, slu_i128_natural *out);
/* The result's scale is the sum of the two. */
bool sdk_decimal_multiply(slu_i128_natural a, slu_i128_natural b, slu_i128_natural *out);
/* a / b at `out_scale`, rounded half away from zero; false: division by zero or overflow. */
bool sdk_decimal_divide(slu_i128_natural a, int32_t a_scale, slu_i128_natural b, int32_t b_scale, int32_t out_scale,
                        slu_i128_natural *out);
double sdk_decimal_to_double(slu_i128_natural value, int32_t scale);
/* The nearest decimal of a double at a scale; false: not finite or too large. */
bool sdk_decimal_from_double(double value, int32_t scale, slu_i128_natural *out);

#ifdef __cplusplus
}
#endif
#endif
