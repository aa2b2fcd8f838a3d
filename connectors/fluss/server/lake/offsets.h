/*
 * offsets.h: the file that says how far each bucket of a lake table is in the lake.
 *
 *   {"version":1,"table_id":4,"bucket_offsets":[100,-1,300]}                                       index = bucket, -1 = unknown
 *   {"version":1,"table_id":6,"partition_offsets":[{"partition_id":1,"bucket_offsets":[100,200]}]}
 *
 * Source   Apache Fluss 0.9 (TableBucketOffsetsJsonSerde). Offsets are the next ones to read.
 * Owns     its entries; fini.
 * Errors   CORRUPT: not such a file. LIMIT: more than FLUSS_LAKE_OFFSETS_MAX buckets.
 */
#ifndef FLUSS_SERVER_LAKE_OFFSETS_H
#define FLUSS_SERVER_LAKE_OFFSETS_H

#include "base/bytes.h"

#define FLUSS_LAKE_OFFSETS_MAX ((size_t)1 << 20)
#define FLUSS_LAKE_OFFSETS_BYTES_MAX ((size_t)64 << 20)

typedef struct fluss_lake_offset {
    int64_t partition_id; /* -1: none */
    int64_t offset;
    int32_t bucket;
} fluss_lake_offset;

typedef struct fluss_lake_offsets {
    int64_t table_id;
    fluss_lake_offset *entries; /* by partition and bucket, once sorted (encode) */
    size_t count;
    size_t room;
} fluss_lake_offsets;

void fluss_lake_offsets_fini(fluss_lake_offsets *offsets); /* safe on a zeroed one */
/* Adds or replaces. */
SLU_CHECK slu_status fluss_lake_offsets_set(fluss_lake_offsets *offsets, int64_t partition_id, int32_t bucket, int64_t offset,
                                            slu_error *err);
/* `out` is zeroed. */
SLU_CHECK slu_status fluss_lake_offsets_decode(slu_view json, fluss_lake_offsets *out, slu_error *err);
void fluss_lake_offsets_encode(fluss_lake_offsets *offsets, slu_buf *out);

#endif
