/* verb_plugins.c: what can be loaded, what its options are, whether a foreign module may be. */
#include "job_plan.h"
#include "table.h"

#include "base/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX ((size_t)16 << 20)
#define CHECK_SECONDS_MAX 10

/* ---- In a child ------------------------------------------------------------------------------------------------------------------ */

/* Loads it there first: what its constructors do they do to the child. */
static slu_status
load_in_child(const char *path, slu_error *err)
{
    int status = 0;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        slu_registry *registry = NULL;
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)alarm(CHECK_SECONDS_MAX);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
        if (slu_registry_new(&registry, err) == SLU_OK)
            (void)!slu_registry_add_file(registry, path, err); /* an honest failure is found again by the parent */
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0)
        return slu_error_set(err, SLU_IO, "fork: %s", strerror(errno));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return slu_error_set(err, SLU_TIMEOUT, "%s: still loading after %d s", path, CHECK_SECONDS_MAX);
    if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
        return slu_error_set(err, SLU_INVALID, "%s: crashed while it was loaded (%s)", path,
                             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it ended the process");
    return SLU_OK;
}

/* ---- list ---------------------------------------------------------------------------------------------------------------------- */

static json_t *
list_json(const slu_registry *registry)
{
    json_t *plugins = json_array();
    json_t *failures = json_array();
    for (size_t i = 0; i < slu_registry_count(registry); i++) {
        const slu_registered r = slu_registry_at(registry, i);
        json_array_append_new(plugins, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", r.plugin->name, "kind",
                                                 slu_kind_name(r.plugin->kind), "module", r.module->name, "version",
                                                 r.module->version == NULL ? "" : r.module->version, "path", r.path, "sha256",
                                                 r.sha256, "help", r.plugin->help == NULL ? "" : r.plugin->help));
    }
    for (size_t i = 0; i < slu_registry_failure_count(registry); i++)
        json_array_append_new(failures, json_string(slu_registry_failure(registry, i)));
    return json_pack("{s:o, s:o}", "plugins", plugins, "failures", failures);
}

static void
json_print(json_t *root, slu_buf *out)
{
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(2));
    slu_buf_printf(out, "%s\n", text == NULL ? "null" : text);
    free(text);
    json_decref(root);
}

static slu_status
list_text(const slu_registry *registry, slu_buf *out, slu_error *err)
{
    slu_table table;
    slu_table_init(&table, "NAME|KIND|MODULE|VERSION|WHAT IT DOES");
    for (size_t i = 0; i < slu_registry_count(registry); i++) {
        const slu_registered r = slu_registry_at(registry, i);
        slu_table_cell(&table, "%s", r.plugin->name);
        slu_table_cell(&table, "%s", slu_kind_name(r.plugin->kind));
        slu_table_cell(&table, "%s", r.module->name);
        slu_table_cell(&table, "%s", r.module->version == NULL ? "" : r.module->version);
        slu_table_cell(&table, "%s", r.plugin->help == NULL ? "" : r.plugin->help);
    }
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), out, err);
    slu_table_fini(&table);
    return status;
}

static int
plugins_list(const slu_args *args)
{
    slu_error err;
    slu_buf out;
    SLU_AUTO(slu_registry_free) slu_registry *registry = slu_cli_registry(args);
    if (registry == NULL)
        return SLU_EXIT_FAILED;
    slu_registry_set_guard(registry, load_in_child);
    slu_status status = slu_registry_load_all(registry, &err);
    slu_buf_init(&out, OUTPUT_BYTES_MAX);
    if (status == SLU_OK && args->json)
        json_print(list_json(registry), &out);
    else if (status == SLU_OK)
        status = list_text(registry, &out, &err);
    int code = status == SLU_OK ? slu_cli_print(&out) : slu_cli_fail(args, &err);
    slu_buf_fini(&out);
    for (size_t i = 0; i < slu_registry_failure_count(registry); i++) {
        (void)fprintf(stderr, "sluice plugins list: not loaded: %s\n", slu_registry_failure(registry, i));
        code = SLU_EXIT_FAILED;
    }
    return code;
}

/* ---- show ---------------------------------------------------------------------------------------------------------------------- */

static const char *
option_type_name(uint32_t type)
{
    static const char *const names[] = {"?",    "text",   "integer", "number", "true/false", "duration",
                                        "size", "choice", "list",    "map",    "value"};
    return type <= SLU_OPTION_VALUE ? names[type] : "?";
}

