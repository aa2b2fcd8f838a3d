/* Lists, maps and structs, to some depth: written and read back, chosen in part, broken. */
#include "support/check.h"

#include "parquet/reader.h"
#include "parquet/writer.h"

#include "base/alloc.h"

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/rows.h>

static slu_error err;

/* tags LIST<STRUCT<k STRING, n INT>>, m MAP<STRING, LONG>, s STRUCT<a LONG required, ll LIST<LIST<INT>>>, id LONG required */
static const parquet_column TAG_FIELDS[] = {{.name = "k", .field_id = 11, .kind = PARQUET_KIND_STRING},
                                            {.name = "n", .field_id = 12, .kind = PARQUET_KIND_INT}};
static const parquet_column TAG[] = {
    {.name = "element", .field_id = 10, .kind = PARQUET_KIND_STRUCT, .field_count = 2, .fields = TAG_FIELDS}};
static const parquet_column ENTRY[] = {{.name = "key", .field_id = 20, .kind = PARQUET_KIND_STRING, .required = true},
                                       {.name = "value", .field_id = 21, .kind = PARQUET_KIND_LONG}};
static const parquet_column INNER[] = {{.name = "element", .field_id = 34, .kind = PARQUET_KIND_INT}};
static const parquet_column OUTER[] = {
    {.name = "element", .field_id = 33, .kind = PARQUET_KIND_LIST, .field_count = 1, .fields = INNER}};
static const parquet_column S_FIELDS[] = {
    {.name = "a", .field_id = 31, .kind = PARQUET_KIND_LONG, .required = true},
    {.name = "ll", .field_id = 32, .kind = PARQUET_KIND_LIST, .field_count = 1, .fields = OUTER}};
static const parquet_column COLUMNS[] = {
    {.name = "tags", .field_id = 1, .kind = PARQUET_KIND_LIST, .field_count = 1, .fields = TAG},
    {.name = "m", .field_id = 2, .kind = PARQUET_KIND_MAP, .field_count = 2, .fields = ENTRY},
    {.name = "s", .field_id = 3, .kind = PARQUET_KIND_STRUCT, .field_count = 2, .fields = S_FIELDS},
    {.name = "id", .field_id = 4, .kind = PARQUET_KIND_LONG, .required = true},
};

#define ROWS_MAX 6000
#define ITEMS_MAX (ROWS_MAX * 3) /* lists hold 1.2 items on average */

static void
add_field(struct ArrowSchema *parent, const parquet_column *column)
{
    char format[32];
    struct ArrowSchema *child = slu_schema_grow(parent);
    assert_non_null(child);
    parquet_column_format(column, format, sizeof format);
    CHECK_OK(slu_schema_init(child, format, column->name, !column->required));
    if (column->kind == PARQUET_KIND_MAP) {
        CHECK_OK(slu_schema_add(child, "+s", "entries", false));
        child = child->children[0];
    }
    for (uint32_t i = 0; i < column->field_count; i++)
        add_field(child, &column->fields[i]);
}

static void
make_schema(struct ArrowSchema *out)
{
    CHECK_OK(slu_schema_init_struct(out));
    for (size_t i = 0; i < 4; i++)
        add_field(out, &COLUMNS[i]);
}

/* ---- rows: row i is a pure function of i ---- */

typedef struct list_shape {
    int32_t offsets[ITEMS_MAX + 1];
    uint8_t validity[ITEMS_MAX / 8 + 1];
} list_shape;

/* Lists of 0 to 3 items; every fifth is null. */
static int32_t
shape_lists(list_shape *shape, int64_t first, int64_t rows, int64_t salt)
{
    memset(shape, 0, sizeof *shape);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t n = (first + i) * 7 + salt;
        const bool there = n % 5 != 0;
        if (there)
            slu_bit_set(shape->validity, i);
        shape->offsets[i + 1] = shape->offsets[i] + (there ? (int32_t)(n % 4) : 0);
    }
    return shape->offsets[rows];
}

