/*
 * changelog_table.h: t$changelog: every change that the log of a table still holds, as Fluss's own virtual table shows it.
 *
 * Columns  _change_type (insert, update_before, update_after, delete), _log_offset BIGINT, _commit_timestamp TIMESTAMP_LTZ(3), then the table's.
 * Owns     the table owns its target and copies the offsets.
 * Threads  owner; scans step the client and block.
 */
#ifndef CLI_CATALOG_CHANGELOG_TABLE_H
#define CLI_CATALOG_CHANGELOG_TABLE_H

#include "fluss/client/target.h"
#include "sql/table.h"

/* `target` (ready) is taken on success. start and stop by bucket number. */
SLU_CHECK slu_status cli_changelog_table_new(fluss_target **target, const int64_t *start, const int64_t *stop, slu_sql_table **out,
                                             slu_error *err);

#endif
