/* verb_stack.c: the whole stack in the background, in a data directory: up, down. */
#include "background.h"
#include "verbs.h"

#include "base/file.h"
#include "cli/demo/children.h"
#include "cli/demo/lake_words.h"
#include "client/client.h"
#include "demo/demo_jobs.h"
#include "lake_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define DATA_DIR_DEFAULT "sluice-data"
#define PATH_BYTES 2300

static const char *
data_dir(const slu_args *args)
{
    const char *dir = slu_args_get(args, "data-dir");
    return dir == NULL ? DATA_DIR_DEFAULT : dir;
}

static const char *
address_or(const slu_args *args, const char *flag, const char *otherwise)
{
    const char *address = slu_args_get(args, flag);
    return address == NULL ? otherwise : address;
}

/* ---- up -------------------------------------------------------------------------------------------------------------------------- */

static slu_status
server_up(const slu_args *args, const cli_lake_words *lake, slu_background *stack, slu_error *err)
{
    char dir[PATH_BYTES];
    const char *argv[8 + CLI_LAKE_WORDS_MAX + 1] = {
        "sluice",     "server", "--listen",          address_or(args, "server-listen", "127.0.0.1:9123"),
        "--data-dir", dir,      "--datalake.format", "iceberg"};
    (void)snprintf(dir, sizeof dir, "%s/server", stack->dir);
    cli_lake_words_append(lake, argv, 8);
    return slu_background_start(stack, "server", argv, err);
}

static slu_status
jobmanager_up(const slu_args *args, slu_background *stack, slu_error *err)
{
    char dir[PATH_BYTES];
    (void)snprintf(dir, sizeof dir, "%s/jobmanager", stack->dir);
    const char *rest = slu_args_get(args, "rest-listen");
    /* Without --rest-listen the job manager takes 8081 when it is free. */
    const char *const argv[] = {"sluice",
                                "jobmanager",
                                "--listen",
                                address_or(args, "jobmanager-listen", "127.0.0.1:6123"),
                                "--data-dir",
                                dir,
                                rest == NULL ? NULL : "--rest-listen",
                                rest,
                                NULL};
    return slu_background_start(stack, "jobmanager", argv, err);
}

static slu_status
taskmanager_up(const slu_args *args, slu_background *stack, int64_t number, slu_error *err)
{
    char dir[PATH_BYTES], name[64], jobmanager[160];
    (void)snprintf(name, sizeof name, "taskmanager-%" PRId64, number);
    (void)snprintf(dir, sizeof dir, "%s/%s", stack->dir, name);
    (void)snprintf(jobmanager, sizeof jobmanager, "%s", stack->daemons[1].address);
    const char *const argv[] = {
        "sluice", "taskmanager", "--jobmanager", jobmanager, "--data-dir", dir, "--slots", address_or(args, "slots", "16"), NULL};
    return slu_background_start(stack, name, argv, err);
}

/* The job manager goes on with the tiering job of an earlier `up`, whose table server may have listened elsewhere: this one takes its
 * place. A job that is unknown or over needs nothing, and one that cannot be cancelled is no reason not to come up. */
static void
tiering_before_cancel(const slu_background *stack, slu_view job)
{
    char id[SLU_JOB_ID_BYTES] = "";
    slu_client *client = NULL;
    const slu_message *answer = NULL;
    if (job.bytes != sizeof id - 1)
        return;
    memcpy(id, job.data, sizeof id - 1);
    if (slu_client_open(slu_cli_env(), stack->daemons[1].address, SLU_CLIENT_TIMEOUT_MS_DEFAULT, &client, NULL) == SLU_OK)
        (void)!slu_client_cancel(client, id, &answer, NULL);
    slu_client_close(&client);
}

