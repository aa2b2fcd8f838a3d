/* Settings: which are needed, which win, which are secret; a location's scheme decides on the store. */
#include "base/file.h"
#include "lake/plugin_options.h"
#include "lake/stores.h"
#include "support/check.h"

#include <stdlib.h>

static slu_env_fake fake;
static char folder[64];

static int
set_up(void **state)
{
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-lake-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 7);
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

static slu_status
checked(const char *type, const char *warehouse, const char *uri, slu_error *err)
{
    const iceberg_property settings[] = {{"type", type}, {"warehouse", warehouse}, {"uri", uri}};
    return lake_check(&(lake_options){.settings = settings, .setting_count = 3}, err);
}

static void
what_is_missing_is_named(void **state)
{
    slu_error err = {0};
    CHECK_OK(checked(NULL, "/lake", NULL, &err));
    CHECK_OK(checked("hadoop", "file:/lake", "", &err));
    CHECK_OK(checked("filesystem", "s3a://b/lake", NULL, &err));
    CHECK_OK(checked("rest", "", "http://h:1", &err));
    CHECK_STATUS(checked("rest", "w", "", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "datalake.iceberg.uri is not set");
    CHECK_STATUS(checked("hadoop", "", NULL, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "datalake.iceberg.warehouse is not set");
    CHECK_STATUS(checked("hadoop", "gs://b/x", NULL, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(checked("hive", "/lake", NULL, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "datalake.iceberg.type=hive");
}

static void
the_later_setting_counts(void **state)
{
    const iceberg_property settings[] = {{"type", "rest"}, {"uri", "a"}, {"uri", "b"}, {"uri", ""}};
    const lake_options options = {.settings = settings, .setting_count = 4};
    assert_string_equal(lake_setting(&options, "uri"), "b");
    assert_null(lake_setting(&options, "warehouse"));
}

static void
a_plugin_hands_on_what_it_was_told(void **state)
{
    const slu_value key = {.kind = SLU_VALUE_SCALAR, .text = "header.X"};
    const slu_value item = {.kind = SLU_VALUE_SCALAR, .text = "y"};
    const slu_value more = {.kind = SLU_VALUE_MAP, .count = 1, .keys = &key, .items = &item};
    const lake_plugin_options options = {
        .type = "rest", .uri = "", .s3_secret_access_key = "k", .s3_ca_file = "/ca", .more = &more};
    iceberg_property settings[LAKE_SETTINGS_MAX];
    assert_int_equal(lake_plugin_settings(&options, settings), 4);
    assert_string_equal(settings[3].key, "header.X");
    assert_string_equal(settings[3].value, "y");
    assert_string_equal(settings[1].key, "s3.secret-access-key");
    assert_string_equal(settings[2].key, "s3.ca-file");
    assert_string_equal(settings[2].value, "/ca");
}

static void
secrets_are_known(void **state)
{
    static const char *const secret[] = {
        "token", "credential", "s3.secret-access-key", "s3.access-key-id", "s3.session-token", "header.Authorization"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        assert_true(lake_setting_is_secret(secret[i]));
    assert_false(lake_setting_is_secret("s3.endpoint"));
    assert_false(lake_setting_is_secret("warehouse"));
}

static void
the_scheme_decides(void **state)
{
    slu_error err = {0};
    iceberg_store store = {0};
    char location[128];
    int64_t bytes = 0;
    const iceberg_store_settings none = {0};
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    CHECK_OK(lake_stores_open(&fake.env, &none, false, true, &store, &err));
    (void)snprintf(location, sizeof location, "file:%s/x", folder);
    CHECK_OK(iceberg_store_put(&store, location, slu_view_of_text("abc"), true, &err));
    (void)snprintf(location, sizeof location, "%s/x", folder);
    CHECK_OK(store.ops->size(store.self, location, &bytes, &err));
    assert_int_equal(bytes, 3);
    CHECK_STATUS(store.ops->size(store.self, "gs://b/x", &bytes, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(store.ops->size(store.self, "s3://b/x", &bytes, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "no S3 credentials");
    iceberg_store_close(&store);
}

static void
slips_are_found_before_anything_is_asked(void **state)
{
    static const struct {
        const char *key, *value, *said;
    } slips[] = {{"type", "hive", "this build has hadoop"},
                 {"type", "rset", "did you mean rest?"},
                 {"s3.endpoint", "localhost:9000", "did you mean http://localhost:9000?"},
                 {"s3.endpoint", "http://", "begins with http://"},
                 {"s3.endpont", "http://x", "did you mean datalake.iceberg.s3.endpoint?"}};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        slu_error err = {0};
        const iceberg_property settings[] = {{"warehouse", "s3://b/w"}, {slips[i].key, slips[i].value}};
        assert_true(lake_check(&(lake_options){.settings = settings, .setting_count = 2}, &err) < 0);
        CHECK_MESSAGE(err, slips[i].said);
    }
    slu_error err = {0};
    const iceberg_property other[] = {{"warehouse", "s3://b/w"}, {"s3.sse.type", "kms"}, {"s3.endpoint", "https://x"}};
    CHECK_OK(lake_check(&(lake_options){.settings = other, .setting_count = 3}, &err));
}

/* A catalog's server that keeps its files in S3 has no business with files of this machine. */
static void
local_files_are_not_told_by_others(void **state)
{
    slu_error err = {0};
    iceberg_store_maker maker = {0};
    iceberg_store store = {0};
    int64_t bytes = 0;
    const iceberg_property far = {"s3.endpoint", "http://127.0.0.1:1"};
    const iceberg_store_grant grant = {.prefix = "s3://b/"};
    const iceberg_store_settings by_setting = {.items = &far, .count = 1}, by_grant = {.grants = &grant, .grant_count = 1},
                                 none = {0};
    CHECK_OK(lake_stores_maker(&fake.env, false, &maker, &err));
    CHECK_OK(maker.open(maker.self, &by_setting, &store, &err));
    CHECK_STATUS(store.ops->size(store.self, "file:///etc/passwd", &bytes, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "a file of this machine");
    iceberg_store_close(&store);
    CHECK_OK(maker.open(maker.self, &none, &store, &err));
    CHECK_OK(store.ops->size(store.self, "/etc/passwd", &bytes, &err));
    CHECK_OK(store.ops->renew(store.self, &by_grant, &err));
    CHECK_STATUS(store.ops->size(store.self, "/etc/passwd", &bytes, &err), SLU_INVALID);
    iceberg_store_close(&store);
    iceberg_store_maker_close(&maker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(the_later_setting_counts),
        cmocka_unit_test(a_plugin_hands_on_what_it_was_told),
        cmocka_unit_test(secrets_are_known),
        cmocka_unit_test(slips_are_found_before_anything_is_asked),
        cmocka_unit_test_setup_teardown(local_files_are_not_told_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_scheme_decides, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("lake.open", tests, NULL, NULL);
}
