/*
 * log_table.h: a range of a Fluss table's log as an SQL table.
 *
 * Shape    rows of [start, stop) of every bucket, in no promised order. A log table shows its rows; of a primary-key table either the
 *          last state of each key within the range (fold), or every change.
 * Owns     the table owns its target and copies the offsets.
 * Threads  owner; scans step the client and block.
 * Errors   those of the scanner; TIMEOUT: no row for LOG_TABLE_TIMEOUT_MS; LIMIT: a fold above LOG_FOLD_BYTES_MAX.
 */
#ifndef SLU_CLI_CATALOG_LOG_TABLE_H
#define SLU_CLI_CATALOG_LOG_TABLE_H

#include "base/bytes.h"
#include "fluss/client/target.h"
#include "sql/table.h"

#define LOG_TABLE_TIMEOUT_MS 30000
#define LOG_FOLD_BYTES_MAX ((int64_t)2 << 30) /* bytes of batches held while a primary-key table is folded */

/* A primary-key table's scan: reads it all now (what next would do first), then says which keys it touched. */
SLU_CHECK slu_status cli_log_scan_fold(slu_sql_scan *scan, slu_error *err);
bool cli_log_scan_touched(const slu_sql_scan *scan, int32_t slot, slu_view key);

/* `target` (ready) is taken on success. start[bucket] may be FLUSS_OFFSET_EARLIEST. `whole`: the range is all that the log has, so that of
 * a primary-key table kv snapshots may stand for its older part. */
SLU_CHECK slu_status cli_log_table_new(fluss_target **target, const int64_t *start, const int64_t *stop, bool whole,
                                       slu_sql_table **out, slu_error *err);

#endif
