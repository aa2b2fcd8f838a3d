/*
 * kv_batch.h: what PUT_KV carries, and what lookups and scans of primary key tables answer. All integers little endian.
 *
 *   kv batch      0 i32 length (total - 4)   4 i8 magic 0   5 u32 CRC-32C from 9   9 i16 schema id   11 i8 attributes
 *                12 i64 writer id (-1)      20 i32 sequence (-1)   24 i32 record count   28 records
 *   kv record     i32 length (of the rest), varint key length, key, row (none: delete)
 *   value         i16 schema id, row: as stored, and as LOOKUP answers
 *   value batch   0 i32 length (total - 4)   4 i8 magic 0   5 i32 record count   9 records: i32 length (of the rest), value
 *
 * Source   Apache Fluss (DefaultKvRecordBatch, DefaultKvRecord, DefaultValueRecordBatch).
 * Owns     nothing: keys and rows are borrowed from the batch.
 * Errors   CORRUPT: lengths, counts, CRC. END: no record left. UNSUPPORTED: another magic.
 */
#ifndef FLUSS_RECORD_KV_BATCH_H
#define FLUSS_RECORD_KV_BATCH_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "row.h"

#define FLUSS_KV_HEADER_BYTES 28
#define FLUSS_KEY_BYTES_MAX ((size_t)1 << 20) /* of one encoded key */

typedef struct fluss_kv_header {
    int64_t writer_id;
    int32_t sequence;
    int32_t record_count;
    int16_t schema_id;
    uint8_t attributes;
} fluss_kv_header;

typedef struct fluss_kv_reader {
    slu_cursor left;
    int32_t records_left;
    fluss_kv_header header;
} fluss_kv_reader;

/* Checks length, magic, count and CRC of exactly one batch. */
SLU_CHECK slu_status fluss_kv_reader_init(fluss_kv_reader *reader, slu_view batch, slu_error *err);
/* The next record; *out_row has no data (NULL) for a delete. END after the last; CORRUPT when bytes remain behind it. */
SLU_CHECK slu_status fluss_kv_next(fluss_kv_reader *reader, slu_view *out_key, slu_view *out_row, slu_error *err);

/* Appends a batch to `out`: begin, records, end. row.data NULL: a delete. */
typedef struct fluss_kv_writer {
    slu_buf *out;
    size_t start;
    int32_t records;
} fluss_kv_writer;

void fluss_kv_writer_begin(fluss_kv_writer *writer, slu_buf *out, int16_t schema_id, int64_t writer_id, int32_t sequence);
void fluss_kv_writer_put(fluss_kv_writer *writer, slu_view key, slu_view row);
void fluss_kv_writer_end(fluss_kv_writer *writer);

/* Appends one batch with the chosen rows of an Arrow batch: keys and rows as the table wants them. kinds (one per row of the array;
 * NULL: all upserts): -D deletes, -U is skipped (its +U follows). */
SLU_CHECK slu_status fluss_kv_encode(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                     const int32_t *selection, int64_t rows, const uint8_t *kinds, int64_t writer_id,
                                     int32_t sequence, slu_buf *out, slu_error *err);

/* The same for several pieces. */
SLU_CHECK slu_status fluss_kv_encode_pieces(const fluss_table *table, const struct ArrowSchema *schema, const fluss_piece *pieces,
                                            size_t count, int64_t writer_id, int32_t sequence, slu_buf *out, slu_error *err);

/* A stored value. */
SLU_CHECK slu_status fluss_value_split(slu_view value, int16_t *out_schema_id, slu_view *out_row, slu_error *err);

typedef struct fluss_value_reader {
    slu_cursor left;
    int32_t records_left;
} fluss_value_reader;

SLU_CHECK slu_status fluss_value_reader_init(fluss_value_reader *reader, slu_view batch, slu_error *err);
SLU_CHECK slu_status fluss_value_next(fluss_value_reader *reader, slu_view *out_value, slu_error *err);

typedef struct fluss_value_writer {
    slu_buf *out;
    size_t start;
    int32_t records;
} fluss_value_writer;

void fluss_value_writer_begin(fluss_value_writer *writer, slu_buf *out);
void fluss_value_writer_put(fluss_value_writer *writer, slu_view value);
void fluss_value_writer_end(fluss_value_writer *writer);

#endif
