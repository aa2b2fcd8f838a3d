/* ipc_test.c: every type through a message and back, gathered, sliced and compressed; projection; bytes that must be refused. */
#include "support/check.h"

#include "base/alloc.h"
#include "batch/ipc.h"

#include <sluice/columns.h>
#include <sluice/sdk/columns_build.h>

#include <stdio.h>

#define ROWS 300

static const char *const formats[] = {"b",   "c",      "s",      "i",   "l",   "f",   "g",    "u",    "z",
                                      "w:5", "d:10,2", "d:38,9", "tdD", "ttm", "ttu", "tsm:", "tsu:", "tsn:UTC"};
#define COLUMNS ((int64_t)(sizeof formats / sizeof formats[0]))

static void
append(sdk_builder *builder, int64_t column, int64_t row)
{
    char text[32];
    if ((row * 7 + column) % 5 == 0 && column % 3 != 0) {
        sdk_builder_null(builder);
        return;
    }
    switch (builder->type.id) {
    case SLU_TYPE_BOOL: sdk_builder_bool(builder, row % 3 == 0); break;
    case SLU_TYPE_FLOAT:
    case SLU_TYPE_DOUBLE: sdk_builder_f64(builder, (double)row / 4); break;
    case SLU_TYPE_DECIMAL: sdk_builder_decimal(builder, (slu_i128_natural)row * -12345678901); break;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY:
        sdk_builder_bytes(builder, text, (size_t)snprintf(text, sizeof text, "row %d", (int)row) * (row % 4 != 0));
        break;
    case SLU_TYPE_FIXED: sdk_builder_bytes(builder, &"abcdefghijklmnop"[row % 8], 5); break;
    default: sdk_builder_int(builder, row * 3 - 100); break;
    }
}

static void
make(struct ArrowSchema *schema, struct ArrowArray *array, int64_t rows)
{
    slu_error err = {0};
    struct ArrowArray columns[sizeof formats / sizeof formats[0]];
    CHECK_OK(slu_schema_init_struct(schema));
    for (int64_t i = 0; i < COLUMNS; i++) {
        sdk_builder builder;
        char name[16];
        (void)snprintf(name, sizeof name, "c%d", (int)i);
        CHECK_OK(slu_schema_add(schema, formats[i], name, true));
        CHECK_OK(sdk_builder_init(&builder, formats[i], NULL));
        for (int64_t row = 0; row < rows; row++)
            append(&builder, i, row);
        CHECK_OK(sdk_builder_finish(&builder, &columns[i], &err));
    }
    CHECK_OK(sdk_struct(columns, COLUMNS, rows, array, &err));
}

static void
check_value(const slu_column *a, int64_t i, const slu_column *b, int64_t j)
{
    assert_int_equal(slu_column_valid(a, i), slu_column_valid(b, j));
    if (!slu_column_valid(a, i))
        return;
    if (a->type.id == SLU_TYPE_BOOL) {
        assert_int_equal(slu_column_bool(a, i), slu_column_bool(b, j));
    } else if (a->type.width_bytes != 0) {
        const size_t width = (size_t)a->type.width_bytes;
        assert_memory_equal((const uint8_t *)a->values + (size_t)i * width, (const uint8_t *)b->values + (size_t)j * width, width);
    } else {
        int32_t a_bytes, b_bytes;
        const uint8_t *a_data = slu_column_bytes(a, i, &a_bytes);
        const uint8_t *b_data = slu_column_bytes(b, j, &b_bytes);
        assert_int_equal(a_bytes, b_bytes);
        assert_memory_equal(a_data, b_data, (size_t)a_bytes);
    }
}

static void
check_rows(const struct ArrowSchema *schema, const struct ArrowArray *before, const struct ArrowArray *after,
           const int32_t *selection, int64_t rows)
{
    assert_int_equal(after->length, rows);
    for (int64_t c = 0; c < schema->n_children; c++) {
        const slu_column a = slu_column_child(schema, before, c);
        const slu_column b = slu_column_child(schema, after, c);
        for (int64_t i = 0; i < rows; i++)
            check_value(&a, selection == NULL ? i : selection[i], &b, i);
    }
}

