/*
 * faults.h: what goes wrong in a run, and when, by the dice: a few faults in the first seconds, of the kinds that this run was dealt; then
 * calm weather, in which everything must come right.
 *
 * Threads  one.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "cluster.h"

typedef struct sim_faults {
    uint32_t left;
    uint32_t kinds; /* a bit per kind */
    int64_t next_ms;
    int64_t network_calm_ms, disk_calm_ms, tables_calm_ms; /* when a spell of bad weather is over */
    int64_t calm_ms;                                       /* when everything was over; INT64_MAX: not yet */
    bool disks_failed;                                     /* at some time */
    char told[512];                                        /* in words */
} sim_faults;

void sim_faults_init(sim_faults *faults);
void sim_faults_step(sim_faults *faults, sim_cluster *cluster);
int64_t sim_faults_next_ms(const sim_faults *faults);

#endif
