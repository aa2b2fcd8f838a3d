#include "avro/codec.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#define CODEC_STEP_BYTES ((size_t)64 << 10)
#define SNAPPY_CRC_BYTES 4

static const struct {
    const char *avro;
    const char *iceberg;
} NAMES[] = {
    [OCF_CODEC_NULL] = {"null", "uncompressed"},
    [OCF_CODEC_DEFLATE] = {"deflate", "gzip"},
    [OCF_CODEC_SNAPPY] = {"snappy", "snappy"},
    [OCF_CODEC_ZSTANDARD] = {"zstandard", "zstd"},
};

const char *
ocf_codec_name(ocf_codec codec)
{
    return NAMES[codec].avro;
}

bool
ocf_codec_of(slu_view name, ocf_codec *out)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!slu_view_is(name, NAMES[i].avro) && !slu_view_is(name, NAMES[i].iceberg))
            continue;
        *out = (ocf_codec)i;
        return true;
    }
    return false;
}

/* Steps through `stream` until the end of input; `finish` steps it through its end. */
static slu_status
inflate_steps(z_stream *stream, slu_buf *out, slu_error *err)
{
    for (;;) {
        if (!slu_buf_reserve(out, CODEC_STEP_BYTES))
            return slu_buf_status(out, err);
        stream->next_out = out->data + out->bytes;
        stream->avail_out = (uInt)CODEC_STEP_BYTES;
        const int code = inflate(stream, Z_NO_FLUSH);
        out->bytes += CODEC_STEP_BYTES - stream->avail_out;
        if (code == Z_STREAM_END)
            return SLU_OK;
        if (code != Z_OK || (stream->avail_in == 0 && stream->avail_out != 0))
            return slu_error_set(err, SLU_CORRUPT, "a deflate block does not inflate (zlib %d)", code);
    }
}

static slu_status
unpack_deflate(slu_view packed, slu_buf *out, slu_error *err)
{
    z_stream stream = {0};
    if (packed.bytes > UINT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "a deflate block of %zu bytes", packed.bytes);
    if (inflateInit2(&stream, -15) != Z_OK)
        return slu_error_set(err, SLU_NOMEM, "no memory for zlib");
    stream.next_in = (Bytef *)(uintptr_t)packed.data;
    stream.avail_in = (uInt)packed.bytes;
    const slu_status status = inflate_steps(&stream, out, err);
    (void)inflateEnd(&stream);
    return status;
}

static slu_status
pack_deflate(slu_view plain, slu_buf *out, slu_error *err)
{
    z_stream stream = {0};
    if (plain.bytes > UINT32_MAX / 2)
        return slu_error_set(err, SLU_LIMIT, "a block of %zu bytes is too large for deflate", plain.bytes);
    if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return slu_error_set(err, SLU_NOMEM, "no memory for zlib");
    const size_t room = deflateBound(&stream, (uLong)plain.bytes);
    int code = Z_MEM_ERROR;
    if (slu_buf_reserve(out, room)) {
        stream.next_in = (Bytef *)(uintptr_t)plain.data;
        stream.avail_in = (uInt)plain.bytes;
        stream.next_out = out->data + out->bytes;
        stream.avail_out = (uInt)room;
        code = deflate(&stream, Z_FINISH);
        out->bytes += room - stream.avail_out;
    }
    (void)deflateEnd(&stream);
    SLU_TRY(slu_buf_status(out, err));
    return code == Z_STREAM_END ? SLU_OK : slu_error_set(err, SLU_IO, "zlib cannot deflate (%d)", code);
}

static uint32_t
plain_crc(const uint8_t *data, size_t bytes)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
}

static slu_status
unpack_snappy(slu_view packed, slu_buf *out, slu_error *err)
{
    size_t bytes = 0;
    if (packed.bytes < SNAPPY_CRC_BYTES)
        return slu_error_set(err, SLU_CORRUPT, "a snappy block of %zu bytes", packed.bytes);
    const char *data = (const char *)packed.data;
    const size_t data_bytes = packed.bytes - SNAPPY_CRC_BYTES;
    /* Snappy expands at most 64/3 times, so a larger claim is a lie, told to make us allocate. */
    if (snappy_uncompressed_length(data, data_bytes, &bytes) != SNAPPY_OK || bytes / 32 > data_bytes)
        return slu_error_set(err, SLU_CORRUPT, "a snappy block has an impossible length");
    if (!slu_buf_reserve(out, bytes + 1))
        return slu_buf_status(out, err);
    uint8_t *at = out->data + out->bytes;
    if (snappy_uncompress(data, data_bytes, (char *)at, &bytes) != SNAPPY_OK)
        return slu_error_set(err, SLU_CORRUPT, "a snappy block does not decompress");
    slu_cursor tail = slu_cursor_of(packed.data + data_bytes, SNAPPY_CRC_BYTES);
    if (slu_cursor_u32be(&tail) != plain_crc(at, bytes))
        return slu_error_set(err, SLU_CORRUPT, "a snappy block has another checksum than it says");
    out->bytes += bytes;
    return SLU_OK;
}

