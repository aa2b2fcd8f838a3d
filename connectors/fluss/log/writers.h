/*
 * writers.h: what each idempotent writer appended last to one bucket, so that a batch sent twice is stored once.
 *
 * Shape    per writer the last FLUSS_WRITER_BATCHES batches (a client has at most five in flight). Sequences count batches, from
 *          0, by one, and 0 follows INT32_MAX.
 * On disk  `{offset, 20 digits}.writer_snapshot`: Fluss's JSON (version, writer_id_entries[writer_id, last_batch_sequence,
 *          last_batch_base_offset, offset_delta, last_batch_timestamp]) with one member more, `earlier_batches`, which Fluss does
 *          not read: the batches before the last one, without which a batch sent again after a restart would be refused as too
 *          old.
 * Owns     its memory; new and free by the log.
 * Threads  owner.
 * Errors   CONFLICT: a duplicate, *out_original is the stored batch. INVALID (code: Fluss's 31): a gap, or too old. LIMIT: too
 *          many writers.
 */
#ifndef FLUSS_LOG_WRITERS_H
#define FLUSS_LOG_WRITERS_H

#include "base/bytes.h"

#define FLUSS_WRITER_BATCHES 5
#define FLUSS_WRITERS_MAX ((size_t)1 << 20) /* of one bucket */
#define FLUSS_WRITER_ID_NONE (-1)
#define FLUSS_WRITER_SNAPSHOT_BYTES_MAX ((size_t)512 << 20)

typedef struct fluss_writers fluss_writers;

typedef struct fluss_writer_batch {
    int64_t writer_id;
    int64_t base_offset;
    int64_t timestamp_ms;
    int32_t sequence;
    int32_t offset_delta;
} fluss_writer_batch;

SLU_CHECK slu_status fluss_writers_new(fluss_writers **out, slu_error *err);
void fluss_writers_free(fluss_writers **writers);
size_t fluss_writers_count(const fluss_writers *writers);

/* May this batch be appended? `where` names the bucket in the message. */
SLU_CHECK slu_status fluss_writers_check(const fluss_writers *writers, int64_t writer_id, int32_t sequence, const char *where,
                                         fluss_writer_batch *out_original, slu_error *err);
/* Makes room for a writer, so that the note of a batch that was appended cannot fail. */
SLU_CHECK slu_status fluss_writers_reserve(fluss_writers *writers, int64_t writer_id, slu_error *err);
/* It was appended (or is found in the log by recovery): no question is asked about its sequence. */
SLU_CHECK slu_status fluss_writers_note(fluss_writers *writers, const fluss_writer_batch *batch, slu_error *err);
/* Forgets writers whose last batch is older than `before_ms`. */
void fluss_writers_expire(fluss_writers *writers, int64_t before_ms);
void fluss_writers_reset(fluss_writers *writers);

void fluss_writers_encode(const fluss_writers *writers, slu_buf *out);
/* Replaces the content; CORRUPT leaves it empty. */
SLU_CHECK slu_status fluss_writers_decode(fluss_writers *writers, slu_view json, slu_error *err);

#endif