static void
make_numbers(const char *format, int64_t rows, int64_t salt, int64_t null_every, struct ArrowArray *out)
{
    sdk_builder builder;
    CHECK_OK(sdk_builder_init(&builder, format, NULL));
    for (int64_t i = 0; i < rows; i++) {
        if (null_every != 0 && (i + salt) % null_every == 0)
            sdk_builder_null(&builder);
        else
            sdk_builder_int(&builder, (i * 31 + salt) % 1000);
    }
    CHECK_OK(sdk_builder_finish(&builder, out, &err));
    sdk_builder_fini(&builder);
}

static void
make_texts(int64_t rows, int64_t null_every, struct ArrowArray *out)
{
    sdk_builder builder;
    CHECK_OK(sdk_builder_init(&builder, "u", NULL));
    for (int64_t i = 0; i < rows; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "word %d", (int)(i % 97));
        if (null_every != 0 && i % null_every == 0)
            sdk_builder_null(&builder);
        else
            sdk_builder_text(&builder, text);
    }
    CHECK_OK(sdk_builder_finish(&builder, out, &err));
    sdk_builder_fini(&builder);
}

static void
make_struct(struct ArrowArray *first, struct ArrowArray *second, int64_t rows, int64_t null_every, struct ArrowArray *out)
{
    uint8_t validity[ITEMS_MAX / 8 + 1] = {0};
    struct ArrowArray parts[2];
    int64_t nulls = 0;
    assert_true(rows <= ITEMS_MAX);
    slu_array_move(first, &parts[0]);
    slu_array_move(second, &parts[1]);
    for (int64_t i = 0; i < rows; i++) {
        if (null_every != 0 && i % null_every == 0)
            nulls++;
        else
            slu_bit_set(validity, i);
    }
    if (nulls == 0)
        CHECK_OK(sdk_struct(parts, 2, rows, out, &err));
    else
        CHECK_OK(sdk_struct_nulls(parts, 2, validity, nulls, rows, out, &err));
}

static void
make_rows(int64_t first, int64_t rows, struct ArrowArray *out)
{
    static list_shape shape, inner;
    struct ArrowArray a, b, c, columns[4];
    int32_t items = shape_lists(&shape, first, rows, 1);
    make_texts(items, 6, &a);
    make_numbers("i", items, 3, 4, &b);
    make_struct(&a, &b, items, 9, &c);
    CHECK_OK(sdk_list(shape.offsets, shape.validity, rows, &c, &columns[0], &err));
    items = shape_lists(&shape, first, rows, 2);
    make_texts(items, 0, &a);
    make_numbers("l", items, 5, 3, &b);
    make_struct(&a, &b, items, 0, &c);
    CHECK_OK(sdk_list(shape.offsets, shape.validity, rows, &c, &columns[1], &err));
    items = shape_lists(&shape, first, rows, 3);
    const int32_t inner_items = shape_lists(&inner, first, items, 4);
    make_numbers("i", inner_items, 1, 7, &a);
    CHECK_OK(sdk_list(inner.offsets, inner.validity, items, &a, &b, &err));
    CHECK_OK(sdk_list(shape.offsets, shape.validity, rows, &b, &c, &err));
    make_numbers("l", rows, first, 0, &a);
    make_struct(&a, &c, rows, 8, &columns[2]);
    make_numbers("l", rows, first, 0, &columns[3]);
    CHECK_OK(sdk_struct(columns, 4, rows, out, &err));
}

static void
write_rows(slu_buf *out, int64_t rows, const parquet_writer_options *options, parquet_writer **writer, const parquet_file **file)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    const parquet_sink sink = parquet_sink_of_buf(out);
    slu_buf_init(out, (size_t)1 << 30);
    make_schema(&schema);
    make_rows(0, rows, &array);
    CHECK_OK(parquet_writer_open(options, COLUMNS, 4, &schema, &sink, writer, &err));
    CHECK_OK(parquet_writer_append(*writer, &array, NULL, rows, &err));
    CHECK_OK(parquet_writer_finish(*writer, file, &err));
    slu_array_release(&array);
    slu_schema_release(&schema);
}

