/*
 * merge.h: what becomes of the row of a key: the merge engines of primary-key tables, partial updates, deletes, auto-increment.
 *
 *   none         the new row; with target columns those of the new row over the old one
 *   first_row    the old row
 *   versioned    the new row when its version column is not lower; null is the lowest
 *   aggregation  each column by its function (aggregate.h); with target columns those, the others as they were
 *   a batch that overwrites (agg_mode 1) goes past the engine: as none, with deletes allowed
 *
 * Shape    new per table schema; begin per batch; then upsert, delete and number for its records in turn. A row that is made is of the
 *          table's newest schema. Columns are only ever added behind the others, so that positions tell them in all schemas.
 * Source   Apache Fluss 0.9.1 (RowMerger and its kinds, PartialUpdater, PerSchemaAutoIncrementUpdater), texts included.
 * Owns     borrows the descriptor.
 * Threads  one at a time.
 * Errors   begin: INVALID 35 (target columns), -1 (engines that refuse them). delete: INVALID 57. CORRUPT: a row that is not of its
 *          schema. number: LIMIT: the id does not fit the column.
 */
#ifndef FLUSS_MERGE_MERGE_H
#define FLUSS_MERGE_MERGE_H

#include "fluss/merge/row_cells.h"
#include "fluss/record/descriptor.h"

typedef struct fluss_merge fluss_merge;

SLU_CHECK slu_status fluss_merge_new(const fluss_descriptor *descriptor, uint8_t kv_format, fluss_merge **out, slu_error *err);
void fluss_merge_free(fluss_merge **merge);

/* `targets` must live until the next begin; none: whole rows. */
SLU_CHECK slu_status fluss_merge_begin(fluss_merge *merge, const int32_t *targets, size_t target_count, bool overwrite,
                                       slu_error *err);

/* The changelog has no old rows (table.changelog.image WAL). */
bool fluss_merge_wal_image(const fluss_merge *merge);
/* Upserts of this batch come out the same whatever was there, and nobody asks what it was. */
bool fluss_merge_blind(const fluss_merge *merge);
/* Position of the auto-increment column; -1: none. */
int32_t fluss_merge_numbered(const fluss_merge *merge);

typedef enum fluss_verdict {
    FLUSS_VERDICT_KEEP,   /* nothing happens */
    FLUSS_VERDICT_NEW,    /* the new row as it came */
    FLUSS_VERDICT_MADE,   /* the row that was appended to `out` */
    FLUSS_VERDICT_REMOVE, /* the row goes */
} fluss_verdict;

/* `out` must not be where the rows are. */
SLU_CHECK slu_status fluss_merge_upsert(fluss_merge *merge, const fluss_kv_row *old_row, const fluss_kv_row *new_row, slu_buf *out,
                                        fluss_verdict *verdict, slu_error *err);
/* Deletes of keys that are not there are asked too: they may be an error. */
SLU_CHECK slu_status fluss_merge_delete(fluss_merge *merge, const fluss_kv_row *old_row, slu_buf *out, fluss_verdict *verdict,
                                        slu_error *err);
/* The row with this id in its auto-increment column. */
SLU_CHECK slu_status fluss_merge_number(fluss_merge *merge, const fluss_kv_row *row, int64_t id, slu_buf *out, slu_error *err);

/* What a CREATE TABLE may say of engines, functions and auto-increment: INVALID 39 or -1, in Fluss's words. */
SLU_CHECK slu_status fluss_merge_check(const fluss_descriptor *descriptor, slu_arena *arena, slu_error *err);

#endif
