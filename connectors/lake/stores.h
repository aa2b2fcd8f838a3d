/*
 * stores.h: the files of a lake wherever they are: one store that looks at the scheme of each location.
 *
 * Shape    "/x" and "file:" are local; "s3://", "s3a://" and "s3n://" are S3, by the settings of iceberg/store_maker.h. A client of
 *          S3 is opened when the first location needs it: a lake in a directory needs no keys. A grant is a client of its own.
 * Probe    with `probe`, before the first exclusive creation in S3 the server is asked, with a file beside it that is removed again,
 *          whether it keeps its word (If-None-Match): one that overwrites would let two commits both win.
 * Owns     the store copies its settings; `env` is borrowed and outlives it.
 * Threads  any, one call at a time per file being written.
 * Errors   UNSUPPORTED: another scheme; a server that overwrites. INVALID: a local location, told by a catalog's server (the maker) although its
 *          files are in S3: by s3.endpoint, a warehouse there, or keys that came with the table. Else those of iceberg/store.h. No message holds a secret.
 */
#ifndef LAKE_STORES_H
#define LAKE_STORES_H

#include "base/env.h"
#include "iceberg/store_maker.h"

SLU_CHECK slu_status lake_stores_open(const slu_env *env, const iceberg_store_settings *settings, bool sync, bool probe,
                                      iceberg_store *out, slu_error *err);
/* Stores for a catalog that asks for them later. */
SLU_CHECK slu_status lake_stores_maker(const slu_env *env, bool sync, iceberg_store_maker *out, slu_error *err);

#endif
