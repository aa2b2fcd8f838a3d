/* Lake tables that Fluss's own coordinator made, made again by us: the same JSON but for what is random or a place. */
#include "base/file.h"
#include "fluss_lake/fluss_lake.h"
#include "support/check.h"

#include <jansson.h>
#include <stdlib.h>

#define GOLDEN SLUICE_TEST_DATA "/golden/fluss_lake/"

static json_t *
without_identity(json_t *metadata)
{
    assert_non_null(metadata);
    (void)json_object_del(metadata, "table-uuid");
    (void)json_object_del(metadata, "last-updated-ms");
    (void)json_object_del(metadata, "location");
    return metadata;
}

static json_t *
made(const char *folder, const char *name)
{
    slu_error err = {0};
    slu_env_fake fake;
    fluss_lake *lake = NULL;
    iceberg_table table = {0};
    slu_buf text;
    slu_buf_init(&text, 1 << 20);
    char path[1024];
    const iceberg_property warehouse = {"warehouse", folder};
    const lake_options options = {.settings = &warehouse, .setting_count = 1};
    slu_env_init_fake(&fake, 7);
    (void)snprintf(path, sizeof path, GOLDEN "%s.descriptor.json", name);
    CHECK_OK(slu_file_read(path, 1 << 20, &text, &err));
    CHECK_OK(fluss_lake_open(&fake.env, &options, &lake, &err));
    CHECK_OK(fluss_lake_create_table(lake, "fluss", name, slu_buf_cstr(&text), &err));
    CHECK_OK(iceberg_catalog_load(fluss_lake_catalog(lake), "fluss", name, &table, &err));
    slu_buf_reset(&text);
    CHECK_OK(iceberg_metadata_print(table.metadata, &text, &err));
    json_t *json = json_loads(slu_buf_cstr(&text), 0, NULL);
    iceberg_table_fini(&table);
    fluss_lake_close(&lake);
    slu_buf_fini(&text);
    return without_identity(json);
}

static void
tables_are_the_coordinators(void **state)
{
    static const char *const NAMES[] = {"fraud", "bare", "keyed", "types"};
    slu_error err = {0};
    char folder[] = "/tmp/sluice-golden-XXXXXX";
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, GOLDEN "%s.metadata.json", NAMES[i]);
        json_t *wanted = without_identity(json_load_file(path, 0, NULL));
        json_t *got = made(folder, NAMES[i]);
        if (!json_equal(got, wanted)) {
            char *left = json_dumps(got, JSON_SORT_KEYS);
            char *right = json_dumps(wanted, JSON_SORT_KEYS);
            fail_msg("%s:\n got    %s\n wanted %s", NAMES[i], left, right);
        }
        json_decref(wanted);
        json_decref(got);
    }
    CHECK_OK(slu_dir_remove(folder, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_are_the_coordinators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
