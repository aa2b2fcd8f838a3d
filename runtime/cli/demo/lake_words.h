/*
 * lake_words.h: the lake of a stack as words of a command line, for the processes and jobs that are started with it.
 *
 * Shape    "--datalake.iceberg.NAME", VALUE for every setting. Without a warehouse and a uri the lake is a directory of the stack's own.
 *          A secret that has a name of its own travels in the environment (SLUICE_DATALAKE_ICEBERG_NAME), which children inherit, and
 *          not on a command line, which everybody can read.
 * Owns     the words live in the struct's arena until fini; the settings are copied.
 */
#ifndef SLU_CLI_DEMO_LAKE_WORDS_H
#define SLU_CLI_DEMO_LAKE_WORDS_H

#include "base/arena.h"
#include "lake/lake.h"

#define CLI_LAKE_WORDS_MAX (2 * (LAKE_SETTINGS_MAX + 1))

typedef struct cli_lake_words {
    slu_arena arena;
    iceberg_property settings[LAKE_SETTINGS_MAX + 1]; /* secrets included */
    const char *words[CLI_LAKE_WORDS_MAX];
    size_t setting_count;
    size_t word_count;
    bool own_directory; /* the lake is `directory` */
} cli_lake_words;

SLU_CHECK slu_status cli_lake_words_init(cli_lake_words *lake, const lake_options *options, const char *directory, slu_error *err);
void cli_lake_words_fini(cli_lake_words *lake);
/* As options of lake/lake.h; borrows. */
lake_options cli_lake_words_options(const cli_lake_words *lake);
/* Appends them behind `count` words of argv, and NULL. */
void cli_lake_words_append(const cli_lake_words *lake, const char **argv, size_t count);

#endif
