/*
 * manifest.h: the list of a bucket's log segments in remote storage.
 *
 *   {"version":1,"database":"db","table":"t","table_id":1001,"bucket_id":1,"remote_log_segments":[
 *     {"segment_id":"a4421366-...","start_offset":0,"end_offset":9,"max_timestamp":1722225103853,"size_in_bytes":2850}]}
 *   with partition_name and partition_id for a partition; Fluss 1.0 adds highest_copied_end_offset and logical_* where they differ
 *
 * Shape    segments in ascending, disjoint order of their offsets.
 * Source   Apache Fluss 0.9 (RemoteLogManifestJsonSerde); members that it does not know it does not read.
 * Owns     its segments; fini.
 * Errors   CORRUPT: not such a file. LIMIT: more than FLUSS_MANIFEST_SEGMENTS_MAX segments.
 */
#ifndef FLUSS_REMOTE_MANIFEST_H
#define FLUSS_REMOTE_MANIFEST_H

#include "base/bytes.h"
#include "fluss/remote/layout.h"

#define FLUSS_MANIFEST_SEGMENTS_MAX ((size_t)1 << 18)
#define FLUSS_MANIFEST_BYTES_MAX ((size_t)64 << 20)

typedef struct fluss_remote_segment {
    char id[FLUSS_UUID_BYTES];
    int64_t start_offset;
    int64_t end_offset; /* exclusive */
    int64_t max_time_ms;
    int32_t bytes;
} fluss_remote_segment;

typedef struct fluss_manifest {
    int64_t table_id;
    int64_t partition_id; /* -1: none */
    int32_t bucket;
    int64_t copied_end_offset; /* everything below was copied once, though it may have expired since; -1: nothing was */
    fluss_remote_segment *segments;
    size_t count;
    size_t room;
} fluss_manifest;

void fluss_manifest_fini(fluss_manifest *manifest); /* safe on a zeroed one */
/* Behind the last one; INVALID when it would overlap. */
SLU_CHECK slu_status fluss_manifest_add(fluss_manifest *manifest, const fluss_remote_segment *segment, slu_error *err);
SLU_CHECK slu_status fluss_manifest_copy(const fluss_manifest *from, fluss_manifest *out, slu_error *err);
/* Drops the first `count` segments. */
void fluss_manifest_drop(fluss_manifest *manifest, size_t count);
/* The place of the segment that holds `offset`; `count` when none does. */
size_t fluss_manifest_find(const fluss_manifest *manifest, int64_t offset);

/* `out` is zeroed. */
SLU_CHECK slu_status fluss_manifest_decode(slu_view json, fluss_manifest *out, slu_error *err);
/* The names of database, table and partition come from `place`. */
void fluss_manifest_encode(const fluss_manifest *manifest, const fluss_remote_place *place, slu_buf *out);

#endif