static void
bounds_text(const slu_option *option, char *out, size_t bytes)
{
    out[0] = 0;
    if (option->type == SLU_OPTION_CHOICE)
        (void)snprintf(out, bytes, "%s", option->choices);
    else if (option->min != 0 || option->max != 0)
        (void)snprintf(out, bytes, "%lld..%lld%s", (long long)option->min, (long long)option->max,
                       option->type == SLU_OPTION_DURATION ? " ms"
                       : option->type == SLU_OPTION_BYTES  ? " bytes"
                                                           : "");
}

static void
option_text(const slu_option *option, slu_buf *out)
{
    char bounds[256];
    bounds_text(option, bounds, sizeof bounds);
    slu_buf_printf(out, "  %s  (%s%s%s%s%s%s%s)\n", option->name, option_type_name(option->type), bounds[0] == 0 ? "" : ": ",
                   bounds, (option->flags & SLU_OPTION_REQUIRED) != 0 ? ", required" : "",
                   option->text_default != NULL && option->text_default[0] != 0 ? ", default " : "",
                   option->text_default != NULL ? option->text_default : "",
                   (option->flags & SLU_OPTION_SECRET) != 0 ? ", secret" : "");
    slu_buf_printf(out, "      %s\n", option->help == NULL ? "" : option->help);
    if (option->param != NULL)
        slu_buf_printf(out, "      also by the job parameter %s\n", option->param);
}

static void
plugin_text(const slu_registered *r, slu_buf *out)
{
    const slu_plugin *plugin = r->plugin;
    slu_buf_printf(out, "%s: %s\n%s\n\n", plugin->name, slu_kind_name(plugin->kind), plugin->help == NULL ? "" : plugin->help);
    slu_buf_printf(out, "module    %s %s, plugin ABI %u.%u\n", r->module->name,
                   r->module->version == NULL ? "" : r->module->version, r->module->abi >> 16, r->module->abi & 0xffff);
    slu_buf_printf(out, "file      %s\nsha256    %s\n", r->path, r->sha256);
    if (plugin->kind == SLU_KIND_OPERATOR || plugin->kind == SLU_KIND_SINK)
        slu_buf_printf(out, "inputs    %u to %u\n", plugin->input_min, plugin->input_max);
    if (plugin->kind == SLU_KIND_OPERATOR || plugin->kind == SLU_KIND_SOURCE)
        slu_buf_printf(out, "outputs   %u\n", plugin->output_count);
    if ((plugin->flags & SLU_PLUGIN_KEYED) != 0)
        slu_buf_text(out, "keyed     its rows must be divided by hash\n");
    if ((plugin->flags & SLU_PLUGIN_NONDETERMINISTIC) != 0)
        slu_buf_text(out, "replay    may give other rows\n");
    if (plugin->partitioner != NULL)
        slu_buf_text(out, "bucket    has a bucket function of its own\n");
    slu_buf_printf(out, "\noptions%s\n", plugin->option_count == 0 ? ": none" : "");
    for (uint32_t i = 0; i < plugin->option_count; i++)
        option_text(&plugin->options[i], out);
}

static json_t *
option_json(const slu_option *option)
{
    char bounds[256];
    bounds_text(option, bounds, sizeof bounds);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:s, s:b, s:b}", "name", option->name, "type", option_type_name(option->type),
                     "default", option->text_default, "param", option->param, "bounds", bounds, "help",
                     option->help == NULL ? "" : option->help, "required", (int)(option->flags & SLU_OPTION_REQUIRED), "secret",
                     (option->flags & SLU_OPTION_SECRET) != 0);
}

