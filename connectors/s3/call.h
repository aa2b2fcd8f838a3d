/*
 * call.h: one S3 operation with its tries. Private to this room.
 *
 * Shape    s3_call signs, sends, judges the answer and tries again; what it returns is the operation's own status, and
 *          `out` tells the rest. A CONFLICT or NOTFOUND may be the echo of an earlier try of our own whose answer was lost (libcurl
 *          too sends again when a kept connection is dead): whoever must know asks s3_mark_check.
 * Threads  any.
 */
#ifndef S3_CALL_H
#define S3_CALL_H

#include "s3/http.h"

typedef struct s3_request {
    const char *method;
    const char *bucket;
    const char *key; /* "" for the bucket itself */
    const s3_pair *query;
    size_t query_count;
    s3_pair headers[3]; /* beside those that every request has; NULL name: none */
    slu_view body;
    bool has_body;
    bool error_in_200; /* an <Error> may come with status 200 */
    slu_buf *out;
} s3_request;

typedef struct s3_answer {
    long status;
    int64_t content_bytes;
    int64_t range_first;
    char etag[128];
    char mark[40];
    char code[80]; /* of the last failure: "NoSuchUpload"; "" when none */
} s3_answer;

SLU_CHECK slu_status s3_call(s3_client *client, const s3_request *request, s3_answer *out, slu_error *err);
size_t s3_part_bytes(const s3_client *client);
const slu_env *s3_env(const s3_client *client);
/* 32 hex digits that no other write has. */
void s3_mark_make(s3_client *client, char out[40]);
/* Is the object there ours, by its mark? */
SLU_CHECK slu_status s3_mark_check(s3_client *client, const char *bucket, const char *key, const char *mark, bool *out_ours,
                                   slu_error *err);

#endif
