/*
 * lake_read.h: the rows of a table at a snapshot, as Arrow batches of chosen columns; and its snapshots and files as batches.
 *
 * Shape    open plans the files, next gives one batch after another, file by file; columns are those asked for, in that order.
 * Columns  found by field id in each file, so renamed, moved and widened columns read right; one that a file does not have is the
 *          value of its identity partition, its default (format 3), or null.
 * Prune    predicates leave out manifests, files, row groups and pages that cannot hold a matching row; rows are not filtered.
 * Owns     the read owns its plan and its open file; the store and the metadata are the caller's until free. Batches are the
 *          receiver's.
 * Threads  owner; calls block.
 * Deletes  position and equality deletes and deletion vectors are applied (deletes.h).
 * Errors   UNSUPPORTED: a v3 default inside a nested column, or of a nanosecond type, that a file does not have; a type that is not stored;
 *          NOTFOUND: a column or snapshot that is not there; CORRUPT and others from the files. END after the last batch.
 */
#ifndef ICEBERG_LAKE_READ_H
#define ICEBERG_LAKE_READ_H

#include "iceberg/deletes.h"
#include "iceberg/scan.h"

#include <sluice/arrow.h>

typedef struct iceberg_read iceberg_read;

typedef struct iceberg_read_options {
    const iceberg_snapshot *snapshot; /* NULL: the current one; none at all: no rows */
    const iceberg_schema *schema;     /* NULL: the table's current one */
    const char *const *columns;       /* top-level names; NULL: all of the schema */
    size_t column_count;              /* with columns not NULL, 0 gives batches of rows without columns */
    const iceberg_predicate *predicates;
    size_t predicate_count;
    int64_t batch_rows; /* 0: 8192 */
    /* Only these files of a scan of that snapshot, in this order, with deletes that were loaded for the scan (NULL: none); both
     * borrowed until free. NULL: what the snapshot has. */
    iceberg_scan_file *files;
    size_t file_count;
    iceberg_deletes *deletes;
} iceberg_read_options;

SLU_CHECK slu_status iceberg_read_open(const iceberg_store *store, const iceberg_metadata *metadata,
                                       const iceberg_read_options *options, iceberg_read **out, slu_error *err);
void iceberg_read_free(iceberg_read **read);
const struct ArrowSchema *iceberg_read_schema(const iceberg_read *read); /* borrowed until free */
/* How much of the snapshot was planned, and left out by predicates. */
typedef struct iceberg_read_stats {
    size_t files;             /* read, or to be read */
    size_t files_skipped;     /* by their bounds or partition; those of manifests that were not opened are not counted */
    size_t manifests_skipped; /* by their partitions */
    size_t groups_skipped;    /* row groups of files read so far */
} iceberg_read_stats;

iceberg_read_stats iceberg_read_stats_of(const iceberg_read *read);
int64_t iceberg_read_rows(const iceberg_read *read); /* of the files that were planned; -1: rows of them are deleted */
SLU_CHECK slu_status iceberg_read_next(iceberg_read *read, struct ArrowArray *out, slu_error *err);

/* A constant for a predicate, given as a person or a query gives it. */
#define ICEBERG_LITERAL_I64 1
#define ICEBERG_LITERAL_F64 2
#define ICEBERG_LITERAL_TEXT 3

typedef struct iceberg_literal {
    uint8_t kind;
    int64_t i64;
    double f64;
    slu_view text;
} iceberg_literal;

/* False when nothing can be pruned with it (another type, a value that the column's type cannot hold exactly). Fixed-width values
 * go to *room, a string borrows the literal's text. */
bool iceberg_predicate_make(const iceberg_field *column, uint8_t compare, const iceberg_literal *literal, iceberg_scalar *room,
                            iceberg_predicate *out);

/* t$snapshots: snapshot_id, parent_id, sequence_number (BIGINT), committed_at TIMESTAMP_LTZ(3), operation, manifest_list, summary
 * (JSON text), is_current BOOLEAN, added_records, total_records BIGINT, refs STRING; oldest first. */
SLU_CHECK slu_status iceberg_snapshots_batch(const iceberg_metadata *metadata, struct ArrowSchema *schema, struct ArrowArray *array,
                                             slu_error *err);
/* t$files, named as Iceberg names them: file_path, file_format, partition STRING, record_count, file_size_in_bytes, sequence_number, snapshot_id BIGINT, spec_id INT,
 * content STRING; the data files, then the delete files; snapshot NULL: current. */
SLU_CHECK slu_status iceberg_files_batch(const iceberg_store *store, const iceberg_metadata *metadata,
                                         const iceberg_snapshot *snapshot, struct ArrowSchema *schema, struct ArrowArray *array,
                                         slu_error *err);

/* ---- offsets beside a snapshot ---- */

/* What a tiering service says a lake snapshot holds: per partition (-1: none) the next log offset of each bucket. */
typedef struct iceberg_bucket_offset {
    int64_t partition_id; /* -1: the table has no partitions */
    int32_t bucket;
    int64_t offset;
} iceberg_bucket_offset;

typedef struct iceberg_offsets {
    int64_t table_id;             /* -1: not said */
    iceberg_bucket_offset *items; /* unknown buckets are left out; in the order of the file */
    size_t count;
} iceberg_offsets;

#define ICEBERG_OFFSETS_BYTES_MAX ((size_t)16 << 20)

/* {"version":1,"table_id":4,"bucket_offsets":[100,-1]}, the form with partition_offsets, and 0.8's list of {bucket, offset}. */
SLU_CHECK slu_status iceberg_offsets_parse(slu_view json, slu_arena *arena, iceberg_offsets *out, slu_error *err);
/* From the value of the snapshot property fluss-offsets: a location of such a file, or the JSON itself. NOTFOUND: the snapshot has
 * none. */
SLU_CHECK slu_status iceberg_offsets_of_snapshot(const iceberg_store *store, const iceberg_snapshot *snapshot, slu_arena *arena,
                                                 iceberg_offsets *out, slu_error *err);

#endif
