/*
 * tiering.h: which lake table is due to be tiered, and who works on it (LAKE_TIERING_HEARTBEAT).
 *
 *   scheduled --freshness passed--> pending --claim--> tiering --finish--> scheduled   (or pending at once: forced)
 *                                             ^                  |
 *                                             +---- fail, or two minutes without a heartbeat
 *
 * The epoch of a table grows each time it becomes pending; what comes with another epoch is refused (50), with another
 * coordinator's epoch as well (23). A restarted server begins with every table due as its last lake snapshot says.
 * Threads  owner.
 */
#ifndef FLUSS_SERVER_TIERING_H
#define FLUSS_SERVER_TIERING_H

#include "fluss/server/server_internal.h"

SLU_CHECK slu_status fluss_tiering_open(fluss_server *server, fluss_tiering **out, slu_error *err);
void fluss_tiering_close(fluss_tiering **tiering);
/* A lake table was made (or found at the start): freshness and the time of its last lake snapshot. */
SLU_CHECK slu_status fluss_tiering_add(fluss_tiering *tiering, int64_t table_id, const char *database, const char *table,
                                       int64_t freshness_ms, int64_t last_tiered_ms, slu_error *err);
void fluss_tiering_remove(fluss_tiering *tiering, int64_t table_id);

/* One pending table, first come first served. NOTFOUND: none. The names are valid until the table is removed. */
SLU_CHECK slu_status fluss_tiering_claim(fluss_tiering *tiering, int64_t *out_table_id, int64_t *out_epoch,
                                         const char **out_database, const char **out_table);
SLU_CHECK slu_status fluss_tiering_renew(fluss_tiering *tiering, int64_t table_id, int64_t epoch, slu_error *err);
SLU_CHECK slu_status fluss_tiering_finish(fluss_tiering *tiering, int64_t table_id, int64_t epoch, bool again_at_once,
                                          slu_error *err);
SLU_CHECK slu_status fluss_tiering_failed(fluss_tiering *tiering, int64_t table_id, int64_t epoch, slu_error *err);

#endif
