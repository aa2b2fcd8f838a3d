/* record_test.c: the byte vectors of the documentation, rows of every type in both formats, descriptors, and damaged input. */
#include "support/check.h"

#include "base/alloc.h"
#include "fluss/record/key.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/record/row.h"

#include <sluice/sdk/columns_build.h>

#include <stdio.h>

static slu_error err;
static slu_arena arena;

static int
set_up(void **state)
{
    (void)state;
    slu_arena_init(&arena, 1 << 22);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    slu_arena_fini(&arena);
    return 0;
}

static void
check_hex(slu_view got, const char *hex)
{
    char text[4096];
    size_t at = 0;
    for (size_t i = 0; i < got.bytes; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%02x", got.data[i]);
    text[at] = 0;
    char wanted[4096];
    size_t length = 0;
    for (; *hex != 0; hex++)
        if (*hex != ' ')
            wanted[length++] = *hex;
    wanted[length] = 0;
    CHECK_TEXT(text, wanted);
}

static fluss_type
type_of(const char *json)
{
    fluss_type type;
    CHECK_OK(fluss_type_decode(slu_view_of_text(json), &arena, &type, &err));
    return type;
}

/* ---- Keys (documentation, 15.1) ---- */

static void
put_any(sdk_builder *builder, int64_t number, double real, const char *text)
{
    if (text != NULL)
        sdk_builder_text(builder, text);
    else if (builder->type.id == SLU_TYPE_FLOAT || builder->type.id == SLU_TYPE_DOUBLE)
        sdk_builder_f64(builder, real);
    else if (builder->type.id == SLU_TYPE_DECIMAL)
        sdk_builder_decimal(builder, number);
    else if (builder->type.id == SLU_TYPE_BOOL)
        sdk_builder_bool(builder, number != 0);
    else
        sdk_builder_int(builder, number);
}

static void
check_key(uint8_t encoding, const char *json, const char *format, int64_t number, double real, const char *text, const char *hex)
{
    const fluss_type type = type_of(json);
    const fluss_type *types[] = {&type};
    sdk_builder builder;
    struct ArrowArray array;
    slu_buf key;
    CHECK_OK(sdk_builder_init(&builder, format, NULL));
    put_any(&builder, number, real, text);
    CHECK_OK(sdk_builder_finish(&builder, &array, &err));
    const slu_column column = slu_column_view(format, &array);
    slu_buf_init(&key, 1000);
    CHECK_OK(fluss_key_encode(encoding, types, &column, 1, 0, &key, &err));
    check_hex(slu_buf_view(&key), hex);
    slu_buf_fini(&key);
    array.release(&array);
}

#define COMPACTED(json, format, number, real, text, hex) check_key(FLUSS_KEY_COMPACTED, json, format, number, real, text, hex)

static void
compacted_keys(void **state)
{
    (void)state;
    COMPACTED("{\"type\":\"BOOLEAN\"}", "b", 1, 0, NULL, "01");
    COMPACTED("{\"type\":\"TINYINT\"}", "c", 2, 0, NULL, "02");
    COMPACTED("{\"type\":\"SMALLINT\"}", "s", 10, 0, NULL, "0a00");
    COMPACTED("{\"type\":\"INTEGER\"}", "i", 100, 0, NULL, "64");
    COMPACTED("{\"type\":\"BIGINT\"}", "l", INT64_C(-6101065172474983726), 0, NULL, "d295fcd8ceb1aaaaab01");
    COMPACTED("{\"type\":\"FLOAT\"}", "f", 0, 13.2f, NULL, "33335341");
    COMPACTED("{\"type\":\"DOUBLE\"}", "g", 0, 15.21, NULL, "ec51b81e856b2e40");
    COMPACTED("{\"type\":\"DATE\"}", "tdD", 19655, 0, NULL, "c79901");
    COMPACTED("{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":0}", "tts", 34200, 0, NULL, "c0b3a710");
    COMPACTED("{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":6}", "ttu", INT64_C(34200000000), 0, NULL, "c0b3a710");
    COMPACTED("{\"type\":\"BINARY\",\"length\":20}", "z", 0, 0, "1234567890", "0a31323334353637383930");
    COMPACTED("{\"type\":\"BYTES\"}", "z", 0, 0, "20", "023230");
    COMPACTED("{\"type\":\"CHAR\",\"length\":2}", "u", 0, 0, "1", "0131");
    COMPACTED("{\"type\":\"STRING\"}", "u", 0, 0, "hello", "0568656c6c6f");
    COMPACTED("{\"type\":\"DECIMAL\",\"precision\":5,\"scale\":2}", "d:5,2", 9, 0, NULL, "09");
    COMPACTED("{\"type\":\"DECIMAL\",\"precision\":20,\"scale\":0}", "d:20,0", 10, 0, NULL, "010a");
    COMPACTED("{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":1}", "tsm:", INT64_C(1698235273182), 0, NULL,
              "de9fd7b5b631");
    COMPACTED("{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":5}", "tsu:", INT64_C(1698235273182000), 0, NULL,
              "de9fd7b5b63100");
    COMPACTED("{\"type\":\"TIMESTAMP_WITH_LOCAL_TIME_ZONE\",\"precision\":5}", "tsu:UTC", INT64_C(1698235273182000), 0, NULL,
              "de9fd7b5b63100");
    COMPACTED("{\"type\":\"INTEGER\"}", "i", -1, 0, NULL, "ffffffff0f");
}

