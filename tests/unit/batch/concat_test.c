/* concat.h: rows of several batches one after another, of every type, through selections, with nulls and kinds. */
#include "support/arrays.h"

#include "base/alloc.h"
#include "batch/concat.h"

static slu_error err;

static void
every_type_in_order(void **state)
{
    (void)state;
    static const int64_t wide[] = {1, 2, 3, 4, 5}, decimal[] = {10, 0, 20, 0, -30, -1, 40, 0, 50, 0};
    static const int16_t narrow[] = {-1, -2, -3, -4, -5};
    static const uint8_t bits[] = {0x15}; /* rows 0, 2, 4 */
    static const char *const texts[] = {"one", NULL, "", "four", "five"};
    static const uint8_t nulls[] = {0, 0, 1, 0, 0}, kinds[] = {1, 2, 3, 4, 1};
    static const int32_t selection[] = {1, 2, 4};
    const test_column columns[] = {{.name = "a", .format = "l", .values = wide},
                                   {.name = "b", .format = "d:10,2", .values = decimal},
                                   {.name = "c", .format = "s", .values = narrow, .nulls = nulls},
                                   {.name = "d", .format = "b", .values = bits},
                                   {.name = "e", .format = "u", .texts = texts}};
    const slu_batch *pieces[3] = {
        test_batch_make(columns, 5, 2, NULL),
        test_batch_make(columns, 5, 5, &(slu_batch_spec){.selection = selection, .rows = 3, .kinds = kinds}),
        test_batch_make(columns, 5, 5, NULL)};
    static const int expected[] = {0, 1, 1, 2, 4, 0, 1, 2, 3, 4};
    slu_status status = SLU_NOMEM;
    for (uint64_t n = 1; status == SLU_NOMEM; n++) { /* with every allocation failing once before */
        const slu_batch *whole = NULL;
        (void)slu_alloc_fail_from(n);
        status = slu_batch_concat(pieces, 3, &whole, &err);
        (void)slu_alloc_fail_from(0);
        if (status != SLU_OK)
            continue;
        assert_int_equal(whole->rows, 10);
        assert_null(whole->selection);
        slu_column got[5];
        for (int c = 0; c < 5; c++) {
            got[c] = slu_batch_column(whole, c);
            assert_int_equal((uintptr_t)whole->array->children[c]->buffers[1] % 64, 0);
        }
        for (int i = 0; i < 10; i++) {
            const int row = expected[i];
            assert_int_equal(slu_column_i64s(&got[0])[i], wide[row]);
            assert_memory_equal((const uint8_t *)got[1].values + 16 * i, decimal + 2 * row, 16);
            assert_int_equal(slu_column_valid(&got[2], i), i < 2 || !nulls[row]);
            if (slu_column_valid(&got[2], i))
                assert_int_equal(((const int16_t *)got[2].values)[i], narrow[row]);
            assert_int_equal(slu_column_bool(&got[3], i), row % 2 == 0);
            assert_int_equal(slu_column_valid(&got[4], i), texts[row] != NULL);
            assert_int_equal(got[4].offsets[i + 1] - got[4].offsets[i], texts[row] == NULL ? 0 : strlen(texts[row]));
            if (texts[row] != NULL)
                assert_memory_equal(got[4].data + got[4].offsets[i], texts[row], strlen(texts[row]));
            assert_int_equal(whole->kinds[i], i >= 2 && i < 5 ? kinds[row] : 0);
        }
        slu_batch_unref(&whole);
    }
    CHECK_STATUS(status, SLU_OK);
    for (int p = 0; p < 3; p++)
        slu_batch_unref(&pieces[p]);
}

static void
attributes_and_nested_columns_are_refused(void **state)
{
    (void)state;
    static const int64_t wide[] = {1};
    const test_column column = {.name = "a", .format = "l", .values = wide};
    const slu_attr attr = {"k", "v", 1};
    const slu_batch *piece = test_batch_make(&column, 1, 1, &(slu_batch_spec){.attrs = &attr, .attr_count = 1}), *whole = NULL;
    CHECK_STATUS(slu_batch_concat(&piece, 1, &whole, &err), SLU_UNSUPPORTED);
    slu_batch_unref(&piece);
    struct ArrowSchema schema;
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "l", "a", true));
    assert_true(slu_concat_possible(&schema));
    CHECK_OK(slu_schema_add(&schema, "+s", "b", true));
    assert_false(slu_concat_possible(&schema));
    slu_schema_release(&schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_in_order),
        cmocka_unit_test(attributes_and_nested_columns_are_refused),
    };
    return cmocka_run_group_tests_name("batch.concat", tests, NULL, NULL);
}
