/*
 * link_zmq.c: links over ZeroMQ.
 *
 * Wire     [routing id] head [body]: the routing id only at the ROUTER, made by it for each connection.
 * Gone     a ROUTER does not say which peer left. Its monitor gives the descriptor of a closed connection, a received message the
 *          descriptor it came over (ZMQ_SRCFD); the table `conns` ties the two. A descriptor may be used again, so the monitor is
 *          drained between receiving a message of an unknown peer and binding it.
 * Order    GONE comes after the messages that arrived before it: only when nothing is left to receive (or GONE_AFTER messages later).
 */
#include "link/zmq.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/epoll.h>

#define ROUTING_ID_BYTES_MAX 32
#define CONNS_MAX 4096
#define GONE_AFTER 256
#define MONITORED                                                                                                                  \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define TSAN_ACQUIRE(at) __tsan_acquire(at)
#define TSAN_RELEASE(at) __tsan_release(at)
#else
#define TSAN_ACQUIRE(at) ((void)(at))
#define TSAN_RELEASE(at) ((void)(at))
#endif

/* A connection at a listener: accepted, perhaps bound to the peer whose message came over it, perhaps closed. */
typedef struct conn {
    int fd;
    bool closed;
    uint64_t peer; /* 0: no message yet */
    uint32_t id_bytes;
    uint8_t id[ROUTING_ID_BYTES_MAX];
} conn;

typedef struct zmq_link {
    slu_link link;
    zsock_t *sock;
    zsock_t *monitor;
    int epoll;
    bool dialer;
    bool open;       /* dialer: the connection is there */
    uint8_t changes; /* dialer: events to tell: bit 0 GONE, bit 1 OPENED (after it) */
    uint32_t since_gone;
    bool handshake_failed; /* the next DISCONNECTED is of a connection that never was one */
    bool head_live;
    zmq_msg_t head;
    uint64_t peer_last;
    conn *conns;
    size_t conn_count;
    size_t conn_capacity;
    const slu_env *env;
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
} zmq_link;

static void *
raw(const zsock_t *sock)
{
    return zsock_resolve((void *)(uintptr_t)sock);
}

/* ---- Connections of a listener ----------------------------------------------------------------------------------------------- */

static void
conn_remove(zmq_link *link, size_t at)
{
    link->conns[at] = link->conns[--link->conn_count];
}

static conn *
conn_add(zmq_link *link, int fd)
{
    if (link->conn_count == link->conn_capacity) {
        const size_t capacity = link->conn_capacity == 0 ? 8 : link->conn_capacity * 2;
        conn *grown = capacity > CONNS_MAX ? NULL : slu_realloc(link->conns, capacity * sizeof *grown);
        if (grown == NULL)
            return NULL;
        link->conns = grown;
        link->conn_capacity = capacity;
    }
    conn *added = &link->conns[link->conn_count++];
    *added = (conn){.fd = fd};
    return added;
}

static conn *
conn_of_id(zmq_link *link, const void *id, size_t bytes)
{
    for (size_t i = 0; i < link->conn_count; i++)
        if (link->conns[i].peer != 0 && link->conns[i].id_bytes == bytes && memcmp(link->conns[i].id, id, bytes) == 0)
            return &link->conns[i];
    return NULL;
}

static conn *
conn_of_peer(zmq_link *link, uint64_t peer)
{
    for (size_t i = 0; i < link->conn_count; i++)
        if (link->conns[i].peer == peer)
            return &link->conns[i];
    return NULL;
}

/* An accepted connection of the descriptor without a peer yet; a closed one first, for it is older and said something. */
static conn *
conn_unbound(zmq_link *link, int fd)
{
    conn *found = NULL;
    for (size_t i = 0; i < link->conn_count; i++)
        if (link->conns[i].peer == 0 && link->conns[i].fd == fd && (found == NULL || link->conns[i].closed))
            found = &link->conns[i];
    return found != NULL ? found : conn_add(link, fd);
}

static void
conn_closed(zmq_link *link, int fd)
{
    for (size_t i = 0; i < link->conn_count; i++)
        if (link->conns[i].fd == fd && !link->conns[i].closed)
            link->conns[i].closed = true;
}

