#include "base/fail.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/server/catalogue/internal.h"

#include "base/alloc.h"

#include <inttypes.h>

static const char catalogue_schema[] =
    "CREATE TABLE IF NOT EXISTS counters(name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS databases(name TEXT PRIMARY KEY, json TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER "
    "NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tables(id INTEGER PRIMARY KEY, database TEXT NOT NULL, name TEXT NOT NULL, schema_id INTEGER NOT "
    "NULL,"
    " json TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, UNIQUE(database, name));"
    "CREATE TABLE IF NOT EXISTS schemas(table_id INTEGER NOT NULL, schema_id INTEGER NOT NULL, json TEXT NOT NULL,"
    " PRIMARY KEY(table_id, schema_id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS partitions(id INTEGER PRIMARY KEY, table_id INTEGER NOT NULL, name TEXT NOT NULL, created INTEGER "
    "NOT NULL,"
    " UNIQUE(table_id, name));"
    "CREATE TABLE IF NOT EXISTS lake_snapshots(place INTEGER PRIMARY KEY AUTOINCREMENT, table_id INTEGER NOT NULL,"
    " snapshot_id INTEGER NOT NULL, tiered TEXT NOT NULL, readable TEXT, time INTEGER NOT NULL, UNIQUE(table_id, snapshot_id));";

static slu_status
cat_sql_error(fluss_catalogue *c, slu_error *err)
{
    return slu_error_set(err, SLU_IO, "catalogue: %s", sqlite3_errmsg(c->db));
}

static slu_status
cat_prepare_args(fluss_catalogue *c, sqlite3_stmt **out, slu_error *err, const char *sql, const char *types, va_list args)
{
    if (sqlite3_prepare_v2(c->db, sql, -1, out, NULL) != SQLITE_OK)
        return cat_sql_error(c, err);
    for (int i = 0; types[i] != 0; i++) {
        const int rc = types[i] == 't' ? sqlite3_bind_text(*out, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT)
                                       : sqlite3_bind_int64(*out, i + 1, va_arg(args, int64_t));
        if (rc != SQLITE_OK) {
            cat_finish(out);
            return cat_sql_error(c, err);
        }
    }
    return SLU_OK;
}

slu_status
cat_prepare(fluss_catalogue *c, sqlite3_stmt **out, slu_error *err, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    const slu_status status = cat_prepare_args(c, out, err, sql, types, args);
    va_end(args);
    return status;
}

void
cat_finish(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
    *stmt = NULL;
}

slu_status
cat_step(fluss_catalogue *c, sqlite3_stmt **stmt, slu_error *err)
{
    const int rc = sqlite3_step(*stmt);
    if (rc == SQLITE_ROW)
        return SLU_OK;
    const slu_status status = rc == SQLITE_DONE ? SLU_END : cat_sql_error(c, err);
    cat_finish(stmt);
    return status;
}

slu_status
cat_run(fluss_catalogue *c, slu_error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list args;
    va_start(args, types);
    slu_status status = cat_prepare_args(c, &stmt, err, sql, types, args);
    va_end(args);
    if (status == SLU_OK)
        status = cat_step(c, &stmt, err);
    cat_finish(&stmt);
    return status == SLU_END ? SLU_OK : status;
}

const char *
cat_text(sqlite3_stmt *stmt, int column, slu_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text == NULL ? NULL : slu_arena_strdup(arena, text);
}

slu_status
cat_begin(fluss_catalogue *c, slu_error *err)
{
    return cat_run(c, err, "BEGIN IMMEDIATE", "");
}

slu_status
cat_end(fluss_catalogue *c, slu_status status, slu_error *err)
{
    if (status == SLU_OK)
        status = cat_run(c, err, "COMMIT", "");
    if (status != SLU_OK)
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

slu_status
cat_count(fluss_catalogue *c, const char *counter, int64_t add, int64_t *out_before, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_run(c, err, "INSERT INTO counters VALUES(?1, 0) ON CONFLICT DO NOTHING", "t", counter));
    SLU_TRY(
        cat_prepare(c, &stmt, err, "UPDATE counters SET next = next + ?2 WHERE name = ?1 RETURNING next - ?2", "ti", counter, add));
    SLU_TRY(cat_step(c, &stmt, err));
    *out_before = sqlite3_column_int64(stmt, 0);
    cat_finish(&stmt);
    return SLU_OK;
}

