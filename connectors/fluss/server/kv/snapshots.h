/*
 * snapshots.h: snapshots of the rows of primary-key tables, for clients that read a table as snapshot and changelog, and for a kv
 * store that was lost.
 *
 * Shape    every `kv.snapshot.interval` a pass over the tablets in use: of each whose rows changed since its last snapshot a checkpoint is
 *          taken (links, on the loop), copied into remote storage in the background, and put into the catalogue; one tablet at a time.
 *          The `kv.snapshot.num-retained` newest of a bucket stay, older ones until nobody holds them (catalogue/kv.h).
 * Durable  a snapshot is there once the catalogue has it. What a kill left halfway is swept away at the next start.
 * Threads  owner.
 *
 * Invariants: (1) a snapshot's rows are exactly the changelog below its offset. (2) Only files that no snapshot in the catalogue names are
 * removed. (3) The changelog is kept from the oldest snapshot that is kept on; without one, from its beginning.
 */
#ifndef FLUSS_SERVER_KV_SNAPSHOTS_H
#define FLUSS_SERVER_KV_SNAPSHOTS_H

#include "fluss/server/catalogue/kv.h"
#include "fluss/server/server_internal.h"
#include "fluss/snapshot/kv_files.h"

#define FLUSS_KV_PIN_MS ((int64_t)10 * 60 * 1000) /* how long a file lives that was named to a client */

/* The background thread, catalogue and tables are there. Sweeps what an earlier process left. */
SLU_CHECK slu_status fluss_kv_snapshots_open(fluss_server *server, fluss_kv_snapshots **out, slu_error *err);
/* Makes a copy that runs end soon; before the background thread is closed. */
void fluss_kv_snapshots_stop(fluss_kv_snapshots *snapshots);
/* After the background thread was closed. */
void fluss_kv_snapshots_close(fluss_kv_snapshots **snapshots);

/* The tables' way to a snapshot (fluss_restore); context: the server. */
slu_status fluss_kv_snapshots_restore(void *server, const fluss_tablet *tablet, int64_t low, int64_t high, const char *dir,
                                      slu_error *err);
/* The first offset of the changelog that must stay. */
int64_t fluss_kv_snapshots_retain(fluss_server *server, const fluss_tablet *tablet);
/* The table, or one partition of it (FLUSS_NO_PARTITION: the table), is dropped: before its name is forgotten. */
void fluss_kv_snapshots_dropped(fluss_server *server, const fluss_table_row *table, int64_t partition_id, const char *partition);

/* The newest snapshot of a bucket that is whole; NOTFOUND: there is none. A damaged one is named in the log and forgotten. */
SLU_CHECK slu_status fluss_kv_snapshots_newest(fluss_server *server, const fluss_kv_bucket *of, slu_arena *arena,
                                               fluss_kv_snapshot_row *out, slu_error *err);
/* A snapshot by id, with its files; NOTFOUND: there is none, or it was damaged and is forgotten now. */
SLU_CHECK slu_status fluss_kv_snapshots_get(fluss_server *server, const fluss_kv_bucket *of, int64_t snapshot_id, slu_arena *arena,
                                            fluss_kv_snapshot *out, slu_error *err);
/* Were named to a client. */
SLU_CHECK slu_status fluss_kv_snapshots_pin(fluss_server *server, const fluss_kv_snapshot_row *rows, size_t count, slu_error *err);
/* A lease ended: what nobody holds any more goes. */
void fluss_kv_snapshots_retire(fluss_server *server);

#endif