/* A connection that ended before its handshake did sends nothing: whatever comes over the descriptor is of a later one. */
static void
conn_never_was(zmq_link *link, int fd)
{
    for (size_t i = link->conn_count; i-- > 0;)
        if (link->conns[i].fd == fd && !link->conns[i].closed && link->conns[i].peer == 0)
            conn_remove(link, i);
}

/* Nothing is left to receive: connections that closed without a message are of no interest. */
static void
conns_sweep(zmq_link *link)
{
    for (size_t i = link->conn_count; i-- > 0;)
        if (link->conns[i].closed && link->conns[i].peer == 0)
            conn_remove(link, i);
}

/* ---- Monitor ------------------------------------------------------------------------------------------------------------- */

static void
monitored(zmq_link *link, uint16_t event, int value)
{
    if (link->dialer) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            link->changes |= 2;
            link->open = true;
        } else if (event == ZMQ_EVENT_DISCONNECTED && link->open) {
            /* OPENED not yet told and gone again: nothing happened. */
            link->changes = (link->changes & 2) != 0 ? link->changes & 1 : 1;
            link->open = false;
        }
    } else if (event == ZMQ_EVENT_ACCEPTED) {
        (void)conn_add(link, value);
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
        link->handshake_failed = true;
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
        if (link->handshake_failed)
            conn_never_was(link, value);
        else
            conn_closed(link, value);
        link->handshake_failed = false;
    }
}

static void
monitor_drain(zmq_link *link)
{
    for (;;) {
        zmq_msg_t message;
        uint8_t bytes[6] = {0};
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, raw(link->monitor), ZMQ_DONTWAIT) < 0)
            return;
        if (zmq_msg_size(&message) == sizeof bytes)
            memcpy(bytes, zmq_msg_data(&message), sizeof bytes);
        zmq_msg_close(&message);
        zmq_msg_init(&message); /* the endpoint follows in the same message */
        (void)zmq_msg_recv(&message, raw(link->monitor), ZMQ_DONTWAIT);
        zmq_msg_close(&message);
        uint16_t event;
        int32_t value;
        memcpy(&event, bytes, sizeof event);
        memcpy(&value, bytes + 2, sizeof value);
        monitored(link, event, value);
    }
}

/* ---- Sending ------------------------------------------------------------------------------------------------------------- */

static void
body_out(void *data, void *hint)
{
    slu_link_body *body = hint;
    TSAN_ACQUIRE(hint);
    slu_link_body_release(body);
    slu_free(body);
}

