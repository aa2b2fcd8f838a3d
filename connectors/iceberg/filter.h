/*
 * filter.h: files leave a snapshot: the manifests that name them are written anew, as a part of a commit.
 *
 * Source   Java's ManifestFilterManager.
 * Shape    a manifest without any of the files stays as it is; in one with some, these become DELETED by this snapshot, what lives
 *          becomes EXISTING, and what an earlier snapshot deleted is dropped.
 * Owns     what is made lives in the arena; written files are listed for the caller, who removes them when the attempt fails.
 * Errors   CONFLICT: a file that is to leave is not in the table any more, or a delete came since that would be lost with it.
 */
#ifndef ICEBERG_FILTER_H
#define ICEBERG_FILTER_H

#include "base/env.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/store.h"

typedef struct iceberg_filter {
    const slu_env *env;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    slu_arena *arena;
    int64_t snapshot_id;     /* of the commit */
    int64_t sequence_number; /* of this attempt */
    const char *uuid;        /* names the files: <uuid>-f<n>.avro */
    int attempt;
    const char *const *removed; /* paths, ascending, each once */
    size_t removed_count;
    int64_t data_sequence; /* of what takes their place: what came after it is looked at; 0: the commit's own */
    /* out */
    const char **written;
    size_t written_count;
    size_t found;
    int64_t data_files;
    int64_t records; /* of the data files */
    int64_t bytes;   /* of all files */
    int64_t position_files;
    int64_t position_deletes;
    int64_t equality_files;
    int64_t equality_deletes;
} iceberg_filter;

/* `manifests`: those of the parent; the rewritten ones take the place of what they were. */
SLU_CHECK slu_status iceberg_manifests_filter(iceberg_filter *filter, iceberg_manifest_file *manifests, size_t count,
                                              slu_error *err);

#endif
