/*
 * memory.h: links inside one thread, for tests and simulation: a hub where addresses are names.
 *
 * Shape    hub.transport listens and dials like ZeroMQ does: a dialer may come first, and reconnects when a listener of its address
 *          appears. Messages arrive when the receiver asks for them.
 * Owns     links belong to their users and are closed before slu_link_hub_free.
 * Threads  owner: everything of a hub happens on one thread.
 */
#ifndef SLU_LINK_MEMORY_H
#define SLU_LINK_MEMORY_H

#include "link/link.h"

typedef struct slu_link_hub slu_link_hub;

SLU_CHECK slu_status slu_link_hub_new(slu_link_hub **out, slu_error *err);
void slu_link_hub_free(slu_link_hub **hub);
slu_link_transport *slu_link_hub_transport(slu_link_hub *hub);
/* Breaks the connection of a dialer: both sides see GONE, what is under way is lost; it reconnects at slu_link_hub_heal. */
void slu_link_hub_cut(slu_link_hub *hub, slu_link *dialer);
/* The same for the n-th dialer there is, counted round; NULL: there is none. */
slu_link *slu_link_hub_cut_nth(slu_link_hub *hub, uint64_t n);
void slu_link_hub_heal(slu_link_hub *hub);
/* The n-th message from now on is lost without a trace (1: the next; 0: none): what must be noticed by counting. */
void slu_link_hub_lose(slu_link_hub *hub, uint64_t nth);

#endif
