/* Rows deleted by their key and by their place, committed with new rows, and read back. */
#include "iceberg/commit.h"
#include "iceberg/delete_writer.h"
#include "iceberg/lake_read.h"

#include "base/file.h"
#include "support/arrays.h"

#include <stdlib.h>

static char folder[64];
static slu_env_fake fake;
static iceberg_catalog catalog;
static slu_arena arena;
static slu_error err;

static int
set_up(void **state)
{
    iceberg_store store;
    iceberg_schema schema;
    iceberg_table table = {0};
    const iceberg_property properties[] = {{"commit.retry.min-wait-ms", "1"}, {"commit.manifest.min-count-to-merge", "3"}};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-iceberg-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 7);
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&fake.env, folder, &store, &catalog, &err));
    slu_arena_init(&arena, 16 << 20);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text("{\"identifier-field-ids\":[1],\"fields\":["
                                                   "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},"
                                                   "{\"id\":2,\"name\":\"name\",\"required\":false,\"type\":\"string\"}]}"),
                                  &arena, &schema, &err));
    const iceberg_create create = {.schema = &schema, .properties = properties, .property_count = 2};
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    iceberg_table_fini(&table);
    return 0;
}

static int
tear_down(void **state)
{
    slu_arena_fini(&arena);
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

/* Rows first .. first + count - 1: into a data file, or into a file of equality deletes. */
static iceberg_data_file
write_rows(iceberg_table *table, int64_t first, int64_t count, bool deletes)
{
    static const int32_t ids[] = {1};
    int64_t numbers[100];
    const char *names[100];
    char texts[100][24];
    struct ArrowSchema schema;
    struct ArrowArray array;
    iceberg_data_writer *writer = NULL;
    iceberg_data_file file;
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = first + i;
        (void)snprintf(texts[i], sizeof texts[i], "name%lld", (long long)(first + i));
        names[i] = texts[i];
    }
    const test_column columns[] = {{"id", "l", numbers, NULL, NULL}, {"name", "u", NULL, names, NULL}};
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "l", "id", true));
    CHECK_OK(slu_schema_add(&schema, "u", "name", true));
    test_array_make(&array, columns, 2, count);
    const iceberg_data_writer_options options = {.env = &fake.env,
                                                 .store = iceberg_catalog_store(&catalog, table),
                                                 .metadata = table->metadata,
                                                 .input = &schema,
                                                 .equality_ids = deletes ? ids : NULL,
                                                 .equality_count = deletes};
    CHECK_OK(iceberg_data_writer_open(&options, &writer, &err));
    CHECK_OK(iceberg_data_writer_append(writer, &array, NULL, count, &err));
    CHECK_OK(iceberg_data_writer_finish(writer, &arena, &file, &err));
    iceberg_data_writer_free(&writer);
    slu_array_release(&array);
    slu_schema_release(&schema);
    return file;
}

static iceberg_data_file
write_positions(iceberg_table *table, const char *path, int64_t *rows, size_t count)
{
    iceberg_data_file file;
    const iceberg_data_writer_options options = {
        .env = &fake.env, .store = iceberg_catalog_store(&catalog, table), .metadata = table->metadata, .positions_of = path};
    CHECK_OK(iceberg_position_deletes_write(&options, rows, count, &arena, &file, &err));
    return file;
}

/* How many rows there are; the sum of their ids. */
static int64_t
read_back(iceberg_table *table, int64_t *sum)
{
    iceberg_read *read = NULL;
    struct ArrowArray batch;
    int64_t rows = 0;
    *sum = 0;
    const iceberg_read_options options = {0};
    CHECK_OK(iceberg_read_open(iceberg_catalog_store(&catalog, table), table->metadata, &options, &read, &err));
    while (iceberg_read_next(read, &batch, &err) == SLU_OK) {
        const slu_column id = slu_column_child(iceberg_read_schema(read), &batch, 0);
        for (int64_t i = 0; i < batch.length; i++)
            *sum += slu_column_i64s(&id)[i];
        rows += batch.length;
        slu_array_release(&batch);
    }
    iceberg_read_free(&read);
    return rows;
}

static const char *
summary_of(const iceberg_table *table, const char *key)
{
    const char *value = iceberg_snapshot_property(iceberg_metadata_snapshot(table->metadata), key);
    return value == NULL ? "" : value;
}

static void
load(iceberg_table *table)
{
    memset(table, 0, sizeof *table);
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", table, &err));
}

