/* crash_test.c: a process that crashes in a plugin's code says whose it was, and still ends by the signal. */
#include "support/check.h"

#include "base/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
crash_in_child(int number, bool in_plugin, char *said, size_t bytes, int *status)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(number, SIG_DFL); /* a sanitizer's */
        (void)dup2(ends[1], STDERR_FILENO);
        slu_crash_say();
        const slu_crash_note before = slu_crash_enter("outer", "a");
        slu_crash_leave(slu_crash_enter("inner", "b"));
        if (!in_plugin)
            slu_crash_leave(before);
        (void)raise(number);
        _exit(3);
    }
    (void)close(ends[1]);
    const ssize_t got = read(ends[0], said, bytes - 1);
    said[got < 0 ? 0 : got] = 0;
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, status, 0), pid);
}

static void
the_plugin_is_named_and_the_signal_ends_the_process(void **state)
{
    char said[600];
    int status = 0;
    (void)state;
    crash_in_child(SIGSEGV, true, said, sizeof said, &status);
    CHECK_TEXT(said, "crashed in plugin outer of operator a: signal 11 (Segmentation fault)\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    crash_in_child(SIGABRT, true, said, sizeof said, &status);
    CHECK_TEXT(said, "crashed in plugin outer of operator a: signal 6 (Aborted)\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    crash_in_child(SIGSEGV, false, said, sizeof said, &status);
    CHECK_TEXT(said, "");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plugin_is_named_and_the_signal_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
