/*
 * target.h: an opened table: its descriptor, and which node leads each bucket.
 *
 * Shape    open starts loading (GET_TABLE_INFO, GET_TABLE_SCHEMA of earlier schemas, GET_METADATA); poll says when it is there. Leaders
 *          are asked again when somebody found one gone (fluss_target_stale), after FLUSS_STALE_PAUSE_MS, and up to
 *          FLUSS_STALE_PAUSE_MS_MAX while that does not help; for as long as it takes.
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

fluss_client *fluss_target_client(const fluss_target *target);
const char *fluss_target_name(const fluss_target *target); /* "database.table" */
const fluss_table *fluss_target_table(const fluss_target *target);
/* The leader's node id; -1: not known at the moment (the target asks). */
int32_t fluss_target_leader(fluss_target *target, int32_t bucket);
const int32_t *fluss_target_leaders(const fluss_target *target);
/* A leader was not where we thought: ask again. */
void fluss_target_stale(fluss_target *target);
/* A leader answered as one: the next that is gone is asked for without delay. */
void fluss_target_fresh(fluss_target *target);

#endif
