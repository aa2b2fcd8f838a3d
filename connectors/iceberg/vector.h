/*
 * vector.h: a deletion vector (format 3): the positions of one data file's deleted rows, as a Puffin blob holds them.
 *
 * Source   Puffin specification, "deletion-vector-v1"; Roaring bitmap format specification (portable, 32-bit).
 * Bytes    u32 big-endian: bytes of magic and vector | D1 D3 39 64 | vector | u32 big-endian: CRC-32 of magic and vector.
 *          vector: u64 number of bitmaps, then per bitmap, ascending: u32 the high half of its positions, and a bitmap
 *          (little-endian):
 *            cookie u32: low half 12347: runs may occur, high half is the number of containers - 1, and a bit per container says
 *            which
 *                     are runs (whole bytes); or 12346 and u32 the number of containers
 *            head     per container u16 the next 16 bits of its positions, u16 cardinality - 1
 *            offsets  per container u32; absent with runs and fewer than 4 containers
 *            body runs: u16 number, then u16 first and u16 length - 1 each; up to 4096 positions: u16 each; else 8192 bytes of bits
 * Errors   CORRUPT: another length, magic, checksum, order or cardinality than said.
 * Limits   positions: what the caller says the vector holds; one more is CORRUPT, so that a few bytes cannot become many rows.
 */
#ifndef ICEBERG_VECTOR_H
#define ICEBERG_VECTOR_H

#include "base/bytes.h"

/* Writes exactly `count` ascending positions to `out`. */
SLU_CHECK slu_status iceberg_vector_decode(slu_view blob, int64_t *out, size_t count, slu_error *err);

#endif
