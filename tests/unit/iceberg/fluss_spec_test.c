/* The lake table of a streaming table: columns, spec, sort order and properties, and what may not be. */
#include "iceberg/fluss_spec.h"
#include "support/check.h"

#include <sluice/columns.h>

static slu_arena arena;
static struct ArrowSchema columns;
static const char *const ID[] = {"id"};
static const char *const DAY[] = {"dt"};
static const char *const KEYS[] = {"id", "dt"};

static int
set_up(void **state)
{
    slu_arena_init(&arena, 1 << 20);
    return slu_schema_init_struct(&columns) != SLU_OK || slu_schema_add(&columns, "l", "id", false) != SLU_OK ||
           slu_schema_add(&columns, "s", "small", true) != SLU_OK || slu_schema_add(&columns, "u", "dt", true) != SLU_OK ||
           slu_schema_add(&columns, "tsm:UTC", "at", true) != SLU_OK;
}

static int
tear_down(void **state)
{
    slu_schema_release(&columns);
    slu_arena_fini(&arena);
    return 0;
}

static iceberg_metadata *
made(const iceberg_create *create)
{
    slu_error err = {0};
    iceberg_metadata *metadata = NULL;
    iceberg_create at = *create;
    at.location = "file:///lake/t";
    CHECK_OK(iceberg_metadata_new(&at, "6ba7b810-9dad-41d1-80b4-00c04fd430c8", 1000, &metadata, &err));
    return metadata;
}

static void
a_primary_key_table(void **state)
{
    slu_error err = {0};
    iceberg_create create;
    const iceberg_property properties[] = {
        {"table.datalake.enabled", "true"}, {"iceberg.write.target-file-size-bytes", "1000"}, {"mine", "x"}};
    const iceberg_fluss_table table = {.columns = &columns,
                                       .primary_key = KEYS,
                                       .primary_key_count = 2,
                                       .bucket_key = ID,
                                       .bucket_key_count = 1,
                                       .partition_keys = DAY,
                                       .partition_key_count = 1,
                                       .bucket_count = 3,
                                       .properties = properties,
                                       .property_count = 3};
    CHECK_OK(iceberg_fluss_table_spec(&table, &arena, &create, &err));
    iceberg_metadata *metadata = made(&create);
    const iceberg_schema *schema = iceberg_metadata_schema(metadata);
    assert_int_equal(schema->root.field_count, 7);
    CHECK_TEXT(schema->root.fields[4].name, "__bucket");
    assert_int_equal(schema->root.fields[1].type.kind, ICEBERG_INT);
    assert_int_equal(schema->root.fields[6].type.kind, ICEBERG_TIMESTAMPTZ);
    assert_true(schema->root.fields[6].required && schema->root.fields[2].required && !schema->root.fields[3].required);
    assert_int_equal(schema->identifier_count, 2);
    const iceberg_partition_spec *spec = iceberg_metadata_spec(metadata);
    assert_int_equal(spec->field_count, 2);
    CHECK_TEXT(spec->fields[0].transform.text, "identity");
    CHECK_TEXT(spec->fields[1].transform.text, "bucket[3]");
    CHECK_TEXT(spec->fields[1].name, "id_bucket");
    assert_int_equal(metadata->last_partition_id, 1001);
    assert_int_equal(iceberg_metadata_sort_order(metadata)->fields[0].source_id, 6);
    CHECK_TEXT(iceberg_metadata_property(metadata, "write.merge.mode"), "merge-on-read");
    CHECK_TEXT(iceberg_metadata_property(metadata, "write.target-file-size-bytes"), "1000");
    CHECK_TEXT(iceberg_metadata_property(metadata, "fluss.mine"), "x");
    CHECK_TEXT(iceberg_metadata_property(metadata, "fluss.table.datalake.enabled"), "true");
    CHECK_OK(iceberg_fluss_table_same(&create, metadata, &err));
    iceberg_metadata_free(&metadata);
}

static void
a_log_table_without_key(void **state)
{
    slu_error err = {0};
    iceberg_create create;
    const iceberg_fluss_table table = {.columns = &columns, .bucket_count = 3};
    CHECK_OK(iceberg_fluss_table_spec(&table, &arena, &create, &err));
    assert_int_equal(create.spec->field_count, 1);
    CHECK_TEXT(create.spec->fields[0].name, "__bucket");
    CHECK_TEXT(create.spec->fields[0].transform.text, "identity");
    assert_int_equal(create.schema->identifier_count, 0);
}

static void
check_refused(const iceberg_fluss_table *table, const char *message)
{
    slu_error err = {0};
    iceberg_create create;
    CHECK_STATUS(iceberg_fluss_table_spec(table, &arena, &create, &err), SLU_INVALID);
    CHECK_MESSAGE(err, message);
}

static void
what_may_not_be(void **state)
{
    static const char *const SMALL[] = {"small"};
    static const char *const NONE[] = {"nope"};
    struct ArrowSchema taken;
    check_refused(&(iceberg_fluss_table){.columns = &columns, .bucket_key = KEYS, .bucket_key_count = 2, .bucket_count = 1},
                  "one bucket key");
    check_refused(&(iceberg_fluss_table){.columns = &columns, .primary_key = ID, .primary_key_count = 1, .bucket_count = 1},
                  "needs a bucket key");
    check_refused(&(iceberg_fluss_table){.columns = &columns, .partition_keys = SMALL, .partition_key_count = 1, .bucket_count = 1},
                  "not a STRING");
    check_refused(&(iceberg_fluss_table){.columns = &columns, .bucket_key = NONE, .bucket_key_count = 1, .bucket_count = 1},
                  "\"nope\"");
    check_refused(&(iceberg_fluss_table){.columns = &columns, .bucket_count = 0}, "0 buckets");
    assert_int_equal(slu_schema_init_struct(&taken), SLU_OK);
    assert_int_equal(slu_schema_add(&taken, "l", "__offset", true), SLU_OK);
    check_refused(&(iceberg_fluss_table){.columns = &taken, .bucket_count = 1}, "__offset");
    slu_schema_release(&taken);
}

static void
another_layout_is_named(void **state)
{
    slu_error err = {0};
    iceberg_create four;
    iceberg_create wanted;
    const iceberg_property property = {"mine", "x"};
    iceberg_fluss_table table = {.columns = &columns, .bucket_key = ID, .bucket_key_count = 1, .bucket_count = 4};
    CHECK_OK(iceberg_fluss_table_spec(&table, &arena, &four, &err));
    iceberg_metadata *metadata = made(&four);
    table.bucket_count = 3;
    CHECK_OK(iceberg_fluss_table_spec(&table, &arena, &wanted, &err));
    CHECK_STATUS(iceberg_fluss_table_same(&wanted, metadata, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "partition spec");
    table.bucket_count = 4;
    table.properties = &property;
    table.property_count = 1;
    CHECK_OK(iceberg_fluss_table_spec(&table, &arena, &wanted, &err));
    CHECK_STATUS(iceberg_fluss_table_same(&wanted, metadata, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "fluss.mine");
    iceberg_metadata_free(&metadata);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_primary_key_table),
        cmocka_unit_test(a_log_table_without_key),
        cmocka_unit_test(what_may_not_be),
        cmocka_unit_test(another_layout_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
