/*
 * partitions_table.h: t$partitions: the partitions of a Fluss table: name, id, and the value of each partition key as text.
 *
 * Threads  owner; open blocks.
 * Errors   the client's: 37 for a table without partitions.
 */
#ifndef SLU_CLI_CATALOG_PARTITIONS_TABLE_H
#define SLU_CLI_CATALOG_PARTITIONS_TABLE_H

#include "fluss/client/client.h"
#include "sql/table.h"

SLU_CHECK slu_status cli_partitions_table_new(fluss_client *client, const char *database, const char *table, slu_sql_table **out,
                                              slu_error *err);

#endif
