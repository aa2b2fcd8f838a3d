/* Manifests and lists: both ways, and cut or changed bytes. */
#include "iceberg/manifest.h"
#include "support/check.h"

static slu_arena arena;
static iceberg_schema schema;
static iceberg_partition_field fields[] = {
    {2, 1000, "a-b", {ICEBERG_TRANSFORM_IDENTITY, 0, "identity"}},
    {3, 1001, "amount", {ICEBERG_TRANSFORM_IDENTITY, 0, "identity"}},
    {4, 1002, "real", {ICEBERG_TRANSFORM_IDENTITY, 0, "identity"}},
};
static const iceberg_partition_spec SPEC = {7, 3, fields};

static int
set_up(void **state)
{
    static const char JSON[] =
        "{\"schema-id\":1,\"fields\":[{\"id\":1,\"name\":\"id\",\"type\":\"long\"},{\"id\":2,\"name\":\"a-b\",\"type\":\"string\"},"
        "{\"id\":3,\"name\":\"amount\",\"type\":\"decimal(20,2)\"},{\"id\":4,\"name\":\"real\",\"type\":\"float\"}]}";
    slu_arena_init(&arena, 64 << 20);
    return iceberg_schema_parse(slu_view_of_text(JSON), &arena, &schema, NULL) == SLU_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    slu_arena_fini(&arena);
    return 0;
}

static iceberg_column_metrics columns[] = {
    {1, 100, 10, 0, -1, true, true, {(const uint8_t *)"\1\0\0\0\0\0\0\0", 8}, {(const uint8_t *)"\2\0\0\0\0\0\0\0", 8}},
    {2, 50, 10, 10, -1, false, false, {NULL, 0}, {NULL, 0}},
    {4, -1, 10, 0, 3, false, true, {NULL, 0}, {(const uint8_t *)"", 0}},
};
static int64_t splits[] = {4, 1000};

static void
file_make(iceberg_data_file *file, iceberg_value tuple[3], int row)
{
    static iceberg_scalar rooms[4][2];
    static const float real = 1.5F;
    tuple[0] = row == 1 ? iceberg_value_null() : iceberg_value_of(slu_view_of_text(row == 0 ? "x" : ""));
    tuple[1] = iceberg_value_of_decimal(row == 0 ? -1 : 99999999999, &rooms[row][0]);
    tuple[2] = iceberg_value_of(slu_view_of(&real, 4));
    *file = (iceberg_data_file){.path = "file:///t/data/\xc3\xa4.parquet",
                                .format = "PARQUET",
                                .record_count = 10 + row,
                                .file_bytes = 2000,
                                .partition = tuple,
                                .partition_count = 3,
                                .columns = columns,
                                .column_count = 3,
                                .splits = splits,
                                .split_count = 2,
                                .sort_order_id = 1,
                                .content_offset = -1,
                                .content_bytes = -1,
                                .first_row_id = -1};
}

static slu_buf
manifest_make(const char *codec, iceberg_manifest_file *listed)
{
    slu_error err = {0};
    slu_buf out;
    iceberg_value tuples[3][3];
    iceberg_manifest_entry entries[3] = {
        {.status = ICEBERG_STATUS_ADDED, .snapshot_id = 5, .sequence_number = -1, .file_sequence_number = -1},
        {.status = ICEBERG_STATUS_EXISTING, .snapshot_id = 3, .sequence_number = 2, .file_sequence_number = 2},
        {.status = ICEBERG_STATUS_DELETED, .snapshot_id = 5, .sequence_number = 1, .file_sequence_number = 1},
    };
    const iceberg_manifest_head head = {2, ICEBERG_MANIFEST_DATA, &schema, &SPEC, slu_view_of_text(codec), {9}};
    slu_buf_init(&out, 1 << 20);
    for (int i = 0; i < 3; i++)
        file_make(&entries[i].file, tuples[i], i);
    CHECK_OK(iceberg_manifest_encode(&head, entries, 3, "file:///t/m0.avro", &arena, &out, listed, &err));
    /* The summaries borrow the tuples, which end here. */
    for (uint32_t i = 0; i < listed->partition_count; i++) {
        CHECK_OK(iceberg_value_copy(listed->partitions[i].lower, &arena, &listed->partitions[i].lower, &err));
        CHECK_OK(iceberg_value_copy(listed->partitions[i].upper, &arena, &listed->partitions[i].upper, &err));
    }
    listed->snapshot_id = 5;
    listed->sequence_number = 9;
    return out;
}

