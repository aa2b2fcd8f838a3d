/*
 * writer.h: appends to log tables and upserts into primary-key tables: batches per bucket, idempotent, pipelined, retried in order.
 *
 * Shape    each write becomes one Fluss batch of one bucket with the writer's next sequence there; up to FLUSS_WRITER_FLIGHT_MAX are
 *          under way per bucket. A retriable failure (error.h, the request's timeout, a connection that broke) sends the same bytes
 *          again, in order, after a pause that grows; acknowledgements are told in order. A duplicate counts as stored.
 * Partitions  a bucket is told by its number (target.h); a partition is made when its first batch is sent. One that is dropped while
 *          batches for it wait ends the writer.
 * Identity the writer id is asked of the server before the first batch (INIT_WRITER), or given with the next sequence of each
 *          bucket (fluss_writer_resume), so that a dead writer's late request is a duplicate.
 * Owns     the writer borrows its target; rows are encoded inside write, nothing of the caller's is kept.
 * Threads  the client's owner.
 * Errors   write: AGAIN: FLUSS_WRITER_BYTES_MAX wait already, or the writer id is not there yet. poll: the failure that ended the
 *          writer (a fatal error of Fluss, the oldest batch out of order (31) or of an unknown writer (33) among them, or the
 *          delivery timeout): what was not acknowledged may or may not be stored.
 */
#ifndef FLUSS_CLIENT_WRITER_H
#define FLUSS_CLIENT_WRITER_H

#include "fluss/record/row.h"
#include "target.h"

#define FLUSS_WRITER_FLIGHT_MAX 5                 /* batches a server remembers per writer and bucket */
#define FLUSS_WRITER_BYTES_MAX ((size_t)32 << 20) /* encoded bytes not yet acknowledged */

typedef struct fluss_writer fluss_writer;

/* A batch is stored. For a log table base_offset is where its first row lies, and next_offset is behind its last; for a primary-key
 * table base_offset is -1 and next_offset the changelog's end behind the write (-1: the server does not say). */
typedef struct fluss_ack {
    int32_t bucket;
    int32_t sequence;
    int64_t writer_id;
    int64_t base_offset;
    int64_t next_offset;
    int64_t rows;
    uint32_t crc; /* of the batch that was sent */
} fluss_ack;

typedef struct fluss_writer_options {
    void (*on_ack)(void *context, const fluss_ack *ack); /* may be NULL; from inside step */
    void *context;
    const int32_t *target_columns; /* primary-key tables: a partial update of these positions; NULL: whole rows,
                                    * but for an auto-increment column, which is left to the server */
    uint32_t target_column_count;
    bool overwrite;                /* primary-key tables: past the merge engine, as it is given (agg_mode 1) */
    int64_t delivery_timeout_ms;   /* of one batch, over all its retries; 0: none, as in Fluss's own clients */
    bool existing_partitions_only; /* a partition that is not there is not made: the writer fails (NOTFOUND, code 36) */
} fluss_writer_options;

/* The target must be ready. */
SLU_CHECK slu_status fluss_writer_open(fluss_target *target, const fluss_writer_options *options, fluss_writer **out,
                                       slu_error *err);
void fluss_writer_close(fluss_writer **writer);
/* Before the first write to the bucket: goes on where another writer stopped. */
SLU_CHECK slu_status fluss_writer_resume(fluss_writer *writer, int32_t bucket, int64_t writer_id, int32_t next_sequence,
                                         slu_error *err);
/* OK: poll says nothing against writing. AGAIN: the writer id is on its way. */
SLU_CHECK slu_status fluss_writer_poll(const fluss_writer *writer, slu_error *err);
/* Rows of one bucket: `selection` (NULL: the first `rows`) of an array under `schema`, whose columns are the table's (log tables: all,
 * in order; primary-key tables: by name). kinds: one per row of the array, NULL: append or upsert. */
SLU_CHECK slu_status fluss_writer_write(fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema,
                                        const struct ArrowArray *array, const int32_t *selection, int64_t rows,
                                        const uint8_t *kinds, slu_error *err);
/* The same for several pieces of rows (record/row.h), one behind the other, as one batch. */
SLU_CHECK slu_status fluss_writer_write_pieces(fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema,
                                               const fluss_piece *pieces, size_t count, slu_error *err);
/* Batches not yet acknowledged. */
uint32_t fluss_writer_pending(const fluss_writer *writer);
/* poll until nothing is pending, stepping the client. */
SLU_CHECK slu_status fluss_writer_wait(fluss_writer *writer, int64_t timeout_ms, slu_error *err);
/* The writer id of a bucket (-1: none yet) and the sequence its next batch will carry. */
void fluss_writer_position(const fluss_writer *writer, int32_t bucket, int64_t *out_writer_id, int32_t *out_next_sequence);
/* The id the server gave, which buckets that were not resumed are written under; -1: not there yet. */
int64_t fluss_writer_id(const fluss_writer *writer);

#endif
