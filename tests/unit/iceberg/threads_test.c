/* Two threads, each with its own catalog, on one table and on tables of their own: the libraries below keep no state between
 * them. */
#include "base/file.h"
#include "iceberg/commit.h"
#include "iceberg/scan.h"
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>

#define COMMITS 15

static char folder[64];

typedef struct writer {
    pthread_t thread;
    int number;
    slu_status status;
    slu_error err;
} writer;

static slu_status
open_catalog(const slu_env *env, iceberg_catalog *out, slu_error *err)
{
    iceberg_store store;
    SLU_TRY(iceberg_store_local_open(false, &store, err));
    return iceberg_catalog_files_open(env, folder, &store, out, err);
}

static slu_status
make_table(const iceberg_catalog *catalog, const char *name, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    iceberg_schema schema;
    const iceberg_property properties[] = {
        {"commit.retry.num-retries", "100"}, {"commit.retry.min-wait-ms", "1"}, {"commit.manifest.min-count-to-merge", "4"}};
    slu_arena_init(&arena, 1 << 20);
    SLU_TRY(iceberg_schema_parse(slu_view_of_text("{\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]}"),
                                 &arena, &schema, err));
    const iceberg_create create = {.schema = &schema, .properties = properties, .property_count = 3};
    return iceberg_catalog_create(catalog, "db", name, &create, &table, err);
}

static slu_status
append_one(const iceberg_catalog *catalog, const char *name, int number, int i, slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    char path[64];
    (void)snprintf(path, sizeof path, "file:///x/%d-%d.parquet", number, i);
    iceberg_data_file file = {.path = path,
                              .format = "PARQUET",
                              .record_count = 1,
                              .file_bytes = 10,
                              .sort_order_id = -1,
                              .content_offset = -1,
                              .content_bytes = -1,
                              .first_row_id = -1};
    const iceberg_append append = {.files = &file, .file_count = 1};
    SLU_TRY(iceberg_catalog_load(catalog, "db", name, &table, err));
    SLU_TRY(iceberg_table_append(catalog, &table, &append, NULL, err));
    return iceberg_scan_plan(iceberg_catalog_store(catalog, &table), table.metadata, iceberg_metadata_snapshot(table.metadata),
                             NULL, &scan, err);
}

static slu_status
write_all(writer *self)
{
    slu_env_fake fake;
    SLU_AUTO(iceberg_catalog_close) iceberg_catalog catalog = {0};
    char own[16];
    slu_env_init_fake(&fake, (uint64_t)self->number + 1);
    (void)snprintf(own, sizeof own, "own%d", self->number);
    SLU_TRY(open_catalog(&fake.env, &catalog, &self->err));
    SLU_TRY(make_table(&catalog, own, &self->err));
    for (int i = 0; i < COMMITS; i++) {
        SLU_TRY(append_one(&catalog, own, self->number, i, &self->err));
        SLU_TRY(append_one(&catalog, "shared", self->number, i, &self->err));
    }
    return SLU_OK;
}

static void *
run(void *context)
{
    writer *self = context;
    self->status = write_all(self);
    return NULL;
}

static void
two_writers(void **state)
{
    slu_error err = {0};
    slu_env_fake fake;
    iceberg_catalog catalog = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    writer writers[2] = {{.number = 0}, {.number = 1}};
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-threads-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 9);
    CHECK_OK(open_catalog(&fake.env, &catalog, &err));
    CHECK_OK(make_table(&catalog, "shared", &err));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, run, &writers[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        err = writers[i].err;
        CHECK_OK(writers[i].status);
    }
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "shared", &table, &err));
    assert_int_equal(table.metadata->snapshot_count, 2 * COMMITS);
    assert_int_equal(table.metadata->last_sequence_number, 2 * COMMITS);
    CHECK_OK(iceberg_scan_plan(iceberg_catalog_store(&catalog, &table), table.metadata, iceberg_metadata_snapshot(table.metadata),
                               NULL, &scan, &err));
    assert_int_equal(scan.count, 2 * COMMITS);
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(folder, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_writers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
