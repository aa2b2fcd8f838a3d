/* rest.c: libmicrohttpd, without a thread of its own, behind slu_jobmanager_face. */
#include "rest/rest.h"

#include "base/alloc.h"
#include "rest/answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct rest {
    const slu_env *env;
    slu_jobmanager *jobmanager;
    struct MHD_Daemon *daemon;
    int epoll;
    char address[300];
} rest;

static void
mhd_log(void *context, const char *format, va_list args)
{
    const rest *r = context;
    char line[256];
    (void)vsnprintf(line, sizeof line, format, args);
    slu_log_debug(r->env, "HTTP", "%s", line);
}

/* The body goes along with its memory. */
static enum MHD_Result
answer_send(struct MHD_Connection *connection, slu_rest_answer *answer)
{
    size_t bytes = 0;
    uint8_t *data = slu_buf_take(&answer->body, &bytes);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(bytes, data, slu_free);
    if (response == NULL) {
        slu_free(data);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", answer->type);
    MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    const enum MHD_Result result = MHD_queue_response(connection, answer->code, response);
    MHD_destroy_response(response);
    return result;
}

/* Of a request, as far as it has come. */
typedef struct arriving {
    slu_buf body;
} arriving;

static void
request_over(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    arriving *request = *state;
    if (request != NULL)
        slu_buf_fini(&request->body);
    slu_free(request);
    *state = NULL;
}

/* Called at the head of a request, for each part of its body, and at its end. */
static enum MHD_Result
request_take(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
             const char *body, size_t *body_bytes, void **state)
{
    arriving *arrived = *state;
    const rest *r = context;
    slu_rest_answer answer = {0};
    if (arrived == NULL) {
        *state = arrived = slu_alloc_zero(1, sizeof *arrived);
        if (arrived == NULL)
            return MHD_NO;
        slu_buf_init(&arrived->body, SLU_REST_BODY_BYTES_MAX);
        return MHD_YES;
    }
    if (*body_bytes != 0) {
        slu_buf_append(&arrived->body, body, *body_bytes);
        *body_bytes = 0;
        return slu_buf_status(&arrived->body, NULL) == SLU_OK ? MHD_YES : MHD_NO;
    }
    const slu_rest_request request = {.env = r->env,
                                      .jobmanager = r->jobmanager,
                                      .method = method,
                                      .path = strncmp(url, "/v1/", 4) == 0 ? url + 3 : url,
                                      .body = slu_buf_view(&arrived->body),
                                      .get = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "get"),
                                      .mode = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "mode")};
    slu_buf_init(&answer.body, (size_t)64 << 20);
    slu_rest_answer_make(&request, &answer);
    const enum MHD_Result result = answer_send(connection, &answer);
    slu_buf_fini(&answer.body);
    return result;
}

static slu_status
address_resolve(const char *listen, struct sockaddr_in *out, slu_error *err)
{
    char host[256];
    const char *colon = strrchr(listen, ':');
    const size_t host_bytes = colon == NULL ? 0 : (size_t)(colon - listen);
    char *end = NULL;
    const unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    if (colon == NULL || end == colon + 1 || *end != 0 || port > 65535 || host_bytes == 0 || host_bytes >= sizeof host)
        return slu_error_set(err, SLU_INVALID, "REST: \"%s\" is not HOST:PORT", listen);
    memcpy(host, listen, host_bytes);
    host[host_bytes] = 0;
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : strcmp(host, "*") == 0 ? "0.0.0.0" : host;
    if (inet_pton(AF_INET, numeric, &out->sin_addr) != 1)
        return slu_error_set(err, SLU_INVALID, "REST: \"%s\" is not an IPv4 address", host);
    return SLU_OK;
}

static slu_status
daemon_start(rest *r, const struct sockaddr_in *address, const char *listen, slu_error *err)
{
    r->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, request_take, r, MHD_OPTION_SOCK_ADDR, address,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)SLU_REST_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 60u,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SLU_REST_BODY_BYTES_MAX, MHD_OPTION_EXTERNAL_LOGGER, mhd_log,
                         r, MHD_OPTION_NOTIFY_COMPLETED, request_over, NULL, MHD_OPTION_END);
    if (r->daemon == NULL)
        return slu_error_set(err, errno == EADDRINUSE ? SLU_CONFLICT : SLU_IO, "REST cannot listen on %s: %s", listen,
                             strerror(errno));
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (epoll == NULL || port == NULL)
        return slu_error_set(err, SLU_IO, "REST: libmicrohttpd without epoll");
    r->epoll = epoll->epoll_fd;
    (void)snprintf(r->address, sizeof r->address, "%.*s:%u", (int)(strrchr(listen, ':') - listen), listen, port->port);
    return SLU_OK;
}

static void
rest_close(void *face)
{
    rest *r = face;
    if (r->daemon != NULL)
        MHD_stop_daemon(r->daemon);
    slu_free(r);
}

static slu_status
rest_open(const slu_env *env, slu_jobmanager *jobmanager, const char *listen, void **out, slu_error *err)
{
    struct sockaddr_in address;
    rest *r = slu_alloc_zero(1, sizeof *r);
    if (r == NULL)
        return slu_error_set(err, SLU_NOMEM, "REST");
    r->env = env;
    r->jobmanager = jobmanager;
    slu_status status = address_resolve(listen, &address, err);
    if (status == SLU_OK)
        status = daemon_start(r, &address, listen, err);
    if (status != SLU_OK)
        rest_close(r);
    else
        *out = r;
    return status;
}

static const char *
rest_address(void *face)
{
    return ((rest *)face)->address;
}

static int
rest_fd(void *face)
{
    return ((rest *)face)->epoll;
}

static int64_t
rest_timeout_ms(void *face)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    return MHD_get_timeout(((rest *)face)->daemon, &timeout) == MHD_YES ? (int64_t)(timeout > 60000 ? 60000 : timeout) : -1;
}

static void
rest_step(void *face)
{
    (void)MHD_run(((rest *)face)->daemon);
}

const slu_jobmanager_face slu_rest_face = {rest_open, rest_address, rest_fd, rest_timeout_ms, rest_step, rest_close};
