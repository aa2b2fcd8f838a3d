/*
 * ocf.h: the Avro object container file: header, blocks, codecs, sync markers. Ours, because the packaged Avro C library can
 * neither write header metadata nor keep the attributes of a schema, and an Iceberg manifest needs both.
 *
 * Map of a file (Apache Avro 1.11 specification, "Object Container Files")
 *   "Obj" 0x01
 *   metadata   map of string to bytes: blocks of (zigzag count, pairs; a negative count is followed by the block's bytes), then 0;
 *              avro.schema is the schema's JSON, avro.codec one of null, deflate, snappy, zstandard
 *   sync       16 bytes
 *   block ...  zigzag count of values, zigzag bytes, the values (compressed), sync
 *   deflate is a raw zlib stream; snappy is a raw block and the CRC-32 (big-endian) of the plain bytes; zstandard is frames.
 *
 * Owns     a reader borrows the file's bytes and owns its decompressed block, valid until the next call. A writer owns its output.
 * Threads  owner.
 * Errors   CORRUPT: the bytes are not a container; LIMIT: a bound below was met; UNSUPPORTED: a codec we do not have; END: no block
 *          left.
 * Limits   see the constants; every length is checked against the bytes that remain before anything is allocated.
 */
#ifndef AVRO_OCF_H
#define AVRO_OCF_H

#include "base/bytes.h"
#include "base/cursor.h"

#define OCF_SYNC_BYTES 16
#define OCF_METADATA_MAX 64                        /* keys in a header */
#define OCF_BLOCK_BYTES_MAX ((size_t)64 << 20)     /* one decompressed block */
#define OCF_BLOCK_BYTES_TARGET ((size_t)256 << 10) /* a writer closes a block above this */
#define OCF_FILE_BYTES_MAX ((size_t)512 << 20)     /* what a writer produces at most */

typedef enum ocf_codec {
    OCF_CODEC_NULL,
    OCF_CODEC_DEFLATE,
    OCF_CODEC_SNAPPY,
    OCF_CODEC_ZSTANDARD,
} ocf_codec;

typedef struct ocf_pair {
    slu_view key;
    slu_view value;
} ocf_pair;

typedef struct ocf_reader {
    slu_cursor cursor;
    ocf_pair metadata[OCF_METADATA_MAX]; /* borrowed from the file */
    size_t metadata_count;
    slu_view schema; /* JSON text */
    ocf_codec codec;
    uint8_t sync[OCF_SYNC_BYTES];
    slu_buf block; /* decompressed, when the codec is not null */
} ocf_reader;

/* Reads the header of a whole file in memory. fini is safe on a zeroed reader. */
SLU_CHECK slu_status ocf_reader_init(ocf_reader *reader, slu_view file, slu_error *err);
void ocf_reader_fini(ocf_reader *reader);
/* The next block: how many values it says to hold, and their bytes. The count is not yet checked against the bytes: the reader of
 * values does that, since only it knows how small a value can be. */
SLU_CHECK slu_status ocf_reader_next(ocf_reader *reader, uint64_t *out_count, slu_view *out_values, slu_error *err);
/* The value of a header key; false when absent. */
bool ocf_reader_metadata(const ocf_reader *reader, const char *key, slu_view *out);

typedef struct ocf_writer {
    slu_buf file;
    slu_buf block; /* encoded values of the open block */
    slu_buf packed;
    uint64_t block_count;
    ocf_codec codec;
    uint8_t sync[OCF_SYNC_BYTES];
} ocf_writer;

/* `sync` is 16 bytes that the caller drew at random. avro.schema and avro.codec are added to the pairs. */
SLU_CHECK slu_status ocf_writer_init(ocf_writer *writer, slu_view schema, ocf_codec codec, const ocf_pair *metadata,
                                     size_t metadata_count, const uint8_t sync[OCF_SYNC_BYTES], slu_error *err);
void ocf_writer_fini(ocf_writer *writer);
/* Where the encoder of a value appends its bytes; ocf_writer_added then counts it, and closes the block when it is large. */
static inline slu_buf *
ocf_writer_block(ocf_writer *writer)
{
    return &writer->block;
}
SLU_CHECK slu_status ocf_writer_added(ocf_writer *writer, slu_error *err);
/* Closes the last block; `file` then holds the whole container. */
SLU_CHECK slu_status ocf_writer_finish(ocf_writer *writer, slu_error *err);

const char *ocf_codec_name(ocf_codec codec);
/* Avro's names, and the names of Iceberg's write.manifest.compression-codec (gzip is deflate, uncompressed is null). */
bool ocf_codec_of(slu_view name, ocf_codec *out);

#endif
