/*
 * kv_merge.h: what a table's merge engine makes of a row for a key that is there already.
 *
 *   none        the new row
 *   first_row   the old row
 *   versioned   the new row when its version column is not lower; null is the lowest
 *
 * Errors   UNSUPPORTED: the aggregation engine, or `versioned` over INDEXED rows. CORRUPT: a row that is not of its schema.
 * Threads  any.
 */
#ifndef FLUSS_SERVER_KV_MERGE_H
#define FLUSS_SERVER_KV_MERGE_H

#include "fluss/record/descriptor.h"
#include "fluss/server/row_splice.h"

typedef enum fluss_merge_engine { FLUSS_MERGE_NONE, FLUSS_MERGE_FIRST_ROW, FLUSS_MERGE_VERSIONED } fluss_merge_engine;

typedef struct fluss_merge {
    const fluss_schema *schema;
    fluss_merge_engine engine;
    int32_t version_column; /* of `versioned` */
    bool wal_image;         /* table.changelog.image = WAL: the changelog has no old rows */
} fluss_merge;

SLU_CHECK slu_status fluss_merge_init(fluss_merge *merge, const fluss_descriptor *descriptor, slu_error *err);
/* Does the new row take the place of the old one? */
SLU_CHECK slu_status fluss_merge_replaces(const fluss_merge *merge, const fluss_splice_row *old_row,
                                          const fluss_splice_row *new_row, bool *out, slu_error *err);

#endif
