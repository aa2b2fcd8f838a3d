/*
 * make.h: messages of Fluss that are well formed as protobuf and mad in what they say: made from the descriptors, so that every API and
 * every field is met, those that come later as well. What a field means is guessed from its name: names, ids, offsets, records.
 */
#ifndef TESTS_FUZZ_SERVER_MAKE_H
#define TESTS_FUZZ_SERVER_MAKE_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define MAKE_TABLES_MAX 16

typedef struct maker {
    uint64_t random;
    slu_arena *arena;
    int64_t table_ids[MAKE_TABLES_MAX]; /* of tables that are there, or were */
    uint32_t table_count;
    int64_t partition_ids[MAKE_TABLES_MAX];
    uint32_t partition_count;
} maker;

uint64_t maker_random(maker *m);
/* 0 .. limit - 1 */
uint32_t maker_below(maker *m, uint32_t limit);
/* A message in the maker's arena. */
ProtobufCMessage *maker_message(maker *m, const ProtobufCMessageDescriptor *type);
/* Flips, overwrites, inserts, removes, repeats a few bytes. */
void maker_mutate(maker *m, slu_buf *bytes);
/* A log or kv batch, most often a good one. */
void maker_records(maker *m, slu_buf *out);

extern const char *const maker_databases[];
extern const char *const maker_tables[];
/* The descriptors that tables are made from; the last is NULL. */
extern const char *const maker_descriptors[];

#endif
