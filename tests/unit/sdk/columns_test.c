/* Builders, gather, sharing, schemas. */
#include "support/check.h"

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/types.h>

static void
format_table(void **state)
{
    assert_int_equal(slu_type_of("l").id, SLU_TYPE_INT64);
    assert_int_equal(slu_type_of("d:10,2").scale, 2);
    assert_int_equal(slu_type_of("tsu:UTC").zoned, 1);
    assert_int_equal(slu_type_of("ttm").width_bytes, 4);
    assert_int_equal(slu_type_of("w:3").width_bytes, 3);
    static const char *const bad[] = {
        "", "x", "ll", "d:39,2", "d:10", "d:10,2,256", "w:", "w:0", "ts:", "tsx:", "+", "+x", "td", "tt"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slu_type_of(bad[i]).id, SLU_TYPE_OTHER);
    assert_int_equal(slu_type_of(NULL).id, SLU_TYPE_OTHER);
}

static void
build_numbers_with_nulls(void **state)
{
    slu_error err = {0};
    SLU_AUTO(sdk_builder_fini) sdk_builder builder;
    SLU_AUTO(slu_array_release) struct ArrowArray array = {0};
    CHECK_STATUS(sdk_builder_init(&builder, "i", NULL), SLU_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            if (i % 7 == 3)
                sdk_builder_null(&builder);
            else
                sdk_builder_int(&builder, i - 500);
        }
        slu_array_release(&array);
        CHECK_OK(sdk_builder_finish(&builder, &array, &err));
    }
    const slu_column column = slu_column_view("i", &array);
    assert_int_equal(array.null_count, 143);
    assert_int_equal((uintptr_t)array.buffers[1] % 64, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(slu_column_valid(&column, i), i % 7 != 3);
        if (i % 7 != 3)
            assert_int_equal(slu_column_i32s(&column)[i], i - 500);
    }
}

static void
build_text_and_gather(void **state)
{
    slu_error err = {0};
    SLU_AUTO(sdk_builder_fini) sdk_builder builder;
    SLU_AUTO(slu_array_release) struct ArrowArray array = {0}, picked = {0};
    CHECK_STATUS(sdk_builder_init(&builder, "u", NULL), SLU_OK);
    sdk_builder_text(&builder, "one");
    sdk_builder_null(&builder);
    sdk_builder_text(&builder, "");
    sdk_builder_text(&builder, "four");
    CHECK_OK(sdk_builder_finish(&builder, &array, &err));
    const struct ArrowSchema field = {.format = "u", .name = "t"};
    const int32_t rows[] = {3, 3, -1, 1, 0, 2};
    const slu_column column = slu_column_view("u", &array);
    CHECK_OK(sdk_gather(&field, &column, rows, 6, NULL, &picked, &err));
    const slu_column got = slu_column_view("u", &picked);
    static const char *const expected[] = {"four", "four", NULL, NULL, "one", ""};
    for (int i = 0; i < 6; i++) {
        int32_t bytes;
        assert_int_equal(slu_column_valid(&got, i), expected[i] != NULL);
        if (expected[i] == NULL)
            continue;
        const uint8_t *data = slu_column_bytes(&got, i, &bytes);
        assert_int_equal(bytes, strlen(expected[i]));
        assert_memory_equal(data, expected[i], (size_t)bytes);
    }
    assert_int_equal(picked.null_count, 2);
    assert_int_equal(sdk_array_bytes(&field, &picked), 1 + 7 * 4 + 11);
}

