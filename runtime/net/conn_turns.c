/*
 * conn_turns.c: large frames that come in take turns, so that many peers that send at once do not fill the memory with frames that are
 * not whole yet. Where frames_bytes_soft are on their way, one more is left in the kernel's buffers, and in its sender's.
 *
 * The bound is soft: whoever waited for SLU_CONN_TURN_MS comes in all the same, since a peer may stop in the middle of its frame.
 */
#include "net/conn_internal.h"

static bool
turn_fits(const slu_conn *conn, size_t frame_bytes)
{
    return conn->loop->frames_bytes == 0 || conn->loop->frames_bytes + frame_bytes <= conn->options.frames_bytes_soft;
}

static void
turn_count(slu_conn *conn, size_t frame_bytes)
{
    conn->turn.counted = frame_bytes;
    conn->loop->frames_bytes += frame_bytes;
}

/* Out of the line. */
static void
turn_leave(slu_conn *conn)
{
    slu_conn **at = &conn->loop->turns;
    while (*at != NULL && *at != conn)
        at = &(*at)->turn.next;
    if (*at != NULL) /* else the loop ends, and there is no line any more */
        *at = conn->turn.next;
    conn->turn.wanted = 0;
}

static void
turn_wait(slu_conn *conn, size_t frame_bytes)
{
    slu_conn **last = &conn->loop->turns;
    while (*last != NULL)
        last = &(*last)->turn.next;
    *last = conn;
    conn->turn.next = NULL;
    conn->turn.wanted = frame_bytes;
    (void)uv_read_stop((uv_stream_t *)&conn->uv);
    slu_timer_set(conn->timer, SLU_CONN_TURN_MS);
}

bool
net_turn_begin(slu_conn *conn, size_t frame_bytes)
{
    if (conn->options.frames_bytes_soft == 0 || conn->turn.counted != 0)
        return true;
    if (conn->turn.wanted != 0)
        return false;
    if (conn->loop->turns != NULL || !turn_fits(conn, frame_bytes)) {
        turn_wait(conn, frame_bytes);
        return false;
    }
    turn_count(conn, frame_bytes);
    return true;
}

void
net_turn_force(slu_conn *conn)
{
    const size_t frame_bytes = conn->turn.wanted;
    if (frame_bytes == 0)
        return;
    turn_leave(conn);
    turn_count(conn, frame_bytes);
}

void
net_turn_end(slu_conn *conn)
{
    slu_loop *loop = conn->loop;
    if (conn->turn.wanted != 0)
        turn_leave(conn);
    loop->frames_bytes -= conn->turn.counted;
    conn->turn.counted = 0;
    while (loop->turns != NULL && turn_fits(loop->turns, loop->turns->turn.wanted)) {
        slu_conn *next = loop->turns;
        net_turn_force(next);
        slu_timer_set(next->timer, 0); /* it goes on from the loop, not from here */
    }
}
