/*
 * catalog.h: who says which metadata a table has: a table of functions, and the file-system ("hadoop") catalog.
 *
 * Source   Iceberg table specification, "File System Tables"; core/.../hadoop/HadoopTableOperations.java.
 * Shape    a table is named by a namespace ("db", levels divided by '.') and a name. An iceberg_table is one moment of it: its
 *          metadata and where that was read. commit makes the next moment, or says CONFLICT when another did.
 * Layout   <warehouse>/<namespace>/<name>/metadata/v<N>.metadata.json, and version-hint.text, which is only a hint: newer versions
 *          are probed for. A version is created exclusively: who comes second has the conflict. Java's hadoop catalog reads and
 *          writes the same.
 * Owns     an iceberg_table owns its parts. The catalog lends its store, valid until close.
 * Threads  owner; calls may block.
 * Errors   NOTFOUND: no such table; CONFLICT: create of an existing table, commit over another's (definite: nothing was done); IO,
 *          TIMEOUT, CLOSED from commit: unknown, it may have been done.
 */
#ifndef ICEBERG_CATALOG_H
#define ICEBERG_CATALOG_H

#include "base/env.h"
#include "iceberg/metadata.h"
#include "iceberg/store.h"

typedef struct iceberg_table {
    iceberg_metadata *metadata;
    char *metadata_location;
    char *ns;
    char *name;
} iceberg_table;

void iceberg_table_fini(iceberg_table *table); /* safe on a zeroed one and twice */

typedef struct iceberg_change {
    iceberg_requirements requirements;
    const iceberg_update *updates;
    size_t update_count;
} iceberg_change;

typedef slu_status (*iceberg_named)(void *to, const char *name, slu_error *err);

typedef struct iceberg_catalog_ops {
    slu_status (*load)(void *self, const char *ns, const char *name, iceberg_table *out, slu_error *err);
    /* `create->location` NULL: the catalog chooses. */
    slu_status (*create)(void *self, const char *ns, const char *name, const iceberg_create *create, iceberg_table *out,
                         slu_error *err);
    /* From `base` to *out; base stays as it is. */
    slu_status (*commit)(void *self, const iceberg_table *base, const iceberg_change *change, iceberg_table *out, slu_error *err);
    /* The names of the tables of a namespace. */
    slu_status (*list)(void *self, const char *ns, iceberg_named found, void *to, slu_error *err);
    /* Where a table's files lie; borrowed. */
    const iceberg_store *(*store)(void *self, const iceberg_table *table);
    void (*close)(void *self);
} iceberg_catalog_ops;

typedef struct iceberg_catalog {
    const iceberg_catalog_ops *ops;
    void *self;
    const slu_env *env;
} iceberg_catalog;

void iceberg_catalog_close(iceberg_catalog *catalog); /* safe on a zeroed one and twice */

/* The file-system catalog over a warehouse location. The store is taken over and closed with the catalog. */
SLU_CHECK slu_status iceberg_catalog_files_open(const slu_env *env, const char *warehouse, iceberg_store *store,
                                                iceberg_catalog *out, slu_error *err);

/* A table by the location of its metadata file, without a catalog: for reading only. */
SLU_CHECK slu_status iceberg_table_open(const iceberg_store *store, const char *metadata_location, iceberg_table *out,
                                        slu_error *err);

SLU_CHECK slu_status iceberg_catalog_load(const iceberg_catalog *catalog, const char *ns, const char *name, iceberg_table *out,
                                          slu_error *err);
SLU_CHECK slu_status iceberg_catalog_create(const iceberg_catalog *catalog, const char *ns, const char *name,
                                            const iceberg_create *create, iceberg_table *out, slu_error *err);
/* Loads the newest moment into the table; a table of another UUID is CONFLICT. */
SLU_CHECK slu_status iceberg_catalog_refresh(const iceberg_catalog *catalog, iceberg_table *table, slu_error *err);
/* Commits and moves the table to its new moment. */
SLU_CHECK slu_status iceberg_catalog_commit(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_change *change,
                                            slu_error *err);
const iceberg_store *iceberg_catalog_store(const iceberg_catalog *catalog, const iceberg_table *table);

#endif
