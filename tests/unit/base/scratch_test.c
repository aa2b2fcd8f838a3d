/* scratch.h: a folder that goes with its process, and what killed ones leave. */
#include "support/check.h"

#include "base/file.h"
#include "base/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static slu_error err;

static void
what_a_killed_process_left_is_swept_and_what_lives_is_not(void **state)
{
    (void)state;
    char parent[] = "/tmp/sluice-scratch-test-XXXXXX", left[256], file[512];
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    slu_env_fake fake;
    slu_scratch first = {0}, second = {0};
    slu_env_init_fake(&fake, 1);
    assert_non_null(mkdtemp(parent));
    CHECK_OK(slu_scratch_open(&first, &fake.env, parent, "x", &err));
    (void)snprintf(left, sizeof left, "%s/x-%ld-abcdef", parent, (long)getuid());
    (void)snprintf(file, sizeof file, "%s/inside", left);
    CHECK_OK(slu_dir_make(left, &err));
    CHECK_OK(slu_file_write(file, slu_view_of_text("old"), false, &err));
    assert_int_equal(utimensat(AT_FDCWD, left, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, first.path, long_ago, 0), 0);
    CHECK_OK(slu_scratch_open(&second, &fake.env, parent, "x", &err));
    assert_false(slu_path_exists(left));
    assert_true(slu_path_exists(first.path));
    slu_scratch_close(&first);
    slu_scratch_close(&second);
    slu_scratch_close(&second);
    assert_int_equal(rmdir(parent), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_killed_process_left_is_swept_and_what_lives_is_not)};
    return cmocka_run_group_tests_name("base.scratch", tests, NULL, NULL);
}
