#include "fluss/server/remote/log.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"
#include "fluss/log/segment.h"
#include "fluss/server/catalogue/remote.h"
#include "fluss/server/remote/files.h"
#include "fluss/server/server_internal.h"
#include "fluss/server/tables/table_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define REMOTE_DEFAULT_DIR "remote"
#define REMOTE_OWNER_FILE "log/_owner"
#define REMOTE_LOCAL_SEGMENTS_DEFAULT 2
#define REMOTE_REMOVE_INTERVAL_MS ((int64_t)60 * 1000) /* where nothing is copied */
#define REMOTE_REMOVALS_MAX 256                        /* begun at once */
#define REMOTE_DOOMED_BYTES_MAX ((size_t)64 << 20)

struct fluss_remote {
    fluss_server *server;
    char *root;
    slu_timer *timer;
    int64_t interval_ms; /* 0: nothing is copied */
    bool removing;       /* a round of removals is under way */
    size_t removals;
};

struct fluss_remote_log {
    fluss_remote *remote;
    fluss_tablet *tablet; /* NULL: closed while a copy was under way, whose end ends this */
    int64_t table_id;
    int64_t partition_id;
    char *dir;      /* absolute, of the bucket */
    char *relative; /* the same below the root */
    char *partition;
    char manifest_id[FLUSS_UUID_BYTES];
    int64_t start_offset; /* as the catalogue has it: holds when the manifest cannot be read */
    int64_t copied_end;
    fluss_manifest manifest;
    slu_status broken; /* OK, or why the manifest could not be read */
    slu_error why;
    bool busy;
    fluss_segment cached; /* the remote segment that was read last */
    bool has_cached;
};

/* ---- the directory ---- */

const char *
fluss_remote_root(const fluss_remote *remote)
{
    return remote->root;
}

bool
fluss_remote_enabled(const fluss_remote *remote)
{
    return remote->interval_ms > 0;
}

static slu_status
remote_find_root(fluss_remote *remote, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const char *dir = remote->server->config->remote_data_dir;
    if (dir != NULL && (strstr(dir, "://") != NULL || strncmp(dir, "file:", 5) == 0))
        SLU_TRY_IN(fluss_remote_local_path(dir, &dir, err), err, "remote.data.dir");
    const int n = dir != NULL ? snprintf(path, sizeof path, "%s", dir)
                              : snprintf(path, sizeof path, "%s/" REMOTE_DEFAULT_DIR, remote->server->options.data_dir);
    if (n >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "remote.data.dir is too long a path");
    SLU_TRY(slu_dir_make(path, err));
    char *absolute = realpath(path, NULL);
    if (absolute == NULL)
        return slu_errno_set(err, errno, "find", path);
    remote->root = slu_strdup(absolute);
    free(absolute);
    return remote->root != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for a path");
}

/* Two servers in one directory would take each other's files for leftovers. */
static slu_status
remote_claim(fluss_remote *remote, const char *owner, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf found = {0};
    slu_buf_init(&found, 256);
    if (snprintf(path, sizeof path, "%s/log", remote->root) >= (int)sizeof path - 16)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", remote->root);
    char rows[SLU_PATH_BYTES_MAX];
    (void)snprintf(rows, sizeof rows, "%s/" FLUSS_REMOTE_KV, remote->root);
    /* Where a first start was cut short there is an empty directory, and rmdir takes no other. */
    const bool fresh = (!slu_path_exists(path) || rmdir(path) == 0) && !slu_path_exists(rows);
    SLU_TRY(slu_dir_make(path, err));
    (void)snprintf(path, sizeof path, "%s/" REMOTE_OWNER_FILE, remote->root);
    if (fresh)
        return slu_file_create(path, slu_view_of_text(owner), remote->server->config->sync, err);
    const slu_status status = slu_file_read(path, 256, &found, err);
    if (status == SLU_OK && strcmp(slu_buf_cstr(&found), owner) == 0)
        return SLU_OK;
    if (status != SLU_OK && status != SLU_NOTFOUND)
        return status;
    return slu_error_set(
        err, SLU_CONFLICT,
        "remote.data.dir %s holds the log segments of another table server (%s): give this one a directory of its own",
        remote->root, path);
}

