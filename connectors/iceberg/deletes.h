/*
 * deletes.h: row-level deletes applied while reading: position deletes, equality deletes, and the deletion vectors of format 3.
 *
 * Source   Iceberg table specification, "Scan Planning".
 * Rules    a position delete (path, row number) counts for a data file of the same path, spec and tuple whose sequence number is
 *          not above its own. An equality delete counts for rows with equal key columns (nulls are equal) in data files of the same
 *          spec and tuple, or in all when it was written unpartitioned, whose sequence number is below its own.
 *          A deletion vector counts like position deletes for the file it names, and instead of them: it holds theirs.
 * Shape    load reads every delete file of a scan once; begin says what a data file needs; mark says which rows of a batch are
 *          deleted.
 * Owns     what it read. The scan and the metadata outlive it.
 * Threads  owner.
 * Errors   UNSUPPORTED: equality on floating-point columns; CORRUPT and others from the files.
 * Limits   ICEBERG_DELETES_BYTES_MAX of memory for keys and positions.
 */
#ifndef ICEBERG_DELETES_H
#define ICEBERG_DELETES_H

#include "iceberg/scan.h"

#include <sluice/columns.h>

#define ICEBERG_DELETES_BYTES_MAX ((size_t)1 << 30)

typedef struct iceberg_deletes iceberg_deletes;

SLU_CHECK slu_status iceberg_deletes_load(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_scan *scan,
                                          iceberg_deletes **out, slu_error *err);
void iceberg_deletes_free(iceberg_deletes **deletes);

/* Turns to a data file. *out_fields are the columns that mark needs (borrowed until the next begin); *out_any: whether any delete
 * may touch the file at all. */
SLU_CHECK slu_status iceberg_deletes_begin(iceberg_deletes *deletes, const iceberg_scan_file *file,
                                           const iceberg_field *const **out_fields, size_t *out_field_count, bool *out_any,
                                           slu_error *err);
/* drop[i] becomes 1 for deleted rows of a batch that starts at row `first_row` of the file. `columns` are those of begin, in
 * order. */
SLU_CHECK slu_status iceberg_deletes_mark(iceberg_deletes *deletes, int64_t first_row, const slu_column *columns, int64_t rows,
                                          uint8_t *drop, slu_error *err);

/* Ascending, as files of position deletes have them. */
void iceberg_rows_sort(int64_t *rows, size_t count);

#endif
