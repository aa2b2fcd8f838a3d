/*
 * fluss_lake.h: a Fluss table's descriptor as a lake table: the two functions that a table server calls for its lake tables.
 *
 * Shape    open over a lake's options; create_table and alter_table take Fluss's TableDescriptor JSON and have the form that
 *          fluss_server_lake wants, with the fluss_lake as context. This room knows Fluss's descriptors and Iceberg, not the
 *          server.
 * Owns     the fluss_lake owns its catalog.
 * Threads  one call at a time; calls block.
 * Errors   as lake/lake.h and iceberg/lake_tables.h.
 */
#ifndef FLUSS_LAKE_FLUSS_LAKE_H
#define FLUSS_LAKE_FLUSS_LAKE_H

#include "fluss/record/descriptor.h"
#include "iceberg/lake_tables.h"
#include "lake/lake.h"

typedef struct fluss_lake fluss_lake;

/* `env` is borrowed. */
SLU_CHECK slu_status fluss_lake_open(const slu_env *env, const lake_options *options, fluss_lake **out, slu_error *err);
void fluss_lake_close(fluss_lake **lake);
const iceberg_catalog *fluss_lake_catalog(const fluss_lake *lake); /* borrowed */

/* `lake` is a fluss_lake. */
slu_status fluss_lake_create_table(void *lake, const char *database, const char *table, const char *descriptor_json,
                                   slu_error *err);
slu_status fluss_lake_alter_table(void *lake, const char *database, const char *table, const char *descriptor_json, slu_error *err);

/* The same description for others (tiering checks a lake table with it). `arrow` is given and released by the caller; the rest
 * lives in the arena or is borrowed from the descriptor. */
SLU_CHECK slu_status fluss_lake_describe(const fluss_descriptor *descriptor, slu_arena *arena, struct ArrowSchema *arrow,
                                         iceberg_fluss_table *out, slu_error *err);

#endif
