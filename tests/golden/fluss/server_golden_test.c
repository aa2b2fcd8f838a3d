/*
 * server_golden_test.c: our tablets beside those of a real tablet server.
 *
 * The batches of recorded log segments, given to our log as a client would have sent them, make the same file but for commit
 * times; a recorded segment opens, knows its writers and takes the next batch; and the upserts behind a recorded changelog, given
 * to our kv tablet, make the same changelog, byte for byte but for commit times.
 */
#include "support/check.h"

#include "base/file.h"
#include "fluss/record/key.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/record/row.h"
#include "fluss/server/tables/tables.h"

#include <stdlib.h>

static const char *const folders[] = {"plain-none", "plain-lz4", "plain-zstd", "iceberg-zstd"};
static const char *const compressions[] = {"NONE", "LZ4_FRAME", "ZSTD", "ZSTD"};

static char root[64];
static slu_env env;

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_gold_XXXXXX");
    slu_env_init_system(&env, SLU_LOG_ERROR);
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

/* The recorded segment of a bucket; false: the bucket was empty. */
static bool
golden(const char *folder, const char *table, int bucket, slu_buf *out)
{
    slu_error err;
    char path[400];
    slu_buf_reset(out);
    (void)snprintf(path, sizeof path, "%s/golden/fluss/%s/%s.bucket%d.%020d.log", SLUICE_TEST_DATA, folder, table, bucket, 0);
    return slu_path_exists(path) && slu_file_read(path, 1 << 20, out, &err) == SLU_OK;
}

/* Equal but for the commit time of each batch. */
static void
check_same_log(slu_buf *ours, slu_buf *theirs, const char *what)
{
    slu_error err;
    if (ours->bytes != theirs->bytes)
        fail_msg("%s: %zu bytes, recorded are %zu", what, ours->bytes, theirs->bytes);
    for (size_t at = 0; at < ours->bytes;) {
        fluss_log_header head;
        CHECK_OK(fluss_log_peek(slu_view_of(theirs->data + at, theirs->bytes - at), &head, &err));
        memset(ours->data + at + 13, 0, 8);
        memset(theirs->data + at + 13, 0, 8);
        if (memcmp(ours->data + at, theirs->data + at, head.batch_bytes) != 0)
            fail_msg("%s: the batch at offset %lld is another", what, (long long)head.base_offset);
        at += head.batch_bytes;
    }
}

static void
read_log(fluss_log *log, slu_buf *out)
{
    slu_error err;
    slu_buf_reset(out);
    for (int64_t next = 0; next < fluss_log_end(log);)
        CHECK_OK(fluss_log_read(log, next, 1 << 20, true, out, &next, &err));
}

static void
batches_appended_make_the_recorded_file(void **state)
{
    (void)state;
    static const char *const names[] = {"transaction", "account", "fraud"};
    slu_error err;
    slu_buf theirs;
    slu_buf ours;
    size_t logs = 0;
    slu_buf_init(&theirs, 1 << 20);
    slu_buf_init(&ours, 1 << 20);
    for (size_t f = 0; f < 4; f++)
        for (size_t t = 0; t < 3; t++)
            for (int bucket = 0; bucket < 4; bucket++) {
                char dir[200];
                fluss_log *log = NULL;
                const fluss_log_options options = {0};
                fluss_appended appended;
                fluss_log_header last = {0};
                size_t last_at = 0;
                if (!golden(folders[f], names[t], bucket, &theirs))
                    continue;
                (void)snprintf(dir, sizeof dir, "%s/%zu-%zu-%d", root, f, t, bucket);
                CHECK_OK(fluss_log_open(&env, dir, names[t], &options, &log, &err));
                for (size_t at = 0; at < theirs.bytes; at += last.batch_bytes) {
                    CHECK_OK(fluss_log_peek(slu_view_of(theirs.data + at, theirs.bytes - at), &last, &err));
                    last_at = at;
                    slu_buf batch;
                    slu_buf_init(&batch, 1 << 20);
                    slu_buf_append(&batch, theirs.data + at, last.batch_bytes);
                    fluss_log_stamp(batch.data, 0, 0);
                    CHECK_OK(fluss_log_append(log, slu_buf_view(&batch), &appended, &err));
                    assert_false(appended.duplicate);
                    assert_int_equal(appended.base_offset, last.base_offset);
                    slu_buf_fini(&batch);
                }
                fluss_log_close(&log);
                char path[300];
                (void)snprintf(path, sizeof path, "%s/%020d.log", dir, 0);
                slu_buf_reset(&ours);
                CHECK_OK(slu_file_read(path, 1 << 20, &ours, &err));
                /* Their file as it is: it opens, and the batch that came last is known. */
                CHECK_OK(slu_dir_remove(dir, &err));
                CHECK_OK(slu_dir_make(dir, &err));
                CHECK_OK(slu_file_write(path, slu_buf_view(&theirs), false, &err));
                CHECK_OK(fluss_log_open(&env, dir, names[t], &options, &log, &err));
                assert_int_equal(fluss_log_end(log), fluss_log_next_offset(&last));
                assert_int_equal(fluss_log_max_time(log), last.commit_timestamp);
                if (last.writer_id >= 0) {
                    CHECK_OK(fluss_log_append(log, slu_view_of(theirs.data + last_at, last.batch_bytes), &appended, &err));
                    assert_true(appended.duplicate);
                    assert_int_equal(appended.base_offset, last.base_offset);
                }
                fluss_log_close(&log);
                check_same_log(&ours, &theirs, dir);
                logs++;
            }
    assert_true(logs >= 40);
    slu_buf_fini(&theirs);
    slu_buf_fini(&ours);
}

