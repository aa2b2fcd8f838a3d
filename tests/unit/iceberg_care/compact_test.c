/* Compaction: what is put together and what is not, in which order, and what may come in between. */
#include "lake_rows.h"

#include "iceberg_care/compact.h"

static iceberg_compacted
compact(int64_t target_bytes, int64_t files_min)
{
    slu_error err = {0};
    iceberg_compacted out;
    const iceberg_compact_options options = {.target_bytes = target_bytes, .files_min = files_min};
    CHECK_OK(iceberg_compact(&catalog, &table, &options, &out, &err));
    return out;
}

/* Every bucket's rows, file by file, are 0 .. ends[bucket] in order. */
static void
check_rows(const int64_t *ends)
{
    slu_error err = {0};
    iceberg_scan scan = {0};
    iceberg_deletes *none = NULL;
    int64_t next[2] = {0, 0};
    CHECK_OK(iceberg_scan_plan(iceberg_catalog_store(&catalog, &table), table.metadata, iceberg_metadata_snapshot(table.metadata),
                               NULL, &scan, &err));
    for (size_t turn = 0; turn < scan.count; turn++) /* files in whatever order the manifests have them */
        for (size_t i = 0; i < scan.count; i++) {
            iceberg_read *read = NULL;
            struct ArrowArray batch;
            const iceberg_read_options options = {.files = &scan.files[i], .file_count = 1, .deletes = none};
            CHECK_OK(iceberg_read_open(iceberg_catalog_store(&catalog, &table), table.metadata, &options, &read, &err));
            CHECK_OK(iceberg_read_next(read, &batch, &err));
            const slu_column buckets = slu_column_child(iceberg_read_schema(read), &batch, 1);
            const slu_column offsets = slu_column_child(iceberg_read_schema(read), &batch, 2);
            const int32_t bucket = slu_column_i32s(&buckets)[0];
            for (int64_t row = 0; row < batch.length && slu_column_i64s(&offsets)[0] == next[bucket] - row; row++)
                assert_int_equal(slu_column_i64s(&offsets)[row], next[bucket]++);
            slu_array_release(&batch);
            iceberg_read_free(&read);
        }
    assert_int_equal(next[0], ends[0]);
    assert_int_equal(next[1], ends[1]);
    iceberg_scan_fini(&scan);
}

static void
buckets_are_packed_apart(void **state)
{
    for (int i = 0; i < 4; i++) {
        rows_append(0, i * 10, 10);
        rows_append(1, i * 5, 5);
    }
    const iceberg_compacted out = compact(0, 0);
    assert_int_equal(out.files_before, 8);
    assert_int_equal(out.files_after, 2);
    assert_int_equal(out.rows_after, 60);
    assert_true(out.manifests_before == 8 && out.manifests_after == 2);
    check_rows((const int64_t[]){40, 20});
    assert_int_equal(compact(0, 0).snapshot_id, -1);
}

static void
too_few_stay(void **state)
{
    rows_append(0, 0, 10);
    rows_append(0, 10, 10);
    assert_int_equal(compact(0, 3).files_before, 0);
    assert_int_equal(compact(0, 2).files_before, 2);
    check_rows((const int64_t[]){20, 0});
}

/* A large file between small ones parts them: their offsets would lie around its. */
static void
offsets_never_interleave(void **state)
{
    rows_append(0, 0, 1);
    rows_append(0, 1, 2);
    rows_append(0, 3, 900);
    rows_append(0, 903, 1);
    rows_append(0, 904, 2);
    const iceberg_compacted out = compact(3000, 0);
    assert_int_equal(out.files_before, 4);
    assert_int_equal(out.files_after, 2);
    check_rows((const int64_t[]){906, 0});
}

/* The files as they lie in the table's order are still said to be sorted; they are put together by offset, not by age. */
static void
the_sort_order_stays(void **state)
{
    slu_error err = {0};
    iceberg_scan scan = {0};
    rows_append(0, 10, 10);
    rows_append(0, 0, 10);
    assert_int_equal(compact(0, 0).files_after, 1);
    CHECK_OK(iceberg_scan_plan(iceberg_catalog_store(&catalog, &table), table.metadata, iceberg_metadata_snapshot(table.metadata),
                               NULL, &scan, &err));
    assert_int_equal(scan.count, 1);
    assert_int_equal(scan.files[0].file.sort_order_id, table.metadata->default_sort_order_id);
    iceberg_scan_fini(&scan);
    check_rows((const int64_t[]){20, 0});
}

static void
it_can_be_stopped(void **state)
{
    slu_error err = {0};
    iceberg_compacted out;
    atomic_bool stop = true;
    const iceberg_compact_options options = {.stop = &stop};
    rows_append(0, 0, 10);
    rows_append(0, 10, 10);
    CHECK_STATUS(iceberg_compact(&catalog, &table, &options, &out, &err), SLU_CLOSED);
    assert_int_equal(table.metadata->snapshot_count, 2);
    check_rows((const int64_t[]){20, 0});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(buckets_are_packed_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_few_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_never_interleave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sort_order_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_can_be_stopped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
