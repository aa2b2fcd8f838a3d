/* open.h: a table of a cluster, ready, with the leaders of its partitions known. Blocks; the caller closes the target. */
#ifndef CLI_CATALOG_OPEN_H
#define CLI_CATALOG_OPEN_H

#include "fluss/client/target.h"

SLU_CHECK slu_status cli_target_open(fluss_client *client, const char *database, const char *table, fluss_target **out,
                                     slu_error *err);

#endif
