/*
 * store.h: where remote files are kept, as a table of functions: a directory here, S3 in a room of its own (fluss/s3).
 *
 * Shape    a location is the absolute name of a file: "/dir/log/..." or "s3://bucket/fluss/log/...". A file appears whole or not at
 *          all, and is never changed. There are no directories to make: remove and list take a location as the name of one.
 * Owns     a store is a value: `self` is whoever made it; close ends it.
 * Threads  the background thread and the owner at once, on different files. Calls block for as long as the network does.
 * Errors   NOTFOUND: no such file. CONFLICT: an exclusive put met one. IO, TIMEOUT: not to be had now; tried again later it may be.
 *          INVALID: the store refused us (a wrong secret, no such bucket): its own words. LIMIT: more bytes than asked for.
 *          CLOSED: *stop became true.
 */
#ifndef FLUSS_REMOTE_STORE_H
#define FLUSS_REMOTE_STORE_H

#include "base/bytes.h"
#include "base/env.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct fluss_stored {
    const char *location; /* borrowed for the call */
    int64_t bytes;
} fluss_stored;

/* Whatever it answers but OK ends the listing. It does not remove what is being listed. */
typedef slu_status (*fluss_stored_found)(void *to, const fluss_stored *found, slu_error *err);

typedef struct fluss_store_ops {
    /* A local file. `may_link`: it will not change any more, so that a second name is a copy. */
    slu_status (*put_file)(void *self, const char *location, const char *path, bool may_link, const atomic_bool *stop,
                           slu_error *err);
    slu_status (*put)(void *self, const char *location, slu_view data, bool exclusive, slu_error *err);
    slu_status (*get)(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err);
    /* Exactly `bytes` (at least 1) from `offset`; a file that ends earlier is CORRUPT. */
    slu_status (*read)(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err);
    /* Into a new local file; half of one is removed. */
    slu_status (*get_file)(void *self, const char *location, const char *path, slu_error *err);
    slu_status (*size)(void *self, const char *location, int64_t *out, slu_error *err);
    /* Every file below `location`, of which there may be none; those of one directory follow each other. A name that ends in a slash
     * stands for a directory in which nothing is. */
    slu_status (*list)(void *self, const char *location, fluss_stored_found found, void *to, slu_error *err);
    /* The file, and all below it; a missing one is OK. */
    slu_status (*remove)(void *self, const char *location, slu_error *err);
    /* What was put below `location` survives a power loss; NULL: it does anyway. */
    slu_status (*settle)(void *self, const char *location, slu_error *err);
    void (*close)(void *self);
} fluss_store_ops;

typedef struct fluss_store {
    const fluss_store_ops *ops; /* NULL: none */
    void *self;
    bool local; /* locations are paths of this machine */
} fluss_store;

/* The settings of a store, by whoever has them: s3.endpoint and the like. NULL: not said. */
typedef struct fluss_store_settings {
    const char *(*get)(const void *of, const char *key);
    const void *of;
} fluss_store_settings;

/* Opens the store of a location with a scheme; asks nothing of it yet. UNSUPPORTED: not of this scheme. */
typedef slu_status (*fluss_store_opener)(const char *location, const fluss_store_settings *settings, const slu_env *env,
                                         fluss_store *out, slu_error *err);

/* A directory and all below it; `sync`: what is put survives a power loss, its name once it is settled. */
SLU_CHECK slu_status fluss_store_dir_open(bool sync, fluss_store *out, slu_error *err);
/* A store below `root`, of which small files (put) and the indexes of log segments (.index, .timeindex) are kept in the local
 * directory `dir`, too, and read from there. Takes `inner`, which is closed with it, also when it fails. Its files may go: they are fetched again. */
SLU_CHECK slu_status fluss_store_mirror_open(const fluss_store *inner, const char *root, const char *dir, fluss_store *out,
                                             slu_error *err);
void fluss_store_close(fluss_store *store); /* safe on a zeroed one */

/* Has it a scheme that is not a directory's? */
bool fluss_store_is_foreign(const char *location);

/* The rest of a name: "shared/x" of "/dir/t-1/0/shared/x" below "/dir/t-1/0"; NULL: not below it. */
const char *fluss_store_below(const char *dir, const char *location);

#endif
