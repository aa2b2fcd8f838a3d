/* The settings of a server: values, files, and what is said about wrong ones. */
#include "fluss/config/config.h"

#include "fluss/config/values.h"
#include "support/check.h"

#include <string.h>

static fluss_config *
config_new(void)
{
    fluss_config *config = NULL;
    slu_error err;
    CHECK_OK(fluss_config_new(&config, &err));
    return config;
}

static void
defaults_are_fluss_own(void **state)
{
    (void)state;
    SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
    assert_int_equal(config->default_bucket_number, 1);
    assert_int_equal(config->max_partition_num, 1000);
    assert_int_equal(config->log_segment_file_bytes, 1 << 30);
    assert_int_equal(config->kv_snapshot_interval_ms, 600000);
    assert_int_equal(config->writer_id_expiration_ms, (int64_t)7 * 86400000);
    assert_int_equal(config->log_flush_interval_messages, INT64_MAX);
    assert_true(config->allow_create_kv_tables);
    assert_false(config->authorizer_enabled);
    assert_null(config->datalake_format);
    assert_false(config->datalake_enabled);
}

/* Every default is a value of its own setting, no key comes twice, and every line of --settings fits a terminal. */
static void
the_table_is_sound(void **state)
{
    (void)state;
    slu_error err;
    size_t count;
    const fluss_setting *settings = fluss_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (settings[i].initial != NULL)
            CHECK_OK(fluss_config_check(settings[i].key, settings[i].initial, "here", &err));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(settings[i].key, settings[k].key);
        assert_true(strlen(settings[i].help) + 4 <= 80);
    }
}

static const char yaml[] = "# a server.yaml\n"
                           "kv.snapshot.interval: 1s\n"
                           "log:\n"
                           "  segment.file-size: 1mb\n"
                           "  index:\n"
                           "    interval-size: \"8 kb\"\n"
                           "zookeeper.address: localhost:2181\n"
                           "bind.listeners: [FLUSS://localhost:9123, 'CLIENT://localhost:9124']\n"
                           "remote.data.dir:\n"
                           "datalake.format: Iceberg\n"
                           "datalake.iceberg.warehouse: /tmp/lake\n";

static void
a_file_is_read(void **state)
{
    (void)state;
    slu_error err;
    SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
    SLU_AUTO(fluss_config_free) fluss_config *copy = NULL;
    CHECK_OK(fluss_config_parse(config, slu_view_of_text(yaml), "server.yaml", &err));
    CHECK_OK(fluss_config_set(config, "kv.snapshot.interval", "10 min", "command line", &err));
    CHECK_OK(fluss_config_clone(config, &copy, &err));
    fluss_config_take(config, &copy);
    assert_null(copy);
    assert_int_equal(config->kv_snapshot_interval_ms, 600000);
    assert_int_equal(config->log_segment_file_bytes, 1 << 20);
    assert_int_equal(config->log_index_interval_bytes, 8192);
    CHECK_TEXT(config->bind_listeners, "FLUSS://localhost:9123,CLIENT://localhost:9124");
    assert_null(config->remote_data_dir);
    assert_true(config->datalake_enabled);
    CHECK_TEXT(fluss_config_get(config, "datalake.iceberg.warehouse"), "/tmp/lake");
    CHECK_TEXT(fluss_config_get(config, "max.bucket.num"), "128000");
    CHECK_TEXT(fluss_config_find(config, "log.segment.file-size")->where, "server.yaml:4");
    assert_null(fluss_config_find(config, "max.bucket.num"));
}

