/*
 * sizes.h: where sizes from outside meet. Every function returns false on overflow and then leaves *out alone.
 */
#ifndef SLU_BASE_SIZES_H
#define SLU_BASE_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLU_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SLU_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SLU_MAX(a, b) ((a) > (b) ? (a) : (b))

static inline bool
slu_size_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool
slu_size_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

static inline bool
slu_size_from_i64(int64_t value, size_t *out)
{
    if (value < 0 || (uint64_t)value > SIZE_MAX)
        return false;
    *out = (size_t)value;
    return true;
}

/* Rounds up to a multiple of `alignment`, a power of two. */
static inline size_t
slu_size_align(size_t bytes, size_t alignment)
{
    return (bytes + alignment - 1) & ~(alignment - 1);
}

#endif
