#include "codec.h"

#include "column.h"

#include "base/cursor.h"

#include <brotli/decode.h>
#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static const char *
codec_name(int32_t id)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
    return id >= 0 && id < 8 ? names[id] : "unknown";
}

slu_status
parquet_codec_init(parquet_codec *codec, int32_t id, int32_t level, slu_error *err)
{
    memset(codec, 0, sizeof *codec);
    switch (id) {
    case PARQUET_CODEC_UNCOMPRESSED:
    case PARQUET_CODEC_SNAPPY:
    case PARQUET_CODEC_GZIP:
    case PARQUET_CODEC_ZSTD:
    case PARQUET_CODEC_LZ4_RAW: break;
    case PARQUET_CODEC_BROTLI:
    case PARQUET_CODEC_LZ4:
        if (level == PARQUET_LEVEL_READ)
            break;
        /* fall through */
    default:
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "Parquet compression %s (%d) is not served: use zstd, snappy, gzip, lz4_raw or none", codec_name(id),
                             id);
    }
    codec->id = id;
    codec->level = level;
    return SLU_OK;
}

void
parquet_codec_fini(parquet_codec *codec)
{
    if (codec->id == PARQUET_CODEC_ZSTD && codec->context != NULL) {
        if (codec->level == PARQUET_LEVEL_READ)
            (void)ZSTD_freeDCtx(codec->context);
        else
            (void)ZSTD_freeCCtx(codec->context);
    }
    memset(codec, 0, sizeof *codec);
}

