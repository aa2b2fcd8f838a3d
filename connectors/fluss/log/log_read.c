/* log_read.c: reading a log, forward from an offset, and from its archive what is not here any more. */
#include "fluss/log/log_internal.h"

#include "base/fail.h"
#include "base/sizes.h"

#include <inttypes.h>

#define LOG_ERROR_OUT_OF_RANGE 19

static fluss_segment *
log_segment_of(fluss_log *log, int64_t offset)
{
    size_t low = 0;
    size_t high = log->segment_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (log->segments[middle].base_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &log->segments[low];
}

static slu_status
log_position(fluss_log *log, fluss_segment *segment, int64_t offset, uint64_t *out, slu_error *err)
{
    for (size_t i = 0; i < LOG_PLACES; i++) {
        if (log->places[i].offset == offset && log->places[i].segment_base == segment->base_offset) {
            *out = log->places[i].position;
            return SLU_OK;
        }
    }
    return fluss_segment_find(segment, offset, out, err);
}

static slu_status
log_check_range(const fluss_log *log, int64_t offset, slu_error *err)
{
    if (offset >= fluss_log_start(log) && offset <= fluss_log_end(log))
        return SLU_OK;
    return slu_error_coded(err,
                           slu_error_set(err, SLU_NOTFOUND,
                                         "The fetch offset %" PRId64 " is out of range for table bucket %s: it has %" PRId64
                                         " to %" PRId64,
                                         offset, log->name, fluss_log_start(log), fluss_log_end(log)),
                           LOG_ERROR_OUT_OF_RANGE);
}

static uint64_t
log_visible_bytes(const fluss_log *log, const fluss_segment *segment)
{
    return log->options.sync && segment == log_active(log) ? log->synced_bytes : segment->bytes;
}

static slu_status
log_read(fluss_log *log, int64_t offset, size_t bytes_max, bool one_at_least, bool committed, slu_buf *out,
         int64_t *out_next_offset, slu_error *err)
{
    uint64_t position = 0;
    const size_t before = out->bytes;
    int64_t next = offset;
    if (offset >= (committed ? fluss_log_committed(log) : fluss_log_end(log))) {
        *out_next_offset = next;
        return SLU_OK;
    }
    fluss_segment *segment = log_segment_of(log, offset);
    SLU_TRY(log_position(log, segment, offset, &position, err));
    const uint64_t bytes = segment->bytes;
    if (committed)
        segment->bytes = log_visible_bytes(log, segment); /* no further than that */
    const slu_status status = fluss_segment_read(segment, position, bytes_max, one_at_least, out, &next, err);
    segment->bytes = bytes;
    SLU_TRY(status);
    if (out->bytes != before) {
        const log_place place = {next, segment->base_offset, position + (out->bytes - before)};
        if (place.position < segment->bytes || segment == log_active(log))
            log->places[log->place_next++ % LOG_PLACES] = place;
    }
    *out_next_offset = next;
    return SLU_OK;
}

slu_status
fluss_log_read(fluss_log *log, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out, int64_t *out_next_offset,
               slu_error *err)
{
    SLU_TRY(log_check_range(log, offset, err));
    SLU_TRY_IN(log_read(log, offset, bytes_max, one_at_least, true, out, out_next_offset, err), err, "bucket %s", log->name);
    return SLU_OK;
}

slu_status
fluss_log_available(fluss_log *log, int64_t offset, uint64_t enough, uint64_t *out_bytes, slu_error *err)
{
    uint64_t position = 0;
    SLU_TRY(log_check_range(log, offset, err));
    *out_bytes = 0;
    if (offset >= fluss_log_committed(log))
        return SLU_OK;
    fluss_segment *segment = log_segment_of(log, offset);
    SLU_TRY(log_position(log, segment, offset, &position, err));
    uint64_t bytes = log_visible_bytes(log, segment) - position;
    for (segment++; bytes < enough && segment <= log_active(log); segment++)
        bytes += log_visible_bytes(log, segment);
    *out_bytes = SLU_MIN(bytes, enough);
    return SLU_OK;
}

slu_status
fluss_log_offset_at(fluss_log *log, int64_t time_ms, int64_t *out_offset, slu_error *err)
{
    for (size_t i = 0; i < log->segment_count; i++) {
        const slu_status status = fluss_segment_find_time(&log->segments[i], time_ms, out_offset, err);
        if (status != SLU_NOTFOUND)
            return status;
    }
    *out_offset = fluss_log_end(log);
    return SLU_OK;
}

int64_t
fluss_log_first(const fluss_log *log)
{
    const int64_t far = log->archive.start == NULL ? -1 : log->archive.start(log->archive.context);
    return far >= 0 ? SLU_MIN(far, fluss_log_start(log)) : fluss_log_start(log);
}

slu_status
fluss_log_read_any(fluss_log *log, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out, int64_t *out_next_offset,
                   slu_error *err)
{
    if (offset >= fluss_log_start(log) || log->archive.read == NULL) {
        SLU_TRY(log_check_range(log, offset, err));
        SLU_TRY_IN(log_read(log, offset, bytes_max, one_at_least, false, out, out_next_offset, err), err, "bucket %s", log->name);
        return SLU_OK;
    }
    const slu_status status = log->archive.read(log->archive.context, offset, bytes_max, one_at_least, out, out_next_offset, err);
    return status == SLU_NOTFOUND ? log_check_range(log, offset, err) : status;
}
