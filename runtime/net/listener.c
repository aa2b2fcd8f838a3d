#include "base/alloc.h"
#include "base/assert.h"
#include "net/net_internal.h"

#include <netdb.h>
#include <stdlib.h>

#define LISTENER_BACKLOG 512

struct slu_listener {
    net_item item;
    uv_tcp_t uv;
    slu_loop *loop;
    slu_conn_options options;
    slu_accept_fn on_accept;
    void *context;
    uint16_t port;
};

slu_status
slu_address_split(const char *address, char *host, size_t host_bytes, uint16_t *out_port, slu_error *err)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return slu_error_set(err, SLU_INVALID, "address '%s' is not HOST:PORT", address);
    char *end = NULL;
    const unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != 0 || colon[1] < '0' || colon[1] > '9' || port > UINT16_MAX)
        return slu_error_set(err, SLU_INVALID, "address '%s': the port must be a number from 0 to 65535", address);
    const char *start = address;
    const char *stop = colon;
    if (*start == '[' && stop[-1] == ']') {
        start++;
        stop--;
    }
    const size_t bytes = (size_t)(stop - start);
    if (bytes == 0 || bytes >= host_bytes)
        return slu_error_set(err, SLU_INVALID, "address '%s': the host is empty or too long", address);
    memcpy(host, start, bytes);
    host[bytes] = 0;
    *out_port = (uint16_t)port;
    return SLU_OK;
}

slu_status
net_resolve(const char *host, uint16_t port, struct sockaddr_storage *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 || uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0)
        return SLU_OK;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    const int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        (void)slu_error_set(err, SLU_IO, "find host '%s': %s", host, gai_strerror(rc));
        if (err != NULL)
            err->retriable = 1;
        return SLU_IO;
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return SLU_OK;
}

static void
listener_accept(uv_stream_t *server, int status)
{
    slu_listener *listener = (slu_listener *)((char *)server - offsetof(slu_listener, uv));
    slu_conn *conn = NULL;
    slu_error why;
    if (status != 0 || net_conn_accept(listener->loop, server, &listener->options, &conn, &why) != SLU_OK) {
        slu_log_warn(listener->loop->env, "ACCEPT-FAILED", "a connection was not accepted: %s",
                     status != 0 ? uv_strerror(status) : why.message);
        return;
    }
    const slu_conn_events *events = NULL;
    void *context = NULL;
    if (listener->on_accept(listener->context, conn, &events, &context) != SLU_OK) {
        slu_conn_close(&conn);
        return;
    }
    net_conn_start(conn, events, context);
}

static void
listener_ended(uv_handle_t *handle)
{
    slu_free((char *)handle - offsetof(slu_listener, uv));
}

static void
listener_end(net_item *item)
{
    uv_close((uv_handle_t *)&((slu_listener *)item)->uv, listener_ended);
}

static int
listener_bind(slu_listener *listener, const struct sockaddr_storage *address)
{
    int rc = uv_tcp_bind(&listener->uv, (const struct sockaddr *)address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&listener->uv, LISTENER_BACKLOG, listener_accept);
    if (rc != 0)
        return rc;
    struct sockaddr_storage bound;
    int bytes = (int)sizeof bound;
    rc = uv_tcp_getsockname(&listener->uv, (struct sockaddr *)&bound, &bytes);
    listener->port =
        ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
    return rc;
}

slu_status
slu_listener_open(slu_loop *loop, const char *host, uint16_t port, const slu_conn_options *options, slu_accept_fn on_accept,
                  void *context, slu_listener **out, slu_error *err)
{
    struct sockaddr_storage address;
    SLU_TRY(net_resolve(host, port, &address, err));
    slu_listener *listener = slu_alloc_zero(1, sizeof *listener);
    if (listener == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a listener");
    listener->item.end = listener_end;
    listener->loop = loop;
    listener->options = *options;
    listener->on_accept = on_accept;
    listener->context = context;
    SLU_ASSERT(uv_tcp_init(&loop->uv, &listener->uv) == 0);
    listener->uv.data = &listener->item;
    loop->touched = true;
    const int rc = listener_bind(listener, &address);
    if (rc != 0) {
        char where[SLU_ADDRESS_BYTES_MAX];
        (void)snprintf(where, sizeof where, "%s:%u", host, (unsigned)port);
        slu_listener_close(&listener);
        return net_error(err, rc, "listen on", where);
    }
    *out = listener;
    return SLU_OK;
}

uint16_t
slu_listener_port(const slu_listener *listener)
{
    return listener->port;
}

void
slu_listener_close(slu_listener **listener)
{
    if (*listener != NULL)
        listener_end(&(*listener)->item);
    *listener = NULL;
}
