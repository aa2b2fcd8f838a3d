/* print and blackhole. */
#include "harnessed.h"

#include <fcntl.h>

/* What a function writes to standard output, by way of a pipe. */
static int stdout_saved;
static int pipe_read;

static void
stdout_catch(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    (void)fflush(stdout);
    stdout_saved = dup(STDOUT_FILENO);
    assert_true(dup2(fds[1], STDOUT_FILENO) >= 0);
    (void)close(fds[1]);
    pipe_read = fds[0];
}

static void
stdout_release(char *out, size_t out_bytes)
{
    (void)dup2(stdout_saved, STDOUT_FILENO);
    (void)close(stdout_saved);
    const ssize_t got = read(pipe_read, out, out_bytes - 1);
    out[got > 0 ? got : 0] = 0;
    (void)close(pipe_read);
}

static void
printed(const char *with, const char *expected)
{
    slu_error err = {0};
    char out[1000];
    sdk_harness *h = harnessed("print");
    CHECK_OK(sdk_harness_with(h, with, &err));
    CHECK_OK(sdk_harness_input(h, "id BIGINT, amount DECIMAL(10,2), name STRING", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    stdout_catch();
    const slu_status first = sdk_harness_push(h, 0, "1 | 0.80 | a b\n2 | NULL | \n", &err);
    const slu_status second = sdk_harness_push(h, 0, "3 | 5 | c\n", &err);
    stdout_release(out, sizeof out);
    CHECK_STATUS(first, SLU_OK);
    CHECK_STATUS(second, SLU_OK);
    CHECK_TEXT(out, expected);
    CHECK_OK(sdk_harness_snapshot(h, &err));
    sdk_harness_free(&h);
}

static void
print_lines(void **state)
{
    printed("{}", "1 | 0.80 | a b\n2 | NULL | \n3 | 5.00 | c\n");
    printed("{ prefix: \"> \" }", "> 1 | 0.80 | a b\n> 2 | NULL | \n> 3 | 5.00 | c\n");
    printed("{ limit: 1 }", "1 | 0.80 | a b\n");
}

static void
blackhole_counts(void **state)
{
    slu_error err = {0};
    sdk_harness *h = harnessed_file(BLACKHOLE_FILE, "blackhole");
    CHECK_OK(sdk_harness_input(h, "id BIGINT", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "1\n2\n3\n", &err));
    assert_int_equal(sdk_harness_metric(h, "rows"), 3);
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(print_lines), cmocka_unit_test(blackhole_counts)};
    return cmocka_run_group_tests_name("operators.sinks", tests, NULL, NULL);
}
