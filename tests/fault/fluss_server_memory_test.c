/* Memory runs out at every allocation in turn, in a log, a catalogue and a kv tablet's way: an error, never a crash, and what was
 * acknowledged before is still there. */
#include "support/check.h"

#include "../unit/fluss/server/batches.h"
#include "base/alloc.h"
#include "base/file.h"
#include "fluss/record/kv_batch.h"
#include "fluss/server/tables/tables.h"

#include <stdlib.h>

#define NTH_MAX 3000

static char root[64];
static slu_env_fake fake;

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_mem_XXXXXX");
    slu_env_init_fake(&fake, 1);
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

static void
a_log_without_memory(void **state)
{
    (void)state;
    char dir[100];
    int64_t acknowledged = 0;
    int32_t sequence = 0;
    slu_error err;
    slu_buf batch;
    slu_buf out;
    bool whole = false;
    slu_buf_init(&batch, 100000);
    slu_buf_init(&out, 1 << 20);
    (void)snprintf(dir, sizeof dir, "%s/log", root);
    uint64_t nth = 1;
    for (; nth < NTH_MAX && !whole; nth++) {
        fluss_log *log = NULL;
        const fluss_log_options options = {.segment_bytes = 20000, .snapshot_bytes = 5000};
        bool failed = false;
        (void)slu_alloc_fail_from(nth);
        slu_status status = fluss_log_open(&fake.env, dir, "memory", &options, &log, &err);
        for (int i = 0; status == SLU_OK && i < 10; i++) {
            (void)slu_alloc_fail_from(0);
            slu_buf_reset(&batch);
            batch_make(&batch, 1, sequence, 2, 700);
            (void)slu_alloc_fail_from(nth);
            fluss_appended appended;
            int64_t next = 0;
            status = fluss_log_append(log, slu_buf_view(&batch), &appended, &err);
            if (status == SLU_OK) {
                sequence++;
                acknowledged = appended.next_offset;
                slu_buf_reset(&out);
                status = fluss_log_read(log, appended.base_offset, 1000, true, &out, &next, &err);
            }
        }
        failed = status != SLU_OK;
        if (failed)
            assert_true(status < 0);
        fluss_log_close(&log);
        (void)slu_alloc_fail_from(0);
        CHECK_OK(fluss_log_open(&fake.env, dir, "memory", &options, &log, &err));
        assert_true(fluss_log_end(log) >= acknowledged);
        /* What was not acknowledged may be there; then it is known as a duplicate. */
        sequence = (int32_t)(fluss_log_end(log) / 2);
        acknowledged = fluss_log_end(log);
        fluss_log_close(&log);
        whole = !failed;
    }
    assert_true(whole && nth > 10); /* it really failed at several */
    slu_buf_fini(&batch);
    slu_buf_fini(&out);
}

static void
kv_batch_of(slu_buf *out, int round)
{
    fluss_kv_writer w;
    fluss_kv_writer_begin(&w, out, 1, -1, -1);
    for (int k = 0; k < 5; k++) {
        uint8_t key[1] = {(uint8_t)k};
        const uint8_t row[3] = {0, (uint8_t)k, (uint8_t)(round % 100)};
        fluss_kv_writer_put(&w, slu_view_of(key, 1), (k + round) % 4 == 0 ? slu_view_of(NULL, 0) : slu_view_of(row, 3));
    }
    fluss_kv_writer_end(&w);
}

static const char table_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":"
    "\"INTEGER\",\"nullable\":false}},"
    "{\"name\":\"v\",\"data_type\":{\"type\":\"BIGINT\"}}],\"primary_key\":[\"k\"]},\"partition_key\":[]"
    ",\"bucket_key\":[\"k\"],"
    "\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";

/* Opens everything, makes the table if it is not there, writes and reads. */
static slu_status
tablet_round(slu_kv_pool *pool, const slu_buf *batch, const char *dir, slu_error *err)
{
    fluss_catalogue *catalogue = NULL;
    fluss_tables *tables = NULL;
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    fluss_appended appended;
    int64_t id = 0;
    slu_status status = fluss_catalogue_open(&fake.env, dir, false, &catalogue, err);
    if (status == SLU_OK)
        status = fluss_catalogue_create_database(catalogue, "d", "{}", err);
    if (status == SLU_OK || status == SLU_CONFLICT)
        status = fluss_catalogue_create_table(catalogue, "d", "t", table_json, "{}", &id, err);
    const fluss_tables_options options = {&fake.env, catalogue, pool, dir, NULL, {0}, NULL, NULL};
    if (status == SLU_OK || status == SLU_CONFLICT)
        status = fluss_tables_open(&options, &tables, err);
    if (status == SLU_OK)
        status = fluss_tables_get(tables, "d", "t", &table, err);
    if (status == SLU_OK)
        status = fluss_tables_tablet(tables, table, FLUSS_NO_PARTITION, 0, &tablet, err);
    if (status == SLU_OK)
        status = fluss_tables_kv(tables, tablet, &kv, err);
    const fluss_kv_put put = {.batch = slu_buf_view(batch)};
    for (int i = 0; status == SLU_OK && i < 2; i++)
        status = fluss_kv_tablet_put(kv, &put, &appended, err);
    if (status == SLU_OK) {
        slu_view value;
        const slu_view key = slu_view_of("\1", 1);
        status = fluss_kv_tablet_get(kv, &key, 1, &value, err);
    }
    fluss_tables_close(&tables);
    fluss_catalogue_close(&catalogue);
    return status;
}