static void
lake_keys(void **state)
{
    (void)state;
    check_key(FLUSS_KEY_ICEBERG, "{\"type\":\"INTEGER\"}", "i", 1, 0, NULL, "0100000000000000");
    check_key(FLUSS_KEY_ICEBERG, "{\"type\":\"BIGINT\"}", "l", -1, 0, NULL, "ffffffffffffffff");
    check_key(FLUSS_KEY_ICEBERG, "{\"type\":\"STRING\"}", "u", 0, 0, "abc", "616263");
    check_key(FLUSS_KEY_ICEBERG, "{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}", "d:10,2", -129, 0, NULL, "ff7f");
    check_key(FLUSS_KEY_PAIMON, "{\"type\":\"BIGINT\"}", "l", 1006, 0, NULL, "0000000000000000 ee03000000000000");
    check_key(FLUSS_KEY_PAIMON, "{\"type\":\"STRING\"}", "u", 0, 0, "abc", "0000000000000000 6162630000000083");
    check_key(FLUSS_KEY_PAIMON, "{\"type\":\"STRING\"}", "u", 0, 0, "eight!!!",
              "0000000000000000 0800000010000000 6569676874212121");
}

static void
check_bucket(const char *key, size_t bytes, int32_t n, int32_t fluss, int32_t paimon, int32_t iceberg)
{
    const slu_view view = slu_view_of(key, bytes);
    if (fluss >= 0)
        assert_int_equal(fluss_bucket_of(FLUSS_BUCKET_FLUSS, view, n), fluss);
    if (paimon >= 0)
        assert_int_equal(fluss_bucket_of(FLUSS_BUCKET_PAIMON, view, n), paimon);
    if (iceberg >= 0)
        assert_int_equal(fluss_bucket_of(FLUSS_BUCKET_ICEBERG, view, n), iceberg);
}

