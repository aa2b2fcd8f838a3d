/*
 * upsert.h: a changelog into what a lake table of changes takes: rows to write, old rows to delete by their key, and rows of this very
 * writer to take back by their place.
 *
 * Source   Iceberg's BaseTaskWriter (Java), as Fluss's tiering service uses it.
 *
 *   +I, +U   the row is written, and its place remembered by its key
 *   -U, -D   a remembered key: its row is taken back by its place, and forgotten; another: deleted by its key, which counts for rows
 *            of earlier commits only
 *
 * With TIERING_FLAG_UPSERTS an update comes as its new row alone, so +I and +U first delete what their key had. A key is deleted once.
 * Owns     the keys and places; the paths given are borrowed until free.
 * Threads  owner.
 * Errors   INVALID: a null in a key; NOMEM.
 * Limits   tiering_upsert_bytes says what is held; the caller ends the split when that is too much (its rest is another round's).
 */
#ifndef TIERING_UPSERT_H
#define TIERING_UPSERT_H

#include "iceberg/metadata.h"

#include <sluice/arrow.h>

typedef struct tiering_upsert tiering_upsert;

/* A row taken back. */
typedef struct tiering_place {
    const char *path;
    int64_t row;
} tiering_place;

/* What becomes of a batch: row numbers of its array, ascending; valid until the next batch. */
typedef struct tiering_changes {
    int32_t *data;
    int64_t data_count;
    int32_t *deletes;
    int64_t delete_count;
} tiering_changes;

/* The keys are the schema's identifier fields, of which there is at least one; `metadata` is borrowed until free. */
SLU_CHECK slu_status tiering_upsert_open(const iceberg_metadata *metadata, bool upserts, tiering_upsert **out, slu_error *err);
void tiering_upsert_free(tiering_upsert **upsert);
/* The rows of a batch, through its selection. Its data rows will be `path`'s from row `first_row` on. */
SLU_CHECK slu_status tiering_upsert_batch(tiering_upsert *upsert, const slu_batch *batch, const char *path, int64_t first_row,
                                          tiering_changes *out, slu_error *err);
/* The rows taken back so far, sorted by path and row; borrowed. */
const tiering_place *tiering_upsert_places(tiering_upsert *upsert, size_t *count);
int64_t tiering_upsert_bytes(const tiering_upsert *upsert);

#endif
