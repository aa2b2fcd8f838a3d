#include "fluss/log/segment.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEGMENT_HEAD_BYTES 56 /* the longest head of a batch; shorter ones end inside it */
#define SEGMENT_BATCH_BYTES_MIN 48
#define SEGMENT_TIME_AT 13 /* base offset 0..8 and commit time 13..21 are the server's, in every magic */
#define SEGMENT_TIME_END 21
#define SEGMENT_WALK_BYTES ((size_t)16 << 10)
#define SEGMENT_INDEX_WANTED_BYTES ((uint64_t)64 << 10) /* a closed segment of this size without an index lost it */

static slu_status
segment_path(const fluss_segment *segment, const char *suffix, char *out, slu_error *err)
{
    const int n = snprintf(out, SLU_PATH_BYTES_MAX, "%s%s", segment->stem, suffix);
    return n < SLU_PATH_BYTES_MAX ? SLU_OK : slu_error_set(err, SLU_LIMIT, "the path %s%s is too long", segment->stem, suffix);
}

static slu_status
segment_fd_open(const fluss_segment *segment, const char *suffix, int flags, int *out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(segment_path(segment, suffix, path, err));
    const int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? slu_error_set(err, SLU_CONFLICT, "%s exists", path) : slu_errno_set(err, errno, "open", path);
    *out = fd;
    return SLU_OK;
}

