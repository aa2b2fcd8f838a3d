#include "fluss/server/remote/far.h"

#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/log/segment.h"

#include <inttypes.h>

typedef slu_status (*far_batch)(void *context, const fluss_log_header *head, uint64_t position);

static slu_status
far_path(const fluss_far *far, const char *dir, const char *suffix, char *out, slu_error *err)
{
    return fluss_remote_segment_file(dir, far->segment->id, far->segment->start_offset, suffix, out, err);
}

/* The last entry with a key below `key`; false: there is none. */
static bool
far_entry(const fluss_far *far, const char *suffix, size_t entry_bytes, int64_t key, bool by_time, fluss_index_entry *out)
{
    char path[SLU_PATH_BYTES_MAX];
    fluss_index_file *file = NULL;
    size_t below = 0;
    if (far_path(far, far->near, suffix, path, NULL) != SLU_OK || fluss_index_open(path, entry_bytes, true, &file, NULL) != SLU_OK)
        return false;
    const bool found = fluss_index_search(file, key, by_time, false, &below, NULL) == SLU_OK && below != 0 &&
                       fluss_index_entry_at(file, below - 1, out, NULL) == SLU_OK;
    fluss_index_close(&file);
    return found;
}

uint64_t
fluss_far_floor(const fluss_far *far, int64_t offset)
{
    fluss_index_entry entry = {0};
    if (!far_entry(far, ".index", FLUSS_INDEX_ENTRY_BYTES, offset - far->segment->start_offset, false, &entry) ||
        entry.position < 0 || entry.position >= far->segment->bytes)
        return 0;
    return (uint64_t)entry.position;
}

/* The heads of the batches in a range; *at moves behind the last one whose head is in it. */
static slu_status
range_walk(slu_view range, uint64_t *at, far_batch batch, void *context, slu_error *err)
{
    const uint64_t start = *at;
    while (*at - start < range.bytes) {
        fluss_log_header head = {0};
        const size_t skip = (size_t)(*at - start);
        const slu_status status = fluss_log_head(slu_view_of(range.data + skip, range.bytes - skip), &head, err);
        if (status == SLU_MORE)
            return SLU_OK;
        SLU_TRY(status);
        SLU_TRY(batch(context, &head, *at));
        *at += head.batch_bytes;
    }
    return SLU_OK;
}

/* Until `batch` answers END, which is its way to say that it has what it wants, or the segment ends. */
static slu_status
far_walk(const fluss_far *far, uint64_t at, far_batch batch, void *context, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf range = {0};
    const uint64_t end = (uint64_t)far->segment->bytes;
    slu_buf_init(&range, FLUSS_FAR_RANGE_BYTES);
    SLU_TRY(far_path(far, far->dir, ".log", path, err));
    while (at < end) {
        const size_t bytes = (size_t)SLU_MIN(end - at, (uint64_t)FLUSS_FAR_RANGE_BYTES);
        const uint64_t before = at;
        slu_buf_reset(&range);
        uint8_t *data = slu_buf_extend(&range, bytes);
        if (data == NULL)
            return slu_buf_status(&range, err);
        SLU_TRY(far->store->ops->read(far->store->self, path, (int64_t)at, data, bytes, err));
        const slu_status status = range_walk(slu_view_of(data, bytes), &at, batch, context, err);
        if (status != SLU_OK)
            return status == SLU_END ? SLU_OK : slu_error_in(err, status, "%s at %" PRIu64, path, at);
        if (at == before)
            return slu_error_set(err, SLU_CORRUPT, "%s at %" PRIu64 ": not a whole batch", path, at);
    }
    return SLU_OK;
}

typedef struct far_search {
    int64_t wanted;
    int64_t offset;
    uint64_t position;
    bool found;
} far_search;

static slu_status
search_found(far_search *s, const fluss_log_header *head, uint64_t position)
{
    s->offset = head->base_offset;
    s->position = position;
    s->found = true;
    return SLU_END;
}

