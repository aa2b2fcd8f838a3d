/* internal.h: how the files of the catalogue speak SQL; nobody else includes it. */
#ifndef FLUSS_SERVER_CATALOGUE_INTERNAL_H
#define FLUSS_SERVER_CATALOGUE_INTERNAL_H

#include "fluss/server/catalogue/catalogue.h"

#include <sqlite3.h>

/* The tables of each file of the catalogue. */
extern const char fluss_catalogue_cluster_schema[];
extern const char fluss_catalogue_alters_schema[];

/* Rows of a table or partition that is no more. */
#define CAT_IS_ORPHAN(of)                                                                                                          \
    " WHERE NOT EXISTS(SELECT 1 FROM tables t WHERE t.id = " of ".table_id) OR (partition_id >= 0 AND NOT EXISTS("                 \
    "SELECT 1 FROM partitions p WHERE p.id = " of ".partition_id AND p.table_id = " of ".table_id));"

struct fluss_catalogue {
    const slu_env *env;
    sqlite3 *db;
    int32_t epoch;
    const char *kv_root; /* of kv snapshots; lent by fluss_catalogue_kv_open */
};

/* Prepares `sql` and binds the arguments by `types`: 't' const char * (NULL is SQL's), 'i' int64_t. */
slu_status cat_prepare(fluss_catalogue *c, sqlite3_stmt **out, slu_error *err, const char *sql, const char *types, ...);
/* Runs a statement that gives no rows. */
slu_status cat_run(fluss_catalogue *c, slu_error *err, const char *sql, const char *types, ...);
/* The next row: OK, END, or IO. The statement is finished on anything but OK. */
slu_status cat_step(fluss_catalogue *c, sqlite3_stmt **stmt, slu_error *err);
void cat_finish(sqlite3_stmt **stmt);
const char *cat_text(sqlite3_stmt *stmt, int column, slu_arena *arena);
slu_status cat_begin(fluss_catalogue *c, slu_error *err);
/* Commits when status is OK, else rolls back; returns the first thing that went wrong. */
slu_status cat_end(fluss_catalogue *c, slu_status status, slu_error *err);
/* Adds `add` to a counter and gives its value before. */
slu_status cat_count(fluss_catalogue *c, const char *counter, int64_t add, int64_t *out_before, slu_error *err);
/* Room for one more row in an arena list that doubles. NULL: the arena is exhausted. */
void *cat_grow(slu_arena *arena, void *rows, size_t count, size_t row_bytes);

#endif
