/*
 * ipc.h: one Arrow IPC RecordBatch message to and from a struct array whose schema both sides know.
 *
 *   offset 0  0xffffffff            continuation
 *          4  i32 metadata bytes    of the padded flatbuffer; 8 + that is a multiple of 8
 *          8  flatbuffer Message    version V5 (V4 is read), header RecordBatch: nodes, buffers, compression; bodyLength
 *             body                  buffers, each at a multiple of 8, in Arrow's order: pre-order over the fields, validity first
 *
 * Source   Apache Arrow columnar format 1.x, "Encapsulated message format"; the bytes of the metadata are those that Java Arrow 15
 *          writes (what Apache Fluss stores), so a golden batch decoded and encoded again is the same batch.
 * Shape    the array is the batch's struct ("+s"): its own validity does not travel. No dictionaries, no schema message.
 * Owns     encode borrows. A decoded array owns its memory, or keeps `owner` until it and every child moved out of it are
 *          released: zero copy when the body is uncompressed and starts at a multiple of 8 in memory; one copy otherwise.
 * Threads  encode, decode: owner of the codec. A decoded array may be released on any thread (so may the owner's release run).
 * Errors   CORRUPT: bytes that are not such a message; offsets that fall, leave their data, or buffers shorter than their rows.
 *          UNSUPPORTED: a type or a codec that is not served. INVALID: the array does not fit the schema.
 * Limits   SLU_BATCH_ROWS_MAX rows, SLU_BATCH_BYTES_MAX bytes of body (before and after compression), SLU_NESTING_MAX levels.
 */
#ifndef SLU_BATCH_IPC_H
#define SLU_BATCH_IPC_H

#include "base/bytes.h"

#include <sluice/arrow.h>
#include <sluice/status.h>

#define SLU_IPC_COMPRESSION_NONE 0
#define SLU_IPC_COMPRESSION_LZ4_FRAME 1
#define SLU_IPC_COMPRESSION_ZSTD 2

#define SLU_IPC_ZSTD_LEVEL_DEFAULT 3

/* Compression contexts kept between calls (ZSTD's are large): one per thread that encodes or decodes. NULL everywhere below means
 * one is made for the call when it is needed. */
typedef struct slu_ipc_codec slu_ipc_codec;

SLU_CHECK slu_status slu_ipc_codec_new(slu_ipc_codec **out, slu_error *err);
void slu_ipc_codec_free(slu_ipc_codec **codec);

typedef struct slu_ipc_options {
    uint8_t compression;     /* SLU_IPC_COMPRESSION_ */
    uint8_t validity_always; /* write a bitmap even where nothing is null, as Java does (Fluss); else an empty buffer */
    int32_t level;           /* of ZSTD; 0: SLU_IPC_ZSTD_LEVEL_DEFAULT */
    slu_ipc_codec *codec;    /* borrowed; may be NULL */
} slu_ipc_options;

/* Appends the message for the `rows` rows named by `selection` (any order; NULL: the first `rows` rows of the array). `options`
 * NULL: no compression. On failure `out` holds what it held. */
SLU_CHECK slu_status slu_ipc_encode(const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection,
                                    int64_t rows, const slu_ipc_options *options, slu_buf *out, slu_error *err);

/* The same for rows of several arrays, one behind the other, as one message. */
typedef struct slu_ipc_piece {
    const struct ArrowArray *array;
    const int32_t *selection;
    int64_t rows;
} slu_ipc_piece;

SLU_CHECK slu_status slu_ipc_encode_pieces(const struct ArrowSchema *schema, const slu_ipc_piece *pieces, size_t count,
                                           const slu_ipc_options *options, slu_buf *out, slu_error *err);

/* Keeps the message's bytes alive. On success release(context) is called exactly once: when the array is gone, or at once when
 * nothing was borrowed. On failure it is not called. release NULL: always copy. */
typedef struct slu_ipc_owner {
    void (*release)(void *context);
    void *context;
} slu_ipc_owner;

SLU_CHECK slu_status slu_ipc_decode(const struct ArrowSchema *schema, slu_view message, slu_ipc_owner owner, slu_ipc_codec *codec,
                                    struct ArrowArray *out, slu_error *err);

/* The same for a message that was written when the table had fewer columns, or more: columns are only ever added at the end, so the
 * message's are the schema's first ones; what it lacks is null (INVALID where that column is not nullable), what it has more is passed
 * over. */
SLU_CHECK slu_status slu_ipc_decode_prefix(const struct ArrowSchema *schema, slu_view message, slu_ipc_owner owner,
                                           slu_ipc_codec *codec, struct ArrowArray *out, slu_error *err);

/* Rewrites a message so that it holds only the named columns (strictly ascending positions in `schema`), without decompressing:
 * what a Fluss server does for a projected fetch. `compression`: the marker for the new metadata (the table's, not the
 * message's; SLU_IPC_COMPRESSION_). On failure `out` holds what it held. */
SLU_CHECK slu_status slu_ipc_project(const struct ArrowSchema *schema, slu_view message, const int32_t *columns,
                                     size_t column_count, uint8_t compression, slu_buf *out, slu_error *err);

/* How many bytes the message at the start of `in` takes. MORE: not even its head is there (the body may still be missing). */
SLU_CHECK slu_status slu_ipc_peek(slu_view in, size_t *out_bytes, slu_error *err);

/* How many rows the message at the start of `in` has; CORRUPT when its head is not whole. */
SLU_CHECK slu_status slu_ipc_peek_rows(slu_view in, int64_t *out_rows, slu_error *err);
/* A message of no rows. */
SLU_CHECK slu_status slu_ipc_encode_empty(const struct ArrowSchema *schema, slu_buf *out, slu_error *err);

#endif
