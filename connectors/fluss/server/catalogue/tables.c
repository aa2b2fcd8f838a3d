/* tables.c: the part of the catalogue about tables, their schemas and partitions. */
#include "fluss/server/catalogue/internal.h"

#include "base/fail.h"

#include <inttypes.h>

static slu_status
database_must_exist(fluss_catalogue *c, const char *database, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT 1 FROM databases WHERE name = ?1", "t", database));
    const slu_status status = cat_step(c, &stmt, err);
    cat_finish(&stmt);
    return status == SLU_END ? slu_error_set_coded(err, SLU_NOTFOUND, 4, "Database %s does not exist.", database) : status;
}

static slu_status
table_insert(fluss_catalogue *c, const char *database, const char *name, const char *json, const char *schema_json, int64_t *out_id,
             slu_error *err)
{
    const int64_t now = slu_wall_ms(c->env);
    SLU_TRY(database_must_exist(c, database, err));
    SLU_TRY(cat_count(c, "table_id", 1, out_id, err));
    SLU_TRY(cat_run(c, err, "INSERT INTO tables VALUES(?1, ?2, ?3, 1, ?4, ?5, ?5) ON CONFLICT DO NOTHING", "ittti", *out_id,
                    database, name, json, now));
    if (sqlite3_changes(c->db) == 0)
        return slu_error_set_coded(err, SLU_CONFLICT, 8, "Table %s.%s already exists.", database, name);
    return cat_run(c, err, "INSERT INTO schemas VALUES(?1, 1, ?2)", "it", *out_id, schema_json);
}

slu_status
fluss_catalogue_create_table(fluss_catalogue *c, const char *database, const char *name, const char *json, const char *schema_json,
                             int64_t *out_id, slu_error *err)
{
    int64_t id = 0;
    SLU_TRY(cat_begin(c, err));
    SLU_TRY(cat_end(c, table_insert(c, database, name, json, schema_json, &id, err), err));
    *out_id = id;
    return SLU_OK;
}

static slu_status
table_delete(fluss_catalogue *c, int64_t table_id, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM tables WHERE id = ?1", "i", table_id));
    if (sqlite3_changes(c->db) == 0)
        return slu_error_set_coded(err, SLU_NOTFOUND, 7, "Table with id %" PRId64 " does not exist.", table_id);
    SLU_TRY(cat_run(c, err, "DELETE FROM schemas WHERE table_id = ?1", "i", table_id));
    SLU_TRY(cat_run(c, err, "DELETE FROM partitions WHERE table_id = ?1", "i", table_id));
    return cat_run(c, err, "DELETE FROM lake_snapshots WHERE table_id = ?1", "i", table_id);
}

slu_status
fluss_catalogue_drop_table(fluss_catalogue *c, int64_t table_id, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, table_delete(c, table_id, err), err);
}

#define TABLE_COLUMNS "SELECT id, database, name, schema_id, json, created, modified FROM tables "

static void
table_read(sqlite3_stmt *stmt, slu_arena *arena, fluss_table_row *out)
{
    out->id = sqlite3_column_int64(stmt, 0);
    out->database = cat_text(stmt, 1, arena);
    out->name = cat_text(stmt, 2, arena);
    out->schema_id = sqlite3_column_int(stmt, 3);
    out->json = cat_text(stmt, 4, arena);
    out->created_ms = sqlite3_column_int64(stmt, 5);
    out->modified_ms = sqlite3_column_int64(stmt, 6);
}

slu_status
fluss_catalogue_get_table(fluss_catalogue *c, const char *database, const char *name, slu_arena *arena, fluss_table_row *out,
                          slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, TABLE_COLUMNS "WHERE database = ?1 AND name = ?2", "tt", database, name));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 7, "Table '%s.%s' does not exist.", database, name);
    SLU_TRY(status);
    table_read(stmt, arena, out);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_get_table_by_id(fluss_catalogue *c, int64_t id, slu_arena *arena, fluss_table_row *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, TABLE_COLUMNS "WHERE id = ?1", "i", id));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 7, "Table with id %" PRId64 " does not exist.", id);
    SLU_TRY(status);
    table_read(stmt, arena, out);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_list_tables(fluss_catalogue *c, const char *database, slu_arena *arena, fluss_table_row **out, size_t *out_count,
                            slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_table_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(database_must_exist(c, database, err));
    slu_status status = cat_prepare(c, &stmt, err, TABLE_COLUMNS "WHERE database = ?1 ORDER BY name", "t", database);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        table_read(stmt, arena, &rows[count++]);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

static slu_status
table_update(fluss_catalogue *c, int64_t table_id, const char *json, const char *schema_json, slu_error *err)
{
    const int64_t now = slu_wall_ms(c->env);
    SLU_TRY(cat_run(c, err, "UPDATE tables SET json = ?2, modified = ?3, schema_id = schema_id + ?4 WHERE id = ?1", "itii",
                    table_id, json, now, (int64_t)(schema_json != NULL)));
    if (sqlite3_changes(c->db) == 0)
        return slu_error_set_coded(err, SLU_NOTFOUND, 7, "Table with id %" PRId64 " does not exist.", table_id);
    SLU_TRY(fluss_catalogue_forget_alter(c, table_id, err));
    if (schema_json == NULL)
        return SLU_OK;
    return cat_run(c, err, "INSERT INTO schemas SELECT id, schema_id, ?2 FROM tables WHERE id = ?1", "it", table_id, schema_json);
}

slu_status
fluss_catalogue_alter_table(fluss_catalogue *c, int64_t table_id, const char *json, const char *schema_json, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, table_update(c, table_id, json, schema_json, err), err);
}

