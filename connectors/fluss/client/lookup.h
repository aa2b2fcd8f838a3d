/*
 * lookup.h: rows of a primary-key table by key, a batch at a time: keys grouped by bucket, one request per leader, sent at once.
 *
 * Shape    submit a batch of keys, get one answer: row i belongs to key i. Several submits may be in flight and answer in any order.
 *          The caller removes duplicates; the lookup does not look for them.
 * Owns     the lookup borrows its target. `values` is moved to on_done.
 * Threads  the client's owner; on_done comes from inside step, never from inside submit.
 * Errors   AGAIN: FLUSS_LOOKUP_FLIGHT_MAX batches are in flight. on_done's failure: what a server said, after FLUSS_LOOKUP_TIMEOUT_MS
 *          where it is retriable; what ended the target.
 */
#ifndef FLUSS_CLIENT_LOOKUP_H
#define FLUSS_CLIENT_LOOKUP_H

#include "target.h"

#define FLUSS_LOOKUP_FLIGHT_MAX 64
#define FLUSS_LOOKUP_TIMEOUT_MS 120000 /* over all retries */

typedef struct fluss_lookup fluss_lookup;

/* values: `rows` rows of all columns of the table (NULL on failure); found[i] 0: no such key, its row is null. */
typedef void (*fluss_lookup_done)(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found,
                                  const slu_error *failure);

/* The target must be ready and have a primary key (INVALID otherwise). */
SLU_CHECK slu_status fluss_lookup_open(fluss_target *target, fluss_lookup_done on_done, void *context, fluss_lookup **out,
                                       slu_error *err);
void fluss_lookup_close(fluss_lookup **lookup);
/* From now on a key that is missing is inserted, with null in the other columns and an id where the table has an auto-increment column;
 * its row is what is answered. Fluss refuses it for tables with other NOT NULL columns. */
void fluss_lookup_insert_missing(fluss_lookup *lookup);
/* The first `rows` rows (or the selected ones) of an array that holds the primary key's columns by the table's names. */
SLU_CHECK slu_status fluss_lookup_submit(fluss_lookup *lookup, uint64_t token, const struct ArrowSchema *schema,
                                         const struct ArrowArray *keys, const int32_t *selection, int64_t rows, slu_error *err);
uint32_t fluss_lookup_pending(const fluss_lookup *lookup);

#endif