static void
a_tablet_without_memory(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    const slu_kv_pool_options options = {0};
    char dir[100];
    bool whole = false;
    slu_buf batch;
    slu_buf_init(&batch, 10000);
    (void)snprintf(dir, sizeof dir, "%s/tablet", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    uint64_t nth = 1;
    for (; nth < NTH_MAX && !whole; nth++) {
        slu_buf_reset(&batch);
        kv_batch_of(&batch, (int)nth);
        (void)slu_alloc_fail_from(nth);
        const slu_status status = tablet_round(pool, &batch, dir, &err);
        (void)slu_alloc_fail_from(0);
        assert_true(status <= 0);
        whole = status == SLU_OK;
        if (nth % 16 == 0 || whole)
            CHECK_OK(tablet_round(pool, &batch, dir, &err)); /* with memory all is well */
    }
    assert_true(whole && nth > 30);
    slu_kv_pool_close(&pool);
    slu_buf_fini(&batch);
}

/* One row, key 1, sent as batch `sequence` of writer 1; its value is the sequence. */
static slu_status
put_one(fluss_kv_tablet *kv, slu_buf *batch, int32_t sequence, slu_error *err)
{
    fluss_kv_writer w;
    fluss_appended appended;
    const uint8_t row[3] = {0, 1, (uint8_t)(sequence % 100)};
    slu_buf_reset(batch);
    fluss_kv_writer_begin(&w, batch, 1, 1, sequence);
    fluss_kv_writer_put(&w, slu_view_of("\1", 1), slu_view_of(row, sizeof row));
    fluss_kv_writer_end(&w);
    const fluss_kv_put put = {.batch = slu_buf_view(batch)};
    return fluss_kv_tablet_put(kv, &put, &appended, err);
}

static void
check_one(fluss_kv_tablet *kv, int32_t sequence)
{
    slu_error err;
    slu_view value;
    const slu_view key = slu_view_of("\1", 1);
    CHECK_OK(fluss_kv_tablet_get(kv, &key, 1, &value, &err));
    assert_int_equal(value.bytes, 5);
    assert_int_equal(value.data[4], sequence % 100);
}

/* A put fails at every allocation in turn; a writer snapshot follows each append. What is in the log is not refused; sent again it is a
 * duplicate there, and must be in the store nevertheless. */
static void
a_put_that_the_log_has_is_in_the_store(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    fluss_catalogue *catalogue = NULL;
    fluss_tables *tables = NULL;
    fluss_served *table = NULL;
    fluss_tablet *tablet = NULL;
    fluss_kv_tablet *kv = NULL;
    const slu_kv_pool_options pool_options = {0};
    char dir[100];
    int64_t id = 0;
    slu_buf batch;
    slu_buf_init(&batch, 1000);
    (void)snprintf(dir, sizeof dir, "%s/stored", root);
    CHECK_OK(slu_kv_pool_open(&pool_options, &pool, &err));
    CHECK_OK(fluss_catalogue_open(&fake.env, dir, false, &catalogue, &err));
    CHECK_OK(fluss_catalogue_create_database(catalogue, "d", "{}", &err));
    CHECK_OK(fluss_catalogue_create_table(catalogue, "d", "t", table_json, "{}", &id, &err));
    const fluss_tables_options options = {&fake.env, catalogue, pool, dir, NULL, {.snapshot_bytes = 1}, NULL, NULL};
    CHECK_OK(fluss_tables_open(&options, &tables, &err));
    CHECK_OK(fluss_tables_get(tables, "d", "t", &table, &err));
    CHECK_OK(fluss_tables_tablet(tables, table, FLUSS_NO_PARTITION, 0, &tablet, &err));
    CHECK_OK(fluss_tables_kv(tables, tablet, &kv, &err));
    CHECK_OK(put_one(kv, &batch, 0, &err));
    bool whole = false;
    int32_t behind = 0; /* failures of what was stored */
    int32_t sequence = 1;
    for (uint64_t nth = 1; nth < NTH_MAX && !whole; nth++, sequence++) {
        const int64_t end = fluss_log_end(tablet->log);
        (void)slu_alloc_fail_from(nth);
        whole = put_one(kv, &batch, sequence, &err) == SLU_OK;
        (void)slu_alloc_fail_from(0);
        behind += !whole && fluss_log_end(tablet->log) > end;
        CHECK_OK(put_one(kv, &batch, sequence, &err));
        check_one(kv, sequence);
    }
    assert_true(whole);
    assert_int_equal(behind, 0);
    fluss_tables_close(&tables);
    fluss_catalogue_close(&catalogue);
    slu_kv_pool_close(&pool);
    slu_buf_fini(&batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_without_memory),
        cmocka_unit_test(a_tablet_without_memory),
        cmocka_unit_test(a_put_that_the_log_has_is_in_the_store),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
