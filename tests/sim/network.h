/*
 * network.h: the links of the cluster between hosts: each connection keeps its order, different ones overtake each other.
 *
 * Shape    a transport per host. What is sent arrives after a delay; between split hosts it waits, and the connection may break. What
 *          was under way when a connection broke is lost, and each side hears of it in its own time. Addresses are "tcp://HOST:PORT".
 * Owns     links belong to their users and are closed before sim_network_free.
 * Threads  one.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "link/link.h"

typedef struct sim_network sim_network;

sim_network *sim_network_new(void);
void sim_network_free(sim_network **network);
slu_link_transport *sim_network_host(sim_network *network, uint32_t host);

/* Connects who dials, breaks what has been split for too long. */
void sim_network_step(sim_network *network);
/* When the next message arrives or something of step is due; INT64_MAX: never. */
int64_t sim_network_next_ms(const sim_network *network);

/* ---- The weather */
void sim_network_set_loss(sim_network *network, uint32_t ppm); /* of messages, without a trace */
void sim_network_set_delay(sim_network *network, int64_t most_ms);
void sim_network_split(sim_network *network, uint32_t a, uint32_t b);
void sim_network_heal(sim_network *network); /* all of it */
bool sim_network_is_split(const sim_network *network, uint32_t a, uint32_t b);
void sim_network_cut(sim_network *network, uint64_t nth); /* a connection, counted round */

/* Links that are open: none when every process is gone. */
uint32_t sim_network_links(const sim_network *network);

#endif
