/* Links: one suite over both transports, then what only ZeroMQ has. */
#include "support/check.h"

#include "base/alloc.h"
#include "link/memory.h"
#include "link/zmq.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef struct world {
    slu_env env;
    slu_link_hub *hub;
    slu_link_transport *transport;
    const char *listen;
    slu_link_options options;
    slu_link *listener;
} world;

static void
world_open(world *w, bool zmq)
{
    slu_error err = {0};
    memset(w, 0, sizeof *w);
    slu_env_init_system(&w->env, SLU_LOG_WARN);
    w->options.env = &w->env;
    CHECK_OK(slu_link_hub_new(&w->hub, &err));
    w->transport = zmq ? &slu_link_zmq : slu_link_hub_transport(w->hub);
    w->listen = zmq ? "tcp://127.0.0.1:*" : "jobmanager";
    CHECK_OK(w->transport->listen(w->transport, w->listen, &w->options, &w->listener, &err));
}

static void
world_close(world *w)
{
    slu_link_close(&w->listener);
    slu_link_hub_free(&w->hub);
}

/* The next event, waiting at most two seconds. */
static slu_status
next_within(slu_link *link, slu_link_event *out, int timeout_ms)
{
    for (int waited = 0;; waited += 20) {
        const slu_status status = slu_link_next(link, out);
        if (status != SLU_AGAIN || slu_link_fd(link) < 0 || waited >= timeout_ms)
            return status;
        struct pollfd wait = {.fd = slu_link_fd(link), .events = POLLIN};
        (void)poll(&wait, 1, 20);
    }
}

#define NEXT(link, out, expected_kind)                                                                                             \
    do {                                                                                                                           \
        CHECK_STATUS(next_within((link), (out), 2000), SLU_OK);                                                                    \
        assert_int_equal((out)->kind, (expected_kind));                                                                            \
    } while (0)

static slu_link *
dial(world *w)
{
    slu_error err = {0};
    slu_link *link = NULL;
    slu_link_event event;
    CHECK_OK(w->transport->dial(w->transport, slu_link_address(w->listener), &w->options, &link, &err));
    NEXT(link, &event, SLU_LINK_OPENED);
    return link;
}

static void
say(slu_link *link, uint64_t peer, const char *text)
{
    slu_error err = {0};
    CHECK_OK(slu_link_send(link, peer, slu_view_of_text(text), NULL, &err));
}

static atomic_int released;

static void
count_release(void *owner)
{
    atomic_fetch_add(&released, 1);
    slu_free(owner);
}

static slu_link_body
body_of(size_t bytes)
{
    uint8_t *data = slu_alloc(bytes);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 7);
    return (slu_link_body){slu_view_of(data, bytes), count_release, data};
}

static void
talk(bool zmq)
{
    world w;
    slu_link_event event;
    world_open(&w, zmq);
    slu_link *a = dial(&w);
    slu_link *b = dial(&w);
    say(a, 0, "from a");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "from a"));
    const uint64_t peer_a = event.peer;
    say(b, 0, "from b");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "from b") && event.peer != peer_a && event.peer != 0);
    const uint64_t peer_b = event.peer;
    say(w.listener, peer_b, "to b");
    say(w.listener, peer_a, "to a");
    NEXT(a, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "to a"));
    NEXT(b, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "to b"));
    slu_link_close(&b);
    NEXT(w.listener, &event, SLU_LINK_GONE);
    assert_int_equal(event.peer, peer_b);
    CHECK_STATUS(slu_link_send(w.listener, peer_b, slu_view_of_text("x"), NULL, NULL), SLU_NOTFOUND);
    say(w.listener, peer_a, "still there");
    NEXT(a, &event, SLU_LINK_MESSAGE);
    slu_link_close(&a);
    world_close(&w);
}

static void
bodies(bool zmq)
{
    static const size_t sizes[] = {1, 33, 100, 8192, 8193, 300000};
    slu_error err = {0};
    world w;
    slu_link_event event;
    world_open(&w, zmq);
    slu_link *a = dial(&w);
    atomic_store(&released, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        slu_link_body body = body_of(sizes[i]);
        CHECK_OK(slu_link_send(a, 0, slu_view_of_text("head"), &body, &err));
        assert_null(body.release);
        NEXT(w.listener, &event, SLU_LINK_MESSAGE);
        assert_int_equal(event.body.view.bytes, sizes[i]);
        assert_int_equal((uintptr_t)event.body.view.data & 7, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(event.body.view.data[at], (uint8_t)(at * 7));
        slu_link_body_release(&event.body);
    }
    slu_link_close(&a);
    world_close(&w);
    for (int i = 0; i < 200 && atomic_load(&released) < 6; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&released), 6);
}

