/*
 * session.c: one client connection.
 *
 * Requests are handled in the order in which they come, one after the other, as each arrives; answers go out as they are ready, so
 * a fetch that waits does not hold up what was sent after it (the protocol matches answers by request id). A client that does not
 * read its answers is not read from until it does; when many do not, those for whom most waits are closed.
 */
#include "base/alloc.h"
#include "fluss/security/sasl.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/commits.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/reply.h"
#include "fluss/server/server_internal.h"
#include "fluss/wire/frame.h"

#include <inttypes.h>

#define SESSION_RESPONSE_ARENA_BYTES ((size_t)64 << 20)
#define SESSION_ARENA_KEEP_BYTES ((size_t)4 << 20) /* a larger arena is given back after the request */
#define SESSION_LARGE_REQUEST_BYTES ((size_t)256 << 10)
#define SESSION_QUEUE_BYTES_LOW ((size_t)1 << 20)                   /* less is not worth counting */
#define SESSION_QUEUE_BYTES_HIGH (FLUSS_SERVER_QUEUE_BYTES_MAX / 2) /* above half of it the connection tells when it is drained */

struct fluss_session {
    fluss_server *server;
    const fluss_server_listener *listener;
    slu_conn *conn;
    fluss_sasl sasl; /* of a listener with login */
    char peer_host[SLU_ADDRESS_BYTES_MAX];
    int64_t active_ms; /* when something came or went last */
    int64_t behind_ms; /* until then its reader counts as one that is behind */
    bool paused;
    uint32_t parked; /* fetches that wait */
    fluss_session *next;
    fluss_session **at;
};

static void
session_free(fluss_session *session)
{
    fluss_fetches_forget(session->server->fetches, session);
    if (session->server->commits != NULL)
        fluss_commits_forget(session->server->commits, session);
    *session->at = session->next;
    if (session->next != NULL)
        session->next->at = session->at;
    slu_free(session);
}

uint32_t *
fluss_session_parked(fluss_session *session)
{
    return &session->parked;
}

/* Somebody up the stack may still use the session: it is swept later. */
static void
session_evict(fluss_session *session, const char *why)
{
    slu_log_warn(session->server->env, "ANSWER-LOST", "%s: %s; the connection is closed", slu_conn_peer(session->conn), why);
    slu_conn_close(&session->conn); /* its requests would wait for ever for an answer that cannot be sent */
    slu_loop_wake(session->server->loop);
}

/* Called when one more queue has grown: the sum is bounded, whatever the number of clients that do not read. */
static void
sessions_relieve(fluss_server *server)
{
    size_t all = 0;
    fluss_session *slowest = NULL;
    for (fluss_session *at = server->sessions; at != NULL; at = at->next) {
        const size_t queued = at->conn == NULL ? 0 : slu_conn_queued_bytes(at->conn);
        all += queued;
        if (queued > 0 && (slowest == NULL || queued > slu_conn_queued_bytes(slowest->conn)))
            slowest = at;
    }
    if (all > FLUSS_SERVER_QUEUES_BYTES_MAX && slowest != NULL)
        session_evict(slowest, "it does not read its answers, and more than 256 MiB wait for clients like it");
}

static void
session_send(fluss_session *session, slu_buf *frame)
{
    slu_error why;
    if (session->conn == NULL)
        return;
    session->active_ms = slu_now_ms(session->server->env);
    if (slu_conn_send(session->conn, frame, &why) != SLU_OK) {
        session_evict(session, why.message);
        return;
    }
    if (slu_conn_queued_bytes(session->conn) > SESSION_QUEUE_BYTES_LOW)
        sessions_relieve(session->server);
    if (session->conn != NULL && !session->paused && slu_conn_queued_bytes(session->conn) > SESSION_QUEUE_BYTES_HIGH) {
        session->paused = true;
        slu_conn_pause(session->conn);
    }
}

static void
session_answer_error(fluss_session *session, int32_t request_id, int32_t code, const char *message)
{
    SLU_AUTO(slu_buf_fini) slu_buf frame = {0};
    slu_buf_init(&frame, 64 << 10);
    fluss_response_error_encode_rest(&frame, request_id, code, message);
    session_send(session, &frame);
}

void
fluss_session_answer(fluss_session *session, int32_t request_id, const ProtobufCMessage *response)
{
    SLU_AUTO(slu_buf_fini) slu_buf frame = {0};
    slu_buf_init(&frame, FLUSS_RESPONSE_BYTES_MAX);
    fluss_response_encode_rest(&frame, request_id, response);
    if (slu_buf_status(&frame, NULL) != SLU_OK)
        session_answer_error(session, request_id, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                             "the answer is larger than 256 MiB, or there is no memory for it");
    else
        session_send(session, &frame);
}

slu_status
fluss_request_answer(fluss_request *request, const ProtobufCMessage *response, slu_error *err)
{
    SLU_TRY(slu_arena_status(request->arena, err)); /* a response with holes in it is none */
    fluss_session_answer(request->session, request->id, response);
    return SLU_OK;
}

