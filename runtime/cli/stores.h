/*
 * stores.h: the stores that this program's plugins give, for checkpoints and savepoints with a scheme (s3://bucket/path).
 *
 * Owns     the program, until it ends.
 * Threads  the first call: the main thread, before there are others.
 */
#ifndef SLU_CLI_STORES_H
#define SLU_CLI_STORES_H

#include "store/place.h"

/* NULL: there is no memory for them, and only directories are served. */
const slu_stores *slu_cli_stores(void);

#endif
