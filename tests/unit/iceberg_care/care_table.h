/*
 * care_table.h: a table in a folder of its own, with data files that are there, for the tests of this room.
 */
#ifndef CARE_TABLE_H
#define CARE_TABLE_H

#include "base/file.h"
#include "iceberg/catalog.h"
#include "iceberg/commit.h"
#include "support/check.h"

#include <stdlib.h>

static char folder[64];
static slu_env_fake fake;
static iceberg_catalog catalog;
static iceberg_table table;

static void
path_of(const char *name, char *path)
{
    (void)snprintf(path, 256, "%s/db/t/%s", folder, name);
}

static void
file_make(const char *name)
{
    slu_error err = {0};
    char path[256];
    path_of(name, path);
    char *slash = strrchr(path, '/');
    *slash = 0;
    CHECK_OK(slu_dir_make(path, &err));
    *slash = '/';
    CHECK_OK(slu_file_write(path, slu_view_of_text("1234567890"), false, &err));
}

static bool
file_there(const char *name)
{
    char path[256];
    path_of(name, path);
    return slu_path_exists(path);
}

/* Appends one data file of 10 rows, a minute after the last. `user` NULL: none. */
static int64_t
append_file(const char *name, const char *user)
{
    slu_error err = {0};
    char path[256];
    int64_t id = 0;
    file_make(name);
    path_of(name, path);
    iceberg_data_file file = {.path = path,
                              .format = "PARQUET",
                              .record_count = 10,
                              .file_bytes = 10,
                              .sort_order_id = -1,
                              .content_offset = -1,
                              .content_bytes = -1,
                              .first_row_id = -1};
    const iceberg_property property = {"commit-user", user};
    const iceberg_append append = {
        .files = &file, .file_count = 1, .properties = &property, .property_count = user == NULL ? 0 : 1};
    slu_env_fake_advance(&fake, 60000);
    CHECK_OK(iceberg_table_append(&catalog, &table, &append, &id, &err));
    return id;
}

/* Puts `made` in the place of `gone`. */
static int64_t
replace_file(const char *gone, const char *made)
{
    slu_error err = {0};
    char paths[2][256];
    int64_t id = 0;
    file_make(made);
    path_of(gone, paths[0]);
    path_of(made, paths[1]);
    const char *removed[] = {paths[0]};
    iceberg_data_file file = {.path = paths[1],
                              .format = "PARQUET",
                              .record_count = 10,
                              .file_bytes = 10,
                              .sort_order_id = -1,
                              .content_offset = -1,
                              .content_bytes = -1,
                              .first_row_id = -1};
    const iceberg_append replace = {
        .files = &file, .file_count = 1, .operation = "replace", .removed = removed, .removed_count = 1};
    slu_env_fake_advance(&fake, 60000);
    CHECK_OK(iceberg_table_append(&catalog, &table, &replace, &id, &err));
    return id;
}

static int
set_up(void **state)
{
    slu_error err = {0};
    iceberg_store store;
    slu_arena arena;
    iceberg_schema schema;
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-care-XXXXXX");
    assert_non_null(mkdtemp(folder));
    slu_env_init_fake(&fake, 42);
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&fake.env, folder, &store, &catalog, &err));
    slu_arena_init(&arena, 100000);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text("{\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]}"),
                                  &arena, &schema, &err));
    const iceberg_create create = {.schema = &schema};
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    slu_arena_fini(&arena);
    return 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    iceberg_table_fini(&table);
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(folder, &err));
    return 0;
}

#endif
