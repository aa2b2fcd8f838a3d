/*
 * shell.h: the prompt of `sluice sql`, and the same words from a file, a pipe or -e.
 *
 * Shape    lines go in; a line that begins with '.' (or '\', as in psql) is a command of commands.c, all others gather until a statement
 *          ends with ';'. At a prompt (libedit) with history in ~/.sluice_history, completion of names by TAB, and Ctrl-C that drops the line.
 * Ctrl-C   while a statement runs it ends the statement, not the shell: interrupt.h.
 * Failure  at a prompt the next line is read all the same; elsewhere the first failure ends the shell.
 * Owns     the shell borrows the session.
 * Threads  owner.
 */
#ifndef CLI_SHELL_SHELL_H
#define CLI_SHELL_SHELL_H

#include "sql/session.h"

#include "base/bytes.h"

typedef struct cli_shell cli_shell;

SLU_CHECK slu_status cli_shell_open(slu_sql_session *session, int format, bool timing, cli_shell **out, slu_error *err);
void cli_shell_close(cli_shell **shell);
/* Reads from the terminal until .quit or Ctrl-D. */
SLU_CHECK slu_status cli_shell_prompt(cli_shell *shell, slu_error *err);
/* Runs a text, whose last statement needs no ';'. */
SLU_CHECK slu_status cli_shell_text(cli_shell *shell, const char *text, slu_error *err);

#endif
