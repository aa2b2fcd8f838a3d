/* The net room: frames over loopback, back-pressure, limits, timers, wakes, and embedding in a foreign poll loop. */
#include "support/check.h"

#include "base/alloc.h"
#include "net/loop.h"
#include "net/tcp.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

typedef struct side {
    slu_conn *conn;
    slu_listener *listener;
    slu_conn_options options;
    size_t frames;
    size_t bytes;
    uint64_t sum;
    size_t closed;
    size_t opened;
    size_t drained;
    slu_status why;
    bool echo;
    bool take;
    bool close_in_input;
    bool pause_in_input;
} side;

static uint64_t
sum_of(slu_view view)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < view.bytes; i++)
        sum = sum * 31 + view.data[i];
    return sum;
}

static void
side_input(void *context, slu_conn *conn, slu_view input)
{
    side *s = context;
    slu_error err;
    s->frames++;
    s->bytes += input.bytes;
    s->sum += sum_of(input);
    if (s->take) {
        uint8_t *memory = slu_conn_take_input(conn, &input);
        assert_non_null(memory);
        assert_ptr_equal(memory, input.data);
        assert_int_equal((uintptr_t)memory % 64, 0);
        slu_free(memory);
    } else if (s->echo) {
        slu_buf buf;
        slu_buf_init(&buf, (size_t)64 << 20);
        slu_buf_append(&buf, input.data, input.bytes);
        CHECK_OK(slu_conn_send(conn, &buf, &err));
        slu_buf_fini(&buf);
    }
    if (s->pause_in_input)
        slu_conn_pause(conn);
    if (s->close_in_input)
        slu_conn_close(&s->conn);
}

static void
side_close(void *context, slu_conn *conn, const slu_error *why)
{
    side *s = context;
    assert_ptr_equal(s->conn, conn);
    s->conn = NULL;
    s->closed++;
    s->why = why->status;
}

static void
side_open(void *context, slu_conn *conn)
{
    (void)conn;
    ((side *)context)->opened++;
}

static void
side_drained(void *context, slu_conn *conn)
{
    (void)conn;
    ((side *)context)->drained++;
}

static const slu_conn_events side_events = {side_open, side_input, side_drained, side_close};

static slu_status
side_accept(void *context, slu_conn *conn, const slu_conn_events **out_events, void **out_context)
{
    side *s = context;
    s->conn = conn;
    *out_events = &side_events;
    *out_context = s;
    return SLU_OK;
}

typedef struct pair {
    slu_env env;
    slu_loop *loop;
    side server;
    side client;
} pair;

static void
pair_open(pair *p, size_t server_frame_max, size_t client_frame_max)
{
    slu_error err;
    memset(p, 0, sizeof *p);
    slu_env_init_system(&p->env, SLU_LOG_ERROR);
    CHECK_OK(slu_loop_open(&p->env, &p->loop, &err));
    p->server.options.frame_bytes_max = server_frame_max;
    p->client.options.frame_bytes_max = client_frame_max;
    CHECK_OK(slu_listener_open(p->loop, "127.0.0.1", 0, &p->server.options, side_accept, &p->server, &p->server.listener, &err));
    assert_int_not_equal(slu_listener_port(p->server.listener), 0);
    CHECK_OK(slu_conn_connect(p->loop, "127.0.0.1", slu_listener_port(p->server.listener), &p->client.options, &side_events,
                              &p->client, &p->client.conn, &err));
}

static void
pair_settle(pair *p)
{
    for (int i = 0; i < 40; i++)
        slu_loop_step(p->loop, 2);
}

static void
send_bytes(slu_conn *conn, size_t bytes, uint8_t first, uint64_t *sum)
{
    slu_error err;
    slu_buf buf;
    slu_buf_init(&buf, (size_t)64 << 20);
    uint8_t *at = slu_buf_extend(&buf, bytes);
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(first + i * 7);
    *sum += sum_of(slu_buf_view(&buf));
    CHECK_OK(slu_conn_send(conn, &buf, &err));
    slu_buf_fini(&buf);
}

static void
frames_of_every_size_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 3, 4, 5, 1000, 16384, 16385, 65532, 65536, 1 << 20, 5 << 20, 7, 70000, 0};
    pair p;
    uint64_t sum = 0;
    size_t bytes = 0;
    pair_open(&p, 8 << 20, 8 << 20);
    p.server.echo = true;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        send_bytes(p.client.conn, sizes[i], (uint8_t)i, &sum);
        bytes += sizes[i];
    }
    for (int i = 0; i < 2000 && p.client.frames < sizeof sizes / sizeof sizes[0]; i++)
        slu_loop_step(p.loop, 10);
    assert_int_equal(p.client.frames, sizeof sizes / sizeof sizes[0]);
    assert_int_equal(p.client.bytes, bytes);
    assert_true(p.client.sum == sum);
    assert_int_equal(p.client.opened, 1);
    assert_int_equal(slu_conn_queued_bytes(p.client.conn), 0);
    slu_loop_close(&p.loop);
}

