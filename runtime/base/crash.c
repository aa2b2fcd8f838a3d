#include "crash.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

_Thread_local slu_crash_note slu_crash_now;
_Thread_local slu_crash_watch *slu_crash_watched;

static size_t
add(char *line, size_t at, size_t bytes, const char *text)
{
    while (*text != 0 && at < bytes)
        line[at++] = *text++;
    return at;
}

/* Only what a signal handler may call. The signal's default action is back already, and ends the process behind this. */
static void
say(int number)
{
    static const struct {
        int number;
        const char *words;
    } names[] = {{SIGSEGV, "signal 11 (Segmentation fault)"},
                 {SIGBUS, "signal 7 (Bus error)"},
                 {SIGFPE, "signal 8 (Floating point exception)"},
                 {SIGILL, "signal 4 (Illegal instruction)"},
                 {SIGABRT, "signal 6 (Aborted)"}};
    char line[512];
    const char *words = "a signal";
    size_t at = 0;
    (void)raise(number); /* waits until we return */
    if (slu_crash_now.plugin == NULL)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            words = names[i].words;
    at = add(line, at, sizeof line - 1, SLU_CRASH_LINE);
    at = add(line, at, sizeof line - 1, slu_crash_now.plugin);
    if (slu_crash_now.operator_id != NULL) {
        at = add(line, at, sizeof line - 1, " of operator ");
        at = add(line, at, sizeof line - 1, slu_crash_now.operator_id);
    }
    at = add(line, at, sizeof line - 1, ": ");
    at = add(line, at, sizeof line - 1, words);
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
}

void
slu_crash_say(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action, before;
        memset(&action, 0, sizeof action);
        action.sa_handler = say;
        action.sa_flags = (int)SA_RESETHAND;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(numbers[i], &action, NULL);
    }
}
