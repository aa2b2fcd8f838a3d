/*
 * snapshot_rows.h: the rows of a primary-key table from its kv snapshots, instead of from the part of the changelog that they stand for.
 *
 * Shape    for every bucket that has a snapshot its rows are handed out, and its range of the log begins behind it. Files that cannot be had
 *          (on S3, not mounted, gone) leave the range as it is, if the changelog still begins at offset 0.
 * Threads  owner; steps the client and blocks.
 * Errors   those of the reader where the changelog alone would not do.
 */
#ifndef SLU_CLI_CATALOG_SNAPSHOT_ROWS_H
#define SLU_CLI_CATALOG_SNAPSHOT_ROWS_H

#include "fluss/client/scanner.h"

/* Takes the batch, also on failure. */
typedef slu_status (*cli_snapshot_batch)(void *context, fluss_scan_batch *batch, slu_error *err);

/* start and stop by bucket number; `wanted`: which slots are read (NULL: all). */
SLU_CHECK slu_status cli_snapshot_rows(fluss_target *target, int64_t *start, int64_t *stop, const bool *wanted,
                                       const int32_t *columns, uint32_t column_count, cli_snapshot_batch batch, void *context,
                                       slu_error *err);

#endif