static slu_status
segment_init(fluss_segment *segment, const char *dir, int64_t base_offset, slu_error *err)
{
    char stem[SLU_PATH_BYTES_MAX];
    memset(segment, 0, sizeof *segment);
    segment->fd = -1;
    if (snprintf(stem, sizeof stem, "%s/%020" PRId64, dir, base_offset) >= SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
    segment->stem = slu_strdup(stem);
    if (segment->stem == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a log segment");
    segment->base_offset = base_offset;
    segment->next_offset = base_offset;
    segment->max_time_ms = -1;
    segment->max_time_offset = base_offset;
    return SLU_OK;
}

slu_status
fluss_segment_create(fluss_segment *segment, const char *dir, int64_t base_offset, slu_error *err)
{
    SLU_TRY(segment_init(segment, dir, base_offset, err));
    const slu_status status = segment_fd_open(segment, ".log", O_RDWR | O_CREAT | O_EXCL, &segment->fd, err);
    if (status != SLU_OK)
        fluss_segment_close(segment);
    return status;
}

static slu_status
segment_open(fluss_segment *segment, const char *dir, int64_t base_offset, int64_t next_offset, bool foreign, slu_error *err)
{
    struct stat info;
    SLU_TRY(segment_init(segment, dir, base_offset, err));
    segment->foreign = foreign;
    slu_status status = segment_fd_open(segment, ".log", foreign ? O_RDONLY : O_RDWR, &segment->fd, err);
    if (status == SLU_OK && fstat(segment->fd, &info) != 0)
        status = slu_errno_set(err, errno, "stat", segment->stem);
    if (status != SLU_OK) {
        fluss_segment_close(segment);
        return status;
    }
    segment->bytes = (uint64_t)info.st_size;
    segment->next_offset = next_offset;
    return SLU_OK;
}

slu_status
fluss_segment_open(fluss_segment *segment, const char *dir, int64_t base_offset, int64_t next_offset, slu_error *err)
{
    return segment_open(segment, dir, base_offset, next_offset, false, err);
}

slu_status
fluss_segment_open_foreign(fluss_segment *segment, const char *dir, int64_t base_offset, int64_t next_offset, slu_error *err)
{
    return segment_open(segment, dir, base_offset, next_offset, true, err);
}

/* ---- the two indexes ---- */

static slu_status
segment_open_index(const fluss_segment *segment, const char *suffix, size_t entry_bytes, fluss_index_file **slot, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(segment_path(segment, suffix, path, err));
    return *slot != NULL ? SLU_OK : fluss_index_open(path, entry_bytes, segment->foreign, slot, err);
}

static slu_status segment_rebuild(fluss_segment *segment, slu_error *err);

/* With the first load of a closed segment comes a look at what was loaded. */
static slu_status
segment_load_indexes(fluss_segment *segment, slu_error *err)
{
    bool good = true;
    bool times_good = true;
    const int64_t rows = segment->next_offset - segment->base_offset; /* 0: recovery is to find out */
    if (segment->index != NULL && segment->times != NULL)
        return SLU_OK;
    SLU_TRY(segment_open_index(segment, ".index", FLUSS_INDEX_ENTRY_BYTES, &segment->index, err));
    SLU_TRY(segment_open_index(segment, ".timeindex", FLUSS_TIME_ENTRY_BYTES, &segment->times, err));
    SLU_TRY(fluss_index_check(segment->index, rows, segment->bytes, &good, err));
    SLU_TRY(fluss_index_check(segment->times, rows, segment->bytes, &times_good, err));
    const bool missing = rows != 0 && segment->bytes > SEGMENT_INDEX_WANTED_BYTES &&
                         (fluss_index_count(segment->index) == 0 || fluss_index_count(segment->times) == 0);
    return good && times_good && !missing ? SLU_OK : segment_rebuild(segment, err);
}

slu_status
fluss_segment_seal(fluss_segment *segment, slu_error *err)
{
    if (segment->index != NULL && segment->index->pending != 0)
        SLU_TRY_IN(fluss_index_flush(segment->index, err), err, "%s", segment->stem);
    if (segment->times != NULL && segment->times->pending != 0)
        SLU_TRY_IN(fluss_index_flush(segment->times, err), err, "%s", segment->stem);
    return SLU_OK;
}

void
fluss_segment_close(fluss_segment *segment)
{
    fluss_index_close(&segment->index);
    fluss_index_close(&segment->times);
    if (segment->stem != NULL && segment->fd >= 0)
        (void)close(segment->fd);
    segment->fd = -1;
    slu_free(segment->stem);
    segment->stem = NULL;
}

slu_status
fluss_segment_remove(fluss_segment *segment, slu_error *err)
{
    static const char *const suffixes[] = {".log", ".index", ".timeindex"};
    char path[SLU_PATH_BYTES_MAX];
    for (size_t i = 0; i < SLU_COUNT_OF(suffixes); i++) {
        SLU_TRY(segment_path(segment, suffixes[i], path, err));
        SLU_TRY(slu_file_remove(path, err));
    }
    return SLU_OK;
}

/* ---- appending ---- */

/* An entry for a batch at `position`, if it is time for one. What cannot be stored is left out. */
static void
segment_note(fluss_segment *segment, const fluss_log_header *head, uint64_t position)
{
    slu_error ignored;
    const int64_t last = head->base_offset + head->last_offset_delta;
    if (head->commit_timestamp > segment->max_time_ms) {
        segment->max_time_ms = head->commit_timestamp;
        segment->max_time_offset = last;
    }
    if (segment->bytes_since_index > FLUSS_INDEX_INTERVAL_BYTES && segment_load_indexes(segment, &ignored) == SLU_OK) {
        fluss_index_entry entry = {(int32_t)(last - segment->base_offset), (int32_t)position, 0};
        if (fluss_index_add(segment->index, &entry, &ignored) == SLU_OK)
            segment->bytes_since_index = 0;
        entry.time_ms = segment->max_time_ms;
        entry.offset = (int32_t)(segment->max_time_offset - segment->base_offset);
        (void)!fluss_index_add(segment->times, &entry, &ignored);
    }
    segment->bytes_since_index += head->batch_bytes;
}

/* Bookkeeping for a good batch that lies at the end now. */
static void
segment_count(fluss_segment *segment, const fluss_log_header *head, uint64_t position)
{
    segment_note(segment, head, position);
    segment->bytes = position + head->batch_bytes;
    segment->next_offset = head->base_offset + head->last_offset_delta + 1;
    if (segment->checked_to != position)
        segment->checked_from = position;
    segment->checked_to = segment->bytes;
}

static void
put_i64le(uint8_t *out, int64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)value >> (8 * i));
}

