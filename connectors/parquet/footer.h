/*
 * footer.h: FileMetaData and page headers as C values; both directions.
 *
 * Format   apache/parquet-format 2.x parquet.thrift, whose field ids these are.
 * Owns     a decoded footer lives in the arena given to decode and borrows its strings from the footer bytes.
 * Errors   CORRUPT with the byte offset inside the footer; LIMIT from the arena.
 * Limits   columns PARQUET_COLUMNS_MAX leaves, row groups PARQUET_ROW_GROUPS_READ_MAX.
 */
#ifndef PARQUET_FOOTER_H
#define PARQUET_FOOTER_H

#include "column.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cursor.h"

#define PARQUET_ROW_GROUPS_READ_MAX 1000000
#define PARQUET_ELEMENTS_MAX (PARQUET_COLUMNS_MAX * 4)

#define PARQUET_NONE (-1)

#define PARQUET_BOOLEAN 0
#define PARQUET_INT32 1
#define PARQUET_INT64 2
#define PARQUET_INT96 3
#define PARQUET_FLOAT 4
#define PARQUET_DOUBLE 5
#define PARQUET_BYTE_ARRAY 6
#define PARQUET_FIXED_LEN_BYTE_ARRAY 7

#define PARQUET_REQUIRED 0
#define PARQUET_OPTIONAL 1
#define PARQUET_REPEATED 2

#define PARQUET_ENCODING_PLAIN 0
#define PARQUET_ENCODING_PLAIN_DICTIONARY 2
#define PARQUET_ENCODING_RLE 3
#define PARQUET_ENCODING_BIT_PACKED 4
#define PARQUET_ENCODING_DELTA_BINARY_PACKED 5
#define PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY 6
#define PARQUET_ENCODING_DELTA_BYTE_ARRAY 7
#define PARQUET_ENCODING_RLE_DICTIONARY 8
#define PARQUET_ENCODING_BYTE_STREAM_SPLIT 9

#define PARQUET_CONVERTED_UTF8 0
#define PARQUET_CONVERTED_MAP 1
#define PARQUET_CONVERTED_MAP_KEY_VALUE 2
#define PARQUET_CONVERTED_LIST 3
#define PARQUET_CONVERTED_ENUM 4
#define PARQUET_CONVERTED_DECIMAL 5
#define PARQUET_CONVERTED_DATE 6
#define PARQUET_CONVERTED_TIME_MILLIS 7
#define PARQUET_CONVERTED_TIME_MICROS 8
#define PARQUET_CONVERTED_TIMESTAMP_MILLIS 9
#define PARQUET_CONVERTED_TIMESTAMP_MICROS 10
#define PARQUET_CONVERTED_UINT_32 13
#define PARQUET_CONVERTED_UINT_64 14
#define PARQUET_CONVERTED_JSON 19

/* LogicalType union ids. */
#define PARQUET_LOGICAL_STRING 1
#define PARQUET_LOGICAL_MAP 2
#define PARQUET_LOGICAL_LIST 3
#define PARQUET_LOGICAL_ENUM 4
#define PARQUET_LOGICAL_DECIMAL 5
#define PARQUET_LOGICAL_DATE 6
#define PARQUET_LOGICAL_TIME 7
#define PARQUET_LOGICAL_TIMESTAMP 8
#define PARQUET_LOGICAL_INTEGER 10
#define PARQUET_LOGICAL_UNKNOWN 11
#define PARQUET_LOGICAL_JSON 12
#define PARQUET_LOGICAL_UUID 14
#define PARQUET_LOGICAL_FLOAT16 15

#define PARQUET_UNIT_MILLIS 1
#define PARQUET_UNIT_MICROS 2
#define PARQUET_UNIT_NANOS 3

#define PARQUET_PAGE_DATA 0
#define PARQUET_PAGE_INDEX 1
#define PARQUET_PAGE_DICTIONARY 2
#define PARQUET_PAGE_DATA_V2 3

