/*
 * tables.h: the tables in use, with what their handlers need at hand: descriptor, formats, and the tablets of each bucket.
 *
 * Shape    a cache over the catalogue, filled on first use; a table is dropped from it when it is dropped or altered. A tablet
 *          (the log of a bucket, and the kv store of a primary-key table) is opened on first use.
 * Owns     tables and tablets. A pointer is good until the handler returns.
 * Threads  owner.
 * Errors   with Fluss's code: NOTFOUND 7 (table by path), 21 (table, partition or bucket by id). Others as the log and kv
 *          room say.
 */
#ifndef FLUSS_SERVER_TABLES_H
#define FLUSS_SERVER_TABLES_H

#include "base/arena.h"
#include "fluss/record/descriptor.h"
#include "fluss/server/catalogue/catalogue.h"
#include "fluss/server/kv/tablet.h"
#include "fluss/log/log.h"
#include "fluss/server/remote/log.h"

#define FLUSS_NO_PARTITION (-1)
#define FLUSS_SCHEMAS_MAX 1024 /* of one table */

typedef struct fluss_tables fluss_tables;
typedef struct fluss_wait fluss_wait;
typedef struct fluss_served fluss_served;

/* One bucket of a table or partition. */
typedef struct fluss_tablet {
    fluss_served *table;
    int64_t partition_id; /* FLUSS_NO_PARTITION */
    int32_t bucket;
    fluss_log *log;           /* NULL until opened */
    fluss_remote_log *remote; /* what of it lies in remote storage; opened with the log */
    fluss_kv_tablet *kv;      /* NULL for log tables, and until opened */
    fluss_wait *waiting;      /* fetches that wait for an append (fetch.c) */
    bool committing;          /* in commits.h's list of this turn */
    int64_t snapshot_offset;  /* of the newest snapshot of the rows, where known (kv/snapshots.c); -1: there is none */
    bool snapshot_known;
} fluss_tablet;

typedef struct fluss_partition {
    int64_t id; /* FLUSS_NO_PARTITION: the table itself */
    char *name;
    fluss_tablet *tablets; /* bucket_count of them */
    struct fluss_partition *next;
} fluss_partition;

struct fluss_served {
    fluss_table_row row; /* in the arena */
    fluss_descriptor descriptor;
    fluss_table table;                              /* of the newest schema */
    const fluss_schema *schemas[FLUSS_SCHEMAS_MAX]; /* by schema id; NULL until asked for */
    fluss_partition *partitions;                    /* those in use; the table itself when it is not partitioned */
    slu_arena arena;
    fluss_served *next_by_id;
    fluss_served *next_by_path;
};

/* Puts the rows of a snapshot that is within the offsets low..high into `dir`, which is not there; NOTFOUND: there is none. */
typedef slu_status (*fluss_restore)(void *context, const fluss_tablet *tablet, int64_t low, int64_t high, const char *dir,
                                    slu_error *err);

typedef struct fluss_tables_options {
    const slu_env *env;
    fluss_catalogue *catalogue;
    slu_kv_pool *kv_pool;
    const char *data_dir;
    fluss_remote *remote; /* NULL: no remote storage */
    fluss_log_options log;
    fluss_restore restore; /* NULL: there are no snapshots */
    void *restore_context;
} fluss_tables_options;

SLU_CHECK slu_status fluss_tables_open(const fluss_tables_options *options, fluss_tables **out, slu_error *err);
void fluss_tables_close(fluss_tables **tables);

SLU_CHECK slu_status fluss_tables_get(fluss_tables *tables, const char *database, const char *name, fluss_served **out,
                                      slu_error *err);
SLU_CHECK slu_status fluss_tables_get_by_id(fluss_tables *tables, int64_t table_id, fluss_served **out, slu_error *err);
/* partition_id FLUSS_NO_PARTITION for a table without partitions. */
SLU_CHECK slu_status fluss_tables_tablet(fluss_tables *tables, fluss_served *table, int64_t partition_id, int32_t bucket,
                                         fluss_tablet **out, slu_error *err);
/* Of a tablet of a partition; borrowed. "" for none. */
const char *fluss_tables_partition_name(const fluss_tablet *tablet);
/* The tablet's kv store; NOTFOUND (20) for a log table. */
SLU_CHECK slu_status fluss_tables_kv(fluss_tables *tables, fluss_tablet *tablet, fluss_kv_tablet **out, slu_error *err);
/* For the kv store: as fluss_restore says. */
SLU_CHECK slu_status fluss_tables_restore(fluss_tables *tables, const fluss_tablet *tablet, int64_t low, int64_t high,
                                          const char *dir, slu_error *err);
const slu_env *fluss_tables_env(const fluss_tables *tables);
/* One for all changelogs, which are written and read one after the other: its memory is a megabyte. */
slu_ipc_codec *fluss_tables_codec(const fluss_tables *tables);
SLU_CHECK slu_status fluss_tables_schema(fluss_tables *tables, fluss_served *table, int32_t schema_id, const fluss_schema **out,
                                         slu_error *err);

/* A block of ids for the table's auto-increment column: *out_before + 1 and the following ones. Never given twice. */
SLU_CHECK slu_status fluss_tables_take_ids(fluss_tables *tables, fluss_served *table, int64_t count, int64_t *out_before,
                                           slu_error *err);

/* Closes and removes the files of a table that the catalogue no longer has. */
SLU_CHECK slu_status fluss_tables_drop(fluss_tables *tables, fluss_served *table, slu_error *err);
/* A partition that is about to go: its tablets are closed; then, once the catalogue has forgotten it, its files are removed. */
SLU_CHECK slu_status fluss_tables_close_partition(fluss_tables *tables, fluss_served *table, int64_t partition_id, slu_error *err);
SLU_CHECK slu_status fluss_tables_remove_partition(fluss_tables *tables, const fluss_served *table, const char *name,
                                                   int64_t partition_id, slu_error *err);
/* The catalogue has another descriptor for it now: it is read. Logs stay open; kv stores are opened again at their next use. */
SLU_CHECK slu_status fluss_tables_altered(fluss_tables *tables, fluss_served *table, slu_error *err);
/* An open tablet; NULL when it is not in use. */
fluss_tablet *fluss_tables_peek(fluss_tables *tables, int64_t table_id, int64_t partition_id, int32_t bucket);
/* The tablet's log could not be synced: it is cut back to what is, and opened anew at its next use, its rows too. */
void fluss_tables_reset(fluss_tables *tables, fluss_tablet *tablet);
/* Calls back for every open tablet. */
void fluss_tables_each(fluss_tables *tables, void (*each)(void *context, fluss_tablet *tablet), void *context);

#endif
