/*
 * row_writer.h: rows given as text, value by value, into a Fluss table: what `tables load` and INSERT share.
 *
 * Shape    value for the columns that a row has, then row; every CLI_ROWS rows a batch goes to the buckets it belongs to; finish sends the rest
 *          and waits for the acknowledgements. A column that is not given is null.
 * Owns     borrows the target (ready), whose client it steps.
 * Threads  owner; row and finish block.
 * Errors   INVALID: a value that is none of the column's type, NOT NULL without a value; those of the writer; CLOSED: the client was stopped.
 *          Rows of earlier batches may be stored even so.
 */
#ifndef CLI_CATALOG_ROW_WRITER_H
#define CLI_CATALOG_ROW_WRITER_H

#include "fluss/client/target.h"

#define CLI_ROWS 4096

typedef struct cli_row_writer cli_row_writer;

/* UNSUPPORTED: a column has a nested type. */
SLU_CHECK slu_status cli_row_writer_open(fluss_target *target, cli_row_writer **out, slu_error *err);
void cli_row_writer_close(cli_row_writer **writer);
/* `text` as sdk/rows.h has it; strings and bytes as they are. INVALID: the row has one already. */
SLU_CHECK slu_status cli_row_writer_value(cli_row_writer *writer, int32_t column, const char *text, size_t bytes, slu_error *err);
SLU_CHECK slu_status cli_row_writer_row(cli_row_writer *writer, slu_error *err);
SLU_CHECK slu_status cli_row_writer_finish(cli_row_writer *writer, int64_t timeout_ms, slu_error *err);
/* Rows that were acknowledged; waits so long for those under way, and sends no more. */
int64_t cli_row_writer_stored(cli_row_writer *writer, int64_t timeout_ms);
/* Rows so far. */
uint64_t cli_row_writer_rows(const cli_row_writer *writer);

#endif
