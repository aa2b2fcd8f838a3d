/*
 * layout.h: where things lie in remote storage: Fluss's own paths, so that its clients find what our server wrote and the reverse.
 *
 *   {root}/log/{db}/{table}-{id}/[{partition}-p{id}/]{bucket}/{uuid}/{start}.log  .index  .timeindex    {end}.writer_snapshot
 *   {root}/log/{db}/{table}-{id}/[{partition}-p{id}/]{bucket}/metadata/{uuid}.manifest
 *   {root}/kv/{db}/{table}-{id}/[{partition}-p{id}/]{bucket}/snap-{id}/  shared/
 *
 * Shape    functions that write one path into a buffer of SLU_PATH_BYTES_MAX. `root` "" gives the path below the root, which is what
 *          is worth keeping: a root can move.
 * Source   Apache Fluss 0.9 (FlussPaths).
 * Threads  any.
 * Errors   LIMIT: the path is too long.
 */
#ifndef FLUSS_REMOTE_LAYOUT_H
#define FLUSS_REMOTE_LAYOUT_H

#include "base/env.h"
#include "base/limits.h"
#include "base/uuid.h"

#include <stdbool.h>

#define FLUSS_REMOTE_LOG "log"
#define FLUSS_REMOTE_KV "kv"
#define FLUSS_REMOTE_METADATA "metadata"
#define FLUSS_UUID_BYTES SLU_UUID_TEXT_BYTES /* "a4421366-4a1d-4c3b-a0f8-0be2e77b1368" and a zero */

/* A bucket, or with bucket -1 a partition, and with partition_id -1 a table without partitions. */
typedef struct fluss_remote_place {
    const char *database;
    const char *table;
    int64_t table_id;
    const char *partition; /* NULL: none */
    int64_t partition_id;  /* -1: none */
    int32_t bucket;
} fluss_remote_place;

/* `kind` is FLUSS_REMOTE_LOG or FLUSS_REMOTE_KV. */
SLU_CHECK slu_status fluss_remote_table_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out,
                                            slu_error *err);
SLU_CHECK slu_status fluss_remote_partition_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out,
                                                slu_error *err);
SLU_CHECK slu_status fluss_remote_bucket_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out,
                                             slu_error *err);
/* Below a bucket's directory of logs. */
SLU_CHECK slu_status fluss_remote_segment_file(const char *bucket_dir, const char *segment_id, int64_t offset, const char *suffix,
                                               char *out, slu_error *err);
SLU_CHECK slu_status fluss_remote_manifest_file(const char *bucket_dir, const char *manifest_id, char *out, slu_error *err);

/* Is it what slu_uuid_new gives, in either case of letters? */
bool fluss_uuid_is(const char *text);

/* What a client is given as the place of a file in a directory of this machine, and back. "file:/x", "file:///x", "file://localhost/x"
 * and "/x" are the path "/x", percent signs taken as they are; another scheme is UNSUPPORTED by its name; INVALID: no absolute path. */
SLU_CHECK slu_status fluss_remote_local_path(const char *uri, const char **out_path, slu_error *err);

#endif
