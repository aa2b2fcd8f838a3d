/* What is said of a child that failed: its own last words, not the quotation below them. */
#include "cli/demo/children.h"
#include "support/check.h"

#include <stdlib.h>
#include <unistd.h>

static void
last_words_are_no_quotation(void **state)
{
    static cli_children children; /* large */
    char dir[] = "/tmp/children-XXXXXX", log[64];
    slu_error err;
    const char *const argv[] = {"/bin/sh", "-c",
                                "echo up >&2; printf 'x.yaml:1:2: the words\\n      use: y\\n      ^\\n\\n' >&2; exit 3", NULL};
    (void)state;
    assert_non_null(mkdtemp(dir));
    CHECK_OK(cli_children_init(&children, dir, &err));
    CHECK_STATUS(cli_child_run(&children, "it", argv, NULL, NULL, &err), SLU_IO);
    CHECK_MESSAGE(err, "it ended with code 3: x.yaml:1:2: the words (log: ");
    cli_children_end(&children);
    (void)snprintf(log, sizeof log, "%s/it.log", dir);
    (void)unlink(log);
    (void)rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(last_words_are_no_quotation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
