/*
 * sigv4.h: AWS Signature Version 4 in the Authorization header.
 *
 * Shape    one call makes the request target, the date and the Authorization value from the same pieces, so that what is signed is
 *          what is sent. Paths and query values come raw and are percent-encoded once, each byte but A-Z a-z 0-9 - . _ ~ (and "/"
 *          in the path); no dot segment and no double "/" is touched.
 * Owns     nothing; results are appended to the caller's buffers.
 * Threads  any.
 * Errors   INVALID: more headers or query pairs than the bounds below, a path without leading "/"; IO: the crypto library failed;
 *          buffers say NOMEM or LIMIT.
 * Limits   S3_PAIRS_MAX headers and as many query pairs.
 */
#ifndef S3_SIGV4_H
#define S3_SIGV4_H

#include "base/bytes.h"

#define S3_PAIRS_MAX 16
#define S3_HASH_TEXT_BYTES 65 /* SHA-256 in hex with its final zero */
#define S3_DATE_BYTES 17      /* "20150830T123600Z" with its final zero */

typedef struct s3_pair {
    const char *name; /* of a header: in lower case */
    const char *value;
} s3_pair;

typedef struct s3_signing {
    const char *method;
    const char *path; /* raw, begins with "/" */
    const s3_pair *query;
    size_t query_count;
    const s3_pair *headers; /* every header to be signed but host and x-amz-date, which the signer adds */
    size_t header_count;
    const char *host;         /* as sent: with the port when it is not the scheme's own */
    const char *payload_hash; /* hex SHA-256 of the body, or "UNSIGNED-PAYLOAD" */
    const char *region;
    const char *service;
    const char *access_key;
    const char *secret_key;
    int64_t wall_ms; /* when: milliseconds since 1970 UTC */
} s3_signing;

void s3_sha256_text(slu_view data, char out[S3_HASH_TEXT_BYTES]);
/* Percent-encodes as the signature wants it; `keep_slash` for paths. */
void s3_encode(slu_buf *out, const char *text, bool keep_slash);
/* target: "/a%3Db?x=1&y="; authorization: the header's value. */
SLU_CHECK slu_status s3_sign(const s3_signing *in, slu_buf *target, slu_buf *authorization, char date[S3_DATE_BYTES],
                             slu_error *err);

#endif
