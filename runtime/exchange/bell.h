/*
 * bell.h: wakes one sleeping thread. A system call is paid only when the owner is really about to sleep.
 *
 * Use      owner: arm, look once more for work, poll() on fd, disarm. Others: publish the work, then ring.
 * Why safe publish and `armed` are sequentially consistent on both sides: either the ringer sees the bell armed and writes, or the
 *          owner's second look sees the work.
 * Threads  ring: any. init, arm, disarm, fini: owner.
 * Errors   IO: no eventfd.
 * No fd    init(with_fd false): a bell for one-thread driving; ring only sets the flag that slu_bell_disarm returns.
 */
#ifndef SLU_EXCHANGE_BELL_H
#define SLU_EXCHANGE_BELL_H

#include <sluice/status.h>

#include <stdatomic.h>
#include <stdbool.h>

typedef struct slu_bell {
    int fd; /* readable when rung; -1: none */
    _Atomic uint32_t armed;
    _Atomic uint64_t rung; /* how often it really woke somebody, for tests and metrics */
} slu_bell;

SLU_CHECK slu_status slu_bell_init(slu_bell *bell, bool with_fd, slu_error *err);
void slu_bell_fini(slu_bell *bell);
void slu_bell_arm(slu_bell *bell);
void slu_bell_disarm(slu_bell *bell); /* also empties the descriptor */
void slu_bell_ring(slu_bell *bell);   /* NULL is fine */
/* For a signal handler or a plain poller: writes without looking at `armed`. */
void slu_bell_ring_always(slu_bell *bell);

#endif