static void
buckets(void **state)
{
    (void)state;
    check_bucket("\x00\x0a", 2, 7, 1, 1, 3);
    check_bucket("\x00\x0a\x0a\x0a", 4, 12, 0, 11, 4);
    check_bucket("2bb87d68-baf9-4e64-90f9-f80910419fa6", 36, 16, 6, 12, 12);
    check_bucket("The quick brown fox jumps over the lazy dog", 43, 8, 6, 0, 3);
    check_bucket("\x01", 1, 16, 12, -1, -1);
    check_bucket("\x2a", 1, 16, 10, -1, -1);
    check_bucket("\xff\xff\xff\xff\x0f", 5, 16, 10, -1, -1);
    check_bucket("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 16, 7, -1, -1);
    check_bucket("\x03"
                 "abc",
                 4, 16, 15, -1, -1);
    check_bucket("\x01\0\0\0\0\0\0\0", 8, 16, -1, -1, 4);
    check_bucket("abc", 3, 16, -1, -1, 10);
}

/* ---- Batches (15.2) ---- */

static const char two_columns[] =
    "{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}}],\"primary_key\":[\"id\"]}";

static void
one_row(const fluss_schema *schema, struct ArrowSchema *arrow, struct ArrowArray *array)
{
    struct ArrowArray columns[2];
    sdk_builder builder;
    CHECK_OK(fluss_schema_to_arrow(schema, arrow, &err));
    CHECK_OK(sdk_builder_init(&builder, "i", NULL));
    sdk_builder_int(&builder, 1);
    sdk_builder_int(&builder, 2);
    CHECK_OK(sdk_builder_finish(&builder, &columns[0], &err));
    CHECK_OK(sdk_builder_init(&builder, "u", NULL));
    sdk_builder_text(&builder, "a");
    sdk_builder_null(&builder);
    CHECK_OK(sdk_builder_finish(&builder, &columns[1], &err));
    CHECK_OK(sdk_struct(columns, 2, 2, array, &err));
}

static const char kv_hex[] =
    "28000000 00 754d6e47 0100 00 ffffffffffffffff ffffffff 02000000 06000000 01 01 00 01 01 61 02000000 01 02";

static void
kv_batch(void **state)
{
    (void)state;
    fluss_descriptor descriptor = {0};
    fluss_table table;
    struct ArrowSchema arrow;
    struct ArrowArray array;
    slu_buf out;
    const uint8_t kinds[] = {SLU_ROW_INSERT, SLU_ROW_DELETE};
    CHECK_OK(fluss_schema_decode(slu_view_of_text(two_columns), &arena, &descriptor.schema, &err));
    CHECK_OK(fluss_table_init(&table, &descriptor, 1, 1, &arena, &err));
    one_row(&descriptor.schema, &arrow, &array);
    slu_buf_init(&out, 1000);
    CHECK_OK(fluss_kv_encode(&table, &arrow, &array, NULL, 2, kinds, -1, -1, &out, &err));
    check_hex(slu_buf_view(&out), kv_hex);
    fluss_kv_reader reader;
    slu_view key, row;
    CHECK_OK(fluss_kv_reader_init(&reader, slu_buf_view(&out), &err));
    assert_int_equal(reader.header.schema_id, 1);
    CHECK_OK(fluss_kv_next(&reader, &key, &row, &err));
    check_hex(key, "01");
    check_hex(row, "00010161");
    CHECK_OK(fluss_kv_next(&reader, &key, &row, &err));
    check_hex(key, "02");
    assert_null(row.data);
    CHECK_STATUS(fluss_kv_next(&reader, &key, &row, &err), SLU_END);
    for (size_t bytes = 0; bytes < out.bytes; bytes++) {
        uint8_t *part = guarded_copy(out.data, bytes);
        CHECK_STATUS(fluss_kv_reader_init(&reader, slu_view_of(part, bytes), &err), SLU_CORRUPT);
        guarded_free(part, bytes);
    }
    out.data[out.bytes - 1] ^= 1;
    CHECK_STATUS(fluss_kv_reader_init(&reader, slu_buf_view(&out), &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "CRC");
    slu_buf_fini(&out);
    array.release(&array);
    slu_schema_release(&arrow);
    fluss_table_fini(&table);
}

static void
log_batches(void **state)
{
    (void)state;
    fluss_schema schema;
    struct ArrowSchema arrow;
    struct ArrowArray array;
    fluss_log_header header;
    fluss_log_rows rows;
    slu_buf out;
    const fluss_log_spec spec = {.writer_id = -1, .sequence = -1, .schema_id = 1, .log_format = FLUSS_LOG_INDEXED};
    CHECK_OK(fluss_schema_decode(slu_view_of_text(two_columns), &arena, &schema, &err));
    one_row(&schema, &arrow, &array);
    slu_buf_init(&out, 1000);
    CHECK_OK(fluss_log_encode(&spec, &schema, &arrow, &array, NULL, 1, NULL, &out, &err));
    check_hex(slu_buf_view(&out),
              "0000000000000000 33000000 00 0000000000000000 907788a7 0100 01 00000000 ffffffffffffffff ffffffff "
              "01000000 0b000000 00 00 01000000 01000000 61");
    CHECK_OK(fluss_log_verify(slu_buf_view(&out), &header, &err));
    CHECK_OK(fluss_log_decode(FLUSS_LOG_INDEXED, &schema, &arrow, &header, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL,
                              &rows, &err));
    assert_int_equal(rows.array.length, 1);
    assert_null(rows.kinds);
    fluss_log_rows_fini(&rows);
    for (size_t bytes = 0; bytes < out.bytes; bytes++) {
        uint8_t *part = guarded_copy(out.data, bytes);
        CHECK_STATUS(fluss_log_peek(slu_view_of(part, bytes), &header, &err), SLU_MORE);
        assert_true(bytes <= 12 || header.batch_bytes == out.bytes);
        guarded_free(part, bytes);
    }
    slu_buf_reset(&out);
    fluss_log_encode_empty(&spec, &out);
    check_hex(slu_buf_view(&out),
              "0000000000000000 24000000 00 0000000000000000 1f2b1728 0100 00 00000000 ffffffffffffffff ffffffff "
              "00000000");
    CHECK_OK(fluss_log_verify(slu_buf_view(&out), &header, &err));
    assert_int_equal(fluss_log_next_offset(&header), 1);
    CHECK_OK(fluss_log_decode(FLUSS_LOG_ARROW, &schema, &arrow, &header, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL,
                              &rows, &err));
    assert_int_equal(rows.array.length, 0);
    fluss_log_rows_fini(&rows);
    slu_buf_fini(&out);
    array.release(&array);
    slu_schema_release(&arrow);
}

/* A projected changelog batch: kinds kept, the CRC left as it was. */
static void
projected_batches(void **state)
{
    (void)state;
    fluss_schema schema;
    struct ArrowSchema arrow, narrow;
    struct ArrowArray array;
    fluss_log_header header;
    fluss_log_rows rows;
    slu_buf out, some;
    const uint8_t kinds[] = {SLU_ROW_UPDATE_BEFORE, SLU_ROW_UPDATE_AFTER};
    const int32_t columns[] = {1};
    const fluss_log_spec spec = {
        .writer_id = 7, .sequence = 3, .schema_id = 1, .ipc = {.compression = SLU_IPC_COMPRESSION_ZSTD, .validity_always = 1}};
    CHECK_OK(fluss_schema_decode(slu_view_of_text(two_columns), &arena, &schema, &err));
    one_row(&schema, &arrow, &array);
    slu_buf_init(&out, 1 << 16);
    slu_buf_init(&some, 1 << 16);
    CHECK_OK(fluss_log_encode(&spec, &schema, &arrow, &array, NULL, 2, kinds, &out, &err));
    CHECK_OK(fluss_log_verify(slu_buf_view(&out), &header, &err));
    CHECK_OK(fluss_log_project(&arrow, &header, slu_buf_view(&out), columns, 1, SLU_IPC_COMPRESSION_ZSTD, &some, &err));
    CHECK_STATUS(fluss_log_verify(slu_buf_view(&some), &header, &err), SLU_CORRUPT);
    CHECK_OK(fluss_log_peek(slu_buf_view(&some), &header, &err));
    CHECK_OK(slu_schema_init_struct(&narrow));
    CHECK_OK(slu_schema_add_copy(&narrow, arrow.children[1], NULL));
    CHECK_OK(fluss_log_decode(FLUSS_LOG_ARROW, &schema, &narrow, &header, slu_buf_view(&some), (slu_ipc_owner){NULL, NULL}, NULL,
                              &rows, &err));
    assert_int_equal(rows.array.length, 2);
    assert_memory_equal(rows.kinds, kinds, 2);
    fluss_log_rows_fini(&rows);
    slu_buf_fini(&out);
    slu_buf_fini(&some);
    array.release(&array);
    slu_schema_release(&arrow);
    slu_schema_release(&narrow);
}

/* ---- Rows ---- */

static const char every_type[] =
    "{\"version\":1,\"columns\":[{\"name\":\"c0\",\"data_type\":{\"type\":\"BOOLEAN\"}},{\"name\":\"c1\",\"data_type\":{\"type\":"
    "\"TINYINT\"}},"
    "{\"name\":\"c2\",\"data_type\":{\"type\":\"SMALLINT\"}},{\"name\":\"c3\",\"data_type\":{\"type\":\"INTEGER\"}},"
    "{\"name\":\"c4\",\"data_type\":{\"type\":\"BIGINT\"}},{\"name\":\"c5\",\"data_type\":{\"type\":\"FLOAT\"}},"
    "{\"name\":\"c6\",\"data_type\":{\"type\":\"DOUBLE\"}},{\"name\":\"c7\",\"data_type\":{\"type\":\"CHAR\",\"length\":9}},"
    "{\"name\":\"c8\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"c9\",\"data_type\":{\"type\":\"BINARY\",\"length\":5}},"
    "{\"name\":\"c10\",\"data_type\":{\"type\":\"BYTES\"}},{\"name\":\"c11\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":18,"
    "\"scale\":2}},"
    "{\"name\":\"c12\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":38,\"scale\":4}},{\"name\":\"c13\",\"data_type\":{"
    "\"type\":\"DATE\"}},"
    "{\"name\":\"c14\",\"data_type\":{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":3}},"
    "{\"name\":\"c15\",\"data_type\":{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":3}},"
    "{\"name\":\"c16\",\"data_type\":{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":6}},"
    "{\"name\":\"c17\",\"data_type\":{\"type\":\"TIMESTAMP_WITH_LOCAL_TIME_ZONE\",\"precision\":9}}]}";

