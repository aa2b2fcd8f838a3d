/*
 * values_golden_test.c: values of every type, nested ones included, as Fluss's own encoders wrote them (values/RecordValues.java).
 *
 * Every recorded row is decoded in both formats, printed, and compared with what Java printed; encoded again it gives the recorded
 * bytes; every part of it is refused. Recorded log batches (ARROW, INDEXED, COMPACTED), kv batches, keys and buckets likewise.
 */
#include "support/check.h"

#include "fluss/record/key.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"

#include <stdio.h>

#define LINE_BYTES_MAX ((size_t)1 << 20)
#define ROWS_MAX 16

static slu_error err;

typedef struct values_table {
    slu_arena arena;
    fluss_schema schema;
    struct ArrowSchema arrow;
    slu_buf printed[ROWS_MAX];
    int64_t rows;
    bool open;
} values_table;

static values_table table;
static int rows_seen, batches_seen, keys_seen;

/* ---- Printing, as in RecordValues.java ---- */

static void
print_hex(const uint8_t *data, size_t bytes, slu_buf *out)
{
    for (size_t i = 0; i < bytes; i++)
        slu_buf_printf(out, "%02x", data[i]);
    if (bytes == 0)
        slu_buf_text(out, ".");
}

static void
print_decimal(slu_i128_natural value, slu_buf *out)
{
    uint8_t all[16];
    size_t skip = 0;
    for (size_t i = 0; i < 16; i++)
        all[i] = (uint8_t)(value >> (8 * (15 - i)));
    while (skip < 15 && ((all[skip] == 0 && all[skip + 1] < 0x80) || (all[skip] == 0xff && all[skip + 1] >= 0x80)))
        skip++;
    print_hex(all + skip, 16 - skip, out);
}

static int64_t
units_of(slu_type type)
{
    return type.precision == 0 ? 1 : type.precision == 3 ? 1000 : type.precision == 6 ? 1000000 : 1000000000;
}

static void
print_timestamp(const slu_column *column, int64_t row, slu_buf *out)
{
    const int64_t units = units_of(column->type);
    const int64_t value = slu_column_int(column, row);
    if (units <= 1000) {
        slu_buf_printf(out, "%lld:0", (long long)(value * (1000 / units)));
        return;
    }
    const int64_t per_ms = units / 1000;
    const int64_t rest = ((value % per_ms) + per_ms) % per_ms;
    slu_buf_printf(out, "%lld:%lld", (long long)((value - rest) / per_ms), (long long)(rest * (1000000 / per_ms)));
}

static void print_column(const struct ArrowSchema *field, const slu_column *column, int64_t row, slu_buf *out);

static void
print_items(const struct ArrowSchema *field, const slu_column *column, int64_t row, slu_buf *out)
{
    const bool map = column->type.id == SLU_TYPE_MAP;
    const struct ArrowSchema *below = map ? field->children[0] : field;
    const struct ArrowArray *array = map ? column->array->children[0] : column->array;
    slu_buf_text(out, map ? "{" : "[");
    for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        for (int64_t c = 0; c < (map ? 2 : 1); c++) {
            const slu_column item = slu_column_view(below->children[c]->format, array->children[c]);
            print_column(below->children[c], &item, i, out);
            slu_buf_text(out, map && c == 0 ? "=" : ",");
        }
    }
    slu_buf_text(out, map ? "}" : "]");
}

static void
print_fields(const struct ArrowSchema *field, const slu_column *column, int64_t row, slu_buf *out)
{
    slu_buf_text(out, "(");
    for (int64_t i = 0; i < field->n_children; i++) {
        const slu_column child =
            slu_column_view_at(slu_type_of(field->children[i]->format), column->array->children[i], column->offset, column->rows);
        print_column(field->children[i], &child, row, out);
        slu_buf_text(out, ",");
    }
    slu_buf_text(out, ")");
}

