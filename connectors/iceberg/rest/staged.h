/*
 * staged.h: a table made in two steps, for servers that want it so: the create is only staged, and a first commit makes the table of it.
 *
 * Source   apache/iceberg open-api/rest-catalog-open-api.yaml, createTable: stage-create.
 * Threads  any.
 * Errors   CORRUPT: an answer that is no staged table, with what is missing.
 */
#ifndef ICEBERG_REST_STAGED_H
#define ICEBERG_REST_STAGED_H

#include "base/bytes.h"

/* Appends the body of the commit that makes the table which `answer` staged. `ns` has levels divided by '.'. */
SLU_CHECK slu_status iceberg_rest_staged_encode(slu_view answer, const char *ns, const char *name, slu_buf *out, slu_error *err);

#endif
