/*
 * lake_tables.h: the lake's side of CREATE TABLE: a Fluss descriptor becomes an Iceberg table, exactly as Fluss's own lake connector
 * makes it. For whoever fills a table server's lake functions.
 *
 * Owns     the object owns its catalog.
 * Threads  owner (a server's thread); calls block.
 * Errors   create: CONFLICT: a lake table is there that cannot be adopted (adopted is one of equal layout without a snapshot); INVALID,
 *          UNSUPPORTED: a Fluss table that no lake table can be made for; and the catalog's.
 */
#ifndef TIERING_LAKE_TABLES_H
#define TIERING_LAKE_TABLES_H

#include "lake.h"

typedef struct tiering_lake_tables tiering_lake_tables;

/* `env` is borrowed. */
SLU_CHECK slu_status tiering_lake_tables_open(const slu_env *env, const tiering_lake_options *options, tiering_lake_tables **out, slu_error *err);
void tiering_lake_tables_close(tiering_lake_tables **tables);
/* `self` is a tiering_lake_tables; the signature is that of a server's lake functions. `descriptor_json`: a TableDescriptor, defaults filled in. */
SLU_CHECK slu_status tiering_lake_tables_create(void *self, const char *database, const char *table, const char *descriptor_json, slu_error *err);

#endif
