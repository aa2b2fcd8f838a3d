/*
 * lake.h: the lake that the options name: an Iceberg catalog, and what the table server asks of it.
 *
 * Shape    open by `datalake.iceberg.type`, `.warehouse` and, with rest, `.uri`; the server's table of functions (fluss/server/server.h) borrows the lake.
 * Rules    a table is created as Fluss would (iceberg/fluss_spec.h). One that exists is adopted when its layout is equal and it has
 *          no snapshot; otherwise CONFLICT, saying how to drop or adopt it.
 * Threads  create: the server's thread. The rest: owner.
 * Errors   UNSUPPORTED: a catalog type other than hadoop and rest; INVALID: no warehouse, no uri; the catalog's own.
 */
#ifndef SLU_CLI_CATALOG_LAKE_H
#define SLU_CLI_CATALOG_LAKE_H

#include "base/env.h"
#include "fluss/server/server.h"
#include "iceberg/catalog.h"

typedef struct cli_lake cli_lake;

typedef struct cli_lake_options {
    const char *type; /* NULL: "hadoop", the file-system catalog; "rest" */
    const char *warehouse;
    const char *uri; /* with rest */
} cli_lake_options;

SLU_CHECK slu_status cli_lake_open(const slu_env *env, const cli_lake_options *of, cli_lake **out, slu_error *err);
void cli_lake_close(cli_lake **lake);
/* What the server is given; borrows the lake. */
fluss_server_lake cli_lake_for_server(cli_lake *lake);
const iceberg_catalog *cli_lake_catalog(const cli_lake *lake);

#endif
