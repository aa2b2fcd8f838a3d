/*
 * upkeep.h: the tables that are tiered into are taken care of, now and then, beside the rounds: compaction, expiry, orphans.
 *
 * When     after a round of the table was committed, and not again before `interval`. On a thread of its own with a catalog and a client
 *          of its own: a commit never waits for it, and where both meet the data goes first (iceberg_care/compact.h).
 * What     each of the three is off, on, or auto: what the table says by table.datalake.auto-compaction and
 *          table.datalake.auto-expire-snapshot (orphans: never). Snapshots that Fluss names stay.
 * Owns     threads and copies of names; options and env are borrowed until close.
 * Threads  owner. A failure is logged and forgotten: the next round asks again.
 * Limits   TIERING_UPKEEP_TABLES_MAX tables; more are not taken care of, and said so.
 */
#ifndef TIERING_UPKEEP_H
#define TIERING_UPKEEP_H

#include "lake.h"

#include "fluss/client/client.h"

#define TIERING_UPKEEP_TABLES_MAX 4096

typedef struct tiering_upkeep tiering_upkeep;

typedef struct tiering_upkeep_options {
    const char *compaction; /* "off", "on", "auto"; NULL: off */
    const char *expiry;
    const char *orphans;
    int64_t interval_ms;
} tiering_upkeep_options;

/* The lines of an option table, for a struct whose member `upkeep` is a tiering_upkeep_options. */
#define TIERING_UPKEEP_OPTIONS(options_struct)                                                                                     \
    SLU_OPTION("compaction", STRING, options_struct, upkeep.compaction, "auto",                                                    \
               "small lake files become large: on, off, auto (table.datalake.auto-compaction)"),                                   \
        SLU_OPTION("expiry", STRING, options_struct, upkeep.expiry, "auto",                                                        \
                   "old lake snapshots go: on, off, auto (table.datalake.auto-expire-snapshot)"),                                  \
        SLU_OPTION("orphans", STRING, options_struct, upkeep.orphans, "off",                                                       \
                   "files of three days that no snapshot needs go: on, off, auto (off)"),                                          \
        SLU_OPTION("upkeep-interval", DURATION, options_struct, upkeep.interval_ms, "10m",                                         \
                   "the shortest time between two of these")

/* INVALID: another word. */
SLU_CHECK slu_status tiering_upkeep_check(const tiering_upkeep_options *options, slu_error *err);
SLU_CHECK slu_status tiering_upkeep_open(slu_host *host, const slu_env *env, const tiering_lake_options *lake,
                                         const fluss_client_options *client, const tiering_upkeep_options *options,
                                         tiering_upkeep **out, slu_error *err);
/* Waits for what is under way, which ends soon. */
void tiering_upkeep_close(tiering_upkeep **upkeep);
/* A round of the table was committed. */
void tiering_upkeep_committed(tiering_upkeep *upkeep, const char *database, const char *table);
/* What was done meanwhile is logged; called when the host was woken. */
void tiering_upkeep_ready(tiering_upkeep *upkeep);

#endif
