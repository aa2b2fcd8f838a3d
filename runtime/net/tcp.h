/*
 * tcp.h: listeners and connections with bounded queues.
 *
 * Shape    a connection delivers either length-prefixed frames (u32 big endian, not counting itself; frame_bytes_max > 0) or raw
 *          runs of bytes (frame_bytes_max 0). Sends keep their order and never block.
 * Owns     a connection belongs to whoever opened it (slu_conn_connect) or took it (on_accept) until slu_conn_close, or until its
 *          on_close was called: then it is gone and the pointer must be forgotten. slu_conn_close calls nothing back.
 * Threads  the loop's.
 * Errors   on_close: CLOSED: the peer ended the stream; LIMIT: a frame above frame_bytes_max; IO: the system's error, in `err`.
 *          send: LIMIT when more than queue_bytes_max wait (nothing was queued), CLOSED on a connection that is ending.
 * Limits   queue_bytes_max is the bound of what waits to be written; slu_conn_pause stops reading for back-pressure.
 */
#ifndef SLU_NET_TCP_H
#define SLU_NET_TCP_H

#include "base/bytes.h"
#include "net/loop.h"

typedef struct slu_conn slu_conn;
typedef struct slu_listener slu_listener;

typedef struct slu_conn_events {
    /* A connect came through; not called for accepted connections. May be NULL. */
    void (*on_open)(void *context, slu_conn *conn);
    /* A whole frame without its prefix, or raw bytes; borrowed for the call. slu_conn_take_input keeps it without a copy. */
    void (*on_input)(void *context, slu_conn *conn, slu_view input);
    /* The write queue fell to a quarter of its maximum or below after it had been above half of it. May be NULL. */
    void (*on_drained)(void *context, slu_conn *conn);
    /* The connection is gone; not called after slu_conn_close. */
    void (*on_close)(void *context, slu_conn *conn, const slu_error *why);
} slu_conn_events;

typedef struct slu_conn_options {
    size_t frame_bytes_max;     /* 0: raw bytes */
    size_t queue_bytes_max;     /* 0: SLU_CONN_QUEUE_BYTES_DEFAULT */
    int64_t connect_timeout_ms; /* 0: SLU_CONN_CONNECT_TIMEOUT_MS_DEFAULT */
    size_t frames_bytes_soft; /* of large frames that come in at once on the loop's connections that say so: one more waits for its
                                 * turn, unread, SLU_CONN_TURN_MS at most. 0: all come at once */
} slu_conn_options;

#define SLU_CONN_QUEUE_BYTES_DEFAULT ((size_t)64 << 20)
#define SLU_CONN_CONNECT_TIMEOUT_MS_DEFAULT 10000
#define SLU_CONN_TURN_MS 10       /* a peer that stops in the middle of its frame holds up no other for longer */
#define SLU_ADDRESS_BYTES_MAX 300 /* "host:port" with its final zero */

/* Splits "host:port", "[v6]:port"; the host is given without brackets. INVALID says what is wrong with the text. */
SLU_CHECK slu_status slu_address_split(const char *address, char *host, size_t host_bytes, uint16_t *out_port, slu_error *err);

/* Listens on host (a numeric address or a name) and port (0: any free one). on_accept is called for each new connection and says
 * who is to hear of it: it fills *events and *context; returning anything but OK closes the connection. */
typedef slu_status (*slu_accept_fn)(void *context, slu_conn *conn, const slu_conn_events **out_events, void **out_context);
SLU_CHECK slu_status slu_listener_open(slu_loop *loop, const char *host, uint16_t port, const slu_conn_options *options,
                                       slu_accept_fn on_accept, void *context, slu_listener **out, slu_error *err);
uint16_t slu_listener_port(const slu_listener *listener);
void slu_listener_close(slu_listener **listener); /* accepted connections live on */

/* Starts to connect; sends before on_open are queued. A name is looked up here and may block; a numeric address does not. A
 * failure to connect arrives as on_close, never inside this call. */
SLU_CHECK slu_status slu_conn_connect(slu_loop *loop, const char *host, uint16_t port, const slu_conn_options *options,
                                      const slu_conn_events *events, void *context, slu_conn **out, slu_error *err);
/* Drops what was not yet written. Safe inside every callback; no callback follows. */
void slu_conn_close(slu_conn **conn);
/* Closes once everything queued is written (or the peer goes first); no callback follows. */
void slu_conn_close_after_writes(slu_conn **conn);

/* Takes the buffer's memory; a framed connection puts the length prefix before it. `buf` is empty afterwards, and untouched on
 * failure. */
SLU_CHECK slu_status slu_conn_send(slu_conn *conn, slu_buf *buf, slu_error *err);
/* The same for lent memory; `release(owner)` is called once, on the loop's thread, when the bytes are out or dropped. */
SLU_CHECK slu_status slu_conn_send_lent(slu_conn *conn, slu_view bytes, void (*release)(void *owner), void *owner, slu_error *err);
size_t slu_conn_queued_bytes(const slu_conn *conn);

/* Inside on_input only: the input's memory, to be released by slu_free; *input is the same bytes in it (a large frame moves, a
 * small one shares a buffer with others and is copied). NULL: no memory, and nothing changed. */
SLU_CHECK uint8_t *slu_conn_take_input(slu_conn *conn, slu_view *input);
/* Inside on_input only: the input is not looked at any more. The memory of a large frame goes now, not behind the call. */
void slu_conn_drop_input(slu_conn *conn);

void slu_conn_pause(slu_conn *conn);
void slu_conn_resume(slu_conn *conn);
/* "127.0.0.1:4711", or "?" before the connection is open. */
const char *slu_conn_peer(const slu_conn *conn);
/* The numeric address on this side, without the port: where the peer found us. */
const char *slu_conn_local_host(slu_conn *conn);

#endif
