/*
 * store.h: where the files of a table lie: a table of functions over locations, and the one over local directories.
 *
 * Shape    a location is the full text that Iceberg records ("file:/lake/db/t/metadata/v1.metadata.json", "s3://bucket/key",
 *          "/lake/x"): an identity, never normalised. A store of another kind (S3) fills the same table.
 * Owns     whoever opened a store closes it, after everything that uses it.
 * Threads  any, one call at a time per file being written; calls may block.
 * Errors   NOTFOUND: no such file; CONFLICT: exclusive creation met an existing file (definite: nothing was done); LIMIT: larger
 *          than asked for; any other failure of put or finish leaves open whether the file is there.
 */
#ifndef ICEBERG_STORE_H
#define ICEBERG_STORE_H

#include "base/bytes.h"

struct iceberg_store_settings; /* store_maker.h */

typedef struct iceberg_listed {
    const char *location; /* borrowed for the call */
    int64_t bytes;
    int64_t modified_ms;
} iceberg_listed;

typedef slu_status (*iceberg_found)(void *to, const iceberg_listed *listed, slu_error *err);

typedef struct iceberg_store_ops {
    /* Appends the whole file; more than bytes_max is LIMIT. */
    slu_status (*get)(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err);
    /* Exactly `bytes` bytes from `offset`. */
    slu_status (*read)(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err);
    slu_status (*size)(void *self, const char *location, int64_t *out, slu_error *err);
    slu_status (*put)(void *self, const char *location, slu_view data, bool exclusive, slu_error *err);
    /* A missing file is OK. */
    slu_status (*remove)(void *self, const char *location, slu_error *err);
    /* Every file below a location, at any depth; a missing folder has none. */
    slu_status (*list)(void *self, const char *location, iceberg_found found, void *to, slu_error *err);
    /* A large file in parts: whole once finish with keep returned OK (until then it may be there in part). finish frees the
     * file. */
    slu_status (*create)(void *self, const char *location, void **out_file, slu_error *err);
    slu_status (*append)(void *self, void *file, const void *data, size_t bytes, slu_error *err);
    slu_status (*finish)(void *self, void **file, bool keep, slu_error *err);
    /* Other keys for what follows, files being written included; NULL: this store has none. Those that it was opened with are gone. */
    slu_status (*renew)(void *self, const struct iceberg_store_settings *settings, slu_error *err);
    void (*close)(void *self);
} iceberg_store_ops;

typedef struct iceberg_store {
    const iceberg_store_ops *ops;
    void *self;
} iceberg_store;

void iceberg_store_close(iceberg_store *store); /* safe on a zeroed one and twice */

/* Local directories: "file:///x", "file:/x" and "/x" are all /x. With `sync`, what was written survives a power loss. */
SLU_CHECK slu_status iceberg_store_local_open(bool sync, iceberg_store *out, slu_error *err);
/* The same; a location that begins (without its scheme) with `from` lies at `to` instead: tables that were moved, tests. */
SLU_CHECK slu_status iceberg_store_local_open_at(const char *from, const char *to, bool sync, iceberg_store *out, slu_error *err);

static inline slu_status
iceberg_store_get(const iceberg_store *store, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    return store->ops->get(store->self, location, bytes_max, out, err);
}

static inline slu_status
iceberg_store_put(const iceberg_store *store, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    return store->ops->put(store->self, location, data, exclusive, err);
}

static inline slu_status
iceberg_store_remove(const iceberg_store *store, const char *location, slu_error *err)
{
    return store->ops->remove(store->self, location, err);
}

#endif
