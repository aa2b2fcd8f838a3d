#include "fluss/server/catalogue/security.h"

#include "fluss/server/catalogue/internal.h"

static const char security_schema[] =
    "CREATE TABLE IF NOT EXISTS acls(resource_type INTEGER NOT NULL, resource TEXT NOT NULL, principal TEXT NOT NULL,"
    " principal_type TEXT NOT NULL, host TEXT NOT NULL, operation INTEGER NOT NULL, permission INTEGER NOT NULL,"
    " PRIMARY KEY(resource_type, resource, principal, principal_type, host, operation, permission)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dynamic_configs(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;";

slu_status
fluss_catalogue_security_open(fluss_catalogue *c, slu_error *err)
{
    return sqlite3_exec(c->db, security_schema, NULL, NULL, NULL) == SQLITE_OK
               ? SLU_OK
               : slu_error_set(err, SLU_IO, "catalogue: %s", sqlite3_errmsg(c->db));
}

/* ---- access rights ---- */

static slu_status
acls_write(fluss_catalogue *c, const char *sql, const fluss_acl *acls, size_t count, slu_error *err)
{
    for (size_t i = 0; i < count; i++)
        SLU_TRY(cat_run(c, err, sql,
                        "itttt"
                        "ii",
                        (int64_t)acls[i].resource.type, acls[i].resource.name, acls[i].principal.name, acls[i].principal.type,
                        acls[i].host, (int64_t)acls[i].operation, (int64_t)acls[i].permission));
    return SLU_OK;
}

slu_status
fluss_catalogue_add_acls(fluss_catalogue *c, const fluss_acl *acls, size_t count, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, acls_write(c, "INSERT OR IGNORE INTO acls VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", acls, count, err), err);
}

slu_status
fluss_catalogue_remove_acls(fluss_catalogue *c, const fluss_acl *acls, size_t count, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(
        c,
        acls_write(c,
                   "DELETE FROM acls WHERE resource_type = ?1 AND resource = ?2 AND principal = ?3 AND principal_type = ?4"
                   " AND host = ?5 AND operation = ?6 AND permission = ?7",
                   acls, count, err),
        err);
}

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text == NULL ? "" : text;
}

slu_status
fluss_catalogue_load_acls(fluss_catalogue *c, fluss_acls *to, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    slu_status status = cat_prepare(
        c, &stmt, err, "SELECT resource_type, resource, principal, principal_type, host, operation, permission FROM acls", "");
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        const fluss_acl acl = {{sqlite3_column_int(stmt, 0), column_text(stmt, 1)},
                               {column_text(stmt, 2), column_text(stmt, 3)},
                               column_text(stmt, 4),
                               sqlite3_column_int(stmt, 5),
                               sqlite3_column_int(stmt, 6)};
        status = fluss_acls_add(to, &acl, NULL, err);
    }
    cat_finish(&stmt);
    return status == SLU_END ? SLU_OK : status;
}

/* ---- settings ---- */

slu_status
fluss_catalogue_list_configs(fluss_catalogue *c, slu_arena *arena, fluss_config_row **out, size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_config_row *rows = NULL;
    size_t count = 0;
    slu_status status = cat_prepare(c, &stmt, err, "SELECT key, value FROM dynamic_configs ORDER BY key", "");
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        const bool null = sqlite3_column_type(stmt, 1) == SQLITE_NULL;
        rows[count++] = (fluss_config_row){cat_text(stmt, 0, arena), null ? NULL : cat_text(stmt, 1, arena)};
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

static slu_status
configs_write(fluss_catalogue *c, const fluss_config_row *rows, size_t count, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM dynamic_configs", ""));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(cat_run(c, err, "INSERT INTO dynamic_configs VALUES(?1, ?2)", "tt", rows[i].key, rows[i].value));
    return SLU_OK;
}

slu_status
fluss_catalogue_set_configs(fluss_catalogue *c, const fluss_config_row *rows, size_t count, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, configs_write(c, rows, count, err), err);
}

slu_status
fluss_catalogue_lease_tables(fluss_catalogue *c, const char *lease, slu_arena *arena, int64_t **out, size_t *out_count,
                             slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t *ids = NULL;
    size_t count = 0;
    slu_status status = cat_prepare(c, &stmt, err, "SELECT DISTINCT table_id FROM kv_lease_buckets WHERE lease = ?1", "t", lease);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        ids = cat_grow(arena, ids, count, sizeof *ids);
        if (ids == NULL)
            break;
        ids[count++] = sqlite3_column_int64(stmt, 0);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = ids;
    *out_count = count;
    return SLU_OK;
}