typedef struct parquet_element {
    slu_view name;
    int32_t type; /* PARQUET_BOOLEAN ...; PARQUET_NONE for a group */
    int32_t type_length;
    int32_t repetition; /* PARQUET_NONE for the root */
    int32_t child_count;
    int32_t converted; /* PARQUET_NONE: none */
    int32_t scale;
    int32_t precision;
    int32_t field_id; /* PARQUET_FIELD_ID_NONE: none */
    int32_t logical;  /* 0: none */
    int32_t unit;     /* TIME, TIMESTAMP */
    bool utc;         /* TIME, TIMESTAMP: isAdjustedToUTC */
    int8_t bits;      /* INTEGER */
    bool is_signed;   /* INTEGER */
} parquet_element;

typedef struct parquet_stats {
    bool has_null_count;
    bool has_min; /* min_value and max_value, fields 6 and 5 */
    bool has_max;
    bool min_inexact;
    bool max_inexact;
    bool has_old; /* only the deprecated fields 1 and 2 were there: min and max hold them */
    int64_t null_count;
    slu_view min;
    slu_view max;
} parquet_stats;

typedef struct parquet_chunk {
    bool has_meta;     /* false: metadata is elsewhere (encrypted or in another file) */
    bool foreign_file; /* file_path was set */
    bool encrypted;    /* with its own key */
    int32_t type;
    int32_t codec;
    uint32_t encodings;   /* bit per encoding */
    const slu_view *path; /* path_in_schema; written only */
    size_t path_parts;
    int64_t value_count;
    int64_t plain_bytes;      /* total_uncompressed_size, headers included */
    int64_t compressed_bytes; /* total_compressed_size, headers included */
    int64_t data_offset;
    int64_t dictionary_offset; /* 0: none */
    parquet_stats stats;
    int64_t bloom_offset;        /* 0: none */
    int64_t offset_index_offset; /* 0: none */
    int32_t offset_index_bytes;
    int32_t column_index_bytes;
    int64_t column_index_offset; /* 0: none */
} parquet_chunk;

typedef struct parquet_row_group {
    parquet_chunk *chunks;
    size_t chunk_count;
    int64_t plain_bytes;
    int64_t compressed_bytes;
    int64_t rows;
    int64_t file_offset;
} parquet_row_group;

typedef struct parquet_pair {
    slu_view key;
    slu_view value;
} parquet_pair;

typedef struct parquet_footer {
    int32_t version;
    int64_t rows;
    parquet_element *elements;
    size_t element_count;
    parquet_row_group *groups;
    size_t group_count;
    parquet_pair *pairs;
    size_t pair_count;
    slu_view created_by;
    bool has_orders; /* column_orders present: min_value and max_value mean what they say */
} parquet_footer;

typedef struct parquet_page_header {
    int32_t type;
    int32_t plain_bytes;
    int32_t compressed_bytes;
    int32_t value_count;
    int32_t encoding;
    int32_t definition_encoding; /* v1 */
    int32_t repetition_encoding; /* v1 */
    int32_t null_count;          /* v2 */
    int32_t row_count;           /* v2 */
    int32_t definition_bytes;    /* v2 */
    int32_t repetition_bytes;    /* v2 */
    bool compressed;             /* v2: the values are compressed */
    bool has_crc;
    uint32_t crc;  /* of the page's bytes as they are in the file */
    bool complete; /* the header of its own page type was there */
} parquet_page_header;

SLU_CHECK slu_status parquet_footer_decode(slu_view bytes, slu_arena *arena, parquet_footer *out, slu_error *err);
void parquet_footer_encode(const parquet_footer *footer, slu_buf *out);
/* Decodes one header at the cursor and moves it behind; CORRUPT, or MORE when the bytes may only be too few. */
SLU_CHECK slu_status parquet_page_header_decode(slu_cursor *in, parquet_page_header *out, slu_error *err);
/* Data pages v1 and dictionary pages. */
void parquet_page_header_encode(const parquet_page_header *header, slu_buf *out);

/* Schema: a leaf's element from a column, and back (kind UNKNOWN when this build cannot read it). */
void parquet_element_of_column(const parquet_column *column, parquet_element *out);
void parquet_column_of_element(const parquet_element *element, const char *name, parquet_column *out);
/* Unsigned of 32 or 64 bits; a TIME or TIMESTAMP of milliseconds. */
bool parquet_element_is_unsigned(const parquet_element *element);
bool parquet_element_is_millis(const parquet_element *element);
/* The bytes of a FIXED that holds a decimal of this precision (10..38 above INT64). */
int32_t parquet_decimal_bytes(int32_t precision);

#endif
