/* Every kind of damage is planted once, and found by its name. */
#include "lake_rows.h"

#include "iceberg/store.h"
#include "iceberg_care/verify.h"

static char codes[1024];

static slu_status
finding_note(void *to, const iceberg_finding *finding, slu_error *err)
{
    const size_t bytes = strlen(codes);
    assert_true(finding->where[0] != 0 && finding->text[0] != 0);
    if (strstr(codes, finding->code) == NULL)
        (void)snprintf(codes + bytes, sizeof codes - bytes, "%s ", finding->code);
    return SLU_OK;
}

static iceberg_verified
verify(void)
{
    slu_error err = {0};
    iceberg_verified out;
    const iceberg_verify_options options = {.found = finding_note};
    codes[0] = 0;
    CHECK_OK(iceberg_catalog_refresh(&catalog, &table, &err));
    CHECK_OK(iceberg_verify(iceberg_catalog_store(&catalog, &table), &table, &options, &out, &err));
    return out;
}

static void
check_found(const char *wanted)
{
    const iceberg_verified out = verify();
    assert_true(out.wrong > 0);
    assert_string_equal(codes, wanted);
}

static void
a_sound_table(void **state)
{
    assert_int_equal(verify().wrong, 0);
    rows_append(0, 0, 10);
    rows_append(1, 0, 5);
    rows_append(0, 10, 7);
    const iceberg_verified out = verify();
    assert_string_equal(codes, "");
    assert_int_equal(out.snapshots, 3);
    assert_int_equal(out.data_files, 3);
    assert_int_equal(out.footers, 3);
    assert_int_equal(out.rows, 22);
}

static void
offsets_twice(void **state)
{
    rows_append(0, 0, 10);
    rows_append(0, 9, 5);
    check_found("offsets-overlap ");
}

static void
offsets_gone(void **state)
{
    rows_append(0, 100, 10); /* what the log lost before tiering began is nobody's fault */
    rows_append(1, 0, 10);
    assert_int_equal(verify().wrong, 0);
    rows_append(0, 111, 5);
    check_found("offsets-missing ");
}

static void
a_file_is_gone_or_cut(void **state)
{
    slu_error err = {0};
    const iceberg_data_file file = rows_write(0, 0, 10);
    const iceberg_store *store = iceberg_catalog_store(&catalog, &table);
    slu_buf bytes;
    files_append(&file, 1);
    slu_buf_init(&bytes, 1 << 20);
    CHECK_OK(iceberg_store_get(store, file.path, 1 << 20, &bytes, &err));
    CHECK_OK(iceberg_store_remove(store, file.path, &err));
    check_found("file-missing ");
    CHECK_OK(iceberg_store_put(store, file.path, slu_view_of(bytes.data, bytes.bytes - 1), true, &err));
    check_found("file-size ");
    bytes.data[bytes.bytes - 1] ^= 1; /* the magic at the end */
    CHECK_OK(iceberg_store_remove(store, file.path, &err));
    CHECK_OK(iceberg_store_put(store, file.path, slu_buf_view(&bytes), true, &err));
    check_found("file-unreadable ");
    slu_buf_fini(&bytes);
}

static void
an_entry_lies(void **state)
{
    iceberg_data_file file = rows_write(0, 0, 10);
    file.record_count = 11;
    files_append(&file, 1);
    check_found("file-rows offsets-overlap "); /* eleven rows for ten offsets */
}

static void
bounds_lie(void **state)
{
    iceberg_scalar room;
    iceberg_data_file file = rows_write(0, 0, 10);
    file.columns[0].upper = iceberg_value_of_i64(50, &room).bytes; /* keys go to 90 */
    file.columns[0].null_count = 3;
    files_append(&file, 1);
    check_found("bounds metrics-nulls ");
}

static void
a_file_twice(void **state)
{
    const iceberg_data_file file = rows_write(0, 0, 10);
    files_append(&file, 1);
    files_append(&file, 1);
    check_found("file-twice offsets-overlap ");
}

static void
a_manifest_or_list_is_gone(void **state)
{
    slu_error err = {0};
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    slu_buf bytes;
    rows_append(0, 0, 10);
    const iceberg_store *store = iceberg_catalog_store(&catalog, &table);
    const char *list = iceberg_metadata_snapshot(table.metadata)->manifest_list;
    slu_buf_init(&bytes, 1 << 20);
    CHECK_OK(iceberg_store_get(store, list, 1 << 20, &bytes, &err));
    CHECK_OK(iceberg_list_decode(slu_buf_view(&bytes), &arena, &manifests, &count, &err));
    assert_int_equal(count, 1);
    CHECK_OK(iceberg_store_remove(store, manifests[0].path, &err));
    check_found("file-missing scan ");
    CHECK_OK(iceberg_store_put(store, manifests[0].path, slu_view_of_text("x"), true, &err));
    check_found("file-size scan ");
    const char *location = slu_arena_strdup(&arena, iceberg_metadata_snapshot(table.metadata)->manifest_list);
    CHECK_OK(iceberg_store_remove(store, location, &err));
    check_found("list-unreadable scan ");
    slu_buf_fini(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_gone_or_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_entry_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_lie, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_manifest_or_list_is_gone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
