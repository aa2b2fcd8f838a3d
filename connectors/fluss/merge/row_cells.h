/*
 * row_cells.h: the rows of a kv table as cells: the bytes of each column's value, found and put together again without decoding them.
 *
 *   compacted  null bits, then the cells that are there; a cell of text, bytes, long decimals and nested types has its length before it
 *   indexed    null bits, a length (u32) for each variable column, then the cells that are there
 *
 * Source   Apache Fluss (CompactedRow, IndexedRow).
 * Shape    a fluss_row_shape is made once per schema and row format; cells borrow from their row. A cell without data is null.
 * Owns     a shape owns its tables and borrows the schema.
 * Threads  a shape may be read by any.
 * Errors   CORRUPT: a row that ends too early or has bytes too many. The writer's failures show in its buffer's status.
 */
#ifndef FLUSS_MERGE_ROW_CELLS_H
#define FLUSS_MERGE_ROW_CELLS_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "fluss/record/schema.h"

typedef struct fluss_row_shape {
    const fluss_schema *schema;
    uint8_t format;  /* FLUSS_ROW_ */
    uint8_t *widths; /* per column: bytes of a fixed cell, or one of the ROW_CELL_ words of the .c file */
} fluss_row_shape;

SLU_CHECK slu_status fluss_row_shape_init(fluss_row_shape *shape, const fluss_schema *schema, uint8_t format, slu_error *err);
void fluss_row_shape_fini(fluss_row_shape *shape);

/* A row that was written with the first `columns` columns of the schema. No data: there is none. */
typedef struct fluss_kv_row {
    slu_view row;
    size_t columns;
} fluss_kv_row;

/* Fills cells[schema->column_count]; columns that the row does not have, and all of a row that is not there, are null. */
SLU_CHECK slu_status fluss_row_split(const fluss_row_shape *shape, const fluss_kv_row *row, slu_view *cells, slu_error *err);

/* Appends one row: every column in turn by cell, or by open, bytes appended to `out`, close. Then end. */
typedef struct fluss_row_writer {
    const fluss_row_shape *shape;
    slu_buf *out;
    size_t start;   /* of the row */
    size_t lengths; /* of the next length slot of an indexed row */
    size_t value;   /* of the open cell */
    size_t column;
} fluss_row_writer;

void fluss_row_begin(fluss_row_writer *writer, const fluss_row_shape *shape, slu_buf *out);
void fluss_row_cell(fluss_row_writer *writer, slu_view cell);
void fluss_row_open(fluss_row_writer *writer);
/* null: what was appended since open is taken back. */
void fluss_row_close(fluss_row_writer *writer, bool null);
SLU_CHECK slu_status fluss_row_end(fluss_row_writer *writer, slu_error *err);

/* ---- Values of a cell that is not null ---- */

/* BOOLEAN, TINYINT .. BIGINT, DATE, TIME, and DECIMAL of at most 18 digits. */
int64_t fluss_cell_int(uint8_t format, const fluss_type *type, slu_view cell);
void fluss_cell_put_int(uint8_t format, const fluss_type *type, int64_t value, slu_buf *out);
/* TIMESTAMP, TIMESTAMP_LTZ: milliseconds, and nanoseconds of the last of them. */
int64_t fluss_cell_timestamp(uint8_t format, const fluss_type *type, slu_view cell, int32_t *out_nanos);
/* STRING, BYTES, and CHAR and BINARY without what pads them; DECIMAL of more than 18 digits: big-endian two's complement. */
slu_view fluss_cell_bytes(uint8_t format, const fluss_type *type, slu_view cell);
/* STRING, BYTES, long DECIMAL. `bytes` are those that the caller appends next. */
void fluss_cell_put_length(uint8_t format, size_t bytes, slu_buf *out);

#endif
