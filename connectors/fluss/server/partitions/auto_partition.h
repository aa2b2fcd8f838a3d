/*
 * auto_partition.h: makes and drops the partitions of tables with `table.auto-partition.enabled`, at once when such a table is made or
 * altered and then every `auto-partition.check.interval`.
 *
 * Source   Apache Fluss 0.9.1, AutoPartitionManager: `num-precreate` partitions from the current one on; those whose value of the key
 *          is before the one `num-retention` units back go. With several partition keys nothing is made ahead. What does not fit
 *          below `max.partition.num` or `max.bucket.num` is left out with a warning.
 * Shape    a list of table ids; the rules are read from the table's descriptor at each round. The clock is the env's wall clock.
 * Threads  owner.
 * Errors   a round that fails for a table is logged (AUTO-PARTITION) and tried again at the next one.
 */
#ifndef FLUSS_SERVER_AUTO_PARTITION_H
#define FLUSS_SERVER_AUTO_PARTITION_H

#include "fluss/server/server_internal.h"

/* Puts the tables of the catalogue under care and makes one round. */
SLU_CHECK slu_status fluss_auto_partitions_open(fluss_server *server, fluss_auto_partitions **out, slu_error *err);
void fluss_auto_partitions_close(fluss_auto_partitions **partitions);
/* A table that was made or altered: under care if its descriptor asks for it, with a round for it now. */
void fluss_auto_partitions_changed(fluss_auto_partitions *partitions, int64_t table_id);
void fluss_auto_partitions_remove(fluss_auto_partitions *partitions, int64_t table_id);
/* One round over all tables; the timer's work, called by tests too. */
void fluss_auto_partitions_round(fluss_auto_partitions *partitions);

#endif
