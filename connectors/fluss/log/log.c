/* log.c: opening, recovery, appending, and what is dropped; reading is log_read.c. */
#include "fluss/log/log_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/log/log_files.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define LOG_SEGMENT_BYTES_MAX ((uint64_t)INT32_MAX - ((uint64_t)128 << 20)) /* positions in an index are 32 bits */
#define LOG_ERROR_UNSUPPORTED 2
#define LOG_ERROR_CORRUPT_RECORD 14
#define LOG_ERROR_TOO_LARGE 13

int64_t
fluss_log_start(const fluss_log *log)
{
    return log->segments[0].base_offset;
}

int64_t
fluss_log_end(const fluss_log *log)
{
    return log_active(log)->next_offset;
}

int64_t
fluss_log_max_time(const fluss_log *log)
{
    return log->max_time_ms;
}

/* ---- opening ---- */

static fluss_segment *
log_add_segment(fluss_log *log, slu_error *err)
{
    if (log->segment_count == log->segment_room) {
        const size_t room = log->segment_room == 0 ? 4 : log->segment_room * 2;
        fluss_segment *segments = slu_realloc(log->segments, room * sizeof *segments);
        if (segments == NULL) {
            (void)slu_error_set(err, SLU_NOMEM, "no memory for log segments");
            return NULL;
        }
        log->segments = segments;
        log->segment_room = room;
    }
    return &log->segments[log->segment_count];
}

/* What is in the active segment now is on the disk. */
static void
log_note_synced(fluss_log *log)
{
    log->unsynced_records = 0;
    log->synced_offset = fluss_log_end(log);
    log->synced_bytes = log_active(log)->bytes;
}

static slu_status
log_sync_active(fluss_log *log, slu_error *err)
{
    const fluss_segment *active = log_active(log);
    if (log->sync_failed)
        return slu_error_set(err, SLU_IO, "sync %s: an earlier one failed, and what it lost is not known", active->stem);
    const int rc = log->options.sync_file != NULL ? log->options.sync_file(active->fd) : fdatasync(active->fd);
    if (rc != 0) {
        log->sync_failed = true; /* the kernel tells once: the next one would say that all is well */
        return slu_errno_set(err, errno, "sync", active->stem);
    }
    log_note_synced(log);
    return SLU_OK;
}

static slu_status
log_create_segment(fluss_log *log, int64_t base_offset, slu_error *err)
{
    fluss_segment *segment = log_add_segment(log, err);
    if (segment == NULL)
        return SLU_NOMEM;
    SLU_TRY(fluss_segment_create(segment, log->dir, base_offset, err));
    log->segment_count++;
    log_note_synced(log);
    return log->options.sync ? slu_dir_sync(log->dir, err) : SLU_OK; /* a file without a name is lost with the power */
}

static slu_status
log_open_segments(fluss_log *log, const fluss_log_files *files, slu_error *err)
{
    for (size_t i = 0; i < files->segment_count; i++) {
        fluss_segment *segment = log_add_segment(log, err);
        if (segment == NULL)
            return SLU_NOMEM;
        const int64_t next = i + 1 < files->segment_count ? files->segments[i + 1] : files->segments[i];
        SLU_TRY(fluss_segment_open(segment, log->dir, files->segments[i], next, err));
        log->segment_count++;
    }
    return log->segment_count != 0 ? SLU_OK : log_create_segment(log, log->options.begin_offset, err);
}

typedef struct log_replay {
    fluss_log *log;
    int64_t from;
    slu_error *err;
} log_replay;

static slu_status
log_replay_batch(void *context, const fluss_log_header *head)
{
    const log_replay *replay = context;
    fluss_log *log = replay->log;
    if (head->commit_timestamp > log->max_time_ms)
        log->max_time_ms = head->commit_timestamp;
    if (head->base_offset < replay->from)
        return SLU_OK;
    log->bytes_since_snapshot += head->batch_bytes;
    const fluss_writer_batch batch = {head->writer_id, head->base_offset, head->commit_timestamp, head->sequence,
                                      head->last_offset_delta};
    return fluss_writers_note(log->writers, &batch, replay->err);
}

static slu_status
log_replay_walked(void *context, const fluss_log_header *head, uint64_t position)
{
    (void)position;
    return log_replay_batch(context, head);
}

