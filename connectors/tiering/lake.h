/*
 * lake.h: which catalog the lake tables are in: the options that writer and committer share, and the catalog they open from them.
 *
 * Errors   INVALID: a missing option, by its name; UNSUPPORTED: a catalog type that this build has not.
 */
#ifndef TIERING_LAKE_H
#define TIERING_LAKE_H

#include "iceberg/catalog.h"

#include <sluice/plugin.h>

typedef struct tiering_lake_options {
    const char *format;
    const char *type;
    const char *warehouse;
    const char *uri; /* with rest */
} tiering_lake_options;

/* The lines of an option table, for a struct whose member `lake` is a tiering_lake_options. */
#define TIERING_LAKE_OPTIONS(options_struct)                                                                                       \
    SLU_OPTION("format", STRING, options_struct, lake.format, "iceberg", "the lake's format", .param = "datalake.format"),         \
        SLU_OPTION("type", STRING, options_struct, lake.type, "hadoop",                                                            \
                   "the Iceberg catalog: hadoop (tables in a directory) or rest", .param = "datalake.iceberg.type"),               \
        SLU_OPTION("warehouse", STRING, options_struct, lake.warehouse, NULL, "where the tables are: a directory or file: URI",    \
                   .param = "datalake.iceberg.warehouse"),                                                                         \
        SLU_OPTION("uri", STRING, options_struct, lake.uri, NULL, "with rest: where the catalog answers",                          \
                   .param = "datalake.iceberg.uri")

SLU_CHECK slu_status tiering_lake_check(const tiering_lake_options *options, slu_error *err);
/* `env` is borrowed. */
SLU_CHECK slu_status tiering_lake_open(const slu_env *env, const tiering_lake_options *options, iceberg_catalog *out,
                                       slu_error *err);

/* The machine's own clocks and randomness, since commits run on a thread of their own, where of a host only its log may be used. The
 * host is borrowed. */
void tiering_env_of_host(slu_env *env, slu_host *host);

#endif
