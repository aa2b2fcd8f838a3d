/*
 * conn.c: the life of a connection.
 *
 *     connecting --connected--> open --fail (peer, error)--> ended      on_close is called
 *         |                      |
 *         +----- slu_conn_close, or after_writes: draining -> lingering --> ended      nothing is called
 *
 * (1) After `silent` is set no event is called any more. (2) The memory goes with the handle's close callback and never earlier, so
 * every callback may close its own connection. (3) Input that is left while paused is delivered from the timer, never inside
 * resume.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "net/conn_internal.h"

#include <netdb.h>

#define CONN_LINGER_MS 1000
#define CONN_KEEPALIVE_S 60

typedef struct conn_write {
    uv_write_t uv;
    slu_conn *conn;
    size_t bytes; /* that were queued */
    uint8_t prefix[4];
    slu_view body;
    void (*release)(void *owner);
    void *owner;
} conn_write;

static void
conn_ended(uv_handle_t *handle)
{
    slu_conn *conn = conn_of_handle(handle);
    slu_free(conn->input.memory);
    slu_free(conn->large.memory);
    slu_free(conn);
}

void
net_conn_end(slu_conn *conn)
{
    conn->silent = true;
    net_turn_end(conn);
    slu_timer_close(&conn->timer);
    if (!uv_is_closing((uv_handle_t *)&conn->uv))
        uv_close((uv_handle_t *)&conn->uv, conn_ended);
}

static void
conn_end_item(net_item *item)
{
    net_conn_end((slu_conn *)item);
}

void
net_conn_fail(slu_conn *conn, const slu_error *why)
{
    if (!conn->silent) {
        conn->silent = true;
        conn->events.on_close(conn->context, conn, why);
    }
    net_conn_end(conn);
}

static void
conn_timer_fired(void *context)
{
    slu_conn *conn = context;
    slu_error why;
    if (conn->lingering) {
        net_conn_end(conn);
    } else if (!conn->open) {
        (void)slu_error_set(&why, SLU_TIMEOUT, "connect to %s: no answer within %d ms", conn->peer,
                            (int)conn->options.connect_timeout_ms);
        net_conn_fail(conn, &why);
    } else {
        net_turn_force(conn);
        net_conn_deliver(conn);
        if (!conn->silent && !conn->paused && conn->turn.wanted == 0)
            net_conn_read(conn);
    }
}

static slu_status
conn_new(slu_loop *loop, const slu_conn_options *options, slu_conn **out, slu_error *err)
{
    slu_conn *conn = slu_alloc_zero(1, sizeof *conn);
    if (conn == NULL || slu_timer_open(loop, conn_timer_fired, conn, &conn->timer, err) != SLU_OK) {
        slu_free(conn);
        return slu_error_set(err, SLU_NOMEM, "no memory for a connection");
    }
    conn->item.end = conn_end_item;
    conn->loop = loop;
    conn->options = *options;
    if (conn->options.queue_bytes_max == 0)
        conn->options.queue_bytes_max = SLU_CONN_QUEUE_BYTES_DEFAULT;
    if (conn->options.connect_timeout_ms == 0)
        conn->options.connect_timeout_ms = SLU_CONN_CONNECT_TIMEOUT_MS_DEFAULT;
    (void)snprintf(conn->peer, sizeof conn->peer, "?");
    SLU_ASSERT(uv_tcp_init(&loop->uv, &conn->uv) == 0);
    conn->uv.data = &conn->item;
    loop->touched = true;
    *out = conn;
    return SLU_OK;
}

static void
conn_host(const struct sockaddr *address, char *host)
{
    (void)snprintf(host, INET6_ADDRSTRLEN, "?");
    if (address->sa_family == AF_INET6)
        (void)uv_ip6_name((const struct sockaddr_in6 *)address, host, INET6_ADDRSTRLEN);
    else
        (void)uv_ip4_name((const struct sockaddr_in *)address, host, INET6_ADDRSTRLEN);
}

static void
conn_name_peer(slu_conn *conn, const struct sockaddr *address)
{
    char host[INET6_ADDRSTRLEN];
    const bool six = address->sa_family == AF_INET6;
    conn_host(address, host);
    const unsigned port =
        ntohs(six ? ((const struct sockaddr_in6 *)address)->sin6_port : ((const struct sockaddr_in *)address)->sin_port);
    (void)snprintf(conn->peer, sizeof conn->peer, six ? "[%s]:%u" : "%s:%u", host, port);
}