static slu_status
pack_snappy(slu_view plain, slu_buf *out, slu_error *err)
{
    size_t bytes = snappy_max_compressed_length(plain.bytes);
    if (!slu_buf_reserve(out, bytes + SNAPPY_CRC_BYTES))
        return slu_buf_status(out, err);
    if (snappy_compress((const char *)plain.data, plain.bytes, (char *)out->data + out->bytes, &bytes) != SNAPPY_OK)
        return slu_error_set(err, SLU_IO, "snappy cannot compress %zu bytes", plain.bytes);
    out->bytes += bytes;
    slu_buf_u32be(out, plain_crc(plain.data, plain.bytes));
    return slu_buf_status(out, err);
}

static slu_status
zstd_steps(ZSTD_DStream *stream, slu_view packed, slu_buf *out, slu_error *err)
{
    ZSTD_inBuffer in = {packed.data, packed.bytes, 0};
    size_t left = 1;
    while (in.pos < in.size || left != 0) {
        if (!slu_buf_reserve(out, CODEC_STEP_BYTES))
            return slu_buf_status(out, err);
        ZSTD_outBuffer step = {out->data + out->bytes, CODEC_STEP_BYTES, 0};
        const size_t in_before = in.pos;
        left = ZSTD_decompressStream(stream, &step, &in);
        if (ZSTD_isError(left))
            return slu_error_set(err, SLU_CORRUPT, "a zstandard block does not decompress: %s", ZSTD_getErrorName(left));
        out->bytes += step.pos;
        if (left != 0 && step.pos == 0 && in.pos == in_before)
            return slu_error_set(err, SLU_CORRUPT, "a zstandard block is cut short");
    }
    return SLU_OK;
}

static slu_status
unpack_zstandard(slu_view packed, slu_buf *out, slu_error *err)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (stream == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for zstd");
    (void)ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27);
    const slu_status status = zstd_steps(stream, packed, out, err);
    (void)ZSTD_freeDStream(stream);
    return status;
}

static slu_status
pack_zstandard(slu_view plain, slu_buf *out, slu_error *err)
{
    const size_t room = ZSTD_compressBound(plain.bytes);
    if (!slu_buf_reserve(out, room))
        return slu_buf_status(out, err);
    const size_t bytes = ZSTD_compress(out->data + out->bytes, room, plain.data, plain.bytes, 3);
    if (ZSTD_isError(bytes))
        return slu_error_set(err, SLU_IO, "zstd: %s", ZSTD_getErrorName(bytes));
    out->bytes += bytes;
    return SLU_OK;
}

static slu_status
copy_plain(slu_view plain, slu_buf *out, slu_error *err)
{
    slu_buf_append(out, plain.data, plain.bytes);
    return slu_buf_status(out, err);
}

slu_status
ocf_unpack(ocf_codec codec, slu_view packed, slu_buf *out, slu_error *err)
{
    switch (codec) {
    case OCF_CODEC_DEFLATE: return unpack_deflate(packed, out, err);
    case OCF_CODEC_SNAPPY: return unpack_snappy(packed, out, err);
    case OCF_CODEC_ZSTANDARD: return unpack_zstandard(packed, out, err);
    default: return copy_plain(packed, out, err);
    }
}

slu_status
ocf_pack(ocf_codec codec, slu_view plain, slu_buf *out, slu_error *err)
{
    switch (codec) {
    case OCF_CODEC_DEFLATE: return pack_deflate(plain, out, err);
    case OCF_CODEC_SNAPPY: return pack_snappy(plain, out, err);
    case OCF_CODEC_ZSTANDARD: return pack_zstandard(plain, out, err);
    default: return copy_plain(plain, out, err);
    }
}
