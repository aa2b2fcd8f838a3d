#include "hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Reflected polynomial 0x82f63b78; one table per byte position of a 64-bit word would be faster, the hardware path is used where
 * it matters. */
static uint32_t
crc32c_portable(uint32_t crc, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0x82f63b78) & (0 - (crc & 1)));
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const uint8_t *data, size_t bytes)
{
    uint64_t wide = crc;
    while (bytes >= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        bytes -= 8;
    }
    crc = (uint32_t)wide;
    while (bytes-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *data++);
    return crc;
}
#endif

uint32_t
slu_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse42(crc, data, bytes);
#endif
    return ~crc32c_portable(crc, data, bytes);
}

uint64_t
slu_hash64(const void *data, size_t bytes)
{
    return XXH64(data, bytes, 0);
}

static uint32_t
rotl32(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static uint32_t
murmur3_mix(uint32_t k)
{
    return rotl32(k * UINT32_C(0xcc9e2d51), 15) * UINT32_C(0x1b873593);
}

uint32_t
slu_murmur3_32(const void *data, size_t bytes, uint32_t seed)
{
    const uint8_t *at = data;
    uint32_t hash = seed;
    size_t left = bytes;
    for (; left >= 4; left -= 4, at += 4) {
        const uint32_t k = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        hash = rotl32(hash ^ murmur3_mix(k), 13) * 5 + UINT32_C(0xe6546b64);
    }
    uint32_t tail = 0;
    for (size_t i = left; i > 0; i--)
        tail = tail << 8 | at[i - 1];
    if (left > 0)
        hash ^= murmur3_mix(tail);
    hash ^= (uint32_t)bytes;
    hash ^= hash >> 16;
    hash *= UINT32_C(0x85ebca6b);
    hash ^= hash >> 13;
    hash *= UINT32_C(0xc2b2ae35);
    return hash ^ hash >> 16;
}
