/*
 * loop.h: one event loop: sockets, timers, and wake-ups from other threads.
 *
 * Shape    run it on a thread of its own (slu_loop_run), or embed it in another poll loop: wait for slu_loop_fd to become readable
 *          or slu_loop_timeout_ms to pass, then call slu_loop_step(loop, 0).
 * Owns     every listener, connection and timer made on it: close ends what is left, without calling back.
 * Threads  everything on the owner's thread, except slu_loop_wake and slu_loop_stop: any thread, and from a signal handler.
 * Errors   NOMEM, IO.
 * Signals  open ignores SIGPIPE where the process has left it at its default: a vanished peer is an error of its connection.
 */
#ifndef SLU_NET_LOOP_H
#define SLU_NET_LOOP_H

#include "base/env.h"

#include <stdbool.h>

typedef struct slu_loop slu_loop;
typedef struct slu_timer slu_timer;

/* `env` is borrowed for the life of the loop. */
SLU_CHECK slu_status slu_loop_open(const slu_env *env, slu_loop **out, slu_error *err);
void slu_loop_close(slu_loop **loop);
const slu_env *slu_loop_env(const slu_loop *loop);

/* Runs until slu_loop_stop. A stop that came before the run ends it after one round that does not wait. */
void slu_loop_run(slu_loop *loop);
void slu_loop_stop(slu_loop *loop);

/* One round: waits about timeout_ms, never twice that, for something to happen (0: not at all; -1: as long as it takes), calls back,
 * returns. */
void slu_loop_step(slu_loop *loop, int timeout_ms);
/* For a foreign poll loop: readable when slu_loop_step has work; milliseconds until the next timer (0: step now; -1: none). */
int slu_loop_fd(const slu_loop *loop);
int slu_loop_timeout_ms(slu_loop *loop);

/* Makes the loop call `on_wake` on its own thread; several wakes may become one call. */
void slu_loop_on_wake(slu_loop *loop, void (*on_wake)(void *context), void *context);
void slu_loop_wake(slu_loop *loop);

/* A timer that is not set. Calls back once per slu_timer_set, unless cleared or set anew before that. */
SLU_CHECK slu_status slu_timer_open(slu_loop *loop, void (*on_time)(void *context), void *context, slu_timer **out, slu_error *err);
void slu_timer_close(slu_timer **timer);
void slu_timer_set(slu_timer *timer, int64_t after_ms);
void slu_timer_clear(slu_timer *timer);
bool slu_timer_is_set(const slu_timer *timer);

#endif
