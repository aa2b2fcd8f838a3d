/*
 * move_last.h: which rows of a bucket's snapshot and changelog are the last of their key, so that both can be streamed.
 *
 * Shape    every batch of the changelog is noted, in order; then the snapshot's batches, and those of the same changelog again, are
 *          asked which of their rows are rows of the table.
 * Owns     the keys of the changelog; no rows.
 * Limits   as catalog/key_map.h.
 */
#ifndef SLU_CLI_MOVE_LAST_H
#define SLU_CLI_MOVE_LAST_H

#include "fluss/client/scanner.h"

typedef struct slu_last_rows slu_last_rows;

/* Batches are under the table's own Arrow schema; the table is borrowed. */
SLU_CHECK slu_status slu_last_rows_new(const fluss_table *table, slu_last_rows **out, slu_error *err);
void slu_last_rows_free(slu_last_rows **last);
SLU_CHECK slu_status slu_last_rows_note(slu_last_rows *last, const fluss_scan_batch *batch, slu_error *err);
/* Rows of a snapshot that the changelog does not touch. *out_selection lives until the next call. */
SLU_CHECK slu_status slu_last_rows_of_snapshot(slu_last_rows *last, const struct ArrowArray *array, const int32_t **out_selection,
                                               int64_t *out_count, slu_error *err);
/* Rows of the changelog behind which their key is not touched any more. */
SLU_CHECK slu_status slu_last_rows_of_log(slu_last_rows *last, const fluss_scan_batch *batch, const int32_t **out_selection,
                                          int64_t *out_count, slu_error *err);

#endif
