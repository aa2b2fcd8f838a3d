/* Command lines: flags, words, settings; the environment and a file for what was not said. */
#include "support/check.h"

#include "base/file.h"
#include "verbs.h"

static const slu_flag flags[] = {{"parallelism", 'p', "N", "subtasks"},
                                 {"local", 0, NULL, "here"},
                                 {"data-dir", 0, "DIR", "where"},
                                 {"config", 0, "FILE", "options"}};
static const slu_verb verb = {.name = "run",
                              .summary = "runs",
                              .usage = "JOB.yaml",
                              SLU_VERB_FLAGS(flags),
                              .words_min = 1,
                              .words_max = 1,
                              .settings = true,
                              .json = true};
static const slu_verb strict = {.name = "list", .summary = "lists", .usage = "", SLU_VERB_FLAGS(flags), .json = true};

static slu_args args;

static slu_status
parse(const slu_verb *of, const char *line, slu_error *err)
{
    static char words[1000];
    static char *argv[64];
    int argc = 0;
    (void)snprintf(words, sizeof words, "%s", line);
    for (char *save = NULL, *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    return slu_args_parse(of, argc, argv, &args, err);
}

static void
flags_words_and_settings(void **state)
{
    (void)state;
    slu_error err;
    int64_t number = 0;
    CHECK_OK(parse(&verb, "job.yaml -p4 --local --a.b.c=1 --d.e value --json", &err));
    CHECK_TEXT(args.words[0], "job.yaml");
    CHECK_OK(slu_args_i64(&args, "parallelism", 1, 10, &number, &err));
    assert_int_equal(number, 4);
    assert_true(slu_args_has(&args, "local"));
    assert_true(args.json);
    assert_int_equal(args.setting_count, 2);
    CHECK_TEXT(args.settings[0].name, "a.b.c");
    CHECK_TEXT(args.settings[0].text, "1");
    CHECK_TEXT(args.settings[1].text, "value");
    CHECK_OK(parse(&verb, "-- --job", &err));
    CHECK_TEXT(args.words[0], "--job");
    CHECK_OK(parse(&verb, "--help", &err));
    assert_true(args.help);
}

static void
what_is_wrong_is_said(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "something is missing: sluice run JOB.yaml"},
        {"a b", "one word too many: b"},
        {"a --parallelism", "option --parallelism needs a value"},
        {"a --local=yes", "option --local takes no value"},
        {"a -x", "unknown option -x: see `sluice run --help`"},
        {"a --x.y", "option --x.y needs a value"},
        {"a --=1", "option --=1 has no name"},
    };
    slu_error err;
    int64_t number;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STATUS(parse(&verb, cases[i][0], &err), SLU_INVALID);
        CHECK_MESSAGE(err, cases[i][1]);
    }
    CHECK_STATUS(parse(&strict, "--paralelism 3", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "unknown option --paralelism: did you mean --parallelism?");
    CHECK_OK(parse(&strict, "-p 99", &err));
    CHECK_STATUS(slu_args_i64(&args, "parallelism", 1, 10, &number, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "--parallelism: 99 is not between 1 and 10");
}

static void
environment_then_file(void **state)
{
    (void)state;
    slu_error err;
    char path[] = "/tmp/sluice-args-XXXXXX";
    char line[100];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    CHECK_OK(slu_file_write(path, slu_view_of_text("data-dir: /from/file\nlocal: true\na: { b: 7 }\n"), false, &err));
    (void)snprintf(line, sizeof line, "job --config %s", path);
    CHECK_OK(parse(&verb, line, &err));
    CHECK_TEXT(slu_args_get(&args, "data-dir"), "/from/file");
    assert_true(slu_args_has(&args, "local"));
    CHECK_TEXT(args.settings[0].name, "a.b");
    assert_int_equal(setenv("SLUICE_DATA_DIR", "/from/environment", 1), 0);
    CHECK_OK(parse(&verb, line, &err));
    CHECK_TEXT(slu_args_get(&args, "data-dir"), "/from/environment");
    (void)snprintf(line, sizeof line, "job --data-dir /said --config %s", path);
    CHECK_OK(parse(&verb, line, &err));
    CHECK_TEXT(slu_args_get(&args, "data-dir"), "/said");
    (void)unsetenv("SLUICE_DATA_DIR");
    CHECK_OK(slu_file_write(path, slu_view_of_text("data-dir: x\ndata-dri: y\n"), false, &err));
    (void)snprintf(line, sizeof line, "--config %s", path);
    CHECK_STATUS(parse(&strict, line, &err), SLU_INVALID);
    CHECK_MESSAGE(err, ":2:1: list has no option data-dri");
    (void)close(fd);
    (void)unlink(path);
}

static void
help_comes_from_the_table(void **state)
{
    (void)state;
    slu_buf out;
    slu_buf_init(&out, 1 << 16);
    slu_args_help(&verb, &out);
    const char *text = slu_buf_cstr(&out);
    assert_non_null(strstr(text, "sluice run JOB.yaml: runs"));
    assert_non_null(strstr(text, "  -p, --parallelism N            subtasks"));
    assert_non_null(strstr(text, "--a.b.c VALUE"));
    slu_buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_words_and_settings),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(environment_then_file),
        cmocka_unit_test(help_comes_from_the_table),
    };
    return cmocka_run_group_tests_name("cli.args", tests, NULL, NULL);
}
