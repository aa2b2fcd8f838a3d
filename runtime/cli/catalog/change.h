/*
 * change.h: CREATE, DROP and INSERT of SQL upon a Fluss cluster, and a table as the CREATE TABLE that makes it.
 *
 * Words    those of Fluss's connector for Flink: 'bucket.num', 'bucket.key', 'auto-increment.fields', 'fields.COLUMN.agg', `table.*`; other options
 *          are kept as the user's own. Without 'bucket.key' the primary key without the partition keys decides the bucket, as there.
 * Threads  owner; calls block.
 * Errors   what the cluster says.
 */
#ifndef CLI_CATALOG_CHANGE_H
#define CLI_CATALOG_CHANGE_H

#include "fluss/client/client.h"
#include "sql/table.h"

SLU_CHECK slu_status cli_change(fluss_client *client, const slu_sql_change *change, slu_error *err);
/* As slu_sql_catalog's. */
SLU_CHECK slu_status cli_insert_open(fluss_client *client, const char *database, const char *table, const char *const *columns,
                                     size_t *count, slu_sql_sink **out, slu_error *err);
SLU_CHECK slu_status cli_table_statement(fluss_client *client, const char *database, const char *table, slu_buf *out,
                                         slu_error *err);

#endif
