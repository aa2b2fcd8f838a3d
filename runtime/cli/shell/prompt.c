/* prompt.c: lines from a person: libedit, its history, and TAB. */
#include "shell_internal.h"

#include "base/alloc.h"
#include "interrupt.h"
#include "sql/words.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_ENTRIES 1000
#define COMPLETIONS_SHOWN_MAX 100
#define PATH_BYTES_MAX 4096

typedef struct prompt {
    cli_shell *shell;
    EditLine *editor;
    History *history;
    char path[PATH_BYTES_MAX]; /* "": nothing is remembered */
} prompt;

static char *
prompt_text(EditLine *editor)
{
    static char first[] = "sluice> ";
    static char more[] = "   ...> ";
    prompt *of = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &of);
    return of->shell->text.bytes > 0 ? more : first;
}

/* ---- TAB ------------------------------------------------------------------------------------------------------------------------- */

typedef struct found_words {
    char **all;
    size_t count;
    size_t common; /* bytes that all begin with */
} found_words;

static void
word_found(void *context, const char *word)
{
    found_words *of = context;
    char **all = slu_realloc(of->all, (of->count + 1) * sizeof *all);
    if (all == NULL)
        return;
    of->all = all;
    all[of->count] = slu_strdup(word);
    if (all[of->count] == NULL)
        return;
    size_t same = 0;
    while (of->count > 0 && same < of->common && all[0][same] == word[same])
        same++;
    of->common = of->count == 0 ? strlen(word) : same;
    of->count++;
}

static int
terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void
words_list(const found_words *words)
{
    size_t widest = 0;
    const size_t shown = words->count < COMPLETIONS_SHOWN_MAX ? words->count : COMPLETIONS_SHOWN_MAX;
    for (size_t i = 0; i < shown; i++)
        widest = strlen(words->all[i]) > widest ? strlen(words->all[i]) : widest;
    const size_t across = (size_t)terminal_columns() / (widest + 2) == 0 ? 1 : (size_t)terminal_columns() / (widest + 2);
    for (size_t i = 0; i < shown; i++)
        (void)printf("%s%-*s", i % across == 0 ? "\n" : "  ", (int)widest, words->all[i]);
    (void)printf("%s\n", shown < words->count ? "\n..." : "");
    (void)fflush(stdout);
}

/* What was typed is replaced up to where all candidates agree, so that they also decide upper and lower case. */
static unsigned char
words_put(EditLine *editor, const found_words *words, size_t typed)
{
    char text[600];
    const bool only = words->count == 1;
    const size_t bytes = words->common < sizeof text - 2 ? words->common : sizeof text - 2;
    if (bytes < typed || (bytes == typed && !only))
        return CC_NORM;
    memcpy(text, words->all[0], bytes);
    text[bytes] = only ? ' ' : 0;
    text[bytes + 1] = 0;
    el_deletestr(editor, (int)typed);
    return el_insertstr(editor, text) == 0 ? CC_REFRESH : CC_ERROR;
}

static unsigned char
complete(EditLine *editor, int key)
{
    prompt *of = NULL;
    found_words words = {0};
    slu_buf before;
    unsigned char next = CC_ERROR;
    const LineInfo *line = el_line(editor);
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &of);
    slu_buf_init(&before, SHELL_TEXT_BYTES_MAX);
    slu_buf_append(&before, of->shell->text.data, of->shell->text.bytes);
    slu_buf_append(&before, line->buffer, (size_t)(line->cursor - line->buffer));
    const char *text = slu_buf_cstr(&before);
    const size_t typed = before.bytes - shell_word_begin(text, before.bytes);
    shell_words(of->shell, text, before.bytes, word_found, &words);
    if (words.count > 0)
        next = words_put(editor, &words, typed);
    if (next == CC_NORM) {
        words_list(&words);
        next = CC_REDISPLAY;
    }
    for (size_t i = 0; i < words.count; i++)
        slu_free(words.all[i]);
    slu_free(words.all);
    slu_buf_fini(&before);
    return next;
}

/* ---- History --------------------------------------------------------------------------------------------------------------------- */

static void
history_begin(prompt *of)
{
    HistEvent event;
    const char *home = getenv("HOME");
    if (home != NULL)
        (void)snprintf(of->path, sizeof of->path, "%s/.sluice_history", home);
    (void)history(of->history, &event, H_SETSIZE, HISTORY_ENTRIES);
    (void)history(of->history, &event, H_SETUNIQUE, 1);
    if (of->path[0] != 0)
        (void)history(of->history, &event, H_LOAD, of->path);
}

