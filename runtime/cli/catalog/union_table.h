/*
 * union_table.h: a table of lake and log: the rows of a lake snapshot, and of the log what came behind its offsets.
 *
 * Log table          rows of the lake, then of the log.
 * Primary-key table  the log's part is folded first; then come the lake's rows whose key the log did not touch, then the folded ones.
 * Owns     both halves are taken; the union closes them.
 * Threads  owner.
 */
#ifndef SLU_CLI_CATALOG_UNION_TABLE_H
#define SLU_CLI_CATALOG_UNION_TABLE_H

#include "fluss/client/target.h"
#include "sql/table.h"

/* `lake` shows the table's columns and more (system columns) behind them; `target` (ready) reads the log from start to stop. Both are
 * taken on success. */
SLU_CHECK slu_status cli_union_table_new(slu_sql_table **lake, fluss_target **target, const int64_t *start, const int64_t *stop,
                                         slu_sql_table **out, slu_error *err);

#endif
