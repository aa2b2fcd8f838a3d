/*
 * answers.h: the few XML answers of S3, read by a small scanner of our own.
 *
 * Shape    elements, text, the five named and the numeric entities, comments and processing instructions; attributes are
 *          skipped, names lose their namespace prefix. A DOCTYPE or CDATA is refused: S3 sends none, and entities of one's own are
 *          an attack.
 * Owns     nothing; texts are copied into the caller's buffers.
 * Threads  any.
 * Errors   CORRUPT: not the answer that was asked for; LIMIT: deeper or longer than the bounds; UNSUPPORTED: an encoding of keys
 *          that we did not ask for.
 * Limits   S3_XML_DEPTH_MAX levels, S3_TEXT_BYTES_MAX bytes of one text.
 */
#ifndef S3_ANSWERS_H
#define S3_ANSWERS_H

#include "base/bytes.h"

#define S3_XML_DEPTH_MAX 16
#define S3_TEXT_BYTES_MAX 4096 /* a key has at most 1024 bytes, a token somewhat more */

typedef struct s3_object {
    const char *key; /* borrowed for the call */
    int64_t bytes;
    int64_t modified_ms;
} s3_object;

typedef slu_status (*s3_found)(void *to, const s3_object *object, slu_error *err);

typedef struct s3_failure {
    char code[80];     /* "SlowDown"; "" when the body names none */
    char message[400]; /* the server's words, cut at this length */
    char region[64];   /* where the bucket really is, if the server says so */
} s3_failure;

/* True when the body is an <Error> with a <Code>. */
bool s3_failure_decode(slu_view body, s3_failure *out);
/* One page of ListObjectsV2: calls `found` per object; *out_more and `token` say how to go on. */
SLU_CHECK slu_status s3_listing_decode(slu_view body, s3_found found, void *to, bool *out_more, slu_buf *token, slu_error *err);
/* <InitiateMultipartUploadResult>: appends the upload id. */
SLU_CHECK slu_status s3_upload_id_decode(slu_view body, slu_buf *out, slu_error *err);
/* "2026-01-31T12:00:00.123Z" as milliseconds since 1970; -1: not a time. */
int64_t s3_time_parse(const char *text);

#endif
