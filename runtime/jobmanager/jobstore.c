/* jobstore.c: three tables behind prepared statements that live for one call: a job changes its state a few times a minute. */
#include "jobmanager/jobstore.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#define DROPPED 1 /* values of checkpoint.dropped */
#define FORGOTTEN 2
#define FORMAT 1
#define BUSY_MS 2000

struct slu_jobstore {
    sqlite3 *db;
    char cluster[33];
};

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE job(id TEXT PRIMARY KEY, name TEXT NOT NULL, submit BLOB NOT NULL, placed BLOB, state TEXT NOT NULL, failure "
    "TEXT NOT NULL,"
    " attempt INTEGER NOT NULL, attempt_id INTEGER NOT NULL, restarts INTEGER NOT NULL, created_ms INTEGER NOT NULL, start_ms "
    "INTEGER NOT NULL,"
    " end_ms INTEGER NOT NULL);"
    "CREATE TABLE attempt(job TEXT NOT NULL, number INTEGER NOT NULL, id INTEGER NOT NULL, start_ms INTEGER NOT NULL, PRIMARY "
    "KEY(job, number));"
    "CREATE TABLE checkpoint(job TEXT NOT NULL, id INTEGER NOT NULL, state TEXT NOT NULL, path TEXT NOT NULL, text TEXT NOT NULL,"
    " trigger_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, tasks INTEGER NOT NULL, dropped INTEGER "
    "NOT NULL,"
    " PRIMARY KEY(job, id));"
    "INSERT INTO meta VALUES('cluster', lower(hex(randomblob(16))));"
    "PRAGMA user_version=1;";

/* Tables that came later: apart, so that a store of before them stays readable. */
static const char schema_later[] =
    "CREATE TABLE IF NOT EXISTS going(job TEXT PRIMARY KEY, stopping INTEGER NOT NULL, stop_after "
    "INTEGER NOT NULL, restart BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS draining(node TEXT PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS rules(job TEXT NOT NULL, version INTEGER NOT NULL, operator TEXT NOT NULL,"
    " checkpoint INTEGER NOT NULL, created_ms INTEGER NOT NULL, rules BLOB NOT NULL, PRIMARY KEY(job, version));";

static slu_status
failed(const slu_jobstore *store, int code, const char *what, slu_error *err)
{
    const int primary = code & 0xff;
    const slu_status status = primary == SQLITE_CONSTRAINT || primary == SQLITE_BUSY ? SLU_CONFLICT
                              : primary == SQLITE_NOMEM                              ? SLU_NOMEM
                                                                                     : SLU_IO;
    return slu_error_set(err, status, "job store: %s: %s", what,
                         store->db == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(store->db));
}

static slu_status
run(slu_jobstore *store, const char *sql, slu_error *err)
{
    const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SLU_OK : failed(store, code, "write", err);
}

static slu_status
prepare(slu_jobstore *store, const char *sql, sqlite3_stmt **out, slu_error *err)
{
    const int code = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
    return code == SQLITE_OK ? SLU_OK : failed(store, code, sql, err);
}

/* Whether what is written next survives a power loss too, and not only a kill. */
static slu_status
durable(slu_jobstore *store, bool yes, slu_error *err)
{
    return run(store, yes ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
}

/* Runs a statement that gives no rows, and ends it. */
static slu_status
finish(slu_jobstore *store, sqlite3_stmt *statement, const char *what, slu_error *err)
{
    const int code = sqlite3_step(statement);
    const slu_status status = code == SQLITE_DONE || code == SQLITE_ROW ? SLU_OK : failed(store, code, what, err);
    sqlite3_finalize(statement);
    return status;
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

static void
bind_view(sqlite3_stmt *statement, int at, slu_view view)
{
    sqlite3_bind_blob64(statement, at, view.data == NULL ? (const void *)"" : view.data, view.bytes, SQLITE_STATIC);
}

static const char *
column_text(sqlite3_stmt *statement, int at)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text == NULL ? "" : text;
}

static slu_view
column_view(sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob(statement, at);
    return slu_view_of(data, (size_t)sqlite3_column_bytes(statement, at));
}

static int
number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static slu_status
cluster_load(slu_jobstore *store, slu_error *err)
{
    sqlite3_stmt *statement = NULL;
    SLU_TRY(prepare(store, "SELECT value FROM meta WHERE key='cluster'", &statement, err));
    if (sqlite3_step(statement) == SQLITE_ROW)
        (void)snprintf(store->cluster, sizeof store->cluster, "%s", column_text(statement, 0));
    sqlite3_finalize(statement);
    return SLU_OK;
}

/* History has an end: of a job's checkpoints and attempts the newest SLU_JOBSTORE_HISTORY stay. */
static slu_status
prune(slu_jobstore *store, const char *sql, const char *job, int64_t newest, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    if (newest <= SLU_JOBSTORE_HISTORY)
        return SLU_OK;
    SLU_TRY(prepare(store, sql, &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, newest - SLU_JOBSTORE_HISTORY);
    return finish(store, s, job, err);
}

/* One process at a time: the lock of EXCLUSIVE mode is taken by the first write and held until close. */
static slu_status
set_up(slu_jobstore *store, const char *path, slu_error *err)
{
    SLU_TRY(run(store,
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-256;"
                "BEGIN IMMEDIATE; COMMIT;",
                err));
    const int format = number_of(store->db, "PRAGMA user_version");
    if (format > FORMAT)
        return slu_error_set(err, SLU_UNSUPPORTED, "job store %s has format %d and this program knows %d: update it", path, format,
                             FORMAT);
    if (format == 0) {
        SLU_TRY(run(store, "BEGIN IMMEDIATE", err));
        SLU_TRY(run(store, schema, err));
        SLU_TRY(run(store, "COMMIT", err));
    }
    SLU_TRY(run(store, schema_later, err));
    return cluster_load(store, err);
}

/* Jobs are kept with their settings, secrets among them: a new file is its owner's alone, and so is what SQLite puts beside it. */
static void
make_private(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd); /* else it is there, or SQLite says why it cannot be */
}

slu_status
slu_jobstore_open(const char *path, slu_jobstore **out, slu_error *err)
{
    slu_jobstore *store = slu_alloc_zero(1, sizeof *store);
    if (store == NULL)
        return slu_error_set(err, SLU_NOMEM, "a job store");
    if (strcmp(path, ":memory:") != 0)
        make_private(path);
    const int code = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    slu_status status = code == SQLITE_OK ? SLU_OK : failed(store, code, path, err);
    if (status == SLU_OK) {
        sqlite3_busy_timeout(store->db, BUSY_MS);
        status = set_up(store, path, err);
        status = slu_error_in(err, status, "%s", path);
    }
    if (status != SLU_OK)
        slu_jobstore_close(&store);
    else
        *out = store;
    return status;
}

void
slu_jobstore_close(slu_jobstore **store)
{
    if (*store != NULL) {
        sqlite3_close((*store)->db);
        slu_free(*store);
    }
    *store = NULL;
}

const char *
slu_jobstore_cluster(const slu_jobstore *store)
{
    return store->cluster;
}

slu_status
slu_jobstore_add_job(slu_jobstore *store, const slu_job_record *job, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, "INSERT INTO job VALUES(?,?,?,NULL,?,?,?,?,?,?,?,?)", &s, err));
    bind_text(s, 1, job->id);
    bind_text(s, 2, job->name);
    bind_view(s, 3, job->submit);
    bind_text(s, 4, job->state);
    bind_text(s, 5, job->failure);
    sqlite3_bind_int64(s, 6, (int64_t)job->attempt);
    sqlite3_bind_int64(s, 7, (int64_t)job->attempt_id);
    sqlite3_bind_int64(s, 8, (int64_t)job->restarts);
    sqlite3_bind_int64(s, 9, job->created_ms);
    sqlite3_bind_int64(s, 10, job->start_ms);
    sqlite3_bind_int64(s, 11, job->end_ms);
    return finish(store, s, job->id, err);
}