static void remote_tick(void *context);

slu_status
fluss_remote_open(fluss_server *server, fluss_remote **out, slu_error *err)
{
    char owner[FLUSS_UUID_BYTES];
    fluss_remote *remote = slu_alloc_zero(1, sizeof *remote);
    if (remote == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the remote log");
    remote->server = server;
    remote->interval_ms = server->config->remote_log_task_interval_ms;
    slu_status status = fluss_catalogue_remote_open(server->catalogue, owner, err);
    if (status == SLU_OK)
        status = remote_find_root(remote, err);
    if (status == SLU_OK)
        status = remote_claim(remote, owner, err);
    if (status == SLU_OK)
        status = slu_timer_open(server->loop, remote_tick, remote, &remote->timer, err);
    if (status != SLU_OK) {
        fluss_remote_close(&remote);
        return status;
    }
    slu_timer_set(remote->timer, remote->interval_ms != 0 ? remote->interval_ms : REMOTE_REMOVE_INTERVAL_MS);
    *out = remote;
    return SLU_OK;
}

void
fluss_remote_stop(fluss_remote *remote)
{
    if (remote != NULL)
        slu_timer_close(&remote->timer);
}

void
fluss_remote_close(fluss_remote **remote)
{
    if (*remote == NULL)
        return;
    fluss_remote_stop(*remote);
    slu_free((*remote)->root);
    slu_free(*remote);
    *remote = NULL;
}

/* ---- removing what is due ---- */

static void
removal_done(fluss_job *job, slu_status status, const slu_error *err)
{
    fluss_remove *gone = (fluss_remove *)(void *)job;
    fluss_remote *remote = gone->owner;
    slu_error why;
    const char *relative = gone->path + strlen(remote->root) + 1;
    remote->removals--;
    if (status == SLU_OK && fluss_catalogue_forget_doomed(remote->server->catalogue, relative, &why) != SLU_OK)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s", why.message);
    if (status < 0 && status != SLU_CLOSED)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s; it is tried again", err->message);
    slu_free(gone);
}

static slu_status
remote_remove_due(fluss_remote *remote, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    const char **paths = NULL;
    size_t count = 0;
    char path[SLU_PATH_BYTES_MAX];
    if (remote->removals != 0)
        return SLU_OK;
    slu_arena_init(&arena, REMOTE_DOOMED_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_doomed(remote->server->catalogue, slu_wall_ms(remote->server->env), REMOTE_REMOVALS_MAX, &arena,
                                        &paths, &count, err));
    for (size_t i = 0; i < count; i++) {
        fluss_job *job = NULL;
        if (snprintf(path, sizeof path, "%s/%s", remote->root, paths[i]) >= (int)sizeof path)
            continue;
        SLU_TRY(fluss_remove_new(path, remote, removal_done, &job, err));
        remote->removals++;
        fluss_background_submit(remote->server->background, job);
    }
    return SLU_OK;
}

static void
remote_remove_now(fluss_remote *remote)
{
    slu_error why;
    if (remote_remove_due(remote, &why) != SLU_OK)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s", why.message);
}

static fluss_remote_place
place_of(const fluss_served *table, int64_t partition_id, const char *partition, int32_t bucket)
{
    const fluss_remote_place place = {table->row.database, table->row.name, table->row.id, partition, partition_id, bucket};
    return place;
}

slu_status
fluss_remote_drop(fluss_remote *remote, const fluss_served *table, int64_t partition_id, const char *partition, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const fluss_remote_place place = place_of(table, partition_id, partition, -1);
    SLU_TRY(partition_id < 0 ? fluss_remote_table_dir("", FLUSS_REMOTE_LOG, &place, path, err)
                             : fluss_remote_partition_dir("", FLUSS_REMOTE_LOG, &place, path, err));
    SLU_TRY(fluss_catalogue_drop_remote(remote->server->catalogue, table->row.id, partition_id, path,
                                        slu_wall_ms(remote->server->env), err));
    remote_remove_now(remote);
    return SLU_OK;
}

/* ---- a tablet's remote side ---- */

static void
log_free(fluss_remote_log **log)
{
    if (*log == NULL)
        return;
    if ((*log)->has_cached)
        fluss_segment_close(&(*log)->cached);
    fluss_manifest_fini(&(*log)->manifest);
    slu_free((*log)->dir);
    slu_free((*log)->relative);
    slu_free((*log)->partition);
    slu_free(*log);
    *log = NULL;
}

static slu_status
log_read_manifest(fluss_remote_log *log, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_MANIFEST_BYTES_MAX);
    SLU_TRY(fluss_remote_manifest_file(log->dir, log->manifest_id, path, err));
    slu_status status = slu_file_read(path, FLUSS_MANIFEST_BYTES_MAX, &json, err);
    if (status == SLU_OK)
        status = fluss_manifest_decode(slu_buf_view(&json), &log->manifest, err);
    if (status == SLU_OK && (log->manifest.table_id != log->table_id || log->manifest.partition_id != log->partition_id ||
                             log->manifest.bucket != log->tablet->bucket)) {
        fluss_manifest_fini(&log->manifest);
        status = slu_error_set(err, SLU_CORRUPT, "the manifest is of another bucket");
    }
    if (status != SLU_OK) {
        (void)slu_error_in(err, SLU_IO, "table %s.%s, bucket %" PRId32 ": rows in remote storage cannot be read: %s",
                           log->tablet->table->row.database, log->tablet->table->row.name, log->tablet->bucket, path);
        err->status = SLU_IO;
        return SLU_IO;
    }
    log->manifest.copied_end_offset = SLU_MAX(log->manifest.copied_end_offset, log->copied_end);
    return SLU_OK;
}

