/*
 * watch.h: the descriptors that the plugins of one task watch, and the one poll() they wait in together with the task's bell.
 *
 * Owns     its table, not the descriptors.
 * Threads  owner (the task).
 * Errors   INVALID: a bad descriptor; LIMIT: more than SLU_WATCHES_MAX.
 */
#ifndef SLU_HOST_WATCH_H
#define SLU_HOST_WATCH_H

#include <sluice/status.h>

#include <stdbool.h>

#define SLU_WATCHES_MAX 1024u

typedef struct slu_watches slu_watches;

/* bell_fd: -1 none. */
SLU_CHECK slu_status slu_watches_new(int bell_fd, slu_watches **out, slu_error *err);
void slu_watches_free(slu_watches **watches);
/* `owner` and `ready` are called back by slu_watches_poll. events 0 forgets the descriptor. */
SLU_CHECK slu_status slu_watches_set(slu_watches *watches, int fd, uint32_t events, uint64_t cookie, void *owner,
                                     slu_status (*ready)(void *owner, uint64_t cookie, uint32_t events, slu_error *err),
                                     slu_error *err);
/* Forgets every descriptor of an owner. */
void slu_watches_forget(slu_watches *watches, const void *owner);
uint32_t slu_watches_count(const slu_watches *watches);
/* Waits at most timeout_ms (-1: for ever) for a descriptor or the bell, without calling anybody. */
void slu_watches_wait(slu_watches *watches, int timeout_ms);
/* Calls those that are ready now. *did: somebody was called. */
SLU_CHECK slu_status slu_watches_dispatch(slu_watches *watches, bool *did, slu_error *err);
/* For a driver that waits over several tasks: appends pollfds; returns how many. */
struct pollfd;
uint32_t slu_watches_fill(const slu_watches *watches, struct pollfd *out, uint32_t room);

#endif
