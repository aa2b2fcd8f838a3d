/*
 * lake_rows.h: a lake table of a Fluss log table with real data files: key, __bucket, __offset, __timestamp; one partition a bucket.
 */
#ifndef LAKE_ROWS_H
#define LAKE_ROWS_H

#include "base/file.h"
#include "iceberg/commit.h"
#include "iceberg/data_writer.h"
#include "iceberg/fluss_spec.h"
#include "iceberg/lake_read.h"
#include "support/arrays.h"

#include <stdlib.h>

#define ROWS_MAX 1000

static char folder[64];
static slu_env env;
static iceberg_catalog catalog;
static iceberg_table table;
static slu_arena arena;

/* Rows `first` to `first + count - 1` of a bucket: offset i has key i * 10 + bucket. `keys` NULL: those. */
static iceberg_data_file
rows_write(int32_t bucket, int64_t first, int64_t count)
{
    static int64_t keys[ROWS_MAX];
    static int32_t buckets[ROWS_MAX];
    static int64_t offsets[ROWS_MAX];
    slu_error err = {0};
    struct ArrowSchema schema;
    struct ArrowArray array;
    iceberg_scalar room;
    iceberg_data_writer *writer = NULL;
    iceberg_data_file file;
    const iceberg_value tuple[] = {iceberg_value_of_i32(bucket, &room)};
    for (int64_t i = 0; i < count; i++) {
        offsets[i] = first + i;
        buckets[i] = bucket;
        keys[i] = offsets[i] * 10 + bucket;
    }
    const test_column columns[] = {{"key", "l", keys, NULL, NULL},
                                   {"__bucket", "i", buckets, NULL, NULL},
                                   {"__offset", "l", offsets, NULL, NULL},
                                   {"__timestamp", "tsm:UTC", offsets, NULL, NULL}};
    CHECK_OK(slu_schema_init_struct(&schema));
    for (size_t i = 0; i < 4; i++)
        CHECK_OK(slu_schema_add(&schema, columns[i].format, columns[i].name, i == 0));
    test_array_make(&array, columns, 4, count);
    const iceberg_data_writer_options options = {.env = &env,
                                                 .store = iceberg_catalog_store(&catalog, &table),
                                                 .metadata = table.metadata,
                                                 .partition = tuple,
                                                 .input = &schema,
                                                 .sorted = true};
    CHECK_OK(iceberg_data_writer_open(&options, &writer, &err));
    CHECK_OK(iceberg_data_writer_append(writer, &array, NULL, count, &err));
    CHECK_OK(iceberg_data_writer_finish(writer, &arena, &file, &err));
    iceberg_data_writer_free(&writer);
    slu_array_release(&array);
    slu_schema_release(&schema);
    return file;
}

static void
files_append(const iceberg_data_file *files, size_t count)
{
    slu_error err = {0};
    const iceberg_append append = {.files = files, .file_count = count};
    CHECK_OK(iceberg_table_append(&catalog, &table, &append, NULL, &err));
}

static void
rows_append(int32_t bucket, int64_t first, int64_t count)
{
    const iceberg_data_file file = rows_write(bucket, first, count);
    files_append(&file, 1);
}

static int
set_up(void **state)
{
    slu_error err = {0};
    iceberg_store store;
    struct ArrowSchema columns;
    iceberg_create create;
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-care-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_system(&env, SLU_LOG_ERROR);
    slu_arena_init(&arena, (size_t)64 << 20);
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&env, folder, &store, &catalog, &err));
    CHECK_OK(slu_schema_init_struct(&columns));
    CHECK_OK(slu_schema_add(&columns, "l", "key", true));
    const iceberg_fluss_table wanted = {.columns = &columns, .bucket_count = 2};
    CHECK_OK(iceberg_fluss_table_spec(&wanted, &arena, &create, &err));
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    slu_schema_release(&columns);
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    iceberg_table_fini(&table);
    iceberg_catalog_close(&catalog);
    slu_arena_fini(&arena);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

#endif
