/*
 * link.h: message links between our processes. A listener hears many peers, a dialer speaks to one listener.
 *
 * Shape    a message is a head (small, copied) and an optional body (large, moved by pointer). Order is kept per peer and
 *          direction; nothing is repeated, and what was under way when a connection broke is lost: OPENED and GONE tell, and whoever
 *          needs more counts (exchange/remote.h).
 * Kinds    two tables of functions: ZeroMQ between processes (zmq.h) and memory in one thread (memory.h, for tests and simulation).
 * Owns     send moves the body on OK, whose release is called once, on any thread. The body of a received event is the
 *          receiver's (slu_link_body_release); its head is borrowed until the next slu_link_next or close.
 * Threads  a link is one thread's; different links of a transport may live on different threads.
 * Waiting  slu_link_fd becomes readable when something happened. Call slu_link_next until AGAIN before each wait, also after sends:
 *          the descriptor tells of a change once.
 * Errors   send: AGAIN: no room, or not connected (a dialer before OPENED and after GONE), nothing was taken; NOTFOUND: this peer is gone
 *          for good; LIMIT: too large.
 *          listen: INVALID: not an address, or beyond loopback without CURVE and not `insecure`.
 * Limits   options: messages waiting per peer and direction, bytes of a message.
 */
#ifndef SLU_LINK_LINK_H
#define SLU_LINK_LINK_H

#include "base/bytes.h"
#include "base/env.h"

#define SLU_LINK_ADDRESS_BYTES_MAX 512 /* of a list of addresses with its final zero */
#define SLU_LINK_IPC_BYTES_MAX 100     /* of an ipc path: sockaddr_un has 108 */
#define SLU_LINK_BODY_COPIED_MAX 8192  /* bytes: a received body up to this is copied to aligned memory */
#define SLU_LINK_MESSAGES_DEFAULT 1024

typedef struct slu_link slu_link;

/* Bytes with an owner. All zero: no body. */
typedef struct slu_link_body {
    slu_view view; /* received: starts at a multiple of 8 bytes */
    void (*release)(void *owner);
    void *owner;
} slu_link_body;

#define SLU_LINK_OPENED 1  /* dialer: the listener is there (again) */
#define SLU_LINK_MESSAGE 2 /* from `peer` */
#define SLU_LINK_GONE 3    /* dialer: the connection broke and is being tried again; listener: `peer` is gone for good */

typedef struct slu_link_event {
    uint32_t kind;
    uint32_t reserved;
    uint64_t peer; /* listener: number of a connection, never reused; dialer: 0 */
    slu_view head;
    slu_link_body body;
} slu_link_event;

typedef struct slu_link_options {
    const slu_env *env;
    uint32_t messages_max; /* waiting per peer and direction; 0: SLU_LINK_MESSAGES_DEFAULT */
    int32_t linger_ms;     /* how long close waits for what was sent to leave */
    int64_t bytes_max;     /* of a received head or body; 0: SLU_CONTROL_BYTES_MAX */
    bool insecure;         /* listen beyond loopback without CURVE */
} slu_link_options;

typedef struct slu_link_ops {
    slu_status (*send)(slu_link *link, uint64_t peer, slu_view head, slu_link_body *body, slu_error *err);
    slu_status (*next)(slu_link *link, slu_link_event *out);
    int (*fd)(const slu_link *link);
    const char *(*address)(const slu_link *link);
    void (*close)(slu_link *link);
} slu_link_ops;

/* The head of every kind of link. */
struct slu_link {
    const slu_link_ops *ops;
};

/* Where links come from: &slu_link_zmq or a slu_link_hub. */
typedef struct slu_link_transport slu_link_transport;
struct slu_link_transport {
    /* `addresses`: one or more separated by spaces; port 0 or "*": any free one. */
    slu_status (*listen)(slu_link_transport *transport, const char *addresses, const slu_link_options *options, slu_link **out,
                         slu_error *err);
    /* Never waits: OPENED follows when the listener is there. */
    slu_status (*dial)(slu_link_transport *transport, const char *address, const slu_link_options *options, slu_link **out,
                       slu_error *err);
};

/* `body` may be NULL. A dialer's peer is 0. */
SLU_CHECK static inline slu_status
slu_link_send(slu_link *link, uint64_t peer, slu_view head, slu_link_body *body, slu_error *err)
{
    return link->ops->send(link, peer, head, body, err);
}

/* OK or AGAIN. */
SLU_CHECK static inline slu_status
slu_link_next(slu_link *link, slu_link_event *out)
{
    return link->ops->next(link, out);
}

/* -1: this kind has none. */
static inline int
slu_link_fd(const slu_link *link)
{
    return link->ops->fd(link);
}

/* A listener's addresses as bound, a dialer's as given. */
static inline const char *
slu_link_address(const slu_link *link)
{
    return link->ops->address(link);
}

static inline void
slu_link_close(slu_link **link)
{
    if (*link != NULL)
        (*link)->ops->close(*link);
    *link = NULL;
}

static inline void
slu_link_body_release(slu_link_body *body)
{
    if (body->release != NULL)
        body->release(body->owner);
    *body = (slu_link_body){0};
}

/* Which of a listener's addresses to dial: ipc when the boot ids are equal and the path is there, else tcp. `transport`: "auto",
 * "ipc" or "tcp". NOTFOUND: none fits. */
SLU_CHECK slu_status slu_link_choose(const char *addresses, const char *their_boot, const char *our_boot, const char *transport,
                                     char *out, size_t out_bytes, slu_error *err);
/* The machine's boot id ("" when there is none): equal means the same host, since its last start, and the
 * same process numbers. */
void slu_boot_id(char *out, size_t out_bytes);
/* Whether an address is tcp beyond loopback. */
bool slu_link_beyond_loopback(const char *address);

#endif
