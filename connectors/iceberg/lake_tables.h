/*
 * lake_tables.h: the lake's side of a streaming table's life: created when the table is, adopted when it is there already and
 * nothing contradicts, altered with it.
 *
 * Rules    an existing lake table of equal layout without a snapshot is adopted. With a snapshot, or
 *          of another layout, it is refused, naming it and what to do. A column can be added, nullable, at the end: in the lake it
 *          stands before the three system columns. Everything may be repeated after a crash.
 * Threads  owner; calls block.
 * Errors   CONFLICT: a lake table that cannot be adopted; INVALID: a table that the lake cannot hold, a change that it cannot
 *          follow.
 */
#ifndef ICEBERG_LAKE_TABLES_H
#define ICEBERG_LAKE_TABLES_H

#include "iceberg/catalog.h"
#include "iceberg/fluss_spec.h"

SLU_CHECK slu_status iceberg_lake_create(const iceberg_catalog *catalog, const char *ns, const char *name,
                                         const iceberg_fluss_table *table, slu_error *err);
/* Makes the lake table follow: new nullable columns, new and changed properties. */
SLU_CHECK slu_status iceberg_lake_alter(const iceberg_catalog *catalog, const char *ns, const char *name,
                                        const iceberg_fluss_table *table, slu_error *err);

#endif