#define ROWS 60

static void
many_rows(const fluss_schema *schema, struct ArrowSchema *arrow, struct ArrowArray *array)
{
    struct ArrowArray columns[20];
    CHECK_OK(fluss_schema_to_arrow(schema, arrow, &err));
    for (int64_t c = 0; c < arrow->n_children; c++) {
        sdk_builder builder;
        CHECK_OK(sdk_builder_init(&builder, arrow->children[c]->format, NULL));
        for (int64_t r = 0; r < ROWS; r++) {
            char text[32];
            (void)snprintf(text, sizeof text, "t%d", (int)(r * 1000));
            if ((r + c) % 7 == 3)
                sdk_builder_null(&builder);
            else if (builder.type.id == SLU_TYPE_FIXED)
                sdk_builder_bytes(&builder, "abcdefgh", 5);
            else
                put_any(&builder, builder.type.id == SLU_TYPE_TIME ? r * 1234567 : (r - 30) * 4321 * (c > 3 ? 98765 : 1),
                        (double)r / 8, slu_type_is_varlen(builder.type) ? text : NULL);
        }
        CHECK_OK(sdk_builder_finish(&builder, &columns[c], &err));
    }
    CHECK_OK(sdk_struct(columns, arrow->n_children, ROWS, array, &err));
}

