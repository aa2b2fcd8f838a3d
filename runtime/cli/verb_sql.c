/* verb_sql.c: SQL over streams and lake: one statement (-e), a file, standard input, or a prompt. */
#include "verbs.h"

#include "base/file.h"
#include "cli/catalog/catalog.h"
#include "lake_settings.h"
#include "plan/descriptor.h"
#include "sql/session.h"

#include <ctype.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)4 << 20)

static slu_sql_session *running; /* for the signal handler: Ctrl-C ends a query, not the shell */

static void
on_interrupt(int number)
{
    (void)number;
    if (running != NULL)
        slu_sql_interrupt(running);
}

static slu_status
settings_check(const slu_args *args, slu_error *err)
{
    static const char *const known[] = {"fluss.bootstrap.servers",
                                        "fluss.client.security.protocol",
                                        "fluss.client.security.sasl.mechanism",
                                        "fluss.client.security.sasl.username",
                                        "fluss.client.security.sasl.password",
                                        "fluss.client.security.sasl.jaas.config",
                                        "datalake.format",
                                        "datalake.iceberg.type",
                                        "datalake.iceberg.warehouse",
                                        "datalake.iceberg.uri"};
    for (uint32_t i = 0; i < args->setting_count; i++) {
        bool found = strncmp(args->settings[i].name, LAKE_SETTING_PREFIX, strlen(LAKE_SETTING_PREFIX)) == 0;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found = found || strcmp(args->settings[i].name, known[k]) == 0;
        if (!found)
            return slu_cli_unknown_setting(args->settings[i].name, known, sizeof known / sizeof known[0], err);
    }
    return SLU_OK;
}

static int
format_of(const slu_args *args)
{
    const char *format = slu_args_get(args, "format");
    if (args->json || (format != NULL && strcmp(format, "json") == 0))
        return SLU_SQL_FORMAT_JSON;
    if (format != NULL && strcmp(format, "csv") == 0)
        return SLU_SQL_FORMAT_CSV;
    return format == NULL || strcmp(format, "table") == 0 ? SLU_SQL_FORMAT_TABLE : 0;
}

/* ---- The prompt ---- */

static char *
prompt(EditLine *line)
{
    static char first[] = "sluice> ";
    static char more[] = "   ...> ";
    const slu_buf *pending = NULL;
    (void)el_get(line, EL_CLIENTDATA, &pending);
    return pending != NULL && pending->bytes > 0 ? more : first;
}

/* A statement ends with ';' at the end of a line. */
static bool
complete(const slu_buf *text)
{
    size_t end = text->bytes;
    while (end > 0 && isspace(text->data[end - 1]))
        end--;
    return end > 0 && text->data[end - 1] == ';';
}

static bool
dot_command(const char *text, slu_sql_session *session, int *format, bool *timing, bool *quit)
{
    slu_error err;
    char word[32] = "";
    char rest[300] = "";
    if (text[0] != '.' || sscanf(text, "%31s %299s", word, rest) < 1)
        return false;
    if (strcmp(word, ".quit") == 0 || strcmp(word, ".exit") == 0) {
        *quit = true;
    } else if (strcmp(word, ".tables") == 0 || strcmp(word, ".schema") == 0) {
        char statement[400];
        (void)snprintf(statement, sizeof statement, strcmp(word, ".tables") == 0 ? "SHOW TABLES" : "DESCRIBE %s", rest);
        if (slu_sql_run(session, statement, *format, stdout, NULL, &err) != SLU_OK)
            (void)fprintf(stderr, "error: %s\n", err.message);
    } else if (strcmp(word, ".mode") == 0) {
        *format = strcmp(rest, "csv") == 0    ? SLU_SQL_FORMAT_CSV
                  : strcmp(rest, "json") == 0 ? SLU_SQL_FORMAT_JSON
                                              : SLU_SQL_FORMAT_TABLE;
    } else if (strcmp(word, ".timing") == 0) {
        *timing = strcmp(rest, "off") != 0;
    } else {
        (void)fputs(".tables  .schema TABLE  .mode table|csv|json  .timing on|off  .quit\n", stdout);
    }
    return true;
}

