/* The batch room: counting, selections, attributes, schemas on the wire. */
#include "support/check.h"

#include "base/alloc.h"
#include "batch/batch.h"

static int released;

static void
array_gone(struct ArrowArray *array)
{
    released++;
    array->release = NULL;
}

/* One BIGINT column of four rows over static memory. */
static void
make_array(struct ArrowArray *out)
{
    static const int64_t values[4] = {1, 2, 3, 4};
    static const void *column_buffers[2] = {NULL, values};
    static struct ArrowArray column = {.length = 4, .n_buffers = 2, .buffers = column_buffers};
    static struct ArrowArray *children[1] = {&column};
    static const void *buffers[1] = {NULL};
    *out = (struct ArrowArray){
        .length = 4, .n_buffers = 1, .buffers = buffers, .n_children = 1, .children = children, .release = array_gone};
}

static slu_schema *
make_schema(void)
{
    static struct ArrowSchema column = {.format = "l", .name = "id"};
    static struct ArrowSchema *children[1] = {&column};
    const struct ArrowSchema source = {.format = "+s", .name = "", .n_children = 1, .children = children};
    slu_schema *schema = NULL;
    slu_error err = {0};
    CHECK_OK(slu_schema_new(&source, &schema, &err));
    return schema;
}

static void
a_selection_keeps_its_base_alive(void **state)
{
    (void)state;
    slu_error err = {0};
    SLU_AUTO(slu_schema_unref) slu_schema *schema = make_schema();
    struct ArrowArray array;
    const slu_batch *whole = NULL;
    const slu_batch *part = NULL;
    static const int32_t selection[] = {1, 3};
    const slu_attr attr = {"split", "abc", 3};
    released = 0;
    make_array(&array);
    CHECK_OK(slu_batch_new(schema, &array, &(slu_batch_spec){.attrs = &attr, .attr_count = 1}, &whole, &err));
    assert_null(array.release);
    assert_int_equal(whole->bytes, 32);
    CHECK_OK(slu_batch_select(whole, &(slu_batch_spec){.selection = selection, .rows = 2}, &part, &err));
    slu_batch_unref(&whole);
    assert_null(whole);
    assert_int_equal(released, 0);
    assert_int_equal(part->rows, 2);
    assert_int_equal(slu_batch_row(part, 1), 3);
    CHECK_TEXT(part->attrs[0].key, "split");
    assert_memory_equal(part->attrs[0].data, "abc", 3);
    slu_batch_unref(&part);
    assert_int_equal(released, 1);
}

static void
a_wrong_array_is_refused_and_released(void **state)
{
    (void)state;
    slu_error err = {0};
    SLU_AUTO(slu_schema_unref) slu_schema *schema = make_schema();
    struct ArrowArray array;
    const slu_batch *batch = NULL;
    static const int32_t backwards[] = {3, 1};
    released = 0;
    make_array(&array);
    array.n_children = 0;
    CHECK_STATUS(slu_batch_new(schema, &array, NULL, &batch, &err), SLU_INVALID);
    make_array(&array);
    CHECK_STATUS(slu_batch_new(schema, &array, &(slu_batch_spec){.selection = backwards, .rows = 2}, &batch, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "selection[1]");
    make_array(&array);
    (void)slu_alloc_fail_from(1);
    const slu_status status = slu_batch_new(schema, &array, NULL, &batch, &err);
    (void)slu_alloc_fail_from(0);
    CHECK_STATUS(status, SLU_NOMEM);
    assert_int_equal(released, 3);
    assert_null(batch);
}

static void
a_schema_survives_its_bytes_and_every_cut_is_refused(void **state)
{
    (void)state;
    slu_error err = {0};
    SLU_AUTO(slu_schema_unref) slu_schema *schema = make_schema();
    SLU_AUTO(slu_buf_fini) slu_buf bytes;
    slu_buf_init(&bytes, 1000);
    slu_schema_encode(slu_schema_arrow(schema), &bytes);
    struct ArrowSchema again;
    CHECK_OK(slu_schema_decode(slu_buf_view(&bytes), &again, &err));
    assert_true(slu_schema_equal(slu_schema_arrow(schema), &again));
    slu_schema_release(&again);
    for (size_t cut = 0; cut < bytes.bytes; cut++) {
        uint8_t *copy = guarded_copy(bytes.data, cut);
        CHECK_STATUS(slu_schema_decode(slu_view_of(copy, cut), &again, &err), SLU_CORRUPT);
        guarded_free(copy, cut);
    }
    bytes.data[0] = 0xff;
    CHECK_STATUS(slu_schema_decode(slu_buf_view(&bytes), &again, &err), SLU_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_selection_keeps_its_base_alive),
        cmocka_unit_test(a_wrong_array_is_refused_and_released),
        cmocka_unit_test(a_schema_survives_its_bytes_and_every_cut_is_refused),
    };
    return cmocka_run_group_tests_name("batch.batch", tests, NULL, NULL);
}
