/* verb_sql.c: SQL over streams and lake: one statement (-e), a file, standard input, or a prompt. */
#include "verbs.h"

#include "base/file.h"
#include "cli/catalog/catalog.h"
#include "cli/shell/interrupt.h"
#include "cli/shell/shell.h"
#include "lake_settings.h"
#include "fluss/s3/fluss_s3.h"

#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)4 << 20)

static slu_status
settings_check(const slu_args *args, slu_error *err)
{
    static const char *const known[] = {"fluss.client.security.protocol",
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
    return args->json ? SLU_SQL_FORMAT_JSON : format == NULL ? SLU_SQL_FORMAT_TABLE : slu_sql_format_named(format);
}

static slu_status
input_read(slu_buf *text, slu_error *err)
{
    char chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        slu_buf_append(text, chunk, got);
    return cli_interrupted() ? slu_error_set(err, SLU_CLOSED, "interrupted") : slu_buf_status(text, err);
}

/* The words of -e, of a file, or of standard input. */
static slu_status
text_run(const slu_args *args, cli_shell *shell, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, TEXT_BYTES_MAX);
    if (slu_args_has(args, "execute"))
        slu_buf_text(&text, slu_args_get(args, "execute"));
    else if (args->word_count > 0)
        SLU_TRY(slu_file_read(args->words[0], TEXT_BYTES_MAX, &text, err));
    else
        SLU_TRY(input_read(&text, err));
    SLU_TRY(slu_buf_status(&text, err));
    return cli_shell_text(shell, slu_buf_cstr(&text), err);
}

static slu_status
shell_run(const slu_args *args, slu_sql_session *session, slu_error *err)
{
    cli_shell *shell = NULL;
    const bool prompting = !slu_args_has(args, "execute") && args->word_count == 0 && isatty(STDIN_FILENO) == 1;
    SLU_TRY(cli_shell_open(session, format_of(args), prompting || slu_args_has(args, "timing"), &shell, err));
    const slu_status status = prompting ? cli_shell_prompt(shell, err) : text_run(args, shell, err);
    cli_shell_close(&shell);
    return status;
}

static cli_catalog_options
catalog_options(const slu_args *args, const cli_lake_settings *lake)
{
    const char *servers = slu_args_get(args, "fluss.bootstrap.servers");
    return (cli_catalog_options){.bootstrap_servers = servers != NULL ? servers : "127.0.0.1:9123",
                                 .database = slu_args_get(args, "database"),
                                 .stopped = cli_interrupted,
                                 .lake = cli_lake_settings_options(lake),
                                 .login = {.protocol = cli_setting(args, "fluss.client.security.protocol"),
                                           .mechanism = cli_setting(args, "fluss.client.security.sasl.mechanism"),
                                           .username = cli_setting(args, "fluss.client.security.sasl.username"),
                                           .password = cli_setting(args, "fluss.client.security.sasl.password"),
                                           .jaas_config = cli_setting(args, "fluss.client.security.sasl.jaas.config")},
                                 .files = {.open = fluss_s3_open,
                                           .endpoint = cli_setting(args, "fluss.client.fs.s3.endpoint"),
                                           .region = cli_setting(args, "fluss.client.fs.s3.region"),
                                           .access_key = cli_setting(args, "fluss.client.fs.s3.access-key"),
                                           .secret_key = cli_setting(args, "fluss.client.fs.s3.secret-key"),
                                           .path_style = cli_setting(args, "fluss.client.fs.s3.path-style-access")}};
}

static int
sql(const slu_args *args)
{
    slu_error err;
    cli_catalog *catalog = NULL;
    slu_sql_session *session = NULL;
    cli_lake_settings lake;
    slu_status status = cli_lake_settings_take(args, &lake, &err);
    const cli_catalog_options options = catalog_options(args, &lake);
    if (status == SLU_OK)
        status = settings_check(args, &err);
    if (status == SLU_OK && format_of(args) == 0)
        status = slu_error_set(&err, SLU_INVALID, "--format %s: it is table, csv or json", slu_args_get(args, "format"));
    if (status != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    cli_interrupt_catch();
    status = cli_catalog_open(slu_cli_env(), &options, &catalog, &err);
    if (status == SLU_OK)
        status = slu_sql_open(cli_catalog_sql(catalog), &session, &err);
    if (status == SLU_OK)
        status = shell_run(args, session, &err);
    const int code = status == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
    slu_sql_close(&session);
    cli_catalog_close(&catalog);
    return cli_interrupted() && status != SLU_OK ? SLU_EXIT_FAILED : code;
}

static const slu_flag flags[] = {
    {"fluss.bootstrap.servers", 'b', "HOST:PORT", "the cluster (127.0.0.1:9123)"},
    {"execute", 'e', "SQL", "run these statements and end"},
    {"format", 'f', "NAME", "table, csv or json (table)"},
    {"database", 0, "NAME", "where a name without a database is looked up (fluss)"},
    {"timing", 0, NULL, "how long each statement took, on stderr"},
};

const slu_verb slu_verb_sql = {.name = "sql",
                               .summary = "SQL over tables, their streams and their lake",
                               .usage = "[FILE.sql]",
                               .more = "Tables: T is the union of lake and log, T$log the log, T$changelog every change,\n"
                                       "T$lake the lake (T$lake@SNAPSHOT as of then), T$snapshots, T$files and\n"
                                       "T$partitions its parts. Beside queries: SHOW TABLES | DATABASES | PARTITIONS T,\n"
                                       "DESCRIBE T, SHOW CREATE TABLE T, CREATE, ALTER, DROP, INSERT INTO. Without FILE\n"
                                       "and -e on a terminal: a prompt, where .help says more. As JSON each result is\n"
                                       "one array; a query without a table needs no server.\n"
                                       "Settings: --datalake.iceberg.warehouse DIR, --datalake.iceberg.type hadoop|rest\n"
                                       "(with --datalake.iceberg.uri URI), --fluss.client.security.sasl.username NAME\n"
                                       "(the password rather in SLUICE_FLUSS_CLIENT_SECURITY_SASL_PASSWORD).",
                               SLU_VERB_FLAGS(flags),
                               .words_max = 1,
                               .settings = true,
                               .json = true,
                               .run = sql};
