/*
 * column_out.h: the growing buffers of one Arrow column (see chunk_reader.h), and how decoded values become its elements.
 *
 * Errors   a data buffer that cannot grow is remembered in out->data and asked once per batch.
 * Threads  owner.
 */
#ifndef PARQUET_COLUMN_OUT_H
#define PARQUET_COLUMN_OUT_H

#include "chunk_reader.h"

/* `rows` rows of which those with valid[i] != 0 (all where it is NULL) take the next number or view. Room was made at init. A
 * number is what its Parquet type holds: integers, bits of floats and doubles, 0 or 1. */
void parquet_column_out_numbers(parquet_column_out *out, const int64_t *numbers, const uint32_t *valid, int64_t rows,
                                bool from_float);
void parquet_column_out_views(parquet_column_out *out, const slu_view *views, const uint32_t *valid, int64_t rows);

#endif
