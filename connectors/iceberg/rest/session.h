/*
 * session.h: a conversation with one REST catalog: its configuration, its token, and what is asked again.
 *
 * Settings defaults of the server, then ours, then overrides of the server. Known names: uri, warehouse, prefix, token, credential
 *          ("id:secret" or a secret), oauth2-server-uri, scope, audience, resource, namespace-separator, header.NAME. The credential
 *          and the token go only where our own settings say, never to an oauth2-server-uri of the server's.
 * Again    GET: on 408, 429, 500, 502, 503, 504 and on a broken connection. Everything else only on 429 and on 503 with
 *          Retry-After; where the server remembers Idempotency-Key, like GET, with the key of the first time. 401 and 419: once,
 *          with a new token. At most ICEBERG_REST_TRIES, and no new try a minute after the first.
 * Classes  NOTFOUND 404; CONFLICT 409; LIMIT 429; TIMEOUT 408 or a deadline; UNSUPPORTED 3xx, 405, 406, 501; IO 5xx; CLOSED a
 *          broken connection; INVALID the rest (400, 401, 403, 422). err->code is the HTTP code.
 * Doubt    reply->in_doubt: some try of a call that changes things ended without an answer or with a 5xx, so that it may have been
 *          done, whatever the last answer says. A 409 in doubt may be our own deed's echo.
 * Threads  any; calls wait for each other.
 */
#ifndef ICEBERG_REST_SESSION_H
#define ICEBERG_REST_SESSION_H

#include "base/env.h"
#include "iceberg/rest/codec.h"
#include "iceberg/rest/http.h"

#define ICEBERG_REST_TRIES 5

typedef struct iceberg_rest_session iceberg_rest_session;

typedef struct iceberg_rest_options {
    const iceberg_property *properties; /* copied; "uri" is needed */
    size_t property_count;
    iceberg_http_options http;
    int64_t retry_wait_ms; /* before the second try, then doubled; 0: 200 ms */
} iceberg_rest_options;

typedef struct iceberg_rest_call {
    const char *method;
    const char *path; /* what comes after /v1/PREFIX/, encoded */
    slu_view body;    /* JSON, with POST */
    size_t answer_bytes_max;
    const char *token; /* of this table alone, in place of the session's; NULL: the session's. Refused, the session's is tried */
} iceberg_rest_call;

typedef struct iceberg_rest_reply {
    slu_buf body;
    bool in_doubt;
    iceberg_rest_fault fault; /* of an answer that is not 2xx */
} iceberg_rest_reply;

void iceberg_rest_reply_fini(iceberg_rest_reply *reply);

/* Asks for the configuration. `env` is borrowed. */
SLU_CHECK slu_status iceberg_rest_session_open(const slu_env *env, const iceberg_rest_options *options, iceberg_rest_session **out,
                                               slu_error *err);
void iceberg_rest_session_close(iceberg_rest_session **session);
/* OK: 2xx. *reply must be zeroed or finished; it is filled also on failure. */
SLU_CHECK slu_status iceberg_rest_session_call(iceberg_rest_session *session, const iceberg_rest_call *call,
                                               iceberg_rest_reply *reply, slu_error *err);
/* The effective setting; NULL: not set. Borrowed as long as the session. */
const char *iceberg_rest_session_setting(const iceberg_rest_session *session, const char *key);
/* All of them, a later one over an earlier one. Borrowed as long as the session. */
iceberg_rest_properties iceberg_rest_session_settings(const iceberg_rest_session *session);

/* Percent-encodes everything but unreserved characters. */
void iceberg_rest_text_encode(slu_buf *out, const char *text, size_t bytes);
/* A namespace for a path: its levels joined by the server's separator. */
void iceberg_rest_ns_encode(const iceberg_rest_session *session, slu_buf *out, const char *ns);

#endif
