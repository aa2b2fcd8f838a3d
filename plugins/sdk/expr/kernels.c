#include "node.h"

/* One loop per operator, so that nothing but the comparison is left inside and the compiler can make vectors of it. */
#define CMP_LOOPS(A, B)                                                                                                            \
    switch (op) {                                                                                                                  \
    case CMP_EQ: CMP_LOOP((A) == (B)); break;                                                                                      \
    case CMP_NE: CMP_LOOP((A) != (B)); break;                                                                                      \
    case CMP_LT: CMP_LOOP((A) < (B)); break;                                                                                       \
    case CMP_LE: CMP_LOOP((A) <= (B)); break;                                                                                      \
    case CMP_GT: CMP_LOOP((A) > (B)); break;                                                                                       \
    case CMP_GE: CMP_LOOP((A) >= (B)); break;                                                                                      \
    }

#define CMP_LOOP(TEST)                                                                                                             \
    for (int32_t i = 0; i < count; i++)                                                                                            \
    out[i] = (uint8_t)(TEST)

void
kernel_cmp_i64(uint8_t *restrict out, const int64_t *restrict a, int64_t b, cmp_code op, int32_t count)
{
    CMP_LOOPS(a[i], b)
}

void
kernel_cmp_i32(uint8_t *restrict out, const int32_t *restrict a, int32_t b, cmp_code op, int32_t count)
{
    CMP_LOOPS(a[i], b)
}

/* A DECIMAL of up to 18 digits is its low 64 bits. */
void
kernel_cmp_dec_low(uint8_t *restrict out, const slu_i128 *restrict a, int64_t b, cmp_code op, int32_t count)
{
    const int64_t *restrict low = (const int64_t *)(const void *)a;
    CMP_LOOPS(low[2 * i], b)
}

void
kernel_cmp_dec(uint8_t *restrict out, const slu_i128 *restrict a, i128 b, cmp_code op, int32_t count)
{
    CMP_LOOPS((i128)a[i], b)
}

void
kernel_cmp_f64(uint8_t *restrict out, const double *restrict a, double b, cmp_code op, int32_t count)
{
    CMP_LOOPS(a[i], b)
}

void
kernel_cmp_i64s(uint8_t *restrict out, const int64_t *restrict a, const int64_t *restrict b, cmp_code op, int32_t count)
{
    CMP_LOOPS(a[i], b[i])
}

void
kernel_cmp_decs(uint8_t *restrict out, const slu_i128 *restrict a, const slu_i128 *restrict b, cmp_code op, int32_t count)
{
    CMP_LOOPS((i128)a[i], (i128)b[i])
}

void
kernel_cmp_f64s(uint8_t *restrict out, const double *restrict a, const double *restrict b, cmp_code op, int32_t count)
{
    CMP_LOOPS(a[i], b[i])
}

void
kernel_and(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (uint8_t)(a[i] & b[i]);
}

void
kernel_or(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (uint8_t)(a[i] | b[i]);
}

void
kernel_and_not(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (uint8_t)(a[i] & (b[i] ^ 1));
}

void
kernel_not(uint8_t *out, const uint8_t *a, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (uint8_t)(a[i] ^ 1);
}

/* Eight bits to eight bytes at once: bit k of `bits` becomes byte k. */
static uint64_t
spread_bits(uint8_t bits)
{
    const uint64_t copies = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (copies + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

void
kernel_bools(uint8_t *out, const uint8_t *bits, int64_t first, int32_t count)
{
    int32_t i = 0;
    for (; i < count && ((first + i) & 7) != 0; i++)
        out[i] = slu_bit(bits, first + i);
    for (; i + 8 <= count; i += 8) {
        const uint64_t eight = spread_bits(bits[(first + i) >> 3]);
        memcpy(out + i, &eight, 8);
    }
    for (; i < count; i++)
        out[i] = slu_bit(bits, first + i);
}

bool
kernel_nulls(uint8_t *nulls, const uint8_t *validity, int64_t first, int32_t count)
{
    uint8_t any = 0;
    kernel_bools(nulls, validity, first, count);
    for (int32_t i = 0; i < count; i++) {
        nulls[i] ^= 1;
        any |= nulls[i];
    }
    return any != 0;
}

int64_t
kernel_select(int32_t *restrict rows, const uint8_t *restrict truth, int32_t base, int32_t count)
{
    int64_t found = 0;
    for (int32_t i = 0; i < count; i++) {
        rows[found] = base + i;
        found += truth[i];
    }
    return found;
}

int64_t
kernel_select_rows(int32_t *restrict out, const uint8_t *restrict truth, const int32_t *restrict rows, int32_t count)
{
    int64_t found = 0;
    for (int32_t i = 0; i < count; i++) {
        out[found] = rows[i];
        found += truth[i];
    }
    return found;
}
