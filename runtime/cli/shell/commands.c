/* commands.c: what a shell understands beside SQL. */
#include "shell_internal.h"

#include "base/file.h"
#include "base/sizes.h"
#include "base/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define WORD_BYTES_MAX 600

typedef struct command {
    const char *name;  /* with its dot */
    const char *psql;  /* what a user of psql types; NULL: nothing */
    const char *words; /* for .help */
    const char *help;
    slu_status (*run)(cli_shell *shell, const char *rest, slu_error *err);
} command;

static slu_status run_help(cli_shell *shell, const char *rest, slu_error *err);

static slu_status
run_quit(cli_shell *shell, const char *rest, slu_error *err)
{
    (void)rest;
    (void)err;
    shell->quit = true;
    return SLU_OK;
}

static slu_status
sql_with(cli_shell *shell, const char *words, const char *name, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf sql = {0};
    slu_buf_init(&sql, WORD_BYTES_MAX + 100);
    slu_buf_printf(&sql, "%s%s", words, name);
    SLU_TRY(slu_buf_status(&sql, err));
    return slu_sql_run(shell->session, slu_buf_cstr(&sql), shell->format, stdout, NULL, err);
}

static slu_status
run_tables(cli_shell *shell, const char *rest, slu_error *err)
{
    (void)rest;
    return sql_with(shell, "SHOW TABLES", "", err);
}

static slu_status
run_databases(cli_shell *shell, const char *rest, slu_error *err)
{
    (void)rest;
    return sql_with(shell, "SHOW DATABASES", "", err);
}

static slu_status
run_schema(cli_shell *shell, const char *rest, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    if (rest[0] == 0)
        return slu_error_set(err, SLU_INVALID, ".schema wants a table: .schema TABLE; .tables lists them");
    slu_buf_init(&text, SHELL_TEXT_BYTES_MAX);
    SLU_TRY(slu_sql_schema(shell->session, rest, &text, err));
    (void)fputs(slu_buf_cstr(&text), stdout);
    return fflush(stdout) == 0 ? SLU_OK : slu_error_set(err, SLU_IO, "writing the schema failed");
}

static slu_status
run_describe(cli_shell *shell, const char *rest, slu_error *err)
{
    return rest[0] == 0 ? run_tables(shell, rest, err) : sql_with(shell, "DESCRIBE ", rest, err);
}

static slu_status
run_mode(cli_shell *shell, const char *rest, slu_error *err)
{
    const int format = slu_sql_format_named(rest);
    if (format == 0)
        return slu_error_set(err, SLU_INVALID, ".mode %s: it is table, csv or json", rest);
    shell->format = format;
    return SLU_OK;
}

static slu_status
run_timing(cli_shell *shell, const char *rest, slu_error *err)
{
    if (rest[0] != 0 && strcasecmp(rest, "on") != 0 && strcasecmp(rest, "off") != 0)
        return slu_error_set(err, SLU_INVALID, ".timing %s: it is on or off", rest);
    shell->timing = rest[0] == 0 ? !shell->timing : strcasecmp(rest, "on") == 0;
    if (shell->prompting)
        (void)printf("Timing is %s.\n", shell->timing ? "on" : "off");
    return SLU_OK;
}

static slu_status
run_read(cli_shell *shell, const char *rest, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    if (rest[0] == 0)
        return slu_error_set(err, SLU_INVALID, ".read wants a file");
    slu_buf_init(&text, SHELL_TEXT_BYTES_MAX);
    SLU_TRY(slu_file_read(rest, SHELL_TEXT_BYTES_MAX, &text, err));
    return slu_sql_run(shell->session, slu_buf_cstr(&text), shell->format, stdout, NULL, err);
}

