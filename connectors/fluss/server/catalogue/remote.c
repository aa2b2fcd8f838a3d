#include "fluss/server/catalogue/remote.h"

#include "fluss/server/catalogue/internal.h"

static const char remote_schema[] =
    "CREATE TABLE IF NOT EXISTS remote_logs(table_id INTEGER NOT NULL, partition_id INTEGER NOT NULL, bucket INTEGER NOT NULL,"
    " manifest TEXT NOT NULL, start INTEGER NOT NULL, copied_end INTEGER NOT NULL, PRIMARY KEY(table_id, partition_id, bucket))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS remote_doomed(path TEXT PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS remote_owner(one INTEGER PRIMARY KEY, id TEXT NOT NULL);"
    /* A kill between the end of a table or partition and that of its remote files: with the rows gone, the sweep finds the files. */
    "DELETE FROM remote_logs" CAT_IS_ORPHAN("remote_logs");

slu_status
fluss_catalogue_remote_open(fluss_catalogue *c, char out_owner[FLUSS_UUID_BYTES], slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    slu_uuid_new(c->env, out_owner);
    if (sqlite3_exec(c->db, remote_schema, NULL, NULL, NULL) != SQLITE_OK)
        return slu_error_set(err, SLU_IO, "catalogue: %s", sqlite3_errmsg(c->db));
    SLU_TRY(cat_run(c, err, "INSERT INTO remote_owner VALUES(1, ?1) ON CONFLICT DO NOTHING", "t", out_owner));
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT id FROM remote_owner", ""));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_OK)
        (void)snprintf(out_owner, FLUSS_UUID_BYTES, "%s", (const char *)sqlite3_column_text(stmt, 0));
    cat_finish(&stmt);
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
live_rows(fluss_catalogue *c, slu_arena *arena, fluss_catalogue_live *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    slu_status status = cat_prepare(
        c, &stmt, err, "SELECT id AS t, -1 AS p FROM tables UNION ALL SELECT table_id, id FROM partitions ORDER BY t, p", "");
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        out->rows = cat_grow(arena, out->rows, out->count, sizeof *out->rows);
        if (out->rows == NULL)
            break;
        out->rows[out->count].table_id = sqlite3_column_int64(stmt, 0);
        out->rows[out->count++].partition_id = sqlite3_column_int64(stmt, 1);
    }
    cat_finish(&stmt);
    return status != SLU_END && status < 0 ? status : slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_list_live(fluss_catalogue *c, slu_arena *arena, fluss_catalogue_live *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    SLU_TRY(cat_count(c, "table_id", 0, &out->table_id_end, err));
    SLU_TRY(cat_count(c, "partition_id", 0, &out->partition_id_end, err));
    return live_rows(c, arena, out, err);
}

slu_status
fluss_catalogue_get_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, int32_t bucket, fluss_remote_row *out,
                           slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(
        cat_prepare(c, &stmt, err,
                    "SELECT manifest, start, copied_end FROM remote_logs WHERE table_id = ?1 AND partition_id = ?2 AND bucket = ?3",
                    "iii", table_id, partition_id, (int64_t)bucket));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set(err, SLU_NOTFOUND, "the bucket has no remote log");
    SLU_TRY(status);
    (void)snprintf(out->manifest_id, sizeof out->manifest_id, "%s", (const char *)sqlite3_column_text(stmt, 0));
    out->start_offset = sqlite3_column_int64(stmt, 1);
    out->copied_end_offset = sqlite3_column_int64(stmt, 2);
    cat_finish(&stmt);
    return SLU_OK;
}

slu_status
fluss_catalogue_doom(fluss_catalogue *c, const char *path, int64_t due_ms, slu_error *err)
{
    return cat_run(c, err, "INSERT INTO remote_doomed VALUES(?1, ?2) ON CONFLICT DO NOTHING", "ti", path, due_ms);
}

static slu_status
remote_set(fluss_catalogue *c, int64_t table_id, int64_t partition_id, int32_t bucket, const fluss_remote_row *row,
           const char *const *doomed, size_t doomed_count, int64_t due_ms, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "INSERT OR REPLACE INTO remote_logs VALUES(?1, ?2, ?3, ?4, ?5, ?6)", "iiitii", table_id, partition_id,
                    (int64_t)bucket, row->manifest_id, row->start_offset, row->copied_end_offset));
    for (size_t i = 0; i < doomed_count; i++)
        SLU_TRY(fluss_catalogue_doom(c, doomed[i], due_ms, err));
    return SLU_OK;
}

slu_status
fluss_catalogue_set_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, int32_t bucket, const fluss_remote_row *row,
                           const char *const *doomed, size_t doomed_count, int64_t due_ms, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, remote_set(c, table_id, partition_id, bucket, row, doomed, doomed_count, due_ms, err), err);
}

static slu_status
remote_drop(fluss_catalogue *c, int64_t table_id, int64_t partition_id, const char *doomed, int64_t due_ms, slu_error *err)
{
    SLU_TRY(partition_id < 0 ? cat_run(c, err, "DELETE FROM remote_logs WHERE table_id = ?1", "i", table_id)
                             : cat_run(c, err, "DELETE FROM remote_logs WHERE table_id = ?1 AND partition_id = ?2", "ii", table_id,
                                       partition_id));
    return fluss_catalogue_doom(c, doomed, due_ms, err);
}

slu_status
fluss_catalogue_drop_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, const char *doomed, int64_t due_ms,
                            slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, remote_drop(c, table_id, partition_id, doomed, due_ms, err), err);
}

slu_status
fluss_catalogue_list_doomed(fluss_catalogue *c, int64_t now_ms, size_t max, slu_arena *arena, const char ***out, size_t *out_count,
                            slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    const char **rows = NULL;
    size_t count = 0;
    slu_status status =
        cat_prepare(c, &stmt, err, "SELECT path FROM remote_doomed WHERE due <= ?1 LIMIT ?2", "ii", now_ms, (int64_t)max);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        rows[count++] = cat_text(stmt, 0, arena);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_forget_doomed(fluss_catalogue *c, const char *path, slu_error *err)
{
    return cat_run(c, err, "DELETE FROM remote_doomed WHERE path = ?1", "t", path);
}
