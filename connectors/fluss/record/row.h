/*
 * row.h: rows as Fluss stores them (CompactedRow, IndexedRow), from and to Arrow columns.
 *
 *   compacted  null bits ((n + 7) / 8 bytes, bit i set = null), then the values that are there, in column order; varints
 *   indexed    null bits, then a length slot (u32) for every variable column of the schema (used from the front), then values
 *   ARRAY, MAP and ROW: nested.h
 *
 * Source   Apache Fluss (row/compacted, row/indexed). Little endian; long decimals are big-endian two's complement.
 * Shape    fluss_row_columns: views to encode from. fluss_rows: builders to decode into; rows of older schemas are padded with null.
 * Threads  owner.
 * Errors   encode: INVALID for a column that is not of its type. decode: CORRUPT.
 */
#ifndef FLUSS_RECORD_ROW_H
#define FLUSS_RECORD_ROW_H

#include "base/bytes.h"
#include "descriptor.h"

/* Rows of one array: the selected ones, or the first `rows`. A batch may be made of several, one behind the other. */
typedef struct fluss_piece {
    const struct ArrowArray *array;
    const int32_t *selection; /* NULL: the first ones */
    int64_t rows;
    const uint8_t *kinds; /* SLU_ROW_ of each row of the array; NULL: appends or upserts */
} fluss_piece;

#define FLUSS_PIECES_MAX 64

/* Views over a batch in the order of the schema's columns. A column that the batch lacks reads as null (partial updates). */
typedef struct fluss_row_columns {
    const fluss_schema *schema;
    struct value_view *fields;
} fluss_row_columns;

/* Columns are found by name. The arena holds the views. INVALID: a format that is not the column's. */
SLU_CHECK slu_status fluss_row_columns_init(fluss_row_columns *columns, const fluss_schema *schema, const struct ArrowSchema *batch,
                                            const struct ArrowArray *array, slu_arena *arena, slu_error *err);
/* Appends one row in FLUSS_ROW_ `format`. */
SLU_CHECK slu_status fluss_row_encode(const fluss_row_columns *columns, uint8_t format, int64_t row, slu_buf *out, slu_error *err);

typedef struct fluss_rows fluss_rows;

/* `schema` (borrowed) is what comes out. */
SLU_CHECK slu_status fluss_rows_new(const fluss_schema *schema, fluss_rows **out, slu_error *err);
void fluss_rows_free(fluss_rows **rows);
/* Decodes one row that was written with the first `written_columns` columns of the schema (all: schema->column_count). A failed row
 * spoils the batch: finish then answers CORRUPT too, and begins anew. */
SLU_CHECK slu_status fluss_rows_append(fluss_rows *rows, uint8_t format, slu_view row, size_t written_columns, slu_error *err);
/* The same for a row of a later schema of the same table, whose columns begin with ours: what it has more is passed over. */
SLU_CHECK slu_status fluss_rows_append_later(fluss_rows *rows, uint8_t format, slu_view row, const fluss_schema *later,
                                             slu_error *err);
void fluss_rows_append_null(fluss_rows *rows); /* every column null: a miss */
int64_t fluss_rows_count(const fluss_rows *rows);
/* Moves the batch out under fluss_schema_to_arrow(schema); the builders are empty again. */
SLU_CHECK slu_status fluss_rows_finish(fluss_rows *rows, struct ArrowArray *out, slu_error *err);

/* Checks one row without keeping it: what a server does before it stores it. */
SLU_CHECK slu_status fluss_row_verify(const fluss_schema *schema, uint8_t format, slu_view row, slu_error *err);

#endif
