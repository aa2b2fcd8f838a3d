/*
 * lake.h: the lake that the options name: an Iceberg catalog, and what the table server asks of it.
 *
 * Shape    opened by the settings of lake/lake.h; the server's table of functions (fluss/server/server.h) borrows the lake, and tells
 *          clients every setting that is no secret, as table.datalake.iceberg.NAME.
 * Rules    a table is created as Fluss would (iceberg/fluss_spec.h). One that exists is adopted when its layout is equal and it has
 *          no snapshot; otherwise CONFLICT, saying how to drop or adopt it.
 * Threads  create: the server's thread. The rest: owner.
 * Errors   those of lake/lake.h; the catalog's own.
 */
#ifndef SLU_CLI_CATALOG_LAKE_H
#define SLU_CLI_CATALOG_LAKE_H

#include "base/env.h"
#include "fluss/server/server.h"
#include "lake/lake.h"

typedef struct cli_lake cli_lake;

SLU_CHECK slu_status cli_lake_open(const slu_env *env, const lake_options *of, cli_lake **out, slu_error *err);
void cli_lake_close(cli_lake **lake);
/* What the server is given; borrows the lake. */
fluss_server_lake cli_lake_for_server(cli_lake *lake);
const iceberg_catalog *cli_lake_catalog(const cli_lake *lake);

#endif
