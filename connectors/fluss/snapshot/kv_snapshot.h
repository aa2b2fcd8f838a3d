/*
 * kv_snapshot.h: what a kv snapshot says about itself, its `_METADATA`.
 *
 *   {"version":1,"table_id":1,"partition_id":2,"bucket_id":0,"snapshot_id":3,"snapshot_location":"/r/kv/db/t-1/0/snap-3",
 *    "kv_snapshot_handle":{"shared_file_handles":[{"kv_file_handle":{"path":"/r/.../shared/UUID","size":1200},"local_path":"000009.sst"}],
 *      "private_file_handles":[...],"snapshot_incremental_size":1300},
 *    "log_offset":42,"row_count":7,"auto_inc_id_range":[{"column_id":0,"start":1,"end":100000}]}
 *
 * Source   Apache Fluss 0.9.1 (CompletedSnapshotJsonSerde); encode gives its bytes. partition_id, row_count and auto_inc_id_range may be
 *          absent.
 * Owns     what decode gives lives in the caller's arena.
 * Threads  any.
 * Errors   CORRUPT: not such a file. LIMIT: longer than FLUSS_KV_SNAPSHOT_BYTES_MAX.
 *
 * A local name is the name of a file and nothing else: decode refuses one that leads out of a directory.
 */
#ifndef FLUSS_SNAPSHOT_KV_SNAPSHOT_H
#define FLUSS_SNAPSHOT_KV_SNAPSHOT_H

#include "base/arena.h"

#define FLUSS_KV_SNAPSHOT_BYTES_MAX ((size_t)64 << 20) /* of a _METADATA file: some 200,000 files */
#define FLUSS_KV_NO_PARTITION (-1)
#define FLUSS_KV_ROWS_UNKNOWN (-1)

typedef struct fluss_kv_file {
    const char *path;       /* where it lies */
    const char *local_name; /* what RocksDB calls it */
    int64_t bytes;
} fluss_kv_file;

typedef struct fluss_kv_id_range {
    int32_t column_id;
    int64_t start;
    int64_t end;
} fluss_kv_id_range;

typedef struct fluss_kv_snapshot {
    int64_t table_id;
    int64_t partition_id; /* FLUSS_KV_NO_PARTITION */
    int64_t snapshot_id;
    const char *location; /* the directory of its private files and its _METADATA */
    fluss_kv_file *shared;
    fluss_kv_file *own; /* Fluss calls them private */
    fluss_kv_id_range *id_ranges;
    size_t shared_count;
    size_t own_count;
    size_t id_range_count;
    int64_t incremental_bytes; /* what was uploaded for this one */
    int64_t log_offset;        /* of the changelog: the first that is not in it */
    int64_t row_count;         /* FLUSS_KV_ROWS_UNKNOWN */
    int32_t bucket;
} fluss_kv_snapshot;

SLU_CHECK slu_status fluss_kv_snapshot_decode(slu_view json, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err);
/* Appends. */
SLU_CHECK slu_status fluss_kv_snapshot_encode(const fluss_kv_snapshot *snapshot, slu_buf *out, slu_error *err);
/* Is it the name of a file in a directory: not empty, no slash, not "." or ".."? */
bool fluss_kv_local_name_ok(const char *name);

#endif