/* A broken manifest is looked at anew: somebody may have put it back. */
static slu_status
log_check(fluss_remote_log *log, slu_error *err)
{
    if (log->broken == SLU_OK)
        return SLU_OK;
    log->broken = log_read_manifest(log, &log->why);
    if (log->broken != SLU_OK && err != NULL)
        *err = log->why;
    return log->broken;
}

/* What is doomed already dies by itself, later. */
static slu_status
log_sweep(fluss_remote_log *log, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    const char **paths = NULL;
    size_t count = 0;
    size_t spared = 0;
    fluss_job *job = NULL;
    if (!slu_path_exists(log->dir))
        return SLU_OK;
    slu_arena_init(&arena, REMOTE_DOOMED_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_doomed(log->remote->server->catalogue, INT64_MAX, SIZE_MAX >> 1, &arena, &paths, &count, err));
    const size_t prefix = strlen(log->relative);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(paths[i], log->relative, prefix) != 0 || paths[i][prefix] != '/')
            continue;
        const char *name = strrchr(paths[i], '/') + 1;
        paths[spared] = slu_arena_strndup(&arena, name, SLU_MIN(strlen(name), (size_t)36));
        if (paths[spared] == NULL)
            return slu_arena_status(&arena, err);
        spared++;
    }
    SLU_TRY(fluss_sweep_new(log->remote->server->env, log->dir, &log->manifest, log->manifest_id, paths, spared, &job, err));
    fluss_background_submit(log->remote->server->background, job);
    return SLU_OK;
}