static void
check_same(const struct ArrowSchema *arrow, const struct ArrowArray *a, const struct ArrowArray *b)
{
    slu_buf first, second;
    slu_buf_init(&first, 1 << 20);
    slu_buf_init(&second, 1 << 20);
    for (int64_t c = 0; c < arrow->n_children; c++) {
        const slu_column x = slu_column_child(arrow, a, c);
        const slu_column y = slu_column_child(arrow, b, c);
        for (int64_t r = 0; r < a->length; r++) {
            int32_t m, n;
            assert_int_equal(slu_column_valid(&x, r), slu_column_valid(&y, r));
            if (!slu_column_valid(&x, r))
                continue;
            if (slu_type_is_varlen(x.type)) {
                const uint8_t *p = slu_column_bytes(&x, r, &m);
                const uint8_t *q = slu_column_bytes(&y, r, &n);
                assert_int_equal(m, n);
                assert_memory_equal(p, q, (size_t)m);
            } else if (x.type.id == SLU_TYPE_BOOL) {
                assert_int_equal(slu_column_bool(&x, r), slu_column_bool(&y, r));
            } else {
                const size_t width = (size_t)x.type.width_bytes;
                assert_memory_equal((const uint8_t *)x.values + (size_t)r * width, (const uint8_t *)y.values + (size_t)r * width,
                                    width);
            }
        }
    }
    slu_buf_fini(&first);
    slu_buf_fini(&second);
}