slu_status
fluss_catalogue_get_schema(fluss_catalogue *c, int64_t table_id, int32_t schema_id, slu_arena *arena, const char **out_json,
                           slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT json FROM schemas WHERE table_id = ?1 AND schema_id = ?2", "ii", table_id,
                        (int64_t)schema_id));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 9,
                                   "Schema for table id %" PRId64 " with schema id %" PRId32 " does not exist.", table_id,
                                   schema_id);
    SLU_TRY(status);
    *out_json = cat_text(stmt, 0, arena);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

/* ---- partitions ---- */

static slu_status
partition_insert(fluss_catalogue *c, int64_t table_id, const char *name, int64_t *out_id, slu_error *err)
{
    SLU_TRY(cat_count(c, "partition_id", 1, out_id, err));
    SLU_TRY(cat_run(c, err, "INSERT INTO partitions VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", "iiti", *out_id, table_id, name,
                    slu_wall_ms(c->env)));
    return sqlite3_changes(c->db) != 0
               ? SLU_OK
               : slu_error_set_coded(err, SLU_CONFLICT, 42, "Partition '%s' already exists for table id %" PRId64, name, table_id);
}

slu_status
fluss_catalogue_create_partition(fluss_catalogue *c, int64_t table_id, const char *name, int64_t *out_id, slu_error *err)
{
    int64_t id = 0;
    SLU_TRY(cat_begin(c, err));
    SLU_TRY(cat_end(c, partition_insert(c, table_id, name, &id, err), err));
    *out_id = id;
    return SLU_OK;
}

slu_status
fluss_catalogue_drop_partition(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM partitions WHERE table_id = ?1 AND id = ?2", "ii", table_id, partition_id));
    return sqlite3_changes(c->db) != 0
               ? SLU_OK
               : slu_error_set_coded(err, SLU_NOTFOUND, 36, "Partition %" PRId64 " does not exist", partition_id);
}

slu_status
fluss_catalogue_get_partition(fluss_catalogue *c, int64_t table_id, const char *name, int64_t *out_id, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT id FROM partitions WHERE table_id = ?1 AND name = ?2", "it", table_id, name));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 36, "Partition '%s' does not exist for table id %" PRId64, name, table_id);
    SLU_TRY(status);
    *out_id = sqlite3_column_int64(stmt, 0);
    cat_finish(&stmt);
    return SLU_OK;
}

static void
partition_read(sqlite3_stmt *stmt, slu_arena *arena, fluss_partition_row *out)
{
    out->id = sqlite3_column_int64(stmt, 0);
    out->name = cat_text(stmt, 1, arena);
    out->created_ms = sqlite3_column_int64(stmt, 2);
}

slu_status
fluss_catalogue_get_partition_by_id(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_arena *arena,
                                    fluss_partition_row *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT id, name, created FROM partitions WHERE table_id = ?1 AND id = ?2", "ii", table_id,
                        partition_id));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 36, "Partition %" PRId64 " does not exist for table id %" PRId64,
                                   partition_id, table_id);
    SLU_TRY(status);
    partition_read(stmt, arena, out);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_find_partition(fluss_catalogue *c, int64_t partition_id, int64_t *out_table_id, slu_arena *arena,
                               fluss_partition_row *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT id, name, created, table_id FROM partitions WHERE id = ?1", "i", partition_id));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 36, "Partition %" PRId64 " does not exist", partition_id);
    SLU_TRY(status);
    partition_read(stmt, arena, out);
    *out_table_id = sqlite3_column_int64(stmt, 3);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_list_partitions(fluss_catalogue *c, int64_t table_id, slu_arena *arena, fluss_partition_row **out,
                                size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_partition_row *rows = NULL;
    size_t count = 0;
    slu_status status =
        cat_prepare(c, &stmt, err, "SELECT id, name, created FROM partitions WHERE table_id = ?1 ORDER BY name", "i", table_id);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        partition_read(stmt, arena, &rows[count++]);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}
