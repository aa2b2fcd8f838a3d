/*
 * target.h: an opened table: its descriptor, and which node leads each bucket.
 *
 * Shape    open starts loading (GET_TABLE_INFO, GET_TABLE_SCHEMA of earlier schemas, GET_METADATA); poll says when it is there. Leaders
 *          are asked again when somebody found one gone (fluss_target_stale), after FLUSS_STALE_PAUSE_MS, and up to
 *          FLUSS_STALE_PAUSE_MS_MAX while that does not help; for as long as it takes.
 * Buckets  everywhere in this room a bucket is told by one number: in a table without partitions its own; in a partitioned one
 *          slot * bucket_count + bucket, where a *slot* stands for a partition (its name and id) that somebody named or that was listed.
 *          Slots are numbered from 0, only grow in number, and a partition that was dropped and made anew has another slot.
 * Owns     a target owns its descriptor; close cancels what it asked. Scanners, writers and lookups borrow it and end before it.
 * Threads  the client's owner.
 * Errors   poll: AGAIN while loading; NOTFOUND: no such table; CONFLICT: the table was dropped and created anew since.
 */
#ifndef FLUSS_CLIENT_TARGET_H
#define FLUSS_CLIENT_TARGET_H

#include "client.h"
#include "fluss/record/descriptor.h"

#define FLUSS_STALE_PAUSE_MS 100
#define FLUSS_STALE_PAUSE_MS_MAX 1000

typedef struct fluss_target fluss_target;

SLU_CHECK slu_status fluss_target_open(fluss_client *client, const char *database, const char *table, fluss_target **out,
                                       slu_error *err);
void fluss_target_close(fluss_target **target);
/* OK: everything below may be asked. */
SLU_CHECK slu_status fluss_target_poll(const fluss_target *target, slu_error *err);
/* poll until it is not AGAIN, stepping the client. */
SLU_CHECK slu_status fluss_target_wait(fluss_target *target, int64_t timeout_ms, slu_error *err);

/* How many columns rows of an earlier schema id have: the first ones of the table's. 0: not known (a later one). */
size_t fluss_target_columns_of(const fluss_target *target, int16_t schema_id);

/* Rows of a later schema id need that schema. OK: there, from fluss_target_later; AGAIN: it is being asked for. */
SLU_CHECK slu_status fluss_target_learn(fluss_target *target, int16_t schema_id, slu_error *err);
/* NULL: the id is the table's own or an earlier one, or not learnt. */
const fluss_schema *fluss_target_later(const fluss_target *target, int16_t schema_id);

fluss_client *fluss_target_client(const fluss_target *target);
const char *fluss_target_name(const fluss_target *target); /* "database.table" */
const fluss_table *fluss_target_table(const fluss_target *target);
/* The leader's node id; -1: not known at the moment (the target asks). */
int32_t fluss_target_leader(fluss_target *target, int32_t bucket);
const int32_t *fluss_target_leaders(const fluss_target *target);
/* Of the buckets of one slot; 0 for a table without partitions. */
const int32_t *fluss_target_slot_leaders(const fluss_target *target, int32_t slot);
/* A leader was not where we thought: ask again. */
void fluss_target_stale(fluss_target *target);
/* A leader answered as one: the next that is gone is asked for without delay. */
void fluss_target_fresh(fluss_target *target);

/* ---- Partitions ---- */

#define FLUSS_SLOTS_MAX 100000

typedef struct fluss_slot {
    const char *name; /* NULL: the table is not partitioned */
    int64_t id;       /* -1: not known, or no partition */
    bool gone;        /* it was dropped */
} fluss_slot;

bool fluss_target_partitioned(const fluss_target *target);
/* 1 for a table without partitions. Bucket numbers are below slot_count * bucket_count. */
int32_t fluss_target_slot_count(const fluss_target *target);
int32_t fluss_target_bucket_numbers(const fluss_target *target);
fluss_slot fluss_target_slot(const fluss_target *target, int32_t slot);
/* The slot of a bucket number. */
int32_t fluss_target_slot_of(const fluss_target *target, int32_t bucket);
/* The partition id a request has to name for a bucket number; -1: none. */
int64_t fluss_target_partition_id(const fluss_target *target, int32_t bucket);
/* The bucket number of what an answer names; -1: nobody asked for it. */
int32_t fluss_target_bucket_find(const fluss_target *target, int64_t partition_id, int32_t bucket);
/* A partition by name; with an id (not -1) that very one, as a checkpoint remembers it. */
SLU_CHECK slu_status fluss_target_slot_named(fluss_target *target, const char *name, int64_t id, int32_t *out_slot, slu_error *err);
/* The slots of chosen rows; 0 for each in a table without partitions. INVALID: a null in a partition column, a value that is no name. */
SLU_CHECK slu_status fluss_target_slots(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                        const int32_t *selection, int64_t rows, int32_t *out_slots, slu_error *err);
/* OK: the leaders of its buckets are known. AGAIN: asked for. NOTFOUND (36): there is no such partition (and `create` does not want
 * it made), or it was dropped. */
SLU_CHECK slu_status fluss_target_slot_ready(fluss_target *target, int32_t slot, bool create, slu_error *err);
/* Lists the partitions of the table, in the background: those that are new get slots, those that are not there any more are gone. */
void fluss_target_discover(fluss_target *target);
/* Lists them and waits until the leaders of each are known, or it is gone, stepping the client: for tools and planning. */
SLU_CHECK slu_status fluss_target_slots_wait(fluss_target *target, int64_t timeout_ms, slu_error *err);
/* How many times they were listed. */
uint64_t fluss_target_listings(const fluss_target *target);

#endif
