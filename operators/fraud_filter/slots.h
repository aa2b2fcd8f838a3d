/*
 * slots.h: where in a key's state each rule keeps what it is waiting for, so that it finds it again when the set around it has changed.
 *
 * Shape    a key's state is one or more blocks (states of the host, "sequences", "sequences-2", ...); a block is divided into slots of
 *          8 bytes per condition. A rule keeps its slot as long as its id, its number of conditions and a fitting lifetime stay. The
 *          slot of a rule that went is free for another one, under a new generation: a word of another generation counts as zero.
 *          What fits no free slot gets a block of its own, made by the set that needs it.
 * Format   slots_encode, little-endian: u32 blocks, per block u32 bytes, i64 ttl; u32 slots, per slot u32 block, at, width, conditions,
 *          generation, u32 id bytes, id.
 * Errors   LIMIT: BLOCKS_MAX blocks, SLOTS_MAX slots; CORRUPT: bytes that say something else.
 */
#ifndef FRAUD_FILTER_SLOTS_H
#define FRAUD_FILTER_SLOTS_H

#include "rules.h"

#define BLOCKS_MAX 16
#define SLOTS_MAX 512

typedef struct slot_block {
    uint32_t bytes; /* of one key's value */
    int64_t ttl_ms; /* 0: nothing may be forgotten by the clock, for a rule goes by a column */
} slot_block;

typedef struct slot {
    char id[RULE_ID_BYTES_MAX]; /* "": free */
    uint32_t block, at;
    uint32_t width, conditions;
    uint32_t generation;
} slot;

typedef struct slots {
    uint32_t block_count, count;
    slot_block blocks[BLOCKS_MAX];
    slot items[SLOTS_MAX];
} slots;

/* Gives every rule its place, and frees the slots of rules that are not there. */
SLU_CHECK slu_status slots_assign(slots *all, rules *set, slu_error *err);
/* *out is the caller's to free. */
SLU_CHECK slu_status slots_encode(const slots *all, uint8_t **out, uint64_t *bytes, slu_error *err);
SLU_CHECK slu_status slots_decode(const void *data, uint64_t bytes, slots *out, slu_error *err);

#endif