/* Every type against row-by-row copying, from a sliced source. */
static void
gather_every_type_from_a_slice(void **state)
{
    static const char *const formats[] = {"b", "c", "s", "i", "l", "f", "g", "d:20,3", "u", "z", "w:5", "tdD", "tsu:"};
    slu_error err = {0};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        sdk_builder builder, model;
        struct ArrowArray array, slice, picked, expected;
        CHECK_STATUS(sdk_builder_init(&builder, formats[f], NULL), SLU_OK);
        CHECK_STATUS(sdk_builder_init(&model, formats[f], NULL), SLU_OK);
        for (int i = 0; i < 100; i++) {
            char text[8] = "abcdefg";
            if (i % 5 == 2)
                sdk_builder_null(&builder);
            else if (slu_type_is_varlen(builder.type))
                sdk_builder_bytes(&builder, text, (size_t)(i % 8));
            else if (builder.type.id == SLU_TYPE_FIXED)
                sdk_builder_bytes(&builder, text + i % 3, 5);
            else if (builder.type.id == SLU_TYPE_DECIMAL)
                sdk_builder_decimal(&builder, (slu_i128_natural)i << 70);
            else if (builder.type.id == SLU_TYPE_FLOAT || builder.type.id == SLU_TYPE_DOUBLE)
                sdk_builder_f64(&builder, i / 4.0);
            else
                sdk_builder_int(&builder, i % 3 == 0 ? i : -i);
        }
        CHECK_OK(sdk_builder_finish(&builder, &array, &err));
        CHECK_OK(sdk_share(&array, 13, 50, NULL, NULL, &slice, &err));
        const slu_column from = slu_column_view(formats[f], &slice);
        int32_t rows[40];
        for (int i = 0; i < 40; i++) {
            rows[i] = i % 9 == 8 ? -1 : (i * 17) % 50;
            if (rows[i] < 0)
                sdk_builder_null(&model);
            else
                sdk_builder_copy(&model, &from, rows[i]);
        }
        const struct ArrowSchema field = {.format = formats[f], .name = "x"};
        CHECK_OK(sdk_gather(&field, &from, rows, 40, NULL, &picked, &err));
        CHECK_OK(sdk_builder_finish(&model, &expected, &err));
        const slu_column a = slu_column_view(formats[f], &picked), b = slu_column_view(formats[f], &expected);
        assert_int_equal(picked.null_count, expected.null_count);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(slu_column_valid(&a, i), slu_column_valid(&b, i));
            if (!slu_column_valid(&a, i))
                continue;
            if (a.type.id == SLU_TYPE_BOOL) {
                assert_int_equal(slu_column_bool(&a, i), slu_column_bool(&b, i));
            } else if (a.type.width_bytes != 0) {
                const size_t width = (size_t)a.type.width_bytes;
                assert_memory_equal((const uint8_t *)a.values + (size_t)i * width, (const uint8_t *)b.values + (size_t)i * width,
                                    width);
            } else {
                int32_t a_bytes, b_bytes;
                const uint8_t *a_data = slu_column_bytes(&a, i, &a_bytes), *b_data = slu_column_bytes(&b, i, &b_bytes);
                assert_int_equal(a_bytes, b_bytes);
                assert_memory_equal(a_data, b_data, (size_t)a_bytes);
            }
        }
        slu_array_release(&picked);
        slu_array_release(&expected);
        slu_array_release(&slice);
        slu_array_release(&array);
        sdk_builder_fini(&builder);
        sdk_builder_fini(&model);
    }
}

static void
count_drop(void *context)
{
    ++*(int *)context;
}

static struct ArrowArray
numbers(int64_t rows)
{
    slu_error err = {0};
    sdk_builder builder;
    struct ArrowArray array;
    CHECK_STATUS(sdk_builder_init(&builder, "l", NULL), SLU_OK);
    int64_t *values = sdk_builder_extend(&builder, rows);
    for (int64_t i = 0; i < rows; i++)
        values[i] = i;
    CHECK_OK(sdk_builder_finish(&builder, &array, &err));
    return array;
}

static void
share_drops_once_and_late(void **state)
{
    slu_error err = {0};
    int drops = 0;
    struct ArrowArray columns[2] = {numbers(10), numbers(10)}, batch, shared, child;
    CHECK_OK(sdk_struct(columns, 2, 10, &batch, &err));
    assert_null(columns[0].release);
    CHECK_OK(sdk_share(&batch, 0, 10, count_drop, &drops, &shared, &err));
    slu_array_move(shared.children[1], &child); /* a consumer may keep a child longer than its parent */
    slu_array_release(&shared);
    assert_int_equal(drops, 0);
    assert_int_equal(slu_column_view("l", &child).rows, 10);
    slu_array_release(&child);
    assert_int_equal(drops, 1);
    slu_array_release(&batch);
}

