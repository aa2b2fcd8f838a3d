#include "fluss/server/catalogue/kv.h"

#include "fluss/server/catalogue/internal.h"

#include <inttypes.h>

static const char kv_schema[] =
    "CREATE TABLE IF NOT EXISTS kv_snapshots(table_id INTEGER NOT NULL, partition_id INTEGER NOT NULL, bucket INTEGER NOT NULL,"
    " snapshot_id INTEGER NOT NULL, log_offset INTEGER NOT NULL, lineage INTEGER NOT NULL, location TEXT NOT NULL,"
    " pinned INTEGER NOT NULL, PRIMARY KEY(table_id, partition_id, bucket, snapshot_id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS kv_snapshot_ids(table_id INTEGER NOT NULL, partition_id INTEGER NOT NULL, bucket INTEGER NOT NULL,"
    " next INTEGER NOT NULL, PRIMARY KEY(table_id, partition_id, bucket)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS kv_leases(id TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS kv_lease_buckets(lease TEXT NOT NULL, table_id INTEGER NOT NULL, partition_id INTEGER NOT NULL,"
    " bucket INTEGER NOT NULL, snapshot_id INTEGER NOT NULL, PRIMARY KEY(lease, table_id, partition_id, bucket)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS kv_leased ON kv_lease_buckets(table_id, partition_id, bucket, snapshot_id);";

/* A kill between the end of a table or partition and that of its snapshots: with the rows gone, the sweep finds the files. */
static const char kv_orphans[] =
    "DELETE FROM kv_snapshots" CAT_IS_ORPHAN("kv_snapshots") "DELETE FROM kv_snapshot_ids" CAT_IS_ORPHAN(
        "kv_snapshot_ids") "DELETE FROM kv_lease_buckets" CAT_IS_ORPHAN("kv_lease_buckets");

#define KV_COLUMNS "SELECT table_id, partition_id, bucket, snapshot_id, log_offset, pinned, lineage, location FROM kv_snapshots s "
#define KV_BUCKET_IS "table_id = ?1 AND partition_id = ?2 AND bucket = ?3"

slu_status
fluss_catalogue_kv_open(fluss_catalogue *c, const char *root, slu_error *err)
{
    c->kv_root = root;
    return sqlite3_exec(c->db, kv_schema, NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(c->db, kv_orphans, NULL, NULL, NULL) == SQLITE_OK
               ? SLU_OK
               : slu_error_set(err, SLU_IO, "catalogue: %s", sqlite3_errmsg(c->db));
}

/* ---- snapshots ---- */

static slu_status
query_int(fluss_catalogue *c, sqlite3_stmt **stmt, int64_t fallback, int64_t *out, slu_error *err)
{
    const slu_status status = cat_step(c, stmt, err);
    *out = status == SLU_OK ? sqlite3_column_int64(*stmt, 0) : fallback;
    cat_finish(stmt);
    return status == SLU_END ? SLU_OK : status;
}

slu_status
fluss_catalogue_next_kv_snapshot(fluss_catalogue *c, const fluss_kv_bucket *of, int64_t *out, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT next FROM kv_snapshot_ids WHERE " KV_BUCKET_IS, "iii", of->table_id,
                        of->partition_id, (int64_t)of->bucket));
    return query_int(c, &stmt, 0, out, err);
}

/* What is below the root is kept relative to it, so that a data directory can be moved. */
static const char *
location_kept(const fluss_catalogue *c, const char *location)
{
    const size_t bytes = strlen(c->kv_root);
    return strncmp(location, c->kv_root, bytes) == 0 && location[bytes] == '/' ? location + bytes + 1 : location;
}

/* Absolute: as an older version kept it, or not below the root. */
static const char *
location_read(const fluss_catalogue *c, sqlite3_stmt *stmt, int column, slu_arena *arena)
{
    const char *kept = cat_text(stmt, column, arena);
    return kept == NULL || kept[0] == '/' ? kept : slu_arena_printf(arena, "%s/%s", c->kv_root, kept);
}