static void
rows_go_round(void **state)
{
    (void)state;
    fluss_schema schema;
    struct ArrowSchema arrow;
    struct ArrowArray array, back;
    fluss_row_columns columns;
    CHECK_OK(fluss_schema_decode(slu_view_of_text(every_type), &arena, &schema, &err));
    many_rows(&schema, &arrow, &array);
    CHECK_OK(fluss_row_columns_init(&columns, &schema, &arrow, &array, &arena, &err));
    for (uint8_t format = FLUSS_ROW_COMPACTED; format <= FLUSS_ROW_INDEXED; format++) {
        fluss_rows *rows = NULL;
        slu_buf one;
        slu_buf_init(&one, 1 << 16);
        CHECK_OK(fluss_rows_new(&schema, &rows, &err));
        for (int64_t r = 0; r < ROWS; r++) {
            slu_buf_reset(&one);
            CHECK_OK(fluss_row_encode(&columns, format, r, &one, &err));
            CHECK_OK(fluss_row_verify(&schema, format, slu_buf_view(&one), &err));
            CHECK_OK(fluss_rows_append(rows, format, slu_buf_view(&one), schema.column_count, &err));
            for (size_t bytes = 0; r == 0 && bytes < one.bytes; bytes++) {
                uint8_t *part = guarded_copy(one.data, bytes);
                CHECK_STATUS(fluss_row_verify(&schema, format, slu_view_of(part, bytes), &err), SLU_CORRUPT);
                guarded_free(part, bytes);
            }
        }
        CHECK_OK(fluss_rows_finish(rows, &back, &err));
        check_same(&arrow, &array, &back);
        back.release(&back);
        fluss_rows_free(&rows);
        slu_buf_fini(&one);
    }
    array.release(&array);
    slu_schema_release(&arrow);
}

static void
log_formats_go_round(void **state)
{
    (void)state;
    fluss_schema schema;
    struct ArrowSchema arrow;
    struct ArrowArray array;
    CHECK_OK(fluss_schema_decode(slu_view_of_text(every_type), &arena, &schema, &err));
    many_rows(&schema, &arrow, &array);
    for (uint8_t format = FLUSS_LOG_ARROW; format <= FLUSS_LOG_COMPACTED; format++) {
        const fluss_log_spec spec = {
            .writer_id = 1, .sequence = 2, .schema_id = 3, .log_format = format, .ipc = {.validity_always = 1}};
        fluss_log_header header;
        fluss_log_rows rows;
        slu_buf out;
        slu_buf_init(&out, 1 << 20);
        CHECK_OK(fluss_log_encode(&spec, &schema, &arrow, &array, NULL, ROWS, NULL, &out, &err));
        CHECK_OK(fluss_log_verify(slu_buf_view(&out), &header, &err));
        assert_int_equal(header.writer_id, 1);
        assert_int_equal(header.sequence, 2);
        assert_int_equal(header.schema_id, 3);
        CHECK_OK(
            fluss_log_decode(format, &schema, &arrow, &header, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &rows, &err));
        check_same(&arrow, &array, &rows.array);
        fluss_log_rows_fini(&rows);
        slu_buf_fini(&out);
    }
    array.release(&array);
    slu_schema_release(&arrow);
}

