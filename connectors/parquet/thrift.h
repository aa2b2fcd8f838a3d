/*
 * thrift.h: the part of Thrift's compact protocol that Parquet footers and page headers use.
 *
 * Bytes    field header `(id delta << 4) | type` for deltas 1..15, else `type` and the zigzag id; types 1 true, 2 false, 3 i8, 4 i16,
 *          5 i32, 6 i64, 7 double (8 bytes little endian), 8 binary, 9 list, 10 set, 11 map, 12 struct; integers are zigzag varints;
 *          a list is `(n << 4) | type` (n < 15) or `0xF0 | type` and varint n; a struct ends with 0.
 * Shape    reading is a slu_cursor with a sticky failure: loop `while (parquet_thrift_next(&c, &field))`, take what is known, skip the rest.
 * Limits   nesting PARQUET_THRIFT_DEPTH_MAX; counts are checked against the bytes left (every element takes at least one).
 * Threads  owner.
 */
#ifndef PARQUET_THRIFT_H
#define PARQUET_THRIFT_H

#include "base/bytes.h"
#include "base/cursor.h"

#define PARQUET_THRIFT_DEPTH_MAX 24

#define THRIFT_STOP 0
#define THRIFT_TRUE 1
#define THRIFT_FALSE 2
#define THRIFT_I8 3
#define THRIFT_I16 4
#define THRIFT_I32 5
#define THRIFT_I64 6
#define THRIFT_DOUBLE 7
#define THRIFT_BINARY 8
#define THRIFT_LIST 9
#define THRIFT_SET 10
#define THRIFT_MAP 11
#define THRIFT_STRUCT 12

typedef struct parquet_thrift_field {
    int32_t id; /* start with 0: ids are deltas of the one before */
    uint8_t type;
} parquet_thrift_field;

/* The next field header of a struct; false at its end or when the cursor failed. */
bool parquet_thrift_next(slu_cursor *cursor, parquet_thrift_field *field);
/* Skips the value of a field that is not known. */
void parquet_thrift_skip(slu_cursor *cursor, uint8_t type, unsigned depth);
/* Values; a field of another type than asked for fails the cursor. */
int32_t parquet_thrift_i32(slu_cursor *cursor, const parquet_thrift_field *field);
int64_t parquet_thrift_i64(slu_cursor *cursor, const parquet_thrift_field *field);
bool parquet_thrift_bool(slu_cursor *cursor, const parquet_thrift_field *field);
slu_view parquet_thrift_binary(slu_cursor *cursor, const parquet_thrift_field *field);
/* The element count of a list of `element_type`. */
size_t parquet_thrift_list(slu_cursor *cursor, const parquet_thrift_field *field, uint8_t element_type);
/* False, with the cursor failed, unless the field is a struct. */
bool parquet_thrift_struct(slu_cursor *cursor, const parquet_thrift_field *field);

/* Writing: one per struct being written; `last` is the id written last. */
typedef struct parquet_thrift_out {
    slu_buf *buf;
    int32_t last;
} parquet_thrift_out;

static inline parquet_thrift_out
parquet_thrift_begin(slu_buf *buf)
{
    const parquet_thrift_out out = {buf, 0};
    return out;
}

void parquet_thrift_put_i32(parquet_thrift_out *out, int32_t id, int32_t value);
void parquet_thrift_put_i64(parquet_thrift_out *out, int32_t id, int64_t value);
void parquet_thrift_put_i16(parquet_thrift_out *out, int32_t id, int16_t value);
void parquet_thrift_put_i8(parquet_thrift_out *out, int32_t id, int8_t value);
void parquet_thrift_put_bool(parquet_thrift_out *out, int32_t id, bool value);
void parquet_thrift_put_binary(parquet_thrift_out *out, int32_t id, slu_view value);
void parquet_thrift_put_list(parquet_thrift_out *out, int32_t id, uint8_t element_type, size_t count);
/* Opens a struct field; write its fields through the returned value and end it. */
parquet_thrift_out parquet_thrift_put_struct(parquet_thrift_out *out, int32_t id);
void parquet_thrift_end(parquet_thrift_out *out);

#endif