static void
make_file(slu_buf *out, int64_t rows, int32_t page_bytes, int64_t group_bytes)
{
    parquet_writer_options options;
    const parquet_file *file = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    parquet_writer_options_init(&options);
    options.page_bytes = page_bytes;
    options.row_group_bytes = group_bytes;
    write_rows(out, rows, &options, &writer, &file);
}

static void
text_of(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t column, int64_t row, sdk_text *out)
{
    const slu_column view = slu_column_child(schema, array, column);
    sdk_text_reset(out);
    sdk_value_write(schema->children[column], &view, row, out);
}

/* Every row of the file is the row that was made, as text. */
static void
check_rows(const slu_buf *file, int64_t rows, int64_t batch_rows)
{
    const slu_view view = slu_buf_view(file);
    const parquet_source source = parquet_source_of_view(&view);
    const parquet_reader_options options = {.batch_rows = batch_rows};
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    SLU_AUTO(sdk_text_fini) sdk_text want = {0};
    SLU_AUTO(sdk_text_fini) sdk_text got = {0};
    struct ArrowSchema in_schema, out_schema;
    struct ArrowArray in, out;
    int64_t at = 0;
    slu_status status;
    make_schema(&in_schema);
    make_rows(0, rows, &in);
    CHECK_OK(parquet_reader_open(&source, &options, &reader, &err));
    CHECK_OK(parquet_reader_schema(reader, &out_schema, &err));
    while ((status = parquet_reader_next(reader, &out, NULL, &err)) == SLU_OK) {
        for (int64_t c = 0; c < 4; c++)
            for (int64_t i = 0; i < out.length; i++) {
                text_of(&in_schema, &in, c, at + i, &want);
                text_of(&out_schema, &out, c, i, &got);
                CHECK_TEXT(sdk_text_cstr(&got), sdk_text_cstr(&want));
            }
        at += out.length;
        slu_array_release(&out);
    }
    assert_int_equal(status, SLU_END);
    assert_true(at == rows);
    slu_array_release(&in);
    slu_schema_release(&in_schema);
    slu_schema_release(&out_schema);
}

static void
nested_rows_survive(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 8, 63, 64, 65, 1000, 6000};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        SLU_AUTO(slu_buf_fini) slu_buf file;
        make_file(&file, rows[k], k % 2 == 0 ? 500 : 1 << 20, k % 3 == 0 ? 20000 : 1 << 27);
        check_rows(&file, rows[k], k % 2 == 0 ? 8192 : 77);
    }
}

static void
only_struct_leaves_are_counted(void **state)
{
    (void)state;
    parquet_writer_options options;
    const parquet_file *file = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    parquet_writer_options_init(&options);
    write_rows(&out, 80, &options, &writer, &file);
    assert_int_equal(file->column_count, 7);
    static const int32_t ids[] = {11, 12, 20, 21, 31, 34, 4};
    for (size_t i = 0; i < 7; i++) {
        const bool counted = ids[i] == 31 || ids[i] == 4;
        assert_int_equal(file->columns[i].field_id, ids[i]);
        assert_true(file->columns[i].column_bytes > 0);
        assert_true(file->columns[i].value_count == (counted ? 80 : -1));
        assert_true(file->columns[i].has_lower == counted);
    }
    assert_true(file->columns[4].null_count == 10); /* the rows whose struct is null */
}

/* ---- leaving rows out ---- */

/* Of every 2000 rows only 1100 to 1399 are wanted. */
static bool
keep_some_rows(void *context, parquet_reader *reader, size_t group)
{
    (void)context;
    for (int64_t at = 0; at < parquet_reader_row_group_rows(reader, group); at += 2000) {
        parquet_reader_drop(reader, at + 1400, 600);
        parquet_reader_drop(reader, at + 200, 900);
        parquet_reader_drop(reader, at, 300);
    }
    return true;
}

