/* net_internal.h: what the files of this room share; nobody else includes it. */
#ifndef SLU_NET_INTERNAL_H
#define SLU_NET_INTERNAL_H

#include "net/loop.h"
#include "net/tcp.h"

#include <uv.h>

/* Every handle's data points at one of these, so that the loop can end what is left without knowing the kinds. */
typedef struct net_item {
    void (*end)(struct net_item *item);
} net_item;

struct slu_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t limit; /* bounds slu_loop_step */
    const slu_env *env;
    void (*on_wake)(void *context);
    void *wake_context;
    int stopping;        /* atomic */
    bool touched;        /* something was started since the last step: epoll does not know of it yet */
    size_t frames_bytes; /* of large frames that come in, where that is bounded (conn_turns.c) */
    slu_conn *turns;     /* connections whose large frame waits for its turn, the oldest first */
};

slu_status net_error(slu_error *err, int uv_status, const char *what, const char *where);
/* The first numeric address of host; blocks for a name that is neither numeric nor in the hosts file. */
slu_status net_resolve(const char *host, uint16_t port, struct sockaddr_storage *out, slu_error *err);

/* conn.c: a connection over a socket that was just accepted; ended by slu_conn_close. */
slu_status net_conn_accept(slu_loop *loop, uv_stream_t *server, const slu_conn_options *options, slu_conn **out, slu_error *err);
void net_conn_start(slu_conn *conn, const slu_conn_events *events, void *context);

#endif