static void
struct_refuses_unequal_columns(void **state)
{
    slu_error err = {0};
    struct ArrowArray columns[2] = {numbers(10), numbers(9)}, batch;
    CHECK_STATUS(sdk_struct(columns, 2, 10, &batch, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "9 rows");
    slu_array_release(&columns[0]);
    slu_array_release(&columns[1]);
}

static void
gather_lists(void **state)
{
    slu_error err = {0};
    const int32_t offsets[] = {0, 2, 2, 5};
    const int32_t rows[] = {2, 0, 1, -1};
    struct ArrowArray items = numbers(5), list, picked;
    struct ArrowSchema field;
    CHECK_OK(sdk_schema_from_sql("ARRAY<BIGINT>", "x", &field, &err));
    CHECK_OK(sdk_list(offsets, NULL, 3, &items, &list, &err));
    const slu_column from = slu_column_view("+l", &list);
    CHECK_OK(sdk_gather(&field, &from, rows, 4, NULL, &picked, &err));
    const slu_column got = slu_column_view("+l", &picked);
    const int64_t *values = picked.children[0]->buffers[1];
    static const int64_t expected[] = {2, 3, 4, 0, 1};
    assert_int_equal(picked.children[0]->length, 5);
    assert_memory_equal(values, expected, sizeof expected);
    assert_int_equal(got.offsets[1], 3);
    assert_int_equal(got.offsets[4], 5);
    assert_false(slu_column_valid(&got, 3));
    slu_array_release(&picked);
    slu_array_release(&list);
    slu_schema_release(&field);
}

static void
schema_copy_and_find(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema, copy;
    CHECK_OK(sdk_schema_from_columns("id BIGINT NOT NULL, tags MAP<STRING, INT>, name STRING", &schema, &err));
    CHECK_OK(slu_schema_copy(&schema, &copy, &err));
    assert_true(slu_schema_equal(&schema, &copy));
    assert_int_equal(slu_schema_find(&copy, "name"), 2);
    assert_int_equal(slu_schema_find(&copy, "nam"), -1);
    CHECK_STATUS(slu_schema_add_copy(&copy, schema.children[1], "labels"), SLU_OK);
    assert_false(slu_schema_equal(&schema, &copy));
    assert_int_equal(slu_schema_find(&copy, "labels"), 3);
    slu_schema_release(&copy);
    slu_schema_release(&copy);
    slu_schema_release(&schema);
}

static int allocs_left;

static void *
short_alloc(void *context, size_t bytes)
{
    return allocs_left-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static void
short_free(void *context, void *memory, size_t bytes)
{
    free(memory);
}

static void
no_memory_is_reported_by_finish(void **state)
{
    const sdk_memory memory = {NULL, short_alloc, short_free};
    for (int allowed = 0; allowed < 6; allowed++) {
        slu_error err = {0};
        sdk_builder builder;
        struct ArrowArray array = {0};
        allocs_left = allowed;
        CHECK_STATUS(sdk_builder_init(&builder, "u", &memory), SLU_OK);
        for (int i = 0; i < 600; i++)
            sdk_builder_text(&builder, "some text");
        sdk_builder_null(&builder);
        CHECK_STATUS(sdk_builder_finish(&builder, &array, &err), SLU_NOMEM);
        sdk_builder_fini(&builder);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(format_table),
                                       cmocka_unit_test(build_numbers_with_nulls),
                                       cmocka_unit_test(build_text_and_gather),
                                       cmocka_unit_test(gather_every_type_from_a_slice),
                                       cmocka_unit_test(share_drops_once_and_late),
                                       cmocka_unit_test(struct_refuses_unequal_columns),
                                       cmocka_unit_test(gather_lists),
                                       cmocka_unit_test(schema_copy_and_find),
                                       cmocka_unit_test(no_memory_is_reported_by_finish)};
    return cmocka_run_group_tests_name("sdk.columns", tests, NULL, NULL);
}