static void
taken_input_is_aligned_and_freed(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 8 << 20, 8 << 20);
    p.server.take = true;
    send_bytes(p.client.conn, 10, 1, &sum);
    send_bytes(p.client.conn, 100000, 1, &sum);
    send_bytes(p.client.conn, 10, 1, &sum);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 3);
    assert_true(p.server.sum == sum);
    slu_loop_close(&p.loop);
}

static void
a_frame_above_the_limit_closes_the_connection(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 1000, 8 << 20);
    send_bytes(p.client.conn, 1000, 0, &sum);
    send_bytes(p.client.conn, 1001, 0, &sum);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 1);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.server.why, SLU_LIMIT);
    assert_int_equal(p.client.closed, 1);
    slu_loop_close(&p.loop);
}

static void
raw_bytes_arrive_and_close_in_a_callback_is_safe(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 0, 0);
    p.server.close_in_input = true;
    send_bytes(p.client.conn, 100, 0, &sum);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 1);
    assert_null(p.server.conn);
    assert_int_equal(p.server.closed, 0);
    assert_int_equal(p.client.closed, 1);
    slu_loop_close(&p.loop);
}

static void
a_paused_reader_pushes_back_until_it_resumes(void **state)
{
    (void)state;
    pair p;
    slu_error err;
    pair_open(&p, 8 << 20, 8 << 20);
    pair_settle(&p);
    p.server.pause_in_input = true;
    p.server.options.queue_bytes_max = 0;
    size_t sent = 0;
    slu_status status = SLU_OK;
    while (status == SLU_OK && sent < 1000) {
        slu_buf buf;
        slu_buf_init(&buf, 8 << 20);
        slu_buf_zero(&buf, 1 << 20);
        status = slu_conn_send(p.client.conn, &buf, &err);
        slu_buf_fini(&buf);
        sent += status == SLU_OK;
        slu_loop_step(p.loop, 0);
    }
    assert_int_equal(status, SLU_LIMIT);
    assert_int_equal(p.server.frames, 1);
    p.server.pause_in_input = false;
    slu_conn_resume(p.server.conn);
    for (int i = 0; i < 5000 && p.server.frames < sent; i++)
        slu_loop_step(p.loop, 10);
    assert_int_equal(p.server.frames, sent);
    assert_int_equal(p.client.drained, 1);
    slu_loop_close(&p.loop);
}

static void
small_frames_left_by_a_pause_are_delivered_after_resume(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 1000, 1000);
    p.server.pause_in_input = true;
    for (int i = 0; i < 5; i++)
        send_bytes(p.client.conn, 10, 0, &sum);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 1);
    slu_conn_resume(p.server.conn);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 2);
    p.server.pause_in_input = false;
    slu_conn_resume(p.server.conn);
    pair_settle(&p);
    assert_int_equal(p.server.frames, 5);
    slu_loop_close(&p.loop);
}

#define CROWD 6
#define CROWD_FRAME ((size_t)256 << 10)

typedef struct crowd {
    slu_env env;
    slu_loop *loop;
    slu_listener *listener;
    side clients[CROWD];
    side servers[CROWD]; /* in the order in which they were accepted */
    size_t accepted;
} crowd;

static slu_status
crowd_accept(void *context, slu_conn *conn, const slu_conn_events **out_events, void **out_context)
{
    crowd *c = context;
    side *s = &c->servers[c->accepted++];
    s->conn = conn;
    *out_events = &side_events;
    *out_context = s;
    return SLU_OK;
}

static void
crowd_open(crowd *c, size_t soft)
{
    slu_error err;
    const slu_conn_options options = {.frame_bytes_max = 1 << 20, .frames_bytes_soft = soft};
    const slu_conn_options raw = {0};
    memset(c, 0, sizeof *c);
    slu_env_init_system(&c->env, SLU_LOG_ERROR);
    CHECK_OK(slu_loop_open(&c->env, &c->loop, &err));
    CHECK_OK(slu_listener_open(c->loop, "127.0.0.1", 0, &options, crowd_accept, c, &c->listener, &err));
    for (size_t i = 0; i < CROWD; i++) {
        CHECK_OK(slu_conn_connect(c->loop, "127.0.0.1", slu_listener_port(c->listener), &raw, &side_events, &c->clients[i],
                                  &c->clients[i].conn, &err));
        for (int step = 0; step < 100 && c->accepted <= i; step++)
            slu_loop_step(c->loop, 2);
    }
    assert_int_equal(c->accepted, CROWD);
}