/* Nagle's delay and half-open peers are the two things that a protocol of small frames cannot have. */
static void
conn_set_socket(slu_conn *conn)
{
    (void)uv_tcp_nodelay(&conn->uv, 1);
    (void)uv_tcp_keepalive(&conn->uv, 1, CONN_KEEPALIVE_S);
}

slu_status
net_conn_accept(slu_loop *loop, uv_stream_t *server, const slu_conn_options *options, slu_conn **out, slu_error *err)
{
    slu_conn *conn = NULL;
    SLU_TRY(conn_new(loop, options, &conn, err));
    const int rc = uv_accept(server, (uv_stream_t *)&conn->uv);
    if (rc != 0) {
        net_conn_end(conn);
        return net_error(err, rc, "accept", "connection");
    }
    struct sockaddr_storage peer = {0};
    int bytes = (int)sizeof peer;
    if (uv_tcp_getpeername(&conn->uv, (struct sockaddr *)&peer, &bytes) == 0)
        conn_name_peer(conn, (struct sockaddr *)&peer);
    conn_set_socket(conn);
    conn->open = true;
    *out = conn;
    return SLU_OK;
}

void
net_conn_start(slu_conn *conn, const slu_conn_events *events, void *context)
{
    conn->events = *events;
    conn->context = context;
    if (!conn->silent && !conn->paused)
        net_conn_read(conn);
}

static void
conn_connected(uv_connect_t *request, int status)
{
    slu_conn *conn = request->data;
    slu_error why;
    if (status == UV_ECANCELED || conn->silent)
        return;
    if (status != 0) {
        (void)net_error(&why, status, "connect to", conn->peer);
        net_conn_fail(conn, &why);
        return;
    }
    conn->open = true;
    slu_timer_clear(conn->timer);
    conn_set_socket(conn);
    if (!conn->paused)
        net_conn_read(conn);
    if (conn->events.on_open != NULL)
        conn->events.on_open(conn->context, conn);
}

slu_status
slu_conn_connect(slu_loop *loop, const char *host, uint16_t port, const slu_conn_options *options, const slu_conn_events *events,
                 void *context, slu_conn **out, slu_error *err)
{
    struct sockaddr_storage address;
    slu_conn *conn = NULL;
    SLU_TRY(net_resolve(host, port, &address, err));
    SLU_TRY(conn_new(loop, options, &conn, err));
    conn->events = *events;
    conn->context = context;
    conn_name_peer(conn, (struct sockaddr *)&address);
    conn->connect.data = conn;
    const int rc = uv_tcp_connect(&conn->connect, &conn->uv, (const struct sockaddr *)&address, conn_connected);
    if (rc != 0) {
        (void)net_error(err, rc, "connect to", conn->peer);
        net_conn_end(conn);
        return SLU_IO;
    }
    slu_timer_set(conn->timer, conn->options.connect_timeout_ms);
    *out = conn;
    return SLU_OK;
}

void
slu_conn_close(slu_conn **conn)
{
    if (*conn != NULL)
        net_conn_end(*conn);
    *conn = NULL;
}

static void
conn_shut_down(uv_shutdown_t *request, int status)
{
    slu_conn *conn = request->data;
    if (status != 0 && status != UV_ECANCELED)
        net_conn_end(conn);
}

/* A socket closed with unread input resets the stream, which may eat what we wrote last: so read on until the peer ends, for a
 * second at most. */
static void
conn_linger(slu_conn *conn)
{
    conn->shutdown.data = conn;
    if (!conn->open || uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->uv, conn_shut_down) != 0) {
        net_conn_end(conn);
        return;
    }
    conn->lingering = true;
    net_conn_read(conn);
    slu_timer_set(conn->timer, CONN_LINGER_MS);
}

void
slu_conn_close_after_writes(slu_conn **conn)
{
    slu_conn *closing = *conn;
    *conn = NULL;
    if (closing == NULL || uv_is_closing((uv_handle_t *)&closing->uv))
        return;
    closing->silent = true;
    closing->draining = true;
    net_turn_end(closing);
    if (closing->queued_bytes == 0)
        conn_linger(closing);
}

static void
conn_write_free(conn_write *write)
{
    if (write->release != NULL)
        write->release(write->owner);
    slu_free(write);
}