static slu_status
part_send(zmq_link *link, zmq_msg_t *part, bool more, slu_error *err)
{
    if (zmq_msg_send(part, raw(link->sock), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0)
        return SLU_OK;
    const int number = errno;
    zmq_msg_close(part);
    if (number == EAGAIN)
        return SLU_AGAIN;
    if (number == EHOSTUNREACH)
        return slu_error_set(err, SLU_NOTFOUND, "the peer is gone");
    return slu_error_set(err, SLU_IO, "send to %s: %s", link->address, zmq_strerror(number));
}

static slu_status
bytes_send(zmq_link *link, const void *data, size_t bytes, bool more, slu_error *err)
{
    zmq_msg_t part;
    if (zmq_msg_init_size(&part, bytes) != 0)
        return slu_error_set(err, SLU_NOMEM, "a message of %zu bytes", bytes);
    if (bytes != 0)
        memcpy(zmq_msg_data(&part), data, bytes);
    return part_send(link, &part, more, err);
}

/* The first part decides: once it is taken, the others of the message are. */
static slu_status
body_send(zmq_link *link, slu_link_body *body, slu_error *err)
{
    zmq_msg_t part;
    slu_link_body *owned = slu_alloc(sizeof *owned);
    if (owned == NULL || zmq_msg_init_data(&part, (void *)(uintptr_t)body->view.data, body->view.bytes, body_out, owned) != 0) {
        slu_free(owned);
        return slu_error_set(err, SLU_NOMEM, "a message body of %zu bytes", body->view.bytes);
    }
    *owned = *body;
    *body = (slu_link_body){0};
    TSAN_RELEASE(owned);
    const slu_status status = part_send(link, &part, false, err);
    return status == SLU_AGAIN ? slu_error_set(err, SLU_IO, "send to %s: a message was cut in two", link->address) : status;
}

static slu_status
link_send(slu_link *self, uint64_t peer, slu_view head, slu_link_body *body, slu_error *err)
{
    zmq_link *link = (zmq_link *)self;
    const bool has_body = body != NULL && body->release != NULL;
    if (link->dialer && !link->open)
        return SLU_AGAIN; /* the pipe of a connection that is known to be gone may still take a message */
    if (!link->dialer) {
        const conn *to = conn_of_peer(link, peer);
        if (peer == 0 || to == NULL || to->closed)
            return slu_error_set(err, SLU_NOTFOUND, "peer %" PRIu64 " of %s is gone", peer, link->address);
        SLU_TRY(bytes_send(link, to->id, to->id_bytes, true, err));
    }
    SLU_TRY(bytes_send(link, head.data, head.bytes, has_body, err));
    return has_body ? body_send(link, body, err) : SLU_OK;
}

/* ---- Receiving ----------------------------------------------------------------------------------------------------------- */

static void
message_free(void *owner)
{
    zmq_msg_close(owner);
    slu_free(owner);
}

/* Small bodies may stand at any address inside a shared read buffer: copied. Larger ones keep their message. */
static slu_status
body_take(zmq_msg_t *part, slu_link_body *out)
{
    const size_t bytes = zmq_msg_size(part);
    if (bytes > SLU_LINK_BODY_COPIED_MAX && ((uintptr_t)zmq_msg_data(part) & 7) == 0) {
        zmq_msg_t *kept = slu_alloc(sizeof *kept);
        if (kept == NULL)
            return SLU_NOMEM;
        zmq_msg_init(kept);
        zmq_msg_move(kept, part);
        *out = (slu_link_body){slu_view_of(zmq_msg_data(kept), bytes), message_free, kept};
        return SLU_OK;
    }
    uint8_t *copy = slu_alloc_aligned(bytes == 0 ? 1 : bytes);
    if (copy == NULL)
        return SLU_NOMEM;
    memcpy(copy, zmq_msg_data(part), bytes);
    *out = (slu_link_body){slu_view_of(copy, bytes), slu_free, copy};
    return SLU_OK;
}

static void
head_drop(zmq_link *link)
{
    if (link->head_live)
        zmq_msg_close(&link->head);
    link->head_live = false;
}

/* Parts beyond those we know are read and dropped. False: there was not even a body. */
static slu_status
body_receive(zmq_link *link, slu_link_body *out)
{
    slu_status status = SLU_OK;
    bool more = zmq_msg_more(&link->head);
    for (unsigned i = 0; more; i++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, raw(link->sock), ZMQ_DONTWAIT) < 0)
            return SLU_CORRUPT;
        more = zmq_msg_more(&part);
        status = i == 0 ? body_take(&part, out) : SLU_CORRUPT;
        zmq_msg_close(&part);
    }
    return status;
}

/* The peer a message came from; 0: it cannot be told. */
static uint64_t
peer_bind(zmq_link *link, zmq_msg_t *id)
{
    const size_t bytes = zmq_msg_size(id);
    conn *known = conn_of_id(link, zmq_msg_data(id), bytes);
    if (known != NULL)
        return known->peer;
    if (bytes > ROUTING_ID_BYTES_MAX)
        return 0;
    monitor_drain(link);
    conn *bound = conn_unbound(link, zmq_msg_get(id, ZMQ_SRCFD));
    if (bound == NULL)
        return 0;
    memcpy(bound->id, zmq_msg_data(id), bytes);
    bound->id_bytes = (uint32_t)bytes;
    bound->peer = ++link->peer_last;
    return bound->peer;
}

/* OK, AGAIN, or a failure: this message was no use and is gone. */
static slu_status
message_receive(zmq_link *link, slu_link_event *out)
{
    zmq_msg_t id;
    slu_link_event event = {.kind = SLU_LINK_MESSAGE};
    if (!link->dialer) {
        zmq_msg_init(&id);
        if (zmq_msg_recv(&id, raw(link->sock), ZMQ_DONTWAIT) < 0)
            return SLU_AGAIN;
        event.peer = peer_bind(link, &id);
        zmq_msg_close(&id);
    }
    zmq_msg_init(&link->head);
    if (zmq_msg_recv(&link->head, raw(link->sock), ZMQ_DONTWAIT) < 0)
        return SLU_AGAIN;
    link->head_live = true;
    event.head = slu_view_of(zmq_msg_data(&link->head), zmq_msg_size(&link->head));
    slu_status status = body_receive(link, &event.body);
    if (status == SLU_OK && !link->dialer && event.peer == 0)
        status = SLU_LIMIT;
    if (status != SLU_OK) {
        slu_link_body_release(&event.body);
        head_drop(link);
        slu_log_warn(link->env, "LINK-DROPPED", "a message at %s was dropped: %s", link->address, slu_status_name(status));
        return status;
    }
    *out = event;
    return SLU_OK;
}

