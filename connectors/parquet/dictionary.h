/*
 * dictionary.h: the distinct values of a column chunk, numbered in order of first sight.
 *
 * Shape    an open-addressed table of u32 slots over entries; numbers are kept as int64, byte values in the PLAIN form of the
 *          dictionary page (u32 length and bytes; FIXED without length).
 * Limits   the caller stops using it when `bytes` passes its bound; entries fit 31 bits.
 * Errors   a failed allocation is remembered and told by parquet_dictionary_status.
 * Threads  owner.
 */
#ifndef PARQUET_DICTIONARY_H
#define PARQUET_DICTIONARY_H

#include "range.h"

typedef struct parquet_dictionary {
    bool by_bytes;
    bool with_length;
    uint32_t count;
    uint32_t slot_mask;
    uint32_t *slots; /* entry + 1; 0: free */
    size_t bytes;    /* of the dictionary page */
    size_t number_bytes;
    slu_buf numbers; /* int64 per entry */
    slu_buf blob;    /* by_bytes: the page */
    slu_buf entries; /* by_bytes: u32 hash, u32 length, u64 offset of the value in the blob */
    slu_status failed;
} parquet_dictionary;

/* `number_bytes`: what one number takes in the page (0: byte values). */
SLU_CHECK slu_status parquet_dictionary_init(parquet_dictionary *dictionary, size_t number_bytes, bool with_length, slu_error *err);
void parquet_dictionary_fini(parquet_dictionary *dictionary);
/* Empty, with the memory kept. */
void parquet_dictionary_reset(parquet_dictionary *dictionary);
/* Empty, and most of the memory given back: for a column that will not use it for long. */
void parquet_dictionary_shrink(parquet_dictionary *dictionary);
void parquet_dictionary_numbers(parquet_dictionary *dictionary, const int64_t *values, size_t count, uint32_t *indices);
/* New entries are also shown to the range: a value that was seen before cannot move it. */
void parquet_dictionary_views(parquet_dictionary *dictionary, const slu_view *values, size_t count, uint32_t *indices,
                              parquet_range *range);
SLU_CHECK slu_status parquet_dictionary_status(const parquet_dictionary *dictionary, slu_error *err);
int64_t parquet_dictionary_number(const parquet_dictionary *dictionary, uint32_t index);
slu_view parquet_dictionary_view(const parquet_dictionary *dictionary, uint32_t index);

#endif