/* Runs the submission; DATA-DIR/jobs/tiering.id says which job this stack's tiering is. */
static slu_status
tiering_submit(const slu_background *stack, cli_children *children, const char *const *argv, slu_error *err)
{
    char path[PATH_BYTES];
    slu_buf id, said;
    slu_buf_init(&id, SLU_JOB_ID_BYTES);
    slu_buf_init(&said, 1 << 16);
    (void)snprintf(path, sizeof path, "%s/jobs/tiering.id", stack->dir);
    if (slu_file_read(path, SLU_JOB_ID_BYTES, &id, NULL) == SLU_OK)
        tiering_before_cancel(stack, slu_buf_view(&id));
    slu_status status = cli_child_run(children, "run-tiering", argv, &said, slu_cli_interrupted, err);
    const slu_view words = slu_buf_view(&said);
    size_t end = words.bytes; /* "... with JobID 0123..." and the end of the line */
    while (end > 0 && (words.data[end - 1] == '\n' || words.data[end - 1] == ' '))
        end--;
    if (status == SLU_OK && end >= SLU_JOB_ID_BYTES - 1)
        status = slu_file_write(path, (slu_view){words.data + end - (SLU_JOB_ID_BYTES - 1), SLU_JOB_ID_BYTES - 1}, false, err);
    slu_buf_fini(&said);
    slu_buf_fini(&id);
    return status;
}

