/*
 * restart.h: whether a job that failed begins again, and after how long: Flink's strategies under Flink's names.
 *
 *   none               never
 *   fixed-delay        `attempts` times in all (0: for ever), each after `delay`
 *   failure-rate       unless more than `max-failures` fall into `interval`; after `delay`
 *   exponential-delay  for ever (or `attempts` times in a row); `delay`, then half as much again each time up to `delay-max`, anew from
 *                      `delay` when the attempt had run for `reset`. A failure of data does not get better by waiting: the same one,
 *                      from the same checkpoint, `same-failures` times, is the end.
 *
 * Differences from Flink's defaults: `delay` is 100 ms in place of 1 s (recovery is to be fast), fixed-delay has no bound unless it is
 * given one, and there is no jitter: one job manager, no herd.
 * Owns     nothing. Threads owner. encode and decode carry the state over to another process, whose clock is another.
 */
#ifndef SLU_PLAN_RESTART_H
#define SLU_PLAN_RESTART_H

#include "plan/graph.h"

#define SLU_RESTART_FAILURES_MAX 64 /* of failure-rate */

/* Zero at the beginning. */
typedef struct slu_restart {
    uint64_t in_row;
    int64_t delay_ms; /* before the next attempt */
    int64_t failed_ms[SLU_RESTART_FAILURES_MAX];
    uint64_t failures;
    uint32_t same;     /* of the failure below, all from one checkpoint */
    uint32_t same_key; /* its text's checksum */
    int64_t same_position;
} slu_restart;

typedef struct slu_restart_failure {
    int64_t now_ms;
    int64_t ran_ms;    /* of the attempt that failed */
    int64_t position;  /* the checkpoint that the next attempt begins from */
    slu_status status; /* INVALID, CORRUPT, UNSUPPORTED: of the data, else passing */
    const char *text;  /* operator and message */
} slu_restart_failure;

/* False: no attempt is left. Then `why` says so, when there is more to say than the failure itself ("" otherwise). */
bool slu_restart_next(slu_restart *restart, const slu_restart_settings *settings, const slu_restart_failure *failure, char *why,
                      size_t why_bytes);

/* As it is written in a descriptor. `strategy`: SLU_RESTART_. */
const char *slu_restart_name(uint32_t strategy);

/* Appends it, with times of the wall clock. `now_ms`: on the clock of slu_restart_failure. */
void slu_restart_encode(const slu_restart *restart, int64_t now_ms, int64_t wall_ms, slu_buf *out);
/* No bytes: the beginning. CORRUPT: *out is the beginning. */
SLU_CHECK slu_status slu_restart_decode(slu_view bytes, int64_t now_ms, int64_t wall_ms, slu_restart *out, slu_error *err);

#endif
