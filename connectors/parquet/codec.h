/*
 * codec.h: compression of page bodies.
 *
 * Shape    init, compress or decompress many times, fini. zstd contexts are kept between pages.
 * Errors   CORRUPT: the bytes do not decompress to exactly the promised size; UNSUPPORTED: LZO and codecs to come; brotli and the
 *          deprecated LZ4 framing when writing.
 * Threads  owner.
 */
#ifndef PARQUET_CODEC_H
#define PARQUET_CODEC_H

#include "base/bytes.h"

#define PARQUET_LEVEL_READ (-1) /* a codec is used in one direction only: this level marks the reading one */

typedef struct parquet_codec {
    int32_t id;
    int32_t level;
    void *context;
} parquet_codec;

/* Zeroed is a valid codec: uncompressed. UNSUPPORTED names the codec. */
SLU_CHECK slu_status parquet_codec_init(parquet_codec *codec, int32_t id, int32_t level, slu_error *err);
void parquet_codec_fini(parquet_codec *codec);
/* Appends the compressed form of `in`. */
SLU_CHECK slu_status parquet_codec_compress(parquet_codec *codec, slu_view in, slu_buf *out, slu_error *err);
/* The checksum that a page header may carry. */
uint32_t parquet_crc(slu_view bytes);
/* Fills exactly `out_bytes`. */
SLU_CHECK slu_status parquet_codec_decompress(parquet_codec *codec, slu_view in, void *out, size_t out_bytes, slu_error *err);

#endif
