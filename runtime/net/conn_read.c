/*
 * conn_read.c: from the socket to on_input.
 *
 * Small frames are cut out of one buffer; a frame above CONN_LARGE_BYTES gets memory of exactly its size, into which the socket is
 * read directly, so that a receiver may keep it (slu_conn_take_input) without a copy.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/sizes.h"
#include "net/conn_internal.h"

#define CONN_INPUT_BYTES ((size_t)64 << 10)
#define CONN_LARGE_BYTES ((size_t)16 << 10)

_Static_assert(CONN_LARGE_BYTES + 4 <= CONN_INPUT_BYTES, "a small frame fits the buffer");

static void
conn_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    slu_conn *conn = conn_of_handle(handle);
    if (conn->large.memory != NULL && !conn->lingering) {
        *out = uv_buf_init((char *)conn->large.memory + conn->large.have, 0);
        out->len = conn->large.bytes - conn->large.have;
        return;
    }
    if (conn->lingering)
        conn->input.begin = conn->input.end = 0;
    if (conn->input.memory == NULL)
        conn->input.memory = slu_alloc(CONN_INPUT_BYTES);
    if (conn->input.memory == NULL) {
        *out = uv_buf_init(NULL, 0); /* libuv reports ENOBUFS */
        return;
    }
    if (conn->input.begin != 0) {
        memmove(conn->input.memory, conn->input.memory + conn->input.begin, conn->input.end - conn->input.begin);
        conn->input.end -= conn->input.begin;
        conn->input.begin = 0;
    }
    *out = uv_buf_init((char *)conn->input.memory + conn->input.end, 0);
    out->len = CONN_INPUT_BYTES - conn->input.end;
}

static void
conn_readable(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buf)
{
    (void)buf;
    slu_conn *conn = conn_of_handle(stream);
    slu_error why;
    if (bytes == 0)
        return;
    if (bytes < 0) {
        if (bytes == UV_EOF)
            (void)slu_error_set(&why, SLU_CLOSED, "%s closed the connection", conn->peer);
        else
            (void)net_error(&why, (int)bytes, "read from", conn->peer);
        net_conn_fail(conn, &why);
        return;
    }
    if (conn->lingering)
        return;
    if (conn->large.memory != NULL)
        conn->large.have += (size_t)bytes;
    else
        conn->input.end += (size_t)bytes;
    net_conn_deliver(conn);
}

void
net_conn_read(slu_conn *conn)
{
    const int rc = uv_read_start((uv_stream_t *)&conn->uv, conn_room, conn_readable);
    SLU_ASSERT(rc == 0 || rc == UV_EALREADY || rc == UV_EINVAL || rc == UV_ENOTCONN);
    conn->loop->touched = true;
}

/* A frame of its own memory: what of it is already in the buffer moves over. */
static bool
conn_start_large(slu_conn *conn, size_t frame_bytes)
{
    conn->large.memory = slu_alloc_aligned(frame_bytes);
    if (conn->large.memory == NULL)
        return false;
    const size_t have = SLU_MIN(conn->input.end - conn->input.begin - 4, frame_bytes);
    memcpy(conn->large.memory, conn->input.memory + conn->input.begin + 4, have);
    conn->large.bytes = frame_bytes;
    conn->large.have = have;
    conn->input.begin += 4 + have;
    return true;
}

static void
conn_deliver_large(slu_conn *conn)
{
    conn->delivering_large = true;
    conn->events.on_input(conn->context, conn, slu_view_of(conn->large.memory, conn->large.bytes));
    conn->delivering_large = false;
    slu_free(conn->large.memory);
    conn->large.memory = NULL;
    net_turn_end(conn);
}

void
slu_conn_drop_input(slu_conn *conn)
{
    if (!conn->delivering_large)
        return;
    slu_free(conn->large.memory);
    conn->large.memory = NULL;
    net_turn_end(conn);
}

/* Delivers one frame. False: not enough bytes, or the connection is over. */
static bool
conn_deliver_frame(slu_conn *conn)
{
    slu_error why;
    if (conn->large.memory != NULL) {
        if (conn->large.have < conn->large.bytes)
            return false;
        conn_deliver_large(conn);
        return true;
    }
    const uint8_t *at = conn->input.memory + conn->input.begin;
    const size_t have = conn->input.end - conn->input.begin;
    if (have < 4)
        return false;
    const size_t frame_bytes = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (frame_bytes > conn->options.frame_bytes_max) {
        (void)slu_error_set(&why, SLU_LIMIT, "%s sent a frame of %zu bytes; the limit is %zu", conn->peer, frame_bytes,
                            conn->options.frame_bytes_max);
        net_conn_fail(conn, &why);
        return false;
    }
    if (frame_bytes > CONN_LARGE_BYTES) {
        if (!net_turn_begin(conn, frame_bytes))
            return false;
        if (conn_start_large(conn, frame_bytes))
            return conn->large.have == frame_bytes;
        (void)slu_error_set(&why, SLU_NOMEM, "no memory for a frame of %zu bytes from %s", frame_bytes, conn->peer);
        net_conn_fail(conn, &why);
        return false;
    }
    if (have < 4 + frame_bytes)
        return false;
    conn->input.begin += 4 + frame_bytes;
    conn->events.on_input(conn->context, conn, slu_view_of(at + 4, frame_bytes));
    return true;
}

static bool
conn_deliver_raw(slu_conn *conn)
{
    const slu_view input = slu_view_of(conn->input.memory + conn->input.begin, conn->input.end - conn->input.begin);
    conn->input.begin = conn->input.end;
    if (input.bytes == 0)
        return false;
    conn->events.on_input(conn->context, conn, input);
    return true;
}

void
net_conn_deliver(slu_conn *conn)
{
    bool more = true;
    while (more && !conn->silent && !conn->paused)
        more = conn->options.frame_bytes_max != 0 ? conn_deliver_frame(conn) : conn_deliver_raw(conn);
    if (conn->input.begin == conn->input.end)
        conn->input.begin = conn->input.end = 0;
}

uint8_t *
slu_conn_take_input(slu_conn *conn, slu_view *input)
{
    uint8_t *memory = conn->delivering_large ? slu_take(&conn->large.memory) : NULL;
    if (memory != NULL)
        return memory;
    memory = slu_alloc_aligned(input->bytes == 0 ? 1 : input->bytes);
    if (memory == NULL)
        return NULL;
    if (input->bytes != 0)
        memcpy(memory, input->data, input->bytes);
    input->data = memory;
    return memory;
}

void
slu_conn_pause(slu_conn *conn)
{
    conn->paused = true;
    (void)uv_read_stop((uv_stream_t *)&conn->uv);
}

void
slu_conn_resume(slu_conn *conn)
{
    if (!conn->paused || conn->silent)
        return;
    conn->paused = false;
    if (!conn->open || conn->turn.wanted != 0)
        return;
    net_conn_read(conn);
    if (conn->input.begin != conn->input.end || conn->large.memory != NULL)
        slu_timer_set(conn->timer, 0);
}