static void
print_column(const struct ArrowSchema *field, const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t bytes;
    uint32_t single;
    uint64_t whole;
    if (!slu_column_valid(column, row)) {
        slu_buf_text(out, "~");
        return;
    }
    switch (column->type.id) {
    case SLU_TYPE_BOOL: slu_buf_text(out, slu_column_bool(column, row) ? "t" : "f"); break;
    case SLU_TYPE_FLOAT:
        memcpy(&single, slu_column_f32s(column) + row, sizeof single);
        slu_buf_printf(out, "%08x", single);
        break;
    case SLU_TYPE_DOUBLE:
        memcpy(&whole, slu_column_f64s(column) + row, sizeof whole);
        slu_buf_printf(out, "%016llx", (unsigned long long)whole);
        break;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY:
    case SLU_TYPE_FIXED: {
        const uint8_t *data = slu_column_bytes(column, row, &bytes);
        print_hex(data, (size_t)bytes, out);
        break;
    }
    case SLU_TYPE_DECIMAL: print_decimal(slu_column_decimals(column)[row], out); break;
    case SLU_TYPE_TIME: {
        const int64_t units = units_of(column->type), value = slu_column_int(column, row);
        slu_buf_printf(out, "%lld", (long long)(units == 1 ? value * 1000 : value / (units / 1000)));
        break;
    }
    case SLU_TYPE_TIMESTAMP: print_timestamp(column, row, out); break;
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: print_items(field, column, row, out); break;
    case SLU_TYPE_STRUCT: print_fields(field, column, row, out); break;
    default: slu_buf_printf(out, "%lld", (long long)slu_column_int(column, row)); break;
    }
}

static void
check_row(const struct ArrowArray *array, int64_t row, const char *expected)
{
    slu_buf text;
    slu_buf_init(&text, LINE_BYTES_MAX);
    const slu_column whole = slu_column_view("+s", array);
    print_fields(&table.arrow, &whole, row, &text);
    assert_string_equal(slu_buf_cstr(&text), expected);
    slu_buf_fini(&text);
}

/* ---- The lines ---- */

static int
nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The next field of a line, as bytes. */
static void
take_hex(char **line, slu_buf *out)
{
    slu_buf_reset(out);
    const char *word = strsep(line, " ");
    for (; word[0] != 0 && word[0] != '.'; word += 2)
        slu_buf_u8(out, (uint8_t)(nibble(word[0]) << 4 | nibble(word[1])));
}

static void
table_close(void)
{
    if (!table.open)
        return;
    for (int64_t i = 0; i < table.rows; i++)
        slu_buf_fini(&table.printed[i]);
    slu_schema_release(&table.arrow);
    slu_arena_fini(&table.arena);
    memset(&table, 0, sizeof table);
}

static void
table_open(char *line)
{
    slu_buf json;
    table_close();
    slu_arena_init(&table.arena, (size_t)1 << 22);
    slu_buf_init(&json, LINE_BYTES_MAX);
    CHECK_OK(fluss_schema_decode(slu_view_of_text(line), &table.arena, &table.schema, &err));
    CHECK_OK(fluss_schema_encode(&table.schema, &json, &err));
    assert_string_equal(slu_buf_cstr(&json), line);
    CHECK_OK(fluss_schema_to_arrow(&table.schema, &table.arrow, &err));
    slu_buf_fini(&json);
    table.open = true;
}

static void
encode_row(uint8_t format, const struct ArrowArray *array, int64_t row, slu_buf *out)
{
    slu_arena arena;
    fluss_row_columns columns;
    slu_arena_init(&arena, (size_t)1 << 20);
    CHECK_OK(fluss_row_columns_init(&columns, &table.schema, &table.arrow, array, &arena, &err));
    slu_buf_reset(out);
    CHECK_OK(fluss_row_encode(&columns, format, row, out, &err));
    slu_arena_fini(&arena);
}

/* Every row that ends too early is refused, and none is read beyond its end. */
static void
refuse_parts(uint8_t format, slu_view row)
{
    for (size_t bytes = 0; bytes < row.bytes; bytes++) {
        uint8_t *part = guarded_copy(row.data, bytes);
        CHECK_STATUS(fluss_row_verify(&table.schema, format, slu_view_of(part, bytes), &err), SLU_CORRUPT);
        guarded_free(part, bytes);
    }
}

