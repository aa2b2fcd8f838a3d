/* ipc_compress.c: one buffer of a body under LZ4 frames or ZSTD, with contexts that are kept between calls. */
#include "ipc_internal.h"

#include "base/alloc.h"

#include <lz4frame.h>
#include <zstd.h>

#include "base/limits.h"

struct slu_ipc_codec {
    ZSTD_CCtx *zstd_out;
    ZSTD_DCtx *zstd_in;
    LZ4F_dctx *lz4_in;
    slu_buf scratch;
};

slu_status
slu_ipc_codec_new(slu_ipc_codec **out, slu_error *err)
{
    slu_ipc_codec *codec = slu_alloc_zero(1, sizeof *codec);
    if (codec == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a codec");
    slu_buf_init(&codec->scratch, (size_t)SLU_BATCH_BYTES_MAX);
    *out = codec;
    return SLU_OK;
}

void
slu_ipc_codec_free(slu_ipc_codec **codec)
{
    slu_ipc_codec *mine = slu_take(codec);
    if (mine == NULL)
        return;
    (void)ZSTD_freeCCtx(mine->zstd_out);
    (void)ZSTD_freeDCtx(mine->zstd_in);
    (void)LZ4F_freeDecompressionContext(mine->lz4_in);
    slu_buf_fini(&mine->scratch);
    slu_free(mine);
}

slu_buf *
ipc_codec_scratch(slu_ipc_codec *codec)
{
    slu_buf_reset(&codec->scratch);
    return &codec->scratch;
}

static slu_status
zstd_compress(slu_ipc_codec *codec, int32_t level, slu_view raw, uint8_t *to, size_t room, size_t *out_bytes, slu_error *err)
{
    if (codec->zstd_out == NULL)
        codec->zstd_out = ZSTD_createCCtx();
    if (codec->zstd_out == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for ZSTD");
    const size_t got =
        ZSTD_compressCCtx(codec->zstd_out, to, room, raw.data, raw.bytes, level == 0 ? SLU_IPC_ZSTD_LEVEL_DEFAULT : level);
    if (ZSTD_isError(got))
        return slu_error_set(err, SLU_NOMEM, "ZSTD: %s", ZSTD_getErrorName(got));
    *out_bytes = got;
    return SLU_OK;
}

/* 64 KB independent blocks without checksums, as Java's commons-compress writes them. */
static LZ4F_preferences_t
lz4_preferences(void)
{
    LZ4F_preferences_t preferences;
    memset(&preferences, 0, sizeof preferences);
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    return preferences;
}

static slu_status
lz4_compress(slu_view raw, uint8_t *to, size_t room, size_t *out_bytes, slu_error *err)
{
    const LZ4F_preferences_t preferences = lz4_preferences();
    const size_t got = LZ4F_compressFrame(to, room, raw.data, raw.bytes, &preferences);
    if (LZ4F_isError(got))
        return slu_error_set(err, SLU_NOMEM, "LZ4: %s", LZ4F_getErrorName(got));
    *out_bytes = got;
    return SLU_OK;
}

slu_status
ipc_compress(slu_ipc_codec *codec, uint8_t compression, int32_t level, slu_view raw, slu_buf *out, slu_error *err)
{
    const bool zstd = compression == SLU_IPC_COMPRESSION_ZSTD;
    const LZ4F_preferences_t preferences = lz4_preferences();
    const size_t room = zstd ? ZSTD_compressBound(raw.bytes) : LZ4F_compressFrameBound(raw.bytes, &preferences);
    const size_t length_at = out->bytes;
    size_t frame_bytes = 0;
    slu_buf_u64le(out, raw.bytes);
    if (raw.bytes == 0)
        return slu_buf_status(out, err);
    uint8_t *to = slu_buf_extend(out, room);
    if (to == NULL)
        return slu_buf_status(out, err);
    SLU_TRY(zstd ? zstd_compress(codec, level, raw, to, room, &frame_bytes, err) : lz4_compress(raw, to, room, &frame_bytes, err));
    if (frame_bytes >
        raw.bytes) { /* stored as it is, by the very rule of Java Arrow; `to` has room, the bound being above raw.bytes */
        memcpy(to, raw.data, raw.bytes);
        frame_bytes = raw.bytes;
        slu_buf_patch_u32le(out, length_at, 0xffffffffu);
        slu_buf_patch_u32le(out, length_at + 4, 0xffffffffu);
    }
    out->bytes = length_at + 8 + frame_bytes;
    return SLU_OK;
}

static slu_status
zstd_decompress(slu_ipc_codec *codec, slu_view frame, uint8_t *out, size_t out_bytes, slu_error *err)
{
    if (codec->zstd_in == NULL)
        codec->zstd_in = ZSTD_createDCtx();
    if (codec->zstd_in == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for ZSTD");
    const size_t got = ZSTD_decompressDCtx(codec->zstd_in, out, out_bytes, frame.data, frame.bytes);
    if (ZSTD_isError(got))
        return slu_error_set(err, SLU_CORRUPT, "ZSTD: %s", ZSTD_getErrorName(got));
    if (got != out_bytes)
        return slu_error_set(err, SLU_CORRUPT, "ZSTD: %zu bytes came out of a frame that says %zu", got, out_bytes);
    return SLU_OK;
}

static slu_status
lz4_decompress(slu_ipc_codec *codec, slu_view frame, uint8_t *out, size_t out_bytes, slu_error *err)
{
    if (codec->lz4_in == NULL && LZ4F_isError(LZ4F_createDecompressionContext(&codec->lz4_in, LZ4F_VERSION)))
        return slu_error_set(err, SLU_NOMEM, "no memory for LZ4");
    size_t filled = 0, used = 0, hint = 1;
    LZ4F_resetDecompressionContext(codec->lz4_in);
    while (used < frame.bytes && hint != 0) {
        size_t room = out_bytes - filled, left = frame.bytes - used;
        hint = LZ4F_decompress(codec->lz4_in, out + filled, &room, frame.data + used, &left, NULL);
        if (LZ4F_isError(hint))
            return slu_error_set(err, SLU_CORRUPT, "LZ4: %s", LZ4F_getErrorName(hint));
        if (room == 0 && left == 0)
            break;
        filled += room;
        used += left;
    }
    if (filled != out_bytes || hint != 0 || used != frame.bytes)
        return slu_error_set(err, SLU_CORRUPT, "LZ4: %zu bytes came out of a frame that says %zu", filled, out_bytes);
    return SLU_OK;
}

slu_status
ipc_decompress(slu_ipc_codec *codec, uint8_t compression, slu_view frame, uint8_t *out, size_t out_bytes, slu_error *err)
{
    return compression == SLU_IPC_COMPRESSION_ZSTD ? zstd_decompress(codec, frame, out, out_bytes, err)
                                                   : lz4_decompress(codec, frame, out, out_bytes, err);
}