/* 0..99 are there; then 10..19 are deleted by their key and written anew as 110..119, of which the last two are taken back by place. */
static void
keys_hit_what_is_older_and_places_hit_what_is_new(void **state)
{
    iceberg_table table;
    int64_t sum = 0;
    int64_t rows[] = {9, 8};
    load(&table);
    iceberg_data_file file = write_rows(&table, 0, 100, false);
    const iceberg_append first = {.files = &file, .file_count = 1};
    CHECK_OK(iceberg_table_append(&catalog, &table, &first, NULL, &err));
    file = write_rows(&table, 110, 10, false);
    const iceberg_data_file deletes[] = {write_rows(&table, 10, 10, true), write_positions(&table, file.path, rows, 2)};
    assert_int_equal(rows[0], 8);
    assert_non_null(strstr(deletes[0].path, "-deletes.parquet"));
    const iceberg_append second = {.files = &file, .file_count = 1, .deletes = deletes, .delete_count = 2};
    CHECK_OK(iceberg_table_append(&catalog, &table, &second, NULL, &err));
    assert_int_equal(read_back(&table, &sum), 98);
    assert_int_equal(sum, 99 * 100 / 2 - 145 + (110 + 117) * 8 / 2);
    CHECK_TEXT(summary_of(&table, "operation"), "overwrite");
    CHECK_TEXT(summary_of(&table, "added-equality-deletes"), "10");
    CHECK_TEXT(summary_of(&table, "added-position-deletes"), "2");
    CHECK_TEXT(summary_of(&table, "total-delete-files"), "2");
    iceberg_table_fini(&table);
}

/* Deletes written before, and committed after another's rows of the same keys: they count for those, too. */
static void
a_delete_alone_is_rebased(void **state)
{
    iceberg_table table;
    iceberg_table other;
    int64_t sum = 0;
    load(&table);
    load(&other);
    const iceberg_data_file deletes = write_rows(&table, 0, 5, true);
    const iceberg_data_file file = write_rows(&other, 0, 10, false);
    const iceberg_append theirs = {.files = &file, .file_count = 1};
    const iceberg_append ours = {.deletes = &deletes, .delete_count = 1};
    CHECK_OK(iceberg_table_append(&catalog, &other, &theirs, NULL, &err));
    CHECK_OK(iceberg_table_append(&catalog, &table, &ours, NULL, &err));
    assert_int_equal(read_back(&table, &sum), 5);
    assert_int_equal(sum, 35);
    CHECK_TEXT(summary_of(&table, "operation"), "delete");
    iceberg_table_fini(&table);
    iceberg_table_fini(&other);
}

static void
places_in_a_file_that_is_gone_are_a_conflict(void **state)
{
    iceberg_table table;
    int64_t sum = 0;
    int64_t row = 3;
    load(&table);
    const iceberg_data_file file = write_rows(&table, 0, 10, false);
    const iceberg_append first = {.files = &file, .file_count = 1};
    CHECK_OK(iceberg_table_append(&catalog, &table, &first, NULL, &err));
    iceberg_data_file deletes = write_positions(&table, file.path, &row, 1);
    const iceberg_append live = {.deletes = &deletes, .delete_count = 1};
    CHECK_OK(iceberg_table_append(&catalog, &table, &live, NULL, &err));
    assert_int_equal(read_back(&table, &sum), 9);
    deletes = write_positions(&table, "file:///somewhere/rewritten.parquet", &row, 1);
    CHECK_STATUS(iceberg_table_append(&catalog, &table, &live, NULL, &err), SLU_CONFLICT);
    CHECK_MESSAGE(err, "rewritten or removed");
    deletes.referenced_file = NULL;
    CHECK_STATUS(iceberg_table_append(&catalog, &table, &live, NULL, &err), SLU_INVALID);
    assert_int_equal(read_back(&table, &sum), 9);
    iceberg_table_fini(&table);
}

/* Twenty commits of changes: neither the manifests of data nor those of deletes pile up. */
static void
manifests_of_deletes_are_merged_too(void **state)
{
    iceberg_table table;
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    int64_t sum = 0;
    slu_buf raw;
    load(&table);
    for (int i = 0; i < 20; i++) {
        const iceberg_data_file file = write_rows(&table, 0, 10 + i, false);
        const iceberg_data_file deletes = write_rows(&table, 0, 10 + i, true);
        const iceberg_append append = {.files = &file, .file_count = 1, .deletes = &deletes, .delete_count = 1};
        CHECK_OK(iceberg_table_append(&catalog, &table, &append, NULL, &err));
    }
    slu_buf_init(&raw, 1 << 20);
    CHECK_OK(iceberg_store_get(iceberg_catalog_store(&catalog, &table), iceberg_metadata_snapshot(table.metadata)->manifest_list,
                               1 << 20, &raw, &err));
    CHECK_OK(iceberg_list_decode(slu_buf_view(&raw), &arena, &manifests, &count, &err));
    assert_true(count <= 6);
    assert_int_equal(read_back(&table, &sum), 29);
    assert_int_equal(sum, 28 * 29 / 2);
    slu_buf_fini(&raw);
    iceberg_table_fini(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_hit_what_is_older_and_places_hit_what_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_delete_alone_is_rebased, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_in_a_file_that_is_gone_are_a_conflict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(manifests_of_deletes_are_merged_too, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