static slu_status
session_handle(fluss_session *session, slu_conn *conn, const fluss_request_frame *frame, slu_error *err)
{
    ProtobufCMessage *message = NULL;
    fluss_server *server = session->server;
    const fluss_api *api = fluss_api_find(frame->api_key);
    const fluss_handler handler = api == NULL ? NULL : fluss_dispatch_find(frame->api_key);
    if (handler == NULL) {
        (void)slu_error_set(err, SLU_UNSUPPORTED, "API %d%s%s is not served by this server", frame->api_key, api == NULL ? "" : " ",
                            api == NULL ? "" : api->name);
        err->code = FLUSS_ERROR_UNSUPPORTED_VERSION;
        return SLU_UNSUPPORTED;
    }
    if (session->listener->spec.sasl && !session->sasl.done && frame->api_key != FLUSS_API_AUTHENTICATE &&
        frame->api_key != FLUSS_API_API_VERSIONS) {
        (void)slu_error_set(err, SLU_INVALID, "%s", FLUSS_SASL_UNAUTHENTICATED);
        err->code = FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
        return SLU_INVALID;
    }
    if (frame->api_version < api->version_min || frame->api_version > api->version_max) {
        (void)slu_error_set(err, SLU_UNSUPPORTED, "%s in version %d; this server knows %d to %d", api->name, frame->api_version,
                            api->version_min, api->version_max);
        err->code = FLUSS_ERROR_UNSUPPORTED_VERSION;
        return SLU_UNSUPPORTED;
    }
    server->request_arena.bytes_max = FLUSS_MESSAGE_ARENA_BYTES(frame->body.bytes) + SESSION_RESPONSE_ARENA_BYTES;
    const slu_status status = fluss_message_decode(api->request, frame->body, &server->request_arena, &message, err);
    if (status != SLU_OK) {
        err->code = FLUSS_ERROR_CORRUPT_MESSAGE;
        return slu_error_in(err, status, "%s", api->name);
    }
    if (frame->body.bytes > SESSION_LARGE_REQUEST_BYTES)
        fluss_server_large_request(server);
    slu_conn_drop_input(conn); /* the message has what it needs */
    const bool joins = api->key == FLUSS_API_PRODUCE_LOG || api->key == FLUSS_API_PUT_KV || api->key == FLUSS_API_FETCH_LOG;
    if (!joins && fluss_commits_wait(server->commits))
        fluss_commits_flush(server->commits);
    fluss_request request = {
        server,
        session,
        api,
        message,
        &server->request_arena,
        frame->request_id,
        frame->api_version,
        .principal = {session->listener->spec.sasl ? session->sasl.user : FLUSS_PRINCIPAL_ANONYMOUS, FLUSS_PRINCIPAL_USER}};
    SLU_TRY(fluss_authorize_request(&request, err));
    return handler(&request, err);
}

static void
session_reset_arena(fluss_server *server)
{
    if (server->request_arena.bytes > SESSION_ARENA_KEEP_BYTES) {
        slu_arena_fini(&server->request_arena);
        slu_arena_init(&server->request_arena, 0);
    }
    slu_arena_reset(&server->request_arena);
}

static void
session_input(void *context, slu_conn *conn, slu_view input)
{
    fluss_session *session = context;
    fluss_request_frame frame;
    slu_error err;
    if (session->conn == NULL)
        return;
    session->active_ms = slu_now_ms(session->server->env);
    if (fluss_request_decode_rest(input, &frame, &err) != SLU_OK) {
        SLU_AUTO(slu_buf_fini) slu_buf answer = {0};
        slu_buf_init(&answer, 64 << 10);
        fluss_response_failure_encode_rest(&answer, FLUSS_ERROR_CORRUPT_MESSAGE, err.message);
        session_send(session, &answer);
        slu_conn_close_after_writes(&session->conn);
        session_free(session);
        return;
    }
    const slu_status status = session_handle(session, conn, &frame, &err);
    if (status != SLU_OK) {
        const int32_t code = fluss_server_code(status, &err);
        slu_log_debug(session->server->env, "REQUEST-FAILED", "%s: api %d: error %" PRId32 ": %s", slu_conn_peer(conn),
                      frame.api_key, code, err.message);
        session_answer_error(session, frame.request_id, code, err.message);
    }
    session_reset_arena(session->server);
}

static void
session_drained(void *context, slu_conn *conn)
{
    fluss_session *session = context;
    if (session->paused)
        slu_conn_resume(conn);
    session->paused = false;
}

static void
session_closed(void *context, slu_conn *conn, const slu_error *why)
{
    (void)conn;
    (void)why;
    session_free(context);
}

static const slu_conn_events session_events = {NULL, session_input, session_drained, session_closed};

