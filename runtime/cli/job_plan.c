#include "job_plan.h"

#include "plan/descriptor.h"

#include <unistd.h>

#define REPORT_BYTES_MAX (1 << 16)

slu_registry *
slu_cli_registry(const slu_args *args)
{
    slu_error err;
    slu_registry *registry = NULL;
    slu_status status = slu_registry_new(&registry, &err);
    if (status == SLU_OK)
        status = slu_registry_add_default_dirs(registry, &err);
    if (status == SLU_OK)
        return registry;
    (void)slu_cli_fail(args, &err);
    slu_registry_free(&registry);
    return NULL;
}

static int
report(const slu_args *args, const slu_job_plan *plan, const slu_error *err)
{
    slu_buf out;
    /* A wrong option is wrong usage; what the file says wrong is a failure of the file. */
    const bool usage = err->line == 0 && strncmp(err->message, "unknown option --", 17) == 0;
    if (usage) {
        (void)slu_cli_fail(args, err);
        return SLU_EXIT_USAGE;
    }
    slu_buf_init(&out, REPORT_BYTES_MAX);
    slu_descriptor_report(args->words[0], slu_buf_view(&plan->text), err, &out);
    (void)fputs(slu_buf_cstr(&out), stderr);
    slu_buf_fini(&out);
    const bool silent = err->status == SLU_TIMEOUT || err->status == SLU_CLOSED || (err->status == SLU_IO && err->retriable != 0);
    return silent ? SLU_EXIT_NO_ANSWER : SLU_EXIT_FAILED;
}

/* Settings by where they came from, -p among those of the command line. */
typedef struct divided {
    slu_setting said[SLU_ARGS_SETTINGS_MAX + 1];
    slu_setting filed[SLU_ARGS_SETTINGS_MAX];
} divided;

static slu_descriptor
descriptor_of(const slu_args *args, divided *settings)
{
    const char *parallelism = slu_args_get(args, "parallelism");
    slu_descriptor d = {
        .path = args->words[0], .settings = settings->said, .file_settings = settings->filed, .environment = environ};
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (args->setting_from_file[i])
            settings->filed[d.file_setting_count++] = args->settings[i];
        else
            settings->said[d.setting_count++] = args->settings[i];
    if (parallelism != NULL)
        settings->said[d.setting_count++] = (slu_setting){"parallelism", parallelism};
    return d;
}

/* A relative directory is meant from here, not from wherever the job manager or a worker happens to run. */
static slu_status
checkpoint_dir_settle(slu_graph *graph, slu_error *err)
{
    char here[SLU_PATH_BYTES_MAX];
    const char *dir = graph->checkpoint.dir;
    if (dir[0] == 0 || dir[0] == '/' || strstr(dir, ":/") != NULL || getcwd(here, sizeof here) == NULL)
        return SLU_OK;
    graph->checkpoint.dir = slu_arena_printf(&graph->arena, "%s/%s", here, dir);
    return slu_arena_status(&graph->arena, err);
}

static slu_status
plan_make(const slu_args *args, slu_job_plan *plan, slu_error *err)
{
    divided settings;
    slu_descriptor descriptor = descriptor_of(args, &settings);
    const slu_planner planner = {
        .registry = plan->registry, .env = slu_cli_env(), .environment = environ, .offline = slu_args_has(args, "offline")};
    SLU_TRY(slu_descriptor_read_file(&descriptor, &plan->text, &plan->graph, err));
    SLU_TRY(checkpoint_dir_settle(plan->graph, err));
    SLU_TRY(slu_plan_graph(plan->graph, &planner, err));
    return planner.offline ? SLU_OK : slu_layout_new(plan->graph, &plan->layout, err);
}

int
slu_job_plan_make(const slu_args *args, slu_job_plan *out)
{
    slu_error err;
    memset(out, 0, sizeof *out);
    slu_buf_init(&out->text, 2 * SLU_GRAPH_TEXT_BYTES_MAX);
    out->registry = slu_cli_registry(args);
    if (out->registry == NULL)
        return SLU_EXIT_FAILED;
    if (plan_make(args, out, &err) == SLU_OK)
        return SLU_EXIT_DONE;
    const int code = report(args, out, &err);
    slu_job_plan_fini(out);
    return code;
}

void
slu_job_plan_fini(slu_job_plan *plan)
{
    slu_layout_free(&plan->layout);
    slu_graph_free(&plan->graph);
    slu_buf_fini(&plan->text);
    slu_registry_free(&plan->registry);
}