/* The heads of closed segments from the snapshot on (none, normally: a snapshot is written when a segment is closed); of the last
 * closed one a batch at least, since its time is a floor for the next. */
static slu_status
log_replay_closed(fluss_log *log, log_replay *replay, slu_error *err)
{
    for (size_t i = 0; i + 1 < log->segment_count; i++) {
        fluss_segment *segment = &log->segments[i];
        uint64_t position = 0;
        if (segment->next_offset <= replay->from && i + 2 < log->segment_count)
            continue;
        const int64_t from = SLU_MAX(SLU_MIN(replay->from, segment->next_offset - 1), segment->base_offset);
        SLU_TRY(fluss_segment_find(segment, from, &position, err));
        SLU_TRY(fluss_segment_walk(segment, position, log_replay_walked, replay, err));
    }
    return SLU_OK;
}

/* Rebuilds writers and end from the snapshot at `from` (-1: from the first batch). *out_good: false when the log ends before it. */
static slu_status
log_recover_from(fluss_log *log, int64_t from, bool *out_good, slu_error *err)
{
    fluss_segment *active = log_active(log);
    log_replay replay = {log, from, err};
    uint64_t cut = 0;
    log->bytes_since_snapshot = 0;
    SLU_TRY(log_replay_closed(log, &replay, err));
    SLU_TRY(fluss_segment_recover(active, from, log_replay_batch, &replay, &cut, err));
    log->max_time_ms = SLU_MAX(log->max_time_ms, active->max_time_ms);
    if (active->bad_count != 0)
        slu_log_error(log->env, "LOG-CORRUPT",
                      "bucket %s: %" PRIu32 " batches of %s.log are damaged, the last at %" PRIu64 "; what follows is kept",
                      log->name, active->bad_count, active->stem, active->bad_at);
    if (cut != 0)
        slu_log_warn(log->env, "LOG-TORN", "bucket %s: %" PRIu64 " bytes of an unfinished append were cut off at offset %" PRId64,
                     log->name, cut, active->next_offset);
    *out_good = active->next_offset >= from;
    return SLU_OK;
}

static slu_status
log_recover(fluss_log *log, fluss_log_files *files, slu_error *err)
{
    bool good = false;
    while (!good) {
        slu_error why;
        log->snapshot_offset = files->snapshot_count == 0 ? -1 : files->snapshots[files->snapshot_count - 1];
        fluss_writers_reset(log->writers);
        if (log->snapshot_offset >= 0 &&
            fluss_log_files_read_snapshot(log->dir, log->snapshot_offset, log->writers, &why) != SLU_OK)
            slu_log_warn(log->env, "SNAPSHOT-BAD", "bucket %s: %s; an older one is used", log->name, why.message);
        else
            SLU_TRY(log_recover_from(log, log->snapshot_offset, &good, err));
        if (!good) {
            SLU_TRY(fluss_log_files_remove_snapshot(log->dir, log->snapshot_offset, err));
            files->snapshot_count--;
        }
    }
    return SLU_OK;
}

/* The log ends before what is known to have been in it (the disk lost it, the archive has it): offsets are not given twice. */
static slu_status
log_begin_anew(fluss_log *log, slu_error *err)
{
    slu_log_error(log->env, "LOG-LOST",
                  "bucket %s: its files end at offset %" PRId64 ", but it has been up to %" PRId64 "; it goes on from there",
                  log->name, fluss_log_end(log), log->options.begin_offset);
    while (log->segment_count != 0) {
        fluss_segment *last = log_active(log);
        SLU_TRY(fluss_segment_remove(last, err));
        fluss_segment_close(last);
        log->segment_count--;
    }
    return log_create_segment(log, log->options.begin_offset, err);
}

static slu_status
log_load(fluss_log *log, slu_error *err)
{
    SLU_AUTO(fluss_log_files_fini) fluss_log_files files = {0};
    SLU_TRY(slu_dir_make(log->dir, err));
    SLU_TRY(fluss_log_files_list(log->dir, &files, err));
    SLU_TRY(fluss_writers_new(&log->writers, err));
    SLU_TRY(log_open_segments(log, &files, err));
    SLU_TRY(log_recover(log, &files, err));
    if (log->options.sync)
        SLU_TRY(log_sync_active(log, err)); /* what recovery found may be in memory only */
    return fluss_log_end(log) >= log->options.begin_offset ? SLU_OK : log_begin_anew(log, err);
}

