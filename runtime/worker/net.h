/*
 * net.h: the net thread of a worker: carries the channels whose other end is in another worker, and owns every link of the data plane.
 *
 *   task -> outbound channel -> [encode, while there is credit] -> dialer to the receiving worker
 *   listener -> [decode, in sequence] -> inbound channel -> task; what the task consumed goes back as CREDIT on the same connection
 *
 * Shape    one dialer (DEALER) per worker that we send to, one listener (ROUTER) for those that send to us. Credit is a cumulative
 *          count per channel, told when a quarter of the window was consumed and again every second, as is the number of messages
 *          sent: a lost last message or a lost credit shows.
 * Threads  open, begin, close: while no thread steps; the worker is closed before the net. step and wait: the net thread (or the caller of a one-thread test).
 *          stop, failure and counters: any.
 * Errors   step: what ends the attempt: a peer is gone, a gap, a frame that is wrong.
 */
#ifndef SLU_WORKER_NET_H
#define SLU_WORKER_NET_H

#include "link/link.h"
#include "worker.h"

typedef struct slu_net slu_net;

typedef struct slu_net_spec {
    const slu_env *env;
    slu_link_transport *transport;
    const char *listen; /* addresses */
    const char *job;
    uint64_t attempt;
    uint64_t attempt_id;
    uint32_t worker; /* ours */
    bool insecure;
    bool with_bell_fd; /* false: driven by step alone */
} slu_net_spec;

/* Where another worker of the attempt listens. */
typedef struct slu_net_peer {
    uint32_t worker;
    const char *address; /* the one chosen to be dialled */
} slu_net_peer;

/* Since the beginning; for tests and metrics. */
typedef struct slu_net_counters {
    uint64_t frames_out, frames_in; /* of exchange/remote.h */
    uint64_t bytes_out, bytes_in;   /* of bodies */
    uint64_t credits_out, credits_in;
    uint64_t dropped; /* of other attempts */
} slu_net_counters;

SLU_CHECK slu_status slu_net_open(const slu_net_spec *spec, slu_net **out, slu_error *err);
void slu_net_close(slu_net **net); /* after the worker, whose tasks ring its bell; nobody steps it any more */
const char *slu_net_address(const slu_net *net);
slu_bell *slu_net_bell(slu_net *net); /* for slu_worker_spec.net_bell */

/* Dials whom our tasks send to. `worker` and `layout` are borrowed until close; placement[task] is its worker. */
SLU_CHECK slu_status slu_net_begin(slu_net *net, slu_worker *worker, const slu_layout *layout, const uint32_t *placement,
                                   const slu_net_peer *peers, uint32_t peer_count, slu_error *err);
/* One round. *did: something moved. */
SLU_CHECK slu_status slu_net_step(slu_net *net, bool *did, slu_error *err);
/* Rounds and sleeps until stop or a failure, which it returns. */
SLU_CHECK slu_status slu_net_run(slu_net *net, slu_error *err);
void slu_net_stop(slu_net *net);
slu_net_counters slu_net_get_counters(const slu_net *net);

#endif
