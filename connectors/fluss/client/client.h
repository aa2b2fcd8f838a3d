/*
 * client.h: a Fluss client without a thread of its own: connections, calls, and the cluster as last heard.
 *
 * Shape    one client, one event loop of its own; embed it in another poll loop by fd, timeout and step, or wait with
 *          fluss_client_wait. Calls are pipelined; answers arrive in any order as callbacks from inside step, never from inside the
 *          function that made the call.
 * Owns     the client owns its connections and what waits on them. fluss_client_close fails nothing and calls nothing back: calls
 *          still open are forgotten. An answer is counted: keep one (and what it points at) with fluss_answer_ref.
 * Threads  owner; answers may be unref'd on any thread.
 * Errors   a failed call gets a slu_error: a Fluss error (code set, retriable as Fluss says), CLOSED or IO: the connection, TIMEOUT:
 *          no answer in time, UNSUPPORTED: the server does not serve this API, CORRUPT: an answer that is none.
 * Limits   FLUSS_CLIENT_CALLS_MAX open calls; FLUSS_RESPONSE_BYTES_MAX an answer.
 * Source   Apache Fluss 0.9.1 (RPC, metadata, routing); README.md of this room.
 */
#ifndef FLUSS_CLIENT_CLIENT_H
#define FLUSS_CLIENT_CLIENT_H

#include "base/arena.h"
#include "base/env.h"
#include "fluss/client/files.h"
#include "fluss/client/login.h"
#include "fluss/wire/api.h"

#include <stdbool.h>

#define FLUSS_CLIENT_CALLS_MAX 10000
#define FLUSS_REQUEST_TIMEOUT_MS_DEFAULT 30000
#define FLUSS_CONNECT_TIMEOUT_MS_DEFAULT 10000

typedef struct fluss_client fluss_client;
typedef struct fluss_call fluss_call;

typedef struct fluss_client_options {
    const char *bootstrap_servers; /* "host:port,host:port" */
    int64_t request_timeout_ms;    /* 0: FLUSS_REQUEST_TIMEOUT_MS_DEFAULT */
    int64_t connect_timeout_ms;    /* 0: FLUSS_CONNECT_TIMEOUT_MS_DEFAULT */
    bool (*stopped)(void);         /* NULL: never. True ends every wait of this room with CLOSED: somebody pressed Ctrl-C */
    fluss_login login;         /* a refused one fails every call, now and later, with the server's words; it is not tried again */
    fluss_files_options files; /* remote files in S3 */
} fluss_client_options;

/* Connects to nothing yet. `env` is borrowed. */
SLU_CHECK slu_status fluss_client_open(const slu_env *env, const fluss_client_options *options, fluss_client **out, slu_error *err);
void fluss_client_close(fluss_client **client);
const slu_env *fluss_client_env(const fluss_client *client);

/* For a foreign poll loop: step when the descriptor is readable or the time has passed (-1: no timer). */
int fluss_client_fd(const fluss_client *client);
int fluss_client_timeout_ms(fluss_client *client);
void fluss_client_step(fluss_client *client, int wait_ms);
/* CLOSED once the options' `stopped` says so. */
SLU_CHECK slu_status fluss_client_stop_check(const fluss_client *client, slu_error *err);
/* Steps until *done or until timeout_ms has passed (TIMEOUT, naming `what`). For tools and tests. */
SLU_CHECK slu_status fluss_client_wait(fluss_client *client, const bool *done, int64_t timeout_ms, const char *what,
                                       slu_error *err);

/* A decoded answer with the memory it lives in. */
typedef struct fluss_answer {
    slu_arena arena;
    ProtobufCMessage *message; /* of the API's response type */
    uint32_t references;       /* atomic */
} fluss_answer;

fluss_answer *fluss_answer_ref(fluss_answer *answer);
void fluss_answer_unref(fluss_answer **answer);

/* Exactly one of answer and failure is given; both are borrowed for the call. */
typedef void (*fluss_on_answer)(void *context, fluss_answer *answer, const slu_error *failure);

#define FLUSS_TO_COORDINATOR (-1)
#define FLUSS_TO_ANY (-2) /* any tablet server; before the cluster is known, a bootstrap address */

/* Encodes the request now (it is borrowed) and sends it to a node id or FLUSS_TO_. The handle is valid until on_answer was called or
 * the call was cancelled. */
SLU_CHECK slu_status fluss_client_call(fluss_client *client, int32_t node, int16_t api, const ProtobufCMessage *request,
                                       fluss_on_answer on_answer, void *context, fluss_call **out, slu_error *err);
/* The answer is not wanted any more: on_answer will not be called. NULL is fine; leaves NULL. */
void fluss_call_cancel(fluss_call **call);
/* call + wait: the answer belongs to the caller. */
SLU_CHECK slu_status fluss_client_ask(fluss_client *client, int32_t node, int16_t api, const ProtobufCMessage *request,
                                      fluss_answer **out, slu_error *err);
/* A leader was not where the cluster said, or a node is gone: forget what is known; the next call asks again. */
void fluss_client_cluster_forget(fluss_client *client);

#endif
