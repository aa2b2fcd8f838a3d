/*
 * place.h: where checkpoints and savepoints lie: a directory of this machine, or what a store plugin keeps, by the path's scheme.
 *
 * Shape    a place is a path: "/dir/file" is of this machine, "s3://bucket/dir/file" is a name of the store plugin `s3`. One set of
 *          functions for both; a store has no directories, so that making one does nothing there.
 * Stores   slu_stores lends instances of store plugins (store/plugins.h; tests have their own). NULL: only this machine's directories,
 *          and another scheme is UNSUPPORTED.
 * Threads  any, if the stores' take and give may be called on any. Every function blocks for as long as disk or network do.
 * Errors   NOTFOUND, CONFLICT (create: it is there already), LIMIT, CORRUPT (it ends before it should), UNSUPPORTED (no such store), NOMEM,
 *          IO, TIMEOUT. Messages name the place.
 */
#ifndef SLU_STORE_PLACE_H
#define SLU_STORE_PLACE_H

#include "base/bytes.h"
#include "base/limits.h"

#include <sluice/plugin.h>

#include <stdatomic.h>

#define SLU_SCHEME_BYTES_MAX 32

/* An open instance of a store plugin, lent to one caller. */
typedef struct slu_store {
    const slu_store_ops *ops;
    void *self;
} slu_store;

typedef struct slu_stores {
    void *context;
    /* One for the scheme that nobody else uses until it is given back. */
    slu_status (*take)(void *context, const char *scheme, slu_store *out, slu_error *err);
    void (*give)(void *context, const slu_store *store);
} slu_stores;

/* A place as users write it: /path, path, file:/path, file:///path, or SCHEME://anything. *out is within `given`. INVALID: neither. */
SLU_CHECK slu_status slu_place_of(const char *given, const char **out, slu_error *err);
bool slu_place_is_local(const char *place);
/* Is there a store for it? Opens the plugin, asks nobody. */
SLU_CHECK slu_status slu_place_check(const slu_stores *stores, const char *place, slu_error *err);

/* "dir/name". LIMIT: it would be longer than a path may be. */
SLU_CHECK slu_status slu_place_join(char out[SLU_PATH_BYTES_MAX], const char *dir, const char *name, slu_error *err);

/* Appends all of it. */
SLU_CHECK slu_status slu_place_read(const slu_stores *stores, const char *place, size_t bytes_max, slu_buf *out, slu_error *err);
/* Appends exactly `bytes` from `offset`. */
SLU_CHECK slu_status slu_place_read_at(const slu_stores *stores, const char *place, uint64_t offset, size_t bytes, slu_buf *out,
                                       slu_error *err);
/* The whole of it at once: readers see the old or the new bytes, and it survives a power loss. */
SLU_CHECK slu_status slu_place_write(const slu_stores *stores, const char *place, slu_view data, slu_error *err);
/* The same, only if it is not there. */
SLU_CHECK slu_status slu_place_create(const slu_stores *stores, const char *place, slu_view data, bool sync, slu_error *err);
/* A second one with the same bytes, that are never changed: a link where both are in one file system. CLOSED: *stop became true. */
SLU_CHECK slu_status slu_place_copy(const slu_stores *stores, const char *from, const char *to, const atomic_bool *stop,
                                    slu_error *err);
SLU_CHECK slu_status slu_place_remove(const slu_stores *stores, const char *place, slu_error *err); /* missing is OK */
SLU_CHECK slu_status slu_place_exists(const slu_stores *stores, const char *place, bool *out, slu_error *err);
/* The same of a directory: a store has it when it has something in it. */
SLU_CHECK slu_status slu_place_is_used(const slu_stores *stores, const char *dir, bool *out, slu_error *err);

/* With parents; existing is OK; survives a power loss. */
SLU_CHECK slu_status slu_place_make_dir(const slu_stores *stores, const char *dir, slu_error *err);
/* The names in it survive a power loss. */
SLU_CHECK slu_status slu_place_sync_dir(const slu_stores *stores, const char *dir, slu_error *err);
/* With all below it; missing is OK. */
SLU_CHECK slu_status slu_place_remove_dir(const slu_stores *stores, const char *dir, slu_error *err);
/* What lies in it, files and directories, by name; a name may come more than once. A missing directory is an empty one. */
typedef slu_status (*slu_place_found)(void *to, const char *name, slu_error *err);
SLU_CHECK slu_status slu_place_children(const slu_stores *stores, const char *dir, slu_place_found found, void *to, slu_error *err);

#endif
