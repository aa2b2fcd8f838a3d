/*
 * fold.h: a changelog folded into the last state of each key.
 *
 * Shape    feed it batches in offset order of each bucket; then take them out again with the rows that are the last of their key.
 * Rows     +I and +U set the key, -D removes it, -U is skipped (its +U follows).
 * Owns     the fold takes the batches it is given.
 * Limits   LOG_FOLD_BYTES_MAX bytes of batches.
 */
#ifndef SLU_CLI_CATALOG_FOLD_H
#define SLU_CLI_CATALOG_FOLD_H

#include "fluss/client/scanner.h"
#include "sql/table.h"

typedef struct cli_fold cli_fold;

/* Batches are under `schema` (borrowed), which holds the table's key columns. */
SLU_CHECK slu_status cli_fold_new(const fluss_table *table, const struct ArrowSchema *schema, cli_fold **out, slu_error *err);
void cli_fold_free(cli_fold **fold);
/* Takes the batch (also on failure). */
SLU_CHECK slu_status cli_fold_add(cli_fold *fold, fluss_scan_batch *batch, slu_error *err);
/* Whether the key (encoded as the table encodes it; `slot`: its partition, client/target.h) was touched by what was fed: then an older
 * copy of it does not count. */
bool cli_fold_touched(cli_fold *fold, int32_t slot, slu_view key);
/* The next batch with live rows; END behind the last. The caller owns it. */
SLU_CHECK slu_status cli_fold_next(cli_fold *fold, slu_sql_batch *out, slu_error *err);

#endif
