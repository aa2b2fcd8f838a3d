/* log.c: what a tablet has in remote storage: its manifest, found and read; copying.c adds to it, reading.c reads it. */
#include "fluss/server/remote/internal.h"
#include "fluss/server/remote/sweep.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"

#include <inttypes.h>

void
fluss_remote_log_free(fluss_remote_log **log)
{
    if (*log == NULL)
        return;
    fluss_remote_log_uncache(*log);
    fluss_manifest_fini(&(*log)->manifest);
    slu_free((*log)->dir);
    slu_free((*log)->near);
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
    const fluss_store *store = &log->remote->store;
    slu_status status = store->ops->get(store->self, path, FLUSS_MANIFEST_BYTES_MAX, &json, err);
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

slu_status
fluss_remote_log_check(fluss_remote_log *log, slu_error *err)
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
    if (!log->remote->claimed || (log->remote->store.local && !slu_path_exists(log->dir)))
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
    SLU_TRY(fluss_sweep_new(log->remote, log->dir, &log->manifest, log->manifest_id, paths, spared, &job, err));
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
    char near[SLU_PATH_BYTES_MAX];
    char relative[SLU_PATH_BYTES_MAX];
    const fluss_remote_place place = fluss_remote_place_of(tablet->table, tablet->partition_id, partition, tablet->bucket);
    SLU_TRY(fluss_remote_bucket_dir(remote->root, FLUSS_REMOTE_LOG, &place, dir, err));
    SLU_TRY(fluss_remote_bucket_dir(remote->near, FLUSS_REMOTE_LOG, &place, near, err));
    SLU_TRY(fluss_remote_bucket_dir("", FLUSS_REMOTE_LOG, &place, relative, err));
    fluss_remote_log *log = slu_alloc_zero(1, sizeof *log);
    if (log == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a remote log");
    log->remote = remote;
    log->tablet = tablet;
    log->table_id = tablet->table->row.id;
    log->partition_id = tablet->partition_id;
    log->dir = slu_strdup(dir);
    log->near = slu_strdup(near);
    log->relative = slu_strdup(relative);
    log->partition = slu_strdup(partition == NULL ? "" : partition);
    const slu_status status = log->dir != NULL && log->near != NULL && log->relative != NULL && log->partition != NULL
                                  ? log_load(log, err)
                                  : slu_error_set(err, SLU_NOMEM, "no memory for a remote log");
    if (status != SLU_OK) {
        fluss_remote_log_free(&log);
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
        fluss_remote_log_free(log);
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