slu_status
fluss_segment_append(fluss_segment *segment, slu_view batch, const fluss_log_header *head, int64_t base_offset, int64_t time_ms,
                     slu_error *err)
{
    uint8_t offset[8];
    uint8_t time[8];
    uint8_t *data = (uint8_t *)(uintptr_t)batch.data;
    fluss_log_header stored = *head;
    put_i64le(offset, base_offset);
    put_i64le(time, time_ms);
    const struct iovec parts[4] = {
        {offset, 8}, {data + 8, SEGMENT_TIME_AT - 8}, {time, 8}, {data + SEGMENT_TIME_END, batch.bytes - SEGMENT_TIME_END}};
    const ssize_t n = pwritev(segment->fd, parts, 4, (off_t)segment->bytes);
    if (n != (ssize_t)batch.bytes) {
        const int why = n < 0 ? errno : ENOSPC;
        if (n > 0) /* what lies behind the end would look like a torn batch to the next recovery, and is cut off there or here */
            (void)!ftruncate(segment->fd, (off_t)segment->bytes);
        return slu_errno_set(err, why, "append to", segment->stem);
    }
    stored.base_offset = base_offset;
    stored.commit_timestamp = time_ms;
    segment_count(segment, &stored, segment->bytes);
    return SLU_OK;
}

/* ---- recovery ---- */

typedef struct recovery {
    const uint8_t *data;
    uint64_t at;
    int64_t expected; /* base offset of the next batch */
} recovery;

/* The next whole and correct batch; anything else is the end. */
static bool
recovery_next(const recovery *r, uint64_t bytes, fluss_log_header *head)
{
    const slu_view rest = slu_view_of(r->data + r->at, (size_t)(bytes - r->at));
    return fluss_log_head(rest, head, NULL) == SLU_OK && head->batch_bytes <= rest.bytes && head->base_offset == r->expected &&
           fluss_log_verify(slu_view_of(rest.data, head->batch_bytes), head, NULL) == SLU_OK;
}

/* A bad batch whose head still leads to a good one. */
static bool
recovery_passes(const recovery *r, uint64_t bytes, fluss_log_header *head)
{
    fluss_log_header next;
    const slu_view rest = slu_view_of(r->data + r->at, (size_t)(bytes - r->at));
    if (fluss_log_head(rest, head, NULL) != SLU_OK || head->batch_bytes >= rest.bytes || head->base_offset != r->expected)
        return false;
    const recovery behind = {r->data, r->at + head->batch_bytes, head->base_offset + head->last_offset_delta + 1};
    return recovery_next(&behind, bytes, &next);
}

/* A place to start: the position of the last index entry at or before from_offset, if a good batch really begins there. */
static slu_status
recovery_start(fluss_segment *segment, recovery *r, int64_t from_offset, slu_error *err)
{
    size_t below = 0;
    fluss_index_entry entry = {0};
    fluss_log_header head;
    r->at = 0;
    r->expected = segment->base_offset;
    SLU_TRY(fluss_index_search(segment->index, from_offset - segment->base_offset, false, true, &below, err));
    if (segment->times->written == 0) /* lost: from the beginning, then both are whole again */
        return SLU_OK;
    if (below == 0 || from_offset <= segment->base_offset)
        return SLU_OK;
    SLU_TRY(fluss_index_entry_at(segment->index, below - 1, &entry, err));
    const uint64_t position = (uint32_t)entry.position;
    if (position >= segment->bytes ||
        fluss_log_head(slu_view_of(r->data + position, (size_t)(segment->bytes - position)), &head, NULL) != SLU_OK)
        return SLU_OK;
    const recovery there = {r->data, position, head.base_offset};
    if (head.base_offset + head.last_offset_delta == segment->base_offset + entry.offset &&
        recovery_next(&there, segment->bytes, &head))
        *r = there;
    return SLU_OK;
}

static slu_status
recovery_run(fluss_segment *segment, recovery *r, slu_status (*batch)(void *context, const fluss_log_header *head), void *context,
             slu_error *err)
{
    fluss_log_header head;
    const uint64_t bytes = segment->bytes;
    segment->bytes = r->at;
    segment->next_offset = r->expected;
    while (r->at < bytes) {
        const bool good = recovery_next(r, bytes, &head);
        if (!good && !recovery_passes(r, bytes, &head))
            break;
        segment_count(segment, &head, r->at);
        if (!good) {
            segment->bad_at = r->at;
            segment->bad_count++;
            segment->checked_from = segment->checked_to = segment->bytes;
        }
        SLU_TRY(batch(context, &head));
        r->at += head.batch_bytes;
        r->expected = segment->next_offset;
    }
    return SLU_OK;
}