static slu_status
put_going(slu_jobstore *store, const slu_job_record *job, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(prepare(store, "INSERT OR REPLACE INTO going VALUES(?,?,?,?)", &s, err));
    bind_text(s, 1, job->id);
    sqlite3_bind_int64(s, 2, job->stopping);
    sqlite3_bind_int64(s, 3, job->stop_after);
    bind_view(s, 4, job->restart);
    return finish(store, s, job->id, err);
}

slu_status
slu_jobstore_update_job(slu_jobstore *store, const slu_job_record *job, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(put_going(store, job, err)); /* first: a state that is known has its reasons */
    SLU_TRY(prepare(
        store, "UPDATE job SET placed=?, state=?, failure=?, attempt=?, attempt_id=?, restarts=?, start_ms=?, end_ms=? WHERE id=?",
        &s, err));
    bind_view(s, 1, job->placed);
    bind_text(s, 2, job->state);
    bind_text(s, 3, job->failure);
    sqlite3_bind_int64(s, 4, (int64_t)job->attempt);
    sqlite3_bind_int64(s, 5, (int64_t)job->attempt_id);
    sqlite3_bind_int64(s, 6, (int64_t)job->restarts);
    sqlite3_bind_int64(s, 7, job->start_ms);
    sqlite3_bind_int64(s, 8, job->end_ms);
    bind_text(s, 9, job->id);
    return finish(store, s, job->id, err);
}

