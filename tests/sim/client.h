/*
 * client.h: a user at the job manager's address, for questions that are answered over a link only. Never fails; what it asks may be lost.
 *
 * Threads  one.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "control/message.h"
#include "link/link.h"

typedef struct sim_client {
    slu_link *link;
    bool open;
    bool answered;
    slu_arena arena;
    slu_buf answer;
    slu_message said;
} sim_client;

void sim_client_open(sim_client *client, const char *address);
void sim_client_close(sim_client *client);
/* Takes what came. */
void sim_client_step(sim_client *client);
/* False: not connected. The answer is `said` once it is `answered`. */
bool sim_client_tell(sim_client *client, const slu_message *message);

#endif
