/* writer_internal.h: a writer as writer.c (rows in) and writer_send.c (batches out) see it; nobody else includes it. */
#ifndef FLUSS_CLIENT_WRITER_INTERNAL_H
#define FLUSS_CLIENT_WRITER_INTERNAL_H

#include "writer.h"

#include "batch/ipc.h"
#include "internal.h"

typedef struct batch {
    struct batch *next; /* in its bucket, oldest first */
    slu_buf bytes;
    int64_t writer_id;
    int32_t sequence;
    int64_t rows;
    uint32_t crc;
    int64_t deadline_ms; /* INT64_MAX: none */
    bool sent;
} batch;

typedef struct bucket_write {
    batch *first;
    batch *last;
    uint32_t sent_count;
    int64_t writer_id; /* -1: the writer's */
    int32_t next_sequence;
    bool paused;
    uint32_t failures; /* in a row */
    int64_t paused_until_ms;
} bucket_write;

/* One batch of each of some buckets, on its way to one node. */
typedef struct flight {
    fluss_writer *writer;
    struct flight *next;
    fluss_call *call;
    size_t count;
    struct {
        int32_t bucket;
        batch *batch;
    } parts[];
} flight;

struct fluss_writer {
    fluss_target *target;
    fluss_writer_options options;
    int32_t *own_targets; /* all columns but the auto-increment one, where the options say none */
    bool kv;
    int64_t writer_id; /* -1: not there yet */
    fluss_call *init_call;
    flight *flights;
    bucket_write *buckets;
    int32_t bucket_count;
    uint32_t pending;
    size_t bytes;
    slu_ipc_codec *codec;
    slu_timer *timer;
    slu_error failure;
    slu_error retried; /* why the last batch that was not stored was sent again; none since it was */
};

/* Sends what may go now. */
void writer_send(fluss_writer *writer);
void writer_id_ask(fluss_writer *writer);
/* Of slu_timer: deadlines, pauses, what was put off. */
void writer_timer_fired(void *context);
void writer_batch_free(batch *gone);
/* For who waits too long: what keeps the server from storing. */
void writer_retried_add(const fluss_writer *writer, slu_error *err);

#endif
