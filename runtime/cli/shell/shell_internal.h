/* shell_internal.h: what the files of the shell share. */
#ifndef CLI_SHELL_INTERNAL_H
#define CLI_SHELL_INTERNAL_H

#include "shell.h"

#define SHELL_TEXT_BYTES_MAX ((size_t)4 << 20)

struct cli_shell {
    slu_sql_session *session;
    int format;
    bool timing;
    bool quit;
    bool prompting; /* a person is there */
    slu_buf text;   /* of a statement that has not ended */
};

/* commands.c: whether the line is a command; then it was run. */
bool shell_command(cli_shell *shell, const char *line, slu_status *status, slu_error *err);
/* The k-th command's name with its dot; NULL: there are no more. */
const char *shell_command_name(size_t k);

/* complete.c: words that complete what stands in front of the cursor. `found` is called for each, in order, without twins. */
typedef void (*shell_word_found)(void *to, const char *word);
/* Where the word to complete begins in `line`, of which `bytes` stand in front of the cursor. */
size_t shell_word_begin(const char *line, size_t bytes);
/* `before`: the statement's text up to the cursor, earlier lines included. */
void shell_words(cli_shell *shell, const char *before, size_t bytes, shell_word_found found, void *to);

/* shell.c: one line of input; what it ends is run. */
slu_status shell_line(cli_shell *shell, const char *line, size_t bytes, slu_error *err);
/* Runs statements, with the time they took when that is wanted. */
slu_status shell_statement(cli_shell *shell, const char *text, slu_error *err);

#endif
