/*
 * sink_log.c: a log sink by identity, with the rules that connectors/fluss/sink.h numbers: state is (writer id, next sequence, end
 * offset); restored, it reads what its own writer id wrote behind that offset (1), drops those rows when they come again (2), goes on
 * under the same writer id (3), and compares the first batches with what is stored (4). The set of (2) is the connector's own.
 */
#include "sink_rows.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 300
#define LOOK_MS 4
#define ROWS_WAITING 128
#define VERIFY_BATCHES 5

static slu_status
log_open(void *self, const slu_open *open, slu_error *err)
{
    log_sink *s = self;
    (void)err;
    s->host = open->host;
    s->bucket = open->subtask;
    s->restored = open->restored;
    sink_replay_init(&s->replay);
    if (!s->restored)
        s->writer = fluss_model_writer_id(sim_on->fluss);
    s->recovered = !s->restored;
    sim_sinks_open++;
    return SLU_OK;
}

typedef struct log_state {
    uint32_t bucket;
    uint32_t reserved;
    uint64_t writer;
    int64_t next_sequence;
    int64_t end_offset;
} log_state;

static slu_status
log_snapshot(void *self, slu_snapshot *snapshot, slu_error *err)
{
    const log_sink *s = self;
    const log_state state = {s->bucket, 0, s->writer, s->next_sequence, s->end_offset};
    slu_buf bytes;
    slu_buf_init(&bytes, 1 << 20);
    slu_buf_append(&bytes, &state, sizeof state);
    sink_replay_encode(&s->replay, &bytes);
    slu_status status = slu_buf_status(&bytes, err);
    if (status == SLU_OK)
        status = snapshot->write(snapshot, SLU_KEY_GROUP_NONE, bytes.data, bytes.bytes, err);
    slu_buf_fini(&bytes);
    return status;
}

/* Each subtask is shown the state of all. */
static slu_status
log_restore(void *self, uint32_t version, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    log_sink *s = self;
    log_state state;
    (void)version;
    (void)key_group;
    if (bytes < sizeof state)
        return slu_error_set(err, SLU_CORRUPT, "a state of %llu bytes", (unsigned long long)bytes);
    memcpy(&state, data, sizeof state);
    if (state.bucket != s->bucket)
        return SLU_OK;
    s->writer = state.writer;
    s->next_sequence = state.next_sequence;
    s->end_offset = state.end_offset;
    slu_cursor rest = slu_cursor_of((const uint8_t *)data + sizeof state, (size_t)bytes - sizeof state);
    return sink_replay_decode(&s->replay, &rest, err);
}

/* (1) */
static slu_status
recover(log_sink *s, slu_error *err)
{
    const int64_t end = fluss_model_end(sim_on->fluss, s->bucket);
    s->recovered = true;
    if (s->writer == 0)
        return slu_error_set(err, SLU_CORRUPT, "no state of bucket %u", s->bucket);
    s->verify_left = VERIFY_BATCHES;
    for (const fluss_batch *batch = fluss_model_read(sim_on->fluss, s->bucket, s->end_offset); batch != NULL && batch->base < end;
         batch = batch->next) {
        if (batch->writer != s->writer)
            continue;
        s->next_sequence = batch->sequence + 1;
        s->end_offset = batch->base + batch->count;
        for (uint32_t i = 0; i < batch->count; i++)
            SLU_TRY(sink_replay_add(&s->replay, slu_view_of(&batch->rows[i].id, sizeof batch->rows[i].id), 1, err));
    }
    return SLU_OK;
}

static void
ask(log_sink *s)
{
    s->request = fluss_model_append(sim_on->fluss, sim_on->actor->host, s->bucket, &s->flight);
    s->asked_ms = sim_on->now_ms;
    s->host->deadline(s->host, s->host->now_ms(s->host) + LOOK_MS);
}

static void
send_next(log_sink *s)
{
    if (s->flying || s->count == 0)
        return;
    const size_t rows = s->count < FLUSS_MODEL_ROWS ? s->count : FLUSS_MODEL_ROWS;
    s->flight = (fluss_batch){.writer = s->writer, .sequence = s->next_sequence, .count = (uint32_t)rows};
    memcpy(s->flight.rows, s->rows, rows * sizeof *s->rows);
    s->count -= rows;
    memmove(s->rows, s->rows + rows, s->count * sizeof *s->rows);
    s->flying = true;
    ask(s);
}

/* (4) */
static slu_status
verify(log_sink *s, int64_t base, slu_error *err)
{
    const fluss_batch *stored = fluss_model_read(sim_on->fluss, s->bucket, base);
    if (s->verify_left == 0)
        return SLU_OK;
    s->verify_left--;
    if (stored != NULL && stored->base == base && stored->count == s->flight.count &&
        memcmp(stored->rows, s->flight.rows, stored->count * sizeof *stored->rows) == 0)
        return SLU_OK;
    return slu_error_set(err, SLU_CONFLICT, "another batch lies at offset %lld", (long long)base);
}

static slu_status
acknowledged(log_sink *s, uint32_t error, int64_t base, slu_error *err)
{
    if (error != FLUSS_OK)
        return slu_error_set(err, SLU_CONFLICT, "sequence %lld is out of order", (long long)s->flight.sequence);
    SLU_TRY(verify(s, base, err));
    s->flying = false;
    s->next_sequence = s->flight.sequence + 1;
    s->end_offset = base + s->flight.count;
    send_next(s);
    return SLU_OK;
}

static slu_status
look(log_sink *s, slu_error *err)
{
    uint32_t error = 0;
    int64_t base = 0;
    if (!s->flying)
        return SLU_OK;
    if (fluss_model_answer(sim_on->fluss, s->request, &error, &base))
        return acknowledged(s, error, base, err);
    if (sim_on->now_ms - s->asked_ms > ANSWER_MS)
        ask(s);
    s->host->deadline(s->host, s->host->now_ms(s->host) + LOOK_MS);
    return SLU_OK;
}

static slu_status
log_write(void *self, const slu_batch *batch, slu_error *err)
{
    log_sink *s = self;
    if (!s->recovered)
        SLU_TRY(recover(s, err));
    SLU_TRY(look(s, err));
    if (s->count > ROWS_WAITING)
        return SLU_AGAIN;
    for (int64_t i = 0; i < batch->rows; i++) {
        const fluss_row row = sink_row(batch, i);
        if (!sink_replay_take(&s->replay, slu_view_of(&row.id, sizeof row.id)))
            sink_rows_add(&s->rows, &s->count, &s->room, row);
    }
    send_next(s);
    return SLU_OK;
}

static slu_status
log_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)cookie;
    (void)events;
    return look(self, err);
}

static slu_status
log_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    log_sink *s = self;
    (void)committables;
    if (!s->recovered)
        SLU_TRY(recover(s, err));
    SLU_TRY(look(s, err));
    send_next(s);
    return s->flying ? SLU_AGAIN : SLU_OK;
}

static void
log_close(void *self)
{
    log_sink *s = self;
    sink_replay_fini(&s->replay);
    free(s->rows);
    sim_sinks_open--;
}

const slu_sink_ops sim_log_sink_ops = {.size = sizeof sim_log_sink_ops,
                                       .open = log_open,
                                       .restore = log_restore,
                                       .write = log_write,
                                       .ready = log_ready,
                                       .prepare = log_prepare,
                                       .snapshot = log_snapshot,
                                       .close = log_close};