/* A receiver that does not read: the sender hears AGAIN and keeps its body. */
static void
full(bool zmq)
{
    world w;
    slu_status status = SLU_OK;
    slu_link_event event;
    world_open(&w, zmq);
    w.options.messages_max = 4;
    slu_link_close(&w.listener);
    slu_error err = {0};
    CHECK_OK(w.transport->listen(w.transport, w.listen, &w.options, &w.listener, &err));
    slu_link *a = dial(&w);
    atomic_store(&released, 0);
    int sent = 0;
    while (status == SLU_OK && sent < 10000) {
        slu_link_body body = body_of(100000);
        status = slu_link_send(a, 0, slu_view_of_text("x"), &body, &err);
        sent += status == SLU_OK;
        if (status == SLU_AGAIN) {
            assert_non_null(body.release);
            slu_link_body_release(&body);
        }
    }
    assert_int_equal(status, SLU_AGAIN);
    for (int i = 0; i < sent; i++) {
        NEXT(w.listener, &event, SLU_LINK_MESSAGE);
        slu_link_body_release(&event.body);
        CHECK_STATUS(slu_link_next(a, &event), SLU_AGAIN);
    }
    slu_link_close(&a);
    world_close(&w);
}

/* The last words of a peer come before its GONE. */
static void
last_words(bool zmq)
{
    for (int i = 0; i < 20; i++) {
        world w;
        slu_link_event event;
        world_open(&w, zmq);
        w.options.linger_ms = 1000;
        slu_link *a = dial(&w);
        say(a, 0, "hello");
        say(a, 0, "farewell");
        slu_link_close(&a);
        if (i % 2 == 0)
            usleep(5000);
        NEXT(w.listener, &event, SLU_LINK_MESSAGE);
        NEXT(w.listener, &event, SLU_LINK_MESSAGE);
        assert_true(slu_view_is(event.head, "farewell"));
        NEXT(w.listener, &event, SLU_LINK_GONE);
        world_close(&w);
    }
}

static void
listener_comes_back(bool zmq)
{
    slu_error err = {0};
    world w;
    slu_link_event event;
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    world_open(&w, zmq);
    (void)snprintf(address, sizeof address, "%s", slu_link_address(w.listener));
    slu_link *a = dial(&w);
    say(a, 0, "first life");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    slu_link_close(&w.listener);
    NEXT(a, &event, SLU_LINK_GONE);
    CHECK_STATUS(slu_link_send(a, 0, slu_view_of_text("nobody"), NULL, NULL), SLU_AGAIN);
    slu_status status = SLU_CONFLICT;
    for (int i = 0; i < 100 && status != SLU_OK; i++) {
        status = w.transport->listen(w.transport, address, &w.options, &w.listener, &err);
        if (status != SLU_OK)
            usleep(20000);
    }
    assert_int_equal(status, SLU_OK);
    NEXT(a, &event, SLU_LINK_OPENED);
    say(a, 0, "second life");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "second life"));
    slu_link_close(&a);
    world_close(&w);
}

#define BOTH(name)                                                                                                                 \
    static void memory_##name(void **state)                                                                                        \
    {                                                                                                                              \
        name(false);                                                                                                               \
    }                                                                                                                              \
    static void zmq_##name(void **state)                                                                                           \
    {                                                                                                                              \
        name(true);                                                                                                                \
    }
BOTH(talk)
BOTH(bodies)
BOTH(full)
BOTH(last_words)
BOTH(listener_comes_back)

static void
hub_cuts_and_loses(void **state)
{
    world w;
    slu_link_event event;
    world_open(&w, false);
    slu_link *a = dial(&w);
    say(a, 0, "one");
    slu_link_hub_lose(w.hub, 1);
    say(a, 0, "two");
    say(a, 0, "three");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "three"));
    slu_link_hub_cut(w.hub, a);
    NEXT(w.listener, &event, SLU_LINK_GONE);
    NEXT(a, &event, SLU_LINK_GONE);
    CHECK_STATUS(slu_link_next(a, &event), SLU_AGAIN);
    slu_link_hub_heal(w.hub);
    NEXT(a, &event, SLU_LINK_OPENED);
    slu_link_close(&a);
    world_close(&w);
}