static slu_status
log_load(fluss_remote_log *log, slu_error *err)
{
    fluss_remote_row row;
    const slu_env *env = log->remote->server->env;
    log->start_offset = -1;
    log->manifest.table_id = log->table_id;
    log->manifest.partition_id = log->partition_id;
    log->manifest.bucket = log->tablet->bucket;
    log->manifest.copied_end_offset = -1;
    const slu_status status = fluss_catalogue_get_remote(log->remote->server->catalogue, log->table_id, log->partition_id,
                                                         log->tablet->bucket, &row, err);
    if (status != SLU_OK && status != SLU_NOTFOUND)
        return status;
    if (status == SLU_OK) {
        memcpy(log->manifest_id, row.manifest_id, sizeof log->manifest_id);
        log->start_offset = row.start_offset;
        log->copied_end = row.copied_end_offset;
        log->broken = log_read_manifest(log, &log->why);
    }
    if (log->broken != SLU_OK) {
        slu_log_error(env, "REMOTE-MANIFEST", "%s", log->why.message);
        return SLU_OK;
    }
    return log_sweep(log, err);
}

slu_status
fluss_remote_log_open(fluss_remote *remote, fluss_tablet *tablet, const char *partition, fluss_remote_log **out, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    char relative[SLU_PATH_BYTES_MAX];
    const fluss_remote_place place = place_of(tablet->table, tablet->partition_id, partition, tablet->bucket);
    SLU_TRY(fluss_remote_bucket_dir(remote->root, FLUSS_REMOTE_LOG, &place, dir, err));
    SLU_TRY(fluss_remote_bucket_dir("", FLUSS_REMOTE_LOG, &place, relative, err));
    fluss_remote_log *log = slu_alloc_zero(1, sizeof *log);
    if (log == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a remote log");
    log->remote = remote;
    log->tablet = tablet;
    log->table_id = tablet->table->row.id;
    log->partition_id = tablet->partition_id;
    log->dir = slu_strdup(dir);
    log->relative = slu_strdup(relative);
    log->partition = slu_strdup(partition == NULL ? "" : partition);
    const slu_status status = log->dir != NULL && log->relative != NULL && log->partition != NULL
                                  ? log_load(log, err)
                                  : slu_error_set(err, SLU_NOMEM, "no memory for a remote log");
    if (status != SLU_OK) {
        log_free(&log);
        return status;
    }
    *out = log;
    return SLU_OK;
}

void
fluss_remote_log_close(fluss_remote_log **log)
{
    if (*log == NULL)
        return;
    (*log)->tablet = NULL;
    if (!(*log)->busy)
        log_free(log);
    *log = NULL; /* else the copy's end frees it */
}

int64_t
fluss_remote_log_copied_end(const fluss_remote_log *log)
{
    return SLU_MAX(log->copied_end, (int64_t)0);
}

int64_t
fluss_remote_log_end(const fluss_remote_log *log)
{
    return log->manifest.count == 0 ? 0 : log->manifest.segments[log->manifest.count - 1].end_offset;
}

/* ---- reading ---- */

static slu_status
log_missing(const fluss_remote_log *log, int64_t offset, slu_error *err)
{
    return slu_error_set(err, SLU_NOTFOUND, "offset %" PRId64 " is not in remote storage (%s)", offset, log->dir);
}

static slu_status
log_open_segment(fluss_remote_log *log, const fluss_remote_segment *segment, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    if (log->has_cached && log->cached.base_offset == segment->start_offset)
        return SLU_OK;
    if (log->has_cached)
        fluss_segment_close(&log->cached);
    log->has_cached = false;
    if (snprintf(dir, sizeof dir, "%s/%s", log->dir, segment->id) >= (int)sizeof dir)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", log->dir);
    SLU_TRY(fluss_segment_open_foreign(&log->cached, dir, segment->start_offset, segment->end_offset, err));
    log->has_cached = true;
    return SLU_OK;
}

static int64_t
archive_start(void *context)
{
    const fluss_remote_log *log = context;
    if (log->broken != SLU_OK)
        return log->start_offset;
    return log->manifest.count == 0 ? -1 : log->manifest.segments[0].start_offset;
}

static slu_status
archive_read(void *context, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out, int64_t *out_next_offset,
             slu_error *err)
{
    fluss_remote_log *log = context;
    uint64_t position = 0;
    SLU_TRY(log_check(log, err));
    const size_t at = fluss_manifest_find(&log->manifest, offset);
    if (at == log->manifest.count)
        return log_missing(log, offset, err);
    SLU_TRY(log_open_segment(log, &log->manifest.segments[at], err));
    SLU_TRY(fluss_segment_find(&log->cached, offset, &position, err));
    return fluss_segment_read(&log->cached, position, bytes_max, one_at_least, out, out_next_offset, err);
}

fluss_log_archive
fluss_remote_log_archive(fluss_remote_log *log)
{
    const fluss_log_archive archive = {log, archive_start, archive_read};
    return archive;
}

slu_status
fluss_remote_log_name(fluss_remote_log *log, int64_t offset, int64_t until, fluss_remote_named *out, slu_error *err)
{
    uint64_t position = 0;
    SLU_TRY(log_check(log, err));
    const size_t first = fluss_manifest_find(&log->manifest, offset);
    if (first == log->manifest.count)
        return log_missing(log, offset, err);
    const fluss_remote_segment *segments = &log->manifest.segments[first];
    if (segments[0].start_offset != offset) {
        SLU_TRY(log_open_segment(log, &segments[0], err));
        SLU_TRY(fluss_segment_find(&log->cached, offset, &position, err));
    }
    size_t count = 1;
    while (count < FLUSS_REMOTE_NAMED_MAX && first + count < log->manifest.count && segments[count].start_offset < until &&
           segments[count].start_offset == segments[count - 1].end_offset)
        count++;
    const fluss_remote_named named = {log->dir, segments, count, (int32_t)position};
    *out = named;
    return SLU_OK;
}

slu_status
fluss_remote_log_offset_at(fluss_remote_log *log, int64_t time_ms, int64_t until, int64_t *out, slu_error *err)
{
    SLU_TRY(log_check(log, err));
    for (size_t i = 0; i < log->manifest.count && log->manifest.segments[i].start_offset < until; i++) {
        if (log->manifest.segments[i].max_time_ms < time_ms)
            continue;
        SLU_TRY(log_open_segment(log, &log->manifest.segments[i], err));
        const slu_status status = fluss_segment_find_time(&log->cached, time_ms, out, err);
        if (status != SLU_NOTFOUND)
            return status;
    }
    return slu_error_set(err, SLU_NOTFOUND, "no remote batch at or after %" PRId64, time_ms);
}

/* ---- copying ---- */

static int64_t
table_duration(const fluss_served *table, const char *key, int64_t otherwise)
{
    int64_t ms = otherwise;
    const char *text = fluss_descriptor_get(&table->descriptor, key);
    return text != NULL && fluss_duration_parse(text, &ms) ? ms : otherwise;
}

/* How many segments from the front are past their time. */
static size_t
log_expired(const fluss_remote_log *log)
{
    fluss_server *server = log->remote->server;
    const int64_t ttl_ms = table_duration(log->tablet->table, "table.log.ttl", FLUSS_LOG_TTL_MS_DEFAULT);
    const fluss_manifest *manifest = &log->manifest;
    const int64_t before = slu_wall_ms(server->env) - ttl_ms;
    size_t count = 0;
    if (ttl_ms <= 0 || manifest->count == 0 || manifest->segments[0].max_time_ms >= before)
        return 0;
    const int64_t below = fluss_server_rows_below(server, log->tablet);
    while (count < manifest->count && manifest->segments[count].max_time_ms < before &&
           manifest->segments[count].end_offset <= below)
        count++;
    return count;
}

static void
log_trim_local(fluss_remote_log *log)
{
    slu_error why;
    int64_t keep = REMOTE_LOCAL_SEGMENTS_DEFAULT;
    if (log->tablet->log == NULL)
        return; /* it is being opened anew */
    const char *text = fluss_descriptor_get(&log->tablet->table->descriptor, "table.log.tiered.local-segments");
    if (text != NULL)
        keep = SLU_MAX((int64_t)strtoll(text, NULL, 10), (int64_t)1);
    if (fluss_log_trim(log->tablet->log, (size_t)keep, fluss_remote_log_end(log), &why) != SLU_OK)
        slu_log_warn(log->remote->server->env, "REMOTE-TRIM", "%s", why.message);
}

/* Into the catalogue, and from then on valid. */
static slu_status
copy_commit(fluss_remote_log *log, fluss_copy *copy, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_remote_row row;
    size_t doomed_count = 0;
    fluss_server *server = log->remote->server;
    const int64_t first = copy->manifest.count == 0 ? INT64_MAX : copy->manifest.segments[0].start_offset;
    slu_arena_init(&arena, REMOTE_DOOMED_BYTES_MAX);
    const char **doomed = slu_arena_array(&arena, log->manifest.count + 1, sizeof *doomed);
    for (size_t i = 0; doomed != NULL && i < log->manifest.count && log->manifest.segments[i].start_offset < first; i++)
        doomed[doomed_count++] = slu_arena_printf(&arena, "%s/%s", log->relative, log->manifest.segments[i].id);
    if (doomed != NULL && log->manifest_id[0] != 0)
        doomed[doomed_count++] =
            slu_arena_printf(&arena, "%s/" FLUSS_REMOTE_METADATA "/%s.manifest", log->relative, log->manifest_id);
    SLU_TRY(slu_arena_status(&arena, err));
    memcpy(row.manifest_id, copy->manifest_id, sizeof row.manifest_id);
    row.start_offset = copy->manifest.count == 0 ? -1 : first;
    row.copied_end_offset = copy->manifest.copied_end_offset;
    SLU_TRY(fluss_catalogue_set_remote(server->catalogue, log->table_id, log->partition_id, log->tablet->bucket, &row, doomed,
                                       doomed_count, slu_wall_ms(server->env) + FLUSS_REMOTE_GRACE_MS, err));
    memcpy(log->manifest_id, copy->manifest_id, sizeof log->manifest_id);
    log->start_offset = row.start_offset;
    log->copied_end = row.copied_end_offset;
    fluss_manifest_fini(&log->manifest);
    log->manifest = copy->manifest;
    memset(&copy->manifest, 0, sizeof copy->manifest);
    return SLU_OK;
}

/* Copies that never became valid. */
static void
copy_discard(fluss_remote_log *log, const fluss_copy *copy)
{
    char path[SLU_PATH_BYTES_MAX];
    slu_error why;
    for (size_t i = 0; i < copy->added; i++) {
        fluss_job *job = NULL;
        if (snprintf(path, sizeof path, "%s/%s", log->dir, copy->add[i].id) < (int)sizeof path &&
            fluss_remove_new(path, NULL, NULL, &job, &why) == SLU_OK)
            fluss_background_submit(log->remote->server->background, job);
    }
}

/* A round that comes this far is followed by another at once. */
static size_t
log_copies_max(const fluss_remote_log *log)
{
    return (size_t)SLU_MIN(log->remote->server->config->remote_log_task_max_upload_segments, (int64_t)FLUSS_COPY_SEGMENTS_MAX);
}

static void log_work(fluss_remote_log *log);

static void
copy_done(fluss_job *job, slu_status status, const slu_error *err)
{
    fluss_copy *copy = (fluss_copy *)(void *)job;
    fluss_remote_log *log = copy->owner;
    const slu_env *env = log->remote->server->env;
    const bool more = status == SLU_OK && copy->added == log_copies_max(log);
    slu_error why;
    log->busy = false;
    if (log->tablet == NULL || status == SLU_CLOSED) {
        fluss_copy_free(&copy); /* dropped, or the server ends: what lies there is swept when the bucket is opened */
        if (log->tablet == NULL)
            log_free(&log);
        return;
    }
    if (status != SLU_OK)
        slu_log_warn(env, "REMOTE-COPY-FAILED", "table %s.%s, bucket %" PRId32 ": %s; it is tried again", copy->place.database,
                     copy->place.table, copy->place.bucket, err->message);
    if (copy->added != 0 || copy->forget) {
        if (copy_commit(log, copy, &why) == SLU_OK) {
            log_trim_local(log);
        } else {
            slu_log_warn(env, "REMOTE-COMMIT-FAILED", "%s; it is tried again", why.message);
            copy_discard(log, copy);
        }
    }
    fluss_copy_free(&copy);
    if (more)
        log_work(log);
}

static slu_status
copy_fill(fluss_remote_log *log, fluss_copy *copy, slu_error *err)
{
    const slu_env *env = log->remote->server->env;
    int64_t from = SLU_MAX(log->manifest.copied_end_offset, fluss_log_start(log->tablet->log));
    SLU_TRY(fluss_manifest_copy(&log->manifest, &copy->manifest, err));
    const size_t expired = log_expired(log);
    fluss_manifest_drop(&copy->manifest, expired);
    copy->forget = expired != 0;
    while (copy->add_count < log_copies_max(log)) {
        fluss_log_closed closed;
        const slu_status status = fluss_log_closed_from(log->tablet->log, from, &closed, err);
        if (status == SLU_NOTFOUND)
            break;
        SLU_TRY(status);
        fluss_remote_segment *segment = &copy->add[copy->add_count++];
        slu_uuid_new(env, segment->id);
        segment->start_offset = closed.base_offset;
        segment->end_offset = closed.next_offset;
        segment->max_time_ms = closed.max_time_ms;
        segment->bytes = (int32_t)closed.bytes;
        from = closed.next_offset;
    }
    slu_uuid_new(env, copy->manifest_id);
    return SLU_OK;
}

static slu_status
log_begin_copy(fluss_remote_log *log, slu_error *err)
{
    fluss_copy *copy = NULL;
    const fluss_tablet *tablet = log->tablet;
    const fluss_remote_place place = place_of(tablet->table, tablet->partition_id, log->partition, tablet->bucket);
    SLU_TRY(log_check(log, err));
    SLU_TRY(fluss_copy_new(&place, fluss_log_dir(tablet->log), log->dir, &copy, err));
    const slu_status status = copy_fill(log, copy, err);
    if (status != SLU_OK || (copy->add_count == 0 && !copy->forget)) {
        fluss_copy_free(&copy);
        return status;
    }
    copy->owner = log;
    copy->sync = log->remote->server->config->sync;
    copy->job.done = copy_done;
    log->busy = true;
    fluss_background_submit(log->remote->server->background, &copy->job);
    return SLU_OK;
}

static void
log_work(fluss_remote_log *log)
{
    slu_error why;
    if (log->busy || log->tablet->log == NULL)
        return;
    if (log->has_cached)
        fluss_segment_close(&log->cached);
    log->has_cached = false;
    if (log_begin_copy(log, &why) != SLU_OK)
        slu_log_warn(log->remote->server->env, "REMOTE-COPY-FAILED", "table %s.%s, bucket %" PRId32 ": %s",
                     log->tablet->table->row.database, log->tablet->table->row.name, log->tablet->bucket, why.message);
    else if (!log->busy)
        log_trim_local(log); /* table.log.tiered.local-segments may be another now */
}

static void
remote_work_tablet(void *context, fluss_tablet *tablet)
{
    (void)context;
    if (tablet->remote != NULL)
        log_work(tablet->remote);
}

static void
remote_tick(void *context)
{
    fluss_remote *remote = context;
    if (fluss_remote_enabled(remote))
        fluss_tables_each(remote->server->tables, remote_work_tablet, NULL);
    remote_remove_now(remote);
    slu_timer_set(remote->timer, fluss_remote_enabled(remote) ? remote->interval_ms : REMOTE_REMOVE_INTERVAL_MS);
}
