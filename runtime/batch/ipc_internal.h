/* ipc_internal.h: what encode, decode and project share: the metadata's layout and the compression of one buffer. */
#ifndef SLU_BATCH_IPC_INTERNAL_H
#define SLU_BATCH_IPC_INTERNAL_H

#include "ipc.h"

#include <sluice/columns.h>

#define IPC_CONTINUATION 0xffffffffu
#define IPC_PREFIX_BYTES 8
#define IPC_ALIGN 8
#define IPC_STRUCT_BYTES 16        /* FieldNode {length, null_count} and Buffer {offset, length} alike */
#define IPC_LENGTH_RAW INT64_C(-1) /* before a buffer of a compressed body that is stored as it is */

/* How many nodes and buffers a struct schema takes; UNSUPPORTED for a type that is not served. */
typedef struct ipc_counts {
    size_t nodes;
    size_t buffers;
} ipc_counts;

slu_status ipc_count(const struct ArrowSchema *field, int level, ipc_counts *counts, slu_error *err);

/* The metadata being written: positions of its parts in the output. */
typedef struct ipc_writer {
    slu_buf *out;
    size_t start;      /* of the message in out */
    size_t length_at;  /* RecordBatch.length */
    size_t nodes_at;   /* next node */
    size_t buffers_at; /* next buffer */
    size_t body_at;
} ipc_writer;

void ipc_writer_begin(ipc_writer *writer, slu_buf *out, const ipc_counts *counts, uint8_t compression, int64_t rows);
void ipc_writer_node(ipc_writer *writer, int64_t rows, int64_t nulls);
/* A buffer of `bytes` bytes that begins at `at` in out. */
void ipc_writer_buffer(ipc_writer *writer, size_t at, size_t bytes);
void ipc_writer_end(ipc_writer *writer);

/* The metadata of a message, checked: every offset below is inside it. */
typedef struct ipc_reader {
    const uint8_t *nodes;
    const uint8_t *buffers;
    size_t node_count;
    size_t buffer_count;
    size_t node;   /* next */
    size_t buffer; /* next */
    int64_t rows;
    uint8_t compression;
    slu_view body;
} ipc_reader;

slu_status ipc_reader_init(ipc_reader *reader, slu_view message, slu_error *err);
/* The next node's rows and nulls; the next buffer's bytes inside the body. */
slu_status ipc_reader_node(ipc_reader *reader, int64_t *rows, int64_t *nulls, slu_error *err);
slu_status ipc_reader_buffer(ipc_reader *reader, slu_view *out, slu_error *err);

/* Appends `raw` as a compressed buffer: its length, then the frame, or IPC_LENGTH_RAW and the bytes where that is not longer. */
slu_status ipc_compress(slu_ipc_codec *codec, uint8_t compression, int32_t level, slu_view raw, slu_buf *out, slu_error *err);
/* Exactly out_bytes bytes come out, or CORRUPT. */
slu_status ipc_decompress(slu_ipc_codec *codec, uint8_t compression, slu_view frame, uint8_t *out, size_t out_bytes,
                          slu_error *err);
/* A cleared buffer for gathering rows before they are compressed. */
slu_buf *ipc_codec_scratch(slu_ipc_codec *codec);

#endif
