/*
 * process.h: other processes of this machine, told apart from later ones of the same number.
 *
 * Threads  any.
 */
#ifndef SLU_BASE_PROCESS_H
#define SLU_BASE_PROCESS_H

#include <stdint.h>

/* When the process began, in clock ticks since boot. 0: there is none of that number, or it is dead and only not waited for yet. */
uint64_t slu_process_born(uint64_t pid);

#endif
