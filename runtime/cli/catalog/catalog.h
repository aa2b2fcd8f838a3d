/*
 * catalog.h: the tables of a Fluss cluster and of its lake, as the SQL room wants them.
 *
 * Names    t: the union of lake and log (a primary-key table: its last state); t$log: what the log still holds; t$changelog: every change of it; t$lake: the lake alone
 *          (t$lake@SNAPSHOT: as of a snapshot); t$partitions: which there are; t$snapshots, t$files: of its Iceberg table.
 * Union    fixed once at open: the lake snapshot that Fluss calls readable with its offsets, and the log's ends; no snapshot yet
 *          means the log alone.
 * Owns     the catalog owns its client. Tables opened through it end before it.
 * Threads  owner; calls block.
 * Errors   NOTFOUND: no such table, or no lake behind it; the client's and the lake's own.
 */
#ifndef SLU_CLI_CATALOG_CATALOG_H
#define SLU_CLI_CATALOG_CATALOG_H

#include "base/env.h"
#include "fluss/client/client.h"
#include "lake/lake.h"
#include "sql/table.h"

typedef struct cli_catalog cli_catalog;

typedef struct cli_catalog_options {
    fluss_login login;
    fluss_files_options files;
    const char *bootstrap_servers;
    const char *database;  /* NULL: "fluss" */
    bool (*stopped)(void); /* NULL: never. True ends waits with CLOSED */
    lake_options lake;     /* without a warehouse and a uri the lake cannot be read; borrowed for the open */
} cli_catalog_options;

SLU_CHECK slu_status cli_catalog_open(const slu_env *env, const cli_catalog_options *options, cli_catalog **out, slu_error *err);
void cli_catalog_close(cli_catalog **catalog);
/* Borrowed, as long as the catalog. */
const slu_sql_catalog *cli_catalog_sql(const cli_catalog *catalog);
fluss_client *cli_catalog_client(const cli_catalog *catalog);

#endif
