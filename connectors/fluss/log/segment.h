/*
 * segment.h: one file of a bucket's log and its two indexes, in Fluss's own layout.
 *
 *   {base offset, 20 digits}.log        log batches as they were sent, base offset and commit timestamp filled in
 *   {base offset, 20 digits}.index      8 bytes an entry:  i32 BE last offset of a batch - base offset | i32 BE position of that
 * batch
 *   {base offset, 20 digits}.timeindex  12 bytes an entry: i64 BE largest commit timestamp so far | i32 BE offset - base offset
 *
 * Shape    append-only; an index entry about every FLUSS_INDEX_INTERVAL_BYTES. Index entries are written late: the log file is the
 *          truth, and recovery writes anew what is missing.
 * Owns     its descriptors; opened on first use, closed by close.
 * Threads  owner.
 * Errors   IO; CORRUPT: bytes that cannot be a batch where one must be; NOTFOUND: an offset or time that is not in this segment.
 * Disk     an append is whole or was not: what an index cannot store is left out of it, for an index is only a short cut. One that is
 *          missing, or is not true, is made anew from the log. Batches from before the start are verified when they are first read.
 */
#ifndef FLUSS_LOG_SEGMENT_H
#define FLUSS_LOG_SEGMENT_H

#include "base/bytes.h"
#include "fluss/log/segment_index.h"
#include "fluss/record/log_batch.h"

#define FLUSS_INDEX_INTERVAL_BYTES 4096

/* As fluss_log_peek, but content with the head of a batch whose end is not in `in`. */
static inline slu_status
fluss_log_head(slu_view in, fluss_log_header *out, slu_error *err)
{
    const slu_status status = fluss_log_peek(in, out, err);
    return status == SLU_MORE && out->body_at != 0 ? SLU_OK : status;
}

typedef struct fluss_segment {
    char *stem; /* "dir/00000000000000000000" */
    int64_t base_offset;
    int64_t next_offset; /* the offset behind the last batch */
    int64_t max_time_ms; /* -1: no batch yet */
    int64_t max_time_offset;
    uint64_t bytes;
    uint64_t bytes_since_index;
    int fd;
    bool foreign;          /* belongs to somebody else: is read only */
    uint64_t checked_from; /* bytes whose checksums were verified since the segment was opened */
    uint64_t checked_to;
    uint64_t bad_at; /* found by recovery: where the last bad batch lies that good ones follow */
    uint32_t bad_count;
    fluss_index_file *index; /* NULL until it is needed */
    fluss_index_file *times;
} fluss_segment;

/* A new, empty file. CONFLICT when it exists. */
SLU_CHECK slu_status fluss_segment_create(fluss_segment *segment, const char *dir, int64_t base_offset, slu_error *err);
/* A file that exists; next_offset is known for all but the last one (else: recover it). */
SLU_CHECK slu_status fluss_segment_open(fluss_segment *segment, const char *dir, int64_t base_offset, int64_t next_offset,
                                        slu_error *err);
/* The same for a file that is not ours to write (a remote one); a missing index makes it slow, not wrong. */
SLU_CHECK slu_status fluss_segment_open_foreign(fluss_segment *segment, const char *dir, int64_t base_offset, int64_t next_offset,
                                                slu_error *err);
/* Writes what the indexes hold back; the segment gets no more batches. */
SLU_CHECK slu_status fluss_segment_seal(fluss_segment *segment, slu_error *err);
/* max_time_ms of a segment that was opened, which is not known yet. */
SLU_CHECK slu_status fluss_segment_load_time(fluss_segment *segment, slu_error *err);
/* Writes what the indexes hold back; safe on a zeroed segment and safe twice. */
void fluss_segment_close(fluss_segment *segment);
SLU_CHECK slu_status fluss_segment_remove(fluss_segment *segment, slu_error *err);

/* Checks every batch from the one that holds `from_offset` (or the start of the file when that cannot be found) to the end, cuts
 * off the first thing that is not a whole and correct batch with all that follows, calls `batch` for each good one, and puts the
 * indexes right. *out_cut_bytes: how much was cut off. A bad batch that a good one follows is no torn tail: it stays, counted in
 * bad_count, for its reader to be told, and what follows it is kept. */
SLU_CHECK slu_status fluss_segment_recover(fluss_segment *segment, int64_t from_offset,
                                           slu_status (*batch)(void *context, const fluss_log_header *head), void *context,
                                           uint64_t *out_cut_bytes, slu_error *err);

/* Appends one verified batch under this base offset and time, with one write. */
SLU_CHECK slu_status fluss_segment_append(fluss_segment *segment, slu_view batch, const fluss_log_header *head, int64_t base_offset,
                                          int64_t time_ms, slu_error *err);

/* Where the batch lies that holds `offset`. */
SLU_CHECK slu_status fluss_segment_find(fluss_segment *segment, int64_t offset, uint64_t *out_position, slu_error *err);
/* The base offset of the first batch that was committed at time_ms or later. */
SLU_CHECK slu_status fluss_segment_find_time(fluss_segment *segment, int64_t time_ms, int64_t *out_offset, slu_error *err);
/* Appends whole batches from `position`, at most bytes_max of them, but always one when `one_at_least`. *out_next_offset: behind
 * the last one that was read (unchanged when none was). */
SLU_CHECK slu_status fluss_segment_read(fluss_segment *segment, uint64_t position, size_t bytes_max, bool one_at_least,
                                        slu_buf *out, int64_t *out_next_offset, slu_error *err);
/* Calls back for the head of each batch from `position` on, until the end or anything but OK (END ends well). */
SLU_CHECK slu_status fluss_segment_walk(fluss_segment *segment, uint64_t position,
                                        slu_status (*batch)(void *context, const fluss_log_header *head, uint64_t position),
                                        void *context, slu_error *err);

#endif
