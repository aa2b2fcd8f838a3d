/*
 * files.h: log segments copied to remote storage, and files there removed, as jobs for the background thread.
 *
 * Shape    a job is made with everything it needs, submitted, and tells `done` on the loop. Removing has nothing to tell but a
 *          status; a copy says how far it came.
 * Owns     a job owns its strings; fluss_copy_free ends one that was not submitted, or is done.
 * Errors   IO, naming the file. A copy that fails half way keeps what is whole and takes the rest back.
 */
#ifndef FLUSS_SERVER_REMOTE_FILES_H
#define FLUSS_SERVER_REMOTE_FILES_H

#include "base/arena.h"
#include "fluss/remote/manifest.h"
#include "fluss/background/background.h"
#include "fluss/server/remote/log.h"

#define FLUSS_COPY_SEGMENTS_MAX 32 /* of one job */

/* Copies closed segments, then writes the manifest that names them. */
typedef struct fluss_copy {
    fluss_job job;
    void *owner; /* whoever waits for it; the thread does not look at it */
    const fluss_store *store;
    slu_arena arena;
    const char *from_dir;   /* the local log's */
    const char *bucket_dir; /* remote */
    fluss_remote_place place;
    fluss_remote_segment add[FLUSS_COPY_SEGMENTS_MAX];
    size_t add_count;
    fluss_manifest manifest; /* before: without what is to be added; after: with what was */
    char manifest_id[FLUSS_UUID_BYTES];
    size_t added; /* of add */
    bool forget;  /* the manifest is to be written even if nothing is added: something has expired */
} fluss_copy;

/* Strings are copied into the arena. */
SLU_CHECK slu_status fluss_copy_new(const fluss_remote *remote, const fluss_remote_place *place, const char *from_dir,
                                    const char *bucket_dir, fluss_copy **out, slu_error *err);
void fluss_copy_free(fluss_copy **copy);
/* The job's `run`. */
slu_status fluss_copy_run(fluss_job *job, slu_error *err);

/* Removes a directory with all below it, or a file. `done` is given a fluss_remove and frees it (slu_free); NULL: nobody asks. */
typedef struct fluss_remove {
    fluss_job job;
    fluss_remote *remote;
    char path[];
} fluss_remove;

SLU_CHECK slu_status fluss_remove_new(fluss_remote *remote, const char *path,
                                      void (*done)(fluss_job *job, slu_status status, const slu_error *err), fluss_job **out,
                                      slu_error *err);

#endif
