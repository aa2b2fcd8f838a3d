/*
 * chunk_reader.h: one column chunk in, values of its rows out, page after page.
 *
 * Shape    open at a chunk; read(n rows) decodes into a parquet_column_out, which becomes the buffers of one Arrow column. A leaf below a
 *          list or a struct is read by entries: the levels of n rows and the slots they make.
 * Pages    a page is decompressed whole; DELTA and BYTE_STREAM_SPLIT pages are then turned into numbers or PLAIN bytes, so that the row
 *          loop knows four forms only: PLAIN, dictionary indices, decoded numbers, booleans.
 * Errors   CORRUPT with the file position of the page; UNSUPPORTED; LIMIT: a page above PARQUET_PAGE_BYTES_MAX, a batch column above
 *          PARQUET_BATCH_COLUMN_BYTES_MAX.
 * Threads  owner.
 */
#ifndef PARQUET_CHUNK_READER_H
#define PARQUET_CHUNK_READER_H

#include "codec.h"
#include "footer.h"
#include "page_index.h"
#include "reader.h"
#include "rle.h"

#define PARQUET_BATCH_COLUMN_BYTES_MAX                                                                                             \
    ((size_t)256 << 20) /* string bytes of one column of one batch: a small dictionary can be repeated for ever */
#define PARQUET_BATCH_ROWS_MAX 65536
#define PARQUET_BATCH_ENTRIES_MAX ((size_t)64 << 20) /* entries of one leaf in one batch */
#define PARQUET_REPEATED_MAX (PARQUET_NESTING_MAX * 3)

/* Where a batch's column grows. */
typedef struct parquet_column_out {
    parquet_column column; /* what is given */
    size_t value_bytes;    /* of a fixed-width output; 0: boolean bits or bytes with offsets */
    uint8_t *validity;
    uint8_t *values;  /* fixed width or boolean bits */
    int32_t *offsets; /* bytes */
    slu_buf data;     /* bytes */
    int64_t rows;
    int64_t null_count;
    int64_t capacity; /* rows there is room for */
} parquet_column_out;

/* Room for `rows` rows of a column; a list gets offsets, a struct validity alone. */
SLU_CHECK slu_status parquet_column_out_init(parquet_column_out *out, const parquet_column *column, int64_t rows, slu_error *err);
void parquet_column_out_fini(parquet_column_out *out);
/* Room for `rows` more: LIMIT above PARQUET_BATCH_COLUMN_BYTES_MAX. */
SLU_CHECK slu_status parquet_column_out_room(parquet_column_out *out, int64_t rows, slu_error *err);
/* `rows` nulls: a column that the file does not have. */
void parquet_column_out_nulls(parquet_column_out *out, int64_t rows);

/* What the levels of a leaf mean (tree.h). */
typedef struct parquet_leaf_levels {
    uint8_t def; /* the value is there */
    uint8_t rep; /* lists around it */
    uint8_t slot_def;
    uint8_t item_defs[PARQUET_REPEATED_MAX + 1]; /* per repetition level: an entry that continues this list has an item there */
} parquet_leaf_levels;

typedef struct parquet_chunk_reader {
    const parquet_source *source;
    parquet_element element;
    parquet_chunk chunk;
    parquet_codec codec;
    int64_t at;  /* file position of the next page */
    int64_t end; /* behind the chunk */
    int64_t page_at;
    int64_t rows_left; /* of the row group, not yet in a page; nested: entries */
    parquet_leaf_levels shape;
    bool nested; /* read by entries */
    int64_t group_rows;
    int64_t row;                       /* of the row group: the next one given */
    const parquet_location *locations; /* NULL: the pages' places are not known */
    size_t location_count;
    bool opened;
    slu_buf window; /* file bytes from window_at */
    int64_t window_at;
    /* the dictionary */
    slu_buf dictionary_body;
    slu_buf dictionary; /* int64 or slu_view per entry */
    size_t dictionary_count;
    bool has_dictionary;
    /* the page */
    slu_buf body;
    slu_buf plain;   /* a page turned into PLAIN */
    slu_buf numbers; /* a page turned into int64s */
    size_t numbers_at;
    size_t numbers_count;
    uint8_t form;
    int64_t page_left;
    bool has_levels;
    parquet_rle levels;    /* definition */
    parquet_rle repeats;   /* repetition */
    slu_buf packed_levels; /* BIT_PACKED levels in the hybrid's form */
    slu_buf page_defs;     /* nested: of the page's entries, a byte each */
    slu_buf page_reps;     /* empty where nothing repeats */
    size_t entry_at;       /* the next one */
    bool chunk_begins;     /* no entry of the chunk was seen yet */
    slu_buf defs;          /* of the batch's entries: what entries() gave */
    slu_buf reps;
    parquet_rle indices; /* dictionary indices or RLE booleans */
    slu_cursor values;   /* PLAIN */
    uint64_t bit;        /* PLAIN booleans */
    /* scratch of PARQUET_BATCH_ROWS_MAX */
    int64_t *scratch_numbers;
    slu_view *scratch_views;
    uint32_t *scratch_indices;
} parquet_chunk_reader;

/* `nested`: the leaf will be read by entries. */
void parquet_chunk_reader_init(parquet_chunk_reader *reader, const parquet_source *source, const parquet_element *element,
                               const parquet_leaf_levels *shape, bool nested);
void parquet_chunk_reader_fini(parquet_chunk_reader *reader);
/* Starts a chunk of `rows` rows; buffers are kept from the one before. */
SLU_CHECK slu_status parquet_chunk_reader_open(parquet_chunk_reader *reader, const parquet_chunk *chunk, int64_t rows,
                                               slu_error *err);
/* Exactly `rows` more rows (at most PARQUET_BATCH_ROWS_MAX). */
SLU_CHECK slu_status parquet_chunk_reader_read(parquet_chunk_reader *reader, int64_t rows, parquet_column_out *out, slu_error *err);
/* The levels of exactly `rows` more rows into defs and reps, and their slots into `out` (NULL: the levels alone are wanted). */
SLU_CHECK slu_status parquet_chunk_reader_entries(parquet_chunk_reader *reader, int64_t rows, parquet_column_out *out,
                                                  slu_error *err);
/* Where its pages are, borrowed until the chunk is over: skip then jumps. After open. */
void parquet_chunk_reader_locate(parquet_chunk_reader *reader, const parquet_location *locations, size_t count);
/* Passes over `rows` rows; `column` is what read would give. */
SLU_CHECK slu_status parquet_chunk_reader_skip(parquet_chunk_reader *reader, int64_t rows, const parquet_column *column,
                                               slu_error *err);
/* The file position where a chunk starts: its dictionary page, or its first data page. */
int64_t parquet_chunk_start(const parquet_chunk *chunk);

#endif
