/*
 * verify.h: whether everything that a table says of itself is so, from its metadata down to the footers of its files.
 *
 * Checks   metadata   ids, sequence numbers, parents, refs, logs, current schema, spec and order
 *          lists      there, readable; manifests there, of the size said; totals of the snapshot's summary
 *          manifests  counts, rows, smallest sequence number and partition summaries against their entries; sequence numbers against
 *                     the manifest's; kinds, keys of equality deletes, splits, metrics against schemas; a file once in a snapshot
 *          files      there, of the size said; footer readable, rows, row groups, field ids, bounds and null counts (Parquet)
 *          offsets    of a Fluss log table: per partition and bucket no __offset twice and none missing; none beyond what the newest
 *                     fluss-offsets says; of any Fluss table: a file is of one bucket
 * Shape    findings are given one by one; nothing stops the check but a catalog or memory that fails.
 * Threads  owner; calls block.
 * Errors   only what keeps us from looking: a table that is not readable is a finding.
 */
#ifndef ICEBERG_VERIFY_H
#define ICEBERG_VERIFY_H

#include "iceberg/catalog.h"

typedef struct iceberg_finding {
    bool wrong;       /* a reader may fail or answer wrongly; else only odd */
    const char *code; /* "file-missing": stable */
    const char *where;
    const char *text;
} iceberg_finding;

typedef struct iceberg_verify_options {
    bool quick; /* files are not opened */
    slu_status (*found)(void *to, const iceberg_finding *finding, slu_error *err);
    void *to;
} iceberg_verify_options;

typedef struct iceberg_verified {
    int64_t snapshots;
    int64_t manifests;
    int64_t data_files;
    int64_t delete_files;
    int64_t footers;
    int64_t rows; /* of the data files, in footers */
    int64_t wrong;
    int64_t odd;
} iceberg_verified;

SLU_CHECK slu_status iceberg_verify(const iceberg_store *store, const iceberg_table *table, const iceberg_verify_options *options,
                                    iceberg_verified *out, slu_error *err);

#endif
