/*
 * log_golden_test.c: log segments that a real tablet server wrote, against the rows that the real Java client read from them.
 *
 * Every batch is verified and decoded; its rows, printed as the Java tool printed them, are the recorded changelog; the bucket of
 * every row is the one it lies in; and the rows encoded again give the recorded bytes (for all compressions).
 */
#include "support/check.h"

#include "fluss/record/key.h"
#include "fluss/record/log_batch.h"

#include <sluice/sdk/decimal.h>

#include <stdio.h>

typedef struct golden_table {
    const char *name;
    const char *columns; /* JSON */
    const char *keys;    /* JSON members */
    const char *bucket_key;
} golden_table;

static const golden_table tables[] = {
    {"transaction",
     "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"}},{\"name\":\"accountId\",\"data_type\":{\"type\":\"BIGINT\"}},"
     "{\"name\":\"createdAt\",\"data_type\":{\"type\":\"BIGINT\"}},"
     "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}}",
     "", "accountId"},
    {"account",
     "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},{\"name\":\"name\",\"data_type\":{\"type\":"
     "\"STRING\"}},"
     "{\"name\":\"updatedAt\",\"data_type\":{\"type\":\"BIGINT\"}}",
     ",\"primary_key\":[\"id\"]", "id"},
    {"fraud",
     "{\"name\":\"transactionId\",\"data_type\":{\"type\":\"BIGINT\"}},{\"name\":\"accountId\",\"data_type\":{\"type\":\"BIGINT\"}}"
     ","
     "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}}",
     "", "transactionId"},
};

static void
open_table(const golden_table *golden, const char *compression, bool iceberg, slu_arena *arena, fluss_table *table)
{
    slu_error err = {0};
    slu_buf json;
    fluss_descriptor *descriptor = slu_arena_alloc(arena, sizeof *descriptor);
    slu_buf_init(&json, 1 << 16);
    slu_buf_printf(
        &json,
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[%s]%s},\"partition_key\":[],\"bucket_key\":[\"%s\"],"
        "\"bucket_count\":4,\"properties\":{\"table.log.arrow.compression.type\":\"%s\",\"table.kv.format-version\":\"2\"%s},"
        "\"custom_properties\":{}}",
        golden->columns, golden->keys, golden->bucket_key, compression, iceberg ? ",\"table.datalake.format\":\"iceberg\"" : "");
    CHECK_OK(fluss_descriptor_decode(slu_buf_view(&json), arena, descriptor, &err));
    CHECK_OK(fluss_table_init(table, descriptor, 1, 1, arena, &err));
    slu_buf_fini(&json);
}

static void
read_whole(const char *path, slu_buf *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t bytes[4096];
    size_t got;
    slu_buf_reset(out);
    if (file == NULL)
        return;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0)
        slu_buf_append(out, bytes, got);
    (void)fclose(file);
}

static void
print_value(const slu_column *column, int64_t row, slu_buf *out)
{
    char text[SDK_DECIMAL_TEXT_BYTES];
    int32_t bytes;
    if (!slu_column_valid(column, row))
        return;
    if (column->type.id == SLU_TYPE_DECIMAL) {
        (void)sdk_decimal_format(slu_column_decimals(column)[row], column->type.scale, text);
        slu_buf_text(out, text);
    } else if (column->type.id == SLU_TYPE_UTF8) {
        const uint8_t *data = slu_column_bytes(column, row, &bytes);
        slu_buf_append(out, data, (size_t)bytes);
    } else {
        slu_buf_printf(out, "%lld", (long long)slu_column_int(column, row));
    }
}

static void
print_rows(const fluss_table *table, const fluss_log_header *header, const fluss_log_rows *rows, int bucket, slu_buf *out)
{
    static const char *const kinds[] = {"+A", "+I", "-U", "+U", "-D"};
    for (int64_t i = 0; i < rows->array.length; i++) {
        slu_buf_printf(out, "%s,%d,%lld", kinds[rows->kinds == NULL ? 0 : rows->kinds[i]], bucket,
                       (long long)(header->base_offset + i));
        for (int64_t c = 0; c < table->arrow.n_children; c++) {
            const slu_column column = slu_column_child(&table->arrow, &rows->array, c);
            slu_buf_text(out, ",");
            print_value(&column, i, out);
        }
        slu_buf_text(out, "\n");
    }
}

