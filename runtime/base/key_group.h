/*
 * key_group.h: which key group a key hash falls into, and which subtask owns a key group: Flink's formulas (murmur step, floor
 * ranges), so that whole ranges move when a job is rescaled. Pure functions, shared by planner, exchange and state.
 */
#ifndef SLU_BASE_KEY_GROUP_H
#define SLU_BASE_KEY_GROUP_H

#include <stdint.h>

static inline uint32_t
slu_key_group_rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* One MurmurHash3 block over the 4 bytes of the hash, finished, made non-negative, modulo the number of key groups. */
static inline uint32_t
slu_key_group(uint32_t key_hash, uint32_t max_parallelism)
{
    uint32_t code = key_hash * 0xcc9e2d51u;
    code = slu_key_group_rotate(code, 15) * 0x1b873593u;
    code = slu_key_group_rotate(code, 13) * 5u + 0xe6546b64u;
    code ^= 4u;
    code ^= code >> 16;
    code *= 0x85ebca6bu;
    code ^= code >> 13;
    code *= 0xc2b2ae35u;
    code ^= code >> 16;
    /* The absolute value as a signed number, the smallest one mapped to 0; without a branch, since half of all hashes are negative. */
    const uint32_t sign = 0u - (code >> 31);
    return (((code ^ sign) - sign) & 0x7fffffffu) % max_parallelism;
}

static inline uint32_t
slu_key_group_subtask(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism)
{
    return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}

/* The inclusive range of a subtask. */
static inline uint32_t
slu_key_group_first(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism)
{
    return (uint32_t)(((uint64_t)subtask * max_parallelism + parallelism - 1) / parallelism);
}

static inline uint32_t
slu_key_group_last(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism)
{
    return (uint32_t)((((uint64_t)subtask + 1) * max_parallelism - 1) / parallelism);
}

#endif
