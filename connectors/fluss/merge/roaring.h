/*
 * roaring.h: the union of two serialized roaring bitmaps, as Java's library writes it after runOptimize().
 *
 *   u32 cookie 12346, u32 containers                    or, where one is of runs: u16 cookie 12347, u16 containers - 1, bits: which are
 *   u16 key, u16 values - 1 of each container           ascending keys
 *   u32 offset of each container                        without runs, or from 4 containers on
 *   containers: sorted u16 (up to 4096), 8192 bytes of bits, or u16 runs and (u16 start, u16 length - 1) of each
 *
 * Source   the RoaringFormatSpec; RoaringBitmap 1.3 for the choice of containers. All little endian.
 * Threads  any.
 * Errors   INVALID (-1): not such a bitmap. UNSUPPORTED: 64-bit bitmaps, whose Java form is of another kind.
 */
#ifndef FLUSS_MERGE_ROARING_H
#define FLUSS_MERGE_ROARING_H

#include "base/bytes.h"

SLU_CHECK slu_status fluss_roaring_union(slu_view a, slu_view b, slu_buf *out, slu_error *err);
SLU_CHECK slu_status fluss_roaring64_union(slu_view a, slu_view b, slu_buf *out, slu_error *err);

#endif
