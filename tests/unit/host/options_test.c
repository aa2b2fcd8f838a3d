/* Option tables: every type, every way to be wrong, every origin. */
#include "support/check.h"

#include "host/options.h"

typedef struct options {
    const char *text;
    const char *choice;
    int64_t number;
    double real;
    int64_t wait_ms;
    int64_t size;
    const slu_value *list;
    const slu_value *map;
    const slu_value *any;
    uint32_t flag;
} options;

static const slu_option table[] = {
    SLU_OPTION("text", STRING, options, text, "t", "a text", .param = "a.text"),
    SLU_OPTION("choice", CHOICE, options, choice, "red", "a colour", .choices = "red|green|blue"),
    SLU_OPTION("number", I64, options, number, "5", "a number", .min = 1, .max = 10, .param = "a.number"),
    SLU_OPTION("real", F64, options, real, "0.5", "a real number"),
    SLU_OPTION("wait", DURATION, options, wait_ms, "1s", "a time"),
    SLU_OPTION("size", BYTES, options, size, "1kib", "a size"),
    SLU_OPTION("list", LIST, options, list, NULL, "a list", .param = "a.list"),
    SLU_OPTION("map", MAP, options, map, NULL, "a map", .param = "lake.*"),
    SLU_OPTION("any", VALUE, options, any, NULL, "anything"),
    SLU_OPTION("flag", BOOL, options, flag, "no", "a flag", .flags = SLU_OPTION_SECRET),
};

static const slu_plugin plugin = {.size = sizeof plugin,
                                  .kind = SLU_KIND_SINK,
                                  .name = "it",
                                  .options = table,
                                  .option_count = 10,
                                  .options_bytes = sizeof(options)};

static slu_value
scalar(const char *text)
{
    const slu_value value = {.size = sizeof value, .kind = SLU_VALUE_SCALAR, .text = text, .line = 3, .column = 9};
    return value;
}

/* Parses { name: text } and gives the error; or the struct. */
static slu_status
parse_one(const char *name, const char *text, slu_arena *arena, const options **out, slu_error *err)
{
    const slu_value key = scalar(name), item = scalar(text);
    const slu_value with = {
        .size = sizeof with, .kind = SLU_VALUE_MAP, .count = 1, .keys = &key, .items = &item, .line = 3, .column = 1};
    const void *data = NULL;
    const slu_status status = slu_options_parse(&plugin, &with, (slu_params){NULL, 0}, arena, &data, err);
    *out = data;
    return status;
}

static void
defaults_are_parsed_like_any_text(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    const void *data = NULL;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(slu_options_parse(&plugin, NULL, (slu_params){NULL, 0}, &arena, &data, &err));
    const options *o = data;
    CHECK_TEXT(o->text, "t");
    CHECK_TEXT(o->choice, "red");
    assert_int_equal(o->number, 5);
    assert_true(o->real == 0.5);
    assert_int_equal(o->wait_ms, 1000);
    assert_int_equal(o->size, 1024);
    assert_null(o->list);
    assert_int_equal(o->flag, 0);
    slu_arena_fini(&arena);
}

static void
units_are_read_and_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"250ms", 250},  {"60s", 60000},   {"2m", 120000}, {"2 min", 120000},
                 {"1H", 3600000}, {"1d", 86400000}, {"-1s", -1000}};
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"1b", 1}, {"2kb", 2000}, {"2KiB", 2048}, {"64mib", 67108864}, {"1gb", 1000000000}};
    static const char *const bad[] = {"10", "", "s", "10 parsecs", "1.5s", " 1s", "99999999999999999999s", "9223372036854775807d"};
    slu_error err;
    int64_t value = 0;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        CHECK_OK(slu_duration_parse(times[i].text, &value, &err));
        assert_true(value == times[i].ms);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK_OK(slu_bytes_parse(sizes[i].text, &value, &err));
        assert_true(value == sizes[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(slu_duration_parse(bad[i], &value, &err), SLU_INVALID);
}

static void
wrong_values_are_named_with_their_place(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"number", "11", "option number: 11 is not between 1 and 10"},
        {"number", "five", "option number: \"five\" is not a whole number"},
        {"choice", "gren", "option choice: \"gren\" is not one of red|green|blue: did you mean green?"},
        {"flag", "maybe", "option flag: \"maybe\" is neither true nor false"},
        {"real", "nan", "option real: \"nan\" is not a number"},
        {"size", "5", "option size: \"5\" has no unit"},
        {"list", "a", "option list: a list is wanted here"},
        {"map", "a", "option map: a map is wanted here"},
        {"numbr", "1", "it has no option numbr: did you mean number?"},
    };
    slu_error err;
    slu_arena arena;
    const options *o = NULL;
    slu_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STATUS(parse_one(cases[i][0], cases[i][1], &arena, &o, &err), SLU_INVALID);
        CHECK_MESSAGE(err, cases[i][2]);
        assert_int_equal(err.line, 3);
        assert_int_equal(err.column, 9);
    }
    slu_arena_fini(&arena);
}

static void
params_fill_what_with_leaves_out(void **state)
{
    (void)state;
    static const slu_param items[] = {{"a.text", "from a param", SLU_ORIGIN_ENVIRONMENT, 0, 0},
                                      {"a.number", "99", SLU_ORIGIN_COMMAND_LINE, 0, 0},
                                      {"a.list", "x, y,z", SLU_ORIGIN_FILE, 4, 4},
                                      {"lake.uri", "http://rest", SLU_ORIGIN_FILE, 5, 4},
                                      {"lake.*", NULL, SLU_ORIGIN_FILE, 6, 4},
                                      {"lake.s3.key", "k", SLU_ORIGIN_COMMAND_LINE, 0, 0}};
    const slu_params params = {items, 6};
    slu_error err;
    slu_arena arena;
    const void *data = NULL;
    uint32_t origin;
    slu_arena_init(&arena, 1 << 20);
    CHECK_STATUS(slu_options_parse(&plugin, NULL, params, &arena, &data, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "option number (parameter a.number, command line): 99 is not between 1 and 10");
    const slu_value key = scalar("number"), item = scalar("9");
    const slu_value with = {.size = sizeof with, .kind = SLU_VALUE_MAP, .count = 1, .keys = &key, .items = &item};
    CHECK_OK(slu_options_parse(&plugin, &with, params, &arena, &data, &err));
    const options *o = data;
    CHECK_TEXT(o->text, "from a param");
    assert_int_equal(o->number, 9);
    assert_int_equal(o->list->count, 3);
    CHECK_TEXT(o->list->items[1].text, "y");
    assert_int_equal(o->map->count, 2);
    CHECK_TEXT(o->map->keys[1].text, "s3.key");
    CHECK_TEXT(slu_option_text(&table[0], &with, params, &origin), "from a param");
    assert_int_equal(origin, SLU_ORIGIN_ENVIRONMENT);
    CHECK_TEXT(slu_option_text(&table[2], &with, params, &origin), "9");
    assert_int_equal(origin, SLU_ORIGIN_FILE);
    CHECK_TEXT(slu_option_text(&table[9], &with, params, &origin), "***");
    slu_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_parsed_like_any_text),
        cmocka_unit_test(units_are_read_and_wanted),
        cmocka_unit_test(wrong_values_are_named_with_their_place),
        cmocka_unit_test(params_fill_what_with_leaves_out),
    };
    return cmocka_run_group_tests_name("host.options", tests, NULL, NULL);
}