static const command commands[] = {
    {".databases", "\\l", "", "the databases", run_databases},
    {".describe", "\\d", "TABLE", "the columns of a table and their types", run_describe},
    {".exit", NULL, "", "ends the shell, as .quit and Ctrl-D do", run_quit},
    {".help", "\\?", "", "this list", run_help},
    {".mode", NULL, "table|csv|json", "how rows are printed", run_mode},
    {".quit", "\\q", "", "ends the shell", run_quit},
    {".read", "\\i", "FILE", "runs the SQL of a file", run_read},
    {".schema", NULL, "TABLE", "the statement that makes such a table", run_schema},
    {".tables", "\\dt", "", "the tables of every database", run_tables},
    {".timer", NULL, "on|off", "the same as .timing", run_timing},
    {".timing", "\\timing", "on|off", "how long a statement took, and what was read for it", run_timing},
};

static slu_status
run_help(cli_shell *shell, const char *rest, slu_error *err)
{
    (void)shell;
    (void)rest;
    (void)err;
    for (size_t i = 0; i < SLU_COUNT_OF(commands); i++)
        (void)printf("%-10s %-15s %s\n", commands[i].name, commands[i].words, commands[i].help);
    (void)fputs("\nSQL ends with ';'. Beside queries: SHOW TABLES, SHOW DATABASES, DESCRIBE T,\n"
                "SHOW CREATE TABLE T, CREATE, ALTER, DROP of tables and databases, INSERT INTO.\n"
                "T is the union of lake and log; T$log, T$changelog, T$lake, T$lake@SNAPSHOT,\n"
                "T$snapshots, T$files and T$partitions are its parts.\n"
                "TAB completes names; Ctrl-C ends a query or drops a line; Ctrl-D leaves.\n",
                stdout);
    return SLU_OK;
}

const char *
shell_command_name(size_t k)
{
    return k < SLU_COUNT_OF(commands) ? commands[k].name : NULL;
}

static const command *
command_find(const char *word)
{
    for (size_t i = 0; i < SLU_COUNT_OF(commands); i++)
        if (strcasecmp(commands[i].name, word) == 0 || (commands[i].psql != NULL && strcmp(commands[i].psql, word) == 0))
            return &commands[i];
    /* People type these without a dot, and no statement begins with them. */
    const bool leaves = strcasecmp(word, "quit") == 0 || strcasecmp(word, "exit") == 0;
    return leaves ? command_find(".quit") : strcasecmp(word, "help") == 0 ? command_find(".help") : NULL;
}

static slu_status
command_unknown(const char *word, slu_error *err)
{
    const char *names[SLU_COUNT_OF(commands)];
    for (size_t i = 0; i < SLU_COUNT_OF(commands); i++)
        names[i] = commands[i].name;
    const char *nearest = slu_suggest(word, names, SLU_COUNT_OF(names));
    return slu_error_set(err, SLU_INVALID, "unknown command %s; %s%s%s", word, nearest == NULL ? "" : "did you mean ",
                         nearest == NULL ? ".help lists them" : nearest, nearest == NULL ? "" : "?");
}

/* The line's first word, and the rest without blanks and a final ';' around it. */
static bool
line_split(const char *line, char *word, char *rest)
{
    line += strspn(line, " \t");
    const size_t bytes = strcspn(line, " \t\r\n;");
    const char *from = line + bytes + strspn(line + bytes, " \t");
    size_t rest_bytes = strcspn(from, "\r\n");
    while (rest_bytes > 0 && (isspace((unsigned char)from[rest_bytes - 1]) || from[rest_bytes - 1] == ';'))
        rest_bytes--;
    if (bytes == 0 || bytes >= WORD_BYTES_MAX || rest_bytes >= WORD_BYTES_MAX)
        return false;
    (void)snprintf(word, WORD_BYTES_MAX, "%.*s", (int)bytes, line);
    (void)snprintf(rest, WORD_BYTES_MAX, "%.*s", (int)rest_bytes, from);
    return true;
}

bool
shell_command(cli_shell *shell, const char *line, slu_status *status, slu_error *err)
{
    char word[WORD_BYTES_MAX];
    char rest[WORD_BYTES_MAX];
    if (!line_split(line, word, rest))
        return false;
    const command *found = command_find(word);
    const bool dotted = word[0] == '.' || word[0] == '\\';
    if (!dotted && (found == NULL || rest[0] != 0))
        return false;
    *status = found == NULL ? command_unknown(word, err) : found->run(shell, rest, err);
    return true;
}
