#include "stack.h"

#include "base/file.h"

#include <inttypes.h>

static slu_status
server_start(cli_stack *stack, slu_error *err)
{
    char data_dir[STACK_PATH_BYTES];
    char warehouse[STACK_PATH_BYTES];
    const char *argv[8 + CLI_LAKE_WORDS_MAX + 1] = {
        stack->options->program, "server", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--datalake.format", "iceberg"};
    (void)snprintf(data_dir, sizeof data_dir, "%s/server", stack->dir);
    (void)snprintf(warehouse, sizeof warehouse, "%s/warehouse", stack->dir);
    SLU_TRY(cli_lake_words_init(&stack->lake, &stack->options->lake, warehouse, err));
    cli_lake_words_append(&stack->lake, argv, 8);
    if (stack->lake.own_directory)
        SLU_TRY(slu_dir_make(warehouse, err));
    SLU_TRY(cli_child_start(&stack->children, "server", argv, err));
    return cli_child_ready(&stack->children, stack->server, sizeof stack->server, stack->options->stop, err);
}

static slu_status
jobmanager_start(cli_stack *stack, slu_error *err)
{
    char data_dir[STACK_PATH_BYTES];
    (void)snprintf(data_dir, sizeof data_dir, "%s/jobmanager", stack->dir);
    const char *const argv[] = {
        stack->options->program, "jobmanager", "--listen", "127.0.0.1:0", "--rest-listen", "", "--data-dir", data_dir, NULL};
    SLU_TRY(cli_child_start(&stack->children, "jobmanager", argv, err));
    return cli_child_ready(&stack->children, stack->jobmanager, sizeof stack->jobmanager, stack->options->stop, err);
}

/* Slots for every job at once: generator, fraud job, tiering, and the accounts before them. */
static slu_status
taskmanager_start(cli_stack *stack, int64_t number, slu_error *err)
{
    char data_dir[STACK_PATH_BYTES];
    char name[32];
    char slots[24];
    char address[128];
    (void)snprintf(name, sizeof name, "taskmanager-%" PRId64, number);
    (void)snprintf(data_dir, sizeof data_dir, "%s/%s", stack->dir, name);
    (void)snprintf(slots, sizeof slots, "%" PRId64, 4 * stack->options->parallelism);
    const char *const argv[] = {
        stack->options->program, "taskmanager", "--jobmanager", stack->jobmanager, "--data-dir", data_dir, "--slots", slots, NULL};
    SLU_TRY(cli_child_start(&stack->children, name, argv, err));
    return cli_child_ready(&stack->children, address, sizeof address, stack->options->stop, err);
}

slu_status
cli_stack_start(cli_stack *stack, slu_error *err)
{
    char path[STACK_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/jobs", stack->dir);
    SLU_TRY(slu_dir_make(path, err));
    (void)snprintf(path, sizeof path, "%s/log", stack->dir);
    SLU_TRY(cli_children_init(&stack->children, path, err));
    SLU_TRY(server_start(stack, err));
    SLU_TRY(jobmanager_start(stack, err));
    for (int64_t number = 1; number <= stack->options->taskmanagers; number++)
        SLU_TRY(taskmanager_start(stack, number, err));
    return SLU_OK;
}

slu_status
cli_stack_submit(cli_stack *stack, const char *name, const char *yaml, int64_t parallelism, bool lake, slu_error *err)
{
    char path[STACK_PATH_BYTES];
    char command[64];
    char parallel[24];
    (void)snprintf(path, sizeof path, "%s/jobs/%s.yaml", stack->dir, name);
    (void)snprintf(command, sizeof command, "run-%s", name);
    (void)snprintf(parallel, sizeof parallel, "%" PRId64, parallelism);
    const char *argv[10 + CLI_LAKE_WORDS_MAX + 1] = {
        stack->options->program,     "run",        path, "--detached", "--jobmanager", stack->jobmanager, "--parallelism", parallel,
        "--fluss.bootstrap.servers", stack->server};
    if (lake)
        cli_lake_words_append(&stack->lake, argv, 10);
    SLU_TRY(slu_file_write(path, slu_view_of_text(yaml), false, err));
    return cli_child_run(&stack->children, command, argv, NULL, stack->options->stop, err);
}