static void
check_entry(const iceberg_manifest_entry *entry, int i)
{
    static const int64_t SEQUENCES[] = {9, 2, 1};
    static const int64_t SNAPSHOTS[] = {5, 3, 5};
    iceberg_data_file wanted;
    iceberg_value tuple[3];
    file_make(&wanted, tuple, i);
    assert_int_equal(entry->sequence_number, SEQUENCES[i]);
    assert_int_equal(entry->file_sequence_number, SEQUENCES[i]);
    assert_int_equal(entry->snapshot_id, SNAPSHOTS[i]);
    CHECK_TEXT(entry->file.path, wanted.path);
    assert_int_equal(entry->file.record_count, wanted.record_count);
    for (int k = 0; k < 3; k++)
        assert_true(iceberg_value_equal(entry->file.partition[k], tuple[k]));
    assert_int_equal(entry->file.column_count, 3);
    assert_int_equal(entry->file.columns[2].nan_count, 3);
    assert_int_equal(entry->file.columns[2].column_bytes, -1);
    assert_true(entry->file.columns[0].has_lower && slu_view_equal(entry->file.columns[0].lower, columns[0].lower));
    assert_false(entry->file.columns[1].has_upper);
    assert_int_equal(entry->file.splits[1], 1000);
    assert_int_equal(entry->file.sort_order_id, 1);
}

static void
manifests_both_ways(void **state)
{
    static const char *const CODECS[] = {"gzip", "uncompressed", "zstd", "snappy"};
    for (size_t c = 0; c < 4; c++) {
        slu_error err = {0};
        iceberg_manifest_file listed;
        iceberg_manifest manifest;
        iceberg_type *types = NULL;
        slu_buf bytes = manifest_make(CODECS[c], &listed);
        assert_int_equal(listed.bytes, bytes.bytes);
        assert_int_equal(listed.added_files + listed.existing_files * 10 + listed.deleted_files * 100, 111);
        assert_int_equal(listed.added_rows, 10);
        assert_int_equal(listed.min_sequence_number, 2);
        assert_true(listed.partitions[0].contains_null && slu_view_is(listed.partitions[0].upper.bytes, "x"));
        CHECK_OK(iceberg_spec_types(&SPEC, &schema, &arena, &types, &err));
        CHECK_OK(iceberg_manifest_decode(slu_buf_view(&bytes), &listed, &SPEC, types, true, &arena, &manifest, &err));
        assert_int_equal(manifest.count, 3);
        for (int i = 0; i < 3; i++)
            check_entry(&manifest.entries[i], i);
        slu_buf_fini(&bytes);
    }
}

static void
lists_both_ways(void **state)
{
    slu_error err = {0};
    iceberg_manifest_file listed[2];
    iceberg_manifest_file *again = NULL;
    size_t count = 0;
    slu_buf manifest = manifest_make("gzip", &listed[0]);
    slu_buf out;
    listed[1] = listed[0];
    listed[1].content = ICEBERG_MANIFEST_DELETES;
    const iceberg_list_head head = {2, 5, -1, 9, {NULL, 0}, {3}};
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(iceberg_list_encode(&head, listed, 2, &out, &err));
    CHECK_OK(iceberg_list_decode(slu_buf_view(&out), &arena, &again, &count, &err));
    assert_int_equal(count, 2);
    CHECK_TEXT(again[0].path, "file:///t/m0.avro");
    assert_int_equal(again[1].content, ICEBERG_MANIFEST_DELETES);
    assert_int_equal(again[0].spec_id, 7);
    assert_int_equal(again[0].sequence_number, 9);
    assert_int_equal(again[0].deleted_rows, 12);
    assert_int_equal(again[0].partition_count, 3);
    assert_true(iceberg_value_equal(again[0].partitions[1].lower, listed[0].partitions[1].lower));
    slu_buf_fini(&out);
    slu_buf_fini(&manifest);
}