/* ---- Descriptors ---- */

static const char descriptor_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}"
    ","
    "\"comment\":\"the key\",\"id\":0},{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"agg_function\":{\"type\":\"listagg\","
    "\"parameters\":{\"delimiter\":\";\"}},\"id\":1},{\"name\":\"n\",\"data_type\":{\"type\":\"MAP\",\"key_type\":{\"type\":"
    "\"STRING\","
    "\"nullable\":false},\"value_type\":{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"ARRAY\",\"element_"
    "type\":"
    "{\"type\":\"DECIMAL\",\"precision\":12,\"scale\":3}},\"field_id\":3}]}},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_"
    "id\":3},"
    "\"comment\":\"c\",\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{\"table.kv.format-version\":"
    "\"2\"},"
    "\"custom_properties\":{\"connector\":\"x\"}}";

static void
descriptors_go_round(void **state)
{
    (void)state;
    fluss_descriptor descriptor;
    fluss_table table;
    slu_buf out;
    slu_buf_init(&out, 1 << 16);
    CHECK_OK(fluss_descriptor_decode(slu_view_of_text(descriptor_json), &arena, &descriptor, &err));
    CHECK_OK(fluss_descriptor_encode(&descriptor, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), descriptor_json);
    CHECK_OK(fluss_table_init(&table, &descriptor, 5, 1, &arena, &err));
    assert_int_equal(table.key_encoding, FLUSS_KEY_COMPACTED);
    assert_int_equal(table.log_compression, SLU_IPC_COMPRESSION_ZSTD);
    CHECK_TEXT(table.arrow.children[2]->format, "+m");
    fluss_table_fini(&table);
    CHECK_OK(fluss_descriptor_set(&descriptor, &arena, "table.datalake.format", "iceberg", &err));
    CHECK_OK(fluss_table_init(&table, &descriptor, 5, 1, &arena, &err));
    assert_int_equal(table.key_encoding, FLUSS_KEY_ICEBERG);
    assert_int_equal(table.bucket_function, FLUSS_BUCKET_ICEBERG);
    fluss_table_fini(&table);
    fluss_schema_normalize(&descriptor.schema);
    assert_int_equal(descriptor.schema.highest_field_id, 3);
    slu_buf_fini(&out);
}

static void
bad_descriptors_are_refused(void **state)
{
    static const struct {
        const char *json;
        slu_status status;
    } bad[] = {
        {"", SLU_CORRUPT},
        {"[]", SLU_CORRUPT},
        {"{\"version\":1}", SLU_CORRUPT},
        {"{\"version\":2,\"schema\":{\"columns\":[]}}", SLU_UNSUPPORTED},
        {"{\"schema\":{\"columns\":[{\"name\":\"a\"}]}}", SLU_CORRUPT},
        {"{\"schema\":{\"columns\":[{\"name\":\"a\",\"data_type\":{\"type\":\"VARIANT\"}}]}}", SLU_UNSUPPORTED},
        {"{\"schema\":{\"columns\":[{\"name\":\"a\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":39,\"scale\":0}}]}}",
         SLU_INVALID},
        {"{\"schema\":{\"columns\":[],\"primary_key\":[\"a\"]}}", SLU_INVALID},
        {"{\"schema\":{\"columns\":[]},\"properties\":{\"a\":1}}", SLU_CORRUPT},
        {"{\"schema\":{\"columns\":[]},\"bucket_count\":99999999999}", SLU_CORRUPT},
    };
    (void)state;
    fluss_descriptor descriptor;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(fluss_descriptor_decode(slu_view_of_text(bad[i].json), &arena, &descriptor, &err), bad[i].status);
}