slu_status
slu_jobstore_set_submit(slu_jobstore *store, const char *job, slu_view submit, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, "UPDATE job SET submit=?, placed=NULL WHERE id=?", &s, err));
    bind_view(s, 1, submit);
    bind_text(s, 2, job);
    return finish(store, s, job, err);
}

slu_status
slu_jobstore_remove_job(slu_jobstore *store, const char *job, slu_error *err)
{
    static const char *const deletes[] = {"DELETE FROM rules WHERE job=?", "DELETE FROM checkpoint WHERE job=?",
                                          "DELETE FROM attempt WHERE job=?", "DELETE FROM going WHERE job=?",
                                          "DELETE FROM job WHERE id=?"};
    for (size_t i = 0; i < sizeof deletes / sizeof deletes[0]; i++) {
        sqlite3_stmt *s = NULL;
        SLU_TRY(prepare(store, deletes[i], &s, err));
        bind_text(s, 1, job);
        SLU_TRY(finish(store, s, job, err));
    }
    return SLU_OK;
}

slu_status
slu_jobstore_add_attempt(slu_jobstore *store, const char *job, uint64_t attempt, uint64_t attempt_id, int64_t start_ms,
                         slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, "INSERT INTO attempt VALUES(?,?,?,?)", &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, (int64_t)attempt);
    sqlite3_bind_int64(s, 3, (int64_t)attempt_id);
    sqlite3_bind_int64(s, 4, start_ms);
    SLU_TRY(finish(store, s, job, err));
    return prune(store, "DELETE FROM attempt WHERE job=? AND number<=?", job, (int64_t)attempt, err);
}

slu_status
slu_jobstore_put_checkpoint(slu_jobstore *store, const char *job, const slu_checkpoint_record *checkpoint, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, false, err));
    SLU_TRY(prepare(store, "INSERT OR REPLACE INTO checkpoint VALUES(?,?,?,?,?,?,?,?,?,0)", &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, checkpoint->checkpoint);
    bind_text(s, 3, checkpoint->state);
    bind_text(s, 4, checkpoint->path);
    bind_text(s, 5, checkpoint->text);
    sqlite3_bind_int64(s, 6, checkpoint->trigger_ms);
    sqlite3_bind_int64(s, 7, checkpoint->duration_ms);
    sqlite3_bind_int64(s, 8, checkpoint->bytes);
    sqlite3_bind_int64(s, 9, checkpoint->tasks);
    SLU_TRY(finish(store, s, job, err));
    return prune(store, "DELETE FROM checkpoint WHERE job=? AND id<=?", job, checkpoint->checkpoint, err);
}

static slu_status
drop(slu_jobstore *store, const char *job, int64_t checkpoint, int how, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, how == FORGOTTEN, err));
    SLU_TRY(prepare(store, "UPDATE checkpoint SET dropped=? WHERE job=? AND id=?", &s, err));
    sqlite3_bind_int(s, 1, how);
    bind_text(s, 2, job);
    sqlite3_bind_int64(s, 3, checkpoint);
    SLU_TRY(finish(store, s, job, err));
    return sqlite3_changes(store->db) != 0
               ? SLU_OK
               : slu_error_set(err, SLU_NOTFOUND, "job store: %s has no checkpoint %lld", job, (long long)checkpoint);
}

slu_status
slu_jobstore_set_draining(slu_jobstore *store, const char *node, bool draining, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, draining ? "INSERT OR IGNORE INTO draining VALUES(?)" : "DELETE FROM draining WHERE node=?", &s, err));
    bind_text(s, 1, node);
    return finish(store, s, node, err);
}

bool
slu_jobstore_is_draining(slu_jobstore *store, const char *node)
{
    sqlite3_stmt *s = NULL;
    slu_error ignored = {0};
    if (prepare(store, "SELECT 1 FROM draining WHERE node=?", &s, &ignored) != SLU_OK)
        return false;
    bind_text(s, 1, node);
    const bool draining = sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return draining;
}

slu_status
slu_jobstore_drop_checkpoint(slu_jobstore *store, const char *job, int64_t checkpoint, slu_error *err)
{
    const slu_status status = drop(store, job, checkpoint, DROPPED, err);
    return status == SLU_NOTFOUND ? SLU_OK : status; /* history has an end */
}

slu_status
slu_jobstore_forget_checkpoints(slu_jobstore *store, const char *job, int64_t newest, slu_error *err)
{
    return drop(store, job, newest, FORGOTTEN, err);
}

slu_status
slu_jobstore_put_rules(slu_jobstore *store, const char *job, const slu_rules_record *rules, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, "INSERT OR REPLACE INTO rules VALUES(?,?,?,?,?,?)", &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, rules->version);
    bind_text(s, 3, rules->operator_id);
    sqlite3_bind_int64(s, 4, rules->checkpoint);
    sqlite3_bind_int64(s, 5, rules->created_ms);
    bind_view(s, 6, rules->rules);
    SLU_TRY(finish(store, s, job, err));
    return prune(store, "DELETE FROM rules WHERE job=? AND version<=? AND checkpoint>=0", job, rules->version, err);
}

