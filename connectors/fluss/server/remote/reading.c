/* reading.c: rows that are in remote storage only: named to clients, searched, and read for those who need them here. */
#include "fluss/server/remote/far.h"
#include "fluss/server/remote/internal.h"

#include <inttypes.h>

static slu_status
log_missing(const fluss_remote_log *log, int64_t offset, slu_error *err)
{
    return slu_error_set(err, SLU_NOTFOUND, "offset %" PRId64 " is not in remote storage (%s)", offset, log->dir);
}

void
fluss_remote_log_uncache(fluss_remote_log *log)
{
    if (log->has_cached)
        fluss_segment_close(&log->cached);
    log->has_cached = false;
}

static fluss_far
log_far(const fluss_remote_log *log, const fluss_remote_segment *segment)
{
    const fluss_far far = {&log->remote->store, log->dir, log->near, segment};
    return far;
}

/* Of a store that is local. */
static slu_status
log_open_segment(fluss_remote_log *log, const fluss_remote_segment *segment, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    if (log->has_cached && log->cached.base_offset == segment->start_offset)
        return SLU_OK;
    fluss_remote_log_uncache(log);
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
    SLU_TRY(fluss_remote_log_check(log, err));
    const size_t at = fluss_manifest_find(&log->manifest, offset);
    if (at == log->manifest.count)
        return log_missing(log, offset, err);
    if (!log->remote->store.local) {
        const fluss_far far = log_far(log, &log->manifest.segments[at]);
        return fluss_far_read(&far, offset, bytes_max, one_at_least, out, out_next_offset, err);
    }
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

/* Where a client begins to read: at the batch, or where the index at hand says that it is not before. */
static slu_status
log_position(fluss_remote_log *log, const fluss_remote_segment *segment, int64_t offset, uint64_t *out, slu_error *err)
{
    if (segment->start_offset == offset)
        return SLU_OK;
    if (!log->remote->store.local) {
        const fluss_far far = log_far(log, segment);
        *out = fluss_far_floor(&far, offset);
        return SLU_OK;
    }
    SLU_TRY(log_open_segment(log, segment, err));
    return fluss_segment_find(&log->cached, offset, out, err);
}

slu_status
fluss_remote_log_name(fluss_remote_log *log, int64_t offset, int64_t until, fluss_remote_named *out, slu_error *err)
{
    uint64_t position = 0;
    SLU_TRY(fluss_remote_log_check(log, err));
    const size_t first = fluss_manifest_find(&log->manifest, offset);
    if (first == log->manifest.count)
        return log_missing(log, offset, err);
    const fluss_remote_segment *segments = &log->manifest.segments[first];
    SLU_TRY(log_position(log, segments, offset, &position, err));
    size_t count = 1;
    while (count < FLUSS_REMOTE_NAMED_MAX && first + count < log->manifest.count && segments[count].start_offset < until &&
           segments[count].start_offset == segments[count - 1].end_offset)
        count++;
    const fluss_remote_named named = {log->dir, segments, count, (int32_t)position};
    *out = named;
    return SLU_OK;
}

static slu_status
log_find_time(fluss_remote_log *log, const fluss_remote_segment *segment, int64_t time_ms, int64_t *out, slu_error *err)
{
    if (!log->remote->store.local) {
        const fluss_far far = log_far(log, segment);
        return fluss_far_find_time(&far, time_ms, out, err);
    }
    SLU_TRY(log_open_segment(log, segment, err));
    return fluss_segment_find_time(&log->cached, time_ms, out, err);
}

slu_status
fluss_remote_log_offset_at(fluss_remote_log *log, int64_t time_ms, int64_t until, int64_t *out, slu_error *err)
{
    SLU_TRY(fluss_remote_log_check(log, err));
    for (size_t i = 0; i < log->manifest.count && log->manifest.segments[i].start_offset < until; i++) {
        if (log->manifest.segments[i].max_time_ms < time_ms)
            continue;
        const slu_status status = log_find_time(log, &log->manifest.segments[i], time_ms, out, err);
        if (status != SLU_NOTFOUND)
            return status;
    }
    return slu_error_set(err, SLU_NOTFOUND, "no remote batch at or after %" PRId64, time_ms);
}