/* Also when the snapshot was made, its table may be gone. */
static slu_status
bucket_must_exist(fluss_catalogue *c, const fluss_kv_bucket *of, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t there = 0;
    SLU_TRY(
        cat_prepare(c, &stmt, err,
                    "SELECT 1 FROM tables WHERE id = ?1 AND (?2 < 0 OR EXISTS(SELECT 1 FROM partitions WHERE id = ?2 AND table_id "
                    "= ?1))",
                    "ii", of->table_id, of->partition_id));
    SLU_TRY(query_int(c, &stmt, 0, &there, err));
    return there != 0 ? SLU_OK
                      : slu_error_set(err, SLU_NOTFOUND, "table %" PRId64 " or its partition %" PRId64 " does not exist",
                                      of->table_id, of->partition_id);
}

static slu_status
add_snapshot(fluss_catalogue *c, const fluss_kv_snapshot_row *row, slu_error *err)
{
    const fluss_kv_bucket *of = &row->of;
    SLU_TRY(bucket_must_exist(c, of, err));
    SLU_TRY(cat_run(c, err, "INSERT INTO kv_snapshots VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "iiiiiiti", of->table_id,
                    of->partition_id, (int64_t)of->bucket, row->snapshot_id, row->log_offset, (int64_t)row->lineage,
                    location_kept(c, row->location), row->pinned_ms));
    return cat_run(c, err, "INSERT INTO kv_snapshot_ids VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET next = max(next, ?4)",
                   "iiii", of->table_id, of->partition_id, (int64_t)of->bucket, row->snapshot_id + 1);
}

slu_status
fluss_catalogue_add_kv_snapshot(fluss_catalogue *c, const fluss_kv_snapshot_row *row, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, add_snapshot(c, row, err), err);
}

slu_status
fluss_catalogue_drop_kv_snapshot(fluss_catalogue *c, const fluss_kv_bucket *of, int64_t snapshot_id, slu_error *err)
{
    return cat_run(c, err, "DELETE FROM kv_snapshots WHERE " KV_BUCKET_IS " AND snapshot_id = ?4", "iiii", of->table_id,
                   of->partition_id, (int64_t)of->bucket, snapshot_id);
}

static void
snapshot_read(const fluss_catalogue *c, sqlite3_stmt *stmt, slu_arena *arena, fluss_kv_snapshot_row *out)
{
    out->of.table_id = sqlite3_column_int64(stmt, 0);
    out->of.partition_id = sqlite3_column_int64(stmt, 1);
    out->of.bucket = sqlite3_column_int(stmt, 2);
    out->snapshot_id = sqlite3_column_int64(stmt, 3);
    out->log_offset = sqlite3_column_int64(stmt, 4);
    out->pinned_ms = sqlite3_column_int64(stmt, 5);
    out->lineage = (uint64_t)sqlite3_column_int64(stmt, 6);
    out->location = location_read(c, stmt, 7, arena);
}

/* Every row of a query; *stmt is finished. */
static slu_status
read_snapshots(fluss_catalogue *c, sqlite3_stmt **stmt, slu_arena *arena, fluss_kv_snapshot_row **out, size_t *out_count,
               slu_error *err)
{
    fluss_kv_snapshot_row *rows = NULL;
    size_t count = 0;
    slu_status status = SLU_OK;
    while (status == SLU_OK && (status = cat_step(c, stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        snapshot_read(c, *stmt, arena, &rows[count++]);
    }
    cat_finish(stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}

slu_status
fluss_catalogue_list_kv_snapshots(fluss_catalogue *c, const fluss_kv_bucket *of, slu_arena *arena, fluss_kv_snapshot_row **out,
                                  size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, KV_COLUMNS "WHERE " KV_BUCKET_IS " ORDER BY snapshot_id DESC", "iii", of->table_id,
                        of->partition_id, (int64_t)of->bucket));
    return read_snapshots(c, &stmt, arena, out, out_count, err);
}

slu_status
fluss_catalogue_kv_snapshots_of(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_arena *arena,
                                fluss_kv_snapshot_row **out, size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, KV_COLUMNS "WHERE table_id = ?1 AND partition_id = ?2 ORDER BY bucket, snapshot_id", "ii",
                        table_id, partition_id));
    return read_snapshots(c, &stmt, arena, out, out_count, err);
}

