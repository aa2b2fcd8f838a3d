/*
 * fetch.h: fetches that wait for rows (long poll).
 *
 * Shape    a parked fetch hangs on every tablet it asked for; an append to one of them, or its deadline, completes it.
 * Threads  owner.
 */
#ifndef FLUSS_SERVER_FETCH_H
#define FLUSS_SERVER_FETCH_H

#include "fluss/server/server_internal.h"

SLU_CHECK slu_status fluss_fetches_open(fluss_server *server, fluss_fetches **out, slu_error *err);
void fluss_fetches_close(fluss_fetches **fetches);
/* Something was appended to this tablet: whoever has enough now is answered. */
void fluss_fetches_wake(fluss_fetches *fetches, fluss_tablet *tablet);
/* The table, or part of it, is about to go: all who wait for any of its tablets are answered. */
void fluss_fetches_wake_table(fluss_fetches *fetches, fluss_served *table);
/* The session is over: what it waits for is dropped unanswered. */
void fluss_fetches_forget(fluss_fetches *fetches, const fluss_session *session);

#endif