static void
data_files_travel(void **state)
{
    slu_error err = {0};
    iceberg_data_file files[2];
    iceberg_data_file *again = NULL;
    iceberg_value tuples[2][3];
    size_t count = 0;
    slu_buf out;
    slu_buf_init(&out, 1 << 20);
    for (int i = 0; i < 2; i++)
        file_make(&files[i], tuples[i], i);
    CHECK_OK(iceberg_data_files_encode(&schema, &SPEC, files, 2, &out, &err));
    CHECK_OK(iceberg_data_files_decode(slu_buf_view(&out), &schema, &SPEC, &arena, &again, &count, &err));
    assert_int_equal(count, 2);
    assert_true(again[1].partition[0].is_null);
    assert_int_equal(again[1].columns[0].value_count, 10);
    slu_buf_fini(&out);
}

static void
cut_and_changed_manifests(void **state)
{
    iceberg_manifest_file listed;
    iceberg_type *types = NULL;
    slu_buf bytes = manifest_make("uncompressed", &listed);
    assert_int_equal(iceberg_spec_types(&SPEC, &schema, &arena, &types, NULL), SLU_OK);
    for (size_t i = 0; i < bytes.bytes * 2; i++) {
        slu_error err = {0};
        slu_arena own;
        iceberg_manifest manifest;
        const size_t length = i < bytes.bytes ? i : bytes.bytes;
        uint8_t *copy = guarded_copy(bytes.data, length);
        if (i >= bytes.bytes)
            copy[i - bytes.bytes] ^= 0xff;
        slu_arena_init(&own, 4 << 20);
        const slu_status status =
            iceberg_manifest_decode(slu_view_of(copy, length), &listed, &SPEC, types, true, &own, &manifest, &err);
        assert_true(status != SLU_OK || i >= bytes.bytes || manifest.count == 0);
        slu_arena_fini(&own);
        guarded_free(copy, length);
    }
    slu_buf_fini(&bytes);
}

static void
wrong_tuples_are_refused(void **state)
{
    slu_error err = {0};
    iceberg_value tuple[3];
    iceberg_manifest_file listed;
    iceberg_manifest_entry entry = {
        .status = ICEBERG_STATUS_ADDED, .snapshot_id = 1, .sequence_number = -1, .file_sequence_number = -1};
    const iceberg_manifest_head head = {2, ICEBERG_MANIFEST_DATA, &schema, &SPEC, slu_view_of_text("gzip"), {9}};
    slu_buf out;
    slu_buf_init(&out, 1 << 20);
    file_make(&entry.file, tuple, 0);
    entry.file.partition_count = 2;
    CHECK_STATUS(iceberg_manifest_encode(&head, &entry, 1, "m", &arena, &out, &listed, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "2 partition values for 3 fields");
    entry.file.partition_count = 3;
    tuple[2].bytes.bytes = 3;
    CHECK_STATUS(iceberg_manifest_encode(&head, &entry, 1, "m", &arena, &out, &listed, &err), SLU_INVALID);
    slu_buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_both_ways),      cmocka_unit_test(lists_both_ways),
        cmocka_unit_test(data_files_travel),        cmocka_unit_test(cut_and_changed_manifests),
        cmocka_unit_test(wrong_tuples_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
