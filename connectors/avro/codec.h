/*
 * codec.h: the compression codecs of an Avro block.
 *
 * Errors   CORRUPT: the bytes do not decompress or their checksum differs; LIMIT: more than the output buffer's maximum.
 */
#ifndef AVRO_CODEC_H
#define AVRO_CODEC_H

#include "avro/ocf.h"

/* Both append to `out`. */
SLU_CHECK slu_status ocf_unpack(ocf_codec codec, slu_view packed, slu_buf *out, slu_error *err);
SLU_CHECK slu_status ocf_pack(ocf_codec codec, slu_view plain, slu_buf *out, slu_error *err);

#endif
