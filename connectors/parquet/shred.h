/*
 * shred.h: rows of a nested Arrow column as the levels of one leaf, and where its values are.
 *
 * Shape    one walk down the leaf's steps, a whole slice of rows at each step: a struct or a null moves definition levels, a list multiplies
 *          entries. What is left at the leaf is one entry per slot or gap, and the positions of the values that are there.
 * Owns     its buffers; kept between slices.
 * Errors   INVALID: a null where the column is required, offsets that run backwards or past the items; LIMIT: a slice of more than
 *          PARQUET_SHRED_ENTRIES_MAX entries.
 * Threads  owner.
 */
#ifndef PARQUET_SHRED_H
#define PARQUET_SHRED_H

#include "layout.h"

#define PARQUET_SHRED_ENTRIES_MAX ((size_t)256 << 20)

typedef struct parquet_shred {
    size_t entries;
    size_t values;
    slu_buf at; /* int32 per entry: its position in the array at hand, -1 where the path ended; at the end one per value */
    slu_buf defs;
    slu_buf reps;
    slu_buf next_at;
    slu_buf next_defs;
    slu_buf next_reps;
    const struct ArrowArray *leaf; /* what `at` points into, before its own offset */
} parquet_shred;

void parquet_shred_init(parquet_shred *shred);
void parquet_shred_fini(parquet_shred *shred);
/* Rows [from, from + rows) of the selection (or of the array where there is none); `base` is the parent's offset. */
SLU_CHECK slu_status parquet_shred_rows(parquet_shred *shred, const parquet_leaf *leaf, const struct ArrowArray *array,
                                        int64_t base, const int32_t *selection, int64_t from, size_t rows, slu_error *err);

#endif
