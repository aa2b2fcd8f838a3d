/*
 * log.h: the log of one bucket: segments, writer states, offsets, times.
 *
 * Shape    batches with ascending offsets from `start` to `end` (exclusive). A single node: everything appended is committed, so
 *          `end` is also the high watermark.
 * Durable  an appended batch survives a kill of the process; after fluss_log_sync, a power loss as well. Open cuts
 *          off a torn tail by its checksum and knows every writer's last batches: from the newest writer snapshot and the batches
 *          after it.
 * Owns     its directory's files. new and close by the tablet.
 * Threads  owner.
 * Errors   append: CORRUPT (code 14 or 3): the bytes are no batches. INVALID (31): sequence. LIMIT (13): larger than a segment.
 *          read: NOTFOUND (19): an offset outside start..end.
 *
 * Invariants: (1) commit times never go back. (2) A writer snapshot at offset S is only written when everything below S is in the
 * files, so recovery begins at S. (3) Batches of one append are all checked before the first is written.
 */
#ifndef FLUSS_LOG_H
#define FLUSS_LOG_H

#include "base/env.h"
#include "fluss/record/log_batch.h"

#define FLUSS_LOG_SEGMENT_BYTES_DEFAULT ((uint64_t)1 << 30)
#define FLUSS_LOG_SNAPSHOT_BYTES_DEFAULT ((uint64_t)64 << 20)
#define FLUSS_OFFSET_EARLIEST (-2)

typedef struct fluss_log fluss_log;

typedef struct fluss_log_options {
    uint64_t segment_bytes;   /* a file is closed before it would grow above this; 0: 1 GiB */
    uint64_t snapshot_bytes;  /* a writer snapshot after this many appended bytes: what recovery reads at most; 0: 64 MiB */
    int64_t begin_offset;     /* what the log has at least been up to: where it begins when its directory was lost */
    int64_t sync_records;     /* a sync is wanted (fluss_log_wants_sync) after so many records; 0: never */
    bool sync;                /* files and their names as well survive a power loss */
    int (*sync_file)(int fd); /* NULL: fdatasync; tests let it fail */
} fluss_log_options;

typedef struct fluss_appended {
    int64_t base_offset; /* of the first batch; of the stored one when it is a duplicate */
    int64_t next_offset;
    bool duplicate;
} fluss_appended;

/* `name` stands for the bucket in messages and the server's log. */
SLU_CHECK slu_status fluss_log_open(const slu_env *env, const char *dir, const char *name, const fluss_log_options *options,
                                    fluss_log **out, slu_error *err);
/* Writes a writer snapshot, so that the next open has nothing to check. */
void fluss_log_close(fluss_log **log);

int64_t fluss_log_start(const fluss_log *log);
int64_t fluss_log_end(const fluss_log *log);
int64_t fluss_log_max_time(const fluss_log *log);

/* One or several whole batches, as a client sent them. */
SLU_CHECK slu_status fluss_log_append(fluss_log *log, slu_view batches, fluss_appended *out, slu_error *err);
/* May the batch of this writer be appended? As fluss_writers_check: OK, CONFLICT (*out is the stored one), INVALID. */
SLU_CHECK slu_status fluss_log_check_writer(fluss_log *log, int64_t writer_id, int32_t sequence, fluss_appended *out,
                                            slu_error *err);
/* Is it time to sync what was appended? */
bool fluss_log_wants_sync(const fluss_log *log);
/* Returns when what was appended is on the disk; does nothing when no sync is wanted. */
SLU_CHECK slu_status fluss_log_sync(fluss_log *log, slu_error *err);
/* What a reader may see: the end, or with `sync` where the last sync found it. */
int64_t fluss_log_committed(const fluss_log *log);
/* After a sync that failed: cuts off what is not on the disk for sure, and closes without a snapshot. */
void fluss_log_abandon(fluss_log **log);

/* Appends to `out` whole batches from the one that holds `offset` to fluss_log_committed, at most bytes_max, but one at least if asked. *out_next_offset:
 * what to ask for next (`offset` when nothing was there). */
SLU_CHECK slu_status fluss_log_read(fluss_log *log, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out,
                                    int64_t *out_next_offset, slu_error *err);
/* Bytes from the batch that holds `offset` to the end, counted no further than `enough`. */
SLU_CHECK slu_status fluss_log_available(fluss_log *log, int64_t offset, uint64_t enough, uint64_t *out_bytes, slu_error *err);
/* First offset of the first batch committed at time_ms or later; the end when there is none. */
SLU_CHECK slu_status fluss_log_offset_at(fluss_log *log, int64_t time_ms, int64_t *out_offset, slu_error *err);
/* Forgets writers that were quiet since writers_before_ms, and removes closed segments whose last batch is older than
 * segments_before_ms and which end at or before `below_offset`. */
SLU_CHECK slu_status fluss_log_expire(fluss_log *log, int64_t writers_before_ms, int64_t segments_before_ms, int64_t below_offset,
                                      slu_error *err);
/* Is there a closed segment at all? */
bool fluss_log_has_closed(const fluss_log *log);

/* ---- what is kept elsewhere besides: remote segments ---- */

/* Batches before fluss_log_start, for those who need them here (a client is told where they lie). The table is copied. */
typedef struct fluss_log_archive {
    void *context;
    int64_t (*start)(void *context); /* first offset; -1: nothing is there */
    /* As fluss_log_read; NOTFOUND: the offset is not there. */
    slu_status (*read)(void *context, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out, int64_t *out_next_offset,
                       slu_error *err);
} fluss_log_archive;

void fluss_log_set_archive(fluss_log *log, const fluss_log_archive *archive);
/* The first offset, here or in the archive. */
int64_t fluss_log_first(const fluss_log *log);
/* As fluss_log_read, but to the very end, and from the archive what is not here any more: for those who keep up with the log. */
SLU_CHECK slu_status fluss_log_read_any(fluss_log *log, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out,
                                        int64_t *out_next_offset, slu_error *err);

typedef struct fluss_log_closed {
    int64_t base_offset;
    int64_t next_offset;
    int64_t max_time_ms;
    uint64_t bytes;
} fluss_log_closed;

/* The directory with its files; borrowed. */
const char *fluss_log_dir(const fluss_log *log);
/* The first closed segment that begins at `offset` or later, its files complete: NOTFOUND when there is none. */
SLU_CHECK slu_status fluss_log_closed_from(fluss_log *log, int64_t offset, fluss_log_closed *out, slu_error *err);
/* Removes segments that end at or before `below_offset` from the front, as long as more than `keep` are left, the one that is
 * written included. */
SLU_CHECK slu_status fluss_log_trim(fluss_log *log, size_t keep, int64_t below_offset, slu_error *err);

#endif
