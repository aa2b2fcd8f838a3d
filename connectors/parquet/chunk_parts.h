/*
 * chunk_parts.h: what the parts of the chunk reader share: chunk_reader.c reads pages, page_values.c values, chunk_entries.c levels,
 * chunk_skip.c jumps.
 *
 * Threads  owner. Errors, limits: chunk_reader.h.
 */
#ifndef PARQUET_CHUNK_PARTS_H
#define PARQUET_CHUNK_PARTS_H

#include "chunk_reader.h"

#define INT96_BYTES 12
#define INT96_EPOCH_DAY 2440588 /* the Julian day of 1970-01-01 */
#define DAY_MICROS UINT64_C(86400000000)

#define FORM_PLAIN 0
#define FORM_DICTIONARY 1
#define FORM_NUMBERS 2
#define FORM_BITS 3     /* booleans, bit-packed */
#define FORM_RLE_BITS 4 /* booleans, RLE */

#define PAGE_VALUES_MAX ((int64_t)1 << 24) /* values of a page that must be decoded whole (DELTA, nested levels) */

static inline bool
chunk_is_bytes(const parquet_chunk_reader *reader)
{
    return reader->element.type == PARQUET_BYTE_ARRAY || reader->element.type == PARQUET_FIXED_LEN_BYTE_ARRAY;
}

/* PLAIN bytes of one value; 0: BYTE_ARRAY and booleans. */
static inline size_t
chunk_plain_width(const parquet_chunk_reader *reader)
{
    switch (reader->element.type) {
    case PARQUET_INT32:
    case PARQUET_FLOAT: return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE: return 8;
    case PARQUET_INT96: return INT96_BYTES;
    case PARQUET_FIXED_LEN_BYTE_ARRAY: return (size_t)reader->element.type_length;
    default: return 0;
    }
}

/* The next BYTE_ARRAY or FIXED value of a PLAIN run. */
static inline slu_view
plain_view(const parquet_chunk_reader *reader, slu_cursor *c)
{
    const size_t bytes = reader->element.type == PARQUET_BYTE_ARRAY ? slu_cursor_u32le(c) : (size_t)reader->element.type_length;
    return slu_cursor_view(c, bytes);
}

/* Nanoseconds of the day and the Julian day, little endian, as microseconds since 1970. It wraps around as Spark does when it writes. */
static inline int64_t
int96_micros(const uint8_t *in)
{
    int64_t nanos;
    int32_t day;
    memcpy(&nanos, in, sizeof nanos);
    memcpy(&day, in + sizeof nanos, sizeof day);
    const uint64_t micros = (uint64_t)((int64_t)day - INT96_EPOCH_DAY) * DAY_MICROS;
    return (int64_t)(micros + (uint64_t)(nanos / 1000));
}

/* CORRUPT with the page's position and the column's name. */
slu_status parquet_page_corrupt(const parquet_chunk_reader *reader, const char *what, slu_error *err);
/* Reads up to and including the next page of any type; page_left may still be 0. */
SLU_CHECK slu_status parquet_chunk_next_page(parquet_chunk_reader *reader, slu_error *err);
/* Takes the level streams off the cursor of a data page. */
SLU_CHECK slu_status parquet_page_levels(parquet_chunk_reader *reader, const parquet_page_header *header, slu_cursor *c,
                                         slu_error *err);
/* Decodes the levels of a nested page whole. */
SLU_CHECK slu_status parquet_page_entries(parquet_chunk_reader *reader, slu_error *err);
/* The page's next `count` values as `rows` slots of which those with valid[i] != 0 (all where it is NULL) have one. */
SLU_CHECK slu_status parquet_chunk_put(parquet_chunk_reader *reader, size_t count, const uint32_t *valid, int64_t rows,
                                       parquet_column_out *out, slu_error *err);

#endif
