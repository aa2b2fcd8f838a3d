/* sink.h: the two sinks of the job (job.h): what they are made of, for its module. */
#ifndef SIM_SINK_H
#define SIM_SINK_H

#include "fluss/sink_replay.h"
#include "fluss_model.h"

#include <sluice/plugin.h>

typedef struct log_sink {
    slu_host *host;
    uint32_t bucket;
    bool restored;
    bool recovered;
    uint64_t writer;
    int64_t next_sequence;
    int64_t end_offset; /* behind what is acknowledged */
    uint32_t verify_left;
    sink_replay replay;
    fluss_row *rows; /* not sent yet */
    size_t count, room;
    bool flying;
    uint64_t request;
    int64_t asked_ms;
    fluss_batch flight;
} log_sink;

typedef struct lake_sink {
    slu_host *host;
    uint32_t subtask;
    fluss_row *rows; /* since the last barrier */
    size_t count, room;
    uint32_t refusals;
} lake_sink;

extern const slu_sink_ops sim_log_sink_ops;
extern const slu_sink_ops sim_lake_sink_ops;

/* Plugin instances that are open now. */
extern int64_t sim_sinks_open;

#endif