void *
cat_grow(slu_arena *arena, void *rows, size_t count, size_t row_bytes)
{
    if ((count & (count - 1)) != 0)
        return rows;
    void *larger = slu_arena_array(arena, count == 0 ? 1 : count * 2, row_bytes);
    if (larger != NULL && count != 0)
        memcpy(larger, rows, count * row_bytes);
    return larger;
}

static slu_status
catalogue_make_tables(fluss_catalogue *c, slu_error *err)
{
    const char *const schemas[] = {catalogue_schema, fluss_catalogue_cluster_schema, fluss_catalogue_alters_schema};
    for (size_t i = 0; i < SLU_COUNT_OF(schemas); i++)
        if (sqlite3_exec(c->db, schemas[i], NULL, NULL, NULL) != SQLITE_OK)
            return cat_sql_error(c, err);
    return SLU_OK;
}

static slu_status
catalogue_set_up(fluss_catalogue *c, bool sync, slu_error *err)
{
    int64_t version = 0;
    int64_t epoch = 0;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_exec(c->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(c->db, sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL, NULL, NULL) != SQLITE_OK)
        return cat_sql_error(c, err);
    SLU_TRY(cat_prepare(c, &stmt, err, "PRAGMA user_version", ""));
    SLU_TRY(cat_step(c, &stmt, err));
    version = sqlite3_column_int64(stmt, 0);
    cat_finish(&stmt);
    if (version > FLUSS_DATA_FORMAT_VERSION)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "the data directory has format %" PRId64 "; this program knows %d: use a newer one", version,
                             FLUSS_DATA_FORMAT_VERSION);
    SLU_TRY(cat_begin(c, err));
    slu_status status = catalogue_make_tables(c, err);
    if (status == SLU_OK)
        status = cat_run(c, err, "PRAGMA user_version = 1", "");
    if (status == SLU_OK)
        status = cat_count(c, "coordinator_epoch", 1, &epoch, err);
    c->epoch = (int32_t)epoch;
    return cat_end(c, status, err);
}

slu_status
fluss_catalogue_open(const slu_env *env, const char *data_dir, bool sync, fluss_catalogue **out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_dir_make(data_dir, err));
    if (snprintf(path, sizeof path, "%s/catalogue.db", data_dir) >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", data_dir);
    fluss_catalogue *c = slu_alloc_zero(1, sizeof *c);
    if (c == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the catalogue");
    c->env = env;
    slu_status status = sqlite3_open(path, &c->db) == SQLITE_OK ? SLU_OK : cat_sql_error(c, err);
    if (status == SLU_OK)
        status = catalogue_set_up(c, sync, err);
    if (status != SLU_OK) {
        fluss_catalogue_close(&c);
        return slu_error_in(err, status, "%s", path);
    }
    *out = c;
    return SLU_OK;
}

void
fluss_catalogue_close(fluss_catalogue **catalogue)
{
    if (*catalogue == NULL)
        return;
    (void)sqlite3_close((*catalogue)->db);
    slu_free(*catalogue);
    *catalogue = NULL;
}

int32_t
fluss_catalogue_epoch(const fluss_catalogue *catalogue)
{
    return catalogue->epoch;
}

slu_status
fluss_catalogue_take_writer_ids(fluss_catalogue *c, int64_t count, int64_t *out_first, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, cat_count(c, "writer_id", count, out_first, err), err);
}

slu_status
fluss_catalogue_take_column_ids(fluss_catalogue *c, int64_t table_id, int32_t column_id, int64_t count, int64_t *out_before,
                                slu_error *err)
{
    char counter[64];
    (void)snprintf(counter, sizeof counter, "column_id/%" PRId64 "/%" PRId32, table_id, column_id);
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, cat_count(c, counter, count, out_before, err), err);
}

/* ---- databases ---- */