static void
row_line(char *line)
{
    slu_buf bytes[2], again;
    slu_buf_init(&again, LINE_BYTES_MAX);
    for (int i = 0; i < 2; i++) {
        slu_buf_init(&bytes[i], LINE_BYTES_MAX);
        take_hex(&line, &bytes[i]);
    }
    for (int i = 0; i < 2; i++) {
        const uint8_t format = i == 0 ? FLUSS_ROW_COMPACTED : FLUSS_ROW_INDEXED;
        struct ArrowArray array;
        fluss_rows *rows = NULL;
        CHECK_OK(fluss_rows_new(&table.schema, &rows, &err));
        fluss_rows_append_null(rows);
        CHECK_OK(fluss_rows_append(rows, format, slu_buf_view(&bytes[i]), table.schema.column_count, &err));
        CHECK_OK(fluss_rows_finish(rows, &array, &err));
        check_row(&array, 1, line);
        encode_row(format, &array, 1, &again);
        assert_int_equal(again.bytes, bytes[i].bytes);
        assert_memory_equal(again.data, bytes[i].data, again.bytes);
        refuse_parts(format, slu_buf_view(&again));
        slu_array_release(&array);
        fluss_rows_free(&rows);
        slu_buf_fini(&bytes[i]);
    }
    assert_true(table.rows < ROWS_MAX);
    slu_buf_init(&table.printed[table.rows], LINE_BYTES_MAX);
    slu_buf_text(&table.printed[table.rows++], line);
    slu_buf_fini(&again);
    rows_seen++;
}

static uint8_t
log_format_of(const char *word)
{
    return strcmp(word, "ARROW") == 0 ? FLUSS_LOG_ARROW : strcmp(word, "INDEXED") == 0 ? FLUSS_LOG_INDEXED : FLUSS_LOG_COMPACTED;
}

static void
log_line(char *line)
{
    fluss_log_spec spec = {.writer_id = 42, .sequence = 7, .schema_id = 1, .log_format = log_format_of(strsep(&line, " "))};
    spec.ipc.validity_always = 1; /* as fluss_log_spec_of does */
    fluss_log_header header;
    fluss_log_rows rows;
    slu_buf batch, again;
    const slu_ipc_owner nobody = {NULL, NULL};
    slu_buf_init(&batch, LINE_BYTES_MAX);
    slu_buf_init(&again, LINE_BYTES_MAX);
    take_hex(&line, &batch);
    fluss_log_stamp(batch.data, 0, 0);
    CHECK_OK(fluss_log_verify(slu_buf_view(&batch), &header, &err));
    CHECK_OK(
        fluss_log_decode(spec.log_format, &table.schema, &table.arrow, &header, slu_buf_view(&batch), nobody, NULL, &rows, &err));
    assert_int_equal(rows.array.length, table.rows);
    for (int64_t i = 0; i < table.rows; i++)
        check_row(&rows.array, i, slu_buf_cstr(&table.printed[i]));
    CHECK_OK(fluss_log_encode(&spec, &table.schema, &table.arrow, &rows.array, NULL, table.rows, NULL, &again, &err));
    assert_int_equal(again.bytes, batch.bytes);
    assert_memory_equal(again.data, batch.data, again.bytes);
    fluss_log_rows_fini(&rows);
    slu_buf_fini(&batch);
    slu_buf_fini(&again);
    batches_seen++;
}

static void
kv_line(char *line)
{
    const uint8_t format = strcmp(strsep(&line, " "), "COMPACTED") == 0 ? FLUSS_ROW_COMPACTED : FLUSS_ROW_INDEXED;
    fluss_kv_reader reader;
    fluss_kv_writer writer;
    fluss_rows *rows = NULL;
    struct ArrowArray array;
    slu_view key, row;
    slu_buf batch, again, made;
    slu_buf_init(&batch, LINE_BYTES_MAX);
    slu_buf_init(&again, LINE_BYTES_MAX);
    slu_buf_init(&made, LINE_BYTES_MAX);
    take_hex(&line, &batch);
    CHECK_OK(fluss_kv_reader_init(&reader, slu_buf_view(&batch), &err));
    CHECK_OK(fluss_rows_new(&table.schema, &rows, &err));
    fluss_kv_writer_begin(&writer, &again, 1, 42, 7);
    for (int64_t i = 0; i < table.rows; i++) {
        CHECK_OK(fluss_kv_next(&reader, &key, &row, &err));
        assert_int_equal(key.bytes, 1);
        assert_int_equal(key.data[0], i);
        assert_int_equal(row.data == NULL, i == 1); /* a delete */
        if (row.data == NULL) {
            fluss_kv_writer_put(&writer, key, row);
            continue;
        }
        CHECK_OK(fluss_rows_append(rows, format, row, table.schema.column_count, &err));
        CHECK_OK(fluss_rows_finish(rows, &array, &err));
        check_row(&array, 0, slu_buf_cstr(&table.printed[i]));
        encode_row(format, &array, 0, &made);
        fluss_kv_writer_put(&writer, key, slu_buf_view(&made));
        slu_array_release(&array);
    }
    CHECK_STATUS(fluss_kv_next(&reader, &key, &row, &err), SLU_END);
    fluss_kv_writer_end(&writer);
    assert_int_equal(again.bytes, batch.bytes);
    assert_memory_equal(again.data, batch.data, again.bytes);
    fluss_rows_free(&rows);
    slu_buf_fini(&batch);
    slu_buf_fini(&again);
    slu_buf_fini(&made);
    batches_seen++;
}