static int released;

static void
count_release(void *context)
{
    (void)context;
    released++;
}

static void
go_round(const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
         uint8_t compression, slu_ipc_codec *codec)
{
    slu_error err = {0};
    const slu_ipc_options options = {.compression = compression, .validity_always = rows % 2 == 0, .codec = codec};
    const slu_ipc_owner owner = {count_release, NULL};
    slu_buf out;
    struct ArrowArray back;
    size_t bytes = 0;
    slu_buf_init(&out, 1 << 24);
    slu_buf_zero(&out, 8); /* the message need not be the first thing in the buffer */
    CHECK_OK(slu_ipc_encode(schema, array, selection, rows, &options, &out, &err));
    assert_int_equal(out.bytes % 8, 0);
    const slu_view message = slu_view_of(out.data + 8, out.bytes - 8);
    CHECK_OK(slu_ipc_peek(message, &bytes, &err));
    assert_int_equal(bytes, message.bytes);
    released = 0;
    CHECK_OK(slu_ipc_decode(schema, message, owner, codec, &back, &err));
    assert_int_equal(released, compression != SLU_IPC_COMPRESSION_NONE);
    check_rows(schema, array, &back, selection, rows);
    back.release(&back);
    assert_int_equal(released, 1);
    /* Unaligned, and ending at an unreadable page. */
    uint8_t *far = guarded_copy(message.data, message.bytes);
    CHECK_OK(slu_ipc_decode(schema, slu_view_of(far, message.bytes), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    check_rows(schema, array, &back, selection, rows);
    back.release(&back);
    guarded_free(far, message.bytes);
    slu_buf_fini(&out);
}

static void
every_type_goes_round(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array;
    int32_t selection[ROWS];
    slu_ipc_codec *codec = NULL;
    CHECK_OK(slu_ipc_codec_new(&codec, &err));
    make(&schema, &array, ROWS);
    for (int32_t i = 0; i < ROWS; i++)
        selection[i] = i % 2 == 0 ? ROWS - 1 - i : i / 2;
    for (uint8_t compression = 0; compression <= SLU_IPC_COMPRESSION_ZSTD; compression++) {
        const int64_t counts[] = {0, 1, 7, 8, 64, 65, ROWS};
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            go_round(&schema, &array, NULL, counts[i], compression, codec);
            go_round(&schema, &array, selection, counts[i], compression, codec);
        }
        go_round(&schema, &array, selection, ROWS, compression, NULL);
    }
    array.offset = 13; /* a slice */
    array.length -= 13;
    go_round(&schema, &array, NULL, 100, SLU_IPC_COMPRESSION_NONE, codec);
    const int32_t some[] = {0, 5, 9, 64};
    go_round(&schema, &array, some, 4, SLU_IPC_COMPRESSION_LZ4_FRAME, codec);
    array.release(&array);
    slu_schema_release(&schema);
    slu_ipc_codec_free(&codec);
}

/* Rows of three arrays (a range, a selection, a slice) in one message are those rows, one behind the other. */
static void
pieces_become_one_message(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema, other;
    struct ArrowArray array, slice, back;
    const int32_t some[] = {5, 280, 0, 17, 17, 64};
    slu_buf out;
    make(&schema, &array, ROWS);
    make(&other, &slice, ROWS);
    slice.offset = 11;
    slice.length -= 11;
    slu_buf_init(&out, 1 << 24);
    for (uint8_t compression = 0; compression <= SLU_IPC_COMPRESSION_ZSTD; compression++) {
        const slu_ipc_options options = {.compression = compression, .validity_always = compression == 0};
        const slu_ipc_piece pieces[] = {
            {&array, NULL, 13}, {&array, some, 6}, {&array, NULL, 0}, {&slice, NULL, 100}, {&slice, some, 4}};
        slu_buf_reset(&out);
        CHECK_OK(slu_ipc_encode_pieces(&schema, pieces, 5, &options, &out, &err));
        CHECK_OK(slu_ipc_decode(&schema, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
        assert_int_equal(back.length, 123);
        for (int64_t c = 0; c < schema.n_children; c++) {
            const slu_column a = slu_column_child(&schema, &array, c);
            const slu_column b = slu_column_child(&schema, &back, c);
            for (int64_t i = 0; i < 123; i++)
                check_value(&a, i < 13 ? i : i < 19 ? some[i - 13] : i < 119 ? i - 19 + 11 : some[i - 119] + 11, &b, i);
        }
        back.release(&back);
    }
    slice.offset = 0;
    array.release(&array);
    slice.release(&slice);
    slu_schema_release(&schema);
    slu_schema_release(&other);
    slu_buf_fini(&out);
}

/* A message of the first columns is read under a longer schema (the rest is null) and under a shorter one (the rest is passed over). */
static void
columns_may_have_been_added_since(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema, fewer, strict;
    struct ArrowArray array, back;
    slu_buf all, some;
    make(&schema, &array, ROWS);
    CHECK_OK(slu_schema_init_struct(&fewer));
    for (int64_t c = 0; c < 8; c++)
        CHECK_OK(slu_schema_add_copy(&fewer, schema.children[c], NULL));
    slu_buf_init(&all, 1 << 24);
    slu_buf_init(&some, 1 << 24);
    const int32_t first[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const slu_ipc_options options = {.compression = SLU_IPC_COMPRESSION_LZ4_FRAME};
    CHECK_OK(slu_ipc_encode(&schema, &array, NULL, ROWS, &options, &all, &err));
    CHECK_OK(slu_ipc_project(&schema, slu_buf_view(&all), first, 8, SLU_IPC_COMPRESSION_LZ4_FRAME, &some, &err));
    CHECK_STATUS(slu_ipc_decode(&schema, slu_buf_view(&some), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err), SLU_CORRUPT);
    CHECK_STATUS(slu_ipc_decode(&fewer, slu_buf_view(&all), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err), SLU_CORRUPT);
    CHECK_OK(slu_ipc_decode_prefix(&schema, slu_buf_view(&some), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    for (int64_t c = 0; c < schema.n_children; c++) {
        const slu_column a = slu_column_child(&schema, &array, c);
        const slu_column b = slu_column_child(&schema, &back, c);
        for (int64_t i = 0; i < ROWS; i++) {
            if (c < 8)
                check_value(&a, i, &b, i);
            else
                assert_false(slu_column_valid(&b, i));
        }
    }
    struct ArrowArray moved = *back.children[9];
    back.children[9]->release = NULL;
    back.release(&back);
    moved.release(&moved);
    CHECK_OK(slu_ipc_decode_prefix(&fewer, slu_buf_view(&all), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    check_rows(&fewer, &array, &back, NULL, ROWS);
    back.release(&back);
    CHECK_OK(slu_ipc_decode_prefix(&schema, slu_buf_view(&all), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    check_rows(&schema, &array, &back, NULL, ROWS);
    back.release(&back);
    CHECK_OK(slu_schema_copy(&schema, &strict, &err));
    strict.children[9]->flags = 0;
    CHECK_STATUS(slu_ipc_decode_prefix(&strict, slu_buf_view(&some), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err), SLU_INVALID);
    array.release(&array);
    slu_schema_release(&schema);
    slu_schema_release(&fewer);
    slu_schema_release(&strict);
    slu_buf_fini(&all);
    slu_buf_fini(&some);
}

/* A list of structs: offsets that do not begin at 0, chosen rows, an empty list. */
static void
lists_go_round(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray inner[2], items, column, array, back;
    const int32_t offsets[] = {2, 5, 5, 9, 20};
    const int32_t chosen[] = {3, 0};
    slu_buf out;
    sdk_builder builder;
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "+l", "list", true));
    struct ArrowSchema *element = slu_schema_grow(schema.children[0]);
    CHECK_OK(slu_schema_init(element, "+s", "element", true));
    CHECK_OK(slu_schema_add(element, "u", "text", true));
    CHECK_OK(slu_schema_add(element, "l", "number", true));
    CHECK_OK(sdk_builder_init(&builder, "u", NULL));
    for (int64_t i = 0; i < 20; i++)
        append(&builder, 1, i);
    CHECK_OK(sdk_builder_finish(&builder, &inner[0], &err));
    CHECK_OK(sdk_builder_init(&builder, "l", NULL));
    for (int64_t i = 0; i < 20; i++)
        append(&builder, 1, i);
    CHECK_OK(sdk_builder_finish(&builder, &inner[1], &err));
    CHECK_OK(sdk_struct(inner, 2, 20, &items, &err));
    CHECK_OK(sdk_list(offsets, NULL, 4, &items, &column, &err));
    CHECK_OK(sdk_struct(&column, 1, 4, &array, &err));
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(slu_ipc_encode(&schema, &array, chosen, 2, NULL, &out, &err));
    CHECK_OK(slu_ipc_decode(&schema, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    const int32_t *got = back.children[0]->buffers[1];
    assert_int_equal(got[0], 0);
    assert_int_equal(got[1], 11);
    assert_int_equal(got[2], 14);
    const slu_column numbers = slu_column_child(element, back.children[0]->children[0], 1);
    const slu_column before = slu_column_child(element, array.children[0]->children[0], 1);
    for (int64_t i = 0; i < 14; i++)
        check_value(&before, i < 11 ? 9 + i : 2 + i - 11, &numbers, i);
    back.release(&back);
    array.release(&array);
    slu_schema_release(&schema);
    slu_buf_fini(&out);
}

static void
projection_keeps_the_columns(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema, narrow;
    struct ArrowArray array, back;
    const int32_t columns[] = {0, 7, 11};
    slu_buf whole, some;
    make(&schema, &array, ROWS);
    slu_buf_init(&whole, 1 << 24);
    slu_buf_init(&some, 1 << 24);
    CHECK_OK(slu_schema_init_struct(&narrow));
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(slu_schema_add_copy(&narrow, schema.children[columns[i]], NULL));
    for (uint8_t compression = 0; compression <= SLU_IPC_COMPRESSION_ZSTD; compression++) {
        const slu_ipc_options options = {.compression = compression};
        slu_buf_reset(&whole);
        slu_buf_reset(&some);
        CHECK_OK(slu_ipc_encode(&schema, &array, NULL, ROWS, &options, &whole, &err));
        CHECK_OK(slu_ipc_project(&schema, slu_buf_view(&whole), columns, 3, compression, &some, &err));
        CHECK_OK(slu_ipc_decode(&narrow, slu_buf_view(&some), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
        for (int64_t c = 0; c < 3; c++) {
            const slu_column a = slu_column_child(&schema, &array, columns[c]);
            const slu_column b = slu_column_child(&narrow, &back, c);
            for (int64_t i = 0; i < ROWS; i++)
                check_value(&a, i, &b, i);
        }
        back.release(&back);
    }
    const int32_t descending[] = {3, 1};
    CHECK_STATUS(slu_ipc_project(&schema, slu_buf_view(&whole), descending, 2, 0, &some, &err), SLU_INVALID);
    slu_buf_fini(&whole);
    slu_buf_fini(&some);
    array.release(&array);
    slu_schema_release(&schema);
    slu_schema_release(&narrow);
}

/* Whatever one flipped byte of the head does, decoding answers; and no truncation is taken for a message. */
static void
damage_is_noticed(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array, back;
    slu_buf out;
    make(&schema, &array, 20);
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(slu_ipc_encode(&schema, &array, NULL, 20, NULL, &out, &err));
    for (size_t bytes = 0; bytes < out.bytes; bytes += bytes < 1000 ? 1 : 37) {
        uint8_t *part = guarded_copy(out.data, bytes);
        CHECK_STATUS(slu_ipc_decode(&schema, slu_view_of(part, bytes), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err),
                     SLU_CORRUPT);
        guarded_free(part, bytes);
    }
    for (size_t at = 0; at < 1200; at++) {
        uint8_t *part = guarded_copy(out.data, out.bytes);
        part[at] ^= 0x81;
        const slu_status status =
            slu_ipc_decode(&schema, slu_view_of(part, out.bytes), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err);
        if (status == SLU_OK)
            back.release(&back);
        guarded_free(part, out.bytes);
    }
    slu_buf_fini(&out);
    array.release(&array);
    slu_schema_release(&schema);
}

static void
offsets_that_fall_are_corrupt(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array, back;
    sdk_builder builder;
    slu_buf out;
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "u", "text", true));
    CHECK_OK(sdk_builder_init(&builder, "u", NULL));
    sdk_builder_text(&builder, "one");
    sdk_builder_text(&builder, "two");
    struct ArrowArray column;
    CHECK_OK(sdk_builder_finish(&builder, &column, &err));
    CHECK_OK(sdk_struct(&column, 1, 2, &array, &err));
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(slu_ipc_encode(&schema, &array, NULL, 2, NULL, &out, &err));
    const size_t offsets_at = out.bytes - 8 - 16; /* the data buffer takes 8, the three offsets 12 and 4 of padding */
    const uint32_t bad[] = {7, 7, 0x80000000u};
    for (size_t i = 0; i < 3; i++) {
        slu_buf_patch_u32le(&out, offsets_at + 4 * i, bad[i]);
        CHECK_STATUS(slu_ipc_decode(&schema, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err), SLU_CORRUPT);
        CHECK_MESSAGE(err, "offsets");
        slu_buf_patch_u32le(&out, offsets_at + 4 * i, (uint32_t)i * 3);
    }
    CHECK_OK(slu_ipc_decode(&schema, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err));
    /* A child moved out lives on alone. */
    struct ArrowArray moved = *back.children[0];
    back.children[0]->release = NULL;
    back.release(&back);
    assert_memory_equal((const char *)moved.buffers[2], "onetwo", 6);
    moved.release(&moved);
    slu_buf_fini(&out);
    array.release(&array);
    slu_schema_release(&schema);
}

static void
allocations_may_fail(void **state)
{
    (void)state;
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array, back;
    slu_buf out;
    const slu_ipc_options options = {.compression = SLU_IPC_COMPRESSION_LZ4_FRAME};
    make(&schema, &array, 20);
    for (uint64_t nth = 1; nth < 100; nth++) {
        slu_buf_init(&out, 1 << 20);
        (void)slu_alloc_fail_from(nth);
        slu_status status = slu_ipc_encode(&schema, &array, NULL, 20, &options, &out, &err);
        if (status == SLU_OK)
            status = slu_ipc_decode(&schema, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &back, &err);
        (void)slu_alloc_fail_from(0);
        slu_buf_fini(&out);
        if (status == SLU_OK) {
            back.release(&back);
            break;
        }
        assert_int_equal(status, SLU_NOMEM);
        assert_true(nth < 99);
    }
    array.release(&array);
    slu_schema_release(&schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_round),         cmocka_unit_test(lists_go_round),
        cmocka_unit_test(projection_keeps_the_columns),  cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(offsets_that_fall_are_corrupt), cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(pieces_become_one_message),     cmocka_unit_test(columns_may_have_been_added_since),
    };
    return cmocka_run_group_tests_name("batch.ipc", tests, NULL, NULL);
}