static json_t *
plugin_json(const slu_registered *r)
{
    json_t *options = json_array();
    for (uint32_t i = 0; i < r->plugin->option_count; i++)
        json_array_append_new(options, option_json(&r->plugin->options[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:b, s:o}", "name", r->plugin->name, "kind",
                     slu_kind_name(r->plugin->kind), "help", r->plugin->help == NULL ? "" : r->plugin->help, "module",
                     r->module->name, "version", r->module->version == NULL ? "" : r->module->version, "path", r->path, "sha256",
                     r->sha256, "inputs_min", (json_int_t)r->plugin->input_min, "inputs_max", (json_int_t)r->plugin->input_max,
                     "outputs", (json_int_t)r->plugin->output_count, "keyed", (r->plugin->flags & SLU_PLUGIN_KEYED) != 0,
                     "nondeterministic", (r->plugin->flags & SLU_PLUGIN_NONDETERMINISTIC) != 0, "partitioner",
                     r->plugin->partitioner != NULL, "options", options);
}

static int
plugins_show(const slu_args *args)
{
    slu_error err;
    slu_buf out;
    slu_registered found;
    SLU_AUTO(slu_registry_free) slu_registry *registry = slu_cli_registry(args);
    if (registry == NULL)
        return SLU_EXIT_FAILED;
    slu_registry_set_guard(registry, load_in_child);
    if (slu_registry_find(registry, args->words[0], 0, &found, &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    slu_buf_init(&out, OUTPUT_BYTES_MAX);
    if (args->json)
        json_print(plugin_json(&found), &out);
    else
        plugin_text(&found, &out);
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

/* ---- check --------------------------------------------------------------------------------------------------------------------- */

/* In the child: loads and says what it is. Whatever the module's constructors do, they do it here. */
static int
check_in_child(const char *path, bool json)
{
    slu_error err;
    slu_buf out;
    SLU_AUTO(slu_registry_free) slu_registry *registry = NULL;
    if (slu_registry_new(&registry, &err) != SLU_OK || slu_registry_add_file(registry, path, &err) != SLU_OK) {
        (void)fprintf(stderr, "sluice plugins check: %s\n", err.message);
        return SLU_EXIT_FAILED;
    }
    slu_buf_init(&out, OUTPUT_BYTES_MAX);
    if (json)
        json_print(list_json(registry), &out);
    else
        slu_buf_printf(&out, "%s: a module that this sluice can load: %zu plugin%s\n", path, slu_registry_count(registry),
                       slu_registry_count(registry) == 1 ? "" : "s");
    for (size_t i = 0; i < slu_registry_count(registry) && !json; i++)
        slu_buf_printf(&out, "  %s (%s, %u options)\n", slu_registry_at(registry, i).plugin->name,
                       slu_kind_name(slu_registry_at(registry, i).plugin->kind), slu_registry_at(registry, i).plugin->option_count);
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

static int
child_verdict(const char *path, int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
    if (WTERMSIG(status) == SIGALRM)
        (void)fprintf(stderr, "sluice plugins check: %s: still loading after %d s\n", path, CHECK_SECONDS_MAX);
    else
        (void)fprintf(stderr, "sluice plugins check: %s: crashed while it was loaded (%s)\n", path, strsignal(WTERMSIG(status)));
    return SLU_EXIT_FAILED;
}

static int
plugins_check(const slu_args *args)
{
    int status = 0;
    char path[4096];
    if (realpath(args->words[0], path) == NULL) {
        (void)fprintf(stderr, "sluice plugins check: %s: %s\n", args->words[0], strerror(errno));
        return SLU_EXIT_FAILED;
    }
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(CHECK_SECONDS_MAX);
        _exit(check_in_child(path, args->json));
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return SLU_EXIT_FAILED;
    if (child < 0) {
        (void)fprintf(stderr, "sluice plugins check: fork: %s\n", strerror(errno));
        return SLU_EXIT_FAILED;
    }
    return child_verdict(path, status);
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------ */

const slu_verb slu_verb_plugins_list = {
    .name = "plugins list",
    .summary = "the plugins that can be loaded",
    .usage = "",
    .json = true,
    .more = "Looked for in SLUICE_PLUGIN_PATH (colons between), in plugins/ beside the program, and in the\n"
            "install's lib/sluice/plugins. The first file of a name hides later ones.\n",
    .run = plugins_list};
const slu_verb slu_verb_plugins_show = {.name = "plugins show",
                                        .summary = "a plugin and its options",
                                        .usage = "NAME",
                                        .words_min = 1,
                                        .words_max = 1,
                                        .json = true,
                                        .run = plugins_show};
const slu_verb slu_verb_plugins_check = {.name = "plugins check",
                                         .summary = "examines a module in a child process: may it be loaded?",
                                         .usage = "FILE.so",
                                         .words_min = 1,
                                         .words_max = 1,
                                         .json = true,
                                         .run = plugins_check};