static void
check_key(const char *lake, const struct ArrowArray *array, char *line)
{
    const uint8_t encoding = strcmp(lake, "iceberg") == 0  ? FLUSS_KEY_ICEBERG
                             : strcmp(lake, "paimon") == 0 ? FLUSS_KEY_PAIMON
                                                           : FLUSS_KEY_COMPACTED;
    const uint8_t function = strcmp(lake, "iceberg") == 0  ? FLUSS_BUCKET_ICEBERG
                             : strcmp(lake, "paimon") == 0 ? FLUSS_BUCKET_PAIMON
                                                           : FLUSS_BUCKET_FLUSS;
    const fluss_type *types[8];
    slu_column columns[8];
    slu_buf expected, key;
    const size_t count = table.schema.column_count;
    const bool refused = line[0] == '-';
    slu_buf_init(&expected, LINE_BYTES_MAX);
    slu_buf_init(&key, LINE_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        types[i] = &table.schema.columns[i].type;
        columns[i] = slu_column_child(&table.arrow, array, (int64_t)i);
    }
    if (refused) {
        CHECK_STATUS(fluss_key_encode(encoding, types, columns, count, 0, &key, &err), SLU_UNSUPPORTED);
    } else {
        take_hex(&line, &expected);
        CHECK_OK(fluss_key_encode(encoding, types, columns, count, 0, &key, &err));
        assert_int_equal(key.bytes, expected.bytes);
        assert_memory_equal(key.data, expected.data, key.bytes);
        for (int i = 0; key.bytes != 0 && i < 2; i++)
            assert_int_equal(fluss_bucket_of(function, slu_buf_view(&key), i == 0 ? 7 : 1024), atoi(strsep(&line, " ")));
    }
    slu_buf_fini(&expected);
    slu_buf_fini(&key);
    keys_seen++;
}

static void
key_line(char *line)
{
    const char *lake = strsep(&line, " ");
    struct ArrowArray array;
    fluss_rows *rows = NULL;
    slu_buf row;
    slu_buf_init(&row, LINE_BYTES_MAX);
    take_hex(&line, &row);
    CHECK_OK(fluss_rows_new(&table.schema, &rows, &err));
    CHECK_OK(fluss_rows_append(rows, FLUSS_ROW_COMPACTED, slu_buf_view(&row), table.schema.column_count, &err));
    CHECK_OK(fluss_rows_finish(rows, &array, &err));
    check_key(lake, &array, line);
    slu_array_release(&array);
    fluss_rows_free(&rows);
    slu_buf_fini(&row);
}

static void
recorded_values(void **state)
{
    (void)state;
    static char line[LINE_BYTES_MAX];
    FILE *file = fopen(SLUICE_TEST_DATA "/golden/fluss/values/values.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        switch (line[0]) {
        case 'T': table_open(line + 2); break;
        case 'R': row_line(line + 2); break;
        case 'L': log_line(line + 2); break;
        case 'P': kv_line(line + 2); break;
        case 'K': key_line(line + 2); break;
        default: fail_msg("a line that begins with %c", line[0]);
        }
    }
    table_close();
    (void)fclose(file);
    assert_true(rows_seen > 300 && batches_seen > 300 && keys_seen > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recorded_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