static slu_status
zstd_compress(parquet_codec *codec, slu_view in, slu_buf *out, slu_error *err)
{
    if (codec->context == NULL)
        codec->context = ZSTD_createCCtx();
    if (codec->context == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a zstd context");
    const size_t bound = ZSTD_compressBound(in.bytes);
    if (!slu_buf_reserve(out, bound))
        return slu_buf_status(out, err);
    const size_t n =
        ZSTD_compressCCtx(codec->context, out->data + out->bytes, bound, in.data, in.bytes, codec->level == 0 ? 1 : codec->level);
    if (ZSTD_isError(n))
        return slu_error_set(err, SLU_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
    out->bytes += n;
    return SLU_OK;
}

static slu_status
snappy_compress_into(slu_view in, slu_buf *out, slu_error *err)
{
    size_t n = snappy_max_compressed_length(in.bytes);
    if (!slu_buf_reserve(out, n))
        return slu_buf_status(out, err);
    if (snappy_compress((const char *)in.data, in.bytes, (char *)(out->data + out->bytes), &n) != SNAPPY_OK)
        return slu_error_set(err, SLU_INVALID, "snappy cannot compress %zu bytes", in.bytes);
    out->bytes += n;
    return SLU_OK;
}

static slu_status
lz4_compress_into(slu_view in, slu_buf *out, slu_error *err)
{
    if (in.bytes > LZ4_MAX_INPUT_SIZE)
        return slu_error_set(err, SLU_LIMIT, "lz4 cannot compress a page of %zu bytes", in.bytes);
    const int bound = LZ4_compressBound((int)in.bytes);
    if (!slu_buf_reserve(out, (size_t)bound))
        return slu_buf_status(out, err);
    const int n = LZ4_compress_default((const char *)in.data, (char *)(out->data + out->bytes), (int)in.bytes, bound);
    if (n <= 0)
        return slu_error_set(err, SLU_INVALID, "lz4 cannot compress %zu bytes", in.bytes);
    out->bytes += (size_t)n;
    return SLU_OK;
}

static slu_status
gzip_compress_into(const parquet_codec *codec, slu_view in, slu_buf *out, slu_error *err)
{
    z_stream z = {0};
    if (in.bytes > UINT_MAX ||
        deflateInit2(&z, codec->level == 0 ? 6 : codec->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return slu_error_set(err, SLU_NOMEM, "gzip cannot start on %zu bytes", in.bytes);
    const uLong bound = deflateBound(&z, (uLong)in.bytes);
    slu_status status = SLU_OK;
    if (!slu_buf_reserve(out, bound) || bound > UINT_MAX) {
        status = slu_buf_status(out, err);
    } else {
        z.next_in = (Bytef *)(uintptr_t)in.data;
        z.avail_in = (uInt)in.bytes;
        z.next_out = out->data + out->bytes;
        z.avail_out = (uInt)bound;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END)
            status = slu_error_set(err, SLU_INVALID, "gzip cannot compress %zu bytes", in.bytes);
        else
            out->bytes += z.total_out;
    }
    (void)deflateEnd(&z);
    return status;
}

slu_status
parquet_codec_compress(parquet_codec *codec, slu_view in, slu_buf *out, slu_error *err)
{
    switch (codec->id) {
    case PARQUET_CODEC_ZSTD: return zstd_compress(codec, in, out, err);
    case PARQUET_CODEC_SNAPPY: return snappy_compress_into(in, out, err);
    case PARQUET_CODEC_LZ4_RAW: return lz4_compress_into(in, out, err);
    case PARQUET_CODEC_GZIP: return gzip_compress_into(codec, in, out, err);
    default: slu_buf_append(out, in.data, in.bytes); return slu_buf_status(out, err);
    }
}

static bool
zstd_fill(parquet_codec *codec, slu_view in, void *out, size_t out_bytes)
{
    if (codec->context == NULL)
        codec->context = ZSTD_createDCtx();
    return codec->context != NULL && ZSTD_decompressDCtx(codec->context, out, out_bytes, in.data, in.bytes) == out_bytes;
}

static bool
snappy_fill(slu_view in, void *out, size_t out_bytes)
{
    size_t n = 0;
    return snappy_uncompressed_length((const char *)in.data, in.bytes, &n) == SNAPPY_OK && n == out_bytes &&
           snappy_uncompress((const char *)in.data, in.bytes, (char *)out, &n) == SNAPPY_OK && n == out_bytes;
}

/* RFC 1952, one member or several in a row. */
static bool
gzip_fill(slu_view in, void *out, size_t out_bytes)
{
    z_stream z = {0};
    if (in.bytes > UINT_MAX || out_bytes > UINT_MAX || inflateInit2(&z, 15 + 32) != Z_OK)
        return false;
    uint8_t none;
    z.next_in = (Bytef *)(uintptr_t)in.data;
    z.avail_in = (uInt)in.bytes;
    z.next_out = out_bytes == 0 ? &none : out;
    z.avail_out = (uInt)out_bytes;
    int answer = inflate(&z, Z_FINISH);
    while (answer == Z_STREAM_END && z.avail_in != 0 && inflateReset(&z) == Z_OK)
        answer = inflate(&z, Z_FINISH);
    const bool whole = answer == Z_STREAM_END && z.avail_out == 0;
    (void)inflateEnd(&z);
    return whole;
}

static bool
lz4_fill(slu_view in, void *out, size_t out_bytes)
{
    return in.bytes <= INT_MAX && out_bytes <= INT_MAX &&
           LZ4_decompress_safe((const char *)in.data, (char *)out, (int)in.bytes, (int)out_bytes) == (int)out_bytes;
}

uint32_t
parquet_crc(slu_view bytes)
{
    return (uint32_t)crc32_z(0, bytes.data, bytes.bytes);
}

static bool
brotli_fill(slu_view in, void *out, size_t out_bytes)
{
    size_t n = out_bytes;
    uint8_t none;
    return BrotliDecoderDecompress(in.bytes, in.data, &n, out_bytes == 0 ? &none : out) == BROTLI_DECODER_RESULT_SUCCESS &&
           n == out_bytes;
}

/* Hadoop's framing: frames of u32be plain bytes, u32be packed bytes, block. False when the bytes are not that. */
static bool
lz4_frames_fill(slu_view in, uint8_t *out, size_t out_bytes)
{
    slu_cursor c = slu_cursor_of_view(in);
    while (out_bytes != 0 && slu_cursor_left(&c) != 0) {
        const size_t plain = slu_cursor_u32be(&c);
        const slu_view block = slu_cursor_view(&c, slu_cursor_u32be(&c));
        if (!slu_cursor_ok(&c) || plain > out_bytes || !lz4_fill(block, out, plain))
            return false;
        out += plain;
        out_bytes -= plain;
    }
    return out_bytes == 0 && slu_cursor_left(&c) == 0;
}

slu_status
parquet_codec_decompress(parquet_codec *codec, slu_view in, void *out, size_t out_bytes, slu_error *err)
{
    bool filled = false;
    switch (codec->id) {
    case PARQUET_CODEC_ZSTD: filled = zstd_fill(codec, in, out, out_bytes); break;
    case PARQUET_CODEC_SNAPPY: filled = snappy_fill(in, out, out_bytes); break;
    case PARQUET_CODEC_GZIP: filled = gzip_fill(in, out, out_bytes); break;
    case PARQUET_CODEC_LZ4_RAW: filled = lz4_fill(in, out, out_bytes); break;
    case PARQUET_CODEC_LZ4: filled = lz4_frames_fill(in, out, out_bytes) || lz4_fill(in, out, out_bytes); break;
    case PARQUET_CODEC_BROTLI: filled = brotli_fill(in, out, out_bytes); break;
    default:
        filled = in.bytes == out_bytes;
        if (filled && out_bytes != 0)
            memcpy(out, in.data, out_bytes);
    }
    if (!filled)
        return slu_error_set(err, SLU_CORRUPT, "%zu bytes of %s do not become the promised %zu bytes", in.bytes,
                             codec_name(codec->id), out_bytes);
    return SLU_OK;
}
