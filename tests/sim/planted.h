/*
 * planted.h: three bugs put in on purpose, by functions that the linker puts in the place of the real ones in this program alone.
 *
 *   early barrier   a source forwards the barrier, and a batch behind it, before it takes its snapshot
 *   early commit    a checkpoint is called whole, and sinks commit, before its manifest is on the disk
 *   zombie          a worker without a job manager does not end itself, one that cannot be reached is taken for dead, and when it comes
 *                   back the job manager takes what it says for the present attempt's
 */
#ifndef SIM_PLANTED_H
#define SIM_PLANTED_H

#include <stdint.h>

const char *sim_planted_name(uint32_t planted);
void sim_planted_reset(void);
void sim_planted_step(void);
void sim_planted_deploy(uint64_t attempt, uint64_t attempt_id);

#endif