static void
a_wrong_value_says_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *says;
    } wrong[] = {{"kv.snapshot.interval", "10 lightyears", "kv.snapshot.interval: '10 lightyears' is not a number and ms, s, min"},
                 {"kv.snapshot.interval", "10", "'10' is not a number and ms"},
                 {"kv.snapshot.interval", "-1s", "is not"},
                 {"kv.snapshot.interval", "99999999999999999999s", "is not"},
                 {"log.segment.file-size", "1 stone", "such as 64mb"},
                 {"log.segment.file-size", "0b", "from 1b"},
                 {"log.segment.file-size", "9999999999tb", "is not"},
                 {"default.bucket.number", "0", "a whole number from 1 to 2147483647"},
                 {"default.bucket.number", "1.5", "a whole number"},
                 {"default.bucket.number", " 1", "a whole number"},
                 {"default.bucket.number", "", "a whole number"},
                 {"authorizer.enabled", "yes", "true or false"},
                 {"datalake.format", "hudi", "one of paimon|iceberg|lance"},
                 {"datalake.format", "paimon|iceberg", "one of"},
                 {"security.protocol.map", "CLIENT", "NAME:VALUE"},
                 {"security.protocol.map", "CLIENT:", "NAME:VALUE"},
                 {"security.sasl.plain.credentials", "alice", "'***' is not"},
                 {"default.bucket.numbers", "1", "did you mean default.bucket.number?"},
                 {"datalake.fromat", "iceberg", "did you mean datalake.format?"},
                 {"who.knows", "1", "no setting who.knows"},
                 {"zookeeper.", "1", "no setting"},
                 {"zookeeper.*x", "1", NULL},
                 {"zookeeper.anything", "1", NULL}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
        const slu_status status = fluss_config_set(config, wrong[i].key, wrong[i].text, "server.yaml:7", &err);
        if (wrong[i].says == NULL) {
            CHECK_STATUS(status, SLU_OK);
            continue;
        }
        CHECK_STATUS(status, SLU_INVALID);
        CHECK_MESSAGE(err, "server.yaml:7: ");
        CHECK_MESSAGE(err, wrong[i].says);
    }
}

static void
a_wrong_file_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {{"a.b: 1\n", "f:1: a Fluss server has no setting a.b"},
                 {"- x\n", "f:1: settings are a map"},
                 {"\n\nkv.snapshot.interval: soon\n", "f:3: kv.snapshot.interval: 'soon'"},
                 {"max.bucket.num: 1\nmax.bucket.num: 2\n", "f:2: max.bucket.num was said already at f:1"},
                 {"max:\n  bucket.num: 1\nmax.bucket.num: 2\n", "said already"},
                 {"max.bucket.num: [1, [2]]\n", "a list holds single values"},
                 {"{[a]: b}", "a key is one word"},
                 {"max.bucket.num: \"1\\0\"\n", "zero character"},
                 {"max.bucket.num: 'x", "YAML"},
                 {"max.bucket.num: 1\n---\nmax.bucket.num: 2\n", "f:3: a second document"},
                 {"\xff\xfe\xff", "UTF-8"},
                 {"{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}}}}}", "too deep"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
        assert_true(fluss_config_parse(config, slu_view_of_text(wrong[i].text), "f", &err) < 0);
        CHECK_MESSAGE(err, wrong[i].says);
    }
}

static void
an_empty_file_is_no_settings(void **state)
{
    (void)state;
    slu_error err;
    SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
    CHECK_OK(fluss_config_parse(config, slu_view_of_text(""), "f", &err));
    CHECK_OK(fluss_config_parse(config, slu_view_of_text("# nothing\n"), "f", &err));
    CHECK_OK(fluss_config_parse(config, slu_view_of_text("~\n"), "f", &err));
    assert_int_equal(config->entry_count, 0);
    CHECK_OK(fluss_config_parse(config, slu_view_of_text("---\nsuper.users: [User:a, User:b]\n...\n"), "g", &err));
    CHECK_TEXT(fluss_config_get(config, "super.users"), "User:a;User:b");
}

static void
there_is_a_bound(void **state)
{
    (void)state;
    slu_error err;
    char key[64];
    slu_status status = SLU_OK;
    SLU_AUTO(fluss_config_free) fluss_config *config = config_new();
    for (int i = 0; i < 2 * FLUSS_CONFIG_ENTRIES_MAX && status == SLU_OK; i++) {
        (void)snprintf(key, sizeof key, "zookeeper.k%d", i);
        status = fluss_config_set(config, key, "1", "here", &err);
    }
    assert_int_equal(status, SLU_LIMIT);
    assert_int_equal(config->entry_count, FLUSS_CONFIG_ENTRIES_MAX);
}

static void
lists_are_cut(void **state)
{
    (void)state;
    const char *at = " a ,b,,c ";
    const char *item;
    size_t bytes;
    char all[64] = "";
    while (fluss_list_next(&at, &item, &bytes)) {
        (void)strncat(all, item, bytes);
        (void)strcat(all, ";");
    }
    CHECK_TEXT(all, "a;b;;c;");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_fluss_own),  cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(a_file_is_read),          cmocka_unit_test(a_wrong_value_says_what_is_allowed),
        cmocka_unit_test(a_wrong_file_says_where), cmocka_unit_test(an_empty_file_is_no_settings),
        cmocka_unit_test(there_is_a_bound),        cmocka_unit_test(lists_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
