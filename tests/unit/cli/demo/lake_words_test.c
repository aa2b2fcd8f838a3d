/* The lake's settings become words for children; a secret goes by the environment and never on a command line. */
#include "cli/demo/lake_words.h"
#include "support/check.h"

#include <stdlib.h>

static void
a_secret_is_no_word(void **state)
{
    slu_error err = {0};
    cli_lake_words lake;
    const char *argv[2 + CLI_LAKE_WORDS_MAX + 1] = {"sluice", "server"};
    const iceberg_property settings[] = {
        {"type", "rest"}, {"uri", "http://h:1"}, {"s3.secret-access-key", "hush"}, {"s3.endpoint", ""}};
    (void)unsetenv("SLUICE_DATALAKE_ICEBERG_S3_SECRET_ACCESS_KEY");
    CHECK_OK(cli_lake_words_init(&lake, &(lake_options){.settings = settings, .setting_count = 4}, "/own", &err));
    cli_lake_words_append(&lake, argv, 2);
    assert_string_equal(argv[2], "--datalake.iceberg.type");
    assert_string_equal(argv[5], "http://h:1");
    assert_null(argv[6]);
    assert_string_equal(getenv("SLUICE_DATALAKE_ICEBERG_S3_SECRET_ACCESS_KEY"), "hush");
    const lake_options all = cli_lake_words_options(&lake);
    assert_string_equal(lake_setting(&all, "s3.secret-access-key"), "hush");
    assert_false(lake.own_directory);
    cli_lake_words_fini(&lake);
}

static void
without_a_word_it_is_a_directory(void **state)
{
    slu_error err = {0};
    cli_lake_words lake;
    CHECK_OK(cli_lake_words_init(&lake, &(lake_options){0}, "/own", &err));
    assert_true(lake.own_directory);
    assert_int_equal(lake.word_count, 2);
    assert_string_equal(lake.words[1], "/own");
    cli_lake_words_fini(&lake);
    const iceberg_property rest = {"type", "rest"};
    CHECK_STATUS(cli_lake_words_init(&lake, &(lake_options){.settings = &rest, .setting_count = 1}, "/own", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "datalake.iceberg.uri");
    cli_lake_words_fini(&lake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_no_word),
        cmocka_unit_test(without_a_word_it_is_a_directory),
    };
    return cmocka_run_group_tests_name("cli.demo.lake_words", tests, NULL, NULL);
}
