/*
 * background.h: work that must not hold up a loop (copying, fetching and removing files), on one thread beside it.
 *
 * Shape    jobs run one after the other, in the order of their submission; `run` on the thread, then `done` on the loop's.
 * Owns     a job from submit until `done` begins; `done` ends its life. Close drops what has not begun: those jobs get `done` without
 *          `run`, with `status` CLOSED, and so do those whose run is over.
 * Threads  open, submit, step, close: owner. run: the thread, which touches nothing but the job.
 */
#ifndef FLUSS_BACKGROUND_BACKGROUND_H
#define FLUSS_BACKGROUND_BACKGROUND_H

#include "net/loop.h"

typedef struct fluss_background fluss_background;
typedef struct fluss_job fluss_job;

/* The head of a struct that a room makes; zeroed but for the two functions. */
struct fluss_job {
    slu_status (*run)(fluss_job *job, slu_error *err);
    void (*done)(fluss_job *job, slu_status status, const slu_error *err);
    fluss_job *next;
    slu_status status;
    slu_error error;
};

SLU_CHECK slu_status fluss_background_open(slu_loop *loop, fluss_background **out, slu_error *err);
/* Waits for the job that runs, then ends all. */
void fluss_background_close(fluss_background **background);
void fluss_background_submit(fluss_background *background, fluss_job *job);
/* Calls `done` for what is ready; to be called when the loop was woken. */
void fluss_background_step(fluss_background *background);

#endif
