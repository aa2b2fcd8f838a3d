/*
 * few_rows.h: some rows of a bucket, and all rows below a prefix of the key: asked and waited for, for people, planning and tests.
 *
 * Shape    LIMIT_SCAN of one bucket: a log table's last rows in order, up to `limit` rows of a primary-key table in no order.
 *          PREFIX_LOOKUP: the rows whose primary key begins with a bucket key.
 * Rows     come in pieces, each told to `found` under the table's own Arrow schema; the array is the callee's to look at, not to keep.
 * Threads  the client's owner. Every function steps the client until its answer is there; `found` is called from inside.
 * Errors   INVALID: prefix of a table whose bucket key is no proper beginning of its primary key. NOTFOUND: no such partition. What the
 *          server said, after FLUSS_FEW_TRIES where it is retriable. UNSUPPORTED: rows of a later schema: open the table again.
 */
#ifndef FLUSS_CLIENT_FEW_ROWS_H
#define FLUSS_CLIENT_FEW_ROWS_H

#include "target.h"

#define FLUSS_FEW_TRIES 50 /* FLUSS_STALE_PAUSE_MS apart */

typedef void (*fluss_few_found)(void *context, const struct ArrowArray *array, int64_t first, int64_t count);

/* `bucket`: a bucket number (target.h). limit >= 1. The target must be ready, and the bucket's partition. */
SLU_CHECK slu_status fluss_limit_scan(fluss_target *target, int32_t bucket, int32_t limit, fluss_few_found found, void *context,
                                      slu_error *err);
/* Row `row` of an array under `schema`, which holds the bucket key's columns, and those of the partition, by name. */
SLU_CHECK slu_status fluss_prefix_lookup(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *keys,
                                         int32_t row, fluss_few_found found, void *context, slu_error *err);

#endif
