/*
 * merge.h: many small manifests into few, as a part of an append, so that the manifest list does not grow with every commit.
 *
 * Source   Java's MergeAppend: manifests of one content (data, deletes) and the table's default spec are packed, newest last, into bins
 *          of commit.manifest.target-size-bytes (8 MiB); a bin of several becomes one manifest, the bin of the newest only when it
 *          has commit.manifest.min-count-to-merge (100) members. commit.manifest-merge.enabled=false switches it off.
 * Shape    the manifest of the commit itself stays as it is. Entries keep their snapshot and sequence numbers and become EXISTING;
 *          those that an earlier snapshot deleted are dropped.
 * Owns     what is made lives in the arena; written files are listed for the caller, who removes them when the attempt fails.
 */
#ifndef ICEBERG_MERGE_H
#define ICEBERG_MERGE_H

#include "base/env.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/store.h"

#define ICEBERG_MERGED_MAX 64 /* manifests that one commit merges into at most; the rest waits for the next commit */

typedef struct iceberg_merge {
    const slu_env *env;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    slu_arena *arena;
    int64_t snapshot_id;     /* of the commit */
    int64_t sequence_number; /* of this attempt */
    int32_t content;         /* ICEBERG_MANIFEST_: which are merged */
    const char *uuid;        /* names the files: <uuid>-m<n>.avro */
    int attempt;
    bool all;                                /* bins of two and more are merged, the newest too */
    const char *written[ICEBERG_MERGED_MAX]; /* out */
    size_t written_count;
} iceberg_merge;

/* `manifests`: those of the parent, newest first; *count shrinks. `is_new`: the commit adds one of its own to the newest bin. */
SLU_CHECK slu_status iceberg_manifests_merge(iceberg_merge *merge, iceberg_manifest_file *manifests, size_t *count, bool is_new,
                                             slu_error *err);

#endif
