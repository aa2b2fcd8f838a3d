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
};

struct slu_sql_table {
    const struct ArrowSchema *schema; /* borrowed, as long as the table */
    int64_t rows;                     /* exact number of rows if known without reading, else -1 */
    slu_status (*scan)(slu_sql_table *table, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err);
    void (*close)(slu_sql_table *table);
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
};

#endif
