/* main.c: `sluice VERB ...`: finds the verb, parses for it, runs it. */
#include "verbs.h"

#include "base/crash.h"

#include "base/sizes.h"
#include "base/suggest.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0"
#endif

/* In the order of --help. */
static const slu_verb *const verbs[] = {
    &slu_verb_demo,
    &slu_verb_up,
    &slu_verb_down,
    &slu_verb_status,
    &slu_verb_server,
    &slu_verb_jobmanager,
    &slu_verb_taskmanager,
    &slu_verb_worker,
    &slu_verb_run,
    &slu_verb_validate,
    &slu_verb_explain,
    &slu_verb_list,
    &slu_verb_describe,
    &slu_verb_wait,
    &slu_verb_cancel,
    &slu_verb_stop,
    &slu_verb_savepoint,
    &slu_verb_rescale,
    &slu_verb_rules_apply,
    &slu_verb_rules_list,
    &slu_verb_rules_show,
    &slu_verb_drain,
    &slu_verb_checkpoints_list,
    &slu_verb_checkpoints_show,
    &slu_verb_checkpoints_inspect,
    &slu_verb_checkpoints_dispose,
    &slu_verb_logs,
    &slu_verb_plugins_list,
    &slu_verb_plugins_show,
    &slu_verb_plugins_check,
    &slu_verb_plugins_new,
    &slu_verb_tables_list,
    &slu_verb_tables_create,
    &slu_verb_tables_describe,
    &slu_verb_tables_load,
    &slu_verb_tables_read,
    &slu_verb_tables_drop,
    &slu_verb_tables_count,
    &slu_verb_tables_export,
    &slu_verb_tables_import,
    &slu_verb_tables_partitions,
    &slu_verb_tables_add_partition,
    &slu_verb_tables_drop_partition,
    &slu_verb_lake_snapshots,
    &slu_verb_lake_files,
    &slu_verb_lake_compact,
    &slu_verb_lake_expire,
    &slu_verb_lake_orphans,
    &slu_verb_lake_verify,
    &slu_verb_sql,
};

/* ---- Words that verbs share ------------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    interrupted = 1;
}

void
slu_cli_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool
slu_cli_interrupted(void)
{
    return interrupted != 0;
}

const slu_env *
slu_cli_env(void)
{
    static slu_env env;
    const char *level = getenv("SLUICE_LOG");
    if (env.log == NULL)
        slu_env_init_system(&env, level != NULL && strcmp(level, "debug") == 0   ? SLU_LOG_DEBUG
                                  : level != NULL && strcmp(level, "warn") == 0  ? SLU_LOG_WARN
                                  : level != NULL && strcmp(level, "error") == 0 ? SLU_LOG_ERROR
                                                                                 : SLU_LOG_INFO);
    return &env;
}

int
slu_cli_fail(const slu_args *args, const slu_error *err)
{
    (void)fprintf(stderr, "sluice %s: %s\n", args->verb->name, err->message);
    const bool silent = err->status == SLU_TIMEOUT || err->status == SLU_CLOSED || (err->status == SLU_IO && err->retriable);
    return silent && !interrupted ? SLU_EXIT_NO_ANSWER : SLU_EXIT_FAILED;
}

slu_status
slu_cli_unknown_setting(const char *name, const char *const *known, size_t count, slu_error *err)
{
    const char *nearest = slu_suggest(name, known, count);
    if (nearest != NULL)
        return slu_error_set(err, SLU_INVALID, "unknown setting --%s; did you mean --%s?", name, nearest);
    return slu_error_set(err, SLU_INVALID, "unknown setting --%s; --help lists those there are", name);
}

int
slu_cli_print(slu_buf *out)
{
    slu_error err;
    if (slu_buf_status(out, &err) != SLU_OK) {
        (void)fprintf(stderr, "sluice: %s\n", err.message);
        return SLU_EXIT_FAILED;
    }
    if (out->bytes != 0)
        (void)fwrite(out->data, 1, out->bytes, stdout);
    return fflush(stdout) == 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
}

/* ---- Help ---------------------------------------------------------------------------------------------------------------------- */

