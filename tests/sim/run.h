/*
 * run.h: one run from one seed: a cluster, a job, faults; at the end what must be true.
 *
 * Invariants  (1) the job ends, FINISHED, within SIM_CALM_MS of calm weather; (2) no row is lost or doubled, in the log table or in the
 *             lake; (3) no process of the job is left, no connection, no open plugin, no file below the checkpoint directory.
 * Threads     one; one run at a time.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_CALM_MS 240000

typedef struct sim_result {
    bool right;
    char why[700];    /* which invariant does not hold, and how */
    char faults[512]; /* what happened, in words */
    uint64_t trace;
    uint64_t effects;
    uint64_t deaths;
    uint64_t attempts;
    int64_t ms; /* of the false clock */
} sim_result;

void sim_run(uint64_t seed, uint32_t planted, bool loud, sim_result *out);

#endif
