/*
 * fluss_s3.h: remote storage of Fluss in S3, as a store (fluss/remote/store.h).
 *
 * Shape    locations are "s3://bucket/key" and "s3a://bucket/key". A file is one object, put by one request (a file that was cut short
 *          leaves nothing behind), and read back in ranges of FLUSS_S3_RANGE_BYTES.
 * Settings under the names of Fluss's fs-s3, each with the prefix s3., s3a. or fs.s3a.: endpoint, region (or endpoint.region), access-key
 *          (access.key), secret-key (secret.key), path-style-access (path.style.access), and our own session-token and ca-file. What
 *          is not said is found as s3/credentials.h says.
 * Errors   as s3/s3.h; UNSUPPORTED: another scheme.
 * Threads  as store.h; the client may be used by several at once.
 * Limits   a file has at most FLUSS_S3_FILE_BYTES_MAX (of one request, S3's own).
 */
#ifndef FLUSS_S3_H
#define FLUSS_S3_H

#include "fluss/remote/store.h"

#define FLUSS_S3_RANGE_BYTES ((size_t)8 << 20)
#define FLUSS_S3_FILE_BYTES_MAX ((int64_t)5 << 30)

/* A fluss_store_opener. */
slu_status fluss_s3_open(const char *location, const fluss_store_settings *settings, const slu_env *env, fluss_store *out,
                         slu_error *err);
/* The setting that Fluss's fs-s3 calls s3.NAME ("access-key"), under whichever of its spellings; NULL: not said. */
const char *fluss_s3_setting(const fluss_store_settings *settings, const char *name);

#endif
