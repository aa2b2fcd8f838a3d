/*
 * work.h: one thread beside a task, for calls that block (catalogs, commits), so that the task's thread never does.
 *
 * Shape    jobs run one after another in the order given; when one is finished `wake` is called on the worker's thread and the owner
 *          takes finished jobs back with tiering_work_take.
 * Owns     a job is the caller's memory; between submit and take only the thread touches it.
 * Threads  submit, take, close: owner. run: the thread. wake: the thread.
 * Limits   TIERING_WORK_MAX jobs at a time.
 */
#ifndef TIERING_WORK_H
#define TIERING_WORK_H

#include <sluice/status.h>

#include <stdbool.h>

#define TIERING_WORK_MAX 1024

typedef struct tiering_work tiering_work;

typedef struct tiering_job {
    void (*run)(struct tiering_job *job);
    struct tiering_job *next;
} tiering_job;

SLU_CHECK slu_status tiering_work_open(void (*wake)(void *context), void *context, tiering_work **out, slu_error *err);
/* Waits for the job that runs; jobs that have not begun are given back by take afterwards, unrun (`run` was not called). */
void tiering_work_stop(tiering_work *work);
/* Stops, and frees. Jobs not taken are leaked by whoever did not take them: take all first. */
void tiering_work_close(tiering_work **work);
/* AGAIN: too many jobs. */
SLU_CHECK slu_status tiering_work_submit(tiering_work *work, tiering_job *job, slu_error *err);
/* A finished job (or, once stopped, one that never ran: *ran is false); NULL: none. */
tiering_job *tiering_work_take(tiering_work *work, bool *ran);
/* Whether a stop was asked: a long job may look. Any thread. */
bool tiering_work_stopping(const tiering_work *work);

#endif