/* The kv batch that made a recorded changelog batch: its +I and +U rows are upserts, under the same writer and sequence. */
static void
upserts_of(fluss_served *table, const fluss_log_header *head, slu_view batch, slu_buf *out)
{
    slu_error err;
    fluss_log_rows rows;
    const slu_ipc_owner nobody = {0};
    slu_buf keys;
    slu_buf row;
    uint32_t offsets[100];
    slu_arena arena;
    fluss_row_columns columns;
    fluss_kv_writer writer;
    slu_arena_init(&arena, 1 << 20);
    slu_buf_init(&keys, 1 << 16);
    slu_buf_init(&row, 1 << 16);
    slu_buf_reset(out);
    CHECK_OK(fluss_log_decode(table->table.log_format, &table->descriptor.schema, &table->table.arrow, head, batch, nobody, NULL,
                              &rows, &err));
    assert_true(rows.array.length < 100);
    CHECK_OK(fluss_table_keys(&table->table, &table->table.arrow, &rows.array, NULL, rows.array.length, &keys, offsets, &err));
    CHECK_OK(fluss_row_columns_init(&columns, &table->descriptor.schema, &table->table.arrow, &rows.array, &arena, &err));
    fluss_kv_writer_begin(&writer, out, head->schema_id, head->writer_id, head->sequence);
    for (int64_t i = 0; i < rows.array.length; i++) {
        if (rows.kinds[i] != SLU_ROW_INSERT && rows.kinds[i] != SLU_ROW_UPDATE_AFTER)
            continue;
        slu_buf_reset(&row);
        CHECK_OK(fluss_row_encode(&columns, table->table.kv_format, i, &row, &err));
        fluss_kv_writer_put(&writer, slu_view_of(keys.data + offsets[i], offsets[i + 1] - offsets[i]), slu_buf_view(&row));
    }
    fluss_kv_writer_end(&writer);
    fluss_log_rows_fini(&rows);
    slu_buf_fini(&keys);
    slu_buf_fini(&row);
    slu_arena_fini(&arena);
}

static void
upserts_make_the_recorded_changelog(void **state)
{
    (void)state;
    slu_error err;
    fluss_catalogue *catalogue = NULL;
    slu_kv_pool *pool = NULL;
    fluss_tables *tables = NULL;
    slu_buf theirs;
    slu_buf ours;
    slu_buf batch;
    char dir[100];
    slu_buf_init(&theirs, 1 << 20);
    slu_buf_init(&ours, 1 << 20);
    slu_buf_init(&batch, 1 << 20);
    (void)snprintf(dir, sizeof dir, "%s/kv", root);
    const slu_kv_pool_options pool_options = {0};
    CHECK_OK(fluss_catalogue_open(&env, dir, false, &catalogue, &err));
    CHECK_OK(fluss_catalogue_create_database(catalogue, "fluss", "{}", &err));
    CHECK_OK(slu_kv_pool_open(&pool_options, &pool, &err));
    const fluss_tables_options options = {&env, catalogue, pool, dir, NULL, {0}, NULL, NULL};
    CHECK_OK(fluss_tables_open(&options, &tables, &err));
    for (size_t f = 0; f < 4; f++) {
        char json[1000];
        int64_t id = 0;
        fluss_served *table = NULL;
        (void)snprintf(
            json, sizeof json,
            "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\","
            "\"nullable\":false}},"
            "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"updatedAt\",\"data_type\":{\"type\":\"BIGINT\"}}],"
            "\"primary_key\":[\"id\"]},\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":4,\"properties\":"
            "{\"table.log.arrow.compression.type\":\"%s\",\"table.kv.format-version\":\"2\"%s},\"custom_properties\":{}}",
            compressions[f], f == 3 ? ",\"table.datalake.format\":\"iceberg\"" : "");
        CHECK_OK(fluss_catalogue_create_table(catalogue, "fluss", folders[f], json, "{}", &id, &err));
        CHECK_OK(fluss_tables_get(tables, "fluss", folders[f], &table, &err));
        for (int bucket = 0; bucket < 4; bucket++) {
            fluss_tablet *tablet = NULL;
            fluss_kv_tablet *kv = NULL;
            fluss_log_header head;
            if (!golden(folders[f], "account", bucket, &theirs))
                continue;
            CHECK_OK(fluss_tables_tablet(tables, table, FLUSS_NO_PARTITION, bucket, &tablet, &err));
            CHECK_OK(fluss_tables_kv(tables, tablet, &kv, &err));
            for (size_t at = 0; at < theirs.bytes; at += head.batch_bytes) {
                fluss_appended appended;
                CHECK_OK(fluss_log_peek(slu_view_of(theirs.data + at, theirs.bytes - at), &head, &err));
                upserts_of(table, &head, slu_view_of(theirs.data + at, head.batch_bytes), &batch);
                const fluss_kv_put put = {.batch = slu_buf_view(&batch)};
                CHECK_OK(fluss_kv_tablet_put(kv, &put, &appended, &err));
                assert_int_equal(appended.base_offset, head.base_offset);
                assert_int_equal(appended.next_offset, fluss_log_next_offset(&head));
            }
            read_log(tablet->log, &ours);
            check_same_log(&ours, &theirs, folders[f]);
        }
    }
    fluss_tables_close(&tables);
    slu_kv_pool_close(&pool);
    fluss_catalogue_close(&catalogue);
    slu_buf_fini(&theirs);
    slu_buf_fini(&ours);
    slu_buf_fini(&batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_appended_make_the_recorded_file),
        cmocka_unit_test(upserts_make_the_recorded_changelog),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
