/*
 * column.h: what a Parquet column holds, in Iceberg's words, and the two function tables through which files are written and read.
 *
 * Shape    a parquet_column is a name, a field id and an Iceberg primitive type; the Parquet form follows from it:
 *
 *          kind                        physical                        logical              Arrow in                   Arrow out
 *          BOOLEAN                     BOOLEAN                         -                    b                          b
 *          INT                         INT32                           -                    i s c                      i
 *          LONG                        INT64                           -                    l i s c                    l
 *          FLOAT / DOUBLE              FLOAT / DOUBLE                  -                    f / g f                    f / g
 *          DECIMAL(p,s)                INT32 p<=9, INT64 p<=18, FIXED  DECIMAL              d:P,S (same scale, P<=p)   d:p,s
 *          DATE                        INT32                           DATE                 tdD                        tdD
 *          TIME                        INT64                           TIME(us)             tts ttm ttu ttn            ttu
 *          TIMESTAMP, TIMESTAMPTZ      INT64                           TIMESTAMP(us)        tss: tsm: tsu: tsn: (+tz)  tsu: tsu:UTC
 *          TIMESTAMP_NS, _TZ_NS        INT64                           TIMESTAMP(ns)        the same                   tsn: tsn:UTC
 *          STRING                      BYTE_ARRAY                      STRING               u U                        u
 *          BINARY                      BYTE_ARRAY                      -                    z Z u U                    z
 *          FIXED(n), UUID              FIXED                           - / UUID             w:n / w:16                 w:n / w:16
 *          STRUCT                      group                           -                    +s                         +s
 *          LIST                        group, repeated `list`          LIST                 +l                         +l
 *          MAP                         group, repeated `key_value`     MAP                  +m                         +m
 *
 *          A nested column has fields: a STRUCT its own, a LIST its element, a MAP key and value. A file read may hold the older
 *          forms as well: two-level lists, repeated fields without annotation (lists), INT96 (TIMESTAMPTZ), UINT_32 (LONG),
 *          TIME and TIMESTAMP in milliseconds (given in microseconds), decimals in BYTE_ARRAY.
 *
 * Owns     nothing: plain values. Names and fields are borrowed.
 * Limits   decimal precision 1..38; FIXED 1..65536 bytes; PARQUET_NESTING_MAX levels.
 */
#ifndef PARQUET_COLUMN_H
#define PARQUET_COLUMN_H

#include <sluice/arrow.h>
#include <sluice/status.h>

#include "base/bytes.h"

#define PARQUET_KIND_UNKNOWN 0 /* readers only: a column that this build cannot read (UINT_64, FLOAT16 ...) */
#define PARQUET_KIND_BOOLEAN 1
#define PARQUET_KIND_INT 2
#define PARQUET_KIND_LONG 3
#define PARQUET_KIND_FLOAT 4
#define PARQUET_KIND_DOUBLE 5
#define PARQUET_KIND_DECIMAL 6
#define PARQUET_KIND_DATE 7
#define PARQUET_KIND_TIME 8
#define PARQUET_KIND_TIMESTAMP 9
#define PARQUET_KIND_TIMESTAMPTZ 10
#define PARQUET_KIND_TIMESTAMP_NS 11
#define PARQUET_KIND_TIMESTAMPTZ_NS 12
#define PARQUET_KIND_STRING 13
#define PARQUET_KIND_UUID 14
#define PARQUET_KIND_FIXED 15
#define PARQUET_KIND_BINARY 16
#define PARQUET_KIND_STRUCT 20
#define PARQUET_KIND_LIST 21
#define PARQUET_KIND_MAP 22

#define PARQUET_CODEC_UNCOMPRESSED 0
#define PARQUET_CODEC_SNAPPY 1
#define PARQUET_CODEC_GZIP 2
#define PARQUET_CODEC_BROTLI 4 /* read only */
#define PARQUET_CODEC_LZ4 5    /* read only: Hadoop's framing, or a raw block */
#define PARQUET_CODEC_ZSTD 6
#define PARQUET_CODEC_LZ4_RAW 7

#define PARQUET_COLUMNS_MAX 1024        /* leaf columns of one file (SLU_COLUMNS_MAX) */
#define PARQUET_NESTING_MAX 16          /* columns inside columns (SLU_NESTING_MAX) */
#define PARQUET_FIXED_BYTES_MAX 65536   /* bytes of one FIXED value */
#define PARQUET_FIELD_ID_NONE INT32_MIN /* a column without field id (Iceberg's own are positive, reserved ones large) */

/* What a 32-bit length of the format can say of a page, an index or a value in it; no section of a file grows beyond it. */
#define PARQUET_SECTION_BYTES_MAX ((size_t)INT32_MAX)

typedef struct parquet_column {
    const char *name;
    int32_t field_id;
    uint8_t kind;      /* PARQUET_KIND_ */
    bool required;     /* a null in a required column is INVALID */
    bool delta;        /* writer: INT, LONG, DATE and times as DELTA_BINARY_PACKED instead of dictionary or PLAIN */
    int32_t precision; /* DECIMAL */
    int32_t scale;     /* DECIMAL */
    int32_t length;    /* FIXED: bytes */
    uint32_t field_count;
    const struct parquet_column *fields; /* STRUCT: its own; LIST: the element; MAP: key, value */
} parquet_column;

/* Where a file goes: bytes are appended in order; nothing is ever rewritten. */
typedef struct parquet_sink {
    slu_status (*write)(void *context, const void *data, size_t bytes, slu_error *err);
    void *context;
} parquet_sink;

/* Where a file comes from: `read` fills exactly `bytes` bytes from `offset` (pread), or fails. Never asked beyond `bytes`. */
typedef struct parquet_source {
    slu_status (*read)(void *context, int64_t offset, void *out, size_t bytes, slu_error *err);
    void *context;
    int64_t bytes; /* of the whole file */
} parquet_source;

/* A sink that appends to a buffer (the caller's slu_buf). */
parquet_sink parquet_sink_of_buf(slu_buf *buf);
/* A sink that writes to an open file descriptor; `fd` is borrowed by address. */
parquet_sink parquet_sink_of_fd(const int *fd);
/* A source over bytes in memory; the view is borrowed by address. */
parquet_source parquet_source_of_view(const slu_view *view);
/* A source over an open file descriptor, borrowed by address, whose size is asked now. */
SLU_CHECK slu_status parquet_source_of_fd(const int *fd, parquet_source *out, slu_error *err);

static inline bool
parquet_column_is_nested(const parquet_column *column)
{
    return column->kind >= PARQUET_KIND_STRUCT;
}

/* INVALID when a column's numbers are out of bounds, UNSUPPORTED for an unknown kind; fields are checked as well. */
SLU_CHECK slu_status parquet_column_check(const parquet_column *column, slu_error *err);
/* The Arrow format string of a column as the reader gives it ("d:10,2"), into `out` of at least 32 bytes. */
void parquet_column_format(const parquet_column *column, char *out, size_t out_bytes);

#endif
