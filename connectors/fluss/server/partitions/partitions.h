/*
 * partitions.h: partitions of a table, made and dropped by clients and by time.
 *
 * Threads  owner.
 * Errors   with Fluss's codes and texts: 36 (no such partition), 37 (a table without), 42 (there already), 43 (spec or value), 45
 *          (max.partition.num), 49 (max.bucket.num over all partitions).
 */
#ifndef FLUSS_SERVER_PARTITIONS_H
#define FLUSS_SERVER_PARTITIONS_H

#include "fluss/server/server_internal.h"

/* `name`: the values in the order of the keys, joined by $; they were checked. CONFLICT (42): it is there. */
SLU_CHECK slu_status fluss_partition_create(fluss_server *server, const fluss_served *table, const char *name, slu_arena *arena,
                                            slu_error *err);
/* The catalogue forgets it, who waits for its rows is answered, its files go. */
SLU_CHECK slu_status fluss_partition_drop(fluss_server *server, fluss_served *table, const char *name, int64_t id, slu_error *err);

#endif