static void
conn_written(uv_write_t *request, int status)
{
    conn_write *write = (conn_write *)((char *)request - offsetof(conn_write, uv));
    slu_conn *conn = write->conn;
    slu_error why;
    conn->queued_bytes -= write->bytes;
    conn_write_free(write);
    if (status == UV_ECANCELED)
        return;
    if (status != 0) {
        (void)net_error(&why, status, "write to", conn->peer);
        net_conn_fail(conn, &why);
        return;
    }
    if (conn->draining && conn->queued_bytes == 0 && !conn->lingering)
        conn_linger(conn);
    if (conn->full && !conn->silent && conn->queued_bytes <= conn->options.queue_bytes_max / 4) {
        conn->full = false;
        if (conn->events.on_drained != NULL)
            conn->events.on_drained(conn->context, conn);
    }
}

/* Hands to the kernel what it takes at once; the rest waits in libuv's queue. */
static void
conn_write_start(slu_conn *conn, conn_write *write)
{
    const bool framed = conn->options.frame_bytes_max != 0;
    uv_buf_t parts[2] = {uv_buf_init((char *)write->prefix, framed ? 4 : 0), uv_buf_init(NULL, 0)};
    parts[1].base = (char *)(uintptr_t)write->body.data;
    parts[1].len = write->body.bytes;
    const size_t all = parts[0].len + parts[1].len;
    const int rc = conn->open && conn->queued_bytes == 0 ? uv_try_write((uv_stream_t *)&conn->uv, parts, 2) : 0;
    const size_t done = rc < 0 ? 0 : (size_t)rc;
    if (done == all) {
        conn_write_free(write);
        return;
    }
    for (size_t i = 0, skip = done; i < 2; i++) {
        const size_t part = skip < parts[i].len ? skip : parts[i].len;
        parts[i].base = part == 0 ? parts[i].base : parts[i].base + part;
        parts[i].len -= part;
        skip -= part;
    }
    write->bytes = all - done;
    conn->queued_bytes += write->bytes;
    conn->full = conn->full || conn->queued_bytes > conn->options.queue_bytes_max / 2;
    conn->loop->touched = true;
    /* An error of the socket is reported by the callback, later; only a closing handle fails here, and send looked for that. */
    SLU_ASSERT(uv_write(&write->uv, (uv_stream_t *)&conn->uv, parts, 2, conn_written) == 0);
}

slu_status
slu_conn_send_lent(slu_conn *conn, slu_view bytes, void (*release)(void *owner), void *owner, slu_error *err)
{
    if (conn->silent || uv_is_closing((uv_handle_t *)&conn->uv))
        return slu_error_set(err, SLU_CLOSED, "the connection to %s is closed", conn->peer);
    if (bytes.bytes > UINT32_MAX || conn->queued_bytes > conn->options.queue_bytes_max)
        return slu_error_set(err, SLU_LIMIT, "%zu bytes wait for %s already", conn->queued_bytes, conn->peer);
    conn_write *write = slu_alloc_zero(1, sizeof *write);
    if (write == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to send");
    for (unsigned i = 0; i < 4; i++)
        write->prefix[i] = (uint8_t)(bytes.bytes >> (24 - 8 * i));
    write->conn = conn;
    write->body = bytes;
    write->release = release;
    write->owner = owner;
    conn_write_start(conn, write);
    return SLU_OK;
}

slu_status
slu_conn_send(slu_conn *conn, slu_buf *buf, slu_error *err)
{
    SLU_TRY(slu_buf_status(buf, err));
    SLU_TRY(slu_conn_send_lent(conn, slu_buf_view(buf), slu_free, buf->data, err));
    const size_t bytes_max = buf->bytes_max;
    memset(buf, 0, sizeof *buf);
    slu_buf_init(buf, bytes_max);
    return SLU_OK;
}

size_t
slu_conn_queued_bytes(const slu_conn *conn)
{
    return conn->queued_bytes;
}

const char *
slu_conn_peer(const slu_conn *conn)
{
    return conn->peer;
}

const char *
slu_conn_local_host(slu_conn *conn)
{
    struct sockaddr_storage local = {0};
    int bytes = (int)sizeof local;
    if (uv_tcp_getsockname(&conn->uv, (struct sockaddr *)&local, &bytes) == 0)
        conn_host((struct sockaddr *)&local, conn->local);
    return conn->local;
}