slu_status
fluss_segment_recover(fluss_segment *segment, int64_t from_offset, slu_status (*batch)(void *context, const fluss_log_header *head),
                      void *context, uint64_t *out_cut_bytes, slu_error *err)
{
    const uint64_t bytes = segment->bytes;
    recovery r = {0};
    size_t last = 0;
    fluss_index_entry newest = {0};
    *out_cut_bytes = 0;
    SLU_TRY(segment_load_indexes(segment, err));
    if (bytes != 0) {
        void *map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, segment->fd, 0);
        if (map == MAP_FAILED)
            return slu_errno_set(err, errno, "map", segment->stem);
        r.data = map;
        slu_status status = recovery_start(segment, &r, from_offset, err);
        if (status == SLU_OK)
            status = fluss_index_cut(segment->index, r.expected - segment->base_offset, err);
        if (status == SLU_OK)
            status = fluss_index_cut(segment->times, r.expected - segment->base_offset, err);
        last = segment->times->written;
        if (status == SLU_OK && last != 0 && fluss_index_entry_at(segment->times, last - 1, &newest, err) == SLU_OK) {
            segment->max_time_ms = newest.time_ms;
            segment->max_time_offset = segment->base_offset + newest.offset;
        }
        if (status == SLU_OK)
            status = recovery_run(segment, &r, batch, context, err);
        (void)munmap(map, (size_t)bytes);
        SLU_TRY(status);
    }
    *out_cut_bytes = bytes - segment->bytes;
    if (*out_cut_bytes != 0 && ftruncate(segment->fd, (off_t)segment->bytes) != 0)
        return slu_errno_set(err, errno, "truncate", segment->stem);
    return SLU_OK;
}

/* ---- reading ---- */

slu_status
fluss_segment_walk(fluss_segment *segment, uint64_t position,
                   slu_status (*batch)(void *context, const fluss_log_header *head, uint64_t position), void *context,
                   slu_error *err)
{
    uint8_t window[SEGMENT_WALK_BYTES];
    uint64_t window_at = 0;
    size_t window_bytes = 0;
    while (position + SEGMENT_BATCH_BYTES_MIN <= segment->bytes) {
        fluss_log_header head;
        const uint64_t head_bytes = SLU_MIN(segment->bytes - position, (uint64_t)SEGMENT_HEAD_BYTES);
        if (position < window_at || position + head_bytes > window_at + window_bytes) {
            const ssize_t n =
                pread(segment->fd, window, (size_t)SLU_MIN(sizeof window, segment->bytes - position), (off_t)position);
            if (n < (ssize_t)head_bytes)
                return slu_errno_set(err, n < 0 ? errno : EIO, "read", segment->stem);
            window_at = position;
            window_bytes = (size_t)n;
        }
        SLU_TRY_IN(fluss_log_head(slu_view_of(window + (position - window_at), (size_t)head_bytes), &head, err), err,
                   "%s at %" PRIu64, segment->stem, position);
        const slu_status status = batch(context, &head, position);
        if (status != SLU_OK)
            return status == SLU_END ? SLU_OK : status;
        position += head.batch_bytes;
    }
    return SLU_OK;
}

typedef struct search {
    int64_t wanted;
    int64_t offset;
    uint64_t position;
    bool found;
} search;

static slu_status
search_offset(void *context, const fluss_log_header *head, uint64_t position)
{
    search *s = context;
    s->position = position;
    s->found = head->base_offset + head->last_offset_delta >= s->wanted;
    return s->found ? SLU_END : SLU_OK;
}

static slu_status
search_time(void *context, const fluss_log_header *head, uint64_t position)
{
    search *s = context;
    (void)position;
    s->offset = head->base_offset;
    s->found = head->commit_timestamp >= s->wanted;
    return s->found ? SLU_END : SLU_OK;
}

