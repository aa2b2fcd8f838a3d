/*
 * fault_proxy.h: bad weather between a Fluss client and its servers: a proxy that delays, splits, repeats, drops, stalls and cuts.
 *
 * Shape    one listener stands before each server: the first before `target`, further ones are opened as GET_METADATA answers name
 *          servers; those answers are rewritten so that a client only ever meets listeners. It knows frames, not their meaning.
 * Plan     one line of text, "NAME=VALUE ...", which takes effect on the next frames:
 *            delay=P:MS     P percent of frames wait up to MS (what is behind a frame waits too)
 *            stall=P:MS     the same word for long waits: P percent of frames wait exactly MS
 *            split=P        P percent of frames go out in odd pieces of 1 to 97 bytes
 *            single=P       P percent of frames go out byte by byte
 *            repeat=P       P percent of requests are sent twice
 *            drop=P         P percent of answers never come
 *            cutup=BYTES    a connection is cut after 1 to 2*BYTES bytes to the server (0: never); half of the cuts are resets
 *            cutdown=BYTES  and the same for bytes to the client
 *          "calm" sets all to 0.
 * Commands besides plans: "cut" ends every connection now, "stop" lets nothing pass until "go", "target HOST:PORT" moves the first
 *          listener, "down HOST:PORT" and "up HOST:PORT" refuse and admit one server, "counts" prints.
 * Replay   what happens to the n-th frame of the m-th connection is a function of (seed, m, n). Two runs differ only by what client
 *          and server do.
 * Owns     a thread, from open to close.
 * Threads  open, close: owner; the rest: any.
 */
#ifndef TESTS_SUPPORT_FAULT_PROXY_H
#define TESTS_SUPPORT_FAULT_PROXY_H

#include <sluice/status.h>

#include <stdint.h>

typedef struct fault_proxy fault_proxy;

typedef struct fault_counts {
    uint64_t connections;
    uint64_t requests;
    uint64_t answers;
    uint64_t delays;
    uint64_t splits;
    uint64_t repeats;
    uint64_t drops;
    uint64_t cuts;
    uint64_t open;    /* connections at the moment */
    uint64_t waiting; /* bytes in them that have not gone on, unfinished frames included */
} fault_counts;

/* Listens on host:port (0: any free one) before `target` ("host:port"). `plan`: as above; "": calm. */
SLU_CHECK slu_status fault_proxy_open(const char *host, uint16_t port, const char *target, uint64_t seed, const char *plan,
                                      fault_proxy **out, slu_error *err);
void fault_proxy_close(fault_proxy **proxy);
/* "127.0.0.1:4711" */
const char *fault_proxy_address(const fault_proxy *proxy);
/* A plan or a command; done when the call returns. INVALID names a word that is none. */
SLU_CHECK slu_status fault_proxy_command(fault_proxy *proxy, const char *text, slu_error *err);
fault_counts fault_proxy_counts(fault_proxy *proxy);

#endif
