/*
 * pack.h: MessagePack, written and read a value at a time; no allocation on the way in.
 *
 * Source   github.com/msgpack/msgpack, spec.md: nil c0, false c2, true c3, bin c4-c6, ext c7-c9, float ca cb, uint cc-cf, int d0-d3,
 *          fixext d4-d8, str d9-db, array dc dd, map de df, fixmap 80-8f, fixarray 90-9f, fixstr a0-bf, fixint 00-7f e0-ff; big endian.
 * Shape    slu_pack_* append to a slu_buf in the shortest form. slu_unpack_* read the next value from a cursor; what is not of the
 *          asked type fails the cursor.
 * Limits   a declared count is checked against the bytes that remain (an element takes at least one byte, a pair two) before it is
 *          believed; slu_unpack_scan bounds depth and size of a whole value first.
 */
#ifndef SLU_CONTROL_PACK_H
#define SLU_CONTROL_PACK_H

#include "base/cursor.h"

void slu_pack_nil(slu_buf *out);
void slu_pack_bool(slu_buf *out, bool value);
void slu_pack_u64(slu_buf *out, uint64_t value);
void slu_pack_i64(slu_buf *out, int64_t value);
void slu_pack_text(slu_buf *out, slu_view text);
void slu_pack_cstr(slu_buf *out, const char *text); /* NULL: "" */
void slu_pack_bytes(slu_buf *out, slu_view bytes);
void slu_pack_array(slu_buf *out, uint32_t count);
void slu_pack_map(slu_buf *out, uint32_t count);

bool slu_unpack_bool(slu_cursor *in);
uint64_t slu_unpack_u64(slu_cursor *in);   /* a negative number fails */
int64_t slu_unpack_i64(slu_cursor *in);    /* one above INT64_MAX fails */
slu_view slu_unpack_text(slu_cursor *in);  /* str; borrowed */
slu_view slu_unpack_bytes(slu_cursor *in); /* bin; borrowed */
uint32_t slu_unpack_array(slu_cursor *in);
uint32_t slu_unpack_map(slu_cursor *in);
bool slu_unpack_is_nil(slu_cursor *in); /* takes the nil when it is one */
void slu_unpack_skip(slu_cursor *in, uint32_t depth_max);

/* Whether the bytes are exactly one well-formed value of at most bytes_max bytes and depth_max levels. CORRUPT, LIMIT. */
SLU_CHECK slu_status slu_unpack_scan(slu_view bytes, size_t bytes_max, uint32_t depth_max, slu_error *err);

#endif
