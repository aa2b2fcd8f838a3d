/*
 * fluss_calls.h: what a commit asks of Fluss, over a client that waits for its answers.
 *
 * Owns     nothing; the client is borrowed and used on the thread of the commit.
 * Errors   what Fluss says; CORRUPT: an answer that does not speak of our table.
 */
#ifndef TIERING_FLUSS_CALLS_H
#define TIERING_FLUSS_CALLS_H

#include "commit.h"

#include "fluss/client/client.h"

tiering_fluss tiering_fluss_of(fluss_client *client);

#endif
