/*
 * demo.h: the main job end to end as child processes: table server, job manager, task managers; generator, fraud job, tiering; then the
 * result read back from stream and lake.
 *
 * Shape    one call. Progress goes to standard error (a line that rewrites itself on a terminal, plain lines elsewhere).
 * Owns     its children: they have ended when it returns, however it ends. Without `keep_dir` the data is removed.
 * Errors   what failed, with the child's last words; CLOSED: interrupted.
 */
#ifndef SLU_CLI_DEMO_DEMO_H
#define SLU_CLI_DEMO_DEMO_H

#include "base/env.h"
#include "lake/lake.h"

#include <stdbool.h>

typedef struct cli_demo_options {
    const char *program; /* path of this program */
    int64_t transactions;
    int64_t parallelism;
    int64_t taskmanagers;
    const char *keep_dir; /* NULL: a temporary folder, removed at the end */
    lake_options lake;    /* without a warehouse and a uri: a directory beside the server's */
    bool quiet;           /* no progress */
    bool (*stop)(void);   /* a wish to end */
} cli_demo_options;

typedef struct cli_demo_summary {
    int64_t transactions;
    int64_t frauds_expected;
    int64_t frauds_stream;
    int64_t frauds_lake;
    int64_t frauds_union;
    int64_t frauds_named;   /* with the account's name from the lookup join */
    double seconds;         /* from the generator's start to the last fraud in the lake */
    double rows_per_second; /* transactions through the fraud job */
    int64_t peak_pss_bytes;
} cli_demo_summary;

SLU_CHECK slu_status cli_demo_run(const slu_env *env, const cli_demo_options *options, cli_demo_summary *out, slu_error *err);
bool cli_demo_right(const cli_demo_summary *summary);

#endif