slu_status
fluss_catalogue_all_kv_snapshots(fluss_catalogue *c, slu_arena *arena, fluss_kv_snapshot_row **out, size_t *out_count,
                                 slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(c, &stmt, err, KV_COLUMNS, ""));
    return read_snapshots(c, &stmt, arena, out, out_count, err);
}

slu_status
fluss_catalogue_stale_kv_snapshots(fluss_catalogue *c, int64_t retained, slu_arena *arena, fluss_kv_snapshot_row **out,
                                   size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    SLU_TRY(cat_prepare(
        c, &stmt, err,
        KV_COLUMNS
        "WHERE pinned < ?2 AND (SELECT count(*) FROM kv_snapshots n WHERE n.table_id = s.table_id AND n.partition_id ="
        " s.partition_id AND n.bucket = s.bucket AND n.snapshot_id > s.snapshot_id) >= ?1 AND NOT EXISTS(SELECT 1 FROM"
        " kv_lease_buckets b, kv_leases l WHERE b.table_id = s.table_id AND b.partition_id = s.partition_id AND b.bucket ="
        " s.bucket AND b.snapshot_id = s.snapshot_id AND l.id = b.lease AND l.expires >= ?2)",
        "ii", retained, slu_wall_ms(c->env)));
    return read_snapshots(c, &stmt, arena, out, out_count, err);
}

static slu_status
pin_snapshots(fluss_catalogue *c, const fluss_kv_snapshot_row *rows, size_t count, int64_t until_ms, slu_error *err)
{
    for (size_t i = 0; i < count; i++)
        SLU_TRY(cat_run(c, err, "UPDATE kv_snapshots SET pinned = max(pinned, ?5) WHERE " KV_BUCKET_IS " AND snapshot_id = ?4",
                        "iiiii", rows[i].of.table_id, rows[i].of.partition_id, (int64_t)rows[i].of.bucket, rows[i].snapshot_id,
                        until_ms));
    return SLU_OK;
}

slu_status
fluss_catalogue_pin_kv_snapshots(fluss_catalogue *c, const fluss_kv_snapshot_row *rows, size_t count, int64_t until_ms,
                                 slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, pin_snapshots(c, rows, count, until_ms, err), err);
}

static slu_status
forget_snapshots(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_error *err)
{
#define OF_TABLE_OR_PARTITION " WHERE table_id = ?1 AND (?2 < 0 OR partition_id = ?2)"
    SLU_TRY(cat_run(c, err, "DELETE FROM kv_snapshots" OF_TABLE_OR_PARTITION, "ii", table_id, partition_id));
    SLU_TRY(cat_run(c, err, "DELETE FROM kv_snapshot_ids" OF_TABLE_OR_PARTITION, "ii", table_id, partition_id));
    return cat_run(c, err, "DELETE FROM kv_lease_buckets" OF_TABLE_OR_PARTITION, "ii", table_id, partition_id);
}

slu_status
fluss_catalogue_forget_kv_snapshots(fluss_catalogue *c, int64_t table_id, int64_t partition_id, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, forget_snapshots(c, table_id, partition_id, err), err);
}

/* ---- leases ---- */

