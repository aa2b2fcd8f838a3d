/*
 * row_delta.h: what must hold before delete files are committed together with data files.
 *
 * Source   Java's RowDelta. A streaming writer of changes needs no check against new data or new deletes of others: its equality deletes
 *          count for whatever is older than the commit, also after it was made again over a newer moment.
 * Checks   a file of position deletes names a data file of this commit, or one that is still live in the snapshot committed over: another
 *          writer may have rewritten it since, and the deleted rows would come back.
 * Errors   CONFLICT: the named data file is gone (definite); INVALID: a file that is no delete file, or without what its kind needs.
 */
#ifndef ICEBERG_ROW_DELTA_H
#define ICEBERG_ROW_DELTA_H

#include "iceberg/commit.h"

/* Over `parent` (NULL: the table is empty). */
SLU_CHECK slu_status iceberg_row_delta_check(const iceberg_store *store, const iceberg_metadata *metadata,
                                             const iceberg_snapshot *parent, const iceberg_append *append, slu_error *err);

#endif