/* "127.0.0.1:4711", "[::1]:4711": without the port. */
static void
session_set_peer_host(fluss_session *session, const char *peer)
{
    const bool v6 = peer[0] == '[';
    (void)snprintf(session->peer_host, sizeof session->peer_host, "%s", v6 ? peer + 1 : peer);
    char *end = strrchr(session->peer_host, v6 ? ']' : ':');
    if (end != NULL)
        *end = 0;
}

slu_status
fluss_session_accept(void *context, slu_conn *conn, const slu_conn_events **out_events, void **out_context)
{
    fluss_server_listener *listener = context;
    fluss_server *server = listener->server;
    fluss_session *session = slu_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return SLU_NOMEM;
    session->server = server;
    session->listener = listener;
    session->conn = conn;
    session->active_ms = slu_now_ms(server->env);
    session_set_peer_host(session, slu_conn_peer(conn));
    session->next = server->sessions;
    session->at = &server->sessions;
    if (session->next != NULL)
        session->next->at = &session->next;
    server->sessions = session;
    *out_events = &session_events;
    *out_context = session;
    return SLU_OK;
}

void
fluss_sessions_sweep(void *context)
{
    fluss_server *server = context;
    for (fluss_session *session = server->sessions, *next = NULL; session != NULL; session = next) {
        next = session->next;
        if (session->conn == NULL)
            session_free(session);
    }
}

void
fluss_sessions_close(fluss_server *server)
{
    while (server->sessions != NULL) {
        slu_conn_close(&server->sessions->conn);
        session_free(server->sessions);
    }
}

void
fluss_sessions_close_idle(fluss_server *server)
{
    const int64_t before_ms = slu_now_ms(server->env) - server->config->netty_connection_max_idle_ms;
    for (fluss_session *session = server->sessions, *next = NULL; session != NULL; session = next) {
        next = session->next;
        if (session->active_ms >= before_ms)
            continue;
        slu_log_debug(server->env, "IDLE", "%s was silent for too long: closed", session->peer_host);
        slu_conn_close(&session->conn);
        session_free(session);
    }
}

void
fluss_session_set_behind(fluss_session *session, int64_t until_ms)
{
    session->behind_ms = until_ms;
}

int64_t
fluss_session_behind(const fluss_session *session)
{
    return session->behind_ms;
}

const char *
fluss_session_host(const fluss_session *session)
{
    const fluss_listener_spec *spec = &session->listener->spec;
    const char *advertised = spec->advertised_host[0] != 0 ? spec->advertised_host : session->server->options.advertised_host;
    if (advertised != NULL)
        return advertised;
    const bool everywhere = strcmp(spec->host, "0.0.0.0") == 0 || strcmp(spec->host, "::") == 0;
    return everywhere ? slu_conn_local_host(session->conn) : spec->host;
}

uint16_t
fluss_session_port(const fluss_session *session)
{
    const fluss_server_listener *listener = session->listener;
    return listener->spec.advertised_port != 0 ? listener->spec.advertised_port : listener->port;
}

const char *
fluss_session_peer_host(const fluss_session *session)
{
    return session->peer_host;
}

bool
fluss_session_is_internal(const fluss_session *session)
{
    return session->listener->spec.internal;
}

/* On an open listener everybody is in already; but who believes to log in there is told. */
static slu_status
session_plaintext(fluss_request *r, const Fluss__AuthenticateRequest *request, slu_error *err)
{
    const Fluss__AuthenticateResponse response = FLUSS__AUTHENTICATE_RESPONSE__INIT;
    if (strcasecmp(request->protocol, "PLAINTEXT") == 0)
        return fluss_request_answer(r, &response.base, err);
    (void)slu_error_set(err, SLU_INVALID,
                        "Authenticate protocol not match: protocol of server is 'PLAINTEXT' while protocol of client is '%.64s'",
                        request->protocol);
    err->code = FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
    return SLU_INVALID;
}

slu_status
fluss_handle_authenticate(fluss_request *r, slu_error *err)
{
    const Fluss__AuthenticateRequest *request = (const Fluss__AuthenticateRequest *)r->message;
    Fluss__AuthenticateResponse response = FLUSS__AUTHENTICATE_RESPONSE__INIT;
    fluss_session *session = r->session;
    if (!session->listener->spec.sasl)
        return session_plaintext(r, request, err);
    const bool before = session->sasl.done;
    const slu_status status = fluss_sasl_step(&session->sasl, session->server->config, session->listener->spec.name,
                                              request->protocol, slu_view_of(request->token.data, request->token.len), err);
    if (status != SLU_OK)
        slu_log_info(session->server->env, "LOGIN-REFUSED", "%s at listener %s: %s", session->peer_host,
                     session->listener->spec.name, err->message);
    SLU_TRY(status);
    /* Java's server ends with an empty challenge; whoever answers that is told again, without one. */
    response.has_challenge = !before;
    return fluss_request_answer(r, &response.base, err);
}
