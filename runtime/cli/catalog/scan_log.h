/*
 * scan_log.h: batches of a range of a log, waited for: what log_table.c and fold.c share.
 */
#ifndef SLU_CLI_CATALOG_SCAN_LOG_H
#define SLU_CLI_CATALOG_SCAN_LOG_H

#include "fluss/client/scanner.h"
#include "sql/table.h"

typedef struct cli_range {
    const int64_t *start; /* by bucket number (client/target.h) */
    const int64_t *stop;
    int32_t numbers;
} cli_range;

/* Copies of both, which the caller frees (slu_free), also where one of them failed. */
SLU_CHECK slu_status cli_range_copy(const int64_t *start, const int64_t *stop, int32_t numbers, int64_t **out_start,
                                    int64_t **out_stop, slu_error *err);
/* Rows [first, first + count) of a column, by moving its window. */
void cli_rows_cut(struct ArrowArray *column, int64_t first, int64_t count);
/* A scanner over [start, stop) of every bucket that has rows there; partitions and buckets that the filters leave out are
 * not read. */
SLU_CHECK slu_status cli_scan_log_open(fluss_target *target, const cli_range *range, const slu_sql_filter *filters,
                                       uint32_t filter_count, const int32_t *columns, uint32_t column_count, fluss_scanner **out,
                                       slu_error *err);
/* Which slots the filters leave in; `out`: one per slot of the target. */
void cli_slots_wanted(const fluss_target *target, const slu_sql_filter *filters, uint32_t filter_count, bool *out);
/* The next batch with rows, stepping the client; END behind the last. */
SLU_CHECK slu_status cli_scan_log_next(fluss_target *target, fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err);

#endif
