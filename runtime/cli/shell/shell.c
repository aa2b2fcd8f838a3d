#include "shell_internal.h"

#include "base/alloc.h"
#include "interrupt.h"
#include "sql/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

slu_status
cli_shell_open(slu_sql_session *session, int format, bool timing, cli_shell **out, slu_error *err)
{
    cli_shell *shell = slu_alloc_zero(1, sizeof *shell);
    if (shell == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a shell");
    shell->session = session;
    shell->format = format;
    shell->timing = timing;
    slu_buf_init(&shell->text, SHELL_TEXT_BYTES_MAX);
    *out = shell;
    return SLU_OK;
}

void
cli_shell_close(cli_shell **shell)
{
    cli_shell *mine = slu_take(shell);
    if (mine == NULL)
        return;
    slu_buf_fini(&mine->text);
    slu_free(mine);
}

static double
seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* News, so that it does not mix with rows that a program reads. */
static void
timing_print(const cli_shell *shell, double took)
{
    FILE *to = shell->prompting ? stdout : stderr;
    const char *said = slu_sql_said(shell->session);
    (void)fprintf(to, "Time: %.3f s%s%s\n", took, said[0] == 0 ? "" : "; ", said);
}

slu_status
shell_statement(cli_shell *shell, const char *text, slu_error *err)
{
    const double from = seconds();
    cli_interrupt_running(shell->session);
    const slu_status status = slu_sql_run(shell->session, text, shell->format, stdout, NULL, err);
    cli_interrupt_running(NULL);
    if (status == SLU_OK && shell->timing)
        timing_print(shell, seconds() - from);
    if (status != SLU_OK && cli_interrupted())
        return slu_error_set(err, SLU_CLOSED, "interrupted");
    return status;
}

static bool
blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

static slu_status
line_run(cli_shell *shell, const char *line, size_t bytes, slu_error *err)
{
    slu_status status = SLU_OK;
    if (blank(slu_buf_cstr(&shell->text))) {
        slu_buf_reset(&shell->text);
        cli_interrupt_running(shell->session);
        const bool command = shell_command(shell, line, &status, err);
        cli_interrupt_running(NULL);
        if (command)
            return status;
    }
    slu_buf_append(&shell->text, line, bytes);
    if (!slu_sql_text_complete(slu_buf_cstr(&shell->text)))
        return slu_buf_status(&shell->text, err);
    status = slu_buf_status(&shell->text, err);
    if (status == SLU_OK)
        status = shell_statement(shell, slu_buf_cstr(&shell->text), err);
    slu_buf_reset(&shell->text);
    return status;
}

slu_status
shell_line(cli_shell *shell, const char *line, size_t bytes, slu_error *err)
{
    const slu_status status = line_run(shell, line, bytes, err);
    if (status == SLU_OK || !shell->prompting)
        return status;
    (void)fflush(stdout);
    (void)fprintf(stderr, "error: %s\n", err->message);
    return SLU_OK;
}

slu_status
cli_shell_text(cli_shell *shell, const char *text, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf line = {0};
    slu_buf_init(&line, SHELL_TEXT_BYTES_MAX);
    while (*text != 0 && !shell->quit) {
        if (cli_interrupted())
            return slu_error_set(err, SLU_CLOSED, "interrupted");
        const size_t bytes = strcspn(text, "\n") + 1;
        const size_t there = text[bytes - 1] == 0 ? bytes - 1 : bytes;
        slu_buf_reset(&line);
        slu_buf_append(&line, text, there);
        SLU_TRY(slu_buf_status(&line, err));
        SLU_TRY(shell_line(shell, slu_buf_cstr(&line), there, err));
        text += there;
    }
    if (blank(slu_buf_cstr(&shell->text)))
        return SLU_OK;
    const slu_status status = shell_statement(shell, slu_buf_cstr(&shell->text), err);
    slu_buf_reset(&shell->text);
    return status;
}
