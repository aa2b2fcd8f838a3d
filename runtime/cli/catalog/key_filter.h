/*
 * key_filter.h: a query that names every column of a key is about one key: its bucket, and one row at most of a primary-key table.
 *
 * Shape    the equalities among a scan's filters, as an array of one row of the columns asked for.
 * Owns     fini; safe on a zeroed key, and twice.
 * Threads  any.
 */
#ifndef CLI_CATALOG_KEY_FILTER_H
#define CLI_CATALOG_KEY_FILTER_H

#include "fluss/client/target.h"
#include "sql/table.h"

typedef struct cli_key {
    struct ArrowSchema schema; /* by the table's names */
    struct ArrowArray row;     /* one */
} cli_key;

/* False: not every column has an equality that its type can hold exactly, or memory is short: then read as if there were none. */
bool cli_key_of(const fluss_table *table, const int32_t *columns, size_t count, const slu_sql_filter *filters,
                uint32_t filter_count, cli_key *out);
void cli_key_fini(cli_key *key);

/* The bucket (0 .. bucket_count - 1) that the filters leave in each partition; -1: all. */
int32_t cli_bucket_wanted(const fluss_table *table, const slu_sql_filter *filters, uint32_t filter_count);

#endif
