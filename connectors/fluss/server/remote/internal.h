/* internal.h: remote storage and a tablet's part of it, as the files of this folder see them; nobody else includes it. */
#ifndef FLUSS_SERVER_REMOTE_INTERNAL_H
#define FLUSS_SERVER_REMOTE_INTERNAL_H

#include "fluss/log/segment.h"
#include "fluss/server/catalogue/remote.h"
#include "fluss/server/remote/files.h"
#include "fluss/server/remote/log.h"
#include "fluss/server/server_internal.h"

#define REMOTE_DOOMED_BYTES_MAX ((size_t)64 << 20)

struct fluss_remote {
    fluss_server *server;
    fluss_store store;  /* what is used */
    fluss_store direct; /* the same without what is kept at hand; closed with it */
    char *root;         /* a directory, absolute, or "s3://bucket/path" */
    char *near;         /* where small files of it are on this machine: root itself, or what mirrors it */
    char owner[FLUSS_UUID_BYTES];
    slu_timer *timer;
    int64_t interval_ms; /* 0: nothing is copied */
    bool claimed;        /* it is ours, and nobody else's */
    bool claiming;       /* a job asks */
    size_t removals;     /* under way */
};

struct fluss_remote_log {
    fluss_remote *remote;
    fluss_tablet *tablet; /* NULL: closed while a copy was under way, whose end ends this */
    int64_t table_id;
    int64_t partition_id;
    char *dir;      /* the bucket's, in the store */
    char *near;     /* its small files on this machine */
    char *relative; /* the same below the root */
    char *partition;
    char manifest_id[FLUSS_UUID_BYTES];
    int64_t start_offset; /* as the catalogue has it: holds when the manifest cannot be read */
    int64_t copied_end;
    fluss_manifest manifest;
    slu_status broken; /* OK, or why the manifest could not be read */
    slu_error why;
    bool busy;
    fluss_segment cached; /* the remote segment that was read last, of a store that is local */
    bool has_cached;
};

fluss_remote_place fluss_remote_place_of(const fluss_served *table, int64_t partition_id, const char *partition, int32_t bucket);

/* log.c. */
void fluss_remote_log_free(fluss_remote_log **log);
/* A broken manifest is looked at anew: somebody may have put it back. */
SLU_CHECK slu_status fluss_remote_log_check(fluss_remote_log *log, slu_error *err);
/* reading.c. Lets go of the file that is open. */
void fluss_remote_log_uncache(fluss_remote_log *log);
/* copying.c. Begins to copy what is closed, unless a copy is under way. */
void fluss_remote_log_work(fluss_remote_log *log);

#endif
