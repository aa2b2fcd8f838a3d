/*
 * lake_tables.h: the lake's side of a streaming table's life: opened by the options that jobs and servers share, created when the
 * table is, adopted when it is there already and nothing contradicts, altered with it.
 *
 * Rules    an existing lake table of equal layout without a snapshot is adopted. With a snapshot, or
 *          of another layout, it is refused, naming it and what to do. A column can be added, nullable, at the end: in the lake it
 *          stands before the three system columns. Everything may be repeated after a crash.
 * Threads  owner; calls block.
 * Errors   CONFLICT: a lake table that cannot be adopted; UNSUPPORTED: a catalog type this build has not; INVALID: a missing
 *          option, a table that the lake cannot hold, a change that it cannot follow.
 */
#ifndef ICEBERG_LAKE_TABLES_H
#define ICEBERG_LAKE_TABLES_H

#include "iceberg/catalog.h"
#include "iceberg/fluss_spec.h"

typedef struct iceberg_lake_options {
    const char *type;      /* datalake.iceberg.type: NULL or "hadoop"; "rest" */
    const char *warehouse; /* datalake.iceberg.warehouse: a directory or a file: URI */
    bool sync;             /* what is written survives a power loss */
    const char *uri;       /* datalake.iceberg.uri, with rest: where the catalog answers. The warehouse is then its name there, and
                              may be NULL */
    const iceberg_property *properties; /* with rest: more of its settings: token, credential, scope ... (rest/session.h) */
    size_t property_count;
} iceberg_lake_options;

/* `env` is borrowed. */
SLU_CHECK slu_status iceberg_lake_open(const slu_env *env, const iceberg_lake_options *options, iceberg_catalog *out,
                                       slu_error *err);

SLU_CHECK slu_status iceberg_lake_create(const iceberg_catalog *catalog, const char *ns, const char *name,
                                         const iceberg_fluss_table *table, slu_error *err);
/* Makes the lake table follow: new nullable columns, new and changed properties. */
SLU_CHECK slu_status iceberg_lake_alter(const iceberg_catalog *catalog, const char *ns, const char *name,
                                        const iceberg_fluss_table *table, slu_error *err);

#endif
