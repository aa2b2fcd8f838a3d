/*
 * vended.h: what a REST catalog gives with a table: settings and keys for its files, and a token for its calls.
 *
 * Shape    take remembers what came with a table; store is then a store of the table's own, with the table's settings over the catalog's
 *          (`config`) and grants over both (`storage-credentials`). It asks for new keys when the old ones are about to end
 *          (s3.session-token-expires-at-ms): five minutes before, or in the second half of a life that is shorter.
 * Owns     stores live until close, whatever comes for their table later.
 * Threads  any.
 * Errors   those of `ask`, and the store's; keys that could not be renewed are used until they have ended.
 * Limits   ICEBERG_REST_VENDED_MAX tables; those beyond are reached with the catalog's own settings.
 */
#ifndef ICEBERG_REST_VENDED_H
#define ICEBERG_REST_VENDED_H

#include "base/env.h"
#include "iceberg/rest/codec.h"

#define ICEBERG_REST_VENDED_MAX 65536

typedef struct iceberg_rest_vended iceberg_rest_vended;

/* Loads a table anew. */
typedef slu_status (*iceberg_rest_ask)(void *context, const char *ns, const char *name, iceberg_rest_loaded *out, slu_error *err);

/* `base`: the catalog's settings. All are borrowed and outlive it. */
SLU_CHECK slu_status iceberg_rest_vended_open(const slu_env *env, iceberg_rest_properties base, const iceberg_store_maker *maker,
                                              iceberg_rest_ask ask, void *context, iceberg_rest_vended **out, slu_error *err);
void iceberg_rest_vended_close(iceberg_rest_vended **vended);
SLU_CHECK slu_status iceberg_rest_vended_take(iceberg_rest_vended *vended, const char *ns, const char *name,
                                              const iceberg_rest_loaded *loaded, slu_error *err);
/* NULL: nothing came with that table. */
const iceberg_store *iceberg_rest_vended_store(iceberg_rest_vended *vended, const char *ns, const char *name);
/* Appends the table's token; nothing: it has none. */
void iceberg_rest_vended_token(iceberg_rest_vended *vended, const char *ns, const char *name, slu_buf *out);

#endif
