/*
 * lake.h: which catalog the lake tables are in: the options that writer and committer share, and the catalog they open from them.
 *
 * Errors   those of lake/lake.h; UNSUPPORTED: a lake format other than iceberg.
 */
#ifndef TIERING_LAKE_H
#define TIERING_LAKE_H

#include "lake/plugin_options.h"

typedef struct tiering_lake_options {
    const char *format;
    lake_plugin_options iceberg;
} tiering_lake_options;

/* The lines of an option table, for a struct whose member `lake` is a tiering_lake_options. */
#define TIERING_LAKE_OPTIONS(options_struct)                                                                                       \
    SLU_OPTION("format", STRING, options_struct, lake.format, "iceberg", "the lake's format", .param = "datalake.format"),         \
        LAKE_PLUGIN_OPTIONS(options_struct, lake.iceberg)

SLU_CHECK slu_status tiering_lake_check(const tiering_lake_options *options, slu_error *err);
/* `env` is borrowed. */
SLU_CHECK slu_status tiering_lake_open(const slu_env *env, const tiering_lake_options *options, iceberg_catalog *out,
                                       slu_error *err);

/* The machine's own clocks and randomness, since commits run on a thread of their own, where of a host only its log may be used. The
 * host is borrowed. */
void tiering_env_of_host(slu_env *env, slu_host *host);

#endif
