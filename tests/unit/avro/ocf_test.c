/* Containers and shapes: both ways, every codec, and what bad bytes get for an answer. */
#include "avro/ocf.h"
#include "avro/shape.h"
#include "support/check.h"

static const char SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"entry\",\"fields\":["
    "{\"name\":\"a-b\",\"type\":\"long\",\"field-id\":1},"
    "{\"name\":\"text\",\"type\":[\"null\",\"string\"],\"default\":null,\"field-id\":2},"
    "{\"name\":\"map\",\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"k3_"
    "v4\","
    "\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":3},{\"name\":\"value\",\"type\":\"bytes\",\"field-id\":4}]}}],"
    "\"field-id\":5},"
    "{\"name\":\"part\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[]},\"field-id\":6},"
    "{\"name\":\"fix\",\"type\":{\"type\":\"fixed\",\"name\":\"dec\",\"size\":3,\"logicalType\":\"decimal\",\"precision\":5},"
    "\"field-id\":7},"
    "{\"name\":\"again\",\"type\":\"dec\",\"field-id\":8},"
    "{\"name\":\"longs\",\"type\":{\"type\":\"array\",\"items\":\"long\",\"element-id\":10},\"field-id\":9},"
    "{\"name\":\"flag\",\"type\":\"boolean\",\"field-id\":11},{\"name\":\"real\",\"type\":\"double\",\"field-id\":12}]}";
static const uint8_t SYNC[OCF_SYNC_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void
fill(ocf_shape *shape, int64_t i)
{
    ocf_shape_reset(shape);
    const ocf_value row = ocf_shape_value(shape);
    ocf_set_i64(row, 1, i);
    if (i % 3 == 0)
        ocf_set_null(row, 2);
    else
        ocf_set_bytes(row, 2, slu_view_of_text("some text"));
    const ocf_value map = ocf_set_nested(row, 5);
    for (int k = 0; k < 3; k++) {
        const ocf_value item = ocf_append(map);
        ocf_set_i64(item, 3, k);
        ocf_set_bytes(item, 4, slu_view_of("", 0));
    }
    (void)ocf_set_nested(row, 6);
    ocf_set_bytes(row, 7, slu_view_of("abc", 3));
    ocf_set_bytes(row, 8, slu_view_of("def", 3));
    ocf_append_i64(ocf_set_nested(row, 9), i * 1000);
    ocf_set_bool(row, 11, true);
    ocf_set_double(row, 12, 1.5);
}

static slu_buf
make(ocf_codec codec, int64_t rows)
{
    slu_error err = {0};
    ocf_writer writer;
    ocf_shape *shape = NULL;
    const ocf_pair pair = {slu_view_of_text("format-version"), slu_view_of_text("2")};
    CHECK_OK(ocf_shape_new(slu_view_of_text(SCHEMA), &shape, &err));
    CHECK_OK(ocf_writer_init(&writer, slu_view_of_text(SCHEMA), codec, &pair, 1, SYNC, &err));
    for (int64_t i = 0; i < rows; i++) {
        fill(shape, i);
        CHECK_OK(ocf_shape_encode(shape, ocf_writer_block(&writer), &err));
        CHECK_OK(ocf_writer_added(&writer, &err));
    }
    CHECK_OK(ocf_writer_finish(&writer, &err));
    ocf_shape_free(&shape);
    slu_buf file = writer.file;
    memset(&writer.file, 0, sizeof writer.file);
    ocf_writer_fini(&writer);
    return file;
}

static void
check_row(ocf_value row, int64_t i)
{
    ocf_value value = {0};
    ocf_value item = {0};
    int64_t number = -1;
    double real = 0;
    bool flag = false;
    slu_view text = {0};
    assert_true(ocf_field(row, 1, &value) && ocf_get_i64(value, &number) && number == i);
    assert_int_equal(ocf_field(row, 2, &value), i % 3 != 0);
    assert_true(i % 3 == 0 || (ocf_get_bytes(value, &text) && slu_view_is(text, "some text")));
    assert_true(ocf_field(row, 5, &value) && ocf_count(value) == 3 && ocf_item(value, 2, &item));
    assert_true(ocf_field(item, 3, &value) && ocf_get_i64(value, &number) && number == 2);
    assert_true(ocf_field(row, 6, &value) && ocf_value_kind(value) == OCF_KIND_RECORD && ocf_count(value) == 0);
    assert_true(ocf_field(row, 8, &value) && ocf_get_bytes(value, &text) && slu_view_is(text, "def"));
    assert_true(ocf_field(row, 9, &value) && ocf_item(value, 0, &item) && ocf_get_i64(item, &number) && number == i * 1000);
    assert_true(ocf_field(row, 11, &value) && ocf_get_bool(value, &flag) && flag);
    assert_true(ocf_field(row, 12, &value) && ocf_get_double(value, &real) && real > 1.4);
    assert_false(ocf_field(row, 99, &value));
}

static int64_t
read_all(slu_view file)
{
    slu_error err = {0};
    ocf_reader reader;
    ocf_shape *shape = NULL;
    slu_view values = {0};
    slu_view version = {0};
    uint64_t count = 0;
    int64_t rows = 0;
    CHECK_OK(ocf_reader_init(&reader, file, &err));
    assert_true(ocf_reader_metadata(&reader, "format-version", &version) && slu_view_is(version, "2"));
    CHECK_OK(ocf_shape_new(reader.schema, &shape, &err));
    while (ocf_reader_next(&reader, &count, &values, &err) == SLU_OK) {
        slu_cursor cursor = slu_cursor_of_view(values);
        for (uint64_t i = 0; i < count; i++) {
            CHECK_OK(ocf_shape_decode(shape, &cursor, &err));
            check_row(ocf_shape_value(shape), rows++);
        }
        assert_int_equal(slu_cursor_left(&cursor), 0);
    }
    ocf_shape_free(&shape);
    ocf_reader_fini(&reader);
    return rows;
}

static void
both_ways(void **state)
{
    for (int codec = OCF_CODEC_NULL; codec <= OCF_CODEC_ZSTANDARD; codec++) {
        slu_buf file = make((ocf_codec)codec, 10000); /* more than one block */
        uint8_t *copy = guarded_copy(file.data, file.bytes);
        assert_int_equal(read_all(slu_view_of(copy, file.bytes)), 10000);
        guarded_free(copy, file.bytes);
        slu_buf_fini(&file);
    }
}

static void
an_incomplete_value_is_refused(void **state)
{
    slu_error err = {0};
    ocf_shape *shape = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out = {0};
    slu_buf_init(&out, 1000);
    CHECK_OK(ocf_shape_new(slu_view_of_text(SCHEMA), &shape, &err));
    ocf_shape_reset(shape);
    CHECK_STATUS(ocf_shape_encode(shape, &out, &err), SLU_INVALID);
    ocf_set_i64(ocf_shape_value(shape), 77, 1); /* no such field */
    CHECK_STATUS(ocf_shape_encode(shape, &out, &err), SLU_INVALID);
    ocf_shape_free(&shape);
}

/* A file cut anywhere is an error or simply shorter, never a crash, and never all the rows. */
static void
cut_files(void **state)
{
    slu_buf file = make(OCF_CODEC_DEFLATE, 20);
    for (size_t bytes = 0; bytes < file.bytes; bytes++) {
        slu_error err = {0};
        ocf_reader reader;
        uint64_t count = 0;
        slu_view values;
        uint8_t *copy = guarded_copy(file.data, bytes);
        if (ocf_reader_init(&reader, slu_view_of(copy, bytes), &err) == SLU_OK)
            assert_int_not_equal(ocf_reader_next(&reader, &count, &values, &err), SLU_OK);
        ocf_reader_fini(&reader);
        guarded_free(copy, bytes);
    }
    slu_buf_fini(&file);
}

static void
bad_schema(const char *json, slu_status status)
{
    slu_error err = {0};
    ocf_shape *shape = NULL;
    CHECK_STATUS(ocf_shape_new(slu_view_of_text(json), &shape, &err), status);
    assert_null(shape);
}

static void
bad_schemas(void **state)
{
    bad_schema("", SLU_CORRUPT);
    bad_schema("\"long\"", SLU_CORRUPT);
    bad_schema("{\"type\":\"record\",\"name\":\"a\",\"fields\":7}", SLU_CORRUPT);
    bad_schema("{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"a\"}]}", SLU_LIMIT); /* recursive */
    bad_schema("{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"nope\"}]}", SLU_CORRUPT);
    bad_schema("{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":[]}]}", SLU_CORRUPT);
    bad_schema("{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"int\",\"field-id\":1},"
               "{\"name\":\"y\",\"type\":\"int\",\"field-id\":1}]}",
               SLU_CORRUPT);
}