/* A frame's prefix and `bytes` of it. */
static void
crowd_begin(const crowd *c, size_t i, size_t bytes)
{
    slu_error err;
    slu_buf buf;
    slu_buf_init(&buf, 2 << 20);
    slu_buf_u32be(&buf, (uint32_t)CROWD_FRAME);
    slu_buf_zero(&buf, bytes);
    CHECK_OK(slu_conn_send(c->clients[i].conn, &buf, &err));
    slu_buf_fini(&buf);
}

static size_t
crowd_frames(const crowd *c)
{
    size_t frames = 0;
    for (size_t i = 0; i < CROWD; i++)
        frames += c->servers[i].frames;
    return frames;
}

static void
large_frames_take_turns_and_nobody_is_kept_waiting(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, CROWD_FRAME);
    /* One stops in the middle of its frame: the others come in behind it, though only one fits. */
    crowd_begin(&c, 0, 100000);
    for (int i = 0; i < 10; i++)
        slu_loop_step(c.loop, 2);
    const int64_t from_ms = slu_now_ms(&c.env);
    for (size_t i = 1; i < CROWD; i++)
        crowd_begin(&c, i, CROWD_FRAME);
    for (int i = 0; i < 1000 && crowd_frames(&c) < CROWD - 1; i++)
        slu_loop_step(c.loop, 2);
    assert_int_equal(crowd_frames(&c), CROWD - 1);
    assert_int_equal(c.servers[0].frames, 0);
    assert_true(slu_now_ms(&c.env) - from_ms >= SLU_CONN_TURN_MS); /* they did wait */
    /* It goes on, while another that waits is closed, and one is paused in the line. */
    crowd_begin(&c, 1, 50000);
    for (int i = 0; i < 3; i++)
        slu_loop_step(c.loop, 1);
    slu_conn_close(&c.servers[1].conn);
    slu_conn_pause(c.servers[2].conn);
    crowd_begin(&c, 2, CROWD_FRAME);
    slu_buf rest;
    slu_error err;
    slu_buf_init(&rest, 2 << 20);
    slu_buf_zero(&rest, CROWD_FRAME - 100000);
    CHECK_OK(slu_conn_send(c.clients[0].conn, &rest, &err));
    slu_buf_fini(&rest);
    for (int i = 0; i < 1000 && c.servers[0].frames == 0; i++)
        slu_loop_step(c.loop, 2);
    assert_int_equal(c.servers[0].frames, 1);
    assert_int_equal(c.servers[2].frames, 1);
    slu_conn_resume(c.servers[2].conn);
    for (int i = 0; i < 1000 && c.servers[2].frames == 1; i++)
        slu_loop_step(c.loop, 2);
    assert_int_equal(c.servers[2].frames, 2);
    slu_loop_close(&c.loop);
}

static void
a_loop_ends_while_frames_wait_for_their_turn(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, CROWD_FRAME);
    for (size_t i = 0; i < CROWD; i++)
        crowd_begin(&c, i, 100000);
    for (int i = 0; i < 3; i++)
        slu_loop_step(c.loop, 1);
    slu_loop_close(&c.loop);
}

static void
close_after_writes_delivers_what_was_queued(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 8 << 20, 8 << 20);
    pair_settle(&p);
    send_bytes(p.client.conn, 4 << 20, 0, &sum); /* input that the server never reads must not eat its answer */
    send_bytes(p.server.conn, 3 << 20, 0, &sum);
    slu_conn_close_after_writes(&p.server.conn);
    for (int i = 0; i < 1000 && p.client.closed == 0; i++)
        slu_loop_step(p.loop, 10);
    assert_int_equal(p.client.frames, 1);
    assert_int_equal(p.client.bytes, 3 << 20);
    slu_loop_close(&p.loop);
}

static void
a_refused_connect_is_told_once(void **state)
{
    (void)state;
    pair p;
    slu_error err;
    pair_open(&p, 1000, 1000);
    const uint16_t port = slu_listener_port(p.server.listener);
    pair_settle(&p);
    slu_listener_close(&p.server.listener);
    pair_settle(&p);
    side other = {0};
    CHECK_OK(slu_conn_connect(p.loop, "127.0.0.1", port, &p.client.options, &side_events, &other, &other.conn, &err));
    assert_int_equal(other.closed, 0);
    pair_settle(&p);
    assert_int_equal(other.closed, 1);
    assert_int_equal(other.why, SLU_IO);
    slu_loop_close(&p.loop);
}

