/*
 * stage.h: who acts, when, and by which dice: the false clock, the one stream of random numbers, the trace, and the process whose
 * step runs now.
 *
 * Shape    everything that leaves a process (a message, a byte on a disk, a request to a model) asks sim_effect first. There a crash can
 *          be set: from that effect on the process is a ghost, whose step runs to its end and changes nothing any more. So it dies
 *          at any step between two effects, as after kill -9.
 * Trace    a hash over time, process and kind of every effect: two runs of a seed have the same one.
 * Owns     sim_on is the one stage there is; the functions that take the place of the real ones (disk_files.c) know no other way.
 * Threads  one.
 */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include "base/env.h"

#include <stdbool.h>

#define SIM_HOSTS 4 /* 0: the job manager's; 3: the table server's and the lake's, which never fails as a whole */
#define SIM_HOST_TABLES 3

#define SIM_ROLE_JOBMANAGER 1
#define SIM_ROLE_TASKMANAGER 2
#define SIM_ROLE_WORKER 3

#define SIM_EFFECT_SEND 1
#define SIM_EFFECT_FILE 2
#define SIM_EFFECT_STORE 3
#define SIM_EFFECT_FLUSS 4
#define SIM_EFFECT_LAKE 5
#define SIM_EFFECT_SPAWN 6
#define SIM_EFFECT_FAULT 7

/* Bugs that are put in on purpose, to see that they are found (planted.c). */
#define SIM_PLANTED_NONE 0
#define SIM_PLANTED_EARLY_BARRIER 1
#define SIM_PLANTED_EARLY_COMMIT 2
#define SIM_PLANTED_ZOMBIE 3
#define SIM_PLANTED_COUNT 4

typedef struct sim_actor {
    slu_env env;
    uint32_t role;
    uint32_t host;
    uint64_t pid;
    bool ghost;
    int64_t paused_until_ms;
    char name[24];
} sim_actor;

struct sim_disk;
struct sim_network;
struct fluss_model;
struct lake_model;

typedef struct sim_stage {
    uint64_t seed;
    int64_t now_ms;
    uint64_t dice;
    uint64_t trace;
    uint64_t effects;
    sim_actor *actor;  /* NULL: the world itself */
    uint64_t crash_in; /* effects of a process of that role; 0: none is to crash */
    uint32_t crash_role;
    uint32_t planted;
    uint32_t disk_fault_ppm;
    bool loud; /* logs go to standard error */
    struct sim_disk *disk;
    struct sim_network *network;
    struct fluss_model *fluss;
    struct lake_model *lake;
} sim_stage;

extern sim_stage *sim_on;

void sim_stage_init(sim_stage *stage, uint64_t seed, uint32_t planted);

uint64_t sim_random(void);
int64_t sim_between(int64_t least, int64_t most); /* both included */
bool sim_chance(uint32_t ppm);                    /* of a million */
void sim_mix(uint64_t value);                     /* into the trace */

/* False: who acts is dead already, and nothing may change. `what` tells effects apart in the trace. */
bool sim_effect(uint32_t kind, uint64_t what);

void sim_actor_init(sim_actor *actor, uint32_t role, uint32_t host, uint64_t pid, const char *name);
/* From now on `actor` acts; the one before comes back by the same call. */
sim_actor *sim_enter(sim_actor *actor);

#endif
