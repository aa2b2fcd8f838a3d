/* conn_internal.h: a connection as conn.c (life, writing) and conn_read.c (input) see it; nobody else includes it. */
#ifndef SLU_NET_CONN_INTERNAL_H
#define SLU_NET_CONN_INTERNAL_H

#include "net/net_internal.h"

struct slu_conn {
    net_item item;
    uv_tcp_t uv;
    slu_loop *loop;
    slu_conn_options options;
    slu_conn_events events;
    void *context;
    slu_timer *timer; /* the connect deadline; later: what is left to deliver; last: the end of lingering */
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    bool open;
    bool silent;    /* the owner is gone or was told: no more events */
    bool draining;  /* close once the queue is empty */
    bool lingering; /* written and shut down; input is thrown away */
    bool paused;
    bool full; /* more than half of the queue was used since the last on_drained */
    size_t queued_bytes;
    struct {
        uint8_t *memory;
        size_t begin;
        size_t end;
    } input; /* small frames and raw bytes: a buffer of CONN_INPUT_BYTES, bytes begin..end are waiting */
    struct {
        uint8_t *memory;
        size_t bytes;
        size_t have;
    } large; /* a frame that gets memory of its own */
    bool delivering_large;
    struct {
        size_t wanted;  /* the frame that waits for its turn; 0: none does */
        size_t counted; /* in the loop's frames_bytes */
        slu_conn *next;
    } turn;
    char local[INET6_ADDRSTRLEN];
    char peer[INET6_ADDRSTRLEN + 9];
};

static inline slu_conn *
conn_of_handle(void *handle)
{
    return (slu_conn *)((char *)handle - offsetof(slu_conn, uv));
}

void net_conn_end(slu_conn *conn);
void net_conn_fail(slu_conn *conn, const slu_error *why);
void net_conn_read(slu_conn *conn);
void net_conn_deliver(slu_conn *conn);

/* conn_turns.c. True: a large frame may come in. False: the connection waits, and is not read until it is its turn. */
bool net_turn_begin(slu_conn *conn, size_t frame_bytes);
/* The frame that waits, if one does, may come in now. */
void net_turn_force(slu_conn *conn);
/* The large frame is gone, or the connection: others may have their turn. */
void net_turn_end(slu_conn *conn);

#endif