static slu_status
count_leases(fluss_catalogue *c, const char *lease_id, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t count = 0;
    if (strlen(lease_id) > FLUSS_KV_LEASE_ID_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a lease id of %zu bytes; at most %d", strlen(lease_id), FLUSS_KV_LEASE_ID_BYTES_MAX);
    SLU_TRY(cat_prepare(c, &stmt, err, "SELECT count(*) FROM kv_leases", ""));
    SLU_TRY(query_int(c, &stmt, 0, &count, err));
    return count < FLUSS_KV_LEASES_MAX ? SLU_OK
                                       : slu_error_set(err, SLU_LIMIT, "there are %" PRId64 " kv snapshot leases already", count);
}

static slu_status
acquire_bucket(fluss_catalogue *c, const char *lease_id, fluss_kv_lease_bucket *b, slu_error *err)
{
    SLU_TRY(cat_run(c, err,
                    "INSERT INTO kv_lease_buckets SELECT ?1, table_id, partition_id, bucket, snapshot_id FROM kv_snapshots WHERE"
                    " table_id = ?2 AND partition_id = ?3 AND bucket = ?4 AND snapshot_id = ?5"
                    " ON CONFLICT DO UPDATE SET snapshot_id = excluded.snapshot_id",
                    "tiiii", lease_id, b->of.table_id, b->of.partition_id, (int64_t)b->of.bucket, b->snapshot_id));
    b->available = sqlite3_changes(c->db) != 0;
    return SLU_OK;
}

static slu_status
acquire_lease(fluss_catalogue *c, const char *lease_id, int64_t expires_ms, fluss_kv_lease_bucket *buckets, size_t count,
              slu_error *err)
{
    SLU_TRY(count_leases(c, lease_id, err));
    SLU_TRY(cat_run(c, err, "INSERT INTO kv_leases VALUES(?1, ?2) ON CONFLICT DO UPDATE SET expires = excluded.expires", "ti",
                    lease_id, expires_ms));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(acquire_bucket(c, lease_id, &buckets[i], err));
    return SLU_OK;
}

slu_status
fluss_catalogue_acquire_kv_lease(fluss_catalogue *c, const char *lease_id, int64_t expires_ms, fluss_kv_lease_bucket *buckets,
                                 size_t count, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, acquire_lease(c, lease_id, expires_ms, buckets, count, err), err);
}

static slu_status
release_lease(fluss_catalogue *c, const char *lease_id, const fluss_kv_bucket *buckets, size_t count, slu_error *err)
{
    for (size_t i = 0; i < count; i++)
        SLU_TRY(cat_run(c, err,
                        "DELETE FROM kv_lease_buckets WHERE lease = ?1 AND table_id = ?2 AND partition_id = ?3 AND bucket = ?4",
                        "tiii", lease_id, buckets[i].table_id, buckets[i].partition_id, (int64_t)buckets[i].bucket));
    return cat_run(c, err, "DELETE FROM kv_leases WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM kv_lease_buckets WHERE lease = ?1)",
                   "t", lease_id);
}

slu_status
fluss_catalogue_release_kv_lease(fluss_catalogue *c, const char *lease_id, const fluss_kv_bucket *buckets, size_t count,
                                 slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, release_lease(c, lease_id, buckets, count, err), err);
}

static slu_status
drop_lease(fluss_catalogue *c, const char *lease_id, slu_error *err)
{
    SLU_TRY(cat_run(c, err, "DELETE FROM kv_lease_buckets WHERE lease = ?1", "t", lease_id));
    return cat_run(c, err, "DELETE FROM kv_leases WHERE id = ?1", "t", lease_id);
}

slu_status
fluss_catalogue_drop_kv_lease(fluss_catalogue *c, const char *lease_id, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, drop_lease(c, lease_id, err), err);
}

static slu_status
expire_leases(fluss_catalogue *c, slu_error *err)
{
    const int64_t now = slu_wall_ms(c->env);
    SLU_TRY(cat_run(c, err, "DELETE FROM kv_lease_buckets WHERE lease IN (SELECT id FROM kv_leases WHERE expires < ?1)", "i", now));
    return cat_run(c, err, "DELETE FROM kv_leases WHERE expires < ?1", "i", now);
}

slu_status
fluss_catalogue_expire_kv_leases(fluss_catalogue *c, slu_error *err)
{
    SLU_TRY(cat_begin(c, err));
    return cat_end(c, expire_leases(c, err), err);
}
