/*
 * chunk_writer.h: one column of the row group being written: values in, finished pages out.
 *
 * States   dictionary --(first page does not pay, or the dictionary is full)--> plain; reset for every row group.
 *          (also: a later page paid for itself no more); delta columns have only one state.
 * Nested   a leaf below a list or struct is shredded slice by slice (shred.h); pages end between rows.
 * Page     levels (optional columns: u32 length and RLE bits) and values; compressed as one; flushed at PARQUET_PAGE_ROWS_MAX rows or page_bytes.
 * Owns     its buffers. Pages wait here because the dictionary page, known last, comes first in the file.
 * Threads  owner.
 */
#ifndef PARQUET_CHUNK_WRITER_H
#define PARQUET_CHUNK_WRITER_H

#include "codec.h"
#include "dictionary.h"
#include "layout.h"
#include "page_index.h"
#include "range.h"
#include "shred.h"
#include "stage.h"
#include "writer.h"

/* What the columns of one writer share. */
typedef struct parquet_chunk_shared {
    parquet_codec codec;
    size_t page_bytes;
    bool no_dictionary;
    slu_buf body;   /* scratch: a page before compression */
    slu_buf levels; /* scratch: uint32 per entry */
    parquet_stage stage;
    parquet_shred shred;
    slu_buf column_indexes; /* of the file so far */
    slu_buf offset_indexes;
} parquet_chunk_shared;

typedef struct parquet_chunk_writer {
    const parquet_leaf *leaf;
    parquet_column column;
    parquet_element element;
    parquet_convert convert;
    parquet_dictionary dictionary;
    bool dictionary_on;
    bool dictionary_tested;   /* the first page paid */
    size_t dictionary_before; /* its bytes when the page began */
    bool with_length;         /* BYTE_ARRAY */
    size_t number_bytes;      /* PLAIN bytes of a number: 4 or 8; 0: booleans and byte values */
    /* the page */
    uint8_t *valid; /* bitmap of PARQUET_PAGE_ROWS_MAX rows */
    uint32_t *indices;
    size_t indices_room;
    slu_buf defs; /* nested: a byte per entry of the page */
    slu_buf reps;
    size_t slice_rows; /* nested: how many rows to shred next */
    size_t page_rows;
    size_t page_values;
    size_t page_plain_bytes; /* what the values take in PLAIN */
    slu_buf plain;           /* PLAIN values; booleans one byte each; delta columns int64 each */
    /* the chunk */
    slu_buf pages; /* data pages with headers, as in the file */
    int64_t pages_plain_bytes;
    int64_t value_count;
    int64_t null_count;
    uint32_t encodings;
    int64_t rows;
    parquet_page_marks marks;
    parquet_range page_range; /* of what the page brought: with a dictionary, of its new entries */
    parquet_range range;
    /* the file */
    parquet_range file_range;
    int64_t file_bytes;
    int64_t file_values;
    int64_t file_nulls;
} parquet_chunk_writer;

/* `leaf` is borrowed. */
SLU_CHECK slu_status parquet_chunk_writer_init(parquet_chunk_writer *chunk, const parquet_leaf *leaf,
                                               const parquet_chunk_shared *shared, slu_error *err);
void parquet_chunk_writer_fini(parquet_chunk_writer *chunk);
/* Appends rows [from, from + rows) of the selection, or of the array, which is the leaf's top-level column. */
SLU_CHECK slu_status parquet_chunk_writer_append(parquet_chunk_writer *chunk, parquet_chunk_shared *shared,
                                                 const struct ArrowArray *array, int64_t base, const int32_t *selection,
                                                 int64_t from, int64_t rows, slu_error *err);
/* Uncompressed bytes of the chunk so far, and bytes held. */
int64_t parquet_chunk_writer_plain_bytes(const parquet_chunk_writer *chunk);
int64_t parquet_chunk_writer_held_bytes(const parquet_chunk_writer *chunk);
/* Pages that the chunk will have, the one at hand included. */
size_t parquet_chunk_writer_page_count(const parquet_chunk_writer *chunk);
/* Ends the chunk: flushes the last page, writes dictionary page and pages to the sink at *position (moved on), fills the chunk's
 * metadata (statistics bytes live in `arena`; index offsets count from the start of the shared buffers) and starts the next one. */
SLU_CHECK slu_status parquet_chunk_writer_flush(parquet_chunk_writer *chunk, parquet_chunk_shared *shared, const parquet_sink *sink,
                                                int64_t *position, slu_arena *arena, parquet_chunk *out, slu_error *err);

#endif
