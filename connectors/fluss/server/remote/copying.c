/* copying.c: closed segments go to remote storage, old ones leave it, and local ones that are there go. */
#include "fluss/server/remote/internal.h"

#include "base/sizes.h"
#include "fluss/server/tables/table_rules.h"

#include <inttypes.h>
#include <stdlib.h>

#define REMOTE_LOCAL_SEGMENTS_DEFAULT 2

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

/* Whether the catalogue is known not to name the copy's manifest: an answer to a commit that failed may have been lost behind it. */
static bool
copy_is_surely_not_named(const fluss_remote_log *log, const fluss_copy *copy)
{
    fluss_remote_row row;
    slu_error why;
    const slu_status status = fluss_catalogue_get_remote(log->remote->server->catalogue, log->table_id, log->partition_id,
                                                         log->tablet->bucket, &row, &why);
    return status == SLU_NOTFOUND || (status == SLU_OK && strcmp(row.manifest_id, copy->manifest_id) != 0);
}

/* Copies that never became valid. Where that is not known they stay: what is too much is swept when the bucket is opened. */
static void
copy_discard(fluss_remote_log *log, const fluss_copy *copy)
{
    if (!copy_is_surely_not_named(log, copy)) {
        slu_log_warn(log->remote->server->env, "REMOTE-COMMIT-UNKNOWN", "table %s.%s, bucket %" PRId32 ": its copies stay",
                     copy->place.database, copy->place.table, copy->place.bucket);
        return;
    }
    char path[SLU_PATH_BYTES_MAX];
    slu_error why;
    for (size_t i = 0; i < copy->added; i++) {
        fluss_job *job = NULL;
        if (snprintf(path, sizeof path, "%s/%s", log->dir, copy->add[i].id) < (int)sizeof path &&
            fluss_remove_new(log->remote, path, NULL, &job, &why) == SLU_OK)
            fluss_background_submit(log->remote->server->background, job);
    }
}

/* A round that comes this far is followed by another at once. */
static size_t
log_copies_max(const fluss_remote_log *log)
{
    return (size_t)SLU_MIN(log->remote->server->config->remote_log_task_max_upload_segments, (int64_t)FLUSS_COPY_SEGMENTS_MAX);
}

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
            fluss_remote_log_free(&log);
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
        fluss_remote_log_work(log);
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
    const fluss_remote_place place = fluss_remote_place_of(tablet->table, tablet->partition_id, log->partition, tablet->bucket);
    SLU_TRY(fluss_remote_log_check(log, err));
    SLU_TRY(fluss_copy_new(log->remote, &place, fluss_log_dir(tablet->log), log->dir, &copy, err));
    const slu_status status = copy_fill(log, copy, err);
    if (status != SLU_OK || (copy->add_count == 0 && !copy->forget)) {
        fluss_copy_free(&copy);
        return status;
    }
    copy->owner = log;
    copy->job.done = copy_done;
    log->busy = true;
    fluss_background_submit(log->remote->server->background, &copy->job);
    return SLU_OK;
}

void
fluss_remote_log_work(fluss_remote_log *log)
{
    slu_error why;
    if (log->busy || log->tablet->log == NULL)
        return;
    fluss_remote_log_uncache(log);
    if (log_begin_copy(log, &why) != SLU_OK)
        slu_log_warn(log->remote->server->env, "REMOTE-COPY-FAILED", "table %s.%s, bucket %" PRId32 ": %s",
                     log->tablet->table->row.database, log->tablet->table->row.name, log->tablet->bucket, why.message);
    else if (!log->busy)
        log_trim_local(log); /* table.log.tiered.local-segments may be another now */
}