slu_status
fluss_catalogue_create_database(fluss_catalogue *c, const char *name, const char *json, slu_error *err)
{
    const int64_t now = slu_wall_ms(c->env);
    SLU_TRY(cat_run(c, err, "INSERT INTO databases VALUES(?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING", "tti", name, json, now));
    return sqlite3_changes(c->db) != 0 ? SLU_OK : slu_error_set_coded(err, SLU_CONFLICT, 6, "Database %s already exists.", name);
}

static slu_status
catalogue_drop_empty(fluss_catalogue *c, const char *name, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT 1 FROM tables WHERE database = ?1 LIMIT 1", "t", name));
    const slu_status any = cat_step(c, &stmt, err);
    cat_finish(&stmt);
    if (any != SLU_END)
        return any == SLU_OK ? slu_error_set_coded(err, SLU_CONFLICT, 5, "Database %s is not empty.", name) : any;
    SLU_TRY(cat_run(c, err, "DELETE FROM databases WHERE name = ?1", "t", name));
    return sqlite3_changes(c->db) != 0 ? SLU_OK : slu_error_set_coded(err, SLU_NOTFOUND, 4, "Database %s does not exist.", name);
}

slu_status
fluss_catalogue_drop_database(fluss_catalogue *c, const char *name, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, catalogue_drop_empty(c, name, err), err);
}

#define DATABASE_COLUMNS                                                                                                           \
    "SELECT name, json, created, modified, (SELECT count(*) FROM tables WHERE database = databases.name) FROM databases "

static void
database_read(sqlite3_stmt *stmt, slu_arena *arena, fluss_database_row *out)
{
    out->name = cat_text(stmt, 0, arena);
    out->json = cat_text(stmt, 1, arena);
    out->created_ms = sqlite3_column_int64(stmt, 2);
    out->modified_ms = sqlite3_column_int64(stmt, 3);
    out->table_count = sqlite3_column_int(stmt, 4);
}

slu_status
fluss_catalogue_get_database(fluss_catalogue *c, const char *name, slu_arena *arena, fluss_database_row *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, DATABASE_COLUMNS "WHERE name = ?1", "t", name));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set_coded(err, SLU_NOTFOUND, 4, "Database '%s' does not exist.", name);
    SLU_TRY(status);
    database_read(stmt, arena, out);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_list_databases(fluss_catalogue *c, slu_arena *arena, fluss_database_row **out, size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_database_row *rows = NULL;
    size_t count = 0;
    slu_status status = cat_prepare(c, &stmt, err, DATABASE_COLUMNS "ORDER BY name", "");
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        database_read(stmt, arena, &rows[count++]);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

/* ---- lake snapshots ---- */

slu_status
fluss_catalogue_add_lake_snapshot(fluss_catalogue *c, int64_t table_id, const fluss_lake_snapshot_row *snapshot, slu_error *err)
{
    return cat_run(c, err,
                   "INSERT INTO lake_snapshots(table_id, snapshot_id, tiered, readable, time) VALUES(?1, ?2, ?3, ?4, ?5)"
                   " ON CONFLICT(table_id, snapshot_id) DO UPDATE SET tiered = ?3, readable = ?4, time = ?5",
                   "iitti", table_id, snapshot->snapshot_id, snapshot->tiered_path, snapshot->readable_path, snapshot->time_ms);
}

slu_status
fluss_catalogue_list_lake_snapshots(fluss_catalogue *c, int64_t table_id, slu_arena *arena, fluss_lake_snapshot_row **out,
                                    size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_lake_snapshot_row *rows = NULL;
    size_t count = 0;
    slu_status status = cat_prepare(
        c, &stmt, err, "SELECT snapshot_id, tiered, readable, time FROM lake_snapshots WHERE table_id = ?1 ORDER BY place", "i",
        table_id);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        fluss_lake_snapshot_row *row = &rows[count++];
        row->snapshot_id = sqlite3_column_int64(stmt, 0);
        row->tiered_path = cat_text(stmt, 1, arena);
        row->readable_path = cat_text(stmt, 2, arena);
        row->time_ms = sqlite3_column_int64(stmt, 3);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_drop_lake_snapshot(fluss_catalogue *c, int64_t table_id, int64_t snapshot_id, slu_error *err)
{
    return cat_run(c, err, "DELETE FROM lake_snapshots WHERE table_id = ?1 AND snapshot_id = ?2", "ii", table_id, snapshot_id);
}
