/*
 * verbs.h: what the program `sluice` can be asked: one table of verbs, each in a file of its own.
 *
 * Shape    a verb is one or two words ("run", "plugins list"), a summary, its positional words, its flags, and a function that answers
 *          with an exit code. main.c finds the verb, args.c parses for it, --help prints from the same table.
 * Output   results on stdout, news and errors on stderr; --json prints one JSON value on stdout where the verb says so.
 * Exit     0 done, 1 the thing failed, 2 wrong usage, 3 no answer from the service.
 */
#ifndef SLU_CLI_VERBS_H
#define SLU_CLI_VERBS_H

#include "args.h"
#include "base/env.h"
#include "base/bytes.h"

#define SLU_EXIT_DONE 0
#define SLU_EXIT_FAILED 1
#define SLU_EXIT_USAGE 2
#define SLU_EXIT_NO_ANSWER 3

struct slu_verb {
    const char *name;    /* "plugins list" */
    const char *summary; /* one line */
    const char *usage;   /* positional words: "JOB.yaml" */
    const char *more;    /* further lines of --help; NULL: none */
    const slu_flag *flags;
    uint32_t flag_count;
    uint32_t words_min; /* positional words */
    uint32_t words_max;
    bool settings;   /* takes --a.b.c value */
    bool own_config; /* reads the file of --config itself */
    bool json;
    bool hidden; /* not in the list of verbs */
    int (*run)(const slu_args *args);
};

#define SLU_VERB_FLAGS(table) .flags = (table), .flag_count = sizeof(table) / sizeof((table)[0])

/* Every verb there is; its file defines it. */
extern const slu_verb slu_verb_run;
extern const slu_verb slu_verb_validate;
extern const slu_verb slu_verb_explain;
extern const slu_verb slu_verb_list;
extern const slu_verb slu_verb_describe;
extern const slu_verb slu_verb_wait;
extern const slu_verb slu_verb_cancel;
extern const slu_verb slu_verb_stop;
extern const slu_verb slu_verb_savepoint;
extern const slu_verb slu_verb_rescale;
extern const slu_verb slu_verb_rules_apply;
extern const slu_verb slu_verb_rules_list;
extern const slu_verb slu_verb_rules_show;
extern const slu_verb slu_verb_drain;
extern const slu_verb slu_verb_checkpoints_list;
extern const slu_verb slu_verb_checkpoints_show;
extern const slu_verb slu_verb_checkpoints_inspect;
extern const slu_verb slu_verb_checkpoints_dispose;
extern const slu_verb slu_verb_status;
extern const slu_verb slu_verb_logs;
extern const slu_verb slu_verb_plugins_list;
extern const slu_verb slu_verb_plugins_show;
extern const slu_verb slu_verb_plugins_check;
extern const slu_verb slu_verb_plugins_new;
extern const slu_verb slu_verb_server;
extern const slu_verb slu_verb_jobmanager;
extern const slu_verb slu_verb_taskmanager;
extern const slu_verb slu_verb_worker; /* started by a task manager */
extern const slu_verb slu_verb_up;
extern const slu_verb slu_verb_down;
extern const slu_verb slu_verb_demo;
extern const slu_verb slu_verb_sql;
extern const slu_verb slu_verb_lake_snapshots;
extern const slu_verb slu_verb_lake_files;
extern const slu_verb slu_verb_lake_compact;
extern const slu_verb slu_verb_lake_expire;
extern const slu_verb slu_verb_lake_orphans;
extern const slu_verb slu_verb_lake_verify;
extern const slu_verb slu_verb_tables_list;
extern const slu_verb slu_verb_tables_create;
extern const slu_verb slu_verb_tables_describe;
extern const slu_verb slu_verb_tables_load;
extern const slu_verb slu_verb_tables_read;
extern const slu_verb slu_verb_tables_drop;
extern const slu_verb slu_verb_tables_count;
extern const slu_verb slu_verb_tables_export;
extern const slu_verb slu_verb_tables_import;
extern const slu_verb slu_verb_tables_partitions;
extern const slu_verb slu_verb_tables_add_partition;
extern const slu_verb slu_verb_tables_drop_partition;

/* ---- Words that several verbs use ------------------------------------------------------------------------------------------------ */

/* "sluice VERB: message" on stderr; answers the exit code that the status deserves. */
int slu_cli_fail(const slu_args *args, const slu_error *err);
/* The real machine; logs at info, at debug with SLUICE_LOG=debug. */
const slu_env *slu_cli_env(void);
/* A wish to end: SIGINT or SIGTERM came after slu_cli_catch_signals. */
void slu_cli_catch_signals(void);
bool slu_cli_interrupted(void);
/* Prints a buffer; FAILED when stdout is gone. */
int slu_cli_print(slu_buf *out);
/* INVALID: names the nearest of the known settings. */
slu_status slu_cli_unknown_setting(const char *name, const char *const *known, size_t count, slu_error *err);

#endif
