/*
 * table.h: the tables that others lend to the SQL room. The room knows neither Fluss nor Iceberg: cli fills these functions.
 *
 * Shape    a catalog names tables; a table has a "+s" schema and gives scans; a scan gives batches of the wanted columns.
 * Owns     whoever opens closes. Batches are moved to the caller, who releases them.
 * Threads  owner: everything is called on the thread that runs the statement, and may block.
 * Errors   NOTFOUND: no such table. A scan's `next` answers END after the last batch.
 * Limits   SLU_SQL_COLUMNS_MAX columns (SQLite's column mask has 64 bits; column 63 and later count as one).
 */
#ifndef SLU_SQL_TABLE_H
#define SLU_SQL_TABLE_H

#include "base/bytes.h"

#include <sluice/arrow.h>
#include <sluice/status.h>

#include <stdbool.h>
#include <stdint.h>

#define SLU_SQL_COLUMNS_MAX 1000
#define SLU_SQL_FILTERS_MAX 32

#define SLU_SQL_EQ 1
#define SLU_SQL_GT 2
#define SLU_SQL_LE 3
#define SLU_SQL_LT 4
#define SLU_SQL_GE 5

/* A comparison that the wanted rows satisfy: a hint. A table may use it to read less, never to leave out a row that satisfies it;
 * rows that do not are filtered again by SQLite. */
typedef struct slu_sql_filter {
    uint32_t column; /* of the table's schema */
    uint32_t op;     /* SLU_SQL_ */
    uint32_t type;   /* 1: i64, 2: f64, 3: text */
    int64_t i64;
    double f64;
    const char *text;
} slu_sql_filter;

typedef struct slu_sql_scan_spec {
    const uint32_t *columns; /* wanted columns of the schema, ascending; the batches hold exactly these, in this order */
    uint32_t column_count;   /* 0: only the number of rows matters */
    const slu_sql_filter *filters;
    uint32_t filter_count;
    int64_t limit; /* -1: none; else this many rows are enough, in any order, and no filter was left to SQLite */
} slu_sql_scan_spec;

typedef struct slu_sql_scan slu_sql_scan;
typedef struct slu_sql_table slu_sql_table;

/* Some rows: those of `selection` (ascending; released with slu_free by the receiver), or all of the array where it is NULL. */
typedef struct slu_sql_batch {
    struct ArrowArray array; /* released by the receiver */
    int32_t *selection;
    int64_t rows; /* of the selection; the array's length without one */
} slu_sql_batch;

struct slu_sql_scan {
    slu_status (*next)(slu_sql_scan *scan, slu_sql_batch *out, slu_error *err);
    void (*close)(slu_sql_scan *scan);
    /* What it read and what it did not have to, in a few words ("lake: 2 of 9 files"); NULL: nothing to say. */
    void (*say)(const slu_sql_scan *scan, slu_buf *out);
};

struct slu_sql_table {
    const struct ArrowSchema *schema; /* borrowed, as long as the table */
    /* How many rows there are, told without reading them; NULL, or UNSUPPORTED: they have to be read. */
    slu_status (*count)(slu_sql_table *table, int64_t *rows, slu_error *err);
    slu_status (*scan)(slu_sql_table *table, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err);
    void (*close)(slu_sql_table *table);
};

/* ---- What statements change ---- */

#define SLU_SQL_CREATE_DATABASE 1
#define SLU_SQL_DROP_DATABASE 2
#define SLU_SQL_CREATE_TABLE 3
#define SLU_SQL_DROP_TABLE 4
#define SLU_SQL_ALTER_TABLE 5 /* `columns` are added, or `options` set; an option without a value is reset */

typedef struct slu_sql_option {
    const char *key;
    const char *value;
} slu_sql_option;

typedef struct slu_sql_column {
    const char *name;
    const char *type;    /* as it was written: "DECIMAL(10, 2) NOT NULL" */
    const char *comment; /* NULL: none */
} slu_sql_column;

/* CREATE, ALTER and DROP, in Flink's words. Everything is borrowed for the call. */
typedef struct slu_sql_change {
    uint32_t kind;
    bool lenient; /* IF EXISTS, IF NOT EXISTS */
    bool cascade; /* DROP DATABASE */
    const char *database;
    const char *table; /* NULL: of a database */
    const slu_sql_column *columns;
    size_t column_count;
    const char **primary_key;
    size_t primary_key_count;
    const char **partition_keys;
    size_t partition_key_count;
    const slu_sql_option *options;
    size_t option_count;
    const char *comment; /* NULL: none */
} slu_sql_change;

typedef struct slu_sql_sink slu_sql_sink;

/* Takes the rows of an INSERT. Values are text as a query shows them, whose form the column's type decides; a value that is not given
 * is null. finish waits until all are stored; without it some may be: stored waits a little for what is under way, and says how many are known
 * to be (NULL: it cannot). */
struct slu_sql_sink {
    slu_status (*value)(slu_sql_sink *sink, uint32_t k, const char *text, size_t bytes,
                        slu_error *err); /* of the k-th column named */
    slu_status (*row)(slu_sql_sink *sink, slu_error *err);
    slu_status (*finish)(slu_sql_sink *sink, slu_error *err);
    int64_t (*stored)(slu_sql_sink *sink);
    void (*close)(slu_sql_sink *sink);
};

typedef struct slu_sql_catalog slu_sql_catalog;

struct slu_sql_catalog {
    void *context;
    const char *database; /* where a name without a database is looked up */
    /* Calls found for every table, as database and table name, without `$` suffixes. */
    slu_status (*list)(const slu_sql_catalog *catalog, void (*found)(void *to, const char *database, const char *table), void *to,
                       slu_error *err);
    /* `suffix` is what follows the first `$` ("lake", "lake@123", "log", "snapshots"), "" for the table itself. */
    slu_status (*open)(const slu_sql_catalog *catalog, const char *database, const char *table, const char *suffix,
                       slu_sql_table **out, slu_error *err);
    /* The rest may be NULL: the catalog has no such thing, and statements for it are refused. */
    slu_status (*list_databases)(const slu_sql_catalog *catalog, void (*found)(void *to, const char *database), void *to,
                                 slu_error *err);
    slu_status (*change)(const slu_sql_catalog *catalog, const slu_sql_change *change, slu_error *err);
    /* `columns`: as the statement named them; none: all of the table, in order, whose number is written to *count. */
    slu_status (*insert)(const slu_sql_catalog *catalog, const char *database, const char *table, const char *const *columns,
                         size_t *count, slu_sql_sink **out, slu_error *err);
    /* Appends the CREATE TABLE that would make the table again, ';' and a newline included. */
    slu_status (*schema)(const slu_sql_catalog *catalog, const char *database, const char *table, slu_buf *out, slu_error *err);
};

#endif
