/*
 * lake_settings.h: what a command was told of the lake: --datalake.iceberg.NAME VALUE over SLUICE_DATALAKE_ICEBERG_NAME.
 *
 * Owns     borrows the command line and the environment.
 * Errors   LIMIT: more than LAKE_SETTINGS_MAX.
 */
#ifndef SLU_CLI_LAKE_SETTINGS_H
#define SLU_CLI_LAKE_SETTINGS_H

#include "args.h"
#include "lake/lake.h"

typedef struct cli_lake_settings {
    iceberg_property items[LAKE_SETTINGS_MAX];
    size_t count;
} cli_lake_settings;

/* One setting of any kind: --a.b-c on the command line, then SLUICE_A_B_C; NULL: not said. */
const char *cli_setting(const slu_args *args, const char *name);
SLU_CHECK slu_status cli_lake_settings_take(const slu_args *args, cli_lake_settings *out, slu_error *err);
/* The same for a verb that knows no other settings: INVALID names one that is none of the lake's. */
SLU_CHECK slu_status cli_lake_settings_only(const slu_args *args, cli_lake_settings *out, slu_error *err);
/* Those of the environment alone. */
void cli_lake_settings_environment(cli_lake_settings *out);
/* One more, over those before, if its key (with the prefix) is one of the lake's. */
SLU_CHECK slu_status cli_lake_settings_add(cli_lake_settings *out, const char *key, const char *value, slu_error *err);
/* As options of lake/lake.h; borrows. */
lake_options cli_lake_settings_options(const cli_lake_settings *settings);

#endif