static void
rows_left_out_are_jumped_over(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    SLU_AUTO(sdk_text_fini) sdk_text want = {0};
    SLU_AUTO(sdk_text_fini) sdk_text got = {0};
    const parquet_reader_options options = {.batch_rows = 70, .keep = keep_some_rows};
    struct ArrowSchema in_schema, schema;
    struct ArrowArray in, batch;
    int64_t first = 0, rows = 0;
    make_file(&file, 6000, 900, 1 << 27);
    make_schema(&in_schema);
    make_rows(0, 6000, &in);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    CHECK_OK(parquet_reader_open(&source, &options, &reader, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    slu_status status;
    while ((status = parquet_reader_next(reader, &batch, &first, &err)) == SLU_OK) {
        for (int64_t i = 0; i < batch.length; i++)
            for (int64_t c = 0; c < 4; c++) {
                assert_true((first + i) % 2000 >= 1100 && (first + i) % 2000 < 1400);
                text_of(&in_schema, &in, c, first + i, &want);
                text_of(&schema, &batch, c, i, &got);
                CHECK_TEXT(sdk_text_cstr(&got), sdk_text_cstr(&want));
            }
        rows += batch.length;
        slu_array_release(&batch);
    }
    assert_int_equal(status, SLU_END);
    assert_int_equal(rows, 900);
    slu_array_release(&in);
    slu_schema_release(&in_schema);
    slu_schema_release(&schema);
}

/* ---- choosing parts ---- */

static void
read_one(const slu_buf *file, const parquet_want *want, int64_t row, const char *expected)
{
    const slu_view view = slu_buf_view(file);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    SLU_AUTO(sdk_text_fini) sdk_text got = {0};
    struct ArrowSchema schema;
    struct ArrowArray batch;
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    CHECK_OK(parquet_reader_select(reader, want, 1, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    CHECK_OK(parquet_reader_next(reader, &batch, NULL, &err));
    /* A column that is moved out outlives its batch. */
    struct ArrowArray column;
    struct ArrowArray *children[] = {&column};
    slu_array_move(batch.children[0], &column);
    slu_array_release(&batch);
    const struct ArrowArray alone = {.length = column.length, .n_children = 1, .children = children};
    text_of(&schema, &alone, 0, row, &got);
    CHECK_TEXT(sdk_text_cstr(&got), expected);
    slu_array_release(&column);
    slu_schema_release(&schema);
}

/* By field id: renamed, moved, widened, left out, and one that the file does not have. */
static void
fields_evolve(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_file(&file, 100, 1 << 20, 1 << 27);
    const parquet_column fields[] = {{.name = "new", .field_id = 99, .kind = PARQUET_KIND_DATE},
                                     {.name = "wide", .field_id = 12, .kind = PARQUET_KIND_LONG},
                                     {.name = "key", .field_id = 11, .kind = PARQUET_KIND_STRING}};
    const parquet_column element = {
        .name = "element", .field_id = 10, .kind = PARQUET_KIND_STRUCT, .field_count = 3, .fields = fields};
    parquet_want want = {.field_id = 1,
                         .name = "labels",
                         .column = {.name = "labels", .kind = PARQUET_KIND_LIST, .field_count = 1, .fields = &element}};
    read_one(&file, &want, 1, "[]");
    read_one(&file, &want, 3, "[(NULL, NULL, word 1), (NULL, 65, word 2)]");
    const parquet_column only_new = {
        .name = "element", .field_id = 10, .kind = PARQUET_KIND_STRUCT, .field_count = 1, .fields = fields};
    want.column.fields = &only_new;
    read_one(&file, &want, 3, "[(NULL), (NULL)]");
    const parquet_want absent = {.field_id = 77, .name = "absent", .optional = true, .column = want.column};
    read_one(&file, &absent, 3, "NULL");
}

static void
what_does_not_fit_is_refused(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    make_file(&file, 100, 1 << 20, 1 << 27);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    const parquet_want flat = {.field_id = 1, .name = "tags", .column = {.name = "tags", .kind = PARQUET_KIND_STRING}};
    CHECK_STATUS(parquet_reader_select(reader, &flat, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "column tags is +l in the file and cannot be read as u");
    const parquet_column narrow[] = {{.name = "a", .field_id = 31, .kind = PARQUET_KIND_INT}};
    const parquet_want deep = {
        .field_id = 3, .name = "s", .column = {.name = "s", .kind = PARQUET_KIND_STRUCT, .field_count = 1, .fields = narrow}};
    CHECK_STATUS(parquet_reader_select(reader, &deep, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "column a is l in the file and cannot be read as i");
}

/* ---- writing what is wrong ---- */

static void
write_broken(bool null_key, struct ArrowArray *array)
{
    parquet_writer_options options;
    struct ArrowSchema schema;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    const parquet_sink sink = parquet_sink_of_buf(&out);
    slu_buf_init(&out, 1 << 20);
    parquet_writer_options_init(&options);
    make_schema(&schema);
    CHECK_OK(parquet_writer_open(&options, COLUMNS, 4, &schema, &sink, &writer, &err));
    CHECK_STATUS(parquet_writer_append(writer, array, NULL, array->length, &err), SLU_INVALID);
    CHECK_MESSAGE(err, null_key ? "column m.key is required" : "column tags.element.k: Arrow offsets run backwards");
    slu_schema_release(&schema);
}

static void
broken_arrays_are_refused(void **state)
{
    (void)state;
    struct ArrowArray array;
    make_rows(0, 100, &array);
    struct ArrowArray *keys = array.children[1]->children[0]->children[0];
    const void *had = keys->buffers[0];
    static const uint8_t none[64] = {0};
    keys->buffers[0] = none;
    keys->null_count = keys->length;
    write_broken(true, &array);
    keys->buffers[0] = had;
    keys->null_count = 0;
    ((int32_t *)(uintptr_t)array.children[0]->buffers[1])[50] = 1 << 20;
    write_broken(false, &array);
    slu_array_release(&array);
}

static slu_status
read_through(const uint8_t *data, size_t bytes)
{
    const slu_view view = slu_view_of(data, bytes);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowArray batch;
    slu_status status = parquet_reader_open(&source, NULL, &reader, &err);
    for (int i = 0; i < 100 && status == SLU_OK; i++) {
        status = parquet_reader_next(reader, &batch, NULL, &err);
        if (status == SLU_OK)
            slu_array_release(&batch);
    }
    return status == SLU_END ? SLU_OK : status;
}

static void
broken_files_are_errors(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_file(&file, 60, 200, 4000);
    uint8_t *copy = guarded_copy(file.data, file.bytes);
    assert_int_equal(read_through(copy, file.bytes), SLU_OK);
    unsigned refused = 0;
    for (size_t at = 0; at < file.bytes; at++) {
        const uint8_t kept = copy[at];
        copy[at] = (uint8_t)(at % 2 == 0 ? kept ^ (1u << (at % 8)) : 0xffu);
        refused += read_through(copy, file.bytes) != SLU_OK;
        copy[at] = kept;
    }
    assert_true(refused > file.bytes / 10);
    guarded_free(copy, file.bytes);
}

static void
failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_file(&file, 60, 200, 4000);
    for (uint64_t nth = 1; nth < 2000; nth++) {
        (void)slu_alloc_fail_from(nth);
        const slu_status status = read_through(file.data, file.bytes);
        (void)slu_alloc_fail_from(0);
        if (status == SLU_OK)
            return;
        assert_int_equal(status, SLU_NOMEM);
    }
    fail_msg("the reader allocates more than 2000 times for 60 rows");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_rows_survive),           cmocka_unit_test(only_struct_leaves_are_counted),
        cmocka_unit_test(rows_left_out_are_jumped_over), cmocka_unit_test(fields_evolve),
        cmocka_unit_test(what_does_not_fit_is_refused),  cmocka_unit_test(broken_arrays_are_refused),
        cmocka_unit_test(broken_files_are_errors),       cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
