/*
 * lake_types.h: rows of a lake table in the types of the table that they came from.
 *
 * Source   Iceberg has fewer types than Fluss: TINYINT and SMALLINT lie there as int, every TIME and TIMESTAMP in microseconds,
 *          BINARY(n) as binary. A union of lake and log needs one type a column.
 * Shape    the batch keeps its columns; those of another type are made anew, the rest are not touched.
 * Errors   UNSUPPORTED: a type that does not come from the table's; INVALID: a value that the table's type cannot hold.
 */
#ifndef CLI_LAKE_TYPES_H
#define CLI_LAKE_TYPES_H

#include <sluice/columns.h>

/* `from` and `to` are "+s" of the batch's columns. On failure the batch is still to be released. */
SLU_CHECK slu_status cli_lake_types_take(const struct ArrowSchema *from, const struct ArrowSchema *to, struct ArrowArray *batch,
                                         slu_error *err);

#endif