static void
log_free(fluss_log **log)
{
    for (size_t i = 0; i < (*log)->segment_count; i++)
        fluss_segment_close(&(*log)->segments[i]);
    slu_free((*log)->segments);
    fluss_writers_free(&(*log)->writers);
    slu_free((*log)->dir);
    slu_free((*log)->name);
    slu_free(*log);
    *log = NULL;
}

slu_status
fluss_log_open(const slu_env *env, const char *dir, const char *name, const fluss_log_options *options, fluss_log **out,
               slu_error *err)
{
    fluss_log *log = slu_alloc_zero(1, sizeof *log);
    if (log == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a log");
    log->env = env;
    log->options = *options;
    if (log->options.segment_bytes == 0 || log->options.segment_bytes > LOG_SEGMENT_BYTES_MAX)
        log->options.segment_bytes = FLUSS_LOG_SEGMENT_BYTES_DEFAULT;
    if (log->options.snapshot_bytes == 0)
        log->options.snapshot_bytes = FLUSS_LOG_SNAPSHOT_BYTES_DEFAULT;
    log->dir = slu_strdup(dir);
    log->name = slu_strdup(name);
    log->max_time_ms = -1;
    log->snapshot_offset = -1;
    for (size_t i = 0; i < LOG_PLACES; i++)
        log->places[i].offset = -1;
    slu_status status =
        log->dir != NULL && log->name != NULL ? log_load(log, err) : slu_error_set(err, SLU_NOMEM, "no memory for a log");
    if (status != SLU_OK) {
        log_free(&log);
        return slu_error_in(err, status, "bucket %s", name);
    }
    *out = log;
    return SLU_OK;
}

static slu_status
log_take_snapshot(fluss_log *log, slu_error *err)
{
    const int64_t end = fluss_log_end(log);
    if (end == log->snapshot_offset)
        return SLU_OK;
    if (log->options.sync)
        SLU_TRY(log_sync_active(log, err)); /* (2), also when the power fails */
    SLU_TRY(fluss_log_files_write_snapshot(log->dir, end, log->writers, log->options.sync, err));
    const int64_t old = log->snapshot_offset;
    log->snapshot_offset = end;
    log->bytes_since_snapshot = 0;
    for (size_t i = 0; old >= 0 && i < log->segment_count; i++)
        if (log->segments[i].base_offset == old)
            return SLU_OK; /* the one at the head of a segment goes where the segment goes */
    return old >= 0 ? fluss_log_files_remove_snapshot(log->dir, old, err) : SLU_OK;
}

/* One that cannot be written makes the next start read more; it is tried again before long. */
static void
log_try_snapshot(fluss_log *log)
{
    slu_error why;
    if (log_take_snapshot(log, &why) == SLU_OK)
        return;
    log->bytes_since_snapshot -= log->bytes_since_snapshot / 8;
    slu_log_warn(log->env, "SNAPSHOT-FAILED", "bucket %s: %s; it is tried again later", log->name, why.message);
}

void
fluss_log_close(fluss_log **log)
{
    slu_error why;
    if (*log == NULL)
        return;
    if (log_take_snapshot(*log, &why) != SLU_OK)
        slu_log_warn((*log)->env, "SNAPSHOT-FAILED", "bucket %s: %s; the next start reads more", (*log)->name, why.message);
    log_free(log);
}

/* ---- appending ---- */

static slu_status
log_check_batches(const fluss_log *log, slu_view batches, slu_error *err)
{
    if (batches.bytes == 0)
        return slu_error_coded(err, slu_error_set(err, SLU_CORRUPT, "no batch for bucket %s", log->name), LOG_ERROR_CORRUPT_RECORD);
    while (batches.bytes != 0) {
        fluss_log_header head;
        slu_status status = fluss_log_head(batches, &head, err);
        if (status == SLU_MORE || (status == SLU_OK && head.batch_bytes > batches.bytes))
            status = slu_error_set(err, SLU_CORRUPT, "the last batch for bucket %s is not whole", log->name);
        if (status == SLU_OK)
            status = fluss_log_verify(slu_view_of(batches.data, head.batch_bytes), &head, err);
        if (status != SLU_OK)
            return slu_error_coded(err, status, status == SLU_UNSUPPORTED ? LOG_ERROR_UNSUPPORTED : LOG_ERROR_CORRUPT_RECORD);
        if (head.batch_bytes > log->options.segment_bytes)
            return slu_error_coded(err,
                                   slu_error_set(err, SLU_LIMIT, "a batch of %zu bytes for bucket %s; a segment has %" PRIu64,
                                                 head.batch_bytes, log->name, log->options.segment_bytes),
                                   LOG_ERROR_TOO_LARGE);
        batches = slu_view_of(batches.data + head.batch_bytes, batches.bytes - head.batch_bytes);
    }
    return SLU_OK;
}

static slu_status
log_roll_if_full(fluss_log *log, const fluss_log_header *head, slu_error *err)
{
    const fluss_segment *active = log_active(log);
    const bool fits = active->bytes + head->batch_bytes <= log->options.segment_bytes &&
                      active->next_offset - active->base_offset <= (int64_t)INT32_MAX - head->last_offset_delta;
    if (active->bytes == 0 || fits)
        return SLU_OK;
    slu_error why;
    if (log->options.sync)
        SLU_TRY(log_sync_active(log, err)); /* nobody comes back to it */
    if (log_take_snapshot(log, &why) !=
        SLU_OK) /* the next start reads from an older one; and if there is no room at all, the segment tells */
        slu_log_warn(log->env, "SNAPSHOT-FAILED", "bucket %s: %s", log->name, why.message);
    if (fluss_segment_seal(log_active(log), &why) != SLU_OK) /* a shorter index is a slower one, no more */
        slu_log_warn(log->env, "INDEX-SHORT", "bucket %s: %s", log->name, why.message);
    return log_create_segment(log, active->next_offset, err);
}

static slu_status
log_append_one(fluss_log *log, slu_view batch, const fluss_log_header *head, slu_error *err)
{
    const int64_t now = slu_wall_ms(log->env);
    const int64_t base = fluss_log_end(log);
    SLU_TRY(log_roll_if_full(log, head, err));
    SLU_TRY(fluss_writers_reserve(log->writers, head->writer_id, err)); /* or it would be stored, refused, and stored once more */
    log->max_time_ms = SLU_MAX(log->max_time_ms, now);
    SLU_TRY(fluss_segment_append(log_active(log), batch, head, base, log->max_time_ms, err));
    log->unsynced_records += head->record_count;
    log->bytes_since_snapshot += batch.bytes;
    const fluss_writer_batch noted = {head->writer_id, base, log->max_time_ms, head->sequence, head->last_offset_delta};
    SLU_TRY(fluss_writers_note(log->writers, &noted, err)); /* cannot fail: it was reserved */
    if (log->bytes_since_snapshot >= log->options.snapshot_bytes)
        log_try_snapshot(log);
    return SLU_OK; /* the batch is stored, whatever became of the rest */
}

slu_status
fluss_log_check_writer(fluss_log *log, int64_t writer_id, int32_t sequence, fluss_appended *out, slu_error *err)
{
    fluss_writer_batch stored;
    if (writer_id < 0)
        return SLU_OK;
    const slu_status status = fluss_writers_check(log->writers, writer_id, sequence, log->name, &stored, err);
    if (status == SLU_CONFLICT) {
        out->base_offset = stored.base_offset;
        out->next_offset = stored.base_offset + stored.offset_delta + 1;
        out->duplicate = true;
    }
    return status;
}

slu_status
fluss_log_append(fluss_log *log, slu_view batches, fluss_appended *out, slu_error *err)
{
    fluss_appended appended = {fluss_log_end(log), 0, false};
    SLU_TRY(log_check_batches(log, batches, err));
    for (bool first = true; batches.bytes != 0; first = false) {
        fluss_log_header head;
        fluss_appended stored;
        SLU_TRY(fluss_log_head(batches, &head, err));
        const slu_status status = fluss_log_check_writer(log, head.writer_id, head.sequence, &stored, err);
        if (status == SLU_CONFLICT && first)
            appended = stored;
        else if (status == SLU_OK)
            SLU_TRY_IN(log_append_one(log, slu_view_of(batches.data, head.batch_bytes), &head, err), err, "bucket %s", log->name);
        else if (status != SLU_CONFLICT)
            return status;
        batches = slu_view_of(batches.data + head.batch_bytes, batches.bytes - head.batch_bytes);
    }
    if (!appended.duplicate)
        appended.next_offset = fluss_log_end(log);
    *out = appended;
    return SLU_OK;
}

slu_status
fluss_log_sync(fluss_log *log, slu_error *err)
{
    if (!fluss_log_wants_sync(log))
        return SLU_OK;
    SLU_TRY_IN(log_sync_active(log, err), err, "bucket %s", log->name);
    return SLU_OK;
}

bool
fluss_log_wants_sync(const fluss_log *log)
{
    return log->options.sync ? fluss_log_end(log) != log->synced_offset
                             : log->options.sync_records > 0 && log->unsynced_records >= log->options.sync_records;
}

int64_t
fluss_log_committed(const fluss_log *log)
{
    return log->options.sync ? log->synced_offset : fluss_log_end(log);
}

void
fluss_log_abandon(fluss_log **log)
{
    fluss_segment *active = log_active(*log);
    if ((*log)->options.sync && active->bytes > (*log)->synced_bytes)
        (void)!ftruncate(active->fd, (off_t)(*log)->synced_bytes); /* else recovery finds it whole: more than was promised */
    log_free(log);
}

bool
fluss_log_has_closed(const fluss_log *log)
{
    return log->segment_count > 1;
}

/* With the writer snapshot at its head, unless that is the newest one. */
static slu_status
log_drop_first(fluss_log *log, slu_error *err)
{
    fluss_segment *first = &log->segments[0];
    if (first->base_offset != log->snapshot_offset)
        SLU_TRY(fluss_log_files_remove_snapshot(log->dir, first->base_offset, err));
    SLU_TRY(fluss_segment_remove(first, err));
    fluss_segment_close(first);
    log->segment_count--;
    memmove(log->segments, log->segments + 1, log->segment_count * sizeof *log->segments);
    return SLU_OK;
}

slu_status
fluss_log_expire(fluss_log *log, int64_t writers_before_ms, int64_t segments_before_ms, int64_t below_offset, slu_error *err)
{
    fluss_writers_expire(log->writers, writers_before_ms);
    while (fluss_log_has_closed(log) && segments_before_ms > 0 && log->segments[0].next_offset <= below_offset) {
        int64_t offset = 0;
        const slu_status young = fluss_segment_find_time(&log->segments[0], segments_before_ms, &offset, err);
        if (young != SLU_NOTFOUND)
            return young;
        SLU_TRY(log_drop_first(log, err));
    }
    return SLU_OK;
}

slu_status
fluss_log_trim(fluss_log *log, size_t keep, int64_t below_offset, slu_error *err)
{
    while (fluss_log_has_closed(log) && log->segment_count > keep && log->segments[0].next_offset <= below_offset)
        SLU_TRY(log_drop_first(log, err));
    return SLU_OK;
}

/* ---- for those who keep copies ---- */

const char *
fluss_log_dir(const fluss_log *log)
{
    return log->dir;
}

slu_status
fluss_log_closed_from(fluss_log *log, int64_t offset, fluss_log_closed *out, slu_error *err)
{
    for (size_t i = 0; i + 1 < log->segment_count; i++) {
        fluss_segment *segment = &log->segments[i];
        if (segment->base_offset < offset)
            continue;
        SLU_TRY(fluss_segment_load_time(segment, err));
        SLU_TRY(fluss_segment_seal(segment, err));
        const fluss_log_closed closed = {segment->base_offset, segment->next_offset, segment->max_time_ms, segment->bytes};
        *out = closed;
        return SLU_OK;
    }
    return slu_error_set(err, SLU_NOTFOUND, "bucket %s has no closed segment from offset %" PRId64, log->name, offset);
}

void
fluss_log_set_archive(fluss_log *log, const fluss_log_archive *archive)
{
    log->archive = *archive;
}