static void
addresses_are_split_or_refused(void **state)
{
    (void)state;
    char host[32];
    uint16_t port = 0;
    slu_error err;
    CHECK_OK(slu_address_split("localhost:9123", host, sizeof host, &port, &err));
    CHECK_TEXT(host, "localhost");
    assert_int_equal(port, 9123);
    CHECK_OK(slu_address_split("[::1]:0", host, sizeof host, &port, &err));
    CHECK_TEXT(host, "::1");
    static const char *const bad[] = {
        "", "host", ":1", "host:", "host:x", "host:65536", "host:-1", "host: 1", "a-host-name-that-is-far-too-long-for-it:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(slu_address_split(bad[i], host, sizeof host, &port, &err), SLU_INVALID);
}

static void
count_up(void *context)
{
    ++*(int *)context;
}

static void *
wake_from_elsewhere(void *context)
{
    slu_loop_wake(context);
    slu_loop_stop(context);
    return NULL;
}

static void
timers_fire_and_other_threads_wake(void **state)
{
    (void)state;
    slu_env env;
    slu_loop *loop = NULL;
    slu_timer *timer = NULL;
    slu_error err;
    int fired = 0;
    int woken = 0;
    pthread_t thread;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(slu_loop_open(&env, &loop, &err));
    CHECK_OK(slu_timer_open(loop, count_up, &fired, &timer, &err));
    assert_false(slu_timer_is_set(timer));
    slu_timer_set(timer, 5);
    assert_in_range(slu_loop_timeout_ms(loop), 0, 5);
    slu_loop_step(loop, 1000);
    assert_int_equal(fired, 1);
    slu_timer_set(timer, 0);
    slu_timer_clear(timer);
    slu_loop_step(loop, 2);
    assert_int_equal(fired, 1);
    slu_loop_on_wake(loop, count_up, &woken);
    assert_int_equal(pthread_create(&thread, NULL, wake_from_elsewhere, loop), 0);
    slu_loop_run(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_in_range(woken, 1, 2);
    slu_timer_close(&timer);
    slu_loop_close(&loop);
}

/* The limit passes while a timer's callback runs, before the loop begins to wait: as when the thread does not run for a while. */
static void
stand_still(void *loop)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    (void)nanosleep(&pause, NULL);
    (void)slu_loop_timeout_ms(loop); /* looks at the clock */
}

static void
a_step_ends_although_its_limit_passed_before_it_waited(void **state)
{
    (void)state;
    slu_env env;
    slu_loop *loop = NULL;
    slu_timer *timer = NULL;
    slu_error err;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(slu_loop_open(&env, &loop, &err));
    CHECK_OK(slu_timer_open(loop, stand_still, loop, &timer, &err));
    slu_timer_set(timer, 0);
    slu_loop_step(loop, 1);
    assert_false(slu_timer_is_set(timer));
    slu_timer_close(&timer);
    slu_loop_close(&loop);
}

/* A client in a foreign poll loop sees everything through the fd and the timeout alone. */
static void
a_loop_is_embedded_by_fd_and_timeout(void **state)
{
    (void)state;
    pair p;
    uint64_t sum = 0;
    pair_open(&p, 8 << 20, 8 << 20);
    p.server.echo = true;
    send_bytes(p.client.conn, 3 << 20, 0, &sum);
    int rounds = 0;
    while (p.client.frames == 0 && rounds++ < 10000) {
        struct pollfd fd = {slu_loop_fd(p.loop), POLLIN, 0};
        assert_true(poll(&fd, 1, slu_loop_timeout_ms(p.loop)) >= 0);
        slu_loop_step(p.loop, 0);
    }
    assert_int_equal(p.client.frames, 1);
    assert_true(p.client.sum == sum);
    slu_loop_close(&p.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_size_come_back),
        cmocka_unit_test(taken_input_is_aligned_and_freed),
        cmocka_unit_test(a_frame_above_the_limit_closes_the_connection),
        cmocka_unit_test(raw_bytes_arrive_and_close_in_a_callback_is_safe),
        cmocka_unit_test(a_paused_reader_pushes_back_until_it_resumes),
        cmocka_unit_test(small_frames_left_by_a_pause_are_delivered_after_resume),
        cmocka_unit_test(large_frames_take_turns_and_nobody_is_kept_waiting),
        cmocka_unit_test(a_loop_ends_while_frames_wait_for_their_turn),
        cmocka_unit_test(close_after_writes_delivers_what_was_queued),
        cmocka_unit_test(a_refused_connect_is_told_once),
        cmocka_unit_test(addresses_are_split_or_refused),
        cmocka_unit_test(timers_fire_and_other_threads_wake),
        cmocka_unit_test(a_step_ends_although_its_limit_passed_before_it_waited),
        cmocka_unit_test(a_loop_is_embedded_by_fd_and_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
