/* Reading: columns, counts and pruning over a golden table; listings; offsets in their three forms. */
#include "iceberg/lake_read.h"
#include "support/check.h"

#include <sluice/columns.h>
#include <sluice/sdk/rows.h>

#define GOLDEN SLUICE_TEST_DATA "/golden/iceberg/"

static iceberg_store store;
static iceberg_table table;

static int
set_up(void **state)
{
    slu_error err = {0};
    CHECK_OK(iceberg_store_local_open_at("/tmp/sluice-golden/append/", GOLDEN "append/table/", false, &store, &err));
    CHECK_OK(iceberg_table_open(
        &store, "file:/tmp/sluice-golden/append/metadata/00001-7639eb61-4f6a-4885-baed-21491874a30e.metadata.json", &table, &err));
    return 0;
}

static int
tear_down(void **state)
{
    iceberg_table_fini(&table);
    iceberg_store_close(&store);
    return 0;
}

static int64_t
rows_of(const iceberg_read_options *options, int64_t *out_files_rows)
{
    slu_error err = {0};
    iceberg_read *read = NULL;
    struct ArrowArray batch;
    int64_t rows = 0;
    CHECK_OK(iceberg_read_open(&store, table.metadata, options, &read, &err));
    *out_files_rows = iceberg_read_rows(read);
    for (;;) {
        const slu_status status = iceberg_read_next(read, &batch, &err);
        if (status == SLU_END)
            break;
        CHECK_OK(status);
        assert_int_equal(batch.n_children, iceberg_read_schema(read)->n_children);
        rows += batch.length;
        slu_array_release(&batch);
    }
    iceberg_read_free(&read);
    return rows;
}

static void
columns_and_counts(void **state)
{
    static const char *const NAMES[] = {"amount", "id"};
    int64_t planned = 0;
    assert_int_equal(rows_of(&(iceberg_read_options){0}, &planned), 100);
    assert_int_equal(planned, 100);
    assert_int_equal(rows_of(&(iceberg_read_options){.columns = NAMES, .column_count = 2, .batch_rows = 3}, &planned), 100);
    assert_int_equal(rows_of(&(iceberg_read_options){.columns = NAMES, .column_count = 0, .batch_rows = 7}, &planned), 100);
}

