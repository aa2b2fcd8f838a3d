/*
 * source_splits.h: the splits of a Fluss source: buckets with the next offset, and shards of the search for new partitions.
 *
 *   a bucket     u8 version 1, i32 bucket, i64 table id, i64 next offset (-2: the log's start), i64 stop offset (INT64_MAX: none)
 *   of a partition  u8 version 2, the same, then i64 partition id, u16 bytes, its name
 *   before its changelog a kv snapshot  u8 version 4, i64 snapshot id, i64 rows behind, u8 bytes, a lease's id; then one of the two above
 *   a shard      u8 version 3, i32 shard, i64 table id, u32 count, i64 ids of the partitions it knows
 *   (little endian)
 *
 * The table id guards against a table that was dropped and created anew under the same name.
 *
 * New partitions. Each bucket of a partition belongs to one of SOURCE_SHARDS shards, by the partition's id and the bucket's number. A
 * shard is a split like any other, so exactly one subtask has it, at any parallelism; it carries which partitions it has taken already,
 * in the same checkpoint as the buckets that it took. So after a restart, and after a rescale that deals splits out anew, no bucket of a
 * new partition is read twice and none is forgotten. (The highest id known would not do: of two partitions that are made at the same
 * time the later id may be seen first.)
 *
 * Threads  the task's.
 * Errors   CORRUPT: bytes that are no split. NOMEM, LIMIT.
 */
#ifndef FLUSS_SOURCE_SPLITS_H
#define FLUSS_SOURCE_SPLITS_H

#include "face.h"
#include "fluss/client/snapshot_lease.h"

#define SOURCE_SHARDS 16

typedef struct bucket_split {
    int64_t table_id;
    int64_t partition_id; /* -1 with partition NULL */
    char *partition;      /* its name; owned by the list it is in */
    int32_t bucket;
    int32_t number; /* the bucket's number in the client; -1: not placed yet */
    int64_t offset;
    int64_t stop;
    int64_t snapshot_id;              /* is read before `offset`; FLUSS_NO_SNAPSHOT */
    int64_t snapshot_rows;            /* how many of its rows are behind */
    char lease[FLUSS_LEASE_ID_BYTES]; /* that keeps it; "": none, or released */
    int64_t over_at;                  /* the first checkpoint behind its end, and one; 0: none yet. Not part of the bytes */
} bucket_split;

typedef struct source_shard {
    int32_t number;
    int64_t table_id;
    int64_t *known; /* sorted */
    uint32_t known_count;
} source_shard;

typedef struct source_splits {
    bucket_split **items;
    uint32_t count;
    uint32_t room;
    bucket_split **places; /* by bucket number */
    int32_t place_count;
    source_shard shards[SOURCE_SHARDS];
    uint32_t shard_count;
} source_splits;

void source_splits_fini(source_splits *splits);
/* Takes a split of the plan or of a checkpoint. A shard leaves *out NULL. One that is there already is replaced. */
SLU_CHECK slu_status source_splits_take(source_splits *splits, const slu_split *given, bucket_split **out, slu_error *err);
/* Copies it. */
SLU_CHECK slu_status source_splits_add(source_splits *splits, const bucket_split *split, bucket_split **out, slu_error *err);
void source_splits_remove(source_splits *splits, uint32_t index);
SLU_CHECK slu_status source_splits_place(source_splits *splits, bucket_split *split, int32_t number, slu_error *err);
bucket_split *source_splits_at(const source_splits *splits, int32_t number);

SLU_CHECK slu_status bucket_split_add(slu_split_list *list, const bucket_split *split, slu_error *err);
/* The shards of a new job, which know the partitions that the target has slots for. */
SLU_CHECK slu_status source_shards_add(slu_split_list *list, const fluss_target *target, slu_error *err);
SLU_CHECK slu_status source_shards_list(const source_splits *splits, slu_split_list *list, slu_error *err);
/* Whether the bucket belongs to one of our shards, which does not know its partition. */
bool source_shards_want(const source_splits *splits, int64_t partition_id, int32_t bucket);
/* All our shards know the partitions that the target has now, and forget others. */
SLU_CHECK slu_status source_shards_seen(source_splits *splits, const fluss_target *target, slu_error *err);

#endif
