/*
 * http.h: one HTTP exchange at a time, on libcurl; its header appears nowhere else in this room.
 *
 * Shape    a request goes out and its whole answer comes back, whatever its status code: what a code means is the caller's.
 *          Redirects are not followed: a token or a body must not go where nobody asked it to go.
 * Once     a request with `once` gets a connection of its own. libcurl repeats a request silently when a kept connection dies
 *          before the first byte of the answer, and a commit repeated silently has done and meets itself as a conflict.
 * Owns     an answer owns its body until iceberg_http_answer_fini.
 * Threads  owner; a call blocks until the answer is there or a deadline passed.
 * Errors   INVALID: the URL or the method; LIMIT: an answer larger than asked for; TIMEOUT; CLOSED: the connection was refused or
 *          broke; IO: TLS and the rest. After TIMEOUT, CLOSED, LIMIT and IO the server may have done what was asked.
 */
#ifndef ICEBERG_REST_HTTP_H
#define ICEBERG_REST_HTTP_H

#include "base/bytes.h"

typedef struct iceberg_http iceberg_http;

typedef struct iceberg_http_options {
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t timeout_ms;         /* of a whole exchange; 0: 60 s */
    const char *ca_file;        /* NULL: the system's */
} iceberg_http_options;

typedef struct iceberg_http_request {
    const char *method; /* "GET", "POST", "DELETE", "HEAD" */
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    slu_view body; /* sent with POST, even when empty */
    size_t answer_bytes_max;
    bool once;
} iceberg_http_request;

typedef struct iceberg_http_answer {
    int code;               /* 200 ... */
    int64_t retry_after_ms; /* -1: not said */
    slu_buf body;
} iceberg_http_answer;

SLU_CHECK slu_status iceberg_http_open(const iceberg_http_options *options, iceberg_http **out, slu_error *err);
void iceberg_http_close(iceberg_http **http);
/* *out must be zeroed or finished. */
SLU_CHECK slu_status iceberg_http_exchange(iceberg_http *http, const iceberg_http_request *request, iceberg_http_answer *out,
                                           slu_error *err);
void iceberg_http_answer_fini(iceberg_http_answer *answer); /* safe on a zeroed one and twice */

#endif