slu_status
slu_jobstore_remove_rules(slu_jobstore *store, const char *job, int64_t version, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    SLU_TRY(durable(store, true, err));
    SLU_TRY(prepare(store, "DELETE FROM rules WHERE job=? AND version=?", &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, version);
    return finish(store, s, job, err);
}

slu_status
slu_jobstore_rules(slu_jobstore *store, const char *job, slu_rules_record_fn each, void *context, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    slu_status status = SLU_OK;
    int code = SQLITE_DONE;
    SLU_TRY(prepare(store, "SELECT version, operator, checkpoint, created_ms, rules FROM rules WHERE job=? ORDER BY version DESC",
                    &s, err));
    bind_text(s, 1, job);
    while (status == SLU_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const slu_rules_record rules = {.version = sqlite3_column_int64(s, 0),
                                        .operator_id = column_text(s, 1),
                                        .checkpoint = sqlite3_column_int64(s, 2),
                                        .created_ms = sqlite3_column_int64(s, 3),
                                        .rules = column_view(s, 4)};
        status = each(context, &rules, err);
    }
    if (status == SLU_OK && code != SQLITE_DONE)
        status = failed(store, code, "read rules", err);
    sqlite3_finalize(s);
    return status;
}

slu_status
slu_jobstore_jobs(slu_jobstore *store, slu_job_record_fn each, void *context, slu_error *err)
{
    sqlite3_stmt *s = NULL;
    slu_status status = SLU_OK;
    int code = SQLITE_DONE;
    SLU_TRY(prepare(store,
                    "SELECT id, name, submit, placed, state, failure, attempt, attempt_id, restarts, created_ms, start_ms, end_ms,"
                    " coalesce(stopping, 0), coalesce(stop_after, -1), restart FROM job LEFT JOIN going ON going.job = job.id"
                    " ORDER BY created_ms, id",
                    &s, err));
    while (status == SLU_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const slu_job_record job = {.id = column_text(s, 0),
                                    .name = column_text(s, 1),
                                    .submit = column_view(s, 2),
                                    .placed = column_view(s, 3),
                                    .state = column_text(s, 4),
                                    .failure = column_text(s, 5),
                                    .attempt = (uint64_t)sqlite3_column_int64(s, 6),
                                    .attempt_id = (uint64_t)sqlite3_column_int64(s, 7),
                                    .restarts = (uint64_t)sqlite3_column_int64(s, 8),
                                    .created_ms = sqlite3_column_int64(s, 9),
                                    .start_ms = sqlite3_column_int64(s, 10),
                                    .end_ms = sqlite3_column_int64(s, 11),
                                    .stopping = (uint32_t)sqlite3_column_int64(s, 12),
                                    .stop_after = sqlite3_column_int64(s, 13),
                                    .restart = column_view(s, 14)};
        status = each(context, &job, err);
    }
    if (status == SLU_OK && code != SQLITE_DONE)
        status = failed(store, code, "read jobs", err);
    sqlite3_finalize(s);
    return status;
}

slu_status
slu_jobstore_checkpoints(slu_jobstore *store, const char *job, uint32_t limit, slu_checkpoint_record_fn each, void *context,
                         slu_error *err)
{
    sqlite3_stmt *s = NULL;
    slu_status status = SLU_OK;
    int code = SQLITE_DONE;
    SLU_TRY(prepare(store,
                    "SELECT id, state, path, text, trigger_ms, duration_ms, bytes, tasks, dropped FROM checkpoint WHERE job=? "
                    "ORDER BY id DESC LIMIT ?",
                    &s, err));
    bind_text(s, 1, job);
    sqlite3_bind_int64(s, 2, limit);
    while (status == SLU_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const slu_checkpoint_record checkpoint = {.checkpoint = sqlite3_column_int64(s, 0),
                                                  .state = column_text(s, 1),
                                                  .path = column_text(s, 2),
                                                  .text = column_text(s, 3),
                                                  .trigger_ms = sqlite3_column_int64(s, 4),
                                                  .duration_ms = sqlite3_column_int64(s, 5),
                                                  .bytes = sqlite3_column_int64(s, 6),
                                                  .tasks = (uint32_t)sqlite3_column_int64(s, 7),
                                                  .dropped = sqlite3_column_int(s, 8) != 0,
                                                  .forgotten = sqlite3_column_int(s, 8) == FORGOTTEN};
        status = each(context, &checkpoint, err);
    }
    if (status == SLU_OK && code != SQLITE_DONE)
        status = failed(store, code, "read checkpoints", err);
    sqlite3_finalize(s);
    return status;
}
