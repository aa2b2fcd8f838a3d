/*
 * concat.h: several small batches of one schema as one: what is worth a copy before it is handed on.
 *
 * Owns     the result owns its memory (one allocation for the whole array); the pieces are borrowed.
 * Threads  any.
 * Errors   UNSUPPORTED: a nested or unknown type, or attributes on a piece; LIMIT: more than 2^31-1 bytes in one column; NOMEM.
 */
#ifndef SLU_BATCH_CONCAT_H
#define SLU_BATCH_CONCAT_H

#include "batch.h"

/* Whether batches of this schema can be put together. */
bool slu_concat_possible(const struct ArrowSchema *schema);
/* The rows of the pieces (through their selections), one after another. count >= 1. */
SLU_CHECK slu_status slu_batch_concat(const slu_batch *const *pieces, uint32_t count, const slu_batch **out, slu_error *err);

#endif