static void
a_missing_column_is_named(void **state)
{
    static const char *const NAMES[] = {"nope"};
    slu_error err = {0};
    iceberg_read *read = NULL;
    const iceberg_read_options options = {.columns = NAMES, .column_count = 1};
    CHECK_STATUS(iceberg_read_open(&store, table.metadata, &options, &read, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "\"nope\"");
}

static void
literals_prune(void **state)
{
    iceberg_scalar room;
    iceberg_predicate predicate;
    int64_t planned = 0;
    const iceberg_field *id = iceberg_schema_column(iceberg_metadata_schema(table.metadata), "id");
    const iceberg_literal far = {.kind = ICEBERG_LITERAL_I64, .i64 = 1000000};
    const iceberg_literal text = {.kind = ICEBERG_LITERAL_TEXT, .text = slu_view_of_text("x")};
    assert_true(iceberg_predicate_make(id, ICEBERG_GREATER, &far, &room, &predicate));
    assert_int_equal(rows_of(&(iceberg_read_options){.predicates = &predicate, .predicate_count = 1}, &planned), 0);
    assert_int_equal(planned, 0);
    assert_true(iceberg_predicate_make(id, ICEBERG_LESS, &far, &room, &predicate));
    assert_int_equal(rows_of(&(iceberg_read_options){.predicates = &predicate, .predicate_count = 1}, &planned), 100);
    assert_false(iceberg_predicate_make(id, ICEBERG_LESS, &text, &room, &predicate));
}

static void
row_text(const iceberg_read *read, const struct ArrowArray *batch, int64_t row, sdk_text *out)
{
    const struct ArrowSchema *schema = iceberg_read_schema(read);
    sdk_text_reset(out);
    for (int64_t c = 0; c < batch->n_children; c++) {
        const slu_column column = slu_column_child(schema, batch, c);
        sdk_text_printf(out, c == 0 ? "" : " | ");
        sdk_value_write(schema->children[c], &column, row, out);
    }
}

static void
nested_columns(void **state)
{
    static const char *const NAMES[] = {"mp", "st", "li"};
    static const char *const ROWS[] = {"{b: 1.5, a: NULL} | (7, q\"\\\n) | [1, NULL, 3]", "{} | (NULL, NULL) | []",
                                       "NULL | NULL | NULL", "NULL | NULL | [NULL]"};
    slu_error err = {0};
    iceberg_store there;
    iceberg_table types;
    iceberg_read *read = NULL;
    struct ArrowArray batch;
    SLU_AUTO(sdk_text_fini) sdk_text text = {0};
    const iceberg_read_options options = {.columns = NAMES, .column_count = 3};
    CHECK_OK(iceberg_store_local_open_at("/tmp/sluice-golden/all_types/", GOLDEN "all_types/table/", false, &there, &err));
    CHECK_OK(iceberg_table_open(
        &there, "file:/tmp/sluice-golden/all_types/metadata/00001-fe44db02-4bd9-4087-a5e5-03dd69b75d13.metadata.json", &types,
        &err));
    CHECK_OK(iceberg_read_open(&there, types.metadata, &options, &read, &err));
    CHECK_OK(iceberg_read_next(read, &batch, &err));
    for (int64_t row = 0; row < 4; row++) {
        row_text(read, &batch, row, &text);
        CHECK_TEXT(sdk_text_cstr(&text), ROWS[row]);
    }
    slu_array_release(&batch);
    iceberg_read_free(&read);
    iceberg_table_fini(&types);
    iceberg_store_close(&there);
}

static void
listings(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array;
    CHECK_OK(iceberg_snapshots_batch(table.metadata, &schema, &array, &err));
    assert_int_equal(array.length, 1);
    slu_column column = slu_column_child(&schema, &array, 0);
    assert_int_equal(slu_column_i64s(&column)[0], INT64_C(7407622504009871125));
    slu_array_release(&array);
    slu_schema_release(&schema);
    CHECK_OK(iceberg_files_batch(&store, table.metadata, NULL, &schema, &array, &err));
    assert_int_equal(array.length, 2);
    column = slu_column_child(&schema, &array, slu_schema_find(&schema, "record_count"));
    assert_int_equal(slu_column_i64s(&column)[0] + slu_column_i64s(&column)[1], 100);
    slu_array_release(&array);
    slu_schema_release(&schema);
}

static void
offsets(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_offsets got;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(iceberg_offsets_parse(slu_view_of_text("{\"version\":1,\"table_id\":4,\"bucket_offsets\":[100,-1,300]}"), &arena, &got,
                                   &err));
    assert_int_equal(got.table_id, 4);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.items[1].bucket, 2);
    assert_int_equal(got.items[1].offset, 300);
    assert_int_equal(got.items[1].partition_id, -1);
    CHECK_OK(iceberg_offsets_parse(slu_view_of_text("{\"version\":1,\"table_id\":6,\"partition_offsets\":[{\"partition_id\":1,"
                                                    "\"bucket_offsets\":[100,200]},{\"partition_id\":2,\"bucket_offsets\":[7]}]}"),
                                   &arena, &got, &err));
    assert_int_equal(got.count, 3);
    assert_int_equal(got.items[2].partition_id, 2);
    CHECK_OK(iceberg_offsets_parse(slu_view_of_text("[{\"bucket\":3,\"offset\":9}]"), &arena, &got, &err));
    assert_int_equal(got.items[0].bucket, 3);
    CHECK_OK(iceberg_offsets_parse(slu_view_of_text("{\"version\":1,\"table_id\":6}"), &arena, &got, &err));
    assert_int_equal(got.count, 0);
    CHECK_STATUS(iceberg_offsets_parse(slu_view_of_text("{\"version\":2}"), &arena, &got, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(iceberg_offsets_parse(slu_view_of_text("{\"version\":1,\"bucket_offsets\":[\"a\"]}"), &arena, &got, &err),
                 SLU_CORRUPT);
    CHECK_STATUS(iceberg_offsets_parse(slu_view_of_text("[{\"bucket\":-3,\"offset\":9}]"), &arena, &got, &err), SLU_CORRUPT);
    CHECK_STATUS(iceberg_offsets_parse(slu_view_of_text("["), &arena, &got, &err), SLU_CORRUPT);
    slu_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_counts), cmocka_unit_test(a_missing_column_is_named),
        cmocka_unit_test(literals_prune),     cmocka_unit_test(nested_columns),
        cmocka_unit_test(listings),           cmocka_unit_test(offsets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
