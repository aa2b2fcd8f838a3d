/*
 * nested.h: ARRAY, MAP and ROW values inside rows: views to write from, builders to read into, and the binary forms. For the files of
 * this room only.
 *
 *   array    i32 count, null bits ((count + 31) / 32 words, bit i set = null), a slot for each element (1, 2, 4 or 8 bytes by type),
 *            zeros up to a multiple of 8, then what does not fit a slot, each piece at a multiple of 8 from the array's start.
 *            A slot of 8 bytes holds the value; text of up to 7 bytes and 0x80 | length in the last one; or offset << 32 | bytes.
 *   map      i32 bytes of the key array, key array, value array
 *   row      a row of the format that surrounds it
 *
 * Source   Apache Fluss (BinaryArray, BinaryArrayWriter, BinaryMap). Little endian.
 * Shape    a view is one column and, below it, its children's; a builder likewise. Rows (row.c) are lists of both.
 * Errors   reading: false, and what was appended so far stays: the caller drops the batch.
 * Limits   depth: the type's, SLU_NESTING_MAX. Size: what is visited is charged to a budget, so that parts that overlap cannot
 *          multiply a row.
 */
#ifndef FLUSS_RECORD_NESTED_H
#define FLUSS_RECORD_NESTED_H

#include "value.h"

typedef struct value_view {
    const fluss_type *type;
    const char *name;
    bool present; /* false: the batch has no such column, every row is null */
    slu_column column;
    struct value_view *children; /* ARRAY: element; MAP: key, value; ROW: fields */
} value_view;

/* A view over `rows` rows from `offset` of an array under `field`. INVALID: a format that is not the type's. */
SLU_CHECK slu_status value_view_init(value_view *view, const fluss_type *type, const char *name, const struct ArrowSchema *field,
                                     const struct ArrowArray *array, int64_t offset, int64_t rows, slu_arena *arena,
                                     slu_error *err);

static inline bool
value_view_has(const value_view *view, int64_t row)
{
    return view->present && slu_column_valid(&view->column, row);
}

/* Appends the bytes of a nested value (not null), without a length before them; rows inside are of `format`. */
SLU_CHECK slu_status nested_put(uint8_t format, const value_view *view, int64_t row, slu_buf *out, slu_error *err);

typedef struct value_builder {
    const fluss_type *type;
    sdk_builder flat; /* the values; ARRAY, MAP: how many elements; ROW: zeros, for what is null */
    struct value_builder *children;
} value_builder;

SLU_CHECK slu_status value_builder_init(value_builder *builder, const fluss_type *type, const char *name, slu_error *err);
void value_builder_fini(value_builder *builder); /* safe on a zeroed one */
void value_builder_null(value_builder *builder);
void value_builder_reset(value_builder *builder);
SLU_CHECK slu_status value_builder_finish(value_builder *builder, struct ArrowArray *out, slu_error *err);

/* Reads exactly `bytes` as a value of the type; builder NULL: only checks. */
bool nested_get(uint8_t format, const fluss_type *type, slu_view bytes, value_builder *builder, size_t *budget);

/* In row.c: the fields of a row, null bits first. */
SLU_CHECK slu_status row_put(uint8_t format, const value_view *fields, size_t count, int64_t row, slu_buf *out, slu_error *err);
bool row_get(uint8_t format, const fluss_column *fields, size_t count, slu_view row, value_builder *builders, size_t *budget);

#endif