static bool
gone_next(zmq_link *link, slu_link_event *out)
{
    link->since_gone = 0;
    for (size_t i = 0; i < link->conn_count; i++) {
        if (link->conns[i].closed && link->conns[i].peer != 0) {
            *out = (slu_link_event){.kind = SLU_LINK_GONE, .peer = link->conns[i].peer};
            conn_remove(link, i);
            return true;
        }
    }
    return false;
}

static bool
change_next(zmq_link *link, bool quiet, slu_link_event *out)
{
    if ((link->changes & 1) != 0 && (quiet || (link->changes & 2) != 0)) {
        link->changes &= 2;
        *out = (slu_link_event){.kind = SLU_LINK_GONE};
        return true;
    }
    if (link->changes == 2) {
        link->changes = 0;
        *out = (slu_link_event){.kind = SLU_LINK_OPENED};
        return true;
    }
    return false;
}

static slu_status
link_next(slu_link *self, slu_link_event *out)
{
    zmq_link *link = (zmq_link *)self;
    slu_status status;
    head_drop(link);
    monitor_drain(link);
    if (change_next(link, false, out) || (++link->since_gone > GONE_AFTER && gone_next(link, out)))
        return SLU_OK;
    do {
        status = message_receive(link, out);
    } while (status < 0);
    if (status == SLU_OK)
        return SLU_OK;
    if (change_next(link, true, out) || gone_next(link, out))
        return SLU_OK;
    conns_sweep(link);
    return SLU_AGAIN;
}

static int
link_fd(const slu_link *self)
{
    return ((const zmq_link *)self)->epoll;
}

static const char *
link_address(const slu_link *self)
{
    return ((const zmq_link *)self)->address;
}

static void
link_close(slu_link *self)
{
    zmq_link *link = (zmq_link *)self;
    head_drop(link);
    if (link->epoll >= 0)
        close(link->epoll);
    if (link->sock != NULL)
        zmq_socket_monitor(raw(link->sock), NULL, 0);
    zsock_destroy(&link->monitor);
    zsock_destroy(&link->sock);
    slu_free(link->conns);
    slu_free(link);
}

static const slu_link_ops zmq_ops = {link_send, link_next, link_fd, link_address, link_close};

/* ---- Opening ------------------------------------------------------------------------------------------------------------- */

static void
sock_options(zmq_link *link, const slu_link_options *options)
{
    const int64_t bytes_max = options->bytes_max == 0 ? SLU_CONTROL_BYTES_MAX : options->bytes_max;
    const int messages = options->messages_max == 0 ? SLU_LINK_MESSAGES_DEFAULT : (int)options->messages_max;
    zsock_set_sndhwm(link->sock, messages);
    zsock_set_rcvhwm(link->sock, messages);
    zsock_set_linger(link->sock, options->linger_ms);
    (void)zmq_setsockopt(raw(link->sock), ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
    if (link->dialer) {
        zsock_set_immediate(link->sock, 1);
        zsock_set_reconnect_ivl(link->sock, 50);
        zsock_set_reconnect_ivl_max(link->sock, 1000);
    } else {
        zsock_set_router_mandatory(link->sock, 1);
    }
}

static slu_status
watch(zmq_link *link, zsock_t *sock, slu_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(link->epoll, EPOLL_CTL_ADD, (int)zsock_fd(sock), &event) != 0)
        return slu_error_set(err, SLU_IO, "watch a link: %s", strerror(errno));
    return SLU_OK;
}

static slu_status
monitor_open(zmq_link *link, slu_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://slu-link-%" PRIxPTR "-%" PRIx64, (uintptr_t)link, link->env->random(link->env));
    if (zmq_socket_monitor(raw(link->sock), name, MONITORED) != 0)
        return slu_error_set(err, SLU_IO, "monitor a link: %s", zmq_strerror(errno));
    link->monitor = zsock_new(ZMQ_PAIR);
    if (link->monitor == NULL || zsock_connect(link->monitor, "%s", name) != 0)
        return slu_error_set(err, SLU_IO, "monitor a link: %s", zmq_strerror(errno));
    link->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (link->epoll < 0)
        return slu_error_set(err, SLU_IO, "watch a link: %s", strerror(errno));
    SLU_TRY(watch(link, link->sock, err));
    return watch(link, link->monitor, err);
}