/* Tiering is a job like any other: written down, where a person can look at it, and submitted. */
static slu_status
tiering_up(const cli_lake_words *lake, const slu_background *stack, slu_error *err)
{
    static cli_children children; /* large; one per process */
    char path[PATH_BYTES], logs[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/jobs", stack->dir);
    (void)snprintf(logs, sizeof logs, "%s/log", stack->dir);
    SLU_TRY(slu_dir_make(path, err));
    (void)snprintf(path, sizeof path, "%s/jobs/tiering.yaml", stack->dir);
    SLU_TRY(slu_file_write(path, slu_view_of_text(cli_demo_tiering_yaml), false, err));
    const char *argv[8 + CLI_LAKE_WORDS_MAX + 1] = {
        "/proc/self/exe",         "run", path, "--detached", "--jobmanager", stack->daemons[1].address, "--fluss.bootstrap.servers",
        stack->daemons[0].address};
    cli_lake_words_append(lake, argv, 8);
    SLU_TRY(cli_children_init(&children, logs, err));
    return tiering_submit(stack, &children, argv, err);
}

/* The command line's lake; without one a directory of the stack's own. */
static slu_status
lake_take(const slu_args *args, const slu_background *stack, cli_lake_words *out, slu_error *err)
{
    char warehouse[PATH_BYTES];
    cli_lake_settings settings;
    SLU_TRY(cli_lake_settings_only(args, &settings, err));
    if (slu_args_has(args, "warehouse"))
        SLU_TRY(cli_lake_settings_add(&settings, LAKE_SETTING_PREFIX "warehouse", slu_args_get(args, "warehouse"), err));
    (void)snprintf(warehouse, sizeof warehouse, "%s/warehouse", stack->dir);
    const lake_options said = cli_lake_settings_options(&settings);
    SLU_TRY(cli_lake_words_init(out, &said, warehouse, err));
    const lake_options all = cli_lake_words_options(out);
    const char *place = lake_setting(&all, "warehouse");
    return place != NULL && place[0] == '/' ? slu_dir_make(place, err) : SLU_OK;
}

static slu_status
daemons_up(const slu_args *args, const cli_lake_words *lake, slu_background *stack, slu_error *err)
{
    int64_t taskmanagers = 1;
    SLU_TRY(slu_args_i64(args, "taskmanagers", 1, 64, &taskmanagers, err));
    stack->count = 0;
    slu_status status = server_up(args, lake, stack, err);
    if (status == SLU_OK)
        status = jobmanager_up(args, stack, err);
    for (int64_t number = 1; number <= taskmanagers && status == SLU_OK; number++)
        status = taskmanager_up(args, stack, number, err);
    if (status == SLU_OK && !slu_args_has(args, "no-tiering"))
        status = tiering_up(lake, stack, err);
    if (status != SLU_OK)
        (void)slu_background_end(stack);
    return status;
}

static slu_status
stack_up(const slu_args *args, slu_background *stack, slu_error *err)
{
    SLU_AUTO(cli_lake_words_fini) cli_lake_words lake = {0};
    char dir[PATH_MAX]; /* from the root: the daemons are told of places below it */
    SLU_TRY(slu_dir_make(data_dir(args), err));
    if (realpath(data_dir(args), dir) == NULL)
        return slu_errno_set(err, errno, "find", data_dir(args));
    SLU_TRY(slu_background_load(stack, dir, err));
    for (uint32_t i = 0; i < stack->count; i++)
        if (slu_daemon_alive(&stack->daemons[i]))
            return slu_error_set(err, SLU_CONFLICT, "the stack in %s is up already (%s is process %ld): `sluice down` ends it",
                                 stack->dir, stack->daemons[i].name, (long)stack->daemons[i].pid);
    SLU_TRY(lake_take(args, stack, &lake, err));
    return daemons_up(args, &lake, stack, err);
}

static int
stack_show(const slu_args *args, const slu_background *stack)
{
    slu_buf out;
    slu_buf_init(&out, 1 << 20);
    if (args->json)
        slu_buf_text(&out, "[");
    for (uint32_t i = 0; i < stack->count; i++) {
        const slu_daemon *daemon = &stack->daemons[i];
        if (args->json)
            slu_buf_printf(&out, "%s{\"name\": \"%s\", \"pid\": %ld, \"address\": \"%s\"}", i == 0 ? "" : ", ", daemon->name,
                           (long)daemon->pid, daemon->address);
        else
            slu_buf_printf(&out, "%-16s process %-8ld %s\n", daemon->name, (long)daemon->pid, daemon->address);
    }
    slu_buf_text(&out, args->json ? "]\n" : "");
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

static int
up(const slu_args *args)
{
    static slu_background stack; /* large; one per process */
    slu_error err;
    if (stack_up(args, &stack, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_FAILED;
    }
    return stack_show(args, &stack);
}

/* ---- down ------------------------------------------------------------------------------------------------------------------------ */

static int
down(const slu_args *args)
{
    static slu_background stack;
    slu_error err;
    uint32_t alive = 0;
    if (slu_background_load(&stack, data_dir(args), &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    for (uint32_t i = 0; i < stack.count; i++)
        alive += slu_daemon_alive(&stack.daemons[i]);
    const uint32_t killed = slu_background_end(&stack);
    if (alive == 0)
        (void)printf("nothing of %s was up\n", stack.dir);
    else
        (void)printf("%u daemons of %s ended; its data stays\n", alive, stack.dir);
    if (killed != 0)
        (void)fprintf(stderr, "sluice down: %u of them did not end by themselves and were killed\n", killed);
    return killed == 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
}

static const slu_flag up_flags[] = {
    {"data-dir", 0, "DIR", "everything lies below it (sluice-data)"},
    {"server-listen", 0, "HOST:PORT", "the table server (127.0.0.1:9123)"},
    {"jobmanager-listen", 0, "HOST:PORT", "the job manager (127.0.0.1:6123)"},
    {"rest-listen", 0, "HOST:PORT", "REST and dashboard (127.0.0.1:8081; \"\": none)"},
    {"warehouse", 0, "DIR", "where lake tables lie (DATA-DIR/warehouse)"},
    {"taskmanagers", 0, "T", "how many (1)"},
    {"slots", 0, "N", "of each task manager (16)"},
    {"no-tiering", 0, NULL, "without the job that moves tables into the lake"},
};

static const slu_flag down_flags[] = {
    {"data-dir", 0, "DIR", "the one that `up` was given (sluice-data)"},
};

const slu_verb slu_verb_up = {
    .name = "up",
    .summary = "the whole stack in the background, tiering into a lake included",
    .usage = "",
    SLU_VERB_FLAGS(up_flags),
    .settings = true,
    .json = true,
    .more = "Their output goes to DATA-DIR/log. `sluice down` ends them; the data stays. Another lake is named by\n"
            "--datalake.iceberg.type, .warehouse, .uri, .s3.endpoint ...\n",
    .run = up};
const slu_verb slu_verb_down = {
    .name = "down", .summary = "ends what `up` started", .usage = "", SLU_VERB_FLAGS(down_flags), .run = down};