static void
statement_run(slu_sql_session *session, const char *text, int format, bool timing)
{
    slu_error err;
    struct timespec from;
    struct timespec to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    running = session;
    const slu_status status = slu_sql_run(session, text, format, stdout, NULL, &err);
    running = NULL;
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    if (status != SLU_OK)
        (void)fprintf(stderr, "error: %s\n", err.message);
    else if (timing)
        (void)printf("%.3f s\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

static void
history_path(char *path, size_t bytes)
{
    const char *home = getenv("HOME");
    (void)snprintf(path, bytes, "%s/.sluice_history", home == NULL ? "." : home);
}

static int
shell(slu_sql_session *session, int format)
{
    HistEvent event;
    char path[4096];
    slu_buf text;
    bool timing = true;
    bool quit = false;
    int length;
    const char *line;
    History *past = history_init();
    EditLine *editor = el_init("sluice", stdin, stdout, stderr);
    slu_buf_init(&text, TEXT_BYTES_MAX);
    if (past == NULL || editor == NULL)
        return SLU_EXIT_FAILED;
    history_path(path, sizeof path);
    (void)history(past, &event, H_SETSIZE, 1000);
    (void)history(past, &event, H_LOAD, path);
    (void)el_set(editor, EL_CLIENTDATA, &text);
    (void)el_set(editor, EL_PROMPT, prompt);
    (void)el_set(editor, EL_EDITOR, "emacs");
    (void)el_set(editor, EL_HIST, history, past);
    (void)puts("SQL ends with ';'. .help lists the rest.");
    while (!quit && (line = el_gets(editor, &length)) != NULL && length > 0) {
        if (text.bytes == 0 && dot_command(line, session, &format, &timing, &quit))
            continue;
        slu_buf_append(&text, line, (size_t)length);
        if (!complete(&text))
            continue;
        (void)history(past, &event, H_ENTER, slu_buf_cstr(&text));
        statement_run(session, slu_buf_cstr(&text), format, timing);
        slu_buf_reset(&text);
    }
    (void)history(past, &event, H_SAVE, path);
    el_end(editor);
    history_end(past);
    slu_buf_fini(&text);
    return SLU_EXIT_DONE;
}

/* ---- The verb ---- */

static slu_status
input_read(slu_buf *text, slu_error *err)
{
    char chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        slu_buf_append(text, chunk, got);
    return slu_buf_status(text, err);
}

static slu_status
text_run(const slu_args *args, slu_sql_session *session, int format, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text;
    slu_buf_init(&text, TEXT_BYTES_MAX);
    if (slu_args_has(args, "execute"))
        slu_buf_text(&text, slu_args_get(args, "execute"));
    else if (args->word_count > 0)
        SLU_TRY(slu_file_read(args->words[0], TEXT_BYTES_MAX, &text, err));
    else
        SLU_TRY(input_read(&text, err));
    running = session;
    const slu_status status = slu_sql_run(session, slu_buf_cstr(&text), format, stdout, NULL, err);
    running = NULL;
    return status;
}

static int
sql(const slu_args *args)
{
    slu_error err;
    cli_catalog *catalog = NULL;
    slu_sql_session *session = NULL;
    const int format = format_of(args);
    cli_lake_settings lake;
    slu_status status = cli_lake_settings_take(args, &lake, &err);
    cli_catalog_options options = {.bootstrap_servers = cli_setting(args, "fluss.bootstrap.servers"),
                                   .database = slu_args_get(args, "database"),
                                   .lake = cli_lake_settings_options(&lake),
                                   .login = {.protocol = cli_setting(args, "fluss.client.security.protocol"),
                                             .mechanism = cli_setting(args, "fluss.client.security.sasl.mechanism"),
                                             .username = cli_setting(args, "fluss.client.security.sasl.username"),
                                             .password = cli_setting(args, "fluss.client.security.sasl.password"),
                                             .jaas_config = cli_setting(args, "fluss.client.security.sasl.jaas.config")}};
    if (options.bootstrap_servers == NULL)
        options.bootstrap_servers = "127.0.0.1:9123";
    if (status == SLU_OK)
        status = settings_check(args, &err);
    if (status == SLU_OK && format == 0)
        status = slu_error_set(&err, SLU_INVALID, "--format %s: it is table, csv or json", slu_args_get(args, "format"));
    if (status != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    (void)setlocale(LC_CTYPE, "");
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    const bool interactive = !slu_args_has(args, "execute") && args->word_count == 0 && isatty(STDIN_FILENO) == 1;
    int code = SLU_EXIT_DONE;
    status = cli_catalog_open(slu_cli_env(), &options, &catalog, &err);
    if (status == SLU_OK)
        status = slu_sql_open(cli_catalog_sql(catalog), &session, &err);
    if (status == SLU_OK && interactive)
        code = shell(session, format);
    else if (status == SLU_OK)
        status = text_run(args, session, format, &err);
    if (status != SLU_OK)
        code = slu_cli_fail(args, &err);
    slu_sql_close(&session);
    cli_catalog_close(&catalog);
    return code;
}

static const slu_flag flags[] = {
    {"execute", 'e', "SQL", "run these statements and end"},
    {"format", 'f', "NAME", "table, csv or json (table)"},
    {"database", 0, "NAME", "where a name without a database is looked up (fluss)"},
};

const slu_verb slu_verb_sql = {
    .name = "sql",
    .summary = "SQL over tables, their streams and their lake",
    .usage = "[FILE.sql]",
    .more = "Tables: T is the union of lake and log, T$log the log, T$lake the lake (T$lake@SNAPSHOT as of then),\n"
            "T$snapshots and T$files its Iceberg table, T$partitions its partitions. SHOW TABLES; SHOW PARTITIONS T; DESCRIBE T.\n"
            "Settings: --fluss.bootstrap.servers HOST:PORT (127.0.0.1:9123), --datalake.iceberg.warehouse DIR,\n"
            "--datalake.iceberg.type hadoop|rest (with --datalake.iceberg.uri URI), --fluss.client.security.sasl.username NAME "
            "(the password rather in\n"
            "SLUICE_FLUSS_CLIENT_SECURITY_SASL_PASSWORD).",
    SLU_VERB_FLAGS(flags),
    .words_max = 1,
    .settings = true,
    .json = true,
    .run = sql};