static slu_status
link_new(bool dialer, const slu_link_options *options, zmq_link **out, slu_error *err)
{
    zsys_handler_set(NULL); /* signals are ours */
    zmq_link *link = slu_alloc_zero(1, sizeof *link);
    if (link == NULL)
        return slu_error_set(err, SLU_NOMEM, "a link");
    link->link.ops = &zmq_ops;
    link->env = options->env;
    link->dialer = dialer;
    link->epoll = -1;
    link->sock = zsock_new(dialer ? ZMQ_DEALER : ZMQ_ROUTER);
    slu_status status = SLU_OK;
    if (link->sock == NULL) {
        status = slu_error_set(err, SLU_IO, "a ZeroMQ socket: %s", zmq_strerror(errno));
    } else {
        sock_options(link, options);
        status = monitor_open(link, err);
    }
    if (status != SLU_OK)
        link_close(&link->link);
    else
        *out = link;
    return status;
}

/* A path that a dead listener left behind is no reason to fail: ZeroMQ unlinks it. */
static slu_status
address_bind(zmq_link *link, const char *address, const slu_link_options *options, slu_error *err)
{
    if (strncmp(address, "tcp://", 6) != 0 && strncmp(address, "ipc://", 6) != 0)
        return slu_error_set(err, SLU_INVALID, "\"%s\" is not an address: tcp://HOST:PORT or ipc://PATH", address);
    if (strncmp(address, "ipc://", 6) == 0 && strlen(address + 6) > SLU_LINK_IPC_BYTES_MAX)
        return slu_error_set(err, SLU_INVALID, "\"%s\": an ipc path has at most %d bytes", address, SLU_LINK_IPC_BYTES_MAX);
    if (slu_link_beyond_loopback(address) && !options->insecure)
        return slu_error_set(
            err, SLU_INVALID,
            "%s can be reached by anyone on the network and CURVE is not served yet: listen on 127.0.0.1, or give --insecure",
            address);
    if (zmq_bind(raw(link->sock), address) != 0)
        return slu_error_set(err, errno == EADDRINUSE ? SLU_CONFLICT : SLU_IO, "listen on %s: %s", address, zmq_strerror(errno));
    char bound[256] = "";
    size_t bytes = sizeof bound;
    (void)zmq_getsockopt(raw(link->sock), ZMQ_LAST_ENDPOINT, bound, &bytes);
    const size_t at = strlen(link->address);
    (void)snprintf(link->address + at, sizeof link->address - at, "%s%s", at == 0 ? "" : " ", bound);
    return SLU_OK;
}

static slu_status
zmq_listen(slu_link_transport *transport, const char *addresses, const slu_link_options *options, slu_link **out, slu_error *err)
{
    char copy[SLU_LINK_ADDRESS_BYTES_MAX];
    char *rest = copy;
    zmq_link *link = NULL;
    if ((size_t)snprintf(copy, sizeof copy, "%s", addresses) >= sizeof copy)
        return slu_error_set(err, SLU_INVALID, "too many addresses to listen on: %.40s...", addresses);
    SLU_TRY(link_new(false, options, &link, err));
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        const slu_status status = address_bind(link, word, options, err);
        if (status != SLU_OK) {
            link_close(&link->link);
            return status;
        }
    }
    *out = &link->link;
    return SLU_OK;
}

static slu_status
zmq_dial(slu_link_transport *transport, const char *address, const slu_link_options *options, slu_link **out, slu_error *err)
{
    zmq_link *link = NULL;
    SLU_TRY(link_new(true, options, &link, err));
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    if (zmq_connect(raw(link->sock), address) != 0) {
        const slu_status status = slu_error_set(err, SLU_INVALID, "dial %s: %s", address, zmq_strerror(errno));
        link_close(&link->link);
        return status;
    }
    *out = &link->link;
    return SLU_OK;
}

slu_link_transport slu_link_zmq = {zmq_listen, zmq_dial};

void
slu_link_zmq_shutdown(void)
{
    zsys_shutdown();
}
