/*
 * stack.h: the processes of the demo and where they listen.
 *
 *   DIR/server      the table server's data       DIR/warehouse   the Iceberg warehouse
 *   DIR/jobmanager  its jobs and checkpoints      DIR/taskmanager-N
 *   DIR/jobs        the descriptors that ran      DIR/log         what every process said
 */
#ifndef SLU_CLI_DEMO_STACK_H
#define SLU_CLI_DEMO_STACK_H

#include "children.h"
#include "demo.h"
#include "lake_words.h"

#define STACK_PATH_BYTES 512

typedef struct cli_stack {
    const cli_demo_options *options;
    cli_children children;
    char dir[STACK_PATH_BYTES - 100];
    char server[128]; /* "127.0.0.1:41234" */
    char jobmanager[128];
    cli_lake_words lake;
} cli_stack;

SLU_CHECK slu_status cli_stack_start(cli_stack *stack, slu_error *err);
/* Writes DIR/jobs/NAME.yaml and submits it, detached. `lake`: it is told where the lake is. */
SLU_CHECK slu_status cli_stack_submit(cli_stack *stack, const char *name, const char *yaml, int64_t parallelism, bool lake,
                                      slu_error *err);

#endif