/* Does the batch that the entry speaks of really lie there? */
static bool
segment_has_entry(const fluss_segment *segment, const fluss_index_entry *entry)
{
    uint8_t raw[SEGMENT_HEAD_BYTES];
    fluss_log_header head;
    const uint64_t position = (uint32_t)entry->position;
    if (position >= segment->bytes)
        return false;
    const ssize_t n = pread(segment->fd, raw, (size_t)SLU_MIN(sizeof raw, segment->bytes - position), (off_t)position);
    return n > 0 && fluss_log_head(slu_view_of(raw, (size_t)n), &head, NULL) == SLU_OK &&
           head.base_offset + head.last_offset_delta == segment->base_offset + entry->offset;
}

/* The position of a batch that holds or comes before `offset`. */
static slu_status
segment_before(fluss_segment *segment, int64_t offset, uint64_t *out_position, slu_error *err)
{
    size_t below = 0;
    fluss_index_entry entry = {0};
    SLU_TRY(segment_load_indexes(segment, err));
    SLU_TRY(fluss_index_search(segment->index, offset - segment->base_offset, false, true, &below, err));
    if (below != 0)
        SLU_TRY(fluss_index_entry_at(segment->index, below - 1, &entry, err));
    if (below != 0 && !segment_has_entry(segment, &entry)) {
        SLU_TRY(segment_rebuild(segment, err));
        entry.position = 0;
    }
    *out_position = (uint32_t)entry.position;
    return SLU_OK;
}

static slu_status
rebuild_batch(void *context, const fluss_log_header *head, uint64_t position)
{
    segment_note(context, head, position);
    return SLU_OK;
}

/* Both indexes, from the log. What belongs to somebody else is not mended: it is read without. */
static slu_status
segment_rebuild(fluss_segment *segment, slu_error *err)
{
    SLU_TRY_IN(fluss_index_clear(segment->index, segment->foreign, err), err, "%s", segment->stem);
    SLU_TRY_IN(fluss_index_clear(segment->times, segment->foreign, err), err, "%s", segment->stem);
    segment->bytes_since_index = 0;
    if (segment->foreign || segment->next_offset == segment->base_offset)
        return SLU_OK; /* the latter: recovery is about to make them */
    return fluss_segment_walk(segment, 0, rebuild_batch, segment, err);
}

slu_status
fluss_segment_find(fluss_segment *segment, int64_t offset, uint64_t *out_position, slu_error *err)
{
    search s = {.wanted = offset};
    uint64_t start = 0;
    SLU_TRY(segment_before(segment, offset, &start, err));
    SLU_TRY(fluss_segment_walk(segment, start, search_offset, &s, err));
    if (!s.found)
        return slu_error_set(err, SLU_NOTFOUND, "offset %" PRId64 " is not in %s", offset, segment->stem);
    *out_position = s.position;
    return SLU_OK;
}

static slu_status
walk_time(void *context, const fluss_log_header *head, uint64_t position)
{
    fluss_segment *segment = context;
    (void)position;
    if (head->commit_timestamp > segment->max_time_ms) {
        segment->max_time_ms = head->commit_timestamp;
        segment->max_time_offset = head->base_offset + head->last_offset_delta;
    }
    return SLU_OK;
}

/* The newest entry of the time index, and the batches behind it. */
slu_status
fluss_segment_load_time(fluss_segment *segment, slu_error *err)
{
    uint64_t start = 0;
    fluss_index_entry entry = {0};
    if (segment->max_time_ms >= 0 || segment->bytes == 0)
        return SLU_OK;
    SLU_TRY(segment_load_indexes(segment, err));
    const size_t entries = fluss_index_count(segment->times);
    if (entries != 0) {
        SLU_TRY(fluss_index_entry_at(segment->times, entries - 1, &entry, err));
        SLU_TRY(segment_before(segment, segment->base_offset + entry.offset, &start, err));
    }
    return fluss_segment_walk(segment, start, walk_time, segment, err);
}

slu_status
fluss_segment_find_time(fluss_segment *segment, int64_t time_ms, int64_t *out_offset, slu_error *err)
{
    search s = {.wanted = time_ms};
    size_t below = 0;
    uint64_t start = 0;
    fluss_index_entry entry = {0};
    SLU_TRY(segment_load_indexes(segment, err));
    SLU_TRY(fluss_index_search(segment->times, time_ms, true, false, &below, err));
    if (below != 0) {
        SLU_TRY(fluss_index_entry_at(segment->times, below - 1, &entry, err));
        SLU_TRY(segment_before(segment, segment->base_offset + entry.offset, &start, err));
    }
    SLU_TRY(fluss_segment_walk(segment, start, search_time, &s, err));
    if (!s.found)
        return slu_error_set(err, SLU_NOTFOUND, "no batch at or after %" PRId64 " in %s", time_ms, segment->stem);
    *out_offset = s.offset;
    return SLU_OK;
}

