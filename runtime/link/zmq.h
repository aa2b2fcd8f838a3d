/*
 * zmq.h: links over ZeroMQ: a listener is a ROUTER (mandatory), a dialer a DEALER (immediate); all sends are non-blocking.
 *
 * The first link of a process sets up the library's own threads: fork only before it, or by posix_spawn.
 */
#ifndef SLU_LINK_ZMQ_H
#define SLU_LINK_ZMQ_H

#include "link/link.h"

extern slu_link_transport slu_link_zmq;

/* Ends the library's threads once every link is closed; waits for lingering messages. */
void slu_link_zmq_shutdown(void);

#endif
