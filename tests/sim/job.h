/*
 * job.h: the job that every run runs: numbered rows -> keyed count -> a log table and a lake table, both exactly once.
 *
 *   paced numbers -> even -> slow -> (hash key) count -+-> lake sink: written at the barrier, committed when the checkpoint is whole
 *                                                      +-> (hash id) log sink: written as rows come, by identity (design section 6)
 *
 * Threads  one.
 */
#ifndef SIM_JOB_H
#define SIM_JOB_H

#include "host/registry.h"
#include "plan/graph.h"

#define SIM_IDS 1200

slu_registry *sim_job_registry(void);
slu_graph *sim_job_graph(void); /* parallelism, interval and pace by the dice */

/* How often the plugins were opened and closed since the last call of sim_job_reset. */
void sim_job_reset(void);
int64_t sim_job_open_instances(void);

/* Every even id once in each table, in the lake with a count that no other row of its key has. False: *why says what is wrong. */
bool sim_job_check(char *why, size_t why_bytes);

#endif