/* How much of data[0..bytes) is whole batches; *next_offset moves behind the last of them. *out_first_bytes: size of the first
 * one. */
static size_t
segment_whole(const uint8_t *data, size_t bytes, int64_t *next_offset, size_t *out_first_bytes)
{
    size_t at = 0;
    fluss_log_header head;
    *out_first_bytes = 0;
    while (fluss_log_head(slu_view_of(data + at, bytes - at), &head, NULL) == SLU_OK) {
        if (at == 0)
            *out_first_bytes = head.batch_bytes;
        if (head.batch_bytes > bytes - at)
            break;
        at += head.batch_bytes;
        *next_offset = head.base_offset + head.last_offset_delta + 1;
    }
    return at;
}

/* Checksums of batches that were not looked at since the segment was opened: up to the first bad one, which alone is an error. */
static slu_status
segment_verify(fluss_segment *segment, uint64_t position, const uint8_t *data, size_t *whole, int64_t *next_offset, slu_error *err)
{
    size_t at = 0;
    if (*whole == 0 || (position >= segment->checked_from && position + *whole <= segment->checked_to))
        return SLU_OK;
    while (at < *whole) {
        fluss_log_header head;
        slu_status status = fluss_log_head(slu_view_of(data + at, *whole - at), &head, err);
        if (status == SLU_OK)
            status = fluss_log_verify(slu_view_of(data + at, head.batch_bytes), &head, err);
        if (status != SLU_OK && at == 0) {
            *whole = 0;
            return slu_error_in(err, status, "%s.log at %" PRIu64, segment->stem, position);
        }
        if (status != SLU_OK) {
            *whole = at;
            break;
        }
        at += head.batch_bytes;
        *next_offset = head.base_offset + head.last_offset_delta + 1;
    }
    if (position < segment->checked_from || position > segment->checked_to)
        segment->checked_from = position;
    segment->checked_to = position + *whole;
    return SLU_OK;
}

static slu_status
segment_read_bytes(fluss_segment *segment, uint64_t position, size_t bytes, slu_buf *out, slu_error *err)
{
    uint8_t *at = slu_buf_extend(out, bytes);
    if (at == NULL)
        return slu_buf_status(out, err);
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pread(segment->fd, at + done, bytes - done, (off_t)(position + done));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return slu_errno_set(err, n < 0 ? errno : EIO, "read", segment->stem);
        done += n < 0 ? 0 : (size_t)n;
    }
    return SLU_OK;
}

slu_status
fluss_segment_read(fluss_segment *segment, uint64_t position, size_t bytes_max, bool one_at_least, slu_buf *out,
                   int64_t *out_next_offset, slu_error *err)
{
    const size_t before = out->bytes;
    const uint64_t left = segment->bytes - position;
    const size_t want = (size_t)SLU_MIN(left, SLU_MAX(bytes_max, one_at_least ? (size_t)SEGMENT_HEAD_BYTES : 0));
    size_t first = 0;
    int64_t next = *out_next_offset;
    SLU_TRY(segment_read_bytes(segment, position, want, out, err));
    size_t whole = segment_whole(out->data + before, want, &next, &first);
    if (whole == 0 && one_at_least && first > want && first <= left) {
        SLU_TRY(segment_read_bytes(segment, position + want, first - want, out, err));
        whole = segment_whole(out->data + before, first, &next, &first);
    }
    const slu_status status = segment_verify(segment, position, out->data + before, &whole, &next, err);
    out->bytes = before + whole;
    SLU_TRY(status);
    if (whole == 0 && want >= SEGMENT_HEAD_BYTES && first == 0)
        return slu_error_set(err, SLU_CORRUPT, "%s.log at %" PRIu64 ": this is no log batch", segment->stem, position);
    *out_next_offset = next;
    return SLU_OK;
}
