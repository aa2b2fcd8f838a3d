/* sink_lake.c: a lake sink: rows become a data file at the barrier, which is committed when the checkpoint is whole. */
#include "lake_model.h"
#include "sink_rows.h"
#include "stage.h"

#include <stdlib.h>

#define AGAIN_MS 15
#define REFUSALS_MAX 200 /* then the attempt fails, and the next one tries */

typedef struct lake_committable {
    uint64_t file;
    uint32_t subtask;
    uint32_t rows;
} lake_committable;

static slu_status
lake_open(void *self, const slu_open *open, slu_error *err)
{
    lake_sink *s = self;
    (void)err;
    s->host = open->host;
    s->subtask = open->subtask;
    sim_sinks_open++;
    return SLU_OK;
}

static slu_status
lake_write(void *self, const slu_batch *batch, slu_error *err)
{
    lake_sink *s = self;
    (void)err;
    for (int64_t i = 0; i < batch->rows; i++)
        sink_rows_add(&s->rows, &s->count, &s->room, sink_row(batch, i));
    return SLU_OK;
}

/* The lake did not answer: again in a while. */
static slu_status
refused(lake_sink *s, slu_status status)
{
    if (status != SLU_IO || ++s->refusals > REFUSALS_MAX)
        return status;
    s->host->deadline(s->host, s->host->now_ms(s->host) + AGAIN_MS);
    return SLU_AGAIN;
}

static slu_status
lake_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    lake_sink *s = self;
    lake_committable made = {.subtask = s->subtask, .rows = (uint32_t)s->count};
    if (s->count == 0)
        return SLU_OK;
    const slu_status status = lake_model_write(sim_on->lake, sim_on->actor->host, s->rows, s->count, &made.file, err);
    if (status != SLU_OK)
        return refused(s, status);
    s->count = 0;
    return committables->write(committables, SLU_KEY_GROUP_NONE, &made, sizeof made, err);
}

static slu_status
lake_commit(void *self, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    lake_committable made;
    if (bytes != sizeof made)
        return slu_error_set(err, SLU_CORRUPT, "a committable of %llu bytes", (unsigned long long)bytes);
    memcpy(&made, data, sizeof made);
    return refused(self, lake_model_commit(sim_on->lake, sim_on->actor->host, made.subtask, checkpoint, made.file, err));
}

static slu_status
lake_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)self;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

static void
lake_close(void *self)
{
    free(((lake_sink *)self)->rows);
    sim_sinks_open--;
}

const slu_sink_ops sim_lake_sink_ops = {.size = sizeof sim_lake_sink_ops,
                                        .open = lake_open,
                                        .write = lake_write,
                                        .ready = lake_ready,
                                        .prepare = lake_prepare,
                                        .commit = lake_commit,
                                        .close = lake_close};