/* ---- Memory that runs out ---- */

static slu_status
log_round(const fluss_schema *schema, const struct ArrowSchema *arrow, const struct ArrowArray *array, uint8_t format)
{
    const fluss_log_spec spec = {
        .writer_id = 1, .sequence = 2, .schema_id = 3, .log_format = format, .ipc = {.compression = SLU_IPC_COMPRESSION_LZ4_FRAME}};
    const uint8_t kinds[ROWS] = {SLU_ROW_INSERT, SLU_ROW_UPDATE_BEFORE, SLU_ROW_UPDATE_AFTER};
    const fluss_piece pieces[] = {{array, NULL, 20, kinds}, {array, NULL, 10, kinds}};
    SLU_AUTO(slu_buf_fini) slu_buf out = {0};
    fluss_log_header header;
    fluss_log_rows rows;
    slu_buf_init(&out, 1 << 20);
    SLU_TRY(fluss_log_encode_pieces(&spec, schema, arrow, pieces, 2, &out, &err));
    SLU_TRY(fluss_log_verify(slu_buf_view(&out), &header, &err));
    SLU_TRY(fluss_log_decode(format, schema, arrow, &header, slu_buf_view(&out), (slu_ipc_owner){NULL, NULL}, NULL, &rows, &err));
    assert_int_equal(rows.array.length, 30);
    assert_int_equal(rows.kinds[21], SLU_ROW_UPDATE_BEFORE);
    fluss_log_rows_fini(&rows);
    return SLU_OK;
}

static slu_status
table_round(void)
{
    SLU_AUTO(slu_arena_fini) slu_arena mine = {0};
    SLU_AUTO(slu_buf_fini) slu_buf out = {0};
    fluss_descriptor descriptor;
    fluss_table table;
    slu_arena_init(&mine, 1 << 20);
    slu_buf_init(&out, 1 << 16);
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(descriptor_json), &mine, &descriptor, &err));
    SLU_TRY(fluss_table_init(&table, &descriptor, 5, 1, &mine, &err));
    fluss_table_fini(&table);
    return fluss_descriptor_encode(&descriptor, &out, &err);
}

/* Fails the n-th allocation for every n until the work succeeds; each failure is NOMEM, and nothing leaks (ASan looks). */
static void
allocations_may_fail(void **state)
{
    (void)state;
    fluss_schema schema;
    struct ArrowSchema arrow;
    struct ArrowArray array;
    CHECK_OK(fluss_schema_decode(slu_view_of_text(every_type), &arena, &schema, &err));
    many_rows(&schema, &arrow, &array);
    for (int what = 0; what < 4; what++) {
        slu_status status = SLU_NOMEM;
        for (uint64_t nth = 1; status != SLU_OK; nth++) {
            assert_true(nth < 2000);
            (void)slu_alloc_fail_from(nth);
            status = what < 3 ? log_round(&schema, &arrow, &array, (uint8_t)what) : table_round();
            (void)slu_alloc_fail_from(0);
            if (status != SLU_OK)
                CHECK_STATUS(status, SLU_NOMEM);
        }
    }
    array.release(&array);
    slu_schema_release(&arrow);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compacted_keys),
        TEST(lake_keys),
        TEST(buckets),
        TEST(kv_batch),
        TEST(log_batches),
        TEST(projected_batches),
        TEST(rows_go_round),
        TEST(log_formats_go_round),
        TEST(descriptors_go_round),
        TEST(bad_descriptors_are_refused),
        TEST(allocations_may_fail),
    };
    return cmocka_run_group_tests_name("fluss.record", tests, NULL, NULL);
}