static void
overview(FILE *to, const char *group)
{
    slu_buf text;
    slu_buf_init(&text, 1 << 20);
    slu_buf_text(&text, "sluice VERB ...: streaming tables, jobs of C plugins, and tiering into Iceberg\n\n");
    for (size_t i = 0; i < SLU_COUNT_OF(verbs); i++)
        if (!verbs[i]->hidden && (group == NULL || strncmp(verbs[i]->name, group, strlen(group)) == 0)) {
            const size_t bytes = strlen(verbs[i]->name);
            slu_buf_printf(&text, "  %-17s ", verbs[i]->name);
            slu_help_text(&text, verbs[i]->summary, bytes > 17 ? 3 + bytes : 20, 20);
        }
    slu_buf_text(&text, "\n`sluice VERB --help` says more; `sluice --version` the version.\n");
    (void)fputs(slu_buf_cstr(&text), to);
    slu_buf_fini(&text);
}

/* ---- Finding the verb ----------------------------------------------------------------------------------------------------------- */

/* How many words of argv the verb's name takes; 0: it is another verb. */
static int
verb_matches(const slu_verb *verb, int argc, char *const *argv)
{
    const char *space = strchr(verb->name, ' ');
    if (space == NULL)
        return argc > 0 && strcmp(argv[0], verb->name) == 0 ? 1 : 0;
    const size_t bytes = (size_t)(space - verb->name);
    const bool first = argc > 1 && strlen(argv[0]) == bytes && strncmp(argv[0], verb->name, bytes) == 0;
    return first && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static bool
is_group(const char *word)
{
    for (size_t i = 0; i < SLU_COUNT_OF(verbs); i++) {
        const char *space = strchr(verbs[i]->name, ' ');
        if (space != NULL && strlen(word) == (size_t)(space - verbs[i]->name) && strncmp(verbs[i]->name, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

static int
verb_unknown(int argc, char *const *argv)
{
    const char *names[SLU_COUNT_OF(verbs)];
    char said[256];
    if (is_group(argv[0]) && (argc == 1 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        overview(argc == 1 ? stderr : stdout, argv[0]);
        return argc == 1 ? SLU_EXIT_USAGE : SLU_EXIT_DONE;
    }
    for (size_t i = 0; i < SLU_COUNT_OF(verbs); i++)
        names[i] = verbs[i]->name;
    (void)snprintf(said, sizeof said, "%s%s%s", argv[0], is_group(argv[0]) ? " " : "", is_group(argv[0]) ? argv[1] : "");
    const char *near = slu_suggest(said, names, SLU_COUNT_OF(names));
    (void)fprintf(stderr, "sluice: unknown verb %s%s%s%s\n", said, near == NULL ? ": see `sluice --help`" : ": did you mean ",
                  near == NULL ? "" : near, near == NULL ? "" : "?");
    return SLU_EXIT_USAGE;
}

static int
verb_run(const slu_verb *verb, int argc, char *const *argv)
{
    static slu_args args; /* large; one per process */
    slu_error err;
    if (slu_args_parse(verb, argc, argv, &args, &err) != SLU_OK) {
        (void)fprintf(stderr, "sluice %s: %s\n", verb->name, err.message);
        return SLU_EXIT_USAGE;
    }
    if (!args.help)
        return verb->run(&args);
    slu_buf help;
    slu_buf_init(&help, 1 << 20);
    slu_args_help(verb, &help);
    const int code = slu_cli_print(&help);
    slu_buf_fini(&help);
    return code;
}

int
main(int argc, char **argv)
{
    slu_crash_say();
    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        overview(stderr, NULL);
        return SLU_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        overview(stdout, NULL);
        return SLU_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("sluice %s\n", SLUICE_VERSION);
        return SLU_EXIT_DONE;
    }
    for (size_t i = 0; i < SLU_COUNT_OF(verbs); i++) {
        const int words = verb_matches(verbs[i], argc - 1, argv + 1);
        if (words != 0)
            return verb_run(verbs[i], argc - 1 - words, argv + 1 + words);
    }
    return verb_unknown(argc - 1, argv + 1);
}
