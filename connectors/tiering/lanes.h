/*
 * lanes.h: a few threads beside a task, each with a catalog (and a Fluss client) of its own, so that a table whose catalog or server
 * answers slowly holds up no other.
 *
 * Shape    a lane is one thread (work.h) whose jobs run in turn. A job is given to the lane that already has one of its table, so that a
 *          table never has two under way, else to an idle one, which is begun while there are fewer than the maximum, else to the one
 *          with the fewest jobs.
 * Owns     the lanes own threads, catalogs and clients. The first lane's are opened with the lanes, so that wrong settings are told at
 *          once; another's by its first job, on its thread.
 * Threads  open, submit, take, close: owner. tiering_lane_catalog, tiering_lane_client: the lane's jobs; the catalog's stores: any.
 * Limits   TIERING_LANES_MAX lanes.
 */
#ifndef TIERING_LANES_H
#define TIERING_LANES_H

#include "lake.h"
#include "work.h"

#include "fluss/client/client.h"

#define TIERING_LANES_MAX 16

typedef struct tiering_lanes tiering_lanes;
typedef struct tiering_lane tiering_lane;

/* The first member of a job's struct. */
typedef struct tiering_lane_job {
    tiering_job job; /* first */
    tiering_lane *lane;
    int64_t table_id;
} tiering_lane_job;

typedef struct tiering_lanes_options {
    const slu_env *env;
    const tiering_lake_options *lake;
    const fluss_client_options *client; /* NULL: jobs need none; copied, its texts are borrowed until close */
    uint32_t lanes_max;
    void (*wake)(void *context); /* on a lane's thread, when a job is finished */
    void *context;
} tiering_lanes_options;

SLU_CHECK slu_status tiering_lanes_open(const tiering_lanes_options *options, tiering_lanes **out, slu_error *err);
/* Waits for the jobs that run; those that have not begun are given back by take, unrun. */
void tiering_lanes_stop(tiering_lanes *lanes);
/* Stops, and frees: take all jobs first. */
void tiering_lanes_close(tiering_lanes **lanes);
/* Fills job->lane. AGAIN: too many jobs. */
SLU_CHECK slu_status tiering_lanes_submit(tiering_lanes *lanes, tiering_lane_job *job, slu_error *err);
/* A finished job (or, once stopped, one that never ran: *ran is false); NULL: none. */
tiering_lane_job *tiering_lanes_take(tiering_lanes *lanes, bool *ran);

/* For a job, on its thread; borrowed until close. */
SLU_CHECK slu_status tiering_lane_catalog(tiering_lane *lane, iceberg_catalog **out, slu_error *err);
SLU_CHECK slu_status tiering_lane_client(tiering_lane *lane, fluss_client **out, slu_error *err);

#endif
