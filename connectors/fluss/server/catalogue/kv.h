/*
 * kv.h: which kv snapshots there are, who holds on to them, and until when.
 *
 * Shape    as catalogue.h; tables of SQL of their own, made when an older data directory is opened.
 * Errors   NOTFOUND: no such snapshot, or its table or partition is gone. LIMIT: more leases than FLUSS_KV_LEASES_MAX.
 *
 * A snapshot is held while a lease that has not expired names its bucket and id, or until `pinned_ms`: it was named to a client.
 */
#ifndef FLUSS_SERVER_CATALOGUE_KV_H
#define FLUSS_SERVER_CATALOGUE_KV_H

#include "fluss/server/catalogue/catalogue.h"

#define FLUSS_KV_LEASES_MAX 100000
#define FLUSS_KV_LEASE_ID_BYTES_MAX 1024

typedef struct fluss_kv_bucket {
    int64_t table_id;
    int64_t partition_id; /* -1: none */
    int32_t bucket;
} fluss_kv_bucket;

typedef struct fluss_kv_snapshot_row {
    fluss_kv_bucket of;
    int64_t snapshot_id;
    int64_t log_offset;
    int64_t pinned_ms;    /* wall clock */
    uint64_t lineage;     /* of the store it was taken from */
    const char *location; /* its directory */
} fluss_kv_snapshot_row;

typedef struct fluss_kv_lease_bucket {
    fluss_kv_bucket of;
    int64_t snapshot_id;
    bool available; /* answered by acquire */
} fluss_kv_lease_bucket;

/* Snapshots lie below `root`, which is absolute and outlives c's use: their locations are absolute here, and kept relative to it. */
SLU_CHECK slu_status fluss_catalogue_kv_open(fluss_catalogue *c, const char *root, slu_error *err);

/* The id that the bucket's next snapshot gets: never one that was added before. */
SLU_CHECK slu_status fluss_catalogue_next_kv_snapshot(fluss_catalogue *c, const fluss_kv_bucket *of, int64_t *out, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_add_kv_snapshot(fluss_catalogue *c, const fluss_kv_snapshot_row *row, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_drop_kv_snapshot(fluss_catalogue *c, const fluss_kv_bucket *of, int64_t snapshot_id,
                                                      slu_error *err);
/* Of a bucket, newest first. */
SLU_CHECK slu_status fluss_catalogue_list_kv_snapshots(fluss_catalogue *c, const fluss_kv_bucket *of, slu_arena *arena,
                                                       fluss_kv_snapshot_row **out, size_t *out_count, slu_error *err);
/* Of a table's or a partition's buckets (-1: the table has none). */
SLU_CHECK slu_status fluss_catalogue_kv_snapshots_of(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_arena *arena,
                                                     fluss_kv_snapshot_row **out, size_t *out_count, slu_error *err);
/* Of all buckets. */
SLU_CHECK slu_status fluss_catalogue_all_kv_snapshots(fluss_catalogue *c, slu_arena *arena, fluss_kv_snapshot_row **out,
                                                      size_t *out_count, slu_error *err);
/* Those that are not among the `retained` newest of their bucket, and that nobody holds. */
SLU_CHECK slu_status fluss_catalogue_stale_kv_snapshots(fluss_catalogue *c, int64_t retained, slu_arena *arena,
                                                        fluss_kv_snapshot_row **out, size_t *out_count, slu_error *err);
/* In one transaction. */
SLU_CHECK slu_status fluss_catalogue_pin_kv_snapshots(fluss_catalogue *c, const fluss_kv_snapshot_row *rows, size_t count,
                                                      int64_t until_ms, slu_error *err);
/* All of a table, or of one partition (-1: the table). */
SLU_CHECK slu_status fluss_catalogue_forget_kv_snapshots(fluss_catalogue *c, int64_t table_id, int64_t partition_id,
                                                         slu_error *err);

/* Begins or renews a lease and adds buckets to it, each with one snapshot; those of which there is no such snapshot are answered as
 * not available, and not added. */
SLU_CHECK slu_status fluss_catalogue_acquire_kv_lease(fluss_catalogue *c, const char *lease_id, int64_t expires_ms,
                                                      fluss_kv_lease_bucket *buckets, size_t count, slu_error *err);
/* A lease that holds nothing any more is gone. */
SLU_CHECK slu_status fluss_catalogue_release_kv_lease(fluss_catalogue *c, const char *lease_id, const fluss_kv_bucket *buckets,
                                                      size_t count, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_drop_kv_lease(fluss_catalogue *c, const char *lease_id, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_expire_kv_leases(fluss_catalogue *c, slu_error *err);

#endif
