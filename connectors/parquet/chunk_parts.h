/*
 * chunk_parts.h: what the two halves of the chunk reader share: chunk_reader.c reads pages and values, chunk_entries.c levels.
 *
 * Threads  owner. Errors, limits: chunk_reader.h.
 */
#ifndef PARQUET_CHUNK_PARTS_H
#define PARQUET_CHUNK_PARTS_H

#include "chunk_reader.h"

#define PAGE_VALUES_MAX ((int64_t)1 << 24) /* values of a page that must be decoded whole (DELTA, nested levels) */

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
