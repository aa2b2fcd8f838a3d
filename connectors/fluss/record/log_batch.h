/*
 * log_batch.h: the unit of a Fluss log, on the wire and on disk. All integers little endian.
 *
 *                     magic 0   magic 1   magic 2
 *   base offset  i64     0         0         0      patched by the leader
 *   length       i32     8         8         8      of what follows it: batch - 12
 *   magic        i8     12        12        12
 *   timestamp    i64    13        13        13      commit time, patched by the leader
 *   leader epoch i32     -         -        21
 *   crc          u32    21        21        25      CRC-32C from the schema id to the end
 *   schema id    i16    25        25        29
 *   attributes   i8     27        27        31      bit 0: append only
 *   last delta   i32    28        28        32      the batch's last offset - base offset
 *   writer id    i64    32        32        36      -1: not idempotent
 *   sequence     i32    40        40        44      of the batch among its writer's in this bucket
 *   records      i32    44        44        48      0: an empty batch still takes one offset
 *   statistics   i32     -        48        52      bytes of statistics before the body
 *   body                48        52        56      ARROW: [change types] one IPC message; else records
 *
 * Source   Apache Fluss (LogRecordBatchFormat); magic 1 and 2 as 1.0 defines them. Written: magic 0.
 * Shape    peek (MORE), verify, decode; a records field is a run of batches, whose last may be cut.
 * Owns     views borrow. Decoded arrays own their memory or keep `owner` (batch/ipc.h).
 * Threads  owner of the codec.
 * Errors   MORE: incomplete. CORRUPT: lengths, counts, CRC. UNSUPPORTED: a magic of a later release.
 * Limits   SLU_BATCH_BYTES_MAX bytes, SLU_BATCH_ROWS_MAX records.
 */
#ifndef FLUSS_RECORD_LOG_BATCH_H
#define FLUSS_RECORD_LOG_BATCH_H

#include "base/bytes.h"
#include "batch/ipc.h"
#include "descriptor.h"
#include "row.h"

#define FLUSS_LOG_PREFIX_BYTES 12 /* base offset and length */
#define FLUSS_LOG_HEADER_BYTES 48 /* of magic 0 */
#define FLUSS_LOG_APPEND_ONLY 1   /* in attributes */

typedef struct fluss_log_header {
    int64_t base_offset;
    int64_t commit_timestamp;
    int64_t writer_id;
    size_t batch_bytes; /* all of it, prefix included */
    size_t body_at;     /* after header and statistics */
    uint32_t crc;
    int32_t leader_epoch; /* -1: the magic has none */
    int32_t last_offset_delta;
    int32_t sequence;
    int32_t record_count;
    int32_t statistics_bytes;
    int16_t schema_id;
    uint8_t magic;
    uint8_t attributes;
} fluss_log_header;

/* The header of the batch at the start of `in`, its lengths and counts checked (not the CRC). MORE: `in` does not hold the whole
 * batch; *out is written as soon as the header is there, so that batch_bytes says how much is missing (0 before that). */
SLU_CHECK slu_status fluss_log_peek(slu_view in, fluss_log_header *out, slu_error *err);
/* The same for exactly one batch, and its CRC. */
SLU_CHECK slu_status fluss_log_verify(slu_view batch, fluss_log_header *out, slu_error *err);
static inline int64_t
fluss_log_next_offset(const fluss_log_header *header)
{
    return header->base_offset + header->last_offset_delta + 1;
}

/* What a leader writes into a batch it stores; outside the CRC. */
void fluss_log_stamp(uint8_t *batch, int64_t base_offset, int64_t commit_timestamp);

/* ---- Rows out of a batch ---- */

typedef struct fluss_log_rows {
    struct ArrowArray array; /* record_count rows; row i has offset base_offset + i */
    uint8_t *kinds;          /* SLU_ROW_ of each row; NULL: all appended */
} fluss_log_rows;

void fluss_log_rows_fini(fluss_log_rows *rows);

/* `log_format` FLUSS_LOG_; `schema` and `arrow` are those of the batch's schema id (`arrow` alone is used for ARROW, so it may be a
 * projection). `owner`: as slu_ipc_decode. An empty batch gives zero rows. */
SLU_CHECK slu_status fluss_log_decode(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow,
                                      const fluss_log_header *header, slu_view batch, slu_ipc_owner owner, slu_ipc_codec *codec,
                                      fluss_log_rows *out, slu_error *err);

/* The same for a batch of another schema id of the same table, whose columns are the first of `schema`'s, or those and more: what it
 * lacks is null, what it has more is passed over. `columns`: how many it was written with; 0: not known, which will do for ARROW
 * (UNSUPPORTED otherwise). */
SLU_CHECK slu_status fluss_log_decode_other(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow,
                                            size_t columns, const fluss_log_header *header, slu_view batch, slu_ipc_owner owner,
                                            slu_ipc_codec *codec, fluss_log_rows *out, slu_error *err);

/* The same for a batch of a later schema id that is known (fluss_schema_begins). */
SLU_CHECK slu_status fluss_log_decode_later(uint8_t log_format, const fluss_schema *schema, const struct ArrowSchema *arrow,
                                            const fluss_schema *later, const fluss_log_header *header, slu_view batch,
                                            slu_ipc_owner owner, slu_ipc_codec *codec, fluss_log_rows *out, slu_error *err);

/* ---- Batches out of rows ---- */

typedef struct fluss_log_spec {
    int64_t writer_id; /* -1: not idempotent */
    int32_t sequence;  /* -1: not idempotent */
    int16_t schema_id;
    uint8_t log_format;  /* FLUSS_LOG_ */
    slu_ipc_options ipc; /* for ARROW */
} fluss_log_spec;

/* The spec of a table: its formats and compression, no writer. */
fluss_log_spec fluss_log_spec_of(const fluss_table *table, slu_ipc_codec *codec);

/* Appends one batch of `rows` rows (selection NULL: the first ones) of an array under `arrow`, whose columns are the schema's in its
 * order. `kinds`: one per row of the array; NULL: an append-only batch. Base offset and timestamp are 0. */
SLU_CHECK slu_status fluss_log_encode(const fluss_log_spec *spec, const fluss_schema *schema, const struct ArrowSchema *arrow,
                                      const struct ArrowArray *array, const int32_t *selection, int64_t rows, const uint8_t *kinds,
                                      slu_buf *out, slu_error *err);
/* The same for several pieces (1 to FLUSS_PIECES_MAX); either all of them have kinds, or none. */
SLU_CHECK slu_status fluss_log_encode_pieces(const fluss_log_spec *spec, const fluss_schema *schema,
                                             const struct ArrowSchema *arrow, const fluss_piece *pieces, size_t count, slu_buf *out,
                                             slu_error *err);
/* A batch without records (what a KV batch without effect leaves in the changelog). */
void fluss_log_encode_empty(const fluss_log_spec *spec, slu_buf *out);

/* The batch with only some columns, as a server answers a projected fetch: ascending positions; ARROW only. The header is kept, its
 * CRC too (which is then wrong, as in the original), statistics are dropped. */
SLU_CHECK slu_status fluss_log_project(const struct ArrowSchema *arrow, const fluss_log_header *header, slu_view batch,
                                       const int32_t *columns, size_t column_count, uint8_t compression, slu_buf *out,
                                       slu_error *err);

/* Appends a (verified) batch of magic 1 as one of magic 0: the same without its statistics, which a reader of 0.9 does not know. */
SLU_CHECK slu_status fluss_log_downgrade(const fluss_log_header *header, slu_view batch, slu_buf *out, slu_error *err);

#endif
