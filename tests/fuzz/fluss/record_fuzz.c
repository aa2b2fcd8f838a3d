/*
 * record_fuzz.c: everything of this room that reads bytes from outside. The first byte chooses the reader; checksums are repaired
 * before decoding, so that a mutation reaches what lies behind them.
 */
#include "base/hash.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char schema_json[] =
    "{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"d\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":30,"
    "\"scale\":2}},"
    "{\"name\":\"t\",\"data_type\":{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":6}},"
    "{\"name\":\"c\",\"data_type\":{\"type\":\"CHAR\",\"length\":4}}],\"primary_key\":[\"id\"]}";

/* For rows of the second kind: every way to nest, and every width of a slot. */
static const char nested_json[] =
    "{\"version\":1,\"columns\":[{\"name\":\"a\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"ARRAY\","
    "\"element_type\":{\"type\":\"STRING\"}}}},"
    "{\"name\":\"m\",\"data_type\":{\"type\":\"MAP\",\"key_type\":{\"type\":\"INTEGER\"},\"value_type\":{\"type\":\"ROW\","
    "\"fields\":[{\"name\":\"s\",\"field_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"SMALLINT\"}}},"
    "{\"name\":\"d\",\"field_type\":{\"type\":\"DECIMAL\",\"precision\":30,\"scale\":2}}]}}},"
    "{\"name\":\"t\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\","
    "\"precision\":9}}},"
    "{\"name\":\"b\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"BOOLEAN\"}}},"
    "{\"name\":\"e\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"DECIMAL\",\"precision\":38,\"scale\":0}}},"
    "{\"name\":\"r\",\"data_type\":{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"TIME_WITHOUT_TIME_"
    "ZONE\","
    "\"precision\":3}},{\"name\":\"y\",\"field_type\":{\"type\":\"CHAR\",\"length\":3}}]}}]}";

static void
read_log(uint8_t format, const fluss_schema *schema, uint8_t *data, size_t bytes)
{
    slu_error err;
    fluss_log_header header;
    fluss_log_rows rows;
    struct ArrowSchema arrow;
    slu_buf out;
    const int32_t columns[] = {0, 3};
    const slu_view in = slu_view_of(data, bytes);
    if (fluss_log_peek(in, &header, &err) != SLU_OK || fluss_schema_to_arrow(schema, &arrow, &err) != SLU_OK)
        return;
    const slu_view batch = slu_view_of(data, header.batch_bytes);
    const slu_ipc_owner nobody = {NULL, NULL};
    if (fluss_log_decode(format, schema, &arrow, &header, batch, nobody, NULL, &rows, &err) == SLU_OK)
        fluss_log_rows_fini(&rows);
    slu_buf_init(&out, (size_t)1 << 24);
    if (fluss_log_project(&arrow, &header, batch, columns, 2, 0, &out, &err) == SLU_OK)
        slu_buf_reset(&out);
    slu_buf_fini(&out);
    slu_schema_release(&arrow);
}

static void
read_kv(const fluss_schema *schema, uint8_t *data, size_t bytes)
{
    slu_error err;
    fluss_kv_reader reader;
    slu_view key, row;
    if (bytes >= FLUSS_KV_HEADER_BYTES) {
        const uint32_t length = (uint32_t)(bytes - 4), crc = slu_crc32c(0, data + 9, bytes - 9);
        memcpy(data, &length, 4);
        memcpy(data + 5, &crc, 4);
    }
    if (fluss_kv_reader_init(&reader, slu_view_of(data, bytes), &err) != SLU_OK)
        return;
    while (fluss_kv_next(&reader, &key, &row, &err) == SLU_OK)
        if (row.data != NULL && fluss_row_verify(schema, FLUSS_ROW_COMPACTED, row, &err) != SLU_OK)
            break;
}

static void
read_rows(const fluss_schema *schema, uint8_t format, slu_view row)
{
    slu_error err;
    struct ArrowArray array;
    fluss_rows *rows = NULL;
    if (fluss_rows_new(schema, &rows, &err) != SLU_OK)
        return;
    if (fluss_rows_append(rows, format, row, schema->column_count, &err) == SLU_OK &&
        fluss_rows_finish(rows, &array, &err) == SLU_OK)
        array.release(&array);
    fluss_rows_free(&rows);
}

static void
read_nested(uint8_t format, slu_view row, slu_arena *arena)
{
    slu_error err;
    fluss_schema schema;
    if (fluss_schema_decode(slu_view_of_text(nested_json), arena, &schema, &err) == SLU_OK)
        read_rows(&schema, format, row);
}

static void
read_values(slu_view batch)
{
    slu_error err;
    fluss_value_reader reader;
    slu_view value, row;
    int16_t schema_id;
    if (fluss_value_reader_init(&reader, batch, &err) != SLU_OK)
        return;
    while (fluss_value_next(&reader, &value, &err) == SLU_OK)
        if (fluss_value_split(value, &schema_id, &row, &err) != SLU_OK)
            break;
}

static void
read_descriptor(slu_view json, slu_arena *arena)
{
    slu_error err;
    fluss_descriptor descriptor;
    fluss_table table;
    slu_buf out;
    if (fluss_descriptor_decode(json, arena, &descriptor, &err) != SLU_OK)
        return;
    slu_buf_init(&out, (size_t)1 << 24);
    if (fluss_descriptor_encode(&descriptor, &out, &err) == SLU_OK &&
        fluss_table_init(&table, &descriptor, 1, 1, arena, &err) == SLU_OK)
        fluss_table_fini(&table);
    slu_buf_fini(&out);
}

static void
read_any(uint8_t which, const fluss_schema *schema, uint8_t *data, size_t bytes, slu_arena *arena)
{
    switch (which % 10) {
    case 0:
    case 1:
    case 2: read_log(which % 10, schema, data, bytes); break;
    case 3: read_kv(schema, data, bytes); break;
    case 4: read_rows(schema, FLUSS_ROW_COMPACTED, slu_view_of(data, bytes)); break;
    case 5: read_rows(schema, FLUSS_ROW_INDEXED, slu_view_of(data, bytes)); break;
    case 8: read_nested(FLUSS_ROW_COMPACTED, slu_view_of(data, bytes), arena); break;
    case 9: read_nested(FLUSS_ROW_INDEXED, slu_view_of(data, bytes), arena); break;
    case 6: read_values(slu_view_of(data, bytes)); break;
    default: read_descriptor(slu_view_of(data, bytes), arena); break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_error err;
    slu_arena arena;
    fluss_schema schema;
    uint8_t *copy = bytes == 0 ? NULL : malloc(bytes);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, bytes - 1);
    slu_arena_init(&arena, (size_t)1 << 22);
    if (fluss_schema_decode(slu_view_of_text(schema_json), &arena, &schema, &err) == SLU_OK)
        read_any(data[0], &schema, copy, bytes - 1, &arena);
    slu_arena_fini(&arena);
    free(copy);
    return 0;
}