/* Counts that lie: an array of 2^40 nulls, a negative length, a count with a minimum of bytes that are not there. */
static void
lying_counts(void **state)
{
    static const struct {
        const char *items;
        const char *bytes;
        size_t count;
    } CASES[] = {
        {"\"null\"", "\x80\x80\x80\x80\x80\x40\x00", 7},
        {"\"bytes\"", "\x02\x01", 2},
        {"\"long\"", "\xfe\xff\xff\xff\x0f\x02\x02", 7},
        {"\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 11},
        {"\"boolean\"", "\x02\x02\x00", 3},
        {"[\"null\",\"long\"]", "\x02\x04\x00", 3},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char schema[256];
        slu_error err = {0};
        ocf_shape *shape = NULL;
        (void)snprintf(
            schema, sizeof schema,
            "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":%s}}]}",
            CASES[i].items);
        CHECK_OK(ocf_shape_new(slu_view_of_text(schema), &shape, &err));
        slu_cursor cursor = slu_cursor_of(CASES[i].bytes, CASES[i].count);
        CHECK_STATUS(ocf_shape_decode(shape, &cursor, &err), SLU_CORRUPT);
        ocf_shape_free(&shape);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),    cmocka_unit_test(an_incomplete_value_is_refused),
        cmocka_unit_test(cut_files),    cmocka_unit_test(bad_schemas),
        cmocka_unit_test(lying_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
