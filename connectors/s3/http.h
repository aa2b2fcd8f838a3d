/*
 * http.h: one HTTP exchange over libcurl. Private to this room.
 *
 * Shape    a connection (a libcurl handle) is used by one exchange at a time and kept for the next. The body of a 2xx answer is
 *          appended to request->out, that of any other to answer->failure, up to its bound.
 * Owns     http_connection_new's result: http_connection_free.
 * Threads  a connection: one at a time.
 * Errors   status of the exchange itself, not of HTTP: IO, TIMEOUT, CLOSED are retriable (err->retriable); a TLS or URL failure
 *          is IO or INVALID and not retriable; LIMIT: request->out is full.
 */
#ifndef S3_HTTP_H
#define S3_HTTP_H

#include "s3/s3.h"
#include "s3/sigv4.h"

#define HTTP_FAILURE_BYTES_MAX ((size_t)64 << 10)

typedef struct http_connection http_connection;

typedef struct http_options {
    const char *ca_file; /* NULL: the machine's own */
    bool loopback;       /* never through a proxy */
    uint32_t connect_ms;
    uint32_t stall_seconds;
} http_options;

typedef struct http_request {
    const char *method;
    const char *url;
    const s3_pair *headers;
    size_t header_count;
    slu_view body; /* sent when has_body, empty too */
    bool has_body;
    slu_buf *out; /* NULL: a 2xx body is dropped */
} http_request;

typedef struct http_answer {
    long status;
    int64_t content_bytes; /* -1: not said */
    int64_t range_first;   /* of Content-Range; -1: none */
    int64_t date_ms;       /* the server's clock; -1: not said */
    int64_t retry_after_s; /* 0: not said */
    char etag[128];
    char region[64]; /* x-amz-bucket-region */
    char mark[40];   /* x-amz-meta-sluice-mark */
    slu_buf failure; /* the body of an answer that is not 2xx; the caller inits and finis it */
} http_answer;

SLU_CHECK slu_status http_connection_new(const http_options *options, http_connection **out, slu_error *err);
void http_connection_free(http_connection *connection);
SLU_CHECK slu_status http_exchange(http_connection *connection, const http_request *request, http_answer *answer, slu_error *err);

#endif
