/*
 * snapshot_reader.h: the rows of a bucket of a primary-key table as its kv snapshot has them; the changelog goes on at log_offset.
 *
 *   ASKED (GET_KV_SNAPSHOT_METADATA) --answered: its files in a directory of its own--> OPEN --last row--> ENDED
 *
 * Shape    poll gives batches in the order of the keys, always the same rows in the same order for the same snapshot: a position is
 *          the number of rows behind, and `skip_rows` goes back to one.
 * Files    in a directory of this machine, or mounted under the same path, are read where they lie: links, no copies. Those in S3 are
 *          fetched whole first, beside the client's thread (files.h), and go with the reader.
 * Columns  as in scanner.h; rows of an earlier schema have null in columns added since, rows of a later one lose theirs.
 * Owns     the reader borrows its target. A batch is the caller's. Close removes the directory.
 * Threads  the client's owner. Reading blocks as a file does; nothing else does.
 * Errors   poll: OK a batch, AGAIN (step the client), END. NOTFOUND (41): the snapshot is gone. UNSUPPORTED: files in a store that is not
 *          known here. IO, CORRUPT: a file that is missing or damaged, by name.
 */
#ifndef FLUSS_CLIENT_SNAPSHOT_READER_H
#define FLUSS_CLIENT_SNAPSHOT_READER_H

#include "snapshot_lease.h"

#define FLUSS_SNAPSHOT_ROWS_DEFAULT 8192

typedef struct fluss_snapshot_reader fluss_snapshot_reader;

typedef struct fluss_snapshot_options {
    const int32_t *columns; /* NULL: all */
    uint32_t column_count;
    int64_t skip_rows;
    int64_t batch_rows;     /* 0: FLUSS_SNAPSHOT_ROWS_DEFAULT */
    size_t batch_bytes_max; /* of stored values; 0: 1 MiB */
    const char *directory;  /* for links and copies; NULL: $TMPDIR, else /tmp */
} fluss_snapshot_options;

/* The target must be ready. `bucket` is a bucket number. */
SLU_CHECK slu_status fluss_snapshot_reader_open(fluss_target *target, int32_t bucket, int64_t snapshot_id,
                                                const fluss_snapshot_options *options, fluss_snapshot_reader **out, slu_error *err);
void fluss_snapshot_reader_close(fluss_snapshot_reader **reader);
/* All rows are inserts. */
SLU_CHECK slu_status fluss_snapshot_reader_poll(fluss_snapshot_reader *reader, struct ArrowArray *out, slu_error *err);
/* The columns of the batches; borrowed. */
const struct ArrowSchema *fluss_snapshot_reader_schema(const fluss_snapshot_reader *reader);
/* Rows given so far, skipped ones included. */
int64_t fluss_snapshot_reader_rows(const fluss_snapshot_reader *reader);
/* Where the changelog goes on; known after the first OK or END. */
int64_t fluss_snapshot_reader_log_offset(const fluss_snapshot_reader *reader);

/* For planning: asks where the files of a snapshot are and whether they can be read from here, and waits. Errors as poll. */
SLU_CHECK slu_status fluss_snapshot_reachable(fluss_target *target, const fluss_snapshot_at *at, slu_error *err);

#endif