static slu_status
search_time(void *context, const fluss_log_header *head, uint64_t position)
{
    far_search *s = context;
    return head->commit_timestamp >= s->wanted ? search_found(s, head, position) : SLU_OK;
}

static slu_status
search_offset(void *context, const fluss_log_header *head, uint64_t position)
{
    far_search *s = context;
    return fluss_log_next_offset(head) > s->wanted ? search_found(s, head, position) : SLU_OK;
}

slu_status
fluss_far_find_time(const fluss_far *far, int64_t time_ms, int64_t *out_offset, slu_error *err)
{
    far_search s = {.wanted = time_ms};
    fluss_index_entry entry = {0};
    uint64_t start = 0;
    if (far_entry(far, ".timeindex", FLUSS_TIME_ENTRY_BYTES, time_ms, true, &entry))
        start = fluss_far_floor(far, far->segment->start_offset + entry.offset);
    SLU_TRY(far_walk(far, start, search_time, &s, err));
    if (!s.found)
        return slu_error_set(err, SLU_NOTFOUND, "no batch at or after %" PRId64 " in remote segment %s", time_ms, far->segment->id);
    *out_offset = s.offset;
    return SLU_OK;
}

/* What of it is whole batches; *out_first: bytes of the first one, whole or not. */
static slu_status
whole_batches(slu_view in, size_t *out_whole, size_t *out_first, int64_t *out_next, slu_error *err)
{
    *out_whole = 0;
    while (*out_whole < in.bytes) {
        fluss_log_header head = {0};
        const slu_status status = fluss_log_peek(slu_view_of(in.data + *out_whole, in.bytes - *out_whole), &head, err);
        if (*out_whole == 0)
            *out_first = head.batch_bytes;
        if (status == SLU_MORE)
            return SLU_OK;
        SLU_TRY(status);
        SLU_TRY(fluss_log_verify(slu_view_of(in.data + *out_whole, head.batch_bytes), &head, err));
        *out_whole += head.batch_bytes;
        *out_next = fluss_log_next_offset(&head);
    }
    return SLU_OK;
}

static slu_status
far_take(const fluss_far *far, uint64_t position, size_t bytes, slu_buf *out, size_t *out_first, int64_t *out_next, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    size_t whole = 0;
    const size_t from = out->bytes;
    SLU_TRY(far_path(far, far->dir, ".log", path, err));
    uint8_t *data = slu_buf_extend(out, bytes);
    if (data == NULL)
        return slu_buf_status(out, err);
    slu_status status = far->store->ops->read(far->store->self, path, (int64_t)position, data, bytes, err);
    if (status == SLU_OK)
        status = whole_batches(slu_view_of(data, bytes), &whole, out_first, out_next, err);
    out->bytes = from + (status == SLU_OK ? whole : 0);
    return status < 0 ? slu_error_in(err, status, "%s at %" PRIu64, path, position) : status;
}

slu_status
fluss_far_read(const fluss_far *far, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out, int64_t *out_next_offset,
               slu_error *err)
{
    far_search s = {.wanted = offset};
    size_t first = 0;
    const size_t from = out->bytes;
    SLU_TRY(far_walk(far, fluss_far_floor(far, offset), search_offset, &s, err));
    if (!s.found)
        return slu_error_set(err, SLU_NOTFOUND, "offset %" PRId64 " is not in remote segment %s", offset, far->segment->id);
    const size_t rest = (size_t)((uint64_t)far->segment->bytes - s.position);
    const size_t want = SLU_MIN(SLU_MAX(bytes_max, (size_t)FLUSS_LOG_HEADER_BYTES * 2), rest);
    SLU_TRY(far_take(far, s.position, want, out, &first, out_next_offset, err));
    if (out->bytes != from || !one_at_least || first <= want)
        return SLU_OK;
    if (first > rest)
        return slu_error_set(err, SLU_CORRUPT, "remote segment %s ends within a batch", far->segment->id);
    return far_take(far, s.position, first, out, &first, out_next_offset, err);
}