static void
check_buckets(const fluss_table *table, const fluss_log_rows *rows, int bucket)
{
    slu_error err = {0};
    int32_t buckets[1000];
    assert_true(rows->array.length <= 1000);
    CHECK_OK(fluss_table_buckets(table, &table->arrow, &rows->array, NULL, rows->array.length, buckets, &err));
    for (int64_t i = 0; i < rows->array.length; i++)
        assert_int_equal(buckets[i], bucket);
}

/* The rows, encoded with the recorded writer and stamped with the recorded offset and time, are the recorded batch. */
static void
check_encoding(const fluss_table *table, const fluss_log_header *header, const fluss_log_rows *rows, slu_view batch,
               slu_ipc_codec *codec)
{
    slu_error err = {0};
    slu_buf again;
    fluss_log_spec spec = fluss_log_spec_of(table, codec);
    spec.writer_id = header->writer_id;
    spec.sequence = header->sequence;
    slu_buf_init(&again, 1 << 20);
    CHECK_OK(fluss_log_encode(&spec, &table->descriptor->schema, &table->arrow, &rows->array, NULL, rows->array.length, rows->kinds,
                              &again, &err));
    fluss_log_stamp(again.data, header->base_offset, header->commit_timestamp);
    assert_int_equal(again.bytes, batch.bytes);
    assert_memory_equal(again.data, batch.data, batch.bytes);
    slu_buf_fini(&again);
}

/* Returns the rows of a segment, printed behind what `out` holds. */
static void
read_segment(const fluss_table *table, slu_view segment, int bucket, slu_ipc_codec *codec, slu_buf *out)
{
    slu_error err = {0};
    int64_t next = 0;
    while (segment.bytes > 0) {
        fluss_log_header header;
        fluss_log_rows rows;
        CHECK_OK(fluss_log_peek(segment, &header, &err));
        const slu_view batch = slu_view_of(segment.data, header.batch_bytes);
        CHECK_OK(fluss_log_verify(batch, &header, &err));
        assert_int_equal(header.base_offset, next);
        CHECK_OK(fluss_log_decode(FLUSS_LOG_ARROW, &table->descriptor->schema, &table->arrow, &header, batch,
                                  (slu_ipc_owner){NULL, NULL}, codec, &rows, &err));
        print_rows(table, &header, &rows, bucket, out);
        check_buckets(table, &rows, bucket);
        if (header.record_count > 0)
            check_encoding(table, &header, &rows, batch, codec);
        fluss_log_rows_fini(&rows);
        next = fluss_log_next_offset(&header);
        segment.data += header.batch_bytes;
        segment.bytes -= header.batch_bytes;
    }
}

static void
check_table(const char *folder, const char *compression, const golden_table *golden)
{
    slu_error err = {0};
    slu_arena arena;
    fluss_table table;
    slu_buf segment, printed, wanted;
    slu_ipc_codec *codec = NULL;
    char path[1000];
    slu_arena_init(&arena, 1 << 20);
    slu_buf_init(&segment, 1 << 20);
    slu_buf_init(&printed, 1 << 20);
    slu_buf_init(&wanted, 1 << 20);
    CHECK_OK(slu_ipc_codec_new(&codec, &err));
    open_table(golden, compression, strncmp(folder, "iceberg", 7) == 0, &arena, &table);
    for (int bucket = 0; bucket < 4; bucket++) {
        (void)snprintf(path, sizeof path, "%s/golden/fluss/%s/%s.bucket%d.00000000000000000000.log", SLUICE_TEST_DATA, folder,
                       golden->name, bucket);
        read_whole(path, &segment);
        read_segment(&table, slu_buf_view(&segment), bucket, codec, &printed);
    }
    (void)snprintf(path, sizeof path, "%s/golden/fluss/%s/%s.changelog.csv", SLUICE_TEST_DATA, folder, golden->name);
    read_whole(path, &wanted);
    assert_true(wanted.bytes > 0);
    CHECK_TEXT(slu_buf_cstr(&printed), slu_buf_cstr(&wanted));
    slu_ipc_codec_free(&codec);
    slu_buf_fini(&segment);
    slu_buf_fini(&printed);
    slu_buf_fini(&wanted);
    fluss_table_fini(&table);
    slu_arena_fini(&arena);
}

static void
recorded_segments_are_read_and_written(void **state)
{
    static const char *const folders[][2] = {
        {"plain-none", "NONE"}, {"plain-lz4", "LZ4_FRAME"}, {"plain-zstd", "ZSTD"}, {"iceberg-zstd", "ZSTD"}};
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
            check_table(folders[i][0], folders[i][1], &tables[t]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recorded_segments_are_read_and_written)};
    return cmocka_run_group_tests_name("fluss.golden", tests, NULL, NULL);
}
