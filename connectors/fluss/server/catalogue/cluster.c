/* cluster.c: producers' offsets, server tags and the last rebalance in the catalogue. */
#include "fluss/server/catalogue/cluster.h"

#include "fluss/server/catalogue/internal.h"

const char fluss_catalogue_cluster_schema[] =
    "CREATE TABLE IF NOT EXISTS producers(name TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS producer_offsets(name TEXT NOT NULL, table_id INTEGER NOT NULL, partition_id INTEGER NOT NULL,"
    " bucket INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY(name, table_id, partition_id, bucket)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS server_tags(server_id INTEGER PRIMARY KEY, tag INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS rebalance(one INTEGER PRIMARY KEY CHECK(one = 1), id TEXT NOT NULL);";

/* ---- producers ---- */

static slu_status
producer_forget(fluss_catalogue *c, const char *producer, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM producer_offsets WHERE name = ?1", "t", producer));
    return cat_run(c, err, "DELETE FROM producers WHERE name = ?1", "t", producer);
}

static slu_status
producer_expires(fluss_catalogue *c, const char *producer, int64_t *out_ms, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT expires FROM producers WHERE name = ?1", "t", producer));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set(err, SLU_NOTFOUND, "producer '%s' has no offsets registered", producer);
    SLU_TRY(status);
    *out_ms = sqlite3_column_int64(stmt, 0);
    cat_finish(&stmt);
    return SLU_OK;
}

static slu_status
producer_store(fluss_catalogue *c, const char *producer, const fluss_producer_offset *offsets, size_t count, int64_t expires_ms,
               slu_error *err)
{
    SLU_TRY(producer_forget(c, producer, err));
    SLU_TRY(cat_run(c, err, "INSERT INTO producers VALUES(?1, ?2)", "ti", producer, expires_ms));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(cat_run(c, err, "INSERT OR REPLACE INTO producer_offsets VALUES(?1, ?2, ?3, ?4, ?5)", "tiiii", producer,
                        offsets[i].table_id, offsets[i].partition_id, (int64_t)offsets[i].bucket, offsets[i].offset));
    return SLU_OK;
}

slu_status
fluss_catalogue_register_producer(fluss_catalogue *c, const char *producer, const fluss_producer_offset *offsets, size_t count,
                                  int64_t now_ms, int64_t expires_ms, bool *out_created, slu_error *err)
{
    int64_t until_ms = 0;
    *out_created = false;
    const slu_status known = producer_expires(c, producer, &until_ms, err);
    if (known == SLU_OK && until_ms > now_ms)
        return SLU_OK;
    if (known != SLU_OK && known != SLU_NOTFOUND)
        return known;
    SLU_TRY(cat_begin(c, err));
    SLU_TRY(cat_end(c, producer_store(c, producer, offsets, count, expires_ms, err), err));
    *out_created = true;
    return SLU_OK;
}

slu_status
fluss_catalogue_get_producer(fluss_catalogue *c, const char *producer, slu_arena *arena, int64_t *out_expires_ms,
                             fluss_producer_offset **out, size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_producer_offset *rows = NULL;
    size_t count = 0;
    SLU_TRY(producer_expires(c, producer, out_expires_ms, err));
    slu_status status = cat_prepare(
        c, &stmt, err, "SELECT table_id, partition_id, bucket, next FROM producer_offsets WHERE name = ?1 ORDER BY 1, 2, 3", "t",
        producer);
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        rows[count++] = (fluss_producer_offset){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                                                sqlite3_column_int(stmt, 2), sqlite3_column_int64(stmt, 3)};
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return SLU_OK;
}

slu_status
fluss_catalogue_delete_producer(fluss_catalogue *c, const char *producer, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, producer_forget(c, producer, err), err);
}

static slu_status
producers_expire(fluss_catalogue *c, int64_t now_ms, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM producer_offsets WHERE name IN (SELECT name FROM producers WHERE expires <= ?1)", "i",
                    now_ms));
    return cat_run(c, err, "DELETE FROM producers WHERE expires <= ?1", "i", now_ms);
}

slu_status
fluss_catalogue_expire_producers(fluss_catalogue *c, int64_t now_ms, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, producers_expire(c, now_ms, err), err);
}

/* ---- server tags ---- */

slu_status
fluss_catalogue_get_server_tag(fluss_catalogue *c, int32_t server_id, int32_t *out_tag, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT tag FROM server_tags WHERE server_id = ?1", "i", (int64_t)server_id));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set(err, SLU_NOTFOUND, "server %d has no tag", server_id);
    SLU_TRY(status);
    *out_tag = sqlite3_column_int(stmt, 0);
    cat_finish(&stmt);
    return SLU_OK;
}

slu_status
fluss_catalogue_set_server_tag(fluss_catalogue *c, int32_t server_id, int32_t tag, slu_error *err)
{
    return cat_run(c, err, "INSERT OR REPLACE INTO server_tags VALUES(?1, ?2)", "ii", (int64_t)server_id, (int64_t)tag);
}

slu_status
fluss_catalogue_clear_server_tag(fluss_catalogue *c, int32_t server_id, slu_error *err)
{
    return cat_run(c, err, "DELETE FROM server_tags WHERE server_id = ?1", "i", (int64_t)server_id);
}

/* ---- rebalance ---- */

slu_status
fluss_catalogue_set_rebalance(fluss_catalogue *c, const char *id, slu_error *err)
{
    return cat_run(c, err, "INSERT OR REPLACE INTO rebalance VALUES(1, ?1)", "t", id);
}

slu_status
fluss_catalogue_get_rebalance(fluss_catalogue *c, slu_arena *arena, const char **out_id, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT id FROM rebalance", ""));
    const slu_status status = cat_step(c, &stmt, err);
    if (status == SLU_END)
        return slu_error_set(err, SLU_NOTFOUND, "there was no rebalance yet");
    SLU_TRY(status);
    *out_id = cat_text(stmt, 0, arena);
    cat_finish(&stmt);
    return slu_arena_status(arena, err);
}
