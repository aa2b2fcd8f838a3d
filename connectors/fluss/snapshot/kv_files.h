/*
 * kv_files.h: kv snapshots as files in a store (fluss/remote/store.h), laid out as Fluss does, so that its clients read them there themselves.
 *
 *   {root}/kv/{db}/{table}-{id}/[{partition}-p{id}/]{bucket}/          a tablet's directory
 *                                                 shared/UUID        SST files; several snapshots may name one
 *                                                 snap-N/UUID        the other files of snapshot N
 *                                                 snap-N/_METADATA   written last: without it there is no snapshot N
 *
 * Shape    a snapshot is written from a RocksDB checkpoint; an SST file that the one before it has is named, not copied.
 * Durable  as the store is, when write returns OK. What a killed write left is swept away.
 * Threads  any, one at a time per tablet directory.
 * Errors   NOTFOUND, CORRUPT: a file that is named is missing or has another size: the message names it. IO; CLOSED: *stop was set.
 */
#ifndef FLUSS_SNAPSHOT_KV_FILES_H
#define FLUSS_SNAPSHOT_KV_FILES_H

#include "base/env.h"
#include "fluss/remote/layout.h"
#include "fluss/remote/store.h"
#include "fluss/snapshot/kv_snapshot.h"

#include <stdatomic.h>

#define FLUSS_KV_SHARED_DIR "shared"
#define FLUSS_KV_SNAPSHOT_PREFIX "snap-"
#define FLUSS_KV_METADATA_NAME "_METADATA"

typedef struct fluss_kv_write {
    const slu_env *env;
    const fluss_store *store;
    const char *checkpoint_dir;
    const char *tablet_dir;
    const fluss_kv_snapshot *before; /* whose SST files may be shared: a snapshot of the same store; or NULL */
    const atomic_bool *stop;         /* ends a long copy; or NULL */
} fluss_kv_write;

/* `snapshot` says table, partition, bucket, id, offset and rows; files, location and size are filled in, in the arena. */
SLU_CHECK slu_status fluss_kv_files_write(const fluss_kv_write *write, fluss_kv_snapshot *snapshot, slu_arena *arena,
                                          slu_error *err);
/* Reads `location`/_METADATA. A tablet's directory that was moved since is one: its files are where they are now. */
SLU_CHECK slu_status fluss_kv_files_load(const fluss_store *store, const char *location, slu_arena *arena, fluss_kv_snapshot *out,
                                         slu_error *err);
/* Is every file there, with its size? */
SLU_CHECK slu_status fluss_kv_files_check(const fluss_store *store, const fluss_kv_snapshot *snapshot, slu_error *err);
/* Copies the files under their local names into `dir`, which must not exist: a RocksDB directory. Half of one is removed. */
SLU_CHECK slu_status fluss_kv_files_restore(const fluss_store *store, const fluss_kv_snapshot *snapshot, const char *dir,
                                            slu_error *err);

/* A snapshot that a sweep leaves alone. */
typedef struct fluss_kv_kept {
    int64_t table_id;
    int64_t partition_id;
    int64_t snapshot_id;
    int32_t bucket;
} fluss_kv_kept;

/* Removes every snapshot of a tablet's directory but those kept, and the shared files that none of these names. Shared files stay
 * when a kept snapshot cannot be read. */
SLU_CHECK slu_status fluss_kv_files_sweep(const fluss_store *store, const char *tablet_dir, const int64_t *kept_ids, size_t count,
                                          slu_error *err);
/* Sweeps every tablet below `root`/kv; one of which nothing is kept goes whole. */
SLU_CHECK slu_status fluss_kv_files_sweep_all(const fluss_store *store, const char *root, const fluss_kv_kept *kept, size_t count,
                                              slu_error *err);

#endif