/* A statement is one entry, on one line: an arrow brings back all of it. A comment to the end of a line would swallow the rest. */
static void
history_add(const prompt *of, const char *line)
{
    HistEvent event;
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, SHELL_TEXT_BYTES_MAX);
    slu_buf_append(&text, of->shell->text.data, of->shell->text.bytes);
    slu_buf_text(&text, line);
    const char *whole = slu_buf_cstr(&text);
    const bool command = of->shell->text.bytes == 0 && (line[0] == '.' || line[0] == '\\');
    if (!command && !slu_sql_text_complete(whole))
        return;
    const bool commented = strstr(whole, "--") != NULL;
    while (text.bytes > 0 && strchr(" \t\r\n", text.data[text.bytes - 1]) != NULL)
        text.bytes--;
    for (size_t i = 0; !commented && i < text.bytes; i++)
        if (text.data[i] == '\n' || text.data[i] == '\r')
            text.data[i] = ' ';
    (void)history(of->history, &event, H_ENTER, slu_buf_cstr(&text));
}

/* Others read it not: a statement may hold what is nobody's business. */
static void
history_end_save(prompt *of)
{
    HistEvent event;
    const mode_t before = umask(077);
    if (of->path[0] != 0)
        (void)history(of->history, &event, H_SAVE, of->path);
    (void)umask(before);
}

/* ---- The loop -------------------------------------------------------------------------------------------------------------------- */

/* Waits for a byte. False: Ctrl-C came, before or while it waited; SIGINT gets through only here, so that none is missed in between. */
static bool
byte_wait(void)
{
    sigset_t interrupt, before;
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
    while (!cli_interrupted() && ppoll(&wait, 1, NULL, &before) < 0 && errno == EINTR)
        continue;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return !cli_interrupted();
}

/* A character for the editor, whose own function reads on after Ctrl-C: 1, 0 at the end, -1 for no line. */
static int
character_read(EditLine *editor, wchar_t *out)
{
    mbstate_t state;
    char byte;
    (void)editor;
    memset(&state, 0, sizeof state);
    for (;;) {
        if (!byte_wait())
            return -1;
        const ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        const size_t made = mbrtowc(out, &byte, 1, &state);
        if (made <= 1)
            return 1;
        if (made == (size_t)-1) /* no character: what follows may be one */
            memset(&state, 0, sizeof state);
    }
}

static slu_status
prompt_open(prompt *of, slu_error *err)
{
    of->history = history_init();
    of->editor = el_init("sluice", stdin, stdout, stderr);
    if (of->history == NULL || of->editor == NULL)
        return slu_error_set(err, SLU_NOMEM, "the terminal's editor does not start");
    (void)el_set(of->editor, EL_CLIENTDATA, of);
    (void)el_set(of->editor, EL_PROMPT, prompt_text);
    (void)el_set(of->editor, EL_GETCFN, character_read);
    (void)el_set(of->editor, EL_EDITOR, "emacs");
    (void)el_set(of->editor, EL_HIST, history, of->history);
    (void)el_wset(of->editor, EL_ADDFN, L"sluice-complete", L"complete a name",
                  complete); /* the narrow call copies both for ever */
    (void)el_set(of->editor, EL_BIND, "\t", "sluice-complete", NULL);
    (void)el_set(of->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(of->editor, NULL);
    history_begin(of);
    return SLU_OK;
}

static void
prompt_close(prompt *of)
{
    if (of->editor != NULL)
        el_end(of->editor);
    if (of->history != NULL)
        history_end(of->history);
}

/* False: the end. Ctrl-C ends the editor's read, which then has no line. The editor itself would show the prompt before it takes the
 * terminal out of line mode, in which a Ctrl-D typed at once becomes a NUL. */
static bool
line_next(prompt *of, slu_error *err)
{
    int bytes = 0;
    (void)cli_interrupt_take();
    (void)el_set(of->editor, EL_PREP_TERM, 1);
    const char *line = el_gets(of->editor, &bytes);
    if (cli_interrupt_take()) {
        (void)puts("^C");
        slu_buf_reset(&of->shell->text);
        return true;
    }
    if (line == NULL || bytes <= 0)
        return false;
    history_add(of, line);
    return shell_line(of->shell, line, (size_t)bytes, err) == SLU_OK;
}

slu_status
cli_shell_prompt(cli_shell *shell, slu_error *err)
{
    prompt of = {.shell = shell};
    slu_status status = prompt_open(&of, err);
    if (status == SLU_OK) {
        shell->prompting = true;
        (void)puts("SQL ends with ';'. .help lists the rest.");
        while (!shell->quit && line_next(&of, err))
            continue;
        if (!shell->quit)
            (void)putchar('\n');
        history_end_save(&of);
        shell->prompting = false;
    }
    prompt_close(&of);
    return status;
}
