/*
 * rescale.h: a job's graph under another parallelism, without its descriptor.
 *
 * Rule     an edge keeps the partition that was planned, except: forward between operators that are no longer equal becomes the
 *          receiver's own bucket function, or round robin; and a receiver with a bucket function that is no longer alone gets rows by it.
 * Threads  the graph's owner, before anything is laid out from it.
 * Errors   INVALID: no such operator, beyond the max parallelism (both named), or nothing would change.
 */
#ifndef SLU_PLAN_RESCALE_H
#define SLU_PLAN_RESCALE_H

#include "graph.h"

typedef struct slu_rescale_want {
    const char *operator_id; /* "": the job, that is every operator that does not say its own */
    uint64_t parallelism;
} slu_rescale_want;

SLU_CHECK slu_status slu_graph_rescale(slu_graph *graph, const slu_rescale_want *wants, uint32_t want_count, slu_error *err);

#endif