static void
zmq_refuses_the_open_network(void **state)
{
    slu_error err = {0};
    world w;
    slu_link *link = NULL;
    world_open(&w, true);
    CHECK_STATUS(slu_link_zmq.listen(&slu_link_zmq, "tcp://0.0.0.0:*", &w.options, &link, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "--insecure");
    CHECK_STATUS(slu_link_zmq.listen(&slu_link_zmq, "localhost", &w.options, &link, &err), SLU_INVALID);
    w.options.insecure = true;
    CHECK_OK(slu_link_zmq.listen(&slu_link_zmq, "tcp://0.0.0.0:*", &w.options, &link, &err));
    slu_link_close(&link);
    world_close(&w);
}

/* A peer by hand: ZMTP 3.0 with the NULL mechanism, as a DEALER. */
static void
zmtp_hello(int fd)
{
    static const uint8_t ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                   "DEALER";
    uint8_t greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    uint8_t theirs[256];
    assert_int_equal(send(fd, greeting, sizeof greeting, 0), sizeof greeting);
    assert_int_equal(recv(fd, theirs, 64, MSG_WAITALL), 64);
    assert_int_equal(send(fd, ready, sizeof ready - 1, 0), (ssize_t)sizeof ready - 1);
    assert_true(recv(fd, theirs, sizeof theirs, 0) > 0);
    assert_int_equal(send(fd, "\0\x05hello", 7, 0), 7);
}

/* A connection that ends before its handshake leaves its descriptor to the next peer, while nobody steps the listener. */
static void
zmq_after_a_failed_handshake(void **state)
{
    world w;
    slu_link_event event;
    slu_error err = {0};
    world_open(&w, true);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(slu_link_address(w.listener), ':') + 1))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(first, (struct sockaddr *)&to, sizeof to), 0);
    usleep(50000);
    assert_int_equal(shutdown(first, SHUT_RDWR), 0); /* not closed: its number stays taken on our side */
    usleep(50000);
    assert_int_equal(connect(second, (struct sockaddr *)&to, sizeof to), 0);
    zmtp_hello(second);
    usleep(50000);
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    assert_true(slu_view_is(event.head, "hello"));
    const uint64_t peer = event.peer;
    CHECK_STATUS(slu_link_next(w.listener, &event), SLU_AGAIN);
    CHECK_OK(slu_link_send(w.listener, peer, slu_view_of_text("welcome"), NULL, &err));
    close(second);
    NEXT(w.listener, &event, SLU_LINK_GONE);
    assert_true(event.peer == peer);
    close(first);
    world_close(&w);
}

static void
zmq_over_ipc_by_choice(void **state)
{
    slu_error err = {0};
    world w;
    slu_link_event event;
    char path[] = "/tmp/slu-link-XXXXXX";
    char addresses[200];
    char chosen[200];
    assert_non_null(mkdtemp(path));
    world_open(&w, true);
    slu_link_close(&w.listener);
    (void)snprintf(addresses, sizeof addresses, "ipc://%s/l tcp://127.0.0.1:*", path);
    CHECK_OK(slu_link_zmq.listen(&slu_link_zmq, addresses, &w.options, &w.listener, &err));
    CHECK_OK(slu_link_choose(slu_link_address(w.listener), "boot", "boot", "auto", chosen, sizeof chosen, &err));
    assert_int_equal(strncmp(chosen, "ipc://", 6), 0);
    slu_link *a = NULL;
    CHECK_OK(slu_link_zmq.dial(&slu_link_zmq, chosen, &w.options, &a, &err));
    NEXT(a, &event, SLU_LINK_OPENED);
    say(a, 0, "by path");
    NEXT(w.listener, &event, SLU_LINK_MESSAGE);
    slu_link_close(&a);
    NEXT(w.listener, &event, SLU_LINK_GONE);
    CHECK_OK(slu_link_choose(slu_link_address(w.listener), "other", "boot", "auto", chosen, sizeof chosen, &err));
    assert_int_equal(strncmp(chosen, "tcp://", 6), 0);
    CHECK_STATUS(slu_link_choose("ipc:///nowhere/x", "b", "b", "auto", chosen, sizeof chosen, &err), SLU_NOTFOUND);
    world_close(&w);
    (void)snprintf(chosen, sizeof chosen, "%s/l", path);
    (void)unlink(chosen);
    (void)rmdir(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_talk),
        cmocka_unit_test(zmq_talk),
        cmocka_unit_test(memory_bodies),
        cmocka_unit_test(zmq_bodies),
        cmocka_unit_test(memory_full),
        cmocka_unit_test(zmq_full),
        cmocka_unit_test(memory_last_words),
        cmocka_unit_test(zmq_last_words),
        cmocka_unit_test(memory_listener_comes_back),
        cmocka_unit_test(zmq_listener_comes_back),
        cmocka_unit_test(hub_cuts_and_loses),
        cmocka_unit_test(zmq_refuses_the_open_network),
        cmocka_unit_test(zmq_after_a_failed_handshake),
        cmocka_unit_test(zmq_over_ipc_by_choice),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slu_link_zmq_shutdown();
    return failed;
}
