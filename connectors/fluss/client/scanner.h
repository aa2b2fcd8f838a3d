/*
 * scanner.h: reads the log of a table's buckets from offsets: FETCH_LOG with long poll, projection and a little read-ahead.
 *
 * Shape    add buckets, then poll: one batch a call, in offset order within a bucket, buckets in turn. One fetch is under way per
 *          node; what was fetched waits in memory up to `buffer_bytes_max`.
 * Rows     the batch starts at or before the wanted offset and may run past the stop offset: rows [first, first + count) are meant.
 * Columns  `columns` are positions in the table's schema, in the wanted order; the server projects ARROW logs. Rows of an earlier schema
 *          have null in columns added since; the server cannot project those on them, so that whole rows are asked for from then on.
 * Owns     the scanner borrows its target. A batch belongs to the caller (fluss_scan_batch_fini); its memory keeps what it needs alive.
 * Threads  the client's owner; a batch may be released on any thread.
 * Errors   poll: OK a batch; AGAIN nothing yet (step the client); END every bucket reached its stop offset. LIMIT (code 19): an offset
 *          is gone (retention) or beyond the end; UNSUPPORTED: rows in remote storage that is no directory, or in a row format and of a
 *          later schema; NOTFOUND: remote files that are not on this machine; else the client's.
 * Remote   what the server only names (its old segments) is read from the named directory, a megabyte a poll and bucket, while less than
 *          half of the buffer is full.
 */
#ifndef FLUSS_CLIENT_SCANNER_H
#define FLUSS_CLIENT_SCANNER_H

#include "target.h"

#define FLUSS_OFFSET_EARLIEST (-2) /* "from the log's start" on the wire */
#define FLUSS_OFFSET_NEVER INT64_MAX

typedef struct fluss_scanner fluss_scanner;

typedef struct fluss_scanner_options {
    const int32_t *columns; /* NULL: all */
    uint32_t column_count;
    size_t buffer_bytes_max;  /* 0: 8 MiB */
    int32_t fetch_bytes_max;  /* 0: 4 MiB over all buckets of a node */
    int32_t bucket_bytes_max; /* 0: 1 MiB */
    int32_t wait_ms;          /* 0: 500, the long poll */
} fluss_scanner_options;

typedef struct fluss_scan_batch {
    int32_t bucket;
    int32_t sequence;    /* of the writer's batch; -1 */
    int64_t writer_id;   /* -1 */
    int64_t base_offset; /* of row 0 of the array */
    int64_t next_offset; /* where to go on behind this batch (at most the stop offset) */
    int64_t commit_timestamp;
    uint32_t crc;
    struct ArrowArray array;
    uint8_t *kinds; /* SLU_ROW_ of each row of array; NULL: all appended */
    int64_t first;
    int64_t count; /* may be 0: the batch only moves the offset */
} fluss_scan_batch;

void fluss_scan_batch_fini(fluss_scan_batch *batch);

/* The target must be ready. */
SLU_CHECK slu_status fluss_scanner_open(fluss_target *target, const fluss_scanner_options *options, fluss_scanner **out,
                                        slu_error *err);
void fluss_scanner_close(fluss_scanner **scanner);
/* Reads [offset, stop_offset). A bucket that is there already moves. */
SLU_CHECK slu_status fluss_scanner_add(fluss_scanner *scanner, int32_t bucket, int64_t offset, int64_t stop_offset, slu_error *err);
SLU_CHECK slu_status fluss_scanner_poll(fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err);
/* The columns of the batches, in their order; borrowed. */
const struct ArrowSchema *fluss_scanner_schema(const fluss_scanner *scanner);
/* The high watermark last heard of a bucket; -1: not yet. */
int64_t fluss_scanner_high_watermark(const fluss_scanner *scanner, int32_t bucket);
/* Whether the partition of a bucket was found to be dropped: nothing more will come from it. */
bool fluss_scanner_gone(const fluss_scanner *scanner, int32_t bucket);
/* The bucket is not read any more. */
void fluss_scanner_remove(fluss_scanner *scanner, int32_t bucket);

#endif
