/*
 * catalogue.h: what the server knows besides rows: databases, tables with all their schemas, partitions, lake snapshots, counters.
 *
 * Shape    one SQLite file, `catalogue.db`, in the data directory; every function is one transaction.
 * Durable  what a function changed survives a kill of the process, and with `sync` a power loss.
 * Owns     results live in the caller's arena.
 * Threads  owner.
 * Errors   with Fluss's code in err->code: NOTFOUND 4 (database), 7 (table), 9 (schema), 36 (partition), 53 (lake snapshot);
 *          CONFLICT 6, 8, 42; 5: a database that is not empty. IO: SQLite's words.
 *          UNSUPPORTED: a data directory of a newer format.
 *
 * Invariants: (1) ids of tables, partitions and writers are never given twice. (2) A table keeps all its schemas by id. (3) The
 * coordinator epoch grows by one with every open.
 */
#ifndef FLUSS_SERVER_CATALOGUE_H
#define FLUSS_SERVER_CATALOGUE_H

#include "base/arena.h"
#include "base/env.h"

#define FLUSS_DATA_FORMAT_VERSION 1

typedef struct fluss_catalogue fluss_catalogue;

typedef struct fluss_database_row {
    const char *name;
    const char *json; /* DatabaseDescriptor */
    int64_t created_ms;
    int64_t modified_ms;
    int32_t table_count;
} fluss_database_row;

typedef struct fluss_table_row {
    int64_t id;
    const char *database;
    const char *name;
    const char *json; /* TableDescriptor with the newest schema, as GET_TABLE_INFO gives it */
    int64_t created_ms;
    int64_t modified_ms;
    int32_t schema_id;
} fluss_table_row;

typedef struct fluss_partition_row {
    int64_t id;
    const char *name; /* values joined with $ */
    int64_t created_ms;
} fluss_partition_row;

typedef struct fluss_lake_snapshot_row {
    int64_t snapshot_id;
    const char *tiered_path;
    const char *readable_path; /* NULL: not readable yet */
    int64_t time_ms;
} fluss_lake_snapshot_row;

SLU_CHECK slu_status fluss_catalogue_open(const slu_env *env, const char *data_dir, bool sync, fluss_catalogue **out,
                                          slu_error *err);
void fluss_catalogue_close(fluss_catalogue **catalogue);
int32_t fluss_catalogue_epoch(const fluss_catalogue *catalogue);

SLU_CHECK slu_status fluss_catalogue_create_database(fluss_catalogue *c, const char *name, const char *json, slu_error *err);
/* Refused (5) while it has tables. */
SLU_CHECK slu_status fluss_catalogue_drop_database(fluss_catalogue *c, const char *name, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_database(fluss_catalogue *c, const char *name, slu_arena *arena, fluss_database_row *out,
                                                  slu_error *err);
SLU_CHECK slu_status fluss_catalogue_list_databases(fluss_catalogue *c, slu_arena *arena, fluss_database_row **out,
                                                    size_t *out_count, slu_error *err);

/* `json` and `schema_json` are stored as they are, under schema id 1. */
SLU_CHECK slu_status fluss_catalogue_create_table(fluss_catalogue *c, const char *database, const char *name, const char *json,
                                                  const char *schema_json, int64_t *out_id, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_drop_table(fluss_catalogue *c, int64_t table_id, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_table(fluss_catalogue *c, const char *database, const char *name, slu_arena *arena,
                                               fluss_table_row *out, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_table_by_id(fluss_catalogue *c, int64_t id, slu_arena *arena, fluss_table_row *out,
                                                     slu_error *err);
SLU_CHECK slu_status fluss_catalogue_list_tables(fluss_catalogue *c, const char *database, slu_arena *arena, fluss_table_row **out,
                                                 size_t *out_count, slu_error *err);

/* A change that a table's lake is told of before it is stored: begun here first, so that a crash between the two is seen at the next
 * start. fluss_catalogue_alter_table ends it; forget is for one that the lake refused. */
typedef struct fluss_alter_row {
    int64_t table_id;
    const char *json;
    const char *schema_json; /* NULL: the schema stays */
} fluss_alter_row;

SLU_CHECK slu_status fluss_catalogue_begin_alter(fluss_catalogue *c, int64_t table_id, const char *json, const char *schema_json,
                                                 slu_error *err);
SLU_CHECK slu_status fluss_catalogue_forget_alter(fluss_catalogue *c, int64_t table_id, slu_error *err);
/* Those of tables that are there. */
SLU_CHECK slu_status fluss_catalogue_list_alters(fluss_catalogue *c, slu_arena *arena, fluss_alter_row **out, size_t *out_count,
                                                 slu_error *err);
/* Replaces the descriptor; with schema_json the table gets that schema under the next id. */
SLU_CHECK slu_status fluss_catalogue_alter_table(fluss_catalogue *c, int64_t table_id, const char *json, const char *schema_json,
                                                 slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_schema(fluss_catalogue *c, int64_t table_id, int32_t schema_id, slu_arena *arena,
                                                const char **out_json, slu_error *err);

SLU_CHECK slu_status fluss_catalogue_create_partition(fluss_catalogue *c, int64_t table_id, const char *name, int64_t *out_id,
                                                      slu_error *err);
SLU_CHECK slu_status fluss_catalogue_drop_partition(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_partition(fluss_catalogue *c, int64_t table_id, const char *name, int64_t *out_id,
                                                   slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_partition_by_id(fluss_catalogue *c, int64_t table_id, int64_t partition_id,
                                                         slu_arena *arena, fluss_partition_row *out, slu_error *err);
/* A partition of any table. */
SLU_CHECK slu_status fluss_catalogue_find_partition(fluss_catalogue *c, int64_t partition_id, int64_t *out_table_id,
                                                    slu_arena *arena, fluss_partition_row *out, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_list_partitions(fluss_catalogue *c, int64_t table_id, slu_arena *arena,
                                                     fluss_partition_row **out, size_t *out_count, slu_error *err);

/* Hands out `count` ids at once; *out_first .. *out_first + count - 1. */
SLU_CHECK slu_status fluss_catalogue_take_writer_ids(fluss_catalogue *c, int64_t count, int64_t *out_first, slu_error *err);

/* The same for the auto-increment column of a table; *out_before is the last id that was handed out (0: none). */
SLU_CHECK slu_status fluss_catalogue_take_column_ids(fluss_catalogue *c, int64_t table_id, int32_t column_id, int64_t count,
                                                     int64_t *out_before, slu_error *err);

/* Snapshots of a lake table in the order of their registration. */
SLU_CHECK slu_status fluss_catalogue_add_lake_snapshot(fluss_catalogue *c, int64_t table_id,
                                                       const fluss_lake_snapshot_row *snapshot, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_list_lake_snapshots(fluss_catalogue *c, int64_t table_id, slu_arena *arena,
                                                         fluss_lake_snapshot_row **out, size_t *out_count, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_drop_lake_snapshot(fluss_catalogue *c, int64_t table_id, int64_t snapshot_id, slu_error *err);

#endif
