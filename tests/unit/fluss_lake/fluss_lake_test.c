/* Lake tables from descriptors: created, adopted, refused, altered. */
#include "fluss_lake/fluss_lake.h"

#include "base/file.h"
#include "iceberg/commit.h"
#include "support/check.h"

#include <stdlib.h>

#define COLUMNS                                                                                                                    \
    "{\"name\":\"transactionId\",\"data_type\":{\"type\":\"BIGINT\"},\"comment\":\"which\"},"                                      \
    "{\"name\":\"accountId\",\"data_type\":{\"type\":\"BIGINT\"}},"                                                                \
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}},"                                     \
    "{\"name\":\"at\",\"data_type\":{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":3}}"
#define TAIL(buckets)                                                                                                              \
    "\"partition_key\":[],\"bucket_key\":[\"transactionId\"],\"bucket_count\":" buckets                                            \
    ",\"properties\":{\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":\"30s\"},\"custom_properties\":{\"iceberg." \
    "x\":\"y\"}}"
#define DESCRIPTOR "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS "]}," TAIL("4")
#define WIDER                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS                                                               \
    ",{\"name\":\"note\",\"data_type\":{\"type\":\"STRING\"}}]}," TAIL("4")
#define OTHER_BUCKETS "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS "]}," TAIL("3")
#define KEYED                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":"      \
    "false}},"                                                                                                                     \
    "{\"name\":\"dt\",\"data_type\":{\"type\":\"STRING\",\"nullable\":false}}],\"primary_key\":[\"id\",\"dt\"]},"                  \
    "\"partition_key\":[\"dt\"],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}"

static char folder[64];
static slu_env_fake fake;
static fluss_lake *lake;

static slu_status
lake_of(const char *warehouse, const char *type, fluss_lake **out, slu_error *err)
{
    const iceberg_property settings[] = {{"warehouse", warehouse}, {"type", type}};
    return fluss_lake_open(&fake.env, &(lake_options){.settings = settings, .setting_count = 2}, out, err);
}

static int
set_up(void **state)
{
    slu_error err = {0};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-lake-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 7);
    CHECK_OK(lake_of(folder, NULL, &lake, &err));
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    fluss_lake_close(&lake);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

static iceberg_table
loaded(const char *name)
{
    slu_error err = {0};
    iceberg_table table = {0};
    CHECK_OK(iceberg_catalog_load(fluss_lake_catalog(lake), "fluss", name, &table, &err));
    return table;
}

static void
created_and_adopted(void **state)
{
    slu_error err = {0};
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err));
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err)); /* no snapshot yet: adopted */
    iceberg_table table = loaded("fraud");
    const iceberg_schema *schema = iceberg_metadata_schema(table.metadata);
    assert_int_equal(schema->root.field_count, 7);
    CHECK_TEXT(schema->root.fields[0].doc, "which");
    assert_int_equal(schema->root.fields[3].type.kind, ICEBERG_TIMESTAMP);
    CHECK_TEXT(iceberg_metadata_spec(table.metadata)->fields[0].transform.text, "bucket[4]");
    CHECK_TEXT(iceberg_metadata_property(table.metadata, "fluss.table.datalake.freshness"), "30s");
    CHECK_TEXT(iceberg_metadata_property(table.metadata, "x"), "y");
    iceberg_table_fini(&table);
}

static void
another_layout_is_refused(void **state)
{
    slu_error err = {0};
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err));
    CHECK_STATUS(fluss_lake_create_table(lake, "fluss", "fraud", OTHER_BUCKETS, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "fluss.fraud already exists");
    CHECK_MESSAGE(err, "partition spec");
}

static void
a_table_with_data_is_refused(void **state)
{
    slu_error err = {0};
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err));
    iceberg_table table = loaded("fraud");
    const iceberg_append append = {0};
    CHECK_OK(iceberg_table_append(fluss_lake_catalog(lake), &table, &append, NULL, &err));
    iceberg_table_fini(&table);
    CHECK_STATUS(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "holds data");
}

static void
a_key_table_is_bucketed_by_its_key(void **state)
{
    slu_error err = {0};
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "account", KEYED, &err));
    iceberg_table table = loaded("account");
    const iceberg_partition_spec *spec = iceberg_metadata_spec(table.metadata);
    assert_int_equal(spec->field_count, 2);
    CHECK_TEXT(spec->fields[0].name, "dt");
    CHECK_TEXT(spec->fields[1].name, "id_bucket");
    assert_int_equal(iceberg_metadata_schema(table.metadata)->identifier_count, 2);
    CHECK_TEXT(iceberg_metadata_property(table.metadata, "write.merge.mode"), "merge-on-read");
    iceberg_table_fini(&table);
}

static void
a_column_is_added_before_the_system_columns(void **state)
{
    slu_error err = {0};
    CHECK_OK(fluss_lake_create_table(lake, "fluss", "fraud", DESCRIPTOR, &err));
    CHECK_OK(fluss_lake_alter_table(lake, "fluss", "fraud", WIDER, &err));
    CHECK_OK(fluss_lake_alter_table(lake, "fluss", "fraud", WIDER, &err)); /* again, as after a crash */
    iceberg_table table = loaded("fraud");
    const iceberg_schema *schema = iceberg_metadata_schema(table.metadata);
    assert_int_equal(table.metadata->schema_count, 2);
    assert_int_equal(schema->root.field_count, 8);
    CHECK_TEXT(schema->root.fields[4].name, "note");
    assert_int_equal(schema->root.fields[4].id, 8);
    CHECK_TEXT(schema->root.fields[5].name, "__bucket");
    assert_int_equal(schema->root.fields[5].id, 5);
    assert_int_equal(table.metadata->last_column_id, 8);
    iceberg_table_fini(&table);
    CHECK_STATUS(fluss_lake_alter_table(lake, "fluss", "fraud", DESCRIPTOR, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "\"note\"");
}

static void
options_are_checked(void **state)
{
    slu_error err = {0};
    fluss_lake *none = NULL;
    CHECK_STATUS(lake_of("x", "rest", &none, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "datalake.iceberg.uri is not set");
    CHECK_STATUS(lake_of("gs://x/y", "hadoop", &none, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(lake_of(NULL, "hadoop", &none, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "datalake.iceberg.warehouse");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(created_and_adopted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_layout_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_with_data_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_table_is_bucketed_by_its_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_is_added_before_the_system_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_are_checked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
