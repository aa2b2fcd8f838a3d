/* Modules: the right one is loaded once and found, the wrong ones are refused with what is wrong. */
#include "support/check.h"

#include "host/registry.h"

static const slu_module *
load(const char *name, slu_status wanted, slu_error *err)
{
    char path[512];
    const slu_module *module = NULL;
    (void)snprintf(path, sizeof path, HOST_MODULES "/%s/%s.so", name, name);
    err->message[0] = 0;
    CHECK_STATUS(slu_module_load(path, &module, err), wanted);
    return module;
}

static void
the_same_file_is_the_same_module(void **state)
{
    (void)state;
    slu_error err;
    const slu_module *module = load("good", SLU_OK, &err);
    assert_ptr_equal(module, load("good", SLU_OK, &err));
    CHECK_TEXT(module->plugins[0]->name, "good_sink");
}

static void
wrong_modules_are_refused_by_name(void **state)
{
    (void)state;
    slu_error err;
    load("newer", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "newer.so: built against plugin ABI 1.99, this sluice has 1.0: the plugin is newer, update sluice");
    load("older", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "built against plugin ABI 0.0, this sluice has 1.0: the major versions differ, rebuild the plugin");
    load("foreign", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "foreign.so: not a sluice module: it exports no slu_plugin_entry");
    load("short", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "sink good_sink has a table of functions of 8 bytes, ABI 1.0 has ");
    load("lacks", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "sink good_sink lacks the function write");
    load("offset", SLU_INVALID, &err);
    CHECK_MESSAGE(err, "option number lies at byte 4096 of an options struct of 16 bytes");
    load("nothing", SLU_NOTFOUND, &err);
}

static slu_registry *
registry_of(const char *const *dirs, size_t count)
{
    slu_error err;
    slu_registry *registry = NULL;
    CHECK_OK(slu_registry_new(&registry, &err));
    for (size_t i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, HOST_MODULES "/%s", dirs[i]);
        CHECK_OK(slu_registry_add_dir(registry, path, &err));
    }
    return registry;
}

static void
a_plugin_is_found_by_name(void **state)
{
    (void)state;
    slu_error err;
    slu_registered found;
    static const char *const dirs[] = {"good", "missing", "newer"};
    slu_registry *registry = registry_of(dirs, 3);
    CHECK_OK(slu_registry_find(registry, "good_sink", SLU_KIND_SINK, &found, &err));
    assert_int_equal(strlen(found.sha256), 64);
    assert_int_equal(slu_registry_failure_count(registry), 0); /* newer.so was not opened for it */
    CHECK_STATUS(slu_registry_find(registry, "good_snik", 0, &found, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "there is no plugin good_snik: did you mean good_sink?");
    assert_int_equal(slu_registry_failure_count(registry), 1);
    CHECK_STATUS(slu_registry_find(registry, "elephant", 0, &found, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "1 plugin file could not be loaded: ");
    CHECK_STATUS(slu_registry_find(registry, "good_sink", SLU_KIND_OPERATOR, &found, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "good_sink is a sink, and an operator is wanted here");
    slu_registry_free(&registry);
}

static void
two_modules_with_one_plugin_collide(void **state)
{
    (void)state;
    slu_error err;
    static const char *const dirs[] = {"good", "twin"};
    slu_registry *registry = registry_of(dirs, 2);
    CHECK_OK(slu_registry_load_all(registry, &err));
    assert_int_equal(slu_registry_count(registry), 1);
    assert_int_equal(slu_registry_failure_count(registry), 1);
    assert_non_null(strstr(slu_registry_failure(registry, 0), "twin.so: plugin good_sink is already in module good"));
    slu_registry_free(&registry);
}

static void
a_worker_wants_the_very_file_of_the_plan(void **state)
{
    (void)state;
    slu_error err;
    slu_registered found;
    static const char *const dirs[] = {"good"};
    slu_registry *registry = registry_of(dirs, 1);
    CHECK_OK(slu_registry_require(registry, "good", "", &err));
    CHECK_OK(slu_registry_find(registry, "good_sink", 0, &found, &err));
    CHECK_OK(slu_registry_require(registry, "good", found.sha256, &err));
    CHECK_STATUS(slu_registry_require(registry, "good", "0123", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "the plan says 0123");
    CHECK_STATUS(slu_registry_require(registry, "bad", "", &err), SLU_NOTFOUND);
    slu_registry_free(&registry);
}

static void
the_sum_of_a_file_is_sha256(void **state)
{
    (void)state;
    slu_error err;
    char hex[SLU_SHA256_HEX_BYTES];
    CHECK_OK(slu_file_sha256("/dev/null", hex, &err));
    CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_STATUS(slu_file_sha256("/nothing/here", hex, &err), SLU_NOTFOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_file_is_the_same_module),
        cmocka_unit_test(wrong_modules_are_refused_by_name),
        cmocka_unit_test(a_plugin_is_found_by_name),
        cmocka_unit_test(two_modules_with_one_plugin_collide),
        cmocka_unit_test(a_worker_wants_the_very_file_of_the_plan),
        cmocka_unit_test(the_sum_of_a_file_is_sha256),
    };
    return cmocka_run_group_tests_name("host.loader", tests, NULL, NULL);
}
